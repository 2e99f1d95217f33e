"""Segmentation of one image: the whole runtime behind three lines of user code."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import numpy as np

from ...errors import ModelFileError, require
from ...spec import ClassSet, ModelSpec
from ..engines.base import Engine
from ..engines.open import open_engine
from ..mask.plan import MaskPlan
from .preprocess import check_frame, preprocess

WEIGHTS = Path(__file__).parents[2] / "weights"

# Bundled model -> packages that can run it, in order of preference.
BUNDLED = {
    "fastscnn_camvid_int8.tflite": ("ai_edge_litert", "tflite_runtime"),
    "fastscnn_camvid_int8.onnx": ("onnxruntime",),
}


class Prediction(NamedTuple):
    """A class map and the time of each stage, in nanoseconds."""

    class_map: np.ndarray  # uint8 [H, W]
    preprocess: int
    invoke: int
    mask: int


class Segmenter:
    """Fast-SCNN on this device. Thread-safe: the network runs for one thread at a time.

    Example:
        >>> with Segmenter() as segmenter:
        ...     class_map = segmenter.predict(rgb)  # rgb: uint8 [H, W, 3] -> uint8 [H, W]

    Leaving the ``with`` block, or :meth:`close`, frees the model's memory; without either it is freed with the object.

    Args:
        path: an artifact; the bundled INT8 CamVid model if None.
        threads: for the engine; the usable CPUs, at most four, if None.
        engine: an engine that is already loaded, instead of ``path``.
        classes: names and colors instead of the artifact's.

    Raises:
        ModelFileError: the artifact is missing, damaged or not of this package.
        MissingExtraError: no inference engine is installed.
        UsageError: ``classes`` are more or fewer than the artifact's.
    """

    def __init__(
        self,
        path: str | Path | None = None,
        threads: int | None = None,
        *,
        engine: Engine | None = None,
        classes: ClassSet | None = None,
    ) -> None:
        self._engine: Engine | None = engine or open_engine(bundled_model() if path is None else path, threads)
        self.spec: ModelSpec = self._engine.spec
        if classes is not None:
            self.spec = _renamed(self.spec, classes)
        self._plan: MaskPlan | None = None
        # An engine has one input buffer and a plan one canvas. Two locks, so that one thread's mask is computed while
        # the network runs for another (decision 0040).
        self._network, self._painting = threading.Lock(), threading.Lock()

    def __enter__(self) -> Segmenter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the engine, after the frames in progress. A second call does nothing."""
        with self._network, self._painting:
            self._engine = self._plan = None

    @property
    def engine(self) -> Engine:
        """The loaded engine. It is not thread-safe, so do not run it during :meth:`predict`.

        Raises:
            RuntimeError: the segmenter is closed.
        """
        if self._engine is None:
            raise RuntimeError("this Segmenter is closed; make a new one")
        return self._engine

    def predict(self, rgb: np.ndarray) -> np.ndarray:
        """Compute the class of every pixel of ``rgb``.

        Args:
            rgb: uint8 [H, W, 3] of any size; it is resized to the model's input, and the logits are
                interpolated straight to its own size.

        Returns:
            uint8 [H, W], indices into ``spec.classes``.

        Raises:
            TypeError: ``rgb`` is no array.
            ValueError: ``rgb`` has another shape or dtype.
        """
        return self.predict_timed(rgb).class_map

    def predict_timed(
        self,
        rgb: np.ndarray,
        out: np.ndarray | None = None,
        change: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> Prediction:
        """Run :meth:`predict` and time each stage.

        Args:
            rgb: as of :meth:`predict`.
            out: contiguous uint8 [H, W] for the result, if given.
            change: returns the logits that the mask is made of, for those of the network; part of the stage *mask*.
        """
        # Checked before the engine lends its memory: a caller that keeps the exception would also keep that memory.
        check_frame(rgb)
        with self._network:
            start = time.perf_counter_ns()
            preprocess(rgb, self.spec, self.engine.input_view())
            prepared = time.perf_counter_ns()
            self.engine.invoke()
            logits = self.engine.logits()
            invoked = time.perf_counter_ns()
        with self._painting:
            painting = time.perf_counter_ns()
            if change is not None:
                logits = change(logits)
            class_map = self._plan_for(logits, (rgb.shape[0], rgb.shape[1])).run(logits, out)
            return Prediction(class_map, prepared - start, invoked - prepared, time.perf_counter_ns() - painting)

    def _plan_for(self, logits: np.ndarray, size: tuple[int, int]) -> MaskPlan:
        """Mask plan for this size, kept until an image of another size arrives."""
        if self._plan is None or self._plan.size != size:
            self._plan = MaskPlan((logits.shape[0], logits.shape[1]), size, self.spec.align_corners)
        return self._plan


def _renamed(spec: ModelSpec, classes: ClassSet) -> ModelSpec:
    require(
        len(classes) == len(spec.classes),
        f"--classes names {len(classes)} classes, and the model has {len(spec.classes)}",
    )
    return replace(spec, classes=classes)


def bundled_model() -> Path:
    """Path of the model that ships with the package and whose engine is installed; the .tflite if none is.

    Raises:
        ModelFileError: this installation has none.
    """
    runnable = (name for name, packages in BUNDLED.items() if any(find_spec(p) for p in packages))
    path = WEIGHTS / next(runnable, next(iter(BUNDLED)))
    if not path.is_file():
        raise ModelFileError(
            f"this installation has no bundled model ({path.name}); "
            "make one with: fastscnn-edge export, and pass its path"
        )
    return path
