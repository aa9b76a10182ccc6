"""Fill the arrays that a writer script declared with known pixels, by the library with which they were written."""

from __future__ import annotations

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from _tasks import pattern


def open_zarr(container: Path, folder: Path) -> Any:
    import zarr

    if (folder / "attributes.json").exists():
        return zarr.open_array(zarr.N5Store(str(container)), path=folder.relative_to(container).as_posix(), mode="r+")
    return zarr.open_array(str(folder), mode="r+")


def open_tensorstore(folder: Path, zarr_format: object) -> Any:
    import tensorstore as ts

    driver = {2: "zarr", 3: "zarr3", "n5": "n5"}[zarr_format]
    return ts.open({"driver": driver, "kvstore": {"driver": "file", "path": f"{folder}/"}}, open=True).result()


def main(out: Path) -> None:
    for row in json.loads((out / "expected.json").read_text(encoding="utf-8")):
        folder, pixels = out / row["path"], pattern(row["shape"], row["dtype"])
        if find_spec("zarr") is None:
            array = open_tensorstore(folder, row["zarr_format"])
            array[...] = pixels.T if row["zarr_format"] == "n5" else pixels
        else:
            open_zarr(out / row["container"], folder)[...] = pixels


if __name__ == "__main__":
    main(Path(sys.argv[1]))
