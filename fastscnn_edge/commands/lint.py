"""``fastscnn-edge lint``: check an INT8 .onnx against TensorRT's rules."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from .._version import __version__
from ..cli.arguments import file_path
from ..cli.command import guarded, parser
from ..cli.outputs import check_result_path
from ..files import write_text

if TYPE_CHECKING:
    from ..export.tensorrt.lint import LintReport

_DESCRIPTION = """\
Check any INT8 ONNX file with QuantizeLinear/DequantizeLinear pairs (QDQ) against TensorRT's rules for explicit
quantization. An error means that TensorRT rejects the model, computes it differently or leaves INT8; a warning
means lost accuracy or speed. One line per finding: severity, rule, node, what is wrong and how to fix it.

Exit status: 0 no finding, only warnings, or not a quantized model (a message says so); 1 errors, with --strict also
warnings; 2 the file cannot be read.
"""

_EXAMPLES = """
fastscnn-edge lint model.onnx
fastscnn-edge lint model.onnx --strict --json findings.json
"""

EXIT_FINDINGS = 1


def build_parser() -> argparse.ArgumentParser:
    result = parser("lint", _DESCRIPTION, _EXAMPLES)
    add = result.add_argument
    add("model", type=file_path, metavar="MODEL", help="the .onnx file")
    add("--strict", action="store_true", help="warnings count as errors for the exit status")
    add("--json", type=file_path, metavar="FILE", help="also write the findings to this file")
    return result


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    return guarded(lambda: _run(build_parser().parse_args(argv)))


def _run(args: argparse.Namespace) -> int:
    if args.json:
        check_result_path("--json", args.json, ".json", [args.model])
    # Imported late: --help should not wait for onnx.
    from ..export.tensorrt.lint import ERROR, lint
    from ..export.tensorrt.read import read_onnx

    model, complete = read_onnx(args.model)
    report = lint(model)
    # The file first: the reader of the lines (head, less) may close the pipe.
    if args.json:
        write_text(args.json, to_json(report, args.model))
    for finding in report.findings:
        print(f"{finding.severity:<7} {finding.rule}  {finding.node}: {finding.message}")
    if not complete:
        print("note    the file with its tensors is missing; scales and zero points in it were not checked")
    print(summary(report))
    counts = report.findings if args.strict else [f for f in report.findings if f.severity == ERROR]
    return EXIT_FINDINGS if counts else 0


def summary(report: LintReport) -> str:
    """Summary in one line."""
    if not report.has_quantization:
        return "not a QDQ model: nothing to check"
    from ..export.tensorrt.lint import ERROR, WARNING

    counts = ", ".join(f"{n} {kind}{'' if n == 1 else 's'}" for kind in (ERROR, WARNING) for n in [report.count(kind)])
    return f"{counts}; {report.quantized} of {report.weighted} convolutions and matrix products quantized"


def to_json(report: LintReport, model: Path) -> str:
    """Encode the findings in the file's order, with the counts of the summary."""
    return json.dumps({"model": str(model), "version": __version__, **asdict(report)}, indent=1) + "\n"
