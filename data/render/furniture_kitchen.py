"""Furniture of kitchens, bathrooms and utility rooms: counters, appliances, sanitary ware, doors and radiators."""

from __future__ import annotations

import math

import numpy as np
from furniture_living import body_material, colour, fronts, handle, pick
from meshing import Builder

WHITE = (0.82, 0.82, 0.80)


def tap(b: Builder, at, metal, tall=0.22, reach=0.16) -> None:
    """A mixer tap standing at ``at``, its spout towards -Y."""
    x, y, z = at
    a = np.linspace(0, math.pi * 0.9, 8)
    arc = [(x, y - reach / 2 + reach / 2 * math.cos(t), z + tall - reach / 2 + reach / 2 * math.sin(t)) for t in a]
    b.cylinder(0.024, 0.035, at, metal, segments=14)
    b.tube([(x, y, z + 0.02), *arc], 0.011, metal)
    b.tube([(x, y, z + 0.05), (x + 0.06, y, z + 0.085)], 0.007, metal, 6)


def kitchen_counter(kit, rng, length=None, sink=None):
    """A row of base cabinets with worktop; mostly with a sink and tap, drawers and doors."""
    b = Builder()
    length = rng.uniform(1.2, 2.6) if length is None else length
    sink = (length >= 0.9 and rng.random() < 0.7) if sink is None else sink
    d, h, plinth, thick = 0.6, 0.9, 0.1, 0.035
    front = (body_material(kit, rng), kit.painted())[int(rng.integers(2))]
    stone = pick(rng, kit.wood, kit.stone, kit.stone, kit.ceramic)()
    metal, dark = kit.metal(), kit.dark_plastic()
    kind = pick(rng, "bar", "bar", "knob", "cup")
    b.box((length, d - 0.1, plinth), (0, 0.04, 0), dark, 0.002)
    b.box((length, d - 0.03, h - thick - plinth), (0, 0.01, plinth), front, 0.002)
    units = max(1, round(length / 0.55))
    wide = length / units
    basin = int(rng.integers(units)) if sink else -1
    for i in range(units):
        x0, x1 = -length / 2 + i * wide, -length / 2 + (i + 1) * wide
        face, z1 = -d / 2 + 0.025, h - thick - 0.004
        what = rng.random()
        if i == basin or what < 0.35:
            fronts(b, x0, x1, plinth + 0.004, z1, face, 1, 1, front, metal, kind, doors=True)
        elif what < 0.7:
            fronts(b, x0, x1, plinth + 0.004, z1, face, 1, pick(rng, 3, 4), front, metal, kind)
        else:
            fronts(b, x0, x1, z1 - 0.17, z1, face, 1, 1, front, metal, kind)
            fronts(b, x0, x1, plinth + 0.004, z1 - 0.17, face, 1, 1, front, metal, kind, doors=True)
    top = h - thick
    if not sink:
        b.box((length, d + 0.02, thick), (0, 0, top), stone, 0.004)
    else:
        cx, w, deep = -length / 2 + (basin + 0.5) * wide, min(0.46, wide - 0.08), 0.38
        left, right = cx - w / 2 + length / 2, length / 2 - cx - w / 2
        b.box((left, d + 0.02, thick), (-length / 2 + left / 2, 0, top), stone, 0.004)
        b.box((right, d + 0.02, thick), (length / 2 - right / 2, 0, top), stone, 0.004)
        rest = (d + 0.02 - deep) / 2
        for side, shift in ((-1, 0), (1, 0)):
            b.box((w, rest, thick), (cx, side * (d / 2 + 0.01 - rest / 2) + shift, top), stone, 0.001)
        basin_box(b, w, deep, 0.17, (cx, 0, h + 0.002), kit.steel())
        tap(b, (cx, deep / 2 + 0.05, h), metal, 0.3, 0.2)
    b.box((length, 0.015, 0.05), (0, d / 2 - 0.0075 + 0.01, h), stone, 0.003)
    return b.finish("kitchen_counter")


def basin_box(b: Builder, w, d, deep, at, material, rim=0.022, corner=3.5) -> None:
    """A sunken basin with a flat rim, its rim at height ``at[2]``: superellipse rings, open above."""
    rings = [(1 + 2 * rim / w, 1 + 2 * rim / d, -0.004), (1 + 2 * rim / w, 1 + 2 * rim / d, 0.003), (1, 1, 0.003)]
    rings += [
        (0.97, 0.96, -0.02),
        (0.93, 0.92, -deep * 0.85),
        (0.84, 0.82, -deep),
        (0.12, 0.12, -deep - 0.006),
        (0.001, 0.001, -deep - 0.006),
    ]
    loft(b, [(w / 2 * sx, d / 2 * sy, z, 0, 0) for sx, sy, z in rings], at, material, corner)


