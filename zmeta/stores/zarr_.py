"""Store objects of zarr-python, handed over by the caller: named by a URL of this process, `zarr-store://1/raw`.

What they stand for is used where that is known: a folder, a zip archive, a store of obstore. Others are read through their
own methods; they have no conditional writes, but for the memory of this process, where a lock is enough.
"""

from __future__ import annotations

import threading
from itertools import count
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from zmeta.errors import StoreError
from zmeta.jsondoc import LIMITS, too_large
from zmeta.stores.base import Content, Listing, refuse_root
from zmeta.stores.paths import ADOPTED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zmeta.jsondoc import Limits
    from zmeta.stores.base import Store

_NUMBERS = count(1)
_STORES: WeakValueDictionary[str, Any] = WeakValueDictionary()
_LOCK = threading.Lock()


class Adopted(str):
    """The URL of a store object. It holds the object, which lives as long as the URL does."""

    __slots__ = ("store",)
    store: Any


def is_store(value: object) -> bool:
    """Whether something is a store object of zarr-python; zarr is not loaded to tell."""
    return any(base.__module__ == "zarr.abc.store" and base.__name__ == "Store" for base in type(value).__mro__)


def adopt(store: Any) -> str:
    """Return the path that names a store object from now on: that of its folder where it has one, else a URL of its own."""
    root = getattr(store, "root", None) or getattr(store, "path", None)
    if type(store).__name__ in ("LocalStore", "ZipStore") and root is not None:
        return str(root)
    for url, known in _STORES.items():
        if known is store:
            return _named(url, store)
    url = f"{ADOPTED}{next(_NUMBERS)}"
    _STORES[url] = store
    return _named(url, store)


def _named(url: str, store: Any) -> Adopted:
    named = Adopted(url)
    named.store = store
    return named


def adopted_store(root: str, options: Mapping[str, str]) -> Store:
    """Return the store that a URL of this process names; raises `StoreError` where the object is gone."""
    store = _STORES.get(root)
    if store is None:
        raise StoreError("the store object is not there any more", where=root, hint="keep it as long as its path is used")
    if type(store).__name__ == "ObjectStore":
        from zmeta.stores.object_ import ObjectStore

        writable = not store.read_only
        unsafe = options.get("unsafe_concurrency", "").lower() == "true"
        return ObjectStore(root, store.store, can_write=writable, unsafe=unsafe, probed=False)
    return ZarrStore(root, store, unsafe=options.get("unsafe_concurrency", "").lower() == "true")


class ZarrStore:
    """Any other store of zarr-python, through its own methods."""

    can_list = True
    tries = 1

    def __init__(self, url: str, store: Any, *, unsafe: bool) -> None:
        self.url = url
        self._store, self._unsafe = store, unsafe
        self.can_write = not store.read_only
        self._in_memory = type(store).__name__ == "MemoryStore"

    def _where(self, key: str) -> str:
        return f"{self.url}/{key}" if key else self.url

    def _call(self, verb: str, key: str, answer: Any) -> Any:
        from zarr.core.sync import sync

        try:
            return sync(answer)
        except Exception as error:  # stores raise what they like
            found = f"{type(error).__name__}: {error}"[:300]
            what = "folder" if verb in ("list", "clear") else "object"
            raise StoreError(f"cannot {verb} the {what}", where=self._where(key), found=found) from error

    def read(self, key: str, limits: Limits = LIMITS) -> Content | None:
        """Return what stands at a key; the bytes are their own token."""
        from zarr.core.buffer import default_buffer_prototype

        buffer = self._call("read", key, self._store.get(key, default_buffer_prototype()))
        if buffer is None:
            return None
        raw: bytes = buffer.to_bytes()
        if len(raw) > limits.max_bytes:
            raise too_large(self._where(key), len(raw), limits)
        return Content(raw, raw)

    def exists(self, key: str) -> bool:
        """Whether something stands at a key."""
        return bool(self._call("read", key, self._store.exists(key)))

    def list_folder(self, folder: str) -> Listing:
        """Return the names below a folder; these stores do not tell keys from folders, so a name may be of both."""
        names = self._call("list", folder, _gather(self._store.list_dir(folder)))
        cleaned = [name.rstrip("/") for name in names]
        plain = frozenset(cleaned)
        return Listing(plain, tuple(name for name in plain if name not in _DOCUMENTS))

    def put(self, key: str, raw: bytes, token: object) -> bool:
        """Write where the key still holds the bytes that were read."""
        from zarr.core.buffer import default_buffer_prototype

        if not (self._in_memory or self._unsafe):
            what = "the store has no conditional writes: another writer's change could be lost"
            hint = "hand over zarr.storage.ObjectStore, or an s3:// path; unsafe_concurrency=true writes all the same"
            raise StoreError(what, where=self._where(key), found=type(self._store).__name__, hint=hint)
        with _LOCK:
            there = self.read(key)
            if (None if there is None else there.token) != token:
                return False
            buffer = default_buffer_prototype().buffer.from_bytes(raw)
            self._call("write", key, self._store.set(key, buffer))
            return True

    def delete(self, key: str, token: object) -> bool:
        """Remove a key that still holds the bytes that were read."""
        with _LOCK:
            there = self.read(key)
            if there is None or there.token != token:
                return False
            self._call("remove", key, self._store.delete(key))
            return True

    def clear(self, folder: str) -> None:
        """Remove all keys below a folder."""
        refuse_root(self.url, folder)
        with _LOCK:
            self._call("clear", folder, self._store.delete_dir(folder))

    def pixels(self, folder: str, *, writable: bool) -> object:
        """Return the place that zarr-python opens an array from."""
        from zarr.storage import StorePath

        return StorePath(self._store if writable or self._store.read_only else self._store.with_read_only(True), folder)


async def _gather(names: Any) -> list[str]:
    return [name async for name in names]


_DOCUMENTS = frozenset({"zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata", "attributes.json"})
