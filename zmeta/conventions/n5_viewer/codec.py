"""N5 viewer and neuroglancer: lists are x-first; factors are relative to s0; no origin is stored.

`pixelResolution` is the base voxel size only where the factors stand on the same node or it stands on the group: other
writers store the size of the level itself, and multiplying that again would double it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from zmeta.canonical.metadata import type_of_name
from zmeta.canonical.numbers_ import parse_numbers
from zmeta.canonical.units import ABBREVIATIONS
from zmeta.conventions.base import Edit, encode_numbers, is_list_of_strings, no_place, require_geometry, require_names
from zmeta.jsondoc import replace_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from zmeta.canonical.metadata import Metadata
    from zmeta.conventions.base import Draft, Reading
    from zmeta.jsondoc import JSONObject, JSONValue
    from zmeta.nodes.node import Node

Path = tuple["str | int", ...]

_LEVEL = re.compile(r"s?(0|[1-9]\d{0,3})")
_FOREIGN = ("painteraData", "multiScale", "spatialTransform", "axistags", "transform")


def _nodes(node: Node) -> list[Node]:
    """The array, then the N5 groups above it; neuroglancer merges their attributes, nearest wins."""
    return [node, *(group for group, _ in node.ancestors if group.format == node.format)]


def _find(node: Node, key: str) -> tuple[Node, JSONValue] | None:
    for place in _nodes(node):
        if key in place.attributes:
            return place, place.attributes[key]
    return None


def detect_neuroglancer(node: Node) -> bool:
    """N5 with lists of `axes` and of `units` or `resolution`, on the array or above it, and nobody else's keys."""
    if node.format != "n5" or any(key in place.attributes for place in _nodes(node) for key in _FOREIGN):
        return False
    keys = node.attributes
    if keys.keys() & {"offset", "axis_names", "voxel_size"}:
        return False
    axes, units, resolution = (_find(node, key) for key in ("axes", "units", "resolution"))
    listed = axes is not None and is_list_of_strings(axes[1])
    with_units = units is not None and isinstance(units[1], list)
    return listed and (with_units or resolution is not None)


def detect_viewer(node: Node) -> bool:
    """`pixelResolution` or factors on the array, or `pixelResolution` with `scales` on the group above."""
    if detect_neuroglancer(node) or any(key in node.attributes for key in ("painteraData", "spatialTransform")):
        return False
    keys = node.attributes
    if "pixelResolution" in keys or "downsamplingFactors" in keys:
        return True
    above = node.ancestors[0][0].attributes if node.ancestors and node.format == "n5" else {}
    return "pixelResolution" in above and not keys.keys() & {"transform", "resolution", "voxel_size"}


def decode(draft: Draft) -> None:
    """Serve both: base size × factors of the level, reversed to C order."""
    node = draft.node
    if draft.convention == "neuroglancer-n5":
        axes = _find(node, "axes")
        if axes is not None and not draft.parse_names(axes[1], "axes", node=axes[0], reverse=True):
            return
    if "affineTransform" in node.attributes:
        message = "readers apply an affineTransform, which is not decoded"
        draft.note("ZM305", message, "affineTransform", found=node.attributes["affineTransform"])
        return
    base = _base(draft)
    if base is None:
        _decode_units(draft, tuple(range(node.ndim)))
        return
    sizes, place, path = base
    factors = _factors(draft, place, sizes)
    if factors is None:
        return
    how = _reversed(node)
    if any(factor != 1 for factor in factors):
        how = f"× factors {[str(factor) for factor in factors]}, {how}".replace("'", "")
        sizes = tuple(size * factor for size, factor in zip(sizes, factors, strict=True))
    axes_of = draft.align(sizes, *path, node=place)
    if axes_of is None:
        return
    if draft.names is None and draft.named_types() == (None,) * node.ndim:
        draft.infer_names(len(axes_of))
    draft.voxel_size = draft.spread(sizes[::-1], axes_of)
    draft.source("voxel_size", *path, node=place, how=how)
    _decode_units(draft, axes_of)


def _reversed(node: Node) -> str:
    return "reversed because N5" if node.format == "n5" else "reversed: the key is x-first in Zarr too"


