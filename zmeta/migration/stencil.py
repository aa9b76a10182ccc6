"""Stencils: the documents of a node and those below it, as they are and as they will be, with the same holes in both.

    texts ──Form──▶ what stands in the holes ──sheets──▶ units of the plan

Everything between the holes is word for word the same for all nodes of one writer. What stands in a hole is a number or a
name, and stands in what is written as it is, or as the same number written shortest (`4.0` as `4`).
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from zmeta.finding import Finding
from zmeta.jsondoc import shorten
from zmeta.migration.unit import Unit
from zmeta.nodes.write import Change

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from zmeta.checker.form import Form
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


class Stencil(NamedTuple):
    """The documents of an image and of what is below it, the forms of their texts, and the units that are written.

    `nodes` are those below by their paths, with their documents; `listings` what each folder holds; `arrays` how many
    levels there are. `numbers` are the holes that hold numbers of the world; `same` pairs of holes that must say the same,
    the one being perhaps a consolidated copy of the other; `axes` those that must share a corner, and `is_moved` tells of
    each image whether level 0 has a translation.
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
    units: tuple[UnitSheet, ...] = ()

    def fill(self, path: str, raws: Sequence[bytes], holes: list[bytes]) -> tuple[Unit, ...] | None:
        """Return the units of an image by what stands in its holes; None where the numbers do not fit each other."""
        if not self._is_sound(holes):
            return None
        pool = holes + [hole.removesuffix(b".0") for hole in holes]
        return tuple([unit.fill(path, raws, pool) for unit in self.units])

    def _is_sound(self, holes: list[bytes]) -> bool:
        """Whether all numbers are written as zmeta writes them, sizes are positive, and all levels share one corner."""
        values: dict[int | None, float] = {None: 0.0}
        for number in self.numbers:
            literal = holes[number]
            values[number] = value = float(literal)
            written = repr(value).encode()
            if (written != literal and written != literal + b".0") or (not value and literal[:1] == b"-"):
                return False
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
        return tuple(moved) == self.is_moved


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


def _shown(text: bytes) -> str:
    return shorten(text.decode("utf-8", "surrogatepass"))


def _is_below(path: str, file: str) -> bool:
    return file == path or file.startswith(path + os.sep)
