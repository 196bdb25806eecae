"""Houses: walls with recessed windows and doors, roofs, chimneys, shops. The front faces -y and stands on y = 0."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from meshing import Builder, rotation


class Facade:
    """An upright wall ``width`` x ``height`` in a builder, from ``at`` (its left foot, seen from outside), turned about z."""

    def __init__(self, builder: Builder, kit, at, turn: float, width: float, height: float) -> None:
        self.builder, self.kit, self.width, self.height = builder, kit, width, height
        self.at, self.turn = np.array([*at, 0.0])[:3], turn
        self.holes: list[tuple[float, float, float, float, str]] = []

    def points(self, corners) -> np.ndarray:
        """(along, outward, up) to the builder's frame."""
        local = np.array([(a, -out, z) for a, out, z in corners], float)
        return local @ rotation((0, 0, self.turn)).T + self.at

    def quad(self, corners, material) -> None:
        """One polygon of (along, outward, up) corners."""
        self.builder.add(self.points(corners), [tuple(range(len(corners)))], material)

    def block(self, a0, a1, out0, out1, z0, z1, material) -> None:
        """A box between two corners."""
        corners = [(a, out, z) for a in (a0, a1) for out in (out0, out1) for z in (z0, z1)]
        faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
        self.builder.add(self.points(corners), faces, material)

    def hole(self, middle: float, low: float, width: float, height: float, kind: str) -> None:
        """Cut an opening: window, door, shop, garage."""
        self.holes.append((middle - width / 2, low, middle + width / 2, low + height, kind))

    def build(self, wall, reveal: float = 0.14) -> None:
        """Wall around the openings, then what is in them."""
        cuts = sorted({0.0, self.width, *(x for h in self.holes for x in (h[0], h[2]))})
        levels = sorted({0.0, self.height, *(z for h in self.holes for z in (h[1], h[3]))})
        for (a0, a1), (z0, z1) in ((a, z) for a in pairwise(cuts) for z in pairwise(levels)):
            middle, level = (a0 + a1) / 2, (z0 + z1) / 2
            if not any(h[0] < middle < h[2] and h[1] < level < h[3] for h in self.holes):
                self.quad([(a0, 0, z0), (a1, 0, z0), (a1, 0, z1), (a0, 0, z1)], wall)
        for a0, z0, a1, z1, kind in self.holes:
            depth = -reveal
            self.quad([(a0, 0, z0), (a0, depth, z0), (a0, depth, z1), (a0, 0, z1)], wall)
            self.quad([(a1, depth, z0), (a1, 0, z0), (a1, 0, z1), (a1, depth, z1)], wall)
            self.quad([(a0, depth, z1), (a1, depth, z1), (a1, 0, z1), (a0, 0, z1)], wall)
            self.quad([(a0, 0, z0), (a1, 0, z0), (a1, depth, z0), (a0, depth, z0)], wall)
            getattr(self, f"_{kind}")(a0, z0, a1, z1, depth)

    def _bars(self, a0, z0, a1, z1, depth, columns, rows, frame, thick=0.06) -> None:
        for a in (a0, *np.linspace(a0, a1 - thick, columns + 1)[1:-1], a1 - thick):
            self.block(a, a + thick, depth, depth + 0.05, z0, z1, frame)
        for z in (z0, *np.linspace(z0, z1 - thick, rows + 1)[1:-1], z1 - thick):
            self.block(a0, a1, depth, depth + 0.045, z, z + thick, frame)

    def _window(self, a0, z0, a1, z1, depth) -> None:
        frame = self.kit.frame()
        self.quad([(a0, depth, z0), (a1, depth, z0), (a1, depth, z1), (a0, depth, z1)], self.kit.glass())
        self._bars(a0, z0, a1, z1, depth, max(1, round((a1 - a0) / 0.6)), 1 if z1 - z0 < 1.0 else 2, frame)
        self.block(a0 - 0.06, a1 + 0.06, -0.02, 0.06, z0 - 0.07, z0, self.trim())

    def _shop(self, a0, z0, a1, z1, depth) -> None:
        frame = self.kit.black()
        self.quad([(a0, depth, z0), (a1, depth, z0), (a1, depth, z1), (a0, depth, z1)], self.kit.glass())
        self._bars(a0, z0, a1, z1, depth, max(1, round((a1 - a0) / 1.4)), 1, frame, 0.08)

    def _door(self, a0, z0, a1, z1, depth) -> None:
        frame = self.kit.frame()
        door = self.kit.door()
        self.quad([(a0, depth, z0), (a1, depth, z0), (a1, depth, z1), (a0, depth, z1)], door)
        self._bars(a0, z0, a1, z1, depth, 1, 1, frame, 0.07)
        middle = (a0 + a1) / 2
        for low, high in ((0.2, 0.85), (1.0, 1.45)):
            self.block(middle - 0.26, middle + 0.26, depth, depth + 0.02, z0 + low, z0 + high, door)
        self.block(
            middle - 0.26, middle + 0.26, depth, depth + 0.02, z0 + 1.55, min(z0 + 1.95, z1 - 0.1), self.kit.glass()
        )
        self.block(a0 - 0.15, a1 + 0.15, 0.0, 0.45, 0.0, max(z0, 0.06), self.kit.concrete())

    def _garage(self, a0, z0, a1, z1, depth) -> None:
        panel = self.kit.frame()
        self.quad([(a0, depth, z0), (a1, depth, z0), (a1, depth, z1), (a0, depth, z1)], panel)
        for z in np.arange(z0 + 0.4, z1 - 0.2, 0.45):
            self.block(a0 + 0.06, a1 - 0.06, depth, depth + 0.03, z, z + 0.38, panel)

    def trim(self):
        """The material of sills and bands."""
        if not hasattr(self, "_trim"):
            self._trim = self.kit.concrete()
        return self._trim


