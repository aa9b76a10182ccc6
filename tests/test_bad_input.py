"""Bad input: each a typed error or a finding that names file and place, never a traceback of another library."""

from __future__ import annotations

import errno
import json
import os
import pickle
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

from zmeta import ArrayIdentifier, ZarrArray
from zmeta.api import add_metadata, read_metadata
from zmeta.canonical.world import World
from zmeta.cli.main import main
from zmeta.config import Config
from zmeta.errors import (
    DocumentError,
    GeometryError,
    MetadataError,
    NodeNotFoundError,
    NodeTypeError,
    NotOnGridError,
    StoreError,
    ZmetaError,
)
from zmeta.finding import Severity
from zmeta.jsondoc import MAX_BYTES, dump_json
from zmeta.nodes.node import join_dataset, open_array_node, open_node
from zmeta.pipeline import Decoded, decode_node
from zmeta.report.show import show_json, show_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

V2: dict[str, Any] = {"zarr_format": 2, "shape": [4, 5, 6], "chunks": [4, 5, 6], "dtype": "|u1", "compressor": None,
                      "fill_value": 0, "order": "C", "filters": None}  # fmt: skip
V3: dict[str, Any] = {
    "zarr_format": 3, "node_type": "array", "shape": [4, 5, 6], "data_type": "uint8", "fill_value": 0,
    "codecs": [{"name": "bytes"}],
    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [4, 5, 6]}}, "attributes": {},
    "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
}  # fmt: skip
N5: dict[str, Any] = {"dimensions": [6, 5, 4], "blockSize": [6, 5, 4], "dataType": "uint8", "compression": {"type": "raw"}}
GROUPS: dict[str, dict[str, dict[str, Any]]] = {
    "v2": {".zgroup": {"zarr_format": 2}, ".zattrs": {}},
    "v3": {"zarr.json": {"zarr_format": 3, "node_type": "group"}},
    "n5": {"attributes.json": {"n5": "2.0.0"}},
}
ATTRIBUTES = {"v2": ".zattrs", "v3": "zarr.json", "n5": "attributes.json"}
KINDS = list(ATTRIBUTES)


def _write(folder: Path, documents: dict[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in documents.items():
        (folder / name).write_bytes(data if isinstance(data, bytes) else dump_json(data))
    return folder


def _array(folder: Path, kind: str, attributes: dict[str, Any] | None = None, **changes: Any) -> Path:
    keys = attributes or {}
    documents = {
        "v2": {".zarray": {**V2, **changes}, ".zattrs": keys},
        "v3": {"zarr.json": {**V3, "attributes": keys, **changes}},
        "n5": {"attributes.json": {**keys, **N5, **changes}},
    }[kind]
    return _write(folder, documents)


def _raw_array(folder: Path, kind: str, text: str) -> Path:
    """An array whose attributes are the members of a JSON object as text, for literals that Python would not write."""
    _array(folder, kind)
    if kind == "v2":
        (folder / ".zattrs").write_text("{" + text + "}")
    elif kind == "v3":
        (folder / "zarr.json").write_text(json.dumps(V3).replace('"attributes": {}', '"attributes": {' + text + "}"))
    else:
        (folder / "attributes.json").write_text(json.dumps(N5)[:-1] + ", " + text + "}")
    return folder


def _decoded(folder: Path) -> Decoded:
    return decode_node(open_array_node(folder))


def _every_way(folder: Path) -> list[ZmetaError]:
    """Read, open, add, show: the errors that each raises; what is no error of ours comes through and fails the test."""
    ways: list[Callable[[], object]] = [
        lambda: read_metadata(folder, config=Config())[0],
        lambda: ZarrArray.open_from_array_identifier(ArrayIdentifier(container=folder), config=Config()).roi,
        lambda: add_metadata(folder, {"stain": "OTO"}, config=Config()),
    ]
    errors = []
    for way in ways:
        try:
            way()
        except ZmetaError as error:
            errors.append(error)
    assert [str(pickle.loads(pickle.dumps(error))) for error in errors] == list(map(str, errors))
    assert main(["show", str(folder)]) in (0, 1, 2)
    assert main(["show", "--format", "json", str(folder)]) in (0, 1, 2)
    return errors


# --- documents that are broken ------------------------------------------------------------------------------------------

BYTES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "an empty file"),
    "truncated": (b'{"zarr_format": 2, "shape": [4, 5', "line 1, column 34"),
    "not UTF-8": (b'{"unit": "\xb5m"}', "byte 0xb5 at offset 10"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), "byte 0xff at offset 0"),
    "duplicate keys": (b'{"shape": [4], "shape": [5]}', "names the key 'shape' twice"),
    "100 000 deep": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested too deeply"),
    "100 000 deep, lists": (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
    "5000 digits": (b'{"shape": [' + b"9" * 5000 + b"]}", "number that cannot be read"),
    "a list": (b"[]", "an object {…}"),
    "null": (b"null", "an object {…}"),
    "binary": (bytes(range(256)) * 10, "is not "),
    "an error page": (b"<!DOCTYPE html><html>", "line 1, column 1"),
}  # fmt: skip
DOCUMENTS = [("v2", ".zarray"), ("v2", ".zattrs"), ("v3", "zarr.json"), ("n5", "attributes.json")]


