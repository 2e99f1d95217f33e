"""onnx2tf's full integer quantization: argv model.onnx calibration.npy mean/std-JSON out.tflite.

Calibration pictures are uint8 [N, H, W, 3]; the model takes normalized float32 [1, 3, H, W], its .tflite NHWC.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnx2tf.onnx2tf as converter

# It fetches a sample picture set from the internet at start, for its own comparison; not needed here.
converter.download_test_image_data = lambda: np.zeros((20, 128, 128, 3), np.float32)
source, pictures, facts, out = sys.argv[1:]
mean, std = (np.array(v, np.float32) for v in json.loads(facts))


def spatial_axes(path: str) -> dict[str, object]:
    """Its parameter replacement file: the axes of the pyramid's joins.

    It keeps the pooled regions, [1, C, 1, 1], in NCHW, but joins them along the axis that NHWC would have: each grid
    of regions comes out transposed, without a word. Channels (axis 1) it gets right.
    """
    joins = [n for n in onnx.load(path).graph.node if n.op_type == "Concat" and n.attribute[0].i != 1]
    return {
        "format_version": 1,
        "operations": [
            {"op_name": n.name, "param_target": "attributes", "param_name": "axis", "values": n.attribute[0].i}
            for n in joins
        ],
    }


with tempfile.TemporaryDirectory() as folder:
    replacements = Path(folder) / "replacements.json"
    replacements.write_text(json.dumps(spatial_axes(source)))
    converter.convert(
        input_onnx_file_path=source,
        output_folder_path=folder,
        non_verbose=True,
        param_replacement_file=str(replacements),
        output_integer_quantized_tflite=True,
        custom_input_op_name_np_data_path=[["image", pictures, mean, std]],
    )
    shutil.copy(next(Path(folder).glob("*_full_integer_quant.tflite")), out)
