"""Where runs are kept: below a folder of a disk, or a URL of an object store; the same files with the same names."""

from __future__ import annotations

import os
import re
import secrets
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from zmeta.errors import MigrationError
from zmeta.migration.bucket import Bucket
from zmeta.migration.claim import InUseError
from zmeta.migration.folder import Folder
from zmeta.stores.local import failed
from zmeta.stores.paths import is_url, normal_url
from zmeta.stores.remote import store_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager, ExitStack

_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}")


class Home(Protocol):
    """Where the files of one run are. What fails raises `StoreError`."""

    @property
    def where(self) -> str:
        """The path or URL."""
        ...

    @property
    def name(self) -> str:
        """The id of the run."""
        ...

    def file(self, name: str) -> str:
        """Return the path or URL of a file."""
        ...

    def exists(self) -> bool:
        """Whether there is such a run."""
        ...

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        ...

    def read(self, name: str, most: int) -> tuple[int, bytes] | None:
        """Return the size of a file and its first bytes, None where there is none."""
        ...

    def publish(self, name: str, *parts: bytes) -> None:
        """Write a file: it is there whole, and for good, or not at all."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file."""
        ...

    def discard(self) -> None:
        """Remove the run."""
        ...

    def lock(self, *, new: bool = False, wait: bool = True) -> AbstractContextManager[None]:
        """Keep other processes off the run (`new`: make it). Raises `InUseError` where one works on it."""
        ...

    def holder(self) -> str:
        """Return who works on the run, empty where nobody does."""
        ...

    def waits_for(self) -> str:
        """Return whom `lock` watches before it takes the run over, empty for nobody."""
        ...


def home_of(run_id: str, state_dir: str | os.PathLike[str] | None = None) -> Home:
    """Return where a run is kept. Raises `MigrationError` where there is none of that name."""
    runs = runs_folder(state_dir)
    home = _home(runs, run_id) if _ID.fullmatch(run_id) else None
    if home is None or not home.exists():
        raise MigrationError("there is no such run", where=runs, found=run_id, hint="`zmeta status` lists the runs")
    return home


def list_homes(state_dir: str | os.PathLike[str] | None = None) -> list[Home]:
    """Return where all runs are kept, oldest first, unfinished ones included."""
    runs = runs_folder(state_dir)
    if is_url(runs):
        store, key = store_of(runs)
        return [_home(runs, name) for name in sorted(store.list_folder(key).folders) if _ID.fullmatch(name)]
    try:
        names = sorted(entry.name for entry in os.scandir(runs) if _ID.fullmatch(entry.name) and entry.is_dir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise failed("list", runs, error) from None
    return [_home(runs, name) for name in names]


def new_home(stack: ExitStack, state_dir: str | os.PathLike[str] | None = None, paths: Iterable[object] = ()) -> Home:
    """Make a place for a run, which stays locked as long as the stack. Its name sorts by the time, to the microsecond."""
    runs = runs_folder(state_dir, paths)
    for _ in range(100):
        now = datetime.now(UTC)
        home = _home(runs, f"{now:%Y%m%d-%H%M%S}-{now.microsecond:05x}{secrets.randbelow(16):x}")
        with suppress(InUseError):
            stack.enter_context(home.lock(new=True))
            return home
    raise MigrationError("no name is free for a new run", where=runs)


def _home(runs: str, name: str) -> Home:
    return Bucket(f"{runs}/{name}") if is_url(runs) else Folder(os.path.join(runs, name))


# --- the state directory --------------------------------------------------------------------------------------------------


def runs_folder(state_dir: str | os.PathLike[str] | None = None, paths: Iterable[object] = ()) -> str:
    """Return the folder of all runs, a path or a URL."""
    state = state_folder(state_dir, paths)
    return f"{state}/runs" if is_url(state) else os.path.join(state, "runs")


def state_folder(state_dir: str | os.PathLike[str] | None = None, paths: Iterable[object] = ()) -> str:
    """Return the state directory: as given, else `$ZMETA_STATE`, else the place that the system has for such files.

    Raises `MigrationError` where that place is inside what is to be migrated, and nobody asked for it.
    """
    chosen = os.fspath(state_dir) if state_dir is not None else os.environ.get("ZMETA_STATE", "")
    if chosen:
        return normal_url(chosen) if is_url(chosen) else os.path.abspath(chosen)
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
