"""What the runtime's tests share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.helpers import random_picture

from . import tiny


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An INT8 artifact, 64x96, 11 classes."""
    pytest.importorskip("flatbuffers", reason="writing a test artifact needs flatbuffers")
    pytest.importorskip("ai_edge_litert", reason="running a .tflite needs ai-edge-litert")
    return tiny.write(tmp_path_factory.mktemp("models") / "tiny.tflite")


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A PNG of 90x120."""
    path = tmp_path / "street.png"
    Image.fromarray(random_picture(90, 120)).save(path)
    return path


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Five frames of 64x96, each of one grey: 20, 60, 100, 140, 180."""
    av = pytest.importorskip("av", reason="writing a test video needs av")
    path = tmp_path / "drive.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for grey in range(20, 200, 40):
            frame = av.VideoFrame.from_ndarray(np.full((64, 96, 3), grey, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
