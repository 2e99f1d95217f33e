"""What lies between two threads: a few items, and a rule for when there is no room for more."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class ClosedError(Exception):
    """The other side is gone: nothing will come any more, or nothing is taken any more."""


class Mailbox(Generic[T]):
    """A bounded queue from one thread to another.

    Args:
        room: how many items may wait.
        newest_wins: when full, throw away the oldest item instead of making the sender wait.
    """

    def __init__(self, room: int, newest_wins: bool) -> None:
        self._items: deque[T] = deque()
        self._room, self._newest_wins = room, newest_wins
        self._changed = threading.Condition()
        self._closed = False
        self._error: BaseException | None = None
        self._refusal: BaseException | None = None

    def put(self, item: T) -> T | None:
        """Hand over ``item``; the one that had to go for it, if any.

        Raises:
            ClosedError: the box is closed.
            BaseException: what the receiver refuses it with.
        """
        with self._changed:
            while len(self._items) >= self._room and not self._newest_wins and not self._closed:
                self._changed.wait()
            if self._refusal is not None:
                raise self._refusal
            if self._closed:
                raise ClosedError
            pushed_out = self._items.popleft() if len(self._items) >= self._room else None
            self._items.append(item)
            self._changed.notify_all()
            return pushed_out

    def get(self, seconds: float | None = None) -> T | None:
        """The oldest item, or None if none came within ``seconds`` (None: however long it takes).

        Raises:
            ClosedError: the sender has closed, and everything it sent was taken.
            BaseException: what the sender closed with, likewise.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed, seconds)
            if self._items:
                item = self._items.popleft()
                self._changed.notify_all()
                return item
            if self._error is not None:
                raise self._error
            if self._closed:
                raise ClosedError
            return None

    def close(self, error: BaseException | None = None, discard: bool = False) -> None:
        """No more: the receiver still gets what is inside, unless ``discard``, and then ``error`` or ClosedError."""
        with self._changed:
            self._closed = True
            self._error = self._error or error
            if discard:
                self._items.clear()
            self._changed.notify_all()

    def refuse(self, error: BaseException) -> None:
        """The receiver takes no more, for this reason; the sender's next :meth:`put` raises it."""
        with self._changed:
            self._closed, self._refusal = True, error
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def refusal(self) -> BaseException | None:
        """What the receiver has refused with; the sender may have sent its last before that."""
        return self._refusal

    def drain(self) -> list[T]:
        """What nobody took."""
        with self._changed:
            items = list(self._items)
            self._items.clear()
            return items
