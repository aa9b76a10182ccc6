"""Arrays of object stores that are replaced: a reader finds the old one, none, or the new one; what is beside it stays."""

from __future__ import annotations

import json
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr
from funlib.geometry import Roi
from test_stores import SERVERS, http_folder, place  # noqa: F401 - fixtures

from zmeta import (
    ArrayExistsError,
    ArrayIdentifier,
    Config,
    ConflictError,
    NodeNotFoundError,
    NotWritableError,
    StoreError,
    ZarrArray,
)
from zmeta.array import make
from zmeta.nodes.node import read_node
from zmeta.nodes.write import Change, write
from zmeta.stores import object_, remote
from zmeta.stores.registry import exists, read

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cloud import Cloud
    from test_stores import Place

    from zmeta.nodes.node import Node

ROI = Roi((0, 0), (8, 8))
FORMATS = (2, 3)
MARK = "a.zarr/g/.raw.zmeta-old"


#: Stores that are written and have no rename.
STORES = pytest.mark.parametrize("place", ["memory", *SERVERS, "zarr-memory", "zarr-obstore"], indirect=True)


@pytest.fixture
def memory(request: pytest.FixtureRequest) -> str:
    """The URL of an empty store in memory."""
    return f"memory://{request.node.name}"


def create(url: str, dataset: str = "g/raw", **changes: Any) -> ZarrArray:
    arguments: dict[str, Any] = {"voxel_size": (1, 1), "dtype": "uint8", "write_size": (4, 4), **changes}
    identifier = ArrayIdentifier(container=url, dataset=dataset)
    return ZarrArray.create_from_array_identifier(identifier, ["y", "x"], ROI, None, config=Config(), **arguments)


def made(url: str, zarr_format: Any = 3) -> list[str]:
    """Make an array with data, and return the keys of its chunks."""
    create(url, zarr_format=zarr_format, attributes={"old": 1})[ROI] = 7
    keys = [f"g/raw/c/{y}/{x}" if zarr_format == 3 else f"g/raw/{y}.{x}" for y in range(2) for x in range(2)]
    assert all(exists(f"{url}/{key}") for key in keys)
    return keys


def documents(url: str) -> dict[str, bytes | None]:
    return {name: read(f"{url}/g/raw/{name}") for name in ("zarr.json", ".zarray", ".zattrs")}


@STORES
@pytest.mark.parametrize("zarr_format", FORMATS)
def test_an_array_is_replaced(place: Place, zarr_format: Any) -> None:  # noqa: F811
    url = f"{place.path}/a.zarr"
    chunks = made(url, zarr_format)
    beside = ("g/raw2/c/0/0", "g/raw.json", "g/raw.zarr/x", "g/.raw/x", "raw/x")
    for key in (*beside, "below/of/it"):
        place.put(f"a.zarr/{key}" if key in beside else f"a.zarr/g/raw/{key}", b"1")
    create(url, "g/other", zarr_format=zarr_format)[ROI] = 5
    array = create(url, overwrite=True, write_size=(8, 8), dtype="uint16", attributes={"new": 1})
    assert (array.dtype, array.data.chunks, array.data.metadata.zarr_format) == (np.dtype("uint16"), (8, 8), zarr_format)
    assert (dict(array.attrs).get("old"), array.attrs["new"]) == (None, 1)
    assert not array.to_ndarray().any()
    assert not [key for key in (*chunks, "g/raw/below/of/it", "g/.raw.zmeta-old") if exists(f"{url}/{key}")]
    assert [key for key in beside if exists(f"{url}/{key}")] == list(beside)
    assert (create(url, "g/other").to_ndarray() == 5).all()
    array[ROI] = 3
    assert (create(url, write_size=(8, 8), dtype="uint16").to_ndarray() == 3).all()


@pytest.mark.parametrize("zarr_format", FORMATS)
def test_where_nothing_is_it_is_made(memory: str, zarr_format: Any) -> None:
    array = create(f"{memory}/a.zarr", overwrite=True, zarr_format=zarr_format)
    assert array.data.metadata.zarr_format == zarr_format
    assert not exists(f"{memory}/{MARK}")


def _group(url: str) -> None:
    write([Change(f"{url}/g/raw/zarr.json", None, b'{"zarr_format": 3, "node_type": "group", "attributes": {}}')])


def _something(url: str) -> None:
    write([Change(f"{url}/g/raw/notes.txt", None, b"x")])


@pytest.mark.parametrize(("put", "message"), [(_group, "a group stands"), (_something, "something else stands")])
def test_what_is_no_array_is_never_replaced(memory: str, put: Callable[[str], None], message: str) -> None:
    put(f"{memory}/a.zarr")
    with pytest.raises(ArrayExistsError, match=message):
        create(f"{memory}/a.zarr", overwrite=True)
    assert exists(f"{memory}/a.zarr/g/raw/zarr.json") or exists(f"{memory}/a.zarr/g/raw/notes.txt")


