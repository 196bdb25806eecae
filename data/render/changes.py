"""One thing changed at a time in a finished room: its light, its walls, the camera's height, its lens, what lies about.

Nothing here draws from the room's own random numbers before the views are chosen, so the room is the embedded one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import bpy
import numpy as np
from camera import Scout, View
from materials import hsv
from materials_index import EMISSIVE
from mathutils import Vector
from placing import Item, Room
from plan import Plan

BASE = "base"
LIGHTS = ("light-evening", "light-lamp")
WALLS = ("wall-dark", "wall-brick")
HEIGHTS = {"height-low": 0.6, "height-high": 2.2}  # metres
HEADROOM = 0.3  # metres that stay free between the camera and the ceiling
FIELDS = {"view-40": 40.0, "view-75": 75.0, "view-90": 90.0}  # degrees across; the base has 56.9
CLUTTER = "clutter"
CHANGES = (BASE, *LIGHTS, *WALLS, *HEIGHTS, *FIELDS, CLUTTER)
SAME_DEPTH = (BASE, *LIGHTS, *WALLS)  # what changes the picture alone
STOPS = {"light-evening": -1.3}  # darker than the camera would expose; all else is exposed as the base is
LITTER = ("box", "backpack", "shoes", "cushion", "bin", "ball", "stool", "toy_blocks", "book_stack", "plant", "box")
ON_TOP = ("book_stack", "vase", "mug", "bowl", "box", "fruit_bowl", "ball", "backpack")
TABLES = ("desk", "dining_table", "coffee_table", "dresser", "nightstand", "kids_table", "kitchen_counter", "bench")
TABLES += ("bed", "sofa", "armchair", "shelf_classroom_desk", "tv_unit", "washing_machine", "filing_cabinet")
PIECES, TRIES = 10, 60  # of clutter on the floor: at most so many, out of so many that were tried


def lens(plan: Plan, change: str) -> Plan:
    """The plan with the camera's focal length of a change."""
    if change not in FIELDS:
        return plan
    return replace(plan, focal=round(plan.width / 2 / math.tan(math.radians(FIELDS[change]) / 2), 2))


def stand(view: View, change: str, height: float) -> View:
    """The pose of a change in a room of a height: where and whither the base looks, from lower down or higher up."""
    if change not in HEIGHTS:
        return view
    return View(**{**vars(view), "z": round(min(HEIGHTS[change], height - HEADROOM), 4)})


