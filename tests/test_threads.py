"""Work that is spread over threads: done once, by whoever is awake, and what goes wrong in a part is told."""

from __future__ import annotations

import threading
import time

import pytest

from ppocore import _threads
from ppocore._threads import own_room, spread


@pytest.mark.parametrize("threads", [1, 2, 4, 9])
def test_every_part_is_done_once_and_answers_come_in_order(threads: int) -> None:
    done: list[int] = []

    def work(part: int) -> int:
        done.append(part)
        return 2 * part

    assert spread(work, range(7), threads) == [0, 2, 4, 6, 8, 10, 12]
    assert sorted(done) == list(range(7))


def test_a_thread_that_wakes_late_holds_nobody_up() -> None:
    """All threads of the pool are kept busy; with them, `spread` would wait until the gate opens."""
    gate = threading.Event()
    busy = [one for _ in range(max(1, _threads.THREADS - 1)) for one in _threads._asked(lambda: gate.wait(60), 1)]
    try:
        assert spread(abs, [-1, -2, -3], 2) == [1, 2, 3]
        assert not any(one.done() for one in busy)
    finally:
        gate.set()


@pytest.mark.parametrize("wrong", [False, True])
def test_a_thread_that_has_begun_is_waited_for(wrong: bool) -> None:
    together, caller = threading.Barrier(2, timeout=60), threading.current_thread()

    def work(part: int) -> int:
        together.wait()
        if threading.current_thread() is not caller:
            time.sleep(0.1)
            if wrong:
                raise ZeroDivisionError
        return part

    if wrong:
        with pytest.raises(ZeroDivisionError):
            spread(work, range(2), 2)
    else:
        assert spread(work, range(2), 2) == [0, 1]


@pytest.mark.parametrize("wrong", range(4))
def test_what_goes_wrong_in_a_part_is_told(wrong: int) -> None:
    def work(part: int) -> float:
        return 1 / (part - wrong)

    with pytest.raises(ZeroDivisionError):
        spread(work, range(4), 2)


def test_a_thread_keeps_its_room_and_shares_it_with_no_other() -> None:
    first = own_room(10)
    there: list[int] = []
    other = threading.Thread(target=lambda: there.append(own_room(10).ctypes.data))
    other.start()
    other.join()

    assert own_room(5).ctypes.data == first.ctypes.data
    assert there != [first.ctypes.data]
    assert len(own_room(20)) == 20
