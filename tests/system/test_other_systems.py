"""macOS and Windows, by their absence: Linux's own functions, modules and files are taken away from a process.

What it shows is that nothing of them is needed; nothing here ran on those systems.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import random_model

WITHOUT = """
import builtins, io, os, pathlib, select, signal, socket, sys
missing = {missing}
for module, names in missing.items():
    for name in names:
        vars(sys.modules[module]).pop(name, None)
for name in {modules}:
    sys.modules[name] = None
def guarded(call):
    def opened(path, *rest, **options):
        if isinstance(path, (str, os.PathLike)) and os.fspath(path).startswith(("/proc", "/sys")):
            raise FileNotFoundError(2, "No such file or directory", os.fspath(path))
        return call(path, *rest, **options)
    return opened
builtins.open = io.open = guarded(open)
os.open = guarded(os.open)
from fastscnn_edge.cli.main import main
sys.exit(main(sys.argv[1:]))
"""

MACOS = ({"os": ("sched_getaffinity", "posix_fallocate", "fdatasync")}, ())
WINDOWS = (
    {
        "os": (
            "sched_getaffinity",
            "posix_fallocate",
            "fdatasync",
            "pwrite",
            "O_NOFOLLOW",
            "O_NONBLOCK",
            "O_CLOEXEC",
            "set_blocking",
            "nice",
            "getuid",
            "geteuid",
        ),
        "signal": ("SIGHUP", "pthread_sigmask", "SIGKILL"),
        "select": ("poll",),
        "socket": ("AF_UNIX",),
    },
    ("fcntl", "resource", "termios", "pwd", "grp"),
)


def _run(system: tuple[dict[str, tuple[str, ...]], tuple[str, ...]], *words: object) -> subprocess.CompletedProcess:
    program = WITHOUT.format(missing=system[0], modules=system[1])
    command = [sys.executable, "-c", program, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.parametrize("system", [MACOS, WINDOWS], ids=["macOS", "Windows"])
def test_pictures_run_and_are_reported(
    system: tuple[dict[str, tuple[str, ...]], tuple[str, ...]], tiny_model: Path, image: Path, tmp_path: Path
) -> None:
    results = ["--out", tmp_path, "--csv", tmp_path / "a.csv", "--report", tmp_path / "r.json"]
    done = _run(system, "run", image, "--model", tiny_model, *results)
    assert (done.returncode, done.stderr) == (0, "")
    assert "peak memory: unknown" in done.stdout
    assert json.loads((tmp_path / "r.json").read_text())["frames"] == 1
    assert (tmp_path / "a.csv").read_text().count("\n") == 2
    assert not [path for path in tmp_path.iterdir() if "unfinished" in path.name or path.suffix == ".part"]


@pytest.mark.parametrize("system", [MACOS, WINDOWS], ids=["macOS", "Windows"])
def test_networks_are_exported_and_evaluated(
    system: tuple[dict[str, tuple[str, ...]], tuple[str, ...]], tiny_dataset: Path, tmp_path: Path
) -> None:
    torch = pytest.importorskip("torch", reason="torch reads checkpoints")
    torch.save(random_model("mmseg", 3).state_dict(), tmp_path / "w.pth")
    pictures = tiny_dataset / "train" / "images"
    out = tmp_path / "m.tflite"
    done = _run(
        system, "export", "--checkpoint", tmp_path / "w.pth", "--size", "64x64", "--calibration", pictures, "--out", out
    )
    assert done.returncode == 0, done.stderr
    done = _run(system, "evaluate", tmp_path / "w.pth", out, "--data", tiny_dataset)
    assert done.returncode == 0, done.stderr
    assert "mIoU" in done.stdout


@pytest.mark.parametrize("system", [MACOS, WINDOWS], ids=["macOS", "Windows"])
def test_what_is_linux_alone_says_so(
    system: tuple[dict[str, tuple[str, ...]], tuple[str, ...]], tiny_model: Path
) -> None:
    done = _run(system, "run", "--camera", "97", "--model", tiny_model)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "Traceback" not in done.stderr
