"""``fastscnn-edge report``: write the HTML page of a report again, from its JSON."""

from __future__ import annotations

import argparse

from ..cli.arguments import file_path
from ..cli.command import guarded, parser
from ..cli.outputs import check_result_path
from ..files import write_text
from ..runtime.report.html import html_page
from ..runtime.report.reader import damage_as_error, read_report


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    result = parser(
        "report",
        "Write the HTML page of a report again, from the JSON that 'bench' or 'run --report' wrote.",
        """
        fastscnn-edge report board.json
        fastscnn-edge report board.json --out page.html
        """,
    )
    result.add_argument("report", type=file_path, metavar="FILE.json")
    result.add_argument(
        "--out", type=file_path, metavar="FILE.html", help="the page to write (default: FILE.html beside the report)"
    )
    options = result.parse_args(argv)
    return guarded(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    if options.out:
        check_result_path("--out", options.out, ".html", [options.report])
    with damage_as_error(options.report):
        page = html_page(read_report(options.report))
    out = options.out or options.report.with_suffix(".html")
    write_text(out, page)
    print(f"wrote {out}")
    return 0
