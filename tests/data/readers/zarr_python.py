"""zarr-python 3: every array from the root of its container, as a user opens it, and alone."""

from __future__ import annotations

from typing import Any

import zarr

from _tasks import check_pixels, is_array, main


def check(task: dict[str, Any]) -> None:
    array = zarr.open_array(task["folder"], mode="r")
    check_pixels(array[...], task)
    if task["below"] and task["grouped"]:
        root = zarr.open_group(task["container"], mode="r")
        check_pixels(root[task["below"]][...], task)
        assert task["below"] in {name for name, _ in root.members(max_depth=None)}, "the root does not list it"
    if task["names"] is not None:
        assert list(array.metadata.dimension_names) == task["names"], f"dimension_names {array.metadata.dimension_names}"


if __name__ == "__main__":
    main(check, lambda task: is_array(task) and task["zarr_format"] != "n5")
