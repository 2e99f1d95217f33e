"""Tensors of a file that ``torch.save`` wrote, read without running anything that is in it."""

from __future__ import annotations

import pickle
import warnings
import zipfile
import zlib
from pathlib import Path

import torch
from torch import Tensor

from ...errors import CheckpointError
from ...log import Warn, silent

StateDict = dict[str, Tensor]

MAX_VALUES = 100_000_000
"""Most values a checkpoint may have, all tensors together; the widest Fast-SCNN has a few million."""

_MAX_EXPANSION = 8
"""Greatest ratio of a file's unpacked size to its own. torch stores without compression; weights barely compress."""

_WRAPPERS = ("state_dict", "model_state_dict", "model", "net")

_RESUMED = ({"model", "ema", "optimizer", "best"}, {"student", "ema", "optimizer", "best"})
"""Keys of the files that our trainings resume from."""


def read_torch(path: Path, warn: Warn = silent) -> tuple[StateDict, object]:
    """Read the weights, as float32 by name, and what the file says about them (``meta``, or its top level).

    Raises:
        CheckpointError: it is damaged, of another kind, holds objects other than tensors and plain containers, or is
            absurdly large.
    """
    _check_archive(path, warn)
    content = _load(path)
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} holds a {type(content).__name__}, not a state dict")
    if any(content.keys() >= keys for keys in _RESUMED):
        raise CheckpointError(f"{path} is what --resume goes on from; use the .safetensors that the run writes")
    state = next((content[key] for key in _WRAPPERS if isinstance(content.get(key), dict)), content)
    tensors = {str(key): value for key, value in state.items() if isinstance(value, Tensor)}
    if not tensors:
        raise CheckpointError(f"{path} holds no tensors")
    _check_tensors(tensors, path)
    meta = content.get("meta")
    return {key: value.float() for key, value in tensors.items()}, meta if isinstance(meta, dict) else content


def _check_archive(path: Path, warn: Warn) -> None:
    """Refuse a zip of a few bytes that unpacks to gigabytes, before anything is unpacked; check what torch does not."""
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
            if unpacked <= _largest(path) and (member := archive.testzip()):
                warn(f"{path} is damaged, or was written without checksums: that of {member} does not match")
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, NotImplementedError, RuntimeError):
        return  # the old format, which is no zip, or damage that torch reports
    if unpacked > _largest(path):
        raise CheckpointError(f"{path} would unpack to {unpacked >> 20} MiB: it is no checkpoint that torch wrote")


def _largest(path: Path) -> int:
    return _MAX_EXPANSION * path.stat().st_size + (1 << 20)


def _load(path: Path) -> object:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of deprecated kinds of tensors: they are refused below, in our words
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} holds more than tensors, or is no checkpoint; where it was made, keep only the weights: "
            "torch.save({'state_dict': torch.load(FILE, weights_only=False)['state_dict']}, NEW)"
        ) from error
    except Exception as error:  # torch raises RuntimeError, EOFError, OSError, KeyError... for damaged files
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if not path.stat().st_size:
            reason = "it is empty"
        elif isinstance(error, EOFError | LookupError | ValueError | TypeError):  # bytes that are no pickle at all
            reason = "it is another kind of file, or damaged"
        raise CheckpointError(f"{path} is not a readable PyTorch checkpoint: {reason}") from error


def _check_tensors(tensors: StateDict, path: Path) -> None:
    """Refuse tensors that cannot be copied to float32, before they are: a view of 4 bytes may claim any shape."""
    if sum(value.numel() for value in tensors.values()) > MAX_VALUES:
        raise CheckpointError(f"{path} has more than {MAX_VALUES} values, which is no Fast-SCNN")
    for key, value in tensors.items():
        dense = value.layout is torch.strided and value.device.type == "cpu" and not value.is_quantized
        if not dense or value.is_complex():
            raise CheckpointError(f"{path}: {key} is not a plain tensor of real numbers")
