"""ExecuTorch with XNNPACK: logits on the 1/8 grid from the graph, upsampling and argmax by torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .common import FrameFormat, Segment


def load(model: Path, threads: int, frame_format: FrameFormat) -> Segment:
    import torch
    import torch.nn.functional as F
    from executorch.extension.pybindings.portable_lib import _unsafe_reset_threadpool
    from executorch.runtime import Runtime

    torch.set_num_threads(threads)
    _unsafe_reset_threadpool(threads)  # Python's only way; before anything is loaded it is safe
    program = Runtime.get().load_program(str(model))
    align_corners = bool(program.load_method("align_corners").execute(())[0])
    forward = program.load_method("forward")
    # PyTorch upsamples logits faster in this order with one thread, in the other with two.
    order = torch.channels_last if threads == 1 else torch.contiguous_format
    mean, factor = torch.tensor(frame_format.mean), 1 / torch.tensor(frame_format.std)

    @torch.inference_mode()
    def segment(frame: np.ndarray) -> np.ndarray:
        pixels = ((torch.from_numpy(frame) - mean) * factor)[None].permute(0, 3, 1, 2)
        logits = forward.execute((pixels,))[0].to(memory_format=order)
        upsampled = F.interpolate(logits, frame.shape[:2], mode="bilinear", align_corners=align_corners)
        # The same as argmax, which takes longer; the first of equals in both.
        classes: np.ndarray = upsampled.max(1).indices[0].to(torch.uint8).numpy()
        return classes

    return segment
