"""The six answers that published code gives to one truncation are told apart from one run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ppocore

Gae = Callable[..., Any]
GAMMA, LAMBDA = 0.9, 0.8


def scan(delta: Any, keep: Any) -> Any:
    out, carry = np.zeros_like(delta), np.zeros(delta.shape[1])
    for t in range(len(delta) - 1, -1, -1):
        carry = delta[t] + keep[t] * carry
        out[t] = carry
    return out


def rows(values: Any, next_values: Any) -> Any:
    """values[t + 1], and the bootstrap after the last row."""
    return np.concatenate([values[1:], next_values[-1:]])


def alive(flags: Any, x: Any) -> Any:
    return np.where(flags, 0.0, x)


def bootstrap(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):  # type: ignore[no-untyped-def]
    delta = rewards + gamma * alive(terminated, next_values) - values
    return scan(delta, gamma * gae_lambda * ~(terminated | truncated))


def terminal(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):  # type: ignore[no-untyped-def]
    dones = terminated | truncated
    return scan(rewards + gamma * alive(dones, next_values) - values, gamma * gae_lambda * ~dones)


def current_value(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):  # type: ignore[no-untyped-def]
    dones = terminated | truncated
    paid = rewards + gamma * values * (truncated & ~terminated)
    return scan(paid + gamma * alive(dones, next_values) - values, gamma * gae_lambda * ~dones)


def leak(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):  # type: ignore[no-untyped-def]
    delta = rewards + gamma * alive(terminated, rows(values, next_values)) - values
    return scan(delta, gamma * gae_lambda * ~terminated)


def leak_bootstrap(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):  # type: ignore[no-untyped-def]
    paid = rewards + gamma * values * (truncated & ~terminated)
    return leak(paid, values, next_values, terminated, truncated, gamma, gae_lambda)


def brax(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):  # type: ignore[no-untyped-def]
    counts = ~(truncated & ~terminated)
    delta = counts * (rewards + gamma * alive(terminated, rows(values, next_values)) - values)
    targets = scan(delta, gamma * gae_lambda * ~(terminated | truncated)) + values
    after = np.concatenate([targets[1:], next_values[-1:]])
    return counts * (rewards + gamma * alive(terminated, after) - values)


DIALECTS: dict[str, tuple[Gae, list[float], dict[str, str]]] = {
    "bootstrap": (bootstrap, [2.9203, 1.556, -0.2, 2.508, 1.4], {}),
    "terminal": (terminal, [1.9872, 0.26, -2, 2.508, 1.4], {"truncation": "terminal"}),
    "current value": (current_value, [3.3869, 2.204, 0.7, 2.508, 1.4], {"timeout_value": "current_observation"}),
    "leak": (leak, [4.7895, 4.1521, 3.4058, 2.508, 1.4], {"truncation": "leak"}),
    "leak and bootstrap": (leak_bootstrap, [6.1892, 6.0961, 6.1058, 2.508, 1.4],
                           {"truncation": "leak_bootstrap", "timeout_value": "current_observation"}),
    "brax": (brax, [3.33, 1.7, 0, 2.76, 1.4], {"truncation": "mask", "gae_recursion": "brax"}),
}


@pytest.mark.parametrize("name", DIALECTS)
def test_dialect_gives_the_published_numbers(name: str) -> None:
    """field/conventions.md 4.2: rewards 1, values 1..5, bootstrap 6, truncated after step 2 with V(final) = 2."""
    function, published, _ = DIALECTS[name]
    values = np.arange(1.0, 6.0)[:, None]
    following = np.array([2.0, 3.0, 2.0, 5.0, 6.0])[:, None]
    truncated = np.array([False, False, True, False, False])[:, None]

    got = function(np.ones((5, 1)), values, following, np.zeros((5, 1), dtype=bool), truncated, GAMMA, LAMBDA)

    # The published numbers have four decimals.
    assert published == np.round(got[:, 0], 4).tolist()


@pytest.mark.parametrize("name", DIALECTS)
def test_gate_names_the_dialect_and_asks_for_its_declaration(name: str) -> None:
    function, _, conventions = DIALECTS[name]

    report = ppocore.check({"gae": function})

    verdict = next(v for v in report.verdicts if v.operation == "gae")
    assert verdict.conventions == conventions
    assert verdict.verdict == ("conforms-under" if conventions else "conforms")
    assert verdict.mistakes == ()
    assert verdict.green == (not conventions)
    assert report.exit_status == (1 if conventions else 0)


@pytest.mark.parametrize("name", DIALECTS)
def test_declared_dialect_is_green(name: str) -> None:
    function, _, conventions = DIALECTS[name]

    report = ppocore.check({"gae": function, "CONVENTIONS": conventions})

    assert report.exit_status == 0
    assert next(v for v in report.verdicts if v.operation == "gae").declared
