"""The layouts of bedrooms, living rooms, dining rooms and playrooms."""

from __future__ import annotations

import math

import bpy
from furnish import (
    LITTER,
    behind,
    chairs_round,
    corner_filler,
    dress,
    lit,
    pictures,
    scatter,
    shelf_rows,
    tabletop,
    workplace,
)
from placing import Room


def bedroom(room: Room) -> None:
    """Bed with its head to a wall, night stands, wardrobe, dresser, sometimes a desk; children's rooms with bunk beds."""
    child = room.chance(0.22)
    if child and room.chance(0.6):
        bed = room.against(room.make("bunk_bed"), corner=True)
    else:
        double = not child and min(room.size[:2]) > 2.9 and room.chance(0.75)
        obj = room.make("bed", double=double)
        bed = room.against(obj, middle=double, corner=not double)
    room.anchor(bed)
    if bed and bed.name == "bed":
        left, right, back, front = room.local_box(bed)
        stand = room.make("nightstand")
        wide, deep = float(stand["size"][0]) / 2, float(stand["size"][1]) / 2
        turn = bed.obj.rotation_euler[2]
        for side in (-1, 1):
            obj = stand.copy()
            bpy.context.scene.collection.objects.link(obj)
            reach = (right if side > 0 else left) + wide + 0.06
            x, y = room.beside(bed, side * reach, -back + deep)
            item = room.try_at(obj, x, y, turn)
            if item is None:
                bpy.data.objects.remove(obj)
                continue
            if room.chance(0.75):
                lit(room, room.on(item, room.make("table_lamp"), right=0.0, front=-0.03))
            dress(room, item, ("book_stack", "mug", "vase"), room.count(0, 2), rim=0.08)
        bpy.data.objects.remove(stand)
        if room.chance(0.6):
            rug = room.make("rug")
            x, y = room.beside(bed, 0.0, front * 0.35)
            room.add(rug, [(x, y, turn), (x, y, turn + math.pi / 2)])
        wall, along = behind(bed)
        room.hang(room.make("picture"), 1.35, [wall], along=along)
    room.anchor(room.against(room.make("wardrobe"), corner=True))
    if room.chance(0.65):
        dresser = room.anchor(room.against(room.make("dresser")))
        tabletop(room, dresser, 1, 4)
        if dresser and room.chance(0.5):
            wall, along = behind(dresser)
            room.hang(room.make("mirror"), max(1.1, dresser.high[2] + 0.25), [wall], along=along)
    if room.chance(0.45):
        desk = room.anchor(room.against(room.make("desk")))
        if desk:
            workplace(room, desk)
    for name, probability in (("bookshelf", 0.35), ("armchair", 0.35), ("tv_unit", 0.2), ("bench", 0.15)):
        if room.chance(probability):
            item = room.anchor(room.against(room.make(name), gap=0.04))
            if item and name == "bench":
                tabletop(room, item, 0, 2)
    if room.chance(0.6):
        corner_filler(room, ("plant", "floor_lamp"))
    pictures(room, room.count(1, 3))
    if child:
        scatter(room, ("toy_blocks", "ball", "toy_blocks", "backpack", "book_stack"), room.count(2, 6))
        room.against(room.make("toy_shelf"))
    scatter(room, LITTER, room.count(1, 4))


def living_room(room: Room) -> None:
    """Sofa facing a television across a coffee table on a rug; shelves, plants, sometimes a dining corner."""
    tv = room.anchor(room.against(room.make("tv_unit"), middle=room.chance(0.7)))
    obj = room.make("sofa", seats=3 if min(room.size[:2]) > 3.8 and room.chance(0.7) else 2)
    sofa = None
    if tv:
        turn = tv.obj.rotation_euler[2]
        half, deep = room.local_box(tv)[3], float(obj["size"][1]) / 2
        wall_gap = [room.uniform(1.7, 3.0), 2.0, 1.7, 1.5, 2.4, 1.2]
        places = []
        for gap in wall_gap:
            x, y = room.beside(tv, room.uniform(-0.2, 0.2), half + gap + deep)
            places.append((x, y, turn + math.pi))
        sofa = room.add(obj, places)
        if sofa is None:
            sofa = room.against(room.make("sofa", seats=2))
    else:
        sofa = room.against(obj, middle=True)
    room.anchor(sofa)
    if sofa:
        base = sofa.obj.rotation_euler[2]
        left, right, back, front = room.local_box(sofa)
        x, y = room.beside(sofa, 0.0, front + 0.75)
        room.add(room.make("rug"), [(x, y, base), (x, y, base + math.pi / 2)])
        table = room.make("coffee_table")
        deep = float(table["size"][1]) / 2
        places = [(*room.beside(sofa, 0.0, front + g + deep), base) for g in (0.4, 0.32, 0.5, 0.6)]
        table = room.anchor(room.add(table, places))
        tabletop(room, table, 2, 4)
        for side in room.rng.permutation([-1, 1])[: room.count(0, 2)]:
            chair = room.make("armchair")
            half = float(chair["size"][0]) / 2
            reach = (right if side > 0 else left) + half
            lean = base + side * -math.pi / 2 + room.uniform(-0.4, 0.4)
            places = [
                (*room.beside(sofa, side * (reach + dx), front + dy), lean)
                for dx, dy in ((0.1, 0.9), (0.4, 0.7), (-0.1, 1.2), (0.5, 1.2))
            ]
            room.anchor(room.add(chair, places))
        for side in (-1, 1):
            if room.chance(0.5):
                name = room.pick("floor_lamp", "nightstand", "plant")
                reach = (right if side > 0 else left) + 0.36
                item = room.add(room.make(name), [(*room.beside(sofa, side * reach, -back + 0.35), base)])
                if item and name == "floor_lamp":
                    lit(room, item)
                elif item and name == "nightstand":
                    lit(room, room.on(item, room.make("table_lamp"), right=0.0, front=0.0))
    shelf_rows(room, room.count(1, 2))
    if room.size[0] * room.size[1] > 22 and room.chance(0.75):
        table = room.anchor(
            room.anywhere(room.make("dining_table"), edge=0.9, turn=room.pick(0.0, math.pi / 2), margin=0.5)
        )
        if table:
            chairs_round(room, table, seats=room.count(3, 6))
            tabletop(room, table, 1, 3)
    for name, probability in (("dresser", 0.55), ("armchair", 0.4), ("desk", 0.2), ("bench", 0.2)):
        if room.chance(probability):
            item = room.anchor(room.against(room.make(name), gap=0.04))
            if item and name == "desk":
                workplace(room, item)
            elif item and name in ("dresser", "bench"):
                tabletop(room, item, 1, 4)
    for _ in range(room.count(1, 3)):
        corner_filler(room, ("plant", "floor_lamp", "plant"))
    pictures(room, room.count(2, 5))
    scatter(room, ("book_stack", "cushion", "box", "backpack", "ball", "toy_blocks", "stool"), room.count(1, 4))


