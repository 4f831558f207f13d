"""The plugin of pytest: `pytest --ppocore my_adapter.py` shows each case of the gate as a test.

pytest loads this file in every environment where ppocore is installed; until an adapter is named it adds nothing
but its options, and the gate is imported only to collect one.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ppocore.conformance.parametrized import Suite

DOORS = ("", "exec", "answers")
OPTIONS: dict[str, tuple[str, type, str]] = {
    "": ("ADAPTER", str, "judge a .py file or an importable module as `ppocore check` does, each case a test"),
    "exec": ("COMMAND", str, "in place of --ppocore: a program that speaks JSON Lines"),
    "answers": ("FILE", str, "in place of --ppocore: answers to `ppocore questions`"),
    "expected": ("FILE", str, "expected failures, one `ID  # reason` a line; strict"),
    "only": ("GLOB", str, "only these operations or ids: gae, 'kl_*', 'gae/*'"),
    "seed": ("N", int, "seed of the random cases"),
    "examples": ("N", int, "random cases per operation"),
    "timeout": ("SECONDS", float, "time limit of one case"),
}
FILES = ("", "answers", "expected")
"""Options that name files: relative to the working directory, or to the file with the setting."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("ppocore", "what PPO code really computes")
    for name, (metavar, kind, text) in OPTIONS.items():
        group.addoption(_option(name), metavar=metavar, type=kind, help=text)
        parser.addini(_setting(name), f"as {_option(name)}: {text}")
    group.addoption("--ppocore-strict", action="store_true", help="edge and reject cases count too")
    parser.addini("ppocore_strict", "as --ppocore-strict", type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    given = _given(config)
    if any(name in given for name in DOORS):
        config.pluginmanager.register(_Gate(config, given), "ppocore-gate")
    elif stray := [name for name in OPTIONS if config.getoption(_setting(name)) is not None]:
        raise pytest.UsageError(f"{_option(stray[0])} needs an adapter: --ppocore ADAPTER, --ppocore-exec COMMAND"
                                " or --ppocore-answers FILE.")


def _option(name: str) -> str:
    return f"--ppocore-{name}" if name else "--ppocore"


def _setting(name: str) -> str:
    return f"ppocore_{name}" if name else "ppocore"


def _given(config: pytest.Config) -> dict[str, Any]:
    """What the command line, else the settings, ask for; files where they are found."""
    found: dict[str, Any] = {}
    settled = config.inipath.parent if config.inipath else config.rootpath
    chosen_here = any(config.getoption(_setting(door)) is not None for door in DOORS)
    for name, (_, kind, _) in OPTIONS.items():
        value, folder = config.getoption(_setting(name)), config.invocation_params.dir
        if value is None and (text := config.getini(_setting(name))) and not (chosen_here and name in DOORS):
            value, folder = _parsed(name, kind, text), settled
        if value is not None:
            found[name] = folder / value if name in FILES and (folder / value).is_file() else value
    return found


def _parsed(name: str, kind: type, text: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        raise pytest.UsageError(f"{_setting(name)} is {text!r}; it must be a number.") from None


class _Gate:
    """The hooks that judge; registered only where an adapter is named."""

    def __init__(self, config: pytest.Config, given: dict[str, Any]) -> None:
        self._given = given
        self._suite: Suite | None = None
        self._path, self._label = _named(config, given)
        self._asked = any(config.getoption(_setting(door)) is not None for door in DOORS)
        self._wanted = self._take_arguments(config)

    def _take_arguments(self, config: pytest.Config) -> list[str] | None:
        """Node ids of ours among the arguments, which pytest would not find; None: no test of ours is wanted."""
        if config.args_source is not config.ArgsSource.ARGS:
            return []
        ours = [argument for argument in config.args if self._is_ours(config, argument.partition("::")[0])]
        config.args[:] = [argument for argument in config.args if argument not in ours]
        if not ours and not self._asked and not any(self._is_within(config, argument) for argument in config.args):
            return None
        wanted = [argument.partition("::")[2] for argument in ours]
        return [] if "" in wanted else wanted

    def _is_ours(self, config: pytest.Config, argument: str) -> bool:
        return argument == self._label or config.invocation_params.dir / argument == self._path

    def _is_within(self, config: pytest.Config, argument: str) -> bool:
        return self._path is not None and (config.invocation_params.dir / argument).resolve() in self._path.parents

    def pytest_report_header(self) -> str:
        return f"ppocore: {self._label}" + (" (not among the arguments)" if self._wanted is None else "")

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        if self._wanted is None:
            return
        self._suite = _suite(self._given, session.config.getoption("ppocore_strict") or
                             session.config.getini("ppocore_strict"))
        cases = list(_cases(session, self._label, self._suite))
        for wanted in self._wanted:
            if not any(_is_under(case, wanted) for case in cases):
                raise pytest.UsageError(f"not found: {self._label}::{wanted}")
        items += [case for case in cases
                  if not self._wanted or any(_is_under(case, wanted) for wanted in self._wanted)]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, Any, Any]:
        report = yield
        if isinstance(item, Case):
            # Reports travel between the processes of xdist with all their attributes.
            report.ppocore = item.rows()
        return report

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        reports = [report for some in terminalreporter.stats.values() for report in some]
        rows = dict.fromkeys(tuple(report.ppocore) for report in reports if getattr(report, "ppocore", None))
        if rows:
            terminalreporter.section(f"ppocore: {self._label}")
            for row in rows:
                terminalreporter.write_line("\n".join(row))

    def pytest_unconfigure(self) -> None:
        if self._suite is not None:
            self._suite.close()


def _named(config: pytest.Config, given: dict[str, Any]) -> tuple[Path | None, str]:
    """The file that is judged, if it is one, and what its tests are called after."""
    for door in DOORS:
        if door in given:
            target = given[door]
            if isinstance(target, Path):
                target = target.resolve()
                within = target.is_relative_to(config.rootpath)
                return target, (target.relative_to(config.rootpath) if within else target).as_posix()
            return None, str(target)
    raise AssertionError("no door is open")


def _suite(given: dict[str, Any], strict: bool) -> Suite:
    """The adapter, opened; what cannot be judged is one line and pytest's exit status for wrong usage."""
    from ppocore.conformance.adapters import BadAdapter
    from ppocore.conformance.callees import one_of
    from ppocore.conformance.parametrized import Suite
    from ppocore.conformance.runner import Options

    chosen = {name: given[name] for name in ("only", "seed", "examples", "timeout") if name in given}
    expected = Path(given["expected"]) if "expected" in given else None
    try:
        return Suite(one_of(given.get(""), given.get("exec"), given.get("answers")),
                     Options(**chosen, expected=expected, strict=strict))
    except BadAdapter as error:
        raise pytest.UsageError(f"ppocore: {error}") from None


def _cases(session: pytest.Session, label: str, suite: Suite) -> Iterator[Case]:
    """The tests, below the adapter and their operations; collected as pytest collects, so that it counts them."""
    adapter = Adapter.from_parent(session, name=label, nodeid=label, path=session.config.rootpath / label, suite=suite)
    return (item for item in session.genitems(adapter) if isinstance(item, Case))


def _is_under(case: Case, wanted: str) -> bool:
    own = case.nodeid.partition("::")[2]
    return own == wanted or own.startswith(f"{wanted}::")


class Adapter(pytest.Collector):
    """What is judged."""

    def __init__(self, suite: Suite, **options: Any) -> None:
        super().__init__(**options)
        self._suite = suite

    def collect(self) -> Iterator[Operation]:
        """The operations of which cases are asked."""
        for name in self._suite.tests:
            yield Operation.from_parent(self, name=name, suite=self._suite)


class Operation(pytest.Collector):
    """One operation of an adapter."""

    def __init__(self, suite: Suite, **options: Any) -> None:
        super().__init__(**options)
        self._suite = suite

    def collect(self) -> Iterator[Case]:
        """Its cases, and the verdict last."""
        for id in self._suite.tests[self.name]:
            yield Case.from_parent(self, name=id, suite=self._suite)


class Case(pytest.Item):
    """One case, or the verdict of an operation."""

    def __init__(self, suite: Suite, **options: Any) -> None:
        super().__init__(**options)
        self._suite = suite

    def runtest(self) -> None:
        """Fail, be skipped or fail as expected, as the case did."""
        self._suite.outcome(self.name)

    def rows(self) -> list[str]:
        """The verdict of the operation as lines of a table."""
        return self._suite.rows(self.name.partition("/")[0])

    def reportinfo(self) -> tuple[Path, None, str]:
        """Where the test is from, and its name."""
        return self.path, None, self.name
