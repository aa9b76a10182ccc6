"""Decoding: precedence, contradictions, and each finding in a case where it fires and one where it is silent."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from zmeta.conventions.base import Reading
from zmeta.conventions.merge import Given
from zmeta.conventions.registry import BY_ID, VERSIONS, detect
from zmeta.errors import MetadataError
from zmeta.finding import CODES
from zmeta.nodes.node import Format, Node
from zmeta.pipeline import Decoded, decode_node
from zmeta.schema.catalog import list_schemas

ZYX = (10, 20, 30)


def group(path: str, attributes: dict[str, Any], format_: Format) -> Node:
    return Node(path, format_, "group", {}, attributes)


def array(
    attributes: dict[str, Any],
    *,
    shape: tuple[int, ...] = ZYX,
    format_: Format = 2,
    parent: dict[str, Any] | None = None,
    name: str = "s0",
    names: list[str | None] | None = None,
) -> Node:
    above = () if parent is None else ((group("/c", parent, format_), name),)
    return Node(f"/c/{name}", format_, "array", {}, attributes, shape, "uint8", names, above)  # type: ignore[arg-type]


def image(*levels: tuple[list[Any], list[Any] | None], version: str = "0.4", **extra: Any) -> dict[str, Any]:
    """Attributes of an OME-NGFF group with levels s0, s1, … of a scale and a translation."""
    datasets = []
    for index, (scale, translation) in enumerate(levels):
        transforms: list[Any] = [{"type": "scale", "scale": scale}]
        if translation is not None:
            transforms.append({"type": "translation", "translation": translation})
        datasets.append({"path": f"s{index}", "coordinateTransformations": transforms})
    axes = [{"name": name, "type": "space", "unit": "nanometer"} for name in "zyx"]
    return {"multiscales": [{"version": version, "axes": axes, "datasets": datasets, **extra}]}


def codes(decoded: Decoded) -> set[str]:
    return {finding.code for finding in decoded.findings}


def numbers(*values: float | str) -> tuple[Fraction, ...]:
    return tuple(Fraction(str(value)) for value in values)


# --- the table --------------------------------------------------------------------------------------------------------


def test_the_registry_is_sound() -> None:
    assert len(BY_ID) == len(VERSIONS)
    paths = {name.path for name in list_schemas()}
    assert {row.schema for row in VERSIONS if row.schema} <= paths
    assert all(row.evidence for row in VERSIONS), "a row without evidence would never be asked"


@pytest.mark.parametrize("row", [row for row in VERSIONS if row.schema and not row.on_group], ids=lambda row: str(row.id))
def test_the_examples_of_a_schema_are_detected_and_decode(row: Any) -> None:
    from zmeta.schema.catalog import load_schema

    examples = load_schema(row.schema)["examples"]
    assert isinstance(examples, list)
    found = []
    for example in examples:
        assert isinstance(example, dict)
        for ndim in (1, 2, 3, 4, 5):
            format_: Format = (
                "n5" if row.convention in ("n5-viewer", "neuroglancer-n5") else 3 if row.id == "xarray@3" else 2
            )
            names: Any = example.get("dimension_names") if row.id == "xarray@3" else None
            node = array(example if names is None else {}, shape=(7,) * ndim, format_=format_, names=names)
            decoded = decode_node(node)
            if not decoded.errors and any(claim.id == row.id for claim in decoded.claims):
                found.append(example)
                break
    inherited = [example for example in examples if isinstance(example, dict) and row.convention == "neuroglancer-n5"]
    assert len(found) == len(examples) or (inherited and found)


# --- one convention at a time -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("node", "convention", "axes", "size", "offset", "unit"),
    [
        (array({"resolution": [40, 8, 4], "offset": [80, 0, 12]}), "daisy@1", "zyx", (40, 8, 4), (80, 0, 12), None),
        (
            array({"resolution": [4, 8, 40], "offset": [12, 0, 80]}, format_="n5"),
            "daisy@1",
            "zyx",
            (40, 8, 4),
            (80, 0, 12),
            None,
        ),
        (
            array({"resolution": [4, 8, 40], "offset": [12, 0, 80]}, format_="n5", shape=(2, *ZYX)),
            "daisy@1",
            "czyx",
            (40, 8, 4),
            (80, 0, 12),
            None,
        ),
        (array({"voxel_size": [40, 8, 4], "offset": [1, 2, 3]}), "daisy@2", "zyx", (40, 8, 4), (1, 2, 3), None),
        (
            array({"voxel_size": [40, 8, 4], "offset": [1, 2, 3]}, format_="n5"),
            "daisy@2",
            "zyx",
            (40, 8, 4),
            (1, 2, 3),
            None,
        ),
        (
            array({"axes": "zyx", "resolution": [12, 4, 2], "offset": [24, 8, 6]}),
            "dacapo@0.1",
            "zyx",
            (12, 4, 2),
            (24, 8, 6),
            None,
        ),
        (
            array({"axes": ["zyx"], "resolution": [12, 4, 2], "offset": [24, 8, 6]}),
            "dacapo@0.1",
            "zyx",
            (12, 4, 2),
            (24, 8, 6),
            None,
        ),
        (
            array(
                {
                    "axes": ["c", "z", "y", "x"],
                    "resolution": [8, 4, 2],
                    "offset": [16, 0, 6],
                    "dimension_units": ["2", "8 nm", "4 nm", "2 nm"],
                    "_ARRAY_DIMENSIONS": ["c^", "z", "y", "x"],
                },
                shape=(2, *ZYX),
            ),
            "dacapo@0.2.1",
            "czyx",
            (8, 4, 2),
            (16, 0, 6),
            "nanometer",
        ),
        (
            array({"axes": ["x", "y", "z"], "resolution": [2, 4, 8], "offset": [6, 0, 16]}, format_="n5"),
            "dacapo@0.2.0",
            "zyx",
            (8, 4, 2),
            (16, 0, 6),
            None,
        ),
        (
            array(
                {
                    "transform": {
                        "axes": ["z", "y", "x"],
                        "units": ["nm"] * 3,
                        "scale": [10.48, 8.0, 7.0],
                        "translate": [2.62, 2.0, 1.5],
                    }
                },
                format_="n5",
            ),
            "cosem@1",
            "zyx",
            (10.48, 8, 7),
            (-2.62, -2, -2),
            "nanometer",
        ),
        (
            array(
                {
                    "transform": {
                        "order": "F",
                        "axes": ["x", "y", "z"],
                        "units": ["nm"] * 3,
                        "scale": [7, 8, 10],
                        "translate": [0, 0, 0],
                    }
                },
                format_="n5",
            ),
            "cosem@1",
            "zyx",
            (10, 8, 7),
            (-5, -4, -3.5),
            "nanometer",
        ),
        (
            array(
                {"pixelResolution": {"unit": "nm", "dimensions": [4.0, 5.0, 40.0]}, "downsamplingFactors": [2, 2, 1]},
                format_="n5",
                name="s1",
            ),
            "n5-viewer@1",
            "zyx",
            (40, 10, 8),
            (0, 0, 0),
            "nanometer",
        ),
        (
            array(
                {},
                format_="n5",
                name="s1",
                parent={"scales": [[1, 1, 1], [2, 3, 1]], "pixelResolution": {"unit": "um", "dimensions": [0.25, 0.5, 2]}},
            ),
            "n5-viewer@1",
            "zyx",
            (2, 1.5, 0.5),
            (0, 0, 0),
            "micrometer",
        ),
        (
            array(
                {},
                format_="n5",
                name="s1",
                parent={
                    "axes": ["x", "y", "z"],
                    "units": ["nm", "nm", "um"],
                    "resolution": [5, 6, 0.025],
                    "downsamplingFactors": [[1, 1, 1], [2, 2, 1]],
                },
            ),
            "neuroglancer-n5@1",
            "zyx",
            (0.025, 12, 10),
            (0, 0, 0),
            None,
        ),
        (
            array({"dimension_units": ["", "50 nm", "8 nm", "nm"]}, shape=(3, *ZYX), names=["c", "z", "y", "x"], format_=3),
            "dimension-units@1",
            "czyx",
            (50, 8, 1),
            (0, 0, 0),
            "nanometer",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and "@" in value else None,
)
def test_decodes(
    node: Node, convention: str, axes: str, size: tuple[float, ...], offset: tuple[float, ...], unit: str | None
) -> None:
    decoded = decode_node(node)
    assert decoded.errors == ()
    metadata = decoded.metadata
    assert metadata.convention == convention
    assert metadata.names == tuple(axes)
    assert metadata.voxel_size == numbers(*size)
    assert metadata.offset == numbers(*offset)
    assert unit is None or set(metadata.units) == {unit}


def test_every_value_says_where_it_stands_and_how_it_was_read() -> None:
    node = array({"pixelResolution": {"unit": "nm", "dimensions": [4, 4, 40]}}, format_="n5")
    assert decode_node(node).metadata.provenance["voxel_size"] == "from `pixelResolution.dimensions`, reversed because N5"


# --- OME-NGFF ---------------------------------------------------------------------------------------------------------


def test_ome_transforms_of_level_and_image_compose() -> None:
    parent = {
        "ome": {
            "version": "0.5",
            "multiscales": [
                {
                    "axes": [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"],
                    "coordinateTransformations": [
                        {"type": "scale", "scale": [2.0, 0.5, 0.5]},
                        {"type": "translation", "translation": [10, 20, 30]},
                    ],
                    "datasets": [
                        {"path": "s0", "coordinateTransformations": [{"type": "scale", "scale": [1.0, 1.0, 1.0]}]},
                        {
                            "path": "s1",
                            "coordinateTransformations": [
                                {"type": "scale", "scale": [1.0, 2.0, 2.0]},
                                {"type": "translation", "translation": [0.0, 0.5, 0.5]},
                            ],
                        },
                    ],
                }
            ],
        }
    }
    for anchor, shift in (("corner", 0), ("centre", 1)):
        level_0 = decode_node(array({}, format_=3, parent=parent), Reading(anchor)).metadata  # type: ignore[arg-type]
        level_1 = decode_node(array({}, format_=3, parent=parent, name="s1"), Reading(anchor)).metadata  # type: ignore[arg-type]
        assert level_0.voxel_size == numbers(2, 0.5, 0.5)
        assert level_1.voxel_size == numbers(2, 1, 1)
        assert level_0.offset == level_1.offset == numbers(10 - shift, 20 - 0.25 * shift, 30 - 0.25 * shift)


@pytest.mark.parametrize("translation", [None, [100, 20, 30], [100, 22, 32]])
@pytest.mark.parametrize("anchor", ["corner", "centre"])
def test_levels_of_a_sound_pyramid_share_one_corner(translation: list[int] | None, anchor: Any) -> None:
    first = None if translation is None else [100, 20, 30]
    parent = image(([40, 4, 4], first), ([40, 8, 8], translation))
    corners = [decode_node(array({}, parent=parent, name=name), Reading(anchor)) for name in ("s0", "s1")]
    assert corners[0].metadata.offset == corners[1].metadata.offset
    assert "ZM304" not in codes(corners[1])


def test_a_level_off_the_corner_is_taken_relative_to_level_0_and_found() -> None:
    parent = image(([40, 4, 4], [100, 20, 30]), ([40, 8, 8], [100, 21, 32]))
    decoded = decode_node(array({}, parent=parent, name="s1"))
    assert decoded.metadata.offset == numbers(100, 21, 30)
    assert "ZM304" in codes(decoded)
    centre = decode_node(array({}, parent=parent, name="s1"), Reading("centre"))
    assert centre.metadata.offset == numbers(80, 17, 28)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"axes": [{"name": n, "type": "space", "units": "nanometer"} for n in "zyx"]}, "ZM104"),
        ({"axes": [{"name": n, "type": "space", "unit": "second"} for n in "zyx"]}, "ZM203"),
        ({"axes": [{"name": n, "type": "space", "unit": "um"} for n in "zyx"]}, "ZM204"),
        ({"axes": [{"name": n, "type": "space", "unit": " "} for n in "zyx"]}, "ZM204"),
        ({"axes": [{"name": n} for n in "zyx"]}, "ZM206"),
        ({"axes": [{"name": n} for n in "zy"]}, "ZM201"),
        ({"axes": [{"name": "z"}] * 3}, "ZM202"),
        ({"axes": None}, "ZM202"),
        ({"version": "0.3"}, "ZM403"),
        ({"version": None}, "ZM403"),
        ({"datasets": [{"path": "s0"}]}, "ZM305"),
        ({"datasets": [{"path": "s0", "coordinateTransformations": []}]}, "ZM305"),
        ({"datasets": [{"path": "s0", "coordinateTransformations": [{"type": "identity"}]}]}, "ZM310"),
        ({"datasets": [{"path": "s0", "coordinateTransformations": [{"type": "affine", "affine": []}]}]}, "ZM305"),
        ({"datasets": [{"path": "s0", "coordinateTransformations": [{"type": "scale", "scale": [4, 4]}]}]}, "ZM201"),
        ({"datasets": [{"path": "s0", "coordinateTransformations": [{"type": "scale", "scale": ["4"] * 3}]}]}, "ZM302"),
        ({"datasets": [{"path": "s0", "coordinateTransformations": [{"type": "scale", "scale": [4, 0, 4]}]}]}, "ZM301"),
        ({"datasets": [{"path": "s0", "coordinateTransformations": [{"type": "scale", "scale": [4, -4, 4]}]}]}, "ZM301"),
        ({"coordinateSystems": []}, "ZM402"),
        ({"version": "0.6rc0"}, "ZM402"),
    ],
    ids=str,
)
def test_ome_findings(change: dict[str, Any], code: str) -> None:
    sound = image(([40, 4, 4], None))
    assert code not in codes(decode_node(array({}, parent=sound)))
    broken = {"multiscales": [{k: v for k, v in (sound["multiscales"][0] | change).items() if v is not None}]}
    decoded = decode_node(array({}, parent=broken))
    assert code in codes(decoded)


def test_an_image_that_does_not_list_the_array_says_nothing_about_it() -> None:
    assert detect(array({}, parent=image(([1, 1, 1], None)), name="other")) == []
    climbing = image(([1, 1, 1], None))
    for path in ("../s0", "/s0", "s0/../s0", "", 5, None):
        climbing["multiscales"][0]["datasets"][0]["path"] = path
        assert detect(array({}, parent=climbing)) == []


# --- several at once --------------------------------------------------------------------------------------------------


def test_statements_win_over_habits_and_the_rest_is_filled_in() -> None:
    node = array({"resolution": [40, 4], "offset": [8, 9], "_ARRAY_DIMENSIONS": ["y", "x", "c"]}, shape=(20, 30, 3))
    metadata = decode_node(node).require()
    assert metadata.names == ("y", "x", "c")
    assert metadata.voxel_size == numbers(40, 4)
    assert [axis.voxel_size for axis in metadata.axes] == [40, 4, None]
    assert "ZM205" not in codes(decode_node(node))


@pytest.mark.parametrize(
    ("stated", "copy", "code"),
    [
        ([40, 4, 9], [40, 4, 9.8], "ZM411"),
        ([40, 4, 9.8], [40, 4, 9], "ZM411"),
        ([40, 0.5, 9.8], [40, 0.5, 9], "ZM411"),
        ([40, 4, 9], [40, 4, 8], "ZM401"),
        ([40, 4, 9], [40, 4, 10.2], "ZM401"),
        ([40, 5, 9], [40, 4, 9.8], "ZM401"),
    ],
)
def test_a_fraction_that_was_cut_off_is_told_from_another_value(stated: list[float], copy: list[float], code: str) -> None:
    decoded = decode_node(array({"resolution": stated, "offset": [0, 0, 0]}, parent=image((copy, None))))
    assert [finding.code for finding in decoded.errors] == [code]


@pytest.mark.parametrize(
    ("attributes", "parent", "both"),
    [
        (
            {"resolution": [9, 9, 9], "pixelResolution": {"dimensions": [9.8, 9.8, 9.8], "unit": "nm"}},
            None,
            ("9.8 nanometer", "(daisy@1, from `resolution`)"),
        ),
        (
            {"resolution": [40, 4, 4], "offset": [0, 0, 0]},
            image(([40, 4, 4.5], None)),
            ("4.5 nanometer", "from `resolution`"),
        ),
        ({"resolution": [40, 4, 4], "offset": [1, 0, 0]}, image(([40, 4, 4], [2, 0, 0])), ("offset is", "from `offset`")),
        ({"_ARRAY_DIMENSIONS": ["x", "y", "z"]}, image(([40, 4, 4], None)), ("axes is z y x", "x y z")),
        (
            {"voxel_size": [4, 4, 4], "resolution": [8, 8, 8], "offset": [0, 0, 0]},
            None,
            ("(daisy@2, from `voxel_size`)", "8, 8, 8"),
        ),
    ],
)
def test_a_contradiction_shows_both_values_and_where_each_stands(
    attributes: dict[str, Any], parent: dict[str, Any] | None, both: tuple[str, str]
) -> None:
    decoded = decode_node(array(attributes, parent=parent))
    errors = [finding.message for finding in decoded.errors if finding.code in ("ZM401", "ZM411")]
    assert len(errors) == 1
    assert all(part in errors[0] for part in both)
    with pytest.raises(MetadataError, match="cannot be relied on"):
        decoded.require()


@pytest.mark.parametrize(
    ("attributes", "parent"),
    [
        ({"resolution": [40, 4, 4], "offset": [100, 20, 32]}, image(([40, 4, 4], [100, 20, 32]))),
        (
            {
                "resolution": [9, 8, 7],
                "offset": [1, 2, 3],
                "pixelResolution": {"dimensions": [0.007, 0.008, 0.009], "unit": "um"},
            },
            None,
        ),
        ({"voxel_size": [4, 4, 4], "resolution": [4, 4, 4], "offset": [8, 8, 8]}, None),
        (
            {
                "transform": {"axes": ["z", "y", "x"], "units": ["nm"] * 3, "scale": [9, 8, 7], "translate": [4.5, 4, 3.5]},
                "pixelResolution": {"dimensions": [7, 8, 9], "unit": "nm"},
            },
            None,
        ),
        ({"_ARRAY_DIMENSIONS": ["Z", "Y", "X"]}, image(([40, 4, 4], None))),
        ({"_ARRAY_DIMENSIONS": ["dim_0", "dim_1", "dim_2"]}, image(([40, 4, 4], None))),
    ],
)
def test_copies_that_agree_are_silent(attributes: dict[str, Any], parent: dict[str, Any] | None) -> None:
    decoded = decode_node(array(attributes, parent=parent))
    assert len(decoded.claims) >= 1
    assert decoded.errors == ()


def test_an_agreeing_copy_lends_its_unit_and_a_stated_offset_replaces_a_habit() -> None:
    node = array({"resolution": [9, 8, 7], "offset": [1, 2, 3], "pixelResolution": {"dimensions": [7, 8, 9], "unit": "nm"}})
    metadata = decode_node(node).require()
    assert metadata.units == ("nanometer",) * 3
    assert metadata.offset == numbers(1, 2, 3)
    micro = array(
        {
            "resolution": [9, 8, 7],
            "offset": [1, 2, 3],
            "pixelResolution": {"dimensions": [0.007, 0.008, 0.009], "unit": "um"},
        }
    )
    metadata = decode_node(micro).require()
    assert metadata.voxel_size == numbers(0.009, 0.008, 0.007)
    assert metadata.offset == numbers(0.001, 0.002, 0.003), "a value without a unit is in world units (nanometer)"
    assert metadata.units == ("micrometer",) * 3


# --- each remaining finding, firing and silent ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "fires", "silent"),
    [
        ("ZM201", array({"resolution": [1, 2, 3, 4]}), array({"resolution": [1, 2, 3]})),
        ("ZM201", array({"resolution": [1, 2, 3], "offset": [1, 2]}), array({"resolution": [1, 2, 3], "offset": [1, 2, 4]})),
        ("ZM202", array({"axis_names": ["z", "z", "x"]}), array({"axis_names": ["z", "y", "x"]})),
        ("ZM205", array({"resolution": [1, 2, 3]}), array({"axes": "zyx", "resolution": [1, 2, 3], "offset": [0, 0, 0]})),
        ("ZM206", array({"resolution": [1, 2, 3, 4]}, shape=(5, *ZYX)), array({"resolution": [1, 2, 3]})),
        (
            "ZM207",
            array({"resolution": [1, 2, 3]}),
            array({"voxel_size": [1, 2, 3], "axis_names": ["z", "y", "x"], "units": ["nm"] * 3}),
        ),
        (
            "ZM208",
            array({"voxel_size": [1, 2, 3], "axis_names": ["z", "y", "x"], "units": [1, 2, 3]}),
            array({"voxel_size": [1, 2, 3], "axis_names": ["z", "y", "x"], "units": ["nm"] * 3}),
        ),
        (
            "ZM209",
            array({"voxel_size": [1, 2, 3], "axis_names": ["z", "y", "x"], "units": "nm"}),
            array({"voxel_size": [1, 2, 3], "axis_names": ["z", "y", "x"], "units": ["nm"] * 3}),
        ),
        ("ZM301", array({"resolution": ["4", 4, 4]}), array({"resolution": [4, 4, 4]})),
        ("ZM301", array({"resolution": [4, 4, 0]}), array({"resolution": [4, 4, 1e-9]})),
        (
            "ZM302",
            array({"resolution": [4, 4, 4], "offset": [0, None, 0]}),
            array({"resolution": [4, 4, 4], "offset": [0, -1, 0]}),
        ),
        ("ZM303", array({"resolution": [4, 4, 4]}), array({"resolution": [4, 4, 4], "offset": [0, 0, 0]})),
        (
            "ZM306",
            array({"axes": "zyx", "resolution": [1, 2, 3], "offset": [0, 0, 0]}, format_="n5"),
            array({"axes": "zyx", "resolution": [4, 2, 4], "offset": [0, 0, 0]}, format_="n5"),
        ),
        (
            "ZM306",
            array({"transform": {"axes": ["x", "y", "z"], "scale": [1, 2, 3], "translate": [0, 0, 0]}}, format_="n5"),
            array({"transform": {"axes": ["z", "y", "x"], "scale": [1, 2, 3], "translate": [0, 0, 0]}}, format_="n5"),
        ),
        (
            "ZM306",
            array(
                {"pixelResolution": {"unit": "nm", "dimensions": [4, 4, 40]}},
                format_="n5",
                name="s1",
                parent={"scales": [[1, 1, 1], [2, 2, 1]], "pixelResolution": {"unit": "nm", "dimensions": [4, 4, 40]}},
            ),
            array(
                {"pixelResolution": {"unit": "nm", "dimensions": [8, 8, 40]}},
                format_="n5",
                name="s1",
                parent={"scales": [[1, 1, 1], [2, 2, 1]], "pixelResolution": {"unit": "nm", "dimensions": [4, 4, 40]}},
            ),
        ),
        ("ZM307", array({"resolution": [4.5, 4, 4]}), array({"resolution": [45, 4, 4]})),
        (
            "ZM308",
            array({}, format_="n5", name="s1", parent={"pixelResolution": {"unit": "nm", "dimensions": [4, 4, 40]}}),
            array({}, format_="n5", name="s0", parent={"pixelResolution": {"unit": "nm", "dimensions": [4, 4, 40]}}),
        ),
        (
            "ZM309",
            array({"resolution": [1, 2, 3]}, format_="n5"),
            array({"resolution": [4, 2, 4]}, format_="n5"),
        ),
        ("ZM402", array({"painteraData": {"type": "raw"}}, format_="n5"), array({"anything": 1}, format_="n5")),
        (
            "ZM404",
            array(
                {
                    "axes": list("zyx"),
                    "zarr_conventions": [{"uuid": "15cb68dc-be15-4be5-97f6-9fa7d4985563", "schema_url": "x"}],
                }
            ),
            array({"axes": list("zyx"), "zarr_conventions": [{"uuid": "15cb68dc-be15-4be5-97f6-9fa7d4985563"}]}),
        ),
        (
            "ZM405",
            array({"axes": list("zyx"), "types": ["space"] * 3, "voxel_size": [1, 2, 3]}),
            array(
                {
                    "axes": list("zyx"),
                    "types": ["space"] * 3,
                    "voxel_size": [1, 2, 3],
                    "zarr_conventions": [{"uuid": "15cb68dc-be15-4be5-97f6-9fa7d4985563"}],
                }
            ),
        ),
        (
            "ZM406",
            array(
                {"transform": {"axes": list("zyx"), "scale": [1, 2, 3], "translate": [0, 0, 0]}},
                parent={
                    "multiscales": [
                        {"datasets": [{"path": "s0", "transform": {"scale": [1, 2, 4], "translate": [0, 0, 0]}}]}
                    ]
                },
            ),
            array(
                {"transform": {"axes": list("zyx"), "scale": [1, 2, 3], "translate": [0, 0, 0]}},
                parent={
                    "multiscales": [
                        {"datasets": [{"path": "s0", "transform": {"scale": [1, 2, 3], "translate": [0, 0, 0]}}]}
                    ]
                },
            ),
        ),
        (
            "ZM407",
            array({"resolution": [40, 4, 4]}, parent=image(([40, 4, 4], None)), shape=(2, *ZYX)),
            array({"resolution": [40, 4, 4]}, parent=image(([40, 4, 4], None))),
        ),
        (
            "ZM408",
            array({}, parent={"resolution": [40, 4, 4], "offset": [0, 0, 0]}),
            array({"resolution": [40, 4, 4], "offset": [0, 0, 0]}, parent={}),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_finding_fires_and_is_silent(code: str, fires: Node, silent: Node) -> None:
    assert code in codes(decode_node(fires))
    assert code not in codes(decode_node(silent))


def test_the_reader_may_give_what_the_file_does_not_say() -> None:
    bare = array({})
    assert decode_node(bare).metadata.voxel_size is None
    given = decode_node(bare, given=Given(("z", "y", "x"), numbers(40, 4, 4))).require()
    assert given.voxel_size == numbers(40, 4, 4)
    assert given.provenance["voxel_size"] == "given by the reader (default_voxel_size)"
    stated = decode_node(array({"resolution": [9, 9, 9]}), given=Given(None, numbers(40, 4, 4))).require()
    assert stated.voxel_size == numbers(9, 9, 9), "a default never replaces what the file states"
    renamed = decode_node(array({"axes": "zyx", "resolution": [1, 2, 3], "offset": [0, 0, 0]}), given=Given(("a", "b", "c")))
    assert "ZM410" in codes(renamed)
    short = decode_node(bare, given=Given(("z", "y", "x"), numbers(40, 4)))
    assert "ZM201" in codes(short)


def test_codes_are_well_formed() -> None:
    assert all(code.startswith("ZM") and code[2:].isdigit() and len(code) == 5 for code in CODES)
    assert len({title for _, title in CODES.values()}) == len(CODES)


def test_what_stands_beside_a_transform_speaks_of_its_axes() -> None:
    for size, ndim in (([8, 4, 40], 4), ([40], 2)):
        names = ["z", "y", "x"][: ndim - 1]
        transform = {"axes": [*names, "c"], "scale": [*size[::-1], 1], "translate": [0] * ndim, "units": ["nm"] * ndim}
        keys = {"transform": transform, "pixelResolution": {"dimensions": size, "unit": "nm"}}
        decoded = decode_node(array(keys, shape=(5,) * ndim, format_="n5"))
        assert decoded.errors == ()
        assert decoded.metadata.axes[-1].unit is None
        assert decoded.metadata.axes[0].voxel_size == 40


def test_one_claim_is_merged_as_several_are() -> None:
    """A lone convention takes a short way through `merge`; it must come to the same."""
    nodes = [
        array({"resolution": [40, 8, 4], "offset": [80, 0, 12]}),
        array({"_ARRAY_DIMENSIONS": ["z", "y", "x"]}),
        array({"dimension_units": ["40 nm", "8 nm", ""]}),
        array({}, parent=image(([40, 4, 4], [1, 2, 3]))),
        array({"voxel_size": [1, 2, 3], "axis_names": ["z", "y", "x"], "units": ["s", "nm", "nm"]}),
        array({"resolution": [0, 8, 4]}),
    ]
    for node in nodes:
        short, long = decode_node(node), decode_node(node, given=Given())
        assert len(short.claims) == 1
        assert short.metadata == long.metadata
        assert short.metadata.convention == long.metadata.convention
        assert dict(short.metadata.provenance) == dict(long.metadata.provenance)
        assert set(short.findings) == set(long.findings)