def _walls(builder, kit, width, depth, height):
    """Front, right, back and left wall."""
    return (
        Facade(builder, kit, (-width / 2, 0), 0.0, width, height),
        Facade(builder, kit, (width / 2, 0), math.pi / 2, depth, height),
        Facade(builder, kit, (width / 2, depth), math.pi, width, height),
        Facade(builder, kit, (-width / 2, depth), -math.pi / 2, depth, height),
    )


def gable_roof(builder, kit, wall, width, depth, height, pitch: float, along: bool, roof, over: float = 0.35) -> float:
    """A saddle roof with gables and eaves; ``along``: the ridge runs along x. Returns the ridge's height."""
    span = (depth if along else width) / 2
    rise = span * math.tan(pitch)
    ridge = height + rise
    middle = depth / 2

    def place(u, v, z):  # u across the ridge from its line, v along it from the centre
        return (v, middle + u, z) if along else (u, middle + v, z)

    half = (width if along else depth) / 2
    drop = over * math.tan(pitch)
    thick = 0.16
    for side in (1, -1):
        low, high = height - drop + 0.1, ridge + 0.1
        outline = [
            place(side * (span + over), -half - 0.3, low),
            place(side * (span + over), half + 0.3, low),
            place(0, half + 0.3, high),
            place(0, -half - 0.3, high),
        ]
        top = np.array(outline)
        builder.add(np.concatenate([top, top - [0, 0, thick]]), _SLAB, roof)
        gutter = [
            place(side * (span + over + 0.06), -half - 0.3, low - 0.08),
            place(side * (span + over + 0.06), half + 0.3, low - 0.08),
        ]
        builder.tube(gutter, 0.07, kit.galvanised(), 6)
    for end in (1, -1):
        triangle = [place(-span, end * half, height), place(span, end * half, height), place(0, end * half, ridge)]
        builder.add(np.array(triangle), [(0, 1, 2)], wall)
    return ridge


_SLAB = [(0, 1, 2, 3), (7, 6, 5, 4), (0, 4, 5, 1), (1, 5, 6, 2), (2, 6, 7, 3), (3, 7, 4, 0)]


