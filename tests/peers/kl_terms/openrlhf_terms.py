"""OpenRLHF's KL terms: `compute_approx_kl`, which computes in float32."""

from functools import partial

from openrlhf_float32 import compute_approx_kl

FRAMEWORK = "torch"


def _estimate(log_prob, ref_log_prob, old_log_prob, kind, unbiased):
    return compute_approx_kl(log_prob, ref_log_prob, old_log_prob, kl_estimator=kind, unbiased_gradient=unbiased)


k1, k2, k3 = (partial(_estimate, kind=kind, unbiased=False) for kind in ("k1", "k2", "k3"))
k3_unbiased = partial(_estimate, kind="k3", unbiased=True)
