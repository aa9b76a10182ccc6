"""Data types and fill values of Zarr v2 as those of Zarr v3. Used by `to_v3`; a type with no row has no form there."""

from __future__ import annotations

import binascii
import math
import re
import struct
from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Literal, NamedTuple

from zmeta.jsondoc import describe

if TYPE_CHECKING:
    from zmeta.jsondoc import JSONValue

Endian = Literal["little", "big"]


class NoFormError(ValueError):
    """Something of a Zarr v2 document has no form in Zarr v3. `to_v3` makes it a finding; it goes no further."""

    def __init__(self, message: str, at: tuple[str | int, ...], found: JSONValue, hint: str = "") -> None:
        super().__init__(message)
        self.at = at
        self.found = describe(found)
        self.hint = hint


class DataType(NamedTuple):
    """One element of an array.

    Attributes
    ----------
    kind : str
        numpy's letter: b i u f c S U V M m O, and "struct" for fields.
    size : int
        Bytes of one element; 0 where they vary.
    endian : "little", "big" or None
        Byte order; None where there is none.
    data_type : JSON
        As Zarr v3 writes it.
    is_core : bool
        Whether it stands in the specification of Zarr v3 itself.
    serializer : str
        The codec that makes bytes of it.
    fields : str
        The kinds of its fields, where it has some.
    """

    kind: str
    size: int
    endian: Endian | None
    data_type: JSONValue
    is_core: bool = True
    serializer: str = "bytes"
    fields: str = ""


#: Numbers: numpy's letter and size, and the name of the core specification. No long double: its size depends on the machine.
CORE_NAMES = {
    "b1": "bool",
    "i1": "int8", "i2": "int16", "i4": "int32", "i8": "int64",
    "u1": "uint8", "u2": "uint16", "u4": "uint32", "u8": "uint64",
    "f2": "float16", "f4": "float32", "f8": "float64",
    "c8": "complex64", "c16": "complex128",
}  # fmt: skip

#: Other types of a fixed size, under the names that zarr-python registers.
SIZED_NAMES = {"S": "null_terminated_bytes", "U": "fixed_length_utf32", "V": "raw_bytes"}
TIME_NAMES = {"M": "numpy.datetime64", "m": "numpy.timedelta64"}

#: Objects: the codec of Zarr v2 that made bytes of them, with the type and the codec of Zarr v3 that read the same bytes.
OBJECTS = {
    "vlen-utf8": DataType("O", 0, None, "string", False, "vlen-utf8"),
    "vlen-bytes": DataType("O", 0, None, "variable_length_bytes", False, "vlen-bytes"),
}

_ENDIANS: dict[str, Endian] = {"<": "little", ">": "big"}
_NAME = re.compile(r"([<>|])([biufcSUV])([1-9]\d{0,8})")
_TIME = re.compile(r"([<>])([Mm])8\[([1-9]\d{0,8})?(Y|M|W|D|h|m|s|ms|us|μs|ns|ps|fs|as)\]")
_NAT = -(2**63)


def parse_type(dtype: JSONValue, object_codec: str | None) -> DataType:
    """Return the type of a `.zarray`; `object_codec` is the codec that makes bytes of objects, if one does."""
    if isinstance(dtype, list):
        return _parse_fields(dtype)
    if dtype == "|O":
        found = OBJECTS.get(object_codec or "")
        if found is None:
            raise NoFormError("objects have a form only as texts or bytes of any length", ("dtype",), dtype, _REWRITE)
        return found
    return _parse_name(dtype, ("dtype",))


_REWRITE = "write the array again with another data type"


def _parse_name(dtype: JSONValue, at: tuple[str | int, ...]) -> DataType:
    text = dtype if isinstance(dtype, str) else ""
    if match := _TIME.fullmatch(text):
        order, kind, count, unit = match.groups()
        configuration: JSONValue = {"unit": unit, "scale_factor": int(count or 1)}
        return DataType(kind, 8, _ENDIANS[order], {"name": TIME_NAMES[kind], "configuration": configuration}, False)
    match = _NAME.fullmatch(text)
    if match is None:
        raise NoFormError("the data type has no form in Zarr v3", at, dtype, _REWRITE)
    order, kind, digits = match.groups()
    size = int(digits) * (4 if kind == "U" else 1)
    name = CORE_NAMES.get(kind + digits)
    if kind not in SIZED_NAMES and name is None:
        raise NoFormError("the data type has no form in Zarr v3", at, dtype, _REWRITE)
    has_order = kind == "U" or (name is not None and size > 1)
    if has_order and order == "|":
        raise NoFormError("the byte order is not stated", at, dtype, "write `<` or `>` for what the chunks hold")
    endian = _ENDIANS[order] if has_order else None
    if name is not None:
        return DataType(kind, size, endian, name)
    return DataType(kind, size, endian, {"name": SIZED_NAMES[kind], "configuration": {"length_bytes": size}}, False)