@pytest.mark.parametrize("case", BYTES)
@pytest.mark.parametrize(("kind", "name"), DOCUMENTS, ids=[name for _, name in DOCUMENTS])
def test_a_broken_document_is_an_error_that_names_it(
    tmp_path: Path, kind: str, name: str, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = _array(tmp_path / "a", kind)
    raw, place = BYTES[case]
    (folder / name).write_bytes(raw)
    errors = _every_way(folder)
    assert [type(error) for error in errors] == [DocumentError] * 3
    for error in errors:
        assert error.where == str(folder / name)
        assert place in str(error)
        assert str(folder / name) in str(error)
    assert main(["show", str(folder)]) == 2
    assert str(folder / name) in capsys.readouterr().err
    assert (folder / name).read_bytes() == raw


def test_a_document_of_100_mb_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, name in DOCUMENTS:
        folder = _array(tmp_path / name, kind)
        with (folder / name).open("wb") as handle:
            handle.truncate(100 * 1024 * 1024)
        with monkeypatch.context() as patch:
            patch.setattr(os, "read", _read_small)
            with pytest.raises(DocumentError, match="too large for metadata") as caught:
                open_node(folder)
        assert caught.value.where == str(folder / name)
        assert (str(MAX_BYTES) in caught.value.expected, caught.value.found) == (True, "104857600 bytes")


_read = os.read


def _read_small(handle: int, size: int) -> bytes:
    assert size < 1024 * 1024
    return _read(handle, size)


@pytest.mark.parametrize("kind", KINDS)
def test_nan_tokens_and_a_byte_order_mark_are_findings(tmp_path: Path, kind: str) -> None:
    folder = _raw_array(tmp_path / "a", kind, '"contrast": [NaN, Infinity], "resolution": [4, 4, 4], "offset": [0, 0, 0]')
    file = folder / ATTRIBUTES[kind]
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    decoded = _decoded(folder)
    assert decoded.metadata.voxel_size == (Fraction(4),) * 3
    found = {finding.code: finding for finding in decoded.findings if finding.code in ("ZM002", "ZM003")}
    assert sorted(found) == ["ZM002", "ZM003"]
    assert {finding.file for finding in found.values()} == {str(file)}
    before = file.read_bytes()
    with pytest.raises(MetadataError, match="refused, nothing was written") as caught:
        add_metadata(folder, {"stain": "OTO"}, config=Config())
    assert [(finding.code, finding.file) for finding in caught.value.findings] == [("ZM002", str(file))]
    assert file.read_bytes() == before


@pytest.mark.parametrize("value", [None, [], [1], "", "text", 0, 1.5, True])
def test_v3_attributes_that_are_no_object(tmp_path: Path, value: object) -> None:
    folder = _write(tmp_path / "a", {"zarr.json": {**V3, "attributes": value}})
    errors = _every_way(folder)
    assert [(type(error), error.where) for error in errors] == [(DocumentError, str(folder / "zarr.json"))] * 3
    assert "`attributes` is wrong" in errors[0].what


SHAPES = [
    None,
    "4",
    4,
    {},
    {"0": 4},
    [4, -1, 6],
    [4, 5.0, 6],
    [4, "5", 6],
    [4, True, 6],
    [4, None],
    [[4]],
    [2**63],
    [10**400],
    [1] * 65,
]


@pytest.mark.parametrize("shape", SHAPES, ids=[str(shape)[:12] for shape in SHAPES])
@pytest.mark.parametrize(("kind", "key"), [("v2", "shape"), ("v3", "shape"), ("n5", "dimensions")])
def test_a_wrong_shape(tmp_path: Path, kind: str, key: str, shape: object) -> None:
    changes: dict[str, Any] = {key: shape}
    folder = _array(tmp_path / "a", kind, **changes)
    errors = _every_way(folder)
    assert [type(error) for error in errors] == [DocumentError] * 3
    assert f"`{key}` is wrong" in errors[0].what
    assert os.path.dirname(errors[0].where) == str(folder)


@pytest.mark.parametrize("kind", ["v2", "v3"])
def test_a_shape_that_is_missing(tmp_path: Path, kind: str) -> None:
    name, document = (".zarray", V2) if kind == "v2" else ("zarr.json", V3)
    folder = _write(tmp_path / "a", {name: {key: value for key, value in document.items() if key != "shape"}})
    with pytest.raises(DocumentError, match="`shape` is wrong"):
        open_node(folder)


@pytest.mark.parametrize("found", [None, "3", "v3", 1, 4, True, [2], {}, 2.5])
@pytest.mark.parametrize("kind", ["v2", "v3"])
def test_a_wrong_zarr_format(tmp_path: Path, kind: str, found: object) -> None:
    folder = _array(tmp_path / "a", kind, zarr_format=found)
    errors = _every_way(folder)
    assert [type(error) for error in errors] == [DocumentError] * 3
    assert "`zarr_format` is wrong" in errors[0].what
    assert (errors[0].expected, errors[0].found) == (kind[1], json.dumps(found))


@pytest.mark.parametrize("found", [None, "Array", "", 3, True, ["array"], {}])
def test_a_wrong_node_type(tmp_path: Path, found: object) -> None:
    with pytest.raises(DocumentError, match="`node_type` is wrong"):
        open_node(_array(tmp_path / "a", "v3", node_type=found))


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_without_dimensions_and_without_voxels(tmp_path: Path, kind: str) -> None:
    key = "dimensions" if kind == "n5" else "shape"
    layouts: list[dict[str, Any]] = [
        {}, {"resolution": [4], "offset": [0]}, {"axes": [], "voxel_size": [], "units": []}, {"transform": {"scale": []}},
    ]  # fmt: skip
    shapes: list[list[int]] = [[], [0], [0, 5, 2**62]]
    for position, shape in enumerate(shapes):
        for number, keys in enumerate(layouts):
            changes: dict[str, Any] = {key: shape}
            folder = _array(tmp_path / f"{position}{number}", kind, keys, **changes)
            decoded = _decoded(folder)
            assert len(decoded.metadata.axes) == len(shape)
            _every_way(folder)


# --- values of the wrong kind -------------------------------------------------------------------------------------------

WRONG: list[Any] = [None, True, 0, -1, 1.5, "", "text", "4", [], [None], [True, 4, 4], ["4", "4", "4"], [4, 4], [4] * 4,
         [4] * 70, {}, {"a": 1},
         [[4, 4, 4]], [0, 4, 4], [-4, 4, 4], "nm", ["nm"], [{}], [{"name": 1}], 10**400, [10**400, 4, 4]]  # fmt: skip
RIGHT: dict[str, dict[str, Any]] = {
    "daisy": {"resolution": [4, 4, 4], "offset": [0, 0, 0]},
    "zmeta": {
        "axes": ["z", "y", "x"],
        "types": ["space"] * 3,
        "units": ["nanometer"] * 3,
        "voxel_size": [4, 4, 4],
        "offset": [0, 0, 0],
    },
    "funlib": {
        "axis_names": ["z", "y", "x"],
        "units": ["nm"] * 3,
        "voxel_size": [4, 4, 4],
        "offset": [0, 0, 0],
        "types": ["space"] * 3,
    },
    "dacapo": {"axes": ["z", "y", "x"], "resolution": [4, 4, 4], "offset": [0, 0, 0], "dimension_units": ["4 nm"] * 3},
    "viewer": {"pixelResolution": {"dimensions": [4, 4, 4], "unit": "nm"}, "downsamplingFactors": [1, 1, 1]},
}
PLACES = [(name, key) for name, keys in RIGHT.items() for key in keys]


@pytest.mark.parametrize(("convention", "key"), PLACES)
def test_wrong_types_everywhere(tmp_path: Path, convention: str, key: str) -> None:
    """A wrong value is an error or a warning about that document, or is not a value that anything rests on."""
    for kind in KINDS:
        for index, value in enumerate(WRONG):
            folder = _array(tmp_path / f"{kind}{index}", kind, {**RIGHT[convention], key: value})
            decoded = _decoded(folder)
            sizes = decoded.metadata.voxel_size
            assert decoded.errors or sizes is None or all(size > 0 for size in sizes)
            for finding in decoded.findings:
                assert finding.file.startswith(str(folder))
            assert len(show_text(decoded, World())) < 20_000
            json.dumps(show_json(decoded, World()))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "value", ["4", [4, 4, 4, 4], [4, "4", 4], [4, True, 4], [4, 0, 4], [4, -4, 4], [4, None, 4], {"z": 4}], ids=str
)
def test_a_wrong_voxel_size_is_an_error_with_a_place(tmp_path: Path, kind: str, value: object) -> None:
    folder = _array(tmp_path / "a", kind, {"resolution": value, "offset": [0, 0, 0]})
    decoded = _decoded(folder)
    assert decoded.errors
    assert {finding.file for finding in decoded.errors} == {str(folder / ATTRIBUTES[kind])}
    assert all("/resolution" in finding.pointer for finding in decoded.errors)
    array = ZarrArray.open_from_array_identifier(ArrayIdentifier(container=folder), config=Config())
    with pytest.raises(MetadataError, match="cannot be relied on") as caught:
        _ = array.roi
    assert caught.value.findings == decoded.errors
    assert main(["show", str(folder)]) == 1


