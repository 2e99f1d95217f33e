"""Estimate of a run's peak memory, before anything is loaded.

    peak = this process now + engine's library + 2 x file + activations x model pixels
           + frames x frame pixels [+ decoding x picture pixels] [+ drawing x frame pixels] [+ video library]

* *This process now* is Python, numpy, Pillow and this package, as the kernel counts them here.
* *Engine's library* is the code an engine maps and the heap it starts with.
* *2 x file*: weights are mapped from the file, then packed again in the order the kernels read.
* *Activations* are bytes per pixel of the model's input, all layers together: every tensor's size is a fraction of
  the input size, and so is their sum. They depend on the engine's memory planner, so they are measured, not derived.

The figures are fits to the peaks of fresh processes: ``fastscnn-edge memory MODEL... --measure`` measures them again
and prints the fit; docs/memory.md has its table. They hold only for this package's network.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from ...errors import UsageError
from ...spec import ModelSpec
from ...units import MIB

STEP = 32
"""Suggested input sizes are multiples of this many pixels."""

TFLITE, ONNXRUNTIME = "tflite", "onnxruntime"

PROCESS = "python and this package"
"""Name of the part that is there before a model is loaded."""

_LIBRARY = {TFLITE: 15.5 * MIB, ONNXRUNTIME: 42.0 * MIB}
_ACTIVATIONS = {  # bytes per pixel of the model's input
    (TFLITE, "int8"): 31.5,
    (TFLITE, "fp32"): 77.5,
    (ONNXRUNTIME, "int8"): 62.0,
    (ONNXRUNTIME, "fp32"): 129.0,
}

_SINGLE_PIXELS = 5.0  # extra where an odd width keeps the first layer of an INT8 .tflite from working on pairs
_FRAME = 6.0  # bytes per pixel: RGB, class map, the canvas it is painted on, the mask's temporaries
_HELD = 3.0  # each further frame held in memory
_DECODING = 11.0  # Pillow's own RGBX, our RGB, and the frame before
_RESIZING = 4.0  # per pixel of the larger of frame and input, if they differ
_DRAWING = 9.0  # on top of decoding, whose memory it reuses: overlay, legend, encoder
_DRAWING_LIBRARY = 2.0 * MIB  # fonts and encoders
_VIDEO_LIBRARY, _VIDEO_DECODER = 19.0 * MIB, 5.0 * MIB


class Workload(NamedTuple):
    """A run's work besides the network.

    Attributes:
        frame: (height, width) of the frames in pixels; None: the model's input size.
        held: frames in memory at once.
        pictures: frames are decoded from image files.
        video: frames are decoded from a video.
        video_loaded: the video library is already loaded in this process.
        drawing: overlays are drawn.
    """

    frame: tuple[int, int] | None = None
    held: int = 1
    images: bool = False
    video: bool = False
    video_loaded: bool = False
    drawing: bool = False


PLAIN = Workload()


@dataclass(frozen=True)
class Footprint:
    """Estimated bytes per purpose; ``total`` is the estimated peak."""

    parts: tuple[tuple[str, float], ...]

    @property
    def total(self) -> int:
        return round(sum(value for _, value in self.parts))

    def __str__(self) -> str:
        return ", ".join(f"{name} {value / MIB:.0f}" for name, value in self.parts if value >= MIB / 2)


def estimate(spec: ModelSpec, engine: str, file_bytes: int, process: int, work: Workload = PLAIN) -> Footprint:
    """Estimate the peak of a process that now has ``process`` bytes resident and will run this model.

    Args:
        spec: the model's description.
        engine: ``tflite`` or ``onnxruntime``.
        file_bytes: size of the artifact.
        process: resident bytes, see :func:`.memory.read_memory`.
        work: the run's other work.
    """
    pixels = spec.height * spec.width
    height, width = work.frame or (spec.height, spec.width)
    frame = height * width
    decoded = work.images or work.video
    # Decoding ends before resizing begins and needs more, so only the larger counts.
    resized = max(pixels, frame) if frame != pixels and not decoded else 0
    video = (_VIDEO_DECODER + _VIDEO_LIBRARY * (not work.video_loaded)) * work.video
    return Footprint(
        (
            (PROCESS, process),
            (f"the library of {engine}", _LIBRARY[engine]),
            ("weights", 2.0 * file_bytes),
            ("activations", activations(engine, spec) * pixels),
            ("frames", (_FRAME + _HELD * (work.held - 1)) * frame + _RESIZING * resized),
            ("decoding", _DECODING * frame * decoded + video),
            ("drawing", (_DRAWING_LIBRARY + _DRAWING * frame) * work.drawing),
        )
    )


def activations(engine: str, spec: ModelSpec) -> float:
    """Activation bytes per pixel of the model's input; fp16 and dynamic files compute in float."""
    if spec.precision != "int8":
        return _ACTIVATIONS[engine, "fp32"]
    return _ACTIVATIONS[engine, "int8"] + _SINGLE_PIXELS * (engine == TFLITE and spec.width % 2)


def largest_size(
    spec: ModelSpec, engine: str, file_bytes: int, process: int, limit: int, work: Workload = PLAIN
) -> tuple[int, int] | None:
    """Largest (height, width) of about this shape, multiples of 32, within ``limit`` bytes; None if none fits."""
    for height in range(spec.height - spec.height % STEP, STEP - 1, -STEP):
        width = max(STEP, round(height * spec.width / spec.height / STEP) * STEP)
        smaller = replace(spec, height=height, width=width)
        if (height, width) != (spec.height, spec.width) and (
            estimate(smaller, engine, file_bytes, process, work).total <= limit
        ):
            return height, width
    return None


def require_fits(
    spec: ModelSpec, engine: str, file_bytes: int, process: int, limit: int, work: Workload = PLAIN
) -> Footprint:
    """Return the estimate if it is within ``limit`` bytes.

    Raises:
        UsageError: it is not; the message lists the parts and an input size that would fit.
    """
    found = estimate(spec, engine, file_bytes, process, work)
    if found.total <= limit:
        return found
    size = largest_size(spec, engine, file_bytes, process, limit, work)
    way = (
        f"an input of {size[0]}x{size[1]} would fit: fastscnn-edge export --size {size[0]}x{size[1]}"
        if size
        else "no input size would fit"
    )
    raise UsageError(
        f"about {found.total / MIB:.0f} MiB are needed at {spec.height}x{spec.width} ({found}), and --memory-limit is "
        f"{limit / MIB:.0f} MiB; {way}"
    )
