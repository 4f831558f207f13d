"""Compiled kernels against their plain bodies, bit for bit, and what float64 does to the thresholds of the clip."""

from __future__ import annotations

import importlib
import math
import random
import types
from fractions import Fraction
from functools import cache
from itertools import product

import numba
import numpy as np
import z3

from ppocore import losses
from ppocore._kernels import plain
from proofs.ledger import proof, refutation
from proofs.ledger.outcome import Outcome
from proofs.methods import coq
from proofs.methods.doubles import SORT, Double, doubles
from proofs.methods.exact import at, everywhere
from proofs.methods.solver import every, forall, on_every_path
from proofs.methods.symbolic import Sym, reals, term

CLIP = "ppocore.losses:clip_kernel"
BASIC = {
    "ppocore.advantages:td_error_kernel": "fffbf",
    "ppocore.advantages:gae_kernel": "ffbff",
    "ppocore.advantages:return_kernel": "ffbf",
    CLIP: "fffff",
    "ppocore.value_losses:squared_error_kernel": "ff",
    "ppocore.value_losses:clipped_value_kernel": "ffff",
    "ppocore.optimizers:adapt_kl_coef_kernel": "fff",
    "ppocore.optimizers:adam_kernel": "ffffffffff",
}
"""Kernels of + - * / sqrt and comparisons, and their arguments: f float, b bool."""
SPECIAL = [0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 5e-324, -5e-324, 2.2e-308, 1.7e308, 0.1]
DRAWS = 1500


def bits(value):
    """The bytes of a float or of several, all NaN alike."""
    floats = np.atleast_1d(np.array(value, dtype=np.float64))
    return np.where(np.isnan(floats), np.nan, floats).tobytes()


def compiled(symbol):
    module, name = symbol.split(":")
    return getattr(importlib.import_module(module), name)


def uncompiled(body, arguments):
    """The body on NumPy's scalars, which divide by zero and overflow as IEEE 754 says."""
    with np.errstate(all="ignore"):
        return body(*(np.float64(x) if isinstance(x, float) else x for x in arguments))


def arguments_of(kinds):
    """Ordinary numbers of many sizes with a special one here and there: the same ones on every run."""
    draw = random.Random(kinds)
    for _ in range(DRAWS):
        yield tuple(
            draw.random() < 0.5 if kind == "b"
            else draw.choice(SPECIAL) if draw.random() < 0.2
            else draw.gauss(0, 1) * 10.0 ** draw.randint(-3, 3)
            for kind in kinds
        )
    if len(kinds) <= 3:
        yield from product(*(SPECIAL if kind == "f" else (False, True) for kind in kinds))


def agreements(symbols, body_of, arguments):
    """Whether compiled kernel and body return the same bits, case by case."""
    for symbol, kinds in symbols.items():
        kernel, body = compiled(symbol), body_of(compiled(symbol))
        for case in arguments(kinds):
            yield bits(kernel(*case)) == bits(uncompiled(body, case)), {"symbol": symbol, "case": case}


# FLT-01 + - * /


@proof("FLT-01", "float64", f"{len(BASIC)} kernels: fixed draws, special numbers among them", code=BASIC)
def _() -> Outcome:
    return everywhere("calls", agreements(BASIC, plain, arguments_of))


@proof("FLT-01", "float64", "the loop of GAE over 64 steps and 8 environments: all entries",
       code=["ppocore.advantages:_gae_loop", "ppocore.advantages:gae"])
def _() -> Outcome:
    loop = compiled("ppocore.advantages:_gae_loop")
    draw = np.random.default_rng(64)
    rollout = [draw.normal(size=(64, 8)) for _ in range(3)] + [draw.random((64, 8)) < 0.1 for _ in range(2)]
    fast, slow = np.empty((64, 8)), np.empty((64, 8))
    loop(*rollout, 0.99, 0.95, fast)
    plain(loop)(*rollout, 0.99, 0.95, slow)
    return everywhere("entries", ((bits(x) == bits(y), {"fast": x, "slow": y})
                                  for x, y in zip(fast.flat, slow.flat, strict=True)))


