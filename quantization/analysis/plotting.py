"""Colors and files of all plots. Figures are drawn by Agg, so no display is needed."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...files import atomic_path

INK, FAINT, GRID = "#262a30", "#6e747c", "#e2e5e9"
PALETTE = ("#366eb2", "#d8763a", "#4a9668", "#8e62a8", "#967854", "#788088")


def new_figure(width: float, height: float, margins: tuple[float, float] = (0.12, 0.12)) -> Figure:
    """A figure of that size which arranges its axes by itself, ``margins`` (x, y) around each; all in inches."""
    figure = Figure((width, height))
    figure.set_layout_engine("constrained", w_pad=margins[0], h_pad=margins[1])
    return figure


def bare(axes: Axes) -> None:
    """Remove the frame and the tick marks; numbers stay, faint."""
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelcolor=FAINT)
    axes.set_axisbelow(True)


def save_png(figure: Figure, path: Path) -> None:
    """Write ``figure``, atomically; the same figure gives the same bytes.

    Raises:
        OutputError: the file cannot be written.
    """
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=130, metadata={"Software": None})
