"""Images with label maps, in the two layouts this package reads. Needs only numpy and Pillow.

* ``camvid``: ``ROOT/{train,val}/images/NAME.jpg`` with ``ROOT/{train,val}/labels/NAME.png``, label
  value = class index, larger values = void; optional ``ROOT/classes.txt`` (:func:`..classes.parse_classes`).
* ``cityscapes``: ``ROOT/leftImg8bit/{train,val}/CITY/*_leftImg8bit.png`` with
  ``ROOT/gtFine/{train,val}/CITY/*_gtFine_labelIds.png``, mapped to the 19 train ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from ..classes import CAMVID, CITYSCAPES, parse_classes
from ..errors import DatasetError, SourceError
from ..files import read_text
from ..log import Warn
from ..native_stderr import without_libtiffs_lines
from ..runtime.images import MAX_PIXELS, ImageReader, list_images
from ..spec import ClassSet
from ..text import count_of
from .labels import IGNORE, LabelRules, LabelTable

# labelIds of the 19 evaluated classes, in train-id order (cityscapesScripts, helpers/labels.py).
_CITYSCAPES_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)


@dataclass(frozen=True)
class Dataset:
    """One split of a dataset: its files, and the meaning of its label maps.

    Attributes:
        samples: (image, label map) paths, sorted.
        classes: labels and palette.
        table: what the values of the label maps stand for.
        reader: of the images.
        assumed: nobody named the classes, so they are taken to be CamVid's.
    """

    samples: Sequence[tuple[Path, Path]]
    classes: ClassSet
    table: LabelTable
    reader: ImageReader = field(default_factory=ImageReader)
    assumed: bool = False

    def __len__(self) -> int:
        return len(self.samples)

    def pair(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """The image and its labels.

        Raises:
            DatasetError: the label map cannot be read, or differs in size from the image.
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
        return self.reader.read(self.samples[index][0])

    def labels(self, index: int) -> np.ndarray:
        """Class indices uint8 [H, W], :data:`IGNORE` for void."""
        result: np.ndarray = self.table.classes[self.label_values(index)]
        return result

    def label_values(self, index: int) -> np.ndarray:
        """Values of the label map as they are in the file: uint8 [H, W]."""
        return read_label_map(self.samples[index][1])


@dataclass(frozen=True)
class Reading:
    """How the files of a dataset are read.

    Attributes:
        images: their reader.
        labels: what the values of label maps stand for.
        classes: names and colors of the classes instead of the dataset's own; None: those of classes.txt or the layout.
    """

    images: ImageReader = field(default_factory=ImageReader)
    labels: LabelRules = field(default_factory=LabelRules)
    classes: ClassSet | None = None


def read_label_map(path: Path) -> np.ndarray:
    """Values of a label map, uint8 [H, W]; a palette's colors play no part, a bitmap has 0 and 1.

    Raises:
        DatasetError: it cannot be read, or is not one channel of at most 8 bits.
    """
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise DatasetError(f"cannot read label map {path}: it is a folder, device or pipe")
    try:
        with Image.open(path, formats=("PNG", "BMP", "GIF", "PPM", "TIFF")) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(f"above the limit of {MAX_PIXELS // 1_000_000} megapixels")
            with without_libtiffs_lines(image.format):
                values = np.asarray(image)
    except Exception as error:  # Pillow's decoders raise a dozen kinds of error for damaged files
        raise DatasetError(f"cannot read label map {path}: {error or type(error).__name__}") from error
    if values.ndim != 2 or values.dtype not in (np.uint8, np.bool_):
        raise DatasetError(
            f"label map {path} is not 8-bit single channel (Pillow calls it {image.mode}): a pixel's value must be its "
            "class index"
        )
    return values.astype(np.uint8, copy=False)


def open_dataset(root: str | Path, split: str, limit: int | None = None, reading: Reading | None = None) -> Dataset:
    """Open one split; the folders decide the layout.

    Args:
        limit: use only the first ones; None: all.
        reading: how files are read; None: pictures upright, label values are class indices.

    Raises:
        DatasetError: neither layout is there, images lack label maps, or the class list is not usable.
    """
    root = Path(root)
    reading, assumed = reading or Reading(), False
    if (root / "leftImg8bit" / split).is_dir():
        samples, classes, table = _cityscapes(root, split, reading.classes or CITYSCAPES)
    elif (root / split / "images").is_dir():
        named = reading.classes or _read_classes(root / "classes.txt")
        samples, classes, table = _camvid(root, split, named or CAMVID, reading.images.warn)
        assumed = named is None
    else:
        raise DatasetError(
            f"{root} holds no split '{split}': expected {split}/images and {split}/labels (camvid) "
            f"or leftImg8bit/{split} and gtFine/{split} (cityscapes)"
        )
    return Dataset(samples[:limit], classes, reading.labels.apply(table, classes), reading.images, assumed)


_Parts = tuple[list[tuple[Path, Path]], ClassSet, np.ndarray]
"""Samples, classes, and uint8 [256] from label-map value to class index."""


def _camvid(root: Path, split: str, classes: ClassSet, warn: Warn) -> _Parts:
    folder = root / split / "images"
    try:
        images = list_images(folder, warn=warn)
    except SourceError as error:
        raise DatasetError(f"{folder} holds no pictures") from error
    samples = [(p, root / split / "labels" / f"{p.stem}.png") for p in images]
    table = np.full(256, IGNORE, np.uint8)
    table[: len(classes)] = np.arange(len(classes))
    return _checked(samples, root / split / "images"), classes, table


def _cityscapes(root: Path, split: str, classes: ClassSet) -> _Parts:
    if len(classes) != len(CITYSCAPES):
        raise DatasetError(
            f"--classes names {count_of(len(classes), 'class')}, and the layout of {root}, Cityscapes, has 19"
        )
    samples = []
    for city in sorted(p for p in (root / "leftImg8bit" / split).iterdir() if p.is_dir()):
        for image in sorted(city.glob("[!.]*_leftImg8bit.png")):
            stem = image.name.removesuffix("_leftImg8bit.png")
            samples.append((image, root / "gtFine" / split / city.name / f"{stem}_gtFine_labelIds.png"))
    table = np.full(256, IGNORE, np.uint8)
    table[list(_CITYSCAPES_IDS)] = np.arange(len(CITYSCAPES))
    return _checked(samples, root / "leftImg8bit" / split), classes, table


def _read_classes(path: Path) -> ClassSet | None:
    if not path.exists():
        return None
    try:
        return parse_classes(read_text(path))
    except ValueError as error:
        raise DatasetError(f"{path} {error}") from error


def _checked(samples: list[tuple[Path, Path]], folder: Path) -> list[tuple[Path, Path]]:
    if not samples:
        raise DatasetError(f"{folder} holds no pictures")
    missing = [labels for _, labels in samples if not labels.is_file()]
    if missing:
        raise DatasetError(
            f"no label map for {len(missing)} of {count_of(len(samples), 'picture')}, first {missing[0]}"
        )
    return samples
