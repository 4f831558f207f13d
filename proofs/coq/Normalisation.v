(* Normalised advantages: mean 0, variance 1 (divided by n), and what an affine change does. *)
From Coq Require Import Reals Lra Psatz List.
From Ppo Require Import Finite.
Import ListNotations.
Local Open Scope R_scope.

Definition average (l : list R) : R := (Sum x in l, x) / INR (length l).
Definition average_square (l : list R) : R := average (map (fun x => (x - average l) ^ 2) l).
Definition normalised (l : list R) : list R := map (fun x => (x - average l) / sqrt (average_square l)) l.

Lemma length_positive (l : list R) : l <> [] -> 0 < INR (length l).
Proof. destruct l; [easy|]. intros _. apply lt_0_INR. apply PeanoNat.Nat.lt_0_succ. Qed.

Lemma average_affine l a b : l <> [] -> average (map (fun x => a * x + b) l) = a * average l + b.
Proof.
  intros N. apply length_positive in N. unfold average.
  rewrite total_map, map_length, total_plus, total_scale, total_constant. field. lra.
Qed.

Lemma average_square_affine l a b : l <> [] ->
  average_square (map (fun x => a * x + b) l) = a ^ 2 * average_square l.
Proof.
  intros N. unfold average_square at 1. rewrite average_affine, map_map by exact N.
  rewrite (map_ext _ (fun x => a ^ 2 * (x - average l) ^ 2 + 0)) by (intros; ring).
  rewrite <- (map_map (fun x => (x - average l) ^ 2) (fun y => a ^ 2 * y + 0)), average_affine.
  - unfold average_square. ring.
  - now destruct l.
Qed.

Lemma normalised_is_affine l :
  normalised l = map (fun x => / sqrt (average_square l) * x + - average l / sqrt (average_square l)) l.
Proof. apply map_ext. intros x. unfold Rdiv. ring. Qed.

(* NORM-01 *)
Theorem normalised_values_average_to_zero l : l <> [] -> average (normalised l) = 0.
Proof. intros N. rewrite normalised_is_affine, average_affine by exact N. unfold Rdiv. ring. Qed.

(* NORM-01 *)
Theorem normalised_values_have_unit_variance l : l <> [] -> 0 < average_square l -> average_square (normalised l) = 1.
Proof.
  intros N P. rewrite normalised_is_affine, average_square_affine by exact N.
  rewrite <- (sqrt_sqrt (average_square l)) at 2 by lra. field. generalize (sqrt_lt_R0 _ P). lra.
Qed.

(* NORM-01 *)
Theorem normalisation_ignores_increasing_affine_changes l a b : l <> [] -> 0 < a -> 0 < average_square l ->
  normalised (map (fun x => a * x + b) l) = normalised l.
Proof.
  intros N A P. unfold normalised at 1. rewrite map_map. apply map_ext. intros x.
  rewrite average_affine, average_square_affine by exact N.
  replace (sqrt (a ^ 2 * average_square l)) with (a * sqrt (average_square l)).
  - generalize (sqrt_lt_R0 _ P). intros. field. lra.
  - rewrite sqrt_mult, sqrt_pow2; nra.
Qed.

Lemma pair_average : average [1; -1] = 0.
Proof. unfold average. simpl. lra. Qed.
Lemma pair_square : average_square [1; -1] = 1.
Proof. unfold average_square. rewrite pair_average. unfold average. simpl. lra. Qed.

(* NORM-01: a decreasing change flips the sign *)
Theorem normalisation_does_not_ignore_a_change_of_sign :
  ~ (forall l a b, l <> [] -> a <> 0 -> 0 < average_square l -> normalised (map (fun x => a * x + b) l) = normalised l).
Proof.
  intros H. specialize (H [1; -1] (-1) 0 ltac:(easy) ltac:(lra) ltac:(rewrite pair_square; lra)).
  unfold normalised in H. rewrite average_square_affine, average_affine, pair_average, pair_square in H by easy.
  simpl in H. injection H. intros _ E. replace (-1 * (-1 * 1) * 1) with 1 in E by ring.
  replace ((-1) * ((-1) * 1) * 1) with 1 in E by ring. rewrite sqrt_1 in E. lra.
Qed.

Example normalisation_instance : [1; -1] <> [] /\ 0 < average_square [1; -1] /\ normalised [3; 1] = normalised [1; -1].
Proof.
  split; [easy|]. split; [rewrite pair_square; lra|].
  rewrite <- (normalisation_ignores_increasing_affine_changes [1; -1] 1 2) by (try easy; try (rewrite pair_square);
    lra).
  f_equal. simpl. f_equal; [lra|f_equal; lra].
Qed.
