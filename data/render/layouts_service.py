"""The layouts of kitchens and bathrooms."""

from __future__ import annotations

import math

from furnish import (
    behind,
    chairs_round,
    corner_filler,
    dress,
    pictures,
    scatter,
    tabletop,
)
from placing import Room
from shell import OPPOSITE, S, W, boxes


def counter_run(room: Room, wall: int, pieces, start: float) -> float:
    """Kitchen pieces side by side along a wall from ``start``; returns where the run ends."""
    along, end = start, room.shell.wall_length(wall)
    for name, options in pieces:
        obj = room.make(name, **options)
        half = float(obj["size"][0]) / 2
        item, spot = None, along
        while item is None and spot + 2 * half < end - 0.01:  # slide along past doors and windows
            x, y, turn = room.on_wall(obj, wall, spot + half, 0.012)
            item = room.try_at(obj, x, y, turn, margin=-0.01)
            if item is None:
                spot += 0.1
        if item is None:
            room.drop(obj)
            continue
        along = spot
        room.anchor(item)
        along += 2 * half + 0.004
        if name == "kitchen_counter":
            dress(
                room,
                item,
                ("bowl", "fruit_bowl", "mug", "vase", "pots", "box", "mug", "bowl", "book_stack", "mug"),
                room.count(1, 3 + int(half * 2)),
                rim=0.1,
            )
            if room.chance(0.75):
                upper = room.make("upper_cabinets", length=2 * half)
                x, y, turn = room.on_wall(upper, wall, along - half - 0.004, 0.006)
                if not room.try_at(upper, x, y, turn, room.uniform(1.42, 1.5), margin=-0.01):
                    room.drop(upper)
        if name == "stove" and room.chance(0.6):
            room.on(item, room.make("pots"), rim=0.15)
    return along


def kitchen(room: Room) -> None:
    """Counters, stove and fridge along one wall, in an L or along two walls; a table where there is room."""
    shell = room.shell
    # The longest stretches of wall without a door come first.
    blocked = {o.wall for o in shell.openings if o.kind != "window"}
    walls = sorted(range(4), key=lambda w: 1.5 * (w in blocked) - shell.wall_length(w) + room.uniform(0, 0.8))
    main = walls[0]
    length = shell.wall_length(main)
    fridge, stove = room.make("fridge"), room.make("stove")
    wide = float(fridge["size"][0]), float(stove["size"][0])
    room.drop(fridge), room.drop(stove)
    reserve = 0.68  # where a second run meets the first in a corner
    space = length - wide[1] - wide[0] - 0.2
    first = room.uniform(0.35, 0.65) * space
    first, second = min(first, 2.2), min(space - first, 2.2)
    pieces = [("kitchen_counter", {"length": first}), ("stove", {}), ("kitchen_counter", {"length": second})]
    pieces = [p for p in pieces if p[1].get("length", 1.0) > 0.4]
    pieces.insert(len(pieces) if room.chance(0.5) else 0, ("fridge", {}))
    counter_run(room, main, pieces, 0.06)
    backsplash(room, main)
    second_wall = None
    for wall in walls[1:]:
        if wall == OPPOSITE[main] and min(room.size[:2]) < 2.3:
            continue
        if room.chance(0.7):
            second_wall = wall
            break
    if second_wall is not None:
        length = shell.wall_length(second_wall)
        run = min(length - 2 * reserve, room.uniform(1.2, 2.6))
        if run > 0.6:
            pieces = [("kitchen_counter", {"length": run})]
            if room.chance(0.3):
                pieces.append(("washing_machine", {}))
            # Against the corner with the first run.
            near_start = main in (S, W) if second_wall != OPPOSITE[main] else room.chance(0.5)
            start = reserve if near_start else length - reserve - run
            counter_run(room, second_wall, pieces, start)
    for name in ("stove", "fridge"):
        if not any(item.name == name for item in room.items):
            room.anchor(room.against(room.make(name), corner=True))
    if sum(item.name == "kitchen_counter" for item in room.items) < 2:
        counter = room.anchor(room.against(room.make("kitchen_counter", length=room.uniform(0.9, 1.5)), corner=True))
        dress(room, counter, ("bowl", "mug", "fruit_bowl", "box"), room.count(1, 3), rim=0.1)
    table = room.make("dining_table", seats=room.pick(2, 4))
    table = room.anchor(room.anywhere(table, edge=0.75, turn=room.pick(0.0, math.pi / 2), margin=0.45, tries=40))
    if table:
        chairs_round(room, table, room.pick("dining_chair", "dining_chair", "stool"), seats=room.count(2, 4))
        tabletop(room, table, 2, 4)
    else:
        scatter(room, ("stool", "dining_chair"), room.count(0, 2))
    room.against(room.make("bin"), gap=0.03)
    if room.chance(0.4):
        item = room.against(room.make(room.pick("bookshelf", "dresser")))
        if item and item.name == "dresser":
            tabletop(room, item, 1, 3)
    if room.chance(0.4):
        corner_filler(room, ("plant",))
    pictures(room, room.count(0, 2))
    scatter(room, ("box", "box", "shoes", "rug", "backpack"), room.count(0, 2))


