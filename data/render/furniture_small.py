"""Smaller pieces: plants, pictures, office and school things, toys, crockery, clothes, bags and boxes."""

from __future__ import annotations

import itertools
import math

import numpy as np
from furniture_kitchen import WHITE, framed
from furniture_living import body_material, book, colour, fronts, handle, legs, pick
from meshing import Builder, ripple


def leaf(b: Builder, base, heading, rise, length, width, material, curl=1.2, columns=2) -> None:
    """One arching leaf from ``base`` in direction ``heading`` (radians), starting at the angle ``rise`` upwards."""

    def surface(u, v):
        angle = rise - curl * v
        # The midrib follows an arc: integrate its direction along v.
        steps = np.linspace(0, 1, 33)
        run = np.concatenate([[0], np.cumsum(np.cos(rise - curl * steps[:-1]))]) / 32 * length
        up = np.concatenate([[0], np.cumsum(np.sin(rise - curl * steps[:-1]))]) / 32 * length
        out, z = np.interp(v, steps, run), np.interp(v, steps, up)
        half = width / 2 * np.sin(math.pi * np.clip(v, 0.02, 1) ** 0.75) ** 0.8
        side = (2 * u - 1) * half
        trough = np.abs(2 * u - 1) * half * 0.35
        c, s = math.cos(heading), math.sin(heading)
        out = out - np.sin(angle) * trough
        return np.stack(
            [base[0] + c * out - s * side, base[1] + s * out + c * side, base[2] + z + np.cos(angle) * trough], axis=1
        )

    b.sheet(surface, columns, 7, material)


def plant(kit, rng, tall=None):
    """A pot plant: arching grass leaves, a small tree with round leaves, a snake plant or a palm."""
    b = Builder()
    tall = rng.uniform(0.35, 1.5) if tall is None else tall
    r = min(0.2, 0.07 + 0.09 * tall) * rng.uniform(0.9, 1.15)
    high = r * rng.uniform(1.4, 2.0)
    pot = pick(rng, kit.ceramic, kit.ceramic, kit.painted, lambda: kit.plastic(colour(rng)))()
    profile = pick(rng, [(0.72, 0), (1, 1)], [(0.95, 0), (1, 1)], [(0.6, 0), (0.95, 0.35), (1.05, 0.7), (0.95, 1)])
    wall = [
        (0, 0),
        *[(x * r, z * high) for x, z in profile],
        (profile[-1][0] * r - 0.012, high),
        (profile[-1][0] * r - 0.016, high - 0.03),
    ]
    b.lathe([*wall, (0, high - 0.025)], (0, 0, 0), pot, 28)
    soil = kit.soil()
    b.lathe([(profile[-1][0] * r - 0.014, high - 0.022), (0, high - 0.016)], (0, 0, 0), soil, 20)
    green = kit.plant_leaf()
    style = pick(rng, "arching", "tree", "snake", "palm") if tall > 0.6 else pick(rng, "arching", "bush", "snake")
    rise = tall - high
    if style == "arching":
        for i in range(26):
            leaf(
                b,
                (0, 0, high - 0.03),
                i * 2.4,
                rng.uniform(1.1, 1.55),
                rise * rng.uniform(0.6, 1.05),
                0.03 + 0.035 * tall,
                green,
                rng.uniform(0.7, 1.5),
            )
    elif style == "snake":
        for i in range(14):
            at = (0.5 * r * math.cos(i * 2.4) * rng.random(), 0.5 * r * math.sin(i * 2.4) * rng.random(), high - 0.03)
            leaf(
                b,
                at,
                i * 2.4,
                rng.uniform(1.35, 1.55),
                rise * rng.uniform(0.55, 1.0),
                0.05 + 0.03 * tall,
                green,
                rng.uniform(-0.1, 0.25),
            )
    elif style == "palm":
        for i in range(13):
            heading, up, length, curl = (
                i * 2.4,
                rng.uniform(1.25, 1.55),
                rise * rng.uniform(0.7, 1.02),
                rng.uniform(0.5, 1.15),
            )
            steps = np.linspace(0, 1, 15)
            run = np.concatenate([[0], np.cumsum(np.cos(up - curl * steps[:-1]))]) / 14 * length
            z = np.concatenate([[0], np.cumsum(np.sin(up - curl * steps[:-1]))]) / 14 * length
            path = np.stack([run * math.cos(heading), run * math.sin(heading), z + high - 0.03], axis=1)
            b.tube(path[::2], 0.005, green, 4)
            for k in range(5, 15):
                for side in (-1, 1):
                    leaf(
                        b,
                        path[k],
                        heading + side * 0.9,
                        up - curl * steps[k] + 0.1,
                        length * 0.24 * (1.25 - 0.5 * k / 14),
                        0.025,
                        green,
                        0.8,
                        1,
                    )
    else:
        trunk = kit.wood()
        stems = 1 if style == "tree" else 5
        crown = []
        for i in range(stems):
            t = i * 2.4
            lean = 0.12 * rise if stems == 1 else 0.35 * rise
            tip = (
                lean * math.cos(t),
                lean * math.sin(t),
                high + rise * (0.72 if stems == 1 else rng.uniform(0.5, 0.8)),
            )
            b.tube(
                [(0, 0, high - 0.03), (tip[0] * 0.3, tip[1] * 0.3, (high + tip[2]) / 2), tip],
                0.008 + 0.006 * tall,
                trunk if stems == 1 else green,
                6,
            )
            crown.append(tip)
        for i in range(80 if stems == 1 else 55):
            tip = np.array(crown[i % stems])
            base = tip + rng.normal(size=3) * np.array([0.09, 0.09, 0.13]) * rise
            base[2] = max(base[2], high + 0.05 * rise)
            leaf(
                b,
                base,
                rng.uniform(0, 6.28),
                rng.uniform(-0.2, 1.0),
                0.09 + 0.07 * tall * rng.random(),
                0.045 + 0.04 * tall,
                green,
                rng.uniform(0.3, 1.2),
            )
    # Rooms are small: leaves that reach too far out are drawn in, the pot is left alone.
    reach = max(float(np.abs(points[:, :2]).max()) for points in b.points)
    allowed = max(0.4 * tall, 1.2 * r)
    if reach > allowed:
        for points in b.points:
            points[:, :2] *= np.where(points[:, 2:] > high, allowed / reach, 1.0)
    return b.finish("plant")


