"""Checkpoints: foreign .pth files, our safetensors, and quantized networks."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fastscnn_edge.classes import generic
from fastscnn_edge.spec import IMAGENET
from tests.fuzz.json_edits import mutate_json
from tests.fuzz.mutations import mutate_bytes
from tests.fuzz.narrow import CLASSES, SIZE, WEIGHTS, narrow_graphs
from tests.fuzz.reader import Reader


class TorchReader(Reader):
    """A .pth: the pickle and the directory of its archive."""

    name, suffix, share = "checkpoint-pth", ".pth", 0.3

    def seeds(self, folder: Path) -> list[bytes]:
        import torch

        from tests.helpers import random_model, tramac

        state = {key: value.half() for key, value in random_model("mmseg", 3).state_dict().items()}
        theirs = {key: value.half() for key, value in tramac.random_state(3).items()}
        files = []
        for content in ({"state_dict": state, "meta": {"CLASSES": ["a", "b", "c"], "epoch": 3}}, theirs):
            buffer = io.BytesIO()
            torch.save(content, buffer)
            files.append(buffer.getvalue())
        return files

    def mutate(self, rng: np.random.Generator, seeds: Sequence[bytes]) -> bytes:
        seed = seeds[int(rng.integers(len(seeds)))]
        if rng.random() < 0.3:
            return mutate_bytes(rng, seed, seeds, [(0, 2000), (len(seed) - 30000, len(seed))])
        # Members have checksums: a changed one is packed anew.
        out = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(seed)) as source, zipfile.ZipFile(out, "w") as target:
            names = source.namelist()
            chosen = next(n for n in names if n.endswith("data.pkl")) if rng.random() < 0.8 else str(rng.choice(names))
            for name in names:
                data = source.read(name)
                target.writestr(zipfile.ZipInfo(name), mutate_bytes(rng, data, []) if name == chosen else data)
        return out.getvalue()

    def read(self, path: Path) -> None:
        from fastscnn_edge.reference.checkpoint import load_checkpoint

        load_checkpoint(path)


def _header(data: bytes) -> tuple[int, int]:
    """(start, stop) of the JSON header of a safetensors file."""
    (size,) = struct.unpack_from("<Q", data, 0)
    return 8, 8 + size


class _SafetensorsReader(Reader):
    """Base: mutations of the header, as bytes, as JSON, and of the description inside it."""

    suffix = ".safetensors"

    def mutate(self, rng: np.random.Generator, seeds: Sequence[bytes]) -> bytes:
        seed = seeds[int(rng.integers(len(seeds)))]
        start, stop = _header(seed)
        choice = rng.random()
        if choice < 0.3:
            return mutate_bytes(rng, seed, seeds, [(0, stop)])
        header = json.loads(seed[start:stop])
        if choice < 0.7:
            description = json.loads(header["__metadata__"]["fastscnn_edge"])
            header["__metadata__"]["fastscnn_edge"] = mutate_json(rng, description)
            text = json.dumps(header)
        else:
            text = mutate_json(rng, header)
        encoded = text.encode("utf-8", "surrogatepass")
        return struct.pack("<Q", len(encoded)) + encoded + seed[stop:]


class SafetensorsReader(_SafetensorsReader):
    """Weights of our own."""

    name, share = "checkpoint-safetensors", 0.3

    def seeds(self, folder: Path) -> list[bytes]:
        return [(WEIGHTS / "fastscnn_camvid.safetensors").read_bytes()]

    def read(self, path: Path) -> None:
        from fastscnn_edge.reference.checkpoint import load_checkpoint

        assert load_checkpoint(path).trained_size


class QuantizedReader(_SafetensorsReader):
    """A quantized network, on its way to a graph."""

    name = "quantized-safetensors"

    def seeds(self, folder: Path) -> list[bytes]:
        from fastscnn_edge.quantization.calibration.scheme import SCHEMES
        from fastscnn_edge.quantization.quantized_file import Origin, save_quantized

        files = []
        for dialect, scheme in (("mmseg", "affine"), ("paper", "symmetric")):
            path = folder / "q.safetensors"
            origin = Origin(dialect, generic(CLASSES), IMAGENET, "0" * 64, "test", SIZE)
            save_quantized(path, narrow_graphs()[f"{dialect} int8"], SCHEMES[scheme], origin)
            files.append(path.read_bytes())
        return files

    def read(self, path: Path) -> None:
        from fastscnn_edge.export.prepare import ExportSource, prepare

        prepare(ExportSource(path))
