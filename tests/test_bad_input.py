"""What every public function does with bad input: one clear error that names function and argument.

`GOOD` holds one good call of every function.  Each test spoils one argument of it at a time.
"""

from __future__ import annotations

import inspect
import re
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import ppocore

NAN = float("nan")
HALF = Fraction(1, 2)


def _row(*entries: float) -> Any:
    return np.array(entries, dtype=np.float64)


def _grid(*rows: tuple[float, ...]) -> Any:
    return np.array(rows, dtype=np.float64)


MASK = np.array([[True, False], [True, True]])
FLAGS = {"terminated": np.array([[False], [True]]), "truncated": np.array([[True], [False]])}
SAMPLES = {"log_prob": _row(-1, -2), "old_log_prob": _row(-1.5, -1)}
POLICY = SAMPLES | {"advantages": _row(1, -1)}
GAUSS = {"mean": _grid((0, 1), (2, 3)), "log_std": _grid((0, -1), (1, 0))}
OTHER = {"other_mean": _grid((1, 1), (2, 2)), "other_log_std": _grid((0, 0), (1, 1))}
LOGITS = _grid((0, 1, 2), (2, 0, 1))
LEGAL = np.array([[True, True, False], [True, False, True]])
POINTS = {"f": [1, 5], "p": [HALF, HALF]}
ADAM = {
    "params": _row(1, 2), "grads": _row(1, -1), "first_moment": _row(0, 0), "second_moment": _row(0, 1),
    "step": 1,
    "learning_rate": 0.5, "beta1": 0.5, "beta2": 0.5, "eps": 1e-8,
}  # fmt: skip

