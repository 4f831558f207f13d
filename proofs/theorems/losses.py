"""The sum of the losses, its gradients, and how losses of parts combine."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import z3

import ppocore
from ppocore import distributions, kl_penalty, losses, value_losses
from ppocore._kernels import plain
from proofs.ledger import proof, refutation
from proofs.ledger.outcome import Outcome, proved, refuted
from proofs.methods.balls import Ball, Dual, U, equal, examined, seeded, within
from proofs.methods.policies import score
from proofs.methods.solver import every, forall, on_every_path
from proofs.methods.symbolic import Sym, array, reals, term

PPO, CLIP = "ppocore.losses:ppo_loss", "ppocore.losses:clip_loss"
PENALTY = "ppocore.kl_penalty:kl_penalty_loss"
KERNELS = ["ppocore.losses:clip_kernel", "ppocore.distributions:log_softmax_kernel",
           "ppocore.value_losses:squared_error_kernel"]
F = Fraction

# LOSS-01: the gradient of the whole loss, logits and values to one number.

ROWS, ACTIONS = 32, 6
COEFFICIENTS = {"clip_eps": 0.2, "vf_coef": 0.5, "ent_coef": 0.01}


def batch():
    """A fixed batch with ratios from 0.37 to 2.72 on both sides of the clip, and advantages of both signs."""
    b, a = np.arange(ROWS), np.arange(ACTIONS)
    logits = 2 * np.cos(np.outer(b + 1, 2 * a + 1))
    actions = (5 * b + b // 6) % ACTIONS
    now = ppocore.categorical_log_prob(logits, actions).log_prob
    return SimpleNamespace(
        logits=logits, actions=actions, old=now + np.sin(3 * b + 1), advantages=np.cos(b * b + 1.0),
        values=3 * np.sin(b + 2.0), returns=2 * np.cos(b * 1.5),
    )


def shipped_gradients(data):
    """Float64, by the chain rule of the public functions: in the logits and in the values."""
    log_prob = ppocore.categorical_log_prob(data.logits, data.actions)
    entropy = ppocore.categorical_entropy(data.logits)
    out = ppocore.ppo_loss(
        log_prob.log_prob, data.old, data.advantages, data.values, data.returns, entropy.entropy, **COEFFICIENTS
    )
    by_logits = out.grad_log_prob[:, None] * log_prob.grad_logits + out.grad_entropy[:, None] * entropy.grad_logits
    return np.hstack([by_logits, out.grad_values[:, None]])


def true_row(data, i):
    """Row i's share of the loss on balls that carry derivatives: the kernel bodies, from logits and value on."""
    c = {name: Ball(x) for name, x in COEFFICIENTS.items()}
    z = seeded(map(Ball, data.logits[i]), "z")
    row = array([None] * ACTIONS)
    plain(distributions.log_softmax_kernel)(array(z), [True] * ACTIONS, row)
    entropy = -sum((x.exp() * x for x in row[1:]), row[0].exp() * row[0])
    ratio = (row[data.actions[i]] - Ball(data.old[i])).exp()
    objective = plain(losses.clip_kernel)(
        ratio, Dual(Ball(data.advantages[i])), c["clip_eps"], c["clip_eps"], np.inf
    )[0]
    (value,) = seeded([Ball(data.values[i])], "v")
    error = plain(value_losses.squared_error_kernel)(value, Ball(data.returns[i]))[0]
    return (error * c["vf_coef"] - objective - entropy * c["ent_coef"]) / ROWS


def scales(data, i):
    """Sizes of what is summed: |r A| and the entropy's share for the logits, |V| + |R| for the value."""
    log_prob = ppocore.categorical_log_prob(data.logits, data.actions).log_prob
    by_logits = abs(data.advantages[i]) * np.exp(log_prob[i] - data.old[i]) * (1 + abs(log_prob[i]) + abs(data.old[i]))
    by_logits += COEFFICIENTS["ent_coef"] * (1 + np.ptp(data.logits[i])) ** 2
    return [by_logits / ROWS] * ACTIONS + [(abs(data.values[i]) + abs(data.returns[i])) / ROWS]


UNITS = 16
"""Roundings between a logit and its derivative: three exponentials and a sum of six in the log-softmax and the ratio,
and the products of the chain rule."""


def entry_within(data, gradients, i, j):
    true = true_row(data, i).partial(("z", j) if j < ACTIONS else ("v", 0))
    return within(float(gradients[i, j]), lambda: true, lambda: UNITS * U * F(float(scales(data, i)[j])))


@proof("LOSS-01", "flint", "224 entries: 32 samples, 6 logits and a value each, through the kernel bodies",
       code=[PPO, *KERNELS])
def _() -> Outcome:
    data = batch()
    gradients = shipped_gradients(data)
    for i in range(ROWS):
        for j in range(ACTIONS + 1):
            if not entry_within(data, gradients, i, j):
                return refuted(row=i, column=j)
    return proved()


def _slightly_larger(row, column):
    data = batch()
    return entry_within(data, shipped_gradients(data) * (1 + 1e-13), row, column)


