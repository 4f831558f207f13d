"""The policy gradient: exactly on small worlds, by enumeration of all trajectories and dual numbers over Q."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import product

import sympy
import z3

from ppocore import diagnostics, distributions, kl_penalty
from ppocore._kernels import plain
from proofs.definitions.duals import Ray
from proofs.ledger import mutant, proof, refutation
from proofs.ledger.outcome import Outcome, proved, unknown
from proofs.methods import coq, finite
from proofs.methods.ascent import (
    discount,
    discounted,
    expected_advantage,
    plainly,
    shipped_gradient_is,
    shipped_value_is,
    summed_scores,
    true_gradient,
    unclipped,
    undiscounted,
)
from proofs.methods.exact import Q, Row, Table, at, everywhere, gradient, is_near, jacobian, mean, row
from proofs.methods.finite import logs, weight_units
from proofs.methods.solver import forall, on_every_path
from proofs.methods.symbolic import Exp, Sym, reals, term
from proofs.methods.worlds import (
    ARMS,
    HALVED,
    MIXED,
    MOVED,
    NEW,
    OLD,
    PAIRS,
    SETTINGS,
    World,
    by_coin,
    coins,
    flat,
    policy_of,
    positive,
    score,
    two_actions,
)

SURROGATE = "ppocore.losses:surrogate_loss"
CLIP = "ppocore.losses:clip_kernel"
def log_derivatives():
    """Of every action's probability at OLD and NEW, in every parameter: p, p' and the ratio's p'/p_old as a ray."""
    for theta, s, a in product((OLD, NEW), (0, 1), (0, 1)):
        probability, old = policy_of(theta)[s][a], policy_of(OLD)[s][a]
        for j, slope in enumerate(gradient(lambda at, s=s, a=a: policy_of(at)[s][a], theta)):
            yield probability, slope, Ray(probability / old, slope / old), score(theta, s, a)[j]


@proof("PG-01", "exact", "rational policies, 16 derivatives in each of two policies, advantages of both signs: the "
       "kernel's value has the derivative slope times p'/p, and p'/p is the score", code=[CLIP])
def _() -> Outcome:
    def claims():
        for advantage, (p, slope, ratio, of_log) in product(row(2, "-3/2"), log_derivatives()):
            value, by_log_prob = unclipped(ratio, advantage)
            holds = value.slope == by_log_prob.value * slope / p and slope / p == of_log
            yield holds, {"p": p, "slope": slope, "advantage": advantage}

    return everywhere("derivatives", claims())


def _multiplied(p: Q, slope: Q) -> bool:
    """Whether r A changes by the kernel's slope times p' p, for p_old = p and A = 1."""
    value, by_log_prob = unclipped(Ray(Q(1), slope / p), Q(1))
    return value.slope == by_log_prob.value * slope * p


@refutation("PG-01", "exact", "p' p in place of p'/p", claim=_multiplied, kept=lambda p, **_: p > 0)
def _() -> Outcome:
    return at(_multiplied, p=Q(1, 2), slope=Q(1))


@proof("PG-02", "exact", "rational policies: sum pi score = 0; shipped categorical scores, 1 to 4 actions",
       code=["ppocore.distributions:categorical_log_prob"])
def _() -> Outcome:
    def claims():
        for theta in (OLD, NEW, ARMS):
            policy = policy_of(theta)
            for s, chances in enumerate(policy):
                expected = [mean(slopes, chances) for slopes in
                            zip(*(score(theta, s, a) for a in range(len(chances))), strict=True)]
                yield not any(expected), {"theta": flat(theta)}
        for parameters in (row(3), row(1, 2), row(1, 2, 3), row("1/9", 4, 1, 2)):
            logits = [logs(parameters)] * len(parameters)
            scores = distributions.categorical_log_prob(logits, range(len(parameters))).grad_logits
            units = weight_units(parameters, len(parameters))
            for column in scores.T:
                got = mean(map(Q, map(float, column)), policy_of((parameters,))[0])
                yield is_near(got, Q(0), units=units, scale=Q(1)), {"parameters": parameters}

    return everywhere("expectations", claims())


@proof("PG-02", "z3", "Gaussian kernel: the scores are z / s and z^2 - 1",
       code=["ppocore.distributions:gaussian_log_prob_kernel"])
def _() -> Outcome:
    m, log_s, a = reals("mean log_std action")
    z = (a - m) * Exp(-log_s)
    return on_every_path(
        [m, log_s, a],
        [],
        lambda: plain(distributions.gaussian_log_prob_kernel)(Sym(m), Sym(log_s), Sym(a)),
        lambda out: z3.And(term(out[1]) == z * Exp(-log_s), term(out[2]) == z * z - 1),
    )


@proof("PG-02", "sympy", "the integrals of z and of z^2 - 1 against the normal density are 0",
       code=["ppocore.distributions:gaussian_log_prob_kernel"])
def _() -> Outcome:
    z = sympy.Symbol("z", real=True)
    density = sympy.exp(-z * z / 2) / sympy.sqrt(2 * sympy.pi)
    found = [sympy.integrate(f * density, (z, -sympy.oo, sympy.oo)) for f in (z, z * z - 1)]
    return proved() if found == [0, 0] else unknown(str(found))


def _square_is_zero(theta: Row) -> bool:
    chances = policy_of((theta,))[0]
    return mean([score((theta,), 0, a)[0] ** 2 for a in range(len(theta))], chances) == 0


@refutation("PG-02", "exact", "the mean of the squared score is 0", claim=_square_is_zero, kept=positive)
def _() -> Outcome:
    return at(_square_is_zero, theta=row(1, 2))


def with_baseline(world: World, theta: Table, baseline: Callable) -> Row:
    """Expected sum of gamma^t score (Q - baseline)."""
    policy = policy_of(theta)
    value = world.action_value(policy)
    factor = discount(world, lambda t, s, a: value(t, s, a) - baseline(t, s, a))
    return summed_scores(world, policy, theta, factor)


BASELINES = (
    lambda t, s, a: Q(0),
    lambda t, s, a: Q(7, 3) * (s + 1) + Q(t, 2),
    lambda t, s, a: Q((-3) ** s, t + 1),
)


@proof("PG-03", "exact", "6 settings of 4 worlds, three baselines of time and state; up to 64 trajectories",
       code=[SURROGATE])
def _() -> Outcome:
    def claims():
        for (world, theta), baseline in product(SETTINGS, BASELINES):
            yield with_baseline(world, theta, baseline) == true_gradient(world, theta), {"theta": flat(theta)}

    return everywhere("settings and baselines", claims())


@proof("PG-03", "exact", "the shipped surrogate with Q - b in place of the advantage", code=[SURROGATE])
def _() -> Outcome:
    value = MIXED.action_value(policy_of(OLD))

    def claims():
        for baseline in BASELINES:
            factor = discount(MIXED, lambda t, s, a, b=baseline: value(t, s, a) - b(t, s, a))
            yield shipped_gradient_is(true_gradient(MIXED, OLD), MIXED, OLD, OLD, factor), {"theta": flat(OLD)}

    return everywhere("baselines", claims())


def _of_actions(theta: Row) -> bool:
    parameters = two_actions(*theta)
    return with_baseline(MIXED, parameters, lambda t, s, a: Q(a)) == true_gradient(MIXED, parameters)


@refutation("PG-03", "exact", "a baseline that depends on the action", claim=_of_actions, kept=positive)
def _() -> Outcome:
    return at(_of_actions, theta=flat(OLD))


@proof("PG-04", "exact", "6 settings of 4 worlds, up to 64 trajectories: dual numbers over the sum of all trajectories "
       "against gamma^t score A, and J by backward induction", code=[SURROGATE])
def _() -> Outcome:
    def claims():
        for world, theta in SETTINGS:
            policy = policy_of(theta)
            direction = summed_scores(world, policy, theta, discount(world, world.advantage(policy)))
            same_value = world.objective(policy) == mean(world.values(policy)[0], world.start)
            yield direction == true_gradient(world, theta) and same_value, {"theta": flat(theta)}

    return everywhere("settings", claims())


def _first_step_only(theta: Row) -> bool:
    parameters = two_actions(*theta)
    policy = policy_of(parameters)
    advantage = MIXED.advantage(policy)
    direction = summed_scores(MIXED, policy, parameters, lambda path, t: advantage(t, *path[t]) if t == 0 else Q(0))
    return direction == true_gradient(MIXED, parameters)


@refutation("PG-04", "exact", "without the score terms of later steps", claim=_first_step_only, kept=positive)
def _() -> Outcome:
    return at(_first_step_only, theta=flat(OLD))


def gain(world: World, old: Table, new: Table, drawn_by: Table) -> Q:
    """E under `drawn_by` of sum_t gamma^t E_{a ~ new}[A^old(t, s_t, a)]."""
    expected = expected_advantage(world, old, new)
    return world.expected(
        policy_of(drawn_by), lambda path: sum(world.gamma**t * expected(t, s) for t, (s, _) in enumerate(path))
    )


@proof("PG-05", "exact", "4 pairs of policies in two worlds and 64 pairs in FORK; the shipped surrogate on new data "
       "with old advantages", code=[SURROGATE])
def _() -> Outcome:
    def claims():
        for world, old, new in PAIRS:
            difference = world.objective(policy_of(new)) - world.objective(policy_of(old))
            shipped = shipped_value_is(difference, world, new, new, discount(world, world.advantage(policy_of(old))))
            yield gain(world, old, new, new) == difference and shipped, {"old": flat(old), "new": flat(new)}

    return everywhere("pairs", claims())


def _old_states(old: Row, new: Row) -> bool:
    before, after = two_actions(*old), two_actions(*new)
    difference = MIXED.objective(policy_of(after)) - MIXED.objective(policy_of(before))
    return gain(MIXED, before, after, before) == difference


@refutation("PG-05", "exact", "with the states of the old policy", claim=_old_states, kept=positive)
def _() -> Outcome:
    return at(_old_states, old=flat(OLD), new=flat(NEW))


@proof("PG-10", "z3", "3 actions, all policies", code=["ppocore.diagnostics:clip_fraction"])
def _() -> Outcome:
    p, q, eps = reals("p0 p1 p2"), reals("q0 q1 q2"), reals("eps")[0]
    given = [*(x > 0 for x in q), sum(q) == 1, sum(p) == 1]
    given += [z3.And((1 - eps) * b <= a, a <= (1 + eps) * b) for a, b in zip(p, q, strict=True)]
    return forall([*p, *q, eps], given, sum(z3.Abs(a - b) for a, b in zip(p, q, strict=True)) <= eps)


@proof("PG-10", "exact", "3 actions, probabilities in twelfths, eps = 0.3: wherever the shipped clip fraction over all "
       "actions is 0", code=["ppocore.diagnostics:clip_fraction"])
def _() -> Outcome:
    def claims():
        for p, q in product(finite.distributions(3, 12), repeat=2):
            if min(*p, *q) > 0 and not diagnostics.clip_fraction(logs(p), logs(q), [1.0, -1.0, 1.0], clip_eps=0.3):
                yield sum(abs(a - b) for a, b in zip(p, q, strict=True)) <= Q(0.3), {"p": p, "q": q}

    return everywhere("pairs inside the band", claims())


def _only_sampled(p: Row, q: Row, eps: Q) -> bool:
    return sum(abs(a - b) for a, b in zip(p, q, strict=True)) <= eps


@refutation("PG-10", "exact", "only the ratio of the first, sampled action in the band", claim=_only_sampled,
            kept=lambda p, q, eps: sum(p) == sum(q) == 1 and abs(p[0] / q[0] - 1) <= eps)
def _() -> Outcome:
    return at(_only_sampled, p=row("1/2", "1/2", 0), q=row("1/2", "1/4", "1/4"), eps=Q(1, 5))


def is_symmetric(field: Callable[[Table], Row], theta: Table) -> bool:
    slopes = jacobian(field, theta)
    return all(slopes[i][j] == slopes[j][i] for i in range(len(slopes)) for j in range(i))


@proof("PG-12", "exact", "with gamma^t: the gradient of J, symmetric Jacobian; without: at gamma = 1 the same, else "
       "not symmetric, in MIXED and in FORK with gamma = 1/2 (where it is 2 gamma against 2)", code=[SURROGATE])
def _() -> Outcome:
    def claims():
        for world, theta in ((MIXED, OLD), (HALVED, MOVED)):
            with_weights = discounted(world, theta) == true_gradient(world, theta)
            symmetric = is_symmetric(lambda at, w=world: discounted(w, at), theta)
            undirected = not is_symmetric(lambda at, w=world: undiscounted(w, at), theta)
            patient = replace(world, gamma=Q(1))
            same_at_one = undiscounted(patient, theta) == true_gradient(patient, theta)
            yield with_weights and symmetric and undirected and same_at_one, {"theta": flat(theta)}
        slopes = jacobian(lambda at: by_coin(undiscounted(HALVED, coins(*at[0]))), (row("3/4", "3/4", "3/4"),))
        yield (slopes[0][1], slopes[1][0]) == (1, 2), {"theta": flat(MOVED)}

    return everywhere("facts", claims())


@proof("PG-12", "exact", "the shipped surrogate with plain advantages is that field", code=[SURROGATE])
def _() -> Outcome:
    shipped = shipped_gradient_is(undiscounted(MIXED, OLD), MIXED, OLD, OLD, plainly(MIXED.advantage(policy_of(OLD))))
    return everywhere("field", [(shipped, {"theta": flat(OLD)})])


def _has_a_potential(theta: Row) -> bool:
    return is_symmetric(lambda at: undiscounted(HALVED, at), two_actions(*theta))


def _discounted_has(theta: Row) -> bool:
    return is_symmetric(lambda at: discounted(HALVED, at), two_actions(*theta))


@refutation("PG-12", "exact", "the update without gamma^t is a gradient for gamma < 1", claim=_has_a_potential,
            kept=_discounted_has)
def _() -> Outcome:
    return at(_has_a_potential, theta=flat(MOVED))


def push(new: Q, old: Q, advantage: Q) -> Q:
    """What the surrogate adds to the log-odds direction: the kernel's slope times d log pi / d logit = 1 - pi."""
    return unclipped(new / old, advantage)[1] * (1 - new)


