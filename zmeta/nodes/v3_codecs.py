"""Filters and compressors of Zarr v2 as the codecs of Zarr v3 that decode the same bytes. Used by `to_v3`.

What the core specification has no codec for keeps the name that numcodecs gave it, behind `numcodecs.`: zarr-python reads
those. A codec is converted only where it is proven by tests that both forms decode alike.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from zmeta.nodes.v3_types import CORE_NAMES, OBJECTS, DataType, NoFormError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from zmeta.jsondoc import JSONObject, JSONValue
    from zmeta.nodes.v3_types import Endian

At = tuple[str | int, ...]

#: Before the names of the codecs of numcodecs that Zarr v3 itself does not know.
PREFIX = "numcodecs."


class Encoded(NamedTuple):
    """A codec of Zarr v3, and the place in the `.zarray` of the one that it stands for; none for one that v2 implies."""

    codec: JSONObject
    at: At = ()

    @property
    def is_core(self) -> bool:
        """Whether it stands in the specification of Zarr v3, or comes with the data type."""
        return not str(self.codec["name"]).startswith(PREFIX)


class Chain(NamedTuple):
    """Codecs of Zarr v3, and what comes out of them so far: the type of the elements, or bytes."""

    codecs: tuple[Encoded, ...]
    dtype: DataType
    is_bytes: bool = False

    @property
    def item_size(self) -> int:
        """Bytes of one element of what comes out."""
        return 1 if self.is_bytes else self.dtype.size


class Codec(NamedTuple):
    """One codec of Zarr v2.

    Attributes
    ----------
    parameters : mapping of str to JSON
        What may be stated, each with the value that numcodecs takes where it is not; None where it need not be written.
    makes_bytes : bool
        Whether bytes come out; else elements.
    convert : callable or None
        Gives the core codec for a configuration; None keeps the codec of numcodecs.
    types : tuple of str
        Which parameters are the types of the elements, before and after.
    required : tuple of str
        Parameters that numcodecs has no value of its own for.
    """

    parameters: Mapping[str, JSONValue]
    makes_bytes: bool = True
    convert: Callable[[JSONObject, Chain, At], JSONObject | None] | None = None
    types: tuple[str, ...] = ()
    required: tuple[str, ...] = ()


def _core(name: str, configuration: JSONObject) -> JSONObject:
    return {"name": name, "configuration": configuration}


def _integer(given: JSONObject, key: str, low: int, high: int, at: At) -> int:
    value = given[key]
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise NoFormError(f"{key} must be a whole number from {low} to {high}", (*at, key), value)
    return value


def _gzip(given: JSONObject, _: Chain, at: At) -> JSONObject:
    """Convert gzip. Level -1 is zlib's word for its default, 6; Zarr v3 knows only the levels themselves."""
    level = _integer(given, "level", -1, 9, at)
    return _core("gzip", {"level": 6 if level == -1 else level})


def _zstd(given: JSONObject, _: Chain, at: At) -> JSONObject:
    return _core("zstd", {"level": _integer(given, "level", -131072, 22, at), "checksum": given["checksum"]})


_LOCATIONS = ("start", "end")
_BLOSC_NAMES = ("lz4", "lz4hc", "blosclz", "zstd", "snappy", "zlib")
_SHUFFLES = ("noshuffle", "shuffle", "bitshuffle")
#: Blosc takes elements larger than this as single bytes.
_LARGEST_TYPE = 255


def _blosc(given: JSONObject, chain: Chain, at: At) -> JSONObject:
    """Convert blosc. Shuffle -1 leaves the choice to the size of the elements, as Zarr v3 cannot: so it is made here."""
    if given["cname"] not in _BLOSC_NAMES:
        raise NoFormError("blosc has no such compressor", (*at, "cname"), given["cname"])
    size = chain.item_size if 1 <= chain.item_size <= _LARGEST_TYPE else 1
    shuffle = _integer(given, "shuffle", -1, 2, at)
    if shuffle == -1:
        shuffle = 2 if chain.item_size == 1 else 1
    configuration: JSONObject = {
        "typesize": size,
        "cname": given["cname"],
        "clevel": _integer(given, "clevel", 0, 9, at),
        "shuffle": _SHUFFLES[shuffle],
        "blocksize": _integer(given, "blocksize", 0, 2**31 - 1, at),
    }
    return _core("blosc", configuration)