def loft(b: Builder, rings, at, material, power=2.0, segments=32, close=False) -> None:
    """A skin over rings (half width, half depth, height, x, y), superellipses of exponent ``power``."""
    a = np.arange(segments) * 2 * math.pi / segments
    cx = np.sign(np.cos(a)) * np.abs(np.cos(a)) ** (2 / power)
    cy = np.sign(np.sin(a)) * np.abs(np.sin(a)) ** (2 / power)
    points = np.concatenate(
        [np.stack([x + cx * w, y + cy * d, np.full(segments, z)], axis=1) for w, d, z, x, y in rings]
    )
    faces = []
    for r in range(len(rings) - 1):
        for i in range(segments):
            j = (i + 1) % segments
            faces.append((r * segments + i, r * segments + j, (r + 1) * segments + j, (r + 1) * segments + i))
    if close:
        last = (len(rings) - 1) * segments
        faces.append(tuple(last + i for i in range(segments)))
    b.add(points, faces, material, at)


def upper_cabinets(kit, rng, length=None):
    """Wall cabinets in a row; a few doors may be open shelves with crockery. Bottom at z = 0."""
    b = Builder()
    length = rng.uniform(1.0, 2.4) if length is None else length
    h, d = rng.uniform(0.6, 0.8), 0.34
    front, metal = body_material(kit, rng), kit.metal()
    units = max(1, round(length / 0.5))
    wide = length / units
    kind = pick(rng, "bar", "knob", "none")
    shelf = int(rng.integers(units)) if rng.random() < 0.5 and units > 1 else -1
    for i in range(units):
        x0 = -length / 2 + i * wide
        x = x0 + wide / 2
        if i == shelf:
            for sx in (-1, 1):
                b.box((0.018, d, h), (x + sx * (wide / 2 - 0.009), -d / 2, 0), front, 0.002)
            b.box((wide, 0.01, h), (x, -0.005, 0), front, 0.001)
            for z in (0, h / 2, h - 0.018):
                b.box((wide, d, 0.018), (x, -d / 2, z), front, 0.002)
            for z in (0.018, h / 2 + 0.018):
                china = kit.ceramic()
                for k in range(3):
                    px = x + (k - 1) * wide * 0.28
                    if rng.random() < 0.5:
                        b.lathe(
                            [(0, 0), (0.036, 0), (0.04, 0.085), (0.036, 0.085), (0.034, 0.01), (0, 0.01)],
                            (px, -d / 2, z),
                            china,
                            14,
                        )
                    else:
                        for s in range(4):
                            b.lathe(
                                [(0, 0), (0.03, 0), (0.065, 0.035), (0.062, 0.036), (0, 0.006)],
                                (px, -d / 2, z + 0.014 * s),
                                china,
                                16,
                            )
        else:
            b.box((wide, d - 0.02, h), (x, -d / 2 + 0.01, 0), front, 0.002)
            fronts(b, x0, x0 + wide, 0.002, h - 0.002, -d + 0.02, 1, 1, front, metal, "none", doors=True)
            handle(b, kind, x + (-1) ** i * (wide / 2 - 0.045), -d + 0.002, 0.14, metal, vertical=True, length=0.13)
    return b.finish("upper_cabinets", "wall")


def fridge(kit, rng):
    """A fridge-freezer with two doors and long handles; sometimes with notes on its door."""
    b = Builder()
    w, d, h = rng.uniform(0.56, 0.7), rng.uniform(0.6, 0.66), rng.uniform(1.5, 1.95)
    skin = kit.steel() if rng.random() < 0.45 else kit.plastic(WHITE if rng.random() < 0.75 else colour(rng))
    dark, metal = kit.dark_plastic(), kit.metal()
    split = h * pick(rng, 0.35, 0.68)
    b.box((w - 0.02, d - 0.1, 0.06), (0, 0.02, 0), dark, 0.003)
    b.box((w, d - 0.07, h - 0.05), (0, 0.035, 0.05), skin, 0.008)
    for z0, z1 in ((0.06, split - 0.006), (split + 0.006, h)):
        b.box((w, 0.062, z1 - z0), (0, -d / 2 + 0.035, z0), skin, 0.014)
        length = min(0.45, (z1 - z0) * 0.6)
        z = z1 - length / 2 - 0.06 if z0 < 0.1 else z0 + length / 2 + 0.06
        handle(b, "bar", w / 2 - 0.06, -d / 2 + 0.004, z, metal, vertical=True, length=length)
    if rng.random() < 0.5:
        for _ in range(int(rng.integers(2, 6))):
            x, z = (
                rng.uniform(-w / 2 + 0.1, w / 2 - 0.15),
                split + rng.uniform(0.1, 0.4) if split < h / 2 else rng.uniform(0.5, split - 0.15),
            )
            b.box(
                (rng.uniform(0.06, 0.13), 0.003, rng.uniform(0.06, 0.15)),
                (x, -d / 2 + 0.002, z),
                kit.paper(colour(rng)),
                0.0005,
                (0, rng.uniform(-0.1, 0.1), 0),
            )
    return b.finish("fridge")


