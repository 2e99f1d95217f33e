"""The interop script's own logic; no peer is installed."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from device_tests import interop
from device_tests.interop import PEERS, InteropModel, Peer, environment, main, picture_files, run_peer
from device_tests.interop_report import InteropResult, compare_logits, interop_markdown
from fastscnn_edge.errors import UsageError

LOGITS = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(np.float32)


def test_equal_logits_are_equal() -> None:
    assert compare_logits(LOGITS, LOGITS.copy()) == (0.0, 1.0)


def test_differences_are_relative_to_the_largest_logit() -> None:
    reference = np.zeros((1, 2, 1, 2), np.float32)
    reference[0, 0] = (4, -8)
    logits = reference.copy()
    logits[0, 0, 0, 0] = -2  # class 1 wins now
    assert compare_logits(reference, logits) == (6 / 8, 0.5)


@pytest.mark.parametrize("logits", [LOGITS.transpose(0, 2, 3, 1), LOGITS[:1], np.full_like(LOGITS, np.nan)])
def test_other_shapes_and_nan_are_no_result(logits: np.ndarray) -> None:
    with pytest.raises(ValueError, match="logits are"):
        compare_logits(LOGITS, logits)


def test_the_table_keeps_what_did_not_run() -> None:
    failed = InteropResult("b", "b 2", "fp32", problem="`pip`: status 1")
    text = interop_markdown([InteropResult("a", "a 1", "fp32", 1.5e-6, 0.99995), failed])
    assert "| a | a 1 | fp32 | 1.5e-06 | 100.00 % |" in text
    assert "| b | b 2 | fp32 | did not run |  |" in text
    assert text.endswith("\nb, fp32: `pip`: status 1\n")


def test_each_peer_is_pinned_and_has_a_worker() -> None:
    for peer in PEERS:
        assert (interop.HERE / "interop_peers" / f"{peer.name}_worker.py").is_file()
        assert all("==" in requirement for requirement in peer.requirements)


def test_a_peer_that_does_not_install_is_reported(tmp_path: Path) -> None:
    """Real venv, real pip, no index asked: the folder is not there."""
    peer = Peer("openvino", (str(tmp_path / "no-such-wheel.whl"),))
    model = InteropModel("fp32", tmp_path / "m.onnx", "uint8", False)
    (result,) = run_peer(peer, [model], np.zeros((1, 4, 4, 3), np.uint8), LOGITS, tmp_path)
    assert result.largest is None
    assert result.problem is not None and result.problem.startswith("`pip install") and "status 1" in result.problem


@pytest.fixture
def echo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Peer:
    """A peer in this environment whose worker writes the file named as its model."""
    (tmp_path / "interop_peers").mkdir()
    (tmp_path / "interop_peers" / "echo_worker.py").write_text(
        "import shutil, sys\nprint('reading', sys.argv[1])\nshutil.copy(sys.argv[1], sys.argv[3])\n"
    )
    monkeypatch.setattr(interop, "HERE", tmp_path)
    monkeypatch.setattr(interop, "environment", lambda peer, cache: Path(sys.executable))
    return Peer("echo", ("echo==1",))


def test_a_worker_is_fed_and_compared(echo: Peer, tmp_path: Path) -> None:
    path = tmp_path / "model.npy"
    np.save(path, LOGITS)
    models = [
        InteropModel("fp32", path, "uint8", False),
        InteropModel("absent", tmp_path / "no.npy", "uint8", False),
        InteropModel("other input", path, "pixels", False),
        InteropModel("int8", path, "uint8", True),
    ]
    ran, absent = run_peer(echo, models, np.zeros((2, 4, 4, 3), np.uint8), LOGITS, tmp_path)
    assert (ran.model, ran.largest, ran.agreement) == ("fp32", 0.0, 1.0)
    assert absent.problem is not None and "FileNotFoundError" in absent.problem


def test_a_worker_cannot_install_anything(echo: Peer, tmp_path: Path) -> None:
    """MNN's converter starts pip by itself; what such a pip sees is no index, and it is the environment's own."""
    (tmp_path / "interop_peers" / "echo_worker.py").write_text(
        "import os\nprint(os.environ['PIP_NO_INDEX'], os.environ['PATH'].split(os.pathsep)[0])\nraise SystemExit(3)\n"
    )
    (result,) = run_peer(
        echo,
        [InteropModel("fp32", tmp_path / "m.onnx", "uint8", False)],
        np.zeros((1, 4, 4, 3), np.uint8),
        LOGITS,
        tmp_path,
    )
    assert result.problem == f"`echo_worker.py m.onnx`: status 3: 1 {Path(sys.executable).parent}"


def test_environments_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    monkeypatch.setattr(interop.venv, "create", lambda folder, **_: made.append(folder) or folder.mkdir(exist_ok=True))
    monkeypatch.setattr(interop, "step", lambda *_: None)
    for requirement in ("a==1", "a==1", "a==2"):
        environment(Peer("a", (requirement,)), tmp_path)
    assert len(made) == 2


def test_bad_input_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--peers", "openvino,tvm"]) == 2
    assert "unknown peer 'tvm'; there are: onnxruntime, openvino" in capsys.readouterr().err
    with pytest.raises(UsageError, match="no pictures"):
        picture_files([tmp_path], 4)


def test_the_whole_way_with_a_played_peer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real export, evaluator and pictures; ONNX Runtime of this environment as the peer."""
    monkeypatch.setattr(interop, "environment", lambda peer, cache: Path(sys.executable))
    out = tmp_path / "r.json"
    assert (
        main(
            [
                "--peers",
                "onnxruntime",
                "--count",
                "1",
                "--size",
                "96x128",
                "--cache",
                str(tmp_path / "cache"),
                "--json",
                str(out),
            ]
        )
        == 0
    )
    (result,) = json.loads(out.read_text())["results"]
    assert result["largest"] < 1e-5 and result["agreement"] == 1
