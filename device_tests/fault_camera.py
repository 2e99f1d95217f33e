"""``fastscnn-edge run`` with a simulated webcam that is unplugged while a file exists; started by faults.py.

    python device_tests/fault_camera.py GONE PACE --camera 0 ...

GONE is the file, PACE the seconds between two frames; what follows are options of ``fastscnn-edge run``. The camera is
a driver in Python (``testing/v4l2.py``): everything after the system calls is the real thing.
"""

from __future__ import annotations

import errno
import io
import signal
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from fastscnn_edge.cli import inputs
from fastscnn_edge.cli.main import main as fastscnn_edge
from fastscnn_edge.runtime.cameras.reconnect import Reconnecting
from fastscnn_edge.runtime.cameras.v4l2.camera import V4L2Camera
from fastscnn_edge.runtime.cameras.v4l2.modes import Mode
from fastscnn_edge.testing.v4l2 import FakeCamera, FakeDevice

WIDTH, HEIGHT = 640, 480


class Unplugged(FakeDevice):
    """A device that is gone as soon as, and for as long as, ``gone`` exists."""

    def __init__(self, path: Path, camera: FakeCamera, gone: Path) -> None:
        super().__init__(path, camera)
        self._file = gone

    def wait(self, seconds: float) -> bool:
        self._gone = self._gone or self._file.exists()
        return super().wait(seconds)


def webcam(pace: float) -> FakeCamera:
    """A camera with a moving image of stripes."""
    frames = []
    for shift in range(0, 64, 8):
        ramp = np.add.outer(np.arange(HEIGHT), np.arange(WIDTH) + shift).astype(np.uint8)
        stream = io.BytesIO()
        Image.fromarray(np.stack([ramp, ramp[::-1], 255 - ramp], -1)).save(stream, "JPEG")
        frames.append(stream.getvalue())
    return FakeCamera([Mode("MJPG", WIDTH, HEIGHT, (1 / pace,))], frames, pace=pace)


def main(argv: list[str]) -> int:
    """Run the command; returns its exit status."""
    # Under nohup the SIGHUP that faults.py sends would be ignored.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    gone, camera = Path(argv[0]), webcam(float(argv[1]))

    def open_device(path: Path) -> FakeDevice:
        if gone.exists():
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        return Unplugged(path, camera, gone)

    def open_camera(_address, request, seconds, warn, waiting):  # type: ignore[no-untyped-def]
        source = V4L2Camera(Path("/dev/video0"), request, open_device=open_device, warn=warn)
        return Reconnecting(source, seconds, warn, waiting)

    vars(inputs)["open_camera"] = open_camera
    return fastscnn_edge(["run", *argv[2:]])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
