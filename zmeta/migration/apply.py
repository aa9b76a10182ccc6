"""Making a run, going on with one that was killed, and taking one back; batch by batch, each with a mark when it is done.

Every document is compared with its bytes before and after, so that doing a batch again changes nothing twice. Threads share
the batches: nearly all the time goes into waiting for the disk, and a thread never outlives a process that is killed.
"""

from __future__ import annotations

import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from contextvars import copy_context
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from zmeta.errors import MigrationError
from zmeta.nodes.batch import write_batch
from zmeta.nodes.fate import Fate
from zmeta.nodes.write import Change
from zmeta.stores.paths import is_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from zmeta.migration.run import Mark, MarkKind, Place, Run
    from zmeta.nodes.batch import Needs

    Tick = Callable[[int, int], object]
    Stop = Callable[[], bool]

#: Seconds in which a request to an object store ends that was on its way when its process was killed.
ON_THE_WAY = 5.0


class Outcome(NamedTuple):
    """What became of the documents of a run so far, in all calls together.

    `written` are as they shall be (after a rollback: as they were), `conflicts` were changed by others, `failed` were
    refused by the system, `left` stay as they are because of another one of their unit, `remaining` were not come to.
    """

    written: int
    conflicts: int
    failed: int
    left: int
    remaining: int
    interrupted: bool

    @property
    def clean(self) -> bool:
        """Whether every document was written."""
        return not (self.conflicts or self.failed or self.left or self.remaining)


def apply(run: Run, *, jobs: int = 1, tick: Tick | None = None, stop: Stop | None = None) -> Outcome:
    """Write the documents of a run, or those that are still to be written: the same call resumes a run that was killed.

    `jobs` threads share the batches. `tick` is told how many documents are done, and of how many. Where `stop` says so, and
    at Ctrl-C, the batches in work are finished and no more begun; Ctrl-C is raised then. Documents that the system refused
    are tried again by the next call. All checksums are compared before the first document changes.

    Raises `MigrationError` where the run is in use, damaged, or was rolled back, and `StoreError` where the journal or the
    disk fails; what was done until then is kept, and the same call goes on.
    """
    with run.lock():
        if run.taken_back:
            hint = "plan anew: what was rolled back may have been changed since"
            raise MigrationError("the run was rolled back", where=run.folder, hint=hint)
        marks = {number: run.mark(number, "done") for number in run.numbers}
        pending = [number for number, mark in marks.items() if _unfinished(mark)]
        for number in pending:
            run.verify(number)

        def work(number: int) -> None:
            _apply_batch(run, number, marks[number])

        interrupted = False
        for late in (False, True):
            numbers = [number for number in pending if _late(run, number) is late]
            if not interrupted:
                interrupted = _share(run, numbers, work, 1 if late else jobs, tick, stop)
        return outcome(run, "done", interrupted=interrupted)


def rollback(run: Run, *, jobs: int = 1, tick: Tick | None = None, stop: Stop | None = None) -> Outcome:
    """Give the documents of a run the bytes that they had before, the last batch first; remove those that it made.

    One that somebody changed since is a conflict, and its unit stays as it is; what the run did not write is not touched.
    Killed and called again, it goes on. Parameters and errors as for `apply`, but a damaged batch is raised at the end only,
    after all others were taken back.
    """
    with run.lock():
        run.publish("rollback")
        _let_arrive(run)
        damaged: list[MigrationError] = []
        pending = [number for number in reversed(run.numbers) if run.begun(number)]

        def task(number: int) -> None:
            try:
                mark = run.mark(number, "undone")
                if _unfinished(mark):
                    _undo_batch(run, number, mark)
            except MigrationError as error:
                damaged.append(error)

        interrupted = False
        for late in (True, False):
            numbers = [number for number in pending if _late(run, number) is late]
            if not interrupted:
                interrupted = _share(run, numbers, task, 1 if late else jobs, tick, stop)
        if damaged:
            raise damaged[0]
        return outcome(run, "undone", interrupted=interrupted)


