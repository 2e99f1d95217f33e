"""Layers excepted from int8: what becomes of the graph, and what it computes."""

from __future__ import annotations

import numpy as np
import pytest

from fastscnn_edge.errors import UsageError
from fastscnn_edge.quantization.calibration.ranges import observe_ranges
from fastscnn_edge.quantization.calibration.scheme import SCHEMES
from fastscnn_edge.quantization.graph.arithmetic import dequantize, quantize_activation
from fastscnn_edge.quantization.graph.evaluator import constants, real_values, run, run_all, run_op
from fastscnn_edge.quantization.graph.graph import Conv, Convert, Graph
from fastscnn_edge.quantization.graph.lower import lower
from fastscnn_edge.quantization.graph.mixed_precision import description, int16_activations, keep_float, select
from fastscnn_edge.quantization.ptq.ptq import quantize_graph
from fastscnn_edge.spec import IMAGENET
from tests.helpers import random_image, random_model

SIZE = (64, 96)
PICTURE = random_image(*SIZE, 5)
CHAIN = ["bottleneck1.1/expand", "bottleneck1.1/depthwise", "bottleneck1.1/project"]


@pytest.fixture(scope="module", params=list(SCHEMES))
def graphs(request: pytest.FixtureRequest) -> tuple[Graph, Graph]:
    """(float, int8)."""
    graph = lower(random_model("mmseg", 6), IMAGENET, *SIZE)
    ranges = observe_ranges(graph, [random_image(*SIZE, seed) for seed in range(2)])
    return graph, quantize_graph(graph, ranges, SCHEMES[request.param])


def conversions(graph: Graph) -> list[tuple[str, str]]:
    return [(op.input, op.output) for op in graph.ops if isinstance(op, Convert)]


def layer(graph: Graph, output: str) -> Conv:
    (found,) = (op for op in graph.ops if op.output == output)
    assert isinstance(found, Conv)
    return found


def sqnr(graph: Graph, mixed: Graph) -> float:
    real, q = run(graph, PICTURE), mixed.tensors[mixed.output].quantization
    noise = (real - dequantize(run(mixed, PICTURE), q.scale[0], q.zero_point)) ** 2
    return float(10 * np.log10((real**2).mean() / noise.mean()))


def test_a_float_layer_stands_between_conversions_and_the_rest_is_untouched(graphs: tuple[Graph, Graph]) -> None:
    graph, int8 = graphs
    mixed = keep_float(int8, graph, ["fusion/higher"])
    source = "downsample2/pointwise"
    assert conversions(mixed) == [(source, f"{source}/float32"), ("fusion/higher/float32", "fusion/higher")]
    op = layer(mixed, "fusion/higher/float32")
    assert op.input == f"{source}/float32"
    for name in (op.weight, op.bias):
        assert mixed.tensors[name] is graph.tensors[name]
    changed = {op.weight, op.bias, f"{source}/float32", op.output}
    assert all(mixed.tensors[name] is int8.tensors[name] for name in mixed.tensors.keys() - changed)
    assert mixed.tensors.keys() - int8.tensors.keys() == {f"{source}/float32", op.output}
    assert mixed.is_quantized and mixed.tensors[mixed.input].dtype == np.int8


def test_a_float_layer_computes_in_float_what_int8_hands_it(graphs: tuple[Graph, Graph]) -> None:
    graph, int8 = graphs
    mixed = keep_float(int8, graph, ["fusion/higher"])
    values = dict(run_all(mixed, PICTURE))
    op = layer(graph, "fusion/higher")
    source, out = (int8.tensors[name].quantization for name in (op.input, op.output))
    x = dequantize(values[op.input], source.scale[0], source.zero_point)
    real = run_op(graph, op, {op.input: x, **constants(graph, op)})
    expected = quantize_activation(real, float(out.scale[0]), out.zero_point)
    np.testing.assert_array_equal(values[op.output], expected)


@pytest.mark.parametrize("kind", ["float32", "int16"])
def test_neighbors_share_one_tensor(kind: str, graphs: tuple[Graph, Graph]) -> None:
    graph, int8 = graphs
    mixed = keep_float(int8, graph, CHAIN) if kind == "float32" else int16_activations(int8, CHAIN)
    source = "downsample2/pointwise"
    assert conversions(mixed) == [(source, f"{source}/{kind}"), (f"{CHAIN[2]}/{kind}", CHAIN[2])]
    assert layer(mixed, f"{CHAIN[1]}/{kind}").input == f"{CHAIN[0]}/{kind}"
    assert not {CHAIN[0], CHAIN[1]} & mixed.tensors.keys()


