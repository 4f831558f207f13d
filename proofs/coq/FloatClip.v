(* The clipped objective in binary64, rounded to nearest, ties to even.  No overflow, no NaN: numbers are real. *)
From Coq Require Import Reals Lra Psatz ZArith.
From Flocq Require Import Core Relative.
From Ppo Require Import Clip.
Local Open Scope R_scope.

Definition binary64 : Z -> Z := FLT_exp (-1074) 53.
Definition rounded : R -> R := round radix2 binary64 ZnearestE.
Definition is_float (x : R) : Prop := generic_format radix2 binary64 x.

#[local] Instance precision : Prec_gt_0 53. Proof. reflexivity. Qed.
#[local] Instance valid_binary64 : Valid_exp binary64. Proof. exact (@FLT_exp_valid (-1074) 53 precision). Qed.

(* CLIP-08 *)
Theorem rounding_is_monotone x y : x <= y -> rounded x <= rounded y.
Proof. apply round_le; [exact valid_binary64|apply valid_rnd_N]. Qed.

(* CLIP-08 *)
Theorem floats_are_not_rounded x : is_float x -> rounded x = x.
Proof. apply round_generic. apply valid_rnd_N. Qed.

(* CLIP-08: in the normal range, with u = 2^-53 *)
Theorem rounding_errs_by_at_most_u x : bpow radix2 (-1022) <= Rabs x ->
  exists d, Rabs d <= / 2 * bpow radix2 (-52) /\ rounded x = x * (1 + d).
Proof.
  intros N. destruct (relative_error_N_FLT_ex radix2 (-1074) 53 precision (fun n => negb (Z.even n)) x) as [d [D E]].
  - exact N.
  - exists d. split; [exact D|exact E].
Qed.

(* CLIP-08: min and clip are exact, each product is rounded once: the result is the closed form, bit for bit *)
Theorem closed_form_is_exact_in_floats low high r a : low <= high ->
  Rmin (rounded (r * a)) (rounded (clip r low high * a))
  = Rmin (rounded (r * a)) (rounded ((if Rle_dec 0 a then high else low) * a)).
Proof.
  intros B. assert (M := rounding_is_monotone). unfold clip.
  destruct (Rle_dec 0 a) as [A|A].
  - destruct (Rle_dec r high) as [H|H].
    + rewrite (Rmin_left r high), (Rmin_left _ (rounded (high * a))) by (lra || (apply M; nra)).
      apply Rmin_left, M. generalize (Rmax_r low r). nra.
    + rewrite (Rmin_right r high), (Rmax_right low high) by lra. reflexivity.
  - destruct (Rle_dec low r) as [H|H].
    + rewrite (Rmin_left _ (rounded (low * a))) by (apply M; nra). apply Rmin_left, M.
      assert (Rmax low (Rmin r high) <= r) by (apply Rmax_lub; [lra|apply Rmin_l]). nra.
    + rewrite (Rmin_left r high), (Rmax_left low r) by lra. reflexivity.
Qed.

(* CLIP-08: rounding the real objective once gives the same float *)
Theorem rounding_commutes_with_the_minimum low high r a :
  Rmin (rounded (r * a)) (rounded (clip r low high * a)) = rounded (objective low high r a).
Proof.
  assert (M := rounding_is_monotone). unfold objective.
  destruct (Rle_dec (r * a) (clip r low high * a)) as [H|H].
  - rewrite (Rmin_left (r * a)) by exact H. now apply Rmin_left, M.
  - rewrite (Rmin_right (r * a)) by lra. apply Rmin_right, M. lra.
Qed.

(* CLIP-08 *)
Theorem pessimism_survives_rounding low high r a :
  Rmin (rounded (r * a)) (rounded (clip r low high * a)) <= rounded (r * a).
Proof. apply Rmin_l. Qed.

(* CLIP-08: floats are clipped to floats *)
Theorem clip_is_exact_in_floats r low high : is_float r -> is_float low -> is_float high -> is_float (clip r low high).
Proof. intros. unfold clip, Rmax, Rmin. destruct (Rle_dec r high); destruct Rle_dec; assumption. Qed.

Lemma scaled_integer_is_float m e : (Z.abs m < 2 ^ 53)%Z -> (-1074 <= e)%Z -> is_float (F2R (Float radix2 m e)).
Proof.
  intros M E. apply generic_format_FLT. exists (Float radix2 m e); [reflexivity|exact M|exact E].
Qed.

Example closed_form_instance : is_float 3 /\ is_float (1 / 2) /\ is_float (3 / 2) /\
  Rmin (rounded (3 * 1)) (rounded (clip 3 (1 / 2) (3 / 2) * 1)) = 3 / 2.
Proof.
  assert (F := scaled_integer_is_float).
  assert (A : is_float 3).
  { replace 3 with (F2R (Float radix2 3 0)) by (unfold F2R; simpl; ring). apply F; [reflexivity|discriminate]. }
  assert (B : is_float (1 / 2)).
  { replace (1 / 2) with (F2R (Float radix2 1 (-1))) by (unfold F2R; simpl; lra). apply F; [reflexivity|discriminate]. }
  assert (C : is_float (3 / 2)).
  { replace (3 / 2) with (F2R (Float radix2 3 (-1))) by (unfold F2R; simpl; lra). apply F; [reflexivity|discriminate]. }
  repeat split; try assumption. rewrite rounding_commutes_with_the_minimum.
  replace (objective (1 / 2) (3 / 2) 3 1) with (3 / 2); [now apply floats_are_not_rounded|]. split_cases; lra.
Qed.
