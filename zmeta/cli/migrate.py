"""`zmeta migrate`, `rollback`, `status` and `history`."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

from zmeta.cli.options import with_stores
from zmeta.config import load_config
from zmeta.errors import ConfigError
from zmeta.migration import apply as journal
from zmeta.migration.face import Plan, find_interrupted, find_run, migrate
from zmeta.migration.planfile import read_plan, write_plan
from zmeta.migration.run import Run
from zmeta.migration.status import discard_unfinished, history, status
from zmeta.report.plan import PlanMarkdown, PlanText
from zmeta.report.words import one_line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from zmeta.migration.apply import Outcome
    from zmeta.migration.unit import Unit

    Tick = Callable[[int, int], object]


def main(arguments: argparse.Namespace) -> int:
    """Do what the command says: 0 all is well, 1 something is blocked or was not written, 130 interrupted."""
    jobs = os.cpu_count() or 1 if getattr(arguments, "jobs", 1) == 0 else getattr(arguments, "jobs", 1)
    with ExitStack() as stack:
        stack.enter_context(with_stores(load_config(), arguments).storage())
        if arguments.command == "migrate":
            return _migrate(arguments, jobs, stack)
        if arguments.command == "rollback":
            return _rollback(arguments, jobs, stack)
        return _status(arguments) if arguments.command == "status" else _history(arguments)


# --- migrate ----------------------------------------------------------------------------------------------------------


def _migrate(arguments: argparse.Namespace, jobs: int, stack: ExitStack) -> int:
    paths, plan_file = _what_to_apply(arguments)
    if arguments.resume is not None:
        run = Run.open(arguments.resume, arguments.journal) if arguments.resume else _interrupted(arguments)
        return _apply(run, jobs, arguments, stack)
    if plan_file:
        saved = read_plan(plan_file)
        _discard_unfinished(arguments)
        return _apply(Run.create(saved.units(), saved.header, arguments.journal), jobs, arguments, stack)
    if not paths:
        raise ConfigError("there is nothing to migrate", expected="a path, or a plan: --apply plan.json")
    plan = migrate(
        paths,
        to=arguments.to,
        keep_legacy=arguments.keep_legacy,
        allow_loss=_words(arguments.allow_loss),
        axes=_words(arguments.axes),
        pixel_scale=arguments.pixel_scale,
        config=with_stores(load_config(), arguments),
    )
    if arguments.apply is not None:
        return _plan_and_apply(plan, jobs, arguments, stack)
    return _show(plan, arguments, stack)


def _what_to_apply(arguments: argparse.Namespace) -> tuple[list[str], str]:
    """`--apply` may be followed by a plan, or (as options may stand anywhere) by a path."""
    named = arguments.apply or ""
    if named and (os.path.isdir(named) or not named.endswith(".json")):
        return [named, *arguments.paths], ""
    if named and arguments.paths:
        raise ConfigError(
            "a plan is applied as it is", expected="no paths beside --apply plan.json", found=arguments.paths[0]
        )
    return arguments.paths, named


def _words(texts: list[str] | None) -> list[str]:
    return [word.strip() for text in texts or () for word in text.split(",") if word.strip()]


def _interrupted(arguments: argparse.Namespace) -> Run:
    for found in status(arguments.journal):
        if found.state == "interrupted":
            return Run.open(found.id, arguments.journal)
    raise ConfigError("no run was interrupted", hint="`zmeta status` lists the runs")


def _show(plan: Plan, arguments: argparse.Namespace, stack: ExitStack) -> int:
    """Print the plan, and write it to a file where one is named."""
    units = _watched(plan, stack, quiet=arguments.quiet)
    if arguments.out:
        write_plan(arguments.out, plan.header, _shown(units, arguments) if arguments.format != "json" else units)
    elif arguments.format == "json":
        _write_json(plan, units)
    else:
        for _ in _shown(units, arguments):
            pass
    tally = plan.tally
    if arguments.format == "text":
        print(_summary(plan))
        if tally.documents:
            again = arguments.out or " ".join(map(_quoted, arguments.paths)) + _asked(arguments)
            how = f"zmeta migrate --apply {again}" if arguments.out else f"zmeta migrate {again} --apply"
            print(f"nothing was written; to do it: {how}")
    return int(tally.blocked > 0)


def _asked(arguments: argparse.Namespace) -> str:
    """Return the options of a plan, to be given again."""
    options = [f" --to {arguments.to}"] if arguments.to else []
    options += [" --keep-legacy"] if arguments.keep_legacy else []
    options += [f" --allow-loss {','.join(_words(arguments.allow_loss))}"] if arguments.allow_loss else []
    options += [f" --axes {','.join(_words(arguments.axes))}"] if arguments.axes else []
    return "".join([*options, *([" --pixel-scale"] if arguments.pixel_scale else [])])


def _journal(arguments: argparse.Namespace) -> str:
    """Return the option that names the journal, to be given again."""
    return f" --journal {_quoted(arguments.journal)}" if arguments.journal else ""


def _quoted(text: str) -> str:
    from shlex import quote

    return quote(text)


def _shown(units: Iterable[Unit], arguments: argparse.Namespace, *, blocked_only: bool = False) -> Iterator[Unit]:
    """Print units as they pass."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
    base = os.getcwd().rstrip(os.sep) + os.sep
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    printer = (
        PlanMarkdown(sys.stdout, base=base)
        if arguments.format == "markdown"
        else PlanText(sys.stdout, colour=colour, diffs=not arguments.no_diff and not blocked_only, base=base)
    )
    for unit in units:
        if (unit.blocked or not blocked_only) and not (arguments.quiet and not unit.blocked):
            printer.add(unit)
        yield unit


