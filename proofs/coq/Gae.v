(* Generalized advantage estimation and returns, every length, every pattern of flags. *)
From Coq Require Import Reals Lra Psatz List Bool.
From Coquelicot Require Import Coquelicot.
From Ppo Require Import Finite.
Import ListNotations.
Local Open Scope R_scope.

(* One transition.  Flags may occur together; terminated wins. *)
Record step := Step { reward : R; value : R; next_value : R; terminated : bool; truncated : bool }.
Add Printing Constructor step.
Definition ends (x : step) : bool := terminated x || truncated x.
Definition successor (x : step) : R := if terminated x then 0 else next_value x.
Definition live (x : step) : R := if ends x then 0 else 1.
Definition td_error (g : R) (x : step) : R := reward x + g * successor x - value x.

(* The backward recursion; an empty rest is the end of the rollout. *)
Fixpoint gae (g l : R) (s : list step) : R :=
  match s with [] => 0 | x :: s' => td_error g x + g * l * (if ends x then 0 else gae g l s') end.
(* All advantages of a rollout. *)
Fixpoint advantages (g l : R) (s : list step) : list R :=
  match s with [] => [] | x :: s' => gae g l s :: advantages g l s' end.

Definition blank : step := Step 0 0 0 true true.
(* What stands before the td error k steps later: the product of g l (1 - end) over the steps in between. *)
Definition decay (g l : R) (s : list step) : R := fold_right (fun x w => g * l * live x * w) 1 s.
Definition masked_sum (g l : R) (s : list step) : R :=
  Sum k in seq 0 (length s), decay g l (firstn k s) * td_error g (nth k s blank).

Definition unmasked (s : list step) : Prop := forall x, In x s -> ends x = false.
(* Inside an episode next_value is the value of the next step. *)
Fixpoint consistent (s : list step) : Prop :=
  match s with
  | x :: (y :: _) as s' => (ends x = false -> next_value x = value y) /\ consistent s'
  | _ => True
  end.
Definition first_value (s : list step) : R := match s with [] => 0 | x :: _ => value x end.

Lemma decay_cons g l x s : decay g l (x :: s) = g * l * live x * decay g l s.
Proof. easy. Qed.

(* GAE-01 *)
Theorem recursion_is_masked_sum g l s : gae g l s = masked_sum g l s.
Proof.
  unfold masked_sum. induction s as [|x s IH]; [easy|].
  cbn [gae length]. rewrite total_shift. cbn [firstn nth]. rewrite IH.
  rewrite (total_ext (seq 0 (length s)) (fun k => decay g l (x :: firstn k s) * _)
    (fun k => g * l * live x * (decay g l (firstn k s) * td_error g (nth k s blank))))
    by (intros; rewrite decay_cons; ring).
  rewrite total_scale. unfold live, decay at 2. simpl fold_right. destruct (ends x); ring.
Qed.

Definition unit_step (r : R) : step := Step r 0 0 false false.

(* GAE-01: one factor too many *)
Theorem decay_must_stop_before_the_error :
  ~ (forall g l s, gae g l s =
     Sum k in seq 0 (length s), decay g l (firstn (S k) s) * td_error g (nth k s blank)).
Proof.
  intros H. specialize (H 1 0 [unit_step 1]). unfold gae, total, decay, td_error, successor in H. simpl in H. lra.
Qed.

Example recursion_is_masked_sum_instance :
  gae (1 / 2) 1 [Step 1 2 4 false false; Step 3 4 8 false true; Step 5 6 7 true false] = masked_sum (1 / 2) 1
    [Step 1 2 4 false false; Step 3 4 8 false true; Step 5 6 7 true false] /\
  gae (1 / 2) 1 [Step 1 2 4 false false; Step 3 4 8 false true; Step 5 6 7 true false] = 5 / 2.
Proof. split; [apply recursion_is_masked_sum|]. unfold gae, td_error, successor, ends; simpl. lra. Qed.

Lemma decay_unmasked g l s : unmasked s -> decay g l s = (g * l) ^ length s.
Proof.
  induction s as [|x s IH]; intros U; [easy|]. rewrite decay_cons. cbn [length pow].
  rewrite IH by (intros y I; apply U; now right). unfold live. rewrite (U x) by now left. ring.
