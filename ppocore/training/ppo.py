"""`PPO`, for habit: an object with learn, predict, save and load; a thin face of `Trainer` and of its folder."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from ppocore._arrays import Array, Doorman
from ppocore.training import folder as folders
from ppocore.training.acting import act
from ppocore.training.config import Config
from ppocore.training.session import Watch
from ppocore.training.trainer import MakeEnvs, Progress, Trainer


class PPO:
    """A policy that learns, acts, and can be kept.

    Settings are those of `Config`, but for `total_steps`, which is the business of `learn`; `make_envs` is that of
    `train`.

    Examples
    --------
    >>> model = PPO("CartPole-v1", learning_rate=0.0025, seed=1).learn(4096)
    >>> model.num_timesteps
    4096
    >>> action, _ = model.predict([0.0, 0.0, 0.1, 0.0], deterministic=True)
    >>> int(action) in (0, 1)
    True
    """

    def __init__(self, env: str | Config, *, make_envs: MakeEnvs | None = None, **settings: Any) -> None:
        if "total_steps" in settings:
            raise Doorman("PPO").refusal("total_steps", f"is {settings['total_steps']}",
                                         "leave it to learn(total_timesteps)")  # fmt: skip
        config = dataclasses.replace(env, **settings) if isinstance(env, Config) else Config(env, **settings)
        self._take(Trainer(config, make_envs=make_envs), [])

    def _take(self, trainer: Trainer, history: list[Progress]) -> None:
        self.trainer, self.history = trainer, history
        self._rng = np.random.default_rng(trainer.config.seed)
        """Draws the actions of `predict`: asking does not change what is learned."""

    @property
    def config(self) -> Config:
        """All settings."""
        return self.trainer.config

    @property
    def num_timesteps(self) -> int:
        """Environment steps learned from so far."""
        return self.trainer.updates * self.config.batch_size

    def learn(self, total_timesteps: int, *, watch: Watch | None = None) -> Self:
        """Learn from so many more environment steps, rounded up to whole batches; `watch` gets each `Progress`.

        What a schedule lets fall is 0 at the end of all steps asked for so far.
        """
        more = Doorman("learn").whole("total_timesteps", total_timesteps, 1)
        self.trainer.config = dataclasses.replace(self.config, total_steps=self.num_timesteps + more)
        for progress in self.trainer.run():
            self.history.append(progress)
            if watch is not None:
                watch(progress)
        return self

    def predict(self, observation: ArrayLike, *, deterministic: bool = False) -> tuple[Array, None]:
        """The action for one observation, or the actions for a row of them; None is the state that PPO does not have.

        One observation has shape (D,), or is the number of a state; an action is an int64, or (dimensions,) real
        numbers within the bounds of the environment.
        """
        one = np.ndim(observation) == (0 if self.trainer.spec.tabular else 1)
        rows = np.asarray(observation)[None] if one else observation
        actions, _ = act(self.trainer, rows, deterministic=deterministic, rng=self._rng)
        return (actions[0] if one else actions), None

    def save(self, path: Path | str) -> None:
        """Into a folder as `ppocore train --out` makes it; an earlier state of the same run there is replaced."""
        folders.replace_run(Path(path), self.trainer, self.history)

    @classmethod
    def load(cls, path: Path | str, *, make_envs: MakeEnvs | None = None) -> Self:
        """What `save` or `ppocore train` left in a folder; `learn` goes on from there bit for bit."""
        model = cls.__new__(cls)
        model._take(*folders.resume(Path(path), make_envs=make_envs))
        return model
