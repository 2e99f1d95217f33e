"""Measurement of a run's peak memory: the same work as ``fastscnn-edge run``, in a process of its own."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...errors import FastSCNNEdgeError, ModelFileError, SourceError
from ...runtime.board.memory import read_memory

_SCRIPT = "import sys; from fastscnn_edge.cli.memory.probe import main; main(sys.argv[1])"

FRAMES = 12
"""Frames of a source that are segmented; all buffers are in use before."""


class Probe(NamedTuple):
    """What the process is to do.

    Attributes:
        model: path of the artifact.
        threads: for the engine.
        source: picture, folder or video; None: frames of ``camera`` or of the model's own size.
        camera: (width, height) of a simulated camera's frames.
        drawing: overlays and masks are written.
        max_side, recursive, pixel_range: as of ``run --max-size``, ``--recursive`` and ``--pixel-range``.
        blurring: all classes are blurred.
        smoothing: masks are those of a running mean.
        turn: pictures are turned upright; False for ``run --stored-orientation``.
    """

    model: str
    threads: int
    source: str | None = None
    camera: tuple[int, int] | None = None
    drawing: bool = False
    max_side: int | None = None
    recursive: bool = False
    blurring: bool = False
    smoothing: bool = False
    pixel_range: tuple[float, float] | None = None
    turn: bool = True


def measure(probe: Probe) -> dict[str, int | None]:
    """Run ``probe`` in a fresh process; returns bytes ``before`` the model was loaded and at the ``peak``.

    Raises:
        ModelFileError: the process failed, or the model cannot be used.
        SourceError: the source cannot be used.
    """
    command = [sys.executable, "-c", _SCRIPT, json.dumps(probe._asdict())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ModelFileError(f"{probe.model} could not be run: {reason}")
    found: dict[str, Any] = json.loads(done.stdout)
    if "error" in found:
        raise (SourceError if probe.source else ModelFileError)(found["error"])
    return found


def main(text: str) -> None:
    """Do what a :class:`Probe` as JSON says, in this process, and print its memory as JSON."""
    probe = Probe(**json.loads(text))
    found: dict[str, Any]
    try:
        found = _run(probe) if probe.source or probe.camera else predict(probe.model, probe.threads)
    except FastSCNNEdgeError as error:
        found = {"error": str(error)}
    print(json.dumps(found))


def predict(model: str, threads: int) -> dict[str, int | None]:
    """Segment three frames in this process; returns its peak and its size before loading, in bytes.

    Imports what ``fastscnn-edge run`` imports, since that is the starting point of an estimate made there.
    """
    from ...runtime.pipeline.segmenter import Segmenter

    importlib.import_module("fastscnn_edge.commands.run")
    before = read_memory().rss
    segmenter = Segmenter(model, threads)
    frame = np.zeros((segmenter.spec.height, segmenter.spec.width, 3), np.uint8)
    frame[::7, ::5] = 200  # touches the pages, and gives more than one class: a uniform mask needs no memory
    for _ in range(3):
        segmenter.predict(frame)
    return {"before": before, "peak": read_memory().peak_rss}


def _run(probe: Probe) -> dict[str, int | None]:
    from ...runtime.frames import SegmentedFrame
    from ...runtime.pipeline.meter import Meter
    from ...runtime.pipeline.pipeline import segment_frames, warm_up
    from ...runtime.pipeline.segmenter import Segmenter
    from ...runtime.pipeline.smoothing import LogitMean
    from ...runtime.sinks.blur import Blur
    from ...runtime.sinks.result_files import ResultFiles

    importlib.import_module("fastscnn_edge.commands.run")
    camera = _camera(*probe.camera) if probe.camera else None
    before = read_memory().rss
    segmenter = Segmenter(probe.model, probe.threads)
    meter = Meter()
    with tempfile.TemporaryDirectory() as folder, camera or _source(probe) as source:
        warm_up(segmenter, meter, 3)
        blur = Blur(frozenset(range(len(segmenter.spec.classes))), source.live) if probe.blurring else None
        files = ResultFiles(Path(folder), segmenter.spec.classes, source.moving) if probe.drawing else None

        def write(result: SegmentedFrame) -> None:
            if blur is not None:
                result = blur(result)
            if files is not None:
                files.write(result)

        smooth = LogitMean(0.5) if probe.smoothing else None
        segment_frames(source, segmenter, meter, write, limit=FRAMES, smooth=smooth)
    return {"before": before, "peak": read_memory().peak_rss}


def _source(probe: Probe):  # type: ignore[no-untyped-def]  # a FrameSource, whose module is imported only here
    from ...runtime.images import ImageReader
    from ...runtime.sources.open import open_source

    reader = ImageReader(probe.pixel_range, probe.turn, max_side=probe.max_side)
    return open_source(str(probe.source), reader=reader, recursive=probe.recursive)


def _camera(width: int, height: int):  # type: ignore[no-untyped-def]  # likewise
    """A simulated camera of stripes, YUYV. Its driver's buffers, which a real one keeps elsewhere, count as well."""
    from ...runtime.cameras.v4l2.camera import V4L2Camera
    from ...runtime.cameras.v4l2.modes import Mode, ModeRequest
    from ...testing.v4l2 import FakeCamera

    ramp = np.add.outer(np.arange(height), np.arange(width)).astype(np.uint8)
    frame = np.stack([ramp, np.full_like(ramp, 128)], -1).tobytes()
    fake = FakeCamera([Mode("YUYV", width, height, (30.0,))], [frame], pace=1 / 30)
    return V4L2Camera(Path("/dev/video0"), ModeRequest((width, height)), open_device=fake.open)
