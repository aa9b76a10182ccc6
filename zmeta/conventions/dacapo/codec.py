"""dacapo: `axes` beside `resolution` and `offset`. In N5 the direction changed on 2023-05-10, so the axes decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zmeta.canonical.metadata import type_of_name
from zmeta.canonical.numbers_ import decimal_text
from zmeta.canonical.units import ABBREVIATIONS, parse_quantity
from zmeta.conventions.base import (
    Edit,
    encode_numbers,
    encode_unit_beside,
    is_list_of_strings,
    no_place,
    require_geometry,
    require_names,
    take_unit_beside,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from zmeta.canonical.metadata import Metadata
    from zmeta.conventions.base import Draft, Reading
    from zmeta.jsondoc import JSONValue
    from zmeta.nodes.node import Node


def split_axes(value: JSONValue) -> list[JSONValue] | None:
    """Return `axes` as a list of names: a string, or one string of several letters in a list, is split into letters.

    >>> split_axes("zyx"), split_axes(["zyx"]), split_axes(["c", "z"])
    (['z', 'y', 'x'], ['z', 'y', 'x'], ['c', 'z'])
    """
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str) and len(value[0].rstrip("^")) > 1:
        value = value[0]
    if isinstance(value, str):
        return list(value)
    return value if is_list_of_strings(value) and isinstance(value, list) else None


def _detect(node: Node) -> bool:
    keys = node.attributes
    if (
        split_axes(keys.get("axes")) is None
        or (isinstance(keys.get("units"), list) and node.format == "n5")
        or keys.keys() & {"axistags", "voxel_size"}
    ):
        return False
    return "resolution" in keys and ("offset" in keys or node.format != "n5")


def detect_0_2_1(node: Node) -> bool:
    """With `dimension_units`."""
    return _detect(node) and "dimension_units" in node.attributes


def detect_0_2_0(node: Node) -> bool:
    """A list of names."""
    return _detect(node) and "dimension_units" not in node.attributes and not detect_0_1(node)


def detect_0_1(node: Node) -> bool:
    """One string for all axes."""
    axes = node.attributes.get("axes")
    is_string = isinstance(axes, str) or (isinstance(axes, list) and split_axes(axes) != axes)
    return _detect(node) and is_string and "dimension_units" not in node.attributes


def decode(draft: Draft) -> None:
    """Serve all versions."""
    node = draft.node
    keys = node.attributes
    axes = split_axes(keys["axes"]) or []
    reverse = node.format == "n5" and _x_first([str(name) for name in axes])
    if not draft.parse_names(axes, "axes", reverse=reverse):
        return
    draft.take_geometry(("resolution",), keys.get("resolution"), ("offset",), keys.get("offset"), reverse=reverse)
    if node.format == "n5" and not reverse and not (_same_both_ways(draft.voxel_size) and _same_both_ways(draft.offset)):
        hint = "the axes are z-first, so dacapo wrote it before 2023-05-10 (values z-first) or in September 2023 (x-first)"
        draft.note(
            "ZM306",
            "the order of `resolution` and `offset` cannot be told",
            "resolution",
            found=keys["resolution"],
            hint=hint,
        )
    units = keys.get("dimension_units")
    if reverse and isinstance(units, list):  # with channels dacapo put the entry of the channel at the wrong end
        units = None if "channel" in (draft.types or ()) else units[::-1]
    _decode_units(draft, units)
    if draft.units is None:
        take_unit_beside(draft, node, reverse=reverse)


def _x_first(names: Sequence[str]) -> bool:
    """Whether axes stand in N5's order: x before z and y, channels last."""
    order = [name for name in ("x", "y", "z") if name in names]
    if len(order) > 1:
        return names.index(order[0]) < names.index(order[-1])
    kinds = [type_of_name(name) for name in names]
    return bool(kinds) and kinds[-1] == "channel"


def _same_both_ways(values: Sequence[object] | None) -> bool:
    stated = [value for value in values or () if value is not None]
    return stated == stated[::-1]


def _decode_units(draft: Draft, value: JSONValue) -> None:
    """Read the unit from entries such as "8 nm"; the entry of a channel axis is a count of channels."""
    if value is None or draft.voxel_size is None:
        return
    if not isinstance(value, list) or len(value) != draft.node.ndim:
        draft.note("ZM201", "`dimension_units` must have one entry per axis", "dimension_units", found=value)
        return
    units: list[str | None] = [None] * draft.node.ndim
    for axis, size in enumerate(draft.voxel_size):
        item = value[axis]
        entry = parse_quantity(item) if isinstance(item, str) else None
        if size is None:
            continue
        if entry is None or entry[0] not in (None, size):
            path = ("dimension_units", axis)
            draft.note(
                "ZM401", "`dimension_units` contradicts `resolution`", *path, expected=decimal_text(size) or "", found=item
            )
            return
        units[axis] = draft.parse_unit(entry[1], "dimension_units", axis)
    draft.units = tuple(units)
    draft.source("units", "dimension_units")


def encode_0_2_1(metadata: Metadata, node: Node, reading: Reading) -> Iterator[Edit]:
    """Write `dimension_units` and `_ARRAY_DIMENSIONS` too, as dacapo does for viewers."""
    edit = _encode(metadata, node, units=True)
    names = require_names(metadata, "dacapo", node)
    entries: list[JSONValue] = []
    for axis, extent in zip(metadata.axes, node.shape, strict=True):
        size = None if axis.voxel_size is None else decimal_text(axis.voxel_size)
        unit = ABBREVIATIONS.get(axis.unit or "", axis.unit or "")
        entries.append(str(extent) if size is None else f"{size} {unit}".strip())
    edit.set["dimension_units"] = entries
    edit.set["_ARRAY_DIMENSIONS"] = [
        name if axis.physical else name + "^" for name, axis in zip(names, metadata.axes, strict=True)
    ]
    if node.format == "n5":
        raise no_place("dacapo", "dimension_units in N5 (dacapo's are misaligned there)", node, "use cosem")
    yield edit


def encode_0_2_0(metadata: Metadata, node: Node, reading: Reading) -> Iterator[Edit]:
    """Write `axes` as a list."""
    yield _encode(metadata, node, units=False)


def encode_0_1(metadata: Metadata, node: Node, reading: Reading) -> Iterator[Edit]:
    """Write `axes` as one string."""
    edit = _encode(metadata, node, units=False)
    names = [str(name) for name in edit.set["axes"]] if isinstance(edit.set["axes"], list) else []
    if any(len(name) != 1 for name in names):
        raise no_place("dacapo", "axis names of more than one letter in one string", node)
    edit.set["axes"] = "".join(names)
    yield edit


def _encode(metadata: Metadata, node: Node, *, units: bool) -> Edit:
    beside = {} if units else encode_unit_beside(metadata, node, "dacapo", reverse=node.format == "n5")
    names = require_names(metadata, "dacapo", node)
    if len(names) == 1 and len(names[0]) > 1:
        raise no_place("dacapo", "a single name of several letters, which is read as several axes", node)
    sizes, corner = require_geometry(metadata, "dacapo", node)
    step = -1 if node.format == "n5" else 1
    return Edit(
        node,
        {
            "axes": list(names[::step]),
            "resolution": encode_numbers(sizes[::step], "dacapo", node),
            "offset": encode_numbers(corner[::step], "dacapo", node),
            **beside,
        },
    )
