"""What is seen at a glance: arrays, and images with their levels, in which nothing is wrong, told by their text alone.

Nodes that were judged and found to be without fault are learned as forms; the next ones that fit are passed, and are not
even parsed. A form stands for the verdict of all rules: it has holes only where no rule looks, or where the values are
compared with those that were judged, or (in images) are held against what `quick` asks of them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from zmeta.checker.form import NUMBER, STRING, Form, Hole, list_of, numbers
from zmeta.checker.position import spans
from zmeta.checker.quick import are_sound_numbers
from zmeta.conventions.registry import EVIDENCE
from zmeta.errors import ZmetaError
from zmeta.jsondoc import pointer
from zmeta.keys import OWNED, may_miss
from zmeta.nodes.node import TWINS
from zmeta.stores.registry import exists, may_exist, read

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from zmeta.jsondoc import JSONValue, Limits
    from zmeta.nodes.node import Node
    from zmeta.nodes.walk import Ancestors, Place

#: Values that conventions read beside those that they own.
READ = OWNED | EVIDENCE | {"unit", "scale", "coordinates", "_FillValue", "grid_mapping"}
#: Keys of groups whose rules look beyond the group and its levels.
REACHING = frozenset({"plate", "well", "labels", "image-label", "series", "bioformats2raw.layout"})
_MOST_FORMS = 8
_MOST_VALUES = 4096
#: What is learned at once, and after how many nodes once more: trees whose nodes all differ have nothing to teach.
_FIRST, _EVERY = 32, 64
_NUMBERS = frozenset({int, float})
_ARRAY: tuple[str, ...] = ()


#: The names of the documents of a node, and these one behind the other: texts of different documents are never compared.
_Text = tuple[tuple[str, ...], bytes]


class _Known(NamedTuple):
    """The form of some nodes, and the documents that may not stand beside theirs.

    `values` are those in the holes that were judged; of an image the forms of the levels that were seen together, and
    `levels` their names, each with whether a translation follows its scale.
    """

    names: tuple[str, ...]
    form: Form
    alone: tuple[str, ...]
    values: set[tuple[object, ...]]
    levels: tuple[tuple[str, bool], ...] = ()


class Skimmer:
    """Learns the forms of nodes without fault, and passes those that fit."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._arrays: list[_Known] = []
        self._levels: list[_Known] = []
        self._images: list[_Known] = []
        self._above: Ancestors | None = None
        self._is_plain = True
        self._is_v2 = False
        self._learned = self._asked = 0
        self._given: dict[str, dict[str, bytes | None]] = {}

    def given(self, path: str) -> Mapping[str, bytes | None]:
        """Return the documents of a node that were read in vain, by name; None for those that are not there."""
        return self._given.pop(path, _NOTHING)

    # --- passing ----------------------------------------------------------------------------------------------------

    def skim(self, place: Place) -> tuple[str, ...] | None:
        """Return the names of the levels of an image without fault, none for such an array; None for what is to judge."""
        self._asked += 1
        self._given.clear()
        if place.above is not self._above:
            self._above, self._is_plain = place.above, _are_plain(place.above)
        if not self._is_plain:
            return None
        try:
            names, text = self._read(place.path)
            if self._find(place.path, names, text, self._arrays) is not None:
                return _ARRAY
            for image in self._images:
                holes = image.form.match(text) if image.names == names else None
                if holes is not None and self._is_sound(place.path, image, holes):
                    return tuple([name for name, _ in image.levels])
        except ZmetaError:  # told where the node is opened
            pass
        return None

    def _read(self, folder: str) -> _Text:
        """Read the documents of a node, in the order in which `read_node` asks for them."""
        base = folder + os.sep
        self._given[folder] = found = {}
        raw = read(base + "zarr.json", self._limits) if not self._is_v2 or may_exist(base + "zarr.json") else None
        found["zarr.json"] = raw
        self._is_v2 = raw is None
        if raw is not None:
            return _V3, raw
        raw = found[".zarray"] = read(base + ".zarray", self._limits)
        if raw is None:
            raw = found[".zgroup"] = read(base + ".zgroup", self._limits)
        if raw is None:
            return (), b""
        names = _V2_GROUP if ".zgroup" in found else _V2_ARRAY
        more = found[".zattrs"] = read(base + ".zattrs", self._limits)
        return (names[:1], raw) if more is None else (names, raw + b"\0" + more)

    def _find(
        self, folder: str, names: tuple[str, ...], text: bytes, forms: list[_Known]
    ) -> tuple[_Known, list[bytes]] | None:
        """Return the form that a node fits, and the values in its holes."""
        for index, known in enumerate(forms):
            values = known.form.match(text) if known.names == names else None
            if values is None or (known.values and tuple(values) not in known.values):
                continue
            for name in known.alone:
                if exists(folder + os.sep + name):
                    return None
            if index:
                forms.insert(0, forms.pop(index))
            return known, values
        return None

    def _is_sound(self, folder: str, image: _Known, holes: list[bytes]) -> bool:
        """Whether the levels of a group fit too, and its numbers fit their shapes."""
        if any(exists(folder + os.sep + name) for name in image.alone):
            return False
        forms: list[Form] = []
        shapes: list[list[int]] = []
        for name, _ in image.levels:
            path = folder + os.sep + name
            found = self._find(path, *self._read(path), self._levels)
            if found is None:
                return False
            forms.append(found[0].form)
            shapes.append(list(map(int, found[1][0][1:-1].split(b","))))
        values = numbers(holes) if tuple(forms) in image.values else None
        return values is not None and are_sound_numbers(_by_level(image, values, shapes))

    # --- learning ---------------------------------------------------------------------------------------------------

    def _may_learn(self) -> bool:
        self._learned += 1
        return self._learned <= _FIRST + self._asked // _EVERY

    def learn_array(self, node: Node) -> None:
        """Learn an array without fault, which its documents alone have shown, and which any whole offset would leave so."""
        if self._may_learn():
            known, values = _learn(node, _array_holes(node), self._arrays)
            if len(known.values) >= _MOST_VALUES:
                known.values.clear()
            known.values.add(tuple(values))

    def learn_image(self, group: Node, levels: Sequence[Node]) -> None:
        """Learn an image that `is_plainly_sound`, with its levels, whose documents have no fault either."""
        if not self._may_learn():
            return
        forms = tuple([_learn(level, [_shape_hole(level, is_told=True)], self._levels)[0].form for level in levels])
        at, image = _image(group)
        names = [(entry["path"], len(entry["coordinateTransformations"]) > 1) for entry in image["datasets"]]
        known, _ = _learn(group, _image_holes(group, at, image), self._images, tuple(names))
        known.values.add(forms)


