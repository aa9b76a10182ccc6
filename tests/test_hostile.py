"""Documents that mean harm: no network, no file outside the tree, no hang, no crash, nothing drawn on the terminal."""

from __future__ import annotations

import ast
import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from builders import (
    ATTRIBUTES,
    DATA,
    FORMATS,
    SOUND,
    V2,
    V3,
    WILD,
    array,
    codes,
    dump,
    errors,
    group,
    image,
    image_tree,
    write,
)
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

import zmeta
from zmeta.checker.report import check
from zmeta.config import Config, parse_config
from zmeta.errors import ZmetaError
from zmeta.jsondoc import ExactFloat
from zmeta.schema.catalog import schema_folder

ZMETA = [sys.executable, "-m", "zmeta"]


@pytest.fixture(autouse=True)
def _away_from_any_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail what takes longer, and do not wait for its end."""

    def ring(*_: object) -> None:
        raise TimeoutError(f"it took more than {seconds} seconds")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# --- no network -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    """A server on this computer that notes what it is asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}", asked
        listening.shutdown()
        thread.join()


def test_nothing_is_fetched(tmp_path: Path, server: tuple[str, list[str]]) -> None:
    url, asked = server
    entry = {"uuid": "11111111-2222-4333-8444-555555555555", "schema_url": f"{url}/s.json", "spec_url": f"{url}/spec"}
    keys = {**SOUND, "zarr_conventions": [*SOUND["zarr_conventions"], entry], "$schema": f"{url}/d", "$ref": f"{url}/r"}
    for kind in FORMATS:
        array(tmp_path / kind, kind, keys)
        paths = image("0.5" if kind == "v3" else "0.4")
        holder = paths.get("ome", paths)
        for dataset in holder["multiscales"][0]["datasets"]:
            dataset["path"] = f"{url}/{dataset['path']}"
        holder |= {
            "labels": [f"{url}/labels"], "well": {"images": [{"path": f"{url}/0"}]},
            "plate": {"rows": [{"name": "A"}], "columns": [{"name": "1"}],
                      "wells": [{"path": f"{url}/A/1", "rowIndex": 0, "columnIndex": 0}]},
            "image-label": {"source": {"image": f"{url}/image"}}, "series": [f"{url}/0"],
        }  # fmt: skip
        group(tmp_path / f"{kind}-group", kind, paths | keys)
    report = check(tmp_path, config=Config())
    assert {"ZM108", "ZM413"} <= set(report.summary.codes)
    assert asked == []


def test_no_schema_of_the_settings_is_fetched(tmp_path: Path, server: tuple[str, list[str]]) -> None:
    url, asked = server
    array(tmp_path / "a", "v2", {**SOUND, "stain": 1})
    for schema in ({"properties": {"stain": {"$ref": f"{url}/stain.json"}}}, {"$ref": f"{url}/all.json"},
                   {"$schema": f"{url}/dialect.json"}, {"$id": f"{url}/x", "$ref": "y.json"}):  # fmt: skip
        (tmp_path / "lab.json").write_text(json.dumps(schema))
        with pytest.raises(ZmetaError):
            parse_config({"profile": [{"schema": "lab.json"}]}, str(tmp_path / "zmeta.toml"))
    assert asked == []


# --- no file outside the tree ---------------------------------------------------------------------------------------------

#: Runs zmeta and writes down every file that is opened, and every folder that is listed, once it is loaded.
WATCHED = """
import sys
import zmeta.cli.check, zmeta.report.json_, zmeta.cli.main
from zmeta.schema.catalog import list_schemas, load_schema
for name in list_schemas(): load_schema(name.path)
seen = []
def note(event, arguments):
    if event in ("open", "os.scandir", "os.listdir", "socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.exec"):
        seen.append((event, repr(arguments[0])))
sys.addaudithook(note)
code = zmeta.cli.main.main(sys.argv[2:])
sys.stdout.flush()
watched = list(seen)
with open(sys.argv[1], "w") as stream:
    for event, path in watched: print(event, path, file=stream)
sys.exit(code)
"""
ELSEWHERE = [
    "{out}", "{out}/a", "../out", "../out/a", "../../../../../../..{out}", "s0/../../out", "./../out", "..", "/", "file://{out}",
    "file:///etc/passwd", "/etc/passwd", "//server/share", "\\\\server\\share", "C:\\Windows", "C:/Windows", "..\\out",
    "s0\\..\\..\\out", "\0", "s0\0/../out", "~", "~/x", "$HOME", "a" * 300, "a/" * 3000, "%2e%2e/out", "..%2fout",
    "s3://bucket/x", "out\n../out", " ../out", "../out ", "．．/out", "..／out", "", ".", "./", "//", "s0//../../out", "|id",
]  # fmt: skip


