(* With the true values, GAE averages to the advantage, whatever lambda: finite MDPs, finite horizon. *)
From Coq Require Import Reals Lra Psatz List Bool.
From Coquelicot Require Import Coquelicot.
From Ppo Require Import Finite Mdp Gae PolicyGradient.
Import ListNotations.
Local Open Scope R_scope.

Section Trajectories.
Variables (m : mdp) (pi : policy m) (critic : nat -> state m -> R).

(* The transition from s by a to s', after which n steps are left. *)
Definition transition (n : nat) (s : state m) (a : action m) (s' : state m) : step :=
  Step (gain m s a) (critic (S n) s) (critic n s') (match n with O => true | _ => false end) false.

(* The mean of f over all trajectories of n steps from s, as the rollout that is recorded. *)
Fixpoint over_trajectories (n : nat) (s : state m) (f : list step -> R) : R :=
  match n with
  | O => f []
  | S n => act pi s (fun a => next s a (fun s' => over_trajectories n s' (fun rest => f (transition n s a s' :: rest))))
  end.
(* The same, the first action given. *)
Definition mean_gae (l : R) (n : nat) (s : state m) (a : action m) : R :=
  next s a (fun s' => over_trajectories n s' (fun rest => gae (discount m) l (transition n s a s' :: rest))).

Hypothesis stochastic_m : stochastic m.
Hypothesis stochastic_pi : stochastic_policy m pi.

Lemma over_affine n : forall s c d f,
  over_trajectories n s (fun rest => c + d * f rest) = c + d * over_trajectories n s f.
Proof.
  induction n as [|n IH]; intros s c d f; [easy|]. cbn [over_trajectories].
  transitivity (act pi s (fun _ => c) + d * act pi s (fun a => next s a (fun s' =>
    over_trajectories n s' (fun rest => f (transition n s a s' :: rest))))).
  - rewrite <- act_scale, <- act_plus. apply act_ext. intros a _.
    set (k := fun s' => over_trajectories n s' (fun rest => f (transition n s a s' :: rest))).
    transitivity (next s a (fun s' => c + d * k s')).
    + apply next_ext. intros s'. exact (IH s' c d (fun rest => f (transition n s a s' :: rest))).
    + now rewrite next_plus, next_const, next_scale.
  - now rewrite act_const.
Qed.

Lemma over_gae l n s : over_trajectories (S n) s (gae (discount m) l) = act pi s (mean_gae l n s).
Proof. reflexivity. Qed.

Hypothesis critic_is_true : forall n s, critic n s = Mdp.value m pi n s.

(* GAE-13 *)
Theorem gae_averages_to_the_advantage l n : forall s a, mean_gae l n s a = advantage m pi n s a.
Proof.
  unfold mean_gae. induction n as [|n IH]; intros s a.
  - cbn [over_trajectories gae]. unfold td_error, successor, ends, transition. simpl.
    rewrite next_const by exact stochastic_m. rewrite critic_is_true. unfold advantage, action_value. simpl.
    rewrite next_const by exact stochastic_m. ring.
  - cbn [gae]. transitivity (next s a (fun s' => td_error (discount m) (transition (S n) s a s') + 0)).
    + apply next_ext. intros s'. cbn [ends transition terminated truncated orb].
      set (x := transition (S n) s a s').
      rewrite (over_affine (S n) s' (td_error (discount m) x) (discount m * l) (gae (discount m) l)).
      rewrite over_gae, (act_ext _ _ _ (mean_gae l n s') (advantage m pi n s')) by (intros; apply IH).
      rewrite advantage_mean_zero by exact stochastic_pi. ring.
    + unfold td_error, successor, transition. simpl terminated. cbn iota. cbn [reward Gae.value next_value].
      rewrite (next_ext _ _ _ _ (fun s' =>
        (gain m s a - Mdp.value m pi (S (S n)) s) + discount m * Mdp.value m pi (S n) s'))
        by (intros; rewrite !critic_is_true; ring).
      rewrite next_plus, next_const, next_scale by exact stochastic_m. unfold advantage, action_value. ring.
Qed.
End Trajectories.

(* GAE-13: with another critic it does not, for lambda < 1 and for lambda = 1 *)
Theorem with_a_wrong_critic_gae_is_biased :
  ~ (forall m (pi : policy m) critic l n s a, stochastic m -> stochastic_policy m pi -> 0 <= l < 1 ->
     mean_gae m pi critic l n s a = advantage m pi n s a).
Proof.
  intros H. specialize (H (climb 1) (biased (1 / 2)) (fun _ _ => 1) 0 0%nat false false
    (chain_is_stochastic _ _) (biased_is_a_policy _ _ (1 / 2) ltac:(lra)) ltac:(lra)).
  compute_chain. lra.
Qed.

Example gae_averages_to_the_advantage_instance :
  mean_gae (climb 1) (biased (1 / 2)) (Mdp.value (climb 1) (biased (1 / 2))) (1 / 2) 1 false true = 1 / 4.
Proof.
  rewrite gae_averages_to_the_advantage; [|apply chain_is_stochastic|apply biased_is_a_policy; lra|easy].
  compute_chain. lra.
Qed.
