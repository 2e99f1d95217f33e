"""``device_tests/run``: one command for this machine, emulated boards and real ones."""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from fastscnn_edge.cli.command import guarded

from . import board, local, project, roots, ssh, user_mode
from .compare import Probe
from .context import Context
from .host import say
from .installs import LITERT, ONNXRUNTIME, ROOT, TFLITE_RUNTIME, python_refuses
from .results import Check, InstallFacts, Result, write

TARGETS = ("local", "arm64-user", "armhf-user", "arm64-board")

_EXAMPLES = """\
targets:
  local        this machine, in new virtual environments
  arm64-user   Debian arm64 with the real wheels, as Cortex-A53, A72 and A76, through qemu-user
  armhf-user   Debian armhf with tflite-runtime's wheel and Debian's numpy and Pillow, the same way
  arm64-board  a whole emulated board: kernel, 512 and 256 MB, a virtual camera that gets pulled out
  ssh:HOST     a real board: ssh login, Python 3.10 or newer

examples:
  device_tests/run --target local
  device_tests/run --target arm64-user --target armhf-user
  device_tests/run --target arm64-board --unplug reports
  device_tests/run --target ssh:pi@raspberrypi.local

Emulated targets need root and, on Debian, install their host packages by apt (--no-install refuses). The first run
takes minutes, downloads about 400 MB and keeps 3 GB in the cache. Emulated times are not a board's and not reported.
"""


def build_parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(
        prog="device_tests/run",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Install this checkout the way a board does, run its models there, compare every mask with this "
        "machine's. Exit status 0 if all is well, 1 if something differs, 2 if a target cannot run here.",
    )
    add = result.add_argument
    add("--target", action="append", required=True, type=_target, metavar="TARGET", help="see below; repeatable")
    add("--no-install", dest="install", action="store_false", help="do not install missing host packages")
    add(
        "--cache",
        type=Path,
        metavar="DIR",
        default=default_cache(),
        help="folder for roots, wheels and images (default: ~/.cache/fastscnn_edge/device_tests)",
    )
    add(
        "--results",
        type=Path,
        metavar="DIR",
        default=ROOT / "device_tests" / "results",
        help="folder for one JSON file per target (default: device_tests/results)",
    )
    add(
        "--page",
        type=Path,
        metavar="FILE",
        default=ROOT / "docs" / "device_tests.md",
        help="Markdown page made from all those files (default: docs/device_tests.md)",
    )
    add(
        "--unplug",
        choices=board.UNPLUG,
        default=board.RESUMES,
        help="what is expected of a run whose camera is pulled out on arm64-board. fails: status 2 and one line; "
        "reports: it ends and leaves its report; resumes: the camera comes back and the run goes on (default)",
    )
    return result


def main(argv: list[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    options = build_parser().parse_args(argv)
    return guarded(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    cache = options.cache.expanduser().resolve()
    with locked(cache):
        parcel = project.fill_parcel(_emptied(cache / "work" / "parcel"), cache)
        baselines = _baselines(parcel, cache)
        outcomes = [
            _one(
                target,
                options,
                Context(cache, parcel, _emptied(cache / "work" / _folder(target)), options.install, baselines),
            )
            for target in dict.fromkeys(options.target)
        ]
    return 0 if all(outcomes) else 1


def _one(target: str, options: argparse.Namespace, context: Context) -> bool:
    installs, checks = _find(target, options, context)
    facts = next(iter(context.baselines.values())).facts
    result = Result(
        target=target.split(":")[0],
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        commit=_commit(),
        installs=installs,
        checks=checks,
        baseline={
            "machine": facts["machine"],
            "cpu": facts["cpu"],
            "versions": {name: probe.facts["versions"] for name, probe in context.baselines.items()},
        },
    )
    write(result, options.results, options.page)
    print(summary(result))
    return result.passed


def _find(target: str, options: argparse.Namespace, context: Context) -> tuple[list[InstallFacts], list[Check]]:
    if target == "arm64-user":
        return user_mode.run(roots.ARM64, context)
    if target == "armhf-user":
        return user_mode.run(roots.ARMHF, context)
    if target == "arm64-board":
        return board.run(context, options.unplug)
    if target.startswith("ssh:"):
        return ssh.run(target.removeprefix("ssh:"), context)
    return local.run(context)


def _baselines(parcel: Path, cache: Path) -> dict[str, Probe]:
    """Results of each install on this machine; never cached, since it takes seconds."""
    found = {}
    for install in (LITERT, TFLITE_RUNTIME, ONNXRUNTIME):
        refusal = python_refuses(install, sys.version_info[:2], os.uname().machine)
        if refusal:
            say(f"left out: {install.name} {refusal}")
            continue
        folder = _emptied(cache / "work" / "baseline" / install.name)
        say(f"baseline: {install.name} here")
        local.probe(install, parcel, folder, cache)
        found[install.name] = Probe.read(folder)
    return found


def summary(result: Result) -> str:
    """The lines on standard output: one for each comparison or check, then the outcome."""
    lines = [
        f"{c.verdict:<9} {install.cpu}  {install.name}  {c.model}  {c.kernels}  "
        f"{c.identical} of {c.pictures} masks identical  {c.reason}".rstrip()
        for install in result.installs
        for c in install.comparisons
    ]
    lines += [f"{'holds' if check.passed else 'FAILS':<9} {check.name}: {check.found}" for check in result.checks]
    return "\n".join([*lines, f"{result.target}: {'passed' if result.passed else 'FAILED'}"])


@contextmanager
def locked(cache: Path) -> Iterator[None]:
    """Lock ``cache`` against other commands: roots and environments are changed in place."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another command that uses {cache}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _target(text: str) -> str:
    if text in TARGETS or (text.startswith("ssh:") and len(text) > 4 and not text.startswith("ssh:-")):
        return text
    raise argparse.ArgumentTypeError(f"'{text}' is none of {', '.join(TARGETS)}, ssh:HOST")


def default_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "fastscnn_edge" / "device_tests"


def _folder(target: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-." else "_" for letter in target)


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _commit() -> str:
    done = subprocess.run(
        ["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"
