"""Draw street scenes that look like photos taken from a car, so that examples need no licensed pictures.

A world of planes (ground, walls, roofs, leaves) and solids (cars, people, poles) is cast onto a depth buffer at
twice the picture's size; haze, blur, vignette and sensor noise follow. Meters; x right, y up, z along the street.
Run without options it writes the pictures in examples/street.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from fastscnn_edge.classes import CAMVID
from fastscnn_edge.files import atomic_path

Array = np.ndarray
Vector = Sequence[float] | np.ndarray
Rod = tuple[Vector, Vector, float, Vector]  # from, to, radius, color
Shader = Callable[[Array, Array, Array], tuple[Array, Array]]  # u, v, footprint in meters -> colors, opaque

CLASS = {name: index for index, name in enumerate(CAMVID.labels)}
ROAD, WALL = 5.3, 8.9  # from the middle of the street: to the kerbs, to the houses
KERB, LANE, EYE = 0.13, -1.75, 1.45  # heights of kerb and camera, the lane we drive in (on the left)
PAINTS = np.array([(150, 153, 158), (28, 36, 62), (120, 22, 26), (36, 38, 42), (190, 192, 194), (32, 54, 48)], float)
WALLS = np.array([(122, 108, 88), (122, 88, 74), (178, 174, 164), (108, 98, 88), (142, 126, 102), (100, 78, 68)], float)
FASCIAS = np.array([(110, 24, 28), (24, 44, 92), (28, 68, 50), (40, 40, 44), (160, 120, 40)], float)
CLOTHES = np.array([(34, 38, 52), (96, 30, 32), (48, 60, 44), (70, 74, 84), (30, 30, 32), (52, 70, 110)], float)


def noise(x: Array, y: Array, seed: int) -> Array:
    """Smooth value noise in 0..1 with one cell per unit."""
    x0, y0 = np.floor(x), np.floor(y)
    fx, fy = ((f * f * (3 - 2 * f)) for f in (x - x0, y - y0))
    left, right = ((1 - fy) * scatter(x0 + i, y0, seed) + fy * scatter(x0 + i, y0 + 1, seed) for i in (0, 1))
    return left + (right - left) * fx


def scatter(x: Array, y: Array, seed: int) -> Array:
    """A hash of whole numbers in 0..1: the same place always gets the same value."""
    h = x.astype(np.int64) * 374761393 + y.astype(np.int64) * 668265263 + seed * 974634777
    h = ((h ^ (h >> 13)) * 1274126177) & 0xFFFFFFFF
    return ((h ^ (h >> 16)) & 0xFFFF) / 65535


def fractal(x: Array, y: Array, seed: int, octaves: int = 4, footprint: Array | float = 0.0) -> Array:
    """Octaves of noise around 0; those finer than the footprint of a pixel (in cells) fade out."""
    total = np.zeros(np.broadcast(x, y).shape)
    for octave in range(octaves):
        scale = 2.0**octave
        fade = np.clip(0.7 / (np.asarray(footprint) * scale + 1e-9), 0, 1)
        total += (noise(x * scale, y * scale, seed + octave) - 0.5) * fade / scale**0.7
    return total


def tint(color: Array | Vector, light: Array | float) -> Array:
    """Colors of shape (n, 3): one color (or n of them) times n lights."""
    return np.asarray(color, float) * np.asarray(light)[..., None]


class Canvas:
    """Color, depth and class of every ray of a camera that looks along z."""

    def __init__(self, size: tuple[int, int], camera: Vector) -> None:
        width, height = size
        self.camera, self.focal = np.array(camera, float), 0.92 * width
        self.dx = (np.arange(width) + 0.5 - width / 2) / self.focal
        self.dy = (0.47 * height - np.arange(height) - 0.5) / self.focal
        self.color = np.zeros((height, width, 3))
        self.depth = np.full((height, width), np.inf)
        self.label = np.zeros((height, width), np.uint8)

    def window(self, corners: Array) -> tuple[slice, slice]:
        """Rows and columns that can show the hull of these points."""
        p = corners - self.camera
        if p[:, 2].max() < 0.5:
            return slice(0), slice(0)
        if p[:, 2].min() < 0.5:
            return slice(None), slice(None)
        x, y = p[:, 0] / p[:, 2], p[:, 1] / p[:, 2]
        rows, columns = np.searchsorted(-self.dy, (-y.max(), -y.min())), np.searchsorted(self.dx, (x.min(), x.max()))
        return slice(*rows), slice(*columns)

    def write(self, window: tuple[slice, slice], where: Array, depth: Array, color: Array, label: str) -> None:
        """Set the rays ``where`` of a window (flat indices into it)."""
        for target, values in ((self.depth, depth), (self.label, CLASS[label]), (self.color, color)):
            view = target[window]
            view[np.unravel_index(where, view.shape[:2])] = values

    def plane(self, origin: Vector, u: Vector, v: Vector, size: Vector, shader: Shader, label: str) -> None:
        """Cast a rectangle of a size, spanned from its origin by the unit vectors u and v."""
        o, u, v = (np.asarray(a, float) for a in (origin, u, v))
        window = self.window(np.array([o + a * size[0] * u + b * size[1] * v for a in (0, 1) for b in (0, 1)]))
        dx, dy = self.dx[window[1]][None], self.dy[window[0]][:, None]
        n, o = np.cross(u, v), o - self.camera
        with np.errstate(divide="ignore", invalid="ignore"):
            t = (n @ o) / (n[0] * dx + n[1] * dy + n[2])
            across, along = (t * (a[0] * dx + a[1] * dy + a[2]) - a @ o for a in (u, v))
            hit = (t > 0.5) & (t < self.depth[window]) & (across >= 0) & (across < size[0])
            where = np.flatnonzero(hit & (along >= 0) & (along < size[1]))
        if where.size:
            t, across, along = (a.ravel()[where] for a in (t, across, along))
            color, opaque = shader(across, along, t / self.focal)
            self.write(window, where[opaque], t[opaque], color[opaque], label)

    def shadow(self, x: float, z: float, width: float, length: float) -> None:
        """Darken the ground softly around the foot of a thing."""
        reach, strength = max(0.5, 0.9 * min(width, 1)), 0.35 + 0.45 * min(width, 1)
        sides, ends = (x - width / 2 - reach, x + width / 2 + reach), (z - length / 2 - reach, z + length / 2 + reach)
        window = self.window(np.array([(a, 0, b) for a in sides for b in ends]))
        depth = self.depth[window]
        right = np.abs(self.camera[0] + depth * self.dx[window[1]][None] - x) - width * 0.42
        ahead = np.abs(self.camera[2] + depth - z) - length * 0.46
        gap = np.hypot(np.maximum(right, 0), np.maximum(ahead, 0)) / reach
        self.color[window] *= 1 - strength * np.clip(1 - gap, 0, 1)[..., None] ** 1.7

    def solid(self, thing: Solid, at: Vector, label: str, facing: int = 1) -> None:
        """March rays to a solid standing at a place; facing -1 turns it around."""
        half, at = np.asarray(thing.half, float), np.asarray(at, float)
        corners = at + half * [(x, y, z) for x in (-1, 1) for y in (0, 2) for z in (-1, 1)]
        near, far = max(corners[:, 2].min() - self.camera[2], 0.5), corners[:, 2].max() - self.camera[2]
        if far < 1:
            return
        window = self.window(corners)
        dx, dy = np.meshgrid(self.dx[window[1]], self.dy[window[0]])
        turn, start = np.array([facing, 1, facing])[:, None], (self.camera - at)[:, None]
        rays = np.stack([dx.ravel(), dy.ravel(), np.ones(dx.size)])
        limit = np.minimum(far, self.depth[window].ravel())
        t, live = np.full(dx.size, near), np.arange(dx.size)
        hits = [np.zeros(0, int)]
        for _ in range(60):
            gap = thing.distance(turn * (start + t[live] * rays[:, live]))
            t[live] += 0.9 * gap / np.linalg.norm(rays[:, live], axis=0)
            close = gap < 0.4 * t[live] / self.focal
            hits.append(live[close & (t[live] < limit[live])])
            live = live[~close & (t[live] < limit[live])]
        where = np.concatenate(hits)
        p = turn * (start + t[where] * rays[:, where])
        nudges = 0.01 * np.eye(3)[:, :, None]
        normal = np.stack([thing.distance(p + e) - thing.distance(p - e) for e in nudges])
        normal /= np.linalg.norm(normal, axis=0) + 1e-9
        ray = turn * rays[:, where] / np.linalg.norm(rays[:, where], axis=0)
        self.write(window, where, t[where], thing.color(p, normal, ray), label)


@dataclass
class Solid:
    """A thing by its distance function (points (3, n) around its foot) and its colors (points, normals, rays)."""

    half: Vector
    distance: Callable[[Array], Array]
    color: Callable[[Array, Array, Array], Array]


def daylight(normal: Array) -> Array:
    """Light of a bright cloudy sky on a surface."""
    return 0.5 + 0.38 * normal[1] + 0.12 * normal[0]


def rods(parts: Sequence[Rod], half: Vector) -> Solid:
    """Rods with round ends: people, posts, trunks and bicycles are made of them."""

    def distances(p: Array) -> Array:
        result = []
        for a, b, radius, _ in parts:
            a, ab = np.array(a)[:, None], np.subtract(b, a)[:, None]
            along = np.clip((ab * (p - a)).sum(0) / ((ab * ab).sum() + 1e-9), 0, 1)
            result.append(np.linalg.norm(p - a - along * ab, axis=0) - radius)
        return np.array(result)

    def color(p: Array, normal: Array, ray: Array) -> Array:
        own = np.array([part[3] for part in parts], float)[distances(p).argmin(0)]
        return tint(own, daylight(normal) * (1 + 0.5 * fractal(p[0] * 9 + p[2] * 9, p[1] * 5, 3, 3)) + 0.15)

    return Solid(half, lambda p: distances(p).min(0), color)


def person(rng: np.random.Generator, riding: bool = False) -> Solid:
    """Somebody who walks along the street, or rides a bicycle."""
    coat, legs = CLOTHES[rng.integers(len(CLOTHES))], CLOTHES[rng.choice((0, 3, 4, 5))] * 0.8
    skin, hair, tyre = (168, 124, 102), (176, 178, 170) if riding else (40, 30, 24), (22, 22, 24)
    hip, neck = ((0, 0.98, -0.22), (0, 1.42, 0.12)) if riding else ((0, 0.95, 0), (0, 1.42, 0.03))
    head = (0, neck[1] + 0.23, neck[2] + 0.05)
    parts: list[Rod] = [(hip, neck, 0.17, coat), (head, (0, head[1] + 0.06, head[2]), 0.105, hair)]
    parts.append(((-0.14, neck[1] - 0.06, neck[2]), (0.14, neck[1] - 0.06, neck[2]), 0.1, coat))
    parts.append(((0, head[1] - 0.03, head[2] + 0.02), head, 0.1, skin))
    for side, swing in ((-1, 0.24), (1, -0.22)):
        foot = (0.1 * side, 0.25 + 0.6 * abs(swing - 0.24) / 1.2, 0.1) if riding else (0.1 * side, 0.06, swing)
        knee = (0.12 * side, foot[1] + 0.42, 0.22 if riding else swing * 0.5 + 0.06)
        hand = (0.24 * side, 1.02, 0.48) if riding else (0.27 * side, 0.86, -swing * 0.7)
        shoulder = (0.2 * side, neck[1] - 0.03, neck[2])
        elbow = tuple(np.add(shoulder, hand) / 2 + (0.04 * side, -0.04, -0.05))
        parts += [((0.09 * side, hip[1], hip[2]), knee, 0.085, legs), (knee, foot, 0.065, legs)]
        parts += [(shoulder, elbow, 0.065, coat), (elbow, hand, 0.05, coat)]
    if riding:
        ring = [(0.34 * np.cos(a), 0.34 * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 15)]
        for z in (-0.52, 0.55):
            rim = [(0, 0.36 + y, z + x) for x, y in ring]
            parts += [(a, b, 0.022, tyre) for a, b in pairwise(rim)]
        frame = [(0, 0.36, -0.52), (0, 0.85, -0.2), (0, 0.88, 0.4), (0, 0.36, 0.55), (0, 0.34, 0), (0, 0.85, -0.2)]
        parts += [(a, b, 0.022, FASCIAS[0]) for a, b in pairwise(frame)]
    return rods(parts, (0.45, 0.95, 1.0))


def car(paint: Array, van: bool = False) -> Solid:
    """A small car (or van) with glass, lights, plates and wheels; it drives towards +z."""
    top, front, back = (1.95, 0.9, -2.0) if van else (1.46, 0.75, -1.75)
    waist = 0.92 if not van else 1.1

    def soft(*gaps: Array) -> Array:
        """Intersection with rounded edges."""
        return np.log(sum(np.exp(np.minimum(gap, 3) * 12) for gap in gaps)) / 12

    def wheel(p: Array, radius: float, width: float) -> Array:
        x, z = np.abs(np.abs(p[0]) - 0.74), np.abs(p[2]) - 1.28
        return np.maximum(np.hypot(z, p[1] - 0.31) - radius, x - width)

    def distance(p: Array) -> Array:
        x, y, z = np.abs(p[0]), p[1], p[2]
        flank, end = x - 0.89 + 0.35 * (y - 0.6) ** 2, np.abs(z) - 2.08 + 0.12 * x**2 + 0.3 * (y - 0.5) ** 2
        hull = soft(flank, end, 0.26 - y, y - waist + 0.05 * np.maximum(z, 0))
        screen, hatch = z - front + 0.75 * (y - waist), back - z + (0.1 if van else 0.42) * (y - waist)
        roof, pillar = y - top - 0.03 + 0.1 * x**2, x - 0.82 + (0.1 if van else 0.36) * (y - waist)
        cabin = soft(pillar, roof, 0.5 - y, 0.83 * screen, 0.9 * hatch)
        body = np.maximum(np.minimum(hull, cabin), -wheel(p, 0.37, 0.25))
        return np.minimum(body, wheel(p, 0.3, 0.1))

    def color(p: Array, normal: Array, ray: Array) -> Array:
        x, y, z = np.abs(p[0]), p[1], p[2]
        flip = ray - 2 * (ray * normal).sum(0) * normal
        skyline = 0.3 + 0.5 * fractal(flip[0] * 4, flip[0] * 0, 11, 3)
        mirror = tint((225, 230, 236), np.where(flip[1] > skyline, 1, 0.3))
        shine = (0.09 + 0.5 * (1 - np.abs((ray * normal).sum(0))) ** 3)[:, None]
        result = tint(paint, 0.25 + daylight(normal) * np.clip(0.3 + y, 0.5, 1)) * (1 - shine) + mirror * shine
        rear, ahead = normal[2] < -0.5, normal[2] > 0.5
        sides = np.abs(normal[0]) > 0.6
        seam = (rear & (np.abs(y - 0.5) < 0.012)) | (sides & (np.abs(np.abs(z - 0.1) - 0.55) < 0.012))
        glassy = (y > waist + 0.04) & (y < top - 0.12) & (np.abs(normal[1]) < 0.85)
        door_glass = (np.abs(z + 0.35) > 0.05) & (z > (0.1 if van else back + 0.45))
        pane = np.where(sides, door_glass, x < 0.68 - 0.3 * (y - waist))
        for where, own, gloss in (
            ((y < 0.4) | (seam & (y < waist)), (24, 25, 27), 0.0),
            (glassy & pane, (24, 28, 32), 0.22),
            (rear & (x > 0.62) & (y > 0.6) & (y < 0.86), (140, 16, 16), 0.14),
            (ahead & (x > 0.55) & (y > 0.6) & (y < 0.74), (178, 184, 190), 0.15),
            (ahead & (x < 0.4) & (y > 0.56) & (y < 0.7), (20, 20, 22), 0.1),
            (rear & (x < 0.25) & (y > 0.52) & (y < 0.62), (196, 160, 50), 0.0),
            (ahead & (x < 0.26) & (y > 0.42) & (y < 0.53), (200, 200, 196), 0.0),
        ):
            result = np.where(where[:, None], np.array(own) * (1 - gloss) + mirror * gloss, result)
        rim = np.hypot(np.abs(z) - 1.28, y - 0.31)
        hub = (rim < 0.19) & (scatter(np.floor(np.arctan2(np.abs(z) - 1.28, y - 0.31) * 1.6), y * 0, 5) > 0.25)
        tyre = tint(np.where(hub[:, None], 120, 24) * np.ones(3), 0.7 + 0.3 * normal[1])
        return np.where((wheel(p, 0.3, 0.1) < 0.02)[:, None], tyre, result)

    return Solid((0.95, top / 2 + 0.05, 2.15), distance, color)


def facade(width: float, height: float, wall: Array, fascia: Array, shop: bool, light: float, seed: int) -> Shader:
    """Brick or plaster with rows of windows, and a shop or a door at the bottom."""
    bay, bricks = width / round(width / 2.7), wall.mean() < 150

    def shade(u: Array, v: Array, footprint: Array) -> tuple[Array, Array]:
        brick = np.floor(v / 0.09)
        mortar = (v / 0.09 - brick < 0.18) | ((u / 0.27 + 0.5 * (brick % 2)) % 1 < 0.07)
        fine = np.clip(0.03 / footprint, 0, 1) * bricks
        grain = 0.22 * (scatter(np.floor(u / 0.27 + 0.5 * (brick % 2)), brick, seed) - 0.5) + 0.25 * mortar
        stain = fractal(u * 0.5, v * 0.3, seed, 5, footprint)
        color = tint(wall, 1 + fine * grain + 0.3 * stain)
        a, column = (u % bay) - bay / 2, np.floor(u / bay)
        s, storey = (v - 0.2) % 3.0, np.floor((v - 0.2) / 3.0)
        upper, pick = storey > 0, scatter(column, storey, seed)
        x, door = np.abs(a), (storey == 0) & (column == 0) & (not shop)
        half = np.where(upper | (not shop), 0.55, bay / 2 - 0.16)
        sill, head = np.where(upper, 0.75, np.where(door, 0.0, 0.5 if shop else 0.9)), np.where(upper, 2.3, 2.15)
        tall = (s > sill) & (s < head) & (v < height - 0.4)
        view = fractal(u * 0.6, v * 0.5 + column, seed + 9, 3, footprint)
        glass = tint((40, 45, 52), 0.75 + 0.8 * pick + 1.1 * view) + 55 * (pick > 0.72)[:, None] * (s > 1.6)[:, None]
        glass = np.where(door[:, None], tint(fascia * 0.8, 0.9 + (np.abs(s % 1 - 0.5) > 0.4) * 0.3), glass)
        goods = fractal(u * 2.2, v * 2.5, seed + 4, 3, footprint * 2) * (s < 1.7) + 0.1
        if shop:
            lamps = np.clip(3.2 * goods, 0, 1) * (storey == 0)
            glass += lamps[:, None] * (30 + 60 * np.stack([noise(u * 3, v * 2, seed + i) for i in (1, 2, 3)], 1))
        bars = (x > half - 0.07) | (upper & (x < 0.03)) | (np.abs(s - (sill + head) / 2) < 0.035) & (upper | (not shop))
        frame = tint((188, 188, 184) if bricks else (70, 66, 62), 0.9 + 0 * u)
        inside = np.where((bars | (s < sill + 0.07))[:, None], frame, glass)
        inside *= np.where((head - s < 0.22) | (a < 0.14 - half), 0.5, 1)[:, None]
        ledge = (np.abs(s - sill + 0.07) < 0.07) | (np.abs(s - head - 0.1) < 0.1)
        ledge &= (x < half + 0.1) & (v < height - 0.4) & (upper | (not shop))
        color = np.where(ledge[:, None], tint((168, 162, 150), 0.85 + 0.3 * stain), color)
        color = np.where(((x < half) & tall)[:, None], inside, color)
        board = shop & (v > 2.45) & (v < 3.15)
        letters = (np.abs(v - 2.8) < 0.17) & (np.abs(u - width / 2) < width * 0.3) & (noise(u * 6, v * 5, seed) > 0.5)
        color = np.where(board[:, None], np.where(letters[:, None], 205, tint(fascia, 0.95 + 0 * u)), color)
        eaves = np.where(np.abs(height - v - 0.3) < 0.2, 0.72, 1)
        return tint(color, light * eaves * np.clip(0.75 + 0.1 * v, 0, 1)), np.ones(u.shape, bool)

    return shade


def rough(color: Vector, amount: float, scale: Vector, seed: int, light: float = 1, joint: Vector = (0, 0)) -> Shader:
    """A noisy surface, with joints every so many meters."""

    def shade(u: Array, v: Array, footprint: Array) -> tuple[Array, Array]:
        value = 1 + amount * fractal(u * scale[0], v * scale[1], seed, 6, footprint * max(scale))
        for position, period in zip((u, v), joint, strict=True):
            if period:
                value -= 0.25 * (position % period < 0.05) * np.clip(0.03 / footprint, 0, 1)
        return tint(color, light * value), np.ones(u.shape, bool)

    return shade


def leaves(radius: float, green: Vector, light: float, seed: int) -> Shader:
    """A clump of leaves with ragged edge and holes, lit from above."""

    def shade(u: Array, v: Array, footprint: Array) -> tuple[Array, Array]:
        x, y = u / radius - 1, v / radius - 1
        clumps, fine = fractal(u * 1.6, v * 1.6, seed, 5), fractal(u * 5, v * 5, seed + 31, 3, footprint * 4)
        opaque = clumps * 0.9 + 0.42 * fine > np.hypot(x, y) ** 2 * 0.9 - 0.42
        return tint(green, light * (0.78 + 0.25 * y + 0.7 * clumps + 0.95 * fine).clip(0.18)), opaque

    return shade


def asphalt(seed: int) -> Shader:
    """The road: chippings, wheel tracks, patches, a seam of tar, manholes and paint."""

    def shade(u: Array, v: Array, footprint: Array) -> tuple[Array, Array]:
        x, v = u - ROAD, v - 20
        value = 1 + 0.42 * fractal(x * 42, v * 42, seed, 2, footprint * 42) + 0.2 * fractal(x * 0.6, v * 0.15, seed, 6)
        value -= 0.3 * (np.abs(x + 0.35 + 0.15 * fractal(v * 0.5, v * 0, seed, 4)) < 0.025)  # a seam filled with tar
        cover = np.hypot(x + 2.2, v % 23 - 11)  # manholes
        value -= np.where(cover < 0.33, 0.18 + 0.12 * (np.abs(cover - 0.28) < 0.03) + 0.1 * (v * 12 % 1 < 0.5), 0)
        value += 0.05 * np.cos(np.abs(np.abs(x) - 1.75) * 4.2) - 0.12 * (np.abs(x) > ROAD - 0.35)
        value *= np.where((np.abs(x - 2.6) < 0.8) & (np.abs(v % 47 - 20) < 3.5), 0.82, 1)
        dash = (np.abs(x) < 0.06) & (v % 6 < 3.6)
        yellow = (np.abs(np.abs(x) - ROAD + 0.35) < 0.05) | (np.abs(np.abs(x) - ROAD + 0.55) < 0.05)
        worn = np.clip(0.9 + 1.2 * fractal(x * 7, v * 7, seed + 5, 3, footprint * 7), 0.25, 1)[:, None]
        color = tint((80, 84, 91), value)
        color = np.where(dash[:, None], color + (np.array((205, 206, 204)) - color) * worn, color)
        color = np.where(yellow[:, None], color + (np.array((150, 132, 70)) - color) * worn * 0.8, color)
        return color, np.ones(x.shape, bool)

    return shade


def railing(u: Array, v: Array, footprint: Array) -> tuple[Array, Array]:
    """Iron bars."""
    return tint((30, 32, 31), 1 + 0 * u), (u % 0.16 < 0.05) | (np.abs(v - 0.95) < 0.04) | (np.abs(v - 0.15) < 0.03)


def roundel(u: Array, v: Array, footprint: Array) -> tuple[Array, Array]:
    """A speed limit: the figures 20 in a red ring."""
    figures = np.array([[int(bit) for bit in row] for row in ("1110111", "0010101", "1110101", "1000101", "1110111")])
    r, row, column = np.hypot(u - 0.36, v - 0.36), np.floor((0.51 - v) / 0.06), np.floor((u - 0.15) / 0.06)
    ink = figures[row.clip(0, 4).astype(int), column.clip(0, 6).astype(int)] > 0
    face = np.where((ink & (abs(row - 2) < 3) & (abs(column - 3) < 4))[:, None], 25, (214, 214, 210))
    return np.where((r > 0.27)[:, None], (172, 24, 30), face), r < 0.36


def draw_sky(canvas: Canvas, seed: int) -> None:
    """Bright sky with soft clouds, on the rays that nothing else will hit."""
    up = np.maximum(canvas.dy, 0)[:, None] + 0.12
    x, y = np.broadcast_arrays(canvas.dx / up, 1 / up)
    cover = np.clip(1.1 + 1.5 * fractal(x * 0.9, y * 0.7, seed, 6, y / 60), 0, 1)[..., None]
    shade = 1 - 0.07 * np.clip(fractal(x * 0.9 + 0.2, y * 0.7, seed, 4) + 0.3, 0, 1)[..., None]
    canvas.color[:] = np.array((190, 214, 244)) * (1 - cover) + np.array((252, 253, 255)) * shade * cover


def draw_ground(canvas: Canvas, length: float, seed: int) -> None:
    """Road, kerbs and pavements."""
    canvas.plane((-ROAD, 0, -20), (1, 0, 0), (0, 0, 1), (2 * ROAD, length), asphalt(seed), "road")
    for side in (-1, 1):
        stone = rough((104, 103, 100), 0.35, (3, 3), seed + 1, joint=(0.9, 0))
        canvas.plane((side * ROAD, 0, -20), (0, 0, 1), (0, 1, 0), (length, KERB), stone, "pavement")
        slabs = rough((92, 89, 86), 0.45, (2, 2), seed + 2, joint=(0.6, 0.9))
        canvas.plane((side * ROAD, KERB, -20), (side, 0, 0), (0, 0, 1), (14, length), slabs, "pavement")


def draw_tree(canvas: Canvas, rng: np.random.Generator, x: float, z: float, height: float) -> None:
    """Trunk, branches and clumps of leaves."""
    bark, fork = (62, 56, 48), height * 0.36
    spread = rng.uniform(-1, 1, (5, 3)) * (height * 0.22, 0, height * 0.2) + (0, height * 0.72, 0)
    parts = [((0, 0, 0), (0, fork, 0), 0.03 * height, bark)] + [((0, fork, 0), tip, 0.09, bark) for tip in spread]
    canvas.solid(rods(parts, (height * 0.25, height * 0.4, height * 0.22)), (x, KERB, z), "tree")
    green, seed = rng.uniform(0.85, 1.1, 3) * (70, 78, 46), int(rng.integers(1 << 16))
    for index in range(30):
        place = rng.normal(size=3)
        place *= rng.uniform(0.4, 1) / np.linalg.norm(place) * np.array((0.27, 0.27, 0.24)) * height
        radius = height * rng.uniform(0.13, 0.19)
        light = 0.95 + 1.1 * place[1] / height
        corner = np.array((x, height * 0.66, z)) + place - (radius, radius, 0)
        shader = leaves(radius, green, light, seed + index * 7)
        canvas.plane(corner, (1, 0, 0), (0, 1, 0), (2 * radius, 2 * radius), shader, "tree")


def draw_house(canvas: Canvas, rng: np.random.Generator, side: int, z: float, width: float) -> None:
    """A house of the terrace: front, end wall with gable, roof and chimney."""
    wall, fascia = WALLS[rng.integers(len(WALLS))] * rng.uniform(0.85, 1.1), FASCIAS[rng.integers(len(FASCIAS))]
    height, x, seed = 3.0 * rng.integers(2, 5) + 0.6, side * (WALL + rng.uniform(0, 0.5)), int(rng.integers(1 << 16))
    light, shop, pitch = 0.98 if side < 0 else 0.78, bool(rng.random() < 0.55), rng.uniform(0.45, 0.8)
    front = facade(width, height, wall, fascia, shop, light, seed)
    canvas.plane((x, 0, z), (0, 0, 1), (0, 1, 0), (width, height), front, "building")
    flank = facade(9, height, wall, fascia, False, 0.72, seed + 1)

    def gable(u: Array, v: Array, footprint: Array) -> tuple[Array, Array]:
        return flank(u, v, footprint)[0], v < height + np.minimum(u, 9 - u) * pitch

    canvas.plane((x, 0, z), (side, 0, 0), (0, 1, 0), (9, height + 4.5), gable, "building")
    slope = np.array((side, pitch, 0)) / np.hypot(1, pitch)
    slates = rough((74, 70, 72) if seed % 3 else (112, 72, 58), 0.4, (2, 3), seed, light, (0, 0.3))
    eaves = np.array((x, height, z)) - 0.35 * slope
    canvas.plane(eaves, (0, 0, 1), slope, (width, 0.35 + 4.5 * np.hypot(1, pitch)), slates, "building")
    stack = (x + side * 3.2, height + 1.5, z + 0.3)
    canvas.plane(stack, (0, 0, 1), (0, 1, 0), (1.5, 3), rough(wall * 0.8, 0.4, (3, 3), seed, light), "building")
    canvas.plane(stack, (side, 0, 0), (0, 1, 0), (0.8, 3), rough(wall * 0.6, 0.4, (3, 3), seed), "building")


def draw_side(canvas: Canvas, seed: int, side: int, length: float) -> None:
    """Terraces and gardens, street trees, lamps and signs along one side."""
    z, rng = -14.0, np.random.default_rng([seed, 2, 1 + side])
    while z < length:
        width = rng.uniform(8, 14)
        if rng.random() < 0.2 and z > 15:
            for place in (0.25, 0.7):
                draw_tree(canvas, rng, side * (WALL + rng.uniform(2, 3.5)), z + width * place, rng.uniform(7, 9.5))
            canvas.plane((side * WALL, KERB, z), (0, 0, 1), (0, 1, 0), (width, 1.1), railing, "fence")
            back = facade(width, 6.6, WALLS[3], FASCIAS[0], False, 0.7, 3)
            canvas.plane((side * (WALL + 6), 0, z), (0, 0, 1), (0, 1, 0), (width, 6.6), back, "building")
        else:
            draw_house(canvas, rng, side, z, width)
        z += width
    rng = np.random.default_rng([seed, 3, 1 + side])
    for z in np.arange(rng.uniform(14, 20), length, 27):
        draw_tree(canvas, rng, side * (ROAD + 0.9), z + 9, rng.uniform(6, 8))
        steel, arm = (84, 88, 90), -side * 1.4
        post = [
            ((0, 0, 0), (0, 7.4, 0), 0.075, steel),
            ((0, 0, 0), (0, 1.2, 0), 0.12, steel),
            ((0, 7.4, 0), (arm, 7.7, 0), 0.05, steel),
            ((arm, 7.7, 0), (arm * 1.4, 7.7, 0), 0.11, (150, 150, 148)),
        ]
        canvas.solid(rods(post, (2.1, 3.95, 0.2)), (side * (ROAD + 0.5), KERB, z), "pole")
    x, z = side * (ROAD + 0.45), 27.0 + 9 * side
    canvas.solid(rods([((0, 0, 0), (0, 2.7, 0), 0.045, (96, 98, 100))], (0.1, 1.4, 0.1)), (x, KERB, z), "pole")
    canvas.plane((x - 0.36, 2.1, z - 0.08), (1, 0, 0), (0, 1, 0), (0.72, 0.72), roundel, "sign")


def traffic(seed: int, traveled: float, length: float) -> list[tuple[float, float, int, Array, bool]]:
    """Cars as (x, z, facing, paint, van) when we have driven so far: parked, ahead of us, oncoming."""
    cars = []
    for side in (-1, 1):
        rng = np.random.default_rng([seed, 4, 1 + side])
        z = rng.uniform(19, 23) if side < 0 else rng.uniform(12, 15)
        while z < length:
            cars.append((side * (ROAD - 1.15) + rng.uniform(-0.1, 0.1), z, -side, rng.integers(6), rng.random() < 0.15))
            z += rng.choice((5.2, 5.6, 12, 24))
    rng = np.random.default_rng([seed, 4])
    cars.append((LANE - 0.1, rng.uniform(15, 21) + 1.08 * traveled, 1, rng.integers(6), False))
    for z in rng.uniform(26, 32) + np.cumsum(rng.uniform(14, 40, 40)):
        cars.append((1.7, z - 0.9 * traveled, -1, rng.integers(6), rng.random() < 0.2))
    return [(x, z, facing, PAINTS[4 if van else paint], bool(van)) for x, z, facing, paint, van in cars if z < length]


def draw_people(canvas: Canvas, seed: int, traveled: float) -> None:
    """Pedestrians on both pavements and a cyclist."""
    walkers = ((-1, 12, 0.6), (-1, 16, -0.2), (1, 19, 0.3), (1, 20, 0.3), (1, 34, -0.1), (-1, 40, 0.1))
    for block, (side, start, speed) in product(range(int(traveled / 45) + 2), walkers):
        rng = np.random.default_rng([seed, 5, block, start])
        x = side * (ROAD + rng.uniform(1.1, 2.4))
        z = 45 * block + start + rng.uniform(0, 2) + speed * (traveled - 45 * block)
        canvas.shadow(x, z, 0.4, 0.5)
        canvas.solid(person(rng), (x, KERB, z), "pedestrian", 1 if speed > 0 else -1)
    rng = np.random.default_rng([seed, 5])
    z = rng.uniform(9, 11) + 0.99 * traveled
    canvas.shadow(LANE - 1.25, z, 0.3, 1.5)
    canvas.solid(person(rng, riding=True), (LANE - 1.25, 0, z), "bicyclist")


def finish(canvas: Canvas, seed: int) -> Image.Image:
    """What air, lens and sensor add: haze, contrast, blur, vignette, noise; at half the size of the canvas."""
    veil = np.where(np.isinf(canvas.depth), 0, 1 - np.exp(-canvas.depth / 260))[..., None]
    color = canvas.color * (1 - veil) + np.array((205, 210, 216)) * veil
    height, width = (n // 2 for n in canvas.depth.shape)
    color = color.reshape(height, 2, width, 2, 3).mean((1, 3))
    radius = np.hypot(canvas.dx[::2][None], canvas.dy[::2][:, None])[..., None]
    tone = np.clip(color / 243 * (1 - 0.3 * radius**2), 0, 1)
    color = 255 * (0.8 * tone + 0.2 * tone * tone * (3 - 2 * tone))
    soft = Image.fromarray(np.clip(color, 0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.5))
    grain = np.random.default_rng(seed).normal(0, 1, (height, width, 4))
    noisy = np.asarray(soft) + 1.6 * grain[..., :1] + 1.1 * grain[..., 1:]
    return Image.fromarray(np.clip(noisy, 0, 255).round().astype(np.uint8))


def draw_street(seed: int, traveled: float = 0.0, size: tuple[int, int] = (480, 360)) -> tuple[Image.Image, Array]:
    """The picture (RGB) and the CamVid classes of its pixels, after driving some meters along street ``seed``."""
    canvas, length = Canvas((2 * size[0], 2 * size[1]), (LANE, EYE, traveled)), 190 + traveled
    cars = traffic(seed, traveled, length)
    draw_sky(canvas, seed)
    draw_ground(canvas, length + 60, seed)
    for x, z, facing, paint, van in cars:
        canvas.shadow(x, z, 1.7, 4.0)
        canvas.solid(car(paint, van), (x, 0, z), "car", facing)
    for side in (-1, 1):
        draw_side(canvas, seed, side, length)
    draw_people(canvas, seed, traveled)
    end = facade(80, 9, WALLS[0], FASCIAS[0], False, 0.8, seed)
    canvas.plane((-40, 0, length + 20), (1, 0, 0), (0, 1, 0), (80, 9), end, "building")
    rng = np.random.default_rng([seed, 6])
    for x in range(-14, 15, 4):
        draw_tree(canvas, rng, x, length - rng.uniform(0, 12), rng.uniform(7, 12))
    return finish(canvas, seed + round(10 * traveled)), canvas.label[::2, ::2].copy()


def width_height(text: str) -> tuple[int, int]:
    """Width and height from '480x360'."""
    width, height = (int(part) for part in text.lower().split("x"))
    if min(width, height) < 16:
        raise ValueError(text)
    return width, height


def main() -> None:
    """Write street_1.jpg, street_2.jpg, ... and, if asked, their class maps."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("examples/street"), help="folder to write to")
    parser.add_argument("--count", type=int, default=4, help="how many frames (default 4)")
    parser.add_argument("--seed", type=int, default=12, help="which street (default 12)")
    parser.add_argument("--step", type=float, default=2.0, help="meters driven between frames (default 2)")
    parser.add_argument("--size", type=width_height, default=(480, 360), help="width x height (default 480x360)")
    parser.add_argument("--labels", action="store_true", help="also write street_N.png with CamVid class indices")
    options = parser.parse_args()
    for index in range(options.count):
        picture, label = draw_street(options.seed, index * options.step, options.size)
        with atomic_path(options.out / f"street_{index + 1}.jpg") as temporary:
            picture.save(temporary, "JPEG", quality=90)
        if options.labels:
            with atomic_path(options.out / f"street_{index + 1}.png") as temporary:
                Image.fromarray(label).save(temporary, "PNG")


if __name__ == "__main__":
    main()
