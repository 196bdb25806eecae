"""Procedural materials of the streets: one :class:`StreetKit` per scene, on the node helpers of :mod:`materials`.

Ground uses the UV map, which :mod:`street_ground` sets to metres along and across the road; everything else uses object
space, so that walls keep their bricks whichever way a house is turned. ``pass_index`` says how a LiDAR sees the surface:
MIRROR (glass: no return), DARK (little comes back), SHINY (most of it is thrown elsewhere), ORDINARY.
"""

from __future__ import annotations

from materials import Graph, Kit, hsv
from materials_index import DARK, MIRROR, SHINY

PAINTS = [  # linear RGB, weight: cars are mostly white, grey and black
    ((0.66, 0.66, 0.65), 6),
    ((0.30, 0.31, 0.33), 6),
    ((0.12, 0.125, 0.13), 5),
    ((0.02, 0.02, 0.022), 5),
    ((0.24, 0.018, 0.016), 2),
    ((0.02, 0.045, 0.16), 3),
    ((0.06, 0.14, 0.24), 1),
    ((0.03, 0.08, 0.045), 1),
    ((0.36, 0.30, 0.21), 1),
    ((0.45, 0.27, 0.03), 0.4),
]


class StreetKit(Kit):
    """Outdoor materials; like :class:`materials.Kit` it hands out the same few again and again."""

    def planes(self, graph: Graph, scale=(1.0, 1.0)):
        """(x + y, z) of object space in metres: a map that runs along every upright wall."""
        split = graph.node("ShaderNodeSeparateXYZ")
        graph.link(graph.node("ShaderNodeTexCoord").outputs["Object"], split.inputs[0])
        add = graph.node("ShaderNodeMath", operation="ADD")
        graph.link(split.outputs[0], add.inputs[0])
        graph.link(split.outputs[1], add.inputs[1])
        join = graph.node("ShaderNodeCombineXYZ")
        graph.link(add.outputs[0], join.inputs[0])
        graph.link(split.outputs[2], join.inputs[1])
        mapping = graph.node("ShaderNodeMapping", Scale=(*scale, 1.0))
        graph.link(join.outputs[0], mapping.inputs["Vector"])
        return mapping.outputs[0]

    def mottled(self, name, dark, light, scale, where=None, roughness=0.9, detail=4.0, bump=0.0, low=0.35, high=0.65):
        """Noise between two colours: the work horse."""
        graph = Graph(name)
        where = where(graph) if where else graph.object_coordinates()
        value = graph.noise(where, scale, detail, 0.6)
        graph.color(graph.ramp(value, (low, dark), (high, light)))
        graph.set(Roughness=roughness)
        if bump:
            graph.bump(value, bump)
        return graph

    def multiply(self, graph: Graph, first, second, amount: float):
        """Colour ``first`` darkened or lightened by colour ``second``."""
        mix = graph.node("ShaderNodeMix", data_type="RGBA", blend_type="MULTIPLY")
        mix.inputs[0].default_value = amount
        graph.link(first, mix.inputs[6])
        graph.link(second, mix.inputs[7])
        return mix.outputs[2]

    def flat(self, name, color, roughness=0.6, index=0, metallic=0.0):
        """One colour."""
        graph = Graph(name)
        graph.set(Base_Color=tuple(color), Roughness=roughness, Metallic=metallic)
        graph.material.pass_index = index
        return graph.material

    # Ground (UV: metres along and across) --------------------------------------------------------------------------------

    def asphalt(self, value: float | None = None):
        """Worn asphalt: grain, large stains, mended rectangles, tar lines."""
        graph = Graph("asphalt")
        value = value or float(self.rng.uniform(0.05, 0.13))
        grey = lambda f: tuple(c * f for c in hsv(self.rng.choice([0.08, 0.6]), 0.05, value))  # noqa: E731
        uv = graph.uv_coordinates()
        base = graph.ramp(graph.noise(uv, 14.0, 6.0, 0.75), (0.3, grey(0.7)), (0.7, grey(1.25)))
        stains = graph.ramp(
            graph.noise(graph.uv_coordinates((0.25, 1.0, 1.0)), 0.55, 5.0, 0.6),
            (0.32, (0.62,) * 3),
            (0.5, (0.95,) * 3),
            (0.7, (1.12,) * 3),
        )
        color = self.multiply(graph, base, stains, 1.0)
        patch = graph.node(
            "ShaderNodeTexBrick", Scale=1.0, Mortar_Size=0.015, Brick_Width=7.3, Row_Height=1.75, Mortar_Smooth=0.6
        )
        patch.offset = 0.37
        patch.inputs["Color1"].default_value = (1.0, 1.0, 1.0, 1.0)
        patch.inputs["Color2"].default_value = (0.78, 0.78, 0.8, 1.0)
        patch.inputs["Mortar"].default_value = (0.62, 0.62, 0.62, 1.0)
        graph.link(uv, patch.inputs["Vector"])
        color = self.multiply(graph, color, patch.outputs["Color"], float(self.rng.uniform(0.2, 0.9)))
        cracks = graph.node("ShaderNodeTexVoronoi", Scale=0.35, feature="DISTANCE_TO_EDGE")
        wobble = graph.node("ShaderNodeMix", data_type="RGBA")
        wobble.inputs[0].default_value = 0.35
        noise = graph.node("ShaderNodeTexNoise", Scale=1.3, Detail=5.0)
        graph.link(uv, noise.inputs["Vector"])
        graph.link(uv, wobble.inputs[6])
        graph.link(noise.outputs["Color"], wobble.inputs[7])
        graph.link(wobble.outputs[2], cracks.inputs["Vector"])
        line = graph.ramp(cracks.outputs["Distance"], (0.003, (0.45,) * 3), (0.009, (1.0,) * 3))
        color = self.multiply(graph, color, line, float(self.rng.uniform(0.0, 0.8)))
        graph.color(color)
        graph.set(Roughness=float(self.rng.uniform(0.6, 0.85)))
        return graph.material

    def paving(self):
        """Concrete slabs or small setts."""
        graph = Graph("paving")
        size = float(self.rng.choice([0.3, 0.4, 0.5, 0.15]))
        color = hsv(0.08, float(self.rng.uniform(0.02, 0.2)), float(self.rng.uniform(0.2, 0.42)))
        other = tuple(0.8 * c for c in color)
        uv = graph.uv_coordinates()
        node = self._bricks(graph, uv, size * 1.5, size, 0.008, 0.5, (color, other), tuple(0.4 * c for c in color))
        dirt = graph.ramp(graph.noise(uv, 0.9, 5.0), (0.3, (0.7,) * 3), (0.65, (1.08,) * 3))
        graph.color(self.multiply(graph, node.outputs["Color"], dirt, 1.0))
        graph.set(Roughness=0.85)
        return graph.material

    def kerb(self):
        """Kerb stones, a metre each."""
        graph = Graph("kerb")
        color = hsv(0.09, 0.06, float(self.rng.uniform(0.3, 0.5)))
        node = self._bricks(
            graph, graph.uv_coordinates(), 1.0, 5.0, 0.012, 0.0, (color, tuple(0.85 * c for c in color)), (0.08,) * 3
        )
        graph.color(node.outputs["Color"])
        graph.set(Roughness=0.85)
        return graph.material

    def road_paint(self, color=(0.62, 0.62, 0.6)):
        """Thermoplastic marking, worn."""
        where = lambda g: g.object_coordinates()  # noqa: E731
        worn = tuple(0.45 * c for c in color)
        return self.mottled("road_paint", worn, color, 4.0, where, 0.7, 6.0, low=0.3, high=0.45).material

    def grass(self, lush: float | None = None):
        """Lawn or meadow."""
        graph = Graph("grass")
        lush = float(self.rng.uniform(0, 1)) if lush is None else lush
        hue = 0.17 + 0.09 * lush
        dark, light = hsv(hue + 0.02, 0.75, 0.06 + 0.03 * lush), hsv(hue - 0.02, 0.62, 0.26 - 0.06 * lush)
        uv = graph.uv_coordinates()
        base = graph.ramp(graph.noise(uv, 3.5, 8.0, 0.75), (0.3, dark), (0.7, light))
        patches = graph.ramp(
            graph.noise(uv, 0.18, 4.0), (0.35, (0.7, 0.75, 0.7)), (0.5, (1.0,) * 3), (0.7, (1.25, 1.1, 0.85))
        )
        graph.color(self.multiply(graph, base, patches, 1.0))
        graph.set(Roughness=0.95)
        graph.bump(graph.noise(uv, 9.0, 5.0, 0.8), 0.08)
        return graph.material

    def field(self):
        """A field: stubble, ploughed earth, rape or young corn in rows."""
        graph = Graph("field")
        dark, light = [
            (hsv(0.11, 0.6, 0.16), hsv(0.12, 0.52, 0.38)),
            (hsv(0.06, 0.5, 0.06), hsv(0.07, 0.45, 0.17)),
            (hsv(0.2, 0.8, 0.12), hsv(0.155, 0.9, 0.55)),
            (hsv(0.25, 0.7, 0.07), hsv(0.24, 0.6, 0.26)),
        ][int(self.rng.integers(4))]
        uv = graph.uv_coordinates(turn=float(self.rng.choice([0.0, 0.25, 1.3])))
        wave = graph.node("ShaderNodeTexWave", Scale=0.9, Distortion=1.2, Detail=2.0)
        wave.bands_direction = "Y"
        graph.link(uv, wave.inputs["Vector"])
        rows = graph.ramp(wave.outputs["Fac"], (0.2, (0.62,) * 3), (0.8, (1.1,) * 3))
        base = graph.ramp(graph.noise(uv, 1.2, 7.0, 0.75), (0.3, dark), (0.7, light))
        graph.color(self.multiply(graph, base, rows, 0.9))
        graph.set(Roughness=1.0)
        return graph.material

    def gravel(self):
        """Drives and road shoulders."""
        color = hsv(0.09, float(self.rng.uniform(0.1, 0.25)), float(self.rng.uniform(0.22, 0.4)))
        dark = tuple(0.5 * c for c in color)
        return self.mottled("gravel", dark, color, 11.0, lambda g: g.uv_coordinates(), 0.95, 6.0).material

    def woodland(self):
        """Far slopes under trees and meadows."""
        graph = Graph("woodland")
        uv = graph.uv_coordinates()
        base = graph.ramp(
            graph.noise(uv, 0.012, 3.0, 0.5),
            (0.42, hsv(0.27, 0.7, 0.06)),
            (0.48, hsv(0.22, 0.6, 0.2)),
            (0.6, hsv(0.17, 0.55, 0.3)),
        )
        fine = graph.ramp(graph.noise(uv, 0.15, 6.0, 0.8), (0.3, (0.55,) * 3), (0.7, (1.25,) * 3))
        graph.color(self.multiply(graph, base, fine, 1.0))
        graph.set(Roughness=1.0)
        return graph.material

    # Walls and roofs (object space) ---------------------------------------------------------------------------------------

    def brick_wall(self):
        """Fair-faced brickwork."""
        graph = Graph("brick_wall")
        hue, sat, val = [
            (0.03, 0.62, 0.24),
            (0.04, 0.7, 0.17),
            (0.1, 0.45, 0.42),
            (0.02, 0.5, 0.12),
            (0.07, 0.35, 0.3),
        ][int(self.rng.integers(5))]
        color, other = hsv(hue, sat, val), hsv(hue + 0.01, sat, val * 0.62)
        where = self.planes(graph)
        node = self._bricks(graph, where, 0.25, 0.085, 0.01, 0.5, (color, other), hsv(0.09, 0.12, 0.35))
        stains = graph.ramp(graph.noise(where, 0.5, 5.0), (0.3, (0.7,) * 3), (0.65, (1.1,) * 3))
        graph.color(self.multiply(graph, node.outputs["Color"], stains, 1.0))
        graph.set(Roughness=0.9)
        graph.bump(node.outputs["Fac"], -0.006)
        return graph.material

    def stucco(self, color=None):
        """Rendered and painted wall with rain streaks."""
        graph = Graph("stucco")
        if color is None:
            hue = float(self.rng.choice([0.08, 0.1, 0.12, 0.06, 0.02, 0.15, 0.13, 0.55]))
            color = hsv(hue, float(self.rng.choice([0.05, 0.1, 0.2, 0.35])), float(self.rng.uniform(0.4, 0.78)))
        where = self.planes(graph)
        base = graph.ramp(graph.noise(where, 30.0, 4.0), (0.3, tuple(0.9 * c for c in color)), (0.7, color))
        streaks = graph.ramp(
            graph.noise(self.planes(graph, (1.6, 0.12)), 1.6, 5.0), (0.3, (0.68, 0.67, 0.64)), (0.55, (1.0,) * 3)
        )
        graph.color(self.multiply(graph, base, streaks, float(self.rng.uniform(0.3, 0.9))))
        graph.set(Roughness=0.92)
        return graph.material

    def ashlar(self):
        """Large blocks of stone."""
        graph = Graph("ashlar")
        color = hsv(0.1, float(self.rng.uniform(0.1, 0.3)), float(self.rng.uniform(0.3, 0.55)))
        where = self.planes(graph)
        node = self._bricks(
            graph, where, 0.9, 0.42, 0.012, 0.5, (color, tuple(0.82 * c for c in color)), tuple(0.4 * c for c in color)
        )
        stains = graph.ramp(graph.noise(where, 0.8, 6.0), (0.3, (0.7,) * 3), (0.7, (1.08,) * 3))
        graph.color(self.multiply(graph, node.outputs["Color"], stains, 1.0))
        graph.set(Roughness=0.9)
        graph.bump(node.outputs["Fac"], -0.01)
        return graph.material

    def boards(self, color=None):
        """Weatherboard cladding."""
        graph = Graph("boards")
        color = color or [
            (0.62, 0.6, 0.55), (0.3, 0.05, 0.03), (0.16, 0.22, 0.26), (0.2, 0.11, 0.05), (0.45, 0.42, 0.3)
        ][int(self.rng.integers(5))]  # fmt: skip
        node = self._bricks(
            graph,
            self.planes(graph),
            4.0,
            0.17,
            0.012,
            0.4,
            (color, tuple(0.85 * c for c in color)),
            tuple(0.3 * c for c in color),
        )
        graph.color(node.outputs["Color"])
        graph.set(Roughness=0.8)
        graph.bump(node.outputs["Fac"], -0.01)
        return graph.material

    def wall(self):
        """One of the wall materials."""
        build = [self.brick_wall, self.stucco, self.stucco, self.stucco, self.ashlar][int(self.rng.integers(5))]
        return self._pick("wall", build, 8)

    def roof(self):
        """Clay tiles or slate in rows."""
        return self._pick("roof", self._build_roof, 3)

    def _build_roof(self):
        graph = Graph("roof")
        hue, sat, val = [
            (0.03, 0.7, 0.22),
            (0.025, 0.65, 0.13),
            (0.05, 0.6, 0.28),
            (0.6, 0.12, 0.07),
            (0.6, 0.08, 0.12),
            (0.07, 0.3, 0.1),
        ][int(self.rng.integers(6))]
        color, other = hsv(hue, sat, val), hsv(hue, sat, val * 0.66)
        node = self._bricks(
            graph, self.planes(graph), 0.28, 0.2, 0.02, 0.5, (color, other), tuple(0.35 * c for c in color)
        )
        moss = graph.ramp(
            graph.noise(graph.object_coordinates(), 0.6, 5.0), (0.3, (0.68, 0.7, 0.62)), (0.6, (1.08,) * 3)
        )
        graph.color(self.multiply(graph, node.outputs["Color"], moss, 1.0))
        graph.set(Roughness=0.8)
        graph.bump(node.outputs["Fac"], -0.02)
        return graph.material

    def glass(self):
        """Window panes as seen by day: dark, mirroring the sky, here and there a curtain."""
        return self._pick("glass", self._build_glass, 5)

    def _build_glass(self):
        graph = Graph("glass")
        dark = hsv(0.58, 0.3, float(self.rng.uniform(0.012, 0.05)))
        color = dark if self.rng.random() < 0.55 else self._neutral(0.18, 0.5)
        wave = graph.node("ShaderNodeTexWave", Scale=3.0, Distortion=2.0, Detail=2.0)
        wave.bands_direction = "X"
        graph.link(self.planes(graph), wave.inputs["Vector"])
        graph.color(graph.ramp(wave.outputs["Fac"], (0.1, tuple(0.45 * c for c in color)), (0.9, color)))
        graph.set(Roughness=0.04, IOR=1.7)
        graph.material.pass_index = MIRROR
        return graph.material

    def frame(self):
        """Window frames: mostly white."""
        return self._pick("frame", self._build_frame, 2)

    def _build_frame(self):
        color = (0.72, 0.72, 0.7) if self.rng.random() < 0.7 else hsv(self.rng.random(), 0.3, 0.06)
        return self.flat("frame", color, 0.4)

    def door(self):
        """A painted or wooden front door."""
        color = hsv(float(self.rng.random()), float(self.rng.uniform(0.3, 0.85)), float(self.rng.uniform(0.03, 0.3)))
        return self._pick("door", lambda: self.flat("door", color, 0.4), 6)

    def concrete(self):
        """Walls, bridges, barriers."""
        return self._pick("concrete", self._build_concrete, 2)

    def _build_concrete(self):
        color = hsv(0.1, 0.06, float(self.rng.uniform(0.28, 0.45)))
        where = lambda g: self.planes(g, (1.0, 0.35))  # noqa: E731
        return self.mottled("concrete", tuple(0.62 * c for c in color), color, 0.9, where, 0.9, 7.0).material

    def cloth(self):
        """Awnings and clothes."""
        return self._pick("cloth", self._build_cloth, 7)

    def _build_cloth(self):
        color = hsv(self.rng.random(), float(self.rng.uniform(0.3, 0.9)), float(self.rng.uniform(0.1, 0.5)))
        return self.flat("cloth", color, 0.9)

    def signboard(self):
        """A shop's fascia: strong colours with a lighter band of lettering."""
        return self._pick("signboard", self._build_signboard, 6)

    def _build_signboard(self):
        graph = Graph("signboard")
        base = hsv(self.rng.random(), float(self.rng.uniform(0.2, 0.9)), float(self.rng.uniform(0.03, 0.35)))
        letters = graph.node("ShaderNodeTexNoise", Scale=1.0, Detail=1.0)
        graph.link(self.planes(graph, (9.0, 2.5)), letters.inputs["Vector"])
        graph.color(graph.ramp(letters.outputs["Fac"], (0.56, base), (0.58, (0.75, 0.73, 0.65))))
        graph.set(Roughness=0.4)
        return graph.material

    # Cars ------------------------------------------------------------------------------------------------------------------

    def car_paint(self):
        """Clear-coated paint."""
        weights = [w for _, w in PAINTS]
        color = PAINTS[int(self.rng.choice(len(PAINTS), p=[w / sum(weights) for w in weights]))][0]
        graph = Graph("car_paint")
        graph.set(Base_Color=color, Roughness=0.3, Coat_Weight=0.8, Coat_Roughness=0.04, Metallic=0.15)
        graph.material.pass_index = DARK if max(color) < 0.05 else 0
        return graph.material

    def car_glass(self):
        """Car windows: nearly black, mirroring."""
        return self._pick("car_glass", lambda: self.flat("car_glass", (0.012, 0.015, 0.017), 0.03, MIRROR), 1)

    def tyre(self):
        """Rubber."""
        return self._pick("tyre", lambda: self.flat("tyre", (0.016, 0.016, 0.017), 0.85, DARK), 1)

    def black(self):
        """Black plastic trim."""
        return self._pick("black", lambda: self.flat("black", (0.018, 0.018, 0.019), 0.55, DARK), 1)

    def rim(self):
        """Alloy wheels."""
        return self._pick("rim", lambda: self.flat("rim", (0.42, 0.42, 0.44), 0.3, SHINY, 0.8), 1)

    def red_lamp(self):
        """Rear lamps."""
        return self._pick("red_lamp", lambda: self.flat("red_lamp", (0.35, 0.006, 0.004), 0.12), 1)

    def white_lamp(self):
        """Head lamps."""
        return self._pick("white_lamp", lambda: self.flat("white_lamp", (0.7, 0.7, 0.72), 0.08, SHINY), 1)

    def plate(self):
        """Number plates."""
        return self._pick("plate", lambda: self.flat("plate", (0.7, 0.69, 0.6), 0.5), 1)

    # Poles, signs ------------------------------------------------------------------------------------------------------------

    def galvanised(self):
        """Zinc-grey steel: poles, guard rails."""
        return self._pick("galvanised", lambda: self.flat("galvanised", (0.36, 0.37, 0.38), 0.45, 0, 0.5), 1)

    def pole_paint(self):
        """Painted lamp posts."""
        return self._pick("pole_paint", lambda: self.flat("pole_paint", hsv(0.4, 0.3, 0.06), 0.5), 1)

    def sign(self, color):
        """Retro-reflective sheeting."""
        return self._pick(f"sign{color}", lambda: self.flat("sign", color, 0.45), 1)

    def timber(self):
        """Weathered fence wood."""
        return self._pick("timber", self._build_timber, 2)

    def _build_timber(self):
        color = hsv(float(self.rng.uniform(0.06, 0.1)), float(self.rng.uniform(0.15, 0.6)), self.rng.uniform(0.1, 0.35))
        where = lambda g: g.object_coordinates((9.0, 9.0, 0.8))  # noqa: E731
        return self.mottled("timber", tuple(0.5 * c for c in color), color, 2.0, where, 0.85, 5.0).material

    # Plants ------------------------------------------------------------------------------------------------------------------

    def bark(self):
        """Tree trunks."""
        return self._pick("bark", self._build_bark, 2)

    def _build_bark(self):
        color = hsv(0.08, float(self.rng.uniform(0.15, 0.45)), float(self.rng.uniform(0.12, 0.25)))
        where = lambda g: g.object_coordinates((6.0, 6.0, 1.2))  # noqa: E731
        return self.mottled("bark", tuple(0.3 * c for c in color), color, 3.0, where, 0.95, 5.0).material

    def leaves(self, hue: float, value: float):
        """Leaves: reflect and let through; every tree its own shade of the hue."""
        graph = Graph("leaves")
        tree = graph.tree
        tree.nodes.remove(graph.shader)  # a diffuse and a translucent shader are all a far leaf needs
        where = graph.node("ShaderNodeTexCoord").outputs["Object"]
        color = graph.ramp(
            graph.noise(where, 1.1, 4.0, 0.7),
            (0.3, hsv(hue + 0.03, 0.75, value * 0.55)),
            (0.55, hsv(hue, 0.7, value)),
            (0.75, hsv(hue - 0.035, 0.68, value * 1.35)),
        )
        shade = graph.node("ShaderNodeHueSaturation", Saturation=1.0)
        info = graph.node("ShaderNodeObjectInfo").outputs["Random"]
        graph.link(graph.remap(info, 0.475, 0.525), shade.inputs["Hue"])
        graph.link(graph.remap(info, 0.75, 1.3), shade.inputs["Value"])
        graph.link(color, shade.inputs["Color"])
        diffuse, through = graph.node("ShaderNodeBsdfDiffuse"), graph.node("ShaderNodeBsdfTranslucent")
        graph.link(shade.outputs[0], diffuse.inputs["Color"])
        graph.link(shade.outputs[0], through.inputs["Color"])
        mix = graph.node("ShaderNodeMixShader")
        mix.inputs["Fac"].default_value = 0.35
        graph.link(diffuse.outputs[0], mix.inputs[1])
        graph.link(through.outputs[0], mix.inputs[2])
        graph.link(mix.outputs[0], tree.nodes["Material Output"].inputs["Surface"])
        return graph.material

    def blossom(self):
        """Dots of colour in front gardens."""
        return self._pick("blossom", lambda: self.flat("blossom", hsv(self.rng.random(), 0.7, 0.6), 0.8), 3)
