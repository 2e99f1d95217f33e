"""A failed command names itself and its last line, and none installs anything."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tools.peers.process import NotRunError, last_line, module_variables, run_logged, run_module

PYTHON = Path(sys.executable)


def test_a_failed_step_names_the_command_and_its_last_line(tmp_path: Path) -> None:
    script = "print('first'); raise SystemExit('out of luck')"
    with pytest.raises(NotRunError, match=r"`the script`: status 1: out of luck"):
        run_logged([str(PYTHON), "-c", script], tmp_path / "log", "the script")
    with pytest.raises(NotRunError, match="`absent`: FileNotFoundError"):
        run_logged([str(tmp_path / "absent")], tmp_path / "log", "absent")
    with pytest.raises(NotRunError, match="`slow`: TimeoutExpired"):
        run_logged([str(PYTHON), "-c", "import time; time.sleep(60)"], tmp_path / "log", "slow", timeout=0.5)


def test_a_module_is_shown_with_its_files(tmp_path: Path) -> None:
    with pytest.raises(NotRunError, match=r"`convert\.ncnn model\.onnx out\.param`: status 1: "):
        run_module(PYTHON, "convert.ncnn", ["fp32", tmp_path / "model.onnx", tmp_path / "out.param"], tmp_path / "log")


def test_a_converter_cannot_install_anything(tmp_path: Path) -> None:
    """MNN's converter starts pip by itself: that pip is the environment's own, and sees no index."""
    script = "import os; print(os.environ['PIP_NO_INDEX'], os.environ['PATH'].split(os.pathsep)[0])"
    run_logged([str(PYTHON), "-c", script], tmp_path / "log", "script", module_variables(PYTHON))
    assert last_line(tmp_path / "log") == f"1 {PYTHON.parent}"
    assert "PIP_NO_INDEX" not in os.environ


def test_the_last_line_of_a_blank_log_is_empty(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("\n  \n")
    assert last_line(tmp_path / "log") == ""
