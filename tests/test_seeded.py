"""Defects seeded one by one into a sound image: each is found, by the rule that one would name, and drowns in nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from zmeta import Config, Severity, check

IMAGE = "/attributes/ome/multiscales/0"
SIZES = (2.0, 0.5, 0.5)
SHAPE = (64, 256, 256)
LEVELS = 3
ONES = [{"type": "scale", "scale": [1.0, 1.0, 1.0]}]

Image = dict[str, Any]


def sound_image() -> Image:
    """Return an image of three levels, each binned by two on all axes."""
    datasets = []
    for level in range(LEVELS):
        factor = 2**level
        scale = {"type": "scale", "scale": [size * factor for size in SIZES]}
        translation = {"type": "translation", "translation": [size * (factor - 1) / 2 for size in SIZES]}
        datasets.append({"path": f"s{level}", "coordinateTransformations": [scale, translation]})
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    return {"name": "em", "axes": axes, "datasets": datasets}


def write(folder: Path, image: Image) -> None:
    """Write an image as zarr-python 3 does, with the arrays of a sound one."""
    attributes = {"ome": {"version": "0.5", "multiscales": [image]}}
    document: dict[str, Any] = {"attributes": attributes, "zarr_format": 3, "node_type": "group"}
    folder.mkdir()
    (folder / "zarr.json").write_text(json.dumps(document, indent=2))
    for level in range(LEVELS):
        document = {
            "shape": [extent >> level for extent in SHAPE],
            "data_type": "uint16",
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [16, 64, 64]}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "fill_value": 0,
            "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "zstd", "configuration": {}}],
            "attributes": {},
            "dimension_names": ["z", "y", "x"],
            "zarr_format": 3,
            "node_type": "array",
            "storage_transformers": [],
        }
        (folder / f"s{level}").mkdir()
        (folder / f"s{level}" / "zarr.json").write_text(json.dumps(document, indent=2))


def rename(mapping: dict[str, Any], old: str, new: str) -> None:
    items = [(new if key == old else key, value) for key, value in mapping.items()]
    mapping.clear()
    mapping.update(items)


def rename_units(image: Image) -> None:
    for axis in image["axes"]:
        rename(axis, "unit", "units")


def transforms(image: Image, level: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = image["datasets"][level]["coordinateTransformations"]
    return found


def scale(image: Image, level: int) -> list[Any]:
    found: list[Any] = transforms(image, level)[0]["scale"]
    return found


def set_all_scales(image: Image, numbers: list[float]) -> None:
    for level in range(LEVELS):
        transforms(image, level)[0]["scale"] = numbers


def set_transforms(image: Image, *lists: list[dict[str, Any]]) -> None:
    for dataset, new in zip(image["datasets"], lists, strict=True):
        dataset["coordinateTransformations"] = new


def set_unit(image: Image, axis: int, unit: str) -> None:
    image["axes"][axis]["unit"] = unit


def at(level: int, *rest: str) -> str:
    return "/".join((f"{IMAGE}/datasets/{level}/coordinateTransformations", *rest))


class Defect(NamedTuple):
    """What is done to a sound image, and what is to be found: the code, and the pointers into the document of the group."""

    name: str
    seed: Callable[[Image], object]
    code: str
    pointers: list[str]


DEFECTS = [
    Defect("units for unit", lambda i: rename(i["axes"][1], "unit", "units"), "ZM104", [f"{IMAGE}/axes/1/units"]),
    Defect(
        "units for unit on all axes",
        rename_units,
        "ZM104",
        [f"{IMAGE}/axes/{axis}/units" for axis in range(3)],
    ),
    Defect("unit um", lambda i: set_unit(i, 1, "um"), "ZM204", [f"{IMAGE}/axes/1/unit"]),
    Defect("blank unit", lambda i: set_unit(i, 1, " "), "ZM204", [f"{IMAGE}/axes/1/unit"]),
    Defect("space in seconds", lambda i: set_unit(i, 0, "second"), "ZM203", [f"{IMAGE}/axes/0/unit"]),
    Defect("z in nanometer", lambda i: set_unit(i, 0, "nanometer"), "ZM210", [f"{IMAGE}/axes"]),
    Defect("scale of zeros", lambda i: scale(i, 0).__setitem__(slice(3), [0, 0, 0]), "ZM301", [at(0)]),
    Defect("scales of zeros", lambda i: set_all_scales(i, [0, 0, 0]), "ZM301", [at(level) for level in range(3)]),
    Defect("scales of ones", lambda i: set_transforms(i, ONES, ONES, ONES), "ZM311", [at(1), at(2)]),
    Defect(
        "level times 1000",
        lambda i: scale(i, 1).__setitem__(slice(3), [1000 * number for number in scale(i, 1)]),
        "ZM312",
        [at(1)],
    ),
    Defect("axis for axes", lambda i: rename(i, "axes", "axis"), "ZM104", [f"{IMAGE}/axis"]),
    Defect("no shift", lambda i: [transforms(i, level).pop() for level in range(3)], "ZM315", [at(1)]),
    Defect("no shift on one level", lambda i: transforms(i, 1).pop(), "ZM316", [at(1)]),
    Defect("negative scale", lambda i: scale(i, 1).__setitem__(2, -1.0), "ZM301", [at(1)]),
    Defect("negative scale of level 0", lambda i: scale(i, 0).__setitem__(2, -0.5), "ZM301", [at(0)]),
    Defect("coarse before fine", lambda i: i["datasets"].reverse(), "ZM314", [f"{IMAGE}/datasets/{k}/path" for k in (1, 2)]),
    Defect("short scale", lambda i: scale(i, 1).pop(), "ZM201", [at(1, "0", "scale")]),
    Defect("short scale of level 0", lambda i: scale(i, 0).pop(), "ZM201", [at(0, "0", "scale")]),
    Defect("dangling path", lambda i: i["datasets"][2].update(path="s3"), "ZM412", [f"{IMAGE}/datasets/2/path"]),
    Defect("no transformations", lambda i: i["datasets"][1].pop("coordinateTransformations"), "ZM305", [at(1)]),
    Defect("no transformations of level 0", lambda i: i["datasets"][0].pop("coordinateTransformations"), "ZM305", [at(0)]),
    Defect(
        "strings for numbers",
        lambda i: scale(i, 1).__setitem__(slice(3), list(map(str, scale(i, 1)))),
        "ZM302",
        [at(1, "0", "scale", str(axis)) for axis in range(3)],
    ),
]


def test_the_image_is_sound(tmp_path: Path) -> None:
    write(tmp_path / "em.zarr", sound_image())
    report = check(tmp_path, config=Config())
    assert [finding for finding in report if finding.severity > Severity.NOTE] == []
    assert (report.summary.arrays, report.summary.groups) == (3, 1)


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_defect(defect: Defect, tmp_path: Path) -> None:
    image = sound_image()
    defect.seed(image)
    assert image != sound_image()
    write(tmp_path / "em.zarr", image)
    findings = list(check(tmp_path, config=Config()))
    told = "\n".join(map(str, findings))
    found = [finding for finding in findings if finding.code == defect.code]
    assert [finding.pointer for finding in found] == defect.pointers, told
    assert {Path(finding.file).name for finding in found} == {"zarr.json"}
    assert {Path(finding.file).parent.name for finding in found} == {"em.zarr"}
    assert all(finding.line > 1 for finding in found)
    errors = [finding for finding in findings if finding.severity == Severity.ERROR]
    assert len(errors) <= 3, told
    assert {finding.code for finding in errors} <= {defect.code}, told


def test_each_defect_beside_sound_images(tmp_path: Path) -> None:
    """In one run over all of them, sound ones in between, each is found as often as alone."""
    for index, defect in enumerate(DEFECTS):
        image = sound_image()
        write(tmp_path / f"{2 * index:02}.zarr", image)
        defect.seed(image)
        write(tmp_path / f"{2 * index + 1:02}.zarr", image)
    found: dict[str, list[tuple[str, str]]] = {}
    for finding in check(tmp_path, config=Config(severity={"ZM309": "off"})):
        found.setdefault(Path(finding.file).relative_to(tmp_path).parts[0], []).append((finding.code, finding.pointer))
    assert [name for name in found if int(name[:2]) % 2 == 0] == []
    for index, defect in enumerate(DEFECTS):
        here = found[f"{2 * index + 1:02}.zarr"]
        assert [pointer for code, pointer in here if code == defect.code] == defect.pointers
