"""Stencils: the documents of a node and those below it, as they are and as they will be, with the same holes in both.

    texts ──Form──▶ what stands in the holes ──sheets──▶ units of the plan

Everything between the holes is word for word the same for all nodes of one writer. What stands in a hole is a number or a
name, and stands in what is written as it is, or as the same number written shortest (`4.0` as `4`).
"""

from __future__ import annotations

import os
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from zmeta.finding import Finding
from zmeta.jsondoc import ExactFloat, shorten
from zmeta.migration.memo import alike, value_of
from zmeta.migration.unit import Unit
from zmeta.nodes.write import Change

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from zmeta.checker.form import Form
    from zmeta.migration.memo import Number
    from zmeta.nodes.node import Format
    from zmeta.steps.step import Kind


EXTENT = re.compile(rb"[1-9][0-9]{0,14}+")
#: Where the shape of an array and that of its chunks stand.
EXTENTS: dict[Format, tuple[str, str]] = {
    2: ("/shape", "/chunks"),
    3: ("/shape", "/chunk_grid/configuration/chunk_shape"),
    "n5": ("/dimensions", "/blockSize"),
}


class Sheet(NamedTuple):
    """The texts of a unit, one behind the other with a NUL between, as a template, and what goes where `%b` stands in it."""

    template: bytes
    holes: tuple[int, ...]

    def fill(self, pool: Sequence[bytes]) -> list[bytes]:
        """Return the texts with the holes filled."""
        return (self.template % tuple([pool[hole] for hole in self.holes])).split(b"\0")

    def renumbered(self, holes: Mapping[int, int]) -> Sheet:
        """Return the texts with other numbers for their holes."""
        return self._replace(holes=tuple(holes.get(hole, hole) for hole in self.holes))


class UnitSheet(NamedTuple):
    """A unit, with paths below the node; a change is a file, the number of its old document, and whether there is a new one.

    The sheet holds the new documents, and then what the findings have found.
    """

    below: str
    steps: tuple[str, ...]
    kind: Kind
    changes: tuple[tuple[str, int | None, bool], ...]
    findings: tuple[Finding, ...]
    sheet: Sheet

    def fill(self, path: str, raws: Sequence[bytes], pool: Sequence[bytes]) -> Unit:
        """Return the unit of a node."""
        texts = iter(self.sheet.fill(pool))
        changes = tuple([
            Change(path + file, None if number is None else raws[number], next(texts) if is_made else None)
            for file, number, is_made in self.changes
        ])  # fmt: skip
        findings = tuple([
            Finding(like.code, like.message, path + like.file, like.pointer, like.expected, _shown(next(texts)),
                    like.hint, like.line, like.column, like.level)
            for like in self.findings
        ]) if self.findings else ()  # fmt: skip
        return Unit(path + self.below, self.steps, self.kind, changes, findings)


class Axis(NamedTuple):
    """Where the scale and the translation of a level stand on one axis, and those of level 0; None where there is none.

    `image` is the number of the image.
    """

    image: int
    scale: int
    move: int | None
    scale_0: int
    move_0: int | None


class Level(NamedTuple):
    """Where sizes and shape of a level of COSEM stand, by axis, and which of the numbers that are made are its corner."""

    sizes: tuple[int, ...]
    shape: tuple[int, ...]
    corner: tuple[int, ...]


class Vector(NamedTuple):
    """Where the numbers of a list stand by which an array says how large a voxel is, or where it begins.

    A size (`is_size`) must be positive, and no number of a corner zero. Where it may be read backwards, `alike` tells which
    of its numbers must be equal, and no others.
    """

    holes: tuple[int, ...]
    is_size: bool
    alike: Sequence[int]

    def fits(self, holes: Sequence[bytes], values: Mapping[int | None, float]) -> bool:
        """Whether the numbers in the holes are such a list."""
        found = [values[hole] for hole in self.holes]
        if min(found) <= 0 if self.is_size else not all(found):
            return False
        return not self.alike or alike(found) == alike([holes[hole] for hole in self.holes]) == self.alike