def _parse_fields(fields: list[JSONValue]) -> DataType:
    """Return a type with fields. zarr-python reads them flat and little-endian alone, so nothing else is converted."""
    rows: list[JSONValue] = []
    names: set[str] = set()
    kinds, size = "", 0
    for index, field in enumerate(fields):
        if not isinstance(field, list) or len(field) != 2 or not isinstance(field[0], str) or isinstance(field[1], list):
            message = "a field with fields or a shape of its own has no form in Zarr v3"
            raise NoFormError(message, ("dtype", index), field, _REWRITE)
        name = field[0]
        if not name or name in names:
            raise NoFormError("each field needs a name of its own", ("dtype", index, 0), name)
        inner = _parse_name(field[1], ("dtype", index, 1))
        if inner.endian == "big":
            raise NoFormError("a big-endian field has no form in Zarr v3", ("dtype", index, 1), field[1], _REWRITE)
        names.add(name)
        rows.append([name, inner.data_type])
        kinds, size = kinds + inner.kind, size + inner.size
    if not rows:
        raise NoFormError("the data type has no fields", ("dtype",), [])
    return DataType("struct", size, None, {"name": "structured", "configuration": {"fields": rows}}, False, fields=kinds)


# --- fill values ----------------------------------------------------------------------------------------------------


def convert_fill(value: JSONValue, dtype: DataType) -> JSONValue:
    """Return the fill value in the form of Zarr v3. For null it is what zarr-python 3 fills with: nothing, or zero."""
    if value is None:
        return _default(dtype)
    converted = _CONVERTERS[dtype.kind](value, dtype)
    if converted is None:
        hint = "state a fill value that the data type can hold, or null"
        raise NoFormError("the fill value is none of its data type", ("fill_value",), value, hint)
    return converted


def _default(dtype: DataType) -> JSONValue:
    if dtype.kind == "struct" and set(dtype.fields) & SIZED_NAMES.keys():
        hint = "state a fill value, in Base64"
        raise NoFormError("readers do not agree what fields of texts are filled with", ("fill_value",), None, hint)
    if dtype.kind in "SUO":
        return ""
    zeros = b64encode(bytes(dtype.size)).decode()
    defaults: dict[str, JSONValue] = {"b": False, "f": 0.0, "c": [0.0, 0.0], "M": _NAT, "m": _NAT}
    return zeros if dtype.kind in ("V", "struct") else defaults.get(dtype.kind, 0)


def _bool(value: JSONValue, _: DataType) -> JSONValue:
    return bool(value) if isinstance(value, int | float) and value in (0, 1) else None


def _integer(value: JSONValue, dtype: DataType) -> JSONValue:
    if not isinstance(value, int | float) or (isinstance(value, float) and not value.is_integer()):
        return None
    number, bits = int(value), 8 * dtype.size
    low, high = (0, 2**bits) if dtype.kind == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1))
    return number if low <= number < high else None


#: What Zarr writes for the numbers that JSON has no literal for.
_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_FLOAT_CODES = {2: "<e", 4: "<f", 8: "<d"}


def _float(value: JSONValue, dtype: DataType) -> JSONValue:
    """Return the literal as it stands where it is in range; the tokens NaN and Infinity become strings."""
    if isinstance(value, str):
        return value if value in _SPECIAL else None
    if not isinstance(value, int | float):
        return None
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    if isinstance(value, float) and math.isinf(value):
        # a literal beyond all floats, such as 1e400, is no infinity that anyone stated
        return None if hasattr(value, "literal") else "Infinity" if value > 0 else "-Infinity"
    try:
        struct.pack(_FLOAT_CODES[dtype.size], value)
    except (OverflowError, struct.error):
        return None
    return value


def _complex(value: JSONValue, dtype: DataType) -> JSONValue:
    if not isinstance(value, list) or len(value) != 2:
        return None
    parts = [_float(part, dtype._replace(size=dtype.size // 2)) for part in value]
    return None if None in parts else parts


def _bytes(value: JSONValue, dtype: DataType) -> JSONValue:
    """Check Base64: no longer than the element, and for fields and raw bytes of just its length."""
    if not isinstance(value, str):
        return None
    try:
        raw = b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None
    fits = dtype.kind == "O" or len(raw) == dtype.size or (dtype.kind == "S" and len(raw) < dtype.size)
    return value if fits else None


def _text(value: JSONValue, dtype: DataType) -> JSONValue:
    return value if isinstance(value, str) and 4 * len(value) <= dtype.size else None


def _object(value: JSONValue, dtype: DataType) -> JSONValue:
    """Return what objects are filled with; zarr-python 2 wrote the number 0, which zarr-python 3 reads as the text "0"."""
    if dtype.serializer == "vlen-bytes":
        return _bytes(value, dtype)
    return str(value) if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)) else None


def _time(value: JSONValue, dtype: DataType) -> JSONValue:
    return _NAT if value == "NaT" else None if isinstance(value, bool | float) else _integer(value, dtype)


_CONVERTERS = {
    "b": _bool, "i": _integer, "u": _integer, "f": _float, "c": _complex, "S": _bytes, "V": _bytes, "struct": _bytes,
    "U": _text, "O": _object, "M": _time, "m": _time,
}  # fmt: skip
