"""The right exponents of PPO's equations 10 and 11, on the body of the shipped recursion."""

from __future__ import annotations

from fractions import Fraction

from proofs.ledger import proof, refutation
from proofs.ledger.outcome import Outcome, proved, refuted
from proofs.methods.polynomials import Ring, rows, same
from proofs.theorems.rollouts import GOES_ON, Rollout, shipped

LOOP = "ppocore.advantages:_gae_loop"
GAE = "ppocore.advantages:gae"
STEPS = 8


def first_advantage(rewards, values, last_value, gamma, gae_lambda):
    """A_0 of one stretch of steps, by the shipped recursion."""
    flags = [GOES_ON] * len(rewards)
    return shipped(Rollout(rewards, values, [*values[1:], last_value], flags, gamma, gae_lambda))[0]


def equation_10(rewards, values, last_value, gamma, last_exponent):
    """Discounted rewards, the last with the given exponent, and the bootstrap."""
    steps = len(rewards)
    powers = [gamma**k for k in range(steps - 1)] + [gamma**last_exponent]
    return sum(p * r for p, r in zip(powers, rewards, strict=True)) + gamma**steps * last_value - values[0]


def equation_11(rewards, values, last_value, gamma, gae_lambda, last_exponent):
    """Discounted TD errors, the last with the given exponent."""
    after = [*values[1:], last_value]
    errors = [r + gamma * n - v for r, n, v in zip(rewards, after, values, strict=True)]
    rate = gamma * gae_lambda
    powers = [rate**k for k in range(len(errors) - 1)] + [rate**last_exponent]
    return sum(p * e for p, e in zip(powers, errors, strict=True))


def symbols(steps):
    """Polynomial variables for one stretch: rewards, values, last value, gamma, lambda."""
    x = Ring(f"{rows('r v', steps)} last gamma gae_lambda")
    return x.row("r", steps), x.row("v", steps), x["last"], x["gamma"], x["gae_lambda"]


@proof("MIS-01", "flint", f"kernel = equation 10, T - t = 1 ... {STEPS}, all numbers symbolic", code=[LOOP, GAE])
def _() -> Outcome:
    cases = [(steps, *symbols(steps)) for steps in range(1, STEPS + 1)]
    return same(
        (first_advantage(r, v, last, gamma, 1), equation_10(r, v, last, gamma, steps - 1))
        for steps, r, v, last, gamma, _ in cases
    )


@proof("MIS-02", "flint", f"kernel = equation 11, T - t = 1 ... {STEPS}, all numbers symbolic", code=[LOOP, GAE])
def _() -> Outcome:
    cases = [(steps, symbols(steps)) for steps in range(1, STEPS + 1)]
    return same((first_advantage(*case), equation_11(*case, steps - 1)) for steps, case in cases)


WITNESS = {"rewards": (Fraction(1), Fraction(1)), "gamma": Fraction(1, 2)}


def _printed_10(rewards, gamma):
    zeros = [Fraction(0)] * len(rewards)
    return first_advantage(rewards, zeros, 0, gamma, 1) == equation_10(rewards, zeros, 0, gamma, len(rewards) + 1)


def _printed_11(rewards, gamma):
    zeros = [Fraction(0)] * len(rewards)
    return first_advantage(rewards, zeros, 0, gamma, 1) == equation_11(rewards, zeros, 0, gamma, 1, len(rewards) + 1)


@refutation("MIS-01", "exact", "equation 10 as printed: the last reward with exponent T - t + 1", claim=_printed_10)
def _() -> Outcome:
    return proved() if _printed_10(**WITNESS) else refuted("3/2 against 9/8", **WITNESS)


@refutation("MIS-02", "exact", "equation 11 as printed: the last TD error with exponent T - t + 1", claim=_printed_11)
def _() -> Outcome:
    return proved() if _printed_11(**WITNESS) else refuted("3/2 against 9/8", **WITNESS)
