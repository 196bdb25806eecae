"""Small habits of furnishing that all layouts share: set a table, put chairs round it, hang pictures, leave clutter."""

from __future__ import annotations

import math

import bpy
from materials import hsv
from placing import TURN, Item, Room
from shell import N, S

LITTER = ("book_stack", "box", "backpack", "shoes", "cushion", "bin")


def behind(item: Item) -> tuple[int, float]:
    """The wall at an item's back and the place along it."""
    turn = item.obj.rotation_euler[2]
    wall = min(range(4), key=lambda w: abs(math.remainder(TURN[w] - turn, 2 * math.pi)))
    return wall, item.obj.location[0] if wall in (S, N) else item.obj.location[1]


def lit(room: Room, lamp: Item | None) -> Item | None:
    """Put a small warm lamp into a table or floor lamp's shade."""
    if lamp and room.chance(0.7):
        middle = (lamp.low + lamp.high) / 2
        # Just above the shade: the shade itself is opaque to it, as a real one nearly is.
        room.shell.bulb((middle[0], middle[1], lamp.high[2] + 0.06), room.uniform(2.0, 6.0), hsv(0.08, 0.5, 1.0), 0.05)
    return lamp


def dress(room: Room, host: Item | None, names, count: int, **options) -> None:
    """Stand ``count`` random things from ``names`` on an item."""
    if host is None:
        return
    for _ in range(count):
        room.on(host, room.make(room.pick(*names)), **options)


def pictures(room: Room, count: int, walls=None) -> None:
    """Pictures at eye height wherever the wall is free."""
    for _ in range(count):
        obj = room.make("picture")
        room.hang(
            obj, max(1.05, 1.55 - float(obj["size"][2]) / 2 + room.uniform(-0.05, 0.15)), walls, tries=6, margin=0.1
        )


def scatter(room: Room, names, count: int, region=None, **options) -> list[Item]:
    """Small things anywhere on the floor."""
    items = [
        room.anywhere(room.make(room.pick(*names)), tries=12, region=region, margin=0.04, **options)
        for _ in range(count)
    ]
    return [item for item in items if item]


def chairs_round(room: Room, table: Item, name: str = "dining_chair", seats: int = 6, wear: float = 0.1) -> None:
    """Chairs on all sides of a table, tucked in by different amounts, a few turned."""
    left, right, back, front = room.local_box(table)
    base = table.obj.rotation_euler[2]
    wide, deep = left + right, back + front
    spots = []
    for side in (-1, 1):
        along = max(1, min(3, int(wide / 0.62)))
        for i in range(along):
            spots.append(((i + 0.5) / along * wide - left, side, False))
        if deep > 0.75:
            spots.append((0.0, side, True))
    order = room.rng.permutation(len(spots))
    rest = room.make(name)  # one model for the whole set: copies share the mesh
    depth = float(rest["size"][1])
    placed = 0
    for index in order:
        if placed >= seats:
            break
        along, side, end = spots[int(index)]
        obj = rest.copy()
        bpy.context.scene.collection.objects.link(obj)
        places = []
        for tuck in (room.uniform(0.05, 0.3), 0.05, -0.06, -0.2):
            reach = (right if end else front) + depth / 2 - tuck
            x, y = room.beside(table, side * reach if end else along, 0.0 if end else side * reach)
            # Turn 0 faces -Y; a chair on the front side has to face +Y of the table's frame.
            face = (-math.pi / 2 if side > 0 else math.pi / 2) if end else (math.pi if side > 0 else 0.0)
            places.append((x, y, base + face + float(room.rng.normal(0.0, wear))))
        for x, y, turn in places:
            if room.try_at(obj, x, y, turn, near=(table.name, name), margin=0.02):
                placed += 1
                break
        else:
            bpy.data.objects.remove(obj)
    rest_mesh = rest.data
    bpy.data.objects.remove(rest)
    if rest_mesh.users == 0:
        bpy.data.meshes.remove(rest_mesh)


def workplace(room: Room, desk: Item) -> None:
    """Monitor or laptop, keyboard, lamp, papers and a chair at a desk."""
    left, right, back, front = room.local_box(desk)
    shift = room.uniform(-0.2, 0.2)
    if room.chance(0.75):
        room.on(desk, room.make("monitor"), right=shift, front=-back + 0.2, turn=room.uniform(-0.15, 0.15))
        room.on(desk, room.make("keyboard"), right=shift, front=front - 0.2, turn=room.uniform(-0.05, 0.05), rim=0.0)
    else:
        room.on(desk, room.make("laptop"), right=shift, front=0.0, turn=room.uniform(-0.3, 0.3))
    if room.chance(0.6):
        lit(
            room,
            room.on(desk, room.make("table_lamp"), right=room.pick(-left + 0.15, right - 0.15), front=-back + 0.16),
        )
    dress(room, desk, ("book_stack", "mug", "vase", "book_stack", "box", "bowl"), room.count(1, 4))
    chair = room.make(room.pick("office_chair", "office_chair", "dining_chair"))
    deep = float(chair["size"][1]) / 2
    places = []
    for gap in (room.uniform(-0.25, 0.1), 0.05, 0.2):
        x, y = room.beside(desk, shift, front + deep + gap)
        places.append((x, y, desk.obj.rotation_euler[2] + math.pi + float(room.rng.normal(0.0, 0.4))))
    room.add(chair, places, near=("desk", "shelf_classroom_desk"))
    if room.chance(0.5):
        x, y = room.beside(desk, room.pick(-left - 0.2, right + 0.2), 0.0)
        room.add(room.make("bin"), [(x, y, 0.0)])


def corner_filler(room: Room, names) -> Item | None:
    """Something tall in a corner: a plant, a floor lamp."""
    name = room.pick(*names)
    item = room.against(room.make(name), corner=True, gap=0.05)
    return lit(room, item) if name == "floor_lamp" else item


def shelf_rows(room: Room, count: int, names=("bookshelf",)) -> None:
    """Tall storage along the walls."""
    for _ in range(count):
        room.anchor(room.against(room.make(room.pick(*names)), corner=room.chance(0.5)))


def tabletop(room: Room, host: Item | None, low: int, high: int) -> None:
    """Small things on a piece of furniture; plants only if they are small enough for it."""
    dress(room, host, ("book_stack", "vase", "mug", "bowl", "fruit_bowl", "box", "book_stack"), room.count(low, high))
