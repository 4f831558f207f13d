"""Beta policies by scipy: xlogy, xlog1py and betaln."""

from scipy import special

DTYPE = "float64"


def beta_log_prob(alpha, beta, actions):
    powers = special.xlogy(alpha - 1, actions) + special.xlog1py(beta - 1, -actions)
    return (powers - special.betaln(alpha, beta)).sum(axis=1)
