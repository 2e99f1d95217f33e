"""``fastscnn-edge doctor`` from the outside."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fastscnn_edge.cli import self_test as module
from fastscnn_edge.commands.doctor import main
from fastscnn_edge.files import sha256
from fastscnn_edge.runtime.pipeline.segmenter import BUNDLED, WEIGHTS


def test_a_whole_installation_is_usable(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    out = capsys.readouterr().out
    assert out.rstrip().endswith("\nusable")
    assert "every pixel as recorded" in out or "classes differ by" in out


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["usable"] and data["self_test"]["passed"]
    assert {c["purpose"] for c in data["choices"]} == {".tflite", ".onnx", "camera"}


@pytest.mark.parametrize("name", BUNDLED)
def test_the_expectations_are_of_the_bundled_models(name: str) -> None:
    expected = json.loads(module.expectation(WEIGHTS / name).read_text())
    assert expected["model_sha256"] == sha256(WEIGHTS / name), "run: python -m fastscnn_edge.cli.self_test --record"
    assert sum(expected["shares"].values()) == pytest.approx(1, abs=1e-4)


def test_other_classes_are_not_usable(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    observe = module._observe

    def wrong(path: Path, threads: int | None) -> dict:
        found = observe(path, threads)
        return {**found, "shares": {"sky": 1.0}, "mask_sha256": "0"}

    monkeypatch.setattr(module, "_observe", wrong)
    assert main([]) == 1
    assert "not usable: the self-test class map differs" in capsys.readouterr().out


def test_without_an_engine(tmp_path: Path) -> None:
    program = (
        "import sys\nfor name in ('ai_edge_litert', 'tflite_runtime', 'onnxruntime'):\n"
        "    sys.modules[name] = None\n"
        "from fastscnn_edge.commands.doctor import main\nsys.exit(main([]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert re.search(r"pip install '.*\[tflite\]'", done.stdout.splitlines()[-1])


_DEADLY = "import os, signal\nos.kill(os.getpid(), signal.{name})\n"


@pytest.mark.parametrize("name", ["SIGILL", "SIGSEGV"])
def test_a_library_that_kills_its_process_is_named(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wheel built for a newer processor: the stand-in is found before the real one, in children too."""
    (tmp_path / "ai_edge_litert").mkdir()
    (tmp_path / "ai_edge_litert" / "__init__.py").write_text(_DEADLY.format(name=name))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-m", "fastscnn_edge", "doctor"], capture_output=True, text=True, timeout=100, check=False
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert f"ai-edge-litert: dies of {name}" in done.stdout
    assert "not usable: ai-edge-litert dies of" in done.stdout
    if name == "SIGILL":
        assert "lacks instructions that it was built with" in done.stdout


def test_the_engines_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json"]) == 0
    engines = json.loads(capsys.readouterr().out)["engines"]
    assert engines and not any(engines.values())
