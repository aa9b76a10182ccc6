"""Reads that are made before a walk asks for them: many at a time, in the order of the walk, and not too far ahead.

For each folder its documents are fetched. A group is listed as well, and the folders below it come next. The folder of an
array is never listed. A consolidated copy tells where nodes are likely to be; what is read are always the documents.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict, deque
from concurrent.futures import ThreadPoolExecutor
from heapq import heappop, heappush
from typing import TYPE_CHECKING, NamedTuple

from zmeta.errors import ZmetaError
from zmeta.jsondoc import LIMITS, Limits
from zmeta.stores.named import is_plain
from zmeta.stores.paths import split_url

if TYPE_CHECKING:
    from collections.abc import Iterable

    from zmeta.stores.base import Listing, Store

#: Folders that are fetched and not yet asked for, for each request that may be under way.
_AHEAD_PER_REQUEST = 8
#: Folders that are kept after they were asked for: a group is asked for its twin, and for its copy.
_KEPT = 256


class _Fetched(NamedTuple):
    """What is known of a folder: bytes by name (None: absent; an error: it cannot be read), and what is below it."""

    files: dict[str, bytes | ZmetaError | None]
    present: dict[str, bool]
    listing: Listing | ZmetaError | None


class _Pending:
    """A folder that is under way: what was fetched, or what that raised, and the event that somebody waits for."""

    __slots__ = ("error", "event", "fetched")

    def __init__(self) -> None:
        self.fetched: _Fetched | None = None
        self.error: BaseException | None = None
        self.event: threading.Event | None = None


class Ahead:
    """Folders that are expected, under way, or here; `twins` where it is asked for as well what stands beside an array."""

    def __init__(self, concurrency: int, limits: Limits = LIMITS, *, twins: bool = True) -> None:
        self._concurrency = max(1, concurrency)
        self._pool = ThreadPoolExecutor(self._concurrency, thread_name_prefix="zmeta-read")
        self._limits, self._twins = limits, twins
        self._most = self._concurrency * _AHEAD_PER_REQUEST
        self._lock = threading.Lock()
        self._queue: list[tuple[str, str]] = []
        self._turn: deque[tuple[Store, str, _Pending]] = deque()
        self._threads = 0
        self._known: dict[str, _Pending] = {}
        self._asked: OrderedDict[str, None] = OrderedDict()
        self._queued: dict[str, Store] = {}
        self._closed = False

    def close(self) -> None:
        """End; what is under way is not waited for."""
        with self._lock:
            self._closed = True
            self._queue.clear()
            self._turn.clear()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def expect(self, folders: Iterable[tuple[Store, str]]) -> None:
        """Put folders on the list."""
        with self._lock:
            for store, folder in folders:
                if folder not in self._queued and folder not in self._known:
                    self._queued[folder] = store
                    heappush(self._queue, (folder.replace("/", "\0"), folder))  # in the order of the walk
            self._advance()
            more = self._is_short()
        if more:
            self._pool.submit(self._work)

    def _advance(self) -> None:
        """Let folders have their turn that are not too far ahead; under the lock."""
        while self._queue and not self._closed and len(self._known) - len(self._asked) < self._most:
            folder = heappop(self._queue)[1]
            store = self._queued.pop(folder, None)
            if store is not None:
                self._known[folder] = pending = _Pending()
                self._turn.append((store, folder, pending))

    def _is_short(self) -> bool:
        """Whether one more thread is needed, which counts from now on; under the lock. To start it takes long: not there."""
        short = bool(self._turn) and self._threads < self._concurrency and not self._closed
        self._threads += short
        return short

    def _result(self, folder: str) -> _Fetched | None:
        """Return what was fetched for a folder, None where it was not expected or has been forgotten."""
        more, event = False, None
        with self._lock:
            pending = self._known.get(folder)
            if pending is None:
                self._queued.pop(folder, None)  # it is asked for before its turn: whoever asks reads it
                return None
            if folder not in self._asked:
                self._asked[folder] = None
                while len(self._asked) > _KEPT:
                    self._known.pop(self._asked.popitem(last=False)[0], None)
                self._advance()
                more = self._is_short()
            if pending.fetched is None and pending.error is None:
                event = pending.event = pending.event or threading.Event()
        if more:
            self._pool.submit(self._work)
        if event is not None:
            event.wait()
        if pending.error is not None:
            raise pending.error
        return pending.fetched

    # --- asked by the walk ------------------------------------------------------------------------------------------

    def read(self, path: str) -> tuple[bool, bytes | None]:
        """Return whether a document was fetched, and its bytes; raises what the reading raised."""
        folder, _, name = path.rpartition("/")
        fetched = self._result(folder)
        if fetched is None:
            return False, None
        if name in fetched.files:
            found = fetched.files[name]
            if isinstance(found, ZmetaError):
                raise found
            return True, found
        return fetched.present.get(name) is False, None

    def exists(self, path: str) -> bool | None:
        """Whether a document is there, None where that is not known."""
        folder, _, name = path.rpartition("/")
        fetched = self._result(folder)
        if fetched is None:
            return None
        if name in fetched.files:
            return fetched.files[name] is not None
        return fetched.present.get(name)

    def listing(self, folder: str) -> Listing | None:
        """Return what is below a folder, None where that is not known."""
        fetched = self._result(folder)
        if fetched is None or fetched.listing is None:
            return None
        if isinstance(fetched.listing, ZmetaError):
            raise fetched.listing
        return fetched.listing

    # --- in the threads ---------------------------------------------------------------------------------------------

    def _work(self) -> None:
        """Fetch what is next until nothing is, and have another thread do so where more is to be fetched."""
        while True:
            with self._lock:
                if not self._turn:
                    self._threads -= 1
                    return
                store, folder, pending = self._turn.popleft()
                more = self._is_short()
            if more:
                self._pool.submit(self._work)
            fetched, failure = None, None
            try:
                fetched = self._fetch(store, folder)
            except BaseException as error:  # goes to whoever asks
                failure = error
            with self._lock:
                pending.fetched, pending.error = fetched, failure
                if pending.event is not None:
                    pending.event.set()

    def _fetch(self, store: Store, folder: str) -> _Fetched:
        key = split_url(folder)[1]
        files = _Files(store, f"{key}/" if key else "", self._limits)
        kind, copied = _look(files)
        if kind == "array":
            twin = ".zarray" if files.found["zarr.json"] is not None else "attributes.json"
            known = twin in files.found or not self._twins
            return _Fetched(files.found, {} if known else files.present(twin), None)
        if kind == "unknown":
            return _Fetched(files.found, {}, None)
        try:
            listing = store.list_folder(key)
        except ZmetaError as error:
            return _Fetched(files.found, {}, error)
        present = {name: name in listing.files for name in _DOCUMENTS if name not in files.found}
        if present.get(".zmetadata"):
            copied = [entry.rpartition("/")[0] for entry in _entries(_parse(files.get(".zmetadata")))]
        names = {name for name in listing.folders if not name.startswith(".")}
        names.update(filter(is_plain, copied))
        self.expect([(store, f"{folder}/{name}") for name in names])
        return _Fetched(files.found, present, listing)


class _Files:
    """The documents of one folder, fetched one by one."""

    def __init__(self, store: Store, prefix: str, limits: Limits) -> None:
        self._store, self._prefix, self._limits = store, prefix, limits
        self.found: dict[str, bytes | ZmetaError | None] = {}

    def get(self, name: str) -> bytes | ZmetaError | None:
        """Fetch a document, and keep what came of it."""
        try:
            content = self._store.read(self._prefix + name, self._limits)
            self.found[name] = None if content is None else content.raw
        except ZmetaError as error:
            self.found[name] = error
        return self.found[name]

    def present(self, name: str) -> dict[str, bool]:
        """Ask whether a document is there; an error is left to whoever asks again."""
        try:
            return {name: self._store.exists(self._prefix + name)}
        except ZmetaError:
            return {}


def _look(files: _Files) -> tuple[str, list[str]]:
    """Fetch the documents of a node in the order of looking for them; return its kind, and the nodes that it copies."""
    raw = files.get("zarr.json")
    if raw is not None:
        data = _parse(raw) if isinstance(raw, bytes) and b'"group"' in raw else {}
        if data.get("node_type") == "group":
            return "group", list(_entries(data.get("consolidated_metadata")))
        return ("array" if isinstance(raw, bytes) else "unknown"), []
    if files.get(".zarray") is not None:
        files.get(".zattrs")
        return "array", []
    if files.get(".zgroup") is not None:
        files.get(".zattrs")
        return "group", []
    raw = files.get("attributes.json")
    if raw is None:
        return "folder", []
    data = _parse(raw)
    return ("unknown" if not data else "array" if _N5_ARRAY & data.keys() else "group"), []


_DOCUMENTS = (".zarray", ".zgroup", ".zattrs", ".zmetadata", "attributes.json")
_N5_ARRAY = {"dimensions", "blockSize", "dataType"}


def _parse(raw: object) -> dict[str, object]:
    """Return a JSON object; an empty one for what is none, which the walk will tell of."""
    try:
        data = json.loads(raw) if isinstance(raw, bytes) else {}
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _entries(holder: object) -> Iterable[str]:
    """Return the keys of a consolidated copy."""
    entries = holder.get("metadata") if isinstance(holder, dict) else None
    return entries.keys() if isinstance(entries, dict) else ()
