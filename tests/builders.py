"""Trees for tests: nodes of every format as documents on disk, from plain values; no pixels."""

from __future__ import annotations

import json
import random
import shutil
import zipfile
from pathlib import Path
from typing import Any

from zmeta.checker.report import Report, check
from zmeta.config import Config
from zmeta.conventions.zmeta.codec import ENTRY
from zmeta.finding import Severity
from zmeta.jsondoc import ExactFloat

V2: dict[str, Any] = {"zarr_format": 2, "shape": [4, 5, 6], "chunks": [4, 5, 6], "dtype": "|u1", "compressor": None,
                      "fill_value": 0, "order": "C", "filters": None}  # fmt: skip
V3: dict[str, Any] = {
    "zarr_format": 3, "node_type": "array", "shape": [4, 5, 6], "data_type": "uint8", "fill_value": 0,
    "codecs": [{"name": "bytes"}],
    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [4, 5, 6]}}, "attributes": {},
    "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
}  # fmt: skip
N5: dict[str, Any] = {"dimensions": [6, 5, 4], "blockSize": [6, 5, 4], "dataType": "uint8", "compression": {"type": "raw"}}
FORMATS = ("v2", "v3", "n5")
ATTRIBUTES = {"v2": ".zattrs", "v3": "zarr.json", "n5": "attributes.json"}
#: Sound, and nothing to be said about it: the canonical layout, declared (in N5 these keys mean something else).
SOUND: dict[str, Any] = {
    "axes": ["z", "y", "x"], "types": ["space"] * 3, "units": ["nanometer"] * 3, "voxel_size": [40, 4, 4],
    "offset": [0, 0, 0], "zarr_conventions": [ENTRY],
}  # fmt: skip
DATA = Path(__file__).parent / "data"
WILD = DATA / "wild"