def hip_roof(builder, kit, width, depth, height, pitch, roof, over: float = 0.45) -> float:
    """A hipped roof; returns the ridge's height."""
    w, d = width / 2 + over, depth / 2 + over
    inset = min(w, d) * 0.999
    rise = inset * math.tan(pitch)
    middle = depth / 2
    low = height - 0.02
    eaves = [(-w, middle - d, low), (w, middle - d, low), (w, middle + d, low), (-w, middle + d, low)]
    if w > d:
        ends = [(-w + inset, middle, low + rise), (w - inset, middle, low + rise)]
        faces = [(0, 1, 5, 4), (1, 2, 5), (2, 3, 4, 5), (3, 0, 4)]
    else:
        ends = [(0, middle - d + inset, low + rise), (0, middle + d - inset, low + rise)]
        faces = [(0, 1, 4), (1, 2, 5, 4), (2, 3, 5), (3, 0, 4, 5)]
    builder.add(np.array(eaves + ends), [*faces, (3, 2, 1, 0)], roof)
    ring = [*eaves, eaves[0]]
    for start, end in pairwise(ring):
        builder.tube([start, end], 0.08, kit.frame(), 6)
    return low + rise


def _chimney(builder, kit, rng, x, y, top, wall) -> None:
    builder.box((0.55, 0.9, 2.2), (x, y, top - 1.4), wall, 0.01)
    for k in (-0.22, 0.22):
        builder.cylinder(0.11, 0.35, (x, y + k, top + 0.8), kit.sign((0.25, 0.08, 0.04)), segments=8)


def house(kit, rng, width: float, depth: float = 9.0, floors: int = 2, detached: bool = True, wall=None):
    """A dwelling house, terraced or detached."""
    builder = Builder()
    wall, roof = wall or kit.wall(), kit.roof()
    base = 0.35
    storey = float(rng.uniform(2.65, 2.95))
    height = base + floors * storey
    front, right, back, left = _walls(builder, kit, width, depth, height)
    columns = max(2, round(width / float(rng.uniform(2.3, 3.2))))
    pitch = width / columns
    door, garage = int(rng.integers(columns)), -1
    if detached and width > 8.5 and rng.random() < 0.45:
        garage = columns - 1 if door < columns / 2 else 0
        door = min(max(door, 1), columns - 2) if columns > 2 else 1 - min(garage, 1)
    wide, tall = float(rng.uniform(0.95, 1.6)), float(rng.uniform(1.2, 1.55))
    for k in range(columns):
        x = (k + 0.5) * pitch
        for floor in range(floors):
            level = base + floor * storey
            if floor == 0 and k == door:
                front.hole(x, 0.2, 1.05, 2.15, "door")
            elif floor == 0 and k == garage:
                front.hole(x, 0.03, min(2.5, pitch - 0.3), 2.2, "garage")
            else:
                front.hole(x, level + 0.85, min(wide, pitch - 0.5), tall, "window")
    for side in (right, left):
        for floor in range(floors):
            for place in (0.3, 0.7) if detached else ():
                if rng.random() < 0.75:
                    side.hole(depth * place, base + floor * storey + 0.9, 1.0, 1.2, "window")
    for facade in (front, right, back, left):
        facade.build(wall)
        if rng.random() < 0.7:
            facade.block(-0.03, facade.width + 0.03, 0.0, 0.04, 0.0, base, front.trim())
    if rng.random() < 0.3:
        front.block(0, width, 0.0, 0.05, base + storey - 0.1, base + storey + 0.08, front.trim())
    x = (door + 0.5) * pitch
    style = rng.random()
    if style < 0.35:  # porch roof
        front.block(x - 0.9, x + 0.9, 0.0, 1.0, 2.5, 2.62, kit.frame())
        for post in (x - 0.85, x + 0.78):
            front.block(post, post + 0.08, 0.88, 0.96, 0.0, 2.5, kit.frame())
    for edge in (0.12, width - 0.2):  # downpipes
        front.block(edge, edge + 0.08, 0.02, 0.1, 0.1, height, kit.galvanised())
    slope = math.radians(float(rng.uniform(32, 46)))
    along = not detached or rng.random() < 0.6
    if detached and rng.random() < 0.3:
        top = hip_roof(builder, kit, width, depth, height, math.radians(float(rng.uniform(24, 35))), roof)
    else:
        top = gable_roof(builder, kit, wall, width, depth, height, slope, along, roof, 0.4 if detached else 0.25)
        if not along:  # a window in the gable that looks at the street
            a = width / 2
            front.block(a - 0.5, a + 0.5, 0.0, 0.02, height + 0.5, height + 1.6, kit.glass())
            front._bars(a - 0.56, height + 0.44, a + 0.56, height + 1.66, 0.0, 2, 1, kit.frame())
        elif rng.random() < 0.55:
            _dormers(builder, kit, rng, wall, roof, width, depth, height, slope)
    if rng.random() < 0.75:
        _chimney(builder, kit, rng, float(rng.uniform(-0.35, 0.35)) * width, depth * 0.5, top, kit.wall())
    return builder.finish("house", "as built")


