"""Files under construction: locked by the process that writes them, so that the leftovers of a dead one are known.

A lock, not the process id in the name, says whether the writer lives: the kernel drops it with the process, ids are
used again, and two containers that share a folder have ids of their own.
"""

from __future__ import annotations

import errno
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import OutputError
from ..system import OPEN_FLAGS, RENAMES_OPEN_FILES, lock_file, write_at

_LEFTOVER = re.compile(r"\..+\.\d+-\w{8}\.unfinished", re.DOTALL)

_LONGEST_NAME = 100
"""Bytes of the final name in the temporary one, so that whatever the disk can name has a temporary name as well."""


class Unfinished:
    """An empty file beside ``destination``, locked until it is published or discarded.

    Attributes:
        path: its temporary name.
        handle: open for reading and writing.

    Raises:
        OutputError: the folder cannot be created or written, or ``destination`` is not a regular file.
    """

    def __init__(self, destination: Path) -> None:
        if destination.is_symlink():  # the file it stands for is replaced, not the link
            destination = Path(os.path.realpath(destination))
        self._destination = destination
        with output_errors(destination, "; choose a writable folder"):
            make_folder_of(destination)
            start = os.fsencode(destination.name)[:_LONGEST_NAME].decode("utf-8", "ignore")
            while True:
                self.handle, name = tempfile.mkstemp(".unfinished", f".{start}.{os.getpid()}-", destination.parent)
                self.path = Path(name)
                lock_file(self.handle, wait=True)
                if is_file_at(self.path, self.handle):
                    break
                os.close(self.handle)  # another process has taken it for a leftover before it was locked

    def publish(self, durable: bool = True) -> None:
        """Give the file its own name; ``durable`` flushes it to the disk first.

        Raises:
            OSError: it cannot be written.
        """
        # mkstemp makes files private; results should follow the user's umask like other files.
        self.path.chmod(0o666 & ~_umask())
        if durable:
            synchronize(self.path)
        if not RENAMES_OPEN_FILES:
            os.close(self.handle)
            self.handle = -1
        self.path.replace(self._destination)
        if durable:
            synchronize(self._destination.parent)

    def close(self) -> None:
        """Remove the file unless it was published, and its lock. A second call does nothing."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
        if self.handle >= 0:
            os.close(self.handle)
        self.handle = -1


def remove_leftovers(folder: Path) -> None:
    """Delete what processes that are dead left unfinished in ``folder``; what a living one writes is locked."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if _LEFTOVER.fullmatch(entry.name):
                with suppress(OSError), opened(Path(entry.path)) as handle:
                    if lock_file(handle) is True:
                        os.unlink(entry.path)


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """Open a regular file that exists; yields the descriptor."""
    handle = os.open(path, os.O_RDWR | OPEN_FLAGS)
    try:
        yield handle
    finally:
        os.close(handle)


def is_file_at(path: Path, handle: int) -> bool:
    """Whether ``path`` is still the name of this open file."""
    try:
        return os.path.samestat(os.stat(path, follow_symlinks=False), os.fstat(handle))
    except FileNotFoundError:
        return False


def make_folder_of(destination: Path) -> None:
    """Create the folder of ``destination``, which must be a regular file or absent."""
    # The rename at the end would replace a device, a pipe or /dev/stdout itself by a regular file.
    if destination.parent == Path("/dev") or (destination.exists() and not destination.is_file()):
        raise OutputError(f"cannot write {destination}: it is not a regular file; give the name of a file")
    destination.parent.mkdir(parents=True, exist_ok=True)


@contextmanager
def output_errors(destination: Path, advice: str = "") -> Iterator[None]:
    """Convert OSError to OutputError."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write {destination}: {error.strerror or error}{advice}") from error


def synchronize(path: Path) -> None:
    """Flush a file or folder to its disk; some file systems cannot do so for folders."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:
        if not path.is_dir():
            raise
    finally:
        os.close(handle)


def reserve(handle: int, size: int) -> None:
    """Allocate ``size`` bytes of disk for an empty file; what is there later reads as zeros.

    Raises:
        OSError: the disk has no room for them.
    """
    try:
        if not hasattr(os, "posix_fallocate"):
            raise OSError(errno.ENOSYS, "no such function")
        os.posix_fallocate(handle, 0, size)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise
        # A file system without allocation gives space only to what is written.
        for start in range(0, size, 1 << 16):
            write_at(handle, bytes(min(1 << 16, size - start)), start)


def _umask() -> int:
    """Read the process's umask from /proc: os.umask() can only read it by changing it, briefly and for all threads."""
    try:
        status = Path("/proc/self/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("Umask:")).split()[1], 8)
    except (OSError, StopIteration, ValueError):
        mask = os.umask(0o077)
        os.umask(mask)
        return mask
