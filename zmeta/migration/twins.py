"""From one image to the stencil of its kind: what becomes of twins of it tells which number is written where.

A twin has the documents of the image with other numbers, all different, so that each can be traced: as floats that are whole
(which are written as `4.0` where they are copied, and as `4` where they were read), as whole numbers, as fractions, mixed.
"""

from __future__ import annotations

import os
from itertools import count, islice
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from zmeta.canonical.metadata import PHYSICAL
from zmeta.checker.form import NUMBER, STRING, Form, Hole
from zmeta.checker.learn import find_image
from zmeta.checker.position import spans
from zmeta.checker.site import level_names
from zmeta.conventions.registry import EVIDENCE
from zmeta.jsondoc import pointer
from zmeta.migration.foreign import another, leaves
from zmeta.migration.memo import POSITIVE, READ, number_lists
from zmeta.migration.stencil import EXTENT, EXTENTS, Axis, Stencil, sheets
from zmeta.nodes.node import read_node
from zmeta.steps.ome_ngff.parts import KEYS

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence

    from zmeta.jsondoc import JSONObject
    from zmeta.migration.unit import Unit
    from zmeta.nodes.node import Node
    from zmeta.nodes.texts import Text

    Wanted = dict[str, tuple["_Hole", re.Pattern[bytes]]]
    Plan = Callable[[Sequence[Node], bytes | None], tuple[Unit, ...]]
    Spelling = Literal["whole", "int", "fraction", "mixed"]

_TWIN = os.sep + os.path.join("twin", "of", "an", "image")
#: Scales of level 0 by axis, in quarters, and its translations; levels double, so that no two numbers are the same.
_SIZES, _PLACES = (1009, 1013, 1019, 1021, 1031), (2003, 2011, 2017, 2027, 2029)
_EXTENTS = 10_000_019
_MOST_LEVELS = 9
#: Keys that a group between an image and a level may have: those of ngff-zarr repeat the names of the axes.
_NAMES = frozenset({"_ARRAY_DIMENSIONS"})


class _Hole(NamedTuple):
    """What stands in a hole: a name, an extent, the scale or the translation of a level on one axis, or a foreign value.

    The same may stand in several places: `own` is the list in which a level says it of itself, and `copy` tells that it
    stands in the consolidated copy. `image` is the number of the image, which is 0 but for labels.
    """

    kind: Literal["name", "shape", "chunk", "scale", "translation", "foreign"]
    level: int = 0
    axis: int = 0
    image: int = 0
    own: tuple[str, ...] = ()
    copy: bool = False

    @property
    def said_by(self) -> _Hole:
        """The hole in which the same stands that this one repeats; itself where it repeats none."""
        return self._replace(copy=False) if self.copy else self._replace(own=())


class _Spot(NamedTuple):
    """A hole, and where it is in one of the documents of the image."""

    hole: _Hole
    start: int
    end: int
    pattern: re.Pattern[bytes]


class _Sample(NamedTuple):
    """An image: the folders of all its nodes with their documents, the holes in these in order, and how many are arrays.

    `is_moved` tells of each image, those of its labels among them, whether level 0 has a translation.
    """

    folders: Mapping[str, Text]
    spots: Mapping[str, Sequence[Sequence[_Spot]]]
    arrays: int
    is_moved: Sequence[bool]

    @property
    def all(self) -> list[_Spot]:
        """All holes in their order."""
        return [spot for documents in self.spots.values() for document in documents for spot in document]

    @property
    def holes(self) -> list[_Hole]:
        """What stands in them."""
        return [spot.hole for spot in self.all]


def learn(path: str, folders: Mapping[str, Text], plan: Plan) -> Stencil | None:
    """Return the stencil of an image of OME-NGFF with a scale for each level; None where none is sure to hold.

    `folders` are the group ("") and all that is below it by their paths, groups before what they hold, with their documents.
    """
    sample = _read(path, folders)
    if sample is None:
        return None
    values = _values(sample, "whole")
    alone = [value for hole, value in zip(sample.holes, values, strict=True) if hole.said_by == hole]
    if len(set(alone)) != len(alone):
        return None
    stencil = _stencil(sample)
    twin = _fill(stencil, folders, values)
    numbers: dict[str, int] = {}
    for folder, text in folders.items():
        for name in text.names:
            numbers[os.path.join(_TWIN, folder, name)] = len(numbers)
    units = sheets(_TWIN, _plan(_TWIN, twin, plan), numbers, values)
    if units is None:
        return None
    stencil = stencil._replace(units=units)
    spellings: tuple[Spelling, ...] = ("whole", "int", "fraction", "mixed")
    trials = [
        (_TWIN, _fill(stencil, folders, found), found) for found in (_values(sample, spelling) for spelling in spellings)
    ]
    for place, texts, found in [*trials, (path, folders, _own(stencil, folders))]:
        raws = [raw for text in texts.values() for raw in text.raws]
        if stencil.fill(place, raws, found) != _plan(place, texts, plan):
            return None
    return stencil


