"""`--exec`: programs in other languages, and that whatever they do costs their cases and nothing else."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import ppocore
from ppocore.conformance import hello, lines, processes
from ppocore.conformance.adapters import BadAdapter
from ppocore.conformance.case import Case, Question
from ppocore.conformance.operations import OPERATIONS
from ppocore.conformance.programs import LONGEST, Program
from tests.command import command, interrupted, process

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "docs" / "examples" / "exec"
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text()
PYTHON = shlex.quote(sys.executable)
CI_HAS = ("gcc", "node")
posix = pytest.mark.skipif(os.name == "nt", reason="forks, or sends signals")


def tool(name: str) -> str:
    """The program `name`; without it skip, or fail where everything is required and CI installs it."""
    found = shutil.which(name)
    if found is None:
        if os.environ.get("PPOCORE_REQUIRE_ALL") == "1" and name in CI_HAS:
            pytest.fail(f"{name} is missing and PPOCORE_REQUIRE_ALL=1")
        pytest.skip(f"{name} is not installed")
    return found


def verdicts(run):
    return {v.operation: (v.verdict, v.mistakes) for v in run.verdicts if v.verdict != "not-offered"}


# The shipped examples.


def compiled(folder: Path, *flags: str) -> str:
    program = folder / "ppo"
    command = [tool("gcc"), "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", *flags, "-o", program,
               EXAMPLES / "ppo.c", "-lm"]
    subprocess.run(command, check=True)
    return shlex.quote(str(program))


def test_c_is_green(tmp_path):
    run = ppocore.check(exec=compiled(tmp_path))

    assert run.green
    assert verdicts(run) == {"gae": ("conforms", ()), "clip_loss": ("conforms", ())}
    assert (run.header["name"], run.header["framework"]) == ("PPO in C", "C")


def test_c_with_a_mistake_is_named(tmp_path):
    run = ppocore.check(exec=compiled(tmp_path, "-DNEVER_CUT"))

    assert verdicts(run) == {"gae": ("known-mistake", ("gae/recursion-never-cut",)), "clip_loss": ("conforms", ())}


def test_javascript_is_green():
    run = ppocore.check(exec=f"{tool('node')} {shlex.quote(str(EXAMPLES / 'ppo.mjs'))}")

    assert run.green
    assert verdicts(run) == {"gae": ("conforms", ()), "clip_loss": ("conforms", ())}
    (loss,) = (verdict for verdict in run.verdicts if verdict.operation == "clip_loss")
    assert "judged on its value only: no gradient is returned" in loss.notes


def test_javascript_with_a_mistake_is_named():
    run = ppocore.check(exec=f"{tool('node')} {shlex.quote(str(EXAMPLES / 'ppo.mjs'))} --max", only="clip_loss")

    assert verdicts(run) == {"clip_loss": ("known-mistake", ("clip_loss/max-of-branches",))}


def test_rust_is_green(tmp_path):
    program = tmp_path / "ppo"
    subprocess.run([tool("rustc"), "--edition", "2021", "-D", "warnings", "-O", "-o", program, EXAMPLES / "ppo.rs"],
                   check=True)

    run = ppocore.check(exec=shlex.quote(str(program)))

    assert verdicts(run) == {"token_gae": ("conforms", ()), "masked_mean": ("conforms", ())}


def test_smallest_is_green_from_the_command_line():
    done = process("check", "--exec", f"{PYTHON} {EXAMPLES / 'smallest.py'}")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].startswith("GREEN 1 operation")


# The documented conversation.


def conversation() -> tuple[list[str], list[str]]:
    (block,) = re.findall(r"^```\n(> .*?)^```", PROTOCOL, re.DOTALL | re.MULTILINE)
    gate = [line[2:] for line in block.splitlines() if line.startswith("> ")]
    program = [line[2:] for line in block.splitlines() if line.startswith("< ")]
    assert len(gate) + len(program) == len(block.splitlines())
    return gate, program


def test_the_smallest_program_answers_as_documented():
    gate, program = conversation()

    done = subprocess.run([sys.executable, EXAMPLES / "smallest.py"], input="\n".join(gate) + "\n",
                          capture_output=True, text=True, check=True)

    assert done.stdout.splitlines() == program


def test_the_gate_asks_as_documented(tmp_path):
    heard = tmp_path / "heard"
    program = tmp_path / "listener.py"
    program.write_text(f"import sys\nsys.argv = ['x']\nheard = open({str(heard)!r}, 'a')\nclass Tee:\n"
                       "    def __init__(self, lines): self.lines = lines\n"
                       "    def __iter__(self):\n        for line in self.lines:\n"
                       "            heard.write(line); heard.flush()\n            yield line\n"
                       "sys.stdin = Tee(sys.stdin)\n"
                       f"exec(open({str(EXAMPLES / 'smallest.py')!r}).read())\n")

    assert ppocore.check(exec=f"{PYTHON} {program}", only="ratio/far/up*").green

    assert heard.read_text().splitlines() == conversation()[0]


def test_lines_keep_what_is_promised_to_programs_without_a_reader_of_json():
    for value in (np.nan, np.inf, -np.inf):
        inputs = {"rewards": np.array([[value, 1.0]]), "terminated": np.array([[True, False]]), "gamma": 0.5}
        text = lines.line(lines.request(Question(Case("gae/x", "gae", "core", "é", inputs), tuple(inputs), inputs)))
        assert text.isascii()
        assert re.fullmatch(
            r'\{"cmd": "run", "seq": \d{1,15}, "id": "gae/x", "operation": "gae", "inputs": \{'
            r'"rewards": \[\["(nan|inf|-inf)", 1\.0\]\], "terminated": \[\[true, false\]\], "gamma": 0\.5\}\}\n', text)


# Misbehaviour: on the case ratio/sides the program does what its argument says, elsewhere it is right.

WILD = '''
import json, math, os, subprocess, sys, time

def say(text):
    sys.stdout.write(text + "\\n")
    sys.stdout.flush()

def answer(asked, **more):
    say(json.dumps({"seq": asked["seq"], **more}))

def outputs(value):
    return lambda asked: answer(asked, outputs={"ratio": value})

def hang(asked):
    while True:
        pass

def exit_at_once(asked):
    print("last words", file=sys.stderr)
    sys.exit(3)

def kill(asked):
    os.kill(os.getpid(), 9)

def close_output(asked):
    os.close(1)
    time.sleep(60)

def fork_and_die(asked):
    if os.fork() == 0:
        time.sleep(60)
    os._exit(7)

def say_rubbish(asked):
    say("debug: \\x1b[31mratio")

def say_bytes(asked):
    os.write(1, b"\\xff\\xfe\\x00\\n")

def say_megabytes(asked):
    say("x" * 20_000_000)

def say_megabytes_for_ever(asked):
    while True:
        say("y" * 1_000_000)

def complain(asked):
    sys.stderr.write("z" * 5_000_000)
    right(asked)

def right(asked):
    new, old = asked["inputs"]["log_prob"], asked["inputs"]["old_log_prob"]
    answer(asked, outputs={"ratio": [math.exp(float(a) - float(b)) for a, b in zip(new, old)]})

def right_with_more(asked):
    new, old = asked["inputs"]["log_prob"], asked["inputs"]["old_log_prob"]
    ratio = [math.exp(a - b) for a, b in zip(new, old)]
    answer(asked, outputs={"ratio": ratio, "epoch": 3}, took=1.5)

WAYS = {
    "another_seq": lambda asked: say(json.dumps({"seq": asked["seq"] + 1, "outputs": {"ratio": [1.0]}})),
    "text_seq": lambda asked: say(json.dumps({"seq": str(asked["seq"]), "outputs": {"ratio": [1.0]}})),
    "no_seq": lambda asked: say('{"outputs": {"ratio": [1.0]}}'),
    "no_object": lambda asked: say("[1, 2]"),
    "empty_line": lambda asked: say(""),
    "deep_line": lambda asked: say("[" * 200_000),
    "deep_output": lambda asked: say('{"seq": %d, "outputs": {"ratio": %s}}' % (asked["seq"], "[" * 900 + "]" * 900)),
    "no_outputs": lambda asked: answer(asked),
    "outputs_no_object": lambda asked: answer(asked, outputs=[1.0]),
    "outputs_misnamed": lambda asked: answer(asked, outputs={"ratios": [1.0]}),
    "null": outputs(None), "null_inside": outputs([1.0, None]), "text": outputs(["one", 1.0]),
    "ragged": outputs([[1.0], 2.0]), "object_inside": outputs([{"x": 1.0}]), "wrong_shape": outputs([[1.0]]),
    "long_number": outputs([10**5000] * 8), "nan": outputs(["nan"] * 8),
    "rejects": lambda asked: answer(asked, rejects="log-probs\\x1b[0m too low"),
    "error": lambda asked: answer(asked, error="overflow"),
    "skip": lambda asked: answer(asked, skip="later"),
} | {f.__name__: f for f in (hang, exit_at_once, kill, close_output, fork_and_die, say_rubbish, say_bytes,
                             say_megabytes, say_megabytes_for_ever, complain, right, right_with_more)}

if hasattr(sys, "set_int_max_str_digits"):
    sys.set_int_max_str_digits(0)
way, when = sys.argv[1:]
for line in sys.stdin:
    asked = json.loads(line)
    if asked["cmd"] == "start":
        two = ["log_prob", "old_log_prob"]
        say(json.dumps({"name": "wild", "operations": {"ratio": two, "kl_k1": two}}))
    elif asked["cmd"] == "run":
        if asked["operation"] == "kl_k1":
            new, old = asked["inputs"]["log_prob"], asked["inputs"]["old_log_prob"]
            answer(asked, outputs={"kl": sum(float(b) - float(a) for a, b in zip(new, old)) / len(new)})
        elif when in ("always", asked["id"]):
            WAYS[way](asked)
        else:
            right(asked)
    else:
        break
'''

FOREIGN = r"answered with {} \(only answers belong on stdout, one line each\)"
SAID = {
    "hang": r"no answer within 0\.5 s \(each line must be flushed\)",
    "exit_at_once": r"the program ended: exit status 3 \(last printed: last words\)",
    "kill": r"the program ended: SIGKILL",
    "close_output": r"the program ended: it closed its pipes",
    "fork_and_die": r"the program ended: exit status 7",
    "say_rubbish": FOREIGN.format(r"a line that is not JSON: 'debug:  \[31mratio'"),
    "say_bytes": FOREIGN.format(r"a line that is not JSON: .*"),
    "say_megabytes": FOREIGN.format(r"a line of more than 16 MB: 'x{60} \.\.\.'"),
    "say_megabytes_for_ever": FOREIGN.format(r"a line that is not JSON: 'y{60} \.\.\.'"),
    "another_seq": FOREIGN.format(r"seq \d+ where seq \d+ was asked"),
    "text_seq": FOREIGN.format(r"seq \d+ where seq \d+ was asked"),
    "no_seq": FOREIGN.format(r"no seq where seq \d+ was asked"),
    "no_object": FOREIGN.format(r"a line that is no JSON object: '\[1, 2\]'"),
    "empty_line": FOREIGN.format(r"a line that is not JSON: ''"),
    "deep_line": FOREIGN.format(r"a line that is not JSON: '\[{60} \.\.\.'"),
    "deep_output": r"ratio .*",
    "no_outputs": r"answered without outputs; one of outputs, rejects, error, skip is required\.",
    "outputs_no_object": r"answered without outputs; .*",
    "outputs_misnamed": r"returned a dict with ratios; ratio is required\. Rename 'ratios'\?",
    "null": r"ratio holds null \(what JSON has for NaN in some languages\); a number or one of .* is required\.",
    "null_inside": r"ratio holds null .*",
    "text": r"ratio holds 'one'; a number or one of the strings nan, inf, -inf is required\.",
    "ragged": r"ratio is a list that cannot be read as an array \(.*\)\.",
    "object_inside": r"ratio holds .*; a number or one of the strings nan, inf, -inf is required\.",
    "long_number": r"ratio\[0\] = inf, want .*",
    "wrong_shape": r"`ratio` has shape \(1, 1\), want \(8,\)",
    "nan": r"ratio\[0\] = nan, want .*",
    "rejects": r"rejects: log-probs \[0m too low",
    "error": r"error: overflow",
    "skip": r"skip: later",
}


@pytest.fixture(scope="module")
def wild(tmp_path_factory):
    path = tmp_path_factory.mktemp("exec") / "wild.py"
    path.write_text(WILD)
    return lambda way, when="ratio/sides": f"{PYTHON} {shlex.quote(str(path))} {way} {when}"


@posix
@pytest.mark.parametrize("way", SAID)
def test_misbehaviour_costs_its_case_and_nothing_else(wild, way):
    run = ppocore.check(exec=wild(way), only="ratio/*s*", examples=0, timeout=0.5 if way == "hang" else 20)

    results = {result.id: result for result in run.results}
    hit = results.pop("ratio/sides")
    assert len(results) > 2
    assert {result.status for result in results.values() if result.level in ("smoke", "core")} == {"pass"}, results
    assert hit.status in ("fail", "error")
    assert re.fullmatch(SAID[way], hit.message), hit.message
    assert run.exit_status == 1


@posix
@pytest.mark.parametrize("way", ["complain", "right", "right_with_more"])
def test_what_is_free(wild, way):
    run = ppocore.check(exec=wild(way), only="ratio/*s*", examples=0)

    assert run.green, run.results


def test_an_answer_too_many_costs_the_next_case(tmp_path):
    path = tmp_path / "twice.py"
    path.write_text(WILD.replace("def right(asked):", "def right(asked):\n    if asked['id'] == 'ratio/sides':\n"
                                                      "        answer(asked, outputs={'ratio': [1, 1, 1, 1]})\n"))

    run = ppocore.check(exec=f"{PYTHON} {path} right never", only="ratio", examples=0)

    wrong = [result.message for result in run.results if result.level == "core" and result.status != "pass"]
    assert 1 <= len(wrong) <= 2
    assert "was asked" in wrong[-1]


@posix
def test_after_three_time_outs_the_operation_is_asked_no_more_and_the_next_one_is(wild):
    started = time.monotonic()

    run = ppocore.check(exec=wild("hang", "always"), examples=0, timeout=0.3)

    statuses = [result.message.split("(")[0].strip() for result in run.results if result.operation == "ratio"]
    assert statuses[:3] == ["no answer within 0.3 s"] * 3
    assert set(statuses[3:]) == {"not run: the operation crashed or timed out 3 times"}
    assert verdicts(run)["kl_k1"] == ("conforms", ())
    assert time.monotonic() - started < 10


@posix
def test_crashes_beyond_the_core_cost_no_core_case(tmp_path):
    path = tmp_path / "strict.py"
    path.write_text((EXAMPLES / "smallest.py").read_text().replace("except (OverflowError, ValueError)",
                                                                  "except RuntimeError"))

    run = ppocore.check(exec=f"{PYTHON} {path}", only="ratio", examples=2)

    assert any(result.message.startswith("the program ended") for result in run.results)
    assert run.green


def test_a_program_that_never_reads_does_not_hold_us_up(tmp_path):
    path = tmp_path / "deaf.py"
    path.write_text("import time\nprint('{\"operations\": {\"explained_variance\": [\"values\", \"returns\"]}}',"
                    " flush=True)\ntime.sleep(60)\n")
    program = Program(f"{PYTHON} {path}")
    many = {"values": np.linspace(0, 1, 40_000), "returns": np.zeros(40_000)}

    found = program.ask(Question(Case("x", "explained_variance", "core", "", many), tuple(many), many), 0.3)
    program.close()

    assert found.outcome == "timeout"


# The first line.

FIRST = [
    ("", r"asked what it offers: the program ended: exit status 0\."),
    ("hello", r"asked what it offers: answered with a line that is not JSON: 'hello' .*"),
    ("{}", r"operations is missing; an object is required .*"),
    ('{"operations": {}}', r"operations is an empty object; .*"),
    ('{"operations": ["gae"]}', r"operations is a list; .*"),
    ('{"operations": {"gea": []}}', r"'gea' is no operation; did you mean 'gae'\?"),
    ('{"operations": {"ratio": "log_prob"}}', r"ratio: its inputs are a string; a list of names is required, .*"),
    ('{"operations": {"ratio": [1]}}', r"ratio: its inputs are a list; a list of names is required, .*"),
    ('{"operations": {"ratio": ["logp"]}}', r"ratio: 'logp' is no input of this operation; did you mean 'log_prob'\?"
                                           r" .*"),
    ('{"operations": {"ratio": ["log_prob", "log_prob?"]}}', r"ratio: 'log_prob' is declared twice\."),
    ('{"dtype": "float16", "operations": {"ratio": ["log_prob"]}}', r"dtype is 'float16'; it must be one of"
                                                                   r" float64, float32\."),
    ('{"name": 1, "operations": {"ratio": ["log_prob"]}}', r"name is a number; a string is required\."),
    ('{"conventions": [], "operations": {"ratio": ["log_prob"]}}', r"CONVENTIONS is a list; .*"),
    ('{"conventions": {"truncatoin": "leak"}, "operations": {"ratio": ["log_prob"]}}', r".*truncatoin.*"),
    ('{"seq": 1, "operations": {"ratio": ["log_prob"]}}', r".*answered with seq 1 where no seq was asked.*"),
]


@pytest.mark.parametrize(("text", "message"), FIRST, ids=[text[:40] for text, _ in FIRST])
def test_first_lines_that_cannot_run(tmp_path, text, message):
    path = tmp_path / "first.py"
    path.write_text(f"import sys\nprint({text!r}) if {text!r} else None\nsys.stdout.flush()\nsys.stdin.read()\n"
                    if text else "")

    with pytest.raises(BadAdapter, match=message) as caught:
        ppocore.check(exec=f"{PYTHON} {path}")

    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(("command", "message"), [
    ("", "--exec: the command is empty."), ("   ", "--exec: the command is empty."),
    ("'", "cannot be split into words"), ("/no/such/program", "cannot be started (No such file or directory)"),
    ("a\0b", "cannot be started (embedded null byte)"), (str(ROOT), "cannot be started (Permission denied)"),
])
def test_commands_that_cannot_run(command, message):
    with pytest.raises(BadAdapter) as caught:
        ppocore.check(exec=command)

    assert message in str(caught.value)


def test_a_program_that_never_says_what_it_offers(monkeypatch):
    monkeypatch.setattr(processes, "START_LIMIT", 0.3)

    with pytest.raises(BadAdapter, match=r"offers: no answer within 0\.3 s \(each line must be flushed\)"):
        ppocore.check(exec=f"{PYTHON} -c 'import time; time.sleep(60)'")


def test_exactly_one_door():
    for given in ({}, {"adapter": "x.py", "exec": "y"}, {"exec": "y", "answers": "z"}):
        with pytest.raises(BadAdapter, match="check: (no adapter is named|give one of)"):
            ppocore.check(**given)


# What is handed over.


def declared(text):
    return hello.describe(lines.parse(text), "x", "x")


def test_optional_inputs_have_a_question_mark():
    found = declared('{"operations": {"kl_k1": ["log_prob", "old_log_prob", "mask?"]}}')

    assert [(p.name, p.optional) for p in found.operations["kl_k1"]] == [
        ("log_prob", False), ("old_log_prob", False), ("mask", True)]
    assert hello.declaration(found) == {"kl_k1": ["log_prob", "old_log_prob", "mask?"]}


def test_unread_fields_are_noted():
    found = declared('{"convention": {}, "color": 1, "operations": {"ratio": ["log_prob"]}}')

    assert found.notes == ("'convention' in the first line is not read; is it meant to be 'conventions'?",
                           "'color' in the first line is not read")


def test_the_usual_declaration_is_legal_for_every_operation():
    found = hello.describe(hello.usual("float32"), "x", "x")

    assert list(found.operations) == list(OPERATIONS)


def test_float32_is_handed_over_exactly_and_judged_in_float32(tmp_path):
    path = tmp_path / "single.py"
    text = (EXAMPLES / "smallest.py").read_text()
    path.write_text("import numpy as np\n" + text.replace('"operations"', '"dtype": "float32", "operations"').replace(
        "math.exp(float(new) - float(old))", "float(np.exp(single(new) - single(old)))").replace(
        "for line in sys.stdin", "def single(x):\n    assert float(np.float32(x)) == float(x) or x == 'nan'\n"
        "    return np.float32(x)\n\nfor line in sys.stdin"))

    run = ppocore.check(exec=f"{PYTHON} -W ignore {path}", examples=2)

    assert run.green, [result for result in run.results if result.status != "pass"]
    assert run.header["dtype"] == "float32"


def test_conventions_are_declared(tmp_path):
    path = tmp_path / "half.py"
    path.write_text((EXAMPLES / "smallest.py").read_text().replace('"operations"', '"conventions":'
                    ' {"log_ratio_clamp": 20}, "operations"').replace("float(new) - float(old))",
                                                                     "max(-20, min(20, float(new) - float(old))))"))

    run = ppocore.check(exec=f"{PYTHON} {path}")

    (verdict,) = (verdict for verdict in run.verdicts if verdict.operation == "ratio")
    assert run.green
    assert (verdict.verdict, verdict.conventions) == ("conforms-under", {"log_ratio_clamp": "20"})


# Nothing is left behind.


def gone(pid: int) -> bool:
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        state = Path(f"/proc/{pid}/stat")
        if state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


@posix
def test_a_program_that_ignores_stop_is_ended_with_its_children(tmp_path):
    pids = tmp_path / "pids"
    path = tmp_path / "stays.py"
    path.write_text(f"import os, subprocess\nchild = subprocess.Popen(['sleep', '60'])\n"
                    f"open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}')\n"
                    + (EXAMPLES / "smallest.py").read_text() + "\nimport time\ntime.sleep(60)\n")
    started = time.monotonic()

    assert ppocore.check(exec=f"{PYTHON} {path}", only="ratio/smoke/*").green

    assert time.monotonic() - started < 10
    assert all(gone(int(pid)) for pid in pids.read_text().split())


@posix
def test_a_program_may_end_in_peace(tmp_path):
    farewell = tmp_path / "farewell"
    path = tmp_path / "polite.py"
    path.write_text((EXAMPLES / "smallest.py").read_text() + f"\nopen({str(farewell)!r}, 'w').write('bye')\n")

    ppocore.check(exec=f"{PYTHON} {path}", only="ratio/smoke/*")

    assert farewell.read_text() == "bye"


@posix
def test_interrupt_leaves_nothing_behind(tmp_path):
    pid, report = tmp_path / "pid", tmp_path / "report.jsonl"
    path = tmp_path / "slow.py"
    path.write_text((EXAMPLES / "smallest.py").read_text().replace(
        "        try:", f"        import os, time\n        open({str(pid)!r}, 'w').write(str(os.getpid()))\n"
                       "        time.sleep(60)\n        try:"))
    done = interrupted(pid, "check", "--exec", f"{PYTHON} {path}", "--report", report)

    assert done == (130, "ppocore: interrupted; nothing was written.\n")
    assert not report.exists()
    assert gone(int(pid.read_text()))


def test_the_line_that_reproduces_it_names_the_door(wild):
    _, out, _ = command("check", "--exec", wild("error"), "--only", "ratio/sides")

    line = next(line for line in out.splitlines() if "see it again: " in line)
    assert shlex.split(line.partition("see it again: ")[2]) == [
        "ppocore", "check", "--exec", wild("error"), "--only", "ratio/sides"]


def test_what_a_program_may_answer_survives_any_line():
    """No line is a crash of ours: it is foreign, or an answer with an outcome."""
    rng = np.random.default_rng(0)
    pieces = ['{"seq": 1, ', '"outputs": ', '{"ratio": ', "[", "]", "}", "1e999", "-", "null", '"nan"', '"', ",", "1",
              "NaN", "{}", "true", "\\u0000", "\ud800", "9" * 5000, "[" * 2000, '"error": ', '"skip": {}']
    for _ in range(3000):
        text = "".join(pieces[i] for i in rng.integers(len(pieces), size=rng.integers(1, 12)))
        message = {}
        with contextlib.suppress(lines.Foreign):
            message = lines.parse(text.encode("utf-8", "surrogatepass"))
        for name in ("ratio", "clip_grad_norm", "clip_loss"):
            assert lines.answer(OPERATIONS[name], message).outcome in ("ok", "raised", "malformed")
    assert LONGEST < 1 << 25
    assert json.loads(lines.line(lines.STOP)) == {"cmd": "stop"}
