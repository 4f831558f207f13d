"""`--html` and `ppocore matrix --html`: what the page says, whatever the report holds."""

from __future__ import annotations

import html
import json
import random
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import ppocore
from ppocore.conformance import pages, reports
from ppocore.conformance.adapters import BadAdapter
from ppocore.conformance.pages import plots, strips

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
HOSTILE = "</pre><script>alert(1)</script>&amp;\x1b[31m\u202e\ud800\"'>{{ 777 * 7 }}"


def value_loss(values, returns):
    return np.abs(values - returns).mean()


def reward_only(rewards, values, next_values, terminated, truncated, gamma, gae_lambda):
    return rewards - values


def refuses(log_prob, old_log_prob):
    raise ValueError(HOSTILE)


def wrong(**more):
    namespace = {"NAME": "home-made", "value_loss": value_loss, "gae": reward_only, "kl_k1": refuses}
    return ppocore.check(namespace, **{"examples": 0, **more})


@pytest.fixture(scope="module")
def run():
    return wrong()


def words(page):
    """The page as it is read: without markup."""
    body = page.partition("<body")[2].partition(">")[2]
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())


def test_verdict_comes_first_then_what_is_wrong_in_the_order_it_is_read(run):
    said = words(pages.report(run))

    assert said.startswith("RED home-made 3 of 3 operations wrong")
    order = ["value_loss: known mistake value_loss/absolute-error",
             "The absolute error is used instead of the squared one.", "loss is 4 , should be 16", "it computes",
             "mean(abs(v - R))", "right is", "mean((v - R)^2)", "smallest example", "why it matters", "see it again",
             "ppocore check"]
    places = [said.index(text, said.index(order[0])) for text in order]
    assert places == sorted(places)


def test_page_is_whole_in_itself_and_has_no_script(run):
    page = pages.report(run)

    assert "<script" not in page
    assert not re.findall(r"""(?:src|srcset|data)\s*=|@import|url\(|<(?:link|iframe|object|embed|img)\b""", page)
    assert "default-src 'none'; style-src 'unsafe-inline'" in page
    assert page.count("<style>") == 1


def test_the_page_is_the_same_from_a_report_that_was_read_back(tmp_path):
    report, page = tmp_path / "report.jsonl", tmp_path / "page.html"

    wrong(report=report, html=page)

    assert page.read_text() == pages.report(reports.read(report))


def test_notes_of_the_run_survive_the_file(run, tmp_path):
    path = tmp_path / "report.jsonl"
    path.write_text("".join(line + "\n" for line in reports.lines(replace(run, notes=("a word in passing",)))))

    assert reports.read(path).notes == ("a word in passing",)
    assert "a word in passing" in words(pages.report(reports.read(path)))


def test_other_peoples_words_stay_words(run):
    page = pages.report(replace(run, header={**run.header, "name": HOSTILE, "adapter": HOSTILE}))

    assert "<script" not in page
    assert "{{ 777 * 7 }}" in words(page)
    assert "5439" not in words(page)
    assert not any(character in page for character in "\x1b\u202e\ud800")
    assert "<script>alert(1)</script>" in words(page)


def test_every_text_of_a_report_is_escaped(run):
    """Each text of a report in turn is replaced: none reaches the page as markup."""
    lines = [json.loads(line) for line in reports.lines(run)]

    def hostile(value):
        if isinstance(value, dict):
            return {f"{name}": hostile(item) for name, item in value.items()}
        if isinstance(value, list):
            return [hostile(item) for item in value]
        return f"<b id=x>{value}</b>" if isinstance(value, str) else value

    results = tuple(replace(result, id=f"<b id=x>{result.id}", message=hostile(result.message),
                            counterexample=hostile(result.counterexample)) for result in run.results)
    verdicts = tuple(replace(v, notes=("<b id=x>",), conventions={"<b id=x>": "<b id=x>"}) for v in run.verdicts)
    header = hostile({n: v for n, v in lines[0].items() if n not in ("kind", "format")})

    page = pages.report(replace(run, header=header, results=results, verdicts=verdicts))

    assert page.count("&lt;b id=x&gt;") > 20
    assert "<b id=x" not in page


