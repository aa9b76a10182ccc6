"""A run: all units of a plan in a folder of the state directory, before a document changes; then marks of what is done.

::

    20261124-131822-a1b2c3/
        000001.batch    about 1000 documents, their bytes before and after; a unit is never split
        plan.json       published last: without it, the run never began
        000001.begun    documents of the batch may have been changed
        000001.done     they were: counts, and what was not written with the reason
        rollback        the run is being taken back, or was
        000001.undone   the documents of the batch are as they were before
        lock            held while a process works on the run

Nothing else is kept: what state a run is in follows from the files.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import sys
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from zmeta.errors import MigrationError, StoreError
from zmeta.migration import record
from zmeta.migration.record import BatchInfo, Section, check_file, damaged, publish, require, seal, unseal
from zmeta.migration.spool import Spool
from zmeta.nodes.fate import Fate, State
from zmeta.nodes.node import absolute
from zmeta.stores.local import failed
from zmeta.stores.paths import is_url
from zmeta.stores.registry import is_zip
from zmeta.stores.sync import sync_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from zmeta.migration.unit import Unit
    from zmeta.nodes.write import Change

#: A batch ends after so many documents, or so many bytes.
BATCH_DOCUMENTS = 1000
BATCH_BYTES = 1 << 24
#: How long a lock is tried: whoever asks for the status of a run holds it for a moment.
LOCK_SECONDS = 0.5
_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}")
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
    folder : str
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

    folder: str
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
        runs = os.path.join(state_folder(state_dir, paths if isinstance(paths, list | tuple) else ()), "runs")
        folder = _make_folder(runs)
        name = os.path.basename(folder)
        try:
            with _locked(folder):
                run = _write_plan(cls(folder, name, _now(), dict(header), 0, 0, 0, 0, ()), units)
            for above in (runs, os.path.dirname(runs), os.path.dirname(os.path.dirname(runs))):  # which may be new, too
                sync_names(above)
        except BaseException:
            if not os.path.exists(os.path.join(folder, "plan.json")):
                shutil.rmtree(folder, ignore_errors=True)
            raise
        return run

    @classmethod
    def open(cls, run_id: str, state_dir: str | os.PathLike[str] | None = None) -> Run:
        """Return a run that was planned before. Raises `MigrationError` where there is none, or its plan is damaged."""
        runs = os.path.join(state_folder(state_dir), "runs")
        folder = os.path.join(runs, run_id)
        if not _ID.fullmatch(run_id) or not os.path.isdir(folder):
            raise MigrationError("there is no such run", where=runs, found=run_id, hint="`zmeta status` lists the runs")
        file = os.path.join(folder, "plan.json")
        if not os.path.exists(file):
            raise MigrationError("the run was never planned to its end; it changed nothing", where=folder, hint="plan anew")
        plan = unseal(file, "zmeta_run")
        try:
            batches = tuple(_batch_info(row) for row in plan["batches"])
            units, documents, unchanged, blocked = (record.count(plan[key]) for key in _COUNTS)
            require(plan["id"] == run_id and isinstance(plan["header"], dict), "the plan of another run")
            require(sum(info.units for info in batches) == units, "the counts do not fit")
            require(sum(info.documents for info in batches) == documents, "the counts do not fit")
            return cls(
                folder, run_id, record.text(plan["created"]), plan["header"], units, documents, unchanged, blocked, batches,
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

    def discard(self) -> None:
        """Forget a run that changed nothing, and never will."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def lock(self) -> Any:
        """Keep other processes off the run, as a context manager; it ends with the process. Raises `MigrationError`."""
        return _locked(self.folder)

    def in_use(self) -> bool:
        """Whether a process works on the run."""
        return is_locked(self.folder)

    def file(self, number: int, kind: str) -> str:
        """Return the path of a file of a batch."""
        return os.path.join(self.folder, f"{number:06}.{kind}")

    def has(self, number: int, kind: str) -> bool:
        """Whether a batch has a file of this kind."""
        return os.path.exists(self.file(number, kind))

    def begun(self, number: int) -> bool:
        """Whether documents of a batch may have been changed."""
        return self.has(number, "begun") or self.has(number, "done")

    @property
    def taken_back(self) -> bool:
        """Whether a rollback has begun."""
        return os.path.exists(os.path.join(self.folder, "rollback"))

    def verify(self, number: int) -> None:
        """Compare the checksums of a batch. Raises `MigrationError`."""
        record.verify_batch(self.file(number, "batch"), self.batches[number - 1])

    def read(self, number: int) -> list[Unit]:
        """Read a batch. Raises `MigrationError`."""
        return record.read_batch_file(self.file(number, "batch"), self.batches[number - 1])

    def index(self, number: int) -> list[record.IndexUnit]:
        """Read what a batch changes, without the documents. Raises `MigrationError`."""
        return record.read_index(self.file(number, "batch"), self.batches[number - 1])

    def publish(self, name: str) -> None:
        """Publish an empty file."""
        if not os.path.exists(os.path.join(self.folder, name)):
            publish(self.folder, name)

    def publish_mark(self, number: int, kind: MarkKind, units: Sequence[Unit], fates: Mapping[Place, Fate]) -> None:
        """Publish what became of the documents of a batch."""
        counts = Counter(fate.state for fate in fates.values())
        problems = [
            [unit, place, fate.state, fate.reason, units[unit].changes[place].file]
            for (unit, place), fate in sorted(fates.items())
            if fate.state not in ("written", "already")
        ]
        mark = {"zmeta_mark": 1, "kind": kind, "run": self.id, "batch": number, "time": _now(), "counts": counts}
        publish(self.folder, f"{number:06}.{kind}", seal({**mark, "problems": problems}))

    def mark(self, number: int, kind: MarkKind) -> Mark | None:
        """Return what became of a batch, None where it is not done. Raises `MigrationError` where the mark is damaged."""
        file = self.file(number, kind)
        if not os.path.exists(file):
            return None
        raw = unseal(file, "zmeta_mark")
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
    with Spool() as spool:
        changed = _changed(units, counts, run.folder)
        for units_ in (spool.passing(changed, lambda unit: unit.last), spool):
            for batch in _gather(units_):
                batches.append(record.write_batch_file(run.folder, f"{len(batches) + 1:06}.batch", batch))
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
    plan = seal({"zmeta_run": 1, **{name: getattr(run, name) for name in fields}})
    publish(run.folder, "plan.json", plan)
    return run


