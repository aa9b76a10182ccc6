"""Zarr v2 as Zarr v3: what is converted is read by zarr-python, and TensorStore where it can, as it was read before."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tensorstore
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import json_objects
from zarr.storage import MemoryStore

from zmeta.finding import Severity
from zmeta.jsondoc import dump_json, parse_json, parse_pointer
from zmeta.nodes.to_v3 import Conversion, consolidated_v3, convert_array, convert_group, with_consolidated
from zmeta.nodes.v3_codecs import CODECS
from zmeta.nodes.v3_types import CORE_NAMES
from zmeta.schema.validate import packaged_validator, validate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

WILD = Path(__file__).parent / "data" / "wild"
#: zarr-python warns of every name that is not in the specification.
UNSPECIFIED = [
    "ignore:Numcodecs codecs are not in the Zarr version 3 specification",
    "ignore:The data type .* does not have a Zarr V3 specification",
    "ignore:Consolidated metadata is currently not part in the Zarr format 3 specification",
    "ignore:Found an empty list of filters",
]
pytestmark = [pytest.mark.filterwarnings(line) for line in UNSPECIFIED]

ATTRIBUTES: dict[str, Any] = {"z": 1, "a": {"µ": [0.1, None]}, "_ARRAY_DIMENSIONS": ["y", "x"]}
ZLIB = {"id": "zlib", "level": 1}


def zarray(**changes: Any) -> dict[str, Any]:
    document = {
        "chunks": [2, 3],
        "compressor": None,
        "dtype": "<u2",
        "fill_value": 7,
        "filters": None,
        "order": "C",
        "shape": [5, 7],
        "zarr_format": 2,
    }
    return document | changes


# --- the same pixels ------------------------------------------------------------------------------------------------


def pixels(dtype: Any, shape: tuple[int, ...], document: dict[str, Any]) -> Array:
    """Return values of a type that differ from element to element."""
    rng = np.random.default_rng(5)
    if isinstance(document["dtype"], str) and document["dtype"] == "|O":
        texts = ["x" * int(size) + "é" for size in rng.integers(0, 9, shape).flat]
        is_text = document["filters"][0]["id"] == "vlen-utf8"
        values = np.array([text if is_text else text.encode() for text in texts], dtype=object)
        return values.reshape(shape)
    if dtype.fields:
        values = np.empty(shape, dtype)
        for name, (inner, *_) in dtype.fields.items():
            values[name] = pixels(inner, shape, {"dtype": inner.str})
        return values
    if dtype.kind in "SUV":
        texts = ["".join(map(chr, rng.integers(65, 91, 2))) for _ in range(int(np.prod(shape)))]
        return np.array(texts).astype("S2").astype(dtype).reshape(shape)
    numbers = rng.integers(0, 2 if dtype.kind == "b" else 100, shape)
    return (numbers * (1 + 2j) if dtype.kind == "c" else numbers).astype(dtype)


def write(store: MemoryStore, document: dict[str, Any]) -> Array:
    """Write some of the chunks as Zarr v2, and return what zarr-python reads of all of them."""
    put(store, ".zarray", document)
    put(store, ".zattrs", ATTRIBUTES)
    array = zarr.open_array(store, mode="r+", zarr_format=2)
    values = pixels(np.dtype(array.dtype), array.shape, document)
    some = tuple(slice(0, size // 2 + 1) for size in array.shape)
    if array.ndim:
        array[some] = values[some]
    return np.asarray(zarr.open_array(store, mode="r", zarr_format=2)[...])


def put(store: MemoryStore, name: str, document: dict[str, Any]) -> None:
    raw = dump_json(document)
    store._store_dict[name] = zarr.core.buffer.default_buffer_prototype().buffer.from_bytes(raw)


def same(one: Any, other: Any) -> bool:
    """Whether two arrays hold the same values bit by bit, whatever the byte order that they are held in."""
    if one.shape != other.shape or one.dtype.kind != other.dtype.kind:
        return False
    if one.dtype.kind in "OT":
        return bool(one.tolist() == other.tolist())
    alike = bool(one.dtype.newbyteorder("<") == other.dtype.newbyteorder("<"))
    return alike and bool(one.tobytes() == other.astype(one.dtype).tobytes())


def convert(document: dict[str, Any], names: list[str | None] | None = None) -> Conversion:
    """Convert, and hold the result against what is true of every one: it changes no input, and is valid."""
    before = copy.deepcopy((document, ATTRIBUTES, names))
    conversion = convert_array(document, ATTRIBUTES, names)
    assert (document, ATTRIBUTES, names) == before
    blocked = [finding for finding in conversion.findings if finding.severity == Severity.ERROR]
    assert (conversion.document is None) == bool(blocked)
    assert {finding.code for finding in blocked} <= {"ZM420"}
    for finding in conversion.findings:
        key = finding.pointer.split("/")[1:2]
        assert parse_pointer(finding.pointer, document) is not None or key[0] not in document or finding.code == "ZM420"
    if conversion.document is not None:
        judge = packaged_validator("zarr/3/array")
        assert validate(judge, conversion.document, code="ZM101", file="zarr.json") == []
        assert json.dumps(conversion.document["attributes"]) == json.dumps(ATTRIBUTES)
    return conversion


def check_same(document: dict[str, Any]) -> Any:
    """Write an array as Zarr v2, convert it, and read the same from it; returns the document."""
    store = MemoryStore()
    wanted = write(store, document)
    before = zarr.open_array(store, mode="r", zarr_format=2)
    names: list[str | None] = [None, "x", "y"][: len(document["shape"])]
    converted = convert(document, names).document
    assert converted is not None
    put(store, "zarr.json", converted)
    for name in (".zarray", ".zattrs"):
        del store._store_dict[name]
    after = zarr.open_array(store, mode="r", zarr_format=3)
    assert same(np.asarray(after[...]), wanted)
    assert (after.shape, after.dtype.kind, after.dtype.itemsize) == (before.shape, before.dtype.kind, before.dtype.itemsize)
    if 0 not in document["chunks"]:
        assert after.chunks == before.chunks
    assert list(after.attrs.asdict().items()) == list(ATTRIBUTES.items())
    assert after.metadata.to_dict()["dimension_names"] == tuple(names)
    return converted


FLOATS = [0, 0.5, -1.25, "NaN", "Infinity", "-Infinity", None]
#: Types of Zarr v2 with fill values of theirs.
TYPES: list[tuple[Any, list[Any]]] = [
    ("|b1", [True, False, None]),
    *((f"{order}{name}", [0, 100, None]) for name in ("i2", "i4", "i8", "u2", "u4", "u8") for order in "<>"),
    ("|i1", [-128, 127]),
    ("|u1", [0, 255, 3.0]),
    ("<i8", [-(2**63), 2**63 - 1]),
    (">u8", [2**64 - 1]),
    *((f"{order}{name}", FLOATS) for name in ("f2", "f4", "f8") for order in "<>"),
    *((f"{order}{name}", [[0, 1.5], ["NaN", "-Infinity"], None]) for name in ("c8", "c16") for order in "<>"),
    ("|S3", ["", "YWI=", "YWJj", None]),
    *((name, ["", "é", "abc", None]) for name in ("<U3", ">U3")),
    ("|V3", ["YWJj", "AAAA", None]),
    *((f"{order}M8[{unit}]", [5, -5, "NaT", None]) for unit in ("ns", "D", "25us", "Y") for order in "<>"),
    *((f"{order}m8[{unit}]", [5, None]) for unit in ("ns", "10s") for order in "<>"),
    ([["a", "<i4"], ["b", "|u1"]], ["AQAAAAI=", "AAAAAAA=", None]),
    (
        [["t", "<M8[s]"], ["s", "|S2"], ["u", "<U2"], ["c", "<c8"], ["b", "|b1"]],
        ["BQAAAAAAAABhYmMAAAAAAAAAAACAPwAAAEAB"],
    ),
    ([["t", "<M8[s]"], ["c", "<c8"], ["b", "|b1"], ["f", "<f2"]], [None]),
]
FILLED = [(dtype, fill) for dtype, fills in TYPES for fill in fills]


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(("dtype", "fill"), FILLED, ids=[f"{dtype}-{fill}" for dtype, fill in FILLED])
def test_types(dtype: Any, fill: Any, order: str) -> None:
    check_same(zarray(dtype=dtype, fill_value=fill, order=order))
    check_same(zarray(dtype=dtype, fill_value=fill, order=order, compressor=ZLIB, dimension_separator="/"))


def test_every_core_type_is_tried() -> None:
    tried = {dtype[1:] for dtype, _ in TYPES if isinstance(dtype, str)}
    assert tried >= CORE_NAMES.keys()


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    ("ident", "fill"),
    [("vlen-utf8", fill) for fill in ("", "é", 0, 5, None)] + [("vlen-bytes", fill) for fill in ("", "YWI=", None)],
)
def test_objects(ident: str, fill: Any, order: str) -> None:
    for rest in ([], [{"id": "crc32"}], [{"id": "shuffle", "elementsize": 1}]):
        for compressor in (None, ZLIB, {"id": "blosc", "shuffle": -1}):
            check_same(
                zarray(dtype="|O", filters=[{"id": ident}, *rest], compressor=compressor, fill_value=fill, order=order)
            )


BLOSC = [
    {"id": "blosc", "cname": name, "clevel": 5, "shuffle": shuffle, "blocksize": 0}
    for name in ("lz4", "lz4hc", "blosclz", "zstd", "zlib")
    for shuffle in (-1, 0, 1, 2)
]
#: Whatever makes bytes of bytes: as compressor and as filter.
FOR_BYTES: list[dict[str, Any]] = [
    ZLIB,
    *({"id": ident} for ident in ("zlib", "gzip", "bz2", "lzma", "lz4", "zstd", "blosc")),
    {"id": "gzip", "level": -1},
    {"id": "gzip", "level": 9},
    {"id": "lzma", "format": 1, "check": -1, "preset": None, "filters": None},
    {"id": "lz4", "acceleration": 3},
    {"id": "zstd", "level": 22},
    {"id": "zstd", "level": -5, "checksum": True},
    {"id": "blosc", "cname": "zstd", "clevel": 3, "shuffle": 1, "blocksize": 64, "typesize": 4},
    *BLOSC,
    *({"id": ident} for ident in ("crc32", "crc32c", "adler32", "fletcher32", "jenkins_lookup3")),
    *({"id": ident, "location": where} for ident in ("crc32", "crc32c", "adler32") for where in ("start", "end")),
    {"id": "jenkins_lookup3", "initval": 3, "prefix": None},
    {"id": "shuffle"},
    {"id": "shuffle", "elementsize": 2},
    {"id": "shuffle", "elementsize": 1},
]


@pytest.mark.parametrize("codec", FOR_BYTES, ids=json.dumps)
def test_codecs_for_bytes(codec: dict[str, Any]) -> None:
    for dtype in ("<f4", "|u1", ">u2"):
        for order in "CF":
            document = zarray(dtype=dtype, order=order, chunks=[4, 3])
            check_same(document | {"compressor": codec})
            check_same(document | {"filters": [codec], "compressor": {"id": "zstd", "level": 1}})


def delta(dtype: str, *astype: str) -> dict[str, Any]:
    return {"id": "delta", "dtype": dtype, **dict(zip(["astype"], astype, strict=False))}


def scaled(dtype: str, *astype: str) -> dict[str, Any]:
    return {
        "id": "fixedscaleoffset",
        "offset": 10,
        "scale": 2,
        "dtype": dtype,
        **dict(zip(["astype"], astype, strict=False)),
    }


def rounded(dtype: str) -> dict[str, Any]:
    return {"id": "quantize", "digits": 2, "dtype": dtype, "astype": dtype}


def cast(dtype: str, stored: str) -> dict[str, Any]:
    return {"id": "astype", "encode_dtype": stored, "decode_dtype": dtype}


BITROUND, PACKBITS = {"id": "bitround", "keepbits": 5}, {"id": "packbits"}
#: Filters that hand on elements, with the type of the array.
FILTERS: list[tuple[str, list[dict[str, Any]]]] = [
    *((dtype, [delta(dtype)]) for dtype in ("|i1", "|u1", "<u2", ">u2", "<i8", "<f4", ">f8", "<c8", "<f2")),
    ("<u2", [delta("u2")]),
    ("<u2", [delta("uint16", "int32")]),
    ("<u2", [delta("<u2", ">i4")]),
    (">i4", [delta(">i4", "<i2"), delta("<i2", "|i1")]),
    (">i4", [delta(">i4", "i1")]),
    *((dtype, [scaled(dtype, stored)]) for dtype in ("<f8", ">f4") for stored in ("|u1", "<u2", ">i4")),
    ("<f4", [scaled("<f4")]),
    *((dtype, [rounded(dtype)]) for dtype in ("<f2", "<f4", ">f8")),
    *((dtype, [BITROUND]) for dtype in ("<f2", "<f4", "<f8")),
    ("<f4", [BITROUND, delta("<f4")]),
    ("|b1", [PACKBITS]),
    ("|b1", [PACKBITS, delta("u1")]),
    ("<i8", [cast("<i8", "<u2")]),
    (">f8", [cast(">f8", "|u1")]),
    ("<f8", [rounded("<f8"), scaled("<f8", "<i2"), delta("<i2"), {"id": "shuffle", "elementsize": 2}, {"id": "crc32"}]),
]


@pytest.mark.parametrize(("dtype", "filters"), FILTERS, ids=[f"{dtype}-{json.dumps(given)}" for dtype, given in FILTERS])
def test_filters(dtype: str, filters: list[dict[str, Any]]) -> None:
    for order in "CF":
        for compressor in (None, ZLIB, {"id": "blosc", "shuffle": -1}):
            check_same(zarray(dtype=dtype, filters=filters, compressor=compressor, order=order, fill_value=None))


def test_every_codec_is_tried() -> None:
    tried = {codec["id"] for codec in FOR_BYTES} | {codec["id"] for _, filters in FILTERS for codec in filters}
    assert tried == CODECS.keys()


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    ("shape", "chunks"),
    [
        ([], []),
        ([5], [2]),
        ([5], [9]),
        ([0], [3]),
        ([0], [0]),
        ([0, 4], [0, 2]),
        ([3, 4, 5], [2, 9, 1]),
        ([2, 0, 3], [1, 1, 1]),
    ],
    ids=str,
)
def test_shapes(shape: list[int], chunks: list[int], order: str) -> None:
    for separator in (".", "/"):
        document = zarray(shape=shape, chunks=chunks, order=order, dimension_separator=separator)
        converted = check_same(document)
        assert converted["chunk_grid"]["configuration"]["chunk_shape"] == [chunk or 1 for chunk in chunks]
        codes = {finding.code for finding in convert(document).findings}
        assert codes == ({"ZM422"} if 0 in chunks else set())


def test_a_number_without_dimensions() -> None:
    store = MemoryStore()
    put(store, ".zarray", zarray(shape=[], chunks=[]))
    zarr.open_array(store, mode="r+", zarr_format=2)[...] = 42
    put(store, "zarr.json", convert(zarray(shape=[], chunks=[])).document or {})
    assert zarr.open_array(store, mode="r", zarr_format=3)[...] == 42


# --- what the document says -----------------------------------------------------------------------------------------


def test_document() -> None:
    document = zarray(compressor={"id": "blosc"}, order="F", dimension_separator="/", dtype=">u2")
    conversion = convert(document, ["y", None])
    assert conversion.findings == ()
    assert dump_json(conversion.document) == dump_json(
        {
            "shape": [5, 7],
            "data_type": "uint16",
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2, 3]}},
            "chunk_key_encoding": {"name": "v2", "configuration": {"separator": "/"}},
            "fill_value": 7,
            "codecs": [
                {"name": "transpose", "configuration": {"order": [1, 0]}},
                {"name": "bytes", "configuration": {"endian": "big"}},
                {
                    "name": "blosc",
                    "configuration": {"typesize": 2, "cname": "lz4", "clevel": 5, "shuffle": "shuffle", "blocksize": 0},
                },
            ],
            "attributes": ATTRIBUTES,
            "dimension_names": ["y", None],
            "zarr_format": 3,
            "node_type": "array",
            "storage_transformers": [],
        }
    )


@pytest.mark.parametrize(
    ("dtype", "filters", "shuffle", "typesize"),
    [
        ("|u1", None, "bitshuffle", 1),
        ("<f4", None, "shuffle", 4),
        ("<f4", [scaled("<f4", "|u1")], "bitshuffle", 1),
        ("<f4", [{"id": "crc32"}], "bitshuffle", 1),
        ("|V300", None, "shuffle", 1),
        ([["a", "<i4"], ["b", "|u1"]], None, "shuffle", 5),
    ],
)
def test_blosc_that_chooses_by_the_size(dtype: Any, filters: Any, shuffle: str, typesize: int) -> None:
    blosc = {"id": "blosc", "cname": "zstd", "clevel": 1, "shuffle": -1, "blocksize": 0}
    converted = check_same(zarray(dtype=dtype, filters=filters, compressor=blosc, fill_value=None))
    configuration = converted["codecs"][-1]["configuration"]
    assert (configuration["shuffle"], configuration["typesize"]) == (shuffle, typesize)


@pytest.mark.parametrize("names", [None, ["y", "x"], [None, None], ["", "x"]])
def test_dimension_names(names: list[str | None] | None) -> None:
    document = convert(zarray(), names).document
    assert document is not None
    assert document.get("dimension_names") == names
    assert ("dimension_names" in document) == (names is not None)


def test_what_is_lost_to_no_one() -> None:
    extra = {"scanner": {"name": "SEM-3"}, "node_type": "x", "zarr_v2": 1}
    conversion = convert(zarray(**extra))
    assert conversion.document is not None
    assert conversion.document["zarr_v2"] == {"must_understand": False, "keys": extra}
    assert conversion.document["node_type"] == "array"
    assert [(finding.code, finding.pointer) for finding in conversion.findings] == [
        ("ZM422", "/scanner"),
        ("ZM422", "/node_type"),
        ("ZM422", "/zarr_v2"),
    ]
    assert check_same(zarray(**extra)) == convert(zarray(**extra), [None, "x"]).document


def test_format_as_a_text() -> None:
    assert convert(zarray(zarr_format="2")) == convert(zarray())


def test_without_filters() -> None:
    document = zarray()
    del document["filters"]
    assert check_same(document) == check_same(zarray())
    assert check_same(zarray(filters=[]))["fill_value"] == 7


@pytest.mark.parametrize(
    ("dtype", "fill", "written"),
    [
        ("<f4", float("nan"), "NaN"),
        ("<f4", float("inf"), "Infinity"),
        (">f8", float("-inf"), "-Infinity"),
        ("<c8", [float("nan"), 1], ["NaN", 1]),
        ("|b1", 0, False),
        ("|b1", 1.0, True),
        ("<i4", 3.0, 3),
        ("<i4", True, 1),
        ("<f4", True, 1.0),
        ("<f4", None, 0.0),
        ("<c8", None, [0.0, 0.0]),
        ("<M8[s]", "NaT", -(2**63)),
        ("<M8[s]", None, -(2**63)),
        ("|V2", None, "AAA="),
        ("|b1", None, False),
    ],
)
def test_fill_values_in_another_form(dtype: str, fill: Any, written: Any) -> None:
    document = convert(zarray(dtype=dtype, fill_value=fill)).document
    assert document is not None
    assert document["fill_value"] == written
    assert type(document["fill_value"]) is type(written)


def test_literals_stay() -> None:
    raw = dump_json(zarray(dtype="<f4")).replace(b'"fill_value": 7', b'"fill_value": 1.50e-3')
    document = convert(parse_json(raw, ".zarray")[0]).document
    assert b'"fill_value": 1.50e-3' in dump_json(document)


@pytest.mark.parametrize("literal", ["1e400", "-1e400"])
def test_a_literal_beyond_all_floats_is_no_infinity(literal: str) -> None:
    raw = dump_json(zarray(dtype="<f8")).replace(b'"fill_value": 7', f'"fill_value": {literal}'.encode())
    assert convert(parse_json(raw, ".zarray")[0]).document is None


# --- what is blocked ------------------------------------------------------------------------------------------------

NO_TYPES: list[Any] = [
    "<f16", "<c32", "<M8", "|O", "=u2", "|u2", "u2", "<u3", "|S0", "<U0", "<M8[0s]", "<M8[fortnight]", "", None, 3, {},
]  # fmt: skip
NO_CODECS: list[Any] = [
    *({"id": ident} for ident in ("base64", "pcodec", "zfpy", "imagecodecs_jpeg", "vlen-utf8", "", 3)), {}, 5, "zlib", [],
]  # fmt: skip
NO_FILLS: list[tuple[str, list[Any]]] = [
    ("|u1", [256, -1, 0.5, "0", [], {}, float("nan")]),
    ("<i8", [2**63, -(2**63) - 1, 1e30]),
    ("|b1", [2, "true", []]),
    ("<f2", [65520, 1e5, "nan", "0x7e00", 10**400]),
    ("<c8", [0, [0], [0, 0, 0], [0, 1e39], [0, None], "NaN"]),
    ("|S2", [0, "YWJj", "a", "ä", "YQ==YQ=="]),
    ("|V2", [0, "YQ==", "YWJj", ""]),
    ("<U2", [0, "abc"]),
    ("<M8[s]", [2**63, 1.0, True, "2020-01-01"]),
]
BLOCKED: list[tuple[str, dict[str, Any]]] = [
    *(("/dtype", {"dtype": dtype, "fill_value": None}) for dtype in NO_TYPES),
    *(("/fill_value", {"dtype": dtype, "fill_value": fill}) for dtype, fills in NO_FILLS for fill in fills),
    ("/dtype", {"dtype": [], "fill_value": None}),
    ("/dtype/0/1", {"dtype": [["a", ">i4"]], "fill_value": None}),
    ("/dtype/0/1", {"dtype": [["a", "|O"]], "fill_value": None}),
    ("/dtype/0", {"dtype": [["a", "<i4", [2]]], "fill_value": None}),
    ("/dtype/1", {"dtype": [["a", "<i4"], ["b", [["c", "<i4"]]]], "fill_value": None}),
    ("/dtype/1/0", {"dtype": [["a", "<i4"], ["a", "<i4"]], "fill_value": None}),
    ("/dtype/0/0", {"dtype": [["", "<i4"]], "fill_value": None}),
    ("/dtype/0", {"dtype": ["a"], "fill_value": None}),
    *(
        ("/dtype", {"dtype": "|O", "filters": [{"id": ident}], "fill_value": None})
        for ident in ("json2", "msgpack2", "pickle", "vlen-array", "categorize", "zlib")
    ),
    ("/dtype", {"dtype": "|O", "filters": [ZLIB, {"id": "vlen-utf8"}], "fill_value": None}),
    ("/fill_value", {"dtype": "<f4", "fill_value": 1e39}),
    ("/fill_value", {"dtype": [["a", "<i4"]], "fill_value": 0}),
    ("/fill_value", {"dtype": [["a", "<i4"]], "fill_value": "AAA="}),
    *(("/fill_value", {"dtype": [["a", "<i4"], ["b", text]], "fill_value": None}) for text in ("|S1", "<U1", "|V1")),
    ("/fill_value", {"dtype": "|O", "filters": [{"id": "vlen-utf8"}], "fill_value": 0.5}),
    ("/fill_value", {"dtype": "|O", "filters": [{"id": "vlen-utf8"}], "fill_value": False}),
    ("/fill_value", {"dtype": "|O", "filters": [{"id": "vlen-bytes"}], "fill_value": 0}),
    *(
        ("/compressor", {"compressor": codec})
        for codec in NO_CODECS
    ),
    ("/compressor/level", {"compressor": {"id": "gzip", "level": 10}}),
    ("/compressor/level", {"compressor": {"id": "gzip", "level": "5"}}),
    ("/compressor/level", {"compressor": {"id": "gzip", "level": True}}),
    ("/compressor/level", {"compressor": {"id": "zstd", "level": 23}}),
    ("/compressor/checksum", {"compressor": {"id": "zstd", "checksum": 1}}),
    ("/compressor/speed", {"compressor": {"id": "zlib", "speed": 1}}),
    ("/compressor/cname", {"compressor": {"id": "blosc", "cname": "brotli"}}),
    ("/compressor/cname", {"compressor": {"id": "blosc", "cname": 4}}),
    ("/compressor/clevel", {"compressor": {"id": "blosc", "clevel": 10}}),
    ("/compressor/shuffle", {"compressor": {"id": "blosc", "shuffle": 3}}),
    ("/compressor/shuffle", {"compressor": {"id": "blosc", "shuffle": "shuffle"}}),
    ("/compressor/blocksize", {"compressor": {"id": "blosc", "blocksize": -1}}),
    ("/compressor/location", {"compressor": {"id": "crc32", "location": "middle"}}),
    ("/filters/0", {"filters": [{"id": "delta"}]}),
    ("/filters/0", {"filters": [BITROUND]}),
    ("/filters/0", {"filters": [PACKBITS]}),
    ("/filters/0", {"dtype": "|b1", "fill_value": 0, "filters": [delta("|b1")]}),
    ("/filters/0", {"dtype": "<M8[s]", "filters": [delta("<i8")]}),
    ("/filters/0/dtype", {"filters": [delta("<i2")]}),
    ("/filters/0/dtype", {"filters": [delta(">u2")]}),
    ("/filters/0/dtype", {"filters": [delta("<u3")]}),
    ("/filters/0/dtype", {"filters": [delta("=u2")]}),
    ("/filters/0/decode_dtype", {"filters": [cast("<u4", "|u1")]}),
    ("/filters/0/astype", {"filters": [delta("<u2", "<f16")]}),
    ("/filters/0/astype", {"dtype": "|u1", "filters": [delta("|u1", "<i2")]}),
    ("/filters/0/astype", {"dtype": "<f8", "filters": [rounded("<f8") | {"astype": "<f4"}]}),
    ("/filters/1/dtype", {"dtype": "<f8", "filters": [scaled("<f8", "|u1"), delta("<f8")]}),
    ("/filters/1", {"filters": [{"id": "crc32"}, delta("<u2")]}),
    ("/filters/1", {"dtype": "|O", "fill_value": "", "filters": [{"id": "vlen-utf8"}, delta("<u2")]}),
    ("/compressor", {"filters": [ZLIB], "compressor": delta("<u2")}),
    ("/filters", {"filters": {"id": "zlib"}}),
    ("/zarr_format", {"zarr_format": 3}),
    ("/shape", {"shape": None}),
    ("/shape", {"shape": [5, -1]}),
    ("/shape", {"shape": [5, 1.0]}),
    ("/shape", {"shape": [5, True]}),
    ("/chunks", {"chunks": [2]}),
    ("/chunks", {"chunks": [0, 3]}),
    ("/order", {"order": "A"}),
    ("/order", {"order": ["C"]}),
    ("/dimension_separator", {"dimension_separator": None}),
    ("/dimension_separator", {"dimension_separator": "-"}),
]  # fmt: skip


@pytest.mark.parametrize(("place", "changes"), BLOCKED, ids=[json.dumps(changes)[:60] for _, changes in BLOCKED])
def test_blocked(place: str, changes: dict[str, Any]) -> None:
    conversion = convert(zarray(**changes))
    assert conversion.document is None
    assert [(finding.code, finding.pointer) for finding in conversion.findings] == [("ZM420", place)]
    assert conversion.findings[0].found


@pytest.mark.parametrize("key", ["zarr_format", "shape", "chunks", "dtype", "compressor", "order", "fill_value"])
def test_blocked_without_a_key(key: str) -> None:
    document = zarray()
    del document[key]
    conversion = convert(document)
    assert conversion.document is None
    assert key in conversion.findings[0].message


def test_all_that_blocks_is_told() -> None:
    conversion = convert(zarray(order="X", fill_value=-1, compressor={"id": "base64"}))
    assert [finding.pointer for finding in conversion.findings] == ["/order", "/compressor", "/fill_value"]


def test_blocked_by_names() -> None:
    assert convert(zarray(), ["x"]).document is None


# --- warnings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "places"),
    [
        ({"compressor": {"id": "gzip"}}, []),
        ({"compressor": {"id": "zstd"}}, []),
        ({"compressor": {"id": "blosc", "shuffle": -1}}, []),
        ({"filters": [{"id": "crc32c"}]}, []),
        ({"filters": [{"id": "crc32c", "location": "start"}]}, ["/filters/0"]),
        ({"compressor": ZLIB}, ["/compressor"]),
        ({"filters": [delta("<u2"), {"id": "shuffle"}]}, ["/filters/0", "/filters/1"]),
        ({"dtype": "|O", "fill_value": "", "filters": [{"id": "vlen-utf8"}]}, ["/dtype"]),
        ({"dtype": "<U4", "fill_value": ""}, ["/dtype"]),
    ],
)  # fmt: skip
def test_names_that_not_every_reader_knows(changes: dict[str, Any], places: list[str]) -> None:
    conversion = convert(zarray(**changes))
    assert [finding.pointer for finding in conversion.findings if finding.code == "ZM421"] == places


#: Documents of the core specification alone; TensorStore reads those.
CORE = [
    *(
        zarray(dtype=f"{order}{name}", fill_value=None)
        for name in CORE_NAMES
        if name not in ("i1", "u1", "b1")
        for order in "<>"
    ),
    *(zarray(dtype=f"|{name}", fill_value=None) for name in ("i1", "u1", "b1")),
    *(
        zarray(compressor=codec, dtype="<f4", fill_value="NaN")
        for codec in [*BLOSC, {"id": "gzip"}, {"id": "zstd", "level": 3}]
    ),
    zarray(filters=[{"id": "crc32c", "location": "end"}]),
    zarray(dtype="<c8", fill_value=["NaN", 1]),
    zarray(chunks=[9, 9], dimension_separator="/", scanner="SEM-3"),
]


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("document", CORE, ids=[f"{row['dtype']}-{row['compressor']}" for row in CORE])
def test_tensorstore_reads_the_same(document: dict[str, Any], order: str, tmp_path: Path) -> None:
    document = document | {"order": order}
    (tmp_path / ".zarray").write_bytes(dump_json(document))
    array = zarr.open_array(tmp_path, mode="r+", zarr_format=2)
    array[:3] = pixels(array.dtype, array.shape, document)[:3]
    wanted = np.asarray(array[...])
    conversion = convert(document, ["y", "x"])
    assert {finding.code for finding in conversion.findings} <= {"ZM422"}
    (tmp_path / "zarr.json").write_bytes(dump_json(conversion.document))
    (tmp_path / ".zarray").unlink()
    spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": str(tmp_path)}}
    opened = tensorstore.open(spec).result()
    assert same(np.asarray(opened.read().result()), wanted)
    assert [unit.label for unit in opened.domain] == ["y", "x"]


def test_tensorstore_refuses_what_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "zarr.json").write_bytes(dump_json(convert(zarray(compressor=ZLIB)).document))
    spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": str(tmp_path)}}
    with pytest.raises(ValueError, match=r"numcodecs\.zlib"):
        tensorstore.open(spec).result()


# --- documents of released programs ---------------------------------------------------------------------------------

REAL = sorted(file.parent.relative_to(WILD).as_posix() for file in WILD.rglob(".zarray"))


@pytest.mark.parametrize("path", REAL)
def test_real_documents(path: str, tmp_path: Path) -> None:
    """Pixels are written by their documents, which then change."""
    shutil.copytree(WILD / path, tmp_path / "a")
    folder = tmp_path / "a"
    document = parse_json((folder / ".zarray").read_bytes(), ".zarray")[0]
    attributes = parse_json((folder / ".zattrs").read_bytes(), "")[0] if (folder / ".zattrs").exists() else {}
    array: Any = zarr.open_array(folder, mode="r+", zarr_format=2)
    part = tuple(slice(0, chunk + 1) for chunk in array.chunks)
    array[part] = np.random.default_rng(3).integers(0, 100, array[part].shape).astype(array.dtype)
    some = tuple(slice(0, 2 * chunk + 1) for chunk in array.chunks)
    wanted = np.asarray(array[some])
    conversion = convert_array(document, attributes)
    assert conversion.document is not None
    assert {finding.code for finding in conversion.findings} <= {"ZM422"}
    (folder / "zarr.json").write_text(json.dumps(conversion.document), "utf-8")  # one has NaN among its attributes
    for name in (".zarray", ".zattrs"):
        (folder / name).unlink(missing_ok=True)
    after = zarr.open_array(folder, mode="r", zarr_format=3)
    assert (after.shape, after.chunks) == (array.shape, array.chunks)
    assert same(np.asarray(after[some]), wanted)
    assert repr(after.attrs.asdict()) == repr(json.loads(json.dumps(attributes)))


def test_every_group_of_released_programs() -> None:
    groups = sorted(WILD.rglob(".zgroup"))
    assert len(groups) > 50
    for file in groups:
        converted = convert_group({"a": 1}, parse_json(file.read_bytes(), "")[0])
        assert converted == Conversion({"attributes": {"a": 1}, "zarr_format": 3, "node_type": "group"})


# --- zarr-python's own conversion -----------------------------------------------------------------------------------

#: What zarr-python's own `migrate` can convert as well.
MIGRATED = [
    *(zarray(dtype=dtype, fill_value=fill, order=order) for dtype, fill in FILLED if fill is not None for order in "CF"),
    *(zarray(compressor=codec) for codec in FOR_BYTES if codec.get("shuffle") != -1 and codec.get("level") != -1),
    *(zarray(dtype=dtype, filters=filters, fill_value=[0, 0] if dtype == "<c8" else 0) for dtype, filters in FILTERS if
      not any(CODECS[codec["id"]].makes_bytes for codec in filters)),
]  # fmt: skip


def other_order(document: Any) -> bool:
    """Whether a filter stores the other byte order than the array has: zarr-python 3.1.6 then writes that of the array."""
    stored = (document["filters"] or [{}])[-1].get("astype", "|")[0]
    return isinstance(document["dtype"], str) and {stored, document["dtype"][0]} == {"<", ">"}


def plain(codec: Any) -> Any:
    """Return a codec of `numcodecs` as numcodecs itself tells it, with all that it takes where nothing is stated."""
    name = codec["name"].removeprefix("numcodecs.")
    if name == codec["name"] and name != "crc32c":
        return codec
    defaults = {"location": "end"} if name == "crc32c" else {}
    given: Any = {"id": name} | defaults | codec.get("configuration", {})
    return zarr.registry.get_numcodec(given)


@pytest.mark.parametrize("document", MIGRATED, ids=json.dumps)
def test_as_zarr_python_converts(document: dict[str, Any]) -> None:
    """Differences: `crc32c` is a core codec here, numcodecs' defaults are written or not, and `other_order`."""
    migrate = pytest.importorskip("zarr.metadata.migrate_v3")
    store = MemoryStore()
    put(store, ".zarray", document)
    put(store, ".zattrs", ATTRIBUTES)
    migrate.migrate_v2_to_v3(input_store=store)
    theirs = json.loads(store._store_dict["zarr.json"].to_bytes())
    ours: Any = convert(document).document
    assert list(ours) == list(theirs)
    one, other = ([plain(codec) for codec in side.pop("codecs")] for side in (ours, theirs))
    assert (one == other) != other_order(document)
    assert ours == theirs


