"""JSON documents in and out without loss: every number keeps its literal, every key its place.

`parse_json` is strict where a guess would be needed (duplicate keys, encodings) and lenient where real writers are sloppy
(NaN tokens, a byte-order mark), which it reports. `dump_json` writes a document back in the layout that it had.
"""

from __future__ import annotations

import json
import marshal
import math
import re
from decimal import Decimal
from functools import lru_cache
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import TYPE_CHECKING, NamedTuple, Self, TypeAlias

from zmeta.errors import DocumentError
from zmeta.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

JSONValue: TypeAlias = "bool | int | float | str | list[JSONValue] | dict[str, JSONValue] | None"
JSONObject: TypeAlias = "dict[str, JSONValue]"

#: A document larger than this is refused unread.
MAX_BYTES = 64 * 1024 * 1024
#: Lists and objects nested deeper than this are refused.
MAX_DEPTH = 100


class Limits(NamedTuple):
    """How large and how deep a document may be; what is beyond is refused, and reported."""

    max_bytes: int = MAX_BYTES
    max_depth: int = MAX_DEPTH


LIMITS = Limits()
#: A number is taken as a size or a place only within these powers of ten.
MAX_EXPONENT = 300
#: And only with so many characters.
MAX_LITERAL = 1000


class ExactFloat(float):
    """A float that remembers a literal which `repr` would not give back (`1e-3`, `0.10`, twenty digits)."""

    literal: str
    __slots__ = ("literal",)

    def __new__(cls, literal: str) -> Self:
        """Parse the literal of a JSON number."""
        number = super().__new__(cls, literal)
        number.literal = literal
        return number

    def __reduce__(self) -> tuple[type[ExactFloat], tuple[str]]:
        return ExactFloat, (self.literal,)

    def __copy__(self) -> ExactFloat:
        return self

    def __deepcopy__(self, memo: object) -> ExactFloat:
        return self


class _DuplicateKeyError(ValueError):
    """Carries the key out of the JSON scanner."""


def _parse_float(literal: str) -> float:
    number = float(literal)
    return number if repr(number) == literal else ExactFloat(literal)


def _parse_object(pairs: list[tuple[str, JSONValue]]) -> JSONObject:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        raise _DuplicateKeyError(next(key for key, _ in pairs if key in seen or seen.add(key)))  # type: ignore[func-returns-value]
    return result


_DECODER = json.JSONDecoder(object_pairs_hook=_parse_object, parse_float=_parse_float)


def _lenient_decoder(constants: list[str]) -> json.JSONDecoder:
    """Return a decoder that takes down every NaN and Infinity token it meets."""

    def parse_constant(token: str) -> float:
        constants.append(token)
        return float(token.replace("inity", ""))

    return json.JSONDecoder(object_pairs_hook=_parse_object, parse_float=_parse_float, parse_constant=parse_constant)


def parse_json(raw: bytes, file: str, limits: Limits = LIMITS) -> tuple[JSONObject, tuple[Finding, ...]]:
    """Parse the bytes of one document.

    Returns
    -------
    (dict, findings)
        The object, and what was tolerated (a byte-order mark, NaN tokens).

    Raises
    ------
    DocumentError
        The bytes are empty, too large, not UTF-8, not JSON, nested too deeply, not an object, or name a key twice.
    """
    if len(raw) > limits.max_bytes:
        raise too_large(file, len(raw), limits)
    constants: list[str] = []
    bom = raw.startswith(b"\xef\xbb\xbf")
    try:
        text = raw.decode("utf-8-sig" if bom else "utf-8")
        _refuse_deep(text, file, limits.max_depth)
        decoder = _lenient_decoder(constants) if b"NaN" in raw or b"Infinity" in raw else _DECODER
        data = decoder.decode(text)
    except DocumentError:
        raise
    except UnicodeDecodeError as error:
        raise _broken(
            file,
            "is not UTF-8",
            found=f"byte 0x{raw[error.start]:02x} at offset {error.start}",
            hint="save the file as UTF-8",
        ) from None
    except json.JSONDecodeError as error:
        found = "an empty file" if not text.strip() else f"{error.msg} at line {error.lineno}, column {error.colno}"
        broken = _broken(file, "is not JSON", found=found, hint="restore the document from a copy, or mend it by hand")
        broken.line, broken.column = error.lineno, error.colno
        raise broken from None
    except _DuplicateKeyError as error:
        raise _broken(
            file,
            f"names the key {error.args[0]!r} twice in one object",
            hint="readers choose differently between the two values: keep the right one",
        ) from None
    except ValueError as error:  # a literal of more digits than Python converts
        raise _broken(file, "holds a number that cannot be read", found=str(error)) from None
    if not isinstance(data, dict):
        raise _broken(file, "is not a JSON object", expected="an object {…}", found=describe(data))
    findings = []
    if bom:
        findings.append(Finding("ZM003", "the document begins with a byte-order mark", file, hint="save it as plain UTF-8"))
    if constants:
        tokens = ", ".join(dict.fromkeys(constants))
        hint = "other readers refuse the document: store null or a string instead"
        findings.append(Finding("ZM002", f"the document holds {tokens}, which is not JSON", file, hint=hint))
    return data, tuple(findings)


