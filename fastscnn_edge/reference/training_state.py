"""The file that a training resumes from."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ..errors import CheckpointError
from ..files import write_bytes


def write_state(path: str | Path, state: dict[str, Any]) -> None:
    """Write what a training resumes from, readable with ``weights_only=True``.

    Raises:
        OutputError: the file cannot be written.
    """
    # Through memory: torch reports a full disk as an internal error of its writer.
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_bytes(path, buffer.getvalue())


def read_state(path: Path) -> dict[str, Any]:
    """Read what :func:`write_state` wrote.

    Raises:
        CheckpointError: it is missing, damaged or something else.
    """
    if not path.is_file():
        raise CheckpointError(f"nothing to resume: {path} does not exist; leave out --resume to start again")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises RuntimeError, EOFError, UnpicklingError... for damaged files
        raise CheckpointError(f"{path} is damaged and cannot be resumed; start again with another --out") from error
    if not isinstance(state, dict):
        raise CheckpointError(f"{path} is not the state of a training run")
    return state


def changed_options(before: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """A line for the user about options of ``now`` that were others ``before``; None if there are none."""
    changed = [f"{key} {value} (was {before.get(key)})" for key, value in now.items() if value != before.get(key)]
    return f"note: resumed with other options than before: {', '.join(changed)}" if changed else None