def backsplash(room: Room, wall: int) -> None:
    """A strip of tiles above the work top."""
    if not room.chance(0.75):
        return
    shell, holes = room.shell, [o for o in room.shell.openings if o.wall == wall]
    cuts = [0.0, *sorted(x for o in holes for x in (o.left - 0.12, o.right + 0.12)), shell.wall_length(wall)]
    spans = [
        shell.span(wall, a, b, 0.0005, 0.005, 0.86, 1.55)
        for a, b in zip(cuts[::2], cuts[1::2], strict=True)
        if b - a > 0.1
    ]
    boxes("backsplash", spans, room.kit.tiles(size=float(room.pick(0.05, 0.1, 0.15))))


def bathroom(room: Room) -> None:
    """Bath or shower, toilet, basin with a mirror above, towels, a washing machine."""
    small = room.size[0] * room.size[1] < 5.0
    bath = room.pick("bathtub", "shower_cabin") if small else room.pick("bathtub", "bathtub", "shower_cabin")
    room.anchor(room.against(room.make(bath), corner=True, gap=0.008))
    if not small and room.chance(0.35):
        room.anchor(room.against(room.make("shower_cabin" if bath == "bathtub" else "bathtub"), corner=True, gap=0.008))
    basin = room.anchor(room.against(room.make("washbasin"), gap=0.006))
    if basin:
        wall, along = behind(basin)
        room.hang(room.make("mirror"), max(1.12, basin.high[2] + 0.15), [wall], along=along)
        dress(room, basin, ("mug", "mug", "vase"), 1, rim=0.03)
    room.anchor(room.against(room.make("toilet"), gap=0.006, margin=0.12))
    if room.chance(0.55):
        machine = room.anchor(room.against(room.make("washing_machine"), corner=True))
        dress(room, machine, ("box", "bowl", "vase"), room.count(0, 2))
    for _ in range(room.count(1, 2)):
        room.hang(room.make("towel_rail"), room.uniform(0.9, 1.2), margin=0.05)
    if room.chance(0.5):
        room.hang(room.make("radiator"), 0.12)
    if room.chance(0.7):
        room.anywhere(
            room.make("rug", width=room.uniform(0.6, 0.9), depth=room.uniform(0.45, 0.6)),
            turn=room.pick(0.0, math.pi / 2),
        )
    for name, probability in (("bin", 0.8), ("stool", 0.4), ("plant", 0.4), ("nightstand", 0.3), ("dresser", 0.2)):
        if room.chance(probability):
            item = room.against(room.make(name), gap=0.03)
            if item and name in ("nightstand", "dresser", "stool"):
                dress(room, item, ("vase", "bowl", "box"), room.count(0, 2))
    pictures(room, room.count(0, 1))
    scatter(room, ("bin", "shoes", "box"), room.count(0, 1))
