"""A run: all units of a plan below the state directory, before a document changes; then marks of what is done.

::

    20261124-131822-a1b2c3/
        000001.batch    about 1000 documents, their bytes before and after; a unit is never split
        plan.json       published last: without it, the run never began
        000001.begun    documents of the batch may have been changed
        000001.done     they were: counts, and what was not written with the reason
        rollback        the run is being taken back, or was
        000001.undone   the documents of the batch are as they were before
        lock            held while a process works on the run

Nothing else is kept: what state a run is in follows from the files. They are in a folder or on an object store, see `Home`.
"""

from __future__ import annotations

import os
from collections import Counter
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from zmeta.errors import MigrationError, ZmetaError
from zmeta.migration import record
from zmeta.migration.home import home_of, new_home
from zmeta.migration.record import MOST_BYTES, BatchInfo, Section, check_file, damaged, require, seal, unseal
from zmeta.migration.spool import Spool
from zmeta.nodes.fate import Fate, State
from zmeta.nodes.node import absolute
from zmeta.stores.paths import is_url
from zmeta.stores.registry import is_zip

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from zmeta.migration.home import Home
    from zmeta.migration.unit import Unit
    from zmeta.nodes.write import Change

#: A batch ends after so many documents, or so many bytes.
BATCH_DOCUMENTS = 1000
BATCH_BYTES = 1 << 24
_COUNTS = ("units", "documents", "unchanged", "blocked")
_STATES: tuple[State, ...] = get_args(State)

#: Marks of a batch.
MarkKind = Literal["done", "undone"]
#: A document in a batch: number of the unit, and of the change in it.
Place = tuple[int, int]


class Problem(NamedTuple):
    """A document that was not written (not put back), and why; `state` is "conflict", "failed" or "left"."""

    file: str
    state: State
    reason: str


