"""Replacing documents: readers see the old or the new one, no update of another writer is lost, refusals change nothing.

Lock the folders → compare with what was read → temporary files → fsync → compare again → rename → fsync the folders. The
lock is an advisory one on the folder itself: it leaves no file behind and dies with its process. The temporary file has one
fixed name per document, so what a killed writer left is overwritten by the next. Where locks fail, or end at this machine,
the documents are claimed before they are compared again (`nodes/claims.py`). `nodes/batch.py` does the same for thousands
of documents at once.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from contextlib import ExitStack, closing, contextmanager, suppress
from importlib import import_module
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from zmeta.errors import ConflictError, StoreError, ZmetaError
from zmeta.jsondoc import LIMITS, Limits
from zmeta.nodes.claims import ClaimLostError, Claims, mode
from zmeta.stores.local import failed, read_file
from zmeta.stores.mounts import is_shared
from zmeta.stores.paths import is_url
from zmeta.stores.sync import sync_folder

locks: Any
try:
    locks = import_module("fcntl")
except ImportError:  # a system without POSIX locks: the comparison before the rename is what is left
    locks = None

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_Result = TypeVar("_Result")

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL
_FLAGS |= getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
#: How often an update is computed anew after somebody else changed the document meanwhile.
ATTEMPTS = 20
#: Seconds to wait for another writer's lock.
LOCK_SECONDS = 30.0


class Change(NamedTuple):
    """The replacement of one document: its bytes as they were read (None: absent) and as they shall be (None: removed).

    `copy` where it is only a copy of what other documents say. `mode` are the permissions of a document that is put back
    where there is none; else those of the old one are kept.
    """

    file: str
    old: bytes | None
    new: bytes | None
    mode: int | None = None
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
        with locked(held) as claims:
            changes, result = compute()
            if changes and is_url(changes[0].file):
                from zmeta.nodes import swap

                return swap.update(compute, changes, result, stale)
            folders = folders_of(changes)
            if not changes or (folders <= held and _replace_all(changes, claims)) or (not held and write(changes)):
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
    with locked(folders_of(changes)) as claims:
        return _replace_all(changes, claims)


def folders_of(changes: Iterable[Change]) -> frozenset[str]:
    """Return the folders that hold the documents, links followed."""
    return frozenset(os.path.dirname(os.path.realpath(change.file)) for change in changes)


def _replace_all(changes: Sequence[Change], claims: Claims) -> bool:
    """Do what `write` says, under locks that are held already."""
    changes = [resolve(change) for change in changes]
    if not _unchanged(changes):
        return False
    temporary: dict[str, str] = {}
    replaced: list[Change] = []
    try:
        for change in changes:
            if change.new is not None:
                name = claims.name(change.file)
                temporary[change.file] = write_beside(change.file, change.new, name=name, mode=change.mode)
        for change in sorted(changes, key=attrgetter("file")):
            claims.take(change.file, change.old, temporary.get(change.file))
        if not _unchanged(changes):
            return False
        for change in changes:
            put(change, temporary.get(change.file), claims)
            replaced.append(change)
    except BaseException as error:
        lost = isinstance(error, ClaimLostError) or (isinstance(error, StoreError) and claims.lost())
        for change in reversed(replaced):
            with suppress(OSError, ZmetaError):
                put_back(change, claims)
        if lost:
            return False
        raise
    finally:
        claims.drop()
        for name in temporary.values():
            with suppress(OSError):
                os.unlink(name)
    for folder in folders_of(changes):
        sync_folder(folder)
    return True


def resolve(change: Change, follow: Callable[[str], str] = os.path.realpath) -> Change:
    """Return a change of the file that links lead to; one that is to be removed with its mode, for it may be put back."""
    file, mode = follow(change.file), change.mode
    if change.new is None:
        with suppress(OSError):
            mode = os.stat(file).st_mode & 0o7777
    return change._replace(file=file, mode=mode)


def _unchanged(changes: Iterable[Change]) -> bool:
    return all(read_file(change.file) == change.old for change in changes)


def temporary_name(file: str, tag: str = "") -> str:
    """Return the hidden name beside a document under which the next one is written; a tag gives a writer its own."""
    return os.path.join(os.path.dirname(file), f".{os.path.basename(file).lstrip('.')}{tag and '.' + tag}.zmeta-tmp")


def write_beside(
    file: str, data: bytes, tag: str = "", *, name: str | None = None, mode: int | None = None, sync: bool = True
) -> str:
    """Write what shall become a document under its temporary name, and return that; mode and owner are those of the old one.

    `name` is another name for it. `mode` is for a document that is not there. Raises `StoreError`, and leaves nothing then.
    """
    name = name or temporary_name(file, tag)
    try:
        old = _status(file)
        try:
            handle = os.open(name, _FLAGS, 0o666)
        except FileExistsError:  # a killed writer left it
            os.unlink(name)
            handle = os.open(name, _FLAGS, 0o666)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(handle, view) :]
            if old is not None or mode is not None:
                _keep(handle, old, mode or 0)
            if sync:
                os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        with suppress(OSError):
            os.unlink(name)
        raise failed("write", name, error) from None
    return name


def _status(file: str) -> os.stat_result | None:
    try:
        return os.stat(file)
    except FileNotFoundError:
        return None


def _keep(handle: int, old: os.stat_result | None, mode: int) -> None:
    """Give a new file the owner of the old one, as far as the system lets us, and its mode."""
    if old is not None and hasattr(os, "fchown") and (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
        with suppress(OSError):
            os.fchown(handle, old.st_uid, old.st_gid)
    if hasattr(os, "fchmod"):
        os.fchmod(handle, mode if old is None else old.st_mode & 0o7777)


def put(change: Change, temporary: str | None, claims: Claims) -> None:
    """Let the temporary file become the document, or remove the document where there is none.

    Raises `StoreError`, and `ClaimLostError` where the document was claimed and another writer went on.
    """
    try:
        if claims.has(change.file):
            if temporary is None:
                claims.remove(change.file)
            else:
                claims.replace(change.file)
        elif temporary is None:
            os.unlink(change.file)
        else:
            os.replace(temporary, change.file)
    except OSError as error:
        raise failed("replace" if temporary else "remove", change.file, error) from None


def put_back(change: Change, claims: Claims, tag: str = "") -> bool:
    """Undo a change that was made before another one failed; False where somebody has changed the document since.

    Raises `StoreError` and `ConflictError`.
    """
    file, temporary = change.file, None
    claims.renew()
    try:
        if change.old is not None:
            name = None if tag else claims.name(file)
            temporary = write_beside(file, change.old, tag, name=name, mode=change.mode)
        claims.take(file, change.new, temporary)
        if read_file(file, limits_of(change)) != change.new:
            return False
        put(change, temporary, claims)
    finally:
        claims.drop([file])
        if temporary is not None:
            with suppress(OSError):
                os.unlink(temporary)
    return True


def limits_of(change: Change) -> Limits:
    """Return limits within which both states of a document are read."""
    return Limits(max(LIMITS.max_bytes, len(change.old or b""), len(change.new or b"")))


@contextmanager
def locked(folders: Iterable[str]) -> Iterator[Claims]:
    """Hold the locks of folders, taken in one order by everybody so that two writers cannot wait for each other.

    Where they do not reach every writer, the turn to write is held as well, and documents can be claimed.
    """
    with ExitStack() as stack, closing(Claims(LOCK_SECONDS)) as claims:
        for folder in sorted(folders):
            refused = _lock(folder, stack)
            if _needs_claims(folder, refused):
                able = claims.enter(folder)
                if refused or (not able and mode() == "claims"):
                    _warn(folder, refused, "are claimed by hard links instead" if able else "")
            elif refused:
                _warn(folder, refused, "")
        yield claims


def _needs_claims(folder: str, refused: str) -> bool:
    """Whether a lock, or its refusal, is not enough. A system that knows no such locks claims only where it is told to."""
    word = mode()
    return word == "claims" or (word == "auto" and locks is not None and (bool(refused) or is_shared(folder)))


def _warn(folder: str, refused: str, instead: str) -> None:
    what = f"no locks ({refused})" if refused else "no hard links"
    rest = f"documents {instead}" if instead else "two writers at the same moment may lose a change"
    warnings.warn(f"the file system has {what}: {folder}; {rest}", stacklevel=5)


def _lock(folder: str, stack: ExitStack) -> str:
    """Lock a folder, and return why that cannot be done: empty where it is locked, or where the system has no locks."""
    if locks is None:
        return ""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise failed("open", folder, error) from None
    stack.callback(os.close, handle)
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
        except OSError as error:
            return error.strerror or str(error)
        else:
            return ""
