"""The onnxruntime package with its telemetry off: import it only from here.

Since 1.29 the official Linux builds report each session (names of files and graphs, hashes, hardware) to their maker
unless ``ORT_DISABLE_TELEMETRY`` is set before the library is loaded.
"""

from __future__ import annotations

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import onnxruntime

# For a process that loaded the library before this package.
getattr(onnxruntime, "disable_telemetry_events", lambda: None)()

__all__ = ["onnxruntime"]
