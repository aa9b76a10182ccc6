"""Put into words what jsonschema-rs finds wrong: where, what should stand there; of a union the likeliest branch alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import urljoin

from zmeta.jsondoc import describe, pointer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from zmeta.jsondoc import JSONValue


class Error(Protocol):
    """What is used of `jsonschema_rs.ValidationError`."""

    instance_path: list[str | int]
    schema_path: list[str | int]
    absolute_keyword_location: str | None
    instance: JSONValue
    kind: Any


class Problem(NamedTuple):
    """One thing that breaks a schema: the path in the document, what is wrong, what should stand there, what does."""

    path: tuple[str | int, ...]
    message: str
    expected: str = ""
    found: str = ""


class Explainer:
    """Words for what is wrong with one document.

    Parameters
    ----------
    document : JSON
    look : function
        Returns what stands in a schema at a URI with a JSON pointer, None where that is not known.
    base : str
        URI of the schema, where an error does not say in which one it is.
    """

    def __init__(self, document: JSONValue, look: Callable[[str], JSONValue], base: str) -> None:
        self._document = document
        self._look = look
        self._base = base

    def problems(self, errors: Sequence[Error]) -> Iterator[Problem]:
        """Yield what errors say; what is found is left to the caller, who has the document."""
        for error in errors:
            if not _is_echo(error, errors):
                yield from self._problems(error)

    def _problems(self, error: Error) -> Iterator[Problem]:
        """Yield what an error says; of a union, what the branch says that the value was meant for."""
        branches = _branches(error)
        if not branches:
            yield self._problem(error)
            return
        meant = [branch for branch in branches if not _other_type(branch, error)]
        if not meant:
            yield self._wrong(error, [branch[0] for branch in branches])
            return
        ranks = [_rank(branch, error) for branch in meant]
        best = [branch for branch, rank in zip(meant, ranks, strict=True) if rank == min(ranks)]
        firsts = [branch[0] for branch in best]
        if min(ranks)[0]:  # no branch is the one of this `type`
            tags = [part for branch in meant for part in branch if _is_tag(part, error)]
            yield self._wrong(tags[0], [tag for tag in tags if tag.instance_path == tags[0].instance_path])
        elif len(best) == 1 or not all(len(branch) == 1 and self._same(branch[0], firsts[0]) for branch in best):
            yield from self.problems(best[0])
        elif _name(firsts[0]) == "Required":
            keys = " or ".join(dict.fromkeys(_quoted(first.kind.property) for first in firsts))
            yield Problem(self._path(firsts[0]), f"{keys} is missing")
        else:
            yield self._wrong(firsts[0], firsts)

    def _path(self, error: Error) -> tuple[str | int, ...]:
        """Return the path of an error, in which the judge takes keys such as `0` or `007` for indices."""
        path: list[str | int] = []
        value = self._document
        for part in error.instance_path:
            if isinstance(value, dict) and isinstance(part, int):
                same = (key for key in value if key.isascii() and key.lstrip("+").isdecimal() and int(key) == part)
                part = str(part) if str(part) in value else next(same, str(part))  # noqa: PLW2901
            path.append(part)
            value = value_at(value, (part,))
        return tuple(path)

    def _location(self, error: Error) -> str:
        """Return the URI of the keyword that an error is about."""
        return error.absolute_keyword_location or f"{self._base}#{pointer(*error.schema_path)}"

    def _same(self, error: Error, other: Error) -> bool:
        """Whether two errors are about one place, and of a kind that one message can tell."""
        simple = _name(error) == _name(other) == "Required" or (self._expected(error) and self._expected(other))
        return bool(simple) and error.instance_path == other.instance_path

    def _wrong(self, error: Error, alternatives: Sequence[Error]) -> Problem:
        """Return the problem of one place where one of several things should stand."""
        path = self._path(error)
        texts = dict.fromkeys(text for part in alternatives if (text := self._expected(part)))
        return Problem(path, f"{_called(path)} is wrong", ", or ".join(texts))

    def _problem(self, error: Error) -> Problem:
        kind, path = error.kind, self._path(error)
        match _name(error):
            case "Required":
                return Problem((*path, kind.property), f"{_quoted(kind.property)} is missing{self._because(error)}")
            case "AdditionalProperties" | "UnevaluatedProperties":
                return _unknown(path, kind.unexpected)
            case "FalseSchema" if error.schema_path[-1:] == ["additionalProperties"]:  # with nothing beside it
                holder = value_at(self._document, path)
                return _unknown(path, list(holder) if isinstance(holder, dict) else [])
            case "FalseSchema":
                return Problem(path, f"{_called(path)} may not stand here")
            case "UnevaluatedItems":
                return Problem(path, f"{_called(path)} has items too many")
            case "PropertyNames":
                key = str(kind.error.instance)
                expected = next(self._problems(kind.error)).expected
                return Problem((*path, key), f"{_quoted(key)} is not a name that a key may have here", expected)
            case "OneOfMultipleValid":
                return Problem(path, f"{_called(path)} fits more than one of the schemas of which it should fit one")
            case "BacktrackLimitExceeded" | "RegexEngineFailure":
                expected = "a simpler `pattern` in the schema: this one cannot be matched in reasonable time"
                return Problem(path, f"{_called(path)} cannot be judged", expected)
        problem = self._wrong(error, [error])
        return problem if problem.expected else problem._replace(expected=f"what the schema asks for with `{kind.name}`")

    def _because(self, error: Error) -> str:
        needs = self._look(self._location(error))
        if error.schema_path[-1:] == ["dependentRequired"] and isinstance(needs, dict) and isinstance(error.instance, dict):
            for key, needed in needs.items():
                if key in error.instance and isinstance(needed, list) and error.kind.property in needed:
                    return f" beside {_quoted(key)}"
        return ""

    def _expected(self, error: Error) -> str:
        """Return in words what a keyword asks for; empty for one that has no short words."""
        kind, name = error.kind, _name(error)
        match name:
            case "Type":
                words = [_TYPES.get(str(item), str(item)) for item in sorted(kind.types, key=lambda item: item == "null")]
                return ", ".join([*words[:-2], " or ".join(words[-2:])])
            case "Constant":
                return describe(kind.expected_value)
            case "Enum":
                return _one_of(kind.options)
            case "Pattern":
                return f"text that matches {kind.pattern}"
            case "MultipleOf":
                return f"a multiple of {kind.multiple_of}"
            case "Contains":
                return self._contains(error)
            case "Not":
                return self._unlike(kind.schema, self._location(error))
            case "AnyOf" | "OneOfNotValid":
                texts = [self._expected(part) for branch in _branches(error) for part in branch[:1]]
                return ", or ".join(dict.fromkeys(text for text in texts if text))
        return _counted(_WORDS[name], getattr(kind, "limit", None)) if name in _WORDS else ""

    def _contains(self, error: Error) -> str:
        location, _, keyword = self._location(error).rpartition("/")
        holder = self._look(location)
        if not isinstance(holder, dict):
            return "other items"
        wanted = holder.get("contains")
        if isinstance(wanted, dict) and isinstance(wanted.get("$ref"), str):
            wanted = self._look(_resolve(location, str(wanted["$ref"])))
        text = wanted.get("description", wanted.get("title")) if isinstance(wanted, dict) else None
        what = f": {text}".rstrip(".") if text else f" that fit {describe(holder.get('contains'))}"
        if keyword == "maxContains":
            return _counted("at most {} items", holder.get(keyword)) + what
        return _counted("at least {} items", holder.get("minContains", 1)) + what

    def _unlike(self, schema: JSONValue, location: str) -> str:
        """Return in words what a `not` asks for."""
        match schema:
            case {"$ref": str(ref), **rest} if not rest:
                target = self._look(_resolve(location, ref))
                return "" if target is None or "$ref" in str(target) else self._unlike(target, location)
            case {"pattern": str(pattern), **rest} if set(rest) <= {"type"}:
                return "text without a line break" if pattern == "\\n" else f"text that does not match {pattern}"
            case {"const": value, **rest} if set(rest) <= _NOTES:
                return f"anything but {describe(value)}"
            case {"enum": [*options], **rest} if set(rest) <= _NOTES:
                return "anything but " + _one_of(options)
        return f"what does not fit {describe(schema)}"


def _resolve(base: str, ref: str) -> str:
    return base.partition("#")[0] + ref if ref.startswith("#") else urljoin(base, ref)


def value_at(value: JSONValue, path: Iterable[str | int]) -> JSONValue:
    """Return what stands at a path of a document, None where there is nothing."""
    for part in path:
        if isinstance(value, dict) and isinstance(part, str):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def _is_echo(error: Error, errors: Sequence[Error]) -> bool:
    """Whether keys or items count as unevaluated only because what should have evaluated them failed."""
    if _name(error) not in ("UnevaluatedProperties", "UnevaluatedItems"):
        return False
    path, depth = error.instance_path, len(error.instance_path)
    unexpected = set(map(str, error.kind.unexpected))
    return any(
        other.instance_path[:depth] == path
        and (len(other.instance_path) == depth or str(other.instance_path[depth]) in unexpected)
        for other in errors
        if not _name(other).startswith("Unevaluated")
    )


def _name(error: Error) -> str:
    """The kind of an error; not `kind.name`, which calls a pattern that was given up a pattern."""
    return type(error.kind).__name__


# --- unions -----------------------------------------------------------------------------------------------------------


def _branches(error: Error) -> list[list[Error]]:
    return [] if _name(error) not in ("AnyOf", "OneOfNotValid") else [branch for branch in error.kind.context if branch]


def _other_type(branch: Sequence[Error], union: Error) -> bool:
    """Whether a branch is for another type of value: it fails at once, whatever the value holds."""
    return any(error.instance_path == union.instance_path and _is_other_type(error) for error in branch)


def _is_other_type(error: Error) -> bool:
    match _name(error):
        case "Type":
            return True
        case "Constant":
            return not _alike(error.instance, error.kind.expected_value)
        case "Enum":
            return not any(_alike(error.instance, option) for option in error.kind.options)
        case "AnyOf" | "OneOfNotValid":
            return all(_other_type(branch, error) for branch in _branches(error))
    return False


def _alike(value: JSONValue, other: JSONValue) -> bool:
    return type(value) is type(other) or {type(value), type(other)} == {int, float}


def _is_tag(error: Error, union: Error) -> bool:
    """Whether an error says that a branch is for another `type` (or whatever key tells the branches apart)."""
    fixed = _name(error) == "Constant" or (_name(error) == "Enum" and len(error.kind.options) == 1)
    return fixed and len(error.instance_path) == len(union.instance_path) + 1 and isinstance(error.instance, str)


def _rank(branch: Sequence[Error], union: Error) -> tuple[int, int, int]:
    """How unlikely a branch is: by its tags, by how far it gets into the document, by how much is wrong with it."""
    return sum(_is_tag(error, union) for error in branch), -max(map(_depth, branch)), len(branch)


def _depth(error: Error) -> int:
    inner = [_depth(part) for branch in _branches(error) for part in branch]
    return max([len(error.instance_path), *inner])


# --- words ------------------------------------------------------------------------------------------------------------


def _called(path: Sequence[str | int]) -> str:
    """Return what a message calls a value: its key, with the indices behind it."""
    key = max((index for index, part in enumerate(path) if isinstance(part, str)), default=None)
    if key is None:
        return f"item {path[-1]}" if path else "the value"
    return _quoted(str(path[key]), "".join(f"[{part}]" for part in path[key + 1 :]))


def _quoted(key: str, more: str = "") -> str:
    return f"`{shorten(key, 80)}{shorten(more, 80)}`"


def shorten(text: str, most: int) -> str:
    """Cut a text that is longer."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _unknown(path: tuple[str | int, ...], keys: Sequence[str]) -> Problem:
    listed = ", ".join(map(_quoted, keys[:8])) + (", …" if len(keys) > 8 else "")
    if len(keys) == 1:
        return Problem((*path, keys[0]), f"{listed} is not a key of this schema")
    return Problem(path, f"{listed} are not keys of this schema")


def _one_of(options: Sequence[JSONValue]) -> str:
    listed = ", ".join(map(describe, options[:12])) + (", …" if len(options) > 12 else "")
    return f"one of {listed}" if len(options) != 1 else listed


def _counted(text: str, limit: object) -> str:
    return (text.removesuffix("s") if limit == 1 else text).format(limit)


_TYPES = {
    "array": "a list", "object": "an object {…}", "string": "a string", "number": "a number", "integer": "a whole number",
    "boolean": "true or false", "null": "null",
}  # fmt: skip
_WORDS = {
    "MinItems": "at least {} items", "MaxItems": "at most {} items", "MinLength": "at least {} characters",
    "MaxLength": "at most {} characters", "Minimum": "at least {}", "Maximum": "at most {}",
    "ExclusiveMinimum": "more than {}", "ExclusiveMaximum": "less than {}", "MinProperties": "at least {} keys",
    "MaxProperties": "at most {} keys", "UniqueItems": "items that differ from each other",
}  # fmt: skip
_NOTES = frozenset({"$comment", "description", "examples", "title"})
