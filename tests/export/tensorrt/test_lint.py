"""Every rule finds what it is for, and nothing in a model that keeps them all."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from fastscnn_edge.export.tensorrt.lint import ERROR, RULES, WARNING, Finding, lint
from tests.helpers.qdq_models import Builder, add_pair, clean, find, replace_constant, rewire


def test_a_model_that_keeps_the_rules_has_no_findings() -> None:
    report = lint(clean())
    assert report.findings == ()
    assert (report.quantized, report.weighted, report.has_quantization) == (4, 4, True)


def test_the_clean_model_runs() -> None:
    session = onnxruntime.InferenceSession(clean().SerializeToString(), providers=["CPUExecutionProvider"])
    scores = session.run(None, {"image": np.ones((1, 4, 8, 8), np.float32)})[0]
    assert scores.shape == (1, 3) and np.abs(scores).max() > 0


def _uint8(model: ModelProto) -> None:
    replace_constant(model, "a_zero", np.uint8(0))


def _shifted(model: ModelProto) -> None:
    replace_constant(model, "a_zero", np.int8(-5))


def _no_zero_point(model: ModelProto) -> None:
    for name in ("a_q", "a_dq"):
        del find(model, name).input[2]


def _computed_zero_point(model: ModelProto) -> None:
    model.graph.node.insert(0, helper.make_node("Neg", ["a_zero"], ["negated"], name="negated_node"))
    rewire(model, "a_q", 2, "negated")


def _dead_channel(model: ModelProto) -> None:
    replace_constant(model, "body_w_scale", np.array([0.01, 0, 0.01, 0.01], np.float32))


def _wrong_axis(model: ModelProto) -> None:
    find(model, "body_w_dq").attribute[0].i = 1


def _default_axis(model: ModelProto) -> None:
    del find(model, "body_w_dq").attribute[:]


def _gemm_axis(model: ModelProto) -> None:
    find(model, "dense_w_dq").attribute[0].i = 1


def _too_few_scales(model: ModelProto) -> None:
    replace_constant(model, "body_w_scale", np.full(3, 0.01, np.float32))
    replace_constant(model, "body_w_zero", np.zeros(3, np.int8))


def _one_scale(model: ModelProto) -> None:
    replace_constant(model, "body_w_scale", np.float32(0.01))
    replace_constant(model, "body_w_zero", np.int8(0))


def _activation_per_channel(model: ModelProto) -> None:
    replace_constant(model, "image_scale", np.full(4, 0.05, np.float32))
    replace_constant(model, "image_zero", np.zeros(4, np.int8))


def _float_weights(model: ModelProto) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.ones((4, 4, 3, 3), np.float32), "float_w"))
    rewire(model, "body", 1, "float_w")


def _float_data(model: ModelProto) -> None:
    rewire(model, "body", 0, "a")


def _float_residual(model: ModelProto) -> None:
    rewire(model, "sum", 1, "a")


def _residual_from_elsewhere(model: ModelProto) -> None:
    model.graph.node.insert(
        list(model.graph.node).index(find(model, "sum")),
        helper.make_node("Abs", ["body"], ["elsewhere"], name="elsewhere_node"),
    )
    rewire(model, "sum", 0, "elsewhere")


def _quantized_branch(model: ModelProto) -> None:
    add_pair(model, "sum", 0)


def _float_behind_pool(model: ModelProto) -> None:
    rewire(model, "d", 0, "c")


def _float_before(node: str) -> Callable[[ModelProto], None]:
    def edit(model: ModelProto) -> None:
        source = find(model, node).input[0]
        model.graph.node.insert(
            list(model.graph.node).index(find(model, node)),
            helper.make_node("Abs", [source], ["float"], name="float_node"),
        )
        rewire(model, node, 0, "float")

    return edit


def _float_in_concat(model: ModelProto) -> None:
    rewire(model, "e", 1, "d")


def _other_scale_behind_concat(model: ModelProto) -> None:
    replace_constant(model, "e_scale", np.float32(0.07))


def _float_before_resize(model: ModelProto) -> None:
    rewire(model, "d", 0, "c")


def _other_scale_behind_resize(model: ModelProto) -> None:
    replace_constant(model, "d_scale", np.float32(0.07))


def _pair_before_relu(model: ModelProto) -> None:
    add_pair(model, "a", 0)


def _pair_between_add_and_relu(model: ModelProto) -> None:
    add_pair(model, "b", 0)


def _integer_bias(model: ModelProto) -> None:
    b = Builder()
    scale = b.constant("int_b_scale", np.float32(0.01))
    b.node("DequantizeLinear", [b.constant("int_b", np.zeros(4, np.int32)), scale], "int_b_dq")
    model.graph.node.insert(0, b.nodes[0])
    model.graph.initializer.extend(b.initializers)
    rewire(model, "body", 2, "int_b_dq")


def _unread_quantizer(model: ModelProto) -> None:
    extra = helper.make_node("QuantizeLinear", ["a", "a_scale", "a_zero"], ["unread"], name="unread_node")
    model.graph.node.append(extra)


def _integers_read_without_dequantizer(model: ModelProto) -> None:
    model.graph.node.append(helper.make_node("Cast", ["a_q"], ["cast"], name="cast_node", to=TensorProto.FLOAT))


def _dequantizer_of_something_else(model: ModelProto) -> None:
    model.graph.node.insert(2, helper.make_node("Cast", ["image"], ["cast"], name="cast_node", to=TensorProto.INT8))
    rewire(model, "image_dq", 0, "cast")


def _two_pairs(model: ModelProto) -> None:
    add_pair(model, "body", 0, step=0.07)


def _q_operator(model: ModelProto) -> None:
    pair = ["a_scale", "a_zero"]
    inputs = ["a_q", *pair, "body_w", "body_w_scale", "body_w_zero", *pair]
    model.graph.node.append(helper.make_node("QLinearConv", inputs, ["integers"], name="integers_node"))


PLANTED: dict[str, tuple[Callable[[ModelProto], None], str, str, str, str]] = {
    # what -> (edit, rule, severity, node, words of the message)
    "uint8": (_uint8, "zero-point", ERROR, "a_q", "uint8"),
    "shifted zero point": (_shifted, "zero-point", ERROR, "a_q", "zero point -5"),
    "missing zero point": (_no_zero_point, "zero-point", ERROR, "a_q", "no zero point"),
    "computed zero point": (_computed_zero_point, "zero-point", ERROR, "a_q", "run time"),
    "dead channel": (_dead_channel, "scale", ERROR, "body_w_dq", "positive"),
    "wrong axis": (_wrong_axis, "weight-axis", ERROR, "body", "axis 1"),
    "ONNX's default axis": (_default_axis, "weight-axis", ERROR, "body", "axis 1"),
    "wrong axis of a Gemm": (_gemm_axis, "weight-axis", ERROR, "dense", "axis 0"),
    "too few scales": (_too_few_scales, "weight-axis", ERROR, "body", "3 weight scales for 4 channels"),
    "one scale for a weight": (_one_scale, "weight-axis", WARNING, "body", "accuracy"),
    "activation per channel": (_activation_per_channel, "activation-scale", ERROR, "image_q", "4 scales"),
    "float weights": (_float_weights, "weighted-inputs", ERROR, "body", "weights are not"),
    "float data": (_float_data, "weighted-inputs", ERROR, "body", "data are not"),
    "float residual": (_float_residual, "residual-add", ERROR, "sum", "residual"),
    "one float input": (_residual_from_elsewhere, "residual-add", ERROR, "sum", "elsewhere"),
    "pair between conv and add": (_quantized_branch, "conv-add", WARNING, "sum", "body_node"),
    "float behind a pool": (_float_behind_pool, "pool", ERROR, "c", "not all of its output"),
    "float before a pool": (_float_before("g"), "pool", ERROR, "g", "not dequantized"),
    "float before a max pool": (_float_before("f"), "pool", WARNING, "f", "not dequantized"),
    "float in a concat": (_float_in_concat, "concat", ERROR, "e", "d is not"),
    "other scale behind a concat": (_other_scale_behind_concat, "concat", WARNING, "e", "scales"),
    "float before a resize": (_float_before_resize, "resize", ERROR, "d", "not dequantized"),
    "other scale behind a resize": (_other_scale_behind_resize, "resize", WARNING, "d", "scales"),
    "pair between conv and ReLU": (_pair_before_relu, "conv-relu", ERROR, "a", "stem_node and Relu"),
    "pair between add and ReLU": (_pair_between_add_and_relu, "conv-relu", ERROR, "b", "sum_node and Relu"),
    "int32 bias": (_integer_bias, "bias", ERROR, "int_b_dq", "body_node"),
    "unread Q": (_unread_quantizer, "dangling", ERROR, "unread", "nothing reads it"),
    "integers read directly": (_integers_read_without_dequantizer, "dangling", ERROR, "a_q", "cast_node"),
    "DQ of something else": (_dequantizer_of_something_else, "dangling", ERROR, "image_dq", "cast_node"),
    "two pairs in a row": (_two_pairs, "dangling", WARNING, "a_dq_again_q", "two pairs"),
    "QLinearConv": (_q_operator, "q-operator", ERROR, "integers", "QLinearConv"),
}


@pytest.mark.parametrize("case", PLANTED)
def test_a_planted_violation_is_found(case: str) -> None:
    edit, rule, severity, node, words = PLANTED[case]
    model = clean()
    edit(model)
    findings = lint(model).findings
    found = [f for f in findings if (f.rule, f.node) == (rule, f"{node}_node")]
    assert [f.severity for f in found] == [severity], findings
    assert words in found[0].message and "\n" not in found[0].message


def test_every_rule_is_planted() -> None:
    assert {rule for _, rule, *_ in PLANTED.values()} == set(RULES)


def test_one_planted_violation_gives_one_finding_where_it_stands_alone() -> None:
    for case in (
        "uint8",
        "dead channel",
        "wrong axis",
        "one scale for a weight",
        "activation per channel",
        "float residual",
        "two pairs in a row",
        "pair between conv and add",
        "pair between conv and ReLU",
        "int32 bias",
        "unread Q",
    ):
        model = clean()
        PLANTED[case][0](model)
        assert len(lint(model).findings) == 1, case


def test_output_dtype_says_int8_without_a_zero_point() -> None:
    model = clean()
    _no_zero_point(model)
    find(model, "a_q").attribute.append(helper.make_attribute("output_dtype", TensorProto.INT8))
    onnx.checker.check_model(model, full_check=True)
    assert lint(model).findings == ()


def test_weights_stored_in_float_behind_a_q_are_checked_alike() -> None:
    def model(axis: int) -> ModelProto:
        b = Builder()
        scale = b.constant("w_scale", np.full(4, 0.01, np.float32))
        zero = b.constant("w_zero", np.zeros(4, np.int8))
        stored = b.constant("w", np.ones((4, 4, 1, 1), np.float32))
        q = b.node("QuantizeLinear", [stored, scale, zero], "w_q", axis=axis)
        weight = b.node("DequantizeLinear", [q, scale, zero], "w_dq", axis=axis)
        b.node("Conv", [b.pair("image"), weight], "out")
        return b.model({"image": [1, 4, 8, 8]}, "out", [1, 4, 8, 8])

    assert lint(model(0)).findings == ()
    assert [f.rule for f in lint(model(1)).findings] == ["weight-axis"]


@pytest.mark.parametrize(("op", "axis", "shape"), [("ConvTranspose", 1, (4, 6, 2, 2)), ("Conv", 0, (6, 4, 1, 1))])
def test_output_channel_axis_depends_on_the_operator(op: str, axis: int, shape: tuple[int, ...]) -> None:
    def model(at: int) -> ModelProto:
        b = Builder()
        b.node(op, [b.pair("image"), b.weight("w", shape, at)], "out")
        return b.model({"image": [1, 4, 8, 8]}, "out", [1, 6, None, None])

    assert lint(model(axis)).findings == ()
    assert [f.rule for f in lint(model(1 - axis)).findings] == ["weight-axis"]


def test_a_residual_that_others_read_may_come_from_a_convolution() -> None:
    """conv -> Q/DQ -> next convolution and addition: the pair is the residual's own and must stay."""
    b = Builder()
    first = b.pair(b.conv(b.pair("image"), "stem"))
    b.node("Add", [b.conv(first, "body"), first], "out")
    assert lint(b.model({"image": [1, 4, 8, 8]}, "out", [1, 4, 8, 8])).findings == ()


