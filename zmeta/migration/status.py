"""What runs there are, how far each has come, and which of them changed a document. All of it follows from their files."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from zmeta.errors import MigrationError
from zmeta.migration.apply import Outcome, outcome
from zmeta.migration.claim import InUseError
from zmeta.migration.home import list_homes
from zmeta.migration.run import Run
from zmeta.nodes.node import absolute
from zmeta.stores.paths import is_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.migration.home import Home
    from zmeta.migration.record import BatchInfo, IndexUnit
    from zmeta.steps.step import Kind

#: `unfinished`: killed while it was planned, nothing was changed. `damaged`: a file of the run is not what was written.
RunState = Literal["unfinished", "planned", "running", "interrupted", "applied", "undoing", "undone", "damaged"]


@dataclass(frozen=True, slots=True)
class RunStatus:
    """How far a run has come.

    Attributes
    ----------
    id : str
    state : str
        See `RunState`.
    created : str
        ISO 8601, UTC.
    paths : tuple of str
        What it was planned for.
    units, documents : int
    outcome : Outcome or None
        Of the rollback, where there was one.
    problem : str
        What is damaged.
    """

    id: str
    state: RunState
    created: str = ""
    paths: tuple[str, ...] = ()
    units: int = 0
    documents: int = 0
    outcome: Outcome | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """A run changed a document.

    Attributes
    ----------
    run : str
        Id of the run.
    created : str
        When it was planned, ISO 8601, UTC.
    time : str
        When it was written, or taken back; empty where that was interrupted.
    state : "written", "undone" or "interrupted"
    path, file : str
        The node, and the document.
    steps : tuple of str
    kind : "lossless", "lossy" or "manual"
    before, after : str or None
        SHA-256 of the document before and after the run, None for no document.
    """

    run: str
    created: str
    time: str
    state: Literal["written", "undone", "interrupted"]
    path: str
    file: str
    steps: tuple[str, ...]
    kind: Kind
    before: str | None
    after: str | None


def status(state_dir: str | os.PathLike[str] | None = None) -> Iterator[RunStatus]:
    """Yield the state of every run, newest first. Raises `StoreError` where the state directory cannot be read."""
    for home in reversed(list_homes(state_dir)):
        yield _status(home, state_dir)


def _status(home: Home, state_dir: str | os.PathLike[str] | None) -> RunStatus:
    name = home.name
    if not home.has("plan.json"):
        return RunStatus(name, "running" if home.holder() else "unfinished")
    try:
        run = Run.open(name, state_dir)
    except MigrationError as error:
        return RunStatus(name, "damaged", problem=f"{error.where}: {error.found or error.what}")
    facts = (run.created, run.paths, run.units, run.documents)
    try:
        result = outcome(run, "undone" if run.taken_back else "done")
    except MigrationError as error:
        return RunStatus(name, "damaged", *facts, problem=f"{error.where}: {error.found or error.what}")
    state: RunState
    if run.in_use():
        state = "running"
    elif run.taken_back:
        state = "undoing" if result.remaining else "undone"
    elif not any(run.begun(number) for number in run.numbers):
        state = "planned" if run.numbers else "applied"
    else:
        state = "interrupted" if result.remaining else "applied"
    return RunStatus(name, state, *facts, outcome=result)


def history(path: str | os.PathLike[str], state_dir: str | os.PathLike[str] | None = None) -> Iterator[HistoryEntry]:
    """Yield what runs did to the documents at or below a path, the newest run first.

    Batches that lie elsewhere are not read, of the others the index alone. A run that is damaged raises `MigrationError`,
    after all that are not.
    """
    wanted = {absolute(path)} if is_url(os.fspath(path)) else {absolute(path), os.path.realpath(path)}
    problem: MigrationError | None = None
    for home in reversed(list_homes(state_dir)):
        if not home.has("plan.json"):
            continue
        try:
            run = Run.open(home.name, state_dir)
            yield from _of_run(run, wanted)
        except MigrationError as error:
            problem = problem or error
    if problem is not None:
        raise problem


def _of_run(run: Run, wanted: set[str]) -> Iterator[HistoryEntry]:
    for number, info in zip(run.numbers, run.batches, strict=True):
        if run.begun(number) and _may_hold(info, wanted):
            yield from _of_batch(run, number, wanted)


def _of_batch(run: Run, number: int, wanted: set[str]) -> Iterator[HistoryEntry]:
    done, undone = run.mark(number, "done"), run.mark(number, "undone")
    for u, unit in enumerate(run.index(number)):
        for place, entry in enumerate(unit.entries):
            if not _is_meant(unit, entry.file, wanted) or (done is not None and (u, place) in done.fates):
                continue
            mark = done if undone is None or (u, place) in undone.fates else undone
            state: Literal["written", "undone", "interrupted"]
            state = "interrupted" if mark is None else "undone" if mark is undone else "written"
            time = "" if mark is None else mark.time
            facts = (unit.path, entry.file, unit.steps, unit.kind, entry.before, entry.after)
            yield HistoryEntry(run.id, run.created, time, state, *facts)


def _may_hold(info: BatchInfo, wanted: set[str]) -> bool:
    return not info.below or any(_is_below(info.below, path) or _is_below(path, info.below) for path in wanted)


def _is_meant(unit: IndexUnit, file: str, wanted: set[str]) -> bool:
    return any(_is_below(file, path) or path == unit.path for path in wanted)


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(os.path.join(folder, ""))


def discard_unfinished(state_dir: str | os.PathLike[str] | None = None) -> list[str]:
    """Remove what runs left that were killed while they were planned, and return their ids. They changed no document."""
    gone = []
    for home in list_homes(state_dir):
        if not home.has("plan.json"):
            with suppress(InUseError), home.lock(wait=False):
                if not home.has("plan.json"):
                    home.discard()
                    gone.append(home.name)
    return gone
