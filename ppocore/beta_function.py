r"""log B(a, b) and its slopes for a, b > 0, without the cancellation of three log-gammas; the slope of psi.

log Gamma above its tangents, which KL is made of, is a sum of its own: nothing cancels where both points are near.

Both arguments are moved up to at least 12 by B(a, b) = B(a + 1, b) (a + b) / a, and there Stirling's series is used.
What it leaves out is below its first dropped term: 3617 / 122400 x^-15 of the logarithm (2e-18 at 12) and
3617 / 8160 x^-16 of its slope (3e-18); 3617 / 510 x^-17 of the slope of psi (3e-18).
"""

from __future__ import annotations

import numpy as np

from ppocore._kernels import kernel

LARGE = 12.0
"""From here on Stirling's series is right to rounding."""
HALF_LOG_TWO_PI = 0.9189385332046728
SERIES = (-1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)
"""What Stirling's series has of x^-3, x^-5 ... after 1 / (12 x)."""


@kernel
def stirling_rest_kernel(x: float) -> float:
    """log Gamma(x) - (x - 1/2) log x + x - log(2 pi) / 2 for x >= LARGE."""
    y = 1 / (x * x)
    tail = y * (1 / 1680 - y * (1 / 1188 - y * (691 / 360360 - y * (1 / 156))))
    return (1 / 12 - y * (1 / 360 - y * (1 / 1260 - tail))) / x


@kernel
def log_beta_kernel(a: float, b: float) -> float:
    """log B(a, b), the same for both orders of the arguments."""
    low, high = a, b
    if a > b:
        low, high = b, a
    # Both moved up one by one; at most 24 factors, each above 1 and, for a and b from 0.05 to 100,
    # at most 2001: no overflow.
    factors = low * 0 + 1
    while low < LARGE:
        factors = factors * ((low + high) / low)
        low = low + 1
    while high < LARGE:
        factors = factors * ((low + high) / high)
        high = high + 1
    if low > high:
        low, high = high, low
    whole = low + high
    rest = stirling_rest_kernel(low) + stirling_rest_kernel(high) - stirling_rest_kernel(whole)
    powers = (low - 0.5) * np.log(low / whole) + high * np.log1p(-(low / whole))
    log_beta: float = powers - 0.5 * np.log(high) + (HALF_LOG_TWO_PI + rest) + np.log(factors)
    return log_beta


@kernel
def digamma_gap_kernel(a: float, b: float) -> float:
    """psi(a + b) - psi(a), which is minus the slope of log B(a, b) in a: terms above 0 only, but for the small ones."""
    gap, low = a * 0, a
    while low < LARGE:
        gap = gap + b / (low * (low + b))
        low = low + 1
    whole = low + b
    near, far = 1 / (low * low), 1 / (whole * whole)
    # 1 / low^2 - 1 / whole^2, a factor of every term of the series' difference
    apart = (b / (low * whole)) * (1 / low + 1 / whole)
    rest: float = np.log1p(b / low) + 0.5 * (b / (low * whole)) + apart * _series_apart(near, far)
    return gap + rest


@kernel
def _series_apart(x: float, y: float) -> float:
    """(f(x) - f(y)) / (x - y) of x/12 - x^2/120 + x^3/252 - x^4/240 + x^5/132 - 691 x^6/32760 + x^7/12."""
    two = x + y
    three = x * two + y * y
    four = x * three + y * y * y
    five = x * four + y * y * y * y
    six = x * five + y * y * y * y * y
    seven = x * six + y * y * y * y * y * y
    return 1 / 12 - two / 120 + three / 252 - four / 240 + five / 132 - six * (691 / 32760) + seven / 12


@kernel
def trigamma_kernel(x: float) -> float:
    """psi'(x), the slope of psi: psi'(x) = 1 / x^2 + psi'(x + 1) up to LARGE, no term of which is negative."""
    moved, low = x * 0, x
    while low < LARGE:
        moved = moved + 1 / (low * low)
        low = low + 1
    y = 1 / (low * low)
    tail = y * (1 / 30 - y * (5 / 66 - y * (691 / 2730 - y * (7 / 6))))
    rest: float = 1 / low + 0.5 * y + (y / low) * (1 / 6 - y * (1 / 30 - y * (1 / 42 - tail)))
    return moved + rest


@kernel
def log_above_kernel(own: float, other: float, step: float) -> float:
    """step / own - log(other / own) for other = own + step: how far -log lies above its tangent at own, 0 or more."""
    ratio = step / own
    if ratio < -0.5:
        return ratio - np.log(other / own)  # type: ignore[no-any-return]
    if ratio < -0.25 or ratio > 0.25:
        return ratio - np.log1p(ratio)  # type: ignore[no-any-return]
    # log(1 + r) = 2 artanh z with z = r / (2 + r), and r - 2 z = r z; the next term is below 5e-18 of the sum.
    z = ratio / (2 + ratio)
    y = z * z
    tail = 1 / 11 + y * (1 / 13 + y * (1 / 15 + y * (1 / 17 + y * (1 / 19))))
    cubes = 1 / 3 + y * (1 / 5 + y * (1 / 7 + y * (1 / 9 + y * tail)))
    return ratio * z - 2 * (z * y) * cubes


@kernel
def log_gamma_above_kernel(own: float, other: float, step: float) -> float:
    """log Gamma(other) - log Gamma(own) - psi(own) step for other = own + step: log Gamma above its tangent at own.

    A sum of terms of one sign and of the order of step^2, so that near arguments keep their digits.
    """
    moved, count = own * 0, own * 0
    low, high = own, other
    while low < LARGE or high < LARGE:
        moved = moved + log_above_kernel(low, high, step)
        count = count + 1
        low, high = own + count, other + count
    # Of x log x and of -log(x) / 2, both beyond LARGE.
    powers = high * log_above_kernel(high, low, -step) + 0.5 * log_above_kernel(low, high, step)
    near, far = 1 / low, 1 / high
    return moved + (powers + (step * near) * (step * near) * far * _series_above(near, far))


@kernel
def digamma_step_kernel(own: float, other: float, step: float) -> float:
    """psi(other) - psi(own) for other = own + step, which keeps its digits where they are near each other."""
    if step < 0:
        return -digamma_gap_kernel(other, -step)
    return digamma_gap_kernel(own, step)


@kernel
def _series_above(x: float, y: float) -> float:
    """Stirling's series of 1 / y above its tangent at 1 / x, over (x - y)^2 / y: of y^m, sum (m - i) x^(m-1-i) y^i."""
    above, sides, power = x * 0 + 1, x * 0 + 1, x * 0 + 1
    rest = above / 12
    for coefficient in SERIES:
        for _ in range(2):
            power = power * y
            sides = sides * x + power
            above = above * x + sides
        rest = rest + coefficient * above
    return rest
