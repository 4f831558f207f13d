"""The command `ppocore`.  Heavy things are imported by the commands that need them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ppocore.conformance.callees import Adapter
    from ppocore.conformance.runner import Options

app = typer.Typer(
    name="ppocore", invoke_without_command=True, add_completion=False, rich_markup_mode=None,
    pretty_exceptions_enable=False, context_settings={"help_option_names": ["-h", "--help"]},
    help="Find out what your PPO really computes.",
    epilog="Start with `ppocore template numpy > my_adapter.py`, fill in one function, and run"
           " `ppocore check my_adapter.py`.",
)


def main() -> None:
    """Run the command; every failure is one line on stderr and exit status 2."""
    try:
        status = app(prog_name="ppocore", standalone_mode=False)
    except KeyboardInterrupt:
        _end(INTERRUPTED, 130)
    except BrokenPipeError:
        # Whoever read our output has enough of it (head, less).
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        _end(_one_line(error), _status_of(error))
    if status == 130:
        # Some versions of typer turn the interrupt into a status.
        _end(INTERRUPTED, 130)
    sys.exit(status if isinstance(status, int) else 0)


INTERRUPTED = "interrupted; nothing was written."


def _end(message: str, status: int) -> None:
    if message:
        print(f"ppocore: {message}", file=sys.stderr)
    sys.exit(status)


def _status_of(error: Exception) -> int:
    """The exit status of an exception: the command line's own know theirs, everything else could not run."""
    if type(error).__name__ == "Abort":
        return 130
    status = getattr(error, "exit_code", 2)
    return status if isinstance(status, int) else 2


def _one_line(error: Exception) -> str:
    """What to say about an exception: ours and the command line's as they are, others as internal errors."""
    from ppocore._refusals import Refusal

    if _status_of(error) == 130:
        return INTERRUPTED
    if type(error).__name__ == "Exit":
        return ""
    usage: Callable[[], str] | None = getattr(error, "format_message", None)
    if usage is not None:
        return f"{' '.join(usage().split())} (see `ppocore --help`)"
    if isinstance(error, Refusal):
        return str(error)
    if os.environ.get("PPOCORE_DEBUG"):
        raise error
    text = " ".join(str(error).split())
    return f"internal error: {type(error).__name__}: {text} (PPOCORE_DEBUG=1 shows where; please report it)"


def _show_version(wanted: bool) -> None:
    if wanted:
        import ppocore

        print(f"ppocore {ppocore.__version__}")
        raise typer.Exit


@app.callback()
def _top(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command()
def check(
    adapter: Annotated[
        str | None, typer.Argument(help="A .py file or an importable module that offers functions under the"
                                   " names of the table (`ppocore operations`).", show_default=False)
    ] = None,
    exec_: Annotated[
        str | None, typer.Option("--exec", metavar="COMMAND", help="In place of ADAPTER: a program in any language"
                                 " that speaks JSON Lines (docs/protocol.md). Split into words, no shell.")
    ] = None,
    answers: Annotated[
        Path | None, typer.Option(metavar="FILE", help="In place of ADAPTER: a file of answers to"
                                  " `ppocore questions`.")
    ] = None,
    only: Annotated[
        str | None, typer.Option(metavar="GLOB", help="Only these operations or ids: gae, 'kl_*', 'gae/*'.")
    ] = None,
    report: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the report, JSON Lines.")] = None,
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a summary in Markdown.")
    ] = None,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Write JUnit XML.")] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page with pictures of the smallest examples.")
    ] = None,
    expected: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Expected failures, one `ID  # reason` a line, none without"
                                  " reason. Strict: one that passes is red, an unknown id is exit status 2.")
    ] = None,
    write_expected: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write what fails today as expected failures.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the random cases.")] = 0,
    examples: Annotated[int, typer.Option(help="Random cases per operation.")] = 8,
    strict: Annotated[bool, typer.Option("--strict", help="Edge and reject cases count too.")] = False,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="Time limit of one case.")] = 10.0,
    memory: Annotated[
        float, typer.Option(metavar="GB", help="Memory that the adapter may take beyond what it has once loaded.")
    ] = 4.0,
    list_: Annotated[bool, typer.Option("--list", help="Print the ids that would run, and stop.")] = False,
    explain: Annotated[
        str | None, typer.Option(metavar="ID", help="Say what a case is about, and stop.")
    ] = None,
) -> None:
    """Judge an implementation of PPO: what does it compute?

    Each function the adapter offers is called with cases whose answers are known. The verdict says whether it
    conforms, conforms under a named convention, makes a known mistake, or differs in a way nobody has named.

    Exit status: 0 all green, 1 something red, 2 could not run.
    """
    from ppocore.conformance.callees import one_of
    from ppocore.conformance.runner import Options

    options = Options(only, seed, examples, strict, timeout, report, markdown, expected, write_expected, junit,
                      html, memory=memory)
    wants_none = (explain is not None or list_) and adapter is None and exec_ is None and answers is None
    judged = None if wants_none else one_of(adapter, exec_, answers)
    if explain is not None:
        return _explain(judged, explain, options)
    if list_:
        return _list(judged, options)
    assert judged is not None
    return _check(judged, options)


