"""Cases are what DESIGN 4.2 promises: ranges, representable numbers, consistent successors, poison in its place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ppocore.conformance.case import GATING, Case
from ppocore.conformance.cases import cases
from ppocore.conformance.cases.relations import HUGE
from ppocore.conformance.operations import OPERATIONS

SEEDS = (0, 1, 2)
POISONABLE = {"next_values", "rewards", "values", "returns", "old_values", "advantages", "log_prob", "old_log_prob",
              "x", "logits", "ref_log_prob", "rollout_log_prob"}


def gating(name: str, dtype: str, seed: int) -> list[Case]:
    return [case for case in cases(name, dtype, seed, 8) if case.level in GATING]


def arrays(case: Case) -> dict[str, Any]:
    return {n: v for n, v in case.inputs.items() if isinstance(v, np.ndarray)}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_input_is_in_range_and_representable(name: str, dtype: str, seed: int) -> None:
    found = gating(name, dtype, seed)

    assert len(found) >= 15
    for case in found:
        for key, value in case.inputs.items():
            if isinstance(value, np.ndarray) and value.dtype.kind == "f":
                usable = value[np.isfinite(value)]
                assert case.poisoned or usable.size == value.size, (case.id, key)
                assert not np.isnan(value).any() or key in POISONABLE, (case.id, key)
                ordinary = np.abs(usable) <= 1e4
                assert ordinary.all() or case.id.split("/")[1] == "poison", (case.id, key)
                assert (ordinary | (np.abs(usable) == HUGE[dtype])).all(), (case.id, key)
                assert np.array_equal(usable, usable.astype(dtype).astype(np.float64)), (case.id, key)
            if isinstance(value, float):
                assert value == float(np.dtype(dtype).type(value)), (case.id, key)
                assert not isinstance(value, np.generic), (case.id, key)
        assert all(min(v.shape, default=1) >= 1 for v in arrays(case).values()), case.id
        for scalar in ("gamma", "gae_lambda"):
            assert 0 <= case.inputs.get(scalar, 0.5) <= 1, case.id
        for scalar in ("clip_eps", "clip_eps_low", "clip_eps_high"):
            assert 0 < case.inputs.get(scalar, 0.5) < 1, case.id


@pytest.mark.parametrize("name", ["td_errors", "gae", "discounted_returns", "vtrace"])
def test_next_values_follow_values_where_nothing_ends(name: str) -> None:
    for case in (c for seed in SEEDS for c in gating(name, "float64", seed) if "values" in c.inputs):
        given = case.inputs
        going = ~(given["terminated"] | given["truncated"])[:-1]

        assert np.array_equal(given["next_values"][:-1][going], given["values"][1:][going]), case.id


def test_rollouts_show_every_kind_of_end() -> None:
    found = gating("gae", "float64", 0)
    both = [c for c in found if (c.inputs["terminated"] & c.inputs["truncated"]).any()]
    last = [c for c in found if c.inputs["truncated"][-1].any()]
    assert both
    assert last
    assert any(c.inputs["terminated"][-1].any() for c in found)
    assert any(c.inputs["rewards"].shape[0] == c.inputs["rewards"].shape[1] for c in found)
    assert any(c.inputs["rewards"].shape[0] > 200 for c in found)


@pytest.mark.parametrize("name", [n for n in OPERATIONS if "mask" in OPERATIONS[n].inputs])
def test_masks_have_a_valid_slot_in_every_row_and_poison_only_where_masked(name: str) -> None:
    for case in (c for seed in SEEDS for c in gating(name, "float64", seed)):
        mask = case.inputs.get("mask")
        if mask is None:
            assert not case.poisoned
            continue
        assert mask.any(axis=-1).all(), case.id
        for key, value in arrays(case).items():
            if value.dtype.kind == "f":
                # One number for each row, such as a score, is never poisoned.
                used = value[mask] if value.shape == mask.shape else value
                assert (np.abs(used) <= 1e4).all(), (case.id, key)


@pytest.mark.parametrize("name", ["ratio", "kl_k3", "surrogate_loss", "clip_loss", "ppo_loss", "clip_fraction",
                                  "vtrace"])
def test_log_ratios_stay_in_range(name: str) -> None:
    for case in (c for seed in SEEDS for c in gating(name, "float64", seed)):
        if case.id.split("/")[1] == "poison":
            continue
        d = case.inputs["log_prob"] - case.inputs["old_log_prob"]
        assert np.nanmax(np.abs(d)) <= 60, case.id


def test_kl_is_never_within_a_hundredth_of_a_threshold() -> None:
    for case in (c for seed in range(20) for c in gating("adapt_kl_coef", "float32", seed)):
        multiple = case.inputs["kl"] / case.inputs["target_kl"]
        for threshold in (0.5, 1 / 1.5, 0.7, 0.8, 0.9, 1.1, 1.2, 1.3, 1.5, 2.0):
            assert abs(multiple / threshold - 1) > 0.01, (case.id, multiple)


def test_fixed_cases_do_not_depend_on_the_seed() -> None:
    for name in OPERATIONS:
        first, second = (list(cases(name, "float64", seed, 0)) for seed in (0, 1))
        assert [c.id for c in first] == [c.id for c in second]
        for a, b in zip(first, second, strict=True):
            for key, value in arrays(a).items():
                assert np.array_equal(value, b.inputs[key], equal_nan=value.dtype.kind == "f"), a.id
