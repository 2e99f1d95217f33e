"""Forged .tflite files and descriptions."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path

import numpy as np

from fastscnn_edge.classes import generic
from fastscnn_edge.runtime.engines.tflite_file import attach_spec
from fastscnn_edge.spec import ModelSpec
from tests.fuzz.json_edits import mutate_json
from tests.fuzz.mutations import mutate_bytes
from tests.fuzz.narrow import CLASSES, WEIGHTS, narrow_tflites
from tests.fuzz.reader import Reader
from tests.fuzz.tflite_edits import edit_fields, structure
from tests.helpers import tiny


@cache
def body_of(data: bytes) -> bytes:
    """The flatbuffer of a whole .tflite."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return data[: min(info.header_offset for info in archive.infolist())]


def read_model_file(path: Path) -> None:
    """Open a model and run it once, on a gray picture."""
    from fastscnn_edge.runtime.engines.open import open_engine

    engine = open_engine(path, 1)
    view = engine.input_view()
    view.fill(100)
    del view
    engine.invoke()
    logits = engine.logits()
    assert logits.ndim == 3 and logits.shape[2] == len(engine.spec.classes), logits.shape


class TFLiteReader(Reader):
    """Forged .tflite files: mutated, with the right digest."""

    name, suffix, timeout = "tflite", ".tflite", 90.0

    def seeds(self, folder: Path) -> list[bytes]:
        return [*narrow_tflites(), attach_spec(tiny.body(tiny.spec()), tiny.spec())]

    def mutate(self, rng: np.random.Generator, seeds: Sequence[bytes]) -> bytes:
        which = int(rng.integers(len(seeds)))
        body = body_of(seeds[which])
        if rng.random() < 0.5:
            changed = edit_fields(rng, body)
        else:
            # Constants are most of a file, and no mutation of them matters.
            changed = mutate_bytes(rng, body, [body_of(seed) for seed in seeds], structure(body))
        return attach_spec(changed, spec_in(seeds[which]))

    def read(self, path: Path) -> None:
        read_model_file(path)


class BundledTFLiteReader(TFLiteReader):
    """The same, of the bundled model."""

    name, share = "tflite-bundled", 0.1

    def seeds(self, folder: Path) -> list[bytes]:
        return [(WEIGHTS / "fastscnn_camvid_int8.tflite").read_bytes()]


class TFLiteArchiveReader(Reader):
    """The archive behind the flatbuffer: description, labels and digest."""

    name, suffix = "tflite-description", ".tflite"

    def seeds(self, folder: Path) -> list[bytes]:
        return [attach_spec(tiny.body(tiny.spec(precision=p)), tiny.spec(precision=p)) for p in ("int8", "fp32")]

    def mutate(self, rng: np.random.Generator, seeds: Sequence[bytes]) -> bytes:
        seed = seeds[int(rng.integers(len(seeds)))]
        body = body_of(seed)
        if rng.random() < 0.5:
            return mutate_bytes(rng, seed, seeds, [(len(body), len(seed))])
        return _attach_text(body, mutate_json(rng, asdict(spec_in(seed))))

    def read(self, path: Path) -> None:
        from fastscnn_edge.runtime.engines.open import describe_model

        describe_model(path)
        read_model_file(path)


def _attach_text(body: bytes, text: str) -> bytes:
    """Like attach_spec, for a description of any text."""

    class Text:
        classes = generic(CLASSES)

        def to_json(self) -> str:
            return text

    return attach_spec(body, Text())  # type: ignore[arg-type]


@cache
def spec_in(seed: bytes) -> ModelSpec:
    with zipfile.ZipFile(io.BytesIO(seed)) as archive:
        return ModelSpec.from_json(archive.read("fastscnn_edge.json").decode())
