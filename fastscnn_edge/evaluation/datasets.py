"""Pictures with label maps, in the two layouts this package reads. Needs numpy and Pillow only.

* ``camvid``: ``ROOT/{train,val}/images/NAME.jpg`` with ``ROOT/{train,val}/labels/NAME.png``, label
  value = class index, larger values = void; optional ``ROOT/classes.txt``.
* ``cityscapes``: ``ROOT/leftImg8bit/{train,val}/CITY/*_leftImg8bit.png`` with
  ``ROOT/gtFine/{train,val}/CITY/*_gtFine_labelIds.png``, mapped to the 19 train ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from ..classes import CAMVID, CITYSCAPES, generic
from ..errors import DatasetError
from ..runtime.images import list_images, read_image
from ..spec import ClassSet

IGNORE = 255
"""Label of pixels that count neither in the loss nor in the mIoU."""

# labelIds of the 19 evaluated classes, in train-id order (cityscapesScripts, helpers/labels.py).
_CITYSCAPES_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)


@dataclass(frozen=True)
class Dataset:
    """Where the images of one split are and how their label maps read.

    Attributes:
        samples: (image, label map) paths, sorted.
        classes: labels and palette.
        label_table: uint8 [256], label-map value -> class index or :data:`IGNORE`.
    """

    samples: Sequence[tuple[Path, Path]]
    classes: ClassSet
    label_table: np.ndarray

    def __len__(self) -> int:
        return len(self.samples)

    def pair(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """The image and its labels.

        Raises:
            DatasetError: the label map cannot be read, or is not of the image's size.
            SourceError: the image cannot be read.
        """
        image, labels = self.image(index), self.labels(index)
        if image.shape[:2] != labels.shape:
            (height, width), (label_height, label_width) = image.shape[:2], labels.shape
            raise DatasetError(
                f"label map {self.samples[index][1]} is {label_height}x{label_width} pixels, "
                f"its picture {height}x{width}"
            )
        return image, labels

    def image(self, index: int) -> np.ndarray:
        """RGB uint8 [H, W, 3]."""
        return read_image(self.samples[index][0])

    def labels(self, index: int) -> np.ndarray:
        """Class indices uint8 [H, W], :data:`IGNORE` where void."""
        path = self.samples[index][1]
        try:
            with Image.open(path) as image:
                values = np.asarray(image)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise DatasetError(f"cannot read label map {path}: {error}") from error
        if values.ndim != 2 or values.dtype != np.uint8:
            raise DatasetError(f"label map {path} is not 8-bit single channel: a pixel's value must be its class index")
        result: np.ndarray = self.label_table[values]
        return result


def open_dataset(root: str | Path, split: str, limit: int | None = None) -> Dataset:
    """Open one split, the layout found from the folders; only its first ``limit`` images if given.

    Raises:
        DatasetError: neither layout is there, images lack label maps, or the class list makes no sense.
    """
    root = Path(root)
    if (root / "leftImg8bit" / split).is_dir():
        dataset = _cityscapes(root, split)
        return replace(dataset, samples=dataset.samples[:limit])
    if (root / split / "images").is_dir():
        dataset = _camvid(root, split)
        return replace(dataset, samples=dataset.samples[:limit])
    raise DatasetError(
        f"{root} holds no split '{split}': expected {split}/images and {split}/labels (camvid) "
        f"or leftImg8bit/{split} and gtFine/{split} (cityscapes)"
    )


def _camvid(root: Path, split: str) -> Dataset:
    images = list_images(root / split / "images")
    samples = [(p, root / split / "labels" / f"{p.stem}.png") for p in images]
    classes = _read_classes(root / "classes.txt")
    table = np.full(256, IGNORE, np.uint8)
    table[: len(classes)] = np.arange(len(classes))
    return Dataset(_checked(samples, root / split / "images"), classes, table)


def _cityscapes(root: Path, split: str) -> Dataset:
    samples = []
    for city in sorted(p for p in (root / "leftImg8bit" / split).iterdir() if p.is_dir()):
        for image in sorted(city.glob("[!.]*_leftImg8bit.png")):
            stem = image.name.removesuffix("_leftImg8bit.png")
            samples.append((image, root / "gtFine" / split / city.name / f"{stem}_gtFine_labelIds.png"))
    table = np.full(256, IGNORE, np.uint8)
    table[list(_CITYSCAPES_IDS)] = np.arange(len(CITYSCAPES))
    return Dataset(_checked(samples, root / "leftImg8bit" / split), CITYSCAPES, table)


def _read_classes(path: Path) -> ClassSet:
    if not path.is_file():
        return CAMVID
    try:
        names = tuple(line.strip() for line in path.read_text("utf-8-sig").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"cannot read {path} as one class name a line: {error}") from error
    if not 1 <= len(names) <= IGNORE:
        raise DatasetError(f"{path} names {len(names)} classes; 1 to {IGNORE} are possible")
    return CAMVID if names == CAMVID.labels else generic(len(names), names)


def _checked(samples: list[tuple[Path, Path]], folder: Path) -> list[tuple[Path, Path]]:
    if not samples:
        raise DatasetError(f"{folder} holds no pictures")
    missing = [labels for _, labels in samples if not labels.is_file()]
    if missing:
        raise DatasetError(f"{len(missing)} of {len(samples)} pictures lack a label map, first {missing[0]}")
    return samples
