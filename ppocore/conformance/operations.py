"""The table of operations: what each takes, returns and means.  Data only; nothing here computes."""

from __future__ import annotations

from dataclasses import dataclass

# Alternative forms of the same information.  A function declares one of them (or several).
SUCCESSOR = (("next_values",), ("last_values",))
ENDS = (("terminated", "truncated"), ("dones",), ("episode_starts", "last_dones"))
BAND = (("clip_eps",), ("clip_eps_low", "clip_eps_high"))


@dataclass(frozen=True)
class Operation:
    """One row of the table."""

    name: str
    needs: tuple[str, ...]
    """Inputs without which the answer is not defined."""
    outputs: tuple[str, ...]
    formula: str
    shapes: str
    """Shapes of inputs and outputs, for people."""
    groups: tuple[tuple[tuple[str, ...], ...], ...] = ()
    """Groups of alternative forms."""
    options: tuple[str, ...] = ()
    """Inputs that may be left out."""
    spare: tuple[str, ...] = ()
    """Outputs that may be left out although they are no gradients."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Every parameter name that a function may declare."""
        grouped = tuple(name for group in self.groups for form in group for name in form)
        return self.needs + grouped + self.options

    @property
    def differentiable(self) -> tuple[str, ...]:
        """Inputs for which the table has a gradient."""
        return tuple(name.removeprefix("grad_") for name in self.outputs if name.startswith("grad_"))


FLAT, TOKENS = "(B,) -> scalar", "(B, L) -> scalar"
LOSS = ("loss", "grad_log_prob")

