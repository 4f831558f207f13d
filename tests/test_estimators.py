"""The auditor of KL terms: right about the well-known ones, about damaged ones, and deaf to anything but terms."""

from __future__ import annotations

import json
import math
import random
import re
import sys
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from ppocore.cli import main
from ppocore.conformance import audit_estimator
from ppocore.conformance.estimators.__main__ import PAGE, page
from ppocore.conformance.estimators.audit import Audit, audit
from ppocore.conformance.estimators.divergences import DIVERGENCES
from ppocore.conformance.estimators.handed import apart
from ppocore.conformance.estimators.known import INSTEAD, KNOWN
from ppocore.conformance.estimators.language import (
    DERIVED,
    FUNCTIONS,
    GIVEN,
    Arithmetic,
    BadTerm,
    evaluate,
    parse,
)
from ppocore.conformance.estimators.points import DRAWS, POINTS, Point
from ppocore.conformance.estimators.shown import follows, lines, listed
from ppocore.conformance.estimators.terms import Written
from ppocore.conformance.oracle.reals import Real, arithmetic
from tests.optional import require

ROOT = Path(__file__).parents[1]
REVERSE, FORWARD = "KL(current, ref)", "KL(ref, current)"
# On-policy, off-policy: as the theorems EST-01 to EST-09 say.
THEOREMS = {
    ("k1", "loss"): ("zero", "-KL(old, current)"),
    ("k2", "loss"): (REVERSE, "E_old[k2]"),
    ("k3", "loss"): (FORWARD, "E_old[k3]"),
    ("abs(k1)", "loss"): ("2 TV(current, ref)", "none of these"),
    ("k2 - stop(k2) + stop(k1)", "loss"): (REVERSE, "E_old[k2]"),
    ("k2 - stop(k2) + stop(k3)", "loss"): (REVERSE, "E_old[k2]"),
    ("stop(k1) * log_prob", "loss"): (REVERSE, "E_old[k2]"),
    ("ratio * k1", "loss"): (REVERSE, REVERSE),
    ("ratio * k3", "loss"): (REVERSE, REVERSE),
    ("ratio * stop(k1)", "loss"): (REVERSE, REVERSE),
    ("stop(ratio) * k2", "loss"): (REVERSE, REVERSE),
    ("stop(ratio) * k3", "loss"): (FORWARD, FORWARD),
    ("ratio / stop(ratio) * k1", "loss"): (REVERSE, "E_old[k2] - KL(old, current)"),
    ("ratio / stop(ratio) * k3", "loss"): (REVERSE, "E_old[k2]"),
    ("k1", "reward"): (REVERSE, REVERSE),
    ("old_log_prob - ref_log_prob", "reward"): (REVERSE, "KL(current, ref) - KL(current, old)"),
    ("k2", "reward"): ("E_current[k2] - KL(current, ref)",) * 2,
    ("k3", "reward"): ("KL(current, ref) - KL(ref, current)",) * 2,
    ("abs(k1)", "reward"): ("none of these",) * 2,
}
OTHERS = {
    ("1", "loss"): ("zero", "zero"),
    ("1", "reward"): ("zero", "zero"),
    ("ratio", "loss"): ("zero", "zero"),
    ("ratio**2", "loss"): ("zero", "chi2(current, old)"),
    ("log_prob", "reward"): ("E_current[log_prob]", "E_current[log_prob]"),
    ("exp(k1)", "loss"): ("1/2 chi2(current, ref)", "none of these"),
    ("exp(k1)", "reward"): ("1/2 chi2(current, ref)",) * 2,
    ("exp(-k1)", "reward"): ("-KL(ref, current)",) * 2,
    ("ratio**-2 * ratio**3 * k3", "loss"): (REVERSE, REVERSE),
    ("ratio * k2", "loss"): ("E_current[k2]", "E_current[k2]"),
    ("k1**3", "loss"): ("6 E_current[k2] - 6 KL(current, ref)", "none of these"),
    ("min(ratio, 1) * k1", "loss"): ("undefined", "none of these"),
    ("min(ratio, 1) * k1", "reward"): (REVERSE, "none of these"),
    ("k3 + stop(k3) * log_prob", "loss"): (REVERSE, "E_old[k2]"),
    ("min(ratio * k3, clip(ratio, 0.8, 1.2) * k3)", "loss"): (REVERSE, "none of these"),
}


