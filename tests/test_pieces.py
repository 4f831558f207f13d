"""What is worked on piece by piece: V-trace, GAE of odd layouts and along tokens, Gaussians by rows.

The definition at both sides of every edge of a piece; the same bits for any pieces, threads and layouts; and what is
refused wherever it stands.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import ppocore
from ppocore import _threads, _tiles, advantages, off_policy
from ppocore._tiles import CHUNK, RUN
from tests.closeness import assert_within

in_both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
ROLLOUTS = [(5, 1), (33, 17), (2 * advantages.ROWS + 3, 70), (600, off_policy.COLUMNS + 9), (70, 9 * 512 + 1)]
"""Edges of rows and of columns that are copied or carried together; the last two in threads."""
BATCHES = [(1, 1), (40, 3), (CHUNK, 1), (CHUNK // 17 + 1, 17), (RUN * CHUNK // 5 + 70000, 5), (3, CHUNK + 1)]
TOKENS = [(1, 1), (9, 40), (CHUNK // 40 + 1, 40), (_threads.WORTH_IT // 100 + 7, 100), (3, CHUNK + 1)]
SCALARS = {"gamma": 0.5, "gae_lambda": 0.5}
CLIPS = {**SCALARS, "rho_clip": 1.0, "c_clip": 2.0}
Arrays = tuple[Any, ...]


def rollout(shape: tuple[int, int], dtype: type) -> Arrays:
    """Halves up to 8, so that with gamma = lambda = 1/2 nothing is rounded within 40 steps; unused values are NaN."""
    rng = np.random.default_rng(shape)
    reals = [(rng.integers(-16, 17, shape) / 2).astype(dtype) for _ in range(3)]
    flags = [rng.random(shape) < 0.1 for _ in range(2)]
    for flag in flags:
        flag[11::13] = True
    reals[2][flags[0]] = np.nan
    return (*reals, *flags)


def policies(shape: tuple[int, int], dtype: type) -> Arrays:
    rng = np.random.default_rng(shape)
    return tuple(rng.normal(size=shape).astype(dtype) for _ in range(2))


def traced(shape: tuple[int, int], dtype: type) -> Arrays:
    return (*policies(shape, dtype), *rollout(shape, dtype))


def batch(shape: tuple[int, int], dtype: type) -> Arrays:
    """Two Gaussians, in every other row close to each other, and in some rows far apart."""
    rng = np.random.default_rng(shape)
    mean, log_std, other_mean, other_log_std = (rng.normal(size=shape) for _ in range(4))
    other_mean[::2] = mean[::2] + 1e-3 * other_mean[::2]
    other_log_std[::2] = log_std[::2] + 1e-3 * other_log_std[::2]
    other_log_std[::5] *= 20
    return tuple(x.astype(dtype) for x in (mean, log_std, other_mean, other_log_std))


def tokens(shape: tuple[int, int], dtype: type) -> Arrays:
    """Runs of at most 40 valid tokens, and rewards and values as above; what is masked may be anything."""
    rng = np.random.default_rng(shape)
    mask = rng.random(shape) < min(0.8, 20 / shape[1])
    mask[:, shape[1] // 2] = True
    reals = [(rng.integers(-16, 17, shape) / 2).astype(dtype) for _ in range(2)]
    for x in reals:
        x[~mask] = rng.choice([np.nan, np.inf, -np.inf], size=int((~mask).sum()))
    return (*reals, mask)


CALLS: dict[str, tuple[Callable[..., Any], Callable[..., Arrays], list[tuple[int, int]]]] = {
    "gae": (lambda *x: ppocore.gae(*x, **SCALARS), rollout, ROLLOUTS),
    "vtrace": (lambda *x: ppocore.vtrace(*x, **CLIPS), traced, ROLLOUTS),
    "token_gae": (lambda *x: ppocore.token_gae(*x, **SCALARS), tokens, TOKENS),
    "gaussian_log_prob": (lambda *x: ppocore.gaussian_log_prob(*x[:3]), batch, BATCHES),
    "gaussian_kl": (ppocore.gaussian_kl, batch, BATCHES),
}
CASES = [(name, shape) for name, (_, _, shapes) in CALLS.items() for shape in shapes]
every_case = pytest.mark.parametrize(("name", "shape"), CASES, ids=[f"{name}-{shape}" for name, shape in CASES])


def same(found: Any, expected: Any) -> bool:
    """Whether two answers are the same bit for bit."""
    return len(found) == len(expected) and all(
        a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in zip(found, expected, strict=True))  # fmt: skip


def edges(length: int, step: int, count: int = 12) -> list[int]:
    """Places on both sides of the multiples of a step, and some more."""
    near = {place for i in range(0, length, step) for place in (i - 1, i) if 0 <= place < length}
    return sorted(near)[:: max(1, len(near) // count)] + [length - 1]


# Definitions


def literal_trace(ratios: list[float], r: list[float], v: list[float], v_next: list[float], died: list[bool],
                  cut: list[bool]) -> tuple[list[Fraction], list[Fraction]]:  # fmt: skip
    """Equation 1 of the paper, in fractions; lambda and gamma are 1/2, the clips 1 and 2."""
    half, steps = Fraction(1, 2), len(r)
    rho, c = ([min(Fraction(x), Fraction(clip)) for x in ratios] for clip in (1, 2))
    after = [Fraction(0) if d else Fraction(x) for x, d in zip(v_next, died, strict=True)]
    last = [next((k for k in range(t, steps) if died[k] or cut[k]), steps - 1) for t in range(steps)]
    targets = []
    for t in range(steps):
        total, weight = Fraction(v[t]), Fraction(1)
        for k in range(t, last[t] + 1):
            total += weight * rho[k] * (Fraction(r[k]) + half * after[k] - Fraction(v[k]))
            weight *= half * half * c[k]
        targets.append(total)
    ahead = [after[t] if t == last[t] else targets[t + 1] for t in range(steps)]
    return targets, [rho[t] * (Fraction(r[t]) + half * ahead[t] - Fraction(v[t])) for t in range(steps)]


@in_both_dtypes
@pytest.mark.parametrize("shape", ROLLOUTS)
def test_vtrace_is_the_sum_of_equation_one(shape: tuple[int, int], dtype: type) -> None:
    """Ratios are 1 exactly, or so large and small that both clips, or neither, leave a power of two."""
    given = rollout(shape, dtype)
    large = np.random.default_rng(3).random(shape) < 0.3
    new, old = np.where(large, 800.0, 1.5).astype(dtype), np.where(large, -800.0, 1.5).astype(dtype)

    found = ppocore.vtrace(new, old, *given, **CLIPS)

    for n in edges(shape[1], off_policy.COLUMNS):
        ratios = np.where(large[:, n], np.inf, 1.0)
        ratios = np.where(np.isinf(ratios), 2.0**60, ratios).tolist()
        targets, gains = literal_trace(ratios, *(x[:, n].tolist() for x in [np.nan_to_num(given[0]), given[1],
                                                 np.nan_to_num(given[2]), *given[3:]]))  # fmt: skip
        assert found.returns[:, n].tolist() == [dtype(float(x)) for x in targets]
        assert found.advantages[:, n].tolist() == [dtype(float(x)) for x in gains]


@in_both_dtypes
@pytest.mark.parametrize("shape", TOKENS)
def test_token_gae_is_the_recursion_over_valid_tokens(shape: tuple[int, int], dtype: type) -> None:
    rewards, values, mask = tokens(shape, dtype)

    found = ppocore.token_gae(rewards, values, mask, **SCALARS)

    for b in edges(shape[0], max(1, CHUNK // shape[1])):
        places = np.flatnonzero(mask[b]).tolist()
        after = {t: Fraction(float(values[b, later])) for t, later in pairwise(places)}
        expected, later = [Fraction(0)] * shape[1], Fraction(0)
        for t in reversed(places):
            delta = Fraction(float(rewards[b, t])) + after.get(t, 0) / 2 - Fraction(float(values[b, t]))
            expected[t] = later = delta + later / 4
        targets = [x + (Fraction(float(values[b, t])) if mask[b, t] else 0) for t, x in enumerate(expected)]
        assert_within(found.advantages[b], [float(x) for x in expected], units=4, scale=64)
        assert_within(found.returns[b], [float(x) for x in targets], units=4, scale=64)
        assert not found.advantages[b][~mask[b]].any()
        assert not found.returns[b][~mask[b]].any()


def decimals(*rows: Any) -> list[list[Decimal]]:
    return [[Decimal(float(x)) for x in row] for row in rows]


@pytest.mark.parametrize("shape", BATCHES[:-1])
def test_gaussians_keep_the_bounds_of_their_docstrings(shape: tuple[int, int]) -> None:
    given = batch(shape, np.float64)
    log_prob, kl = ppocore.gaussian_log_prob(*given[:3]), ppocore.gaussian_kl(*given)
    width = shape[1]

    for b in edges(shape[0], max(1, CHUNK // width), count=4):
        with localcontext() as context:
            context.prec = 60
            m, s, x, q = decimals(*(array[b] for array in given))
            half_log = Decimal("0.918938533204672741780329736405617639861397473637783412817151540")
            z = [(a - c) * (-d).exp() for a, c, d in zip(x, m, s, strict=True)]
            slopes = [float(a * (-d).exp()) for a, d in zip(z, s, strict=True)]
            value = sum(-a * a / 2 - d - half_log for a, d in zip(z, s, strict=True))
            bends = [float(a * a - 1) for a in z]
            far = [(c - a) * (-d).exp() for a, c, d in zip(x, m, q, strict=True)]
            pulls = [float(a * (-d).exp()) for a, d in zip(far, q, strict=True)]
            d2 = [2 * (a - c) for a, c in zip(s, q, strict=True)]
            growth, k3 = [a.exp() - 1 for a in d2], [a.exp() - 1 - a for a in d2]
            exact_kl = float(sum((k + a * a) / 2 for k, a in zip(k3, far, strict=True)))
        z2, f2, g = (np.array([float(a) for a in row]) for row in ([a * a for a in z], [a * a for a in far], d2))
        grown, curved, g = np.array([float(a) for a in growth]), np.array([float(a) for a in k3]), abs(g) / 2
        claim = ((width + 10) * z2 / 2 + (width + 1) * (abs(given[1][b]) + 0.92)).sum()
        assert_within(log_prob.log_prob[b], float(value), units=1, scale=claim)
        assert_within(log_prob.grad_mean[b], slopes, units=7)
        assert_within(log_prob.grad_actions[b], [-a for a in slopes], units=7)
        assert_within(log_prob.grad_log_std[b], bends, units=1, scale=10 * z2 + 1)
        assert_within(kl.kl[b], exact_kl, units=1, scale=(((width + 12 + 2 * g) * curved + (width + 9) * f2) / 2).sum())
        assert_within(kl.grad_mean[b], pulls, units=7)
        assert_within(kl.grad_other_mean[b], [-a for a in pulls], units=7)
        by_std = 2 * abs(grown) + 2 * g * (1 + grown)
        assert_within(kl.grad_log_std[b], grown, units=1, scale=by_std)
        assert_within(kl.grad_other_log_std[b], -grown - f2, units=1, scale=by_std + abs(grown) + 10 * f2)


# Bits


@in_both_dtypes
@every_case
def test_bits_do_not_depend_on_how_inputs_lie_in_memory(name: str, shape: tuple[int, int], dtype: type) -> None:
    call, make, _ = CALLS[name]
    given = make(shape, dtype)
    before = [x.tobytes() for x in given]
    expected = call(*given)
    frozen = [x.copy() for x in given]
    for x in frozen:
        x.setflags(write=False)

    assert same(call(*map(np.asfortranarray, given)), expected)
    assert same(call(*(np.repeat(x, 2, axis=1)[:, ::2] for x in given)), expected)
    assert same(call(*(x[::-1, ::-1].copy()[::-1, ::-1] for x in given)), expected)
    assert same(call(*frozen), expected)
    assert same(call(np.asfortranarray(given[0]), *given[1:]), expected)
    assert same(call(*given[:-1], np.asfortranarray(given[-1])), expected)
    assert same(call(*(x.astype(x.dtype.newbyteorder()) for x in given)), expected)
    assert [x.tobytes() for x in given] == before


@every_case
def test_float32_gives_the_float64_answer_rounded_once(name: str, shape: tuple[int, int]) -> None:
    call, make, _ = CALLS[name]
    given = make(shape, np.float32)
    wide = [x.astype(np.float64) if x.dtype != bool else x for x in given]
    expected = call(*wide)

    with np.errstate(all="ignore"):
        assert same(call(*given), [x.astype(np.float32) for x in expected])
    assert same(call(*(x.tolist() for x in wide)), expected)


@in_both_dtypes
@every_case
def test_bits_depend_on_neither_threads_nor_pieces(
    monkeypatch: pytest.MonkeyPatch, name: str, shape: tuple[int, int], dtype: type
) -> None:
    call, make, _ = CALLS[name]
    given = make(shape, dtype)
    odd = [np.asfortranarray(x) for x in given]
    expected = call(*given)
    for threads, size in ((1, 64), (2, 1 << 12), (4, 1 << 16)):
        for module in (_tiles, advantages, off_policy):
            monkeypatch.setattr(module, "THREADS", threads)
            monkeypatch.setattr(module, "WORTH_IT", 1)
        monkeypatch.setattr(_tiles, "CHUNK", size)
        monkeypatch.setattr(off_policy, "PIECE", size)
        monkeypatch.setattr(off_policy, "COLUMNS", min(size, 512))
        monkeypatch.setattr(advantages, "ROWS", size // 8)
        assert same(call(*given), expected)
        assert same(call(*odd), expected)


@in_both_dtypes
@every_case
def test_no_zero_is_negative(name: str, shape: tuple[int, int], dtype: type) -> None:
    call, make, _ = CALLS[name]
    given = [np.full_like(x, -0.0) if x.dtype != bool else np.ones_like(x) for x in make(shape, dtype)]

    for layout in (given, [np.asfortranarray(x) for x in given]):
        assert not any((np.signbit(x) & (x == 0)).any() for x in call(*layout))


# Refusals

USED = {"gae": (0, 1, 2), "vtrace": (0, 1, 2, 3, 4), "token_gae": (0, 1), "gaussian_log_prob": (0, 1, 2),
        "gaussian_kl": (0, 1, 2, 3)}  # fmt: skip
NAMES = {"gae": ("rewards", "values", "next_values"),
         "vtrace": ("log_prob", "old_log_prob", "rewards", "values", "next_values"), "token_gae": ("rewards", "values"),
         "gaussian_log_prob": ("mean", "log_std", "actions"),
         "gaussian_kl": ("mean", "log_std", "other_mean", "other_log_std")}  # fmt: skip


@every_case
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_found_wherever_it_is(name: str, shape: tuple[int, int], wrong: float) -> None:
    call, make, _ = CALLS[name]
    b, d = shape[0] - 1, shape[1] // 2
    for place in USED[name]:
        given = make(shape, np.float32)
        for x in given:
            if x.dtype == bool:
                x[b, d] = name == "token_gae"
        for x in given:
            if x.dtype != bool:
                x[b, d] = 0.5
        given[place][b, d] = wrong
        interval = r"in \[-300, 300\]" if NAMES[name][place].endswith("log_std") else "finite"
        text = rf"{name}: {NAMES[name][place]}\[{b}, {d}\] is {wrong}; every entry must be {interval}\."
        for layout in (given, [np.asfortranarray(x) for x in given]):
            with pytest.raises(ValueError, match=text):
                call(*layout)


@in_both_dtypes
@pytest.mark.parametrize("place", [1, 3])
@pytest.mark.parametrize("wrong", [-301.0, 301.0])
def test_a_log_std_outside_its_interval_is_refused_and_its_ends_are_not(place: int, wrong: float, dtype: type) -> None:
    given = batch((40, 3), dtype)
    given[place][39, 1] = wrong
    text = rf"log_std\[39, 1\] is {wrong}; every entry must be in \[-300, 300\]"
    with pytest.raises(ValueError, match=text):
        ppocore.gaussian_kl(*given)
    if place == 1:
        with pytest.raises(ValueError, match=text):
            ppocore.gaussian_log_prob(*given[:3])
    given[place][39, 1] = np.sign(wrong) * 300
    assert np.isfinite(ppocore.gaussian_kl(*(x.astype(np.float64) for x in given)).grad_log_std).all()


@pytest.mark.parametrize("rows", [1, 5000])
def test_a_row_without_a_valid_token_is_refused(rows: int) -> None:
    rewards, values, mask = tokens((rows, 40), np.float32)
    mask[rows - 1] = False
    with pytest.raises(ValueError, match=rf"token_gae: mask\[{rows - 1}\] is all False; it must allow"):
        ppocore.token_gae(rewards, values, mask, **SCALARS)


def test_finite_numbers_whose_difference_overflows_are_no_mistake() -> None:
    far, zero = np.full((2, 1), 1e308), np.zeros((2, 1))
    died = np.ones((2, 1), dtype=bool)

    assert ppocore.gaussian_log_prob(far, zero, -far).log_prob.tolist() == [-np.inf] * 2
    assert ppocore.gaussian_kl(far, zero, -far, zero).kl.tolist() == [np.inf] * 2
    sure = ppocore.vtrace(far, -far, zero + 1, zero, zero, died, died, **CLIPS)
    assert sure.returns.tolist() == [[1.0]] * 2
    assert ppocore.vtrace(-far, far, zero + 1, zero, zero, died, died, **CLIPS).returns.tolist() == [[0.0]] * 2
    assert ppocore.token_gae(far.T, -far.T, died.T, **SCALARS).advantages[0, 1] == np.inf
