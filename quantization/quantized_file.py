"""A quantized network as a file: int8 weights, int32 biases and every scale, for any input size.

The link between quantizing (calibration or training, minutes to hours) and exporting (seconds, any
format, any size): the integers that were validated are the integers that are written. safetensors,
so reading it runs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ..errors import CheckpointError
from ..files import sha256, write_bytes
from ..files.seal import BLANK, check_whole, seal
from ..reference.dialects import DIALECTS
from ..spec import (
    ClassSet,
    Normalization,
    class_set_from_dict,
    network_size,
    normalization_from_dict,
    with_new_keys,
)
from .activation_scales import is_usable_scale, scales_from_plain, scales_to_plain
from .calibration.scheme import Scheme
from .graph.evaluator import real_values
from .graph.graph import Conv, Graph, Quantization, Tensor
from .graph.network import INPUT_ZERO, build_network
from .ptq.ptq import with_parameters

_METADATA_KEY = "fastscnn_edge"
_KIND = "quantized"


@dataclass(frozen=True)
class Origin:
    """Origin of a quantized network: the checkpoint and the method.

    Attributes:
        checkpoint_sha256: of the float checkpoint.
        method: description for the user.
        trained_size: (height, width) in pixels that it was quantized at.
    """

    dialect: str
    classes: ClassSet
    normalization: Normalization
    checkpoint_sha256: str
    method: str
    trained_size: tuple[int, int]


@dataclass(frozen=True)
class QuantizedFile:
    """The content of a file; :meth:`graphs` builds the graphs for an input size."""

    origin: Origin
    activations: Mapping[str, Any]
    constants: Mapping[str, np.ndarray]
    path: Path
    sha256: str

    @property
    def scheme(self) -> str:
        return str(self.activations.get("scheme"))

    def graphs(self, scheme: Scheme, height: int, width: int) -> tuple[Graph, Graph]:
        """The int8 graph at an input size in pixels, and the same weights as a float graph.

        Raises:
            CheckpointError: the scheme differs, or a weight is missing or misshapen.
        """
        origin = self.origin
        if origin.dialect not in DIALECTS:
            raise CheckpointError(f"{self.path} is of the unknown dialect {origin.dialect!r}")
        integers: dict[str, Tensor] = {}

        def weights(layer: str) -> tuple[np.ndarray, np.ndarray]:
            weight = self._constant(f"{layer}/weight", 4, axis=3 if layer.endswith("/depthwise") else 0)
            bias = self._constant(f"{layer}/bias", 1, axis=0)
            integers.update({tensor.name: tensor for tensor in (weight, bias)})
            return real_values(weight), real_values(bias)

        border = np.array(origin.normalization.mean) - INPUT_ZERO
        float_graph = build_network(DIALECTS[origin.dialect], weights, border, height, width)
        logits = float_graph.tensors[float_graph.output].shape[3]
        if logits != len(origin.classes):
            raise CheckpointError(f"{self.path} names {len(origin.classes)} classes but has {logits} logits")
        parameters = scales_from_plain(self.activations, float_graph, scheme)
        try:
            int8_graph = with_parameters(float_graph, parameters).replace_tensors(integers)
        except ValueError as error:  # a product of two scales beyond float32
            raise CheckpointError(f"{self.path} has scales that do not go together: {error}") from error
        return int8_graph, float_graph

    def _constant(self, name: str, rank: int, axis: int) -> Tensor:
        """Check that a stored weight is int8 of rank 4, or a bias int32 of rank 1, with a scale for each channel."""
        data, scale = self.constants.get(name), self.constants.get(f"{name}:scale")
        dtype = np.int8 if rank == 4 else np.int32
        if data is None or scale is None or data.dtype != dtype or data.ndim != rank:
            raise CheckpointError(
                f"{self.path} has no {name}, or not as {np.dtype(dtype)}: damaged, or another network's"
            )
        if scale.shape != (data.shape[axis],) or not is_usable_scale(scale):
            raise CheckpointError(f"{self.path} has no usable scale for each channel of {name}: damaged")
        return Tensor(name, data.shape, data.dtype, data, Quantization(scale, 0, axis))


def save_quantized(path: str | Path, graph: Graph, scheme: Scheme, origin: Origin) -> None:
    """Write an int8 graph.

    Raises:
        OutputError: the file cannot be written.
    """
    tensors: dict[str, np.ndarray] = {}
    for op in graph.ops:
        if isinstance(op, Conv):
            for name in (op.weight, op.bias):
                tensor = graph.tensors[name]
                assert tensor.data is not None
                assert tensor.quantization is not None
                tensors[name] = np.ascontiguousarray(tensor.data)
                tensors[f"{name}:scale"] = tensor.quantization.scale
    activations = {
        name: tensor.quantization
        for name, tensor in graph.tensors.items()
        if tensor.data is None and tensor.quantization is not None
    }
    description = {
        "kind": _KIND,
        "origin": asdict(origin),
        "quantization": scales_to_plain(activations, scheme, origin.method),
        "sha256": BLANK,
    }
    write_bytes(path, seal(save(tensors, {_METADATA_KEY: json.dumps(description, sort_keys=True)})))


def is_quantized_file(path: str | Path) -> bool:
    """Whether ``path`` is a quantized network; False for anything that cannot be read."""
    if Path(path).suffix != ".safetensors" or not Path(path).is_file():
        return False
    try:
        with safe_open(path, "numpy") as stream:
            result: bool = json.loads((stream.metadata() or {}).get(_METADATA_KEY, "{}")).get("kind") == _KIND
            return result
    except (SafetensorError, OSError, ValueError, AttributeError, RecursionError):
        return False


def load_quantized(path: str | Path) -> QuantizedFile:
    """Read a file that :func:`save_quantized` wrote.

    Raises:
        CheckpointError: it is unreadable or something else.
    """
    path = Path(path)
    try:
        with safe_open(path, "numpy") as stream:
            raw = json.loads((stream.metadata() or {})[_METADATA_KEY])
            constants = {key: stream.get_tensor(key) for key in stream.keys()}  # noqa: SIM118 (not a dict)
        check_whole(path, raw)
        origin = with_new_keys(raw["origin"])
        described = Origin(
            dialect=str(origin["dialect"]),
            classes=class_set_from_dict(origin["classes"]),
            normalization=normalization_from_dict(origin["normalization"]),
            checkpoint_sha256=str(origin["checkpoint_sha256"]),
            method=str(origin["method"]),
            trained_size=network_size(origin["trained_size"]),
        )
        return QuantizedFile(described, dict(raw["quantization"]), constants, path, sha256(path))
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{path} is not a quantized network of this package: {error!r}") from error
