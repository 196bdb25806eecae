"""A street while it is being built: its course, where things are put along it, who drives, the camera's way through it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import bpy
import numpy as np
import street_cars
import street_furniture as things
import street_plants as plants
from camera import View
from materials_street import StreetKit
from meshing import Builder
from street_ground import KERB, Path, collect, crossing, dashes, manhole, stripe, sweep

BACK, FAR = -40.0, 330.0  # metres of street built behind and ahead of the first view
CAMERA = 1.65  # metres above the road, as on KITTI's car


@dataclass
class Mover:
    """A vehicle under way: at ``s`` when the drive begins, ``speed`` in m/s along s (negative: oncoming), at ``t``."""

    obj: bpy.types.Object
    s: float
    t: float
    speed: float


@dataclass
class Street:
    """A street while it is being built, and afterwards what is needed to drive through it."""

    kind: str
    kit: StreetKit
    rng: np.random.Generator
    path: Path
    half: float  # of the carriageway
    lane: float  # the camera's t
    speed: float  # metres a second; views are a second apart, more or less
    movers: list[Mover] = field(default_factory=list)
    meshes: dict[str, list] = field(default_factory=dict)
    land: object = None

    # Random numbers and places ----------------------------------------------------------------------------------------

    def uniform(self, low: float, high: float) -> float:
        """A float between low and high."""
        return float(self.rng.uniform(low, high))

    def chance(self, probability: float) -> bool:
        """True with a probability."""
        return bool(self.rng.random() < probability)

    def stand(self, obj, s: float, t: float, turn: float = 0.0, z: float = 0.0):
        """Move an object to (s, t), turned with the road and by ``turn``."""
        x, y = self.path.at(s, t)
        obj.location, obj.rotation_euler = (float(x), float(y), z), (0.0, 0.0, float(self.path.turn(s)) + turn)
        return obj

    def pool(self, name: str, build, most: int):
        """An instance of one of up to ``most`` objects called ``name``; each is built when first drawn."""
        made = self.meshes.setdefault(name, [])
        index = int(self.rng.integers(most))
        if index >= len(made):
            made.append(build())
            result = made[-1]
            return result if isinstance(result, bpy.types.Object) else plants.instance(result, 0, 0)
        mesh = made[index].data if isinstance(made[index], bpy.types.Object) else made[index]
        return plants.instance(mesh, 0, 0)

    def near(self, name: str, build, most: int, s: float, t: float, turn=0.0, z=0.0, scale=1.0):
        """Draw from a pool and put it at a place."""
        obj = self.stand(self.pool(name, build, most), s, t, turn, z)
        obj.scale = (scale,) * 3
        return obj

    # Things -----------------------------------------------------------------------------------------------------------

    def tree(self, s: float, t: float, z: float = 0.0, scale: float | None = None, conifer: float = 0.15):
        """A tree of the scene's few kinds."""
        kit, rng = self.kit, self.rng
        scale = scale or self.uniform(0.7, 1.25)
        if self.chance(conifer):
            leaves = self.meshes.setdefault("needles", [kit.leaves(self.uniform(0.3, 0.38), self.uniform(0.06, 0.11))])[
                0
            ]
            return self.near(
                "conifer", lambda: plants.conifer(kit, rng, 9.0, leaves), 2, s, t, self.uniform(0, 6.28), z, scale
            )
        shades = self.meshes.setdefault(
            "shades", [kit.leaves(self.uniform(0.2, 0.3), self.uniform(0.12, 0.24)) for _ in range(3)]
        )
        leaves = shades[int(rng.integers(3))]
        return self.near(
            "broadleaf", lambda: plants.broadleaf(kit, rng, 9.0, leaves), 5, s, t, self.uniform(0, 6.28), z, scale
        )

    def shade(self):
        """Leaves of hedges and bushes."""
        return self.meshes.setdefault(
            "hedge leaves", [self.kit.leaves(self.uniform(0.23, 0.31), self.uniform(0.09, 0.16))]
        )[0]

    def bush(self, s: float, t: float, z: float = KERB, scale: float | None = None):
        """A shrub."""
        leaves = self.shade()
        return self.near(
            "bush",
            lambda: plants.bush(self.rng, leaves),
            3,
            s,
            t,
            self.uniform(0, 6.28),
            z,
            scale or self.uniform(0.6, 1.5),
        )

    def car(self, s: float, t: float, turn: float = 0.0):
        """A standing car."""
        return self.near("car", lambda: street_cars.car(self.kit, self.rng), 11, s, t, turn)

    def park(self, side: int, density: float, t: float, start: float = -12.0, end: float = 150.0) -> None:
        """Cars along the kerb."""
        s = start + self.uniform(0, 5)
        while s < end:
            if self.chance(density):
                away = self.chance(0.9) == (side < 0)
                self.car(s, side * (t + float(self.rng.normal(0, 0.06))), 0.0 if away else math.pi)
            s += self.uniform(5.4, 6.6)

    def drive(self, s: float, t: float, speed: float, kind: str = "car") -> None:
        """A vehicle under way."""
        build = {
            "car": lambda: street_cars.car(self.kit, self.rng),
            "lorry": lambda: street_cars.lorry(self.kit, self.rng),
            "bus": lambda: street_cars.lorry(self.kit, self.rng, True),
        }[kind]
        self.movers.append(Mover(self.pool(kind, build, 11 if kind == "car" else 3), s, t, speed))

    def walk(self, side: int, t0: float, t1: float, count: int) -> None:
        """People on the pavement."""
        for _ in range(count):
            turn = math.pi * self.chance(0.5) + float(self.rng.normal(0, 0.15))
            s, t, tall = self.uniform(6, 75), side * self.uniform(t0, t1), self.uniform(0.92, 1.06)
            self.near("person", lambda: things.person(self.kit, self.rng), 6, s, t, turn, KERB, tall)

    # Ground -----------------------------------------------------------------------------------------------------------

    def pavements(self, width: float, verge: float = 0.0) -> float:
        """Kerbs, verges and pavements on both sides; returns the distance of their outer edge."""
        kerb, slabs, grass = self.kit.kerb(), self.kit.paving(), self.meshes.setdefault("grass", [self.kit.grass()])[0]
        for side in (1, -1):
            at = [self.half, self.half + 0.15, self.half + 0.15 + verge, self.half + 0.15 + verge + width]
            order = slice(None, None, -side)  # lines run from left to right
            sweep(
                self.path,
                "kerb",
                [(side * at[0], -0.01), (side * at[0], KERB), (side * at[1], KERB)][order],
                kerb,
                BACK,
                FAR,
            )
            if verge:
                sweep(
                    self.path,
                    "verge",
                    [(side * at[1], KERB - 0.01), (side * at[2], KERB - 0.01)][order],
                    grass,
                    BACK,
                    FAR,
                )
            sweep(self.path, "pavement", [(side * at[2], KERB), (side * at[3], KERB)][order], slabs, BACK, FAR)
        return at[3]

    def gardens(self, inner: float, outer: float) -> None:
        """Grass from the pavement to well behind the houses."""
        grass = self.meshes.setdefault("grass", [self.kit.grass()])[0]
        for side in (1, -1):
            line = [(side * inner, KERB - 0.004), (side * outer, KERB - 0.004), (side * (outer + 6), -0.1)]
            sweep(self.path, "garden", line[::-side], grass, BACK, FAR)

    def road(self) -> None:
        """The carriageway."""
        line = [(self.half, 0.0), (0.0, 0.0), (-self.half, 0.0)]
        sweep(self.path, "road", line, self.kit.asphalt(), BACK - 30, FAR + 250)

    def paint(self, centre: str, edges: bool) -> None:
        """Markings: ``centre`` is dashes, solid or none."""
        builder, white = Builder(), self.kit.road_paint()
        if centre == "dashes":
            on, off = [(3.0, 6.0), (4.0, 8.0), (2.0, 4.0)][int(self.rng.integers(3))]
            dashes(self.path, builder, BACK, FAR, 0.0, white, on, off)
        elif centre == "solid":
            stripe(self.path, builder, BACK, FAR, 0.0, 0.13, white)
        if edges:
            for t in (self.half - 0.3, 0.3 - self.half):
                stripe(self.path, builder, BACK, FAR, t, 0.13, white)
        if self.kind == "city" or (self.kind == "residential" and self.chance(0.25)):
            crossing(self.path, builder, self.uniform(14, 50), self.half, white)
        if self.kind not in ("country", "highway"):
            for _ in range(6):
                manhole(self.path, builder, self.uniform(4, 90), self.uniform(-0.6, 0.6) * self.half, self.kit.black())
        collect("markings", builder)

    def lamps(self, distance: float, step: float, both: bool, height: float) -> None:
        """Street lamps; the arm reaches over the road."""
        start = self.uniform(4, step)
        for side in (1, -1):
            s = start + (0 if side > 0 else step / 2)
            while s < FAR - 30 and (both or side > 0):
                turn = math.pi if side > 0 else 0.0
                self.near("lamp", lambda: things.lamp(self.kit, self.rng, height), 1, s, side * distance, turn, KERB)
                s += step

    def wood(self, count: int, near: float, far: float, spread: float = 420.0) -> None:
        """Trees on the land beyond."""
        for _ in range(count):
            s, t = self.uniform(-20, spread), self.uniform(near, far) * (1 if self.chance(0.5) else -1)
            x, y = self.path.at(s, t)
            if float(self.path.distance(np.array([x]), np.array([y]))[0]) < near * 0.95:
                continue
            z = float(self.land(np.array([x]), np.array([y]))[0])
            self.tree(s, t, z - 0.15, self.uniform(0.6, 1.4) * (1.0 if abs(t) < 120 else 1.3))

    # The drive --------------------------------------------------------------------------------------------------------

    def views(self, count: int) -> list[View]:
        """Camera poses a drive apart, with the small pitch and roll of a car on its springs."""
        s, views = 0.0, []
        for _ in range(count):
            x, y = self.path.at(s, self.lane + float(self.rng.normal(0, 0.08)))
            yaw = math.degrees(float(self.path.turn(s + 2.0))) + float(self.rng.normal(0, 0.5))
            pitch, roll = -0.9 + float(self.rng.normal(0, 0.45)), float(self.rng.normal(0, 0.5))
            z = CAMERA + float(self.rng.normal(0, 0.012))
            views.append(View(*(round(float(v), 4) for v in (x, y, z, yaw, pitch, roll))))
            s += self.speed * self.uniform(0.85, 1.15)
        return views

    def advance(self, number: int) -> None:
        """Put every vehicle where it is at the time of view ``number``."""
        for mover in self.movers:
            s = mover.s + mover.speed * number
            self.stand(mover.obj, s, mover.t, 0.0 if mover.speed >= 0 else math.pi)
