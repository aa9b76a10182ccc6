"""From one image to the stencil of its kind: what becomes of twins of it tells which number is written where.

A twin has the documents of the image with other numbers, all different, so that each can be traced: as floats that are whole
(which are written as `4.0` where they are copied, and as `4` where they were read), as whole numbers, as fractions, mixed.
"""

from __future__ import annotations

import os
import re
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from zmeta.canonical.metadata import PHYSICAL
from zmeta.checker.form import NUMBER, STRING, Form, Hole
from zmeta.checker.learn import find_image
from zmeta.checker.position import spans
from zmeta.jsondoc import pointer
from zmeta.migration.memo import POSITIVE, lists_of_numbers
from zmeta.migration.stencil import Axis, Stencil, sheets
from zmeta.nodes.node import read_node

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping, Sequence

    from zmeta.jsondoc import JSONObject
    from zmeta.migration.unit import Unit
    from zmeta.nodes.node import Node
    from zmeta.nodes.texts import Text

    Plan = Callable[[Sequence[Node]], tuple[Unit, ...]]
    Spelling = Literal["whole", "int", "fraction", "mixed"]

_EXTENT = re.compile(rb"[1-9][0-9]{0,14}+")
_TWIN = os.sep + os.path.join("twin", "of", "an", "image")
_NAME = b'"twin of an image"'
#: Scales of level 0 by axis, in quarters, and its translations; levels double, so that no two numbers are the same.
_SIZES, _PLACES = (1009, 1013, 1019, 1021, 1031), (2003, 2011, 2017, 2027, 2029)
_EXTENTS = 10_000_019
_MOST_LEVELS = 9


class _Hole(NamedTuple):
    """What stands in a hole: a name, an extent, or the scale or the translation of a level on one axis.

    `array` is the level that says the same of itself, by such a number of its own (-1: it stands on the group), and `list`
    where it does.
    """

    kind: Literal["name", "extent", "scale", "translation"]
    level: int = 0
    axis: int = 0
    array: int = -1
    list: tuple[str, ...] = ()

    @property
    def on_group(self) -> _Hole:
        """The hole on the group that says the same."""
        return self._replace(array=-1, list=())


class _Spot(NamedTuple):
    """A hole, and where it is in one of the documents of the image."""

    hole: _Hole
    start: int
    end: int
    pattern: re.Pattern[bytes]


class _Sample(NamedTuple):
    """An image: the folders of the group and of its levels with their documents, and the holes in these, in order."""

    folders: Mapping[str, Text]
    spots: Mapping[str, Sequence[Sequence[_Spot]]]
    is_moved: bool

    @property
    def holes(self) -> list[_Hole]:
        """All holes in their order."""
        return [spot.hole for documents in self.spots.values() for document in documents for spot in document]


def learn(path: str, folders: Mapping[str, Text], plan: Plan) -> Stencil | None:
    """Return the stencil of an image of OME-NGFF with a scale for each level; None where none is sure to hold.

    `folders` are the names of the group ("") and of its levels, in the order in which it lists them, with their documents.
    """
    sample = _read(path, folders)
    if sample is None:
        return None
    values = _values(sample, "whole")
    alone = [value for hole, value in zip(sample.holes, values, strict=True) if hole.array < 0]
    if len(set(alone)) != len(alone):
        return None
    stencil = _stencil(sample)
    twin = _fill(stencil, folders, values)
    numbers: dict[str, int] = {}
    for folder, text in folders.items():
        for name in text.names:
            numbers[os.path.join(_TWIN, folder, name)] = len(numbers)
    units = sheets(_TWIN, plan(_nodes(_TWIN, twin)), numbers, values)
    if units is None:
        return None
    stencil = stencil._replace(units=units)
    spellings: tuple[Spelling, ...] = ("whole", "int", "fraction", "mixed")
    trials = [
        (_TWIN, _fill(stencil, folders, found), found) for found in (_values(sample, spelling) for spelling in spellings)
    ]
    for place, texts, found in [*trials, (path, folders, _own(stencil, folders))]:
        raws = [raw for text in texts.values() for raw in text.raws]
        if stencil.fill(place, raws, found) != plan(_nodes(place, texts)):
            return None
    return stencil


def _nodes(path: str, folders: Mapping[str, Text]) -> list[Node]:
    """Return a group and its levels, read from texts as if these stood in a folder, which is not looked at."""
    nodes: list[Node] = []
    for folder, text in folders.items():
        node = read_node(os.path.join(path, folder) if folder else path, given=text.given)
        if node is not None:
            nodes.append(node._replace(ancestors=((nodes[0], folder),)) if nodes else node)
    return nodes