def test_an_activation_is_converted_once_and_int8_readers_still_get_it(graphs: tuple[Graph, Graph]) -> None:
    graph, int8 = graphs
    maker, readers = "downsample2/pointwise", ["bottleneck1.1/expand", "fusion/higher"]
    mixed = keep_float(int8, graph, readers)
    assert sum(source == maker for source, _ in conversions(mixed)) == 1
    mixed = keep_float(int8, graph, [maker, readers[0]])
    assert layer(mixed, f"{readers[0]}/float32").input == f"{maker}/float32"
    assert layer(mixed, readers[1]).input == maker
    assert (f"{maker}/float32", maker) in conversions(mixed)


def test_int16_layers_keep_weights_and_ranges(graphs: tuple[Graph, Graph]) -> None:
    _, int8 = graphs
    mixed = int16_activations(int8, ["*"])
    for op in mixed.ops:
        if not isinstance(op, Conv):
            continue
        assert mixed.tensors[op.weight] is int8.tensors[op.weight]
        bias = mixed.tensors[op.bias]
        assert bias.data.dtype == np.int64
        unit = bias.quantization.scale
        assert (np.abs(real_values(bias) - real_values(int8.tensors[op.bias])) <= unit).all()
        for name in (op.input, op.output):
            wide, narrow = mixed.tensors[name], int8.tensors[name.removesuffix("/int16")]
            q = narrow.quantization
            reach = max(127 - q.zero_point, 128 + q.zero_point) * q.scale[0]
            assert (wide.dtype, wide.quantization.zero_point) == (np.int16, 0)
            assert 32767 * wide.quantization.scale[0] == pytest.approx(reach, rel=1e-6)


def test_finer_numbers_lose_less(graphs: tuple[Graph, Graph]) -> None:
    graph, int8 = graphs
    plain = sqnr(graph, int8)
    assert sqnr(graph, keep_float(int8, graph, ["*"])) > plain + 1
    assert sqnr(graph, int16_activations(int8, ["*"])) > plain


def test_the_logits_stay_int8_even_where_their_layer_does_not(graphs: tuple[Graph, Graph]) -> None:
    graph, int8 = graphs
    for mixed in (keep_float(int8, graph, ["logits"]), int16_activations(int8, ["logits"])):
        assert mixed.output == int8.output
        assert mixed.tensors[mixed.output] is int8.tensors[int8.output]
        assert run(mixed, PICTURE).dtype == np.int8


def test_float_and_int16_layers_meet_in_int8(graphs: tuple[Graph, Graph]) -> None:
    graph, int8 = graphs
    mixed = int16_activations(keep_float(int8, graph, CHAIN[:1]), CHAIN[1:])
    middle = CHAIN[0]
    assert {(f"{middle}/float32", middle), (middle, f"{middle}/int16")} <= set(conversions(mixed))
    assert description(mixed) == f"float: {CHAIN[0]}; int16: {CHAIN[1]}, {CHAIN[2]}"
    assert run(mixed, PICTURE).dtype == np.int8


def test_no_layer_named_is_no_change(graphs: tuple[Graph, Graph]) -> None:
    graph, int8 = graphs
    for same in (keep_float(int8, graph, []), int16_activations(int8, [])):
        assert (same.ops, same.tensors.keys()) == (int8.ops, int8.tensors.keys())
    assert description(int8) == "" == description(graph)


def test_patterns_take_the_convolutions_among_their_matches(graphs: tuple[Graph, Graph]) -> None:
    _, int8 = graphs
    chosen = [op.output for op in select(int8, ["pyramid/*", "stem"])]
    assert chosen == ["stem", *(f"pyramid/branch{n}" for n in (1, 2, 3, 6)), "pyramid/out"]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("fusion/hihger", "no layer 'fusion/hihger'; near it: fusion/higher,"),
        ("branch6", "near it: pyramid/branch6"),
        ("zzz", "they begin with stem, downsample1,"),
        ("none/*", "no layer 'none/*'"),
        ("fusion/add", "'fusion/add' is no convolution; only operations of kind conv and depthwise"),
        ("pyramid/resize*", "is no convolution"),
    ],
)
def test_a_wrong_name_is_one_line_with_what_is_near(pattern: str, words: str, graphs: tuple[Graph, Graph]) -> None:
    graph, int8 = graphs
    for change in (lambda: keep_float(int8, graph, [pattern]), lambda: int16_activations(int8, ["stem", pattern])):
        with pytest.raises(UsageError) as caught:
            change()
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_layer_is_float_or_int16_not_both(graphs: tuple[Graph, Graph]) -> None:
    graph, int8 = graphs
    with pytest.raises(UsageError, match="'stem' cannot be both float and int16"):
        int16_activations(keep_float(int8, graph, ["stem"]), ["stem"])
    with pytest.raises(UsageError, match="'stem' cannot be both float and int16"):
        keep_float(int16_activations(int8, ["stem"]), graph, ["stem"])