def _base(draft: Draft) -> tuple[tuple[Fraction, ...], Node, Path] | None:
    """Return the base voxel size as stored (x first), where it stands, and its path."""
    pixel = _find(draft.node, "pixelResolution")
    if pixel is not None:
        place, value = pixel
        path: Path = ("pixelResolution",)
        if isinstance(value, dict) and ("dimensions" in value or draft.convention == "n5-viewer"):
            path, value = (*path, "dimensions"), value.get("dimensions")
        if not isinstance(value, dict):
            sizes = draft.parse_sizes(value, *path, node=place)
            return None if sizes is None else (sizes, place, path)
    resolution = _find(draft.node, "resolution") if draft.convention == "neuroglancer-n5" else None
    if resolution is not None:
        sizes = draft.parse_sizes(resolution[1], "resolution", node=resolution[0])
        return None if sizes is None else (sizes, resolution[0], ("resolution",))
    return None


def _factors(draft: Draft, place: Node, sizes: tuple[Fraction, ...]) -> tuple[Fraction, ...] | None:
    """Return the factors that the base size is to be multiplied with, or note that they are not stated."""
    node, count = draft.node, len(sizes)
    ones = tuple(size / size for size in sizes)
    own = node.attributes.get("downsamplingFactors")
    if own is not None:
        return _parse_factors(draft, own, node, ("downsamplingFactors",), count)
    level = _LEVEL.fullmatch(node.path.replace("\\", "/").rpartition("/")[2])
    listed = _level_list(draft, int(level[1]) if level else None)
    if place is node:
        _refuse_double(draft, sizes, listed)
        return ones
    if listed is None:
        if (level is None and not _has_levels(draft.node)) or (level is not None and level[1] == "0"):
            return ones
        hint = "readers differ: 2 to the power of the level, or 1; state `downsamplingFactors` on the array"
        draft.note("ZM308", "the factors of this level are not stated", "downsamplingFactors", hint=hint)
        return None
    return _parse_factors(draft, listed[1], listed[0], listed[2], count)


def _has_levels(node: Node) -> bool:
    """Whether a group above has factors for levels, one of which this array must be."""
    return any(
        isinstance(group.attributes.get(key), list)
        for group in _nodes(node)[1:]
        for key in ("scales", "downsamplingFactors")
    )


def _level_list(draft: Draft, level: int | None) -> tuple[Node, JSONValue, Path] | None:
    """Return the entry for a level in `scales` or in a nested `downsamplingFactors` of a group."""
    if level is None:
        return None
    for group in _nodes(draft.node)[1:]:
        for key in ("scales", "downsamplingFactors"):
            table = group.attributes.get(key)
            if isinstance(table, list) and level < len(table) and isinstance(table[level], list):
                return group, table[level], (key, level)
    return None


def _parse_factors(draft: Draft, value: JSONValue, at: Node, path: Path, count: int) -> tuple[Fraction, ...] | None:
    factors = draft.parse_sizes(value, *path, node=at)
    if factors is not None and len(factors) < count:
        draft.note(
            "ZM201", "factors and voxel size differ in length", *path, node=at, expected=f"{count} factors", found=value
        )
        return None
    return None if factors is None else factors[:count]


def _refuse_double(draft: Draft, sizes: tuple[Fraction, ...], listed: tuple[Node, JSONValue, Path] | None) -> None:
    """The group's base size repeated on a level with factors may be the base or the level's own: nobody can tell."""
    factors = None if listed is None else parse_numbers(listed[1])
    if listed is None or factors is None or all(factor == 1 for factor in factors):
        return
    above = listed[0].attributes.get("pixelResolution")
    value = above.get("dimensions") if isinstance(above, dict) else above
    if parse_numbers(value) == sizes:
        hint = "add `downsamplingFactors` to the array if it is the size of s0, else mend the array's `pixelResolution`"
        message = "the level repeats the group's voxel size although the group gives it factors"
        draft.note("ZM306", message, "pixelResolution", found=draft.node.attributes.get("pixelResolution"), hint=hint)


