"""The off-policy surrogate: where it has the true gradient, by how much it misses elsewhere, and what is exact."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product

import numpy as np
import z3

from ppocore import advantages, losses
from ppocore._kernels import plain
from proofs.definitions.duals import Ray
from proofs.ledger import proof, refutation
from proofs.ledger.outcome import Outcome
from proofs.methods import coq
from proofs.methods.ascent import (
    discount,
    expected_advantage,
    shipped_gradient_is,
    shipped_value_is,
    step_ratio,
    summed_scores,
    surrogate,
    surrogate_gradient,
    true_gradient,
    unclipped,
    undiscounted,
)
from proofs.methods.exact import Q, Row, Table, at, everywhere, gradient, row
from proofs.methods.finite import logs
from proofs.methods.solver import on_every_path
from proofs.methods.symbolic import Sym, array, reals, term
from proofs.methods.worlds import (
    ARMS,
    BANDIT,
    EVEN,
    FORK,
    MIXED,
    MOVED,
    NEW,
    OLD,
    PAIRS,
    SETTINGS,
    Function,
    Path,
    World,
    added,
    by_coin,
    coins,
    flat,
    likelihood,
    policy_of,
    positive,
    score,
    two_actions,
)

CLIP = "ppocore.losses:clip_kernel"
SURROGATE = "ppocore.losses:surrogate_loss"


@proof("PG-06", "exact", "6 settings of 4 worlds, by dual numbers; the shipped surrogate on all trajectories",
       code=[SURROGATE])
def _() -> Outcome:
    def claims():
        for world, theta in SETTINGS:
            truth = true_gradient(world, theta)
            factor = discount(world, world.advantage(policy_of(theta)))
            shipped = shipped_gradient_is(truth, world, theta, theta, factor)
            yield surrogate_gradient(world, theta, theta) == truth and shipped, {"theta": flat(theta)}

    return everywhere("settings", claims())


def _undiscounted_is_gradient(theta: Row) -> bool:
    parameters = two_actions(*theta)
    direction = undiscounted(MIXED, parameters)
    return direction == true_gradient(MIXED, parameters)


@refutation("PG-06", "exact", "without the weights gamma^t", claim=_undiscounted_is_gradient, kept=positive)
def _() -> Outcome:
    return at(_undiscounted_is_gradient, theta=flat(OLD))


@proof("PG-07", "exact", "FORK from (1/2, 1/2, 1/2) at (3/4, 3/4, 3/4): (1, 3/2, -1/2) against (0, 1, -1), the "
       "shipped surrogate's too", code=[SURROGATE])
def _() -> Outcome:
    truth, found = true_gradient(FORK, MOVED), surrogate_gradient(FORK, EVEN, MOVED)
    shipped = shipped_gradient_is(found, FORK, EVEN, MOVED, discount(FORK, FORK.advantage(policy_of(EVEN))))
    instance = {"old": flat(EVEN), "new": flat(MOVED)}
    facts = [by_coin(truth) == row(1, "3/2", "-1/2"), by_coin(found) == row(0, 1, -1), shipped]
    return everywhere("facts", ((fact, instance) for fact in facts))


def _same_gradient(old: Row, new: Row) -> bool:
    before, after = two_actions(*old), two_actions(*new)
    return surrogate_gradient(FORK, before, after) == true_gradient(FORK, after)


@refutation("PG-07", "exact", "equal away from the old policy", claim=_same_gradient, kept=positive)
def _() -> Outcome:
    return at(_same_gradient, old=flat(EVEN), new=flat(MOVED))


def prefix(new: Table, old: Table, path: Path, steps: int) -> Q:
    """Product of the first ratios of a trajectory."""
    return likelihood(policy_of(new), path[:steps]) / likelihood(policy_of(old), path[:steps])


def product_of_ratios(world: World, old: Table, new: Table, advantage: Function) -> Row:
    """E under old of sum_t gamma^t (r_0 ... r_t) score_new A."""
    weighed = discount(world, advantage)
    return summed_scores(
        world, policy_of(old), new, lambda path, t: prefix(new, old, path, t + 1) * weighed(path, t)
    )


@proof("PG-08", "exact", "4 pairs of policies in two worlds and 64 pairs in FORK; the shipped surrogate with "
       "advantages times the ratios of earlier steps", code=[SURROGATE])
def _() -> Outcome:
    def claims():
        for world, old, new in PAIRS:
            truth, advantage = true_gradient(world, new), world.advantage(policy_of(new))
            weighed = discount(world, advantage)
            shipped = shipped_gradient_is(
                truth, world, old, new,
                lambda path, t, old=old, new=new, weighed=weighed: prefix(new, old, path, t) * weighed(path, t),
            )
            found = product_of_ratios(world, old, new, advantage)
            yield found == truth and shipped, {"old": flat(old), "new": flat(new)}

    return everywhere("pairs", claims())


def _old_advantage(old: Row, new: Row) -> bool:
    before, after = two_actions(*old), two_actions(*new)
    found = product_of_ratios(MIXED, before, after, MIXED.advantage(policy_of(before)))
    return found == true_gradient(MIXED, after)


@refutation("PG-08", "exact", "with the advantage function of the old policy", claim=_old_advantage, kept=positive)
def _() -> Outcome:
    return at(_old_advantage, old=flat(OLD), new=flat(NEW))


def distance(old: Table, new: Table) -> Q:
    """The largest sum over actions of |pi' - pi|, over the states."""
    tables = zip(policy_of(old), policy_of(new), strict=True)
    return max(sum(abs(a - b) for a, b in zip(*rows, strict=True)) for rows in tables)


