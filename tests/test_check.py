"""`zmeta.check`: the same findings in any number of processes, at the right places, as the settings ask for them."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import DATA, FAULTY, FORMATS, SOUND, WILD, array, codes, found, group, image, image_tree, large_tree, write

import zmeta
from zmeta.checker import parallel
from zmeta.checker.position import locate
from zmeta.checker.report import Report, check
from zmeta.checker.runner import Run
from zmeta.config import Config, parse_config
from zmeta.errors import ConfigError, NodeNotFoundError, StoreError, ZmetaError
from zmeta.finding import CODES, Finding, Severity
from zmeta.jsondoc import parse_pointer
from zmeta.nodes.walk import Links, Place, Walk


@pytest.fixture(autouse=True)
def _away_from_any_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def large() -> Iterator[Path]:
    root = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
    folder = Path(tempfile.mkdtemp(dir=root))
    yield large_tree(folder / "t", 2500)
    shutil.rmtree(folder)


def settings(table: dict[str, Any], file: Path | str = "/zmeta.toml") -> Config:
    return parse_config(table, str(file))


def one(folder: Path, keys: dict[str, Any], kind: str = "v2") -> Path:
    return array(folder / "a", kind, keys)


# --- one process or several ---------------------------------------------------------------------------------------------


def _places(report: Report) -> list[tuple[Any, ...]]:
    return [
        (finding.file, finding.line, finding.column, finding.code, finding.pointer, finding.message) for finding in report
    ]


def _assert_same(report: Report, other: Report) -> None:
    assert _places(other) == _places(report)
    assert other.findings == report.findings
    for name in ("arrays", "groups", "errors", "warnings", "notes", "codes", "failed"):
        assert getattr(other.summary, name) == getattr(report.summary, name)


@pytest.mark.parametrize("jobs", [2, 4])
def test_wild_in_several_processes(jobs: int) -> None:
    report = check(WILD, config=Config())
    assert report.summary.arrays > 250
    _assert_same(report, check(WILD, config=Config(), jobs=jobs))


@pytest.mark.parametrize("budget", [3, 40, 2000])
@pytest.mark.parametrize("jobs", [2, 4])
def test_a_large_tree_in_several_processes(large: Path, jobs: int, budget: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "BUDGET", budget)
    report = check(large, config=Config())
    assert {"ZM001", "ZM009", "ZM101", "ZM107", "ZM301", "ZM401", "ZM408", "ZM412", "ZM413"} <= set(report.summary.codes)
    _assert_same(report, check(large, config=Config(), jobs=jobs))


def test_no_finding_is_told_twice(large: Path) -> None:
    for path in (large, WILD):
        places = _places(check(path, config=Config()))
        assert len(places) == len(set(places))


def test_what_each_level_says_of_its_group_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the levels are judged by several workers, and by one that has met the group before."""
    monkeypatch.setattr(parallel, "BUDGET", 5)
    group(tmp_path / "g", "v2", {"resolution": [4, 4, 4], "offset": [0, 0, 0]})
    for number in range(40):
        array(tmp_path / "g" / f"a{number:02}")
    for jobs in (1, 2, 4):
        assert [file for code, file, _ in found(tmp_path, jobs=jobs) if code == "ZM408"] == ["g/.zattrs"]


def test_relations_in_several_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "BUDGET", 5)
    config = settings({"relation": [{"rule": "inside", "arrays": "*/labels", "of": "*/raw"}]})
    group(tmp_path)
    for number in range(30):
        offset = [0, 0, 4000 if number % 3 == 0 else 0]
        array(tmp_path / f"{number:02}" / "labels", "v2", {**SOUND, "offset": offset})
        array(tmp_path / f"{number:02}" / "raw", "v2", SOUND)
    report = check(tmp_path, config=config)
    assert [finding.file for finding in report] == [f"{number:02}/labels/.zattrs" for number in range(0, 30, 3)]
    for jobs in (2, 4):
        _assert_same(report, check(tmp_path, config=config, jobs=jobs))


