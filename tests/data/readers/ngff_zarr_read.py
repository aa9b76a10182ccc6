"""ngff-zarr: `from_ngff_zarr`, with sizes and translations by the name of the axis."""

from __future__ import annotations

from typing import Any

import ngff_zarr

from _tasks import check_numbers, check_pixels, is_image, main


def check(task: dict[str, Any]) -> None:
    multiscales = ngff_zarr.from_ngff_zarr(task["folder"], version="0.5")
    assert len(multiscales.images) == len(task["levels"]), f"{len(multiscales.images)} levels"
    for image, level in zip(multiscales.images, task["levels"]):
        assert list(image.dims) == task["axes"], f"dims {image.dims}"
        check_pixels(image.data.compute(), level)
        check_numbers([image.scale.get(dim, 1) for dim in image.dims], level["scale"], "scale")
        check_numbers([image.translation.get(dim, 0) for dim in image.dims], level["translation"], "translation")


if __name__ == "__main__":
    main(check, lambda task: is_image(task) and task["index"] == 0)
