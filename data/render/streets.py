"""The layouts of the five kinds of street: the width of the road, what stands along it, what drives on it."""

from __future__ import annotations

import math
from functools import partial

import bpy
import numpy as np
import street_furniture as things
import street_houses as houses
import street_plants as plants
from materials_street import StreetKit
from meshing import Builder
from street import BACK, FAR, Street
from street_ground import KERB, Path, collect, dashes, hills, stripe, sweep


def _bends(rng, strong: float):
    """A straight first stretch, then an arc or two."""
    if rng.random() < 0.35:
        return [(float(rng.uniform(60, 140)), 0.0), (90.0, float(rng.choice([-1, 1])) * strong * 0.4)]
    sign = float(rng.choice([-1, 1]))
    first = float(rng.uniform(20, 70))
    return [
        (first, 0.0),
        (float(rng.uniform(50, 90)), sign * strong * float(rng.uniform(0.3, 1.0))),
        (80.0, -0.4 * sign * strong),
    ]


def _row(
    street: Street, side: int, build, most: int, front: float, gap, end: float, start: float = -35.0, skip: float = 0.0
):
    """Houses in a row along a side, from a pool of ``most``; returns the plots (start, end, whether built)."""
    s, plots, last = start + street.uniform(0, 4), [], None
    while s < end:
        if skip and street.chance(skip) and plots and plots[-1][2]:
            width = street.uniform(9, 14)
            plots.append((s, s + width, False))
            s += width
            continue
        for _ in range(4):
            obj = street.pool(f"house{side if most > 9 else 0}", build, most)
            if obj.data != last:
                break
            bpy.data.objects.remove(obj)
        last = obj.data
        width = float(obj["width"]) if "width" in obj else float(obj.data["width"])
        street.stand(obj, s + width / 2, side * front, 0.0 if side > 0 else math.pi, KERB - 0.01)
        plots.append((s, s + width, True))
        s += width + gap()
    return plots


def _dwelling(street: Street, low: float, high: float, **options):
    """A builder of houses that remembers their width."""

    def build():
        width = street.uniform(low, high)
        maker = options.get("maker", houses.house)
        floors = int(street.rng.integers(*options.get("floors", (2, 3))))
        more = {k: v for k, v in options.items() if k not in ("maker", "floors")}
        obj = maker(street.kit, street.rng, width, floors=floors, **more)
        obj.data["width"] = width
        return obj

    return build


def _boundary(street: Street, side: int, at: float, plots, kinds) -> None:
    """A hedge, wall or fence along each plot's front, with an opening."""
    for start, end, built in plots:
        if not built or street.chance(0.15) or end > 190 or end - start < 4:
            continue
        kind = kinds[int(street.rng.integers(len(kinds)))]
        gate = street.uniform(1.0, 2.8)
        length = (end - start - gate) * 0.98
        if kind == "hedge":
            name, leaves = f"hedge{round(length)}", street.shade()
            height = street.uniform(0.8, 1.7)
            build = partial(plants.hedge, street.rng, leaves, round(length), height)
        else:
            name = f"{kind}{round(length)}"
            build = partial(things.fence, street.kit, street.rng, round(length), kind)
        street.near(name, build, 2, start + length / 2 + (gate if street.chance(0.5) else 0), side * at, 0.0, KERB)


