"""A room of a type: its size, openings, surfaces, lamps; what stands in it is up to the layouts.

``build(kind, rng)`` makes an empty Blender scene into a furnished, lit room and returns its :class:`placing.Room`.
"""

from __future__ import annotations

from dataclasses import dataclass

import layouts_living as living
import layouts_public as public
import layouts_service as service
import numpy as np
from materials import Kit, hsv
from placing import Room
from shell import OPPOSITE, E, N, Opening, S, Shell, W, outdoors


@dataclass(frozen=True)
class Style:
    """Ranges of a room type: sizes in metres (shorter and longer side, height), surfaces, windows, lamps."""

    short: tuple[float, float]
    long: tuple[float, float]
    height: tuple[float, float]
    floors: tuple[str, ...]
    windows: tuple[int, int]
    lamps: tuple[str, ...]
    wallpaper: float = 0.2


STYLES = {
    "bedroom": Style(
        (2.7, 4.4), (3.2, 5.4), (2.4, 2.8), ("wood_floor", "carpet", "carpet"), (1, 2), ("pendant", "disc"), 0.35
    ),
    "living_room": Style(
        (3.5, 5.8),
        (4.4, 8.6),
        (2.4, 3.0),
        ("wood_floor", "wood_floor", "carpet"),
        (1, 3),
        ("pendant", "disc", "spots"),
        0.3,
    ),
    "kitchen": Style(
        (2.4, 4.2),
        (3.0, 5.6),
        (2.4, 2.8),
        ("tiles", "tiles", "wood_floor", "linoleum"),
        (1, 1),
        ("disc", "pendant", "spots", "panel"),
        0.05,
    ),
    "dining_room": Style(
        (3.0, 4.6), (3.6, 6.2), (2.5, 3.0), ("wood_floor", "wood_floor", "carpet", "tiles"), (1, 2), ("table",), 0.35
    ),
    "bathroom": Style((1.9, 2.9), (2.3, 3.9), (2.3, 2.7), ("tiles",), (0, 1), ("disc", "spots"), 0.0),
    "office": Style(
        (2.8, 5.6),
        (3.4, 7.4),
        (2.5, 3.0),
        ("carpet", "linoleum", "wood_floor"),
        (1, 2),
        ("panels", "panels", "disc"),
        0.0,
    ),
    "playroom": Style(
        (3.0, 4.8), (3.4, 6.2), (2.4, 2.8), ("carpet", "wood_floor", "linoleum"), (1, 2), ("disc", "pendant"), 0.3
    ),
    "corridor": Style(
        (1.35, 2.3), (5.0, 11.0), (2.4, 2.9), ("wood_floor", "tiles", "linoleum", "carpet"), (0, 1), ("row",), 0.15
    ),
    "classroom": Style(
        (5.4, 7.2), (6.6, 9.0), (2.8, 3.3), ("linoleum", "linoleum", "wood_floor"), (2, 3), ("panels",), 0.0
    ),
}
LAYOUTS = {
    "bedroom": living.bedroom,
    "living_room": living.living_room,
    "kitchen": service.kitchen,
    "dining_room": living.dining_room,
    "bathroom": service.bathroom,
    "office": public.office,
    "playroom": living.playroom,
    "corridor": public.corridor,
    "classroom": public.classroom,
}


def build(kind: str, rng: np.random.Generator) -> Room:
    """Furnish and light a room of one kind in the current, empty Blender scene."""
    style = STYLES[kind]
    kit = Kit(rng)
    short, long = float(rng.uniform(*style.short)), float(rng.uniform(*style.long))
    long = max(long, short + 0.2)
    sides = (short, long) if kind == "corridor" or rng.random() < 0.5 else (long, short)
    shell = Shell(kit, rng, (*sides, float(rng.uniform(*style.height))))
    room = Room(kind, shell, kit, rng)
    room.day = 0.0 if room.chance(0.16) else room.uniform(0.35, 1.0)
    room.warm = hsv(0.085 if room.chance(0.6) else 0.11, room.uniform(0.12, 0.45), 1.0)
    trim = kit.painted() if room.chance(0.35) else kit.paper((0.75, 0.74, 0.71))
    if kind == "corridor":
        corridor_openings(room)
    else:
        openings(room, style)
    surfaces(room, style, trim)
    LAYOUTS[kind](room)
    lights(room, style)
    return room


# Shell -------------------------------------------------------------------------------------------------------------------


