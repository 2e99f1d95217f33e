"""Running means of logits: weights by time, exact masks, and when they begin anew."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastscnn_edge.runtime.frames import Frame
from fastscnn_edge.runtime.mask.plan import class_map
from fastscnn_edge.runtime.pipeline.meter import Meter
from fastscnn_edge.runtime.pipeline.pipeline import segment_frames
from fastscnn_edge.runtime.pipeline.segmenter import Segmenter
from fastscnn_edge.runtime.pipeline.smoothing import FORGOTTEN, LogitMean
from fastscnn_edge.testing.fakes import FakeEngine, FakeSource
from tests.helpers import random_image
from tests.helpers.tiny import spec

RGB = np.zeros((64, 96, 3), np.uint8)


def frame(seconds: float, rgb: np.ndarray = RGB, at: float | None = None) -> Frame:
    return Frame(rgb, "f", seconds, at)


def logits(seed: int, dtype: type = np.int8) -> np.ndarray:
    return np.random.default_rng(seed).integers(-128, 128, (8, 12, 11)).astype(dtype)


@given(st.lists(st.floats(0, 2), min_size=1, max_size=8), st.floats(0.5, 3), st.sampled_from([np.int8, np.float32]))
def test_each_frame_counts_by_the_time_since_the_one_before(gaps: list[float], constant: float, dtype: type) -> None:
    mean, now = LogitMean(constant), 100.0
    expected = logits(0, dtype).astype(np.float64)
    mean.update(frame(now), logits(0, dtype))
    for seed, gap in enumerate(gaps, start=1):
        now += gap
        found = mean.update(frame(now), logits(seed, dtype))
        left = math.exp(-gap / constant)
        expected = left * expected + (1 - left) * logits(seed, dtype)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, atol=1e-3)


def test_twice_the_frame_rate_gives_the_same_mean() -> None:
    slow, fast = LogitMean(0.4), LogitMean(0.4)
    for mean, step in ((slow, 0.2), (fast, 0.1)):
        mean.update(frame(0.0), logits(0))
        for number in range(1, round(1 / step) + 1):
            found = mean.update(frame(number * step), logits(1))
        assert np.abs(found - (logits(1) + math.exp(-1 / 0.4) * (logits(0).astype(float) - logits(1)))).max() < 1e-3


def test_a_video_counts_by_position_and_not_by_how_fast_it_is_read() -> None:
    one, other = LogitMean(1), LogitMean(1)
    for number in range(3):
        a = one.update(frame(number * 0.001, at=number * 0.5), logits(number))
        b = other.update(frame(number * 0.5), logits(number))
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "after", [frame(FORGOTTEN * 0.5 + 1.01), frame(0.99), frame(1.1, RGB[:32])], ids=["gap", "back", "other size"]
)
def test_it_begins_anew(after: Frame) -> None:
    mean = LogitMean(0.5)
    mean.update(frame(1.0), logits(0))
    np.testing.assert_array_equal(mean.update(after, logits(1)), logits(1))


def test_just_before_a_long_gap_it_goes_on() -> None:
    mean = LogitMean(0.5)
    mean.update(frame(1.0), logits(0))
    assert (mean.update(frame(1.0 + FORGOTTEN * 0.5 - 0.01), logits(1)) != logits(1)).any()


def test_cameras_have_a_mean_each() -> None:
    both, left, right = LogitMean(0.5), LogitMean(0.5), LogitMean(0.5)
    for number in range(6):
        alone = left if number % 2 else right
        one = frame(number / 10)._replace(camera=f"camera {number % 2}")
        np.testing.assert_array_equal(both.update(one, logits(number)), alone.update(one, logits(number)))


def test_memory_is_constant() -> None:
    mean = LogitMean(0.5)
    kept = mean.update(frame(0.0), logits(0))
    assert all(mean.update(frame(second / 10), logits(second)) is kept for second in range(1, 30))


def test_a_time_constant_is_positive() -> None:
    for wrong in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match="time constant is above 0"):
            LogitMean(wrong)


class Flicker(FakeEngine):
    """Two different results by turns."""

    turn = 0

    def logits(self) -> np.ndarray:
        self.turn += 1
        return logits(self.turn % 2)


def test_masks_of_a_run_are_exact_for_the_mean_and_flicker_less() -> None:
    drawn: dict[bool, list[np.ndarray]] = {False: [], True: []}
    times: list[float] = []
    for smoothed, masks in drawn.items():

        def write(result, masks=masks):
            masks.append(result.class_map.copy())
            times.append(result.frame.captured_at)

        times.clear()
        with FakeSource([random_image(64, 96)] * 12) as source:
            segmenter = Segmenter(engine=Flicker(spec(), logits(0)))
            segment_frames(source, segmenter, Meter(), write, smooth=LogitMean(0.5) if smoothed else None)
    again = LogitMean(0.5)
    for number, mask in enumerate(drawn[True], start=1):
        expected = again.update(frame(times[number - 1]), logits(number % 2))
        np.testing.assert_array_equal(mask, class_map(expected, (64, 96), align_corners=False))
    changes = {kind: np.mean([(a != b).mean() for a, b in pairwise(m)]) for kind, m in drawn.items()}
    assert changes[True] < 0.5 * changes[False]
