"""Files that others can rely on: complete or absent under their own name, whatever ends the process."""

from __future__ import annotations

from .atomic import atomic_path, sha256, write_bytes, write_text
from .reading import read_text

__all__ = ["atomic_path", "read_text", "sha256", "write_bytes", "write_text"]
