"""The holes of an image: where names and numbers stand, in its documents and those below it, that differ between images."""

from __future__ import annotations

import os
import re
from itertools import count
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

from zmeta.canonical.metadata import PHYSICAL, type_of_name
from zmeta.checker.form import NUMBER, STRING
from zmeta.checker.learn import find_image
from zmeta.checker.position import spans
from zmeta.checker.site import level_names
from zmeta.conventions.registry import EVIDENCE
from zmeta.jsondoc import pointer
from zmeta.migration.foreign import leaves
from zmeta.migration.memo import POSITIVE, READ, Number, begins_with_x, factors_in, number_lists, sizes_in, value_of
from zmeta.migration.stencil import EXTENT, EXTENTS
from zmeta.nodes.node import read_node
from zmeta.steps.ome_ngff.parts import KEYS

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from zmeta.jsondoc import JSONObject
    from zmeta.nodes.node import Node
    from zmeta.nodes.texts import Text

    Wanted = dict[str, tuple["ImageHole", re.Pattern[bytes]]]
    #: Numbers of a level.
    Kind = Literal["scale", "translation"]
    Vectors = dict[Kind, list[float]]

MOST_LEVELS = 9
#: Keys that a group between an image and a level may have: those of ngff-zarr repeat the names of the axes.
_NAMES = frozenset({"_ARRAY_DIMENSIONS"})
_KINDS: tuple[Kind, Kind] = ("scale", "translation")


class ImageHole(NamedTuple):
    """What stands in a hole: a name, an extent, the scale or the translation of a level on one axis, or a foreign value.

    The same may stand in several places: `own` is the list in which a level says it of itself, and `copy` tells that it
    stands in the consolidated copy. `image` is the number of the image, which is 0 but for labels.
    """

    kind: Literal["name", "shape", "chunk", "foreign"] | Kind
    level: int = 0
    axis: int = 0
    image: int = 0
    own: tuple[str, ...] = ()
    copy: bool = False

    @property
    def said_by(self) -> ImageHole:
        """The hole in which the same stands that this one repeats; itself where it repeats none."""
        return self._replace(copy=False) if self.copy else self._replace(own=())


class Spot(NamedTuple):
    """A hole, and where it is in one of the documents of the image."""

    hole: ImageHole
    start: int
    end: int
    pattern: re.Pattern[bytes]


class Box(NamedTuple):
    """What an array of a container says of the world: a size, which is multiplied by `factors`, if there are any.

    In N5, where lists may be read backwards, `alike` tells of each of them which of its numbers are equal.
    """

    factors: Sequence[int]
    alike: Mapping[str, Sequence[int]]


class Sample(NamedTuple):
    """An image: the folders of all its nodes with their documents, the holes in these in order, and which are groups.

    `is_moved` tells of each image, those of its labels among them, whether level 0 has a translation. Of a pyramid of COSEM
    (`is_cosem`) it is the centre of a voxel, and `is_moved` tells whether the corner is not at zero. Pyramids for viewers of
    N5 (`is_viewer`) have no places; where a level states no size, that of level 0 is multiplied by its `factors`. Of a
    container there are `boxes`, one for each array, which has the number of an image.
    """

    folders: Mapping[str, Text]
    spots: Mapping[str, Sequence[Sequence[Spot]]]
    groups: Sequence[str]
    is_moved: Sequence[bool] = ()
    is_cosem: bool = False
    is_viewer: bool = False
    factors: Mapping[int, Sequence[int]] = MappingProxyType({})
    boxes: Sequence[Box] = ()

    @property
    def arrays(self) -> int:
        """How many nodes are arrays."""
        return len(self.folders) - len(self.groups)

    @property
    def all(self) -> list[Spot]:
        """All holes in their order."""
        return [spot for documents in self.spots.values() for document in documents for spot in document]

    @property
    def holes(self) -> list[ImageHole]:
        """What stands in them."""
        return [spot.hole for spot in self.all]

    def said_by(self, hole: ImageHole) -> ImageHole:
        """Return the hole in which the same stands that another one repeats; itself where it repeats none."""
        said = hole.said_by
        same = self.boxes[hole.image].alike.get(hole.kind) if self.boxes and said == hole else None
        return hole._replace(axis=same[hole.axis]) if same else said