def shipped_push(new: Q, old: Q, advantage: float) -> Row:
    logits, old_logits = ([logs([chance, 1 - chance])] for chance in (new, old))
    out = kl_penalty.kl_penalty_loss(logits, old_logits, [0], [advantage], kl_coef=0.0)
    return tuple(-Q(float(g)) for g in out.grad_logits[0])


@proof("PG-15", "exact", "S10's numbers: weight 2, pushes 4/5 A and 6/5 A, ratio 3/2; kernel over Q, shipped loss",
       code=[CLIP, "ppocore.kl_penalty:kl_penalty_loss"])
def _() -> Outcome:
    pupil, you = Q(1, 5), Q(2, 5)

    def claims():
        for advantage in row(1, -3, "1/2"):
            numbers = push(pupil, pupil, advantage), push(you, pupil, advantage)
            exact = numbers == (Q(4, 5) * advantage, Q(6, 5) * advantage) and unclipped(you / pupil, Q(1))[0] == 2
            yield exact, {"advantage": advantage}
            for new, number in zip((pupil, you), numbers, strict=True):
                got = shipped_push(new, pupil, float(advantage))
                units = weight_units([new, 1 - new, pupil, 1 - pupil], 1)
                near = all(is_near(g, sign * number, units=units, scale=2 * abs(advantage))
                           for g, sign in zip(got, (1, -1), strict=True))
                yield near, {"advantage": advantage}

    return everywhere("facts", claims())


