"""What several conventions say about one array, made one: statements win over habits, contradictions are errors."""

from __future__ import annotations

from dataclasses import dataclass
from math import trunc
from typing import TYPE_CHECKING

from zmeta.canonical.metadata import PHYSICAL, Axis, Metadata, type_of_name
from zmeta.canonical.numbers_ import number_text
from zmeta.canonical.units import unit_size
from zmeta.conventions.base import Claim, Source, dimension_names, unit_conflict
from zmeta.finding import Finding
from zmeta.jsondoc import pointer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from zmeta.conventions.base import Reading
    from zmeta.nodes.node import Node

Values = tuple["Fraction | None", ...]


@dataclass(frozen=True)
class Given:
    """What a reader passes for what a file does not say: axis names, and a voxel size in world units."""

    names: tuple[str, ...] | None = None
    voxel_size: tuple[Fraction, ...] | None = None


_NOTHING_GIVEN = Given()


def merge(
    node: Node, claims: Sequence[Claim], reading: Reading, given: Given | None = None
) -> tuple[Metadata, tuple[Finding, ...]]:
    """Return the canonical metadata of an array and all findings.

    With an error among the findings the metadata is what could be made out, and not to be relied on.
    """
    if given is None and len(claims) == 1:
        return _alone(node, claims[0])
    given = given or _NOTHING_GIVEN
    merger = _Merger(node, list(claims), reading, [])
    names = merger.names(given)
    types = merger.types(names)
    geometry = merger.geometry()
    sizes, corners, units = geometry.voxel_size, geometry.offset, merger.units(geometry)
    merger.sources |= {key: geometry.sources[key] for key in ("voxel_size", "offset") if key in geometry.sources}
    if sizes is None and given.voxel_size is not None:
        sizes, units, names, types = merger.given_size(given.voxel_size, names, types)
        corners = corners or tuple(None if size is None else size * 0 for size in sizes)
    nothing = (None,) * node.ndim
    axes = tuple(map(Axis, names, types, units, sizes or nothing, corners or nothing))
    merger.findings += check_axes(axes, node, merger.sources.get("units"))
    merger.gather(geometry)
    speaking = (claim for claim in claims if claim.names or claim.voxel_size or claim.failed)
    main = next(speaking, claims[0] if claims else None)
    return Metadata(axes, None if main is None else main.id, merger.sources), tuple(dict.fromkeys(merger.findings))


def _alone(node: Node, claim: Claim) -> tuple[Metadata, tuple[Finding, ...]]:
    """What `merge` comes to where one convention speaks: nothing is merged."""
    nothing = (None,) * node.ndim
    names = claim.names or nothing
    sources = claim.sources
    types = claim.types
    if types is None:
        types = tuple([type_of_name(name) for name in names])
        if claim.names:
            sources = {**sources, "types": "understood from the axis names"}
    units = claim.units or nothing
    axes = tuple(map(Axis, names, types, units, claim.voxel_size or nothing, claim.offset or nothing))
    findings = dict.fromkeys((*claim.findings, *check_axes(axes, node, sources.get("units"))))
    return Metadata(axes, claim.id, sources), tuple(findings)


