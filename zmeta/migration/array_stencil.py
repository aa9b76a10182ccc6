"""Stencils of single arrays: what an array says of itself, as it is and as it will be, with the same holes in both.

    text ──Form──▶ numbers and strings ──half a voxel more or less──▶ pool ──sheets──▶ units of the plan

They are learnt as those of images are: from twins, documents with other numbers, each planned the long way. `memo` knows
arrays by what was parsed; here not even that is done.
"""

from __future__ import annotations

import json
import os
import re
import string
from typing import TYPE_CHECKING, Literal, NamedTuple

from zmeta.checker.form import NUMBER, WHOLE, Form, Hole
from zmeta.checker.position import spans
from zmeta.conventions.registry import detect
from zmeta.jsondoc import pointer
from zmeta.migration.foreign import another, leaves
from zmeta.migration.memo import (
    PLACED,
    PLAIN_ROWS,
    POSITIVE,
    READ,
    SCHEMAS,
    alike,
    begins_with_x,
    factors_in,
    find_traces,
    number_lists,
    sizes_in,
)
from zmeta.migration.stencil import EXTENT, EXTENTS, pool_of, sheets, spelled, trimmed
from zmeta.nodes.node import read_node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from zmeta.migration.memo import Number
    from zmeta.migration.options import Options
    from zmeta.migration.stencil import UnitSheet
    from zmeta.migration.unit import Unit
    from zmeta.nodes.node import Node
    from zmeta.nodes.texts import Text

    Plan = Callable[[Node], tuple[Unit, ...] | None]
    Place = tuple[str, ...]

#: Numbers by how they are written: what holds for those of each kind, and for a mixture, holds for any.
KINDS = {
    "float": re.compile(WHOLE + rb"\.0(?![0-9])"),
    "int": re.compile(WHOLE + rb"(?!\.)"),
    "fraction": re.compile(WHOLE + rb"\.(?!0(?![0-9]))[0-9]{1,17}+"),
}
_MIXED = ("float", "int", "fraction", "fraction", "float", "int", "int")
_TWIN = os.sep + os.path.join("twin", "of", "an", "array")
#: A twin that is called as a level of a pyramid is.
_TWIN_LEVEL = os.sep + os.path.join("twin", "of", "a", "level", "s1")
#: The size of a voxel for viewers of N5, x first, which stands beside the transform of COSEM and says the same.
_VIEWER, _SCALE = ("pixelResolution", "dimensions"), ("transform", "scale")
#: The size of a voxel once more in dacapo's `dimension_units`, with its unit; channels have no unit there.
_UNITS, _RESOLUTION = ("dimension_units",), ("resolution",)
#: What repeats another list, where that is there.
_REPEATS = {_VIEWER: _SCALE, _UNITS: _RESOLUTION}
#: Conventions that compare no numbers where they speak alone, with the keys of those that depend on more than their value.
_SINGLE: dict[str, set[str]] = {
    "n5-viewer@1": {"pixelResolution", "downsamplingFactors"},
    "neuroglancer-n5@1": {"pixelResolution", "downsamplingFactors"},
    "dimension-units@1": set(),
}
_WITH_UNIT = re.compile(rb'"([0-9]+(?:\.[0-9]+)?) ?[A-Za-z]+"')
#: Names of arrays for which the size for viewers may mean another one.
_LEVEL = re.compile(r"s?[0-9]+")


