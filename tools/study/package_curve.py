"""Gives a run of ``fastscnn-edge train`` the study's files: ``curve.csv`` and ``confusion.csv`` beside its ``last.pt``.

``python -m tools.study.package_curve --run DIR --data FOLD``. Losses come from ``last.pt``, mIoU from ``log.txt``,
which holds what the command printed; the last epoch's weight average is evaluated here, class by class.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

import torch

from ._package import INT8_NATIVE, FastSCNN, TrainConfig, open_dataset, stored_state, torch_predictor
from .loop import confusion_of, score_columns, write_confusion, write_curve

_LINE = re.compile(r"epoch (\d+): loss [\d.]+, val mIoU ([\d.]+) %")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, metavar="DIR")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    held = open_dataset(args.data, "val")
    state = torch.load(args.run / "last.pt", map_location="cpu", weights_only=True)
    config = TrainConfig(**{key: state["config"][key] for key in ("epochs", "rate", "warmup")})
    rows: list[dict[str, Any]] = [
        {"epoch": epoch, "loss": round(loss, 5), "rate": f"{config.learning_rate((epoch - 1) / config.epochs):.3e}"}
        for epoch, loss in enumerate(state["losses"], 1)
    ]
    for epoch, miou in _LINE.findall((args.run / "log.txt").read_text()):
        rows[int(epoch) - 1]["miou"] = float(miou)

    # AveragedModel keeps the weights below "module.".
    average = {key.removeprefix("module."): value for key, value in state["ema"].items() if key.startswith("module.")}
    trained = FastSCNN(len(held.classes), state["config"]["dialect"], auxiliary=True)
    trained.load_state_dict(average)
    model = FastSCNN(len(held.classes), state["config"]["dialect"]).eval()
    model.load_state_dict(stored_state(trained), strict=False)
    confusion = confusion_of(torch_predictor(model, INT8_NATIVE), held)
    rows[-1] |= score_columns(confusion, held)
    write_confusion(args.run / "confusion.csv", confusion, held)
    write_curve(args.run / "curve.csv", rows, held)
    print(f"{args.run.name}: epoch {rows[-1]['epoch']}, mIoU {rows[-1]['miou']} %")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