class Mark(NamedTuple):
    """What was published after a batch; `fates` are those of documents that were not written."""

    time: str
    counts: Mapping[str, int]
    fates: Mapping[Place, Fate]
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class Run:
    """A planned migration with all that is needed to make it, to go on with it, and to take it back.

    Attributes
    ----------
    home : Home
        Where its files are.
    id : str
        Sorts by the time at which it was planned.
    created : str
        That time, ISO 8601, UTC.
    header : dict
        What the caller wants to keep: `paths`, options, versions.
    units, documents : int
        What is to be changed.
    unchanged, blocked : int
        Units that came without changes, and those that something stands against.
    batches : tuple of BatchInfo
    late : int
        Number of the first batch that is written after all before it; 0 for none.
    """

    home: Home
    id: str
    created: str
    header: Mapping[str, Any]
    units: int
    documents: int
    unchanged: int
    blocked: int
    batches: tuple[BatchInfo, ...]
    late: int = 0

    @classmethod
    def create(
        cls, units: Iterable[Unit], header: Mapping[str, Any], state_dir: str | os.PathLike[str] | None = None
    ) -> Run:
        """Write down a whole plan, unit by unit, and return the run. No document is touched.

        Relative paths are taken from the current folder. Raises `MigrationError` where a unit names a file that is no
        metadata document, or two name the same one, and `StoreError` where the state directory cannot be written.
        """
        paths = header.get("paths", ())
        with ExitStack() as stack:
            home = new_home(stack, state_dir, paths if isinstance(paths, list | tuple) else ())
            try:
                return _write_plan(cls(home, home.name, _now(), dict(header), 0, 0, 0, 0, ()), units)
            except BaseException:
                with suppress(ZmetaError):
                    if not home.has("plan.json"):
                        home.discard()
                raise

    @classmethod
    def open(cls, run_id: str, state_dir: str | os.PathLike[str] | None = None) -> Run:
        """Return a run that was planned before. Raises `MigrationError` where there is none, or its plan is damaged."""
        home = home_of(run_id, state_dir)
        file, found = home.file("plan.json"), home.read("plan.json", MOST_BYTES)
        if found is None:
            what = "the run was never planned to its end; it changed nothing"
            raise MigrationError(what, where=home.where, hint="plan anew")
        plan = unseal(found[1], file, "zmeta_run")
        try:
            batches = tuple(_batch_info(row) for row in plan["batches"])
            units, documents, unchanged, blocked = (record.count(plan[key]) for key in _COUNTS)
            require(plan["id"] == run_id and isinstance(plan["header"], dict), "the plan of another run")
            require(sum(info.units for info in batches) == units, "the counts do not fit")
            require(sum(info.documents for info in batches) == documents, "the counts do not fit")
            return cls(
                home, run_id, record.text(plan["created"]), plan["header"], units, documents, unchanged, blocked, batches,
                record.count(plan["late"]),
            )  # fmt: skip
        except (KeyError, TypeError, ValueError) as error:
            raise damaged(file, str(error)) from None

    @property
    def paths(self) -> tuple[str, ...]:
        """What the plan was made for, as the header says."""
        paths = self.header.get("paths")
        return tuple(map(str, paths)) if isinstance(paths, list | tuple) else ()

    @property
    def numbers(self) -> range:
        """Numbers of the batches, from 1."""
        return range(1, len(self.batches) + 1)

    @property
    def folder(self) -> str:
        """The path or URL of its files."""
        return self.home.where

    def discard(self) -> None:
        """Forget a run that changed nothing, and never will."""
        self.home.discard()

    def lock(self) -> AbstractContextManager[None]:
        """Keep other processes off the run; it ends with the process. Raises `MigrationError`."""
        return self.home.lock()

    def in_use(self) -> bool:
        """Whether a process works on the run."""
        return bool(self.home.holder())

    def file(self, number: int, kind: str) -> str:
        """Return the path or URL of a file of a batch."""
        return self.home.file(_name(number, kind))

    def has(self, number: int, kind: str) -> bool:
        """Whether a batch has a file of this kind."""
        return self.home.has(_name(number, kind))

    def begun(self, number: int) -> bool:
        """Whether documents of a batch may have been changed."""
        return self.has(number, "begun") or self.has(number, "done")

    @property
    def taken_back(self) -> bool:
        """Whether a rollback has begun."""
        return self.home.has("rollback")

    def verify(self, number: int) -> None:
        """Compare the checksums of a batch. Raises `MigrationError`."""
        record.verify_batch(self.home, _name(number, "batch"), self.batches[number - 1])

    def read(self, number: int) -> list[Unit]:
        """Read a batch. Raises `MigrationError`."""
        return record.read_batch_file(self.home, _name(number, "batch"), self.batches[number - 1])

    def index(self, number: int) -> list[record.IndexUnit]:
        """Read what a batch changes, without the documents. Raises `MigrationError`."""
        return record.read_index(self.home, _name(number, "batch"), self.batches[number - 1])

    def publish(self, name: str) -> None:
        """Publish an empty file."""
        if not self.home.has(name):
            self.home.publish(name)

    def publish_mark(self, number: int, kind: MarkKind, units: Sequence[Unit], fates: Mapping[Place, Fate]) -> None:
        """Publish what became of the documents of a batch."""
        counts = Counter(fate.state for fate in fates.values())
        problems = [
            [unit, place, fate.state, fate.reason, units[unit].changes[place].file]
            for (unit, place), fate in sorted(fates.items())
            if fate.state not in ("written", "already")
        ]
        mark = {"zmeta_mark": 1, "kind": kind, "run": self.id, "batch": number, "time": _now(), "counts": counts}
        self.home.publish(_name(number, kind), seal({**mark, "problems": problems}))

    def forget_mark(self, number: int, kind: MarkKind) -> None:
        """Remove a mark before what it speaks of is done again."""
        self.home.remove(_name(number, kind))

    def mark(self, number: int, kind: MarkKind) -> Mark | None:
        """Return what became of a batch, None where it is not done. Raises `MigrationError` where the mark is damaged."""
        file, found = self.file(number, kind), self.home.read(_name(number, kind), MOST_BYTES)
        if found is None:
            return None
        raw = unseal(found[1], file, "zmeta_mark")
        try:
            require((raw["kind"], raw["run"], raw["batch"]) == (kind, self.id, number), "the mark of another batch")
            counts: dict[str, int] = {state: record.count(raw["counts"].get(state, 0)) for state in _STATES}
            fates: dict[Place, Fate] = {}
            problems = []
            for unit, place, state, reason, name in raw["problems"]:
                require(state in _STATES, f"an unknown state: {state!r:.50}")
                fates[record.count(unit), record.count(place)] = Fate(state, record.text(reason))
                problems.append(Problem(record.text(name), state, record.text(reason)))
            return Mark(record.text(raw["time"]), counts, fates, tuple(problems))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise damaged(file, str(error)) from None

    def problems(self, kind: MarkKind = "done") -> Iterator[Problem]:
        """Yield what was not written by the run, or (`undone`) not put back."""
        for number in self.numbers:
            mark = self.mark(number, kind)
            yield from mark.problems if mark is not None else ()