def too_large(file: str, size: int, limits: Limits = LIMITS) -> DocumentError:
    """Return the error for a document with more bytes than the limit."""
    expected, hint = f"at most {limits.max_bytes} bytes", "raise `max_bytes` in zmeta.toml if it is meant to be so large"
    return _broken(file, "is too large for metadata", expected=expected, found=f"{size} bytes", hint=hint, code="ZM008")


def _broken(
    file: str, what: str, *, expected: str = "", found: str = "", hint: str = "", code: str = "ZM001"
) -> DocumentError:
    error = DocumentError(f"the document {what}", where=file, expected=expected, found=found, hint=hint)
    error.code = code
    return error


#: Strings (an unterminated one runs to the end, or a hostile file would take quadratic time) and brackets.
_BRACKETS = re.compile(r'"(?:[^"\\]+|\\.)*+(?:"|\\?\Z)|[\[{\]}]', re.DOTALL)


def _refuse_deep(text: str, file: str, most: int) -> None:
    """Refuse nesting before the parser recurses into it; a count of brackets settles nearly every document."""
    if text.count("[") + text.count("{") <= most:
        return
    depth = 0
    for token in _BRACKETS.finditer(text):
        bracket = token[0]
        if bracket in "[{":
            depth += 1
            if depth > most:
                raise _broken(file, "is nested too deeply", expected=f"at most {most} levels", code="ZM009")
        elif bracket in "]}":
            depth -= 1


