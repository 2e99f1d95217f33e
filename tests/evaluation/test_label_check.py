"""Label maps that would train to nonsense are refused, odd ones are warned of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastscnn_edge.errors import DatasetError
from fastscnn_edge.evaluation.datasets import Dataset, Reading, open_dataset
from fastscnn_edge.evaluation.label_check import check_labels, count_labels, describe_labels
from fastscnn_edge.evaluation.labels import LabelRules


def dataset(root: Path, maps: Sequence[Sequence[int]], classes: str, rules: LabelRules | None = None) -> Dataset:
    """A split 'train' whose label maps are rows of the given values."""
    for name in ("images", "labels"):
        (root / "train" / name).mkdir(parents=True)
    (root / "classes.txt").write_text("\n".join(classes.split()) + "\n")
    for number, values in enumerate(maps):
        labels = np.array([values], np.uint8)
        Image.fromarray(labels).save(root / "train/labels" / f"{number}.png")
        Image.fromarray(np.zeros((*labels.shape, 3), np.uint8)).save(root / "train/images" / f"{number}.png")
    return open_dataset(root, "train", reading=Reading(labels=rules or LabelRules()))


def findings(data: Dataset) -> list[str]:
    return check_labels(data, count_labels(data, show=False), "train")


def test_binary_masks_of_0_and_255(tmp_path: Path) -> None:
    data = dataset(tmp_path, [[0, 255], [0, 0]], "background target")
    with pytest.raises(DatasetError, match=r"hold the values 0, 255.*only 'background'.*--label-map 255=target"):
        findings(data)


def test_mapped_they_are_two_classes(tmp_path: Path) -> None:
    data = dataset(tmp_path, [[0, 255], [0, 0]], "background target", LabelRules(((255, "target"),)))
    assert findings(data) == []
    assert data.labels(0).tolist() == [[0, 1]]


def test_labels_that_begin_with_1(tmp_path: Path) -> None:
    data = dataset(tmp_path, [[1, 2, 3]], "a b c")
    with pytest.raises(DatasetError, match=r"'a' never occurs and value 3 would be void; .*--reduce-zero-label"):
        findings(data)


def test_reduced_they_are_right(tmp_path: Path) -> None:
    data = dataset(tmp_path, [[1, 2, 3]], "a b c", LabelRules(reduce_zero=True))
    assert findings(data) == []
    assert data.labels(0).tolist() == [[0, 1, 2]]


def test_nothing_but_void(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="every pixel is void"):
        findings(dataset(tmp_path, [[7, 9]], "a b"))


def test_the_usual_void_is_no_news_and_counted(tmp_path: Path) -> None:
    data = dataset(tmp_path, [[0, 1, 2, 255], [0, 0, 1, 1]], "a b")
    assert findings(data) == []
    line = describe_labels(data, count_labels(data, show=False), "train")
    assert line == "labels of 'train': 2 of 2 classes in 2 pictures, void 25.00 % (value 2, 255)"


def test_strange_values_and_absent_classes_are_warned_of(tmp_path: Path) -> None:
    data = dataset(tmp_path, [[0, 1, 1, 1, 40, 41, 42, 0]], "a b c")
    values, absent = findings(data)
    assert "hold the values 40..42 (37.50 % of the pixels)" in values
    assert absent == "these classes never occur in 'train': c"


def test_stated_void_is_not_strange(tmp_path: Path) -> None:
    data = dataset(tmp_path, [[0, 1, 40, 0]], "a b", LabelRules(ignore=(40,)))
    assert findings(data) == []


def test_two_classes_of_one_name(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="names the class 'a' twice"):
        dataset(tmp_path, [[0, 1]], "a a")


def test_bitmaps_have_the_values_0_and_1(tmp_path: Path) -> None:
    data = dataset(tmp_path, [[0, 1]], "a b")
    Image.fromarray(np.array([[False, True]])).save(tmp_path / "train/labels/0.png")
    assert data.labels(0).tolist() == [[0, 1]]


@pytest.mark.parametrize("name", ["values_0_255", "turned_by_exif"])
def test_the_masks_of_users(shared: Path, name: str) -> None:
    data = open_dataset(shared / "cases/masks" / name, "train")
    if name == "values_0_255":
        with pytest.raises(DatasetError, match="--label-map 255=target"):
            findings(data)
    else:
        assert findings(data) == []