# --- making one -----------------------------------------------------------------------------------------------------------


def _write_plan(run: Run, units: Iterable[Unit]) -> Run:
    counts: Counter[str] = Counter()
    batches: list[BatchInfo] = []
    late = 0
    with Spool() as spool, ExitStack() as stack:
        changed = stack.enter_context(closing(_changed(units, counts, run.home.where)))
        for units_ in (spool.passing(changed, lambda unit: unit.last), spool):
            for batch in _gather(units_):
                batches.append(record.write_batch_file(run.home, _name(len(batches) + 1, "batch"), batch))
                late = late or (len(batches) if batch[0].last else 0)
    run = replace(
        run,
        units=sum(info.units for info in batches),
        documents=sum(info.documents for info in batches),
        unchanged=counts["unchanged"],
        blocked=counts["blocked"],
        batches=tuple(batches),
        late=late,
    )
    fields = ("id", "created", "header", *_COUNTS, "batches", "late")
    run.home.publish("plan.json", seal({"zmeta_run": 1, **{name: getattr(run, name) for name in fields}}))
    return run


def _changed(units: Iterable[Unit], counts: Counter[str], where: str) -> Generator[Unit]:
    """Yield the units that change something, with absolute paths; a file that two of them change is refused."""
    seen: set[int] = set()  # hashes: 100 000 paths would take 20 MB
    for unit in units:
        if unit.blocked:
            counts["blocked"] += 1
            continue
        changes = tuple(_recorded(change, where) for change in unit.changes if change.old != change.new)
        if not changes:
            counts["unchanged"] += 1
            continue
        for change in changes:
            key = hash(change.file)
            if key in seen:
                raise MigrationError("two changes of the plan are for one document", where=change.file, hint="make them one")
            seen.add(key)
        yield unit._replace(path=absolute(unit.path), changes=changes, findings=())


def _recorded(change: Change, where: str) -> Change:
    file, mode = absolute(change.file), None
    check_file(file, where)
    if is_zip(file):
        raise MigrationError("a file in a zip archive cannot be changed", where=file, hint="unpack the archive")
    if change.new is None and not is_url(file) and os.path.exists(file):
        mode = os.stat(file).st_mode & 0o7777
    return change._replace(file=file, mode=mode)


def _gather(units: Iterable[Unit]) -> Iterator[list[Unit]]:
    """Put units together until there are enough documents, or bytes."""
    batch: list[Unit] = []
    documents = size = 0
    for unit in units:
        weight = sum(len(raw or b"") for change in unit.changes for raw in (change.old, change.new))
        if weight > record.MOST_BYTES // 2:
            raise MigrationError("the documents of one unit are too large", where=unit.path, found=f"{weight} bytes")
        if batch and (documents + len(unit.changes) > BATCH_DOCUMENTS or size + weight > BATCH_BYTES):
            yield batch
            batch, documents, size = [], 0, 0
        batch.append(unit)
        documents, size = documents + len(unit.changes), size + weight
    if batch:
        yield batch


def _batch_info(row: Sequence[Any]) -> BatchInfo:
    units, documents, below, *sections = row
    contents, body = (Section(record.count(size), record.count(raw), record.text(digest)) for size, raw, digest in sections)
    if max(contents.unfolded, body.unfolded) > record.MOST_BYTES:
        raise ValueError("a batch is too large")
    return BatchInfo(record.count(units), record.count(documents), record.text(below), contents, body)


def _name(number: int, kind: str) -> str:
    return f"{number:06}.{kind}"


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