def door(room: Room, wall: int, along: float, way: float = 0.22) -> Opening | None:
    """A closed door, or with probability ``way`` an open doorway, and clear floor in front of it."""
    shell = room.shell
    if room.chance(way):
        half = room.uniform(0.42, 0.5)
        if not shell.free(wall, along - half - 0.1, along + half + 0.1):
            return None
        opening = Opening(wall, along - half, along + half, 0.0, room.uniform(2.0, 2.1), "doorway")
        shell.openings.append(opening)
    else:
        obj = room.make("door")
        half = float(obj["size"][0]) / 2
        item = None
        if shell.free(wall, along - half, along + half):
            x, y, turn = room.on_wall(obj, wall, along, 0.0045)
            item = room.try_at(obj, x, y, turn, 0.001)
        if item is None:
            room.drop(obj)
            return None
        opening = Opening(wall, along - half, along + half, 0.0, float(obj["size"][2]), "door")
        shell.openings.append(opening)
    a = shell.point(wall, opening.left, 0.0, 0.0)
    b = shell.point(wall, opening.right, 0.8 if room.kind not in ("corridor", "bathroom") else 0.5, 2.0)
    room.reserve(np.minimum(a, b), np.maximum(a, b), "door_space")
    return opening


def openings(room: Room, style: Style) -> None:
    """A door in one wall and windows in one or two others."""
    shell, walls = room.shell, room.walls()
    door_wall = walls[0]
    length = shell.wall_length(door_wall)
    for _ in range(6):
        along = room.pick(0.7, length - 0.7, room.uniform(0.7, length - 0.7))
        if door(room, door_wall, along):
            break
    if room.kind in ("living_room", "classroom", "office") and room.chance(0.3):
        door(room, walls[1], room.uniform(0.7, shell.wall_length(walls[1]) - 0.7))
    outer = [OPPOSITE[door_wall], *[w for w in walls[1:] if w != OPPOSITE[door_wall]]]
    if room.chance(0.35):
        outer = outer[1:] + outer[:1]
    for index in range(room.count(*style.windows)):
        wall = outer[0] if index == 0 or room.kind == "classroom" or room.chance(0.5) else outer[1]
        window(room, wall, index)


def window(room: Room, wall: int, index: int = 0) -> None:
    """Remember a window opening; :func:`surfaces` builds it."""
    shell, length = room.shell, room.shell.wall_length(wall)
    for _ in range(8):
        low, high = room.uniform(0.8, 1.05), min(room.uniform(2.05, 2.3), shell.size[2] - 0.18)
        wide = min(room.uniform(0.9, 2.0), length - 0.8)
        if room.kind in ("living_room", "dining_room", "bedroom") and room.chance(0.22):
            low, high = 0.06, min(2.15, shell.size[2] - 0.15)
        if room.kind == "bathroom":
            low, wide = room.uniform(1.25, 1.45), room.uniform(0.55, 0.9)
        if room.kind == "kitchen":
            low = room.uniform(1.05, 1.15)
        if room.kind == "classroom":
            low, wide = 0.95, room.uniform(1.5, 2.1)
        middle = (
            length / 2 if index == 0 and room.chance(0.5) else room.uniform(wide / 2 + 0.3, length - wide / 2 - 0.3)
        )
        if shell.free(wall, middle - wide / 2 - 0.1, middle + wide / 2 + 0.1, 0.3):
            shell.openings.append(Opening(wall, middle - wide / 2, middle + wide / 2, low, high, "window"))
            return


def corridor_openings(room: Room) -> None:
    """Doors along both long walls, and a door or window at the ends."""
    length, width = room.size[1], room.size[0]
    for wall in (E, W):
        along = room.uniform(0.8, 1.8)
        while along < length - 0.7:
            door(room, wall, along, way=0.12)
            along += room.uniform(1.5, 3.4)
    for wall in (S, N):
        if room.chance(0.45):
            door(room, wall, width / 2, way=0.3)
        elif room.chance(0.5):
            half = min(0.5, width / 2 - 0.3)
            room.shell.openings.append(Opening(wall, width / 2 - half, width / 2 + half, 0.9, 2.1, "window"))


def surfaces(room: Room, style: Style, trim) -> None:
    """Floor, ceiling, walls, skirting, and everything in the openings."""
    kit, shell = room.kit, room.shell
    floor = getattr(kit, room.pick(*style.floors))()
    ceiling = kit.ceiling()
    lower, lower_height = None, 0.0
    if room.kind == "bathroom":
        room.wall_material = kit.wall_paint() if room.chance(0.7) else kit.tiles()
        lower, lower_height = kit.tiles(), room.pick(1.2, 2.0, 2.0, room.size[2] - 0.001)
        walls = room.wall_material
    else:
        walls = kit.wallpaper() if room.chance(style.wallpaper) else kit.wall_paint()
        room.wall_material = walls
        if room.chance(0.3):  # one wall in another colour
            walls = [walls] * 4
            walls[room.count(0, 3)] = kit.wall_paint() if room.chance(0.7) else kit.wallpaper()
        if room.kind in ("corridor", "classroom", "dining_room") and room.chance(0.3):
            lower, lower_height = kit.wall_paint(), room.uniform(0.9, 1.2)
    shell.surfaces(floor, ceiling, walls, lower, lower_height)
    if room.kind != "bathroom":
        shell.skirting(trim, room.uniform(0.06, 0.11))
    sky = outdoors(room.rng, room.day)
    windows = [o for o in shell.openings if o.kind == "window"]
    for opening in windows:
        shell.window(opening, trim, room.day, sky)
        dress_window(room, opening)
    for opening in shell.openings:
        if opening.kind == "doorway":
            shell.doorway(opening, trim, room.wall_material, floor)
    if windows and room.day > 0.55 and room.chance(0.45):
        shell.sun(windows[0].wall, room.uniform(3.0, 8.0))


