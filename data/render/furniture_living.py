"""Furniture of bedrooms, living rooms, dining rooms and offices: beds, seats, tables, storage, lamps, textiles."""

from __future__ import annotations

import math

import numpy as np
from meshing import Builder, ripple

PALETTE = (
    (0.55, 0.08, 0.07),
    (0.75, 0.32, 0.06),
    (0.80, 0.62, 0.15),
    (0.16, 0.33, 0.14),
    (0.07, 0.25, 0.32),
    (0.06, 0.11, 0.33),
    (0.28, 0.10, 0.27),
    (0.80, 0.76, 0.66),
    (0.05, 0.05, 0.06),
    (0.35, 0.22, 0.13),
    (0.42, 0.55, 0.62),
    (0.70, 0.42, 0.42),
)


def colour(rng: np.random.Generator) -> tuple[float, float, float]:
    """A colour of the palette, slightly varied (linear RGB)."""
    base = np.array(PALETTE[rng.integers(len(PALETTE))])
    return tuple(float(c) for c in np.clip(base * rng.uniform(0.75, 1.25) + rng.uniform(-0.02, 0.02, 3), 0.01, 0.9))


def pick(rng: np.random.Generator, *options):
    """One of the options at random."""
    return options[int(rng.integers(len(options)))]


def body_material(kit, rng: np.random.Generator):
    """Wood or paint, for carcasses and frames."""
    return kit.wood() if rng.random() < 0.65 else kit.painted()


def legs(b: Builder, width, depth, height, material, thick=0.05, inset=0.03, kind="square", splay=0.0):
    """Four legs under a footprint; ``kind`` is square, taper or rod."""
    for sx in (-1, 1):
        for sy in (-1, 1):
            x, y = sx * (width / 2 - inset - thick / 2), sy * (depth / 2 - inset - thick / 2)
            # The leg is turned about its foot, which moves outward, so that its top stays under the corner.
            foot = (x + sx * math.tan(splay) * height, y + sy * math.tan(splay) * height, 0)
            tilt = (sy * splay, -sx * splay, 0)
            if kind == "square":
                b.box((thick, thick, height), foot, material, 0.004, tilt)
            elif kind == "taper":
                b.cylinder(thick * 0.3, height, foot, material, top=thick * 0.55, segments=12, rot=tilt)
            else:
                b.cylinder(thick * 0.3, height, foot, material, segments=10, rot=tilt)


def handle(b: Builder, kind: str, x, y, z, material, vertical=False, length=0.12) -> None:
    """A handle in front of the plane at ``y``: a bar, a knob, a cup or nothing."""
    if kind == "bar":
        if vertical:
            path = [
                (x, y, z - length / 2),
                (x, y - 0.03, z - length / 2),
                (x, y - 0.03, z + length / 2),
                (x, y, z + length / 2),
            ]
        else:
            path = [
                (x - length / 2, y, z),
                (x - length / 2, y - 0.03, z),
                (x + length / 2, y - 0.03, z),
                (x + length / 2, y, z),
            ]
        b.tube(path, 0.006, material, 6)
    elif kind == "knob":
        b.lathe(
            [(0.007, 0), (0.007, 0.012), (0.016, 0.02), (0.014, 0.028), (0, 0.03)],
            (x, y, z),
            material,
            10,
            (math.pi / 2, 0, 0),
        )
    elif kind == "cup":
        b.box((0.09, 0.022, 0.025), (x, y - 0.011, z), material, 0.008)


def fronts(b: Builder, x0, x1, z0, z1, y, columns, rows, material, metal, kind, doors=False, gap=0.006) -> None:
    """A grid of drawer or door fronts, proud of the plane at ``y``, with gaps between them and handles."""
    wide, high = (x1 - x0) / columns, (z1 - z0) / rows
    for c in range(columns):
        for r in range(rows):
            x, z = x0 + (c + 0.5) * wide, z0 + r * high
            b.box((wide - gap, 0.018, high - gap), (x, y - 0.009, z + gap / 2), material, 0.003)
            if doors:
                side = 1 if columns > 1 and c % 2 == 0 else -1
                at_z = z + high * (0.5 if high > 0.9 else 0.75 if z0 < 0.5 else 0.25)
                handle(
                    b,
                    kind,
                    x + side * (wide / 2 - 0.045),
                    y - 0.018,
                    at_z,
                    metal,
                    vertical=True,
                    length=min(0.16, high / 3),
                )
            else:
                handle(b, kind, x, y - 0.018, z + high * 0.62, metal, length=min(0.16, wide / 3))


