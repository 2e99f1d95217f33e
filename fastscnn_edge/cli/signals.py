"""Graceful handling of stop signals, so that measured results are kept."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from ..errors import EXIT_INTERRUPTED
from ..log import Log, leave_lost_terminal, plain
from ..system import HANGUP, STOP_SIGNALS

_KILLS = 3
"""Which Ctrl-C ends the process at once. SIGTERM and SIGHUP never do: they come in twos and threes by themselves, from
``timeout``, a closed terminal and the session's end, and SIGKILL is there for what does not end."""


@contextmanager
def stop_signals(closing: str = "the report", log: Log = plain) -> Iterator[list[str]]:
    """Collect the names of received SIGINT, SIGTERM and SIGHUP, which ask to stop; a third Ctrl-C ends at once.

    A SIGHUP that is ignored (nohup) stays ignored.

    Args:
        closing: what is written before the end, in words; a second signal is answered with it.
        log: receives that answer.
    """
    received: list[str] = []
    if threading.current_thread() is not threading.main_thread():  # only the main thread may set handlers
        yield received
        return
    previous = {number: signal.getsignal(number) or signal.SIG_DFL for number in STOP_SIGNALS}
    if HANGUP is not None and previous[HANGUP] is signal.SIG_IGN:
        del previous[HANGUP]

    def note(number: int, _frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        received.append(name)
        if name == "SIGHUP":
            leave_lost_terminal()
        if len(received) == 2:
            with suppress(RuntimeError):  # the signal came within another line of the log
                log("info", f"stopping: writing {closing} first; a third Ctrl-C ends at once and loses that")
        if received.count("SIGINT") >= _KILLS:
            os._exit(EXIT_INTERRUPTED)  # what hangs would hang an orderly end as well

    for number in previous:
        signal.signal(number, note)
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
