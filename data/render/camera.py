"""Where to stand and where to look: views a person with a hand-held camera would take, chosen by ray casts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Matrix, Vector
from mathutils.bvhtree import BVHTree
from placing import Room, world_points
from plan import ROOMS

SHELL = ("floor", "ceiling", "wall", "hall", "outside")


@dataclass
class View:
    """A camera pose: position in metres; yaw (from x towards y), pitch (up) and roll (clockwise) in degrees."""

    x: float
    y: float
    z: float
    yaw: float
    pitch: float
    roll: float

    def rotation(self) -> np.ndarray:
        """World from camera, 3x3: columns right, down, forward."""
        yaw, pitch, roll = (math.radians(a) for a in (self.yaw, self.pitch, self.roll))
        forward = np.array([math.cos(yaw) * math.cos(pitch), math.sin(yaw) * math.cos(pitch), math.sin(pitch)])
        level = np.array([math.sin(yaw), -math.cos(yaw), 0.0])
        upright = np.cross(level, forward)
        right = math.cos(roll) * level - math.sin(roll) * upright
        down = -math.sin(roll) * level - math.cos(roll) * upright
        return np.stack([right, down, forward], axis=1)

    def matrix(self) -> Matrix:
        """The Blender object matrix (which looks along its -z, up along its y)."""
        right, down, forward = self.rotation().T
        matrix = np.eye(4)
        matrix[:3, 0], matrix[:3, 1], matrix[:3, 2], matrix[:3, 3] = right, -down, -forward, (self.x, self.y, self.z)
        return Matrix(matrix.tolist())


class Scout:
    """Casts rays into the finished room and scores views."""

    def __init__(self, room: Room) -> None:
        self.room = room
        points, faces, owners, self.names = [], [], [], []
        count = 0
        for obj in bpy.context.scene.objects:
            if obj.type != "MESH":
                continue
            points.append(world_points(obj))
            shift = count
            faces += [tuple(shift + i for i in p.vertices) for p in obj.data.polygons]
            owners += [len(self.names)] * len(obj.data.polygons)
            # Each wall of the room is its own surface.
            self.names.append(obj.name.split(".")[0])
            count += len(points[-1])
        self.tree = BVHTree.FromPolygons(np.concatenate(points).tolist(), faces)
        self.owners = np.array(owners)
        u, v = np.meshgrid(np.linspace(4, ROOMS.width - 5, 20), np.linspace(4, ROOMS.height - 5, 15))
        rays = [(u - ROOMS.cx) / ROOMS.focal, (v - ROOMS.cy) / ROOMS.focal, np.ones_like(u)]
        self.rays = np.stack(rays, axis=-1).reshape(-1, 3)

    def look(self, view: View) -> tuple[np.ndarray, np.ndarray]:
        """z-depth [300] and object index [300] of a grid of pixels; misses have depth inf and index -1."""
        directions = self.rays @ view.rotation().T
        origin = Vector((view.x, view.y, view.z))
        depth, owner = np.full(len(directions), np.inf), np.full(len(directions), -1)
        for i, direction in enumerate(directions):
            _, _, face, distance = self.tree.ray_cast(origin, Vector(direction))
            if face is not None:
                depth[i] = distance / np.linalg.norm(self.rays[i])
                owner[i] = self.owners[face]
        return depth, owner

    def standing(self, x: float, y: float) -> bool:
        """Whether a person could stand there: on free floor, a hand's breadth from furniture and walls."""
        width, length, _ = self.room.size
        if not (0.25 < x < width - 0.25 and 0.25 < y < length - 0.25):
            return False
        here = np.array([x, y])
        for item in self.room.items:
            if item.obj is None or item.high[2] < 0.35 or item.low[2] > 1.9:
                continue
            if np.all(here > item.low[:2] - 0.17) and np.all(here < item.high[:2] + 0.17):
                return False
        return True

    def candidate(self) -> View | None:
        """A random standing view that looks at something worth it, or None."""
        room, rng = self.room, self.room.rng
        width, length, height = room.size
        # Near the walls more often than in the middle: from there one sees the room.
        x, y = (
            float(s * (0.5 + 0.5 * np.sign(t) * abs(t) ** 0.6))
            for s, t in zip((width, length), rng.uniform(-1, 1, 2), strict=True)
        )
        if not self.standing(x, y):
            return None
        z = min(float(np.clip(rng.normal(1.42, 0.13), 1.1, 1.7)), height - 0.5)
        if room.anchors and rng.random() < 0.7:
            item = room.anchors[int(rng.integers(len(room.anchors)))]
            target = (item.low + item.high) / 2 + rng.normal(0.0, 0.3, 3)
        else:
            target = np.array([rng.uniform(0, width), rng.uniform(0, length), rng.uniform(0.3, 1.4)])
        away = target - (x, y, z)
        flat = float(np.hypot(away[0], away[1]))
        if flat < 0.6:
            return None
        yaw = math.degrees(math.atan2(away[1], away[0]))
        pitch = math.degrees(math.atan2(away[2] * 0.75, flat)) + float(rng.normal(0.0, 3.0))
        roll = float(np.clip(rng.normal(0.0, 1.3), -3.0, 3.0))
        return View(x, y, z, yaw, float(np.clip(pitch, -20.0, 5.0)), roll)

    def score(self, view: View) -> tuple[float, float]:
        """How good a picture of the room the view is (higher is better, -inf: unusable), and its median depth."""
        depth, owner = self.look(view)
        if (owner < 0).mean() > 0.02 or depth.min() < 0.6:
            return -math.inf, 0.0
        depth = np.minimum(depth, 20.0)
        median = float(np.median(depth))
        if median < 0.9:
            return -math.inf, median
        names = np.array([self.names[i] for i in owner])
        shell = np.isin(names, SHELL)
        indices, counts = np.unique(owner, return_counts=True)
        parts = counts / len(owner)
        plain = max(
            (p for i, p in zip(indices, parts, strict=True) if self.names[i] in ("wall", "hall", "ceiling")),
            default=0.0,
        )
        thing = max((p for i, p in zip(indices, parts, strict=True) if self.names[i] not in SHELL), default=0.0)
        things = sum(1 for i, c in zip(indices, counts, strict=True) if self.names[i] not in SHELL and c >= 2)
        kinds = {item.obj for item in self.room.anchors}
        seen = sum(1 for i in indices if any(o.name.split(".")[0] == self.names[i] for o in kinds))
        score = 1.6 * min(float((~shell).mean()), 0.6) + 0.11 * min(things, 10) + 0.12 * min(seen, 4)
        score -= (
            2.5 * max(0.0, plain - 0.33)
            + 3.0 * max(0.0, thing - 0.33)
            + 2.5 * max(0.0, float((names == "outside").mean()) - 0.05)
        )
        score += 0.35 * min(float(np.std(np.log(depth))), 0.6)
        # Something large right in front of the lens hides the room.
        score -= 3.5 * max(0.0, float((depth < 1.0).mean()) - 0.1) + 2.0 * max(0.0, float((depth < 1.4).mean()) - 0.35)
        score -= 0.5 * max(0.0, 1.4 - median) + 0.12 * max(0.0, median - 4.5)
        return score, median

    def choose(self, count: int, tries: int = 110) -> list[View]:
        """Up to ``count`` different good views, every sixth or so a close-up."""
        pool = []
        for _ in range(tries * 5):
            view = self.candidate()
            if view is None:
                continue
            score, median = self.score(view)
            if score > -math.inf:
                pool.append((score, median, view))
            if len(pool) >= tries:
                break
        chosen: list[View] = []
        rng = self.room.rng
        while pool and len(chosen) < count:
            close = rng.random() < 0.16
            best, best_score = None, -math.inf
            for entry in pool:
                score, median, view = entry
                if close:
                    score += 1.2 if median < 1.5 else 0.0
                score += float(rng.normal(0.0, 0.12))
                for other in chosen:
                    turn = abs((view.yaw - other.yaw + 180.0) % 360.0 - 180.0)
                    apart = math.hypot(view.x - other.x, view.y - other.y)
                    score -= 1.2 * max(0.0, 1.0 - turn / 75.0) * max(0.25, 1.0 - apart / 2.5)
                if score > best_score:
                    best, best_score = entry, score
            pool.remove(best)
            chosen.append(best[2])
        return chosen
