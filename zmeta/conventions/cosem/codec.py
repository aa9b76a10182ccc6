"""COSEM: `translate` is the centre of voxel 0; lists are z-first even in N5 unless `order` says F; nothing composes."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from zmeta.canonical.metadata import type_of_name
from zmeta.canonical.numbers_ import parse_numbers
from zmeta.canonical.units import ABBREVIATIONS
from zmeta.conventions.base import Edit, encode_numbers, is_list_of_strings, no_place, require_geometry, require_names
from zmeta.jsondoc import replace_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.canonical.metadata import Metadata
    from zmeta.conventions.base import Draft, Reading
    from zmeta.jsondoc import JSONObject, JSONValue
    from zmeta.nodes.node import Node

_KEYS = ("axes", "scale", "translate", "units")


def _is_transform(value: JSONValue) -> bool:
    return isinstance(value, dict) and "scale" in value


def group_copy(node: Node) -> tuple[Node, tuple[str | int, ...], JSONObject] | None:
    """Return the copy of the transform that a group above keeps: the group, the path in its attributes, the object."""
    for group, below in node.ancestors:
        multiscales = group.attributes.get("multiscales")
        for index, image in enumerate(multiscales if isinstance(multiscales, list) else ()):
            datasets = image.get("datasets") if isinstance(image, dict) else None
            for level, dataset in enumerate(datasets if isinstance(datasets, list) else ()):
                if not isinstance(dataset, dict):
                    continue
                transform = dataset.get("transform")
                if dataset.get("path") == below and isinstance(transform, dict) and _is_transform(transform):
                    return group, ("multiscales", index, "datasets", level, "transform"), transform
    return None


def detect(node: Node) -> bool:
    """A `transform` with a `scale`, on the array or in the group that lists it."""
    return _is_transform(node.attributes.get("transform")) or group_copy(node) is not None


def decode(draft: Draft) -> None:
    """The array's own transform wins over the copy on the group."""
    copy = group_copy(draft.node)
    own = draft.node.attributes.get("transform")
    if isinstance(own, dict) and _is_transform(own):
        _decode_transform(draft, own, ("transform",), draft.node)
        if copy is not None and _differ(own, copy[2]):
            group, path, _ = copy
            draft.note("ZM406", "the group's copy of `transform` differs from the array's", *path, node=group)
    elif copy is not None:
        _decode_transform(draft, copy[2], copy[1], copy[0])


def _differ(own: JSONObject, copy: JSONObject) -> bool:
    numbers = any(parse_numbers(own.get(key)) != parse_numbers(copy.get(key)) for key in ("scale", "translate"))
    words = any(key in own and key in copy and own[key] != copy[key] for key in ("axes", "units", "order", "ordering"))
    return numbers or words


def _decode_transform(draft: Draft, transform: JSONObject, path: tuple[str | int, ...], at: Node) -> None:
    names = transform.get("axes")
    reverse = _reversed(draft, transform, path, at)
    if reverse is None:
        return
    if not draft.parse_names(names, *path, "axes", node=at, reverse=reverse):
        return
    if "units" in transform:
        _decode_units(draft, transform["units"], (*path, "units"), at, reverse=reverse)
    scale = draft.parse_sizes(transform.get("scale"), *path, "scale", node=at)
    if scale is None:
        return
    if len(scale) != draft.node.ndim:
        draft.note("ZM201", "`scale` must have one value per axis", *path, "scale", node=at, found=transform["scale"])
        return
    draft.voxel_size = draft.spread(scale[::-1] if reverse else scale, range(draft.node.ndim))
    order = "reversed because its order is F" if reverse else "in C order"
    draft.source("voxel_size", *path, "scale", node=at, how=order)
    if "translate" not in transform:
        return
    translate = draft.parse_list(transform["translate"], *path, "translate", node=at)
    if translate is not None and len(translate) == draft.node.ndim:
        centres = draft.spread(translate[::-1] if reverse else translate, range(draft.node.ndim))
        pairs = zip(centres, draft.voxel_size, strict=True)
        draft.offset = tuple(None if c is None or s is None else c - s / 2 for c, s in pairs)
        draft.source("offset", *path, "translate", node=at, how="the centre of voxel 0, minus half a voxel")
    elif translate is not None:
        message = "`translate` must have one value per axis"
        draft.note("ZM201", message, *path, "translate", node=at, found=transform["translate"])