Qed.

(* GAE-02 *)
Theorem unmasked_recursion_is_discounted_sum g l s : unmasked s ->
  gae g l s = Sum k in seq 0 (length s), (g * l) ^ k * td_error g (nth k s blank).
Proof.
  intros U. rewrite recursion_is_masked_sum. apply total_ext. intros k I. apply in_seq in I.
  rewrite decay_unmasked, firstn_length_le; [easy|apply PeanoNat.Nat.lt_le_incl; apply I|].
  intros x J. apply U. rewrite <- (firstn_skipn k s). apply in_or_app. now left.
Qed.

(* GAE-02 *)
Theorem the_factor_is_needed :
  ~ (forall g l s, unmasked s -> gae g l s = Sum k in seq 0 (length s), td_error g (nth k s blank)).
Proof.
  intros H. specialize (H (1 / 2) 1 [unit_step 0; unit_step 1]).
  assert (U : unmasked [unit_step 0; unit_step 1]) by (intros x [<-|[<-|[]]]; reflexivity).
  specialize (H U). unfold gae, total, td_error, successor in H. simpl in H. lra.
Qed.

Example unmasked_instance : unmasked [unit_step 0; unit_step 1] /\ gae (1 / 2) 1 [unit_step 0; unit_step 1] = 1 / 2.
Proof.
  split; [intros x [<-|[<-|[]]]; reflexivity|]. unfold gae, td_error, successor; simpl. lra.
Qed.

(* Returns: G_t = r + g (0 if terminated; next_value if truncated or last; else G_{t+1}). *)
Fixpoint returns (g : R) (s : list step) : R :=
  match s with
  | [] => 0
  | x :: s' => reward x + g * (if terminated x then 0 else if truncated x then next_value x
                               else match s' with [] => next_value x | _ => returns g s' end)
  end.
(* The steps up to and with the first that ends. *)
Fixpoint episode (s : list step) : list step :=
  match s with [] => [] | x :: s' => x :: (if ends x then [] else episode s') end.
Definition literal_return (g : R) (s : list step) : R :=
  (Sum k in seq 0 (length (episode s)), g ^ k * reward (nth k (episode s) blank))
  + g ^ length (episode s) * successor (last (episode s) blank).

Lemma episode_not_empty x s : exists y t, episode (x :: s) = y :: t.
Proof. simpl. eauto. Qed.

Lemma last_of_more (x y : step) t d : last (x :: y :: t) d = last (y :: t) d.
Proof. easy. Qed.

(* RET-01 *)
Theorem returns_are_the_literal_discounted_sum g s : s <> [] -> returns g s = literal_return g s.
Proof.
  unfold literal_return. induction s as [|x s IH]; [easy|]. intros _.
  destruct (ends x) eqn:E.
  - unfold ends in E. cbn [returns episode]. unfold ends. rewrite E. simpl. unfold successor.
    destruct (terminated x); [ring|]. simpl in E. rewrite E. ring.
  - destruct (orb_false_elim _ _ E) as [T C]. cbn [returns episode]. rewrite E, T, C.
    destruct s as [|y s]; [simpl; unfold successor; rewrite T; ring|].
    rewrite IH by easy. destruct (episode_not_empty y s) as [z [t J]]. rewrite J.
    rewrite last_of_more. change (length (x :: z :: t)) with (S (length (z :: t))).
    set (u := z :: t) in *. rewrite total_shift. cbn [nth pow].
    rewrite (total_ext _ (fun k => g * g ^ k * reward (nth k u blank)) (fun k => g * (g ^ k * reward (nth k u blank))))
      by (intros; ring).
    rewrite total_scale. ring.
Qed.

