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
from zmeta.migration.image_holes import MOST_LEVELS, ImageHole, Sample, nodes_of, read_sample
from zmeta.migration.memo import Number
from zmeta.migration.stencil import Axis, Level, Stencil, sheets, trimmed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from zmeta.migration.unit import Unit
    from zmeta.nodes.node import Node
    from zmeta.nodes.texts import Text

    Plan = Callable[[Sequence[Node], bytes | None], tuple[Unit, ...]]
    Spelling = Literal["whole", "int", "fraction", "mixed", "half"]
    Corners = Literal["own", "joint", "zero"]

_KINDS: tuple[Literal["scale", "shape", "translation"], ...] = ("scale", "shape", "translation")
_TWIN = os.sep + os.path.join("twin", "of", "an", "image")
#: Scales of level 0 by axis, in quarters, and its translations; levels double, so that no two numbers are the same.
_SIZES, _PLACES = (1009, 1013, 1019, 1021, 1031), (2003, 2011, 2017, 2027, 2029)
_EXTENTS = 10_000_019


def learn(path: str, folders: Mapping[str, Text], plan: Plan) -> Stencil | None:
    """Return the stencil of an image with a scale for each level, or of a pyramid of COSEM; None where none is sure to hold.

    `folders` are the group ("") and all that is below it by their paths, groups before what they hold, with their documents.
    Levels of COSEM may have corners of their own, unless they become an image, which must be one pyramid.
    """
    sample = read_sample(path, folders)
    if sample is None:
        return None
    tries: tuple[Corners, ...] = ("own", "joint") if sample.is_cosem else ("joint",)
    return next((stencil for corners in tries if (stencil := _try(path, sample, corners, plan)) is not None), None)


def _try(path: str, sample: Sample, corners: Corners, plan: Plan) -> Stencil | None:
    stencil = stencil_of(sample, is_joint=sample.is_cosem and corners == "joint")
    return fit(path, sample, stencil, [_values(sample, "whole", corners), *_trials(sample, corners)], plan)


def fit(path: str, sample: Sample, stencil: Stencil, trials: Sequence[list[bytes]], plan: Plan) -> Stencil | None:
    """Return the stencil that gives what the long way gives for twins and for the sample itself; None where none does.

    Of each twin it is given what stands in its holes. The first tells which of them is written where.
    """
    folders = sample.folders
    values = trials[0]
    made = stencil.make(values) or []
    told = {hole: value for hole, value in zip(sample.holes, values, strict=True) if sample.said_by(hole) == hole}
    if len({value.removesuffix(b".0") for value in told.values()} | set(made)) != len(told) + len(set(made)):
        return None
    twin = _fill(stencil, folders, values)
    numbers: dict[str, int] = {}
    for folder, text in folders.items():
        for name in text.names:
            numbers[os.path.join(_TWIN, folder, name)] = len(numbers)
    units = sheets(_TWIN, _plan(_TWIN, twin, plan), numbers, values, made)
    if units is None:
        return None
    units, short, kept = trimmed(units, len(values), stencil.made, all_made=stencil.is_joint)
    stencil = stencil._replace(short=short, made=kept, units=units)
    twins = [(_TWIN, _fill(stencil, folders, found), found) for found in trials]
    for place, texts, found in [*twins, (path, folders, _own(stencil, folders))]:
        raws = [raw for text in texts.values() for raw in text.raws]
        if stencil.fill(place, raws, found) != _plan(place, texts, plan):
            return None
    return stencil


def _trials(sample: Sample, corners: Corners) -> Iterator[list[bytes]]:
    """Yield what stands in the holes of the twins for which a stencil must hold."""
    spellings: tuple[Spelling, ...] = ("whole", "int", "fraction", "mixed")
    yield from (_values(sample, spelling, corners) for spelling in spellings[1:])
    if not (sample.is_cosem or sample.is_viewer):
        return
    for spelling in (*spellings, "half"):
        yield _values(sample, spelling, corners, is_alike=True)
        if corners == "own":
            yield _values(sample, spelling, "joint")
            yield _values(sample, spelling, "zero")


def _plan(path: str, folders: Mapping[str, Text], plan: Plan) -> tuple[Unit, ...]:
    return plan(nodes_of(path, folders), dict(zip(*folders[""], strict=True)).get(".zmetadata"))


def stencil_of(sample: Sample, *, is_joint: bool = False) -> Stencil:
    """Return the stencil of a sample, still without what is written."""
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
        if hole.kind == "scale" and not (sample.is_cosem or sample.is_viewer or sample.boxes)
    ]
    levels: list[Level] = []
    made: list[Number] = []
    if sample.is_cosem or sample.is_viewer:
        levels, made = (_viewer_levels if sample.is_viewer else _levels)(sample, where)
    return Stencil(
        sample.folders[""].names,
        forms[""],
        tuple((folder, text.names, forms[folder]) for folder, text in sample.folders.items() if folder),
        _listings(sample),
        sample.arrays,
        tuple(numbers.values()),
        same,
        tuple(axes),
        tuple(sample.is_moved),
        tuple(levels),
        made=tuple(made),
        is_joint=is_joint,
    )