def read_sample(path: str, folders: Mapping[str, Text]) -> Sample | None:
    """Return an image with its holes; None where it is none, or where something is written in an unusual way."""
    nodes = dict(zip(folders, nodes_of(path, folders), strict=True))
    wanted: dict[tuple[str, str], Wanted] = {}
    if nodes[""].format == "n5" and "multiscales" not in nodes[""].attributes:
        return _read_viewer(nodes, folders)
    is_moved: list[bool] = []
    levels: set[str] = set()
    is_cosem = False
    for folder, group in nodes.items():
        if group.findings or (group.kind == "array" and folder not in levels):
            return None
        if group.kind == "array" or not _says_something(group):
            continue
        found = find_image(group)
        cosem = None if found is None else _cosem_transforms(found[1])
        transforms = cosem or (None if found is None else _transforms(found[1]))
        names = [os.path.join(folder, *name.split("/")) for name in level_names(group.attributes)]
        if found is None or transforms is None or len(transforms) != len(names) or len(names) > MOST_LEVELS:
            return None
        at, image = found
        number = len(is_moved)
        if is_cosem or (cosem is not None and number):  # which has no labels
            return None
        is_cosem = cosem is not None
        is_moved.append(any(_corner(cosem[0]) if cosem is not None else transforms[0].get("translation", ())))
        of_image = dict(_image_holes(at, image, transforms, number, is_moved=is_moved[-1], is_cosem=is_cosem))
        on_group = {hole for hole, _ in of_image.values()}
        of_image |= _viewer_holes(group, 0, image, transforms) if is_cosem else {}
        wanted[folder, os.path.basename(group.attributes_file)] = of_image
        for level, name in enumerate(names):
            node = nodes.get(name)
            own = None if node is None or name in levels else _own_holes(node, level, number, image, transforms, on_group)
            if node is None or own is None:
                return None
            if is_cosem:
                own |= _viewer_holes(node, level, image, transforms)
            levels.add(name)
            wanted[name, os.path.basename(node.attributes_file)] = own
            wanted.setdefault((name, folders[name].names[0]), {}).update(extent_holes(node, level, number))
    if not is_moved:
        return None
    repeat(nodes, wanted)
    spots = all_spots(folders, wanted)
    return None if spots is None else Sample(folders, spots, groups_of(nodes), is_moved, is_cosem)


def _read_viewer(nodes: Mapping[str, Node], folders: Mapping[str, Text]) -> Sample | None:
    """Return a pyramid for viewers of N5 with its holes; None where it is none, or where something is unusual."""
    group, *levels = nodes.values()
    keys = group.attributes
    base = viewer_sizes(group)
    table = [value for key in ("scales", "downsamplingFactors") if isinstance(value := keys.get(key), list)]
    if base is None or len(table) != 1 or group.kind != "group" or not 0 < len(levels) <= min(len(table[0]), MOST_LEVELS):
        return None
    wanted: dict[tuple[str, str], Wanted] = {("", "attributes.json"): _size_holes(base, 0)}
    factors: dict[int, Sequence[int]] = {}
    for node in levels:
        name = node.path[len(group.path) + 1 :]
        level = int(name[1:]) if _LEVEL.fullmatch(name) else MOST_LEVELS
        listed = factors_in(table[0][level]) if level < min(len(table[0]), MOST_LEVELS) else None
        own = viewer_sizes(node)
        known = {"pixelResolution"} & node.attributes.keys()
        if listed is None or len(listed) != len(base[1]):
            return None
        if node.kind != "array" or node.findings or (known and own is None):
            return None
        if number_lists(node.attributes) or {"downsamplingFactors", "affineTransform"} & node.attributes.keys():
            return None
        if own is None:
            factors[level] = listed
        elif level == 0 and own[1] != base[1]:
            return None
        holes = {} if own is None else _size_holes(own, level)
        if level == 0:
            holes = {at: (hole._replace(own=("0", *_VIEWER)), pattern) for at, (hole, pattern) in holes.items()}
        wanted[name, "attributes.json"] = {**holes, **dict(extent_holes(node, level, 0))}
    repeat(nodes, wanted)
    spots = all_spots(folders, wanted)
    if spots is None or group.findings or ("axes" in keys and "units" not in keys):  # which a group above may state
        return None
    return Sample(folders, spots, [""], [False], is_viewer=True, factors=factors)


_VIEWER = ("pixelResolution", "dimensions")
_LEVEL = re.compile(r"s(?:0|[1-9][0-9]?)")


def viewer_sizes(node: Node) -> tuple[str, list[float]] | None:
    """Return where the size of a voxel for viewers of N5 stands in a node, and what it is; None unless it stands once."""
    value = node.attributes.get(_VIEWER[0])
    resolution = node.attributes.get("resolution")
    at = pointer(*_VIEWER) if value is not None else "/resolution"
    sizes = value.get(_VIEWER[1]) if isinstance(value, dict) else resolution if value is None else None
    found = sizes_in(sizes)
    return None if found is None or (value is not None and resolution is not None) else (at, found)


