"""Many units on an object store: each document replaced by compare-and-swap, each unit whole or not at all.

The rules are those of `batch`: what is as it shall be is done already, what is not as it was read is a conflict.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from hashlib import sha256
from typing import TYPE_CHECKING

from zmeta.errors import DocumentError, StoreError
from zmeta.nodes.fate import ALREADY, WRITTEN, Fate
from zmeta.nodes.swap import restore, swap
from zmeta.stores import remote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zmeta.nodes.batch import Needs
    from zmeta.nodes.swap import Done
    from zmeta.nodes.write import Change

#: Units in work at the same time: what takes time is waiting.
UNITS = 32


def write_remote(rows: Sequence[tuple[Sequence[Change], Needs]], *, resumed: bool) -> list[list[Fate]]:
    """Make the changes of units, each with what it needs, and return the fate of every document; see `write_batch`."""
    with ThreadPoolExecutor(min(UNITS, len(rows))) as pool:
        tasks = [pool.submit(copy_context().run, _write_unit, unit, needs, resumed) for unit, needs in rows]
        return [task.result() for task in tasks]


def _write_unit(unit: Sequence[Change], needs: Needs, resumed: bool) -> list[Fate]:
    fates: list[Fate | None] = [_judge(change) for change in unit]
    missing = next((file for file, digest in needs if _digest(file) != digest), None)
    if missing is not None:
        return [fate or Fate("conflict", f"{missing} is not as planned") for fate in fates]
    if _stops(fates, resumed=resumed):
        return _left(unit, fates)
    done: dict[str, Done] = {}
    for index, change in enumerate(unit):
        if fates[index] is None:
            fates[index] = _swap(change, done)
            if _stops(fates, resumed=resumed):
                restore(done)
                written = {index for index, change in enumerate(unit) if change.file in done}
                return _left(unit, [None if index in written else fate for index, fate in enumerate(fates)])
    return [fate or WRITTEN for fate in fates]


def _stops(fates: Sequence[Fate | None], *, resumed: bool) -> bool:
    """Whether a problem leaves all of a unit alone: not where a run that was killed has written a part of it."""
    problem = any(fate is not None and fate.state in ("conflict", "failed") for fate in fates)
    return problem and not (resumed and ALREADY in fates)


def _left(unit: Sequence[Change], fates: Sequence[Fate | None]) -> list[Fate]:
    rows = zip(unit, fates, strict=True)
    cause = next(change.file for change, fate in rows if fate is not None and fate.state in ("conflict", "failed"))
    return [fate or Fate("left", f"left as it is because of {cause}") for fate in fates]


def _judge(change: Change) -> Fate | None:
    """Compare a document with what was read and what it shall be; None where it can be written."""
    try:
        content = remote.read_content(change.file)
    except StoreError as error:
        return Fate("failed", f"{error.what}: {error.found}")
    except DocumentError as error:
        return Fate("conflict", error.what)
    raw = None if content is None else content.raw
    if raw == change.new:
        return ALREADY
    return None if raw == change.old else _conflict(raw)


def _conflict(raw: bytes | None) -> Fate:
    if raw is None:
        return Fate("conflict", "the document is not there any more")
    return Fate("conflict", f"somebody changed the document: sha256 {sha256(raw).hexdigest()[:12]} found")


def _swap(change: Change, done: dict[str, Done]) -> Fate:
    try:
        conflict = swap(change, done)
    except StoreError as error:
        return Fate("failed", f"{error.what}{error.found and ': ' + error.found}")
    return WRITTEN if conflict is None else _conflict(conflict.theirs)


def _digest(file: str) -> str:
    try:
        content = remote.read_content(file)
    except (StoreError, DocumentError):
        return ""
    return sha256(b"" if content is None else content.raw).hexdigest()
