"""Conventions as adapters declare them: read strictly, for all operations or for one, and held against the code."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ppocore
from ppocore.conformance.case import Verdict
from ppocore.conformance.conventions import CONVENTIONS, number_text, parse


def normalize(advantages: Any, mask: Any = None) -> Any:
    valid = advantages if mask is None else advantages[mask]
    return (advantages - valid.mean()) / (valid.std() + 1e-8)


def clamped_ratio(log_prob: Any, old_log_prob: Any) -> Any:
    return np.exp(np.clip(log_prob - old_log_prob, -20, 20))


def k1(log_prob: Any, old_log_prob: Any) -> Any:
    return (old_log_prob - log_prob).mean()


def returns(rewards: Any, last_values: Any, dones: Any, gamma: float) -> Any:
    out, carry = np.empty_like(rewards), last_values
    for t in range(len(rewards) - 1, -1, -1):
        out[t] = carry = rewards[t] + gamma * np.where(dones[t], 0.0, carry)
    return out


def judge(conventions: dict[str, Any], **functions: Any) -> dict[str, Verdict]:
    report = ppocore.check(functions | {"CONVENTIONS": conventions})
    return {verdict.operation: verdict for verdict in report.verdicts}


@pytest.mark.parametrize(("declared", "found"), [
    ({"advantage_std": "ddof1"}, {"advantage_std": "ddof0"}),
    ({"std_eps": "outside:1e-5"}, {"std_eps": "outside:1e-8"}),
    ({"std_eps": "none"}, {"std_eps": "outside:1e-8"}),
])
def test_declaring_what_the_code_does_not_do_is_red(declared: dict[str, str], found: dict[str, str]) -> None:
    verdict = judge(declared, normalize_advantages=normalize)["normalize_advantages"]

    assert (verdict.verdict, dict(verdict.conventions)) == ("conforms-under", found)
    assert not verdict.green
    assert not verdict.declared


def test_declaring_the_default_is_harmless() -> None:
    verdict = judge({"std_eps": "outside:1e-8"}, normalize_advantages=normalize)["normalize_advantages"]

    assert (verdict.verdict, verdict.green) == ("conforms", True)


def test_declaring_for_an_operation_that_is_not_offered_is_harmless() -> None:
    verdict = judge({"kl_rule": "rllib"}, normalize_advantages=normalize)["normalize_advantages"]

    assert (verdict.verdict, verdict.green) == ("conforms", True)


def test_declaring_what_no_case_can_tell_is_harmless() -> None:
    """A function of `dones` never meets a time limit."""
    verdict = judge({"truncation": "terminal"}, discounted_returns=returns)["discounted_returns"]

    assert verdict.green


def test_a_convention_can_be_declared_for_one_operation_alone() -> None:
    everywhere = judge({"log_ratio_clamp": 20}, ratio=clamped_ratio, kl_k1=k1)
    alone = judge({"ratio": {"log_ratio_clamp": 20}}, ratio=clamped_ratio, kl_k1=k1)

    assert (everywhere["ratio"].green, everywhere["kl_k1"].green) == (True, False)
    assert (alone["ratio"].green, alone["kl_k1"].green) == (True, True)


@pytest.mark.parametrize(("raw", "text"), [
    ({"trunc": 1}, "did you mean 'truncation'"),
    ({"truncation": "cut"}, "must be one of: bootstrap, terminal"),
    ({"std_eps": "inside:1"}, "its number must be in (0, 1e-3]"),
    ({"std_eps": "outside:E"}, "must be one of"),
    ({"dual_clip": -3}, "must be one of"),
    ({"ratio": 20}, "it must be a dict of conventions"),
    ({"ratio": {"log_ratio": 20}}, "did you mean 'log_ratio_clamp'"),
    (3, "CONVENTIONS is a int"),
])
def test_unknown_names_and_values_are_refused_with_the_right_ones(raw: object, text: str) -> None:
    with pytest.raises(ValueError, match="CONVENTIONS") as caught:
        parse(raw)

    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("raw", "canonical"), [
    ({"std_eps": "inside:1e-08"}, {"std_eps": "inside:1e-8"}),
    ({"dual_clip": 3.0}, {"dual_clip": "3"}),
    ({"log_ratio_clamp": "20"}, {"log_ratio_clamp": "20"}),
    ({"explained_variance": "var + 0.00000001"}, {"explained_variance": "var+1e-8"}),
    ({"grad_norm_eps": 1e-6}, {"grad_norm_eps": "1e-6"}),
    ({"dual_clip": None}, {"dual_clip": "none"}),
])
def test_values_have_one_spelling(raw: dict[str, object], canonical: dict[str, str]) -> None:
    assert dict(parse(raw)) == canonical


@pytest.mark.parametrize(("number", "text"), [
    (1e-8, "1e-8"), (0.001, "1e-3"), (2.5e-5, "2.5e-5"), (3.0, "3"), (0.2, "0.2"), (20, "20")])
def test_numbers_are_written_as_people_write_them(number: float, text: str) -> None:
    assert number_text(number) == text


def test_the_closed_list_is_the_contract() -> None:
    """DESIGN 6: names and defaults."""
    assert {name: convention.default for name, convention in CONVENTIONS.items()} == {
        "advantage_std": "ddof0", "std_eps": "outside:1e-8", "value_loss_scale": "one", "grad_norm_eps": "0",
        "clip_fraction": "all", "explained_variance": "var", "truncation": "bootstrap",
        "timeout_value": "last_observation", "gae_recursion": "gae", "value_clip": "max", "reduction": "mean",
        "kl_direction": "old_new", "token_mask": "skip", "kl_rule": "paper", "clip_band": "linear",
        "log_ratio_clamp": "none", "dual_clip": "none",
    }
