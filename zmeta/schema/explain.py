"""Put into words what jsonschema-rs finds wrong: where, what should stand there; of a union the likeliest branch alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from zmeta.jsondoc import describe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from zmeta.jsondoc import JSONValue


class Error(Protocol):
    """What is used of `jsonschema_rs.ValidationError`."""

    instance_path: list[str | int]
    schema_path: list[str | int]
    instance: JSONValue
    kind: Any


class Problem(NamedTuple):
    """One thing that breaks a schema: the path in the document, what is wrong, what should stand there, what does."""

    path: tuple[str | int, ...]
    message: str
    expected: str = ""
    found: str = ""


def explain(errors: Sequence[Error]) -> Iterator[Problem]:
    """Yield what errors say; what is found in the document is left to the caller, who has the document."""
    for error in errors:
        if not _is_echo(error, errors):
            yield from _problems(error)


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


def _problems(error: Error) -> Iterator[Problem]:
    """Yield what an error says; of a union, what the branch says that the value was meant for."""
    branches = _branches(error)
    if not branches:
        yield _problem(error)
        return
    meant = [branch for branch in branches if not _other_type(branch, error)]
    if not meant:
        yield _wrong(error, [_expected(_first(branch[0])) for branch in branches])
        return
    ranks = [_rank(branch, error) for branch in meant]
    best = [branch for branch, rank in zip(meant, ranks, strict=True) if rank == min(ranks)]
    if min(ranks)[0]:  # no branch is the one of this `type`
        tags = [tag for branch in meant for tag in branch if _is_tag(tag, error)]
        tags = [tag for tag in tags if tag.instance_path == tags[0].instance_path]
        yield _wrong(tags[0], [_expected(tag) for tag in tags])
    elif len(best) > 1 and all(len(branch) == 1 and _same(branch[0], best[0][0]) for branch in best):
        if _name(best[0][0]) == "Required":
            keys = " or ".join(dict.fromkeys(f"`{branch[0].kind.property}`" for branch in best))
            yield Problem(tuple(error.instance_path), f"{keys} is missing")
        else:
            yield _wrong(best[0][0], [_expected(branch[0]) for branch in best])
    else:
        yield from explain(best[0])


def _first(error: Error) -> Error:
    """The first error of the first branch, where an error is that of a union."""
    branches = _branches(error)
    return _first(branches[0][0]) if branches else error


def _same(error: Error, other: Error) -> bool:
    """Whether two errors are about one place, and of a kind that one message can tell."""
    simple = _name(error) == _name(other) == "Required" or bool(_expected(error) and _expected(other))
    return simple and error.instance_path == other.instance_path


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
    return "`" + str(path[key]) + "".join(f"[{part}]" for part in path[key + 1 :]) + "`"


def _wrong(error: Error, alternatives: Sequence[str]) -> Problem:
    """Return the problem of one place where one of several things should stand."""
    path = tuple(error.instance_path)
    expected = ", or ".join(dict.fromkeys(text for text in alternatives if text))
    return Problem(path, f"{_called(path)} is wrong", expected)


def _problem(error: Error) -> Problem:
    kind, path = error.kind, tuple(error.instance_path)
    match _name(error):
        case "Required":
            why = ", which another key here needs" if error.schema_path[-1:] == ["dependentRequired"] else ""
            return Problem((*path, kind.property), f"`{kind.property}` is missing{why}")
        case "AdditionalProperties" | "UnevaluatedProperties":
            return _unknown(path, kind.unexpected)
        case "FalseSchema" if isinstance(error.instance, dict) and error.schema_path[-1:] == ["additionalProperties"]:
            return _unknown(path, list(error.instance))
        case "FalseSchema" if error.schema_path[-1:] == ["items"]:
            return Problem(path, f"{_called(path)} is one item too many")
        case "FalseSchema":
            return Problem(path, f"{_called(path)} may not stand here")
        case "UnevaluatedItems":
            return Problem(path, f"{_called(path)} has items too many")
        case "PropertyNames":
            key = str(kind.error.instance)
            expected = next(_problems(kind.error)).expected
            return Problem((*path, key), f"`{key}` is not a name that a key may have here", expected)
        case "Not":
            return Problem(path, f"{_called(path)} is wrong", _unlike(kind.schema))
        case "OneOfMultipleValid":
            return Problem(path, f"{_called(path)} fits more than one of the schemas of which it should fit one")
        case "BacktrackLimitExceeded" | "RegexEngineFailure":
            expected = "a simpler `pattern` in the schema: this one cannot be matched in reasonable time"
            return Problem(path, f"{_called(path)} cannot be judged", expected)
    return _wrong(error, [_expected(error) or f"what the schema asks for with `{kind.name}`"])


def _unknown(path: tuple[str | int, ...], keys: Sequence[str]) -> Problem:
    listed = ", ".join(f"`{key}`" for key in keys[:8]) + (", …" if len(keys) > 8 else "")
    if len(keys) == 1:
        return Problem((*path, keys[0]), f"{listed} is not a key of this schema")
    return Problem(path, f"{listed} are not keys of this schema")


def _expected(error: Error) -> str:
    """Return in words what a keyword asks for; empty for one that has no short words."""
    kind, name = error.kind, _name(error)
    match name:
        case "Type":
            return _listed([_TYPES.get(str(item), str(item)) for item in kind.types], " or ")
        case "Constant":
            return describe(kind.expected_value)
        case "Enum":
            listed = ", ".join(map(describe, kind.options[:12])) + (", …" if len(kind.options) > 12 else "")
            return f"one of {listed}" if len(kind.options) != 1 else listed
        case "Pattern":
            return f"text that matches {kind.pattern}"
        case "MultipleOf":
            return f"a multiple of {kind.multiple_of}"
        case "Contains":
            return _CONTAINS.get(str(error.schema_path[-1]), "an item that fits `contains`")
        case "AnyOf" | "OneOfNotValid":
            texts = [_expected(part) for branch in _branches(error) for part in branch[:1]]
            return ", or ".join(dict.fromkeys(text for text in texts if text))
    limit = getattr(kind, "limit", "")
    return _plural(_WORDS[name].format(limit), limit) if name in _WORDS else ""


def _listed(parts: Sequence[str], last: str) -> str:
    return ", ".join(parts[:-1]) + last + parts[-1] if len(parts) > 1 else "".join(parts)


def _plural(text: str, limit: object) -> str:
    return text.removesuffix("s") if limit == 1 else text


def _unlike(schema: JSONValue) -> str:
    """Return in words what a `not` asks for."""
    match schema:
        case {"pattern": str(pattern), **rest} if set(rest) <= {"type"}:
            return "no line break" if pattern == "\\n" else f"text that does not match {pattern}"
        case {"const": value, **rest} if not rest:
            return f"anything but {describe(value)}"
        case {"enum": [*options], **rest} if not rest:
            return f"none of {', '.join(map(describe, options[:12]))}"
        case {"required": [str(key)], **rest} if not rest:
            return f"no key `{key}` beside the others"
    return f"what does not fit {describe(schema)}"


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
_CONTAINS = {"minContains": "more items that fit `contains`", "maxContains": "fewer items that fit `contains`"}
