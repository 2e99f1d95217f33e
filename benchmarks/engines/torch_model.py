"""The reference model with upsampling and argmax, as a person with PyTorch would export it."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from fastscnn_edge.reference.checkpoint import load_checkpoint
from fastscnn_edge.reference.model import resize


class Classes(nn.Module):
    """Normalized float32 [N, 3, H, W] to uint8 [N, H, W], or to upsampled logits if not ``argmax``."""

    def __init__(self, checkpoint: Path, argmax: bool = True) -> None:
        super().__init__()
        self.model, self.argmax = load_checkpoint(checkpoint).model, argmax

    def forward(self, x: Tensor) -> Tensor:
        logits = resize(self.model(x), x.shape[2:], self.model.dialect.align_corners)
        return logits.argmax(1).to(torch.uint8) if self.argmax else logits


def fixed_pool(x: Tensor, bins: int) -> Tensor:
    """Adaptive average pooling for one size, by plain slices and means.

    torch.onnx.export writes hundreds of Gather nodes for one that does not divide, which some engines do not read and
    none runs well.
    """
    if bins == 1:  # joins of one are no operation that XNNPACK knows
        return x.mean((2, 3), keepdim=True)

    def spans(extent: int) -> list[slice]:
        return [slice(i * extent // bins, -(-(i + 1) * extent // bins)) for i in range(bins)]

    rows = [
        torch.cat([x[:, :, r, c].mean((2, 3), keepdim=True) for c in spans(x.shape[3])], 3) for r in spans(x.shape[2])
    ]
    return torch.cat(rows, 2)