def outcome(run: Run, kind: MarkKind, *, interrupted: bool = False) -> Outcome:
    """Return what the marks say became of the documents. Raises `MigrationError` where one is damaged."""
    totals = dict.fromkeys(("written", "already", "conflict", "failed", "left"), 0)
    remaining = 0
    for number, info in zip(run.numbers, run.batches, strict=True):
        mark = run.mark(number, kind)
        if mark is not None:
            totals = {state: total + mark.counts[state] for state, total in totals.items()}
        elif kind == "done" or run.begun(number):
            remaining += info.documents
    written = totals["written"] + totals["already"]
    return Outcome(written, totals["conflict"], totals["failed"], totals["left"], remaining, interrupted)


def _let_arrive(run: Run) -> None:
    """Wait for what a killed process has sent to object stores: it must not arrive after its document was looked at."""
    torn = [number for number in run.numbers if run.begun(number) and not run.has(number, "done")]
    with suppress(MigrationError):  # damaged, which is told of later
        if any(is_url(entry.file) for number in torn for unit in run.index(number) for entry in unit.entries):
            time.sleep(ON_THE_WAY)


# --- one batch ------------------------------------------------------------------------------------------------------------


def _late(run: Run, number: int) -> bool:
    """Whether a batch is written after those that are not late, and taken back before them."""
    return 0 < run.late <= number


def _unfinished(mark: Mark | None) -> bool:
    """Whether a batch was not done, or the system refused a part of it."""
    return mark is None or mark.counts["failed"] > 0


def _apply_batch(run: Run, number: int, mark: Mark | None) -> None:
    units = run.read(number)
    resumed = run.begun(number)
    run.publish(f"{number:06}.begun")
    work = {(u, place): change for u, unit in enumerate(units) for place, change in enumerate(unit.changes)}
    needs = [unit.needs for unit in units]
    if mark is not None:
        run.forget_mark(number, "done")
    run.publish_mark(number, "done", units, _write(run, work, needs, mark, resumed=resumed))


def _undo_batch(run: Run, number: int, mark: Mark | None) -> None:
    """Take back what a batch wrote, each unit in the reverse order."""
    units = run.read(number)
    done = run.mark(number, "done")
    work = {
        (u, place): Change(change.file, change.new, change.old, change.mode)
        for u, unit in enumerate(units)
        for place, change in reversed(list(enumerate(unit.changes)))
        if done is None or (u, place) not in done.fates
    }
    needs = [unit.needs for unit in units]
    if mark is not None:
        run.forget_mark(number, "undone")
    run.publish_mark(number, "undone", units, _write(run, work, needs, mark, resumed=True))


def _write(
    run: Run, work: Mapping[Place, Change], needs: Sequence[Needs], mark: Mark | None, *, resumed: bool
) -> dict[Place, Fate]:
    """Make changes, and return the fates. Where there is a mark, only the units that the system refused are tried again."""
    fates: dict[Place, Fate] = {}
    if mark is not None:
        again = {unit for (unit, _), fate in mark.fates.items() if fate.state == "failed"}
        fates = {place: mark.fates.get(place, Fate("written")) for place in work if place[0] not in again}
        work = {place: change for place, change in work.items() if place[0] in again}
    units = [list(places) for _, places in groupby(work, itemgetter(0))]
    asked = [needs[places[0][0]] for places in units]
    results = write_batch([[work[place] for place in places] for places in units], run.id, needs=asked, resumed=resumed)
    for places, row in zip(units, results, strict=True):
        fates.update(zip(places, row, strict=True))
    return fates


# --- many batches ---------------------------------------------------------------------------------------------------------


def _share(
    run: Run, numbers: Sequence[int], task: Callable[[int], None], jobs: int, tick: Tick | None, stop: Stop | None
) -> bool:
    """Do batches in `jobs` threads and return whether it was stopped. No more are begun after the first error."""
    total = run.documents
    done = total - sum(run.batches[number - 1].documents for number in numbers)
    waiting: dict[Future[None], int] = {}
    following = iter(numbers)
    stopped = False
    with ThreadPoolExecutor(max(1, jobs)) as pool:  # which ends, whatever happens, after the batches that were begun
        while True:
            while not stopped and len(waiting) < max(1, jobs) and (number := next(following, None)) is not None:
                stopped = stop is not None and stop()
                if not stopped:
                    waiting[pool.submit(copy_context().run, task, number)] = number
            if not waiting:
                return stopped
            for future in wait(waiting, timeout=0.2, return_when=FIRST_COMPLETED).done:
                done += run.batches[waiting.pop(future) - 1].documents
                future.result()
                if tick is not None:
                    tick(done, total)
