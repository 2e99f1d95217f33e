"""Class sets and the description inside artifacts."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastscnn_edge import classes
from fastscnn_edge.spec import IMAGENET, INT8_NATIVE, ClassSet, ModelSpec, Normalization

SPEC = ModelSpec(
    height=360,
    width=480,
    classes=classes.CAMVID,
    normalization=INT8_NATIVE,
    dialect="mmseg",
    align_corners=False,
    precision="int8",
    scheme="affine",
    checkpoint_sha256="0" * 64,
    version="0.1.0",
)


@given(st.integers(1, 60), st.integers(32, 4096), st.booleans(), st.sampled_from([IMAGENET, INT8_NATIVE]))
def test_spec_survives_json(count: int, height: int, corners: bool, normalization: Normalization) -> None:
    spec = dataclasses.replace(
        SPEC, classes=classes.generic(count), height=height, align_corners=corners, normalization=normalization
    )
    assert ModelSpec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"classes": 3}', json.dumps({"height": 1})])
def test_from_json_refuses_other_text(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        ModelSpec.from_json(text)


def test_from_json_refuses_unknown_fields() -> None:
    raw = json.loads(SPEC.to_json())
    with pytest.raises(ValueError, match="surprise"):
        ModelSpec.from_json(json.dumps({**raw, "surprise": 1}))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("height", -5),
        ("width", 0),
        ("height", 10**9),
        ("height", 360.0),
        ("width", True),
        ("align_corners", "no"),
        ("precision", "int3"),
        ("scheme", None),
        ("head", "softmax"),
        ("resize_filter", ["bilinear"]),
        ("dialect", 3),
        ("version", {}),
        ("normalization", {"mean": [0, 0, 0], "std": [1, 1, float("inf")]}),
        ("normalization", {"mean": [float("nan"), 0, 0], "std": [1, 1, 1]}),
        ("normalization", {"mean": [10**400, 0, 0], "std": [1, 1, 1]}),
        ("classes", {"labels": ["a"], "palette": [[float("inf"), 0, 0]]}),
    ],
)
def test_from_json_refuses_what_is_out_of_range(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=r".+"):
        ModelSpec.from_json(json.dumps({**json.loads(SPEC.to_json()), field: value}))


def test_from_json_refuses_deep_nesting() -> None:
    with pytest.raises(ValueError, match=r".+"):
        ModelSpec.from_json("[" * 100_000)


def test_descriptions_written_before_the_names_changed_are_read() -> None:
    raw = json.loads(SPEC.to_json())
    old = {{"normalization": "normalisation", "scheme": "preset"}.get(key, key): value for key, value in raw.items()}
    assert ModelSpec.from_json(json.dumps(old)) == SPEC


def test_class_set_is_checked() -> None:
    with pytest.raises(ValueError, match="2 labels but 1"):
        ClassSet(("a", "b"), ((0, 0, 0),))
    with pytest.raises(ValueError, match="color"):
        ClassSet(("a",), ((0, 0, 256),))


def test_known_class_sets() -> None:
    assert len(set(classes.generic(30).palette)) == 30
    road = classes.CITYSCAPES.palette[classes.CITYSCAPES.labels.index("road")]
    assert classes.CAMVID.palette[classes.CAMVID.labels.index("road")] == road
