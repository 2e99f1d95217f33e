"""Class sets that this package knows by name."""

from __future__ import annotations

import colorsys

from .spec import ClassSet, Color

# CamVid classes use the Cityscapes color of the same object, so that a road has the same purple with any weights.
_CITYSCAPES: dict[str, Color] = {
    "road": (128, 64, 128),
    "sidewalk": (244, 35, 232),
    "building": (70, 70, 70),
    "wall": (102, 102, 156),
    "fence": (190, 153, 153),
    "pole": (153, 153, 153),
    "traffic light": (250, 170, 30),
    "traffic sign": (220, 220, 0),
    "vegetation": (107, 142, 35),
    "terrain": (152, 251, 152),
    "sky": (70, 130, 180),
    "person": (220, 20, 60),
    "rider": (255, 0, 0),
    "car": (0, 0, 142),
    "truck": (0, 0, 70),
    "bus": (0, 60, 100),
    "train": (0, 80, 100),
    "motorcycle": (0, 0, 230),
    "bicycle": (119, 11, 32),
}

CITYSCAPES = ClassSet(tuple(_CITYSCAPES), tuple(_CITYSCAPES.values()))

_CAMVID_TO_CITYSCAPES = {
    "sky": "sky",
    "building": "building",
    "pole": "pole",
    "road": "road",
    "pavement": "sidewalk",
    "tree": "vegetation",
    "sign": "traffic sign",
    "fence": "fence",
    "car": "car",
    "pedestrian": "person",
    "bicyclist": "bicycle",
}

CAMVID = ClassSet(tuple(_CAMVID_TO_CITYSCAPES), tuple(_CITYSCAPES[name] for name in _CAMVID_TO_CITYSCAPES.values()))


def generic(count: int, labels: tuple[str, ...] = ()) -> ClassSet:
    """Class set for a checkpoint that names none: evenly spaced hues, labels 'class 0' and so on."""
    names = labels or tuple(f"class {i}" for i in range(count))
    hues = [colorsys.hsv_to_rgb(i / count, 0.75, 0.95) for i in range(count)]
    return ClassSet(names, tuple((int(r * 255), int(g * 255), int(b * 255)) for r, g, b in hues))


def guess(count: int) -> ClassSet:
    """Known class set of that size (19: Cityscapes, 11: CamVid), else a generic one."""
    known = {len(CITYSCAPES): CITYSCAPES, len(CAMVID): CAMVID}
    return known.get(count) or generic(count)