def test_green_run_says_so_and_has_no_picture():
    run = ppocore.check(EXAMPLES / "my_ppo_fixed.py", examples=0)

    said = words(pages.report(run))
    assert said.startswith("GREEN my_ppo_fixed 3 operations right")
    assert "value_loss_scale=half" in said
    assert "<svg" not in pages.report(run)


def test_matrix_links_each_verdict_to_its_details(run):
    right = ppocore.check({"NAME": "textbook", "value_loss": lambda values, returns: ((values - returns) ** 2).mean()},
                          examples=0)
    page = pages.matrix([("home-made", run), ("textbook", right)])

    links = set(re.findall(r'href="#([^"]*)"', page))
    anchors = re.findall(r'id="([^"]*)"', page)
    assert links <= set(anchors)
    assert {"1-value_loss", "2-value_loss", "1-gae", "1-run", "2-run"} <= links
    assert len(anchors) == len(set(anchors))
    assert words(page).startswith("1 of 2 implementations green operation home-made textbook")


def test_a_page_that_cannot_be_written_is_refused_before_the_run(tmp_path):
    def never(log_prob, old_log_prob):
        raise AssertionError("was asked")

    with pytest.raises(BadAdapter, match="cannot be written"):
        ppocore.check({"ratio": never}, html=tmp_path)


def test_interrupted_run_leaves_the_previous_page_alone(tmp_path, monkeypatch):
    path = tmp_path / "page.html"
    path.write_text("the previous one")

    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("ppocore.conformance.pages.report", interrupt)
    with pytest.raises(KeyboardInterrupt):
        wrong(html=path)

    assert path.read_text() == "the previous one"
    assert list(tmp_path.iterdir()) == [path]


def test_runs_without_a_page_need_no_templates():
    code = ("import sys, numpy, ppocore; ppocore.check({'ratio': lambda log_prob, old_log_prob:"
            " numpy.exp(old_log_prob)}, examples=0); print('jinja2' in sys.modules)")

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"


def example(index, **inputs):
    """A counterexample of three steps in two environments."""
    want = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
    got = [[1.0, 2.0], [3.0, 9.0], [5.0, 6.0]]
    return {"inputs": inputs, "output": "advantages", "index": index, "answers": {"got": got, "want": want}}


def test_strip_shows_the_environment_of_the_wrong_answer():
    found = strips.strip(example([1, 1], rewards=[[0.0, 1.0], [0.0, 2.0], [0.0, 3.0]], last_values=[7.0, 8.0],
                                 dones=[[True, False], [False, True], [False, False]], gamma=0.5))

    (line,) = found["lines"]
    assert [dict((n, t) for n, t, _ in step["values"])["rewards"] for step in line["steps"]] == ["1", "2", "3"]
    assert [step["end"] for step in line["steps"]] == ["", "dones", ""]
    assert [(step["right_text"], step["wrong_text"]) for step in line["steps"]] == [("2", "2"), ("4", "9"), ("6", "6")]
    assert [step["differs"] for step in line["steps"]] == [False, True, False]
    assert (found["after"], found["scalars"]) == ([("last_values", "8")], [("gamma", "0.5")])
    assert found["about"] == "advantages, environment 1 of 2"
    heights = [(step["right_bar"][1], step["wrong_bar"][1]) for step in line["steps"]]
    assert heights[1][1] == pytest.approx(heights[1][0] * 9 / 4, abs=0.2)


def test_strip_of_tokens_runs_along_the_row():
    found = strips.strip(example([1, 1], rewards=[[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]],
                                 mask=[[True, True], [True, True], [True, False]]))

    (line,) = found["lines"]
    assert [step["right"] for step in line["steps"]] == [3.0, 4.0]
    assert found["about"] == "advantages, row 1 of 3"


