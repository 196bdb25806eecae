"""Cars, vans, lorries and buses: lofted bodies with wheels, windows, lamps and plates. They look along +x, centre at 0."""

from __future__ import annotations

import math

import numpy as np
from meshing import Builder

# length, width, height, wheel radius, and outlines as (share of the length from the rear, share of the height)
SHAPES = {
    "hatchback": dict(
        size=(4.05, 1.75, 1.48),
        wheel=0.31,
        axles=(0.18, 0.80),
        deck=[(0.0, 0.56), (0.03, 0.64), (0.1, 0.65), (0.66, 0.62), (0.9, 0.54), (0.97, 0.47), (1.0, 0.36)],
        base=(0.035, 0.735),
        roof=(0.13, 0.50),
    ),
    "saloon": dict(
        size=(4.65, 1.80, 1.44),
        wheel=0.32,
        axles=(0.2, 0.80),
        deck=[(0.0, 0.5), (0.02, 0.64), (0.16, 0.67), (0.68, 0.64), (0.9, 0.55), (0.975, 0.48), (1.0, 0.36)],
        base=(0.13, 0.71),
        roof=(0.29, 0.52),
    ),
    "estate": dict(
        size=(4.7, 1.82, 1.49),
        wheel=0.32,
        axles=(0.19, 0.80),
        deck=[(0.0, 0.5), (0.02, 0.62), (0.1, 0.64), (0.68, 0.62), (0.9, 0.54), (0.975, 0.47), (1.0, 0.36)],
        base=(0.03, 0.72),
        roof=(0.10, 0.53),
    ),
    "suv": dict(
        size=(4.5, 1.86, 1.68),
        wheel=0.36,
        axles=(0.18, 0.80),
        deck=[(0.0, 0.52), (0.02, 0.62), (0.1, 0.635), (0.68, 0.625), (0.92, 0.58), (0.98, 0.5), (1.0, 0.36)],
        base=(0.03, 0.745),
        roof=(0.10, 0.54),
    ),
    "van": dict(
        size=(4.95, 1.92, 1.98),
        wheel=0.33,
        axles=(0.17, 0.80),
        deck=[(0.0, 0.5), (0.015, 0.54), (0.1, 0.55), (0.75, 0.54), (0.93, 0.47), (0.985, 0.4), (1.0, 0.3)],
        base=(0.01, 0.865),
        roof=(0.025, 0.70),
    ),
}


def _loft(builder: Builder, rings, material, cap: bool = True) -> None:
    """Join closed rings of equally many points by quads."""
    n = len(rings[0])
    points = np.concatenate(rings)
    faces = [
        (r * n + i, (r + 1) * n + i, (r + 1) * n + (i + 1) % n, r * n + (i + 1) % n)
        for r in range(len(rings) - 1)
        for i in range(n)
    ]
    if cap:
        faces += [tuple(range(n)), tuple(reversed(range((len(rings) - 1) * n, len(rings) * n)))]
    builder.add(points, faces, material)


def _quad(builder: Builder, corners, material) -> None:
    builder.add(np.array(corners, float), [tuple(range(len(corners)))], material)


def _wheel(builder: Builder, kit, x: float, y: float, radius: float, width: float = 0.2) -> None:
    """Tyre and rim; the outer face looks away from y = 0."""
    side = 1.0 if y > 0 else -1.0
    turn = (-side * math.pi / 2, 0.0, 0.0)
    profile = [(0.66 * radius, 0), (0.97 * radius, 0.005), (radius, 0.04), (radius, width - 0.04)]
    profile += [(0.96 * radius, width), (0.70 * radius, width), (0.66 * radius, width - 0.02)]
    inner = (x, y - side * width, radius)
    builder.lathe(profile, inner, kit.tyre(), 20, turn)
    hub = [(0.68 * radius, width - 0.035), (0.6 * radius, width - 0.015), (0.3 * radius, width - 0.05)]
    builder.lathe([*hub, (0, width - 0.02)], inner, kit.rim(), 20, turn)
    for k in range(5):  # gaps between the spokes
        angle = k * math.tau / 5 + 0.3
        at = (x + 0.46 * radius * math.cos(angle), y - side * 0.022, radius * (1 + 0.46 * math.sin(angle)))
        builder.lathe([(0.13 * radius, 0), (0, 0.004)], at, kit.black(), 8, turn)


