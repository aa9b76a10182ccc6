"""Validate JSON against a schema of the catalog, or a user's, and say what is wrong as findings.

Verdicts are given by jsonschema-rs, with patterns that give up instead of hanging; jsonschema is the reference that they
are tested against, and the judge of the schemas themselves. Nothing is ever fetched.
"""

from __future__ import annotations

import marshal
import math
import re
import sys
from functools import cache, lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote, urljoin

import jsonschema_rs

from zmeta.errors import SchemaError
from zmeta.finding import Finding
from zmeta.jsondoc import describe, pointer
from zmeta.schema.catalog import DIALECT, load_schema, resource, unresolved
from zmeta.schema.explain import Explainer, Problem, shorten, value_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from zmeta.jsondoc import JSONObject, JSONValue
    from zmeta.schema.explain import Error

#: Patterns take linear time, but for those with look-around or back-references: of them one match is given up after so many
#: steps back, and a document is not judged where all its texts could take more than so many steps.
_MOST_STEPS_BACK = 10_000
_MOST_STEPS = 10**8
#: Levels that are judged; far deeper nesting ends the process.
_MAX_DEPTH = 450
_MAX_SCHEMA_DEPTH = 200
#: Problems of one document that are told; a hostile one could hold millions.
_MOST_PROBLEMS = 100
#: Values of a document beyond which its first problem alone is told: each costs a copy of what it is about.
_MOST_VALUES = 10_000
#: Characters of a message; patterns and lists of values come from hostile schemas.
_MOST_TEXT = 1000
#: What the judge puts before an `$id` or `$ref` that has no base.
_NO_BASE = "json-schema:///"


class Validator:
    """A schema, ready to judge. NaN and the infinities are of no type: they are not JSON."""

    def __init__(self, schema: JSONObject, others: Mapping[str, JSONObject] | None = None, where: str = "") -> None:
        """Compile a schema, which may refer to packaged ones and to others, by `$id`; raises `SchemaError`."""
        asked: list[str] = []
        failed: list[SchemaError] = []

        def retrieve(uri: str) -> JSONObject:
            name = uri.removeprefix(_NO_BASE)
            asked.append(name)
            if others is None or name not in others:
                self._schemas[uri] = resource(uri)
                return self._schemas[uri]
            try:
                check_schema(others[name], others, name)
            except SchemaError as error:
                failed.append(error)
                raise
            self._schemas[uri] = others[name]
            return _plain_schema(others[name])

        self._base = urljoin(_NO_BASE, str(schema.get("$id", ""))).rstrip("#")
        self._schemas = {self._base: schema}
        try:
            self._judge, self._is_linear = _compile(_plain_schema(schema), retrieve)
        except jsonschema_rs.ValidationError as error:
            if failed:
                raise failed[0] from None
            if not isinstance(error.kind, _Kind.Referencing):
                raise _invalid(error.instance_path, error.message, where) from None
            ref = next((uri for uri in asked if f"'{uri}'" in error.message), error.message)
            raise unresolved(ref, where) from None
        except RecursionError:
            raise SchemaError("the schema is nested too deeply", where=where) from None
        except _UNFIT as error:
            raise SchemaError("the schema cannot be used", where=where, found=str(error)[:200]) from None

    def is_valid(self, data: JSONValue) -> bool:
        """Whether a document fits the schema; one that cannot be judged does not."""
        try:
            return self._judge.is_valid(self._judged(data))
        except _UNFIT:
            return False

    def problems(self, data: JSONValue) -> list[Problem]:
        """Return what breaks the schema, in the order of the places: of the branches of a union the likeliest alone."""
        try:
            if self._judge.is_valid(self._judged(data)):
                return []
            plain = _plain(data)
            errors = list(islice(self._errors(plain), _MOST_PROBLEMS))
        except _UNFIT as error:
            return [Problem((), shorten(f"the value cannot be judged: {error}", _MOST_TEXT))]
        explained = Explainer(plain, self._look, self._base).problems(errors)
        found = dict.fromkeys(_complete(problem, data) for problem in explained)
        return sorted(found, key=lambda problem: [(isinstance(part, int), str(part).zfill(9)) for part in problem.path])

    def _judged(self, data: JSONValue) -> JSONValue:
        """Return a document as the judge takes it; raises one of `_UNFIT` where it cannot be judged."""
        if not self._is_linear and _steps(data) > _MOST_STEPS:
            raise ValueError("the look-around and back-references of the schema's patterns take too long on such long texts")
        return data if _is_plain(data) else _plain(data)

    def _errors(self, plain: JSONValue) -> Iterator[Error]:
        if _is_small(plain):
            yield from cast("Iterator[Error]", self._judge.iter_errors(plain))
            return
        try:
            self._judge.validate(plain)
        except jsonschema_rs.ValidationError as error:
            yield cast("Error", error)

    def _look(self, location: str) -> JSONValue:
        """Return what stands in the schema, or in one that it refers to, at a URI with a JSON pointer; None if unknown."""
        uri, _, place = location.partition("#")
        value: Any = self._schemas.get(uri)
        try:
            for part in place.split("/")[1:]:
                key = unquote(part).replace("~1", "/").replace("~0", "~")
                value = value[int(key)] if isinstance(value, list) else value[key]
        except (LookupError, TypeError, ValueError):
            return None
        return cast("JSONValue", value)


