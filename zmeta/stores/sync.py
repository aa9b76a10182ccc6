"""What was written has to survive a power cut: one call for a file system where that can be trusted, else file by file."""

from __future__ import annotations

import errno
import os
import platform
import re
import sys
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from zmeta.errors import StoreError
from zmeta.stores.local import failed

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Local file systems of Linux whose `syncfs` brings data, names and journal to the disk: ext4, XFS, btrfs, f2fs, tmpfs. On a
#: network one, or in user space, it may end before the server has done as much.
_TRUSTED = frozenset({0xEF53, 0x58465342, 0x9123683E, 0xF2F52010, 0x01021994})
#: What systems answer that have no fsync for folders, or none for this one; and where somebody took the folder away.
_NO_FOLDERS = (errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR)


class Flush:
    """What has to reach the disk together, after many files were written.

    Where a file system can be synced as a whole, `defers` says so: its files need not be synced one by one.
    """

    def __init__(self) -> None:
        self._trusted: dict[int, bool] = {}
        self._devices: dict[int, str] = {}

    def defers(self, folder: str) -> bool:
        """Whether files that are written into a folder reach the disk by `files` and `folders`."""
        return self._device(folder) is not None

    def files(self) -> None:
        """Bring all files to the disk whose sync was deferred. Raises `StoreError`."""
        for folder in self._devices.values():
            sync_device(folder)

    def folders(self, folders: Iterable[str]) -> None:
        """Bring the names in folders to the disk, and what was deferred with them. Raises `StoreError`."""
        devices: dict[int, str] = {}
        for folder in folders:
            device = self._device(folder)
            if device is None:
                sync_names(folder)
            else:
                devices[device] = folder
        for folder in devices.values():
            sync_device(folder)

    def _device(self, folder: str) -> int | None:
        """Return the device of a folder where it can be synced as a whole."""
        try:
            device = os.stat(folder).st_dev
        except OSError:
            return None
        if device not in self._trusted:
            self._trusted[device] = is_trusted(folder)
        if self._trusted[device]:
            self._devices.setdefault(device, folder)
            return device
        return None


def is_trusted(folder: str) -> bool:
    """Whether `syncfs` is there, tells of errors (from Linux 5.8), and can be trusted on this file system."""
    library = _library()
    if library is None:
        return False
    import ctypes

    status = ctypes.create_string_buffer(512)
    with suppress(OSError, ValueError):
        if library.statfs(os.fsencode(folder), status) == 0:
            return (ctypes.c_ulong.from_buffer(status).value & 0xFFFFFFFF) in _TRUSTED
    return False


def sync_device(folder: str) -> None:
    """Bring all that was written to the file system of a folder to the disk. Raises `StoreError`."""
    import ctypes

    library = _library()
    try:
        handle = os.open(folder, os.O_RDONLY)
        try:
            if library is None or library.syncfs(handle) != 0:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number))
        finally:
            os.close(handle)
    except OSError as error:
        raise failed("sync", folder, error) from None


def sync_folder(folder: str) -> None:
    """Make renames in a folder survive a power cut, where the system can."""
    with suppress(StoreError):
        sync_names(folder)


def sync_names(folder: str) -> None:
    """Bring the names in a folder to the disk, where the system can do that for folders. Raises `StoreError`."""
    try:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        if error.errno not in _NO_FOLDERS:
            raise failed("sync", folder, error) from None


@cache
def _library() -> Any:
    """Return the C library where it has what is needed, else None."""
    version = re.match(r"(\d+)\.(\d+)", platform.release())
    if sys.platform != "linux" or version is None or (int(version[1]), int(version[2])) < (5, 8):
        return None
    import ctypes

    try:
        library = ctypes.CDLL(None, use_errno=True)
        return library if library.syncfs and library.statfs else None
    except (OSError, AttributeError):
        return None
