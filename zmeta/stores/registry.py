"""A path names its store: a folder, a file in a zip archive, or a URL. Everything that only reads goes through here."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from zmeta.jsondoc import LIMITS
from zmeta.stores import local
from zmeta.stores.paths import is_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.jsondoc import Limits


def read(path: str, limits: Limits = LIMITS) -> bytes | None:
    """Return the bytes of a document, None where there is none (failure is an error, not absence).

    Raises `StoreError` where it cannot be read and `DocumentError` where it is too large.
    """
    if "://" in path and is_url(path):
        from zmeta.stores import remote

        return remote.read(path, limits)
    if ".zip" in path:
        from zmeta.stores import zip_

        place = zip_.split_path(path)
        if place is not None:
            return zip_.read(*place, limits)
    return local.read_file(path, limits)


def is_plain(path: str) -> bool:
    """Whether a path, and all below it, can only be files of a file system: `local` serves these at once."""
    return "://" not in path and ".zip" not in path


def list_folders(path: str) -> Iterator[tuple[str, bool]]:
    """Yield name and whether it is a link for every folder below a folder, hidden ones left out, sorted by name.

    Never called on the folder of an array, which may hold millions of chunks. Raises `StoreError`.
    """
    if "://" in path and is_url(path):
        from zmeta.stores import remote

        return remote.list_folders(path)
    if ".zip" in path:
        from zmeta.stores import zip_

        place = zip_.split_path(path)
        if place is not None:
            return zip_.list_folders(*place)
    return local.list_folders(path)


def is_zip(path: str) -> bool:
    """Whether a path leads into a zip archive."""
    if ".zip" not in path or is_url(path):
        return False
    from zmeta.stores import zip_

    return zip_.split_path(path) is not None


def exists(path: str) -> bool:
    """Whether a document is there, readable or not."""
    if "://" in path and is_url(path):
        from zmeta.stores import remote

        return remote.exists(path)
    if ".zip" in path:
        from zmeta.stores import zip_

        place = zip_.split_path(path)
        if place is not None:
            return zip_.exists(*place)
    return os.access(path, os.F_OK)


def may_exist(path: str) -> bool:
    """Whether something is there, be it only a link that leads nowhere; cheaper than to read what mostly is not there."""
    if ".zip" in path or is_url(path):
        return True
    return os.access(path, os.F_OK, follow_symlinks=False) if SEES_LINKS else os.path.lexists(path)


#: Whether a link that leads nowhere can be seen at little cost.
SEES_LINKS = os.access in os.supports_follow_symlinks


def locate(place: object) -> str:
    """Return the path of what a caller names: text, a path object, or a store object of zarr-python."""
    from zmeta.stores import zarr_

    if isinstance(place, zarr_.Adopted):
        return place
    return zarr_.adopt(place) if zarr_.is_store(place) else os.fspath(str(place))
