"""Atomic files: complete or absent, never partial."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..system import write_at
from .unfinished import Unfinished, output_errors, remove_leftovers, reserve


@contextmanager
def atomic_path(destination: str | Path, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside ``destination``; rename it there if the body succeeds.

    Args:
        destination: the final name; its folder is created, and leftovers of dead processes in it are deleted.
        durable: flush to the disk before renaming, so that the file is complete or absent even after a power cut.
            False for the many small files of a long run, where waiting for the disk would cost frames (decision 0030).

    Raises:
        OutputError: the folder cannot be created or written.
    """
    destination = Path(destination)
    if durable:
        remove_leftovers(destination.parent)
    unfinished = Unfinished(destination)
    try:
        with output_errors(destination):
            yield unfinished.path
            unfinished.publish(durable)
    finally:
        unfinished.close()


class ReservedFile:
    """An atomic file whose space is taken from the disk now, and whose content is written later.

    Args:
        destination: the final name; its folder is created.
        size: expected bytes. A file that becomes larger may find the disk full after all.

    Raises:
        OutputError: the folder cannot be written, or its disk has not ``size`` bytes left.
    """

    def __init__(self, destination: Path, size: int) -> None:
        remove_leftovers(destination.parent)
        self._destination = destination
        self._unfinished = Unfinished(destination)
        try:
            with output_errors(destination, f"; it needs {size / 1e6:.1f} MB"):
                reserve(self._unfinished.handle, size)
        except BaseException:
            self.discard()
            raise

    def write(self, data: bytes) -> None:
        """Write ``data`` and give the file its own name.

        Raises:
            OutputError: it cannot be written; nothing is left under the final name.
        """
        try:
            with output_errors(self._destination):
                done = 0
                while done < len(data):
                    done += write_at(self._unfinished.handle, data[done:], done)
                os.truncate(self._unfinished.handle, len(data))
                self._unfinished.publish()
        finally:
            self.discard()

    def discard(self) -> None:
        """Give the space back. Does nothing after :meth:`write`."""
        self._unfinished.close()


def write_bytes(destination: str | Path, data: bytes) -> None:
    """Write ``data`` to ``destination``, atomically."""
    with atomic_path(destination) as temporary:
        temporary.write_bytes(data)


def write_text(destination: str | Path, text: str) -> None:
    """Write UTF-8 ``text`` to ``destination``, atomically."""
    write_bytes(destination, encoded(text))


def encoded(text: str) -> bytes:
    """UTF-8 of ``text``; names of files that are not UTF-8 contain surrogates, which become backslash escapes."""
    return text.encode("utf-8", "backslashreplace")


def sha256(path: str | Path) -> str:
    """SHA-256 of a file's content, as hex digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