def _levels(sample: Sample, where: Mapping[ImageHole, int]) -> tuple[list[Level], list[Number]]:
    """Return the levels of a pyramid of COSEM, and how their corners are made: half a voxel before the first centre."""
    levels: list[Level] = []
    made: list[Number] = []
    axes = sorted({hole.axis for hole in where if hole.kind == "scale"})
    for level in range(sample.arrays):
        sizes, shape, places = ([where[ImageHole(kind, level, axis)] for axis in axes] for kind in _KINDS)
        levels.append(Level(tuple(sizes), tuple(shape), tuple(range(len(made), len(made) + len(axes)))))
        made += [Number(place, -1, size) for place, size in zip(places, sizes, strict=True)]
    return levels, made


def _viewer_levels(sample: Sample, where: Mapping[ImageHole, int]) -> tuple[list[Level], list[Number]]:
    """Return the levels of a pyramid for viewers that state a size, and what is made of sizes."""
    sizes: dict[int, list[int]] = {}
    made: dict[Number, None] = {}
    for hole, index in where.items():
        if hole.kind == "scale" and hole.said_by == hole:
            sizes.setdefault(hole.level, []).append(index)
            made[Number(None, 1, index)] = None
    for factors in sample.factors.values():
        for size, factor in zip(sizes[0], factors, strict=True):
            made |= dict.fromkeys(multiples(size, factor))
    return [Level(tuple(found), (), ()) for found in sizes.values()], [*made]


def multiples(size: int, factor: int) -> Iterator[Number]:
    """Yield what may be made of a size: a multiple, and half of it, which of an even one is a multiple again.

    The size itself is none: it stands in a hole.
    """
    if factor != 1:
        yield Number(size, times=factor)
    if factor % 2:
        yield Number(None, 1, size, factor)
    elif factor // 2 != 1:
        yield Number(size, times=factor // 2)


def _listings(sample: Sample) -> tuple[tuple[str, tuple[tuple[str, bool], ...]], ...]:
    """Return what stands in each group, as it is listed: none of these is a link. An empty one must be empty as well."""
    held: dict[str, list[tuple[str, bool]]] = {group: [] for group in sample.groups}
    for folder in sorted(sample.folders):
        if folder:
            above, _, name = folder.rpartition("/")
            held[above].append((name, False))
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


def _values(sample: Sample, spelling: Spelling, corners: Corners, *, is_alike: bool = False) -> list[bytes]:
    """Return what stands in the holes of a twin: each level is twice as coarse, and all share one corner.

    Those of COSEM may have their `own`; `is_alike` tells that the numbers of all axes are the same.
    """
    values: list[bytes] = []
    numbers: dict[ImageHole, int] = {}
    for hole, pattern in [(spot.hole, spot.pattern) for spot in sample.all]:
        axis = 0 if is_alike else hole.axis
        number = numbers.setdefault(hole._replace(own=(), copy=False), len(numbers))
        scale, place = _place(sample, hole, axis, spelling, corners)
        match hole.kind:
            case "name":
                values.append(b'"twin of image %d"' % hole.image)
            case "shape" if sample.is_cosem:
                values.append(b"%d" % (_EXTENTS + 2 * hole.axis << MOST_LEVELS - hole.level))
            case "shape" | "chunk":
                values.append(b"%d" % (_EXTENTS + number))
            case "scale":
                values.append(_spell(scale, spelling, hole.level, axis))
            case "translation":
                values.append(_spell(place, spelling, hole.level, axis))
            case "foreign":
                values.append(another(pattern, number))
    return values


def _place(sample: Sample, hole: ImageHole, axis: int, spelling: Spelling, corners: Corners) -> tuple[float, float]:
    """Return scale and translation of a level on one axis."""
    size = _SIZES[axis % 5] + 6007 * hole.image
    place = _PLACES[axis % 5] + 21001 * hole.image if sample.is_moved[hole.image] else 0
    scale = (1 if spelling == "half" else 4) * size << hole.level
    if sample.is_viewer:  # where halves are written too, none of which may be the size of another level
        scale = (1 if spelling == "half" else 4) * (size + 3001 * hole.level)
    if not sample.is_cosem:
        return scale, place + 2 * size * ((1 << hole.level) - 1)
    corner = place + (0.5 if spelling == "half" and place else 0)
    if corners == "own":
        corner = 2003 + 50021 * (hole.level + 1) + 100 * axis
    return scale, (0 if corners == "zero" else corner) + scale / 2


def _spell(number: float, spelling: Spelling, level: int, axis: int) -> bytes:
    """Write a number, or the same part of it everywhere on an axis, that is no whole number."""
    if spelling == "mixed":
        spelling = "fraction" if axis % 3 == 0 else "int" if (level + axis) % 2 else "whole"
    if spelling == "half" and number % 1:
        return repr(number).encode()
    if spelling == "fraction":
        return repr(number / 4096).encode()
    return b"%d.0" % number if spelling == "whole" else b"%d" % number
