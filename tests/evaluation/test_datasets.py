from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastscnn_edge.classes import CAMVID, CITYSCAPES
from fastscnn_edge.errors import DatasetError, SourceError
from fastscnn_edge.evaluation.datasets import open_dataset, read_label_map
from fastscnn_edge.evaluation.labels import IGNORE

MakeDataset = Callable[..., Path]


def _write(path: Path, values: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)
    return path


def _camvid(root: Path, labels: np.ndarray) -> Path:
    _write(root / "train" / "images" / "a.jpg", np.zeros((*labels.shape[:2], 3), np.uint8))
    _write(root / "train" / "labels" / "a.png", labels)
    return root


def test_camvid_layout_sorted_and_split(tiny_dataset: Path) -> None:
    train, val = open_dataset(tiny_dataset, "train"), open_dataset(str(tiny_dataset), "val")
    assert (len(train), len(val)) == (4, 2)
    assert [image.name for image, _ in train.samples] == ["000.jpg", "001.jpg", "002.jpg", "003.jpg"]
    assert train.classes.labels == ("red", "green", "blue")
    image, labels = train.pair(1)
    assert image.shape == (64, 64, 3)
    assert image.dtype == labels.dtype == np.uint8
    assert np.array_equal(np.bincount(image.argmax(2).ravel()) > 0, np.bincount(labels.ravel()) > 0)
    assert (image.argmax(2) == labels).mean() > 0.95


def test_camvid_without_class_list_has_the_eleven_classes_and_void_beyond(tmp_path: Path) -> None:
    dataset = open_dataset(_camvid(tmp_path, np.array([[0, 10, 11, 254, 255]], np.uint8)), "train")
    assert dataset.classes == CAMVID
    assert dataset.labels(0).tolist() == [[0, 10, IGNORE, IGNORE, IGNORE]]


def test_palette_label_maps_are_read_as_indices(tmp_path: Path) -> None:
    root = _camvid(tmp_path, np.array([[0, 1, 2]], np.uint8))
    image = Image.fromarray(np.array([[2, 1, 0]], np.uint8), "P")
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    image.save(root / "train" / "labels" / "a.png")
    assert open_dataset(root, "train").labels(0).tolist() == [[2, 1, 0]]


def test_cityscapes_layout_and_ids(tmp_path: Path) -> None:
    ids = np.array([[7, 8, 33, 0, 6, 34, 255]], np.uint8)  # road, sidewalk, bicycle, and ids that do not count
    for city, name in (("ulm", "ulm_000001_000019"), ("bonn", "bonn_000000_000019")):
        _write(tmp_path / "leftImg8bit" / "val" / city / f"{name}_leftImg8bit.png", np.zeros((1, 7, 3), np.uint8))
        _write(tmp_path / "gtFine" / "val" / city / f"{name}_gtFine_labelIds.png", ids)
        _write(tmp_path / "leftImg8bit" / "val" / city / "preview.jpg", np.zeros((1, 7, 3), np.uint8))
    dataset = open_dataset(tmp_path, "val")
    assert dataset.classes == CITYSCAPES
    assert [image.parent.name for image, _ in dataset.samples] == ["bonn", "ulm"]
    assert dataset.labels(0).tolist() == [[0, 1, 18, IGNORE, IGNORE, IGNORE, IGNORE]]


def test_hidden_files_are_passed_over(tiny_dataset: Path) -> None:
    shutil.copy(tiny_dataset / "train/images/000.jpg", tiny_dataset / "train/images/._000.jpg")
    assert len(open_dataset(tiny_dataset, "train")) == 4


def test_missing_split_names_both_layouts(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no split 'val'.*val/images.*leftImg8bit/val"):
        open_dataset(tmp_path / "absent", "val")


def test_split_without_pictures(tmp_path: Path) -> None:
    (tmp_path / "val" / "images").mkdir(parents=True)
    with pytest.raises(DatasetError, match="holds no pictures"):
        open_dataset(tmp_path, "val")


def test_missing_label_maps_are_counted(tiny_dataset: Path) -> None:
    for name in ("001.png", "002.png"):
        (tiny_dataset / "train" / "labels" / name).unlink()
    with pytest.raises(DatasetError, match=r"no label map for 2 of 4 pictures.*001\.png"):
        open_dataset(tiny_dataset, "train")


@pytest.mark.parametrize(
    "labels",
    [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.uint16)],
    ids=["colors", "16 bit"],
)
def test_label_maps_of_another_mode(tmp_path: Path, labels: np.ndarray) -> None:
    with pytest.raises(DatasetError, match="not 8-bit single channel"):
        open_dataset(_camvid(tmp_path, labels), "train").labels(0)


def test_label_map_of_another_size(tiny_dataset: Path) -> None:
    _write(tiny_dataset / "train" / "labels" / "000.png", np.zeros((32, 64), np.uint8))
    with pytest.raises(DatasetError, match="is 32x64 pixels, its picture 64x64"):
        open_dataset(tiny_dataset, "train").pair(0)


def test_damaged_files(tiny_dataset: Path) -> None:
    for path in (tiny_dataset / "train/labels/000.png", tiny_dataset / "train/images/001.jpg"):
        path.write_bytes(path.read_bytes()[:60])
    dataset = open_dataset(tiny_dataset, "train")
    with pytest.raises(DatasetError, match="cannot read label map"):
        dataset.labels(0)
    with pytest.raises(SourceError, match="cannot decode"):
        dataset.image(1)


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xff\xfe\x00", b"x\n" * 256])
def test_class_lists_that_make_no_sense(tiny_dataset: Path, content: bytes) -> None:
    (tiny_dataset / "classes.txt").write_bytes(content)
    with pytest.raises(DatasetError, match=r"classes\.txt"):
        open_dataset(tiny_dataset, "train")


def test_the_real_camvid(shared: Path) -> None:
    for split, count in (("train", 367), ("val", 101)):
        dataset = open_dataset(shared / "camvid", split)
        assert len(dataset) == count
        assert dataset.classes == CAMVID
        image, labels = dataset.pair(count // 2)
        assert image.shape == (360, 480, 3)
        assert set(np.unique(labels)) <= {*range(11), IGNORE}


def test_a_damaged_tiff_label_map_is_one_error_and_libtiff_prints_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "labels.tiff"
    labels = np.random.default_rng(0).integers(0, 5, (40, 60)).astype(np.uint8)
    Image.fromarray(labels).save(path, compression="tiff_adobe_deflate")
    whole = bytearray(path.read_bytes())
    at = len(whole) // 2
    whole[at : at + 16] = bytes(16)
    path.write_bytes(whole)
    with pytest.raises(DatasetError, match="cannot read label map"):
        read_label_map(path)
    assert capfd.readouterr().err == ""


def test_a_pipe_instead_of_a_label_map_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(DatasetError, match="it is a folder, device or pipe"):
        read_label_map(tmp_path / "a.png")
