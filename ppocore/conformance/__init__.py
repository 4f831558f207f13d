"""The gate: judges anybody's PPO, in any framework, and names what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ppocore.conformance.estimators.audit import Audit
    from ppocore.conformance.estimators.terms import Place
    from ppocore.conformance.parametrized import Decorator
    from ppocore.conformance.runner import Run

__all__ = ["audit_estimator", "check", "parametrize"]


def check(
    adapter: str | Path | ModuleType | Mapping[str, Any] | None = None, *, exec: str | None = None,
    answers: str | Path | None = None, only: str | None = None, seed: int = 0, examples: int = 8,
    strict: bool = False, timeout: float = 10.0, report: str | Path | None = None,
    markdown: str | Path | None = None, junit: str | Path | None = None, expected: str | Path | None = None,
    write_expected: str | Path | None = None, html: str | Path | None = None, memory: float = 4.0,
) -> Run:
    """Judge an adapter, as `ppocore check` does, and return what was found.

    Parameters
    ----------
    adapter : path, module, or dict
        A `.py` file or importable module (run in a process of its own), or a dict of functions by operation
        name, beside which it may hold FRAMEWORK, DTYPE, CONVENTIONS, NAME and VERSION.  A dict runs in this
        process: a function that hangs is given up on, but one that crashes the interpreter takes it along.
    exec, answers
        In place of an adapter: a command that speaks JSON Lines, or a file of answers, as the options of
        `ppocore check`.
    only, seed, examples, strict, timeout, report, markdown, junit, expected, write_expected, html, memory
        As the options of `ppocore check`.

    Returns
    -------
    Run
        With `green`, `exit_status` (0 or 1), `verdicts` and `results`.

    Raises
    ------
    BadAdapter
        A ValueError, wherever the command would end with exit status 2.
    """
    from ppocore.conformance import callees, reports, runner

    def path(value: str | Path | None) -> Path | None:
        return None if value is None else Path(value)

    files = (path(file) for file in (report, markdown, expected, write_expected, junit, html))
    options = runner.Options(only, seed, examples, strict, timeout, *files, memory=memory)
    found = runner.run(callees.one_of(adapter, exec, answers), options)
    reports.write(found, options)
    return found


def parametrize(
    adapter: str | Path | ModuleType | Mapping[str, Any] | None = None, *, exec: str | None = None,
    answers: str | Path | None = None, expected_failures: str | Path | None = None, only: str | None = None,
    seed: int = 0, examples: int = 8, strict: bool = False, timeout: float = 10.0, memory: float = 4.0,
) -> Decorator:
    """Make a test function of pytest into one test for each case that counts, and one for each verdict.

    Write ``@ppocore.conformance.parametrize("my_adapter.py")`` above ``def test_my_ppo(case): ...``.  The adapter
    is opened when pytest collects, each operation is judged when its first test runs, and a test fails, before the
    body of the function is entered, if its case does.  The first parameter of the function, if it has any, is
    given the `Result` of the case (of the verdict: `Verdict`); the others are fixtures.

    Parameters
    ----------
    adapter, exec, answers, only, seed, examples, strict, timeout, memory
        As of `check`.  Relative files are looked for beside the test, then in the working directory.
    expected_failures : path
        One `ID  # reason` a line.  Such a test is an expected failure (xfail); one that passes fails.
    """
    from ppocore.conformance import callees, parametrized, runner

    target = callees.one_of(adapter, exec, answers)
    expected = None if expected_failures is None else Path(expected_failures)
    return parametrized.decorator(target, runner.Options(
        only, seed, examples, strict, timeout, expected=expected, memory=memory))


def audit_estimator(
    term: str | Callable[..., Any], *, place: Place = "loss", framework: str | None = None, on_policy: bool = False
) -> Audit:
    r"""Say which divergence's gradient a KL term follows in expectation, as `ppocore estimator` does.

    .. math:: \text{loss: } E_{old}[\nabla\, term] \qquad
              \text{reward: } E_{old}[ratio \cdot term \cdot \nabla \log p]

    Parameters
    ----------
    term : str or callable
        A text such as ``"ratio * k3"`` (docs/estimators.md has the language), computed to 60 digits, or a function
        that names any of `log_prob`, `old_log_prob` and `ref_log_prob`, gets them as arrays of shape (16,) in float64,
        and returns a number for each entry, or in the loss their mean; it is called in this process.
    place : "loss" or "reward"
        Whether the term is added to the loss, or its value subtracted from the reward.
    framework : "torch", "jax" or "numpy", optional
        Of a callable; else the FRAMEWORK of its module, else NumPy, which has no gradients and serves rewards only.
    on_policy : bool
        Leave out the points at which the current policy is not the one that drew the actions.

    Returns
    -------
    Audit
        With `verdicts` (one for each regime), `rows` (the numbers), `theorems`, `instead` and `follows(name)`.

    Raises
    ------
    BadTerm
        A ValueError, wherever the command would end with exit status 2.

    Notes
    -----
    *Accuracy.* A text is held to 40 digits, a callable to 9, or to 5 if it computes in float32, which a note says.

    *Theorems.* EST-01, EST-02, EST-03, EST-04, EST-05, EST-06, EST-07, EST-08, EST-09, EST-10.

    References
    ----------
    Schulman, Approximating KL Divergence, 2020 (blog).

    Examples
    --------
    >>> found = audit_estimator("k3")
    >>> [(verdict.regime, verdict.parts[0][1]) for verdict in found.verdicts]
    [('on-policy', 'KL(ref, current)'), ('off-policy', 'E_old[k3]')]
    >>> audit_estimator("ratio * k3").follows("KL(current, ref)")
    True
    """
    from ppocore.conformance.estimators.audit import audit_estimator

    return audit_estimator(term, place=place, framework=framework, on_policy=on_policy)
