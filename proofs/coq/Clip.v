(* The clipped surrogate of one sample, over the reals.  The band [low, high] stands for [1 - eps, 1 + eps]. *)
From Coq Require Import Reals Lra Psatz.
From Coquelicot Require Import Coquelicot.
Local Open Scope R_scope.

Definition clip (x low high : R) : R := Rmax low (Rmin x high).
Definition objective (low high r a : R) : R := Rmin (r * a) (clip r low high * a).
(* What the objective saturates at. *)
Definition ceiling (low high a : R) : R := if Rle_dec 0 a then high * a else low * a.

(* Splits every min, max and comparison. *)
Ltac split_cases :=
  unfold objective, ceiling, clip, Rmin, Rmax in *;
  repeat match goal with
  | |- context [Rle_dec ?a ?b] => destruct (Rle_dec a b)
  | H : context [Rle_dec ?a ?b] |- _ => destruct (Rle_dec a b)
  end.
(* An equation between products is two inequalities for the nonlinear solver. *)
Ltac settle := solve [lra | nra | apply Rle_antisym; nra].

(* S15, CLIP-05 *)
Theorem clip_stays_in_the_band r low high : low <= high -> low <= clip r low high <= high.
Proof. intros. split_cases; lra. Qed.

(* S15 *)
Theorem clip_is_the_identity_inside_else_the_nearer_end r low high : low <= high ->
  (low <= r <= high -> clip r low high = r) /\ (r < low -> clip r low high = low) /\
  (high < r -> clip r low high = high).
Proof. intros. repeat split; intros; split_cases; lra. Qed.

(* CLIP-05: with a negative eps the band is empty *)
Theorem clip_needs_an_ordered_band : ~ (forall r low high, low <= clip r low high <= high).
Proof. intros H. specialize (H 0 1 0). split_cases; lra. Qed.

Example clip_instance : clip 0 (4 / 5) (6 / 5) = 4 / 5 /\ clip 2 (4 / 5) (6 / 5) = 6 / 5 /\ clip 1 1 1 = 1.
Proof. repeat split; split_cases; lra. Qed.

(* CLIP-01 *)
Theorem objective_is_the_minimum_with_the_ceiling low high r a : low <= high ->
  objective low high r a = Rmin (r * a) (ceiling low high a).
Proof. intros. split_cases; try settle. Qed.

(* CLIP-01: with the two ends exchanged *)
Theorem the_ends_must_not_be_swapped :
  ~ (forall low high r a, low <= high -> objective low high r a = Rmin (r * a) (ceiling high low a)).
Proof. intros H. specialize (H (1 / 2) (3 / 2) 2 1 ltac:(lra)). split_cases; lra. Qed.

Example objective_instance : objective (1 / 2) (3 / 2) 2 1 = 3 / 2 /\ objective (1 / 2) (3 / 2) 2 (-1) = - 2.
Proof. split; split_cases; lra. Qed.

(* CLIP-02 *)
Theorem objective_is_pessimistic low high r a : objective low high r a <= r * a.
Proof. apply Rmin_l. Qed.

(* CLIP-02 *)
Theorem the_clipped_term_alone_is_not_pessimistic :
  ~ (forall low high r a, low <= high -> clip r low high * a <= r * a).
Proof. intros H. specialize (H (1 / 2) (3 / 2) 0 1 ltac:(lra)). split_cases; lra. Qed.

(* CLIP-03 *)
Theorem objective_is_unclipped_iff low high r a : low <= high ->
  (objective low high r a = r * a <-> (0 <= a /\ r <= high) \/ (a <= 0 /\ low <= r)).
Proof.
  intros B. split.
  - intros H. destruct (Rle_dec 0 a), (Rle_dec a 0), (Rle_dec r high), (Rle_dec low r);
      try (left; split; lra); try (right; split; lra); exfalso; split_cases; nra.
  - intros [[A H]|[A H]]; split_cases; settle.
Qed.

(* CLIP-03 *)
Theorem the_band_alone_does_not_decide_clipping :
  ~ (forall low high r a, low <= high -> (objective low high r a = r * a <-> low <= r <= high)).
Proof.
  intros H. destruct (H (1 / 2) (3 / 2) 0 1 ltac:(lra)) as [D _].
  assert (E : objective (1 / 2) (3 / 2) 0 1 = 0 * 1) by (split_cases; lra). specialize (D E). lra.
Qed.

(* A function that is linear near x has that slope there. *)
Lemma slope_where_linear f x d l : 0 < d ->
  (forall h, Rabs h < d -> f (x + h) = f x + l * h) -> derivable_pt_lim f x l.
Proof.
  intros D H e E. exists (mkposreal d D). simpl. intros h N L.
  rewrite H by exact L. replace ((f x + l * h - f x) / h - l) with 0 by (field; exact N). now rewrite Rabs_R0.
