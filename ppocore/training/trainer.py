"""The loop, told once: play a batch, judge it, learn from it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from ppocore._arrays import Floats, Ints
from ppocore.diagnostics import batch_health, explained_variance
from ppocore.environments import SPECS, is_compiled, spec_of
from ppocore.environments.dynamics import DRAWS, tables_of
from ppocore.optimizers import adapt_kl_coef
from ppocore.training.collect import Arena, begin, collect, count_first_states, draws_for, empty_batch, new_arena
from ppocore.training.config import Config
from ppocore.training.errors import BadRun
from ppocore.training.judging import judge, normaliser_of
from ppocore.training.layout import first_parameters, layout_of
from ppocore.training.scaling import Scaling, new_scaling
from ppocore.training.second_compiler import second_compiler
from ppocore.training.stage import Stage
from ppocore.training.team import Team
from ppocore.training.update import REPORT, Rule, new_learner, update
from ppocore.training.value_terms import form_of

MakeEnvs = Callable[[int], Any]
"""From a number to a Gymnasium vector environment of so many."""


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
    ess: float
    """Effective sample size of the ratios, every sample as last visited, as a share of the batch."""
    k_hat: float
    """Of the same ratios, by `pareto_k_hat`; NaN where there is no tail to fit."""
    health: str
    """trust, shrink or resample: the rule of `batch_health`."""
    explained_variance: float
    kl_coef: float
    learning_rate: float


class Trainer:
    """A training run that can be looked at between updates, saved and taken up again."""

    def __init__(self, config: Config, *, make_envs: MakeEnvs | None = None) -> None:
        self.config, self.make_envs = config, make_envs
        self.stage = stage_for(config, make_envs, config.num_envs)
        """Environments from outside; None where they are compiled."""
        spec = self.spec = spec_of(config.env) if self.stage is None else self.stage.outside.spec
        if config.normalize_observations and spec.tabular:
            raise BadRun(f"train: normalize_observations is True; observations of {config.env} are numbers of states.")
        try:
            config.require_fitting_head(spec)
        except ValueError as error:
            raise BadRun(str(error)) from None
        self._wait_for_compiler = self._second_compiler()
        self.layout = layout_of(config, spec)
        self.rng = np.random.default_rng(config.seed)
        params = first_parameters(config, self.layout, self.rng)
        self.learner = new_learner(params, self.layout)
        self.arena: Arena = new_arena(spec.kind, spec.tabular, spec.max_episode_steps, tables_of(spec), config.num_envs)
        self.scaling: Scaling = new_scaling(config, spec.observation_size)
        if self.stage is None:
            self._begin()
        self._batch = empty_batch(config.num_steps, config.num_envs, self.layout, params.dtype)
        self.team = Team()
        self.updates = 0
        self.kl_coef = config.kl_coef if config.algo in ("kl", "clip-kl") else 0.0
        self.learning_rate = float(config.learning_rate)
        """Of the last step: where it is adaptive, the next update begins with it."""
        self.recent: list[float] = []
        """Scores of the last 100 episodes."""
        self.last: Progress | None = None
        """What was known after the last update."""

    def _second_compiler(self) -> Callable[[], object]:
        """Begin to compile, elsewhere, what learns, if that was never done; what is returned waits for it."""
        return second_compiler(self.config, self) if self.stage is None else lambda: None

    def _begin(self) -> None:
        begin(self.arena, self.rng.random((self.config.num_envs, DRAWS)))
        if self.scaling.observations:
            count_first_states(self.arena, self.scaling, self.learner.desks.seen[0])

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
        draws = draws_for(config.num_steps, config.num_envs, self.layout, config.noise_hold, self.rng)
        scores = self._play(draws)
        advantages, returns = judge(config, batch)
        orders = np.array([self.rng.permutation(config.batch_size) for _ in range(config.num_epochs)])
        report, rate = np.zeros(len(REPORT)), self._scheduled("learning_rate")
        self._learn(rate, advantages, returns, orders, report)
        if not np.isfinite(self.learner.params).all():
            raise BadRun(f"train: parameters are not finite after update {self.updates + 1};"
                         f" learning_rate is {rate}, max_grad_norm {config.max_grad_norm}.")  # fmt: skip
        self.updates += 1
        self.last = self._progress(report, returns, scores)
        self.learning_rate = self.last.learning_rate
        return self.last

    def compile_update(self) -> None:
        """Compile what learns, for the cache; nothing is learned."""
        nothing, no_epochs = np.zeros_like(self._batch.values), np.empty((0, self.config.batch_size), dtype=np.int64)
        self._learn(0.0, nothing, nothing, no_epochs, np.zeros(len(REPORT)))

    def _learn(self, rate: float, advantages: Floats, returns: Floats, orders: Ints, report: Floats) -> None:
        update(self.learner, self.layout, self._rule(rate), self._batch, advantages, returns, orders,
               self.config.batch_size // self.config.num_minibatches, report, self.team)  # fmt: skip

    def _play(self, draws: Any) -> list[float]:
        """Fill the batch; the scores of the episodes that ended."""
        learner, batch = self.learner, self._batch
        if self.stage is not None:
            return self.stage.play(self.layout, self.scaling, draws, self.rng, batch, learner)
        collect(learner.params, self.layout, self.arena, self.scaling, draws, batch, learner.rooms,
                learner.desks, self.team)  # fmt: skip
        self._wait_for_compiler()
        return [float(score) for score in batch.finished[np.isfinite(batch.finished)]]

    def _progress(self, report: Floats, returns: Any, scores: list[float]) -> Progress:
        self.recent = [*self.recent, *scores][-100:]
        found: dict[str, Any] = dict(zip(REPORT, map(float, report), strict=True))
        found["optimizer_steps"] = int(found["optimizer_steps"])
        used = self.kl_coef
        if self.config.algo in ("kl", "clip-kl") and self.config.target_kl > 0:
            self.kl_coef = adapt_kl_coef(self.kl_coef, found["kl"], self.config.target_kl, kl_rule=self.config.kl_rule)
        explained = explained_variance(self._batch.values.ravel(), np.asarray(returns).ravel())
        mean = float(np.mean(self.recent)) if self.recent else math.nan
        return Progress(update=self.updates, steps=self.updates * self.config.batch_size, episodes=len(scores),
                        mean_return=mean, explained_variance=explained, kl_coef=used,
                        **found, **_health(self._batch.log_ratios.ravel(), found))  # fmt: skip

    def _scheduled(self, name: str) -> float:
        """A setting as its schedule has it now."""
        if getattr(self.config, f"{name}_schedule") == "adaptive":
            return self.learning_rate
        linear = getattr(self.config, f"{name}_schedule") == "linear"
        left = 1.0 - self.updates / self.config.num_updates if linear else 1.0
        return float(getattr(self.config, name) * left)

    def _rule(self, rate: float) -> Rule:
        config = self.config
        high = self._scheduled("clip_eps") if config.algo in ("clip", "clip-kl") else math.inf
        log_symmetric = config.clip_band == "log_symmetric"
        whole = config.normalize_over == "batch"
        return Rule(
            clip_eps_low=1.0 - 1.0 / (1.0 + high) if log_symmetric and high < math.inf else high,
            clip_eps_high=high,
            kl_coef=float(self.kl_coef),
            vf_coef=config.vf_coef * (0.5 if config.value_loss_scale == "half" else 1.0),
            value_form=form_of(config.value_loss, config.value_clip, config.value_clip_eps),
            value_width=float(config.value_clip_eps),
            ent_coef=float(config.ent_coef),
            learning_rate=float(rate),
            desired_kl=float(config.desired_kl) if config.learning_rate_schedule == "adaptive" else 0.0,
            sgd=config.optimizer == "sgd",
            adam_eps=float(config.adam_eps),
            adam_hat=config.adam_eps_form == "hat",
            max_grad_norm=float(config.max_grad_norm) or math.inf,
            grad_norm_eps=float(config.grad_norm_eps),
            norms_apart=config.grad_norm_over == "networks",
            stop_k3=config.stop_factor * config.stop_kl or math.inf,
            stop_at_once=config.stop_after == "minibatch",
            normaliser=normaliser_of(config)._replace(wanted=config.normalize_advantages and not whole),
        )


def stage_for(config: Config, make_envs: MakeEnvs | None, num_envs: int) -> Stage | None:
    """A stage for environments that are not compiled here, or were handed over; None for the others."""
    if make_envs is None and is_compiled(config.env):
        return None
    try:
        from ppocore.environments import outside
    except ModuleNotFoundError:
        raise BadRun(f"train: env is {config.env!r}; it must be one of {', '.join(SPECS)}; for others Gymnasium must be"
                     " installed: pip install 'ppocore[train]'.") from None  # fmt: skip
    envs = outside.make(config.env, num_envs) if make_envs is None else make_envs(num_envs)
    if envs.num_envs != num_envs:
        raise BadRun(f"train: make_envs gave {envs.num_envs} environments; {num_envs} were asked for.")
    return Stage(outside.Outside(envs, config.env))


def _health(log_ratios: Floats, found: dict[str, Any]) -> dict[str, Any]:
    """What the ratios of an update say of its batch."""
    if max(found["ratio_max"] - 1.0, 1.0 - found["ratio_min"]) <= found["first_ratio_error"]:
        # None is farther from 1 than before the first step: all are 1, and a tail would be fitted to roundings.
        log_ratios = np.zeros_like(log_ratios)
    health = batch_health(log_ratios)
    return {"ess": health.effective_sample_size / log_ratios.size, "k_hat": health.k_hat, "health": health.verdict}
