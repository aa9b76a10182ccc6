"""The command line: output, exit codes (0 well, 1 something is wrong, 2 could not look), and no traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from zmeta import __version__
from zmeta.cli.main import main
from zmeta.schema.catalog import BASE, DIALECT, list_schemas

if TYPE_CHECKING:
    from pathlib import Path

ZARRAY = {"zarr_format": 2, "shape": [4, 5, 6], "chunks": [4, 5, 6], "dtype": "|u1", "compressor": None, "fill_value": 0,
          "order": "C", "filters": None}  # fmt: skip


@pytest.fixture(autouse=True)
def _away_from_any_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def container(tmp_path: Path) -> Path:
    """Three arrays: one sound, one in a group without units, one that contradicts itself."""
    root = tmp_path / "c.zarr"
    for name, keys in {
        "good": {
            "axes": ["z", "y", "x"],
            "resolution": [40, 4, 4],
            "offset": [400, 0, 80],
            "dimension_units": ["40 nm", "4 nm", "4 nm"],
        },
        "deep/er": {"resolution": [0.5, 1, 1], "offset": [0, 0, 0]},
        "wrong": {"resolution": [4, 4, 0], "offset": [0, 0, 0]},
    }.items():
        folder = root / name
        folder.mkdir(parents=True)
        (folder / ".zarray").write_text(json.dumps(ZARRAY))
        (folder / ".zattrs").write_text(json.dumps(keys))
    (root / ".zgroup").write_text('{"zarr_format": 2}')
    return root


def _run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "zmeta", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, **options)


# --- as a process -------------------------------------------------------------------------------------------------------


def test_as_a_process(container: Path) -> None:
    done = _run("show", str(container / "good"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "dacapo@0.2.1" in done.stdout
    done = _run("show", str(container / "absent"))
    assert (done.returncode, done.stdout) == (2, "")
    assert str(container / "absent") in done.stderr
    assert "Traceback" not in done.stderr
    assert _run("show", str(container / "wrong")).returncode == 1


def test_version_and_wrong_arguments_as_a_process() -> None:
    assert _run("--version").stdout == f"zmeta {__version__}\n"
    done = _run("shwo")
    assert done.returncode == 2
    assert "invalid choice: 'shwo'" in done.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["at the last flush", "at the first byte"])
@pytest.mark.parametrize("command", [["schema", "show", "ome-ngff"], ["show", "."], ["--help"]], ids=" ".join)
def test_a_pipe_that_is_closed_is_no_error(container: Path, command: list[str], unbuffered: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    whole = [sys.executable, "-m", "zmeta", *command]
    process = subprocess.Popen(
        whole, stdout=writer, stderr=subprocess.PIPE, text=True, cwd=container / "good", env=environment
    )
    os.close(writer)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")


def test_output_that_the_encoding_cannot_hold(container: Path) -> None:
    done = _run("show", str(container), env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 1
    assert "4 \\xd7 5 \\xd7 6" in done.stdout
    assert "Traceback" not in done.stderr


def test_help_loads_nothing_that_is_heavy() -> None:
    code = "import sys; from zmeta.cli.main import main; main(['--help']); print(sorted(HEAVY & set(sys.modules)))"
    code = code.replace("HEAVY", "{'numpy', 'zarr', 'jsonschema', 'pydantic'}")
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"


# --- help ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [[], ["show"], ["schema", "show"], ["demo"]], ids=" ".join)
def test_help_has_examples_that_parse(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    from zmeta.cli.main import build_parser

    assert main([*command, "--help"]) == 0
    text = capsys.readouterr().out
    examples = [line.split("   ")[0].split() for line in text.splitlines() if line.startswith("  zmeta ")]
    assert examples
    for example in examples:
        assert build_parser().parse_args(example[1:]).module.startswith("zmeta.cli.")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"zmeta {__version__}\n"


@pytest.mark.parametrize(
    "arguments", [[], ["schema"], ["show"], ["show", "a", "--format", "xml"], ["demo"], ["demo", "a", "b"]], ids=" ".join
)
def test_wrong_arguments(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "usage: zmeta" in capsys.readouterr().err


# --- show ---------------------------------------------------------------------------------------------------------------


def test_show_an_array(container: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(container / "good")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == str(container / "good")
    rows = {line[:14].strip(): line[14:] for line in lines[1:9]}
    assert rows["array"] == "4 × 5 × 6 uint8, Zarr v2"
    assert rows["convention"].startswith("dacapo@0.2.1")
    assert rows["axes"] == "z y x   ← from `axes`"
    assert rows["voxel size"] == "40, 4, 4   ← from `resolution`"
    assert rows["roi"] == "[400:560, 0:20, 80:104] (160, 20, 24) nanometer"


def test_show_json(container: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "--format", "json", str(container / "good")]) == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert entry["path"] == str(container / "good")
    assert entry["convention"] == "dacapo@0.2.1"
    assert (entry["axes"], entry["units"]) == (["z", "y", "x"], ["nanometer"] * 3)
    assert (entry["voxel_size"], entry["offset"]) == ([40, 4, 4], [400, 0, 80])
    assert entry["roi"] == {"offset": [400, 0, 80], "shape": [160, 20, 24], "units": ["nanometer"] * 3}
    assert entry["provenance"]["voxel_size"] == "from `resolution`"


@pytest.mark.parametrize("document", [".zarray", ".zattrs"])
def test_show_takes_a_document_for_its_node(container: Path, document: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(container / "good" / document)]) == 0
    assert capsys.readouterr().out.splitlines()[0] == str(container / "good")


def test_show_a_container_and_a_folder_that_is_none(container: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (container, container.parent):
        assert main(["show", str(path), "--format", "json"]) == 1  # one of them is wrong
        entries = json.loads(capsys.readouterr().out)
        assert [os.path.relpath(entry["path"], container) for entry in entries] == ["deep/er", "good", "wrong"]
    assert main(["show", str(container / "deep")]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0] == str(container / "deep" / "er")
    assert "0.5, 1, 1" in out
    assert "no unit is stated" in out


def test_show_several_paths_goes_on_after_one_that_is_missing(container: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [container / "good", container / "absent", container / "wrong"]
    assert main(["show", *map(str, paths)]) == 2
    out = capsys.readouterr()
    assert [line for line in out.out.splitlines() if line.startswith("/")] == [str(paths[0]), str(paths[2])]
    assert out.err.startswith("zmeta: there is no such folder\n  where:    " + str(paths[1]))


def test_show_tells_what_is_wrong(container: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(container / "wrong")]) == 1
    out = capsys.readouterr().out
    assert (
        f"error ZM301: daisy: `resolution` is wrong (expected a positive finite number) (found 0) [{container}/wrong/.zattrs"
        in out
    )
    assert "cannot be relied on, see the errors" in out


def test_show_goes_on_after_a_broken_array(container: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (container / "deep" / "er" / ".zattrs").write_text("{")
    assert main(["show", str(container)]) == 2
    out = capsys.readouterr()
    assert out.out.count("\n  array ") == 2
    assert str(container / "deep" / "er" / ".zattrs") in out.err


def test_show_an_empty_group(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "g").mkdir()
    (tmp_path / "g" / ".zgroup").write_text('{"zarr_format": 2}')
    assert main(["show", str(tmp_path / "g")]) == 2
    assert "there is no array below this group" in capsys.readouterr().err


def test_show_in_another_world_unit(container: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(container / "good"), "--world-unit", "picometer"]) == 0
    assert "[400000:560000, 0:20000, 80000:104000] (160000, 20000, 24000) picometer" in capsys.readouterr().out
    assert main(["show", str(container / "good"), "--world-unit", "nm"]) == 2
    assert "the world unit is not known" in capsys.readouterr().err


def test_show_the_anchor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    axes = [{"name": name, "type": "space", "unit": "nanometer"} for name in "zyx"]
    transforms = [{"type": "scale", "scale": [4, 4, 4]}, {"type": "translation", "translation": [10, 10, 10]}]
    image = {"version": "0.4", "axes": axes, "datasets": [{"path": "0", "coordinateTransformations": transforms}]}
    (tmp_path / "i" / "0").mkdir(parents=True)
    (tmp_path / "i" / "0" / ".zarray").write_text(json.dumps(ZARRAY))
    (tmp_path / "i" / ".zgroup").write_text('{"zarr_format": 2}')
    (tmp_path / "i" / ".zattrs").write_text(json.dumps({"multiscales": [image]}))
    for anchor, offset in (("corner", 10), ("centre", 8)):
        assert main(["show", str(tmp_path / "i"), "--ome-anchor", anchor, "--format", "json"]) == 0
        (entry,) = json.loads(capsys.readouterr().out)
        assert entry["offset"] == [offset] * 3
        assert "the argument `ome_anchor`" in entry["provenance"]["offset"]


def test_a_broken_config_is_an_error(container: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "sub").mkdir()
    os.chdir(tmp_path / "sub")
    (tmp_path / "sub" / "zmeta.toml").write_text("world_unit = [")
    assert main(["show", str(container)]) == 2
    assert "the file is not TOML" in capsys.readouterr().err


# --- schema -------------------------------------------------------------------------------------------------------------


def test_schema_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "list"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert names == [str(name) for name in list_schemas()]
    assert "ome-ngff/image@0.4" in names


@pytest.mark.parametrize("name", ["zmeta", "ome-ngff@0.4", "ome-ngff/plate@0.5", f"{BASE}zmeta/1.0/array.schema.json"])
def test_schema_show(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "show", name]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["$id"].startswith(BASE)
    assert main(["schema", "show", schema["$id"]]) == 0


@pytest.mark.parametrize("name", ["nothing", "ome-ngff@9.9", "ome-ngff/nothing", "", "../../etc/passwd", "zmeta\x1b[31m"])
def test_schema_show_of_what_there_is_not(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "show", name]) == 2
    error = capsys.readouterr().err
    assert error.startswith("zmeta: there is no such schema")
    assert "\x1b" not in error


SOUND: dict[str, Any] = {
    "$schema": DIALECT, "$id": "https://lab.example/stain.schema.json", "type": "object", "required": ["stain"],
    "properties": {"stain": {"enum": ["OTO", "rOTO"]},
                   "voxel_size": {"$ref": f"{BASE}zmeta/1.0/core.schema.json#/properties/voxel_size"},
                   "tree": {"$ref": "#/$defs/tree"}},
    "$defs": {"tree": {"type": "array", "items": {"$ref": "#/$defs/tree"}}},
    "examples": [{"stain": "OTO", "voxel_size": [4, 4, 4]}, {"stain": "rOTO", "tree": [[], [[]]]}],
}  # fmt: skip


def _file(folder: Path, schema: object, name: str = "lab.schema.json") -> str:
    (folder / name).write_text(schema if isinstance(schema, str) else json.dumps(schema))
    return str(folder / name)


def test_schema_check_of_a_sound_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = _file(tmp_path, SOUND)
    assert main(["schema", "check", file]) == 0
    assert capsys.readouterr().out == f"{file}: sound (2 examples checked)\n"


UNSOUND: dict[str, tuple[Any, str]] = {
    "broken metaschema": ({"type": "objekt"}, "the schema is not valid at /type"),
    "broken below": ({"properties": {"a": {"minimum": "4"}}}, "the schema is not valid at /properties/a/minimum"),
    "another dialect": ({"$schema": "http://json-schema.org/draft-07/schema#"}, "written in another dialect"),
    "dangling ref": ({"properties": {"a": {"$ref": "#/$defs/nothing"}}}, "/$defs/nothing"),
    "dangling file": ({"$ref": "other.schema.json"}, "other.schema.json"),
    "remote ref": ({"properties": {"a": {"$ref": "https://example.org/x.json"}}}, "https://example.org/x.json"),
    "remote ref in an unused place": ({"$defs": {"a": {"items": {"$ref": "http://example.org/x"}}}}, "nothing is fetched"),
    "file ref": ({"$ref": "file:///etc/passwd"}, "nothing is fetched"),
    "unknown zmeta schema": ({"$ref": f"{BASE}zmeta/9.9/array.schema.json"}, "zmeta/9.9/array"),
    "unknown metaschema": ({"$ref": "https://json-schema.org/draft/2020-12/nothing"}, "not in the catalog"),
    "failing example": ({**SOUND, "examples": [{"stain": "OTO"}, {"stain": "none"}]}, "examples/1 is not valid at /stain"),
    "endless ref": ({"$ref": "#", "examples": [1]}, "refers to itself without an end"),
    "endless ref of two": (
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a", "examples": [1]},
        "without an end",
    ),
    "ref that is no URI": ({"properties": {"a": {"$ref": "http://["}}}, "http://["),
    "ref that is no URI, with a base": ({"$id": "https://lab.example/a", "properties": {"a": {"$ref": "http://["}}}, "http://["),
    "ref into a list": ({"allOf": [{}], "$ref": "#/allOf/x"}, "#/allOf/x"),
    "ref with a bad index": ({"allOf": [{}], "$ref": "#/allOf/7"}, "/allOf/7"),
    "bad pattern": ({"properties": {"a": {"pattern": "("}}, "examples": [{"a": "x"}]}, "pattern"),
    "bad pattern, unused": ({"patternProperties": {"[": {}}}, "pattern"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNSOUND)
def test_schema_check_of_one_that_is_not_sound(tmp_path: Path, case: str, capsys: pytest.CaptureFixture[str]) -> None:
    schema, message = UNSOUND[case]
    file = _file(tmp_path, schema)
    assert main(["schema", "check", file]) == 1
    out = capsys.readouterr()
    assert out.out.startswith(f"{file}: ")
    assert message in out.out
    assert "sound (" not in out.out
    assert out.err == ""


def test_schema_check_of_files_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sound = _file(tmp_path, SOUND)
    bad = [_file(tmp_path, text, f"{index}.json") for index, text in enumerate(["", "[1]", "{", '{"a": 1, "a": 2}'])]
    assert main(["schema", "check", *bad, sound, str(tmp_path / "absent.json"), str(tmp_path)]) == 2
    out = capsys.readouterr()
    assert out.out == f"{sound}: sound (2 examples checked)\n"
    for file in (*bad, tmp_path / "absent.json", tmp_path):
        assert f"where:    {file}" in out.err


def test_schema_files_refer_to_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = _file(
        tmp_path,
        {"$id": "https://lab.example/one", "properties": {"a": {"$ref": "two#/$defs/t"}}, "examples": [{"a": 1}]},
        "1.json",
    )
    two = _file(tmp_path, {"$id": "https://lab.example/two", "$defs": {"t": {"type": "integer"}}}, "2.json")
    assert main(["schema", "check", one, two]) == 0
    assert main(["schema", "check", one]) == 1
    assert (
        f"{one}: a `$ref` leads to a schema that is not in the catalog; nothing is fetched; two#/$defs/t"
        in capsys.readouterr().out
    )


def test_schema_files_refer_to_those_of_the_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = _file(tmp_path, {"properties": {"a": {"$ref": "https://lab.example/two"}}, "examples": [{"a": 1}]}, "1.json")
    wrong = _file(tmp_path, {"properties": {"a": {"$ref": "https://lab.example/two"}}, "examples": [{"a": "1"}]}, "3.json")
    _file(tmp_path, {"$id": "https://lab.example/two", "type": "integer"}, "2.json")
    monkeypatch.chdir(tmp_path)
    assert main(["schema", "check", one]) == 1
    (tmp_path / "zmeta.toml").write_text('schemas = ["2.json"]\nprofile = [{ schema = "absent.json" }]\n', "utf-8")
    assert main(["schema", "check", one]) == 0
    assert main(["schema", "check", wrong]) == 1
    assert "examples/0 is not valid at /a" in capsys.readouterr().out


def test_every_packaged_schema_is_sound(capsys: pytest.CaptureFixture[str]) -> None:
    from zmeta.schema.catalog import schema_folder

    files = [os.path.join(schema_folder(), name.path) + ".schema.json" for name in list_schemas()]
    assert main(["schema", "check", *files]) == 0
    assert capsys.readouterr().out.count(": sound (") == len(files)


# --- demo ---------------------------------------------------------------------------------------------------------------


def test_demo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", str(tmp_path / "demo")]) == 0
    out = capsys.readouterr()
    assert out.err == ""
    assert "refused, nothing was written" in out.out
    assert "The document is untouched." in out.out
    assert "ZM411" in out.out
    assert main(["show", str(tmp_path / "demo"), "--format", "json"]) == 1  # the contradiction that it shows
    entries = json.loads(capsys.readouterr().out)
    wrong = [entry["path"] for entry in entries if any(f["severity"] == "error" for f in entry["findings"])]
    assert [os.path.basename(path) for path in wrong] == ["contradiction"]
    assert len({entry["convention"] for entry in entries}) >= 7


def test_demo_takes_an_empty_folder_and_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["demo", str(tmp_path / "empty")]) == 0
    before = sorted(path for path in (tmp_path / "empty").rglob("*"))
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    capsys.readouterr()
    for name in ("empty", "file", "link"):
        assert main(["demo", str(tmp_path / name)]) == 2
        out = capsys.readouterr()
        assert out.out == ""
        assert "needs a folder that is new or empty" in out.err
    assert sorted(path for path in (tmp_path / "empty").rglob("*")) == before
    assert (tmp_path / "file").read_text() == "mine"
