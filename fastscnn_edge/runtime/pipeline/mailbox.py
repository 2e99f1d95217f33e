"""Bounded queue between two threads, with a rule for when it is full."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class ClosedError(Exception):
    """The other side is gone: no further item will arrive, or none will be taken."""


class Mailbox(Generic[T]):
    """A bounded queue from one thread to another.

    Args:
        capacity: largest number of waiting items.
        newest_wins: when full, drop the oldest item instead of making the sender wait.
    """

    def __init__(self, capacity: int, newest_wins: bool) -> None:
        self._items: deque[T] = deque()
        self._capacity, self._newest_wins = capacity, newest_wins
        self._changed = threading.Condition()
        self._closed = False
        self._error: BaseException | None = None
        self._refusal: BaseException | None = None

    def put(self, item: T) -> T | None:
        """Add ``item``; returns the item dropped for it, if any.

        Raises:
            ClosedError: the mailbox is closed.
            BaseException: the error the receiver gave to :meth:`refuse`.
        """
        with self._changed:
            while len(self._items) >= self._capacity and not self._newest_wins and not self._closed:
                self._changed.wait()
            if self._refusal is not None:
                raise self._refusal
            if self._closed:
                raise ClosedError
            pushed_out = self._items.popleft() if len(self._items) >= self._capacity else None
            self._items.append(item)
            self._changed.notify_all()
            return pushed_out

    def get(self, seconds: float | None = None) -> T | None:
        """Take the oldest item; None if none arrived within ``seconds`` (None: wait without limit).

        Raises:
            ClosedError: the sender has closed the mailbox and every item was taken.
            BaseException: as before, with the error the sender gave to :meth:`close`.
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
        """End sending: the receiver gets the remaining items, unless ``discard``, then ``error`` or ClosedError."""
        with self._changed:
            self._closed = True
            self._error = self._error or error
            if discard:
                self._items.clear()
            self._changed.notify_all()

    def refuse(self, error: BaseException) -> None:
        """End receiving because of ``error``, which the sender's next :meth:`put` raises."""
        with self._changed:
            self._closed, self._refusal = True, error
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def refusal(self) -> BaseException | None:
        """Error given to :meth:`refuse`, None if there is none; needed if the sender had sent its last item before."""
        return self._refusal

    def drain(self) -> list[T]:
        """Items still queued after closing."""
        with self._changed:
            items = list(self._items)
            self._items.clear()
            return items
