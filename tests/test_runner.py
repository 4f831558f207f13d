"""The run: which cases are asked, what crashes cost, expected failures, and a report that is whole."""

from __future__ import annotations

import json
import re
import types
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import ppocore
from ppocore.conformance import expected, reports, terminal
from ppocore.conformance.adapters import BadAdapter
from ppocore.conformance.case import GATING, Result, Verdict
from ppocore.conformance.operations import OPERATIONS
from tests.optional import require

GOOD = "import numpy as np\ndef ratio(log_prob, old_log_prob): return np.exp(log_prob - old_log_prob)\n"
BAD = GOOD + "def value_loss(values, returns): return ((values + returns) ** 2).mean()\n"
CRASH = GOOD + (
    "import os\n"
    "def kl_k1(log_prob, old_log_prob): os._exit(1)\n"
    "def kl_k2(log_prob, old_log_prob):\n"
    "    while True: pass\n"
    "def kl_k3(log_prob, old_log_prob):\n"
    "    d = log_prob - old_log_prob\n"
    "    return (np.exp(d) - 1 - d).mean()\n")


def check(**options):
    return ppocore.check({"ratio": lambda log_prob, old_log_prob: np.exp(log_prob - old_log_prob)}, **options)


def bad(**options):
    """Right for short inputs only."""
    def value_loss(values, returns):
        return ((values - returns) ** 2).mean() + (values.size > 4)

    return ppocore.check({"value_loss": value_loss}, **options)


def write(tmp_path: Path, source: str) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(source)
    return path


def verdict(found, operation):
    return next(v for v in found.verdicts if v.operation == operation)


def test_green_run_counts_everything():
    found = check()

    assert (found.green, found.exit_status) == (True, 0)
    assert verdict(found, "ratio").verdict == "conforms"
    assert len(found.verdicts) == len(OPERATIONS)
    assert found.footer["operations"] == {"conforms": 1, "not-offered": len(OPERATIONS) - 1}
    assert sum(found.footer["cases"].values()) == len(found.results) > 5


def test_red_run_has_a_counterexample_and_status_one():
    found = bad()

    assert (found.green, found.exit_status) == (False, 1)
    assert any(result.status == "fail" and result.counterexample for result in found.results)


def test_same_seed_gives_the_same_run_another_seed_other_cases():
    def inputs(**options):
        return [(r.id, r.status, json.dumps(reports.plain(r.counterexample))) for r in bad(**options).results]

    assert inputs(seed=3) == inputs(seed=3)
    assert inputs(seed=3) != inputs(seed=4)
    assert len(bad(examples=0).results) < len(bad(examples=8).results)


def test_only_chooses_by_operation_or_case():
    everything = check()
    one = everything.results[2].id

    assert [r.id for r in check(only=one).results] == [one]
    assert check(only="rat*").results == everything.results
    for only, text in (("gae", "does not offer gae; it offers: ratio"), ("ratoi", "Did you mean ratio?"),
                       ("ratio/nope", "no case of this adapter")):
        with pytest.raises(BadAdapter, match=text.replace("?", r"\?")):
            check(only=only)


def test_crashes_cost_three_cases_and_the_next_operation_starts_afresh(tmp_path):
    found = ppocore.check(write(tmp_path, CRASH), timeout=0.3, examples=1)

    for operation, text in (("kl_k1", "exit status 1"), ("kl_k2", "no answer within 0.3 s")):
        results = [r for r in found.results if r.operation == operation]
        assert {r.status for r in results} == {"error"}
        assert [text in r.message for r in results[:3]] == [True] * 3
        assert all("not run" in r.message for r in results[3:])
        assert len(results) > 3
        assert verdict(found, operation).verdict == "error"
        assert not verdict(found, operation).green
    assert verdict(found, "ratio").green
    assert verdict(found, "kl_k3").green
    assert found.exit_status == 1


