"""Procedural Cycles materials for the rendered rooms: one :class:`Kit` per scene, one palette per kit.

A kit draws a palette (a wood family, one accent hue, a wall colour) once, so that everything in a room goes together, and
then hands out materials. The same call may return the same material twice: few materials keep a scene quick to compile.

Coordinates: furniture materials use object space (metres from the object's origin, shifted by a random number per object);
surface materials (``wall_paint wallpaper wood_floor tiles carpet ceiling``) use the UV map, which :mod:`rooms` sets in metres.

``material.pass_index`` says how a depth camera sees the surface; :mod:`sensor` reads it:
0 ordinary, 1 shiny, 2 mirror or glass, 3 emissive, 4 dark and glossy, 5 outside a window.
"""

from __future__ import annotations

import colorsys

import bpy
from materials_index import DARK, EMISSIVE, MIRROR, SHINY

WOODS = {  # light and dark end of the grain, linear RGB
    "beech": ((0.55, 0.34, 0.18), (0.40, 0.22, 0.10)),
    "oak": ((0.42, 0.25, 0.12), (0.27, 0.14, 0.06)),
    "honey": ((0.46, 0.22, 0.07), (0.28, 0.11, 0.03)),
    "walnut": ((0.17, 0.08, 0.04), (0.07, 0.03, 0.015)),
    "cherry": ((0.28, 0.09, 0.04), (0.15, 0.04, 0.02)),
    "grey": ((0.36, 0.31, 0.26), (0.22, 0.19, 0.16)),
    "birch": ((0.68, 0.53, 0.36), (0.55, 0.40, 0.25)),
}


def hsv(hue: float, saturation: float, value: float) -> tuple[float, float, float]:
    """Linear RGB from hue, saturation, value."""
    return colorsys.hsv_to_rgb(hue % 1.0, min(max(saturation, 0.0), 1.0), min(max(value, 0.0), 1.0))


class Graph:
    """A thin hand for building a node tree: ``graph.node("ShaderNodeTexNoise", Scale=5.0)``."""

    def __init__(self, name: str) -> None:
        self.material = bpy.data.materials.new(name)
        self.material.use_nodes = True
        self.tree = self.material.node_tree
        self.shader = self.tree.nodes["Principled BSDF"]

    def node(self, kind: str, **values):
        """Add a node; capitalised keywords set inputs (``_`` for a space), the others set attributes."""
        node = self.tree.nodes.new(kind)
        for key, value in values.items():
            if key[0].isupper():
                node.inputs[key.replace("_", " ")].default_value = value
            else:
                setattr(node, key, value)
        return node

    def link(self, output, target) -> None:
        """Connect an output socket with an input socket."""
        self.tree.links.new(output, target)

    def set(self, **values) -> None:
        """Set inputs of the Principled shader."""
        for key, value in values.items():
            if isinstance(value, tuple) and len(value) == 3:
                value = (*value, 1.0)
            self.shader.inputs[key.replace("_", " ")].default_value = value

    def object_coordinates(self, scale=(1.0, 1.0, 1.0)):
        """Object space in metres, shifted by a random number per object, scaled per axis."""
        coordinates = self.node("ShaderNodeTexCoord").outputs["Object"]
        info = self.node("ShaderNodeObjectInfo").outputs["Random"]
        shift = self.node("ShaderNodeVectorMath", operation="SCALE", Scale=1.0)
        shift.inputs[0].default_value = (17.0, 23.0, 31.0)
        self.link(info, shift.inputs["Scale"])
        add = self.node("ShaderNodeVectorMath", operation="ADD")
        self.link(coordinates, add.inputs[0])
        self.link(shift.outputs[0], add.inputs[1])
        mapping = self.node("ShaderNodeMapping", Scale=scale)
        self.link(add.outputs[0], mapping.inputs["Vector"])
        return mapping.outputs[0]

    def uv_coordinates(self, scale=(1.0, 1.0, 1.0), turn: float = 0.0):
        """The UV map (metres), turned by an angle in radians and scaled."""
        mapping = self.node("ShaderNodeMapping", Scale=scale, Rotation=(0.0, 0.0, turn))
        self.link(self.node("ShaderNodeTexCoord").outputs["UV"], mapping.inputs["Vector"])
        return mapping.outputs[0]

    def ramp(self, factor, *stops):
        """A colour ramp over ``factor``; each stop is (position, linear RGB)."""
        node = self.node("ShaderNodeValToRGB")
        elements = node.color_ramp.elements
        for index, (position, color) in enumerate(stops):
            element = elements[index] if index < 2 else elements.new(position)
            element.position = position
            element.color = (*color, 1.0)
        self.link(factor, node.inputs["Fac"])
        return node.outputs["Color"]

    def noise(self, coordinates, scale: float, detail: float = 2.0, roughness: float = 0.5):
        """The value of a noise texture at ``coordinates``."""
        node = self.node("ShaderNodeTexNoise", Scale=scale, Detail=detail, Roughness=roughness)
        self.link(coordinates, node.inputs["Vector"])
        return node.outputs["Fac"]

    def remap(self, value, low: float, high: float):
        """Map 0..1 to low..high."""
        node = self.node("ShaderNodeMapRange")
        node.inputs["To Min"].default_value = low
        node.inputs["To Max"].default_value = high
        self.link(value, node.inputs["Value"])
        return node.outputs["Result"]

    def bump(self, height, distance: float, strength: float = 1.0) -> None:
        """Bump-map the shader by ``height`` times ``distance`` metres."""
        node = self.node("ShaderNodeBump", Strength=strength, Distance=distance)
        self.link(height, node.inputs["Height"])
        self.link(node.outputs["Normal"], self.shader.inputs["Normal"])

    def color(self, output) -> None:
        """Feed the base colour."""
        self.link(output, self.shader.inputs["Base Color"])

    def roughness(self, output) -> None:
        """Feed the roughness."""
        self.link(output, self.shader.inputs["Roughness"])


