"""The names of attributes: the core keys of zmeta, those that belong to any convention, and what resembles a core key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.canonical.units import long_name

if TYPE_CHECKING:
    from zmeta.jsondoc import JSONObject, JSONValue

CORE_KEYS = ("axes", "types", "units", "voxel_size", "offset")

#: Keys on an array that belong to a convention; they are no custom attributes.
OWNED = frozenset(
    {*CORE_KEYS, "resolution", "axis_names", "dimension_units", "_ARRAY_DIMENSIONS", "transform", "pixelResolution"}
    | {"downsamplingFactors", "multiscales", "ome", "zarr_conventions"}
)


def custom_keys(attributes: JSONObject) -> JSONObject:
    """Return the custom attributes of an array: all but the keys of its conventions."""
    return {key: value for key, value in attributes.items() if key not in OWNED}


def near_miss(key: str, value: JSONValue) -> str | None:
    """Return the core key that a custom key with such a value is likely meant to be, None for none.

    >>> near_miss("voxelsize", [4, 4, 4]), near_miss("unit", "nanometer"), near_miss("type", "raw")
    ('voxel_size', 'units', None)
    """
    short = _letters(key)
    for core in CORE_KEYS:
        limit = 1 if len(core) <= 6 else 2
        if key != core and _distance(short, _letters(core), limit) <= limit and _looks_like(core, value):
            return core
    return None


def may_miss(key: str) -> bool:
    """Whether a custom key resembles a core key at all, whatever its value."""
    short = _letters(key)
    return any(
        key != core and _distance(short, _letters(core), limit) <= limit
        for core, limit in ((core, 1 if len(core) <= 6 else 2) for core in CORE_KEYS)
    )


def _letters(key: str) -> str:
    return "".join(c for c in key.lower() if c.isalnum())


def _looks_like(core: str, value: JSONValue) -> bool:
    items = value if isinstance(value, list) else [value]
    if core in ("voxel_size", "offset"):
        return all(
            isinstance(item, int | float | str) and str(item).replace(".", "").lstrip("-").isdigit() for item in items
        )
    if core == "units":
        return all(isinstance(item, str) and (item == "" or long_name(item) is not None) for item in items)
    return isinstance(value, list) and all(isinstance(item, str) for item in items)


def _distance(one: str, other: str, limit: int) -> int:
    """Levenshtein's distance, given up where it must exceed the limit."""
    if abs(len(one) - len(other)) > limit:
        return limit + 1
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]
