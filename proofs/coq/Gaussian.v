(* One coordinate of a diagonal Gaussian head, its divergence in closed form, and the tanh squash. *)
From Coq Require Import Reals Lra Psatz.
From Coquelicot Require Import Coquelicot.
From Ppo Require Import Finite Divergence.
Local Open Scope R_scope.

(* l is the natural logarithm of the standard deviation. *)
Definition gaussian_log_prob (x m l : R) : R := - ((x - m) / exp l) ^ 2 / 2 - l - ln (2 * PI) / 2.

(* GAU-01 *)
Theorem score_in_the_mean x m l :
  is_derive (fun m => gaussian_log_prob x m l) m ((x - m) / exp l ^ 2).
Proof. unfold gaussian_log_prob. assert (P := exp_pos l). auto_derive; [lra|]. field. lra. Qed.

(* GAU-01 *)
Theorem score_in_the_log_deviation x m l :
  is_derive (fun l => gaussian_log_prob x m l) l (((x - m) / exp l) ^ 2 - 1).
Proof. unfold gaussian_log_prob. assert (P := exp_pos l). auto_derive; [lra|]. field. lra. Qed.

(* GAU-01: without the - 1 *)
Theorem score_in_the_log_deviation_needs_the_minus_one :
  ~ (forall x m l, is_derive (fun l => gaussian_log_prob x m l) l (((x - m) / exp l) ^ 2)).
Proof.
  intros H. generalize (is_derive_unique _ _ _ (H 0 0 0)).
  rewrite (is_derive_unique _ _ _ (score_in_the_log_deviation 0 0 0)). lra.
Qed.

(* KL(N(m0, e^l0), N(m1, e^l1)). *)
Definition gaussian_kl (m0 l0 m1 l1 : R) : R := l1 - l0 + (exp l0 ^ 2 + (m0 - m1) ^ 2) / (2 * exp l1 ^ 2) - 1 / 2.

(* k3 of the doubled log-ratio of the deviations, and the distance of the means *)
Lemma gaussian_kl_splits m0 l0 m1 l1 :
  gaussian_kl m0 l0 m1 l1 = k3 (2 * (l0 - l1)) / 2 + ((m0 - m1) / exp l1) ^ 2 / 2.
Proof.
  unfold gaussian_kl, k3. assert (P := exp_pos l1).
  replace (2 * (l0 - l1)) with ((l0 + l0) + - (l1 + l1)) at 1 by ring. rewrite exp_plus, exp_Ropp, !exp_plus.
  field. lra.
Qed.

(* KL-06, S12 *)
Theorem gaussian_kl_is_nonnegative m0 l0 m1 l1 : 0 <= gaussian_kl m0 l0 m1 l1.
Proof.
  rewrite gaussian_kl_splits. generalize (k3_is_nonnegative (2 * (l0 - l1))) (pow2_ge_0 ((m0 - m1) / exp l1)). lra.
Qed.

(* KL-12, S12 *)
Theorem gaussian_kl_is_zero_iff_equal m0 l0 m1 l1 : gaussian_kl m0 l0 m1 l1 = 0 <-> m0 = m1 /\ l0 = l1.
Proof.
  rewrite gaussian_kl_splits. assert (P := exp_pos l1). split.
  - generalize (k3_is_nonnegative (2 * (l0 - l1))) (pow2_ge_0 ((m0 - m1) / exp l1)). intros A B E.
    assert (K : k3 (2 * (l0 - l1)) = 0) by lra. rewrite k3_is_zero_only_at_zero in K.
    assert (D : (m0 - m1) / exp l1 = 0) by (assert (((m0 - m1) / exp l1) ^ 2 = 0) by lra; nra).
    split; [|lra]. apply Rmult_eq_compat_r with (r := exp l1) in D. unfold Rdiv in D.
    rewrite Rmult_assoc, Rinv_l in D by lra. lra.
  - intros [-> ->]. replace (2 * (l1 - l1)) with 0 by ring.
    destruct (k3_is_zero_only_at_zero 0) as [_ Z]. rewrite Z by reflexivity. field. lra.
Qed.

(* KL-06 *)
Theorem gaussian_kl_slope_in_the_first_mean m0 l0 m1 l1 :
  is_derive (fun m0 => gaussian_kl m0 l0 m1 l1) m0 ((m0 - m1) / exp l1 ^ 2).
Proof. unfold gaussian_kl. assert (P := exp_pos l1). auto_derive; [nra|]. field. lra. Qed.

(* KL-06 *)
Theorem gaussian_kl_slope_in_the_second_mean m0 l0 m1 l1 :
  is_derive (fun m1 => gaussian_kl m0 l0 m1 l1) m1 ((m1 - m0) / exp l1 ^ 2).
