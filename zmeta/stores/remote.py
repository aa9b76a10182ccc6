"""URLs: which store a path names, with which options, and whether an answer is here already.

Options hold for what is done within `using`. Reads that `Ahead` has made are taken from there; a writer reads anew.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING

from zmeta.jsondoc import LIMITS
from zmeta.stores.base import folder_names
from zmeta.stores.paths import ADOPTED, is_url, split_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from zmeta.jsondoc import Limits
    from zmeta.stores.ahead import Ahead
    from zmeta.stores.base import Content, Store

_OPTIONS: ContextVar[tuple[tuple[str, str], ...]] = ContextVar("store options", default=())
_AHEAD: ContextVar[Ahead | None] = ContextVar("reads that were made ahead", default=None)
_SEEN: ContextVar[dict[str, Content | None] | None] = ContextVar("what an update has read", default=None)


def store_of(path: str) -> tuple[Store, str]:
    """Return the store that a URL names, and the key in it; raises `StoreError` and `ConfigError`."""
    root, key = split_url(path)
    if root.startswith(ADOPTED):
        from zmeta.stores.zarr_ import adopted_store

        return adopted_store(root, dict(_OPTIONS.get())), key
    return _open(root, _OPTIONS.get(), os.getpid()), key


@lru_cache(maxsize=64)
def _open(root: str, options: tuple[tuple[str, str], ...], process: int) -> Store:
    """Return the store of a bucket or host; one per process, for connections are not inherited."""
    del process
    from zmeta.stores.object_ import open_store

    return open_store(root, dict(options))


@contextmanager
def using(options: Mapping[str, str]) -> Iterator[None]:
    """Let options of stores hold; without any, those hold that do already."""
    if not options:
        yield
        return
    token = _OPTIONS.set(tuple(sorted(options.items())))
    try:
        yield
    finally:
        _OPTIONS.reset(token)


def current_options() -> dict[str, str]:
    """Return the options that hold."""
    return dict(_OPTIONS.get())


@contextmanager
def reading_ahead(concurrency: int, limits: Limits = LIMITS, *, twins: bool = True) -> Iterator[None]:
    """Let documents of URLs be read before they are asked for, `concurrency` requests at a time; `twins` as in `Ahead`."""
    from zmeta.stores.ahead import Ahead

    ahead = Ahead(min(concurrency, _most_connections()), limits, twins=twins)
    token = _AHEAD.set(ahead)
    try:
        yield
    finally:
        _AHEAD.reset(token)
        ahead.close()


def _most_connections() -> int:
    """Return half of what this process may have open: each request is a connection, and others need some as well."""
    try:
        import resource
    except ImportError:  # Windows, where sockets are not counted so
        return sys.maxsize
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return sys.maxsize if soft == resource.RLIM_INFINITY else max(1, soft // 2)


@contextmanager
def crawling(
    paths: Iterable[object], options: Mapping[str, str], concurrency: int, limits: Limits = LIMITS, *, twins: bool = True
) -> Iterator[None]:
    """Let options hold, and URLs be read ahead if there is one among the paths; `twins` as in `Ahead`."""
    if not any(is_url(str(path)) for path in paths):
        yield
        return
    with using(options), reading_ahead(concurrency, limits, twins=twins):
        yield


@contextmanager
def reading_anew() -> Iterator[None]:
    """Take nothing from what was read ahead, and remember what is read, with its token: for a writer."""
    ahead, seen = _AHEAD.set(None), _SEEN.set({})
    try:
        yield
    finally:
        _AHEAD.reset(ahead)
        _SEEN.reset(seen)


def expect(folder: str) -> None:
    """Say that a folder, and all nodes below it, will be asked for."""
    ahead = _AHEAD.get()
    if ahead is not None:
        ahead.expect([(store_of(folder)[0], folder)])


def read(path: str, limits: Limits = LIMITS) -> bytes | None:
    """Return the bytes of a document, None where there is none."""
    ahead = _AHEAD.get()
    if ahead is not None:
        found, raw = ahead.read(path)
        if found:
            return raw
    content = read_content(path, limits)
    return None if content is None else content.raw


def read_content(path: str, limits: Limits = LIMITS) -> Content | None:
    """Return the bytes of a document with their token, read now."""
    store, key = store_of(path)
    content = store.read(key, limits)
    seen = _SEEN.get()
    if seen is not None:
        seen[path] = content
    return content


def seen(path: str) -> tuple[bool, Content | None]:
    """Return whether the update under way has read a document, and what it read."""
    known = _SEEN.get() or {}
    return path in known, known.get(path)


def exists(path: str) -> bool:
    """Whether a document is there, readable or not."""
    ahead = _AHEAD.get()
    known = None if ahead is None else ahead.exists(path)
    if known is not None:
        return known
    store, key = store_of(path)
    return store.exists(key)


def list_folders(path: str) -> Iterator[tuple[str, bool]]:
    """Yield the folders below a folder, as the registry does."""
    ahead = _AHEAD.get()
    listing = None if ahead is None else ahead.listing(path)
    if listing is None:
        store, key = store_of(path)
        listing = store.list_folder(key)
        if ahead is not None:
            ahead.expect([(store, f"{path}/{name}") for name, _ in folder_names(listing)])
    return folder_names(listing)
