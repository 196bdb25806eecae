"""Trees, bushes and hedges: trunks of tubes, crowns of thousands of small leaf blades. Few meshes, many instances."""

from __future__ import annotations

import math

import bpy
import numpy as np
from meshing import Builder, ripple


def blades(points, normals, size, rng) -> tuple[np.ndarray, np.ndarray]:
    """Diamond-shaped blades at points [N, 3], roughly facing along normals [N, 3]: vertices [4N, 3] and faces [N, 4]."""
    n = len(points)
    facing = normals + rng.normal(0, 0.7, (n, 3))
    facing /= np.linalg.norm(facing, axis=1, keepdims=True)
    along = np.cross(facing, rng.normal(size=(n, 3)))
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    across = np.cross(facing, along)
    length = np.broadcast_to(size, (n,))[:, None] * rng.uniform(0.6, 1.3, (n, 1))
    corners = [points + along * length, points + across * 0.55 * length]
    corners += [points - along * length, points - across * 0.55 * length]
    vertices = np.stack(corners, axis=1).reshape(-1, 3)
    return vertices, np.arange(4 * n).reshape(n, 4)


def leafy(name: str, trunk: Builder | None, leaves, material) -> bpy.types.Mesh:
    """A mesh of a trunk and leaf blades, with no object yet."""
    vertices, faces = leaves
    base, base_faces, slots, materials = np.zeros((0, 3)), [], [], []
    if trunk is not None:
        base, base_faces, slots, materials = np.concatenate(trunk.points), trunk.faces, trunk.slots, trunk.materials
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(np.concatenate([base, vertices]).tolist(), [], [*base_faces, *(faces + len(base)).tolist()])
    for m in [*materials, material]:
        mesh.materials.append(m)
    mesh.polygons.foreach_set("material_index", [*slots, *([len(materials)] * len(faces))])
    mesh.update()
    return mesh


