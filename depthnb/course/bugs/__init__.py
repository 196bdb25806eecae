"""Find the bug: twelve classic mistakes of the field, one file each, in the order of the course.

A file is named after the mistake. A task is named after its story, since students see that name.
"""

from depthnb.course.bugs import (
    batch_means,
    clipped_first,
    disparity_as_depth,
    empty_median,
    focal_length,
    frozen_norm,
    mixed_holes,
    pooled_pixels,
    scene_leak,
    swapped_channels,
    unmasked_loss,
    wrong_crop,
)
from depthnb.course.task import Task

BUGS: tuple[Task, ...] = tuple(
    module.TASK
    for module in (
        mixed_holes,
        focal_length,
        scene_leak,
        unmasked_loss,
        batch_means,
        swapped_channels,
        frozen_norm,
        disparity_as_depth,
        clipped_first,
        empty_median,
        wrong_crop,
        pooled_pixels,
    )
)


def of_session(number: int) -> tuple[Task, ...]:
    """The tasks of a session of the plan, in their order."""
    return tuple(task for task in BUGS if task.session == number)