TABLE = (
    Operation("td_errors", ("rewards", "values", "gamma"), ("td_errors",),
              "r_t + gamma V'_t - v_t;  V'_t = 0 if terminated, else next_values_t",
              "(T, N); last_values, last_dones (N,) -> (T, N)", (SUCCESSOR, ENDS)),
    Operation("gae", ("rewards", "values", "gamma", "gae_lambda"), ("advantages", "returns"),
              "A_t = delta_t + gamma gae_lambda (0 if terminated, truncated or t = T-1, else A_{t+1});"
              "  returns = A + v",
              "(T, N); last_values, last_dones (N,) -> (T, N)", (SUCCESSOR, ENDS), spare=("returns",)),
    Operation("discounted_returns", ("rewards", "gamma"), ("returns",),
              "G_t = r_t + gamma (0 if terminated; next_values_t if truncated or t = T-1; else G_{t+1})",
              "(T, N); last_values, last_dones (N,) -> (T, N)", (SUCCESSOR, ENDS)),
    Operation("vtrace", ("log_prob", "old_log_prob", "rewards", "values", "gamma", "rho_clip", "c_clip"),
              ("returns", "advantages"),
              "delta_t = rho_t (r_t + gamma V'_t - v_t);  x_t = delta_t + gamma c_t (0 if terminated, truncated or"
              " t = T-1, else x_{t+1});  returns = v + x;  advantages_t = rho_t (r_t + gamma v'_{t+1} - v_t);"
              "  rho = min(rho_clip, e^d), c = gae_lambda min(c_clip, e^d), d = log_prob - old_log_prob;"
              "  v'_{t+1} = 0 if terminated; next_values_t if truncated or t = T-1; else returns_{t+1}",
              "(T, N); last_values, last_dones (N,) -> (T, N)", (SUCCESSOR, ENDS), ("gae_lambda",), ("advantages",)),
    Operation("token_gae", ("rewards", "values", "mask", "gamma", "gae_lambda"), ("advantages",),
              "gae over the valid tokens of each row, masked ones skipped, value after the last one 0",
              "(B, L) -> (B, L)"),
    Operation("grpo_advantages", ("rewards",), ("advantages",),
              "(r - mean of the row) / (std of the row + 1e-8)", "prompts x completions (P, G), G >= 2 -> (P, G)"),
    Operation("rloo_advantages", ("rewards",), ("advantages",),
              "r_i - mean of the other rewards of the row", "prompts x completions (P, G), G >= 2 -> (P, G)"),
    Operation("dr_grpo_advantages", ("rewards",), ("advantages",), "r - mean of the row",
              "prompts x completions (P, G), G >= 2 -> (P, G)"),
    Operation("kl_reward", ("scores", "log_prob", "ref_log_prob", "mask", "kl_coef"), ("rewards",),
              "-kl_coef (log_prob - ref_log_prob) at valid tokens, plus the score at the last valid token of each row",
              "scores (B,); (B, L) -> (B, L)"),
    Operation("normalize_advantages", ("advantages",), ("advantages",),
              "(A - mean) / (std + 1e-8) over the valid entries", "(B,) -> (B,)", options=("mask",)),
    Operation("ratio", ("log_prob", "old_log_prob"), ("ratio",),
              "exp(log_prob - old_log_prob)", "(B,) -> (B,)"),
    Operation("importance_estimate", ("fx", "log_p", "log_q"), ("estimate",),
              "mean(w f), w = exp(log_p - log_q)", "(n,) -> scalar"),
    Operation("self_normalized_estimate", ("fx", "log_p", "log_q"), ("estimate",),
              "sum(w f) / sum(w), w = exp(log_p - log_q)", "(n,) -> scalar"),
    Operation("effective_sample_size", ("log_weights",), ("ess",),
              "(sum w)^2 / sum w^2, w = exp(log_weights): a count", "(n,) -> scalar"),
    Operation("truncated_importance_estimate", ("fx", "log_p", "log_q", "max_weight"), ("estimate",),
              "mean(min(w, max_weight) f), w = exp(log_p - log_q)", "(n,) -> scalar"),
    Operation("per_decision_importance_estimate", ("log_prob", "old_log_prob", "rewards", "mask", "gamma"),
              ("estimate",),
              "mean over rows of sum_k gamma^k r_k exp(d_0 + ... + d_k) over the valid steps,"
              " d = log_prob - old_log_prob", TOKENS),
    Operation("kl_k1", ("log_prob", "old_log_prob"), ("kl",), "mean(-d), d = log_prob - old_log_prob",
              FLAT, options=("mask",)),
    Operation("kl_k2", ("log_prob", "old_log_prob"), ("kl",), "mean(d^2 / 2)", FLAT, options=("mask",)),
    Operation("kl_k3", ("log_prob", "old_log_prob"), ("kl",), "mean(e^d - 1 - d)", FLAT,
              options=("mask",)),
    Operation("categorical_kl", ("logits", "other_logits"), ("kl",),
              "sum_a p_a (log p_a - log q_a), p = softmax(logits), q = softmax(other_logits)",
              "(B, A) -> (B,)"),
    Operation("gaussian_kl", ("mean", "log_std", "other_mean", "other_log_std"), ("kl",),
              "sum_D log(s'/s) + (s^2 + (m - m')^2) / (2 s'^2) - 1/2", "(B, D) -> (B,)"),
    Operation("adapt_kl_coef", ("kl_coef", "kl", "target_kl"), ("kl_coef",),
              "2 kl_coef if kl > 1.5 target_kl; kl_coef / 2 if kl < target_kl / 1.5; else kl_coef",
              "scalars -> scalar"),
    Operation("adapt_kl_coef_proportional", ("kl_coef", "kl", "target_kl", "batch_steps", "horizon"), ("kl_coef",),
              "kl_coef (1 + clip(kl / target_kl - 1, -0.2, 0.2) batch_steps / horizon)",
              "scalars (batch_steps, horizon: int) -> scalar"),
    Operation("categorical_log_prob", ("logits", "actions"), ("log_prob",),
              "log softmax(logits)[actions]; masked actions have probability 0", "(B, A), (B,) -> (B,)",
              options=("action_mask",)),
    Operation("categorical_entropy", ("logits",), ("entropy",),
              "-sum_a p_a log p_a in nats; masked actions have probability 0", "(B, A) -> (B,)",
              options=("action_mask",)),
    Operation("gaussian_log_prob", ("mean", "log_std", "actions"), ("log_prob",),
              "sum_D -((a - m) / s)^2 / 2 - log s - log(2 pi) / 2", "(B, D) -> (B,)"),
    Operation("gaussian_entropy", ("mean", "log_std"), ("entropy",),
              "sum_D log s + (1 + log(2 pi)) / 2", "(B, D) -> (B,)"),
    Operation("squashed_gaussian_log_prob", ("mean", "log_std", "actions"), ("log_prob",),
              "sum_D log N(atanh a; m, s) - log(1 - a^2)", "(B, D) -> (B,)"),
    Operation("bernoulli_log_prob", ("logits", "actions"), ("log_prob",),
              "sum_D a log sigmoid(z) + (1 - a) log sigmoid(-z), actions 0 or 1", "(B, D) -> (B,)"),
    Operation("bernoulli_entropy", ("logits",), ("entropy",),
              "-sum_D p log p + (1 - p) log(1 - p) in nats, p = sigmoid(logits)", "(B, D) -> (B,)"),
    Operation("bernoulli_kl", ("logits", "other_logits"), ("kl",),
              "sum_D p log(p / q) + (1 - p) log((1 - p) / (1 - q)), p = sigmoid(logits), q = sigmoid(other_logits)",
              "(B, D) -> (B,)"),
    Operation("multidiscrete_log_prob", ("logits", "actions", "nvec"), ("log_prob",),
              "sum_k log softmax(logits of choice k)[actions_k]; choice k has the next nvec[k] columns;"
              " masked actions have probability 0",
              "(B, S), (B, K), K ints that add up to S -> (B,)", options=("action_mask",)),
    Operation("multidiscrete_entropy", ("logits", "nvec"), ("entropy",),
              "sum_k -sum_a p_a log p_a in nats, p = softmax(logits of choice k); masked actions have probability 0",
              "(B, S), K ints that add up to S -> (B,)", options=("action_mask",)),
    Operation("multidiscrete_kl", ("logits", "other_logits", "nvec"), ("kl",),
              "sum_k sum_a p_a (log p_a - log q_a), p and q the softmax of the logits of choice k",
              "(B, S), K ints that add up to S -> (B,)"),
    Operation("beta_log_prob", ("alpha", "beta", "actions"), ("log_prob",),
              "sum_D (alpha - 1) log a + (beta - 1) log(1 - a) - log B(alpha, beta); alpha and beta in [0.05, 6],"
              " actions in (0, 1)", "(B, D) -> (B,)"),
    Operation("beta_entropy", ("alpha", "beta"), ("entropy",),
              "sum_D log B(alpha, beta) + (alpha - 1) (psi(alpha + beta) - psi(alpha))"
              " + (beta - 1) (psi(alpha + beta) - psi(beta)), psi the digamma function; alpha and beta in [0.05, 6]",
              "(B, D) -> (B,)"),
    Operation("beta_kl", ("alpha", "beta", "other_alpha", "other_beta"), ("kl",),
              "sum_D log B(other_alpha, other_beta) - log B(alpha, beta)"
              " + (alpha - other_alpha) (psi(alpha) - psi(alpha + beta))"
              " + (beta - other_beta) (psi(beta) - psi(alpha + beta)), psi the digamma function; all in [0.05, 6]",
              "(B, D) -> (B,)"),
    Operation("policy_gradient_loss", ("log_prob", "advantages"), LOSS, "-mean(log_prob A)", f"{FLAT}, or {TOKENS}",
              options=("mask",)),
    Operation("surrogate_loss", ("log_prob", "old_log_prob", "advantages"), LOSS,
              "-mean(r A), r = exp(log_prob - old_log_prob)", f"{FLAT}, or {TOKENS}", options=("mask",)),
    Operation("clip_loss", ("log_prob", "old_log_prob", "advantages"), LOSS,
              "-mean(min(r A, clip(r, 1 - eps, 1 + eps) A));"
              "  with dual_clip c: max(that min, c A) where A < 0",
              f"{FLAT}, or {TOKENS}", (BAND,), options=("dual_clip", "mask")),
    Operation("gspo_loss", ("log_prob", "old_log_prob", "advantages", "mask"), LOSS,
              "-mean over rows of min(s A, clip(s, 1 - eps, 1 + eps) A),"
              " s = exp(mean over the valid tokens of the row of log_prob - old_log_prob)",
              "(B, L); advantages (B,) -> scalar", (BAND,)),
    Operation("cispo_loss", ("log_prob", "old_log_prob", "advantages"), LOSS,
              "-mean(w A log_prob), the weight w = clip(r, 1 - eps, 1 + eps) held constant; the gradient is -w A / n",
              f"{FLAT}, or {TOKENS}", (BAND,), options=("mask",)),
    Operation("truncated_is_loss", ("log_prob", "old_log_prob", "rollout_log_prob", "advantages", "max_weight"), LOSS,
              "-mean(w min(r A, clip(r, 1 - eps, 1 + eps) A)),"
              " w = min(exp(old_log_prob - rollout_log_prob), max_weight)",
              f"{FLAT}, or {TOKENS}", (BAND,), options=("mask",)),
    Operation("kl_penalty_loss", ("logits", "old_logits", "actions", "advantages", "kl_coef"),
              ("loss", "grad_logits"), "-mean(r A) + kl_coef mean(KL(old, new))",
              "(B, A); (B,) -> scalar"),
    Operation("value_loss", ("values", "returns"), ("loss", "grad_values"),
              "mean((v - R)^2)", FLAT, options=("mask",)),
    Operation("clipped_value_loss", ("values", "returns", "old_values", "value_clip_eps"),
              ("loss", "grad_values"),
              "mean(max((v - R)^2, (v_old + clip(v - v_old, -eps, eps) - R)^2))", FLAT,
              options=("mask",)),
    Operation("huber_value_loss", ("values", "returns", "delta"), ("loss", "grad_values"),
              "mean(h(v - R)), h(e) = e^2 / 2 if |e| <= delta, else delta (|e| - delta / 2)", FLAT,
              options=("mask",)),
    Operation("ppo_loss", ("log_prob", "old_log_prob", "advantages", "values", "returns", "entropy",
                           "clip_eps", "vf_coef", "ent_coef"),
              ("loss", "grad_log_prob", "grad_values", "grad_entropy"),
              "clip_loss + vf_coef value_loss - ent_coef mean(entropy)", FLAT),
    Operation("masked_mean", ("x", "mask"), ("mean",), "mean over the valid slots", TOKENS),
    Operation("sequence_mean", ("x", "mask"), ("mean",),
              "mean over rows of each row's mean over its valid slots", TOKENS),
    Operation("sequence_sum_mean", ("x", "mask"), ("mean",),
              "mean over rows of each row's sum over its valid slots", TOKENS),
    Operation("clip_fraction", ("log_prob", "old_log_prob", "advantages", "clip_eps"), ("fraction",),
              "mean(|r - 1| > eps)", FLAT),
    Operation("explained_variance", ("values", "returns"), ("explained_variance",),
              "1 - Var(R - v) / Var(R)", FLAT),
    Operation("clip_grad_norm", ("grads", "max_norm"), ("grads",),
              "g min(1, max_norm / norm of all)", "list of arrays -> list of arrays"),
    Operation("adam_step", ("params", "grads", "first_moment", "second_moment", "step", "learning_rate",
                            "beta1", "beta2", "eps"), ("params", "first_moment", "second_moment"),
              "p - lr m^ / (sqrt(v^) + eps), bias-corrected, no decay", "flat (P,) -> (P,)",
              spare=("first_moment", "second_moment")),
    Operation("running_moments", ("batches",), ("mean", "var"),
              "mean and variance (ddof 0) of the concatenation", "list of (n_i, D) -> (D,)",
              spare=("var",)),
)

OPERATIONS: dict[str, Operation] = {row.name: row for row in TABLE}
