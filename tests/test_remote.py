"""URLs in the hands of users: the same answers as for a folder, against a real S3 server over a real connection."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import warnings
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr
from builders import N5, SOUND, V2, V3
from funlib.geometry import Roi
from test_stores import http_folder  # noqa: F401 - a fixture

import zmeta
from zmeta import (
    ArrayExistsError,
    ArrayIdentifier,
    Config,
    ConfigError,
    ConflictError,
    NodeNotFoundError,
    NotWritableError,
    StoreError,
    ZarrArray,
    ZarrArrayConfig,
    add_metadata,
    read_metadata,
)
from zmeta.array.n5 import _place
from zmeta.cli.main import main
from zmeta.nodes import swap
from zmeta.nodes import write as write_module
from zmeta.nodes.write import Change, update, write
from zmeta.stores import object_, remote
from zmeta.stores.registry import list_folders, read

if TYPE_CHECKING:
    from cloud import Cloud

GROUP3 = {"zarr_format": 3, "node_type": "group", "attributes": {}}
IMAGE: dict[str, Any] = {"ome": {"version": "0.5", "multiscales": [{
    "axes": [{"name": name, "type": "space", "unit": "nanometer"} for name in "zyx"],
    "datasets": [{"path": name, "coordinateTransformations": [{"type": "scale", "scale": [size, 4.0, 4.0]}]}
                 for name, size in (("0", 40.0), ("1", 80.0), ("2", 160.0))],
}]}}  # fmt: skip


ARRAYS = ("t/v3/sound", "t/v3/typo", "t/v3/twin", "t/v3/torn", "t/v3/image/0", "t/v3/image/1", "t/v2/a", "t/v2/b", "t/n5/a")


def tree() -> dict[str, Any]:
    """Documents of a tree with nodes of every format, sound ones and others, by key; chunks beside them."""
    documents: dict[str, Any] = {
        "v3/zarr.json": GROUP3,
        "v3/sound/zarr.json": {**V3, "attributes": SOUND},
        "v3/typo/zarr.json": {**V3, "attributes": {"voxelsize": [1, 2, 3]}},
        "v3/twin/zarr.json": V3, "v3/twin/.zarray": V2,
        "v3/torn/zarr.json": b'{"zarr_format": 3, "node_type": "array", "sha',
        "v3/empty/zarr.json": b"",
        "v3/deep/zarr.json": GROUP3, "v3/deep/er/zarr.json": GROUP3, "v3/deep/er/a/zarr.json": {**V3, "attributes": SOUND},
        "v3/nothing/a/zarr.json": V3, "v3/.hidden/zarr.json": b"{",
        "v3/image/zarr.json": {**GROUP3, "attributes": IMAGE},
        "v3/image/0/zarr.json": {**V3, "dimension_names": ["z", "y", "x"]}, "v3/image/1/zarr.json": V3,
        "v2/.zgroup": {"zarr_format": 2}, "v2/a/.zarray": V2,
        "v2/a/.zattrs": {"resolution": [4, 4, "4"], "offset": [0, 0, 0]},
        "v2/b/.zarray": V2, "v2/b/attributes.json": N5, "v2/c/.zgroup": {"zarr_format": 2}, "v2/d/.zattrs": {"lost": 1},
        "v2/.zmetadata": {"zarr_consolidated_format": 1, "metadata": {
            ".zgroup": {"zarr_format": 2}, "a/.zarray": V2, "a/.zattrs": {"resolution": [4, 4, 4], "offset": [0, 0, 0]},
            "gone/.zarray": V2, "../out/.zarray": V2, "s3://else/a/.zarray": V2, "/etc/.zarray": V2}},
        "n5/attributes.json": {"n5": "4.0.0"}, "n5/a/attributes.json": {**N5, "resolution": [1, 2]},
        "n5/list/attributes.json": b"[]",
        "copied/zarr.json": {**GROUP3, "consolidated_metadata": {"kind": "inline", "must_understand": False, "metadata": {
            "a": {**V3, "attributes": {"k": 1}}, "gone": V3, "s3://else/a": V3, "../out": V3}}},
        "copied/a/zarr.json": {**V3, "attributes": {"k": 2}}, "copied/new/zarr.json": V3,
    }  # fmt: skip
    for array in ("v3/sound", "v3/image/0", "v3/torn"):
        documents |= {f"{array}/c/0/{index}/0": b"\0" for index in range(3)}
    documents |= {f"v2/a/{index}.0.0": b"\0" for index in range(3)} | {f"v2/b/0/{index}/0": b"\0" for index in range(3)}
    documents |= {f"n5/a/0/{index}/0": b"\0" for index in range(3)}
    return {key: data if isinstance(data, bytes) else json.dumps(data, indent=1).encode() for key, data in documents.items()}


def put(s3: Cloud, url: str, documents: dict[str, Any]) -> None:
    store = s3.store(url)
    for key, data in documents.items():
        store.put(key, data if isinstance(data, bytes) else json.dumps(data).encode())


def on_disk(folder: Path, documents: dict[str, bytes]) -> Path:
    for key, data in documents.items():
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(data)
    return folder


@pytest.fixture
def both(s3: Cloud, bucket: str, tmp_path: Path) -> tuple[str, Path]:
    """The tree on S3 and in a folder."""
    documents = tree()
    put(s3, bucket, {f"t/{key}": data for key, data in documents.items()})
    return f"{bucket}/t", on_disk(tmp_path / "t", documents)


def told(report: zmeta.Report, root: object) -> list[tuple[object, ...]]:
    return [(f.file.removeprefix(str(root)), f.code, f.pointer, f.line, f.column, f.message, f.found) for f in report]


# --- check --------------------------------------------------------------------------------------------------------------


def test_check_says_of_a_bucket_what_it_says_of_a_folder(
    s3: Cloud, both: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, folder = both
    monkeypatch.chdir(folder.parent)
    local = zmeta.check("t", config=Config())
    assert len(local.findings) > 25
    there = zmeta.check(url, config=s3.config())
    assert told(there, url) == told(local, "t")
    assert there.summary.arrays == local.summary.arrays
    assert there.summary.groups == local.summary.groups


@pytest.mark.parametrize("concurrency", [1, 2, 64])
def test_any_concurrency_says_the_same_and_asks_for_no_more(s3: Cloud, both: tuple[str, Path], concurrency: int) -> None:
    s3.behave(latency=0.005)
    report = zmeta.check(both[0], config=s3.config(concurrency=concurrency))
    assert s3.most() <= concurrency + 1
    asked = s3.log()
    assert told(report, both[0]) == told(zmeta.check(both[0], config=s3.config(concurrency=7)), both[0])
    again = {what: count for what, count in Counter(asked).items() if count > 2}
    assert not again


def test_no_folder_of_an_array_is_listed_and_no_chunk_is_read(s3: Cloud, both: tuple[str, Path]) -> None:
    s3.behave()
    zmeta.check(both[0], config=s3.config())
    main(["show", both[0], *s3.words])
    listed = {asked.partition("prefix=")[2].replace("%2F", "/") for asked in s3.log() if "list-type" in asked}
    groups = ("", "v3/", "v3/deep/", "v3/deep/er/", "v3/nothing/", "v3/image/", "v2/", "v2/c/", "v2/d/", "n5/", "copied/")
    assert listed >= {f"t/{group}" for group in groups}
    assert not {prefix for prefix in listed if prefix.startswith(ARRAYS)}
    assert all("delimiter=%2F" in asked for asked in s3.log() if "list-type" in asked)
    read_ = {asked.partition(" ")[2].rpartition("/")[2] for asked in s3.log() if "list-type" not in asked}
    assert read_ <= {"zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata", "attributes.json"}
    assert not [asked for asked in s3.log() if "/etc/" in asked or "out" in asked or "hidden" in asked]
    assert all(asked.split(" ")[1].startswith((f"/{both[0][5:]}", f"/{both[0][5:-2]}?", f"/{both[0][5:-2]}/"))
               for asked in s3.log())  # fmt: skip


@pytest.mark.parametrize(
    ("array", "most"),
    [({"zarr.json": V3}, 2), ({".zarray": V2, ".zattrs": SOUND}, 4), ({"attributes.json": N5}, 4)],
    ids=["v3", "v2", "n5"],
)
def test_requests_for_each_array(s3: Cloud, bucket: str, array: dict[str, Any], most: int) -> None:
    """The documents, and a look for one of another format beside them, however many arrays there are."""
    count = 30
    put(s3, bucket, {"t/zarr.json": GROUP3, **{f"t/a{index}/{name}": data for index in range(count)
                                               for name, data in array.items()}})  # fmt: skip
    s3.behave()
    assert zmeta.check(f"{bucket}/t", config=s3.config()).summary.arrays == count
    asked = Counter(line.rpartition("/")[0] for line in s3.log() if "/t/a" in line)
    assert sum(asked.values()) <= most * count
    assert len(s3.log()) - sum(asked.values()) <= 12  # for the group, and what is above it


@pytest.mark.parametrize("name", ["zarr.json", ".zarray", "attributes.json"])
@pytest.mark.parametrize("settings", [{"ignore": ("ZM004",)}, {"severity": {"ZM00": "off"}}, {"select": ("ZM1",)}], ids=str)
def test_what_stands_beside_an_array_is_not_asked_for_where_nobody_wants_to_know(
    s3: Cloud, bucket: str, name: str, settings: dict[str, Any]
) -> None:
    data = {"zarr.json": V3, ".zarray": V2, "attributes.json": N5}[name]
    documents = {f"a{index}/{name}": data for index in range(20)}
    put(s3, bucket, {"t/zarr.json": GROUP3, **{f"t/{key}": document for key, document in documents.items()}})
    s3.behave()
    assert zmeta.check(f"{bucket}/t", config=s3.config(**settings)).summary.arrays == 20
    read_ = sorted(asked for asked in s3.log() if "/t/a" in asked)
    before = {"zarr.json": [], ".zarray": ["zarr.json", ".zattrs"], "attributes.json": ["zarr.json", ".zarray", ".zgroup"]}
    assert read_ == sorted(f"GET /{bucket[5:]}/t/a{index}/{one}" for index in range(20) for one in (*before[name], name))


def test_what_stands_beside_some_arrays_only_is_told_of(s3: Cloud, bucket: str) -> None:
    put(s3, bucket, {"t/zarr.json": GROUP3} | {f"t/{key}/{name}": data for key in "ab"
                                              for name, data in (("zarr.json", V3), (".zarray", V2))})  # fmt: skip
    for settings, told_of in (({"ignore": ("ZM004",)}, {"ignore": ()}), ({}, {"ignore": ("ZM004",)})):
        s3.behave()
        report = zmeta.check(f"{bucket}/t", config=s3.config(**settings, overrides=((("**/a",), told_of),)))
        expected = "a" if settings else "b"
        assert [finding.file for finding in report if finding.code == "ZM004"] == [f"{bucket}/t/{expected}/.zarray"]
        heads = {asked.split("/")[-2] for asked in s3.log() if asked.startswith("HEAD")}
        assert heads == ({"a"} if settings else {"a", "b"})


def test_half_of_the_files_that_may_be_open_are_left(
    s3: Cloud, both: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    resource = pytest.importorskip("resource")
    monkeypatch.setattr(resource, "getrlimit", lambda _: (8, 1024))
    s3.behave(latency=0.02)
    zmeta.check(both[0], config=s3.config())
    assert 1 < s3.most() <= 4 + 1


@pytest.mark.parametrize(
    "faults",
    [{"error": 0.2}, {"busy": 0.2}, {"reset": 0.2}, {"lost": 0.2}, {"cut": 0.2}, {"slow": 0.3},
     {"error": 0.05, "busy": 0.05, "reset": 0.05, "cut": 0.05, "slow": 0.05}],
    ids=str,
)  # fmt: skip
def test_faults_that_pass_change_nothing(s3: Cloud, both: tuple[str, Path], faults: dict[str, float]) -> None:
    expected = told(zmeta.check(both[0], config=s3.config()), both[0])
    s3.behave(**faults, seed=1)
    config = s3.config(store_options={"retry_timeout": str(60 + len(faults))})
    assert told(zmeta.check(both[0], config=config), both[0]) == expected


def test_one_document_that_fails_for_good_is_a_finding(s3: Cloud, bucket: str) -> None:
    put(s3, bucket, {"g/zarr.json": GROUP3, "g/a/zarr.json": V3, "g/b/zarr.json": V3})
    s3.behave(deny="/g/a/zarr.json")
    report = zmeta.check(f"{bucket}/g", config=s3.config(), select=["ZM007"])
    assert [(finding.code, finding.file) for finding in report] == [("ZM007", f"{bucket}/g/a/zarr.json")]
    assert report.summary.arrays == 1


def test_documents_of_one_node(s3: Cloud, both: tuple[str, Path]) -> None:
    report = zmeta.check(f"{both[0]}/v3/typo/zarr.json", config=s3.config(), select=["ZM107"])
    assert [finding.code for finding in report] == ["ZM107"]
    assert (report.summary.arrays, report.summary.groups) == (1, 0)


def test_what_is_above_a_container_is_not_asked_for(s3: Cloud, bucket: str) -> None:
    put(s3, bucket, {"lab/data.zarr/zarr.json": GROUP3, "lab/data.zarr/a/zarr.json": V3})
    s3.behave()
    read_metadata(f"{bucket}/lab/data.zarr/a", config=s3.config())
    assert all("/lab/data.zarr/" in asked for asked in s3.log())


def test_jobs_are_no_matter(s3: Cloud, both: tuple[str, Path]) -> None:
    one = told(zmeta.check(both[0], config=s3.config()), both[0])
    assert told(zmeta.check(both[0], config=s3.config(), jobs=4), both[0]) == one


def test_mending(s3: Cloud, bucket: str, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = json.loads(json.dumps(IMAGE).replace('"unit"', '"units"'))
    put(s3, bucket, {"i/zarr.json": {**GROUP3, "attributes": wrong}} | {f"i/{name}/zarr.json": V3 for name in "012"})
    before = zmeta.check(f"{bucket}/i", config=s3.config(), select=["ZM104"])
    assert len(before.findings) == 3
    main(["check", f"{bucket}/i", "--fix", "--quiet", *s3.words])
    assert capsys.readouterr().err.count("mended") == 3
    assert not zmeta.check(f"{bucket}/i", config=s3.config(), select=["ZM104"]).findings


# --- the command line ---------------------------------------------------------------------------------------------------


def test_show_says_of_a_bucket_what_it_says_of_a_folder(
    s3: Cloud, both: tuple[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    main(["show", str(both[1]), "--format", "json"])
    local = capsys.readouterr().out.replace(str(both[1]), "")
    main(["show", both[0], "--format", "json", *s3.words])
    assert capsys.readouterr().out.replace(both[0], "") == local
    assert len(json.loads(local)) > 8


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check", "s3://no-such-bucket/a"], "there is no such bucket"),
        (["show", "s3://no-such-bucket/a"], "there is no such bucket"),
        (["check", "zz://a/b"], "there is no store for such a URL"),
        (["show", "zz://a/b"], "there is no store for such a URL"),
        (["check", "{bucket}/nothing"], "there is no Zarr or N5 node here or below"),
        (["show", "{bucket}/nothing"], "this folder is not a Zarr or N5 node"),
        (["check", "{bucket}/a", "--store-option", "anonymous"], "expected: KEY=VALUE"),
        (["check", "{bucket}/a", "--store-option", "colour=red"], "colour"),
        (["schema", "check", "{bucket}/no.json"], "there is no such schema file"),
        (["check", "{bucket}/a", "--concurrency", "0"], "invalid requests value"),
    ],
)  # fmt: skip
def test_what_cannot_be_looked_at_exits_with_2(
    s3: Cloud, bucket: str, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*(word.format(bucket=bucket) for word in arguments), *s3.words]) == 2
    out, err = capsys.readouterr()
    assert words in err
    assert "Traceback" not in err + out


def test_a_schema_from_a_bucket(s3: Cloud, bucket: str, capsys: pytest.CaptureFixture[str]) -> None:
    put(s3, bucket, {"lab.schema.json": {"required": ["stain"], "examples": [{"stain": 1}]}})
    assert main(["schema", "check", f"{bucket}/lab.schema.json", *s3.words]) == 0
    assert "sound (1 example checked)" in capsys.readouterr().out


def test_options_from_the_settings(s3: Cloud, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(s3, bucket, {"a/zarr.json": {**V3, "attributes": SOUND}})
    lines = [f'{key} = "{value}"' for key, value in s3.options.items()]
    (tmp_path / "zmeta.toml").write_text(
        "\n".join(["concurrency = 3", "[store_options]", *lines, "virtual_hosted_style_request = false"])
    )
    monkeypatch.chdir(tmp_path)
    assert read_metadata(f"{bucket}/a")[0].voxel_size == tuple(map(Fraction, (40, 4, 4)))
    assert main(["check", f"{bucket}/a", "--quiet"]) == 0
    assert main(["check", f"{bucket}/a", "--quiet", "--store-option", "endpoint=http://127.0.0.1:9",
                 "--store-option", "max_retries=0"]) == 2  # fmt: skip


@pytest.mark.parametrize("text", ["concurrency = 0", "concurrency = 2000", "store_options = 1", "[store_options]\na = [1]"])
def test_wrong_settings(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "zmeta.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="is wrong"):
        zmeta.load_config()


def test_nothing_is_loaded_for_local_paths(tmp_path: Path) -> None:
    on_disk(tmp_path, {"a/zarr.json": json.dumps(V3).encode()})
    code = ("import sys, zmeta\nzmeta.check(sys.argv[1])\nzmeta.read_metadata(sys.argv[1] + '/a')\n"
            "zmeta.add_metadata(sys.argv[1] + '/a', {'k': 1})\n"
            "print({name.partition('.')[0] for name in sys.modules} & {'obstore', 'boto3', 'zarr', 'asyncio'})")  # fmt: skip
    out = subprocess.check_output([sys.executable, "-c", code, str(tmp_path)], text=True)
    assert out == "set()\n"


# --- arrays -------------------------------------------------------------------------------------------------------------


def opened(s3: Cloud, url: str, dataset: str = "", **fields: Any) -> ZarrArray:
    return ZarrArray(ZarrArrayConfig(file_name=url, dataset=dataset, **fields), config=s3.config())


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_an_array_is_made_written_and_read(s3: Cloud, bucket: str, zarr_format: Any) -> None:
    identifier = ArrayIdentifier(container=f"{bucket}/lab.zarr", dataset="volumes/raw")
    roi = Roi((400, 0, -80), (160, 20, 24))

    def make(**changes: Any) -> ZarrArray:
        arguments: dict[str, Any] = {"voxel_size": (40, 4, 4), "dtype": "uint8", "overwrite": False, **changes}
        return ZarrArray.create_from_array_identifier(
            identifier,
            ["z", "y", "x"],
            roi,
            None,
            zarr_format=zarr_format,
            units="nanometer",
            config=s3.config(),
            **arguments,
        )

    array = make(attributes={"stain": "OTO"})
    assert (array.roi, array.voxel_size, array.shape) == (roi, (40, 4, 4), (4, 5, 6))
    assert array.writable
    values = np.arange(120, dtype="uint8").reshape(4, 5, 6)
    array[roi] = values
    array.attrs["by"] = "me"
    again = opened(s3, f"{bucket}/lab.zarr", "volumes/raw", mode="r")
    assert (again.to_ndarray() == values).all()
    assert (again.attrs["stain"], again.attrs["by"]) == ("OTO", "me")
    assert not again.writable
    with pytest.raises(NotWritableError, match="opened read-only"):
        again.attrs["by"] = "you"
    with pytest.raises(ValueError, match="read-only"):
        again.data[0] = 1
    assert make().roi == roi  # the compatible one is opened, and its data left
    assert (make().to_ndarray() == values).all()
    with pytest.raises(ArrayExistsError, match="another array stands there"):
        make(voxel_size=(40, 4, 2), dtype="uint8")
    group = zarr.open_group(zarr.storage.ObjectStore(s3.store(bucket[5:])), path="lab.zarr", mode="r")
    assert {name for name, _ in group.members(max_depth=None)} == {"volumes", "volumes/raw"}


def test_an_array_is_not_made_over_something_else(s3: Cloud, bucket: str) -> None:
    put(s3, bucket, {"a.zarr/raw/c/0/0": b"left"})
    identifier = ArrayIdentifier(container=f"{bucket}/a.zarr", dataset="raw")
    roi = Roi((0, 0), (8, 8))
    with pytest.raises(ArrayExistsError, match="something else stands"):
        ZarrArray.create_from_array_identifier(identifier, ["y", "x"], roi, None, (1, 1), "uint8", config=s3.config())


def test_the_pixels_of_n5(s3: Cloud, bucket: str, http_folder: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    tensorstore = pytest.importorskip("tensorstore")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")  # tensorstore looks for credentials on its own
    url, folder = http_folder
    kvstore = {"driver": "file", "path": str(folder / "a.n5")}
    values = np.arange(120, dtype="uint8").reshape(4, 5, 6)
    made = tensorstore.open(
        {"driver": "n5", "kvstore": kvstore, "metadata": {**N5, "compression": {"type": "gzip"}}}, create=True
    )
    made.result()[...] = values.transpose()
    put(s3, bucket, {f"a.n5/{file.relative_to(folder / 'a.n5')}": file.read_bytes()
                     for file in (folder / "a.n5").rglob("*") if file.is_file()})  # fmt: skip
    assert (opened(s3, f"{url}/a.n5").data[...] == values).all()
    array = opened(s3, f"{bucket}/a.n5")
    assert (array.data[...] == values).all()
    array.data[1] = 7
    assert (opened(s3, f"{bucket}/a.n5").data[1] == 7).all()
    with remote.using({}), pytest.raises(StoreError, match="not read from such a store"):
        _place("memory://a/b")


def test_a_store_object_in_place_of_a_path() -> None:
    store = zarr.storage.MemoryStore()
    zarr.create_array(store, name="raw", shape=(4, 5, 6), dtype="uint8", attributes=SOUND)
    identifier = ArrayIdentifier(container=store, dataset="raw")  # type: ignore[arg-type]
    array = ZarrArray.open_from_array_identifier(identifier, config=Config())
    del store
    assert array.roi == Roi((0, 0, 0), (160, 20, 24))
    array.attrs["stain"] = "OTO"
    assert read_metadata(identifier)[0].voxel_size == tuple(map(Fraction, (40, 4, 4)))
    array.data[:] = 7
    assert array.to_ndarray().sum() == 7 * 120
    assert dict(opened_again(identifier).attrs)["stain"] == "OTO"


def opened_again(identifier: ArrayIdentifier) -> ZarrArray:
    return ZarrArray.open_from_array_identifier(identifier, config=Config())


def test_a_path_object_takes_a_slash_of_a_url() -> None:
    with pytest.raises(NodeNotFoundError, match="hand over text"):
        read_metadata(Path("s3://bucket/a"))


def test_an_identifier_keeps_a_url() -> None:
    identifier = ArrayIdentifier(container="s3://bucket/a.zarr", dataset="raw")
    assert identifier.container == "s3://bucket/a.zarr"
    assert ArrayIdentifier.model_validate_json(identifier.model_dump_json()) == identifier
    assert ArrayIdentifier(container="a.zarr").container == Path("a.zarr")
    with pytest.raises(ValueError, match="a path, a URL or a zarr store"):
        ArrayIdentifier(container=1)  # type: ignore[arg-type]


# --- writes -------------------------------------------------------------------------------------------------------------


def attributes(s3: Cloud, url: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(raw(s3, url))
    return data["attributes"] if url.endswith("zarr.json") else data


def raw(s3: Cloud, url: str) -> bytes:
    bucket, _, key = url.removeprefix("s3://").partition("/")
    return bytes(s3.store(bucket).get(key).bytes())


@pytest.fixture
def array(s3: Cloud, bucket: str) -> str:
    put(s3, bucket, {"a/zarr.json": {**V3, "attributes": {"kept": 1.5}}})
    return f"{bucket}/a"


def test_a_write_is_one_conditional_put(s3: Cloud, array: str) -> None:
    add_metadata(array, {"first": 1}, config=s3.config())
    s3.behave()
    add_metadata(array, {"stain": "OTO"}, config=s3.config())
    assert [asked for asked in s3.log() if not asked.startswith("GET")] == [f"PUT /{array[5:]}/zarr.json"]
    assert s3.log().count(f"GET /{array[5:]}/zarr.json") == 1
    s3.behave()
    add_metadata(array, {"stain": "OTO"}, config=s3.config())
    assert not [asked for asked in s3.log() if asked.startswith("PUT")]


@pytest.mark.parametrize("how", [{"lost": 0.6}, {"late_error": 0.6}, {"reset": 0.3}, {"error": 0.3}], ids=str)
def test_an_answer_that_is_lost_is_settled_by_reading_back(s3: Cloud, array: str, how: dict[str, Any]) -> None:
    config = s3.config(store_options={"max_retries": "0"})
    add_metadata(array, {"stain": 0}, config=config)
    for seed in range(6):
        s3.behave(**how, only="PUT", seed=seed)
        add_metadata(array, {"stain": seed, f"key{seed}": seed}, config=config)
    assert attributes(s3, f"{array}/zarr.json") == {"kept": 1.5, "stain": 5, **{f"key{seed}": seed for seed in range(6)}}


@pytest.mark.parametrize("how", [{"lost": 1}, {"late_error": 1}], ids=str)
def test_a_write_whose_answer_is_lost_has_happened_once(s3: Cloud, bucket: str, how: dict[str, Any]) -> None:
    put(s3, bucket, {"a.json": b"0"})
    with remote.using({**s3.options, "max_retries": "0"}):
        assert write([Change(f"{bucket}/a.json", b"0", b"1"), Change(f"{bucket}/first.json", None, b"1")])
        s3.behave(**how, only="PUT")
        assert write([Change(f"{bucket}/a.json", b"1", b"2"), Change(f"{bucket}/new.json", None, b"2")])
        assert (read(f"{bucket}/a.json"), read(f"{bucket}/new.json")) == (b"2", b"2")
        assert write([Change(f"{bucket}/a.json", b"2", None)])
        assert read(f"{bucket}/a.json") is None


def test_a_write_that_never_arrives_is_an_error(s3: Cloud, array: str) -> None:
    config = s3.config(store_options={"max_retries": "0", "timeout": "1"})
    add_metadata(array, {"stain": 0}, config=config)
    s3.behave(error=1, only="PUT")
    with pytest.raises(StoreError, match="cannot write the object"):
        add_metadata(array, {"stain": 1}, config=config)
    assert attributes(s3, f"{array}/zarr.json")["stain"] == 0


@pytest.mark.parametrize("how", ["unconditional", "unimplemented"])
@pytest.mark.parametrize("condition", ["match", "absent"])
def test_a_store_without_conditions_is_refused_unless_told_otherwise(
    s3: Cloud, bucket: str, how: str, condition: str
) -> None:
    put(s3, bucket, {"a/.zarray": V2} | ({"a/.zattrs": {"kept": 1}} if condition == "match" else {}))
    s3.behave(**{how: True})
    config = s3.config(store_options={"max_retries": "0", "retry_timeout": f"{len(how)}{len(condition)}"})
    with pytest.raises(StoreError, match="no conditional writes") as caught:
        add_metadata(f"{bucket}/a", {"stain": 1}, config=config)
    assert caught.value.where == f"{bucket}/a/.zattrs"
    assert "unsafe_concurrency=true" in caught.value.hint
    keys = {entry["path"] for entry in s3.store(bucket[5:]).list_with_delimiter("a")["objects"]}
    assert keys == ({"a/.zarray", "a/.zattrs"} if condition == "match" else {"a/.zarray"})
    unsafe = s3.config(store_options={**config.store_options, "unsafe_concurrency": "true"})
    add_metadata(f"{bucket}/a", {"stain": 1}, config=unsafe)
    assert attributes(s3, f"{bucket}/a/.zattrs")["stain"] == 1


def test_endless_conflict_holds_both_versions(s3: Cloud, array: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swap, "ATTEMPTS", 3)
    file, count = f"{array}/zarr.json", 0

    def compute() -> tuple[list[Change], None]:
        nonlocal count
        count += 1
        old = read(file)
        put(s3, f"s3://{array[5:].partition('/')[0]}", {"a/zarr.json": b"theirs %d" % count})
        return [Change(file, old, b"mine")], None

    with remote.using(s3.options), pytest.raises(ConflictError, match="changed by others at every attempt") as caught:
        update(compute)
    assert (caught.value.mine, caught.value.theirs) == (b"mine", b"theirs 4")
    assert caught.value.where == file
    assert raw(s3, file) == b"theirs 4"


def test_several_documents_are_put_back_where_one_cannot_be_written(s3: Cloud, bucket: str) -> None:
    put(s3, bucket, {"a.json": b"0", "b.json": b"0"})
    changes = [Change(f"{bucket}/{name}.json", old, b"1") for name, old in (("a", b"0"), ("new", None), ("b", b"0"))]
    s3.behave(refuse="/b.json")
    with remote.using(s3.options):
        for attempt in (lambda: write(changes), lambda: update(lambda: (changes, None))):
            with pytest.raises(StoreError, match="cannot write the object"):
                attempt()
            assert (read(changes[0].file), read(changes[1].file), read(changes[2].file)) == (b"0", None, b"0")
        s3.behave()
        assert write(changes)
        assert (read(changes[0].file), read(changes[1].file), read(changes[2].file)) == (b"1", b"1", b"1")


def test_copies_are_written_last(s3: Cloud, bucket: str) -> None:
    put(s3, bucket, {"copy.json": b"0", "own.json": b"0"})
    changes = [Change(f"{bucket}/copy.json", b"0", b"1", copy=True), Change(f"{bucket}/own.json", b"0", b"1")]
    s3.behave()
    with remote.using(s3.options):
        assert write(changes)
    put_ = [asked.rpartition("/")[2] for asked in s3.log() if asked.startswith("PUT") and "probe" not in asked]
    assert put_ == ["own.json", "copy.json"]


def test_a_writer_takes_nothing_from_what_was_read_ahead(s3: Cloud, bucket: str) -> None:
    put(s3, bucket, {"g/zarr.json": GROUP3, "g/a/zarr.json": b"0"})
    file = f"{bucket}/g/a/zarr.json"
    seen: list[bytes | None] = []

    def compute() -> tuple[list[Change], None]:
        seen.append(read(file))
        return [Change(file, seen[-1], b"mine")], None

    with remote.using(s3.options), remote.reading_ahead(4):
        list(list_folders(f"{bucket}/g"))
        while not any("/g/a/" in asked for asked in s3.log()):
            time.sleep(0.01)
        time.sleep(0.1)
        put(s3, bucket, {"g/a/zarr.json": b"theirs"})
        update(compute)
        assert read(file) == b"0"  # the walk itself tells of one moment
    assert seen == [b"theirs"]
    assert raw(s3, file) == b"mine"


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_of_an_array_that_cannot_be_made_nothing_is_left(s3: Cloud, bucket: str, zarr_format: Any) -> None:
    identifier = ArrayIdentifier(container=f"{bucket}/a.zarr", dataset="b/raw")
    s3.behave(refuse="/raw/zarr.json" if zarr_format == 3 else "/raw/.zarray")
    roi = Roi((0, 0), (8, 8))
    with pytest.raises(StoreError, match="cannot write the object"):
        ZarrArray.create_from_array_identifier(
            identifier, ["y", "x"], roi, None, (1, 1), "uint8", zarr_format=zarr_format, config=s3.config()
        )
    assert [entry for page in s3.store(bucket[5:]).list() for entry in page] == []


COPIED: dict[str, tuple[dict[str, Any], str, Any]] = {
    "v2": ({"g/.zgroup": {"zarr_format": 2}, "g/a/.zarray": V2, "g/a/.zattrs": {"kept": 1},
            "g/.zmetadata": {"zarr_consolidated_format": 1, "metadata": {
                ".zgroup": {"zarr_format": 2}, "a/.zarray": V2, "a/.zattrs": {"kept": 1}}}},
           "g/.zmetadata", lambda data: data["metadata"]["a/.zattrs"]),
    "v3": ({"g/zarr.json": {**GROUP3, "consolidated_metadata": {"kind": "inline", "must_understand": False, "metadata": {
                "a": {**V3, "attributes": {"kept": 1}}}}}, "g/a/zarr.json": {**V3, "attributes": {"kept": 1}}},
           "g/zarr.json", lambda data: data["consolidated_metadata"]["metadata"]["a"]["attributes"]),
}  # fmt: skip


@pytest.mark.parametrize("kind", COPIED)
def test_consolidated_copies_are_kept_true_or_told_of(s3: Cloud, bucket: str, kind: str) -> None:
    documents, copy, entry = COPIED[kind]
    put(s3, bucket, documents)
    own = f"{bucket}/g/a/{'.zattrs' if kind == 'v2' else 'zarr.json'}"
    findings = add_metadata(f"{bucket}/g/a", {"stain": 1}, config=s3.config())
    assert "ZM414" not in {finding.code for finding in findings}
    assert attributes(s3, own) == entry(json.loads(raw(s3, f"{bucket}/{copy}"))) == {"kept": 1, "stain": 1}
    s3.behave(refuse=f"/{copy}")
    findings = add_metadata(f"{bucket}/g/a", {"stain": 2}, config=s3.config())
    stale = [finding for finding in findings if finding.code == "ZM414"]
    assert [finding.file for finding in stale] == [f"{bucket}/{copy}"]
    assert "cannot write the object" in stale[0].found
    assert attributes(s3, own)["stain"] == 2
    assert entry(json.loads(raw(s3, f"{bucket}/{copy}")))["stain"] == 1
    s3.behave()
    report = zmeta.check(f"{bucket}/g", config=s3.config(), select=["ZM414"])
    assert len(report.findings) == 1
    assert not [f for f in add_metadata(f"{bucket}/g/a", {"stain": 2}, config=s3.config()) if f.code == "ZM414"]
    assert not zmeta.check(f"{bucket}/g", config=s3.config(), select=["ZM414"]).findings


def test_many_writers_of_one_copy_keep_it_true(s3: Cloud, bucket: str) -> None:
    import writers

    documents, copy, entry = COPIED["v2"]
    put(s3, bucket, documents)
    writers.run(writers.add_keys, [(f"{bucket}/g/a", s3.options, writer, 6) for writer in range(3)])
    own = attributes(s3, f"{bucket}/g/a/.zattrs")
    assert len(own) == 1 + 3 * 6
    assert entry(json.loads(raw(s3, f"{bucket}/{copy}"))) == own


def test_a_system_without_locks_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")
    on_disk(tmp_path, {"a/zarr.json": json.dumps(V3).encode()})

    def refuse(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(write_module.locks, "flock", refuse)
    assert fcntl is write_module.locks
    with pytest.warns(UserWarning, match=r"no locks \(No locks available\).*claimed by hard links"):
        add_metadata(tmp_path / "a", {"stain": 1}, config=Config())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        add_metadata(tmp_path / "a", {"more": 1}, config=Config())
    assert json.loads((tmp_path / "a" / "zarr.json").read_text())["attributes"] == {"stain": 1, "more": 1}


def test_without_obstore_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(zmeta.MissingExtraError, match="obstore") as caught:
        object_.open_store("s3://bucket", {})
    assert caught.value.hint == 'pip install "zmeta[remote]"'


# --- HTTP ---------------------------------------------------------------------------------------------------------------


def test_an_image_over_http(http_folder: tuple[str, Path]) -> None:  # noqa: F811
    url, folder = http_folder
    on_disk(folder, {key: json.dumps(data).encode() for key, data in {
        "i/zarr.json": {**GROUP3, "attributes": IMAGE}, "i/0/zarr.json": {**V3, "dimension_names": ["z", "y", "x"]},
        "i/1/zarr.json": V3, "i/2/zarr.json": {**V3, "attributes": {"voxelsize": [1, 2, 3]}}}.items()})  # fmt: skip
    report = zmeta.check(f"{url}/i", config=Config())
    assert (report.summary.arrays, report.summary.groups) == (3, 1)
    assert f"{url}/i/2/zarr.json" in {finding.file for finding in report if finding.code == "ZM107"}
    assert read_metadata(f"{url}/i/1", config=Config())[0].voxel_size == tuple(map(Fraction, (80, 4, 4)))
    with pytest.raises(NotWritableError, match="over HTTP cannot be written"):
        add_metadata(f"{url}/i/1", {"stain": 1}, config=Config())
    assert not ZarrArray(ZarrArrayConfig(file_name=f"{url}/i", dataset="1"), config=Config()).writable


def test_pixels_over_http(http_folder: tuple[str, Path]) -> None:  # noqa: F811
    url, folder = http_folder
    zarr.create_array(folder / "a.zarr", name="raw", shape=(4, 5, 6), dtype="uint8", attributes=SOUND)[:] = 3
    array = ZarrArray(ZarrArrayConfig(file_name=f"{url}/a.zarr", dataset="raw", mode="r"), config=Config())
    assert array.to_ndarray().sum() == 360


def test_a_web_page_is_no_document(http_folder: tuple[str, Path], capsys: pytest.CaptureFixture[str]) -> None:  # noqa: F811
    """What a log-in, or an application that answers to any address, sends in place of what is not there."""
    url, folder = http_folder
    on_disk(folder, {"a/zarr.json": b"\n<!DOCTYPE html>\n<title>Log in</title>", "a/.zarray": json.dumps(V2).encode()})
    for command in ("check", "show"):
        main([command, f"{url}/a"])
        said = "".join(capsys.readouterr())
        assert "a web page in place of the document" in said
        assert "<title>Log in</title>" in said


def test_a_group_that_names_nothing_is_told_of_over_http(http_folder: tuple[str, Path]) -> None:  # noqa: F811
    url, folder = http_folder
    on_disk(folder, {"g/zarr.json": json.dumps(GROUP3).encode(), "g/a/zarr.json": json.dumps(V3).encode()})
    report = zmeta.check(f"{url}/g", config=Config())
    assert [(finding.code, finding.file) for finding in report] == [("ZM007", f"{url}/g")]
    assert "cannot be listed over HTTP" in report.findings[0].message
    with pytest.warns(zarr.errors.ZarrUserWarning, match="Consolidated"):
        zarr.consolidate_metadata(zarr.storage.LocalStore(folder / "g"), zarr_format=3)
    assert zmeta.check(f"{url}/g", config=Config()).summary.arrays == 1


def test_a_path_that_a_document_states_does_not_lead_elsewhere(s3: Cloud, bucket: str, tmp_path: Path) -> None:
    """A copy may name anything; a URL in it is a name like others, for local trees as well."""
    key = f"s3://{bucket[5:]}/secret"
    put(s3, bucket, {"secret/zarr.json": V3})
    group = {**GROUP3, "consolidated_metadata": {"kind": "inline", "must_understand": False, "metadata": {key: V3}}}
    on_disk(tmp_path, {"g/zarr.json": json.dumps(group).encode()})
    s3.behave()
    report = zmeta.check(tmp_path / "g", config=s3.config(), select=["ZM414"])
    assert len(report.findings) == 1
    assert s3.log() == []
    assert os.listdir(tmp_path) == ["g"]