def stove(kit, rng):
    """A free-standing cooker: oven with window, knobs, four plates on top."""
    b = Builder()
    w, d, h = rng.uniform(0.55, 0.62), 0.6, 0.9
    skin = kit.steel() if rng.random() < 0.5 else kit.plastic(WHITE)
    dark, metal, glass = kit.dark_plastic(), kit.steel(), kit.dark_plastic()
    b.box((w - 0.02, d - 0.08, 0.08), (0, 0.02, 0), dark, 0.003)
    b.box((w, d - 0.04, h - 0.1), (0, 0.02, 0.08), skin, 0.005)
    front = -d / 2 + 0.02
    b.box((w - 0.01, 0.02, 0.14), (0, front, 0.1), skin, 0.005)
    b.box((w - 0.01, 0.035, 0.46), (0, front, 0.25), skin, 0.008)
    b.box((w - 0.14, 0.006, 0.28), (0, front - 0.018, 0.32), glass, 0.004)
    b.tube(
        [
            (-w / 2 + 0.06, front, 0.66),
            (-w / 2 + 0.06, front - 0.055, 0.66),
            (w / 2 - 0.06, front - 0.055, 0.66),
            (w / 2 - 0.06, front, 0.66),
        ],
        0.01,
        metal,
    )
    b.box((w - 0.01, 0.03, 0.13), (0, front, 0.735), skin, 0.006)
    for x in np.linspace(-w / 2 + 0.08, w / 2 - 0.08, 5):
        b.cylinder(0.021, 0.025, (x, front - 0.014, 0.8), dark, segments=14, rot=(math.pi / 2, 0, 0))
    b.box((w, d - 0.02, 0.02), (0, 0.005, h - 0.02), dark if rng.random() < 0.6 else skin, 0.005)
    gas = rng.random() < 0.5
    for sx in (-1, 1):
        for y, r in ((-0.12, 0.09 if sx > 0 else 0.075), (0.15, 0.075 if sx > 0 else 0.09)):
            at = (sx * 0.14, y, h)
            if gas:
                b.cylinder(0.04, 0.012, at, dark, segments=16)
                for turn in (0, math.pi / 2):
                    b.box((0.22, 0.01, 0.012), (at[0], at[1], h + 0.022), dark, 0.002, (0, 0, turn))
            else:
                b.cylinder(r, 0.006, at, metal, segments=28)
                b.cylinder(r - 0.008, 0.008, at, dark, segments=28)
    if rng.random() < 0.5:
        b.box((w, 0.025, 0.12), (0, d / 2 - 0.02, h), skin, 0.006)
    return b.finish("stove")


