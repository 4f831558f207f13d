"""The points at which terms are audited: few actions, three policies, every probability a fraction."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

Policy = tuple[Fraction, ...]
DRAWS = 16
"""Old policies are made of sixteenths, so that a batch of so many actions holds each as often as it is drawn."""


@dataclass(frozen=True)
class Point:
    """Three policies on the same actions; actions are drawn from `old`."""

    current: Policy
    old: Policy
    ref: Policy
    far: bool = False
    """Whether log-ratios are as large as the clamps that libraries put on them (10 and 20)."""

    @property
    def on_policy(self) -> bool:
        return self.current == self.old

    @property
    def regime(self) -> str:
        return "on-policy" if self.on_policy else "off-policy"

    @property
    def batch(self) -> tuple[int, ...]:
        """Every action as often as `old` draws it in DRAWS draws: its mean is the expectation."""
        return tuple(a for a, chance in enumerate(self.old) for _ in range(int(DRAWS * chance)))


def _policy(text: str) -> Policy:
    return tuple(Fraction(part) for part in text.split())


def _points() -> tuple[Point, ...]:
    tiny = Fraction(1, 2**40)
    rows = (
        # current, old (None: the same), ref.  Ratios lie inside and outside the
        # bands of PPO, and on the edge of none that is in use.
        ("3/4 1/4", None, "3/8 5/8"),
        ("1/2 3/16 5/16", None, "1/5 1/2 3/10"),
        ("1/8 3/8 1/2", None, "1/4 1/2 1/4"),
        ("1/16 3/16 5/16 7/16", None, "2/5 1/10 3/10 1/5"),
        ("2/3 1/3", "3/4 1/4", "3/8 5/8"),
        ("1/3 2/9 4/9", "1/2 3/16 5/16", "1/5 1/2 3/10"),
        ("1/3 1/2 1/6", "1/8 3/8 1/2", "1/4 2/5 7/20"),
        ("3/10 1/10 1/5 2/5", "1/16 3/16 5/16 7/16", "2/5 3/20 1/4 1/5"),
    )
    near = [Point(_policy(current), _policy(old or current), _policy(ref)) for current, old, ref in rows]
    far = [
        Point(_policy("1/16 15/16"), _policy("1/16 15/16"), (1 - tiny, tiny), far=True),
        Point(_policy("1/16 3/8 9/16"), _policy("1/16 3/8 9/16"), (Fraction(3, 4), Fraction(1, 4) - tiny, tiny), True),
        Point((1 - tiny, tiny), _policy("5/16 11/16"), _policy("1/3 2/3"), far=True),
        Point(_policy("1/7 2/7 4/7"), _policy("1/16 3/8 9/16"), (Fraction(3, 4), Fraction(1, 4) - tiny, tiny), True),
    ]
    return (*near, *far)


POINTS = _points()
REGIMES = ("on-policy", "off-policy")