def words(found: Audit) -> tuple[str, ...]:
    return tuple(follows(verdict) for verdict in found.verdicts)


@pytest.mark.parametrize(("term", "place"), [*THEOREMS, *OTHERS], ids=map(" in ".join, [*THEOREMS, *OTHERS]))
def test_terms_follow_what_the_theorems_say(term: str, place: str) -> None:
    assert words(audit_estimator(term, place=place)) == (THEOREMS | OTHERS)[term, place]


def test_every_well_known_term_is_held_to_a_theorem_and_every_theorem_exists() -> None:
    text = (ROOT / "proofs" / "theorems" / "estimator_gradients.md").read_text(encoding="utf-8")
    written = set(re.findall(r"^## (EST-\d\d)", text, re.MULTILINE))

    # The clamped one has a test of its own.
    assert {(known.term, known.place) for known in KNOWN if "clip" not in known.term} == set(THEOREMS)
    assert {id for known in KNOWN for id in known.theorems} | {"EST-10"} == written


def test_gradients_are_those_of_closed_forms() -> None:
    """KL-04: the forward KL has the gradient current - ref; and k1 pushes by what draws."""
    forward, detached, k1 = (audit_estimator(term) for term in ("k3", "stop(ratio) * k3", "k1"))

    for row in (*(row for row in forward.rows if row.regime == "on-policy"), *detached.rows):
        wanted = [float(Fraction(p) - Fraction(r)) for p, r in zip(row.current, row.ref, strict=True)]
        # Exact numbers, rounded to a float each.
        assert row.gradient == pytest.approx(wanted, rel=2**-52, abs=1e-40)
    for row in k1.rows:
        wanted = [float(Fraction(q) - Fraction(p)) for p, q in zip(row.current, row.old, strict=True)]
        assert row.gradient == pytest.approx(wanted, rel=2**-52, abs=1e-40)


def test_numbers_of_the_reverse_kl() -> None:
    row = audit_estimator("ratio * k3").rows[0]
    kl = 0.75 * math.log(2) + 0.25 * math.log(0.4)

    # Two logarithms of size one.
    assert row.kl == pytest.approx(kl, rel=2**-48)
    assert row.mean == pytest.approx(kl, rel=2**-48)
    assert row.reverse[0] == pytest.approx(0.75 * (math.log(2) - kl), rel=2**-48)
    assert row.gradient == row.reverse


@pytest.mark.parametrize("term", [
    "k1", "k2", "k3", "abs(k1)", "exp(k1) * k1", "ratio * k3", "clip(ratio, 0.7, 1.3) * k3",
    "k1**3 / ratio - log(1 + k2)", "min(k1, 0.1) * max(ratio, 0.9)**-2",
])
def test_gradients_are_those_of_difference_quotients(term: str) -> None:
    """Of the mean of a term in which nothing is stopped, with a step of 1e-20 in 60 digits: right to 35."""
    tree, step = parse(term), Decimal("1e-20")
    plain = Arithmetic(lambda text: Real(Decimal(text)), lambda x: x, min, max)

    def mean(point: Point, shift: Decimal) -> Decimal:
        odds = [Decimal(p.numerator) / p.denominator for p in point.current]
        odds[0] *= shift.exp()
        rows = zip([p / sum(odds) for p in odds], point.old, point.ref, strict=True)
        logs = [[Real((x if isinstance(x, Decimal) else Decimal(x.numerator) / x.denominator).ln())
                 for x in row] for row in rows]
        names = ("log_prob", "old_log_prob", "ref_log_prob")
        values = [evaluate(tree, dict(zip(names, row, strict=True)), plain).value for row in logs]
        return sum(Decimal(q.numerator) / q.denominator * v for q, v in zip(point.old, values, strict=True))

    with arithmetic(2.0**-53):
        for point in (point for point in POINTS if not point.far):
            quotient = (mean(point, step) - mean(point, -step)) / (2 * step)
            found = Written(term).at(point, "loss").gradient[0].value
            # Third derivatives of size up to ten thousand times the square of the step.
            assert abs(found - quotient) < Decimal("1e-35")


