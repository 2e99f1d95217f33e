"""The hint that names the command for a missing package."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path

import pytest

from fastscnn_edge.errors import MissingExtraError, install_command


class Distribution:
    def __init__(self, url: str | None, folder: Path) -> None:
        self.url, self.folder = url, folder

    def read_text(self, name: str) -> str | None:
        assert name == "direct_url.json"
        return None if self.url is None else json.dumps({"url": self.url})

    def locate_file(self, _name: str) -> Path:
        return self.folder


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("file:///home/me/my%20code", "/home/me/my code"),
        ("file:///tmp/fastscnn_edge-0.1.0-py3-none-any.whl", "/tmp/fastscnn_edge-0.1.0-py3-none-any.whl"),
        (None, "fastscnn-edge"),
        ("https://example.org/x.whl", "fastscnn-edge"),
    ],
)
def test_it_works_from_where_this_was_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str | None, wanted: str
) -> None:
    monkeypatch.setattr(importlib.metadata, "distribution", lambda _name: Distribution(url, tmp_path))
    assert install_command("camera") == f"pip install '{wanted}[camera]'"


def test_it_works_in_a_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "setup.cfg").touch()
    monkeypatch.setattr(importlib.metadata, "distribution", lambda _name: Distribution(None, tmp_path))
    assert install_command("onnx") == f"pip install '{tmp_path}[onnx]'"


def test_it_works_where_nothing_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", absent)
    message = str(MissingExtraError("av", "camera", "reading a video"))
    assert message == "reading a video needs av: pip install 'fastscnn-edge[camera]'"