# --- groups and consolidated metadata -------------------------------------------------------------------------------


def test_group() -> None:
    attributes: dict[str, Any] = {"b": 1, "a": {"x": None}}
    document = convert_group(attributes).document
    assert json.dumps(document) == '{"attributes": {"b": 1, "a": {"x": null}}, "zarr_format": 3, "node_type": "group"}'
    assert validate(packaged_validator("zarr/3/group"), document, code="ZM101", file="") == []
    assert convert_group(attributes, {"zarr_format": 2}).document == document
    blocked = convert_group(attributes, {"zarr_format": 2, "owner": "lab"})
    assert blocked.document is None
    assert [(finding.code, finding.pointer) for finding in blocked.findings] == [("ZM420", "/owner")]


def array_document(size: int) -> dict[str, Any]:
    return convert(zarray(shape=[size, 7])).document or {}


CHILDREN = {
    "raw": array_document(3),
    "B": convert_group({"x": 1}).document,
    "a": convert_group({}).document,
    "a/ä": array_document(4),
    "a/Z": convert_group({}).document,
    "a/Z/s1": array_document(5),
    "a/Z/s0": array_document(6),
    "a/empty": convert_group({}).document,
}


def test_consolidated_as_zarr_python_writes_it() -> None:
    store = MemoryStore()
    root = convert_group({"r": 1}).document or {}
    put(store, "zarr.json", root)
    for path, document in CHILDREN.items():
        put(store, f"{path}/zarr.json", document or {})
    zarr.consolidate_metadata(store)
    theirs = store._store_dict["zarr.json"].to_bytes()
    ours = with_consolidated(root, consolidated_v3({path: document or {} for path, document in CHILDREN.items()}))
    assert json.dumps(ours) == json.dumps(json.loads(theirs))
    assert validate(packaged_validator("zarr/3/group"), ours, code="ZM101", file="") == []