def picture(kit, rng, width=None, height=None):
    """A framed picture: a landscape, an abstract, a still form or an artwork material, often behind a passe-partout."""
    b = Builder()
    w = rng.uniform(0.35, 1.0) if width is None else width
    h = w * pick(rng, 0.7, 0.75, 1.0, 1.3) if height is None else height
    bar = rng.uniform(0.018, 0.05)
    frame = pick(rng, kit.wood, kit.painted, kit.dark_plastic, kit.metal)()
    framed(b, w, h, bar, 0.026, frame)
    b.box((w - bar, 0.01, h - bar), (0, -0.006, bar / 2), kit.paper((0.82, 0.81, 0.78)), 0.001)
    mat = bar + (rng.uniform(0.04, 0.1) * w if rng.random() < 0.6 else 0)
    iw, ih = w - 2 * mat, h - 2 * mat
    layer = [0.0115]

    def patch(outline, material):
        points = np.clip(np.asarray(outline, dtype=float), (-0.5, 0), (0.5, 1))
        layer[0] += 0.0003
        points = np.stack([points[:, 0] * iw, np.full(len(points), -layer[0]), mat + points[:, 1] * ih], axis=1)
        b.add(points, [tuple(range(len(points)))], material)

    def disc(x, z, r, material):
        a = np.linspace(0, 2 * math.pi, 24, endpoint=False)
        patch(np.stack([x + r * np.cos(a), z + r * np.sin(a) * iw / ih], axis=1), material)

    full = [(-0.5, 0), (0.5, 0), (0.5, 1), (-0.5, 1)]
    style = pick(rng, "landscape", "abstract", "discs", "bands", "landscape", "artwork", "artwork")
    if style == "artwork":
        patch(full, kit.artwork())
    elif style == "landscape":
        patch(full, kit.paper(pick(rng, (0.35, 0.52, 0.68), (0.75, 0.5, 0.33), (0.6, 0.65, 0.62), (0.8, 0.72, 0.5))))
        disc(rng.uniform(-0.3, 0.3), rng.uniform(0.65, 0.85), 0.07, kit.paper((0.85, 0.75, 0.45)))
        x, tone = np.linspace(-0.5, 0.5, 24), np.array(colour(rng))
        for i in range(4):
            level = 0.6 - 0.15 * i
            ridge = level + ripple(rng, 0.5, 0.06)(np.stack([x, x * 0, x * 0 + i], axis=1))
            line = np.concatenate([np.stack([x, ridge], axis=1), [(0.5, 0), (-0.5, 0)]])[::-1]
            patch(line, kit.paper(tuple(tone * (1.15 - 0.27 * i))))
    elif style == "bands":
        z = np.sort(np.concatenate([[0, 1], rng.uniform(0.1, 0.9, 4)]))
        for low, high in itertools.pairwise(z):
            patch([(-0.5, low), (0.5, low), (0.5, high), (-0.5, high)], kit.paper(colour(rng)))
    else:
        patch(full, kit.paper(pick(rng, (0.75, 0.7, 0.6), (0.08, 0.09, 0.12), colour(rng))))
        for _ in range(int(rng.integers(4, 9))):
            x, z, s = rng.uniform(-0.4, 0.4), rng.uniform(0.1, 0.9), rng.uniform(0.08, 0.3)
            if style == "discs":
                disc(x, z, s * 0.8, kit.paper(colour(rng)))
            else:
                a = np.sort(rng.uniform(0, 2 * math.pi, int(rng.integers(3, 6))))
                patch(np.stack([x + s * np.cos(a), z + s * np.sin(a)], axis=1), kit.paper(colour(rng)))
    return b.finish("picture", "wall")


def whiteboard(kit, rng, width=None, height=None):
    """A whiteboard with an aluminium frame, a pen tray and some writing."""
    b = Builder()
    w = rng.uniform(1.2, 2.4) if width is None else width
    h = rng.uniform(0.9, 1.2) if height is None else height
    metal = kit.metal()
    framed(b, w, h, 0.025, 0.022, metal)
    b.box((w - 0.03, 0.008, h - 0.03), (0, -0.012, 0.015), kit.plastic((0.85, 0.85, 0.85)), 0.001)
    b.box((w * 0.4, 0.06, 0.012), (0, -0.045, 0.0), metal, 0.004)
    for i in range(3):
        pen = kit.plastic(pick(rng, (0.5, 0.03, 0.03), (0.03, 0.06, 0.4), (0.02, 0.02, 0.02), (0.03, 0.3, 0.08)))
        b.cylinder(0.008, 0.12, (-0.2 + 0.17 * i, -0.05, 0.02), pen, segments=8, rot=(0, math.pi / 2, 0))
        z = h - 0.16 - 0.1 * i
        for line in range(int(rng.integers(1, 3))):
            x = -w / 2 + 0.12
            while x < rng.uniform(-0.1, 0.35) * w:
                word = rng.uniform(0.04, 0.12)
                t = np.linspace(0, 1, 8)
                path = np.stack(
                    [
                        x + word * t,
                        np.full(8, -0.0165),
                        z - 0.22 * line + 0.012 * np.sin(t * 25 * word / 0.06 + x * 30),
                    ],
                    axis=1,
                )
                b.tube(path, 0.0025, pen, 3)
                x += word + 0.03
    if rng.random() < 0.6:
        pen = kit.plastic((0.03, 0.06, 0.4))
        x, z, s = w * 0.28, h * 0.45, 0.16
        a = np.linspace(0, 2 * math.pi, 20, endpoint=False)
        b.tube(np.stack([x + s * np.cos(a), a * 0 - 0.0165, z + s * np.sin(a)], axis=1), 0.003, pen, 3, closed=True)
        b.tube([(x, -0.0165, z - s), (x, -0.0165, z + s)], 0.003, pen, 3)
    return b.finish("whiteboard", "wall")


