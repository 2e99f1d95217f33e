"""Flags of trtexec by model, version and board; then the command with a stand-in for trtexec."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper

from fastscnn_edge.cli.main import main
from fastscnn_edge.commands import tensorrt_plan as tensorrt_plan_command
from fastscnn_edge.export.tensorrt import trtexec
from fastscnn_edge.export.tensorrt.plan import parse_banner
from fastscnn_edge.files import sha256
from fastscnn_edge.runtime.engines.ort_providers import tensorrt_workspace
from tests.helpers.qdq_models import Builder, clean

GIB = 1 << 30


def float_model(shape: list[object], half: bool = False, name: str = "image") -> ModelProto:
    b = Builder()
    kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    b.node("Conv", [name, b.constant("w", np.ones((4, 3, 1, 1), np.float16 if half else np.float32))], "out")
    graph = helper.make_graph(
        b.nodes,
        "graph",
        [helper.make_tensor_value_info(name, kind, shape)],
        [helper.make_tensor_value_info("out", kind, None)],
        b.initializers,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


MODELS = {
    "int8": clean,
    "fp32": lambda: float_model([1, 3, 64, 96]),
    "fp16": lambda: float_model([1, 3, 64, 96], half=True),
    "dynamic": lambda: float_model(["n", 3, "h", "w"]),
    "open batch": lambda: float_model(["n", 3, 64, 96]),
}


@pytest.fixture(autouse=True)
def no_trtexec(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without TensorRT, whatever this one has."""
    monkeypatch.setattr(trtexec, "JETSON_TRTEXEC", tmp_path / "jetson" / "trtexec")
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))


def save(kind: str, folder: Path) -> Path:
    path = folder / "model.onnx"
    onnx.save(MODELS[kind](), path)
    return path


def plan(*arguments: object) -> int:
    return main(["tensorrt-plan", *map(str, arguments)])


def printed(capsys: pytest.CaptureFixture[str]) -> tuple[list[str], list[list[str]]]:
    """(notes, commands)"""
    lines = capsys.readouterr().out.splitlines()
    return [x for x in lines if x.startswith("#")], [shlex.split(x) for x in lines if not x.startswith("#")]