def _changed(units: Iterable[Unit], counts: Counter[str], where: str) -> Iterator[Unit]:
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
        yield replace(unit, path=absolute(unit.path), changes=changes, findings=())


def _recorded(change: Change, where: str) -> Change:
    file, mode = absolute(change.file), None
    check_file(file, where)
    if is_zip(file):
        raise MigrationError("a file in a zip archive cannot be changed", where=file, hint="unpack the archive")
    if change.new is None and not is_url(file) and os.path.exists(file):
        mode = os.stat(file).st_mode & 0o7777
    return replace(change, file=file, mode=mode)


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


# --- where they are -------------------------------------------------------------------------------------------------------


def state_folder(state_dir: str | os.PathLike[str] | None = None, paths: Iterable[object] = ()) -> str:
    """Return the state directory: as given, else `$ZMETA_STATE`, else the place that the system has for such files.

    Raises `MigrationError` where that place is inside what is to be migrated, and nobody asked for it.
    """
    chosen = os.fspath(state_dir) if state_dir is not None else os.environ.get("ZMETA_STATE", "")
    if chosen:
        return os.path.abspath(chosen)
    folder = _system_folder()
    for path in map(str, paths):
        if not is_url(path) and os.path.realpath(folder).startswith(os.path.join(os.path.realpath(path), "")):
            hint = "name another place with ZMETA_STATE, or this one if it is meant"
            raise MigrationError("the state directory is inside the tree that is to be migrated", where=folder, hint=hint)
    return folder


def _system_folder() -> str:
    home = os.path.expanduser("~")
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local")
    elif sys.platform == "darwin":
        base = os.path.join(home, "Library", "Application Support")
    else:
        base = os.environ.get("XDG_STATE_HOME", "")
        base = base if os.path.isabs(base) else os.path.join(home, ".local", "state")
    return os.path.join(base, "zmeta")


def run_folders(state_dir: str | os.PathLike[str] | None = None) -> list[str]:
    """Return the folders of all runs, oldest first, unfinished ones included."""
    runs = os.path.join(state_folder(state_dir), "runs")
    try:
        return sorted(entry.path for entry in os.scandir(runs) if _ID.fullmatch(entry.name) and entry.is_dir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise failed("list", runs, error) from None


def _make_folder(runs: str) -> str:
    """Make the folder of a new run, readable for its owner alone: it will hold copies of documents."""
    try:
        os.makedirs(runs, mode=0o700, exist_ok=True)
        for _ in range(100):
            now = datetime.now(UTC)  # to the microsecond, so that names sort by time: the newest run is the last one
            folder = os.path.join(runs, f"{now:%Y%m%d-%H%M%S}-{now.microsecond:05x}{secrets.randbelow(16):x}")
            try:
                os.mkdir(folder, 0o700)
            except FileExistsError:
                continue
            return folder
    except OSError as error:
        raise failed("write", runs, error) from None
    raise MigrationError("no name is free for a new run", where=runs)


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


# --- one process at a time ------------------------------------------------------------------------------------------------


def is_locked(folder: str) -> bool:
    """Whether a process works on the run in a folder."""
    try:
        with _locked(folder, 0):
            return False
    except MigrationError:
        return True
    except StoreError:  # of somebody else, who lets us read it only
        return False


@contextmanager
def _locked(folder: str, seconds: float | None = None) -> Iterator[None]:
    file = os.path.join(folder, "lock")
    try:
        handle = os.open(file, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    except OSError as error:
        raise failed("open", file, error) from None
    try:
        deadline = time.monotonic() + (LOCK_SECONDS if seconds is None else seconds)
        while not _try_lock(handle, file):
            if time.monotonic() >= deadline:
                raise MigrationError("another process works on this run", where=folder, hint="wait for it to end")
            time.sleep(0.02)
        yield
    finally:
        os.close(handle)


def _try_lock(handle: int, file: str) -> bool:
    """Take the lock of a file, which ends with the process; False where another one has it."""
    try:
        if sys.platform == "win32":
            windows = import_module("msvcrt")
            windows.locking(handle, windows.LK_NBLCK, 1)
        else:
            locks = import_module("fcntl")
            locks.flock(handle, locks.LOCK_EX | locks.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError as error:
        hint = "name a folder on a local disk with ZMETA_STATE"
        raise MigrationError("the state directory has no locks", where=file, found=str(error), hint=hint) from None
    return True
