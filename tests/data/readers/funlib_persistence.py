"""funlib.persistence: `open_ds`, told that the names of axes stand under `axes`."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from funlib.persistence import open_ds
from funlib.persistence.arrays.metadata import MetaDataFormat

from _tasks import check_numbers, check_pixels, is_array, main

READS_V3 = tuple(int(part) for part in version("funlib.persistence").split(".")[:2]) >= (0, 7)


def check(task: dict[str, Any]) -> None:
    array = open_ds(task["folder"], mode="r", metadata_format=MetaDataFormat(axis_names_attr="axes"))
    check_pixels(array.data if not hasattr(array.data, "compute") else array.data.compute(), task)
    check_numbers(array.voxel_size, task["voxel_size"], "voxel size")
    check_numbers(array.offset, task["offset"] or [0] * len(task["voxel_size"]), "offset")
    if task["axes"] is not None:
        assert list(array.axis_names) == task["axes"], f"axis names {array.axis_names}"


def is_whole(task: dict[str, Any]) -> bool:
    """Whether it fits into a `Coordinate`."""
    values = [*(task["voxel_size"] or [0.5]), *(task["offset"] or [])]
    return all(float(value).is_integer() for value in values)


if __name__ == "__main__":
    main(
        check,
        lambda task: (
            is_array(task)
            and task["to"] == "zmeta"
            and (task["zarr_format"] == 2 or (task["zarr_format"] == 3 and READS_V3))
            and is_whole(task)
        ),
    )
