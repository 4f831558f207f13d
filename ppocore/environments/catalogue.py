"""What each compiled environment is: data only."""

from __future__ import annotations

from dataclasses import dataclass

from ppocore._arrays import Doorman

Bound = float | tuple[float, ...]
"""Of every entry of an action alike, or of each."""


@dataclass(frozen=True)
class Spec:
    """One environment under its Gymnasium id."""

    id: str
    kind: int
    """Number by which compiled code knows it."""
    observation_size: int
    """Entries of an observation; for a tabular world the number of states."""
    num_actions: int
    """0 where actions are real numbers or several choices."""
    max_episode_steps: int
    """0 for no limit."""
    action_bounds: tuple[Bound, Bound] = (0.0, 0.0)
    """Of a real action; what lies outside is clipped by the environment."""
    tabular: bool = False
    """Observations are numbers of states."""
    action_dimensions: int = 1
    """Entries of a real action."""
    nvec: tuple[int, ...] = ()
    """How many actions each choice has, where an action is several choices at once."""

    @property
    def continuous(self) -> bool:
        """Whether actions are real numbers."""
        return self.num_actions == 0 and not self.nvec


OUTSIDE = -1
"""The kind of every environment that is not compiled here."""
CART_POLE, ACROBOT, MOUNTAIN_CAR, MOUNTAIN_CAR_CONTINUOUS, PENDULUM, TABULAR = range(6)
SPECS = {
    spec.id: spec
    for spec in (
        Spec("CartPole-v1", CART_POLE, 4, 2, 500),
        Spec("Acrobot-v1", ACROBOT, 6, 3, 500),
        Spec("MountainCar-v0", MOUNTAIN_CAR, 2, 3, 200),
        Spec("MountainCarContinuous-v0", MOUNTAIN_CAR_CONTINUOUS, 2, 0, 999, (-1.0, 1.0)),
        Spec("Pendulum-v1", PENDULUM, 3, 0, 200, (-2.0, 2.0)),
        Spec("FrozenLake-v1", TABULAR, 16, 4, 100, tabular=True),
        Spec("FrozenLake8x8-v1", TABULAR, 64, 4, 200, tabular=True),
        Spec("CliffWalking-v1", TABULAR, 48, 4, 0, tabular=True),
        Spec("Taxi-v4", TABULAR, 500, 6, 200, tabular=True),
    )
}
FORMER = {"CliffWalking-v0": "CliffWalking-v1", "Taxi-v3": "Taxi-v4"}
"""Earlier numbers of versions whose default worlds are the same (Gymnasium 1.3 renamed Taxi)."""


def is_compiled(id: str) -> bool:
    """Whether the environment of that id is one of ours."""
    return FORMER.get(id, id) in SPECS


def spec_of(id: str) -> Spec:
    """The environment of that Gymnasium id; ValueError, with the list, for one that is not compiled."""
    found = SPECS.get(FORMER.get(id, id))
    if found is None:
        known = ", ".join(SPECS)
        raise Doorman("environments").refusal("id", f"is {id!r}", f"it must be one of {known}")
    return found
