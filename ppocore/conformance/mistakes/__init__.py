"""Named mistakes: wrong formulas that people really write, each told apart by its answers."""

from __future__ import annotations

from ppocore.conformance.mistakes import (
    batches,
    bernoulli,
    beta,
    groups,
    kl_control,
    losses,
    multidiscrete,
    off_policy,
    probability,
    rollouts,
    sequence_losses,
    shapes,
    statistics,
    token_rewards,
    vtrace,
)
from ppocore.conformance.mistakes.catalogue import Mistake
from ppocore.conformance.mistakes.general import general

MISTAKES: dict[str, Mistake] = {
    slug: mistake
    for family in (rollouts, vtrace, probability, off_policy, losses, statistics, shapes, groups, token_rewards,
                   kl_control, sequence_losses, bernoulli, multidiscrete, beta, batches)
    for slug, mistake in family.CATALOGUE.mistakes.items()
}


def of(operation: str) -> tuple[Mistake, ...]:
    """The mistakes known for an operation."""
    return tuple(mistake for mistake in MISTAKES.values() if mistake.operation == operation)


def find(slug: str) -> Mistake:
    """The mistake of that name, among them those every operation can make; KeyError if there is none."""
    return MISTAKES.get(slug) or general(slug)
