"""The formats of `zmeta check`: one list of findings in all of them, and what no name or message may do to any of them.

`python tests/test_report.py` writes `tests/data/report/*.golden` anew; read the difference before keeping it.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import tracemalloc
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from importlib import import_module
from itertools import islice, pairwise
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import attrs
import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zmeta.errors import ConfigError
from zmeta.finding import CODES, DOCS, Finding, Fix, Severity
from zmeta.report.base import Summary
from zmeta.report.registry import FORMATS, make_reporter

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "data" / "report"

HOSTILE = (
    "a\nb", "a\r\nb", "::error::x", "\n::error file=x::y", "##[error]x", "#\ufe0f#[group]x", "::stop-commands::x",
    "%0A%25%3A", "\x1b[31mred\x1b[0m\x1b]0;title\x07", "\x9b31m", "\u202egnp.exe", "\u2028", "\u2029", "\x85",
    "\x0b", "\x0c", "\x1c", "\x00", "<img src=x onerror=alert(1)>", "</details>", "<!--", "]]>", "&amp;", "`", "```", "|",
    "[x](http://evil.example)", "@everyone", "#1", "http://evil.example", "a@evil.example", "a,b=c:d", "'\"", "\\", "\udcff",
    "\ud83d\ude00", "µ", "😀", "\ufffe", "{0}", " ", "-", "\t",
)  # fmt: skip

#: What all formats are shown: every severity, with and without a place, mended and not, one hostile thing after another.
FINDINGS = [
    Finding(
        "ZM203", "the unit 'second' is not one of length", "data/raw.zarr/zarr.json", "/attributes/units/0",
        expected="a unit of length", found='"second"', hint="state the unit of each axis", line=12, column=9,
    ),
    Finding("ZM207", "no unit is stated", "data/raw.zarr/zarr.json", hint="state units", level=Severity.WARNING),
    Finding("ZM104", "'offest' looks like 'offset'", "data/raw.zarr/zarr.json", "/attributes/offest", line=14, column=5,
            fix=Fix("rename", "/attributes/offest", "offset")),
    Finding("ZM203", "the unit 'second' is not one of length", "data/seg.n5/attributes.json", "/units/0", line=3),
    Finding("ZM203", "the unit 'second' is not one of length", "data/gt.n5/attributes.json", "/units/0", line=4, column=2),
    Finding("ZM205", "axis names are zyx by habit", "/absolute/µ dir/100%.zarr", line=1, column=1),
    Finding("ZM205", "axis names are zyx by habit", "C:/windows/.zattrs"),
    Finding("ZM001", "nothing is known about the place"),
    *(Finding("ZM101", f"<{text}>", f"dir/{text}.json", f"/{text}", text, f"{text}{text}", text, 1, 2) for text in HOSTILE),
]  # fmt: skip


def summary_of(findings: Iterable[Finding], **more: Any) -> Summary:
    findings = list(findings)
    severities = Counter(finding.severity for finding in findings)
    codes = dict(Counter(finding.code for finding in findings))
    error, warning, note = (severities[s] for s in (Severity.ERROR, Severity.WARNING, Severity.NOTE))
    return Summary(3, 2, error, warning, note, failed=bool(error), seconds=1.25, codes=codes, **more)


def report(name: str, findings: Iterable[Finding], encoding: str = "utf-8", **more: Any) -> str:
    """What a format makes of findings, on a stream that refuses what it cannot encode."""
    findings = list(findings)
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, newline="")
    kept = {key: text for key, text in os.environ.items() if key not in ("GITHUB_STEP_SUMMARY", "GITHUB_ACTIONS")}
    kept |= {"GITHUB_STEP_SUMMARY": str(more.pop("step_summary"))} if "step_summary" in more else {}
    with mock.patch.dict(os.environ, kept, clear=True), mock.patch("zmeta.report.sarif.version", return_value="1.2.3"):
        reporter = make_reporter(name, stream, colour=more.pop("colour", False))
        for finding in findings:
            reporter.add(finding)
        reporter.close(summary_of(findings, **more))
    stream.flush()
    return raw.getvalue().decode(encoding)


def clean(text: str) -> str:
    """What text and github show: nothing that draws or ends a line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def whole(text: str) -> str:
    """What JSON holds: halves of surrogate pairs are shown as an escape."""
    return text.encode("utf-8", "backslashreplace").decode()


