"""What every target is given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .compare import Probe, compare
from .installs import Install
from .results import Install as InstallResult


@dataclass(frozen=True)
class Context:
    """Attributes:
        cache: folder for everything that is worth keeping.
        parcel: folder with wheel, models, pictures and the programs for the board.
        work: this target's own folder; its content is replaced.
        install: whether missing programs may be installed here.
        baselines: name of an install -> what it gave on this machine.
    """

    cache: Path
    parcel: Path
    work: Path
    install: bool
    baselines: dict[str, Probe]

    def compared(self, install: Install, cpu: str, folder: Path) -> InstallResult:
        """What ``probe.py`` left in ``folder``, beside the baseline."""
        found = Probe.read(folder)
        return InstallResult(install.name, cpu, found, compare(found, self.baselines[install.baseline]))
