"""Beta policies through torch.distributions."""

from torch.distributions import Beta, Independent

FRAMEWORK = "torch"
DTYPE = "float64"


def beta_log_prob(alpha, beta, actions):
    return Independent(Beta(alpha, beta), 1).log_prob(actions)


def beta_entropy(alpha, beta):
    return Independent(Beta(alpha, beta), 1).entropy()
