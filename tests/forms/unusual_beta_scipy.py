"""Beta policies by scipy: xlogy, xlog1py and betaln."""

from scipy import special

DTYPE = "float64"


def beta_log_prob(alpha, beta, actions):
    powers = special.xlogy(alpha - 1, actions) + special.xlog1py(beta - 1, -actions)
    return (powers - special.betaln(alpha, beta)).sum(axis=1)


def beta_entropy(alpha, beta):
    each = [special.betaln(a, b) - (a - 1) * special.psi(a) - (b - 1) * special.psi(b)
            + (a + b - 2) * special.psi(a + b) for a, b in zip(alpha.T, beta.T, strict=True)]
    return sum(each)


def beta_kl(alpha, beta, other_alpha, other_beta):
    """The cross-entropy less the entropy."""
    on, off = special.psi(alpha) - special.psi(alpha + beta), special.psi(beta) - special.psi(alpha + beta)
    cross = special.betaln(other_alpha, other_beta) - (other_alpha - 1) * on - (other_beta - 1) * off
    return (cross - special.betaln(alpha, beta) + (alpha - 1) * on + (beta - 1) * off).sum(axis=1)