class Kit:
    """The materials of one scene: a palette drawn from ``rng`` (numpy Generator), then a method per kind of material."""

    def __init__(self, rng) -> None:
        self.rng = rng
        self.hue = float(rng.random())
        # One accent hue and a neighbour or the complement: three hues are enough for a room to hold together.
        self.hues = [self.hue, self.hue + float(rng.choice([0.08, -0.08, 0.5, 0.42])), 0.08]
        names = list(WOODS)
        first = str(rng.choice(names))
        self.wood_names = [first, str(rng.choice([first, first, *names]))]
        self.warm_wall = float(rng.choice([0.0, 0.02, 0.05, 0.09]))
        self.wall_value = float(rng.uniform(0.55, 0.82))
        self._pool: dict[str, list] = {}

    def _pick(self, name: str, build, most: int):
        """One of up to ``most`` materials called ``name``, built when first drawn."""
        pool = self._pool.setdefault(name, [])
        index = int(self.rng.integers(most))
        if index >= len(pool):
            pool.append(build())
            index = len(pool) - 1
        return pool[index]

    def _accent(self, saturation=(0.25, 0.7), value=(0.12, 0.6)) -> tuple[float, float, float]:
        """A colour of the palette."""
        hue = self.hues[int(self.rng.integers(3))] + float(self.rng.normal(0.0, 0.015))
        return hsv(hue, float(self.rng.uniform(*saturation)), float(self.rng.uniform(*value)))

    def _neutral(self, low: float, high: float) -> tuple[float, float, float]:
        """A grey, slightly warm."""
        return hsv(0.08, float(self.rng.uniform(0.0, 0.15)), float(self.rng.uniform(low, high)))

    # Furniture -------------------------------------------------------------------------------------------------------

    def wood(self):
        """Grained wood, satin."""
        return self._pick("wood", self._build_wood, 2)

    def _build_wood(self):
        graph = Graph("wood")
        light, dark = WOODS[self.wood_names[len(self._pool["wood"]) % 2]]
        axis = [1.0, 1.0, 1.0]
        axis[int(self.rng.integers(3))] = 0.06  # the grain runs along this axis
        where = graph.object_coordinates((axis[0] * 9.0, axis[1] * 9.0, axis[2] * 9.0))
        grain = graph.noise(where, 3.0, 6.0, 0.62)
        graph.color(graph.ramp(grain, (0.32, dark), (0.68, light)))
        graph.roughness(graph.remap(grain, 0.55, 0.3))
        graph.bump(grain, 0.0008)
        return graph.material

    def painted(self):
        """Painted or laminated board: white, cream, or an accent."""
        return self._pick("painted", self._build_painted, 3)

    def _build_painted(self):
        graph = Graph("painted")
        color = self._neutral(0.6, 0.82) if self.rng.random() < 0.6 else self._accent((0.15, 0.5), (0.25, 0.6))
        graph.set(Base_Color=color, Roughness=float(self.rng.uniform(0.3, 0.55)))
        graph.bump(graph.noise(graph.object_coordinates(), 60.0, 2.0), 0.0006, 0.5)
        return graph.material

    def fabric(self):
        """Woven cloth: plain, mottled, striped or checked."""
        return self._pick("fabric", self._build_fabric, 5)

    def _build_fabric(self):
        graph = Graph("fabric")
        where = graph.object_coordinates()
        base = self._neutral(0.15, 0.75) if self.rng.random() < 0.4 else self._accent((0.2, 0.75), (0.1, 0.6))
        other = self._neutral(0.5, 0.8) if self.rng.random() < 0.5 else self._accent()
        weave = graph.noise(where, 420.0, 2.0)
        kind = float(self.rng.random())
        if kind < 0.55:
            soft = tuple(0.72 * c for c in base)
            graph.color(graph.ramp(graph.noise(where, 14.0, 4.0), (0.3, soft), (0.7, base)))
        elif kind < 0.8:
            wave = graph.node("ShaderNodeTexWave", Scale=float(self.rng.uniform(2.0, 7.0)), Distortion=0.2)
            wave.bands_direction = str(self.rng.choice(["X", "Y", "DIAGONAL"]))
            graph.link(where, wave.inputs["Vector"])
            graph.color(graph.ramp(wave.outputs["Fac"], (0.45, base), (0.55, other)))
        elif kind < 0.9:
            check = graph.node("ShaderNodeTexChecker", Scale=float(self.rng.uniform(5.0, 12.0)))
            check.inputs["Color1"].default_value = (*base, 1.0)
            check.inputs["Color2"].default_value = (*other, 1.0)
            graph.link(where, check.inputs["Vector"])
            graph.color(check.outputs["Color"])
        else:
            cells = graph.node("ShaderNodeTexVoronoi", Scale=float(self.rng.uniform(5.0, 11.0)))
            graph.link(where, cells.inputs["Vector"])
            graph.color(graph.ramp(cells.outputs["Distance"], (0.30, other), (0.38, base)))
        graph.set(Roughness=0.95, Sheen_Weight=0.3)
        graph.bump(weave, 0.0015)
        return graph.material

    def linen(self):
        """Bed linen and towels: light cloth."""
        return self._pick("linen", self._build_linen, 2)

    def _build_linen(self):
        graph = Graph("linen")
        graph.set(Base_Color=self._neutral(0.6, 0.82), Roughness=0.9)
        graph.bump(graph.noise(graph.object_coordinates(), 12.0, 3.0), 0.012, 0.6)
        return graph.material

    def leather(self):
        """Leather, half glossy."""
        return self._pick("leather", self._build_leather, 1)

    def _build_leather(self):
        graph = Graph("leather")
        hue, value = [(0.05, 0.12), (0.06, 0.25), (0.0, 0.04), (0.09, 0.55), (0.98, 0.15)][int(self.rng.integers(5))]
        graph.set(Base_Color=hsv(hue, 0.6, value), Roughness=0.42)
        cells = graph.node("ShaderNodeTexVoronoi", Scale=130.0)
        graph.link(graph.object_coordinates(), cells.inputs["Vector"])
        graph.bump(cells.outputs["Distance"], 0.001)
        return graph.material

    def metal(self):
        """Steel, brass or black metal; shiny to a depth camera."""
        return self._pick("metal", self._build_metal, 2)

    def _build_metal(self):
        graph = Graph("metal")
        color = [(0.56, 0.56, 0.56), (0.45, 0.46, 0.48), (0.55, 0.42, 0.2), (0.05, 0.05, 0.05)][
            int(self.rng.integers(4))
        ]
        graph.set(Base_Color=color, Metallic=1.0, Roughness=float(self.rng.uniform(0.22, 0.4)))
        graph.material.pass_index = SHINY
        return graph.material

    def steel(self):
        """Brushed stainless steel."""
        return self._pick("steel", self._build_steel, 1)

    def _build_steel(self):
        graph = Graph("steel")
        graph.set(Base_Color=(0.55, 0.55, 0.56), Metallic=1.0)
        graph.roughness(graph.remap(graph.noise(graph.object_coordinates((1.0, 1.0, 60.0)), 8.0, 2.0), 0.25, 0.42))
        graph.material.pass_index = SHINY
        return graph.material

    def dark_plastic(self):
        """Near-black plastic, which returns little light to a depth camera."""
        return self._pick("dark_plastic", self._build_dark_plastic, 1)

    def _build_dark_plastic(self):
        graph = Graph("dark_plastic")
        graph.set(Base_Color=hsv(0.6, 0.1, float(self.rng.uniform(0.012, 0.035))), Roughness=0.4)
        graph.material.pass_index = DARK
        return graph.material

    def plastic(self, color=None):
        """Smooth plastic of a linear RGB colour, by default a bright one (toys)."""
        if color is None:
            return self._pick("plastic", lambda: self._plain("plastic", self._bright(), 0.35), 7)
        return self._plain("plastic", tuple(color[:3]), 0.35)

    def _bright(self) -> tuple[float, float, float]:
        hues = [0.0, 0.07, 0.14, 0.33, 0.45, 0.58, 0.63, 0.8, 0.93]
        return hsv(float(self.rng.choice(hues)), float(self.rng.uniform(0.7, 0.95)), float(self.rng.uniform(0.4, 0.8)))

    def _plain(self, name: str, color, roughness: float):
        graph = Graph(name)
        graph.set(Base_Color=color, Roughness=roughness)
        return graph.material

    def ceramic(self):
        """White glazed ceramic."""
        return self._pick("ceramic", self._build_ceramic, 1)

    def _build_ceramic(self):
        graph = Graph("ceramic")
        graph.set(Base_Color=self._neutral(0.75, 0.85), Roughness=0.12)
        return graph.material

    def pottery(self):
        """Glazed pottery of any colour: vases, mugs, bowls."""
        return self._pick("pottery", lambda: self._plain("pottery", self._accent((0.1, 0.8), (0.1, 0.75)), 0.25), 4)

    def stone(self):
        """Polished stone or laminate for work tops."""
        return self._pick("stone", self._build_stone, 1)

    def _build_stone(self):
        graph = Graph("stone")
        value = float(self.rng.choice([0.04, 0.12, 0.35, 0.6]))
        light, dark = self._neutral(value, value), tuple(0.6 * c for c in self._neutral(value, value))
        grains = graph.noise(graph.object_coordinates(), 45.0, 5.0, 0.7)
        graph.color(graph.ramp(grains, (0.4, dark), (0.6, light)))
        graph.set(Roughness=0.25)
        return graph.material

    def glass_mirror(self):
        """A mirror; a depth camera sees nothing in it."""
        return self._pick("glass_mirror", self._build_mirror, 1)

    def _build_mirror(self):
        graph = Graph("glass_mirror")
        graph.set(Base_Color=(0.85, 0.87, 0.88), Metallic=1.0, Roughness=0.02)
        graph.material.pass_index = MIRROR
        return graph.material

    def clear_glass(self):
        """Thin frosted or clear pane (alpha, so that it costs no caustics)."""
        return self._pick("clear_glass", self._build_clear, 1)

    def _build_clear(self):
        graph = Graph("clear_glass")
        graph.set(Base_Color=(0.75, 0.85, 0.85), Roughness=0.08, Alpha=0.18)
        graph.material.pass_index = MIRROR
        return graph.material

    def screen(self):
        """A switched-off or dimly lit screen."""
        return self._pick("screen", self._build_screen, 2)

    def _build_screen(self):
        graph = Graph("screen")
        graph.set(Base_Color=(0.01, 0.011, 0.013), Roughness=0.12)
        if self.rng.random() < 0.45:
            where = graph.object_coordinates()
            bands = graph.noise(where, 7.0, 1.0, 0.3)
            color = graph.ramp(bands, (0.4, hsv(0.6, 0.7, 0.12)), (0.5, hsv(0.58, 0.3, 0.5)), (0.6, (0.7, 0.72, 0.75)))
            graph.link(color, graph.shader.inputs["Emission Color"])
            graph.set(Emission_Strength=0.6)
        graph.material.pass_index = DARK
        return graph.material

    def plant_leaf(self):
        """Leaf green."""
        return self._pick("plant_leaf", self._build_leaf, 2)

    def _build_leaf(self):
        graph = Graph("plant_leaf")
        hue = float(self.rng.uniform(0.24, 0.36))
        where = graph.object_coordinates()
        graph.color(graph.ramp(graph.noise(where, 9.0, 3.0), (0.3, hsv(hue, 0.8, 0.07)), (0.7, hsv(hue, 0.7, 0.25))))
        graph.set(Roughness=0.45)
        return graph.material

    def soil(self):
        """Potting soil."""
        return self._pick("soil", lambda: self._plain("soil", (0.03, 0.018, 0.01), 0.95), 1)

    def paper(self, color=None):
        """Paper or card: white, or a linear RGB colour."""
        if color is None:
            return self._pick("paper", lambda: self._plain("paper", self._neutral(0.7, 0.85), 0.85), 1)
        return self._plain("paper", tuple(color[:3]), 0.8)

    def book(self):
        """A book cover: one of a dozen muted colours."""
        return self._pick("book", lambda: self._plain("book", self._cover(), 0.6), 10)

    def _cover(self) -> tuple[float, float, float]:
        return hsv(float(self.rng.random()), float(self.rng.uniform(0.1, 0.85)), float(self.rng.uniform(0.05, 0.65)))

    def card(self):
        """Corrugated cardboard."""
        return self._pick("card", lambda: self._plain("card", (0.36, 0.23, 0.13), 0.85), 1)

    def artwork(self):
        """A picture to hang: an abstract painting or a landscape of soft bands, different each time."""
        graph = Graph("artwork")
        where = graph.object_coordinates((1.0, 1.0, 1.0))
        if self.rng.random() < 0.5:
            value = graph.noise(where, float(self.rng.uniform(2.0, 6.0)), 5.0, 0.6)
        else:
            split = graph.node("ShaderNodeSeparateXYZ")
            graph.link(graph.node("ShaderNodeTexCoord").outputs["Object"], split.inputs[0])
            value = graph.noise(graph.object_coordinates((1.0, 1.0, 4.0)), float(self.rng.uniform(1.0, 3.0)), 6.0, 0.55)
        colors = [self._accent((0.1, 0.8), (0.03, 0.8)) for _ in range(4)]
        stops = [(0.3, colors[0]), (0.45, colors[1]), (0.55, colors[2]), (0.7, colors[3])]
        graph.color(graph.ramp(value, *stops))
        graph.set(Roughness=0.5)
        return graph.material

    def emission(self, strength: float, color=(1.0, 0.9, 0.75)):
        """A surface that shines with ``strength`` (watts per square metre and steradian, roughly) in a linear colour."""
        graph = Graph("emission")
        graph.set(Base_Color=(0.8, 0.8, 0.8), Emission_Color=tuple(color[:3]), Emission_Strength=float(strength))
        graph.material.pass_index = EMISSIVE
        # Lamps beside it carry the light; sampling every glowing mesh as a lamp would only add noise.
        graph.material.cycles.emission_sampling = "NONE"
        return graph.material

    # Surfaces of the room (UV in metres) -----------------------------------------------------------------------------

    def wall_color(self) -> tuple[float, float, float]:
        """The wall colour of this scene's palette: mostly pale."""
        if self.rng.random() < 0.65:
            return hsv(self.warm_wall + 0.05, float(self.rng.uniform(0.02, 0.2)), self.wall_value)
        return hsv(self.hues[int(self.rng.integers(2))], float(self.rng.uniform(0.12, 0.45)), self.wall_value * 0.8)

    def wall_paint(self, color=None):
        """Emulsion paint with a fine roller texture and faint unevenness."""
        color = color or self.wall_color()
        graph = Graph("wall_paint")
        where = graph.uv_coordinates()
        soft = tuple(0.9 * c for c in color)
        graph.color(graph.ramp(graph.noise(where, 1.3, 4.0), (0.3, soft), (0.7, color)))
        graph.set(Roughness=0.85)
        graph.bump(graph.noise(where, 130.0, 2.0), 0.002, 0.5)
        return graph.material

    def wallpaper(self):
        """Wallpaper: stripes, dots or a soft pattern in two near colours."""
        graph = Graph("wallpaper")
        where = graph.uv_coordinates()
        base = self.wall_color()
        other = tuple(min(0.85, c * float(self.rng.choice([0.72, 0.82, 1.15]))) for c in base)
        kind = int(self.rng.integers(3))
        if kind == 0:
            wave = graph.node("ShaderNodeTexWave", Scale=float(self.rng.uniform(1.2, 4.0)))
            wave.bands_direction = "X"
            graph.link(where, wave.inputs["Vector"])
            value, edge = wave.outputs["Fac"], 0.5
        elif kind == 1:
            cells = graph.node("ShaderNodeTexVoronoi", Scale=float(self.rng.uniform(5.0, 9.0)), Randomness=0.15)
            graph.link(where, cells.inputs["Vector"])
            value, edge = cells.outputs["Distance"], 0.3
        else:
            check = graph.node("ShaderNodeTexChecker", Scale=float(self.rng.uniform(4.0, 9.0)))
            graph.link(graph.uv_coordinates(turn=0.7853982), check.inputs["Vector"])
            value, edge = check.outputs["Fac"], 0.5
        graph.color(graph.ramp(value, (edge - 0.04, other), (edge + 0.04, base)))
        graph.set(Roughness=0.8)
        return graph.material

    def _bricks(self, graph: Graph, where, width: float, height: float, gap: float, offset: float, colors, mortar):
        node = graph.node("ShaderNodeTexBrick", Scale=1.0, Mortar_Size=gap, Brick_Width=width, Row_Height=height)
        node.offset = offset
        node.inputs["Color1"].default_value = (*colors[0], 1.0)
        node.inputs["Color2"].default_value = (*colors[1], 1.0)
        node.inputs["Mortar"].default_value = (*mortar, 1.0)
        graph.link(where, node.inputs["Vector"])
        return node

    def brick_wall(self):
        """Bare red bricks with pale joints: in no embedded room, for `changed.py`."""
        graph = Graph("brick_wall")
        where = graph.uv_coordinates()
        colors = (hsv(0.03, 0.72, 0.3), hsv(0.04, 0.6, 0.16))
        node = self._bricks(graph, where, 0.25, 0.08, 0.008, 0.5, colors, (0.5, 0.47, 0.43))
        graph.color(node.outputs["Color"])
        graph.set(Roughness=0.9)
        graph.bump(node.outputs["Fac"], -0.004)
        return graph.material

    def wood_floor(self):
        """Planks or parquet with grain."""
        graph = Graph("wood_floor")
        light, dark = WOODS[str(self.rng.choice([*self.wood_names, *WOODS]))]
        turn = float(self.rng.choice([0.0, 1.5707963]))
        where = graph.uv_coordinates(turn=turn)
        width, length = float(self.rng.uniform(0.09, 0.2)), float(self.rng.uniform(0.8, 1.8))
        black = tuple(0.35 * c for c in dark)
        node = self._bricks(graph, where, length, width, 0.0025, 0.37, (light, dark), black)
        grain = graph.noise(graph.uv_coordinates((1.2, 24.0, 1.0), turn), 3.0, 6.0, 0.6)
        mix = graph.node("ShaderNodeMix", data_type="RGBA", blend_type="MULTIPLY")
        mix.inputs[0].default_value = 0.75
        graph.link(node.outputs["Color"], mix.inputs[6])
        graph.link(graph.ramp(grain, (0.3, (0.55, 0.55, 0.55)), (0.7, (1.1, 1.1, 1.1))), mix.inputs[7])
        graph.color(mix.outputs[2])
        graph.roughness(graph.remap(grain, 0.25, 0.5))
        return graph.material

    def tiles(self, size: float | None = None, color=None):
        """Glazed or stone tiles with grout; side in metres."""
        graph = Graph("tiles")
        size = size or float(self.rng.choice([0.1, 0.2, 0.3, 0.45]))
        color = color or (
            self._neutral(0.35, 0.8) if self.rng.random() < 0.7 else self._accent((0.15, 0.5), (0.3, 0.65))
        )
        other = tuple(c * float(self.rng.choice([0.97, 0.9, 0.8])) for c in color)
        where = graph.uv_coordinates()
        offset = float(self.rng.choice([0.0, 0.0, 0.5]))
        wide = size * (2.0 if offset else 1.0)
        node = self._bricks(graph, where, wide, size, 0.003, offset, (color, other), self._neutral(0.3, 0.6))
        graph.color(node.outputs["Color"])
        graph.roughness(graph.remap(node.outputs["Fac"], float(self.rng.uniform(0.12, 0.4)), 0.9))
        graph.bump(node.outputs["Fac"], -0.002)
        return graph.material

    def carpet(self):
        """Cut-pile carpet."""
        graph = Graph("carpet")
        color = self._neutral(0.2, 0.55) if self.rng.random() < 0.6 else self._accent((0.2, 0.6), (0.12, 0.4))
        where = graph.uv_coordinates()
        soft = tuple(0.65 * c for c in color)
        graph.color(graph.ramp(graph.noise(where, 90.0, 4.0, 0.7), (0.35, soft), (0.65, color)))
        graph.set(Roughness=1.0)
        graph.bump(graph.noise(where, 260.0, 2.0), 0.006)
        return graph.material

    def linoleum(self):
        """Sheet flooring of offices, schools and corridors."""
        graph = Graph("linoleum")
        color = self._neutral(0.25, 0.55) if self.rng.random() < 0.6 else self._accent((0.15, 0.45), (0.2, 0.45))
        soft = tuple(0.8 * c for c in color)
        graph.color(graph.ramp(graph.noise(graph.uv_coordinates(), 25.0, 6.0, 0.75), (0.4, soft), (0.6, color)))
        graph.set(Roughness=float(self.rng.uniform(0.25, 0.45)))
        return graph.material

    def ceiling(self):
        """White ceiling paint."""
        return self.wall_paint(self._neutral(0.72, 0.85))