@pytest.mark.parametrize("literal", ["1e400", "-1e400", "1e999999999", "1e-999999999", "0e999999999", "1e" + "9" * 19,
                                     "0." + "3" * 5000, "1e301", "1e-301", "NaN", "Infinity", "9" * 4000])  # fmt: skip
@pytest.mark.parametrize("kind", KINDS)
def test_numbers_that_are_no_sizes(tmp_path: Path, kind: str, literal: str) -> None:
    text = f'"resolution": [4, {literal}, 4], "offset": [0, 0, 0]'
    decoded = _decoded(_raw_array(tmp_path / "a", kind, text))
    assert [(f.code, f.pointer.removeprefix("/attributes")) for f in decoded.errors] == [("ZM301", "/resolution/1")]
    text = f'"resolution": [4, 4, 4], "offset": [0, {literal}, 0]'
    decoded = _decoded(_raw_array(tmp_path / "b", kind, text))
    zero = literal.startswith("0e")
    assert [f.code for f in decoded.errors] == ([] if zero else ["ZM302"])
    _every_way(tmp_path / "b")


def test_numbers_that_grow_beyond_any_size_through_composition(tmp_path: Path) -> None:
    """Transformations of an image compose: what no document could state in one number is no size either."""
    for count, sizes, places in (
        (2, "1e299", "1e299"),
        (40, "1e300", "0.5"),
        (40, "1e-300", "0.5"),
        (400, "1e300", "1e300"),
    ):
        transforms: list[Any] = [{"type": "scale", "scale": [1] * 3}]
        place = {"type": "translation", "translation": [7] * 3}
        text = json.dumps([{"version": "0.4", "axes": [{"name": n, "type": "space"} for n in "zyx"], "datasets": [
            {"path": "s0", "coordinateTransformations": [*transforms * count, place]}
        ]}])  # fmt: skip
        raw = text.replace("1, 1, 1", ", ".join([sizes] * 3)).replace("7, 7, 7", ", ".join([places] * 3))
        root = tmp_path / f"{count}{sizes}"
        _write(root, {".zgroup": {"zarr_format": 2}, ".zattrs": b'{"multiscales": ' + raw.encode() + b"}"})
        folder = _array(root / "s0", "v2")
        _every_way(folder)
        decoded = _decoded(folder)
        sizes_read = decoded.metadata.voxel_size or ()
        assert all(Fraction(1, 10**301) < size < 10**301 for size in sizes_read)


