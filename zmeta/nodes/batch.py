"""Replacing the documents of many units at once, each unit whole or not at all; a migration writes through here.

Compare all → temporary files → sync → unit by unit: lock, claim where locks are not enough, compare again, rename in the
order given → sync → what is removed at the end of a unit → sync. The sync is one for all where the file system can do that.
A tag keeps the temporary files apart from those of other writers, for no lock is held between writing and renaming them.
"""

from __future__ import annotations

import os
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, TypeAlias

from zmeta.errors import ConflictError, DocumentError, StoreError
from zmeta.nodes.claims import Claims, tidy
from zmeta.nodes.fate import ALREADY, WRITTEN, Fate, conflict_of
from zmeta.nodes.write import LOCK_SECONDS, limits_of, locked, put, put_back, resolve, temporary_name, write_beside
from zmeta.stores.local import read_file
from zmeta.stores.paths import is_url
from zmeta.stores.settle import ask
from zmeta.stores.sync import Flush

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from zmeta.nodes.write import Change

#: The only files that a batch writes.
DOCUMENTS = frozenset({"zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata", "attributes.json"})

#: Documents that must be there as planned before a unit is written: paths, with the SHA-256 of their bytes.
Needs: TypeAlias = "Sequence[tuple[str, str]]"


def write_batch(
    units: Sequence[Sequence[Change]], tag: str, *, needs: Sequence[Needs] = (), resumed: bool = False
) -> list[list[Fate]]:
    """Make the changes of all units and return the fate of every document.

    A document that is as it shall be is done already; one that is not what was read is a conflict. A unit with a conflict,
    or that the system refuses, stays as it was; so does one that misses what it `needs`. `resumed`: a writer of the same tag
    may have been killed here; what it left is taken away, and a unit that it wrote a part of is written as far as it goes.
    Raises `StoreError` where the disk does not take what was written; call it again then.
    """
    rows: list[tuple[Sequence[Change], Needs]] = list(zip(units, needs or [()] * len(units), strict=True))
    away = [any(is_url(change.file) for change in unit) for unit, _ in rows]
    if not any(away):
        return _write_local(rows, tag, resumed=resumed)
    from zmeta.nodes.swap_batch import write_units

    there = [row for row, is_away in zip(rows, away, strict=True) if is_away]
    here = [row for row, is_away in zip(rows, away, strict=True) if not is_away]
    results = {
        True: iter(write_units(there, resumed=resumed)),
        False: iter(_write_local(here, tag, resumed=resumed) if here else ()),
    }
    return [next(results[is_away]) for is_away in away]


def _write_local(rows: Sequence[tuple[Sequence[Change], Needs]], tag: str, *, resumed: bool) -> list[list[Fate]]:
    flush = Flush()
    follow = _Follow()
    works = [_Work([resolve(change, follow) for change in unit], tag, flush, mine, resumed=resumed) for unit, mine in rows]
    try:
        for work in works:
            work.compare()
            work.prepare()
        flush.files()
        for work in works:
            work.place(work.first)
        if any(work.pending(work.last) for work in works):
            flush.folders({folder for work in works for folder in work.touched})
            for work in works:
                work.place(work.last)
        flush.folders({folder for work in works for folder in work.touched})
    finally:
        for work in works:
            work.clear()
    return [work.result() for work in works]


