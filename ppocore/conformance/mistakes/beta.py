"""Mistakes of policies of independent Beta distributions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ppocore.conformance.mistakes.catalogue import Catalogue
from ppocore.conformance.mistakes.family import Family, Value
from ppocore.conformance.oracle.beta import (
    HALF_LOG_TWO_PI,
    divergences,
    entropies,
    log_beta,
    log_density,
    psi,
)
from ppocore.conformance.oracle.inputs import Inputs
from ppocore.conformance.oracle.probability import rowwise
from ppocore.conformance.oracle.reals import Array, constant, exp, lift, log, mean, total

CATALOGUE = Catalogue()
LOG_PROB = Family(CATALOGUE, "beta_log_prob")
ENTROPY = Family(CATALOGUE, "beta_entropy")
KL = Family(CATALOGUE, "beta_kl")
FAMILIES = (LOG_PROB, ENTROPY, KL)


def _forwards(x: Inputs) -> Array:
    return divergences(x.alpha, x.beta, x.other_alpha, x.other_beta)


def _backwards(x: Inputs) -> Array:
    return divergences(x.other_alpha, x.other_beta, x.alpha, x.beta)


def _numbers(family: Family, x: Inputs) -> Array:
    """The right number of each dimension, (B, D)."""
    if family is LOG_PROB:
        return log_density(x.alpha, x.beta, x.actions)
    return entropies(x.alpha, x.beta) if family is ENTROPY else _forwards(x)


def _ends(name: str, says: str, wrong: str, matters: str, *ends: Callable[[Array], Any],
          seen: tuple[str, ...] = ()) -> None:
    """A mistake in what is done with the (B, D) terms, entered for all of them."""

    def value(family: Family, end: Callable[[Array], Any]) -> Value:
        return lambda x, c: end(_numbers(family, x))

    for family in FAMILIES:
        family.add(name, says, wrong, matters, *(value(family, end) for end in ends), seen=seen)


_ends("not-summed", "One number per dimension is returned.", "terms of shape (B, D)",
      "(B, D) broadcasts against (B,), and each dimension gets a ratio of its own.", lambda t: t,
      seen=("thu-ml/tianshou #40",))
_ends("averaged-over-dimensions", "Dimensions are averaged and not added up.", "mean over D",
      "Dimensions are drawn together: log-densities and entropies add up. Ratios are too close to 1.",
      lambda t: rowwise(t) / t.shape[1])
_ends("first-dimension-only", "Only the first dimension counts.", "terms[:, 0]",
      "The other dimensions learn nothing.", lambda t: t[:, 0])
_ends("reduced-over-batch", "Rows are averaged or added up as well.", "mean or sum over all",
      "Every sample needs a number of its own.", lambda t: total(t), lambda t: mean(t), lambda t: mean(rowwise(t)))
_ends("negated", "The result has the wrong sign.", "-sum",
      "A loss is returned where its negative was asked for.", lambda t: -rowwise(t))
_ends("in-bits", "The logarithm has base 2.", "log2(p)", "Coefficients and ratios are meant for nats.",
      lambda t: rowwise(t) / lift(2).log())


def _terms(terms: Callable[[Inputs], Array]) -> Value:
    """Added up over dimensions."""
    return lambda x, c: rowwise(terms(x))


def _powers(x: Inputs) -> Array:
    return (x.alpha - 1) * log(x.actions) + (x.beta - 1) * log(1 - x.actions)


def _softened(eps: str, x: Inputs) -> Array:
    on, off = log(x.actions + constant(eps)), log(1 - x.actions + constant(eps))
    return (x.alpha - 1) * on + (x.beta - 1) * off - log_beta(x.alpha, x.beta)


LOG_PROB.add("density-returned", "The density is returned, not its logarithm.", "prod p",
             "Ratios are formed from differences of logarithms.",
             lambda x, c: exp(rowwise(log_density(x.alpha, x.beta, x.actions))))
LOG_PROB.add("parameters-exchanged", "alpha and beta are exchanged.", "(beta - 1) log a + (alpha - 1) log(1 - a)",
             "The policy is mirrored: it learns to do the opposite.",
             _terms(lambda x: log_density(x.beta, x.alpha, x.actions)))
LOG_PROB.add("normaliser-missing", "log B is left out.", "(alpha - 1) log a + (beta - 1) log(1 - a)",
             "B depends on the policy: without it, the gradient pulls both parameters one way.", _terms(_powers))
LOG_PROB.add("normaliser-added", "log B has the wrong sign.", "... + log B(alpha, beta)",
             "The density does not integrate to 1, and its gradient is wrong.",
             _terms(lambda x: _powers(x) + log_beta(x.alpha, x.beta)))
LOG_PROB.add("exponents-not-lowered", "The exponents are alpha and beta, not one less.",
             "alpha log a + beta log(1 - a) - log B", "The policy's own density is another one than it samples.",
             _terms(lambda x: x.alpha * log(x.actions) + x.beta * log(1 - x.actions) - log_beta(x.alpha, x.beta)))
LOG_PROB.add("concentrations-shifted", "1 is added to alpha and beta, which have their shift already.",
             "Beta(alpha + 1, beta + 1)", "Networks give softplus + 1; shifted twice, the policy is too narrow.",
             _terms(lambda x: log_density(x.alpha + 1, x.beta + 1, x.actions)),
             seen=("Chou et al., ICML 2017, section 4: alpha, beta >= 1",))
LOG_PROB.add("mean-and-spread", "alpha and beta are taken for a mean and a standard deviation.",
             "log N(a; alpha, beta)", "Code of a Gaussian policy that was left behind.",
             _terms(lambda x: -((x.actions - x.alpha) / x.beta) ** 2 / 2 - log(x.beta)
                    - lift(HALF_LOG_TWO_PI)))
LOG_PROB.add("second-side-missing", "Only the power of a is counted.", "(alpha - 1) log a - log B",
             "beta is moved by the normaliser alone.",
             _terms(lambda x: (x.alpha - 1) * log(x.actions) - log_beta(x.alpha, x.beta)))
LOG_PROB.add("epsilon-in-logarithm", "A small number is added to the action and to 1 - a.",
             "log(a + 1e-6)", "Ratios of actions next to the ends are wrong.",
             *(_terms(partial(_softened, eps)) for eps in ("1e-6", "1e-5", "1e-4", "1e-3")))


def _gap(x: Inputs, own: Array) -> Array:
    """-E log a for alpha, -E log(1 - a) for beta."""
    return psi(x.alpha + x.beta) - psi(own)


def _surprise(x: Inputs, a: Array) -> Array:
    """-log p(a) of each dimension, without its sum."""
    return -log_density(x.alpha, x.beta, a)


def _gaussian(x: Inputs) -> Array:
    """Entropy of the Gaussian that has the same variance."""
    both = x.alpha + x.beta
    return log(x.alpha * x.beta / (both * both * (both + 1))) / 2 + lift(HALF_LOG_TWO_PI) + lift(1) / 2


def _both_sides(x: Inputs, away: int) -> Array:
    """With alpha + beta - away in the term of the sum."""
    both = x.alpha + x.beta
    own = (x.alpha - 1) * psi(x.alpha) + (x.beta - 1) * psi(x.beta)
    return log_beta(x.alpha, x.beta) + (both - away) * psi(both) - own


ENTROPY.add("normaliser-missing", "log B is left out.", "(alpha - 1) (psi(s) - psi(alpha)) + ...",
            "The bonus grows with both concentrations: it narrows the policy.",
            _terms(lambda x: entropies(x.alpha, x.beta) - log_beta(x.alpha, x.beta)))
ENTROPY.add("normaliser-subtracted", "log B has the wrong sign.", "-log B + ...",
            "The bonus grows with both concentrations: it narrows the policy.",
            _terms(lambda x: entropies(x.alpha, x.beta) - 2 * log_beta(x.alpha, x.beta)))
ENTROPY.add("digamma-of-sum-missing", "psi(alpha + beta) is left out.",
            "log B - (alpha - 1) psi(alpha) - (beta - 1) psi(beta)", "E log a is psi(alpha) - psi(alpha + beta).",
            _terms(lambda x: log_beta(x.alpha, x.beta) - (x.alpha - 1) * psi(x.alpha) - (x.beta - 1) * psi(x.beta)))
ENTROPY.add("factor-of-sum-wrong", "psi(alpha + beta) has another factor than alpha + beta - 2.",
            "(alpha + beta - 1) psi(alpha + beta)",
            "The uniform policy has not the largest entropy any more: the bonus pulls elsewhere.",
            *(_terms(partial(_both_sides, away=away)) for away in (1, 0, 3)))
ENTROPY.add("exponents-not-lowered", "The factors are alpha and beta, not one less.",
            "log B + alpha (psi(s) - psi(alpha)) + beta (psi(s) - psi(beta))",
            "The entropy of the density under another measure; it has no largest value.",
            _terms(lambda x: log_beta(x.alpha, x.beta) + x.alpha * _gap(x, x.alpha) + x.beta * _gap(x, x.beta)))
ENTROPY.add("second-side-missing", "Only the term of alpha is counted.", "log B + (alpha - 1) (psi(s) - psi(alpha))",
            "beta is moved by the normaliser alone.",
            _terms(lambda x: log_beta(x.alpha, x.beta) + (x.alpha - 1) * _gap(x, x.alpha)))
ENTROPY.add("log-for-digamma", "log is taken for psi: minus the log-density of the mean action.",
            "-log p(alpha / (alpha + beta))", "E log a is not log E a; infinite bonuses for small concentrations.",
            _terms(lambda x: _surprise(x, x.alpha / (x.alpha + x.beta))))
ENTROPY.add("concentrations-shifted", "1 is added to alpha and beta, which have their shift already.",
            "H(Beta(alpha + 1, beta + 1))", "Networks give softplus + 1; shifted twice, the policy looks too narrow.",
            _terms(lambda x: entropies(x.alpha + 1, x.beta + 1)),
            seen=("Chou et al., ICML 2017, section 4: alpha, beta >= 1",))
ENTROPY.add("gaussian-entropy", "The entropy of the Gaussian with the same variance.", "log(2 pi e var) / 2",
            "Too large everywhere, and most where the density has peaks at the ends.", _terms(_gaussian))
ENTROPY.add("spread-for-entropy", "The variance is returned, or its logarithm.", "alpha beta / (s^2 (s + 1))",
            "Two peaks at the ends have the largest variance, and little entropy.",
            _terms(lambda x: x.alpha * x.beta / ((x.alpha + x.beta) ** 2 * (x.alpha + x.beta + 1))),
            _terms(lambda x: log(x.alpha * x.beta / ((x.alpha + x.beta) ** 2 * (x.alpha + x.beta + 1)))))
ENTROPY.add("mean-and-spread", "beta is taken for a standard deviation.", "log(2 pi e) / 2 + log beta",
            "Code of a Gaussian policy that was left behind.",
            _terms(lambda x: log(x.beta) + lift(HALF_LOG_TWO_PI) + lift(1) / 2))
ENTROPY.add("of-scaled-actions", "log 2 is added per dimension, for actions scaled to (-1, 1).", "sum H + log 2",
            "The log-density it is used with is of actions inside (0, 1).",
            _terms(lambda x: entropies(x.alpha, x.beta) + lift(2).log()))


def _normalisers(x: Inputs) -> Array:
    return log_beta(x.other_alpha, x.other_beta) - log_beta(x.alpha, x.beta)


def _steps(x: Inputs, on: Array, off: Array) -> Array:
    """The differences of concentrations, weighted by means of log a and log(1 - a)."""
    return (x.alpha - x.other_alpha) * on + (x.beta - x.other_beta) * off


def _at_mean(x: Inputs) -> Array:
    """With log E a for E log a."""
    both = x.alpha + x.beta
    return _normalisers(x) + _steps(x, log(x.alpha / both), log(x.beta / both))


def _cross_entropy(x: Inputs) -> Array:
    own = (x.other_alpha - 1) * _gap(x, x.alpha) + (x.other_beta - 1) * _gap(x, x.beta)
    return log_beta(x.other_alpha, x.other_beta) + own


def _gaussians(mean: Array, spread: Array, other_mean: Array, other_spread: Array) -> Array:
    """KL of Gaussians from means and variances."""
    gap = mean - other_mean
    return (log(other_spread / spread) + (spread + gap * gap) / other_spread - 1) / 2


def _moments(alpha: Array, beta: Array) -> tuple[Array, Array]:
    both = alpha + beta
    return alpha / both, alpha * beta / (both * both * (both + 1))


def _squares(x: Inputs) -> Array:
    left, right = x.alpha - x.other_alpha, x.beta - x.other_beta
    return left * left + right * right


KL.add("arguments-swapped", "The other KL: KL(other, policy).", "log B(alpha, beta) - log B(alpha', beta') + ...",
       "The KL is not symmetric; the penalty acts where the wrong policy has mass.", _terms(_backwards),
       seen=("vwxyzjn/cleanrl 7dc0baef",))
KL.add("weighted-by-other", "psi is taken at the other policy's concentrations.", "(alpha - alpha') psi(alpha') + ...",
       "That is minus the other KL: negative.", _terms(lambda x: -_backwards(x)))
KL.add("symmetrised", "Both directions are added or averaged.", "(KL(p, q) + KL(q, p)) / 2",
       "Jeffreys' divergence; the bound of PPO is for one direction.",
       _terms(lambda x: (_forwards(x) + _backwards(x)) / 2), _terms(lambda x: _forwards(x) + _backwards(x)))
KL.add("sides-exchanged", "alpha and beta of one of the policies are exchanged.",
       "KL(Beta(alpha, beta), Beta(beta', alpha'))",
       "Equal policies do not give 0.",
       _terms(lambda x: divergences(x.alpha, x.beta, x.other_beta, x.other_alpha)))
KL.add("normalisers-missing", "The difference of log B is left out.",
       "(alpha - alpha') (psi(alpha) - psi(s)) + ...",
       "Negative where the other policy is wider.", _terms(lambda x: _forwards(x) - _normalisers(x)))
KL.add("normalisers-exchanged", "The difference of log B has the wrong sign.",
       "log B(alpha, beta) - log B(alpha', beta') + ...",
       "Negative for half of all pairs.", _terms(lambda x: _forwards(x) - 2 * _normalisers(x)))
KL.add("steps-negated", "The differences of concentrations have the wrong sign.",
       "(alpha' - alpha) (psi(alpha) - psi(s)) + ...",
       "Negative for half of all pairs.", _terms(lambda x: 2 * _normalisers(x) - _forwards(x)))
KL.add("digamma-of-sum-missing", "psi(alpha + beta) is left out.",
       "(alpha - alpha') psi(alpha) + (beta - beta') psi(beta)",
       "E log a is psi(alpha) - psi(alpha + beta).",
       _terms(lambda x: _normalisers(x) + _steps(x, psi(x.alpha), psi(x.beta))))
KL.add("second-side-missing", "Only the term of alpha is counted.",
       "log B' - log B + (alpha - alpha') (psi(alpha) - psi(s))",
       "beta is moved by the normaliser alone.",
       _terms(lambda x: _normalisers(x) - (x.alpha - x.other_alpha) * _gap(x, x.alpha)))
KL.add("log-for-digamma", "log is taken for psi: the ratio of the densities at the mean action.",
       "log p(m) - log q(m), m = alpha / (alpha + beta)", "E log a is not log E a; it may be negative.",
       _terms(_at_mean))
KL.add("cross-entropy", "The entropy of the first policy is not subtracted.", "-E log q",
       "Equal policies do not give 0.", _terms(_cross_entropy))
KL.add("difference-of-entropies", "The entropies are subtracted.", "H(q) - H(p)", "0 for policies that are mirrored.",
       _terms(lambda x: entropies(x.other_alpha, x.other_beta) - entropies(x.alpha, x.beta)),
       _terms(lambda x: entropies(x.alpha, x.beta) - entropies(x.other_alpha, x.other_beta)))
KL.add("gaussian-kl", "The KL of the Gaussians with the same means and variances.", "log(s' / s) + ...",
       "Far off where a density has peaks at the ends.",
       _terms(lambda x: _gaussians(*_moments(x.alpha, x.beta), *_moments(x.other_alpha, x.other_beta))))
KL.add("mean-and-spread", "alpha and beta are taken for means and standard deviations.",
       "KL(N(alpha, beta), N(alpha', beta'))", "Code of a Gaussian policy that was left behind.",
       _terms(lambda x: _gaussians(x.alpha, x.beta * x.beta, x.other_alpha, x.other_beta * x.other_beta)))
KL.add("concentrations-shifted", "1 is added to all concentrations, which have their shift already.",
       "KL(Beta(alpha + 1, beta + 1), Beta(alpha' + 1, beta' + 1))",
       "Networks give softplus + 1; shifted twice, policies seem nearer than they are.",
       _terms(lambda x: divergences(x.alpha + 1, x.beta + 1, x.other_alpha + 1, x.other_beta + 1)),
       seen=("Chou et al., ICML 2017, section 4: alpha, beta >= 1",))
KL.add("squared-difference", "Squared differences of concentrations.", "(alpha - alpha')^2 + (beta - beta')^2",
       "A distance, but no KL.", _terms(_squares), _terms(lambda x: _squares(x) / 2))