def _check(adapter: Adapter, options: Options) -> None:
    from rich.console import Console

    from ppocore.conformance import reports, terminal
    from ppocore.conformance.runner import run

    with _progress() as progress:
        found = run(adapter, options, progress)
    reports.write(found, options)
    terminal.show(found, Console(highlight=False))
    raise typer.Exit(found.exit_status)


def _progress() -> Any:
    """A live line on stderr; nothing where that is not a terminal."""
    from ppocore.conformance.progress import live

    return live()


def _list(adapter: Adapter | None, options: Options) -> None:
    from ppocore.conformance import listing

    for line in listing.ids(adapter, options):
        print(line)


def _explain(adapter: Adapter | None, id: str, options: Options) -> None:
    from ppocore.conformance import listing

    for line in listing.explanation(adapter, id, options):
        print(line)


@app.command()
def matrix(
    reports: Annotated[
        list[Path], typer.Argument(metavar="REPORT.jsonl...", help="Files that `ppocore check --report` wrote.",
                                   show_default=False)
    ],
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page: the table, and what is wrong in each.")
    ] = None,
) -> None:
    """Show the reports of many implementations side by side.

    A table of operations by implementations, and below it what is red and why.
    A file that is no whole report is refused by name. Exit status: 0 shown, whatever the verdicts; 2 could not.
    """
    from rich.console import Console

    from ppocore.conformance import files, pages
    from ppocore.conformance import matrix as side_by_side
    from ppocore.conformance.reports import read_many

    files.refuse_unwritable(html)
    runs = read_many(reports)
    if html:
        files.write_whole(html, pages.matrix(runs))
    side_by_side.show(runs, Console(highlight=False))


@app.command()
def identify(
    adapter: Annotated[
        str, typer.Argument(help="A .py file or an importable module, as for `ppocore check`.", show_default=False)
    ],
    only: Annotated[
        str | None, typer.Option(metavar="GLOB", help="Only these operations: gae, 'kl_*'.")
    ] = None,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="Time limit of one case.")] = 10.0,
) -> None:
    """Say which library an implementation computes like.

    Asks the fewest questions that tell the published ways of computing each operation apart (docs/dialects.md),
    names the conventions found and the presets that match, and prints what to declare. It does not judge:
    `ppocore check` does.

    Exit status: 0 a preset does all of it, 1 none does or something is wrong, 2 could not run.
    """
    from rich.console import Console

    from ppocore.conformance import likeness
    from ppocore.conformance.identify import identify
    from ppocore.conformance.runner import Options

    with _progress() as progress:
        found = identify(adapter, Options(only, examples=0, timeout=timeout), progress)
    for line in likeness.lines(found, Console().width):
        print(line)
    raise typer.Exit(found.exit_status)


@app.command()
def operations(
    name: Annotated[str | None, typer.Argument(help="One operation.", show_default=False)] = None,
) -> None:
    """The table of operations: what each takes, returns and means."""
    import shutil

    from ppocore.conformance import listing

    for line in listing.operations(name, shutil.get_terminal_size((10_000, 0)).columns):
        print(line)


@app.command()
def questions(
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where to write them.", show_default=False)],
    hello: Annotated[
        Path | None, typer.Argument(metavar="HELLO", help="A file with the first line of the program that will"
                                    " answer: its dtype, and its operations with their inputs. Without it,"
                                    " everything is asked in the first form of the table.", show_default=False)
    ] = None,
    only: Annotated[str | None, typer.Option(metavar="GLOB", help="Only these operations or ids.")] = None,
    dtype: Annotated[str | None, typer.Option(help="float64 or float32, without HELLO.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the random cases.")] = 0,
    examples: Annotated[int, typer.Option(help="Random cases per operation.")] = 8,
) -> None:
    """Write the questions, to be answered elsewhere.

    Judge the answers with `ppocore check --answers`. The questions are the lines that `ppocore check --exec` would
    send. A program that speaks that protocol answers them with `program < questions.jsonl > answers.jsonl`; judge
    with the same --seed and --examples.
    """
    from ppocore.conformance import listing
    from ppocore.conformance.runner import Options

    count = listing.questions(hello, dtype, out, Options(only, seed, examples))
    print(f"{count} questions in {out}")


@app.command()
def template(
    framework: Annotated[str, typer.Argument(help="numpy, torch or jax.", show_default=False)],
) -> None:
    """Print an adapter to fill in.

    Redirect it: `ppocore template torch > my_adapter.py`.
    """
    from ppocore.conformance import listing

    print(listing.template(framework), end="")


@app.command()
def museum(
    what: Annotated[
        str | None, typer.Argument(metavar="[SLUG | OPERATION | GLOB]", help="One mistake, those of an operation, or"
                                   " those that match: gae/no-lambda, gae, '*mask*'.", show_default=False)
    ] = None,
) -> None:
    """The named mistakes, or one of them in numbers.

    Of one, right and wrong numbers stand side by side, on the smallest input that tells them apart.
    """
    import shutil

    from ppocore.conformance import museum as rooms

    for line in rooms.museum(what, min(shutil.get_terminal_size().columns, 100)):
        print(line)


