"""What looks cost: processor time of drawing an overlay with each of them, of blurring, and of smoothing.

    python -m benchmarks.looks

Rounds alternate between the kinds, and the fastest of each counts, so that a busy machine does not matter much.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from fastscnn_edge import Segmenter
from fastscnn_edge.runtime.frames import Frame, SegmentedFrame
from fastscnn_edge.runtime.pipeline.smoothing import LogitMean
from fastscnn_edge.runtime.sinks.blur import Blur
from fastscnn_edge.runtime.sinks.overlay import overlay
from fastscnn_edge.runtime.sinks.style import PLAIN, Style

SIZES = ((480, 360), (1280, 720), (1920, 1080))
ROUNDS = 40


def kinds(segmenter: Segmenter, rgb: np.ndarray) -> dict[str, Callable[[], object]]:
    """Option -> the work it stands for, on the frame ``rgb``."""
    classes = segmenter.spec.classes
    class_map = segmenter.predict(rgb)
    logits = np.ascontiguousarray(segmenter.engine.logits())
    of = {label: index for index, label in enumerate(classes.labels)}
    blur, mean = Blur(frozenset({of["road"], of["car"]})), LogitMean(0.5)
    result = SegmentedFrame(Frame(rgb, "street", 0.0), class_map, 0.0)
    styles = {
        "the default": PLAIN,
        "--opacity 0.3": Style(opacity=0.3),
        "--outline": Style(outline=True),
        "--only road,car": Style(only=frozenset({of["road"], of["car"]})),
        "--no-legend": Style(legend=False),
    }

    def drawing(style: Style) -> Callable[[], object]:
        return lambda: overlay(rgb, class_map, classes, False, style)

    return {
        **{name: drawing(style) for name, style in styles.items()},
        "--blur road,car (further)": lambda: blur(result),
        "--smooth (further)": lambda: mean.update(result.frame, logits),
    }


def main() -> None:
    """Print a table of milliseconds."""
    street = Image.open(Path(__file__).parents[1] / "examples" / "street" / "street_1.jpg")
    columns: list[dict[str, float]] = []
    with Segmenter(threads=1) as segmenter:
        for size in SIZES:
            works = kinds(segmenter, np.asarray(street.resize(size)))
            best = dict.fromkeys(works, np.inf)
            for _ in range(ROUNDS):
                for name, work in works.items():
                    start = time.process_time()
                    work()
                    best[name] = min(best[name], 1e3 * (time.process_time() - start))
            columns.append(best)
    print("| ms | " + " | ".join(f"{height}x{width}" for width, height in SIZES) + " |")
    print("|---|" + "---|" * len(SIZES))
    for name in columns[0]:
        print(f"| {name} | " + " | ".join(f"{column[name]:.2f}" for column in columns) + " |")


if __name__ == "__main__":
    main()
