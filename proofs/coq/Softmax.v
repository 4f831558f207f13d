(* The categorical head: actions 0 .. n - 1, logits z, partial derivatives in one logit. *)
From Coq Require Import Reals Lra Psatz List Arith.
From Coquelicot Require Import Coquelicot.
From Ppo Require Import Finite Divergence PolicyGradient.
Import ListNotations.
Local Open Scope R_scope.

Definition upto (n : nat) : list nat := seq 0 n.
Definition partition (n : nat) (z : nat -> R) : R := Sum a in upto n, exp (z a).
Definition log_prob (n : nat) (z : nat -> R) (a : nat) : R := z a - ln (partition n z).
Definition prob (n : nat) (z : nat -> R) (a : nat) : R := exp (log_prob n z a).
Definition entropy (n : nat) (z : nat -> R) : R := - Sum a in upto n, prob n z a * log_prob n z a.
(* The logits z with z_j replaced. *)
Definition set_logit (z : nat -> R) (j : nat) (x : R) (a : nat) : R := if Nat.eqb a j then x else z a.
Definition one_at (j a : nat) : R := if Nat.eqb a j then 1 else 0.

Lemma set_logit_same z j a : set_logit z j (z j) a = z a.
Proof. unfold set_logit. destruct (Nat.eqb_spec a j) as [->|]; reflexivity. Qed.

Lemma sum_one_at n j f : (j < n)%nat -> (Sum a in upto n, one_at j a * f a) = f j.
Proof.
  unfold upto. induction n as [|n IH]; intros L; [inversion L|]. rewrite total_step.
  destruct (Nat.eq_dec j n) as [->|N].
  - rewrite (total_ext _ _ (fun _ => 0)), total_zero.
    + unfold one_at. rewrite Nat.eqb_refl. ring.
    + intros a I. apply in_seq in I. unfold one_at. destruct (Nat.eqb_spec a n) as [->|]; [|ring].
      destruct I as [_ I]. now apply Nat.lt_irrefl in I.
  - rewrite IH by (apply Nat.le_neq; split; [now apply Nat.lt_succ_r|exact N]).
    unfold one_at. destruct (Nat.eqb_spec n j) as [E|_]; [now symmetry in E|ring].
Qed.

Section Softmax.
Variable n : nat.
Hypothesis some_action : (0 < n)%nat.

Lemma partition_positive z : 0 < partition n z.
Proof.
  apply total_positive; [|intros; apply exp_pos]. unfold upto.
  destruct n; [now apply Nat.lt_irrefl in some_action|easy].
Qed.

Lemma prob_is_exp_over_partition z a : prob n z a = exp (z a) / partition n z.
Proof.
  unfold prob, log_prob, Rminus. rewrite exp_plus, exp_Ropp, exp_ln by apply partition_positive. reflexivity.
Qed.

Lemma prob_positive z a : 0 < prob n z a.
Proof. apply exp_pos. Qed.

(* CAT-01 *)
Theorem probabilities_are_a_distribution z : distribution (upto n) (prob n z).
Proof.
  split; [intros; left; apply prob_positive|]. assert (P := partition_positive z).
  rewrite (total_ext _ _ (fun a => / partition n z * exp (z a))) by (intros; rewrite prob_is_exp_over_partition;
    unfold Rdiv; ring).
  rewrite total_scale. fold (partition n z). field. lra.
Qed.

(* CAT-01 *)
Theorem a_common_offset_changes_nothing z c a : prob n (fun b => z b + c) a = prob n z a.
Proof.
  assert (E : partition n (fun b => z b + c) = exp c * partition n z).
  { unfold partition. rewrite <- total_scale. apply total_ext. intros. rewrite exp_plus. ring. }
  rewrite !prob_is_exp_over_partition, E, exp_plus. field.
  generalize (exp_pos c) (partition_positive z). split; lra.
Qed.

