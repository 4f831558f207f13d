"""Cases made of other cases: what is asked must change the answer in a known way, or not at all (docs/relations.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ppocore.conformance.case import AGAIN, GATING, POISON, Case, Part, Relation
from ppocore.conformance.cases.maker import Array, Maker
from ppocore.conformance.layouts import STRIDED, TRANSPOSED, laid

HUGE = {"float64": 1e300, "float32": float(np.float32(1e38))}
"""Its square overflows, and its product with 0 is 0."""

WHOLE = 67
"""Samples of the batch that is split: prime, so that no size of micro-batch divides it; above the usual 32 and 64."""

Inputs = dict[str, Any]
Makes = Callable[["Kin"], Iterator[Case]]


@dataclass
class Kin:
    """The cases of one operation that others are made of."""

    make: Maker
    known: Mapping[str, Case]
    """By name, which is the id without its operation."""

    def of(self, name: str, base: str, broken: str, inputs: Inputs, *parts: Part, **flags: Any) -> Case:
        """A case with other inputs than its base; its answer follows from the parts, or is that of the base."""
        shift = flags.pop("shift", {})
        case = self.known[base]
        relation = Relation(name, broken, parts or (Part(case.id),), shift)
        level = "core" if case.level == "smoke" else case.level
        made = self.make.case(f"{name}/{base.replace('/', '-')}", f"As {base}: {SAYS[name]}", inputs, level,
                              exact=case.exact, kinks=case.kinks)
        return replace(made, relation=relation, **flags)

    def rows(self, name: str, base: str, broken: str, index: Array, *parts: Part, **flags: Any) -> Case:
        """The base with its rows taken by an index."""
        return self.of(name, base, broken, taken(self.known[base].inputs, index), *parts, **flags)


SAYS = {
    POISON: "something else lies where nothing can matter.",
    AGAIN: "asked once more, after everything else.",
    "permuted": "in another order.",
    "doubled": "everything twice.",
    "apart": "one part by itself.",
    "micro-batch": "a batch of many such rows, and the last few of them alone.",
    "scaled": "every quantity of one unit four times as large.",
    "shifted": "a constant is added where it must not matter, or must only come back.",
    "relabelled": "the actions bear other numbers.",
    "labels": "many actions.",
    "mirrored": "mean and action with the opposite sign.",
    "re-split": "the same rows in other batches.",
    "layout": "the same numbers, lying in memory in another way.",
}
"""What each relation does to its base; the name begins the id of its cases."""


def related(make: Maker, base: Sequence[Case]) -> Iterator[Case]:
    """The related cases of an operation, whatever it is; those of its own kind from the table below."""
    operation = make.operation
    kin = Kin(make, {case.id.split("/", 1)[1]: case for case in base})
    yield from _poisoned(make, base)
    for makes in TABLE.get(operation, ()):
        yield from makes(kin)
    yield from _layouts(make.operation, base)
    first = next(case for case in base if case.level in GATING)
    relation = Relation(AGAIN, "the same question asked again got another answer", (Part(first.id),))
    yield replace(first, id=f"{operation}/again/first", level="core", says=f"As the first case: {SAYS[AGAIN]}",
                  relation=relation)


def taken(inputs: Mapping[str, Any], index: Any, axis: int = 0) -> Inputs:
    """The inputs with the rows (or columns) of every array taken by an index."""
    return {name: np.take(value, index, axis=axis) if isinstance(value, np.ndarray) and value.ndim > axis else value
            for name, value in inputs.items()}


def _poisoned(make: Maker, base: Sequence[Case]) -> Iterator[Case]:
    """The first two cases that hold NaN, with infinities and a huge number in its place."""
    kinds = ({"inf": np.inf, "huge": HUGE[make.dtype]}, {"minus-inf": -np.inf})
    sources = [case for case in base if case.poisoned and case.level in GATING]
    for case, replacements in zip(sources, kinds, strict=False):
        name = case.id.split("/", 1)[1].removeprefix("nan").removeprefix("/")
        for kind, number in replacements.items():
            inputs = dict(case.inputs)
            for place, (key, value) in enumerate(case.inputs.items()):
                if isinstance(value, np.ndarray) and value.dtype.kind == "f":
                    # Signs alternate, lest two huge numbers vanish in their difference.
                    lies = number * (-1) ** place if np.isfinite(number) else number
                    inputs[key] = np.where(np.isnan(value), lies, value)
            broken = "what lies in a slot that cannot matter changed your answer"
            says = f"As {case.id.split('/', 1)[1]}, with {kind.replace('-', ' ')} for NaN: nobody may look at it."
            yield replace(case, id="/".join(filter(None, (make.operation, POISON, kind, name))), says=says,
                          inputs=inputs, relation=Relation(POISON, broken, (Part(case.id),)))


def _layouts(operation: str, base: Sequence[Case]) -> Iterator[Case]:
    """One case in the layouts that its arrays can have; beyond the contract, hence notes."""
    plain = [case for case in base if case.level in ("core", "gradients") and not case.poisoned]
    case = max(plain, key=lambda case: max((_room(value) for value in case.inputs.values()), default=(0, 0)))
    axes, _ = max((_room(value) for value in case.inputs.values()), default=(0, 0))
    for layout in ((TRANSPOSED, STRIDED)[axes < 2:] if axes else ()):
        inputs = {name: [_lying(item, layout) for item in value] if isinstance(value, list) else _lying(value, layout)
                  for name, value in case.inputs.items()}
        yield replace(case, id=f"{operation}/layout/{layout}", level="edge", inputs=inputs, layout=True,
                      says=f"As {case.id.split('/', 1)[1]}: {SAYS['layout']}",
                      relation=Relation("layout", "how the arrays lie in memory changed your answer",
                                        (Part(case.id),)))


def _lying(value: Any, layout: str) -> Any:
    return laid(value, layout) if isinstance(value, np.ndarray) else value


def _room(value: Any) -> tuple[int, int]:
    """Axes longer than one, and few elements rather than many."""
    items = value if isinstance(value, list) else [value]
    return max(((sum(length > 1 for length in item.shape), -item.size) for item in items
                if isinstance(item, np.ndarray)), default=(0, 0))


def _turned(length: int) -> Array:
    """An order in which nothing stays in its place (but the middle of an odd number)."""
    return np.arange(length)[::-1]


# Rollouts: environments, episodes, and the unit of the rewards.

ENVIRONMENTS = "permuting the environments changed your answer"


def _rollouts(kin: Kin) -> Iterator[Case]:
    staggered, whole = kin.known["ends/staggered"], kin.known["ends/mixed"]
    order = np.array([2, 0, 1])
    yield kin.of("permuted", "ends/staggered", ENVIRONMENTS, taken(staggered.inputs, order, axis=1),
                 Part(staggered.id, at=np.s_[:, order]))
    twice = np.array([0, 1, 2, 0, 1, 2])
    yield kin.of("doubled", "ends/mixed", "every environment twice changed your answer",
                 taken(whole.inputs, twice, axis=1), Part(whole.id, at=np.s_[:, twice]))
    for name, cut in (("ends/terminated", 3), ("ends/truncated", 3)):
        case = kin.known[name]
        yield kin.of("apart", name, "what stands before an episode in the rollout changed your answer to the episode",
                     taken(case.inputs, np.arange(cut, 5)), Part(case.id, at=np.s_[cut:]))
    units = ("rewards", "values", "next_values")
    four = {name: 4 * value if name in units else value for name, value in whole.inputs.items()}
    yield kin.of("scaled", "ends/mixed", "rewards and values times 4 did not make your answer 4 times as large", four,
                 Part(whole.id, 4.0))
    yield _reward_shifted(kin)


def _reward_shifted(kin: Kin) -> Case:
    """A constant reward of 2 is worth 2 / (1 - gamma) = 4 in every state, and so no advantage."""
    endless = kin.known["limits/gamma-half-lambda-one"]
    added = {"rewards": 2.0, "values": 4.0, "next_values": 4.0}
    inputs = {name: value + added.get(name, 0.0) if name in added else value for name, value in endless.inputs.items()}
    return kin.of("shifted", "limits/gamma-half-lambda-one",
                  "a constant reward, with the values that go with it, changed your answer by more than that", inputs,
                  shift={"returns": 4.0})


def _tokens(kin: Kin) -> Iterator[Case]:
    case = kin.known["mask/holes"]
    order = _turned(3)
    yield kin.rows("permuted", "mask/holes", "permuting the rows changed your answer", order, Part(case.id, at=order))
    yield kin.rows("apart", "mask/holes", "the other rows of the batch changed your answer to one", np.array([1]),
                   Part(case.id, at=np.s_[1:2]))
    four = {name: 4 * value if name in ("rewards", "values") else value for name, value in case.inputs.items()}
    yield kin.of("scaled", "mask/holes", "rewards and values times 4 did not make your answer 4 times as large", four,
                 Part(case.id, 4.0))
    right = kin.known["mask/padded-right"]
    by = 6 - right.inputs["mask"].sum(axis=1, keepdims=True)
    moved = np.arange(3)[:, None], (np.arange(6) - by) % 6
    inputs = {name: value[moved] if isinstance(value, np.ndarray) else value for name, value in right.inputs.items()}
    yield kin.of("shifted", "mask/padded-right", "moving the padding to the front changed your answer", inputs,
                 Part(right.id, at=moved))


# Batches: one answer a row, or one of all.


def _each_row(base: str) -> Makes:
    """Operations that answer row by row."""

    def makes(kin: Kin) -> Iterator[Case]:
        case = kin.known[base]
        length = next(len(value) for value in case.inputs.values() if isinstance(value, np.ndarray))
        # As many rows as before: JAX compiles anew for every shape.
        order = np.append(_turned(length)[:-1], length - 1)
        yield kin.rows("permuted", base, "permuting and repeating rows changed your answer", order,
                       Part(case.id, at=order))

    return makes


def _any_order(base: str) -> Makes:
    """Operations with one answer to all rows."""

    def makes(kin: Kin) -> Iterator[Case]:
        length = next(len(value) for value in kin.known[base].inputs.values() if isinstance(value, np.ndarray))
        yield kin.rows("permuted", base, "permuting the samples changed your answer", _turned(length))

    return makes


def _doubled(base: str, doubled: float = 1.0) -> Makes:
    """Twice the rows give `doubled` times the answer."""

    def makes(kin: Kin) -> Iterator[Case]:
        case = kin.known[base]
        length = next(len(value) for value in case.inputs.values() if isinstance(value, np.ndarray))
        yield kin.rows("doubled", base, "every sample twice changed your answer", np.tile(np.arange(length), 2),
                       Part(case.id, doubled))

    return makes


def _micro_batches(base: str) -> Makes:
    """A mean over many rows, the same ones over and over, is the weighted mean over its parts."""

    def makes(kin: Kin) -> Iterator[Case]:
        case = kin.known[base]
        length = next(len(value) for value in case.inputs.values() if isinstance(value, np.ndarray))
        full, left = divmod(WHOLE, length)
        rest = kin.of("apart", base, "the other samples of the batch changed your answer to a few",
                      taken(case.inputs, np.arange(left)))
        # No relation of its own: nothing says what a few of the samples give.
        rest = replace(rest, relation=None, kinks=case.kinks, says=f"The first {left} samples of {base}.")
        yield rest
        yield kin.rows("micro-batch", base, "splitting the batch into micro-batches changed your answer",
                       np.arange(WHOLE) % length, Part(case.id, full * length / WHOLE), Part(rest.id, left / WHOLE))

    return makes


def _masked_rows(kin: Kin) -> Iterator[Case]:
    case = kin.known["mask/uneven"]
    count = case.inputs["mask"].sum(axis=1) if kin.make.operation == "masked_mean" else np.ones(3)
    first = kin.rows("apart", "mask/uneven", "", np.arange(2))
    yield replace(first, relation=None, says="The first two rows of mask/uneven.")
    yield kin.rows("micro-batch", "mask/uneven", "splitting the batch into micro-batches changed your answer",
                   np.array([2]), Part(case.id, count.sum() / count[2]), Part(first.id, -count[:2].sum() / count[2]))
    yield kin.rows("permuted", "mask/uneven", "permuting the rows changed your answer", _turned(3))
    yield kin.rows("doubled", "mask/uneven", "every row twice changed your answer", np.tile(np.arange(3), 2))


def _scaled(base: str, broken: str, result: float, **factors: float) -> Makes:
    """Some inputs multiplied by powers of two."""

    def makes(kin: Kin) -> Iterator[Case]:
        inputs = dict(kin.known[base].inputs)
        for name, factor in factors.items():
            value = inputs[name]
            inputs[name] = [factor * item for item in value] if isinstance(value, list) else factor * value
        yield kin.of("scaled", base, broken, inputs, Part(kin.known[base].id, result))

    return makes


def _normalize(kin: Kin) -> Iterator[Case]:
    case = kin.known["plain/5"]
    order = np.concatenate([_turned(5), _turned(5)])
    yield kin.rows("permuted", "plain/5", "permuting and doubling the advantages changed your answer", order,
                   Part(case.id, at=order))
    centred = case.inputs["advantages"] - case.inputs["advantages"][2]
    yield kin.of("shifted", "plain/5", "a constant added to every advantage changed your answer",
                 dict(case.inputs, advantages=centred))


def _variances(kin: Kin) -> Iterator[Case]:
    inputs = dict(kin.known["constant-values"].inputs)
    inputs |= {name: inputs[name] + 64.0 for name in ("values", "returns")}
    yield kin.of("shifted", "constant-values", "a constant added to values and returns changed your answer", inputs)


# Actions, their numbers and their dimensions.

LABELS = {"categorical_log_prob": 260}
"""More actions than a byte can number, where an action is picked by its number; elsewhere MANY will do."""
MANY = 64
"""More actions than any list of the most likely ones has."""


def _relabelled(inputs: Mapping[str, Any], order: Array) -> Inputs:
    """The inputs with action order[j] called j."""
    columns = {name: value[:, order] if name in ("logits", "other_logits", "old_logits", "action_mask")
               and value is not None else value for name, value in inputs.items()}
    return columns | ({"actions": np.argsort(order)[inputs["actions"]]} if "actions" in inputs else {})


def _labels(*bases: str) -> Makes:
    """The numbers that actions bear do not matter, and there may be many."""

    def makes(kin: Kin) -> Iterator[Case]:
        for base in bases:
            inputs = kin.known[base].inputs
            order = np.roll(np.arange(inputs["logits"].shape[1]), 1)
            yield kin.of("relabelled", base, "the numbers that the actions bear changed your answer",
                         _relabelled(inputs, order))
        yield from _many_labels(kin, bases[0])

    return makes


def _many_labels(kin: Kin, base: str) -> Iterator[Case]:
    count = LABELS.get(kin.make.operation, MANY)
    rng = np.random.default_rng(count)
    inputs = {name: value[:1] if isinstance(value, np.ndarray) else value
              for name, value in kin.known[base].inputs.items()}
    for name in ("logits", "other_logits", "old_logits"):
        if name in inputs:
            inputs[name] = rng.normal(0.0, 1.0, size=(1, count))
    if "actions" in inputs:
        inputs["actions"] = np.array([count - 1], dtype=np.int64)
    many = kin.of("labels", base, "", inputs)
    yield replace(many, relation=None, says=f"{count} actions, and the last one taken.")


def _dimensions(base: str) -> Makes:
    """The order of independent dimensions does not matter."""

    def makes(kin: Kin) -> Iterator[Case]:
        inputs = taken(kin.known[base].inputs, np.array([2, 0, 1]), axis=1)
        yield kin.of("relabelled", base, "permuting the dimensions of the action changed your answer", inputs)

    return makes


def _mirrored(kin: Kin) -> Iterator[Case]:
    inputs = dict(kin.known["plain/three"].inputs)
    inputs |= {name: -inputs[name] for name in ("mean", "actions")}
    yield kin.of("mirrored", "plain/three", "mirroring mean and action changed your answer", inputs)


# Optimisation.


def _coordinates(kin: Kin) -> Iterator[Case]:
    order = _turned(5)
    yield kin.rows("permuted", "step/2", "permuting the parameters changed your answer", order,
                   Part(kin.known["step/2"].id, at=order))


def _batches(kin: Kin) -> Iterator[Case]:
    batches = kin.known["unequal"].inputs["batches"]
    rows = np.concatenate(batches)
    yield kin.of("re-split", "unequal", "splitting the rows into other batches changed your answer",
                 {"batches": [rows[:2], rows[2:6], rows[6:]]})
    yield kin.of("permuted", "unequal", "permuting the batches changed your answer", {"batches": batches[::-1]})
    doubled = [batch for batch in batches for _ in range(2)]
    yield kin.of("doubled", "unequal", "every batch twice changed your answer", {"batches": doubled})


ROW_ERRORS = "values and returns times 4 did not make your answer 16 times as large"
POLICY = (_any_order("plain/5"), _micro_batches("plain/5"),
          _scaled("plain/5", "advantages times 4 did not make your answer 4 times as large", 4.0, advantages=4.0))
ESTIMATES = (_any_order("plain/5"), _micro_batches("plain/5"))
WEIGHTED = (_any_order("plain/5"), _doubled("plain/5"),
            _scaled("plain/5", "f times 4 did not make your answer 4 times as large", 4.0, fx=4.0))

TABLE: dict[str, tuple[Makes, ...]] = {
    "td_errors": (_rollouts,), "gae": (_rollouts,), "discounted_returns": (_rollouts,), "token_gae": (_tokens,),
    "normalize_advantages": (_normalize,),
    "ratio": (_each_row("sides"),), "kl_k1": ESTIMATES, "kl_k2": ESTIMATES, "kl_k3": ESTIMATES,
    "importance_estimate": WEIGHTED, "self_normalized_estimate": WEIGHTED,
    "effective_sample_size": (_any_order("plain/5"), _doubled("plain/5", 2.0)),
    "categorical_log_prob": (_labels("plain/three", "mask/some"), _each_row("plain/three")),
    "categorical_entropy": (_labels("plain/three", "mask/some"), _each_row("plain/three")),
    "categorical_kl": (_labels("plain/three"), _each_row("plain/three")),
    "gaussian_log_prob": (_dimensions("plain/three"), _each_row("plain/three"), _mirrored),
    "gaussian_entropy": (_dimensions("plain/three"), _each_row("plain/three")),
    "gaussian_kl": (_dimensions("plain/three"), _each_row("plain/three")),
    "squashed_gaussian_log_prob": (_dimensions("plain/three"), _each_row("plain/three"), _mirrored),
    "surrogate_loss": POLICY, "clip_loss": POLICY,
    "kl_penalty_loss": (_labels("plain/three"), _any_order("plain/three"), _micro_batches("plain/two"),
                        _scaled("plain/three", "advantages and kl_coef times 4 did not make your answer 4 times as"
                                " large", 4.0, advantages=4.0, kl_coef=4.0)),
    "value_loss": (_any_order("plain/5"), _micro_batches("plain/5"),
                   _scaled("plain/5", ROW_ERRORS, 16.0, values=4.0, returns=4.0)),
    "clipped_value_loss": (_any_order("plain/5"), _micro_batches("plain/5"),
                           _scaled("plain/5", ROW_ERRORS, 16.0, values=4.0, returns=4.0, old_values=4.0,
                                   value_clip_eps=4.0)),
    "ppo_loss": ESTIMATES,
    "masked_mean": (_masked_rows,), "sequence_mean": (_masked_rows,), "sequence_sum_mean": (_masked_rows,),
    "clip_fraction": (_any_order("sides/mixed"), _micro_batches("sides/mixed")),
    "explained_variance": (_any_order("plain/5"), _doubled("plain/5"), _variances),
    "adapt_kl_coef": (_scaled("multiple/1.25", "kl and target_kl times 4 changed your answer", 1.0, kl=4.0,
                              target_kl=4.0),),
    "clip_grad_norm": (_scaled("clipped/two", "gradients and max_norm times 4 did not make your answer 4 times as"
                               " large", 4.0, grads=4.0, max_norm=4.0),),
    "adam_step": (_coordinates,), "running_moments": (_batches,),
}
"""What each operation must do; a new one has poison, layouts and the repeated question without being listed."""