_Kind = jsonschema_rs.ValidationErrorKind


def _compile(schema: JSONObject, retrieve: Callable[[str], JSONObject]) -> tuple[jsonschema_rs.Draft202012Validator, bool]:
    """Return the judge of a schema, and whether all its patterns take linear time."""
    base = None if "$id" in schema else _NO_BASE
    linear, fancy = jsonschema_rs.RegexOptions(), jsonschema_rs.FancyRegexOptions(backtrack_limit=_MOST_STEPS_BACK)
    try:
        judge = jsonschema_rs.Draft202012Validator(schema, retriever=retrieve, pattern_options=linear, base_uri=base)
        return judge, True
    except jsonschema_rs.ValidationError as error:
        if not isinstance(error.kind, _Kind.Format):
            raise
    return jsonschema_rs.Draft202012Validator(schema, retriever=retrieve, pattern_options=fancy, base_uri=base), False


# --- documents as the judge takes them --------------------------------------------------------------------------------

#: What the judge raises for what it cannot take.
#: (AttributeError: a key that is no string)
_UNFIT = (ValueError, RecursionError, OverflowError, AttributeError)
_AS_IS = frozenset({int, float, bool, type(None)})
_SURROGATE = re.compile("[\ud800-\udfff]")
_STAND_IN = re.compile("[\U0010d800-\U0010dfff]")


def _is_plain(data: JSONValue) -> bool:
    """Whether the judge takes a document as it is: told at the speed of C, for nearly every document is.

    What is nested so deeply (2000 levels) that the judge would end the process is none.
    """
    try:
        return b"\xed" not in marshal.dumps(data, 2)  # the first byte of a surrogate, and of some Hangul
    except ValueError:  # a number that keeps its literal, or nesting
        return False


def _plain(data: JSONValue, levels: int = _MAX_DEPTH) -> JSONValue:
    """Return a copy with plain floats and without lone surrogates; raises `RecursionError` where it is nested too deeply."""
    if levels < 0:
        raise RecursionError("it is nested too deeply")
    if isinstance(data, dict):
        copy = {}
        for key, item in data.items():
            if not (type(item) in _AS_IS or (type(item) is str and item.isascii())):
                item = _plain(item, levels - 1)  # noqa: PLW2901
            copy[key if key.isascii() else _whole(key)] = item
        return copy
    if isinstance(data, list):
        items = []
        for item in data:  # a comprehension would take a frame of its own on each level
            plain = type(item) in _AS_IS or (type(item) is str and item.isascii())
            items.append(item if plain else _plain(item, levels - 1))
        return items
    if isinstance(data, str):
        return _whole(data)
    if isinstance(data, float) and type(data) is not float:
        return math.copysign(min(abs(data), sys.float_info.max), data)  # 1e400 is a number
    return data


def _whole(text: str) -> str:
    return _SURROGATE.sub(lambda match: chr(0x100000 + ord(match[0])), text)


def _plain_schema(schema: JSONObject) -> JSONObject:
    """Return a schema as the judge takes it; raises `RecursionError` for one that it does not."""
    return cast("JSONObject", _plain(schema, _MAX_SCHEMA_DEPTH))