(* RET-01: a truncated step keeps its successor's value *)
Theorem returns_must_bootstrap_where_truncated :
  ~ (forall g s, s <> [] -> returns g s =
     Sum k in seq 0 (length (episode s)), g ^ k * reward (nth k (episode s) blank)).
Proof.
  intros H. specialize (H 1 [Step 0 0 1 false true] ltac:(easy)). simpl in H. lra.
Qed.

Example returns_instance :
  returns (1 / 2) [Step 1 0 9 false false; Step 2 0 4 false true; Step 5 0 0 true false] = 3
  /\ [Step 1 0 9 false false; Step 2 0 4 false true; Step 5 0 0 true false] <> [].
Proof. split; [simpl; lra | easy]. Qed.

(* GAE-03, all flags *)
Theorem lambda_one_is_return_minus_value g s : consistent s ->
  gae g 1 s = returns g s - first_value s.
Proof.
  induction s as [|x s IH]; intros C; [simpl; ring|].
  cbn [gae returns first_value]. unfold td_error, successor, ends.
  destruct (terminated x) eqn:T; [simpl; ring|]. destruct (truncated x) eqn:U; [simpl; ring|]. simpl orb. cbn iota.
  destruct s as [|y s]; [simpl; ring|]. destruct C as [N C].
  rewrite IH, N by (assumption || (unfold ends; now rewrite T, U)). simpl first_value. ring.
Qed.

(* GAE-03: A_t = sum of g^k r_k + g^T V_T - V_t *)
Theorem lambda_one_unmasked_telescopes g s : s <> [] -> unmasked s -> consistent s ->
  gae g 1 s = (Sum k in seq 0 (length s), g ^ k * reward (nth k s blank))
              + g ^ length s * next_value (last s blank) - first_value s.
Proof.
  intros N U C. rewrite lambda_one_is_return_minus_value, returns_are_the_literal_discounted_sum by assumption.
  unfold literal_return. replace (episode s) with s.
  - unfold successor. enough (E : terminated (last s blank) = false) by (rewrite E; ring).
    assert (I : In (last s blank) s) by (destruct (exists_last N) as [l [a ->]]; rewrite last_last; apply in_or_app;
      right; now left).
    apply U in I. unfold ends in I. now apply orb_false_elim in I.
  - clear N C. induction s as [|x s IH]; [easy|]. simpl. rewrite (U x) by now left.
    f_equal. apply IH. intros y I. apply U. now right.
Qed.

(* GAE-03: other lambdas do not telescope *)
Theorem telescoping_needs_lambda_one :
  ~ (forall g l s, consistent s -> gae g l s = returns g s - first_value s).
Proof.
  intros H. specialize (H 1 0 [unit_step 0; unit_step 1] (conj (fun _ => eq_refl) I)).
  unfold gae, td_error, successor in H. simpl in H. lra.
Qed.

Example lambda_one_instance :
  unmasked [Step 1 2 4 false false; Step 3 4 8 false false] /\
  consistent [Step 1 2 4 false false; Step 3 4 8 false false] /\
  gae (1 / 2) 1 [Step 1 2 4 false false; Step 3 4 8 false false] = 5 / 2.
Proof.
  repeat split; [intros x [<-|[<-|[]]]; reflexivity | unfold gae, td_error, successor; simpl; lra].
Qed.

(* GAE-04 *)
Theorem lambda_zero_is_the_td_error g x s : gae g 0 (x :: s) = td_error g x.
Proof. simpl. ring. Qed.

(* GAE-04 *)
Theorem only_lambda_zero_is_the_td_error : ~ (forall g l x s, gae g l (x :: s) = td_error g x).
Proof.
  intros H. specialize (H 1 1 (unit_step 0) [unit_step 1]). unfold gae, td_error, successor in H. simpl in H. lra.
Qed.

(* The lambda-return: r + g V' where the episode or the rollout ends, else r + g ((1 - l) V' + l G_{t+1}). *)
Fixpoint lambda_return (g l : R) (s : list step) : R :=
  match s with
  | [] => 0
  | x :: s' => reward x + g * (if ends x then successor x else
      match s' with [] => next_value x | _ => (1 - l) * next_value x + l * lambda_return g l s' end)
  end.

(* GAE-05 *)
Theorem gae_plus_value_is_the_lambda_return g l s : consistent s ->
  gae g l s + first_value s = lambda_return g l s.
Proof.
  induction s as [|x s IH]; intros C; [simpl; ring|].
  cbn [gae lambda_return first_value]. unfold td_error. destruct (ends x) eqn:E; [ring|].
  assert (W : successor x = next_value x).
  { unfold successor, ends in *. now destruct (terminated x). }
  rewrite W. destruct s as [|y s]; [simpl; ring|]. destruct C as [N C].
  rewrite <- IH by exact C. rewrite N by exact E. simpl first_value. ring.
