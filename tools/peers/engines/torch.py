"""PyTorch: the reference model in evaluation mode, eager or compiled; upsampling and argmax by torch too."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .common import FrameFormat, Segment


def load(model: Path, threads: int, frame_format: FrameFormat, compiled: bool = False) -> Segment:
    import torch

    from ..reference_model import WholeModel, load_model

    torch.set_num_threads(threads)
    network = WholeModel(load_model(model))
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's stubs
    run = torch.compile(network) if compiled else network
    mean = torch.tensor(frame_format.mean).view(1, 3, 1, 1)
    factor = 1 / torch.tensor(frame_format.std).view(1, 3, 1, 1)

    @torch.inference_mode()
    def segment(frame: np.ndarray) -> np.ndarray:
        pixels = torch.from_numpy(frame).permute(2, 0, 1)[None]
        classes: np.ndarray = run((pixels - mean) * factor)[0].numpy()
        return classes

    return segment