def test_module_with_a_file_runs_apart_and_one_without_runs_here(tmp_path):
    import importlib.util

    path = write(tmp_path, GOOD + "import sys\nDTYPE = 'float32'\nVERSION = '7'\n")
    spec = importlib.util.spec_from_file_location("mine", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    here = types.ModuleType("here")
    here.ratio = module.ratio

    apart = ppocore.check(module, examples=0)
    assert apart.green
    assert (apart.header["dtype"], apart.header["version"]) == ("float32", "7")
    assert ppocore.check(here, examples=0).green


def test_script_that_checks_itself_without_a_guard_is_told_so(tmp_path):
    path = write(tmp_path, GOOD + "import ppocore\nppocore.check(__file__)\n")

    with pytest.raises(BadAdapter, match="put the call under `if __name__"):
        ppocore.check(path)


def test_function_that_no_case_fits_is_red_and_says_so():
    unfit = {"td_errors": lambda rewards, values, gamma: rewards}

    found = ppocore.check({"ratio": lambda log_prob, old_log_prob: np.exp(log_prob - old_log_prob)} | unfit)

    assert verdict(found, "td_errors").verdict == "error"
    assert not verdict(found, "td_errors").green
    assert "no `terminated`" in verdict(found, "td_errors").notes[0]
    with pytest.raises(BadAdapter, match="no case of td_errors can be put to its signature; it lacks: "):
        ppocore.check(unfit)


def test_what_is_not_covered_and_not_selected_is_said():
    found = bad(examples=0)

    assert "not covered: `mask`" in verdict(found, "value_loss").notes
    assert found.not_selected > 0


def test_ends_at_the_last_step_are_not_covered_without_last_dones():
    def gae(rewards, values, last_values, episode_starts, gamma, gae_lambda):
        raise NotImplementedError

    note = verdict(ppocore.check({"gae": gae}, examples=0), "gae").notes

    assert any("episode ends at the last step (no `last_dones`)" in text for text in note)
    with_ends = ppocore.check({"gae": lambda rewards, values, last_values, episode_starts, last_dones, gamma,
                               gae_lambda: rewards}, examples=0)
    assert not any("last_dones" in text for text in verdict(with_ends, "gae").notes)


def test_code_that_contradicts_its_declaration_is_told_both(capsys):
    def normalize_advantages(advantages):
        return (advantages - advantages.mean()) / (advantages.std() + 1e-8)

    found = ppocore.check({"normalize_advantages": normalize_advantages, "CONVENTIONS": {"advantage_std": "ddof1"}})
    terminal.show(found, Console(width=100))
    out = capsys.readouterr().out

    assert "advantage_std=ddof0  (declared: ddof1)" in out
    assert "It computes what advantage_std=ddof0 means, but declares advantage_std=ddof1." in out
    assert 'declare: CONVENTIONS = {"advantage_std": "ddof0"}' in out
    # One advantage has no sample deviation: a smaller example than two would show 0 beside NaN.
    assert "should be nan" not in out


def test_declared_and_computed_conventions_are_not_called_undeclared(capsys):
    def value_loss(values, returns):
        return ((values - returns) ** 2).sum()

    found = ppocore.check({"value_loss": value_loss, "CONVENTIONS": {"reduction": "sum", "value_loss_scale": "half"}})
    terminal.show(found, Console(width=100))
    out = capsys.readouterr().out

    assert "reduction=sum\n" in out
    assert "value_loss_scale=one  (declared: half)" in out
    assert "but declares value_loss_scale=half." in out


def test_a_graph_in_some_cases_only_is_counted():
    require("torch")

    def value_loss(values, returns):
        loss = ((values - returns) ** 2).mean()
        return loss.detach() if len(values) == 2 else loss

    def never(values, returns):
        return ((values - returns) ** 2).mean().detach()

    found = verdict(ppocore.check({"value_loss": value_loss, "FRAMEWORK": "torch"}, examples=0), "value_loss")
    green = verdict(ppocore.check({"value_loss": never, "FRAMEWORK": "torch"}, examples=0), "value_loss")

    assert not found.green
    partly = r"the loss has no graph in [1-9] of \d\d cases: its gradient counts as 0 there"
    assert any(re.fullmatch(partly, text) for text in found.notes)
    assert green.green
    assert any(text.startswith("judged on its value only: the loss has no graph") for text in green.notes)


def test_gradients_are_judged_though_the_adapter_switches_them_off(tmp_path):
    require("torch")
    path = write(tmp_path, "import torch\nFRAMEWORK = 'torch'\ntorch.set_grad_enabled(False)\n"
                 "def value_loss(values, returns):\n"
                 "    return ((values.detach() - returns) ** 2).mean() + 0 * values.sum()\n")

    assert verdict(ppocore.check(path, examples=0), "value_loss").mistakes == ("value_loss/detached",)


def test_unknown_convention_cannot_run():
    with pytest.raises(BadAdapter, match="advantage_std"):
        ppocore.check({"ratio": lambda log_prob: 1, "CONVENTIONS": {"advantage_sdt": "ddof1"}})


@pytest.mark.parametrize("options", [
    {"timeout": 0}, {"timeout": float("nan")}, {"examples": -1}, {"seed": -1}, {"report": "/no/folder/x"},
    {"report": "/"},
])
def test_bad_options_cannot_run(options):
    with pytest.raises(BadAdapter):
        check(**options)


def test_report_is_read_back_as_it_was(tmp_path):
    path = tmp_path / "report.jsonl"

    found = bad(report=path)

    rows = [json.loads(line) for line in path.read_text().splitlines()]
    kinds = [row["kind"] for row in rows]
    assert kinds == sorted(kinds, key=["header", "result", "verdict", "footer"].index)
    assert (kinds[0], kinds[-1]) == ("header", "footer")
    assert {"suite", "adapter", "name", "version", "framework", "dtype", "conventions", "seed", "examples",
            "strict", "platform", "python", "numpy"} <= set(rows[0])
    assert {"id", "operation", "level", "status", "message", "counterexample"} <= set(rows[1])
    assert {"operation", "verdict", "mistakes", "conventions", "declared", "green"} <= set(rows[-2])
    again = reports.read(path)
    assert (again.exit_status, again.footer) == (found.exit_status, reports.plain(found.footer))
    assert [r.id for r in again.results] == [r.id for r in found.results]
    assert list(reports.lines(again)) == path.read_text().splitlines()


def test_non_finite_numbers_are_strings():
    value = {"a": [np.nan, np.inf, -np.inf], "b": np.array([1, np.nan]), "c": np.float32(0.5), "d": (True,)}

    assert reports.plain(value) == {"a": ["nan", "inf", "-inf"], "b": [1.0, "nan"], "c": 0.5, "d": [True]}


def test_broken_reports_are_refused_by_name(tmp_path):
    path = tmp_path / "report.jsonl"
    check(report=path, examples=0)
    lines = path.read_text().splitlines()
    for content, text in (
        (lines[:-1], "has no footer"),
        (lines[1:], "its first line is no header"),
        ([*lines[:-2], lines[-2][:20]], "not JSON"),
        ([lines[0], *lines[2:]], "its footer does not count"),
        (["[]"], "not a line of a report"),
        ([], "not a report"),
        ([lines[0], '{"kind": "result", "nonsense": 1}', lines[-1]], ":2: a result without id"),
        ([lines[0], lines[-2], *lines[1:-2], lines[-1]], "its lines are out of order"),
        ([lines[0], *lines], "its lines are out of order"),
        ([lines[0].replace('"strict": false', '"strict": "no"'), *lines[1:]], ":1: the header whose strict"),
        ([*lines[:-2], lines[-2].replace("not-offered", "fine"), lines[-1]], "a verdict whose verdict is no verdict"),
        ([lines[0], lines[1].replace('null', '{"got": [[1]]}'), *lines[2:]], ":2: a counterexample without inputs"),
        ([lines[0].replace('"examples": 0', '"examples": NaN'), *lines[1:]], ":1: not JSON"),
        ([lines[0], "[" * 100_000, lines[-1]], ":2: not JSON"),
        ([lines[0], "", *lines[1:]], ":2: not JSON"),
    ):
        path.write_text("\n".join(content))
        with pytest.raises(ValueError, match=text) as error:
            reports.read(path)
        assert "report.jsonl" in str(error.value)
    with pytest.raises(ValueError, match="cannot be read as a report"):
        reports.read(tmp_path / "absent")
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="cannot be read as a report"):
        reports.read(path)


