"""Fast paths around the edges of their blocks, in 1, 2 and 4 threads: the same bits as one sample or column at a time.

One less than a block, a block, and one more: what a damaged slice or a forgotten rest would change.  `test_same_bits`
and `test_softmax_rows` hold the same functions to their definitions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ppocore import advantages, losses, softmax_rows
from tests.test_same_bits import batch, clipped, estimates, rollout
from tests.test_softmax_rows import answers, same
from tests.test_softmax_rows import batch as rows

NARROW, TILE, COLUMNS = advantages.NARROW, advantages.TILE, advantages.COLUMNS
in_threads = pytest.mark.parametrize("threads", [1, 2, 4])
as_it_lies = pytest.mark.parametrize("strided", [False, True], ids=["plain", "strided"])


def around(block: int) -> list[int]:
    """Lengths at the edges of the first blocks, and of a fifth: more than there are threads."""
    return [edge + off for edge in (block, 2 * block, 5 * block) for off in (-1, 0, 1)]


def always_in_threads(monkeypatch: pytest.MonkeyPatch, module: Any, threads: int) -> None:
    monkeypatch.setattr(module, "THREADS", threads)
    monkeypatch.setattr(module, "WORTH_IT", 1)


def laid(given: Any, strided: bool) -> list[Any]:
    """As they are, or every other entry along the first axis of arrays twice as long."""
    return [np.repeat(x, 2, axis=0)[::2] if strided else x for x in given]


@as_it_lies
@in_threads
@pytest.mark.parametrize("width", [NARROW - 1, NARROW, NARROW + 1, *around(COLUMNS)])
def test_gae(monkeypatch: pytest.MonkeyPatch, width: int, threads: int, strided: bool) -> None:
    given = rollout(width, np.float32, steps=5)
    alone = [estimates(tuple(x[:, n : n + 1] for x in given)) for n in range(width)]
    always_in_threads(monkeypatch, advantages, threads)

    found = estimates(tuple(laid(given, strided)))

    for name in ("advantages", "returns"):
        assert np.array_equal(getattr(found, name), np.concatenate([getattr(one, name) for one in alone], axis=1))


@as_it_lies
@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("width", [1, 2, TILE - 1, TILE, TILE + 1, NARROW - 1, NARROW])
def test_narrow_gae(monkeypatch: pytest.MonkeyPatch, width: int, rows: int, strided: bool) -> None:
    """Of five steps, so many rows at a time."""
    given = rollout(width, np.float32, steps=5)
    monkeypatch.setattr(advantages, "NARROW", 0)
    expected = estimates(given)
    monkeypatch.setattr(advantages, "NARROW", NARROW)
    monkeypatch.setattr(advantages, "SCRATCH", (2 * rows + 1) * width)

    found = estimates(tuple(laid(given, strided)))

    assert np.array_equal(found.advantages, expected.advantages)
    assert np.array_equal(found.returns, expected.returns)


@as_it_lies
@in_threads
@pytest.mark.parametrize("size", [*around(64), 64 * 41 + 7])
def test_clip_loss(monkeypatch: pytest.MonkeyPatch, size: int, threads: int, strided: bool) -> None:
    """In chunks of 64: gradients are those of the single samples, and the loss a sum in halves, then in pairs."""
    given = batch(size, np.float64)
    terms, slopes = np.exp(given[0] - given[1]), np.empty(size)
    for i in range(size):
        alone = slice(i, i + 1)
        terms[i] = losses._clip_ratio_loop(terms[alone], given[2][alone], 0.2, 0.2, 3.0, -1.0 / size, slopes[alone])
    sums = [in_halves(list(terms[i : i + 64])) for i in range(0, size, 64)]
    always_in_threads(monkeypatch, losses, threads)
    monkeypatch.setattr(losses, "CHUNK", 64)

    found = clipped(tuple(laid(given, strided)))

    assert np.array_equal(found.grad_log_prob, slopes)
    assert found.loss == -(in_pairs(sums) / size)


def in_halves(numbers: list[float]) -> float:
    """The sum, the second half added to the first (the longer one) until one is left."""
    while len(numbers) > 1:
        half = (len(numbers) + 1) // 2
        rest = numbers[half:]
        numbers = [a + b for a, b in zip(numbers, rest, strict=False)] + numbers[len(rest) : half]
    return numbers[0]


def in_pairs(numbers: list[float]) -> float:
    """The sum of pairs of neighbours, of pairs of pairs and so on; what has no neighbour waits."""
    if len(numbers) == 1:
        return numbers[0]
    return in_pairs([sum(numbers[i : i + 2]) for i in range(0, len(numbers), 2)])


@as_it_lies
@in_threads
@pytest.mark.parametrize("width", [1, 5])
@pytest.mark.parametrize("length", around(16))
def test_softmax_rows(
    monkeypatch: pytest.MonkeyPatch, length: int, width: int, threads: int, strided: bool
) -> None:
    """In chunks of 16 rows."""
    given = rows(width, np.float64, length)
    alone = [answers(*(x[row : row + 1] for x in given)) for row in range(length)]
    always_in_threads(monkeypatch, softmax_rows, threads)
    monkeypatch.setattr(softmax_rows, "CHUNK", 16 * width)

    assert same(answers(*laid(given, strided)), [np.concatenate(parts) for parts in zip(*alone, strict=True)])


@in_threads
@pytest.mark.parametrize("place", [0, 15, 16, 31, 32, 79, 80])
def test_what_is_not_finite_is_found_in_every_block(
    monkeypatch: pytest.MonkeyPatch, place: int, threads: int
) -> None:
    """The first and the last of a block, of 16 here, and the only one of the last block."""
    for module in (advantages, losses, softmax_rows):
        always_in_threads(monkeypatch, module, threads)
        monkeypatch.setattr(module, "COLUMNS" if module is advantages else "CHUNK", 16)
    numbers, zeros, none = np.zeros(81), np.zeros((1, 81)), np.zeros((1, 81), dtype=bool)
    numbers[place] = np.nan

    for call, given in (
        (estimates, (numbers[None], zeros, zeros, none, none)),
        (clipped, (numbers, zeros[0], zeros[0])),
        (clipped, (zeros[0], zeros[0], numbers)),
        (lambda given: answers(*given), (numbers[:, None], np.zeros(81, dtype=np.int64), ~none.T)),
    ):
        with pytest.raises(ValueError, match=rf"\[(0, )?{place}(, 0)?\] is nan; every entry must be finite"):
            call(given)
