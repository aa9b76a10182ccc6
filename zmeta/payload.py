"""What a user hands to `add_metadata`: made plain JSON, its core keys judged by a strict pydantic model.

The model and `schemas/zmeta/1.0/core` say the same of the shape of the core keys; a test holds them to one verdict.
"""

from __future__ import annotations

import datetime as dt
import enum
import math
import os
import uuid
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict, ValidationError

from zmeta.canonical.metadata import Metadata
from zmeta.canonical.numbers_ import dump_number
from zmeta.canonical.units import long_name, unit_type
from zmeta.finding import Finding
from zmeta.jsondoc import MAX_DEPTH, ExactFloat, JSONObject, JSONValue, describe, pointer
from zmeta.keys import CORE_KEYS

_Whole = Annotated[int, Strict()]
_Real = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Number = _Whole | _Real
PositiveNumber = Annotated[_Whole, Field(gt=0)] | Annotated[_Real, Field(gt=0)]
Name = Annotated[str, Strict(), Field(min_length=1)]


def _listed(unit: str) -> str:
    if unit and unit_type(unit) is None:
        raise ValueError("the unit is not a listed name")
    return unit


#: A unit that OME-NGFF lists, or "" for none.
Unit = Annotated[str, Strict(), AfterValidator(_listed)]


class CoreMetadata(BaseModel):
    """The core keys of a payload. All are optional; those given replace what the array states."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    axes: Annotated[list[Name], Field(min_length=1)] | None = Field(None, description="One name per dimension, in C order.")
    types: Annotated[list[Name], Field(min_length=1)] | None = Field(
        None, description="One type per dimension: space, time, channel, sample, or another word."
    )
    units: Annotated[list[Unit], Field(min_length=1)] | None = Field(
        None, description='One unit per physical axis: a name that OME-NGFF lists, or "" for none.'
    )
    voxel_size: Annotated[list[PositiveNumber], Field(min_length=1)] | None = Field(
        None, description="One size per physical axis, in its unit."
    )
    offset: Annotated[list[Number], Field(min_length=1)] | None = Field(
        None, description="World position of the corner of the first voxel, per physical axis, in its unit."
    )


def plain(value: object) -> tuple[JSONObject, list[Finding]]:
    """Return a payload as plain JSON with findings for what cannot be stored.

    NumPy scalars and arrays, `Coordinate`, tuples, `Fraction`, `Decimal`, paths, enums, dates, uuids, pydantic models and
    `Metadata` become JSON; NaN, infinities, bytes, sets, keys that are not text, and cycles are refused.
    """
    findings: list[Finding] = []
    if isinstance(value, Metadata):
        value = value.core()
    if isinstance(value, BaseModel):
        value = value.model_dump(exclude_none=True)
    if not isinstance(value, Mapping):
        findings.append(
            Finding("ZM103", "a payload must be a mapping", expected="a dict of attributes", found=repr(value)[:80])
        )
        return {}, findings
    result = _plain(value, (), findings)
    return (result if isinstance(result, dict) else {}), findings


def _plain(value: object, path: tuple[str | int, ...], findings: list[Finding]) -> JSONValue:
    if len(path) > MAX_DEPTH:
        findings.append(
            Finding("ZM106", "the value refers to itself or is nested too deeply", pointer=pointer(*path[:3]) + "/…")
        )
        return None
    value = _unwrap(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Mapping):
        odd = [key for key in value if not isinstance(key, str)]
        findings += [Finding("ZM106", "keys must be strings", pointer=pointer(*path), found=repr(key)[:80]) for key in odd]
        return {key: _plain(item, (*path, key), findings) for key, item in value.items() if isinstance(key, str)}
    if isinstance(value, list | tuple):
        return [_plain(item, (*path, index), findings) for index, item in enumerate(value)]
    scalar = _scalar(value)
    if isinstance(scalar, Finding):
        hint = "use null or a string" if isinstance(value, float) else "convert it to a list, a number or text"
        findings.append(Finding("ZM106", scalar.message, pointer=pointer(*path), found=repr(value)[:80], hint=hint))
        return None
    return scalar


def _unwrap(value: object) -> object:
    """Turn the containers and scalars of other libraries into Python's own."""
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, enum.Enum):
        return value.value
    kind = type(value)
    if kind.__module__ == "numpy":
        short = getattr(value, "dtype", None)
        if getattr(value, "ndim", None) == 0 and short is not None and short.kind == "f" and short.itemsize < 8:
            return ExactFloat(str(value)) if math.isfinite(float(value)) else float(value)  # type: ignore[arg-type]
        tolist = getattr(value, "tolist", None)
        if tolist is not None and short is not None and short.kind == "f" and short.itemsize < 8:
            return [value[index] for index in range(len(value))]  # type: ignore[index, arg-type]
        if tolist is not None:
            return tolist()
    return value


def _scalar(value: object) -> JSONValue | Finding:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else Finding("ZM106", "NaN and infinities are not JSON")
    if isinstance(value, Fraction | Decimal):
        try:
            return dump_number(Fraction(value))
        except (ValueError, OverflowError):
            return Finding("ZM106", "the number has no finite decimal")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, os.PathLike):
        path = os.fspath(value)
        return path if isinstance(path, str) else Finding("ZM106", "a path must be text")
    return Finding("ZM106", f"a value of type {type(value).__name__} cannot be stored as JSON")


def check_core(core: JSONObject) -> list[Finding]:
    """Return what is wrong with the core keys of a payload: the verdict of `CoreMetadata`, in zmeta's words."""
    findings = [
        Finding("ZM103", f"`{key}` must not be null", pointer=pointer(key), hint="leave it out")
        for key, value in core.items()
        if value is None
    ]
    try:
        CoreMetadata.model_validate(core)
    except ValidationError as error:
        seen: set[str] = set()
        for item in error.errors(include_url=False):
            place = pointer(*[part for part in item["loc"] if isinstance(part, int) or part in CORE_KEYS])
            if place in seen:  # one finding per value, not one per member of a union
                continue
            seen.add(place)
            findings.append(_finding(place, item["input"], str(item["msg"])))
    findings += _duplicates(core.get("axes"))
    return findings


def _duplicates(axes: JSONValue) -> list[Finding]:
    if isinstance(axes, list) and len({str(name) for name in axes}) != len(axes):
        return [Finding("ZM103", "axis names must differ from each other", pointer="/axes", found=describe(axes))]
    return []


def _finding(place: str, value: object, message: str) -> Finding:
    hint = ""
    if place.startswith("/units/"):
        message = "the unit is not a listed name"
        name = long_name(value) if isinstance(value, str) else None
        hint = f"write {name!r}" if name else 'use a name that OME-NGFF lists (nanometer, second), or "" for none'
    elif place.startswith(("/voxel_size/", "/offset/")):
        message = "a voxel size must be a positive finite number" if "size" in place else "an offset must be a finite number"
        hint = "a string is not a number: remove the quotes" if isinstance(value, str) else ""
    return Finding("ZM103", message, pointer=place, found=describe(value), hint=hint)
