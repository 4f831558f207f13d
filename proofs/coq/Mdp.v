(* Finite Markov decision processes: values, advantages and expectations along rollouts. *)
From Coq Require Import Reals Lra Lia Psatz List.
From Coquelicot Require Import Coquelicot.
From Ppo Require Import Finite.
Import ListNotations.
Local Open Scope R_scope.

Record mdp := Mdp {
  state : Type; action : Type; states : list state; actions : list action;
  chance : state -> action -> state -> R; gain : state -> action -> R; discount : R }.

Definition policy (m : mdp) := state m -> action m -> R.
Definition stochastic (m : mdp) : Prop := forall s a, distribution (states m) (chance m s a).
Definition stochastic_policy (m : mdp) (pi : policy m) : Prop := forall s, distribution (actions m) (pi s).

(* The mean of f over the next state, and of f over the action. *)
Definition next {m} (s : state m) (a : action m) (f : state m -> R) : R := mean (states m) (chance m s a) f.
Definition act {m} (pi : policy m) (s : state m) (f : action m -> R) : R := mean (actions m) (pi s) f.

(* n steps are left; with n = 0 the episode is over. *)
Fixpoint value (m : mdp) (pi : policy m) (n : nat) (s : state m) : R :=
  match n with O => 0 | S n => act pi s (fun a => gain m s a + discount m * next s a (value m pi n)) end.
Definition action_value (m : mdp) (pi : policy m) (n : nat) (s : state m) (a : action m) : R :=
  gain m s a + discount m * next s a (value m pi n).
(* The advantage of an action after which n steps are left. *)
Definition advantage (m : mdp) (pi : policy m) (n : nat) (s : state m) (a : action m) : R :=
  action_value m pi n s a - value m pi (S n) s.

(* The mean, along a rollout of pi, of the sum over t of g^t c; c is told the steps left after its action. *)
Fixpoint rollout (m : mdp) (g : R) (pi : policy m) (c : nat -> state m -> action m -> R) (n : nat) (s : state m) : R :=
  match n with O => 0 | S n => act pi s (fun a => c n s a + g * next s a (rollout m g pi c n)) end.

Lemma act_ext m (pi : policy m) s f g : (forall a, In a (actions m) -> f a = g a) -> act pi s f = act pi s g.
Proof. intros H. apply total_ext. intros a I. now rewrite H. Qed.