# --- the holes of an image ------------------------------------------------------------------------------------------------


def _read(path: str, folders: Mapping[str, Text]) -> _Sample | None:
    """Return an image with its holes; None where it is none, or where something is written in an unusual way."""
    nodes = _nodes(path, folders)
    group, levels = nodes[0], nodes[1:]
    found = find_image(group)
    if found is None or any(node.findings for node in nodes) or group.kind != "group" or len(levels) > _MOST_LEVELS:
        return None
    at, image = found
    transforms = _transforms(image)
    if transforms is None or any(node.kind != "array" for node in levels):
        return None
    is_moved = any(transforms[0].get("translation", ()))
    of_image = dict(_image_holes(at, image, transforms, is_moved=is_moved))
    on_group = {hole for hole, _ in of_image.values()}
    spots: dict[str, list[list[_Spot]]] = {}
    for folder, node in zip(folders, nodes, strict=True):
        places: dict[str, dict[str, tuple[_Hole, re.Pattern[bytes]]]]
        if node is group:
            places = {os.path.basename(node.attributes_file): of_image}
        else:
            own = _own_holes(node, levels.index(node), image, transforms, on_group)
            if own is None:
                return None
            places = {os.path.basename(node.attributes_file): own}
            places.setdefault(folders[folder].names[0], {}).update(_extent_holes(node, levels.index(node)))
        spots[folder] = documents = []
        for name, raw in zip(*folders[folder], strict=True):
            here = _spots(raw, places.get(name, {}))
            if here is None:
                return None
            documents.append(here)
    return _Sample(folders, spots, is_moved)


def _transforms(image: JSONObject) -> list[dict[str, list[float]]] | None:
    """Return scale and perhaps translation of each level of an image; None where it has others, or axes without a type."""
    axes, datasets = image.get("axes"), image.get("datasets")
    if not isinstance(axes, list) or not all(isinstance(axis, dict) and "type" in axis for axis in axes):
        return None
    found = []
    for entry in datasets if isinstance(datasets, list) else ():
        items = entry.get("coordinateTransformations") if isinstance(entry, dict) else None
        vectors: dict[str, list[float]] = {}
        for item, kind in zip(items if isinstance(items, list) else (), ("scale", "translation"), strict=False):
            vector = item.get(kind) if isinstance(item, dict) and item.get("type") == kind else None
            if isinstance(vector, list) and len(vector) == len(axes) and {int, float}.issuperset(map(type, vector)):
                vectors[kind] = vector  # type: ignore[assignment]
        if not vectors or not isinstance(items, list) or len(vectors) != len(items):
            return None
        found.append(vectors)
    return found or None


def _image_holes(
    at: str, image: Any, transforms: Sequence[Mapping[str, object]], *, is_moved: bool
) -> Iterator[tuple[str, tuple[_Hole, re.Pattern[bytes]]]]:
    """Yield the name of an image and the numbers of its levels; a translation of level 0 that is zero stays as it is."""
    if isinstance(image.get("name"), str):
        yield f"{at}/name", (_Hole("name"), STRING)
    physical = [index for index, axis in enumerate(image["axes"]) if axis["type"] in PHYSICAL]
    for level, vectors in enumerate(transforms):
        for number, kind in enumerate(vectors):
            if kind == "scale" or level or is_moved:
                for axis in physical:
                    place = f"{at}/datasets/{level}/coordinateTransformations/{number}/{kind}/{axis}"
                    yield place, (_Hole(kind, level, axis), NUMBER)  # type: ignore[arg-type]


def _own_holes(
    node: Node, level: int, image: Any, transforms: Sequence[Mapping[str, list[float]]], on_group: Container[_Hole]
) -> dict[str, tuple[_Hole, re.Pattern[bytes]]] | None:
    """Return the numbers of a level that says of itself what the image says of it; None where it says something else."""
    physical = [index for index, axis in enumerate(image["axes"]) if axis["type"] in PHYSICAL]
    nowhere = [0.0] * len(image["axes"])
    places = [transforms[0].get("translation", nowhere), transforms[level].get("translation", nowhere)]
    found: dict[str, tuple[_Hole, re.Pattern[bytes]]] = {}
    for place, numbers in lists_of_numbers(node.attributes).items():
        if len(numbers) != len(physical):
            return None
        said = [numbers == [values[axis] for axis in physical] for values in (transforms[level]["scale"], *places)]
        if not any(said[:1] if POSITIVE[place] else said[1:]):
            return None
        for index, axis in enumerate(physical):
            hole = _Hole("scale", level, axis) if POSITIVE[place] else _Hole("translation", 0 if said[1] else level, axis)
            if hole in on_group:  # else it is zero, and stays so
                found[node.attributes_pointer + pointer(*place, index)] = hole._replace(array=level, list=place), NUMBER
    return found


