"""ome-zarr-py: the pyramid that its reader gives, with its transformations."""

from __future__ import annotations

from typing import Any

from ome_zarr.io import parse_url
from ome_zarr.reader import Reader

from _tasks import check_numbers, check_pixels, is_image, main


def check(task: dict[str, Any]) -> None:
    location = parse_url(task["folder"], mode="r")
    assert location is not None, "it is no OME-Zarr"
    node = next(iter(Reader(location)()))
    assert len(node.data) == len(task["levels"]), f"{len(node.data)} levels"
    for level, data, transforms in zip(task["levels"], node.data, node.metadata["coordinateTransformations"]):
        check_pixels(data.compute(), level)
        found = {item["type"]: item[item["type"]] for item in transforms}
        check_numbers(found["scale"], level["scale"], "scale")
        check_numbers(found.get("translation", [0] * len(level["scale"])), level["translation"], "translation")
    assert [axis["name"] for axis in node.metadata["axes"]] == task["axes"]


if __name__ == "__main__":
    main(check, lambda task: is_image(task) and task["index"] == 0)
