"""Comparison of one float model quantized in several ways: our recipes, and ONNX Runtime's own."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...evaluation.datasets import Dataset
    from ...evaluation.evaluate import Predictor
    from ..prepare import Prepared

RECIPES = ("fast", "accurate")


@dataclass(frozen=True)
class QuantizerScore:
    """One line of the table; ``miou`` as a fraction of 1."""

    scheme: str
    method: str
    file: str
    miou: float


def _miou(predict: Predictor, dataset: Dataset, title: str) -> float:
    from ...evaluation.evaluate import evaluate_predictor

    return evaluate_predictor(predict, dataset, title).miou


def _ways(args: argparse.Namespace, prepared: Prepared, folder: Path) -> Iterator[tuple[str, str, str, Predictor]]:
    """Scheme, method, kind of file and predictor of every line, each made on demand; float is the first."""
    import onnx

    from ...quantization.calibration.scheme import SCHEMES
    from ...quantization.ptq.recipes import quantize
    from ...quantization.quantized_file import load_quantized
    from ...runtime.pipeline.segmenter import Segmenter
    from ..to_onnx.writer import write_onnx
    from .ort_static import OPTIONS, STATIC_METHODS, ort_predictor, quantize_static_ort

    float_model = folder / "float.onnx"
    onnx.save(write_onnx(prepared.graph, OPTIONS, prepared.normalization, prepared.align_corners, {}), float_model)
    yield "float", "-", "onnx", ort_predictor(float_model, prepared)
    for scheme in SCHEMES.values():
        for recipe in RECIPES:
            graph = quantize(prepared.float_graph, prepared.images, scheme, recipe)
            for kind, path in _written(replace(prepared, graph=graph, scheme=scheme.name), folder):
                yield scheme.name, f"ours, {recipe}", kind, Segmenter(path).predict
    for path in args.also:
        file = load_quantized(path)
        graph, _ = file.graphs(SCHEMES[file.scheme], *prepared.size)
        for kind, written in _written(replace(prepared, graph=graph, scheme=file.scheme), folder):
            yield file.scheme, file.origin.method.split(",")[0] + f", {path.stem}", kind, Segmenter(written).predict
    for way in STATIC_METHODS:
        path = folder / "stock.onnx"
        quantize_static_ort(float_model, path, prepared, way)
        scheme_name = "symmetric" if way.symmetric else "affine"
        yield scheme_name, f"quantize_static {way.name}", "onnx", ort_predictor(path, prepared)


def _written(prepared: Prepared, folder: Path) -> Iterator[tuple[str, Path]]:
    """The files of an int8 graph; both formats of the affine scheme, the .onnx of the symmetric one."""
    from ..convert import write_onnx_file, write_tflite_file

    if prepared.scheme == "affine":
        write_tflite_file(folder / "ours.tflite", prepared, "int8")
        yield "tflite", folder / "ours.tflite"
    write_onnx_file(folder / "ours.onnx", prepared, "int8")
    yield "onnx", folder / "ours.onnx"