Qed.
Ltac region d := intros; apply (slope_where_linear _ _ d); [lra|];
  let h := fresh in let L := fresh in intros h L; apply Rabs_def2 in L; split_cases; settle.

(* CLIP-04 *)
Theorem slope_is_the_advantage_below_the_upper_end low high r a : low <= high -> 0 < a -> r < high ->
  derivable_pt_lim (fun r => objective low high r a) r a.
Proof. region (high - r). Qed.

(* CLIP-04 *)
Theorem slope_is_the_advantage_above_the_lower_end low high r a : low <= high -> a < 0 -> low < r ->
  derivable_pt_lim (fun r => objective low high r a) r a.
Proof. region (r - low). Qed.

(* CLIP-04, S16 *)
Theorem slope_is_zero_above_the_upper_end low high r a : low <= high -> 0 < a -> high < r ->
  derivable_pt_lim (fun r => objective low high r a) r 0.
Proof. region (r - high). Qed.

(* CLIP-04, S16 *)
Theorem slope_is_zero_below_the_lower_end low high r a : low <= high -> a < 0 -> r < low ->
  derivable_pt_lim (fun r => objective low high r a) r 0.
Proof. region (low - r). Qed.

(* CLIP-04: outside the band the slope is not always zero *)
Theorem outside_the_band_the_slope_need_not_vanish :
  ~ (forall low high r a, low <= high -> r < low \/ high < r ->
     derivable_pt_lim (fun r => objective low high r a) r 0).
Proof.
  intros H. assert (O : 0 < 1 / 2 \/ 3 / 2 < 0) by lra. specialize (H (1 / 2) (3 / 2) 0 1 ltac:(lra) O).
  generalize (uniqueness_limite _ _ _ _ H
    (slope_is_the_advantage_below_the_upper_end (1 / 2) (3 / 2) 0 1 ltac:(lra) ltac:(lra) ltac:(lra))). lra.
Qed.

(* The limits of the difference quotient from one side. *)
Definition slope_from_the_left (f : R -> R) (x l : R) : Prop :=
  forall e, 0 < e -> exists d, 0 < d /\ forall h, - d < h < 0 -> Rabs ((f (x + h) - f x) / h - l) < e.
Definition slope_from_the_right (f : R -> R) (x l : R) : Prop :=
  forall e, 0 < e -> exists d, 0 < d /\ forall h, 0 < h < d -> Rabs ((f (x + h) - f x) / h - l) < e.

Lemma left_where_linear f x l : (forall h, h < 0 -> f (x + h) = f x + l * h) -> slope_from_the_left f x l.
Proof.
  intros H e E. exists 1. split; [lra|]. intros h [_ N]. rewrite H by exact N.
  replace ((f x + l * h - f x) / h - l) with 0 by (field; lra). now rewrite Rabs_R0.
Qed.
Lemma right_where_linear f x l : (forall h, 0 < h -> f (x + h) = f x + l * h) -> slope_from_the_right f x l.
Proof.
  intros H e E. exists 1. split; [lra|]. intros h [N _]. rewrite H by exact N.
  replace ((f x + l * h - f x) / h - l) with 0 by (field; lra). now rewrite Rabs_R0.
Qed.

(* CLIP-04 *)
Theorem one_sided_slopes_at_the_upper_kink low high a : low <= high -> 0 < a ->
  slope_from_the_left (fun r => objective low high r a) high a /\
  slope_from_the_right (fun r => objective low high r a) high 0.
Proof.
  intros B A. split; [apply left_where_linear | apply right_where_linear]; intros; split_cases; settle.
Qed.

(* CLIP-04 *)
Theorem one_sided_slopes_at_the_lower_kink low high a : low <= high -> a < 0 ->
  slope_from_the_left (fun r => objective low high r a) low 0 /\
  slope_from_the_right (fun r => objective low high r a) low a.
Proof.
  intros B A. split; [apply left_where_linear | apply right_where_linear]; intros; split_cases; settle.
Qed.

Lemma two_sided_is_one_sided f x l : derivable_pt_lim f x l -> slope_from_the_left f x l /\ slope_from_the_right f x l.
Proof.
  intros H. split; intros e E; destruct (H e E) as [d D]; exists d; (split; [apply cond_pos|]); intros h K;
    apply D; try lra; unfold Rabs; destruct (Rcase_abs h); lra.
Qed.

