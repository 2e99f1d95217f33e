"""One case: every contestant at one size with one number of threads, loaded, compared and timed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastscnn_edge.evaluation.datasets import Dataset
from fastscnn_edge.evaluation.metrics import Confusion
from tools.peers.engines.torch import load as load_torch
from tools.peers.environment import python_of
from tools.peers.process import NotRunError
from tools.peers.worker_process import WorkerProcess

from .build import Built
from .contestants import Contestant
from .results import Case, Measurement
from .rounds import interleaved


@dataclass(frozen=True)
class Plan:
    """Parameters of a command that are the same in every case.

    Attributes:
        rounds: turns of each contestant.
        cache: folder of the environments.
        data: dataset for mIoU, used at sizes that its images have.
    """

    contestants: Sequence[Contestant]
    rounds: int
    cache: Path
    data: Dataset | None = None


def reference_classes(built: Built) -> np.ndarray:
    """Classes of all frames by the float model in PyTorch, in this process: uint8, flat."""
    height, width = built.prepared.size
    segment = load_torch(built.checkpoint, 2, built.frame_format)
    frames = np.fromfile(built.frames, np.uint8).reshape(-1, height, width, 3)
    return np.concatenate([segment(frame).reshape(-1) for frame in frames])


def measure_case(plan: Plan, built: Built, reference: np.ndarray, threads: int) -> Case:
    """Load every contestant, compare its class maps with ``reference``, then time them in rounds."""
    extent = built.prepared.size
    title = f"{extent[0]}x{extent[1]}, {threads}"
    problems: dict[str, str] = {}
    agreement: dict[str, float] = {}
    miou: dict[str, float] = {}
    with ExitStack() as stack:
        processes = {}
        for contestant in plan.contestants:
            print(f"{title}: {contestant.name}", file=sys.stderr)
            try:
                process = stack.enter_context(_start(contestant, built, threads, plan.cache))
                classes = _classes(process, built.frames, built.folder / "masks.raw")
                agreement[contestant.name] = float(np.mean(classes == reference))
                if plan.data is not None and plan.data.pair(0)[0].shape[:2] == extent:
                    miou[contestant.name] = _miou(process, plan.data, built.folder)
                processes[contestant.name] = process
            except NotRunError as error:
                problems[contestant.name] = str(error)
        count = int(np.clip(4 * 512 * 1024 // (extent[0] * extent[1]), 2, 12))
        times = interleaved(processes, built.frames, plan.rounds, count, title)
        peaks = {name: process.ask(peak=True)["peak"] for name, process in processes.items()}
    rows = [
        Measurement(
            c.name,
            c.precision,
            c.ours,
            c.what,
            _versions(c, plan.cache),
            times.get(c.name, ()),
            peaks.get(c.name, 0),
            agreement.get(c.name, 0.0),
            miou.get(c.name),
            problems.get(c.name),
        )
        for c in plan.contestants
    ]
    return Case(extent, threads, rows)


def _start(contestant: Contestant, built: Built, threads: int, cache: Path) -> WorkerProcess:
    if contestant.model in built.problems:
        raise NotRunError(built.problems[contestant.model])
    model = built.checkpoint if contestant.model == "checkpoint" else built.folder / contestant.model
    python = python_of(contestant.environment, cache)
    log = built.folder / f"{contestant.engine}.log"
    return WorkerProcess(python, contestant.engine, model, threads, built.frame_format, log)


def _classes(process: WorkerProcess, frames: Path, out: Path) -> np.ndarray:
    process.ask(masks=str(frames), out=str(out))
    return np.fromfile(out, np.uint8)


def _miou(process: WorkerProcess, data: Dataset, folder: Path) -> float:
    """Mean IoU over all of ``data``, an image at a time, so that the process holds only one."""
    confusion = Confusion(len(data.classes))
    image_file, class_file = folder / "image.raw", folder / "classes.raw"
    for index in range(len(data)):
        image, labels = data.pair(index)
        image.tofile(image_file)
        confusion.add(labels, _classes(process, image_file, class_file).reshape(labels.shape))
    return float(confusion.scores().miou)


def _versions(contestant: Contestant, cache: Path) -> str:
    try:
        return contestant.versions(cache)
    except NotRunError:
        return ""
