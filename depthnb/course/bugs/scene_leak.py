"""Frames of one scene in the training and in the test split."""

from depthnb.course.task import Task

TASK = Task(
    name="next_house",
    function="split",
    title="Excellent, until the next house",
    story=(
        "A net has almost no error on its test frames, and is useless in a house that it has never seen. The frames "
        "come from videos, several frames from each scene; `scenes` is a list with one text for each frame, the name "
        "of its scene. `split` must return two lists of frame numbers, for training and for testing, so that the test "
        "shows what the net does in a new house. The training list holds `round(share * number of scenes)` whole "
        "scenes, and the test list holds all other frames. The same seed must give the same split each time; "
        "different seeds must not all give one split."
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
import random

from depthnb.course.asking import case, parts


def check(answer, seed=0):
    draw = random.Random(seed)
    for count, share in ((10, 0.7), (9, 0.75), (9, 0.5), (12, 0.3), (3, 1.0), (4, 0.0), (1, 0.4), (1, 1.0)):
        sizes = [draw.randint(1, 6) for _ in range(count - 1)] + [25]  # frames are not shared out as scenes are
        names = draw.sample([*(f"scene {number}" for number in range(60)), *"abcABC", "aa", "scene", "scene 01", "1"], count)
        scenes = [name for name, size in zip(names, sizes) for _ in range(size)]
        draw.shuffle(scenes)
        with case(f"for {count} scene{'s' * (count > 1)} and the share {share}"):
            seeds = [draw.randrange(1000) for _ in range(5)]
            splits = [_train(answer(scenes, share, each), scenes, round(share * count)) for each in seeds]
            assert _train(answer(scenes, share, seeds[0]), scenes, round(share * count)) == splits[0], (
                f"seed {seeds[0]} gave another split when it was asked again"
            )
            assert len(set(splits)) > 1 or round(share * count) in (0, count), f"the seeds {seeds} give the same split"


def _train(value, scenes, count):
    train, test = (_frames(part, name) for part, name in zip(parts(value, 2), ("training", "test")))
    for frame in range(len(scenes)):
        times = (train + test).count(frame)
        assert times, f"frame {frame} is in neither list"
        assert times == 1, f"frame {frame} is {times} times in the two lists; expected once"
    strange = [frame for frame in train + test if not 0 <= frame < len(scenes)]
    assert not strange, f"there is no frame {strange[0]}; the frames are 0 to {len(scenes) - 1}"
    seen = {scenes[frame] for frame in train}
    both = sorted(seen & {scenes[frame] for frame in test})
    assert not both, f"{len(both)} scenes have frames in both lists, {both[0]!r} is one"
    assert len(seen) == count, f"{len(seen)} scenes are in the training list; expected {count}"
    return frozenset(train)


def _frames(part, name):
    try:
        frames = [int(each) for each in part]
        assert all(frame == each for frame, each in zip(frames, part))
    except (TypeError, ValueError, OverflowError, AssertionError):
        said = f"{type(part).__name__} {str(part)[:40]}"
        raise AssertionError(f"the {name} list must hold frame numbers, which are whole; it is {said}") from None
    return frames
""",
    hint=(
        "Two frames of one video are almost the same picture. What has to be shuffled: frames, or something that "
        "holds several of them?"
    ),
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
