"""The units in which ROIs and voxel sizes are whole numbers: one of space, one of time, the same for all arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from zmeta.canonical.units import unit_size, unit_type
from zmeta.errors import ConfigError, GeometryError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from fractions import Fraction

    from zmeta.canonical.metadata import Axis

#: One unit (its kind is known by its name), or one of space and one of time.
WorldUnit: TypeAlias = "str | Sequence[str]"


@dataclass(frozen=True, slots=True)
class World:
    """The unit of space and the unit of time in which ROIs are expressed."""

    space: str = "nanometer"
    time: str = "millisecond"

    def unit(self, kind: str | None) -> str:
        """Return the world unit for an axis of a type."""
        return self.time if kind == "time" else self.space


_DEFAULT = World()


def parse_world(unit: WorldUnit | None, default: World | None = None) -> World:
    """Return the world units for a setting; raises `ConfigError` for a unit that is not a listed long name.

    >>> parse_world("picometer")
    World(space='picometer', time='millisecond')
    """
    world = default or _DEFAULT
    for name in [unit] if isinstance(unit, str) else unit or ():
        kind = unit_type(name)
        if kind is None:
            expected = "a long name such as nanometer, picometer, millisecond"
            raise ConfigError("the world unit is not known", expected=expected, found=repr(name))
        world = World(name, world.time) if kind == "space" else World(world.space, name)
    return world


def to_world(value: Fraction, axis: Axis, world: World) -> Fraction:
    """Return a value of an axis in world units; an axis without a unit is in world units already.

    Raises `GeometryError` for a unit that is not listed, or of another kind than the axis.
    """
    if axis.unit is None or axis.unit == world.unit(axis.type):
        return value
    size, target = unit_size(axis.unit), unit_size(world.unit(axis.type))
    if size is None or target is None or unit_type(axis.unit) != unit_type(world.unit(axis.type)):
        raise GeometryError(
            f"the unit of axis {axis.name} cannot be converted to the world unit",
            expected=f"a unit that OME-NGFF lists, or none; the world unit is {world.unit(axis.type)}",
            found=repr(axis.unit),
            hint='state a listed unit: add_metadata({"units": […]})',
        )
    return value * size / target
