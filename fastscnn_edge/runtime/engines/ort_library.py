"""The onnxruntime package with its telemetry off: import it from here, and nowhere else.

Since 1.29 the official Linux builds report each session (names of files and graphs, hashes, hardware) to their maker
unless ``ORT_DISABLE_TELEMETRY`` is set before the library is loaded. Nothing leaves the machine from this package.
"""

from __future__ import annotations

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

# For a process that had loaded the library before it met this package.
getattr(onnxruntime, "disable_telemetry_events", lambda: None)()

__all__ = ["onnxruntime"]
