"""From a node without fault to its form: where the documents of its kind may differ, and the verdict stays."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from zmeta.checker.form import NUMBER, STRING, Form, Hole, list_of
from zmeta.checker.position import spans
from zmeta.conventions.registry import EVIDENCE
from zmeta.jsondoc import pointer
from zmeta.keys import OWNED, may_miss
from zmeta.nodes.node import TWINS

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator, Sequence

    from zmeta.jsondoc import JSONValue
    from zmeta.nodes.node import Node

#: Values that conventions read beside those that they own.
READ = OWNED | EVIDENCE | {"unit", "scale", "coordinates", "_FillValue", "grid_mapping"}
_MOST_FORMS = 8
_NUMBERS = frozenset({int, float})


class Known(NamedTuple):
    """The form of some nodes, and the documents that may not stand beside theirs.

    `values` are those in the holes that were judged; of an image the forms of the levels that were seen together, and
    `levels` their names, each with whether a translation follows its scale.
    """

    names: tuple[str, ...]
    form: Form
    alone: tuple[str, ...]
    values: set[tuple[object, ...]]
    levels: tuple[tuple[str, bool], ...] = ()


class _Wanted(NamedTuple):
    """A hole: the document and the place in it, what may stand there, and whether it is told."""

    name: str
    pointer: str
    pattern: re.Pattern[bytes]
    is_told: bool = False


def learn(
    node: Node, wanted: Sequence[_Wanted], forms: list[Known], levels: tuple[tuple[str, bool], ...] = (), least: int = 0
) -> tuple[Known, list[bytes]] | None:
    """Return the form of a node, a new one where it fits none of the known ones, and the values in its holes.

    Where a number is written in an unusual way, there is no hole; None where fewer than `least` of the told ones remain.
    """
    names = tuple(node.documents)
    texts = [document.raw for document in node.documents.values()]
    text = b"\0".join(texts)
    for known in forms:
        values = known.form.match(text) if known.names == names else None
        if values is not None:
            return known, values
    holes = []
    start = 0
    for name, raw in zip(names, texts, strict=True):
        here = {one.pointer: one for one in wanted if one.name == name}
        for at, (begin, end) in spans(raw.decode("latin-1"), here).items():
            if here[at].pattern.fullmatch(raw, begin, end):
                holes.append(Hole(start + begin, start + end, here[at].pattern, here[at].is_told))
        start += len(raw) + 1
    form = Form(text, holes)
    values = form.match(text)
    if values is None or len(values) < least:
        return None
    alone = (*TWINS[node.format, node.kind], *((".zmetadata",) if names[0] == ".zgroup" else ()))
    known = Known(names, form, alone, set(), levels)
    forms.insert(0, known)
    del forms[_MOST_FORMS:]
    return known, values


def shape_hole(node: Node, *, is_told: bool = False) -> _Wanted:
    """Return the hole for the shape of an array."""
    return _Wanted(next(iter(node.documents)), "/shape", list_of(node.ndim, whole=True), is_told)


def array_holes(node: Node) -> Iterator[_Wanted]:
    """Yield the shape, a whole offset, lists of numbers that conventions read (told), and custom values."""
    if node.ndim:
        yield shape_hole(node)
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


def image_holes(group: Node, at: str, image: Any) -> Iterator[_Wanted]:
    """Yield the name of an image and the numbers of its levels (told)."""
    name = os.path.basename(group.attributes_file)
    yield _Wanted(name, f"{at}/name", STRING)
    for index, entry in enumerate(image["datasets"]):
        for number, transform in enumerate(entry["coordinateTransformations"]):
            kind = transform["type"]
            place = f"{at}/datasets/{index}/coordinateTransformations/{number}/{kind}"
            yield _Wanted(name, place, list_of(len(transform[kind])), is_told=True)


def find_image(group: Node) -> tuple[str, Any] | None:
    """Return the one image that a group lists and where it stands in its document; None where there is none, or several."""
    inner: Any = group.attributes.get("ome")
    at, holder = ("/ome", inner) if isinstance(inner, dict) else ("", group.attributes)
    images = holder.get("multiscales")
    if not isinstance(images, list) or len(images) != 1 or not isinstance(images[0], dict):
        return None
    return f"{group.attributes_pointer}{at}/multiscales/0", images[0]


def _numbers_pattern(value: JSONValue) -> re.Pattern[bytes] | None:
    is_list = isinstance(value, list) and value and _NUMBERS.issuperset(map(type, value))
    return list_of(len(value)) if is_list else None  # type: ignore[arg-type]


def _is_whole(value: JSONValue) -> bool:
    return isinstance(value, list) and bool(value) and all(type(item) is int for item in value)
