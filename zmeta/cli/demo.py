"""`zmeta demo DIR`: an array per convention family, shown; a wrong write refused, a right one made; migrated and back."""

from __future__ import annotations

import os
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from zmeta.canonical.world import parse_world
from zmeta.config import Config
from zmeta.errors import MetadataError, StoreError, ZmetaError
from zmeta.jsondoc import JSONObject, dump_json
from zmeta.nodes.node import open_array_node
from zmeta.pipeline import decode_node
from zmeta.report.show import show_text

if TYPE_CHECKING:
    import argparse

    from zmeta.array.zarr_array import ZarrArray

_ZARRAY: JSONObject = {
    "zarr_format": 2, "shape": [32, 64, 64], "chunks": [16, 32, 32], "dtype": "|u1", "compressor": None,
    "fill_value": 0, "order": "C", "filters": None,
}  # fmt: skip
_N5: JSONObject = {
    "dimensions": [64, 64, 32], "blockSize": [32, 32, 16], "dataType": "uint8", "compression": {"type": "raw"},
}  # fmt: skip
_NM: JSONObject = {"type": "space", "unit": "nanometer"}
_AXES: list[JSONObject] = [{"name": name, **_NM} for name in ("z", "y", "x")]


def _scale(*sizes: float) -> JSONObject:
    return {"type": "scale", "scale": list(sizes)}


def _level(path: str, *transforms: JSONObject) -> JSONObject:
    return {"path": path, "coordinateTransformations": list(transforms)}


def _documents() -> dict[str, JSONObject]:
    """Documents by path, as the tools of this field write them. All arrays are 32 × 64 × 64 voxels of 40 × 4 × 4 nm."""
    gunpowder: JSONObject = {"resolution": [40, 4, 4], "offset": [400, 0, 80]}
    dacapo: JSONObject = {"axes": ["z", "y", "x"], **gunpowder}
    funlib: JSONObject = {
        "offset": [400, 0, 80], "voxel_size": [40, 4, 4], "axis_names": ["z", "y", "x"], "units": ["nm", "nm", "nm"],
    }  # fmt: skip
    image: JSONObject = {
        "axes": list(_AXES),
        "datasets": [
            _level("s0", _scale(40, 4, 4), {"type": "translation", "translation": [400, 0, 80]}),
            _level("s1", _scale(40, 8, 8), {"type": "translation", "translation": [400, 2, 82]}),
        ],
    }
    cosem: JSONObject = {
        "transform": {
            "order": "C", "axes": ["z", "y", "x"], "units": ["nm", "nm", "nm"],
            "scale": [5.24, 4.0, 4.0], "translate": [2.62, 2.0, 2.0],
        },
        "pixelResolution": {"dimensions": [4.0, 4.0, 5.24], "unit": "nm"},
    }  # fmt: skip
    viewer: JSONObject = {"pixelResolution": {"dimensions": [4, 4, 40], "unit": "nm"}, "downsamplingFactors": [2, 2, 1]}
    neuroglancer: JSONObject = {"axes": ["x", "y", "z"], "units": ["nm", "nm", "nm"], "resolution": [4, 4, 40]}
    wrong: JSONObject = {**gunpowder, "pixelResolution": {"dimensions": [4.8, 4.8, 40], "unit": "nm"}}
    v2: dict[str, JSONObject] = {
        "gunpowder": gunpowder, "dacapo": dacapo, "funlib": funlib, "contradiction": wrong,
        "xarray": {"_ARRAY_DIMENSIONS": ["z", "y", "x"]}, "dimension_units": {"dimension_units": ["40 nm", "4 nm", "4 nm"]},
    }  # fmt: skip
    documents: dict[str, JSONObject] = {
        "legacy.zarr/.zgroup": {"zarr_format": 2},
        "legacy.zarr/image/.zgroup": {"zarr_format": 2},
    }
    for name, attributes in v2.items():
        documents[f"legacy.zarr/{name}/.zarray"] = _ZARRAY
        documents[f"legacy.zarr/{name}/.zattrs"] = attributes
    documents["legacy.zarr/image/.zattrs"] = {"multiscales": [{"version": "0.4", **image}]}
    documents["legacy.zarr/image/s0/.zarray"] = _ZARRAY
    documents["legacy.zarr/image/s1/.zarray"] = {**_ZARRAY, "shape": [32, 32, 32]}
    documents["legacy.n5/attributes.json"] = {"n5": "2.0.0"}
    n5: dict[str, JSONObject] = {
        "gunpowder": {"resolution": [4, 4, 40], "offset": [80, 0, 400]}, "cosem": cosem,
        "viewer_s1": viewer, "neuroglancer": neuroglancer,
    }  # fmt: skip
    for name, attributes in n5.items():
        documents[f"legacy.n5/{name}/attributes.json"] = {**_N5, **attributes}
    return documents


def main(arguments: argparse.Namespace) -> int:
    """Walk through; 0 where everything went as it should."""
    folder = os.path.abspath(arguments.folder)
    if os.path.lexists(folder) and not (os.path.isdir(folder) and not os.listdir(folder)):
        raise StoreError("the demo needs a folder that is new or empty", where=folder, hint="name another folder")
    documents = _documents()
    for path, document in documents.items():
        file = os.path.join(folder, *path.split("/"))
        os.makedirs(os.path.dirname(file), exist_ok=True)
        with open(file, "wb") as handle:
            handle.write(dump_json(document))
    arrays = [os.path.dirname(path) for path, document in documents.items() if document.keys() & {"shape", "dimensions"}]
    _title(f"1. {len(arrays)} arrays, as the tools of this field write them, and what zmeta reads")
    for array in arrays:
        _show(os.path.join(folder, *array.split("/")))
    print("\n(The contradiction above is meant: a voxel size that two tools state differently is an error, never a guess.)")
    _make_and_refuse(folder)
    _check(folder)
    _migrate(folder)
    print(f"\nLook around: zmeta show {arguments.folder}, zmeta check {arguments.folder}, zmeta explain ZM411, "
          f"zmeta migrate {arguments.folder}")  # fmt: skip
    return 0


