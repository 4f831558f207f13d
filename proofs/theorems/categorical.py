"""Categorical policies, proved on the body of the shipped log-softmax."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from itertools import product

import numpy as np
import sympy as sp
import z3

from ppocore import distributions
from ppocore._kernels import plain
from proofs.ledger import proof, refutation
from proofs.ledger.outcome import Outcome, proved, refuted
from proofs.methods import coq, lemmas
from proofs.methods.balls import Ball, Rounded, U, decided, equal, exact, examined, interval, seeded, within
from proofs.methods.closed_forms import Formula
from proofs.methods.policies import mean, score
from proofs.methods.softmax import Softmax
from proofs.methods.solver import every, forall, on_every_path
from proofs.methods.symbolic import Exp, Log, Sym, array, reals, term

HOME = "ppocore.distributions:"
KERNEL, LOG_PROB, ENTROPY = HOME + "log_softmax_kernel", HOME + "categorical_log_prob", HOME + "categorical_entropy"
BOTH = HOME + "categorical_log_prob_and_entropy"
CHUNKS = [f"ppocore.softmax_rows:{name}" for name in ("_open_gaps", "_legal_gaps", "_totals")]
CHOSEN = [*CHUNKS, "ppocore.softmax_rows:_take", "ppocore.softmax_rows:_chosen_slopes"]
F = Fraction
SIZE = 3


def log_softmax(logits, legal):
    """The shipped body on one row; logits of illegal actions are not there at all."""
    given = [z if ok else None for z, ok in zip(logits, legal, strict=True)]
    out = array([None] * len(given))
    plain(distributions.log_softmax_kernel)(array(given), array(list(legal)), out)
    return list(out)


class Region:
    """Symbolic logits with a mask, in the region where a given legal action is the first largest."""

    def __init__(self, legal: tuple[bool, ...], top: int) -> None:
        self.legal, self.top = legal, top
        self.z = reals(" ".join(f"z{i}" for i in range(len(legal))))
        self.actions = [i for i, ok in enumerate(legal) if ok]
        z, best = self.z, self.z[top]
        self.hypotheses = [best > z[i] if i < top else best >= z[i] for i in self.actions if i != top]
        powers = [Exp(z[i] - best) for i in self.actions if i != top]
        self.total = z3.Sum([z3.RealVal(1), *powers])
        log_total = Log(self.total)
        self.lemmas = [lemmas.exp_zero(), lemmas.exp_log(self.total), lemmas.exp_positive(log_total)]
        for i in self.actions:
            self.lemmas += [lemmas.exp_positive(z[i] - best), lemmas.exp_sum(z[i] - best - log_total, log_total)]

    @staticmethod
    def all() -> Iterator[Region]:
        for legal in product([True, False], repeat=SIZE):
            yield from (Region(legal, top) for top in range(SIZE) if legal[top])

    def prove(self, run, claim):
        return on_every_path(self.z, self.hypotheses, run, claim, self.lemmas)


WHERE = f"{SIZE} actions, every mask and every place of the largest logit"


@proof("CAT-01", "z3", f"{WHERE}: sum 1, positive, masked logits not read, masked entries not written",
       code=[KERNEL, LOG_PROB])
def _() -> Outcome:
    def proves(region):
        def claim(out):
            untouched = all((x is None) != ok for x, ok in zip(out, region.legal, strict=True))
            probabilities = [Exp(term(out[i])) for i in region.actions]
            positive = [p > 0 for p in probabilities]
            return z3.And(z3.BoolVal(untouched), z3.Sum(probabilities) == 1, *positive)

        return region.prove(lambda: log_softmax(map(Sym, region.z), region.legal), claim)

    return every([proves(region) for region in Region.all()])


@proof("CAT-01", "z3", f"{WHERE}: a common offset changes nothing", code=[KERNEL])
def _() -> Outcome:
    (offset,) = reals("offset")

    def proves(region):
        def run():
            shifted = [Sym(z + offset) for z in region.z]
            return log_softmax(map(Sym, region.z), region.legal), log_softmax(shifted, region.legal)

        return region.prove(run, lambda out: z3.And([term(out[0][i]) == term(out[1][i]) for i in region.actions]))

    return every([proves(region) for region in Region.all()])


def _scale_invariant(z, factor):
    rows = [list(z), [factor * x for x in z]]
    return equal(*(lambda row=row: log_softmax(map(Ball, row), (True, True))[0] for row in rows))


@refutation("CAT-01", "flint", "a common factor changes nothing", claim=_scale_invariant,
            kept=lambda z, factor: factor > 0)
def _() -> Outcome:
    return examined(_scale_invariant, z=(F(0), F(1)), factor=F(2))


@proof("CAT-02", "z3", f"{WHERE}: derivatives of the kernel's body", code=[KERNEL, LOG_PROB])
def _() -> Outcome:
    def proves(region):
        def claim(out):
            return z3.And([
                term(out[i].partial(("z", j))) == (1 if i == j else 0) - Exp(term(out[j].value))
                for i in region.actions for j in region.actions
            ])

        return region.prove(lambda: log_softmax(seeded(map(Sym, region.z), "z"), region.legal), claim)

    return every([proves(region) for region in Region.all()])


@proof("CAT-02", "z3", f"{WHERE}: in chunks, ties counted apart: the kernel's log-probability, and 1[i = j] - pi_j",
       code=[*CHOSEN, LOG_PROB, BOTH])
def _() -> Outcome:
    def proves(region, action):
        def run():
            z = list(map(Sym, region.z))
            return log_softmax(z, region.legal), Softmax(z, region.legal).chosen(action)

        def claim(out):
            known, (right, log_prob, slopes) = out
            same = term(log_prob) == term(known[action])
            by_logit = [
                term(slopes[j]) == (1 if action == j else 0) - (Exp(term(known[j])) if region.legal[j] else 0)
                for j in range(SIZE)
            ]
            return z3.And(z3.BoolVal(right), same, *by_logit)

        return region.prove(run, claim)

    return every([proves(region, action) for region in Region.all() for action in region.actions])


def _with_plus(z, i, j):
    def derivative():
        return log_softmax(seeded(map(Ball, z), "z"), [True] * len(z))[i].partial(("z", j))

    return equal(derivative, lambda: (1 if i == j else 0) + log_softmax(map(Ball, z), [True] * len(z))[j].exp())


@refutation("CAT-02", "flint", "1[i = j] + pi_j", claim=_with_plus)
def _() -> Outcome:
    return examined(_with_plus, z=(F(0), F(1)), i=0, j=1)


@proof("CAT-03", "z3", "4 actions: product rule with the derivatives of CAT-02", code=[ENTROPY])
def _() -> Outcome:
    p, log_p = reals("p0 p1 p2 p3"), reals("l0 l1 l2 l3")
    entropy = -mean(p, log_p)
    # d(p log p) = p (log p + 1) d(log p).
    slopes = [-mean(p, [score(p, a, j) * (log_p[a] + 1) for a in range(4)]) for j in range(4)]
    claims = [slopes[j] == -p[j] * (log_p[j] + entropy) for j in range(4)]
    return every([forall([*p, *log_p], [z3.Sum(p) == 1], claim) for claim in claims])


@proof("CAT-03", "z3", f"{WHERE}: in chunks: pi and -log pi of the kernel, H = -sum pi log pi, -pi (log pi + H)",
       code=[*CHUNKS, "ppocore.softmax_rows:_entropies", ENTROPY, BOTH])
def _() -> Outcome:
    def proves(region):
        def run():
            z = list(map(Sym, region.z))
            return log_softmax(z, region.legal), Softmax(z, region.legal).entropy()

        def claim(out):
            known, (right, entropy, slopes, probs, surprise) = out
            p, s = list(map(term, probs)), list(map(term, surprise))
            kernel = [z3.And(p[j] == Exp(term(known[j])), s[j] == -term(known[j])) for j in region.actions]
            unused = [z3.And(p[j] == 0, s[j] == 0) for j in range(SIZE) if not region.legal[j]]
            by_logit = [term(slopes[j]) == p[j] * (s[j] - term(entropy)) for j in range(SIZE)]
            return z3.And(z3.BoolVal(right), *kernel, *unused, term(entropy) == mean(p, s), *by_logit)

        return region.prove(run, claim)

    return every([proves(region) for region in Region.all()])


def entropy_of(z):
    """-sum e^l l over the shipped log-probabilities of any kind of number."""
    row = log_softmax(z, [True] * len(z))
    return -sum((x.exp() * x for x in row[1:]), row[0].exp() * row[0])


def _without_entropy(z, j):
    def derivative():
        return entropy_of(seeded(map(Ball, z), "z")).partial(("z", j))

    def claimed():
        log_p = log_softmax(map(Ball, z), [True] * len(z))[j]
        return -(log_p.exp() * log_p)

    return equal(derivative, claimed)


@refutation("CAT-03", "flint", "-pi_j log pi_j, without H", claim=_without_entropy)
def _() -> Outcome:
    return examined(_without_entropy, z=(F(0), F(1)), j=0)


@proof("CAT-04", "z3", f"{WHERE}: the kernel's largest log-probability, which is max - lse", code=[KERNEL])
def _() -> Outcome:
    def proves(region):
        count = z3.RealVal(len(region.actions))
        best = region.z[region.top]
        region.lemmas += [lemmas.exp_increasing(region.z[i] - best, 0) for i in region.actions if i != region.top]
        region.lemmas += [lemmas.log_one(), lemmas.log_increasing(1, region.total),
                          lemmas.log_increasing(region.total, count)]

        def claim(out):
            gap = -term(out[region.top])
            return z3.And(gap >= 0, gap <= Log(count))

        return region.prove(lambda: log_softmax(map(Sym, region.z), region.legal), claim)

    return every([proves(region) for region in Region.all()])


def _tighter(z, less):
    top = log_softmax(map(Ball, z), [True] * len(z))[0]
    return bool(decided(lambda: -top <= Ball(len(z)).log() - less))


@refutation("CAT-04", "flint", "lse <= max + log n - 1/1000", claim=_tighter)
def _() -> Outcome:
    return examined(_tighter, z=(F(0), F(0)), less=F(1, 1000))


@proof("CAT-05", "z3", "4 actions, from e^x >= 1 + x and the growth of exp", code=[ENTROPY])
def _() -> Outcome:
    log_p = reals("l0 l1 l2 l3")
    (log_n,) = reals("log_n")
    p = [Exp(x) for x in log_p]
    facts = [lemmas.exp_zero()]
    for x in log_p:
        facts += [lemmas.exp_positive(x), lemmas.exp_increasing(0, x), lemmas.exp_sum(x, -x - log_n),
                  lemmas.exp_tangent(-x - log_n)]
    entropy = -mean(p, log_p)
    given = [z3.Sum(p) == 1, 4 * Exp(-log_n) == 1, *facts]
    return forall([*log_p, log_n], given, z3.And(entropy >= 0, entropy <= log_n))


def _below_log_n(z):
    at = {}
    return bool(sp.simplify(entropy_of([Formula(x, at) for x in z]).expression - sp.log(len(z))) < 0)


@refutation("CAT-05", "sympy", "H < log n always", claim=_below_log_n)
def _() -> Outcome:
    return examined(_below_log_n, z=(F(3), F(3)))


# CAT-06: accuracy.


class NotAbove(Rounded):
    """A logit that the hypotheses put at or below the first one, which the kernel therefore keeps."""

    def __gt__(self, other):
        return False


def allowed(gap, count):
    """The bound, in units of u: twice the distance to the largest logit, and 3 for each legal action."""
    return 2 * gap + 3 * count


def worst_share(cells):
    """Error bound of each entry over the cells of the gaps, as a share of what is allowed at their near ends."""
    gaps = [NotAbove(interval(-high, -low)) for low, high in cells]
    row = log_softmax([Rounded(0), *gaps], [True] * (len(cells) + 1))
    near = [F(0), *(low for low, _ in cells)]
    return max(float(x.error / exact(U)) / float(allowed(gap, len(row))) for x, gap in zip(row, near, strict=True))


def cells(width, last):
    """Intervals of this width from 0 to `last`."""
    return [(k * width, (k + 1) * width) for k in range(int(last / width))]


@proof("CAT-06", "flint", "every double with gaps up to 700 (2 actions) or 16 (3 actions), if exp and log1p are right"
       " to one ulp", code=[KERNEL])
def _() -> Outcome:
    shares = [worst_share([cell]) for cell in cells(F(1, 2), 700)]
    shares += [worst_share(pair) for pair in product(cells(F(1, 2), 16), repeat=2)]
    worst = max(shares)
    return proved(f"{len(shares)} cells, at most {worst:.2f} of the bound") if worst <= 1 else refuted(share=worst)


def rows() -> Iterator[list[float]]:
    """Rows of up to 512 logits with spreads from 0.1 to 600, at offsets 0 and 1000."""
    for count, spread, offset in product((1, 2, 3, 8, 64, 512), (0.1, 5.0, 30.0, 600.0), (0.0, 1000.0)):
        yield [offset + spread * math.cos(7 * k * k + k) for k in range(count)]


def true_log_softmax(z, j):
    top = max(z)
    return Ball(z[j]) - top - sum(((Ball(x) - top).exp() for x in z), Ball(0)).log()


def compiled(z):
    out = np.empty(len(z))
    distributions.log_softmax_kernel(np.array(z), np.ones(len(z), dtype=bool), out)
    return out


@proof("CAT-06", "flint", "compiled kernel within the bound on rows of 1 to 512 actions", code=[KERNEL, LOG_PROB])
def _() -> Outcome:
    count = 0
    for z in rows():
        got = compiled(z)
        for j in sorted({0, len(z) // 2, int(np.argmax(z)), int(np.argmin(z))}):
            bound = allowed(F(max(z)) - F(z[j]), len(z)) * U
            count += 1
            if not within(got[j], lambda z=z, j=j: true_log_softmax(z, j), lambda bound=bound: bound):
                return refuted(z=tuple(z), j=j)
    return proved(f"{count} entries") if count > 100 else refuted(count=count)


def _sixteen_ulp(z, j):
    got = float(compiled(z)[j])
    return within(got, lambda: true_log_softmax(z, j), lambda: 16 * exact(math.ulp(got)))


@refutation("CAT-06", "flint", "within 16 ulp", claim=_sixteen_ulp)
def _() -> Outcome:
    return examined(_sixteen_ulp, z=(1 / 3, -600.1), j=0)


for _id, _code, _name in (
    ("CAT-01", LOG_PROB, "probabilities_are_a_distribution"),
    ("CAT-01", LOG_PROB, "a_common_offset_changes_nothing"),
    ("CAT-02", LOG_PROB, "score_of_the_softmax"),
    ("CAT-03", ENTROPY, "gradient_of_the_entropy"),
    ("CAT-04", LOG_PROB, "log_sum_exp_is_between_the_maximum_and_the_maximum_plus_log_n"),
    ("CAT-05", ENTROPY, "entropy_is_between_zero_and_log_n"),
):
    proof(_id, "coq", "any number of actions", code=[_code])(partial(coq.theorem, f"Softmax.{_name}"))
