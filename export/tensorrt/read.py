"""Reading of any .onnx file as a ModelProto, with one clear line if it is none."""

from __future__ import annotations

from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from ...errors import ModelFileError


def read_onnx(path: Path) -> tuple[onnx.ModelProto, bool]:
    """Read a model, and whether its tensors are all there: weights kept in other files may be missing.

    Raises:
        ModelFileError: the file is missing, unreadable or not ONNX.
    """
    if path.is_dir():
        raise ModelFileError(f"{path} is a folder; name the .onnx file in it")
    if path.exists() and not path.is_file():
        raise ModelFileError(f"{path} is a device or pipe, not a model")
    try:
        model = onnx.load(path, load_external_data=False)
    except FileNotFoundError:
        raise ModelFileError(f"no such model: {path}") from None
    except OSError as error:
        raise ModelFileError(f"cannot read {path}: {error.strerror}") from error
    except (DecodeError, ValueError) as error:
        raise ModelFileError(f"{path} is not an ONNX file") from error
    # Protobuf reads many other files as a message of unknown fields.
    if not model.ir_version or not model.graph.node:
        raise ModelFileError(f"{path} is not an ONNX file, or it has no operators")
    try:
        onnx.load_external_data_for_model(model, str(path.parent))
    except (OSError, ValueError, onnx.checker.ValidationError):
        return model, False
    return model, True
