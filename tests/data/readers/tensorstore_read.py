"""TensorStore: the pixels of every array in every format, and the labels of the dimensions in Zarr v3."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorstore as ts

from _tasks import check_pixels, is_array, main


def check(task: dict[str, Any]) -> None:
    driver = {2: "zarr", 3: "zarr3", "n5": "n5"}[task["zarr_format"]]
    array = ts.open({"driver": driver, "kvstore": {"driver": "file", "path": task["folder"] + "/"}}, open=True).result()
    pixels = np.asarray(array.read().result())
    check_pixels(pixels.T if driver == "n5" else pixels, task)
    if task["names"] is not None:
        assert list(array.domain.labels) == task["names"], f"labels {array.domain.labels}"


if __name__ == "__main__":
    main(check, is_array)
