"""What a user is told of label maps before hours of training on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastscnn_edge.cli.main import main

pytest.importorskip("torch", reason="training needs torch")

OPTIONS = ["--epochs", "1", "--batch", "2", "--crop", "32x32", "--workers", "0"]


def turn(dataset: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    for path in (dataset / "train/images").iterdir():
        Image.open(path).save(path, exif=exif)


def test_masks_of_0_and_255_are_refused_with_what_mends_them(
    tiny_dataset: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tiny_dataset / "classes.txt").write_text("background\ntarget\n")
    for split in ("train", "val"):
        for path in (tiny_dataset / split / "labels").iterdir():
            with Image.open(path) as image:
                labels = np.asarray(image)
            Image.fromarray(np.where(labels > 0, 255, 0).astype(np.uint8)).save(path)
    command = ["train", "--data", str(tiny_dataset), "--out", str(tmp_path / "run"), *OPTIONS]
    assert main(command) == 2
    error = capfd.readouterr().err
    assert error.count("\n") == 1 and "give --label-map 255=target" in error
    assert not (tmp_path / "run").exists()
    assert main([*command, "--label-map", "255=target"]) == 0
    assert "2 of 2 classes in" in capfd.readouterr().err
    checkpoint = str(tmp_path / "run/best.safetensors")
    assert main(["evaluate", checkpoint, "--data", str(tiny_dataset)]) == 2
    assert main(["evaluate", checkpoint, "--data", str(tiny_dataset), "--label-map", "255=1"]) == 0


def test_turned_pictures_are_said_once_with_their_number(
    tiny_dataset: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    turn(tiny_dataset)
    command = ["train", "--data", str(tiny_dataset), "--out", str(tmp_path / "run"), *OPTIONS]
    assert main(command) == 0
    assert capfd.readouterr().err.count("turned by their EXIF orientation: 4 of 4 pictures of 'train'") == 1
    assert main([*command, "--stored-orientation", "--out", str(tmp_path / "stored")]) == 0
    assert "turned" not in capfd.readouterr().err


def test_a_class_that_never_occurs_stands_beside_the_score(
    tiny_dataset: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tiny_dataset / "classes.txt").write_text("red\ngreen\nblue\nviolet\n")
    assert main(["train", "--data", str(tiny_dataset), "--out", str(tmp_path / "run"), *OPTIONS]) == 0
    capfd.readouterr()
    assert main(["evaluate", str(tmp_path / "run/best.safetensors"), "--data", str(tiny_dataset)]) == 0
    printed = capfd.readouterr()
    assert "never occur in these labels: violet" in printed.out
    assert "these classes never occur in 'val': violet" in printed.err
