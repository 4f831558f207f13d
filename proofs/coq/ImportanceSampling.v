(* Importance sampling on a finite space of any size. *)
From Coq Require Import Reals Lra Psatz List.
From Ppo Require Import Finite.
Import ListNotations.
Local Open Scope R_scope.

Definition weight {X} (p q : X -> R) (x : X) : R := p x / q x.
Definition variance {X} (s : list X) (q g : X -> R) : R := mean s q (fun x => (g x - mean s q g) ^ 2).

(* Two points: the space of all the witnesses below. *)
Definition two : list bool := [true; false].
Definition coin (h : R) (x : bool) : R := if x then h else 1 - h.

(* Settles statements about given numbers on two points. *)
Ltac numbers := unfold variance, mean, weight, coin, two, total in *; lra.
Ltac coins := repeat split; try (intros [] _); try numbers.

(* IS-01 *)
Theorem weighted_mean_is_the_mean {X} (s : list X) (p q f : X -> R) :
  (forall x, In x s -> q x = 0 -> p x * f x = 0) ->
  mean s q (fun x => weight p q x * f x) = mean s p f.
Proof.
  intros H. apply total_ext. intros x I. unfold weight.
  destruct (Req_dec (q x) 0) as [Z|Z]; [rewrite Z, (H x I Z); ring | field; exact Z].
Qed.

(* IS-01 *)
Theorem without_support_exactly_the_missing_mass_is_lost {X} (s : list X) (p q f : X -> R) :
  mean s p f - mean s q (fun x => weight p q x * f x) = Sum x in s, if Req_EM_T (q x) 0 then p x * f x else 0.
Proof.
  unfold mean. rewrite <- total_minus. apply total_ext. intros x _. unfold weight.
  destruct (Req_EM_T (q x) 0) as [Z|Z]; [rewrite Z; ring | field; exact Z].
Qed.

(* IS-01, S4: the condition cannot be left out *)
Theorem support_is_needed :
  ~ (forall p q f : bool -> R, distribution two p -> distribution two q ->
     mean two q (fun x => weight p q x * f x) = mean two p f).
Proof.
  intros H.
  specialize (H (coin (1 / 2)) (coin 1) (coin 0) ltac:(coins) ltac:(coins)).
  unfold mean, weight, coin, two, total, Rdiv in H. rewrite Rminus_eq_0, Rinv_1 in H. lra.
Qed.

Example weighted_mean_is_the_mean_instance :
  mean two (coin (1 / 5)) (fun x => weight (coin (7 / 10)) (coin (1 / 5)) x * (if x then 1 else 5)) = 11 / 5.
Proof.
  rewrite weighted_mean_is_the_mean; [numbers | intros [] _; unfold coin; lra].
Qed.

(* IS-02 *)
Theorem weights_average_to_one {X} (s : list X) (p q : X -> R) :
  covers s q p -> (Sum x in s, p x) = 1 -> mean s q (weight p q) = 1.
Proof.
  intros H S. rewrite <- S. apply total_ext. intros x I. unfold weight.
  destruct (Req_dec (q x) 0) as [Z|Z]; [rewrite Z, (H x I Z); ring | field; exact Z].
Qed.

(* IS-02 *)
Theorem without_support_weights_average_below_one :
  exists p q : bool -> R, distribution two p /\ distribution two q /\ mean two q (weight p q) < 1.
Proof.
  exists (coin (1 / 2)), (coin 1). coins.
Qed.

Example weights_average_to_one_instance : mean two (coin (1 / 5)) (weight (coin (7 / 10)) (coin (1 / 5))) = 1.
Proof. apply weights_average_to_one; [intros [] _; unfold coin; lra | unfold two, coin, total; lra]. Qed.

Lemma variance_expands {X} (s : list X) (q g : X -> R) :
  (Sum x in s, q x) = 1 -> variance s q g = mean s q (fun x => g x ^ 2) - mean s q g ^ 2.
Proof.
  intros S. unfold variance. set (m := mean s q g).
  transitivity (Sum x in s, q x * g x ^ 2 + (m ^ 2 * q x - 2 * m * (q x * g x))).
  - apply total_ext. intros. ring.
  - rewrite total_plus, total_minus, !total_scale, S. fold (mean s q g). fold m. unfold mean. ring.
Qed.

(* IS-03 *)
Theorem variance_of_the_weighted_value {X} (s : list X) (p q f : X -> R) :
  (forall x, In x s -> q x = 0 -> p x * f x = 0) -> (Sum x in s, q x) = 1 ->
  variance s q (fun x => weight p q x * f x) = (Sum x in s, (p x * f x) ^ 2 / q x) - mean s p f ^ 2.
