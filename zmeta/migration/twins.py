"""From one image to the stencil of its kind: what becomes of twins of it tells which number is written where.

A twin has the documents of the image with other numbers, all different, so that each can be traced: as floats that are whole
(which are written as `4.0` where they are copied, and as `4` where they were read), as whole numbers, as fractions, mixed.
"""

from __future__ import annotations

import os
from itertools import islice
from typing import TYPE_CHECKING, Literal

from zmeta.checker.form import Form, Hole
from zmeta.migration.foreign import another
from zmeta.migration.image_holes import ImageHole, Sample, nodes_of, read_sample
from zmeta.migration.stencil import Axis, Stencil, sheets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from zmeta.migration.unit import Unit
    from zmeta.nodes.node import Node
    from zmeta.nodes.texts import Text

    Plan = Callable[[Sequence[Node], bytes | None], tuple[Unit, ...]]
    Spelling = Literal["whole", "int", "fraction", "mixed"]

_TWIN = os.sep + os.path.join("twin", "of", "an", "image")
#: Scales of level 0 by axis, in quarters, and its translations; levels double, so that no two numbers are the same.
_SIZES, _PLACES = (1009, 1013, 1019, 1021, 1031), (2003, 2011, 2017, 2027, 2029)
_EXTENTS = 10_000_019


def learn(path: str, folders: Mapping[str, Text], plan: Plan) -> Stencil | None:
    """Return the stencil of an image of OME-NGFF with a scale for each level; None where none is sure to hold.

    `folders` are the group ("") and all that is below it by their paths, groups before what they hold, with their documents.
    """
    sample = read_sample(path, folders)
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
    return plan(nodes_of(path, folders), dict(zip(*folders[""], strict=True)).get(".zmetadata"))


def _stencil(sample: Sample) -> Stencil:
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


def _values(sample: Sample, spelling: Spelling) -> list[bytes]:
    """Return what stands in the holes of a twin: each level is twice as coarse, and all share one corner."""
    values: list[bytes] = []
    numbers: dict[ImageHole, int] = {}
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
