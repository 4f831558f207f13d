"""Threads in step: nobody goes on before all have come, and nobody waits for those who will not."""

from __future__ import annotations

import multiprocessing

import numba
import numpy as np
import pytest

from ppocore.training.team import Place, Team, meet

ROUNDS = 2_000


@numba.njit(nogil=True)
def leapfrog(place: Place, steps: np.ndarray, behind: np.ndarray) -> None:
    """In every round write one's own step, wait, and see whether all have written theirs."""
    for step in range(1, ROUNDS + 1):
        steps[place.rank] = step
        meet(place)
        for other in range(place.size):
            behind[place.rank] += steps[other] < step
        meet(place)


@numba.njit(nogil=True)
def wait(place: Place, told: np.ndarray) -> None:
    told[place.rank] = meet(place)


def team_of(size: int) -> Team:
    team = Team()
    team.size = size
    return team


@pytest.mark.parametrize("size", [1, 2, 3])
def test_all_come_before_one_goes_on(size: int) -> None:
    steps, behind = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)

    team_of(size).run(leapfrog, steps, behind)

    assert steps.tolist() == [ROUNDS] * size
    assert behind.tolist() == [0] * size


@pytest.mark.parametrize("failing", [0, 1])
def test_who_fails_is_not_waited_for(failing: int) -> None:
    told = np.array([True, True])

    def work(place: Place) -> None:
        if place.rank == failing:
            raise KeyboardInterrupt
        wait(place, told)

    team = team_of(2)
    with pytest.raises(KeyboardInterrupt):
        team.run(work)
    assert not told[1 - failing]

    team.run(wait, told)
    assert told.all()


def test_a_team_works_on_after_a_fork() -> None:
    team, told = team_of(2), np.zeros(2, dtype=np.bool_)
    team.run(wait, told)
    child = multiprocessing.get_context("fork").Process(target=team.run, args=(wait, told))
    child.start()
    child.join(timeout=60)

    assert child.exitcode == 0
