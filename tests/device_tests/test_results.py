"""The JSON file of a target and the page of all of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from device_tests.compare import DIFFERENT, SAME, Probe, ProbeComparison
from device_tests.results import Check, InstallFacts, Result, to_markdown, write

COMPARISON = ProbeComparison("int8.tflite", "default", True, 4, 4, 1.0, 0.0, 0.0, SAME, "")
FACTS = {
    "machine": "aarch64",
    "cpu": "2 x Cortex-A72",
    "python": "3.11.2",
    "versions": {"numpy": "2.4.6"},
    "runs": [
        {
            "model": "int8.tflite",
            "kernels": "default",
            "xnnpack": True,
            "operators": {"CONV_2D": 32, "ADD": 7},
            "masks": {"a": "0" * 64},
        }
    ],
}


def result(target: str = "arm64-user", comparison: ProbeComparison = COMPARISON, *checks: Check) -> Result:
    installs = [InstallFacts("litert", "cortex-a72", Probe(FACTS, {"x": np.zeros(1)}), [comparison])]
    return Result(
        target, "2026-01-01T00:00:00+00:00", "abc", {"machine": "x86_64", "cpu": "some"}, installs, list(checks)
    )


def test_one_difference_or_one_failed_check_fails_the_target() -> None:
    assert result().passed
    assert not result("x", replace(COMPARISON, verdict=DIFFERENT)).passed
    assert not result("x", COMPARISON, Check("a", True, ""), Check("b", False, "")).passed


def test_nothing_tested_is_nothing_passed() -> None:
    assert not replace(result(), installs=[], checks=[]).passed


def test_the_page_keeps_the_other_targets(tmp_path: Path) -> None:
    folder, page = tmp_path / "results", tmp_path / "docs" / "page.md"
    write(result("arm64-user"), folder, page)
    write(result("local", COMPARISON, Check("smoke", False, "a|b")), folder, page)
    text = page.read_text()
    assert "| arm64-user | passed | 4 | 4 | none |" in text
    assert "| local | **failed** | 4 | 4 | 0 of 1 |" in text
    assert "| smoke | **no** | a\\|b |" in text
    assert "32 CONV_2D, 7 ADD" in text
    both = "arm64-user: cortex-a72, litert; local: cortex-a72, litert"
    assert f"| a | XNNPACK | {'0' * 12} | {both} |" in text
    stored = json.loads((folder / "arm64-user.json").read_text())
    assert stored["passed"] is True and stored["installs"][0]["runs"][0]["masks"] == {"a": "0" * 64}


@pytest.mark.parametrize("word", ["ms", "fps", "second"])
def test_no_time_is_reported(word: str) -> None:
    page = to_markdown([json.loads(json.dumps(result().to_dict()))])
    assert f" {word}" not in page.replace("here is a time", "")