Proof. unfold gaussian_kl. assert (P := exp_pos l1). auto_derive; [nra|]. field. lra. Qed.

(* KL-06 *)
Theorem gaussian_kl_slope_in_the_first_log_deviation m0 l0 m1 l1 :
  is_derive (fun l0 => gaussian_kl m0 l0 m1 l1) l0 (exp l0 ^ 2 / exp l1 ^ 2 - 1).
Proof. unfold gaussian_kl. assert (P := exp_pos l1). auto_derive; [nra|]. field. lra. Qed.

(* KL-06 *)
Theorem gaussian_kl_slope_in_the_second_log_deviation m0 l0 m1 l1 :
  is_derive (fun l1 => gaussian_kl m0 l0 m1 l1) l1 (1 - (exp l0 ^ 2 + (m0 - m1) ^ 2) / exp l1 ^ 2).
Proof. unfold gaussian_kl. assert (P := exp_pos l1). auto_derive; [nra|]. field. lra. Qed.

(* KL-06: with the two log-deviations exchanged *)
Theorem gaussian_kl_with_swapped_log_deviations_is_not_nonnegative :
  ~ (forall m0 l0 m1 l1, 0 <= l0 - l1 + (exp l0 ^ 2 + (m0 - m1) ^ 2) / (2 * exp l1 ^ 2) - 1 / 2).
Proof.
  intros H. specialize (H 0 (- ln 2) 0 0). rewrite exp_0, exp_Ropp, exp_ln in H by lra.
  assert (L : 1 / 2 <= ln 2).
  { generalize (ln_below_its_tangent (1 / 2) ltac:(lra)). rewrite ln_quotient, ln_1 by lra. lra. }
  lra.
Qed.

(* S12: neither direction is the other *)
Theorem gaussian_kl_is_not_symmetric : ~ (forall m0 l0 m1 l1, gaussian_kl m0 l0 m1 l1 = gaussian_kl m1 l1 m0 l0).
Proof.
  intros H. generalize (H 0 0 2 (ln 2)) (H 0 0 0 (ln 2)). unfold gaussian_kl. rewrite exp_0, exp_ln by lra. lra.
Qed.

Definition tanh (x : R) : R := (exp x - exp (- x)) / (exp x + exp (- x)).
Definition softplus (x : R) : R := ln (1 + exp x).

(* GAU-03 *)
Theorem derivative_of_tanh x : is_derive tanh x (1 - tanh x ^ 2).
Proof. unfold tanh. assert (A := exp_pos x). assert (B := exp_pos (- x)). auto_derive; [lra|]. field. lra. Qed.

(* GAU-03 *)
Theorem log_derivative_of_tanh_by_softplus x : ln (1 - tanh x ^ 2) = 2 * (ln 2 - x - softplus (- 2 * x)).
Proof.
  unfold tanh, softplus. assert (A := exp_pos x). assert (B := exp_pos (- x)).
  assert (U : exp x * exp (- x) = 1) by (rewrite <- exp_plus, Rplus_opp_r; apply exp_0).
  assert (E : 1 + exp (- 2 * x) = (exp x + exp (- x)) * exp (- x)).
  { replace (- 2 * x) with (- x + - x) by ring. rewrite exp_plus, Rmult_plus_distr_r, U. ring. }
  set (c := 2 * / (exp x + exp (- x))).
  assert (C : 0 < c) by (apply Rmult_lt_0_compat; [lra|apply Rinv_0_lt_compat; lra]).
  replace (1 - ((exp x - exp (- x)) / (exp x + exp (- x))) ^ 2) with (c * c).
  - rewrite E, !ln_mult, ln_exp by (lra || assumption). unfold c.
    rewrite ln_mult, ln_Rinv by (try apply Rinv_0_lt_compat; lra). ring.
  - unfold c. apply Rmult_eq_reg_r with ((exp x + exp (- x)) ^ 2); [|nra]. field_simplify; [|lra|lra]. nra.
Qed.

(* GAU-03: softplus of + 2 x *)
Theorem log_derivative_of_tanh_takes_minus_two_x :
  ~ (forall x, ln (1 - tanh x ^ 2) = 2 * (ln 2 - x - softplus (2 * x))).
Proof.
  intros H. specialize (H 1). rewrite log_derivative_of_tanh_by_softplus in H. unfold softplus in H.
  assert (L : ln (1 + exp (- 2 * 1)) < ln (1 + exp (2 * 1))).
  { assert (P := exp_pos (- 2 * 1)). apply ln_increasing; [lra|].
    assert (exp (- 2 * 1) < exp (2 * 1)) by (apply exp_increasing; lra). lra. }
  lra.
Qed.
