"""One quantized network in every engine."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fastscnn_edge.cli.main import main
from fastscnn_edge.export.compare.engines import FLOAT, Tally


def test_reference_kernels_are_the_evaluator(quantized: Path, tiny_dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "engines.json"
    assert (
        main(
            [
                "compare-engines",
                "--checkpoint",
                str(quantized),
                "--pictures",
                str(tiny_dataset / "val/images"),
                "--json",
                str(out),
            ]
        )
        == 0
    )
    report = json.loads(out.read_text())
    assert report["pictures"] == 2
    engines = report["engines"]
    assert engines["LiteRT, reference kernels"] == {
        "largest": 0,
        "rms": 0,
        "differing": 0,
        "beyond_one": 0,
        "same_class": 1,
    }
    assert len(engines) == 5
    assert all(row["same_class"] > 0.7 for row in engines.values())
    # Random weights carry a step's rounding on to the next layers grown, so the kernels differ by more than usual.
    assert all(row["rms"] <= 2 * engines[FLOAT]["rms"] for row in engines.values())


logits = hnp.arrays(np.int8, (1, 3, 4, 5))


@given(first=logits, second=logits)
def test_tally_counts_what_numpy_counts(first: np.ndarray, second: np.ndarray) -> None:
    tally = Tally()
    tally.add(first, second)
    tally.add(second, second)
    row = tally.summary()
    gap = np.abs(first.astype(int) - second.astype(int))
    assert row.largest == gap.max()
    assert row.rms == pytest.approx(np.sqrt((gap**2).mean() / 2))
    assert row.differing == pytest.approx((gap > 0).mean() / 2)
    assert row.beyond_one == pytest.approx((gap > 1).mean() / 2)
    assert row.same_class == pytest.approx(((first.argmax(-1) == second.argmax(-1)).mean() + 1) / 2)


@given(value=st.integers(-128, 127))
def test_extremes_do_not_wrap(value: int) -> None:
    tally = Tally()
    tally.add(np.full((1, 1, 1, 2), value, np.int8), np.full((1, 1, 1, 2), -128, np.int8))
    assert tally.summary().largest == value + 128
