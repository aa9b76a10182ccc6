"""From one container to the stencil of its kind: as for images, twins tell which number is written where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from zmeta.checker.form import NUMBER
from zmeta.migration.array_stencil import KINDS, kind_of
from zmeta.migration.container_holes import read_container
from zmeta.migration.foreign import another
from zmeta.migration.memo import Number, alike
from zmeta.migration.stencil import EXTENT, Vector
from zmeta.migration.twins import fit, multiples, stencil_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zmeta.migration.image_holes import ImageHole, Sample
    from zmeta.migration.stencil import Stencil
    from zmeta.migration.twins import Plan
    from zmeta.nodes.texts import Text

    Spelling = Literal["float", "int", "fraction", "mixed", "half", "own"]

#: Sizes of twins are four times these: no two are the same, nor is one half, or a small multiple, of another one.
_PRIMES = [number for number in range(1009, 9000, 2) if all(number % other for other in range(3, 97, 2))]
_FIRST_PLACE, _NEXT_PLACE, _EXTENTS = 30_000_000, 1_000_003, 10_000_019
#: How numbers of twins are written, and their series.
_ANYTHING: tuple[tuple[Spelling, int], ...] = (
    ("float", 0), ("int", 1), ("fraction", 2), ("mixed", 1), ("mixed", 2), ("half", 2), ("float", 1),
)  # fmt: skip
_OWN: tuple[tuple[Spelling, int], ...] = (("own", 0), ("own", 1), ("own", 2))


def learn_container(path: str, folders: Mapping[str, Text], plan: Plan, *, is_image: bool) -> Stencil | None:
    """Return the stencil of a container, for any numbers, or else for those of the kinds that it has; None if none is sure.

    `folders` are the group ("") and all that is below it by their paths, groups before what they hold, with their documents.
    """
    sample = read_container(path, folders, is_image=is_image)
    if sample is None or len([hole for hole in sample.holes if hole.kind == "scale"]) > len(_PRIMES):
        return None
    for one, twins in ((sample, _ANYTHING), (_as_spelled(sample), _OWN)):
        trials = [_values(one, spelling, series) for spelling, series in twins]
        stencil = fit(path, one, _stencil(one), trials, plan)
        if stencil is not None:
            return stencil
    return None


def _as_spelled(sample: Sample) -> Sample:
    """Return a container in which numbers must be written as they are: whole ones, floats that are whole, or fractions."""
    spots = {}
    for folder, documents in sample.spots.items():
        spots[folder] = [
            [spot._replace(pattern=KINDS[kind_of(raw[spot.start : spot.end])] if spot.pattern is NUMBER else spot.pattern)
             for spot in spots_]
            for raw, spots_ in zip(sample.folders[folder].raws, documents, strict=True)
        ]  # fmt: skip
    return sample._replace(spots=spots)


def _stencil(sample: Sample) -> Stencil:
    """Return the stencil of a container, still without what is written."""
    lists: dict[tuple[int, str], dict[int, int]] = {}
    made: dict[Number, None] = {}
    for index, hole in enumerate(sample.holes):
        if hole.kind in ("scale", "translation") and not hole.copy:
            lists.setdefault((hole.image, hole.kind), {})[hole.axis] = index
    vectors = []
    for (image, kind), holes in lists.items():
        box = sample.boxes[image]
        same = box.alike.get(kind, ())
        vectors.append(Vector(tuple(holes.values()), kind == "scale", alike([same[axis] for axis in holes if same])))
        sizes = lists.get((image, "scale"), {})
        if kind == "translation":
            made |= {Number(place, 1, sizes[axis]): None for axis, place in holes.items() if axis in sizes}
            continue
        for axis, size in holes.items():
            made |= dict.fromkeys(multiples(size, box.factors[axis] if axis < len(box.factors) else 1))
    return stencil_of(sample)._replace(vectors=tuple(vectors), made=tuple(made))


def _values(sample: Sample, spelling: Spelling, series: int) -> list[bytes]:
    """Return what stands in the holes of a twin; corners of the second series are partly negative, of the third all."""
    values = []
    numbers: dict[ImageHole, int] = {}
    for spot in sample.all:
        hole = sample.said_by(spot.hole._replace(copy=False))
        number = numbers.setdefault(hole, len(numbers))
        if hole.kind in ("scale", "translation"):
            own = next((name for name, found in KINDS.items() if found is spot.pattern), "")
            values.append(_spell(hole, number, own or spelling, series))
        elif spot.pattern is EXTENT:
            values.append(b"%d" % (_EXTENTS + 1000 * series + number))
        else:
            values.append(another(spot.pattern, 1000 * series + number))
    return values


def _spell(hole: ImageHole, number: int, spelling: str, series: int) -> bytes:
    """Write the number of a hole in a twin."""
    if spelling == "mixed":
        spelling = ("float", "int", "fraction", "float", "int")[number % 5]
    if hole.kind == "scale":
        value = (1 if spelling == "half" else 4) * _PRIMES[(number + 7 * series) % len(_PRIMES)]
    else:
        place = 4 * (_FIRST_PLACE + _NEXT_PLACE * number + series)
        value = -place if series == 2 or (series == 1 and hole.axis) else place
    if spelling == "fraction":
        return repr(value / 4096).encode()
    return b"%d.0" % value if spelling == "float" else b"%d" % value
