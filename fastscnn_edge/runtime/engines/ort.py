"""ONNX Runtime as an engine: TensorRT or CUDA on a Jetson, or any CPU."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import FastSCNNEdgeError, MissingExtraError, ModelFileError
from ...files import sha256
from ...native_stderr import captured_stderr
from ...spec import ModelSpec
from ...text import count_of
from ..board.backends import version_of
from ..board.memory import total_memory
from .base import refuse_armv6
from .onnx_file import read_onnx
from .ort_providers import CPU, TENSORRT, Provider, cache_folder, choose_providers, tensorrt_version

_PACKAGES = ("onnxruntime", "onnxruntime-gpu")

_ERRORS_ONLY, _FATAL_ONLY = 3, 4


class OrtEngine:
    """:class:`~fastscnn_edge.runtime.engines.base.Engine` for .onnx files with uint8 frames in and logits out.

    ``profile_into``: a folder for ONNX Runtime's own trace; :meth:`end_profiling` completes it.

    Raises:
        ModelFileError: missing, damaged, refused by ONNX Runtime, or with an input or output the runtime cannot use.
        MissingExtraError: ONNX Runtime is not installed.
    """

    name = "onnxruntime"

    def __init__(self, path: str | Path, threads: int, profile_into: Path | None = None) -> None:
        path = Path(path)
        self.spec, self.output_quantization = read_onnx(path)
        if self.spec.head != "logits":
            raise ModelFileError(
                f"{path} was exported with --head {self.spec.head}; this runtime makes the mask "
                "itself, and faster: export it with --head logits"
            )
        self.threads = threads
        ort = _import()
        self.library = f"{_installed()}, {ort.get_device()}"
        self.details: dict[str, Any] = {}
        self._session = self._open(ort, path, profile_into)
        self.details["providers"] = _assignment(self._session)
        _check(path, self.spec, self._session)
        self._path = path
        self._run_options = ort.RunOptions()
        self._run_options.log_severity_level = _FATAL_ONLY  # an exception says the same
        self._input = np.zeros((1, self.spec.height, self.spec.width, 3), np.uint8)
        self._logits: np.ndarray | None = None

    def input_view(self) -> np.ndarray:
        """Return the input memory that :meth:`invoke` reads: uint8 [1, H, W, 3]."""
        return self._input

    def invoke(self) -> None:
        """Run the network.

        Raises:
            ModelFileError: ONNX Runtime cannot, since the file contradicts itself where loading does not notice.
        """
        try:
            (self._logits,) = self._session.run(None, {"image": self._input}, self._run_options)
        except Exception as error:  # ONNX Runtime's exceptions share no base class of their own
            raise ModelFileError(f"{self._path}: ONNX Runtime cannot run it: {str(error).splitlines()[0]}") from error
        found, spec = self._logits.shape, self.spec
        if found[:2] != (1, len(spec.classes)) or len(found) != 4 or found[2] > spec.height or found[3] > spec.width:
            raise ModelFileError(
                f"{self._path}: its result is {list(found)}, which is no grid of {spec.height}x{spec.width} pixels and "
                f"{count_of(len(spec.classes), 'class')}"
            )

    def logits(self) -> np.ndarray:
        """Return the last result, int8 or float32 [h, w, C]."""
        assert self._logits is not None
        logits = self._logits[0].transpose(1, 2, 0)
        if self.output_quantization is None:
            return np.ascontiguousarray(logits)
        # Converted back to integers, in which the mask is exact.
        scale, zero_point = self.output_quantization
        result: np.ndarray = np.add(np.rint(logits * np.float32(1 / scale)), zero_point).astype(np.int8, order="C")
        return result

    def end_profiling(self) -> Path:
        """Write the trace of all invocations so far: JSON, one event per node and run. Needs ``profile_into``."""
        return Path(self._session.end_profiling())

    def _open(self, ort: Any, path: Path, profile_into: Path | None) -> Any:
        providers = self._providers(ort, path)
        session = _load(ort, path, self.threads, providers, profile_into)
        missing = [name for name, _ in providers if name not in session.get_providers()]
        if missing:
            # ONNX Runtime lists the providers of its build, notices only here that a library is missing, and continues
            # without it. A session prepared only for TensorRT would be slow elsewhere, so it is made again.
            self.details["providers_unavailable"] = missing
            session = _load(ort, path, self.threads, [p for p in providers if p[0] not in missing], profile_into)
        return session

    def _providers(self, ort: Any, path: Path) -> list[Provider]:
        available = ort.get_available_providers()
        # Only TensorRT caches engines; otherwise the file need not be read again for its digest.
        digest = sha256(path) if TENSORRT in available else ""
        cache = cache_folder(path, digest, tensorrt_version(), ort.__version__)
        chosen = choose_providers(available, self.spec, cache, total_memory())
        if chosen[0][0] == TENSORRT:
            cache.mkdir(parents=True, exist_ok=True)
            self.details["engine_cache"] = str(cache)
        return chosen


def _import() -> Any:
    try:
        from .ort_library import onnxruntime
    except ModuleNotFoundError as error:
        refuse_armv6()
        raise MissingExtraError("onnxruntime", "onnx", "running an .onnx") from error
    except ImportError as error:
        raise FastSCNNEdgeError(
            f"onnxruntime is installed but cannot be loaded: {' '.join(str(error).split())}"
        ) from error
    return onnxruntime


def _installed() -> str:
    found = (f"{package} {version}" for package in _PACKAGES if (version := version_of(package)))
    return next(found, "onnxruntime, version unknown")


def _load(ort: Any, path: Path, threads: int, providers: list[Provider], profile_into: Path | None) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = _ERRORS_ONLY
    if providers[0][0] == TENSORRT:
        # ONNX Runtime's own rewrites run before TensorRT sees the graph; one of them turns float biases into int32
        # behind DequantizeLinear, which TensorRT's parser rejects. TensorRT optimizes by itself (decision 0014).
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    if len(providers) > 1:
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    if profile_into is not None:
        options.enable_profiling = True
        options.profile_file_prefix = str(profile_into / "profile")
    try:
        with captured_stderr():  # a provider's log lines before the exception
            return ort.InferenceSession(str(path), options, providers=providers)
    except Exception as error:  # ONNX Runtime's exceptions share no base class of their own
        raise ModelFileError(f"{path}: ONNX Runtime refuses it: {str(error).splitlines()[0]}") from error


def _assignment(session: Any) -> dict[str, Any]:
    """Provider -> number of nodes it runs; None where this version of ONNX Runtime does not report it."""
    names = session.get_providers()
    if names == [CPU]:
        return {CPU: "all nodes"}
    try:
        counts = Counter(dict.fromkeys(names, 0))
        for part in session.get_provider_graph_assignment_info():
            counts[part.ep_name] += len(part.get_nodes())
        return dict(counts)
    except (AttributeError, RuntimeError):
        return dict.fromkeys(names)


def _check(path: Path, spec: ModelSpec, session: Any) -> None:
    """Check input and output against the description; otherwise masks would be silently wrong."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or len(outputs) != 1:
        raise ModelFileError(f"{path} has {len(inputs)} inputs and {len(outputs)} outputs, not one of each")
    image, logits = inputs[0], outputs[0]
    if image.name != "image" or image.type != "tensor(uint8)":
        raise ModelFileError(f"{path} takes {image.type}; this runtime feeds frames: export it with --input uint8")
    expected = (1, spec.height, spec.width, 3)
    if len(image.shape) != len(expected) or any(
        isinstance(got, int) and got != want for got, want in zip(image.shape, expected, strict=True)
    ):
        raise ModelFileError(f"{path}: its input is {image.shape}, but its description says {spec.height}x{spec.width}")
    if logits.type != "tensor(float)" or len(logits.shape) != 4 or logits.shape[1] != len(spec.classes):
        raise ModelFileError(
            f"{path}: its output is {logits.type} {logits.shape}, not of {count_of(len(spec.classes), 'class')}"
        )
