from __future__ import annotations

import json
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from fastscnn_edge.classes import CAMVID, generic
from fastscnn_edge.errors import CheckpointError, OutputError
from fastscnn_edge.reference.checkpoint import load_checkpoint, save_checkpoint
from fastscnn_edge.reference.loading import Loading
from fastscnn_edge.reference.model import FastSCNN
from fastscnn_edge.spec import IMAGENET, INT8_NATIVE
from tests.helpers import tramac

from ..helpers import random_model

State = dict[str, torch.Tensor]


def _model(classes: int = 5, dialect: str = "mmseg", auxiliary: bool = False) -> FastSCNN:
    model = FastSCNN(classes, dialect, auxiliary).eval()
    model.load_state_dict(random_model(dialect, classes).state_dict(), strict=False)
    return model


def _image() -> torch.Tensor:
    return torch.randn(1, 3, 72, 104, generator=torch.Generator().manual_seed(3))


def _assert_same(left: FastSCNN, right: FastSCNN) -> None:
    with torch.inference_mode():
        assert torch.equal(left(_image()), right(_image()))


def _saved(content: object, path: Path) -> Path:
    torch.save(content, path)
    return path


@pytest.fixture(scope="session")
def mmseg_state(shared: Path) -> State:
    return torch.load(shared / "fixtures" / "mmseg_random.pth", weights_only=True)["state_dict"]


# --- layouts that must load ---------------------------------------------------------------------


def test_mmseg_container(shared: Path) -> None:
    checkpoint = load_checkpoint(shared / "fixtures" / "mmseg_random.pth")
    assert checkpoint.model.dialect.name == "mmseg"
    assert not checkpoint.model.training
    assert checkpoint.classes.labels == tuple(f"c{i}" for i in range(19))
    assert checkpoint.normalization == IMAGENET
    assert set(checkpoint.model.auxiliary) == {"lower", "higher"}
    assert checkpoint.training == {}
    assert len(checkpoint.sha256) == 64


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
def test_mmseg_keys_behind_prefix_and_wrapper(
    mmseg_state: State, shared: Path, tmp_path: Path, prefix: str, wrapper: str | None
) -> None:
    state: dict[str, Any] = {prefix + key: value for key, value in mmseg_state.items()}
    loaded = load_checkpoint(_saved({wrapper: state} if wrapper else state, tmp_path / "w.pth"))
    assert loaded.classes == generic(19)
    _assert_same(loaded.model, load_checkpoint(shared / "fixtures" / "mmseg_random.pth").model)


def test_mmseg_without_training_heads(mmseg_state: State, tmp_path: Path) -> None:
    state = {key: value for key, value in mmseg_state.items() if not key.startswith("auxiliary")}
    assert not load_checkpoint(_saved(state, tmp_path / "w.pth")).model.auxiliary


@pytest.mark.parametrize("dialect", ["mmseg", "paper"])
def test_plain_state_dict_with_our_keys(tmp_path: Path, dialect: str) -> None:
    model = _model(11, dialect, auxiliary=True)
    checkpoint = load_checkpoint(_saved(model.state_dict(), tmp_path / "w.pt"))
    assert checkpoint.model.dialect.name == dialect
    assert checkpoint.classes == generic(11)
    _assert_same(checkpoint.model, model)


@pytest.mark.parametrize("prefix", ["", "module."])
def test_tramac_keys_compute_what_that_network_computes(tmp_path: Path, prefix: str) -> None:
    state = tramac.random_state(19)
    path = _saved({prefix + key: value for key, value in state.items()}, tmp_path / "w.pth")
    checkpoint = load_checkpoint(path)
    assert checkpoint.model.dialect.name == "paper"
    assert set(checkpoint.model.auxiliary) == {"higher"}
    x = torch.randn(1, 3, 131, 190, generator=torch.Generator().manual_seed(5))
    with torch.inference_mode():
        wanted, logits = tramac.logits(state, x), checkpoint.model(x)
    assert logits.shape == wanted.shape
    assert wanted.std() > 0.01
    assert (logits - wanted).abs().max() <= 1e-5 * wanted.abs().max()


def test_tramac_without_training_head(tmp_path: Path) -> None:
    state = {key: value for key, value in tramac.random_state(3).items() if not key.startswith("auxlayer")}
    assert load_checkpoint(_saved(state, tmp_path / "w.pth")).model.num_classes == 3


