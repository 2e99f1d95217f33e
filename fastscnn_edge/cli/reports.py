"""Writing a command's report, which must not be lost with the disk."""

from __future__ import annotations

import sys
from contextlib import suppress

from ..errors import OutputError
from ..log import Log, plain
from ..runtime.report.report import Report, to_json
from ..runtime.report.report_files import ReportFiles


def write_report(report: Report, files: ReportFiles, log: Log = plain) -> OutputError | None:
    """Write ``report`` if files were asked for; its JSON goes to standard error if it cannot be written.

    Returns:
        Why a file could not be written, None if all are.
    """
    if not files:
        return None
    try:
        report.write(files)
    except OutputError as error:
        if ".json" not in files.written:
            data = report.to_dict()
            if log is plain:
                with suppress(OSError, ValueError):
                    print(to_json(data), end="", file=sys.stderr, flush=True)
            else:
                log("error", "the report could not be written", report=data)
        return error
    return None


def failure_named(failure: Exception | None) -> str | None:
    """Reason for the report: why a run with this error stopped."""
    if isinstance(failure, BrokenPipeError):
        return "the reader of --lines closed the pipe"
    return f"{type(failure).__name__}: {' '.join(str(failure).split())}".removesuffix(": ") if failure else None