def _dormers(builder, kit, rng, wall, roof, width, depth, height, slope) -> None:
    """Dormer windows in the front slope."""
    count = max(1, round(width / 5.5))
    for k in range(count):
        x = ((k + 0.5) / count - 0.5) * width
        y = 0.9
        low = height + y * math.tan(slope) - 0.15
        deep = 1.5 / math.tan(slope)
        dormer = Facade(builder, kit, (x - 0.75, y), 0.0, 1.5, 1.5)
        dormer.at[2] = low
        dormer.hole(0.75, 0.25, 1.0, 1.05, "window")
        dormer.build(wall, 0.06)
        for side in (0, 1):
            dormer.quad(
                [(1.5 * side, 0, 0), (1.5 * side, -deep, 1.5), (1.5 * side, 0, 1.5)][:: 1 if side else -1], wall
            )
        builder.box((1.8, deep + 0.5, 0.1), (x, y + deep / 2 - 0.1, low + 1.5), roof, 0.01)


def block(kit, rng, width: float, depth: float = 13.0, floors: int = 4):
    """A town house: shops below, flats above, cornice, flat or mansard roof."""
    builder = Builder()
    wall = kit.wall()
    ground, storey = float(rng.uniform(3.5, 4.3)), float(rng.uniform(2.9, 3.5))
    height = ground + floors * storey
    front, right, back, left = _walls(builder, kit, width, depth, height)
    columns = max(2, round(width / float(rng.uniform(2.2, 3.2))))
    pitch = width / columns
    wide, tall = float(rng.uniform(1.0, min(1.7, pitch - 0.6))), float(rng.uniform(1.5, 2.1))
    shop = rng.random() < 0.7
    door = int(rng.integers(columns))
    for k in range(columns):
        x = (k + 0.5) * pitch
        if k == door:
            front.hole(x, 0.15, 1.2, 2.4, "door")
        elif shop:
            front.hole(x, 0.45, pitch - 0.35, ground - 1.35, "shop")
        else:
            front.hole(x, 1.0, wide, min(tall, ground - 1.6), "window")
        for floor in range(floors):
            front.hole(x, ground + floor * storey + 0.75, wide, tall, "window")
    for facade in (front, right, back, left):
        facade.build(wall, 0.18)
        facade.block(-0.2, facade.width + 0.2, 0.0, 0.3, height - 0.1, height + 0.35, front.trim())
    front.block(0, width, 0.0, 0.12, ground - 0.15, ground + 0.1, front.trim())
    if shop:
        board = kit.signboard()
        start = 0.15
        while start < width - 2.0:
            span = min(float(rng.uniform(3.5, 7.0)), width - start - 0.15)
            front.block(start, start + span, 0.0, 0.14, ground - 0.85, ground - 0.2, board)
            if rng.random() < 0.4:
                cloth = kit.cloth()
                z = ground - 0.9
                front.quad(
                    [(start, 0.02, z), (start, 1.3, z - 0.55), (start + span, 1.3, z - 0.55), (start + span, 0.02, z)][
                        ::-1
                    ],
                    cloth,
                )
                front.quad(
                    [
                        (start, 1.3, z - 0.8),
                        (start + span, 1.3, z - 0.8),
                        (start + span, 1.3, z - 0.55),
                        (start, 1.3, z - 0.55),
                    ],
                    cloth,
                )
            start += span + 0.3
            board = kit.signboard() if rng.random() < 0.8 else board
    if rng.random() < 0.4:
        for k in range(columns):
            for floor in range(1, floors):
                _balcony(front, kit, (k + 0.5) * pitch, ground + floor * storey + 0.55, wide + 0.5)
    elif rng.random() < 0.6:
        for floor in range(floors):
            level = ground + floor * storey + 0.75
            for k in range(columns):  # window heads
                x = (k + 0.5) * pitch
                front.block(
                    x - wide / 2 - 0.12, x + wide / 2 + 0.12, 0.0, 0.09, level + tall, level + tall + 0.18, front.trim()
                )
    for edge in (0.15, width - 0.25):
        front.block(edge, edge + 0.1, 0.02, 0.12, 0.1, height, kit.galvanised())
    if rng.random() < 0.55:
        gable_roof(
            builder,
            kit,
            wall,
            width,
            depth,
            height + 0.3,
            math.radians(float(rng.uniform(30, 42))),
            True,
            kit.roof(),
            0.15,
        )
    else:
        flat = kit.concrete()
        builder.add(
            np.array(
                [
                    (-width / 2, 0, height),
                    (width / 2, 0, height),
                    (width / 2, depth, height),
                    (-width / 2, depth, height),
                ]
            ),
            [(0, 1, 2, 3)],
            flat,
        )
        builder.box((2.5, 3.0, 2.2), (float(rng.uniform(-0.25, 0.25)) * width, depth * 0.55, height), flat, 0.02)
    return builder.finish("block", "as built")