def _reaching(root: Path, kind: str, places: list[str]) -> None:
    """A tree whose documents name other places wherever a document can name one."""
    version = "0.5" if kind == "v3" else "0.4"
    keys = image(version)
    holder = keys.get("ome", keys)
    first = holder["multiscales"][0]["datasets"][0]
    holder["multiscales"][0]["datasets"] += [{**first, "path": place} for place in places]
    holder["multiscales"].append({**holder["multiscales"][0], "datasets": [{"path": place} for place in places]})
    holder["labels"] = places
    holder["series"] = places
    holder["well"] = {"images": [{"path": place} for place in places]}
    holder["plate"] = {"rows": [{"name": place} for place in places], "columns": [{"name": place} for place in places],
                       "wells": [{"path": place, "rowIndex": 0, "columnIndex": 0} for place in places]}  # fmt: skip
    holder["image-label"] = {"source": {"image": places[0]}}
    keys["scales"] = [[1, 1, 1]] * 3
    image_tree(root / "image", kind, attributes=keys)
    write(root / "image" / "labels" / "x", {"zarr.json": {"zarr_format": 3, "node_type": "group", "attributes": {
        "ome": {"version": "0.5", "image-label": {"source": {"image": places[1]}}}}}})  # fmt: skip
    for number, place in enumerate(places):
        array(root / f"a{number}", kind, {"coordinates": place, "transform": {"path": place}, "axes": [place] * 3,
                                          "zarr_conventions": [{"schema_url": place, "spec_url": place}]})  # fmt: skip
    entries: dict[str, Any] = {}
    for place in places:
        entries |= {f"{place}/.zarray": V2, place: V3, f"{place}/zarr.json": V3, f"{place}/.zattrs": {}}
    if kind == "v2":
        write(root, {".zgroup": {"zarr_format": 2}, ".zmetadata": {"zarr_consolidated_format": 1, "metadata": entries}})
    if kind == "v3":
        copy = {"kind": "inline", "must_understand": False, "metadata": entries}
        write(root, {"zarr.json": {"zarr_format": 3, "node_type": "group", "consolidated_metadata": copy}})


@pytest.mark.parametrize("kind", FORMATS)
def test_nothing_outside_the_tree_is_read(tmp_path: Path, kind: str) -> None:
    out = array(tmp_path / "out" / "a", kind).parent
    group(out, kind)
    _reaching(tmp_path / "tree", kind, [place.format(out=out) for place in ELSEWHERE])
    command = [sys.executable, "-c", WATCHED, str(tmp_path / "opened.txt"), "check", str(tmp_path / "tree")]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert "Traceback" not in done.stderr
    assert done.returncode == 1
    assert "ZM413" in done.stdout
    lines = (tmp_path / "opened.txt").read_text().splitlines()
    assert len(lines) > 100
    inside = f"{str(tmp_path / 'tree')!r}"[:-1]
    above = {
        repr(f"{folder}/{name}")
        for folder in (tmp_path, *tmp_path.parents)
        for name in (
            "zmeta.toml",
            "pyproject.toml",
            "zarr.json",
            ".zarray",
            ".zgroup",
            ".zattrs",
            ".zmetadata",
            "attributes.json",
        )
    }
    above |= {repr(f"/{name}") for name in ("zmeta.toml", "pyproject.toml")}
    own = [sys.prefix, sys.base_prefix, str(Path(zmeta.__file__).parent), schema_folder()]
    known = (inside, *(repr(folder)[:-1] for folder in own))
    stray = [line for line in lines if not line.split(" ", 1)[1].startswith(known)]
    assert [line for line in stray if line.split(" ", 1)[1] not in above] == []
    opened = [ast.literal_eval(line.split(" ", 1)[1]) for line in lines]
    assert [path for path in opened if os.path.normpath(path) != path.rstrip("/") and ".." in path.split("/")] == []


