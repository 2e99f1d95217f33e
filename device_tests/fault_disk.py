"""A small disk that can be filled and freed: a tmpfs in a mount namespace of our own, which needs no root."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

SIZE = "64m"

_INSIDE = "FASTSCNN_EDGE_FAULTS_DISK"


def enter_namespace() -> None:
    """Start this program again where it may mount a disk; go on as we are where that is not possible."""
    if _INSIDE in os.environ:
        return
    words = ["unshare", "-Urm"]
    try:
        possible = not subprocess.run([*words, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True).returncode
    except OSError:  # no unshare
        possible = False
    if possible:
        os.execvpe(words[0], [*words, sys.executable, *sys.argv], {**os.environ, _INSIDE: "1"})


class Disk:
    """A folder on a disk of :data:`SIZE`, unmounted on leaving, or without a disk of our own an ordinary folder.

    Attributes:
        folder: where runs write.
        real: whether it is a disk that can be full. Otherwise a limit to the size of a process's files stands for it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.real = _INSIDE in os.environ
        if self.real:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "none", str(folder)], check=True)

    def __enter__(self) -> Disk:
        return self

    def __exit__(self, *_: object) -> None:
        if self.real:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=False)

    def __str__(self) -> str:
        return f"a tmpfs of {SIZE}" if self.real else "a limit to the size of files (RLIMIT_FSIZE), no disk of its own"

    def fill(self) -> None:
        """Take all that is left."""
        with (self.folder / "filler").open("ab", buffering=0) as stream:
            for block in (1 << 16, 1 << 12):
                with suppress(OSError):
                    while stream.write(bytes(block)):
                        pass

    def free(self) -> None:
        """Give it back."""
        (self.folder / "filler").unlink(missing_ok=True)