def test_long_rollouts_show_the_steps_around_the_wrong_one():
    numbers = [[float(t)] for t in range(100)]
    found = strips.strip({"inputs": {"rewards": numbers}, "output": "returns", "index": [50, 0],
                          "answers": {"got": numbers, "want": numbers}})

    names = [step["name"] for line in found["lines"] for step in line["steps"]]
    assert names == list(range(44, 56))
    assert found["hidden"] == 88


def test_plot_keeps_gaps_and_puts_the_example_on_its_curves():
    curve = {"axis": "ratio", "moved": "log_prob", "slot": [0], "output": "loss", "index": [], "at": 1.0,
             "edges": [0.8, 1.2], "points": [[0.5, 0.0, 0.0], [0.75, 1.0, None], [1.0, 2.0, 4.0], [1.5, 3.0, 3.0]]}

    found = plots.plot({"curve": curve})

    assert [len(run) for run in found["got"]] == [1, 2]
    (want,) = found["want"]
    assert (found["here"]["x"], found["here"]["want"]) == want[2]
    assert found["here"]["got"] < found["here"]["want"]
    assert [text for _, text in found["edges"]] == ["0.8", "1.2"]
    assert all(plots.LEFT <= x <= plots.RIGHT and plots.TOP <= y <= plots.BOTTOM for x, y in want)


JUNK = (None, True, -1, 0, 3, 1e308, 10**400, 0.5, "nan", "<i>", [], [[]], [1, [2]], {}, {"got": 1}, [[0.0]], "x" * 50)


def test_whatever_a_report_holds_it_is_shown_or_refused_by_name(run, tmp_path):
    """1,000 reports with one thing replaced, taken away or doubled: no other exception, and never markup."""
    lines = [json.loads(line) for line in reports.lines(run)]
    few = [lines[0], *(r for r in lines[1:-1] if (r.get("counterexample") or {}).get("answers")
                       or r.get("verdict", "not-offered") != "not-offered" or r.get("id") == "kl_k1/smoke/equal")]
    few.append({**lines[-1], **reports.plain(replace(run, results=(), verdicts=()).footer)})
    path, shown, draw = tmp_path / "report.jsonl", 0, random.Random(0)
    for _ in range(1000):
        changed = json.loads(json.dumps(few))
        _damage(changed, draw)
        assembled = _with_its_own_footer(changed)
        path.write_text("\n".join(json.dumps(row) for row in assembled))
        page, refusal = _page_of(path)
        shown += refusal == ""
        assert "<i>" not in page
        assert refusal == "" or (str(path) in refusal and len(refusal.splitlines()) == 1), refusal
    assert 100 < shown < 900


def _page_of(path):
    """The page, or why there is none."""
    try:
        return pages.matrix(reports.read_many([path])), ""
    except BadAdapter as error:
        return "", str(error)


def _damage(rows, draw):
    """One random place of the report gets something else."""
    place = rows
    while True:
        key = draw.choice(list(place) if isinstance(place, dict) else range(len(place)))
        inner = place[key]
        if isinstance(inner, (dict, list)) and inner and draw.random() < 0.9:
            place = inner
            continue
        if draw.random() < 0.2 and isinstance(place, dict):
            del place[key]
        else:
            place[key] = draw.choice(JUNK)
        return


def _with_its_own_footer(rows):
    """The footer that counts what is left, so that counting alone does not refuse it."""
    try:
        body = [row for row in rows if row["kind"] in ("result", "verdict")]
        count = {"cases": {}, "operations": {}}
        for row in body:
            name, word = ("cases", row["status"]) if row["kind"] == "result" else ("operations", row["verdict"])
            count[name][word] = count[name].get(word, 0) + 1
        green = all(row["green"] for row in body if row["kind"] == "verdict")
        return [*rows[:-1], {**rows[-1], **count, "exit_status": 0 if green else 1}]
    except (KeyError, TypeError, AttributeError):
        return rows
