"""`zmeta conformance`: one line of JSON for each path, and the verdict of the specification's MUSTs."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from builders import DATA, SOUND, array, group, image, image_tree, write, zipped

from zmeta.checker.conformance import judge_path
from zmeta.cli.main import main

CASES = DATA / "conventions" / "ome-ngff"
FILES = sorted(
    file for file in CASES.glob("*/*/*.json") if file.name.partition("--")[0] in ("image", "label", "plate", "well")
)

#: Cases that a schema refuses and that break no MUST, each with the reason.
SOUND_ALL_THE_SAME = {
    "0.1/invalid/image--version-other": "it says that it is of 0.2, and it is a sound document of 0.2",
    "0.1/invalid/image--omero-version-other": "as before",
    "0.1/invalid/label--version-other": "as before",
    "0.3/invalid/image--no-axes": "without a version and without axes it is a document of 0.1 or 0.2",
    "0.4/invalid/image--scale-zero": "only 0.6 says that a scale should not be zero",
    "0.4/invalid/image--scale-negative": "as before",
    "0.4/invalid/image--pyramid-scale-zero": "as before",
    "0.5/invalid/image--scale-zero": "as before",
    "0.5/invalid/image--scale-negative": "as before",
    "0.5/invalid/image--pyramid-scale-zero": "as before",
    "0.4/invalid/image--axis-name-empty": "a name must be there, and only 0.6 says that it must not be empty",
    "0.5/invalid/image--axis-name-empty": "as before",
}
#: Labels of 0.1 without a version are judged by the schema of 0.4, as long as the image beside does not decide.
MISJUDGED = {f"0.1/valid/label--{name}" for name in ("colors-empty", "image-label-empty", "label-fraction", "no-rgba")}


def name_of(file: Path) -> str:
    return file.relative_to(CASES).with_suffix("").as_posix()


def _case(file: Path) -> Any:
    name = name_of(file)
    marks = [pytest.mark.xfail(reason="the version of a label is not that of its image", strict=True)]
    return pytest.param(file, id=name, marks=marks if name in MISJUDGED else [])


@pytest.mark.parametrize("file", [_case(file) for file in FILES])
def test_every_case_as_a_file_of_attributes(file: Path) -> None:
    valid, message = judge_path(str(file))
    assert valid == (file.parent.name == "valid" or name_of(file) in SOUND_ALL_THE_SAME), message
    assert bool(message) != valid
    if not valid:
        assert str(file) in message


def test_the_exceptions_are_cases() -> None:
    assert set(SOUND_ALL_THE_SAME) | MISJUDGED <= {name_of(file) for file in FILES}
    assert len(FILES) > 600


def _levels(entry: Any) -> list[tuple[str, list[int]]]:
    """Paths and shapes of arrays that fit an image; of a document that is none nothing."""
    datasets = entry.get("datasets") if isinstance(entry, dict) else None
    axes = entry.get("axes", "tczyx") if isinstance(entry, dict) else None
    levels: list[tuple[str, list[int]]] = []
    first: list[float] = []
    for number, dataset in enumerate(datasets if isinstance(datasets, list) else ()):
        path = dataset.get("path") if isinstance(dataset, dict) else None
        if (
            not isinstance(path, str)
            or not isinstance(axes, list | str)
            or ".." in path
            or path[:1] in ("", "/")
            or "://" in path
        ):
            continue
        scale = [1.0] * len(axes)
        transforms = dataset.get("coordinateTransformations")
        for transform in transforms if isinstance(transforms, list) else ():
            vector = transform.get("scale") if isinstance(transform, dict) else None
            if isinstance(vector, list) and len(vector) == len(axes) and all(type(size) in (int, float) for size in vector):
                scale = [float(size) or 1 for size in vector]
        first = first or scale
        grown = [
            2.0**number if "coordinateTransformations" not in dataset else a / b for a, b in zip(scale, first, strict=True)
        ]
        levels.append((path, [max(1, math.ceil(64 / abs(factor))) for factor in grown]))
    return levels


def _hierarchy(root: Path, version: str, keys: dict[str, Any]) -> Path:
    kind = "v3" if version == "0.5" else "v2"
    holder = keys.get("ome", keys) if isinstance(keys.get("ome", {}), dict) else {}
    group(root, kind, keys)
    images = holder.get("multiscales")
    for entry in images if isinstance(images, list) else ():
        for path, shape in _levels(entry):
            names = [axis.get("name") if isinstance(axis, dict) else axis for axis in entry.get("axes", "tczyx")]
            more: dict[str, Any] = {"dimension_names": names, "shape": shape}
            if kind == "v2":
                more = {"shape": shape, "chunks": shape}
            array(root / path, kind, {}, **more)
    return root


def _image_cases(*versions: str) -> list[Any]:
    files = [file for file in FILES if file.name.startswith("image--") and file.parts[-3] in versions]
    return [pytest.param(file, id=name_of(file)) for file in files]


@pytest.mark.parametrize("file", _image_cases("0.3", "0.4", "0.5"))
def test_every_image_as_a_hierarchy(tmp_path: Path, file: Path) -> None:
    keys = json.loads(file.read_text("utf-8"))
    if not isinstance(keys, dict):
        pytest.skip("no attributes")
    valid, message = judge_path(str(_hierarchy(tmp_path / "image.zarr", file.parts[-3], keys)))
    if file.parent.name == "valid" or name_of(file) in SOUND_ALL_THE_SAME:
        assert valid, message
    elif "no-multiscales" not in file.name and "not-an-object" not in file.name:  # a group need not be an image
        assert not valid


# --- hierarchies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["v2", "v3"])
def test_a_hierarchy(tmp_path: Path, kind: str) -> None:
    root = image_tree(tmp_path / "i.zarr", kind, levels=3)
    assert judge_path(str(root)) == (True, "")
    assert judge_path(str(zipped(root, tmp_path / "i.zip"))) == (True, "")
    assert judge_path(str(root / ("zarr.json" if kind == "v3" else ".zattrs"))) == (True, "")
    for file in (root / "s2").iterdir():
        file.unlink()
    valid, message = judge_path(str(root))
    assert not valid
    assert "ZM412" in message


def _changed(tmp_path: Path, kind: str, **level: Any) -> tuple[bool, str]:
    root = image_tree(tmp_path / "i.zarr", kind, levels=2)
    array(
        root / "s1", kind, **{"shape": [8, 8, 8], **({"dimension_names": ["z", "y", "x"]} if kind == "v3" else {}), **level}
    )
    return judge_path(str(root))


@pytest.mark.parametrize(
    ("kind", "level", "code"),
    [
        ("v3", {"dimension_names": ["x", "y", "z"]}, "ZM212"), ("v3", {"dimension_names": None}, "ZM212"),
        ("v3", {"shape": [8, 8]}, "ZM201"), ("v2", {"shape": [8, 8, 8, 8]}, "ZM201"),
        ("v2", {"shape": [8, 8], "attributes": {"resolution": [8, 8], "offset": [0, 0]}}, "ZM407"),
        ("v2", {"zarr_format": 3}, "ZM006"), ("v3", {"fill_value": ..., "node_type": "tree"}, "ZM006"),
    ],
    ids=str,
)  # fmt: skip
def test_levels_that_break_a_must(tmp_path: Path, kind: str, level: dict[str, Any], code: str) -> None:
    level = {key: value for key, value in level.items() if value is not ...}
    valid, message = _changed(tmp_path, kind, **level)
    assert not valid
    assert code in message


@pytest.mark.parametrize(
    ("kind", "level"),
    [("v2", {"shape": [8, 8, 5]}), ("v2", {"attributes": {"voxelsize": [4, 4, 4]}}), ("v3", {"shape": [1, 1, 1]})],
)
def test_levels_that_are_doubtful(tmp_path: Path, kind: str, level: dict[str, Any]) -> None:
    assert _changed(tmp_path, kind, **level) == (True, "")


def test_what_cannot_be_judged_is_not_valid(tmp_path: Path) -> None:
    root = image_tree(tmp_path / "i.zarr", "v3")
    (root / "s1" / "zarr.json").write_bytes(b'{"a": ' + b"[" * 200 + b"]" * 200 + b"}")
    assert "ZM009" in judge_path(str(root))[1]
    (root / "s1" / "zarr.json").unlink()
    (root / "s1" / "zarr.json").mkdir()
    assert "ZM007" in judge_path(str(root))[1]


@pytest.mark.parametrize(
    ("keys", "valid"),
    [
        (image(), True), (image("0.5"), True), ({"zarr_format": 3, "node_type": "group", "attributes": image("0.5")}, True),
        ({"ome": {"version": "0.6rc0", "multiscales": [{}]}}, False), ({"ome": {"version": "0.6", "plate": {}}}, False),
        ({"ome": {"version": "0.5", "labels": ["a"]}}, True), ({"labels": ["a"]}, True),
        ({"ome": {"version": "0.5"}}, False),
        ({"bioformats2raw.layout": 3}, True), ({"ome": {"version": "0.5", "bioformats2raw.layout": 3}}, True), ({}, False),
        ({"resolution": [4, 4, 4]}, False), ({"ome": 1}, False), ({"ome": None}, False), ({"multiscales": {}}, False),
        ({"plate": {"version": "0.3", "rows": [], "columns": [], "wells": []}}, True),
        ({"well": {"version": "1.0", "images": [{"path": "0"}]}}, False), ({"version": "0.5", **image()}, False),
        ({"multiscales": [{**image()["multiscales"][0], "version": "0.5"}]}, False),
        ({**image(), "ome": {"version": "0.5"}}, False), ({**image(), **image("0.5")}, True),
        ({**image("0.5"), "omero": {}}, True), (image(axes="zyx"), False), (image(name=5), False), (image(foreign=5), True),
        (image(coordinateTransformations=[]), True), (image(axes=[{"name": "a", "units": "nm"}] * 3), False),
        ({"multiscales": [{**image()["multiscales"][0], "version": "0.7"}]}, False),
    ],
    ids=str,
)  # fmt: skip
def test_attributes(tmp_path: Path, keys: dict[str, Any], valid: bool) -> None:
    for name in ("case.json", "attributes.json", "strange name\n.json"):
        write(tmp_path, {name: keys})
        verdict, message = judge_path(str(tmp_path / name))
        assert verdict == valid, message


def test_places_in_a_file_of_attributes(tmp_path: Path) -> None:
    keys = image("0.5")
    del keys["ome"]["multiscales"][0]["datasets"]
    (tmp_path / "a.json").write_text(json.dumps(keys, indent=1))
    valid, message = judge_path(str(tmp_path / "a.json"))
    assert not valid
    assert f"[{tmp_path}/a.json:5:4 /ome/multiscales/0/datasets]" in message
    whole = {"zarr_format": 3, "node_type": "group", "attributes": keys}
    (tmp_path / "b.json").write_text(json.dumps(whole, indent=1))
    assert f"[{tmp_path}/b.json:8:5 /attributes/ome/multiscales/0/datasets]" in judge_path(str(tmp_path / "b.json"))[1]


# --- the command ----------------------------------------------------------------------------------------------------------


def test_one_line_for_each_path(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    image_tree(tmp_path / "sound.zarr", "v3")
    array(tmp_path / "array", "v2", SOUND)
    array(tmp_path / "wrong", "v2", {**SOUND, "axes": ["x", "x", "x"]})
    (tmp_path / "empty").mkdir()
    documents = {
        "a.json": image(),
        "b.json": "{",
        "c.json": b"\xff",
        "d.json": "[]",
        "e.json": "",
        "f.txt": "words",
        "x.zip": "",
    }
    write(tmp_path, documents)
    expected = {
        "sound.zarr": True, "a.json": True, "b.json": False, "c.json": False, "d.json": False, "e.json": False,
        "f.txt": False, "nothing": False, "empty": False, "array": True, "wrong": False, "": False, "a\0b": False,
        "zz://bucket/x": False, "x.zip": False, "\ud800": False, "a.json/": False, "*.json": True, "nothing*": False,
    }  # fmt: skip
    assert main(["conformance", *expected]) == 0
    out, err = capsys.readouterr()
    rows = [json.loads(line) for line in out.splitlines()]
    assert err == ""
    del expected["*.json"]  # of several files: whatever it is, it is one line
    assert len(rows) == len(expected) + 1
    told = dict(zip([*list(expected)[:17], "*.json", *list(expected)[17:]], rows, strict=True))
    assert {name: told[name]["valid"] for name in expected} == expected
    assert all(row.keys() == {"valid", "message"} for row in rows)
    assert all(bool(row["message"]) != row["valid"] for row in rows)
    assert all("\n" not in row["message"] for row in rows)


def test_as_a_process(tmp_path: Path) -> None:
    write(tmp_path, {"a.json": image(), "b.json": {}})
    command = [sys.executable, "-m", "zmeta", "conformance", "b.json", "a.json", "nothing"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert [json.loads(line)["valid"] for line in done.stdout.splitlines()] == [False, True, False]


def test_the_settings_of_the_working_directory_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, {"zmeta.toml": 'ignore = ["ZM"]', "a.json": {"multiscales": [{}]}})
    assert not judge_path("a.json")[0]


def test_ctrl_c_is_no_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = image_tree(tmp_path / "i.zarr")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("zmeta.checker.judge.Judge.judge", interrupt)
    with pytest.raises(KeyboardInterrupt):
        judge_path(str(root))
    assert main(["conformance", str(root)]) == 130


def test_a_message_has_an_end(tmp_path: Path) -> None:
    write(tmp_path, {"a.json": {"multiscales": [{"datasets": [{"path": "/" + "x" * 500}] * 2000}] * 2}})
    valid, message = judge_path(str(tmp_path / "a.json"))
    assert not valid
    assert len(message) < 20_000
    assert os.linesep not in message
