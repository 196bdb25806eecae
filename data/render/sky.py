"""Daylight for the streets: a gradient sky with clouds, the sun as a lamp, haze in the distance."""

from __future__ import annotations

import math

import bpy
import numpy as np
from materials import Graph


class _World(Graph):
    """The node helpers of a material, on the world's tree."""

    def __init__(self, world) -> None:
        self.tree = world.node_tree


def daylight(scene, rng) -> dict:
    """Light the scene; returns weather, the sun's elevation and azimuth (degrees) and the colour of haze."""
    weather = str(rng.choice(["clear", "fair", "fair", "bright", "overcast"]))
    elevation, azimuth = float(rng.uniform(14, 58)), float(rng.uniform(0, 360))
    low = max(0.0, 1 - elevation / 35)  # how golden the light is
    cover = {"clear": 0.0, "fair": float(rng.uniform(0.35, 0.65)), "bright": 0.85, "overcast": 1.0}[weather]
    horizon = np.array([0.70, 0.75, 0.81]) * (1 - 0.5 * low) + np.array([0.85, 0.68, 0.52]) * 0.5 * low
    grey = np.array([0.74, 0.76, 0.79])
    dull = 0.0 if weather in ("clear", "fair") else (0.55 if weather == "bright" else 1.0)
    tones = {"horizon": horizon, "middle": np.array([0.42, 0.55, 0.78]), "zenith": np.array([0.16, 0.29, 0.56])}
    tones = {k: tuple((1 - dull) * v + dull * grey * (1.0 if k == "horizon" else 0.9)) for k, v in tones.items()}
    _sky(scene, rng, tones, cover, weather)
    lamp = bpy.data.lights.new("sun", "SUN")
    lamp.energy = {"clear": 11.0, "fair": 9.5, "bright": 3.5, "overcast": 0.8}[weather] * (1 - 0.45 * low)
    lamp.angle = math.radians({"clear": 0.6, "fair": 0.8, "bright": 6.0, "overcast": 40.0}[weather])
    lamp.color = tuple(np.array([1.0, 0.95, 0.88]) * (1 - low) + np.array([1.0, 0.8, 0.58]) * low)
    sun = bpy.data.objects.new("sun", lamp)
    sun.rotation_euler = (math.radians(90 - elevation), 0.0, math.radians(azimuth + 90))
    scene.collection.objects.link(sun)
    return {
        "weather": weather,
        "elevation": elevation,
        "azimuth": azimuth,
        "haze": tuple(0.85 * c for c in tones["horizon"]),
    }


def _sky(scene, rng, tones, cover: float, weather: str) -> None:
    graph = _World(scene.world)
    direction = graph.node("ShaderNodeTexCoord").outputs["Generated"]
    split = graph.node("ShaderNodeSeparateXYZ")
    graph.link(direction, split.inputs[0])
    up = split.outputs[2]
    color = graph.ramp(
        up, (0.0, (0.25, 0.25, 0.24)), (0.002, tones["horizon"]), (0.14, tones["middle"]), (0.75, tones["zenith"])
    )
    if cover > 0:
        lift = graph.node("ShaderNodeMath", operation="ADD")
        lift.inputs[1].default_value = 0.10
        graph.link(up, lift.inputs[0])
        plane = graph.node("ShaderNodeVectorMath", operation="DIVIDE")
        join = graph.node("ShaderNodeCombineXYZ")
        for k in range(3):
            graph.link(lift.outputs[0], join.inputs[k])
        graph.link(direction, plane.inputs[0])
        graph.link(join.outputs[0], plane.inputs[1])
        shift = graph.node("ShaderNodeMapping", Location=tuple(float(v) for v in rng.uniform(-40, 40, 3)))
        graph.link(plane.outputs[0], shift.inputs["Vector"])
        cloud = graph.noise(shift.outputs[0], float(rng.uniform(0.5, 1.1)), 9.0, 0.58)
        edge = 0.66 - 0.3 * cover
        mask = graph.ramp(cloud, (edge, (0.0,) * 3), (edge + 0.13, (1.0,) * 3))
        thick = graph.ramp(cloud, (edge + 0.05, (1.02, 1.02, 1.02)), (edge + 0.32, (0.62, 0.64, 0.68)))
        mix = graph.node("ShaderNodeMix", data_type="RGBA")
        fade = graph.node("ShaderNodeMath", operation="MULTIPLY")
        graph.link(mask, fade.inputs[0])
        graph.link(graph.ramp(up, (0.0, (0.0,) * 3), (0.12, (0.95,) * 3)), fade.inputs[1])
        graph.link(fade.outputs[0], mix.inputs[0])
        graph.link(color, mix.inputs[6])
        graph.link(thick, mix.inputs[7])
        color = mix.outputs[2]
    background = graph.tree.nodes["Background"]
    graph.link(color, background.inputs["Color"])
    background.inputs["Strength"].default_value = {"clear": 0.8, "fair": 0.9, "bright": 1.0, "overcast": 1.0}[weather]
    scene.world.cycles.sampling_method = "MANUAL"
    scene.world.cycles.sample_map_resolution = 256


def haze(scene, color, reach: float) -> None:
    """Blend what is far away into the horizon's colour: 1 - exp(-z / reach), in the compositor, never over the sky."""
    tree = scene.node_tree
    layers = next(n for n in tree.nodes if n.type == "R_LAYERS")
    composite = next(n for n in tree.nodes if n.type == "COMPOSITE")

    def math_node(operation, first, second):
        node = tree.nodes.new("CompositorNodeMath")
        node.operation = operation
        for socket, value in zip(node.inputs, (first, second), strict=False):
            if isinstance(value, (int, float)):
                socket.default_value = value
            else:
                tree.links.new(value, socket)
        return node.outputs[0]

    depth = layers.outputs["Depth"]
    clear = math_node("POWER", math.exp(-1.0 / reach), math_node("MINIMUM", depth, 20000.0))
    amount = math_node("MULTIPLY", math_node("SUBTRACT", 1.0, clear), math_node("LESS_THAN", depth, 1e5))
    mix = tree.nodes.new("CompositorNodeMixRGB")
    tree.links.new(amount, mix.inputs[0])
    tree.links.new(layers.outputs["Image"], mix.inputs[1])
    mix.inputs[2].default_value = (*color, 1.0)
    tree.links.new(mix.outputs[0], composite.inputs["Image"])