def bathtub(kit, rng):
    """A bathtub: built in with an apron, or free standing; with a tap at one end."""
    b = Builder()
    white, metal = kit.ceramic(), kit.metal()
    w, d, h = rng.uniform(1.55, 1.75), rng.uniform(0.7, 0.8), rng.uniform(0.54, 0.6)
    inside = [
        (0.97, 0.95, -0.025),
        (0.93, 0.88, -h * 0.4),
        (0.86, 0.8, -h * 0.66),
        (0.78, 0.68, -h * 0.73),
        (0.4, 0.3, -h * 0.74),
        (0.001, 0.001, -h * 0.74),
    ]
    iw, id_ = w / 2 - 0.07, d / 2 - 0.075
    if rng.random() < 0.65:
        # The rim is a flat ring between the rectangle of the apron and the rounded basin.
        rings = [(w / 2, d / 2, -h), (w / 2, d / 2, -0.012), (w / 2 - 0.008, d / 2 - 0.008, 0)]
        loft(b, [(x, y, z, 0, 0) for x, y, z in rings], (0, 0, h), white, 60.0, 48)
        outer = (w / 2 - 0.008, d / 2 - 0.008)
        a = np.arange(48) * 2 * math.pi / 48

        def ring(hx, hy, power):
            return np.stack(
                [
                    np.sign(np.cos(a)) * np.abs(np.cos(a)) ** (2 / power) * hx,
                    np.sign(np.sin(a)) * np.abs(np.sin(a)) ** (2 / power) * hy,
                    np.full(48, h),
                ],
                axis=1,
            )

        points = np.concatenate([ring(*outer, 60.0), ring(iw, id_, 4.0)])
        b.add(points, [(i, (i + 1) % 48, 48 + (i + 1) % 48, 48 + i) for i in range(48)], white)
        loft(b, [(iw, id_, 0, 0, 0), *[(iw * x, id_ * y, z, 0, 0) for x, y, z in inside]], (0, 0, h), white, 4.0, 48)
    else:
        rings = [
            (w * 0.3, d * 0.3, -h + 0.005),
            (w * 0.38, d * 0.38, -h + 0.03),
            (w * 0.43, d * 0.44, -h * 0.5),
            (w / 2 - 0.01, d / 2 - 0.01, -0.03),
        ]
        rings += [(w / 2, d / 2, -0.015), (w / 2 - 0.005, d / 2 - 0.005, 0), (iw + 0.03, id_ + 0.03, 0)]
        rings += [((iw + 0.02) * x, (id_ + 0.02) * y, z) for x, y, z in inside]
        loft(b, [(x, y, z, 0, 0) for x, y, z in rings], (0, 0, h), white, 2.5, 48)
    end = pick(rng, -1, 1)
    with b.placed((end * (w / 2 - 0.035), 0, h), (0, 0, -end * math.pi / 2)):
        tap(b, (0, 0, 0), metal, 0.16, 0.15)
    b.cylinder(0.03, 0.004, (end * w * 0.3, 0, h * 0.26 + 0.003), metal, segments=16)
    if rng.random() < 0.4:
        cloth = kit.fabric()
        b.box((0.3, 0.012, 0.36), (-end * w * 0.2, -d / 2 - 0.006, h - 0.35), cloth, 0.004)
        b.box((0.3, 0.1, 0.012), (-end * w * 0.2, -d / 2 + 0.038, h), cloth, 0.004)
    return b.finish("bathtub")


def toilet(kit, rng):
    """A toilet with cistern, seat and lid (lid up or down)."""
    b = Builder()
    white, metal = kit.ceramic(), kit.metal()
    seat = kit.plastic(WHITE) if rng.random() < 0.8 else kit.wood()
    rings = [
        (0.12, 0.2, 0, 0, 0.05),
        (0.11, 0.19, 0.12, 0, 0.04),
        (0.135, 0.22, 0.27, 0, 0),
        (0.185, 0.26, 0.37, 0, -0.03),
        (0.19, 0.265, 0.395, 0, -0.03),
    ]
    rings += [
        (0.14, 0.2, 0.395, 0, -0.03),
        (0.12, 0.17, 0.3, 0, -0.03),
        (0.05, 0.07, 0.2, 0, 0),
        (0.001, 0.001, 0.2, 0, 0),
    ]
    loft(b, rings, (0, 0, 0), white, 2.3, 28)
    ring = [
        (0.192, 0.267, 0.397, 0, -0.03),
        (0.197, 0.272, 0.408, 0, -0.03),
        (0.188, 0.262, 0.417, 0, -0.03),
        (0.13, 0.19, 0.417, 0, -0.03),
        (0.125, 0.185, 0.4, 0, -0.03),
    ]
    loft(b, ring, (0, 0, 0), seat, 2.3, 28)
    cover = [
        (0.19, 0.265, 0, 0, 0),
        (0.196, 0.27, 0.01, 0, 0),
        (0.185, 0.258, 0.02, 0, 0),
        (0.06, 0.09, 0.024, 0, 0),
        (0.001, 0.001, 0.024, 0, 0),
    ]
    if rng.random() < 0.65:
        loft(b, cover, (0, -0.03, 0.418), seat, 2.3, 28)
    else:
        with b.placed((0, 0.235, 0.42), (-1.38, 0, 0)):
            loft(b, cover, (0, -0.27, 0), seat, 2.3, 28)
    w, h = rng.uniform(0.36, 0.42), rng.uniform(0.32, 0.4)
    b.soft((w, 0.17, h), (0, 0.335, 0.39), white, rng, 0.35, 0, n=8)
    b.box((w + 0.02, 0.185, 0.03), (0, 0.335, 0.39 + h), white, 0.01)
    b.cylinder(0.024, 0.008, (0, 0.335, 0.42 + h), metal, segments=16)
    b.box((0.2, 0.22, 0.36), (0, 0.3, 0.03), white, 0.03)
    return b.finish("toilet")


