"""Accuracy of the timed file, read from the output of ``fastscnn-edge evaluate --json``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ...errors import UsageError


@dataclass(frozen=True)
class Accuracy:
    """mIoU of one artifact, 0..1, and the dataset and split it was measured on."""

    miou: float
    data: str
    split: str
    pictures: int


def find_accuracy(scores: Path, sha256: str) -> Accuracy:
    """Find the entry of ``scores`` for the file with this digest; a file name alone would prove nothing.

    Raises:
        UsageError: not a scores file, or it has no entry for this model.
    """
    if scores.exists() and not scores.is_file():
        raise UsageError(f"cannot read --scores {scores}: it is a folder, device or pipe")
    try:
        raw = json.loads(scores.read_bytes())
        models = {entry["sha256"]: entry for entry in raw["models"]}
        if sha256 in models:
            miou = float(models[sha256]["miou"])
            if not 0 <= miou <= 1 or not isinstance(raw["split"], str):
                raise ValueError("no share, or a split without a name")
            return Accuracy(miou, Path(raw["data"]).name, raw["split"], int(raw["pictures"]))
        names = ", ".join(Path(entry["model"]).name for entry in models.values())
    except OSError as error:
        raise UsageError(f"cannot read --scores {scores}: {error.strerror}") from error
    except (ArithmeticError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(f"--scores {scores} is not what 'fastscnn-edge evaluate --json' writes") from error
    raise UsageError(
        f"--scores {scores} does not cover this model (sha256 {sha256[:12]}...), only {names}; "
        "run: fastscnn-edge evaluate MODEL --data DIR --json FILE"
    )
