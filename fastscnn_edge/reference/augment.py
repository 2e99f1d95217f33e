"""Random views of a labeled image for training."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageEnhance

from ..evaluation.labels import IGNORE


@dataclass(frozen=True)
class Augmentation:
    """Ranges from which random views are drawn.

    Attributes:
        crop: (height, width) of every view; if the scaled image is smaller, the rest is void.
        scale: smallest and largest magnification, drawn log-uniformly.
        aspect: largest stretch of width against height, as a factor.
        degrees: largest rotation to either side.
        jitter: largest relative change of brightness, contrast and saturation.
        tint: largest relative change of each color channel by itself.
    """

    crop: tuple[int, int]
    scale: tuple[float, float] = (0.5, 2.0)
    aspect: float = 1.1
    degrees: float = 4.0
    jitter: float = 0.3
    tint: float = 0.08


def random_view(
    image: np.ndarray, labels: np.ndarray, config: Augmentation, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Scale, rotate, flip, crop and recolor in one resampling each.

    Args:
        image: RGB uint8 [H, W, 3].
        labels: uint8 [H, W].

    Returns:
        RGB uint8 [*crop, 3] and labels uint8 [*crop], :data:`IGNORE` outside the image.
    """
    coefficients = _affine(image.shape[:2], config, rng)
    size = (config.crop[1], config.crop[0])
    # Mid gray outside: it is the zero of the INT8-native normalization.
    view = Image.fromarray(image).transform(
        size, Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR, fillcolor=(128, 128, 128)
    )
    target = Image.fromarray(labels).transform(
        size, Image.Transform.AFFINE, coefficients, Image.Resampling.NEAREST, fillcolor=IGNORE
    )
    return np.asarray(_recolor(view, config, rng)), np.asarray(target)


def _affine(shape: tuple[int, int], config: Augmentation, rng: np.random.Generator) -> tuple[float, ...]:
    """Coefficients (a, b, c, d, e, f): view pixel (x, y) shows image point (ax+by+c, dx+ey+f)."""
    height, width = shape
    crop_height, crop_width = config.crop
    scale = math.exp(rng.uniform(math.log(config.scale[0]), math.log(config.scale[1])))
    stretch = math.exp(rng.uniform(-1, 1) * math.log(config.aspect) / 2)
    scale_x, scale_y = scale * stretch, scale / stretch
    angle = math.radians(rng.uniform(-1, 1) * config.degrees)
    flip = -1.0 if rng.random() < 0.5 else 1.0
    # Slack is how far the window may slide while it stays inside the image (or around it, if larger).
    slack_x, slack_y = abs(width - crop_width / scale_x), abs(height - crop_height / scale_y)
    center_x = width / 2 + rng.uniform(-0.5, 0.5) * slack_x
    center_y = height / 2 + rng.uniform(-0.5, 0.5) * slack_y
    a, b = flip * math.cos(angle) / scale_x, -math.sin(angle) / scale_y
    d, e = flip * math.sin(angle) / scale_x, math.cos(angle) / scale_y
    c = center_x - a * crop_width / 2 - b * crop_height / 2
    f = center_y - d * crop_width / 2 - e * crop_height / 2
    return a, b, c, d, e, f


def _recolor(view: Image.Image, config: Augmentation, rng: np.random.Generator) -> Image.Image:
    view = ImageEnhance.Color(view).enhance(1 + rng.uniform(-config.jitter, config.jitter))
    contrast = 1 + rng.uniform(-config.jitter, config.jitter)
    brightness = 1 + rng.uniform(-config.jitter, config.jitter)
    gains = 1 + rng.uniform(-config.tint, config.tint, 3)
    values = np.arange(256)
    tables = [((values - 128) * contrast + 128) * brightness * gain for gain in gains]
    # One table per channel: brightness, contrast and tint cost a single pass.
    return view.point(np.concatenate(tables).clip(0, 255).round().astype(int).tolist())
