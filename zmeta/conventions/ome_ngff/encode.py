"""Voxel size and corner to OME-NGFF: an exact inverse of the decoder, on the group above the array."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from zmeta.canonical.metadata import PHYSICAL
from zmeta.conventions.base import Draft, Edit, encode_numbers, no_place, require_geometry, require_names
from zmeta.conventions.ome_ngff.decode import Affine, apply_transforms, compose
from zmeta.conventions.ome_ngff.detect import Level, find_level
from zmeta.jsondoc import replace_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from zmeta.canonical.metadata import Axis, Metadata
    from zmeta.conventions.base import Reading
    from zmeta.jsondoc import JSONObject, JSONValue
    from zmeta.nodes.node import Node

_NAME = "ome-ngff"


def encode_0_4_on(metadata: Metadata, node: Node, reading: Reading) -> Iterator[Edit]:
    """Change the array's level on the group that lists it, or list it on the group right above."""
    level = find_level(node)
    require_geometry(metadata, _NAME, node)
    names = require_names(metadata, _NAME, node)
    if any(axis.type is None for axis in metadata.axes):
        raise no_place(_NAME, "axes without a type", node, "give types")
    if level is None:
        yield _new_image(metadata, node, reading)
        return
    axes = _axes(metadata, names, level)
    if level.index > 0 and _units(axes) != _units(level.image.get("axes")):
        raise no_place(_NAME, "another unit on one level (all levels share the axes)", node, "change it on level 0")
    image: JSONValue = {**level.image, "axes": axes}
    for index, transforms in _transforms(metadata, node, level, reading).items():
        image = replace_at(image, ("datasets", index, "coordinateTransformations"), transforms)
    head, *rest = level.path
    yield Edit(level.group, {str(head): replace_at(level.group.attributes[str(head)], tuple(rest), image)})


def encode_0_3(metadata: Metadata, node: Node, reading: Reading) -> Iterator[Edit]:
    """Change the names of the axes, which is all that 0.3 holds."""
    level = find_level(node)
    if level is None:
        raise no_place(_NAME, "an array that no image lists", node)
    image: JSONValue = {**level.image, "axes": list(require_names(metadata, _NAME, node))}
    head, *rest = level.path
    yield Edit(level.group, {str(head): replace_at(level.group.attributes[str(head)], tuple(rest), image)})


def encode_image(levels: Sequence[tuple[str, Metadata]], node: Node, reading: Reading) -> JSONObject:
    """Return the entry of `multiscales` for levels, from fine to coarse, by their paths; raises `EncodeError`."""
    names = require_names(levels[0][1], _NAME, node)
    datasets: list[JSONValue] = []
    for path, metadata in levels:
        require_geometry(metadata, _NAME, node)
        sizes = [axis.voxel_size or Fraction(1) for axis in metadata.axes]
        places = [_place(axis, reading) for axis in metadata.axes]
        datasets.append({"path": path, "coordinateTransformations": _scale_and_translation(sizes, places, node)})
    return {"axes": _axes(levels[0][1], names, None), "datasets": datasets}


def _new_image(metadata: Metadata, node: Node, reading: Reading) -> Edit:
    """A multiscale image of one level, named by the array's folder."""
    if not node.ancestors or "/" in node.ancestors[0][1]:
        raise no_place(_NAME, "an array that has no group above it", node, "put the array into a group")
    group, below = node.ancestors[0]
    if group.attributes.keys() & {"ome", "multiscales"}:
        hint = "list the array in it first"
        raise no_place(_NAME, "an array that the image on the group above does not list", node, hint)
    image = encode_image([(below, metadata)], node, reading)
    if node.format == 3:
        return Edit(group, {"ome": {"version": "0.5", "multiscales": [image]}})
    return Edit(group, {"multiscales": [{"version": "0.4", **image}]})


def _place(axis: Axis, reading: Reading) -> Fraction:
    """Return the translation of level 0 that is read as the corner of the axis."""
    corner = axis.offset if axis.offset is not None else Fraction(0)
    half = axis.voxel_size / 2 if axis.voxel_size is not None and reading.ome_anchor == "centre" else 0
    return corner + half


