(* Importance sampling over trajectories: every finite MDP and horizon; the dynamics cancel. *)
From Coq Require Import Reals Lra Psatz List.
From Coquelicot Require Import Coquelicot.
From Ppo Require Import Finite Mdp.
Import ListNotations.
Local Open Scope R_scope.

(* Wherever pi acts, mu acts. *)
Definition policy_covers (m : mdp) (mu pi : policy m) : Prop := forall s, covers (actions m) (mu s) (pi s).
Definition step_ratio {m} (mu pi : policy m) (s : state m) (a : action m) : R := pi s a / mu s a.

(* The mean under mu of the sum over t of g^t (product of the ratios up to and with t) c; w is the product so far. *)
Fixpoint per_decision (m : mdp) (g : R) (mu pi : policy m) (c : nat -> state m -> action m -> R)
  (n : nat) (w : R) (s : state m) : R :=
  match n with O => 0 | S n => act mu s (fun a =>
    w * step_ratio mu pi s a * c n s a + g * next s a (per_decision m g mu pi c n (w * step_ratio mu pi s a))) end.

Lemma reweighted_action m (mu pi : policy m) s f : policy_covers m mu pi ->
  act mu s (fun a => step_ratio mu pi s a * f a) = act pi s f.
Proof.
  intros C. apply total_ext. intros a I. unfold step_ratio. destruct (Req_dec (mu s a) 0) as [Z|Z].
  - rewrite Z, (C s a I Z). ring.
  - field. exact Z.
Qed.

(* IS-05: for any charge c *)
Theorem per_decision_weights_are_unbiased m g (mu pi : policy m) c : policy_covers m mu pi ->
  forall n w s, per_decision m g mu pi c n w s = w * rollout m g pi c n s.
Proof.
  intros C n. induction n as [|n IH]; intros w s; simpl; [ring|].
  rewrite <- (reweighted_action m mu pi s _ C), <- act_scale. apply act_ext. intros a _.
  rewrite (next_ext _ _ _ _ _ (IH _)), next_scale. ring.
Qed.

(* IS-05: the discounted return, rewards weighted by the product up to their own step *)
Theorem per_decision_importance_sampling m (mu pi : policy m) n s : policy_covers m mu pi ->
  per_decision m (discount m) mu pi (fun _ s a => gain m s a) n 1 s = value m pi n s.
Proof.
  intros C. rewrite per_decision_weights_are_unbiased, Rmult_1_l by exact C.
  revert s. induction n as [|n IH]; intros s; [easy|]. apply act_ext. intros a _. now rewrite (next_ext _ _ _ _ _ IH).
Qed.

(* The mean under mu of the whole product times the whole discounted return; g is the return so far, d = discount^t. *)
Fixpoint whole_trajectory (m : mdp) (mu pi : policy m) (n : nat) (w g d : R) (s : state m) : R :=
  match n with O => w * g | S n => act mu s (fun a => next s a
    (whole_trajectory m mu pi n (w * step_ratio mu pi s a) (g + d * gain m s a) (d * discount m))) end.

Lemma whole_trajectory_expands m (mu pi : policy m) : stochastic m -> stochastic_policy m pi -> policy_covers m mu pi ->
  forall n w g d s, whole_trajectory m mu pi n w g d s = w * (g + d * value m pi n s).
Proof.
  intros P H C n. induction n as [|n IH]; intros w g d s; [simpl; ring|]. cbn [whole_trajectory value].
  transitivity (act mu s (fun a => step_ratio mu pi s a *
    (w * g + w * d * (gain m s a + discount m * next s a (value m pi n))))).
  - apply act_ext. intros a _. rewrite (next_ext _ _ _ _ _ (IH _ _ _)).
    rewrite (next_ext _ _ _ _ (fun s' => w * step_ratio mu pi s a * (g + d * gain m s a)
      + w * step_ratio mu pi s a * (d * discount m) * value m pi n s')) by (intros; ring).
    rewrite next_plus, next_const, next_scale by exact P. ring.
  - rewrite reweighted_action, act_plus, act_const, act_scale by assumption. ring.
Qed.

(* IS-06 *)
Theorem trajectory_importance_sampling m (mu pi : policy m) n s :
  stochastic m -> stochastic_policy m pi -> policy_covers m mu pi ->
  whole_trajectory m mu pi n 1 0 1 s = value m pi n s.
Proof. intros P H C. rewrite whole_trajectory_expands by assumption. ring. Qed.

(* Reward 1 for each step that starts in the state true. *)
Definition pays_in_true (s a : bool) : R := if s then 1 else 0.
Definition bonus : mdp := chain pays_in_true 1.

Lemma even_covers h : policy_covers bonus (biased (1 / 2)) (biased h).
Proof. intros s [] _ Z; simpl in Z; lra. Qed.

Example trajectory_importance_sampling_instance :
  whole_trajectory bonus (biased (1 / 2)) (biased (3 / 4)) 2 1 0 1 false = 3 / 4 /\
  per_decision bonus 1 (biased (1 / 2)) (biased (3 / 4)) (fun _ s a => gain bonus s a) 2 1 false = 3 / 4.
Proof.
  assert (V : value bonus (biased (3 / 4)) 2 false = 3 / 4) by (compute_chain; lra).
  split; (transitivity (value bonus (biased (3 / 4)) 2 false); [|exact V]).
  - apply trajectory_importance_sampling; [apply chain_is_stochastic | apply biased_is_a_policy; lra |
      apply even_covers].
  - apply (per_decision_importance_sampling bonus), even_covers.
Qed.

(* IS-05: with the ratio of the current step alone, on a chain of two steps *)
Fixpoint current_ratio_only (m : mdp) (mu pi : policy m) (n : nat) (s : state m) : R :=
  match n with O => 0 | S n => act mu s (fun a =>
    step_ratio mu pi s a * gain m s a + discount m * next s a (current_ratio_only m mu pi n)) end.

(* IS-05 *)
Theorem the_ratio_of_the_step_alone_is_biased :
  ~ (forall m (mu pi : policy m) n s, stochastic m -> stochastic_policy m pi -> policy_covers m mu pi ->
     current_ratio_only m mu pi n s = value m pi n s).
Proof.
  intros H. specialize (H bonus (biased (1 / 2)) (biased (3 / 4)) 2%nat false
    (chain_is_stochastic _ _) (biased_is_a_policy _ _ (3 / 4) ltac:(lra)) (even_covers _)).
  unfold bonus, step_ratio, pays_in_true in H. compute_chain. lra.
Qed.

(* IS-06: the product must reach the last step *)
Fixpoint short_by_one (m : mdp) (mu pi : policy m) (n : nat) (w g d : R) (s : state m) : R :=
  match n with O => w * g | S n => act mu s (fun a => next s a
    (short_by_one m mu pi n (match n with O => w | _ => w * step_ratio mu pi s a end)
                  (g + d * gain m s a) (d * discount m))) end.

(* IS-06 *)
Theorem a_product_short_by_one_step_is_biased :
  ~ (forall m (mu pi : policy m) n s, stochastic m -> stochastic_policy m pi -> policy_covers m mu pi ->
     short_by_one m mu pi n 1 0 1 s = value m pi n s).
Proof.
  intros H. specialize (H (chain (fun s a => if a then 1 else 0) 1) (biased (1 / 2)) (biased (3 / 4)) 1%nat false
    (chain_is_stochastic _ _) (biased_is_a_policy _ _ (3 / 4) ltac:(lra)) (even_covers _)).
  unfold step_ratio in H. compute_chain. lra.
Qed.