def bed(kit, rng, double=None):
    """A bed, head at the back: frame, mattress, duvet, pillows; four kinds of headboard."""
    b = Builder()
    double = rng.random() < 0.6 if double is None else double
    width, length = (pick(rng, 1.4, 1.6, 1.8) if double else pick(rng, 0.9, 1.0, 1.2)), rng.uniform(1.95, 2.08)
    frame = body_material(kit, rng)
    rail, foot = rng.uniform(0.2, 0.3), rng.uniform(0.1, 0.16)
    low = foot
    legs(b, width + 0.06, length + 0.06, low + 0.02, frame, thick=0.07, inset=0.02)
    b.box((width + 0.06, length + 0.06, rail - low + 0.08), (0, 0, low), frame, 0.012)
    top = rail + 0.08
    b.soft((width - 0.01, length - 0.02, 0.2), (0, 0, top - 0.04), kit.paper((0.8, 0.79, 0.75)), rng, 0.5, 0.004)
    top += 0.16
    style = pick(rng, "panel", "slats", "soft", "soft", "none")
    tall, y = rng.uniform(0.9, 1.2), length / 2 + 0.05
    if style == "panel":
        b.box((width + 0.1, 0.045, tall), (0, y, 0), frame, 0.012)
        b.box((width - 0.12, 0.02, tall - top - 0.12), (0, y - 0.03, top + 0.06), frame, 0.008)
    elif style == "slats":
        for x in (-1, 1):
            b.box((0.06, 0.05, tall), (x * (width / 2 + 0.01), y, 0), frame, 0.008)
        b.box((width + 0.08, 0.05, 0.07), (0, y, tall - 0.07), frame, 0.012)
        b.box((width, 0.03, 0.05), (0, y, top - 0.05), frame, 0.006)
        for x in np.linspace(-width / 2 + 0.1, width / 2 - 0.1, 9 if double else 6):
            b.box((0.035, 0.02, tall - top), (x, y, top - 0.02), frame, 0.004)
    elif style == "soft":
        cover = kit.fabric() if rng.random() < 0.7 else kit.leather()
        count = int(rng.integers(2, 6))
        for i in range(count):
            wide = (width + 0.1) / count
            b.soft(
                (wide, 0.11, tall - 0.15),
                (-width / 2 - 0.05 + (i + 0.5) * wide, y + 0.02, 0.15),
                cover,
                rng,
                0.7,
                0.003,
                n=6,
            )
    duvet, linen = kit.fabric(), kit.linen()
    cover = rng.uniform(0.68, 0.8) * length
    drop = rng.uniform(0.12, 0.28)
    wave, fold = ripple(rng, 0.45, 0.016), ripple(rng, 0.12, 0.005)

    def drape(u, v, lift=0.0):
        across = (2 * u - 1) * (width / 2 + 0.04 + drop)
        along = -length / 2 - 0.05 - drop * 0.8 + v * (cover + drop * 0.8)
        side, front = np.clip(np.abs(across) - width / 2 - 0.02, 0, None), np.clip(-length / 2 - 0.03 - along, 0, None)
        x = np.sign(across) * (np.minimum(np.abs(across), width / 2 + 0.02) + 0.035 * np.tanh(side / 0.03))
        y = np.maximum(along, -length / 2 - 0.03) - 0.035 * np.tanh(front / 0.03)
        round_off = 0.045 * np.clip(1 - (width / 2 - np.abs(across)) / 0.12, 0, 1) ** 2
        round_off = round_off + 0.045 * np.clip(1 - (along + length / 2) / 0.12, 0, 1) ** 2
        z = top + 0.055 + lift - np.minimum(round_off, 0.06) - np.maximum(side, front)
        points = np.stack([x, y, z], axis=1)
        points[:, 2] += wave(points) + fold(points)
        hanging = (side > 0.02) * np.sign(across)
        points[:, 0] += hanging * np.abs(wave(points * 2.0)) * 1.2
        points[:, 1] -= (front > 0.02) * np.abs(wave(points * 2.0)) * 1.2
        return points

    b.sheet(drape, 40, 34, duvet)
    edge = cover - length / 2
    back = linen if rng.random() < 0.5 else duvet
    b.soft((width + 0.06, rng.uniform(0.16, 0.34), 0.075), (0, edge - 0.08, top + 0.025), back, rng, 0.9, 0.01)
    if rng.random() < 0.4:
        throw, far = kit.fabric(), rng.uniform(0.2, 0.35)

        def blanket(u, v):
            return drape(u, 0.22 + v * far, 0.014)

        b.sheet(blanket, 40, 12, throw)
    pillow = linen if rng.random() < 0.6 else duvet
    for x in (-0.25, 0.25) if double else (0.0,):
        at = (x * width + rng.uniform(-0.02, 0.02), length / 2 - 0.24, top)
        b.pillow(
            (min(0.68, width * 0.46 if double else 0.68), 0.46, 0.17),
            at,
            pillow,
            rng,
            (rng.uniform(0.1, 0.35), 0, rng.uniform(-0.1, 0.1)),
        )
        if rng.random() < 0.5:
            at = (at[0] + rng.uniform(-0.05, 0.05), at[1] - 0.12, top + 0.16)
            b.pillow((0.42, 0.42, 0.14), at, kit.fabric(), rng, (rng.uniform(0.5, 0.9), 0, rng.uniform(-0.2, 0.2)))
    return b.finish("bed")


def bunk_bed(kit, rng):
    """A bunk bed with a ladder at its front right."""
    b = Builder()
    frame, sheet_ = body_material(kit, rng), kit.linen()
    length, depth, tall = rng.uniform(1.95, 2.05), rng.uniform(0.92, 1.02), rng.uniform(1.55, 1.72)
    for sx in (-1, 1):
        for sy in (-1, 1):
            b.box((0.07, 0.07, tall), (sx * length / 2, sy * depth / 2, 0), frame, 0.008)
    for base in (0.26, tall - 0.45):
        for sy in (-1, 1):
            b.box((length, 0.03, 0.14), (0, sy * depth / 2, base), frame, 0.006)
        for sx in (-1, 1):
            b.box((0.03, depth, 0.14), (sx * length / 2, 0, base), frame, 0.006)
            for k in (0.22, 0.38):
                b.box((0.025, depth, 0.07), (sx * length / 2, 0, base + k), frame, 0.005)
        b.box((length - 0.04, depth - 0.04, 0.02), (0, 0, base + 0.04), frame, 0.003)
        b.soft((length - 0.06, depth - 0.05, 0.15), (0, 0, base + 0.06), sheet_, rng, 0.5, 0.003)
        side = pick(rng, -1, 1)
        b.soft(
            (length * 0.66, depth - 0.02, 0.09),
            (-side * length * 0.15, 0, base + 0.18),
            kit.fabric(),
            rng,
            0.8,
            0.014,
            0.3,
            n=14,
        )
        b.pillow((0.38, 0.6, 0.14), (side * (length / 2 - 0.26), 0, base + 0.2), sheet_, rng)
    for z in (0.32, 0.45):
        b.box((length, 0.025, 0.06), (0, depth / 2, tall - 0.45 + z - 0.1), frame, 0.005)
        b.box((length * 0.68, 0.025, 0.06), (-length * 0.16, -depth / 2, tall - 0.45 + z - 0.1), frame, 0.005)
    for x in (0.2, 0.44):
        b.box((0.05, 0.03, tall), (length / 2 - x - 0.02, -depth / 2 - 0.035, 0), frame, 0.006)
    for z in np.arange(0.25, tall - 0.1, 0.26):
        b.box((0.24, 0.035, 0.035), (length / 2 - 0.34, -depth / 2 - 0.035, z), frame, 0.006)
    return b.finish("bunk_bed")


def nightstand(kit, rng):
    """A small bedside cabinet on legs or a plinth, with drawers or one drawer over an open shelf."""
    b = Builder()
    w, d, h = rng.uniform(0.38, 0.52), rng.uniform(0.35, 0.42), rng.uniform(0.42, 0.58)
    body, metal = body_material(kit, rng), kit.metal()
    foot = pick(rng, 0.05, 0.14, 0.2)
    legs(b, w, d, foot, body, thick=0.04, kind=pick(rng, "square", "taper"))
    kind = pick(rng, "knob", "bar", "cup", "none")
    b.box((w, d, 0.025), (0, 0, h - 0.025), body, 0.005)
    if rng.random() < 0.5:
        b.box((w - 0.01, d - 0.02, h - 0.025 - foot), (0, 0.01, foot), body)
        fronts(b, -w / 2 + 0.01, w / 2 - 0.01, foot + 0.01, h - 0.03, -d / 2, 1, pick(rng, 1, 2, 3), body, metal, kind)
    else:
        high = h - 0.18
        b.box((w - 0.01, d - 0.02, 0.155), (0, 0.01, high), body)
        fronts(b, -w / 2 + 0.01, w / 2 - 0.01, high + 0.005, h - 0.03, -d / 2, 1, 1, body, metal, kind)
        for x in (-1, 1):
            b.box((0.02, d - 0.02, high - foot), (x * (w / 2 - 0.015), 0.01, foot), body, 0.003)
        b.box((w - 0.02, 0.012, high - foot), (0, d / 2 - 0.01, foot), body, 0.002)
        b.box((w - 0.01, d - 0.02, 0.02), (0, 0.01, foot), body, 0.003)
        books(b, kit, rng, -w / 2 + 0.05, w / 2 - 0.1, 0.0, foot + 0.02, high - foot - 0.04, d * 0.6, flat=True)
    return b.finish("nightstand")


