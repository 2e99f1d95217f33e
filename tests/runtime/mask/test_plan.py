"""The lazy mask against exact rational arithmetic, and against torch."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastscnn_edge.runtime.mask import cells as mask_cells
from fastscnn_edge.runtime.mask import plan as mask
from fastscnn_edge.runtime.mask import tiles as mask_tiles
from fastscnn_edge.runtime.mask.plan import MaskPlan, class_map


def weights(points: int, size: int, align_corners: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """(low, high, numerator of high's weight, denominator), straight from the definition."""
    pixel = np.arange(size)
    if align_corners:
        numerator, denominator = pixel * (points - 1), max(size - 1, 1)
    else:
        numerator, denominator = np.maximum((2 * pixel + 1) * points - size, 0), 2 * size
    low = numerator // denominator
    return low, np.minimum(low + 1, points - 1), numerator % denominator, denominator


def interpolate(logits: np.ndarray, size: tuple[int, int], align_corners: bool) -> np.ndarray:
    """[h, w, C] -> [H, W, C] times a constant; exact for integer logits."""
    wide = logits.astype(np.float64 if logits.dtype == np.float32 else np.int64)
    y0, y1, fy, dy = weights(logits.shape[0], size[0], align_corners)
    x0, x1, fx, dx = weights(logits.shape[1], size[1], align_corners)
    fy, fx = fy[:, None, None], fx[:, None]
    top = wide[y0][:, x0] * (dx - fx) + wide[y0][:, x1] * fx
    bottom = wide[y1][:, x0] * (dx - fx) + wide[y1][:, x1] * fx
    return top * (dy - fy) + bottom * fy


def torch_logits(logits: np.ndarray, size: tuple[int, int], align_corners: bool, double: bool) -> np.ndarray:
    torch = pytest.importorskip("torch", reason="the reference for interpolation is torch")
    planes = torch.from_numpy(logits.astype(np.float64 if double else np.float32)).permute(2, 0, 1)[None]
    out = torch.nn.functional.interpolate(planes, size, mode="bilinear", align_corners=align_corners)
    return out[0].permute(1, 2, 0).numpy()


def margin(logits: np.ndarray) -> np.ndarray:
    """Distance between the best two classes, [H, W]; infinite for one class."""
    if logits.shape[2] == 1:
        return np.full(logits.shape[:2], np.inf)
    best = np.partition(logits, -2, axis=2)
    return best[..., -1] - best[..., -2]


@st.composite
def cases(draw: st.DrawFn, dtype: type) -> tuple[np.ndarray, tuple[int, int], bool]:
    height, width, classes = draw(st.integers(1, 7)), draw(st.integers(1, 7)), draw(st.integers(1, 6))
    if draw(st.booleans()):
        size = (height * draw(st.sampled_from([2, 8, 16])), width * draw(st.sampled_from([8, 16])))
    else:
        size = (draw(st.integers(1, 45)), draw(st.integers(1, 45)))
    spread = draw(st.sampled_from([1, 3, 127]))  # few values make many ties
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if dtype is np.int8:
        logits = rng.integers(-spread - 1, spread + 1, (height, width, classes)).astype(np.int8)
    else:
        logits = rng.normal(0, spread, (height, width, classes)).astype(np.float32)
    return logits, size, draw(st.booleans())


@settings(max_examples=200, deadline=None)
@given(cases(np.int8))
def test_int8_equals_exact_arithmetic_on_every_pixel(case: tuple[np.ndarray, tuple[int, int], bool]) -> None:
    np.testing.assert_array_equal(class_map(*case), interpolate(*case).argmax(axis=2))


@settings(max_examples=100, deadline=None)
@given(cases(np.int8))
def test_int8_equals_torch_where_torch_is_certain(case: tuple[np.ndarray, tuple[int, int], bool]) -> None:
    expected = torch_logits(*case, double=True)
    certain = margin(expected) > 1e-9
    np.testing.assert_array_equal(class_map(*case)[certain], expected.argmax(axis=2)[certain])


@settings(max_examples=100, deadline=None)
@given(cases(np.float32))
def test_float_equals_torch_outside_rounding(case: tuple[np.ndarray, tuple[int, int], bool]) -> None:
    expected = torch_logits(*case, double=False)
    certain = margin(expected) > 1e-4 * max(1.0, float(np.abs(expected).max()))
    np.testing.assert_array_equal(class_map(*case)[certain], expected.argmax(axis=2)[certain])


@pytest.mark.parametrize("dtype", [np.int8, np.float32])
@pytest.mark.parametrize("align_corners", [False, True])
def test_a_street_sized_map_equals_torch(dtype: type, align_corners: bool) -> None:
    rng = np.random.default_rng(3)
    smooth = rng.normal(0, 30, (6, 8, 19)).repeat(8, axis=0).repeat(8, axis=1)[:45, :60]
    logits = np.clip(smooth + rng.normal(0, 5, smooth.shape), -128, 127).astype(dtype)
    expected = torch_logits(logits, (360, 480), align_corners, double=True)
    certain = margin(expected) > 1e-4
    assert certain.mean() > 0.99
    np.testing.assert_array_equal(
        class_map(logits, (360, 480), align_corners)[certain], expected.argmax(axis=2)[certain]
    )


@pytest.mark.parametrize("dtype", [np.int8, np.float32])
def test_the_lowest_of_equal_classes_wins(dtype: type) -> None:
    logits = np.zeros((3, 3, 5), dtype)
    logits[..., 2:4] = 7
    assert (class_map(logits, (24, 24), False) == 2).all()


def test_extreme_int8_values_do_not_overflow() -> None:
    logits = np.full((2, 2, 2), -128, np.int8)
    logits[0, 0, 0] = logits[1, 1, 1] = 127
    # Small denominators, ones beyond float32, and the largest cells whose sums float32 holds.
    for size, align_corners in (((16, 16), True), ((1999, 3001), True), ((256, 256), False)):
        plan = MaskPlan((2, 2), size, align_corners)
        np.testing.assert_array_equal(plan.run(logits), interpolate(logits, size, align_corners).argmax(axis=2))


@pytest.mark.parametrize(("denominators", "dtype"), [(256, np.float32), (1 << 20, np.int32), (1 << 30, np.float64)])
def test_the_cheapest_exact_type_is_chosen(denominators: int, dtype: type) -> None:
    assert mask_cells.exact_dtype(denominators) is dtype


@pytest.mark.parametrize("chunk", [1, 7, 64, 640])
@pytest.mark.parametrize("size", [(57, 48), (40, 48)])
def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch, chunk: int, size: tuple[int, int]) -> None:
    logits = np.random.default_rng(0).integers(-9, 9, (5, 6, 4)).astype(np.int8)
    whole = class_map(logits, size, False)
    for module in (mask, mask_cells, mask_tiles):
        monkeypatch.setattr(module, "CHUNK", chunk)
    np.testing.assert_array_equal(class_map(logits, size, False), whole)