def test_interrupted_run_leaves_the_previous_report_alone(tmp_path, monkeypatch):
    path = tmp_path / "report.jsonl"
    path.write_text("the previous one")

    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("ppocore.conformance.runner.diagnose", interrupt)
    with pytest.raises(KeyboardInterrupt):
        check(report=path)

    assert path.read_text() == "the previous one"
    assert list(tmp_path.iterdir()) == [path]


def test_expected_failures_are_green_and_an_unexpected_pass_is_red(tmp_path):
    path = tmp_path / "expected.txt"

    assert bad(write_expected=path).exit_status == 1
    lines = path.read_text().splitlines()
    assert lines
    assert all("  # " in line for line in lines)

    found = bad(expected=path)
    assert found.exit_status == 0
    assert {r.status for r in found.results if r.level in GATING} == {"pass", "xfail"}
    assert verdict(found, "value_loss").green

    path.write_text("\n".join(lines[1:]))
    assert bad(expected=path).exit_status == 1

    passing = next(r.id for r in found.results if r.status == "pass" and r.level == "gradients")
    path.write_text("\n".join([*lines, f"{passing}  # thought to fail"]))
    found = bad(expected=path)
    assert found.exit_status == 1
    assert next(r.status for r in found.results if r.id == passing) == "xpass"