def exact(value: object) -> str | None:
    """Return a finite JSON number as the decimal literal that the file holds, or None for anything else.

    >>> exact(0.36), exact(4), exact("4"), exact(True), exact(float("nan"))
    ('0.36', '4', None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int):
        return str(value) if abs(value) < 10**MAX_EXPONENT else None
    literal = value.literal if isinstance(value, ExactFloat) else repr(float(value))
    if isinstance(value, ExactFloat):
        if not value:  # 0e999999999 is zero, 1e-999999999 is not; neither may be computed
            return "0" if not literal.lower().partition("e")[0].strip("-0.") else None
        if len(literal) > MAX_LITERAL or not math.isfinite(value) or abs(Decimal(literal).adjusted()) > MAX_EXPONENT:
            return None
        return literal
    return literal if math.isfinite(value) and (value == 0 or 1e-300 < abs(value) < 1e300) else None


def describe(value: object) -> str:
    """Return a short text for a JSON value in a message, cut where it is long.

    >>> describe([1, 2]), describe(None), describe("x" * 200)[-4:]
    ('[1, 2]', 'null', 'xxx…')
    """
    text = repr(value) if isinstance(value, float) else json.dumps(value, default=str, ensure_ascii=False)
    return shorten(text)


def shorten(text: str) -> str:
    """Return a text as it is shown in a message, cut where it is long."""
    return text if len(text) <= 80 else text[:79] + "…"


def pointer(*parts: str | int) -> str:
    """Return the JSON pointer (RFC 6901) of a path of keys and indices.

    >>> pointer("ome", "multiscales", 0, "a/b")
    '/ome/multiscales/0/a~1b'
    """
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def parse_pointer(text: str, value: JSONValue) -> tuple[str | int, ...] | None:
    """Return a JSON pointer as the path of keys and indices that it is in a value; None where it leads to nothing there.

    >>> parse_pointer("/a/0/b~1c", {"a": [{"b/c": 1}]}), parse_pointer("/a/1", {"a": []})
    (('a', 0, 'b/c'), None)
    """
    path: list[str | int] = []
    for part in text.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and key in value:
            path.append(key)
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            path.append(int(key))
            value = value[int(key)]
        else:
            return None
    return tuple(path)


def replace_at(value: JSONValue, path: tuple[str | int, ...], new: JSONValue) -> JSONValue:
    """Return a copy of nested JSON with one value replaced; what is not on the way is shared."""
    if not path:
        return new
    head, rest = path[0], path[1:]
    if isinstance(value, dict) and isinstance(head, str):
        return {**value, head: replace_at(value.get(head), rest, new)}
    if isinstance(value, list) and isinstance(head, int):
        return [*value[:head], replace_at(value[head], rest, new), *value[head + 1 :]]
    return value


_INDENT = re.compile(r"\s*[{\[]\r?\n([ \t]+)")
#: The first key with no space behind its colon.
_COMPACT = re.compile(r'\s*\{\s*"(?:[^"\\]|\\.)*+":(?!\s)')
_SURROGATE = re.compile("[\ud800-\udfff]")


def dump_json(data: JSONValue, like: bytes | None = None) -> bytes:
    """Serialise a document in the layout (indent, separators, escapes, final newline) of the bytes that it replaces.

    Raises `ValueError` on NaN and infinities, which are not JSON.
    """
    layout, end = _layout(like)
    return (_dump(data, layout, "\n" if layout.indent else "", _LEVELS_KEPT) + end).encode()


def _layout(like: bytes | None) -> tuple[_Layout, str]:
    """Return the layout of a document, and its final newline or nothing."""
    text = (like or b"").decode("utf-8", "replace").removeprefix("\ufeff")
    match = _INDENT.match(text)
    if like is None:
        indent, comma, colon = "  ", ",", ": "
    elif match:
        indent, comma, colon = match[1], ",", ": "
    else:
        compact = _COMPACT.match(text)
        indent, comma, colon = "", "," if compact else ", ", ":" if compact else ": "
    return _known_layout(indent, comma, colon, text.isascii()), "\n" if text.endswith("\n") else ""


class _Layout:
    """How documents of one layout are written; `names` are the keys that were met so far, with the colon."""

    __slots__ = ("colon", "comma", "indent", "names", "quote")

    def __init__(self, indent: str, comma: str, colon: str, ascii_only: bool) -> None:
        self.indent = indent
        self.comma = comma
        self.colon = colon
        self.quote: Callable[[str], str] = encode_basestring_ascii if ascii_only else _quote_plain
        self.names: dict[str, str] = {}

    def name(self, key: str) -> str:
        """Return a key with its colon, and remember it."""
        text = self.quote(key) + self.colon
        if len(key) <= _LONGEST_NAME and type(key) is str:
            if len(self.names) >= _MOST_KEPT:
                self.names.clear()
            self.names[key] = text
        return text


_known_layout = lru_cache(maxsize=64)(_Layout)


def _quote_plain(text: str) -> str:
    """Quote a string with its characters as they are; a lone surrogate, which UTF-8 cannot hold, is escaped."""
    return _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", encode_basestring(text))


def _dump(value: JSONValue, layout: _Layout, newline: str, levels: int = 0) -> str:
    """Serialise a value, with one frame for each level: it may be nested deeply. `levels` is how far down text is kept."""
    if isinstance(value, dict) and value:
        inner = newline + layout.indent
        names = layout.names
        texts = []
        for key, item in value.items():
            kind = type(item)
            if kind is str:
                text = layout.quote(item)  # type: ignore[arg-type]
            elif kind is int:
                text = repr(item)
            else:
                flat = _dump_flat(item, layout, inner) if kind is list else None  # type: ignore[arg-type]
                mark = _mark(item, layout, inner) if flat is None and levels else None
                known = flat if mark is None else _KEPT.get(mark)
                text = known or _dump(item, layout, inner, levels and levels - 1)
                if mark is not None and known is None:
                    _keep(mark, text)
            texts.append((names.get(key) or layout.name(key)) + text)
        return "{" + inner + (layout.comma + inner).join(texts) + newline + "}"
    if isinstance(value, list) and value:
        inner = newline + layout.indent
        texts = []
        for item in value:  # a comprehension would take a frame of its own
            text = item.form.dump(item, layout, inner) if type(item) is Filled else _dump(item, layout, inner)
            texts.append(text)
        return "[" + inner + (layout.comma + inner).join(texts) + newline + "]"
    return layout.quote(value) if isinstance(value, str) else _dump_scalar(value)


class Form:
    """How objects are written that differ in a few values: `sample` is one that has a `HOLE` for each of them."""

    def __init__(self, sample: JSONObject) -> None:
        self._sample = sample
        self._patterns: dict[tuple[_Layout, str], str] = {}

    def dump(self, filled: Filled, layout: _Layout, newline: str) -> str:
        """Serialise one of the objects."""
        pattern = self._patterns.get((layout, newline))
        if pattern is None:
            hole = layout.quote(HOLE)
            text = _dump(self._sample, layout, newline)
            pattern = text.replace("%", "%%").replace(hole, "%s") if text.count(hole) == len(filled.filling) else ""
            if len(self._patterns) >= _MOST_LAYOUTS:
                self._patterns.clear()
            self._patterns[layout, newline] = pattern
        if not pattern:
            return _dump(filled, layout, newline)
        return pattern % tuple(
            [
                repr(item) if type(item) is int else layout.quote(item) if isinstance(item, str) else _dump_scalar(item)
                for item in filled.filling
            ]
        )


class Filled(dict[str, "JSONValue"]):
    """An object that is the sample of a form with texts and numbers in its holes, in their order: written fast in a list."""

    __slots__ = ("filling", "form")

    def __init__(self, content: JSONObject, form: Form, filling: Sequence[str | float]) -> None:
        super().__init__(content)
        self.form = form
        self.filling = filling


#: Stands for a value in the sample of a form; where data holds the same, objects are written as they are.
HOLE = "\0hole"
_MOST_LAYOUTS = 16


def _dump_flat(value: list[JSONValue], layout: _Layout, newline: str) -> str | None:
    """Serialise a list that is all text or all whole numbers, as most are; None for any other."""
    if not value:
        return "[]"
    kinds = set(map(type, value))
    if kinds not in (_WHOLE, _TEXT):
        return None
    inner = newline + layout.indent
    items = map(repr if kinds == _WHOLE else layout.quote, value)  # type: ignore[arg-type]
    return "[" + inner + (layout.comma + inner).join(items) + newline + "]"


_WHOLE, _TEXT = {int}, {str}

#: The text of values that documents repeat, such as codecs and declarations, by their bytes, layout and place.
_KEPT: dict[tuple[bytes, _Layout, str], str] = {}
_MOST_KEPT, _LARGEST_KEPT = 512, 4096
#: Levels of a document whose values are looked for there. Each costs a copy of what is below.
_LEVELS_KEPT = 2
#: Keys that are longer are quoted each time.
_LONGEST_NAME = 64
#: Objects with more keys describe one node, and are not met again.
_FEW = 3


def _mark(value: JSONValue, layout: _Layout, newline: str) -> tuple[bytes, _Layout, str] | None:
    """Return what the text of a small object, or of a list of objects, depends on; None for anything else."""
    if not (len(value) <= _FEW if type(value) is dict else type(value) is list and type(value[0]) is dict):
        return None
    try:
        return marshal.dumps(value, 2), layout, newline
    except ValueError:  # a number that keeps its literal
        return None


def _keep(mark: tuple[bytes, _Layout, str], text: str) -> None:
    if len(text) <= _LARGEST_KEPT:
        if len(_KEPT) >= _MOST_KEPT:
            _KEPT.clear()
        _KEPT[mark] = text


def _dump_scalar(value: JSONValue) -> str:
    if isinstance(value, ExactFloat):
        return value.literal
    if isinstance(value, float) and not isinstance(value, bool):
        if not math.isfinite(value):
            raise ValueError(f"{value!r} is not JSON")
        return repr(value)
    return json.dumps(value)
