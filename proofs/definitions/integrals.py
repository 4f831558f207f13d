"""Integrals against the normal density, enclosed: adaptive quadrature in ball arithmetic, and bounds on the tails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flint import acb, arb, ctx


def half_width() -> int:
    """An R with e^(-R^2 / 2) below the working precision."""
    return int((1.4 * ctx.prec) ** 0.5) + 1


def gaussian_tail(r: int) -> arb:
    r"""Bound on P(z > r) for standard normal z and r >= 1: phi(r) / r."""
    return density(arb(r)) / r


def density(z: Any) -> Any:
    """phi(z) = e^(-z^2/2) / sqrt(2 pi)."""
    return (-z * z / 2).exp() / (2 * arb.pi()).sqrt()


def integral(f: Callable[[acb, bool], acb], r: int) -> arb:
    """The integral of f over [-r, r]; f takes a complex ball, and whether it must be analytic there."""
    return acb.integral(f, -r, r).real


def gaussian_expectation(
    g: Callable[[acb, bool], acb], *, constant: arb | int = 0, linear: arb | int = 0, square: arb | int = 0
) -> arb:
    r"""E[g(z)], z standard normal, for a g with |g(z)| <= constant + linear |z| + square z^2.

    The tails beyond R add at most 2 (constant Q + linear phi + square (R phi + Q)), Q = P(z > R).
    """
    r = half_width()
    beyond, edge = gaussian_tail(r), density(arb(r))
    tails = 2 * (constant * beyond + linear * edge + square * (r * edge + beyond))
    inside = integral(lambda z, analytic: density(z) * g(z, analytic), r)
    return inside + arb(0, arb(tails).upper())