# --- nodes that are not there, or are not what was asked for --------------------------------------------------------------


def test_a_missing_node(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing", tmp_path / "nothing" / "below"):
        with pytest.raises(NodeNotFoundError, match="there is no such folder") as caught:
            open_array_node(path)
        assert caught.value.where == str(path)
    (tmp_path / "plain").mkdir()
    _array(tmp_path / "plain" / "raw", "v2")
    with pytest.raises(NodeNotFoundError, match="is not a Zarr or N5 node") as caught:
        open_array_node(tmp_path / "plain")
    assert "raw" in caught.value.hint
    (tmp_path / "file").write_text("{}")
    with pytest.raises(NodeNotFoundError, match="there is no such folder"):
        open_array_node(tmp_path / "file")


@pytest.mark.parametrize("kind", KINDS)
def test_a_group_where_an_array_was_asked_for(tmp_path: Path, kind: str) -> None:
    _write(tmp_path / "g", GROUPS[kind])
    _array(tmp_path / "g" / "raw", kind)
    for call in (
        lambda: open_array_node(tmp_path / "g"),
        lambda: read_metadata(tmp_path / "g"),
        lambda: add_metadata(tmp_path / "g", {"a": 1}),
    ):
        with pytest.raises(NodeTypeError, match="this is a group, not an array") as caught:
            call()
        assert caught.value.where == str(tmp_path / "g")
        assert "raw" in caught.value.hint


def test_n5_without_one_of_the_keys_of_an_array_is_a_group(tmp_path: Path) -> None:
    for key in ("dimensions", "blockSize", "dataType"):
        folder = _write(tmp_path / key, {"attributes.json": {k: v for k, v in N5.items() if k != key}})
        with pytest.raises(NodeTypeError, match="this is a group"):
            open_array_node(folder)


@pytest.mark.parametrize("dataset", ["..", "a/..", "../a", "a/../../b", "a\\..\\b", "a\0b", "\0"])
def test_a_dataset_that_leaves_its_container(tmp_path: Path, dataset: str) -> None:
    _array(tmp_path / "b", "v2")
    container = _array(tmp_path / "c.zarr" / "a", "v2").parent
    with pytest.raises(NodeNotFoundError, match="leaves its container") as caught:
        join_dataset(container, dataset)
    assert str(caught.value).isprintable() or "\n" in str(caught.value)
    assert "\0" not in str(caught.value)
    with pytest.raises(NodeNotFoundError, match="leaves its container"):
        ZarrArray.open_from_array_identifier(ArrayIdentifier(container=container, dataset=dataset), config=Config())


def test_a_path_with_nul_or_of_any_length(tmp_path: Path) -> None:
    for path in (f"{tmp_path}/a\0b", f"{tmp_path}/" + "a" * 5000, f"{tmp_path}/" + "a/" * 5000):
        with pytest.raises((StoreError, NodeNotFoundError), match=r"path is not valid|cannot read|no such folder"):
            open_node(path)
        assert main(["show", path]) == 2


# --- what the system refuses ----------------------------------------------------------------------------------------------


def _deny(monkeypatch: pytest.MonkeyPatch, denied: str, code: int = errno.EACCES) -> None:
    """Let the system refuse one file; root may read all, so that a mode would not do."""
    real = os.open

    def replacement(path: Any, *args: Any, **kwargs: Any) -> int:
        if str(path) == denied:
            raise OSError(code, os.strerror(code), denied)
        return real(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", replacement)


@pytest.mark.parametrize(("code", "hint"), [(errno.EACCES, "check the permissions"), (errno.EIO, ""), (errno.EMFILE, "")])
@pytest.mark.parametrize(("kind", "name"), DOCUMENTS, ids=[name for _, name in DOCUMENTS])
def test_a_document_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, name: str, code: int, hint: str
) -> None:
    folder = _array(tmp_path / "a", kind)
    _deny(monkeypatch, str(folder / name), code)
    errors = _every_way(folder)
    assert [type(error) for error in errors] == [StoreError] * 3
    assert {(error.where, error.found, error.hint) for error in errors} == {(str(folder / name), os.strerror(code), hint)}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("kind", KINDS)
def test_no_permission(tmp_path: Path, kind: str) -> None:
    folder = _array(tmp_path / "a", kind)
    (folder / ATTRIBUTES[kind]).chmod(0)
    with pytest.raises(StoreError, match="cannot read the file"):
        open_node(folder)


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    folder = _array(tmp_path / "a", kind)
    file = folder / ATTRIBUTES[kind]
    before = file.read_bytes()
    _deny(monkeypatch, str(folder / f".{file.name.lstrip('.')}.zmeta-tmp"), errno.EROFS)
    with pytest.raises(StoreError, match="cannot write the file") as caught:
        add_metadata(folder, {"stain": "OTO"}, config=Config())
    assert caught.value.found == "Read-only file system"
    assert file.read_bytes() == before


@pytest.mark.parametrize(("kind", "name"), DOCUMENTS, ids=[name for _, name in DOCUMENTS])
@pytest.mark.parametrize("thing", ["pipe", "folder", "loop", "socket"])
def test_something_else_in_the_place_of_a_document(tmp_path: Path, kind: str, name: str, thing: str) -> None:
    folder = _array(tmp_path / "a", kind)
    (folder / name).unlink()
    if thing == "pipe":
        os.mkfifo(folder / name)
    elif thing == "folder":
        (folder / name).mkdir()
    elif thing == "loop":
        (folder / name).symlink_to(folder / name)
    else:
        os.mknod(folder / name, 0o140644)
    errors = _every_way(folder)
    assert [(type(error), error.where) for error in errors] == [(StoreError, str(folder / name))] * 3


def test_a_loop_of_folders_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _array(tmp_path / "c" / "g" / "raw", "v2")
    (tmp_path / "c" / "g" / "again").symlink_to(tmp_path / "c")
    (tmp_path / "c" / "g" / "self").symlink_to(tmp_path / "c" / "g" / "self")
    assert main(["show", str(tmp_path / "c")]) == 0
    assert capsys.readouterr().out.count("\n  array ") == 1
    with pytest.raises((NodeNotFoundError, StoreError), match=r"cannot read|no such folder"):
        open_node(tmp_path / "c" / "g" / "self")


# --- groups above ---------------------------------------------------------------------------------------------------------

GROUP_DOCUMENTS = [("v2", ".zgroup"), ("v2", ".zattrs"), ("v3", "zarr.json"), ("n5", "attributes.json")]


@pytest.mark.parametrize("case", [*BYTES, "100 MB", "pipe", "folder", "denied", "loop"])
@pytest.mark.parametrize(("kind", "name"), GROUP_DOCUMENTS, ids=[name for _, name in GROUP_DOCUMENTS])
def test_a_broken_group_above_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, name: str, case: str
) -> None:
    root = _write(tmp_path / "c.zarr", GROUPS[kind])
    group = _write(root / "g", GROUPS[kind])
    folder = _array(group / "raw", kind, {"resolution": [4, 5, 6], "offset": [0, 0, 0]})
    for place in (group, root):
        document = place / name
        before = document.read_bytes()
        document.unlink()
        if case == "100 MB":
            with document.open("wb") as handle:
                handle.truncate(100 * 1024 * 1024)
        elif case == "pipe":
            os.mkfifo(document)
        elif case == "folder":
            document.mkdir()
        elif case == "loop":
            document.symlink_to(document)
        else:
            document.write_bytes(BYTES[case][0] if case in BYTES else before)
        with monkeypatch.context() as patch:
            if case == "denied":
                _deny(patch, str(document))
            decoded = _decoded(folder)
            assert [*(decoded.metadata.voxel_size or ())] == ([6, 5, 4] if kind == "n5" else [4, 5, 6])
            found = [finding for finding in decoded.findings if finding.code == "ZM005"]
            assert [(finding.file, finding.severity) for finding in found] == [(str(document), Severity.WARNING)]
            assert _every_way(folder) == []
        if case == "folder":
            document.rmdir()
        else:
            document.unlink()
        document.write_bytes(before)
    assert [finding for finding in _decoded(folder).findings if finding.code == "ZM005"] == []


