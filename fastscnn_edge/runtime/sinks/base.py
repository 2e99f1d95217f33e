"""Interface of a run's outputs (decision 0029)."""

from __future__ import annotations

from typing import Protocol

from ..frames import SegmentedFrame


class Sink(Protocol):
    """Consumer of segmented frames: receives them one by one, then exactly one of :meth:`close` and :meth:`discard`."""

    def write(self, result: SegmentedFrame) -> None:
        """Consume one frame.

        Raises:
            OutputError: it cannot be written; :meth:`discard` follows.
        """
        ...

    def close(self) -> None:
        """Publish the result under its final name, after the last frame.

        Raises:
            OutputError: it cannot be published; nothing broken is left under the final name.
        """
        ...

    def discard(self) -> None:
        """Clean up after a failed :meth:`write`: leave nothing broken under the final name. Raises nothing.

        Records stay under the name of an unfinished file, pictures and videos that are not whole are deleted.
        """
        ...