def _steps(data: JSONValue) -> int:
    """How many steps the texts of a document could take a pattern that tries each place anew."""
    steps, stack = 0, [data]
    while stack and steps <= _MOST_STEPS:
        value = stack.pop()
        if isinstance(value, str):
            steps += len(value) ** 2 + 2 * _MOST_STEPS_BACK
        elif isinstance(value, list):
            stack += value
        elif isinstance(value, dict):
            stack += value
            stack += value.values()
    return steps


def _is_small(data: JSONValue) -> bool:
    values, stack = 0, [data]
    while stack and values <= _MOST_VALUES:
        value = stack.pop()
        values += 1 + (len(value) // 32 if isinstance(value, str) else 0)
        if isinstance(value, list | dict):
            stack += islice(value.values() if isinstance(value, dict) else value, _MOST_VALUES)
    return values <= _MOST_VALUES


def _complete(problem: Problem, data: JSONValue) -> Problem:
    """Put into a problem what the document holds at its place, and the lone surrogates that stand there."""
    path = tuple(_original(part) if isinstance(part, str) else part for part in problem.path)
    holder, value = value_at(data, path[:-1]), value_at(data, path)
    missing = isinstance(holder, dict) and path and path[-1] not in holder
    try:
        found = "" if missing or (not path and isinstance(data, dict)) else describe(value)
    except ValueError:  # Python does not write so many digits
        found = "a number that is too long"
    message, expected = (shorten(_original(text), _MOST_TEXT) for text in problem[1:3])
    return Problem(path, message, expected, found)


def _original(text: str) -> str:
    return _STAND_IN.sub(lambda match: chr(ord(match[0]) - 0x100000), text)


# --- schemas ----------------------------------------------------------------------------------------------------------


def make_validator(schema: JSONObject, extra: Iterable[JSONObject] = (), where: str = "") -> Validator:
    """Return a validator for a user's schema; raises `SchemaError` where it is not sound, see `check_schema`."""
    from zmeta.schema.refs import by_id

    others = by_id((schema, *extra), where)
    check_schema(schema, others, where)
    return Validator(schema, others, where)


def check_schema(schema: JSONObject, others: Mapping[str, JSONObject], where: str) -> None:
    """Raise `SchemaError` for a schema that is not valid JSON Schema 2020-12, or whose `$ref`s or `$id`s are not sound."""
    from jsonschema import Draft202012Validator, FormatChecker
    from jsonschema.exceptions import SchemaError as InvalidSchemaError

    from zmeta.schema.refs import check_refs

    stated = schema.get("$schema", DIALECT)
    if stated != DIALECT:
        raise SchemaError("the schema is written in another dialect", where=where, expected=DIALECT, found=describe(stated))
    try:
        Draft202012Validator.check_schema(schema, format_checker=FormatChecker(formats=()))
        for wrong in _dialect().iter_errors(_plain_schema(schema)):  # patterns are judged by what will match them
            if getattr(wrong.kind, "format", "") == "regex":
                raise _invalid(wrong.instance_path, wrong.message, where)
    except InvalidSchemaError as error:
        raise _invalid(error.absolute_path, error.message, where) from None
    except RecursionError:
        raise SchemaError("the schema is nested too deeply", where=where) from None
    check_refs(schema, others.values(), where)


@cache
def _dialect() -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator({"$ref": DIALECT}, validate_formats=True)


def _invalid(path: Iterable[str | int], message: str, where: str) -> SchemaError:
    return SchemaError(f"the schema is not valid at {pointer(*path) or 'its root'}", where=where, found=message[:200])


@lru_cache(maxsize=64)
def packaged_validator(path: str) -> Validator:
    """Return the validator of a packaged schema."""
    return Validator(load_schema(path), where=path)


def validate(
    validator: Validator, data: JSONValue, *, code: str, file: str, at: str = "", label: str = "", hint: str = ""
) -> list[Finding]:
    """Return what is wrong with a document as findings of a code, with pointers that begin at `at`."""
    head = f"{label}: " if label else ""
    return [
        Finding(code, head + message, file, at + pointer(*path), expected, found, hint)
        for path, message, expected, found in validator.problems(data)
    ]
