"""OpenVINO up to the 1/8 logits, then our mask: whether its engine would be the better one below our runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .common import FrameFormat, Segment
from .openvino import compiled


def load(model: Path, threads: int, frame_format: FrameFormat) -> Segment:
    import openvino as ov

    from fastscnn_edge.runtime.mask.plan import MaskPlan

    whole = ov.Core().read_model(model)
    resizes = [op for op in whole.get_ordered_ops() if op.get_type_name() == "Interpolate"]
    logits = resizes[-1].input(0).get_source_output()
    run = compiled(ov.Model([logits], whole.get_parameters()), threads, frame_format)
    _, _, height, width = logits.shape
    plan = MaskPlan((height, width), (frame_format.height, frame_format.width), align_corners=False)

    def segment(frame: np.ndarray) -> np.ndarray:
        return plan.run(np.ascontiguousarray(run(frame)[0].transpose(1, 2, 0)))

    return segment
