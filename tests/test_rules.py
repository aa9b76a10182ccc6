"""Every code: a module with a page, cases in which it fires and in which it does not, and what its fix changes.

A case is a file `tests/data/rules/<CODE>/{fires,silent}/<what>.json`:

- `documents`: path to an object (written with an indent of 2), a text as it is, or `{"base64": …}` for bytes.
- `config`: a table as in `zmeta.toml`, which stands beside the documents.
- What is asked: `check` (paths, by default everything); or `read` (an array that `read_metadata` opens); or `open` (an
  array that `ZarrArray` opens, with `axes`); or `add` (an array) with `payload`, which is Python where it is a text; or
  `convert` (an array or group of Zarr v2).
- `finds`: file, pointer and line of every finding of this code; no line where none is known.
- `fixed`, for a code with a fix: what `--fix` changes, as `{"file", "set" or "rename", "to"}`; `{"file"}` for other bytes.
"""

from __future__ import annotations

import ast
import base64
import io
import json
import re
import tomllib
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from zmeta import Config, MetadataError, ZarrArray, ZarrArrayConfig, add_metadata, check, read_metadata
from zmeta.checker import judge, rules
from zmeta.checker.mend import can_mend
from zmeta.checker.rules import registry
from zmeta.cli.main import main
from zmeta.config import parse_config
from zmeta.finding import CODES, DOCS, Finding, Severity
from zmeta.jsondoc import parse_pointer
from zmeta.nodes.node import Node, read_node
from zmeta.nodes.to_v3 import convert_array, convert_group
from zmeta.report.text import TextReporter

DATA = Path(__file__).parent / "data" / "rules"
FOLDER = Path(rules.__path__[0])
CASES = sorted(DATA.glob("*/*/*.json"))
#: Codes that no check of files comes to: they are about a payload, or about what a reader asks for.
WRITING = {"ZM103", "ZM105", "ZM106", "ZM409", "ZM410"}
#: And one that a check reports under the code that it has where it stands.
OPENING = {"ZM005"}
#: Those about what becomes of a document in another container format.
CONVERTING = {"ZM420", "ZM421", "ZM422"}
ASKED = {"read", "open", "add", "convert"}
FIXABLE = sorted(code for code in CODES if can_mend(Finding(code, "")))
HEADINGS = ["What it finds", "Why it matters", "Example", "What to do"]


class Place(NamedTuple):
    """Where a finding is expected, or was found."""

    file: str
    pointer: str
    line: int


def name_of(file: Path) -> str:
    return "-".join((*file.relative_to(DATA).parts[:2], file.stem))


def load(file: Path) -> dict[str, Any]:
    case = json.loads(file.read_text(encoding="utf-8"))
    known = {"documents", "config", "check", "read", "open", "axes", "add", "payload", "convert", "finds", "fixed"}
    assert case.keys() <= known, case.keys() - known
    assert isinstance(case, dict)
    return case


def write(documents: dict[str, Any], folder: Path) -> None:
    for name, document in documents.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(raw_of(document))


def raw_of(document: Any) -> bytes:
    if isinstance(document, dict) and document.keys() == {"base64"}:
        return base64.b64decode(document["base64"], validate=True)
    return (document if isinstance(document, str) else json.dumps(document, indent=2, ensure_ascii=False)).encode()


