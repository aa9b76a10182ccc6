"""Claims: one writer at a time where locks fail, or end at this machine, as on the file systems of servers.

In a hidden folder beside the documents, which goes when the last writer leaves:

    .zmeta-claims/
        HOST-PID-TOKEN-N      a file of one writer: what is to become a document, or empty
        zarr.json.DIGEST      a claim: a hard link to such a file. Who has it may replace the document of that digest
        turn                  a link as well: whose turn it is to read, merge and write, so that nobody starves

A file server makes a name for one of two writers only. Whoever has a claim reads the document once more: it must still be
the state that the claim names. A claim *is* the new document, and renaming it over the old one ends it in the same instant.
So a writer whose claim was taken away has nothing to rename, however late it wakes, and a claim never outlives its state.

Who finds a name taken waits. A holder whose process has died on this machine is turned out at once, any other one when its
claim has not moved for `SECONDS`, by the clock of the one who waits. Turning out is claimed as well, and takes away every
file of that writer. Nothing here depends on a turn but fairness.
"""

from __future__ import annotations

import errno
import os
import random
import re
import time
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from zmeta.errors import ConfigError, ConflictError, StoreError
from zmeta.stores.local import failed
from zmeta.stores.machine import has_ended, machine

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: How documents are locked: "auto" claims where locks fail or end at this machine, "claims" always, "system" never.
LOCKS = ("auto", "system", "claims")
FOLDER = ".zmeta-claims"
#: Seconds after which a claim that does not move is taken away from its holder.
SECONDS = 5.0
#: Seconds after which a file that a writer of another machine left is removed; none waits or writes for so long.
FORGOTTEN = 60.0
_TURN = "turn"
#: What systems answer that have no hard links.
_UNABLE = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EMLINK)
_STALE = getattr(errno, "ESTALE", -1)
#: What systems answer where a name leads to nothing; file servers also where it does not any more.
_GONE = (errno.ENOENT, _STALE)
_OWN = re.compile(r"(([0-9a-f]{12})-(\d+)-[0-9a-f]{12})-\d+")
_CLAIM = re.compile(r"(turn|.+\.([0-9a-f]{64}|absent))(\.end)*", re.DOTALL)
_NOWHERE = "0" * 12
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_RANDOM = random.SystemRandom()
#: Writers of this process that are at work.
_ACTIVE: set[str] = set()


_MODE: ContextVar[str] = ContextVar("how documents are locked", default="auto")


def mode() -> str:
    """Return how documents are locked: as `ZMETA_LOCKS` says, else as the settings that hold do. Raises `ConfigError`."""
    word = os.environ.get("ZMETA_LOCKS") or _MODE.get()
    if word not in LOCKS:
        raise ConfigError("`ZMETA_LOCKS` is wrong", expected=", ".join(LOCKS), found=repr(word)[:80])
    return word


@contextmanager
def locking(word: str) -> Iterator[None]:
    """Let a way of locking hold; "auto" leaves what holds already."""
    token = _MODE.set(word if word != "auto" else _MODE.get())
    try:
        yield
    finally:
        _MODE.reset(token)


class ClaimLostError(ConflictError):
    """Another writer took a claim away, as it had not moved for so long; nothing was replaced under it."""


class State(NamedTuple):
    """What tells one claim from the next one of the same name."""

    device: int
    inode: int
    modified: int
    changed: int

    @property
    def file(self) -> tuple[int, int]:
        """The file, whatever its names are."""
        return self.device, self.inode


class _Claim(NamedTuple):
    own: str
    name: str


