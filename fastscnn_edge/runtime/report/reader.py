"""Reader for report files, to draw them again or compare them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...errors import UsageError
from .schema import SCHEMA, wrong_field


def read_report(path: Path) -> dict[str, Any]:
    """Read the JSON that :meth:`.report.Report.write` wrote. Use the result inside :func:`damage_as_error`.

    Raises:
        UsageError: missing, not a report, of a schema this version does not know, or with a field of a wrong type.
    """
    if path.exists() and not path.is_file():
        raise UsageError(f"cannot read {path}: it is a folder, device or pipe, not a report")
    try:
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not a report: it is no JSON ({error})") from error
    schema = data.get("schema") if isinstance(data, dict) else None
    if schema != SCHEMA:
        reason = f"its schema is '{schema}', and this version reads '{SCHEMA}'" if schema else "it names no schema"
        raise UsageError(f"{path} is not a report of 'fastscnn-edge bench' or 'run' that can be read: {reason}")
    result: dict[str, Any] = data
    if problem := wrong_field(result):
        raise UsageError(f"{path} is not a whole report ({problem}); measure again")
    return result


@contextmanager
def damage_as_error(*paths: Path) -> Iterator[None]:
    """Raise UsageError if the body finds a value in the reports at ``paths`` missing or of another type."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        names = " or ".join(map(str, paths))
        raise UsageError(f"{names} is not a whole report ({what}); measure again") from error
