"""The contestants: an engine, a model file, and the environment it runs in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tools.peers.environment import EXECUTORCH, MNN, NCNN, ONNX2TF, OPENVINO, OWN, Environment, versions


@dataclass(frozen=True)
class Contestant:
    """One row of the table.

    Attributes:
        engine: a module of :mod:`tools.peers.engines`.
        model: a file in the folder of its size; ``checkpoint``: the weights themselves.
        packages: those whose versions the table gives.
        precision: ``fp32``, ``fp16`` or ``int8``.
        what: description for the table.
        environment: where it runs.
        ours: whether it is this package.
        converter: environment and name of the package that made the file, if it is installed elsewhere.
    """

    name: str
    engine: str
    model: str
    packages: tuple[str, ...]
    precision: str
    what: str
    environment: Environment = OWN
    ours: bool = False
    converter: tuple[Environment, str] | None = None

    def versions(self, cache: Path) -> str:
        """Packages and their versions, the converter first.

        Raises:
            NotRunError: an environment cannot be made here.
        """
        found = [versions(self.environment, self.packages, cache)]
        if self.converter is not None:
            environment, package = self.converter
            found.insert(0, versions(environment, [package], cache))
        return ", ".join(found)


OURS = "ours, TFLite INT8"
"""The contestant whose figures are the unit of the others'."""

REFERENCE = "ORT fp32"
"""The usual choice: the file of torch.onnx.export in ONNX Runtime."""

CONTESTANTS = (
    Contestant(OURS, "ours", "ours_int8.tflite", ("ai-edge-litert",), "int8", "fastscnn_edge with LiteRT", ours=True),
    Contestant(
        "ours, ORT INT8",
        "ours",
        "ours_int8.onnx",
        ("onnxruntime",),
        "int8",
        "fastscnn_edge with ONNX Runtime",
        ours=True,
    ),
    Contestant(
        "ours, TFLite fp32",
        "ours",
        "ours_fp32.tflite",
        ("ai-edge-litert",),
        "fp32",
        "fastscnn_edge with LiteRT",
        ours=True,
    ),
    Contestant(
        "ours, ORT fp32",
        "ours",
        "ours_fp32.onnx",
        ("onnxruntime",),
        "fp32",
        "fastscnn_edge with ONNX Runtime",
        ours=True,
    ),
    Contestant(
        REFERENCE,
        "onnxruntime",
        "stock_classes.onnx",
        ("onnxruntime", "torch"),
        "fp32",
        "torch.onnx.export, upsampling and argmax in the graph",
    ),
    Contestant(
        "ORT quantize_static",
        "onnxruntime",
        "stock_int8.onnx",
        ("onnxruntime",),
        "int8",
        "the same file, quantized: QDQ, unsigned activations, per channel",
    ),
    Contestant(
        "ORT INT8 in graph",
        "onnxruntime",
        "in_graph_int8.onnx",
        ("onnxruntime",),
        "int8",
        "our integers, uint8 frames in, upsampling and argmax in the graph",
    ),
    Contestant(
        "TFLite INT8 in graph",
        "litert",
        "in_graph_int8.tflite",
        ("ai-edge-litert",),
        "int8",
        "our integers, upsampling and argmax in the graph",
    ),
    Contestant("torch eager", "torch", "checkpoint", ("torch",), "fp32", "channels last, inference mode"),
    Contestant("torch.compile", "torch_compile", "checkpoint", ("torch",), "fp32", "TorchInductor, channels last"),
    Contestant(
        "OpenVINO fp32",
        "openvino",
        "stock_classes.onnx",
        ("openvino",),
        "fp32",
        "preprocessing in the graph, latency hint",
        OPENVINO,
    ),
    Contestant(
        "OpenVINO INT8",
        "openvino",
        "openvino_int8.xml",
        ("openvino", "nncf"),
        "int8",
        "NNCF post-training quantization, the same otherwise",
        OPENVINO,
    ),
    Contestant(
        "OpenVINO INT8, our mask",
        "openvino_lazy",
        "openvino_int8.xml",
        ("openvino", "nncf"),
        "int8",
        "the same, stopped at 1/8 logits",
        OPENVINO,
    ),
    Contestant("ncnn fp32", "ncnn", "ncnn.param", ("ncnn", "pnnx"), "fp32", "from_pixels, argmax by numpy", NCNN),
    Contestant(
        "ncnn fp16",
        "ncnn_fp16",
        "ncnn_fp16.param",
        ("ncnn", "pnnx"),
        "fp16",
        "half-precision weights, the default",
        NCNN,
    ),
    Contestant("MNN fp32", "mnn", "mnn.mnn", ("MNN",), "fp32", "upsampling and argmax in the graph", MNN),
    Contestant(
        "MNN INT8", "mnn", "mnn_int8.mnn", ("MNN",), "int8", "its offline quantization (EMA), the same otherwise", MNN
    ),
    Contestant(
        "ExecuTorch INT8",
        "executorch",
        "executorch_int8.pte",
        ("executorch", "torchao"),
        "int8",
        "XNNPACK, PT2E post-training quantization; upsampling and argmax by torch",
        EXECUTORCH,
    ),
    Contestant(
        "onnx2tf INT8",
        "litert",
        "onnx2tf_int8.tflite",
        ("ai-edge-litert",),
        "int8",
        "onnx2tf's full integer file, upsampling and argmax in the graph",
        converter=(ONNX2TF, "onnx2tf"),
    ),
)
