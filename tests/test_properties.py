"""Properties: no attributes make detection or decoding fail, and what is encoded is decoded to the same, exactly."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import (
    FITS,
    FOREIGN,
    Fit,
    attributes,
    image_of,
    junk,
    metadata_for,
    node_for,
    nodes,
    through_json,
    with_names,
)

from zmeta.add import apply_edits
from zmeta.canonical.metadata import Axis, Metadata
from zmeta.canonical.world import parse_world
from zmeta.cli.main import main
from zmeta.conventions.base import Reading
from zmeta.conventions.registry import BY_ID, VERSIONS, claims, detect
from zmeta.errors import EncodeError
from zmeta.finding import CODES
from zmeta.jsondoc import dump_json
from zmeta.nodes.node import Node
from zmeta.pipeline import Decoded, decode_node
from zmeta.report.show import show_json, show_text

if TYPE_CHECKING:
    from zmeta.conventions.base import Anchor
    from zmeta.nodes.node import Format

CORNER, CENTRE = Reading(), Reading("centre", "the test")
ANCHORS: tuple[Anchor, ...] = ("corner", "centre")


# --- anything in ------------------------------------------------------------------------------------------------------


def _snapshot(node: Node) -> list[Any]:
    places = [node, *(group for group, _ in node.ancestors)]
    return deepcopy([(place.attributes, place.dimension_names, place.shape) for place in places])


def _check(node: Node, reading: Reading) -> Decoded:
    before = _snapshot(node)
    found = detect(node)
    decoded = decode_node(node, reading)
    assert [row.id for row in found] == [claim.id for claim in decoded.claims]
    assert claims(node, reading) == list(decoded.claims)
    assert decode_node(node, reading) == decoded
    assert repr(_snapshot(node)) == repr(before)
    assert len(decoded.metadata.axes) == node.ndim
    for finding in decoded.findings:
        assert finding.code in CODES
        assert str(finding).isprintable()
        json.dumps(finding.as_dict())
    for axis in decoded.metadata.axes:
        assert axis.voxel_size is None or axis.voxel_size > 0
        assert axis.name is None or isinstance(axis.name, str)
        assert axis.unit is None or isinstance(axis.unit, str)
    for reported in (show_text(decoded, parse_world(None)), json.dumps(show_json(decoded, parse_world(None)))):
        assert all(c.isprintable() or c == "\n" for c in reported)
    return decoded


@settings(max_examples=250)
@given(nodes(), st.sampled_from([CORNER, CENTRE]))
def test_no_attributes_make_decoding_fail(node: Node, reading: Reading) -> None:
    _check(node, reading)


@settings(max_examples=100)
@given(st.dictionaries(st.text(max_size=5), junk(), max_size=4), st.sampled_from([2, 3, "n5"]))
def test_no_json_makes_decoding_fail(keys: dict[str, Any], format_: Format) -> None:
    _check(Node("/a", format_, "array", {}, keys, (4, 5, 6), "uint8"), CORNER)


@pytest.mark.parametrize(
    "key", sorted({"axes", "scale", "multiscales", "ome", "transform", "zarr_conventions", "voxel_size"})
)
@given(data=st.data())
@settings(max_examples=30)
def test_one_wrong_key_beside_right_ones(key: str, data: st.DataObject) -> None:
    image = image_of(3, "0.4", ("s0", "s1"))
    keys: dict[str, Any] = {"multiscales": [image], "axes": ["z", "y", "x"], "voxel_size": [1, 2, 3], "offset": [0, 0, 0]}
    group = Node("/c", 2, "group", {}, {**keys, key: data.draw(junk())})
    node = Node("/c/s1", 2, "array", {}, {**keys, key: data.draw(junk())}, (4, 5, 6), "uint8", None, ((group, "s1"),))
    _check(node, CORNER)
    places: list[tuple[str | int, ...]] = [("axes",), ("axes", 1), ("datasets",), ("datasets", 1), ("datasets", 1, "path"),
        ("datasets", 1, "coordinateTransformations"), ("datasets", 1, "coordinateTransformations", 0),
        ("datasets", 0, "coordinateTransformations", 0, "scale"), ("version",), ("coordinateTransformations",)]  # fmt: skip
    broken: Any = deepcopy(image)
    *way, last = data.draw(st.sampled_from(places))
    target = broken
    for part in way:
        target = target[part]
    target[last] = data.draw(junk())
    _check(node._replace(ancestors=((group.with_attributes({"multiscales": [broken]}), "s1"),)), CENTRE)


@settings(max_examples=25)
@given(attributes(3), attributes(3), st.sampled_from([2, 3, "n5"]))
def test_show_survives_anything_on_disk(
    tmp_path_factory: pytest.TempPathFactory, keys: dict[str, Any], above: dict[str, Any], format_: Format
) -> None:
    folder = tmp_path_factory.mktemp("any")
    try:
        documents = {name: dump_json(data) for name, data in _documents(keys, above, format_).items()}
    except ValueError:  # NaN
        assume(False)
    for name, raw in documents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(raw)
    for form in ("text", "json"):
        assert main(["show", str(folder), "--format", form]) in (0, 1, 2)
    assert {name: (folder / name).read_bytes() for name in documents} == documents


def _documents(keys: dict[str, Any], above: dict[str, Any], format_: Format) -> dict[str, Any]:
    if format_ == 3:
        array = {"zarr_format": 3, "node_type": "array", "shape": [4, 5, 6], "data_type": "uint8", "attributes": keys}
        return {"zarr.json": {"zarr_format": 3, "node_type": "group", "attributes": above}, "s1/zarr.json": array}
    if format_ == 2:
        array = {"zarr_format": 2, "shape": [4, 5, 6], "dtype": "|u1"}
        return {".zgroup": {"zarr_format": 2}, ".zattrs": above, "s1/.zarray": array, "s1/.zattrs": keys}
    n5 = {"dimensions": [6, 5, 4], "blockSize": [6, 5, 4], "dataType": "uint8"}
    return {"attributes.json": {"n5": "2.0.0", **above}, "s1/attributes.json": {**keys, **n5}}


# --- there and back ---------------------------------------------------------------------------------------------------

ENCODERS = [row.id for row in VERSIONS if row.encode is not None]


def _write(row_id: str, wanted: Metadata, node: Node, reading: Reading) -> tuple[Node, Decoded]:
    """Encode with one row, as JSON and back; the node is left alone, and so are the keys of others."""
    row = BY_ID[row_id]
    assert row.encode is not None
    before = _snapshot(node)
    edits = list(row.encode(wanted, node, reading))
    after = through_json(apply_edits(node, edits))
    assert repr(_snapshot(node)) == repr(before)
    for place in (after, *(group for group, _ in after.ancestors)):
        kept = {key: value for key, value in place.attributes.items() if key in FOREIGN}
        assert repr(kept) == repr(FOREIGN)
        assert list(kept) == list(FOREIGN)
    return after, decode_node(after, reading)


def _round_trip(row_id: str, wanted: Metadata, node: Node, reading: Reading) -> Node:
    after, decoded = _write(row_id, wanted, node, reading)
    assert decoded.errors == ()
    assert decoded.metadata.axes == wanted.axes
    assert decoded.metadata.convention == row_id
    again, decoded_again = _write(row_id, wanted, after, reading)  # encoding twice changes nothing
    assert again == after
    assert decoded_again == decoded
    return after


def test_every_encoder_has_a_fit() -> None:
    assert sorted(FITS) == sorted(ENCODERS)


@pytest.mark.parametrize(
    ("row_id", "fit"), [pytest.param(i, fit, id=f"{i}-{n}") for i in ENCODERS for n, fit in enumerate(FITS[i])]
)
@given(data=st.data())
@settings(max_examples=120)
def test_decode_is_the_inverse_of_encode(row_id: str, fit: Fit, data: st.DataObject) -> None:
    format_ = data.draw(st.sampled_from(fit.formats))
    wanted = data.draw(metadata_for(fit))
    reading = data.draw(st.sampled_from([CORNER, CENTRE]))
    _round_trip(row_id, wanted, node_for(row_id, format_, len(wanted.axes)), reading)


@pytest.mark.parametrize("anchor", ANCHORS)
@pytest.mark.parametrize("row_id", ["ome-ngff@0.5", "ome-ngff@0.4"])
@given(data=st.data())
@settings(max_examples=100)
def test_ome_levels_and_transformations_of_the_image(row_id: str, anchor: Anchor, data: st.DataObject) -> None:
    (fit,) = FITS[row_id]
    wanted = data.draw(metadata_for(fit))
    ndim = len(wanted.axes)
    level = data.draw(st.integers(0, 2))
    more: dict[str, Any] = {}
    outer = data.draw(st.none() | st.lists(st.sampled_from([0.5, 1, 2, 2.5, 40]), min_size=ndim, max_size=ndim))
    if outer is not None:
        shift = data.draw(st.lists(st.sampled_from([0, 0.25, -3, 1000]), min_size=ndim, max_size=ndim))
        more["coordinateTransformations"] = [
            {"type": "scale", "scale": outer},
            {"type": "translation", "translation": shift},
        ]
    node = node_for(row_id, fit.formats[0], ndim, level=level, **more)
    for axis, one in zip(_image(node)["axes"], wanted.axes, strict=True):
        axis.pop("unit", None)  # a unit is that of all levels: another one on a level below the first is refused
        if one.unit:
            axis["unit"] = one.unit
    after = _round_trip(row_id, wanted, node, Reading(anchor, "the test"))
    image, was = (_image(one) for one in (after, node))
    assert {**image, "axes": 0, "datasets": 0} == {**was, "axes": 0, "datasets": 0}
    assert [axis["longName"] for axis in image["axes"]] == ["kept"] * ndim
    others = [index for index in range(3) if index != level]
    if level > 0:
        assert [image["datasets"][index] for index in others] == [was["datasets"][index] for index in others]
    assert [image["datasets"][index].get("kept") for index in others] == [
        was["datasets"][index].get("kept") for index in others
    ]
    assert image["datasets"][level]["kept"] == f"s{level}"


def _image(node: Node) -> dict[str, Any]:
    keys: Any = node.ancestors[0][0].attributes
    image: dict[str, Any] = keys.get("ome", keys)["multiscales"][0]
    return image


@pytest.mark.parametrize("anchor", ANCHORS)
def test_levels_of_a_pyramid_share_level_0s_corner(anchor: Anchor) -> None:
    """Each level encoded with the corner of level 0 is read with the corner of level 0, without a finding about it."""
    reading = Reading(anchor, "the test")
    node = node_for("ome-ngff@0.4", 2, 3, level=0)
    corner = Fraction("-12.5")
    groups = node.ancestors
    for level in range(3):
        wanted = _zyx(Fraction(4) * 2**level, corner, "nanometer")
        at = node._replace(
            path=f"/c/image/s{level}", ancestors=((groups[0][0], f"s{level}"), (groups[1][0], f"image/s{level}"))
        )
        at = _round_trip("ome-ngff@0.4", wanted, at, reading)
        groups = at.ancestors
    for level in range(3):
        at = node._replace(path=f"/c/image/s{level}", ancestors=((groups[0][0], f"s{level}"), groups[1]))
        decoded = decode_node(at, reading)
        assert decoded.metadata.offset == (corner,) * 3
        assert "ZM304" not in {finding.code for finding in decoded.findings}


def _zyx(size: Fraction | int, corner: Fraction | int, unit: str | None, names: str = "zyx") -> Metadata:
    axes = [
        Axis(n, "channel") if n == "c" else Axis(n, "time" if n == "t" else "space", unit, Fraction(size), Fraction(corner))
        for n in names
    ]
    return Metadata(tuple(axes))


#: What a row must hold in any case: row, format, axes, unit, offset.
MUST: list[tuple[str, Format, str, str | None, str]] = [
    *(("zmeta@1.0", f, names, unit, "-7.5") for f in (2, 3) for names in ("zyx", "czyx", "tczyx") for unit in (None,)),
    ("zmeta@1.0", 3, "czyx", "micrometer", "0.1"),
    ("ome-ngff@0.5", 3, "czyx", "nanometer", "-0.36"), ("ome-ngff@0.5", 3, "x", None, "0"),
    ("ome-ngff@0.4", 2, "zyx", "angstrom", "3"),
    ("cosem@1", "n5", "zyx", "nanometer", "2.62"), ("cosem@1", 2, "czyx", None, "-1"), ("cosem@1", 3, "zyx", "inch", "0"),
    ("funlib-persistence@0.6", "n5", "czyx", "nanometer", "7"), ("funlib-persistence@0.5", 2, "zyxc", None, "-7"),
    ("daisy@2", 2, "zyx", None, "-40"), ("daisy@2", 3, "czyx", None, "0.5"), ("daisy@2", "n5", "yx", None, "3"),
    ("daisy@1", 2, "zyx", None, "-40"), ("daisy@1", "n5", "czyx", None, "12"), ("daisy@1", 3, "tzyx", None, "0"),
    ("n5-viewer@1", "n5", "zyx", "nanometer", "0"), ("n5-viewer@1", "n5", "czyx", None, "0"),
    ("n5-viewer@1", 2, "yx", "mile", "0"),
    ("neuroglancer-n5@1", "n5", "czyx", "nanometer", "0"), ("neuroglancer-n5@1", "n5", "xyz", None, "0"),
    ("dacapo@0.2.1", 2, "czyx", "nanometer", "80"), ("dacapo@0.2.1", 3, "zyx", None, "-3.5"),
    ("dacapo@0.2.0", 2, "zyx", None, "1"), ("dacapo@0.2.0", "n5", "czyx", None, "-2"), ("dacapo@0.1", 2, "xyz", None, "5"),
    ("dimension-units@1", 2, "zyx", "nanometer", "0"), ("dimension-units@1", "n5", "czyx", "micrometer", "0"),
]  # fmt: skip


@pytest.mark.parametrize("reading", [CORNER, CENTRE], ids=ANCHORS)
@pytest.mark.parametrize(("row_id", "format_", "names", "unit", "offset"), MUST)
def test_what_a_row_must_hold(
    row_id: str, format_: Format, names: str, unit: str | None, offset: str, reading: Reading
) -> None:
    for size in ("4", "5.24", "0.000001", "123456.789", "1e12"):
        wanted = _zyx(Fraction(size), Fraction(offset), unit, names)
        _round_trip(row_id, wanted, node_for(row_id, format_, len(names)), reading)


def test_sizes_that_differ_come_back_in_their_order() -> None:
    for row_id, fits in FITS.items():
        for fit in fits:
            for format_ in fit.formats if fit.sized else ():
                wanted = _zyx(1, 0, "nanometer" if fit.units in ("any", "all", "same") else None)
                sizes = [replace(axis, voxel_size=Fraction(40 - 7 * i)) for i, axis in enumerate(wanted.axes)]
                _round_trip(row_id, wanted.with_axes(tuple(sizes)), node_for(row_id, format_, 3), CORNER)


@pytest.mark.parametrize("row_id", ["xarray@3", "xarray@2", "ome-ngff@0.3"])
def test_rows_that_hold_names_only(row_id: str) -> None:
    format_: Format = 3 if row_id == "xarray@3" else 2
    wanted = with_names(("c", "z", "lat"), ("channel", "space", None), sized=False)
    _round_trip(row_id, wanted, node_for(row_id, format_, 3), CORNER)


THIRD = Fraction(1, 3)
CANNOT: list[tuple[str, Format, Metadata, str]] = [
    ("zmeta@1.0", "n5", _zyx(4, 0, None), "has no place for anything in N5"),
    ("zmeta@1.0", 3, _zyx(THIRD, 0, None), r"number without a finite decimal \(1/3"),
    ("zmeta@1.0", 3, with_names((None, "x"), ("space", "space")), "axes without names"),
    ("zmeta@1.0", 3, with_names(("q", "x"), (None, "space")), "axes without a type"),
    ("ome-ngff@0.5", 3, with_names(("z",), ("space",), sized=False), "an array without a voxel size"),
    ("ome-ngff@0.4", 2, _zyx(1, THIRD, None), "finite decimal"),
    ("cosem@1", "n5", with_names(("z", "rgb"), ("space", "channel")), "axis types that the names do not say"),
    ("daisy@1", 2, _zyx(4, 0, "nanometer"), "has no place for units"),
    ("daisy@2", 2, _zyx(4, 0, "nanometer"), "has no place for units"),
    ("n5-viewer@1", "n5", _zyx(4, 7, None), "an offset other than 0"),
    ("n5-viewer@1", "n5", Metadata((*_zyx(4, 0, "nanometer").axes, *_zyx(4, 0, None, "w").axes)), "different units"),
    ("neuroglancer-n5@1", "n5", _zyx(4, 7, None), "an offset other than 0"),
    ("dimension-units@1", 2, _zyx(4, 7, "nanometer"), "an offset other than 0"),
    ("dacapo@0.2.0", 2, _zyx(4, 0, "nanometer"), "has no place for units"),
    ("dacapo@0.1", 2, with_names(("time", "x"), ("time", "space")), "more than one letter"),
    ("dacapo@0.2.1", "n5", _zyx(4, 0, None), "dimension_units in N5"),
    ("xarray@3", 2, _zyx(4, 0, None), "dimension names outside Zarr v3"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("row_id", "format_", "wanted", "message"), CANNOT, ids=[f"{c[0]}-{i}" for i, c in enumerate(CANNOT)]
)
def test_what_a_row_cannot_hold_is_refused(row_id: str, format_: Format, wanted: Metadata, message: str) -> None:
    node = node_for(row_id, format_, len(wanted.axes))
    with pytest.raises(EncodeError, match=message) as caught:
        _write(row_id, wanted, node, CORNER)
    assert [finding.code for finding in caught.value.findings] == ["ZM409"]


def test_dimension_names_and_factors_beside_a_convention() -> None:
    """Rows that name no axes take the names that stand beside; factors on an N5 level are taken out of its base size."""
    wanted = _zyx(Fraction("2.5"), Fraction(-3), None, "xcy")
    for row_id in ("daisy@1", "daisy@2"):
        node = node_for(row_id, 3, 3)._replace(dimension_names=["x", "c", "y"])
        _round_trip(row_id, wanted, node, CORNER)
    nm = _zyx(8, 0, "nanometer")
    keys = {**FOREIGN, "downsamplingFactors": [2, 2, 4]}
    for row_id in ("n5-viewer@1", "neuroglancer-n5@1"):
        after = _round_trip(row_id, nm, node_for(row_id, "n5", 3)._replace(attributes=keys), CORNER)
        pixel: Any = after.attributes.get("pixelResolution", {"dimensions": after.attributes.get("resolution")})
        assert pixel["dimensions"] == [4, 4, 2]
