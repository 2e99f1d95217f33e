"""Fast-SCNN for boards with little memory: see README.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._version import __version__
from .errors import (
    CheckpointError,
    DatasetError,
    FastSCNNEdgeError,
    MissingExtraError,
    ModelFileError,
    OutputError,
    SourceError,
    UsageError,
)
from .spec import ClassSet, ModelSpec

if TYPE_CHECKING:
    from .runtime.pipeline.segmentation import Segmentation
    from .runtime.pipeline.segmenter import Segmenter

__all__ = [
    "CheckpointError",
    "ClassSet",
    "DatasetError",
    "FastSCNNEdgeError",
    "MissingExtraError",
    "ModelFileError",
    "ModelSpec",
    "OutputError",
    "Segmentation",
    "Segmenter",
    "SourceError",
    "UsageError",
    "__version__",
]


def __getattr__(name: str) -> Any:
    """Import these on first use: ``--help`` needs neither numpy nor Pillow."""
    if name == "Segmentation":
        from .runtime.pipeline.segmentation import Segmentation

        return Segmentation
    if name == "Segmenter":
        from .runtime.pipeline.segmenter import Segmenter

        return Segmenter
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