def test_the_root_of_a_store_is_not_cleared() -> None:
    store = zarr.storage.MemoryStore()
    create(store, "")[ROI] = 7  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="the root of a bucket or store is not cleared"):
        create(store, "", overwrite=True)  # type: ignore[arg-type]
    assert (create(store, "").to_ndarray() == 7).all()  # type: ignore[arg-type]


def test_what_cannot_be_written_is_not_replaced(http_folder: tuple[str, Path]) -> None:  # noqa: F811
    url, folder = http_folder
    zarr.create_array(folder / "a.zarr", name="g/raw", shape=(8, 8), dtype="uint8")[:] = 7
    with pytest.raises(NotWritableError, match="over HTTP cannot be written"):
        create(f"{url}/a.zarr", overwrite=True)
    assert np.asarray(zarr.open_array(folder / "a.zarr/g/raw", mode="r")[:]).all()


# --- what a reader finds ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("zarr_format", "twin"), [(2, ""), (3, ""), (3, ".zarray"), (2, "attributes.json"), (2, ".zgroup")])
def test_at_every_moment_a_reader_finds_the_old_array_none_or_the_new_one(
    memory: str, zarr_format: Any, twin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"{memory}/a.zarr"
    chunks = made(url, zarr_format)
    if twin:
        there = {".zarray": {"zarr_format": 2, "shape": [1], "dtype": "|u1"}, ".zgroup": {"zarr_format": 2}}
        n5 = {"dimensions": [1], "blockSize": [1], "dataType": "uint8"}
        write([Change(f"{url}/g/raw/{twin}", None, json.dumps(there.get(twin, n5)).encode())])
    found: list[str] = []

    def look() -> None:
        node = read_node(f"{url}/g/raw")
        if node is None:
            found.append("none")
        elif "new" in node.attributes:
            found.append("new")
            assert not any(exists(f"{url}/{key}") for key in chunks)
        else:
            found.append("old")
            assert node.attributes["old"] == 1
            assert (node.kind, node.format, node.shape) == ("array", zarr_format, (8, 8))
            assert all(exists(f"{url}/{key}") for key in chunks)

    def watched(name: str) -> None:
        function = getattr(object_.ObjectStore, name)

        def call(*args: Any) -> Any:
            look()
            answer = function(*args)
            look()
            return answer

        monkeypatch.setattr(object_.ObjectStore, name, call)

    for name in ("put", "delete", "_remove"):
        watched(name)
    create(url, overwrite=True, attributes={"new": 1})
    assert list(dict.fromkeys(found)) == ["old", "none", "new"]
    assert sorted(found, key=["old", "none", "new"].index) == found


@pytest.mark.parametrize("zarr_format", FORMATS)
def test_a_consolidated_copy_never_names_an_array_that_is_half_gone(
    memory: str, zarr_format: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"{memory}/a.zarr"
    made(url, zarr_format)
    create(url, "g/other")
    store = zarr.storage.ObjectStore(object_._memory(memory.removeprefix("memory://")))
    with pytest.warns(zarr.errors.ZarrUserWarning) if zarr_format == 3 else nullcontext():
        zarr.consolidate_metadata(store, path="a.zarr")

    def listed() -> dict[str, Any]:
        return dict(zarr.open_consolidated(store, path="a.zarr", zarr_format=zarr_format).members(max_depth=None))

    assert set(listed()) == {"g", "g/raw", "g/other"}
    clear = object_.ObjectStore.clear

    def look(self: object_.ObjectStore, folder: str) -> None:
        assert set(listed()) == {"g", "g/other"}
        clear(self, folder)

    monkeypatch.setattr(object_.ObjectStore, "clear", look)
    create(url, overwrite=True, write_size=(8, 8), attributes={"new": 1})
    assert set(listed()) == {"g", "g/raw", "g/other"}
    assert listed()["g/raw"].chunks == (8, 8)
    assert listed()["g/raw"].attrs["new"] == 1


# --- others, and what fails ---------------------------------------------------------------------------------------------


@STORES
@pytest.mark.parametrize("zarr_format", FORMATS)
@pytest.mark.parametrize("step", ["_remove_documents", "_consolidate"])
def test_of_an_array_that_was_changed_meanwhile_nothing_is_removed(
    place: Place,  # noqa: F811
    zarr_format: Any,
    step: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = f"{place.path}/a.zarr"
    made(url, zarr_format)
    create(url, "g/other")
    name = "zarr.json" if zarr_format == 3 else ".zattrs"
    function = getattr(make, step)

    def meanwhile(*args: Any) -> Any:
        monkeypatch.setattr(make, step, function)
        place.put(f"a.zarr/g/raw/{name}", (before[name] or b"").replace(b'"old": 1', b'"old": 2'))
        return function(*args)

    before = documents(url)
    monkeypatch.setattr(make, step, meanwhile)
    with pytest.raises(ConflictError, match="changed by somebody else meanwhile") as caught:
        create(url, overwrite=True)
    assert "nothing was removed" in caught.value.hint
    array = create(url)
    assert array.attrs["old"] == 2
    assert (array.to_ndarray() == 7).all()
    assert {**documents(url), name: before[name]} == before
    assert not exists(f"{place.path}/{MARK}")
    assert not create(url, overwrite=True).to_ndarray().any()


def _refusing(patch: pytest.MonkeyPatch, verb: str, document: str) -> None:
    """Let the store refuse to write or remove one document."""
    function = getattr(object_.ObjectStore, verb)

    def refuse(self: object_.ObjectStore, key: str, *args: Any) -> Any:
        if key.endswith(document):
            raise StoreError(f"cannot {verb} the object", where=key)
        return function(self, key, *args)

    patch.setattr(object_.ObjectStore, verb, refuse)


@pytest.mark.parametrize("document", [".zarray", ".zattrs"])
def test_of_an_array_that_cannot_be_removed_all_stays(memory: str, document: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"{memory}/a.zarr"
    made(url, 2)
    before = documents(url)
    _refusing(monkeypatch, "delete", document)
    with pytest.raises(StoreError, match="cannot delete the object"):
        create(url, overwrite=True)
    assert documents(url) == before
    assert (create(url).to_ndarray() == 7).all()
    assert not exists(f"{memory}/{MARK}")


def test_what_could_not_be_put_back_is_finished_by_the_next_call(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"{memory}/a.zarr"
    made(url, 2)
    with monkeypatch.context() as patch:
        _refusing(patch, "delete", ".zattrs")
        _refusing(patch, "put", ".zarray")
        with pytest.raises(StoreError, match="cannot delete the object"):
            create(url, overwrite=True)
    assert [name for name, raw in documents(url).items() if raw is not None] == [".zattrs"]
    assert exists(f"{memory}/{MARK}")
    array = create(url, overwrite=True, attributes={"new": 1})
    assert "old" not in array.attrs
    assert not array.to_ndarray().any()
    assert not exists(f"{memory}/{MARK}")


def _broken(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Let the store fail after the first two chunks."""
    remove, count = object_.ObjectStore._remove, 0

    def fail(self: object_.ObjectStore, keys: list[str]) -> None:
        nonlocal count
        count += 1
        if count > 1:
            raise error
        remove(self, keys)

    monkeypatch.setattr(object_, "_PAGE", 2)
    monkeypatch.setattr(object_.ObjectStore, "_remove", fail)


@pytest.mark.parametrize("place", ["memory", *SERVERS, "zarr-obstore"], indirect=True)
@pytest.mark.parametrize("zarr_format", FORMATS)
def test_a_failure_in_the_middle_is_told_of_and_the_next_call_goes_on(
    place: Place,  # noqa: F811
    zarr_format: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = f"{place.path}/a.zarr"
    chunks = made(url, zarr_format)
    with monkeypatch.context() as patch:
        _broken(patch, PermissionError("refused"))
        with pytest.raises(PermissionError):  # not one of a store: it passes as it is
            create(url, overwrite=True)
    left = [key for key in chunks if exists(f"{url}/{key}")]
    assert len(left) == 2
    with pytest.raises(NodeNotFoundError):
        ZarrArray.open_from_array_identifier(ArrayIdentifier(container=url, dataset="g/raw"), config=Config())
    with pytest.raises(ArrayExistsError, match="chunks are left of an array that was being replaced") as exists_:
        create(url)
    assert "overwrite=True" in exists_.value.hint
    with monkeypatch.context() as patch:
        _broken(patch, StoreError("cannot clear the folder", found="Slow Down"))
        place.put("a.zarr/g/raw/1", b"1")
        with pytest.raises(StoreError, match="the array that stood there is gone") as gone:
            create(url, overwrite=True)
    assert (gone.value.where, gone.value.found) == (f"{url}/g/raw", "cannot clear the folder: Slow Down")
    assert "run the same call again" in gone.value.hint
    array = create(url, overwrite=True, attributes={"new": 1})
    assert not array.to_ndarray().any()
    assert not [key for key in chunks if exists(f"{url}/{key}")]
    assert not exists(f"{url}/g/.raw.zmeta-old")
    assert array.data.metadata.zarr_format == zarr_format


def test_a_server_that_refuses_in_the_middle(s3: Cloud, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"{bucket}/a.zarr"
    remove = object_.ObjectStore._remove

    def once(self: object_.ObjectStore, keys: list[str]) -> None:
        remove(self, keys)
        s3.behave(forbidden=True)

    with remote.using(s3.options):
        chunks = made(url)
        monkeypatch.setattr(object_, "_PAGE", 2)
        monkeypatch.setattr(object_.ObjectStore, "_remove", once)
        with pytest.raises(StoreError, match="the array that stood there is gone") as caught:
            create(url, overwrite=True)
        assert caught.value.found.startswith("cannot clear the folder: ")
        assert "403" in caught.value.found
        s3.behave()
        assert [exists(f"{url}/{key}") for key in chunks].count(True) == 2
        monkeypatch.setattr(object_.ObjectStore, "_remove", remove)
        assert not create(url, overwrite=True).to_ndarray().any()
        assert not [key for key in chunks if exists(f"{url}/{key}")]


def test_the_format_of_an_array_that_is_gone_is_kept(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one that is a container itself there is no group that tells it."""
    create(f"{memory}/a", "", zarr_format=2)[ROI] = 7
    with monkeypatch.context() as patch:
        _broken(patch, StoreError("cannot clear the folder"))
        with pytest.raises(StoreError, match="the array that stood there is gone"):
            create(f"{memory}/a", "", overwrite=True)
    assert create(f"{memory}/a", "", overwrite=True).data.metadata.zarr_format == 2
    assert not exists(f"{memory}/.a.zmeta-old")


@pytest.mark.parametrize("meanwhile", [False, True])
def test_a_mark_that_was_left_goes(memory: str, meanwhile: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The chunks are gone, and perhaps somebody makes an array in their place."""
    url = f"{memory}/a.zarr"
    made(url)
    old = documents(url)["zarr.json"]
    with monkeypatch.context() as patch:

        def fail(path: str) -> None:
            raise StoreError("cannot remove the object", where=path)

        patch.setattr(make, "_remove_mark", fail)
        with pytest.raises(StoreError, match="the array that stood there is gone"):
            create(url, overwrite=True)
    assert exists(f"{memory}/{MARK}")
    if not meanwhile:
        assert create(url, overwrite=True).roi == ROI
        assert not exists(f"{memory}/{MARK}")
        return
    function = make._remove_documents

    def made_first(node: Node, left: Node) -> None:
        write([Change(f"{url}/g/raw/zarr.json", None, old)])
        function(node, left)

    with monkeypatch.context() as patch:
        patch.setattr(make, "_remove_documents", made_first)
        with pytest.raises(ConflictError, match="changed by somebody else meanwhile"):
            create(url, overwrite=True)
    assert documents(url)["zarr.json"] == old


def test_a_failure_after_the_old_array_is_gone_is_told_of(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"{memory}/a.zarr"
    chunks = made(url)
    with monkeypatch.context() as patch:

        def fail(*_: object) -> None:
            raise ConflictError("the document was changed by others", where=url)

        patch.setattr(make, "_edit_groups", fail)
        with pytest.raises(StoreError, match="is gone, and the new one could not be made") as caught:
            create(url, overwrite=True)
    assert isinstance(caught.value.__cause__, ConflictError)
    assert not [key for key in (*chunks, "g/raw/zarr.json", "g/.raw.zmeta-old") if exists(f"{url}/{key}")]
    assert create(url, overwrite=True).roi == ROI


@STORES
def test_an_array_made_by_another_process_meanwhile_stays(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    url = f"{place.path}/a.zarr"
    made(url)
    theirs = documents(url)["zarr.json"] or b""
    function = make._remove_rest

    def meanwhile(path: str) -> None:
        function(path)
        place.put("a.zarr/g/raw/zarr.json", theirs)

    monkeypatch.setattr(make, "_remove_rest", meanwhile)
    with pytest.raises(ArrayExistsError, match="somebody else made something in the place"):
        create(url, overwrite=True)
    assert documents(url)["zarr.json"] == theirs


def test_of_two_that_replace_one_array_one_is_refused(memory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"{memory}/a.zarr"
    made(url)
    function = make._remove_documents

    def first(node: Node, old: Node) -> None:
        monkeypatch.setattr(make, "_remove_documents", function)
        create(url, overwrite=True, attributes={"by": "the other"})[ROI] = 9
        function(node, old)

    monkeypatch.setattr(make, "_remove_documents", first)
    with pytest.raises(ConflictError, match="changed by somebody else meanwhile"):
        create(url, overwrite=True)
    array = create(url)
    assert (array.to_ndarray() == 9).all()
    assert array.attrs["by"] == "the other"