GOOD: dict[str, dict[str, Any]] = {
    "td_errors": {"rewards": _grid((1,), (2,)), "values": _grid((0,), (1,)), "next_values": _grid((1,),
    (NAN,)),
                  **FLAGS, "gamma": 0.5},
    "gae": {"rewards": _grid((1,), (2,)), "values": _grid((0,), (1,)), "next_values": _grid((1,), (NAN,)),
            **FLAGS, "gamma": 0.5, "gae_lambda": 0.5},
    "discounted_returns": {"rewards": _grid((1,), (2,)), "next_values": _grid((1,), (NAN,)), **FLAGS,
    "gamma": 0.5},
    "vtrace": {"log_prob": _grid((-1,), (-2,)), "old_log_prob": _grid((-1.5,), (-1,)), "rewards": _grid((1,), (2,)),
               "values": _grid((0,), (1,)), "next_values": _grid((1,), (NAN,)), **FLAGS, "gamma": 0.5,
               "gae_lambda": 0.5, "rho_clip": 1.0, "c_clip": 1.0},
    "token_gae": {"rewards": _grid((1, NAN), (1, 1)), "values": _grid((1, NAN), (1, 1)), "mask": MASK,
                  "gamma": 0.5, "gae_lambda": 0.5},
    "normalize_advantages": {"advantages": _grid((1, NAN), (3, 4)), "mask": MASK},
    **{name: {"rewards": _grid((1, 0, 2), (3, 3, 3))}
       for name in ("grpo_advantages", "rloo_advantages", "dr_grpo_advantages")},
    "kl_reward": {"scores": _row(1, -2), "log_prob": _grid((-1, NAN), (-1, -1)),
                  "ref_log_prob": _grid((-1, NAN), (-2, -1)), "mask": MASK, "kl_coef": 0.5},
    "adapt_kl_coef_proportional": {"kl_coef": 0.5, "kl": 0.25, "target_kl": 0.125, "batch_steps": 64, "horizon": 256.0},
    "ratio": SAMPLES,
    "importance_estimate": {"fx": _row(1, 5), "log_p": _row(-1, -2), "log_q": _row(-2, -1)},
    "self_normalized_estimate": {"fx": _row(1, 5), "log_p": _row(-1, -2), "log_q": _row(-2, -1)},
    "truncated_importance_estimate": {"fx": _row(1, 5), "log_p": _row(-1, -2), "log_q": _row(-2, -1),
                                      "max_weight": 2.0},
    "per_decision_importance_estimate": {"rewards": _grid((1, NAN), (1, 1)), "log_prob": _grid((-1, NAN),
    (-1, -1)),
                                         "old_log_prob": _grid((-1, NAN), (-2, -1)), "mask": MASK,
                                         "gamma": 0.5},
    "effective_sample_size": {"log_weights": _row(0, 1)},
    "gaussian_weight_second_moment": GAUSS | OTHER,
    "exact_expectation": POINTS,
    "exact_variance": POINTS,
    "exact_importance_expectation": POINTS | {"q": [0.25, 0.75]},
    "exact_importance_variance": POINTS | {"q": [0.25, 0.75]},
    "exact_truncation_bias": POINTS | {"q": [0.25, 0.75], "max_weight": 1},
    "kl_k1": SAMPLES,
    "kl_k2": SAMPLES,
    "kl_k3": {"log_prob": _grid((-1, NAN), (-1, -1)), "old_log_prob": _grid((-1, NAN), (-2, -1)),
    "mask": MASK},
    "categorical_kl": {"logits": LOGITS, "other_logits": LOGITS + 1, "action_mask": LEGAL},
    "gaussian_kl": GAUSS | OTHER,
    "adapt_kl_coef": {"kl_coef": 0.5, "kl": 0.25, "target_kl": 0.125, "kl_rule": "rllib"},
    "categorical_log_prob": {"logits": LOGITS, "actions": np.array([0, 2]), "action_mask": LEGAL},
    "categorical_entropy": {"logits": LOGITS, "action_mask": LEGAL},
    "categorical_log_prob_and_entropy": {"logits": LOGITS, "actions": np.array([0, 2]), "action_mask": LEGAL},
    "bernoulli_log_prob": {"logits": _grid((0, 1), (2, -1)), "actions": np.array([[0, 1], [1, 1]])},
    "bernoulli_entropy": {"logits": _grid((0, 1), (2, -1))},
    "bernoulli_kl": {"logits": _grid((0, 1), (2, -1)), "other_logits": _grid((1, 1), (0, -2))},
    "multidiscrete_log_prob": {"logits": _grid((0, 1, 2, 1), (2, 0, 1, 1)), "actions": np.array([[0, 1], [1, 0]]),
                               "nvec": [2, 2], "action_mask": np.array([[True, False, True, True], [True] * 4])},
    "multidiscrete_entropy": {"logits": _grid((0, 1, 2, 1), (2, 0, 1, 1)), "nvec": [2, 2],
                              "action_mask": np.array([[True, False, True, True], [True] * 4])},
    "multidiscrete_kl": {"logits": _grid((0, 1, 2), (2, 0, 1)), "other_logits": _grid((1, 1, 0), (0, 2, 2)),
                         "nvec": [2, 1]},
    "beta_log_prob": {"alpha": _grid((1, 2), (3, 0.5)), "beta": _grid((2, 0.25), (1, 4)),
                      "actions": _grid((0.5, 0.25), (0.75, 0.125))},
    "beta_entropy": {"alpha": _grid((1, 2), (3, 0.5)), "beta": _grid((2, 0.25), (1, 4))},
    "beta_kl": {"alpha": _grid((1, 2), (3, 0.5)), "beta": _grid((2, 0.25), (1, 4)),
                "other_alpha": _grid((2, 2), (1, 0.5)), "other_beta": _grid((1, 0.5), (2, 3))},
    "gaussian_log_prob": GAUSS | {"actions": _grid((0, 0), (1, 1))},
    "gaussian_entropy": GAUSS,
    "squashed_gaussian_log_prob": GAUSS | {"actions": _grid((0, 0.5), (-0.5, 0.25))},
    "squashed_gaussian_entropy": GAUSS,
    "policy_gradient_loss": {"log_prob": _grid((1, NAN), (-1, 0)), "advantages": _grid((1, NAN), (-1, 0)),
                             "mask": MASK, "reduction": "mean"},
    "huber_value_loss": {"values": _row(1, 2), "returns": _row(1, 3), "delta": 0.5, "reduction": "sum"},
    "surrogate_loss": {name: _grid((1, NAN), (-1, 0)) for name in POLICY} | {"mask": MASK,
    "reduction": "mean"},
    "clip_loss": {name: _grid((1, NAN), (-1, 0)) for name in POLICY}
    | {"clip_eps": 0.25, "dual_clip": 2.0, "mask": MASK, "reduction": "trajectory"},
    "gspo_loss": {"log_prob": _grid((1, NAN), (-1, 0)), "old_log_prob": _grid((1, NAN), (-1, 0)),
                  "advantages": _row(1, -1), "mask": MASK, "clip_eps": 0.25},
    "cispo_loss": {name: _grid((1, NAN), (-1, 0)) for name in POLICY}
    | {"clip_eps": 0.25, "mask": MASK, "reduction": "trajectory"},
    "truncated_is_loss": {name: _grid((1, NAN), (-1, 0)) for name in (*POLICY, "rollout_log_prob")}
    | {"max_weight": 2.0, "clip_eps": 0.25, "mask": MASK, "reduction": "sum"},
    "kl_penalty_loss": {"logits": LOGITS, "old_logits": LOGITS + 1, "actions": np.array([0, 2]),
                        "advantages": _row(1, -1), "kl_coef": 0.5, "action_mask": LEGAL, "reduction": "mean"},
    "value_loss": {"values": _grid((1, NAN), (-1, 0)), "returns": _grid((1, NAN), (2, 0)), "mask": MASK,
                   "reduction": "sequence_mean"},
    "clipped_value_loss": {"values": _row(1, 2), "returns": _row(1, 3), "old_values": _row(0, 1),
                           "value_clip_eps": 0.5, "reduction": "sum"},
    "ppo_loss": POLICY | {"values": _row(1, 2), "returns": _row(1, 3), "entropy": _row(1, 1),
    "clip_eps": 0.25,
                          "vf_coef": 0.5, "ent_coef": 0.5, "dual_clip": 3.0, "reduction": "mean"},
    "masked_mean": {"x": _grid((1, NAN), (2, 3)), "mask": MASK},
    "sequence_mean": {"x": _grid((1, NAN), (2, 3)), "mask": MASK},
    "sequence_sum_mean": {"x": _grid((1, NAN), (2, 3)), "mask": MASK},
    "trajectory_mean": {"x": _row(1, 2, 6), "lengths": np.array([2, 1])},
    "clip_fraction": POLICY | {"clip_eps": 0.25},
    "explained_variance": {"values": _row(1, 2), "returns": _row(1, 3)},
    "pareto_k_hat": {"log_weights": _row(0, 1)},
    "batch_health": {"log_weights": _row(0, 1)},
    "clip_grad_norm": {"grads": [_row(1, 2), _grid((1, 2))], "max_norm": 0.5},
    "adam_step": ADAM,
    "sgd_step": {"params": _row(1, 2), "grads": _row(1, -1), "learning_rate": 0.5},
    "running_moments": {"batches": [_grid((1, 2)), _grid((3, 4), (5, 6))]},
    "update_moments": {"moments": ppocore.Moments(_row(0, 0), _row(1, 1), 3), "batch": _grid((1, 2))},
}  # fmt: skip

