"""mIoU is found by digest, never by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fastscnn_edge.errors import UsageError
from fastscnn_edge.runtime.report.accuracy import Accuracy, find_accuracy

SCORES = {
    "data": "/data/camvid",
    "split": "val",
    "pictures": 101,
    "version": "0",
    "models": [{"model": "a.tflite", "sha256": "aa", "miou": 0.5}, {"model": "b.tflite", "sha256": "bb", "miou": 0.6}],
}


def test_the_entry_with_this_digest(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(json.dumps(SCORES))
    assert find_accuracy(tmp_path / "s.json", "bb") == Accuracy(0.6, "camvid", "val", 101)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (json.dumps(SCORES), "does not cover this model"),
        ("{", "is not what"),
        ('{"models": [{}]}', "is not what"),
        ("[]", "is not what"),
        (json.dumps(SCORES | {"models": [{"sha256": "cc", "miou": 10**400}]}), "is not what"),
        (json.dumps(SCORES | {"models": [{"sha256": "cc", "miou": float("nan")}]}), "is not what"),
        (json.dumps(SCORES | {"split": 5, "models": [{"sha256": "cc", "miou": 0.5}]}), "is not what"),
        (None, "cannot read"),
    ],
)
def test_anything_else_is_an_error(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "s.json").write_text(text)
    with pytest.raises(UsageError, match=message):
        find_accuracy(tmp_path / "s.json", "cc")
