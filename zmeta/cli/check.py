"""`zmeta check PATH…`."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from zmeta.checker.baseline import Baseline, load_baseline
from zmeta.checker.runner import FAILING, Run, mend_all
from zmeta.cli.options import with_stores
from zmeta.config import Config, check_code, load_config
from zmeta.report.registry import make_reporter
from zmeta.report.show import printable
from zmeta.stores.local import failed

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from typing import TextIO

    from zmeta.errors import ZmetaError
    from zmeta.finding import Finding, Fix
    from zmeta.report.base import Reporter, Summary


def main(arguments: argparse.Namespace) -> int:
    """0 clean, 1 findings at or above --fail-on, or one not mended; 130 interrupted; what could not be checked raises."""
    config = with_stores(_settings(load_config(), arguments), arguments)
    jobs = os.cpu_count() or 1 if arguments.jobs == 0 else arguments.jobs
    known = load_baseline(arguments.baseline) if arguments.baseline else None
    with ExitStack() as stack:
        stream = _open(arguments.output, stack)
        terminal = stream.isatty()
        refusals: list[ZmetaError] = []
        fixed = mend_all(arguments.paths, config, jobs, _tell, _refuser(refusals)) if arguments.fix else 0
        tick = None if arguments.quiet or not sys.stderr.isatty() else _progress(stack)
        run = Run(config, jobs, known, tick)
        if arguments.write_baseline:
            return _write_baseline(run, arguments)
        reporter = _reporter(arguments, stream, colour=terminal and "NO_COLOR" not in os.environ)
        failing = _Failing(reporter.add, config, alone=arguments.quiet)
        code = 2
        try:
            summary = replace(run.run(arguments.paths, failing.add), fixed=fixed)
            code = 130 if summary.interrupted else int(summary.failed or bool(refusals))
            if tick is not None:
                tick(-1, 0, 0)
            reporter.close(summary)
            stream.flush()
        except BrokenPipeError:  # `zmeta check … | head`: nobody reads on, and not everything was looked at
            if stream is not sys.stdout:
                raise
            return 1 if failing.any else code
    return code


def _settings(config: Config, arguments: argparse.Namespace) -> Config:
    """Return the settings with what the command line says in their place; `--ignore` adds to them."""
    changes: dict[str, object] = {}
    if arguments.select:
        changes["select"] = _codes(arguments.select)
    if arguments.ignore:
        changes["ignore"] = (*config.ignore, *_codes(arguments.ignore))
    if arguments.fail_on:
        changes["fail_on"] = arguments.fail_on
    return replace(config, **changes)  # type: ignore[arg-type]


def _codes(texts: list[str]) -> tuple[str, ...]:
    return tuple(check_code(code.strip()) for text in texts for code in text.split(",") if code.strip())


def _open(path: str | None, stack: ExitStack) -> TextIO:
    if path is None:
        reconfigure = getattr(sys.stdout, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
        return sys.stdout
    try:
        return stack.enter_context(open(path, "w", encoding="utf-8", errors="backslashreplace", newline="\n"))
    except OSError as error:
        raise failed("write", path, error) from None


def _reporter(arguments: argparse.Namespace, stream: TextIO, *, colour: bool) -> Reporter:
    if arguments.statistics:
        from zmeta.report.statistics_ import StatisticsReporter

        return StatisticsReporter(stream)
    reporter = make_reporter(arguments.format, stream, colour=colour)
    return _Quiet(reporter) if arguments.quiet and arguments.format in ("auto", "text") else reporter


class _Quiet:
    """Findings without a summary."""

    def __init__(self, reporter: Reporter) -> None:
        self.add = reporter.add

    def close(self, summary: Summary) -> None:
        """Say nothing."""


class _Failing:
    """Passes findings on, all or only those that fail the run, and notes whether there was one of these."""

    def __init__(self, add: Callable[[Finding], None], config: Config, *, alone: bool) -> None:
        self._add = add
        self._least = FAILING[config.fail_on]
        self._alone = alone
        self.any = False

    def add(self, finding: Finding) -> None:
        """Take up a finding."""
        fails = self._least is not None and finding.severity >= self._least
        self.any = self.any or fails
        if fails or not self._alone:
            self._add(finding)


def _tell(finding: Finding, fix: Fix) -> None:
    print(_line(f"mended {finding.file}:{finding.line}:{finding.column}: {finding.code}: {fix}"), file=sys.stderr)


def _refuser(refusals: list[ZmetaError]) -> Callable[[Finding, ZmetaError], None]:
    def refuse(finding: Finding, error: ZmetaError) -> None:
        refusals.append(error)
        parts = [error.what, error.found, *(found.message for found in error.findings), error.hint]
        print(_line(f"not mended {finding.file}: {finding.code}: {'; '.join(filter(None, parts))}"), file=sys.stderr)

    return refuse


def _line(text: str) -> str:
    return printable(text).replace("\n", "\\n")


def _write_baseline(run: Run, arguments: argparse.Namespace) -> int:
    baseline = Baseline()
    summary = run.run(arguments.paths, baseline.add)
    if summary.interrupted:
        print("zmeta: interrupted, no baseline was written", file=sys.stderr)
        return 130
    count = baseline.write(arguments.write_baseline)
    print(f"{arguments.write_baseline}: {count} finding{'' if count == 1 else 's'}; --baseline {arguments.write_baseline} "
          "lets these pass and reports new ones", file=sys.stderr)  # fmt: skip
    return 0


def _progress(stack: ExitStack) -> Callable[[int, int, int], None]:
    from zmeta.cli.progress import Display

    return stack.enter_context(Display()).show
