"""Which scenes there are: the number of each type, the order of rendering and the split, all fixed."""

from __future__ import annotations

WIDTH, HEIGHT, FOCAL = 320, 240, 295.0  # 56.9 degrees across, near a Kinect's 57
CX, CY = (WIDTH - 1) / 2, (HEIGHT - 1) / 2  # pixel centres at integers

# Unequal on purpose, in the spirit of NYU Depth v2's labelled set: many bedrooms, kitchens and living rooms, few classrooms.
SCENES = {
    "bedroom": 46,
    "living_room": 39,
    "kitchen": 35,
    "dining_room": 25,
    "office": 25,
    "bathroom": 23,
    "playroom": 17,
    "corridor": 12,
    "classroom": 10,
}


def scene_list() -> list[tuple[str, str]]:
    """(type, scene name) of every scene in the order of rendering, the types interleaved so that any prefix is balanced."""
    order = sorted(
        (((i + 0.5) / n, kind, i) for kind, n in SCENES.items() for i in range(n)), key=lambda e: (e[0], e[1])
    )
    return [(kind, f"{kind}_{i:04d}") for _, kind, i in order]


def split_of(scene: str) -> str:
    """The split of a scene, from its place within its type: of every eight, five or six train, one or two val, one test."""
    index = int(scene.rsplit("_", 1)[1])
    place = index % 8
    return {2: "val", 5: "test", 7: "val" if index % 16 == 7 else "train"}.get(place, "train")
