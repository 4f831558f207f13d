(* GAE over the valid tokens of a padded row: masked slots are skipped and the carry passes through them. *)
From Coq Require Import Reals Lra Psatz List Bool.
From Ppo Require Import Finite Gae.
Import ListNotations.
Local Open Scope R_scope.

Record token := Token { token_reward : R; token_value : R; valid : bool }.

(* What the kernel carries backwards: the value and the advantage of the next valid token, 0 after the last. *)
Fixpoint carry (g l : R) (row : list token) : R * R :=
  match row with
  | [] => (0, 0)
  | x :: rest =>
      let (v, a) := carry g l rest in
      if valid x then (token_value x, token_reward x + g * v - token_value x + g * l * a) else (v, a)
  end.
Definition token_gae (g l : R) (row : list token) : R := snd (carry g l row).

(* The valid tokens as one episode, its last step followed by the value 0. *)
Fixpoint as_episode (tokens : list token) : list step :=
  match tokens with
  | [] => []
  | x :: rest => Step (token_reward x) (token_value x) (match rest with [] => 0 | y :: _ => token_value y end)
                      (match rest with [] => true | _ => false end) false :: as_episode rest
  end.

Lemma carry_skips g l row : carry g l row = carry g l (filter valid row).
Proof.
  induction row as [|x s IH]; [easy|]. simpl. destruct (valid x) eqn:V; simpl; rewrite <- IH, ?V; [easy|].
  now destruct (carry g l s).
Qed.

Lemma carry_of_valid g l s : (forall x, In x s -> valid x = true) ->
  carry g l s = (match s with [] => 0 | y :: _ => token_value y end, gae g l (as_episode s)).
Proof.
  induction s as [|x s IH]; intros V; [easy|]. cbn [carry]. rewrite IH by (intros; apply V; now right).
  rewrite (V x) by now left. f_equal. unfold as_episode. fold as_episode. cbn [gae]. unfold td_error, successor, ends.
  destruct s as [|y s]; simpl; ring.
Qed.

(* GAE-15 *)
Theorem token_gae_is_gae_over_the_valid_tokens g l row : token_gae g l row = gae g l (as_episode (filter valid row)).
Proof.
  unfold token_gae. rewrite carry_skips, carry_of_valid; [easy|]. intros x I. now apply filter_In in I.
Qed.

(* GAE-15 *)
Theorem what_stands_in_masked_slots_does_not_matter g l before r v r' v' after :
  token_gae g l (before ++ Token r v false :: after) = token_gae g l (before ++ Token r' v' false :: after).
Proof. rewrite !token_gae_is_gae_over_the_valid_tokens, !filter_app. reflexivity. Qed.

(* GAE-15: multiplying by the mask instead of skipping stops the carry *)
Fixpoint multiplied_gae (g l : R) (row : list token) : R :=
  match row with
  | [] => 0
  | x :: rest =>
      let v := match rest with [] => 0 | y :: _ => if valid y then token_value y else 0 end in
      if valid x then token_reward x + g * v - token_value x + g * l * multiplied_gae g l rest else 0
  end.

(* GAE-15 *)
Theorem masked_slots_must_be_skipped :
  ~ (forall g l row, multiplied_gae g l row = gae g l (as_episode (filter valid row))).
Proof.
  intros H. specialize (H 1 1 [Token 0 0 true; Token 0 0 false; Token 1 0 true]).
  unfold gae, td_error, successor in H. simpl in H. lra.
Qed.

Example token_gae_instance : token_gae (1 / 2) 1 [Token 0 0 true; Token 7 9 false; Token 1 0 true] = 1 / 2.
Proof. unfold token_gae. simpl. lra. Qed.