Proof.
  intros H S. rewrite variance_expands by exact S. rewrite weighted_mean_is_the_mean by exact H.
  f_equal. apply total_ext. intros x I. unfold weight.
  destruct (Req_dec (q x) 0) as [Z|Z]; [|field; exact Z].
  rewrite Z, (H x I Z). unfold Rdiv. ring.
Qed.

(* IS-03, S5: it is not the variance under p *)
Theorem weighted_variance_is_not_the_variance_under_p :
  ~ (forall p q f : bool -> R, distribution two p -> distribution two q -> covers two q p ->
     variance two q (fun x => weight p q x * f x) = variance two p f).
Proof.
  intros H. specialize (H (coin (7 / 10)) (coin (1 / 5)) (fun x => if x then 1 else 5)
    ltac:(coins) ltac:(coins)).
  assert (C : covers two (coin (1 / 5)) (coin (7 / 10))) by (intros [] _; unfold coin; lra).
  specialize (H C). numbers.
Qed.

(* S5: equal means, variances 3.36 and 0.4225 *)
Theorem equal_means_different_variances :
  exists p q f : bool -> R, distribution two p /\ distribution two q /\
    mean two q (fun x => weight p q x * f x) = mean two p f /\
    variance two p f = 336 / 100 /\ variance two q (fun x => weight p q x * f x) = 4225 / 10000.
Proof.
  exists (coin (7 / 10)), (coin (1 / 5)), (fun x : bool => if x then 1 else 5).
  coins.
Qed.

Example variance_of_the_weighted_value_instance :
  variance two (coin (1 / 5)) (fun x => weight (coin (7 / 10)) (coin (1 / 5)) x * (if x then 1 else 5))
  = 4225 / 10000.
Proof.
  rewrite variance_of_the_weighted_value; unfold mean, two, coin, total; try lra. intros [] _; lra.
Qed.

(* IS-04 *)
Theorem weight_variance_is_chi_square {X} (s : list X) (p q : X -> R) :
  covers s q p -> (Sum x in s, p x) = 1 -> (Sum x in s, q x) = 1 ->
  mean s q (fun x => weight p q x ^ 2) - 1 = Sum x in s, (p x - q x) ^ 2 / q x.
Proof.
  intros H P Q.
  transitivity (Sum x in s, q x * weight p q x ^ 2 + (q x - 2 * p x)).
  - rewrite total_plus, total_minus, total_scale, P, Q. unfold mean. ring.
  - apply total_ext. intros x I. unfold weight.
    destruct (Req_dec (q x) 0) as [Z|Z]; [|field; exact Z].
    rewrite Z, (H x I Z). unfold Rdiv. ring.
Qed.

(* IS-04 *)
Theorem chi_square_divides_by_q :
  ~ (forall p q : bool -> R, distribution two p -> distribution two q -> covers two q p -> covers two p q ->
     mean two q (fun x => weight p q x ^ 2) - 1 = Sum x in two, (p x - q x) ^ 2 / p x).
Proof.
  intros H. specialize (H (coin (7 / 10)) (coin (1 / 5)) ltac:(coins)
    ltac:(coins) ltac:(coins) ltac:(coins)).
  numbers.
Qed.

Example weight_variance_is_chi_square_instance :
  mean two (coin (1 / 5)) (fun x => weight (coin (7 / 10)) (coin (1 / 5)) x ^ 2) - 1 = 25 / 16.
Proof.
  rewrite weight_variance_is_chi_square; unfold two, coin, total; try lra. intros [] _; lra.
Qed.

(* IS-08 *)
Theorem truncation_bias_is_exact {X} (s : list X) (p q f : X -> R) (c : R) :
  (forall x, In x s -> q x = 0 -> p x * f x = 0) ->
  mean s q (fun x => Rmin (weight p q x) c * f x) - mean s p f
  = - mean s q (fun x => f x * Rmax (weight p q x - c) 0).
Proof.
  intros H. rewrite <- (weighted_mean_is_the_mean s p q f H).
  enough (E : mean s q (fun x => Rmin (weight p q x) c * f x) + mean s q (fun x => f x * Rmax (weight p q x - c) 0)
              = mean s q (fun x => weight p q x * f x)) by lra.
  unfold mean. rewrite <- total_plus. apply total_ext. intros x _. unfold Rmin, Rmax.
  destruct (Rle_dec (weight p q x) c), (Rle_dec (weight p q x - c) 0); try lra; ring.
