"""The three files of a report, whose space is taken from the disk before the work begins."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from ...files.atomic import ReservedFile, encoded
from ..pipeline.meter import KEPT

_SAMPLE_BYTES = 9 * 12
"""Bytes of a frame's samples in the JSON: nine series of up to ten digits and a comma."""

_OTHER_BYTES = {".json": 256 << 10, ".md": 16 << 10, ".html": 64 << 10}
"""Bytes of everything else; the board's states are most of it."""


class ReportFiles:
    """NAME.json with NAME.md and NAME.html beside it. Use as a context manager: leaving gives unused space back.

    Args:
        path: the .json; None for no files.
        frames: number of frames if known, None for a long run.

    Attributes:
        written: suffixes of the files that are complete.

    Raises:
        OutputError: a file cannot be written, or the disk has no room.
    """

    def __init__(self, path: Path | None, frames: int | None = None) -> None:
        self.written: set[str] = set()
        self._files: dict[str, ReservedFile] = {}
        if path is None:
            return
        samples = _SAMPLE_BYTES * min(frames or KEPT, KEPT)
        try:
            for suffix, size in _OTHER_BYTES.items():
                extra = samples if suffix == ".json" else 0
                self._files[suffix] = ReservedFile(path.with_suffix(suffix), size + extra)
        except BaseException:
            self.discard()
            raise

    def __enter__(self) -> ReportFiles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

    def __bool__(self) -> bool:
        """Whether there is anything to write."""
        return bool(self._files)

    def write(self, suffix: str, text: str) -> None:
        """Write the file that ends in ``suffix``.

        Raises:
            OutputError: it cannot be written.
        """
        self._files[suffix].write(encoded(text))
        self.written.add(suffix)

    def discard(self) -> None:
        """Give the space of files that were not written back."""
        for file in self._files.values():
            file.discard()
