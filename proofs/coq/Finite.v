(* Sums over a finite space, given as the list of its points. *)
From Coq Require Import Reals Lra Psatz List.
From Coquelicot Require Import Coquelicot.
Import ListNotations.
Local Open Scope R_scope.

Fixpoint total {X} (s : list X) (f : X -> R) : R :=
  match s with [] => 0 | x :: s' => f x + total s' f end.
Notation "'Sum' x 'in' s , f" := (total s (fun x => f)) (at level 200, x name, s at level 99, right associativity).

Definition mean {X} (s : list X) (p f : X -> R) : R := Sum x in s, p x * f x.
Definition distribution {X} (s : list X) (p : X -> R) : Prop :=
  (forall x, In x s -> 0 <= p x) /\ (Sum x in s, p x) = 1.
(* Wherever p has mass, q has mass. *)
Definition covers {X} (s : list X) (q p : X -> R) : Prop := forall x, In x s -> q x = 0 -> p x = 0.

Lemma total_ext {X} (s : list X) f g : (forall x, In x s -> f x = g x) -> (Sum x in s, f x) = (Sum x in s, g x).
Proof. induction s as [|x s IH]; simpl; intros H; [easy|]. rewrite H, IH; auto. Qed.

Lemma total_le {X} (s : list X) f g : (forall x, In x s -> f x <= g x) -> (Sum x in s, f x) <= (Sum x in s, g x).
Proof. induction s as [|x s IH]; simpl; intros H; [lra|]. apply Rplus_le_compat; auto. Qed.

Lemma total_plus {X} (s : list X) f g : (Sum x in s, f x + g x) = (Sum x in s, f x) + (Sum x in s, g x).
Proof. induction s as [|x s IH]; simpl; [|rewrite IH]; lra. Qed.

Lemma total_minus {X} (s : list X) f g : (Sum x in s, f x - g x) = (Sum x in s, f x) - (Sum x in s, g x).
Proof. induction s as [|x s IH]; simpl; [|rewrite IH]; lra. Qed.

Lemma total_scale {X} (s : list X) c f : (Sum x in s, c * f x) = c * (Sum x in s, f x).
Proof. induction s as [|x s IH]; simpl; [|rewrite IH]; lra. Qed.

Lemma total_scale_right {X} (s : list X) f c : (Sum x in s, f x * c) = (Sum x in s, f x) * c.
Proof. induction s as [|x s IH]; simpl; [|rewrite IH]; lra. Qed.

Lemma total_zero {X} (s : list X) : (Sum x in s, 0) = 0.
Proof. induction s as [|x s IH]; simpl; [|rewrite IH]; lra. Qed.

Lemma total_constant {X} (s : list X) c : (Sum x in s, c) = INR (length s) * c.
Proof.
  induction s as [|x s IH]; [simpl; ring|]. cbn [total length]. rewrite IH, S_INR. ring.
Qed.

Lemma total_nonneg {X} (s : list X) f : (forall x, In x s -> 0 <= f x) -> 0 <= Sum x in s, f x.
Proof. intros H. rewrite <- (total_zero s). now apply total_le. Qed.

Lemma total_positive {X} (s : list X) f : s <> [] -> (forall x, In x s -> 0 < f x) -> 0 < Sum x in s, f x.
Proof.
  destruct s as [|x s]; [easy|]. intros _ H. simpl.
  assert (0 < f x) by (apply H; now left).
  assert (0 <= Sum x in s, f x) by (apply total_nonneg; intros; left; apply H; now right). lra.
Qed.

Lemma total_abs {X} (s : list X) f : Rabs (Sum x in s, f x) <= Sum x in s, Rabs (f x).
Proof.
  induction s as [|x s IH]; simpl; [rewrite Rabs_R0; lra|]. eapply Rle_trans; [apply Rabs_triang|]. lra.
Qed.

Lemma total_app {X} (s t : list X) f : (Sum x in s ++ t, f x) = (Sum x in s, f x) + (Sum x in t, f x).
Proof. induction s as [|x s IH]; simpl; [|rewrite IH]; ring. Qed.

Lemma total_map {X Y} (h : X -> Y) s f : (Sum x in map h s, f x) = Sum x in s, f (h x).
Proof. induction s as [|x s IH]; simpl; [easy|now rewrite IH]. Qed.

Lemma total_swap {X Y} (s : list X) (t : list Y) f :
  (Sum x in s, Sum y in t, f x y) = Sum y in t, Sum x in s, f x y.
Proof.
  induction s as [|x s IH]; simpl; [now rewrite total_zero|]. now rewrite IH, total_plus.
Qed.

(* A sum of nonnegative terms is zero only if every term is. *)
Lemma total_zero_terms {X} (s : list X) f :
  (forall x, In x s -> 0 <= f x) -> (Sum x in s, f x) = 0 -> forall x, In x s -> f x = 0.
Proof.
  induction s as [|y s IH]; simpl; intros P Z x I; [easy|].
  assert (0 <= f y) by (apply P; now left).
  assert (0 <= Sum x in s, f x) by (apply total_nonneg; intros; apply P; now right).
  destruct I as [->|I]; [lra|]. apply IH; auto. lra.
Qed.

Lemma total_step n f : (Sum k in seq 0 (S n), f k) = (Sum k in seq 0 n, f k) + f n.
Proof. rewrite seq_S, total_app. simpl. ring. Qed.

Lemma total_shift n f : (Sum k in seq 0 (S n), f k) = f O + Sum k in seq 0 n, f (S k).
Proof. simpl. now rewrite <- seq_shift, total_map. Qed.

Lemma total_derive {X} (s : list X) (f : X -> R -> R) (df : X -> R) t :
  (forall x, In x s -> is_derive (f x) t (df x)) ->
  is_derive (fun u => Sum x in s, f x u) t (Sum x in s, df x).
Proof.
  induction s as [|x s IH]; intros H; simpl.
  - apply (is_derive_const 0).
  - apply (is_derive_plus (f x) (fun u => Sum x in s, f x u)).
    + apply H. now left.
    + apply IH. intros. apply H. now right.
Qed.

Lemma mean_bounded {X} (s : list X) p f b :
  distribution s p -> (forall x, In x s -> Rabs (f x) <= b) -> Rabs (mean s p f) <= b.
Proof.
  intros [P S] B. eapply Rle_trans; [apply total_abs|].
  replace b with (Sum x in s, b * p x) by (rewrite total_scale, S; ring).
  apply total_le. intros x I. rewrite Rabs_mult, (Rabs_pos_eq (p x)) by now apply P.
  rewrite Rmult_comm. apply Rmult_le_compat_r; [now apply P | now apply B].
Qed.

Lemma mean_const {X} (s : list X) p c : (Sum x in s, p x) = 1 -> mean s p (fun _ => c) = c.
Proof. intros S. unfold mean. rewrite total_scale_right, S. ring. Qed.