def snapshot(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def findings_of(case: dict[str, Any], folder: Path) -> list[Finding]:
    """Return what a case comes to."""
    config = parse_config(case.get("config", {}), str(folder / "zmeta.toml")) if "config" in case else Config()
    if "read" in case:
        return list(read_metadata(folder / case["read"], config=config)[1])
    if "open" in case:
        container, _, dataset = case["open"].partition("/")
        opened = ZarrArrayConfig(file_name=folder / container, dataset=dataset, axes=case["axes"])
        return list(ZarrArray(opened, config=config).findings)
    if "add" in case:
        payload = case["payload"]
        given = eval(payload, {"Fraction": Fraction, "Path": Path}) if isinstance(payload, str) else payload
        before = snapshot(folder)
        try:
            return list(add_metadata(folder / case["add"], given, config=config))
        except MetadataError as error:
            assert snapshot(folder) == before
            return list(error.findings)
    if "convert" in case:
        return convert(read_node(str(folder / case["convert"])))
    return list(check([folder / name for name in case.get("check", [""])], config=config))


def convert(node: Node | None) -> list[Finding]:
    assert node is not None
    document = node.documents[".zarray" if node.kind == "array" else ".zgroup"]
    if node.kind == "group":
        found = convert_group(node.attributes, document.data)
    else:
        found = convert_array(document.data, node.attributes)
    assert (found.document is None) == any(finding.severity == Severity.ERROR for finding in found.findings)
    return [finding._replace(file=document.file) for finding in found.findings]


def finds(case: dict[str, Any]) -> list[Place]:
    return sorted(Place(find["file"], find["pointer"], find.get("line", 0)) for find in case.get("finds", []))


def places_of(findings: Iterable[Finding], code: str) -> list[Place]:
    """Return where findings of a code stand, in files relative to the working directory."""
    here = f"{Path.cwd().as_posix()}/"
    found = [finding for finding in findings if finding.code == code]
    return sorted(
        Place(finding.file.replace("\\", "/").removeprefix(here), finding.pointer, finding.line) for finding in found
    )


#: Cases that fire in a check of files with the default settings, and those of codes with a fix.
BESIDE = [file for file in CASES if file.parts[-2] == "fires" and load(file).keys().isdisjoint({*ASKED, "config", "check"})]
MENDED = [file for file in CASES if file.parts[-3] in FIXABLE and file.parts[-2] == "fires" and "add" not in load(file)]


# --- cases ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", CASES, ids=name_of)
def test_case(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case, code = load(file), file.parts[-3]
    monkeypatch.chdir(tmp_path)
    write(case["documents"], tmp_path)
    assert bool(finds(case)) == (file.parts[-2] == "fires"), "a case that fires has finds, a silent one none"
    findings = findings_of(case, tmp_path)
    assert places_of(findings, code) == finds(case), "\n".join(map(str, findings))
    for finding in findings:
        assert finding.message.strip() == finding.message
        assert finding.url == f"{DOCS}rules/{finding.code}/"


@pytest.mark.parametrize("file", BESIDE, ids=name_of)
def test_what_was_judged_before_changes_nothing(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge remembers nodes: the same tree twice, side by side in one run, is found twice."""
    case, code = load(file), file.parts[-3]
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        write({f"{name}/{path}": document for path, document in case["documents"].items()}, tmp_path)
    places = places_of(check(tmp_path, config=Config()), code)
    assert places == sorted(place._replace(file=f"{name}/{place.file}") for name in ("one", "two") for place in finds(case))


# --- fixes ----------------------------------------------------------------------------------------------------------


def parse(raw: bytes) -> Any:
    return json.loads(raw.decode("utf-8-sig"), parse_float=Decimal)


def changed(document: Any, change: dict[str, Any]) -> Any:
    """Return a document with one change made, independently of what is tested."""
    path = parse_pointer(change["set" if "set" in change else "rename"], document)
    assert path, change
    holder = document
    for part in path[:-1]:
        holder = holder[part]
    if "set" in change:
        holder[path[-1]] = parse(json.dumps(change["to"]).encode())
    else:
        items = [(change["to"] if key == path[-1] else key, value) for key, value in holder.items()]
        holder.clear()
        holder.update(items)
    return document


def flat(value: Any, at: str = "") -> list[tuple[str, Any]]:
    """Return every leaf of a document with its place, in the order of the document."""
    if isinstance(value, dict):
        return [(at, "{}"), *(leaf for key in value for leaf in flat(value[key], f"{at}/{key}"))]
    if isinstance(value, list):
        return [(at, "[]"), *(leaf for index, item in enumerate(value) for leaf in flat(item, f"{at}/{index}"))]
    return [(at, (type(value).__name__, value))]


@pytest.mark.parametrize("file", MENDED, ids=name_of)
def test_fix(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`--fix` makes the changes that the case names and no other; then there is nothing more to mend."""
    case, code = load(file), file.parts[-3]
    assert "fixed" in case, f"say what --fix changes ([] for nothing): {file}"
    monkeypatch.chdir(tmp_path)
    write(case["documents"], tmp_path)
    before = snapshot(tmp_path)
    stale = [finding for finding in check(".", config=Config()) if finding.code == "ZM414"]
    main(["check", "--fix", "--select", code, "."])
    after = snapshot(tmp_path)
    assert after.keys() == before.keys()
    wanted = {name: parse(raw) for name, raw in before.items()}
    for change in case["fixed"]:
        if change.keys() != {"file"}:
            changed(wanted[change["file"]], change)
    for name, raw in after.items():
        assert flat(parse(raw)) == flat(wanted[name])
        touched = [change for change in case["fixed"] if change["file"] == name]
        assert touched or raw == before[name], "a document that is not named stays as it is, byte for byte"
        assert not touched or raw != before[name]
    mended = lines_that_mend(capsys)
    left = [finding for finding in check(".", config=Config()) if finding.code == code]
    assert len(left) == len(case["finds"]) - mended
    assert [finding for finding in check(".", config=Config()) if finding.code == "ZM414"] == stale
    main(["check", "--fix", "--select", code, "."])
    assert lines_that_mend(capsys) == 0
    assert snapshot(tmp_path) == after, "a second run changes nothing"


def lines_that_mend(capsys: pytest.CaptureFixture[str]) -> int:
    return len(re.findall(r"^mended ", capsys.readouterr().err, re.MULTILINE))


# --- modules, tables ------------------------------------------------------------------------------------------------


def modules() -> dict[str, ModuleType]:
    names = sorted(file.stem for file in FOLDER.glob("*.py") if file.stem not in ("__init__", "registry"))
    return {name: import_module(f"zmeta.checker.rules.{name}") for name in names}


def test_every_code_has_a_module_and_every_module_a_code() -> None:
    assert list(registry.MODULES) == list(CODES)
    assert sorted(registry.MODULES.values()) == list(modules())
    for code, name in registry.MODULES.items():
        assert re.fullmatch(rf"{code.lower()}_[a-z0-9_]+", name)


def test_tables_hold_known_codes() -> None:
    assert set(CODES) >= registry.MUST
    assert registry.FIXES.keys() <= CODES.keys()
    milder = {"ZM407"}  # the array's own attributes are read where an image does not fit it
    assert {CODES[code][0] for code in registry.MUST - milder} == {Severity.ERROR}


def test_every_rule_is_listed() -> None:
    """A function `check_…` of a module is in a table of the registry, or is one that the judge asks itself."""
    tables = [table for name, table in vars(registry).items() if name.isupper() and isinstance(table, tuple)]
    asked = {rule for table in tables for rule in table} | {rule for rule in vars(judge).values() if callable(rule)}
    for name, module in modules().items():
        for key, rule in vars(module).items():
            if key.startswith("check_") and rule.__module__ == module.__name__:
                assert rule in asked, f"{name}.{key}"


@pytest.mark.parametrize("code", CODES)
def test_code_has_cases(code: str) -> None:
    for kind in ("fires", "silent"):
        cases = [load(file) for file in (DATA / code / kind).glob("*.json")]
        assert cases, f"{code} has no case in which it is {kind}"
        assert code not in WRITING or any("add" in case or "open" in case for case in cases)
        assert code not in CONVERTING or all("convert" in case for case in cases)
        checked = any(case.keys().isdisjoint(ASKED) for case in cases)
        assert code in WRITING | OPENING | CONVERTING or kind == "silent" or checked


def test_no_stray_cases() -> None:
    assert {file.parts[-3] for file in CASES} <= CODES.keys()
    assert {file.parts[-2] for file in CASES} == {"fires", "silent"}
    assert len(CASES) == sum(file.is_file() for file in DATA.rglob("*"))


# --- pages ----------------------------------------------------------------------------------------------------------

#: Examples that are no JSON, or that no document can be.
UNLIKE = {"ZM001", "ZM002", "ZM003", "ZM005", "ZM009"}


def blocks(text: str) -> list[tuple[str, str]]:
    return re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def sections(page: str) -> dict[str, str]:
    assert (
        re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL), re.MULTILINE) == HEADINGS
    )
    return dict(zip(HEADINGS, re.split(r"^## .+$", page, flags=re.MULTILINE)[1:], strict=True))


@pytest.mark.parametrize("code", CODES)
def test_page(code: str) -> None:
    """First a sentence, then four sections, each with something in it."""
    page = registry.load_page(code)
    title = page.partition("\n")[0]
    assert title.endswith(".")
    assert title[:-1].lower() == CODES[code][1].lower()
    parts = sections(page)
    assert all(part.strip() for part in parts.values())
    assert page.count("```") == 2 * len(blocks(page))
    assert {kind for kind, _ in blocks(parts["Example"])} & {"json", "python", "text"}
    assert {kind for kind, _ in blocks(page)} <= {"json", "python", "console", "text", "toml"}
    for kind, text in blocks(page):
        if kind == "json" and code not in UNLIKE:
            json.loads(text)
        if kind == "toml":
            tomllib.loads(text)
        if kind == "python":
            ast.parse(text)
    assert ("zmeta check --fix" in parts["What to do"]) == (code in FIXABLE)
    assert set(re.findall(r"ZM\d{3}", page)) <= CODES.keys()
    assert ("only when writing" in " ".join(page.split())) == (code in WRITING - {"ZM410"})
    assert ("only when converting" in " ".join(page.split())) == (code in CONVERTING)
    assert max(map(len, page.splitlines())) <= 125


def holds(value: Any, part: Any) -> bool:
    """Whether a part of a document is there, at this value: all keys of it, and lists as a whole."""
    if isinstance(part, dict):
        return isinstance(value, dict) and all(key in value and holds(value[key], part[key]) for key in part)
    if isinstance(part, list):
        return isinstance(value, list) and len(value) == len(part) and all(map(holds, value, part))
    return bool(value == part) and isinstance(value, bool) == isinstance(part, bool)


def parts_of(value: Any) -> list[Any]:
    below = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [value, *(part for item in below for part in parts_of(item))]


@pytest.mark.parametrize("code", CODES)
def test_examples_are_those_of_cases(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example of a page stands in a case that fires, and the lines that the page quotes are those that are printed."""
    monkeypatch.chdir(tmp_path)
    example = sections(registry.load_page(code))["Example"]
    cases = [load(file) for file in (DATA / code / "fires").glob("*.json")]
    documents = [part for case in cases for document in case["documents"].values() for part in parts_of(document)]
    for kind, text in blocks(example):
        if kind == "json" and code not in UNLIKE:
            assert any(holds(part, json.loads(text)) for part in documents), text
    quoted = [" ".join(text.split()) for kind, text in blocks(example) if kind == "text" and "ZM" in text]
    if not quoted:
        return
    stream = io.StringIO()
    reporter = TextReporter(stream)
    for index, case in enumerate(cases):
        folder = tmp_path / str(index)
        folder.mkdir()
        monkeypatch.chdir(folder)
        write(case["documents"], folder)
        for finding in findings_of(case, folder):
            reporter.add(finding)
    printed = {" ".join(line.split()) for line in stream.getvalue().splitlines()}
    for text in quoted:
        assert text in printed, "\n".join(line for line in sorted(printed) if code in line)
