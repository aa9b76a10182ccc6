"""Axes, voxel size and offset of an array, exactly: what every convention is decoded to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from zmeta.canonical.numbers_ import dump_number

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction

    from zmeta.jsondoc import JSONObject

#: Axes of these types have a voxel size and an offset.
PHYSICAL = ("space", "time")

#: What an axis name says of its type where the file says nothing (the habit of every convention here).
TYPE_OF_NAME = {"x": "space", "y": "space", "z": "space", "t": "time", "time": "time", "c": "channel",
                "channel": "channel", "channels": "channel", "s": "sample", "b": "batch"}  # fmt: skip


@lru_cache(maxsize=1024)
def type_of_name(name: str | None) -> str | None:
    """Return the type that a name is understood as, None where it says nothing.

    >>> type_of_name("Z"), type_of_name("lat"), type_of_name("c0")
    ('space', None, 'channel')
    """
    if name is None:
        return None
    short = name.lower()
    if len(short) > 1 and short[0] in "cs" and short[1:].isdigit():
        short = short[0]
    return TYPE_OF_NAME.get(short)


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis. `voxel_size` and `offset` are in `unit`; they are None where the axis is not physical or states none.

    `offset` is the world position of the *corner* of the first voxel, whatever the file stores.
    """

    name: str | None
    type: str | None = None
    unit: str | None = None
    voxel_size: Fraction | None = None
    offset: Fraction | None = None

    @property
    def physical(self) -> bool:
        """Whether the axis is one of space or time, or has a voxel size."""
        return self.voxel_size is not None or self.type in PHYSICAL


@dataclass(frozen=True)
class Metadata:
    """The canonical metadata of one array: its axes in array-index (C) order, and where each value came from.

    Attributes
    ----------
    axes : tuple of Axis
        One per dimension of the array, slowest first.
    convention : str or None
        The convention that was read, as `name@version`; None for an array that states nothing.
    provenance : mapping of str to str
        For `axes`, `types`, `units`, `voxel_size`, `offset`: where the value stands and how it was read (made from
        `sources` when it is asked for).

    Two are equal when their axes are; where the values came from does not matter.

    Examples
    --------
    >>> from fractions import Fraction
    >>> size, corner = Fraction("0.36"), Fraction(0)
    >>> metadata = Metadata((Axis("c", "channel"), Axis("x", "space", "micrometer", size, corner)))
    >>> metadata.names, metadata.voxel_size, metadata.units
    (('c', 'x'), (Fraction(9, 25),), ('micrometer',))
    """

    axes: tuple[Axis, ...]
    convention: str | None = field(default=None, compare=False)
    sources: Mapping[str, object] = field(default_factory=dict, compare=False, repr=False)

    @property
    def provenance(self) -> dict[str, str]:
        """Where each value stands and how it was read."""
        return {key: str(source) for key, source in self.sources.items()}

    @property
    def names(self) -> tuple[str | None, ...]:
        """Name of every axis."""
        return tuple(axis.name for axis in self.axes)

    @property
    def types(self) -> tuple[str | None, ...]:
        """Type of every axis."""
        return tuple(axis.type for axis in self.axes)

    @property
    def physical(self) -> tuple[int, ...]:
        """Indices of the physical axes."""
        return tuple(index for index, axis in enumerate(self.axes) if axis.physical)

    @property
    def units(self) -> tuple[str | None, ...]:
        """Unit of every physical axis."""
        return tuple(axis.unit for axis in self.axes if axis.physical)

    @property
    def voxel_size(self) -> tuple[Fraction, ...] | None:
        """Voxel size of every physical axis, in its unit; None unless all state one."""
        return _complete([axis.voxel_size for axis in self.axes if axis.physical])

    @property
    def offset(self) -> tuple[Fraction, ...] | None:
        """World position of the corner of the first voxel per physical axis, in its unit; None unless all have one."""
        return _complete([axis.offset for axis in self.axes if axis.physical])

    def with_axes(self, axes: tuple[Axis, ...]) -> Metadata:
        """Return a copy with other axes."""
        return replace(self, axes=axes)

    def core(self) -> JSONObject:
        """Return the core keys as plain JSON in the terms of the `zmeta` layout; what is absent is left out.

        Raises `ValueError` for a number that has no finite decimal.
        """
        result: JSONObject = {}
        if None not in self.names:
            result["axes"] = list(self.names)
        if None not in self.types:
            result["types"] = list(self.types)
        if any(unit is not None for unit in self.units):
            result["units"] = [unit or "" for unit in self.units]
        for key in ("voxel_size", "offset"):
            numbers = getattr(self, key)
            if numbers is not None:
                result[key] = [dump_number(number) for number in numbers]
        return result


def _complete(values: list[Fraction | None]) -> tuple[Fraction, ...] | None:
    present = [value for value in values if value is not None]
    return tuple(present) if present and len(present) == len(values) else None