def dump(value: Any) -> str:
    """JSON as a sloppy writer writes it: NaN tokens, and numbers by their literal."""
    if isinstance(value, ExactFloat):
        return value.literal
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {dump(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(dump, value)) + "]"
    return json.dumps(value)


def write(folder: Path, documents: dict[str, Any]) -> Path:
    """Write documents by name into a folder: bytes and text as they are, all else as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in documents.items():
        raw = data if isinstance(data, bytes) else (data if isinstance(data, str) else dump(data)).encode()
        (folder / name).write_bytes(raw)
    return folder


def array(folder: Path, kind: str = "v2", attributes: dict[str, Any] | None = None, **changes: Any) -> Path:
    keys = attributes or {}
    documents = {
        "v2": {".zarray": {**V2, **changes}, ".zattrs": keys},
        "v3": {"zarr.json": {**V3, "attributes": keys, **changes}},
        "n5": {"attributes.json": {**keys, **N5, **changes}},
    }[kind]
    return write(folder, documents)


def group(folder: Path, kind: str = "v2", attributes: dict[str, Any] | None = None) -> Path:
    keys = attributes or {}
    documents: dict[str, dict[str, Any]] = {
        "v2": {".zgroup": {"zarr_format": 2}, **({".zattrs": keys} if keys else {})},
        "v3": {"zarr.json": {"zarr_format": 3, "node_type": "group", "attributes": keys}},
        "n5": {"attributes.json": {"n5": "2.0.0", **keys}},
    }
    return write(folder, documents[kind])


def image(version: str = "0.4", levels: int = 2, **changes: Any) -> dict[str, Any]:
    """The attributes of a sound image whose levels are `s0`, `s1`, …, binned by two; `changes` go into the image."""
    axes = [{"name": name, "type": "space", "unit": "nanometer"} for name in "zyx"]
    datasets = [
        {
            "path": f"s{level}",
            "coordinateTransformations": [
                {"type": "scale", "scale": [4 * 2**level] * 3},
                {"type": "translation", "translation": [2.0 * (2**level - 1)] * 3},
            ],
        }
        for level in range(levels)
    ]
    entry: dict[str, Any] = {"name": "image", "axes": axes, "datasets": datasets, **changes}
    if version == "0.5":
        return {"ome": {"version": "0.5", "multiscales": [entry]}}
    return {"multiscales": [{"version": version, **entry}]}


def image_tree(folder: Path, kind: str = "v2", *, levels: int = 2, attributes: dict[str, Any] | None = None) -> Path:
    """A group that is an image, with its levels, which are 16, 8, … voxels wide."""
    group(folder, kind, image("0.5" if kind == "v3" else "0.4", levels) if attributes is None else attributes)
    for level in range(levels):
        shape = [16 // 2**level] * 3
        more: dict[str, Any] = {"dimension_names": ["z", "y", "x"]} if kind == "v3" else {}
        more["dimensions" if kind == "n5" else "shape"] = shape
        array(folder / f"s{level}", kind, **more)
    return folder


def zipped(folder: Path, archive: Path) -> Path:
    """Put all files below a folder into a zip archive."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as stream:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                stream.write(file, file.relative_to(folder).as_posix())
    return archive


def copied(source: Path, target: Path) -> Path:
    shutil.copytree(source, target, symlinks=True)
    return target


def found(path: Any, **options: Any) -> list[tuple[str, ...]]:
    """What `check` finds, as (code, file relative to the path, pointer), without the settings of any file."""
    options = {"config": Config(), **options}
    report: Report = check(path, **options)
    return [(finding.code, finding.file, finding.pointer) for finding in report]


def codes(path: Any, **options: Any) -> list[str]:
    return [code for code, *_ in found(path, **options)]


def errors(path: Any, **options: Any) -> list[str]:
    return [finding.code for finding in check(path, **{"config": Config(), **options}) if finding.severity == Severity.ERROR]


#: Attributes with a fault each, as they are put here and there into a large tree.
FAULTY: list[dict[str, Any]] = [
    {**SOUND, "voxel_size": [4, 0, 4]}, {**SOUND, "units": ["nm"] * 3}, {**SOUND, "voxelsize": [4, 4, 4]},
    {"resolution": [9, 4, 4], "voxel_size": [9.8, 4, 4], "offset": [0, 0, 0]}, {"resolution": ["4", 4, 4], "offset": [0, 0]},
    {"axes": ["z", "y", "y"], "voxel_size": [1, 1, 1]}, {"voxelsize": [4, 4, 4]}, {"axes": 1, "types": {}, "units": 0},
    {"zarr_conventions": [{"uuid": "689b58e2-cf7b-45e0-9fff-9cfc0883d6b4"}]}, {"dimension_units": ["4 nm", "4", "x"]},
    {"pixelResolution": {"dimensions": [4, 4], "unit": "nm"}}, {"multiscales": []}, {"_ARRAY_DIMENSIONS": ["x"]},
]  # fmt: skip


def large_tree(root: Path, count: int, seed: int = 0) -> Path:
    """A tree of about `count` nodes of all formats, deep and wide, with faults here and there; the same each time."""
    rng = random.Random(seed)
    group(root, "v3")
    made = 1
    number = 0
    while made < count:
        number += 1
        kind = FORMATS[number % 3]
        folder = root / rng.choice(["a", "b", "b/c", "d/e/f"]) / f"n{number:05}"
        chance = rng.random()
        if chance < 0.05:
            image_tree(folder, kind, levels=3)
            made += 4
        elif chance < 0.1:
            keys = image("0.5" if kind == "v3" else "0.4", 3)
            entry = keys.get("ome", keys)["multiscales"][0]
            entry["datasets"][rng.randrange(3)]["path"] = rng.choice(["s7", "../s0", "deep/er/s1", 1, "s0"])
            entry["axes"][rng.randrange(3)]["unit"] = rng.choice(["nm", "micrometer", "second"])
            image_tree(folder, kind, levels=3, attributes=keys)
            array(folder / "deep" / "er" / "s1", kind)
            made += 5
        elif chance < 0.15:
            group(folder, kind, {"resolution": [4, 4, 4], "offset": [0, 0, 0]})
            for index in range(20):
                array(folder / f"a{index}", kind)
            made += 21
        elif chance < 0.2:
            array(folder, kind)
            name = {"v2": rng.choice([".zarray", ".zattrs"]), "v3": "zarr.json", "n5": "attributes.json"}[kind]
            (folder / name).write_bytes(rng.choice([b"", b"{", b"[]", b"\xff", b'{"a": NaN, "a": 1}', b"{" * 200]))
            made += 1
        elif chance < 0.22:
            group(folder, kind)
            (folder / ATTRIBUTES[kind]).write_bytes(b'{"node_type": "group", }')
            array(folder / "below", kind, rng.choice(FAULTY))
            made += 2
        else:
            array(folder, kind, rng.choice(FAULTY) if chance < 0.5 else SOUND)
            made += 1
    return root