def residential(street: Street) -> None:
    """Terraces or pairs of houses close to the road, parked cars."""
    edge = street.pavements(street.uniform(1.5, 2.2))
    street.paint("none" if street.chance(0.5) else "dashes", False)
    garden = street.uniform(1.6, 4.5)
    street.gardens(edge, edge + garden + 26)
    detached = street.chance(0.4)
    build = _dwelling(
        street, *((6.5, 10.5) if detached else (5.5, 8.5)), detached=detached, floors=(2, 4) if not detached else (1, 3)
    )
    for side in (1, -1):
        gap = (lambda: street.uniform(2.0, 4.5)) if detached else (lambda: 0.0 if street.chance(0.8) else 2.5)
        plots = _row(street, side, build, 9, edge + garden, gap, 210.0, skip=0.06)
        if garden > 1.5:
            _boundary(street, side, edge + 0.2, plots, ["hedge", "wall", "pickets", "iron", "wall", "hedge"])
        for start, end, built in plots:
            if end < 150 and built and street.chance(0.6) and garden > 2:
                street.bush(street.uniform(start, end), side * (edge + street.uniform(0.9, garden - 0.5)))
            if end < 80 and street.chance(0.25):
                street.near(
                    "bin", lambda: things.bin_(street.kit, street.rng), 3, start + 1.0, side * (edge - 0.4), 0.0, KERB
                )
            if not built or street.chance(0.25):
                street.tree(
                    (start + end) / 2, side * (edge + garden + street.uniform(0.5 if not built else 13, 20)), KERB
                )
        street.park(side, street.uniform(0.25, 0.8), street.half - 1.02)
        if street.chance(0.4):
            for s in np.arange(street.uniform(5, 20), 180, street.uniform(14, 26)):
                street.tree(float(s), side * (street.half + 0.7), KERB, street.uniform(0.55, 0.8), 0.0)
    street.lamps(street.half + 0.45, street.uniform(26, 36), False, 5.5)
    for _ in range(3):
        side = 1 if street.chance(0.4) else -1
        street.near(
            "sign",
            lambda: things.sign(street.kit, street.rng),
            3,
            street.uniform(10, 60),
            side * (street.half + 0.5),
            0.0,
            KERB,
        )
    street.walk(-1, street.half + 0.7, edge - 0.3, 2)
    street.walk(1, street.half + 0.7, edge - 0.3, 2)
    if street.chance(0.6):
        street.drive(street.uniform(13, 32), street.lane, street.speed * street.uniform(0.9, 1.1))
    street.drive(street.uniform(35, 110), -street.lane + 0.2, -street.speed)
    street.wood(90, 48, 160)


def city(street: Street) -> None:
    """Town houses wall to wall, shops, wide pavements, traffic."""
    width = street.uniform(2.8, 4.2)
    edge = street.pavements(width)
    street.paint("dashes" if street.chance(0.6) else "solid", False)
    slabs = street.kit.paving()
    for side in (1, -1):
        sweep(
            street.path,
            "court",
            [(side * edge, KERB - 0.004), (side * (edge + 40), KERB - 0.004), (side * (edge + 46), -0.1)][::-side],
            slabs,
            BACK,
            FAR,
        )
    build = _dwelling(street, 10.0, 21.0, maker=houses.block, floors=(2, 6))
    trees = street.chance(0.5)
    for side in (1, -1):
        _row(
            street,
            side,
            build,
            8,
            edge,
            lambda: 0.0 if street.chance(0.85) else street.uniform(1.5, 4),
            240.0,
            skip=0.1,
        )
        street.park(side, street.uniform(0.3, 0.85), street.half - 1.05)
        if trees:
            for s in np.arange(street.uniform(5, 14), 190, street.uniform(10, 18)):
                street.tree(float(s), side * (street.half + 0.9), KERB, street.uniform(0.6, 0.85), 0.0)
        street.walk(side, street.half + 1.3, edge - 0.5, int(street.rng.integers(3, 8)))
        if street.chance(0.5):
            for s in np.arange(3, 60, 2.5):
                street.near(
                    "bollard",
                    lambda: things.bollard(street.kit, street.rng),
                    1,
                    float(s),
                    side * (street.half + 0.4),
                    0.0,
                    KERB,
                )
        for _ in range(2):
            street.near(
                "sign",
                lambda: things.sign(street.kit, street.rng),
                4,
                street.uniform(8, 70),
                side * (street.half + 0.5),
                0.0,
                KERB,
            )
        street.near(
            "cabinet",
            lambda: things.cabinet(street.kit, street.rng),
            2,
            street.uniform(10, 50),
            side * (edge - 0.4),
            0.0,
            KERB,
        )
    s = street.uniform(18, 60)
    for side in (1, -1):
        street.near(
            "lights", lambda: things.lights(street.kit, street.rng), 1, s, side * (street.half + 0.4), 0.0, KERB
        )
    street.lamps(street.half + 0.5, street.uniform(24, 32), True, 8.0)
    street.drive(street.uniform(11, 28), street.lane, street.speed * street.uniform(0.9, 1.15))
    street.drive(street.uniform(40, 60), street.lane, street.speed, "bus" if street.chance(0.4) else "car")
    for s in np.cumsum(street.rng.uniform(14, 45, 4)):
        street.drive(10 + float(s), -street.lane, -street.speed, "bus" if street.chance(0.15) else "car")
    street.wood(40, 75, 220)