def _reversed(draft: Draft, transform: JSONObject, path: tuple[str | int, ...], at: Node) -> bool | None:
    """Whether the lists are x-first; None where it cannot be told. cellmap-schemas writes `order`, others `ordering`."""
    stated = [transform[key] for key in ("order", "ordering") if key in transform]
    names = transform.get("axes")
    x_first = is_list_of_strings(names) and isinstance(names, list) and names[0] == "x"
    if any(order not in ("C", "F") for order in stated):
        draft.note("ZM306", "the order must be C or F", *path, node=at, found=stated[0])
        return None
    if len(stated) == 2 and stated[0] != stated[1]:
        message = "`order` and `ordering` differ; the axis names decide"
        draft.note("ZM406", message, *path, node=at, found=stated)
        return x_first
    if not stated and x_first and draft.node.format == "n5":
        hint = 'state "order": "F" if the lists are in the order of `dimensions`, else "C"'
        draft.note("ZM306", "no order is stated and the axes begin with x", *path, node=at, found=names, hint=hint)
        return None
    return bool(stated) and stated[0] == "F"


def _decode_units(draft: Draft, units: JSONValue, path: tuple[str | int, ...], at: Node, *, reverse: bool) -> None:
    if not isinstance(units, list) or len(units) != draft.node.ndim:
        draft.note("ZM201", "`units` must have one entry per axis", *path, node=at, found=units)
        return
    parsed = [draft.parse_unit(unit, *path, index, node=at) for index, unit in enumerate(units)]
    types = draft.types or ()
    stated = parsed[::-1] if reverse else parsed
    draft.units = tuple(u if types[axis] in ("space", "time", None) else None for axis, u in enumerate(stated))
    draft.source("units", *path, node=at)


def encode(metadata: Metadata, node: Node, reading: Reading) -> Iterator[Edit]:
    """Write `transform` with its order, `pixelResolution` beside it for viewers, and the group's copy where there is one."""
    names = require_names(metadata, "cosem", node)
    require_geometry(metadata, "cosem", node)
    if any(type_of_name(axis.name) != axis.type for axis in metadata.axes):
        raise no_place("cosem", "axis types that the names do not say", node, "name the axes x, y, z, t and c")
    before = node.attributes.get("transform")
    kept = before if isinstance(before, dict) else {}
    sizes = [axis.voxel_size if axis.voxel_size is not None else Fraction(1) for axis in metadata.axes]
    corners = [axis.offset if axis.offset is not None else Fraction(0) for axis in metadata.axes]
    centres = [
        corner + size / 2 if axis.physical else Fraction(0)
        for axis, size, corner in zip(metadata.axes, sizes, corners, strict=True)
    ]
    transform: JSONObject = {key: value for key, value in kept.items() if key not in (*_KEYS, "order", "ordering")}
    transform |= {
        "order": "C",
        "axes": list(names),
        "units": [ABBREVIATIONS.get(axis.unit or "", axis.unit or "") for axis in metadata.axes],
        "scale": encode_numbers(sizes, "cosem", node),
        "translate": encode_numbers(centres, "cosem", node),
    }
    keys: JSONObject = {"transform": transform}
    resolution = _pixel_resolution(metadata, node)
    if resolution is not None:
        keys["pixelResolution"] = resolution
    removed = frozenset({"pixelResolution"} if resolution is None and "pixelResolution" in node.attributes else ())
    yield Edit(node, keys, removed)
    copy = group_copy(node)
    if copy is not None:
        group, path, _ = copy
        keys = {"multiscales": replace_at(group.attributes["multiscales"], path[1:], transform)}
        base = group.attributes.get("pixelResolution")
        if path[3] == 0 and isinstance(base, dict) and resolution is not None:  # what neuroglancer reads for all levels
            keys["pixelResolution"] = {**base, **resolution}
        yield Edit(group, keys)


def _pixel_resolution(metadata: Metadata, node: Node) -> JSONObject | None:
    """N5 viewers read one unit for all axes, x first."""
    units = set(metadata.units)
    unit = units.pop() if len(units) == 1 else None
    if unit is None or any(axis.type != "space" for axis in metadata.axes if axis.physical):
        return None
    if metadata.physical != tuple(range(len(metadata.axes)))[-len(metadata.physical) :]:  # viewers take the last axes
        return None
    sizes = metadata.voxel_size or ()
    return {"dimensions": encode_numbers(sizes[::-1], "cosem", node), "unit": ABBREVIATIONS.get(unit, unit)}
