"""Files that are either whole or absent."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import OutputError


@contextmanager
def atomic_path(destination: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``destination``; rename it there if the body succeeds.

    Raises:
        OutputError: the folder cannot be created or written.
    """
    destination = Path(destination)
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{destination.name}.", dir=destination.parent)
        os.close(handle)
    except OSError as error:
        raise OutputError(f"cannot write {destination}: {error.strerror}; choose a writable folder") from error
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes files private; results should follow the user's umask like any other file.
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(destination)
    except OSError as error:
        raise OutputError(f"cannot write {destination}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(destination: str | Path, data: bytes) -> None:
    """Write ``data`` to ``destination``, atomically."""
    with atomic_path(destination) as temporary:
        temporary.write_bytes(data)


def write_text(destination: str | Path, text: str) -> None:
    """Write UTF-8 ``text`` to ``destination``, atomically."""
    write_bytes(destination, text.encode())


def sha256(path: str | Path) -> str:
    """Hex digest of a file's content."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