class Stencil(NamedTuple):
    """The documents of an image and of what is below it, the forms of their texts, and the units that are written.

    `nodes` are those below by their paths, with their documents; `listings` what each folder holds; `arrays` how many
    levels there are. `numbers` are the holes that hold numbers of the world; `same` pairs of holes that must say the same,
    the one being perhaps a consolidated copy of the other; `axes` those that must share a corner, and `is_moved` tells of
    each image whether level 0 has a translation.

    Of a container there are `vectors` instead of axes, and of a pyramid of COSEM `levels`. Its corners are `made`; they
    must be one, and the sizes and shapes those of a pyramid, where it becomes an image (`is_joint`). Of the holes that are
    `short` the numbers are written shortest too.
    """

    names: tuple[str, ...]
    form: Form
    nodes: tuple[tuple[str, tuple[str, ...], Form], ...]
    listings: tuple[tuple[str, tuple[tuple[str, bool], ...]], ...]
    arrays: int
    numbers: tuple[int, ...]
    same: tuple[tuple[int, int, bool], ...]
    axes: tuple[Axis, ...]
    is_moved: tuple[bool, ...]
    levels: tuple[Level, ...] = ()
    vectors: tuple[Vector, ...] = ()
    short: tuple[int, ...] = ()
    made: tuple[Number, ...] = ()
    is_joint: bool = False
    units: tuple[UnitSheet, ...] = ()

    def fill(self, path: str, raws: Sequence[bytes], holes: list[bytes]) -> tuple[Unit, ...] | None:
        """Return the units of an image by what stands in its holes; None where the numbers do not fit each other."""
        values = self._values(holes)
        if values is None or not self._is_sound(holes, values):
            return None
        made = [spelled(number, values) for number in self.made]
        if self.levels and not self._are_levels(holes, values, made):
            return None
        pool = pool_of(holes, self.short, made)
        return tuple([unit.fill(path, raws, pool) for unit in self.units])

    def make(self, holes: list[bytes]) -> list[bytes] | None:
        """Return the numbers that are made of those in the holes; None where one of these is written in an unusual way."""
        values = self._values(holes)
        return None if values is None else [spelled(number, values) for number in self.made]

    def _values(self, holes: list[bytes]) -> dict[int | None, float] | None:
        """Return the numbers of the world by their holes; None where one is not written as zmeta writes it."""
        values: dict[int | None, float] = {None: 0.0}
        for number in self.numbers:
            literal = holes[number]
            value = float(literal)
            written = repr(value).encode()
            if (written != literal and written != literal + b".0") or (not value and literal[:1] == b"-"):
                return None
            values[number] = value if b"." in literal else int(literal)
        return values

    def _is_sound(self, holes: list[bytes], values: Mapping[int | None, float]) -> bool:
        """Whether what repeats a number says the same, sizes are positive, and all levels share one corner."""
        for one, other, is_copy in self.same:
            if (is_copy or self.units) and holes[one] != holes[other]:
                return False
            if not is_copy and values[one] != values[other]:
                return False
        moved = [False] * len(self.is_moved)
        for axis in self.axes:
            size, place, place_0 = values[axis.scale], values[axis.move], values[axis.move_0]
            if size <= 0:
                return False
            shift = place - place_0
            half = (size - values[axis.scale_0]) / 2
            if shift and abs(shift - half) > _NOISE * max(abs(place), size):
                return False
            if place_0:
                moved[axis.image] = True
        if not all(vector.fits(holes, values) for vector in self.vectors):
            return False
        return bool(self.levels) or tuple(moved) == self.is_moved

    def _are_levels(self, holes: list[bytes], values: Mapping[int | None, float], made: Sequence[bytes]) -> bool:
        """Whether no level of COSEM has the sizes of the first, and all are those of one pyramid where they must be."""
        first = self.levels[0]
        sizes = [[values[size] for size in level.sizes] for level in self.levels]
        if min(map(min, sizes)) <= 0 or sizes[0] in sizes[1:]:
            return False
        if not self.is_joint:
            return True
        corner = [made[place] for place in first.corner]
        if any([made[place] for place in level.corner] != corner for level in self.levels):
            return False
        if any(place != b"0" for place in corner) != self.is_moved[0]:
            return False
        shapes = [[int(holes[extent]) for extent in level.shape] for level in self.levels]
        for (fine, coarse), (before, after) in zip(pairwise(sizes), pairwise(shapes), strict=True):
            for size, other, extent, rest in zip(fine, coarse, before, after, strict=True):
                if size > other or abs(extent * size / other - rest) > _NEARLY_ONE:
                    return False
            if fine == coarse:
                return False
        return True


