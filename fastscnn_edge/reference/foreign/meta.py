"""What a foreign checkpoint says beside its weights: class names, palette and threshold of mmsegmentation."""

from __future__ import annotations

import re
from pathlib import Path

from ...classes import generic, with_background, with_palette
from ...log import Warn
from ...spec import ClassSet, Color
from ...text import count_of


def described_classes(meta: object, count: int, path: Path, warn: Warn) -> ClassSet:
    """Class set of ``meta``, or a generic one, with a warning, if it has none that fits ``count`` logits.

    mmsegmentation keeps names and palette as ``meta.dataset_meta.{classes,palette}`` (1.x) or
    ``meta.{CLASSES,PALETTE}`` (0.x). The number of logits alone names nothing: many datasets have 11 or 19 classes.
    """
    labels, palette = _labels(_entry(meta, "classes")), _entry(meta, "palette")
    advice = f"they are called class 0 to class {count - 1}; --classes FILE, or cityscapes or camvid, names them"
    if not all(labels):
        warn(f"{path} has a class without a name: {advice}")
    elif len(set(labels)) < len(labels):
        warn(f"{path} names two classes alike: {advice}")
    elif labels and len(known := with_background(_named(labels, palette), count)) == count:
        if palette is not None and _palette(palette, len(labels)) is None:
            warn(
                f"{path} has no color of its own for each class, so they get others; --classes FILE with NAME, RED, "
                "GREEN, BLUE on each line sets them"
            )
        return known
    elif labels:
        warn(f"{path} names {count_of(len(labels), 'class')} and has {count}: {advice}")
    else:
        warn(f"{path} names no classes: {advice}")
    return generic(count)


def described_threshold(meta: object) -> float | None:
    """Threshold on the sigmoid that the configuration stored by mmsegmentation states for a decode head, if any."""
    text = _entry(meta, "cfg") or _entry(meta, "config")
    found = re.search(r"\bthreshold\s*=\s*(0?\.\d{1,9})\b", text) if isinstance(text, str) else None
    return float(found[1]) if found else None


def _entry(meta: object, name: str) -> object:
    """An entry of ``meta``, whatever it is: in ``dataset_meta``, or under its old upper-case name."""
    if not isinstance(meta, dict):
        return None
    inner = meta.get("dataset_meta")
    for place, key in ((inner, name), (meta, name.upper()), (meta, name)):
        if isinstance(place, dict) and place.get(key) is not None:
            return place[key]
    return None


def _named(labels: tuple[str, ...], palette: object) -> ClassSet:
    return with_palette(labels, _palette(palette, len(labels)))


def _labels(names: object) -> tuple[str, ...]:
    if isinstance(names, str):
        names = (names,)
    return tuple(" ".join(str(name).split()) for name in names) if isinstance(names, list | tuple) else ()


def _palette(colors: object, count: int) -> tuple[Color, ...] | None:
    """8-bit RGB colors, or None if these are not ``count`` of them, or one for all classes."""
    try:
        palette = tuple(tuple(int(value) for value in color) for color in colors)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        return None
    usable = len(palette) == count and all(len(c) == 3 and all(0 <= v <= 255 for v in c) for c in palette)
    usable = usable and (count == 1 or len(set(palette)) > 1)
    return palette if usable else None  # type: ignore[return-value]  # the length is checked
