"""Documents of Zarr v2 as documents of Zarr v3: metadata alone, for the same chunks. Pure; `migrate` writes the result.

What comes out is read by zarr-python 3 with the same pixel values, or nothing comes out and the findings say why.
"""

from __future__ import annotations

import marshal
import unicodedata
from typing import TYPE_CHECKING, NamedTuple, ParamSpec, TypeVar

from zmeta.finding import Finding
from zmeta.jsondoc import describe, pointer
from zmeta.nodes.v3_codecs import convert_codecs, object_codec
from zmeta.nodes.v3_types import NoFormError, convert_fill, parse_type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from zmeta.jsondoc import JSONObject, JSONValue
    from zmeta.nodes.v3_codecs import At, Encoded
    from zmeta.nodes.v3_types import DataType

P = ParamSpec("P")
R = TypeVar("R")

#: Under this key of a `zarr.json` stand the keys of a `.zarray` that Zarr does not know; readers may ignore them.
CARRIED = "zarr_v2"

#: What a `.zarray` must and what it may say.
_REQUIRED = ("zarr_format", "shape", "chunks", "dtype", "compressor", "fill_value", "order")
_KNOWN = frozenset({*_REQUIRED, "filters", "dimension_separator"})


class Conversion(NamedTuple):
    """What becomes of a document: the new one, or None where it has no form in Zarr v3, and what is to be known about it."""

    document: JSONObject | None
    findings: tuple[Finding, ...] = ()


def convert_array(zarray: JSONObject, attributes: JSONObject, dimension_names: list[str | None] | None = None) -> Conversion:
    """Return the `zarr.json` of an array.

    Parameters
    ----------
    zarray : dict
        The `.zarray`.
    attributes : dict
        The `.zattrs`; they come out as they are.
    dimension_names : list, optional
        One per dimension; None leaves them out.
    """
    kind = _find_kind(zarray, dimension_names)
    known = None if kind is None else _CONVERTED.get(kind)
    if known is None:
        conversion = _convert_array(zarray, attributes, dimension_names)
        if kind is not None and conversion.document is not None:
            if len(_CONVERTED) >= _MOST_KEPT:
                _CONVERTED.clear()
            _CONVERTED[kind] = Conversion({**conversion.document, "attributes": {}}, conversion.findings)
        return conversion
    document: JSONObject = {**(known.document or {}), "shape": zarray["shape"]}
    document["chunk_grid"] = {"name": "regular", "configuration": {"chunk_shape": zarray["chunks"]}}
    document["attributes"] = attributes
    return Conversion(document, known.findings)


#: What became of arrays that differ in shape, chunks and attributes alone.
_CONVERTED: dict[bytes, Conversion] = {}
_MOST_KEPT, _LARGEST_KIND = 256, 4096


def _find_kind(zarray: JSONObject, dimension_names: list[str | None] | None) -> bytes | None:
    """Return what the conversion depends on besides the numbers in shape and chunks; None where these are out of the way."""
    shape, chunks = zarray.get("shape"), zarray.get("chunks")
    if not (type(shape) is list and type(chunks) is list and len(shape) == len(chunks) > 0):
        return None
    if {*map(type, shape), *map(type, chunks)} != {int} or min(shape) < 0 or min(chunks) < 1:  # type: ignore[type-var, operator]
        return None
    rest = [item for item in zarray.items() if item[0] not in _GRID]
    try:
        kind = marshal.dumps((rest, len(shape), dimension_names), 2)
    except ValueError:  # a number that keeps its literal
        return None
    return kind if len(kind) <= _LARGEST_KIND else None


_GRID = ("shape", "chunks")


