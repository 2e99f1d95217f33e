"""The frames of a benchmark are the same everywhere."""

from __future__ import annotations

import hashlib
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from fastscnn_edge.bench.frames import MAX_FRAMES, frames_from, synthetic_frames
from fastscnn_edge.errors import SourceError


def test_drawn_frames_are_the_same_bytes_on_every_machine() -> None:
    frames = synthetic_frames(90, 120)
    digest = hashlib.sha256(b"".join(frame.tobytes() for frame in frames)).hexdigest()
    assert digest[:16] == "858ee3c21dcc0dba"


@pytest.mark.parametrize("size", [(32, 32), (33, 61), (360, 480)])
def test_they_have_the_size_asked_for_and_differ(size: tuple[int, int]) -> None:
    frames = synthetic_frames(*size)
    assert all(frame.shape == (*size, 3) and frame.dtype == np.uint8 for frame in frames)
    assert len({frame.tobytes() for frame in frames}) == len(frames)


def test_drawing_needs_little_more_than_the_picture() -> None:
    synthetic_frames(32, 32, 1)
    tracemalloc.start()
    image = synthetic_frames(1024, 2048, 1)[0]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < image.nbytes + (8 << 20)


def test_the_first_frames_of_a_source(image: Path, video: Path, tmp_path: Path) -> None:
    (frame,) = frames_from(image)
    assert frame.shape == (90, 120, 3)
    assert len(frames_from(video)) == min(5, MAX_FRAMES)
    assert len(frames_from(video, limit=2)) == 2
    with pytest.raises(SourceError):
        frames_from(tmp_path / "absent.png")
