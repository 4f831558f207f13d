"""Log-probabilities and entropies, in nats: categorical, diagonal Gaussian, and tanh of a Gaussian."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flint import acb, arb

from proofs.definitions.duals import Dual
from proofs.definitions.integrals import density, gaussian_expectation
from proofs.definitions.numbers import Nested, Number, ball, each, exp, log, total, with_gradients

Row = list[Any]


def legal_entries(row: Row, legal: Row | None) -> list[int]:
    """Places of the actions that may be taken."""
    return [a for a in range(len(row)) if legal is None or legal[a]]


def probabilities(logits: Row, legal: Row | None = None) -> Row:
    r"""softmax: pi_a = e^{z_a} / sum_b e^{z_b} over the legal actions; None at the others."""
    powers = {a: exp(logits[a]) for a in legal_entries(logits, legal)}
    whole = total(list(powers.values()))
    return [powers[a] / whole if a in powers else None for a in range(len(logits))]


def log_partition(logits: Row, legal: Row | None = None) -> Number:
    r"""log sum_b e^{z_b} over the legal actions."""
    return log(total([exp(logits[a]) for a in legal_entries(logits, legal)]))


def _masks(logits: Nested, action_mask: Nested) -> Nested:
    return [None] * len(logits) if action_mask is None else action_mask


def categorical_log_prob(logits: Nested, actions: list[int], *, action_mask: Nested = None) -> dict[str, Nested]:
    r"""log pi_a of the action taken, pi = softmax(logits)."""
    def formula(logits: Nested) -> Row:
        rows = zip(logits, actions, _masks(logits, action_mask), strict=True)
        return [log(probabilities(row, legal)[a]) for row, a, legal in rows]

    return with_gradients("log_prob", formula, logits=ball(logits))


def categorical_log_prob_by_partition(
    logits: Nested, actions: list[int], *, action_mask: Nested = None
) -> dict[str, Nested]:
    r"""z_a - log sum_b e^{z_b}."""
    def formula(logits: Nested) -> Row:
        rows = zip(logits, actions, _masks(logits, action_mask), strict=True)
        return [row[a] - log_partition(row, legal) for row, a, legal in rows]

    return with_gradients("log_prob", formula, logits=ball(logits))


def categorical_entropy(logits: Nested, *, action_mask: Nested = None) -> dict[str, Nested]:
    r"""H = -sum_a pi_a log pi_a over the legal actions."""
    def formula(logits: Nested) -> Row:
        tables = [probabilities(row, m) for row, m in zip(logits, _masks(logits, action_mask), strict=True)]
        return [-total([p * log(p) for p in table if p is not None]) for table in tables]

    return with_gradients("entropy", formula, logits=ball(logits))


def categorical_entropy_by_partition(logits: Nested, *, action_mask: Nested = None) -> dict[str, Nested]:
    r"""H = log sum_b e^{z_b} - sum_a pi_a z_a."""
    def formula(logits: Nested) -> Row:
        return [
            log_partition(row, m) - _expected(probabilities(row, m), row)
            for row, m in zip(logits, _masks(logits, action_mask), strict=True)
        ]

    return with_gradients("entropy", formula, logits=ball(logits))


def _expected(table: Row, of: Row) -> Number:
    return total([p * x for p, x in zip(table, of, strict=True) if p is not None])


def gaussian_log_density(point: Number, mean: Number, log_std: Number) -> Number:
    r"""log N(x; m, s) = -((x - m) / s)^2 / 2 - log s - log(2 pi) / 2."""
    z = (point - mean) / exp(log_std)
    return -(z * z) / 2 - log_std - log(2 * arb.pi()) / 2


def _rowwise(term: Callable[..., Number]) -> Callable[..., Row]:
    """Of (B, D) arrays, the sum of `term` over D."""
    return lambda *arrays: [total(row) for row in each(term, *arrays)]


def categorical_log_prob_and_entropy(
    logits: Nested, actions: list[int], *, action_mask: Nested = None
) -> dict[str, Nested]:
    """Both, each by its own definition."""
    return _both(
        categorical_log_prob(logits, actions, action_mask=action_mask),
        categorical_entropy(logits, action_mask=action_mask),
    )


def categorical_log_prob_and_entropy_by_partition(
    logits: Nested, actions: list[int], *, action_mask: Nested = None
) -> dict[str, Nested]:
    """Both, each by its log-partition."""
    return _both(
        categorical_log_prob_by_partition(logits, actions, action_mask=action_mask),
        categorical_entropy_by_partition(logits, action_mask=action_mask),
    )


def _both(log_prob: dict[str, Nested], entropy: dict[str, Nested]) -> dict[str, Nested]:
    return {
        "log_prob": log_prob["log_prob"], "entropy": entropy["entropy"],
        "log_prob_grad_logits": log_prob["grad_logits"], "entropy_grad_logits": entropy["grad_logits"],
    }  # fmt: skip


def gaussian_log_prob(mean: Nested, log_std: Nested, actions: Nested) -> dict[str, Nested]:
    r"""sum_d log N(a_d; m_d, s_d)."""
    def formula(mean: Nested, log_std: Nested, actions: Nested) -> Row:
        return _rowwise(gaussian_log_density)(actions, mean, log_std)

    return with_gradients("log_prob", formula, mean=ball(mean), log_std=ball(log_std), actions=ball(actions))


def gaussian_log_prob_of_density(mean: Nested, log_std: Nested, actions: Nested) -> dict[str, Nested]:
    r"""sum_d log( e^{-(a-m)^2 / (2 s^2)} / sqrt(2 pi s^2) )."""
    def term(a: Number, m: Number, log_s: Number) -> Number:
        var = exp(2 * log_s)
        return log(exp(-(a - m) * (a - m) / (2 * var))) - log(2 * arb.pi() * var) / 2

    def formula(mean: Nested, log_std: Nested, actions: Nested) -> Row:
        return _rowwise(term)(actions, mean, log_std)

    return with_gradients("log_prob", formula, mean=ball(mean), log_std=ball(log_std), actions=ball(actions))


def gaussian_entropy(mean: Nested, log_std: Nested) -> dict[str, Nested]:
    r"""sum_d log s_d + (1 + log 2 pi) / 2."""
    def formula(mean: Nested, log_std: Nested) -> Row:
        return _rowwise(lambda log_s: log_s + (1 + log(2 * arb.pi())) / 2)(log_std)

    return with_gradients("entropy", formula, mean=ball(mean), log_std=ball(log_std))


def gaussian_entropy_by_integral(mean: Nested, log_std: Nested) -> dict[str, Nested]:
    r"""sum_d E_{z ~ N(0,1)}[-log N(m + s z; m, s)]."""
    def term(m: arb, log_s: arb) -> arb:
        s, half_log = exp(log_s), log(2 * arb.pi()) / 2

        def surprise(z: acb, _: bool) -> acb:
            x = m + s * z
            return ((x - m) / s) ** 2 / 2 + log_s + half_log

        return gaussian_expectation(surprise, constant=abs(log_s) + half_log, square=1)

    return {"entropy": _rowwise(term)(ball(mean), ball(log_std))}


def artanh(a: Number) -> Number:
    r"""(1/2) log((1 + a) / (1 - a))."""
    return log((1 + a) / (1 - a)) / 2


def squashed_gaussian_log_prob(mean: Nested, log_std: Nested, actions: Nested) -> dict[str, Nested]:
    r"""sum_d log N(artanh a; m, s) - log(1 - a^2) (arXiv:1801.01290, appendix C)."""
    def term(a: Number, m: Number, log_s: Number) -> Number:
        return gaussian_log_density(artanh(a), m, log_s) - log(1 - a * a)

    def formula(mean: Nested, log_std: Nested, actions: Nested) -> Row:
        return _rowwise(term)(actions, mean, log_std)

    return with_gradients("log_prob", formula, mean=ball(mean), log_std=ball(log_std), actions=ball(actions))


def squashed_gaussian_log_prob_by_slope(mean: Nested, log_std: Nested, actions: Nested) -> dict[str, Nested]:
    r"""sum_d log of d/da Phi((artanh a - m) / s): the density as the derivative of the distribution function."""
    def term(a: arb, m: arb, log_s: arb) -> arb:
        z = (artanh(Dual(a, {0: arb(1)})) - m) / exp(log_s)
        return log(density(z.value) * z.partials[0])

    return {"log_prob": _rowwise(term)(ball(actions), ball(mean), ball(log_std))}


def squashed_gaussian_entropy(mean: Nested, log_std: Nested) -> dict[str, Nested]:
    r"""sum_d log s + log(2 pi e) / 2 + E_{z ~ N(0,1)}[log(1 - tanh^2(m + s z))], with the integral enclosed.

    Its derivatives are the integrals of the derivatives: E[-2 tanh u] in m, 1 + E[-2 s z tanh u] in log s.
    """
    m, log_s = ball(mean), ball(log_std)
    return {
        "entropy": _rowwise(_squashed_entropy)(m, log_s),
        "grad_mean": each(_squashed_slope_in_mean, m, log_s),
        "grad_log_std": each(_squashed_slope_in_log_std, m, log_s),
    }


def _squashed_entropy(m: arb, log_s: arb) -> arb:
    s = exp(log_s)

    def log_slope(z: acb, analytic: bool) -> acb:
        # 1 - tanh^2 u = 1 / cosh^2 u, and log cosh u <= |u|.
        return -2 * (m + s * z).cosh().log(analytic=analytic)

    shrinkage = gaussian_expectation(log_slope, constant=2 * abs(m), linear=2 * s)
    return log_s + (1 + log(2 * arb.pi())) / 2 + shrinkage


def _squashed_slope_in_mean(m: arb, log_s: arb) -> arb:
    s = exp(log_s)
    return gaussian_expectation(lambda z, _: -2 * (m + s * z).tanh(), constant=2)


def _squashed_slope_in_log_std(m: arb, log_s: arb) -> arb:
    s = exp(log_s)
    return 1 + gaussian_expectation(lambda z, _: -2 * (m + s * z).tanh() * s * z, linear=2 * s)


def squashed_gaussian_entropy_of_density(mean: Nested, log_std: Nested) -> dict[str, Nested]:
    r"""sum_d E[-log p(a)] with a = tanh(m + s z) and p the density of a."""
    def term(m: arb, log_s: arb) -> arb:
        s, half_log = exp(log_s), log(2 * arb.pi()) / 2

        def surprise(z: acb, analytic: bool) -> acb:
            u = m + s * z
            log_jacobian = 2 * (arb(2).log() - u - ((-2 * u).exp() + 1).log(analytic=analytic))
            return ((u - m) / s) ** 2 / 2 + log_s + half_log + log_jacobian

        # |log(1 - tanh^2 u)| <= 2 |u|.
        return gaussian_expectation(surprise, constant=abs(log_s) + half_log + 2 * abs(m), linear=2 * s, square=1)

    return {"entropy": _rowwise(term)(ball(mean), ball(log_std))}