def _write_json(plan: Plan, units: Iterable[Unit]) -> None:
    from zmeta.migration.planfile import iter_plan

    for piece in iter_plan(plan.header, units):
        sys.stdout.write(piece.decode())


def _summary(plan: Plan, verb: str = "would change") -> str:
    tally = plan.tally
    what = f"{_count(tally.documents, 'document')} of {_count(tally.units, 'unit')} {verb}"
    seen = f"{_count(tally.arrays, 'array')} and {_count(tally.groups, 'group')}"
    return f"{seen}: {what}" + (f", {tally.blocked} blocked" if tally.blocked else "")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _watched(plan: Plan, stack: ExitStack, *, quiet: bool) -> Iterator[Unit]:
    """Yield the units of a plan, with the counts on a terminal."""
    if quiet or not sys.stderr.isatty() or sys.stdout.isatty():
        return iter(plan)
    from zmeta.cli.progress import Display

    display = stack.enter_context(Display())

    def watch() -> Iterator[Unit]:
        for unit in plan:
            display.show(plan.tally.arrays, plan.tally.groups, plan.tally.blocked, "blocked")
            yield unit
        display.show(-1, 0, 0)

    return watch()


# --- apply and rollback -----------------------------------------------------------------------------------------------


def _plan_and_apply(plan: Plan, jobs: int, arguments: argparse.Namespace, stack: ExitStack) -> int:
    """Finish what was interrupted, plan the rest, show what is blocked, and write."""
    _discard_unfinished(arguments)
    interrupted = find_interrupted(plan, arguments.journal)
    code = 0
    if interrupted is not None:
        _tell_whom_it_waits_for(interrupted)
        outcome = journal.apply(interrupted, jobs=jobs, tick=_bar(stack, arguments))
        print(f"an interrupted run was finished first, {_outcome(interrupted, outcome)}")
        code = int(not outcome.clean)
    units = _shown(_watched(plan, stack, quiet=arguments.quiet), arguments, blocked_only=True)
    run = Run.create(units, plan.header, arguments.journal)
    print(_summary(plan, "to change"))
    if not run.documents:
        run.discard()
        return max(code, int(plan.tally.blocked > 0))
    return max(code, _apply(run, jobs, arguments, stack), int(plan.tally.blocked > 0))


def _discard_unfinished(arguments: argparse.Namespace) -> None:
    for name in discard_unfinished(arguments.journal):
        print(f"run {name} was killed while it was planned, and had changed nothing: it was removed")


def _tell_whom_it_waits_for(run: Run) -> None:
    holder = run.home.waits_for()
    if holder:
        print(f"run {run.id}: waiting to see whether {holder} still works on it", file=sys.stderr)


