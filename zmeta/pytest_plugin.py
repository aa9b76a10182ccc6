"""The pytest plugin: fixture `zmeta_check` and marker `zmeta`. pytest loads it at every start, so it loads nothing else."""

from __future__ import annotations

import os
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from zmeta.checker.report import Report
    from zmeta.finding import Severity

_SHOWN = 50
_MARKER = (
    "zmeta(*paths, **options): before the test runs, check the metadata of these paths or globs, relative to the rootdir; "
    "options are those of zmeta.check: select, ignore, fail_on, jobs, config"
)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", _MARKER)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Check what the markers of a test name, those of its module first."""
    for marker in reversed(list(item.iter_markers("zmeta"))):
        problem = _marked_problem(item, marker)
        if problem:
            pytest.fail(problem, pytrace=False)


@pytest.fixture(scope="session")
def zmeta_check() -> Callable[..., Report]:
    """Return a function that does what `zmeta.check` does, and fails the test with the findings where the report fails."""

    def check(path: object, **options: Any) -> Report:
        __tracebackhide__ = True
        report, problem = _run(path, **options)
        if problem:
            pytest.fail(problem)
        return report

    return check


def _marked_problem(item: pytest.Item, marker: pytest.Mark) -> str:
    from zmeta.errors import ZmetaError

    if not marker.args:
        return "the marker `zmeta` names no path"
    try:
        return _run([os.path.join(item.config.rootpath, path) for path in marker.args], **marker.kwargs)[1]
    except ZmetaError as error:
        return f"zmeta check: {error}"


def _run(path: Any, **options: Any) -> tuple[Report, str]:
    """Return the report and, if it fails, words for it."""
    from zmeta.checker.report import check
    from zmeta.checker.runner import FAILING
    from zmeta.config import load_config

    config = options.pop("config", None) or load_config()
    report = check(path, config=config, **options)
    return report, "" if report else _words(report, FAILING[options.get("fail_on") or config.fail_on])


def _words(report: Report, least: Severity | None) -> str:
    """Return the counts, which pytest repeats in its summary, then the findings that fail the test."""
    from zmeta.report.text import TextReporter

    failing = [finding for finding in report if least is not None and finding.severity >= least]
    stream = StringIO()
    stream.write(f"zmeta check: {report.summary}\n")
    reporter = TextReporter(stream)
    for finding in failing[:_SHOWN]:
        reporter.add(finding)
    if len(failing) > _SHOWN:
        stream.write(f"and {len(failing) - _SHOWN:,} more\n")
    return stream.getvalue()
