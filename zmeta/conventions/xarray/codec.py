"""Names of dimensions and nothing else; the spacing of xarray's arrays stands in coordinate arrays, which are data."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from zmeta.canonical.metadata import type_of_name
from zmeta.conventions.base import Edit, array_dimensions, dimension_names, no_place, require_names
from zmeta.jsondoc import describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.canonical.metadata import Metadata
    from zmeta.conventions.base import Draft, Reading
    from zmeta.jsondoc import JSONValue
    from zmeta.nodes.node import Node


#: Names that libraries make up where nobody gave one; they say nothing.
_PLACEHOLDER = re.compile(r"(?:dim|phony_dim|d|axis)_?\d+")


def _made_up(names: JSONValue) -> bool:
    return isinstance(names, list) and all(isinstance(name, str) and _PLACEHOLDER.fullmatch(name) for name in names)


def detect_3(node: Node) -> bool:
    """Zarr v3 with at least one name."""
    names = node.dimension_names
    return isinstance(names, list) and any(name is not None for name in names) and not _made_up(names)


def decode_3(draft: Draft) -> None:
    """Names may be null and may repeat in Zarr v3; such names are left out."""
    names = draft.node.dimension_names
    complete = dimension_names(draft.node)
    if not isinstance(names, list) or complete is None or len(complete) != len(names):
        message = f"`dimension_names` does not fit the array: {describe(names)}"
        draft.note("ZM201", message, "dimension_names", expected=f"{draft.node.ndim} names or nulls")
        return
    stated = [name for name in complete if name is not None]
    if len(set(stated)) != len(stated):
        draft.note("ZM206", f"`dimension_names` repeats a name and is left out: {describe(names)}", "dimension_names")
        return
    if len(stated) != len(complete):
        draft.names = tuple(complete)
        draft.types = tuple(type_of_name(name) for name in complete)
        draft.source("axes", "dimension_names")
        draft.infer("types", "understood from the axis names")
        draft.note("ZM206", f"`dimension_names` leaves axes unnamed: {describe(names)}", "dimension_names")
        return
    _take(draft, names, "dimension_names")


def detect_2(node: Node) -> bool:
    """The attribute is there, whoever wrote it."""
    names = array_dimensions(node)
    return names is not None and not _made_up(names)


def decode_2(draft: Draft) -> None:
    """Read the attribute."""
    _take(draft, array_dimensions(draft.node), "_ARRAY_DIMENSIONS")


def _take(draft: Draft, names: JSONValue, key: str) -> None:
    if draft.parse_names(names, key) and draft.node.attributes.keys() & {"coordinates", "_FillValue", "grid_mapping"}:
        draft.note("ZM402", "the spacing stands in coordinate arrays, which are data and are not read", key)


def encode_3(metadata: Metadata, node: Node, reading: Reading) -> Iterator[Edit]:
    """Write the names into the array document."""
    if node.format != 3:
        raise no_place("xarray@3", "dimension names outside Zarr v3", node)
    yield Edit(node, dimension_names=require_names(metadata, "xarray", node))


def encode_2(metadata: Metadata, node: Node, reading: Reading) -> Iterator[Edit]:
    """Write the attribute."""
    yield Edit(node, {"_ARRAY_DIMENSIONS": list(require_names(metadata, "xarray", node))})
