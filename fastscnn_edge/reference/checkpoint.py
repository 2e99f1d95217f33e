"""Checkpoints of either dialect, read into the reference model, and our own, written.

Read: mmsegmentation files (``{'meta', 'state_dict'}``), plain state dicts (both also with a
``module.`` prefix), Tramac-style keys, and our safetensors. The dialect and the class count are
found from the keys. Files are opened with ``weights_only=True``: no foreign pickle runs.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from ..classes import MAX_CLASSES, with_background
from ..errors import CheckpointError
from ..files import sha256, write_bytes
from ..files.seal import BLANK, check_whole, seal
from ..spec import (
    IMAGENET,
    ClassSet,
    Normalization,
    class_set_from_dict,
    network_size,
    normalization_from_dict,
    with_new_keys,
)
from ..text import count_of
from .dialects import DIALECTS
from .foreign.keys import KeyRules, detect, their_key
from .foreign.meta import described_classes, described_threshold
from .foreign.one_logit import two_logits
from .foreign.torch_file import MAX_VALUES, StateDict, read_torch
from .loading import Loading, named_classes
from .model import FastSCNN

_METADATA_KEY = "fastscnn_edge"
_HEADS = ("auxiliary.", "auxiliary_head.", "auxlayer.")
_LOGITS = ("classifier.logits", "auxiliary.lower.logits", "auxiliary.higher.logits")

_THRESHOLDS = {"mmseg": 0.3}
"""Dialect -> threshold of its code base for models of one logit (mmsegmentation: BaseDecodeHead); others: 0.5."""


@dataclass(frozen=True)
class Checkpoint:
    """A model in evaluation mode, and the facts its file has about it.

    Attributes:
        model: float32 weights, with training heads if the file has them.
        sha256: digest of the file.
        training: free-form facts recorded by our trainer, empty for foreign files.
        quantization: activation scales as ``fastscnn_edge.quantization.activation_scales`` writes them, empty if none.
    """

    model: FastSCNN
    classes: ClassSet
    normalization: Normalization
    sha256: str
    training: dict[str, Any]
    quantization: dict[str, Any]

    @property
    def trained_size(self) -> tuple[int, int]:
        """(height, width) of the training views in pixels, 512x1024 if the file does not say."""
        return network_size(self.training.get("crop", (512, 1024)))


def load_checkpoint(path: str | Path, loading: Loading | None = None) -> Checkpoint:
    """Read a checkpoint of any supported layout. A model of one logit becomes one of two classes.

    Raises:
        CheckpointError: the file is missing, unreadable, or not a Fast-SCNN (every missing, surplus and misshapen key
            is listed), or ``loading`` does not fit it.
    """
    path, loading = Path(path), loading or Loading()
    _check_file(path)
    meta: object = None
    described = None
    if path.suffix == ".safetensors":
        state, described = _read_safetensors(path)
    else:
        state, meta = read_torch(path, loading.warn)
    twice = [key for key in state if f"module.{key}" in state]
    if twice:
        raise CheckpointError(f"{path} has {len(twice)} tensors twice, with and without 'module.': {', '.join(twice)}")
    state = {key.removeprefix("module."): value for key, value in state.items()}
    dialect, rules = (described.dialect, ()) if described else detect(state)
    state = _of_several_logits(state, rules, meta, path, loading)
    model = _fill(state, dialect, rules, path)
    classes = named_classes(loading.classes, model.num_classes, path)
    digest = sha256(path)
    if described is None:
        classes = classes or described_classes(meta, model.num_classes, path, loading.warn)
        return Checkpoint(model, classes, IMAGENET, digest, {}, {})
    classes = classes or with_background(described.classes, model.num_classes)
    if len(classes) != model.num_classes:
        raise CheckpointError(
            f"{path} names {count_of(len(described.classes), 'class')} but has {count_of(model.num_classes, 'logit')}"
        )
    return Checkpoint(
        model,
        classes,
        described.normalization,
        digest,
        described.training,
        described.quantization,
    )


def save_checkpoint(
    path: str | Path,
    model: FastSCNN,
    classes: ClassSet,
    normalization: Normalization,
    training: dict[str, Any],
    dtype: torch.dtype = torch.float16,
    quantization: dict[str, Any] | None = None,
) -> None:
    """Write weights as safetensors, without the training heads, with what is needed to use them.

    Args:
        dtype: that of the stored floating-point tensors; batch-norm variances, and values that ``dtype``
            cannot hold, stay float32.
        quantization: activation scales, see :class:`Checkpoint`.

    Raises:
        OutputError: the file cannot be written.
    """
    description = {
        "dialect": model.dialect.name,
        "classes": asdict(classes),
        "normalization": asdict(normalization),
        "training": training,
        "quantization": quantization or {},
        "sha256": BLANK,
    }
    # One metadata entry only: safetensors writes several in an order that changes from run to run.
    write_bytes(path, seal(save(stored_state(model, dtype), {_METADATA_KEY: json.dumps(description, sort_keys=True)})))


def rewrite_checkpoint(path: str | Path, checkpoint: Checkpoint, quantization: dict[str, Any]) -> None:
    """Write ``checkpoint`` as safetensors with other activation scales, losing no bit of its weights.

    Raises:
        OutputError: the file cannot be written.
    """
    model = checkpoint.model
    # Weights that came from one of our fp16 files fit fp16 again; others may not.
    halves = stored_state(model, torch.float16)
    exact = all(torch.equal(value.float(), model.state_dict()[key]) for key, value in halves.items())
    dtype = torch.float16 if exact else torch.float32
    save_checkpoint(path, model, checkpoint.classes, checkpoint.normalization, checkpoint.training, dtype, quantization)


def stored_state(model: nn.Module, dtype: torch.dtype = torch.float16) -> StateDict:
    """The tensors :func:`save_checkpoint` writes, rounded as it writes them."""
    state = {}
    for key, value in model.state_dict().items():
        if key.startswith("auxiliary.") or key.endswith("num_batches_tracked"):
            continue
        # A variance of 1e-6 is far below fp16's normal range, and 1/sqrt(variance) magnifies its error.
        keep = key.endswith("running_var") or value.abs().max() > torch.finfo(dtype).max
        state[key] = value.detach().to(torch.float32 if keep else dtype).contiguous()
    return state


@dataclass(frozen=True)
class _Description:
    """The description that one of our files has of its weights."""

    dialect: str
    classes: ClassSet
    normalization: Normalization
    training: dict[str, Any]
    quantization: dict[str, Any]


def _read_safetensors(path: Path) -> tuple[StateDict, _Description | None]:
    try:
        with safe_open(path, "pt") as stream:
            metadata = stream.metadata() or {}
            shapes = (stream.get_slice(key).get_shape() for key in stream.keys())  # noqa: SIM118 (not a dict)
            if sum(map(math.prod, shapes)) > MAX_VALUES:
                raise CheckpointError(f"{path} has more than {MAX_VALUES} values, which is no Fast-SCNN")
            state = {key: stream.get_tensor(key).float() for key in stream.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path} is not a readable safetensors file: {error}") from error
    return state, _describe(metadata[_METADATA_KEY], path) if _METADATA_KEY in metadata else None


def _describe(text: str, path: Path) -> _Description:
    try:
        raw = with_new_keys(json.loads(text))
        check_whole(path, raw)
        if raw.get("kind") == "quantized":
            raise CheckpointError(f"{path} is already quantized: export it, and evaluate what was exported")
        classes, normalization = class_set_from_dict(raw["classes"]), normalization_from_dict(raw["normalization"])
        training = dict(raw.get("training", {}))
        if "crop" in training:
            network_size(training["crop"])
        return _Description(str(raw["dialect"]), classes, normalization, training, dict(raw.get("quantization", {})))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{path} is not described as this package describes its weights: {error!r}") from error


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise CheckpointError(f"{path}: a folder, not a checkpoint")
    if not path.exists():
        raise CheckpointError(f"{path}: no such checkpoint")
    if not path.is_file():
        raise CheckpointError(f"{path} is a device or pipe, not a checkpoint")
    if path.suffix.lower() in (".tflite", ".onnx"):
        raise CheckpointError(
            f"{path} is an exported artifact, not a checkpoint: start from the .pth or .safetensors it was made of"
        )


def _of_several_logits(state: StateDict, rules: KeyRules, meta: object, path: Path, loading: Loading) -> StateDict:
    """Extend a model of one logit to two classes; any other is returned as it is."""
    layers = [their_key(f"{name}.weight", rules).removesuffix(".weight") for name in _LOGITS]
    logits = state.get(f"{layers[0]}.weight")
    single = logits is not None and logits.ndim == 4 and logits.shape[0] == 1
    if not single:
        if loading.threshold is not None and logits is not None:
            raise CheckpointError(f"--threshold is for models of one logit, and {path} has {logits.shape[0]}")
        return state
    code_base = "mmseg" if any(key.startswith("backbone.") for key in state) else ""
    threshold = loading.threshold or described_threshold(meta) or _THRESHOLDS.get(code_base, 0.5)
    if loading.threshold is None:
        loading.warn(
            f"{path} has one logit: it becomes two classes, the second where its sigmoid is above {threshold:g} "
            "(--threshold sets another)"
        )
    return two_logits(state, layers, threshold)


def _fill(state: StateDict, dialect: str, rules: KeyRules, path: Path) -> FastSCNN:
    """The model with ``state``'s weights, in evaluation mode."""
    if dialect not in DIALECTS:
        raise CheckpointError(f"{path} is of the unknown dialect {dialect!r}; known: {', '.join(DIALECTS)}")
    logits = state.get(their_key("classifier.logits.weight", rules))
    classes = logits.shape[0] if logits is not None and logits.ndim == 4 else 1
    if not 1 <= classes <= MAX_CLASSES:
        raise CheckpointError(f"{path} has {count_of(classes, 'class')}; 1 to {MAX_CLASSES} are supported")
    has_heads = any(key.startswith(_HEADS) for key in state)
    model = FastSCNN(classes, dialect, auxiliary=has_heads)
    names = {key: their_key(key, rules) for key in model.state_dict() if not key.endswith("num_batches_tracked")}
    wanted = {names[key]: value.shape for key, value in model.state_dict().items() if key in names}
    given = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    problems = _differences(wanted, given)
    if problems:
        raise CheckpointError(f"{path} is not a Fast-SCNN of the {dialect} dialect: " + "; ".join(problems))
    bad = [key for key, value in given.items() if not torch.isfinite(value).all()]
    if bad:
        raise CheckpointError(f"{path} holds values that are not finite: {', '.join(bad)}")
    negative = [key for key, value in given.items() if key.endswith("running_var") and (value < 0).any()]
    if negative:
        raise CheckpointError(f"{path} holds negative variances: {', '.join(negative)}")
    model.load_state_dict({key: given[name] for key, name in names.items()}, strict=False)
    return model.eval()


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
