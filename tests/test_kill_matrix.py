"""Every named mistake is caught by a case of its operation, no two are one, and every case has its reason."""

from __future__ import annotations

import pytest

from ppocore.conformance.operations import OPERATIONS
from tests.kill_matrix import PAGE, REASONS, idle, killed, page, reason, told_apart


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_mistake_survives(name: str) -> None:
    matrix = killed(name, "float64")

    assert matrix.kills, f"{name} has no named mistake"
    assert [key for key, caught in matrix.kills.items() if not caught] == []


# 1e-8 in a count of a few samples is half a roundoff of float32: no input could show it.
BELOW_FLOAT32 = {"kl_k1/epsilon-in-count", "kl_k2/epsilon-in-count", "kl_k3/epsilon-in-count"}


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_mistake_survives_in_float32(name: str) -> None:
    """A mistake with a number in it, such as 1e-8, may be invisible there; one of its numbers must not be."""
    matrix = killed(name, "float32")

    alive = {slug for slug, _ in matrix.kills} - {slug for (slug, _), caught in matrix.kills.items() if caught}
    assert alive <= BELOW_FLOAT32


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_two_mistakes_are_one_and_none_is_a_convention(name: str) -> None:
    assert told_apart(name).alike == []


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_case_that_tells_nothing_new_apart_has_a_reason(name: str) -> None:
    assert [case for case in idle(name) if reason(case) is None] == []


def test_every_reason_is_needed() -> None:
    given = {reason(case) for name in OPERATIONS for case in idle(name)}

    assert given == set(REASONS.values())


def test_the_published_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8").splitlines() == list(page()), "run `python -m tests.kill_matrix`"