def dining_room(room: Room) -> None:
    """A set table in the middle, a sideboard, cabinets, pictures."""
    width, length, _ = room.size
    turn = 0.0 if width > length else math.pi / 2
    obj = room.make("dining_table", seats=6 if room.chance(0.7) else 4)
    middle = (width / 2 + room.uniform(-0.2, 0.2), length / 2 + room.uniform(-0.2, 0.2))
    table = room.anchor(
        room.add(obj, [(*middle, turn), (width / 2, length / 2, turn), (width / 2, length / 2, turn + math.pi / 2)])
    )
    if table:
        room.table_center = (table.obj.location[0], table.obj.location[1])
        if room.chance(0.55):
            wide, deep = float(table.obj["size"][0]) + 1.3, float(table.obj["size"][1]) + 1.3
            rug = room.make("rug", width=min(wide, max(width, length) - 0.4), depth=min(deep, min(width, length) - 0.4))
            room.add(rug, [(*room.table_center, table.obj.rotation_euler[2])])
        chairs_round(room, table, seats=room.count(4, 8), wear=0.12)
        room.on(table, room.make(room.pick("fruit_bowl", "vase", "bowl")), right=0.0, front=0.0)
        dress(room, table, ("mug", "bowl", "book_stack", "vase", "mug"), room.count(1, 5), rim=0.12)
    sideboard = room.anchor(room.against(room.make("dresser"), middle=True))
    tabletop(room, sideboard, 2, 5)
    if sideboard and room.chance(0.6):
        lit(room, room.on(sideboard, room.make("table_lamp")))
    shelf_rows(room, room.count(0, 2))
    for name, probability in (("dresser", 0.35), ("armchair", 0.3), ("bench", 0.25), ("wardrobe", 0.15)):
        if room.chance(probability):
            item = room.anchor(room.against(room.make(name), gap=0.04))
            if item and name in ("dresser", "bench"):
                tabletop(room, item, 1, 3)
    for _ in range(room.count(1, 3)):
        corner_filler(room, ("plant", "plant", "floor_lamp"))
    if room.chance(0.4):
        room.hang(room.make("mirror"), 1.05)
    pictures(room, room.count(2, 5))
    scatter(room, ("box", "backpack", "book_stack", "stool"), room.count(0, 2))


def playroom(room: Room) -> None:
    """Toys: shelves, blocks and balls on a rug, a low table with stools, a tent, cushions."""
    width, length, _ = room.size
    middle = (width / 2 + room.uniform(-0.3, 0.3), length / 2 + room.uniform(-0.3, 0.3))
    room.add(room.make("rug"), [(*middle, room.pick(0.0, math.pi / 2)), (width / 2, length / 2, 0.0)])
    if room.chance(0.65):
        room.anchor(room.against(room.make("tent"), corner=True, gap=0.08))
    for _ in range(room.count(1, 3)):
        shelf = room.anchor(room.against(room.make("toy_shelf")))
        if shelf and shelf.high[2] < 1.2:
            dress(room, shelf, ("book_stack", "box", "ball"), room.count(0, 2))
    table = room.anchor(
        room.anywhere(room.make("kids_table"), edge=0.7, turn=room.pick(0.0, math.pi / 2, 0.4), margin=0.35)
    )
    if table:
        chairs_round(room, table, "stool", seats=room.count(1, 3), wear=0.6)
        dress(room, table, ("book_stack", "mug", "bowl", "toy_blocks"), room.count(1, 3))
    for name, probability in (
        ("bookshelf", 0.5),
        ("sofa", 0.35),
        ("bench", 0.4),
        ("armchair", 0.25),
        ("desk", 0.15),
        ("dresser", 0.3),
    ):
        if room.chance(probability):
            options = {"seats": 2} if name == "sofa" else {}
            item = room.anchor(room.against(room.make(name, **options), gap=0.04))
            if item and name in ("bench", "dresser"):
                dress(room, item, ("book_stack", "box", "ball"), room.count(0, 3))
            if item and name == "desk":
                workplace(room, item)
    toys = scatter(
        room, ("toy_blocks", "toy_blocks", "ball", "box", "cushion", "book_stack", "ball"), room.count(7, 16)
    )
    for item in toys[:3]:
        room.anchor(item)
    if room.chance(0.4):
        corner_filler(room, ("plant", "floor_lamp"))
    pictures(room, room.count(2, 5))
