"""Fakes for your own tests, without a model or a device: an engine, a frame source, a V4L2 camera.

Example:
    >>> from fastscnn_edge import Segmenter
    >>> from fastscnn_edge.testing import FakeEngine
    >>> segmenter = Segmenter(engine=FakeEngine(spec, logits))
"""

from __future__ import annotations

from .fakes import FakeEngine, FakeSource
from .v4l2 import FakeCamera, Fault

__all__ = ["FakeCamera", "FakeEngine", "FakeSource", "Fault"]
