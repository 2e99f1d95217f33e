"""Colors that stay apart for color-blind eyes: how ``fastscnn_edge.palettes.COLORBLIND`` was found.

    python -m tools.colorblind

A color is seen by four kinds of eyes: normal ones, and those without one kind of cones, simulated with the matrices of
Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency" (IEEE TVCG
15(6), 2009), severity 1.0, on linear RGB. Two colors are as far apart as their Euclidean distance in CIELAB (D65) for
the eyes that see them closest. Of a grid of colors, those are sought whose least distance is largest: the farthest
next color again and again from many starts, then exchanges while they help. Fewer classes get colors farther apart, so
there is a palette for each of a few counts.
"""

from __future__ import annotations

import numpy as np

from fastscnn_edge.classes import KNOWN

MACHADO_2009 = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}

_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.119192, 0.9503041]]
)
COUNTS = (11, 19, 32)
"""Classes of CamVid, of Cityscapes, and the most that can be told apart at all."""

_LEVELS = range(0, 256, 17)
_DARKEST, _LIGHTEST = 18.0, 96.0  # lightness: black and white are left to pictures and page


def seen_by(colors: np.ndarray) -> np.ndarray:
    """CIELAB of sRGB ``colors`` [n, 3] of 0..255 for each kind of eyes: float64 [eyes, n, 3]."""
    share = np.asarray(colors, np.float64) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    seen = np.stack([(linear @ matrix.T).clip(0, 1) for matrix in MACHADO_2009.values()])
    xyz = seen @ _TO_XYZ.T / _TO_XYZ.sum(axis=1)
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)


def least_distances(colors: np.ndarray) -> dict[str, float]:
    """Kind of eyes -> CIELAB distance of the two nearest of ``colors`` [n, 3]."""
    result = {}
    for eyes, lab in zip(MACHADO_2009, seen_by(colors), strict=True):
        apart = np.linalg.norm(lab[:, None] - lab[None], axis=-1)
        result[eyes] = float(apart[~np.eye(len(lab), dtype=bool)].min())
    return result


def spread(apart: np.ndarray, count: int, starts: int) -> list[int]:
    """Indices of ``count`` points whose least distance is large.

    Args:
        apart: [n, n] distances.
        count: how many.
        starts: first points that are tried, chosen at random.
    """
    random = np.random.default_rng(0)
    best: tuple[float, list[int]] = (-1.0, [])
    for _ in range(starts):
        chosen = [int(random.integers(len(apart)))]
        while len(chosen) < count:
            chosen.append(int(apart[chosen].min(axis=0).argmax()))
        best = max(best, _exchanged(apart, chosen))
    return best[1]


def _exchanged(apart: np.ndarray, chosen: list[int]) -> tuple[float, list[int]]:
    """Move one point at a time to where it is farthest from the others, until none gains."""
    moved = True
    while moved:
        moved = False
        for place in range(len(chosen)):
            others = apart[chosen[:place] + chosen[place + 1 :]].min(axis=0)
            better = int(others.argmax())
            if others[better] > others[chosen[place]] + 1e-9:
                chosen[place], moved = better, True
    inside = apart[np.ix_(chosen, chosen)] + np.diag(np.full(len(chosen), np.inf))
    return float(inside.min()), chosen


def candidates() -> np.ndarray:
    """Colors to choose from, [n, 3], without the darkest and lightest."""
    grid = np.stack(np.meshgrid(_LEVELS, _LEVELS, _LEVELS, indexing="ij"), axis=-1).reshape(-1, 3)
    lightness = seen_by(grid)[0, :, 0]
    return grid[(lightness >= _DARKEST) & (lightness <= _LIGHTEST)]


def palettes(starts: int = 1000) -> dict[int, np.ndarray]:
    """Number of colors -> the colors, int [number, 3]."""
    colors = candidates()
    apart = np.full((len(colors), len(colors)), np.inf, np.float32)
    for lab in seen_by(colors).astype(np.float32):
        for row, one in enumerate(lab):
            np.minimum(apart[row], np.linalg.norm(lab - one, axis=1), out=apart[row])
    return {count: colors[spread(apart, count, starts)] for count in COUNTS}


def main() -> None:
    """Print the colors, how far apart they are, and how far those of the known class sets."""
    for count, colors in palettes().items():
        print(f"    {count}: (")
        print("\n".join(f"        ({red}, {green}, {blue})," for red, green, blue in colors.tolist()))
        print("    ),")
        print("    #", _rounded(colors))
    for name, classes in KNOWN.items():
        print(f"# {name}'s own: {_rounded(np.array(classes.palette))}")


def _rounded(colors: np.ndarray) -> dict[str, float]:
    return {eyes: round(distance, 1) for eyes, distance in least_distances(colors).items()}


if __name__ == "__main__":
    main()
