"""Arrays made by `prepare_ds` of funlib.persistence, all generations: 0.1-0.4, 0.5, 0.6 and 0.7."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from funlib.geometry import Coordinate, Roi
from funlib.persistence import prepare_ds

from _rows import Rows

VERSION = tuple(int(part) for part in version("funlib.persistence").split("."))

VOXEL = (40, 4, 4)
OFFSET = (400, 800, 1200)
SHAPE = (20, 60, 40)


def declare(rows: Rows, container: str, node: str, channels: int | None, zarr_format: int | str, **facts: Any) -> None:
    shape = SHAPE if channels is None else (channels, *SHAPE)
    facts = {"voxel_size": VOXEL, "offset": OFFSET, "dtype": "uint8", **facts}
    rows.add(container, node, zarr_format=zarr_format, shape=shape, **facts)


def write_early(out: Path, rows: Rows) -> None:
    """0.1-0.4: container and dataset are two arguments, no axis names, N5 values reversed by the writer."""
    roi = Roi(OFFSET, Coordinate(SHAPE) * Coordinate(VOXEL))
    common = {"total_roi": roi, "voxel_size": Coordinate(VOXEL), "dtype": "uint8", "write_size": Coordinate(400, 80, 80)}
    daisy = {"convention": "daisy", "convention_version": "1"}
    for container, zarr_format in (("a.zarr", 2), ("a.n5", "n5")):
        path = str(out / container)
        order = "reversed by the writer" if zarr_format == "n5" else "in C order"
        prepare_ds(path, "vol/raw", **common)
        declare(rows, container, "vol/raw", None, zarr_format, **daisy, note=f"prepare_ds, values {order}")
        prepare_ds(path, "vol/affs", num_channels=3, **common)
        declare(rows, container, "vol/affs", 3, zarr_format, **daisy, note=f"prepare_ds with 3 channels, values {order}")

    planar = Roi((120, -600), (60 * 6, 50 * 12))
    prepare_ds(str(out / "a.zarr"), "planar", planar, Coordinate(6, 12), "float32", write_size=Coordinate(120, 120))
    rows.add(
        "a.zarr",
        "planar",
        zarr_format=2,
        **daisy,
        shape=(60, 50),
        dtype="float32",
        voxel_size=(6, 12),
        offset=(120, -600),
        note="two axes and a negative offset",
    )
    if VERSION < (0, 3):
        return
    both = "the container's root lists it as OME-NGFF 0.4, its own resolution and offset agree"
    ome = {"convention": "ome-ngff", "convention_version": "0.4", "axes": ("z", "y", "x"), "types": ("space",) * 3}
    prepare_ds(str(out / "ome.zarr"), "vol/raw", multiscales_metadata=True, **common)
    declare(
        rows,
        "ome.zarr",
        "vol/raw",
        None,
        2,
        **ome,
        units=("nanometer",) * 3,
        note=both + "; unit left to the writer's default",
    )
    prepare_ds(
        str(out / "ome_units.zarr"), "raw", multiscales_metadata=True, units="micrometer", axes=["z", "y", "x"], **common
    )
    declare(rows, "ome_units.zarr", "raw", None, 2, **ome, units=("micrometer",) * 3, note=both)
    prepare_ds(str(out / "ome_channels.zarr"), "affs", num_channels=3, multiscales_metadata=True, **common)
    declare(
        rows,
        "ome_channels.zarr",
        "affs",
        3,
        2,
        **daisy,
        note="the root also lists it as OME-NGFF 0.4, wrongly: three axes for four dimensions",
    )


def write_named(out: Path, rows: Rows) -> None:
    """0.5 and later: one store argument, axis names and units (types from 0.6), never reversed."""
    has_types = VERSION >= (0, 6)
    zarr_format = 3 if VERSION >= (0, 7) else 2
    convention: dict[str, Any] = {"convention": "funlib-persistence", "convention_version": "0.6" if has_types else "0.5"}
    common: dict[str, Any] = {"voxel_size": VOXEL, "offset": OFFSET, "dtype": "uint8"}
    space = ("space",) * 3

    def make(container: str, node: str, channels: int | None, form: int | str, note: str, units: list[str] | None) -> None:
        store = out / container / node if node else out / container
        shape = SHAPE if channels is None else (channels, *SHAPE)
        chunks = (10, 30, 20) if channels is None else (channels, 10, 30, 20)
        lead = [] if channels is None else ["c^" if not has_types else "c"]
        options: dict[str, Any] = {"axis_names": [*lead, "z", "y", "x"], "units": units}
        types = (("channel",) if lead else ()) + space if has_types else None
        if types:
            options["types"] = list(types)
        prepare_ds(str(store), shape, chunk_shape=chunks, **common, **options)
        names = {"": None, "nm": "nanometer", "um": "micrometer"}
        long = None if units is None else [None] * len(lead) + [names[unit] for unit in units]
        declare(
            rows,
            container,
            node,
            channels,
            form,
            **convention,
            note=note,
            axes=(*(name.rstrip("^") for name in lead), "z", "y", "x"),
            types=types,
            units=long,
        )

    nm = ["nm", "nm", "nm"]
    make("a.zarr", "vol/raw", None, zarr_format, "prepare_ds with names and units", nm)
    make("a.zarr", "vol/affs", 3, zarr_format, "with a channel axis" + ("" if has_types else ', asked for as "c^"'), nm)
    make("a.zarr", "vol/mixed", None, zarr_format, "mixed units between the axes, as asked", ["um", "nm", "nm"])
    make("a.zarr", "vol/unitless", None, zarr_format, "units not given: the writer stores empty strings", None)
    whole = "Zarr v3 despite the suffix" if zarr_format == 3 else "real N5, values stay in C order"
    n5 = 3 if zarr_format == 3 else "n5"
    make("raw.n5", "", None, n5, f"the whole path ends with .n5: {whole}", nm)
    make("affs.n5", "", 3, n5, f"the whole path ends with .n5: {whole}, channel axis first", nm)
    make("trap.n5", "vol/raw", None, zarr_format, f"a folder called .n5 that holds Zarr v{zarr_format}", nm)

    prepare_ds(str(out / "a.zarr/bare"), SHAPE, dtype="float32", chunk_shape=(10, 30, 20))
    rows.add(
        "a.zarr",
        "bare",
        zarr_format=zarr_format,
        **convention,
        shape=SHAPE,
        dtype="float32",
        axes=("d0", "d1", "d2"),
        types=space if has_types else None,
        voxel_size=(1, 1, 1),
        offset=(0, 0, 0),
        note="nothing was asked for: names, ones and zeros are the writer's documented defaults",
    )
    if VERSION >= (0, 5, 4):
        prepare_ds(
            str(out / "a.zarr/custom"),
            SHAPE,
            chunk_shape=(10, 30, 20),
            axis_names=["z", "y", "x"],
            units=nm,
            custom_metadata={"sample": {"name": "fly 7", "stain": None}, "quality": 0.36},
            **common,
        )
        declare(
            rows,
            "a.zarr",
            "custom",
            None,
            zarr_format,
            **convention,
            axes=("z", "y", "x"),
            units=("nanometer",) * 3,
            types=space if has_types else None,
            note="custom_metadata beside the convention's keys"
            + ("; types are the writer's documented default" if has_types else ""),
        )
    times = {"axis_names": ["t", "c" if has_types else "c^", "z", "y", "x"], "units": ["s", "nm", "nm", "nm"]}
    if has_types:
        times["types"] = ["time", "channel", "space", "space", "space"]
    shape = (5, 2, *SHAPE)
    prepare_ds(
        str(out / "a.zarr/movie"),
        shape,
        chunk_shape=(1, 2, 10, 30, 20),
        dtype="uint8",
        voxel_size=(2, *VOXEL),
        offset=(10, *OFFSET),
        **times,
    )
    rows.add(
        "a.zarr",
        "movie",
        zarr_format=zarr_format,
        **convention,
        shape=shape,
        dtype="uint8",
        axes=("t", "c", "z", "y", "x"),
        types=times.get("types"),
        units=("second", None, "nanometer", "nanometer", "nanometer"),
        voxel_size=(2, *VOXEL),
        offset=(10, *OFFSET),
        note="a time axis with a scale before the channel axis",
    )


def main(out: Path) -> None:
    rows = Rows(out)
    (write_early if VERSION < (0, 5) else write_named)(out, rows)
    rows.write()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