OUTSIDE: dict[str, tuple[Any, ...]] = {
    "gamma": (2.0, -0.5, NAN, np.inf, None, "0.5", True, _row(0.5, 0.5)),
    "gae_lambda": (2.0, -0.5, NAN, np.inf, None, "0.5", True),
    "clip_eps": (-0.5, 1.5, NAN, np.inf, "0.2", True),
    "dual_clip": (1.0, 0.5, NAN, np.inf, "3", True),
    "value_clip_eps": (-0.5, NAN, np.inf, None, "0.2"),
    "vf_coef": (-0.5, NAN, np.inf, None, "0.2"),
    "ent_coef": (NAN, np.inf, None, "0.2"),
    "kl_coef": (-0.5, NAN, np.inf, None, "0.2"),
    "kl": (NAN, np.inf, None, "0.2"),
    "target_kl": (0.0, -0.5, NAN, np.inf, None),
    "max_norm": (0.0, -1.0, NAN, np.inf, None),
    "max_weight": (0.0, -1.0, NAN, np.inf, None),
    "delta": (0.0, -0.5, NAN, np.inf, None, "1", True),
    "rho_clip": (0.0, -1.0, NAN, np.inf, None, "1", True),
    "c_clip": (-1.0, NAN, np.inf, None, "1", True),
    "step": (0, -1, 1.5, True, None, "1"),
    "learning_rate": (-0.5, NAN, np.inf, None),
    "beta1": (1.0, -0.5, NAN, None),
    "beta2": (1.0, -0.5, NAN, None),
    "eps": (0.0, -1e-8, NAN, None),
    "batch_steps": (0, -1.0, NAN, np.inf, None, "64"),
    "horizon": (0, -1.0, NAN, np.inf, None, True),
    "kl_rule": ("median", "", None, 3),
    "reduction": ("median", "", None, 3),
    "nvec": ([], [5], [0, 4], [0, 3], [-1, 5], [2.5, 1.5], [[2, 2]], None, "text", 4),
}
"""Hyper-parameters by name: what each must refuse."""


