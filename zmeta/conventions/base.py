"""What a convention is: rows of versions that detect, decode to a `Claim`, and encode to `Edit`s.

A convention sees one node and the groups above it. It never raises on data: what is wrong becomes a finding on its claim.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from zmeta.canonical.metadata import PHYSICAL, Metadata, type_of_name
from zmeta.canonical.numbers_ import dump_number, parse_number
from zmeta.canonical.units import NO_UNIT, long_name, unit_type
from zmeta.canonical.world import World
from zmeta.errors import EncodeError
from zmeta.finding import Finding, Severity
from zmeta.jsondoc import describe, pointer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from zmeta.jsondoc import JSONObject, JSONValue
    from zmeta.nodes.node import Node

#: Conventions whose own tools read sizes and offsets as integers.
_TRUNCATED_BY_READERS = frozenset({"daisy", "dacapo", "funlib-persistence"})

Anchor = Literal["corner", "centre"]


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read what a convention leaves open.

    `ome_anchor` is what an OME-NGFF translation means and `evidence` who says so; `world` are the units of space and time
    that a value without a unit is taken to be in. `conventions` are those of the user, which are asked first.
    """

    ome_anchor: Anchor = "corner"
    evidence: str = "the default"
    world: World = field(default_factory=World)
    conventions: tuple[ConventionVersion, ...] = ()


class Source(NamedTuple):
    """Where a value stands: a path in the attributes of the array, or of a group above it, and how it was read."""

    path: tuple[str | int, ...]
    group: str | None
    how: str

    def __str__(self) -> str:
        text = f"from `{'.'.join(map(str, self.path))}`"
        if self.group is not None:
            text += f" of the group {os.path.basename(self.group) or self.group}"
        return text + (f", {self.how}" if self.how else "")


