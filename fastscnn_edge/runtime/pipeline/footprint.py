"""Estimate of a run's peak memory, before anything is loaded.

    peak = this process now + engine's library + 2 x file + activations x model pixels
           + frames x frame pixels + resizing [+ drawing] [+ blurring] [+ smoothing] [+ video library]

* *This process now* is Python, numpy, Pillow and this package, as the kernel counts them here.
* *Engine's library* is the code an engine maps and the heap it starts with.
* *2 x file*: weights are mapped from the file, then packed again in the order the kernels read.
* *Activations* are bytes per pixel of the model's input, all layers together: every tensor's size is a fraction of
  the input size, and so is their sum. They depend on the engine's memory planner, so they are measured, not derived.

* *Frames* are bytes per pixel of a frame, of all its copies that are in memory at the worst moment.

The figures are fits to the peaks of fresh processes: ``fastscnn-edge memory MODEL... --measure`` measures them again
and prints the fit; docs/memory.md has its table. They hold only for this package's network.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from ...errors import UsageError
from ...spec import ModelSpec
from ...units import MIB
from ..engines.open import ONNXRUNTIME, TFLITE
from ..images.header import PictureHeader
from ..images.resize import LARGE
from .pipeline import LARGE_FRAME

STEP = 32
"""Suggested input sizes are multiples of this many pixels."""

_ADVISED = 0.95
"""Part of a limit that an advised size may take: estimates of pictures are within a few percent of what is measured."""

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

# Bytes per pixel of a frame.
_FRAME = 6.0  # RGB, class map, the canvas it is painted on, the mask's temporaries
_HELD = 3.0  # each further frame that is held
_DECODED = 7.0  # Pillow's RGBX and our RGB, while a picture is decoded whose header is not known
_KEPT = 4.0  # RGB and class map, once it is
_PIPELINED = 17.0, 9.2  # of a folder: three pictures in progress; above LARGE_FRAME pixels one, and what is not reused
_CAMERA = 28.0  # five frames, three class maps, a canvas, the driver's four buffers
_VIDEO = (29.0, 0.0), (18.5, 21.0 * MIB)  # per pixel, constant: the smaller counts; FFmpeg's frames and ours
_DRAWN = 6.2  # an overlay and its JPEG encoder
_BLURRED = 3.4  # a copy of a picture, and what is drawn while it is there
_BLURRED_MOVING = 6.0  # two copies: page and window keep the newest
_SMOOTHED = 12.0  # bytes per class and point of the logits' grid: the mean, and what its mask needs beyond int8

_SETTLED = 3.0 * MIB  # what pipeline and readers allocate for any size
_RESIZED_INPUT = 4.0  # bytes per pixel of the model's input, if frames have another size
_NARROWED, _COPIED = 7.0, 4.0  # while resizing: per pixel of a large frame made narrow, or of a small frame
_DRAWING = 4.0 * MIB  # fonts and encoders
_DRAWING_MOVING = 2.5 * MIB
_DRAWN_PICTURES = 6.0 * MIB
_DRAWN_PICTURE = 5.0 * MIB, 3.0, 9.0 * MIB, 0.5  # of one: constant, per pixel, up to this, and beyond
_VIDEO_LIBRARY, _VIDEO_DECODER = 19.0 * MIB, 7.0 * MIB


class Kind(enum.Enum):
    """Where a run's frames come from."""

    GIVEN = "frames in memory"
    PICTURE = "one picture"
    FOLDER = "pictures of a folder"
    VIDEO = "a video"
    CAMERA = "a camera"


class Workload(NamedTuple):
    """A run's work besides the network.

    Attributes:
        frame: (height, width) of the frames in pixels; None: the model's input size.
        kind: where they come from.
        held: frames of :attr:`Kind.GIVEN` in memory at once, or number of cameras.
        video_loaded: the video library is already loaded in this process.
        drawing: overlays are drawn.
        blurring: frames are copied to blur classes.
        smoothing: logits are averaged over time.
        pictures: headers of a source's pictures.
        max_side: they are made smaller while they are read.
    """

    frame: tuple[int, int] | None = None
    kind: Kind = Kind.GIVEN
    held: int = 1
    video_loaded: bool = False
    drawing: bool = False
    blurring: bool = False
    smoothing: bool = False
    pictures: tuple[PictureHeader, ...] = ()
    max_side: int | None = None

    @property
    def reading(self) -> float:
        """Most bytes while one of the pictures is read, with the frame that it becomes."""
        height, width = self.frame or (0, 0)
        return max((each.reading(self.max_side) for each in self.pictures), default=_DECODED * height * width)

    def with_frames(self, longer: int) -> Workload:
        """The same work, the frames' longer side ``longer``."""
        if self.pictures:
            return self._replace(frame=largest(self.pictures, longer), max_side=longer)
        height, width = self.frame or (longer, longer)
        share = longer / max(height, width)
        return self._replace(frame=(max(1, round(height * share)), max(1, round(width * share))))


def largest(pictures: Iterable[PictureHeader], max_side: int | None) -> tuple[int, int]:
    """(height, width) of the largest of ``pictures`` once they are read."""
    return max((each.within(max_side) for each in pictures), key=lambda size: size[0] * size[1])


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
    return Footprint(
        (
            (PROCESS, process),
            (f"the library of {engine}", _LIBRARY[engine]),
            ("weights", 2.0 * file_bytes),
            ("activations", activations(engine, spec) * pixels),
            *_frames(spec, work),
            ("smoothing", _SMOOTHED * len(spec.classes) * pixels / 64 * work.smoothing * work.held),
        )
    )


