"""Atomic files: complete or absent, never partial."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import OutputError


@contextmanager
def atomic_path(destination: str | Path, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside ``destination``; rename it there if the body succeeds.

    Args:
        destination: the final name; its folder is created.
        durable: flush to the disk before renaming, so that the file is complete or absent even after a power cut.
            False for the many small files of a long run, where waiting for the disk would cost frames (decision 0030).

    Raises:
        OutputError: the folder cannot be created or written.
    """
    destination = Path(destination)
    temporary = _create_beside(destination)
    try:
        yield temporary
        _publish(temporary, destination, durable)
    except OSError as error:
        raise OutputError(f"cannot write {destination}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)


class AtomicFile:
    """A text file that grows under a temporary name and appears under its own when it is published.

    Attributes:
        stream: open text stream, UTF-8, line ends as they are written.

    Raises:
        OutputError: the folder cannot be created or written.
    """

    def __init__(self, destination: Path) -> None:
        self._destination = destination
        self._temporary = _create_beside(destination)
        self.stream = self._temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="")

    def publish(self) -> None:
        """Rename the file to its own name.

        Raises:
            OutputError: it cannot be written; nothing is left then.
        """
        try:
            self.stream.close()
            _publish(self._temporary, self._destination, durable=True)
        except OSError as error:
            self.discard()
            raise OutputError(f"cannot write {self._destination}: {error.strerror or error}") from error

    def discard(self) -> None:
        """Remove what was written. Does nothing after :meth:`publish`."""
        with suppress(OSError):
            self.stream.close()
        self._temporary.unlink(missing_ok=True)


def write_bytes(destination: str | Path, data: bytes) -> None:
    """Write ``data`` to ``destination``, atomically."""
    with atomic_path(destination) as temporary:
        temporary.write_bytes(data)


def write_text(destination: str | Path, text: str) -> None:
    """Write UTF-8 ``text`` to ``destination``, atomically."""
    # File names that are not UTF-8 contain surrogates, which UTF-8 cannot encode.
    write_bytes(destination, text.encode("utf-8", "backslashreplace"))


MAX_TEXT = 1 << 20
"""Bytes of the largest text file that is read whole: lists, addresses and descriptions are far smaller."""


def read_text(path: str | Path, limit: int = MAX_TEXT) -> str:
    """Content of a UTF-8 text file of at most ``limit`` bytes.

    Raises:
        ValueError: it cannot be read, is not text or is larger; the message continues a sentence that begins with the
            path.
    """
    try:
        # A device such as /dev/zero has no end.
        with open(path, "rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # a NUL in the name
        raise ValueError(f"cannot be read: {error}") from error
    if len(data) > limit:
        raise ValueError(f"is not such a file: it has more than {limit >> 10} KiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"is not UTF-8 text (byte {error.start})") from error


def sha256(path: str | Path) -> str:
    """SHA-256 of a file's content, as hex digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _create_beside(destination: Path) -> Path:
    """Create an empty temporary file in the folder of ``destination``, and the folder if needed."""
    try:
        # The rename at the end would replace a device, a pipe or /dev/stdout itself by a regular file.
        if destination.parent == Path("/dev") or (destination.exists() and not destination.is_file()):
            raise OutputError(f"cannot write {destination}: it is not a regular file; give the name of a file")
        destination.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{destination.name}.", dir=destination.parent)
        os.close(handle)
    except OSError as error:
        raise OutputError(f"cannot write {destination}: {error.strerror}; choose a writable folder") from error
    return Path(name)


def _publish(temporary: Path, destination: Path, durable: bool) -> None:
    # mkstemp makes files private; results should follow the user's umask like other files.
    temporary.chmod(0o666 & ~_umask())
    if durable:
        _synchronize(temporary)
    temporary.replace(destination)
    if durable:
        _synchronize(destination.parent)


def _synchronize(path: Path) -> None:
    """Flush a file or folder to its disk; some file systems cannot do so for folders."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:
        if not path.is_dir():
            raise
    finally:
        os.close(handle)


def _umask() -> int:
    """Read the process's umask from /proc: os.umask() can only read it by changing it, briefly and for all threads."""
    try:
        status = Path("/proc/self/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("Umask:")).split()[1], 8)
    except (OSError, StopIteration, ValueError):
        mask = os.umask(0o077)
        os.umask(mask)
        return mask