Qed.

(* GAE-05: with lambda and 1 - lambda exchanged *)
Theorem lambda_return_weights_must_not_be_swapped :
  ~ (forall g l s, consistent s -> gae g l s + first_value s = lambda_return g (1 - l) s).
Proof.
  intros H. specialize (H 1 0 [unit_step 0; unit_step 1] (conj (fun _ => eq_refl) I)).
  unfold gae, td_error, successor in H. simpl in H. lra.
Qed.

Definition terminal_pair : list step := [Step 1 2 4 false false; Step 3 4 8 true false].
Example lambda_return_instance :
  consistent terminal_pair /\ gae 1 (1 / 2) terminal_pair + first_value terminal_pair = 9 / 2 /\
  lambda_return 1 (1 / 2) terminal_pair = 9 / 2.
Proof.
  repeat split; unfold gae, lambda_return, td_error, successor; simpl; lra.
Qed.

(* The n-step advantage, by td errors. *)
Definition n_step (g : R) (s : list step) (n : nat) : R := Sum k in seq 0 n, g ^ k * td_error g (nth k s blank).

Lemma mixture (a : nat -> R) l n :
  (Sum k in seq 0 (S n), l ^ k * a k)
  = (1 - l) * (Sum m in seq 0 n, l ^ m * (Sum k in seq 0 (S m), a k)) + l ^ n * (Sum k in seq 0 (S n), a k).
Proof.
  induction n as [|n IH]; [simpl; ring|].
  rewrite total_step, IH, (total_step n (fun m => l ^ m * _)). rewrite (total_step (S n) a). simpl pow. ring.
Qed.

(* GAE-06 *)
Theorem gae_is_the_mixture_of_n_step_advantages g l s n : unmasked s -> length s = S n ->
  gae g l s = (1 - l) * (Sum m in seq 0 n, l ^ m * n_step g s (S m)) + l ^ n * n_step g s (S n).
Proof.
  intros U L. rewrite unmasked_recursion_is_discounted_sum, L by exact U. unfold n_step.
  rewrite <- mixture. apply total_ext. intros k _. rewrite Rpow_mult_distr. ring.
Qed.

Example mixture_instance : unmasked [unit_step 0; unit_step 1] /\ length [unit_step 0; unit_step 1] = 2%nat /\
  (1 - 1 / 2) * (Sum m in seq 0 1, (1 / 2) ^ m * n_step 1 [unit_step 0; unit_step 1] (S m))
  + (1 / 2) ^ 1 * n_step 1 [unit_step 0; unit_step 1] 2 = 1 / 2.
Proof.
  split; [apply unmasked_instance|]. split; [easy|]. unfold n_step, td_error, successor. simpl. lra.
Qed.

(* GAE-06: the last weight is l^(T-1), not (1 - l) l^(T-1) *)
Theorem the_last_mixture_weight_is_whole :
  ~ (forall g l s n, unmasked s -> length s = S n ->
     gae g l s = (1 - l) * (Sum m in seq 0 (S n), l ^ m * n_step g s (S m))).
Proof.
  intros H. specialize (H 1 (1 / 2) [unit_step 1] 0%nat).
  assert (U : unmasked [unit_step 1]) by (intros x [<-|[]]; reflexivity).
  specialize (H U eq_refl). unfold gae, n_step, total, td_error, successor in H. simpl in H. lra.
Qed.

(* Rewards and values combined, flags kept. *)
Definition mix (a b : R) (p : step * step) : step :=
  let (x, y) := p in Step (a * reward x + b * reward y) (a * value x + b * value y)
                          (a * next_value x + b * next_value y) (terminated x) (truncated x).
Definition same_flags (p : step * step) : Prop :=
  terminated (fst p) = terminated (snd p) /\ truncated (fst p) = truncated (snd p).

(* GAE-07 *)
Theorem gae_is_linear_in_rewards_and_values g l a b (pairs : list (step * step)) : List.Forall same_flags pairs ->
  gae g l (map (mix a b) pairs) = a * gae g l (map fst pairs) + b * gae g l (map snd pairs).