def test_points_are_policies_and_cross_what_they_should() -> None:
    for point in POINTS:
        assert all(sum(policy) == 1 and min(policy) > 0 for policy in (point.current, point.old, point.ref))
        assert len(point.batch) == DRAWS
        assert all(point.batch.count(a) == DRAWS * chance for a, chance in enumerate(point.old))
        # A tie would be a corner of |k1|.
        assert all(p != r for p, r in zip(point.current, point.ref, strict=True))
    ratios = [p / q for x in POINTS if not x.on_policy and not x.far for p, q in zip(x.current, x.old, strict=True)]
    k1 = [math.log(p / r) for x in POINTS if x.far and x.on_policy for p, r in zip(x.current, x.ref, strict=True)]
    assert min(ratios) < 0.8 < 1 < 1.2 < max(ratios)
    assert max(k1) > 20
    assert max(math.exp(-x) - 1 + x for x in k1) > 10


@pytest.mark.parametrize("clamp", ["clip(k1, -20, 20)", "clip(k1, -10, 10)"])
def test_a_clamp_that_binds_is_said(clamp: str) -> None:
    free, cut = audit_estimator("k1", place="reward"), audit_estimator(clamp, place="reward")

    assert words(free) == words(cut) == (REVERSE, REVERSE)
    assert all(verdict.everywhere for verdict in free.verdicts)
    assert not any(verdict.everywhere for verdict in cut.verdicts)
    assert "only while no clamp binds" in " ".join(" ".join(lines(cut, 80)).split())


def test_the_clamped_k3_of_the_table() -> None:
    found = audit_estimator(next(known.term for known in KNOWN if "clip" in known.term))

    assert words(found) == (FORWARD, "E_old[k3]")
    assert not any(verdict.everywhere for verdict in found.verdicts)


@pytest.mark.parametrize("factor", ["2", "-3", "1/7", "0.001", "-250", "3.14159265358979"])
@pytest.mark.parametrize("term", ["k1", "k2", "k3", "ratio * k3", "ratio / stop(ratio) * k1", "abs(k1)"])
def test_a_factor_multiplies_the_multiple_and_changes_nothing_else(term: str, factor: str) -> None:
    plain, scaled = audit_estimator(term), audit_estimator(f"({factor}) * ({term})")
    number = Fraction(factor)

    for before, after in zip(plain.verdicts, scaled.verdicts, strict=True):
        assert (after.kind, after.everywhere) == (before.kind, before.everywhere)
        assert [name for _, name in after.parts] == [name for _, name in before.parts]
        for (old, _), (new, _) in zip(before.parts, after.parts, strict=True):
            # Fractions of small denominators are named exactly, others to the digits that are kept.
            assert abs(new - number * old) <= (0 if number.denominator <= 1000 else Fraction(1, 10**35))
    assert plain.theorems == scaled.theorems


def test_the_reward_has_no_baseline() -> None:
    """A constant in the reward changes no gradient."""
    assert words(audit_estimator("k1 + 5", place="reward")) == (REVERSE, REVERSE)
    assert words(audit_estimator("stop(k1 + 5) * ratio")) == (REVERSE, REVERSE)


@pytest.mark.parametrize(("term", "damaged", "verdicts"), [
    ("ratio * k3", "stop(ratio) * k3", (FORWARD, FORWARD)),
    ("stop(ratio) * k2", "ratio * k2", ("E_current[k2]", "E_current[k2]")),
    ("stop(k1) * log_prob", "k1 * log_prob", ("KL(current, ref) + E_current[log_prob]", "none of these")),
    ("k2 - stop(k2) + stop(k3)", "k2 - k2 + stop(k3)", ("zero", "zero")),
    ("k2 - stop(k2) + stop(k3)", "k2 - stop(k2) + k3", (f"{REVERSE} + {FORWARD}", "E_old[k2] + E_old[k3]")),
    ("ratio * k1", "stop(ratio * k1)", ("zero", "zero")),
    ("ratio * k1", "exp(old_log_prob - log_prob) * k1", ("-KL(current, ref)", "none of these")),
    ("k2", "-k2", ("-KL(current, ref)", "-E_old[k2]")),
])
def test_a_missing_or_misplaced_stop_or_sign_changes_the_verdict(term: str, damaged: str, verdicts: tuple) -> None:
    assert audit_estimator(term, on_policy=True).follows(REVERSE)
    assert words(audit_estimator(damaged)) == verdicts
    assert not audit_estimator(damaged).follows(REVERSE)