def words(finding: Finding) -> str:
    text = finding.message
    if finding.expected and finding.found:
        text += f" (expected {finding.expected}, found {finding.found})"
    elif finding.expected or finding.found:
        text += f" (expected {finding.expected})" if finding.expected else f" (found {finding.found})"
    return text + (f" [{finding.pointer}]" if finding.pointer else "") + (f"; {finding.hint}" if finding.hint else "")


TEXT = st.lists(st.sampled_from(HOSTILE) | st.text(st.characters(exclude_categories=()), max_size=4), max_size=4).map(
    "".join
)
NUMBER = st.just(0) | st.integers(1, 10**6)
FINDING = st.builds(
    Finding, st.sampled_from(sorted(CODES)), TEXT, TEXT, TEXT, TEXT, TEXT, TEXT, NUMBER, NUMBER,
    st.none() | st.sampled_from(Severity),
    st.none() | st.builds(Fix, st.sampled_from(["set", "rename", "rewrite"]), TEXT, TEXT),
)  # fmt: skip


def by_file(findings: list[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: finding.file)


SOME = st.lists(FINDING, max_size=6).map(by_file)
ENCODING = st.sampled_from(["utf-8", "ascii", "cp1252", "utf-16"])


# --- all formats ------------------------------------------------------------------------------------------------------

GOLDENS = {**{name: partial(report, name) for name in FORMATS}, "text-colour": partial(report, "text", colour=True)}


@pytest.mark.parametrize("name", GOLDENS)
def test_golden(name: str) -> None:
    with open(GOLDEN / f"{name}.golden", encoding="utf-8", newline="\n") as file:
        assert GOLDENS[name](FINDINGS) == file.read()


def test_every_golden_file_has_a_format() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == {f"{name}.golden" for name in GOLDENS}


def test_every_format_is_listed() -> None:
    files = {f"zmeta.report.{path.stem}" for path in (ROOT / "zmeta" / "report").glob("*.py")}
    with_reporter = {name for name in files if any(thing.endswith("Reporter") for thing in defined(name))}
    assert {module for module, _ in FORMATS.values()} == with_reporter - {
        "zmeta.report.base",
        "zmeta.report.statistics_",
    }  # an option
    for module, name in FORMATS.values():
        assert name in defined(module)


def defined(module: str) -> list[str]:
    loaded = import_module(module)
    return [name for name, thing in vars(loaded).items() if getattr(thing, "__module__", "") == module]


@pytest.mark.parametrize("value", ["true", "false", None])
def test_auto(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    if value is not None:
        monkeypatch.setenv("GITHUB_ACTIONS", value)
    expected = "GithubReporter" if value == "true" else "TextReporter"
    assert type(make_reporter("auto", io.StringIO())).__name__ == expected


def test_no_such_format() -> None:
    with pytest.raises(ConfigError, match="no such report format"):
        make_reporter("xml", io.StringIO())


def test_text_loads_no_machinery() -> None:
    program = (
        "import io, sys; from zmeta.report.registry import make_reporter; make_reporter('text', io.StringIO());"
        "print({'json', 'xml', 'html', 'urllib', 'tempfile', 'importlib.metadata', 'numpy', 'rich'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-S", "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout == "set()\n"


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_is_written_before_the_first_finding(name: str) -> None:
    stream = io.StringIO()
    reporter = make_reporter(name, stream)
    assert not stream.getvalue()
    reporter.close(Summary())
    assert stream.getvalue()


@pytest.mark.parametrize("name", ["text", "json", "jsonl", "github", "gitlab"])
def test_a_finding_is_written_at_once(name: str) -> None:
    stream = io.StringIO()
    make_reporter(name, stream).add(FINDINGS[0])
    assert FINDINGS[0].message in stream.getvalue()


def many(number: int, *, alike: bool) -> Iterator[Finding]:
    """Findings file by file, two in each; of few kinds in many files, or each of its own kind."""
    for index in range(number):
        message = f"the value at {index % 50 if alike else index} is wrong"
        code = ("ZM203", "ZM204", "ZM205")[index % 3]
        yield Finding(
            code, message, f"data/{index // 2}.zarr/zarr.json", "/attributes/x", found=str(index % 7), line=3, column=1
        )


@pytest.mark.parametrize(("name", "alike"), [*((name, False) for name in FORMATS), ("sarif", True)])
def test_memory_stays_flat(name: str, alike: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept of most findings is counted; the end is traced, with every buffer that has grown until then."""
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    findings = many(200_000, alike=alike)
    with open(os.devnull, "w", encoding="utf-8") as stream:
        reporter = make_reporter(name, stream)
        blocks = sys.getallocatedblocks()
        for finding in islice(findings, 190_000):
            reporter.add(finding)
        kept = sys.getallocatedblocks() - blocks
        tracemalloc.start()
        for finding in findings:
            reporter.add(finding)
        reporter.close(Summary(errors=200_000, codes={"ZM203": 200_000}))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert kept < (200_000 if name == "sarif" else 5_000)
    assert peak < 4 * 1024**2


# --- text -------------------------------------------------------------------------------------------------------------


@given(SOME, ENCODING)
def test_text_is_one_line_for_each(findings: list[Finding], encoding: str) -> None:
    lines = report("text", findings, encoding).splitlines()
    assert lines.pop() == str(summary_of(findings))
    for line, finding in zip(lines, findings, strict=True):
        assert line.isprintable()
        place = f"{finding.file}:{finding.line}:{finding.column}".removesuffix(":0") if finding.line else finding.file
        place += ": " if finding.file else ""
        place = place if finding.file else ""
        expected = clean(f"{place}{finding.severity} {finding.code}: {words(finding)}")
        assert line == expected.encode(encoding, "backslashreplace").decode(encoding)


@given(SOME)
def test_colours_are_only_ours(findings: list[Finding]) -> None:
    text = report("text", findings, colour=True)
    plain = re.sub(r"\x1b\[(0|1|2|31|33|36)m", "", text)
    assert all(line.isprintable() for line in plain.split("\n"))
    gaps = sum(one.file != other.file for one, other in pairwise(findings))
    hints = sum(bool(finding.hint) for finding in findings)
    assert plain.count("\n") == len(findings) + hints + gaps + 1 + 2 * bool(findings)


def test_explain_names_the_most_frequent_codes() -> None:
    findings = [Finding(code, "x") for code in ("ZM101", "ZM203", "ZM203", "ZM102", "ZM102", "ZM102")]
    assert "zmeta explain ZM102 or ZM203 tells more" in report("text", findings, colour=True)
    assert "explain" not in report("text", findings)
    assert "explain" not in report("text", [], colour=True)


# --- json, jsonl ------------------------------------------------------------------------------------------------------


def as_json(finding: Finding) -> dict[str, Any]:
    """What was put in, as it should come out."""
    fields = (
        "code",
        "message",
        "file",
        "pointer",
        "expected",
        "found",
        "hint",
        "line",
        "column",
        "title",
        "url",
        "fingerprint",
    )
    known = {name: getattr(finding, name) for name in fields} | {"severity": str(finding.severity)}
    known |= {"fix": str(finding.fix)} if finding.fix else {}
    return {key: whole(value) if isinstance(value, str) else value for key, value in known.items() if value}


def counts_json(findings: list[Finding]) -> dict[str, Any]:
    return {**vars(summary_of(findings))}


@given(SOME, ENCODING)
def test_json_parses_back(findings: list[Finding], encoding: str) -> None:
    text = report("json", findings, encoding)
    assert text.isascii()
    parsed = json.loads(text)
    assert parsed.keys() == {"findings", "summary"}
    assert [strip(finding) for finding in parsed["findings"]] == [strip(as_json(finding)) for finding in findings]
    assert parsed["summary"] == counts_json(findings)


def strip(finding: dict[str, Any]) -> dict[str, Any]:
    """Without what is empty: it may be left out or not."""
    return {key: value for key, value in finding.items() if value}


@given(SOME, ENCODING)
def test_json_lines_parse_back(findings: list[Finding], encoding: str) -> None:
    text = report("jsonl", findings, encoding)
    assert text.isascii()
    *lines, last = map(json.loads, text.splitlines())
    assert [strip(line) for line in lines] == [strip(as_json(finding) | {"type": "finding"}) for finding in findings]
    assert last == counts_json(findings) | {"type": "summary"}


@pytest.mark.parametrize("name", ["json", "jsonl", "gitlab", "sarif"])
@given(SOME)
def test_strict_parsers_read_it(name: str, findings: list[Finding]) -> None:
    """No half of a surrogate pair, at which many parsers stop."""
    text = report(name, findings)
    documents = text.splitlines() if name == "jsonl" else [text]
    for document in documents:
        json.dumps(json.loads(document), ensure_ascii=False).encode("utf-8")


def test_json_lines_are_flushed() -> None:
    stream = mock.Mock(spec=io.StringIO)
    make_reporter("jsonl", stream).add(FINDINGS[0])
    assert [call[0] for call in stream.method_calls] == ["write", "flush"]


# --- github -----------------------------------------------------------------------------------------------------------

RUNNER_COMMANDS = {
    "error",
    "warning",
    "notice",
    "debug",
    "group",
    "endgroup",
    "add-mask",
    "stop-commands",
    "echo",
    "set-output",
}


def run_line(line: str) -> tuple[str, dict[str, str], str] | None:
    """What the runner takes a line of the log for: a command, its properties and its data; None for text.

    As in ActionCommand.cs of the runner: `TryParseV2`, and `TryParse` for the old form, which may stand anywhere.
    """
    line = line.lstrip()
    if line.startswith("::") and (end := line.find("::", 2)) >= 0:
        name, _, stated = line[2:end].partition(" ")
        if name in RUNNER_COMMANDS:
            pairs = [pair.split("=", 1) for pair in stated.strip().split(",") if "=" in pair]
            return name, {key: unescape(value, ":,") for key, value in pairs}, unescape(line[end + 2 :], "")
    visible = re.sub(r"[^\w\s!-~]", "", line)  # comparisons by culture skip what has no weight
    begin = visible.find("##[")
    if begin >= 0 and (end := visible.find("]", begin)) >= 0:
        name = visible[begin + 3 : end].partition(" ")[0]
        if name in RUNNER_COMMANDS:
            return name, {}, visible[end + 1 :]
    return None


def unescape(text: str, more: str) -> str:
    for character in ["\r", "\n", *more, "%"]:
        text = text.replace(f"%{ord(character):02X}", character)
    return text


def test_the_runner_of_the_test_sees_commands() -> None:
    assert run_line("  ::error file=a%2Cb,line=1::x%0Ay%250A") == ("error", {"file": "a,b", "line": "1"}, "x\ny%0A")
    assert run_line("x ##[error]y") == ("error", {}, "y")
    assert run_line("x ::error::y") is None


@given(SOME, ENCODING)
def test_github_commands(findings: list[Finding], encoding: str) -> None:
    lines = report("github", findings, encoding).splitlines()
    assert lines.pop() == str(summary_of(findings))

    def shown(text: str) -> str:
        return clean(text).encode(encoding, "backslashreplace").decode(encoding)

    for line, finding in zip(lines, findings, strict=True):
        command = run_line(line)
        assert command is not None
        name, properties, data = command
        assert name == {"note": "notice"}.get(str(finding.severity), str(finding.severity))
        assert data == shown(words(finding))
        column = finding.column if finding.line else 0
        expected = {"file": shown(finding.file), "line": str(finding.line or ""), "col": str(column or "")}
        expected["title"] = f"{finding.code}: {finding.title}"
        assert properties == {key: value for key, value in expected.items() if value}


PRINTABLE = st.text(st.characters(exclude_categories=("C", "Z")) | st.just(" "))


@given(PRINTABLE)
def test_github_message_is_exact(message: str) -> None:
    command = run_line(report("github", [Finding("ZM203", message)]).splitlines()[0])
    assert command is not None
    assert command[2] == message


@given(st.lists(FINDING, min_size=1, max_size=5).map(lambda findings: by_file(findings * 40)), ENCODING)
def test_github_plain_lines_are_no_commands(findings: list[Finding], encoding: str) -> None:
    lines = report("github", findings, encoding).splitlines()
    severities = Counter(str(finding.severity).replace("note", "notice") for finding in findings)
    commands = Counter(command[0] for command in map(run_line, lines) if command)
    assert commands == {name: min(count, 10) for name, count in severities.items()}
    assert len(lines) == len(findings) + 1


def test_github_list_is_capped() -> None:
    lines = report("github", many(3000, alike=False)).splitlines()
    assert len(lines) == 30 + 1000 + 2
    assert lines[-2] == "and 1,970 more: see the summary for their codes, another format for all"


def test_github_step_summary(tmp_path: Path) -> None:
    path = tmp_path / "summary.md"
    path.write_text("before\n", encoding="utf-8")
    report("github", FINDINGS, step_summary=path)
    text = path.read_text(encoding="utf-8")
    assert text.startswith("before\n\n### zmeta check: ")
    assert f"| [ZM203]({DOCS}rules/ZM203/) | error | 3 | the unit does not fit the type of its axis |\n" in text


def test_github_step_summary_is_not_too_long(tmp_path: Path) -> None:
    path = tmp_path / "summary.md"
    path.write_bytes(b"x" * (1024**2 - 100))
    lines = report("github", FINDINGS, step_summary=path).splitlines()
    assert lines[-1] == "no summary of the step: it would be too long for GitHub"
    assert path.stat().st_size == 1024**2 - 100


def test_github_step_summary_that_cannot_be_written(tmp_path: Path) -> None:
    assert report("github", [], step_summary=tmp_path).splitlines()[-1].startswith("no summary of the step: ")


# --- gitlab -----------------------------------------------------------------------------------------------------------

GITLAB_SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "additionalProperties": False,
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"enum": sorted(CODES)},
            "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{20}$"},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "minLength": 1},
                    "lines": {
                        "type": "object",
                        "required": ["begin"],
                        "properties": {"begin": {"type": "integer", "minimum": 1}},
                    },
                },
            },
        },
    },
}


@given(SOME, ENCODING)
def test_gitlab_parses_back(findings: list[Finding], encoding: str) -> None:
    parsed = json.loads(report("gitlab", findings, encoding))
    jsonschema.validate(parsed, GITLAB_SCHEMA)
    for issue, finding in zip(parsed, findings, strict=True):
        assert issue["description"] == whole(f"{finding.code}: {words(finding)}")
        assert issue["location"] == {"path": whole(finding.file) or ".", "lines": {"begin": finding.line or 1}}


def test_gitlab_fingerprints_differ() -> None:
    twice = [finding for finding in FINDINGS for _ in range(3)]
    fingerprints = [issue["fingerprint"] for issue in json.loads(report("gitlab", twice))]
    assert len(set(fingerprints)) == len(twice)
    assert fingerprints[0] == FINDINGS[0].fingerprint


# --- junit ------------------------------------------------------------------------------------------------------------

#: As the XSD of the Jenkins plugin has it: attributes that are required, that are allowed, and children.
JUNIT: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors"},
        {"time", "skipped", "timestamp", "hostname", "id"},
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
    ),
    "testcase": ({"name"}, {"time", "classname"}, {"skipped", "error", "failure", "system-out", "system-err"}),
    "failure": (set(), {"type", "message"}, set()),
    "error": (set(), {"type", "message"}, set()),
    "system-out": (set(), set(), set()),
}


def check_junit(element: ET.Element) -> None:
    required, allowed, children = JUNIT[element.tag]
    assert required <= set(element.attrib) <= required | allowed
    assert re.fullmatch(r"\d+(\.\d{1,3})?", element.get("time", "0"))
    assert {child.tag for child in element} <= children
    for child in element:
        check_junit(child)


@given(SOME, ENCODING, st.booleans())
def test_junit_parses(findings: list[Finding], encoding: str, interrupted: bool) -> None:
    root = ET.fromstring(report("junit", findings, encoding, interrupted=interrupted))
    check_junit(root)
    (suite,) = root
    cases = suite.findall("testcase")
    assert suite.get("tests") == root.get("tests") == str(len(cases))
    assert suite.get("failures") == root.get("failures") == str(len(suite.findall("testcase/failure")))
    assert suite.get("errors") == root.get("errors") == str(len(suite.findall("testcase/error"))) == str(int(interrupted))
    assert suite.get("skipped") == "0"
    if interrupted or not findings:
        assert cases.pop().get("name") == "zmeta check"
    files = list(dict.fromkeys(finding.file for finding in findings))
    assert [case.get("name") for case in cases] == [clean(file) or "." for file in files]
    for case, file in zip(cases, files, strict=True):
        for tag, failing in (("failure", True), ("system-out", False)):
            meant = [f for f in findings if f.file == file and (f.severity >= Severity.ERROR) == failing]
            found = case.findtext(tag, "").splitlines()
            assert [line.partition(f"{f.severity} {f.code}: ")[2] for line, f in zip(found, meant, strict=True)] == [
                clean(words(f)) for f in meant
            ]
            if failing and meant:
                failure = case.find("failure")
                assert failure is not None
                assert failure.get("message") == clean(words(meant[0]))


def test_junit_spools_what_is_long() -> None:
    findings = [Finding("ZM204" if index % 2 else "ZM203", "x" * 100, "one", line=index + 1) for index in range(30_000)]
    (case,) = ET.fromstring(report("junit", findings)).iter("testcase")
    assert [len(case.findtext(tag, "").splitlines()) for tag in ("failure", "system-out")] == [15_000, 15_000]


# --- sarif ------------------------------------------------------------------------------------------------------------


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    properties = required | (optional or {})
    return {"type": "object", "required": list(required), "properties": properties, "additionalProperties": False}


def _array(items: Any, most: int) -> dict[str, Any]:
    return {"type": "array", "items": items, "maxItems": most}


_NUMBER = {"type": "integer", "minimum": 1}
_STRING = {"type": "string", "minLength": 1}
_MESSAGE = _object({"text": _STRING})
_LEVEL = {"enum": ["note", "warning", "error"]}
_PLACE = _object(
    {
        "artifactLocation": _object(
            {"uri": {"type": "string", "pattern": r"^([A-Za-z0-9._~/:-]|%[0-9A-F]{2})+$"}},
            {"uriBaseId": {"const": "%SRCROOT%"}},
        ),
        "region": _object({"startLine": _NUMBER, "startColumn": _NUMBER}),
    }
)

#: What we write of SARIF, with what GitHub asks for: its limits, and a text wherever it shows one.
SARIF_SCHEMA = _object(
    {
        "$schema": _STRING,
        "version": {"const": "2.1.0"},
        "runs": _array(
            _object(
                {
                    "tool": _object(
                        {
                            "driver": _object(
                                {
                                    "name": {"const": "zmeta"},
                                    "informationUri": _STRING,
                                    "semanticVersion": {"type": "string", "pattern": r"^\d+\.\d+\.\d+"},
                                    "rules": _array(
                                        _object(
                                            {
                                                "id": _STRING,
                                                "name": {
                                                    "type": "string",
                                                    "pattern": "^[A-Z][A-Za-z0-9]+$",
                                                    "maxLength": 255,
                                                },
                                                "shortDescription": _MESSAGE,
                                                "fullDescription": _MESSAGE,
                                                "help": _MESSAGE,
                                                "helpUri": _STRING,
                                                "defaultConfiguration": _object({"level": _LEVEL}),
                                                "properties": _object({"tags": _array(_STRING, 20)}),
                                            }
                                        ),
                                        25_000,
                                    ),
                                }
                            )
                        }
                    ),
                    "columnKind": {"const": "unicodeCodePoints"},
                    "invocations": _array(
                        _object(
                            {
                                "executionSuccessful": {"type": "boolean"},
                                "toolExecutionNotifications": _array(_object({"level": _LEVEL, "message": _MESSAGE}), 10),
                            }
                        ),
                        1,
                    ),
                    "results": _array(
                        _object(
                            {
                                "ruleId": _STRING,
                                "ruleIndex": {"type": "integer", "minimum": 0},
                                "level": _LEVEL,
                                "message": {"type": "object"},
                                "locations": {
                                    **_array(
                                        _object(
                                            {"physicalLocation": _PLACE},
                                            {"logicalLocations": _array(_object({"fullyQualifiedName": _STRING}), 1)},
                                        ),
                                        1,
                                    ),
                                    "minItems": 1,
                                },
                                "partialFingerprints": _object({"zmetaFingerprint/v1": _STRING}),
                            },
                            {
                                "relatedLocations": _array(
                                    _object({"id": _NUMBER, "physicalLocation": _PLACE, "message": _MESSAGE}), 100
                                )
                            },
                        ),
                        5000,
                    ),
                }
            ),
            20,
        ),
    }
)


def sarif_run(findings: Iterable[Finding], **more: Any) -> Any:
    parsed = json.loads(report("sarif", findings, **more))
    jsonschema.Draft202012Validator(SARIF_SCHEMA).validate(parsed)
    (run,) = parsed["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules == sorted({result["ruleId"] for result in run["results"]})
    assert all(rules[result["ruleIndex"]] == result["ruleId"] for result in run["results"])
    return run


def file_of(location: Any) -> str:
    uri: str = location["physicalLocation"]["artifactLocation"]["uri"]
    return unquote(uri.removeprefix("file:///" if uri[9:10] == ":" else "file://"), errors="strict")


@given(SOME, ENCODING, st.booleans())
def test_sarif_parses_back(findings: list[Finding], encoding: str, interrupted: bool) -> None:
    run = sarif_run(findings, encoding=encoding, interrupted=interrupted)
    found: Counter[tuple[object, ...]] = Counter()
    for result in run["results"]:
        text = re.sub(r"; the same in \d+ more places?$", "", result["message"]["text"])
        assert "](" not in text
        (location,) = result["locations"]
        pointer = location.get("logicalLocations", [{"fullyQualifiedName": ""}])[0]["fullyQualifiedName"]
        for place in [location, *result.get("relatedLocations", [])]:
            region = place["physicalLocation"]["region"]
            kind = (result["ruleId"], result["level"], text, pointer)
            found[(*kind, file_of(place), region["startLine"], region["startColumn"])] += 1
    assert found == Counter(
        (
            f.code, str(f.severity), whole(words(f)).replace("](", "] ("), whole(f.pointer), whole(f.file) or ".",
            f.line or 1, f.column or 1,
        )
        for f in findings
    )  # fmt: skip
    levels = [result["level"] for result in run["results"]]
    assert levels == sorted(levels, key=["error", "warning", "note"].index)
    assert run["invocations"][0]["executionSuccessful"] is not interrupted


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        ("a b/c%.json", "a%20b/c%25.json"),
        ("x:y", "x%3Ay"),
        ("/abs/µ", "file:///abs/%C2%B5"),
        ("C:/dir/#", "file:///C:/dir/%23"),
        ("\udcff", "%5Cudcff"),
        ("", "."),
    ],
)
def test_sarif_uri(file: str, uri: str) -> None:
    (result,) = sarif_run([Finding("ZM203", "x", file)])["results"]
    artifact = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert artifact == ({"uri": uri} if uri.startswith("file:") else {"uri": uri, "uriBaseId": "%SRCROOT%"})


def test_sarif_gives_the_places_of_what_is_cut_to_others() -> None:
    notes = [Finding("ZM205", f"note {kind}", f"{file}.json") for file in range(101) for kind in range(200)]
    errors = [Finding("ZM203", f"error {kind}", "a.json") for kind in range(5000)]
    run = sarif_run([*notes, *errors, *(Finding("ZM203", "error 0", f"{file}.json") for file in range(50))])
    assert len(run["results"][0]["relatedLocations"]) == 50


def notes(run: Any) -> list[str]:
    return [notification["message"]["text"] for notification in run["invocations"][0]["toolExecutionNotifications"]][1:]


def test_sarif_joins_what_is_the_same() -> None:
    run = sarif_run(Finding("ZM203", "x", f"{index}.json", "/units", line=index) for index in range(1, 251))
    (result,) = run["results"]
    assert result["message"]["text"] == "x [/units]; the same in 249 more places, 100 of them listed"
    assert [location["id"] for location in result["relatedLocations"]] == list(range(1, 101))
    assert notes(run) == ["149 places are left out: a result lists 100 besides its first, a report 20,000"]


def test_sarif_joins_nothing_else() -> None:
    one = Finding("ZM203", "x", "a.json")
    changes: list[dict[str, Any]] = [
        {},
        {"code": "ZM202"},
        {"level": Severity.NOTE},
        *({name: "other"} for name in ("message", "pointer", "expected", "found", "hint")),
    ]
    assert len(sarif_run(one._replace(**change) for change in changes)["results"]) == len(changes)


def test_sarif_lists_not_too_many_places() -> None:
    run = sarif_run(Finding("ZM203", f"x{kind}", f"{file}.json") for file in range(60) for kind in range(400))
    assert sum(len(result["relatedLocations"]) for result in run["results"]) == 20_000
    assert notes(run) == ["3,600 places are left out: a result lists 100 besides its first, a report 20,000"]


def test_sarif_keeps_the_worst() -> None:
    findings = [Finding("ZM205", f"note {index}", "a", level=Severity.NOTE) for index in range(4000)]
    findings += [Finding("ZM204", f"warning {index}", "b") for index in range(4000)] * 2
    findings += [Finding("ZM203", f"error {index}", "c") for index in range(3000)]
    run = sarif_run(findings)
    assert Counter(result["level"] for result in run["results"]) == {"error": 3000, "warning": 2000}
    assert notes(run) == ["8,000 findings are left out: a report holds 5,000 results, the most severe ones"]
    assert run["results"][0]["message"]["text"] == "error 0"
    assert run["results"][-1]["message"]["text"] == "warning 1999; the same in 1 more place"


#: The classes of the SARIF object model below the properties that we write.
SARIF_CLASSES = {
    "runs": "Run", "tool": "Tool", "driver": "ToolComponent", "rules": "ReportingDescriptor", "results": "Result",
    "shortDescription": "MultiformatMessageString", "fullDescription": "MultiformatMessageString",
    "help": "MultiformatMessageString", "defaultConfiguration": "ReportingConfiguration", "properties": "PropertyBag",
    "invocations": "Invocation", "toolExecutionNotifications": "Notification", "message": "Message", "locations": "Location",
    "relatedLocations": "Location", "physicalLocation": "PhysicalLocation", "artifactLocation": "ArtifactLocation",
    "region": "Region", "logicalLocations": "LogicalLocation",
}  # fmt: skip


def test_sarif_fits_the_public_object_model() -> None:
    """`sarif-om` is generated from the published schema: its classes know the properties and which are required."""
    model = pytest.importorskip("sarif_om")

    def check(value: Any, name: str) -> None:
        if name == "PropertyBag":
            return
        known = {attribute.metadata["schema_property_name"]: attribute for attribute in attrs.fields(getattr(model, name))}
        required = {key for key, attribute in known.items() if attribute.default is attrs.NOTHING}
        assert required <= set(value) <= set(known), name
        for key, below in value.items():
            for item in below if isinstance(below, list) else [below]:
                if isinstance(item, dict) and key != "partialFingerprints":
                    check(item, SARIF_CLASSES[key])

    check(json.loads(report("sarif", FINDINGS * 2)), "SarifLog")


# --- markdown ---------------------------------------------------------------------------------------------------------


@given(SOME, ENCODING)
def test_markdown_holds_no_markup_of_others(findings: list[Finding], encoding: str) -> None:
    """Parsed by a reader of CommonMark: data is in code, links are ours, HTML is that of the lists which fold."""
    reader = pytest.importorskip("markdown_it").MarkdownIt("commonmark", {"html": True}).enable(["table"])
    text = report("markdown", findings, encoding)

    def shown(data: str) -> str:
        return clean(data).encode(encoding, "backslashreplace").decode(encoding)

    tokens = reader.parse(text)
    inline = [child for token in tokens for child in token.children or []]
    assert {token.attrGet("href") for token in inline if token.type == "link_open"} == {finding.url for finding in findings}
    assert [token.content for token in inline if token.type == "code_inline"] == [shown(words(f)) or "  " for f in findings]
    assert {token.type for token in inline} <= {"text", "code_inline", "link_open", "link_close"}
    assert len([token for token in tokens if token.type == "heading_open"]) == 1
    files = list(dict.fromkeys(shown(finding.file) for finding in findings))
    html = [token.content.rstrip("\n") for token in tokens if token.type == "html_block"]
    folds = [re.fullmatch(r"<details><summary><code>([^<>\"']*)</code></summary>", block) for block in html[::2]]
    assert [unhtml(fold[1]) for fold in folds if fold] == [file or "." for file in files]
    assert html[1::2] == ["</details>"] * len(files)


def unhtml(text: str) -> str:
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&#x27;", "'"), ("&amp;", "&")):
        text = text.replace(entity, character)
    return text


def test_markdown_is_short_enough_for_a_comment() -> None:
    text = report("markdown", many(1000, alike=False))
    assert text.count("\n- ") == 200
    assert text.endswith("\nand 800 more\n")
    long = [Finding("ZM203", "x" * 20_000, f"{index}.json") for index in range(9)]
    text = report("markdown", [*long, Finding("ZM203", "short", "y.json")])
    assert len(text) < 65_536
    assert "short" in text
    assert text.endswith("\nand 7 more\n")


if __name__ == "__main__":
    for golden, render in GOLDENS.items():
        (GOLDEN / f"{golden}.golden").write_text(render(FINDINGS), encoding="utf-8", newline="\n")