@dataclass
class _Merger:
    node: Node
    claims: list[Claim]
    reading: Reading
    findings: list[Finding]

    def __post_init__(self) -> None:
        self.sources: dict[str, object] = {}

    def _pick(self, field: str, key: str) -> Claim | None:
        """Return the first claim that states a field, else the first that fills it in by habit."""
        first = None
        for claim in self.claims:
            if getattr(claim, field) is not None:
                if key not in claim.inferred:
                    return claim
                first = first or claim
        return first

    def _contradict(self, what: str, first: Claim, second: Claim, one: str, other: str, code: str = "ZM401") -> None:
        sides = [f"{text} ({c.id}, {c.sources.get(what, 'not said where')})" for c, text in ((first, one), (second, other))]
        message = f"{what.replace('_', ' ')} is {sides[0]} against {sides[1]}"
        hint = "correct the wrong one; a stale copy is the usual cause"
        if code == "ZM411":
            hint = "correct the copy whose fraction was cut off: a reader or writer of whole numbers made it"
        file, place = _place_of(self.node, first.sources.get(what), second.sources.get(what))
        self.findings.append(Finding(code, message, file, place, hint=hint))

    def names(self, given: Given) -> tuple[str | None, ...]:
        """Return the axis names: given, stated, or filled in."""
        best = self._pick("names", "axes")
        if best is not None and best.names is not None:
            for claim in self.claims:
                if claim.names is None or "axes" in claim.inferred or "axes" in best.inferred:
                    continue
                pairs = [(a, b) for a, b in zip(best.names, claim.names, strict=True) if a is not None and b is not None]
                if any(a.lower() != b.lower() for a, b in pairs):
                    self._contradict("axes", best, claim, _names(best.names), _names(claim.names))
            self.sources["axes"] = best.sources.get("axes", "")
        stated = best.names if best is not None and best.names is not None else (None,) * self.node.ndim
        if given.names is None:
            return stated
        if len(given.names) != self.node.ndim or len(set(given.names)) != len(given.names):
            message = "the axes given do not fit the array"
            found = _names(given.names)
            self.findings.append(Finding("ZM201", message, self.node.path, "", f"{self.node.ndim} different names", found))
            return stated
        if best is not None and "axes" not in best.inferred and given.names != stated:
            message = "the file names the axes differently; the names given are used"
            self.findings.append(Finding("ZM410", message, self.node.path, "", _names(given.names), _names(stated)))
        self.sources["axes"] = "given by the reader"
        return given.names

    def types(self, names: tuple[str | None, ...]) -> tuple[str | None, ...]:
        """Return the types: stated, or understood from the names."""
        best = self._pick("types", "types")
        if best is None or best.types is None:
            if names != (None,) * self.node.ndim:
                self.sources["types"] = "understood from the axis names"
            return tuple(type_of_name(name) for name in names)
        if "types" in best.inferred:
            by_names = next((claim for claim in self.claims if claim.names == names and claim.types), best)
            self.sources["types"] = by_names.sources.get("types", "")
            fitting = by_names.names is None or by_names.names == names
            return (by_names.types or best.types) if fitting else tuple(type_of_name(name) for name in names)
        for claim in self.claims:
            if claim.types is not None and "types" not in claim.inferred and claim.types != best.types:
                self._contradict("types", best, claim, _names(best.types), _names(claim.types))
        self.sources["types"] = best.sources.get("types", "")
        return best.types

    def geometry(self) -> Claim:
        """Return voxel size, offset and units of the strongest claim that has a size, completed from the others."""
        best = next((claim for claim in self.claims if claim.voxel_size is not None), None)
        if best is None:
            lone = next((claim for claim in self.claims if claim.offset is not None), None)
            return lone or Claim("", None)
        for claim in self.claims:
            if claim is not best and (claim.voxel_size is not None or claim.offset is not None):
                best = self._join(best, claim)
        return best

    def _join(self, best: Claim, other: Claim) -> Claim:
        """Return the claim completed by another one, and note where the two contradict each other."""
        offset = _stated_offset(best)
        other_offset = _stated_offset(other)
        factors, units = [], []
        for axis in range(self.node.ndim):
            pairs = [_pair(best.voxel_size, other.voxel_size, axis), _pair(offset, other_offset, axis)]
            factor = self._factor(axis, best, other, [pair for pair in pairs if pair is not None])
            if factor is None:
                what = (
                    "offset" if pairs[0] is None or self._factor(axis, best, other, [pairs[0]]) is not None else "voxel_size"
                )
                mine, theirs = getattr(best, what), getattr(other, what)
                code = "ZM411" if _truncated(mine, theirs) or _truncated(theirs, mine) else "ZM401"
                self._contradict(what, best, other, _geometry(best, what), _geometry(other, what), code)
                return best
            factors.append(factor[0])
            units.append(factor[1])
        if any(units):
            source = "units" if "units" in best.sources else "voxel_size"
            given_by = other if source not in best.sources or not best.units else best
            best = best._replace(units=tuple(units), sources={**best.sources, "units": given_by.sources.get("units", "")})
        if offset is None and other_offset is not None:
            moved = tuple(None if v is None else v * f for v, f in zip(other_offset, factors, strict=True))
            if best.voxel_size is not None and all(
                (a is None) == (b is None) for a, b in zip(moved, best.voxel_size, strict=True)
            ):
                sources = {**best.sources, "offset": f"{other.sources.get('offset', '')} ({other.id})"}
                best = best._replace(offset=moved, sources=sources, inferred=best.inferred - {"offset"})
        return best

    def _factor(
        self, axis: int, best: Claim, other: Claim, pairs: list[tuple[Fraction, Fraction]]
    ) -> tuple[Fraction | int, str | None] | None:
        """Return the factor from the other's numbers to the best's under which they agree, with the unit; None if none does.

        A number without a unit may be in the other's unit, or already in world units.
        """
        mine = best.units[axis] if best.units else None
        theirs = other.units[axis] if other.units else None
        world = self.reading.world.unit((other.types or best.types or (None,) * self.node.ndim)[axis])
        candidates: list[tuple[Fraction | int, str | None]] = []
        if mine is None or theirs is None or mine == theirs:
            candidates.append((1, mine or theirs))
        size_of_mine, size_of_theirs = unit_size(mine or world), unit_size(theirs or world)
        if size_of_mine is not None and size_of_theirs is not None and (mine or theirs):
            candidates.append((size_of_theirs / size_of_mine, mine or world))
        for factor, unit in candidates:
            if all(one == other_one * factor for one, other_one in pairs):
                return factor, unit
        return None if pairs or not candidates else candidates[0]

    def units(self, geometry: Claim) -> tuple[str | None, ...]:
        """Return the units: those of the geometry, else those of a claim that states units alone."""
        best = geometry
        if best.units is None:
            alone = (claim for claim in self.claims if claim.units is not None and claim.voxel_size is None)
            best = next(alone, geometry)
        if best.units is None:
            return (None,) * self.node.ndim
        self.sources["units"] = best.sources.get("units", "")
        return best.units

    def given_size(
        self, sizes: tuple[Fraction, ...], names: tuple[str | None, ...], types: tuple[str | None, ...]
    ) -> tuple[Values, tuple[str | None, ...], tuple[str | None, ...], tuple[str | None, ...]]:
        """Put a voxel size that the reader passes on the physical axes; it is in world units."""
        ndim = self.node.ndim
        physical = [axis for axis in range(ndim) if types[axis] in PHYSICAL]
        if not physical and all(kind is None for kind in types):
            physical = list(range(ndim))[max(ndim - len(sizes), 0) :]
            if dimension_names(self.node) is None and all(name is None for name in names):
                message = f"axis names are not stated; the default voxel size is put on the last {len(sizes)} axes"
                self.findings.append(Finding("ZM205", message, self.node.path))
        if len(physical) != len(sizes) or any(size <= 0 for size in sizes):
            message = "default_voxel_size does not fit the array"
            expected = f"{len(physical)} positive numbers, one per physical axis"
            found = ", ".join(map(number_text, sizes))
            self.findings.append(Finding("ZM201", message, self.node.path, "", expected, found))
            return (None,) * ndim, (None,) * ndim, names, types
        values: list[Fraction | None] = [None] * ndim
        kinds = list(types)
        for axis, size in zip(physical, sizes, strict=True):
            values[axis] = size
            kinds[axis] = kinds[axis] or "space"
        self.sources["voxel_size"] = "given by the reader (default_voxel_size)"
        self.sources.setdefault("offset", "not stated; begins at 0")
        return tuple(values), (None,) * ndim, names, tuple(kinds)

    def gather(self, geometry: Claim) -> None:
        """Take over the findings of the claims, without what one of them misses and another one states."""
        names = self._pick("names", "axes")
        origin = geometry.offset is not None and "offset" not in geometry.inferred
        for claim in reversed(self.claims):
            kept = claim.findings
            if claim is not names:
                kept = tuple(finding for finding in kept if finding.code != "ZM205")
            if origin:
                kept = tuple(finding for finding in kept if finding.code != "ZM303")
            self.findings[:0] = kept


