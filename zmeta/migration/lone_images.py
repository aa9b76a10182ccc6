"""Arrays that become an image of their own are described alike but for their numbers: one is worked out for all of them.

    node ──find_kind──▶ Lone known? ──▶ its image, and its Outcome, as `new_images` and `translate_level` give them
                        else ──twin──▶ perhaps a Lone
    text ──Arrays──▶ numbers ──Lone──▶ its image, and the Unit that is written for it: nothing is parsed

As in `memo.py`, what becomes of arrays of a kind is learnt from a twin of one, and used only if it gives for the array
itself what the long way gives. Only arrays above which nothing else speaks are told so. That the document of their group
fits its schema with all of them is for the group to see to.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from zmeta.conventions.registry import detect
from zmeta.errors import ZmetaError
from zmeta.finding import Severity
from zmeta.jsondoc import HOLE, Filled, Form
from zmeta.migration.array_memo import Arrays
from zmeta.migration.documents import rewritten
from zmeta.migration.images import Child, new_images, with_images
from zmeta.migration.kinds import Kinds
from zmeta.migration.memo import (
    PLAIN_ROWS,
    Number,
    Recipe,
    are_same,
    compare,
    find_kind,
    find_traces,
    follow,
    make_twin,
    number_lists,
    numbers_at,
    trace,
    value_of,
)
from zmeta.migration.translate import Outcome, given_names, translate_level
from zmeta.migration.unit import Unit
from zmeta.nodes.node import TWINS, Node, read_node
from zmeta.pipeline import decode_node

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from zmeta.checker.form import Form as TextForm
    from zmeta.jsondoc import JSONObject, JSONValue
    from zmeta.migration.options import Options
    from zmeta.nodes.node import Format
    from zmeta.nodes.texts import Text, Texts

#: A number of an image: one that is made of those of the array, or the same for all.
_Place = Number | int
#: Documents of arrays with attributes, and their format.
_ARRAYS: dict[tuple[str, ...], Format] = {(".zarray", ".zattrs"): 2, ("zarr.json",): 3}


class Lone(NamedTuple):
    """What becomes of all arrays of a kind: `level` is the recipe of what they say themselves, None where that stays.

    `first` are the keys that the image begins with, and `forms` is how it is written, with a translation and without;
    `places` are those of its lists of numbers.
    """

    first: JSONObject
    axes: list[JSONValue]
    scale: tuple[_Place, ...]
    translation: tuple[_Place, ...]
    level: Recipe | None
    format: Format
    forms: tuple[Form, Form]
    places: tuple[tuple[str, ...], ...]

    def image_of(self, name: str, node: Node) -> JSONObject:
        """Return the image of an array."""
        return self.image(name, [number for place in self.places for number in numbers_at(node.attributes, place)])

    def image(self, name: str, flat: list[float]) -> JSONObject:
        """Return the image of an array by its numbers of the world."""
        sizes, places = _filled(self.scale, flat), _filled(self.translation, flat)
        if not any(places):  # which are left out
            places = []
        content = _image(self.first, name, self.axes, sizes, places)
        return Filled(content, self.forms[not places], (name, name, *sizes, *places))

    def outcome(self, node: Node) -> Outcome | None:
        """Return what becomes of an array that is listed so."""
        return Outcome(node) if self.level is None else follow(self.level, node, self.format)


class NewImage(NamedTuple):
    """An array that is known by its text: its kind, its image, what is written for it, if anything, and that text."""

    lone: Lone
    image: JSONObject
    units: tuple[Unit, ...]
    text: Text

    def node(self, path: str) -> Node:
        """Return the array, parsed after all."""
        return cast("Node", read_node(path, given=self.text.given))


class LoneImages:
    """Knows what becomes of arrays that are an image each; one for a plan."""

    def __init__(self, options: Options, texts: Texts) -> None:
        self._options, self._texts = options, texts
        self._kinds: Kinds[Lone] = Kinds()
        self._arrays = Arrays(lambda node: _written(node, options), options, is_level=True)
        self._lones: dict[TextForm, Lone | None] = {}

    def follow(self, name: str, path: str, formats: Collection[Format]) -> NewImage | None:
        """Return what becomes of an array in a folder, of one of some formats, by its text alone; None for the long way.

        Nothing above it may speak of it.
        """
        self._texts.begin(path)
        try:
            text = self._texts.read(path)
            format_ = _ARRAYS.get(text.names)
            if format_ not in formats or (format_ == 3 and not self._stays(path)):
                return None
            found = self._arrays.find(path, text)
        except ZmetaError:  # told by the walk, or no error where the user has set other limits
            return None
        if found is None:
            return None
        form = found.stencil.form
        if form not in self._lones:
            node = read_node(path, given=text.given)
            self._lones[form] = None if node is None else self.find(name, node)
        lone = self._lones[form]
        return None if lone is None else NewImage(lone, lone.image(name, found.numbers), found.units, text)

    def _stays(self, path: str) -> bool:
        """Whether an array of Zarr v3 may stay one, and no document of Zarr v2 stands beside."""
        return self._options.needs_v3 and self._texts.stands_alone(path, TWINS[3, "array"])

    def find(self, name: str, node: Node) -> Lone | None:
        """Return what becomes of an array, whose groups are given with it; None for the long way."""
        kind = find_kind(node) if self._options.are_alike else None
        return None if kind is None else self._kinds.find(kind, lambda: _learn(name, node, self._options))

    def recall(self, node: Node) -> Lone | None:
        """Return what was found out since about the kind of an array that was asked about before."""
        kind = find_kind(node) if self._options.are_alike else None
        return None if kind is None else self._kinds.recall(kind)


def _image(
    first: JSONObject, name: str, axes: JSONValue, sizes: Sequence[JSONValue], places: Sequence[JSONValue]
) -> JSONObject:
    transforms: list[JSONValue] = [{"type": "scale", "scale": [*sizes]}]
    if places:
        transforms.append({"type": "translation", "translation": [*places]})
    return {**first, "name": name, "axes": axes, "datasets": [{"path": name, "coordinateTransformations": transforms}]}


def _filled(places: tuple[_Place, ...], flat: list[float]) -> list[float]:
    return [value_of(place, flat) if isinstance(place, Number) else place for place in places]


# --- learning -----------------------------------------------------------------------------------------------------------


def _learn(name: str, node: Node, options: Options) -> Lone | None:
    """Return what becomes of all arrays that are like one; None where that is not sure to hold."""
    twin = make_twin(node)
    if twin is None or any(row.id not in PLAIN_ROWS for row in detect(node)):
        return None
    found = _plan(os.path.basename(twin.path), twin, options)
    lone = None if found is None else _lone(twin, *found)
    holds = lone is not None and _holds(lone, os.path.basename(twin.path), _at_zero(twin), options)
    return lone if lone is not None and holds and _holds(lone, name, node, options) else None


def _holds(lone: Lone, name: str, node: Node, options: Options) -> bool:
    """Whether an array comes out as the long way gives it."""
    found, outcome = _plan(name, node, options), lone.outcome(node)
    if found is None or outcome is None or repr(lone.image_of(name, node)) != repr(found[0]):
        return False
    return are_same(_alone(outcome), _alone(found[1]))


def _at_zero(twin: Node) -> Node:
    """Return an array that begins at 0 where that is a number of the same sort: then no translation is written."""
    keys: JSONObject = {**twin.attributes}
    for (key, *below), numbers in number_lists(keys).items():
        zeros: list[JSONValue] = [number if number % 1 else type(number)(0) for number in numbers]
        if (key, *below) == ("offset",):
            keys[key] = zeros
        elif below == ["translate"] and isinstance(held := keys[key], dict):
            keys[key] = {**held, "translate": zeros}
    return twin.with_attributes(keys)


def _plan(name: str, node: Node, options: Options) -> tuple[JSONObject, Outcome] | None:
    """Return, by the long way, the image and the outcome of an array that is alone in a group; None where it is none."""
    group = Node(os.path.dirname(node.path), node.format, "group", {}, {})
    reading = options.config.for_path(node.path).reading()
    inside = node._replace(ancestors=((group, name),))
    decoded = decode_node(inside, reading, given_names(node, options))
    if decoded.metadata.voxel_size is None or decoded.errors:
        return None
    images, _ = new_images(group, [Child(name, inside.path, lambda: decoded)], reading)
    if len(images) != 1:
        return None
    format_: Format = 3 if options.needs_v3 else node.format
    after = group.with_attributes(with_images({}, images, options.image_version))._replace(format=format_)
    outcome = translate_level(inside, inside._replace(ancestors=((after, name),), format=format_), options)
    if any(finding.severity == Severity.ERROR for finding in outcome.findings):
        return None
    left = [row for row in detect(outcome.node) if not row.on_group and not row.names_only]
    image = images[0] if options.image_version == "0.5" else {"version": options.image_version, **images[0]}
    return None if left else (image, outcome if outcome.node is not inside else outcome._replace(node=node))


def _written(node: Node, options: Options) -> tuple[Unit, ...] | None:
    """Return, by the long way, what is written for an array itself; None where it is no image."""
    found = _plan(os.path.basename(node.path), node, options)
    if found is None:
        return None
    _, (after, steps, kind, findings) = found
    if after is node and not findings:
        return ()
    try:
        written = rewritten(node, after)
    except ValueError:  # told by the long way
        return None
    return (Unit(node.path, steps, kind, written.changes, (*findings, *written.findings)),)


def _lone(twin: Node, image: JSONObject, outcome: Outcome) -> Lone | None:
    """Return how image and outcome of a twin are made from it; None where they are of another form than expected."""
    level = None if outcome.node is twin else compare(twin, outcome, "")
    if (level is None) != (outcome.node is twin and not outcome.findings):
        return None
    lists = number_lists(twin.attributes)
    traces = find_traces(lists)
    axes, datasets = image["axes"], image["datasets"]
    if trace(axes, traces) != axes or not isinstance(axes, list) or not isinstance(datasets, list):
        return None
    found = {item["type"]: item[item["type"]] for item in _transforms(datasets[0])}
    scale, translation = (trace(found.get(kind, []), traces) for kind in ("scale", "translation"))
    if not (_is_sure(scale, 1) and _is_sure(translation, 0)):
        return None
    first: JSONObject = {"version": image["version"]} if "version" in image else {}
    samples = (_image(first, HOLE, axes, [HOLE] * len(scale), [HOLE] * count) for count in (len(translation), 0))
    forms = Form(next(samples)), Form(next(samples))
    level = level and level._replace(foreign=())
    return Lone(
        first,
        axes,
        tuple(scale),
        tuple(translation),
        level,
        outcome.node.format,
        forms,
        tuple(lists),
    )


def _transforms(dataset: Any) -> Any:
    return dataset["coordinateTransformations"]


def _is_sure(places: list[Any], constant: int) -> bool:
    """Whether every number is one of the array's, or one that stands there for an axis without a size."""
    return all(type(place) is Number or (type(place) is int and place == constant) for place in places)


def _alone(outcome: Outcome) -> Outcome:
    """Return an outcome without the groups above the array, which are no part of it."""
    return outcome._replace(node=outcome.node._replace(ancestors=()))