class ArrayStencil(NamedTuple):
    """The documents of an array by their names, the form of their text, and the units that are written.

    `numbers` are the holes that hold numbers of the world, which all others tell by their place in it: `sizes`, from one up
    to another, must be positive, `same` are pairs that must be equal, and `alike` lists with how many different numbers each
    must hold. `made` is what is computed, and the holes that are `short` are written shortest too: `4.0` as `4`. `is_placed`
    where the name of the array matters.
    """

    names: tuple[str, ...]
    form: Form
    numbers: tuple[int, ...]
    sizes: tuple[tuple[int, int], ...]
    same: tuple[tuple[int, int], ...]
    alike: tuple[tuple[int, int, int], ...]
    is_placed: bool
    made: tuple[Number, ...] = ()
    short: tuple[int, ...] = ()
    units: tuple[UnitSheet, ...] = ()

    def find(self, path: str, text: Text, joined: bytes) -> Found | None:
        """Return what becomes of an array with documents, and with these joined; None where it is not of this kind."""
        holes = self.form.match(joined) if self.names == text.names else None
        flat = None if holes is None else self.parse(path, holes)
        return None if holes is None or flat is None else Found(self, flat, self.fill(path, text.raws, holes, flat))

    def fill(self, path: str, raws: Sequence[bytes], holes: list[bytes], flat: list[float]) -> tuple[Unit, ...]:
        """Return the units of an array by what stands in its holes, and the numbers that `parse` found there."""
        if not self.units:
            return ()
        pool = pool_of(holes, self.short, [spelled(number, flat) for number in self.made])
        return tuple([unit.fill(path, raws, pool) for unit in self.units])

    def parse(self, path: str, holes: list[bytes]) -> list[float] | None:
        """Return the numbers of the world; None where one is written otherwise than zmeta does, or they do not fit."""
        if self.is_placed and _is_level(path):
            return None
        literals = [holes[hole] for hole in self.numbers]
        if b"-0" in literals or b"-0.0" in literals:
            return None
        text = b", ".join(literals)
        flat: list[float]
        if b"." in text:
            flat = [float(literal) if b"." in literal else int(literal) for literal in literals]
            if repr(flat).encode() != b"[%b]" % text:
                return None
        else:
            flat = [*map(int, literals)]
        for start, end in self.sizes:
            if min(flat[start:end]) <= 0:
                return None
        for one, other in self.same:
            if flat[one] != flat[other] or (self.units and holes[self.numbers[one]] != holes[self.numbers[other]]):
                return None
        for start, end, count in self.alike:
            if len(set(flat[start:end])) != count:
                return None
        return flat


class Found(NamedTuple):
    """An array that fits a stencil: its numbers of the world, and what becomes of it."""

    stencil: ArrayStencil
    numbers: list[float]
    units: tuple[Unit, ...]


def _is_level(path: str) -> bool:
    return _LEVEL.fullmatch(path.rpartition(os.sep)[2]) is not None


# --- from an array to its stencil -----------------------------------------------------------------------------------------


def learn_array(path: str, text: Text, plan: Plan, options: Options, *, is_level: bool) -> ArrayStencil | None:
    """Return the stencil of an array: for any numbers, or else for those of the kinds that it has; None where none is sure.

    `plan` is the long way; `is_level` tells that the array becomes a level of an image.
    """
    sample = _read(path, text, options, is_level=is_level)
    units = None if sample is None else plan(sample.node)
    if sample is None or units is None or (any(unit.blocked for unit in units) and (is_level or not options.is_image)):
        return None
    count = len(sample.kinds)
    own = sample.kinds, [sample.kinds]
    anything = (), [["float"] * count, ["int"] * count, ["fraction"] * count, [*_MIXED * count][:count]]
    for patterns, trials in (own,) if is_level else (anything, own):  # an image knows numbers by their kinds
        stencil = _try(sample, patterns, trials, plan)
        if stencil is not None and _filled(stencil, path, text) == units:
            return stencil
    return None


def _filled(stencil: ArrayStencil, path: str, text: Text) -> tuple[Unit, ...] | None:
    """Return what a stencil gives for an array; None where it is not one of its kind."""
    found = stencil.find(path, text, text.joined)
    return None if found is None else found.units


class _Spot(NamedTuple):
    """A hole: where it is in the text, what may stand there, and which number of the world that is (-1: none)."""

    start: int
    end: int
    pattern: re.Pattern[bytes]
    number: int