@cache
def _with_fastmath(kernel):
    return numba.njit(fastmath=True)(kernel.py_func)


def _fastmath_agrees(later, gamma, gae_lambda):
    kernel = compiled("ppocore.advantages:gae_kernel")
    case = (0.0, later, False, gamma, gae_lambda)
    return bits(_with_fastmath(kernel)(*case)) == bits(uncompiled(plain(kernel), case))


@refutation("FLT-01", "float64", "also with fastmath: gamma lambda A' is reassociated", claim=_fastmath_agrees)
def _() -> Outcome:
    return at(_fastmath_agrees, later=0.2, gamma=0.99, gae_lambda=0.95)


# FLT-02 exp and log

TRANSCENDENTAL = {
    "ppocore.divergences:k3_kernel": "d",
    "ppocore.divergences:kl_estimate_kernel": "di",
    "ppocore.divergences:categorical_kl_term_kernel": "pp",
    "ppocore.divergences:gaussian_kl_kernel": "dsds",
    "ppocore.bernoulli:log_sigmoid_kernel": "d",
    "ppocore.bernoulli:bernoulli_log_prob_kernel": "di",
    "ppocore.bernoulli:bernoulli_entropy_kernel": "d",
    "ppocore.bernoulli:bernoulli_kl_kernel": "dd",
    "ppocore.beta:beta_log_prob_kernel": "ccx",
    "ppocore.beta:beta_entropy_kernel": "cc",
    "ppocore.beta:beta_kl_kernel": "cccc",
    "ppocore.distributions:gaussian_log_prob_kernel": "dsd",
    "ppocore.importance:log_second_moment_kernel": "dsds",
    "ppocore.squashed:log_tanh_slope_kernel": "d",
    "ppocore.squashed:artanh_kernel": "a",
}
"""Kernels with exp and log, and their arguments: d any, s a log-std, p a log-probability, a in (-1, 1), i 1 to 3,
c a concentration, x in (0, 1)."""
RANGES = {"d": (-30, 30), "s": (-5, 2), "p": (-30, 0), "a": (-1, 1), "c": (0, 100), "x": (0, 1)}


@cache
def scalar(name):
    """The scalar function of that name that compiled kernels call (libm's), as a function of its own."""
    function = getattr(np, name)
    return numba.njit(lambda x: function(x))


def on_libm(kernel, **replaced):
    """The plain body with the compiled scalar functions in place of NumPy's."""
    names = ("exp", "expm1", "log", "log1p", "tanh")
    numbers = types.SimpleNamespace(**{**{name: scalar(name) for name in names}, **replaced}, sqrt=np.sqrt, inf=np.inf)

    def rebuilt(function):
        inner = {name: rebuilt(value) for name in function.__code__.co_names
                 if isinstance(value := function.__globals__.get(name), types.FunctionType)}
        return types.FunctionType(function.__code__, {**function.__globals__, **inner, "np": numbers})

    return rebuilt(plain(kernel))


def logarithmic_arguments_of(kinds):
    """Numbers of the ranges above, half of them much closer to 0: the same ones on every run."""
    draw = random.Random(kinds)
    for _ in range(DRAWS):
        yield tuple(
            draw.randint(1, 3) if kind == "i"
            else draw.uniform(*RANGES[kind]) * 10.0 ** -draw.choice((0, draw.randint(0, 9)))
            for kind in kinds
        )


@proof("FLT-02", "float64", f"{len(TRANSCENDENTAL)} kernels, fixed draws: the body on the same scalar functions",
       code=TRANSCENDENTAL)
def _() -> Outcome:
    return everywhere("calls", agreements(TRANSCENDENTAL, on_libm, logarithmic_arguments_of))


@proof("FLT-02", "float64", "the loops with arrays: log-softmax of 16 logits, clipped objective of 256 samples",
       code=["ppocore.distributions:log_softmax_kernel", "ppocore.losses:_clip_loop", "ppocore.losses:clip_loss"])
