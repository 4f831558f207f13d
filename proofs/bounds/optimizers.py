"""Bounds of `ppocore.optimizers` and of the explained variance."""

from __future__ import annotations

from typing import Any

import numpy as np
from flint import arb, fmpq

from proofs.bounds import terms
from proofs.bounds.book import NEAR, NO_CLAIM, Balls, bound, where
from proofs.bounds.trees import height
from proofs.definitions.optimizers import KL_RULES
from proofs.methods.rounding import LIBM_UNITS as LIBM

U = arb(2) ** -53


@bound("adapt_kl_coef", "ACC-15",
       value="0, |exact| under the other rules; nothing if KL is within 2^-30 of a threshold")
def adapt_kl_coef(true: Any, kl_coef: Any, kl: Any, target_kl: Any, kl_rule: str = "paper") -> dict[str, Balls]:
    high, low, *_ = KL_RULES[kl_rule]
    ends = (target_kl * arb(fmpq(end.numerator, end.denominator)) for end in (high, low))
    near = any(abs(kl - end) <= NEAR * end for end in ends)
    return {"value": NO_CLAIM if near else arb(0) if kl_rule == "paper" else abs(true["value"])}


@bound(
    "clip_grad_norm", "ACC-14",
    grads="((h + K)/2 + 3)|exact|, K arrays, h the highest sum", norm="((h + K)/2 + 1)|exact|",
)
def clip_grad_norm(true: Any, grads: Any, max_norm: Any) -> dict[str, Balls]:
    relative = arb(max(height(np.size(g)) for g in grads) + len(grads)) / 2 + 1
    scaled = [(relative + 2) * abs(g) for g in true["grads"]]
    return {"grads": scaled, "norm": relative * abs(true["norm"])}


@bound(
    "adam_step", "ACC-13",
    params="α/(c_1 D) (E_m + M (κ_1 + κ_2/2 + 9)) + |p|, M = β_1|m| + (1 - β_1)|g|, c_i = 1 - β_i^t,"
           " κ_i = 1 + 2β_i^t/c_i, D the divisor",
    first_moment="E_m = 2β_1|m| + 3(1 - β_1)|g|",
    second_moment="2β_2 v + 4(1 - β_2) g²",
)
def adam_step(
    true: Any, params: Balls, grads: Balls, first_moment: Balls, second_moment: Balls, step: int,
    learning_rate: Any, beta1: Any, beta2: Any, eps: Any,
) -> dict[str, Balls]:
    first, second = terms.adam_moments(
        abs(first_moment), abs(grads), second_moment, beta1, 1 - beta1, beta2, 1 - beta2
    )
    c1, c2 = 1 - beta1**step, 1 - beta2**step
    k1, k2 = 1 + LIBM * beta1**step / c1, 1 + LIBM * beta2**step / c2
    divisor = np.sqrt(abs(true["second_moment"]) / c2) + eps
    size = beta1 * abs(first_moment) + (1 - beta1) * abs(grads)
    move = learning_rate / (c1 * divisor) * (first + size * (k1 + k2 / 2 + 9))
    return {
        "params": move + abs(params),
        "first_moment": first,
        "second_moment": second,
    }


def _variance_scale(variance: Balls, mean_scale: Balls, roundings: int) -> Balls:
    """mean((x - mean)^2) in two passes: the error of the mean enters squared."""
    return roundings * variance + U * mean_scale * mean_scale


@bound("running_moments", "ACC-12", mean="n mean|x|", var="(n + 3) var + u (n mean|x|)²", num_rows="0")
def running_moments(true: Any, batches: Any) -> dict[str, Balls]:
    rows = np.concatenate(batches)
    n = len(rows)
    mean = abs(rows).sum(axis=0)
    return {"mean": mean, "var": _variance_scale(true["var"], mean, n + 3), "num_rows": arb(0)}


@bound("sgd_step", "ACC-34", value="|p| + 2α|g|")
def sgd_step(true: Any, params: Balls, grads: Balls, learning_rate: Any) -> dict[str, Balls]:
    return {"value": abs(params) + 2 * learning_rate * abs(grads)}


@bound(
    "update_moments", "ACC-12",
    mean="(n2/n)(E_2 + 3|gap|) + |exact|, E_2 = n2 mean|batch|",
    var="(n1/n) 4 var_1 + (n2/n)((n2 + 7) var_2 + u E_2²) + (n1 n2/n²)(2 E_gap|gap| + u E_gap² + 6 gap²),"
        " E_gap = E_2 + |gap|",
    num_rows="0",
)
def update_moments(true: Any, moments: Any, batch: Balls) -> dict[str, Balls]:
    mean, var, n1 = moments
    n2 = len(batch)
    n = n1 + n2
    old, new = arb(n1) / n, arb(n2) / n
    batch_scale = abs(batch).sum(axis=0)
    centre = batch.sum(axis=0) / n2
    gap = abs(centre - mean)
    spread = ((batch - centre) ** 2).sum(axis=0) / n2
    gap_scale = batch_scale + gap
    var_scale = 4 * old * np.asarray(var) + new * _variance_scale(spread, batch_scale, n2 + 7)
    return {
        "mean": new * (batch_scale + 3 * gap) + abs(true["mean"]),
        "var": var_scale + old * new * (2 * gap_scale * gap + U * gap_scale * gap_scale + 6 * gap * gap),
        "num_rows": arb(0),
    }


@bound(
    "explained_variance", "ACC-12",
    value="(E_e + ρ E_R)/var R + ρ + |1 - ρ|, ρ = var e/var R, e = R - V, E_x = (h + 4) var x + u (h + 1)² mean²|x|,"
          " E_e besides 2σ_e rms(e) + u rms²(e)",
)
def explained_variance(true: Any, values: Balls, returns: Balls) -> dict[str, Balls]:
    gaps = returns - values
    square = (gaps * gaps).sum() / len(gaps)
    (residual, residual_scale), (whole, whole_scale) = _variance(gaps), _variance(returns)
    residual_scale = residual_scale + 2 * (residual * square).sqrt() + U * square
    share = residual / whole
    claimed = U * whole_scale <= NEAR * whole
    scale = (residual_scale + share * whole_scale) / whole + share + abs(1 - share)
    return {"value": where(claimed, scale, NO_CLAIM)}


def _variance(x: Balls) -> tuple[Balls, Balls]:
    n, h = len(x), height(len(x))
    centre = x.sum() / n
    variance = ((x - centre) ** 2).sum() / n
    return variance, _variance_scale(variance, (h + 1) * abs(x).sum() / n, h + 4)
