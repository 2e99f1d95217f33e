"""What PyTorch's exporter and ONNX Runtime's quantizer make of the same weights; other engines start from it."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import torch
import torch.nn.functional as F

from fastscnn_edge.export.compare.ort_static import STATIC_METHODS, quantize_static_ort
from fastscnn_edge.export.prepare import Prepared

from .engines.torch_model import Classes, fixed_pool


def build_stock(folder: Path, checkpoint: Path, prepared: Prepared) -> None:
    """Write stock_classes.onnx, stock_logits.onnx (upsampled) and stock_int8.onnx (classes again) into ``folder``.

    ``prepared`` has the size, the normalization and the calibration pictures.
    """
    picture = torch.zeros(1, 3, *prepared.size)
    for output in ("classes", "logits"):
        model = Classes(checkpoint, argmax=output == "classes").eval()
        with patch.object(F, "adaptive_avg_pool2d", fixed_pool), _quiet():
            torch.onnx.export(
                model,
                (picture,),
                folder / f"stock_{output}.onnx",
                input_names=["image"],
                output_names=[output],
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    # Unsigned activations, per-channel weights: the preset that its CPU kernels run in integers and fastest.
    quantize_static_ort(folder / "stock_classes.onnx", folder / "stock_int8.onnx", prepared, STATIC_METHODS[0])


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Exporters announce each of their steps."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), open(os.devnull, "w") as void:
        warnings.simplefilter("ignore")
        with contextlib.redirect_stderr(void), contextlib.redirect_stdout(io.StringIO()):
            yield
