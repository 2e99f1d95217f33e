"""Fake engine and fake frame source, for the tests of this package and of its users."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any

import numpy as np

from ..runtime.engines.base import LogitsQuantization
from ..runtime.frames import Frame
from ..runtime.sources.base import SourceState
from ..spec import ModelSpec


class FakeEngine:
    """Engine that answers every frame with the same logits.

    Args:
        spec: description of the pretended model; it determines the input memory.
        logits: [h, w, C], int8 or float32.
    """

    name = "fake"
    library = "fake 1"
    threads = 1

    def __init__(self, spec: ModelSpec, logits: np.ndarray) -> None:
        self.spec, self._logits = spec, logits
        self.output_quantization = LogitsQuantization(1.0, 0) if logits.dtype == np.int8 else None
        self.details: dict[str, Any] = {}
        self.invocations = 0
        dtype = np.int8 if spec.precision == "int8" else np.float32
        self._input = np.zeros((1, spec.height, spec.width, 3), dtype)

    def input_view(self) -> np.ndarray:
        return self._input

    def invoke(self) -> None:
        self.invocations += 1

    def logits(self) -> np.ndarray:
        result: np.ndarray = self._logits.copy()
        return result


class FakeSource(SourceState):
    """Source that delivers the given frames [H, W, 3], named frame_000001 and so on.

    Args:
        frames: any iterable; an exception it raises is raised as the camera's.
        kind: kind of source, see :class:`~..runtime.sources.base.FrameSource`.
        live: whether frames are dropped while the consumer is busy. False, so that tests see every frame.
    """

    def __init__(self, frames: Iterable[np.ndarray], kind: str = "camera", live: bool = False) -> None:
        super().__init__()
        self.kind, self.moving, self.live = kind, kind in ("video", "camera"), live
        self.entered = self.left = False
        self._frames = frames

    def __enter__(self) -> FakeSource:
        self.entered = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.left = True

    def __iter__(self) -> Iterator[Frame]:
        for number, rgb in enumerate(self._frames, start=1):
            yield Frame(rgb, f"frame_{number:06d}", time.monotonic())
