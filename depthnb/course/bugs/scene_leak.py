"""Frames of one scene in the training and in the test split."""

from depthnb.course.task import Task

TASK = Task(
    name="scene_leak",
    function="split",
    title="Excellent, until the next house",
    story=(
        "A net has almost no error on its test frames, and is useless in a house that it has never seen. The frames were "
        "shuffled and cut at a share, and neighbours of one video fell on both sides. Whole scenes shall go to one side: "
        "the training side gets that share of the scenes, rounded, and every frame is used once."
    ),
    code='''
import random


def split(scenes, share, seed):
    """Frame numbers for training and for testing; scenes holds the name of each frame's scene."""
    frames = list(range(len(scenes)))
    random.Random(seed).shuffle(frames)
    cut = round(share * len(frames))
    return frames[:cut], frames[cut:]
''',
    check="""
def check(answer, seed=0):
    import random

    draw = random.Random(seed)
    scenes = [f"scene {number}" for number in range(10) for _ in range(draw.randint(2, 9))]
    draw.shuffle(scenes)
    splits = []
    for s in range(4):
        train, test = (list(map(int, part)) for part in answer(scenes, 0.7, s))
        assert sorted(train + test) == list(range(len(scenes))), "a frame is on neither side, or twice"
        both = {scenes[i] for i in train} & {scenes[i] for i in test}
        assert not both, f"{len(both)} of 10 scenes have frames on both sides"
        count = len({scenes[i] for i in train})
        assert count == 7, f"{count} of 10 scenes are for training; expected 7, a share of 0.7"
        splits.append(frozenset(scenes[i] for i in train))
    again, _ = answer(scenes, 0.7, 0)
    assert {scenes[int(i)] for i in again} == splits[0], "the same seed gave another split"
    assert len(set(splits)) > 1, "every seed gives the same split"
""",
    hint="What has to be shuffled: frames, or something that holds several of them?",
    solution='''
import random


def split(scenes, share, seed):
    """Frame numbers for training and for testing; scenes holds the name of each frame's scene."""
    names = sorted(set(scenes))
    random.Random(seed).shuffle(names)
    chosen = set(names[: round(share * len(names))])
    train = [frame for frame, scene in enumerate(scenes) if scene in chosen]
    test = [frame for frame, scene in enumerate(scenes) if scene not in chosen]
    return train, test
''',
    minutes=10,
    points=2,
    session=1,
    notebook="01_data",
)
