"""Beta policies through torch.distributions."""

from torch.distributions import Beta, Independent, kl_divergence

FRAMEWORK = "torch"
DTYPE = "float64"


def beta_log_prob(alpha, beta, actions):
    return Independent(Beta(alpha, beta), 1).log_prob(actions)


def beta_entropy(alpha, beta):
    return Independent(Beta(alpha, beta), 1).entropy()


def beta_kl(alpha, beta, other_alpha, other_beta):
    return kl_divergence(Independent(Beta(alpha, beta), 1), Independent(Beta(other_alpha, other_beta), 1))