Lemma right_slope_is_unique f x l l' : slope_from_the_right f x l -> slope_from_the_right f x l' -> l = l'.
Proof.
  intros H H'. destruct (Req_dec l l') as [E|N]; [exact E|exfalso].
  assert (P : 0 < Rabs (l - l') / 2) by (assert (0 < Rabs (l - l')) by (apply Rabs_pos_lt; lra); lra).
  destruct (H _ P) as [d [D K]], (H' _ P) as [d' [D' K']].
  set (h := Rmin d d' / 2). assert (I : 0 < h < d /\ h < d') by (unfold h, Rmin; destruct (Rle_dec d d'); lra).
  specialize (K h ltac:(lra)). specialize (K' h ltac:(lra)). set (q := (f (x + h) - f x) / h) in *.
  generalize (Rabs_triang (l - q) (q - l')). replace (l - q + (q - l')) with (l - l') by ring.
  rewrite (Rabs_minus_sym l q). lra.
Qed.

(* CLIP-04 *)
Theorem there_is_no_derivative_at_the_kinks low high a : low <= high ->
  (0 < a -> ~ exists l, derivable_pt_lim (fun r => objective low high r a) high l) /\
  (a < 0 -> ~ exists l, derivable_pt_lim (fun r => objective low high r a) low l).
Proof.
  assert (U : forall f x l l' k, slope_from_the_left f x l -> slope_from_the_right f x l' -> l <> l' ->
              ~ derivable_pt_lim f x k).
  { intros f x l l' k L R N H. destruct (two_sided_is_one_sided _ _ _ H) as [L1 R1]. apply N.
    rewrite <- (right_slope_is_unique _ _ _ _ R1 R).
    assert (M : forall g y m, slope_from_the_left g y m -> slope_from_the_right (fun z => g (- z)) (- y) (- m)).
    { intros g y m G e E. destruct (G e E) as [d [D K]]. exists d. split; [exact D|]. intros h I.
      specialize (K (- h) ltac:(lra)). replace (- (- y + h)) with (y + - h) by ring. rewrite Ropp_involutive.
      replace ((g (y + - h) - g y) / h - - m) with (- ((g (y + - h) - g y) / - h - m)) by (field; lra).
      now rewrite Rabs_Ropp. }
    generalize (right_slope_is_unique _ _ _ _ (M _ _ _ L) (M _ _ _ L1)). lra. }
  intros B. split; intros A [l H].
  - destruct (one_sided_slopes_at_the_upper_kink low high a B A) as [L R]. apply (U _ _ _ _ l L R); [lra|exact H].
  - destruct (one_sided_slopes_at_the_lower_kink low high a B A) as [L R]. apply (U _ _ _ _ l L R); [lra|exact H].
Qed.

(* CLIP-05 *)
Theorem objective_is_concave_in_the_ratio low high r r' t a : low <= high -> 0 <= t <= 1 ->
  t * objective low high r a + (1 - t) * objective low high r' a <= objective low high (t * r + (1 - t) * r') a.
Proof.
  intros B T. rewrite !objective_is_the_minimum_with_the_ceiling by exact B. set (c := ceiling low high a).
  assert (M : forall u v, Rmin u v <= u /\ Rmin u v <= v) by (intros; split; [apply Rmin_l | apply Rmin_r]).
  destruct (M (r * a) c), (M (r' * a) c). apply Rmin_glb; nra.
Qed.

(* CLIP-05 *)
Theorem objective_is_homogeneous_in_the_advantage low high r a c : low <= high -> 0 <= c ->
  objective low high r (c * a) = c * objective low high r a.
Proof. intros B C. unfold objective, Rmin. 
  destruct (Rle_dec (r * (c * a)) (clip r low high * (c * a))), (Rle_dec (r * a) (clip r low high * a)); nra.
Qed.

(* CLIP-05 *)
Theorem objective_is_monotone_in_the_advantage low high r a a' : 0 <= low <= high -> 0 <= r -> a <= a' ->
  objective low high r a <= objective low high r a'.
Proof.
  intros B P A. unfold objective. assert (C := clip_stays_in_the_band r low high ltac:(lra)).
  apply Rmin_glb; [eapply Rle_trans; [apply Rmin_l|] | eapply Rle_trans; [apply Rmin_r|]].
  - apply Rmult_le_compat_l; lra.
  - apply Rmult_le_compat_l; lra.
Qed.

(* CLIP-05: for a negative ratio it is not monotone *)
Theorem monotonicity_needs_a_positive_ratio :
  ~ (forall low high r a a', 0 <= low <= high -> a <= a' -> objective low high r a <= objective low high r a').
Proof. intros H. specialize (H (1 / 2) (3 / 2) (-1) 0 1 ltac:(lra) ltac:(lra)). split_cases; lra. Qed.

(* CLIP-07: the unclipped term in the log-probability *)
Theorem slope_in_the_log_probability old a x :
  is_derive (fun x => exp (x - old) * a) x (exp (x - old) * a).
Proof. auto_derive; [easy | unfold Rminus; ring]. Qed.
