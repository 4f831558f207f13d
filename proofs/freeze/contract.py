"""What each operation returns (DESIGN 4) and where its definition is stated."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One operation: its outputs in order, the source of its formula, and which inputs are lists (of arrays, sizes)."""

    outputs: tuple[str, ...]
    source: str
    lists: tuple[str, ...] = ()

    @property
    def level(self) -> str:
        """Losses are judged on their gradients as well."""
        return "gradients" if any(name.startswith("grad_") for name in self.outputs) else "core"


OPERATIONS = {
    "td_errors": Row(("td_errors",), "S0; Schulman et al., arXiv:1506.02438, eq. 9"),
    "gae": Row(("advantages", "returns"), "S0; Schulman et al., arXiv:1506.02438, eq. 16"),
    "discounted_returns": Row(("returns",), "S0; Pardo et al., arXiv:1712.00378, for time limits"),
    "vtrace": Row(("returns", "advantages"), "S5; Espeholt et al., arXiv:1802.01561, eq. 1 and section 4.2"),
    "token_gae": Row(("advantages",), "S0; Schulman et al., arXiv:1506.02438, eq. 16, over the valid tokens"),
    "normalize_advantages": Row(("advantages",), "S0; Engstrom et al., arXiv:2005.12729"),
    "grpo_advantages": Row(("advantages",), "S0; Shao et al., arXiv:2402.03300, section 4.1.2"),
    "rloo_advantages": Row(("advantages",), "S0; Kool et al., 2019; Ahmadian et al., arXiv:2402.14740"),
    "dr_grpo_advantages": Row(("advantages",), "S0; Liu et al., arXiv:2503.20783"),
    "kl_reward": Row(("rewards",), "S12; Ziegler et al., arXiv:1909.08593, eq. 2; Ouyang et al., arXiv:2203.02155"),
    "adapt_kl_coef_proportional": Row(("kl_coef",), "S12; Ziegler et al., arXiv:1909.08593, section 2.2"),
    "ratio": Row(("ratio",), "S7; Schulman et al., arXiv:1707.06347, section 3"),
    "importance_estimate": Row(("estimate",), "S4"),
    "self_normalized_estimate": Row(("estimate",), "S5; Owen, Monte Carlo, section 9.2"),
    "effective_sample_size": Row(("ess",), "S5, S11; Kong, 1992"),
    "truncated_importance_estimate": Row(("estimate",), "S5; Ionides, Truncated Importance Sampling, JCGS 17, 2008"),
    "per_decision_importance_estimate": Row(("estimate",), "S5, S7; Precup, Sutton and Singh, ICML 2000, section 4"),
    "kl_k1": Row(("kl",), "S12; Schulman, Approximating KL divergence, 2020"),
    "kl_k2": Row(("kl",), "S12; Schulman, Approximating KL divergence, 2020"),
    "kl_k3": Row(("kl",), "S12; Schulman, Approximating KL divergence, 2020"),
    "categorical_kl": Row(("kl",), "S12; Kullback and Leibler, 1951"),
    "gaussian_kl": Row(("kl",), "S12; Kullback and Leibler, 1951"),
    "adapt_kl_coef": Row(("kl_coef",), "S12; Schulman et al., arXiv:1707.06347, section 4"),
    "categorical_log_prob": Row(("log_prob",), "S6"),
    "categorical_entropy": Row(("entropy",), "Shannon, 1948, in nats"),
    "gaussian_log_prob": Row(("log_prob",), "S6"),
    "gaussian_entropy": Row(("entropy",), "Shannon, 1948, section 20, in nats"),
    "squashed_gaussian_log_prob": Row(("log_prob",), "S6; Haarnoja et al., arXiv:1801.01290, appendix C"),
    "bernoulli_log_prob": Row(("log_prob",), "S6, with two actions in every dimension"),
    "bernoulli_entropy": Row(("entropy",), "Shannon, 1948, section 6, in nats"),
    "bernoulli_kl": Row(("kl",), "S12; Kullback and Leibler, 1951"),
    "multidiscrete_log_prob": Row(("log_prob",), "S6, for independent choices", ("nvec",)),
    "multidiscrete_entropy": Row(("entropy",), "Shannon, 1948, section 6, in nats", ("nvec",)),
    "multidiscrete_kl": Row(("kl",), "S12; Kullback and Leibler, 1951", ("nvec",)),
    "beta_log_prob": Row(("log_prob",), "S6; Chou, Maturana and Scherer, ICML 2017, section 4"),
    "beta_entropy": Row(("entropy",), "Shannon, 1948, section 20, in nats, of a Beta density"),
    "beta_kl": Row(("kl",), "S12; Kullback and Leibler, 1951, of two Beta densities"),
    "policy_gradient_loss": Row(("loss", "grad_log_prob"), "S2, S6; Williams, Machine Learning 8, 1992"),
    "surrogate_loss": Row(("loss", "grad_log_prob"), "S9; Schulman et al., arXiv:1707.06347, eq. 6"),
    "clip_loss": Row(("loss", "grad_log_prob"),
                     "S14; Schulman et al., arXiv:1707.06347, eq. 7; dual clip: Ye et al., arXiv:1912.09729, eq. 5"),
    "gspo_loss": Row(("loss", "grad_log_prob"), "S7, S14; Zheng et al., arXiv:2507.18071, eq. 5-7"),
    "cispo_loss": Row(("loss", "grad_log_prob"), "S7, S14; MiniMax-M1, arXiv:2506.13585, eq. 4-5"),
    "truncated_is_loss": Row(("loss", "grad_log_prob"),
                             "S7, S14; Yao et al., Your efficient RL framework secretly brings you off-policy RL"
                             " training, 2025"),
    "kl_penalty_loss": Row(("loss", "grad_logits"), "S13; Schulman et al., arXiv:1707.06347, eq. 8"),
    "value_loss": Row(("loss", "grad_values"), "S0; Schulman et al., arXiv:1707.06347, section 5"),
    "clipped_value_loss": Row(("loss", "grad_values"), "S0; Engstrom et al., arXiv:2005.12729, section 3"),
    "huber_value_loss": Row(("loss", "grad_values"), "S0; Huber, Annals of Mathematical Statistics 35, 1964"),
    "ppo_loss": Row(("loss", "grad_log_prob", "grad_values", "grad_entropy"),
                    "S14; Schulman et al., arXiv:1707.06347, eq. 9"),
    "masked_mean": Row(("mean",), "S6"),
    "sequence_mean": Row(("mean",), "S6"),
    "sequence_sum_mean": Row(("mean",), "S6"),
    "clip_fraction": Row(("fraction",), "S15, S16"),
    "explained_variance": Row(("explained_variance",), "S0; one minus the share of variance that is left"),
    "clip_grad_norm": Row(("grads",), "Pascanu et al., arXiv:1211.5063, algorithm 1", ("grads",)),
    "adam_step": Row(("params", "first_moment", "second_moment"),
                     "S2; Kingma and Ba, arXiv:1412.6980, algorithm 1"),
    "running_moments": Row(("mean", "var"), "Moments of the rows of all batches together", ("batches",)),
}
