"""Cheap mesh building for the furniture: primitives that append into one Blender mesh with material slots."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import bpy
import numpy as np


def rotation(angles: Sequence[float]) -> np.ndarray:
    """The 3x3 matrix of rotations about x, then y, then z by ``angles`` (radians)."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(angles), np.sin(angles)
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def ripple(rng: np.random.Generator, wavelength: float, amplitude: float) -> Callable[[np.ndarray], np.ndarray]:
    """A smooth random height field: points [N, 3] to heights [N], a sum of eight sine waves."""
    directions = rng.normal(size=(8, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    waves = directions * (2 * math.pi / (wavelength * rng.uniform(0.6, 1.8, size=(8, 1))))
    phases = rng.uniform(0, 2 * math.pi, size=8)
    return lambda points: amplitude / 2 * np.sin(points @ waves.T + phases).sum(axis=1)


class Builder:
    """Collects vertices and faces of many primitives, then makes one joined object of them.

    Every primitive takes ``at``, the centre of its bottom, in metres, and ``rot``, angles about x, y and z in
    radians around that point.
    """

    def __init__(self) -> None:
        self.points: list[np.ndarray] = []
        self.faces: list[tuple[int, ...]] = []
        self.slots: list[int] = []
        self.materials: list[bpy.types.Material] = []
        self.count = 0

    def add(self, points: np.ndarray, faces: Sequence[Sequence[int]], material, at=(0, 0, 0), rot=None) -> None:
        """Append faces over points [N, 3] with one material."""
        points = np.asarray(points, dtype=float)
        if rot is not None:
            points = points @ rotation(rot).T
        if material not in self.materials:
            self.materials.append(material)
        offset = self.count
        self.points.append(points + np.asarray(at, dtype=float))
        self.faces.extend(tuple(offset + i for i in face) for face in faces)
        self.slots.extend([self.materials.index(material)] * len(faces))
        self.count += len(points)

    @contextmanager
    def placed(self, at=(0, 0, 0), rot=(0, 0, 0), scale=1.0) -> Iterator[None]:
        """Everything appended inside the block is scaled, turned and moved together."""
        start = len(self.points)
        yield
        matrix = rotation(rot).T
        for i in range(start, len(self.points)):
            self.points[i] = self.points[i] * scale @ matrix + np.asarray(at, dtype=float)

    def box(self, size, at, material, bevel=0.004, rot=None) -> None:
        """A box with chamfered edges (26 faces)."""
        half = np.asarray(size, dtype=float) / 2
        bevel = min(bevel, 0.45 * half.min() * 2)
        signs = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
        # Three vertices a corner: vertex 3 * corner + axis lies on the face across that axis.
        points = np.repeat(signs * half, 3, axis=0)
        for axis in range(3):
            for other in range(3):
                if other != axis:
                    points[axis::3, other] -= signs[:, other] * bevel
        points[:, 2] += half[2]
        self.add(points, _BOX_FACES, material, at, rot)

    def lathe(self, profile, at, material, segments=20, rot=None, flat=(1.0, 1.0)) -> None:
        """A surface of revolution about z of ``profile``, pairs (radius, height); ``flat`` squeezes x and y."""
        angles = np.arange(segments) * (2 * math.pi / segments)
        ring = np.stack([np.cos(angles) * flat[0], np.sin(angles) * flat[1]], axis=1)
        points: list[np.ndarray] = []
        rows: list[list[int]] = []
        count = 0
        for radius, height in profile:
            if radius < 1e-6:
                points.append(np.array([[0.0, 0.0, height]]))
                rows.append([count] * segments)
                count += 1
            else:
                points.append(np.concatenate([ring * radius, np.full((segments, 1), height)], axis=1))
                rows.append(list(range(count, count + segments)))
                count += segments
        faces = []
        for low, high in itertools.pairwise(rows):
            for i in range(segments):
                j = (i + 1) % segments
                face = list(dict.fromkeys((low[i], low[j], high[j], high[i])))
                if len(face) > 2:
                    faces.append(face)
        self.add(np.concatenate(points), faces, material, at, rot)

    def cylinder(self, radius, height, at, material, top=None, segments=16, bevel=0.002, rot=None) -> None:
        """A closed cylinder or, with the radius ``top``, a cone frustum."""
        top = radius if top is None else top
        bevel = min(bevel, radius * 0.4, top * 0.4, height * 0.4)
        profile = [(0, 0), (radius - bevel, 0), (radius, bevel), (top, height - bevel), (top - bevel, height)]
        self.lathe([*profile, (0, height)], at, material, segments, rot)

    def ball(self, radius, at, material, segments=16, stretch=1.0, rot=None) -> None:
        """A sphere standing on ``at``, its height multiplied by ``stretch``."""
        angles = np.linspace(0, math.pi, segments // 2 + 1)
        profile = [(radius * math.sin(a), radius * stretch * (1 - math.cos(a))) for a in angles]
        self.lathe(profile, at, material, segments, rot)

    def tube(self, path, radius, material, segments=8, closed=False) -> None:
        """A round tube along the polyline ``path`` [N, 3]."""
        path = np.asarray(path, dtype=float)
        ahead = np.roll(path, -1, axis=0) - path
        behind = path - np.roll(path, 1, axis=0)
        if not closed:
            ahead[-1], behind[0] = behind[-1], ahead[0]
        tangents = ahead / np.linalg.norm(ahead, axis=1, keepdims=True)
        tangents = tangents + behind / np.linalg.norm(behind, axis=1, keepdims=True)
        tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
        side = np.cross(tangents[0], (0, 0, 1) if abs(tangents[0][2]) < 0.9 else (1, 0, 0))
        angles = np.arange(segments) * (2 * math.pi / segments)
        points = []
        for point, tangent in zip(path, tangents, strict=True):
            side = side - tangent * (side @ tangent)  # carried along without twist
            side /= np.linalg.norm(side)
            up = np.cross(tangent, side)
            points.append(point + radius * (np.outer(np.cos(angles), side) + np.outer(np.sin(angles), up)))
        rows = len(path)
        faces = []
        for r in range(rows if closed else rows - 1):
            low, high = r * segments, (r + 1) % rows * segments
            for i in range(segments):
                j = (i + 1) % segments
                faces.append((low + i, low + j, high + j, high + i))
        if not closed:
            faces.append(tuple(reversed(range(segments))))
            faces.append(tuple(range((rows - 1) * segments, rows * segments)))
        self.add(np.concatenate(points), faces, material)

    def sheet(self, surface, columns, rows, material, at=(0, 0, 0), rot=None) -> None:
        """The surface ``surface(u, v) -> [N, 3]`` for u and v in [0, 1] (arrays [N]), as columns x rows quads."""
        u, v = np.meshgrid(np.linspace(0, 1, columns + 1), np.linspace(0, 1, rows + 1))
        points = surface(u.ravel(), v.ravel())
        step = columns + 1
        faces = [
            (r * step + c, r * step + c + 1, (r + 1) * step + c + 1, (r + 1) * step + c)
            for r in range(rows)
            for c in range(columns)
        ]
        self.add(points, faces, material, at, rot)

    def prism(self, outline, height, at, material, rot=None) -> None:
        """The counter-clockwise polygon ``outline``, pairs (x, y), raised by ``height``."""
        outline = np.asarray(outline, dtype=float)
        n = len(outline)
        low = np.concatenate([outline, np.zeros((n, 1))], axis=1)
        sides = [(i, (i + 1) % n, n + (i + 1) % n, n + i) for i in range(n)]
        faces = [tuple(reversed(range(n))), tuple(range(n, 2 * n)), *sides]
        self.add(np.concatenate([low, low + np.array([0, 0, height])]), faces, material, at, rot)

    def soft(self, size, at, material, rng, round_=0.35, wrinkle=0.01, wavelength=0.35, n=8, rot=None, bulge=0.0):
        """A rounded, slightly irregular block: cushions, mattresses, upholstery; edges rounded by ``round_``."""
        size = np.asarray(size, dtype=float)
        half = size / 2
        # Denser near the edges, where the rounding happens.
        line = np.sin(np.linspace(-1, 1, n + 1) * math.pi / 2)
        u, v = (grid.ravel() for grid in np.meshgrid(line, line))
        one = np.ones_like(u)
        cube = np.concatenate(
            [
                np.stack(side, axis=1)
                for side in ((u, v, one), (v, u, -one), (one, u, v), (-one, v, u), (v, one, u), (u, -one, v))
            ]
        )
        radius = round_ * half.min() * 2 * 0.5
        radius = min(radius, half.min() * 0.999)
        core = half - radius
        points = cube * half
        inner = np.clip(points, -core, core)
        outward = points - inner
        # A point on a flat side keeps its place; one in an edge or corner region is pulled to the rounding.
        length = np.linalg.norm(outward, axis=1, keepdims=True)
        points = inner + outward / np.maximum(length, 1e-9) * np.minimum(length, radius)
        if bulge:
            x, y = cube[:, 0], cube[:, 1]
            points[:, 2] *= 1 + bulge * ((1 - x**2) * (1 - y**2) - 0.35)
        if wrinkle:
            height = ripple(rng, wavelength, wrinkle)(points)
            outside = cube / np.linalg.norm(cube, axis=1, keepdims=True)
            points = points + outside * height[:, None]
        points[:, 2] += half[2]
        faces = []
        step = n + 1
        for side in range(6):
            base = side * step * step
            for r in range(n):
                for c in range(n):
                    i = base + r * step + c
                    faces.append((i, i + 1, i + step + 1, i + step))
        points, faces = _weld(points, faces)
        self.add(points, faces, material, at, rot)

    def pillow(self, size, at, material, rng, rot=None, n=14) -> None:
        """A stuffed cushion (width, depth, thickness) with a pinched seam and pointed corners."""
        width, depth, thick = size
        wave = ripple(rng, 0.3 * max(width, depth), 0.006)
        for side in (1, -1):

            def half(u, v, side=side):
                x, y = 2 * u - 1, 2 * v - 1
                puff = np.clip((1 - np.abs(x) ** 3) * (1 - np.abs(y) ** 3), 0, None) ** 0.5
                waist_x, waist_y = 1 - 0.06 * (1 - y**2), 1 - 0.06 * (1 - x**2)
                points = np.stack([x * waist_x * width / 2, y * waist_y * depth / 2, side * puff * thick / 2], axis=1)
                points[:, 2] += thick / 2 + wave(points) * puff * side
                return points

            if side > 0:
                self.sheet(half, n, n, material, at, rot)
            else:
                self.sheet(lambda u, v: half(1 - u, v), n, n, material, at, rot)

    def finish(self, name: str, where: str = "floor") -> bpy.types.Object:
        """Make the object, in the scene collection, with its origin as ``where`` says and ``obj["size"]``.

        ``floor``: centre of the footprint at height 0. ``wall``: centre in x, back at y = 0, bottom at 0.
        ``ceiling``: centre in x and y, top at 0. ``as built``: left as it is.
        """
        points = np.concatenate(self.points)
        low, high = points.min(axis=0), points.max(axis=0)
        shift = np.zeros(3)
        if where != "as built":
            shift[0] = -(low[0] + high[0]) / 2
            shift[1] = -high[1] if where == "wall" else -(low[1] + high[1]) / 2
            shift[2] = -high[2] if where == "ceiling" else -low[2]
        mesh = bpy.data.meshes.new(name)
        mesh.from_pydata((points + shift).tolist(), [], self.faces)
        for material in self.materials:
            mesh.materials.append(material)
        mesh.polygons.foreach_set("material_index", self.slots)
        mesh.shade_smooth()
        mesh.set_sharp_from_angle(angle=math.radians(38))
        mesh.update()
        obj = bpy.data.objects.new(name, mesh)
        bpy.context.scene.collection.objects.link(obj)
        obj["size"] = tuple(float(s) for s in high - low)
        return obj


def _weld(points: np.ndarray, faces: list[tuple[int, ...]]) -> tuple[np.ndarray, list[tuple[int, ...]]]:
    """Merge vertices that lie in the same place, so that shading is smooth across them."""
    _, first, inverse = np.unique(np.round(points, 5), axis=0, return_index=True, return_inverse=True)
    inverse = inverse.ravel()
    merged = [tuple(dict.fromkeys(int(inverse[i]) for i in face)) for face in faces]
    return points[first], [face for face in merged if len(face) > 2]


def _box_faces() -> list[tuple[int, ...]]:
    """The 26 faces of a chamfered box over the 24 vertices made in Builder.box, outward."""
    corners = [(x, y, z) for x in (0, 1) for y in (0, 1) for z in (0, 1)]
    index = {corner: i for i, corner in enumerate(corners)}
    centre = {3 * i + axis: np.array(corner) * 2.0 - 1 for i, corner in enumerate(corners) for axis in range(3)}

    def outward(face: list[int]) -> tuple[int, ...]:
        at = [centre[i] * np.array([1.0 if k == i % 3 else 0.8 for k in range(3)]) for i in face]
        normal = np.cross(at[1] - at[0], at[2] - at[0])
        return tuple(face) if normal @ np.mean(at, axis=0) > 0 else tuple(reversed(face))

    faces = [outward([3 * i, 3 * i + 1, 3 * i + 2]) for i in range(8)]
    for axis in range(3):
        a, b = (k for k in range(3) if k != axis)
        for side in (0, 1):
            ring = []
            for pa, pb in ((0, 0), (1, 0), (1, 1), (0, 1)):
                corner = [0, 0, 0]
                corner[axis], corner[a], corner[b] = side, pa, pb
                ring.append(3 * index[tuple(corner)] + axis)
            faces.append(outward(ring))
        for pa in (0, 1):
            for pb in (0, 1):
                ends = []
                for side in (0, 1):
                    corner = [0, 0, 0]
                    corner[axis], corner[a], corner[b] = side, pa, pb
                    ends.append(index[tuple(corner)])
                faces.append(outward([3 * ends[0] + a, 3 * ends[1] + a, 3 * ends[1] + b, 3 * ends[0] + b]))
    return faces


_BOX_FACES = _box_faces()