def washbasin(kit, rng):
    """A washbasin on a cabinet, or on a pedestal, with tap and a few bottles."""
    b = Builder()
    white, metal = kit.ceramic(), kit.metal()
    h = rng.uniform(0.82, 0.88)
    if rng.random() < 0.3:
        w, d = rng.uniform(0.5, 0.6), 0.44
        rings = [
            (0.09, 0.08, 0.0, 0, 0.05),
            (0.075, 0.065, 0.08, 0, 0.05),
            (0.085, 0.075, h - 0.18, 0, 0.05),
            (w / 2 - 0.08, d / 2 - 0.06, h - 0.1, 0, 0),
        ]
        rings += [
            (w / 2, d / 2, h - 0.03, 0, 0),
            (w / 2, d / 2, h, 0, 0),
            (w / 2 - 0.04, d / 2 - 0.05, h, 0, -0.02),
            (w / 2 - 0.07, d / 2 - 0.08, h - 0.08, 0, -0.02),
        ]
        rings += [(0.06, 0.05, h - 0.12, 0, -0.02), (0.001, 0.001, h - 0.12, 0, -0.02)]
        loft(b, rings, (0, 0, 0), white, 3.0, 36)
        tap(b, (0, d / 2 - 0.045, h), metal, 0.15, 0.12)
        return b.finish("washbasin")
    w, d = rng.uniform(0.6, 1.1), rng.uniform(0.44, 0.5)
    body, foot = body_material(kit, rng), pick(rng, 0.08, 0.22)
    b.box((w - 0.02, d - 0.03, h - 0.1 - foot), (0, 0.01, foot), body)
    for x in (-1, 1):
        for y in (-1, 1):
            b.cylinder(0.018, foot, (x * (w / 2 - 0.06), y * (d / 2 - 0.08), 0), metal, segments=10)
    style = pick(rng, "bar", "knob")
    if rng.random() < 0.5:
        fronts(b, -w / 2 + 0.01, w / 2 - 0.01, foot, h - 0.105, -d / 2 + 0.02, 2, 1, body, metal, style, doors=True)
    else:
        fronts(b, -w / 2 + 0.01, w / 2 - 0.01, foot, h - 0.105, -d / 2 + 0.02, 1, 2, body, metal, style)
    bw, bd = min(0.5, w - 0.12), d - 0.15
    b.box((w, d, 0.1), (0, 0, h - 0.1), white, 0.01)
    if rng.random() < 0.6:
        rings = [
            (0.6, 0.6, 0),
            (0.85, 0.85, 0.05),
            (1, 1, 0.12),
            (0.97, 0.97, 0.122),
            (0.9, 0.9, 0.09),
            (0.6, 0.6, 0.02),
            (0.001, 0.001, 0.012),
        ]
        loft(b, [(bw / 2 * a, bd / 2 * a2, z, 0, -0.03) for a, a2, z in rings], (0, 0, h), white, 2.4, 36)
        tap(b, (0, d / 2 - 0.05, h), metal, 0.28, 0.16)
    else:
        # A raised lip round a shallow shaded bowl: the bowl lies on the slab and reads as sunken.
        rings = [
            (1, 1, 0),
            (0.99, 0.99, 0.035),
            (0.93, 0.92, 0.035),
            (0.88, 0.86, 0.012),
            (0.5, 0.5, 0.003),
            (0.001, 0.001, 0.002),
        ]
        loft(b, [(bw / 2 * a, bd / 2 * a2, z, 0, -0.03) for a, a2, z in rings], (0, 0, h), white, 4.0, 36)
        tap(b, (0, d / 2 - 0.05, h), metal, 0.15, 0.13)
    if w > 0.7:
        for _ in range(int(rng.integers(1, 4))):
            bottle(
                b,
                kit,
                rng,
                (pick(rng, -1, 1) * rng.uniform(bw / 2 + 0.03, w / 2 - 0.04), rng.uniform(-0.05, d / 2 - 0.06), h),
            )
    return b.finish("washbasin")


def bottle(b: Builder, kit, rng, at) -> None:
    """A bottle of soap or shampoo."""
    tall, r = rng.uniform(0.12, 0.22), rng.uniform(0.022, 0.036)
    profile = [(0, 0), (r, 0.003), (r, tall * 0.65), (r * 0.4, tall * 0.78), (r * 0.4, tall), (0, tall)]
    b.lathe(profile, at, kit.plastic(colour(rng)), 14)