def is_within(world: World, old: Table, new: Table, factor: Q) -> bool:
    """Whether |J' - J - surrogate| <= factor D M n (n - 1)."""
    expected, n = expected_advantage(world, old, new), world.horizon
    largest = max(abs(expected(t, s)) for t in range(n) for s in range(len(world.start)))
    difference = world.objective(policy_of(new)) - world.objective(policy_of(old))
    return abs(difference - surrogate(world, old, new)) <= factor * distance(old, new) * largest * n * (n - 1)


@proof("PG-09", "exact", "4 pairs of policies in two worlds and 64 pairs in FORK; the shipped surrogate's value",
       code=[SURROGATE])
def _() -> Outcome:
    def claims():
        for world, old, new in PAIRS:
            factor = discount(world, world.advantage(policy_of(old)))
            shipped = shipped_value_is(surrogate(world, old, new), world, old, new, factor)
            yield is_within(world, old, new, Q(1, 2)) and shipped, {"old": flat(old), "new": flat(new)}

    return everywhere("pairs", claims())


def _half_as_much(old: Row, new: Row) -> bool:
    return is_within(FORK, two_actions(*old), two_actions(*new), Q(1, 4))


@refutation("PG-09", "exact", "a bound half as large", claim=_half_as_much, kept=positive)
def _() -> Outcome:
    return at(_half_as_much, old=flat(EVEN), new=flat(MOVED))


STEPS = row("1/4", "1/8", "1/100", "-1/5")


@proof("PG-13", "exact", "FORK, all three chances moved by h in {1/4, 1/8, 1/100, -1/5}: gradient gap (-4h, -2h, -2h), "
       "value gap 4 h^2", code=[SURROGATE])
def _() -> Outcome:
    def claims():
        for h in STEPS:
            theta = coins(*(Q(1, 2) + h for _ in range(3)))
            pairs = zip(surrogate_gradient(FORK, EVEN, theta), true_gradient(FORK, theta), strict=True)
            gap = by_coin(tuple(found - truth for found, truth in pairs))
            gained = FORK.objective(policy_of(theta)) - FORK.objective(policy_of(EVEN))
            value_gap = gained - surrogate(FORK, EVEN, theta)
            factor = discount(FORK, FORK.advantage(policy_of(EVEN)))
            shipped = shipped_gradient_is(surrogate_gradient(FORK, EVEN, theta), FORK, EVEN, theta, factor)
            shipped = shipped and shipped_value_is(surrogate(FORK, EVEN, theta), FORK, EVEN, theta, factor)
            yield gap == (-4 * h, -2 * h, -2 * h) and value_gap == 4 * h * h and shipped, {"h": h}

    return everywhere("steps", claims())


def _second_order(h: Q) -> bool:
    """Whether the largest gradient gap is at most 40 h^2, ten times the value gap."""
    theta = coins(*(Q(1, 2) + h for _ in range(3)))
    pairs = zip(surrogate_gradient(FORK, EVEN, theta), true_gradient(FORK, theta), strict=True)
    return max(abs(gap) for gap in by_coin(tuple(found - truth for found, truth in pairs))) <= 40 * h * h


@refutation("PG-13", "exact", "the gradients agree to first order too", claim=_second_order,
            kept=lambda h: abs(h) < Q(1, 2))