class Claim(NamedTuple):
    """What one convention says about one array. Every tuple has one entry per axis, in C order.

    `sources` tells for each field where it stands; a field in `inferred` is a habit of the convention, not a statement.
    """

    convention: str
    version: str | None
    names: tuple[str | None, ...] | None = None
    types: tuple[str | None, ...] | None = None
    units: tuple[str | None, ...] | None = None
    voxel_size: tuple[Fraction | None, ...] | None = None
    offset: tuple[Fraction | None, ...] | None = None
    sources: Mapping[str, str | Source] = MappingProxyType({})
    inferred: frozenset[str] = frozenset()
    findings: tuple[Finding, ...] = ()

    @property
    def id(self) -> str:
        """`name@version`."""
        return self.convention if self.version is None else f"{self.convention}@{self.version}"

    @property
    def failed(self) -> bool:
        """Whether the convention is there but its values cannot be used."""
        return any(finding.severity == Severity.ERROR for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Edit:
    """A change to the user attributes of one node: top-level keys that replace, and keys that go.

    `dimension_names` replaces the field of that name in a Zarr v3 document, which is not an attribute.
    """

    node: Node
    set: JSONObject = field(default_factory=dict)
    remove: frozenset[str] = frozenset()
    dimension_names: list[str] | None = None


class Decode(Protocol):
    """Fill a draft from what stands on the node and the groups above it."""

    def __call__(self, draft: Draft, /) -> None:
        """Decode."""
        ...


class Encode(Protocol):
    """Give the edits that make a node say some metadata; raises `EncodeError` for what has no place."""

    def __call__(self, metadata: Metadata, node: Node, reading: Reading, /) -> Iterable[Edit]:
        """Encode."""
        ...


@dataclass(frozen=True)
class ConventionVersion:
    """One version of a convention, as a row.

    Attributes
    ----------
    convention, version : str
        Its name.
    title, writers : str
        What it is, and who writes it: for the documentation.
    schema : str
        Path of the schema of its attributes below `schemas/`.
    detect : callable
        Whether a node (with the groups above it) speaks it. Never raises.
    decode : callable
        Fills a `Draft`.
    encode : callable or None
        Gives the edits that make a node say some metadata; None where the version has no place for a voxel size.
    on_group : bool
        Whether its attributes stand on the group above the array.
    names_only : bool
        Whether it says how the axes are called and nothing else.
    evidence : frozenset of str
        Keys without any of which, on the array or above it, it is not there: `detect` is not asked then.
    """

    convention: str
    version: str
    title: str
    writers: str
    schema: str
    detect: Callable[[Node], bool]
    decode: Decode
    encode: Encode | None
    on_group: bool = False
    names_only: bool = False
    evidence: frozenset[str] = frozenset()

    @property
    def id(self) -> str:
        """`name@version`."""
        return f"{self.convention}@{self.version}"

    def claim(self, node: Node, reading: Reading) -> Claim:
        """Decode a node that was detected as this version."""
        draft = Draft(node, reading, self.convention, self.version)
        self.decode(draft)
        return draft.claim()


@dataclass
class Draft:
    """A claim in the making: parses values, notes where they stand, and collects findings."""

    node: Node
    reading: Reading
    convention: str
    version: str | None
    names: tuple[str | None, ...] | None = None
    types: tuple[str | None, ...] | None = None
    units: tuple[str | None, ...] | None = None
    voxel_size: tuple[Fraction | None, ...] | None = None
    offset: tuple[Fraction | None, ...] | None = None
    sources: dict[str, str | Source] = field(default_factory=dict)
    inferred: set[str] = field(default_factory=set)
    fractional: bool = False
    findings: list[Finding] = field(default_factory=list)

    def claim(self) -> Claim:
        """Return what has been gathered, frozen; a voxel size without an offset begins at 0, and says so."""
        if self.voxel_size is not None and self.offset is None:
            self.offset = tuple(None if size is None else size * 0 for size in self.voxel_size)
            self.infer("offset", "not stated; the convention begins at 0")
            self.note("ZM303", "no origin is stated, the ROI begins at 0")
        if self.fractional and self.convention in _TRUNCATED_BY_READERS:
            numbers = [*(self.voxel_size or ()), *(self.offset or ())]
            if any(number is not None and number.denominator != 1 for number in numbers):
                hint = "gunpowder, daisy, dacapo and funlib.persistence cut the fraction off"
                self.note(
                    "ZM307",
                    "a value is not a whole number",
                    found=[None if number is None else float(number) for number in numbers],
                    hint=hint,
                )
        return Claim(
            self.convention,
            self.version,
            self.names,
            self.types,
            self.units,
            self.voxel_size,
            self.offset,
            self.sources,
            frozenset(self.inferred),
            tuple(self.findings),
        )

    # --- findings and sources ---------------------------------------------------------------------------------------

    def note(
        self,
        code: str,
        message: str,
        *path: str | int,
        node: Node | None = None,
        expected: str = "",
        found: object = None,
        hint: str = "",
    ) -> None:
        """Add a finding at a path in the attributes of the node (or of a group above it)."""
        node = node or self.node
        outside = path == ("dimension_names",) and node.format == 3  # a field of the document, not an attribute
        place = (pointer(*path) if outside else node.attributes_pointer + pointer(*path)) if path else ""
        text = "" if found is None else describe(found)
        self.findings.append(
            Finding(code, f"{self.convention}: {message}", node.attributes_file, place, expected, text, hint)
        )

    def infer(self, name: str, why: str) -> None:
        """Note that a field is a habit of the convention."""
        self.inferred.add(name)
        self.sources[name] = why

    def source(self, name: str, *path: str | int, node: Node | None = None, how: str = "") -> None:
        """Note where a field stands."""
        self.inferred.discard(name)
        self.sources[name] = Source(path, None if node is None or node is self.node else node.path, how)

    # --- parsing ----------------------------------------------------------------------------------------------------

    def parse_names(self, value: JSONValue, *path: str | int, node: Node | None = None, reverse: bool = False) -> bool:
        """Take a list of axis names, one per axis; `c^` is a channel axis named c. Tell whether they could be used."""
        at = node or self.node
        raw = [name for name in value if isinstance(name, str) and name] if isinstance(value, list) else []
        if not isinstance(value, list) or len(raw) != len(value):
            self.note("ZM202", "axis names must be a list of strings", *path, node=at, found=value)
            return False
        if len(raw) != self.node.ndim:
            expected = f"{self.node.ndim} names, one per dimension"
            self.note("ZM201", "the list of axes does not fit the array", *path, node=at, expected=expected, found=value)
            return False
        raw = raw[::-1] if reverse else raw
        names = [name.rstrip("^'") or name for name in raw]
        if len(set(names)) != len(names):
            self.note("ZM202", "axis names must differ from each other", *path, node=at, found=value)
            return False
        self.names = tuple(names)
        pairs = zip(raw, names, strict=True)
        self.types = tuple(["channel" if "^" in name else type_of_name(clean) for name, clean in pairs])
        how = "reversed because N5" if reverse else ""
        self.source("axes", *path, node=at, how=how)
        self.infer("types", "understood from the axis names")
        return True

    def infer_names(self, physical: int) -> None:
        """Name the axes as the lab tools do where the file names none: channels first, then z, y, x."""
        extra = self.node.ndim - physical
        if not 0 < physical <= 4 or extra < 0:
            return
        channels = ["c"] if extra == 1 else [f"c{index}" for index in range(extra)]
        self.names = (*channels, *("t", "z", "y", "x")[4 - physical :])
        self.types = tuple(type_of_name(name) for name in self.names)
        self.infer("axes", f"not stated; {self.convention} tools read the axes as {', '.join(map(str, self.names))}")
        self.infer("types", "understood from the axis names")
        code = "ZM206" if physical == 4 else "ZM205"
        hint = 'state them: add_metadata({"axes": […]})'
        self.note(code, f"axis names are not stated; taken as {' '.join(map(str, self.names))}", hint=hint)

    def parse_sizes(self, value: JSONValue, *path: str | int, node: Node | None = None) -> tuple[Fraction, ...] | None:
        """Parse a list of positive finite numbers, or note what is wrong with it."""
        return self.parse_list(value, *path, node=node, positive=True)

    def parse_list(
        self, value: JSONValue, *path: str | int, node: Node | None = None, positive: bool = False
    ) -> tuple[Fraction, ...] | None:
        """Parse a list of finite numbers, or note what is wrong with it."""
        what = "positive numbers" if positive else "numbers"
        code = "ZM301" if positive else "ZM302"
        if not isinstance(value, list) or not value:
            self.note(code, f"`{path[-1]}` must be a list of {what}", *path, node=node, found=value)
            return None
        numbers = [number for number in map(parse_number, value) if number is not None]
        if len(numbers) == len(value) and not (positive and any(number.numerator <= 0 for number in numbers)):
            self.fractional = self.fractional or set(map(type, value)) != {int}
            return tuple(numbers)
        for index, item in enumerate(value):
            number = parse_number(item)
            if number is None or (positive and number.numerator <= 0):
                kind = "a positive finite number" if positive else "a finite number"
                quoted = isinstance(item, str) and _QUOTED.fullmatch(item.strip()) is not None
                hint = "a string is not a number: remove the quotes" if quoted else ""
                self.note(code, f"`{path[-1]}` is wrong", *path, index, node=node, expected=kind, found=item, hint=hint)
        return None

    def parse_unit(
        self, value: JSONValue, *path: str | int, node: Node | None = None, long_only: bool = False
    ) -> str | None:
        """Return the long name of a unit, None for none; `long_only` reports abbreviations."""
        if value is None:
            return None
        if not isinstance(value, str):
            self.note("ZM208", "a unit must be a string", *path, node=node, found=value)
            return None
        if value in NO_UNIT:
            return None
        name = long_name(value)
        if name is None:
            hint = "use a name that OME-NGFF lists, such as nanometer or millisecond"
            self.note("ZM204", "the unit is not known", *path, node=node, found=value, hint=hint)
            return value
        if long_only and name != value:
            self.note("ZM204", "the unit is an abbreviation", *path, node=node, expected=name, found=value)
        return name

    def align(self, values: Sequence[object], *path: str | int, node: Node | None = None) -> tuple[int, ...] | None:
        """Return the axes that a list of values per physical axis belongs to, or note that it fits none."""
        count, ndim = len(values), self.node.ndim
        types = self.types or self.named_types()
        axes = _fitting(types, count)
        if axes is not None:
            if count < ndim and not any(types) and dimension_names(self.node) is not None:
                self.note("ZM206", f"`{path[-1]}` is taken to speak of the last {count} axes", *path, node=node)
            return axes
        physical = [kind for kind in types if kind in PHYSICAL]
        count_text = f"{len(physical)} values, one per physical axis" if physical else f"at most {ndim} values"
        found = [_shown(value) for value in values]
        self.note("ZM201", f"`{path[-1]}` does not fit the axes", *path, node=node, expected=count_text, found=found)
        return None

    def named_types(self) -> tuple[str | None, ...]:
        """Return what the dimension names that Zarr or xarray store say about the types."""
        names = dimension_names(self.node)
        if names is None:
            return (None,) * self.node.ndim
        return tuple("channel" if name and name.endswith("^") else type_of_name(name) for name in names)

    def spread(self, values: Sequence[Fraction], axes: Sequence[int]) -> tuple[Fraction | None, ...]:
        """Put values per physical axis on all axes; an entry for an axis that is not physical is left out."""
        types = self.types or self.named_types()
        result: list[Fraction | None] = [None] * len(types)
        for axis, value in zip(axes, values, strict=True):
            if types[axis] is None or types[axis] in PHYSICAL:
                result[axis] = value
        return tuple(result)

    def take_geometry(
        self,
        size_key: tuple[str | int, ...],
        sizes: JSONValue,
        offset_key: tuple[str | int, ...] = (),
        offsets: JSONValue = None,
        *,
        node: Node | None = None,
        reverse: bool = False,
    ) -> None:
        """Take lists of voxel sizes and of corner offsets per physical axis, in C order or reversed."""
        how = "reversed because N5" if reverse else ""
        parsed = None if sizes is None else self.parse_sizes(sizes, *size_key, node=node)
        if parsed is not None:
            parsed = parsed[::-1] if reverse else parsed
            axes = self.align(parsed, *size_key, node=node)
            if axes is not None:
                if self.names is None and dimension_names(self.node) is None:
                    self.infer_names(len(axes))
                self.voxel_size = self.spread(parsed, axes)
                self.source("voxel_size", *size_key, node=node, how=how)
        corner = None if offsets is None else self.parse_list(offsets, *offset_key, node=node)
        if corner is not None:
            corner = corner[::-1] if reverse else corner
            axes = self.align(corner, *offset_key, node=node)
            if axes is not None:
                self.offset = self.spread(corner, axes)
                self.source("offset", *offset_key, node=node, how=("corner; " + how) if how else "corner")
        self.check_offset(offset_key, node)

    def check_offset(self, offset_key: tuple[str | int, ...], node: Node | None = None) -> None:
        """An offset must speak of the axes that the voxel size speaks of."""
        if self.voxel_size is None or self.offset is None:
            return
        for size, corner in zip(self.voxel_size, self.offset, strict=True):
            if (size is None) != (corner is None):
                self.note("ZM201", "offset and voxel size speak of different axes", *offset_key, node=node)
                self.offset = None
                return

    def take_units(self, value: JSONValue, *path: str | int, reverse: bool = False, long_only: bool = False) -> None:
        """Take a list of units per physical axis (or per axis), or one string for all of them."""
        if isinstance(value, str):
            if path[-1] != "unit":  # which is one by its name, and n5-universe's readers take it so
                self.note("ZM209", "one unit stands for all axes", *path, expected="a list, one unit per axis", found=value)
        elif not isinstance(value, list):
            self.note("ZM201", "units must be a list of strings", *path, found=value)
            return
        axes: tuple[int, ...] | None
        if isinstance(value, str):
            types = self.types or ()
            axes = tuple(axis for axis in range(self.node.ndim) if axis < len(types) and types[axis] == "space")
            items: list[JSONValue] = [value] * len(axes)
        else:
            items = value[::-1] if reverse else value
            axes = self.align(items, *path)
        if axes is None:
            return
        units: list[str | None] = [None] * self.node.ndim
        for index, (axis, item) in enumerate(zip(axes, items, strict=True)):
            at = () if isinstance(value, str) else (len(items) - 1 - index if reverse else index,)
            units[axis] = self.parse_unit(item, *path, *at, long_only=long_only)
        self.units = tuple(units)
        self.source("units", *path, how="reversed because N5" if reverse else "")


#: What would be a number without its quotes.
_QUOTED = re.compile(r"-?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?")


def _shown(value: object) -> object:
    """Return a number as JSON shows it; anything else as it is."""
    return (value.numerator if value.denominator == 1 else float(value)) if isinstance(value, Fraction) else value


@lru_cache(maxsize=1024)
def _fitting(types: tuple[str | None, ...], count: int) -> tuple[int, ...] | None:
    """Return the axes that a list of so many values speaks of; None where it fits none.

    These are the physical axes, or those and the ones of unknown type, or all, or (where no type is known) the last ones.
    """
    physical = tuple(axis for axis, kind in enumerate(types) if kind in PHYSICAL)
    likely = tuple(axis for axis, kind in enumerate(types) if kind is None or kind in PHYSICAL)
    for candidate in (physical, likely, tuple(range(len(types)))):
        if candidate and len(candidate) == count:
            return candidate
    return likely[len(types) - count :] if count < len(types) == len(likely) and not any(types) else None


def dimension_names(node: Node) -> list[str | None] | None:
    """Return the names that Zarr v3, xarray (`_ARRAY_DIMENSIONS`) or COSEM store, None where they do not fit the array.

    A name that is null or empty is None.
    """
    for names in (node.dimension_names, array_dimensions(node), _transform_axes(node)):
        if isinstance(names, list) and len(names) == node.ndim and any(isinstance(name, str) and name for name in names):
            return [name if isinstance(name, str) and name else None for name in names]
    return None


def _transform_axes(node: Node) -> JSONValue:
    """Return the names that a COSEM transform gives the axes, in C order; what stands beside it speaks of the same axes."""
    transform = node.attributes.get("transform")
    if not isinstance(transform, dict):
        return None
    axes = transform.get("axes")
    reverse = transform.get("order", transform.get("ordering")) == "F"
    return axes[::-1] if isinstance(axes, list) and reverse else axes


def array_dimensions(node: Node) -> JSONValue:
    """Return the attribute `_ARRAY_DIMENSIONS`, None where it does not count: dacapo writes it x-first in N5."""
    keys = node.attributes
    return None if node.format == "n5" and "dimension_units" in keys else keys.get("_ARRAY_DIMENSIONS")


def take_unit_beside(draft: Draft, node: Node, *, reverse: bool) -> None:
    """Read `units` or `unit` beside a bare resolution: few tools of that layout write them, but then they count."""
    key = _unit_key(node)
    if key is not None and draft.voxel_size is not None:
        draft.take_units(node.attributes[key], key, reverse=reverse)


def _unit_key(node: Node) -> str | None:
    """Return the key that holds the unit of a bare resolution; `units` beside a `voxel_size` are those of the latter."""
    keys = ("unit",) if "voxel_size" in node.attributes else ("units", "unit")
    return next((key for key in keys if key in node.attributes), None)


def encode_unit_beside(metadata: Metadata, node: Node, convention: str, *, reverse: bool) -> JSONObject:
    """Write the units where the node keeps them already; raises `EncodeError` where there is no place for them."""
    units: list[JSONValue] = [unit or "" for unit in metadata.units]
    key = _unit_key(node)
    if key == "units" and isinstance(node.attributes[key], list):
        return {key: units[::-1] if reverse else units}
    if key is not None and all(unit == units[0] for unit in units):
        return {key: units[0]}
    if any(units):
        hint = 'leave units out, or pass convention="zmeta" to state them in that one beside'
        raise no_place(convention, "units", node, hint)
    return {}


def is_list_of_strings(value: JSONValue) -> bool:
    """Whether a JSON value is a non-empty list of strings."""
    return isinstance(value, list) and set(map(type, value)) == {str}


def ancestor_at(node: Node, depth: int) -> tuple[Node, str] | None:
    """Return the group `depth` levels above, with the path from it to the node."""
    return node.ancestors[depth] if depth < len(node.ancestors) else None


# --- encoding -------------------------------------------------------------------------------------------------------


def no_place(convention: str, what: str, node: Node, hint: str = "") -> EncodeError:
    """Return the error for a value that a convention cannot hold."""
    message = f"{convention} has no place for {what}"
    finding = Finding("ZM409", message, node.attributes_file, hint=hint)
    return EncodeError("the convention cannot hold the metadata", where=node.path, findings=(finding,))


def encode_numbers(numbers: Iterable[Fraction], convention: str, node: Node) -> list[JSONValue]:
    """Return exact numbers as JSON; raises `EncodeError` for one that has no finite decimal."""
    result: list[JSONValue] = []
    for number in numbers:
        try:
            result.append(dump_number(number))
        except ValueError as error:
            raise no_place(convention, f"a number without a finite decimal ({error})", node) from None
    return result


def require_geometry(metadata: Metadata, convention: str, node: Node) -> tuple[tuple[Fraction, ...], tuple[Fraction, ...]]:
    """Return voxel size and offset; raises `EncodeError` where they are absent."""
    if metadata.voxel_size is None:
        raise no_place(convention, "an array without a voxel size", node, "give voxel_size")
    offset = metadata.offset
    return metadata.voxel_size, offset if offset is not None else tuple(size * 0 for size in metadata.voxel_size)


def require_names(metadata: Metadata, convention: str, node: Node) -> list[str]:
    """Return the axis names; raises `EncodeError` where one is absent."""
    names = [name for name in metadata.names if name]
    if len(names) != len(metadata.axes):
        raise no_place(convention, "axes without names", node, "give axes")
    return names


@lru_cache(maxsize=1024)
def unit_conflict(unit: str | None, kind: str | None) -> bool:
    """Whether a unit is of another kind than the axis: a space axis in seconds."""
    return unit is not None and kind in PHYSICAL and unit_type(unit) not in (None, kind)
