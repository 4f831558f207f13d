(* The Kullback-Leibler divergence of finite distributions, and its sampled estimators. *)
From Coq Require Import Reals Lra Psatz List.
From Coquelicot Require Import Coquelicot.
From Ppo Require Import Finite.
Import ListNotations.
Local Open Scope R_scope.

(* In nats.  A point without mass counts 0, whatever the logarithm of 0 is taken to be. *)
Definition kl {X} (s : list X) (p q : X -> R) : R := Sum x in s, p x * ln (p x / q x).

(* KL-02 *)
Theorem exp_is_above_its_tangent x : 1 + x <= exp x.
Proof. destruct (Req_dec x 0) as [->|N]; [rewrite exp_0; lra | left; now apply exp_ineq1]. Qed.

Lemma exp_touches_its_tangent_once x : exp x = 1 + x -> x = 0.
Proof. intros E. destruct (Req_dec x 0) as [Z|N]; [exact Z|]. generalize (exp_ineq1 x N). lra. Qed.

Lemma ln_below_its_tangent x : 0 < x -> ln x <= x - 1.
Proof. intros P. generalize (exp_is_above_its_tangent (ln x)). rewrite exp_ln by exact P. lra. Qed.

Lemma ln_touches_its_tangent_once x : 0 < x -> ln x = x - 1 -> x = 1.
Proof.
  intros P E. assert (Z : ln x = 0) by (apply exp_touches_its_tangent_once; rewrite exp_ln by exact P; lra). lra.
Qed.

(* KL-02: k3 in the ratio r, and in the log-ratio d *)
Definition k3_of_ratio (r : R) : R := (r - 1) - ln r.
Definition k3 (d : R) : R := exp d - 1 - d.

(* KL-02 *)
Theorem k3_is_nonnegative d : 0 <= k3 d.
Proof. unfold k3. generalize (exp_is_above_its_tangent d). lra. Qed.

(* KL-02 *)
Theorem k3_is_zero_only_at_zero d : k3 d = 0 <-> d = 0.
Proof.
  unfold k3. split; [|intros ->; rewrite exp_0; ring].
  intros E. apply exp_touches_its_tangent_once. lra.
Qed.

(* KL-02 *)
Theorem k3_of_a_ratio_is_nonnegative r : 0 < r -> 0 <= k3_of_ratio r /\ (k3_of_ratio r = 0 <-> r = 1).
Proof.
  intros P. unfold k3_of_ratio. split; [generalize (ln_below_its_tangent r P); lra|]. split.
  - intros E. apply ln_touches_its_tangent_once; lra.
  - intros ->. rewrite ln_1. ring.
Qed.

(* KL-02: k1 = - ln r has either sign *)
Theorem k1_may_be_negative : ~ (forall r, 0 < r -> 0 <= - ln r).
Proof. intros H. specialize (H 2 ltac:(lra)). generalize (ln_increasing 1 2). rewrite ln_1. lra. Qed.

(* One term of the divergence is above p - q. *)
Lemma term_is_above p q : 0 <= p -> 0 <= q -> (q = 0 -> p = 0) -> p - q <= p * ln (p / q).
Proof.
  intros P Q C. destruct P as [P|<-]; [|rewrite Rmult_0_l; lra].
  assert (0 < q) by (destruct Q as [Q|E]; [exact Q | specialize (C (eq_sym E)); lra]).
  assert (L := ln_below_its_tangent (q / p) ltac:(apply Rdiv_lt_0_compat; lra)).
  replace (p / q) with (/ (q / p)) by (field; lra). rewrite ln_Rinv by (apply Rdiv_lt_0_compat; lra).
  apply Rmult_le_compat_l with (r := p) in L; [|lra].
  replace (p * (q / p - 1)) with (q - p) in L by (field; lra). lra.
Qed.

