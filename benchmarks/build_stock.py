"""The files of PyTorch's exporter and ONNX Runtime's quantizer for the same weights; other engines start from them."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch

from fastscnn_edge.export.compare.ort_static import STATIC_METHODS, quantize_static_ort
from fastscnn_edge.export.prepare import Prepared
from tools.peers.reference_model import WholeModel, load_for_export


def build_stock(folder: Path, checkpoint: Path, prepared: Prepared) -> None:
    """Write stock_classes.onnx, stock_logits.onnx (upsampled) and stock_int8.onnx (classes again) into ``folder``.

    ``prepared`` has the size, the normalization and the calibration images.
    """
    image = torch.zeros(1, 3, *prepared.size)
    for output in ("classes", "logits"):
        model = WholeModel(load_for_export(checkpoint), argmax=output == "classes").eval()
        with _quiet():
            torch.onnx.export(
                model,
                (image,),
                folder / f"stock_{output}.onnx",
                input_names=["image"],
                output_names=[output],
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    # Unsigned activations, per-channel weights: its CPU kernels run these in integers, and fastest.
    quantize_static_ort(folder / "stock_classes.onnx", folder / "stock_int8.onnx", prepared, STATIC_METHODS[0])


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence exporters, which announce each of their steps."""
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), open(os.devnull, "w") as void:
        warnings.simplefilter("ignore")
        with contextlib.redirect_stderr(void), contextlib.redirect_stdout(io.StringIO()):
            yield
