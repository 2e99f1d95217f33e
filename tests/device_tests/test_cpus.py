"""The processors' description, read by the runtime as on a board."""

from __future__ import annotations

from pathlib import Path

import pytest

from device_tests.cpus import ARM64_CPUS, ARMHF_CPUS, Cpu
from fastscnn_edge.runtime.board.board import read_board


@pytest.mark.parametrize(
    ("cpu", "name"),
    [
        *zip(ARM64_CPUS, ("2 x Cortex-A53", "2 x Cortex-A72", "2 x Cortex-A76"), strict=True),
        (ARMHF_CPUS[0], "2 x Arm part 0xc07"),
    ],
)
def test_the_runtime_recognizes_it(cpu: Cpu, name: str, tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text(cpu.cpuinfo(2))
    board = read_board(tmp_path)
    assert board.cpu == name
    assert ("asimddp" in board.integer_features) == (cpu.name == "cortex-a76")
