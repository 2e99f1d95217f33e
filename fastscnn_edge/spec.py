"""What an artifact says about itself: plain data that travels inside every file we write."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

Colour = tuple[int, int, int]
Triple = tuple[float, float, float]


@dataclass(frozen=True)
class ClassSet:
    """Names and colours of the classes, in the order of the logits.

    Raises:
        ValueError: not one 8-bit RGB colour per label.
    """

    labels: tuple[str, ...]
    palette: tuple[Colour, ...]

    def __post_init__(self) -> None:
        if len(self.labels) != len(self.palette):
            raise ValueError(f"{len(self.labels)} labels but {len(self.palette)} colours")
        if any(len(c) != 3 or not all(0 <= v <= 255 for v in c) for c in self.palette):
            raise ValueError("each colour is three integers in 0..255")

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Normalisation:
    """Network input = (pixel - mean) / std, per RGB channel, pixels in 0..255."""

    mean: Triple
    std: Triple

    def __post_init__(self) -> None:
        if len(self.mean) != 3 or len(self.std) != 3 or min(self.std) <= 0:
            raise ValueError("mean and std are three numbers each, std above 0")


INT8_NATIVE = Normalisation((128.0, 128.0, 128.0), (64.0, 64.0, 64.0))
"""Our own weights: the int8 input is ``pixel - 128`` and zero padding is integer 0."""

IMAGENET = Normalisation((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
"""mmsegmentation's published weights; the paper dialect uses the same figures."""


@dataclass(frozen=True)
class ModelSpec:
    """Metadata of an artifact.

    Whatever the checkpoint's own normalisation was, it is folded into the first convolution:
    a .tflite takes RGB, NHWC, ``pixel - 128`` (int8, or float32 with the same values) and
    returns logits on the 1/8 grid, NHWC; what an .onnx takes and returns is chosen at its export.

    Attributes:
        height, width: input size in pixels.
        classes: labels and palette.
        normalisation: what the checkpoint was trained with (already folded in).
        dialect: ``mmseg`` or ``paper``.
        align_corners: how the logits must be interpolated to pixels.
        precision: ``int8``, ``fp32``, ``fp16`` or ``dynamic``.
        preset: quantization scheme, ``affine`` or ``symmetric``; ``float`` where nothing is quantized.
        checkpoint_sha256: of the checkpoint file the artifact was made from.
        resize_filter: how pictures of another size are brought to the input size.
        version: of the package that wrote the file.
        head: what comes out: ``logits``; of an .onnx also ``upsampled`` logits or ``argmax``, a class map.
    """

    height: int
    width: int
    classes: ClassSet
    normalisation: Normalisation
    dialect: str
    align_corners: bool
    precision: str
    preset: str
    checkpoint_sha256: str
    version: str
    resize_filter: str = "bilinear"
    head: str = "logits"

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1, sort_keys=True)

    @staticmethod
    def from_json(text: str) -> ModelSpec:
        """Inverse of :meth:`to_json`.

        Raises:
            ValueError: not JSON, or fields are missing, unknown or out of range.
        """
        try:
            raw = json.loads(text)
            raw["classes"] = class_set_from_dict(raw["classes"])
            raw["normalisation"] = normalisation_from_dict(raw["normalisation"])
            return ModelSpec(**raw)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not a model description: {error}") from error


def class_set_from_dict(raw: dict) -> ClassSet:
    """A :class:`ClassSet` from its JSON form."""
    return ClassSet(tuple(str(s) for s in raw["labels"]), tuple(_colour(c) for c in raw["palette"]))


def normalisation_from_dict(raw: dict) -> Normalisation:
    """A :class:`Normalisation` from its JSON form."""
    mean, std = (tuple(float(v) for v in raw[key]) for key in ("mean", "std"))
    return Normalisation(mean, std)  # type: ignore[arg-type]  # length is checked in __post_init__


def _colour(values: list[int]) -> Colour:
    red, green, blue = (int(v) for v in values)
    return red, green, blue