def _frames(spec: ModelSpec, work: Workload) -> tuple[tuple[str, float], ...]:
    """Parts that depend on the frames, whatever the network."""
    height, width = work.frame or (spec.height, spec.width)
    frame = height * width
    resizing = 0.0
    if (height, width) != (spec.height, spec.width):
        large = frame > LARGE and width != spec.width
        resizing = _RESIZED_INPUT * spec.height * spec.width
        resizing += _NARROWED * height * spec.width if large else _COPIED * frame
    if work.kind is Kind.GIVEN:
        drawn = (_DRAWING_MOVING + _DRAWN * frame) * work.drawing
        return ("frames", (_FRAME + _HELD * (work.held - 1)) * frame + resizing), ("drawing", drawn)
    if work.kind is Kind.PICTURE:
        # One after the other: decoding needs most for a large picture, resizing for a large model.
        constant, small, most, beyond = _DRAWN_PICTURE
        drawn = (constant + min(small * frame, most) + beyond * frame) * work.drawing
        drawn += _BLURRED * frame * work.blurring
        most = max(work.reading, _KEPT * frame + resizing, _KEPT * frame + drawn)
        return (("the picture", _SETTLED + most),)
    if work.kind is Kind.FOLDER:
        several, alone = _PIPELINED
        reading = work.reading - _DECODED * frame  # beyond what the figures measured with JPEGs have of it
        most = max(several * frame + reading, (several - _HELD) * frame) + resizing
        if frame > LARGE_FRAME:
            most = max(alone * frame + reading, (alone - _HELD) * frame + resizing)
        drawn = (_DRAWING + min(2.0 * frame, _DRAWN_PICTURES)) * work.drawing + _BLURRED * frame * work.blurring
        return ("the pictures", _SETTLED + most), ("drawing", drawn)
    copies = _BLURRED_MOVING * frame * work.blurring
    drawing = "drawing", (_DRAWING_MOVING + _DRAWN * frame) * work.drawing + copies
    if work.kind is Kind.CAMERA:
        return ("the camera's frames", _SETTLED + _CAMERA * frame * work.held + resizing), drawing
    library = _VIDEO_DECODER + _VIDEO_LIBRARY * (not work.video_loaded)
    most = min(each * frame + constant for each, constant in _VIDEO)
    return ("the video's frames", library + most + resizing), drawing


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
    spec: ModelSpec,
    engine: str,
    file_bytes: int,
    process: int,
    limit: int,
    work: Workload = PLAIN,
    option: str = "--memory-limit",
) -> Footprint:
    """Return the estimate if it is within ``limit`` bytes, which the user gave with ``option``.

    Raises:
        UsageError: it is not; the message lists the parts and what would fit.
    """
    found = estimate(spec, engine, file_bytes, process, work)
    if found.total <= limit:
        return found
    raise UsageError(
        f"about {found.total / MIB:.0f} MiB are needed at {spec.height}x{spec.width} ({found}), and {option} is "
        f"{amount(limit)}; {_way(spec, engine, file_bytes, process, limit, work)}"
    )


def amount(size: int) -> str:
    """``128 MiB``, and ``4 KiB`` below one."""
    return f"{size / MIB:.0f} MiB" if size >= MIB else f"{size / 1024:.0f} KiB"


def _way(spec: ModelSpec, engine: str, file_bytes: int, process: int, limit: int, work: Workload) -> str:
    """What the user can do: smaller frames, which cost no accuracy of the model, or a smaller model, or both."""
    frame = largest_frame(spec, engine, file_bytes, process, limit, work)
    if frame is not None:
        height, width = frame
        smaller = f"--camera-size {width}x{height}" if work.kind is Kind.CAMERA else f"--max-size {max(frame)}"
        return f"{smaller} would fit"
    size = largest_size(spec, engine, file_bytes, process, limit, work)
    if size is not None:
        return f"an input of {size[0]}x{size[1]} would fit: fastscnn-edge export --size {size[0]}x{size[1]}"
    if work.pictures and estimate(spec, engine, file_bytes, process).total <= limit:
        reading = max(each.reading(STEP) for each in work.pictures)
        needed = f"a picture takes {reading / MIB:.0f} MiB while it is decoded"
        return f"{needed}; make it smaller before, or a baseline JPEG of it"
    if work.frame is not None and (size := largest_size(spec, engine, file_bytes, process, limit, Workload())):
        return f"no input size would fit with frames of {work.frame[0]}x{work.frame[1]}; make both smaller"
    return "no input size would fit"


def largest_frame(
    spec: ModelSpec, engine: str, file_bytes: int, process: int, limit: int, work: Workload
) -> tuple[int, int] | None:
    """Largest (height, width) of frames of this shape, not below the model's input, well within ``limit`` bytes.

    None if none fits, or if frames cannot be had smaller: those of a video, or of a benchmark.
    """
    if work.frame is None or work.kind not in (Kind.PICTURE, Kind.FOLDER, Kind.CAMERA):
        return None
    for longer in range(max(work.frame) // STEP * STEP, 0, -STEP):
        smaller = work.with_frames(longer)
        if smaller.frame is None or (smaller.frame[0] < spec.height and smaller.frame[1] < spec.width):
            return None
        if estimate(spec, engine, file_bytes, process, smaller).total <= _ADVISED * limit:
            return smaller.frame
    return None