@refutation("LOSS-01", "flint", "the gradient times 1 + 1e-13", claim=_slightly_larger)
def _() -> Outcome:
    return examined(_slightly_larger, row=0, column=ACTIONS)


# LOSS-02: the loss with a KL penalty.


def penalised(row, old_logs, old_probs, action, advantage, beta):
    """-r A + beta sum old (log old - log pi) on one sample, from its log-probabilities and the clip kernel's body."""
    ratio = (row[action] - old_logs[action]).exp()
    surrogate = plain(losses.clip_kernel)(ratio, advantage, *losses.NO_BAND)[0]
    terms = [(old - new) * prob for old, new, prob in zip(old_logs, row, old_probs, strict=True)]
    return sum(terms[1:], terms[0]) * beta - surrogate, ratio


@proof("LOSS-02", "z3", "3 actions, each of them taken; log-probabilities, old policy, A and beta symbolic; the scores"
       " are those of CAT-02", code=[PENALTY, KERNELS[0]])
def _() -> Outcome:
    logs, old_logs, pi, old = reals("l0 l1 l2"), reals("m0 m1 m2"), reals("p0 p1 p2"), reals("q0 q1 q2")
    advantage, beta = reals("A beta")

    def proves(action):
        def run():
            row = [Dual(Sym(x), {("z", j): Sym(score(pi, a, j)) for j in range(3)}) for a, x in enumerate(logs)]
            constants = [[Dual(Sym(x)) for x in numbers] for numbers in (old_logs, old)]
            return penalised(row, *constants, action, Dual(Sym(advantage)), Dual(Sym(beta)))

        def claim(out):
            loss, ratio = out
            return z3.And([
                term(loss.partial(("z", j)))
                == -term(ratio.value) * advantage * score(pi, action, j) + beta * (pi[j] - old[j])
                for j in range(3)
            ])

        variables = [*logs, *old_logs, *pi, *old, advantage, beta]
        return on_every_path(variables, [z3.Sum(old) == 1], run, claim)

    return every([proves(action) for action in range(3)])


def _other_sign(z, old, action, advantage, beta):
    def parts():
        row = array([None] * len(z))
        plain(distributions.log_softmax_kernel)(array(seeded(map(Ball, z), "z")), [True] * len(z), row)
        constants = [Dual(Ball(q).log()) for q in old], [Dual(Ball(q)) for q in old]
        loss, ratio = penalised(row, *constants, action, Dual(Ball(advantage)), Dual(Ball(beta)))
        return loss, ratio, [x.value.exp() for x in row]

    def claimed():
        _, ratio, pi = parts()
        return -ratio.value * advantage * score(pi, action, 0) - beta * (pi[0] - old[0])

    return equal(lambda: parts()[0].partial(("z", 0)), claimed)


@refutation("LOSS-02", "flint", "- beta (pi - old)", claim=_other_sign, kept=lambda old, **_: sum(old) == 1)
def _() -> Outcome:
    return examined(
        _other_sign, z=(F(1), F(0)), old=(F(1, 2), F(1, 2)), action=0, advantage=F(1), beta=F(1)
    )


# LOSS-03: minibatches.


def slopes(ratios, advantages):
    """The clip kernel's derivative of every sample, eps = 1/5."""
    kernel = plain(losses.clip_kernel)
    return [kernel(r, a, F(1, 5), F(1, 5), np.inf)[1] for r, a in zip(ratios, advantages, strict=True)]


def mean_of(numbers):
    return sum(numbers[1:], numbers[0]) / len(numbers)


@proof("LOSS-03", "z3", "6 samples in 2, 3 and 6 minibatches, any gradients", code=[CLIP])
def _() -> Outcome:
    g = reals("g0 g1 g2 g3 g4 g5")

    def averaged(count):
        size = len(g) // count
        return mean_of([mean_of(g[k : k + size]) for k in range(0, len(g), size)])

    return every([forall(g, [], averaged(count) == mean_of(g)) for count in (2, 3, 6)])


@proof("LOSS-03", "float64", "shipped clip_loss on a dyadic batch of 8, minibatches of 1, 2 and 4: the same bits",
       code=[CLIP])
def _() -> Outcome:
    advantages = np.array([1.0, -2.0, 0.5, 4.0, -0.25, 3.0, -1.0, 2.0])
    whole = clip_gradient(advantages)
    for size in (1, 2, 4):
        parts = [clip_gradient(advantages[k : k + size]) for k in range(0, 8, size)]
        if not np.array_equal(np.concatenate(parts) * size / 8, whole):
            return refuted(size=size)
    return proved()


def clip_gradient(advantages):
    zeros = np.zeros(len(advantages))
    return ppocore.clip_loss(zeros, zeros, advantages, clip_eps=0.25).grad_log_prob


def _unequal_sizes(advantages, cut):
    found = slopes([F(1)] * len(advantages), advantages)
    return mean_of(found) == (mean_of(found[:cut]) + mean_of(found[cut:])) / 2


@refutation("LOSS-03", "exact", "minibatches of 1 and 3 samples", claim=_unequal_sizes,
            kept=lambda advantages, cut: 0 < cut < len(advantages))
