"""Segmentation of one image: the whole runtime behind three lines of user code."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np

from ...errors import ModelFileError, require
from ...spec import ClassSet, ModelSpec
from ...text import count_of
from ..engines.base import Engine
from ..engines.open import open_engine
from ..frames import Frame
from ..mask.plan import MaskPlan
from .images_of import rgb_of
from .preprocess import check_frame, preprocess
from .segmentation import Segmentation

if TYPE_CHECKING:
    from .images_of import ImageLike

WEIGHTS = Path(__file__).parents[2] / "weights"

# Bundled model -> packages that can run it, in order of preference.
BUNDLED = {
    "fastscnn_camvid_int8.tflite": ("ai_edge_litert", "tflite_runtime"),
    "fastscnn_camvid_int8.onnx": ("onnxruntime",),
}


_KEPT_PLANS, _KEPT_PIXELS = 4, 1 << 21
"""Mask plans kept at most, and pixels of an image above which its plan is the only one: it holds a copy of the mask."""


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
        ...     class_map = segmenter.predict("street.jpg")  # or RGB uint8 [H, W, 3], or a Pillow image -> uint8 [H, W]
        ...     segmenter.segment("street.jpg").save("results")

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
        self._plans: dict[tuple[int, int], MaskPlan] = {}
        # An engine has one input buffer and a plan one canvas. Two locks, so that one thread's mask is computed while
        # the network runs for another (decision 0040).
        self._network, self._painting = threading.Lock(), threading.Lock()

    def __repr__(self) -> str:
        if self._engine is None:
            return "<Segmenter, closed>"
        spec, engine = self.spec, self._engine
        threads = count_of(engine.threads, "thread")
        size = f"{spec.height}x{spec.width}"
        return (
            f"<Segmenter {spec.precision} {size}, {count_of(len(spec.classes), 'class')}, {engine.library}, {threads}>"
        )

    def __enter__(self) -> Segmenter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the engine, after the frames in progress. A second call does nothing."""
        with self._network, self._painting:
            self._engine = None
            self._plans.clear()

    @property
    def engine(self) -> Engine:
        """The loaded engine. It is not thread-safe, so do not run it during :meth:`predict`.

        Raises:
            RuntimeError: the segmenter is closed.
        """
        if self._engine is None:
            raise RuntimeError("this Segmenter is closed; make a new one")
        return self._engine

    @overload
    def predict(self, image: list[ImageLike] | tuple[ImageLike, ...]) -> list[np.ndarray]: ...

    @overload
    def predict(self, image: ImageLike) -> np.ndarray: ...

    def predict(self, image: Any) -> Any:
        """Compute the class of every pixel.

        Args:
            image: RGB uint8 [H, W, 3] of any size, a Pillow image, or the path of an image file; or a list of such. It
                is resized to the model's input, and the logits are interpolated straight to its own size.

        Returns:
            uint8 [H, W], indices into ``spec.classes``; for a list, a list.

        Raises:
            TypeError: ``image`` is none of these.
            ValueError: an array of another shape or dtype.
            SourceError: a file cannot be read as an image.
        """
        if isinstance(image, (list, tuple)):
            return [self.predict(one) for one in image]
        return self.predict_timed(rgb_of(image)[0]).class_map

    @overload
    def segment(self, image: list[ImageLike] | tuple[ImageLike, ...]) -> list[Segmentation]: ...

    @overload
    def segment(self, image: ImageLike) -> Segmentation: ...

    def segment(self, image: Any) -> Any:
        """Segment an image: as :meth:`predict`, with probabilities, shares of the classes and drawings.

        Returns:
            :class:`.segmentation.Segmentation`; for a list, a list.

        Raises:
            TypeError, ValueError, SourceError: as of :meth:`predict`.
        """
        if isinstance(image, (list, tuple)):
            return [self.segment(one) for one in image]
        rgb, name = rgb_of(image)
        return self._segmented(Frame(rgb, name, time.monotonic()))

    def stream(self, source: str | int | os.PathLike[str]) -> Iterator[Segmentation]:
        """Segment the frames of a source one after the other; closing the generator closes the source.

        Args:
            source: a picture, a folder of pictures, a video, or a camera as ``--camera`` names it: its number,
                ``csi``, ``rtsp://...``. Of a camera the newest frame is taken each time.

        Raises:
            SourceError: there is no such source, or it cannot be read.
        """
        from ..cameras.frames_of import frames_of

        with frames_of(source, (self.spec.width, self.spec.height)) as frames:
            for frame in frames:
                yield self._segmented(frame)

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

    def _segmented(self, frame: Frame) -> Segmentation:
        quantization = self.engine.output_quantization
        kept: list[np.ndarray] = []

        def keep(logits: np.ndarray) -> np.ndarray:
            kept.append(logits.astype(np.float32))
            return logits

        class_map = self.predict_timed(frame.rgb, change=keep).class_map
        (real,) = kept
        if quantization is not None:
            real = (real - np.float32(quantization.zero_point)) * np.float32(quantization.scale)
        return Segmentation(
            frame.rgb, class_map, self.spec.classes, real, self.spec.align_corners, frame.name, frame.captured_at
        )

    def _plan_for(self, logits: np.ndarray, size: tuple[int, int]) -> MaskPlan:
        """Mask plan for this size. The last of a few sizes is kept, as several cameras may have, one if it is large."""
        plan = self._plans.get(size)
        if plan is None:
            if len(self._plans) >= _KEPT_PLANS or size[0] * size[1] > _KEPT_PIXELS:
                self._plans.clear()
            plan = self._plans[size] = MaskPlan((logits.shape[0], logits.shape[1]), size, self.spec.align_corners)
        return plan


def _renamed(spec: ModelSpec, classes: ClassSet) -> ModelSpec:
    require(
        len(classes) == len(spec.classes),
        f"--classes names {count_of(len(classes), 'class')}, and the model has {len(spec.classes)}",
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
