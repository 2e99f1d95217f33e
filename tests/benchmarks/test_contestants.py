"""Each contestant has a name of its own, an engine, and versions for the table."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from benchmarks.contestants import CONTESTANTS, OURS, REFERENCE, Contestant
from tools.peers.environment import OWN, versions


def test_names_are_distinct() -> None:
    assert len({c.name for c in CONTESTANTS}) == len(CONTESTANTS)
    assert {OURS, REFERENCE} <= {c.name for c in CONTESTANTS}


@pytest.mark.parametrize("contestant", CONTESTANTS, ids=lambda c: c.name)
def test_versions_are_read_where_the_packages_are_installed(contestant: Contestant, tmp_path: Path) -> None:
    """A converter's package is often absent where its file runs."""
    if contestant.environment == OWN:
        assert "?" not in versions(OWN, contestant.packages, tmp_path)
    else:
        assert contestant.environment.pinned_version(contestant.packages[0]) != "?"
    if contestant.converter is not None:
        environment, package = contestant.converter
        assert environment.pinned_version(package) != "?"
    assert importlib.util.find_spec(f"tools.peers.engines.{contestant.engine}") is not None