def wardrobe(kit, rng):
    """A tall wardrobe with two to four doors, some with a mirror or drawers below."""
    b = Builder()
    doors = int(rng.integers(2, 5))
    w, d, h = doors * rng.uniform(0.43, 0.52), rng.uniform(0.55, 0.62), rng.uniform(1.95, 2.3)
    body, metal = body_material(kit, rng), kit.metal()
    front = body if rng.random() < 0.6 else body_material(kit, rng)
    b.box((w - 0.04, d - 0.06, 0.08), (0, 0.02, 0), body, 0.003)
    b.box((w, d, h - 0.08), (0, 0, 0.08), body, 0.005)
    if rng.random() < 0.5:
        b.box((w + 0.04, d + 0.03, 0.04), (0, -0.01, h - 0.02), body, 0.012)
    low = 0.1
    kind = pick(rng, "bar", "knob", "bar")
    if rng.random() < 0.4:
        fronts(b, -w / 2 + 0.01, w / 2 - 0.01, low, low + 0.42, -d / 2, max(1, doors // 2), 2, front, metal, kind)
        low += 0.42
    fronts(b, -w / 2 + 0.01, w / 2 - 0.01, low, h - 0.03, -d / 2, doors, 1, front, metal, kind, doors=True)
    wide = (w - 0.02) / doors
    style = pick(rng, "plain", "frame", "mirror")
    glass = kit.glass_mirror() if style == "mirror" else front
    for c in range(doors):
        x = -w / 2 + 0.01 + (c + 0.5) * wide
        if style == "frame":
            for z0, z1 in ((low + 0.08, low + (h - low) * 0.45), (low + (h - low) * 0.5, h - 0.12)):
                for z in (z0, z1):
                    b.box((wide - 0.13, 0.012, 0.025), (x, -d / 2 - 0.02, z), front, 0.005)
                for sx in (-1, 1):
                    b.box(
                        (0.025, 0.012, z1 - z0 + 0.025), (x + sx * (wide / 2 - 0.075), -d / 2 - 0.02, z0), front, 0.005
                    )
        elif style == "mirror" and c in (doors // 2, doors // 2 - 1 if doors > 3 else doors // 2):
            b.box((wide - 0.12, 0.004, h - low - 0.2), (x, -d / 2 - 0.02, low + 0.08), glass, 0.001)
    return b.finish("wardrobe")


def dresser(kit, rng):
    """A chest of drawers on legs or a plinth."""
    b = Builder()
    w, d, h = rng.uniform(0.75, 1.5), rng.uniform(0.4, 0.5), rng.uniform(0.72, 1.05)
    body, metal = body_material(kit, rng), kit.metal()
    front = body if rng.random() < 0.7 else body_material(kit, rng)
    foot = pick(rng, 0.05, 0.12, 0.18)
    legs(b, w, d, foot, body, thick=0.05, kind=pick(rng, "square", "taper"))
    b.box((w - 0.01, d - 0.02, h - foot - 0.025), (0, 0.01, foot), body)
    b.box((w + 0.02, d + 0.02, 0.028), (0, 0, h - 0.028), body, 0.006)
    rows = 3 if h < 0.85 else int(rng.integers(3, 6))
    fronts(
        b,
        -w / 2 + 0.012,
        w / 2 - 0.012,
        foot + 0.012,
        h - 0.035,
        -d / 2,
        2 if w > 1 else 1,
        rows,
        front,
        metal,
        pick(rng, "knob", "bar", "cup"),
    )
    return b.finish("dresser")


def desk(kit, rng):
    """A writing desk: trestle, metal frame, or with a drawer unit on one side."""
    b = Builder()
    w, d, h = rng.uniform(1.1, 1.7), rng.uniform(0.6, 0.8), rng.uniform(0.71, 0.76)
    top, metal = body_material(kit, rng), kit.metal()
    b.box((w, d, 0.028), (0, 0, h - 0.028), top, 0.005)
    style = pick(rng, "drawers", "frame", "panel", "drawers")
    if style == "frame":
        leg = metal if rng.random() < 0.6 else top
        legs(b, w, d, h - 0.028, leg, thick=0.045, inset=0.02, kind=pick(rng, "square", "rod"))
        for y in (-1, 1):
            b.box((w - 0.1, 0.03, 0.045), (0, y * (d / 2 - 0.045), h - 0.073), leg, 0.003)
    else:
        for x in (-1, 1):
            b.box((0.028, d - 0.05, h - 0.028), (x * (w / 2 - 0.03), 0, 0), top, 0.004)
        b.box((w - 0.08, 0.018, 0.35), (0, d / 2 - 0.08, h - 0.378), top, 0.003)
    if style == "drawers":
        side, wide = pick(rng, -1, 1), 0.4
        x = side * (w / 2 - 0.05 - wide / 2)
        b.box((wide, d - 0.08, h - 0.11), (x, 0.0, 0.06), top)
        fronts(
            b,
            x - wide / 2 + 0.005,
            x + wide / 2 - 0.005,
            0.065,
            h - 0.055,
            -d / 2 + 0.04,
            1,
            pick(rng, 3, 4),
            top,
            metal,
            pick(rng, "bar", "knob"),
        )
    return b.finish("desk")


def office_chair(kit, rng):
    """A swivel chair on five castors, with or without armrests."""
    b = Builder()
    plastic, cover = kit.dark_plastic(), pick(rng, kit.fabric, kit.leather, kit.fabric)()
    metal = kit.metal() if rng.random() < 0.5 else plastic
    seat = rng.uniform(0.43, 0.5)
    turn = rng.uniform(0, 1)
    for i in range(5):
        a = turn + i * 2 * math.pi / 5
        x, y = 0.3 * math.cos(a), 0.3 * math.sin(a)
        b.tube([(0, 0, 0.13), (x * 0.5, y * 0.5, 0.115), (x, y, 0.085)], 0.02, metal)
        b.cylinder(
            0.028,
            0.045,
            (x - 0.02 * math.sin(a), y + 0.02 * math.cos(a), 0.03),
            plastic,
            segments=12,
            rot=(math.pi / 2, 0, a),
        )
    b.cylinder(0.03, 0.15, (0, 0, 0.09), plastic)
    b.cylinder(0.018, seat - 0.2, (0, 0, 0.18), metal)
    b.box((0.24, 0.24, 0.03), (0, 0, seat - 0.05), plastic, 0.01)
    b.soft((0.5, 0.48, 0.085), (0, 0, seat - 0.03), cover, rng, 0.9, 0.004, n=10)
    tall = pick(rng, 0.42, 0.5, 0.68)
    b.tube([(0, 0.15, seat - 0.04), (0, 0.27, seat - 0.02), (0, 0.3, seat + 0.1), (0, 0.3, seat + 0.3)], 0.018, plastic)
    b.soft((0.46, 0.075, tall), (0, 0.26, seat + 0.1), cover, rng, 0.9, 0.006, n=10, rot=(-0.1, 0, 0))
    if rng.random() < 0.7:
        for x in (-1, 1):
            b.tube([(x * 0.2, 0.05, seat - 0.03), (x * 0.29, 0.05, seat), (x * 0.29, 0.05, seat + 0.2)], 0.014, plastic)
            b.soft((0.07, 0.26, 0.035), (x * 0.29, 0.02, seat + 0.19), plastic, rng, 0.9, 0, n=6)
    return b.finish("office_chair")


def dining_table(kit, rng, seats=None):
    """A rectangular, oval or round dining table."""
    b = Builder()
    h = rng.uniform(0.73, 0.77)
    wood = kit.wood() if rng.random() < 0.8 else kit.painted()
    shape = pick(rng, "rectangle", "rectangle", "rectangle", "round", "oval")
    if seats is not None:
        shape = "round" if seats <= 3 else "rectangle" if seats > 4 else shape
    if shape == "round":
        r = rng.uniform(0.48, 0.65)
        b.cylinder(r, 0.03, (0, 0, h - 0.03), wood, segments=48, bevel=0.008)
        if rng.random() < 0.5:
            b.lathe(
                [(0.28, 0), (0.28, 0.015), (0.06, 0.06), (0.045, 0.3), (0.06, h - 0.1), (0.2, h - 0.03)],
                (0, 0, 0),
                wood,
                24,
            )
        else:
            legs(b, 1.2 * r, 1.2 * r, h - 0.03, wood, thick=0.055, inset=0, kind="taper", splay=0.1)
        return b.finish("dining_table")
    w, d = rng.uniform(1.65 if (seats or 0) > 4 else 1.3, 2.0), rng.uniform(0.8, 0.95)
    if shape == "oval":
        a = np.linspace(0, 2 * math.pi, 48, endpoint=False)
        power = 0.6
        outline = np.stack(
            [
                np.sign(np.cos(a)) * np.abs(np.cos(a)) ** power * w / 2,
                np.sign(np.sin(a)) * np.abs(np.sin(a)) ** power * d / 2,
            ],
            1,
        )
        b.prism(outline, 0.03, (0, 0, h - 0.03), wood)
        legs(b, w * 0.75, d * 0.75, h - 0.03, wood, thick=0.06, inset=0, kind="taper", splay=0.08)
        return b.finish("dining_table")
    b.box((w, d, 0.035), (0, 0, h - 0.035), wood, 0.007)
    if rng.random() < 0.65:
        leg = wood if rng.random() < 0.7 else kit.painted()
        legs(
            b,
            w,
            d,
            h - 0.035,
            leg,
            thick=rng.uniform(0.055, 0.09),
            inset=0.03,
            kind=pick(rng, "square", "square", "taper"),
        )
        for y in (-1, 1):
            b.box((w - 0.2, 0.022, 0.09), (0, y * (d / 2 - 0.08), h - 0.125), leg, 0.003)
        for x in (-1, 1):
            b.box((0.022, d - 0.2, 0.09), (x * (w / 2 - 0.08), 0, h - 0.125), leg, 0.003)
    else:
        leg = kit.metal() if rng.random() < 0.5 else wood
        for x in (-1, 1):
            for lean in (-1, 1):
                b.box(
                    (0.07, 0.05, (h - 0.035) / math.cos(0.4)),
                    (x * (w / 2 - 0.25), -lean * math.tan(0.4) * h / 2, 0),
                    leg,
                    0.005,
                    (-lean * 0.4, 0, 0),
                )
        b.box((w - 0.5, 0.05, 0.06), (0, 0, h / 2 - 0.03), leg, 0.005)
    return b.finish("dining_table")


def dining_chair(kit, rng):
    """A chair with a slatted, panelled, upholstered or shell back."""
    b = Builder()
    style = pick(rng, "slats", "ladder", "panel", "soft", "shell")
    seat, w, d = rng.uniform(0.44, 0.47), rng.uniform(0.42, 0.47), rng.uniform(0.42, 0.46)
    tall = rng.uniform(0.82, 0.98)
    wood = body_material(kit, rng)
    if style == "shell":
        shell = kit.plastic(colour(rng)) if rng.random() < 0.8 else kit.fabric()

        def surface(u, v):
            x = (2 * u - 1) * w / 2 * (1 - 0.12 * v)
            t = np.clip((v - 0.45) / 0.15, 0, 1)
            bend = t * t * (3 - 2 * t)
            y = -d / 2 + np.minimum(v, 0.55) / 0.55 * d * 0.95 + np.clip(v - 0.55, 0, 1) * 0.12
            z = seat + bend * 0.06 + np.clip(v - 0.55, 0, 1) / 0.45 * (tall - seat - 0.06)
            cup = (2 * u - 1) ** 2
            return np.stack(
                [x, y - cup * bend * 0.09, z + cup * (1 - bend) * 0.045 - 0.03 * np.clip(0.1 - v, 0, 1) * 10], axis=1
            )

        b.sheet(surface, 14, 22, shell)
        b.sheet(lambda u, v: surface(1 - u, v) + np.array([0, 0.012, -0.01]), 14, 22, shell)
        legs(
            b,
            w * 0.7,
            d * 0.7,
            seat,
            kit.wood() if rng.random() < 0.6 else kit.metal(),
            thick=0.045,
            inset=0,
            kind="taper",
            splay=0.16,
        )
        return b.finish("dining_chair")
    if style == "soft":
        cover = kit.fabric() if rng.random() < 0.6 else kit.leather()
        b.soft((w, d, 0.09), (0, 0, seat - 0.05), cover, rng, 0.7, 0.003)
        b.soft((w, 0.07, tall - seat + 0.04), (0, d / 2 - 0.03, seat - 0.04), cover, rng, 0.7, 0.003, rot=(-0.1, 0, 0))
        legs(b, w, d, seat - 0.03, wood, thick=0.045, inset=0.02, kind="taper", splay=0.04)
        return b.finish("dining_chair")
    if rng.random() < 0.5:
        b.box((w, d, 0.025), (0, 0, seat - 0.025), wood, 0.008)
    else:
        b.box((w - 0.02, d - 0.02, 0.05), (0, 0, seat - 0.06), wood, 0.004)
        b.soft((w - 0.02, d - 0.02, 0.05), (0, 0, seat - 0.025), kit.fabric(), rng, 0.95, 0.003)
    for x in (-1, 1):
        b.box((0.035, 0.035, seat - 0.02), (x * (w / 2 - 0.025), -d / 2 + 0.025, 0), wood, 0.005)
        b.box((0.035, 0.035, seat), (x * (w / 2 - 0.025), d / 2 - 0.025, 0), wood, 0.005)
        b.box((0.035, 0.03, tall - seat), (x * (w / 2 - 0.025), d / 2 - 0.025, seat - 0.01), wood, 0.005, (-0.12, 0, 0))
        b.box((0.02, d - 0.06, 0.025), (x * (w / 2 - 0.025), 0, 0.18), wood, 0.004)
    with b.placed((0, d / 2 - 0.025, seat), (-0.12, 0, 0)):
        high = tall - seat
        b.box((w - 0.03, 0.025, 0.07), (0, 0, high - 0.08), wood, 0.008)
        if style == "slats":
            b.box((w - 0.05, 0.02, 0.035), (0, 0, 0.1), wood, 0.005)
            for x in np.linspace(-w / 2 + 0.09, w / 2 - 0.09, 5):
                b.box((0.022, 0.012, high - 0.2), (x, 0, 0.12), wood, 0.003)
        elif style == "ladder":
            for z in np.linspace(0.12, high - 0.18, 3):
                b.box((w - 0.05, 0.016, 0.045), (0, 0, z), wood, 0.005)
        else:
            b.box((w - 0.05, 0.014, high - 0.2), (0, 0, 0.12), wood, 0.004)
    return b.finish("dining_chair")


def sofa(kit, rng, seats=None):
    """A sofa of two or three seats, with loose cushions and sometimes a chaise."""
    b = Builder()
    seats = int(rng.integers(2, 4)) if seats is None else seats
    cover = kit.fabric() if rng.random() < 0.75 else kit.leather()
    each, depth, arm = rng.uniform(0.62, 0.76), rng.uniform(0.85, 0.96), rng.uniform(0.12, 0.24)
    inner = seats * each
    seat, back, foot = rng.uniform(0.4, 0.46), rng.uniform(0.76, 0.88), rng.uniform(0.05, 0.15)
    arm_high = rng.uniform(0.52, 0.66)
    chaise = seats > 2 and rng.random() < 0.35
    width = inner + 2 * arm
    legs(
        b,
        width,
        depth,
        foot + 0.02,
        kit.wood() if rng.random() < 0.7 else kit.metal(),
        thick=0.045,
        inset=0.04,
        kind="taper",
    )
    b.soft((width, depth, seat - 0.16 - foot), (0, 0, foot), cover, rng, 0.25, 0.002)
    b.soft((width, 0.2, back - foot - 0.1), (0, depth / 2 - 0.1, foot), cover, rng, 0.6, 0.003, n=10)
    for x in (-1, 1):
        b.soft(
            (arm, depth, arm_high - foot),
            (x * (width - arm) / 2, 0, foot),
            cover,
            rng,
            pick(rng, 0.4, 0.95),
            0.004,
            n=10,
        )
    reach = depth - 0.2
    long_side = pick(rng, -1, 1)
    for i in range(seats):
        x = -inner / 2 + (i + 0.5) * each
        extra = 0.0
        if chaise and i == (0 if long_side < 0 else seats - 1):
            extra = 0.62
            b.soft(
                (each + arm * 0.9, extra + 0.1, seat - 0.16 - foot),
                (x + long_side * arm * 0.45, -depth / 2 - extra / 2 + 0.05, foot),
                cover,
                rng,
                0.25,
                0.002,
            )
        b.soft(
            (each - 0.005, reach + extra, 0.18),
            (x, -0.1 - extra / 2 - 0.015, seat - 0.17),
            cover,
            rng,
            0.65,
            0.004,
            n=12,
            bulge=0.18,
        )
        b.soft(
            (each - 0.01, 0.2, back - seat + 0.04),
            (x, depth / 2 - 0.27, seat - 0.02),
            cover,
            rng,
            0.9,
            0.012,
            n=12,
            rot=(-0.2, 0, 0),
        )
    for _ in range(int(rng.integers(0, 4))):
        x = pick(rng, -1, 1) * (inner / 2 - rng.uniform(0.22, 0.4))
        side = rng.uniform(0.38, 0.46)
        with b.placed((x, depth / 2 - 0.46, seat + 0.02), (1.15, 0, rng.uniform(-0.3, 0.3))):
            b.pillow((side, side, 0.15), (0, side / 2, 0), kit.fabric(), rng, (0, 0, rng.uniform(-0.15, 0.15)))
    return b.finish("sofa")


def armchair(kit, rng):
    """An upholstered armchair, blocky or a tub on tapered legs."""
    b = Builder()
    cover = kit.fabric() if rng.random() < 0.7 else kit.leather()
    w, d, seat, back = (
        rng.uniform(0.72, 0.88),
        rng.uniform(0.74, 0.88),
        rng.uniform(0.39, 0.44),
        rng.uniform(0.78, 0.98),
    )
    wood = kit.wood()
    if rng.random() < 0.4:  # wooden frame with cushions
        for x in (-1, 1):
            b.box((0.05, 0.05, 0.58), (x * (w / 2 - 0.025), -d / 2 + 0.06, 0), wood, 0.01)
            b.box((0.05, 0.05, 0.56), (x * (w / 2 - 0.025), d / 2 - 0.12, 0), wood, 0.01)
            b.box((0.07, d - 0.06, 0.03), (x * (w / 2 - 0.025), -0.02, 0.57), wood, 0.012)
            b.box((0.03, d - 0.16, 0.06), (x * (w / 2 - 0.03), -0.02, seat - 0.16), wood, 0.006)
        b.box((w - 0.06, d - 0.2, 0.03), (0, -0.03, seat - 0.15), wood, 0.006)
        b.soft((w - 0.11, d - 0.16, 0.15), (0, -0.05, seat - 0.12), cover, rng, 0.8, 0.005, n=10, bulge=0.1)
        b.soft(
            (w - 0.11, 0.15, back - seat + 0.06),
            (0, d / 2 - 0.24, seat - 0.03),
            cover,
            rng,
            0.8,
            0.006,
            n=10,
            rot=(-0.28, 0, 0),
        )
        return b.finish("armchair")
    foot, arm = rng.uniform(0.08, 0.16), rng.uniform(0.11, 0.18)
    legs(b, w, d, foot + 0.02, wood, thick=0.05, inset=0.05, kind="taper")
    b.soft((w - 0.02, d - 0.03, seat - 0.1 - foot), (0, 0, foot), cover, rng, 0.4, 0.002)
    b.soft((w, 0.2, back - foot), (0, d / 2 - 0.1, foot), cover, rng, 0.9, 0.004, n=10)
    for x in (-1, 1):
        b.soft(
            (arm, d - 0.04, rng.uniform(0.55, 0.64) - foot),
            (x * (w - arm) / 2, -0.01, foot),
            cover,
            rng,
            0.95,
            0.003,
            n=10,
        )
    b.soft((w - 2 * arm, d - 0.2, 0.16), (0, -0.11, seat - 0.13), cover, rng, 0.7, 0.004, n=10, bulge=0.18)
    b.soft(
        (w - 2 * arm, 0.17, back - seat - 0.04),
        (0, d / 2 - 0.24, seat),
        cover,
        rng,
        0.9,
        0.008,
        n=10,
        rot=(-0.15, 0, 0),
    )
    if rng.random() < 0.5:
        with b.placed((0, d / 2 - 0.4, seat + 0.03), (1.1, 0, 0)):
            b.pillow((0.42, 0.42, 0.14), (0, 0.2, 0), kit.fabric(), rng)
    return b.finish("armchair")


def coffee_table(kit, rng):
    """A low table: rectangular with a shelf, round, or a block."""
    b = Builder()
    h, wood = rng.uniform(0.36, 0.46), kit.wood() if rng.random() < 0.75 else kit.painted()
    style = pick(rng, "shelf", "round", "splay", "block")
    w, d = rng.uniform(0.85, 1.2), rng.uniform(0.5, 0.65)
    if style == "round":
        r = rng.uniform(0.33, 0.48)
        b.cylinder(r, 0.028, (0, 0, h - 0.028), wood, segments=40, bevel=0.006)
        legs(
            b,
            1.25 * r,
            1.25 * r,
            h - 0.02,
            kit.metal() if rng.random() < 0.4 else wood,
            thick=0.045,
            inset=0,
            kind="taper",
            splay=0.12,
        )
    elif style == "splay":
        b.box((w, d, 0.03), (0, 0, h - 0.03), wood, 0.01)
        legs(b, w * 0.85, d * 0.8, h - 0.02, wood, thick=0.05, inset=0, kind="taper", splay=0.12)
    elif style == "block":
        b.box((w, d, 0.03), (0, 0, h - 0.03), wood, 0.005)
        b.box((w - 0.04, d - 0.04, h - 0.09), (0, 0, 0.06), wood)
        b.box((w - 0.1, d - 0.1, 0.06), (0, 0, 0), wood)
        fronts(b, -w / 2 + 0.03, w / 2 - 0.03, 0.07, h - 0.04, -d / 2 + 0.02, 2, 1, wood, kit.metal(), "knob")
    else:
        leg = kit.metal() if rng.random() < 0.35 else wood
        b.box((w, d, 0.03), (0, 0, h - 0.03), wood, 0.006)
        legs(b, w, d, h - 0.03, leg, thick=0.05, inset=0.01)
        b.box((w - 0.06, d - 0.06, 0.018), (0, 0, 0.12), wood, 0.004)
        if rng.random() < 0.6:
            books(b, kit, rng, -w / 2 + 0.1, w / 2 - 0.4, 0, 0.138, h - 0.25, d * 0.6, flat=True)
    return b.finish("coffee_table")


def tv_unit(kit, rng):
    """A low cabinet with a television on it."""
    b = Builder()
    w, d, h = rng.uniform(1.2, 1.9), rng.uniform(0.38, 0.45), rng.uniform(0.4, 0.56)
    body, metal, foot = body_material(kit, rng), kit.metal(), pick(rng, 0.04, 0.12)
    legs(b, w, d, foot, body, thick=0.045, kind="square")
    third = w / 3
    b.box((w, d, 0.025), (0, 0, h - 0.025), body)
    b.box((w, d, 0.025), (0, 0, foot), body)
    b.box((w, 0.015, h - foot), (0, d / 2 - 0.01, foot), body)
    for x in (-w / 2 + 0.012, -third / 2, third / 2, w / 2 - 0.012):
        b.box((0.024, d - 0.01, h - foot - 0.02), (x, 0, foot + 0.01), body)
    kind = pick(rng, "knob", "bar", "none")
    for x in (-1, 1):
        b.box((third - 0.02, d - 0.03, h - foot - 0.05), (x * third, 0.012, foot + 0.025), body)
        fronts(
            b,
            x * third - third / 2 + 0.01,
            x * third + third / 2 - 0.01,
            foot + 0.012,
            h - 0.012,
            -d / 2 + 0.004,
            1,
            pick(rng, 1, 2),
            body,
            metal,
            kind,
        )
    middle = (foot + h) / 2
    b.box((third, d - 0.03, 0.018), (0, 0.01, middle), body)
    dark = kit.dark_plastic()
    b.box((0.32, 0.24, 0.05), (0, 0, middle + 0.018), dark, 0.006)
    books(b, kit, rng, -third / 2 + 0.04, third / 2 - 0.05, -0.02, foot + 0.025, middle - foot - 0.05, 0.2)
    wide = min(w - 0.1, rng.uniform(0.95, 1.4))
    tall = wide * 0.575
    b.box((wide, 0.04, tall), (0, 0.02, h + 0.07), dark, 0.008)
    b.box((wide - 0.025, 0.004, tall - 0.03), (0, -0.001, h + 0.088), kit.screen(), 0.001)
    for x in (-0.3, 0.3):
        b.tube([(x * wide, -0.12, h + 0.012), (x * wide, 0.02, h + 0.08), (x * wide, 0.15, h + 0.012)], 0.011, dark)
    if rng.random() < 0.4:
        for x in (-1, 1):
            if wide / 2 + 0.2 < w / 2:
                b.box((0.13, 0.17, 0.26), (x * (w / 2 - 0.09), 0, h), dark, 0.01)
    return b.finish("tv_unit")


def books(b: Builder, kit, rng, x0, x1, y, z, room, depth, flat=False, covers=None) -> None:
    """A row (or, ``flat``, a pile) of books from x0 to x1, standing at height z under ``room`` metres."""
    covers = covers or [kit.paper(colour(rng)) for _ in range(4)]
    pages = kit.paper((0.78, 0.74, 0.64))
    if flat:
        x, top = (x0 + x1) / 2 + rng.uniform(-0.05, 0.05), 0.0
        for _ in range(int(rng.integers(2, 6))):
            thick = rng.uniform(0.012, 0.035)
            if top + thick > room:
                break
            book(
                b,
                rng,
                pick(rng, *covers),
                pages,
                (rng.uniform(0.15, 0.2), rng.uniform(0.2, 0.25), thick),
                (x, y, z + top),
                rng.uniform(-0.3, 0.3),
            )
            top += thick
        return
    x, run = x0, 0.0
    while x < x1 - 0.03:
        thick = rng.uniform(0.014, 0.045)
        tall = min(room * rng.uniform(0.62, 0.97), rng.uniform(0.19, 0.31))
        deep = min(depth, tall * 0.75) * rng.uniform(0.85, 1.0)
        lean = 0.0
        if rng.random() < 0.05:
            lean, run = 0.16, tall * 0.16
        front = y - depth / 2 + rng.uniform(0.0, 0.02)
        b.box(
            (thick - 0.001, deep, tall),
            (x + thick / 2 + run, front + deep / 2, z + (0.5 * thick * lean)),
            pick(rng, *covers),
            0.003,
            (0, -lean, 0) if lean else None,
        )
        x += thick + run
        run = 0.0


def book(b: Builder, rng, cover, pages, size, at, turn=0.0) -> None:
    """One lying book: two boards, a spine at its front and the block of pages."""
    w, d, t = size
    with b.placed(at, (0, 0, turn)):
        b.box((d, w, 0.003), (0, 0, 0), cover, 0.001)
        b.box((d, w, 0.003), (0, 0, t - 0.003), cover, 0.001)
        b.box((d, 0.004, t), (0, -w / 2 + 0.002, 0), cover, 0.001)
        b.box((d - 0.012, w - 0.01, t - 0.006), (0, 0, 0.003), pages, 0.001)


def bookshelf(kit, rng, width=None, height=None):
    """An open bookshelf filled with books, boxes, vases and gaps."""
    b = Builder()
    w = rng.uniform(0.6, 1.2) if width is None else width
    h, d = rng.uniform(1.5, 2.1) if height is None else height, rng.uniform(0.26, 0.34)
    body = body_material(kit, rng)
    covers = [kit.paper(colour(rng)) for _ in range(9)]
    for x in (-1, 1):
        b.box((0.022, d, h), (x * (w / 2 - 0.011), 0, 0), body, 0.003)
    b.box((w - 0.03, 0.008, h - 0.06), (0, d / 2 - 0.006, 0.05), body, 0.001)
    b.box((w - 0.03, 0.02, 0.06), (0, -d / 2 + 0.02, 0), body, 0.002)
    rows = max(2, round((h - 0.08) / rng.uniform(0.31, 0.38)))
    levels = np.linspace(0.06, h - 0.022, rows + 1)
    for z in levels:
        b.box((w - 0.03, d - 0.005, 0.022), (0, 0, z), body, 0.003)
    parts = 2 if w > 0.95 else 1
    if parts == 2:
        b.box((0.02, d - 0.01, h - 0.1), (0, 0, 0.06), body, 0.003)
    cells = [(a, i) for a in levels[:-1] for i in range(parts)]
    for z, i in cells:
        x0 = -w / 2 + 0.03 + i * (w / parts)
        x1, z, room = x0 + w / parts - 0.06, z + 0.022, levels[1] - levels[0] - 0.022
        what = rng.random()
        if what < 0.55:
            books(b, kit, rng, x0, x0 + (x1 - x0) * rng.uniform(0.6, 1.0), 0, z, room, d - 0.04, covers=covers)
        elif what < 0.75:
            half = (x0 + x1) / 2
            books(b, kit, rng, x0, half, 0, z, room, d - 0.04, covers=covers)
            ornament(b, kit, rng, (half + (x1 - half) / 2, 0, z), min(room * 0.8, 0.25))
        elif what < 0.85:
            books(b, kit, rng, x0 + 0.1, x0 + 0.25, -0.02, z, room * 0.7, d, flat=True, covers=covers)
            ornament(b, kit, rng, (x1 - 0.12, 0, z), min(room * 0.8, 0.25))
        elif what < 0.95:
            fill = kit.fabric() if rng.random() < 0.5 else kit.paper(colour(rng))
            b.box(((x1 - x0) * 0.8, d * 0.85, room * 0.7), ((x0 + x1) / 2, -0.01, z), fill, 0.008)
    return b.finish("bookshelf")


def ornament(b: Builder, kit, rng, at, tall) -> None:
    """A small vase, ball or framed photograph on a shelf."""
    kind = pick(rng, "vase", "ball", "photo", "box")
    if kind == "vase":
        b.lathe(
            [(0, 0), (0.25, 0), (0.42, 0.35), (0.36, 0.7), (0.16, 0.85), (0.22, 1), (0.15, 1)]
            * np.array([tall * 0.9, tall]),
            at,
            kit.ceramic(),
            16,
        )
    elif kind == "ball":
        b.ball(tall * 0.33, at, pick(rng, kit.ceramic, kit.metal, kit.wood)())
    elif kind == "photo":
        b.box((tall * 0.75, 0.015, tall * 0.95), at, kit.wood(), 0.004, (-0.15, 0, 0))
        b.box(
            (tall * 0.6, 0.004, tall * 0.78),
            (at[0], at[1] - 0.008, at[2] + tall * 0.08),
            kit.paper(colour(rng)),
            0.001,
            (-0.15, 0, 0),
        )
    else:
        b.box((tall * 0.8, tall * 0.6, tall * 0.5), at, pick(rng, kit.wood, kit.fabric, kit.painted)(), 0.006)


def shade(b: Builder, kit, rng, z, low, high, tall, warm) -> None:
    """A lit fabric lamp shade: a thin open cone with a rim, its bottom at height z."""
    b.lathe([(low, 0), (high, tall), (high - 0.004, tall), (low - 0.004, 0), (low, 0)], (0, 0, z), warm, 28)


def lamp_light(kit, rng):
    """The glow of a lit shade."""
    return kit.emission(
        float(rng.uniform(1.6, 3.0)), (1.0, float(rng.uniform(0.74, 0.86)), float(rng.uniform(0.48, 0.66)))
    )


def floor_lamp(kit, rng):
    """A standing lamp: straight, tripod or arched."""
    b = Builder()
    warm, metal = lamp_light(kit, rng), pick(rng, kit.metal, kit.dark_plastic, kit.wood)()
    style, h = pick(rng, "straight", "tripod", "arc"), rng.uniform(1.4, 1.65)
    low = rng.uniform(0.18, 0.24)
    if style == "arc":
        a = np.linspace(0, math.pi * 0.95, 18)
        path = [(0.3, 0, 0.02), (0.3, 0, h - 0.35)]
        path += [(0.3 * math.cos(t), 0, h - 0.35 + 0.3 * math.sin(t)) for t in a[1:]]
        b.cylinder(0.16, 0.03, (0.3, 0, 0), metal, segments=28, bevel=0.006)
        b.tube(path, 0.011, metal)
        end = path[-1]
        with b.placed((end[0], end[1], end[2] - 0.17)):
            b.lathe([(0.16, 0), (0.13, 0.1), (0.06, 0.16), (0, 0.17)], (0, 0, 0), metal, 24)
            b.ball(0.055, (0, 0, 0.02), warm, 12)
        return b.finish("floor_lamp")
    if style == "tripod":
        for i in range(3):
            t = i * 2 * math.pi / 3 + 0.5
            b.tube(
                [(0.26 * math.cos(t), 0.26 * math.sin(t), 0), (0.015 * math.cos(t), 0.015 * math.sin(t), h - 0.2)],
                0.013,
                metal,
            )
    else:
        b.cylinder(0.14, 0.025, (0, 0, 0), metal, segments=28, bevel=0.006)
        b.cylinder(0.011, h - 0.1, (0, 0, 0.02), metal, segments=10)
    b.ball(0.03, (0, 0, h - 0.14), warm, 10)
    shade(b, kit, rng, h - 0.25, low, low * rng.uniform(0.6, 1.0), rng.uniform(0.24, 0.32), warm)
    return b.finish("floor_lamp")


def table_lamp(kit, rng):
    """A table lamp: a turned ceramic or wooden base, or a desk lamp with a jointed arm."""
    b = Builder()
    warm = lamp_light(kit, rng)
    if rng.random() < 0.3:
        metal = kit.metal() if rng.random() < 0.5 else kit.plastic(colour(rng))
        b.cylinder(0.085, 0.02, (0, 0, 0), metal, segments=24, bevel=0.005)
        b.tube([(0, 0, 0.02), (0, 0.09, 0.25), (0, -0.1, 0.43)], 0.008, metal)
        with b.placed((0, -0.13, 0.4), (-0.5, 0, 0)):
            b.lathe([(0.075, -0.04), (0.055, 0.03), (0.02, 0.06), (0, 0.062)], (0, 0, 0), metal, 20)
            b.ball(0.032, (0, 0, -0.045), warm, 10)
        return b.finish("table_lamp")
    h, low = rng.uniform(0.2, 0.3), rng.uniform(0.11, 0.16)
    base = pick(rng, kit.ceramic, kit.wood, kit.metal)()
    profile = pick(
        rng,
        [(0, 0), (0.06, 0), (0.062, 0.02), (0.09, 0.35), (0.075, 0.65), (0.025, 0.9), (0.012, 1)],
        [(0, 0), (0.075, 0), (0.075, 0.06), (0.015, 0.12), (0.015, 0.9), (0.012, 1)],
        [(0, 0), (0.05, 0), (0.09, 0.2), (0.1, 0.42), (0.09, 0.62), (0.04, 0.85), (0.012, 1)],
    )
    b.lathe([(r, z * h) for r, z in profile], (0, 0, 0), base, 24)
    b.cylinder(0.008, 0.1, (0, 0, h), kit.metal(), segments=8)
    shade(b, kit, rng, h + 0.02, low, low * rng.uniform(0.6, 0.95), rng.uniform(0.15, 0.22), warm)
    return b.finish("table_lamp")


def pendant_lamp(kit, rng, drop=None):
    """A hanging lamp with its origin at the ceiling: dome, globe, cone or drum."""
    b = Builder()
    drop = rng.uniform(0.5, 0.9) if drop is None else drop
    warm, dark = lamp_light(kit, rng), kit.dark_plastic()
    b.cylinder(0.055, 0.03, (0, 0, -0.03), dark, segments=20)
    style = pick(rng, "dome", "globe", "drum", "cone")
    shell = kit.metal() if rng.random() < 0.4 else kit.plastic(colour(rng))
    r = min(rng.uniform(0.15, 0.24), (drop - 0.06) / 1.75)  # the shade stays below its ceiling plate
    top = -drop + (r * 1.7 if style == "globe" else r * 0.95)
    b.cylinder(0.004, -0.02 - top, (0, 0, top), dark, segments=6, bevel=0)
    if style == "globe":
        b.ball(r * 0.85, (0, 0, -drop), warm, 20)
    elif style == "drum":
        shade(b, kit, rng, -drop, r * 1.2, r * 1.2, r * 0.9, warm)
    else:
        edge = [(r, 0), (r * 0.9, r * 0.4), (r * 0.6, r * 0.75), (r * 0.12, r * 0.92), (0, r * 0.95)]
        edge = edge if style == "dome" else [(r, 0), (r * 0.14, r * 0.85), (0.02, r * 0.95), (0, r * 0.95)]
        b.lathe(edge, (0, 0, -drop), shell, 28)
        b.ball(0.05, (0, 0, -drop + 0.02), warm, 12)
    return b.finish("pendant_lamp", "ceiling")


def rug(kit, rng, width=None, depth=None):
    """A rug with a border and, often, stripes or fringes; rectangular or round."""
    b = Builder()
    ground, second = kit.fabric(), kit.fabric()
    w = rng.uniform(1.3, 2.4) if width is None else width
    d = w * rng.uniform(0.6, 0.75) if depth is None else depth
    if width is None and depth is None and rng.random() < 0.2:
        for i, part in enumerate((1.0, 0.86, 0.6, 0.3)):
            b.cylinder(w / 2.4 * part, 0.011, (0, 0, i * 0.0008), (ground, second)[i % 2], segments=56, bevel=0.003)
        return b.finish("rug")
    b.box((w, d, 0.011), (0, 0, 0), ground, 0.004)
    style = pick(rng, "border", "stripes", "plain", "frames")
    if style == "border":
        b.box((w - 0.3 * min(w, d), d - 0.3 * min(w, d), 0.011), (0, 0, 0.0008), second, 0.002)
    elif style == "frames":
        for i, part in enumerate((0.06, 0.14, 0.18)):
            inset = 2 * part * min(w, d)
            b.box((w - inset, d - inset, 0.011), (0, 0, 0.0008 * (i + 1)), (second, ground)[i % 2], 0.002)
    elif style == "stripes":
        count = int(rng.integers(3, 7))
        for i in range(count):
            b.box((w / count * 0.45, d - 0.01, 0.011), (-w / 2 + (i + 0.5) * w / count, 0, 0.0008), second, 0.002)
    return b.finish("rug")


def cushion(kit, rng):
    """A loose cushion lying on its side."""
    b = Builder()
    side = rng.uniform(0.4, 0.5)
    b.pillow((side, side, 0.16), (0, 0, 0), kit.fabric(), rng)
    return b.finish("cushion")


def curtains(kit, rng, width=1.4, height=2.2):
    """Two wavy curtain panels hanging from a rod, for both sides of a window ``width`` wide."""
    b = Builder()
    cloth, metal = kit.fabric(), kit.metal() if rng.random() < 0.6 else kit.wood()
    each = rng.uniform(0.26, 0.42)
    waves = each / 0.085
    total = width + 2 * each * 0.9
    for side in (-1, 1):
        phase, lean = rng.uniform(0, 6.28), ripple(rng, 1.2, 0.012)

        def surface(u, v, phase=phase, lean=lean, side=side):
            x = side * (total / 2 - each / 2) + (u - 0.5) * each * (1 + 0.1 * (1 - v))
            swing = 0.028 * (0.75 + 0.25 * np.sin(5 * u + phase)) * (1 - 0.25 * v)
            y = -0.07 + swing * np.sin(2 * math.pi * waves * u + phase + 0.4 * np.sin(2.5 * v + phase))
            points = np.stack([x, y, 0.015 + v * (height - 0.035)], axis=1)
            points[:, 1] = np.minimum(points[:, 1] + lean(points) * (1 - v), -0.005)
            return points

        b.sheet(surface, 64, 14, cloth)
    b.cylinder(
        0.012, total + 0.16, (-total / 2 - 0.08, -0.07, height - 0.01), metal, segments=12, rot=(0, math.pi / 2, 0)
    )
    for side in (-1, 1):
        b.ball(0.024, (side * (total / 2 + 0.08), -0.07, height - 0.034), metal, 12)
        b.box((0.016, 0.07, 0.016), (side * (total / 2 + 0.03), -0.035, height - 0.018), metal, 0.003)
    return b.finish("curtains", "wall")