class _Sample(NamedTuple):
    """An array: its documents, the lists of numbers of the world in it, the holes in order, and how numbers are written."""

    node: Node
    text: Text
    lists: Mapping[Place, list[float]]
    spots: Sequence[_Spot]
    kinds: Sequence[str]

    def stencil(self, kinds: Sequence[str]) -> ArrayStencil:
        """Return the stencil, still without what is written; with `kinds` numbers must be written so."""
        holes = [
            Hole(spot.start, spot.end, KINDS[kinds[spot.number]] if kinds and spot.number >= 0 else spot.pattern, told=True)
            for spot in self.spots
        ]
        at = {spot.number: hole for hole, spot in enumerate(self.spots)}
        places = self._places()
        sizes = tuple((at.start, at.stop) for place, at in places.items() if POSITIVE.get(place, not self._repeats(place)))
        return ArrayStencil(
            self.text.names,
            Form(self.text.joined, holes),
            tuple(at[number] for number in range(len(self.kinds))),
            sizes,
            tuple(self._same()),
            tuple(
                (at.start, at.stop, len(set(self.lists[place]))) for place, at in places.items() if self.node.format == "n5"
            ),
            self._repeats(_VIEWER),
        )

    def twin(self, kinds: Sequence[str], series: int) -> tuple[Text, list[bytes]]:
        """Return the documents with other values in the holes, and these values."""
        numbers = [_twin_number(number, kind, series) for number, kind in enumerate(kinds)]
        for one, other in self._same():
            numbers[one] = numbers[other]
        values = []
        for hole, spot in enumerate(self.spots):
            if spot.number >= 0:
                values.append(numbers[spot.number])
            elif spot.pattern is EXTENT:
                values.append(b"%d" % (10_000_019 + 2 * hole + series))
            else:
                values.append(another(spot.pattern, 2 * hole + series))
        raws = self.stencil(()).form.fill(values).split(b"\0")
        return self.text._replace(raws=tuple(raws)), values

    def lists_of(self, flat: Sequence[float]) -> dict[Place, list[float]]:
        """Return the lists with other numbers, without those that repeat others, which are the last."""
        places = self._places()
        return {place: [flat[number] for number in found] for place, found in places.items() if not self._repeats(place)}

    @property
    def factors(self) -> list[int]:
        """What the size for viewers is multiplied with."""
        return [*dict.fromkeys(_factors(self.node) or ())]

    def _places(self) -> dict[Place, range]:
        """Return which numbers of the world stand in which list."""
        places = {}
        start = 0
        for place, numbers in self.lists.items():
            places[place] = range(start, start + len(numbers))
            start += len(numbers)
        return places

    def _same(self) -> Iterator[tuple[int, int]]:
        """Yield the numbers that repeat others, each with the one that says the same."""
        places = self._places()
        for place, found in places.items() if self.node.format == "n5" else ():  # which may be read backwards
            firsts = [found[at] for at in alike(self.lists[place])]
            yield from ((number, first) for number, first in zip(found, firsts, strict=True) if number != first)
        if self._repeats(_VIEWER):
            yield from zip(places[_VIEWER], places[_SCALE][:: _turn(self.node)], strict=True)
        if self._repeats(_UNITS):
            yield from zip(places[_UNITS], places[_RESOLUTION], strict=True)

    def _repeats(self, place: Place) -> bool:
        """Whether a list says the same as another one."""
        return place in self.lists and _REPEATS.get(place) in self.lists


def _twin_number(number: int, kind: str, series: int) -> bytes:
    """Write a number of a twin: no two are the same, nor is half of one more or less than another."""
    value = 2003 + 1000 * series + 2 * (7 * number * number + 29 * number)
    if kind == "fraction":
        return repr(value / 8).encode()
    return b"%d.0" % (4 * value) if kind == "float" else b"%d" % (value if series else 4 * value)


def _read(path: str, text: Text, options: Options, *, is_level: bool) -> _Sample | None:
    """Return an array with its holes; None where it is none, is not plain, or is written in an unusual way."""
    node = read_node(path, given=text.given)
    if node is None or node.kind != "array" or node.findings or not _is_plain(node, options, is_level=is_level):
        return None
    lists = _lists(node)
    if lists is None:
        return None
    wanted: dict[str, dict[str, tuple[re.Pattern[bytes], int]]] = {name: {} for name in text.names}
    attributes = wanted.get(os.path.basename(node.attributes_file), {})
    count = 0
    for at in (f"{place}/{axis}" for place in EXTENTS[node.format] for axis in range(node.ndim)):
        wanted[text.names[0]][at] = EXTENT, -1
    for place, numbers in lists.items():
        pattern, indices = (_WITH_UNIT, _with_units(node)) if place == _UNITS else (NUMBER, range(len(numbers)))
        for index in indices:
            attributes[node.attributes_pointer + pointer(*place, index)] = pattern, count
            count += 1
    for key, value in node.attributes.items():
        for at, pattern in leaves(node.attributes_pointer + pointer(key), value) if key not in READ else ():
            attributes[at] = pattern, -1
    spots: list[_Spot] = []
    kinds = dict[int, str]()
    start = 0
    for name, raw in zip(*text, strict=True):
        found = spans(raw.decode("latin-1"), wanted[name])
        for at, (pattern, number) in wanted[name].items():
            begin, end = found.get(at, (0, 0))
            match = pattern.fullmatch(raw, begin, end)
            begin, end = (0, 0) if match is None else match.span(pattern.groups)
            if match is not None and (not pattern.groups or NUMBER.fullmatch(raw, begin, end)):
                spots.append(_Spot(start + begin, start + end, NUMBER if pattern.groups else pattern, number))
                if number >= 0:
                    kinds[number] = kind_of(raw[begin:end])
        start += len(raw) + 1
    return _Sample(node, text, lists, sorted(spots), [kinds[n] for n in range(count)]) if len(kinds) == count else None


def kind_of(literal: bytes) -> str:
    """Return how a number is written."""
    return next(kind for kind, pattern in KINDS.items() if pattern.fullmatch(literal))


