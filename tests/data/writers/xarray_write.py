"""`Dataset.to_zarr` of xarray, in Zarr v2 and (with zarr-python 3) v3, consolidated and with coordinates."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr

from _rows import Rows


def centres(first: float, step: float, count: int, unit: str) -> tuple[np.ndarray, dict[str, str]]:
    return np.array([first + step * index for index in range(count)], dtype="float64"), {"units": unit}


def dataset() -> xr.Dataset:
    z, y, x = centres(20, 40, 12, "nanometer"), centres(2, 4, 30, "nanometer"), centres(2, 4, 24, "nanometer")
    coordinates: dict[str, Any] = {name: (name, *values) for name, values in zip("zyx", (z, y, x))}
    image = (("c", "z", "y", "x"), np.zeros((2, 12, 30, 24), dtype="uint8"), {"long_name": "density"})
    mask = (("y", "x"), np.ones((30, 24), dtype="float32"))
    return xr.Dataset({"image": image, "mask": mask}, coords=coordinates, attrs={"title": "coordinates hold centres"})


def declare(rows: Rows, container: str, zarr_format: int) -> None:
    facts: dict[str, Any] = {"zarr_format": zarr_format, "convention": "xarray", "convention_version": str(zarr_format)}
    rows.add(
        container,
        "image",
        **facts,
        shape=(2, 12, 30, 24),
        dtype="uint8",
        axes=("c", "z", "y", "x"),
        note="the geometry is only in the coordinate arrays beside it; the channel axis has none",
    )
    rows.add(
        container,
        "mask",
        **facts,
        shape=(30, 24),
        dtype="float32",
        axes=("y", "x"),
        note="a second array on the same coordinates",
    )
    for name, count in (("z", 12), ("y", 30), ("x", 24)):
        rows.add(
            container,
            name,
            **facts,
            shape=(count,),
            dtype="float64",
            axes=(name,),
            note="a coordinate array: its own values are positions",
        )


def main(out: Path) -> None:
    rows = Rows(out)
    formats = (2, 3) if int(zarr.__version__.split(".")[0]) >= 3 else (2,)
    for number in formats:
        option: dict[str, Any] = {"zarr_format": number} if len(formats) > 1 else {}
        container = f"v{number}.zarr"
        dataset().to_zarr(out / container, mode="w", consolidated=True, **option)
        declare(rows, container, number)

        plain = xr.Dataset({"volume": (("time", "y", "x"), np.zeros((5, 30, 24), dtype="int16"))})
        container = f"plain_v{number}.zarr"
        plain.to_zarr(out / container, mode="w", consolidated=False, **option)
        rows.add(
            container,
            "volume",
            zarr_format=number,
            convention="xarray",
            convention_version=str(number),
            shape=(5, 30, 24),
            dtype="int16",
            axes=("time", "y", "x"),
            note="names without coordinates, not consolidated",
        )
    rows.write()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
