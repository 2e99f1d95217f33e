"""What lies between two threads."""

from __future__ import annotations

import threading
import time

import pytest

from fastscnn_edge.runtime.pipeline.mailbox import ClosedError, Mailbox


def test_in_order() -> None:
    box: Mailbox[int] = Mailbox(3, newest_wins=False)
    assert [box.put(n) for n in (1, 2, 3)] == [None] * 3
    assert [box.get() for _ in range(3)] == [1, 2, 3]
    assert box.get(0.01) is None


def test_the_newest_wins() -> None:
    box: Mailbox[int] = Mailbox(2, newest_wins=True)
    assert [box.put(n) for n in (1, 2, 3, 4)] == [None, None, 1, 2]
    assert [box.get(), box.get()] == [3, 4]


def test_a_full_box_makes_the_sender_wait() -> None:
    box: Mailbox[int] = Mailbox(1, newest_wins=False)
    box.put(1)
    sender = threading.Thread(target=box.put, args=(2,))
    sender.start()
    time.sleep(0.05)
    assert sender.is_alive()
    assert [box.get(), box.get()] == [1, 2]
    sender.join(5)
    assert not sender.is_alive()


def test_closing_lets_the_rest_through() -> None:
    box: Mailbox[int] = Mailbox(2, newest_wins=False)
    box.put(1)
    box.close(OSError("lost"))
    assert box.get() == 1
    with pytest.raises(OSError, match="lost"):
        box.get()
    with pytest.raises(ClosedError):
        box.put(2)


def test_closing_wakes_both_sides() -> None:
    for newest_wins in (False, True):
        box: Mailbox[int] = Mailbox(1, newest_wins)
        woken: list[str] = []

        def wait(box: Mailbox[int] = box, woken: list[str] = woken) -> None:
            try:
                box.get()
            except ClosedError:
                woken.append("get")

        receiver = threading.Thread(target=wait)
        receiver.start()
        box.close()
        receiver.join(5)
        assert woken == ["get"]


def test_a_refusal_reaches_the_sender() -> None:
    box: Mailbox[int] = Mailbox(1, newest_wins=True)
    box.put(1)
    box.refuse(OSError("disk full"))
    with pytest.raises(OSError, match="disk full"):
        box.put(2)
    assert str(box.refusal) == "disk full"
    assert box.drain() == [1]