def _title(text: str) -> None:
    print(f"\n{text}\n{'-' * len(text)}")


def _show(path: str) -> None:
    decoded = decode_node(open_array_node(path), Config().reading())
    text = show_text(decoded, parse_world(None), quiet=not decoded.errors)
    encoding = sys.stdout.encoding or "utf-8"
    print("\n" + text.encode(encoding, "backslashreplace").decode(encoding))


def _make_and_refuse(folder: str) -> None:
    from funlib.geometry import Coordinate, Roi

    from zmeta.array.identifier import ArrayIdentifier
    from zmeta.array.zarr_array import ZarrArray

    _title("2. a new array, made by ZarrArray in the zmeta convention, written and read by ROI")
    identifier = ArrayIdentifier(container=Path(folder, "new.zarr"), dataset="volumes/raw")
    array = ZarrArray.create_from_array_identifier(
        identifier,
        ["z", "y", "x"],
        Roi((400, 0, 80), (1280, 256, 256)),
        None,
        Coordinate(40, 4, 4),
        "uint8",
        units="nanometer",
        config=Config(),
    )
    array[Roi((400, 0, 80), (40, 8, 8))] = 255
    print(f"\n{array!r}")
    print(f"  written     {int((array[array.roi] == 255).sum())} voxels through {Roi((400, 0, 80), (40, 8, 8))}")

    _title('3. a wrong write: array.add_metadata({"voxelsize": [40, 4, 4], "offset": [0, "0", 0], "units": ["nm"] * 3})')
    before = _bytes(array)
    try:
        array.add_metadata({"voxelsize": [40, 4, 4], "offset": [0, "0", 0], "units": ["nm"] * 3})
    except MetadataError as error:
        print(f"\n{error}")
    else:
        raise ZmetaError("the demo's wrong write was not refused")
    print(f"\nThe document is {'untouched' if _bytes(array) == before else 'CHANGED'}.")

    _title('4. a right one: array.add_metadata({"offset": [0, 0, 0], "stain": "OTO", "acquired": date(2024, 5, 17)})')
    array.add_metadata({"offset": [0, 0, 0], "stain": "OTO", "acquired": date(2024, 5, 17)})
    print(f"\n{array!r}")
    print(f"  attributes { ({key: array.attrs[key] for key in ('stain', 'acquired')}) }")

    _title('5. the same on the legacy array of gunpowder, which keeps its own keys: {"voxel_size": [40, 8, 8]}')
    legacy = ZarrArray.open_from_array_identifier(
        ArrayIdentifier(container=Path(folder, "legacy.zarr"), dataset="gunpowder"), config=Config()
    )
    legacy.add_metadata({"voxel_size": [40, 8, 8]})
    print(f"\n{legacy!r}\n  attributes {legacy.attrs.asdict()}")


def _check(folder: str) -> None:
    from zmeta.checker.report import check

    report = check([os.path.join(folder, name) for name in ("legacy.zarr", "legacy.n5", "new.zarr")], config=Config())
    _title(f"6. zmeta check, over all of it: {report.summary}")
    for finding in report.errors:
        print(f"\n{finding}\nwhy, and what to do: zmeta explain {finding.code}")


def _migrate(folder: str) -> None:
    """Plan, show one diff, apply, open, and take back to the byte."""
    from zmeta.array.identifier import ArrayIdentifier
    from zmeta.array.zarr_array import ZarrArray
    from zmeta.migration.face import migrate, rollback
    from zmeta.report.diff import diff_document

    trees = [os.path.join(folder, name) for name in ("legacy.zarr", "legacy.n5")]
    state = os.path.join(folder, "journal")
    before = _documents_below(trees)
    plan = migrate(trees, config=Config())
    _title("7. zmeta migrate: both legacy containers to one convention (in N5 `zmeta` stands for `cosem`)")
    print()
    for unit in plan:
        what = "blocked: " + unit.findings[0].code if unit.blocked else ", ".join(unit.steps)
        print(f"{os.path.relpath(unit.path, folder):<28} {what}")
        if unit.path.endswith("dacapo"):
            (change,) = unit.changes
            lines = diff_document(os.path.relpath(change.file, folder), change.old, change.new)
            print("\n".join(f"    {line}" for line in lines))
    run, outcome = plan.apply(state_dir=state)
    print(f"\napplied: {outcome.written} documents, {plan.tally.blocked} node is blocked and stays as it is")
    identifier = ArrayIdentifier(container=Path(folder, "legacy.zarr"), dataset="dacapo")
    print(f"\n{ZarrArray.open_from_array_identifier(identifier, config=Config())!r}")
    outcome = rollback(run.id, state_dir=state)
    if _documents_below(trees) != before:
        raise ZmetaError("the demo's rollback did not restore every byte", where=folder)
    print(f"\nrolled back: {outcome.written} documents; every byte is as it was.")


def _documents_below(trees: list[str]) -> dict[Path, bytes]:
    return {file: file.read_bytes() for tree in trees for file in Path(tree).rglob("*") if file.is_file()}


def _bytes(array: ZarrArray) -> bytes:
    with open(array.node.attributes_file, "rb") as handle:
        return handle.read()
