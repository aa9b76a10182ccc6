"""A run in a folder: files appear whole, are on the disk before anything goes on, and a lock ends with its process."""

from __future__ import annotations

import os
import shutil
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from zmeta.errors import MigrationError, StoreError
from zmeta.migration.claim import InUseError
from zmeta.stores.local import failed
from zmeta.stores.sync import sync_names

if TYPE_CHECKING:
    from collections.abc import Iterator

#: How long a lock is tried: whoever asks for the status of a run holds it for a moment.
LOCK_SECONDS = 0.5


@dataclass(frozen=True)
class Folder:
    """A `Home` on a file system."""

    where: str

    @property
    def name(self) -> str:
        """The id of the run."""
        return os.path.basename(self.where)

    def file(self, name: str) -> str:
        """Return the path of a file."""
        return os.path.join(self.where, name)

    def exists(self) -> bool:
        """Whether there is such a run."""
        return os.path.isdir(self.where)

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return os.path.exists(self.file(name))

    def read(self, name: str, most: int) -> tuple[int, bytes] | None:
        """Return the size of a file and its first bytes, None where there is none."""
        file = self.file(name)
        try:
            with open(file, "rb") as handle:
                return os.fstat(handle.fileno()).st_size, handle.read(most)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise failed("read", file, error) from None

    def publish(self, name: str, *parts: bytes) -> None:
        """Write a file beside, sync it, and give it its name: it is there whole or not at all."""
        file = self.file(name)
        beside = file + ".tmp"
        try:
            handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600)
            try:
                for part in parts:
                    view = memoryview(part)
                    while view:
                        view = view[os.write(handle, view) :]
                os.fsync(handle)
            finally:
                os.close(handle)
            os.replace(beside, file)
        except OSError as error:
            with suppress(OSError):
                os.unlink(beside)
            raise failed("write", file, error) from None
        sync_names(self.where)

    def remove(self, name: str) -> None:
        """Remove a file."""
        try:
            os.unlink(self.file(name))
        except OSError as error:
            raise failed("remove", self.file(name), error) from None
        sync_names(self.where)

    def discard(self) -> None:
        """Remove the run, as far as the system lets it."""
        shutil.rmtree(self.where, ignore_errors=True)

    @contextmanager
    def lock(self, *, new: bool = False, wait: bool = True) -> Iterator[None]:
        """Keep other processes off the run; it ends with the process."""
        if new:
            self._make()
        file = self.file("lock")
        try:
            handle = os.open(file, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        except FileNotFoundError:
            raise InUseError("the run was removed meanwhile", where=self.where) from None
        except OSError as error:
            raise failed("open", file, error) from None
        try:
            deadline = time.monotonic() + (LOCK_SECONDS if wait else 0)
            while not _try_lock(handle, file):
                if time.monotonic() >= deadline:
                    raise InUseError("another process works on this run", where=self.where, hint="wait for it to end")
                time.sleep(0.02)
            if not _is_still(handle, file):
                raise InUseError("the run was removed meanwhile", where=self.where)
            yield
        finally:
            os.close(handle)
            if sys.platform == "win32":
                self._sweep()

    def _make(self) -> None:
        """Make the folder of a new run, readable for its owner alone: it will hold copies of documents."""
        runs = os.path.dirname(self.where)
        try:
            os.makedirs(runs, mode=0o700, exist_ok=True)
            os.mkdir(self.where, 0o700)
        except FileExistsError:
            raise InUseError("there is such a run already", where=self.where) from None
        except OSError as error:
            raise failed("write", runs, error) from None
        for above in (runs, os.path.dirname(runs), os.path.dirname(os.path.dirname(runs))):  # which may be new, too
            sync_names(above)

    def _sweep(self) -> None:
        """Remove what a discarded run left on Windows, which keeps a file that is open."""
        with suppress(OSError):
            if os.listdir(self.where) == ["lock"]:
                os.unlink(self.file("lock"))
                os.rmdir(self.where)

    def holder(self) -> str:
        """Return who works on the run, empty where nobody does."""
        try:
            with self.lock(wait=False):
                return ""
        except InUseError:
            return "another process"
        except StoreError:  # of somebody else, who lets us read it only
            return ""

    def waits_for(self) -> str:
        """A lock ends with its process, so nobody is waited for."""
        return ""


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


def _is_still(handle: int, file: str) -> bool:
    """Whether a file that was opened still has its name: whoever had its lock before may have removed the run."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(file))
    except OSError:
        return False
