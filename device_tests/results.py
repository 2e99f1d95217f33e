"""Results: one JSON file per target, and one Markdown page made from all of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastscnn_edge.files import write_text

from .compare import DIFFERENT, Probe, ProbeComparison
from .probe import REFERENCE
from .project import INT8_TFLITE as INT8_MODEL

SCHEMA = "fastscnn_edge.device_test/1"


@dataclass(frozen=True)
class Check:
    """One check that passed or failed.

    Attributes:
        name: the subject.
        passed: whether it is as expected.
        found: the finding, in words.
    """

    name: str
    passed: bool
    found: str


@dataclass(frozen=True)
class InstallFacts:
    """Masks of one environment on one processor."""

    name: str
    cpu: str
    probe: Probe
    comparisons: list[ProbeComparison]


@dataclass(frozen=True)
class Result:
    """Results of one target.

    Attributes:
        target: as on the command line.
        baseline: processor and versions the masks are compared with.
        installs: masks by environment and processor.
        checks: other tests.
    """

    target: str
    created: str
    commit: str
    baseline: dict[str, Any]
    installs: list[InstallFacts]
    checks: list[Check]

    @property
    def passed(self) -> bool:
        """Whether something was tested and nothing failed."""
        verdicts = [c.verdict != DIFFERENT for install in self.installs for c in install.comparisons]
        outcomes = verdicts + [check.passed for check in self.checks]
        return bool(outcomes) and all(outcomes)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON. Masks by sha256; no times, since emulated ones mean nothing."""
        return {
            "schema": SCHEMA,
            "target": self.target,
            "created": self.created,
            "commit": self.commit,
            "passed": self.passed,
            "baseline": self.baseline,
            "installs": [
                {
                    **i.probe.facts,
                    "name": i.name,
                    "cpu": i.cpu,
                    "cpu_seen": i.probe.facts["cpu"],
                    "comparisons": [vars(c) for c in i.comparisons],
                }
                for i in self.installs
            ],
            "checks": [vars(check) for check in self.checks],
        }


def write(result: Result, folder: Path, page: Path) -> None:
    """Write ``folder/TARGET.json``, and ``page`` from all such files."""
    write_text(folder / f"{file_name(result.target)}.json", json.dumps(result.to_dict(), indent=1) + "\n")
    stored = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    write_text(page, to_markdown(stored))


def file_name(target: str) -> str:
    """``ssh:pi@board`` as a file name. A board's address is private, so all have one name."""
    return target.split(":")[0]


def to_markdown(results: Iterable[dict[str, Any]]) -> str:
    """The page as Markdown."""
    results = list(results)
    lines = [
        "# Device tests: what was found",
        "",
        "Written by `device_tests/run`; `device_tests/README.md` says how. *same* is bit for bit, in masks and "
        "logits. Emulated processors say nothing of speed, and nothing here is a time.",
        "",
        *_table(["target", "outcome", "masks compared", "identical", "checks"], [_overview(r) for r in results]),
    ]
    for result in results:
        lines += ["", f"## {result['target']}", "", *_details(result)]
    lines += ["", f"## Masks of {INT8_MODEL}", "", "By the first digits of their sha256.", "", *_digests(results)]
    return "\n".join(lines) + "\n"


def _overview(result: dict[str, Any]) -> list[str]:
    comparisons = [c for install in result["installs"] for c in install["comparisons"]]
    passed = sum(check["passed"] for check in result["checks"])
    return [
        result["target"],
        "passed" if result["passed"] else "**failed**",
        str(sum(c["pictures"] for c in comparisons)),
        str(sum(c["identical"] for c in comparisons)),
        f"{passed} of {len(result['checks'])}" if result["checks"] else "none",
    ]


def _details(result: dict[str, Any]) -> list[str]:
    base = result["baseline"]
    lines = [f"{result['created']}, commit {result['commit']}. Compared with {base['machine']} ({base['cpu']})."]
    if result["installs"]:
        rows = [_comparison(i, c) for i in result["installs"] for c in i["comparisons"]]
        lines += [
            "",
            *_table(
                [
                    "processor",
                    "install",
                    "model",
                    "kernels",
                    "identical masks",
                    "pixels alike, least",
                    "logits: largest difference",
                    "that differ",
                    "verdict",
                ],
                rows,
            ),
        ]
        reasons = sorted(
            {f"{c['verdict']}: {c['reason']}" for i in result["installs"] for c in i["comparisons"] if c["reason"]}
        )
        lines += ["", *(f"- {reason}." for reason in reasons)] if reasons else []
        lines += [
            "",
            "Operators:",
            "",
            *_operators(result["installs"]),
            "",
            "Versions:",
            "",
            *_versions(result["installs"]),
        ]
    if result["checks"]:
        rows = [[c["name"], "yes" if c["passed"] else "**no**", c["found"]] for c in result["checks"]]
        lines += ["", *_table(["check", "holds", "found"], rows)]
    return lines


def _digests(results: list[dict[str, Any]]) -> list[str]:
    """Table of masks and the runs that gave them."""
    owners: dict[tuple[str, str, str], list[str]] = {}
    for result in results:
        for install in result["installs"]:
            owner = f"{result['target']}: {install['cpu']}, {install['name']}"
            for run in install["runs"]:
                if run["model"] == INT8_MODEL:
                    for picture, digest in run["masks"].items():
                        owners.setdefault((picture, _kernels(run), digest[:12]), []).append(owner)
    return _table(
        ["picture", "kernels", "mask", "the same on"],
        [[*key, "; ".join(names)] for key, names in sorted(owners.items())],
    )


def _kernels(run: dict[str, Any]) -> str:
    if run["kernels"] == REFERENCE:
        return "reference"
    return "XNNPACK" if run["xnnpack"] else "the engine's own"


def _comparison(install: dict[str, Any], c: dict[str, Any]) -> list[str]:
    is_float = c["model"].startswith("fp32")
    largest = f"{c['largest']:.1e} of the largest" if is_float else f"{c['largest']:.0f} steps"
    return [
        install["cpu"],
        install["name"],
        c["model"],
        _kernels(c),
        f"{c['identical']} of {c['pictures']}",
        f"{c['agreement']:.2%}",
        largest,
        f"{c['differing']:.2%}",
        c["verdict"],
    ]


def _operators(installs: list[dict[str, Any]]) -> list[str]:
    """Each distinct list once, with its runs."""
    seen: dict[str, list[str]] = {}
    for install in installs:
        for run in install["runs"]:
            counts = Counter(run["operators"])
            text = ", ".join(f"{count} {name}" for name, count in sorted(counts.items(), key=lambda e: (-e[1], e[0])))
            owner = f"{run['model']} ({install['name']})"
            owners = seen.setdefault(text, [])
            if owner not in owners:
                owners.append(owner)
    return [f"- {', '.join(owners)}: {text}" for text, owners in seen.items()]


def _versions(installs: list[dict[str, Any]]) -> list[str]:
    lines = {}
    for install in installs:
        versions = ", ".join(f"{name} {version}" for name, version in install["versions"].items())
        lines[install["name"]] = f"- {install['name']}: Python {install['python']}, {versions}"
    return list(lines.values())


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    body = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in body]
