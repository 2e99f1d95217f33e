"""The contestants that run in this environment, in real processes, compute what they should."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.build_ours import build_ours
from benchmarks.compare import main
from benchmarks.environments import NotRunError, run
from benchmarks.in_graph import head_only
from benchmarks.process import Process
from benchmarks.results import load
from benchmarks.roofline import Layer, Limits, roofline_table
from fastscnn_edge.runtime.mask.plan import class_map
from tests.helpers import random_image

WEIGHTS = Path(__file__).parents[2] / "fastscnn_edge" / "weights"
FLOAT, INT8 = WEIGHTS / "fastscnn_camvid.safetensors", WEIGHTS / "fastscnn_camvid_int8.safetensors"
SIZE = (96, 128)
PYTHON = Path(sys.executable)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(4):
        # Coarse noise: it has edges, as streets do, and every class somewhere.
        coarse = Image.fromarray(np.random.default_rng(number).integers(0, 256, (6, 8, 3), np.uint8))
        coarse.resize(SIZE[::-1], Image.Resampling.BICUBIC).save(folder / f"{number}.png")
    return folder


def test_every_contestant_of_this_environment(pictures: Path, tmp_path: Path) -> None:
    """The whole command: files made, processes started, masks compared, rounds timed, results written."""
    out = tmp_path / "comparison.json"
    status = main(
        [
            "--sizes",
            "96x128",
            "--threads",
            "1",
            "--rounds",
            "2",
            "--pictures",
            str(pictures),
            "--only",
            "ours,ORT,TFLite,torch eager",
            "--cache",
            str(tmp_path / "cache"),
            "--out",
            str(out),
        ]
    )
    assert status == 0
    (case,) = load(out).cases
    assert len(case.rows) == 9
    for row in case.rows:
        assert row.problem is None, row
        assert [len(times) for times in row.times] == [12, 12]
        assert row.peak > 10 << 20
        assert row.agreement > (0.999 if row.precision == "fp32" else 0.85), row.name


def test_our_files_can_be_made_for_any_size(tmp_path: Path) -> None:
    build_ours(tmp_path, FLOAT, INT8, SIZE)
    facts = {"threads": 1, "picture": [*SIZE, [0.0] * 3, [1.0] * 3]}
    picture, out = tmp_path / "frame.raw", tmp_path / "classes.raw"
    random_image(*SIZE).tofile(picture)
    with Process(PYTHON, "ours", tmp_path / "ours_int8.tflite", facts, tmp_path / "log") as process:
        process.ask(masks=str(picture), out=str(out))
        assert out.stat().st_size == SIZE[0] * SIZE[1]
        assert len(process.ask(run=str(picture), count=3)["times"]) == 3


def test_why_a_process_did_not_start_is_told(tmp_path: Path) -> None:
    facts = {"threads": 1, "picture": [*SIZE, [0.0] * 3, [1.0] * 3]}
    with pytest.raises(NotRunError, match=r"absent\.tflite"):
        Process(PYTHON, "ours", tmp_path / "absent.tflite", facts, tmp_path / "log")
    with pytest.raises(NotRunError, match="no_such_engine"):
        Process(PYTHON, "no_such_engine", tmp_path / "absent.tflite", facts, tmp_path / "log")


def test_a_failed_step_names_the_command_and_its_last_line(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("print('first'); raise SystemExit('out of luck')")
    with pytest.raises(NotRunError, match=r"script\.py`: status 1: out of luck"):
        run([str(PYTHON), str(script)], tmp_path / "log")
    with pytest.raises(NotRunError, match="FileNotFoundError"):
        run([str(tmp_path / "absent")], tmp_path / "log")


@pytest.mark.parametrize("align_corners", [False, True])
def test_the_end_of_a_graph_is_a_resize_and_an_argmax(align_corners: bool) -> None:
    """As good as integers on the way allow: where the best two classes are more than a step apart."""
    interpreter_module = pytest.importorskip("ai_edge_litert.interpreter")
    logits = np.random.default_rng(0).integers(-128, 128, (6, 8, 5)).astype(np.int8)
    interpreter = interpreter_module.Interpreter(model_content=head_only((6, 8), (48, 64), 5, align_corners))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], logits[None])
    interpreter.invoke()
    classes = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0]
    assert np.mean(classes == class_map(logits, (48, 64), align_corners)) > 0.97


def test_the_roofline_takes_the_slower_of_arithmetic_and_memory() -> None:
    limit = Limits(macs=1e9, moved=1e8)
    assert limit.least(Layer("a", 10**6, 10, 1.0)) == 1e-3
    assert limit.least(Layer("b", 10, 10**6, 1.0)) == 1e-2
    text = roofline_table([Layer("a", 10**6, 10, 0.002), Layer("b", 10, 10**6, 0.02)], limit, 0.033)
    assert "| a | 1.0 | 0.00 | 2.00 | 0.5 | 1.00 | 2.0 |" in text
    assert text.splitlines()[-1].startswith("| the network | 1.0 | 1.00 | 33.00 ")


def test_nobody_starts_while_another_still_spins(tmp_path: Path) -> None:
    """ONNX Runtime's pool spins for tens of milliseconds after each run, on the processors of whoever is next."""
    build_ours(tmp_path, FLOAT, INT8, SIZE)
    facts = {"threads": 2, "picture": [*SIZE, [0.0] * 3, [1.0] * 3]}
    picture = tmp_path / "frame.raw"
    random_image(*SIZE).tofile(picture)
    with Process(PYTHON, "ours", tmp_path / "ours_int8.onnx", facts, tmp_path / "log") as process:
        process.ask(run=str(picture), count=3)
        process.settle()
        before = process._worked()
        time.sleep(0.05)
        assert process._worked() - before < 5_000_000
        assert before > 0
