"""Calls that fail say so in one line; nothing is installed against a person's will."""

from __future__ import annotations

from pathlib import Path

import pytest

from device_tests import host
from device_tests.host import HostError, call, missing_packages, require_programs
from device_tests.roots import mount_script


@pytest.fixture
def nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(host, "_SYSTEM_PATH", str(tmp_path))


@pytest.mark.usefixtures("nothing_installed")
def test_packages_are_named_once() -> None:
    assert missing_packages(["qemu-arm-static", "qemu-aarch64-static", "cpio"]) == ["cpio", "qemu-user-static"]


@pytest.mark.usefixtures("nothing_installed")
def test_no_install_refuses_with_the_command_to_give() -> None:
    with pytest.raises(HostError, match=r"apt-get install .*mmdebstrap"):
        require_programs(["mmdebstrap"], install=False)


def test_present_programs_need_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "cpio"
    program.touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    require_programs(["cpio"], install=False)


def test_a_failing_call_quotes_its_last_line_and_names_its_log(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "x.log"
    with pytest.raises(HostError, match=r"status 3: so it is .*x\.log"):
        call(["sh", "-c", "echo first; echo so it is >&2; exit 3"], log, timeout=30)
    assert "first" in log.read_text()


def test_a_call_that_hangs_is_ended(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="longer than 1 s"):
        call(["sleep", "60"], tmp_path / "x.log", timeout=1)


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="no-such-program"):
        call(["no-such-program"], tmp_path / "x.log", timeout=1)


def test_the_boards_cpuinfo_lies_over_proc_and_names_are_quoted() -> None:
    lines = mount_script(Path("/a b"), Path("/c"), {Path("/p"): "parcel"}, ["python", "x y"]).splitlines()
    assert lines[0] == "mount -t proc proc '/a b/proc'"
    assert lines[1] == "mount --bind /c '/a b/proc/cpuinfo'"
    assert any("/a b/sys" in line for line in lines)
    assert lines[-1] == "exec chroot '/a b' python 'x y'"