# Cheap shading of indirect light --------------------------------------------------------------------------------------


def _mean_color(socket) -> tuple[float, float, float]:
    """A colour socket's value, averaged over the texture that feeds it."""
    if not socket.is_linked:
        return tuple(socket.default_value)[:3]
    node = socket.links[0].from_node
    if node.type == "VALTORGB":
        colors = [tuple(e.color)[:3] for e in node.color_ramp.elements]
    elif node.type in ("TEX_BRICK", "TEX_CHECKER"):
        colors = [_mean_color(node.inputs["Color1"]), _mean_color(node.inputs["Color2"])]
    elif node.type == "MIX":
        first, second = _mean_color(node.inputs[6]), _mean_color(node.inputs[7])
        return tuple(a * b for a, b in zip(first, second, strict=True))
    else:
        return (0.4, 0.4, 0.4)
    return tuple(sum(c[i] for c in colors) / len(colors) for i in range(3))


def plain_bounces() -> None:
    """Let diffuse bounces see every opaque material as plain diffuse of its mean colour.

    Textures, bumps and the Principled shader cost most of the time but hardly show in indirect light. The mix factor is
    0 or 1, and Cycles skips the branch that does not count, so camera and mirror rays still see everything.
    """
    for material in bpy.data.materials:
        tree = material.node_tree
        shader = tree.nodes.get("Principled BSDF") if tree else None
        if (
            shader is None
            or shader.inputs["Emission Strength"].default_value > 0
            or shader.inputs["Alpha"].default_value < 1
        ):
            continue
        output = tree.nodes["Material Output"]
        path, add = tree.nodes.new("ShaderNodeLightPath"), tree.nodes.new("ShaderNodeMath")
        add.operation = "MAXIMUM"
        tree.links.new(path.outputs["Is Camera Ray"], add.inputs[0])
        tree.links.new(path.outputs["Is Glossy Ray"], add.inputs[1])
        plain = tree.nodes.new("ShaderNodeBsdfDiffuse")
        plain.inputs["Color"].default_value = (*_mean_color(shader.inputs["Base Color"]), 1.0)
        mix = tree.nodes.new("ShaderNodeMixShader")
        tree.links.new(add.outputs[0], mix.inputs["Fac"])
        tree.links.new(plain.outputs[0], mix.inputs[1])
        tree.links.new(shader.outputs[0], mix.inputs[2])
        tree.links.new(mix.outputs[0], output.inputs["Surface"])
