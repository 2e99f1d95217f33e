"""The names that users may rely on, and that docs/api.md lists exactly those."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import fastscnn_edge
from fastscnn_edge import testing

DOC = Path(__file__).parents[2] / "docs" / "api.md"

PUBLIC = {
    "CheckpointError",
    "ClassSet",
    "DatasetError",
    "FastSCNNEdgeError",
    "MissingExtraError",
    "ModelFileError",
    "ModelSpec",
    "OutputError",
    "Segmentation",
    "Segmenter",
    "SourceError",
    "UsageError",
    "__version__",
}
FOR_TESTS = {"FakeCamera", "FakeEngine", "FakeSource", "Fault"}


def test_no_name_comes_or_goes_unnoticed() -> None:
    assert set(fastscnn_edge.__all__) == PUBLIC
    assert set(testing.__all__) == FOR_TESTS


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_name_is_there_and_described(name: str) -> None:
    value = getattr(fastscnn_edge, name)
    if name != "__version__":
        assert value.__doc__


def test_dir_shows_them() -> None:
    assert set(dir(fastscnn_edge)) >= PUBLIC


@pytest.mark.parametrize("name", sorted((PUBLIC | FOR_TESTS) - {"__version__"}))
def test_the_page_describes_every_name(name: str) -> None:
    assert re.search(rf"`{name}\b", DOC.read_text()), f"docs/api.md does not describe {name}"
