"""Each peer is converted for, run and compared; no peer is installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from device_tests.interop import peers
from device_tests.interop.models import InteropModel
from device_tests.interop.peers import PEERS, Peer, peers_of, run_peer
from fastscnn_edge.errors import UsageError
from tools.peers.environment import OWN, Environment

ROOT = Path(__file__).parents[3]
FRAMES = np.zeros((2, 16, 16, 3), np.uint8)
LOGITS = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype(np.float32)


@pytest.mark.slow
def test_one_that_does_not_install_is_a_row_with_its_command(tmp_path: Path) -> None:
    """Real venv, real pip, no index asked: the folder is not there."""
    environment = Environment("openvino", (str(tmp_path / "no-such-wheel.whl"),))
    peer = Peer("openvino", environment, (), "openvino")
    (result,) = run_peer(peer, [InteropModel("fp32", tmp_path / "m.onnx", "uint8", False)], FRAMES, LOGITS, tmp_path)
    assert result.largest is None
    assert result.problem is not None and result.problem.startswith("`pip install") and "status 1" in result.problem


def test_every_file_that_a_peer_takes_is_run(tmp_path: Path) -> None:
    """ONNX Runtime of this environment as the peer."""
    models = [
        InteropModel("absent", tmp_path / "no.onnx", "uint8", False),
        InteropModel("other input", tmp_path / "no.onnx", "pixels", False),
        InteropModel("int8", tmp_path / "no.onnx", "uint8", True),
        InteropModel("never written", tmp_path / "no.onnx", "uint8", False, "export: no"),
    ]
    peer = Peer("onnxruntime", OWN, ("onnxruntime",), "onnxruntime")
    absent, unwritten = run_peer(peer, models, FRAMES, LOGITS, tmp_path)
    assert absent.model == "absent"
    assert absent.problem is not None
    assert absent.problem.startswith("`logits.onnxruntime no.onnx frames.npy logits.npy`: status 1")
    assert unwritten.problem == "export: no"


def test_versions_are_the_pinned_ones() -> None:
    assert {p.name: p.versions for p in PEERS}["ncnn"] == "ncnn 1.0.20261020, pnnx 20261020"
    assert not any("?" in p.versions for p in PEERS)


@pytest.mark.parametrize("peer", PEERS, ids=lambda p: p.name)
def test_every_module_of_a_peer_exists(peer: Peer) -> None:
    modules = [f"logits.{peer.logits}", *([f"convert.{peer.conversion.module}"] if peer.conversion else [])]
    for module in modules:
        found = subprocess.run(
            [sys.executable, "-c", f"import tools.peers.{module}"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert found.returncode == 0, found.stderr


def test_an_unknown_peer_is_refused_with_the_list() -> None:
    with pytest.raises(UsageError, match="unknown peer 'tvm'; there are: onnxruntime, openvino"):
        peers_of("openvino,tvm")
    assert peers.peers_of("mnn,ncnn") == [PEERS[3], PEERS[2]]
