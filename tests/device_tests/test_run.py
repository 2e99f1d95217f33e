"""The command itself: on this machine for real, and on emulated boards where they are already there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from device_tests import roots
from device_tests.command import default_cache, main
from device_tests.host import missing_packages

ROOT = Path(__file__).parents[2]
TOOLS = ("mmdebstrap", "arch-test", "qemu-aarch64-static", "qemu-arm-static", "qemu-system-aarch64", "debugfs", "cpio")
BUILT = {"arm64-user": "roots/arm64-*", "armhf-user": "roots/armhf-*", "arm64-board": "images/*.ext4"}


def run(target: str, folder: Path) -> dict:
    done = subprocess.run(
        [
            sys.executable,
            ROOT / "device_tests" / "run",
            "--target",
            target,
            "--no-install",
            "--results",
            folder / "results",
            "--page",
            folder / "page.md",
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"| {target} | passed |" in (folder / "page.md").read_text()
    return json.loads((folder / "results" / f"{target}.json").read_text())


@pytest.mark.slow
def test_this_machine(tmp_path: Path) -> None:
    result = run("local", tmp_path)
    litert = next(install for install in result["installs"] if install["name"] == "litert")
    assert {c["model"] for c in litert["comparisons"]} == {"int8.tflite", "fp32.tflite"}
    assert all(c["verdict"] == "same" and c["pictures"] for c in litert["comparisons"])
    assert litert["versions"]["fastscnn-edge"] and "onnxruntime" not in litert["versions"]


@pytest.mark.parametrize("target", BUILT)
def test_an_emulated_board(target: str, tmp_path: Path) -> None:
    if not os.environ.get("FASTSCNN_EDGE_EMULATED"):
        pytest.skip("minutes each: set FASTSCNN_EDGE_EMULATED=1")
    missing = missing_packages(TOOLS)
    if os.geteuid() != 0:
        pytest.skip("emulated boards need root")
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}; device_tests/run --target {target} installs them")
    if not any(path.suffix != ".partial" for path in default_cache().glob(BUILT[target])):
        pytest.skip(f"not built yet: device_tests/run --target {target} does")
    run(target, tmp_path)


def test_an_unknown_target_is_refused_with_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    for word in ("jetson", "ssh:", "ssh:-oProxyCommand=x"):
        with pytest.raises(SystemExit) as ended:
            main(["--target", word])
        assert ended.value.code == 2
        assert "arm64-board" in capsys.readouterr().err


def test_without_root_a_root_is_refused_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    from device_tests.context import Context
    from device_tests.host import HostError
    from device_tests.user_mode import run as run_user

    with pytest.raises(HostError, match="sudo"):
        run_user(roots.ARM64, Context(tmp_path, tmp_path, tmp_path, False, {}))
