"""Files that grow over hours: on disk but for the last second, whatever ends the process or the board's power."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path

from ..errors import OutputError
from ..system import flush_to_disk, lock_file
from .atomic import encoded
from .unfinished import is_file_at, make_folder_of, opened, output_errors, synchronize

PART = ".part"

SYNC_INTERVAL = 1.0
"""Seconds between two flushes to the disk."""

_UNSYNCABLE = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)


class GrowingFile:
    """A text file that grows as ``NAME.part`` and gets its own name when it is published.

    Each text is appended at once, whole or not at all, and flushed to the disk within a second by a thread, since a
    slow disk must not hold up the frames. What a process left that died is renamed to ``NAME.recovered-TIME``.

    Args:
        destination: the final name; its folder is created.
        warn: receives a line about a file that was recovered.

    Raises:
        OutputError: the folder cannot be written, or another process is writing the same file.
    """

    def __init__(self, destination: Path, warn: Callable[[str], object]) -> None:
        if destination.is_symlink():  # the file it stands for is replaced, not the link
            destination = Path(os.path.realpath(destination))
        self._destination = destination
        self._part = destination.with_name(destination.name + PART)
        with output_errors(destination, "; choose a writable folder"):
            make_folder_of(destination)
            self._handle = _create(self._part, destination, warn)
            synchronize(destination.parent)
        self._size = 0
        self._sync = PeriodicSync(self._handle)

    def write(self, text: str) -> None:
        """Append ``text``.

        Raises:
            OutputError: the disk is full or fails; what was written before stays in the file.
        """
        try:
            self._sync.check()
            left = memoryview(encoded(text))
            size = self._size + len(left)
            while left:
                left = left[os.write(self._handle, left) :]
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(self._handle, self._size)
            raise self._failure(error) from error
        self._size = size
        self._sync.note()

    def publish(self) -> None:
        """Give the file its own name.

        Raises:
            OutputError: it cannot be written or renamed; it stays where it is.
        """
        try:
            self._sync.stop()
            self._sync.check()
            os.fsync(self._handle)
            if not is_file_at(self._part, self._handle):
                raise OSError(errno.ESTALE, f"{self._part} was renamed or deleted meanwhile")
            os.replace(self._part, self._destination)
            synchronize(self._destination.parent)
        except OSError as error:
            raise self._failure(error) from error
        finally:
            os.close(self._handle)

    def abandon(self) -> None:
        """Close the file under its temporary name after a failed :meth:`write`; an empty one is deleted."""
        self._sync.stop()
        with suppress(OSError):
            if not self._size and is_file_at(self._part, self._handle):
                self._part.unlink()
        with suppress(OSError):
            os.close(self._handle)

    def _failure(self, error: OSError) -> OutputError:
        kept = f"; what was written before is in {self._part}" if self._size else ""
        return OutputError(f"cannot write {self._destination}: {error.strerror or error}{kept}")


class PeriodicSync:
    """Thread that flushes an open file to its disk once a second, if something was written meanwhile."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._written = 0
        self._error: OSError | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sync", daemon=True)
        self._thread.start()

    def note(self) -> None:
        """Note that something was written."""
        self._written += 1

    def check(self) -> None:
        """Raise the OSError of a flush that failed, as the disk had accepted what it could not keep."""
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        synced = 0
        while not self._stopped.wait(SYNC_INTERVAL):
            if (written := self._written) != synced:
                try:
                    flush_to_disk(self._handle)
                except OSError as error:
                    self._error = None if error.errno in _UNSYNCABLE else error
                    return
                synced = written


def _create(part: Path, destination: Path, warn: Callable[[str], object]) -> int:
    """Create and lock ``part``; what is there under this name already is moved away first."""
    while True:
        try:
            handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o666)
        except FileExistsError:
            _recover(part, destination, warn)
            continue
        lock_file(handle, wait=True)
        if is_file_at(part, handle):
            return handle
        os.close(handle)  # another process has taken it for a leftover before it was locked


def _recover(part: Path, destination: Path, warn: Callable[[str], object]) -> None:
    """Rename what a dead process left as ``part``; an empty file is deleted.

    Raises:
        OutputError: a living process is writing it.
    """
    with suppress(FileNotFoundError), opened(part) as handle:  # gone: another process was faster
        if lock_file(handle) is False:
            raise OutputError(f"cannot write {destination}: another run is writing {part}; choose another name")
        if not is_file_at(part, handle):
            return
        status = os.fstat(handle)
        if not status.st_size:
            part.unlink()
            return
        ended = datetime.fromtimestamp(status.st_mtime, timezone.utc)
        recovered = destination.with_name(f"{destination.name}.recovered-{ended:%Y%m%dT%H%M%SZ}")
        number = 2
        while recovered.exists():
            recovered = destination.with_name(f"{destination.name}.recovered-{ended:%Y%m%dT%H%M%SZ}-{number}")
            number += 1
        os.rename(part, recovered)
        warn(f"{part} was left by a run that died; its records are now in {recovered}")