def suburb(street: Street) -> None:
    """Detached houses far back, lawns, hedges, many trees."""
    verge = street.uniform(1.2, 2.6) if street.chance(0.7) else 0.0
    edge = street.pavements(street.uniform(1.3, 1.8), verge)
    street.paint("dashes" if street.chance(0.5) else "none", False)
    garden = street.uniform(5.0, 10.0)
    street.gardens(edge, edge + garden + 40)
    build = _dwelling(street, 8.5, 13.5, detached=True, floors=(1, 3))
    for side in (1, -1):
        plots = _row(street, side, build, 8, edge + garden, lambda: street.uniform(4, 9), 200.0)
        _boundary(street, side, edge + 0.4, plots, ["hedge", "hedge", "pickets", "boards", "wall", "rails"])
        for start, end, _ in plots:
            if street.chance(0.5) and end < 140:  # a drive with a car
                drive = street.kit._pick("drive", street.kit.gravel, 2)
                sweep_across(street, side, end + 1.0, edge, edge + garden + 2, 2.8, drive)
                street.car(end + 1.0, side * (edge + street.uniform(3.2, garden + 0.5)), side * math.pi / 2)
            for _ in range(int(street.rng.integers(1, 5))):
                street.bush(street.uniform(start, end + 3), side * (edge + street.uniform(1.2, garden - 0.8)))
            if street.chance(0.6):
                street.tree(
                    street.uniform(start, end),
                    side * (edge + garden * street.uniform(0.4, 0.7)),
                    KERB,
                    street.uniform(0.5, 0.9),
                )
            for _ in range(3):
                street.tree(street.uniform(start, end + 5), side * (edge + garden + street.uniform(15, 36)), KERB)
        if verge:
            for s in np.arange(street.uniform(2, 14), 190, street.uniform(9, 16)):
                street.tree(float(s), side * (street.half + 0.15 + verge / 2), KERB, street.uniform(0.75, 1.1), 0.0)
        street.park(side, street.uniform(0.05, 0.25), street.half - 0.98)
        street.walk(side, street.half + 0.3 + verge, edge - 0.3, 1)
    street.lamps(street.half + 0.4, street.uniform(30, 40), False, 6.0)
    for _ in range(2):
        street.near(
            "sign", lambda: things.sign(street.kit, street.rng), 2, street.uniform(8, 60), -street.half - 0.5, 0.0, KERB
        )
    if street.chance(0.5):
        street.drive(street.uniform(16, 40), street.lane, street.speed)
    street.drive(street.uniform(40, 120), -street.lane, -street.speed)
    street.wood(140, 62, 190)


def sweep_across(street: Street, side: int, s: float, near: float, far: float, width: float, material) -> None:
    """A drive from the pavement to a house."""
    builder = Builder()
    corners = [
        street.path.at(s + a, side * t)
        for a, t in ((-width / 2, near), (width / 2, near), (width / 2, far), (-width / 2, far))
    ]
    builder.add(np.array([(float(x), float(y), KERB + 0.005) for x, y in corners]), [(0, 1, 2, 3)[::side]], material)
    obj = builder.finish("drive", "as built")
    layer = obj.data.uv_layers.new(name="UVMap")
    layer.data.foreach_set("uv", [c for v in obj.data.vertices for c in v.co[:2]][: 2 * len(layer.data)])


