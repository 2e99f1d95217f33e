"""Inputs of every target."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .compare import Probe, compare_probes
from .host import HostError
from .installs import Install
from .results import InstallFacts


@dataclass(frozen=True)
class Context:
    """Attributes:
    cache: folder for everything that is kept between runs.
    parcel: folder with wheel, models, images and the programs for the board.
    work: this target's own folder; its content is replaced.
    install: whether missing programs may be installed here.
    baselines: name of an install -> its results on this machine.
    """

    cache: Path
    parcel: Path
    work: Path
    install: bool
    baselines: dict[str, Probe]

    def compared(self, install: Install, cpu: str, folder: Path) -> InstallFacts:
        """Compare the results of ``probe.py`` in ``folder`` with the baseline.

        Raises:
            HostError: this machine's Python cannot have that install.
        """
        if install.baseline not in self.baselines:
            raise HostError(
                f"nothing to compare {install.name} with: {install.baseline} cannot be installed for this "
                "machine's Python; run this with Python 3.11"
            )
        found = Probe.read(folder)
        return InstallFacts(install.name, cpu, found, compare_probes(found, self.baselines[install.baseline]))
