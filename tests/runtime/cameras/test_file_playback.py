"""A file in the part of a camera."""

from __future__ import annotations

import threading
import time
from itertools import pairwise
from pathlib import Path

from PIL import Image

from fastscnn_edge.runtime.cameras.address import open_camera, parse
from fastscnn_edge.runtime.cameras.v4l2.modes import ModeRequest
from tests.helpers import random_image


def test_a_video_comes_at_its_own_rate(video: Path) -> None:
    with open_camera(parse(f"file:{video}"), ModeRequest()) as source:
        frames = list(source)
    assert (source.kind, source.live, len(frames)) == ("camera", True, 5)
    times = [frame.captured_at for frame in frames]
    steps = [after - before for before, after in pairwise(times)]
    assert all(step > 0.099 for step in steps)  # ten a second; later if the machine is busy, never earlier
    assert all(time.monotonic() >= at for at in times)


def test_a_folder_comes_at_the_rate_asked_for(tmp_path: Path) -> None:
    for n in range(4):
        Image.fromarray(random_image(20, 30, n)).save(tmp_path / f"{n}.png")
    with open_camera(parse(f"file:{tmp_path}"), ModeRequest(rate=20)) as source:
        times = [frame.captured_at for frame in source]
    assert times[3] - times[0] > 0.149


def test_stopping_ends_the_wait(tmp_path: Path) -> None:
    for n in range(2):
        Image.fromarray(random_image(20, 30, n)).save(tmp_path / f"{n}.png")
    with open_camera(parse(f"file:{tmp_path}"), ModeRequest(rate=0.1)) as source:
        timer = threading.Timer(0.3, source.stop)
        timer.start()
        began = time.monotonic()
        assert len(list(source)) == 1
        assert time.monotonic() - began < 9
    timer.join()