def test_means_and_variances() -> None:
    def estimates(term: str) -> tuple[str | None, ...]:
        return tuple(verdict.estimates for verdict in audit_estimator(term).verdicts)

    assert estimates("k1") == (REVERSE, None)
    assert estimates("k2") == ("E_current[k2]", "E_old[k2]")
    assert estimates("ratio * k1") == estimates("ratio * k3") == (REVERSE, REVERSE)
    assert estimates("-k1") == (None, None)
    k1, k3 = audit_estimator("k1").rows[0], audit_estimator("k3").rows[0]
    spread = 0.75 * 0.25 * (math.log(2) - math.log(0.4)) ** 2
    # A variance of two values; a few roundings of numbers of size one.
    assert k1.variance == pytest.approx(spread, rel=2**-46)
    assert k3.variance < k1.variance


def test_a_corner_has_no_numbers() -> None:
    term = "(min(ratio, 1) + max(ratio, 1) - 1) * k1"

    assert words(audit_estimator(term)) == ("undefined", REVERSE)
    assert f"  its mean: {REVERSE} without bias" in list(lines(audit_estimator(term), 80))
    alone = audit_estimator(term, on_policy=True)
    assert alone.rows == ()
    assert "  its mean: not computed" in list(lines(alone, 80))


def test_what_is_recommended_does_it() -> None:
    for place, term in INSTEAD.items():
        found = audit_estimator(term, place=place)

        assert found.follows(REVERSE)
        assert found.instead is None
        assert audit_estimator("k3" if place == "loss" else "k2", place=place).instead == term


def test_on_policy_alone() -> None:
    found = audit_estimator("k2", on_policy=True)

    assert [verdict.regime for verdict in found.verdicts] == ["on-policy"]
    assert found.follows(REVERSE)
    assert {row.regime for row in found.rows} == {"on-policy"}


@pytest.mark.parametrize(("term", "text"), [
    ("", "the term is empty"),
    ("   ", "the term is empty"),
    ("k4", "k4 is no name of a term"),
    ("logp", "did you mean log_prob?"),
    ("detach(k1)", "did you mean stop?"),
    ("k1.detach()", "k1.detach() is not of the language"),
    ("__import__('os').system('true')", "is not of the language"),
    ("(lambda: 1)()", "is not of the language"),
    ("[k1 for k1 in ()]", "is not of the language"),
    ("k1 if k2 else k3", "is not of the language"),
    ("k1 < k2", "is not of the language"),
    ("k1 // 2", "is not of the language"),
    ("k1 @ k2", "is not of the language"),
    ("k1[0]", "is not of the language"),
    ("True", "is not of the language"),
    ("1j", "is not of the language"),
    ("'k1'", "is not of the language"),
    ("f'{k1}'", "is not of the language"),
    ("import os", "is no expression"),
    ("k1; k2", "is no expression"),
    ("k1\x00", "is no expression"),
    ("k1 := 2", "is no expression"),
    ("(" * 300 + "k1" + ")" * 300, "is no expression"),
    ("-" * 300 + "k1", "nested deeper than 40"),
    ("exp(" * 60 + "k1" + ")" * 60, "nested deeper than 40"),
    ("k1 + " * 300 + "k1", "at most 1000"),
    ("k1 ** 1000", "the power 1000 is none"),
    ("k1 ** k2", "the power k2 is none"),
    ("k1 ** 0.5", "the power 0.5 is none"),
    ("9 ** 9 ** 9", "the power 9 ** 9 is none"),
    ("9" * 900 + " * k1", "too few digits"),
    ("1e999 * k1", "not finite"),
    ("k1 / 0", "not finite"),
    ("1 / (k1 - k1)", "not finite"),
    ("log(k1)", "not finite"),
    ("exp(exp(exp(exp(99))))", "not finite"),
    ("exp(k1, k2)", "it is exp(x), by position"),
    ("clip(k1, lo=0, hi=1)", "it is clip(x, lo, hi), by position"),
    ("exp(*k1)", "is not of the language"),
    ("1e30 + k1", "too few digits"),
])
def test_what_is_no_term_is_refused_in_one_line(term: str, text: str) -> None:
    with pytest.raises(BadTerm) as refused:
        audit_estimator(term, place="reward")

    message = str(refused.value)
    assert text in message
    assert message.startswith("estimator: ")
    assert len(message.splitlines()) == 1
    assert len(message) < 400