def test_consolidated_is_opened() -> None:
    store = MemoryStore()
    children = {path: document or {} for path, document in reversed(CHILDREN.items())}
    put(store, "zarr.json", with_consolidated(convert_group({}).document or {}, consolidated_v3(children)))
    opened: Any = zarr.open_consolidated(store)
    assert sorted(path for path, _ in opened.members(max_depth=None)) == sorted(CHILDREN)
    assert opened["a/Z/s0"].shape == (6, 7)
    assert opened["B"].attrs.asdict() == {"x": 1}


def test_consolidated_replaces_an_older_copy() -> None:
    group = convert_group({}).document or {}
    stale = with_consolidated(group, consolidated_v3({"gone": group}))
    assert consolidated_v3({"a": stale}) == consolidated_v3({"a": group})
    assert with_consolidated(stale, consolidated_v3({})) == with_consolidated(group, consolidated_v3({}))


@pytest.mark.parametrize("children", [{"a/b": array_document(3)}, {"a": array_document(3), "a/b": array_document(3)}])
def test_consolidated_below_no_group(children: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="'a/b' stands below 'a', which is not among the groups"):
        consolidated_v3(children)


# --- properties -----------------------------------------------------------------------------------------------------

NAMES = ["|b1", "|i1", "|u1", "<u2", ">u2", "<i4", ">i8", "<f2", ">f4", "<f8", "<c8", ">c16", "|S2", "<U2", "<M8[s]", "|V3"]
A_FILTER = st.one_of(
    st.builds(delta, st.sampled_from(NAMES), st.sampled_from(NAMES)),
    st.builds(delta, st.sampled_from(NAMES)),
    st.builds(scaled, st.sampled_from(NAMES), st.sampled_from(NAMES)),
    st.builds(rounded, st.sampled_from(NAMES)),
    st.builds(cast, st.sampled_from(NAMES), st.sampled_from(NAMES)),
    st.sampled_from([BITROUND, PACKBITS, {"id": "vlen-utf8"}, {"id": "base64"}]),
    st.sampled_from(FOR_BYTES),
)
A_FILL = st.one_of(
    st.none(),
    st.integers(-300, 300),
    st.sampled_from([True, 0.5, 1e39, 2**64, "NaN", "-Infinity", "", "YWI=", "YWJj", "ab", [0, 1], ["NaN", 0.5], 7.0, "7"]),
)


