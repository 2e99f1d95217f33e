"""Test for memory leaks: the resident size over thousands of frames, from the camera to files.

    python device_tests/soak.py                      # 10,000 frames of a simulated camera
    python device_tests/soak.py --camera 0           # of this board's camera
    python device_tests/soak.py --frames 100000 --format YUYV

Prints one JSON line. Exit status 1 if the process has grown by a mebibyte or more between the end of warm-up and the
end. The simulated camera is a driver in Python (``testing/v4l2.py``), so everything after the system calls
is the real thing: negotiation, decoding, the network, masks, overlays written as JPEG and PNG.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from fastscnn_edge import Segmenter
from fastscnn_edge.runtime.board.memory import read_memory
from fastscnn_edge.runtime.cameras.address import open_camera, parse
from fastscnn_edge.runtime.cameras.v4l2.camera import V4L2Camera
from fastscnn_edge.runtime.cameras.v4l2.modes import Mode, ModeRequest
from fastscnn_edge.runtime.frames import SegmentedFrame
from fastscnn_edge.runtime.pipeline.meter import Meter
from fastscnn_edge.runtime.pipeline.pipeline import segment_frames, warm_up
from fastscnn_edge.runtime.sinks.result_files import ResultFiles
from fastscnn_edge.runtime.sources.base import FrameSource
from fastscnn_edge.testing.v4l2 import FakeCamera

LIMIT = 1 << 20
"""Growth in bytes that fails. Buffers, caches and the allocator's arenas settle during warm-up; what grows afterwards
grows for ever."""

WIDTH, HEIGHT = 640, 480
PACE = 1 / 120


def main(argv: Sequence[str] | None = None, also: Sequence[Callable[[SegmentedFrame], None]] = ()) -> int:
    """Run the command; returns the exit status. ``also`` receives each frame too, for a test that leaks on purpose."""
    options = _parser().parse_args(argv)
    segmenter = Segmenter(options.model)
    spec = segmenter.spec
    least = (spec.width, spec.height)
    source = (
        open_camera(parse(options.camera), ModeRequest(minimum_size=least))
        if options.camera
        else made_up(options.format, least)
    )
    sizes: list[int] = []
    meter = Meter()

    with tempfile.TemporaryDirectory() as folder, source:
        writer = ResultFiles(Path(folder), spec.classes, moving=True)

        def write(result: SegmentedFrame) -> None:
            # Thousands of files are not needed.
            writer.write(result._replace(frame=result.frame._replace(name=f"frame_{len(sizes) % 10}")))
            for sink in also:
                sink(result)
            sizes.append(read_memory().rss or 0)

        warm_up(segmenter, meter, 3)
        segment_frames(source, segmenter, meter, write, limit=options.frames)
    result = {"frames": meter.frames, "drawn": len(sizes), "dropped": meter.dropped, **growth(sizes)}
    passed = result["growth"] < LIMIT
    print(json.dumps({"passed": passed, "camera": source.mode, **result}))
    return 0 if passed else 1


def growth(sizes: Sequence[int]) -> dict[str, int]:
    """Growth in bytes from the tenth after warm-up (the first fifth) to the last tenth, by their medians."""
    tenth = max(1, len(sizes) // 10)
    settled = int(statistics.median(sizes[2 * tenth : 3 * tenth] or sizes))
    end = int(statistics.median(sizes[-tenth:]))
    return {"settled": settled, "end": end, "growth": end - settled}


def made_up(format: str, least: tuple[int, int]) -> FrameSource:
    """A camera with a moving image of stripes, in ``YUYV`` or ``MJPG``."""
    frames = []
    for shift in range(0, 64, 8):
        ramp = np.add.outer(np.arange(HEIGHT), np.arange(WIDTH) + shift).astype(np.uint8)
        if format == "YUYV":
            frames.append(np.stack([ramp, np.full_like(ramp, 128)], -1).tobytes())
        else:
            stream = io.BytesIO()
            Image.fromarray(np.stack([ramp, ramp[::-1], 255 - ramp], -1)).save(stream, "JPEG")
            frames.append(stream.getvalue())
    camera = FakeCamera([Mode(format, WIDTH, HEIGHT, (120.0,))], frames, pace=PACE)
    return V4L2Camera(Path("/dev/video0"), ModeRequest(minimum_size=least), open_device=camera.open)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Run for long and see whether memory grows.")
    parser.add_argument("--frames", type=int, default=10_000, metavar="N", help="default: 10000")
    parser.add_argument("--camera", metavar="CAMERA", help="as of fastscnn-edge run; default: a made-up one")
    parser.add_argument("--format", choices=("MJPG", "YUYV"), default="MJPG", help="of the made-up camera")
    parser.add_argument("--model", type=Path, metavar="PATH", help="default: the bundled one")
    return parser


if __name__ == "__main__":
    sys.exit(main())
