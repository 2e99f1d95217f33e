from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fastscnn_edge.commands.train import main
from fastscnn_edge.errors import CheckpointError, DatasetError, OutputError, UsageError
from fastscnn_edge.evaluation.datasets import open_dataset
from fastscnn_edge.evaluation.evaluate import evaluate_predictor
from fastscnn_edge.reference import train as training
from fastscnn_edge.reference.checkpoint import load_checkpoint
from fastscnn_edge.reference.processes import Stop
from fastscnn_edge.reference.torch_predictor import torch_predictor
from fastscnn_edge.reference.train import train
from fastscnn_edge.reference.train_config import TrainConfig
from tests.helpers.live_runs import hear_hangups

MakeDataset = Callable[..., Path]

TINY = TrainConfig(epochs=2, crop=(64, 64), batch=2, ema=0.5, rate=1e-3)

OPTIONS = ("--crop", "64x64", "--batch", "2", "--ema", "0.5", "--threads", "1", "--workers", "0")


def _state(out: Path) -> dict:
    return torch.load(out / "last.pt", weights_only=True)


# --- what a run gives ---------------------------------------------------------------------------


def test_two_epochs_write_a_usable_checkpoint(tiny_dataset: Path, tmp_path: Path) -> None:
    outcome = train(tiny_dataset, tmp_path / "run", TINY, workers=0, evaluate_every=1)
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["best.safetensors", "last.pt"]
    assert (outcome.epoch, outcome.interrupted, outcome.idle) == (2, False, False)
    checkpoint = load_checkpoint(outcome.best)
    assert checkpoint.classes.labels == ("red", "green", "blue")
    assert checkpoint.normalization == TINY.normalization
    assert checkpoint.training["crop"] == [64, 64]
    assert outcome.miou is not None
    assert checkpoint.training["val_miou"] == pytest.approx(outcome.miou, abs=1e-5)
    predict = torch_predictor(checkpoint.model.eval(), checkpoint.normalization)
    scores = evaluate_predictor(predict, open_dataset(tiny_dataset, "val"))
    assert scores.miou == outcome.miou  # of the file as written, not of the weights before rounding


@pytest.mark.slow
def test_an_easy_task_is_learnt(make_tiny_dataset: MakeDataset, tmp_path: Path) -> None:
    data = make_tiny_dataset(tmp_path / "easy", train=16)
    config = replace(TINY, epochs=15, batch=4, ema=0.9)
    outcome = train(data, tmp_path / "run", config, workers=0, evaluate_every=5)
    assert np.mean(outcome.losses[-3:]) < 0.75 * outcome.losses[0]
    assert outcome.miou is not None
    assert outcome.miou > 0.5


def test_the_other_options_train_too(tiny_dataset: Path, tmp_path: Path) -> None:
    config = replace(TINY, epochs=1, dialect="paper", bfloat16=True, balance=0, dice=0, label_stride=1)
    assert np.isfinite(train(tiny_dataset, tmp_path / "run", config, workers=0).losses).all()


def test_losses_depend_on_the_seed_and_not_on_workers(tiny_dataset: Path, tmp_path: Path) -> None:
    runs = {
        name: train(tiny_dataset, tmp_path / name, replace(TINY, seed=seed), workers=workers).losses
        for name, seed, workers in (("a", 0, 0), ("b", 0, 2), ("c", 1, 0))
    }
    assert runs["a"] == runs["b"]  # of both epochs: workers see the new epoch number
    assert runs["a"][0] != runs["c"][0]
    assert (tmp_path / "a/best.safetensors").read_bytes() == (tmp_path / "b/best.safetensors").read_bytes()


def test_views_differ_between_epochs(tiny_dataset: Path) -> None:
    views = training.Views(open_dataset(tiny_dataset, "train"), (64, 64), seed=0)
    loader = training.view_loader(views, 4, 1, 0, 1)
    passes = []
    for epoch in (0, 1, 0):
        views.epoch = epoch
        passes.append(torch.cat([images for images, _ in loader]))
    assert torch.equal(passes[0], passes[2])
    assert not torch.equal(passes[0].sort(0).values, passes[1].sort(0).values)


def test_processes_share_an_epoch(make_tiny_dataset: MakeDataset, tmp_path: Path) -> None:
    views = training.Views(open_dataset(make_tiny_dataset(tmp_path / "five", train=5), "train"), (64, 64), seed=0)
    shares = [list(training.view_loader(views, 1, 0, rank, 2).sampler) for rank in (0, 1)]
    assert [len(share) for share in shares] == [3, 3]
    assert {index for share in shares for index in share} == set(range(5))


