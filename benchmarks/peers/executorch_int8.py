"""ExecuTorch's INT8 flow for XNNPACK as its guide has it: argv checkpoint calibration.npy mean/std-JSON out.pte.

Calibration pictures are uint8 [N, H, W, 3]; the model takes normalized float32 [1, 3, H, W], channels last, and ends in
logits on the 1/8 grid: XNNPACK has no argmax, and its upsampling with ExecuTorch's own argmax after it takes twice as
long as PyTorch for both.
"""

import json
import sys
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
import torch.nn.functional as F
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import XNNPACKQuantizer, get_symmetric_quantization_config
from executorch.exir import to_edge_transform_and_lower
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

sys.path.append(str(Path(__file__).resolve().parents[2]))  # it starts from the reference model
from benchmarks.engines.torch_model import fixed_pool
from fastscnn_edge.reference.checkpoint import load_checkpoint

checkpoint, pictures, facts, out = sys.argv[1:]
mean, std = (np.array(v, np.float32) for v in json.loads(facts))
frames = np.load(pictures)


def prepare(frame: np.ndarray) -> torch.Tensor:
    return torch.from_numpy((frame - mean) / std)[None].permute(0, 3, 1, 2)


model = load_checkpoint(Path(checkpoint)).model.eval()
example = (prepare(frames[0]),)
with torch.no_grad(), patch.object(F, "adaptive_avg_pool2d", fixed_pool):
    quantizer = XNNPACKQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True))
    observed = prepare_pt2e(torch.export.export(model, example).module(), quantizer)
    for frame in frames:
        observed(prepare(frame))
    exported = torch.export.export(convert_pt2e(observed), example)
edge = to_edge_transform_and_lower(
    exported, partitioner=[XnnpackPartitioner()], constant_methods={"align_corners": model.dialect.align_corners}
)
Path(out).write_bytes(edge.to_executorch().buffer)