def test_a_numpy_loss_without_gradient_is_said_to_be_judged_on_its_value(tmp_path, capsys):
    def loss(values, returns):
        return np.mean((values - returns) ** 2)

    def with_gradient(values, returns):
        return loss(values, returns), 2 * (values - returns) / len(values)

    note, path = "judged on its value only: no gradient is returned", tmp_path / "report.jsonl"
    for function, said in ((loss, True), (with_gradient, False)):
        found = ppocore.check({"value_loss": function}, examples=0, report=path)
        assert found.green
        assert (note in verdict(found, "value_loss").notes) == said
        assert (note in path.read_text()) == said
        terminal.show(found, Console(width=100))
        assert (f"value_loss: {note}" in capsys.readouterr().out) == said
    # A function that has no gradient in the table says nothing.
    assert note not in str(ppocore.check({"ratio": lambda log_prob, old_log_prob: np.exp(log_prob - old_log_prob)}))


def test_expected_failures_are_written_with_what_was_found(tmp_path):
    path = tmp_path / "expected.txt"

    def lines(function, **options):
        ppocore.check({"ratio": function, **options}, only="ratio/sides", write_expected=path)
        return path.read_text()

    assert lines(lambda log_prob, old_log_prob: np.exp(old_log_prob - log_prob)) == (
        "ratio/sides  # known-mistake: ratio/inverted\n")
    assert lines(lambda log_prob, old_log_prob: 1 / 0).startswith(
        "ratio/sides  # error: ZeroDivisionError: division by zero")
    assert lines(lambda log_prob, old_log_prob: log_prob * 7).startswith("ratio/sides  # unknown-difference: ratio[")
    assert set(expected.read(path)) == {"ratio/sides"}


def test_expected_failures_keep_their_reasons_when_written_again(tmp_path):
    path, again = tmp_path / "expected.txt", tmp_path / "again.txt"
    bad(write_expected=path)
    first = path.read_text().split()[0]
    path.write_text(f"# a comment\n\n{first}  # my reason\n")

    bad(expected=path, write_expected=again)

    assert f"{first}  # my reason\n" in again.read_text()


@pytest.mark.parametrize(("text", "message"), [
    ("value_loss/nope  # reason", "value_loss/nope is no case"),
    ("a b", "'a b' is not one id"),
    ("ratio/x # 1\nratio/x # 2", "expected.txt:2: ratio/x is listed twice"),
    ("ratio/x", "expected.txt:1: ratio/x has no reason; write `ratio/x  # why it fails`."),
    ("# a comment\n\nratio/x  #  \n", "expected.txt:3: ratio/x has no reason"),
])
def test_wrong_expected_files_cannot_run(tmp_path, text, message):
    path = tmp_path / "expected.txt"
    path.write_text(text)

    with pytest.raises(BadAdapter, match=message):
        check(expected=path)
    with pytest.raises(BadAdapter, match="cannot be read as a list of expected failures"):
        check(expected=tmp_path / "absent")


def test_expected_failures_beyond_the_core_do_not_make_a_red_operation_green():
    results = [Result("a/edge", "a", "edge", "fail"), Result("a/core", "a", "core", "fail")]
    red = Verdict("a", "unknown-difference", green=False)

    changed, judged = expected.apply(results, red, {"a/edge": ""}, ("core",))

    assert [r.status for r in changed] == ["xfail", "fail"]
    assert not judged.green


def test_markdown_escapes_what_it_shows(tmp_path):
    path = tmp_path / "summary.md"

    namespace = {"NAME": "<script>|x", "ratio": lambda log_prob, old_log_prob: 1 / 0}

    ppocore.check(namespace, markdown=path, examples=0)

    text = path.read_text()
    assert text.startswith("## RED: &lt;script&gt;&#124;x\n")
    assert "| ❌ | `ratio` | error |" in text
    assert "<script>" not in text


def test_markdown_says_first_what_is_wrong_and_how_to_see_it(tmp_path):
    path = tmp_path / "summary.md"

    run = bad(markdown=path, examples=0)

    lines = path.read_text().splitlines()
    assert lines[0] == f"## RED: {run.header['name']}"
    assert lines[2] == "### value_loss: unknown difference"
    first = "\n".join(lines[:12])
    assert "should be" in first
    assert "See it again: <code>ppocore check" in first
    assert lines.index("| | operation | verdict | detail |") > 8
    ppocore.check({"NAME": "![x](http://x) `a` @me", "ratio": lambda log_prob, old_log_prob: 1}, markdown=path)
    assert path.read_text().splitlines()[0] == "## RED: !&#91;x](http://x) &#96;a&#96; &#64;me"
