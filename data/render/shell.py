"""The shell of a room: walls with openings, floor, ceiling, skirting, windows with daylight, doorways and lamps.

A room is a rectangle with one corner at the origin: x in 0..width, y in 0..length, z in 0..height, metres.
Walls are numbered S 0 (y = 0), E 1 (x = width), N 2 (y = length), W 3 (x = 0); a place on a wall is measured along the
axis it is parallel to.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import bpy
from materials import Graph, hsv
from materials_index import EMISSIVE, WINDOW

S, E, N, W = range(4)
OPPOSITE = {S: N, N: S, E: W, W: E}


@dataclass
class Opening:
    """A hole in a wall from ``left`` to ``right`` along the wall and ``low`` to ``high`` in z."""

    wall: int
    left: float
    right: float
    low: float
    high: float
    kind: str  # window | doorway | door (a closed door hung in front of the wall: no hole)


def mesh_object(name: str, points, faces, materials, slots=None, uvs=None):
    """An object from points, faces, materials, a material index per face and UV pairs per face corner."""
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata([tuple(map(float, p)) for p in points], [], faces)
    for material in materials:
        mesh.materials.append(material)
    if slots is not None:
        mesh.polygons.foreach_set("material_index", slots)
    if uvs is not None:
        layer = mesh.uv_layers.new(name="UVMap")
        layer.data.foreach_set("uv", [float(c) for corner in uvs for c in corner])
    mesh.update()
    obj = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(obj)
    return obj


def boxes(name: str, spans, material):
    """One object of axis-aligned boxes, each ((x0, y0, z0), (x1, y1, z1))."""
    points, faces, uvs = [], [], []
    for low, high in spans:
        base = len(points)
        for i in range(8):
            points.append([(low, high)[i >> axis & 1][axis] for axis in range(3)])
        for face, (a, b) in zip(
            ((0, 2, 3, 1), (4, 5, 7, 6), (0, 1, 5, 4), (2, 6, 7, 3), (0, 4, 6, 2), (1, 3, 7, 5)),
            ((0, 1), (0, 1), (0, 2), (0, 2), (1, 2), (1, 2)),
            strict=True,
        ):
            faces.append([base + i for i in face])
            uvs.extend((points[base + i][a], points[base + i][b]) for i in face)
    return mesh_object(name, points, faces, [material], uvs=uvs)


class Shell:
    """Builds the shell of a room of ``size`` (width, length, height) from a kit's materials."""

    def __init__(self, kit, rng, size) -> None:
        self.kit, self.rng, self.size = kit, rng, size
        self.openings: list[Opening] = []

    def wall_length(self, wall: int) -> float:
        """Length of a wall in metres."""
        return self.size[0] if wall in (S, N) else self.size[1]

    def point(self, wall: int, along: float, inward: float, z: float) -> tuple[float, float, float]:
        """World point at ``along`` the wall, ``inward`` from it (negative: outside) at height ``z``."""
        width, length, _ = self.size
        return {
            S: (along, inward, z),
            N: (along, length - inward, z),
            W: (inward, along, z),
            E: (width - inward, along, z),
        }[wall]

    def free(self, wall: int, left: float, right: float, gap: float = 0.15) -> bool:
        """Whether the wall has no opening between left and right (with a gap) yet."""
        inside = left > 0.1 and right < self.wall_length(wall) - 0.1
        return inside and all(o.wall != wall or o.left > right + gap or o.right < left - gap for o in self.openings)

    # Surfaces --------------------------------------------------------------------------------------------------------

    def surfaces(self, floor, ceiling, walls, lower=None, lower_height: float = 0.0) -> None:
        """Floor, ceiling and four walls; ``walls`` is a material or four; ``lower`` covers walls up to a height."""
        width, length, height = self.size
        corners = [(0, 0), (width, 0), (width, length), (0, length)]
        mesh_object("floor", [(*c, 0.0) for c in corners], [(0, 1, 2, 3)], [floor], uvs=corners)
        mesh_object("ceiling", [(*c, height) for c in corners], [(3, 2, 1, 0)], [ceiling], uvs=corners[::-1])
        for wall in range(4):
            upper = walls[wall] if isinstance(walls, (list, tuple)) else walls
            self._wall(wall, upper, lower, lower_height)

    def _wall(self, wall: int, upper, lower, lower_height: float) -> None:
        holes = [o for o in self.openings if o.wall == wall and o.kind != "door"]
        cuts = sorted({0.0, self.wall_length(wall), *(x for o in holes for x in (o.left, o.right))})
        levels = sorted(
            {0.0, self.size[2], *(z for o in holes for z in (o.low, o.high)), *([lower_height] if lower else [])}
        )
        points, faces, slots, uvs = [], [], [], []
        for left, right in pairwise(cuts):
            for low, high in pairwise(levels):
                middle = ((left + right) / 2, (low + high) / 2)
                if any(o.left < middle[0] < o.right and o.low < middle[1] < o.high for o in holes):
                    continue
                corners = [(left, low), (right, low), (right, high), (left, high)]
                faces.append([len(points) + i for i in range(4)])
                points.extend(self.point(wall, a, 0.0, z) for a, z in corners)
                slots.append(1 if lower and middle[1] < lower_height else 0)
                uvs.extend(corners)
        mesh_object("wall", points, faces, [upper, lower] if lower else [upper], slots, uvs)

    def skirting(self, material, height: float = 0.08) -> None:
        """Skirting boards along all walls, interrupted at doors."""
        spans = []
        for wall in range(4):
            doors = sorted((o.left, o.right) for o in self.openings if o.wall == wall and o.low < height)
            start = 0.0
            for left, right in [*doors, (self.wall_length(wall), 0.0)]:
                if left - start > 0.02:
                    spans.append(self.span(wall, start, left, 0.0, 0.014, 0.0, height))
                start = right
        boxes("skirting", spans, material)

    def span(self, wall: int, left: float, right: float, near: float, far: float, low: float, high: float):
        """A box along a wall between two inward distances and two heights, as (low corner, high corner)."""
        a, b = self.point(wall, left, near, low), self.point(wall, right, far, high)
        return tuple(map(min, a, b)), tuple(map(max, a, b))

    # Openings --------------------------------------------------------------------------------------------------------

    def window(self, opening: Opening, frame, day: float, sky) -> None:
        """Reveal, frame, sill board, a backdrop outside and a daylight area lamp; ``day`` 0 (night) to 1."""
        o, depth = opening, 0.16
        reveal = [
            self.span(o.wall, o.left - 0.03, o.left, -depth, -0.001, o.low - 0.03, o.high + 0.03),
            self.span(o.wall, o.right, o.right + 0.03, -depth, -0.001, o.low - 0.03, o.high + 0.03),
            self.span(o.wall, o.left, o.right, -depth, -0.001, o.low - 0.03, o.low),
            self.span(o.wall, o.left, o.right, -depth, -0.001, o.high, o.high + 0.03),
        ]
        bar, inner, outer = 0.05, -0.06, -0.12
        columns = 2 if o.right - o.left > 0.9 else 1
        edges = [o.left + i * (o.right - o.left) / columns for i in range(columns + 1)]
        for i, edge in enumerate(edges):
            left = min(max(edge - bar / 2, o.left), o.right - bar) if 0 < i < columns else (edge, edge - bar)[i > 0]
            reveal.append(self.span(o.wall, left, left + bar, outer, inner, o.low + 0.0005, o.high - 0.0005))
        for z in (o.low, o.high - bar, *([o.low + 0.68 * (o.high - o.low)] if self.rng.random() < 0.4 else [])):
            # A little slimmer than the uprights: coplanar faces would flicker.
            reveal.append(
                self.span(o.wall, o.left + 0.002, o.right - 0.002, outer + 0.004, inner - 0.004, z + 0.001, z + bar)
            )
        if o.low > 0.3:
            reveal.append(self.span(o.wall, o.left - 0.05, o.right + 0.05, -0.05, 0.03, o.low - 0.03, o.low))
        boxes("window", reveal, frame)
        self._backdrop(o, sky)
        if day > 0.02:
            self._daylight(o, day)

    def _backdrop(self, o: Opening, sky) -> None:
        """A large shining picture of outdoors, 3 m behind the window, which lets the sun through."""
        middle, reach, away = (o.left + o.right) / 2, 9.0, -3.0
        corners = [(middle - reach, -3.0), (middle + reach, -3.0), (middle + reach, 7.0), (middle - reach, 7.0)]
        points = [self.point(o.wall, a, away, z) for a, z in corners]
        obj = mesh_object("outside", points, [(0, 1, 2, 3)], [sky], uvs=corners)
        obj.visible_shadow = obj.visible_diffuse = False

    def _daylight(self, o: Opening, day: float) -> None:
        """An area lamp that fills the window and shines inwards."""
        lamp = bpy.data.lights.new("daylight", "AREA")
        lamp.shape, lamp.size, lamp.size_y = "RECTANGLE", o.right - o.left - 0.1, o.high - o.low - 0.1
        lamp.energy = day * 42.0 * lamp.size * lamp.size_y
        lamp.color = hsv(0.6, 0.12, 1.0)
        obj = bpy.data.objects.new("daylight", lamp)
        bpy.context.scene.collection.objects.link(obj)
        obj.location = self.point(o.wall, (o.left + o.right) / 2, -0.03, (o.low + o.high) / 2)
        # A lamp shines along its -z; tilt it inwards and a little down, as the sky does.
        turn = {S: 0.0, E: math.pi / 2, N: math.pi, W: -math.pi / 2}[o.wall]
        obj.rotation_euler = (math.radians(78.0), 0.0, turn)
        obj.visible_camera = obj.visible_glossy = False

    def sun(self, wall: int, strength: float) -> None:
        """A sun that falls through the windows of one wall."""
        lamp = bpy.data.lights.new("sun", "SUN")
        lamp.energy, lamp.angle, lamp.color = strength, math.radians(1.0), (1.0, 0.9, 0.75)
        obj = bpy.data.objects.new("sun", lamp)
        bpy.context.scene.collection.objects.link(obj)
        turn = {S: 0.0, E: math.pi / 2, N: math.pi, W: -math.pi / 2}[wall] + float(self.rng.uniform(-0.9, 0.9))
        obj.rotation_euler = (math.radians(float(self.rng.uniform(38.0, 62.0))), 0.0, turn)

    def doorway(self, o: Opening, frame, wall_material, floor_material) -> None:
        """An open doorway: lining, casing and a stretch of lit hall behind it."""
        wide, casing = 0.13, 0.07
        spans = [
            self.span(o.wall, o.left, o.left + 0.025, -wide, 0.0, 0.0, o.high),
            self.span(o.wall, o.right - 0.025, o.right, -wide, 0.0, 0.0, o.high),
            self.span(o.wall, o.left, o.right, -wide, 0.0, o.high - 0.025, o.high),
            self.span(o.wall, o.left - casing, o.left + 0.012, 0.0, 0.018, 0.0, o.high + casing),
            self.span(o.wall, o.right - 0.012, o.right + casing, 0.0, 0.018, 0.0, o.high + casing),
            self.span(o.wall, o.left + 0.012, o.right - 0.012, 0.0, 0.018, o.high - 0.012, o.high + casing),
        ]
        boxes("casing", spans, frame)
        hall, side, top = float(self.rng.uniform(1.4, 3.2)), 0.9, self.size[2]
        left, right = o.left - side, o.right + side
        near = -wide + 0.02

        def quad(name, corners, material, flat=False):
            points = [self.point(o.wall, *c) for c in corners]
            uvs = [(c[0], c[1]) if flat else (c[0] + c[1], c[2]) for c in corners]
            mesh_object(name, points, [(0, 1, 2, 3)], [material], uvs=uvs)

        far = near - hall
        quad("hall", [(left, far, 0), (right, far, 0), (right, far, top), (left, far, top)], wall_material)
        for x in (left, right):
            quad("hall", [(x, near, 0), (x, far, 0), (x, far, top), (x, near, top)], wall_material)
        quad("hall", [(left, near, top), (right, near, top), (right, far, top), (left, far, top)], wall_material)
        quad("hall", [(left, 0, 0), (right, 0, 0), (right, far, 0), (left, far, 0)], floor_material, flat=True)
        lamp = self.lamp(
            self.point(o.wall, (o.left + o.right) / 2, far / 2, top - 0.05), 0.5, 0.5, 18.0, (1, 0.85, 0.65)
        )
        lamp.rotation_euler = (0, 0, 0)

    # Light -----------------------------------------------------------------------------------------------------------

    def lamp(self, place, wide: float, long: float, watts: float, color):
        """A downward rectangular area lamp, itself invisible."""
        lamp = bpy.data.lights.new("lamp", "AREA")
        lamp.shape, lamp.size, lamp.size_y = "RECTANGLE", wide, long
        lamp.energy, lamp.color = watts, color
        obj = bpy.data.objects.new("lamp", lamp)
        bpy.context.scene.collection.objects.link(obj)
        obj.location = place
        obj.visible_camera = obj.visible_glossy = False
        return obj

    def bulb(self, place, watts: float, color, radius: float = 0.09):
        """A point lamp with a soft radius, itself invisible."""
        lamp = bpy.data.lights.new("bulb", "POINT")
        lamp.energy, lamp.color, lamp.shadow_soft_size = watts, color, radius
        obj = bpy.data.objects.new("bulb", lamp)
        bpy.context.scene.collection.objects.link(obj)
        obj.location = place
        obj.visible_camera = obj.visible_glossy = False
        return obj

    def panel(self, x: float, y: float, wide: float, long: float, watts: float, color, thick: float = 0.03) -> None:
        """A shining panel under the ceiling with an area lamp just below it."""
        z = self.size[2]
        span = ((x - wide / 2, y - long / 2, z - thick), (x + wide / 2, y + long / 2, z - 0.001))
        glow = shining("panel", 3.0, color)
        obj = boxes("panel", [span], glow)
        obj.visible_diffuse = obj.visible_shadow = False
        self.lamp((x, y, z - thick - 0.01), wide, long, watts, color)


