"""Categorical policies by rows, in chunks and in threads: the definition, and the same bits however computed."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pytest

from ppocore import (
    _threads,
    categorical_entropy,
    categorical_log_prob,
    categorical_log_prob_and_entropy,
    multidiscrete_entropy,
    multidiscrete_log_prob,
    softmax_rows,
)
from tests.closeness import assert_within

WIDTHS = [1, 2, 5, 18, 300]
in_both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
of_every_width = pytest.mark.parametrize("width", WIDTHS)


def batch(width: int, dtype: type = np.float64, rows: int | None = None) -> tuple[Any, Any, Any]:
    """Logits, actions and a mask; enough rows for threads, the last chunk not full.  Masked logits may be anything."""
    rows = _threads.WORTH_IT // width + 5 if rows is None else rows
    draw = np.random.default_rng(width)
    logits = (draw.normal(size=(rows, width)) * draw.choice([0.01, 1.0, 30.0, 300.0], size=(rows, 1))).astype(dtype)
    logits[::7] = np.round(logits[::7])
    actions = draw.integers(0, width, rows)
    legal = draw.random((rows, width)) < 0.7
    legal[np.arange(rows), actions] = True
    logits[~legal] = draw.choice([np.nan, np.inf, -np.inf, 1e30, 0.0], size=int((~legal).sum()))
    return logits, actions, legal


def answers(logits: Any, actions: Any, legal: Any) -> list[Any]:
    """Everything that is said of a batch: with the mask, and without it, where masked logits are 0."""
    open_logits = np.where(legal, logits, logits.dtype.type(0))
    return [
        *categorical_log_prob(logits, actions, action_mask=legal), *categorical_entropy(logits, action_mask=legal),
        *categorical_log_prob(open_logits, actions), *categorical_entropy(open_logits),
        *categorical_log_prob_and_entropy(logits, actions, action_mask=legal),
        *categorical_log_prob_and_entropy(open_logits, actions),
    ]  # fmt: skip


def same(some: list[Any], others: list[Any]) -> bool:
    """The same bits, shapes and dtypes."""
    return all(
        a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
        for a, b in zip(some, others, strict=True)
    )


# Values


def definition(row: Any, legal: Any) -> tuple[list[Decimal], Decimal]:
    """The probabilities and the entropy, by the literal sums; called within a context of many digits."""
    powers = [Decimal(float(z)).exp() if ok else Decimal(0) for z, ok in zip(row, legal, strict=True)]
    whole = sum(powers, Decimal(0))
    probs = [power / whole for power in powers]
    return probs, -sum((p * p.ln() for p in probs if p > 0), Decimal(0))


def legal_rows(logits: Any, legal: Any) -> list[tuple[list[Decimal], Decimal]]:
    with localcontext() as context:
        context.prec = 400
        return [definition(row, ok) for row, ok in zip(logits, legal, strict=True)]


@in_both_dtypes
@of_every_width
def test_values_and_derivatives_are_the_definition(width: int, dtype: type) -> None:
    """u times generous scales: ACC-06 has the bound itself, which tests/proofs/test_accuracy.py holds to balls."""
    logits, actions, legal = batch(width, dtype, rows=24)
    exact = legal_rows(logits, legal)
    probs = np.array([[float(p) for p in row] for row, _ in exact])
    entropies = np.array([float(h) for _, h in exact])
    with localcontext() as context:
        context.prec = 400
        taken = np.array([float(row[a].ln()) for (row, _), a in zip(exact, actions, strict=True)])
        surprise = np.array([[-float(p.ln()) if p else 0.0 for p in row] for row, _ in exact])
    size = 3 * (1 + surprise.max(axis=1) + width)

    log_prob, slopes = categorical_log_prob(logits, actions, action_mask=legal)
    entropy, entropy_slopes = categorical_entropy(logits, action_mask=legal)

    assert log_prob.dtype == slopes.dtype == entropy.dtype == entropy_slopes.dtype == dtype
    assert_within(log_prob, taken, units=1, scale=size)
    assert_within(slopes, np.eye(width)[actions] - probs, units=2, scale=size[:, None] * probs.max(axis=1)[:, None])
    assert_within(entropy, entropies, units=4, scale=size * (1 + entropies))
    assert_within(entropy_slopes, probs * (surprise - entropies[:, None]), units=8,
                  scale=size[:, None] * (1 + surprise.max(axis=1)[:, None]))
    assert not slopes[~legal].any()
    assert not entropy_slopes[~legal].any()


@pytest.mark.parametrize("offset", [0.0, 512.0, -4096.0])
def test_ties_and_sure_rows_by_hand(offset: float) -> None:
    """n equal logits: 1/n each; a gap of 800 is more than float64 can show beside 1; one action is sure."""
    for n in (1, 2, 3, 8, 300):
        equal = np.full((1, n), offset)
        assert_within(categorical_log_prob(equal, [n - 1]).log_prob, [-np.log(n)], units=4)
        assert_within(categorical_entropy(equal).entropy, [np.log(n)], units=16)
        assert_within(categorical_entropy(equal).grad_logits, np.zeros((1, n)), units=16, scale=1)
    far = np.array([[offset, offset - 800]])
    assert [x.tolist() for x in categorical_log_prob(far, [0])] == [[0.0], [[0.0, 0.0]]]
    assert [x.tolist() for x in categorical_log_prob(far, [1])] == [[-800.0], [[-1.0, 1.0]]]
    assert [x.tolist() for x in categorical_entropy(far)] == [[0.0], [[0.0, 0.0]]]


def test_the_digits_of_a_small_rest_are_kept() -> None:
    """1 - pi of the sure action is e^-g / (1 + e^-g): 1 - exp(log pi) would be 0 from g = 37 on."""
    for gap in (1.0, 30.0, 300.0, 700.0):
        with localcontext() as context:
            context.prec = 400
            power = (-Decimal(gap)).exp()
            rest = float(power / (1 + power))
        assert_within(categorical_log_prob([[gap, 0.0]], [0]).grad_logits[0], [rest, -rest], units=2 * gap + 8)


# Bits


@in_both_dtypes
@of_every_width
@pytest.mark.parametrize("threads", [1, 2, 4])
def test_bits_depend_on_neither_threads_nor_chunks(
    monkeypatch: pytest.MonkeyPatch, width: int, dtype: type, threads: int
) -> None:
    given = batch(width, dtype)
    expected = answers(*given)
    monkeypatch.setattr(softmax_rows, "THREADS", threads)
    for chunk in (softmax_rows.CHUNK, 1 << 20, 4099, 8 * width):
        monkeypatch.setattr(softmax_rows, "CHUNK", chunk)
        assert same(answers(*given), expected), chunk
    # Shifted by one row, every row has another place in its chunk and in the registers.
    assert same([x[1:] for x in expected], answers(*(np.ascontiguousarray(x[1:]) for x in given)))


@in_both_dtypes
@of_every_width
def test_both_at_once_are_the_two_apart(width: int, dtype: type) -> None:
    for rows in (1, 40, None):
        logits, actions, legal = batch(width, dtype, rows)
        for given, mask in ((logits, legal), (np.where(legal, logits, dtype(0)), None), (logits.tolist(), legal)):
            log_prob, by_log_prob = categorical_log_prob(given, actions, action_mask=mask)
            entropy, by_entropy = categorical_entropy(given, action_mask=mask)

            found = categorical_log_prob_and_entropy(given, actions, action_mask=mask)

            assert same([*found], [log_prob, entropy, by_log_prob, by_entropy])


@in_both_dtypes
@of_every_width
def test_rows_of_a_large_batch_are_what_they_are_alone(width: int, dtype: type) -> None:
    given = batch(width, dtype)
    together = answers(*given)
    rows = range(0, len(given[0]), max(1, len(given[0]) // 500))

    for row in rows:
        alone = answers(*(x[row : row + 1] for x in given))
        assert same(alone, [x[row : row + 1] for x in together]), row


def test_what_surrounds_a_row_does_not_matter() -> None:
    """Neighbours whose exp underflows or whose sums are large go another way through the vector loops."""
    row = np.array([[0.3, -1.7, 2.2]])
    hard = np.array([[0.0, -745.1, -708.5], [-1e300, 0.0, 1.0], [0.0, 0.0, 0.0], [-5e-324, 0.0, 1e-320]])
    alone = answers(row, np.array([1]), np.ones((1, 3), dtype=bool))

    for place in range(9):
        logits = np.insert(hard[np.arange(8) % 4], place, row, axis=0)
        found = answers(logits, np.ones(9, dtype=np.int64), np.ones((9, 3), dtype=bool))
        assert same([x[place : place + 1] for x in found], alone), place


@in_both_dtypes
@of_every_width
def test_bits_do_not_depend_on_how_inputs_lie_in_memory(width: int, dtype: type) -> None:
    given = batch(width, dtype)
    expected = answers(*given)
    frozen = [x.copy() for x in given]
    for x in frozen:
        x.setflags(write=False)
    swapped = (given[0].astype(given[0].dtype.newbyteorder()), *given[1:])

    assert same(answers(*(np.repeat(x, 2, axis=0)[::2] for x in given)), expected)
    assert same(answers(np.asfortranarray(given[0]), given[1], np.asfortranarray(given[2])), expected)
    assert same(answers(*frozen), expected)
    logits, actions, legal = swapped
    assert same([*categorical_log_prob(logits, actions, action_mask=legal)], expected[:2])


@pytest.mark.parametrize("kind", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "list"])
def test_actions_of_every_integer_type(kind: str) -> None:
    logits, actions, legal = batch(18, np.float32)
    given = actions.tolist() if kind == "list" else actions.astype(kind)

    assert same(answers(logits, given, legal), answers(logits, actions, legal))


@in_both_dtypes
def test_inputs_are_not_written_to(dtype: type) -> None:
    given = batch(18, dtype)
    before = [x.tobytes() for x in given]

    answers(*given)

    assert [x.tobytes() for x in given] == before


@of_every_width
def test_float32_logits_give_the_float64_answer_rounded_once(width: int) -> None:
    logits, actions, legal = batch(width, np.float32)
    wide = answers(logits.astype(np.float64), actions, legal)

    with np.errstate(under="ignore"):
        assert same(answers(logits, actions, legal), [x.astype(np.float32) for x in wide])


def test_several_choices_are_the_categoricals_of_their_slices() -> None:
    nvec = [3, 1, 18]
    parts = [slice(0, 3), slice(3, 4), slice(4, 22)]
    heads = [batch(size, np.float64, rows=9000) for size in nvec]
    logits, legal = (np.concatenate([head[i] for head in heads], axis=1) for i in (0, 2))
    actions = np.stack([head[1] for head in heads], axis=1)

    log_prob, slopes = multidiscrete_log_prob(logits, actions, nvec, action_mask=legal)
    entropy, entropy_slopes = multidiscrete_entropy(logits, nvec, action_mask=legal)

    own = [categorical_log_prob(z, a, action_mask=ok) for z, a, ok in heads]
    each = [categorical_entropy(z, action_mask=ok) for z, _, ok in heads]
    assert np.array_equal(log_prob, own[0].log_prob + own[1].log_prob + own[2].log_prob)
    assert np.array_equal(entropy, each[0].entropy + each[1].entropy + each[2].entropy)
    for k, part in enumerate(parts):
        assert np.array_equal(slopes[:, part], own[k].grad_logits)
        assert np.array_equal(entropy_slopes[:, part], each[k].grad_logits)


# Refusals


def both(logits: Any, actions: Any, legal: Any) -> list[tuple[str, Callable[[], Any]]]:
    return [
        ("categorical_log_prob", lambda: categorical_log_prob(logits, actions, action_mask=legal)),
        ("categorical_entropy", lambda: categorical_entropy(logits, action_mask=legal)),
        ("categorical_log_prob_and_entropy",
         lambda: categorical_log_prob_and_entropy(logits, actions, action_mask=legal)),
    ]


@in_both_dtypes
@of_every_width
@pytest.mark.parametrize("rows", [1, 40, None])
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_found_wherever_it_is(width: int, dtype: type, rows: int | None, wrong: float) -> None:
    logits, actions, legal = batch(width, dtype, rows)
    for row in {0, len(logits) // 2, len(logits) - 1}:
        for masked in (True, False):
            damaged = logits.copy() if masked else np.where(legal, logits, dtype(0))
            damaged[row, actions[row]] = wrong
            for name, call in both(damaged, actions, legal if masked else None):
                place = rf"{name}: logits\[{row}, {actions[row]}\] is {wrong}; every entry must be finite\."
                with pytest.raises(ValueError, match=place):
                    call()


@of_every_width
@pytest.mark.parametrize("rows", [1, None])
def test_rows_without_a_legal_action_are_refused(width: int, rows: int | None) -> None:
    logits, actions, legal = batch(width, rows=rows)
    row = len(logits) - 1
    legal[row] = False

    for name, call in both(logits, actions, legal):
        text = rf"{name}: action_mask\[{row}\] is all False; it must allow at least one legal action\."
        with pytest.raises(ValueError, match=text):
            call()


@pytest.mark.parametrize("rows", [1, None])
@pytest.mark.parametrize("kind", [np.int64, np.int32])
def test_actions_that_are_none_are_refused(rows: int | None, kind: type) -> None:
    logits, actions, legal = batch(18, rows=rows)
    row = len(logits) - 1
    open_logits = np.where(legal, logits, 0.0)
    for wrong in (-1, 18, -(2**31)):
        damaged = actions.astype(kind)
        damaged[row] = wrong
        for mask in (None, legal):
            text = rf"actions\[{row}\] is {wrong}; every action must be in \[0, 17\]\."
            with pytest.raises(ValueError, match=text):
                categorical_log_prob(open_logits, damaged, action_mask=mask)
    illegal = actions.astype(kind)
    illegal[row] = (actions[row] + 1) % 18
    legal[row, illegal[row]] = False
    with pytest.raises(ValueError, match=rf"actions\[{row}\] is {illegal[row]}; every action must be allowed"):
        categorical_log_prob(logits, illegal, action_mask=legal)


def test_several_choices_refuse_an_action_that_the_mask_does_not_allow() -> None:
    legal = np.array([[True, True, True, True, False], [True, False, True, False, True]])
    for actions, found in (
        ([[0, 0], [1, 0]], "0[1] is 1"), ([[0, 2], [0, 0]], "1[0] is 2"), ([[0, 2], [1, 0]], "0[1] is 1"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="multidiscrete_log_prob: ") as refused:
            multidiscrete_log_prob(np.zeros((2, 5)), actions, [2, 3], action_mask=legal)
        assert f"actions of choice {found}; every action must be allowed by action_mask." in str(refused.value)


def test_logits_so_far_apart_that_their_difference_overflows() -> None:
    """Finite, hence accepted: the lower action has probability 0."""
    far = np.array([[1e308, -1e308, 1e308]])
    log_two = np.log(2)

    assert_within(categorical_log_prob(far, [0]).log_prob, [-log_two], units=4)
    assert categorical_log_prob(far, [1]).log_prob.tolist() == [-np.inf]
    assert_within(categorical_entropy(far).entropy, [log_two], units=4)
    assert np.isfinite(categorical_entropy(far).grad_logits).all()
