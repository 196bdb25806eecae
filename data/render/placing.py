"""Putting furniture into a room so that nothing intersects: boxes first, triangles where boxes are too coarse.

An object's front faces -Y, its origin is on the floor at the centre of its footprint (wall things: bottom centre of the
back plane). :class:`Room` keeps every placed object's world box and refuses a place that is taken.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import bpy
import furniture
import numpy as np
from mathutils import Matrix, Vector
from mathutils.bvhtree import BVHTree
from shell import E, N, S, W

TURN = {S: math.pi, E: -math.pi / 2, N: 0.0, W: math.pi / 2}  # turns a front (-Y) inwards
THIN = {"curtains", "radiator"}  # much emptier than their box: compared by triangles


@dataclass
class Item:
    """A placed object with its world box (low and high corner) and its triangles in world space."""

    name: str
    obj: bpy.types.Object | None
    low: np.ndarray
    high: np.ndarray
    tree: BVHTree | None = None


def world_points(obj) -> np.ndarray:
    """Vertices of an object in world space [N, 3]."""
    mesh = obj.data
    points = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", points)
    matrix = np.array(Matrix.LocRotScale(obj.location, obj.rotation_euler, obj.scale))
    return points.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]


def tree_of(obj) -> BVHTree:
    """The object's triangles in world space, for overlap and ray tests."""
    return BVHTree.FromPolygons(world_points(obj).tolist(), [tuple(p.vertices) for p in obj.data.polygons])


