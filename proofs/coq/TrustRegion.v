(* How far the surrogate can be from the truth, and what bounded ratios bound. *)
From Coq Require Import Reals Lra Psatz List.
From Coquelicot Require Import Coquelicot.
From Ppo Require Import Finite Mdp Trajectories PolicyGradient.
Import ListNotations.
Local Open Scope R_scope.

Definition l1_distance {X} (s : list X) (p q : X -> R) : R := Sum x in s, Rabs (p x - q x).

Section Gap.
Variables (m : mdp) (pi pi' : policy m) (horizon : nat) (limit apart : R).
Hypothesis stochastic_m : stochastic m.
Hypothesis stochastic_pi : stochastic_policy m pi.
Hypothesis stochastic_pi' : stochastic_policy m pi'.
Hypothesis discount_range : 0 <= discount m <= 1.
(* The largest absolute advantage that pi' can expect, and the largest distance of the policies in a state. *)
Hypothesis advantage_limit : forall k s, (k < horizon)%nat -> Rabs (act pi' s (advantage m pi k s)) <= limit.
Hypothesis policies_apart : forall s, l1_distance (actions m) (pi' s) (pi s) <= apart.
Hypothesis pi_positive : forall s a, In a (actions m) -> 0 < pi s a.

(* The sum along a rollout of q of what pi' expects: with q = pi' the gain of the value, with q = pi the surrogate. *)
Let expected (k : nat) (s : state m) (_ : action m) : R := act pi' s (advantage m pi k s).
Let along (q : policy m) := rollout m (discount m) q expected.

Lemma rollout_of_expected (q : policy m) (c : nat -> state m -> action m -> R) :
  stochastic_policy m q -> (forall k s, act q s (c k s) = act pi' s (advantage m pi k s)) ->
  forall n s, rollout m (discount m) q c n s = along q n s.
Proof.
  intros H E n. induction n as [|n IH]; intros s; [easy|]. unfold along. cbn [rollout]. rewrite !act_plus, E.
  unfold expected at 1. rewrite act_const by exact H. f_equal. apply act_ext. intros a _. f_equal. apply next_ext, IH.
Qed.

Lemma value_gain n s : value m pi' n s - value m pi n s = along pi' n s.
Proof. rewrite performance_difference by assumption. now apply rollout_of_expected. Qed.

Lemma surrogate_along n s : surrogate m (discount m) pi pi' n s = along pi n s.
Proof.
  apply rollout_of_expected; [exact stochastic_pi|]. intros k s'. apply reweighted_action.
  intros s0 a I Z. generalize (pi_positive s0 a I). lra.
Qed.

Lemma limit_nonnegative k (s : state m) : (k < horizon)%nat -> 0 <= limit.
Proof. intros K. eapply Rle_trans; [apply Rabs_pos | now apply (advantage_limit k s)]. Qed.

Lemma along_bounded n : (n <= horizon)%nat -> forall s, Rabs (along pi' n s) <= INR n * limit.
Proof.
  induction n as [|n IH]; intros K s; [unfold along; simpl; rewrite Rabs_R0; lra|]. rewrite S_INR.
  specialize (IH (PeanoNat.Nat.lt_le_incl _ _ K)).
  unfold along. cbn [rollout]. rewrite act_plus. unfold expected at 1.
  rewrite act_const, act_scale by exact stochastic_pi'.
  eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_mult, (Rabs_pos_eq (discount m)) by lra.
  assert (B : Rabs (act pi' s (fun a => next s a (along pi' n))) <= INR n * limit).
  { apply mean_bounded; [apply stochastic_pi'|]. intros a _. apply mean_bounded; [apply stochastic_m|].
    intros; apply IH. }
  generalize (advantage_limit n s K) (Rabs_pos (act pi' s (fun a => next s a (along pi' n)))).
  fold (along pi'). intros. nra.
Qed.

(* PG-09 *)
Theorem surrogate_gap n : (n <= horizon)%nat -> forall s,
  Rabs (value m pi' n s - value m pi n s - surrogate m (discount m) pi pi' n s)
  <= apart * limit * (INR n * (INR n - 1) / 2).
Proof.
  intros K s. rewrite value_gain, surrogate_along. revert s.
  induction n as [|n IH]; intros s; [unfold along; simpl; rewrite Rminus_0_r, Rabs_R0; lra|].
  specialize (IH (PeanoNat.Nat.lt_le_incl _ _ K)).
  assert (M := limit_nonnegative n s K). rewrite S_INR. unfold along. cbn [rollout]. fold (along pi') (along pi).
  rewrite !act_plus. unfold expected. rewrite !act_const, !act_scale by assumption.
  set (f := fun a => next s a (along pi' n)). set (f0 := fun a => next s a (along pi n)).
  set (h := act pi' s (advantage m pi n s)).
  assert (E : h + discount m * act pi' s f - (h + discount m * act pi s f0)
    = discount m * ((Sum a in actions m, (pi' s a - pi s a) * f a) + act pi s (fun a => f a + -1 * f0 a))).
  { rewrite act_plus, act_scale.
    rewrite (total_ext _ (fun a => (pi' s a - pi s a) * f a) (fun a => pi' s a * f a - pi s a * f a)) by (intros; ring).
    rewrite total_minus. unfold act, mean. ring. }
  rewrite E, Rabs_mult, (Rabs_pos_eq (discount m)) by lra. clear E.
  assert (N := pos_INR n).
  assert (B1 : Rabs (Sum a in actions m, (pi' s a - pi s a) * f a) <= apart * (INR n * limit)).
  { eapply Rle_trans; [apply total_abs|].
    apply Rle_trans with (Sum a in actions m, Rabs (pi' s a - pi s a) * (INR n * limit)).
    - apply total_le. intros a _. rewrite Rabs_mult. apply Rmult_le_compat_l; [apply Rabs_pos|].
      apply mean_bounded; [apply stochastic_m|]. intros; apply along_bounded, PeanoNat.Nat.lt_le_incl, K.
    - rewrite total_scale_right. apply Rmult_le_compat_r; [nra | apply policies_apart]. }
  assert (B2 : Rabs (act pi s (fun a => f a + -1 * f0 a)) <= apart * limit * (INR n * (INR n - 1) / 2)).
  { apply mean_bounded; [apply stochastic_pi|]. intros a _. unfold f, f0. rewrite <- next_scale, <- next_plus.
    apply mean_bounded; [apply stochastic_m|]. intros s' _.
    replace (along pi' n s' + -1 * along pi n s') with (along pi' n s' - along pi n s') by ring. apply IH. }
  set (u := Sum a in actions m, _) in *. set (v := act pi s _) in *.
  generalize (Rabs_triang u v) (Rabs_pos (u + v)). intros T P.
  replace (apart * limit * ((INR n + 1) * (INR n + 1 - 1) / 2))
    with (apart * (INR n * limit) + apart * limit * (INR n * (INR n - 1) / 2)) by field.
  nra.
Qed.
End Gap.

(* The rewards that make the gap as large as the bound: the wrong action costs, and then pays. *)
Definition swing (s a : bool) : R := if a then (if s then 1 else -1) else 0.
Definition see_saw : mdp := chain swing 1.

Lemma see_saw_advantage h k (s : state see_saw) : act (m := see_saw) (biased 1) s (advantage see_saw (biased h) k s)
  = (1 - h) * ((if s then 1 else -1) + (value see_saw (biased h) k true - value see_saw (biased h) k false)).
Proof.
  unfold advantage, action_value. cbn [value]. unfold act, next, mean, see_saw, chain, biased. destruct s; simpl; ring.
Qed.

Lemma see_saw_values h k : 0 <= h <= 1 ->
  value see_saw (biased h) (S k) true - value see_saw (biased h) (S k) false = 2 * h.
Proof.
  intros H. cbn [value]. unfold act, next, mean, see_saw, chain, biased. simpl. ring.
Qed.

(* PG-09: the hypotheses can be met, and the bound is then attained in the limit of a deterministic old policy *)
Example surrogate_gap_instance :
  Rabs (value see_saw (biased 1) 2 false - value see_saw (biased (1 / 4)) 2 false
        - surrogate see_saw 1 (biased (1 / 4)) (biased 1) 2 false) <= 3 / 2 * (9 / 8).
Proof.
  replace (3 / 2 * (9 / 8)) with (3 / 2 * (9 / 8) * (INR 2 * (INR 2 - 1) / 2)) by (simpl; lra).
  apply (surrogate_gap see_saw _ _ 2); try (apply biased_is_a_policy; lra).
  - apply chain_is_stochastic.
  - simpl; lra.
  - intros k s _. rewrite see_saw_advantage. destruct k as [|k].
    + simpl. unfold Rabs. destruct s, Rcase_abs; lra.
    + rewrite see_saw_values by lra. unfold Rabs. destruct s, Rcase_abs; lra.
  - intros s. unfold l1_distance, biased. simpl. unfold Rabs. repeat destruct Rcase_abs; lra.
  - intros s [] _; unfold biased; lra.
  - auto.
Qed.

(* PG-09: with half the factor it is false *)
Theorem surrogate_gap_with_half_the_factor_fails :
  ~ (forall m (pi pi' : policy m) n limit apart, stochastic m -> stochastic_policy m pi -> stochastic_policy m pi' ->
     0 <= discount m <= 1 -> (forall k s, (k < n)%nat -> Rabs (act pi' s (advantage m pi k s)) <= limit) ->
     (forall s, l1_distance (actions m) (pi' s) (pi s) <= apart) -> (forall s a, In a (actions m) -> 0 < pi s a) ->
     forall s, Rabs (value m pi' n s - value m pi n s - surrogate m (discount m) pi pi' n s)
       <= apart * limit * (INR n * (INR n - 1) / 4)).
Proof.
  intros H. specialize (H see_saw (biased (1 / 16)) (biased 1) 2%nat (135 / 128) (15 / 8) (chain_is_stochastic _ _)
    (biased_is_a_policy _ _ (1 / 16) ltac:(lra)) (biased_is_a_policy _ _ 1 ltac:(lra)) ltac:(simpl; lra)).
  refine ((fun E => _) (H _ _ _ false)).
  - clear H. replace (INR 2) with 2 in E by (simpl; ring). compute_chain. destruct Rcase_abs in E; lra.
  - intros k s _. rewrite see_saw_advantage. destruct k as [|k].
    + simpl. unfold Rabs. destruct s, Rcase_abs; lra.
    + rewrite see_saw_values by lra. unfold Rabs. destruct s, Rcase_abs; lra.
  - intros s. unfold l1_distance, biased. simpl. unfold Rabs. repeat destruct Rcase_abs; lra.
  - intros s [] _; unfold biased; lra.
Qed.

(* PG-10, S17: every ratio in the band bounds the distance of the policies *)
Theorem ratios_in_the_band_bound_the_distance {X} (s : list X) p q e : distribution s q ->
  (forall x, In x s -> 0 < q x) -> (forall x, In x s -> Rabs (p x / q x - 1) <= e) -> l1_distance s p q <= e.
Proof.
  intros [_ S] Q B. apply Rle_trans with (Sum x in s, e * q x); [|rewrite total_scale, S; lra].
  apply total_le. intros x I. specialize (Q x I).
  replace (p x - q x) with ((p x / q x - 1) * q x) by (field; lra).
  rewrite Rabs_mult, (Rabs_pos_eq (q x)) by lra. apply Rmult_le_compat_r; [lra | now apply B].
Qed.

(* PG-10, S17: ratios of sampled actions alone bound nothing *)
Theorem sampled_ratios_in_the_band_do_not_bound_the_distance :
  ~ (forall (p q : bool -> bool -> R) e, (forall s, distribution [true; false] (p s)) ->
     (forall s, distribution [true; false] (q s)) -> (forall s x, 0 < q s x) ->
     (forall x, Rabs (p true x / q true x - 1) <= e) -> forall s, l1_distance [true; false] (p s) (q s) <= e).
Proof.
  intros H.
  specialize (H (fun s x : bool => if s then 1 / 2 else if x then 1 else 0) (fun _ _ => 1 / 2) (1 / 5)).
  refine ((fun E => _) (H _ _ _ _ false)).
  - unfold l1_distance, total, Rabs in E. destruct (Rcase_abs (1 - 1 / 2)), (Rcase_abs (0 - 1 / 2)) in E; lra.
  - intros []; split; try (intros [] _; lra); unfold total; lra.
  - intros s; split; [intros; lra | unfold total; lra].
  - intros; lra.
  - intros x. unfold Rabs. destruct Rcase_abs; lra.
Qed.

Example ratios_in_the_band_instance :
  l1_distance [true; false] (fun x : bool => if x then 3 / 5 else 2 / 5) (fun _ => 1 / 2) <= 1 / 5.
Proof.
  apply ratios_in_the_band_bound_the_distance.
  - split; [intros; lra | unfold total; lra].
  - intros; lra.
  - intros [] _; unfold Rabs; destruct Rcase_abs; lra.
Qed.
