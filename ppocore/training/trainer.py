"""The loop, told once: play a batch, judge it, learn from it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from ppocore._arrays import Floats
from ppocore.advantages import gae
from ppocore.diagnostics import explained_variance
from ppocore.environments import spec_of
from ppocore.environments.dynamics import DRAWS, tables_of
from ppocore.optimizers import adapt_kl_coef
from ppocore.training.collect import Arena, begin, collect, draws_for, empty_batch, new_arena
from ppocore.training.config import Config
from ppocore.training.layout import first_parameters, layout_of
from ppocore.training.team import Team
from ppocore.training.update import REPORT, Rule, new_learner, update


class Progress(NamedTuple):
    """What is known after an update; the columns of progress.csv."""

    update: int
    steps: int
    episodes: int
    """That ended in this batch."""
    mean_return: float
    """Of the last 100 episodes; NaN before the first has ended."""
    policy_loss: float
    value_loss: float
    entropy: float
    kl: float
    k3: float
    clip_fraction: float
    grad_norm: float
    ratio_min: float
    ratio_max: float
    first_ratio_error: float
    optimizer_steps: int
    explained_variance: float
    kl_coef: float
    learning_rate: float


class Trainer:
    """A training run that can be looked at between updates, saved and taken up again."""

    def __init__(self, config: Config) -> None:
        self.config = config
        spec = spec_of(config.env)
        self.layout = layout_of(config, spec)
        self.rng = np.random.default_rng(config.seed)
        params = first_parameters(config, self.layout, self.rng)
        self.learner = new_learner(params, self.layout)
        self.arena: Arena = new_arena(spec.kind, spec.tabular, spec.max_episode_steps, tables_of(spec), config.num_envs)
        begin(self.arena, self.rng.random((config.num_envs, DRAWS)))
        self._batch = empty_batch(config.num_steps, config.num_envs, self.layout, params.dtype)
        self.team = Team()
        self.updates = 0
        self.kl_coef = config.kl_coef if config.algo == "kl" else 0.0
        self.recent: list[float] = []
        """Scores of the last 100 episodes."""

    @property
    def finished(self) -> bool:
        """Whether all steps have been taken."""
        return self.updates >= self.config.num_updates

    def run(self) -> Iterator[Progress]:
        """Update after update until all steps are taken; what is known after each."""
        # Products of small matrices: more threads only wait for one another, and could change the order of sums.
        with threadpool_limits(limits=1, user_api="blas"):
            while not self.finished:
                yield self._step()

    def _step(self) -> Progress:
        """One batch: play, judge, learn."""
        config, batch = self.config, self._batch
        draws = draws_for(config.num_steps, config.num_envs, self.layout, self.rng)
        collect(self.learner.params, self.layout, self.arena, draws, batch, self.learner.rooms,
                self.team)
        judged = gae(batch.rewards, batch.values, batch.next_values, batch.terminated, batch.truncated,
                     gamma=config.gamma, gae_lambda=config.gae_lambda)  # fmt: skip
        orders = np.array([self.rng.permutation(config.batch_size) for _ in range(config.num_epochs)])
        report, rate = np.zeros(len(REPORT)), self._learning_rate()
        advantages, returns = (np.asarray(array, dtype=np.float64) for array in (judged.advantages, judged.returns))
        update(self.learner, self.layout, self._rule(rate), batch, advantages, returns, orders,
               config.batch_size // config.num_minibatches, report, self.team)  # fmt: skip
        if not np.isfinite(self.learner.params).all():
            raise FloatingPointError(f"train: parameters are not finite after update {self.updates + 1}.")
        self.updates += 1
        return self._progress(report, judged.returns, rate)

    def _progress(self, report: Floats, returns: Any, rate: float) -> Progress:
        scores = self._batch.finished[np.isfinite(self._batch.finished)]
        self.recent = [*self.recent, *map(float, scores)][-100:]
        found: dict[str, Any] = dict(zip(REPORT, map(float, report), strict=True))
        found["optimizer_steps"] = int(found["optimizer_steps"])
        used = self.kl_coef
        if self.config.algo == "kl" and self.config.target_kl > 0:
            self.kl_coef = adapt_kl_coef(self.kl_coef, found["kl"], self.config.target_kl)
        flat = np.asarray(returns).ravel()
        explained = explained_variance(self._batch.values.ravel(), flat) if np.ptp(flat) > 0 else math.nan
        mean = float(np.mean(self.recent)) if self.recent else math.nan
        return Progress(update=self.updates, steps=self.updates * self.config.batch_size, episodes=len(scores),
                        mean_return=mean, explained_variance=float(explained), kl_coef=used, learning_rate=rate,
                        **found)  # fmt: skip

    def _learning_rate(self) -> float:
        left = 1.0 - self.updates / self.config.num_updates if self.config.anneal else 1.0
        return self.config.learning_rate * left

    def _rule(self, rate: float) -> Rule:
        config = self.config
        return Rule(
            clip_eps=config.clip_eps if config.algo == "clip" else math.inf,
            kl_coef=float(self.kl_coef),
            vf_coef=config.vf_coef * (0.5 if config.value_loss_scale == "half" else 1.0),
            value_clip_eps=float(config.value_clip_eps) or math.inf,
            ent_coef=float(config.ent_coef),
            learning_rate=float(rate),
            adam_eps=float(config.adam_eps),
            max_grad_norm=float(config.max_grad_norm) or math.inf,
            grad_norm_eps=float(config.grad_norm_eps),
            stop_k3=1.5 * config.stop_kl or math.inf,
            normalize=config.normalize_advantages,
            ddof=int(config.advantage_std == "ddof1"),
        )
