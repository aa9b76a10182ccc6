"""`dimension_units`: "8 nm" is 8 nanometer an index step, "nm" one, "4" is four without a unit; no origin is stored."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from zmeta.canonical.metadata import PHYSICAL
from zmeta.canonical.numbers_ import decimal_text
from zmeta.canonical.units import parse_quantity, unit_type
from zmeta.conventions.base import Edit, dimension_names, no_place, require_geometry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.canonical.metadata import Metadata
    from zmeta.conventions.base import Draft, Reading
    from zmeta.jsondoc import JSONValue
    from zmeta.nodes.node import Node


def detect(node: Node) -> bool:
    """The key is there, and it is not dacapo's (whose channel entry is a count)."""
    keys = node.attributes
    return "dimension_units" in keys and not ("axes" in keys and "resolution" in keys)


def decode(draft: Draft) -> None:
    """An entry with a unit makes the axis physical; so does a bare number on an axis whose name says so."""
    value = draft.node.attributes["dimension_units"]
    ndim = draft.node.ndim
    if not isinstance(value, list) or len(value) != ndim:
        draft.note("ZM201", "`dimension_units` must have one entry per axis", "dimension_units", found=value)
        return
    kinds = list(draft.named_types())
    sizes: list[Fraction | None] = [None] * ndim
    units: list[str | None] = [None] * ndim
    for axis, item in enumerate(value):
        entry = _decode_entry(draft, axis, item)
        if entry is None:
            continue
        number, units[axis] = entry
        kinds[axis] = kinds[axis] or unit_type(units[axis])
        if units[axis] is not None or (number is not None and kinds[axis] in PHYSICAL):
            sizes[axis] = Fraction(1) if number is None else number
    physical = [size is not None for size in sizes]
    if not any(physical):
        return
    draft.types = tuple(kinds)
    if dimension_names(draft.node) is None and physical == sorted(physical):
        draft.infer_names(sum(physical))
    draft.infer("types", "understood from the axis names and units")
    draft.voxel_size, draft.units = tuple(sizes), tuple(units)
    draft.source("voxel_size", "dimension_units")
    draft.source("units", "dimension_units")


def _decode_entry(draft: Draft, axis: int, item: JSONValue) -> tuple[Fraction | None, str | None] | None:
    if item is None:
        return None
    entry = parse_quantity(item) if isinstance(item, str) else None
    if entry is None or (entry[0] is not None and entry[0] <= 0):
        expected = 'text such as "8 nm", "", or null'
        draft.note("ZM301", "the entry is not a size and a unit", "dimension_units", axis, expected=expected, found=item)
        return None
    number, unit = entry
    return number, draft.parse_unit(unit, "dimension_units", axis)


def encode(metadata: Metadata, node: Node, reading: Reading) -> Iterator[Edit]:
    """Write one string per axis; channel axes get null."""
    _, corner = require_geometry(metadata, "dimension-units", node)
    if any(corner):
        raise no_place(
            "dimension-units", "an offset other than 0", node, 'pass convention="zmeta" to state it in that one beside'
        )
    entries: list[JSONValue] = []
    for axis in metadata.axes:
        if axis.voxel_size is None:
            entries.append(None)
            continue
        number = decimal_text(axis.voxel_size)
        if number is None:
            raise no_place("dimension-units", f"a number without a finite decimal ({axis.voxel_size})", node)
        entries.append(f"{number} {axis.unit}" if axis.unit else number)
    yield Edit(node, {"dimension_units": entries})
