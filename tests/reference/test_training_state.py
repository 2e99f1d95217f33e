"""What a training resumes from: read as written, refused if damaged, and compared with the options given now."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from fastscnn_edge.errors import CheckpointError
from fastscnn_edge.reference.training_state import changed_options, read_state, write_state


def test_a_state_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_state(tmp_path / "last.pt", {"epoch": 3, "weight": torch.ones(2)})
    state = read_state(tmp_path / "last.pt")
    assert state["epoch"] == 3 and state["weight"].tolist() == [1, 1]


def test_what_is_no_state_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    with pytest.raises(CheckpointError, match="nothing to resume"):
        read_state(path)
    path.write_bytes(b"PK not at all")
    with pytest.raises(CheckpointError, match="damaged"):
        read_state(path)
    torch.save([1], path)
    with pytest.raises(CheckpointError, match="not the state"):
        read_state(path)


def test_changed_options_are_named_with_what_they_were() -> None:
    assert changed_options({"rate": 1, "batch": 2}, {"rate": 1, "batch": 2}) is None
    line = changed_options({"rate": 1}, {"rate": 2, "added": 3})
    assert line == "note: resumed with other options than before: rate 2 (was 1), added 3 (was None)"
