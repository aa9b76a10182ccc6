"""A path names its store: a file system folder, or a file in a zip archive. Everything that only reads goes through here."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from zmeta.jsondoc import LIMITS
from zmeta.stores import local

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.jsondoc import Limits


def read(path: str, limits: Limits = LIMITS) -> bytes | None:
    """Return the bytes of a document, None where there is none (failure is an error, not absence).

    Raises `StoreError` where it cannot be read and `DocumentError` where it is too large.
    """
    if ".zip" in path:
        from zmeta.stores import zip_

        place = zip_.split_path(path)
        if place is not None:
            return zip_.read(*place, limits)
    return local.read_file(path, limits)


def list_folders(path: str) -> Iterator[tuple[str, bool]]:
    """Yield name and whether it is a link for every folder below a folder, hidden ones left out, sorted by name.

    Never called on the folder of an array, which may hold millions of chunks. Raises `StoreError`.
    """
    if ".zip" in path:
        from zmeta.stores import zip_

        place = zip_.split_path(path)
        if place is not None:
            return zip_.list_folders(*place)
    return local.list_folders(path)


def is_zip(path: str) -> bool:
    """Whether a path leads into a zip archive."""
    if ".zip" not in path:
        return False
    from zmeta.stores import zip_

    return zip_.split_path(path) is not None


def exists(path: str) -> bool:
    """Whether a document is there, readable or not."""
    if ".zip" in path:
        from zmeta.stores import zip_

        place = zip_.split_path(path)
        if place is not None:
            return zip_.exists(*place)
    return os.access(path, os.F_OK)


def may_exist(path: str) -> bool:
    """Whether something is there, be it only a link that leads nowhere; cheaper than to read what mostly is not there."""
    if ".zip" in path:
        return True
    return os.access(path, os.F_OK, follow_symlinks=False) if _SEES_LINKS else os.path.lexists(path)


_SEES_LINKS = os.access in os.supports_follow_symlinks
