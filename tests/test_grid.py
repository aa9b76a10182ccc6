"""World ↔ voxel: exact, refused where it is not whole, and the identity there and back."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import pairwise

import pytest
from funlib.geometry import Coordinate, Roi
from hypothesis import given
from hypothesis import strategies as st

from zmeta.array.grid import check_roi, from_world, roi_of, slices_of, snap, voxel_size_of
from zmeta.canonical.metadata import Axis, Metadata
from zmeta.canonical.units import SPACE, TIME
from zmeta.canonical.world import World, parse_world, to_world
from zmeta.errors import GeometryError, MissingMetadataError, NotOnGridError

NM = World()


def metadata(
    sizes: str, offsets: str | None = None, unit: str | None = "nanometer", names: str = "zyx", time_unit: str | None = None
) -> Metadata:
    """Return metadata of one axis per letter; numbers are given as the text that a file holds."""
    corners = (offsets or " ".join("0" for _ in names)).split()
    axes = [
        Axis(name, "time", time_unit, Fraction(size), Fraction(corner))
        if name == "t"
        else Axis(name, "space", unit, Fraction(size), Fraction(corner))
        for name, size, corner in zip(names, sizes.split(), corners, strict=True)
    ]
    return Metadata(tuple(axes), "zmeta@1.0")


# --- units ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizes", "unit", "world", "expected"),
    [
        ("0.36 0.36 0.36", "micrometer", "nanometer", (360, 360, 360)),
        ("0.004 0.004 0.04", "micrometer", "nanometer", (4, 4, 40)),
        ("1 2 3", "millimeter", "nanometer", (10**6, 2 * 10**6, 3 * 10**6)),
        ("98 98 98", "angstrom", "picometer", (9800, 9800, 9800)),
        ("9.8 4 4", "nanometer", "picometer", (9800, 4000, 4000)),
        ("9.8 4 4", "nanometer", "angstrom", (98, 40, 40)),
        ("5 5 5", "nanometer", ("picometer", "second"), (5000, 5000, 5000)),
        ("40 4 4", None, "picometer", (40, 4, 4)),  # without a unit: in world units, whatever they are
    ],
)
def test_values_are_converted_exactly(
    sizes: str, unit: str | None, world: str | tuple[str, ...], expected: tuple[int, ...]
) -> None:
    found = voxel_size_of(metadata(sizes, unit=unit), parse_world(world))
    assert found == expected
    assert isinstance(found, Coordinate)


@pytest.mark.parametrize(
    ("sizes", "offsets", "unit", "axis", "value", "coarsest"),
    [
        ("9.8 4 4", None, "nanometer", "z", "9.8 nanometer", "angstrom"),
        ("4 4 9.8", None, "nanometer", "x", "9.8 nanometer", "angstrom"),
        ("4 4.00025 4", None, "nanometer", "y", "4.00025 nanometer", "femtometer"),
        ("0.0098 0.004 0.004", None, "micrometer", "z", "9.8 nanometer", "angstrom"),
        ("4 4 4", "0 0.5 0", "nanometer", "y", "0.5 nanometer", "angstrom"),
        ("9.8 4 4", "0.0001 0 0", "nanometer", "z", "9.8 nanometer", "femtometer"),  # whole for the offset, too
    ],
)
def test_what_is_not_whole_is_refused_with_the_unit_that_would_do(
    sizes: str, offsets: str | None, unit: str, axis: str, value: str, coarsest: str
) -> None:
    data = metadata(sizes, offsets, unit)
    with pytest.raises(NotOnGridError, match=f"axis {axis} is not a whole number") as caught:
        roi_of(data, (10, 10, 10), NM, "/a.zarr")
    assert caught.value.found == value
    assert caught.value.where == "/a.zarr"
    assert f'world_unit="{coarsest}"' in caught.value.hint
    assert "metadata.voxel_size" in caught.value.hint
    roi_of(data, (10, 10, 10), parse_world(coarsest))  # what is suggested works, and no coarser unit does
    names = [name for name, _ in sorted(SPACE.items(), key=lambda item: -item[1]) if "meter" in name or name == "angstrom"]
    coarser = dict(pairwise(reversed(names)))[coarsest]
    with pytest.raises(NotOnGridError, match="is not a whole number"):
        roi_of(data, (10, 10, 10), parse_world(coarser))


def test_time_is_suggested_a_unit_of_time() -> None:
    data = metadata("0.5 4 4", names="tyx", time_unit="millisecond")
    with pytest.raises(NotOnGridError, match=r'axis t .*\n(.*\n)*.*world_unit="microsecond"'):
        voxel_size_of(data, NM)
    assert voxel_size_of(data, parse_world("microsecond")) == (500, 4, 4)
    assert voxel_size_of(data, parse_world(["picometer", "microsecond"])) == (500, 4000, 4000)


def test_without_a_unit_no_other_can_be_suggested() -> None:
    with pytest.raises(NotOnGridError, match="no unit is stated") as caught:
        voxel_size_of(metadata("9.8 4 4", unit=None), NM)
    assert "world_unit=" not in caught.value.hint


def test_axes_of_one_kind_state_a_unit_all_or_none() -> None:
    """What bioformats2raw leaves out where it does not know: 2 of nothing beside 0.36 micrometer is no 2 nanometer."""
    mixed = Metadata((Axis("z", "space", None, Fraction(2)), Axis("x", "space", "micrometer", Fraction("0.36"))))
    with pytest.raises(GeometryError, match="some axes of space state a unit and others none"):
        voxel_size_of(mixed, NM)
    kinds = Metadata((Axis("t", "time", None, Fraction(2)), Axis("x", "space", "micrometer", Fraction("0.36"))))
    assert voxel_size_of(kinds, NM) == (2, 360)


def test_no_unit_means_that_no_finer_one_can_be_chosen() -> None:
    with pytest.raises(NotOnGridError, match="no unit is stated"):
        voxel_size_of(Metadata((Axis("x", "space", None, Fraction("0.5")),)), NM)


@pytest.mark.parametrize("unit", ["furlong", "second"])
def test_a_unit_that_cannot_be_converted_is_an_error(unit: str) -> None:
    with pytest.raises(GeometryError, match="cannot be converted") as caught:
        voxel_size_of(metadata("1 1 1", unit=unit), NM)
    assert caught.value.found == repr(unit)


@pytest.mark.parametrize(
    ("size", "offset", "expected"),
    [
        ("0.36000000000000004", "0", (360, 0)),
        ("0.35999999999999999", "-0.72000000000000008", (360, -720)),
        ("0.36", "0.00000000000000004", (360, 0)),  # what is left of a centre minus half a voxel
        ("0.36", "-0.00000000000000011", (360, 0)),
    ],
)
def test_floating_noise_is_rounded(size: str, offset: str, expected: tuple[int, int]) -> None:
    roi = roi_of(metadata(size, offset, "micrometer", "x"), (1,), NM)
    assert (roi.shape[0], roi.begin[0]) == expected


@pytest.mark.parametrize(
    ("size", "offset"), [("360.000001", "0"), ("360", "0.000001"), ("360", "1000.0001"), ("0.0000001", "0")]
)
def test_what_is_larger_than_noise_is_not_rounded(size: str, offset: str) -> None:
    with pytest.raises(NotOnGridError, match="is not a whole number"):
        roi_of(metadata(size, offset, "nanometer", "x"), (1,), NM)


@given(
    st.fractions(min_value=-(10**9), max_value=10**9),
    st.sampled_from([*SPACE]),
    st.sampled_from([*SPACE]),
)
def test_units_there_and_back_are_exact(value: Fraction, unit: str, world: str) -> None:
    axis = Axis("x", "space", unit)
    assert from_world(to_world(value, axis, parse_world(world)), axis, parse_world(world)) == value


@pytest.mark.parametrize("unit", [*TIME])
def test_units_of_time_are_converted_too(unit: str) -> None:
    axis = Axis("t", "time", unit)
    assert to_world(Fraction(3), axis, parse_world(unit)) == 3
    assert to_world(Fraction(3), axis, NM) == 3 * TIME[unit] / TIME["millisecond"]


# --- absent values --------------------------------------------------------------------------------------------------


def test_absent_is_absent() -> None:
    with pytest.raises(MissingMetadataError, match="states no voxel size") as caught:
        voxel_size_of(Metadata((Axis("x", "space"),), "xarray@3"), NM, "/a")
    assert "xarray@3, which states none" in caught.value.found
    assert "default_voxel_size=" in caught.value.hint
    with pytest.raises(MissingMetadataError, match="states no offset"):
        roi_of(Metadata((Axis("x", "space", None, Fraction(1)),)), (3,), NM)


def test_a_roi_is_fresh_each_time() -> None:
    data = metadata("40 4 4")
    first = roi_of(data, (1, 2, 3), NM)
    first.offset = Coordinate(7, 7, 7)
    assert roi_of(data, (1, 2, 3), NM) == Roi((0, 0, 0), (40, 8, 12))


# --- slices ---------------------------------------------------------------------------------------------------------


@st.composite
def arrays_and_parts(draw: st.DrawFn) -> tuple[Metadata, tuple[int, ...], tuple[slice, ...]]:
    """An array of random axes, voxel sizes and place, and the slices of a part of it."""
    names = draw(st.sampled_from(["x", "yx", "zyx", "czyx", "zyxc", "tczyx", "tzyx", "yxs"]))
    axes, shape, slices = [], [], []
    for name in names:
        extent = draw(st.integers(1, 50))
        if name in "cs":
            axes.append(Axis(name, "channel"))
            slices.append(slice(None))
        else:
            size, place = draw(st.integers(1, 10**6)), draw(st.integers(-(10**18), 10**18))
            axes.append(Axis(name, "time" if name == "t" else "space", None, Fraction(size), Fraction(place)))
            start = draw(st.integers(0, extent - 1))
            slices.append(slice(start, draw(st.integers(start + 1, extent))))
        shape.append(extent)
    return Metadata(tuple(axes)), tuple(shape), tuple(slices)


@given(arrays_and_parts())
def test_voxel_to_world_to_voxel_is_the_identity(case: tuple[Metadata, tuple[int, ...], tuple[slice, ...]]) -> None:
    data, shape, slices = case
    size, whole = voxel_size_of(data, NM), roi_of(data, shape, NM)
    inner = [slices[axis] for axis in data.physical]
    begin = whole.begin + Coordinate(part.start for part in inner) * size
    roi = Roi(begin, Coordinate(part.stop - part.start for part in inner) * size)
    assert slices_of(roi, data, shape, NM, "") == slices
    assert whole.contains(roi)


@pytest.mark.parametrize(
    ("roi", "message", "suggestion"),
    [
        (Roi((0, 1, 0), (40, 4, 4)), "not on the voxel grid", Roi((0, 0, 0), (40, 8, 4))),
        (Roi((0, 0, 0), (39, 4, 4)), "not on the voxel grid", Roi((0, 0, 0), (40, 4, 4))),
        (Roi((0, 0, 0), (80, 400, 4)), "reaches out of the array", Roi((0, 0, 0), (80, 40, 4))),
        (Roi((-40, 0, 0), (80, 4, 4)), "reaches out of the array", Roi((0, 0, 0), (40, 4, 4))),
    ],
)
def test_a_roi_that_does_not_fit_is_refused_with_the_one_that_does(roi: Roi, message: str, suggestion: Roi) -> None:
    shift = Coordinate(400, -8, 2)
    data = metadata("40 4 4", "400 -8 2")
    with pytest.raises(GeometryError, match=message) as caught:
        slices_of(roi + shift, data, (10, 10, 10), NM, "/a")
    assert str(suggestion + shift) in caught.value.hint
    slices_of(suggestion + shift, data, (10, 10, 10), NM, "/a")


def test_a_roi_beside_the_array_is_refused() -> None:
    with pytest.raises(GeometryError, match="reaches out") as caught:
        slices_of(Roi((800, 0, 0), (40, 4, 4)), metadata("40 4 4"), (10, 10, 10), NM, "/a")
    assert "to_ndarray" in caught.value.hint
    assert "part inside" not in caught.value.hint


@pytest.mark.parametrize(
    ("roi", "message"),
    [
        (Roi((0, 0), (4, 4)), "wrong number of dimensions"),
        (Roi((None, 0, 0), (None, 4, 4)), "unbounded"),
        ((slice(0, 4),) * 3, "indexed by a Roi"),
        (3, "indexed by a Roi"),
    ],
)
def test_what_is_no_bounded_roi_of_the_array_is_refused(roi: object, message: str) -> None:
    whole = Roi((0, 0, 0), (40, 40, 40))
    with pytest.raises(GeometryError, match=message):
        check_roi(roi, whole, Coordinate(4, 4, 4), "/a")


def test_snap_shrinks_and_refuses_other_dimensions() -> None:
    roi = Roi((5, 5), (100, 100))
    assert snap(roi, Coordinate(20, 50)) == Roi((20, 50), (80, 50))
    with pytest.raises(GeometryError, match=re.escape("snap_to_grid has the wrong number of dimensions")):
        snap(roi, Coordinate(20, 20, 20))
