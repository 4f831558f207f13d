"""Every hand-derived gradient, against four others.

Each formula is written once, literally, over a small namespace of functions, and differentiated by complex
steps (no subtraction, so right to rounding), by central differences, by torch and by JAX.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy import special

import ppocore
from tests.closeness import assert_within
from tests.optional import require

STEP = 1e-40
RNG = np.random.default_rng(20260)
B, A, D, L = 7, 4, 3, 5


def _complex_namespace() -> Any:
    """NumPy on complex numbers, ordered by their real parts."""
    return SimpleNamespace(
        exp=np.exp,
        log=np.log,
        where=np.where,
        minimum=lambda a, b: np.where(np.real(a) <= np.real(b), a, b),
        maximum=lambda a, b: np.where(np.real(a) >= np.real(b), a, b),
        constant=np.asarray,
        lgamma=special.loggamma,
        digamma=special.digamma,
    )


def _torch_namespace(torch: Any) -> Any:
    names = {name: getattr(torch, name) for name in ("exp", "log", "where", "minimum", "maximum")}
    # The derivative of torch.digamma is right to 5e-10 only.
    return SimpleNamespace(**names, lgamma=torch.lgamma, digamma=partial(_digamma_by_shifts, torch),
                           constant=lambda x: torch.as_tensor(np.array(x)))


def _jax_namespace(jnp: Any) -> Any:
    names = {name: getattr(jnp, name) for name in ("exp", "log", "where", "minimum", "maximum")}
    special = require("jax.scipy.special")
    return SimpleNamespace(**names, lgamma=special.gammaln, digamma=special.digamma, constant=jnp.asarray)


def _digamma_by_shifts(xp: Any, x: Any) -> Any:
    """psi(x + 20) - 1 / x - ... - 1 / (x + 19); of the series of psi, 691 / 32760 x^-12 is the first to be left out."""
    z = x + 20
    y = 1 / (z * z)
    series = y * (1 / 12 - y * (1 / 120 - y * (1 / 252 - y * (1 / 240 - y / 132))))
    return xp.log(z) - 1 / (2 * z) - series - sum(1 / (x + k) for k in range(20))


def _clip(xp: Any, x: Any, low: Any, high: Any) -> Any:
    return xp.minimum(xp.maximum(x, low), high)


def _log_softmax(xp: Any, z: Any) -> Any:
    return z - xp.log(xp.exp(z).sum(1))[:, None]


def _log_softmaxes(xp: Any, z: Any) -> Any:
    """Of the first three columns and of the others: a matrix adds up the powers of each."""
    same = np.kron(np.eye(2), np.ones((3, 3)))[:4, :4]
    return z - xp.log(xp.exp(z) @ xp.constant(same))


def _normal(xp: Any, m: Any, s: Any, a: Any) -> Any:
    return (-0.5 * ((a - m) / xp.exp(s)) ** 2 - s - 0.5 * np.log(2 * np.pi)).sum(1)


def _log_beta(xp: Any, a: Any, b: Any) -> Any:
    return xp.lgamma(a) + xp.lgamma(b) - xp.lgamma(a + b)


def _beta(xp: Any, a: Any, b: Any, x: Any) -> Any:
    return ((a - 1) * xp.log(x) + (b - 1) * xp.log(1 - x) - _log_beta(xp, a, b)).sum(1)


def _beta_entropy(xp: Any, a: Any, b: Any) -> Any:
    both = xp.digamma(a + b)
    by_sides = (a - 1) * (both - xp.digamma(a)) + (b - 1) * (both - xp.digamma(b))
    return (_log_beta(xp, a, b) + by_sides).sum(1)


def _beta_kl(xp: Any, a: Any, b: Any, other_a: Any, other_b: Any) -> Any:
    both = xp.digamma(a + b)
    by_steps = (a - other_a) * (xp.digamma(a) - both) + (b - other_b) * (xp.digamma(b) - both)
    return (_log_beta(xp, other_a, other_b) - _log_beta(xp, a, b) + by_steps).sum(1)


def _kl_penalty(xp: Any, z: Any, old: Any, one_hot: Any, a: Any) -> Any:
    new, before = _log_softmax(xp, z), _log_softmax(xp, old)
    ratio = xp.exp(((new - before) * one_hot).sum(1))
    return -(ratio * a).mean() + 0.75 * (xp.exp(before) * (before - new)).sum(1).mean()


def _clipped(xp: Any, lp: Any, old: Any, a: Any, low: float, high: float, dual: float = np.inf) -> Any:
    r = xp.exp(lp - old)
    objective = xp.minimum(r * a, _clip(xp, r, 0 * r + (1 - low), 0 * r + (1 + high)) * a)
    if np.isfinite(dual):
        objective = xp.where(a < 0, xp.maximum(objective, dual * a), objective)
    return -objective


def _clipped_value(xp: Any, v: Any, ret: Any, old: Any, eps: float) -> Any:
    near = old + _clip(xp, v - old, 0 * v - eps, 0 * v + eps)
    return xp.maximum((v - ret) ** 2, (near - ret) ** 2)


def _huber(xp: Any, e: Any, delta: float) -> Any:
    size = xp.maximum(e, -e)
    return xp.where(size < delta, e * e / 2, delta * (size - delta / 2))


def _per_decision(xp: Any, lp: Any, r: Any, old: Any, discounts: Any) -> Any:
    return (xp.exp((lp - old).cumsum(1)) * discounts * r).sum(1).mean()


def _without_weights(shipped: Callable[..., Any]) -> Callable[..., Any]:
    """A loss that makes its weights itself."""
    return lambda weights, **given: shipped(**given)


class Case(NamedTuple):
    """A literal formula, its arguments, which of them are differentiated, and the answer to be judged."""

    name: str
    formula: Callable[..., Any]
    inputs: dict[str, Any]
    shipped: Callable[..., Any]
    wrt: tuple[str, ...]
    value: str


def _normal_array(*shape: int) -> Any:
    return RNG.normal(size=shape)


logits, other = _normal_array(B, A), _normal_array(B, A)
actions = RNG.integers(0, A, size=B)
one_hot = np.eye(A)[actions]
lp, old, adv = -2 + _normal_array(B) / 3, -2 + _normal_array(B) / 3, _normal_array(B)
lp2, old2, adv2 = -2 + _normal_array(B, L) / 3, -2 + _normal_array(B, L) / 3, _normal_array(B, L)
mask = RNG.random((B, L)) < 0.6
mask[:, 0] = True
lengths = mask.sum(1)
token, row = mask / mask.sum(), mask / lengths[:, None] / B
m, s, x = _normal_array(B, D), _normal_array(B, D) / 2, _normal_array(B, D)
m2, s2 = _normal_array(B, D), _normal_array(B, D) / 2
two = np.stack([actions % 3, 0 * actions], axis=1)
two_hot = np.concatenate([np.eye(3)[two[:, 0]], np.ones((B, 1))], axis=1)
binary = (x > 0).astype(np.int64)
concentrations = {"alpha": np.exp(m), "beta": np.exp(m2)}
v, ret, old_v, ent = _normal_array(B), _normal_array(B), _normal_array(B), 1 + RNG.random(B)
fx = _normal_array(B)
policy = {"log_prob": lp, "old_log_prob": old, "advantages": adv}
grid = {"log_prob": lp2, "old_log_prob": old2, "advantages": adv2}
gauss = {"mean": m, "log_std": s}
others = {"other_mean": m2, "other_log_std": s2}
values = {"values": v, "returns": ret}
samples = {"fx": fx, "log_p": lp, "log_q": old}
part = ("log_prob",)
rollout = old + _normal_array(B) / 3
# Held constant, as the loss does it: an input like any other, which is not differentiated.
cispo_weights = np.clip(np.exp(lp - old), 0.8, 1.2)
CASES = [
    Case("surrogate", lambda xp, p, q, a: -(xp.exp(p - q) * a).mean(), policy, ppocore.surrogate_loss, part,
         "loss"),
    Case("clip", lambda xp, p, q, a: _clipped(xp, p, q, a, 0.2, 0.2).mean(), policy,
         lambda **k: ppocore.clip_loss(**k, clip_eps=0.2), part, "loss"),
    Case("clip-asymmetric-dual", lambda xp, p, q, a: _clipped(xp, p, q, a, 0.1, 0.3, 1.5).mean(), policy,
         lambda **k: ppocore.clip_loss(**k, clip_eps_low=0.1, clip_eps_high=0.3, dual_clip=1.5), part,
         "loss"),
    Case("clip-token-mean",
         lambda xp, p, q, a: (_clipped(xp, p, q, a, 0.2, 0.2) * xp.constant(token)).sum(), grid,
         lambda **k: ppocore.clip_loss(**k, clip_eps=0.2, mask=mask), part, "loss"),
    Case("clip-all-slots",
         lambda xp, p, q, a: (_clipped(xp, p, q, a, 0.2, 0.2) * xp.constant(mask / mask.size)).sum(), grid,
         lambda **k: ppocore.clip_loss(**k, clip_eps=0.2, mask=mask, reduction="mean_over_all_slots"), part,
         "loss"),
    Case("clip-sum",
         lambda xp, p, q, a: (_clipped(xp, p, q, a, 0.2, 0.2) * xp.constant(mask * 1.0)).sum(), grid,
         lambda **k: ppocore.clip_loss(**k, clip_eps=0.2, mask=mask, reduction="sum"), part, "loss"),
    Case("clip-sequence-mean",
         lambda xp, p, q, a: (_clipped(xp, p, q, a, 0.2, 0.2) * xp.constant(row)).sum(), grid,
         lambda **k: ppocore.clip_loss(**k, clip_eps=0.2, mask=mask, reduction="sequence_mean"), part,
         "loss"),
    Case("surrogate-trajectory",
         lambda xp, p, q, a: -(xp.exp(p - q) * a * xp.constant(mask / B)).sum(), grid,
         lambda **k: ppocore.surrogate_loss(**k, mask=mask, reduction="trajectory"), part, "loss"),
    Case("policy-gradient", lambda xp, p, a: -(p * a).mean(), {"log_prob": lp, "advantages": adv},
         ppocore.policy_gradient_loss, part, "loss"),
    Case("policy-gradient-trajectory", lambda xp, p, a: -(p * a * xp.constant(mask / B)).sum(),
         {"log_prob": lp2, "advantages": adv2},
         lambda **k: ppocore.policy_gradient_loss(**k, mask=mask, reduction="trajectory"), part, "loss"),
    Case("huber", lambda xp, v, r: _huber(xp, v - r, 0.75).mean(), values,
         lambda **k: ppocore.huber_value_loss(**k, delta=0.75), ("values",), "loss"),
    Case("gspo",
         lambda xp, p, q, a: _clipped(
             xp, ((p - q) * xp.constant(mask / lengths[:, None])).sum(1), 0 * a, a, 0.2, 0.3).mean(),
         {"log_prob": lp2, "old_log_prob": old2, "advantages": adv},
         lambda **k: ppocore.gspo_loss(**k, mask=mask, clip_eps_low=0.2, clip_eps_high=0.3), part, "loss"),
    Case("cispo", lambda xp, p, q, a, w: -(w * a * p).mean(), policy | {"weights": cispo_weights},
         _without_weights(lambda **k: ppocore.cispo_loss(**k, clip_eps=0.2)), part, "loss"),
    Case("truncated-is",
         lambda xp, p, q, s, a: (xp.minimum(xp.exp(q - s), 0 * q + 1.25) * _clipped(xp, p, q, a, 0.2, 0.2)).mean(),
         {"log_prob": lp, "old_log_prob": old, "rollout_log_prob": rollout, "advantages": adv},
         lambda **k: ppocore.truncated_is_loss(**k, max_weight=1.25, clip_eps=0.2), part, "loss"),
    Case("value", lambda xp, v, r: ((v - r) ** 2).mean(), values, ppocore.value_loss, ("values",), "loss"),
    Case("clipped-value", lambda xp, v, r, o: _clipped_value(xp, v, r, o, 0.5).mean(),
         values | {"old_values": old_v},
         lambda **k: ppocore.clipped_value_loss(**k, value_clip_eps=0.5), ("values",), "loss"),
    Case("ppo",
         lambda xp, p, q, a, v, r, h: _clipped(xp, p, q, a, 0.2, 0.2).mean()
         + 0.5 * ((v - r) ** 2).mean() - 0.25 * h.mean(),
         policy | values | {"entropy": ent},
         lambda **k: ppocore.ppo_loss(**k, clip_eps=0.2, vf_coef=0.5, ent_coef=0.25),
         ("log_prob", "values", "entropy"), "loss"),
    Case("kl-penalty", lambda xp, z, o, a: _kl_penalty(xp, z, o, xp.constant(one_hot), a),
         {"logits": logits, "old_logits": other, "advantages": adv},
         lambda **k: ppocore.kl_penalty_loss(**k, actions=actions, kl_coef=0.75), ("logits",), "loss"),
    Case("categorical-log-prob", lambda xp, z: (_log_softmax(xp, z) * xp.constant(one_hot)).sum(1),
         {"logits": logits}, lambda **k: ppocore.categorical_log_prob(**k, actions=actions), ("logits",),
         "log_prob"),
    Case("categorical-entropy", lambda xp, z: -(_log_softmax(xp, z) * xp.exp(_log_softmax(xp, z))).sum(1),
         {"logits": logits}, ppocore.categorical_entropy, ("logits",), "entropy"),
    Case("categorical-kl",
         lambda xp, z, o: (xp.exp(_log_softmax(xp, z)) * (_log_softmax(xp, z) - _log_softmax(xp, o))).sum(1),
         {"logits": logits, "other_logits": other}, ppocore.categorical_kl, ("logits", "other_logits"), "kl"),
    Case("bernoulli-log-prob", lambda xp, z: (xp.constant(binary) * z - xp.log(1 + xp.exp(z))).sum(1),
         {"logits": m}, lambda **k: ppocore.bernoulli_log_prob(**k, actions=binary), ("logits",), "log_prob"),
    Case("bernoulli-entropy", lambda xp, z: (xp.log(1 + xp.exp(z)) - z / (1 + xp.exp(-z))).sum(1), {"logits": m},
         ppocore.bernoulli_entropy, ("logits",), "entropy"),
    Case("bernoulli-kl",
         lambda xp, z, o: (xp.log(1 + xp.exp(o)) - xp.log(1 + xp.exp(z)) - (o - z) / (1 + xp.exp(-z))).sum(1),
         {"logits": m, "other_logits": m2}, ppocore.bernoulli_kl, ("logits", "other_logits"), "kl"),
    Case("multidiscrete-log-prob", lambda xp, z: (_log_softmaxes(xp, z) * xp.constant(two_hot)).sum(1),
         {"logits": logits}, lambda **k: ppocore.multidiscrete_log_prob(**k, actions=two, nvec=[3, 1]), ("logits",),
         "log_prob"),
    Case("multidiscrete-entropy",
         lambda xp, z: -(_log_softmaxes(xp, z) * xp.exp(_log_softmaxes(xp, z))).sum(1), {"logits": logits},
         lambda **k: ppocore.multidiscrete_entropy(**k, nvec=[3, 1]), ("logits",), "entropy"),
    Case("multidiscrete-kl",
         lambda xp, z, o: (xp.exp(_log_softmaxes(xp, z)) * (_log_softmaxes(xp, z) - _log_softmaxes(xp, o))).sum(1),
         {"logits": logits, "other_logits": other}, lambda **k: ppocore.multidiscrete_kl(**k, nvec=[3, 1]),
         ("logits", "other_logits"), "kl"),
    Case("beta-log-prob", _beta, concentrations | {"actions": 1 / (1 + np.exp(x))}, ppocore.beta_log_prob,
         ("alpha", "beta", "actions"), "log_prob"),
    Case("beta-entropy", _beta_entropy, concentrations, ppocore.beta_entropy, ("alpha", "beta"), "entropy"),
    Case("beta-kl", _beta_kl, concentrations | {"other_alpha": np.exp(s), "other_beta": np.exp(s2)}, ppocore.beta_kl,
         ("alpha", "beta", "other_alpha", "other_beta"), "kl"),
    Case("gaussian-log-prob", _normal, gauss | {"actions": x}, ppocore.gaussian_log_prob,
         ("mean", "log_std", "actions"), "log_prob"),
    Case("gaussian-entropy", lambda xp, m, s: (0 * m + s + 0.5 * np.log(2 * np.pi * np.e)).sum(1), gauss,
         ppocore.gaussian_entropy, ("mean", "log_std"), "entropy"),
    Case("gaussian-kl",
         lambda xp, m, s, n, t: (t - s + (xp.exp(2 * s) + (m - n) ** 2) / (2 * xp.exp(2 * t)) - 0.5).sum(1),
         gauss | others, ppocore.gaussian_kl, ("mean", "log_std", "other_mean", "other_log_std"), "kl"),
    Case("squashed-log-prob",
         lambda xp, m, s, a: _normal(xp, m, s, xp.log((1 + a) / (1 - a)) / 2) - xp.log(1 - a * a).sum(1),
         gauss | {"actions": np.tanh(x)}, ppocore.squashed_gaussian_log_prob,
         ("mean", "log_std", "actions"), "log_prob"),
    Case("k1", lambda xp, p, q: (q - p).mean(), {"log_prob": lp, "old_log_prob": old}, ppocore.kl_k1, part,
         "kl"),
    Case("k2", lambda xp, p, q: ((p - q) ** 2 / 2).mean(), {"log_prob": lp, "old_log_prob": old},
         ppocore.kl_k2, part, "kl"),
    Case("k3", lambda xp, p, q: (xp.exp(p - q) - 1 - (p - q)).mean(),
         {"log_prob": lp, "old_log_prob": old}, ppocore.kl_k3, part, "kl"),
    Case("k3-masked", lambda xp, p, q: ((xp.exp(p - q) - 1 - (p - q)) * xp.constant(token)).sum(),
         {"log_prob": lp2, "old_log_prob": old2}, lambda **k: ppocore.kl_k3(**k, mask=mask), part, "kl"),
    Case("ratio", lambda xp, p, q: xp.exp(p - q), {"log_prob": lp, "old_log_prob": old}, ppocore.ratio,
         part, "ratio"),
    Case("importance", lambda xp, f, p, q: (xp.exp(p - q) * f).mean(), samples, ppocore.importance_estimate,
         ("fx", "log_p"), "estimate"),
    Case("self-normalized", lambda xp, f, p, q: (xp.exp(p - q) * f).sum() / xp.exp(p - q).sum(), samples,
         ppocore.self_normalized_estimate, ("fx", "log_p"), "estimate"),
    Case("truncated", lambda xp, f, p, q: (xp.minimum(xp.exp(p - q), 0 * p + 1.25) * f).mean(), samples,
         lambda **k: ppocore.truncated_importance_estimate(**k, max_weight=1.25), ("fx", "log_p"),
         "estimate"),
    Case("per-decision", lambda xp, p, r, q: _per_decision(xp, p, r, q, xp.constant(0.9 ** np.arange(L))),
         {"log_prob": lp2, "rewards": adv2, "old_log_prob": old2},
         lambda **k: ppocore.per_decision_importance_estimate(**k, mask=np.ones((B, L), bool), gamma=0.9),
         part, "estimate"),
    Case("token-mean", lambda xp, x: (x * xp.constant(token)).sum(), {"x": lp2},
         lambda **k: ppocore.masked_mean(**k, mask=mask), ("x",), "mean"),
    Case("sequence-mean", lambda xp, x: (x * xp.constant(row)).sum(), {"x": lp2},
         lambda **k: ppocore.sequence_mean(**k, mask=mask), ("x",), "mean"),
    Case("sequence-sum-mean", lambda xp, x: (x * xp.constant(mask / B)).sum(), {"x": lp2},
         lambda **k: ppocore.sequence_sum_mean(**k, mask=mask), ("x",), "mean"),
    Case("trajectory-mean", lambda xp, x: x.sum() / 3, {"x": lp},
         lambda **k: ppocore.trajectory_mean(**k, lengths=[2, 4, 1]), ("x",), "mean"),
]  # fmt: skip
every_case = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


def _shipped(case: Case, dtype: Any = np.float64) -> Any:
    return case.shipped(**{name: value.astype(dtype) for name, value in case.inputs.items()})


def _in_batch(case: Case, name: str) -> bool:
    """Whether row b of the output depends on row b of the input only: then one step moves a whole column."""
    return np.ndim(getattr(_shipped(case), case.value)) == 1


def _columns(case: Case, name: str) -> list[Any]:
    """Directions, one per entry of the gradient (or per column where rows are independent)."""
    value = case.inputs[name]
    if not _in_batch(case, name):
        return [np.eye(value.size)[i].reshape(value.shape) for i in range(value.size)]
    width = value[0].size
    return [np.broadcast_to(np.eye(width)[i].reshape(value.shape[1:]), value.shape) for i in range(width)]


def _gather(case: Case, name: str, slopes: list[Any]) -> Any:
    shape = case.inputs[name].shape
    return np.array(slopes).T.reshape(shape) if _in_batch(case, name) else np.array(slopes).reshape(shape)


def _complex_step(case: Case, name: str) -> Any:
    xp = _complex_namespace()
    slopes = []
    for direction in _columns(case, name):
        moved = {key: value.astype(complex) for key, value in case.inputs.items()}
        moved[name] = moved[name] + 1j * STEP * direction
        slopes.append(np.imag(case.formula(xp, *moved.values())) / STEP)
    return _gather(case, name, slopes)


def _scale(case: Case, gradient: Any) -> float:
    return float(np.abs(gradient).max()) + sum(float(np.abs(x).max()) for x in case.inputs.values())


@every_case
def test_value_is_that_of_the_literal_formula(case: Case) -> None:
    expected = case.formula(_complex_namespace(), *case.inputs.values())
    assert_within(getattr(_shipped(case), case.value), np.real(expected), units=200, scale=_scale(case, expected))


@every_case
def test_gradient_is_the_complex_step_derivative(case: Case) -> None:
    for name in case.wrt:
        expected = _complex_step(case, name)
        got = getattr(_shipped(case), f"grad_{name}")
        assert_within(got, expected, units=200, scale=_scale(case, expected))


@every_case
def test_gradient_is_the_complex_step_derivative_in_float32(case: Case) -> None:
    """float32 is rounded once on the way in and once on the way out, and the inputs are of order 1."""
    shipped = _shipped(case, np.float32)
    for name in case.wrt:
        expected = _complex_step(case, name)
        got = getattr(shipped, f"grad_{name}")
        assert got.dtype == np.float32
        assert_within(got, expected, units=40, scale=_scale(case, expected))


@pytest.mark.parametrize("case", [case for case in CASES if case.name != "cispo"], ids=lambda case: case.name)
def test_gradient_is_the_slope_of_the_shipped_value(case: Case) -> None:
    """Central differences of the function itself: error h^2 f''' / 6 + u |f| / h, both near 1e-10.

    Not of `cispo_loss`, whose weight is held constant in the derivative and moves in the value.
    """
    width = 1e-5
    for name in case.wrt:
        slopes = []
        for direction in _columns(case, name):
            ends = []
            for sign in (1, -1):
                moved = dict(case.inputs)
                moved[name] = moved[name] + sign * width * direction
                ends.append(np.asarray(getattr(case.shipped(**moved), case.value)))
            slopes.append((ends[0] - ends[1]) / (2 * width))
        got = getattr(_shipped(case), f"grad_{name}")
        assert_within(got, _gather(case, name, slopes), units=1e-7 * 2**53, scale=_scale(case, got))


@every_case
def test_gradient_is_that_of_torch(case: Case) -> None:
    torch = require("torch")
    tensors = {name: torch.tensor(value, requires_grad=name in case.wrt) for name, value in case.inputs.items()}

    def formula(*args: Any) -> Any:
        return case.formula(_torch_namespace(torch), *args)

    expected = torch.autograd.grad(formula(*tensors.values()).sum(), [tensors[name] for name in case.wrt])
    for name, gradient in zip(case.wrt, expected, strict=True):
        got = getattr(_shipped(case), f"grad_{name}")
        assert_within(got, gradient.numpy(), units=200, scale=_scale(case, got))


@every_case
def test_gradient_is_that_of_jax(case: Case) -> None:
    jax = require("jax")
    jnp = require("jax.numpy")
    names = list(case.inputs)
    with jax.enable_x64(True):

        def total(*args: Any) -> Any:
            return case.formula(_jax_namespace(jnp), *args).sum()

        where = [names.index(name) for name in case.wrt]
        expected = jax.grad(total, argnums=where)(*map(jnp.asarray, case.inputs.values()))
    for name, gradient in zip(case.wrt, expected, strict=True):
        got = getattr(_shipped(case), f"grad_{name}")
        assert_within(got, np.asarray(gradient), units=200, scale=_scale(case, got))


def test_every_gradient_that_is_shipped_is_tested() -> None:
    tested = {(type(_shipped(case)).__name__, f"grad_{name}") for case in CASES for name in case.wrt}
    results = [name for name in ppocore.__all__ if name[0].isupper()]
    shipped = {(name, field) for name in results for field in getattr(ppocore, name)._fields}

    assert {(name, field) for name, field in shipped if field.startswith("grad_")} == tested