Lemma term_touches p q : 0 <= p -> 0 <= q -> (q = 0 -> p = 0) -> p * ln (p / q) = p - q -> p = q.
Proof.
  intros P Q C E. destruct P as [P|<-]; [|lra].
  assert (0 < q) by (destruct Q as [Q|Z]; [exact Q | specialize (C (eq_sym Z)); lra]).
  assert (D : 0 < q / p) by (apply Rdiv_lt_0_compat; lra).
  replace (p / q) with (/ (q / p)) in E by (field; lra). rewrite ln_Rinv in E by exact D.
  assert (L : ln (q / p) = q / p - 1).
  { apply Rmult_eq_reg_l with p; [|lra]. replace (p * (q / p - 1)) with (q - p) by (field; lra). lra. }
  apply ln_touches_its_tangent_once in L; [|exact D].
  apply Rmult_eq_compat_l with (r := p) in L. replace (p * (q / p)) with q in L by (field; lra). lra.
Qed.

(* KL-01, S12 *)
Theorem kl_is_nonnegative {X} (s : list X) p q : distribution s p ->
  (forall x, In x s -> 0 <= q x) -> (Sum x in s, q x) <= 1 -> covers s q p -> 0 <= kl s p q.
Proof.
  intros [P S] Q L C. apply Rle_trans with (Sum x in s, p x - q x); [rewrite total_minus; lra|].
  apply total_le. intros x I. apply term_is_above; auto.
Qed.

(* KL-01: q must not have more mass than one *)
Theorem kl_may_be_negative_if_q_is_too_heavy :
  ~ (forall p q : unit -> R, distribution [tt] p -> (forall x, In x [tt] -> 0 <= q x) -> 0 <= kl [tt] p q).
Proof.
  intros H. specialize (H (fun _ => 1) (fun _ => 2)). unfold kl, total in H.
  assert (L : ln (1 / 2) < 0) by (rewrite <- ln_1; apply ln_increasing; lra).
  assert (D : distribution [tt] (fun _ => 1)) by (split; [intros; lra | unfold total; ring]).
  specialize (H D ltac:(intros; lra)). lra.
Qed.

(* KL-12, S12 *)
Theorem kl_is_zero_iff_equal {X} (s : list X) p q : distribution s p -> distribution s q -> covers s q p ->
  (kl s p q = 0 <-> forall x, In x s -> p x = q x).
Proof.
  intros [P S] [Q T] C. split.
  - intros Z x I.
    assert (G : forall x, In x s -> 0 <= p x * ln (p x / q x) - (p x - q x)).
    { intros y J. generalize (term_is_above (p y) (q y) (P y J) (Q y J) (C y J)). lra. }
    assert (E : (Sum x in s, p x * ln (p x / q x) - (p x - q x)) = 0).
    { rewrite total_minus, total_minus. fold (kl s p q). lra. }
    generalize (total_zero_terms s _ G E x I). simpl. intros K.
    apply term_touches; auto. lra.
  - intros E. rewrite <- (total_zero s). apply total_ext. intros x I. rewrite <- (E x I).
    destruct (Req_dec (p x) 0) as [Z|N]; [rewrite Z; ring|].
    unfold Rdiv. rewrite Rinv_r, ln_1 by exact N. ring.
Qed.

(* KL-12: one of the two masses is not enough *)
Theorem equal_total_mass_is_not_enough_for_zero :
  ~ (forall p q : bool -> R, distribution [true; false] p -> distribution [true; false] q ->
     covers [true; false] q p -> kl [true; false] p q = 0).
Proof.
  intros H. set (p := fun x : bool => if x then 1 else 0). set (q := fun x : bool => 1 / 2).
  assert (P : distribution [true; false] p) by (split; [intros [] _; unfold p; lra | unfold p, total; ring]).
  assert (Q : distribution [true; false] q) by (split; [intros [] _; unfold q; lra | unfold q, total; lra]).
  assert (C : covers [true; false] q p) by (intros x _; unfold q; lra).
  specialize (H p q P Q C). rewrite (kl_is_zero_iff_equal _ p q P Q C) in H.
  specialize (H true (or_introl eq_refl)). unfold p, q in H. lra.
