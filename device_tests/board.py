"""Target ``arm64-board``: a whole emulated board with Debian's kernel and a virtual camera."""

from __future__ import annotations

import json
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastscnn_edge.files import sha256
from fastscnn_edge.runtime.pipeline.segmenter import bundled_model
from fastscnn_edge.units import MIB

from . import roots
from .board_image import DONE, Kernel, initramfs, job_disk, kernel, root_disk, take_out
from .board_job import FRAMES
from .context import Context
from .host import HostError, require_programs, require_root, say
from .installs import LITERT
from .results import Check, InstallFacts

_BOOT_LIMIT = 4800
"""Limit in seconds from power-on to the end of the job, on a busy host."""

PROGRAMS = ("qemu-system-aarch64", "mkfs.ext4", "debugfs", "modprobe", "cpio")
"""Host programs that a whole board needs."""

_CORES = 2

FAILS, REPORTS, RESUMES = "fails", "reports", "resumes"
UNPLUG = (FAILS, REPORTS, RESUMES)
"""Expected end of a run that loses its camera: one line and status 2; also a report, whatever the status; or, once the
camera is back, all frames and status 0."""


@dataclass(frozen=True)
class Machine:
    """Attributes:
    cpu: QEMU's name of it.
    memory: in MiB.
    """

    cpu: str = "cortex-a72"
    memory: int = 512

    @property
    def label(self) -> str:
        return f"{self.cpu}, {self.memory} MB"


MACHINES = (Machine(memory=512), Machine(memory=256))


def run(context: Context, unplug: str) -> tuple[list[InstallFacts], list[Check]]:
    """Boot all machines at once, let each do its job, and check their results."""
    require_root("arm64-board")
    require_programs(PROGRAMS, install=context.install)
    root = roots.prepare_root(roots.ARM64, context.cache, install=context.install)
    source = kernel(context.cache)
    disk = root_disk(root, LITERT.name, context.cache)
    installs, checks = [], []
    folders = [context.work / f"{machine.cpu}-{machine.memory}" for machine in MACHINES]
    with ThreadPoolExecutor(len(MACHINES)) as pool:
        booted = [
            pool.submit(boot, machine, source, disk, context.parcel, folder, unplug)
            for machine, folder in zip(MACHINES, folders, strict=True)
        ]
    for machine, folder, end in zip(MACHINES, folders, booted, strict=True):
        end.result()
        out = folder / "out"
        steps = json.loads((out / "steps.json").read_text())
        found = camera_checks(out, steps, machine, source.release) + unplug_checks(out, steps["unplug"], unplug)
        checks += [Check(f"{machine.label}: {c.name}", c.passed, c.found) for c in found]
        if steps["probe"]["status"] == 0:
            installs.append(context.compared(LITERT, machine.label, out / "probe"))
        else:
            checks.append(Check(f"{machine.label}: probe.py", False, _last_line(out / "probe.log")))
    return installs, checks


