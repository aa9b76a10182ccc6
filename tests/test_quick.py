"""Images that are judged in one pass are judged as the rules would: what is plainly sound has no finding in the long way."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zmeta.checker import judge as judge_module
from zmeta.checker.judge import Judge
from zmeta.checker.quick import are_sound_numbers, is_plainly_sound
from zmeta.checker.runner import Run
from zmeta.checker.site import level_names
from zmeta.config import Config
from zmeta.nodes.node import Node, open_node
from zmeta.nodes.walk import Place, Walk

if TYPE_CHECKING:
    from pathlib import Path

    from zmeta.finding import Finding


def image(version: str = "0.5") -> dict[str, Any]:
    """Documents of a sound image by path: a group and three levels."""
    scales = [[2.0, 0.4, 0.4], [2.0, 0.8, 0.8], [4.0, 1.6, 1.6]]
    shapes = [[1, 24, 60, 40], [1, 24, 30, 20], [1, 12, 15, 10]]
    axes = [{"name": "c", "type": "channel"}, *({"name": n, "type": "space", "unit": "micrometer"} for n in "zyx")]
    datasets = [
        {
            "path": f"s{level}",
            "coordinateTransformations": [
                {"type": "scale", "scale": [1, *scale]},
                {"type": "translation", "translation": [0, *((s - f) / 2 for s, f in zip(scale, scales[0], strict=True))]},
            ],
        }
        for level, scale in enumerate(scales)
    ]
    one: dict[str, Any] = {"name": "raw", "axes": axes, "datasets": datasets}
    documents: dict[str, Any] = {}
    if version == "0.5":
        documents["zarr.json"] = {"zarr_format": 3, "node_type": "group",
                                  "attributes": {"ome": {"version": "0.5", "multiscales": [one]}}}  # fmt: skip
    else:
        documents[".zgroup"] = {"zarr_format": 2}
        documents[".zattrs"] = {"multiscales": [{"version": version, **one}]}
    for level, shape in enumerate(shapes):
        if version == "0.5":
            documents[f"s{level}/zarr.json"] = {
                "zarr_format": 3, "node_type": "array", "shape": shape, "data_type": "uint8", "fill_value": 0,
                "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1, 8, 8, 8]}},
                "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
                "codecs": [{"name": "bytes"}], "attributes": {}, "dimension_names": ["c", "z", "y", "x"],
            }  # fmt: skip
        else:
            documents[f"s{level}/.zarray"] = {
                "zarr_format": 2, "shape": shape, "chunks": [1, 8, 8, 8], "dtype": "|u1", "compressor": None,
                "fill_value": 0, "order": "C", "filters": None, "dimension_separator": "/",
            }  # fmt: skip
    return documents


def write(folder: Path, documents: dict[str, Any]) -> None:
    for path, document in documents.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(document), encoding="utf-8")


def is_sound(folder: Path) -> bool:
    group = open_node(folder)
    levels: list[Node] = []
    for name in level_names(group.attributes):
        try:
            levels.append(open_node(folder / name))
        except (LookupError, ValueError):
            return False
    return is_plainly_sound(group, levels)


def long_way(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    """Judge by the rules alone."""
    findings: list[Finding] = []
    with monkeypatch.context() as patch:
        patch.setattr(judge_module, "is_plainly_sound", lambda *_: False)
        Run(Config()).run([folder], findings.append)
    return findings


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_sound_image_is_found_sound_in_one_pass(version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, image(version))
    assert is_sound(tmp_path)
    assert long_way(tmp_path, monkeypatch) == []


#: Values that stand in the place of others; floats near those of the image, to find the borders.
VALUES = st.sampled_from(
    [
        None,
        True,
        0,
        1,
        -1,
        2,
        0.4,
        0.40000000000000002,
        0.8,
        0.2,
        0.6,
        1.6,
        800,
        0.0008,
        1e300,
        1e-300,
        "",
        " ",
        "um",
        "x",
        "y",
        "t",
        "second",
        "nanometer",
        "space",
        "time",
        "channel",
        "scale",
        "translation",
        "identity",
        "s0",
        "s1",
        "../s0",
        "/s0",
        "s9",
        "0.4",
        "0.5",
        "0.6",
        [],
        {},
        [1],
        [0, 0, 0, 0],
        [1, 2, 0.4, 0.4],
        ["c", "z", "y", "x"],
        {"name": "x"},
    ]
)
KEYS = st.sampled_from(
    [
        "unit",
        "units",
        "axes",
        "axis",
        "name",
        "type",
        "scale",
        "translation",
        "path",
        "coordinateTransformations",
        "datasets",
        "version",
        "omero",
        "labels",
        "image-label",
        "resolution",
        "voxel_size",
        "offset",
        "_ARRAY_DIMENSIONS",
        "metadata",
        "zarr_conventions",
        "coordinates",
        "ome",
        "multiscales",
        "dimension_names",
        "shape",
    ]
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += places(item, (*path, key))
    return found


@st.composite
def changed(draw: st.DrawFn) -> dict[str, Any]:
    version = draw(st.sampled_from(["0.4", "0.5"]))
    documents = image(version)
    kind = draw(st.sampled_from(["any", "numbers", "axes", "transforms", "shape"]))
    for _ in range(draw(st.integers(1, 2))):
        name = draw(st.sampled_from(sorted(documents)))
        if kind in ("numbers", "axes", "transforms"):
            name = "zarr.json" if version == "0.5" else ".zattrs"
        document = copy.deepcopy(documents[name])
        keys = [path for path in places(document) if path and path[-1] not in ("zarr_format", "node_type")]
        if kind == "numbers":
            keys = [path for path in keys if isinstance(path[-1], int) and path[-2] in ("scale", "translation")]
        elif kind != "any":
            word = {"axes": "axes", "transforms": "coordinateTransformations", "shape": "shape"}[kind]
            keys = [path for path in keys if word in path[:-1]]
        if not keys:
            continue
        path = draw(st.sampled_from(keys))
        holder = document
        for part in path[:-1]:
            holder = holder[part]
        match draw(st.sampled_from(["replace", "remove", "add", "swap", "scale"])):
            case "replace":
                holder[path[-1]] = draw(VALUES)
            case "remove":
                del holder[path[-1]]
            case "add" if isinstance(holder, dict):
                holder[draw(KEYS)] = draw(VALUES)
            case "swap" if isinstance(holder, list):
                holder.reverse()
            case "scale" if isinstance(holder[path[-1]], float):
                holder[path[-1]] *= draw(st.sampled_from([1000, 2, 1 + 1e-15, 1 + 1e-13, 1 + 1e-9, 1.01]))
        documents[name] = document
    return documents


@given(documents=changed())
@settings(max_examples=400)
def test_what_is_plainly_sound_has_no_finding(
    documents: dict[str, Any], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("image")
    write(folder, documents)
    try:
        sound = is_sound(folder)
    except (ValueError, LookupError, TypeError):
        return
    if sound:
        others = ("ZM006", "ZM107")  # what is not about the image is asked in either way
        assert [finding for finding in long_way(folder, monkeypatch) if finding.code not in others] == []


def _seed(change: str, documents: dict[str, Any]) -> None:
    one = documents["zarr.json"]["attributes"]["ome"]["multiscales"][0]
    levels = [dataset["coordinateTransformations"] for dataset in one["datasets"]]
    match change:
        case "mixed units":
            one["axes"][1]["unit"] = "nanometer"
        case "no unit":
            for axis in one["axes"]:
                axis.pop("unit", None)
        case "one size":
            for transforms, level in zip(levels, range(3), strict=True):
                transforms[:] = levels[0]
                documents[f"s{level}/zarr.json"]["shape"] = [1, 24, 60, 40]
        case "finer":
            one["datasets"].reverse()
        case "no shift":
            del levels[1][1], levels[2][1]
        case "thousand":
            levels[2][0]["scale"] = [1, 4000.0, 1600.0, 1600.0]
        case "a place":
            levels[0][1]["translation"] = [0, 4.0, 0, 0]
        case "order of axes":
            one["axes"].append(one["axes"].pop(0))
        case "whole image":
            one["coordinateTransformations"] = [{"type": "scale", "scale": [1, 1, 1, 1]}]
        case "label":
            documents["zarr.json"]["attributes"]["ome"]["image-label"] = {}


@pytest.mark.parametrize(
    "change",
    [
        "mixed units",
        "no unit",
        "one size",
        "finer",
        "no shift",
        "thousand",
        "a place",
        "order of axes",
        "whole image",
        "label",
    ],
)
def test_what_is_not_plainly_sound_takes_the_long_way(change: str, tmp_path: Path) -> None:
    documents = image()
    _seed(change, documents)
    write(tmp_path, documents)
    assert not is_sound(tmp_path)


def test_a_size_of_zero_is_not_sound() -> None:
    for levels in (1, 2):
        sizes = [([2.0 * level + 2.0, 0.0], [1.0 * level, 0.0], [8 // (level + 1), 8]) for level in range(levels)]
        assert not are_sound_numbers(sizes)
        assert are_sound_numbers([([one, 1.0], move, shape) for (one, _), move, shape in sizes])


def test_both_ways_give_the_same_for_an_image_among_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The levels of a sound image are judged for what is not about the image: custom keys, documents, twins."""
    documents = image()
    documents["s1/zarr.json"]["attributes"] = {"voxelsize": [1, 2, 3]}
    documents["s2/zarr.json"]["codecs"] = []
    documents["s0/.zarray"] = {"zarr_format": 2}
    write(tmp_path, documents)
    quick: list[Finding] = []
    Run(Config()).run([tmp_path], quick.append)
    assert {finding.code for finding in quick} == {"ZM107", "ZM006", "ZM004"}
    assert quick == long_way(tmp_path, monkeypatch)


def test_walk_and_judge_agree_on_levels(tmp_path: Path) -> None:
    write(tmp_path, image())
    judge = Judge(Config())
    assert [judge.judge(visit) for visit in Walk([Place(str(tmp_path))], judge.open)] == [[], [], [], []]