Qed.

(* IS-08 *)
Theorem truncated_weights_are_biased :
  ~ (forall (p q f : bool -> R) c, distribution two p -> distribution two q -> covers two q p -> 1 <= c ->
     mean two q (fun x => Rmin (weight p q x) c * f x) = mean two p f).
Proof.
  intros H. specialize (H (coin (3 / 4)) (coin (1 / 4)) (coin 1) 2 ltac:(coins)
    ltac:(coins) ltac:(coins) ltac:(lra)).
  unfold mean, weight, coin, two, total, Rmin in H.
  destruct (Rle_dec (3 / 4 / (1 / 4)) 2), (Rle_dec ((1 - 3 / 4) / (1 - 1 / 4)) 2); lra.
Qed.

Example truncation_bias_is_exact_instance :
  mean two (coin (1 / 4)) (fun x => Rmin (weight (coin (3 / 4)) (coin (1 / 4)) x) 2 * coin 1 x)
  - mean two (coin (3 / 4)) (coin 1) = - (1 / 4).
Proof.
  rewrite truncation_bias_is_exact by (intros [] _; unfold coin; lra).
  unfold mean, weight, coin, two, total, Rmax.
  destruct (Rle_dec (3 / 4 / (1 / 4) - 2) 0), (Rle_dec ((1 - 3 / 4) / (1 - 1 / 4) - 2) 0); lra.
Qed.

(* IS-07 *)
Theorem self_normalised_is_bounded {X} (s : list X) (w f : X -> R) (b : R) :
  (forall x, In x s -> 0 <= w x) -> 0 < (Sum x in s, w x) -> (forall x, In x s -> Rabs (f x) <= b) ->
  Rabs ((Sum x in s, w x * f x) / (Sum x in s, w x)) <= b.
Proof.
  intros W P B. set (t := Sum x in s, w x) in *.
  replace ((Sum x in s, w x * f x) / t) with (mean s (fun x => / t * w x) f).
  - apply mean_bounded; [split|exact B].
    + intros x I. apply Rmult_le_pos; [left; now apply Rinv_0_lt_compat | now apply W].
    + rewrite total_scale. fold t. field. lra.
  - unfold mean. rewrite (total_ext _ _ (fun x => / t * (w x * f x))) by (intros; ring).
    rewrite total_scale. unfold Rdiv. ring.
Qed.

(* IS-07: two draws x, y from q, all four pairs *)
Theorem self_normalised_is_biased :
  ~ (forall p q f : bool -> R, distribution two p -> distribution two q -> covers two q p ->
     (Sum x in two, Sum y in two, q x * q y *
       ((weight p q x * f x + weight p q y * f y) / (weight p q x + weight p q y))) = mean two p f).
Proof.
  intros H. specialize (H (coin (3 / 4)) (coin (1 / 4)) (coin 1) ltac:(coins)
    ltac:(coins) ltac:(coins)).
  numbers.
Qed.

(* IS-10: the real part *)
Theorem exp_of_the_log_difference_is_the_ratio p q : 0 < p -> 0 < q -> exp (ln p - ln q) = p / q.
Proof.
  intros P Q. unfold Rminus. rewrite exp_plus, exp_Ropp, !exp_ln by assumption. reflexivity.
Qed.

(* IS-10 *)
Theorem exp_of_the_swapped_difference_is_not_the_ratio :
  ~ (forall p q, 0 < p -> 0 < q -> exp (ln q - ln p) = p / q).
Proof.
  intros H. specialize (H 2 1 ltac:(lra) ltac:(lra)).
  rewrite exp_of_the_log_difference_is_the_ratio in H; lra.
Qed.

Definition effective_sample_size {X} (s : list X) (w : X -> R) : R :=
  (Sum x in s, w x) ^ 2 / (Sum x in s, w x ^ 2).

Lemma squares_positive {X} (s : list X) (w : X -> R) :
  (Sum x in s, w x) <> 0 -> 0 < Sum x in s, w x ^ 2.
Proof.
  intros N. assert (P : forall x, In x s -> 0 <= w x ^ 2) by (intros; apply pow2_ge_0).
  destruct (total_nonneg _ _ P) as [L|Z]; [exact L|]. exfalso. apply N.
  rewrite <- (total_zero s). apply total_ext. intros x I.
  generalize (total_zero_terms s _ P (eq_sym Z) x I). simpl. intros E. nra.
Qed.

(* The sum of squared deviations from the mean weight. *)
Lemma deviations {X} (s : list X) (w : X -> R) m : m * INR (length s) = (Sum x in s, w x) ->
  (Sum x in s, (w x - m) ^ 2) = (Sum x in s, w x ^ 2) - m * (Sum x in s, w x).