def _plan(path: str, folders: Mapping[str, Text], plan: Plan) -> tuple[Unit, ...]:
    return plan(_nodes(path, folders), dict(zip(*folders[""], strict=True)).get(".zmetadata"))


def _nodes(path: str, folders: Mapping[str, Text]) -> list[Node]:
    """Return a group and what is below it, read from texts as if these stood in a folder, which is not looked at."""
    nodes: dict[str, Node] = {}
    for folder, text in folders.items():
        node = read_node(os.path.join(path, *folder.split("/")) if folder else path, given=text.given)
        if node is not None:
            nodes[folder] = node._replace(ancestors=tuple(_above(folder, nodes)))
    return [*nodes.values()]


def _above(folder: str, nodes: Mapping[str, Node]) -> Iterator[tuple[Node, str]]:
    """Yield the groups above a folder, nearest first, each with the path from it."""
    above, below = folder, ""
    while above:
        above, _, name = above.rpartition("/")
        below = f"{name}/{below}".rstrip("/")
        if above in nodes:
            yield nodes[above], below


# --- the holes of an image ------------------------------------------------------------------------------------------------


def _read(path: str, folders: Mapping[str, Text]) -> _Sample | None:
    """Return an image with its holes; None where it is none, or where something is written in an unusual way."""
    nodes = dict(zip(folders, _nodes(path, folders), strict=True))
    wanted: dict[tuple[str, str], Wanted] = {}
    is_moved: list[bool] = []
    levels: set[str] = set()
    for folder, group in nodes.items():
        if group.findings or (group.kind == "array" and folder not in levels):
            return None
        if group.kind == "array" or not _says_something(group):
            continue
        found = find_image(group)
        transforms = None if found is None else _transforms(found[1])
        names = [os.path.join(folder, *name.split("/")) for name in level_names(group.attributes)]
        if found is None or transforms is None or len(transforms) != len(names) or len(names) > _MOST_LEVELS:
            return None
        at, image = found
        number = len(is_moved)
        is_moved.append(any(transforms[0].get("translation", ())))
        of_image = dict(_image_holes(at, image, transforms, number, is_moved=is_moved[-1]))
        wanted[folder, os.path.basename(group.attributes_file)] = of_image
        on_group = {hole for hole, _ in of_image.values()}
        for level, name in enumerate(names):
            node = nodes.get(name)
            own = None if node is None or name in levels else _own_holes(node, level, number, image, transforms, on_group)
            if node is None or own is None:
                return None
            levels.add(name)
            wanted[name, os.path.basename(node.attributes_file)] = own
            wanted.setdefault((name, folders[name].names[0]), {}).update(_extent_holes(node, level, number))
    if not is_moved:
        return None
    foreign = count()
    for folder, node in nodes.items():
        holes = wanted.setdefault((folder, os.path.basename(node.attributes_file)), {})
        holes |= {place: (_Hole("foreign", next(foreign)), pattern) for place, pattern in _foreign(node)}
    for (folder, name), holes in [*wanted.items()]:
        for place, prefix in _copied(nodes[""], folder, name):
            repeated = {prefix + at: (hole._replace(copy=True), pattern) for at, (hole, pattern) in holes.items()}
            wanted.setdefault(("", place), {}).update(repeated)
    spots: dict[str, list[list[_Spot]]] = {}
    for folder, text in folders.items():
        spots[folder] = documents = []
        for name, raw in zip(*text, strict=True):
            here = _spots(raw, wanted.get((folder, name), {}))
            if here is None:
                return None
            documents.append(here)
    return _Sample(folders, spots, len(levels), is_moved)