@pytest.mark.parametrize("classes", [2, 7, 255])
def test_other_class_counts(tmp_path: Path, classes: int) -> None:
    checkpoint = load_checkpoint(_saved(_model(classes).state_dict(), tmp_path / "w.pt"))
    assert checkpoint.model.num_classes == classes
    assert checkpoint.classes == generic(classes)


def test_more_classes_than_a_class_map_can_hold(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="256 classes; 1 to 255"):
        load_checkpoint(_saved(_model(256).state_dict(), tmp_path / "w.pt"))


def test_half_precision_weights_become_float(tmp_path: Path) -> None:
    model = _model().half()
    checkpoint = load_checkpoint(_saved(model.state_dict(), tmp_path / "w.pt"))
    assert {p.dtype for p in checkpoint.model.parameters()} == {torch.float32}
    _assert_same(checkpoint.model, model.float())


# --- names, palettes, and models of one logit -----------------------------------------------------


@pytest.mark.parametrize("count", [5, 11, 19])
def test_a_checkpoint_without_names_gets_none_and_says_so_once(tmp_path: Path, count: int) -> None:
    said: list[str] = []
    path = _saved(_model(count).state_dict(), tmp_path / "w.pth")
    assert load_checkpoint(path, Loading(warn=said.append)).classes == generic(count)
    (line,) = said
    assert f"class 0 to class {count - 1}" in line
    assert "--classes" in line


def test_named_by_the_user(tmp_path: Path) -> None:
    path = _saved(_model(11).state_dict(), tmp_path / "w.pth")
    said: list[str] = []
    assert load_checkpoint(path, Loading(CAMVID, warn=said.append)).classes == CAMVID
    assert not said
    with pytest.raises(CheckpointError, match=r"--classes names 5 classes, and .* has 11"):
        load_checkpoint(path, Loading(generic(5)))


@pytest.mark.parametrize(
    "meta",
    [
        {"dataset_meta": {"classes": ["road", "grass"], "palette": [[1, 2, 3], [4, 5, 6]]}},
        {"dataset_meta": {"classes": ("road", "grass"), "palette": np.array([[1, 2, 3], [4, 5, 6]]).tolist()}},
        {"CLASSES": ("road", "grass"), "PALETTE": [[1, 2, 3], [4, 5, 6]]},
    ],
)
def test_palette_of_the_checkpoint_is_kept(tmp_path: Path, meta: dict[str, Any]) -> None:
    path = _saved({"state_dict": _model(2).state_dict(), "meta": meta}, tmp_path / "w.pth")
    classes = load_checkpoint(path).classes
    assert classes.labels == ("road", "grass")
    assert classes.palette == ((1, 2, 3), (4, 5, 6))


@pytest.mark.parametrize(
    "palette", [None, "random", [[1, 2]], [[1, 2, 3], [4, 5, 256]], [[1, 2, 3]], 7, [[1, 2, 3]] * 2]
)
def test_unusable_palette_costs_only_the_colors(tmp_path: Path, palette: object) -> None:
    meta = {"CLASSES": ["road", "grass"], "PALETTE": palette}
    path = _saved({"state_dict": _model(2).state_dict(), "meta": meta}, tmp_path / "w.pth")
    said: list[str] = []
    assert load_checkpoint(path, Loading(warn=said.append)).classes == generic(2, ("road", "grass"))
    assert len(said) == (palette is not None)
    assert all("has no color of its own for each class, so they get others" in line for line in said)


def test_one_name_as_a_text_is_a_name(tmp_path: Path) -> None:
    said: list[str] = []
    for count in (2, 3):
        path = _saved({"state_dict": _model(count).state_dict(), "meta": {"CLASSES": "road"}}, tmp_path / "w.pth")
        found = load_checkpoint(path, Loading(warn=said.append)).classes.labels
        assert found == (("background", "road") if count == 2 else ("class 0", "class 1", "class 2"))
    assert len(said) == 1 and "names 1 class and has 3" in said[0]