def _axes(metadata: Metadata, names: list[str], level: Level | None) -> list[JSONValue]:
    """Name, type and unit of every axis; other keys of an axis stay."""
    before = level.image.get("axes") if level is not None else None
    kept = before if isinstance(before, list) and len(before) == len(names) else [{}] * len(names)
    result: list[JSONValue] = []
    for name, axis, old in zip(names, metadata.axes, kept, strict=True):
        entry: JSONObject = (
            {key: value for key, value in old.items() if key not in ("unit", "units")} if isinstance(old, dict) else {}
        )
        unit: JSONObject = {"unit": axis.unit} if axis.unit else _channel_unit(old, axis)
        result.append({**entry, "name": name, "type": axis.type, **unit})
    return result


def _channel_unit(old: JSONValue, axis: Axis) -> JSONObject:
    """The unit of an axis that is not physical is none of ours, and stays."""
    return {"unit": old["unit"]} if isinstance(old, dict) and axis.type not in PHYSICAL and "unit" in old else {}


def _units(axes: JSONValue) -> list[JSONValue]:
    return [axis.get("unit") for axis in axes if isinstance(axis, dict)] if isinstance(axes, list) else []


def _transforms(metadata: Metadata, node: Node, level: Level, reading: Reading) -> dict[int, list[JSONValue]]:
    """The scale and translation of the level, by index, with those of the image taken out of them.

    A change to level 0 is one to the image: the other levels are scaled and moved along, so that the pyramid stays as it is.
    """
    ndim = node.ndim
    draft = Draft(node, reading, _NAME, None)
    identity: Affine = ((Fraction(1),) * ndim, (Fraction(0),) * ndim)
    outer = apply_transforms(draft, level, level.outer, level.path, identity)
    if outer is None or not all(outer[0]):
        raise no_place(_NAME, "a level below transformations that cannot be read", node, "mend those of the image first")
    own = compose(draft, level, level.index)
    first = compose(draft, level, 0) if level.index else None
    sizes, places = [], []
    for index, axis in enumerate(metadata.axes):
        if axis.voxel_size is None or axis.offset is None:
            sizes.append(own[0][index] if own else Fraction(1))
            places.append(own[1][index] if own else Fraction(0))
            continue
        sizes.append(axis.voxel_size)
        places.append(_level_place(axis, reading, first, index))
    new: Affine = (tuple(sizes), tuple(places))
    result = {level.index: _inner(new, outer, node)}
    if level.index == 0 and own is not None and own != new and all(own[0]):
        for other in range(1, len(level.datasets)):
            before = compose(draft, level, other)
            if before is not None:
                result[other] = _inner(_carried(before, own, new), outer, node)
    return result


def _carried(level: Affine, before: Affine, after: Affine) -> Affine:
    """A level as it is after level 0 went from one transformation to another."""
    ratios = [new / old for new, old in zip(after[0], before[0], strict=True)]
    sizes = tuple(size * ratio for size, ratio in zip(level[0], ratios, strict=True))
    rows = zip(level[1], before[1], after[1], ratios, strict=True)
    return sizes, tuple(new + (place - old) * ratio for place, old, new, ratio in rows)


def _inner(affine: Affine, outer: Affine, node: Node) -> list[JSONValue]:
    """The transformations of a level that come to `affine` after those of the image."""
    sizes = [size / scale for size, scale in zip(affine[0], outer[0], strict=True)]
    places = [(place - shift) / scale for place, scale, shift in zip(affine[1], *outer, strict=True)]
    return _scale_and_translation(sizes, places, node)


def _level_place(axis: Axis, reading: Reading, first: Affine | None, index: int) -> Fraction:
    """A level that shares the corner of level 0 is written as a sound pyramid of its anchor has it."""
    place = _place(axis, reading)
    if first is None or axis.voxel_size is None:
        return place
    size_0, place_0 = first[0][index], first[1][index]
    corner_0 = place_0 - size_0 / 2 if reading.ome_anchor == "centre" else place_0
    if axis.offset != corner_0:
        return place
    return place_0 + (axis.voxel_size - size_0) / 2 if reading.ome_anchor == "centre" else place_0


def _scale_and_translation(sizes: list[Fraction], places: list[Fraction], node: Node) -> list[JSONValue]:
    result: list[JSONValue] = [{"type": "scale", "scale": encode_numbers(sizes, _NAME, node)}]
    if any(places):
        result.append({"type": "translation", "translation": encode_numbers(places, _NAME, node)})
    return result