def boot(
    machine: Machine, source: Kernel, disk: Path, parcel: Path, folder: Path, unplug: str, *, count: bool = False
) -> None:
    """Power on, wait for the job, take its results out into ``folder/out``.

    Args:
        parcel: folder with ``board_job.py``, the job.
        count: use one core whose clock counts instructions, a nanosecond each.

    Raises:
        HostError: the job did not end; names the console's log.
    """
    folder.mkdir(parents=True)
    ram_disk, job, console = folder / "initramfs", folder / "job.ext4", folder / "console.log"
    initramfs(source, ram_disk)
    job_disk(source, parcel, job, "replug" if unplug == RESUMES else "once", folder / "job.log")
    say(f"booting {machine.label}; console: {console}")
    with console.open("wb") as stream:
        process = subprocess.Popen(
            qemu_command(machine, source.image, ram_disk, disk, job, count=count),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
        try:
            process.wait(_BOOT_LIMIT)
        except subprocess.TimeoutExpired:
            raise HostError(f"the board was not done after {_BOOT_LIMIT} s; its console: {console}") from None
        finally:
            process.kill()
            process.wait()
    if f"{DONE} 0" not in console.read_text(errors="replace"):
        raise HostError(f"the board's job did not end: {_last_line(console)} (its console: {console})")
    shutil.rmtree(folder / "out", ignore_errors=True)
    take_out(job, "out", folder, folder / "debugfs.log")


def qemu_command(
    machine: Machine, image: Path, ram_disk: Path, disk: Path, job: Path, *, count: bool = False
) -> list[str]:
    """QEMU's command line. The root disk is never written: the job's changes are discarded."""
    cores = ["-smp", "1", "-icount", "shift=0,sleep=off"] if count else ["-smp", str(_CORES)]
    return [
        "qemu-system-aarch64",
        "-M",
        "virt",
        "-cpu",
        machine.cpu,
        *cores,
        "-m",
        str(machine.memory),
        "-kernel",
        str(image),
        "-initrd",
        str(ram_disk),
        "-append",
        "console=ttyAMA0 panic=-1 quiet",
        "-drive",
        f"if=none,id=root,format=raw,snapshot=on,file={disk}",
        "-device",
        "virtio-blk-device,drive=root,serial=root",
        "-drive",
        f"if=none,id=job,format=raw,file={job}",
        "-device",
        "virtio-blk-device,drive=job,serial=job",
        "-nic",
        "none",
        "-nographic",
        "-no-reboot",
        "-monitor",
        "none",
        "-serial",
        "stdio",
    ]


def camera_checks(out: Path, steps: dict[str, Any], machine: Machine, release: str) -> list[Check]:
    """Check that the camera run ended well, and that its report describes the board correctly."""
    status = steps["camera"]["status"]
    checks = [Check(f"{FRAMES} camera frames, exit status 0", status == 0, f"status {status}")]
    path = out / "camera.json"
    if not path.is_file():
        return [*checks, Check("report of the camera run", False, _last_line(out / "camera.log"))]
    report = json.loads(path.read_text())
    board, memory = report["board"], report["memory_after"]
    core = machine.cpu.replace("c", "C", 1).replace("-a", "-A")

    def equal(name: str, actual: Any, expected: Any) -> None:
        checks.append(Check(f"report: {name}", actual == expected, str(actual)))

    equal("frames", report["frames"], FRAMES)
    equal("source", report["source"]["kind"], "camera")
    equal("machine", board["machine"], "aarch64")
    equal("board", board["model"], "linux,dummy-virt")
    equal("processor", board["cpu"], f"{_CORES} x {core}")
    equal("cores, usable", [board["cores"], board["usable_cores"]], [_CORES, _CORES])
    equal("kernel", board["kernel"], release)
    equal("throttling, without a firmware to ask", report["throttle"], "unknown")
    equal("model", report["model"]["sha256"], sha256(bundled_model()))
    within = 0.7 * machine.memory * MIB < (board["memory"] or 0) <= machine.memory * MIB
    checks.append(Check("report: memory of the board", within, _mib(board["memory"])))
    fits = 0 < (memory["peak_rss"] or 0) < machine.memory * MIB and (memory["available"] or 0) > 0
    checks.append(
        Check(
            "report: peak memory of the process",
            fits,
            f"{_mib(memory['peak_rss'])}, {_mib(memory['available'])} still available",
        )
    )
    count = len(list((out / "camera").glob("*_overlay.*")))
    checks.append(Check("overlays written", count == FRAMES, str(count)))
    return checks


def unplug_checks(out: Path, step: dict[str, Any], expected: str) -> list[Check]:
    """Check that a lost camera causes neither a crash nor a program that never ends."""
    log = (out / "unplug.log").read_text(errors="replace") if (out / "unplug.log").is_file() else ""
    lines = [line for line in log.splitlines() if line.strip()]
    status, report = step["status"], out / "unplug.json"
    checks = [
        Check(
            "camera pulled in the middle of a run",
            bool(step.get("frames_seen") and step.get("device_gone")) and not step.get("ended_before"),
            step.get("error") or f"/dev/video0 gone: {step.get('device_gone')}",
        ),
        Check("pulled camera: ends in bounded time", bool(step.get("bounded")), f"status {status}"),
        Check("pulled camera: no traceback", bool(lines) and "Traceback" not in log, lines[-1] if lines else "silence"),
    ]
    if expected == FAILS:
        checks.append(
            Check(
                "pulled camera: status 2 and one line",
                status == 2 and len(lines) == 1,
                f"status {status}, {len(lines)} lines",
            )
        )
        return checks
    checks.append(Check("pulled camera: report written", report.is_file(), _frames(report)))
    if expected == RESUMES:
        checks.append(Check("camera put back: the run goes on to its end", status == 0, f"status {status}"))
    return checks


def _frames(report: Path) -> str:
    return f"{json.loads(report.read_text())['frames']} frames" if report.is_file() else "no report"


def _mib(value: int | None) -> str:
    return f"{value // MIB} MiB" if value else "unknown"


def _last_line(path: Path) -> str:
    lines = [line for line in path.read_text(errors="replace").splitlines() if line.strip()] if path.is_file() else []
    return lines[-1].strip() if lines else "no output"
