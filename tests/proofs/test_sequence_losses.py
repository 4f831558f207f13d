"""Theorems about the losses for long answers, in float64 on the shipped functions."""

from __future__ import annotations

import numpy as np
import pytest

from ppocore import cispo_loss, clip_loss, gspo_loss, surrogate_loss, truncated_is_loss
from ppocore.sequence_losses import cispo_kernel
from tests.optional import require

require("flint")

from proofs.bounds.inputs import made  # noqa: E402
from proofs.bounds.measure import held, in_dtype  # noqa: E402

NAN = float("nan")


@pytest.mark.theorem("SEQ-01")
def test_tokens_of_an_answer_share_one_gradient_and_answers_weigh_alike() -> None:
    mask = np.array([[True, True, False, True], [True, False, False, False]])
    new = np.where(mask, [[0.5, -1.0, 0, 0.5], [0.0, 0, 0, 0]], NAN)
    out = gspo_loss(new, np.where(mask, 0.0, NAN), [6.0, -4.0], mask, clip_eps=0.25)

    # The log-ratios of both answers have the mean 0: s = 1.
    assert out.loss == -1.0
    assert np.array_equal(out.grad_log_prob, [[-1, -1, 0, -1], [2, 0, 0, 0]])


@pytest.mark.theorem("SEQ-01")
def test_a_clipped_answer_has_no_gradient() -> None:
    new = np.log(np.array([[2.0, 2.0], [0.5, 0.5]]))
    out = gspo_loss(new, new * 0, [1.0, -1.0], np.ones((2, 2), dtype=bool), clip_eps_low=0.25, clip_eps_high=0.5)

    assert not out.grad_log_prob.any()
    assert out.loss == -(1.5 - 0.75) / 2


@pytest.mark.theorem("SEQ-01")
def test_an_answer_of_one_token_is_a_sample_of_the_clipped_loss() -> None:
    new, old, a = (np.random.default_rng(5).normal(size=(16, 1)) for _ in range(3))
    mask = np.ones((16, 1), dtype=bool)
    out = gspo_loss(new, old, a[:, 0], mask, clip_eps=0.25)
    masked = clip_loss(new, old, a, clip_eps=0.25, mask=mask)
    free = clip_loss(new[:, 0], old[:, 0], a[:, 0], clip_eps=0.25)

    assert out.loss == masked.loss
    assert np.array_equal(out.grad_log_prob, masked.grad_log_prob)
    # 8 u: on both sides two for exp, one for the slope and one for the weight.
    np.testing.assert_allclose(free.grad_log_prob, out.grad_log_prob[:, 0], rtol=8.001 * 2**-53, atol=0)


@pytest.mark.theorem("SEQ-02")
def test_every_token_keeps_a_gradient() -> None:
    ratios, a = np.array([0.25, 1.0, 4.0]), np.array([2.0, -3.0, 1.0])
    out = cispo_loss(np.log(ratios), [0, 0, 0], a, clip_eps_low=0.5, clip_eps_high=1.0)

    assert np.array_equal(out.grad_log_prob, -np.array([0.5, 1.0, 2.0]) * a / 3)
    assert clip_loss(np.log(ratios), [0, 0, 0], a, clip_eps=0.5).grad_log_prob[2] == 0
    assert cispo_kernel(1.25, 2.0, -3.0, 0.25, 0.5) == (-7.5, 2.5)
    near = np.array([0.125, -0.0625, 0.0])
    wide = cispo_loss(near, near * 0, a, clip_eps=0.5)
    assert np.array_equal(wide.grad_log_prob, surrogate_loss(near, near * 0, a).grad_log_prob)


@pytest.mark.theorem("SEQ-03")
def test_the_weight_stands_outside_of_the_clip() -> None:
    new, old = np.log([2.0, 2.0, 0.5]), np.zeros(3)
    rollout, a = -np.log([0.5, 8.0, 1.0]), np.array([1.0, -1.0, 3.0])
    out = truncated_is_loss(new, old, rollout, a, max_weight=4.0, clip_eps=0.25)

    # 0.5 * 1.25, 4 * -2 and 1 * 1.5.
    assert out.loss == -(0.625 - 8 + 1.5) / 3
    assert np.array_equal(out.grad_log_prob, np.array([0, 8, -1.5]) / 3)
    same = truncated_is_loss(new, old, old, a, max_weight=4.0, clip_eps=0.25)
    plain = clip_loss(new, old, a, clip_eps=0.25)
    assert same.loss == plain.loss
    assert np.array_equal(same.grad_log_prob, plain.grad_log_prob)


@pytest.mark.theorem("ACC-22")
@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("function", ["gspo_loss", "cispo_loss", "truncated_is_loss"])
def test_bounds_hold_on_more_draws(function: str, dtype: type) -> None:
    for kind in range(9, 30):
        assert held(function, in_dtype(made(function, kind), dtype)), kind


def test_nothing_of_a_masked_slot_is_used_and_reductions_are_those_of_the_other_losses() -> None:
    mask = np.array([[True, True, False], [False, True, False]])
    draw = np.random.default_rng(0)
    names = ("log_prob", "old_log_prob", "rollout_log_prob", "advantages")
    given = {name: np.where(mask, draw.normal(size=mask.shape), NAN) for name in names}
    for reduction, count in (("mean", 3), ("sum", 1), ("mean_over_all_slots", 6), ("trajectory", 2)):
        out = truncated_is_loss(**given, max_weight=2.0, clip_eps=0.2, mask=mask, reduction=reduction)
        flat = {name: value[mask] for name, value in given.items()}
        alone = truncated_is_loss(**flat, max_weight=2.0, clip_eps=0.2, reduction="sum")
        assert out.loss == pytest.approx(alone.loss / count, rel=2**-50)
        assert np.allclose(out.grad_log_prob[mask], alone.grad_log_prob / count, rtol=2**-50, atol=0)
        assert not out.grad_log_prob[~mask].any()
