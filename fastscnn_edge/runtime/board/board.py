"""Identity and state of the board: without them a measured time means little."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...system import usable_cpus
from .memory import total_memory
from .procfs import listing, read_int, read_text

_ROOT = Path("/")

CLEAN, THROTTLED, UNKNOWN = "clean", "throttled", "unknown"

_NOW_BITS = 0xF
_BIT_NAMES = ("under-voltage", "frequency capped", "throttled", "soft temperature limit")
_SINCE_BOOT_SHIFT = 16  # the same four, sticky until the next boot

_COLDEST = -40_000
"""Milli-celsius. Lower readings are not temperatures: a Jetson reports -256 degrees for a part that is switched off."""

_CONSTANT_ZONES = frozenset({"PMIC-Die"})
"""Jetson PMIC zone: no real sensor, always reads 100 C; ignored."""

# Arm Limited's part numbers (MIDR_EL1), for kernels whose /proc/cpuinfo has only numbers.
_ARM_PARTS = {
    0xD03: "Cortex-A53",
    0xD04: "Cortex-A35",
    0xD05: "Cortex-A55",
    0xD07: "Cortex-A57",
    0xD08: "Cortex-A72",
    0xD09: "Cortex-A73",
    0xD0A: "Cortex-A75",
    0xD0B: "Cortex-A76",
    0xD0C: "Neoverse-N1",
    0xD0D: "Cortex-A77",
    0xD40: "Neoverse-V1",
    0xD41: "Cortex-A78",
    0xD42: "Cortex-A78AE",
    0xD46: "Cortex-A510",
    0xD47: "Cortex-A710",
    0xD49: "Neoverse-N2",
}

# Instructions that decide whether INT8 is faster than float.
_INTEGER_FEATURES = ("asimddp", "i8mm", "avx2", "avx_vnni", "avx512_vnni", "amx_int8")


@dataclass(frozen=True)
class Board:
    """Facts that do not change during a run; None where unknown. Memory in bytes."""

    model: str | None
    cpu: str | None
    cores: int
    usable_cores: int
    integer_features: tuple[str, ...]
    machine: str
    kernel: str
    memory: int | None


@dataclass(frozen=True)
class BoardState:
    """Facts that change during a run.

    Attributes:
        seconds: time since the run began.
        governors: frequency governors in use, sorted.
        frequencies: current clock of each frequency domain, kHz.
        temperatures: thermal zone -> milli-celsius.
        power_mode: name of a Jetson's power mode, None elsewhere.
        throttle_bits: flags from a Raspberry Pi's firmware (``vcgencmd get_throttled``), None elsewhere. Only the
            firmware knows: the kernel's own files can look healthy while it throttles.
    """

    seconds: float
    governors: tuple[str, ...]
    frequencies: tuple[int, ...]
    temperatures: dict[str, int]
    power_mode: str | None
    throttle_bits: int | None


def read_board(root: Path = _ROOT) -> Board:
    """Identify this board."""
    cpuinfo = read_text(root / "proc/cpuinfo") or ""
    return Board(
        model=read_text(root / "proc/device-tree/model") or read_text(root / "sys/class/dmi/id/product_name"),
        cpu=_cpu(cpuinfo),
        cores=os.cpu_count() or 1,
        usable_cores=usable_cpus(),
        integer_features=_features(cpuinfo),
        machine=platform.machine(),
        kernel=platform.release(),
        memory=total_memory(root / "proc"),
    )


def read_state(began: float, root: Path = _ROOT) -> BoardState:
    """Read the board's current state; ``began`` is ``time.monotonic()`` at the start of the run."""
    policies = listing(root / "sys/devices/system/cpu/cpufreq", "policy*")
    governors = {g for p in policies if (g := read_text(p / "scaling_governor"))}
    frequencies = [f for p in policies if (f := read_int(p / "scaling_cur_freq")) is not None]
    return BoardState(
        seconds=round(time.monotonic() - began, 3),
        governors=tuple(sorted(governors)),
        frequencies=tuple(frequencies),
        temperatures=_temperatures(root / "sys/class/thermal"),
        power_mode=read_text(root / "var/lib/nvpmodel/status"),
        throttle_bits=_throttle_bits(),
    )


