"""Images without fault, told in one pass: most are, and what is not plainly sound is judged rule by rule.

The answer is one-sided. `True` means that neither a schema, nor the reading of a level, nor a rule has anything to say,
which a property test holds against them; everything unusual is `False` and takes the long way.
"""

from __future__ import annotations

import marshal
from typing import TYPE_CHECKING

from zmeta.canonical.units import SPACE, TIME
from zmeta.conventions.registry import EVIDENCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zmeta.jsondoc import JSONValue
    from zmeta.nodes.node import Node

_OUTER = frozenset({"version", "multiscales"})
_IMAGE = frozenset({"axes", "datasets", "name", "version", "type", "metadata"})
_LEVEL = frozenset({"path", "coordinateTransformations"})
_NUMBERS = frozenset({int, float})
_RANKS = {"time": 0, "channel": 1, "space": 2}
_EXACT = 1e-14
_LEAST, _MOST = 1e-100, 1e100

#: Lists of axes that were found to be sound, by their bytes, with their names.
_SOUND_AXES: dict[bytes, list[str]] = {}
_MOST_KEPT = 256


def is_plainly_sound(group: Node, levels: Sequence[Node]) -> bool:
    """Whether a group is one image of OME-NGFF 0.4 or 0.5 that no rule can have anything to say about.

    `levels` are the nodes at the paths that it lists, in that order. The groups above must hold no metadata.
    """
    outer = group.attributes
    inner = outer.get("ome")
    if isinstance(inner, dict):
        if outer.keys() & EVIDENCE != {"ome"} or group.format != 3 or inner.get("version") != "0.5":
            return False
        if not inner.keys() <= _OUTER:
            return False
        images = inner.get("multiscales")
    else:
        if outer.keys() & EVIDENCE != {"multiscales"} or group.format != 2 or "image-label" in outer or "omero" in outer:
            return False
        images = outer.get("multiscales")
    image = images[0] if isinstance(images, list) and len(images) == 1 else None
    if not isinstance(image, dict) or not image.keys() <= _IMAGE or _is_label(group):
        return False
    if image.get("version", "0.4") != "0.4" if inner is None else "version" in image:
        return False
    if (inner is None and "version" not in image) or not all(
        isinstance(image.get(key, ""), str) for key in ("name", "type")
    ):
        return False
    if not isinstance(image.get("metadata", {}), dict):
        return False
    names = _axis_names(image.get("axes"))
    datasets = image.get("datasets")
    if names is None or not isinstance(datasets, list) or not datasets or len(datasets) != len(levels):
        return False
    paths = [entry.get("path") for entry in datasets if isinstance(entry, dict)]
    if len(set(map(str, paths))) != len(levels):
        return False
    return _are_sound_levels(datasets, levels, names, names_needed=inner is not None)


def _is_label(group: Node) -> bool:
    return bool(group.ancestors) and group.ancestors[0][0].path.endswith("labels")


def _axis_names(axes: JSONValue) -> list[str] | None:
    """Return the names of a list of axes without fault; None for any other."""
    try:
        key = marshal.dumps(axes, 2)
    except ValueError:
        return None
    names = _SOUND_AXES.get(key)
    if names is None:
        names = _judge_axes(axes)
        if names is not None:
            if len(_SOUND_AXES) >= _MOST_KEPT:
                _SOUND_AXES.clear()
            _SOUND_AXES[key] = names
    return names


def _judge_axes(axes: JSONValue) -> list[str] | None:
    names: list[str] = []
    kinds: list[str] = []
    units: set[str] = set()
    for axis in axes if isinstance(axes, list) else ():
        if not isinstance(axis, dict) or not axis.keys() <= {"name", "type", "unit"}:
            return None
        name, kind, unit = axis.get("name"), axis.get("type"), axis.get("unit")
        if not isinstance(name, str) or not name.isalnum() or not name.isascii() or not isinstance(kind, str):
            return None
        if not isinstance(unit, str | None):
            return None
        if kind == "space" and unit in SPACE:
            units.add(str(unit))
        elif not (kind == "time" and unit in TIME) and not (kind == "channel" and "unit" not in axis):
            return None
        names.append(name)
        kinds.append(kind)
    ranks = [_RANKS[kind] for kind in kinds]
    ordered = ranks == sorted(ranks) and kinds.count("time") < 2 and kinds.count("channel") < 2
    sound = ordered and len(set(names)) == len(names) and kinds.count("space") in (2, 3) and len(units) == 1
    return names if sound else None


def _are_sound_levels(datasets: list[JSONValue], levels: Sequence[Node], names: list[str], *, names_needed: bool) -> bool:
    """Whether every level has one scale, perhaps with a translation, and numbers that fit its shape."""
    count = len(names)
    found = []
    for entry, node in zip(datasets, levels, strict=True):
        if not isinstance(entry, dict) or entry.keys() != _LEVEL or node.kind != "array" or len(node.shape) != count:
            return False
        if not node.attributes.keys().isdisjoint(EVIDENCE) or "coordinates" in node.attributes:
            return False
        if (node.dimension_names != names) if names_needed else node.dimension_names is not None:
            return False
        vectors = _vectors(entry["coordinateTransformations"], count)
        if vectors is None:
            return False
        found.append((*vectors, node.shape))
    return are_sound_numbers(found)


def are_sound_numbers(levels: Sequence[tuple[Sequence[float], Sequence[float], Sequence[int]]]) -> bool:
    """Whether levels, each given as its scale, translation and shape, are those of a pyramid of bins.

    The numbers must be finite and less than `_MOST`.
    """
    first, place_0, extents = levels[0]
    if any(place_0) or 0 in extents or min(first) <= _LEAST:
        return False
    for scale, move, shape in levels[1:]:
        grown = False
        for size, place, size_0, extent, extent_0 in zip(scale, move, first, shape, extents, strict=True):
            half = (size - size_0) / 2
            if half < 0 or abs(place - half) > _EXACT * size or not extent or extent > extent_0:
                return False
            grown = grown or half > 0
            if abs(extent_0 * size_0 / size - extent) > 1:
                return False
        if not grown:
            return False
    return True


def _vectors(transforms: JSONValue, count: int) -> tuple[list[float], list[float]] | None:
    """Return scale and translation of a level, zeros where there is none; None for all but these two in this order."""
    if not isinstance(transforms, list) or not 0 < len(transforms) < 3:
        return None
    found: list[list[float]] = []
    for item, kind in zip(transforms, ("scale", "translation"), strict=False):
        if not isinstance(item, dict) or item.keys() != {"type", kind} or item["type"] != kind:
            return None
        vector = item[kind]
        if not isinstance(vector, list) or len(vector) != count or not _NUMBERS.issuperset(map(type, vector)):
            return None
        found.append(vector)  # type: ignore[arg-type]
    if not all(_LEAST < size < _MOST for size in found[0]):
        return None
    if len(found) == 1:
        return found[0], [0] * count
    return (found[0], found[1]) if all(abs(place) < _MOST for place in found[1]) else None