class Claims:
    """What one writer has claimed, in those of its folders where it needs to; `close` gives all of it up."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._rooms: dict[str, _Room] = {}
        self._held: dict[str, _Claim] = {}
        self._beaten = time.monotonic()

    def enter(self, folder: str) -> bool:
        """Wait for the turn in a folder; False where the file system has no hard links to tell it by.

        Raises `StoreError`, and `ConflictError` after too long.
        """
        room = self._rooms[folder] = _Room(folder)
        try:
            room.open()
            turn = os.path.join(room.path, _TURN)
            able = self._take(room, room.own, turn) and _is(turn, room.own)
        except BaseException:
            self._rooms.pop(folder).leave()
            raise
        if not able:
            self._rooms.pop(folder).leave()
        return able

    def name(self, file: str) -> str | None:
        """Return where the next document is to be written; None where no claims are needed."""
        room = self._rooms.get(os.path.dirname(file))
        if room is None:
            return None
        self._beat()
        return room.name()

    def take(self, file: str, old: bytes | None, temporary: str | None) -> None:
        """Claim the state of a document, to be replaced by a file or to be removed. It must be compared after this.

        The file is ours from then on, and goes with the claim.
        Does nothing where no claims are needed. Raises `StoreError` and `ConflictError`.
        """
        folder, name = os.path.split(file)
        room = self._rooms.get(folder)
        if room is None:
            return
        own = temporary or room.own
        try:
            if os.path.dirname(own) != room.path:
                own = room.name()
                os.replace(temporary or "", own)
        except OSError as error:
            raise failed("claim", file, error) from None
        claim = _Claim(own, os.path.join(room.path, f"{name[:100]}.{digest_of(old)}"))
        self._held[file] = claim
        if not self._take(room, *claim):
            raise StoreError("the file system makes no hard link", where=claim.name)
        _look(folder)

    def has(self, file: str) -> bool:
        """Whether a document was claimed and not replaced yet."""
        return file in self._held

    def replace(self, file: str) -> None:
        """Let the claim become the document, and so end. Raises `ClaimLostError` and `OSError`."""
        claim = self._check(file)
        try:
            os.replace(claim.name, file)
        except OSError as error:
            if error.errno not in _GONE:
                raise
            if not _is(file, claim.own):  # else a file server did it, and its answer was lost
                raise _lost(file) from None
        del self._held[file]
        with suppress(OSError):
            os.unlink(claim.own)

    def remove(self, file: str) -> None:
        """Remove the document, and end the claim. Raises `ClaimLostError` and `OSError`."""
        claim = self._check(file)
        os.unlink(file)
        del self._held[file]
        _release(claim)

    def lost(self) -> bool:
        """Whether another writer took away what this one had in some folder."""
        return any(_state(room.own) is None for room in self._rooms.values())

    def renew(self) -> None:
        """Wait for the turn again where it was taken away. Raises as `enter` does."""
        for folder, room in list(self._rooms.items()):
            if _state(room.own) is None:
                self.drop([file for file in self._held if os.path.dirname(file) == folder])
                room.leave()
                self.enter(folder)

    def drop(self, files: Iterable[str] | None = None) -> None:
        """Give up the claims to some documents, or all, and remove what should have become of them."""
        for file in list(self._held) if files is None else files:
            claim = self._held.pop(file, None)
            if claim is None:
                continue
            if _release(claim) and claim.own != self._rooms[os.path.dirname(file)].own:
                with suppress(OSError):
                    os.unlink(claim.own)

    def close(self) -> None:
        """Give up all claims, and the turns."""
        with ExitStack() as stack:
            for room in self._rooms.values():
                stack.callback(room.leave)
            self.drop()

    def _check(self, file: str) -> _Claim:
        """Return the claim to a document, if it is held still: the last look before the document changes."""
        claim = self._held[file]
        self._beat()
        if not _is(claim.name, claim.own):
            raise _lost(file)
        return claim

    def _take(self, room: _Room, own: str, name: str) -> bool:
        """Wait until a name is ours; False where it can never be, for want of hard links."""
        deadline = time.monotonic() + self._patience
        watched: State | None = None
        since, polls = 0.0, 0
        while True:
            try:
                if _link(own, name):
                    return True
            except OSError as error:
                if error.errno in _UNABLE:
                    return False
                if error.errno in _GONE and _state(own) is None:
                    raise _lost(name) from None
                if error.errno != _STALE:
                    raise failed("claim", name, error) from None
            now, state = time.monotonic(), _state(name)
            if state is not None and state != watched:
                watched, since = state, now
            if state is not None and (now - since >= SECONDS or (polls % 10 == 0 and room.has_died(state))):
                self._turn_out(room, own, name, state)
            elif now > deadline:
                what = f"another writer held the folder for {self._patience:g} seconds"
                raise ConflictError(what, where=os.path.dirname(room.path), hint="try again later")
            else:
                self._beat()
                time.sleep(_RANDOM.uniform(0.002, 0.008))
            polls += 1

    def _turn_out(self, room: _Room, own: str, name: str, state: State) -> None:
        """Take away all files of the holder of a name; one writer at a time may do so."""
        right = _Claim(own, name + ".end")
        self._take(room, *right)
        try:
            if _state(name) == state:
                room.clear({state.file})
        finally:
            _release(right)

    def _beat(self) -> None:
        """Let others see that the turns are held by somebody alive. Raises `ClaimLostError` where one was taken away."""
        if time.monotonic() - self._beaten < SECONDS / 4:
            return
        self._beaten = time.monotonic()
        for folder, room in self._rooms.items():
            try:
                os.utime(room.own)
            except OSError:
                raise _lost(folder) from None


class _Room:
    """The hidden folder of claims beside some documents, as one writer uses it."""

    def __init__(self, folder: str) -> None:
        self.path = os.path.join(folder, FOLDER)
        self._folder = folder
        self._writer = f"{_host() or _NOWHERE}-{os.getpid()}-{uuid4().hex[:12]}"
        _ACTIVE.add(self._writer)
        self._count = 0
        self._entered = time.monotonic()
        self.own = self.name()

    def name(self) -> str:
        """Return a name in it that nobody else gives."""
        self._count += 1
        return os.path.join(self.path, f"{self._writer}-{self._count}")

    def open(self) -> None:
        """Make the folder where it is not there, and a file of our own in it, which keeps it there. Raises `StoreError`."""
        for _ in range(1000):
            if os.path.islink(self.path):
                raise StoreError("a folder of our own must not be a link", where=self.path, hint="remove it")
            try:
                os.close(os.open(self.own, _FLAGS, 0o666))
            except PermissionError as error:  # of somebody who did not come to opening it for others
                try:
                    os.rmdir(self.path)
                except OSError:
                    raise failed("write", self.own, error) from None
            except OSError as error:
                if error.errno not in _GONE:
                    raise failed("write", self.own, error) from None
                _look(self._folder)
                self._make()
            else:
                return
        raise ConflictError("other writers come and go too fast", where=self._folder, hint="try again later")

    def _make(self) -> None:
        """Make the folder, for all who may write beside it."""
        try:
            os.mkdir(self.path)
            status = os.stat(self._folder)
            if hasattr(os, "chown") and (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
                with suppress(OSError):
                    os.chown(self.path, status.st_uid, status.st_gid)
            os.chmod(self.path, status.st_mode & 0o2777 | 0o700)
        except FileExistsError:
            pass
        except OSError as error:
            if error.errno not in _GONE or not os.path.isdir(self._folder):  # else the last one of others took it away
                raise failed("write", self.path, error) from None

    def leave(self) -> None:
        """Give up the turn and go; the last one takes the folder away, and what writers left that died."""
        _ACTIVE.discard(self._writer)
        claim = _Claim(self.own, os.path.join(self.path, _TURN))
        state = _state(self.own)
        _release(claim)
        with suppress(OSError):
            if os.stat(self.own).st_nlink == 1:  # else a claim resisted, and the file tells whose it is
                os.unlink(self.own)
        try:
            os.rmdir(self.path)
        except OSError:
            self._sweep(0 if state is None else state.changed + int((time.monotonic() - self._entered) * 1e9))
            with suppress(OSError):
                os.rmdir(self.path)

    def has_died(self, holder: State) -> bool:
        """Whether the process that holds a name has ended on this machine."""
        return any(_has_died(name) for name, state in self._files() if state.file == holder.file and _OWN.fullmatch(name))

    def _sweep(self, now: int) -> None:
        """Remove what writers left that died here, or that were last seen long ago; `now` is by the server's clock."""
        forgotten = now - int(FORGOTTEN * 1e9)
        seen: dict[str, int] = {}
        gone: set[tuple[int, int]] = set()
        files = list(self._files())
        for name, state in files:
            own = _OWN.fullmatch(name)
            if own is not None:
                seen[own[1]] = max(seen.get(own[1], 0), state.changed)
        owned = {state.file for name, state in files if _OWN.fullmatch(name)}
        for name, state in files:
            own = _OWN.fullmatch(name)
            if own is None:
                left = state.file not in owned and state.changed < forgotten
            else:
                left = _has_died(name) or (own[2] != _host() and seen[own[1]] < forgotten)
            if left:
                gone.add(state.file)
        self.clear(gone)

    def clear(self, gone: set[tuple[int, int]]) -> None:
        """Remove all names of some files, and of all others of the same writers: claims first, files last."""
        if not gone:
            return
        files = [(name, state, _OWN.fullmatch(name)) for name, state in self._files()]
        writers = {own[1] for _, state, own in files if own and state.file in gone}
        gone = gone | {state.file for _, state, own in files if own and own[1] in writers}
        for name, state, _ in sorted(files, key=lambda row: row[2] is not None):
            if state.file in gone:
                with suppress(OSError):
                    os.unlink(os.path.join(self.path, name))

    def _files(self) -> Iterator[tuple[str, State]]:
        try:
            names = os.listdir(self.path)
        except OSError:
            return
        for name in names:
            known = _OWN.fullmatch(name) or _CLAIM.fullmatch(name)
            state = _state(os.path.join(self.path, name), fresh=False) if known else None
            if state is not None:
                yield name, state