def mirror(kit, rng, width=None, height=None):
    """A wall mirror: framed, frameless or round."""
    b = Builder()
    w = rng.uniform(0.45, 0.9) if width is None else width
    h = rng.uniform(0.6, 1.0) if height is None else height
    glass, frame = kit.glass_mirror(), pick(rng, kit.wood, kit.metal, kit.painted)()
    style = pick(rng, "frame", "frame", "round", "plain")
    if style == "round":
        r = min(w, h) / 2
        b.cylinder(r, 0.02, (0, 0, r), frame, segments=48, rot=(math.pi / 2, 0, 0))
        b.cylinder(r - 0.018, 0.024, (0, 0, r), glass, segments=48, bevel=0.001, rot=(math.pi / 2, 0, 0))
    elif style == "plain":
        b.box((w, 0.012, h), (0, -0.006, 0), glass, 0.004)
    else:
        framed(b, w, h, rng.uniform(0.025, 0.06), 0.028, frame)
        b.box((w - 0.04, 0.008, h - 0.04), (0, -0.01, 0.02), glass, 0.001)
    return b.finish("mirror", "wall")


def framed(b: Builder, w, h, bar, deep, material) -> None:
    """Four bars of a frame around width w and height h, back at y = 0."""
    for x in (-1, 1):
        b.box((bar, deep, h), (x * (w / 2 - bar / 2), -deep / 2, 0), material, 0.005)
    for z in (0, h - bar):
        b.box((w - 0.002, deep, bar), (0, -deep / 2, z), material, 0.005)


def shower_cabin(kit, rng):
    """A corner shower: tray, two tiled back panels, a framed front with a curtain or frosted glass, shower head."""
    b = Builder()
    s, h = rng.uniform(0.8, 0.95), rng.uniform(1.95, 2.1)
    white, metal = kit.ceramic(), kit.metal()
    b.box((s, s, 0.1), (0, 0, 0), white, 0.02)
    b.box((s - 0.12, s - 0.12, 0.006), (0, 0, 0.098), white, 0.002)
    b.cylinder(0.045, 0.006, (0, 0, 0.103), metal, segments=20)
    b.box((s, 0.015, h), (0, s / 2 - 0.008, 0.08), white, 0.003)
    b.box((0.015, s, h), (s / 2 - 0.008, 0, 0.08), white, 0.003)
    for x, y in ((-1, -1), (-1, 1), (1, -1)):
        b.box((0.03, 0.03, h), (x * (s / 2 - 0.015), y * (s / 2 - 0.015), 0.08), metal, 0.004)
    for z in (0.1, h + 0.05):
        b.box((s, 0.03, 0.03), (0, -s / 2 + 0.015, z), metal, 0.004)
        b.box((0.03, s, 0.03), (-s / 2 + 0.015, 0, z), metal, 0.004)
    cloth = kit.fabric() if rng.random() < 0.5 else kit.plastic(WHITE)

    def surface(u, v):
        x = -s / 2 + 0.05 + u * s * 0.5
        y = -s / 2 + 0.03 + 0.022 * np.sin(u * 38 + 0.5 * np.sin(3 * v))
        return np.stack([x, y, 0.14 + v * (h - 0.1)], axis=1)

    b.sheet(surface, 48, 8, cloth)
    b.tube([(s / 2 - 0.06, 0.1, 0.95), (s / 2 - 0.06, 0.1, h - 0.1)], 0.01, metal)
    b.tube([(s / 2 - 0.06, 0.1, h - 0.15), (s / 2 - 0.16, 0.1, h - 0.08), (s / 2 - 0.22, 0.1, h - 0.12)], 0.009, metal)
    b.cylinder(0.06, 0.02, (s / 2 - 0.24, 0.1, h - 0.16), metal, top=0.03, segments=20)
    b.box((0.05, 0.24, 0.045), (s / 2 - 0.04, 0.1, 0.95), metal, 0.012)
    return b.finish("shower_cabin")


