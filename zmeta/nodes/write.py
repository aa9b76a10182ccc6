"""Replacing documents: readers see the old or the new one, no update of another writer is lost, refusals change nothing.

Lock the folders → compare with what was read → temporary files → fsync → compare again → rename → fsync the folders. The
lock is an advisory one on the folder itself: it leaves no file behind and dies with its process. The temporary file has one
fixed name per document, so what a killed writer left is overwritten by the next.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from zmeta.errors import ConflictError, StoreError, ZmetaError
from zmeta.stores.local import failed, read_file
from zmeta.stores.paths import is_url

locks: Any
try:
    locks = import_module("fcntl")
except ImportError:  # a system without POSIX locks: the comparison before the rename is what is left
    locks = None

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_Result = TypeVar("_Result")

#: How often an update is computed anew after somebody else changed the document meanwhile.
ATTEMPTS = 20
_NO_LOCKS = "two writers at the same moment may lose a change"
#: Seconds to wait for another writer's lock.
LOCK_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Change:
    """The replacement of one document: its bytes as they were read (None: it is not there) and as they shall be.

    `copy` where it is only a copy of what other documents say.
    """

    file: str
    old: bytes | None
    new: bytes
    copy: bool = False


#: Told of a consolidated copy that could not be brought up to date, and why.
Stale = Callable[["Change", ZmetaError], None]


def update(compute: Callable[[], tuple[Sequence[Change], _Result]], stale: Stale | None = None) -> _Result:
    """Compute changes from a fresh reading and write them, again from the start where a document changed meanwhile.

    From the second time on the locks are held while `compute` runs, so that a busy writer cannot starve the others. Raises
    `ConflictError` when documents change `ATTEMPTS` times all the same, and whatever `compute` raises. On an object store
    a consolidated copy that cannot be replaced does not undo the edit: `stale` is told.
    """
    from zmeta.stores.remote import reading_anew

    with reading_anew():
        return _update(compute, stale)


def _update(compute: Callable[[], tuple[Sequence[Change], _Result]], stale: Stale | None) -> _Result:
    held: frozenset[str] = frozenset()
    for attempt in range(ATTEMPTS):
        with _locked(held):
            changes, result = compute()
            if changes and is_url(changes[0].file):
                from zmeta.nodes import swap

                return swap.update(compute, changes, result, stale)
            folders = _folders(changes)
            if not changes or (folders <= held and _replace_all(changes)) or (not held and write(changes)):
                return result
        held = folders
        time.sleep(0.001 * 2 ** min(attempt, 6))
    error = ConflictError(
        "the document was changed by others at every attempt to write it", where=changes[0].file, hint="try again later"
    )
    error.mine, error.theirs = changes[0].new, read_file(changes[0].file)
    raise error


def write(changes: Sequence[Change]) -> bool:
    """Replace all documents, or none: False where one is not what was read. Raises `StoreError`."""
    if changes and is_url(changes[0].file):
        from zmeta.nodes import swap

        return swap.write(changes)
    with _locked(_folders(changes)):
        return _replace_all(changes)


def _folders(changes: Iterable[Change]) -> frozenset[str]:
    return frozenset(os.path.dirname(os.path.realpath(change.file)) for change in changes)


def _replace_all(changes: Sequence[Change]) -> bool:
    """Do what `write` says, under locks that are held already."""
    changes = [Change(os.path.realpath(change.file), change.old, change.new) for change in changes]
    if not _unchanged(changes):
        return False
    temporary: list[str] = []
    replaced: list[Change] = []
    try:
        for change in changes:
            temporary.append(_write_beside(change.file, change.new))
        if not _unchanged(changes):
            return False
        for change, name in zip(changes, temporary, strict=True):
            _replace(name, change.file)
            replaced.append(change)
    except BaseException:
        _restore(replaced)
        raise
    finally:
        for name in temporary:
            with suppress(OSError):
                os.unlink(name)
    for folder in _folders(changes):
        sync_folder(folder)
    return True


def _unchanged(changes: Iterable[Change]) -> bool:
    return all(read_file(change.file) == change.old for change in changes)


def _temporary_name(file: str) -> str:
    return os.path.join(os.path.dirname(file), f".{os.path.basename(file).lstrip('.')}.zmeta-tmp")


def _write_beside(file: str, data: bytes) -> str:
    name = _temporary_name(file)
    try:
        mode = os.stat(file).st_mode & 0o7777 if os.path.exists(file) else None
        with suppress(FileNotFoundError):
            os.unlink(name)
        handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o666)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(handle, view) :]
            if mode is not None and hasattr(os, "fchmod"):
                os.fchmod(handle, mode)
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        with suppress(OSError):
            os.unlink(name)
        raise failed("write", name, error) from None
    return name


def _replace(name: str, file: str) -> None:
    try:
        os.replace(name, file)
    except OSError as error:
        raise failed("replace", file, error) from None


def _restore(replaced: Sequence[Change]) -> None:
    """Put documents back that were replaced before another one failed."""
    for change in reversed(replaced):
        with suppress(OSError, StoreError):
            if change.old is None:
                os.unlink(change.file)
            else:
                os.replace(_write_beside(change.file, change.old), change.file)


def sync_folder(folder: str) -> None:
    """Make renames in a folder survive a power cut, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def _locked(folders: Iterable[str]) -> Iterator[None]:
    """Hold the locks of folders, taken in one order by everybody so that two writers cannot wait for each other."""
    if locks is None:
        yield
        return
    with ExitStack() as stack:
        for folder in sorted(folders):
            try:
                handle = os.open(folder, os.O_RDONLY)
            except OSError as error:
                raise failed("open", folder, error) from None
            stack.callback(os.close, handle)
            _lock(handle, folder)
        yield


def _lock(handle: int, folder: str) -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            locks.flock(handle, locks.LOCK_EX | locks.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise ConflictError(
                    f"another writer held the folder for {LOCK_SECONDS:g} seconds", where=folder, hint="try again later"
                ) from None
            time.sleep(0.005)
        except OSError as error:  # the comparison before the rename is what is left
            warnings.warn(f"the file system has no locks ({error.strerror}): {folder}; {_NO_LOCKS}", stacklevel=2)
            return
        else:
            return