def _convert_array(zarray: JSONObject, attributes: JSONObject, dimension_names: list[str | None] | None) -> Conversion:
    reasons = _Reasons()
    grid = reasons.attempt(_convert_grid, zarray, dimension_names)
    listed = reasons.attempt(_list_codecs, zarray)
    dtype = None if listed is None else reasons.attempt(parse_type, zarray.get("dtype"), object_codec(listed))
    encoded = None if listed is None or dtype is None else reasons.attempt(convert_codecs, listed, dtype)
    fill = None if dtype is None else reasons.attempt(convert_fill, zarray.get("fill_value"), dtype)
    if reasons or grid is None or dtype is None or encoded is None:
        return Conversion(None, tuple(_blocked(reason) for reason in reasons))
    document: JSONObject = {
        "shape": zarray["shape"],
        "data_type": dtype.data_type,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": grid.chunk_shape}},
        "chunk_key_encoding": {"name": "v2", "configuration": {"separator": grid.separator}},
        "fill_value": fill,
        "codecs": [*grid.transpose, *(codec for codec, _ in encoded)],
        "attributes": attributes,
        **({} if dimension_names is None else {"dimension_names": [*dimension_names]}),
        "zarr_format": 3,
        "node_type": "array",
        "storage_transformers": [],
        **_carried(zarray),
    }
    return Conversion(document, (*_find_extensions(dtype, encoded), *_find_changes(zarray, grid, fill)))


def convert_group(attributes: JSONObject, zgroup: JSONObject | None = None) -> Conversion:
    """Return the `zarr.json` of a group. More keys in a `.zgroup` block it: zarr-python opens no group with unknown keys."""
    extra = [key for key in zgroup or {} if key not in ("zarr_format", "consolidated_metadata")]
    if extra:
        reason = NoFormError(
            f"a group of Zarr v3 has no place for {', '.join(extra)}", (extra[0],), (zgroup or {})[extra[0]]
        )
        return Conversion(None, (_blocked(reason),))
    return Conversion({"attributes": attributes, "zarr_format": 3, "node_type": "group"})


def consolidated_v3(children: Mapping[str, JSONObject]) -> JSONObject:
    """Return the `consolidated_metadata` of a group for all documents below it, by their path from it, as zarr-python does.

    Raises `ValueError` where a document stands below no group: zarr-python does not open such a copy.
    """
    metadata: JSONObject = {}
    for path in sorted(children, key=_consolidated_order):
        parent = path.rpartition("/")[0]
        if parent and children.get(parent, {}).get("node_type") != "group":
            raise ValueError(f"{path!r} stands below {parent!r}, which is not among the groups")
        document = children[path]
        metadata[path] = with_consolidated(document, _inline({})) if document.get("node_type") == "group" else document
    return _inline(metadata)


def with_consolidated(group: JSONObject, consolidated: JSONObject) -> JSONObject:
    """Return the document of a group with another consolidated copy, where zarr-python writes it: before `node_type`."""
    rest = {key: value for key, value in group.items() if key not in ("consolidated_metadata", "node_type")}
    return {**rest, "consolidated_metadata": consolidated, "node_type": group["node_type"]}


def _inline(metadata: JSONObject) -> JSONObject:
    return {"kind": "inline", "must_understand": False, "metadata": metadata}


def _consolidated_order(path: str) -> tuple[int, str, str]:
    return path.count("/"), unicodedata.normalize("NFKC", path).casefold(), path


# --- parts of an array ----------------------------------------------------------------------------------------------


class _Reasons(list[NoFormError]):
    """What stands against a conversion: all of it, not the first alone."""

    def attempt(self, convert: Callable[P, R], *given: P.args, **named: P.kwargs) -> R | None:
        try:
            return convert(*given, **named)
        except NoFormError as reason:
            self.append(reason)
            return None


class _Grid(NamedTuple):
    chunk_shape: list[JSONValue]
    separator: str
    transpose: tuple[JSONObject, ...]


