"""What a term may turn out to follow: divergences by their definitions, and their gradients in the logits.

Written in the oracle's numbers, which differentiate what is written down; no gradient here is derived by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ppocore.conformance.estimators.points import Point, Policy
from ppocore.conformance.oracle.reals import Array, Real, gradient, leaves, lift, stop, total

Row = Sequence[Real]


@dataclass(frozen=True)
class Divergence:
    """A function of the current policy p, the old policy q and the reference r."""

    name: str
    says: str
    of: Callable[[Row, Row, Row], Real]


def _mean(weights: Row, numbers: Sequence[Real]) -> Real:
    return total([weight * number for weight, number in zip(weights, numbers, strict=True)])


def _logs(p: Row, r: Row) -> list[Real]:
    """log p - log r, action by action."""
    return [a.log() - b.log() for a, b in zip(p, r, strict=True)]


def _kl(p: Row, r: Row) -> Real:
    return _mean(p, _logs(p, r))


def _chi2(p: Row, r: Row) -> Real:
    return _mean(p, [a / b for a, b in zip(p, r, strict=True)]) - 1


def _k2(weights: Row, p: Row, r: Row) -> Real:
    return _mean(weights, [x * x / 2 for x in _logs(p, r)])


def _k3(weights: Row, p: Row, r: Row) -> Real:
    return _mean(weights, [b / a - 1 + x for a, b, x in zip(p, r, _logs(p, r), strict=True)])


def _variation(p: Row, r: Row) -> Real:
    return total([abs(a - b) for a, b in zip(p, r, strict=True)]) / 2


DIVERGENCES = (
    Divergence("KL(current, ref)", "the reverse KL", lambda p, q, r: _kl(p, r)),
    Divergence("KL(ref, current)", "the forward KL", lambda p, q, r: _kl(r, p)),
    Divergence("E_current[k2]", "half the squared log-ratio, averaged over the current policy",
               lambda p, q, r: _k2(p, p, r)),
    Divergence("TV(current, ref)", "the total variation", lambda p, q, r: _variation(p, r)),
    Divergence("chi2(current, ref)", "sum current^2 / ref - 1", lambda p, q, r: _chi2(p, r)),
    Divergence("chi2(ref, current)", "sum ref^2 / current - 1", lambda p, q, r: _chi2(r, p)),
    Divergence("E_current[log_prob]", "the entropy of the current policy, with a minus; ref plays no part",
               lambda p, q, r: _mean(p, [a.log() for a in p])),
    Divergence("E_old[k2]", "half the squared log-ratio, averaged over the old policy, held",
               lambda p, q, r: _k2(q, p, r)),
    Divergence("E_old[k3]", "k3 averaged over the old policy, held", lambda p, q, r: _k3(q, p, r)),
    Divergence("KL(old, current)", "from the policy that drew the actions; ref plays no part",
               lambda p, q, r: _kl(q, p)),
    Divergence("KL(current, old)", "to the policy that drew the actions; ref plays no part",
               lambda p, q, r: _kl(p, q)),
    Divergence("chi2(current, old)", "to the policy that drew the actions; ref plays no part",
               lambda p, q, r: _chi2(p, q)),
)
"""Where two of them have the same gradient at every point (on-policy, E_old[k2] and KL(current, ref)) the first one
that fits is named: those that one means to train come first."""
BY_NAME = {divergence.name: divergence for divergence in DIVERGENCES}
MEANT = "KL(current, ref)"
"""What a KL penalty is meant to be, if nothing else is said."""


def fractions(policy: Policy) -> list[Real]:
    return [lift(chance.numerator) / chance.denominator for chance in policy]


def logits(point: Point) -> Array:
    """The current policy's logits as variables: its log-probabilities, which are logits of it."""
    return leaves([chance.log() for chance in fractions(point.current)])


def softmax(z: Array) -> list[Real]:
    powers = [x.exp() for x in z]
    return [power / total(powers) for power in powers]


def value(divergence: Divergence, point: Point) -> Real:
    """The divergence itself."""
    return divergence.of(fractions(point.current), fractions(point.old), fractions(point.ref))


def slope(divergence: Divergence, point: Point) -> list[Real]:
    """Its gradient in the logits of the current policy."""
    z = logits(point)
    found = divergence.of(softmax(z), fractions(point.old), fractions(point.ref))
    return [stop(x) for x in gradient(found, z)]