_NOTHING: dict[str, bytes | None] = {}
_V3, _V2_ARRAY, _V2_GROUP = ("zarr.json",), (".zarray", ".zattrs"), (".zgroup", ".zattrs")


def _are_plain(groups: Ancestors) -> bool:
    """Whether groups say nothing about what is below them."""
    labels = bool(groups) and groups[0][0].path.endswith("labels")
    return not labels and all(
        EVIDENCE.isdisjoint(group.attributes) and REACHING.isdisjoint(group.attributes) for group, _ in groups
    )


def _learn(
    node: Node, wanted: Iterable[_Wanted], forms: list[_Known], levels: tuple[tuple[str, bool], ...] = ()
) -> tuple[_Known, list[bytes]]:
    """Return the form of a node, a new one where it fits none of the known ones, and the values in its holes."""
    names = tuple(node.documents)
    texts = [document.raw for document in node.documents.values()]
    text = b"\0".join(texts)
    for known in forms:
        values = known.form.match(text) if known.names == names else None
        if values is not None:
            return known, values
    holes = []
    wanted = list(wanted)
    start = 0
    for name, raw in zip(names, texts, strict=True):
        here = {one.pointer: one for one in wanted if one.name == name}
        for at, (begin, end) in spans(raw.decode("latin-1"), here).items():
            holes.append(Hole(start + begin, start + end, here[at].pattern, here[at].is_told))
        start += len(raw) + 1
    form = Form(text, holes)
    values = form.match(text)
    if values is None:  # what was taken for a value of one kind is none
        form, values = Form(text, ()), []
    alone = (*TWINS[node.format, node.kind], *((".zmetadata",) if names[0] == ".zgroup" else ()))
    known = _Known(names, form, alone, set(), levels)
    forms.insert(0, known)
    del forms[_MOST_FORMS:]
    return known, values