def _apply(run: Run, jobs: int, arguments: argparse.Namespace, stack: ExitStack) -> int:
    _tell_whom_it_waits_for(run)
    try:
        outcome = journal.apply(run, jobs=jobs, tick=_bar(stack, arguments))
    except KeyboardInterrupt:
        print(
            f"\nstopped; to go on: zmeta migrate --resume {run.id}{_journal(arguments)}, "
            f"to take it back: zmeta rollback {run.id}{_journal(arguments)}",
            file=sys.stderr,
        )
        return 130
    print(_outcome(run, outcome))
    _tell_problems(run, "done")
    if outcome.written:
        print(f"to take it back: zmeta rollback {run.id}{_journal(arguments)}")
    return int(not outcome.clean)


def _rollback(arguments: argparse.Namespace, jobs: int, stack: ExitStack) -> int:
    run = find_run(arguments.run or "", arguments.journal)
    _tell_whom_it_waits_for(run)
    try:
        outcome = journal.rollback(run, jobs=jobs, tick=_bar(stack, arguments))
    except KeyboardInterrupt:
        print(f"\nstopped; to go on: zmeta rollback {run.id}{_journal(arguments)}", file=sys.stderr)
        return 130
    print(_outcome(run, outcome, verb="put back"))
    _tell_problems(run, "undone")
    return int(not outcome.clean)


def _outcome(run: Run, outcome: Outcome, verb: str = "written") -> str:
    facts: Mapping[str, int] = {
        "changed by others since, left alone": outcome.conflicts,
        "refused by the system": outcome.failed,
        "left because of these": outcome.left,
        "not come to": outcome.remaining,
    }
    text = "".join(f", {number:,} {what}" for what, number in facts.items() if number)
    return f"run {run.id}: {_count(outcome.written, 'document')} {verb}{text}"


def _tell_problems(run: Run, kind: str) -> None:
    for number in run.numbers:
        mark = run.mark(number, "done" if kind == "done" else "undone")
        for problem in mark.problems if mark is not None else ():
            print(one_line(f"{problem.file}: {problem.state}: {problem.reason}"), file=sys.stderr)


def _bar(stack: ExitStack, arguments: argparse.Namespace) -> Tick | None:
    if arguments.quiet or not sys.stderr.isatty():
        return None
    from zmeta.cli.progress import Bar

    return stack.enter_context(Bar()).show


# --- status and history -----------------------------------------------------------------------------------------------


def _status(arguments: argparse.Namespace) -> int:
    """List the runs; 1 where one waits to be finished, or is damaged."""
    found = list(status(arguments.journal))
    if arguments.format == "json":
        _print_json([_plain(run) for run in found])
    elif not found:
        print("no runs")
    for run in found if arguments.format == "text" else ():
        paths = ", ".join(run.paths[:3]) + (f" and {len(run.paths) - 3} more" if len(run.paths) > 3 else "")
        line = f"{run.id}  {run.state:<11}  {_count(run.documents, 'document')}  {paths}{run.problem}"
        print(one_line(line, sys.stdout))
        if run.state == "interrupted":
            print(
                f"  to go on: zmeta migrate --resume {run.id}{_journal(arguments)}, "
                f"to take it back: zmeta rollback {run.id}{_journal(arguments)}"
            )
        if run.state == "unfinished":
            print("  it was killed while it was planned, and changed nothing; the next `zmeta migrate --apply` removes it")
    return int(any(run.state in ("interrupted", "undoing", "damaged") for run in found))


def _history(arguments: argparse.Namespace) -> int:
    """List what runs did to the documents at or below a path."""
    found = list(history(arguments.path, arguments.journal))
    if arguments.format == "json":
        _print_json([_plain(entry) for entry in found])
    elif not found:
        print("no run changed a document here")
    for entry in found if arguments.format == "text" else ():
        digests = " → ".join(digest[:12] if digest else "nothing" for digest in (entry.before, entry.after))
        line = (
            f"{entry.time or entry.created}  {entry.run}  {entry.state}  {entry.file}: {', '.join(entry.steps)} ({digests})"
        )
        print(one_line(line, sys.stdout))
    return 0


def _plain(value: object) -> object:
    from dataclasses import asdict, is_dataclass

    plain = asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
    if isinstance(plain, dict) and isinstance(plain.get("outcome"), tuple):
        outcome = plain["outcome"]
        plain["outcome"] = dict(zip(outcome._fields, outcome, strict=True))
    return plain


def _print_json(value: object) -> None:
    import json

    print(json.dumps(value, indent=2))