def _float_spoils(value: Any) -> list[Any]:
    """Arrays that must be refused where `value`, an array of float, is right."""
    used = tuple(np.argwhere(np.isfinite(value))[0])
    spoils = [value[..., None], value[None], value[:0], np.float64(1.0), np.concatenate([value, value])]
    spoils += [
        value > 0,
        value.astype(complex),
        value.astype(object),
        value.astype(str),
        value.astype(np.float16),
    ]
    spoils += [None, "text", [[1.0], [1.0, 2.0]], {"a": 1.0}]
    for poison in (NAN, np.inf, -np.inf):
        spoiled = value.copy()
        spoiled[used] = poison
        spoils.append(spoiled)
    return spoils


def _spoils(name: str, value: Any) -> list[Any]:
    if name in OUTSIDE:
        return list(OUTSIDE[name])
    if isinstance(value, np.ndarray) and value.dtype == bool:
        more = [
            value[..., None],
            value[None],
            value[:0],
            value.astype(float),
            value.astype(int),
            value.astype(object),
        ]
        return more + [None, "text"] * (name not in ("mask", "action_mask"))
    if isinstance(value, np.ndarray) and value.dtype.kind == "i":
        return [
            value[..., None],
            value[:0],
            value.astype(float),
            value > 0,
            value - 9,
            value + 9,
            None,
            "text",
        ]
    if isinstance(value, np.ndarray):
        return _float_spoils(value)
    return []


def _is_single(function: str) -> bool:
    """Whether lengths have nothing to disagree with: one array only."""
    return sum(isinstance(value, np.ndarray) for value in GOOD[function].values()) == 1


def _bad_calls() -> list[Any]:
    calls = []
    for function, arguments in GOOD.items():
        for name, value in arguments.items():
            for number, spoiled in enumerate(_spoils(name, value)):
                doubled = isinstance(spoiled, np.ndarray) and isinstance(value, np.ndarray) and (
                    spoiled.shape == (2 * len(value), *value.shape[1:])
                )  # fmt: skip
                if doubled and _is_single(function):
                    continue
                calls.append(pytest.param(function, name, spoiled, id=f"{function}-{name}-{number}"))
    return calls


def _refusal(function: str, arguments: dict[str, Any]) -> str:
    with pytest.raises((ValueError, TypeError)) as caught:
        getattr(ppocore, function)(**arguments)
    assert type(caught.value) in (ValueError, TypeError)
    return str(caught.value)


@pytest.mark.parametrize(("function", "name", "spoiled"), _bad_calls())
def test_bad_argument_gets_one_error_that_names_it(function: str, name: str, spoiled: Any) -> None:
    text = _refusal(function, GOOD[function] | {name: spoiled})

    assert re.fullmatch(r"\w+: [\w.\[\], ]+ (?s:.)+; .+\.( .+)?", text), text
    assert text.startswith(f"{function}: "), text
    assert re.search(rf"\b{name}\b", text.removeprefix(f"{function}: ")), text


@pytest.mark.parametrize("function", GOOD)
def test_good_call_is_accepted_and_leaves_its_inputs_alone(function: str) -> None:
    def leaves(value: Any) -> list[Any]:
        return [x for item in value for x in leaves(item)] if isinstance(value, (list, tuple)) else [value]

    arguments = GOOD[function]
    before = [np.array(leaf).tobytes() for value in arguments.values() for leaf in leaves(value)
              if isinstance(leaf, np.ndarray)]  # fmt: skip

    getattr(ppocore, function)(**arguments)

    after = [np.array(leaf).tobytes() for value in arguments.values() for leaf in leaves(value)
             if isinstance(leaf, np.ndarray)]  # fmt: skip
    assert before == after


@pytest.mark.parametrize("function", GOOD)
def test_read_only_inputs_are_accepted(function: str) -> None:
    arguments = {
        name: np.broadcast_to(value, value.shape) if isinstance(value, np.ndarray) else value
        for name, value in GOOD[function].items()
    }

    getattr(ppocore, function)(**arguments)


@pytest.mark.parametrize("function", GOOD)
def test_results_share_no_memory_with_inputs(function: str) -> None:
    arguments = [value for value in GOOD[function].values() if isinstance(value, np.ndarray)]
    result = getattr(ppocore, function)(**GOOD[function])
    results = [x for x in (result if isinstance(result, tuple) else [result]) if isinstance(x, np.ndarray)]

    assert not any(np.shares_memory(x, y) for x in arguments for y in results)