@pytest.mark.parametrize("names", [["a"], ["a", "a"], ["a", "b", "c"], ["a", " "], ["", ""]])
def test_names_that_do_not_fit_are_not_used_and_this_is_said(tmp_path: Path, names: list[str]) -> None:
    said: list[str] = []
    path = _saved({"state_dict": _model(2).state_dict(), "meta": {"CLASSES": names}}, tmp_path / "w.pth")
    if len(names) == 1:
        path = _saved({"state_dict": _model(4).state_dict(), "meta": {"CLASSES": names}}, tmp_path / "w.pth")
    classes = load_checkpoint(path, Loading(warn=said.append)).classes
    assert classes.labels[0] == "class 0"
    assert len(said) == 1


@pytest.mark.parametrize(("dialect", "threshold"), [("mmseg", None), ("paper", None), ("mmseg", 0.9), ("paper", 0.05)])
def test_one_logit_becomes_two_classes_at_its_threshold(tmp_path: Path, dialect: str, threshold: float | None) -> None:
    model = _model(1, dialect)
    said: list[str] = []
    path = _saved(model.state_dict(), tmp_path / "w.pth")
    loaded = load_checkpoint(path, Loading(threshold=threshold, warn=said.append))
    assert loaded.model.num_classes == len(loaded.classes) == 2
    with torch.inference_mode():
        above = torch.sigmoid(model(_image()))[:, 0] > (threshold or 0.5)
        assert 0 < above.float().mean() < 1
        assert torch.equal(loaded.model(_image()).argmax(1) == 1, above)
    assert any("one logit" in line for line in said) == (threshold is None)


@pytest.mark.parametrize(("cfg", "threshold"), [(None, 0.3), ("decode_head=dict(\n  threshold=0.7,\n)", 0.7)])
def test_threshold_of_mmsegmentation(mmseg_state: State, tmp_path: Path, cfg: str | None, threshold: float) -> None:
    state = {
        key: value[:1] if ".conv_seg." in key or re.search(r"decode_head\.conv_seg", key) else value
        for key, value in mmseg_state.items()
    }
    said: list[str] = []
    path = _saved({"state_dict": state, "meta": {"cfg": cfg, "CLASSES": ["lane"]}}, tmp_path / "w.pth")
    loaded = load_checkpoint(path, Loading(warn=said.append))
    assert loaded.classes.labels == ("background", "lane")
    bias = loaded.model.classifier.logits.bias.detach()
    assert bias[0] == 0
    expected = state["decode_head.conv_seg.bias"][0] - np.log(threshold / (1 - threshold))
    assert bias[1] == pytest.approx(float(expected), abs=1e-5)
    assert f"above {threshold:g}" in said[0]
    assert set(loaded.model.auxiliary) == {"lower", "higher"}


def test_threshold_for_a_model_of_several_logits_is_refused(tmp_path: Path) -> None:
    path = _saved(_model(5).state_dict(), tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=r"--threshold is for models of one logit, and .* has 5"):
        load_checkpoint(path, Loading(threshold=0.5))


# --- our own files ------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", ["mmseg", "paper"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_round_trip(tmp_path: Path, dialect: str, dtype: torch.dtype) -> None:
    model = _model(5, dialect, auxiliary=True)
    classes = generic(5, ("a", "b", "c", "d", "ü"))
    save_checkpoint(tmp_path / "w.safetensors", model, classes, INT8_NATIVE, {"epoch": 3, "crop": (48, 64)}, dtype)
    loaded = load_checkpoint(tmp_path / "w.safetensors")
    assert loaded.classes == classes
    assert loaded.normalization == INT8_NATIVE
    assert loaded.training == {"epoch": 3, "crop": [48, 64]}
    assert loaded.model.dialect.name == dialect
    assert not loaded.model.auxiliary
    with torch.inference_mode():
        wanted, given = model(_image()), loaded.model(_image())
    tolerance = 0 if dtype == torch.float32 else 0.01 * wanted.abs().max()
    assert (wanted - given).abs().max() <= tolerance


def test_same_input_same_bytes(tmp_path: Path) -> None:
    files = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    for path in files:
        save_checkpoint(path, _model(), generic(5), INT8_NATIVE, {"b": 1, "a": 2})
    assert files[0].read_bytes() == files[1].read_bytes()


def test_half_precision_file_keeps_what_it_cannot_hold(tmp_path: Path) -> None:
    model = _model()
    model.learning_to_downsample.conv.bn.running_var[0] = 1e-6
    model.learning_to_downsample.conv.bn.running_mean[0] = 1e6
    save_checkpoint(tmp_path / "w.safetensors", model, generic(5), INT8_NATIVE, {})
    loaded = load_checkpoint(tmp_path / "w.safetensors").model.learning_to_downsample.conv.bn
    assert loaded.running_var[0] == np.float32(1e-6)
    assert loaded.running_mean[0] == 1e6
    with safe_open(tmp_path / "w.safetensors", "pt") as stream:
        assert stream.get_tensor("classifier.logits.weight").dtype == torch.float16