Lemma prob_depends_on_logits z z' a : (forall b, z b = z' b) -> prob n z a = prob n z' a.
Proof.
  intros H. unfold prob, log_prob, partition. rewrite H, (total_ext _ _ (fun a => exp (z' a))); [easy|].
  intros b _. now rewrite H.
Qed.

Lemma log_prob_depends_on_logits z z' a : (forall b, z b = z' b) -> log_prob n z a = log_prob n z' a.
Proof.
  intros H. unfold log_prob, partition. rewrite H, (total_ext _ _ (fun a => exp (z' a))); [easy|].
  intros b _. now rewrite H.
Qed.

Section Derivatives.
Variables (z : nat -> R) (j : nat).
Hypothesis j_is_an_action : (j < n)%nat.
Let at_j (x : R) : nat -> R := set_logit z j x.

Lemma derive_logit a : is_derive (fun x => at_j x a) (z j) (one_at j a).
Proof.
  unfold at_j, set_logit, one_at. destruct (Nat.eqb a j);
    [apply (is_derive_id (K := R_AbsRing))|apply (is_derive_const (z a))].
Qed.

Lemma derive_partition : is_derive (fun x => partition n (at_j x)) (z j) (exp (z j)).
Proof.
  rewrite <- (sum_one_at n j (fun a => exp (z a)) j_is_an_action). apply total_derive. intros a _.
  replace (exp (z a)) with (exp (at_j (z j) a)) by (unfold at_j; now rewrite set_logit_same).
  apply (is_derive_comp exp (fun x => at_j x a)); [apply is_derive_exp|apply derive_logit].
Qed.

Lemma partition_at : partition n (at_j (z j)) = partition n z.
Proof. apply total_ext. intros a _. unfold at_j. now rewrite set_logit_same. Qed.

(* CAT-02 *)
Theorem score_of_the_softmax i :
  is_derive (fun x => log_prob n (set_logit z j x) i) (z j) (one_at j i - prob n z j).
Proof.
  apply (is_derive_minus (fun x => at_j x i) (fun x => ln (partition n (at_j x)))); [apply derive_logit|].
  rewrite prob_is_exp_over_partition, <- partition_at.
  apply log_derivative; [apply partition_positive|apply derive_partition].
Qed.

Lemma derive_prob i :
  is_derive (fun x => prob n (set_logit z j x) i) (z j) (prob n z i * (one_at j i - prob n z j)).
Proof.
  rewrite Rmult_comm, <- (prob_depends_on_logits _ z i (set_logit_same z j)).
  rewrite (prob_depends_on_logits _ z i (set_logit_same z j)).
  replace (prob n z i) with (exp (log_prob n (set_logit z j (z j)) i))
    by (apply (prob_depends_on_logits _ z i (set_logit_same z j))).
  apply (is_derive_comp exp (fun x => log_prob n (set_logit z j x) i));
    [apply is_derive_exp|apply score_of_the_softmax].
Qed.

(* PG-02 *)
Theorem score_of_the_softmax_averages_to_zero : mean (upto n) (prob n z) (fun i => one_at j i - prob n z j) = 0.
Proof.
  unfold mean. rewrite (total_ext _ _ (fun i => one_at j i * prob n z i - prob n z i * prob n z j)) by (intros; ring).
  rewrite total_minus, sum_one_at, total_scale_right by exact j_is_an_action.
  destruct (probabilities_are_a_distribution z) as [_ S]. rewrite S. ring.
Qed.

(* CAT-03 *)
Theorem gradient_of_the_entropy :
  is_derive (fun x => entropy n (set_logit z j x)) (z j) (- (prob n z j * (log_prob n z j + entropy n z))).
Proof.
  apply (is_derive_opp (fun x => Sum a in upto n, prob n (at_j x) a * log_prob n (at_j x) a)).
  replace (prob n z j * (log_prob n z j + entropy n z)) with (Sum a in upto n,
    (prob n z a * (one_at j a - prob n z j)) * log_prob n z a + prob n z a * (one_at j a - prob n z j)).
  - apply total_derive. intros a _.
    generalize (is_derive_mult (fun x => prob n (at_j x) a) (fun x => log_prob n (at_j x) a) (z j) _ _
      (derive_prob a) (score_of_the_softmax a) Rmult_comm).
    unfold at_j. rewrite (log_prob_depends_on_logits _ z a (set_logit_same z j)).
    rewrite (prob_depends_on_logits _ z a (set_logit_same z j)). exact (fun D => D).
  - rewrite total_plus. fold (mean (upto n) (prob n z) (fun i => one_at j i - prob n z j)).
    rewrite score_of_the_softmax_averages_to_zero.
    rewrite (total_ext _ _ (fun a =>
      one_at j a * (prob n z a * log_prob n z a) - prob n z j * (prob n z a * log_prob n z a)))
      by (intros; ring).
    rewrite total_minus, sum_one_at, total_scale by exact j_is_an_action. unfold entropy. ring.
Qed.

Section Divergences.
Variable old : nat -> R.
Hypothesis old_positive : forall a, 0 < old a.
Hypothesis old_sums_to_one : (Sum a in upto n, old a) = 1.

(* KL-04: in the logits of the second argument *)
Theorem gradient_of_kl_from_the_old_policy :
  is_derive (fun x => kl (upto n) old (prob n (set_logit z j x))) (z j) (prob n z j - old j).
Proof.
  apply (is_derive_ext (fun x => Sum a in upto n, old a * (ln (old a) - log_prob n (at_j x) a))).
  - intros x. apply total_ext. intros a _. rewrite ln_quotient by (apply prob_positive || apply old_positive).
    unfold prob. now rewrite ln_exp.
  - replace (prob n z j - old j) with (Sum a in upto n, old a * (0 - (one_at j a - prob n z j))).
    + apply total_derive. intros a _. apply (is_derive_scal (fun x => ln (old a) - log_prob n (at_j x) a)).
      apply (is_derive_minus (fun _ => ln (old a)) (fun x => log_prob n (at_j x) a));
        [apply (is_derive_const (ln (old a)))|apply score_of_the_softmax].
    + rewrite (total_ext _ _ (fun a => prob n z j * old a - one_at j a * old a)) by (intros; ring).
      rewrite total_minus, total_scale, sum_one_at, old_sums_to_one by exact j_is_an_action. ring.
Qed.

(* KL-05: in the logits of the first argument *)
Theorem gradient_of_kl_to_the_old_policy :
  is_derive (fun x => kl (upto n) (prob n (set_logit z j x)) old) (z j)
    (prob n z j * (ln (prob n z j / old j) - kl (upto n) (prob n z) old)).
Proof.
  assert (L : forall y a, ln (prob n y a / old a) = log_prob n y a - ln (old a)).
  { intros. rewrite ln_quotient by (apply prob_positive || apply old_positive). unfold prob. now rewrite ln_exp. }
  apply (is_derive_ext (fun x => Sum a in upto n, prob n (at_j x) a * (log_prob n (at_j x) a - ln (old a)))).
  { intros x. apply total_ext. intros a _. now rewrite L. }
  replace (prob n z j * (ln (prob n z j / old j) - kl (upto n) (prob n z) old)) with (Sum a in upto n,
    (prob n z a * (one_at j a - prob n z j)) * (log_prob n z a - ln (old a))
    + prob n z a * (one_at j a - prob n z j - 0)).
  - apply total_derive. intros a _.
    assert (S : is_derive (fun x => log_prob n (at_j x) a - ln (old a)) (z j) (one_at j a - prob n z j - 0)).
    { apply (is_derive_minus (fun x => log_prob n (at_j x) a) (fun _ => ln (old a)));
        [apply score_of_the_softmax|apply (is_derive_const (ln (old a)))]. }
    generalize (is_derive_mult (fun x => prob n (at_j x) a) _ (z j) _ _ (derive_prob a) S Rmult_comm).
    unfold at_j. rewrite (log_prob_depends_on_logits _ z a (set_logit_same z j)).
    rewrite (prob_depends_on_logits _ z a (set_logit_same z j)). exact (fun D => D).
  - rewrite total_plus, (total_ext _ (fun a => prob n z a * (one_at j a - prob n z j - 0))
      (fun a => prob n z a * (one_at j a - prob n z j)))
      by (intros; ring).
    fold (mean (upto n) (prob n z) (fun i => one_at j i - prob n z j)). rewrite score_of_the_softmax_averages_to_zero.
    rewrite (total_ext _ _ (fun a => one_at j a * (prob n z a * ln (prob n z a / old a))
      - prob n z j * (prob n z a * ln (prob n z a / old a))))
      by (intros; rewrite L; ring).
    rewrite total_minus, sum_one_at, total_scale by exact j_is_an_action. unfold kl. ring.
Qed.
End Divergences.
End Derivatives.

(* CAT-04 *)
Theorem log_sum_exp_is_between_the_maximum_and_the_maximum_plus_log_n z m :
  (forall a, (a < n)%nat -> z a <= m) -> (exists a, (a < n)%nat /\ z a = m) ->
  m <= ln (partition n z) <= m + ln (INR n).
Proof.
  intros U [b [B E]]. assert (N : 0 < INR n) by now apply lt_0_INR.
  assert (L : exp m <= partition n z).
  { rewrite <- E, <- (sum_one_at n b (fun a => exp (z a)) B). apply total_le. intros a _. unfold one_at.
    generalize (exp_pos (z a)). destruct (Nat.eqb a b); lra. }
  assert (W : partition n z <= INR n * exp m).
  { replace (INR n) with (INR (length (upto n))) by (unfold upto; now rewrite seq_length).
    rewrite <- total_constant. apply total_le. intros a I. apply in_seq in I.
    destruct (U a ltac:(apply I)) as [K|K]; [left; now apply exp_increasing|rewrite K; lra]. }
  split.
  - rewrite <- (ln_exp m) at 1. apply ln_le; [apply exp_pos|exact L].
  - rewrite <- (ln_exp m) at 1. rewrite Rplus_comm, <- ln_mult by (exact N || apply exp_pos).
    apply ln_le; [apply partition_positive|exact W].
Qed.

(* CAT-05 *)
Theorem entropy_is_between_zero_and_log_n z : 0 <= entropy n z <= ln (INR n).
Proof.
  destruct (probabilities_are_a_distribution z) as [P S]. assert (N : 0 < INR n) by now apply lt_0_INR. split.
  - unfold entropy. rewrite <- (Rmult_1_l (Sum a in _, _)), Ropp_mult_distr_l, <- total_scale. apply total_nonneg.
    intros a I.
    assert (L : prob n z a <= 1).
    { apply in_seq in I. rewrite <- S, <- (sum_one_at n a (prob n z)) by apply I. apply total_le. intros b _.
      unfold one_at. generalize (prob_positive z b). destruct (Nat.eqb b a); lra. }
    assert (K : log_prob n z a <= 0).
    { rewrite <- (ln_exp (log_prob n z a)), <- ln_1. apply ln_le; [apply exp_pos|exact L]. }
    generalize (prob_positive z a). intros. nra.
  - assert (G : 0 <= kl (upto n) (prob n z) (fun _ => / INR n)).
    { apply kl_is_nonnegative; [now split| | |].
      - intros. left. now apply Rinv_0_lt_compat.
      - rewrite total_constant. unfold upto. rewrite seq_length, Rinv_r; lra.
      - intros a _ Z. generalize (Rinv_0_lt_compat _ N). lra. }
    assert (E : kl (upto n) (prob n z) (fun _ => / INR n) = ln (INR n) - entropy n z).
    { unfold kl. rewrite (total_ext _ _ (fun a => prob n z a * log_prob n z a + prob n z a * ln (INR n))).
      - rewrite total_plus, total_scale_right, S. unfold entropy. ring.
      - intros a _. rewrite ln_quotient by (apply prob_positive || now apply Rinv_0_lt_compat).
        rewrite ln_Rinv by exact N. unfold prob at 2. rewrite ln_exp. ring. }
    lra.
Qed.
End Softmax.

Definition zeros (a : nat) : R := 0.
Lemma prob_zeros a : prob 2 zeros a = 1 / 2.
Proof.
  rewrite prob_is_exp_over_partition by auto. unfold partition, upto, zeros. simpl. rewrite exp_0. field.
Qed.
Lemma partition_zeros : partition 2 zeros = 2.
Proof. unfold partition, upto, zeros. simpl. rewrite exp_0. ring. Qed.

Example score_of_the_softmax_instance :
  is_derive (fun x => log_prob 2 (set_logit zeros 0 x) 0) 0 (1 / 2) /\ entropy 2 zeros = ln 2.
Proof.
  split.
  - replace (1 / 2) with (one_at 0 0 - prob 2 zeros 0) by (rewrite prob_zeros; unfold one_at; simpl; lra).
    apply (score_of_the_softmax 2 ltac:(auto) zeros 0 ltac:(auto) 0).
  - unfold entropy, log_prob, upto. simpl. rewrite !prob_zeros, partition_zeros. unfold zeros. lra.
Qed.

(* CAT-01: a common factor does change the probabilities *)
Theorem a_common_factor_changes_the_probabilities :
  ~ (forall n z c a, (0 < n)%nat -> 0 < c -> prob n (fun b => c * z b) a = prob n z a).
Proof.
  intros H. specialize (H 2%nat (fun a => match a with O => ln 2 | _ => 0 end) 2 O ltac:(auto) ltac:(lra)).
  rewrite !prob_is_exp_over_partition in H by auto. unfold partition, upto in H. simpl in H.
  replace (2 * ln 2) with (ln 2 + ln 2) in H by ring. rewrite exp_plus, Rmult_0_r, exp_0, exp_ln in H by lra. lra.
Qed.

(* CAT-02: the sign of the second term *)
Theorem score_of_the_softmax_subtracts :
  ~ (forall n z j i, (j < n)%nat ->
     is_derive (fun x => log_prob n (set_logit z j x) i) (z j) (one_at j i + prob n z j)).
Proof.
  intros H. specialize (H 2%nat zeros O O ltac:(auto)). apply is_derive_unique in H.
  rewrite (is_derive_unique _ _ _ (score_of_the_softmax 2 ltac:(auto) zeros 0 ltac:(auto) 0)) in H.
  rewrite prob_zeros in H. lra.
Qed.

(* CAT-03: the entropy itself belongs in it *)
Theorem gradient_of_the_entropy_needs_the_entropy :
  ~ (forall n z j, (j < n)%nat ->
     is_derive (fun x => entropy n (set_logit z j x)) (z j) (- (prob n z j * log_prob n z j))).
Proof.
  intros H. specialize (H 2%nat zeros O ltac:(auto)). apply is_derive_unique in H.
  rewrite (is_derive_unique _ _ _ (gradient_of_the_entropy 2 ltac:(auto) zeros 0 ltac:(auto))) in H.
  unfold entropy, log_prob, upto in H. simpl in H. rewrite !prob_zeros, partition_zeros in H. unfold zeros in H.
  assert (L : 0 < ln 2) by (rewrite <- ln_1; apply ln_increasing; lra). lra.
Qed.

(* KL-04: the sign *)
Theorem gradient_of_kl_from_the_old_policy_is_not_old_minus_new :
  ~ (forall n z j old, (j < n)%nat -> (forall a, 0 < old a) -> (Sum a in upto n, old a) = 1 ->
     is_derive (fun x => kl (upto n) old (prob n (set_logit z j x))) (z j) (old j - prob n z j)).
Proof.
  intros H. set (old := fun a : nat => match a with O => 1 / 4 | _ => 3 / 4 end).
  assert (P : forall a, 0 < old a) by (intros []; unfold old; lra).
  assert (S : (Sum a in upto 2, old a) = 1) by (unfold old, upto; simpl; lra).
  specialize (H 2%nat zeros O old ltac:(auto) P S). apply is_derive_unique in H.
  rewrite (is_derive_unique _ _ _ (gradient_of_kl_from_the_old_policy 2 ltac:(auto) zeros 0 ltac:(auto) old P S)) in H.
  rewrite prob_zeros in H. unfold old in H. lra.
Qed.

(* KL-05: the divergence itself belongs in it *)
Theorem gradient_of_kl_to_the_old_policy_needs_the_divergence :
  ~ (forall n z j old, (j < n)%nat -> (forall a, 0 < old a) -> (Sum a in upto n, old a) = 1 ->
     is_derive (fun x => kl (upto n) (prob n (set_logit z j x)) old) (z j) (prob n z j * ln (prob n z j / old j))).
Proof.
  intros H. set (old := fun a : nat => match a with O => 1 / 4 | _ => 3 / 4 end).
  assert (P : forall a, 0 < old a) by (intros []; unfold old; lra).
  assert (S : (Sum a in upto 2, old a) = 1) by (unfold old, upto; simpl; lra).
  specialize (H 2%nat zeros O old ltac:(auto) P S). apply is_derive_unique in H.
  rewrite (is_derive_unique _ _ _ (gradient_of_kl_to_the_old_policy 2 ltac:(auto) zeros 0 ltac:(auto) old P)) in H.
  assert (Z : kl (upto 2) (prob 2 zeros) old = 0) by (rewrite prob_zeros in H; lra).
  assert (D : distribution (upto 2) old) by (split; [intros; left; apply P|exact S]).
  assert (C : covers (upto 2) old (prob 2 zeros)) by (intros a _ E; generalize (P a); lra).
  rewrite (kl_is_zero_iff_equal _ _ _ (probabilities_are_a_distribution 2 ltac:(auto) zeros) D C) in Z.
  specialize (Z O (or_introl eq_refl)). rewrite prob_zeros in Z. unfold old in Z. lra.
Qed.

Example gradient_of_kl_instance : exists old, (forall a, 0 < old a) /\ (Sum a in upto 2, old a) = 1.
Proof. exists (fun a => 1 / 2). split; [intros; lra|unfold upto; simpl; lra]. Qed.

(* CAT-04: the upper bound cannot be smaller *)
Theorem log_sum_exp_attains_its_upper_bound :
  ~ (exists c, 0 < c /\ forall n z m, (0 < n)%nat -> (forall a, (a < n)%nat -> z a <= m) ->
     (exists a, (a < n)%nat /\ z a = m) -> ln (partition n z) <= m + ln (INR n) - c).
Proof.
  intros [c [C H]]. specialize (H 2%nat zeros 0 ltac:(auto)). rewrite partition_zeros in H.
  assert (M : exists a, (a < 2)%nat /\ zeros a = 0) by (exists O; split; auto).
  specialize (H ltac:(intros; unfold zeros; lra) M). simpl INR in H.
  replace (1 + 1) with 2 in H by ring. lra.
Qed.

(* CAT-05: log n is attained *)
Theorem entropy_is_not_always_below_log_n : ~ (forall n z, (0 < n)%nat -> entropy n z < ln (INR n)).
Proof.
  intros H. specialize (H 2%nat zeros ltac:(auto)). destruct score_of_the_softmax_instance as [_ E].
  rewrite E in H. simpl INR in H. replace (1 + 1) with 2 in H by ring. lra.
Qed.