@pytest.mark.parametrize("function", GOOD)
def test_float32_gives_float32_and_lists_give_float64(function: str) -> None:
    for kind, expected in ((np.float32, np.float32), (list, np.float64)):
        arguments = {
            name: (value.tolist() if kind is list else value.astype(kind))
            if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value
            for name, value in GOOD[function].items() if name not in ("grads", "batches", "moments")
        }  # fmt: skip
        if arguments.keys() != GOOD[function].keys() or function.startswith("exact"):
            continue
        result = getattr(ppocore, function)(**arguments)
        for part in result if isinstance(result, tuple) else [result]:
            if isinstance(part, np.ndarray):
                assert part.dtype == expected


@pytest.mark.parametrize("function", sorted(GOOD.keys() - {"pareto_k_hat", "batch_health"}))
def test_unused_nan_reaches_no_output(function: str) -> None:
    """The good calls have NaN in masked slots and where terminated; nothing that comes out is NaN.

    Left out: a k-hat without a tail to fit, which is nan by definition.
    """
    result = getattr(ppocore, function)(**GOOD[function])
    for part in result if isinstance(result, tuple) else [result]:
        for leaf in part if isinstance(part, list) else [part]:
            assert np.isfinite(np.asarray(leaf, dtype=np.float64)).all()


@pytest.mark.parametrize("function", [name for name, call in GOOD.items() if "mask" in call])
def test_gradients_are_zero_at_masked_slots(function: str) -> None:
    result = getattr(ppocore, function)(**GOOD[function])
    for field in getattr(result, "_fields", ()):
        if field.startswith("grad_"):
            assert (getattr(result, field)[~MASK] == 0).all()


@pytest.mark.parametrize("function", [name for name, call in GOOD.items() if "action_mask" in call])
def test_logits_of_masked_actions_do_not_matter(function: str) -> None:
    plain = getattr(ppocore, function)(**GOOD[function])
    poisoned = {
        name: np.where(GOOD[function]["action_mask"], value, NAN) if name.endswith("logits") else value
        for name, value in GOOD[function].items()
    }

    for left, right in zip(plain, getattr(ppocore, function)(**poisoned), strict=True):
        np.testing.assert_array_equal(left, right)
        if np.ndim(left) == 2:
            assert (left[~GOOD[function]["action_mask"]] == 0).all()


