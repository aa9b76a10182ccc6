"""Documents are serialised fast, and byte for byte as the plain way of doing it does."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from builders import WILD
from hypothesis import given
from hypothesis import strategies as st
from strategies import attributes, json_objects

from zmeta import jsondoc
from zmeta.jsondoc import ExactFloat, Limits, dump_json, parse_json

LAYOUTS = {
    "indent 4": b'{\n    "a": 1\n}', "indent 2": b'{\n  "a": 1\n}\n', "tabs": b'{\n\t"a": 1\n}', "compact": b'{"a":1}\n',
    "spaced": b'{"a": 1}', "not ASCII": '{\n  "µ": 1\n}'.encode(), "CRLF": b'{\r\n  "a": 1\r\n}', "nothing": b"",
    "none": None, "a mark": b'\xef\xbb\xbf{\n "a": 1}',
}  # fmt: skip


def plain(value: Any, indent: str, comma: str, colon: str, ascii_only: bool, newline: str) -> Iterator[str]:
    """Serialise piece by piece, with nothing remembered."""
    inner = newline + indent
    if isinstance(value, dict) and value:
        for position, (key, item) in enumerate(value.items()):
            yield ("{" if position == 0 else comma) + inner + quoted(key, ascii_only) + colon
            yield from plain(item, indent, comma, colon, ascii_only, inner)
        yield newline + "}"
    elif isinstance(value, list) and value:
        for position, item in enumerate(value):
            yield ("[" if position == 0 else comma) + inner
            yield from plain(item, indent, comma, colon, ascii_only, inner)
        yield newline + "]"
    elif isinstance(value, str):
        yield quoted(value, ascii_only)
    elif isinstance(value, ExactFloat):
        yield value.literal
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value!r} is not JSON")
        yield repr(value)
    else:
        yield json.dumps(value)


def quoted(text: str, ascii_only: bool) -> str:
    if ascii_only:
        return json.dumps(text)
    return "".join(c if not "\ud800" <= c <= "\udfff" else f"\\u{ord(c):04x}" for c in json.dumps(text, ensure_ascii=False))


#: Indent, comma, colon, whether all is ASCII, and the end, by layout.
PARTS: dict[str, tuple[str, str, str, bool, str]] = {
    "indent 4": ("    ", ",", ": ", True, ""), "indent 2": ("  ", ",", ": ", True, "\n"),
    "tabs": ("\t", ",", ": ", True, ""), "compact": ("", ",", ":", True, "\n"), "spaced": ("", ", ", ": ", True, ""),
    "not ASCII": ("  ", ",", ": ", False, ""), "CRLF": ("  ", ",", ": ", True, ""), "nothing": ("", ", ", ": ", True, ""),
    "none": ("  ", ",", ": ", True, ""),
    "a mark": (" ", ",", ": ", True, ""),
}  # fmt: skip


def expected(value: Any, layout: str) -> bytes:
    indent, comma, colon, ascii_only, end = PARTS[layout]
    return ("".join(plain(value, indent, comma, colon, ascii_only, "\n" if indent else "")) + end).encode()


def assert_plain(value: Any, layout: str) -> None:
    """Compare with the plain way, twice: what is remembered from the first time is used at the second."""
    try:
        wanted = expected(value, layout)
    except ValueError:  # NaN, or more digits than Python writes
        for _ in range(2):
            with pytest.raises(ValueError, match=r"is not JSON|Exceeds the limit"):
                dump_json(value, LAYOUTS[layout])
        return
    for _ in range(2):
        assert dump_json(value, LAYOUTS[layout]) == wanted


#: Values that are equal, or alike, and not the same in JSON.
ALIKE: list[Any] = [
    1, True, 1.0, ExactFloat("1.00"), ExactFloat("1e0"), "1", 0, False, -0.0, 0.0, None, "", [], {}, "é", "e\u0301", "脳",
    "\ud800", "a", 10**30, 1e22, "\n", '"', "\\", "\x7f",
]  # fmt: skip
_SCALARS = st.sampled_from(ALIKE)
_FLAT = st.lists(_SCALARS, max_size=3) | st.sampled_from([[1, 2], [1, True], ["a", "b"], ["a", 1], [1.0, 2], [0.5, 1.5]])
_SMALL = st.dictionaries(st.sampled_from(["a", "b", "é", ""]), _SCALARS | _FLAT, max_size=4)
_MIXED = st.recursive(
    _SCALARS | _FLAT | _SMALL | st.lists(_SMALL, max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcdef"), inner, max_size=5),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from("abcdefg"), _MIXED, max_size=6), st.sampled_from(sorted(LAYOUTS)))
def test_values_that_are_alike(value: Any, layout: str) -> None:
    assert_plain(value, layout)


@given(json_objects() | attributes(3), st.sampled_from(sorted(LAYOUTS)))
def test_any_value(value: Any, layout: str) -> None:
    assert_plain(value, layout)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("place", ["{v}", "x/v", "x/y/v", "[v]", "x/[v]"])
def test_equal_values_one_after_the_other(layout: str, place: str) -> None:
    """Equal numbers of other kinds, in the same place: what is remembered of one is not taken for the other."""
    for item in [*ALIKE, *ALIKE[::-1]]:
        value: Any = {"v": item}
        value = {"x": [value, value], "z": value} if "[" in place else value
        for key in place.split("/")[-2::-1]:
            value = {key: value}
        assert_plain(value, layout)


@pytest.mark.parametrize("layout", ["indent 4", "compact", "not ASCII"])
def test_documents_of_real_writers(layout: str) -> None:
    files = [file for file in sorted(WILD.rglob("*")) if file.name in ("zarr.json", ".zattrs", "attributes.json", ".zarray")]
    assert len(files) > 300
    for file in files:
        assert_plain(parse_json(file.read_bytes(), str(file))[0], layout)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, [math.nan], [1.0, math.inf], {"a": math.nan}])
@pytest.mark.parametrize("depth", range(4))
def test_what_is_not_json_is_refused_every_time(value: Any, depth: int) -> None:
    for _ in range(depth):
        value = {"a": value}
    for _ in range(3):
        with pytest.raises(ValueError, match="is not JSON"):
            dump_json({"a": value})


@pytest.mark.parametrize("brackets", [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_the_deepest_document_that_may_be_read_is_written(brackets: tuple[str, str]) -> None:
    depth = 400 // sum(map(brackets[0].count, "[{")) - 1
    raw = ('{"a":' + brackets[0] * depth + "1" + brackets[1] * depth + "}").encode()
    assert dump_json(parse_json(raw, "f", Limits(max_depth=400))[0], raw) == raw


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[Any, str] = {}
    monkeypatch.setattr(jsondoc, "_KEPT", kept)
    for number in range(2000):
        assert_plain({"a": {"b": number}, "c": [{"d": "x" * number * 10}]}, "spaced")
        assert len(kept) <= 512
    assert sum(map(len, kept.values())) < 2_000_000
    assert len(kept) > 100