def filing_cabinet(kit, rng):
    """A steel filing cabinet of two to four drawers with label holders."""
    b = Builder()
    rows = int(rng.integers(2, 5))
    w, d, h = 0.46, rng.uniform(0.5, 0.62), 0.06 + rows * rng.uniform(0.29, 0.32)
    skin, metal = kit.painted() if rng.random() < 0.6 else kit.metal(), kit.metal()
    b.box((w, d, h), (0, 0, 0), skin, 0.006)
    fronts(b, -w / 2 + 0.012, w / 2 - 0.012, 0.05, h - 0.015, -d / 2, 1, rows, skin, metal, pick(rng, "cup", "bar"))
    card = kit.paper()
    for r in range(rows):
        z = 0.05 + (h - 0.065) / rows * (r + 0.82)
        b.box((0.09, 0.004, 0.035), (0, -d / 2 - 0.02, z), card, 0.001)
    return b.finish("filing_cabinet")


def monitor(kit, rng):
    """A computer monitor on its stand."""
    b = Builder()
    w = rng.uniform(0.5, 0.68)
    h, dark = w * rng.uniform(0.57, 0.63), kit.dark_plastic()
    stand = kit.metal() if rng.random() < 0.4 else dark
    low = rng.uniform(0.1, 0.16)
    b.box((0.24, 0.18, 0.012), (0, 0.02, 0), stand, 0.005)
    b.box((0.055, 0.025, low + h * 0.5), (0, 0.06, 0.01), stand, 0.005)
    b.box((w, 0.028, h), (0, 0.02, low), dark, 0.007)
    b.box((w * 0.6, 0.03, h * 0.6), (0, 0.04, low + h * 0.2), dark, 0.01)
    b.box((w - 0.024, 0.003, h - 0.036), (0, 0.0055, low + 0.022), kit.screen(), 0.0008)
    return b.finish("monitor")


def laptop(kit, rng):
    """An open laptop computer."""
    b = Builder()
    w, d = rng.uniform(0.31, 0.37), rng.uniform(0.21, 0.25)
    skin, dark = kit.metal() if rng.random() < 0.6 else kit.dark_plastic(), kit.dark_plastic()
    b.box((w, d, 0.016), (0, 0, 0), skin, 0.005)
    keys(b, w - 0.05, d * 0.42, (0, d * 0.12, 0.0155), dark, 5, 13)
    b.box((0.1, 0.065, 0.0015), (0, -d * 0.28, 0.0155), dark, 0.0005)
    with b.placed((0, d / 2 - 0.005, 0.014), (rng.uniform(-0.4, -0.15), 0, 0)):
        b.box((w, 0.008, d), (0, 0, 0), skin, 0.003)
        b.box((w - 0.016, 0.003, d - 0.022), (0, -0.0035, 0.012), kit.screen(), 0.0008)
    return b.finish("laptop")


def keys(b: Builder, w, d, at, material, rows, columns) -> None:
    """A field of flat keys."""
    for r in range(rows):
        for c in range(columns):
            x, y = at[0] - w / 2 + (c + 0.5) * w / columns, at[1] - d / 2 + (r + 0.5) * d / rows
            if r == 0 and 3 < c < columns - 4:
                continue
            b.prism(
                [
                    (x + a * w / columns * 0.42, y + e * d / rows * 0.42)
                    for a, e in ((-1, -1), (1, -1), (1, 1), (-1, 1))
                ],
                0.004,
                (0, 0, at[2]),
                material,
            )
    b.box((w * 0.38, d / rows * 0.8, 0.004), (at[0], at[1] - d / 2 + d / rows / 2, at[2]), material, 0.001)


def keyboard(kit, rng):
    """A keyboard with a mouse beside it."""
    b = Builder()
    dark = kit.dark_plastic()
    case = dark if rng.random() < 0.6 else kit.plastic(WHITE)
    w = pick(rng, 0.36, 0.44)
    b.box((w, 0.14, 0.016), (0, 0, 0), case, 0.005)
    keys(b, w - 0.02, 0.115, (0, 0, 0.0155), dark if case is not dark else kit.plastic((0.12, 0.12, 0.13)), 5, 15)
    mouse = dark if rng.random() < 0.7 else case
    b.soft((0.06, 0.105, 0.035), (w / 2 + 0.09, 0, 0), mouse, rng, 0.95, 0, n=6)
    return b.finish("keyboard")


def printer(kit, rng):
    """A desktop printer with paper."""
    b = Builder()
    w, d, h = rng.uniform(0.4, 0.46), rng.uniform(0.34, 0.4), rng.uniform(0.2, 0.3)
    skin = kit.plastic(pick(rng, WHITE, (0.35, 0.35, 0.36)))
    dark, paper = kit.dark_plastic(), kit.paper()
    b.box((w, d, h), (0, 0, 0), skin, 0.018)
    b.box((w - 0.06, 0.03, h * 0.28), (0, -d / 2 + 0.01, h * 0.3), dark, 0.004)
    b.box((w - 0.1, 0.16, 0.01), (0, -d / 2 - 0.06, h * 0.28), dark, 0.004)
    b.box((0.21, 0.2, 0.006), (0, -d / 2 - 0.03, h * 0.32), paper, 0.001)
    b.box((0.23, 0.012, 0.2), (0, d / 2 - 0.05, h - 0.02), dark, 0.003, (-0.3, 0, 0))
    b.box((0.21, 0.006, 0.24), (0, d / 2 - 0.058, h - 0.02), paper, 0.001, (-0.3, 0, 0))
    b.box((0.16, 0.06, 0.012), (w * 0.2, -d / 2 + 0.07, h - 0.003), dark, 0.004)
    b.box((0.07, 0.035, 0.003), (w * 0.17, -d / 2 + 0.07, h + 0.008), kit.screen(), 0.0005)
    return b.finish("printer")