@pytest.mark.parametrize(
    ("function", "change", "text"),
    [
        ("categorical_log_prob", {"actions": np.array([0, 1])},
        "actions[1] is 1; every action must be allowed"),
        ("categorical_log_prob", {"actions": np.array([3, 0])},
        "actions[0] is 3; every action must be in [0, 2]"),
        ("categorical_log_prob", {"action_mask": np.zeros((2, 3), bool)}, "action_mask[0] is all False; "),
        ("categorical_entropy", {"action_mask": np.array([[True] * 3, [False] * 3])},
        "action_mask[1] is all False; "),
        ("value_loss", {"mask": np.array([[True, True], [False, False]])}, "mask[1] is all False; "),
        ("token_gae", {"mask": np.zeros((2, 2), bool)}, "mask[0] is all False; "),
        ("masked_mean", {"mask": np.zeros((2, 2), bool)}, "mask[0] is all False; "),
        ("clip_loss", {"clip_eps_low": 0.1},
        "clip_eps comes with clip_eps_low or clip_eps_high; give one form only."),
        ("clip_loss", {"clip_eps": None}, "clip_eps is missing; "),
        ("clip_loss", {"clip_eps": None, "clip_eps_low": 0.1}, "clip_eps_high is missing; "),
        ("clip_loss", {"clip_eps": None, "clip_eps_high": 0.1}, "clip_eps_low is missing; "),
        ("clip_loss", {"clip_eps": None, "clip_eps_high": 0.1, "clip_eps_low": -0.1},
        "clip_eps_low is -0.1; "),
        ("clip_loss", {"clip_eps": 1.2},
         "clip_eps is 1.2; it must be in [0, 1]. Did you pass the upper end 1 + epsilon?"),
        ("surrogate_loss", {"mask": None},
         "log_prob has shape (2, 2); it must have shape (B,), or (B, L) together"),
        ("clipped_value_loss", {"reduction": "trajectory"},
        "reduction is 'trajectory'; it needs arrays of shape (B, L)"),
        ("trajectory_mean", {"lengths": np.array([2, 2])},
        "lengths adds up to 4; it must add up to the 3 steps of x."),
        ("trajectory_mean", {"lengths": np.array([3, 0])},
        "lengths[1] is 0; every length must be at least 1."),
        ("exact_expectation", {"p": [HALF, HALF, HALF]}, "p has 3 entries but f has 2; "),
        ("exact_expectation", {"p": [HALF, 1]}, "p adds up to 1.5; probabilities must add up to 1."),
        ("exact_expectation", {"p": [2, -1]}, "p[0] is 2.0; it must be in [0, 1]."),
        ("exact_expectation", {"f": ["1", 2]}, "f[0] is '1'; it must be one real number."),
        ("exact_expectation", {"f": [NAN, 2]}, "f[0] is nan; it must be finite."),
        ("exact_importance_variance", {"q": [1, 0]}, "q[1] is 0; it must be positive where f p is not 0."),
        ("clip_grad_norm", {"grads": []}, "grads is empty; it must hold at least one array."),
        ("clip_grad_norm", {"grads": _row(1)}, "grads is a ndarray; it must be a list of arrays."),
        ("clip_grad_norm", {"grads": [_row(1), _row(NAN)]},
        "grads[1][0] is nan; every entry must be finite."),
        ("running_moments", {"batches": [_grid((1, 2)), _grid((1,))]},
         "batches[1] has shape (1, 1) but batches[0] has"),
        ("running_moments", {"batches": []}, "batches is empty; it must hold at least one array."),
        ("update_moments", {"moments": (1, 2, 3)}, "moments is a tuple; it must be a Moments tuple."),
        ("squashed_gaussian_log_prob", {"actions": _grid((0, 1), (0, 0))},
         "actions[0, 1] is 1.0; every entry must be in"),
        ("gaussian_entropy", {"log_std": _grid((0, 400), (0, 0))},
         "log_std[0, 1] is 400.0; every entry must be in"),
        ("adam_step", {"second_moment": _row(0, -1)},
         "second_moment[1] is -1.0; every entry must be in [0, inf)."),
        ("sgd_step", {"grads": _row(1)}, "grads has shape (1,) but params has shape (2,); "),
        ("sgd_step", {"learning_rate": -0.5}, "learning_rate is -0.5; it must be in [0, inf)."),
        ("sgd_step", {"params": _row(1, NAN)}, "params[1] is nan; every entry must be finite."),
        ("gae", {"values": _grid((0, 1))}, "values has shape (1, 2) but rewards has shape (2, 1); "),
    ],
)  # fmt: skip
def test_refusal_says(function: str, change: dict[str, Any], text: str) -> None:
    assert _refusal(function, GOOD[function] | change).startswith(f"{function}: {text}")


def test_every_public_function_is_here() -> None:
    public = {name for name in ppocore.__all__ if name[0].islower() and name != "check"}

    assert set(GOOD) == public


def test_hyper_parameters_have_no_defaults() -> None:
    """Data first, then keywords without default; only masks, forms of the clip,
    the rule that moves beta, the reduction and memory for the results have one."""
    allowed = {"mask", "action_mask", "dual_clip", "reduction", "clip_eps", "clip_eps_low", "clip_eps_high", "kl_rule",
               "out"}
    with_default = {
        (function, name)
        for function in GOOD
        for name, parameter in inspect.signature(getattr(ppocore, function)).parameters.items()
        if parameter.default is not inspect.Parameter.empty
    }

    assert {name for _, name in with_default} == allowed
    assert {function for function, name in with_default if name == "out"} == {"gae"}
    assert {function for function, name in with_default if name.startswith("clip_eps")} == {
        "clip_loss", "gspo_loss", "cispo_loss", "truncated_is_loss"}


def test_kl_penalty_loss_uses_nothing_of_a_masked_slot() -> None:
    """A masked slot may even hold an action and a policy that make no sense."""
    legal = np.array([[[True, True], [False, False]]])
    out = ppocore.kl_penalty_loss(
        [[[0.0, 0.0], [NAN, NAN]]], [[[0.0, 0.0], [NAN, NAN]]], [[0, 99]], [[2.0, NAN]],
        kl_coef=1, mask=[[True, False]], action_mask=legal,
    )  # fmt: skip

    assert out.loss == -2
    np.testing.assert_array_equal(out.grad_logits, [[[-1.0, 1.0], [0.0, 0.0]]])