def towel_rail(kit, rng):
    """A rail, or a ladder heater, with one or two towels."""
    b = Builder()
    metal = kit.metal() if rng.random() < 0.6 else kit.plastic(WHITE)
    w = rng.uniform(0.5, 0.62)
    ladder = rng.random() < 0.5
    tall = rng.uniform(0.9, 1.2) if ladder else 0.0
    rails = np.linspace(0.05, tall, 12) if ladder else [0.5]
    for z in rails:
        b.tube([(-w / 2, -0.07, z), (w / 2, -0.07, z)], 0.011, metal, 8)
    for x in (-1, 1):
        if ladder:
            b.tube([(x * w / 2, -0.06, 0), (x * w / 2, -0.06, tall + 0.05)], 0.016, metal, 8)
        for z in (0.1, tall - 0.05) if ladder else (0.5,):
            b.tube([(x * w / 2, 0, z), (x * w / 2, -0.07, z)], 0.012, metal, 8)
    high = tall * 0.78 if ladder else 0.5
    for x, wide in ((-0.12, 0.22), (0.14, 0.2)) if rng.random() < 0.5 else ((0.0, 0.4),):
        cloth, fall = kit.fabric(), rng.uniform(0.34, 0.46)
        phase = rng.uniform(0, 6)

        def surface(u, v, x=x, wide=wide, fall=fall, phase=phase):
            bend = np.clip((v - 0.47) / 0.06, 0, 1)
            z = np.where(v < 0.5, np.minimum(v, 0.47) / 0.47, np.minimum(1 - v, 0.47) / 0.47) * fall
            y = -0.07 - 0.024 * np.cos(math.pi * bend) + 0.004 * np.sin(u * 9 + phase) * np.sign(bend - 0.5)
            return np.stack([x + (u - 0.5) * wide, y, high - fall + 0.012 + z + 0.01 * np.sin(math.pi * bend)], axis=1)

        b.sheet(surface, 12, 34, cloth)
    return b.finish("towel_rail", "wall")


def washing_machine(kit, rng):
    """A front-loading washing machine."""
    b = Builder()
    w, d, h = 0.6, rng.uniform(0.55, 0.62), 0.85
    white, dark, metal = kit.plastic(WHITE), kit.dark_plastic(), kit.steel()
    b.box((w, d, h - 0.02), (0, 0, 0.02), white, 0.012)
    b.box((w, d, 0.025), (0, 0, h - 0.02), white, 0.008)
    front, turn = -d / 2, (math.pi / 2, 0, 0)
    b.box((w - 0.01, 0.008, 0.11), (0, front, h - 0.14), white, 0.004)
    b.box((0.17, 0.006, 0.07), (-w / 2 + 0.12, front - 0.005, h - 0.12), white, 0.003)
    b.cylinder(0.03, 0.025, (0.02, front - 0.002, h - 0.085), metal, segments=20, rot=turn)
    b.box((0.12, 0.004, 0.045), (0.19, front - 0.005, h - 0.11), kit.screen(), 0.002)
    skin = metal if rng.random() < 0.5 else white
    centre = (0, front, 0.43)
    b.lathe([(0.2, 0), (0.2, 0.02), (0.185, 0.035), (0.15, 0.035), (0.14, 0.02)], centre, skin, 36, turn)
    b.lathe([(0.145, 0.02), (0.12, 0.03), (0.06, 0.04), (0, 0.042)], centre, dark, 36, turn)
    b.box((0.025, 0.03, 0.09), (0.175, front - 0.03, 0.385), dark, 0.008)
    b.box((w - 0.02, 0.006, 0.1), (0, front - 0.001, 0.03), white, 0.003)
    return b.finish("washing_machine")


def pots(kit, rng):
    """One to three pots or pans with handles and lids."""
    b = Builder()
    x = 0.0
    for _ in range(int(rng.integers(1, 4))):
        r, tall = rng.uniform(0.08, 0.12), rng.uniform(0.08, 0.15)
        skin = kit.metal() if rng.random() < 0.6 else kit.plastic(colour(rng))
        dark = kit.dark_plastic()
        if rng.random() < 0.3:
            b.lathe(
                [(0, 0), (r, 0), (r * 1.2, 0.045), (r * 1.17, 0.045), (r * 0.98, 0.006), (0, 0.006)],
                (x, 0, 0),
                dark,
                24,
            )
            b.tube([(x + r * 0.8, -r * 0.8, 0.04), (x + r * 0.8 + 0.13, -r * 0.8 - 0.13, 0.06)], 0.011, dark)
        else:
            b.lathe(
                [(0, 0), (r * 0.95, 0), (r, 0.01), (r, tall), (r + 0.004, tall), (r + 0.002, tall + 0.008)],
                (x, 0, 0),
                skin,
                24,
            )
            b.lathe([(r + 0.002, 0.006), (r * 0.7, 0.02), (0, 0.028)], (x, 0, tall), skin, 24)
            b.ball(0.017, (x, 0, tall + 0.024), dark, 10)
            for s in (-1, 1):
                b.tube(
                    [
                        (x - 0.03, s * r, tall * 0.75),
                        (x - 0.03, s * (r + 0.035), tall * 0.75),
                        (x + 0.03, s * (r + 0.035), tall * 0.75),
                        (x + 0.03, s * r, tall * 0.75),
                    ],
                    0.006,
                    dark,
                    6,
                )
        x += 2 * r + 0.09
    return b.finish("pots")


