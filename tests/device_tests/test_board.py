"""What is checked of a whole emulated board, on what such a board leaves behind."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from device_tests import board_image
from device_tests.board import FAILS, REPORTS, RESUMES, Machine, camera_checks, qemu_command, unplug_checks
from device_tests.board_image import Kernel, in_load_order, initramfs
from device_tests.board_job import FRAMES
from device_tests.host import HostError
from fastscnn_edge.files import sha256
from fastscnn_edge.runtime.pipeline.segmenter import bundled_model

MIB = 1 << 20
DEPENDENCIES = """\
kernel/fs/ext4/ext4.ko: kernel/lib/crc16.ko kernel/fs/mbcache.ko kernel/fs/jbd2/jbd2.ko
kernel/lib/crc16.ko:
kernel/fs/mbcache.ko:
kernel/fs/jbd2/jbd2.ko: kernel/lib/crc16.ko
kernel/drivers/virtio-rng.ko:
"""


def outcome(folder: Path, **board: Any) -> Path:
    """What a good camera run leaves."""
    facts = {
        "model": "linux,dummy-virt",
        "cpu": "2 x Cortex-A72",
        "cores": 2,
        "usable_cores": 2,
        "machine": "aarch64",
        "kernel": "6.1",
        "memory": 460 * MIB,
        **board,
    }
    report = {
        "frames": FRAMES,
        "source": {"kind": "camera"},
        "board": facts,
        "throttle": "unknown",
        "model": {"sha256": sha256(bundled_model())},
        "memory_after": {"peak_rss": 80 * MIB, "available": 300 * MIB},
    }
    (folder / "camera").mkdir()
    for number in range(FRAMES):
        (folder / "camera" / f"frame_{number}_overlay.jpg").touch()
    (folder / "camera.json").write_text(json.dumps(report))
    return folder


def failed(checks: list) -> set[str]:
    return {check.name for check in checks if not check.passed}


def test_a_good_camera_run_passes(tmp_path: Path) -> None:
    assert not failed(camera_checks(outcome(tmp_path), {"camera": {"status": 0}}, Machine(), "6.1"))


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"cpu": "AMD EPYC"}, "report: processor"),
        ({"memory": 24000 * MIB}, "report: memory of the board"),
        ({"machine": "x86_64"}, "report: machine"),
        ({"kernel": "6.18"}, "report: kernel"),
        ({"memory": None}, "report: memory of the board"),
    ],
)
def test_a_report_that_says_the_wrong_thing_fails(tmp_path: Path, wrong: dict[str, Any], name: str) -> None:
    checks = camera_checks(outcome(tmp_path, **wrong), {"camera": {"status": 0}}, Machine(), "6.1")
    assert failed(checks) == {name}


def test_a_camera_run_without_a_report_fails_with_its_last_words(tmp_path: Path) -> None:
    (tmp_path / "camera.log").write_text("fastscnn-edge: error: no camera 0\n")
    checks = camera_checks(tmp_path, {"camera": {"status": 2}}, Machine(), "6.1")
    assert len(failed(checks)) == 2
    assert "no camera 0" in checks[-1].found


STEP = {"status": 2, "frames_seen": True, "ended_before": False, "device_gone": True, "bounded": True}


def unplugged(folder: Path, log: str, expected: str, **step: Any) -> set[str]:
    (folder / "unplug.log").write_text(log)
    return {name.split(": ")[-1] for name in failed(unplug_checks(folder, {**STEP, **step}, expected))}


def test_a_pulled_camera_may_end_the_run_with_one_line(tmp_path: Path) -> None:
    assert not unplugged(tmp_path, "camera 0 stopped\n", FAILS)
    assert "no traceback" in unplugged(tmp_path, "Traceback (most recent call last):\nOSError\n", FAILS, status=1)
    assert unplugged(tmp_path, "camera 0 stopped\n", FAILS, bounded=False, status=-15) >= {"ends in bounded time"}
    assert unplugged(tmp_path, "done\n", FAILS, ended_before=True) == {"camera pulled in the middle of a run"}


def test_expectations_differ(tmp_path: Path) -> None:
    assert unplugged(tmp_path, "camera 0 stopped\n", REPORTS) == {"report written"}
    (tmp_path / "unplug.json").write_text('{"frames": 9}')
    assert not unplugged(tmp_path, "camera 0 stopped\n", REPORTS)
    assert unplugged(tmp_path, "camera 0 stopped\n", RESUMES) == {"the run goes on to its end"}
    assert not unplugged(tmp_path, "camera is back\n", RESUMES, status=0)


def test_modules_load_after_what_they_need_and_each_once() -> None:
    order = [Path(path).stem for path in in_load_order(["virtio_rng", "jbd2", "ext4"], DEPENDENCIES)]
    assert order == ["virtio-rng", "crc16", "jbd2", "mbcache", "ext4"]
    with pytest.raises(HostError, match="vivid"):
        in_load_order(["vivid"], DEPENDENCIES)


def test_the_root_disk_is_never_written() -> None:
    command = qemu_command(Machine("cortex-a72", 256), *map(Path, ("image", "ram", "root.ext4", "job.ext4")))
    assert command[command.index("-m") + 1] == "256"
    drives = [word for word in command if word.startswith("if=none")]
    assert ["snapshot=on" in drive for drive in drives] == [True, False]


@pytest.mark.skipif(shutil.which("cpio") is None, reason="cpio is not installed")
def test_the_initramfs_has_an_init_that_a_shell_can_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modules = tmp_path / "modules"
    for line in DEPENDENCIES.splitlines():
        path = modules / line.split(":")[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (modules / "modules.dep").write_text(DEPENDENCIES)
    (tmp_path / "busybox").touch()
    monkeypatch.setattr(board_image, "_DISK_MODULES", ("ext4",))
    initramfs(Kernel(tmp_path, "6.1", modules, tmp_path / "busybox"), tmp_path / "ram")
    listed = (
        subprocess.run(
            ["cpio", "--list", "--quiet"], input=(tmp_path / "ram").read_bytes(), check=True, capture_output=True
        )
        .stdout.decode()
        .split()
    )
    assert {"init", "bin/busybox", "modules/ext4.ko", "modules/crc16.ko"} <= set(listed)
    init = tmp_path / "ram.tree" / "init"
    assert init.stat().st_mode & stat.S_IXUSR
    subprocess.run(["sh", "-n", init], check=True)


@pytest.mark.parametrize("count", [False, True])
def test_only_a_counting_board_has_instructions_for_a_clock(count: bool, tmp_path: Path) -> None:
    command = qemu_command(Machine(), *[tmp_path] * 4, count=count)
    assert ("-icount" in command) == count
    assert command[command.index("-smp") + 1] == ("1" if count else "2")