@pytest.mark.parametrize(
    ("kind", "version", "flags"),
    [
        ("int8", None, ["--int8", "--fp16"]),
        ("int8", "8.5.2", ["--int8", "--fp16"]),
        ("int8", "10.3", ["--int8", "--fp16"]),
        ("int8", "10.13", ["--stronglyTyped"]),
        ("int8", "11.4", []),
        ("fp16", "10.3", ["--fp16"]),
        ("fp16", "10.12", ["--stronglyTyped"]),
        ("fp16", "11.0", []),
        ("fp32", "10.3", ["--fp16"]),
        ("fp32", "10.13", ["--fp16"]),
        ("fp32", "11.0", []),
    ],
)
def test_precision_by_model_and_version(
    kind: str, version: str | None, flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert plan(save(kind, tmp_path), *(["--tensorrt-version", version] if version else [])) == 0
    notes, [command] = printed(capsys)
    assert [f for f in command if f in ("--int8", "--fp16", "--stronglyTyped")] == flags
    assert notes[0].startswith({"int8": "# an INT8 model", "fp16": "# an fp16 model", "fp32": "# an fp32 model"}[kind])


def test_a_fixed_model_has_its_engine_beside_it_and_no_shapes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = save("int8", tmp_path)
    assert plan(model, "--tensorrt-version", "10.3.0", "--board-memory", "8G") == 0
    _, [command] = printed(capsys)
    digest = sha256(model)[:12]
    assert command == [
        "trtexec",
        f"--onnx={model}",
        f"--saveEngine={tmp_path}/model.{digest}.trt10.3.0.engine",
        f"--timingCacheFile={tmp_path}/tensorrt-10.3.0.timing",
        "--int8",
        "--fp16",
        "--memPoolSize=workspace:2048",
        "--skipInference",
    ]
    assert list(tmp_path.iterdir()) == [model]


def test_old_versions_have_other_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert plan(save("fp32", tmp_path), "--tensorrt-version", "8.5.2") == 0
    _, [command] = printed(capsys)
    assert "--buildOnly" in command and "--skipInference" not in command


def test_optimization_level(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = save("fp32", tmp_path)
    assert plan(model, "--builder-optimization-level", 5) == 0
    _, [command] = printed(capsys)
    assert "--builderOptimizationLevel=5" in command
    assert plan(model, "--builder-optimization-level", 5, "--tensorrt-version", "8.5.2") == 2


@pytest.mark.parametrize(("memory", "expected"), [(4 * GIB, GIB), (8 * GIB, 2 * GIB), (64 * GIB, 4 * GIB)])
def test_workspace_is_a_quarter_at_most_4_gib(memory: int, expected: int) -> None:
    assert tensorrt_workspace(memory) == expected


def test_workspace_follows_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(tensorrt_plan_command, "total_memory", lambda: 3 * GIB)
    assert plan(save("fp32", tmp_path)) == 0
    assert "--memPoolSize=workspace:768" in printed(capsys)[1][0]
    monkeypatch.setattr(tensorrt_plan_command, "total_memory", lambda: None)
    assert plan(tmp_path / "model.onnx") == 2


def test_open_extents_need_sizes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = save("dynamic", tmp_path)
    assert plan(model, "--min", "64x96", "--opt", "512x1024", "--max", "1024x2048", "--benchmark") == 0
    _, [build, benchmark] = printed(capsys)
    assert [f for f in build if "Shapes=" in f] == [
        "--minShapes=image:1x3x64x96",
        "--optShapes=image:1x3x512x1024",
        "--maxShapes=image:1x3x1024x2048",
    ]
    assert "--shapes=image:1x3x512x1024" in benchmark
    assert plan(model, "--opt", "512x1024") == 0
    _, [build] = printed(capsys)
    assert {f.split(":")[1] for f in build if "Shapes=" in f} == {"1x3x512x1024"}


def test_an_open_batch_is_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert plan(save("open batch", tmp_path)) == 0
    _, [build] = printed(capsys)
    assert {f.split(":")[1] for f in build if "Shapes=" in f} == {"1x3x64x96"}


def test_a_name_with_a_colon_is_quoted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    onnx.save(float_model([1, 3, "h", "w"], name="image:0"), tmp_path / "m.onnx")
    assert plan(tmp_path / "m.onnx", "--opt", "64x96") == 0
    assert "--optShapes='image:0':1x3x64x96" in printed(capsys)[1][0]


def test_int8_inputs_are_named_as_such(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = clean()
    graph = model.graph
    graph.node.remove(next(n for n in graph.node if n.name == "image_q_node"))
    graph.input[0].CopyFrom(helper.make_tensor_value_info("image_q", TensorProto.INT8, [1, 4, 8, 8]))
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, tmp_path / "m.onnx")
    assert plan(tmp_path / "m.onnx") == 0
    assert "--inputIOFormats=int8:chw" in printed(capsys)[1][0]


@pytest.mark.parametrize(
    ("kind", "arguments", "words"),
    [
        ("fp32", ["--opt", "64x96"], "fixed"),
        ("open batch", ["--opt", "64x96"], "fixed"),
        ("dynamic", [], "give --opt"),
        ("dynamic", ["--min", "64x96"], "give --opt"),
        ("dynamic", ["--min", "64x96", "--opt", "64x64"], "must not be above"),
        ("dynamic", ["--opt", "64x96", "--max", "32x96"], "must not be above"),
        ("dynamic", ["--opt", "64x96", "--max", "96x96", "--dla", "0"], "DLA"),
    ],
)
def test_sizes_that_do_not_fit(
    kind: str, arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert plan(save(kind, tmp_path), *arguments) == 2
    error = capsys.readouterr().err.splitlines()
    assert len(error) == 1 and words in error[0]


@pytest.mark.parametrize("shape", [[1, "c", "h", "w"], [1, 3, 64, "w"]])
def test_extents_that_could_be_anything(
    shape: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    onnx.save(float_model(shape), tmp_path / "m.onnx")
    assert plan(tmp_path / "m.onnx", "--opt", "64x96") == 2
    assert "unclear" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--board-memory", "lots"],
        ["--board-memory", "8"],
        ["--opt", "8x8"],
        ["--tensorrt-version", "ten"],
        ["--dla", "9"],
        ["--builder-optimization-level", "6"],
    ],
)
def test_options_are_checked(arguments: list[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stop:
        plan(save("fp32", tmp_path), *arguments)
    assert stop.value.code == 2


def test_dla(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = save("int8", tmp_path)
    assert plan(model, "--dla", 1, "--tensorrt-version", "8.5.2", "--benchmark") == 0
    notes, [build, benchmark] = printed(capsys)
    for command in (build, benchmark):
        assert "--useDLACore=1" in command and "--allowGPUFallback" in command
    assert ".dla1.engine" in build[2]
    assert any("explicit quantization" in note for note in notes)
    assert not any("not supported between" in note for note in notes)
    assert plan(model, "--dla", 0, "--tensorrt-version", "10.13") == 0
    assert any("not supported between" in note for note in printed(capsys)[0])


def test_dla_and_bilinear_resize(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = clean()
    resize = next(n for n in model.graph.node if n.op_type == "Resize")
    for mode, said in (("half_pixel", False), ("align_corners", True)):
        del resize.attribute[1:]
        resize.attribute.append(helper.make_attribute("coordinate_transformation_mode", mode))
        onnx.save(model, tmp_path / "m.onnx")
        assert plan(tmp_path / "m.onnx", "--dla", 0) == 0
        assert any("bilinear" in note for note in printed(capsys)[0]) == said


@pytest.mark.parametrize(
    ("banner", "version"),
    [
        ("&&&& RUNNING TensorRT.trtexec [TensorRT v8502] # trtexec", (8, 5, 2)),
        ("[TensorRT v8601]", (8, 6, 1)),
        ("[TensorRT v100300]", (10, 3, 0)),
        ("[TensorRT v101602]", (10, 16, 2)),
        ("no banner", None),
        ("[TensorRT vX]", None),
    ],
)
def test_banner(banner: str, version: tuple[int, ...] | None) -> None:
    assert parse_banner(banner) == version


# A stand-in that writes what it was asked for, so that the test sees what reached it.
TRTEXEC = """#!/bin/sh
echo "&&&& RUNNING TensorRT.trtexec [TensorRT v100300] # $0 $*"
echo "$*" >> {log}
for argument in "$@"; do
    case "$argument" in
        --saveEngine=*) {save} ;;
        --loadEngine=*) cat "${{argument#*=}}" ;;
    esac
done
case "$*" in *--help*) exit 0 ;; esac
exit {status}
"""


def install(
    folder: Path, monkeypatch: pytest.MonkeyPatch, status: int = 0, save_line: str = 'echo engine > "${argument#*=}"'
) -> Path:
    """Put it on PATH; returns the file with its arguments, one call a line."""
    log = folder / "log" / "calls"
    log.parent.mkdir()
    program = folder / "bin" / "trtexec"
    program.parent.mkdir()
    program.write_text(TRTEXEC.format(log=shlex.quote(str(log)), status=status, save=save_line))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return log


def test_run_builds_and_measures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    log = install(tmp_path, monkeypatch)
    (tmp_path / "models").mkdir()
    model = save("int8", tmp_path / "models")
    assert plan(model, "--run", "--benchmark") == 0
    engine = model.with_name(f"model.{sha256(model)[:12]}.trt10.3.0.engine")
    assert engine.read_text() == "engine\n"
    assert set(model.parent.iterdir()) == {model, engine}
    asked, built, measured = log.read_text().splitlines()
    assert asked == "--help"
    assert f"--saveEngine={engine}" not in built and "--saveEngine=" in built
    assert measured == f"--loadEngine={engine} --warmUp=2000 --duration=60 --useSpinWait --percentile=50,90,95,99"
    out = capfd.readouterr().out.splitlines()
    commands = [shlex.split(line) for line in out if line.startswith(str(tmp_path / "bin"))]
    assert f"--saveEngine={engine}" in commands[0]
    assert out[0].startswith("#") and out.index(shlex.join(commands[1])) < out.index("engine")


def test_trtexec_s_failure_is_passed_on_and_leaves_no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = install(tmp_path, monkeypatch, status=7)
    (tmp_path / "models").mkdir()
    model = save("int8", tmp_path / "models")
    assert plan(model, "--run", "--benchmark") == 7
    assert list(model.parent.iterdir()) == [model]
    assert len(log.read_text().splitlines()) == 2, "nothing to measure"


def test_an_older_engine_survives_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, status=1)
    model = save("int8", tmp_path)
    engine = model.with_name(f"model.{sha256(model)[:12]}.trt10.3.0.engine")
    engine.write_text("older")
    assert plan(model, "--run") == 1
    assert engine.read_text() == "older"


def test_success_without_an_engine_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    install(tmp_path, monkeypatch, save_line=":")
    (tmp_path / "models").mkdir()
    model = save("int8", tmp_path / "models")
    assert plan(model, "--run") == 2
    assert "wrote no engine" in capfd.readouterr().err
    assert list(model.parent.iterdir()) == [model]


def test_run_without_trtexec_says_where_it_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("PATH", str(tmp_path))
    if tensorrt_plan_command.JETSON_TRTEXEC.is_file():
        pytest.skip("this is a Jetson")
    assert plan(save("int8", tmp_path), "--run") == 2
    captured = capsys.readouterr()
    assert captured.out.splitlines()[-1].startswith("trtexec --onnx=")
    assert len(captured.err.splitlines()) == 1 and "/usr/src/tensorrt/bin/trtexec" in captured.err


def test_trtexec_outside_path_is_found_on_a_jetson(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(tmp_path, monkeypatch)
    monkeypatch.setattr(trtexec, "JETSON_TRTEXEC", tmp_path / "bin" / "trtexec")
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert plan(save("int8", tmp_path)) == 0
    assert printed(capsys)[1][0][0] == str(tmp_path / "bin" / "trtexec")


def test_bad_models_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.onnx").write_text("no model\n")
    for name, words in (("absent.onnx", "no such model"), ("text.onnx", "not an ONNX file")):
        assert plan(tmp_path / name) == 2
        error = capsys.readouterr().err.splitlines()
        assert len(error) == 1 and words in error[0]
