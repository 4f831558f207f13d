"""Small worlds and their exact answers: values, gradients, surrogates and KL without a sample."""

from ppocore.worlds.estimators import Moments, exact_estimator_moments
from ppocore.worlds.exact import (
    Optimum,
    Values,
    exact_optimum,
    exact_policy_gradient,
    exact_values,
    exact_visits,
)
from ppocore.worlds.ppo import Run, Settings, exact_ppo, sampled_ppo
from ppocore.worlds.shift import Divergence, Surrogate, exact_clipped_objective, exact_kl, exact_surrogate
from ppocore.worlds.tables import chain, cliff, frozen_lake, garnet, grid_world, pupil, taxi, two_arm_bandit
from ppocore.worlds.world import World, with_time_limit

__all__ = [
    "Divergence",
    "Moments",
    "Optimum",
    "Run",
    "Settings",
    "Surrogate",
    "Values",
    "World",
    "chain",
    "cliff",
    "exact_clipped_objective",
    "exact_estimator_moments",
    "exact_kl",
    "exact_optimum",
    "exact_policy_gradient",
    "exact_ppo",
    "exact_surrogate",
    "exact_values",
    "exact_visits",
    "frozen_lake",
    "garnet",
    "grid_world",
    "pupil",
    "sampled_ppo",
    "taxi",
    "two_arm_bandit",
    "with_time_limit",
]
