"""Three folds of CamVid that respect its sequences, as datasets of symlinks in the CamVid layout.

``python -m tools.study.folds --data DIR --out DIR`` reads ``DIR/{train,val}`` and writes ``OUT/{f1,f2,f3}``, whose
``val`` is what the fold holds out.

The usual train and val splits hold 468 pictures of three drives, and neighbors of a drive show nearly the same, so
a random split would measure memory. Frame numbers (30 a second), as found in both splits:

========  ========  ===========  ==================================================================================
drive     pictures  frames       steps
========  ========  ===========  ==================================================================================
0001TP          62  6690..8520   30 throughout
0006R0         101  930..3930    30 throughout
0016E5         305  390..8640    30, but for a hole 2400..4350 (others hold those out), and every second frame of
                                 7959..8159, which are the 101 pictures of the usual ``val``
========  ========  ===========  ==================================================================================

- F1 holds out 0001TP, F2 0006R0.
- F3 holds out the last third of 0016E5's time: frames after 390 + 2/3 * 8250 = 5890. The 900 frames (30 seconds)
  before the first one held out train nothing, so that no street corner is seen from both sides of the cut. 101 of
  its 185 pictures are seven seconds of one street: read F3 with that in mind.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

GAP = 900
"""Frames between what F3 trains on and what it holds out: 30 seconds."""

_NAME = re.compile(r"(?P<drive>[^_]+)_f?(?P<frame>\d+)")


@dataclass(frozen=True)
class Frame:
    """One labeled image: the two files, and where in which drive it was taken."""

    image: Path
    labels: Path
    drive: str
    number: int


def read_frames(data: Path) -> list[Frame]:
    """All images of ``data``'s train and val splits, in order of drive and frame number.

    Raises:
        ValueError: an image's name does not say its drive and frame.
    """
    frames = []
    for split in ("train", "val"):
        for image in (data / split / "images").iterdir():
            match = _NAME.fullmatch(image.stem)
            if match is None:
                raise ValueError(f"{image} is not named DRIVE_FRAME")
            labels = data / split / "labels" / f"{image.stem}.png"
            frames.append(Frame(image.resolve(), labels.resolve(), match["drive"], int(match["frame"])))
    return sorted(frames, key=lambda frame: (frame.drive, frame.number))


def folds(frames: list[Frame]) -> dict[str, tuple[list[Frame], list[Frame]]]:
    """Name of the fold to (what trains, what is held out)."""
    numbers = [frame.number for frame in frames if frame.drive == "0016E5"]
    cut = min(numbers) + (max(numbers) - min(numbers)) * 2 // 3
    first = min((number for number in numbers if number > cut), default=cut)

    def split(
        held: Callable[[Frame], bool], unused: Callable[[Frame], bool] = lambda frame: False
    ) -> tuple[list[Frame], list[Frame]]:
        return [f for f in frames if not held(f) and not unused(f)], [f for f in frames if held(f)]

    return {
        "f1": split(lambda frame: frame.drive == "0001TP"),
        "f2": split(lambda frame: frame.drive == "0006R0"),
        "f3": split(
            lambda frame: frame.drive == "0016E5" and frame.number >= first,
            lambda frame: frame.drive == "0016E5" and first - GAP <= frame.number < first,
        ),
    }


def write_fold(root: Path, train: list[Frame], held: list[Frame], classes: Path) -> None:
    """A dataset of symlinks below ``root``, made anew."""
    for split, frames in (("train", train), ("val", held)):
        for name in ("images", "labels"):
            folder = root / split / name
            folder.mkdir(parents=True, exist_ok=True)
            for old in folder.iterdir():
                old.unlink()
        for frame in frames:
            (root / split / "images" / frame.image.name).symlink_to(frame.image)
            (root / split / "labels" / frame.labels.name).symlink_to(frame.labels)
    if classes.is_file():
        (root / "classes.txt").write_text(classes.read_text())


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="CamVid, with train and val")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for f1, f2 and f3")
    args = parser.parse_args(argv)
    for name, (train, held) in folds(read_frames(args.data)).items():
        write_fold(args.out / name, train, held, args.data / "classes.txt")
        print(f"{args.out / name}: {len(train)} images train, {len(held)} are held out")


if __name__ == "__main__":
    main()
