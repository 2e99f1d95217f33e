"""Fast-SCNN for boards with little memory: see README.md."""

from __future__ import annotations

from ._version import __version__

__all__ = ["__version__"]
