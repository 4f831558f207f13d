"""Mistakes of policies of independent Beta distributions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from ppocore.conformance.mistakes.catalogue import Catalogue
from ppocore.conformance.mistakes.family import Family, Value
from ppocore.conformance.oracle.beta import HALF_LOG_TWO_PI, log_beta, log_density
from ppocore.conformance.oracle.inputs import Inputs
from ppocore.conformance.oracle.probability import rowwise
from ppocore.conformance.oracle.reals import Array, constant, exp, lift, log, mean, total

CATALOGUE = Catalogue()
LOG_PROB = Family(CATALOGUE, "beta_log_prob")


def _ends(name: str, says: str, wrong: str, matters: str, *ends: Callable[[Array], Any],
          seen: tuple[str, ...] = ()) -> None:
    """A mistake in what is done with the (B, D) terms."""

    def value(end: Callable[[Array], Any]) -> Value:
        return lambda x, c: end(log_density(x.alpha, x.beta, x.actions))

    LOG_PROB.add(name, says, wrong, matters, *(value(end) for end in ends), seen=seen)


_ends("not-summed", "One number per dimension is returned.", "terms of shape (B, D)",
      "(B, D) broadcasts against (B,), and each dimension gets a ratio of its own.", lambda t: t,
      seen=("thu-ml/tianshou #40",))
_ends("averaged-over-dimensions", "Dimensions are averaged and not added up.", "mean over D",
      "Dimensions are drawn together: log-densities add up. Ratios are too close to 1.",
      lambda t: rowwise(t) / t.shape[1])
_ends("first-dimension-only", "Only the first dimension counts.", "terms[:, 0]",
      "The other dimensions learn nothing.", lambda t: t[:, 0])
_ends("reduced-over-batch", "Rows are averaged or added up as well.", "mean or sum over all",
      "Every sample needs a number of its own.", lambda t: total(t), lambda t: mean(t), lambda t: mean(rowwise(t)))
_ends("negated", "The result has the wrong sign.", "-sum log p",
      "A loss is returned where its negative was asked for.", lambda t: -rowwise(t))
_ends("in-bits", "The logarithm has base 2.", "log2(p)", "Coefficients and ratios are meant for nats.",
      lambda t: rowwise(t) / lift(2).log())
_ends("density-returned", "The density is returned, not its logarithm.", "prod p",
      "Ratios are formed from differences of logarithms.", lambda t: exp(rowwise(t)))


def _terms(terms: Callable[[Inputs], Array]) -> Value:
    """Added up over dimensions."""
    return lambda x, c: rowwise(terms(x))


def _powers(x: Inputs) -> Array:
    return (x.alpha - 1) * log(x.actions) + (x.beta - 1) * log(1 - x.actions)


def _softened(eps: str, x: Inputs) -> Array:
    on, off = log(x.actions + constant(eps)), log(1 - x.actions + constant(eps))
    return (x.alpha - 1) * on + (x.beta - 1) * off - log_beta(x.alpha, x.beta)


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
