"""All errors a user can cause, as one tree.

    FastSCNNEdgeError          the command line prints its one line and exits with status 2
    ├── ModelFileError         an artifact (.tflite, .onnx) is missing, damaged or not ours
    ├── CheckpointError        training weights are missing, damaged or of another network
    ├── SourceError            a picture, folder, video or camera cannot be read
    │   └── CameraLostError    a camera that was there went away; it may come back
    ├── DatasetError           a folder of pictures and label maps has not the documented layout
    ├── OutputError            a result cannot be written
    ├── UsageError             options that do not go together
    └── MissingExtraError      an optional package is needed; the message has the pip command

A message says what is wrong and how to fix it, in one line.
"""

from __future__ import annotations

EXIT_USER_ERROR = 2
EXIT_INTERRUPTED = 130


class FastSCNNEdgeError(Exception):
    """Base of all errors this package raises for bad input."""


class ModelFileError(FastSCNNEdgeError):
    """An artifact is missing, damaged or not written by this package."""


class CheckpointError(FastSCNNEdgeError):
    """A checkpoint is missing, damaged or of another network."""


class SourceError(FastSCNNEdgeError):
    """A picture, folder, video or camera cannot be read."""


class CameraLostError(SourceError):
    """A camera that was delivering frames is gone or stopped. Opening it again may help."""


class DatasetError(FastSCNNEdgeError):
    """A dataset folder has not the expected layout."""


class OutputError(FastSCNNEdgeError):
    """A result cannot be written."""


class UsageError(FastSCNNEdgeError):
    """Options contradict each other or have no meaning here."""


class MissingExtraError(FastSCNNEdgeError):
    """An optional package is not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs {package}: {install_command(extra)}")


def install_command(extra: str) -> str:
    """The command that adds an extra to this installation, made from a checkout, a wheel or an index alike."""
    import json
    from importlib.metadata import PackageNotFoundError, distribution
    from pathlib import Path
    from urllib.parse import unquote, urlsplit

    origin = "fastscnn-edge"
    try:
        found = distribution(origin)
        recorded = json.loads(found.read_text("direct_url.json") or "{}").get("url", "")  # PEP 610
        beside = Path(str(found.locate_file("")))
        if urlsplit(recorded).scheme == "file":
            origin = unquote(urlsplit(recorded).path)
        elif (beside / "setup.cfg").is_file():
            origin = str(beside.resolve())
    except (PackageNotFoundError, OSError, ValueError, AttributeError):
        pass  # run from its folder without being installed: the name is the best hint
    return f"pip install '{origin}[{extra}]'"


def require(condition: bool, message: str) -> None:
    """Raise :class:`UsageError` unless ``condition`` holds."""
    if not condition:
        raise UsageError(message)
