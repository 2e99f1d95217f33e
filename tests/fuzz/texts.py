"""Text files: reports, lists of classes, label maps in words, listings of datasets, scores."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fastscnn_edge.errors import DatasetError, FastSCNNEdgeError
from tests.fuzz.json_edits import mutate_json
from tests.fuzz.mutations import mutate_bytes
from tests.fuzz.reader import Reader

_OTHERS = (None, True, "x", -1, 0.5, [], {}, [None], {"x": None})


@cache
def _report() -> dict[str, Any]:
    """A real report of 20 frames."""
    from fastscnn_edge.runtime.report.report import to_json
    from tests.helpers.reports import report, run

    meter, segmenter, _ = run(20)
    data: dict[str, Any] = json.loads(to_json(report(meter, segmenter).to_dict()))
    return data


class ReportReader(Reader):
    """Reports, as ``report`` draws them and ``compare`` compares them."""

    name, suffix = "reports", ".json"

    def seeds(self, folder: Path) -> list[bytes]:
        return [json.dumps(_report()).encode()]

    def mutate(self, rng: np.random.Generator, seeds: Sequence[bytes]) -> bytes:
        choice = rng.random()
        if choice < 0.2:
            return mutate_bytes(rng, seeds[0], seeds)
        data = json.loads(seeds[0])
        if choice < 0.5:
            data[str(rng.choice(list(data)))] = _OTHERS[int(rng.integers(len(_OTHERS)))]
            return json.dumps(data).encode()
        return mutate_json(rng, data).encode("utf-8", "surrogatepass")

    def read(self, path: Path) -> None:
        from fastscnn_edge.bench.comparison import compare_reports
        from fastscnn_edge.commands.compare import _read, _text
        from fastscnn_edge.runtime.report.html import html_page
        from fastscnn_edge.runtime.report.markdown import markdown_report
        from fastscnn_edge.runtime.report.reader import damage_as_error, read_report

        refusals = []
        try:
            with damage_as_error(path):
                html_page(read_report(path))
                markdown_report(read_report(path))
        except FastSCNNEdgeError as error:
            refusals.append(error)
        report = _read(path)
        for one, other in ((report, _report()), (_report(), report)):
            with damage_as_error(path):
                result = compare_reports("x", one, other)
                _text("y", other, [(result, one)])
        if refusals:
            raise refusals[0]


class ScoresReader(Reader):
    """What ``evaluate --json`` wrote, for ``bench --scores``."""

    name, suffix = "scores", ".json"

    def seeds(self, folder: Path) -> list[bytes]:
        entry = {"model": "m.tflite", "sha256": "ab" * 32, "miou": 0.7}
        return [json.dumps({"data": "camvid", "split": "val", "pictures": 101, "models": [entry]}).encode()]

    def mutate(self, rng: np.random.Generator, seeds: Sequence[bytes]) -> bytes:
        if rng.random() < 0.3:
            return mutate_bytes(rng, seeds[0], seeds)
        return mutate_json(rng, json.loads(seeds[0])).encode("utf-8", "surrogatepass")

    def read(self, path: Path) -> None:
        from fastscnn_edge.runtime.report.accuracy import find_accuracy

        found = find_accuracy(path, "ab" * 32)
        f"{found.miou:.2f} {found.pictures:d} {found.split}"  # as the report prints it


class ClassesReader(Reader):
    """``classes.txt`` of a dataset."""

    name, suffix = "classes-txt", ".txt"

    def seeds(self, folder: Path) -> list[bytes]:
        return ["\n".join(("sky", "road", "größe", "a, b")).encode(), b"\xef\xbb\xbfone\r\ntwo\r\n"]

    def read(self, path: Path) -> None:
        from fastscnn_edge.evaluation.datasets import open_dataset

        root = path.parent / "data"
        for kind in ("images", "labels"):
            (root / "val" / kind).mkdir(parents=True, exist_ok=True)
            picture = root / "val" / kind / "a.png"
            if not picture.exists():
                Image.fromarray(np.zeros((4, 4), np.uint8)).save(picture)
        shutil.copy(path, root / "classes.txt")
        dataset = open_dataset(root, "val")
        dataset.pair(0)


class LabelMapTextReader(Reader):
    """A file for ``--label-map``; the parser's ValueError becomes one line of the command's usage."""

    name, suffix, errors = "label-map-text", ".txt", (ValueError, DatasetError)

    def seeds(self, folder: Path) -> list[bytes]:
        return [b"255=void\n7=road # the street\n0=1\n", b"\xef\xbb\xbf1=0,2=1"]

    def read(self, path: Path) -> None:
        from fastscnn_edge.classes import CAMVID
        from fastscnn_edge.evaluation.labels import LabelRules, parse_label_map

        rules = LabelRules(parse_label_map(str(path)))
        rules.apply(np.arange(256).astype(np.uint8), CAMVID)


class ListingReader(Reader):
    """Names of the files of a dataset, one a line, in either layout."""

    name, suffix = "dataset-listing", ".lst"

    def seeds(self, folder: Path) -> list[bytes]:
        camvid = [f"val/{kind}/{n}.{end}" for n in "ab" for kind, end in (("images", "jpg"), ("labels", "png"))]
        cityscapes = ["leftImg8bit/val/bonn/x_leftImg8bit.png", "gtFine/val/bonn/x_gtFine_labelIds.png"]
        return ["\n".join(camvid).encode(), "\n".join(cityscapes).encode(), "\n".join(camvid + cityscapes).encode()]

    def read(self, path: Path) -> None:
        from fastscnn_edge.evaluation.datasets import open_dataset

        root = path.parent / "data"
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        for line in path.read_bytes().split(b"\n")[:50]:
            parts = [part[:200] for part in line.replace(b"\0", b"").split(b"/") if part not in (b"", b".", b"..")]
            if parts:
                name = os.path.join(os.fsencode(root), *parts)
                with suppress(OSError):  # a folder of that name
                    os.makedirs(os.path.dirname(name), exist_ok=True)
                    with open(name, "wb"):
                        pass
        assert len(open_dataset(root, "val")) > 0