def toy(b: Builder, kit, rng, at, s) -> None:
    """A small toy: a ball, blocks, a stacking ring, a car or a bear."""
    kind, x, y, z = pick(rng, "ball", "blocks", "rings", "car", "bear"), *at
    if kind == "ball":
        b.ball(s * 0.4, at, kit.plastic(colour(rng)), 14)
    elif kind == "blocks":
        for i in range(3):
            b.box(
                (s * 0.4,) * 3, (x, y, z + i * s * 0.4), kit.plastic(colour(rng)), 0.004, (0, 0, rng.uniform(-0.5, 0.5))
            )
    elif kind == "rings":
        for i in range(4):
            r, t = s * (0.42 - 0.07 * i), s * 0.1
            a = np.linspace(0, 2 * math.pi, 14, endpoint=False)
            b.tube(
                np.stack([x + (r - t) * np.cos(a), y + (r - t) * np.sin(a), a * 0 + z + t + i * 1.9 * t], axis=1),
                t,
                kit.plastic(colour(rng)),
                8,
                closed=True,
            )
        b.ball(s * 0.1, (x, y, z + 8 * t), kit.plastic(colour(rng)), 10)
    elif kind == "car":
        body = kit.plastic(colour(rng))
        b.box((s, s * 0.48, s * 0.24), (x, y, z + s * 0.1), body, s * 0.05)
        b.box((s * 0.55, s * 0.42, s * 0.22), (x + s * 0.04, y, z + s * 0.32), body, s * 0.07)
        tyre = kit.dark_plastic()
        for ex in (-0.3, 0.3):
            for ey in (-0.26, 0.2):
                b.cylinder(
                    s * 0.13,
                    s * 0.08,
                    (x + ex * s, y + ey * s + s * 0.07, z + s * 0.13),
                    tyre,
                    segments=14,
                    rot=(math.pi / 2, 0, 0),
                )
    else:
        fur, dark = kit.fabric(), kit.dark_plastic()
        b.ball(s * 0.32, (x, y, z), fur, 14, 1.15)
        b.ball(s * 0.25, (x, y - s * 0.03, z + s * 0.62), fur, 14)
        b.ball(s * 0.1, (x, y - s * 0.26, z + s * 0.76), fur, 10)
        b.ball(s * 0.035, (x, y - s * 0.36, z + s * 0.83), dark, 8)
        for e in (-1, 1):
            b.ball(s * 0.09, (x + e * s * 0.19, y, z + s * 1.0), fur, 10)
            b.ball(s * 0.025, (x + e * s * 0.09, y - s * 0.265, z + s * 0.93), dark, 8)
            b.ball(s * 0.13, (x + e * s * 0.22, y - s * 0.32, z), fur, 10)
            b.ball(s * 0.1, (x + e * s * 0.32, y - s * 0.12, z + s * 0.32), fur, 10, 1.4)


def toy_shelf(kit, rng):
    """A low shelf of cubes with toys and coloured bins."""
    b = Builder()
    columns, rows, cell, d = int(rng.integers(2, 4)), int(rng.integers(2, 4)), rng.uniform(0.32, 0.37), 0.36
    w, h = columns * cell + 0.02, rows * cell + 0.02
    body = kit.painted() if rng.random() < 0.5 else kit.wood()
    b.box((w, 0.008, h), (0, d / 2 - 0.005, 0), body, 0.001)
    for i in range(columns + 1):
        b.box((0.02, d, h), (-w / 2 + 0.01 + i * cell, 0, 0), body, 0.004)
    for i in range(rows + 1):
        b.box((w, d, 0.02), (0, 0, i * cell), body, 0.004)
    for c in range(columns):
        for r in range(rows):
            x, z = -w / 2 + 0.01 + (c + 0.5) * cell, r * cell + 0.02
            what = rng.random()
            if what < 0.4:
                skin = kit.fabric() if rng.random() < 0.5 else kit.plastic(colour(rng))
                b.box((cell - 0.04, d - 0.04, cell * 0.72), (x, -0.01, z), skin, 0.012)
                handle(b, "cup", x, -d / 2 + 0.01, z + cell * 0.5, kit.dark_plastic())
            elif what < 0.9:
                for side in (-0.22, 0.22) if rng.random() < 0.6 else (0.0,):
                    toy(b, kit, rng, (x + side * cell, rng.uniform(-0.06, 0.02), z), 0.15 if side else 0.2)
    for x in np.arange(-w / 2 + 0.15, w / 2 - 0.1, 0.28):
        if rng.random() < 0.7:
            toy(b, kit, rng, (x, rng.uniform(-0.05, 0.05), h), rng.uniform(0.16, 0.24))
    return b.finish("toy_shelf")


def toy_blocks(kit, rng):
    """A scatter of blocks, some stacked, with a toy among them."""
    b = Builder()
    paints = [kit.plastic(colour(rng)) for _ in range(6)]
    for _ in range(int(rng.integers(10, 22))):
        s, r, t = rng.uniform(0.04, 0.07), abs(rng.normal()) * 0.22, rng.uniform(0, 6.28)
        x, y = r * math.cos(t), r * math.sin(t)
        shape = rng.random()
        if shape < 0.7:
            long = s * pick(rng, 1, 1, 2)
            b.box((long, s, s), (x, y, 0), pick(rng, *paints), 0.004, (0, 0, rng.uniform(0, 3)))
            if rng.random() < 0.25:
                b.box((s, s, s), (x, y, s), pick(rng, *paints), 0.004, (0, 0, rng.uniform(0, 3)))
        elif shape < 0.85:
            b.cylinder(s / 2, s, (x, y, 0), pick(rng, *paints), segments=16)
        else:
            b.prism(
                [(-s / 2, 0), (s / 2, 0), (0, s * 0.8)], s, (x, y + s / 2, 0), pick(rng, *paints), (math.pi / 2, 0, 0)
            )
    toy(b, kit, rng, (rng.uniform(-0.2, 0.2), rng.uniform(-0.2, 0.2), 0), 0.2)
    return b.finish("toy_blocks")


def ball(kit, rng):
    """A play ball of two colours."""
    b = Builder()
    r = rng.uniform(0.08, 0.22)
    a = np.linspace(0, math.pi, 17)
    paints = kit.plastic(colour(rng)), kit.plastic(colour(rng))
    turn = tuple(rng.uniform(0, 3, 3))
    with b.placed((0, 0, r), turn):
        for i in range(4):
            part = a[i * 4 : i * 4 + 5]
            b.lathe([(r * math.sin(t), -r * math.cos(t)) for t in part], (0, 0, 0), paints[i % 2], 24)
    return b.finish("ball")


