"""Reading a report back: for drawing it again, and for comparing it with others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import UsageError
from .report import SCHEMA

_NEEDED = ("model", "engine", "board", "states", "throttle", "versions", "samples_ns", "stages_ms", "source", "command",
           "memory_after", "memory_before_load", "frames", "load_ns", "warm_up_ns", "created", "stopped_by",
           "first_inference_ns", "frames_per_second", "percentile_method")


def read_report(path: Path) -> dict[str, Any]:
    """The JSON that :meth:`.report.Report.write` wrote.

    Raises:
        UsageError: missing, not a report, or of a schema this version does not know.
    """
    try:
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path} is not a report: it is no JSON ({error})") from error
    schema = data.get("schema") if isinstance(data, dict) else None
    if schema != SCHEMA:
        told = f"its schema is '{schema}', and this version reads '{SCHEMA}'" if schema else "it names no schema"
        raise UsageError(f"{path} is not a report of 'fastscnn-edge bench' or 'run' that can be read: {told}")
    missing = [name for name in _NEEDED if name not in data]
    if missing:
        raise UsageError(f"{path} is not a whole report: {', '.join(missing)} missing; measure again")
    return data
