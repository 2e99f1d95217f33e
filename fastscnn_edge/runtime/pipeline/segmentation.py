"""Result of one image for programs: class map, probabilities, shares and drawings, each made when it is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...spec import ClassSet
from ..frames import Frame, SegmentedFrame
from ..mask.upsample import upsample

if TYPE_CHECKING:
    from PIL import Image


class Segmentation:
    """What :meth:`.segmenter.Segmenter.segment` found in an image.

    Attributes:
        image: the image, RGB uint8 [H, W, 3].
        class_map: uint8 [H, W], indices into ``classes``.
        classes: labels and palette.
        logits: float32 [h, w, C] on the 1/8 grid.
        name: file name of the results without a suffix.
        captured_at: ``time.monotonic()`` when the frame was taken or read. Seconds.
    """

    def __init__(
        self,
        image: np.ndarray,
        class_map: np.ndarray,
        classes: ClassSet,
        logits: np.ndarray,
        align_corners: bool,
        name: str = "image",
        captured_at: float = 0.0,
    ) -> None:
        self.image, self.class_map, self.classes, self.logits = image, class_map, classes, logits
        self.name, self.captured_at = name, captured_at
        self._align_corners = align_corners

    def __repr__(self) -> str:
        height, width = self.class_map.shape
        shares = ", ".join(f"{label} {share:.0%}" for label, share in list(self.class_shares.items())[:3])
        return f"<Segmentation of {self.name}, {height}x{width}: {shares}>"

    @property
    def class_shares(self) -> dict[str, float]:
        """Share of the pixels for each class that occurs, 0..1, largest first."""
        from ..sinks.shares import class_shares

        shares = class_shares(self.class_map, len(self.classes))
        order = [int(index) for index in np.argsort(-shares, kind="stable") if shares[index] > 0]
        return {self.classes.labels[index]: float(shares[index]) for index in order}

    def probabilities(self, full_size: bool = False) -> np.ndarray:
        """Softmax of the logits: float32 [h, w, C] on the 1/8 grid, or [H, W, C] at the image's own size.

        At full size the logits are interpolated first, as for the class map; 4 C bytes a pixel.
        """
        logits = self.logits
        if full_size:
            height, width = self.class_map.shape
            logits = upsample(logits, (height, width), self._align_corners)
        exponentials: np.ndarray = np.exp(logits - logits.max(axis=2, keepdims=True))
        exponentials /= exponentials.sum(axis=2, keepdims=True)
        return exponentials

    def mask_of(self, label: str | int) -> np.ndarray:
        """Where a class is, by its label or index: bool [H, W].

        Raises:
            ValueError: there is no such class.
        """
        mask: np.ndarray = self.class_map == (self.classes.index(label) if isinstance(label, str) else label)
        return mask

    def overlay(self, legend: bool = True) -> Image.Image:
        """The image under the class colors, half and half, with a legend of the classes that occur: mode RGB."""
        from PIL import Image

        from ..sinks.overlay import blend, overlay

        if legend:
            return overlay(self.image, self.class_map, self.classes, only_present=True)
        return Image.fromarray(blend(self.image, self.class_map, self.classes))

    def save(self, folder: str | Path = ".") -> tuple[Path, Path]:
        """Write NAME_overlay.png and NAME_mask.png (pixel value = class index, with the palette); returns their paths.

        Raises:
            OutputError: the folder cannot be written.
        """
        from ..sinks.result_files import ResultFiles

        folder = Path(folder)
        frame = SegmentedFrame(Frame(self.image, self.name, self.captured_at), self.class_map, self.captured_at)
        ResultFiles(folder, self.classes, moving=False).write(frame)
        return folder / f"{self.name}_overlay.png", folder / f"{self.name}_mask.png"