def _says_something(group: Node) -> bool:
    """Whether a group says anything about arrays below it; what only lists labels does not."""
    inner = group.attributes.get("ome")
    is_list = isinstance(inner, dict) and "multiscales" not in inner
    return bool((EVIDENCE - _NAMES - ({"ome"} if is_list else set())) & group.attributes.keys())


def _copied(group: Node, folder: str, name: str) -> Iterator[tuple[str, str]]:
    """Yield where the consolidated copy of a group holds a document: the document that it stands in, and the pointer."""
    if group.format == 2:
        yield ".zmetadata", "/metadata" + pointer(f"{folder}/{name}".lstrip("/"))
    elif folder and group.documents["zarr.json"].data.get("consolidated_metadata"):
        yield name, "/consolidated_metadata/metadata" + pointer(folder)


def _foreign(node: Node) -> Iterator[tuple[str, re.Pattern[bytes]]]:
    """Yield where values stand that no convention reads: attributes, how to show an image, and what it was made with."""
    at = node.attributes_pointer
    for key, value in node.attributes.items():
        if key == "ome" and isinstance(value, dict):
            yield from leaves(at + "/ome/omero", value.get("omero"), numbers_only=True)
        elif key == "omero":
            yield from leaves(at + "/omero", value, numbers_only=True)
        elif key not in READ and key not in KEYS:
            yield from leaves(at + pointer(key), value)


def _transforms(image: JSONObject) -> list[dict[str, list[float]]] | None:
    """Return scale and perhaps translation of each level of an image; None where it has others, or axes without a type.

    The first versions of OME-NGFF have neither.
    """
    axes, datasets = image.get("axes"), image.get("datasets")
    if isinstance(datasets, list) and all(isinstance(entry, dict) and entry.keys() == {"path"} for entry in datasets):
        return [{} for _ in datasets]
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
    at: str, image: Any, transforms: Sequence[Mapping[str, object]], number: int, *, is_moved: bool
) -> Iterator[tuple[str, tuple[_Hole, re.Pattern[bytes]]]]:
    """Yield the name of an image and the numbers of its levels; a translation of level 0 that is zero stays as it is."""
    if isinstance(image.get("name"), str):
        yield f"{at}/name", (_Hole("name", image=number), STRING)
    physical = _physical(image)
    for level, vectors in enumerate(transforms):
        for index, kind in enumerate(vectors):
            if kind == "scale" or level or is_moved:
                for axis in physical:
                    place = f"{at}/datasets/{level}/coordinateTransformations/{index}/{kind}/{axis}"
                    yield place, (_Hole(kind, level, axis, number), NUMBER)  # type: ignore[arg-type]


def _physical(image: Any) -> list[int]:
    """Return the axes of space and time of an image whose axes have types; none of the others."""
    axes = image.get("axes") or ()
    return [index for index, axis in enumerate(axes) if isinstance(axis, dict) and axis.get("type") in PHYSICAL]


def _own_holes(
    node: Node,
    level: int,
    number: int,
    image: Any,
    transforms: Sequence[Mapping[str, list[float]]],
    on_group: Container[_Hole],
) -> Wanted | None:
    """Return the numbers of a level that says of itself what the image says of it; None where it says something else."""
    physical = _physical(image) if "scale" in transforms[level] else []
    nowhere = [0.0] * node.ndim
    places = [transforms[0].get("translation", nowhere), transforms[level].get("translation", nowhere)]
    found: Wanted = {}
    if node.kind != "array" or any(axis >= node.ndim for axis in physical):
        return None
    for place, numbers in number_lists(node.attributes).items():
        if not physical or len(numbers) != len(physical):
            return None
        said = [numbers == [values[axis] for axis in physical] for values in (transforms[level]["scale"], *places)]
        if not any(said[:1] if POSITIVE[place] else said[1:]):
            return None
        for index, axis in enumerate(physical):
            of = level if POSITIVE[place] or not said[1] else 0
            hole = _Hole("scale" if POSITIVE[place] else "translation", of, axis, number)
            if hole in on_group:  # else it is zero, and stays so
                found[node.attributes_pointer + pointer(*place, index)] = hole._replace(own=(str(level), *place)), NUMBER
    return found


def _extent_holes(node: Node, level: int, number: int) -> Iterator[tuple[str, tuple[_Hole, re.Pattern[bytes]]]]:
    """Yield the shape of an array and of its chunks."""
    shape, chunk = EXTENTS[node.format]
    for axis in range(node.ndim):
        yield f"{shape}/{axis}", (_Hole("shape", level, axis, number), EXTENT)
        yield f"{chunk}/{axis}", (_Hole("chunk", level, axis, number), EXTENT)