def _balcony(front: Facade, kit, x: float, z: float, width: float) -> None:
    iron = kit.pole_paint()
    front.block(x - width / 2, x + width / 2, 0.0, 0.7, z, z + 0.12, front.trim())
    front.block(x - width / 2, x + width / 2, 0.64, 0.69, z + 1.0, z + 1.05, iron)
    for a in np.arange(x - width / 2, x + width / 2, 0.16):
        front.block(a, a + 0.025, 0.65, 0.68, z, z + 1.0, iron)


def barn(kit, rng):
    """A farm building with a big gate."""
    builder = Builder()
    wall = kit.boards() if rng.random() < 0.6 else kit.brick_wall()
    width, depth, height = float(rng.uniform(14, 22)), float(rng.uniform(9, 12)), float(rng.uniform(3.8, 5.0))
    front, right, back, left = _walls(builder, kit, width, depth, height)
    front.hole(width * 0.35, 0.03, 3.6, height - 0.8, "garage")
    for a in (0.65, 0.85):
        front.hole(width * a, 1.6, 1.2, 0.8, "window")
    for facade in (front, right, back, left):
        facade.build(wall)
    gable_roof(builder, kit, wall, width, depth, height, math.radians(36), True, kit.roof(), 0.5)
    return builder.finish("barn", "as built")


def hall(kit, rng, width: float, depth: float = 24.0):
    """A warehouse or office behind a highway."""
    builder = Builder()
    height = float(rng.uniform(7, 13))
    wall = kit.stucco(tuple(float(c) for c in rng.uniform(0.3, 0.7, 3) * [1, 1, 1.03]))
    facades = _walls(builder, kit, width, depth, height)
    for facade in facades:
        for level in np.arange(1.2, height - 2.0, 3.3):
            facade.hole(facade.width / 2, level, facade.width - 1.5, 1.5, "shop")
        facade.build(wall)
    builder.add(
        np.array(
            [(-width / 2, 0, height), (width / 2, 0, height), (width / 2, depth, height), (-width / 2, depth, height)]
        ),
        [(0, 1, 2, 3)],
        kit.concrete(),
    )
    return builder.finish("hall", "as built")
