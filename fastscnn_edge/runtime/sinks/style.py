"""How overlays and masks look."""

from __future__ import annotations

from dataclasses import dataclass

MASK_FORMATS = ("index", "gray", "color")


@dataclass(frozen=True)
class Style:
    """Looks of a run's drawings, the same in files, video, page and window. Colors are the class set's.

    Attributes:
        opacity: of the class colors over the frame, 0 (only the frame) to 1.
        outline: draw the classes' boundaries as lines.
        legend: draw the legend below pictures and videos and in the window.
        only: indices of the classes that are painted and in the legend; None: all. Masks and shares stay whole.
        font: path of a TrueType or OpenType font for the legend; None: Pillow's own.
        mask_format: mask files: ``index`` (class indices with a palette), ``gray`` (the same without) or ``color``.

    Raises:
        ValueError: ``opacity`` is outside 0..1, or ``mask_format`` unknown.
    """

    opacity: float = 0.5
    outline: bool = False
    legend: bool = True
    only: frozenset[int] | None = None
    font: str | None = None
    mask_format: str = "index"

    def __post_init__(self) -> None:
        if not 0 <= self.opacity <= 1:
            raise ValueError(f"opacity is 0 to 1, not {self.opacity}")
        if self.mask_format not in MASK_FORMATS:
            raise ValueError(f"mask_format is one of {', '.join(MASK_FORMATS)}, not {self.mask_format}")

    def paints(self, index: int) -> bool:
        """Whether the class of this index is painted and in the legend."""
        return self.only is None or index in self.only


PLAIN = Style()
