"""ONNX Runtime's own post-training quantization of the same float model: the baseline for ours."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...runtime.engines.ort_library import onnxruntime  # before the next two, which would load it with telemetry

# isort: split
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from ...evaluation.evaluate import Predictor
from ...runtime.images import resize_image
from ...runtime.mask.plan import MaskPlan
from ..prepare import Prepared
from ..to_onnx.options import OnnxOptions
from ..to_onnx.verify import image

OPTIONS = OnnxOptions(input="normalized")
"""Options of the float file that is quantized: as torch.onnx.export would write it."""


@dataclass(frozen=True)
class StaticMethod:
    """One way to call ``quantize_static``: signed activations without zero points, or unsigned ones with."""

    name: str
    symmetric: bool
    method: CalibrationMethod


STATIC_METHODS = (
    StaticMethod("min-max", False, CalibrationMethod.MinMax),
    StaticMethod("percentile", False, CalibrationMethod.Percentile),
    StaticMethod("min-max", True, CalibrationMethod.MinMax),
    StaticMethod("percentile", True, CalibrationMethod.Percentile),
    StaticMethod("entropy", True, CalibrationMethod.Entropy),
)


def quantize_static_ort(float_model: Path, out: Path, prepared: Prepared, how: StaticMethod) -> None:
    """Write the int8 QDQ form of ``float_model`` (written with :data:`OPTIONS`), weights per channel."""
    simplified = out.with_suffix(".simplified.onnx")
    quant_pre_process(str(float_model), str(simplified))
    with redirect_stdout(io.StringIO()):  # its histograms print progress
        quantize_static(
            str(simplified),
            str(out),
            _Reader(prepared),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            weight_type=QuantType.QInt8,
            activation_type=QuantType.QInt8 if how.symmetric else QuantType.QUInt8,
            calibrate_method=how.method,
            extra_options={"ActivationSymmetric": how.symmetric, "CalibPercentile": 99.99},
        )
    simplified.unlink()


class _Reader(CalibrationDataReader):  # type: ignore[misc]  # its module has no types
    def __init__(self, prepared: Prepared) -> None:
        self.feeds = iter({"image": image(p, OPTIONS, prepared.normalization)} for p in prepared.images)

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.feeds, None)


def ort_predictor(model: Path, prepared: Prepared, threads: int | None = None) -> Predictor:
    """Predictor with the same resize and the same mask as ours: only the integers differ."""
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3
    if threads:
        settings.intra_op_num_threads = threads
    session: Any = onnxruntime.InferenceSession(str(model), settings, providers=["CPUExecutionProvider"])
    plans: dict[Sequence[int], MaskPlan] = {}

    def predict(picture: np.ndarray) -> np.ndarray:
        feed = image(resize_image(picture, *prepared.size), OPTIONS, prepared.normalization)
        logits = np.ascontiguousarray(session.run(None, {"image": feed})[0][0].transpose(1, 2, 0))
        size = (picture.shape[0], picture.shape[1])
        if size not in plans:
            plans[size] = MaskPlan((logits.shape[0], logits.shape[1]), size, prepared.align_corners)
        return plans[size].run(logits)

    return predict