def crown(rng, clumps, count: int, size: float) -> tuple[np.ndarray, np.ndarray]:
    """Leaves in the outer shells of ellipsoids (centre, radii) [K, 6]."""
    volume = np.prod(clumps[:, 3:], axis=1) ** (2 / 3)
    which = rng.choice(len(clumps), count, p=volume / volume.sum())
    direction = rng.normal(size=(count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    radius = rng.uniform(0.25, 1.0, (count, 1)) ** (1 / 2.2)
    points = clumps[which, :3] + direction * radius * clumps[which, 3:]
    return blades(points, direction, size, rng)


def broadleaf(kit, rng, height: float, leaves, count: int = 8500) -> bpy.types.Mesh:
    """A deciduous tree with a clear trunk."""
    trunk = Builder()
    bole = height * float(rng.uniform(0.2, 0.3))
    girth = 0.022 * height
    lean = rng.normal(0, 0.02, 2) * height
    trunk.tube(
        [(0, 0, -0.2), (0.2 * lean[0], 0.2 * lean[1], bole), (lean[0], lean[1], height * 0.72)], girth, kit.bark(), 8
    )
    clumps = []
    spread = height * float(rng.uniform(0.22, 0.32))
    for k in range(int(rng.integers(9, 15))):
        angle, level = k * 2.4 + rng.uniform(-0.4, 0.4), rng.uniform(0, 1)
        reach = spread * (0.35 + 0.75 * math.sin(math.pi * (0.12 + 0.8 * level))) * rng.uniform(0.5, 0.85)
        at = np.array(
            [reach * math.cos(angle), reach * math.sin(angle), bole + (height * 0.93 - bole) * (0.1 + 0.8 * level)]
        )
        at[:2] += lean * level
        size = height * rng.uniform(0.1, 0.17)
        clumps.append([*at, size, size, size * rng.uniform(0.6, 0.85)])
        trunk.tube(
            [(0.3 * lean[0], 0.3 * lean[1], bole * 0.95 + 0.25 * level * height), (*(at[:2] * 0.5), at[2] * 0.8), at],
            girth * 0.35,
            kit.bark(),
            5,
        )
    clumps.append([*lean, height * 0.75, spread * 0.7, spread * 0.7, height * 0.2])
    return leafy("tree", trunk, crown(rng, np.array(clumps), count, 0.0145 * height), leaves)


def conifer(kit, rng, height: float, leaves, count: int = 4500) -> bpy.types.Mesh:
    """A spruce or cypress."""
    trunk = Builder()
    trunk.tube([(0, 0, -0.2), (0, 0, height * 0.9)], 0.016 * height, kit.bark(), 7)
    level = rng.uniform(0, 1, count) ** 1.5
    angle = rng.uniform(0, math.tau, count)
    slim = float(rng.choice([0.22, 0.18, 0.12]))
    tier = 0.75 + 0.25 * np.abs(np.sin(level * 26 + np.sin(angle * 5)))
    reach = slim * height * (1 - level) * tier * np.sqrt(rng.uniform(0.15, 1.0, count)) + 0.03 * height * (1 - level)
    points = np.stack(
        [reach * np.cos(angle), reach * np.sin(angle), height * (0.08 + 0.92 * level) - 0.25 * reach], axis=1
    )
    normals = np.stack([np.cos(angle), np.sin(angle), np.full(count, 0.5)], axis=1)
    return leafy("conifer", trunk, blades(points, normals, 0.02 * height, rng), leaves)


def bush(rng, leaves, size: float = 1.0, count: int = 1400) -> bpy.types.Mesh:
    """A round shrub."""
    clumps = []
    for _ in range(5):
        at = rng.normal(0, 0.28, 2) * size
        radius = size * rng.uniform(0.35, 0.55)
        clumps.append([*at, size * rng.uniform(0.3, 0.5), radius, radius, radius * 0.8])
    return leafy("bush", None, crown(rng, np.array(clumps), count, 0.055 * size), leaves)


def hedge(rng, leaves, length: float, height: float, width: float = 0.7) -> bpy.types.Mesh:
    """A clipped hedge along x, its foot centre at 0: a dark core and a skin of leaves."""
    core = Builder()
    core.box((length, width * 0.8, height * 0.92), (0, 0, 0), leaves, 0.05)
    count = int(260 * length * (height + width / 2))
    side = rng.choice(3, count, p=[height / (2 * height + width)] * 2 + [width / (2 * height + width)])
    x, a = rng.uniform(-length / 2, length / 2, count), rng.uniform(0, 1, count)
    y = np.where(side == 0, -width / 2, np.where(side == 1, width / 2, (a - 0.5) * width))
    z = np.where(side == 2, height, a * height)
    normals = np.stack([np.zeros(count), np.where(side == 0, -1, np.where(side == 1, 1, 0)), (side == 2) * 1.0], axis=1)
    points = np.stack([x, y, z], axis=1)
    points += normals * ripple(rng, 1.2, 0.06)(points)[:, None]
    return leafy("hedge", core, blades(points, normals, 0.055, rng), leaves)


def tufts(rng, material, length: float, width: float, count: int, height: float = 0.2) -> bpy.types.Mesh:
    """Long grass on a strip along x (blades only), foot at z = 0."""
    foot = np.stack(
        [rng.uniform(-length / 2, length / 2, count), rng.uniform(-width / 2, width / 2, count), np.zeros(count)],
        axis=1,
    )
    tall = height * rng.uniform(0.4, 1.2, (count, 1))
    lean = rng.normal(0, 0.45, (count, 3)) * tall
    lean[:, 2] = 0
    side = rng.normal(size=(count, 3)) * [1, 1, 0] * 0.007
    vertices = np.stack([foot - side, foot + side, foot + lean + tall * [0, 0, 1]], axis=1).reshape(-1, 3)
    return leafy("tufts", None, (vertices, np.arange(3 * count).reshape(count, 3)), material)


def instance(
    mesh: bpy.types.Mesh, x: float, y: float, z: float = 0.0, turn: float = 0.0, scale=1.0
) -> bpy.types.Object:
    """Put a mesh into the scene once more."""
    obj = bpy.data.objects.new(mesh.name, mesh)
    obj.location, obj.rotation_euler = (float(x), float(y), float(z)), (0.0, 0.0, float(turn))
    obj.scale = (scale, scale, scale) if np.isscalar(scale) else tuple(scale)
    bpy.context.scene.collection.objects.link(obj)
    return obj
