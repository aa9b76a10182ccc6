"""World ↔ voxel, exactly. The only module that makes a `Coordinate` or `Roi`, for these hold integers and truncate.

A value that is not whole in the world unit raises; floating noise up to a relative 1e-9 is rounded, nothing larger.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from funlib.geometry import Coordinate, Roi

from zmeta.canonical.numbers_ import number_text
from zmeta.canonical.units import SPACE, TIME, unit_size
from zmeta.canonical.world import World, to_world
from zmeta.errors import GeometryError, MissingMetadataError, NotOnGridError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zmeta.canonical.metadata import Axis, Metadata

_NOISE = Fraction(1, 10**9)


def from_world(value: Fraction, axis: Axis, world: World) -> Fraction:
    """Return a value in world units in the unit of an axis; the inverse of `to_world`."""
    return value / to_world(Fraction(1), axis, world)


def _whole(value: Fraction, axis: Axis, world: World) -> int | None:
    """Return the whole number of world units that a value is; noise is relative to it, or to the voxel size if larger.

    An offset may be what is left of two larger numbers, such as a centre minus half a voxel.
    """
    exact = to_world(value, axis, world)
    if exact.denominator == 1:
        return exact.numerator
    nearest = round(exact)
    scale = max(abs(value), axis.voxel_size or 0)
    return nearest if abs(exact - nearest) <= to_world(scale * _NOISE, axis, world) else None


def _integers(metadata: Metadata, key: Literal["voxel_size", "offset"], world: World, where: str) -> list[int] | None:
    """Return a value of all physical axes in whole world units; None where one states none; raises `NotOnGridError`."""
    result: list[int] = []
    for axis in metadata.axes:
        if not axis.physical:
            continue
        value = axis.voxel_size if key == "voxel_size" else axis.offset
        if value is None:
            return None
        if value.denominator == 1 and (axis.unit is None or axis.unit == world.unit(axis.type)):
            result.append(value.numerator)
            continue
        whole = _whole(value, axis, world)
        if whole is None:
            unit = world.unit(axis.type)
            raise NotOnGridError(
                f"the {key.replace('_', ' ')} of axis {axis.name} is not a whole number of world units",
                where=where,
                expected=f"a whole number of {unit} (a Coordinate holds integers, and nothing is truncated)",
                found=f"{number_text(to_world(value, axis, world))} {unit}",
                hint=_suggest_unit(metadata, axis, world),
            )
        result.append(whole)
    return result or None


def _suggest_unit(metadata: Metadata, axis: Axis, world: World) -> str:
    """Name the coarsest unit in which the values of all axes of this kind are whole."""
    exact_values = "; metadata.voxel_size and metadata.offset are exact in any case"
    if axis.unit is None:
        return "no unit is stated, so no finer one can be chosen: state the unit" + exact_values
    table = TIME if axis.type == "time" else SPACE
    alike = [other for other in metadata.axes if other.physical and (other.type == "time") == (axis.type == "time")]
    values = [(value, other) for other in alike for value in (other.voxel_size, other.offset) if value is not None]
    for name, size in sorted(table.items(), key=lambda item: -item[1]):
        if "meter" not in name and "second" not in name and name != "angstrom":
            continue
        finer = World(world.space, name) if axis.type == "time" else World(name, world.time)
        if size < (unit_size(world.unit(axis.type)) or size) and all(
            _whole(value, other, finer) is not None for value, other in values
        ):
            return f'all values are whole in {name}: pass world_unit="{name}"' + exact_values
    return "no listed unit makes all values whole" + exact_values


def voxel_size_of(metadata: Metadata, world: World, where: str = "") -> Coordinate:
    """Return the voxel size in world units; raises `MissingMetadataError` or `NotOnGridError`."""
    for kind in ("space", "time"):
        units = {axis.unit for axis in metadata.axes if axis.type == kind and axis.voxel_size is not None}
        if None in units and len(units) > 1:
            raise GeometryError(
                f"some axes of {kind} state a unit and others none",
                where=where,
                found=", ".join(f"{axis.name}: {axis.unit or 'none'}" for axis in metadata.axes if axis.type == kind),
                hint='state them all: add_metadata({"units": […]})',
            )
    size = _integers(metadata, "voxel_size", world, where)
    if size is None:
        raise missing("voxel size", metadata, where, 'pass default_voxel_size=, or add_metadata({"voxel_size": […]})')
    return Coordinate(*size) if len(size) > 1 else Coordinate(size)  # a lone list costs a slow look at its type


def roi_of(metadata: Metadata, shape: Sequence[int], world: World, where: str = "", size: Coordinate | None = None) -> Roi:
    """Return the region that an array covers, in world units; a fresh `Roi` every time, for it can be changed.

    `size` is the voxel size where the caller has it already.
    """
    size = voxel_size_of(metadata, world, where) if size is None else size
    begin = _integers(metadata, "offset", world, where)
    if begin is None:
        raise missing("offset", metadata, where, 'add_metadata({"offset": […]})')
    return Roi(begin, [shape[axis] * step for axis, step in zip(metadata.physical, size, strict=True)])


def snap(roi: Roi, grid: Coordinate, where: str = "") -> Roi:
    """Return a ROI shrunk to multiples of a grid; raises `GeometryError` for a grid of other dimensions."""
    if grid.dims != roi.dims:
        raise GeometryError(
            "snap_to_grid has the wrong number of dimensions", where=where, expected=str(roi.dims), found=str(grid)
        )
    return roi.snap_to_grid(grid, mode="shrink")


def missing(what: str, metadata: Metadata, where: str, hint: str) -> MissingMetadataError:
    """Return the error for a value that is absent."""
    found = f"convention {metadata.convention}, which states none" if metadata.convention else "no known convention"
    return MissingMetadataError(f"the array states no {what}", where=where, found=found, hint=hint)


def slices_of(roi: Roi, metadata: Metadata, shape: Sequence[int], world: World, where: str) -> tuple[slice, ...]:
    """Return the slices of an array for a ROI in world units, channels whole.

    Raises `GeometryError` for a ROI off the voxel grid or out of bounds, with the ROI that would do.
    """
    whole = roi_of(metadata, shape, world, where)
    size = voxel_size_of(metadata, world, where)
    check_roi(roi, whole, size, where)
    if not whole.contains(roi):
        inside = roi.intersect(whole)
        hint = "read with to_ndarray(roi, fill_value=…)" + (
            f", or use the part inside: {inside}" if not inside.empty else ""
        )
        raise GeometryError(
            "the ROI reaches out of the array", where=where, expected=f"within {whole}", found=str(roi), hint=hint
        )
    result = [slice(None)] * len(shape)
    begin = (roi.begin - whole.begin) // size  # `/` of a Coordinate goes through a float
    end = (roi.end - whole.begin) // size
    for axis, start, stop in zip(metadata.physical, begin, end, strict=True):
        result[axis] = slice(start, stop)
    return tuple(result)


def check_roi(roi: Roi, whole: Roi, size: Coordinate, where: str) -> None:
    """Raise `GeometryError` for a ROI of the wrong dimensions, unbounded, or off the grid of an array."""
    if not isinstance(roi, Roi):
        raise GeometryError(
            "an array is indexed by a Roi in world units",
            where=where,
            expected="a Roi",
            found=repr(roi)[:80],
            hint="index array.data for voxels",
        )
    if roi.dims != whole.dims:
        raise GeometryError(
            "the ROI has the wrong number of dimensions", where=where, expected=str(whole.dims), found=str(roi.dims)
        )
    if roi.unbounded:
        raise GeometryError("the ROI is unbounded", where=where, found=str(roi), hint=f"intersect it with {whole}")
    begin = roi.begin - whole.begin
    if not (begin.is_multiple_of(size) and roi.shape.is_multiple_of(size)):
        moved = Roi(begin, roi.shape)
        grown = moved.snap_to_grid(size, mode="grow") + whole.begin
        raise GeometryError(
            "the ROI is not on the voxel grid",
            where=where,
            expected=f"begin and end on multiples of {size} from {whole.begin}",
            found=str(roi),
            hint=f"snapped it is {grown}",
        )
