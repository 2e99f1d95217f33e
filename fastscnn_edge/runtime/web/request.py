"""Reader for a request's bytes with a limit on size and total time, whatever a client sends or withholds."""

from __future__ import annotations

import io
import socket
import time

_MAX_BYTES = 32768
"""Browsers send the cookies of all programs on this host, up to 4 KiB each."""

_MAX_SECONDS = 5.0


class RequestTooLargeError(Exception):
    """The request is larger than any legitimate request for these pages."""


class LimitedRequest(io.RawIOBase):
    """Stream over a connection, limited to 32 KiB and 5 seconds in total.

    A timeout per read, as in ``http.server``, would let a client occupy a connection for hours by sending a byte now
    and then.

    Raises:
        RequestTooLargeError, TimeoutError: a read exceeds a limit.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._deadline = time.monotonic() + _MAX_SECONDS
        self._left = _MAX_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def,override]  # a writable buffer, named in 3.12
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("request not finished in time")
        if self._left <= 0:
            raise RequestTooLargeError
        self._connection.settimeout(remaining)
        count = self._connection.recv_into(memoryview(buffer)[: self._left])
        self._left -= count
        return count
