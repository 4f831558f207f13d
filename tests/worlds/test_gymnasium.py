"""The worlds that bear Gymnasium's names have Gymnasium's tables."""

from __future__ import annotations

import numpy as np
import pytest

from ppocore.worlds import World, cliff, frozen_lake, taxi
from tests.environments.theirs import make
from tests.optional import require

require("gymnasium")
SAME = {
    "CliffWalking-v1": (cliff(), {}),
    "FrozenLake-v1": (frozen_lake(), {}),
    "FrozenLake8x8-v1": (frozen_lake("8x8"), {}),
    "Taxi-v4": (taxi(), {}),
    "FrozenLake-v1 dry": (frozen_lake(slippery=False), {"is_slippery": False}),
}


def joined(outcomes: list) -> dict:
    """Chances by (state or end, reward, end), for comparison whatever the order."""
    table: dict = {}
    for chance, state, reward, ended in outcomes:
        if chance:
            key = (None if ended else int(state), float(reward), bool(ended))
            table[key] = table.get(key, 0.0) + float(chance)
    return {key: round(chance, 12) for key, chance in table.items()}


@pytest.mark.parametrize("name", SAME)
def test_same_outcomes(name: str) -> None:
    world, options = SAME[name]
    theirs = make(name.split()[0], **options).unwrapped

    for s in reached(world):
        for a in range(world.num_actions):
            ours = list(zip(world.chances[s, a], world.successors[s, a], world.rewards[s, a], world.terminated[s, a],
                            strict=True))
            assert joined(ours) == joined(theirs.P[s][a]), (s, a)


def reached(world: World) -> list[int]:
    """States that an episode can be in."""
    seen = world.initial > 0
    while True:
        grown = seen | ((world.moves[seen].sum(axis=(0, 1))) > 0)
        if (grown == seen).all():
            return [int(s) for s in np.flatnonzero(seen)]
        seen = grown