def test_what_the_tokenizer_warns_of_is_one_line_too(command) -> None:
    status, out, err = command("1or k1")

    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1


def test_anything_is_a_term_or_refused() -> None:
    draw = random.Random(4)
    pieces = [*GIVEN, *DERIVED, *FUNCTIONS, *"(),+-*/2.[=:é\n", "**", "0", "1e9", "lambda:", "not "]
    refused, audited = [], 0
    for _ in range(1000):
        text = "".join(draw.choice(pieces) for _ in range(draw.randint(1, 9)))
        try:
            found = audit_estimator(text, on_policy=True)
        except BadTerm as error:
            refused.append(str(error))
            continue
        audited += 1
        assert json.loads(json.dumps(found.to_dict()))["term"]
        assert "\n".join(lines(found, 80))
    assert audited > 20
    assert all(len(message.splitlines()) == 1 for message in refused)


def test_unknown_places_and_divergences_are_answered_with_the_nearest() -> None:
    with pytest.raises(ValueError, match=r"place is 'los'; it must be one of loss, reward\."):
        audit_estimator("k1", place="los")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"did you mean 'KL\(current, ref\)'"):
        audit_estimator("k1").follows("KL(current,ref)")


def test_the_page_has_the_table_of_the_program() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()
    text = PAGE.read_text(encoding="utf-8")
    assert all(divergence.name in text for divergence in DIVERGENCES)
    assert all(f"`{name}" in text for name in (*GIVEN, *DERIVED, *FUNCTIONS))


@pytest.mark.parametrize("width", [50, 80])
def test_lines_fit_the_terminal_and_show_ten_numbers(width: int) -> None:
    for known in KNOWN[:5]:
        shown = list(lines(audit_estimator(known.term, place=known.place), width))
        start = next(i for i, line in enumerate(shown) if line.startswith("  in logit 0"))

        assert len(shown[start + 1].split()) == len(shown[start + 2].split()) == 6
        assert not [line for line in shown if len(line) > max(width, 80)]
    assert max(map(len, listed(80))) <= 80


# Functions of somebody's own.


def reversed_k3(log_prob, old_log_prob, ref_log_prob):
    d = ref_log_prob - log_prob
    return np.exp(d) - 1 - d


def test_numpy_functions_are_audited_in_the_reward_only() -> None:
    found = audit_estimator(reversed_k3, place="reward")

    assert words(found) == THEOREMS["k3", "reward"]
    assert found.theorems == ("EST-09",)
    with pytest.raises(BadTerm, match="is in NumPy, which does not differentiate"):
        audit_estimator(reversed_k3)