def _() -> Outcome:
    return at(_second_order, h=Q(1, 100))


def lambda_one(world: World, path: Path, values: Callable[[int, int], Q]) -> list[Q]:
    """The shipped GAE loop over fractions, lambda = 1, on one finished episode."""
    at_steps = [values(t, s) for t, (s, _) in enumerate(path)]
    ended = np.array([[t == len(path) - 1] for t in range(len(path))])
    out = array([None] * len(path)).reshape(-1, 1)
    plain(advantages._gae_loop)(
        array([world.rewards[s][a] for s, a in path]).reshape(-1, 1),
        array(at_steps).reshape(-1, 1),
        array([*at_steps[1:], None]).reshape(-1, 1),
        ended,
        np.zeros_like(ended),
        world.gamma,
        Q(1),
        out,
    )
    return list(out[:, 0])


def whole_trajectory(world: World, old: Table, new: Table, values: Callable[[int, int], Q]) -> Row:
    """E under old of (all ratios) sum_t gamma^t score_new A, A by the shipped GAE at lambda = 1."""

    def factor(path: Path, t: int) -> Q:
        return world.gamma**t * prefix(new, old, path, world.horizon) * lambda_one(world, path, values)[t]

    return summed_scores(world, policy_of(old), new, factor)


VALUES = (lambda t, s: Q(0), lambda t, s: Q(5 * s - 3, t + 2))


@proof("PG-14", "exact", "whole product, lambda = 1, two value functions that have nothing to do with the policy; GAE "
       "by the shipped loop over fractions", code=[SURROGATE, "ppocore.advantages:gae_kernel"])
def _() -> Outcome:
    def claims():
        for values, (world, old, new) in product(VALUES, PAIRS[:8]):
            found = whole_trajectory(world, old, new, values)
            yield found == true_gradient(world, new), {"old": flat(old), "new": flat(new)}

    return everywhere("pairs and value functions", claims())


@proof("PG-14", "exact", "bandit: 36 pairs of policies, by dual numbers and by the shipped surrogate", code=[SURROGATE])
def _() -> Outcome:
    grid = [(row(*numbers),) for numbers in ((1, 2, 3), (1, 1, 1), (9, 1, 1), (1, 9, 1), (2, 1, 5), (1, 20, 20))]

    def claims():
        for old, new in product(grid, repeat=2):
            truth = true_gradient(BANDIT, new)
            factor = discount(BANDIT, BANDIT.advantage(policy_of(old)))
            shipped = shipped_gradient_is(truth, BANDIT, old, new, factor)
            yield surrogate_gradient(BANDIT, old, new) == truth and shipped, {"old": flat(old), "new": flat(new)}

    return everywhere("pairs", claims())


def _any_values_with_prefix(old: Row, new: Row) -> bool:
    """The product up to t instead of the whole, with the same lambda = 1 advantages."""
    before, after = two_actions(*old), two_actions(*new)

    def factor(path: Path, t: int) -> Q:
        return MIXED.gamma**t * prefix(after, before, path, t + 1) * lambda_one(MIXED, path, VALUES[0])[t]

    return summed_scores(MIXED, policy_of(before), after, factor) == true_gradient(MIXED, after)


@refutation("PG-14", "exact", "the product up to t with lambda = 1 advantages of the old data",
            claim=_any_values_with_prefix, kept=positive)
def _() -> Outcome:
    return at(_any_values_with_prefix, old=flat(OLD), new=flat(NEW))


@proof("PG-16", "z3", "kernel without a band: value and slope are r A", code=[CLIP, SURROGATE])
def _() -> Outcome:
    r, A = reals("r A")
    return on_every_path(
        [r, A], [r >= 0], lambda: unclipped(Sym(r), Sym(A)),
        lambda out: z3.And(term(out[0]) == r * A, term(out[1]) == r * A),
    )


@proof("PG-16", "exact", "ratios and advantages of both signs: the slope is the derivative of the value as r moves as "
       "e^x does", code=[CLIP])
def _() -> Outcome:
    def claims():
        for r, A in product(row("1/9", "1/2", 1, 7), row(-4, "-1/3", 0, 2)):
            value, slope = unclipped(Ray(r, r), A)
            yield Ray.of(value).slope == Ray.of(slope).value == r * A, {"r": r, "A": A}

    return everywhere("pairs (r, A)", claims())