# A term may begin with a minus.
@app.command(context_settings={"ignore_unknown_options": True})
def estimator(
    term: Annotated[
        str | None, typer.Argument(metavar="TERM | FILE.py:NAME", help="Such as 'ratio * k3', or a function of your"
                                   " own. Without it, the well-known terms are listed.", show_default=False)
    ] = None,
    place: Annotated[
        str, typer.Option("--in", metavar="loss|reward", help="Whether it is added to the loss, or subtracted from the"
                          " reward.")
    ] = "loss",
    framework: Annotated[
        str | None, typer.Option(help="Of a function: torch, jax or numpy. Else the FRAMEWORK of its file.")
    ] = None,
    on_policy: Annotated[
        bool, typer.Option("--on-policy", help="Only where the current policy drew the actions.")
    ] = False,
    expect: Annotated[
        str | None, typer.Option(metavar="NAME", help="Exit status 1 unless it follows this: 'KL(current, ref)', zero.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="Time limit of one call of a function.")] = 10.0,
) -> None:
    """Say which divergence's gradient a KL term really follows.

    A term of k1, k2, k3, ratios and stop(x) is averaged over every action of small policies, exactly, and its
    gradient is compared with those of named divergences (docs/estimators.md). k1, k2, k3 estimate KL(current, ref).

    Exit status: 0 audited, 1 not what --expect names, 2 could not run.
    """
    import shutil

    from ppocore.conformance.estimators import command

    width = min(shutil.get_terminal_size().columns, 100)
    status, lines = command.estimator(term, place, framework, on_policy, expect, json, width, timeout)
    for line in lines:
        print(line)
    raise typer.Exit(status)


vectors = typer.Typer(invoke_without_command=True, rich_markup_mode=None,
                      help="Frozen inputs and right answers, for any language.")
app.add_typer(vectors, name="vectors")


@vectors.callback()
def _vectors(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


@vectors.command("list")
def list_vectors(
    operation: Annotated[str | None, typer.Argument(help="Those of one operation.", show_default=False)] = None,
) -> None:
    """Ids, how many named mistakes each vector kills, and what it says."""
    from ppocore.conformance import handout

    for line in handout.listed(operation):
        print(line)


@vectors.command("show")
def show_vector(
    id: Annotated[str, typer.Argument(metavar="ID", help="Such as gae/vector/nothing-ends.", show_default=False)],
) -> None:
    """Inputs, answers to 40 digits, and how much rounding is allowed."""
    from ppocore.conformance import handout

    for line in handout.shown(id):
        print(line)


@vectors.command("copy")
def copy_vectors(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that does not exist or is empty.",
                                           show_default=False)],
) -> None:
    """Write them all as JSON, with a README that states the tolerance."""
    from ppocore.conformance import handout

    print(f"{handout.copy(folder)} files in {folder}")


@app.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def train(context: typer.Context) -> None:
    """Train a policy in a compiled environment: ppocore train CartPole-v1 --out run."""
    # Its options are the fields of the configuration, which only this command needs to load.
    from ppocore.training import commands

    commands.app(context.args, prog_name="ppocore train", standalone_mode=False)


@app.command()
def presets(
    name: Annotated[str | None, typer.Argument(help="One of them, in full.", show_default=False)] = None,
) -> None:
    """What the presets of `ppocore train` set, and what of a library they do not reproduce."""
    from ppocore.training import commands

    commands.presets(name)


@app.command()
def evaluate(
    folder: Annotated[Path, typer.Argument(help="Folder of a run.", show_default=False)],
    episodes: Annotated[int, typer.Option(help="How many.")] = 100,
    seed: Annotated[int, typer.Option(help="Of the episodes.")] = 0,
    greedy: Annotated[bool, typer.Option("--greedy", help="Take the likeliest action, draw none.")] = False,
) -> None:
    """Play episodes with a trained policy, and print their returns."""
    from ppocore.training import commands

    commands.evaluate(folder, episodes, seed, greedy)


@app.command()
def plot(
    folders: Annotated[list[Path], typer.Argument(help="Folders of runs.", show_default=False)],
    picture: Annotated[Path, typer.Option(help="The PNG to write.")] = Path("curves.png"),
) -> None:
    """Draw learning curves; runs that differ in their seed only become one line with an interval."""
    from ppocore.training import commands

    commands.plot(folders, picture)


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="Folder of a run.", show_default=False)],
    file: Annotated[Path, typer.Argument(help="The file to write.", show_default=False)],
    to: Annotated[str, typer.Option(metavar="torch|onnx", help="A program of torch.export (.pt2), or an ONNX model;"
                                    " neither needs ppocore where it is used.", show_default=False)],
) -> None:
    """Write a trained policy for use elsewhere: observations in, likeliest actions and log-probabilities out."""
    from ppocore.training import commands

    commands.export(folder, to, file)
