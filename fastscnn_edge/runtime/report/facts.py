"""Facts that the HTML page and the Markdown of a report share, as functions of the report's JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...text import count_of
from ...units import MIB
from ..board.board import throttle_words


def conditions(data: dict[str, Any]) -> dict[str, str]:
    """Conditions of the run, name -> value: model, engine, source, board, versions."""
    board, model, engine, source = data["board"], data["model"], data["engine"], data["source"]
    spec, size, states = model["spec"], source["size"], data["states"]
    parts = [
        f"{source['kind']} {source['name']}",
        f"{size[0]}x{size[1]} (height x width)" if size else "no frame",
        f"{source['skipped']} skipped",
        *([source["mode"]] if source["mode"] else []),
    ]
    return {
        "created": data["created"],
        "command": f"fastscnn-edge {data.get('kind', 'run')} {' '.join(data['command'])}",
        "model": f"{model['file']}, {model['bytes']} bytes, {spec['precision']}, "
        f"scheme {spec.get('scheme', spec.get('preset'))}, "
        f"input {spec['height']}x{spec['width']}, {count_of(len(spec['classes']), 'class')}",
        "model sha256": model["sha256"],
        "engine": f"{engine['name']}, {engine['library']}, {count_of(engine['threads'], 'thread')}",
        "source": ", ".join(parts),
        **{
            f"camera {name}": f"{count_of(camera['frames'], 'frame')}, latency p50 "
            f"{camera['latency_ms']['p50']:.1f} ms, p99 {camera['latency_ms']['p99']:.1f} ms"
            for name, camera in data.get("cameras", {}).items()
        },
        "board": board["model"] or "unknown",
        "processor": f"{board['cpu'] or 'unknown'}, {board['machine']}",
        "cores": f"{board['cores']}, {board['usable_cores']} of them usable",
        "integer instructions": ", ".join(board["integer_features"]) or "none known",
        "memory": f"{mib(board['memory'])} MiB" if board["memory"] else "unknown",
        "kernel": board["kernel"],
        "governor": _distinct(governor for state in states for governor in state["governors"]),
        "power mode": _distinct(" ".join(mode.split()) for state in states if (mode := state["power_mode"])),
        "throttling": data["throttle"],
        "throttle bits": _distinct(
            (throttle_words(bits) for state in states if (bits := state["throttle_bits"]) is not None), "; then "
        ),
        "versions": ", ".join(f"{name} {version}" for name, version in data["versions"].items()),
    }


def mib(value: int | None) -> str:
    """Format bytes as mebibytes with one decimal."""
    return "unknown" if value is None else f"{value / MIB:.1f}"


def _distinct(values: Iterable[str], between: str = ", ") -> str:
    return between.join(dict.fromkeys(values)) or "unknown"
