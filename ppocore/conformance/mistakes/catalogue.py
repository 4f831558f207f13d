"""What a named mistake is, and how one is entered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ppocore.conformance.oracle import Formula


@dataclass(frozen=True)
class Mistake:
    """A wrong formula that people really write, under a permanent name."""

    slug: str
    """`operation/what-went-wrong`; never renamed, never used again."""
    says: str
    wrong: str
    matters: str
    seen: tuple[str, ...]
    """Where it was met: repositories and threads, or the row of the corpus."""
    formulas: tuple[Formula, ...]
    """What code with this mistake computes; several where the sentence leaves details open."""

    @property
    def operation(self) -> str:
        return self.slug.split("/")[0]


class Catalogue:
    """The mistakes of one family of operations, in the order they are entered."""

    def __init__(self) -> None:
        self.mistakes: dict[str, Mistake] = {}

    def enter(
        self, *slugs: str, says: str, wrong: str, matters: str, seen: tuple[str, ...] = ()
    ) -> Callable[[Formula], Formula]:
        """Enter a wrong formula under each slug; a slug entered again gains another formula."""

        def entered(formula: Formula) -> Formula:
            for slug in slugs:
                known = self.mistakes.get(slug)
                before = known.formulas if known else ()
                self.mistakes[slug] = Mistake(slug, says, wrong, matters, seen, (*before, formula))
            return formula

        return entered

    def variant(self, *slugs: str) -> Callable[[Formula], Formula]:
        """Another formula for mistakes already entered."""

        def entered(formula: Formula) -> Formula:
            for slug in slugs:
                m = self.mistakes[slug]
                self.mistakes[slug] = Mistake(m.slug, m.says, m.wrong, m.matters, m.seen, (*m.formulas, formula))
            return formula

        return entered
