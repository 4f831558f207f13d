"""Which library an implementation computes like, from the fewest questions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ppocore.conformance.adapters import Description
from ppocore.conformance.callees import Adapter, open_callee
from ppocore.conformance.conventions import CONVENTIONS
from ppocore.conformance.dialects import Preset, presets, ways
from ppocore.conformance.operations import OPERATIONS
from ppocore.conformance.probes import Leaf, Tree
from ppocore.conformance.processes import PATIENCE
from ppocore.conformance.runner import (
    Options,
    Progress,
    Respondent,
    declared_conventions,
    refuse_bad_options,
    select,
)


@dataclass(frozen=True)
class Identity:
    """What was found of every operation, and the presets that do so."""

    label: str
    description: Description
    leaves: tuple[Leaf, ...]
    cases: int
    """Cases that there were to choose from."""

    @property
    def probes(self) -> int:
        """Questions that were asked."""
        return sum(len(leaf.asked) for leaf in self.leaves)

    @property
    def wrong(self) -> tuple[Leaf, ...]:
        """Operations that no conventions explain."""
        return tuple(leaf for leaf in self.leaves if not leaf.readings)

    @cached_property
    def matches(self) -> tuple[str, ...]:
        """Presets that do all that was found, as far as they compute it; of those, the ones that compute most of it."""
        fitting = {name: shared for name, preset in presets().items()
                   if not self.parts(preset) and (shared := self._telling(preset))}
        return tuple(name for name, shared in fitting.items() if not any(shared < other for other in fitting.values()))

    @cached_property
    def nearest(self) -> tuple[str, ...]:
        """Presets that differ in the fewest operations and, of those, share the most."""
        ranked = {name: (len(self.parts(preset)), -len(self._telling(preset)))
                  for name, preset in presets().items()
                  if any(preset.conventions(leaf.operation) is not None for leaf in self.leaves)}
        return tuple(name for name, rank in ranked.items() if rank == min(ranked.values()))

    def _telling(self, preset: Preset) -> frozenset[str]:
        """Operations shared with the preset on which libraries differ; where none is, those on which they do not."""
        shared = frozenset(self.shares(preset))
        offered = [leaf.operation for leaf in self.leaves if len(ways(leaf.operation)) > 1]
        return shared & frozenset(offered) if offered else shared

    @property
    def exit_status(self) -> int:
        """0 if every operation is explained and a preset does all of it, else 1."""
        return 0 if self.matches and not self.wrong else 1

    def shares(self, preset: Preset) -> Iterator[str]:
        """Operations that the preset computes in the same way, mistakes included."""
        for leaf in self.leaves:
            entry = preset.entries.get(leaf.operation)
            if entry is None:
                continue
            if (entry.compared and leaf.allows(entry.conventions)) or entry.mistake in leaf.mistakes:
                yield leaf.operation

    def parts(self, preset: Preset) -> list[str]:
        """Operations that the preset computes in another way, or not at all although they are not the default."""
        found = []
        for leaf in self.leaves:
            entry = preset.entries.get(leaf.operation)
            if not leaf.readings:
                # A mistake is nobody's convention: it is named, and speaks against no preset.
                continue
            if entry is None and not leaf.allows({}):
                found.append(leaf.operation)
            if entry is not None and entry.compared and not leaf.allows(entry.conventions):
                found.append(leaf.operation)
        return found

    def doing(self, leaf: Leaf) -> list[str]:
        """Presets that compute an operation as it was found, those that match first."""
        names = [name for name, preset in presets().items() if leaf.operation in set(self._alone(leaf).shares(preset))]
        return sorted(names, key=lambda name: name not in self.matches)

    def _alone(self, leaf: Leaf) -> Identity:
        return Identity(self.label, self.description, (leaf,), 0)

    @property
    def declaration(self) -> dict[str, str | dict[str, str]]:
        """What to declare: a convention for all operations where they agree on it, else operation by operation."""
        return declaration(self.leaves)


def declaration(leaves: Sequence[Leaf]) -> dict[str, str | dict[str, str]]:
    """CONVENTIONS of an adapter whose operations were found to be so."""
    found: dict[str, str | dict[str, str]] = {}
    own: dict[str, dict[str, str]] = {}
    for name, convention in CONVENTIONS.items():
        values = {leaf.operation: leaf.conventions.get(name, convention.default) for leaf in leaves
                  if leaf.readings and leaf.operation in convention.operations}
        if len(set(values.values())) == 1:
            common = next(iter(values.values()))
            found |= {name: common} if common != convention.default else {}
            continue
        for operation, value in values.items():
            if value != convention.default:
                own.setdefault(operation, {})[name] = value
    return {**found, **own}


def identify(adapter: Adapter, options: Options, progress: Progress | None = None) -> Identity:
    """Ask an adapter as little as tells how it computes; BadAdapter if it cannot be run."""
    refuse_bad_options(options)
    callee = open_callee(adapter, options.memory)
    try:
        declared_conventions(callee)
        chosen = select(callee, options)
        limit = options.timeout * PATIENCE.get(callee.description.framework, 1)
        leaves = []
        for done, name in enumerate(chosen):
            if progress is not None:
                progress(name, done, len(chosen))
            tree = Tree(OPERATIONS[name], callee.description.dtype, chosen[name][0])
            leaves.append(tree.walk(Respondent(callee, limit)))
    finally:
        callee.close()
    return Identity(callee.label, callee.description, tuple(leaves), sum(len(asked) for asked, _ in chosen.values()))


def undecided(leaf: Leaf) -> list[str]:
    """Conventions on which no case that could be put decides."""
    values: Mapping[str, set[str]] = {
        name: {reading.get(name, "") for reading in leaf.readings} for name in CONVENTIONS}
    return [name for name, found in values.items() if len(found) > 1]