Proof.
  intros E. rewrite (total_ext _ _ (fun x => w x ^ 2 + (m ^ 2 - 2 * m * w x))) by (intros; ring).
  rewrite total_plus, total_minus, total_scale, total_constant. rewrite <- E. ring.
Qed.

Lemma length_positive {X} (s : list X) (w : X -> R) : 0 < (Sum x in s, w x) -> 0 < INR (length s).
Proof. destruct s; simpl; [lra|]. intros _. apply (lt_0_INR (S _)), PeanoNat.Nat.lt_0_succ. Qed.

(* IS-11 *)
Theorem effective_sample_size_is_between_one_and_n {X} (s : list X) (w : X -> R) :
  (forall x, In x s -> 0 <= w x) -> 0 < (Sum x in s, w x) ->
  1 <= effective_sample_size s w <= INR (length s).
Proof.
  intros W P. assert (Q := squares_positive s w ltac:(lra)). unfold effective_sample_size. split.
  - apply Rmult_le_reg_r with (Sum x in s, w x ^ 2); [exact Q|].
    unfold Rdiv. rewrite Rmult_assoc, Rinv_l, Rmult_1_r, Rmult_1_l by lra. clear P Q.
    induction s as [|x s IH]; simpl; [lra|].
    assert (0 <= w x) by (apply W; now left).
    assert (0 <= Sum x in s, w x) by (apply total_nonneg; intros; apply W; now right).
    simpl in IH. specialize (IH (fun y I => W y (or_intror I))). nra.
  - apply Rmult_le_reg_r with (Sum x in s, w x ^ 2); [exact Q|].
    unfold Rdiv. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
    assert (N := length_positive s w P).
    set (m := (Sum x in s, w x) / INR (length s)).
    assert (E : m * INR (length s) = Sum x in s, w x) by (unfold m; field; lra).
    assert (D := deviations s w m E).
    assert (0 <= Sum x in s, (w x - m) ^ 2) by (apply total_nonneg; intros; apply pow2_ge_0).
    rewrite <- E in D |- *. nra.
Qed.

(* IS-11 *)
Theorem effective_sample_size_is_n_iff_weights_are_equal {X} (s : list X) (w : X -> R) :
  0 < (Sum x in s, w x) ->
  (effective_sample_size s w = INR (length s) <-> exists c, forall x, In x s -> w x = c).
Proof.
  intros P. assert (Q := squares_positive s w ltac:(lra)). unfold effective_sample_size.
  assert (N := length_positive s w P).
  set (m := (Sum x in s, w x) / INR (length s)).
  assert (E : m * INR (length s) = Sum x in s, w x) by (unfold m; field; lra).
  assert (D := deviations s w m E). split.
  - intros H. exists m. intros x I.
    assert (Z : (Sum x in s, (w x - m) ^ 2) = 0).
    { rewrite D. assert (K : (Sum x in s, w x) ^ 2 = INR (length s) * (Sum x in s, w x ^ 2)).
      { rewrite <- H. field. lra. }
      unfold m. replace ((Sum x in s, w x) / INR (length s) * (Sum x in s, w x))
        with ((Sum x in s, w x) ^ 2 / INR (length s)) by (field; lra).
      rewrite K. field. lra. }
    generalize (total_zero_terms s _ (fun x _ => pow2_ge_0 (w x - m)) Z x I). simpl. intros G. nra.
  - intros [c H]. rewrite (total_ext s w (fun _ => c) H).
    rewrite (total_ext s (fun x => w x ^ 2) (fun _ => c ^ 2)) by (intros x I; now rewrite H).
    rewrite !total_constant. rewrite (total_ext s w (fun _ => c) H), total_constant in P.
    field. split; nra.
Qed.

(* IS-11 *)
Theorem effective_sample_size_is_not_n_times_the_mean_weight :
  ~ (forall w : bool -> R, (forall x, In x two -> 0 <= w x) -> 0 < (Sum x in two, w x) ->
     effective_sample_size two w = 2 * ((Sum x in two, w x) / 2)).
Proof.
  intros H. specialize (H (fun _ => 2) ltac:(intros; lra)). unfold effective_sample_size, two, total in H. 
  specialize (H ltac:(lra)). lra.
Qed.

Example effective_sample_size_instance : effective_sample_size two (fun x => if x then 3 else 1) = 8 / 5.
Proof. unfold effective_sample_size, two, total. lra. Qed.