# --- stopping and going on ----------------------------------------------------------------------


def _interrupt_once(monkeypatch: pytest.MonkeyPatch, when: Callable[[training._Run], bool]) -> None:
    """Send Ctrl-C to this process right after the step for which ``when`` holds."""
    step = training._Run._step

    def interrupting(run: training._Run, *args: object) -> float:
        loss = step(run, *args)
        if when(run):
            monkeypatch.setattr(training._Run, "_step", step)
            os.kill(os.getpid(), signal.SIGINT)
        return loss

    monkeypatch.setattr(training._Run, "_step", interrupting)


def test_resumed_run_ends_with_the_same_weights(
    tiny_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = replace(TINY, epochs=3)
    whole = train(tiny_dataset, tmp_path / "whole", config, workers=0, evaluate_every=1)
    _interrupt_once(monkeypatch, lambda run: run.epoch == 1)
    first = train(tiny_dataset, tmp_path / "parts", config, workers=0, evaluate_every=1)
    assert (first.epoch, first.interrupted) == (1, True)
    second = train(tiny_dataset, tmp_path / "parts", config, workers=0, evaluate_every=1, resume=True)
    assert (second.epoch, second.interrupted) == (3, False)
    assert second.losses == whole.losses
    assert second.best.read_bytes() == whole.best.read_bytes()
    wanted, given = _state(tmp_path / "whole"), _state(tmp_path / "parts")
    for part in ("model", "ema"):
        assert all(torch.equal(value, given[part][key]) for key, value in wanted[part].items())
    assert "note" not in capsys.readouterr().out


def test_stop_during_an_evaluation_leaves_it_owed(
    tiny_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupting(*_: object) -> Callable[[np.ndarray], np.ndarray]:
        os.kill(os.getpid(), signal.SIGINT)
        return lambda image: np.zeros(image.shape[:2], np.uint8)

    config = replace(TINY, epochs=1)
    with monkeypatch.context() as patch:
        patch.setattr(training, "torch_predictor", interrupting)
        first = train(tiny_dataset, tmp_path / "run", config, workers=0)
    assert (first.epoch, first.miou, first.interrupted) == (1, None, True)
    assert not first.best.exists()
    second = train(tiny_dataset, tmp_path / "run", config, workers=0, resume=True)
    assert (second.epoch, second.interrupted, second.idle) == (1, False, False)
    assert second.best.is_file()
    third = train(tiny_dataset, tmp_path / "run", config, workers=0, resume=True)
    assert third.idle
    assert third.miou == second.miou


def test_stop_in_the_first_epoch_leaves_nothing_to_resume(
    tiny_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _interrupt_once(monkeypatch, lambda run: True)
    command = ["--data", str(tiny_dataset), "--out", str(tmp_path / "run"), *OPTIONS]
    assert main(command) == 130
    assert "nothing to resume" in capsys.readouterr().out
    assert not list((tmp_path / "run").iterdir())


def test_second_ctrl_c_interrupts_at_once_but_not_under_torchrun() -> None:
    """torchrun hands the terminal's Ctrl-C on, so its processes see the first one twice."""
    with Stop(world=1) as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.agreed()
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    with Stop(world=2) as stop:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.asked


def test_a_signal_during_the_exchange_counts_at_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not at this one, whose answer the other processes already have; and it is not lost."""

    def exchange(flag: torch.Tensor, operation: object) -> None:
        if not stop.asked:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr("torch.distributed.all_reduce", exchange)
    with Stop(world=2) as stop:
        assert [stop.agreed(), stop.agreed()] == [False, True]


def test_finished_run_says_so(tiny_dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["--data", str(tiny_dataset), "--out", str(tmp_path / "run"), "--epochs", "1", *OPTIONS]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert f"best checkpoint: {tmp_path / 'run' / 'best.safetensors'} (val mIoU " in printed
    assert "fastscnn-edge evaluate" in printed
    assert "fastscnn-edge export" in printed
    assert main([*command, "--resume"]) == 0
    assert "is finished: 1 epochs are done; to continue, raise --epochs" in capsys.readouterr().out
    assert main([*command, "--resume", "--epochs", "2"]) == 0
    assert "note: resumed with other options than before: epochs 2 (was 1)" in capsys.readouterr().out


def _start(command: list[str], **environment: str) -> subprocess.Popen:
    variables = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    return subprocess.Popen(
        [sys.executable, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=variables,
        start_new_session=True,
        preexec_fn=hear_hangups,
    )


def _wait_for(path: Path, process: subprocess.Popen) -> None:
    end = time.monotonic() + 120
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, f"{path} did not appear"
        time.sleep(0.05)


def _command(data: Path, out: Path, epochs: int, workers: int) -> list[str]:
    options = [*OPTIONS[:-1], str(workers)]
    return ["-m", "fastscnn_edge", "train", "--data", str(data), "--out", str(out), "--epochs", str(epochs), *options]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_whole_group_stops_cleanly_and_the_run_resumes(
    tiny_dataset: Path, tmp_path: Path, number: signal.Signals
) -> None:
    """As a terminal, systemd, Slurm and timeout send it: to the process and to its workers."""
    out = tmp_path / "run"
    process = _start(_command(tiny_dataset, out, 5000, workers=2))
    _wait_for(out / "last.pt", process)
    os.killpg(process.pid, number)
    printed, errors = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in errors) == (130, False), errors
    done = _state(out)["epoch"]
    assert f"interrupted after epoch {done} of 5000; resume with:" in printed
    resume = printed.splitlines()[1].split()
    assert resume[:2] == ["fastscnn-edge", "train"]
    assert main([*resume[2:], "--epochs", str(done + 1)]) == 0
    assert _state(out)["epoch"] == done + 1


@pytest.mark.slow
def test_a_closed_terminal_leaves_a_run_to_resume(tiny_dataset: Path, tmp_path: Path) -> None:
    """Every write to the terminal fails from then on, so those of the progress bar must not."""
    parent, child = pty.openpty()

    def take_terminal() -> None:
        hear_hangups()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    process = subprocess.Popen(
        [sys.executable, *_command(tiny_dataset, tmp_path / "run", 5000, workers=2)],
        stdin=child,
        stdout=child,
        stderr=child,
        start_new_session=True,
        preexec_fn=take_terminal,
    )
    os.close(child)
    _wait_for(tmp_path / "run/last.pt", process)
    os.close(parent)
    assert process.wait(60) == 130
    assert _state(tmp_path / "run")["epoch"] >= 1


@pytest.mark.slow
def test_a_signal_at_any_moment_finds_no_worker_unready(tiny_dataset: Path, tmp_path: Path) -> None:
    """Workers start anew each epoch; one that dies as it starts would end the training with an error."""
    for delay in range(5):
        out = tmp_path / f"run{delay}"
        process = _start(_command(tiny_dataset, out, 5000, workers=2))
        _wait_for(out / "last.pt", process)
        time.sleep(delay / 10)
        os.killpg(process.pid, signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
        assert (process.returncode, "error" in errors) == (130, False), errors


@pytest.mark.slow
def test_workers_of_a_killed_training_end_by_themselves(tiny_dataset: Path, tmp_path: Path) -> None:
    process = _start(_command(tiny_dataset, tmp_path / "run", 5000, workers=2))
    _wait_for(tmp_path / "run/last.pt", process)
    process.kill()
    process.communicate(timeout=60)  # returns when the workers, which have the pipes as well, are gone


# --- several processes --------------------------------------------------------------------------


def _torchrun(command: list[str]) -> subprocess.Popen:
    return _start(["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *command])


@pytest.mark.slow
def test_two_processes_train_one_model(tiny_dataset: Path, tmp_path: Path) -> None:
    process = _torchrun(_command(tiny_dataset, tmp_path / "run", 1, workers=0))
    printed, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    assert "destroy_process_group" not in errors
    assert printed.count("val mIoU") == 2  # the evaluation and the summary, of one process
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["best.safetensors", "last.pt"]
    assert load_checkpoint(tmp_path / "run" / "best.safetensors").training["epoch"] == 1


@pytest.mark.slow
def test_two_processes_stop_together(tiny_dataset: Path, tmp_path: Path) -> None:
    """Only one of them is asked; the other must not be left waiting."""
    out = tmp_path / "run"
    process = _torchrun(_command(tiny_dataset, out, 5000, workers=0))
    _wait_for(out / "last.pt", process)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    trainers = [int(c) for c in children if b"train" in Path(f"/proc/{c}/cmdline").read_bytes().split(b"\0")]
    assert len(trainers) == 2
    os.kill(max(trainers), signal.SIGINT)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert printed.count("interrupted after epoch") == 1
    assert "torchrun --nproc-per-node 2 -m fastscnn_edge train" in printed
    assert _state(out)["epoch"] >= 1


# --- what is refused ----------------------------------------------------------------------------


def test_a_used_folder_is_not_overwritten(tiny_dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "best.safetensors").write_bytes(b"hours of work")
    with pytest.raises(UsageError, match="already holds a run"):
        train(tiny_dataset, tmp_path, TINY)


def test_a_file_where_the_folder_should_be(tiny_dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write to"):
        train(tiny_dataset, tmp_path / "file", TINY)


def test_nothing_to_resume(tiny_dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="nothing to resume"):
        train(tiny_dataset, tmp_path, TINY, resume=True)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more"])
def test_damaged_state(tiny_dataset: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "last.pt").write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged"):
        train(tiny_dataset, tmp_path, TINY, resume=True)


def test_state_of_another_model(tiny_dataset: Path, make_tiny_dataset: MakeDataset, tmp_path: Path) -> None:
    train(tiny_dataset, tmp_path / "run", replace(TINY, epochs=1), workers=0)
    with pytest.raises(CheckpointError, match="dialect mmseg, not paper"):
        train(tiny_dataset, tmp_path / "run", replace(TINY, dialect="paper"), resume=True)
    other = make_tiny_dataset(tmp_path / "other")
    (other / "classes.txt").write_text("a\nb\nc\nd\n")
    with pytest.raises(CheckpointError, match="another model"):
        train(other, tmp_path / "run", TINY, resume=True)


def test_fewer_pictures_than_a_batch(tiny_dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="4 pictures, less than one batch of 8"):
        train(tiny_dataset, tmp_path / "run", replace(TINY, batch=8))


def test_diverging_training_stops(tiny_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "segmentation_loss", lambda outputs, *_: outputs[0].sum() * float("nan"))
    with pytest.raises(UsageError, match="loss became nan in epoch 1: choose a lower --rate"):
        train(tiny_dataset, tmp_path / "run", TINY, workers=0)


def test_all_void_labels(tiny_dataset: Path, tmp_path: Path) -> None:
    for path in (tiny_dataset / "train" / "labels").iterdir():
        Image.fromarray(np.full((64, 64), 200, np.uint8)).save(path)
    with pytest.raises(DatasetError, match="every label is void"):
        train(tiny_dataset, tmp_path / "run", TINY, workers=0)


@pytest.mark.parametrize("workers", [0, 1])
def test_broken_picture_is_named_in_one_line(
    tiny_dataset: Path, tmp_path: Path, workers: int, capsys: pytest.CaptureFixture[str]
) -> None:
    (tiny_dataset / "train" / "images" / "002.jpg").write_bytes(b"no picture")
    command = ["--data", str(tiny_dataset), "--out", str(tmp_path / "run"), *OPTIONS, "--workers", str(workers)]
    assert main(command) == 2
    errors = capsys.readouterr().err.strip()
    assert errors.splitlines()[-1].startswith("fastscnn-edge: error: cannot decode ")
    assert "002.jpg" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--batch", "1"], "batch is at least 2"),
        (["--rate", "0"], "rate is above 0"),
        (["--ema", "1"], "ema is at least 0 and below 1"),
        (["--balance", "0.5"], "balance is 0, or above 1"),
        (["--label-stride", "9"], "label stride is 1 to 8"),
        ([], "no split 'train'"),
    ],
)
def test_options_are_checked(
    tmp_path: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--data", str(tmp_path / "absent"), "--out", str(tmp_path / "run"), *options]) == 2
    errors = capsys.readouterr().err
    assert message in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    "options",
    [
        ["--epochs", "0"],
        ["--crop", "64"],
        ["--workers", "-1"],
        ["--dialect", "other"],
        ["--rate", "nan"],
        ["--dice", "-1"],
        ["--seed", "-1"],
    ],
)
def test_malformed_options(tmp_path: Path, options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--data", str(tmp_path), "--out", str(tmp_path / "run"), *options])
    assert caught.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_other_ranks_are_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr("time.sleep", lambda _: None)
    with pytest.raises(SystemExit) as caught:
        main(["--data", str(tmp_path / "absent"), "--out", str(tmp_path / "run")])
    assert caught.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == printed.err == ""
