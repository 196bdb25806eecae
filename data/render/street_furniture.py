"""What stands beside a road: lamps, signs, fences, bins, guard rails, gantries, wires. Feet at z = 0, the road along x."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from meshing import Builder

RED, BLUE, GREEN, WHITE, YELLOW = (
    (0.42, 0.01, 0.012),
    (0.01, 0.06, 0.35),
    (0.01, 0.16, 0.07),
    (0.7, 0.7, 0.7),
    (0.7, 0.42, 0.02),
)


def lamp(kit, rng, height: float = 7.0, arm: float = 1.4):
    """A street lamp with its arm towards +y."""
    builder = Builder()
    pole = kit.galvanised() if rng.random() < 0.6 else kit.pole_paint()
    builder.cylinder(0.09, 1.1, (0, 0, 0), pole, segments=10)
    builder.tube([(0, 0, 1.0), (0, 0, height - 0.5), (0, 0.25 * arm, height - 0.1), (0, arm, height)], 0.055, pole, 8)
    builder.box((0.24, 0.6, 0.12), (0, arm + 0.15, height - 0.03), pole, 0.04)
    builder.box((0.18, 0.4, 0.03), (0, arm + 0.15, height - 0.05), kit.white_lamp(), 0.005)
    return builder.finish("lamp", "as built")


def _disc(builder, at, radius, material, sides=20, turn=0.0) -> None:
    """A flat plate that faces -x (towards oncoming traffic), centre at ``at``."""
    angles = np.arange(sides) * math.tau / sides + turn
    ring = np.stack([np.zeros(sides), np.cos(angles) * radius, np.sin(angles) * radius], axis=1)
    builder.add(ring, [tuple(reversed(range(sides)))], material, at)


def sign(kit, rng, kind: str | None = None):
    """A traffic sign on a post, facing -x."""
    builder = Builder()
    kind = kind or str(rng.choice(["limit", "give_way", "warning", "parking", "stop", "direction"]))
    builder.cylinder(0.035, 2.9, (0.05, 0, 0), kit.galvanised(), segments=8)
    z = 2.5
    if kind == "limit":
        for k, (radius, color) in enumerate(((0.32, RED), (0.25, WHITE))):
            _disc(builder, (-0.005 * k, 0, z), radius, kit.sign(color))
        for y in (-0.09, 0.09):
            builder.box((0.004, 0.1, 0.22), (-0.01, y, z - 0.11), kit.black(), 0.0)
    elif kind in ("warning", "give_way"):
        turn = math.pi / 2 if kind == "warning" else -math.pi / 2
        for k, (radius, color) in enumerate(((0.45, RED), (0.3, WHITE))):
            _disc(builder, (-0.005 * k, 0, z), radius, kit.sign(color), 3, turn)
        if kind == "warning":
            builder.box((0.004, 0.06, 0.2), (-0.01, 0, z - 0.12), kit.black(), 0.0)
    elif kind == "stop":
        for k, (radius, color) in enumerate(((0.36, WHITE), (0.33, RED))):
            _disc(builder, (-0.005 * k, 0, z), radius, kit.sign(color), 8, math.pi / 8)
        builder.box((0.004, 0.4, 0.12), (-0.01, 0, z - 0.06), kit.sign(WHITE), 0.0)
    elif kind == "parking":
        builder.box((0.01, 0.55, 0.55), (0, 0, z - 0.28), kit.sign(BLUE), 0.0)
        builder.box((0.004, 0.12, 0.36), (-0.01, 0.08, z - 0.18), kit.sign(WHITE), 0.0)
        builder.box((0.004, 0.24, 0.18), (-0.01, -0.02, z), kit.sign(WHITE), 0.0)
    else:
        for k in range(2):
            color = (YELLOW, WHITE)[int(rng.integers(2))]
            builder.box((0.02, 1.5, 0.34), (0, 0.3, z - 0.4 * k - 0.1), kit.sign(color), 0.0)
            builder.box((0.006, 0.9, 0.1), (-0.012, 0.35, z - 0.4 * k + 0.03), kit.black(), 0.0)
    return builder.finish("sign", "as built")


def lights(kit, rng):
    """A traffic light, facing -x."""
    builder = Builder()
    builder.cylinder(0.06, 3.3, (0.1, 0, 0), kit.galvanised(), segments=10)
    builder.box((0.2, 0.32, 0.95), (0, 0, 2.4), kit.black(), 0.03)
    lit = int(rng.integers(3))
    for k, color in enumerate(((0.0, 0.5, 0.2), (0.8, 0.4, 0.0), (0.8, 0.02, 0.01))):
        glow = kit.emission(6.0, color) if k == lit else kit.sign(tuple(0.12 * c for c in color))
        _disc(builder, (-0.105, 0, 2.57 + 0.3 * k), 0.1, glow, 14)
    return builder.finish("lights", "as built")


def fence(kit, rng, length: float, kind: str):
    """A garden boundary of ``length`` along x: pickets, boards, rails, iron or a wall."""
    builder = Builder()
    height = float(rng.uniform(0.85, 1.25))
    if kind == "wall":
        material = kit.brick_wall() if rng.random() < 0.5 else kit.stucco()
        builder.box((length, 0.24, height * 0.8), (0, 0, 0), material, 0.01)
        builder.box((length, 0.32, 0.07), (0, 0, height * 0.8), kit.concrete(), 0.01)
        return builder.finish("fence", "as built")
    material = {"iron": kit.pole_paint, "rails": kit.timber, "pickets": kit.frame, "boards": kit.timber}[kind]()
    if kind == "boards":
        height += 0.7
    posts = max(1, round(length / 2.2))
    for x in np.linspace(-length / 2, length / 2, posts + 1):
        builder.box((0.1, 0.1, height), (x, 0.06, 0), material, 0.005)
    for z in (0.25, 0.78) if kind != "rails" else (0.3, 0.62, 0.94):
        builder.box((length, 0.04, 0.09), (0, 0.03, z * height), material, 0.004)
    if kind != "rails":
        step, wide, thick = {
            "iron": (0.13, 0.022, 0.022),
            "pickets": (0.15, 0.085, 0.02),
            "boards": (0.152, 0.145, 0.02),
        }[kind]
        for x in np.arange(-length / 2 + step / 2, length / 2, step):
            builder.box((wide, thick, height * float(rng.uniform(0.95, 1.0))), (x, 0, 0.06), material, 0.002)
    return builder.finish("fence", "as built")


def bin_(kit, rng):
    """A wheeled dustbin."""
    builder = Builder()
    body = kit.plastic(
        [(0.02, 0.06, 0.03), (0.03, 0.03, 0.032), (0.01, 0.04, 0.12), (0.25, 0.16, 0.01)][int(rng.integers(4))]
    )
    builder.prism([(-0.26, -0.26), (0.26, -0.26), (0.28, 0.28), (-0.28, 0.28)], 0.95, (0, 0, 0.06), body)
    builder.box((0.6, 0.64, 0.07), (0, 0.0, 1.0), body, 0.02)
    return builder.finish("bin", "as built")


def bollard(kit, rng):
    """A post at the kerb."""
    builder = Builder()
    builder.cylinder(0.07, 0.9, (0, 0, 0), kit.pole_paint(), segments=10)
    builder.cylinder(0.074, 0.08, (0, 0, 0.72), kit.sign(WHITE), segments=10)
    return builder.finish("bollard", "as built")


def delineator(kit, rng):
    """A white marker post with a dark band."""
    builder = Builder()
    builder.box((0.1, 0.12, 1.0), (0, 0, 0), kit.sign(WHITE), 0.02)
    builder.box((0.104, 0.124, 0.2), (0, 0, 0.7), kit.black(), 0.005)
    return builder.finish("delineator", "as built")


def cabinet(kit, rng):
    """A grey distribution box."""
    builder = Builder()
    size = (float(rng.uniform(0.7, 1.4)), 0.4, float(rng.uniform(1.0, 1.4)))
    builder.box(size, (0, 0, 0.05), kit.flat("cabinet", (0.3, 0.32, 0.3), 0.6), 0.01)
    return builder.finish("cabinet", "as built")


def person(kit, rng):
    """A pedestrian in mid-stride."""
    builder = Builder()
    top, trousers = kit.cloth(), kit.flat("trousers", tuple(float(c) for c in rng.uniform(0.01, 0.12, 3)), 0.9)
    skin, shoe = kit.flat("skin", (0.42, 0.24, 0.16), 0.6), kit.black()
    for side, step in ((1, 0.2), (-1, -0.22)):
        builder.tube(
            [(0, 0.09 * side, 0.9), (0.5 * step + 0.04, 0.09 * side, 0.48), (step, 0.09 * side, 0.08)],
            0.075,
            trousers,
            8,
        )
        builder.box((0.26, 0.1, 0.09), (step + 0.05, 0.09 * side, 0.0), shoe, 0.03)
        builder.tube(
            [(0, 0.21 * side, 1.4), (-0.6 * step, 0.25 * side, 1.12), (-step * 0.6 + 0.12, 0.23 * side, 0.9)],
            0.05,
            top,
            8,
        )
    builder.lathe(
        [(0.13, 0.86), (0.17, 0.95), (0.16, 1.15), (0.2, 1.38), (0.12, 1.47), (0.06, 1.52)],
        (0, 0, 0),
        top,
        12,
        flat=(0.75, 1.0),
    )
    builder.ball(0.105, (0.02, 0, 1.5), skin, 12, 1.2)
    builder.ball(0.112, (-0.005, 0, 1.55), kit.flat("hair", (0.04, 0.025, 0.015), 0.9), 12, 1.0)
    return builder.finish("person", "as built")


def guard_rail(kit, path, s0: float, s1: float, t: float):
    """A steel guard rail along the road from s0 to s1 at t (world frame)."""
    builder = Builder()
    steel = kit.galvanised()
    stations = np.arange(s0, s1, 4.0)
    side = -np.sign(t) or 1.0
    rows = []
    for s in stations:
        for out, z in ((0.0, 0.48), (0.06, 0.53), (0.0, 0.6), (0.06, 0.69), (0.0, 0.76)):
            x, y = path.at(s, t + side * out)
            rows.append((float(x), float(y), z))
        x, y = path.at(s, t - side * 0.06)
        builder.box((0.1, 0.1, 0.7), (float(x), float(y), 0), steel, 0.0)
    faces = [
        (i * 5 + j, (i + 1) * 5 + j, (i + 1) * 5 + j + 1, i * 5 + j + 1)
        for i in range(len(stations) - 1)
        for j in range(4)
    ]
    builder.add(np.array(rows), faces, steel)
    return builder.finish("guard_rail", "as built")


def gantry(kit, rng, half: float):
    """A sign bridge across a carriageway reaching ``half`` metres to both sides."""
    builder = Builder()
    steel = kit.galvanised()
    for y in (-half, half):
        builder.box((0.35, 0.35, 7.0), (0, y, 0), steel, 0.02)
    for z in (6.1, 6.9):
        builder.box((0.2, 2 * half, 0.2), (0, 0, z), steel, 0.01)
    color = (BLUE, GREEN)[int(rng.integers(2))]
    for y in np.linspace(-half * 0.62, half * 0.62, 3 if half > 9 else 2):
        builder.box((0.08, half * 0.5, 2.6), (-0.2, y, 5.3), kit.sign(color), 0.02)
        for k in range(int(rng.integers(2, 4))):
            wide = half * float(rng.uniform(0.18, 0.36))
            builder.box(
                (0.01, wide, 0.26), (-0.25, y + (half * 0.36 - wide) / 2 - 0.3, 7.2 - 0.7 * k), kit.sign(WHITE), 0.0
            )
        builder.box((0.01, 0.12, 0.8), (-0.25, y - half * 0.18, 5.5), kit.sign(WHITE), 0.0)
    return builder.finish("gantry", "as built")


def bridge(kit, rng, half: float, rise: float = 5.4):
    """A road bridge across, ``half`` metres of clear span to both sides."""
    builder = Builder()
    concrete = kit._build_concrete()
    builder.box((9.0, 2 * half + 40.0, 1.1), (0, 0, rise), concrete, 0.05)
    for x in (-4.4, 4.4):
        builder.box((0.2, 2 * half + 40.0, 0.9), (x, 0, rise + 1.1), concrete, 0.03)
        for y in np.arange(-half - 18, half + 18, 2.0):
            builder.box((0.05, 0.05, 0.6), (x, y, rise + 2.0), kit.galvanised(), 0.0)
        builder.box((0.06, 2 * half + 40.0, 0.06), (x, 0, rise + 2.55), kit.galvanised(), 0.0)
    for y in (-half - 0.6, 0.0, half + 0.6):
        builder.box((7.0, 0.9, rise), (0, y, 0), concrete, 0.05)
    return builder.finish("bridge", "as built")


def wires(kit, path, s0: float, s1: float, t: float, step: float = 38.0, height: float = 7.5):
    """Wooden poles along the road with two sagging wires."""
    builder = Builder()
    timber, black = kit.timber(), kit.black()
    tops = []
    for s in np.arange(s0, s1, step):
        x, y = (float(c) for c in path.at(s, t))
        builder.cylinder(0.13, height, (x, y, 0), timber, top=0.09, segments=8)
        builder.box((0.1, 1.5, 0.1), (x, y, height - 0.6), timber, 0.0, (0, 0, float(path.turn(s))))
        tops.append((x, y, float(path.turn(s))))
    for (x0, y0, a0), (x1, y1, a1) in pairwise(tops):
        for out in (-0.65, 0.65):
            start = np.array([x0 - out * math.sin(a0), y0 + out * math.cos(a0), height - 0.45])
            end = np.array([x1 - out * math.sin(a1), y1 + out * math.cos(a1), height - 0.45])
            f = np.linspace(0, 1, 9)[:, None]
            line = start + f * (end - start)
            line[:, 2] -= (4 * f * (1 - f) * 0.7)[:, 0]
            builder.tube(line, 0.014, black, 4)
    return builder.finish("wires", "as built")
