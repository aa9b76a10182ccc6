"""Replacing documents of object stores: each by compare-and-swap, and from the start where another writer was faster.

Several documents cannot be replaced in one instant. What a node says comes first, consolidated copies last. Where a
document conflicts, all is computed anew from what is there then, which leaves what was written as it is. Where that
fails, what was written is put back, unless somebody has changed it since.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from zmeta.errors import ConflictError, ZmetaError
from zmeta.stores import remote
from zmeta.stores.settle import pause, raw_of, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from zmeta.nodes.write import Change, Stale

_Result = TypeVar("_Result")

#: How often an update is computed anew; with N writers about one attempt in N succeeds.
ATTEMPTS = 100


class Done(NamedTuple):
    """A document that was replaced: what stood there before, and what was written."""

    old: bytes | None
    new: bytes | None


class Conflict(NamedTuple):
    """A document that is not what was read: the change, and what stands there."""

    change: Change
    theirs: bytes | None


def update(
    compute: Callable[[], tuple[Sequence[Change], _Result]],
    changes: Sequence[Change],
    result: _Result,
    stale: Stale | None = None,
) -> _Result:
    """Write changes that were computed, and compute them anew as long as others are faster; see `write.update`."""
    done: dict[str, Done] = {}
    try:
        conflict = _swap_all(changes, done, stale)
        for attempt in range(ATTEMPTS):
            if conflict is None:
                return result
            pause(attempt)
            changes, result = compute()
            conflict = _swap_all(changes, done, stale)
        if conflict is not None:
            _give_up(conflict, stale)
        return result
    except BaseException:
        restore(done)
        raise


def write(changes: Sequence[Change]) -> bool:
    """Replace all documents, or none: False where one is not what was read."""
    if any(raw_of(remote.read_content(change.file)) != change.old for change in changes):
        return False
    done: dict[str, Done] = {}
    try:
        conflict = _swap_all(changes, done, None)
    except BaseException:
        restore(done)
        raise
    if conflict is not None:
        restore(done)
    return conflict is None


def _give_up(conflict: Conflict, stale: Stale | None) -> None:
    """Raise, unless only a consolidated copy is left: the edit itself stands."""
    what = "the document was changed by others at every attempt to write it"
    error = ConflictError(what, where=conflict.change.file, hint="try again later")
    error.mine, error.theirs = conflict.change.new, conflict.theirs
    if not conflict.change.copy or stale is None:
        raise error
    stale(conflict.change, error)


def _swap_all(changes: Sequence[Change], done: dict[str, Done], stale: Stale | None) -> Conflict | None:
    """Replace documents one after the other up to the first conflict; copies last."""
    for change in sorted(changes, key=lambda change: change.copy):
        try:
            conflict = swap(change, done)
        except ZmetaError as error:
            if not change.copy or stale is None:
                raise
            stale(change, error)
            continue
        if conflict is not None:
            return conflict
    return None


def swap(change: Change, done: dict[str, Done]) -> Conflict | None:
    """Replace one document if it is what was read. A lost answer is settled by reading back."""
    store, key = remote.store_of(change.file)
    known, there = remote.seen(change.file)
    if not known or raw_of(there) != change.old:
        there = remote.read_content(change.file)
    if raw_of(there) != change.old:
        return Conflict(change, raw_of(there))
    replaced, there = replace(store, key, there, change.new)
    if not replaced:
        return Conflict(change, raw_of(there))
    done[change.file] = Done(change.old, change.new)
    return None


def restore(done: dict[str, Done]) -> None:
    """Put documents back that were replaced before another one failed, unless somebody has changed them since."""
    for file, (old, new) in reversed(done.items()):
        with suppress(ZmetaError):
            store, key = remote.store_of(file)
            there = remote.read_content(file)
            if raw_of(there) == new != old:
                replace(store, key, there, old)
