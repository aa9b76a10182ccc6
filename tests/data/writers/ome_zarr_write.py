"""Images made by ome-zarr-py in every OME-NGFF version that its releases can write (0.1 to 0.5)."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from ome_zarr import format as formats
from ome_zarr import writer
from ome_zarr.io import parse_url
from ome_zarr.scale import Scaler
from ome_zarr.writer import write_image, write_multiscale

from _rows import Rows

VERSION = tuple(int(part) for part in version("ome-zarr").split("."))
FORMATS = {
    (0, 2): ("0.1", "0.2", "0.3"),
    (0, 3): ("0.3", "0.4"),
    (0, 9): ("0.1", "0.4"),
    (0, 12): ("0.4", "0.5"),
    (0, 18): ("0.4", "0.5"),
}
LEVEL = "s{}" if VERSION >= (0, 13) else "{}"
LONG = {"t": "time", "c": "channel"}
LABELS = "cells"
PLACED = VERSION >= (0, 18)
"""Newer releases add the translations of binning, from 0 at level 0, to every pyramid whose transforms they choose."""


def open_group(out: Path, container: str, ome: str) -> tuple[Any, Any]:
    fmt = getattr(formats, f"FormatV{ome.replace('.', '')}")()
    return zarr.group(store=parse_url(str(out / container), mode="w", fmt=fmt).store), fmt


def pyramid(shapes: tuple[tuple[int, ...], ...], dtype: str) -> list[np.ndarray]:
    return [np.zeros(shape, dtype=dtype) for shape in shapes]


def plain(out: Path, rows: Rows, ome: str) -> None:
    """Nothing but the pixels and, where the version has them, the names of the axes."""
    container = f"plain_{ome}.zarr"
    group, fmt = open_group(out, container, ome)
    names, shapes = "tczyx", ((2, 3, 8, 32, 24), (2, 3, 8, 16, 12))
    if ome not in ("0.1", "0.2"):
        names, shapes = "czyx", ((3, 8, 32, 24), (3, 8, 16, 12))
    write_multiscale(pyramid(shapes, "uint16"), group, fmt=fmt, axes=None if ome in ("0.1", "0.2") else names)
    has_scale = ome in ("0.4", "0.5")
    for level, shape in enumerate(shapes):
        rows.add(
            container,
            LEVEL.format(level),
            zarr_format=3 if ome == "0.5" else 2,
            convention="ome-ngff",
            convention_version=ome,
            shape=shape,
            dtype="uint16",
            axes=list(names),
            types=[LONG.get(name, "space") for name in names] if has_scale else None,
            voxel_size=(1, 2**level, 2**level) if has_scale else None,
            offset=(0, 0, 0) if PLACED else None,
            note=f"level {level}, nothing asked for: "
            + ("the scale is the writer's ratio to level 0" if has_scale else "no scale in this version"),
        )


def calibrated(out: Path, rows: Rows, ome: str, container: str, shift: bool, labels: bool) -> None:
    """Sizes, units and a translation per level: either the same on all levels, or shifted as binning shifts centres."""
    group, fmt = open_group(out, container, ome)
    names, shapes = "zyx", ((16, 64, 48), (16, 32, 24), (8, 16, 12))
    axes = [{"name": name, "type": "space", "unit": "nanometer"} for name in names]
    scales = ((40, 5.24, 4), (40, 10.48, 8), (80, 20.96, 16))
    first = (400, 802.62, 1200.5)
    places = (first, (400, 805.24, 1202.5), (420, 810.48, 1206.5)) if shift else (first,) * 3
    transforms = [
        [{"type": "scale", "scale": list(scale)}, {"type": "translation", "translation": list(place)}]
        for scale, place in zip(scales, places)
    ]
    write_multiscale(pyramid(shapes, "uint8"), group, fmt=fmt, axes=axes, coordinate_transformations=transforms)
    if labels:
        colors = [{"label-value": 1, "rgba": [255, 0, 0, 128]}]
        writer.write_multiscale_labels(
            pyramid(shapes, "int32"),
            group,
            LABELS,
            fmt=fmt,
            axes=axes,
            coordinate_transformations=transforms,
            label_metadata={"colors": colors, "properties": [{"label-value": 1, "area": 52}]},
        )
    how = "translations shifted by binning" if shift else "one translation for all levels"
    for level, (shape, scale) in enumerate(zip(shapes, scales)):
        for prefix, dtype in (("", "uint8"), *((((f"labels/{LABELS}/"), "int32"),) if labels else ())):
            rows.add(
                container,
                prefix + LEVEL.format(level),
                zarr_format=3 if ome == "0.5" else 2,
                convention="ome-ngff",
                convention_version=ome,
                shape=shape,
                dtype=dtype,
                axes=list(names),
                types=("space",) * 3,
                units=("nanometer",) * 3,
                voxel_size=scale,
                offset=first,
                note=f"level {level}{' of a label image' if prefix else ''}: {how}",
            )


def channels(out: Path, rows: Rows, ome: str) -> None:
    """Time, channel and space with fractional micrometers; scales without translations."""
    container = f"movie_{ome}.zarr"
    group, fmt = open_group(out, container, ome)
    names, shapes = "tczyx", ((3, 2, 8, 32, 24), (3, 2, 8, 16, 12))
    units = ("second", None, "micrometer", "micrometer", "micrometer")
    axes = [
        {"name": name, "type": LONG.get(name, "space"), **({"unit": unit} if unit else {})}
        for name, unit in zip(names, units)
    ]
    scales = ((1.5, 1, 1.25, 0.36, 0.36), (1.5, 1, 1.25, 0.72, 0.72))
    write_multiscale(
        pyramid(shapes, "uint16"),
        group,
        fmt=fmt,
        axes=axes,
        coordinate_transformations=[[{"type": "scale", "scale": list(scale)}] for scale in scales],
    )
    for level, (shape, scale) in enumerate(zip(shapes, scales)):
        rows.add(
            container,
            LEVEL.format(level),
            zarr_format=3 if ome == "0.5" else 2,
            convention="ome-ngff",
            convention_version=ome,
            shape=shape,
            dtype="uint16",
            axes=list(names),
            types=[LONG.get(name, "space") for name in names],
            units=units,
            voxel_size=(scale[0], *scale[2:]),
            note=f"level {level}: scales only",
        )


def scaled(out: Path, rows: Rows, ome: str) -> None:
    """`write_image`, which makes the pyramid itself."""
    container = f"image_{ome}.zarr"
    group, fmt = open_group(out, container, ome)
    shapes = [(3, 64, 64), (3, 32, 32), (3, 16, 16)]
    options: dict[str, Any] = {}
    if VERSION >= (0, 13):
        options["scale_factors"] = [2, 4]
    else:
        options["scaler"] = Scaler(max_layer=2)
    write_image(np.zeros(shapes[0], dtype="uint8"), group, fmt=fmt, axes="cyx", **options)
    for level, shape in enumerate(shapes):
        rows.add(
            container,
            LEVEL.format(level),
            zarr_format=3 if ome == "0.5" else 2,
            convention="ome-ngff",
            convention_version=ome,
            shape=shape,
            dtype="uint8",
            axes=list("cyx"),
            types=("channel", "space", "space"),
            voxel_size=(2**level,) * 2,
            offset=(0, 0) if PLACED else None,
            note=f"level {level} of a pyramid made by write_image; the scale is the writer's ratio to level 0",
        )


def stated(out: Path, rows: Rows, ome: str) -> None:
    """`write_image` with the base size and units as arguments, as the newest releases take them."""
    container = f"stated_{ome}.zarr"
    group, fmt = open_group(out, container, ome)
    units = {"z": "micrometer", "y": "micrometer", "x": "micrometer"}
    image = np.zeros((2, 8, 32, 24), dtype="uint16")
    factors = [{"z": 1, "y": 2, "x": 2}, {"z": 2, "y": 4, "x": 4}]
    write_image(
        image, group, fmt=fmt, axes="czyx", scale_factors=factors, scale={"z": 1.25, "y": 0.36, "x": 0.48}, axes_units=units
    )
    levels = (((2, 8, 32, 24), (1.25, 0.36, 0.48)), ((2, 8, 16, 12), (1.25, 0.72, 0.96)), ((2, 4, 8, 6), (2.5, 1.44, 1.92)))
    for level, (shape, voxel) in enumerate(levels):
        rows.add(
            container,
            LEVEL.format(level),
            zarr_format=3 if ome == "0.5" else 2,
            convention="ome-ngff",
            convention_version=ome,
            shape=shape,
            dtype="uint16",
            axes=list("czyx"),
            types=("channel", *("space",) * 3),
            units=(None, *units.values()),
            voxel_size=voxel,
            offset=(0, 0, 0),
            note=f"level {level} of a pyramid made by write_image with a scale and units for level 0",
        )


def main(out: Path) -> None:
    rows = Rows(out)
    for ome in FORMATS[VERSION[:2]]:
        plain(out, rows, ome)
        if ome in ("0.4", "0.5"):
            calibrated(out, rows, ome, f"corner_{ome}.zarr", shift=False, labels=VERSION >= (0, 9))
            calibrated(out, rows, ome, f"binned_{ome}.zarr", shift=True, labels=False)
            channels(out, rows, ome)
            if VERSION >= (0, 9):
                scaled(out, rows, ome)
            if VERSION >= (0, 18):
                stated(out, rows, ome)
    rows.write()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
