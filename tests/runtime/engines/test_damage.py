"""Files given as a model that are none, or of the other format."""

from __future__ import annotations

import pickle
import shutil
import zipfile
from pathlib import Path

import pytest

from fastscnn_edge.errors import ModelFileError
from fastscnn_edge.runtime.engines.open import describe_model

WEIGHTS = Path(__file__).parents[3] / "fastscnn_edge" / "weights"


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".old.pth", ".tflite"])
def test_a_checkpoint_as_a_model_gets_the_command_that_makes_one(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"w{suffix}"
    if suffix == ".pth":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", b"")
    elif suffix == ".old.pth":
        path.write_bytes(pickle.dumps({}, protocol=2))
    else:
        shutil.copy(WEIGHTS / "fastscnn_camvid.safetensors", path)
    with pytest.raises(ModelFileError, match=r"is a checkpoint, not a model; .*fastscnn-edge export --checkpoint"):
        describe_model(path)


@pytest.mark.parametrize(("own", "other"), [("tflite", "onnx"), ("onnx", "tflite")])
def test_a_model_under_the_other_suffix_is_told_its_own(tmp_path: Path, own: str, other: str) -> None:
    path = tmp_path / f"m.{other}"
    shutil.copy(WEIGHTS / f"fastscnn_camvid_int8.{own}", path)
    with pytest.raises(ModelFileError, match=rf"is a \.{own} by its content.*name it m\.{own}"):
        describe_model(path)


def test_any_other_file_is_not_a_complete_model(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_text("text")
    with pytest.raises(ModelFileError, match="is not a complete model of this package"):
        describe_model(tmp_path / "m.tflite")