def _twice(new: Q, old: Q) -> bool:
    return push(new, old, Q(1)) == new / old * push(old, old, Q(1))


@refutation("PG-15", "exact", "the logits change by the weight's factor, twice as much", claim=_twice)
def _() -> Outcome:
    return at(_twice, new=Q(2, 5), old=Q(1, 5))


for _id, _where, _name in (
    ("PG-01", "every differentiable positive p", "PolicyGradient.log_derivative"),
    ("PG-02", "every differentiable policy", "PolicyGradient.score_averages_to_zero"),
    ("PG-02", "softmax of any number of logits", "Softmax.score_of_the_softmax_averages_to_zero"),
    ("PG-03", "every finite MDP and horizon", "PolicyGradient.a_state_baseline_leaves_the_gradient_unchanged"),
    ("PG-04", "every finite MDP and horizon", "PolicyGradient.policy_gradient"),
    ("PG-04", "what the sum over a rollout is", "Mdp.rollout_is_the_discounted_sum_over_time"),
    ("PG-05", "every finite MDP and horizon", "PolicyGradient.performance_difference"),
    ("PG-10", "any number of actions", "TrustRegion.ratios_in_the_band_bound_the_distance"),
):
    proof(_id, "coq", f"{_where}: {_name.split('.')[1]}")(partial(coq.theorem, _name))


@mutant("PG-01", "coq", "the score as p' p")
def _() -> Outcome:
    return coq.mutant("PolicyGradient", "(dp / p t)", "(dp * p t)")
