"""Strategies: JSON, attributes that are nearly right, nodes in memory, and canonical metadata that a convention can hold."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from fractions import Fraction
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from zmeta.canonical.metadata import Axis, Metadata, type_of_name
from zmeta.canonical.units import SPACE, TIME
from zmeta.conventions.zmeta.codec import ENTRY
from zmeta.jsondoc import ExactFloat, dump_json, parse_json
from zmeta.nodes.node import Document, Node

if TYPE_CHECKING:
    from zmeta.nodes.node import Format

Strategy = st.SearchStrategy[Any]

# --- JSON -----------------------------------------------------------------------------------------------------------

#: Literals that a parse to float and back would change, and some that it would not.
NUMBER_LITERALS = [
    "0", "4", "-7", "0.0", "-0.0", "0.10", "1.0", "1.50", "1e-3", "1E5", "1e+5", "1.0E-07", "100000.0", "5.24",
    "0.36", "0.30000000000000004", "12345678901234567890", "0.12345678901234567891", "3.14159265358979323846",
    "1e22", "1e400", "-1e400", "1e-400", "1e999999999", "0e999999999", "9007199254740993", "1" * 400, "0." + "1" * 5000,
]  # fmt: skip

_TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
_TRICKY = st.sampled_from(
    ['":', '": ', '{"a": 1}', "\n", "\x1b[31m", "\u2028", "µm", "\U0001f9e0", "\\", '"', "\x7f", "[[["]
)


def json_objects() -> Strategy:
    """JSON objects without floats that are not finite."""
    scalar = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXT | _TRICKY
    value = st.recursive(
        scalar, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4), max_leaves=15
    )
    return st.dictionaries(_TEXT | _TRICKY, value, max_size=5)


@st.composite
def json_text(draw: Any) -> str:
    """The text of an object, with number literals of every form, in one of the layouts that writers use."""
    indent = draw(st.sampled_from(["", "", "  ", "    ", "\t"]))
    comma, colon = (",", ": ") if indent else draw(st.sampled_from([(",", ":"), (", ", ": ")]))
    plain = draw(st.booleans())
    quote = encode_basestring if plain else encode_basestring_ascii
    marker = '"µ": ' if plain else '"m": '  # a document with no such character is written with escapes

    def dump(value: Any, newline: str) -> str:
        inner = newline + indent
        if isinstance(value, dict) and value:
            items = [quote(key) + colon + dump(item, inner) for key, item in value.items()]
            return "{" + comma.join(inner + item for item in items) + newline + "}"
        if isinstance(value, list) and value:
            return "[" + comma.join(inner + dump(item, inner) for item in value) + newline + "]"
        if value is ...:
            return str(draw(st.sampled_from(NUMBER_LITERALS)))
        return str(quote(value) if isinstance(value, str) else json.dumps(value))

    scalar = st.just(...) | st.none() | st.booleans() | _TEXT | _TRICKY
    value = st.recursive(
        scalar, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3), max_leaves=8
    )
    data = {marker[1]: 1} | draw(st.dictionaries(_TEXT | _TRICKY, value, max_size=4))
    return dump(data, "\n" if indent else "") + str(draw(st.sampled_from(["", "\n"])))


# --- attributes that are nearly right ---------------------------------------------------------------------------------

_ODD_NUMBERS: list[Any] = [
    0, -1, True, None, "4", "", [], {}, math.nan, math.inf, -math.inf, 10**400, -(10**400), 2**64, ExactFloat("1e400"),
    ExactFloat("1e-400"), ExactFloat("0e999999999"), ExactFloat("1e999999999"), ExactFloat("1e9999999999999999999999"),
    ExactFloat("1e300"), ExactFloat("1e-300"), ExactFloat("0." + "1" * 5000), ExactFloat("0.3333333333333333333333"), -0.0,
]  # fmt: skip
_NUMBERS = st.sampled_from([1, 2, 4, 8, 40, 9.8, 0.36, 5.24, 0.5, ExactFloat("0.10"), 1000]) | st.sampled_from(_ODD_NUMBERS)
_GOOD_NUMBERS = st.sampled_from([1, 2, 4, 8, 40, 9.8, 0.36, ExactFloat("0.10")])
_NAMES = st.sampled_from(
    ["x", "y", "z", "t", "c", "c^", "s", "x'", "Z", "time", "channel", "c0", "lat", "", "^", "dim_0", "a\nb\x1b[0m"]
)
_TYPES = st.sampled_from(["space", "time", "channel", "sample", "", "Space", "other"])
_UNITS = st.sampled_from(
    ["nm", "nanometer", "um", "µm", "micrometer", "s", "second", "pixel", "", "parsec", "A", "degree", "\ud800"]
)
_QUANTITIES = st.sampled_from(
    ["8 nm", "nm", "4", "", "0 nm", "-4 nm", "8nm", "1e400 nm", "8 8 nm", "channel", "0.5 um", "1e999 s"]
)
_ORDINARY = ["z", "y", "x", "c", "t"]


def junk() -> Strategy:
    """JSON of any kind, with keys and numbers that conventions know."""
    scalar = st.none() | st.booleans() | st.integers(-3, 70) | _NUMBERS | _NAMES | _UNITS | _TEXT
    keys = (
        _TEXT | st.sampled_from(KEYS) | st.sampled_from(["scale", "translate", "path", "name", "type", "unit", "dimensions"])
    )
    return st.recursive(
        scalar, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=8
    )


KEYS = (
    "axes", "types", "units", "voxel_size", "offset", "resolution", "axis_names", "dimension_units", "_ARRAY_DIMENSIONS",
    "transform", "pixelResolution", "downsamplingFactors", "scales", "multiscales", "ome", "zarr_conventions",
    "painteraData", "spatialTransform", "axistags", "pixelWidth", "multiScale", "unit", "coordinates", "n5",
)  # fmt: skip


def _nearly(good: Strategy) -> Strategy:
    """Mostly a value of the right kind, sometimes any."""
    return st.integers(0, 7).flatmap(lambda chance: junk() if chance == 0 else good)


def _list(items: Strategy, ndim: int) -> Strategy:
    return st.lists(items, min_size=ndim, max_size=ndim) | st.lists(items, max_size=max(ndim, 1))


def _numbers(ndim: int) -> Strategy:
    return _list(_GOOD_NUMBERS, ndim) | _list(_NUMBERS, ndim)


def _axis_names(ndim: int) -> Strategy:
    return st.permutations(_ORDINARY).map(lambda names: list(names[:ndim])) | _list(_NAMES, ndim)


def _ome_axes(ndim: int) -> Strategy:
    entry = st.fixed_dictionaries(
        {"name": _nearly(_NAMES)}, optional={"type": _nearly(_TYPES), "unit": _nearly(_UNITS), "units": _UNITS}
    )
    good = _axis_names(ndim).map(lambda names: [{"name": n, "type": type_of_name(n) or "space"} for n in names])
    return good | _list(_nearly(entry), ndim)


def _transforms(ndim: int) -> Strategy:
    scale = st.fixed_dictionaries({"type": st.just("scale"), "scale": _nearly(_numbers(ndim))})
    good = st.fixed_dictionaries({"type": st.just("scale"), "scale": st.lists(_GOOD_NUMBERS, min_size=ndim, max_size=ndim)})
    place = st.fixed_dictionaries({"type": st.just("translation"), "translation": _nearly(_numbers(ndim))})
    other = st.sampled_from(
        [{"type": "identity"}, {"type": "affine"}, {"type": ["scale"]}, {"type": "scale", "path": "s"}, {}]
    )
    return (
        good.map(lambda item: [item])
        | st.tuples(good, place).map(list)
        | st.lists(_nearly(scale | place | other), max_size=3)
    )


def _cosem_transform(ndim: int) -> Strategy:
    required = {"scale": _nearly(_numbers(ndim))}
    optional = {
        "axes": _nearly(_axis_names(ndim)), "units": _nearly(_list(_UNITS, ndim)), "translate": _nearly(_numbers(ndim)),
        "order": _nearly(st.sampled_from(["C", "F"])), "ordering": _nearly(st.sampled_from(["C", "F"])),
    }  # fmt: skip
    return st.fixed_dictionaries(required, optional=optional)


def _images(ndim: int) -> Strategy:
    path = st.sampled_from(["s0", "s1", "./s1", "g/s1", "/s1", "s1/", "../s1", "", "s2"])
    dataset = st.fixed_dictionaries(
        {"path": _nearly(path)},
        optional={"coordinateTransformations": _nearly(_transforms(ndim)), "transform": _nearly(_cosem_transform(ndim))},
    )
    version: Strategy = st.sampled_from(
        ["0.1", "0.2", "0.3", "0.4", "0.5", "0.6rc0", 0.4, None, True, "0.5-dev", ["0.4"], 10**4200]
    )
    image = st.fixed_dictionaries(
        {"datasets": _nearly(st.lists(_nearly(dataset), max_size=3))},
        optional={
            "axes": _nearly(_axis_names(ndim) | _ome_axes(ndim)), "version": version, "coordinateSystems": st.just([]),
            "coordinateTransformations": _nearly(_transforms(ndim)), "axis": _axis_names(ndim), "name": _NAMES,
        },
    )  # fmt: skip
    return st.lists(_nearly(image), min_size=1, max_size=2)


def attributes(ndim: int) -> Strategy:
    """Attributes with keys that conventions know and values that are nearly right."""
    sizes, names = _numbers(ndim), _axis_names(ndim)
    entry = st.sampled_from(
        [
            ENTRY,
            {"uuid": ENTRY["uuid"]},
            {**ENTRY, "schema_url": "other"},
            {"uuid": "689b58e2-cf7b-45e0-9fff-9cfc0883d6b4"},
            {},
            1,
        ]
    )
    images = _nearly(_images(ndim))
    values: dict[str, Strategy] = {
        "axes": names | st.sampled_from(["zyx", "czyx", ["zyx"], "z^", ""]) | _ome_axes(ndim),
        "types": _list(_TYPES, ndim), "units": _list(_UNITS, ndim) | _UNITS, "voxel_size": sizes, "offset": sizes,
        "resolution": sizes, "axis_names": names, "dimension_units": _list(_QUANTITIES | st.none(), ndim),
        "_ARRAY_DIMENSIONS": names, "transform": _cosem_transform(ndim),
        "pixelResolution": sizes
        | st.fixed_dictionaries({}, optional={"dimensions": _nearly(sizes), "unit": _nearly(_UNITS)}),
        "downsamplingFactors": sizes | st.lists(_nearly(sizes), max_size=3), "scales": st.lists(_nearly(sizes), max_size=3),
        "multiscales": images,
        "ome": st.fixed_dictionaries(
            {"multiscales": images}, optional={"version": _nearly(st.sampled_from(["0.5", "0.4", "0.6"]))}
        ),
        "zarr_conventions": st.lists(_nearly(entry), max_size=2),
        "painteraData": st.just({}), "spatialTransform": st.just({}),
        "axistags": st.just({}), "pixelWidth": st.just(1), "multiScale": st.just(True), "unit": _UNITS,
        "coordinates": st.just("x y"), "n5": st.just("2.0.0"),
    }  # fmt: skip
    optional = {key: _nearly(value) for key, value in values.items()}
    some = st.lists(st.sampled_from(KEYS), max_size=6, unique=True)
    known = some.flatmap(lambda keys: st.fixed_dictionaries({key: optional[key] for key in keys}))
    extra = st.dictionaries(_TEXT, junk(), max_size=2)
    return st.tuples(known, extra).map(lambda pair: {**pair[1], **pair[0]})


FORMATS: tuple[Format, ...] = (2, 3, "n5")


@st.composite
def nodes(draw: Any) -> Node:
    """An array in memory with attributes that are nearly right, under groups that are no better."""
    format_: Format = draw(st.sampled_from(FORMATS))
    ndim = draw(st.sampled_from([0, 1, 2, 3, 3, 3, 4, 4, 5, 6]))
    depth = draw(st.integers(0, 2))
    group_attributes: Strategy = st.just({}) | attributes(ndim)
    folders = ["/c.zarr/g/s1", "/c.zarr/g", "/c.zarr"]
    below = ["s1", "g/s1"]
    ancestors = tuple(
        (Node(folders[level + 1], format_, "group", {}, draw(group_attributes)), below[level]) for level in range(depth)
    )
    separator = draw(st.sampled_from([None, "/", "."]))
    document = Document("/c.zarr/g/s1/.zarray", b"", {"dimension_separator": separator})
    documents = {".zarray": document} if format_ == 2 else {}
    names = draw(st.none() | _nearly(_list(_NAMES | st.none(), ndim))) if format_ == 3 else None
    shape = tuple(draw(st.lists(st.integers(0, 300), min_size=ndim, max_size=ndim)))
    keys = draw(attributes(ndim))
    return Node(folders[0], format_, "array", documents, keys, shape, "uint8", names, ancestors)


# --- canonical metadata that a convention can hold --------------------------------------------------------------------

SIZES = st.builds(
    lambda digits, exponent: Fraction(digits) * Fraction(10) ** exponent, st.integers(1, 10**6), st.integers(-9, 4)
)
OFFSETS = st.just(Fraction(0)) | SIZES | SIZES.map(lambda size: -size)
SPACE_UNITS = st.sampled_from(sorted(SPACE))
TIME_UNITS = st.sampled_from(sorted(TIME))


def with_names(names: tuple[str | None, ...], types: tuple[str | None, ...], sized: bool = True) -> Metadata:
    """Metadata of axes that all have a size of 1 and begin at 0 where they are of space or time."""
    one, zero = Fraction(1), Fraction(0)
    return Metadata(
        tuple(
            Axis(name, kind, None, one, zero) if sized and kind in ("space", "time") else Axis(name, kind)
            for name, kind in zip(names, types, strict=True)
        )
    )


@dataclass(frozen=True)
class Fit:
    """What one row of the conventions can hold.

    `axes` gives names with types; `units` is "none", "any" (one, another or none per physical axis), "all" (one per
    physical axis) or "same" (one for all or none); `offset` tells whether one that is not 0 has a place.
    """

    formats: tuple[Format, ...]
    axes: Strategy
    units: str = "any"
    offset: bool = True
    sized: bool = True


def _free_axes() -> Strategy:
    """Any names, any types, at least one axis of space or time."""
    names = st.lists(
        st.sampled_from(["x", "y", "z", "t", "c", "s", "lat", "row", "Z", "0", "a b", "脳"]),
        min_size=1,
        max_size=5,
        unique=True,
    )
    kinds = st.sampled_from(["space", "space", "time", "channel", "sample", "phase"])

    def typed(chosen: list[str]) -> Strategy:
        types = st.lists(kinds, min_size=len(chosen), max_size=len(chosen)).filter(lambda k: {"space", "time"} & set(k))
        return types.map(lambda drawn: (tuple(chosen), tuple(drawn)))

    return names.flatmap(typed)


def _named_axes(names: list[str], *, least: int = 1) -> Strategy:
    """Distinct names, in any order, that tell the type themselves; at least one physical axis."""
    chosen = st.lists(st.sampled_from(names), min_size=least, max_size=5, unique=True)
    typed = chosen.map(lambda drawn: (tuple(drawn), tuple(type_of_name(name) for name in drawn)))
    return typed.filter(lambda pair: bool({"space", "time"} & set(pair[1])))


def habit_axes(most: int = 4, channels: int = 2) -> Strategy:
    """Channels first, then (t,) z, y, x: what readers make of arrays that name no axes."""

    def build(pair: tuple[int, int]) -> tuple[tuple[str, ...], tuple[str | None, ...]]:
        physical, extra = pair
        first = ["c"] if extra == 1 else [f"c{index}" for index in range(extra)]
        names = (*first, *("t", "z", "y", "x")[4 - physical :])
        return names, tuple(type_of_name(name) for name in names)

    return st.tuples(st.integers(1, most), st.integers(0, channels)).map(build)


_TELLING = ["x", "y", "z", "t", "c", "Z", "time", "channel", "c0", "c1", "s"]
_N5_ORDER = (  # what dacapo's readers recognise as x-first once it is reversed
    st.sampled_from(["zyx", "yx", "zx", "czyx", "tzyx", "cx", "ctyx"])
    .map(tuple)
    .map(lambda names: (names, tuple(type_of_name(name) for name in names)))
)  # fmt: skip
_MARKED = _named_axes(["x", "y", "z", "t", "time", "Z"]).flatmap(  # channels have any name, for they are marked
    lambda pair: st.sampled_from([(), ("c",), ("rgb",), ("s",)]).map(
        lambda extra: ((*extra, *pair[0]), (*("channel",) * len(extra), *pair[1]))
    )
)

#: By row: what it can hold on a node of which format. A row that can be encoded and is missing here fails a test.
FITS: dict[str, tuple[Fit, ...]] = {
    "zmeta@1.0": (Fit((2, 3), _free_axes()), Fit((2, 3), _free_axes(), "none", sized=False)),
    "ome-ngff@0.5": (Fit((3,), _free_axes()),),
    "ome-ngff@0.4": (Fit((2,), _free_axes()),),
    "ome-ngff@0.3": (Fit((2,), _named_axes([*_TELLING, "lat"]), "none", sized=False),),
    "cosem@1": (Fit(FORMATS, _named_axes(_TELLING)),),
    "funlib-persistence@0.6": (Fit(FORMATS, _free_axes()),),
    "funlib-persistence@0.5": (Fit(FORMATS, _MARKED),),
    "daisy@2": (Fit(FORMATS, habit_axes(), "none"),),
    "daisy@1": (Fit(FORMATS, habit_axes(), "none"),),
    "n5-viewer@1": (Fit(FORMATS, habit_axes(3), "same", offset=False),),
    "neuroglancer-n5@1": (Fit(("n5",), _MARKED, offset=False),),
    "dacapo@0.2.1": (Fit((2, 3), _named_axes(_TELLING, least=2)),),
    "dacapo@0.2.0": (Fit((2, 3), _named_axes(_TELLING, least=2), "none"), Fit(("n5",), _N5_ORDER, "none")),
    "dacapo@0.1": (Fit((2, 3), _named_axes(["x", "y", "z", "t", "c"]), "none"), Fit(("n5",), _N5_ORDER, "none")),
    "dimension-units@1": (Fit(FORMATS, habit_axes(), "all", offset=False),),
    "xarray@3": (Fit((3,), _named_axes([*_TELLING, "lat"]), "none", sized=False),),
    "xarray@2": (Fit(FORMATS, _named_axes([*_TELLING, "lat"]), "none", sized=False),),
}


@st.composite
def metadata_for(draw: Any, fit: Fit) -> Metadata:
    """Canonical metadata that fits."""
    names, types = draw(fit.axes)
    common = draw(SPACE_UNITS)
    axes = []
    for axis in with_names(names, types).axes:
        if axis.type not in ("space", "time") or not fit.sized:
            axes.append(replace(axis, voxel_size=None, offset=None))
            continue
        listed = TIME_UNITS if axis.type == "time" else SPACE_UNITS
        unit = {
            "none": st.none(), "any": st.none() | listed, "all": listed, "same": st.just(common),
        }[fit.units]  # fmt: skip
        offset = draw(OFFSETS) if fit.offset else Fraction(0)
        axes.append(replace(axis, unit=draw(unit), voxel_size=draw(SIZES), offset=offset))
    if fit.units == "same" and draw(st.booleans()):
        axes = [replace(axis, unit=None) for axis in axes]
    return Metadata(tuple(axes))


#: Attributes of others: they must come out as they went in, and in their order.
FOREIGN: dict[str, Any] = {
    "stain": "OTO", "µ": [1, {"k": None}], "acquired": "2024-05-17",
    "number": ExactFloat("1.50"), "z": {"unit": "px"}, "": 0,
}  # fmt: skip


def image_of(ndim: int, version: str, levels: tuple[str, ...], **more: Any) -> dict[str, Any]:
    """An OME image that lists levels whose scale halves, with keys that are none of zmeta's business."""
    axes: list[Any] = [{"name": f"a{index}", "type": "space", "longName": "kept"} for index in range(ndim)]
    image: dict[str, Any] = {"name": "image", "axes": axes if version != "0.3" else [f"a{index}" for index in range(ndim)]}
    scales = [[2**level] * ndim for level in range(len(levels))]
    image["datasets"] = [
        {"path": path, "coordinateTransformations": [{"type": "scale", "scale": scale}], "kept": path}
        if version != "0.3"
        else {"path": path}
        for path, scale in zip(levels, scales, strict=True)
    ]
    return {**({} if version == "0.5" else {"version": version}), **image, "metadata": {"method": "mean"}, **more}


