"""Digest of a whole file inside the file, so that a flipped bit in a weight is noticed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from ..errors import CheckpointError

BLANK = "5ea1" * 16
"""What stands for the digest while it is computed. Zeros stand for other digests in files made by tests."""


def seal(data: bytes) -> bytes:
    """Fill in the digest of ``data``, which has :data:`BLANK` once where it belongs."""
    digest = hashlib.sha256(data).hexdigest().encode()
    return data.replace(BLANK.encode(), digest, 1)


def is_whole(data: bytes, stated: object) -> bool:
    """Whether ``data`` is what :func:`seal` made; ``stated`` is the digest that it names."""
    if not isinstance(stated, str) or len(stated) != len(BLANK) or not stated.isalnum():
        return False
    return hashlib.sha256(data.replace(stated.encode(), BLANK.encode(), 1)).hexdigest() == stated


def check_whole(path: Path, description: Mapping[str, object]) -> None:
    """Check the content of ``path`` against the digest in its ``description``, if there is one.

    Raises:
        CheckpointError: the content is another.
    """
    if "sha256" in description and not is_whole(path.read_bytes(), description["sha256"]):
        raise CheckpointError(f"{path} is damaged: its content does not match its digest; copy it again")