def check_axes(axes: tuple[Axis, ...], node: Node, source: object = None) -> list[Finding]:
    """Return what the axes as a whole are lacking: a unit of the right kind, a unit at all."""
    findings: list[Finding] = []
    without: list[str] = []
    for axis in axes:
        if axis.unit is None:
            if axis.voxel_size is not None:
                without.append(str(axis.name))
        elif unit_conflict(axis.unit, axis.type):
            message = f"the unit of axis {axis.name} does not fit its type {axis.type}"
            file, place = _place_of(node, source)
            findings.append(Finding("ZM203", message, file, place, f"a unit of {axis.type}", str(axis.unit)))
    if without:
        text = f"no unit is stated for {', '.join(without)}; values are taken in world units"
        findings.append(Finding("ZM207", text, node.path, hint='state it: add_metadata({"units": […]})'))
    return findings


def _place_of(node: Node, *sources: object) -> tuple[str, str]:
    """Return file and pointer of the first source that stands on the array itself; the folder where none does."""
    for source in sources:
        if isinstance(source, Source) and source.group is None:
            outside = source.path == ("dimension_names",) and node.format == 3
            return node.attributes_file, ("" if outside else node.attributes_pointer) + pointer(*source.path)
    return node.path, ""


def _stated_offset(claim: Claim) -> Values | None:
    return None if "offset" in claim.inferred else claim.offset


def _pair(one: Values | None, other: Values | None, axis: int) -> tuple[Fraction, Fraction] | None:
    if one is None or other is None:
        return None
    first, second = one[axis], other[axis]
    return None if first is None or second is None else (first, second)


def _truncated(one: Values | None, other: Values | None) -> bool:
    """Whether values are those of another list, some with their fraction cut off."""
    pairs = [pair for axis in range(len(one or ())) for pair in [_pair(one, other, axis)] if pair is not None]
    return bool(pairs) and all(a in (b, trunc(b)) for a, b in pairs)


def _names(names: Sequence[str | None]) -> str:
    return " ".join(str(name) for name in names)


def _geometry(claim: Claim, what: str) -> str:
    values: Values = getattr(claim, what) or ()
    units = claim.units or (None,) * len(values)
    pairs = [(value, unit) for value, unit in zip(values, units, strict=True) if value is not None]
    return ", ".join(f"{number_text(value)} {unit or ''}".strip() for value, unit in pairs)
