"""The layouts of offices, corridors and classrooms."""

from __future__ import annotations

import math

import bpy
from furnish import (
    chairs_round,
    corner_filler,
    dress,
    pictures,
    scatter,
    shelf_rows,
    workplace,
)
from placing import TURN, Room
from shell import E, N, S, W


def office(room: Room) -> None:
    """Desks with screens and chairs, filing cabinets, shelves, a whiteboard."""
    area = room.size[0] * room.size[1]
    for _ in range(1 if area < 12 else room.count(2, 3) if area < 22 else room.count(3, 5)):
        desk = room.anchor(room.against(room.make("desk"), tries=6, margin=0.1))
        if desk:
            workplace(room, desk)
    if area > 24 and room.chance(0.6):
        turn = room.pick(0.0, math.pi / 2)
        if room.chance(0.5):
            table = room.anchor(room.anywhere(room.make("dining_table"), edge=1.1, turn=turn, margin=0.4))
            if table:
                chairs_round(room, table, room.pick("office_chair", "dining_chair"), seats=room.count(3, 6), wear=0.3)
                dress(room, table, ("laptop", "mug", "book_stack", "laptop"), room.count(1, 4))
        else:
            desk = room.anchor(room.anywhere(room.make("desk"), edge=1.2, turn=turn, margin=0.4))
            if desk:
                workplace(room, desk)
    for _ in range(room.count(1, 3)):
        cabinet = room.anchor(room.against(room.make("filing_cabinet"), corner=room.chance(0.5)))
        if cabinet and cabinet.high[2] < 1.3:
            dress(room, cabinet, ("printer", "box", "book_stack", "printer"), 1)
    shelf_rows(room, room.count(1, 2))
    if room.chance(0.65):
        room.hang(room.make("whiteboard"), room.uniform(0.95, 1.1), tries=14)
    for name, probability in (("dresser", 0.25), ("armchair", 0.25), ("sofa", 0.12), ("wardrobe", 0.15)):
        if room.chance(probability):
            item = room.against(room.make(name), gap=0.04)
            if item and name == "dresser":
                dress(room, item, ("printer", "book_stack", "box"), room.count(1, 3))
    if room.chance(0.7):
        corner_filler(room, ("plant",))
    pictures(room, room.count(1, 3))
    scatter(room, ("box", "box", "bin", "backpack", "book_stack"), room.count(1, 4))


def corridor(room: Room) -> None:
    """A long passage: doors, coats, shoes, a bench or console, pictures, a runner."""
    width, length, _ = room.size
    public = room.chance(0.35)
    if not public and room.chance(0.6):
        long = length * room.uniform(0.4, 0.7)
        rug = room.make("rug", width=min(0.9, width - 0.6), depth=long)
        room.add(rug, [(width / 2, room.uniform(long / 2 + 0.3, length - long / 2 - 0.3), 0.0)])
    sides = [E, W] if room.chance(0.5) else [W, E]
    names = (
        ("filing_cabinet", "bench", "filing_cabinet", "bookshelf", "plant")
        if public
        else ("bench", "dresser", "coat_rack", "bookshelf", "wardrobe", "shoes", "radiator", "plant", "nightstand")
    )
    for _ in range(max(3, int(length * 0.9))):
        name = room.pick(*names)
        # Deep furniture on one side only, so that a person can pass.
        side = sides[:1] if name not in ("coat_rack", "radiator", "shoes", "plant") else sides
        obj = room.make(name)
        if float(obj["size"][1]) > width - 0.75:
            room.drop(obj)
            continue
        if name == "coat_rack":
            item = (
                room.hang(obj, 1.45, side)
                if float(obj["size"][2]) < 1.0
                else room.hang(obj, 0.0 if obj["size"][2] > 1.4 else 0.5, side)
            )
            room.anchor(item)
        elif name == "radiator":
            room.hang(obj, 0.12, side)
        else:
            item = room.against(obj, side, tries=8)
            if item and name in ("bench", "dresser", "nightstand"):
                room.anchor(item)
                dress(room, item, ("vase", "bowl", "book_stack", "backpack", "box"), room.count(1, 3))
    if not public and room.chance(0.6):
        room.hang(room.make("mirror"), 0.9)
    if public and room.chance(0.7):
        room.hang(room.make("whiteboard"), 1.0)
    pictures(room, room.count(3, 7))
    for _ in range(room.count(1, 4)):
        room.against(room.make(room.pick("shoes", "backpack", "bin", "box", "shoes")), [E, W], gap=0.04, tries=6)


def classroom(room: Room) -> None:
    """Rows of desks with chairs facing a whiteboard, a teacher's desk, shelves."""
    shell, (width, length, _) = room.shell, room.size
    windows = {o.wall for o in shell.openings if o.kind == "window"}
    front = next(
        (w for w in room.walls() if w not in windows and not any(o.wall == w for o in shell.openings)), room.walls()[0]
    )
    room.anchor(room.hang(room.make("whiteboard"), 0.9, [front], along=shell.wall_length(front) / 2))
    deep = length if front in (S, N) else width
    across = shell.wall_length(front)
    teacher = room.make("desk")
    x, y, _ = shell.point(front, across / 2 + room.pick(-1.3, 1.3), 1.35, 0.0)
    item = room.anchor(room.add(teacher, [(x, y, TURN[front] + math.pi)]))
    if item:
        workplace(room, item)
    probe = room.make("shelf_classroom_desk")
    wide, depth = float(probe["size"][0]), float(probe["size"][1])
    chair = room.make("dining_chair")
    columns = int((across - 1.0) / (wide + 0.55))
    rows = int((deep - 2.4 - 0.9) / (depth + 0.85))
    pitch = (across - 0.9) / max(columns, 1)
    for row in range(rows):
        for column in range(columns):
            if room.chance(0.06):
                continue
            obj = probe.copy()
            bpy.context.scene.collection.objects.link(obj)
            along = 0.45 + (column + 0.5) * pitch + room.uniform(-0.04, 0.04)
            away = 2.5 + row * (depth + 0.85) + room.uniform(-0.05, 0.05)
            x, y, _ = shell.point(front, along, away, 0.0)
            desk = room.try_at(obj, x, y, TURN[front] + room.uniform(-0.04, 0.04))
            if desk is None:
                bpy.data.objects.remove(obj)
                continue
            room.anchor(desk)
            if room.chance(0.45):
                dress(room, desk, ("book_stack", "laptop", "mug", "book_stack"), room.count(1, 2))
            back = room.local_box(desk)[3]
            seats = (0.0,) if wide < 0.95 else (-wide / 4, wide / 4)
            for seat in seats:
                other = chair.copy()
                bpy.context.scene.collection.objects.link(other)
                done = None
                for tuck in (room.uniform(0.1, 0.3), 0.05, -0.1):
                    reach = back + float(chair["size"][1]) / 2 - tuck
                    x, y = room.beside(desk, seat, reach)
                    angle = desk.obj.rotation_euler[2] + math.pi + float(room.rng.normal(0, 0.12))
                    done = room.try_at(other, x, y, angle, near=("shelf_classroom_desk", "dining_chair"), margin=0.01)
                    if done:
                        break
                if done is None:
                    bpy.data.objects.remove(other)
    bpy.data.objects.remove(probe)
    bpy.data.objects.remove(chair)
    shelf_rows(room, room.count(1, 3), ("bookshelf", "filing_cabinet", "wardrobe", "toy_shelf"))
    room.against(room.make("bin"), corner=True)
    pictures(room, room.count(3, 6))
    scatter(room, ("backpack", "backpack", "box"), room.count(2, 6))
