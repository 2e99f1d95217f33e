"""An engine and a frame source without a model or a device: for tests, ours and those of users."""

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
    """Answers every frame with the same logits.

    Args:
        spec: what it claims to be; the input memory follows from it.
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
    """Delivers the given frames [H, W, 3] as a ``kind`` of source, named frame_000001 and so on.

    Args:
        frames: whatever can be iterated; an exception it raises is the camera's.
        kind: of source.
        live: it drops what nobody waits for. False, so that tests see every frame.
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
