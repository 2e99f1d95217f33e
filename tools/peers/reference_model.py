"""The reference model with upsampling and argmax, as a person with PyTorch would export it."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from fastscnn_edge.reference.checkpoint import load_checkpoint
from fastscnn_edge.reference.model import FastSCNN, resize


class WholeModel(nn.Module):
    """Normalized float32 [N, 3, H, W] to class maps uint8 [N, H, W], or to upsampled logits if not ``argmax``."""

    def __init__(self, model: FastSCNN, argmax: bool = True) -> None:
        super().__init__()
        self.model, self.argmax = model, argmax

    def forward(self, x: Tensor) -> Tensor:
        logits = resize(self.model(x), x.shape[2:], self.model.dialect.align_corners)
        return logits.argmax(1).to(torch.uint8) if self.argmax else logits


def load_model(checkpoint: Path) -> FastSCNN:
    """The float model of ``checkpoint`` in evaluation mode."""
    return load_checkpoint(checkpoint).model.eval()


def load_for_export(checkpoint: Path) -> FastSCNN:
    """:func:`load_model` with its adaptive pools written out for one size by :func:`pool_by_slices`."""
    model = load_model(checkpoint)
    model.global_feature_extractor.pyramid.pool = pool_by_slices
    return model


def pool_by_slices(x: Tensor, bins: int) -> Tensor:
    """Adaptive average pooling for one size, by plain slices and means.

    torch.onnx.export writes hundreds of Gather nodes for a pool that does not divide evenly, which some engines do not
    read and none runs well.
    """
    if bins == 1:  # XNNPACK has no concatenation of one
        return x.mean((2, 3), keepdim=True)

    def spans(extent: int) -> list[slice]:
        return [slice(i * extent // bins, -(-(i + 1) * extent // bins)) for i in range(bins)]

    rows = [
        torch.cat([x[:, :, r, c].mean((2, 3), keepdim=True) for c in spans(x.shape[3])], 3) for r in spans(x.shape[2])
    ]
    return torch.cat(rows, 2)