def radiator(kit, rng, width=None):
    """A panel or column radiator with its pipes from the wall, to be hung some 12 cm above the floor."""
    b = Builder()
    w = rng.uniform(0.6, 1.4) if width is None else width
    h, white, metal = rng.uniform(0.5, 0.65), kit.plastic(WHITE), kit.metal()
    foot = 0.0
    if rng.random() < 0.6:
        b.box((w, 0.03, h), (0, -0.09, foot), white, 0.006)
        b.box((w, 0.03, h), (0, -0.045, foot), white, 0.006)
        for x in np.arange(-w / 2 + 0.03, w / 2 - 0.02, 0.04):
            b.box((0.024, 0.008, h - 0.07), (x, -0.106, foot + 0.035), white, 0.0035)
        b.box((w, 0.08, 0.012), (0, -0.065, foot + h), white, 0.003)
    else:
        for x in np.arange(-w / 2 + 0.025, w / 2, 0.05):
            for y in (-0.045, -0.1):
                b.cylinder(0.017, h, (x, y, foot), white, segments=8, bevel=0.012)
        for z in (foot + 0.03, foot + h - 0.03):
            b.tube([(-w / 2, -0.072, z), (w / 2, -0.072, z)], 0.02, white, 8)
    side = pick(rng, -1, 1)
    b.tube(
        [
            (side * (w / 2 - 0.02), -0.07, foot + 0.05),
            (side * (w / 2 + 0.04), -0.07, foot + 0.05),
            (side * (w / 2 + 0.04), 0, foot + 0.05),
        ],
        0.009,
        metal,
    )
    b.cylinder(
        0.02, 0.06, (side * (w / 2 + 0.02), -0.07, foot + 0.05), white, segments=12, rot=(0, side * math.pi / 2, 0)
    )
    b.box((0.04, 0.06, 0.05), (0, -0.03, foot + 0.1), white, 0.002)
    return b.finish("radiator", "wall")


def door(kit, rng, width=None, height=None):
    """A closed interior door with frame and handle: panelled, plain or with a glass strip."""
    b = Builder()
    w = rng.uniform(0.78, 0.92) if width is None else width
    h = rng.uniform(1.98, 2.06) if height is None else height
    frame = kit.painted() if rng.random() < 0.6 else kit.wood()
    leaf = frame if rng.random() < 0.6 else body_material(kit, rng)
    metal = kit.metal()
    bar = rng.uniform(0.06, 0.09)
    for x in (-1, 1):
        b.box((bar, 0.035, h + bar), (x * (w / 2 + bar / 2), -0.0175, 0), frame, 0.006)
    b.box((w + 2 * bar, 0.036, bar), (0, -0.018, h), frame, 0.006)
    b.box((w - 0.008, 0.016, h - 0.01), (0, -0.008, 0.006), leaf, 0.003)
    style = pick(rng, "panels", "plain", "panels", "glass", "planks")
    if style == "panels":
        rows = pick(rng, ((0.18, 0.78), (0.95, 0.92)), ((0.18, 0.5), (0.8, 0.45), (1.37, 0.5)), ((0.18, 1.68),))
        columns = 1 if len(rows) == 1 else pick(rng, 1, 2)
        wide = (w - 0.14 - 0.1 * columns) / columns
        for z, tall in rows:
            for c in range(columns):
                x = (c - (columns - 1) / 2) * (wide + 0.1)
                b.box((wide + 0.03, 0.012, tall + 0.03), (x, -0.016, z - 0.015), leaf, 0.008)
                b.box((wide - 0.04, 0.012, tall - 0.04), (x, -0.022, z + 0.02), leaf, 0.01)
    elif style == "glass":
        b.box((w * 0.36, 0.01, h * 0.72), (0, -0.014, h * 0.18), frame, 0.004)
        b.box(
            (w * 0.3, 0.01, h * 0.69),
            (0, -0.017, h * 0.195),
            kit.screen() if rng.random() < 0.3 else kit.ceramic(),
            0.002,
        )
    elif style == "planks":
        for x in np.linspace(-w / 2 + 0.07, w / 2 - 0.07, 6):
            b.box(((w - 0.02) / 6 - 0.008, 0.008, h - 0.02), (x, -0.018, 0.01), leaf, 0.003)
    side = pick(rng, -1, 1)
    x = side * (w / 2 - 0.065)
    b.box((0.04, 0.012, 0.2), (x, -0.026, 0.93), metal, 0.004)
    b.tube([(x, -0.02, 1.05), (x, -0.07, 1.05), (x - side * 0.12, -0.07, 1.05)], 0.01, metal)
    return b.finish("door", "wall")