def _size_holes(sizes: tuple[str, list[float]], level: int) -> Wanted:
    at, numbers = sizes
    return {f"{at}/{axis}": (ImageHole("scale", level, axis), NUMBER) for axis in range(len(numbers))}


def repeat(nodes: Mapping[str, Node], wanted: dict[tuple[str, str], Wanted]) -> None:
    """Add holes for what no convention reads, and then all of them where the consolidated copy repeats them."""
    foreign = count()
    for folder, node in nodes.items():
        holes = wanted.setdefault((folder, os.path.basename(node.attributes_file)), {})
        holes |= {place: (ImageHole("foreign", next(foreign)), pattern) for place, pattern in _foreign(node)}
    for (folder, name), holes in [*wanted.items()]:
        for place, prefix in _copied(nodes[""], folder, name):
            repeated = {prefix + at: (hole._replace(copy=True), pattern) for at, (hole, pattern) in holes.items()}
            wanted.setdefault(("", place), {}).update(repeated)


def all_spots(folders: Mapping[str, Text], wanted: Mapping[tuple[str, str], Wanted]) -> dict[str, list[list[Spot]]] | None:
    """Return where the holes are in each document of each folder; None where one is not to be found."""
    spots: dict[str, list[list[Spot]]] = {}
    for folder, text in folders.items():
        spots[folder] = documents = []
        for name, raw in zip(*text, strict=True):
            here = _spots(raw, wanted.get((folder, name), {}))
            if here is None:
                return None
            documents.append(here)
    return spots


def groups_of(nodes: Mapping[str, Node]) -> list[str]:
    """Return the folders of groups."""
    return [folder for folder, node in nodes.items() if node.kind == "group"]


def _says_something(group: Node) -> bool:
    """Whether a group says anything about arrays below it; what only lists labels does not."""
    inner = group.attributes.get("ome")
    is_list = isinstance(inner, dict) and "multiscales" not in inner
    return bool((EVIDENCE - _NAMES - ({"ome"} if is_list else set())) & group.attributes.keys())


def _copied(group: Node, folder: str, name: str) -> Iterator[tuple[str, str]]:
    """Yield where the consolidated copy of a group holds a document: the document that it stands in, and the pointer."""
    if group.format == 2:
        yield ".zmetadata", "/metadata" + pointer(f"{folder}/{name}".lstrip("/"))
    elif group.format == 3 and folder and group.documents["zarr.json"].data.get("consolidated_metadata"):
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


def _transforms(image: JSONObject) -> list[Vectors] | None:
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
        vectors: Vectors = {}
        for item, kind in zip(items if isinstance(items, list) else (), _KINDS, strict=False):
            vector = item.get(kind) if isinstance(item, dict) and item.get("type") == kind else None
            if isinstance(vector, list) and len(vector) == len(axes) and {int, float}.issuperset(map(type, vector)):
                vectors[kind] = cast("list[float]", vector)
        if not vectors or not isinstance(items, list) or len(vectors) != len(items):
            return None
        found.append(vectors)
    return found or None


def _cosem_transforms(image: JSONObject) -> list[Vectors] | None:
    """Return scale and translation of each level of a pyramid of COSEM; None where one has none, or for other axes."""
    datasets = image.get("datasets")
    found = []
    for entry in datasets if isinstance(datasets, list) else ():
        transform = entry.get("transform") if isinstance(entry, dict) and entry.keys() == {"path", "transform"} else None
        lists = number_lists({"transform": transform})
        names = transform.get("axes") if isinstance(transform, dict) else None
        if len(lists) != 2 or not isinstance(names, list) or {len(numbers) for numbers in lists.values()} != {len(names)}:
            return None
        if not all(isinstance(name, str) and type_of_name(name) in PHYSICAL for name in names):
            return None
        found.append(dict(zip(_KINDS, lists.values(), strict=True)))
    return found or None


def _corner(transform: Vectors) -> list[float]:
    """Return the corner of a level of COSEM, half a voxel before the centre of its first one."""
    pairs = zip(transform["translation"], transform["scale"], strict=True)
    return [value_of(Number(0, -1, 1), [*pair]) for pair in pairs]


