(* Error bounds from the model x (1 + d), |d| <= u, of one rounding. *)
From Coq Require Import Reals Lra Psatz List.
From Ppo Require Import Finite Divergence.
Import ListNotations.
Local Open Scope R_scope.

(* An order of summation: any binary tree over the terms. *)
Inductive tree := Leaf (x : R) | Node (left right : tree).
Fixpoint exact (t : tree) : R := match t with Leaf x => x | Node a b => exact a + exact b end.
Fixpoint magnitude (t : tree) : R := match t with Leaf x => Rabs x | Node a b => magnitude a + magnitude b end.
Fixpoint terms (t : tree) : nat := match t with Leaf _ => 1 | Node a b => terms a + terms b end.
Fixpoint depth (t : tree) : nat := match t with Leaf _ => 0 | Node a b => S (max (depth a) (depth b)) end.
(* v may come out when every addition errs by at most u, relatively. *)
Inductive computed (u : R) : tree -> R -> Prop :=
| computed_leaf x : computed u (Leaf x) x
| computed_node a b v w d : computed u a v -> computed u b w -> Rabs d <= u ->
    computed u (Node a b) ((v + w) * (1 + d)).

Lemma exact_below_magnitude t : Rabs (exact t) <= magnitude t.
Proof. induction t as [x|a A b B]; simpl; [lra|]. eapply Rle_trans; [apply Rabs_triang|lra]. Qed.

Lemma magnitude_nonnegative t : 0 <= magnitude t.
Proof. eapply Rle_trans; [apply Rabs_pos|apply exact_below_magnitude]. Qed.

Lemma error_by_levels u t v k : 0 <= u -> computed u t v -> (depth t <= k)%nat ->
  Rabs (v - exact t) <= ((1 + u) ^ k - 1) * magnitude t.
Proof.
  intros U C. revert k. induction C as [x|a b v w d A IHa B IHb D]; intros k K.
  - simpl. rewrite Rminus_eq_0, Rabs_R0. apply Rmult_le_pos; [|apply Rabs_pos].
    generalize (pow_R1_Rle (1 + u) k ltac:(lra)). lra.
  - destruct k as [|k]; [simpl in K; inversion K|]. simpl in K. apply le_S_n in K.
    specialize (IHa k (PeanoNat.Nat.le_trans _ _ _ (PeanoNat.Nat.le_max_l _ _) K)).
    specialize (IHb k (PeanoNat.Nat.le_trans _ _ _ (PeanoNat.Nat.le_max_r _ _) K)).
    simpl. set (e := (1 + u) ^ k - 1) in *.
    replace ((v + w) * (1 + d) - (exact a + exact b))
      with ((v - exact a + (w - exact b)) * (1 + d) + (exact a + exact b) * d) by ring.
    eapply Rle_trans; [apply Rabs_triang|]. rewrite !Rabs_mult.
    replace ((1 + u) * (1 + u) ^ k - 1) with (e * (1 + u) + u) by (unfold e; ring).
    assert (F : Rabs (1 + d) <= 1 + u) by (eapply Rle_trans; [apply Rabs_triang|rewrite Rabs_R1; lra]).
    assert (G : Rabs (v - exact a + (w - exact b)) <= e * (magnitude a + magnitude b))
      by (eapply Rle_trans; [apply Rabs_triang|lra]).
    assert (H : Rabs (exact a + exact b) <= magnitude a + magnitude b).
    { eapply Rle_trans; [apply Rabs_triang|]. generalize (exact_below_magnitude a) (exact_below_magnitude b). lra. }
    assert (I := Rmult_le_compat _ _ _ _ (Rabs_pos _) (Rabs_pos _) G F).
    assert (J := Rmult_le_compat _ _ _ _ (Rabs_pos _) (Rabs_pos _) H D). lra.
Qed.

(* ACC-01 *)
Theorem summation_error_by_depth u t v : 0 <= u -> computed u t v ->
  Rabs (v - exact t) <= ((1 + u) ^ depth t - 1) * magnitude t.
Proof. intros U C. now apply error_by_levels. Qed.

Lemma terms_positive t : (1 <= terms t)%nat.
Proof. induction t as [x|a A b B]; simpl; [easy|].
apply PeanoNat.Nat.le_trans with (1 := A), PeanoNat.Nat.le_add_r. Qed.

Lemma depth_below_terms t : (depth t <= terms t - 1)%nat.
Proof.
  induction t as [x|a A b B]; simpl; [easy|]. generalize (terms_positive a) (terms_positive b). lia.
Qed.

(* ACC-01: whatever the order *)
Theorem summation_error_by_count u t v : 0 <= u -> computed u t v ->
  Rabs (v - exact t) <= ((1 + u) ^ (terms t - 1) - 1) * magnitude t.
Proof. intros U C. apply error_by_levels; try assumption. apply depth_below_terms. Qed.

(* ACC-01: the magnitudes belong in it, not the sum *)
Theorem summation_error_is_not_relative_to_the_sum :
  ~ (forall u t v, 0 <= u -> computed u t v -> Rabs (v - exact t) <= ((1 + u) ^ (terms t - 1) - 1) * Rabs (exact t)).