Lemma next_ext m s (a : action m) f g : (forall s', f s' = g s') -> next s a f = next s a g.
Proof. intros H. apply total_ext. intros s' _. now rewrite H. Qed.

Lemma act_plus m (pi : policy m) s f g : act pi s (fun a => f a + g a) = act pi s f + act pi s g.
Proof. unfold act, mean. rewrite <- total_plus. apply total_ext. intros. ring. Qed.

Lemma act_scale m (pi : policy m) s c f : act pi s (fun a => c * f a) = c * act pi s f.
Proof. unfold act, mean. rewrite <- total_scale. apply total_ext. intros. ring. Qed.

Lemma act_const m (pi : policy m) s c : stochastic_policy m pi -> act pi s (fun _ => c) = c.
Proof. intros H. apply mean_const, H. Qed.

Lemma next_plus m s (a : action m) f g : next s a (fun s' => f s' + g s') = next s a f + next s a g.
Proof. unfold next, mean. rewrite <- total_plus. apply total_ext. intros. ring. Qed.

Lemma next_scale m s (a : action m) c f : next s a (fun s' => c * f s') = c * next s a f.
Proof. unfold next, mean. rewrite <- total_scale. apply total_ext. intros. ring. Qed.

Lemma next_const m s (a : action m) c : stochastic m -> next s a (fun _ => c) = c.
Proof. intros H. apply mean_const, H. Qed.

(* The advantage averages to zero under its own policy. *)
Lemma advantage_mean_zero m (pi : policy m) n s : stochastic_policy m pi -> act pi s (advantage m pi n s) = 0.
Proof.
  intros H. unfold advantage. transitivity (act pi s (action_value m pi n s) + act pi s
    (fun _ => - value m pi (S n) s)).
  - rewrite <- act_plus. now apply act_ext.
  - rewrite act_const by exact H. unfold action_value. simpl. ring.
Qed.

Lemma rollout_ext m g (pi : policy m) c c' : (forall n s a, c n s a = c' n s a) ->
  forall n s, rollout m g pi c n s = rollout m g pi c' n s.
Proof.
  intros H n. induction n as [|n IH]; intros s; [easy|]. apply act_ext. intros a _.
  now rewrite H, (next_ext _ _ _ _ _ IH).
Qed.

Lemma rollout_plus m g (pi : policy m) c d n : forall s,
  rollout m g pi (fun k s a => c k s a + d k s a) n s = rollout m g pi c n s + rollout m g pi d n s.
Proof.
  induction n as [|n IH]; intros s; simpl; [ring|]. rewrite <- act_plus. apply act_ext. intros a _.
  rewrite (next_ext _ _ _ _ _ IH), next_plus. ring.
Qed.

(* A charge that averages to zero in every state averages to zero along every rollout. *)
Lemma rollout_mean_zero m g (pi : policy m) c : stochastic_policy m pi ->
  (forall n s, act pi s (c n s) = 0) -> stochastic m -> forall n s, rollout m g pi c n s = 0.
Proof.
  intros H Z P n. induction n as [|n IH]; intros s; [easy|]. cbn [rollout].
  transitivity (act pi s (c n s) + act pi s (fun _ => 0)).
  - rewrite <- act_plus. apply act_ext. intros a _. rewrite (next_ext _ _ _ _ _ IH), next_const by exact P. ring.
  - rewrite Z, act_const by exact H. ring.
Qed.

(* Where a rollout of pi from s is after t steps. *)
Fixpoint visits (m : mdp) (pi : policy m) (t : nat) (f : state m -> R) (s : state m) : R :=
  match t with O => f s | S t => act pi s (fun a => next s a (visits m pi t f)) end.

Lemma next_total m s (a : action m) {X} (l : list X) (f : X -> state m -> R) :
  next s a (fun s' => Sum x in l, f x s') = Sum x in l, next s a (f x).
Proof.
  unfold next, mean. rewrite total_swap. apply total_ext. intros s' _. now rewrite <- total_scale.
Qed.

Lemma act_total m (pi : policy m) s {X} (l : list X) (f : X -> action m -> R) :
  act pi s (fun a => Sum x in l, f x a) = Sum x in l, act pi s (f x).
Proof.
  unfold act, mean. rewrite total_swap. apply total_ext. intros a _. now rewrite <- total_scale.
Qed.

(* PG-04: what `rollout` is, literally: the sum over t of g^t times the mean charge at time t *)
Theorem rollout_is_the_discounted_sum_over_time m g (pi : policy m) c n : forall s,
  rollout m g pi c n s
  = Sum t in seq 0 n, g ^ t * visits m pi t (fun s' => act pi s' (c (n - 1 - t)%nat s')) s.
Proof.
  induction n as [|n IH]; intros s; [easy|]. rewrite total_shift. cbn [rollout visits].
  rewrite act_plus. replace (S n - 1 - 0)%nat with n by lia.
  f_equal; [simpl; ring|].
  rewrite (act_ext _ _ _ _ (fun a => Sum t in seq 0 n, g ^ S t *
    next s a (visits m pi t (fun s' => act pi s' (c (S n - 1 - S t)%nat s'))))).
  - rewrite act_total. apply total_ext. intros t _. now rewrite act_scale.
  - intros a _. rewrite (next_ext _ _ _ _ _ IH), next_total, <- total_scale. apply total_ext. intros t _.
    rewrite next_scale. replace (S n - 1 - S t)%nat with (n - 1 - t)%nat by lia. simpl. ring.
Qed.

(* Where the refutations live: two states, two actions, and the action names the next state. *)
Definition chain (pay : bool -> bool -> R) (g : R) : mdp :=
  Mdp bool bool [true; false] [true; false] (fun _ a s' => if Bool.eqb s' a then 1 else 0) pay g.
Definition biased (h : R) (s a : bool) : R := if a then h else 1 - h.

Lemma chain_is_stochastic pay g : stochastic (chain pay g).
Proof. intros s a. destruct a; split; try (intros [] _); simpl; lra. Qed.

Lemma biased_is_a_policy pay g h : 0 <= h <= 1 -> stochastic_policy (chain pay g) (biased h).
Proof. intros H s. split; [intros [] _; simpl; lra | simpl; ring]. Qed.

(* Evaluates everything about a given chain down to real arithmetic. *)
Ltac compute_chain := cbv -[Rplus Rmult Rminus Rdiv Rinv Ropp IZR Rle Rlt] in *.