def _viewer_holes(node: Node, level: int, image: Any, transforms: Sequence[Vectors]) -> Wanted:
    """Return the size of a voxel that stands beside the transform of COSEM for viewers, x first, where it says the same."""
    value = node.attributes.get("pixelResolution")
    sizes = value.get("dimensions") if isinstance(value, dict) else None
    axes = [axis for _, axis in _physical(image)]
    found: Wanted = {}
    by_axis = dict(zip(axes, transforms[level]["scale"], strict=True))
    if isinstance(sizes, list) and sizes == [by_axis[axis] for axis in sorted(axes, reverse=True)]:
        own = ("group" if node.kind == "group" else str(level), "pixelResolution", "dimensions")
        for index, axis in enumerate(sorted(axes, reverse=True)):
            found[node.attributes_pointer + pointer(*own[1:], index)] = ImageHole("scale", level, axis, own=own), NUMBER
    return found


def _image_holes(
    at: str, image: Any, transforms: Sequence[Vectors], number: int, *, is_moved: bool, is_cosem: bool
) -> Iterator[tuple[str, tuple[ImageHole, re.Pattern[bytes]]]]:
    """Yield the name of an image and the numbers of its levels; a translation of level 0 that is zero stays as it is."""
    if isinstance(image.get("name"), str):
        yield f"{at}/name", (ImageHole("name", image=number), STRING)
    physical = _physical(image)
    for level, vectors in enumerate(transforms):
        for index, kind in enumerate(vectors):
            place = f"{at}/datasets/{level}/coordinateTransformations/{index}/{kind}"
            if is_cosem:
                place = f"{at}/datasets/{level}/transform/{'scale' if kind == 'scale' else 'translate'}"
            if kind == "scale" or level or is_moved or is_cosem:
                for at_, axis in physical:
                    yield f"{place}/{at_}", (ImageHole(kind, level, axis, number), NUMBER)


def _physical(image: Any) -> list[tuple[int, int]]:
    """Return the axes of space and time of an image whose axes have types, by their places in its lists; none of the others.

    All axes of COSEM are, and its lists may begin with x.
    """
    transform = image["datasets"][0].get("transform")
    if isinstance(transform, dict):
        count_ = len(transform["axes"])
        return [(index, count_ - 1 - index if begins_with_x(transform) else index) for index in range(count_)]
    axes = image.get("axes") or ()
    return [(index, index) for index, axis in enumerate(axes) if isinstance(axis, dict) and axis.get("type") in PHYSICAL]


def _own_holes(
    node: Node,
    level: int,
    number: int,
    image: Any,
    transforms: Sequence[Vectors],
    on_group: Container[ImageHole],
) -> Wanted | None:
    """Return the numbers of a level that says of itself what the image says of it; None where it says something else."""
    physical = _physical(image) if "scale" in transforms[level] else []
    nowhere = [0.0] * node.ndim
    places = [transforms[0].get("translation", nowhere), transforms[level].get("translation", nowhere)]
    found: Wanted = {}
    if node.kind != "array" or any(axis >= node.ndim for _, axis in physical):
        return None
    for place, numbers in number_lists(node.attributes).items():
        if not physical or len(numbers) != len(physical):
            return None
        said = [numbers == [values[at] for at, _ in physical] for values in (transforms[level]["scale"], *places)]
        if not any(said[:1] if POSITIVE[place] else said[1:]):
            return None
        for index, (_, axis) in enumerate(physical):
            of = level if POSITIVE[place] or not said[1] else 0
            hole = ImageHole("scale" if POSITIVE[place] else "translation", of, axis, number)
            if hole in on_group:  # else it is zero, and stays so
                found[node.attributes_pointer + pointer(*place, index)] = hole._replace(own=(str(level), *place)), NUMBER
    return found


def extent_holes(node: Node, level: int, number: int) -> Iterator[tuple[str, tuple[ImageHole, re.Pattern[bytes]]]]:
    """Yield the shape of an array and of its chunks."""
    shape, chunk = EXTENTS[node.format]
    for axis in range(node.ndim):
        yield f"{shape}/{axis}", (ImageHole("shape", level, axis, number), EXTENT)
        yield f"{chunk}/{axis}", (ImageHole("chunk", level, axis, number), EXTENT)


def _spots(raw: bytes, wanted: Mapping[str, tuple[ImageHole, re.Pattern[bytes]]]) -> list[Spot] | None:
    """Return where in a document holes are, in order; None where one is missing or holds something unusual."""
    try:
        found = spans(raw.decode("latin-1"), wanted)
    except (ValueError, RecursionError):  # a consolidated copy that was not parsed before
        return None
    if len(found) != len(wanted):
        return None
    spots = [Spot(hole, *found[place], pattern) for place, (hole, pattern) in wanted.items()]
    if not all(spot.pattern.fullmatch(raw, spot.start, spot.end) for spot in spots):
        return None
    return sorted(spots, key=lambda spot: spot.start)


def nodes_of(path: str, folders: Mapping[str, Text]) -> list[Node]:
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
