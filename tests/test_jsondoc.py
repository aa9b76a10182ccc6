"""`jsondoc`: what goes in comes out, literal by literal and in its layout; what is no JSON document is refused by name."""

from __future__ import annotations

import copy
import json
import math
import pickle
import time
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import NUMBER_LITERALS, json_objects, json_text

from zmeta.checker.position import locate
from zmeta.errors import DocumentError
from zmeta.jsondoc import (
    MAX_BYTES,
    MAX_DEPTH,
    ExactFloat,
    Limits,
    describe,
    dump_json,
    exact,
    parse_json,
    pointer,
    replace_at,
    too_large,
)

DATA = {"b": [1, {"a": None, "": ""}], "a": {"x": [], "y": {}, "z": True}, "c": 'q: 1, "two"', "d": -1.5}
LAYOUTS = {
    "indent 4": {"indent": 4},
    "indent 2": {"indent": 2},
    "indent 1": {"indent": 1},
    "tabs": {"indent": "\t"},
    "compact": {"separators": (",", ":")},
    "spaced": {},
}


def _round(raw: bytes) -> bytes:
    return dump_json(parse_json(raw, "zarr.json")[0], raw)


@pytest.mark.parametrize("end", ["", "\n"], ids=["no newline", "newline"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_survives(layout: str, end: str) -> None:
    raw = (json.dumps(DATA, **LAYOUTS[layout]) + end).encode()  # type: ignore[arg-type]
    assert _round(raw) == raw


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_added_key_is_written_in_the_layout(layout: str) -> None:
    options = LAYOUTS[layout]
    raw = json.dumps(DATA, **options).encode()  # type: ignore[arg-type]
    wanted = json.dumps({**DATA, "new": {"k": [1, 2]}}, **options).encode()  # type: ignore[arg-type]
    assert dump_json({**parse_json(raw, "f")[0], "new": {"k": [1, 2]}}, raw) == wanted


@pytest.mark.parametrize("literal", NUMBER_LITERALS)
def test_every_literal_survives(literal: str) -> None:
    raw = f'{{"a": {literal}, "b": [{literal}, {{"c": {literal}}}]}}'.encode()
    assert _round(raw) == raw


@given(json_text())
def test_any_document_survives(text: str) -> None:
    raw = text.encode()
    assert _round(raw) == raw


@given(json_objects(), st.sampled_from(list(LAYOUTS.values())))
def test_any_value_survives(data: dict[str, object], options: dict[str, object]) -> None:
    raw = json.dumps(data, **options).encode()  # type: ignore[arg-type]
    again = parse_json(dump_json(parse_json(raw, "f")[0], raw), "f")[0]
    assert again == data
    assert json.dumps(again) == json.dumps(data)  # and the keys in their order


def test_unicode_survives_as_it_was_written() -> None:
    plain = '{"unit": "µm", "name": "Δ 脳 \U0001f9e0"}'.encode()
    assert _round(plain) == plain
    escaped = rb'{"unit": "\u00b5m", "name": "\ud83e\udde0 \ud800"}'
    assert _round(escaped) == escaped
    mixed = '{"unit": "µm", "lone": "\\ud800", "control": "\\u001b\\n\\u007f"}'.encode()
    assert parse_json(_round(mixed), "f") == parse_json(mixed, "f")


def test_crlf_documents_keep_their_data() -> None:
    raw = b'{\r\n  "a": 1.50,\r\n  "b": [2]\r\n}\r\n'
    assert parse_json(_round(raw), "f") == parse_json(raw, "f")
    assert b"1.50" in _round(raw)


def test_an_exact_float_is_a_float_that_survives_copy_and_pickle() -> None:
    number = ExactFloat("0.10")
    for other in (copy.copy(number), copy.deepcopy(number), pickle.loads(pickle.dumps(number))):
        assert isinstance(other, ExactFloat)
        assert (other, other.literal) == (0.1, "0.10")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_json_is_not_written(value: float) -> None:
    with pytest.raises(ValueError, match="is not JSON"):
        dump_json({"a": [value]})


BROKEN = {
    "empty": (b"", "is not JSON", "an empty file"),
    "blank": (b" \n\t", "is not JSON", "an empty file"),
    "truncated": (b'{"a": [1, 2', "is not JSON", "line 1, column 12"),
    "two documents": (b'{"a": 1}\n{"b": 2}', "is not JSON", "Extra data at line 2, column 1"),
    "comment": (b'{"a": 1} // note', "is not JSON", "Extra data"),
    "trailing comma": (b'{"a": 1,}', "is not JSON", "line 1"),
    "single quotes": (b"{'a': 1}", "is not JSON", "line 1, column 2"),
    "control character": (b'{"a": "\x01"}', "is not JSON", "Invalid control character"),
    "NUL bytes": (b"\x00" * 20, "is not JSON", "line 1, column 1"),
    "latin-1": (b'{"unit": "\xb5m"}', "is not UTF-8", "byte 0xb5 at offset 10"),
    "utf-16": ('{"a": 1}'.encode("utf-16"), "is not UTF-8", "byte 0xff at offset 0"),
    "overlong": (b'{"a": "\xc0\x80"}', "is not UTF-8", "byte 0xc0"),
    "encoded surrogate": (b'{"a": "\xed\xa0\x80"}', "is not UTF-8", "byte 0xed"),
    "list": (b"[1]", "is not a JSON object", "[1]"),
    "number": (b"1", "is not a JSON object", "1"),
    "null": (b"null", "is not a JSON object", "null"),
    "string": (b'"a"', "is not a JSON object", '"a"'),
    "duplicate": (b'{"a": 1, "b": 2, "a": 3}', "names the key 'a' twice", ""),
    "duplicate deep": (b'{"x": [{"k": {"a\\n": 1, "a\\u000a": 3}}]}', r"names the key 'a\n' twice", ""),
    "5000 digits": (b'{"a": ' + b"1" * 5000 + b"}", "holds a number that cannot be read", "limit"),
    "deep list": (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "is nested too deeply", ""),
    "deep object": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "is nested too deeply", ""),
    "deep and open": (b"[" * 100_000, "is nested too deeply", ""),
    "deep after strings": (b'{"]}": "]]]\\"]]", "a":' + b"[" * 200 + b"]" * 200 + b"}", "is nested too deeply", ""),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_document_is_named(case: str) -> None:
    raw, what, found = BROKEN[case]
    with pytest.raises(DocumentError, match=r"^the document ") as caught:
        parse_json(raw, "/d/zarr.json")
    assert what in caught.value.what
    assert found in caught.value.found
    assert caught.value.where == "/d/zarr.json"
    assert "\n" not in caught.value.what
    finding = caught.value.finding()
    assert (finding.code, finding.file) == ("ZM009" if "deeply" in what else "ZM001", "/d/zarr.json")


def test_a_broken_document_tells_line_and_column() -> None:
    with pytest.raises(DocumentError, match="is not JSON") as caught:
        parse_json(b'{\n  "a": 1,\n  "b" 2\n}', "f")
    assert (caught.value.line, caught.value.column) == (3, 7)
    assert ":3:7" in str(caught.value.finding())


def test_brackets_in_strings_are_no_nesting() -> None:
    raw = json.dumps({"a": "[" * 500 + '\\"' * 500, "b": ["{"] * 200}).encode()
    assert _round(raw) == raw


@pytest.mark.parametrize("depth", [MAX_DEPTH, MAX_DEPTH + 1])
def test_the_deepest_document(depth: int) -> None:
    raw = b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"
    if depth <= MAX_DEPTH:
        assert _round(raw) == raw
    else:
        with pytest.raises(DocumentError, match="nested too deeply") as caught:
            parse_json(raw, "f")
        assert caught.value.code == "ZM009"
        assert str(MAX_DEPTH) in caught.value.expected


def test_a_document_that_is_too_large_is_refused() -> None:
    with pytest.raises(DocumentError, match="too large for metadata") as caught:
        parse_json(b" " * (MAX_BYTES + 1), "f")
    assert caught.value.finding().code == "ZM008"
    assert "at most" in str(too_large("f", 10**8))


def test_the_limits_are_settings() -> None:
    raw = b'{"a": [[[1]]]}'
    assert parse_json(raw, "f", Limits(len(raw), 4))[0] == {"a": [[[1]]]}
    with pytest.raises(DocumentError, match="too large for metadata") as caught:
        parse_json(raw, "f", Limits(len(raw) - 1, 4))
    assert (caught.value.code, caught.value.expected) == ("ZM008", f"at most {len(raw) - 1} bytes")
    with pytest.raises(DocumentError, match="nested too deeply") as caught:
        parse_json(raw, "f", Limits(len(raw), 3))
    assert (caught.value.code, caught.value.expected) == ("ZM009", "at most 3 levels")


def test_hostile_strings_take_no_time() -> None:
    for raw in (b'{"a": "' + b'\\"' * 500_000, b'"' + b"\\" * 500_001, b'["' * 200_000):
        with pytest.raises(DocumentError, match=r"^the document "):
            parse_json(b"{" * 50 + b"[" * 51 + raw, "f")


def test_nan_tokens_and_a_byte_order_mark_are_tolerated_and_reported() -> None:
    data, findings = parse_json(b'\xef\xbb\xbf{"a": NaN, "b": [Infinity, -Infinity, NaN]}', "f")
    assert [str(value) for value in (data["a"], *data["b"])] == ["nan", "inf", "-inf", "nan"]  # type: ignore[misc]
    assert [(finding.code, finding.file) for finding in findings] == [("ZM003", "f"), ("ZM002", "f")]
    assert "NaN, Infinity, -Infinity," in findings[1].message
    assert parse_json(b'{"a": "NaN"}', "f")[1] == ()


EXACT = {
    "0.10": "0.10", "1e-3": "1e-3", "1E5": "1E5", "-0.0": "-0.0", "0": "0", "1e300": "1e300", "9.99e300": "9.99e300",
    "1e301": None, "1e400": None, "1e999999999": None, "1e-301": None, "1e-400": None, "1e-999999999": None,
    "0e999999999": "0", "0.00e99999999999999999999": "0", "1e9999999999999999999999": None,
    "1e-9999999999999999999999": None, "0." + "1" * 5000: None, "1." + "0" * 5000: None, "0." + "1" * 900: "0." + "1" * 900,
    "NaN": None, "Infinity": None, "true": None, '"4"': None,
    "1" + "0" * 299: "1" + "0" * 299, "1" + "0" * 300: None,
}  # fmt: skip


@pytest.mark.parametrize("literal", EXACT)
def test_exact_numbers(literal: str) -> None:
    value = parse_json(f'{{"a": {literal}}}'.encode(), "f")[0]["a"]
    assert exact(value) == EXACT[literal]


def test_messages_are_short_and_total() -> None:
    for value in (None, True, 10**400, 1e400, [float("nan")], {"a": "x" * 500}, "\ud800", {1}, object()):
        assert len(describe(value)) <= 80
    assert describe("a\nb\x1b") == '"a\\nb\\u001b"'


def test_pointers() -> None:
    assert pointer("a/b", "m~n", 0, "") == "/a~1b/m~0n/0/"
    assert pointer() == ""


def test_replacing_leaves_the_original_alone() -> None:
    before = {"a": [1, {"b": 2}], "c": {"d": 3}}
    kept = copy.deepcopy(before)
    after = replace_at(before, ("a", 1, "b"), 5)  # type: ignore[arg-type]
    assert before == kept
    assert after == {"a": [1, {"b": 5}], "c": {"d": 3}}
    assert after["c"] is before["c"]


# --- where a pointer leads in the text ---------------------------------------------------------------------------------

_NAME = st.text(max_size=6) | st.sampled_from(
    [
        "",
        "/",
        "~",
        "~1",
        "~0",
        "~01",
        "a/b",
        '"',
        '\\"',
        "\\",
        "0",
        "00",
        "-",
        "\n",
        "\r\n",
        "\U0001f9e0",
        "\ud800",
        "\u2028",
        "{",
        "]",
        ",",
    ]
)
_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _NAME,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_NAME, inner, max_size=4),
    max_leaves=20,
)