def _crc32c(given: JSONObject, _: Chain, __: At) -> JSONObject | None:
    """Convert crc32c, which Zarr v3 has at the end of the bytes alone."""
    return {"name": "crc32c"} if given["location"] == "end" else None


def _filter(required: str = "", optional: str = "", types: tuple[str, ...] = ()) -> Codec:
    """Return a codec from elements to elements; what it may state is named in one text."""
    parameters: dict[str, JSONValue] = dict.fromkeys([*required.split(), *optional.split()])
    return Codec(parameters, makes_bytes=False, types=types, required=tuple(required.split()))


#: Codecs by the id that Zarr v2 knows them by. What is not here is not converted: base64, categorize, json2, msgpack2,
#: pickle and vlen-array have no form in Zarr v3; pcodec, zfpy and those of other packages are not proven.
CODECS: dict[str, Codec] = {
    # compressors
    "gzip": Codec({"level": 1}, convert=_gzip),
    "zstd": Codec({"level": 0, "checksum": False}, convert=_zstd),
    "blosc": Codec({"cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0, "typesize": None}, convert=_blosc),
    "zlib": Codec({"level": 1}),  # not gzip: the same compression within another frame
    "bz2": Codec({"level": 1}),
    "lzma": Codec({"format": 1, "check": -1, "preset": None, "filters": None}),
    "lz4": Codec({"acceleration": 1}),  # begins with the length, unlike a frame of LZ4
    # bytes to bytes
    "shuffle": Codec({"elementsize": 4}),  # stated, since Zarr v3 would take the size of the elements for it
    "crc32": Codec({"location": None}),
    "crc32c": Codec({"location": "end"}, convert=_crc32c),
    "adler32": Codec({"location": None}),
    "fletcher32": Codec({}),
    "jenkins_lookup3": Codec({"initval": 0, "prefix": None}),
    # elements to elements
    "delta": _filter("dtype", "astype", types=("dtype", "astype")),
    "fixedscaleoffset": _filter("offset scale dtype", "astype", types=("dtype", "astype")),
    "quantize": _filter("digits dtype", "astype", types=("dtype", "astype")),
    "astype": _filter("encode_dtype decode_dtype", types=("decode_dtype", "encode_dtype")),
    "bitround": _filter("keepbits"),
    "packbits": _filter(),
}


def object_codec(codecs: list[tuple[At, JSONValue]]) -> str | None:
    """Return the codec that makes bytes of objects, which is the first of all."""
    first = codecs[0][1] if codecs else None
    ident = first.get("id") if isinstance(first, dict) else None
    return ident if isinstance(ident, str) and ident in OBJECTS else None


def convert_codecs(codecs: list[tuple[At, JSONValue]], dtype: DataType) -> tuple[Encoded, ...]:
    """Return the codecs for filters and compressor, each given with its place: for elements, to bytes, for bytes."""
    rest = codecs[1:] if dtype.kind == "O" else codecs
    chain = _serialize(Chain((), dtype), dtype) if dtype.kind == "O" else Chain((), dtype)
    for at, given in rest:
        chain = _append(chain, at, given, dtype)
    return (chain if chain.is_bytes else _serialize(chain, dtype)).codecs


def _append(chain: Chain, at: At, given: JSONValue, array: DataType) -> Chain:
    ident = given.get("id") if isinstance(given, dict) else None
    codec = CODECS.get(ident) if isinstance(ident, str) else None
    if codec is None or not isinstance(given, dict):
        raise NoFormError("the codec has no form in Zarr v3", at, given, "write the array again with another codec")
    configuration = _complete(given, codec, at)
    if not codec.makes_bytes:
        if chain.is_bytes:
            raise NoFormError("a filter of elements behind one of bytes has no form in Zarr v3", at, given)
        after = _type_after(str(ident), configuration, codec, chain.dtype, at)
        return Chain((*chain.codecs, Encoded(_core(f"{PREFIX}{ident}", configuration), at)), after)
    converted = codec.convert(configuration, chain, at) if codec.convert else None
    if not chain.is_bytes:
        chain = _serialize(chain, array)
    written = _core(f"{PREFIX}{ident}", configuration) if converted is None else converted
    return chain._replace(codecs=(*chain.codecs, Encoded(written, at)))


def _complete(given: JSONObject, codec: Codec, at: At) -> JSONObject:
    """Return the configuration with what numcodecs takes where nothing is stated."""
    for key, value in given.items():
        if key != "id" and key not in codec.parameters:
            raise NoFormError("the codec knows no such parameter", (*at, key), value)
        default = codec.parameters.get(key)
        wrong = value not in _LOCATIONS if key == "location" else default is not None and type(value) is not type(default)
        if wrong:
            raise NoFormError("the codec takes no such value", (*at, key), value)
    missing = [key for key in codec.required if given.get(key) is None]
    if missing:
        raise NoFormError(f"the codec does not state {missing[0]}", at, given)
    defaults = {key: value for key, value in codec.parameters.items() if value is not None}
    return defaults | {key: value for key, value in given.items() if key != "id"}


def _serialize(chain: Chain, array: DataType) -> Chain:
    """Append the codec from elements to bytes."""
    dtype = chain.dtype
    if dtype.serializer != "bytes":
        codec = _core(dtype.serializer, {})  # the first filter of Zarr v2, under the same name
    elif dtype.endian is None and array.endian is None:
        codec = {"name": "bytes"}
    else:
        codec = _core("bytes", {"endian": dtype.endian or array.endian})
    return Chain((*chain.codecs, Encoded(codec)), dtype, is_bytes=True)


# --- types between filters ------------------------------------------------------------------------------------------

_PLAIN = re.compile(r"([<>|]?)([biufc]\d{1,2})")
_LONG = {name: short for short, name in CORE_NAMES.items()}
#: Kinds of elements that a filter takes.
_TAKES = {"bitround": "f", "packbits": "b", "quantize": "f"}


def _type_after(ident: str, given: JSONObject, codec: Codec, before: DataType, at: At) -> DataType:
    """Return the type that a filter gives.

    Zarr v2 takes the bytes of one filter for whatever the next one states. Zarr v3 hands on elements, so both must agree.
    """
    if before.kind not in _TAKES.get(ident, "iufc"):
        raise NoFormError("the filter does not take this data type", at, before.data_type)
    if ident == "packbits":
        return _plain("|u1", at)
    if not codec.types:
        return before
    stated, after = codec.types
    if _plain(given.get(stated), (*at, stated)) != before:
        raise NoFormError("the filter is set for another data type than it gets", (*at, stated), given.get(stated))
    result = before if given.get(after) is None else _plain(given[after], (*at, after))
    if ident == "quantize" and result != before:
        raise NoFormError("quantized to another data type has no form in Zarr v3", (*at, after), given[after])
    if before.endian is None and result.endian is not None:
        raise NoFormError("single bytes filtered to larger elements have no form in Zarr v3", (*at, after), given[after])
    return result


def _plain(name: JSONValue, at: At) -> DataType:
    """Return the type for a name as numpy takes it: `<u2`, `u2` or `uint16`."""
    text = _LONG.get(name, name) if isinstance(name, str) else ""
    match = _PLAIN.fullmatch(text)
    core = CORE_NAMES.get(match[2]) if match else None
    if match is None or core is None:
        raise NoFormError("the filter is set for a data type that has no form in Zarr v3", at, name)
    size = int(match[2][1:])
    endian: Endian | None = None if size == 1 else "big" if match[1] == ">" else "little"
    return DataType(match[2][0], size, endian, core)
