"""A result is the same bit for bit however many threads make it, however its inputs lie in memory, and wherever it
is written; and work in threads survives a fork and several callers at once."""

from __future__ import annotations

import hashlib
import math
import multiprocessing
import os
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ppocore
from ppocore import _threads, reductions
from ppocore.advantages import GAE, NARROW, _gae_loop
from ppocore.losses import LARGEST_LOG_RATIO
from ppocore.reductions import CHUNK
from tests.closeness import assert_within
from tests.test_pieces import CALLS
from tests.test_softmax_rows import answers
from tests.test_softmax_rows import batch as rows

ROOT = Path(__file__).resolve().parents[1]
WIDTHS = [1, 9, NARROW, NARROW + 1, 200, 2 * _threads.WORTH_IT // 24 + 1]
"""Some rows at a time, row by row, with rests of every vector width, and enough for threads."""
BATCHES = [1, 7, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK + 3, _threads.WORTH_IT + 5]
in_both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def rollout(width: int, dtype: type, steps: int = 24) -> tuple[Any, ...]:
    rng = np.random.default_rng(width)
    reals = [rng.normal(size=(steps, width)).astype(dtype) for _ in range(3)]
    flags = [rng.random((steps, width)) < 0.2 for _ in range(2)]
    reals[2][flags[0]] = np.nan
    return (*reals, *flags)


def batch(size: int, dtype: type) -> tuple[Any, ...]:
    rng = np.random.default_rng(size)
    new, old, advantages = (rng.normal(size=size).astype(dtype) for _ in range(3))
    advantages[:: 5] = 0
    return new, old, advantages


def clipped(given: tuple[Any, ...]) -> Any:
    return ppocore.clip_loss(*given, clip_eps=0.2, dual_clip=3.0)


def reduced(given: Any) -> list[Any]:
    """Everything that is made of sums over a batch, from three arrays and a mask, all (B, L)."""
    *x, mask = given
    flat = [[y.ravel() for y in x] if isinstance(x[0], np.ndarray) else [sum(y, []) for y in x]][0]
    means = [mean(x[0], mask) for mean in (ppocore.masked_mean, ppocore.sequence_mean, ppocore.sequence_sum_mean)]
    estimates = [ppocore.importance_estimate(*flat), ppocore.self_normalized_estimate(*flat)]
    return [entry for result in (*means, *estimates) for entry in result] + [
        ppocore.normalize_advantages(flat[0]), ppocore.normalize_advantages(x[0], mask=mask),
        ppocore.effective_sample_size(flat[1])]  # fmt: skip


def masked(shape: tuple[int, int], dtype: type) -> tuple[Any, Any, Any, Any]:
    rng = np.random.default_rng(shape)
    mask = rng.random(shape) < 0.7
    mask[:, -1] = True
    a, b, c = (rng.normal(size=shape).astype(dtype) for _ in range(3))
    return a, b, c, mask


def digest(results: Any) -> str:
    return hashlib.sha256(b"".join(np.asarray(x).tobytes() for x in results)).hexdigest()


def estimates(given: tuple[Any, ...], **more: Any) -> GAE:
    return ppocore.gae(*given, gamma=0.99, gae_lambda=0.95, **more)


@in_both_dtypes
@pytest.mark.parametrize("width", WIDTHS)
def test_gae_is_the_proved_loop_in_float64_rounded_once(width: int, dtype: type) -> None:
    given = rollout(width, dtype)
    wide = [x.astype(np.float64) if x.dtype != bool else x for x in given]
    exact = np.empty(wide[0].shape)
    _gae_loop(*wide, 0.99, 0.95, exact)

    found = estimates(given)

    assert np.array_equal(found.advantages, exact.astype(dtype))
    assert np.array_equal(found.returns, (exact + wide[1]).astype(dtype))


@in_both_dtypes
@pytest.mark.parametrize("width", WIDTHS)
def test_gae_of_other_layouts_and_into_given_memory(width: int, dtype: type) -> None:
    given = rollout(width, dtype)
    found = digest(estimates(given))
    strided = [np.repeat(x, 2, axis=1)[:, ::2] for x in given]
    frozen = [x.copy() for x in given]
    for x in frozen:
        x.setflags(write=False)
    memory = GAE(*(np.full_like(given[0], np.nan) for _ in range(2)))

    assert digest(estimates(tuple(strided))) == found
    assert digest(estimates(tuple(np.asfortranarray(x) for x in given))) == found
    assert digest(estimates(tuple(frozen))) == found
    written = estimates(given, out=memory)
    assert written.advantages is memory.advantages
    assert written.returns is memory.returns
    assert digest(memory) == found
    assert digest(estimates(tuple(strided), out=GAE(*(np.empty_like(given[0]) for _ in range(2))))) == found


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_pieces_cover_everything_once_for_any_number_of_threads(threads: int) -> None:
    for length in (1, 63, 64, 65, 320, 1000):
        parts = _threads.pieces(length, 64, threads)

        assert len(parts) <= threads
        assert all(len(part) <= 2 for part in _threads.pieces(length, 64, threads, most=2))
        assert [i for part in parts for i in range(part.start, part.stop)] == list(range(length))


def test_all_bits_are_the_same_for_1_2_and_4_threads_cold_and_cached(tmp_path: Path) -> None:
    """Each number of threads in a process of its own; the first one compiles, the others read what it compiled."""
    found = set()
    for threads in ("1", "2", "4", "1"):
        environment = os.environ | {
            "NUMBA_NUM_THREADS": threads, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
        code = "from tests.test_same_bits import everything; print(everything())"
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        found.add(done.stdout)

    assert len(found) == 1


def everything() -> str:
    """Digests of large calls, in as many threads as this process has."""
    both = (np.float32, np.float64)
    rollouts = [digest(estimates(rollout(WIDTHS[-1], dtype))) for dtype in both]
    pieces = [digest(call(*made)) for dtype in both for call, make, _ in CALLS.values()
              for given in [make((600, 700), dtype)] for made in (given, [np.asfortranarray(x) for x in given])]
    policies = [digest(answers(*rows(width, dtype))) for dtype in both for width in (5, 18)]
    sums = [digest(reduced(masked((40, 1 << 13), dtype))) for dtype in both]
    losses = [digest(clipped(batch(BATCHES[-1], dtype))) for dtype in both]
    return " ".join(rollouts + pieces + policies + sums + losses)


@in_both_dtypes
@pytest.mark.parametrize("shape", [(3, 2 * CHUNK + 3), (_threads.WORTH_IT // 40 + 1, 40), (2, _threads.WORTH_IT)])
def test_sums_over_a_batch_for_any_number_of_threads_and_layout(
    shape: tuple[int, int], dtype: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = masked(shape, dtype)
    before, found = digest(given), set()
    strided = [np.repeat(x, 2, axis=1)[:, ::2] for x in given]
    for threads in (1, 2, 4, 32):  # Only many cut the chunks into other runs.
        monkeypatch.setattr(reductions, "THREADS", threads)
        found |= {digest(reduced(given)), digest(reduced(tuple(strided)))}

    assert len(found) == 1
    assert digest(given) == before


def test_sums_over_a_batch_from_lists() -> None:
    given = masked((3, 70), np.float64)
    frozen = [x.copy() for x in given]
    for x in frozen:
        x.setflags(write=False)
    found = digest(reduced(given))

    assert digest(reduced(tuple(x.tolist() for x in given))) == found
    assert digest(reduced(tuple(frozen))) == found


def test_several_callers_at_once() -> None:
    given = rollout(WIDTHS[-1], np.float32)
    expected = digest(estimates(given))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: digest(estimates(given)), range(12)))

    assert set(found) == {expected}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_calls_what_its_parent_called() -> None:
    given = rollout(WIDTHS[-1], np.float32)
    expected = digest(estimates(given))
    with warnings.catch_warnings():
        # Python warns of every fork of a process that has threads: this is one.
        warnings.simplefilter("ignore")
        with multiprocessing.get_context("fork").Pool(1) as pool:
            found = pool.apply_async(_of_child, (WIDTHS[-1],)).get(timeout=60)

    assert found == expected


def _of_child(width: int) -> str:
    return digest(estimates(rollout(width, np.float32)))


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("width", WIDTHS[:4])
def test_gae_finds_what_is_not_finite_wherever_it_is(width: int, place: int) -> None:
    for wrong in (np.nan, np.inf, -np.inf):
        given = rollout(width, np.float32)
        given[3][7, width - 1] = False
        given[2][7, width - 1] = 0
        given[place][7, width - 1] = wrong

        with pytest.raises(ValueError, match=rf"\[7, {width - 1}\] is {wrong}; every entry must be finite"):
            estimates(given)


def test_gae_refuses_memory_that_does_not_fit() -> None:
    given = rollout(20, np.float32)
    fits, own = np.zeros_like(given[0]), np.zeros_like(given[0])
    for out, text in [
        ((fits,), r"gae: out is .*; it must be two arrays"),
        (GAE(fits.tolist(), own), r"gae: out\[0\] is a list; it must be a NumPy array"),
        (GAE(fits, own.astype(np.float64)), r"gae: out\[1\] has shape \(24, 20\) and dtype float64; it must"),
        (GAE(fits[:3], own), r"gae: out\[0\] has shape \(3, 20\)"),
        (GAE(given[0], own), r"gae: out\[0\] shares memory with an input or another result"),
        (GAE(fits, fits), r"gae: out\[1\] shares memory"),
    ]:  # fmt: skip
        with pytest.raises((ValueError, TypeError), match=text):
            estimates(given, out=out)


@in_both_dtypes
@pytest.mark.parametrize("size", BATCHES)
def test_clip_loss_in_chunks_is_the_sum_of_its_samples(size: int, dtype: type) -> None:
    """Against exact sums of textbook terms.  ACC-04 gives u mean|t| (|d| + 22 + log2 n), and the terms here err by
    as much again; to float32, half an ulp more.  A gradient errs by u (|d| + 5), and so does the one here."""
    given = batch(size, dtype)
    new, old, advantages = (x.astype(np.float64) for x in given)
    d, u = new - old, np.finfo(dtype).eps / 2
    ratio = np.exp(d)
    terms = np.minimum(ratio * advantages, np.clip(ratio, 0.8, 1.2) * advantages)
    terms = np.where(advantages < 0, np.maximum(terms, 3.0 * advantages), terms)
    cut = ((advantages > 0) & (ratio > 1.2)) | ((advantages < 0) & ((ratio < 0.8) | (ratio > 3.0)))
    slopes = np.where(cut, 0.0, -ratio * advantages / size)

    found = clipped(given)

    room = 2 * np.finfo(np.float64).eps * (np.abs(d).max() + 22 + np.log2(size)) * np.abs(terms).mean()
    assert abs(float(found.loss) + math.fsum(terms) / size) <= room + u * abs(float(found.loss))
    assert_within(found.grad_log_prob, slopes, units=2 * (np.abs(d).max() + 5))
    assert found.grad_log_prob.dtype == dtype


@in_both_dtypes
@pytest.mark.parametrize("size", BATCHES)
def test_clip_loss_of_other_layouts(size: int, dtype: type) -> None:
    given = batch(size, dtype)
    frozen = [x.copy() for x in given]
    for x in frozen:
        x.setflags(write=False)

    assert digest(clipped(tuple(np.repeat(x, 2)[::2] for x in given))) == digest(clipped(given))
    assert digest(clipped(tuple(frozen))) == digest(clipped(given))


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("size", BATCHES)
def test_clip_loss_finds_what_is_not_finite_wherever_it_is(size: int, place: int) -> None:
    for wrong in (np.nan, np.inf, -np.inf):
        given = batch(size, np.float32)
        given[place][size - 1] = wrong

        with pytest.raises(ValueError, match=rf"\[{size - 1}\] is {wrong}; every entry must be finite"):
            clipped(given)


def test_ratios_that_overflow_do_no_harm_where_there_is_no_advantage_or_the_clip_binds() -> None:
    far = 2 * LARGEST_LOG_RATIO
    found = clipped((np.array([far, far, 0.0]), np.zeros(3), np.array([0.0, 1.0, 1.0])))

    assert found.loss == -(1.2 + 1) / 3
    assert found.grad_log_prob.tolist() == [0, 0, -1 / 3]
