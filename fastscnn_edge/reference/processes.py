"""One training process among several: its rank, which of them reports, and when all of them stop.

torch is imported late: options are read, and refused, without waiting for it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import timedelta
from types import FrameType
from typing import TYPE_CHECKING

from ..errors import EXIT_USER_ERROR, FastSCNNEdgeError
from ..log import leave_lost_terminal
from ..system import HANGUP, STOP_SIGNALS

if TYPE_CHECKING:
    import numpy as np

    from ..evaluation.evaluate import Predictor

_PATIENCE = timedelta(hours=2)
"""Limit on the others' wait while rank 0 evaluates; gloo's default of 30 minutes is short for a large split."""


def rank_and_world_size() -> tuple[int, int]:
    """(rank, number of processes) as torchrun set them; (0, 1) without it."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


@contextmanager
def process_group() -> Iterator[tuple[int, int]]:
    """Join torchrun's processes over gloo and leave them again; yields :func:`rank_and_world_size`."""
    rank, world = rank_and_world_size()
    if world == 1:
        yield 0, 1
        return
    import torch.distributed as dist

    dist.init_process_group("gloo", timeout=_PATIENCE)
    try:
        yield rank, world
    finally:
        dist.destroy_process_group()


@contextmanager
def rank_zero_only() -> Iterator[None]:
    """Context for work that every process repeats, such as reading options: only rank 0 prints and reports errors."""
    if rank_and_world_size()[0] == 0:
        yield
        return
    try:
        with open(os.devnull, "w") as void, redirect_stdout(void), redirect_stderr(void):
            yield
    except FastSCNNEdgeError:
        _wait_for_rank_zero(EXIT_USER_ERROR)
    except SystemExit as error:
        _wait_for_rank_zero(error.code)


def _wait_for_rank_zero(status: str | int | None) -> None:
    # torchrun kills all at the first failure: failing before rank 0 has reported would silence it.
    if status:
        time.sleep(30)
    sys.exit(status)


STOPS = STOP_SIGNALS
"""Signals that ask to stop: Ctrl-C, the end of a service or of a Slurm job, and of the terminal's session."""


class Stop:
    """A stop, requested by one of :data:`STOPS` and agreed on by all processes so that none waits for another.

    A second Ctrl-C interrupts at once, except under torchrun, which repeats the first one itself. A SIGHUP that is
    ignored (nohup) stays ignored.
    """

    def __init__(self, world: int) -> None:
        self.world = world
        self.asked = False

    def __enter__(self) -> Stop:
        heard = [s for s in STOPS if s != HANGUP or signal.getsignal(s) is not signal.SIG_IGN]
        self._previous = {s: signal.signal(s, self._on_signal) for s in heard}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def agreed(self) -> bool:
        """Whether any process was asked to stop. Every process must call it equally often."""
        if self.world == 1:
            return self.asked
        import torch
        import torch.distributed as dist

        flag = torch.tensor([int(self.asked)])
        dist.all_reduce(flag, dist.ReduceOp.MAX)
        agreed = bool(flag.item())
        # Never back to False: a signal that came during the exchange counts at the next one.
        self.asked = self.asked or agreed
        return agreed

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self.asked and number == signal.SIGINT and self.world == 1:
            raise KeyboardInterrupt
        self.asked = True
        if number == HANGUP:
            leave_lost_terminal()


@contextmanager
def stops_held() -> Iterator[None]:
    """Let :data:`STOPS` wait; processes started meanwhile inherit that, so that none dies before it ignores them."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows, where no signal reaches them
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class EvaluationStoppedError(Exception):
    """Unwinds an evaluation that was asked to stop."""


def stoppable(predict: Predictor, stop: Stop) -> Predictor:
    """``predict``, raising :class:`EvaluationStoppedError` instead once ``stop`` was asked for."""

    def predict_unless_stopped(image: np.ndarray) -> np.ndarray:
        if stop.asked:
            raise EvaluationStoppedError
        return predict(image)

    return predict_unless_stopped
