"""The ground of a street: the road's course, its cross-section swept along it, markings, hills.

A place is (s, t): metres along the centre line and metres to the left of it. Everything at or near the carriageway lies
in the plane z = 0 (kerbs and pavements 12 cm above it); hills begin beyond the houses.
"""

from __future__ import annotations

import math

import bpy
import numpy as np
from meshing import Builder
from shell import mesh_object

KERB = 0.12


class Path:
    """The centre line: straight along +x from s = -80, then arcs given as (length, curvature in 1/m)."""

    def __init__(self, bends, start: float = -80.0, end: float = 900.0) -> None:
        self.s = np.arange(start, end, 1.0)
        curvature = np.zeros_like(self.s)
        at = 0.0
        for length, bend in bends:
            curvature[(self.s >= at) & (self.s < at + length)] = bend
            at += length
        # Bends begin gently, as clothoids do.
        curvature = np.convolve(curvature, np.ones(21) / 21, mode="same")
        self.heading = np.cumsum(curvature)
        self.heading -= np.interp(0.0, self.s, self.heading)
        self.x = np.cumsum(np.cos(self.heading))
        self.y = np.cumsum(np.sin(self.heading))
        self.x -= np.interp(0.0, self.s, self.x)
        self.y -= np.interp(0.0, self.s, self.y)

    def turn(self, s):
        """Heading in radians."""
        return np.interp(s, self.s, self.heading)

    def at(self, s, t=0.0):
        """World (x, y) of a place; arrays give arrays."""
        angle = self.turn(s)
        return np.interp(s, self.s, self.x) - t * np.sin(angle), np.interp(s, self.s, self.y) + t * np.cos(angle)

    def distance(self, x, y) -> np.ndarray:
        """Distance of world points from the centre line."""
        nodes = np.stack([self.x, self.y], axis=1)[::6]
        points = np.stack([np.ravel(x), np.ravel(y)], axis=1)
        nearest = np.full(len(points), np.inf)
        for node in nodes:
            nearest = np.minimum(nearest, ((points - node) ** 2).sum(axis=1))
        return np.sqrt(nearest).reshape(np.shape(x))


def sweep(path: Path, name: str, line, material, start: float, end: float, step: float = 3.0):
    """Sweep a polyline of (t, z) pairs (left to right gives faces that look up) from ``start`` to ``end``; UV in metres."""
    stations = np.linspace(start, end, max(2, round((end - start) / step) + 1))
    line = np.asarray(line, float)
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    points, uv = [], []
    for s in stations:
        for (t, z), a in zip(line, along, strict=True):
            x, y = path.at(s, t)
            points.append((float(x), float(y), z))
            uv.append((s, line[0, 0] - a))
    n = len(line)
    faces, uvs = [], []
    for i in range(len(stations) - 1):
        for j in range(n - 1):
            face = (i * n + j, i * n + j + 1, (i + 1) * n + j + 1, (i + 1) * n + j)
            faces.append(face)
            uvs += [uv[k] for k in face]
    return mesh_object(name, points, faces, [material], uvs=uvs)


def stripe(path: Path, builder: Builder, s0: float, s1: float, t: float, width: float, material, z: float = 0.004):
    """A painted stripe along the road from s0 to s1 at t."""
    pieces = max(1, math.ceil((s1 - s0) / 4.0))
    stations = np.linspace(s0, s1, pieces + 1)
    points = []
    for s in stations:
        for side in (0.5, -0.5):
            x, y = path.at(s, t + side * width)
            points.append((float(x), float(y), z))
    faces = [(2 * i, 2 * i + 1, 2 * i + 3, 2 * i + 2) for i in range(pieces)]
    builder.add(np.array(points), faces, material)


def dashes(path: Path, builder: Builder, s0: float, s1: float, t: float, material, on=3.0, off=6.0, width=0.13):
    """A broken line."""
    for s in np.arange(s0, s1, on + off):
        stripe(path, builder, s, s + on, t, width, material)


def crossing(path: Path, builder: Builder, s: float, half: float, material, depth: float = 3.0) -> None:
    """Zebra stripes across the carriageway."""
    for t in np.arange(-half + 0.5, half - 0.2, 1.0):
        stripe(path, builder, s, s + depth, t, 0.5, material)


def manhole(path: Path, builder: Builder, s: float, t: float, material) -> None:
    """An iron cover, flush with the road."""
    x, y = path.at(s, t)
    angles = np.arange(16) * math.tau / 16
    points = np.stack([np.cos(angles) * 0.33, np.sin(angles) * 0.33, np.zeros(16)], axis=1)
    builder.add(points, [tuple(range(16))], material, (float(x), float(y), 0.004))


def hills(path: Path, rng, material, flat: float, height: float, far: float = 1500.0):
    """Land all around: level within ``flat`` metres of the road, then rising to hills; returns its height function.

    Heights are below zero near the road, where the swept strips cover it.
    """
    phases, size = rng.uniform(0, math.tau, (6, 2)), rng.uniform(90.0, 420.0, 6)
    angle = rng.uniform(0, math.tau, 6)

    def raw(x, y):
        total = np.zeros(np.shape(x))
        for k in range(6):
            u, v = x * math.cos(angle[k]) + y * math.sin(angle[k]), y * math.cos(angle[k]) - x * math.sin(angle[k])
            total = total + size[k] / 420 * np.sin(u / size[k] * 2 + phases[k, 0]) * np.cos(
                v / size[k] * 1.3 + phases[k, 1]
            )
        return total

    def level(x, y):
        away = np.maximum(path.distance(x, y) - flat, 0.0)
        rise = away / (away + 320.0)
        return -0.06 + height * rise * (1.0 + 0.6 * raw(x, y)) + 0.02 * height * rise * np.minimum(away / 40, 8)

    # Cells grow with distance.
    grid = np.sinh(np.linspace(-5.2, 5.2, 121)) / math.sinh(5.2) * far
    xs, ys = np.meshgrid(grid + 150.0, grid)
    zs = level(xs, ys)
    points = np.stack([xs, ys, zs], axis=-1).reshape(-1, 3)
    n = len(grid)
    faces = [
        (r * n + c, r * n + c + 1, (r + 1) * n + c + 1, (r + 1) * n + c) for r in range(n - 1) for c in range(n - 1)
    ]
    uvs = [tuple(points[k][:2]) for face in faces for k in face]
    obj = mesh_object("land", points, faces, [material], uvs=uvs)
    obj.data.shade_smooth()
    return lambda x, y: level(np.asarray(x, float), np.asarray(y, float))


def collect(name: str, builder: Builder) -> bpy.types.Object | None:
    """Finish a builder of flat things, if there is anything in it."""
    return builder.finish(name, "as built") if builder.count else None
