"""Every array that a real package wrote is read as what the package was asked to write."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from zmeta.conventions.base import Reading
from zmeta.nodes.node import open_array_node
from zmeta.pipeline import Decoded, decode_node

WILD = Path(__file__).parent / "data" / "wild"
ROWS: list[dict[str, Any]] = json.loads((WILD / "index.json").read_text("utf-8"), parse_float=Fraction)


def decode(row: dict[str, Any]) -> Decoded:
    reading = Reading(row["settings"].get("ome_anchor", "corner"))
    return decode_node(open_array_node(WILD / row["path"], WILD / row["container"]), reading)


def exact(values: list[int | Fraction] | None) -> tuple[Fraction, ...] | None:
    return None if values is None else tuple(Fraction(value) for value in values)


@pytest.mark.parametrize("row", ROWS, ids=[row["path"] for row in ROWS])
def test_reads_what_the_writer_was_asked_for(row: dict[str, Any]) -> None:
    decoded = decode(row)
    metadata = decoded.metadata
    assert decoded.errors == ()
    assert decoded.node.shape == tuple(row["shape"])
    ident = None if row["convention"] is None else f"{row['convention']}@{row['convention_version']}"
    assert metadata.convention == ident
    found = {
        "axes": metadata.names,
        "types": metadata.types,
        "units": tuple(axis.unit for axis in metadata.axes),
        "voxel_size": metadata.voxel_size,
        "offset": metadata.offset,
    }
    expected = {
        "axes": row["axes"] and tuple(row["axes"]),
        "types": row["types"] and tuple(row["types"]),
        "units": row["units"] and tuple(row["units"]),
        "voxel_size": exact(row["voxel_size"]),
        "offset": exact(row["offset"]),
    }
    # A voxel size that nobody asked for must be absent; the other fields may be filled in by a habit, which is said.
    judged = {key for key, value in expected.items() if value is not None or key == "voxel_size"} - set(row["differs"])
    assert {key: found[key] for key in judged} == {key: expected[key] for key in judged}


@pytest.mark.parametrize("row", ROWS, ids=[row["path"] for row in ROWS])
def test_every_value_says_where_it_comes_from(row: dict[str, Any]) -> None:
    metadata = decode(row).metadata
    stated = {"axes": any(metadata.names), "voxel_size": metadata.voxel_size, "units": any(metadata.units)}
    missing = [key for key, value in stated.items() if value and not metadata.provenance.get(key)]
    assert missing == []


def test_the_corpus_covers_what_it_claims() -> None:
    conventions = {(row["convention"], row["convention_version"]) for row in ROWS}
    assert {("ome-ngff", version) for version in ("0.1", "0.2", "0.3", "0.4", "0.5")} <= conventions
    assert len({row["version"] for row in ROWS if row["writer"] == "funlib.persistence"}) >= 4
    assert {row["zarr_format"] for row in ROWS} == {2, 3, "n5"}
    writers = {"gunpowder", "ome-zarr", "ngff-zarr", "xarray", "tensorstore", "zarr"}
    assert writers <= {row["writer"] for row in ROWS}
