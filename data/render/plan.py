"""Which scenes there are: the number of each type, the order of rendering, the split and the camera, all fixed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

# Unequal on purpose, in the spirit of NYU Depth v2's labelled set: many bedrooms, kitchens and living rooms, few classrooms.
ROOM_SCENES = {
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

# KITTI's mix: mostly residential streets, then the city, roads between fields and few highways.
STREET_SCENES = {"residential": 13, "city": 10, "suburb": 8, "country": 6, "highway": 4}


def room_split(index: int) -> str:
    """The split of a room from its place within its type: of every eight, five or six train, one or two val, one test."""
    place = index % 8
    return {2: "val", 5: "test", 7: "val" if index % 16 == 7 else "train"}.get(place, "train")


def street_split(index: int) -> str:
    """The split of a street from its place within its type: the second val, the 4th, 9th and 12th test, else train."""
    return {1: "val", 3: "test", 8: "test", 11: "test"}.get(index, "train")


@dataclass(frozen=True)
class Plan:
    """One data set to render: its camera (focal length in pixels, pixel centres at integers), scenes and split."""

    name: str
    width: int
    height: int
    focal: float
    scenes: dict[str, int]
    split: Callable[[int], str]
    clip: tuple[float, float]  # metres: what the camera sees
    indoors: bool
    first: int = 0  # number of the first scene, overall and of each type

    @property
    def cx(self) -> float:
        """Column of the principal point."""
        return (self.width - 1) / 2

    @property
    def cy(self) -> float:
        """Row of the principal point."""
        return (self.height - 1) / 2

    def scene_list(self, count: int | None = None) -> list[tuple[str, str]]:
        """(type, scene name) of the first `count` scenes in the order of rendering, by default of as many as the plan has.

        The types are interleaved, so that any prefix is balanced. Further scenes repeat the order with higher numbers.
        """
        order = sorted(
            (((i + 0.5) / n, kind, i) for kind, n in self.scenes.items() for i in range(n)),
            key=lambda e: (e[0], e[1]),
        )
        numbers = range(len(order) if count is None else count)
        turns = ((n // len(order), *order[n % len(order)][1:]) for n in numbers)
        return [(kind, f"{kind}_{self.first + turn * self.scenes[kind] + i:04d}") for turn, kind, i in turns]

    def split_of(self, scene: str) -> str:
        """The split of a scene, from its place within its type."""
        return self.split(int(scene.rsplit("_", 1)[1]))


# 56.9 degrees across, near a Kinect's 57.
ROOMS = Plan("rooms", 320, 240, 295.0, ROOM_SCENES, room_split, (0.05, 1000.0), indoors=True)
# Further rooms of the same mix, all to train on: their numbers, on which a room depends, are those of no embedded one.
MORE_ROOMS = replace(ROOMS, name="rooms-more", split=lambda index: "train", first=1000)
# KITTI's 721.5 pixels at 1242 are 372 at 640: 81.7 degrees across.
STREETS = Plan("streets", 640, 192, 370.0, STREET_SCENES, street_split, (0.2, 5000.0), indoors=False)
PLANS = {plan.name: plan for plan in (ROOMS, MORE_ROOMS, STREETS)}
