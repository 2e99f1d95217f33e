"""The command from export to table, with ONNX Runtime of this environment as the peer."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from device_tests.interop import command
from device_tests.interop.command import main
from device_tests.interop.peers import PEERS
from tools.peers.environment import OWN


def test_an_unknown_peer_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--peers", "openvino,tvm"]) == 2
    assert "unknown peer 'tvm'; there are: onnxruntime, openvino" in capsys.readouterr().err


def test_the_whole_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real export, evaluator, images and process."""
    monkeypatch.setattr(command, "peers_of", lambda _: [replace(PEERS[0], environment=OWN)])
    out, cache = tmp_path / "r.json", tmp_path / "cache"
    assert main(["--count", "1", "--size", "96x128", "--cache", str(cache), "--json", str(out)]) == 0
    (result,) = json.loads(out.read_text())["results"]
    assert result["largest"] < 1e-5 and result["agreement"] == 1
