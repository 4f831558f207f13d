"""The curve through a counterexample: its right side is the definition, its wrong side is the function."""

from __future__ import annotations

import numpy as np
import pytest

import ppocore


def lead(name, function, **more):
    """The smallest counterexample of one function."""
    run = ppocore.check({name: function, **more}, examples=0)
    (found,) = [r.counterexample for r in run.results if r.counterexample and "answers" in r.counterexample]
    return found


def ratio_of(log_prob, old_log_prob):
    return np.exp(log_prob - old_log_prob)


def pessimist(log_prob, old_log_prob, advantages, clip_eps):
    r = ratio_of(log_prob, old_log_prob)
    return -np.maximum(r * advantages, np.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages).mean()


def right_clip(r, a, eps):
    return -min(r * a, min(max(r, 1 - eps), 1 + eps) * a)


def test_policy_loss_is_drawn_against_the_ratio():
    found = lead("clip_loss", pessimist)
    inputs, curve = found["inputs"], found["curve"]
    (a,), eps = inputs["advantages"], inputs["clip_eps"]

    assert (curve["axis"], curve["moved"], curve["output"]) == ("ratio", "log_prob", "loss")
    assert curve["edges"] == [1 - eps, 1 + eps]
    assert curve["at"] == ratio_of(*(np.array(inputs[n]) for n in ("log_prob", "old_log_prob")))[0]
    here = [(want, got) for x, want, got in curve["points"] if x == curve["at"]]
    assert here == [(pytest.approx(found["want"], rel=1e-12), pytest.approx(found["got"], rel=1e-12))]
    for r, want, got in curve["points"]:
        assert want == pytest.approx(right_clip(r, a, eps), rel=1e-12)
        assert got == pytest.approx(-max(r * a, min(max(r, 1 - eps), 1 + eps) * a), rel=1e-12)


def test_value_loss_is_drawn_against_the_error():
    found = lead("value_loss", lambda values, returns: np.abs(values - returns).mean())

    assert (found["curve"]["axis"], found["curve"]["edges"]) == ("v - R", [])
    assert all(want == x * x and got == abs(x) for x, want, got in found["curve"]["points"])


def test_value_clip_bends_where_the_values_leave_the_band():
    def optimist(values, returns, old_values, value_clip_eps):
        near = old_values + np.clip(values - old_values, -value_clip_eps, value_clip_eps)
        return np.minimum((values - returns) ** 2, (near - returns) ** 2).mean()

    found = lead("clipped_value_loss", optimist)
    inputs, curve = found["inputs"], found["curve"]

    v, error, eps = inputs["old_values"][0], inputs["returns"][0], inputs["value_clip_eps"]
    assert curve["edges"] == [v - error - eps, v - error + eps]


def test_axis_is_the_one_on_which_the_error_varies_most():
    def entropy_added(log_prob, old_log_prob, advantages, values, returns, entropy, clip_eps, vf_coef, ent_coef):
        r = ratio_of(log_prob, old_log_prob)
        policy = -np.minimum(r * advantages, np.clip(r, 1 - clip_eps, 1 + clip_eps) * advantages).mean()
        return policy + vf_coef * ((values - returns) ** 2).mean() + ent_coef * entropy.mean()

    curve = lead("ppo_loss", entropy_added)["curve"]

    assert curve["axis"] == "entropy"
    slopes = [np.diff([point[i] for point in curve["points"]]) for i in (1, 2)]
    assert (slopes[0] < 0).all()
    assert (slopes[1] > 0).all()


def test_penalty_is_drawn_against_the_ratio_of_the_action_taken():
    def log_softmax(x):
        return x - x.max(1, keepdims=True) - np.log(np.exp(x - x.max(1, keepdims=True)).sum(1, keepdims=True))

    def bonus(logits, old_logits, actions, advantages, kl_coef):
        new, old, rows = log_softmax(logits), log_softmax(old_logits), np.arange(len(actions))
        policy = -(np.exp(new[rows, actions] - old[rows, actions]) * advantages).mean()
        return policy - kl_coef * (np.exp(old) * (old - new)).sum(1).mean()

    found = lead("kl_penalty_loss", bonus)

    assert found["curve"]["axis"] == "ratio of the action taken"
    xs = [x for x, _, _ in found["curve"]["points"]]
    assert xs == sorted(xs)
    # The midpoint of right and wrong is the loss without a penalty: a straight line in the ratio.
    middle = [(want + got) / 2 for _, want, got in found["curve"]["points"]]
    slopes = np.diff(middle) / np.diff(xs)
    assert slopes == pytest.approx(slopes[0], rel=1e-5)


def test_wrong_gradient_is_drawn_as_a_gradient():
    def frozen(log_prob, old_log_prob, advantages):
        r = ratio_of(log_prob, old_log_prob)
        return {"loss": -(r * advantages).mean(), "grad_log_prob": np.zeros_like(r)}

    curve = lead("surrogate_loss", frozen)["curve"]

    assert curve["output"] == "grad_log_prob"
    assert {got for _, _, got in curve["points"]} == {0.0}
    assert len({want for _, want, _ in curve["points"]}) > 10


def test_where_the_function_fails_the_curve_has_a_gap():
    def fragile(values, returns):
        if abs(values[0] - returns[0]) < 1:
            raise ValueError("too near")
        return np.abs(values - returns).mean()

    points = lead("value_loss", fragile)["curve"]["points"]

    assert {got is None for x, _, got in points if abs(x) < 1} == {True}
    assert {got is None for x, _, got in points if abs(x) > 1} == {False}


def test_a_function_that_gives_no_number_has_no_curve():
    found = ppocore.check({"value_loss": lambda values, returns: (values - returns) ** 2}, examples=0)

    assert not found.green
    assert not any("curve" in (result.counterexample or {}) for result in found.results)


def test_answers_stand_whole_beside_each_other():
    def reward_only(rewards, values, last_values, dones, gamma, gae_lambda):
        return rewards - values

    found = lead("gae", reward_only)

    place = tuple(found["index"])
    assert np.array(found["answers"]["got"])[place] == found["got"]
    assert np.array(found["answers"]["want"])[place] == found["want"]
    assert "curve" not in found


def test_float32_is_drawn_in_float32():
    def halved(values, returns):
        assert values.dtype == np.float32
        return np.float32(0.25) * ((values - returns) ** 2).mean()

    points = lead("value_loss", halved, DTYPE="float32")["curve"]["points"]

    assert all(want == pytest.approx(4 * got, rel=1e-6) for _, want, got in points)