def test_a_worker_that_dies_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    array(tmp_path / "a")

    def die(_: object) -> None:
        os._exit(9)

    monkeypatch.setattr(Walk, "__iter__", die)
    with pytest.raises(StoreError, match="a worker process ended"):
        check(tmp_path, config=Config(), jobs=2)


def test_no_worker_is_left_when_a_run_ends_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter may end right after, while the pipe of a worker is being closed."""
    monkeypatch.setattr(parallel, "BUDGET", 5)
    for number in range(200):
        array(tmp_path / f"a{number:03}")
    before = threading.active_count()
    batches = parallel.run_parallel([Place(str(tmp_path))], Links([str(tmp_path)]), Config(), 2)
    next(batches)
    batches.close()
    assert (multiprocessing.active_children(), threading.active_count()) == ([], before)


# --- where a finding stands ---------------------------------------------------------------------------------------------


def _value_at(text: str, line: int, column: int) -> Any:
    start = sum(len(row) + 1 for row in text.split("\n")[: line - 1]) + column - 1
    return json.JSONDecoder().raw_decode(text, start)[0]


def _assert_placed(report: Report, root: Path) -> int:
    placed = 0
    for finding in report:
        file = Path(finding.file) if os.path.isabs(finding.file) else root / finding.file
        text = file.read_bytes().decode("utf-8-sig")
        data = json.loads(text)
        path = parse_pointer(finding.pointer, data)
        assert finding.line > 0
        assert finding.column > 0
        if path is None:  # it is missing: the place is that of what should hold it
            parts = finding.pointer.split("/")
            while path is None:
                parts.pop()
                path = parse_pointer("/".join(parts), data)
        else:
            placed += bool(path)
        value = data
        for part in path:
            value = value[part]
        assert str(_value_at(text, finding.line, finding.column)) == str(value)  # as text: NaN is not itself
    return placed


def test_places_in_the_wild() -> None:
    assert _assert_placed(check(WILD, config=Config()), Path.cwd()) > 50


@pytest.mark.parametrize("layout", ["compact", "indented", "tabs", "windows", "mark"])
@pytest.mark.parametrize("kind", FORMATS)
def test_places_in_every_layout(tmp_path: Path, kind: str, layout: str) -> None:
    for number, keys in enumerate([*FAULTY, {"µ/~": 1, "pad": ["é", "\n", "\\"], **FAULTY[0]}]):
        array(tmp_path / f"a{number}", kind, keys)
    group(tmp_path / "g", kind, image(levels=3))
    for file in tmp_path.rglob("*"):
        if file.is_file():
            data = json.loads(file.read_text())
            text = json.dumps(data, indent={"compact": None, "tabs": "\t"}.get(layout, 2), ensure_ascii=False)
            raw = text.replace("\n", "\r\n" if layout == "windows" else "\n").encode()
            file.write_bytes(b"\xef\xbb\xbf" + raw if layout == "mark" else raw)
    assert _assert_placed(check(tmp_path, config=Config()), tmp_path) > 5


def test_places_in_documents_that_make_no_node(tmp_path: Path) -> None:
    cases = {"a": b'{\n "zarr_format": 3,\n "node_type": "array",\n "shape": [4, "x"]}', "b": b'{\n "a": 1,\n "b" 2}',
             "c": b'{"zarr_format": 3, "node_type": "tree"}'}  # fmt: skip
    for name, raw in cases.items():
        write(tmp_path / name, {"zarr.json": raw})
    places = [(finding.file, finding.line, finding.column) for finding in check(tmp_path, config=Config())]
    assert places == [("a/zarr.json", 4, 11), ("b/zarr.json", 3, 6), ("c/zarr.json", 1, 33)]


def test_locate_takes_linear_time() -> None:
    text = json.dumps({"a": [{"b": [number, "\n"]} for number in range(30_000)]}, indent=1)
    pointers = [f"/a/{number}/b/{number % 3}" for number in range(30_000)]
    places = locate(text, pointers)
    assert places["/a/0/b/0"] == (5, 5)
    assert places["/a/29997/b/0"] == (5 + 29_997 * 6, 5)
    assert places["/a/29999/b/2"] == (4 + 29_999 * 6, 9), "there is none, and that is where the list begins"


@pytest.mark.parametrize(
    "text",
    ["", "{", '{"a":', '{"a" 1}', '{"a": {"b": tru', "[[[[", '{"a": [1 2]}', "nul", '{"a": "', "{1: 2}", "[" * 99_999],
)
def test_locate_in_broken_text(text: str) -> None:
    for line, column in locate(text, ["", "/a", "/a/b", "/a/1", "/0/0", "/1/2/3"]).values():
        assert line == 1
        assert 1 <= column <= len(text) + 1


def test_findings_of_a_node_stand_together_and_in_order(large: Path) -> None:
    report = check([large, WILD], config=Config())
    files = [finding.file for finding in report]
    runs = [file for number, file in enumerate(files) if number == 0 or files[number - 1] != file]
    again = {file for file in runs if runs.count(file) > 1}
    assert {os.path.basename(file) for file in again} <= {".zattrs", "attributes.json", "zarr.json"}
    for first, second in zip(report, report.findings[1:], strict=False):
        if first.file == second.file and first.file not in again:
            assert (first.line, first.column) <= (second.line, second.column)


# --- settings -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def various(tmp_path: Path) -> None:
    """Two arrays, about which a few things are said, of every severity."""
    array(tmp_path / "a", "v2", {"resolution": [0, 4, 4], "offset": [0, 0, 0], "voxelsize": [4, 4, 4]})
    array(tmp_path / "b", "v2", {"resolution": [4, 4, 4], "offset": [0, 0, 0]})


@pytest.mark.usefixtures("various")
def test_select_and_ignore(tmp_path: Path) -> None:
    everything = codes(tmp_path)
    assert set(everything) >= {"ZM205", "ZM301", "ZM415"}

    def chosen(**options: Any) -> set[str]:
        return set(codes(tmp_path, **options))

    assert chosen(select=["ZM"]) == set(everything)
    assert chosen(select=["ZM3"]) == {code for code in everything if code.startswith("ZM3")}
    assert chosen(select=["ZM301", "ZM4"]) == {"ZM301", "ZM415"}
    assert chosen(ignore=["ZM"]) == set()
    assert chosen(ignore=["ZM3", "ZM415"]) == {code for code in everything if not code.startswith("ZM3")} - {"ZM415"}
    assert chosen(select=["ZM301"], ignore=["ZM3"]) == {"ZM301"}, "the longer beginning wins"
    assert chosen(select=["ZM2"], ignore=["ZM205"]) == {code for code in everything if code[:3] == "ZM2"} - {"ZM205"}
    assert chosen(select=["ZM301"], ignore=["ZM301"]) == set(), "and of two alike to ignore"
    assert chosen(select=["ZM205"]) == {"ZM205"}


@pytest.mark.usefixtures("various")
def test_settings_and_arguments_together(tmp_path: Path) -> None:
    config = settings({"select": ["ZM2"], "ignore": "ZM207", "fail_on": "note"})
    assert set(codes(tmp_path, config=config)) == {"ZM205"}
    assert set(codes(tmp_path, config=config, select=["ZM4", "ZM2"])) == {"ZM205", "ZM415"}, "takes the place of `select`"
    assert "ZM205" not in codes(tmp_path, config=config, ignore=["ZM205"])
    assert not check(tmp_path, config=config)
    assert check(tmp_path, config=config, fail_on="error")


@pytest.mark.parametrize(
    ("keys", "worst"),
    [(SOUND, None), ({"resolution": [4, 4, 4], "offset": [0, 0, 0]}, Severity.NOTE),
     ({**SOUND, "voxelsize": [4, 4, 4], "axes": ["z", "y", "x"]}, None),
     ({"voxelsize": [4, 4, 4]}, Severity.WARNING), ({**SOUND, "voxel_size": [0, 4, 4]}, Severity.ERROR)],
)  # fmt: skip
def test_fail_on(tmp_path: Path, keys: dict[str, Any], worst: Severity | None) -> None:
    one(tmp_path, keys)
    report = check(tmp_path, config=Config())
    assert max((finding.severity for finding in report), default=None) == worst
    for word, least in {"error": Severity.ERROR, "warning": Severity.WARNING, "note": Severity.NOTE, "never": None}.items():
        failed = worst is not None and least is not None and worst >= least
        report = check(tmp_path, config=Config(), fail_on=word)
        assert (report.failed, bool(report), report.summary.failed) == (failed, not failed, failed)


def test_severity_by_code_and_by_glob(tmp_path: Path) -> None:
    for name in ("a", "b/c", "b/d"):
        array(tmp_path / name, "v2", {"resolution": [4, 4, 4], "offset": [0, 0, 0]})

    def severities(table: dict[str, Any], code: str) -> dict[str, str]:
        report = check(tmp_path, config=settings(table, tmp_path / "zmeta.toml"))
        return {os.path.dirname(finding.file): str(finding.severity) for finding in report if finding.code == code}

    assert severities({}, "ZM207") == {"a": "note", "b/c": "note", "b/d": "note"}
    assert severities({"severity": {"ZM207": "error"}}, "ZM207") == {"a": "error", "b/c": "error", "b/d": "error"}
    both = {"severity": {"ZM2": "error", "ZM207": "warning"}}
    assert severities(both, "ZM207")["a"] == "warning", "the longer beginning wins"
    assert severities(both, "ZM205")["a"] == "error"
    assert severities({"severity": {"ZM2": "off", "ZM207": "note"}}, "ZM205") == {}
    override = [{"match": ["b/*"], "severity": {"ZM207": "warning"}}, {"match": ["*/d"], "severity": {"ZM207": "error"}}]
    assert severities({"override": override}, "ZM207") == {"a": "note", "b/c": "warning", "b/d": "error"}
    assert severities({"override": override[::-1]}, "ZM207") == {"a": "note", "b/c": "warning", "b/d": "warning"}
    kept = {"severity": {"ZM2": "error"}, "override": [{"match": ["b/*"], "severity": {"ZM205": "off"}}]}
    assert severities(kept, "ZM207") == {"a": "error", "b/c": "error", "b/d": "error"}, "what is not overridden holds"
    assert severities(kept, "ZM205") == {"a": "error"}
    assert severities({"override": [{"match": [f"{tmp_path}/b/*"], "ignore": ["ZM2"]}]}, "ZM207") == {"a": "note"}
    assert severities({"override": [{"match": ["b/*"], "select": ["ZM3"]}]}, "ZM207") == {"a": "note"}


def test_severity_of_what_cannot_be_read(tmp_path: Path) -> None:
    write(tmp_path / "a", {"zarr.json": b"{"})
    write(tmp_path / "b", {"zarr.json": b"{"})
    table = {"severity": {"ZM001": "warning"}, "override": [{"match": ["b"], "severity": {"ZM0": "off", "ZM001": "note"}}]}
    report = check(tmp_path, config=settings(table, tmp_path / "zmeta.toml"))
    assert [str(finding.severity) for finding in report] == ["warning", "note"]
    assert report


DOCUMENTS = [
    ("v2", ".zarray"), ("v2", ".zattrs"), ("v2 group", ".zgroup"), ("v2 group", ".zattrs"), ("v2 group", ".zmetadata"),
    ("v3", "zarr.json"), ("v3 group", "zarr.json"), ("n5", "attributes.json"), ("n5 group", "attributes.json"),
]  # fmt: skip


def _node(folder: Path, kind: str) -> Path:
    return group(folder, kind[:2]) if kind.endswith("group") else array(folder, kind)


def _larger(file: Path, text: str) -> None:
    data = json.loads(file.read_text()) if file.exists() else {"metadata": {}}
    file.write_text(json.dumps(data)[:-1] + (", " if data else "") + text + "}")


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(("kind", "name"), DOCUMENTS, ids=[f"{kind}: {name}" for kind, name in DOCUMENTS])
def test_limits(tmp_path: Path, kind: str, name: str, jobs: int) -> None:
    for folder in "abc":
        _node(tmp_path / folder, kind)
    _larger(tmp_path / "a" / name, f'"pad": "{"x" * 1000}"')
    _larger(tmp_path / "b" / name, '"pad": ' + "[" * 20 + "]" * 20)

    def told(**limits: int) -> list[tuple[str, str]]:
        report = check(tmp_path, config=settings(limits), jobs=jobs)
        return [(finding.code, finding.file) for finding in report if finding.code in ("ZM008", "ZM009", "ZM001")]

    assert told() == []
    assert told(max_bytes=900) == [("ZM008", f"a/{name}")]
    assert told(max_depth=15) == [("ZM009", f"b/{name}")]
    assert told(max_bytes=900, max_depth=15) == [("ZM008", f"a/{name}"), ("ZM009", f"b/{name}")]


def test_limits_hold_for_the_groups_above_and_for_levels(tmp_path: Path) -> None:
    image_tree(tmp_path / "i")
    _larger(tmp_path / "i" / "s1" / ".zattrs", f'"pad": "{"x" * 2000}"')
    config = settings({"max_bytes": 1500})
    assert [file for code, file, _ in found(tmp_path, config=config) if code == "ZM008"] == ["i/s1/.zattrs"]
    assert "ZM412" not in codes(tmp_path, config=config), "it is there"
    _larger(tmp_path / "i" / ".zattrs", f'"pad": "{"x" * 2000}"')
    assert codes(tmp_path / "i" / "s0", config=config) == ["ZM005"]


def test_relations(tmp_path: Path) -> None:
    array(tmp_path / "c.zarr" / "one" / "raw", "v2", SOUND)
    array(tmp_path / "c.zarr" / "one" / "labels", "v2", {**SOUND, "offset": [40, 0, 0], "voxel_size": [20, 2, 2]})
    array(tmp_path / "c.zarr" / "two" / "raw", "v2", {**SOUND, "offset": [4000, 0, 0]})
    array(tmp_path / "c.zarr" / "two" / "labels", "v2", {**SOUND, "offset": [40, 0, 0], "voxel_size": [30, 4, 4]})
    array(tmp_path / "c.zarr" / "lone" / "labels", "v2", {**SOUND, "voxel_size": [4, 4, 4]})
    array(tmp_path / "other.zarr" / "labels", "v2", {**SOUND, "offset": [-9000, 0, 0]})
    group(tmp_path / "c.zarr")
    group(tmp_path / "other.zarr")

    def told(rule: str, **table: Any) -> list[tuple[str, ...]]:
        relation = {"rule": rule, "arrays": "*labels", "of": ["*/raw"]}
        return found(tmp_path, config=settings({"relation": [relation], **table}, tmp_path / "zmeta.toml"))

    assert told("inside") == [("ZM501", "c.zarr/two/labels/.zattrs", "")]
    assert told("divides") == [("ZM502", "c.zarr/two/labels/.zattrs", "")]
    assert told("inside", severity={"ZM5": "off"}) == []
    assert told("inside", override=[{"match": ["*/c.zarr"], "ignore": ["ZM501"]}]) == []
    assert codes(tmp_path) == []


def test_relations_take_linear_time(tmp_path: Path) -> None:
    """Two thousand labels of two thousand samples: each is compared with its neighbour."""
    group(tmp_path)
    for number in range(600):
        for name in ("raw", "labels"):
            array(tmp_path / f"{number:04}" / name, "v2", {**SOUND, "offset": [40 * number, 0, 0]})
    config = settings({"relation": [{"rule": "inside", "arrays": "*/labels", "of": "*/raw"}] * 3})
    report = check(tmp_path, config=config)
    assert len(report) == 0
    assert report.summary.seconds < 20


def test_profiles_are_judged(tmp_path: Path) -> None:
    (tmp_path / "lab.json").write_text(json.dumps({"required": ["stain"], "properties": {"stain": {"enum": ["OTO"]}}}))
    table = {"profile": [{"schema": "lab.json", "match": ["*raw"]}]}
    config = settings(table, tmp_path / "zmeta.toml")
    for number, keys in enumerate([{}, {"stain": "OTO"}, {"stain": "none"}, {}]):
        array(tmp_path / f"{number}" / "raw", "v2", {**SOUND, **keys})
    array(tmp_path / "labels", "v2", SOUND)
    for jobs in (1, 2):
        told = [file for code, file, _ in found(tmp_path, config=config, jobs=jobs) if code == "ZM102"]
        assert told == ["0/raw/.zattrs", "2/raw/.zattrs", "3/raw/.zattrs"]


WRONG: list[tuple[str, str]] = [
    ("x = 1", "no setting `x`"), ("select = 1", "`select` is wrong"), ('select = ["XX"]', "no such code"),
    ("select = [1]", "`select` is wrong"), ('ignore = "ZM9"', "no such code"), ('ignore = [""]', "no such code"),
    ('fail_on = "bad"', "`fail_on` is wrong"), ("fail_on = [1]", "`fail_on` is wrong"),
    ("severity = 1", "`severity` is wrong"),
    ("[severity]\nZM1 = 1", "`severity.ZM1` is wrong"), ('[severity]\nZM1 = "bad"', "`severity.ZM1` is wrong"),
    ('[severity]\nXX = "error"', "no such code"), ('[severity]\nZM1 = ["off"]', "`severity.ZM1` is wrong"),
    ("max_bytes = 0", "`max_bytes` is wrong"), ("max_bytes = true", "`max_bytes` is wrong"),
    ("max_bytes = 1.5", "`max_bytes` is wrong"), ("max_bytes = nan", "`max_bytes` is wrong"),
    ("max_depth = 401", "`max_depth` is wrong"), ("relation = 1", "`relation` is wrong"),
    ('[[relation]]\nrule = "inside"', "[[relation]] is wrong"),
    ('[[relation]]\nrule = []\narrays = "a"\nof = "b"', "`relation.rule` is wrong"),
    ('[[relation]]\nrule = "divides"\narrays = 1\nof = "b"', "`relation.arrays` is wrong"),
    ('[[override]]\nmatch = "a"', "`override.match` is wrong"),
    ('[[override]]\nignore = "ZM2"', "`override.match` is wrong"),
    ('[[override]]\nmatch = ["*"]\nfoo = 1', "no setting `foo`"), ('[override]\nmatch = ["*"]', "`override` is wrong"),
    ('[[override]]\nmatch = ["*"]\nseverity = {ZM1 = "x"}', "`severity.ZM1` is wrong"),
    ('[[override]]\nmatch = ["*"]\nselect = ["ZM9"]', "no such code"),
    ('[[override]]\nmatch = ["*"]\nfail_on = "note"', "`fail_on` cannot be set for some arrays only"),
    ('[[override]]\nmatch = ["*"]\nmax_bytes = 5', "`max_bytes` cannot be set for some arrays only"),
    ("convention = []", "no such convention"), ("convention = {a = 1}", "no such convention"), ("mirror = [[]]", "`mirror`"),
    ("world_unit = 1", "`world_unit` is wrong"), ("ome_anchor = {}", "`ome_anchor` is wrong"),
    ("[[profile]]", "[[profile]] is wrong"), ('[[profile]]\nschema = "nothing.json"', "no such schema file"),
    ("schemas = 1", "`schemas` is wrong"), ("\x00", "the file is not TOML"), ("overrides = []", "no setting `overrides`"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "words"), WRONG, ids=[text for text, _ in WRONG])
def test_wrong_settings(tmp_path: Path, text: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    from zmeta.cli.main import main

    one(tmp_path, SOUND)
    (tmp_path / "zmeta.toml").write_text(text)
    assert main(["check", "a"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"zmeta: {words}") or words in err.splitlines()[0]
    assert str(tmp_path) in err, "the file is named"


def test_wrong_settings_in_pyproject(tmp_path: Path) -> None:
    one(tmp_path, SOUND)
    (tmp_path / "pyproject.toml").write_text("[tool]\nzmeta = 1")
    with pytest.raises(ConfigError, match=r"`tool\.zmeta` is wrong"):
        check(tmp_path)
    (tmp_path / "pyproject.toml").write_text('[tool.zmeta]\nselect = "ZM3"\n[tool.other]\nx = 1')


# --- Python -------------------------------------------------------------------------------------------------------------


def test_the_report(tmp_path: Path) -> None:
    one(tmp_path, {"resolution": [0, 4, 4], "offset": [0, 0, 0]})
    report = zmeta.check(tmp_path)
    assert isinstance(report, Report)
    assert isinstance(report.findings[0], Finding)
    assert not report
    assert report.failed
    assert len(report) == len(report.findings) == report.summary.findings
    assert list(report) == list(report.findings)
    assert [finding.code for finding in report.errors] == ["ZM301"]
    assert str(report).splitlines()[:-1] == [str(finding) for finding in report]
    assert str(report).splitlines()[-1] == str(report.summary)
    assert report.summary.codes == {code: codes(tmp_path).count(code) for code in sorted(set(codes(tmp_path)))}
    assert all(finding.code in CODES for finding in report)
    assert zmeta.check(str(tmp_path)).findings == report.findings
    assert zmeta.check([tmp_path / "a", str(tmp_path)]).findings == report.findings
    assert zmeta.check(path for path in [tmp_path]).findings == report.findings


def test_an_empty_report_is_true(tmp_path: Path) -> None:
    one(tmp_path, SOUND)
    report = zmeta.check(tmp_path)
    assert (bool(report), len(report), list(report), str(report)) == (True, 0, [], "nothing wrong in 1 array and 0 groups")


def test_settings_of_the_working_directory(tmp_path: Path) -> None:
    one(tmp_path, {"resolution": [4, 4, 4], "offset": [0, 0, 0]})
    assert not zmeta.check(tmp_path, config=Config(fail_on="note"))
    assert zmeta.check(tmp_path, config=Config(ignore=("ZM",), fail_on="note"))
    (tmp_path / "a" / "zmeta.toml").write_text("broken")
    assert len(zmeta.check(tmp_path)), "a file beside the data is not read"


def test_errors_of_the_function(tmp_path: Path) -> None:
    one(tmp_path, SOUND)
    with pytest.raises(NodeNotFoundError, match="no such file or folder"):
        zmeta.check(tmp_path / "nothing")
    with pytest.raises(StoreError, match="no store for such a URL"):
        zmeta.check("zz://bucket/data.zarr")
    for path in ("", "a\0b", tmp_path / "a\0b"):
        with pytest.raises(NodeNotFoundError, match="not valid"):
            zmeta.check(path)
    with pytest.raises(NodeNotFoundError):
        zmeta.check([])
    for options in ({"select": ["XX"]}, {"ignore": ["zm2"]}, {"fail_on": "bad"}, {"select": [""]}):
        with pytest.raises(ConfigError):
            zmeta.check(tmp_path, **options)
    write(tmp_path / "x", {"readme.txt": "", "zarr.json": "{"})
    with pytest.raises(NodeNotFoundError, match="no metadata document") as caught:
        zmeta.check(tmp_path / "x" / "readme.txt")
    assert "zarr.json" in caught.value.expected


def test_a_document_without_a_node_is_a_finding(tmp_path: Path) -> None:
    """A hook names what was changed; one that is left over must not keep it from the others."""
    write(tmp_path / "y", {".zattrs": "{}"})
    one(tmp_path, {**SOUND, "voxel_size": [0, 4, 4]})
    report = check([tmp_path / "y" / ".zattrs", tmp_path / "a" / ".zattrs"], config=Config())
    assert [(finding.code, finding.file) for finding in report] == [("ZM006", "y/.zattrs"), ("ZM301", "a/.zattrs")]


def test_ctrl_c_comes_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one(tmp_path, SOUND)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("zmeta.checker.judge.Judge.judge", interrupt)
    with pytest.raises(KeyboardInterrupt):
        zmeta.check(tmp_path)
    summary = Run(Config()).run([tmp_path], lambda _: None)
    assert summary.interrupted


def test_what_was_found_before_ctrl_c_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from zmeta.checker.judge import Judge

    for number in range(9):
        array(tmp_path / f"a{number}", "v2", {**SOUND, "voxel_size": [0, 4, 4]})
    judge = Judge.judge

    def interrupt(self: Judge, visit: Any) -> Any:
        if visit.place.path.endswith("a5"):
            raise KeyboardInterrupt
        return judge(self, visit)

    monkeypatch.setattr(Judge, "judge", interrupt)
    told: list[Finding] = []
    summary = Run(Config()).run([tmp_path], told.append)
    assert [finding.file[:2] for finding in told] == ["a0", "a1", "a2", "a3", "a4"]
    assert (summary.interrupted, summary.errors) == (True, 5)


def test_from_a_thread(tmp_path: Path) -> None:
    from threading import Thread

    one(tmp_path, {**SOUND, "voxel_size": [0, 4, 4]})
    reports: list[Report] = []
    for jobs in (1, 2):
        thread = Thread(target=lambda jobs=jobs: reports.append(check(tmp_path, config=Config(), jobs=jobs)))
        thread.start()
        thread.join()
    assert [len(report) for report in reports] == [1, 1]


def test_every_case_of_a_convention_can_be_checked(tmp_path: Path) -> None:
    """As the attributes of an array and of a group of each format."""
    files = sorted((DATA / "conventions").glob("*/*/*/*.json"))
    for number, file in enumerate(files):
        keys = json.loads(file.read_text("utf-8"))
        if isinstance(keys, dict):
            (array if number % 2 else group)(tmp_path / f"{number}", FORMATS[number % 3], keys)
    report = check(tmp_path, config=Config())
    assert isinstance(report, Report)
    assert report.summary.arrays + report.summary.groups > 0.9 * len(files)
    assert _assert_placed(check(tmp_path, config=Config(), ignore=["ZM0"]), tmp_path) > 500


def test_nothing_but_errors_of_zmeta(tmp_path: Path) -> None:
    for error in (NodeNotFoundError, ConfigError, StoreError):
        assert issubclass(error, ZmetaError)


def test_wrong_names_of_a_level_are_told_once(tmp_path: Path) -> None:
    image_tree(tmp_path, "v3")
    array(tmp_path / "s1", "v3", shape=[8] * 3, dimension_names=["a", "b", "c"])
    assert [finding.code for finding in check(tmp_path, config=Config())] == ["ZM212"]
    assert [finding.code for finding in check(tmp_path, config=Config(ignore=("ZM212",)))] == ["ZM401"]
