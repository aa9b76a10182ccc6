"""Replacing the documents of many units on object stores, each unit whole or not at all: `nodes/batch.py` for URLs.

Compare all documents of a unit → replace each on its condition, in the order given → put back where one has changed. Units
that need nothing of others are written at the same time.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from hashlib import sha256
from typing import TYPE_CHECKING

from zmeta.errors import DocumentError, StoreError, ZmetaError
from zmeta.nodes import swap
from zmeta.nodes.fate import ALREADY, WRITTEN, Fate, conflict_of
from zmeta.nodes.write import limits_of
from zmeta.stores import remote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zmeta.nodes.batch import Needs
    from zmeta.nodes.write import Change

#: Units that are written at the same time.
_AT_ONCE = 16


def write_units(rows: Sequence[tuple[Sequence[Change], Needs]], *, resumed: bool) -> list[list[Fate]]:
    """Make the changes of units, each with what it needs, and return all fates; see `batch.write_batch`."""
    results: dict[int, list[Fate]] = {}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        free = [(index, unit) for index, (unit, needs) in enumerate(rows) if not needs]
        waiting = [(index, pool.submit(copy_context().run, _write_unit, unit, (), resumed)) for index, unit in free]
        results.update((index, future.result()) for index, future in waiting)
    for index, (unit, needs) in enumerate(rows):
        if index not in results:
            results[index] = _write_unit(unit, needs, resumed)
    return [results[index] for index in range(len(rows))]


def _write_unit(unit: Sequence[Change], needs: Needs, resumed: bool) -> list[Fate]:
    fates = [_judge(change) for change in unit]
    if None in fates:
        missing = next((file for file, digest in needs if _digest(file) != digest), None)
        if missing is not None:
            fates = [fate or Fate("conflict", f"{missing} is not as planned") for fate in fates]
    done: dict[str, swap.Done] = {}
    _settle(unit, fates, done, resumed=resumed)
    for index, change in enumerate(unit):
        if fates[index] is None:
            try:
                conflict = swap.swap(change, done)
                fates[index] = WRITTEN if conflict is None else conflict_of(change.old, conflict.theirs)
            except ZmetaError as error:
                fates[index] = Fate("failed", f"{error.what}{error.found and ': ' + error.found}")
            _settle(unit, fates, done, resumed=resumed)
    return [fate or Fate("left") for fate in fates]


def _settle(unit: Sequence[Change], fates: list[Fate | None], done: dict[str, swap.Done], *, resumed: bool) -> None:
    """Leave all of the unit alone after a problem, and put back what was written, unless a part was written before."""
    problems = [index for index, fate in enumerate(fates) if fate is not None and fate.state in ("conflict", "failed")]
    if not problems:
        return
    left = Fate("left", f"left as it is because of {unit[problems[0]].file}")
    if resumed and ALREADY in fates:  # a killed writer got so far; nothing is removed any more
        fates[:] = [left if fate is None and change.new is None else fate for fate, change in zip(fates, unit, strict=True)]
        return
    swap.restore(done)
    done.clear()
    fates[:] = [left if fate in (None, ALREADY, WRITTEN) else fate for fate in fates]


def _judge(change: Change) -> Fate | None:
    """Compare a document with what was read and what it shall be; None where it can be written."""
    limits = limits_of(change)
    try:
        content = remote.read_content(change.file, limits)
    except StoreError as error:
        return Fate("failed", f"{error.what}: {error.found}")
    except DocumentError as error:
        return Fate("conflict", error.what)
    found = None if content is None else content.raw
    if found == change.new:
        return ALREADY
    return None if found == change.old else conflict_of(change.old, found)


def _digest(file: str) -> str:
    try:
        content = remote.read_content(file)
    except (StoreError, DocumentError):
        return ""
    return sha256(b"" if content is None else content.raw).hexdigest()
