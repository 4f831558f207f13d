(* The accumulated rounding error of the GAE recursion does not grow with the length of the rollout. *)
From Coq Require Import Reals Lra Psatz List.
From Ppo Require Import Finite Gae.
Import ListNotations.
Local Open Scope R_scope.

(* v may come out when every step, given what came out after it, errs by at most e.  Gappa bounds e. *)
Inductive computed (g l e : R) : list step -> R -> Prop :=
| computed_end : computed g l e [] 0
| computed_step x rest v w : computed g l e rest v ->
    Rabs (w - (td_error g x + g * l * (if ends x then 0 else v))) <= e -> computed g l e (x :: rest) w.

(* GAE-14 *)
Theorem accumulated_error_is_bounded_for_every_length g l e s v : 0 <= g * l < 1 -> 0 <= e ->
  computed g l e s v -> Rabs (v - gae g l s) <= e / (1 - g * l).
Proof.
  intros Q E C. assert (P : 0 <= e / (1 - g * l)) by (apply Rmult_le_pos; [lra|left; apply Rinv_0_lt_compat; lra]).
  assert (F : e / (1 - g * l) = e + g * l * (e / (1 - g * l))) by (field; lra).
  induction C as [|x rest v w C IH S]; [now rewrite Rminus_0_r, Rabs_R0|]. cbn [gae].
  replace (w - (td_error g x + g * l * (if ends x then 0 else gae g l rest)))
    with (w - (td_error g x + g * l * (if ends x then 0 else v)) + g * l * (if ends x then 0 else v - gae g l rest))
    by (destruct (ends x); ring).
  eapply Rle_trans; [apply Rabs_triang|]. rewrite F. apply Rplus_le_compat; [exact S|].
  rewrite Rabs_mult, (Rabs_pos_eq (g * l)) by lra. apply Rmult_le_compat_l; [lra|].
  destruct (ends x); [now rewrite Rabs_R0|exact IH].
Qed.

(* GAE-14: the error of one step alone is no bound *)
Theorem the_error_of_one_step_is_no_bound :
  ~ (forall g l e s v, 0 <= g * l < 1 -> 0 <= e -> computed g l e s v -> Rabs (v - gae g l s) <= e).
Proof.
  intros H. specialize (H (1 / 2) 1 1 [unit_step 0; unit_step 0] (3 / 2) ltac:(lra) ltac:(lra)).
  assert (C : computed (1 / 2) 1 1 [unit_step 0; unit_step 0] (3 / 2)).
  { apply computed_step with 1; [apply computed_step with 0; [constructor|]|];
      unfold td_error, successor, Rabs; simpl; destruct Rcase_abs; lra. }
  specialize (H C). unfold gae, td_error, successor, Rabs in H. simpl in H. destruct Rcase_abs in H; lra.
Qed.

(* A run with errors exists: the hypotheses can be met with e > 0. *)
Example accumulated_error_instance :
  computed (1 / 2) 1 1 [unit_step 0; unit_step 0] (3 / 2) /\ gae (1 / 2) 1 [unit_step 0; unit_step 0] = 0 /\
  Rabs (3 / 2 - 0) <= 1 / (1 - 1 / 2 * 1).
Proof.
  repeat split.
  - apply computed_step with 1; [apply computed_step with 0; [constructor|]|];
      unfold td_error, successor, Rabs; simpl; destruct Rcase_abs; lra.
  - unfold gae, td_error, successor; simpl. lra.
  - unfold Rabs. destruct Rcase_abs; lra.
Qed.
