"""Off-policy estimates in NumPy as running products, contractions and plain loops."""

import numpy as np

FRAMEWORK = "numpy"
DTYPE = "float64"


def truncated_importance_estimate(fx, log_p, log_q, max_weight):
    """The cap in log space: exp of the smaller exponent."""
    return float(np.exp(np.minimum(log_p - log_q, np.log(max_weight))) @ fx) / len(fx)


def per_decision_importance_estimate(log_prob, old_log_prob, rewards, mask, gamma):
    """Row by row and step by step, the discounted weight carried along."""
    total = 0.0
    for new, old, reward, valid in zip(log_prob, old_log_prob, rewards, mask, strict=True):
        weight = 1.0
        for t in np.flatnonzero(valid):
            weight *= float(np.exp(new[t] - old[t]))
            total += weight * float(reward[t])
            weight *= gamma
    return total / len(log_prob)


def vtrace(log_prob, old_log_prob, rewards, values, last_values, dones, gamma, gae_lambda, rho_clip, c_clip):
    """The literal sum of equation 1, one environment and one step at a time; the targets alone."""
    steps, envs = rewards.shape
    targets = np.empty((steps, envs), rewards.dtype)
    for n in range(envs):
        v = [*values[:, n], last_values[n]]
        ratios = np.exp(log_prob[:, n] - old_log_prob[:, n])
        for t in range(steps):
            total, weight = v[t], 1.0
            for k in range(t, steps):
                ahead = 0.0 if dones[k, n] else v[k + 1]
                total += weight * min(rho_clip, ratios[k]) * (rewards[k, n] + gamma * ahead - v[k])
                if dones[k, n]:
                    break
                weight *= gamma * gae_lambda * min(c_clip, ratios[k])
            targets[t, n] = total
    return {"returns": targets}