def kids_table(kit, rng):
    """A low children's table, round or square, with two or three stools and sheets of paper."""
    b = Builder()
    top, leg = body_material(kit, rng), kit.wood()
    h, w = rng.uniform(0.46, 0.52), rng.uniform(0.6, 0.75)
    if rng.random() < 0.5:
        b.cylinder(w / 2, 0.024, (0, 0, h - 0.024), top, segments=36, bevel=0.006)
    else:
        b.box((w, w * 0.85, 0.024), (0, 0, h - 0.024), top, 0.01)
    legs(b, w * 0.72, w * 0.65, h - 0.02, leg, thick=0.055, inset=0, kind="taper", splay=0.08)
    for i in range(int(rng.integers(2, 4))):
        t = i * 2.1 + rng.uniform(-0.3, 0.3)
        with b.placed((0.56 * w * 1.25 * math.cos(t), 0.56 * w * 1.25 * math.sin(t), 0)):
            b.cylinder(
                0.145,
                0.03,
                (0, 0, 0.26),
                kit.plastic(colour(rng)) if rng.random() < 0.5 else top,
                segments=24,
                bevel=0.008,
            )
            legs(b, 0.2, 0.2, 0.265, leg, thick=0.045, inset=0, kind="taper", splay=0.12)
    for _ in range(int(rng.integers(1, 4))):
        at = (rng.uniform(-0.15, 0.15), rng.uniform(-0.12, 0.12), h)
        b.box((0.21, 0.15, 0.002), at, kit.paper(), 0.0005, (0, 0, rng.uniform(0, 3)))
        pen = kit.plastic(colour(rng))
        b.cylinder(0.006, 0.12, (at[0], at[1], h + 0.008), pen, segments=8, rot=(0, math.pi / 2, rng.uniform(0, 3)))
    return b.finish("kids_table")


def tent(kit, rng):
    """A teepee of four poles and cloth, open in front."""
    b = Builder()
    s, h = rng.uniform(1.0, 1.25), rng.uniform(1.25, 1.5)
    cloth, trim, wood = kit.fabric(), kit.fabric(), kit.wood()
    feet = [(-s / 2, -s / 2), (s / 2, -s / 2), (s / 2, s / 2), (-s / 2, s / 2)]
    apex = h * 0.86
    for x, y in feet:
        b.tube([(x, y, 0), (-x * 0.16, -y * 0.16, h)], 0.014, wood, 8)

    def wall(p, q, start, stop, outside=0.0):
        p, q = np.array([*p, 0.0]), np.array([*q, 0.0])
        top = np.array([0.0, 0.0, apex])
        normal = (p + q) / np.linalg.norm(p + q)

        def surface(u, v):
            across = start + (stop - start) * u
            base = p + (q - p) * across[:, None]
            points = base + (top - base) * (v * 0.97)[:, None]
            sag = 0.05 * np.sin(math.pi * across) * np.sin(math.pi * v) - outside
            return points - normal * sag[:, None]

        return surface

    for i in range(1, 4):
        b.sheet(wall(feet[i], feet[(i + 1) % 4], 0, 1), 10, 10, cloth)
    for side in (0, 1):

        def flap(u, v, side=side):
            # The flap is drawn aside below and closed above.
            open_ = 0.36 * np.clip(1 - v / 0.62, 0, 1) ** 0.6
            across = u * (0.5 - open_)
            across = 1 - across if side else across
            p, q, top = np.array([*feet[0], 0.0]), np.array([*feet[1], 0.0]), np.array([0, 0, apex])
            base = p + (q - p) * across[:, None]
            points = base + (top - base) * (v * 0.97)[:, None]
            points[:, 1] -= 0.03 * np.sin(u * 14) * np.clip(1 - v / 0.62, 0, 1)
            return points

        b.sheet(flap, 12, 12, trim if side else cloth)
    b.soft((s * 0.8, s * 0.8, 0.06), (0, 0.02, 0), trim, rng, 0.9, 0.008, n=10)
    b.pillow((0.36, 0.36, 0.13), (0.15, 0.15, 0.06), kit.fabric(), rng)
    return b.finish("tent")


def box(kit, rng):
    """A cardboard box, closed or with open flaps, with a strip of tape."""
    b = Builder()
    w, d, h = rng.uniform(0.28, 0.5), rng.uniform(0.25, 0.4), rng.uniform(0.2, 0.4)
    card, inside = kit.card(), kit.card()
    tape = kit.plastic((0.5, 0.38, 0.22))
    if rng.random() < 0.5:
        b.box((w, d, h), (0, 0, 0), card, 0.004)
        b.box((w + 0.002, 0.05, 0.002), (0, 0, h - 0.001), tape, 0.0005)
        for x in (-1, 1):
            b.box((0.002, 0.05, 0.09), (x * w / 2, 0, h - 0.09), tape, 0.0005)
        b.box((w * 0.3, 0.002, h * 0.25), (w * 0.2, -d / 2, h * 0.4), kit.paper(), 0.0005)
    else:
        for x in (-1, 1):
            b.box((0.005, d, h), (x * w / 2, 0, 0), card, 0.001)
            b.box(
                (0.005, d - 0.01, w * 0.32), (x * w / 2, 0, h - 0.002), card, 0.001, (0, x * rng.uniform(0.7, 2.0), 0)
            )
        for y in (-1, 1):
            b.box((w, 0.005, h), (0, y * d / 2, 0), card, 0.001)
            b.box(
                (w - 0.01, 0.005, d * 0.42), (0, y * d / 2, h - 0.002), card, 0.001, (-y * rng.uniform(0.7, 2.0), 0, 0)
            )
        b.box((w, d, 0.006), (0, 0, 0.004), inside, 0.001)
        if rng.random() < 0.6:
            b.soft((w * 0.82, d * 0.8, h * 0.45), (0, 0, h * 0.4), kit.fabric(), rng, 0.8, 0.01, 0.15, n=10)
    return b.finish("box")