def node_for(row_id: str, format_: Format, ndim: int, *, level: int | None = None, **more: Any) -> Node:
    """A node that a row can be encoded on; for OME `level` puts it into an image of three levels."""
    path = f"/c/image/s{level or 0}"
    group_keys: dict[str, Any] = dict(FOREIGN)
    version = row_id.partition("@")[2]
    if row_id == "ome-ngff@0.3" or level is not None:
        image = image_of(ndim, version, ("s0", "s1", "s2"), **more)
        group_keys |= (
            {"ome": {"version": "0.5", "multiscales": [image], "kept": 1}} if version == "0.5" else {"multiscales": [image]}
        )
    group = Node("/c/image", format_, "group", {}, group_keys)
    root = Node("/c", format_, "group", {}, dict(FOREIGN))
    name = path.rpartition("/")[2]
    shape = tuple(range(2, 2 + ndim))
    return Node(path, format_, "array", {}, dict(FOREIGN), shape, "uint8", None, ((group, name), (root, f"image/{name}")))


def through_json(node: Node) -> Node:
    """The node as it is read back from the bytes that its attributes are written as."""

    def again(one: Node) -> Node:
        return one._replace(attributes=parse_json(dump_json(one.attributes), "attributes")[0])

    return again(node)._replace(ancestors=tuple((again(group), below) for group, below in node.ancestors))


