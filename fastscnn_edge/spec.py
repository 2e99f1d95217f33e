"""Description of an artifact: plain data inside every file this package writes."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import Any

Color = tuple[int, int, int]
Triple = tuple[float, float, float]


@dataclass(frozen=True)
class ClassSet:
    """Names and colors of the classes, in the order of the logits.

    Raises:
        ValueError: not one 8-bit RGB color per label, or a label twice.
    """

    labels: tuple[str, ...]
    palette: tuple[Color, ...]

    def __post_init__(self) -> None:
        if len(self.labels) != len(self.palette):
            raise ValueError(f"{len(self.labels)} labels but {len(self.palette)} colors")
        if len(set(self.labels)) < len(self.labels):
            raise ValueError("two classes have the same label")
        if any(len(c) != 3 or not all(0 <= v <= 255 for v in c) for c in self.palette):
            raise ValueError("each color is three integers in 0..255")

    def __len__(self) -> int:
        return len(self.labels)

    def index(self, label: str) -> int:
        """Index of a class by its label.

        Raises:
            ValueError: there is no such class.
        """
        if label not in self.labels:
            raise ValueError(f"there is no class '{label}'; one of: {', '.join(self.labels)}")
        return self.labels.index(label)


@dataclass(frozen=True)
class Normalization:
    """Normalization of the input: (pixel - mean) / std, per RGB channel, pixels in 0..255."""

    mean: Triple
    std: Triple

    def __post_init__(self) -> None:
        numbers = (*self.mean, *self.std)
        if len(self.mean) != 3 or len(self.std) != 3 or not all(map(math.isfinite, numbers)) or min(self.std) <= 0:
            raise ValueError("mean and std are three finite numbers each, std above 0")


INT8_NATIVE = Normalization((128.0, 128.0, 128.0), (64.0, 64.0, 64.0))
"""Normalization of this package's own weights: the int8 input is ``pixel - 128`` and zero padding is integer 0."""

IMAGENET = Normalization((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
"""Normalization of mmsegmentation's published weights; the paper dialect uses the same figures."""


MAX_EXTENT = 16384
"""Largest side in pixels that a description may state; exports are limited to half of it."""

_CHOICES = {
    "precision": ("int8", "fp32", "fp16", "dynamic"),
    "scheme": ("affine", "symmetric", "float"),
    "resize_filter": ("bilinear",),
    "head": ("logits", "upsampled", "argmax"),
}

_OLD_KEYS = {"normalisation": "normalization", "preset": "scheme"}


@dataclass(frozen=True)
class ModelSpec:
    """Description of an artifact.

    The checkpoint's normalization is folded into the first convolution: a .tflite takes RGB, NHWC, ``pixel - 128``
    (int8, or float32 with the same values) and returns logits on the 1/8 grid, NHWC. Input and output of an .onnx are
    chosen at its export.

    Attributes:
        height, width: input size in pixels.
        classes: class set: labels and palette.
        normalization: normalization the checkpoint was trained with (already folded in).
        dialect: ``mmseg`` or ``paper``.
        align_corners: how the logits must be interpolated to pixels.
        precision: ``int8``, ``fp32``, ``fp16`` or ``dynamic``.
        scheme: quantization scheme, ``affine`` or ``symmetric``; ``float`` if nothing is quantized.
        checkpoint_sha256: digest of the checkpoint file the artifact was made from.
        resize_filter: filter that resizes frames to the input size.
        version: version of the package that wrote the file.
        head: output: ``logits``; in an .onnx also ``upsampled`` logits or ``argmax``, a class map.
    """

    height: int
    width: int
    classes: ClassSet
    normalization: Normalization
    dialect: str
    align_corners: bool
    precision: str
    scheme: str
    checkpoint_sha256: str
    version: str
    resize_filter: str = "bilinear"
    head: str = "logits"

    def __post_init__(self) -> None:
        for name, extent in (("height", self.height), ("width", self.width)):
            if type(extent) is not int or not 1 <= extent <= MAX_EXTENT:
                raise ValueError(f"{name} is 1 to {MAX_EXTENT} pixels, not {extent!r:.40}")
        if type(self.align_corners) is not bool:
            raise ValueError(f"align_corners is true or false, not {self.align_corners!r:.40}")
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} is one of {', '.join(allowed)}, not {getattr(self, name)!r:.40}")
        for name in ("dialect", "checkpoint_sha256", "version"):
            if not isinstance(getattr(self, name), str):
                raise ValueError(f"{name} is text, not {getattr(self, name)!r:.40}")

    def to_json(self) -> str:
        """Encode as JSON text with sorted keys: equal descriptions give equal bytes."""
        return json.dumps(asdict(self), indent=1, sort_keys=True)

    @staticmethod
    def from_json(text: str) -> ModelSpec:
        """Decode the result of :meth:`to_json`.

        Raises:
            ValueError: not JSON, or fields are missing, unknown or out of range.
        """
        try:
            raw = with_new_keys(json.loads(text))
            raw["classes"] = class_set_from_dict(raw["classes"])
            raw["normalization"] = normalization_from_dict(raw["normalization"])
            return ModelSpec(**raw)
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"not a model description: {error}") from error


def with_new_keys(raw: dict[str, Any]) -> dict[str, Any]:
    """Copy ``raw`` with the keys of earlier files renamed to their present names."""
    return {_OLD_KEYS.get(key, key): value for key, value in raw.items()}


def class_set_from_dict(raw: dict[str, Any]) -> ClassSet:
    """Decode a :class:`ClassSet` from its JSON form."""
    try:
        return ClassSet(tuple(str(s) for s in raw["labels"]), tuple(_color(c) for c in raw["palette"]))
    except OverflowError as error:  # Infinity, as Python's JSON has it
        raise ValueError(f"a color is no number: {error}") from error


def network_size(value: Any) -> tuple[int, int]:
    """Check an input size (height, width) in pixels that a file states.

    Raises:
        ValueError: not two integers of 32 to half of :data:`MAX_EXTENT`.
    """
    if not (
        isinstance(value, (list, tuple))
        and len(value) == 2
        and all(type(extent) is int and 32 <= extent <= MAX_EXTENT // 2 for extent in value)
    ):
        raise ValueError(f"a size is two integers of 32 to {MAX_EXTENT // 2} pixels, not {value!r:.40}")
    height, width = value
    return height, width


def normalization_from_dict(raw: dict[str, Any]) -> Normalization:
    """Decode a :class:`Normalization` from its JSON form."""
    try:
        mean, std = (tuple(float(v) for v in raw[key]) for key in ("mean", "std"))
    except OverflowError as error:  # an integer of more than 300 digits
        raise ValueError(f"mean or std: {error}") from error
    return Normalization(mean, std)  # type: ignore[arg-type]  # length is checked in __post_init__


def _color(values: list[int]) -> Color:
    red, green, blue = (int(v) for v in values)
    return red, green, blue
