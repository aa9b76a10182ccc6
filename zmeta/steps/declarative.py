"""Steps without Python: from a JSON or TOML file to `Step`s. The file is described by `schemas/zmeta/1.0/steps`."""

from __future__ import annotations

import datetime as dt
import math
import os
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from zmeta.canonical.units import unit_type
from zmeta.conventions.registry import VERSIONS
from zmeta.errors import ConfigError
from zmeta.finding import Finding
from zmeta.jsondoc import ExactFloat, describe, parse_json, pointer
from zmeta.schema.validate import packaged_validator, validate
from zmeta.steps.marks import SchemaUrl, VersionKey
from zmeta.steps.operations import Convert, Default, Drop, Move, Operation, Rename
from zmeta.steps.step import Step, blocked
from zmeta.stores.local import read_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from zmeta.jsondoc import JSONObject, JSONValue
    from zmeta.steps.marks import Mark
    from zmeta.steps.step import Site

_CONVENTIONS = frozenset(row.convention for row in VERSIONS)


@dataclass(frozen=True)
class Operations:
    """The transform of a declarative step: operations in order, then the new version in the place of the old."""

    operations: tuple[Operation, ...]
    before: str
    after: str
    mark: Mark | None = None

    def __call__(self, attributes: JSONObject, site: Site, /) -> JSONObject:
        """Change attributes of the version before; those of the version after stay as they are."""
        stated = None if self.mark is None else self.mark.find(attributes)
        if self.mark is not None and stated == self.after:
            return dict(attributes)
        if self.mark is not None and stated != self.before:
            node = site.node
            found = stated or "no version"
            message = "the attributes are at another version"
            finding = Finding("ZM404", message, node.attributes_file, node.attributes_pointer, self.before, found)
            raise blocked(message, site, finding)
        result = dict(attributes)
        for operation in self.operations:
            result = operation(result, site)
        return result if self.mark is None else self.mark.put(result, self.after)


def load_step_file(path: str | os.PathLike[str], conventions: Iterable[str] = ()) -> tuple[Step, ...]:
    """Read the steps of a `.toml` or `.json` file.

    `conventions` are further subjects whose versions are detected; steps of other subjects need a `version_key` or
    `schemas`. Raises `ConfigError` with everything that is wrong with the file, and `DocumentError` for broken JSON.
    """
    file = os.path.abspath(path)
    raw = read_file(file)
    if raw is None:
        raise ConfigError("there is no such file of steps", where=file)
    table = _toml(raw, file) if file.endswith(".toml") else parse_json(raw, file)[0]
    return parse_steps(table, file, conventions)


def parse_steps(table: JSONObject, file: str = "", conventions: Iterable[str] = ()) -> tuple[Step, ...]:
    """Return the steps that the content of a file declares; raises `ConfigError`."""
    findings = [*_not_json(table, file)]
    findings = findings or validate(packaged_validator("zmeta/1.0/steps"), table, code="ZM103", file=file)
    findings = findings or [*_contradictions(table, file, _CONVENTIONS.union(conventions))]
    if findings:
        raise ConfigError("the file of steps is wrong", where=file, findings=findings)
    subject, mark = cast("str", table["subject"]), _mark(table)
    return tuple(_step(subject, entry, mark) for entry in _objects(table["step"]))


def _toml(raw: bytes, file: str) -> JSONObject:
    try:
        return cast("JSONObject", tomllib.loads(raw.decode(), parse_float=_parse_float))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError("the file of steps is not TOML", where=file, found=str(error)) from None


def _parse_float(literal: str) -> float:
    """Keep the literal of a number, in the form that JSON has for it."""
    literal = literal.replace("_", "").removeprefix("+")
    number = float(literal)
    return number if repr(number) == literal or not math.isfinite(number) else ExactFloat(literal)


def _not_json(value: object, file: str, at: str = "") -> Iterator[Finding]:
    """TOML has dates and numbers that JSON has not."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _not_json(item, file, at + pointer(key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _not_json(item, file, at + pointer(index))
    elif isinstance(value, dt.date | dt.time) or (isinstance(value, float) and not math.isfinite(value)):
        yield Finding("ZM103", "the value cannot be stored as JSON", file, at, found=str(value), hint="write it as a string")


def _contradictions(table: JSONObject, file: str, detected: frozenset[str]) -> Iterator[Finding]:
    """What the schema cannot say."""
    if "version_key" in table and "schemas" in table:
        yield Finding("ZM103", "one of `version_key` and `schemas` tells the version, not both", file, "/schemas")
    if not table.keys() & {"version_key", "schemas"} and table["subject"] not in detected:
        hint = 'add version_key = "/KEY/OF/THE/VERSION", or [schemas] with the `$id` of each version\'s schema'
        yield Finding(
            "ZM103", "nothing tells which version an array is at", file, "", found=describe(table["subject"]), hint=hint
        )
    urls = table.get("schemas")
    for number, step in enumerate(_objects(table["step"])):
        for key in ("from", "to"):
            if isinstance(urls, dict) and step[key] not in urls:
                yield Finding("ZM103", "the version has no schema", file, pointer("step", number, key), found=str(step[key]))
        for index, operation in enumerate(_objects(step.get("do", []))):
            place = pointer("step", number, "do", index)
            at, to = str(operation["at"]), str(operation.get("to"))
            if operation["op"] == "move" and (to + "/").startswith(at + "/"):
                yield Finding("ZM103", "a value cannot be moved into itself", file, place + "/to", found=to)
            if operation["op"] == "convert" and unit_type(str(operation["from"])) != unit_type(to):
                yield Finding("ZM103", "the units do not measure the same", file, place + "/to", str(operation["from"]), to)


def _mark(table: JSONObject) -> Mark | None:
    urls = table.get("schemas")
    if isinstance(urls, dict):
        return SchemaUrl(tuple((version, str(url)) for version, url in urls.items()))
    return VersionKey(str(table["version_key"])) if "version_key" in table else None


def _step(subject: str, entry: JSONObject, mark: Mark | None) -> Step:
    operations = tuple(map(_operation, _objects(entry.get("do", []))))
    before, after = str(entry["from"]), str(entry["to"])
    return Step(
        str(entry["id"]),
        subject,
        before,
        after,
        "lossy" if any(isinstance(operation, Drop) for operation in operations) else "lossless",
        Operations(operations, before, after, mark),
        needs=3 if "needs" in entry else None,
        summary=str(entry.get("summary", "")),
        find_version=None if mark is None else mark.find,
    )


def _operation(entry: JSONObject) -> Operation:
    at, to = str(entry["at"]), str(entry.get("to"))
    match entry["op"]:
        case "rename":
            return Rename(at, to)
        case "move":
            return Move(at, to)
        case "default":
            return Default(at, entry["value"])
        case "convert":
            return Convert(at, str(entry["from"]), to, str(entry.get("unit_at", "")))
        case _:
            return Drop(at)


def _objects(value: JSONValue) -> list[JSONObject]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