def book_stack(kit, rng):
    """A pile of a few books, or an open one on top."""
    b = Builder()
    z, pages = 0.0, kit.paper((0.78, 0.74, 0.64))
    for _ in range(int(rng.integers(2, 6))):
        t = rng.uniform(0.014, 0.04)
        book(
            b,
            rng,
            kit.paper(colour(rng)),
            pages,
            (rng.uniform(0.14, 0.19), rng.uniform(0.19, 0.27), t),
            (rng.uniform(-0.01, 0.01), rng.uniform(-0.01, 0.01), z),
            rng.uniform(-0.35, 0.35),
        )
        z += t
    return b.finish("book_stack")


def mug(kit, rng):
    """A mug with a handle and something in it."""
    b = Builder()
    china = kit.ceramic() if rng.random() < 0.5 else kit.plastic(colour(rng))
    r, h = rng.uniform(0.036, 0.045), rng.uniform(0.08, 0.105)
    b.lathe([(0, 0), (r * 0.9, 0), (r, 0.006), (r, h), (r - 0.004, h), (r - 0.005, h * 0.8)], (0, 0, 0), china, 24)
    b.lathe([(r - 0.004, h * 0.82), (0, h * 0.82)], (0, 0, 0), kit.paper((0.06, 0.03, 0.015)), 20)
    a = np.linspace(-1.5, 1.5, 10)
    b.tube(np.stack([r * 0.9 + 0.026 * np.cos(a), a * 0, h * 0.52 + 0.03 * np.sin(a)], axis=1), 0.0055, china, 6)
    return b.finish("mug")


def vase(kit, rng):
    """A vase with stems and flowers, or dry branches."""
    b = Builder()
    h = rng.uniform(0.16, 0.36)
    r = h * rng.uniform(0.24, 0.36)
    profile = pick(
        rng,
        [(0.6, 0), (1, 0.3), (0.9, 0.6), (0.4, 0.85), (0.5, 1)],
        [(0.7, 0), (0.62, 0.4), (0.7, 0.8), (0.9, 1)],
        [(0.5, 0), (0.95, 0.55), (0.9, 0.75), (0.45, 0.92), (0.5, 1)],
    )
    t = np.linspace(0, 1, 14)
    radii = np.interp(t, [z for _, z in profile], [x for x, _ in profile])
    radii = np.convolve(np.pad(radii, 1, mode="edge"), (0.25, 0.5, 0.25), "valid")
    wall = [
        (0, 0),
        *[(r * x, h * z) for x, z in zip(radii, t, strict=True)],
        (r * radii[-1] - 0.006, h),
        (r * radii[-1] - 0.01, h * 0.8),
    ]
    b.lathe(wall, (0, 0, 0), pick(rng, kit.ceramic, kit.ceramic, lambda: kit.plastic(colour(rng)))(), 28)
    green, style = kit.plant_leaf(), pick(rng, "flowers", "flowers", "branches", "leaves")
    petal, wood = kit.plastic(colour(rng)), kit.wood()
    heart = kit.paper((0.7, 0.45, 0.05))
    for i in range(int(rng.integers(5, 10))):
        lean, heading, rise = rng.uniform(0.1, 0.55), i * 2.4, h * rng.uniform(1.5, 2.3)
        t = np.linspace(0, 1, 5)
        out = r * 0.3 + lean * (rise - h * 0.5) * t**1.6
        path = np.stack([out * math.cos(heading), out * math.sin(heading), h * 0.5 + (rise - h * 0.5) * t], axis=1)
        b.tube(path, 0.0025, wood if style == "branches" else green, 5)
        tip = path[-1]
        if style == "flowers":
            for k in range(7):
                leaf(b, tip, k * 0.9, 0.5, 0.045, 0.035, petal, 0.5, 1)
            b.ball(0.011, (tip[0], tip[1], tip[2] - 0.003), heart, 8)
            leaf(b, path[3], heading + 1.5, 0.7, 0.09, 0.03, green)
        elif style == "leaves":
            for k in range(2, 5):
                for side in (-1, 1):
                    leaf(b, path[k], heading + side * 1.1, 0.6, 0.1, 0.05, green)
        else:
            for k in range(2, 5):
                b.ball(0.012, path[k] + rng.normal(size=3) * 0.01, petal, 8)
    return b.finish("vase")


def bowl_shape(b: Builder, r, material) -> None:
    """An open bowl of radius r."""
    b.lathe(
        [
            (0, 0),
            (r * 0.45, 0),
            (r * 0.48, 0.01),
            (r * 0.85, r * 0.3),
            (r, r * 0.58),
            (r - 0.005, r * 0.58),
            (r * 0.8, r * 0.3),
            (r * 0.4, 0.02),
            (0, 0.016),
        ],
        (0, 0, 0),
        material,
        28,
    )


def bowl(kit, rng):
    """An empty bowl, sometimes a pile of plates with it."""
    b = Builder()
    china = pick(rng, kit.ceramic, kit.wood, lambda: kit.plastic(colour(rng)))()
    bowl_shape(b, rng.uniform(0.08, 0.14), china)
    return b.finish("bowl")


def fruit_bowl(kit, rng):
    """A bowl of apples, oranges and a banana."""
    b = Builder()
    r = rng.uniform(0.13, 0.17)
    bowl_shape(b, r, pick(rng, kit.ceramic, kit.wood)())
    skins = [kit.plastic(c) for c in ((0.5, 0.04, 0.03), (0.75, 0.28, 0.02), (0.3, 0.45, 0.06), (0.75, 0.6, 0.1))]
    for i in range(9):
        ring = (0.0, 0.56)[i > 0] if i < 6 else 0.28
        t = i * 1.256
        b.ball(
            rng.uniform(0.033, 0.04),
            (r * ring * math.cos(t), r * ring * math.sin(t), r * (0.22 if i < 6 else 0.58)),
            pick(rng, *skins[:3]),
            14,
            0.95,
        )
    a = np.linspace(-0.9, 0.9, 9)
    b.tube(
        np.stack([0.09 * np.sin(a), a * 0 + 0.02, r * 0.62 + 0.1 - 0.08 * np.cos(a) + 0.05], axis=1), 0.015, skins[3], 8
    )
    return b.finish("fruit_bowl")