def country(street: Street) -> None:
    """A road between fields, with hedgerows, wires and the odd farm."""
    kit, rng = street.kit, street.rng
    street.paint("dashes" if street.chance(0.8) else "solid", street.chance(0.8))
    grass = street.meshes.setdefault("grass", [kit.grass()])[0]
    blades = kit.leaves(street.uniform(0.17, 0.24), street.uniform(0.2, 0.32))
    fields = [kit.field() for _ in range(3)]
    for side in (1, -1):
        a = street.half
        verge = [
            (side * a, 0.0),
            (side * (a + 1.4), -0.03),
            (side * (a + 2.4), -0.2),
            (side * (a + 3.6), 0.1),
            (side * (a + 5), 0.2),
        ]
        sweep(street.path, "verge", verge[::-side], grass, BACK, FAR)
        s = BACK
        while s < FAR:  # field after field
            length = street.uniform(70, 190)
            line = [(side * (a + 5), 0.2), (side * (a + 60), 0.6), (side * (a + 64), -1.2)]
            sweep(street.path, "field", line[::-side], fields[int(rng.integers(3))], s, min(s + length, FAR), 8.0)
            s += length
        for s in np.arange(1.0, 90.0, 3.0):
            for t in (0.75, 2.5, 4.2):
                mesh = partial(plants.tufts, rng, blades, 3.2, 1.4, 1500, 0.26 if t > 3 else 0.15)
                street.near(f"tufts{t}", mesh, 2, float(s), side * (a + t), 0.0, {0.75: -0.02, 2.5: -0.2, 4.2: 0.15}[t])
        style = rng.random()
        if style < 0.4:
            for s in np.arange(street.uniform(-10, 10), 200, street.uniform(6, 18)):
                street.tree(float(s) + street.uniform(-2, 2), side * (a + street.uniform(5, 7)), 0.1, None, 0.05)
        elif style < 0.7:
            for s in np.arange(-15, 180, 2.0):
                if street.chance(0.85):
                    street.bush(float(s), side * (a + 5.2 + street.uniform(-0.3, 0.3)), 0.1, street.uniform(1.2, 2.2))
        elif style < 0.85:
            for s in np.arange(-10, 150, 11.0):
                street.near(
                    "rails", lambda: things.fence(kit, rng, 11.0, "rails"), 1, float(s), side * (a + 4.6), 0.0, 0.15
                )
        for s in np.arange(street.uniform(0, 25), 250, 25.0):
            street.near("delineator", lambda: things.delineator(kit, rng), 1, float(s), side * (a + 0.6))
    wire = street.chance(0.6)
    if wire:
        things.wires(kit, street.path, -20, 300, float(rng.choice([-1, 1])) * (street.half + street.uniform(5, 12)))
    for _ in range(int(rng.integers(1, 4))):  # farms
        side, s, t = (1 if street.chance(0.5) else -1), street.uniform(35, 170), street.uniform(22, 55)
        street.near(
            "barn",
            lambda: houses.barn(kit, rng),
            2,
            s,
            side * t,
            street.uniform(-0.4, 0.4) + (0 if side > 0 else math.pi),
            0.2,
        )
        farm = street.pool("farm", lambda: houses.house(kit, rng, 11.0), 1)
        street.stand(farm, s + 24, side * (t - 4), 0.0 if side > 0 else math.pi, 0.2)
        for _ in range(5):
            street.tree(s + street.uniform(-20, 40), side * (t + street.uniform(13, 25)), 0.2)
    street.near("sign", lambda: things.sign(kit, rng), 2, street.uniform(12, 60), -street.half - 1.2)
    if street.chance(0.5):
        street.drive(street.uniform(25, 60), street.lane, street.speed)
    for _ in range(2):
        street.drive(street.uniform(45, 220), -street.lane, -street.speed, "lorry" if street.chance(0.25) else "car")
    street.wood(330, 66, 420, 600.0)


