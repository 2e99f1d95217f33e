"""Name and version of the report's schema, and the types of its fields."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

SCHEMA = "fastscnn_edge.report/1"
"""Schema version: changes if a field is removed or changes its meaning; new fields do not change it."""

_NUMBER, _COUNT, _TEXT, _FLAG = "a number", "a whole number", "text", "true or false"
_OPTIONAL = "null or "


def _or_null(shape: Any) -> Any:
    return (_OPTIONAL, shape)


def _each(shape: Any) -> Any:
    """An object whose values all have ``shape``."""
    return {"*": shape}


_MEMORY = {name: _or_null(_COUNT) for name in ("rss", "peak_rss", "pss", "available", "lowest_available")}

_OPERATOR = {"name": _TEXT, "type": _TEXT, "nodes": _COUNT, "milliseconds": _NUMBER, "share": _NUMBER}

SHAPES: dict[str, Any] = {
    "schema": _TEXT,
    "kind": _TEXT,
    "created": _TEXT,
    "command": [_TEXT],
    "stopped_by": _or_null(_TEXT),
    "versions": _each(_TEXT),
    "model": {
        "file": _TEXT,
        "bytes": _COUNT,
        "sha256": _TEXT,
        "spec": {"height": _COUNT, "width": _COUNT, "classes": [_TEXT], "precision": _TEXT, "scheme": _TEXT},
    },
    "engine": {"name": _TEXT, "library": _TEXT, "threads": _COUNT},
    "source": {
        "kind": _TEXT,
        "name": _TEXT,
        "size": _or_null([_COUNT]),
        "skipped": _COUNT,
        "dropped": _COUNT,
        "mode": _or_null(_TEXT),
        "gaps": [{"at": _NUMBER, "seconds": _NUMBER, "reason": _TEXT}],
        "outages": _COUNT,
        "away": _NUMBER,
    },
    "board": {
        "model": _or_null(_TEXT),
        "cpu": _or_null(_TEXT),
        "cores": _COUNT,
        "usable_cores": _COUNT,
        "integer_features": [_TEXT],
        "machine": _TEXT,
        "kernel": _TEXT,
        "memory": _or_null(_COUNT),
    },
    "states": [
        {
            "seconds": _NUMBER,
            "governors": [_TEXT],
            "frequencies": [_COUNT],
            "temperatures": _each(_COUNT),
            "power_mode": _or_null(_TEXT),
            "throttle_bits": _or_null(_COUNT),
        }
    ],
    "throttle": _TEXT,
    "memory_before_load": _MEMORY,
    "memory_after": _MEMORY,
    "memory_peak": _or_null(_each(_or_null(_COUNT))),
    "watcher": _or_null(
        {
            "interval_s": _NUMBER,
            "cpu_s": _NUMBER,
            "seconds": [_NUMBER],
            "rss": [_or_null(_COUNT)],
            "pss": [_or_null(_COUNT)],
            "available": [_or_null(_COUNT)],
        }
    ),
    "accuracy": _or_null({"miou": _NUMBER, "data": _TEXT, "split": _TEXT, "pictures": _COUNT}),
    "profile": _or_null({"note": _TEXT, "types": [_OPERATOR], "nodes": [_OPERATOR]}),
    "rules": _or_null(
        {"scenario": _TEXT, "min_frames": _COUNT, "min_seconds": _NUMBER, "warm_up": _TEXT, "stable": _FLAG}
    ),
    "frames": _COUNT,
    "frames_per_second": _or_null(_NUMBER),
    "dropped": _each(_COUNT),
    "cameras": _each({"frames": _COUNT, "latency_ms": _each(_NUMBER)}),
    "frames_began_s": _or_null(_NUMBER),
    "load_ns": _COUNT,
    "first_inference_ns": _or_null(_COUNT),
    "warm_up_ns": [_COUNT],
    "percentile_method": _TEXT,
    "stages_ms": _each(_or_null(_each(_NUMBER))),
    "samples_ns": _each([_COUNT]),
}
"""Field -> its type: words for a plain value, a list for one of such values, a dict for an object (``*``: any key).
Objects may have further keys, and lack some: what an older version did not write."""


def wrong_field(data: dict[str, Any]) -> str | None:
    """Say which known field of a report has another type than this package writes; None if all are right."""
    return _wrong(data, SHAPES, "")


def _wrong(value: Any, shape: Any, name: str) -> str | None:
    if isinstance(shape, tuple):
        return None if value is None else _wrong(value, shape[1], name)
    if isinstance(shape, str):
        return None if _IS[shape](value) else f"'{name}' is {_called(value)}, not {shape}"
    if isinstance(shape, list):
        if not isinstance(value, list):
            return f"'{name}' is {_called(value)}, not a list"
        return next((problem for item in value if (problem := _wrong(item, shape[0], f"{name}[]"))), None)
    if not isinstance(value, dict):
        return f"'{name}' is {_called(value)}, not an object"
    known = ((key, shape.get(key, shape.get("*"))) for key in value)
    found = (_wrong(value[key], part, f"{name}.{key}" if name else key) for key, part in known if part is not None)
    return next((problem for problem in found if problem), None)


def _is_whole(value: Any) -> bool:
    return type(value) is int and abs(value) < 1 << 63


_IS: dict[str, Callable[[Any], bool]] = {
    _NUMBER: lambda value: _is_whole(value) or (type(value) is float and math.isfinite(value)),
    _COUNT: _is_whole,
    _TEXT: lambda value: isinstance(value, str),
    _FLAG: lambda value: isinstance(value, bool),
}


def _called(value: Any) -> str:
    if value is None:
        return "null"
    names = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list", dict: "an object"}
    return names[type(value)] if not isinstance(value, (int, float)) or isinstance(value, bool) else f"{value!r:.30}"