Proof.
  intros H. specialize (H (1 / 2) (Node (Node (Leaf 1) (Leaf 1)) (Leaf (-2)))
    ((((1 + 1) * (1 + 1 / 2)) + -2) * (1 + 0))).
  refine ((fun E => _) (H _ _)).
  - simpl in E. unfold Rabs in E. destruct Rcase_abs, Rcase_abs in E; lra.
  - lra.
  - apply computed_node; [apply computed_node|constructor|]; try constructor; unfold Rabs; destruct Rcase_abs; lra.
Qed.

Example summation_instance : computed (1 / 4) (Node (Leaf 1) (Leaf 2)) ((1 + 2) * (1 + 1 / 4)) /\
  Rabs ((1 + 2) * (1 + 1 / 4) - exact (Node (Leaf 1) (Leaf 2)))
    = ((1 + 1 / 4) ^ 1 - 1) * magnitude (Node (Leaf 1) (Leaf 2)).
Proof.
  split; [apply computed_node; try constructor; unfold Rabs; destruct Rcase_abs; lra|].
  simpl. unfold Rabs. repeat destruct Rcase_abs; lra.
Qed.

Lemma exp_near_one y : Rabs (exp y - 1) <= exp (Rabs y) - 1.
Proof.
  destruct (Rle_dec 0 y) as [P|N].
  - rewrite (Rabs_pos_eq y P), Rabs_pos_eq; [lra|]. generalize (exp_is_above_its_tangent y). lra.
  - rewrite (Rabs_left y) by lra. assert (A := exp_pos y). assert (B := exp_pos (- y)).
    assert (U : exp y * exp (- y) = 1) by (rewrite <- exp_plus, Rplus_opp_r; apply exp_0).
    assert (exp y < 1) by (rewrite <- exp_0; apply exp_increasing; lra).
    rewrite Rabs_left by lra. nra.
Qed.

(* ACC-02: what exp makes of a relative error of its argument *)
Theorem exp_of_a_rounded_argument d e u : Rabs e <= u ->
  Rabs (exp (d * (1 + e)) - exp d) <= exp d * (exp (Rabs d * u) - 1).
Proof.
  intros E. replace (d * (1 + e)) with (d + d * e) by ring. rewrite exp_plus.
  replace (exp d * exp (d * e) - exp d) with (exp d * (exp (d * e) - 1)) by ring.
  assert (P := exp_pos d). rewrite Rabs_mult, (Rabs_pos_eq (exp d)) by lra. apply Rmult_le_compat_l; [lra|].
  eapply Rle_trans; [apply exp_near_one|]. rewrite Rabs_mult.
  assert (L : Rabs d * Rabs e <= Rabs d * u) by (apply Rmult_le_compat_l; [apply Rabs_pos|exact E]).
  destruct L as [L| ->]; [|lra]. generalize (exp_increasing _ _ L). lra.
Qed.

(* IS-10, ACC-02: an exp whose result errs by v on an argument that errs by u *)
Theorem ratio_error d e f u v : Rabs e <= u -> Rabs f <= v ->
  Rabs (exp (d * (1 + e)) * (1 + f) - exp d) <= exp d * (exp (Rabs d * u) * (1 + v) - 1).
Proof.
  intros E F. assert (X := exp_of_a_rounded_argument d e u E). assert (P := exp_pos d).
  assert (Y : exp (d * (1 + e)) <= exp d * exp (Rabs d * u)).
  { generalize (Rle_abs (exp (d * (1 + e)) - exp d)). lra. }
  replace (exp (d * (1 + e)) * (1 + f) - exp d) with (exp (d * (1 + e)) - exp d + exp (d * (1 + e)) * f) by ring.
  eapply Rle_trans; [apply Rabs_triang|].
  rewrite (Rabs_mult _ f), (Rabs_pos_eq (exp (d * (1 + e)))) by (left; apply exp_pos).
  assert (Z := Rmult_le_compat _ _ _ _ (Rlt_le _ _ (exp_pos (d * (1 + e)))) (Rabs_pos f) Y F). lra.
Qed.

(* ACC-02: it grows with |d| *)
Theorem exp_error_is_not_u_alone :
  ~ (forall d e u, 0 <= u -> Rabs e <= u -> Rabs (exp (d * (1 + e)) - exp d) <= exp d * (exp u - 1)).
Proof.
  intros H. specialize (H 2 1 1 ltac:(lra) ltac:(rewrite Rabs_R1; lra)).
  assert (P := exp_is_above_its_tangent 1). set (x := exp 1) in *.
  assert (A : exp 2 = x * x) by (unfold x; rewrite <- exp_plus; f_equal; ring).
  assert (B : exp (2 * (1 + 1)) = x * x * (x * x)) by (rewrite <- A, <- exp_plus; f_equal; ring).
  rewrite A, B in H. generalize (Rle_abs (x * x * (x * x) - x * x)). intros L.
  assert (0 < x * x * x * (x - 1)) by (repeat apply Rmult_lt_0_compat; lra). lra.
Qed.

Example exp_error_instance : Rabs (exp (1 * (1 + 0)) - exp 1) <= exp 1 * (exp (Rabs 1 * 0) - 1).
Proof. apply exp_of_a_rounded_argument. rewrite Rabs_R0. lra. Qed.
