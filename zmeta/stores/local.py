"""Reading and replacing files of a local folder: absent, failed and present are three different answers."""

from __future__ import annotations

import errno
import os
import stat
import time
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from zmeta.errors import StoreError
from zmeta.jsondoc import LIMITS, too_large

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from zmeta.jsondoc import Limits

#: Clocks of file systems are coarse: two changes within one tick look like one.
_SETTLED_NS = 3_000_000_000
_SMALL = 1 << 16
#: What clients of file servers answer where a file was replaced while it was read.
_REPLACED = tuple(getattr(errno, name) for name in ("ESTALE", "EREMOTEIO") if hasattr(errno, name))
_ABSENT = (errno.ENOENT, errno.ENOTDIR)
# O_NONBLOCK: a named pipe in the place of a document must not hang the reader.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def read_file(path: str, limits: Limits = LIMITS, *, again: int = 3) -> bytes | None:
    """Return the bytes of a document, None where there is none.

    Where it was replaced on a file server while it was read, it is read `again`. Raises `StoreError` where it cannot be
    read and `DocumentError` where it is too large.
    """
    try:
        handle = os.open(path, _FLAGS)
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise failed("read", path, error) from None
    except ValueError as error:  # a NUL character in the path
        raise StoreError("the path is not valid", where=path, found=str(error)) from None
    try:
        raw = os.read(handle, _SMALL)
        if 0 < len(raw) < _SMALL and len(raw) <= limits.max_bytes:  # all of it: nearly every document is small
            return raw
        os.lseek(handle, 0, os.SEEK_SET)
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise StoreError("a document must be a regular file", where=path, found="a folder, pipe or device")
        if status.st_size > limits.max_bytes:
            raise too_large(path, status.st_size, limits)
        raw = os.read(handle, status.st_size + 1)
        while len(raw) < status.st_size:
            more = os.read(handle, status.st_size + 1 - len(raw))
            if not more:
                break
            raw += more
        return raw
    except OSError as error:
        if again == 0 or error.errno not in _REPLACED:
            raise failed("read", path, error) from None
    finally:
        os.close(handle)
    return read_file(path, limits, again=again - 1)


def signature_of(path: str) -> tuple[int, ...] | None:
    """Return what changes when a file changes; None where it is absent, or changed so lately that it may do so unseen."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    if time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) < _SETTLED_NS:
        return None
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def list_folders(path: str) -> Iterator[tuple[str, bool]]:
    """Yield name and whether it is a link for every folder below a folder, hidden ones left out, sorted by name."""
    try:
        with os.scandir(path) as entries:
            found = [(name, entry.is_symlink()) for entry in entries if (name := entry.name)[0] != "." and _is_folder(entry)]
    except OSError as error:
        raise failed("list", path, error) from None
    found.sort()
    return iter(found)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def fits(path: str, globs: Sequence[str], beside: str = "") -> bool:
    """Whether a path, absolute or relative to the folder of the file `beside`, fits a glob (`*` also matches `/`)."""
    root = os.path.dirname(beside)
    names = [path.replace(os.sep, "/")]
    if root and path.startswith(root + os.sep):
        names.append(path[len(root) + 1 :].replace(os.sep, "/"))
    return any(fnmatchcase(name, pattern) for name in names for pattern in globs)


def failed(verb: str, path: str, error: OSError) -> StoreError:
    """Return the error for an operation that the system refused."""
    hint = "check the permissions" if error.errno in (errno.EACCES, errno.EPERM) else ""
    what = "folder" if verb == "list" else "file"
    return StoreError(f"cannot {verb} the {what}", where=path, found=error.strerror or str(error), hint=hint)