# --- names that draw ----------------------------------------------------------------------------------------------------

NASTY = [
    "a\nb",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\u202egnp.exe",
    "<b>&</b>",
    "[bold]x[/bold]",
    "\ud800",
    "\x00",
    "\r",
    "\x85",
    "\x9b31m",
    "\u2028",
]
_ALLOWED = {"\n"}


def _quiet(text: str) -> None:
    """No character may draw, but the newlines of the report itself."""
    drawn = sorted({c for c in text if not c.isprintable() and c not in _ALLOWED})
    assert drawn == [], f"raw control characters {drawn!r} in {text!r}"


def _lines_of(text: str, nasty: str) -> None:
    """A newline in a name must not make a line: nothing of the name stands at the beginning of one."""
    _quiet(text)
    assert not any(line.startswith("b") and nasty == "a\nb" for line in text.splitlines())


@pytest.mark.parametrize("nasty", NASTY, ids=ascii)
@pytest.mark.parametrize("kind", KINDS)
def test_no_name_in_a_document_can_draw(tmp_path: Path, kind: str, nasty: str, capsys: pytest.CaptureFixture[str]) -> None:
    layouts: list[dict[str, Any]] = [
        {
            "axes": [nasty, "y", "x"],
            "voxel_size": [1, 2, 3],
            "units": [nasty, "nanometer", nasty],
            "types": ["space", nasty, "space"],
        },
        {"axis_names": [nasty, "y", "x"], "voxel_size": [0.5, 2, 3], "units": ["nm"] * 3, "offset": [0, 0, 0]},
        {"axis_names": [nasty, "y", "x"], "types": ["space"] * 3, "voxel_size": [0.5, 2, 3], "units": [nasty] * 3},
        {"resolution": [nasty, 1, 2], "offset": nasty, nasty: nasty},
        {"transform": {"axes": [nasty, "y", "x"], "scale": [1, 2, 3], "order": nasty, "units": [nasty] * 3}},
        {"multiscales": nasty, "dimension_units": [nasty] * 3, "_ARRAY_DIMENSIONS": [nasty, "y", "x"], nasty: {nasty: 1}},
        {"pixelResolution": {"dimensions": [1, 2, 3], "unit": nasty}, "downsamplingFactors": nasty},
        {"zarr_conventions": [{"uuid": "15cb68dc-be15-4be5-97f6-9fa7d4985563", "schema_url": nasty}]},
    ]
    for index, keys in enumerate(layouts):
        data = "data_type" if kind == "v3" else "dataType" if kind == "n5" else "dtype"
        folder = _array(tmp_path / str(index), kind, keys, **{data: nasty})
        capsys.readouterr()
        errors = _every_way(folder)
        out = capsys.readouterr()
        for text in (out.out, out.err, *(str(error) for error in errors if not isinstance(error, GeometryError))):
            _lines_of(text, nasty)
        array = ZarrArray.open_from_array_identifier(ArrayIdentifier(container=folder), config=Config())
        for text in (repr(array), array._repr_html_(), repr(array.attrs)):
            _quiet(text)
        assert "<b>" not in array._repr_html_()