def _by_level(
    image: _Known, values: list[float], shapes: list[list[int]]
) -> list[tuple[list[float], list[float], list[int]]]:
    """Return scale, translation and shape of each level."""
    at = 0
    levels = []
    for (_, is_moved), shape in zip(image.levels, shapes, strict=True):
        count = len(shape)
        middle = at + count
        end = middle + count if is_moved else middle
        levels.append((values[at:middle], values[middle:end] or [0.0] * count, shape))
        at = end
    return levels


# --- where documents may differ ---------------------------------------------------------------------------------------


class _Wanted(NamedTuple):
    """A hole: the document and the place in it, what may stand there, and whether it is told."""

    name: str
    pointer: str
    pattern: re.Pattern[bytes]
    is_told: bool = False


def _shape_hole(node: Node, *, is_told: bool = False) -> _Wanted:
    return _Wanted(next(iter(node.documents)), "/shape", list_of(node.ndim, whole=True), is_told)


def _array_holes(node: Node) -> Iterator[_Wanted]:
    """Yield the shape, a whole offset, lists of numbers that conventions read (told), and custom values."""
    if node.ndim:
        yield _shape_hole(node)
    name, at = os.path.basename(node.attributes_file), node.attributes_pointer
    for key, value in node.attributes.items():
        if not key.isascii():
            continue
        pattern = _numbers_pattern(value)
        if key == "offset" and _is_whole(value):
            yield _Wanted(name, at + pointer(key), list_of(len(value), whole=True, signed=True))  # type: ignore[arg-type]
        elif key in READ:
            if pattern is not None:
                yield _Wanted(name, at + pointer(key), pattern, is_told=True)
        elif not may_miss(key):
            pattern = STRING if type(value) is str else NUMBER if type(value) in _NUMBERS else pattern
            if pattern is not None:
                yield _Wanted(name, at + pointer(key), pattern)


def _image_holes(group: Node, at: str, image: Any) -> Iterator[_Wanted]:
    """Yield the name of an image and the numbers of its levels (told)."""
    name = os.path.basename(group.attributes_file)
    yield _Wanted(name, f"{at}/name", STRING)
    for index, entry in enumerate(image["datasets"]):
        for number, transform in enumerate(entry["coordinateTransformations"]):
            kind = transform["type"]
            place = f"{at}/datasets/{index}/coordinateTransformations/{number}/{kind}"
            yield _Wanted(name, place, list_of(len(transform[kind])), is_told=True)


def _image(group: Node) -> tuple[str, Any]:
    """Return the one image that a group lists and where it stands in its document."""
    inner: Any = group.attributes.get("ome")
    if inner is None:
        return "/multiscales/0", group.attributes["multiscales"][0]  # type: ignore[index]
    return f"{group.attributes_pointer}/ome/multiscales/0", inner["multiscales"][0]


def _numbers_pattern(value: JSONValue) -> re.Pattern[bytes] | None:
    is_list = isinstance(value, list) and value and _NUMBERS.issuperset(map(type, value))
    return list_of(len(value)) if is_list else None  # type: ignore[arg-type]


def _is_whole(value: JSONValue) -> bool:
    return isinstance(value, list) and bool(value) and all(type(item) is int for item in value)
