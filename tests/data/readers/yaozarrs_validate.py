"""yaozarrs: `validate_zarr_store`, which looks at the metadata and the arrays that it lists."""

from __future__ import annotations

from typing import Any

from yaozarrs import validate_zarr_store

from _tasks import is_image, main


def check(task: dict[str, Any]) -> None:
    validate_zarr_store(task["folder"])


if __name__ == "__main__":
    main(check, lambda task: is_image(task) and task["index"] == 0)