@pytest.mark.parametrize("nasty", [name for name in NASTY if not name.isprintable()], ids=ascii)
def test_no_name_of_an_axis_can_draw_in_an_error(tmp_path: Path, nasty: str) -> None:
    keys = {
        "axis_names": [nasty, "y", "x"],
        "types": ["space"] * 3,
        "voxel_size": [0.5, 2, 3],
        "units": ["nm"] * 3,
        "offset": [0] * 3,
    }
    folder = _array(tmp_path / "a", "v2", keys)
    array = ZarrArray.open_from_array_identifier(ArrayIdentifier(container=folder), config=Config())
    with pytest.raises(NotOnGridError, match="not a whole number of world units") as caught:
        _ = array.roi
    assert len(str(caught.value).splitlines()) == 5
    _quiet(str(caught.value))


@pytest.mark.parametrize("nasty", [name for name in NASTY if "\0" not in name and "\ud800" not in name], ids=ascii)
@pytest.mark.parametrize("kind", KINDS)
def test_no_name_of_a_folder_can_draw(tmp_path: Path, kind: str, nasty: str, capsys: pytest.CaptureFixture[str]) -> None:
    name = nasty.replace("/", "-")
    folder = _array(tmp_path / name / name, kind, {"resolution": [1, 0, 2]})
    assert main(["show", str(tmp_path)]) == 1
    assert main(["show", str(tmp_path), "--format", "json"]) == 1
    (folder / ATTRIBUTES[kind]).write_text("{")
    assert main(["show", str(tmp_path)]) == 2
    assert main(["show", str(tmp_path / "absent" / name)]) == 2
    out = capsys.readouterr()
    _lines_of(out.out, nasty)
    _lines_of(out.err, nasty)
    with pytest.raises(NodeNotFoundError, match="not a Zarr or N5 node") as caught:
        open_node(tmp_path)
    _lines_of(str(caught.value), nasty)


@pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX only")
def test_a_name_that_is_not_utf_8(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    try:
        _array(folder, "v2", {"resolution": [4, 4, 4], "offset": [0, 0, 0]})
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert main(["show", str(folder)]) == 0
    assert "caf\\udce9" in capsys.readouterr().out


def test_surrogates_and_control_characters_survive_a_write(tmp_path: Path) -> None:
    folder = _raw_array(tmp_path / "a", "v2", r'"lone": "\ud800", "k\u0000\u001b": "\u0007", "plain": "µ"')
    add_metadata(folder, {"stain": "OTO"}, config=Config())
    data = json.loads((folder / ".zattrs").read_bytes())
    assert data == {"lone": "\ud800", "k\0\x1b": "\x07", "plain": "µ", "stain": "OTO"}
