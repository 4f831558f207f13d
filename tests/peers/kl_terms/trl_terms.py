"""TRL's KL term: what GRPO's loss is made of where every advantage is 0."""

import torch
import trl_float64

FRAMEWORK = "torch"


def k3(log_prob, old_log_prob, ref_log_prob, corrected=False):
    value, _ = trl_float64.loss(
        log_prob, old_log_prob, torch.zeros_like(log_prob), reference=ref_log_prob, corrected=corrected
    )
    return value


def k3_corrected(log_prob, old_log_prob, ref_log_prob):
    return k3(log_prob, old_log_prob, ref_log_prob, corrected=True)