def _body(builder: Builder, kit, paint, shape) -> None:
    """The lower body from sill to waist, lofted over stations along x, with dark wheel arches."""
    length, width, height = shape["size"]
    deck = np.array(shape["deck"])
    stations = np.unique(np.concatenate([np.linspace(0.0, 1.0, 25), deck[:, 0], [0.008, 0.992]]))
    rings = []
    for u in stations:
        x = (u - 0.5) * length
        end = max(0.0, abs(u - 0.5) - 0.36) / 0.14
        half = width / 2 * math.sqrt(max(0.0, 1 - 0.16 * end**2.5))
        top = np.interp(u, deck[:, 0], deck[:, 1]) * height
        low = 0.17 + 0.12 * max(0.0, abs(u - 0.5) - 0.4) / 0.1 * 0.6
        span = top - low
        side = [(0.90, 0.0), (0.985, 0.10), (1.0, 0.42), (0.992, 0.62), (0.965, 0.86), (0.90, 0.965), (0.6, 1.01)]
        left = [(x, half * a, low + span * b) for a, b in side]
        right = [(x, -half * a, low + span * b) for a, b in reversed(side)]
        rings.append(np.array([*left, (x, 0.0, low + span * 1.03), *right]))
    _loft(builder, rings, paint)
    radius = shape["wheel"]
    for u in shape["axles"]:
        x = (u - 0.5) * length
        for side in (1, -1):
            turn = (-side * math.pi / 2, 0.0, 0.0)
            at = (x, side * (width / 2 - 0.03), radius)
            builder.lathe([(1.24 * radius, 0), (1.22 * radius, 0.034), (0, 0.036)], at, kit.black(), 24, turn)
            _wheel(builder, kit, x, side * (width / 2 + 0.012), radius)
    for side in (1, -1):  # sill
        builder.box(
            (length * 0.45, 0.05, 0.1), ((0.49 - 0.5) * length, side * (width / 2 - 0.03), 0.19), kit.black(), 0.02
        )


def _greenhouse(builder: Builder, kit, paint, shape, van: bool) -> None:
    """Roof, pillars and windows."""
    length, width, height = shape["size"]
    deck = np.array(shape["deck"])
    (b0, b1), (r0, r1) = shape["base"], shape["roof"]

    def waist(u):
        return (np.interp(u, deck[:, 0], deck[:, 1])) * height - 0.02

    low_half, top_half = width / 2 * 0.92, width / 2 * (0.84 if van else 0.72)
    roof = height - 0.035

    def edge(v, level, side, out=0.0):
        """A point on the side: v from rear (0) to front (1), level from waist (0) to roof (1)."""
        low, high = b0 + v * (b1 - b0), r0 + v * (r1 - r0)
        u = low + (high - low) * level
        z = waist(low) + (roof - waist(low)) * level
        bow = 0.025 * math.sin(math.pi * min(max(level, 0), 1))
        pinch = 1 - 0.10 * (2 * v - 1) ** 4
        half = (low_half + (top_half - low_half) * level) * pinch + bow + out
        return ((u - 0.5) * length, side * half, z)

    vs, levels = np.linspace(0, 1, 9), np.linspace(0, 1, 5)
    for side in (1, -1):
        points = [edge(v, w, side) for w in levels for v in vs]
        n = len(vs)
        faces = [
            (r * n + c, r * n + c + 1, (r + 1) * n + c + 1, (r + 1) * n + c)
            for r in range(len(levels) - 1)
            for c in range(n - 1)
        ]
        builder.add(np.array(points), [f if side < 0 else f[::-1] for f in faces], paint)
    rows = []
    for v in vs:  # roof, crowned
        left, right = edge(v, 1.0, 1), edge(v, 1.0, -1)
        crown = 0.045 * math.sin(math.pi * (0.12 + 0.76 * v)) ** 0.7
        rows.append(
            [
                left,
                *((left[0], left[1] * k, left[2] + crown * (1 - k * k) ** 0.6) for k in (0.85, 0.4, -0.4, -0.85)),
                right,
            ]
        )
    points = np.array(rows).reshape(-1, 3)
    faces = [
        (r * 6 + c, (r + 1) * 6 + c, (r + 1) * 6 + c + 1, r * 6 + c + 1) for r in range(len(vs) - 1) for c in range(5)
    ]
    builder.add(points, [f[::-1] for f in faces], paint)
    for v in (0.0, 1.0):  # the panels that hold rear window and windscreen
        _quad(builder, [edge(v, 0, 1), edge(v, 0, -1), edge(v, 1, -1), edge(v, 1, 1)], paint)
    glass, trim = kit.car_glass(), kit.black()

    def pane(side, v0, v1, w0, w1, slant0=0.0, slant1=0.0):
        """A side window in its dark seal, both following the curved side."""
        for material, out, wide in ((trim, 0.006, 0.014), (glass, 0.011, 0.0)):
            points = []
            for w in np.linspace(0, 1, 5):
                for v in np.linspace(0, 1, 7):
                    low = v0 - wide + (v1 - v0 + 2 * wide) * v
                    lean = (slant0 * (1 - v) + slant1 * v) * w
                    points.append(edge(low + lean, w0 - 3 * wide + (w1 - w0 + 6 * wide) * w, side, out))
            faces = [
                (r * 7 + c, r * 7 + c + 1, (r + 1) * 7 + c + 1, (r + 1) * 7 + c) for r in range(4) for c in range(6)
            ]
            builder.add(np.array(points), [f if side < 0 else f[::-1] for f in faces], material)

    for side in (1, -1):
        if van:
            pane(side, 0.72, 0.95, 0.06, 0.82)
        else:
            pane(side, 0.10, 0.46, 0.08, 0.88, 0.03)
            pane(side, 0.51, 0.93, 0.08, 0.88, 0.0, -0.02)
    for v, forward in ((0.0, -1), (1.0, 1)):  # windscreen and rear window, a little proud of their panels
        if van and v == 0.0:
            continue
        corners = []
        for k, w in ((0.9, 0.05), (-0.9, 0.05), (-0.86, 0.93), (0.86, 0.93)):
            x, y, z = edge(v, w, 1)
            corners.append((x + forward * 0.02, y * k, z + 0.01))
        _quad(builder, corners if forward > 0 else corners[::-1], glass)
    if not van:
        for side in (1, -1):  # mirrors
            x, y, z = edge(0.9, 0.1, side)
            builder.box((0.1, 0.17, 0.12), (x, y + side * 0.11, z), paint, 0.03)