# --- bytes ------------------------------------------------------------------------------------------------------------

_BYTES = st.sampled_from([bytes([byte]) for byte in b'0123456789-+.,:"[]{}\\ \n\t\0eENatrufx\xff\xc3\xa9'])
#: What is done to the bytes of a document; most often where its numbers are.
EDIT = st.tuples(st.sampled_from(["replace", "insert", "delete", "digit", "digit", "repeat"]), st.integers(0, 10**6),
                  st.lists(_BYTES, min_size=1, max_size=3).map(b"".join), st.integers(1, 40))  # fmt: skip


def edited(raw: bytes, edits: list[tuple[str, int, bytes, int]]) -> bytes:
    """Do to some bytes what is to be done."""
    for verb, where, new, size in edits:
        at = where % len(raw) if raw else 0
        if verb == "digit":  # where the holes are
            digits = [index for index, byte in enumerate(raw) if chr(byte) in "0123456789"]
            at = digits[where % len(digits)] if digits else at
        match verb:
            case "replace" | "digit":
                raw = raw[:at] + new + raw[at + len(new) :]
            case "insert":
                raw = raw[:at] + new + raw[at:]
            case "delete":
                raw = raw[:at] + raw[at + size % 4 + 1 :]
            case _:
                raw = raw[: at + size] + raw[at:]
    return raw
