"""Fixtures for all tests."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

from tests.helpers import random_image, tiny, write_video

# A busy machine is no failure.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

REPOSITORY = Path(__file__).resolve().parent.parent

TINY_CLASSES = ("red", "green", "blue")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with ``camvid/`` and ``fixtures/``; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("FASTSCNN_EDGE_SHARED", REPOSITORY.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no shared data at {folder}; set FASTSCNN_EDGE_SHARED to its folder")
    return folder


@pytest.fixture
def tiny_dataset(tmp_path: Path) -> Path:
    """A CamVid-style dataset of 4 + 2 pictures, 64x64, three classes that are told apart by color."""
    return write_tiny_dataset(tmp_path / "tiny")


def write_tiny_dataset(root: Path, *, train: int = 4, val: int = 2, size: int = 64) -> Path:
    """Pictures of three upright bands, red, green and blue, of random widths, with their label maps."""
    rng = np.random.default_rng(7)
    root.mkdir(parents=True)
    (root / "classes.txt").write_text("\n".join(TINY_CLASSES) + "\n")
    for split, count in (("train", train), ("val", val)):
        for name in ("images", "labels"):
            (root / split / name).mkdir(parents=True)
        for index in range(count):
            first, second = sorted(rng.integers(size // 8, size - size // 8, 2))
            labels = np.full((size, size), 2, np.uint8)
            labels[:, :second] = 1
            labels[:, :first] = 0
            image = np.eye(3, dtype=np.uint8)[labels] * 160 + rng.integers(0, 60, (size, size, 3), np.uint8)
            Image.fromarray(image).save(root / split / "images" / f"{index:03}.jpg", quality=95)
            Image.fromarray(labels).save(root / split / "labels" / f"{index:03}.png")
    return root


@pytest.fixture
def make_tiny_dataset() -> Callable[..., Path]:
    """:func:`write_tiny_dataset`, for tests that need other counts or sizes."""
    return write_tiny_dataset


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An INT8 artifact, 64x96, 11 classes."""
    pytest.importorskip("flatbuffers", reason="writing a test artifact needs flatbuffers")
    pytest.importorskip("ai_edge_litert", reason="running a .tflite needs ai-edge-litert")
    return tiny.write(tmp_path_factory.mktemp("models") / "tiny.tflite")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A PNG of 90x120."""
    path = tmp_path / "street.png"
    Image.fromarray(random_image(90, 120)).save(path)
    return path


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Five frames of 64x96, each of one gray: 20, 60, 100, 140, 180."""
    grays = range(20, 200, 40)
    return write_video(tmp_path / "drive.mp4", [np.full((64, 96, 3), gray, np.uint8) for gray in grays])
