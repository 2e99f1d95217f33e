"""Reading checkpoints of either dialect into the reference model, and writing our own.

Read: mmsegmentation files (``{'meta', 'state_dict'}``), plain state dicts (both also behind a
``module.`` prefix), Tramac-style keys, and our safetensors. The dialect and the class count are
found from the keys. Files are opened with ``weights_only=True``: no pickle of a stranger runs.
"""

from __future__ import annotations

import json
import pickle
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..classes import generic, guess
from ..errors import CheckpointError
from ..files import atomic_path, sha256
from ..spec import IMAGENET, ClassSet, Normalisation, classes_from_dict, normalisation_from_dict
from .model import DIALECTS, FastSCNN

StateDict = dict[str, Tensor]

_METADATA_KEY = "fastscnn_edge"
_WRAPPERS = ("state_dict", "model_state_dict", "model", "net")

_MMSEG_RULES = (
    (r"^backbone\.", ""),
    (r"depthwise_conv\.", "depthwise."),
    (r"pointwise_conv\.", "pointwise."),
    (r"(bottleneck\d\.\d)\.conv\.0\.", r"\1.expand."),
    (r"(bottleneck\d\.\d)\.conv\.1\.", r"\1.depthwise."),
    (r"(bottleneck\d\.\d)\.conv\.2\.", r"\1.project."),
    (r"\.ppm\.(\d)\.1\.", r".pyramid.branches.\1."),
    (r"^feature_fusion\.dwconv\.", "feature_fusion.depthwise."),
    (r"^feature_fusion\.conv_(lower|higher)_res\.", r"feature_fusion.\1."),
    (r"^decode_head\.convs\.0\.", "classifier.dsconv1."),
    (r"^decode_head\.convs\.1\.", "classifier.dsconv2."),
    (r"^decode_head\.conv_seg\.", "classifier.logits."),
    (r"^auxiliary_head\.0\.", "auxiliary.lower."),
    (r"^auxiliary_head\.1\.", "auxiliary.higher."),
    (r"^(auxiliary\.\w+)\.convs\.0\.", r"\1.conv."),
    (r"^(auxiliary\.\w+)\.conv_seg\.", r"\1.logits."),
)

_PAPER_RULES = (
    (r"^(learning_to_downsample\.conv|.*\.ppm\.(?:conv\d|out)|feature_fusion\.dwconv)\.conv\.0\.", r"\1.conv."),
    (r"^(learning_to_downsample\.conv|.*\.ppm\.(?:conv\d|out)|feature_fusion\.dwconv)\.conv\.1\.", r"\1.bn."),
    (r"\.(dsconv\d)\.conv\.0\.", r".\1.depthwise.conv."),
    (r"\.(dsconv\d)\.conv\.1\.", r".\1.depthwise.bn."),
    (r"\.(dsconv\d)\.conv\.3\.", r".\1.pointwise.conv."),
    (r"\.(dsconv\d)\.conv\.4\.", r".\1.pointwise.bn."),
    (r"\.block\.0\.conv\.0\.", ".expand.conv."),
    (r"\.block\.0\.conv\.1\.", ".expand.bn."),
    (r"\.block\.1\.conv\.0\.", ".depthwise.conv."),
    (r"\.block\.1\.conv\.1\.", ".depthwise.bn."),
    (r"\.block\.2\.", ".project.conv."),
    (r"\.block\.3\.", ".project.bn."),
    (r"\.ppm\.out\.", ".out."),
    (r"\.ppm\.conv1\.", ".pyramid.branches.0."),
    (r"\.ppm\.conv2\.", ".pyramid.branches.1."),
    (r"\.ppm\.conv3\.", ".pyramid.branches.2."),
    (r"\.ppm\.conv4\.", ".pyramid.branches.3."),
    (r"^feature_fusion\.dwconv\.", "feature_fusion.depthwise."),
    (r"^feature_fusion\.conv_(lower|higher)_res\.0\.", r"feature_fusion.\1.conv."),
    (r"^feature_fusion\.conv_(lower|higher)_res\.1\.", r"feature_fusion.\1.bn."),
    (r"^classifier\.conv\.1\.", "classifier.logits."),
    (r"^auxlayer\.0\.", "auxiliary.higher.conv.conv."),
    (r"^auxlayer\.1\.", "auxiliary.higher.conv.bn."),
    (r"^auxlayer\.4\.", "auxiliary.higher.logits."),
)


@dataclass(frozen=True)
class Checkpoint:
    """A model in evaluation mode and what its file says about it.

    Attributes:
        model: weights as float32, training heads present where the file has them.
        sha256: of the file.
        training: free-form facts our trainer recorded, empty for foreign files.
    """

    model: FastSCNN
    classes: ClassSet
    normalisation: Normalisation
    sha256: str
    training: dict[str, Any]


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Read a checkpoint of any supported layout.

    Raises:
        CheckpointError: missing, unreadable, or not a Fast-SCNN; every missing, surplus and
            misshapen key is listed.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"no such checkpoint: {path}")
    if path.suffix == ".safetensors":
        state, ours, labels = *_read_safetensors(path), ()
    else:
        (state, labels), ours = _read_torch(path), {}
    dialect, state = _to_our_keys({_strip(key): value for key, value in state.items()}, ours.get("dialect"))
    model = _fill(state, dialect, path)
    if ours:
        classes, normalisation = classes_from_dict(ours["classes"]), normalisation_from_dict(ours["normalisation"])
    else:
        known = guess(model.classes)
        classes = generic(model.classes, labels) if labels and labels != known.labels else known
        normalisation = IMAGENET
    return Checkpoint(model.eval(), classes, normalisation, sha256(path), ours.get("training", {}))


