"""Operator times are the engine's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastscnn_edge.runtime.engines.profile import profile_model, summarize_events
from tests.helpers.models import exported


def test_every_node_of_onnx_runtime(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="profiling an .onnx needs onnxruntime")
    found = profile_model(exported(tmp_path, "onnx", "int8", (64, 96)), 1)
    assert sum(o.share for o in found.types) == pytest.approx(1)
    assert sum(o.share for o in found.nodes) == pytest.approx(1)
    assert sum(o.nodes for o in found.types) == len(found.nodes)
    assert found.types[0].type == "QLinearConv"
    assert list(found.nodes) == sorted(found.nodes, key=lambda o: -o.milliseconds)
    assert all(o.milliseconds >= 0 for o in found.nodes)


def test_a_tflite_has_none_and_says_so(tiny_model: Path) -> None:
    found = profile_model(tiny_model, 1)
    assert found.types == found.nodes == () and "unavailable" in found.note and "benchmark_model" in found.note


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 1000), min_size=1))
def test_sums(durations: dict[str, int]) -> None:
    events = [{"cat": "Session", "name": "model_run", "dur": 10**6}]
    for node, duration in durations.items():
        for run in range(10):
            cold = 10**6 if run < 5 else 0
            args = {"op_name": "Conv" if node < "d" else "Add"}
            events += [
                {"cat": "Node", "name": f"{node}_kernel_time", "dur": duration + cold, "args": args},
                {"cat": "Node", "name": f"{node}_fence_before", "dur": 5},
            ]
    found = summarize_events(events)
    assert {o.name: o.milliseconds for o in found.nodes} == pytest.approx({n: d / 1000 for n, d in durations.items()})
    assert sum(o.milliseconds for o in found.types) == pytest.approx(sum(durations.values()) / 1000)