def tidy(folder: str) -> None:
    """Remove what writers of this machine left in a folder when they died."""
    path = os.path.join(folder, FOLDER)
    if os.path.isdir(path) and not os.path.islink(path):
        _Room(folder).leave()


def digest_of(raw: bytes | None) -> str:
    """Return what names a state of a document."""
    return "absent" if raw is None else sha256(raw).hexdigest()


def _lost(where: str) -> ClaimLostError:
    return ClaimLostError(
        f"another writer went on after this one had not moved for {SECONDS:g} seconds", where=where, hint="try again"
    )


# --- names and files ----------------------------------------------------------------------------------------------------


def _link(own: str, name: str) -> bool:
    """Give a file one more name; False where somebody has that name."""
    try:
        os.link(own, name)
    except OSError as error:
        if _is(name, own):  # a file server may answer so to what has happened
            return True
        if isinstance(error, FileExistsError):
            return False
        raise
    return True


def _release(claim: _Claim) -> bool:
    """Give up a name, if it is ours still; False where the system does not let us."""
    try:
        if _is(claim.name, claim.own):
            os.unlink(claim.name)
    except OSError:
        return False
    return True


def _is(name: str, own: str) -> bool:
    """Whether a name leads to a file of ours."""
    found, mine = _state(name), _state(own)
    return found is not None and mine is not None and found.file == mine.file


def _state(path: str, *, fresh: bool = True) -> State | None:
    """Return what stands at a name now; None where there is nothing."""
    if fresh:
        _look(os.path.dirname(path))
    try:
        status = os.stat(path, follow_symlinks=False)
    except OSError:
        return None
    return State(status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns)


def _look(folder: str) -> None:
    """Open a folder: from then on a client of a file server has its names as they are there, not as it remembers them."""
    with suppress(OSError):
        os.close(os.open(folder, os.O_RDONLY))


# --- writers ------------------------------------------------------------------------------------------------------------


def _host() -> str:
    """Return what tells this machine from all others in the name of a file; empty where unknown."""
    name = machine()
    return sha256(name.encode()).hexdigest()[:12] if name else ""


def _has_died(name: str) -> bool:
    """Whether the writer of a file was a process of this machine and has ended, or has ended in this process."""
    own = _OWN.fullmatch(name)
    if own is None or own[2] != _host():
        return False
    if int(own[3]) == os.getpid():
        return own[1] not in _ACTIVE
    return has_ended(int(own[3]))
