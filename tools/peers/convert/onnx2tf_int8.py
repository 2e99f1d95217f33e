"""onnx2tf's full integer quantization: argv model.onnx calibration.npz out.tflite."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from .calibration import Calibration
from .onnx2tf import convert


def spatial_axes(source: Path) -> dict[str, Any]:
    """Its parameter replacement file: the axes of the pyramid's concatenations.

    It keeps the pooled regions, [1, C, 1, 1], in NCHW, but joins them along the axis that NHWC would have, so that each
    grid of regions comes out transposed, without a warning. Channels (axis 1) it gets right.
    """
    joins = [n for n in onnx.load(source).graph.node if n.op_type == "Concat" and n.attribute[0].i != 1]
    return {
        "format_version": 1,
        "operations": [
            {"op_name": n.name, "param_target": "attributes", "param_name": "axis", "values": n.attribute[0].i}
            for n in joins
        ],
    }


def quantize(source: Path, calibration: Calibration, out: Path) -> None:
    """Write the file with integers at both ends as well."""
    with tempfile.TemporaryDirectory() as folder:
        replacements, frames = Path(folder) / "replacements.json", Path(folder) / "frames.npy"
        replacements.write_text(json.dumps(spatial_axes(source)))
        np.save(frames, calibration.frames)
        mean, std = np.float32(calibration.mean), np.float32(calibration.std)
        convert(
            source,
            out,
            "_full_integer_quant.tflite",
            param_replacement_file=str(replacements),
            output_integer_quantized_tflite=True,
            custom_input_op_name_np_data_path=[["image", str(frames), mean, std]],
        )


if __name__ == "__main__":
    quantize(Path(sys.argv[1]), Calibration.read(sys.argv[2]), Path(sys.argv[3]))