Qed.

Example kl_instance : exists p q : bool -> R, distribution [true; false] p /\ distribution [true; false] q /\
  covers [true; false] q p /\ kl [true; false] p q = ln 2.
Proof.
  exists (fun x : bool => if x then 1 else 0), (fun x : bool => 1 / 2).
  repeat split; try (intros [] _); unfold kl, total; try lra.
  replace (1 / (1 / 2)) with 2 by lra. ring.
Qed.

Definition between {X} (p q : X -> R) (t : R) (x : X) : R := (1 - t) * p x + t * q x.

Lemma between_is_a_distribution {X} (s : list X) p q t : 0 <= t <= 1 ->
  distribution s p -> distribution s q -> distribution s (between p q t).
Proof.
  intros T [P S] [Q U]. split.
  - intros x I. unfold between. generalize (P x I) (Q x I). intros. nra.
  - unfold between. rewrite total_plus, !total_scale, S, U. ring.
Qed.

Lemma ln_is_concave x y a : 0 < x -> 0 < y -> 0 <= a <= 1 -> (1 - a) * ln x + a * ln y <= ln ((1 - a) * x + a * y).
Proof.
  intros X Y A. set (m := (1 - a) * x + a * y). assert (M : 0 < m) by (unfold m; nra).
  assert (T : forall z, 0 < z -> ln z <= z / m - 1 + ln m).
  { intros z Z. generalize (ln_below_its_tangent (z / m) ltac:(apply Rdiv_lt_0_compat; lra)).
    unfold Rdiv. rewrite ln_mult, ln_Rinv by (try apply Rinv_0_lt_compat; assumption). lra. }
  apply Rle_trans with ((1 - a) * (x / m - 1 + ln m) + a * (y / m - 1 + ln m)).
  - apply Rplus_le_compat; apply Rmult_le_compat_l; try lra; now apply T.
  - right. replace ((1 - a) * (x / m - 1 + ln m) + a * (y / m - 1 + ln m))
      with (((1 - a) * x + a * y) / m - 1 + ln m) by (field; lra).
    fold m. field. lra.
Qed.

(* KL-13, S12: along the segment from p to q the divergence never falls *)
Theorem kl_grows_along_the_segment {X} (s : list X) p q t u :
  distribution s p -> distribution s q -> covers s q p -> 0 <= t <= u -> u <= 1 ->
  kl s p (between p q t) <= kl s p (between p q u).
