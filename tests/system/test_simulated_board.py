"""A Raspberry Pi that gets hot while it is measured: from its files and firmware to report, page and comparison."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from fastscnn_edge.cli import diagnosis
from fastscnn_edge.commands import bench, compare, doctor
from fastscnn_edge.runtime.board.board import read_board, read_state
from fastscnn_edge.runtime.board.watcher import Watcher
from tests.helpers.boards import PI_CPUINFO, put

FIRMWARE = "#!/bin/sh\nread bits < {folder}/bits\necho throttled=$bits\n"
CPU = "sys/devices/system/cpu/cpufreq/policy0"


class Pi:
    """A folder that looks like a Raspberry Pi, and a ``vcgencmd`` that tells what stands in a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        zones = {
            f"sys/class/thermal/thermal_zone{n}/type": f"{name}-thermal\n"
            for n, name in enumerate(("cpu", "gpu", "cv0", "cv1", "soc0", "soc1", "tj"))
        }
        put(
            folder,
            {
                "proc/cpuinfo": PI_CPUINFO,
                "proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
                f"{CPU}/scaling_governor": "ondemand\n",
                **zones,
                "vcgencmd": FIRMWARE.format(folder=folder),
            },
        )
        (folder / "vcgencmd").chmod(0o755)
        self.show(45_000, 2_400_000, 0)

    def show(self, temperature: int, clock: int, bits: int) -> None:
        files = {"bits": f"{bits:#x}\n", f"{CPU}/scaling_cur_freq": f"{clock}\n"}
        for n in range(7):
            files[f"sys/class/thermal/thermal_zone{n}/temp"] = f"{temperature + 300 * n}\n"
        for name, text in files.items():  # a reader sees the old file or the new one, as in /sys
            whole = self.folder / f"{name}.new"
            whole.write_text(text)
            whole.replace(self.folder / name)

    def heat_up(self, seconds: float) -> threading.Timer:
        """From 45 to 85 degrees, the clock falling and the firmware's bits set on the way."""
        steps = iter([(60_000, 2_400_000, 0), (80_000, 2_400_000, 0x80008), (85_000, 1_500_000, 0xE000E)])

        def step() -> None:
            if (state := next(steps, None)) is not None:
                self.show(*state)
                again()

        def again() -> None:
            timer = threading.Timer(seconds / 4, step)
            timer.daemon = True
            timer.start()

        again()


@pytest.fixture
def pi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pi]:
    pi = Pi(tmp_path / "pi")
    monkeypatch.setenv("PATH", f"{pi.folder}:{os.environ['PATH']}")
    for module in (bench, diagnosis):
        monkeypatch.setattr(module, "read_board", partial(read_board, pi.folder))
        monkeypatch.setattr(module, "read_state", partial(read_state, root=pi.folder))
    monkeypatch.setattr(bench, "Watcher", partial(Watcher, interval=0.05, root=pi.folder))
    return pi


def measure(model: Path, report: Path) -> dict:
    words = ["--model", str(model), "--threads", "1", "--seconds", "3", "--report", str(report)]
    assert bench.main(words) == 0
    return json.loads(report.read_text())


@pytest.mark.slow
def test_a_throttled_report_is_told_from_a_clean_one(
    pi: Pi, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cool = measure(tiny_model, tmp_path / "cool.json")
    pi.heat_up(3)
    hot = measure(tiny_model, tmp_path / "hot.json")
    assert (cool["throttle"], hot["throttle"]) == ("clean", "throttled")
    assert hot["board"]["model"] == "Raspberry Pi 5 Model B Rev 1.0"
    assert [state["temperatures"]["thermal_zone0 cpu-thermal"] for state in hot["states"]][-1] == 85_000
    printed = capsys.readouterr().out
    assert "throttling: clean" in printed and "throttling: throttled" in printed

    page, text = ((tmp_path / f"hot.{suffix}").read_text() for suffix in ("html", "md"))
    assert "Temperature" in page and "Clock" in page and 'class="tile bad"' in page
    assert "tj-thermal" in page and "The hottest 5 of 7 sensors." in page
    assert "soft temperature limit" in page and "soft temperature limit" in text

    compare.main([str(tmp_path / "cool.json"), str(tmp_path / "hot.json")])
    told = capsys.readouterr().out
    assert told.count("warning: throttling") == 1
    assert "throttling of this report is throttled" in told
    assert compare.main([str(tmp_path / "cool.json"), str(tmp_path / "hot.json"), "--strict"]) == 2


def test_doctor_says_what_the_firmware_saw(pi: Pi, capsys: pytest.CaptureFixture[str]) -> None:
    pi.show(51_300, 2_400_000, 0x50000)
    assert doctor.main([]) == 0
    told = capsys.readouterr().out
    assert "temperature: 53.1 degrees C" in told
    assert "throttling: 0x50000, under-voltage, throttled since boot" in told
