"""Processors that qemu-user emulates, and their ``/proc/cpuinfo``.

The engines choose kernels by that file; with the host's they crash.
"""

from __future__ import annotations

from dataclasses import dataclass

_ARM64 = "fp asimd evtstrm crc32 cpuid"
_DOT_PRODUCT = "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"
_ARM32 = "half thumb fastmult vfp edsp neon vfpv3 tls vfpv4 idiva idivt vfpd32 lpae evtstrm"


@dataclass(frozen=True)
class Cpu:
    """Attributes:
    name: QEMU's name of the core.
    board: a board that has it.
    part: Arm's number for it.
    architecture: 7 or 8.
    features: as the kernel lists them.
    """

    name: str
    board: str
    part: int
    architecture: int
    features: str

    def cpuinfo(self, cores: int) -> str:
        """The text of ``/proc/cpuinfo``."""
        core = (
            f"BogoMIPS\t: 108.00\nFeatures\t: {self.features}\nCPU implementer\t: 0x41\n"
            f"CPU architecture: {self.architecture}\nCPU variant\t: 0x0\nCPU part\t: {self.part:#x}\n"
            "CPU revision\t: 3\n\n"
        )
        return "".join(f"processor\t: {number}\n{core}" for number in range(cores))


ARM64_CPUS = (
    Cpu("cortex-a53", "Raspberry Pi 3", 0xD03, 8, _ARM64),
    Cpu("cortex-a72", "Raspberry Pi 4", 0xD08, 8, _ARM64),
    Cpu("cortex-a76", "Raspberry Pi 5", 0xD0B, 8, _DOT_PRODUCT),
)
ARMHF_CPUS = (Cpu("cortex-a7", "Raspberry Pi 2", 0xC07, 7, _ARM32),)
"""Name for qemu-arm, which has none for the 64-bit cores."""