def _() -> Outcome:
    draw = np.random.default_rng(16)
    softmax, loop = compiled("ppocore.distributions:log_softmax_kernel"), losses._clip_loop
    rows = [(draw.normal(size=16) * 5, draw.random(16) < 0.8) for _ in range(64)]
    batch = (draw.normal(size=256), draw.normal(size=256), draw.normal(size=256), 0.2, 0.2, np.inf)

    def outcomes():
        for logits, legal in rows:
            one, other = np.zeros(16), np.zeros(16)
            softmax(logits, legal | (logits == logits.max()), one)
            on_libm(softmax)(logits, legal | (logits == logits.max()), other)
            yield one, other
        out = np.zeros((4, 256))
        loop(*batch, out[0], out[1])
        on_libm(loop)(*batch, out[2], out[3])
        yield out[:2], out[2:]

    return everywhere("arrays", ((bits(one) == bits(other), {}) for one, other in outcomes()))


def _expm1_is_exp(d):
    """k3 with exp(d) - 1 written for expm1(d), on the same scalar exp."""
    kernel = compiled("ppocore.divergences:k3_kernel")
    return bits(kernel(d)) == bits(on_libm(kernel, expm1=lambda x: scalar("exp")(x) - 1)(d))


@refutation("FLT-02", "float64", "expm1(d) may be written exp(d) - 1", claim=_expm1_is_exp)
def _() -> Outcome:
    return at(_expm1_is_exp, d=0.7)


# FLT-03 thresholds

r, A, low, high = reals("r A low high")
BAND = [low >= 0, low <= 1, high >= 0]


@proof("FLT-03", "z3", "reals: comparing thresholds = comparing products; the kernel's slope is that of the products",
       code=[CLIP])
def _() -> Outcome:
    above, below = r * A > (1 + high) * A, r * A > (1 - low) * A
    same = forall([r, A, low, high], BAND, z3.And(
        z3.Implies(A > 0, (r > 1 + high) == above), z3.Implies(A < 0, (r < 1 - low) == below)
    ))
    clipped = z3.Or(z3.And(A > 0, above), z3.And(A < 0, below))
    slope = on_every_path(
        [r, A, low, high], BAND,
        lambda: plain(losses.clip_kernel)(Sym(r), Sym(A), Sym(low), Sym(high), np.inf),
        lambda out: term(out[1]) == z3.If(clipped, 0, r * A),
    )
    return every([same, slope])


@proof("FLT-03", "z3", "all float64 eps in [0, 1]: fl(1 - eps) <= 1 <= fl(1 + eps), so r = 1 is never clipped",
       code=[CLIP])
def _() -> Outcome:
    (eps,) = doubles("eps")
    one, zero = Double(1.0), z3.FPVal(0.0, SORT)
    lower, upper = (one - eps).term, (one + eps).term
    return forall([eps], [eps >= zero, eps <= one.term], z3.And(lower <= one.term, upper >= one.term))


@proof("FLT-03", "coq", "binary64: rounding keeps order and leaves floats alone, so fl(1 - eps) <= 1 <= fl(1 + eps)",
       code=[CLIP])
def _() -> Outcome:
    return every([coq.theorem("FloatClip.rounding_is_monotone"), coq.theorem("FloatClip.floats_are_not_rounded")])


def _products_decide(r, A, eps):
    """Whether a comparison of the rounded products clips exactly where the compiled kernel does."""
    slope = losses.clip_kernel(r, A, eps, eps, np.inf)[1]
    return (slope == 0) == (r * A > (1 + eps) * A)


@refutation("FLT-03", "float64", "in float64 as well the products may be compared: they tie where r > 1 + eps",
            claim=_products_decide, kept=lambda r, A, eps: A > 0 and r > 0)
def _() -> Outcome:
    return at(_products_decide, r=math.nextafter(1.2, 2), A=1.7, eps=0.2)


def _end_is_exact(eps):
    return Fraction(1 + eps) - 1 == Fraction(eps)


@refutation("FLT-03", "float64", "the upper end is exact: fl(1 + eps) - 1 = eps", claim=_end_is_exact,
            kept=lambda eps: 0 <= eps <= 1)
def _() -> Outcome:
    return at(_end_is_exact, eps=0.2)