@pytest.mark.parametrize(("function", "text"), [
    (lambda logp: logp, "did you mean log_prob?"),
    (lambda beta: beta, "needs 'beta'"),
    (lambda: 1, "names none of its inputs"),
    (lambda log_prob, /: log_prob, "inputs are passed by name"),
    (lambda log_prob: None, "returns a NoneType"),
    (lambda log_prob: "x", "returns a str"),
    (lambda log_prob: log_prob[:3], "returns shape (3,)"),
    (lambda log_prob: log_prob.mean(), "returns one number for a batch"),
    (lambda log_prob: log_prob / 0, "is not finite"),
    (lambda log_prob: 1 + log_prob.nothing, "AttributeError"),
    (lambda log_prob: sys.exit(3), "raises at current (3/4, 1/4)"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_functions_that_cannot_be_audited(function, text: str) -> None:
    with np.errstate(all="ignore"), pytest.raises(BadTerm) as refused:
        audit_estimator(function, place="reward")

    assert text in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_torch_functions() -> None:
    torch = require("torch")

    def k3(log_prob, ref_log_prob):
        d = ref_log_prob - log_prob
        return d.exp() - 1 - d

    def averaged(log_prob, ref_log_prob):
        return k3(log_prob, ref_log_prob).mean()

    def single(log_prob, ref_log_prob):
        return k3(log_prob.float(), ref_log_prob.float())

    def straight_through(log_prob, ref_log_prob):
        k2 = (log_prob - ref_log_prob) ** 2 / 2
        return k2 - k2.detach() + k3(log_prob, ref_log_prob).detach()

    def detached(log_prob, ref_log_prob):
        with torch.no_grad():
            return log_prob - ref_log_prob

    def clamped(log_prob, ref_log_prob):
        return k3(log_prob, ref_log_prob).clamp(-10, 10)

    def judged(function, **options):
        return audit_estimator(function, framework="torch", **options)

    assert words(judged(k3)) == words(judged(averaged)) == THEOREMS["k3", "loss"]
    assert judged(k3).theorems == ("EST-03",)
    assert judged(averaged).rows[0].variance is None
    assert words(judged(single)) == THEOREMS["k3", "loss"]
    assert "float32" in judged(single).notes[0]
    assert judged(single).theorems == ("EST-03",)
    assert judged(k3).notes == ()
    assert words(judged(straight_through)) == THEOREMS["k2", "loss"]
    assert words(judged(detached)) == ("zero", "zero")
    assert words(judged(detached, place="reward")) == (REVERSE, REVERSE)
    assert not any(verdict.everywhere for verdict in judged(clamped).verdicts)
    # One part in ten thousand is another function, however near, and no matter of float32.
    near = judged(lambda log_prob, ref_log_prob: k3(1.0001 * log_prob, ref_log_prob))
    assert words(near) == ("none of these",) * 2
    assert near.notes == ()


def test_jax_functions() -> None:
    jax = require("jax")

    def weighted(log_prob, old_log_prob, ref_log_prob):
        d = ref_log_prob - log_prob
        return jax.numpy.exp(log_prob - old_log_prob) * (jax.numpy.exp(d) - 1 - d)

    def held(log_prob, old_log_prob, ref_log_prob):
        ratio = jax.lax.stop_gradient(jax.numpy.exp(log_prob - old_log_prob))
        d = ref_log_prob - log_prob
        return ratio * (jax.numpy.exp(d) - 1 - d)

    assert words(audit_estimator(weighted, framework="jax")) == (REVERSE, REVERSE)
    assert words(audit_estimator(held, framework="jax")) == (FORWARD, FORWARD)


# The command.


@pytest.fixture
def command(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["ppocore", "estimator", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out, captured.err

    return run


def test_the_command_says_the_verdict_first(command) -> None:
    status, out, err = command("k3")

    assert (status, err) == (0, "")
    assert out.splitlines()[:2] == ["k3  (added to the loss)", f"  on-policy: it follows {FORWARD}, the forward KL"]
    assert "proved: EST-03" in out
    assert out.splitlines()[-1] == f"  to follow {REVERSE}, on-policy and off-policy: ratio * k3"


def test_the_command_without_a_term_lists_the_known_ones(command) -> None:
    status, out, _ = command()

    assert status == 0
    assert all(known.term in out for known in KNOWN)


def test_json_is_the_audit(command) -> None:
    status, out, _ = command("k1", "--in", "reward", "--json")
    found = json.loads(out)

    assert status == 0
    assert [verdict["follows"] for verdict in found["verdicts"]] == [[{"multiple": "1", "of": REVERSE}]] * 2
    assert found["theorems"] == ["EST-04"]
    assert len(found["points"]) == len(POINTS)


def test_an_expectation_decides_the_exit_status(command) -> None:
    assert command("ratio * k3", "--expect", REVERSE)[0] == 0
    assert command("k1", "--on-policy", "--expect", "zero")[0] == 0
    status, out, _ = command("k3", "--expect", REVERSE)
    assert status == 1
    assert out.splitlines()[-1] == f"  RED it was expected to follow {REVERSE}"
    assert command("-k2", "--on-policy", "--expect", REVERSE)[0] == 1
    assert command("k3", "--expect", "reverse")[0] == 2


def test_a_function_in_a_file(command, tmp_path) -> None:
    require("torch")
    path = tmp_path / "my_terms.py"
    path.write_text("FRAMEWORK = 'torch'\ndef k2(log_prob, ref_log_prob): return (log_prob - ref_log_prob) ** 2 / 2\n")

    status, out, err = command(f"{path}:k2")

    assert (status, err) == (0, "")
    assert f"it follows {REVERSE}, the reverse KL" in out
    for target, text in ((f"{path}:k3", "has no function 'k3'"), (path, "names no function"),
                         (f"{tmp_path}/absent.py:k2", "no such file")):
        status, out, err = command(target)
        assert (status, out) == (2, "")
        assert text in err
    assert "must be one of" in command(f"{path}:k2", "--framework", "tensorflow")[2]
    assert "is a term" in command("k1", "--framework", "torch")[2]


HOSTILE = """
import os, sys, time
import numpy as np
print("imported", flush=True)


def hangs(log_prob):
    while True:
        time.sleep(0.01)


def never_lets_go(log_prob):
    return 9 ** 9 ** 8 * log_prob


def exits(log_prob):
    os._exit(3)


def crashes(log_prob):
    os.abort()


def raises(log_prob):
    raise KeyboardInterrupt


def later(log_prob):
    later.calls = getattr(later, "calls", 0) + 1
    return log_prob if later.calls < 3 else hangs(log_prob)


def prints(log_prob, ref_log_prob):
    print("x" * 100_000)
    os.write(1, b"not a message")
    os.chdir("/")
    log_prob -= 1
    np.seterr(all="raise")
    return log_prob + 1 - ref_log_prob
"""


@pytest.mark.parametrize(("name", "text"), [
    ("hangs", "no answer within 0.5 s (in hostile.py:"),
    ("never_lets_go", "no answer within 0.5 s"),
    ("later", "no answer within 0.5 s"),
    ("exits", "the interpreter died: exit status 3"),
    ("crashes", "the interpreter died: SIGABRT (in hostile.py:"),
    ("raises", "the interpreter died"),
])
def test_a_function_that_hangs_or_crashes_is_one_line_and_status_2(command, tmp_path, name: str, text: str) -> None:
    path = tmp_path / "hostile.py"
    path.write_text(HOSTILE)

    status, out, err = command(f"{path}:{name}", "--in", "reward", "--timeout", "0.5")

    assert (status, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert f"hostile.py:{name}: {text}" in err
    assert "at current (" in err


def test_a_file_that_dies_or_loops_while_it_is_imported_is_one_line_too(command, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("ppocore.conformance.processes.START_LIMIT", 2.0)
    for source, text in (("import os; os._exit(5)", "the interpreter died: exit status 5"),
                         ("while True: pass", "no answer within 2 s"), ("1 / 0", "ZeroDivisionError"),
                         ("raise SystemExit('no')", "it calls exit while it is being imported")):
        path = tmp_path / "broken.py"
        path.write_text(source)
        status, out, err = command(f"{path}:kl", "--in", "reward")
        assert (status, out, len(err.strip().splitlines())) == (2, "", 1)
        assert text in err
        assert "broken.py" in err


def test_what_a_function_prints_or_changes_does_not_show(command, tmp_path) -> None:
    path = tmp_path / "hostile.py"
    path.write_text(HOSTILE)

    status, out, err = command(f"{path}:prints", "--in", "reward")

    assert (status, err) == (0, "")
    assert f"on-policy: it follows {REVERSE}" in out
    assert "xxx" not in out


def test_a_function_apart_is_audited_as_one_in_this_process(tmp_path) -> None:
    """To the last digit: the numbers travel as they are."""
    path = tmp_path / "mine.py"
    path.write_text("import numpy as np\ndef kl(log_prob, ref_log_prob):\n"
                    "    d = ref_log_prob - log_prob\n    return np.exp(d) - 1 - d\n")

    with apart(str(path), "kl", None, 10.0) as handed:
        found = audit(handed, "reversed_k3", "reward", False)

    assert found == audit_estimator(reversed_k3, place="reward")
