"""Policies of independent Beta distributions: log-density, entropy, KL."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cache
from math import comb

from ppocore.conformance.oracle.advantages import Outputs
from ppocore.conformance.oracle.bernoulli import looser
from ppocore.conformance.oracle.inputs import Choices, Inputs
from ppocore.conformance.oracle.probability import rowwise
from ppocore.conformance.oracle.reals import CONTEXT, Array, Real, each, log

FAR = 60
"""Stirling's series is summed from here on: its terms fall to 1e-160 before they grow."""
TERMS = 40
"""The last one is below 1e-88 at FAR."""
GUARDED = 80
"""Digits to work with: a few cancel, and all 60 shall be right."""
HALF_LOG_TWO_PI = Decimal("0.91893853320467274178032973640561763986139747363778341281715154048276569592726039769474")
LIBRARY = 8
"""Absolute rounding of a library's log-gamma, in u: it is a difference of larger numbers, and near 1 and 2 all but 0.
jax.scipy.special.gammaln is off by 42 u up to 4 and by 108 u up to 12 (20,000 arguments from 0.05 to 12 in each
DTYPE against python-flint); torch and SciPy by less than 2 u of log-gamma and of x psi(x)."""
DIGAMMA = 4
"""The same of psi, which is 0 at 1.4616: beside it jax.scipy.special.digamma is off by 17 u, torch's by 11 u, SciPy's
by 1 u; elsewhere by 12, 6 and 2 units of |psi| + |x psi'(x)| (16,000 arguments from 0.05 to 12 in each DTYPE
against python-flint)."""


@cache
def bernoulli_numbers() -> tuple[Fraction, ...]:
    """B_2, B_4, B_6 ... by their recurrence."""
    numbers = [Fraction(1)]
    for n in range(1, 2 * TERMS + 1):
        numbers.append(-sum((comb(n + 1, k) * b for k, b in enumerate(numbers)), Fraction(0)) / (n + 1))
    return tuple(numbers[2::2])


@cache
def stirling() -> tuple[Decimal, ...]:
    """B_2n / (2 n): what stands before x^(1 - 2 n) / (2 n - 1) in log Gamma."""
    with localcontext(CONTEXT, prec=GUARDED):
        return tuple(
            Decimal(number.numerator) / (number.denominator * 2 * n)
            for n, number in enumerate(bernoulli_numbers(), start=1)
        )


@cache
def polygammas(x: Decimal) -> tuple[Decimal, Decimal, float]:
    """log Gamma(x), psi(x) and, roughly, psi'(x): x > 0 is moved up by Gamma(x + 1) = x Gamma(x), then Stirling's
    series."""
    with localcontext(CONTEXT, prec=GUARDED):
        product, inverses, squares = Decimal(1), Decimal(0), 0.0
        while x < FAR:
            inverse = 1 / x
            product, inverses, squares, x = product * x, inverses + inverse, squares + float(inverse) ** 2, x + 1
        inverse, log_x = 1 / x, x.ln()
        # Each sum in powers of 1 / x^2, by Horner's rule.
        square, of_log_gamma, of_psi = inverse * inverse, Decimal(0), Decimal(0)
        for n in range(TERMS, 0, -1):
            term = stirling()[n - 1]
            of_log_gamma, of_psi = of_log_gamma * square + term / (2 * n - 1), of_psi * square + term
        log_gamma = (x - Decimal("0.5")) * log_x - x + HALF_LOG_TWO_PI - product.ln() + of_log_gamma * inverse
        psi = log_x - inverse / 2 - inverses - of_psi * square
    step = float(inverse)
    slope = squares + step + step**2 / 2 + step**3 / 6
    with localcontext(CONTEXT):
        return +log_gamma, +psi, slope


def log_gamma(x: Real) -> Real:
    """log Gamma(x), as far off as its argument moves it and as libraries compute it."""
    value, slope, _ = polygammas(x.value)
    return Real(value, abs(float(slope)) * x.slack + abs(float(value)) + LIBRARY)


def digamma(x: Real) -> Real:
    """psi(x), as far off as its argument moves it and as libraries compute it."""
    _, value, slope = polygammas(x.value)
    return Real(value, slope * x.slack + abs(float(value)) + DIGAMMA)


def psi(x: Array) -> Array:
    return each(digamma, x)


def log_beta(alpha: Array, beta: Array) -> Array:
    """log B(alpha, beta), as textbook code has it: three log-gammas."""
    return each(lambda a, b: log_gamma(a) + log_gamma(b) - log_gamma(a + b), alpha, beta)


def log_density(alpha: Array, beta: Array, actions: Array) -> Array:
    """Of each dimension."""
    powers = (alpha - 1) * log(actions) + (beta - 1) * log(1 - actions)
    return powers - log_beta(alpha, beta)


def beta_log_prob(x: Inputs, c: Choices) -> Outputs:
    return {"log_prob": rowwise(log_density(x.alpha, x.beta, x.actions))}


def entropies(alpha: Array, beta: Array) -> Array:
    """Of each dimension; as (alpha + beta - 2) psi(alpha + beta) - (alpha - 1) psi(alpha) ... no term is larger."""
    both = psi(alpha + beta)
    return log_beta(alpha, beta) + (alpha - 1) * (both - psi(alpha)) + (beta - 1) * (both - psi(beta))


def beta_entropy(x: Inputs, c: Choices) -> Outputs:
    return {"entropy": rowwise(entropies(x.alpha, x.beta))}


def divergences(alpha: Array, beta: Array, other_alpha: Array, other_beta: Array) -> Array:
    """KL of each dimension: of differences of concentrations, or the cross-entropy less the entropy."""
    both = psi(alpha + beta)
    on, off = psi(alpha) - both, psi(beta) - both
    log_other = log_beta(other_alpha, other_beta)
    by_steps = log_other - log_beta(alpha, beta) + (alpha - other_alpha) * on + (beta - other_beta) * off
    cross = log_other - (other_alpha - 1) * on - (other_beta - 1) * off
    return looser(by_steps, cross - entropies(alpha, beta))


def beta_kl(x: Inputs, c: Choices) -> Outputs:
    return {"kl": rowwise(divergences(x.alpha, x.beta, x.other_alpha, x.other_beta))}