def coat_rack(kit, rng, width=None):
    """A wall rack of hooks with coats, a bag or a scarf hanging."""
    b = Builder()
    w = rng.uniform(0.6, 1.2) if width is None else width
    board, metal = kit.wood() if rng.random() < 0.7 else kit.painted(), kit.metal()
    fall = 1.0
    b.box((w, 0.022, 0.11), (0, -0.011, fall), board, 0.006)
    hooks = max(3, round(w / 0.2))
    shelf = rng.random() < 0.4
    if shelf:
        b.box((w, 0.22, 0.02), (0, -0.11, fall + 0.11), board, 0.004)
    for i in range(hooks):
        x = -w / 2 + (i + 0.5) * w / hooks
        b.tube(
            [(x, -0.02, fall + 0.07), (x, -0.06, fall + 0.05), (x, -0.085, fall + 0.06), (x, -0.09, fall + 0.09)],
            0.007,
            metal,
            6,
        )
        if rng.random() < 0.65:
            cloth, length, wide = kit.fabric(), rng.uniform(0.6, 0.98), rng.uniform(0.3, 0.4)
            wave, phase = ripple(rng, 0.25, 0.012), rng.uniform(0, 6)
            x += rng.uniform(-0.02, 0.02)
            # A coat is a flattened, folded bell hanging from one point.
            a = np.linspace(0, 2 * math.pi, 29)

            def coat(u, v, x=x, length=length, wide=wide, wave=wave, phase=phase):
                t = u * 2 * math.pi
                spread = np.interp(v, [0, 0.06, 0.2, 0.6, 1], [0.08, 0.3, 0.78, 0.85, 1.0])
                folds = 1 + 0.16 * np.sin(5 * t + phase) * v**0.5
                px = x + wide / 2 * spread * np.cos(t) * folds
                py = -0.085 + (0.07 * spread + 0.012) * np.sin(t) * folds
                points = np.stack([px, np.minimum(py, -0.006), fall + 0.07 - v * length], axis=1)
                return points + np.stack([wave(points), 0 * v, 0.4 * wave(points)], axis=1)

            b.sheet(coat, len(a) - 1, 14, cloth)
            for e in (-1, 1) if wide > 0.34 else ():
                b.tube(
                    [
                        (x + e * wide * 0.3, -0.1, fall - 0.06),
                        (x + e * wide * 0.5, -0.12, fall - 0.3),
                        (x + e * wide * 0.47, -0.12, fall - 0.56),
                    ],
                    0.042,
                    cloth,
                    8,
                )
    return b.finish("coat_rack", "wall")


def shoes(kit, rng):
    """A pair of shoes, or two, side by side."""
    b = Builder()
    for pair in range(int(rng.integers(1, 3))):
        upper = kit.leather() if rng.random() < 0.5 else kit.fabric()
        sole = kit.plastic(pick(rng, WHITE, (0.05, 0.05, 0.05)))
        tall = pick(rng, 0.09, 0.1, 0.2)
        for side in (-1, 1):
            turn = rng.uniform(-0.25, 0.25)
            with b.placed((pair * 0.32 + side * 0.065, rng.uniform(-0.04, 0.04), 0), (0, 0, turn)):
                a = np.linspace(0, 2 * math.pi, 20, endpoint=False)
                outline = np.stack([0.044 * np.cos(a) * (1 + 0.16 * np.sin(-a)), 0.138 * np.sin(a)], axis=1)
                # The heel is blunter than the toe.
                heel = outline[:, 1] > 0
                outline[heel, 0] = 0.046 * np.sign(np.cos(a[heel])) * np.abs(np.cos(a[heel])) ** 0.45
                b.prism(outline, 0.022, (0, 0, 0), sole)
                rings = []
                for z, back, front, wide in (
                    (0.02, 1, 1, 0.97),
                    (0.05, 1, 0.93, 0.95),
                    (0.07, 1, 0.45, 0.8),
                    (tall, 0.97, 0.02, 0.68),
                    (tall + 0.002, 0.9, 0.0, 0.5),
                    (0.05, 0.85, 0.1, 0.45),
                ):
                    ring = outline * (wide, 1)
                    ring[:, 1] = np.where(ring[:, 1] > 0, ring[:, 1] * back, ring[:, 1] * front)
                    ring = ring if z < tall else ring + np.array([0, 0.012])
                    rings.append(np.concatenate([ring, np.full((20, 1), z)], axis=1))
                faces = [
                    (r * 20 + i, r * 20 + (i + 1) % 20, r * 20 + 20 + (i + 1) % 20, r * 20 + 20 + i)
                    for r in range(5)
                    for i in range(20)
                ]
                b.add(np.concatenate(rings), faces, upper)
    return b.finish("shoes")


def bin(kit, rng):
    """A waste bin: open with a bag or paper, or a pedal bin with a lid."""
    b = Builder()
    r, h = rng.uniform(0.11, 0.16), rng.uniform(0.28, 0.42)
    skin = pick(rng, kit.metal, kit.dark_plastic, lambda: kit.plastic(colour(rng)))()
    if rng.random() < 0.5:
        b.lathe(
            [(0, 0), (r * 0.8, 0), (r, h), (r + 0.005, h + 0.004), (r - 0.006, h), (r * 0.78, 0.01), (0, 0.01)],
            (0, 0, 0),
            skin,
            28,
        )
        paper = kit.paper()
        for i in range(4):
            b.soft(
                (0.1, 0.1, 0.09),
                (0.05 * math.cos(i * 1.6), 0.05 * math.sin(i * 1.6), h * 0.72),
                paper,
                rng,
                0.95,
                0.012,
                0.06,
                n=5,
            )
    else:
        dark = kit.dark_plastic()
        b.cylinder(r + 0.004, 0.03, (0, 0, 0), dark, segments=28)
        b.cylinder(r, h, (0, 0, 0.03), skin, segments=28)
        b.lathe([(r + 0.004, 0), (r + 0.004, 0.02), (r * 0.9, 0.045), (0, 0.06)], (0, 0, h + 0.03), skin, 28)
        b.box((0.06, 0.05, 0.012), (0, -r - 0.015, 0.012), dark, 0.004)
    return b.finish("bin")