def _() -> Outcome:
    return examined(_unequal_sizes, advantages=(F(1), F(0), F(0), F(0)), cut=1)


# LOSS-04: the three parts of ppo_loss.

DYADIC = {
    "log_prob": np.array([0.0, 1.0, -2.0, 0.0]), "old_log_prob": np.array([0.0, 1.0, -2.0, 0.0]),
    "advantages": np.array([1.0, -2.0, 0.5, 4.0]), "values": np.array([1.0, 0.5, -2.0, 3.0]),
    "returns": np.array([0.5, 1.0, -1.0, 3.0]), "entropy": np.array([0.5, 1.0, 0.25, 2.0]),
}
"""Ratios of exactly 1, and numbers on which no operation rounds."""


def split(vf_coef, ent_coef):
    """(loss, gradients) of the sum, and of the parts put together in fractions."""
    d = SimpleNamespace(**DYADIC)
    whole = ppocore.ppo_loss(**DYADIC, clip_eps=0.25, vf_coef=vf_coef, ent_coef=ent_coef)
    policy = ppocore.clip_loss(d.log_prob, d.old_log_prob, d.advantages, clip_eps=0.25)
    value = ppocore.value_loss(d.values, d.returns)
    bonus = sum(map(F, d.entropy)) / len(d.entropy)
    loss = F(policy.loss) + F(vf_coef) * F(value.loss) - F(ent_coef) * bonus
    gradients = [*policy.grad_log_prob, *(vf_coef * value.grad_values), *[-ent_coef / len(d.entropy)] * len(d.entropy)]
    return whole, loss, gradients


@proof("LOSS-04", "float64", "16 pairs of coefficients on a dyadic batch: value and every gradient, the same bits",
       code=[PPO, CLIP, "ppocore.value_losses:value_loss"])
def _() -> Outcome:
    pairs = [(v, e) for v in (0.0, 0.5, 1.0, 2.0) for e in (-0.5, 0.0, 0.25, 1.0)]
    for vf_coef, ent_coef in pairs:
        whole, loss, gradients = split(vf_coef, ent_coef)
        found = [*whole.grad_log_prob, *whole.grad_values, *whole.grad_entropy]
        if F(whole.loss) != loss or found != gradients:
            return refuted(vf_coef=F(vf_coef), ent_coef=F(ent_coef))
    return proved(f"{len(pairs)} pairs")


def _entropy_is_a_cost(vf_coef, ent_coef):
    whole, loss, _ = split(float(vf_coef), float(ent_coef))
    bonus = sum(map(F, DYADIC["entropy"])) / 4
    return F(whole.loss) == loss + 2 * ent_coef * bonus


@refutation("LOSS-04", "exact", "plus the entropy", claim=_entropy_is_a_cost)
def _() -> Outcome:
    return examined(_entropy_is_a_cost, vf_coef=F(1, 2), ent_coef=F(1, 4))


# LOSS-05: beta under the two means.


@proof("LOSS-05", "z3", "any sum S of r A, any KL, any N <= sum of T_n, any beta", code=[PENALTY])
def _() -> Outcome:
    total, kl, beta, count, steps = reals("S KL beta N T")
    trajectory, per_step = -total / count + beta * kl, -total / steps + beta * count / steps * kl
    return forall([total, kl, beta, count, steps], [count >= 1, steps >= count], per_step == count / steps * trajectory)


MASK = np.array([[True, False, False], [True, True, True]])
"""Two trajectories of 1 and 3 steps: N / sum T_n = 1/2."""


def penalty_loss(reduction, kl_coef):
    logits = np.cos(np.arange(18.0)).reshape(2, 3, 3)
    return kl_penalty.kl_penalty_loss(
        logits, logits[::-1] / 2, [[0, 1, 2], [2, 1, 0]], [[1.0, 2.0, 3.0], [-1.0, 0.5, 2.0]], kl_coef=float(kl_coef),
        mask=MASK, reduction=reduction,
    )


@proof("LOSS-05", "float64", "shipped loss on lengths 1 and 3: with beta / 2 under the mean it is half that under the"
       " trajectory mean, gradients too, to the last bit", code=[PENALTY])
def _() -> Outcome:
    by_trajectory, by_step = penalty_loss("trajectory", F(3, 2)), penalty_loss("mean", F(3, 4))
    same = by_step.loss == by_trajectory.loss / 2 and np.array_equal(by_step.grad_logits, by_trajectory.grad_logits / 2)
    return proved() if same else refuted(kl_coef=F(3, 2))


def _same_beta(kl_coef):
    by_trajectory, by_step = (penalty_loss(reduction, kl_coef).grad_logits for reduction in ("trajectory", "mean"))
    return np.allclose(by_step, by_trajectory / 2, rtol=1e-6, atol=0)


@refutation("LOSS-05", "float64", "the same beta under both means", claim=_same_beta, kept=lambda kl_coef: kl_coef > 0)
def _() -> Outcome:
    return examined(_same_beta, kl_coef=F(3, 2))