Proof.
  intros P Q C T U. destruct (Req_dec u 0) as [Z|N].
  { replace t with u by lra. lra. }
  assert (K : 0 <= kl s p (between p q u)).
  { destruct (between_is_a_distribution s p q u ltac:(lra) P Q) as [B S].
    apply kl_is_nonnegative; try assumption; [lra|]. intros x I E.
    destruct P as [P _], Q as [Q _]. specialize (P x I). specialize (Q x I). unfold between in E.
    destruct (Req_dec u 1) as [->|M]; [apply C; [exact I|lra] | nra]. }
  set (a := t / u). assert (A : 0 <= a <= 1).
  { unfold a. split; [apply Rmult_le_pos; [lra|left; apply Rinv_0_lt_compat; lra]|].
    apply Rmult_le_reg_r with u; [lra|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l; lra. }
  apply Rle_trans with (a * kl s p (between p q u)); [|nra].
  unfold kl. rewrite <- total_scale. apply total_le. intros x I.
  destruct P as [P _], Q as [Q _]. destruct (P x I) as [G|<-]; [|lra].
  assert (H : 0 < q x).
  { destruct (Q x I) as [L|E]; [exact L|]. rewrite (C x I (eq_sym E)) in G. lra. }
  assert (B : forall v, 0 <= v <= 1 -> 0 < between p q v x).
  { intros v V. unfold between. destruct (Rle_dec v (1 / 2)); nra. }
  assert (D : forall v, 0 <= v <= 1 -> ln (p x / between p q v x) = ln (p x) - ln (between p q v x)).
  { intros v V. specialize (B v V). unfold Rdiv. rewrite ln_mult, ln_Rinv by (try apply Rinv_0_lt_compat; lra). ring. }
  rewrite !D by lra. rewrite <- Rmult_assoc, (Rmult_comm a), Rmult_assoc. apply Rmult_le_compat_l; [lra|].
  generalize (ln_is_concave (p x) (between p q u x) a G (B u ltac:(lra)) A).
  replace ((1 - a) * p x + a * between p q u x) with (between p q t x).
  - lra.
  - unfold between, a. field. exact N.
Qed.

Example kl_grows_along_the_segment_instance :
  let p := fun x : bool => if x then 1 / 4 else 3 / 4 in let q := fun x : bool => if x then 1 / 2 else 1 / 2 in
  distribution [true; false] p /\ distribution [true; false] q /\ covers [true; false] q p.
Proof. repeat split; try (intros [] _); unfold total; lra. Qed.

Section Estimators.
(* Actions are drawn from q; p is the other policy; d its log-ratio. *)
Variable X : Type.
Variables (s : list X) (p q : X -> R).
Hypothesis p_positive : forall x, In x s -> 0 < p x.
Hypothesis q_positive : forall x, In x s -> 0 < q x.
Definition log_ratio (x : X) : R := ln (p x) - ln (q x).

Lemma exp_log_ratio x : In x s -> exp (log_ratio x) = p x / q x.
Proof.
  intros I. unfold log_ratio, Rminus. rewrite exp_plus, exp_Ropp, !exp_ln by auto. reflexivity.
Qed.

Lemma ln_quotient a b : 0 < a -> 0 < b -> ln (a / b) = ln a - ln b.
Proof. intros. unfold Rdiv. rewrite ln_mult, ln_Rinv by (try apply Rinv_0_lt_compat; assumption). ring. Qed.

(* KL-03 *)
Theorem k1_averages_to_the_divergence_from_the_sampler : mean s q (fun x => - log_ratio x) = kl s q p.
Proof.
  apply total_ext. intros x I. unfold log_ratio. rewrite ln_quotient by auto. ring.
Qed.

(* KL-03 *)
Theorem k3_averages_to_the_divergence_from_the_sampler :
  (Sum x in s, p x) = 1 -> (Sum x in s, q x) = 1 -> mean s q (fun x => k3 (log_ratio x)) = kl s q p.
Proof.
  intros P Q. rewrite <- k1_averages_to_the_divergence_from_the_sampler.
  transitivity (Sum x in s, (p x - q x) + q x * - log_ratio x).
  - apply total_ext. intros x I. unfold k3. rewrite exp_log_ratio by exact I. field. generalize (q_positive x I). lra.
  - rewrite total_plus, total_minus, P, Q. unfold mean. ring.
Qed.
End Estimators.

Definition pair : list bool := [true; false].
Definition uneven (x : bool) : R := if x then 1 / 3 else 2 / 3.
Definition even (x : bool) : R := 1 / 2.

Example k3_averages_instance : mean pair even (fun x => k3 (log_ratio bool uneven even x)) = kl pair even uneven.
Proof.
  apply k3_averages_to_the_divergence_from_the_sampler.
  - intros [] _; unfold uneven; lra.
  - intros x _; unfold even; lra.
  - unfold total, pair, uneven; lra.
  - unfold total, pair, even; lra.
Qed.

(* KL-03: the mean under q is KL(q, p), not KL(p, q) *)
Theorem k3_does_not_average_to_the_other_direction :
  ~ (forall p q : bool -> R, (forall x, 0 < p x) -> (forall x, 0 < q x) -> distribution pair p -> distribution pair q ->
     mean pair q (fun x => k3 (log_ratio bool p q x)) = kl pair p q).
Proof.
  intros H.
  assert (P : forall x, 0 < uneven x) by (intros []; unfold uneven; lra).
  assert (Q : forall x, 0 < even x) by (intros []; unfold even; lra).
  assert (DP : distribution pair uneven) by (split; [intros x _; left; apply P | unfold total, pair, uneven; lra]).
  assert (DQ : distribution pair even) by (split; [intros x _; left; apply Q | unfold total, pair, even; lra]).
  specialize (H uneven even P Q DP DQ).
  rewrite k3_averages_to_the_divergence_from_the_sampler in H by (auto; apply DP || apply DQ).
  unfold kl, total, pair, uneven, even in H.
  replace (1 / 2 / (1 / 3)) with (3 * / 2) in H by field. replace (1 / 2 / (2 / 3)) with (3 * / (2 * 2)) in H by field.
  replace (1 / 3 / (1 / 2)) with (2 * / 3) in H by field. replace (2 / 3 / (1 / 2)) with (2 * 2 * / 3) in H by field.
  rewrite !ln_mult, !ln_Rinv, !ln_mult in H by lra.
  (* ln 2 and ln 3 would satisfy 12 ln 3 = 19 ln 2: but 3^12 > 2^19 *)
  assert (E : 12 * ln 3 = 19 * ln 2) by lra.
  assert (L : ln (2 ^ 19) < ln (3 ^ 12)) by (apply ln_increasing; lra).
  rewrite !ln_pow in L by lra. simpl INR in L. lra.
Qed.

Section Gradients.
(* A family of policies p u with scores at t; actions are drawn from q, which is held fixed. *)
Variable X : Type.
Variables (s : list X) (q : X -> R) (p : R -> X -> R) (score : X -> R) (t : R).
Hypothesis q_positive : forall x, In x s -> 0 < q x.
Hypothesis p_positive : forall u x, In x s -> 0 < p u x.
Hypothesis score_is_the_derivative : forall x, In x s -> is_derive (fun u => ln (p u x)) t (score x).
Hypothesis score_mean_zero : mean s (p t) score = 0.

(* KL-07 *)
Theorem expected_k1_gradient_is_the_kl_gradient :
  is_derive (fun u => kl s q (p u)) t (mean s q (fun x => - score x)).
Proof.
  apply (is_derive_ext_loc (fun u => Sum x in s, q x * (ln (q x) - ln (p u x)))).
  - exists (mkposreal 1 Rlt_0_1). intros u _. apply total_ext. intros x I. rewrite ln_quotient by auto. reflexivity.
  - apply total_derive. intros x I. apply (is_derive_scal (fun u => ln (q x) - ln (p u x))).
    replace (- score x) with (0 - score x) by ring.
    apply (is_derive_minus (fun _ => ln (q x)) (fun u => ln (p u x))); [apply (is_derive_const (ln (q x)))|auto].
Qed.

(* KL-07: the slope of k3 at one sample is (r - 1) times the score *)
Theorem expected_k3_gradient_is_the_kl_gradient :
  (forall x, In x s -> is_derive (fun u => k3 (log_ratio X (p u) q x)) t ((p t x / q x - 1) * score x)) /\
  is_derive (fun u => kl s q (p u)) t (mean s q (fun x => (p t x / q x - 1) * score x)).
Proof.
  split.
  - intros x I. rewrite <- (exp_log_ratio X s (p t) q (p_positive t) q_positive x I). unfold k3.
    set (d := fun u => log_ratio X (p u) q x).
    assert (D : is_derive d t (score x)).
    { unfold d, log_ratio. replace (score x) with (score x - 0) by ring.
      apply (is_derive_minus (fun u => ln (p u x)) (fun _ => ln (q x))); [auto|apply (is_derive_const (ln (q x)))]. }
    replace ((exp (log_ratio X (p t) q x) - 1) * score x) with (score x * exp (d t) - 0 - score x) by (unfold d; ring).
    apply (is_derive_minus (fun u => exp (d u) - 1) d); [|exact D].
    apply (is_derive_minus (fun u => exp (d u)) (fun _ => 1)); [|apply (is_derive_const 1)].
    apply (is_derive_comp exp d); [apply is_derive_exp | exact D].
  - replace (mean s q (fun x => (p t x / q x - 1) * score x)) with (mean s q (fun x => - score x)).
    + apply expected_k1_gradient_is_the_kl_gradient.
    + transitivity (mean s (p t) score + mean s q (fun x => - score x)); [rewrite score_mean_zero; ring|].
      unfold mean. rewrite <- total_plus. apply total_ext. intros x I. field. generalize (q_positive x I). lra.
Qed.
End Gradients.

(* KL-07: the slope of k2 = d^2 / 2 is d times the score, and has another mean *)
Theorem expected_k2_gradient_is_not_the_kl_gradient :
  ~ (forall p q score : bool -> R, distribution pair p -> distribution pair q -> (forall x, 0 < p x) ->
     (forall x, 0 < q x) -> mean pair p score = 0 ->
     mean pair q (fun x => log_ratio bool p q x * score x) = mean pair q (fun x => - score x)).
Proof.
  intros H.
  specialize (H (fun x => if x then 15 / 16 else 1 / 16) even (fun x => if x then 1 else -15)).
  assert (K : mean pair even (fun x => - (if x then 1 else -15)) = 7) by (unfold mean, total, pair, even; lra).
  cbv beta in H. rewrite K in H. unfold mean, log_ratio, total, pair, even in H.
  rewrite !ln_quotient in H by lra. rewrite ln_1 in H.
  assert (L2 : 1 / 2 <= ln 2).
  { generalize (ln_below_its_tangent (1 / 2) ltac:(lra)). rewrite ln_quotient, ln_1 by lra. lra. }
  assert (L15 : ln 8 <= ln 15) by (left; apply ln_increasing; lra).
  replace 16 with (2 ^ 4) in H by ring. replace 8 with (2 ^ 3) in L15 by ring.
  rewrite !ln_pow in H, L15 by lra. simpl INR in H, L15.
  refine ((fun E => _) (H _ _ _ _ _)).
  - lra.
  - split; [intros [] _; lra | unfold total, pair; lra].
  - split; [intros [] _; unfold even; lra | unfold total, pair, even; lra].
  - intros []; lra.
  - intros []; unfold even; lra.
  - unfold mean, total, pair; lra.
Qed.

(* The logistic family shows that the hypotheses of the gradient theorems can be met. *)
Definition logistic (u : R) (x : bool) : R := if x then exp u / (1 + exp u) else 1 / (1 + exp u).
Example expected_k1_gradient_instance :
  is_derive (fun u => kl pair even (logistic u)) 0 (mean pair even (fun x : bool => - (if x then 1 / 2 else - (1 / 2))))
  /\ mean pair (logistic 0) (fun x : bool => if x then 1 / 2 else - (1 / 2)) = 0.
Proof.
  assert (P : forall u x, In x pair -> 0 < logistic u x).
  { intros u x _. generalize (exp_pos u). intros E. unfold logistic. destruct x; apply Rdiv_lt_0_compat; lra. }
  split; [|unfold mean, total, pair, logistic; rewrite exp_0; lra].
  apply (expected_k1_gradient_is_the_kl_gradient bool pair even logistic); [intros x _; unfold even; lra | exact P |].
  intros [] _; unfold logistic; assert (E := exp_pos 0); auto_derive.
  - repeat split; try lra. apply Rmult_lt_0_compat; [lra|apply Rinv_0_lt_compat; lra].
  - rewrite exp_0. field.
  - repeat split; try lra. apply Rmult_lt_0_compat; [lra|apply Rinv_0_lt_compat; lra].
  - rewrite exp_0. field.
Qed.