def shining(name: str, strength: float, color):
    """An emissive material for the eye only: the light itself comes from lamps, which sample better."""
    graph = Graph(name)
    graph.set(Base_Color=(0.8, 0.8, 0.8), Emission_Color=tuple(color), Emission_Strength=strength)
    graph.material.cycles.emission_sampling = "NONE"
    graph.material.pass_index = EMISSIVE
    return graph.material


def outdoors(rng, day: float):
    """The view outside: sky above, foliage or house fronts below, soft as if out of focus; dark at night."""
    graph = Graph("outdoors")
    where = graph.uv_coordinates()
    split = graph.node("ShaderNodeSeparateXYZ")
    graph.link(where, split.inputs[0])
    wobble = graph.node("ShaderNodeMath", operation="MULTIPLY_ADD")
    graph.link(graph.noise(where, 0.8, 4.0), wobble.inputs[0])
    wobble.inputs[1].default_value = 2.6
    graph.link(split.outputs["Y"], wobble.inputs[2])
    level = graph.node("ShaderNodeMapRange")
    level.inputs["From Min"].default_value, level.inputs["From Max"].default_value = -1.0, 6.0
    graph.link(wobble.outputs[0], level.inputs["Value"])
    hue = float(rng.choice([0.3, 0.27, 0.08]))
    dark, light = hsv(hue, 0.6, 0.16), hsv(hue - 0.02, 0.45, 0.42)
    overcast = float(rng.uniform(0.05, 0.45))
    sky = [hsv(0.58, 0.3 * overcast, 0.95), hsv(0.6, overcast, 0.9)]
    edge = float(rng.uniform(0.42, 0.62))
    stops = [(0.15, dark), (edge - 0.04, light), (edge + 0.04, sky[0]), (0.95, sky[1])]
    color = graph.ramp(level.outputs["Result"], *stops)
    graph.link(color, graph.shader.inputs["Emission Color"])
    graph.set(Base_Color=(0.0, 0.0, 0.0), Emission_Strength=0.01 + 2.6 * day, Roughness=1.0)
    graph.material.cycles.emission_sampling = "NONE"
    graph.material.pass_index = WINDOW
    return graph.material
