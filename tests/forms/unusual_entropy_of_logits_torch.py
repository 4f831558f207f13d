"""The entropy and KL of language-model trainers: logsumexp(logits) - sum(softmax logits), cross_entropy, F.kl_div."""

import torch
import torch.nn.functional as F

FRAMEWORK = "torch"
DTYPE = "float64"


def categorical_log_prob(logits, actions):
    return -F.cross_entropy(logits, actions, reduction="none")


def categorical_entropy(logits):
    return torch.logsumexp(logits, dim=-1) - torch.sum(torch.softmax(logits, dim=-1) * logits, dim=-1)


def categorical_kl(logits, other_logits):
    log_p, log_q = F.log_softmax(logits, dim=-1), F.log_softmax(other_logits, dim=-1)
    return F.kl_div(log_q, log_p, reduction="none", log_target=True).sum(-1)


def kl_penalty_loss(logits, old_logits, actions, advantages, kl_coef):
    new, old = -F.cross_entropy(logits, actions, reduction="none"), -F.cross_entropy(old_logits, actions, reduction="none")
    kl = F.kl_div(F.log_softmax(logits, -1), F.log_softmax(old_logits, -1), reduction="batchmean", log_target=True)
    return -torch.dot(torch.exp(new - old), advantages) / len(advantages) + kl_coef * kl