def test_writing_where_a_file_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        save_checkpoint(tmp_path / "file" / "w.safetensors", _model(), generic(5), INT8_NATIVE, {})


def test_safetensors_without_our_description(tmp_path: Path) -> None:
    state = {key: value for key, value in tramac.random_state(4).items() if "num_batches" not in key}
    save_file(state, tmp_path / "w.safetensors")
    checkpoint = load_checkpoint(tmp_path / "w.safetensors")
    assert checkpoint.model.dialect.name == "paper"
    assert checkpoint.normalization == IMAGENET


@pytest.mark.parametrize("text", ["", "[]", "{", '{"dialect": "mmseg"}', '{"dialect": 1, "classes": 2}', "[" * 100_000])
def test_damaged_description(tmp_path: Path, text: str) -> None:
    save_file(_model().state_dict(), tmp_path / "w.safetensors", {"fastscnn_edge": text})
    with pytest.raises(CheckpointError, match="not described"):
        load_checkpoint(tmp_path / "w.safetensors")


def test_description_of_another_class_count(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "w.safetensors", _model(5), generic(6), INT8_NATIVE, {})
    with pytest.raises(CheckpointError, match="names 6 classes but has 5 logits"):
        load_checkpoint(tmp_path / "w.safetensors")


# --- what must be refused, in one clear line ----------------------------------------------------


