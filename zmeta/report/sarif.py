"""Findings as SARIF 2.1.0 for code scanning: what is the same in many files is one result, so that it is one alert.

GitHub shows 5,000 results and refuses more than 25,000. The worst are kept, and a notification tells what was cut.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from zmeta.finding import CODES, DOCS, Finding, Severity
from zmeta.report.json_ import JsonArray, dump_ascii
from zmeta.report.words import words

if TYPE_CHECKING:
    from typing import TextIO

    from zmeta.report.base import Summary

_RESULTS = 5000
_RELATED = 100  # places of a result besides its first
_PLACES = 20_000  # of all results, besides their first
_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_TAGS = {"0": "document", "1": "schema", "2": "axes", "3": "geometry", "4": "convention"}  # by the digit after ZM


class _Place(NamedTuple):
    file: str
    line: int
    column: int


@dataclass(slots=True)
class _Result:
    """The first finding of its kind, how many there are, and where the first others stand."""

    first: Finding
    count: int = 1
    others: list[_Place] = field(default_factory=list)


class SarifReporter:
    """One run. Findings that differ in nothing but their place are one result."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._results: dict[Severity, dict[tuple[str, ...], _Result]] = {severity: {} for severity in Severity}
        self._places = 0
        self._cut = 0

    def add(self, finding: Finding) -> None:
        """Count the finding to its result."""
        results = self._results[finding.severity]
        key = (finding.code, finding.message, finding.pointer, finding.expected, finding.found, finding.hint)
        result = results.get(key)
        if result is not None:
            result.count += 1
            if len(result.others) < _RELATED and self._places < _PLACES:
                self._places += 1
                result.others.append(_place(finding))
        elif self._has_room(finding.severity):
            results[key] = _Result(finding._replace(fix=None))  # a fix may hold a whole document
        else:
            self._cut += 1

    def close(self, summary: Summary) -> None:
        """Write the whole report, the worst first."""
        results = [result for severity in sorted(Severity, reverse=True) for result in self._results[severity].values()]
        rules = sorted({result.first.code for result in results})
        run: dict[str, object] = {
            "tool": {"driver": _driver(rules)},
            "columnKind": "unicodeCodePoints",
            "invocations": [self._invocation(summary, sum(result.count - 1 - len(result.others) for result in results))],
        }
        self._stream.write(f'{{"$schema": "{_SCHEMA}", "version": "2.1.0", "runs": [\n{dump_ascii(run)[:-1]}, "results": ')
        array = JsonArray(self._stream)
        for result in results:
            array.add(_result(result, rules.index(result.first.code)))
        array.close()
        self._stream.write("}]}\n")

    def _has_room(self, severity: Severity) -> bool:
        """Tell whether one more result fits, if need be in the place of the last one that is less severe."""
        if sum(map(len, self._results.values())) < _RESULTS:
            return True
        for lower in sorted(Severity):
            if lower < severity and self._results[lower]:
                _, dropped = self._results[lower].popitem()
                self._places -= len(dropped.others)
                self._cut += dropped.count
                return True
        return False

    def _invocation(self, summary: Summary, unplaced: int) -> dict[str, object]:
        notes = [str(summary)]
        if self._cut:
            notes.append(f"{self._cut:,} findings are left out: a report holds {_RESULTS:,} results, the most severe ones")
        if unplaced:
            notes.append(
                f"{unplaced:,} places are left out: a result lists {_RELATED} besides its first, a report {_PLACES:,}"
            )
        levels = ["note", *["warning"] * (len(notes) - 1)]
        notifications = [{"level": level, "message": {"text": text}} for level, text in zip(levels, notes, strict=True)]
        return {"executionSuccessful": not summary.interrupted, "toolExecutionNotifications": notifications}


def _driver(rules: list[str]) -> dict[str, object]:
    driver: dict[str, object] = {"name": "zmeta", "informationUri": DOCS}
    with suppress(PackageNotFoundError):
        driver["semanticVersion"] = version("zmeta")
    return driver | {"rules": [_rule(code) for code in rules]}


def _rule(code: str) -> dict[str, object]:
    severity, title = CODES[code]
    url = Finding(code, "").url
    return {
        "id": code,
        "name": _pascal_case(title),
        "shortDescription": {"text": title},
        "fullDescription": {"text": f"{title[0].upper()}{title[1:]}."},
        "help": {"text": f"`zmeta explain {code}` tells more, and so does {url}"},
        "helpUri": url,
        "defaultConfiguration": {"level": str(severity)},
        "properties": {"tags": ["metadata", *filter(None, [_TAGS.get(code[2])])]},
    }


def _pascal_case(title: str) -> str:
    articles = ("A", "An", "The")  # a single letter does not pass for a word
    return "".join(
        character for word in title.title().split() if word not in articles for character in word if character.isalnum()
    )


def _result(result: _Result, rule: int) -> dict[str, object]:
    first = result.first
    text = f"{words(first)}{_elsewhere(result)}".replace("](", "] (")  # would be a link
    location = _location(_place(first))
    if first.pointer:
        location["logicalLocations"] = [{"fullyQualifiedName": first.pointer}]
    known: dict[str, object] = {
        "ruleId": first.code,
        "ruleIndex": rule,
        "level": str(first.severity),
        "message": {"text": text},
        "locations": [location],
        "partialFingerprints": {"zmetaFingerprint/v1": first.fingerprint},
    }
    if result.others:
        also: dict[str, object] = {"message": {"text": "the same here"}}
        known["relatedLocations"] = [
            {"id": number} | _location(place) | also for number, place in enumerate(result.others, start=1)
        ]
    return known


def _elsewhere(result: _Result) -> str:
    more, listed = result.count - 1, len(result.others)
    if not more:
        return ""
    cut = "" if more == listed else f", {listed:,} of them listed"
    return f"; the same in {more:,} more place{'' if more == 1 else 's'}{cut}"


def _place(finding: Finding) -> _Place:
    return _Place(finding.file, max(finding.line, 1), max(finding.column, 1))


def _location(place: _Place) -> dict[str, object]:
    region = {"startLine": place.line, "startColumn": place.column}
    return {"physicalLocation": {"artifactLocation": _artifact(place.file or "."), "region": region}}


def _artifact(file: str) -> dict[str, str]:
    drive = file[:1].isalpha() and file[1:3] == ":/"
    uri = quote(file, safe="/:" if drive else "/", errors="backslashreplace")
    if drive:
        return {"uri": f"file:///{uri}"}
    return {"uri": f"file://{uri}"} if file.startswith("/") else {"uri": uri, "uriBaseId": "%SRCROOT%"}