def save_checkpoint(path: str | Path, model: FastSCNN, classes: ClassSet, normalisation: Normalisation,
                    training: dict[str, Any], dtype: torch.dtype = torch.float16) -> None:
    """Write weights as safetensors, without the training heads, with what is needed to use them.

    Args:
        dtype: of the stored floating-point tensors; batch-norm variances stay float32.
    """
    state = {}
    for key, value in model.state_dict().items():
        if key.startswith("auxiliary.") or key.endswith("num_batches_tracked"):
            continue
        # A variance of 1e-6 is far below fp16's normal range, and 1/sqrt(variance) magnifies its error.
        keep = key.endswith("running_var")
        state[key] = value.detach().to(torch.float32 if keep else dtype).contiguous()
    description = {
        "dialect": model.dialect.name,
        "classes": asdict(classes),
        "normalisation": asdict(normalisation),
        "training": training,
    }
    with atomic_path(path) as temporary:
        save_file(state, temporary, {_METADATA_KEY: json.dumps(description, sort_keys=True)})


def _read_safetensors(path: Path) -> tuple[StateDict, dict[str, Any]]:
    try:
        with safe_open(path, "pt") as stream:
            metadata = stream.metadata() or {}
            state = {key: stream.get_tensor(key).float() for key in stream.keys()}  # noqa: SIM118 (not a dict)
        return state, json.loads(metadata.get(_METADATA_KEY, "{}"))
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path} is not a readable safetensors file: {error}") from error


def _read_torch(path: Path) -> tuple[StateDict, tuple[str, ...]]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} holds more than tensors, or is no checkpoint; where it was made, keep only the weights: "
            "torch.save({'state_dict': torch.load(FILE, weights_only=False)['state_dict']}, NEW)"
        ) from error
    except Exception as error:  # torch raises RuntimeError, EOFError, OSError, KeyError... for damaged files
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{path} is not a readable PyTorch checkpoint: {reason}") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} holds a {type(content).__name__}, not a state dict")
    state = next((content[key] for key in _WRAPPERS if isinstance(content.get(key), dict)), content)
    tensors = {str(k): v.float() for k, v in state.items() if isinstance(v, Tensor)}
    if not tensors:
        raise CheckpointError(f"{path} holds no tensors")
    return tensors, _labels(content.get("meta"))


def _labels(meta: object) -> tuple[str, ...]:
    """Class names mmsegmentation stores: meta.dataset_meta.classes (1.x) or meta.CLASSES (0.x)."""
    if not isinstance(meta, dict):
        return ()
    dataset = meta.get("dataset_meta")
    names = dataset.get("classes") if isinstance(dataset, dict) else meta.get("CLASSES")
    return tuple(str(name) for name in names) if isinstance(names, list | tuple) else ()


def _strip(key: str) -> str:
    return key.removeprefix("module.")


def _to_our_keys(state: StateDict, dialect: str | None) -> tuple[str, StateDict]:
    if dialect is not None:
        return dialect, state
    if any(key.startswith("backbone.") for key in state):
        return "mmseg", _rename(state, _MMSEG_RULES)
    if any(".block.0.conv.0." in key for key in state):
        return "paper", _rename(state, _PAPER_RULES)
    kernel = state.get("global_feature_extractor.out.conv.weight")
    return ("paper" if kernel is not None and kernel.shape[-1] == 1 else "mmseg"), state


def _rename(state: StateDict, rules: tuple[tuple[str, str], ...]) -> StateDict:
    renamed = {}
    for key, value in state.items():
        for pattern, replacement in rules:
            key = re.sub(pattern, replacement, key)
        renamed[key] = value
    return renamed


def _fill(state: StateDict, dialect: str, path: Path) -> FastSCNN:
    if dialect not in DIALECTS:
        raise CheckpointError(f"{path} is of the unknown dialect {dialect!r}; known: {', '.join(DIALECTS)}")
    logits = state.get("classifier.logits.weight")
    classes = logits.shape[0] if logits is not None and logits.ndim == 4 else 0
    has_heads = any(key.startswith("auxiliary.") for key in state)
    model = FastSCNN(max(classes, 1), dialect, auxiliary=has_heads)
    wanted = {k: v.shape for k, v in model.state_dict().items() if not k.endswith("num_batches_tracked")}
    given = {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}
    problems = _differences(wanted, given)
    if problems:
        raise CheckpointError(f"{path} is not a Fast-SCNN of the {dialect} dialect: " + "; ".join(problems))
    bad = [key for key, value in given.items() if not torch.isfinite(value).all()]
    if bad:
        raise CheckpointError(f"{path} holds values that are not finite: {', '.join(bad)}")
    model.load_state_dict(given, strict=False)
    return model


def _differences(wanted: dict[str, torch.Size], given: StateDict) -> list[str]:
    missing = [key for key in wanted if key not in given]
    surplus = [key for key in given if key not in wanted]
    misshapen = [
        f"{key} {tuple(given[key].shape)} instead of {tuple(shape)}"
        for key, shape in wanted.items()
        if key in given and given[key].shape != shape
    ]
    groups = (("missing", missing), ("surplus", surplus), ("misshapen", misshapen))
    return [f"{len(keys)} {name} ({', '.join(keys)})" for name, keys in groups if keys]
