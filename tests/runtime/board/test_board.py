"""Boards, their state and memory, read from folders that imitate theirs."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path

import pytest

from fastscnn_edge.runtime.board import board
from fastscnn_edge.runtime.board.board import (
    BoardState,
    StateLog,
    read_board,
    read_state,
    throttle_verdict,
    throttle_words,
)
from fastscnn_edge.runtime.board.memory import Memory, read_memory
from fastscnn_edge.runtime.board.procfs import read_int
from tests.helpers.boards import PI_CPUINFO, put


@pytest.fixture
def pi(tmp_path: Path) -> Path:
    cpu = "sys/devices/system/cpu/cpufreq/policy0"
    return put(
        tmp_path,
        {
            "proc/cpuinfo": PI_CPUINFO,
            "proc/meminfo": "MemTotal:        4045332 kB\nMemAvailable:    3000000 kB\n",
            "proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
            f"{cpu}/scaling_governor": "ondemand\n",
            f"{cpu}/scaling_cur_freq": "2400000\n",
            "sys/class/thermal/thermal_zone0/temp": "51300\n",
            "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
            "sys/class/thermal/thermal_zone1/temp": "off\n",
            "sys/class/thermal/thermal_zone2/temp": "-256000\n",
            "sys/class/thermal/thermal_zone3/temp": "100000\n",
            "sys/class/thermal/thermal_zone3/type": "PMIC-Die\n",
        },
    )


def test_a_raspberry_pi(pi: Path) -> None:
    found = read_board(pi)
    assert found.model == "Raspberry Pi 5 Model B Rev 1.0"
    assert found.cpu == "2 x Cortex-A76"
    assert found.integer_features == ("asimddp",)
    assert found.memory == 4045332 * 1024
    state = read_state(0.0, pi)
    assert state.governors == ("ondemand",)
    assert state.frequencies == (2_400_000,)
    assert state.temperatures == {"thermal_zone0 cpu-thermal": 51300}


def test_a_board_that_tells_nothing(tmp_path: Path) -> None:
    found, state = read_board(tmp_path), read_state(0.0, tmp_path)
    assert (found.model, found.cpu, found.memory, found.integer_features) == (None, None, None, ())
    assert (state.governors, state.frequencies, state.temperatures, state.power_mode) == ((), (), {}, None)


def test_a_sensor_that_fails_is_unknown(monkeypatch: pytest.MonkeyPatch, pi: Path) -> None:
    """A broken thermometer answers EIO: it must not end a run and take its report along."""
    read = Path.read_bytes

    def fail(path: Path) -> bytes:
        if path.name == "temp":
            raise OSError(errno.EIO, "Input/output error")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", fail)
    state = read_state(0.0, pi)
    assert (state.temperatures, state.frequencies) == ({}, (2_400_000,))


@pytest.mark.parametrize(("text", "value"), [("12\n", 12), ("", None), ("twelve", None)])
def test_integers(tmp_path: Path, text: str, value: int | None) -> None:
    assert read_int(put(tmp_path, {"x": text}) / "x") == value


@pytest.mark.parametrize(
    ("bits", "verdict"),
    [
        ([0, 0], "clean"),
        ([0, None], "unknown"),
        ([None, None], "unknown"),
        ([], "unknown"),
        ([0, 0x4, 0], "throttled"),
        ([0, 0x40000], "throttled"),
        ([0x50000, 0x50000], "unknown"),
        ([0x10000, 0x50000], "throttled"),
        ([None, 0x4], "throttled"),
    ],
)
def test_throttling_is_clean_throttled_or_unknown(bits: list[int | None], verdict: str) -> None:
    state = BoardState(0.0, (), (), {}, None, None)
    assert throttle_verdict([replace(state, throttle_bits=b) for b in bits]) == verdict


def test_a_long_run_keeps_a_bounded_log_and_its_verdict() -> None:
    """Sticky bits were set before the run: only the one look that caught it says that it was throttled."""
    state = BoardState(0.0, (), (), {}, None, 0x50000)
    for caught in (1, 2, 3, 900, 998):
        log = StateLog(100)
        for second in range(1000):
            bits = 0x50004 if second == caught else 0x50000
            log.add(replace(state, seconds=float(second), throttle_bits=bits))
            assert len(log.states) <= 100
        seconds = [look.seconds for look in log.states]
        assert seconds == sorted(seconds) and (seconds[0], seconds[-1]) == (0, 999)
        assert throttle_verdict(log.states) == "throttled"


def test_a_bit_that_came_early_in_a_long_run_is_not_taken_for_one_before_it() -> None:
    log = StateLog(10)
    for second in range(100):
        log.add(BoardState(second, (), (), {}, None, 0x40000 if second else 0))
    assert throttle_verdict(log.states) == "throttled"


@pytest.mark.parametrize(
    ("script", "bits"),
    [
        ("echo throttled=0x50005", 0x50005),
        ("echo 'VCHI initialization failed'; exit 1", None),
        ("echo throttled=0x0; exit 1", None),
        (r"printf 'throttled=\377\n'", None),
    ],
)
def test_the_firmware_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, bits: int | None) -> None:
    program = tmp_path / "vcgencmd"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(board.shutil, "which", lambda name: str(program))
    assert read_state(0.0, tmp_path).throttle_bits == bits


def test_a_firmware_program_that_cannot_be_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "vcgencmd"
    program.write_bytes(b"\x7fELF of another machine")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert read_state(0.0, tmp_path).throttle_bits is None


@pytest.mark.parametrize(
    ("bits", "words"),
    [
        (None, "unknown"),
        (0, "0x0, nothing since boot"),
        (0x50005, "0x50005, under-voltage, throttled now; under-voltage, throttled since boot"),
        (0x80000, "0x80000, soft temperature limit since boot"),
    ],
)
def test_throttle_bits_in_words(bits: int | None, words: str) -> None:
    assert throttle_words(bits) == words


def test_memory_of_this_process() -> None:
    memory = read_memory()
    assert memory.rss is not None
    assert memory.peak_rss is not None
    assert 1 << 20 < memory.rss <= memory.peak_rss


def test_memory_fields(tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            "self/status": "Name:\tx\nVmHWM:\t  300 kB\nVmRSS:\t  200 kB\n",
            "self/smaps_rollup": "00-ff ---p 00 00:00 0 [rollup]\nRss:  200 kB\nPss:  150 kB\n",
            "meminfo": "MemAvailable:  5000 kB\n",
        },
    )
    assert read_memory(tmp_path) == Memory(200 * 1024, 300 * 1024, 150 * 1024, 5000 * 1024)
    assert read_memory(tmp_path / "absent") == Memory(None, None, None, None)
