"""What every output of a run is: something that takes segmented frames."""

from __future__ import annotations

from typing import Protocol

from ..frames import SegmentedFrame


class Sink(Protocol):
    """Receives segmented frames one after the other, then exactly one of :meth:`close` and :meth:`discard`."""

    def write(self, result: SegmentedFrame) -> None:
        """Take one frame.

        Raises:
            OutputError: it cannot be written; :meth:`discard` follows.
        """
        ...

    def close(self) -> None:
        """All frames were taken: publish the result under its final name.

        Raises:
            OutputError: it cannot be published; nothing broken is left under the final name.
        """
        ...

    def discard(self) -> None:
        """:meth:`write` failed: leave nothing broken under the final name. Raises nothing."""
        ...
