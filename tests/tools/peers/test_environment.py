"""Environments are made once per set of pins, and report what they have installed."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

import pytest

from tools.peers import environment
from tools.peers.environment import NCNN, OWN, Environment, python_of, versions
from tools.peers.process import NotRunError


def test_environments_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, installed = [], []
    monkeypatch.setattr(
        environment.venv, "create", lambda folder, **_: made.append(folder) or folder.mkdir(parents=True, exist_ok=True)
    )
    monkeypatch.setattr(environment, "run_logged", lambda command, log, shown: installed.append(shown))
    for pins, bare in ((("a==1",), ()), (("a==1",), ()), (("a==1",), ("b==2",))):
        python_of(Environment("a", pins, bare), tmp_path)
    assert len(made) == 2
    assert installed == ["pip install a==1", "pip install a==1", "pip install --no-deps b==2"]


@pytest.mark.slow
def test_what_cannot_be_installed_is_reported_with_the_command(tmp_path: Path) -> None:
    """Real venv, real pip, no index asked: the folder is not there."""
    broken = Environment("broken", (str(tmp_path / "no-such-wheel.whl"),))
    for _ in range(2):  # nothing half-made is taken for an environment
        with pytest.raises(NotRunError, match=r"`pip install .*no-such-wheel\.whl`: status 1"):
            python_of(broken, tmp_path)


def test_versions_of_this_environment(tmp_path: Path) -> None:
    assert python_of(OWN, tmp_path) == Path(sys.executable)
    numpy = importlib.metadata.version("numpy")
    assert versions(OWN, ["numpy", "no-such-package"], tmp_path) == f"numpy {numpy}, no-such-package ?"


def test_pinned_versions() -> None:
    assert NCNN.pinned_version("pnnx") == "20261020"
    assert NCNN.pinned_version("torch") == "?"
