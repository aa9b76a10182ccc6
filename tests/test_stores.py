"""One contract for all stores: absent against failed, listing without chunks, conditional writes, many keys."""

from __future__ import annotations

import functools
import http.server
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import zarr
from front import Request
from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import sync

from zmeta.errors import ConfigError, DocumentError, NotWritableError, StoreError
from zmeta.jsondoc import Limits
from zmeta.nodes.write import Change, write
from zmeta.stores import object_, remote
from zmeta.stores.named import is_plain
from zmeta.stores.paths import SCHEMES, is_url, normal_url, parent, split_url
from zmeta.stores.registry import exists, list_folders, locate, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cloud import Cloud


class Place:
    """A store as the tests see it: the path of its root, how to put a key there past zmeta, and what it can do."""

    def __init__(self, path: str, put: Callable[[str, bytes], object], *, writes: bool = True, lists: bool = True) -> None:
        self.path, self.put, self.writes, self.lists = path, put, writes, lists
        self.keep: object = None


class _Quiet(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        if "broken" in self.path:
            self.send_error(500)
        elif "closed" in self.path:
            self.send_error(403)
        else:
            super().do_GET()


@pytest.fixture
def http_folder(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A folder, and the URL at which it is served."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", folder
        server.shutdown()
        thread.join()


def _files(folder: Path) -> Callable[[str, bytes], object]:
    def put(key: str, raw: bytes) -> None:
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(raw)

    return put


SERVERS = ("s3", "gs", "az", "azurite")


@pytest.fixture(params=["local", "zip", "memory", *SERVERS, "http", "zarr-memory", "zarr-obstore", "zarr-local"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    kind = request.param
    if kind == "local":
        yield Place(str(tmp_path), _files(tmp_path))
    elif kind == "zip":
        file = tmp_path / "a.zip"

        def add(key: str, raw: bytes) -> None:
            with zipfile.ZipFile(file, "a") as archive:
                archive.writestr(key, raw)

        add("zarr.json", b"{}")
        yield Place(str(file), add, writes=False)
    elif kind == "memory":
        name = uuid4().hex
        yield Place(f"memory://{name}", object_._memory(name).put)
    elif kind in SERVERS:
        server: Cloud = request.getfixturevalue(kind)
        server.behave()
        url = server.bucket(f"bucket-{uuid4().hex[:12]}")
        with remote.using(server.options):
            yield Place(url, server.store(url).put)
    elif kind == "http":
        url, folder = request.getfixturevalue("http_folder")
        yield Place(url, _files(folder), writes=False, lists=False)
    elif kind == "zarr-local":
        yield Place(locate(zarr.storage.LocalStore(tmp_path)), _files(tmp_path))
    else:
        from obstore.store import MemoryStore

        store: Any = zarr.storage.MemoryStore() if kind == "zarr-memory" else zarr.storage.ObjectStore(MemoryStore())
        buffer = default_buffer_prototype().buffer
        path = locate(store)
        there = Place(path, lambda key, raw: sync(store.set(key, buffer.from_bytes(raw))))
        there.keep = path
        yield there


def test_absent_present_and_empty(place: Place) -> None:
    place.put("g/a/zarr.json", b"{}")
    file = f"{place.path}/g/a/zarr.json"
    assert (read(file), exists(file)) == (b"{}", True)
    for absent in ("g/a/.zattrs", "g/zarr.json", "nothing/zarr.json", "g/a/zarr.json2", "g/a/zarr", "a b/é/%2F"):
        assert read(f"{place.path}/{absent}") is None
        assert not exists(f"{place.path}/{absent}")


def test_what_is_too_large_is_refused(place: Place) -> None:
    place.put("a/zarr.json", b"x" * 100)
    assert len(read(f"{place.path}/a/zarr.json", Limits(100, 50)) or b"") == 100
    with pytest.raises(DocumentError, match="too large"):
        read(f"{place.path}/a/zarr.json", Limits(99, 50))


def test_folders_are_listed_one_level_deep(place: Place) -> None:
    keys = ("zarr.json", "b/zarr.json", "b/c/0/0/zarr.json", "a/.zarray", ".hidden/zarr.json", "ä ö/attributes.json")
    for key in (*(f"g/{key}" for key in keys), "g2/x/zarr.json"):
        place.put(key, b"{}")
    if not place.lists:
        place.put("g/zarr.json", '{"attributes": {"labels": ["b", "a", "ä ö", ".hidden", "../g2", "/etc"]}}'.encode())
    assert list(list_folders(f"{place.path}/g")) == [("a", False), ("b", False), ("ä ö", False)]


def test_more_folders_than_one_page_holds(place: Place) -> None:
    if not place.lists or not place.writes:
        pytest.skip("there are no pages")
    names = [f"{number:05}" for number in range(1010)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: place.put(f"g/{name}/zarr.json", b"{}"), names))
    assert [name for name, _ in list_folders(f"{place.path}/g")] == names


def test_more_keys_are_cleared_than_one_page_holds(place: Place) -> None:
    if not place.writes or not is_url(place.path):
        pytest.skip("folders are not cleared key by key")
    names = [f"c/{number:05}" for number in range(1010)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: place.put(f"g/{name}", b"1"), names))
    place.put("g2/x", b"1")
    remote.store_of(place.path)[0].clear("g")
    assert list(list_folders(place.path)) == [("g2", False)]


@pytest.fixture
def writable(place: Place) -> Place:
    if not place.writes:
        pytest.skip("the store is read-only")
    return place


def test_a_write_needs_what_was_read(writable: Place) -> None:
    writable.put("a/b.json", b"0")
    file, new = f"{writable.path}/a/b.json", f"{writable.path}/a/new.json"
    assert not write([Change(file, b"other", b"1")])
    assert not write([Change(file, None, b"1")])
    assert not write([Change(new, b"0", b"1")])
    assert (read(file), read(new)) == (b"0", None)
    assert write([Change(file, b"0", b"1")])
    assert write([Change(new, None, b"2")])
    assert not write([Change(new, None, b"3")])
    assert (read(file), read(new)) == (b"1", b"2")


def test_a_token_that_is_stale_is_no_leave_to_write(writable: Place) -> None:
    if not is_url(writable.path):
        pytest.skip("files are locked")
    writable.put("a.json", b"0")
    store, key = remote.store_of(f"{writable.path}/a.json")
    first = store.read(key)
    assert first is not None
    assert store.put(key, b"1", first.token)
    assert not store.put(key, b"2", first.token)
    assert not store.put(key, b"2", None)
    assert not store.delete(key, first.token)
    assert store.read(key) != first
    latest = store.read(key)
    assert latest is not None
    assert (latest.raw, store.delete(key, latest.token), store.read(key)) == (b"1", True, None)
    assert not store.put(key, b"2", latest.token)
    assert store.read(key) is None


def test_a_folder_is_cleared_and_what_is_beside_it_stays(writable: Place) -> None:
    if not is_url(writable.path):
        pytest.skip("folders of files are renamed")
    below = ("a/b/zarr.json", "a/b/.zattrs", "a/b/c/0/0", "a/b/b/x", "a/b/a/b/x", "a/b/ä ö/%2F")
    beside = ("a/b", "a/b.json", "a/bc/x", "a/b c/x", "a/B/x", "a/zarr.json", "a/.b/x", "b/x", "x")
    for key in (*below, *beside):
        writable.put(key, b"1")
    store, folder = remote.store_of(f"{writable.path}/a/b")
    for _ in range(2):  # the second time, nothing is there
        store.clear(folder)
        assert [key for key in (*below, *beside) if exists(f"{writable.path}/{key}")] == list(beside)
    with pytest.raises(StoreError, match="root of a bucket or store is not cleared"):
        store.clear("")
    assert exists(f"{writable.path}/x")


class _Late:
    """A store whose listing names a key that is gone by then."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def list(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        yield [{"path": "a/b/gone"}]
        yield [{"path": "a/b/0/gone"}, *(entry for page in self._store.list(*args, **kwargs) for entry in page)]


def test_a_key_that_somebody_else_has_removed_is_no_failure(writable: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    store = remote.store_of(writable.path)[0] if is_url(writable.path) else None
    if not isinstance(store, object_.ObjectStore):
        pytest.skip("nothing is listed before")
    writable.put("a/b/0/0", b"1")
    writable.put("a/b/1/0", b"1")
    monkeypatch.setattr(store, "_store", _Late(store._store))
    store.clear("a/b")
    assert not exists(f"{writable.path}/a/b/0/0")
    assert not exists(f"{writable.path}/a/b/1/0")


def test_several_documents_or_none(writable: Place) -> None:
    writable.put("a.json", b"0")
    writable.put("b.json", b"0")
    one, other, new = (f"{writable.path}/{name}.json" for name in ("a", "b", "c"))
    assert not write([Change(one, b"0", b"1"), Change(other, b"stale", b"1"), Change(new, None, b"1")])
    assert (read(one), read(other), read(new)) == (b"0", b"0", None)
    assert write([Change(one, b"0", b"1"), Change(other, b"0", b"1"), Change(new, None, b"1")])
    assert (read(one), read(other), read(new)) == (b"1", b"1", b"1")


def test_a_document_is_removed_if_it_is_what_was_read(writable: Place) -> None:
    writable.put("a.json", b"0")
    writable.put("b.json", b"0")
    file, other = f"{writable.path}/a.json", f"{writable.path}/b.json"
    assert not write([Change(file, b"stale", None)])
    assert not write([Change(file, b"0", None), Change(other, b"stale", b"1")])
    assert (read(file), read(other)) == (b"0", b"0")
    assert write([Change(file, b"0", None), Change(other, b"0", b"1")])
    assert (read(file), read(other)) == (None, b"1")


def test_of_writers_at_one_moment_one_wins(writable: Place) -> None:
    writable.put("a.json", b"0")
    file = f"{writable.path}/a.json"
    ready = threading.Barrier(4)
    options = remote._OPTIONS.get()
    won: list[int] = []

    def attempt(number: int) -> None:
        with remote.using(dict(options)):
            ready.wait()
            if write([Change(file, b"0", b"%d" % number)]):
                won.append(number)

    threads = [threading.Thread(target=attempt, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [b"%d" % number for number in won] == [read(file)]


# --- failure is not absence ---------------------------------------------------------------------------------------------


def test_failure_is_not_absence_locally(tmp_path: Path) -> None:
    (tmp_path / "zarr.json").mkdir()
    with pytest.raises(StoreError, match="cannot read the file"):
        read(str(tmp_path / "zarr.json"))


def test_failure_is_not_absence_over_http(http_folder: tuple[str, Path]) -> None:
    with remote.using({"max_retries": "1"}), pytest.raises(StoreError, match="cannot read the object") as caught:
        read(f"{http_folder[0]}/broken/zarr.json")
    assert "500" in caught.value.found
    with pytest.raises(StoreError, match="cannot read the object"):
        read(f"{http_folder[0]}/closed/zarr.json")
    with remote.using({"max_retries": "0"}), pytest.raises(StoreError, match="cannot read the object"):
        read("http://127.0.0.1:9/zarr.json")


class _Failing(zarr.storage.MemoryStore):
    async def get(self, *args: Any, **kwargs: Any) -> Any:
        raise ConnectionError("gone")

    async def exists(self, *args: Any, **kwargs: Any) -> bool:
        raise ConnectionError("gone")


def test_failure_is_not_absence_in_a_store_object() -> None:
    path = locate(_Failing())
    for ask in (read, exists):
        with pytest.raises(StoreError, match="cannot read the object") as caught:
            ask(f"{path}/zarr.json")
        assert caught.value.found == "ConnectionError: gone"


#: What a store may do, and what is said then.
FAILURES: list[tuple[dict[str, Any], str]] = [
    ({"forbidden": True}, "check the credentials"),
    ({"error": 1}, "try again later"),
    ({"busy": 1}, "try again later"),
    ({"reset": 1}, "try again later"),
    ({"hang": 1}, "try again later"),
]


@pytest.mark.parametrize(
    ("how", "words"), [*FAILURES, ({"cut": 1}, "")], ids=lambda how: str(how) if isinstance(how, dict) else ""
)
def test_failure_is_not_absence_on_s3(s3: Cloud, bucket: str, how: dict[str, Any], words: str) -> None:
    s3.store(bucket.removeprefix("s3://")).put("zarr.json", b'{"zarr_format": 3}' * 100)
    s3.behave(**how)
    with remote.using({**s3.options, "max_retries": "1", "timeout": "1"}):
        with pytest.raises(StoreError, match="cannot read the object") as caught:
            read(f"{bucket}/zarr.json")
        assert words in caught.value.hint
        assert caught.value.where == f"{bucket}/zarr.json"
        if "cut" not in how:
            for ask in (exists, list_folders):
                with pytest.raises(StoreError, match="cannot"):
                    ask(f"{bucket}/zarr.json")


def test_a_bucket_that_is_not_there_is_no_absence(s3: Cloud) -> None:
    for ask in (read, exists, list_folders):
        with (
            remote.using({**s3.options, "max_retries": f"{len(ask.__name__)}"}),
            pytest.raises(StoreError, match="no such bucket"),
        ):
            ask("s3://no-such-bucket/zarr.json")
    with remote.using(s3.options), pytest.raises(StoreError, match="no such bucket"):
        remote.store_of("s3://no-such-bucket/a")[0].put("a", b"", ("1", None))


def test_a_listing_asks_for_one_level(s3: Cloud, bucket: str) -> None:
    store = s3.store(bucket.removeprefix("s3://"))
    for number in range(3):
        store.put(f"g/{number}/c/0/0", b"")
    s3.behave()
    with remote.using(s3.options):
        assert [name for name, _ in list_folders(f"{bucket}/g")] == ["0", "1", "2"]
    assert s3.log() == [f"GET /{bucket[5:]}?delimiter=%2F&list-type=2&prefix=g%2F"]


def test_keys_are_removed_in_bulk(s3: Cloud, bucket: str) -> None:
    store, prefix = s3.store(bucket), f"/{bucket[5:]}"
    for key in ("a/b/0", "a/b/1", "a/b", "a/bc"):
        store.put(key, b"1")
    s3._ask(Request("PUT", f"{prefix}/a/b/", {}, b""), s3.straight)  # the folder, as the web pages of S3 make one
    s3.behave()
    with remote.using(s3.options):
        remote.store_of(bucket)[0].clear("a/b")
    assert s3.log() == [f"GET {prefix}?list-type=2&prefix=a%2Fb%2F", f"POST {prefix}?delete"]
    assert (bytes(store.get("a/b").bytes()), bytes(store.get("a/bc").bytes())) == (b"1", b"1")
    assert not [entry for page in store.list("a/b") for entry in page if entry["path"] != "a/b"]


def test_a_listing_that_breaks_off_is_made_again(s3: Cloud, bucket: str) -> None:
    for number in range(8):
        s3.store(bucket).put(f"a/b/{number}", b"1")
    s3.behave(cut=0.6, only="GET", seed=1)
    with remote.using(s3.options):
        remote.store_of(bucket)[0].clear("a/b")
    assert len([asked for asked in s3.log() if asked.startswith("GET")]) > 1
    assert not [entry for page in s3.store(bucket).list() for entry in page]


def test_what_cannot_be_cleared_is_told_of(s3: Cloud, bucket: str) -> None:
    s3.store(bucket).put("a/b/0", b"1")
    s3._ask(Request("PUT", f"/{bucket[5:]}/a/b//x", {}, b""), s3.straight)  # a key that obstore has no name for
    with remote.using(s3.options), pytest.raises(StoreError, match="cannot clear the folder") as caught:
        remote.store_of(bucket)[0].clear("a/b")
    assert "a/b//x" in caught.value.found
    assert caught.value.where == f"{bucket}/a/b"
    s3.behave(forbidden=True)
    with remote.using(s3.options), pytest.raises(StoreError, match="cannot clear the folder") as caught:
        remote.store_of(bucket)[0].clear("a/b")
    assert "check the credentials" in caught.value.hint


# --- what cannot be written -----------------------------------------------------------------------------------------------


def test_read_only_stores_refuse(http_folder: tuple[str, Path]) -> None:
    url, folder = http_folder
    (folder / "a.json").write_bytes(b"0")
    with pytest.raises(NotWritableError, match="over HTTP cannot be written"):
        write([Change(f"{url}/a.json", b"0", b"1")])
    store = zarr.storage.MemoryStore(read_only=True)
    path = locate(store)
    with pytest.raises(StoreError, match="cannot write the object"):
        write([Change(f"{path}/a.json", None, b"1")])
    with pytest.raises(StoreError, match="cannot clear the folder"):
        remote.store_of(path)[0].clear("a")
    with pytest.raises(NotWritableError, match="over HTTP cannot be written"):
        remote.store_of(url)[0].clear("a")


class _Other(zarr.storage.MemoryStore):
    """A store whose guarantees nobody knows."""


def test_a_store_object_without_conditions_is_refused_unless_told_otherwise() -> None:
    path = locate(_Other())
    with pytest.raises(StoreError, match="no conditional writes") as caught:
        write([Change(f"{path}/a.json", None, b"1")])
    assert caught.value.found == "_Other"
    with remote.using({"unsafe_concurrency": "true"}):
        assert write([Change(f"{path}/a.json", None, b"1")])
    assert read(f"{path}/a.json") == b"1"


def test_a_store_object_that_is_gone_is_told_of() -> None:
    store = zarr.storage.MemoryStore()
    path = str(locate(store))
    assert locate(store) == path
    assert read(f"{path}/zarr.json") is None
    del store
    with pytest.raises(StoreError, match="not there any more"):
        read(f"{path}/zarr.json")


def test_names_that_metadata_states_stay_below() -> None:
    names = ["a", "a/b", "../a", "a/../b", "/a", "", "a//b", ".", "a\0b", "s3://b/a"]
    assert [name for name in names if is_plain(name)] == ["a", "a/b"]


# --- URLs ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("s3://b", "s3://b"), ("s3://b/", "s3://b"), ("S3://b//a/./c/../d/", "s3://b/a/d"), ("gs://b/a b", "gs://b/a b"),
        ("https://h:80/a%20b", "https://h:80/a%20b"), ("file:///a/b/", "/a/b"), ("file:///a%20b", "/a b"),
        ("abfss://c@a.dfs.core.windows.net/x", "abfss://c@a.dfs.core.windows.net/x"),
    ],
)  # fmt: skip
def test_urls_keep_their_slashes(url: str, normal: str) -> None:
    assert normal_url(url) == normal
    assert normal_url(normal) == normal if is_url(normal) else Path(normal).is_absolute()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("zz://b/a", "there is no store"), ("s3:///a", "names no bucket"), ("s3://b/../c", "leaves its bucket"),
        ("https://h/a?b", "query"), ("https://h/a#b", "query"), ("ftp://h/a", "there is no store"),
    ],
)  # fmt: skip
def test_urls_that_are_none(url: str, words: str) -> None:
    with pytest.raises(StoreError, match=words):
        normal_url(url)


def test_what_is_above_a_url() -> None:
    assert [parent("s3://b/a/c"), parent("s3://b/a"), parent("s3://b"), parent("/a/b")] == [
        "s3://b/a",
        "s3://b",
        "s3://b",
        "/a",
    ]
    assert split_url("s3://b/a/c") == ("s3://b", "a/c")
    assert split_url("s3://b") == ("s3://b", "")
    assert not is_url("/data/s3://b")
    assert not is_url("a/s3://b")
    assert not is_url("C://b")


OPTIONS: dict[str, dict[str, str]] = {
    "s3": {"region": "eu-west-1", "anonymous": "true"},
    "gs": {"anonymous": "true"},
    "az": {"account_name": "a", "anonymous": "yes", "timeout": "20"},
    "https": {"proxy_url": "http://127.0.0.1:9"},
    "memory": {},
}


@pytest.mark.parametrize("scheme", OPTIONS)
def test_every_scheme_makes_its_store(scheme: str) -> None:
    store = object_.open_store(f"{scheme}://name", OPTIONS[scheme])
    assert type(store._store).__name__.lower().startswith({"gs": "gcs", "az": "azure", "https": "http"}.get(scheme, scheme))
    assert (store.can_write, store.can_list) == ((False, False) if scheme == "https" else (True, True))
    assert set(OPTIONS) <= set(SCHEMES.values())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"colour": "red"}, "colour"), ({"anonymous": "perhaps"}, "true or false"), ({"max_retries": "-1"}, "whole number"),
        ({"unsafe_concurrency": ""}, "true or false"), ({"timeout": "soon"}, ""), ({"profile": "no-such"}, "profile"),
    ],
    ids=str,
)  # fmt: skip
def test_wrong_options_are_refused(options: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=r"option|profile") as caught:
        object_.open_store("s3://bucket", options)
    assert words in str(caught.value)
    assert "Debug source" not in str(caught.value)
