"""Damage one line of a kernel, and the theorems about that kernel must turn red."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numba
import pytest

from tests.optional import require

for tool in ("z3", "flint", "sympy", "pebble"):
    require(tool)

from proofs.ledger.book import Ledger  # noqa: E402
from proofs.ledger.loading import load  # noqa: E402
from proofs.ledger.runner import examine  # noqa: E402

BLIND = {"coq"}
"""Does not read the kernel: a damaged one cannot turn it red."""


@dataclass(frozen=True)
class Damage:
    """One line of one kernel, wrongly written."""

    symbol: str
    right: str
    wrong: str
    kind: str

    def __str__(self) -> str:
        return f"{self.symbol.split(':')[1]}-{self.kind}"


MUTATIONS = [
    Damage("ppocore.losses:clip_kernel", "ratio > 1 + clip_eps_high", "ratio > 1 - clip_eps_high", "sign"),
    Damage("ppocore.losses:clip_kernel", "(1 - clip_eps_low) * advantage", "(1 + clip_eps_low) * advantage", "edge"),
    Damage("ppocore.losses:clip_kernel", "advantage > 0 and", "advantage != 0 and", "branch"),
    Damage("ppocore.losses:clip_kernel", "return ratio * advantage, ratio * advantage",
           "return ratio * advantage, advantage", "missing factor"),
    Damage("ppocore.losses:clip_kernel", "dual_clip * advantage, advantage * 0",
           "dual_clip * advantage, ratio * advantage", "gradient let through"),
    Damage("ppocore.advantages:td_error_kernel", "reward + gamma * next_value - value",
           "reward + gamma * next_value + value", "sign"),
    Damage("ppocore.advantages:td_error_kernel", "reward + gamma * next_value - value",
           "reward + gamma * next_value - value + value * next_value - value * next_value", "rounding"),
    Damage("ppocore.advantages:td_error_kernel", "if terminated:", "if not terminated:", "mask"),
    Damage("ppocore.advantages:gae_kernel", "gamma * gae_lambda * later", "gamma * later", "missing factor"),
    Damage("ppocore.advantages:gae_kernel", "if ended:", "if ended and later > 0:", "branch"),
    Damage("ppocore.advantages:return_kernel", "gamma * next_return", "next_return", "missing factor"),
    Damage("ppocore.advantages:_gae_loop", "terminated[t, n] or truncated[t, n]", "terminated[t, n]", "mask"),
    Damage("ppocore.advantages:_gae_loop", "advantages[t + 1, n], ended", "advantages[t, n], ended", "index"),
    Damage("ppocore.advantages:_returns_loop", "= next_values[t, n]", "= next_values[t, n] * 0", "bootstrap"),
    Damage("ppocore.token_advantages:_token_gae_loop", "later_value = values[b, t]", "later_value = values[b, 0]",
           "index"),
    Damage("ppocore.losses:policy_gradient_kernel", "log_prob * advantage, advantage",
           "log_prob * advantage, log_prob", "wrong slope"),
    Damage("ppocore.value_losses:huber_kernel", "(error - delta / 2), delta", "(error - delta / 2), error",
           "slope not clipped"),
    Damage("ppocore.value_losses:huber_kernel", "error * error / 2, error", "error * error, error", "missing half"),
    Damage("ppocore.off_policy:trace_kernel", "gamma * trace * later", "gamma * later", "missing factor"),
    Damage("ppocore.off_policy:least_kernel", "if ratio > clip:", "if ratio > clip * clip:", "branch"),
    Damage("ppocore.off_policy:_trace_loop", "np.float64(v[n]) + later[n]", "np.float64(v[n])", "missing term"),
    Damage("ppocore.off_policy:_trace_loop", "bootstrap if died[n] | cut[n] | (t == end)",
           "bootstrap if died[n] | cut[n]", "end"),
    Damage("ppocore.divergences:k3_kernel", "range(16, 2, -1)", "range(16, 1, -1)", "index"),
    Damage("ppocore.divergences:k3_kernel", "np.expm1(d) - d", "np.expm1(d) + d", "sign"),
    Damage("ppocore.divergences:kl_estimate_kernel", "return -d, d * 0 - 1", "return -d, d * 0 + 1", "gradient sign"),
    Damage("ppocore.divergences:categorical_kl_term_kernel", "* (1 + d)", "* (1 - d)", "sign"),
    Damage("ppocore.divergences:gaussian_kl_terms_kernel", "-growth - z * z", "-growth", "missing term"),
    Damage("ppocore.distributions:log_softmax_kernel", "logits[j] - logits[top] - log_total",
           "logits[j] - log_total", "missing shift"),
    Damage("ppocore.divergences:gaussian_kl_kernel", "np.exp(-other_log_std)", "np.exp(-log_std)", "exchanged"),
    Damage("ppocore.divergences:known_k3_kernel", "growth - d", "growth + d", "sign"),
    Damage("ppocore.distributions:gaussian_terms_kernel", "z * z - 1", "z * z", "missing term"),
    Damage("ppocore.distributions:gaussian_log_prob_kernel", "np.exp(-log_std)", "np.exp(log_std)", "sign"),
    Damage("ppocore.softmax_rows:_open_gaps", "np.float64(row[j]) - top", "np.float64(row[j]) + top", "sign"),
    Damage("ppocore.softmax_rows:_legal_gaps", "z if allowed[j] & (z > top) else top", "z if z > top else top", "mask"),
    Damage("ppocore.softmax_rows:_totals", "rest + (largest - 1)", "rest", "ties"),
    Damage("ppocore.softmax_rows:_totals", "rest + (largest - 1)", "(rest + largest) - 1", "rounding"),
    Damage("ppocore.softmax_rows:_take", "gaps[b, actions[b]] - log_totals[b]", "gaps[b, actions[b]]", "missing term"),
    Damage("ppocore.softmax_rows:_chosen_slopes", "0.0 - rests[b]", "rests[b]", "sign"),
    Damage("ppocore.softmax_rows:_chosen_slopes", "1 / (1 + totals[b])", "1 / totals[b]", "missing one"),
    Damage("ppocore.softmax_rows:_entropies", "(gap[j] - total)", "gap[j]", "missing entropy"),
    Damage("ppocore.beta:beta_log_prob_kernel", "(alpha - 1) * on", "alpha * on", "missing term"),
    Damage("ppocore.beta:beta_log_prob_kernel", "on + digamma_gap_kernel(alpha, beta)",
           "on - digamma_gap_kernel(alpha, beta)", "sign"),
    Damage("ppocore.beta:beta_entropy_kernel", "(above + over) * trigamma_kernel", "above * trigamma_kernel",
           "missing term"),
    Damage("ppocore.beta:beta_entropy_kernel", "over * digamma_gap_kernel(beta, alpha)",
           "over * digamma_gap_kernel(alpha, beta)", "exchanged"),
    Damage("ppocore.beta:beta_kl_kernel", "kl - log_gamma_above_kernel", "kl + log_gamma_above_kernel", "sign"),
    Damage("ppocore.beta:beta_kl_kernel", "bend - right * trigamma_kernel(beta)", "bend - left * trigamma_kernel(beta)",
           "exchanged"),
    Damage("ppocore.beta_function:log_above_kernel", "1 / 17 + y * (1 / 19)", "1 / 17", "missing term"),
    Damage("ppocore.beta_function:log_gamma_above_kernel", "0.5 * log_above_kernel", "log_above_kernel",
           "missing factor"),
    Damage("ppocore.beta_function:_series_above", "sides * x + power", "sides * y + power", "exchanged"),
    Damage("ppocore.beta_function:trigamma_kernel", "0.5 * y", "y", "missing factor"),
    Damage("ppocore.beta_function:log_beta_kernel", "high * np.log1p(-(low / whole))", "high * np.log1p(low / whole)",
           "other sign"),
    Damage("ppocore.bernoulli:log_sigmoid_kernel", "return x - np.log1p(rest)", "return -np.log1p(rest)",
           "missing term"),
    Damage("ppocore.bernoulli:bernoulli_log_prob_kernel", "return log_prob, -slope", "return log_prob, slope", "sign"),
    Damage("ppocore.bernoulli:bernoulli_entropy_kernel", "unlikely / (1 + rest)", "unlikely", "missing factor"),
    Damage("ppocore.bernoulli:bernoulli_kl_kernel", "p * q_not * np.expm1(-gap)", "q * p_not * np.expm1(-gap)",
           "probabilities exchanged"),
    Damage("ppocore.value_losses:clipped_value_kernel", "if target - edge > value - target:",
           "if target > edge:", "branch"),
    Damage("ppocore.value_losses:squared_error_kernel", "2 * error", "error", "missing factor"),
    Damage("ppocore.value_losses:clipped_only_kernel", "old_value - value_clip_eps",
           "old_value + value_clip_eps", "edge"),
    Damage("ppocore.value_losses:error_clamp_kernel", "return largest, value * 0", "return largest, 2 * error",
           "gradient let through"),
    Damage("ppocore.optimizers:sgd_kernel", "param - learning_rate", "param + learning_rate", "direction"),
    Damage("ppocore.optimizers:adapt_kl_coef_kernel", "return kl_coef / 2", "return kl_coef * 2", "direction"),
    Damage("ppocore.optimizers:adam_kernel", "(1 - beta2) * grad * grad", "(1 - beta2) * grad", "missing factor"),
    Damage("ppocore.squashed:artanh_kernel", "(up - down) / 2", "(up + down) / 2", "sign"),
    Damage("ppocore.importance:log_second_moment_kernel", "if grown >= 1:", "if grown >= 2:", "branch"),
]


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    return load()


@contextmanager
def damaged(damage: Damage) -> Iterator[None]:
    """The kernel with its line replaced, for as long as the block runs."""
    module_name, name = damage.symbol.split(":")
    module = importlib.import_module(module_name)
    intact = getattr(module, name)
    source = inspect.getsource(intact.py_func)
    assert source.count(damage.right) == 1, f"{damage.right!r} must occur once in {name}"
    text = re.sub(r"^@(kernel|bare|inner|strict)\n", "", source).replace(damage.right, damage.wrong)
    scope: dict[str, object] = {}
    exec(compile(text, "<damaged>", "exec"), vars(module), scope)
    setattr(module, name, numba.njit(error_model="numpy")(scope[name]))
    try:
        yield
    finally:
        setattr(module, name, intact)


def red(ledger: Ledger, symbol: str) -> list[str]:
    """The theorems about a symbol of which a proof fails, leaving out machines that do not read it."""
    return [
        theorem.id
        for theorem in ledger.about(symbol)
        if any(
            examine(check).failed
            for check in theorem.checks
            if check.kind == "proof" and check.method not in BLIND
        )
    ]


@pytest.mark.parametrize("damage", MUTATIONS, ids=str)
def test_a_damaged_kernel_turns_its_theorems_red(ledger: Ledger, damage: Damage) -> None:
    assert red(ledger, damage.symbol) == [], "the intact kernel must be green"

    with damaged(damage):
        failing = red(ledger, damage.symbol)

    print(f"{damage}: {', '.join(failing)}")
    assert failing