def dress_window(room: Room, o: Opening) -> None:
    """Curtains or nothing, a radiator below, and no tall furniture in front."""
    wide, middle = o.right - o.left, (o.left + o.right) / 2
    likely = {"bedroom": 0.85, "living_room": 0.75, "dining_room": 0.7, "playroom": 0.6, "office": 0.15, "kitchen": 0.2}
    if room.chance(likely.get(room.kind, 0.0)):
        top = min(o.high + 0.12, room.size[2] - 0.06)
        bottom = 0.03 if o.low < 0.3 or (room.chance(0.6) and room.kind != "kitchen") else o.low - 0.12
        obj = room.make("curtains", width=wide, height=top - bottom)
        room.hang(obj, bottom, [o.wall], along=middle)
    if o.low > 0.75 and room.chance(0.45) and room.kind not in ("kitchen", "bathroom"):
        radiator = room.make("radiator")
        if float(radiator["size"][2]) + 0.12 < o.low - 0.05:
            room.hang(radiator, 0.12, [o.wall], along=middle)
        else:
            room.drop(radiator)
    a = room.shell.point(o.wall, o.left, 0.0, o.low)
    b = room.shell.point(o.wall, o.right, 0.25, o.high)
    room.reserve(np.minimum(a, b), np.maximum(a, b), "window_space")


# Lamps -------------------------------------------------------------------------------------------------------------------


def lights(room: Room, style: Style) -> None:
    """Ceiling lamps of the style; the ones in a day-lit room are sometimes off."""
    shell, (width, length, height) = room.shell, room.size
    windows = any(o.kind == "window" for o in shell.openings)
    on = not (room.day > 0.6 and windows and room.chance(0.3))
    power = (5.5 if on else 1.2) * room.uniform(0.8, 1.3) * (0.75 if room.day > 0.3 else 1.0)  # watts per square metre
    kind, area = room.pick(*style.lamps), width * length
    color = room.warm
    if kind in ("panels", "panel"):
        columns, rows = max(1, round(width / 2.4)), max(1, round(length / 2.4))
        wide, long = room.pick((0.6, 0.6), (1.2, 0.3), (0.3, 1.2))
        cool = hsv(0.12, 0.08, 1.0)
        for i in range(columns):
            for j in range(rows):
                x, y = (i + 0.5) * width / columns, (j + 0.5) * length / rows
                shell.panel(x, y, wide, long, power * area / (columns * rows), cool)
    elif kind == "spots":
        columns, rows = max(1, round(width / 1.7)), max(1, round(length / 1.7))
        for i in range(columns):
            for j in range(rows):
                x, y = (i + 0.5) * width / columns, (j + 0.5) * length / rows
                shell.panel(x, y, 0.11, 0.11, power * area / (columns * rows), color, thick=0.008)
    elif kind == "row":
        count = max(2, round(length / 2.5))
        for j in range(count):
            shell.panel(width / 2, (j + 0.5) * length / count, 0.3, 0.3, power * area / count * 1.2, color, thick=0.06)
    elif kind == "disc":
        shell.panel(width / 2, length / 2, 0.42, 0.42, power * area, color, thick=0.08)
    else:
        x, y = getattr(room, "table_center", (width / 2, length / 2)) if kind == "table" else (width / 2, length / 2)
        drop = (
            min(height - 1.55, room.uniform(0.7, 1.1)) if kind == "table" else min(height - 2.1, room.uniform(0.3, 0.6))
        )
        obj = room.make("pendant_lamp", drop=max(drop, 0.25))
        item = room.try_at(obj, x, y, 0.0, height - 0.001, margin=0.0)
        if item is None:
            room.drop(obj)
            shell.panel(width / 2, length / 2, 0.42, 0.42, power * area, color, thick=0.08)
        else:
            shell.bulb((x, y, item.low[2] - 0.12), power * area * 0.55, color, 0.08)
            shell.lamp((x, y, height - 0.03), 1.0, 1.0, power * area * 0.5, color)