class _Work:
    """One unit on its way. `first` are the indices of what is written first, `last` those of what is removed at the end."""

    def __init__(self, unit: Sequence[Change], tag: str, flush: Flush, needs: Needs, *, resumed: bool) -> None:
        self._tag = tag
        self._needs = needs
        self._resumed = resumed
        self._flush = flush
        self._changes = unit
        self._fates: list[Fate | None] = [None] * len(unit)
        self._temporary: dict[int, str] = {}
        self._placed: list[int] = []
        self._undone: list[Change] = []
        kept = max((index + 1 for index, change in enumerate(unit) if change.new is not None), default=0)
        self.first, self.last = range(kept), range(kept, len(unit))

    @property
    def touched(self) -> frozenset[str]:
        """Folders with names that have to reach the disk, those of a run that was killed included."""
        done = (change for change, fate in zip(self._changes, self._fates, strict=True) if fate in (WRITTEN, ALREADY))
        return _folders((*done, *self._undone))

    def pending(self, indices: Iterable[int]) -> list[int]:
        """Return those that are still to be written."""
        return [index for index in indices if self._fates[index] is None]

    def result(self) -> list[Fate]:
        """Return the fates; all are known at the end."""
        return [fate or Fate("left") for fate in self._fates]

    def compare(self) -> None:
        """Find out what is done already and what is not as it was read."""
        for index, change in enumerate(self._changes):
            self._fates[index] = _judge(change)
        self._settle()
        self._ask()

    def _ask(self) -> None:
        """Leave all that is pending alone where something that is needed is not there."""
        missing = next((file for file, digest in self._needs if _digest(file) != digest), None)
        if missing is not None and self.pending(range(len(self._fates))):
            reason = f"{missing} is not as planned"
            self._fates = [fate or Fate("conflict", reason) for fate in self._fates]

    def prepare(self) -> None:
        """Write the temporary files; their sync is left to the end where the file system can do all at once."""
        try:
            for index in self.pending(self.first):
                change = self._changes[index]
                if change.new is not None:
                    sync = not self._flush.defers(os.path.dirname(change.file))
                    self._temporary[index] = write_beside(change.file, change.new, self._tag, mode=change.mode, sync=sync)
        except StoreError as error:
            self._fail(index, error)

    def place(self, indices: range) -> None:
        """Let documents become what they shall be, one after the other, if all that is pending is still what was read."""
        index = next(iter(self.pending(indices)), None)
        if index is None:
            return
        ask()
        try:
            with locked(_folders(self._changes[index] for index in self.pending(range(len(self._changes))))) as claims:
                try:
                    self._place(indices, claims)
                except (StoreError, ConflictError) as error:
                    self._fail(next(iter(self.pending(indices)), index), error, claims)
        except (StoreError, ConflictError) as error:
            self._fail(index, error)

    def _place(self, indices: range, claims: Claims) -> None:
        for index in sorted(self.pending(indices), key=lambda index: self._changes[index].file):
            claims.take(self._changes[index].file, self._changes[index].old, self._temporary.get(index))
        for index in self.pending(range(len(self._changes))):
            self._fates[index] = _judge(self._changes[index])
        self._settle(claims)
        self._ask()
        for index in self.pending(indices):
            put(self._changes[index], self._temporary.get(index), claims)
            self._temporary.pop(index, None)
            self._placed.append(index)
            self._fates[index] = WRITTEN

    def _fail(self, index: int, error: StoreError | ConflictError, claims: Claims | None = None) -> None:
        self._fates[index] = Fate("failed", f"{error.what}{error.found and ': ' + error.found}")
        self._settle(claims)

    def _settle(self, claims: Claims | None = None) -> None:
        """Leave all of the unit alone after a problem, and put back what was written, unless a part was written before."""
        problems = [i for i, fate in enumerate(self._fates) if fate is not None and fate.state in ("conflict", "failed")]
        if not problems:
            return
        left = Fate("left", f"left as it is because of {self._changes[problems[0]].file}")
        if self._resumed and ALREADY in self._fates:  # a killed writer got so far; nothing is removed any more
            for index in self.pending(self.last):
                self._fates[index] = left
            return
        for index in reversed(self._placed):
            change = self._changes[index]
            self._undone.append(change)
            with suppress(StoreError, DocumentError, ConflictError):
                if put_back(change, claims or Claims(LOCK_SECONDS), self._tag):
                    self._fates[index] = left
        self._placed.clear()
        self._fates = [left if fate in (None, ALREADY) else fate for fate in self._fates]

    def clear(self) -> None:
        """Remove the temporary files that became no documents, those of a killed run included."""
        left = {temporary_name(change.file, self._tag) for change in self._changes} if self._resumed else set()
        for name in left.union(self._temporary.values()):
            with suppress(OSError):
                os.unlink(name)
        for folder in _folders(self._changes) if self._resumed else ():
            tidy(folder)


class _Follow:
    """`os.path.realpath` for the documents of a batch, which have most of their folders in common."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def __call__(self, file: str) -> str:
        folder, name = os.path.split(file)
        inside, last = os.path.split(folder)
        if inside not in self._known:
            self._known[inside] = os.path.realpath(inside)
        return _step(_step(self._known[inside], last), name)


def _step(folder: str, name: str) -> str:
    path = os.path.join(folder, name)
    return os.path.realpath(path) if os.path.islink(path) else path


def _folders(changes: Iterable[Change]) -> frozenset[str]:
    return frozenset(os.path.dirname(change.file) for change in changes)


def _judge(change: Change) -> Fate | None:
    """Compare a document with what was read and what it shall be; None where it can be written."""
    if os.path.basename(change.file) not in DOCUMENTS:
        return Fate("failed", f"the link leads to {change.file}, which is no metadata document")
    try:
        found = read_file(change.file, limits_of(change))
    except StoreError as error:
        return Fate("failed", f"{error.what}: {error.found}")
    except DocumentError as error:
        return Fate("conflict", error.what)
    if found == change.new:
        return ALREADY
    if found == change.old:
        writable = found is None or os.access(change.file, os.W_OK)
        return None if writable else Fate("failed", "the document is read-only")
    return conflict_of(change.old, found)


def _digest(file: str) -> str:
    try:
        return sha256(read_file(file) or b"").hexdigest()
    except (StoreError, DocumentError):
        return ""
