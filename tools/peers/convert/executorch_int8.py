"""ExecuTorch's INT8 flow for XNNPACK as its guide has it: argv checkpoint calibration.npz out.pte.

The model takes normalized float32 [1, 3, H, W], channels last, and ends in logits on the 1/8 grid: XNNPACK has no
argmax, and its upsampling with ExecuTorch's own argmax after it takes twice as long as PyTorch for both.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

from ..reference_model import load_for_export
from .calibration import Calibration


def quantize(checkpoint: Path, calibration: Calibration, out: Path) -> None:
    """Write ``out`` with the methods ``forward`` and ``align_corners``."""
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
        XNNPACKQuantizer,
        get_symmetric_quantization_config,
    )
    from executorch.exir import to_edge_transform_and_lower
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    def channels_last(frame: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(calibration.pixels(frame))[None].permute(0, 3, 1, 2)

    model = load_for_export(checkpoint)
    example = (channels_last(calibration.frames[0]),)
    with torch.no_grad():
        quantizer = XNNPACKQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True))
        observed = prepare_pt2e(torch.export.export(model, example).module(), quantizer)
        for frame in calibration.frames:
            observed(channels_last(frame))
        exported = torch.export.export(convert_pt2e(observed), example)
    edge = to_edge_transform_and_lower(
        exported, partitioner=[XnnpackPartitioner()], constant_methods={"align_corners": model.dialect.align_corners}
    )
    out.write_bytes(edge.to_executorch().buffer)


if __name__ == "__main__":
    quantize(Path(sys.argv[1]), Calibration.read(sys.argv[2]), Path(sys.argv[3]))
