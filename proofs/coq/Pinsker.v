(* The divergence bounds the distance of the distributions, for any number of points. *)
From Coq Require Import Reals Lra Psatz List.
From Coquelicot Require Import Coquelicot.
From Ppo Require Import Finite Divergence TrustRegion.
Import ListNotations.
Local Open Scope R_scope.

(* Touches the logarithm at 1 to third order; the slope of the difference is (x - 1)^3 / (x (x + 2))^2. *)
Definition below_ln (x : R) : R := (x - 1) * (5 * x + 1) / (2 * x * (x + 2)).

Lemma ln_is_above x : 0 < x -> below_ln x <= ln x.
Proof.
  intros P. set (f := fun y => ln y - below_ln y). set (df := fun y => (y - 1) ^ 3 / (y * (y + 2)) ^ 2).
  assert (D : forall y, 0 < y -> is_derive f y (df y)).
  { intros y Y. unfold f, df, below_ln. assert (0 < y * (y + 2)) by nra.
    auto_derive; [split; [exact Y|split; [nra|exact I]]|]. field. split; lra. }
  assert (M : forall y, Rmin 1 x <= y -> 0 < y).
  { intros y. unfold Rmin. destruct Rle_dec; lra. }
  destruct (MVT_gen f 1 x df) as [c [C E]].
  - intros y [L _]. apply D, M. lra.
  - intros y [L _]. apply continuity_pt_filterlim, (ex_derive_continuous f). exists (df y). apply D, M, L.
  - assert (Z : f 1 = 0) by (unfold f, below_ln; rewrite ln_1; field).
    assert (0 <= df c * (x - 1)).
    { assert (Y : 0 < c) by (apply M, C). unfold df, Rdiv.
      assert (0 < / (c * (c + 2)) ^ 2) by (apply Rinv_0_lt_compat, pow_lt; nra).
      replace ((c - 1) ^ 3 * / (c * (c + 2)) ^ 2 * (x - 1))
        with (/ (c * (c + 2)) ^ 2 * ((c - 1) ^ 2 * ((c - 1) * (x - 1)))) by ring.
      apply Rmult_le_pos; [lra|]. apply Rmult_le_pos; [apply pow2_ge_0|].
      destruct C as [A B]. unfold Rmin, Rmax in A, B. destruct (Rle_dec 1 x); nra. }
    unfold f in *. lra.
Qed.

Lemma term_is_above_by_a_square p q c : 0 <= p -> 0 <= q -> (q = 0 -> p = 0) ->
  (p - q) + 3 / 2 * (2 * c * Rabs (p - q) - c ^ 2 * (p + 2 * q)) <= p * ln (p / q).
Proof.
  intros P Q C. destruct Q as [Q|<-].
  2: { rewrite (C eq_refl), Rminus_0_r, Rabs_R0. lra. }
  set (d := Rabs (p - q)). assert (S : d ^ 2 = (p - q) ^ 2) by apply pow2_abs.
  assert (W : 0 < p + 2 * q) by lra.
  assert (A : 2 * c * d - c ^ 2 * (p + 2 * q) <= (p - q) ^ 2 / (p + 2 * q)).
  { rewrite <- S. apply Rmult_le_reg_r with (p + 2 * q); [exact W|].
    replace (d ^ 2 / (p + 2 * q) * (p + 2 * q)) with (d ^ 2) by (field; lra).
    generalize (pow2_ge_0 (d - c * (p + 2 * q))). nra. }
  apply Rle_trans with ((p - q) + 3 / 2 * ((p - q) ^ 2 / (p + 2 * q))); [lra|].
  destruct P as [P|<-].
  - assert (X : 0 < p / q) by (apply Rdiv_lt_0_compat; lra).
    apply Rle_trans with (p * below_ln (p / q)); [|apply Rmult_le_compat_l; [lra|now apply ln_is_above]].
    right. unfold below_ln. field. repeat split; lra.
  - rewrite Rmult_0_l. replace (0 - q + 3 / 2 * ((0 - q) ^ 2 / (0 + 2 * q))) with (- (q / 4)) by (field; lra). lra.
Qed.

(* KL-10, S12 *)
Theorem divergence_bounds_the_distance {X} (s : list X) p q :
  distribution s p -> distribution s q -> covers s q p -> l1_distance s p q ^ 2 / 2 <= kl s p q.
Proof.
  intros [P S] [Q T] C. unfold l1_distance. set (d := Sum x in s, Rabs (p x - q x)).
  apply Rle_trans with (Sum x in s,
    (p x - q x) + 3 / 2 * (2 * (d / 3) * Rabs (p x - q x) - (d / 3) ^ 2 * (p x + 2 * q x))).
  - rewrite total_plus, total_minus, total_scale, total_minus, !total_scale, total_plus, total_scale, S, T. fold d. lra.
  - apply total_le. intros x I. apply term_is_above_by_a_square; auto.
Qed.

(* KL-10: with 3/4 for 1/2 *)
Theorem a_larger_factor_is_too_large :
  ~ (forall p q : bool -> R, distribution pair p -> distribution pair q -> covers pair q p ->
     3 / 4 * l1_distance pair p q ^ 2 <= kl pair p q).
Proof.
  intros H. specialize (H even (fun x => if x then 1 / 4 else 3 / 4)). refine ((fun E => _) (H _ _ _)).
  - unfold l1_distance, kl, total, pair, even in E.
    replace (1 / 2 / (1 / 4)) with 2 in E by field. replace (1 / 2 / (3 / 4)) with (2 / 3) in E by field.
    assert (L : ln (2 * (2 / 3)) <= 2 * (2 / 3) - 1) by (apply ln_below_its_tangent; lra).
    rewrite ln_mult in L by lra. unfold Rabs in E. repeat destruct Rcase_abs in E; lra.
  - split; [intros x _; unfold even; lra|unfold total, pair, even; lra].
  - split; [intros [] _; lra|unfold total, pair; lra].
  - intros [] _; lra.
Qed.

Example divergence_bounds_the_distance_instance : 1 / 8 <= kl pair even (fun x : bool => if x then 1 / 4 else 3 / 4).
Proof.
  apply Rle_trans with (l1_distance pair even (fun x : bool => if x then 1 / 4 else 3 / 4) ^ 2 / 2).
  - unfold l1_distance, total, pair, even, Rabs. repeat destruct Rcase_abs; lra.
  - apply divergence_bounds_the_distance.
    + split; [intros x _; unfold even; lra|unfold total, pair, even; lra].
    + split; [intros [] _; lra|unfold total, pair; lra].
    + intros [] _; lra.
Qed.
