"""From a case and the parameters that a function declares to the question it is asked, or none."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ppocore.conformance.case import Case, Question
from ppocore.conformance.operations import BAND, ENDS, SUCCESSOR, Operation

ORDINARY = 1e5
"""Above all that a core case holds, and below all poison."""

NEUTRAL_DUAL_CLIP = 3.0
"""Passed to a function that insists on `dual_clip`; the oracle sees it too."""


@dataclass(frozen=True)
class Parameter:
    """One declared parameter: its name, and whether it may be left out."""

    name: str
    optional: bool


def turns(cases: Sequence[Case]) -> list[int]:
    """The turn of each case: its place, and for a related one that of its partner, so that both get one form."""
    places = {case.id: place for place, case in enumerate(cases)}
    return [places[case.relation.parts[0].id if case.relation else case.id] for case in cases]


def question(operation: Operation, declared: Sequence[Parameter], case: Case, turn: int) -> Question | None:
    """The question for this function, or None where what it does not declare would change the answer.

    `turn` counts cases: it alternates between the forms that a function offers and between passing and
    leaving out optional inputs.
    """
    inputs = _complete(operation, declared, case)
    for passed in _passings(operation, declared, case, turn):
        if _determined(operation, passed, inputs):
            return Question(case, passed, inputs)
    return None


def uncovered(operation: Operation, declared: Sequence[Parameter]) -> list[str]:
    """What cannot be judged because the function does not declare the input, in words."""
    names = {parameter.name for parameter in declared}
    words = []
    if ENDS in operation.groups and "truncated" not in names:
        words.append("truncation (no `truncated`)")
    if ENDS in operation.groups and not names & {"terminated", "dones", "episode_starts"}:
        words.append("episode ends (no `terminated`, `dones` or `episode_starts`)")
    if "episode_starts" in names and not names & {"terminated", "dones", "last_dones"}:
        words.append("episode ends at the last step (no `last_dones`)")
    if SUCCESSOR in operation.groups and "next_values" not in names:
        words.append("values of final observations (no `next_values`)")
    if BAND in operation.groups and "clip_eps_low" not in names:
        words.append("asymmetric clipping (no `clip_eps_low`, `clip_eps_high`)")
    words += [f"`{name}`" for name in ("mask", "action_mask", "dual_clip")
              if name in operation.inputs and name not in names]
    words += ["`gae_lambda` below 1"] * ("gae_lambda" in operation.options and "gae_lambda" not in names)
    return words


def _complete(operation: Operation, declared: Sequence[Parameter], case: Case) -> Mapping[str, Any]:
    """The case's inputs and the other forms of the same information."""
    inputs = dict(case.inputs)
    if ENDS in operation.groups:
        dones = inputs["terminated"] | inputs["truncated"]
        # Row 0 of episode_starts carries nothing: it says how the rollout before this one ended.
        row = np.arange(dones.shape[1]) % 2 == 0
        inputs |= {"dones": dones, "last_dones": dones[-1].copy(),
                   "episode_starts": np.concatenate([row[None], dones[:-1]])}
    if SUCCESSOR in operation.groups:
        last = inputs["next_values"][-1]
        # Never poison: where the last step terminated, any ordinary number will do.
        inputs["last_values"] = np.where(np.abs(last) <= ORDINARY, last, 2.0)
    if BAND in operation.groups:
        inputs["clip_eps"] = inputs["clip_eps_low"]
    required = {parameter.name for parameter in declared if not parameter.optional}
    if "mask" in required and inputs.get("mask") is None and "mask" in operation.options:
        inputs["mask"] = np.ones(_data_shape(inputs), dtype=bool)
    if "action_mask" in required and inputs.get("action_mask") is None:
        inputs["action_mask"] = np.ones(inputs["logits"].shape, dtype=bool)
    if "dual_clip" in required and inputs.get("dual_clip") is None:
        inputs["dual_clip"] = NEUTRAL_DUAL_CLIP
    return inputs


def _data_shape(inputs: Mapping[str, Any]) -> tuple[int, ...]:
    first = next(value for value in inputs.values() if isinstance(value, np.ndarray))
    return tuple(first.shape)