class Room:
    """A room of ``size`` (width, length, height) being furnished from ``kit`` with random numbers from ``rng``."""

    def __init__(self, kind: str, shell, kit, rng) -> None:
        self.kind, self.shell, self.kit, self.rng = kind, shell, kit, rng
        self.size = shell.size
        self.items: list[Item] = []
        self.anchors: list[Item] = []  # what a photographer would point the camera at

    # Random numbers ---------------------------------------------------------------------------------------------------

    def uniform(self, low: float, high: float) -> float:
        """A float between low and high."""
        return float(self.rng.uniform(low, high))

    def chance(self, probability: float) -> bool:
        """True with a probability."""
        return bool(self.rng.random() < probability)

    def pick(self, *options):
        """One of the options."""
        return options[int(self.rng.integers(len(options)))]

    def count(self, low: int, high: int) -> int:
        """An integer from low to high, both included."""
        return int(self.rng.integers(low, high + 1))

    # Objects ----------------------------------------------------------------------------------------------------------

    def make(self, name: str, **options):
        """A new object from the catalogue, not yet placed."""
        obj = furniture.CATALOGUE[name](self.kit, self.rng, **options)
        obj["kind"] = name
        return obj

    def drop(self, obj) -> None:
        """Throw an unplaced object away."""
        mesh = obj.data
        bpy.data.objects.remove(obj)
        bpy.data.meshes.remove(mesh)

    def reserve(self, low, high, name: str = "reserved") -> None:
        """Keep a box of the room free (in front of doors, around windows)."""
        self.items.append(Item(name, None, np.array(low, float), np.array(high, float)))

    def try_at(
        self, obj, x: float, y: float, turn: float, z: float = 0.0, margin: float = 0.03, exact=False, near=()
    ) -> Item | None:
        """Place at a point if the room is free there; ``exact`` compares triangles instead of boxes.

        ``near`` names kinds whose boxes may overlap ours, as long as no triangle does.
        """
        obj.location, obj.rotation_euler = (x, y, z), (0.0, 0.0, turn)
        points = world_points(obj)
        low, high = points.min(axis=0), points.max(axis=0)
        width, length, height = self.size
        edge = 0.004
        if (
            low[0] < edge
            or low[1] < edge
            or high[0] > width - edge
            or high[1] > length - edge
            or high[2] > height + 0.001
        ):
            return None
        item = Item(obj["kind"], obj, low, high)
        for other in self.items:
            if "rug" in (other.name, item.name) and other.name != item.name and other.obj is not None:
                continue  # legs stand through a rug, which looks like standing on it
            loose = exact or other.name in near or other.name in THIN or item.name in THIN
            gap = 0.0 if loose else margin
            # Things that stand on others share their top plane, hence the millimetres in z.
            apart = (low - gap > other.high) | (high + gap < other.low)
            if apart[0] or apart[1] or low[2] > other.high[2] - 0.003 or high[2] < other.low[2] + 0.003:
                continue
            if other.obj is None or not loose:
                return None
            if item.tree is None:
                item.tree = tree_of(obj)
            if other.tree is None:
                other.tree = tree_of(other.obj)
            if item.tree.overlap(other.tree):
                return None
        self.items.append(item)
        return item

    def add(self, obj, places, **options) -> Item | None:
        """Place at the first free (x, y, turn) of ``places``, or throw the object away and return None."""
        for x, y, turn in places:
            item = self.try_at(obj, x, y, turn, **options)
            if item:
                return item
        self.drop(obj)
        return None

    def anchor(self, item: Item | None) -> Item | None:
        """Remember an item as worth photographing."""
        if item:
            self.anchors.append(item)
        return item

    # Where ------------------------------------------------------------------------------------------------------------

    def on_wall(self, obj, wall: int, along: float, gap: float = 0.02) -> tuple[float, float, float]:
        """The place (x, y, turn) at ``along`` a wall, back to the wall."""
        points = np.array([v.co for v in obj.data.vertices])
        back = float(points[:, 1].max())
        x, y, _ = self.shell.point(wall, along, gap + back, 0.0)
        return x, y, TURN[wall]

    def walls(self) -> list[int]:
        """The four walls in random order."""
        return [int(w) for w in self.rng.permutation(4)]

    def against(
        self, obj, walls=None, gap: float = 0.02, tries: int = 10, corner: bool = False, middle: bool = False, **options
    ):
        """Place with the back against a wall: at a random spot, near a corner or near the middle."""
        places = []
        points = np.array([v.co for v in obj.data.vertices])
        left, right = float(-points[:, 0].min()), float(points[:, 0].max())
        half = max(left, right)
        for wall in self.walls() if walls is None else walls:
            length = self.shell.wall_length(wall)
            low, high = half + 0.04, length - half - 0.04
            if low > high:
                continue
            spots = [self.uniform(low, high) for _ in range(tries)]
            if corner:
                spots = [*self.rng.permutation([low, high]), *spots]
            if middle:
                centre = (low + high) / 2
                spots = [centre + (high - low) * self.uniform(-t, t) / 2 for t in np.linspace(0.05, 1.0, tries)]
            places += [self.on_wall(obj, wall, float(s), gap) for s in spots]
        return self.add(obj, places, **options)

    def hang(self, obj, low: float, walls=None, tries: int = 10, along=None, **options) -> Item | None:
        """Hang a wall thing with its bottom at height ``low``."""
        half = float(obj["size"][0]) / 2 + 0.05
        places = []
        for wall in self.walls() if walls is None else walls:
            length = self.shell.wall_length(wall)
            if length < 2 * half:
                continue
            spots = [along] if along is not None else [self.uniform(half, length - half) for _ in range(tries)]
            places += [self.on_wall(obj, wall, s, 0.006) for s in spots]
        return self.add(obj, places, z=low, **options)

    def anywhere(self, obj, tries: int = 25, edge: float = 0.3, turn=None, region=None, **options) -> Item | None:
        """Place somewhere on the floor (or in ``region`` x0, y0, x1, y1) at a random angle."""
        x0, y0, x1, y1 = region or (edge, edge, self.size[0] - edge, self.size[1] - edge)
        places = [
            (self.uniform(x0, x1), self.uniform(y0, y1), self.uniform(-math.pi, math.pi) if turn is None else turn)
            for _ in range(tries)
        ]
        return self.add(obj, places, **options)

    def beside(self, host: Item, right: float, front: float) -> tuple[float, float]:
        """World point at ``right`` and ``front`` metres from an item's origin, seen in its own frame (front = -Y)."""
        turn = host.obj.rotation_euler[2]
        x, y = right, -front
        return (
            host.obj.location[0] + x * math.cos(turn) - y * math.sin(turn),
            host.obj.location[1] + x * math.sin(turn) + y * math.cos(turn),
        )

    def local_box(self, host: Item) -> tuple[float, float, float, float]:
        """Left, right, back (max y) and front (-min y) extent of an item in its own frame."""
        points = np.array([v.co for v in host.obj.data.vertices])
        return -points[:, 0].min(), points[:, 0].max(), points[:, 1].max(), -points[:, 1].min()

    def on(
        self,
        host: Item,
        obj,
        right=None,
        front=None,
        turn=None,
        tries: int = 12,
        rim: float = 0.05,
        level=None,
        exact=False,
    ):
        """Stand an object on another's top, at a spot of the host's frame or anywhere on it.

        The height is found by rays from above; the spot is refused where the support is uneven.
        """
        left, far, back, near = self.local_box(host)
        if host.tree is None:
            host.tree = tree_of(host.obj)
        base = host.obj.rotation_euler[2]
        points = np.array([v.co for v in obj.data.vertices])
        foot = points[points[:, 2] < points[:, 2].min() + 0.02][:, :2]
        for _ in range(tries if right is None or front is None else 3):
            r = self.uniform(-left + rim, far - rim) if right is None else right + self.uniform(-0.03, 0.03)
            f = self.uniform(-back + rim, near - rim) if front is None else front + self.uniform(-0.03, 0.03)
            angle = base + (self.uniform(-math.pi, math.pi) if turn is None else turn)
            x, y = self.beside(host, r, f)
            c, s = math.cos(angle), math.sin(angle)
            spots = foot[:: max(1, len(foot) // 16)] @ np.array([[c, s], [-s, c]]) + (x, y)
            heights = []
            for px, py in [*spots, (x, y)]:
                hit = host.tree.ray_cast(Vector((px, py, host.high[2] + 1.0)), Vector((0, 0, -1)))[0]
                heights.append(-9.0 if hit is None else hit[2])
            if max(heights) - min(heights) > 0.012 or (level is not None and abs(heights[-1] - level) > 0.03):
                continue
            item = self.try_at(obj, x, y, angle, max(heights) + 0.001, margin=0.01, exact=exact, near=(host.name,))
            if item:
                return item
        self.drop(obj)
        return None