Proof.
  induction 1 as [|[x y] s [T C] F IH]; [simpl; ring|]. simpl in T, C. simpl map. cbn [gae].
  rewrite IH. unfold td_error, successor, ends. simpl. rewrite <- T, <- C.
  destruct (terminated x), (truncated x); simpl; ring.
Qed.

(* GAE-07: a mask that depends on the reward *)
Definition cut_if_positive (x : step) : step :=
  Step (reward x) (value x) (next_value x) (if Rlt_dec 0 (reward x) then true else false) (truncated x).
Theorem a_mask_that_depends_on_the_reward_is_not_linear :
  ~ (forall g l a b (pairs : list (step * step)), List.Forall same_flags pairs ->
     gae g l (map cut_if_positive (map (mix a b) pairs))
     = a * gae g l (map cut_if_positive (map fst pairs)) + b * gae g l (map cut_if_positive (map snd pairs))).
Proof.
  intros H. specialize (H 1 1 (-1) 0 [(Step 1 0 1 false false, unit_step 0)]).
  specialize (H ltac:(repeat constructor)).
  unfold gae, map, mix, cut_if_positive, unit_step, td_error, successor in H. simpl in H.
  repeat match goal with H : context [Rlt_dec ?u ?v] |- _ => destruct (Rlt_dec u v) end; simpl in H; lra.
Qed.

Example gae_is_linear_instance :
  List.Forall same_flags [(Step 1 0 0 false true, Step 2 0 4 false true)] /\
  gae 1 1 (map (mix 2 3) [(Step 1 0 0 false true, Step 2 0 4 false true)]) = 20.
Proof. split; [repeat constructor | unfold gae, td_error, successor; simpl; lra]. Qed.

