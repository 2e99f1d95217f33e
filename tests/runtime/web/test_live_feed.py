"""The newest overlay for viewers."""

from __future__ import annotations

import io
import threading
import time

import numpy as np
import pytest
from PIL import Image

from fastscnn_edge.classes import CAMVID
from fastscnn_edge.runtime.frames import SegmentedFrame
from fastscnn_edge.runtime.sinks.overlay import blend
from fastscnn_edge.runtime.web import live_feed
from fastscnn_edge.runtime.web.live_feed import LiveFeed, encode
from tests.helpers import random_image, segmented

CLASSES = np.full((48, 64), 3, np.uint8)


def frame(seed: int = 0) -> SegmentedFrame:
    return segmented(random_image(48, 64, seed), CLASSES, f"frame_{seed}")


@pytest.fixture
def encodings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows with each picture that is encoded."""
    done: list[int] = []

    def counted(*arguments: object) -> bytes:
        done.append(1)
        return encode(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(live_feed, "encode", counted)
    return done


def test_nothing_is_encoded_while_nobody_watches(encodings: list[int]) -> None:
    feed = LiveFeed(CAMVID)
    for seed in range(5):
        feed.show(frame(seed))
    assert not encodings


def test_once_for_all_viewers_and_the_newest_wins(encodings: list[int]) -> None:
    feed = LiveFeed(CAMVID)
    assert feed.jpeg(0, 0.01) is None
    for seed in range(5):
        feed.show(frame(seed))
    got: list[tuple[int, bytes] | None] = []
    viewers = [threading.Thread(target=lambda: got.append(feed.jpeg(0, 5))) for _ in range(8)]
    for viewer in viewers:
        viewer.start()
    for viewer in viewers:
        viewer.join()
    assert len(encodings) == 1
    assert len(set(got)) == 1
    assert got[0] is not None and got[0][0] == 5


def test_a_viewer_waits_for_the_next_and_is_woken_by_the_end() -> None:
    feed = LiveFeed(CAMVID)
    feed.show(frame())
    assert feed.jpeg(1, 0.01) == feed.jpeg(0, 0.01)  # the last again after the timeout
    threading.Timer(0.1, feed.show, (frame(1),)).start()
    newer = feed.jpeg(1, 30)
    assert newer is not None and newer[0] == 2
    threading.Timer(0.1, feed.close).start()
    began = time.monotonic()
    assert feed.jpeg(2, 30) is None
    assert time.monotonic() - began < 20
    assert not feed.pause(30)


@pytest.mark.parametrize(
    ("size", "expected"), [((48, 64), (64, 48)), ((101, 2701), (901, 34)), ((720, 1280), (1280, 720))]
)
def test_wide_frames_shrink(size: tuple[int, int], expected: tuple[int, int]) -> None:
    rgb = random_image(*size)
    class_map = np.random.default_rng(0).integers(0, 11, size).astype(np.uint8)
    with Image.open(io.BytesIO(encode(segmented(rgb, class_map), CAMVID))) as image:
        assert (image.format, image.size) == ("JPEG", expected)


def test_the_picture_is_the_overlay() -> None:
    rgb = random_image(48, 64)
    with Image.open(io.BytesIO(encode(segmented(rgb, CLASSES), CAMVID))) as image:
        assert np.abs(np.asarray(image).astype(int) - blend(rgb, CLASSES, CAMVID)).mean() < 8


def test_a_shrunk_picture_has_its_classes_in_place() -> None:
    """A frame wider than the page is shrunk: the class map must shrink with it, not be cut off."""
    rgb, class_map = np.full((800, 2560, 3), 90, np.uint8), np.zeros((800, 2560), np.uint8)
    class_map[:, 1280:] = 3
    with Image.open(io.BytesIO(encode(segmented(rgb, class_map), CAMVID))) as image:
        shown = np.asarray(image).astype(int)
    assert shown.shape == (400, 1280, 3)
    for half, label in ((shown[:, 8:632], 0), (shown[:, 648:-8], 3)):
        expected = blend(rgb[:1, :1], np.full((1, 1), label, np.uint8), CAMVID)[0, 0]
        assert np.abs(half - expected).max() < 12