@pytest.mark.parametrize(
    ("grid", "size", "align_corners", "alike"),
    [
        ((45, 60), (360, 480), False, True),
        ((45, 60), (720, 1920), False, True),
        ((3, 5), (6, 40), False, True),
        ((1, 1), (128, 128), False, True),
        ((1, 1), (128, 136), False, False),  # its sums would round in float32
        ((45, 60), (480, 640), False, False),
        ((45, 60), (360, 480), True, False),
        ((3, 5), (9, 40), False, False),
        ((3, 5), (24, 20), False, False),
        ((8, 8), (4, 4), False, False),
    ],
)
def test_which_sizes_have_cells_that_are_all_alike(
    grid: tuple[int, int], size: tuple[int, int], align_corners: bool, alike: bool
) -> None:
    assert mask_tiles.fits(grid, size, align_corners) is alike


@pytest.mark.parametrize("size", [(6, 40), (48, 80), (24, 120)])
def test_both_painters_agree(monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]) -> None:
    """Also for float32 logits, of which these sums are exact."""
    logits = np.random.default_rng(1).integers(-20, 20, (3, 5, 6)).astype(np.int8)
    alike = [class_map(values, size, False) for values in (logits, logits.astype(np.float32))]
    monkeypatch.setattr(mask, "fits", lambda *_: False)
    np.testing.assert_array_equal(alike[0], class_map(logits, size, False))
    np.testing.assert_array_equal(alike[1], alike[0])


def test_temporary_memory_stays_far_below_interpolated_logits() -> None:
    logits = np.random.default_rng(0).normal(0, 9, (64, 128, 19)).astype(np.float32)  # every cell mixed
    plan, out = MaskPlan((64, 128), (512, 1024), False), np.empty((512, 1024), np.uint8)
    plan.run(logits, out)
    tracemalloc.start()
    plan.run(logits, out)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 512 * 1024 * 19 * 4 / 5


def test_a_plan_serves_many_frames_and_writes_in_place() -> None:
    plan, out = MaskPlan((4, 5), (32, 40), False), np.empty((32, 40), np.uint8)
    for seed in range(3):
        logits = np.random.default_rng(seed).integers(-99, 99, (4, 5, 3)).astype(np.int8)
        assert plan.run(logits, out) is out
        np.testing.assert_array_equal(out, interpolate(logits, (32, 40), False).argmax(axis=2))


def test_a_plan_can_be_made_where_indices_have_32_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a 32-bit board numpy counts with int32 and refuses what does not fit into it safely."""
    bincount = np.bincount

    def bincount_of_32_bits(x: np.ndarray, minlength: int) -> np.ndarray:
        return bincount(x.astype(np.int32, casting="safe"), minlength=minlength).astype(np.int32)

    logits = np.random.default_rng(0).integers(-99, 99, (4, 5, 3)).astype(np.int8)
    expected = class_map(logits, (31, 40), False)
    with monkeypatch.context() as board:
        board.setattr(np, "intp", np.int32)
        board.setattr(np, "bincount", bincount_of_32_bits)
        plan = MaskPlan((4, 5), (31, 40), False)
    np.testing.assert_array_equal(plan.run(logits), expected)


@pytest.mark.parametrize(
    ("logits", "size", "words"),
    [
        (np.zeros((2, 2), np.int8), (4, 4), "shape"),
        (np.zeros((2, 2, 257), np.int8), (4, 4), "256"),
        (np.zeros((2, 2, 3), np.float64), (4, 4), "float64"),
        (np.zeros((2, 2, 3), np.int8), (0, 4), "positive"),
    ],
)
def test_wrong_arguments_are_named(logits: np.ndarray, size: tuple[int, int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        class_map(logits, size, False)