def attached(theta: Table) -> Row:
    """Gradient of E_old[r A] in a bandit with the advantage of the trained policy inside the derivative."""
    old = policy_of(ARMS)

    def objective(at: Table):
        policy = policy_of(at)
        advantage = BANDIT.advantage(policy)
        return BANDIT.expected(old, lambda path: step_ratio(policy, old, path[0]) * advantage(0, *path[0]))

    return gradient(objective, theta)


def _constant_or_not(theta: Row) -> bool:
    """Whether the gradient is E_old[r A grad log pi] although A moves with theta."""
    parameters = (theta,)
    policy, old = policy_of(parameters), policy_of(ARMS)
    advantage = BANDIT.advantage(policy)
    held = summed_scores(
        BANDIT, old, parameters, lambda path, t: step_ratio(policy, old, path[t]) * advantage(t, *path[t])
    )
    return attached(parameters) == held


@refutation("PG-16", "exact", "also where A depends on theta (there the gradient is 0)", claim=_constant_or_not,
            kept=positive)
def _() -> Outcome:
    return at(_constant_or_not, theta=ARMS[0])


START = coins(Q(1, 2), Q(3, 4), Q(3, 4))
RATE = Q(1, 8)


def stepped(old: Table, rate: Q) -> Table:
    """FORK's chances after one step along the surrogate's gradient at the old policy."""
    slopes = by_coin(surrogate_gradient(FORK, old, old))
    return coins(*(entries[0] + rate * slope for entries, slope in zip(old, slopes, strict=True)))


@proof("PG-17", "exact", "64 trajectories, one by one: score times A is the surrogate's gradient at the old policy, "
       "and the shipped gradient in log_prob is -A bit for bit", code=[SURROGATE])
def _() -> Outcome:
    old = policy_of(OLD)
    advantage = MIXED.advantage(old)

    def claims():
        for _, path in MIXED.paths:
            numbers = [advantage(t, *step) for t, step in enumerate(path)]
            steps = list(zip(path, numbers, strict=True))
            on_policy = added(tuple(A * x for x in score(OLD, *step)) for step, A in steps)
            reused = gradient(lambda at, steps=steps: sum(A * step_ratio(policy_of(at), old, s) for s, A in steps), OLD)
            log_prob, floats = logs([old[s][a] for s, a in path]), list(map(float, numbers))
            shipped = -losses.surrogate_loss(log_prob, log_prob, floats, reduction="sum").grad_log_prob
            yield on_policy == reused and list(shipped) == floats, {"states": tuple(s for s, _ in path)}

    return everywhere("trajectories", claims())


@proof("PG-17", "exact", "FORK from (1/2, 3/4, 3/4), rate 1/8: the first step is (1, 1, -1) for both; then new data "
       "say (1, 5/4, -3/4), the old batch still (1, 1, -1)", code=[SURROGATE])
def _() -> Outcome:
    moved = stepped(START, RATE)
    first = by_coin(true_gradient(FORK, START)) == by_coin(surrogate_gradient(FORK, START, START)) == (1, 1, -1)
    fresh, reused = by_coin(true_gradient(FORK, moved)), by_coin(surrogate_gradient(FORK, START, moved))
    facts = [first, fresh == row(1, "5/4", "-3/4"), reused == row(1, 1, -1)]
    return everywhere("facts", ((fact, {"old": flat(START)}) for fact in facts))


def _second_step_too(old: Row, rate: Q) -> bool:
    before = two_actions(*old)
    return surrogate_gradient(FORK, before, stepped(before, rate)) == true_gradient(FORK, stepped(before, rate))


@refutation("PG-17", "exact", "the second step too", claim=_second_step_too, kept=lambda old, rate: positive(old=old))
def _() -> Outcome:
    return at(_second_step_too, old=flat(START), rate=RATE)


for _id, _where, _name in (
    ("PG-06", "every finite MDP and horizon", "PolicyGradient.surrogate_has_the_true_gradient_at_the_old_policy"),
    ("PG-07", "a chain of two steps", "PolicyGradient.surrogate_has_another_gradient_elsewhere"),
    ("PG-08", "every finite MDP and horizon", "PolicyGradient.product_of_ratios_and_new_advantage_give_the_gradient"),
    ("PG-09", "every finite MDP and horizon", "TrustRegion.surrogate_gap"),
    ("PG-16", "every real number", "Clip.slope_in_the_log_probability"),
):
    proof(_id, "coq", f"{_where}: {_name.split('.')[1]}")(partial(coq.theorem, _name))
