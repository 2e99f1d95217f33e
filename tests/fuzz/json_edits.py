"""Changes to JSON by its structure."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from tests.fuzz.mutations import interesting, mutate_bytes

_ODD = (
    *(None, True, -1, 0, 1.5, 1e308, float("nan"), 10**400),
    *("", "x" * 300, "\ud800\n\x1b[1m", [], [[]], {}, {"a": None}, [1, "a"]),
)


def mutate_json(rng: np.random.Generator, value: Any) -> str:
    """JSON of ``value`` with one of its parts replaced, removed or repeated."""
    copy = json.loads(json.dumps(value))
    parts = list(_parts(copy))
    holder, key = parts[int(rng.integers(len(parts)))]
    choice = int(rng.integers(6))
    if choice == 0 and isinstance(holder, dict):
        del holder[key]
    elif choice == 1 and isinstance(holder, list):
        holder += holder[:8]
    elif choice == 2:
        holder[key] = interesting(rng)
    elif choice == 3 and isinstance(holder, dict):
        holder[f"{key}x"] = holder[key]
    else:
        holder[key] = _ODD[int(rng.integers(len(_ODD)))]
    text = json.dumps(copy)
    return text if rng.random() < 0.9 else mutate_bytes(rng, text.encode(), []).decode("utf-8", "replace")


def _parts(value: Any):
    """(container, key) of every part of ``value``; of long lists the first entries."""
    items = list(value.items()) if isinstance(value, dict) else list(enumerate(value))[:4]
    for key, part in items:
        yield value, key
        if isinstance(part, dict | list):
            yield from _parts(part)