#: How many voxels a level may be off: where it is one, the long way tells exactly.
_NEARLY_ONE = 0.999
#: A tenth of what `decode` takes for noise: the difference is computed in floating point here.
_NOISE = 1e-14
_TOKEN = rb"-?[0-9]+(?:\.[0-9]+)?"


def sheets(
    path: str, units: Iterable[Unit], numbers: Mapping[str, int], holes: Sequence[bytes], made: Sequence[bytes] = ()
) -> tuple[UnitSheet, ...] | None:
    """Return the units of a node with holes where what stands in its own holes, all different, stands in them.

    The holes are numbered: what stands in its own, then the same numbers written shortest, then what is `made` of them.
    `numbers` are the numbers of its documents by their files. None where a unit tells of other places than the node.
    """
    pool = [*holes, *(hole.removesuffix(b".0") for hole in holes), *made]
    known = {text: index for index, text in reversed(list(enumerate(pool)))}
    token = re.compile(b"|".join([*(re.escape(hole) for hole in holes if hole[:1] == b'"'), _TOKEN]))
    units_ = []
    for unit in units:
        changes = []
        texts = []
        if not all(_is_below(path, file) for file in (unit.path, *(found.file for found in unit.findings))):
            return None
        for change in unit.changes:
            if not _is_below(path, change.file) or (change.old is not None and change.file not in numbers):
                return None
            number = None if change.old is None else numbers[change.file]
            changes.append((change.file[len(path) :], number, change.new is not None))
            texts += [] if change.new is None else [change.new]
        likes = tuple(found._replace(file=found.file[len(path) :], found="") for found in unit.findings)
        told = [found.found for found in unit.findings]
        if unit.needs or unit.last or any(like.fix for like in likes) or path in repr((likes, told, unit.steps)):
            return None
        texts += [text.encode("utf-8", "surrogatepass") for text in told]
        if any(b"\0" in text for text in texts):
            return None
        sheet = _sheet(b"\0".join(texts), token, known)
        units_.append(UnitSheet(unit.path[len(path) :], unit.steps, unit.kind, tuple(changes), likes, sheet))
    return tuple(units_)


def trimmed(
    units: tuple[UnitSheet, ...], count: int, made: Sequence[Number], *, all_made: bool = False
) -> tuple[tuple[UnitSheet, ...], tuple[int, ...], tuple[Number, ...]]:
    """Return units of a node with `count` holes that use only what they need: which holes shortest, and what is made."""
    used = {hole for unit in units for hole in unit.sheet.holes}
    short = [hole for hole in range(count) if count + hole in used]
    kept = [index for index in range(len(made)) if all_made or 2 * count + index in used]
    at = {
        hole: count + index for index, hole in enumerate([*(count + hole for hole in short), *(2 * count + i for i in kept)])
    }
    renumbered = tuple(unit._replace(sheet=unit.sheet.renumbered(at)) for unit in units)
    return renumbered, tuple(short), tuple(made[index] for index in kept)


def pool_of(holes: Sequence[bytes], short: Sequence[int], made: Iterable[bytes]) -> list[bytes]:
    """Return what may stand in the holes of sheets: what stands in those of a node, some shortest, and what is made."""
    return [*holes, *[holes[hole].removesuffix(b".0") for hole in short], *made]


def _sheet(text: bytes, token: re.Pattern[bytes], known: Mapping[bytes, int]) -> Sheet:
    pieces: list[bytes] = []
    holes: list[int] = []
    start = 0
    for found in token.finditer(text):
        hole = known.get(found[0])
        if hole is not None:
            pieces.append(text[start : found.start()])
            holes.append(hole)
            start = found.end()
    return Sheet(b"%b".join([piece.replace(b"%", b"%%") for piece in (*pieces, text[start:])]), tuple(holes))


def spelled(number: Number, values: Any) -> bytes:
    """Return a number that is made of others as it is written."""
    value = value_of(number, values)
    return (value.literal if type(value) is ExactFloat else repr(value)).encode()


def _shown(text: bytes) -> str:
    return shorten(text.decode("utf-8", "surrogatepass")) if text else ""


def _is_below(path: str, file: str) -> bool:
    return file == path or file.startswith(path + os.sep)