def _is_plain(node: Node, options: Options, *, is_level: bool) -> bool:
    """Whether all that an array says of the world is a matter of its own numbers, taken one by one."""
    found = detect(node)
    rows = {row.id for row in found}
    placed = PLACED & node.attributes.keys()
    if is_level:
        return rows <= PLAIN_ROWS and not placed
    target = ("cosem@1" if node.format == "n5" else "zmeta@1.0") if options.is_image else options.row(node).id
    if target == "cosem@1" and target in rows and placed <= {_VIEWER[0]}:
        rows.discard("n5-viewer@1")
        placed = frozenset()
    if "dimension_units" in node.attributes:
        rows.discard("dacapo@0.2.1")
    speaking = [row.id for row in found if not row.names_only]
    if len(speaking) == 1 and speaking[0] in _SINGLE and _is_single(node):
        rows.discard(speaking[0])
        placed -= _SINGLE[speaking[0]]
    return target in SCHEMAS and rows <= PLAIN_ROWS and not placed


def _turn(node: Node) -> Literal[1, -1]:
    """Return how the size for viewers, which is x first, is read to stand as the transform of COSEM does."""
    return 1 if begins_with_x(node.attributes.get(_SCALE[0])) else -1


def _is_single(node: Node) -> bool:
    """Whether an array says itself all that it depends on, in one list of numbers."""
    keys = node.attributes
    if "axes" in keys and node.format == "n5" and "units" not in keys:  # which may stand on any group above
        return False
    lists = [*number_lists(keys), *(key for key in ("pixelResolution", "dimension_units") if key in keys)]
    return len(lists) == 1 and _factors(node) is not None


def _factors(node: Node) -> list[int] | None:
    """Return the whole numbers that the size of a voxel is multiplied with; None where they are none."""
    return factors_in(node.attributes.get("downsamplingFactors", []))


def _with_units(node: Node) -> list[int]:
    """Return which of dacapo's `dimension_units` are a size with a unit, such as `40 nm`; none where they are misaligned."""
    items = node.attributes.get(_UNITS[0])
    texts = [json.dumps(item).encode() for item in items] if isinstance(items, list) else []
    found = [index for index, text in enumerate(texts) if _WITH_UNIT.fullmatch(text)]
    return found if node.format != "n5" or len(found) == len(texts) else []  # there a channel moves them by one axis


def _lists(node: Node) -> dict[Place, list[float]] | None:
    """Return the lists of numbers of the world, those last that repeat others; None where one of them does not."""
    lists = number_lists(node.attributes)
    if _UNITS[0] in node.attributes:
        sizes_ = [float(str(node.attributes[_UNITS[0]][index]).rstrip(string.ascii_letters)) for index in _with_units(node)]  # type: ignore[index]
        if not sizes_ or sizes_ != lists.get(_RESOLUTION, sizes_):
            return None
        lists[_UNITS] = sizes_
    if _VIEWER[0] in node.attributes:
        value = node.attributes[_VIEWER[0]]
        sizes = value.get(_VIEWER[1]) if isinstance(value, dict) else None
        viewer = sizes_in(sizes)
        if viewer is None or viewer[:: _turn(node)] != lists.get(_SCALE, viewer[:: _turn(node)]):
            return None
        lists[_VIEWER] = viewer
    return lists


def _try(sample: _Sample, patterns: Sequence[str], trials: Sequence[Sequence[str]], plan: Plan) -> ArrayStencil | None:
    """Return the stencil that gives what the long way gives for twins with numbers of some kinds; None where none does."""
    stencil = sample.stencil(patterns)
    twins = [sample.twin(kinds, series) for kinds in trials for series in (0, 1)]
    first, values = twins[0]
    flat = stencil.parse(_TWIN, values)
    node = read_node(_TWIN, given=first.given)
    planned = None if node is None else plan(node)
    if flat is None or planned is None:
        return None
    files = {os.path.join(_TWIN, name): number for number, name in enumerate(first.names)}
    numbers = [*find_traces(sample.lists_of(flat), sample.factors).values()]
    units = sheets(_TWIN, planned, files, values, [spelled(number, flat) for number in numbers])
    if units is None:
        return None
    units, short, made = trimmed(units, len(values), numbers)
    stencil = stencil._replace(short=short, made=made, units=units)
    places = (_TWIN,) if stencil.is_placed else (_TWIN, _TWIN_LEVEL)
    for path, (twin, values) in ((path, twin) for twin in twins for path in places):
        node = read_node(path, given=twin.given)
        planned = None if node is None else plan(node)
        if planned is None or stencil.form.match(twin.joined) != values or _filled(stencil, path, twin) != planned:
            return None
    return stencil