class Changes:
    """What can be changed in a finished room, seen from one view; made after the views are chosen.

    Everything that a change adds is made here and hidden, so that `materials.plain_bounces` finds all materials.
    """

    def __init__(self, scene, room: Room, scout: Scout, view: View, plan: Plan, rng: np.random.Generator) -> None:
        self.scene, self.room, self.scout, self.view, self.plan = scene, room, scout, view, plan
        room.rng = room.kit.rng = room.shell.rng = rng
        color = hsv(room.pick(0.6, 0.38, 0.97, 0.75), 0.62, 0.1)
        self.walls = {"wall-dark": room.kit.wall_paint(color), "wall-brick": room.kit.brick_wall()}
        self.lamp = room.shell.bulb(self._beside(), 60.0, hsv(0.08, 0.6, 1.0), 0.06)
        self.lamp.hide_render = True
        self.clutter = [item.obj for item in self._litter()]
        for obj in self.clutter:
            obj.hide_render = True

    @contextmanager
    def made(self, change: str) -> Iterator[None]:
        """The scene with one change, and as it was afterwards."""
        undo: list = []

        def put(owner, name: str, value) -> None:
            old = getattr(owner, name)
            undo.append(
                (owner, name, tuple(old) if name == "color" else old)
            )  # a colour is a view of what it was read from
            setattr(owner, name, value)

        if change in LIGHTS:
            self._light(change, put)
        elif change in WALLS:
            for obj in bpy.data.objects:
                if obj.name.split(".")[0] == "wall":
                    for slot in obj.material_slots:
                        put(slot, "material", self.walls[change])
        elif change == CLUTTER:
            for obj in self.clutter:
                put(obj, "hide_render", False)
        camera = self.scene.camera.data
        put(camera, "lens", camera.sensor_width * lens(self.plan, change).focal / self.plan.width)
        try:
            yield
        finally:
            for owner, name, value in reversed(undo):
                setattr(owner, name, value)

    def _light(self, change: str, put) -> None:
        """Night outside; within a third of the lamps' light and warmer, or one bulb at the side."""
        lone = change == "light-lamp"
        for obj in bpy.data.objects:
            if obj.type != "LIGHT" or obj == self.lamp:
                continue
            if lone or obj.data.type == "SUN" or obj.name.split(".")[0] == "daylight":
                put(obj, "hide_render", True)
            else:
                put(obj.data, "energy", obj.data.energy / 3)
                put(obj.data, "color", hsv(0.075, 0.6, 1.0))
        put(self.lamp, "hide_render", not lone)
        for material in bpy.data.materials:
            shader = material.node_tree.nodes.get("Principled BSDF") if material.node_tree else None
            if shader is None:
                continue
            strength = shader.inputs["Emission Strength"]
            if material.name.split(".")[0] == "outdoors":
                put(strength, "default_value", 0.01)
            elif material.pass_index == EMISSIVE:
                put(strength, "default_value", 0.0 if lone else strength.default_value / 3)
        for node in self.scene.world.node_tree.nodes:
            if node.type == "MATH":
                put(node.inputs[1], "default_value", 0.0)

    def _beside(self) -> tuple[float, float, float]:
        """Where the one bulb hangs: clear of everything, and such that it lights about two thirds of what is seen."""
        depth, _ = self.scout.look(self.view)
        seen = np.isfinite(depth)
        points = (self.scout.rays * np.where(seen, depth, 1.0)[:, None])[seen] @ self.view.rotation().T
        points += (self.view.x, self.view.y, self.view.z)
        width, length, height = self.room.size
        best, best_fault = None, math.inf
        for _ in range(80):
            place = (
                self.room.uniform(0.4, width - 0.4),
                self.room.uniform(0.4, length - 0.4),
                self.room.uniform(1.1, min(1.7, height - 0.5)),
            )
            if self.scout.tree.find_nearest(Vector(place))[3] < 0.3:
                continue
            away = points - place
            far = np.linalg.norm(away, axis=1)
            lit = [
                (self.scout.tree.ray_cast(Vector(place), Vector(a))[3] or math.inf) > d - 0.05
                for a, d in zip(away, far, strict=True)
            ]
            fault = abs(float(np.mean(lit)) - 0.68)
            if fault < best_fault:
                best, best_fault = place, fault
        return best or (width / 2, length / 2, height - 0.6)

    def _litter(self) -> list[Item]:
        """Things on the floor, on furniture and on the walls that the camera sees, none nearer than 1.1 m."""
        room, kept = self.room, []
        hosts = [item for item in room.items if item.name in TABLES and item.obj is not None]
        for _ in range(TRIES):
            if len(kept) < PIECES:
                kept += self._if_seen(room.anywhere(room.make(room.pick(*LITTER)), tries=6, margin=0.03))
        for host in (host for host in hosts for _ in range(5)):
            kept += self._if_seen(room.on(host, room.make(room.pick(*ON_TOP))))
        for _ in range(8):
            kept += self._if_seen(room.hang(room.make("picture"), room.uniform(1.0, 1.5), tries=6, margin=0.1))
        return kept

    def _if_seen(self, item: Item | None) -> list[Item]:
        """The item where the camera sees it, or nothing, and then it is gone from the room too."""
        if item is None or self._seen((item.low + item.high) / 2):
            return [item] if item else []
        self.room.items.remove(item)
        self.room.drop(item.obj)
        return []

    def _seen(self, point: np.ndarray) -> bool:
        place = (point - (self.view.x, self.view.y, self.view.z)) @ self.view.rotation()
        if place[2] < 1.1:
            return False
        across, down = self.plan.focal * place[:2] / place[2]
        return abs(across) < 0.5 * self.plan.width and abs(down) < 0.55 * self.plan.height
