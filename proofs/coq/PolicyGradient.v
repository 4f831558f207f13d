(* Policy gradients and the performance difference, every finite MDP and horizon. *)
From Coq Require Import Reals Lra Psatz List.
From Coquelicot Require Import Coquelicot.
From Ppo Require Import Finite Mdp Trajectories.
Import ListNotations.
Local Open Scope R_scope.

(* PG-01, S8 *)
Theorem log_derivative (p : R -> R) dp t : 0 < p t -> is_derive p t dp -> is_derive (fun u => ln (p u)) t (dp / p t).
Proof.
  intros P D. exact (is_derive_comp ln p t (/ p t) dp (is_derive_ln _ P) D).
Qed.

(* PG-01 *)
Theorem log_derivative_divides :
  ~ (forall (p : R -> R) dp t, 0 < p t -> is_derive p t dp -> is_derive (fun u => ln (p u)) t (dp * p t)).
Proof.
  intros H. assert (D : is_derive (fun u => u) 2 1) by (auto_derive; [easy|ring]).
  generalize (is_derive_unique _ _ _ (H (fun u => u) 1 2 ltac:(lra) D)).
  rewrite (is_derive_unique _ _ _ (log_derivative (fun u => u) 1 2 ltac:(lra) D)). lra.
Qed.

(* A policy pi u with one parameter, differentiable at t, with its score there. *)
Definition scored (m : mdp) (pi : R -> policy m) (score : state m -> action m -> R) (t : R) : Prop :=
  forall s a, In a (actions m) -> is_derive (fun u => pi u s a) t (pi t s a * score s a).
Definition stochastic_family (m : mdp) (pi : R -> policy m) : Prop := forall u s, (Sum a in actions m, pi u s a) = 1.

(* PG-02 *)
Theorem score_averages_to_zero m (pi : R -> policy m) score t s :
  scored m pi score t -> stochastic_family m pi -> act (pi t) s (score s) = 0.
Proof.
  intros D N. assert (E : is_derive (fun u => Sum a in actions m, pi u s a) t (act (pi t) s (score s))).
  { apply total_derive. intros a I. now apply D. }
  apply (is_derive_ext _ (fun _ => 1)) in E; [|intros u; apply N].
  apply is_derive_unique in E. rewrite Derive_const in E. now symmetry.
Qed.

(* PG-04 *)
Theorem policy_gradient m (pi : R -> policy m) score t : scored m pi score t ->
  forall n s, is_derive (fun u => value m (pi u) n s) t
    (rollout m (discount m) (pi t) (fun k s a => score s a * action_value m (pi t) k s a) n s).
Proof.
  intros D n. induction n as [|n IH]; intros s; [apply (is_derive_const 0)|].
  cbn [value rollout]. apply total_derive. intros a I.
  set (q := fun u => gain m s a + discount m * next s a (value m (pi u) n)).
  set (rest := rollout m (discount m) (pi t) (fun k s a => score s a * action_value m (pi t) k s a) n).
  assert (Q : is_derive q t (discount m * next s a rest)).
  { unfold q. rewrite <- (Rplus_0_l (discount m * _)).
    apply (is_derive_plus (fun _ => gain m s a)); [apply (is_derive_const (gain m s a))|].
    apply (is_derive_scal (fun u => next s a (value m (pi u) n))).
    apply total_derive. intros s' _. apply (is_derive_scal (fun u => value m (pi u) n s')), IH. }
  replace (pi t s a * (score s a * action_value m (pi t) n s a + discount m * next s a rest))
    with ((pi t s a * score s a) * q t + pi t s a * (discount m * next s a rest)) by (unfold action_value, q; ring).
  exact (is_derive_mult (fun u => pi u s a) q t _ _ (D s a I) Q Rmult_comm).
Qed.

Lemma baseline_is_free m (pi : R -> policy m) score t g c b :
  scored m pi score t -> stochastic_family m pi -> stochastic m -> stochastic_policy m (pi t) -> forall n s,
  rollout m g (pi t) (fun k s a => score s a * (c k s a - b k s)) n s
  = rollout m g (pi t) (fun k s a => score s a * c k s a) n s.
Proof.
  intros D N P H n s. rewrite (rollout_ext _ _ _ _ (fun k s a => score s a * c k s a + - b k s * score s a))
    by (intros; ring).
  rewrite rollout_plus, (rollout_mean_zero _ _ _ (fun k s a => - b k s * score s a)); [ring|exact H| |exact P].
  intros k s'. rewrite act_scale, (score_averages_to_zero m pi score t s' D N). ring.