def highway(street: Street) -> None:
    """Two carriageways with guard rails, lorries, gantries, bridges, trees on the banks."""
    kit, rng, path = street.kit, street.rng, street.path
    lanes = (street.half - 1.6 - 2.8) / 3.6
    builder, white = Builder(), kit.road_paint()
    for side in (1, -1):
        stripe(path, builder, BACK, FAR + 100, side * 1.9, 0.18, white)
        stripe(path, builder, BACK, FAR + 100, side * (1.9 + 3.6 * round(lanes)), 0.2, white)
        for k in range(1, round(lanes)):
            dashes(path, builder, BACK, FAR, side * (1.9 + 3.6 * k), white, 6.0, 12.0, 0.15)
    collect("markings", builder)
    grass = street.meshes.setdefault("grass", [kit.grass()])[0]
    barrier = street.chance(0.4)
    if barrier:
        line = [
            (0.32, 0.0),
            (0.26, 0.08),
            (0.12, 0.35),
            (0.09, 0.85),
            (-0.09, 0.85),
            (-0.12, 0.35),
            (-0.26, 0.08),
            (-0.32, 0.0),
        ]
        sweep(path, "barrier", line, kit.concrete(), BACK, FAR)
    else:
        sweep(path, "median", [(0.95, 0.02), (0.0, 0.06), (-0.95, 0.02)], grass, BACK, FAR)
        for t in (0.7, -0.7):
            things.guard_rail(kit, path, BACK, 260.0, t)
        if street.chance(0.6):
            for s in np.arange(2, 200, 2.6):
                street.bush(float(s), 0.0, 0.0, street.uniform(0.5, 0.75))
    for side in (1, -1):
        a, bank = street.half, street.uniform(-1.5, 4.0)
        line = [
            (side * a, 0.0),
            (side * (a + 2.5), -0.15),
            (side * (a + 12), bank),
            (side * (a + 45), bank + 0.5),
            (side * (a + 50), -3.0),
        ]
        sweep(path, "bank", line[::-side], grass, BACK, FAR, 6.0)
        things.guard_rail(kit, path, BACK, 260.0, side * (a + 0.5))
        if street.chance(0.3):
            wall = [
                (side * (a + 2.2), -0.2),
                (side * (a + 2.2), 4.0),
                (side * (a + 2.4), 4.0),
                (side * (a + 2.4), -0.2),
            ]
            sweep(
                path,
                "screen",
                wall[::side],
                kit.boards((0.2, 0.24, 0.2)) if street.chance(0.5) else kit.concrete(),
                10.0,
                230.0,
            )
        for _ in range(90):
            d = street.uniform(8, 42)
            street.tree(street.uniform(-20, 300), side * (a + d), bank * min(1.0, (d - 2.5) / 9.5) - 0.1)
        for _ in range(60):
            street.bush(
                street.uniform(0, 160), side * (a + street.uniform(4, 9)), max(bank, 0) * 0.3, street.uniform(0.8, 2.0)
            )
        if street.chance(0.6):
            for s in np.arange(street.uniform(0, 40), 280, street.uniform(45, 80)):
                width = street.uniform(28, 45)
                obj = street.pool("hall", lambda w=width: houses.hall(kit, rng, w), 3)
                street.stand(obj, float(s), side * (a + 46), 0.0 if side > 0 else math.pi, bank)
    if street.chance(0.75):
        street.stand(things.gantry(kit, rng, street.half + 1.4), street.uniform(35, 110), 0.0)
    if street.chance(0.6):
        street.stand(things.bridge(kit, rng, street.half + 2.5), street.uniform(120, 210), 0.0)
    for k in range(round(lanes)):
        t = 1.9 + 3.6 * (k + 0.5)
        for direction in (1, -1):
            s = street.uniform(14, 45) if direction > 0 else street.uniform(10, 60)
            while s < 240:
                heavy = street.chance(0.45 if k == round(lanes) - 1 else 0.03)
                own = direction > 0 and abs(t + street.lane) < 1
                if s > 12 or not own:
                    street.drive(
                        s,
                        -direction * t,
                        direction * street.speed * (1.0 if own else street.uniform(0.95, 1.1)),
                        "lorry" if heavy else "car",
                    )
                s += street.uniform(22, 75)
    street.wood(240, 75, 420, 600.0)


LAYOUTS = {"residential": residential, "city": city, "suburb": suburb, "country": country, "highway": highway}


def build(kind: str, rng: np.random.Generator) -> Street:
    """Build a street of a type in the current scene."""
    kit = StreetKit(rng)
    lanes = int(rng.integers(2, 4))
    half = {
        "residential": float(rng.uniform(4.2, 4.9)),
        "city": float(rng.uniform(5.4, 6.9)),
        "suburb": float(rng.uniform(3.9, 4.5)),
        "country": float(rng.uniform(2.9, 3.5)),
        "highway": 1.6 + 2.8 + 3.6 * lanes,
    }[kind]
    bend = {"residential": 1 / 90, "city": 1 / 260, "suburb": 1 / 90, "country": 1 / 130, "highway": 1 / 600}[kind]
    lane = {"residential": -0.95, "city": -1.75, "suburb": -1.0, "country": -half * 0.5}.get(kind)
    if lane is None:
        lane = -(1.9 + 3.6 * (int(rng.integers(lanes)) + 0.5))
    speed = {"residential": 6.0, "city": 6.5, "suburb": 7.0, "country": 11.0, "highway": 15.0}[kind] * float(
        rng.uniform(0.85, 1.2)
    )
    street = Street(kind, kit, rng, Path(_bends(rng, bend)), half, lane, speed)
    flat = {"residential": 42.0, "city": 62.0, "suburb": 55.0, "country": 62.0, "highway": 66.0}[kind]
    height = {"residential": 35.0, "city": 25.0, "suburb": 40.0, "country": 70.0, "highway": 60.0}[kind] * float(
        rng.uniform(0.3, 1.4)
    )
    street.land = hills(street.path, rng, kit.woodland(), flat, height)
    street.road()
    LAYOUTS[kind](street)
    return street
