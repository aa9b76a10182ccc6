"""Between the arrays of a container, where the settings ask for it: ROIs that lie inside each other, sizes that divide."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from zmeta.canonical.numbers_ import number_text
from zmeta.canonical.units import unit_size
from zmeta.checker.position import main_document
from zmeta.finding import Finding
from zmeta.stores.local import fits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from fractions import Fraction

    from zmeta.canonical.world import World
    from zmeta.config import Config, Relation
    from zmeta.nodes.walk import Visit
    from zmeta.pipeline import Decoded


class Extent(NamedTuple):
    """One physical axis in the world: voxel size, begin and end in world units."""

    name: str
    size: Fraction
    begin: Fraction
    end: Fraction


class Entry(NamedTuple):
    """An array that takes part in a relation: its container, its path in there, a document of it, its extents."""

    relation: int
    side: str
    container: str
    below: str
    file: str
    extents: tuple[Extent, ...]


class Relations:
    """Gathers the arrays that relations of the settings speak of, and compares them.

    Those that an array may belong to are kept by the folders above them: the nearest are found by going up from it.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._entries: dict[tuple[int, str], tuple[list[Entry], _ByFolder]] = {}

    @staticmethod
    def entries(config: Config, visit: Visit, decoded: Decoded) -> list[Entry]:
        """Return the parts that an array takes in the relations of the settings; none where its geometry is not sound."""
        node = visit.node
        if node is None or not config.relations:
            return []
        above = visit.place.ancestors
        container = above[-1][0].path if above else os.path.dirname(node.path)
        below = node.path[len(container) :].strip(os.sep).replace(os.sep, "/")
        found = []
        for index, relation in enumerate(config.relations):
            for side, globs in (("arrays", relation.arrays), ("of", relation.of)):
                if fits(below, globs):
                    extents = _extents(decoded, config.world)
                    if extents:
                        found.append(Entry(index, side, container, below, main_document(node), extents))
        return found

    def add(self, entries: Iterable[Entry]) -> None:
        """Take up some arrays."""
        for entry in entries:
            arrays, of = self._entries.setdefault((entry.relation, entry.container), ([], {}))
            if entry.side == "arrays":
                arrays.append(entry)
                continue
            for folder in _folders(entry.below):
                alike = of.setdefault(folder, {}).setdefault(entry.extents, [])
                if len(alike) < 2:
                    alike.append(entry)

    def findings(self) -> Iterator[Finding]:
        """Compare every array with those of its container that are nearest to it in the tree."""
        for (index, _), (arrays, of) in sorted(self._entries.items()):
            relation = self._config.relations[index]
            for entry in arrays:
                found = (_others(of.get(folder, {}), entry) for folder in reversed(_folders(entry.below)))
                others = next(filter(None, found), [])
                finding = _compare(relation, entry, others) if others else None
                judged = None if finding is None else self._config.for_path(entry.container).judged(finding)
                if judged is not None:
                    yield judged


def _extents(decoded: Decoded, world: World) -> tuple[Extent, ...]:
    """Return the physical axes of an array in world units; nothing where it has errors or states no size."""
    if decoded.errors or decoded.metadata.voxel_size is None or decoded.metadata.offset is None:
        return ()
    extents = []
    for axis, shape in zip(decoded.metadata.axes, decoded.node.shape, strict=True):
        if axis.voxel_size is None or axis.offset is None:
            continue
        mine = None if axis.unit is None else unit_size(axis.unit)
        base = unit_size(world.unit(axis.type))
        factor = mine / base if mine is not None and base is not None else 1
        size, begin = axis.voxel_size * factor, axis.offset * factor
        extents.append(Extent(str(axis.name), size, begin, begin + size * shape))
    return tuple(extents)


#: By a path, what stands at it or below: by extents, for arrays of the same extents are as good as one.
_ByFolder = dict[str, dict[tuple[Extent, ...], list[Entry]]]


def _folders(path: str) -> list[str]:
    """Return a path and those above it, from the root of the container on."""
    parts = path.split("/")
    return ["", *("/".join(parts[: count + 1]) for count in range(len(parts)))]


def _others(by_extents: dict[tuple[Extent, ...], list[Entry]], entry: Entry) -> list[Entry]:
    """Return one array of each extents, but not the array itself (so two are kept)."""
    firsts = (next((one for one in alike if one.below != entry.below), None) for alike in by_extents.values())
    return [one for one in firsts if one is not None]


def _compare(relation: Relation, entry: Entry, others: list[Entry]) -> Finding | None:
    """Return what is wrong between an array and those it belongs to; nothing where it fits one of them."""
    problems = []
    for other in others:
        pairs = [(mine, theirs) for mine in entry.extents for theirs in other.extents if mine.name == theirs.name]
        off = [pair for pair in pairs if not (_inside if relation.rule == "inside" else _divides)(*pair)]
        if not off:
            return None
        problems.append((other, off))
    other, off = problems[0]
    axes = ", ".join(mine.name for mine, _ in off)
    if relation.rule == "inside":
        message = f"the array reaches outside {other.below} on {axes}"
        expected = "; ".join(f"{theirs.name}: {_span(theirs)}" for _, theirs in off)
        found = "; ".join(f"{mine.name}: {_span(mine)}" for mine, _ in off)
        return Finding("ZM501", message, entry.file, "", expected, found, "correct offset or voxel size of one of the two")
    message = f"the voxel size does not divide that of {other.below}, nor the reverse, on {axes}"
    expected = f"a multiple or a part of {', '.join(number_text(theirs.size) for _, theirs in off)}"
    found = ", ".join(number_text(mine.size) for mine, _ in off)
    return Finding("ZM502", message, entry.file, "", expected, found, "resample one of the two, or correct its voxel size")


def _inside(mine: Extent, theirs: Extent) -> bool:
    return theirs.begin <= mine.begin and mine.end <= theirs.end


def _divides(mine: Extent, theirs: Extent) -> bool:
    ratio = mine.size / theirs.size
    return ratio.denominator == 1 or ratio.numerator == 1


def _span(extent: Extent) -> str:
    return f"{number_text(extent.begin)} to {number_text(extent.end)}"
