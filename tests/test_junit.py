"""`--junit`: something fails in the file exactly if the run is red."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pytest

import ppocore
from ppocore.conformance import junit, reports
from ppocore.conformance.adapters import BadAdapter
from ppocore.conformance.operations import OPERATIONS
from tests.optional import require

require("junitparser")


def ratio(log_prob, old_log_prob):
    return np.exp(log_prob - old_log_prob)


def inverted(log_prob, old_log_prob):
    return np.exp(old_log_prob - log_prob)


def refuses(log_prob, old_log_prob):
    raise ValueError("a bell \x07, <markup> & \x1b[31mcolour\ud800")


def parsed(found):
    root = ElementTree.fromstring(junit.text(found))
    return {suite.get("name"): {case.get("name"): case for case in suite.iter("testcase")}
            for suite in root.iter("testsuite")}


def kinds(found):
    return {case.get("name"): (child.tag, child.get("type")) for cases in parsed(found).values()
            for case in cases.values() for child in case}


def fails(found):
    return any(tag in ("failure", "error") for tag, _ in kinds(found).values())


def test_green_has_a_test_for_each_case_and_nothing_fails():
    run = ppocore.check({"ratio": ratio}, examples=1)

    assert list(parsed(run)) == ["ratio"]
    assert list(parsed(run)["ratio"]) == [result.id for result in run.results]
    assert run.green
    assert not fails(run)


def test_a_mistake_is_the_type_of_its_failures_and_the_numbers_are_there():
    run = ppocore.check({"ratio": inverted, "kl_k1": refuses}, examples=1)
    cases = parsed(run)

    failure = cases["ratio"]["ratio/far/up-one"].find("failure")
    assert failure.get("type") == "ratio/inverted"
    assert "want" in failure.get("message")
    assert '"log_prob": [' in failure.text
    error = cases["kl_k1"]["kl_k1/smoke/equal"].find("error")
    assert error.get("type") == "error"
    assert "a bell" in error.get("message")
    assert "<markup> &" in error.get("message")


def test_counts_are_right():
    run = ppocore.check({"ratio": inverted, "kl_k1": refuses}, examples=1)
    root = ElementTree.fromstring(junit.text(run))

    found = [tag for tag, _ in kinds(run).values()]
    assert (root.get("failures"), root.get("errors")) == (str(found.count("failure")), str(found.count("error")))
    assert root.get("tests") == str(len(run.results))


def test_what_does_not_count_is_skipped_and_counts_when_strict():
    def careless(log_prob, old_log_prob):
        return np.exp(np.resize(log_prob, 1000)[:len(old_log_prob)] - old_log_prob)

    run, strict = (ppocore.check({"ratio": careless}, examples=0, strict=strict) for strict in (False, True))

    assert kinds(run)["ratio/reject/lengths"] == ("skipped", "reject")
    assert kinds(strict)["ratio/reject/lengths"][0] == "failure"
    assert (fails(run), fails(strict)) == (not run.green, not strict.green) == (False, True)


def test_expected_failures_are_skipped_and_passes_unexpected_fail(tmp_path):
    expected = tmp_path / "expected.txt"
    wrong = ppocore.check({"ratio": inverted}, examples=0, write_expected=expected)
    assert fails(wrong)

    run = ppocore.check({"ratio": inverted}, examples=0, expected=expected)
    assert ("skipped", "xfail") in kinds(run).values()
    assert (fails(run), run.green) == (False, True)

    mended = ppocore.check({"ratio": ratio}, examples=0, expected=expected)
    assert {tag for tag, _ in kinds(mended).values()} >= {"failure"}
    assert not mended.green


def test_an_operation_that_is_red_without_a_failing_case_fails_as_one():
    run = ppocore.check({"ratio": ratio, "discounted_returns": lambda rewards, gamma: rewards}, examples=0)
    (red,) = (verdict for verdict in run.verdicts if verdict.operation == "discounted_returns")
    only = replace(run, results=tuple(r for r in run.results if r.operation == "ratio"))

    assert not red.green
    assert kinds(only)["discounted_returns/verdict"][0] == "failure"


def test_the_file_is_the_same_from_a_report_that_was_read_back(tmp_path):
    report, file = tmp_path / "report.jsonl", tmp_path / "junit.xml"

    ppocore.check({"ratio": inverted, "kl_k1": refuses}, examples=1, report=report, junit=file)

    assert file.read_text() == junit.text(reports.read(report))


@pytest.mark.parametrize("name", ["ratio", "masked_mean"])
def test_operations_that_are_not_offered_have_no_suite(name):
    functions = {"ratio": ratio, "masked_mean": lambda x, mask: (x * 0 + np.where(mask, x, 0)).sum() / mask.sum()}

    run = ppocore.check({name: functions[name]}, examples=0)

    assert list(parsed(run)) == [name]
    assert sum(verdict.verdict == "not-offered" for verdict in run.verdicts) == len(OPERATIONS) - 1


def test_unwritable_file_and_missing_package_are_refused_before_the_run(tmp_path, monkeypatch):
    with pytest.raises(BadAdapter, match="cannot be written"):
        ppocore.check({"ratio": ratio}, junit=tmp_path)
    monkeypatch.setattr("ppocore.conformance.runner.find_spec", lambda name: None)
    with pytest.raises(BadAdapter, match="--junit needs the package junitparser"):
        ppocore.check({"ratio": ratio}, junit=tmp_path / "junit.xml")
