"""Memory that is used again: every array begins at a cache line, and threads do not share it."""

import threading

import numpy as np
import pytest

from depthnb.metrics.room import Room, room


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_lie_apart_and_begin_at_a_cache_line(dtype):
    own = Room()
    for sizes in ((3, 5), (1000, 7), (2, 2)):  # growing, then smaller again
        taken = own.take(*((size, 3) for size in sizes), dtype=np.dtype(dtype))
        for number, array in enumerate(taken):
            assert array.ctypes.data % 64 == 0
            array[:] = number
        assert all((array == number).all() for number, array in enumerate(taken))


def test_what_was_taken_is_taken_again():
    own, shape = Room(), (4, 4)
    (first,) = own.take(shape, dtype=np.dtype("float32"))
    (second,) = own.take(shape, dtype=np.dtype("float32"))
    assert np.shares_memory(first, second)


def test_each_thread_and_purpose_has_its_own():
    found = []
    other = threading.Thread(target=lambda: found.append(room("strip")))
    other.start()
    other.join()
    assert room("strip") is room("strip") and len({id(each) for each in (room("strip"), room("steps"), found[0])}) == 3
