"""Binary choices by scipy: scipy.stats for samples, entr and rel_entr for the rest."""

from scipy import special, stats

DTYPE = "float64"


def bernoulli_log_prob(logits, actions):
    return stats.bernoulli.logpmf(actions, special.expit(logits)).sum(axis=-1)


def bernoulli_entropy(logits):
    return (special.entr(special.expit(logits)) + special.entr(special.expit(-logits))).sum(axis=-1)


def bernoulli_kl(logits, other_logits):
    on = special.kl_div(special.expit(logits), special.expit(other_logits))
    return (on + special.kl_div(special.expit(-logits), special.expit(-other_logits))).sum(axis=-1)
