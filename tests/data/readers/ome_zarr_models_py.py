"""ome-zarr-models: the model of every image, with the transformations of its levels."""

from __future__ import annotations

from typing import Any

import ome_zarr_models
import zarr

from _tasks import check_numbers, is_image, main


def check(task: dict[str, Any]) -> None:
    model = ome_zarr_models.open_ome_zarr(zarr.open_group(task["folder"], mode="r"))
    image = model.attributes.ome.multiscales[task["index"]]
    assert [axis.name for axis in image.axes] == task["axes"]
    assert [dataset.path for dataset in image.datasets] == [level["path"] for level in task["levels"]]
    for dataset, level in zip(image.datasets, task["levels"]):
        found = {item.type: getattr(item, item.type) for item in dataset.coordinateTransformations}
        check_numbers(found["scale"], level["scale"], "scale")
        check_numbers(found.get("translation", [0] * len(level["scale"])), level["translation"], "translation")


if __name__ == "__main__":
    main(check, is_image)