def _decode_units(draft: Draft, axes_of: tuple[int, ...]) -> None:
    """A list of units wins over the one unit of `pixelResolution`."""
    listed = _find(draft.node, "units") if draft.convention == "neuroglancer-n5" else None
    units: list[str | None] = [None] * draft.node.ndim
    types = draft.types or draft.named_types()
    physical = [axis for axis in axes_of if types[axis] in ("space", "time", None)]
    if listed is not None and isinstance(listed[1], list):
        place, value = listed
        if not isinstance(value, list) or len(value) != len(axes_of):
            draft.note("ZM201", "`units` must have one entry per axis", "units", node=place, found=value)
            return
        parsed = [draft.parse_unit(unit, "units", index, node=place) for index, unit in enumerate(value)][::-1]
        for axis, unit in zip(axes_of, parsed, strict=True):
            units[axis] = unit if axis in physical else None
        draft.source("units", "units", node=place, how=_reversed(draft.node))
    else:
        pixel = _find(draft.node, "pixelResolution")
        if pixel is None or not isinstance(pixel[1], dict):
            draft.note("ZM207", "no unit is stated (viewers differ on what they assume)", "pixelResolution")
            return
        unit = draft.parse_unit(pixel[1].get("unit"), "pixelResolution", "unit", node=pixel[0])
        for axis in physical:
            units[axis] = unit if types[axis] != "time" else None
        draft.source("units", "pixelResolution", "unit", node=pixel[0])
    if any(units):
        draft.units = tuple(units)


def _check_origin(metadata: Metadata, node: Node, convention: str) -> tuple[Fraction, ...]:
    sizes, corner = require_geometry(metadata, convention, node)
    if any(corner):
        raise no_place(convention, "an offset other than 0", node, "use cosem in N5")
    return sizes


def _own_factors(node: Node, sizes: tuple[Fraction, ...]) -> tuple[Fraction, ...]:
    """Sizes as stored (x first), divided by the factors that stand on the array."""
    factors = parse_numbers(node.attributes.get("downsamplingFactors"))
    if factors is None or len(factors) < len(sizes) or not all(factors):
        return sizes
    return tuple(size / factor for size, factor in zip(sizes, factors, strict=False))


def encode_viewer(metadata: Metadata, node: Node, reading: Reading) -> Iterator[Edit]:
    """Write `pixelResolution` on the array: the base size where factors stand beside it."""
    sizes = _check_origin(metadata, node, "n5-viewer")
    if "pixelResolution" not in node.attributes and _has_levels(node):
        raise no_place("n5-viewer", "a change to one level of a pyramid", node, "change the group's attributes")
    units = set(metadata.units)
    if len(units) != 1:
        raise no_place("n5-viewer", "different units", node, "use cosem in N5")
    unit = units.pop()
    dimensions = encode_numbers(_own_factors(node, sizes[::-1]), "n5-viewer", node)
    before = node.attributes.get("pixelResolution")
    kept = before if isinstance(before, dict) else {}
    resolution: JSONObject = {**kept, "dimensions": dimensions, "unit": ABBREVIATIONS.get(unit, unit) if unit else "pixel"}
    yield Edit(node, {"pixelResolution": resolution})


def encode_neuroglancer(metadata: Metadata, node: Node, reading: Reading) -> Iterator[Edit]:
    """Write `axes`, `units` and the base size where they stand; a level of a pyramid needs its factors to stay."""
    if node.format != "n5":
        hint = "name another convention, such as zmeta"
        raise no_place("neuroglancer-n5", f"arrays of {node.format_name}: it is a convention of N5", node, hint)
    sizes = _check_origin(metadata, node, "neuroglancer-n5")
    names = require_names(metadata, "neuroglancer-n5", node)
    if len(sizes) != len(names):
        stored = [axis.voxel_size if axis.voxel_size is not None else sizes[0] / sizes[0] for axis in metadata.axes]
    else:
        stored = list(sizes)
    if any(type_of_name(axis.name) != axis.type for axis in metadata.axes if axis.type != "channel"):
        raise no_place("neuroglancer-n5", "axis types that the names do not say", node)
    marked: list[JSONValue] = [
        n if a.physical or type_of_name(n) == a.type else n + "^" for n, a in zip(names, metadata.axes, strict=True)
    ]
    place = _find(node, "axes") or (node, None)
    if place[0] is not node and _has_levels(node):
        raise no_place("neuroglancer-n5", "a change to one level of a pyramid", node, "change the group's attributes")
    keys: JSONObject = {
        "axes": marked[::-1],
        "units": [ABBREVIATIONS.get(axis.unit or "", axis.unit or "") for axis in reversed(metadata.axes)],
    }
    values = encode_numbers(_own_factors(node, tuple(stored[::-1])), "neuroglancer-n5", node)
    pixel = node.attributes.get("pixelResolution")
    if isinstance(pixel, dict) and "dimensions" in pixel:
        keys["pixelResolution"] = replace_at(pixel, ("dimensions",), values)
    else:
        keys["resolution"] = values
    yield Edit(node, keys)
