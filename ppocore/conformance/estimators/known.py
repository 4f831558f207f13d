"""Terms that are well known: who computes them, and which theorems say what they follow."""

from __future__ import annotations

from dataclasses import dataclass

from ppocore.conformance.estimators.terms import Place

CLAMPED_K3 = "clip(exp(clip(-k1, -20, 20)) - 1 - clip(-k1, -20, 20), -10, 10)"


@dataclass(frozen=True)
class Known:
    """A term and where it was seen."""

    term: str
    place: Place
    theorems: tuple[str, ...]
    """In proofs/theorems/estimator_gradients.md."""
    seen: str = ""


KNOWN = (
    Known("k1", "loss", ("EST-01",), "TRL Nash-MD before #2277; verl and OpenRLHF k1 in the loss"),
    Known("k2", "loss", ("EST-02",), "verl k2 (mse); OpenRLHF k2, clamped"),
    Known("k3", "loss", ("EST-03",), "TRL GRPO"),
    Known(CLAMPED_K3, "loss", ("EST-03",), "verl k3 (low_var_kl), with its clamps"),
    Known("abs(k1)", "loss", ("EST-08",), "verl abs"),
    Known("k2 - stop(k2) + stop(k1)", "loss", ("EST-02",), "verl k1+"),
    Known("k2 - stop(k2) + stop(k3)", "loss", ("EST-02",), "verl k3+"),
    Known("stop(k1) * log_prob", "loss", ("EST-02",), "TRL Nash-MD since #2277"),
    Known("ratio * k1", "loss", ("EST-04",), ""),
    Known("ratio * k3", "loss", ("EST-04",), "TRL GRPO with use_bias_correction_kl; NeMo-RL"),
    Known("ratio * stop(k1)", "loss", ("EST-04",), ""),
    Known("stop(ratio) * k2", "loss", ("EST-04",), "OpenRLHF with unbiased_gradient, its weight clamped"),
    Known("stop(ratio) * k3", "loss", ("EST-05",), "NeMo-RL while its weights were detached"),
    Known("ratio / stop(ratio) * k1", "loss", ("EST-06",), "NeMo-RL k1 without importance weights"),
    Known("ratio / stop(ratio) * k3", "loss", ("EST-06",), "NeMo-RL k3 without importance weights"),
    Known("k1", "reward", ("EST-04",), "the log-ratio, computed anew in every epoch"),
    Known("old_log_prob - ref_log_prob", "reward", ("EST-07",), "TRL RLOO; verl and OpenRLHF k1 in the reward"),
    Known("k2", "reward", ("EST-09",), "verl k2 and OpenRLHF k2 in the reward, at their first epoch"),
    Known("k3", "reward", ("EST-09",), "TRL PPO, verl and OpenRLHF k3 in the reward, at their first epoch"),
    Known("abs(k1)", "reward", (), "verl abs in the reward, at its first epoch"),
)
INSTEAD = {"loss": "ratio * k3", "reward": "k1"}
"""What follows KL(current, ref), on-policy and off-policy, and has it as its mean (in the reward: on-policy)."""
