"""Targets ``arm64-user`` and ``armhf-user``: the real wheels for ARM, their processes emulated one by one."""

from __future__ import annotations

from . import roots
from .context import Context
from .host import require_root, say
from .results import Check, InstallFacts

_PROBE_TIMEOUT = 3600


def run(board: roots.BoardRoot, context: Context) -> tuple[list[InstallFacts], list[Check]]:
    """Probe every install of ``board`` on every processor."""
    require_root(f"{board.architecture}-user")
    root = roots.prepare_root(board, context.cache, install=context.install)
    found = []
    for install in board.installs:
        roots.install_project(board, root, install, context.parcel, context.cache)
        for cpu in board.cpus:
            say(f"{board.architecture}: {install.name} on {cpu.name}")
            result = context.work / f"{install.name}-{cpu.name}"
            result.mkdir(parents=True)
            roots.enter(
                board,
                root,
                [f"/opt/{install.name}/bin/python", "/parcel/probe.py", "/parcel", "/result"],
                context.work / f"{install.name}-{cpu.name}.log",
                binds={context.parcel: "parcel", result: "result"},
                timeout=_PROBE_TIMEOUT,
                cpu=cpu,
            )
            found.append(context.compared(install, f"{cpu.name} ({cpu.board})", result))
    return found, _same_processor_seen(found, board)


def _same_processor_seen(found: list[InstallFacts], board: roots.BoardRoot) -> list[Check]:
    """Check that the engines chose kernels for the emulated processor; otherwise its three rows are one."""
    names = {cpu.board: f"{cpu.part:#x}" for cpu in board.cpus}
    checks = []
    for cpu in board.cpus:
        seen = {install.probe.facts["cpu"] for install in found if install.cpu.startswith(cpu.name)}
        expected = cpu.name.replace("c", "C", 1).replace("-a", "-A")
        passed = len(seen) == 1 and any(text and (expected in text or names[cpu.board] in text) for text in seen)
        checks.append(Check(f"{cpu.name} is what the runtime sees", passed, ", ".join(map(str, sorted(seen)))))
    return checks