def _faces(builder: Builder, kit, paint, shape) -> None:
    """Lamps, bumpers, grille, plates, door lines, handles."""
    length, width, height = shape["size"]
    front, rear, half = length / 2, -length / 2, width / 2
    black, van = kit.black(), height > 1.9
    lamp = 0.42 * height if not van else 0.36 * height
    for side in (1, -1):
        builder.box((0.16, 0.36, 0.13), (front - 0.115, side * (half - 0.31), lamp), kit.white_lamp(), 0.04)
        if van:
            builder.box((0.05, 0.12, 0.5), (rear + 0.02, side * (half - 0.13), 0.75), kit.red_lamp(), 0.02)
        else:
            builder.box((0.14, 0.3, 0.17), (rear + 0.06, side * (half - 0.26), 0.44 * height), kit.red_lamp(), 0.04)
    builder.box((0.06, width * 0.42, 0.14), (front - 0.03, 0, 0.36 * height), black, 0.03)
    builder.box((0.08, width * 0.8, 0.13), (front - 0.055, 0, 0.22), black, 0.03)
    builder.box((0.1, width * 0.86, 0.2), (rear + 0.05, 0, 0.2), black, 0.04)
    if not van:  # a crease below the lamps, the edge of the boot lid, exhaust side reflectors
        builder.box((0.02, width * 0.86, 0.02), (rear + 0.016, 0, 0.36 * height), black, 0.0)
        for side in (1, -1):
            builder.box((0.03, 0.3, 0.05), (rear + 0.012, side * (half - 0.3), 0.42), kit.red_lamp(), 0.01)
        builder.box((0.02, 0.16, 0.035), (rear + 0.012, 0, 0.52 * height), kit.rim(), 0.005)
    builder.box((0.02, 0.52, 0.11), (front + 0.005, 0, 0.26), kit.plate(), 0.004)
    builder.box((0.02, 0.52, 0.11), (rear + 0.002, 0, 0.40 * height if not van else 0.5), kit.plate(), 0.004)
    for side in (1, -1):
        for u in (0.36, 0.61):  # shut lines
            y = side * (half * 0.995)
            builder.box((0.008, 0.012, 0.36 * height), ((u - 0.5) * length, y, 0.24), black, 0.0)
        for u in (0.40, 0.60) if not van else (0.62,):
            builder.box((0.17, 0.03, 0.025), ((u - 0.5) * length, side * half * 0.985, 0.53 * height), paint, 0.008)