class StateLog:
    """Board states over a run of any length: never more than ``capacity``, older ones more sparsely.

    Attributes:
        states: in order of time, always with the first and the last that were added.
    """

    def __init__(self, capacity: int = 360) -> None:
        self.states: list[BoardState] = []
        self._capacity = capacity // 2 * 2  # even, so that thinning keeps the last one

    def add(self, state: BoardState) -> None:
        self.states.append(state)
        if len(self.states) > self._capacity:
            pairs = zip(self.states[::2], self.states[1::2], strict=False)
            self.states = [*(_merged(*pair) for pair in pairs), self.states[-1]]


def _merged(earlier: BoardState, later: BoardState) -> BoardState:
    """Add to ``earlier`` the events ``later`` saw in progress, but not its sticky bits, which concern the past."""
    bits = None
    if earlier.throttle_bits is not None and later.throttle_bits is not None:
        bits = earlier.throttle_bits | later.throttle_bits & _NOW_BITS
    return replace(earlier, throttle_bits=bits)


def throttle_verdict(states: Sequence[BoardState]) -> str:
    """Verdict ``clean``, ``throttled`` or ``unknown`` for the time between the first and the last state.

    An event before the run leaves its sticky bit set, and then it is impossible to see whether it happened again
    between two samples: that is ``unknown`` (a reboot clears the bits), unless a sample saw it in progress.
    """
    bits = [state.throttle_bits for state in states]
    known = [b for b in bits if b is not None]
    if any(b & _NOW_BITS for b in known):
        return THROTTLED
    if not known or len(known) < len(bits):
        return UNKNOWN
    before, after = known[0] >> _SINCE_BOOT_SHIFT, known[-1] >> _SINCE_BOOT_SHIFT
    if after & ~before:
        return THROTTLED
    return UNKNOWN if before else CLEAN


def throttle_words(bits: int | None) -> str:
    """Describe the firmware's bits in words."""
    if bits is None:
        return "unknown"
    parts = []
    for when, shift in (("now", 0), ("since boot", _SINCE_BOOT_SHIFT)):
        names = [name for place, name in enumerate(_BIT_NAMES) if bits >> shift >> place & 1]
        if names:
            parts.append(f"{', '.join(names)} {when}")
    return f"{bits:#x}, {'; '.join(parts) or 'nothing since boot'}"


def _cpu(cpuinfo: str) -> str | None:
    named = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    if named:
        return named[1].strip()
    cores = re.findall(r"^CPU implementer\s*:\s*(\w+)$.*?^CPU part\s*:\s*(\w+)$", cpuinfo, re.MULTILINE | re.DOTALL)
    counts = Counter(_ARM_PARTS.get(int(part, 16), f"Arm part {part}") for vendor, part in cores if vendor == "0x41")
    return " + ".join(f"{count} x {name}" for name, count in counts.items()) or None


def _features(cpuinfo: str) -> tuple[str, ...]:
    line = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    present = set(line[1].split()) if line else set()
    return tuple(name for name in _INTEGER_FEATURES if name in present)


def _temperatures(zones: Path) -> dict[str, int]:
    found = {}
    for zone in listing(zones, "thermal_zone*"):
        value, kind = read_int(zone / "temp"), read_text(zone / "type") or ""
        if value is not None and value > _COLDEST and kind not in _CONSTANT_ZONES:
            found[f"{zone.name} {kind}".strip()] = value
    return found


def _throttle_bits() -> int | None:
    program = shutil.which("vcgencmd")
    if program is None:
        return None
    try:
        answer = subprocess.run(
            [program, "get_throttled"], capture_output=True, encoding="ascii", errors="replace", timeout=2, check=False
        )
    except (OSError, subprocess.TimeoutExpired):  # optional: a time is still useful without it
        return None
    match = re.fullmatch(r"throttled=(0x[0-9a-fA-F]+)", answer.stdout.strip())
    return int(match[1], 16) if match and answer.returncode == 0 else None
