"""Mistakes of the shape alone: every number is right, and an axis is gone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ppocore.conformance.mistakes.catalogue import Catalogue
from ppocore.conformance.oracle import DEFINITIONS, Formula
from ppocore.conformance.oracle.advantages import Outputs
from ppocore.conformance.oracle.inputs import Choices, Inputs

CATALOGUE = Catalogue()
BATCHED = ("td_errors", "gae", "discounted_returns", "vtrace", "token_gae", "ratio", "categorical_kl", "gaussian_kl",
           "categorical_log_prob", "categorical_entropy", "gaussian_log_prob", "gaussian_entropy",
           "squashed_gaussian_log_prob", "grpo_advantages", "rloo_advantages", "dr_grpo_advantages", "kl_reward",
           "bernoulli_log_prob", "bernoulli_entropy", "bernoulli_kl",
           "multidiscrete_log_prob", "multidiscrete_entropy", "multidiscrete_kl",
           "beta_log_prob", "beta_entropy", "beta_kl")


def _squeezed(operation: str) -> Formula:
    """The definition with every axis of length one taken out of its outputs."""
    right: Callable[[Inputs, Choices], Outputs] = DEFINITIONS[operation]

    def formula(x: Inputs, c: Choices) -> Outputs:
        return {name: np.squeeze(np.asarray(output, dtype=object)) for name, output in right(x, c).items()}

    return formula


for _operation in BATCHED:
    CATALOGUE.enter(f"{_operation}/axis-of-one-lost", says="An axis of length one is squeezed away.",
                    wrong="x.squeeze() where x.squeeze(-1) is meant",
                    matters="One step, one environment or one sample comes back in another shape, and broadcasts.",
                    seen=("pytorch/rl #3936",))(_squeezed(_operation))