@st.composite
def _written(draw: Any) -> tuple[Any, str]:
    """A document, and a text of it in any layout."""
    data = draw(_VALUE)
    indent = draw(st.sampled_from([None, None, 0, 1, 4, "\t"]))
    comma, colon = draw(st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : "), (",\n", "\n:\n\n"), ("\t,", ":\r")]))
    text = json.dumps(data, indent=indent, separators=(comma, colon), ensure_ascii=draw(st.booleans()))
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    before, after = draw(st.tuples(*[st.sampled_from(["", " ", "\n", "\r\n\t", "\n\n  "])] * 2))
    return data, draw(st.sampled_from(["", "\ufeff"])) + before + text + after


def _values(value: Any, at: str = "") -> dict[str, Any]:
    """Every pointer of a document, with what it leads to."""
    found = {at: value}
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        found |= _values(item, at + pointer(key))
    return found


def _text_at(text: str, place: tuple[int, int]) -> str:
    """What stands at a line and a column, counted as an editor does that ends lines at line feeds and hides the mark."""
    line, column = place
    lines = text.removeprefix("\ufeff").split("\n")
    assert 1 <= line <= len(lines)
    assert 1 <= column <= len(lines[line - 1]) + 1
    return "\n".join([lines[line - 1][column - 1 :], *lines[line:]])


@given(_written())
def test_every_value_is_located(document: tuple[Any, str]) -> None:
    data, text = document
    wanted = _values(data)
    places = locate(text, wanted)
    assert list(places) == list(wanted)
    for pointer_, place in places.items():
        assert json.JSONDecoder().raw_decode(_text_at(text, place))[0] == wanted[pointer_]
    assert len(set(places.values())) == len(places), "no two values begin at one place"
    for pointer_ in wanted:
        assert locate(text, [pointer_]) == {pointer_: places[pointer_]}, "one alone has the place that it has among others"


@given(_written(), st.data())
def test_what_is_not_there_has_the_place_of_what_is_above_it(document: tuple[Any, str], data: st.DataObject) -> None:
    value, text = document
    wanted = _values(value)
    above = data.draw(st.sampled_from(list(wanted)))
    missing = above + pointer(*data.draw(st.lists(_NAME | st.integers(0, 9), min_size=1, max_size=3)))
    assume(not any(missing == known or missing.startswith(known + "/") for known in wanted if len(known) > len(above)))
    places = locate(text, [missing, *wanted])
    assert places == {missing: places[above], **locate(text, wanted)}
    assert locate(text, [missing]) == {missing: places[above]}


def test_places_are_those_of_an_editor() -> None:
    text = '\ufeff{\r\n\t"a": [1, "\U0001f9e0", {"b\\n": null}],\r\n\r\n"":{"":{"/~":3}}}\r\n'
    assert locate(text, ["", "/a", "/a/1", "/a/2/b\n", "/", "//", "///~1~0", "/a/3", "/a/x", "/a/01", "/~1"]) == {
        "": (1, 1), "/a": (2, 7), "/a/1": (2, 11), "/a/2/b\n": (2, 24), "/": (4, 4), "//": (4, 8), "///~1~0": (4, 14),
        "/a/3": (2, 7), "/a/x": (2, 7), "/a/01": (2, 7), "/~1": (1, 1),
    }  # fmt: skip
    assert locate('{"a": 1}', []) == {}
    assert locate(" \n 3", ["", "/a"]) == {"": (2, 2), "/a": (2, 2)}


def test_a_broken_text_is_located_as_far_as_it_goes() -> None:
    text = '{"a": [1, 2],\n "b": {"c": tru'
    assert locate(text, ["/a/1", "/b/c", "/d"]) == {"/a/1": (1, 11), "/b/c": (2, 13), "/d": (1, 1)}
    for raw in ("", "{", '{"a', '{"a"', '{"a":', '{"a":1', "[1,", "]", '{"a": 1 "b": 2}', "[" * 10**5):
        assert locate(raw, ["/a/0", "/0/1", "/b"])["/b"] is not None


def test_deep_values_are_located() -> None:
    text = "".join(f'{{"{level}": [\n' for level in range(50)) + "7" + "]}" * 50
    deep = "".join(f"/{level}/0" for level in range(50))
    assert locate(text, [deep, deep + "/x", deep[:-2]]) == {deep: (51, 1), deep + "/x": (51, 1), deep[:-2]: (50, 8)}


@pytest.mark.parametrize(
    ("shape", "indent"), [("many keys", 2), ("many keys", None), ("many items", None), ("deep keys", 1), ("long strings", 4)]
)
def test_locating_takes_linear_time(shape: str, indent: int | None) -> None:
    data: Any = {
        "many keys": {f"key/{number}": number for number in range(150_000)},
        "many items": {"a": [12.345678] * 400_000},
        "deep keys": {str(number): {"a": [{"b": {"c": [number] * 5}}] * 5} for number in range(15_000)},
        "long strings": {f"k{number}": 'x"' * 10_000 for number in range(200)},
    }[shape]
    text = json.dumps(data, indent=indent)
    assert len(text) > 3_000_000
    values = list(_values(data))
    wanted = values[:: max(len(values) // 100, 1)][:100]
    wanted += [values[-1], values[-1] + "/missing"]
    start = time.process_time()
    places = locate(text, wanted)
    assert time.process_time() - start < 4
    assert json.JSONDecoder().raw_decode(_text_at(text, places[values[-1]]))[0] is not None
    start = time.process_time()
    locate(text, values[:20_000])
    assert time.process_time() - start < 5