def _extent_holes(node: Node, level: int) -> Iterator[tuple[str, tuple[_Hole, re.Pattern[bytes]]]]:
    """Yield the shape of an array and of its chunks."""
    places = ("/shape", "/chunks") if node.format == 2 else ("/shape", "/chunk_grid/configuration/chunk_shape")
    for place in places:
        for axis in range(node.ndim):
            yield f"{place}/{axis}", (_Hole("extent", level, axis), _EXTENT)


def _spots(raw: bytes, wanted: Mapping[str, tuple[_Hole, re.Pattern[bytes]]]) -> list[_Spot] | None:
    """Return where in a document holes are, in order; None where one is missing or holds something unusual."""
    found = spans(raw.decode("latin-1"), wanted)
    if len(found) != len(wanted):
        return None
    spots = [_Spot(hole, *found[place], pattern) for place, (hole, pattern) in wanted.items()]
    if not all(spot.pattern.fullmatch(raw, spot.start, spot.end) for spot in spots):
        return None
    return sorted(spots, key=lambda spot: spot.start)


def _stencil(sample: _Sample) -> Stencil:
    """Return the stencil of an image, still without what is written."""
    forms = {}
    for folder, text in sample.folders.items():
        holes = []
        start = 0
        for raw, spots in zip(text.raws, sample.spots[folder], strict=True):
            holes += [Hole(start + spot.start, start + spot.end, spot.pattern, told=True) for spot in spots]
            start += len(raw) + 1
        forms[folder] = Form(text.joined, holes)
    numbers = {hole: index for index, hole in enumerate(sample.holes) if hole.kind in ("scale", "translation")}
    at = {hole: index for hole, index in numbers.items() if hole.array < 0}
    same = tuple((index, at[hole.on_group]) for hole, index in numbers.items() if hole.array >= 0)
    axes = tuple(
        Axis(
            index,
            at.get(_Hole("translation", hole.level, hole.axis)),
            at[_Hole("scale", 0, hole.axis)],
            at.get(_Hole("translation", 0, hole.axis)),
        )
        for hole, index in at.items()
        if hole.kind == "scale"
    )
    levels = tuple((folder, text.names, forms[folder]) for folder, text in sample.folders.items() if folder)
    return Stencil(sample.folders[""].names, forms[""], levels, tuple(numbers.values()), same, axes, sample.is_moved, ())


# --- twins ----------------------------------------------------------------------------------------------------------------


def _fill(stencil: Stencil, folders: Mapping[str, Text], values: Sequence[bytes]) -> dict[str, Text]:
    """Return the documents of an image with other values in the holes."""
    rest = iter(values)
    forms = [stencil.form, *(form for _, _, form in stencil.levels)]
    return {
        folder: text._replace(raws=tuple(form.fill(islice(rest, form.count)).split(b"\0")))
        for form, (folder, text) in zip(forms, folders.items(), strict=True)
    }


def _own(stencil: Stencil, folders: Mapping[str, Text]) -> list[bytes]:
    """Return what stands in the holes of an image itself."""
    forms = [stencil.form, *(form for _, _, form in stencil.levels)]
    return [value for form, text in zip(forms, folders.values(), strict=True) for value in form.match(text.joined) or ()]


def _values(sample: _Sample, spelling: Spelling) -> list[bytes]:
    """Return what stands in the holes of a twin: each level is twice as coarse, and all share one corner."""
    values = []
    for number, (kind, level, axis, *_) in enumerate(sample.holes):
        size, place = _SIZES[axis % 5], _PLACES[axis % 5] if sample.is_moved else 0
        match kind:
            case "name":
                values.append(_NAME)
            case "extent":
                values.append(b"%d" % (_EXTENTS + number))
            case "scale":
                values.append(_spell(4 * size << level, spelling, level, axis))
            case "translation":
                values.append(_spell(place + 2 * size * ((1 << level) - 1), spelling, level, axis))
    return values


def _spell(number: int, spelling: Spelling, level: int, axis: int) -> bytes:
    """Write a number, or the same part of it everywhere on an axis, that is no whole number."""
    if spelling == "mixed":
        spelling = "fraction" if axis % 3 == 0 else "int" if (level + axis) % 2 else "whole"
    if spelling == "fraction":
        return repr(number / 4096).encode()
    return b"%d" % number if spelling == "int" else b"%d.0" % number