def test_links_in_documents_are_not_followed_out(tmp_path: Path) -> None:
    """A path through a link is a path below the group; what it leads to is read once, as any link is."""
    array(tmp_path / "out" / "a", "v2", {**SOUND, "voxel_size": [0, 4, 4]})
    keys = image()
    keys["multiscales"][0]["datasets"][1]["path"] = "link/a"
    image_tree(tmp_path / "tree", attributes=keys)
    os.symlink(tmp_path / "out", tmp_path / "tree" / "link")
    assert errors(tmp_path / "tree").count("ZM301") == 1


# --- every kind of document, broken in every way ------------------------------------------------------------------------

BROKEN: dict[str, bytes] = {
    "empty": b"", "blank": b" \n\t", "cut": b'{"zarr_format": 2, "shape": [4, 5', "a brace": b"{", "deep": b'{"a":' * 10_000,
    "deep lists": b'{"a": ' + b"[" * 100_000, "deep and whole": b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    "not UTF-8": b'{"unit": "\xb5m"}', "UTF-16": '{"a": 1}'.encode("utf-16"), "binary": bytes(range(256)) * 100,
    "twice": b'{"zarr_format": 2, "zarr_format": 3}', "twice, deep": b'{"a": [{"b": {"c": 1, "c": 1}}]}',
    "digits": b'{"zarr_format": ' + b"9" * 100_000 + b"}", "exponent": b'{"zarr_format": 1e999999999}',
    "negative zero": b'{"zarr_format": -0.0}', "list": b"[]", "null": b"null", "text": b'"{}"', "number": b"2",
    "comment": b'{} // {"zarr_format": 2}', "two": b"{}{}", "quotes": b"{'zarr_format': 2}", "comma": b'{"zarr_format": 2,}',
    "long text": b'{"zarr_format": "' + b"x" * 3_000_000 + b'"}', "open text": b'{"a": "' + b"x" * 3_000_000,
    "escapes": b'{"a": "' + b"\\" * 2_000_001, "many keys": b"{" + b",".join(b'"k%d": 1' % n for n in range(20_000)) + b"}",
    "nothing": b"{}", "NaN": b'{"zarr_format": NaN}', "null bytes": b"\0" * 1000, "html": b"<!DOCTYPE html><html>",
    "wrong kinds": b'{"zarr_format": {}, "shape": "x", "node_type": [], "dimensions": {}, "attributes": [], "metadata": 1}',
    "huge shape": b'{"zarr_format": 2, "node_type": "array", "shape": [' + b"9" * 400 + b'], "dimensions": [-1]}',
    "many dimensions": b'{"zarr_format": 3, "node_type": "array", "shape": [' + b"1," * 99_999 + b"1]}",
    "lone surrogate": b'{"zarr_format": "\\ud800", "\\udfff": 1}', "control": b'{"zarr\x01_format": 2}',
    "mark": b"\xef\xbb\xbf",
}  # fmt: skip
NODES = [
    ("v2", ".zarray"), ("v2", ".zattrs"), ("v2 group", ".zgroup"), ("v2 group", ".zattrs"), ("v2 group", ".zmetadata"),
    ("v3", "zarr.json"), ("v3 group", "zarr.json"), ("n5", "attributes.json"), ("n5 group", "attributes.json"),
]  # fmt: skip
#: Sound in these places: user attributes are free, and so are those of N5; an empty object is a group of N5.
FREE = {
    "nothing": {".zattrs", "attributes.json"}, "exponent": {".zattrs", "attributes.json"},
    "negative zero": {".zattrs", "attributes.json"}, "long text": {".zattrs", "attributes.json"},
    "many keys": {".zattrs", "attributes.json"}, "lone surrogate": {".zattrs", "attributes.json"},
    "wrong kinds": {".zattrs", "attributes.json"}, "huge shape": {".zattrs", ".zgroup"},
    "many dimensions": {".zattrs", "attributes.json"},
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_document_of_every_kind(tmp_path: Path, case: str) -> None:
    for number, (kind, name) in enumerate(NODES):
        folder = tmp_path / f"n{number}"
        group(folder, kind[:2]) if kind.endswith("group") else array(folder, kind)
        (folder / name).write_bytes(BROKEN[case])
        array(folder.parent / f"n{number}z", "v2", {**SOUND, "voxel_size": [4, 0, 4]})
    with within(20):
        report = check(tmp_path, config=Config())
    assert report.summary.codes["ZM301"] >= len(NODES), "the run goes on"
    told = {finding.file.partition("/")[0] for finding in report if finding.code.startswith("ZM0")}
    silent = [name for number, (_, name) in enumerate(NODES) if f"n{number}" not in told]
    assert set(silent) <= FREE.get(case, set())


def test_the_same_in_several_processes(tmp_path: Path) -> None:
    for number, raw in enumerate(BROKEN.values()):
        for kind, name in NODES[:2]:
            folder = array(tmp_path / f"{number:02}", kind)
            (folder / name).write_bytes(raw)
    with within(60):
        one = check(tmp_path, config=Config())
        assert check(tmp_path, config=Config(), jobs=2).findings == one.findings


@pytest.mark.parametrize("size", [1, 1000, 1_000_000])
def test_a_document_that_grows_while_it_is_read(tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The size that the system tells is not what is there."""
    array(tmp_path / "a", "v2", SOUND)
    (tmp_path / "a" / ".zattrs").write_text(json.dumps({**SOUND, "pad": "x" * size}))
    fstat = os.fstat

    def smaller(handle: int) -> os.stat_result:
        status = list(fstat(handle))
        status[6] = max(status[6] - 1, 0)
        return os.stat_result(status)

    monkeypatch.setattr(os, "fstat", smaller)
    with within(20):
        assert codes(tmp_path) == []


# --- very many of anything ----------------------------------------------------------------------------------------------
#
# Linear work is done within a second or two. Anything that grows with the square is not done within the time given.


def _ome(**keys: Any) -> dict[str, Any]:
    return {"ome": {"version": "0.5", **keys}}


def _axes() -> list[dict[str, Any]]:
    axes: list[dict[str, Any]] = image()["multiscales"][0]["axes"]
    return axes


_SCALE = [{"type": "scale", "scale": [1, 1, 1]}]
N = 20_000
#: Attributes of a group of Zarr v3, each with very many of something.
MANY: dict[str, dict[str, Any]] = {
    "datasets without transformations": _ome(multiscales=[{"axes": _axes(), "datasets": [{}] * N}]),
    "datasets that are texts": _ome(multiscales=[{"axes": _axes(), "datasets": ["s0"] * N}]),
    "datasets elsewhere": _ome(multiscales=[{"axes": _axes(), "datasets": [{"path": f"../s{n}"} for n in range(N)]}]),
    "images": _ome(multiscales=[{"axes": _axes(), "datasets": []}] * N),
    "axes": _ome(multiscales=[{"axes": [{"name": f"a{n}"} for n in range(N)], "datasets": [{"path": "s0"}]}]),
    "axes alike": _ome(multiscales=[{"axes": [{"name": "a"}] * N, "datasets": [{"path": "s0"}]}]),
    "transformations": _ome(
        multiscales=[{"axes": _axes(), "datasets": [{"path": "s0", "coordinateTransformations": _SCALE * N}]}]
    ),
    "numbers": _ome(multiscales=[{"axes": _axes(), "datasets": [{"path": "s0", "coordinateTransformations": [
        {"type": "scale", "scale": ["1"] * N}]}]}]),
    "labels": _ome(labels=[f"l{n}" for n in range(N)]),
    "labels elsewhere": _ome(labels=["/l"] * N),
    "colours": _ome(**{"image-label": {"colors": [{"label-value": n, "rgba": [1, 2, 3, 400]} for n in range(N)]}}),
    "channels": _ome(omero={"channels": [{"color": "red"}] * N}, multiscales=[{}]),
    "keys": {f"voxel_size{n}": [1, 1] for n in range(N)},
    "declarations": {"zarr_conventions": [{"uuid": f"{n:08}-cf7b-45e0-9fff-9cfc0883d6b4"} for n in range(N)]},
    "scales": {"scales": [[1, 1, 1]] * N, "downsamplingFactors": [[1, 1, 1]] * N},
    "COSEM": {"multiscales": [{"datasets": [{"path": f"../s{n}", "transform": {}} for n in range(N)]}]},
    "a long path": _ome(multiscales=[{"axes": _axes(), "datasets": [{"path": "a/" * N}, {"path": "a" * N}]}]),
    "a name of many dots": _ome(multiscales=[{"axes": _axes(), "datasets": [{"path": "../" * N}]}]),
}  # fmt: skip


@pytest.mark.parametrize("case", MANY)
def test_many_in_a_group(tmp_path: Path, case: str) -> None:
    group(tmp_path / "g", "v3", MANY[case])
    with within(20):
        assert check(tmp_path, config=Config()).summary.groups == 1


ARRAYS: dict[str, dict[str, Any]] = {
    "keys": {f"voxelsiz{n}": [1, 1] for n in range(N)}, "texts": {"resolution": ["1"] * N, "offset": ["q"] * N},
    "axes": {"axes": ["x"] * N, "resolution": [1] * N, "offset": [0] * N}, "one word": {"axes": "z" * N, "unit": "n" * N},
    "units": {"axes": ["z", "y", "x"], "voxel_size": [1, 1, 1], "units": ["nmm"] * N, "types": ["space"] * N},
    "quantities": {"dimension_units": ["4 nmm"] * N}, "dimensions": {"_ARRAY_DIMENSIONS": [f"x{n}" for n in range(N)]},
    "viewer": {"pixelResolution": {"dimensions": [1] * N, "unit": "nm"}, "downsamplingFactors": [2] * N},
    "COSEM": {"transform": {"axes": ["z"] * N, "units": ["nm"] * N, "scale": [1] * N, "translate": ["a"] * N}},
    "declarations": {"zarr_conventions": [{"uuid": f"{n}", "name": "x"} for n in range(N)]},
    "NaN": {"voxel_size": [float("nan")] * N}, "digits": {"voxel_size": [ExactFloat("0." + "1" * N)] * 3},
    "exponents": {"voxel_size": [ExactFloat("1e999999999")] * N, "offset": [ExactFloat("1e-999999999")] * N},
}  # fmt: skip


@pytest.mark.parametrize("kind", ["v2", "n5"])
@pytest.mark.parametrize("case", ARRAYS)
def test_many_in_an_array(tmp_path: Path, case: str, kind: str) -> None:
    array(tmp_path / "a", kind, ARRAYS[case])
    with within(20):
        assert check(tmp_path, config=Config()).summary.arrays == 1


@pytest.mark.parametrize("case", ["dimension_names", "codecs", "chunk_shape"])
def test_many_in_a_document(tmp_path: Path, case: str) -> None:
    cases: dict[str, dict[str, Any]] = {
        "dimension_names": {"dimension_names": [f"x{n}" for n in range(N)]}, "codecs": {"codecs": [{"name": 1}] * N},
        "chunk_shape": {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1] * N}}},
    }  # fmt: skip
    array(tmp_path / "a", "v3", {}, **cases[case])
    with within(20):
        assert check(tmp_path, config=Config()).summary.arrays == 1


def test_a_hundred_thousand_findings_in_one_document(tmp_path: Path) -> None:
    many = 100_000
    datasets = [{"path": f"../s{n}"} for n in range(many)]
    group(tmp_path / "g", "v3", _ome(multiscales=[{"axes": _axes(), "datasets": datasets}]))
    with within(60):
        report = check(tmp_path, config=Config(), select=["ZM413"])
    assert len(report) == many
    assert len({(finding.line, finding.column) for finding in report}) == many


def test_plates(tmp_path: Path) -> None:
    """Ten thousand wells, as of many plates in one; each is looked for."""
    wells = [{"path": f"r{n // 100}/c{n % 100}", "rowIndex": n // 100, "columnIndex": n % 100} for n in range(10_000)]
    plate = {"rows": [{"name": f"r{n}"} for n in range(100)], "columns": [{"name": f"c{n}"} for n in range(100)]}
    group(tmp_path / "p", "v3", _ome(plate={**plate, "wells": wells}))
    with within(40):
        assert codes(tmp_path, select=["ZM412"]) == ["ZM412"] * 10_000


def test_many_datasets(tmp_path: Path) -> None:
    keys = _ome(multiscales=[{"axes": _axes(), "datasets": [
        {"path": f"s{n}", "coordinateTransformations": _SCALE} for n in range(10_000)]}])  # fmt: skip
    group(tmp_path / "g", "v3", keys)
    with within(8):
        assert codes(tmp_path, select=["ZM412"]) == ["ZM412"] * 10_000


def test_a_plate_of_one_row_for_each_well(tmp_path: Path) -> None:
    wells = [{"path": f"r{n}/c{n}", "rowIndex": n, "columnIndex": n} for n in range(20_000)]
    plate = {"rows": [{"name": f"r{n}"} for n in range(20_000)], "columns": [{"name": f"c{n}"} for n in range(20_000)]}
    group(tmp_path / "p", "v3", _ome(plate={**plate, "wells": wells}))
    with within(8):
        check(tmp_path, config=Config(), select=["ZM417"])


def test_a_deep_tree(tmp_path: Path) -> None:
    folder = tmp_path
    for _ in range(700):
        folder = group(folder / "g", "v2", {"resolution": [4, 4, 4], "offset": [0, 0, 0]})
    array(folder / "a")
    with within(40):
        report = check(tmp_path, config=Config())
    assert (report.summary.arrays, report.summary.groups) == (1, 700)
    subprocess.run(["rm", "-rf", str(tmp_path / "g")], check=True)  # too deep for what cleans up after tests


# --- names, through every format of the command -----------------------------------------------------------------------

NASTY = [
    "a\nb", "a\r\nb", "::error::x", "::set-output name=x::y", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07",
    "<script>alert(1)</script>", "]]>", "&amp;<a>&", "%0A::error::", "%s%n%d", "a,b", "a:b", "`code`", "|a|b|",
    "[x](http://example.org)", "<!-- -->", "{{x}}", "\x7f", "\x01", "\u202eevil", "\u2028", "\ufeff", '\'"`$(id)',
    "\\u0000", "éééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé", "脳 µ", "</details>", "# title",
    "--output=x", "@user #1", "\ud800", "\x85", "  ", "𝔘", "a\tb", '\\', "*bold* _it_", "$HOME", "..\n",
]  # fmt: skip
REPORTS = ["text", "json", "jsonl", "github", "gitlab", "junit", "sarif", "markdown"]


@pytest.fixture(scope="module")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """Folders, keys, units, axes, paths and versions of such names; and how many findings there are."""
    root = tmp_path_factory.mktemp("nasty")
    for number, name in enumerate(NASTY):
        if "\ud800" not in name and name.strip():
            array(root / f"x{number}{name}", "v2", {**SOUND, "voxel_size": [0, 4, 4]})
        keys = image()
        entry = keys["multiscales"][0]
        entry["axes"][0] = {"name": name, "type": name, "unit": name}
        entry["datasets"][1]["path"] = name
        group(root / f"g{number}", "v2", keys)
        declared = [{"uuid": name, "name": name, "schema_url": name}]
        wrong = {"units": [name] * 3, "axes": [name, "y", name], f"voxelsize{name}": [4, 4], "zarr_conventions": declared}
        array(root / f"a{number}", "v2", {**SOUND, **wrong})
        array(root / f"b{number}", "v2", {"dimension_units": [f"4 {name}", name, "4 nm"], "_ARRAY_DIMENSIONS": [name]})
        array(root / f"c{number}", "v3", {"axes": [name], name: name}, dimension_names=[name] * 3, data_type=name)
        write(root / f"d{number}", {"zarr.json": {"zarr_format": name, name: 1}})
        write(root / f"e{number}", {"zarr.json": f'{{"a": 1, {json.dumps(name)}: 1, {json.dumps(name)}: 2}}'})
    return root, len(check(root, config=Config()))


def _printed(root: Path, format_: str, **environment: str) -> str:
    done = subprocess.run(
        [*ZMETA, "check", ".", "--format", format_], check=False, capture_output=True, timeout=120, cwd=root,
        env={**os.environ, **environment},
    )  # fmt: skip
    assert done.stderr == b""
    assert done.returncode == 1
    return done.stdout.decode()


_DRAWS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def _assert_sound(format_: str, text: str, count: int) -> None:
    lines = text.split("\n")
    assert _DRAWS.search(text) is None
    if format_ == "text":
        assert len(lines) == count + 2, "a line for each, the summary, and the end of it"
        assert all(re.search(r": (error|warning|note) ZM\d{3}: ", line) for line in lines[:-2])
    elif format_ == "json":
        data = json.loads(text)
        assert len(data["findings"]) == count == sum(data["summary"][word] for word in ("errors", "warnings", "notes"))
    elif format_ == "jsonl":
        assert len([json.loads(line) for line in lines if line]) in (count, count + 1)
    elif format_ == "github":
        commands = [line for line in lines if line.startswith("::")]
        assert 10 < len(commands) <= count, "GitHub shows a few of each"
        assert all(re.match(r"::(error|warning|notice) file=[^:,]+,line=", line) for line in commands)
    elif format_ == "gitlab":
        assert len(json.loads(text)) == count
    elif format_ == "junit":
        root = ET.fromstring(text)
        assert sum(int(suite.get("failures", "0")) for suite in root.iter("testsuite")) <= count
        assert root.find(".//script") is None
        assert root.find(".//a") is None
    elif format_ == "sarif":
        data = json.loads(text)
        assert count / 2 < len(data["runs"][0]["results"]) <= count, "those that differ in their place alone are one"
    else:
        plain = re.sub(r"(`+) .*? \1(?!`)", "", text)
        assert "<script>" not in plain
        assert plain.count("</details>") == plain.count("<details>") > 10
        assert "](http://example" not in plain


@pytest.mark.parametrize("format_", REPORTS)
def test_names_in_every_format(nasty: tuple[Path, int], format_: str) -> None:
    root, count = nasty
    assert count > 300
    _assert_sound(format_, _printed(root, format_), count)


def test_names_with_other_eyes(nasty: tuple[Path, int]) -> None:
    """What a spreadsheet, a log and a terminal that knows little make of it."""
    root, count = nasty
    rows = [json.loads(line) for line in _printed(root, "jsonl").splitlines()]
    assert sum("code" in row for row in rows) == count
    assert list(csv.reader([json.dumps(row) for row in rows[:5]]))
    assert _printed(root, "text", PYTHONIOENCODING="ascii").isascii()


def test_names_when_mending_and_in_a_baseline(nasty: tuple[Path, int], tmp_path: Path) -> None:
    root = tmp_path / "t"
    shutil.copytree(nasty[0], root)
    for name in ("a\nb", "\x1b[31m", "::error::"):
        array(root / f"fix{name}", "v2", {"resolution": ["4", 4, 4], "offset": [0, 0, 0]})
    known = str(tmp_path / "known.json")
    subprocess.run([*ZMETA, "check", "t", "--write-baseline", known], check=True, capture_output=True, cwd=tmp_path)
    options: dict[str, Any] = {"capture_output": True, "text": True, "cwd": tmp_path}
    done = subprocess.run([*ZMETA, "check", "t", "--baseline", known, "--fail-on", "note"], check=False, **options)
    assert (done.returncode, done.stderr) == (0, "")
    done = subprocess.run([*ZMETA, "check", "t", "--fix"], check=False, **options)
    assert done.returncode == 1
    assert _DRAWS.search(done.stderr) is None
    assert len(done.stderr.splitlines()) >= 3
    assert all(line.startswith(("mended t/", "not mended t/")) for line in done.stderr.splitlines())


# --- patterns that run away ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|aa)+$", "^(a|a?)+$", "(.*)*=", "^(([a-z])+.)+[A-Z]+$", "(x+x+)+y"])
def test_patterns_that_run_away(tmp_path: Path, pattern: str) -> None:
    schema = {"properties": {"stain": {"pattern": pattern}}, "patternProperties": {pattern: {"type": "string"}}}
    (tmp_path / "lab.json").write_text(json.dumps(schema))
    (tmp_path / "zmeta.toml").write_text('[[profile]]\nschema = "lab.json"\n')
    for number, text in enumerate(("a" * 5000 + "!", "x" * 5000, "a" * 40 + "!")):
        array(tmp_path / f"a{number}", "v2", {**SOUND, "stain": text, text: 1})
    done = subprocess.run([*ZMETA, "check", "."], check=False, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.returncode in (0, 1)
    assert "Traceback" not in done.stderr


def test_globs_of_settings_that_run_away(tmp_path: Path) -> None:
    array(tmp_path / ("a" * 200), "v2", SOUND)
    table: dict[str, Any] = {"override": [{"match": ["*a" * 30 + "b"], "severity": {"ZM": "off"}}]}
    with within(20):
        assert codes(tmp_path, config=parse_config(table, str(tmp_path / "zmeta.toml"))) == []


# --- mutations ----------------------------------------------------------------------------------------------------------


def _originals() -> list[Path]:
    wild = [file for file in sorted(WILD.rglob("*")) if file.is_file() and file.name != "index.json"]
    cases = sorted((DATA / "conventions").glob("*/*/*/*.json"))
    return wild[::7] + cases[::5]


ORIGINALS = _originals()
_STRANGE: Any = st.sampled_from([
    None, True, False, 0, -1, 1e300, 10**400, -(10**20), "", "x", "0", "\ud800", "\n", [], {}, [[]], [{}], {"": {}}, [None],
    float("nan"), float("inf"), ExactFloat("1e400"), ExactFloat("1e-400"), ExactFloat("0.1000"), "a" * 3000, [1] * 300,
    {"type": "scale", "scale": [1]}, {"path": ".."}, {"version": "0.4"}, ["z", "y", "x"], [4, 4, 4],
])  # fmt: skip


def _paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [at]
    for key, item in value.items() if isinstance(value, dict) else enumerate(value[:4]) if isinstance(value, list) else ():
        found += _paths(item, (*at, key))
    return found


def _put(value: Any, path: tuple[Any, ...], change: Any) -> Any:
    """Return a copy with a value changed; `...` takes it away."""
    if not path:
        return change(value)
    head, rest = path[0], path[1:]
    if isinstance(value, dict):
        items = {key: _put(item, rest, change) if key == head else item for key, item in value.items()}
        return {key: item for key, item in items.items() if item is not ...}
    items_ = [_put(item, rest, change) if index == head else item for index, item in enumerate(value)]
    return [item for item in items_ if item is not ...]


def _changed(kind: str, strange: Any, key: str, value: Any) -> Any:
    if kind in ("drop", "replace", "wrap"):
        return {"drop": ..., "replace": strange, "wrap": [value]}[kind]
    if kind == "deep":
        for _ in range(90):
            value = [value]
    elif kind == "text" and not isinstance(value, dict | list):
        value = str(value)
    elif kind == "double" and isinstance(value, list | str):
        value = value * 2
    elif kind == "key" and isinstance(value, dict):
        value = {**value, key: strange}
    return value


@st.composite
def _mutated(draw: Any) -> tuple[str, bytes]:
    """The name of a document, and its bytes with one to three things wrong."""
    file = ORIGINALS[draw(st.integers(0, len(ORIGINALS) - 1))]
    raw = file.read_bytes()
    name = file.name if file.is_relative_to(WILD) else ""
    if draw(st.integers(0, 9)) == 0:
        end = draw(st.integers(0, len(raw)))
        return name, raw[:end] + draw(st.sampled_from([b"", b"}", b"\xff", b"\0", b",", b"[" * 300])) + raw[end + 1 :]
    data = json.loads(raw)
    for _ in range(draw(st.integers(1, 3))):
        paths = _paths(data)
        path = paths[draw(st.integers(0, len(paths) - 1))]
        kind = draw(st.sampled_from(["drop", "replace", "replace", "wrap", "deep", "text", "double", "key"]))
        key = draw(st.sampled_from(["ome", "multiscales", "axes", "zarr_format", "attributes", "plate", "", "offset"]))
        changed = _put(data, path, partial(_changed, kind, draw(_STRANGE), key))
        data = {} if changed is ... else changed
    return name, dump(data).encode("utf-8", "backslashreplace")


@pytest.fixture(scope="module")
def memory() -> Iterator[Path]:
    root = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
    folder = Path(tempfile.mkdtemp(dir=root))
    yield folder
    shutil.rmtree(folder)


@given(documents=st.lists(_mutated(), min_size=1, max_size=4), kind=st.sampled_from(FORMATS), where=st.sampled_from("ago"))
@examples(max_examples=400)
def test_mutations(memory: Path, documents: list[tuple[str, bytes]], kind: str, where: str) -> None:
    """Each in the place of a document of its name, or of attributes: of a group, of an array, of one on top of the other."""
    root = memory / "t"
    shutil.rmtree(root, ignore_errors=True)
    folder = group(root, kind)
    for number, (name, raw) in enumerate(documents):
        inner = folder / f"s{number}"
        array(inner, kind) if where == "a" else group(inner, kind)
        for level in ("s0", "s1", "0"):
            array(inner / level, kind)
        if not name and kind == "v3":
            start = b'{"zarr_format": 3, "node_type": "%s", ' % (b"array" if where == "a" else b"group")
            raw = start + b'"attributes": ' + raw + b"}"  # noqa: PLW2901
        (inner / (name or ATTRIBUTES[kind])).write_bytes(raw)
        folder = inner if where == "o" else folder
    with within(20):
        try:
            report = check(root, config=Config())
        except ZmetaError as error:
            pytest.fail(f"an error in the place of a finding: {error}")
    assert all(str(finding) and finding.fingerprint for finding in report)
