"""Check of a .tflite before an interpreter maps it: native code trusts what stands in the file."""

from __future__ import annotations

import mmap
from pathlib import Path

from ....errors import ModelFileError
from ....spec import ModelSpec
from .memory import bound, check_memory
from .model import read_model
from .operators import check_operators
from .tensors import check_tensors

_MOST_NAMED = 3
"""Foreign kinds that a message names."""


def check_model(path: Path, size: int, spec: ModelSpec) -> None:
    """Check the first ``size`` bytes of ``path``, a flatbuffer; nothing of it is copied.

    What this package writes is checked entirely, in milliseconds. A file with anything else in it is tried in a process
    of its own as well.

    Raises:
        ModelFileError: it would crash an interpreter or take memory beyond what its size explains, or a trial failed.
    """
    foreign = _check(path, size, spec)
    if foreign:
        from .trial import try_model  # it imports subprocess, which a run of our own files does not need

        others = f" and {len(foreign) - _MOST_NAMED} more" if len(foreign) > _MOST_NAMED else ""
        unusual = f"it contains what this package never writes ({', '.join(foreign[:_MOST_NAMED])}{others})"
        if failure := try_model(path, bound(spec.height, spec.width)):
            raise ModelFileError(f"{path}: {unusual}, and {failure}; make a model with: fastscnn-edge export")


def _check(path: Path, size: int, spec: ModelSpec) -> list[str]:
    """Kinds of content that only a trial can check."""
    try:
        with path.open("rb") as stream:
            # Never closed: views of it live as long as an exception's traceback, and it ends with the last of them.
            mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        return _foreign(memoryview(mapped)[:size], spec)
    except (OSError, ValueError) as error:  # FlatbufferError is a ValueError
        reason = str(error)
    raise ModelFileError(
        f"{path} cannot be run: {reason}; its digest is right, so it was made this way: export it again"
    )


def _foreign(data: memoryview, spec: ModelSpec) -> list[str]:
    model = read_model(data)
    check_tensors(model)
    check_operators(model)
    check_memory(model, spec.height, spec.width)
    return list(dict.fromkeys(model.foreign))
