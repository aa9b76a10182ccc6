"""Zip files, read-only: a path such as `data.zarr.zip/raw/zarr.json` names a file in the archive `data.zarr.zip`."""

from __future__ import annotations

import os
import zipfile
import zlib
from functools import lru_cache
from typing import TYPE_CHECKING

from zmeta.errors import StoreError
from zmeta.jsondoc import LIMITS, too_large

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.jsondoc import Limits

SUFFIX = ".zip"
#: Names longer than this have no place on a file system either; a hostile one could be a tower of thousands of folders.
_LONGEST = 4096
_BROKEN = (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError, zlib.error)


def split_path(path: str) -> tuple[str, str] | None:
    """Return an archive and the path inside it, None for a path that leads into no archive."""
    end = path.find(SUFFIX)
    while end >= 0:
        archive, inside = path[: end + len(SUFFIX)], path[end + len(SUFFIX) :]
        if (not inside or inside[0] in "/\\") and os.path.isfile(archive):
            return archive, inside.replace("\\", "/").strip("/")
        end = path.find(SUFFIX, end + 1)
    return None


def read(archive: str, inside: str, limits: Limits = LIMITS) -> bytes | None:
    """Return the bytes of a file in an archive, None where there is none; raises `StoreError` for a broken archive."""
    opened, entries, _ = _opened(archive)
    info = entries.get(inside)
    if info is None:
        return None
    where = f"{archive}/{inside}"
    if info.file_size > limits.max_bytes:
        raise too_large(where, info.file_size, limits)
    try:
        with opened.open(info) as stream:
            raw = stream.read(limits.max_bytes + 1)  # an archive may lie about the size
    except _BROKEN as error:
        raise StoreError("cannot read the file in the zip archive", where=where, found=str(error)) from None
    if len(raw) > limits.max_bytes:
        raise too_large(where, len(raw), limits)
    return raw


def exists(archive: str, inside: str) -> bool:
    """Whether an archive holds a document."""
    return inside in _opened(archive)[1]


def list_folders(archive: str, inside: str) -> Iterator[tuple[str, bool]]:
    """Yield the folders below a folder of an archive that hold something; there are no links."""
    folders = _opened(archive)[2]
    return iter([(name, False) for name in folders.get(inside, ()) if not name.startswith(".")])


_Archive = tuple[zipfile.ZipFile, dict[str, zipfile.ZipInfo], dict[str, list[str]]]


def _opened(archive: str) -> _Archive:
    try:
        status = os.stat(archive)
    except OSError as error:
        raise StoreError("cannot read the zip archive", where=archive, found=error.strerror or str(error)) from None
    # a process that was forked shares the place in the file with its parent, and each would read what the other seeks
    return _open(archive, (status.st_mtime_ns, status.st_size, status.st_ino, os.getpid()))


@lru_cache(maxsize=4)
def _open(archive: str, signature: tuple[int, ...]) -> _Archive:
    """Return the archive, its files by name, and the names of the folders below each folder, sorted."""
    del signature  # what tells a new archive from the one that was opened before
    try:
        opened = zipfile.ZipFile(archive)
        infos = opened.infolist()
    except _BROKEN as error:
        raise StoreError("cannot read the zip archive", where=archive, found=str(error)) from None
    entries: dict[str, zipfile.ZipInfo] = {}
    folders: dict[str, dict[str, None]] = {}
    for info in infos:
        path = info.filename.replace("\\", "/")
        if path.rpartition("/")[2] not in DOCUMENT_NAMES or len(path) > _LONGEST:
            continue
        name = "/".join(part for part in path.split("/") if part)
        entries[name] = info
        above, _, last = name.rpartition("/")[0].rpartition("/")
        while last and last not in folders.setdefault(above, {}):  # one that is known has all that is above it
            folders[above][last] = None
            above, _, last = above.rpartition("/")
    return opened, entries, {folder: sorted(names) for folder, names in folders.items()}


#: Files of an archive that are looked at; the chunks beside them may be millions.
DOCUMENT_NAMES = frozenset({"zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata", "attributes.json"})