def _passings(
    operation: Operation, declared: Sequence[Parameter], case: Case, turn: int
) -> Iterator[tuple[str, ...]]:
    """Candidate sets of inputs to pass, this turn's favourite first."""
    names = [parameter.name for parameter in declared]
    required = {parameter.name for parameter in declared if not parameter.optional}
    fixed = [name for name in names if name in operation.needs]
    choices = [_choices(group, names, required, turn) for group in operation.groups]
    for combination in itertools.product(*choices):
        passed = set(fixed).union(*combination)
        passed |= {name for name in operation.options if _give_option(name, names, required, case, turn)}
        yield tuple(name for name in names if name in passed)


def _choices(
    group: tuple[tuple[str, ...], ...], names: Sequence[str], required: set[str], turn: int
) -> list[set[str]]:
    """Ways to serve one group of alternatives, in this turn's order."""
    offered = [set(form) & set(names) for form in group if set(form) & set(names)]
    if not offered:
        return [set()]
    forced = [form for form in offered if form & required]
    if forced:
        return [set().union(*forced)]
    shift = turn % len(offered)
    return offered[shift:] + offered[:shift]


def _give_option(name: str, names: Sequence[str], required: set[str], case: Case, turn: int) -> bool:
    if name not in names:
        return False
    if name in required:
        return True
    value = case.inputs.get(name)
    if value is None:
        return False
    indifferent = isinstance(value, np.ndarray) and bool(value.all()) and not _needs_mask(name, case.inputs)
    return not (indifferent and turn % 2)


def _needs_mask(name: str, inputs: Mapping[str, Any]) -> bool:
    """(B, L) batches of a loss come with their mask, even one that hides nothing."""
    return name == "mask" and np.ndim(inputs.get("log_prob", 0.0)) == 2


def _rows_need_mask(operation: Operation, inputs: Mapping[str, Any]) -> bool:
    return "mask" in operation.options and _needs_mask("mask", inputs)


def _determined(operation: Operation, passed: Sequence[str], inputs: Mapping[str, Any]) -> bool:
    """True if the inputs that are not passed cannot change the answer."""
    checks = {
        "mask": "mask" in passed or not _rows_need_mask(operation, inputs) and _all_true(inputs.get("mask")),
        "action_mask": "action_mask" in passed or _all_true(inputs.get("action_mask")),
        "dual_clip": "dual_clip" in passed or inputs.get("dual_clip") is None,
        # V-trace as it was first written has no lambda: it is judged where lambda is 1.
        "trace": "gae_lambda" in passed or "gae_lambda" not in operation.options or inputs["gae_lambda"] == 1,
        "ends": ENDS not in operation.groups or _ends_determined(passed, inputs),
        "successor": SUCCESSOR not in operation.groups or _successor_determined(operation, passed, inputs),
        "band": BAND not in operation.groups or _band_determined(passed, inputs),
    }
    return all(checks.values())


def _all_true(mask: Any) -> bool:
    return mask is None or bool(np.all(mask))


def _band_determined(passed: Sequence[str], inputs: Mapping[str, Any]) -> bool:
    """A single `clip_eps` speaks only of symmetric bands; without any band there is nothing to select."""
    return "clip_eps" not in passed or bool(inputs["clip_eps_low"] == inputs["clip_eps_high"])


def _ends_determined(passed: Sequence[str], inputs: Mapping[str, Any]) -> bool:
    terminated, truncated = inputs["terminated"], inputs["truncated"]
    merged = {"dones", "episode_starts", "last_dones"} & set(passed)
    if truncated.any() and (merged or "truncated" not in passed):
        return False
    if terminated.any() and not {"terminated", "dones"} & set(passed):
        if "episode_starts" not in passed and terminated[:-1].any():
            return False
        if "last_dones" not in passed and terminated[-1].any():
            return False
    return True


def _successor_determined(operation: Operation, passed: Sequence[str], inputs: Mapping[str, Any]) -> bool:
    if "next_values" in passed:
        return True
    terminated, truncated = inputs["terminated"], inputs["truncated"]
    if "last_values" not in passed and not terminated[-1].all():
        return False
    if operation.name == "discounted_returns":
        return not (truncated & ~terminated)[:-1].any()
    follows = inputs["next_values"][:-1] == inputs["values"][1:]
    return bool((follows | terminated[:-1]).all())