def car(kit, rng, kind: str | None = None):
    """A car or van, parked or driving."""
    kind = kind or str(rng.choice(list(SHAPES), p=[0.32, 0.2, 0.2, 0.18, 0.1]))
    shape = dict(SHAPES[kind])
    stretch = 1 + float(rng.normal(0, 0.025))
    shape["size"] = (shape["size"][0] * stretch, shape["size"][1], shape["size"][2] * (1 + float(rng.normal(0, 0.015))))
    builder, paint = Builder(), kit.car_paint()
    _body(builder, kit, paint, shape)
    _greenhouse(builder, kit, paint, shape, kind == "van")
    _faces(builder, kit, paint, shape)
    return builder.finish("car", "as built")


def lorry(kit, rng, bus: bool = False):
    """A rigid or articulated lorry, or a bus."""
    builder, paint, black, glass = Builder(), kit.car_paint(), kit.black(), kit.car_glass()
    length = float(rng.uniform(10.5, 12.0)) if bus else float(rng.uniform(7.5, 13.5))
    width, radius = 2.5, 0.48
    front = length / 2
    if bus:
        builder.box((length, width, 2.75), (0, 0, 0.35), paint, 0.12)
        for side in (1, -1):
            y = side * (width / 2 + 0.004)
            for x in np.arange(-front + 0.7, front - 1.2, 1.5):
                builder.box((1.38, 0.012, 1.0), (x + 0.7, y, 1.6), glass, 0.002)
            builder.box((length * 0.98, 0.02, 0.12), (0, y, 0.42), black, 0.004)
        builder.box((0.02, width * 0.9, 1.3), (front + 0.003, 0, 1.35), glass, 0.005)
        builder.box((0.02, width * 0.8, 0.8), (-front - 0.003, 0, 1.9), glass, 0.005)
        builder.box((0.03, width * 0.7, 0.28), (front + 0.003, 0, 2.72), black, 0.005)
    else:
        box = kit.flat(
            "lorry_box", kit.rng.choice([(0.7, 0.7, 0.68), (0.62, 0.6, 0.5), (0.1, 0.2, 0.4), (0.4, 0.05, 0.04)]), 0.5
        )
        builder.box((length - 2.3, width, 2.75), (-1.15, 0, 1.05), box, 0.03)
        builder.box((2.0, width * 0.98, 2.3), (front - 1.0, 0, 0.55), paint, 0.14)
        builder.box((0.03, width * 0.86, 0.85), (front + 0.002, 0, 1.75), glass, 0.01)
        for side in (1, -1):
            builder.box((0.9, 0.02, 0.75), (front - 0.75, side * width * 0.49, 1.8), glass, 0.01)
            builder.box((length - 4.5, 0.05, 0.4), (-1.0, side * (width / 2 - 0.05), 0.5), black, 0.01)
        builder.box((length - 1.5, 1.0, 0.3), (-0.5, 0, 0.75), black, 0.01)
        for y in (-0.6, 0.6):  # doors of the box
            builder.box((0.02, 1.18, 2.65), (-front - 0.002, y, 1.1), box, 0.005)
        builder.box((0.06, 2.3, 0.14), (-front - 0.02, 0, 0.55), black, 0.01)
    for side in (1, -1):
        builder.box((0.06, 0.3, 0.22), (front + 0.01, side * 0.95, 0.7), kit.white_lamp(), 0.03)
        builder.box((0.05, 0.25, 0.25), (-front - 0.02, side * 1.05, 0.75), kit.red_lamp(), 0.02)
        for x in (-front + 1.3, -front + 2.6, front - 1.4) if length > 9 else (-front + 1.6, front - 1.3):
            _wheel(builder, kit, x, side * width / 2, radius, 0.28)
    builder.box((0.02, 0.52, 0.11), (-front - 0.05, 0, 0.62), kit.plate(), 0.004)
    return builder.finish("bus" if bus else "lorry", "as built")