def _convert_grid(zarray: JSONObject, dimension_names: list[str | None] | None) -> _Grid:
    missing = [key for key in _REQUIRED if key not in zarray]
    if missing:
        raise NoFormError(f"the document does not state {', '.join(missing)}", (), zarray)
    if zarray["zarr_format"] not in (2, "2"):  # WebKnossos writes the string
        raise NoFormError("the document is none of Zarr v2", ("zarr_format",), zarray["zarr_format"])
    shape, chunks = _sizes(zarray, "shape"), _sizes(zarray, "chunks")
    if len(chunks) != len(shape):
        raise NoFormError("shape and chunks have different lengths", ("chunks",), zarray["chunks"])
    if any(chunk == 0 < size for size, chunk in zip(shape, chunks, strict=True)):
        raise NoFormError("a chunk of no elements divides nothing", ("chunks",), zarray["chunks"])
    separator = zarray.get("dimension_separator", ".")
    if separator not in (".", "/"):
        raise NoFormError("the separator is neither a dot nor a slash", ("dimension_separator",), separator)
    if zarray["order"] not in ("C", "F"):
        raise NoFormError("the order is neither C nor F", ("order",), zarray["order"])
    if dimension_names is not None and len(dimension_names) != len(shape):
        raise NoFormError("there is not one dimension name for each dimension", ("shape",), zarray["shape"])
    swap = zarray["order"] == "F" and len(shape) > 1
    order: list[JSONValue] = [*range(len(shape))][::-1]
    transpose: tuple[JSONObject, ...] = ({"name": "transpose", "configuration": {"order": order}},) if swap else ()
    return _Grid([max(chunk, 1) for chunk in chunks], str(separator), transpose)


def _sizes(zarray: JSONObject, key: str) -> list[int]:
    sizes = zarray[key]
    values = sizes if isinstance(sizes, list) else [None]
    if not all(isinstance(value, int) and not isinstance(value, bool) and value >= 0 for value in values):
        raise NoFormError(f"{key} is not a list of whole numbers", (key,), sizes)
    return [value for value in values if isinstance(value, int)]


def _list_codecs(zarray: JSONObject) -> list[tuple[At, JSONValue]]:
    """Return filters and compressor in the order in which they encode, each with its place in the document."""
    filters, compressor = zarray.get("filters") or [], zarray.get("compressor")
    if not isinstance(filters, list):
        raise NoFormError("the filters are not a list", ("filters",), zarray["filters"])
    listed: list[tuple[At, JSONValue]] = [(("filters", index), given) for index, given in enumerate(filters)]
    return listed if compressor is None else [*listed, (("compressor",), compressor)]


def _carried(zarray: JSONObject) -> JSONObject:
    """Return unknown keys as the one kind of key that readers of Zarr v3 may pass over."""
    extra: JSONObject = {key: value for key, value in zarray.items() if key not in _KNOWN}
    return {CARRIED: {"must_understand": False, "keys": extra}} if extra else {}


# --- findings -------------------------------------------------------------------------------------------------------


def _blocked(reason: NoFormError) -> Finding:
    return Finding("ZM420", str(reason), pointer=pointer(*reason.at), found=reason.found, hint=reason.hint)


def _find_extensions(dtype: DataType, encoded: tuple[Encoded, ...]) -> list[Finding]:
    """Find what the core specification does not know, where it stands in the old document."""
    findings = [] if dtype.is_core else [_extension("data type", dtype.data_type, ("dtype",))]
    return findings + [_extension("codec", codec.codec["name"], codec.at) for codec in encoded if not codec.is_core]


def _extension(what: str, name: JSONValue, at: At) -> Finding:
    message = f"the {what} gets a name that the core specification of Zarr v3 does not know"
    return Finding("ZM421", message, pointer=pointer(*at), expected=describe(name), hint=_WHO_READS)


_WHO_READS = "zarr-python reads it; TensorStore and others refuse the array, so ask the readers that you need"


def _find_changes(zarray: JSONObject, grid: _Grid, fill: JSONValue) -> list[Finding]:
    """Find what stands in the new document in other words than in the old one."""
    before = zarray.get("fill_value")
    findings = [
        Finding("ZM422", "the key is unknown to Zarr and is kept below another", pointer=pointer(key), expected=CARRIED)
        for key in zarray
        if key not in _KNOWN
    ]
    if grid.chunk_shape != zarray["chunks"]:
        message = "a chunk of no elements becomes one of one element; the array holds no chunk"
        findings.append(Finding("ZM422", message, pointer="/chunks", found=describe(zarray["chunks"])))
    if before is None:
        message = "no fill value is stated; readers fill with that of the data type, which is stated now"
        findings.append(Finding("ZM422", message, pointer="/fill_value", expected=describe(fill)))
    elif isinstance(fill, str) and not isinstance(before, str | float):
        message = "the fill value of texts is a number, which readers take as a text"
        findings.append(Finding("ZM422", message, pointer="/fill_value", expected=describe(fill), found=describe(before)))
    return findings
