"""The front door: dispatch, help, exit statuses."""

from __future__ import annotations

import subprocess
import sys

import pytest

from fastscnn_edge import __version__
from fastscnn_edge.cli import main as cli
from fastscnn_edge.cli.command import guarded
from fastscnn_edge.errors import SourceError


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_help_has_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main([command, "--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert f"fastscnn-edge {command}" in out and "examples:" in out


def test_no_command_prints_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    out = capsys.readouterr().out
    assert all(name in out for name in cli.COMMANDS)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == f"fastscnn-edge {__version__}"


def test_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["segmnt"]) == 2
    assert "unknown command 'segmnt'" in capsys.readouterr().err


def test_errors_become_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def body() -> int:
        raise SourceError("first\nsecond")

    assert guarded(body) == 2
    assert capsys.readouterr().err == "fastscnn-edge: error: first second\n"


def test_ctrl_c_has_its_status() -> None:
    def body() -> int:
        raise KeyboardInterrupt

    assert guarded(body) == 130


def test_a_missing_package_names_its_extra() -> None:
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from fastscnn_edge.cli.main import main\n"
        "sys.exit(main(['export', '--checkpoint', 'x.pth', '--precision', 'fp32', '--out', 'x.tflite']))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "[export]'" in result.stderr
    assert "Traceback" not in result.stderr


def test_help_does_not_wait_for_torch() -> None:
    program = (
        "import sys\n"
        "from fastscnn_edge.cli.main import main\n"
        "try: main(['export', '--help'])\n"
        "except SystemExit: pass\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_a_full_disk_is_one_line(arguments: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "fastscnn_edge", *arguments], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 2
    assert "No space left" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("program", ["fastscnn_edge", "fastscnn_edge.run", "fastscnn_edge.export"])
def test_an_interrupted_import_ends_the_process(program: str) -> None:
    # As in CPython's import system, the interrupt is swallowed where it is raised.
    script = f"""
import runpy, signal, sys, types
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it in what it runs in the background
from fastscnn_edge.cli import main as cli
def swallow(name):
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        pass
    return types.SimpleNamespace(main=lambda arguments: 0)
cli.importlib.import_module = swallow
sys.argv = ["program", "run"]
runpy.run_module("{program}", run_name="__main__")
"""
    assert subprocess.run([sys.executable, "-c", script]).returncode == 130