def stool(kit, rng):
    """A stool: three or four splayed legs, at sitting or bar height."""
    b = Builder()
    h = pick(rng, 0.45, 0.46, 0.65, 0.75)
    wood, r = body_material(kit, rng), rng.uniform(0.15, 0.18)
    frame = wood if rng.random() < 0.6 else kit.metal()
    if rng.random() < 0.5:
        b.cylinder(r, 0.032, (0, 0, h - 0.032), wood, segments=32, bevel=0.008)
    else:
        b.cylinder(r, 0.02, (0, 0, h - 0.06), wood, segments=32)
        b.lathe(
            [(0, 0), (r, 0), (r * 1.03, 0.02), (r * 0.9, 0.042), (0, 0.05)],
            (0, 0, h - 0.045),
            pick(rng, kit.fabric, kit.leather)(),
            28,
        )
    count = pick(rng, 3, 4, 4)
    for i in range(count):
        t = (i + 0.5) * 2 * math.pi / count
        b.tube(
            [
                (r * 1.2 * math.cos(t), r * 1.2 * math.sin(t), 0),
                (r * 0.62 * math.cos(t), r * 0.62 * math.sin(t), h - 0.03),
            ],
            0.015,
            frame,
            8,
        )
    a = np.linspace(0, 2 * math.pi, 20, endpoint=False)
    ring = r * (1.2 - 0.58 * 0.35)
    b.tube(np.stack([ring * np.cos(a), ring * np.sin(a), a * 0 + h * 0.35], axis=1), 0.008, frame, 6, closed=True)
    return b.finish("stool")


def bench(kit, rng, width=None):
    """A bench: plain wood, slatted, or with an upholstered seat."""
    b = Builder()
    w = rng.uniform(0.9, 1.5) if width is None else width
    d, h, wood = rng.uniform(0.34, 0.42), rng.uniform(0.43, 0.47), body_material(kit, rng)
    style = pick(rng, "plain", "slats", "soft")
    legs(b, w, d, h - 0.03, wood if rng.random() < 0.7 else kit.metal(), thick=0.05, inset=0.02)
    if style == "slats":
        for y in np.linspace(-d / 2 + 0.035, d / 2 - 0.035, 5):
            b.box((w, 0.06, 0.025), (0, y, h - 0.03), wood, 0.006)
    else:
        b.box((w, d, 0.035), (0, 0, h - 0.035), wood, 0.007)
    if style == "soft":
        b.soft(
            (w - 0.02, d - 0.01, 0.07), (0, 0, h - 0.005), pick(rng, kit.fabric, kit.leather)(), rng, 0.9, 0.004, n=12
        )
    for y in (-1, 1):
        b.box((w - 0.14, 0.02, 0.06), (0, y * (d / 2 - 0.045), h - 0.09), wood, 0.003)
    if rng.random() < 0.5:
        b.box((w - 0.1, d - 0.06, 0.018), (0, 0, 0.14), wood, 0.004)
    return b.finish("bench")


def backpack(kit, rng):
    """A backpack standing up, with pocket, straps and a handle."""
    b = Builder()
    cloth, dark = kit.fabric(), kit.dark_plastic()
    second = kit.fabric() if rng.random() < 0.4 else cloth
    h = rng.uniform(0.4, 0.5)
    b.soft((0.31, 0.18, h), (0, 0, 0), cloth, rng, 0.95, 0.01, 0.3, n=14)
    b.soft((0.24, 0.09, h * 0.46), (0, -0.095, 0.03), second, rng, 0.9, 0.006, 0.2, n=8)
    b.tube(
        [(-0.12, -0.09, h * 0.62), (-0.08, -0.1, h * 0.82), (0.08, -0.1, h * 0.82), (0.12, -0.09, h * 0.62)],
        0.004,
        dark,
        5,
    )
    a = np.linspace(0, math.pi, 9)
    b.tube(np.stack([0.045 * np.cos(a), a * 0 + 0.04, h - 0.01 + 0.05 * np.sin(a)], axis=1), 0.008, dark, 6)
    for x in (-0.08, 0.08):
        b.tube(
            [(x, 0.07, h - 0.04), (x * 1.2, 0.13, h * 0.75), (x * 1.4, 0.13, h * 0.4), (x * 1.5, 0.07, 0.06)],
            0.016,
            dark,
            6,
        )
    return b.finish("backpack")


def shelf_classroom_desk(kit, rng):
    """A school desk: metal frame, wooden top, a shelf with books below the top."""
    b = Builder()
    w, d, h = pick(rng, 0.65, 0.7, 1.2), 0.5, rng.uniform(0.64, 0.75)
    top, metal = kit.wood(), kit.metal() if rng.random() < 0.5 else kit.painted()
    b.box((w, d, 0.024), (0, 0, h - 0.024), top, 0.007)
    for x in (-1, 1):
        px = x * (w / 2 - 0.06)
        b.tube([(px, -d / 2 + 0.03, 0.02), (px, d / 2 - 0.03, 0.02)], 0.014, metal)
        b.tube([(px, -d / 2 + 0.07, 0.02), (px, -d / 2 + 0.07, h - 0.024)], 0.014, metal)
        b.tube([(px, d / 2 - 0.09, 0.02), (px, d / 2 - 0.09, h - 0.024)], 0.014, metal)
    b.tube([(-w / 2 + 0.06, d / 2 - 0.09, 0.25), (w / 2 - 0.06, d / 2 - 0.09, 0.25)], 0.012, metal)
    b.box((w - 0.12, d - 0.14, 0.008), (0, 0.02, h - 0.15), metal, 0.002)
    b.box((w - 0.12, 0.008, 0.12), (0, d / 2 - 0.07, h - 0.15), metal, 0.002)
    z, pages = h - 0.142, kit.paper((0.78, 0.74, 0.64))
    for _ in range(int(rng.integers(1, 4))):
        book(
            b,
            rng,
            kit.paper(colour(rng)),
            pages,
            (0.17, 0.23, 0.022),
            (rng.uniform(-0.1, 0.1), -0.02, z),
            rng.uniform(-0.2, 0.2),
        )
        z += 0.022
    return b.finish("shelf_classroom_desk")
