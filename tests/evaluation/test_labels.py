"""What values of label maps stand for, in the words of the options."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastscnn_edge.errors import DatasetError
from fastscnn_edge.evaluation.labels import IGNORE, LabelRules, parse_label_map, parse_values
from fastscnn_edge.spec import ClassSet

CLASSES = ClassSet(("background", "target"), ((0, 0, 0), (255, 0, 0)))
PLAIN = np.full(256, IGNORE, np.uint8)
PLAIN[:2] = (0, 1)


def test_without_rules_a_value_is_its_class() -> None:
    table = LabelRules().apply(PLAIN, CLASSES)
    np.testing.assert_array_equal(table.classes, PLAIN)
    assert table.stated.nonzero()[0].tolist() == [0, 1]


def test_values_are_mapped_by_index_name_and_void() -> None:
    table = LabelRules(parse_label_map("255=1, 7=target,0=void")).apply(PLAIN, CLASSES)
    assert [int(table.classes[v]) for v in (255, 7, 0, 1, 2)] == [1, 1, IGNORE, 1, IGNORE]
    assert table.stated[[255, 7, 0, 1]].all() and not table.stated[2]


def test_a_file_of_pairs(tmp_path: Path) -> None:
    (tmp_path / "map.txt").write_text("# of our scanner\n255=target\n\n128 = void  # unsure\n")
    assert parse_label_map(str(tmp_path / "map.txt")) == ((255, "target"), (128, "void"))


def test_reduce_zero() -> None:
    table = LabelRules(reduce_zero=True, ignore=(9,)).apply(PLAIN, CLASSES)
    assert [int(table.classes[v]) for v in (0, 1, 2, 3, 9)] == [IGNORE, 0, 1, IGNORE, IGNORE]
    assert table.stated[[0, 1, 2, 9]].all() and not table.stated[3]


def test_the_words_of_the_rules() -> None:
    assert str(LabelRules()) == ""
    assert str(LabelRules(((255, "1"),), (3,), True)) == "255=1, ignore 3, reduce zero"


@pytest.mark.parametrize("text", ["255=", "=1", "256=1", "-1=1", "x=1", "no such file", "1.5=0"])
def test_what_is_no_map(text: str) -> None:
    with pytest.raises(ValueError, match=r"'.*' is n"):
        parse_label_map(text)


@pytest.mark.parametrize("text", ["", "256", "-1", "1,,2", "a"])
def test_what_is_no_list_of_values(text: str) -> None:
    with pytest.raises(ValueError, match="not a label-map value"):
        parse_values(text)


@pytest.mark.parametrize("target", ["2", "road", "-1"])
def test_an_unknown_class_is_named_with_those_there_are(target: str) -> None:
    with pytest.raises(
        DatasetError, match=f"names the class '{target}', which is none of .*background, target, or 0 to 1"
    ):
        LabelRules(((3, target),)).apply(PLAIN, CLASSES)


@given(st.text(max_size=30))
def test_any_text_is_a_map_or_a_value_error(text: str) -> None:
    try:
        parse_label_map(text)
    except ValueError:
        return
