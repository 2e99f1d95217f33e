"""Reports of runs without a camera or a model."""

from __future__ import annotations

import numpy as np

from fastscnn_edge.runtime.board.board import BoardState, read_board
from fastscnn_edge.runtime.board.memory import Memory
from fastscnn_edge.runtime.pipeline.meter import Meter
from fastscnn_edge.runtime.pipeline.pipeline import segment_frames, warm_up
from fastscnn_edge.runtime.pipeline.segmenter import Segmenter
from fastscnn_edge.runtime.report.report import Report, ReportModel, ReportSource, engine_facts
from fastscnn_edge.testing.fakes import FakeEngine, FakeSource
from tests.helpers import random_image
from tests.helpers.tiny import spec

UNKNOWN = Memory(None, None, None, None)

STATE = BoardState(0.0, (), (), {}, None, None)


def run(frames: int, **options) -> tuple[Meter, Segmenter, list[str]]:
    logits = np.random.default_rng(0).integers(-99, 99, (8, 12, 11)).astype(np.int8)
    segmenter, meter, drawn = Segmenter(engine=FakeEngine(spec(), logits)), Meter(), []
    warm_up(segmenter, meter, 2)
    with FakeSource([random_image(64, 96)] * frames) as source:
        segment_frames(source, segmenter, meter, lambda result: drawn.append(result.frame.name), **options)
    return meter, segmenter, drawn


def report(meter: Meter, segmenter: Segmenter) -> Report:
    return Report(
        created="2030-01-01T00:00:00+00:00",
        command=("--camera", "0"),
        stopped_by=None,
        model=ReportModel("m.tflite", 10, "ab" * 32, segmenter.spec),
        engine=engine_facts(segmenter.engine),
        source=ReportSource("camera", "/dev/video0", None, 0),
        meter=meter,
        board=read_board(),
        states=(STATE, STATE),
        memory_before=UNKNOWN,
        memory_after=UNKNOWN,
    )
