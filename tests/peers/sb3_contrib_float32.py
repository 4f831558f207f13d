"""sb3-contrib: the categorical distribution with masked actions."""

import sb3_contrib
from sb3_contrib.common.maskable.distributions import MaskableCategoricalDistribution

NAME = "sb3-contrib, float32"
VERSION = sb3_contrib.__version__
FRAMEWORK = "torch"
DTYPE = "float32"


def categorical(logits, action_mask):
    distribution = MaskableCategoricalDistribution(logits.shape[1]).proba_distribution(logits)
    distribution.apply_masking(None if action_mask is None else action_mask.numpy())
    return distribution


def categorical_log_prob(logits, actions, action_mask=None):
    return categorical(logits, action_mask).log_prob(actions)


def categorical_entropy(logits, action_mask=None):
    return categorical(logits, action_mask).entropy()
