"""Write the code: what a notebook teaches as a function of at most ten lines, one file each, in the order of the notebooks."""

from depthnb.course.exercises import (
    blank_picture,
    errors_left,
    gradient_term,
    least_error,
    masked_gram,
    masked_mse,
    nan_weights,
    paired_change,
    planar_guidance,
    project,
    scale_and_shift,
    scale_invariant,
    skip_join,
    two_distances,
    two_players,
)
from depthnb.course.task import Task

EXERCISES: tuple[Task, ...] = tuple(
    module.TASK
    for module in (
        project,
        masked_mse,
        blank_picture,
        scale_invariant,
        nan_weights,
        skip_join,
        gradient_term,
        planar_guidance,
        scale_and_shift,
        masked_gram,
        two_players,
        paired_change,
        errors_left,
        two_distances,
        least_error,
    )
)


def of_notebook(name: str) -> tuple[Task, ...]:
    """The exercises of a notebook, in their order; none for one that has none.

    >>> [task.name for task in of_notebook("03_eigen")]
    ['scale_invariant', 'nan_weights']
    """
    return tuple(task for task in EXERCISES if task.notebook == name)