Qed.

(* PG-03: any baseline of the state (and the time), in any finite MDP *)
Theorem a_state_baseline_leaves_the_gradient_unchanged m (pi : R -> policy m) score t b :
  scored m pi score t -> stochastic_family m pi -> stochastic m -> stochastic_policy m (pi t) -> forall n s,
  is_derive (fun u => value m (pi u) n s) t
    (rollout m (discount m) (pi t) (fun k s a => score s a * (action_value m (pi t) k s a - b k s)) n s).
Proof. intros D N P H n s. rewrite (baseline_is_free m pi) by assumption. now apply policy_gradient. Qed.

(* PG-05 *)
Theorem performance_difference m (pi pi' : policy m) : stochastic_policy m pi' ->
  forall n s, value m pi' n s - value m pi n s = rollout m (discount m) pi' (advantage m pi) n s.
Proof.
  intros H n. induction n as [|n IH]; intros s; [simpl; ring|]. cbn [rollout].
  transitivity (act pi' s (action_value m pi' n s) + act pi' s (fun _ => - value m pi (S n) s)).
  - rewrite act_const by exact H. unfold action_value. simpl. ring.
  - rewrite <- act_plus. apply act_ext. intros a _. rewrite <- (next_ext _ _ _ _ _ IH).
    unfold advantage, action_value. rewrite (next_ext _ _ _ (fun s' => value m pi' n s' - value m pi n s')
      (fun s' => value m pi' n s' + -1 * value m pi n s')) by (intros; ring). rewrite next_plus, next_scale. ring.
Qed.

(* The surrogate of the ratio: states from pi, actions weighted by pi' / pi, advantages of pi. *)
Definition surrogate (m : mdp) (g : R) (pi pi' : policy m) (n : nat) (s : state m) : R :=
  rollout m g pi (fun k s a => step_ratio pi pi' s a * advantage m pi k s a) n s.

Lemma rollout_derive m g (pi : policy m) (c : R -> nat -> state m -> action m -> R) dc t :
  (forall k s a, In a (actions m) -> is_derive (fun u => c u k s a) t (dc k s a)) ->
  forall n s, is_derive (fun u => rollout m g pi (c u) n s) t (rollout m g pi dc n s).
Proof.
  intros D n. induction n as [|n IH]; intros s; [apply (is_derive_const 0)|]. cbn [rollout].
  apply total_derive. intros a I.
  apply (is_derive_scal (fun u => c u n s a + g * next s a (rollout m g pi (c u) n))).
  apply (is_derive_plus (fun u => c u n s a)); [now apply D|].
  apply (is_derive_scal (fun u => next s a (rollout m g pi (c u) n))).
  apply total_derive. intros s' _. apply (is_derive_scal (fun u => rollout m g pi (c u) n s')), IH.
Qed.

(* PG-06, S7: at the old parameters the surrogate has the gradient of the value *)
Theorem surrogate_has_the_true_gradient_at_the_old_policy m (pi : R -> policy m) score t :
  scored m pi score t -> stochastic_family m pi -> stochastic m -> stochastic_policy m (pi t) ->
  (forall s a, In a (actions m) -> pi t s a <> 0) -> forall n s,
  exists l, is_derive (fun u => surrogate m (discount m) (pi t) (pi u) n s) t l /\
            is_derive (fun u => value m (pi u) n s) t l.
Proof.
  intros D N P H Z n s.
  exists (rollout m (discount m) (pi t) (fun k s a => score s a * advantage m (pi t) k s a) n s). split.
  - apply rollout_derive. intros k s' a I. rewrite Rmult_comm.
    apply (is_derive_ext (fun u => advantage m (pi t) k s' a / pi t s' a * pi u s' a)).
    { intros u. unfold step_ratio. simpl. field. now apply Z. }
    replace (advantage m (pi t) k s' a * score s' a)
      with (advantage m (pi t) k s' a / pi t s' a * (pi t s' a * score s' a)) by (field; now apply Z).
    now apply (is_derive_scal (fun u => pi u s' a)), D.
  - apply (a_state_baseline_leaves_the_gradient_unchanged m pi score t (fun k s => value m (pi t) (S k) s)); assumption.
Qed.

(* PG-08, S7: the product of ratios and the advantage of the new policy give its gradient from data of mu *)
Theorem product_of_ratios_and_new_advantage_give_the_gradient m (mu : policy m) (pi : R -> policy m) score t :
  scored m pi score t -> stochastic_family m pi -> stochastic m -> stochastic_policy m (pi t) ->
  policy_covers m mu (pi t) -> forall n s,
  is_derive (fun u => value m (pi u) n s) t
    (per_decision m (discount m) mu (pi t) (fun k s a => score s a * advantage m (pi t) k s a) n 1 s).
Proof.
  intros D N P H C n s. rewrite per_decision_weights_are_unbiased, Rmult_1_l by exact C.
  apply (a_state_baseline_leaves_the_gradient_unchanged m pi score t (fun k s => value m (pi t) (S k) s)); assumption.
Qed.

(* The witness: from false, two steps, 1 is paid for the action true in the state true; pi u takes it with u. *)
Definition both (s a : bool) : R := if s then (if a then 1 else 0) else 0.
Definition climb (g : R) : mdp := chain both g.
Definition bias_score (t : R) (s a : bool) : R := if a then / t else - / (1 - t).

Lemma biased_is_scored pay g t : 0 < t < 1 -> scored (chain pay g) biased (bias_score t) t.
Proof.
  intros T s [] _; simpl; unfold biased, bias_score; auto_derive; try easy; field; lra.
Qed.
Lemma biased_family pay g : stochastic_family (chain pay g) biased.
Proof. intros u s. simpl. unfold biased. ring. Qed.

Lemma climb_gradient g : is_derive (fun u => value (climb g) (biased u) 2 false) (1 / 2)
  (rollout (climb g) g (biased (1 / 2))
    (fun k s a => bias_score (1 / 2) s a * action_value (climb g) (biased (1 / 2)) k s a) 2 false).
Proof. apply (policy_gradient (climb g) biased), biased_is_scored. lra. Qed.

Example policy_gradient_instance :
  scored (climb 1) biased (bias_score (1 / 2)) (1 / 2) /\ stochastic_family (climb 1) biased /\
  stochastic (climb 1) /\ stochastic_policy (climb 1) (biased (1 / 2)) /\
  policy_covers (climb 1) (biased (1 / 4)) (biased (1 / 2)) /\
  rollout (climb 1) 1 (biased (1 / 2))
    (fun k s a => bias_score (1 / 2) s a * action_value (climb 1) (biased (1 / 2)) k s a)
    2 false = 1.
Proof.
  split; [apply biased_is_scored; lra|]. split; [apply biased_family|]. split; [apply chain_is_stochastic|].
  split; [apply biased_is_a_policy; lra|]. split; [intros s [] _ Z; simpl in Z; lra|].
  unfold climb, bias_score, both. compute_chain. lra.
Qed.

Example surrogate_gradient_instance :
  exists l, is_derive (fun u => surrogate (climb 1) 1 (biased (1 / 2)) (biased u) 2 false) (1 / 2) l /\
            is_derive (fun u => value (climb 1) (biased u) 2 false) (1 / 2) l.
Proof.
  apply (surrogate_has_the_true_gradient_at_the_old_policy (climb 1) biased (bias_score (1 / 2)) (1 / 2)).
  - apply biased_is_scored. lra.
  - apply biased_family.
  - apply chain_is_stochastic.
  - apply biased_is_a_policy. lra.
  - intros s [] _; unfold biased; lra.
Qed.

(* PG-02: the square of the score does not average to zero *)
Theorem squared_score_does_not_average_to_zero :
  ~ (forall m (pi : R -> policy m) score t s, scored m pi score t -> stochastic_family m pi ->
     act (pi t) s (fun a => score s a ^ 2) = 0).
Proof.
  intros H. specialize (H (climb 1) biased (bias_score (1 / 2)) (1 / 2) false
    (biased_is_scored _ _ (1 / 2) ltac:(lra)) (biased_family _ _)).
  unfold climb, bias_score in H. compute_chain. lra.
Qed.

(* PG-03: a baseline that depends on the action changes the gradient *)
Theorem an_action_baseline_changes_the_gradient :
  ~ (forall m (pi : R -> policy m) score t b, scored m pi score t -> stochastic_family m pi -> stochastic m ->
     stochastic_policy m (pi t) -> forall n s,
     rollout m (discount m) (pi t) (fun k s a => score s a * (action_value m (pi t) k s a - b a)) n s
     = rollout m (discount m) (pi t) (fun k s a => score s a * action_value m (pi t) k s a) n s).
Proof.
  intros H. specialize (H (climb 1) biased (bias_score (1 / 2)) (1 / 2) (fun a => if a then 1 else 0)
    (biased_is_scored _ _ (1 / 2) ltac:(lra)) (biased_family _ _) (chain_is_stochastic _ _)
    (biased_is_a_policy _ _ (1 / 2) ltac:(lra)) 1%nat false).
  unfold climb, bias_score, both in H. compute_chain. lra.
Qed.

(* PG-04: without the terms of the later steps *)
Theorem the_first_score_alone_is_not_the_gradient :
  ~ (forall m (pi : R -> policy m) score t, scored m pi score t -> forall n s,
     is_derive (fun u => value m (pi u) (S n) s) t (act (pi t) s (fun a => score s a * action_value m (pi t) n s a))).
Proof.
  intros H. specialize (H (climb 1) biased (bias_score (1 / 2)) (1 / 2)
    (biased_is_scored _ _ (1 / 2) ltac:(lra)) 1%nat false).
  apply is_derive_unique in H.
  rewrite (is_derive_unique _ _ _ (climb_gradient 1)) in H.
  unfold climb, bias_score, both in H. compute_chain. lra.
Qed.

(* PG-04, S6: without the factor g^t it is not the gradient, if g < 1 *)
Theorem without_the_discount_of_time_it_is_not_the_gradient :
  ~ (forall m (pi : R -> policy m) score t, scored m pi score t -> 0 <= discount m <= 1 -> forall n s,
     is_derive (fun u => value m (pi u) n s) t
       (rollout m 1 (pi t) (fun k s a => score s a * action_value m (pi t) k s a) n s)).
Proof.
  intros H. specialize (H (climb (1 / 2)) biased (bias_score (1 / 2)) (1 / 2) (biased_is_scored _ _ (1 / 2) ltac:(lra))
    ltac:(simpl; lra) 2%nat false).
  apply is_derive_unique in H.
  rewrite (is_derive_unique _ _ _ (climb_gradient (1 / 2))) in H.
  unfold climb, bias_score, both in H. compute_chain. lra.
Qed.

(* PG-05: with the states of the old policy *)
Theorem the_difference_needs_the_states_of_the_new_policy :
  ~ (forall m (pi pi' : policy m), stochastic_policy m pi -> stochastic_policy m pi' -> forall n s,
     value m pi' n s - value m pi n s
     = rollout m (discount m) pi (fun k s _ => act pi' s (advantage m pi k s)) n s).
Proof.
  intros H. specialize (H (climb 1) (biased (1 / 2)) (biased 1) (biased_is_a_policy _ _ (1 / 2) ltac:(lra))
    (biased_is_a_policy _ _ 1 ltac:(lra)) 2%nat false).
  unfold climb, both in H. compute_chain. lra.
Qed.

(* PG-07, S7: away from the old parameters the slopes differ: 3/2 for the value, 1 for the surrogate *)
Theorem surrogate_has_another_gradient_elsewhere :
  exists m (pi : R -> policy m) (s : state m),
    is_derive (fun u => value m (pi u) 2 s) (3 / 4) (3 / 2) /\
    is_derive (fun u => surrogate m (discount m) (pi (1 / 2)) (pi u) 2 s) (3 / 4) 1.
Proof.
  exists (climb 1), biased, false. split.
  - apply (is_derive_ext (fun u => u * u)).
    + intros u. unfold climb, both. compute_chain. ring.
    + auto_derive; [easy|lra].
  - apply (is_derive_ext (fun u => u - 1 / 2)).
    + intros u. unfold surrogate, climb, both, step_ratio. compute_chain. field.
    + auto_derive; [easy|ring].
Qed.

(* PG-08: with the advantage function of the old policy *)
Theorem product_of_ratios_with_the_old_advantage_is_not_the_gradient :
  ~ (forall m (mu : policy m) (pi : R -> policy m) score t, scored m pi score t -> stochastic_policy m mu ->
     policy_covers m mu (pi t) -> forall n s,
     is_derive (fun u => value m (pi u) n s) t
       (per_decision m (discount m) mu (pi t) (fun k s a => score s a * advantage m mu k s a) n 1 s)).
Proof.
  intros H. specialize (H (climb 1) (biased (1 / 4)) biased (bias_score (1 / 2)) (1 / 2)
    (biased_is_scored _ _ (1 / 2) ltac:(lra)) (biased_is_a_policy _ _ (1 / 4) ltac:(lra))).
  assert (C : policy_covers (climb 1) (biased (1 / 4)) (biased (1 / 2))) by (intros s [] _ Z; simpl in Z; lra).
  specialize (H C 2%nat false). apply is_derive_unique in H.
  rewrite (is_derive_unique _ _ _ (climb_gradient 1)) in H.
  rewrite per_decision_weights_are_unbiased in H by exact C.
  unfold climb, bias_score, both in H. compute_chain. lra.
Qed.
