"""The promise to small boards: whole runs inside 128 and 256 MB, the kernel being the judge."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from PIL import Image

from fastscnn_edge.bench.frames import synthetic_frames
from fastscnn_edge.cli.memory.probe import predict
from fastscnn_edge.runtime.engines.open import describe_model
from fastscnn_edge.runtime.pipeline.footprint import Kind, Workload, estimate
from tests.helpers.models import exported
from tests.helpers.processes import memory_group, peak_of_call, run_limited

MB = 1_000_000


@pytest.mark.parametrize(
    ("size", "limit"),
    [((360, 480), 128 * MB), ((512, 1024), 128 * MB), ((1024, 2048), 256 * MB)],
    ids=lambda value: str(value),
)
def test_a_run_with_overlays_fits(tmp_path: Path, size: tuple[int, int], limit: int) -> None:
    model = exported(tmp_path, "tflite", "int8", size)
    image, out = tmp_path / "street.jpg", tmp_path / "out"
    Image.fromarray(synthetic_frames(*size, count=1)[0]).save(image)
    command = [
        sys.executable,
        "-m",
        "fastscnn_edge",
        "run",
        "--source",
        str(image),
        "--model",
        str(model),
        "--frames",
        "3",
        "--threads",
        "2",
        "--out",
        str(out),
        "--report",
        str(out / "r.json"),
    ]
    with memory_group(limit) as group:
        done = run_limited([*command, "--memory-limit", str(limit)], limit, group)
    judge = "control group" if group else "RLIMIT_DATA"
    assert done.returncode == 0, f"under {judge}: {done.returncode} {done.stderr}"
    assert (out / "street_overlay.png").exists()
    peak = json.loads((out / "r.json").read_text())["memory_after"]["peak_rss"]
    assert peak < limit
    of, engine = describe_model(model)
    before = peak_of_call(predict, str(model), 1)["before"]
    work = Workload(frame=size, kind=Kind.FOLDER, drawing=True)
    estimated = estimate(of, engine, model.stat().st_size, before, work).total
    assert abs(estimated / peak - 1) < 0.1


def test_the_judge_is_strict() -> None:
    """A run that cannot fit does die, or the tests above would prove nothing."""
    program = [sys.executable, "-c", "x = bytearray(150_000_000)\nfor i in range(0, len(x), 4096): x[i] = 1"]
    with memory_group(64 * MB) as group:
        assert run_limited(program, 64 * MB, group).returncode != 0


def test_too_little_is_refused_before_loading(tmp_path: Path) -> None:
    model = exported(tmp_path, "tflite", "int8", (1024, 2048))
    command = [sys.executable, "-m", "fastscnn_edge", "bench", "--model", str(model), "--memory-limit", "96M"]
    done = run_limited(command, 1 << 40, None)
    assert done.returncode == 2
    assert "an input of" in done.stderr and "would fit: fastscnn-edge export --size" in done.stderr