def _refusal(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def test_wrong_keys_are_all_listed_by_the_names_in_the_file(mmseg_state: State, tmp_path: Path) -> None:
    state = dict(mmseg_state)
    missing = ["backbone.feature_fusion.dwconv.conv.weight", "decode_head.convs.1.pointwise_conv.bn.running_mean"]
    for key in missing:
        del state[key]
    state["backbone.global_feature_extractor.bottleneck9.0.weight"] = torch.zeros(1)
    state["neck.extra"] = torch.zeros(1)
    misshapen = "backbone.global_feature_extractor.ppm.2.1.conv.weight"
    state[misshapen] = torch.zeros(32, 64, 1, 1)
    message = _refusal(_saved({"state_dict": state}, tmp_path / "w.pth"))
    for part in (*missing, "bottleneck9.0.weight", "neck.extra", "2 missing", "2 surplus", "1 misshapen"):
        assert part in message
    assert f"{misshapen} (32, 64, 1, 1) instead of (32, 128, 1, 1)" in message


def test_missing_logits(tmp_path: Path) -> None:
    state = tramac.random_state(4)
    del state["classifier.conv.1.weight"]
    assert "missing (classifier.conv.1.weight)" in _refusal(_saved(state, tmp_path / "w.pth"))


def test_another_network(tmp_path: Path) -> None:
    message = _refusal(_saved({"fc.weight": torch.zeros(3, 3)}, tmp_path / "w.pth"))
    assert "surplus (fc.weight)" in message


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite(tmp_path: Path, value: float) -> None:
    model = _model()
    model.classifier.logits.bias.data[2] = value
    message = _refusal(_saved(model.state_dict(), tmp_path / "w.pth"))
    assert "not finite: classifier.logits.bias" in message


class _Payload:
    """Creates a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.marker,)


@pytest.mark.parametrize("as_archive", [True, False])
def test_pickled_objects_are_refused_and_not_run(tmp_path: Path, as_archive: bool) -> None:
    path, marker = tmp_path / "w.pth", tmp_path / "was_run"
    content = {"state_dict": _model().state_dict(), "hook": _Payload(marker)}
    if as_archive:
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(_Payload(marker), protocol=2))
    assert "more than tensors" in _refusal(path)
    assert not marker.exists()


@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.5, 0.999])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_truncated_files(tmp_path: Path, suffix: str, fraction: float) -> None:
    whole, part = tmp_path / f"whole{suffix}", tmp_path / f"part{suffix}"
    if suffix == ".pth":
        torch.save(_model().state_dict(), whole)
    else:
        save_checkpoint(whole, _model(), generic(5), INT8_NATIVE, {})
    data = whole.read_bytes()
    part.write_bytes(data[: int(fraction * len(data))])
    _refusal(part)


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".safetensors"])
def test_text_instead_of_weights(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"w{suffix}"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n")
    _refusal(path)


def test_folder_and_absent_file(tmp_path: Path) -> None:
    assert "a folder" in _refusal(tmp_path)
    assert "no such checkpoint" in _refusal(tmp_path / "absent.pth")


@pytest.mark.parametrize("content", [[], torch.zeros(3), {}, {"state_dict": {}}, {"epoch": 3}])
def test_content_without_a_state_dict(tmp_path: Path, content: object) -> None:
    _refusal(_saved(content, tmp_path / "w.pth"))


def test_training_state_is_not_taken_for_weights(tmp_path: Path) -> None:
    state = {"model": _model().state_dict(), "ema": {}, "optimizer": {}, "best": 0.1, "epoch": 3}
    assert "use the .safetensors that the run writes" in _refusal(_saved(state, tmp_path / "last.pt"))


# --- descriptions that a stranger wrote ---------------------------------------------------------


def _described(path: Path, **changes: Any) -> Path:
    description = {
        "dialect": "mmseg",
        "classes": {"labels": ["a", "b", "c"], "palette": [[0, 0, 0], [1, 1, 1], [2, 2, 2]]},
        "normalization": {"mean": [128.0] * 3, "std": [64.0] * 3},
        "training": {},
        "quantization": {},
    }
    save_file(_model(3).state_dict(), path, {"fastscnn_edge": json.dumps({**description, **changes})})
    return path


def test_a_plain_description_loads(tmp_path: Path) -> None:
    path = _described(tmp_path / "w.safetensors", training={"crop": [64, 96]})
    assert load_checkpoint(path).trained_size == (64, 96)


@pytest.mark.parametrize(
    "changes",
    [
        {"training": {"crop": [10**9, 64]}},
        {"training": {"crop": [64.5, 64]}},
        {"training": {"crop": [True, 64]}},
        {"training": {"crop": "64x64"}},
        {"training": {"crop": [64]}},
        {"training": [1]},
        {"quantization": 7},
        {"normalization": {"mean": [float("nan")] * 3, "std": [1.0] * 3}},
        {"normalization": {"mean": [0.0] * 3, "std": [0.0] * 3}},
        {"normalization": None},
        {"classes": {"labels": ["a", "a", "c"], "palette": [[0, 0, 0]] * 3}},
        {"classes": {"labels": ["a", "b", "c"], "palette": [[0, 0, 300]] * 3}},
        {"classes": []},
        {"dialect": {"a": 1}},
    ],
)
def test_every_part_of_a_description_is_checked(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(_described(tmp_path / "w.safetensors", **changes))
    assert "\n" not in str(caught.value)


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file(_model(3).state_dict(), path, {"fastscnn_edge": "[" * 100_000})
    with pytest.raises(CheckpointError, match="not described"):
        load_checkpoint(path)


def test_negative_variances_are_refused(tmp_path: Path) -> None:
    state = _model(3).state_dict()
    key = next(key for key in state if key.endswith("running_var"))
    state[key][0] = -1
    with pytest.raises(CheckpointError, match=f"negative variances: {key}"):
        load_checkpoint(_saved(state, tmp_path / "w.pth"))


@pytest.mark.parametrize("name", ["model.tflite", "model.onnx"])
def test_an_artifact_is_not_taken_for_a_checkpoint(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(CheckpointError, match="exported artifact, not a checkpoint"):
        load_checkpoint(tmp_path / name)


def test_a_device_is_not_read() -> None:
    with pytest.raises(CheckpointError, match="device or pipe"):
        load_checkpoint("/dev/zero")


def test_a_flipped_bit_in_the_weights_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_checkpoint(path, _model(), generic(5), INT8_NATIVE, {})
    data = bytearray(path.read_bytes())
    data[-5] ^= 4
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="does not match its digest"):
        load_checkpoint(path)


def test_tensors_that_are_there_twice_are_refused(tmp_path: Path) -> None:
    state = _model().state_dict()
    both = {**state, **{f"module.{key}": torch.zeros_like(value) for key, value in state.items()}}
    with pytest.raises(CheckpointError, match=r"tensors twice, with and without 'module\.'"):
        load_checkpoint(_saved(both, tmp_path / "w.pth"))