def test_subgraphs_are_checked_and_read_from_outside() -> None:
    inner = Builder()
    inner.node("Conv", ["image_dq", "outer_w"], "then_out")
    then = helper.make_graph(inner.nodes, "then", [], [helper.make_tensor_value_info("then_out", 1, None)])
    other = helper.make_graph(
        [helper.make_node("Identity", ["image_dq"], ["else_out"])],
        "else",
        [],
        [helper.make_tensor_value_info("else_out", 1, None)],
    )
    b = Builder()
    b.pair("image")
    b.constant("outer_w", np.ones((4, 4, 1, 1), np.float32))
    b.node("If", [b.constant("yes", np.array(True))], "out", then_branch=then, else_branch=other)
    report = lint(b.model({"image": [1, 4, 8, 8]}, "out", [None, None, None, None]))
    assert [(f.rule, f.node) for f in report.findings] == [("weighted-inputs", "then_out_node")]


def test_constants_may_be_nodes_and_nodes_may_be_unnamed() -> None:
    model = clean()
    for name in ("a_scale", "a_zero", "body_w"):
        tensor = next(t for t in model.graph.initializer if t.name == name)
        model.graph.node.insert(0, helper.make_node("Constant", [], [name], value=tensor))
        model.graph.initializer.remove(tensor)
    assert lint(model).findings == ()
    _wrong_axis(model)
    for node in model.graph.node:
        node.name = ""
    assert [f.node for f in lint(model).findings] == ["Conv -> body"]


def test_functions_of_the_model_are_expanded() -> None:
    model = clean()
    body = [helper.make_node("Relu", ["x"], ["y"])]
    model.functions.append(helper.make_function("own", "Rectify", ["x"], ["y"], body, [helper.make_opsetid("", 21)]))
    model.opset_import.append(helper.make_opsetid("own", 1))
    relu = find(model, "a")
    relu.op_type, relu.domain = "Rectify", "own"
    assert lint(model).findings == ()


def test_a_float_model_has_nothing_to_check() -> None:
    b = Builder()
    b.node("Relu", ["image"], "out")
    report = lint(b.model({"image": [1, 4, 8, 8]}, "out", [1, 4, 8, 8]))
    assert report.findings == () and not report.has_quantization


def test_findings_are_in_the_order_of_the_file() -> None:
    model = clean()
    _pair_before_relu(model)
    _other_scale_behind_resize(model)
    rules = [f.rule for f in lint(model).findings]
    assert rules.index("conv-relu") < rules.index("resize")
    assert all(isinstance(f, Finding) for f in lint(model).findings)