def _spots(raw: bytes, wanted: Mapping[str, tuple[_Hole, re.Pattern[bytes]]]) -> list[_Spot] | None:
    """Return where in a document holes are, in order; None where one is missing or holds something unusual."""
    try:
        found = spans(raw.decode("latin-1"), wanted)
    except (ValueError, RecursionError):  # a consolidated copy that was not parsed before
        return None
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
    where = {hole: index for index, hole in enumerate(sample.holes)}
    same = tuple((index, where[hole.said_by], hole.copy) for hole, index in where.items() if hole.said_by != hole)
    numbers = {hole: index for hole, index in where.items() if hole.kind in ("scale", "translation") and not hole.copy}
    at = {hole: index for hole, index in numbers.items() if hole.said_by == hole}
    axes = [
        Axis(
            hole.image,
            index,
            at.get(hole._replace(kind="translation")),
            at[hole._replace(level=0)],
            at.get(hole._replace(kind="translation", level=0)),
        )
        for hole, index in at.items()
        if hole.kind == "scale"
    ]
    return Stencil(
        sample.folders[""].names,
        forms[""],
        tuple((folder, text.names, forms[folder]) for folder, text in sample.folders.items() if folder),
        _listings(sample.folders),
        sample.arrays,
        tuple(numbers.values()),
        same,
        tuple(axes),
        tuple(sample.is_moved),
    )


def _listings(folders: Iterable[str]) -> tuple[tuple[str, tuple[tuple[str, bool], ...]], ...]:
    """Return what stands in each folder that holds others, as it is listed: none of these is a link."""
    held: dict[str, list[tuple[str, bool]]] = {}
    for folder in sorted(folders):
        if folder:
            above, _, name = folder.rpartition("/")
            held.setdefault(above, []).append((name, False))
    return tuple((folder, tuple(names)) for folder, names in held.items())


# --- twins ----------------------------------------------------------------------------------------------------------------


def _fill(stencil: Stencil, folders: Mapping[str, Text], values: Sequence[bytes]) -> dict[str, Text]:
    """Return the documents of an image with other values in the holes."""
    rest = iter(values)
    forms = [stencil.form, *(form for _, _, form in stencil.nodes)]
    return {
        folder: text._replace(raws=tuple(form.fill(islice(rest, form.count)).split(b"\0")))
        for form, (folder, text) in zip(forms, folders.items(), strict=True)
    }


def _own(stencil: Stencil, folders: Mapping[str, Text]) -> list[bytes]:
    """Return what stands in the holes of an image itself."""
    forms = [stencil.form, *(form for _, _, form in stencil.nodes)]
    return [value for form, text in zip(forms, folders.values(), strict=True) for value in form.match(text.joined) or ()]


def _values(sample: _Sample, spelling: Spelling) -> list[bytes]:
    """Return what stands in the holes of a twin: each level is twice as coarse, and all share one corner."""
    values: list[bytes] = []
    numbers: dict[_Hole, int] = {}
    for hole, pattern in [(spot.hole, spot.pattern) for spot in sample.all]:
        size = _SIZES[hole.axis % 5] + 6007 * hole.image
        place = _PLACES[hole.axis % 5] + 21001 * hole.image if sample.is_moved[hole.image] else 0
        number = numbers.setdefault(hole._replace(own=(), copy=False), len(numbers))
        match hole.kind:
            case "name":
                values.append(b'"twin of image %d"' % hole.image)
            case "shape" | "chunk":
                values.append(b"%d" % (_EXTENTS + number))
            case "scale":
                values.append(_spell(4 * size << hole.level, spelling, hole.level, hole.axis))
            case "translation":
                values.append(_spell(place + 2 * size * ((1 << hole.level) - 1), spelling, hole.level, hole.axis))
            case "foreign":
                values.append(another(pattern, number))
    return values


def _spell(number: int, spelling: Spelling, level: int, axis: int) -> bytes:
    """Write a number, or the same part of it everywhere on an axis, that is no whole number."""
    if spelling == "mixed":
        spelling = "fraction" if axis % 3 == 0 else "int" if (level + axis) % 2 else "whole"
    if spelling == "fraction":
        return repr(number / 4096).encode()
    return b"%d" % number if spelling == "int" else b"%d.0" % number