(* GAE-08 *)
Theorem nothing_after_an_end_reaches_back g l before x after after' : ends x = true ->
  gae g l (before ++ x :: after) = gae g l (before ++ x :: after').
Proof. intros E. induction before as [|y s IH]; simpl; [now rewrite E | now rewrite IH]. Qed.

(* GAE-08: a batch of episodes gives what each episode gives by itself *)
Theorem batch_is_episode_by_episode g l before x rest : ends x = true ->
  advantages g l ((before ++ [x]) ++ rest) = advantages g l (before ++ [x]) ++ advantages g l rest.
Proof.
  intros E. induction before as [|y s IH]; simpl; [now rewrite E|]. rewrite IH. do 4 f_equal.
  destruct (ends y); [easy|]. rewrite <- app_assoc. simpl. now apply nothing_after_an_end_reaches_back.
Qed.

(* GAE-08: without the cut of the trace the future leaks *)
Fixpoint uncut_gae (g l : R) (s : list step) : R :=
  match s with [] => 0 | x :: s' => td_error g x + g * l * uncut_gae g l s' end.
Theorem without_the_cut_the_future_leaks :
  ~ (forall g l before x after after', ends x = true ->
     uncut_gae g l (before ++ x :: after) = uncut_gae g l (before ++ x :: after')).
Proof.
  intros H. specialize (H 1 1 [] (Step 0 0 0 false true) [unit_step 1] [] eq_refl).
  unfold uncut_gae, td_error, successor in H. simpl in H. lra.
Qed.

(* GAE-09 *)
Theorem a_terminal_step_ignores_its_next_value g l before r v w w' c after :
  gae g l (before ++ Step r v w true c :: after) = gae g l (before ++ Step r v w' true c :: after).
Proof. induction before as [|y s IH]; simpl; [easy | now rewrite IH]. Qed.

(* GAE-09 *)
Theorem a_truncated_step_uses_its_next_value :
  ~ (forall g l r v w w', gae g l [Step r v w false true] = gae g l [Step r v w' false true]).
Proof. intros H. specialize (H 1 1 0 0 1 0). unfold gae, td_error, successor in H. simpl in H. lra. Qed.

(* GAE-10 *)
Theorem truncation_is_not_termination :
  ~ (forall g l r v w, gae g l [Step r v w false true] = gae g l [Step r v w true false]).
Proof. intros H. specialize (H 1 1 0 0 1). unfold gae, td_error, successor in H. simpl in H. lra. Qed.

(* GAE-10: they differ by exactly the bootstrap *)
Theorem truncation_exceeds_termination_by_the_bootstrap g l r v w :
  gae g l [Step r v w false true] = gae g l [Step r v w true false] + g * w.
Proof. unfold gae, td_error, successor; simpl. ring. Qed.

(* GAE-11 *)
Theorem bounded_td_errors_bound_the_advantages g l b s : 0 <= g * l < 1 -> 0 <= b ->
  (forall x, In x s -> Rabs (td_error g x) <= b) -> Rabs (gae g l s) <= b / (1 - g * l).
Proof.
  intros Q B H. assert (P : 0 <= b / (1 - g * l)) by (apply Rmult_le_pos; [lra | left; apply Rinv_0_lt_compat; lra]).
  assert (E : b / (1 - g * l) = b + g * l * (b / (1 - g * l))) by (field; lra).
  induction s as [|x s IH]; simpl; [now rewrite Rabs_R0|].
  eapply Rle_trans; [apply Rabs_triang|]. rewrite E. apply Rplus_le_compat; [apply H; now left|].
  rewrite Rabs_mult, (Rabs_pos_eq (g * l)) by lra. apply Rmult_le_compat_l; [lra|].
  destruct (ends x); [now rewrite Rabs_R0 | apply IH; intros; apply H; now right].
Qed.

Example bounded_td_errors_instance : Rabs (gae (1 / 2) 1 [unit_step 1; unit_step (-1)]) <= 1 / (1 - 1 / 2 * 1).
Proof.
  apply bounded_td_errors_bound_the_advantages; try lra.
  intros x [<-|[<-|[]]]; unfold td_error, successor, Rabs; simpl; destruct Rcase_abs; lra.
Qed.

(* GAE-11: at g l = 1 no bound holds for every length *)
Theorem no_bound_without_discounting :
  ~ (exists c, forall s, (forall x, In x s -> Rabs (td_error 1 x) <= 1) -> Rabs (gae 1 1 s) <= c).
Proof.
  intros [c H]. destruct (nfloor_ex (Rabs c) (Rabs_pos c)) as [m [_ N]].
  assert (D : td_error 1 (unit_step 1) = 1) by (unfold td_error, successor; simpl; ring).
  assert (G : forall n, gae 1 1 (repeat (unit_step 1) n) = INR n).
  { clear -D. induction n as [|n IH]; [easy|]. simpl repeat. cbn [gae]. rewrite IH, D, S_INR. simpl. ring. }
  specialize (H (repeat (unit_step 1) (S m))). rewrite G, S_INR in H.
  assert (B : Rabs (INR m + 1) <= c) by (apply H; intros x J; apply repeat_spec in J; rewrite J, D, Rabs_R1; lra).
  generalize (Rle_abs (INR m + 1)) (Rle_abs c). lra.
Qed.

(* GAE-12 *)
Definition shift (g c : R) (x : step) : step :=
  Step (reward x + c * (1 - g)) (value x + c) (next_value x + c) (terminated x) (truncated x).
Theorem shifting_the_values_changes_nothing g l c s : (forall x, In x s -> terminated x = false) ->
  gae g l (map (shift g c) s) = gae g l s.
Proof.
  induction s as [|x s IH]; intros T; [easy|]. simpl map. cbn [gae].
  rewrite IH by (intros; apply T; now right). f_equal.
  unfold td_error, successor. simpl. rewrite (T x) by now left. ring.
Qed.

(* GAE-12 *)
Theorem shifting_fails_at_a_terminal_step : ~ (forall g l c s, gae g l (map (shift g c) s) = gae g l s).
Proof.
  intros H. specialize (H 1 1 1 [Step 0 0 0 true false]). unfold gae, map, shift, td_error, successor in H.
  simpl in H. lra.
Qed.

Example shifting_instance :
  gae (1 / 2) 1 (map (shift (1 / 2) 4) [Step 1 0 2 false false; Step 0 2 1 false true]) = 5 / 4.
Proof.
  rewrite shifting_the_values_changes_nothing by (intros x [<-|[<-|[]]]; easy).
  unfold gae, td_error, successor; simpl. lra.
Qed.