@st.composite
def arrays(draw: Any) -> dict[str, Any]:
    """Documents of Zarr v2, of parts that often fit each other."""
    shape = draw(st.lists(st.integers(0, 6), max_size=3))
    dtype = draw(st.sampled_from([*NAMES, [["a", "<i4"], ["b", "|S2"]], [["a", ">i4"]], "|O"]))
    fits = [filters for name, filters in FILTERS if name == dtype]
    filters = (
        draw(st.sampled_from(fits)) if fits and draw(st.booleans()) else draw(st.none() | st.lists(A_FILTER, max_size=3))
    )
    if dtype == "|O" and draw(st.booleans()):
        filters = [{"id": draw(st.sampled_from(["vlen-utf8", "vlen-bytes"]))}, *(filters or [])]
    return zarray(
        shape=shape,
        chunks=[draw(st.integers(1, 4)) for _ in shape],
        dtype=dtype,
        fill_value=draw(A_FILL),
        filters=filters,
        compressor=draw(st.none() | st.sampled_from(FOR_BYTES)),
        order=draw(st.sampled_from("CF")),
        dimension_separator=draw(st.sampled_from("./")),
    )


@settings(max_examples=400)
@given(arrays())
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_blocked_or_read_alike(document: dict[str, Any]) -> None:
    """What zarr-python cannot write as Zarr v2 has no pixels to compare, and may come out either way."""
    if convert(document).document is None:
        return
    try:
        write(MemoryStore(), document)
    except Exception:
        return
    check_same(document)


@st.composite
def broken(draw: Any) -> dict[str, Any]:
    """Put other JSON in some places of a document."""
    document, junk = draw(arrays()), draw(json_objects())
    values = st.sampled_from([*junk.values(), junk, [junk], [[junk]]])
    changes = {key: draw(values) for key in draw(st.lists(st.sampled_from(sorted(document)), max_size=3))}
    filters = draw(st.lists(values | A_FILTER | st.sampled_from(sorted(CODECS)).map(lambda ident: {"id": ident, **junk})))
    replaced: dict[str, Any] = draw(st.sampled_from([{}, {"filters": filters}, junk]))
    return {**document, **changes, **replaced}


@given(json_objects() | broken())
def test_hostile_documents(document: dict[str, Any]) -> None:
    convert(document)
