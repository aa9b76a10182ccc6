"""Schemas: sound, offline, and of one verdict with the cases in `data/conventions`, with the pydantic model, and with the
reference implementation; what is wrong is told in one place, and hostile schemas and documents end.
"""

from __future__ import annotations

import copy
import json
import math
import threading
import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from zmeta.canonical.units import SPACE, TIME
from zmeta.errors import SchemaError
from zmeta.jsondoc import ExactFloat, parse_json
from zmeta.payload import CoreMetadata, check_core
from zmeta.schema.catalog import BASE, DIALECT, SchemaName, find_schema, list_schemas, load_schema, schema_text
from zmeta.schema.refs import check_refs, named_keys
from zmeta.schema.validate import Validator, make_validator, packaged_validator, validate

if TYPE_CHECKING:
    from collections.abc import Iterator

CASES = Path(__file__).parent / "data" / "conventions"
NAMES = list_schemas()
FILES = sorted(CASES.glob("*/*/*/*.json"))


def parse(text: str) -> Any:
    return json.loads(text)


@pytest.mark.parametrize("name", NAMES, ids=str)
def test_schema_is_sound(name: SchemaName) -> None:
    schema = load_schema(name.path)
    Draft202012Validator.check_schema(schema)
    check_refs(schema, (), name.path)
    assert schema["$id"] == name.uri
    assert schema["title"]
    assert schema["description"]
    examples = schema["examples"]
    assert isinstance(examples, list)
    assert examples
    validator = packaged_validator(name.path)
    assert [validator.problems(example) for example in examples] == [[]] * len(examples)


def _bare_properties(schema: Any, at: str = "") -> list[str]:
    """Places of properties without a description; conditions (`if`, `not`, …) only repeat what is described elsewhere."""
    if not isinstance(schema, dict):
        return []
    bare: list[str] = []
    for key, value in schema.get("properties", {}).items():
        if isinstance(value, dict) and not value.get("description"):
            bare.append(f"{at}/properties/{key}")
        bare += _bare_properties(value, f"{at}/properties/{key}")
    for key, value in schema.get("$defs", {}).items():
        bare += _bare_properties(value, f"{at}/$defs/{key}")
    for keyword in ("items", "contains", "additionalProperties"):
        bare += _bare_properties(schema.get(keyword), f"{at}/{keyword}")
    return bare


@pytest.mark.parametrize("name", NAMES, ids=str)
def test_every_property_is_described(name: SchemaName) -> None:
    assert _bare_properties(load_schema(name.path)) == []


@pytest.mark.parametrize("file", FILES, ids=[str(file.relative_to(CASES)) for file in FILES])
def test_verdict_of_the_case(file: Path) -> None:
    convention, version, verdict, case = file.relative_to(CASES).parts
    validator = packaged_validator(f"{convention}/{version}/{case.partition('--')[0]}")
    assert validator.is_valid(parse(file.read_text("utf-8"))) == (verdict == "valid")


def test_every_schema_has_cases_that_it_refuses() -> None:
    refused = {(f.parts[-4], f.parts[-3], f.name.partition("--")[0]) for f in FILES if f.parts[-2] == "invalid"}
    without = {(n.convention, n.version, n.document) for n in NAMES} - refused
    assert without == {("common", "1.0", "definitions")}, "a collection of $defs, which accepts everything"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("zmeta", "zmeta/1.0/array"),
        ("ome-ngff", "ome-ngff/0.5/image"),
        ("ome-ngff@0.4", "ome-ngff/0.4/image"),
        ("ome-ngff/plate@0.4", "ome-ngff/0.4/plate"),
        ("daisy", "daisy/2/array"),
        ("dacapo", "dacapo/0.2.1/array"),
        (BASE + "zmeta/1.0/core.schema.json", "zmeta/1.0/core"),
        ("zmeta/1.0/core", "zmeta/1.0/core"),
    ],
)
def test_find_schema(name: str, path: str) -> None:
    assert find_schema(name).path == path
    assert parse(schema_text(find_schema(name)))["$id"] == BASE + path + ".schema.json"


@pytest.mark.parametrize("name", ["nobody", "zmeta@9.9", "ome-ngff/nothing", "../../etc/passwd", ""])
def test_unknown_schema_is_an_error(name: str) -> None:
    with pytest.raises(SchemaError, match="no such schema"):
        find_schema(name)


# --- what users hand over ----------------------------------------------------------------------------------------------

LAB = "https://lab.example/"


@pytest.mark.parametrize(
    "ref",
    [
        "https://example.org/schema.json",
        "http://127.0.0.1:9/schema.json",
        "file:///etc/passwd",
        "urn:uuid:0f4d6a1e-6b1b-4a54-9a1a-0d1b7d3f2c11",
        BASE + "nobody/1/array.schema.json",
        BASE + "../../../etc/passwd",
        "https://json-schema.org/draft/2020-12/nothing",
        "other.json",
        "#/$defs/nothing",
        "#nothing",
        "http://[",
    ],
)
@pytest.mark.parametrize("keyword", ["$ref", "$dynamicRef"])
@pytest.mark.parametrize("place", ["used", "unused"])
def test_a_ref_out_of_the_catalog_is_an_error_that_names_it(ref: str, keyword: str, place: str) -> None:
    schema: Any = {"properties" if place == "used" else "$defs": {"a": {keyword: ref}}}
    with pytest.raises(SchemaError, match="not in the catalog") as caught:
        make_validator(schema)
    assert caught.value.found == ref
    with pytest.raises(SchemaError, match="not in the catalog"):
        check_refs(schema, (), "")


def test_a_ref_out_of_the_catalog_is_an_error_in_a_schema_that_is_referred_to() -> None:
    other: Any = {"$id": LAB + "b", "items": {"$ref": "https://example.org/schema.json"}}
    with pytest.raises(SchemaError, match="not in the catalog") as caught:
        make_validator({"$ref": LAB + "b"}, [other])
    assert caught.value.found == "https://example.org/schema.json"
    assert caught.value.where == LAB + "b"


@pytest.mark.parametrize("place", [("const",), ("enum", 0), ("examples", 0), ("default",), ("x-note",)], ids=str)
def test_what_only_looks_like_a_ref_is_none(place: tuple[str | int, ...]) -> None:
    value: Any = {"$ref": "https://example.org/schema.json", "$id": BASE + "zmeta/1.0/core.schema.json"}
    validator = make_validator({str(place[0]): [value] if place[1:] else value})
    assert validator.is_valid(value)
    assert named_keys({"properties": {"$ref": {"type": "string"}}}, (), "") == {"$ref"}


DIALECTS: dict[str, tuple[Any, list[Any]]] = {
    "root": ({"$schema": "http://json-schema.org/draft-07/schema#"}, []),
    "part": ({"$defs": {"a": {"$id": LAB + "a", "$schema": "http://json-schema.org/draft-07/schema#"}}}, []),
    "other schema": ({"$ref": LAB + "b"}, [{"$id": LAB + "b", "$schema": "https://lab.example/dialect"}]),
}


@pytest.mark.parametrize("case", DIALECTS)
def test_another_dialect_is_an_error(case: str) -> None:
    schema, extra = DIALECTS[case]
    with pytest.raises(SchemaError, match="another dialect") as caught:
        make_validator(schema, extra)
    assert caught.value.expected == DIALECT


BROKEN: dict[str, tuple[Any, list[Any], str]] = {
    "type": ({"properties": {"a": {"type": "strung"}}}, [], "not valid at /properties/a/type"),
    "pattern": ({"properties": {"a": {"pattern": "("}}}, [], "not valid at /properties/a/pattern"),
    "unused pattern": ({"$defs": {"a": {"pattern": "a{,3"}}}, [], "not valid at /\\$defs/a/pattern"),
    "pattern of a key": ({"patternProperties": {"[": True}}, [], "not valid at /patternProperties"),
    "pattern without a bound": ({"pattern": "((a{1000}){1000}){1000}"}, [], "not valid at /pattern"),
    "other schema": ({"$ref": LAB + "b"}, [{"$id": LAB + "b", "required": "a"}], "not valid at /required"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_schema_is_an_error_that_names_the_place(case: str) -> None:
    schema, extra, message = BROKEN[case]
    with pytest.raises(SchemaError, match=message) as caught:
        make_validator(schema, extra, "lab.json")
    assert caught.value.where == (LAB + "b" if extra else "lab.json")
    assert caught.value.found


def test_a_schema_that_is_not_referred_to_is_not_judged() -> None:
    assert make_validator({}, [{"$id": LAB + "b", "type": "strung"}]).is_valid(1)


ENDLESS: dict[str, tuple[Any, list[Any]]] = {
    "itself": ({"$id": LAB + "loop", "$ref": LAB + "loop"}, []),
    "root": ({"$ref": "#"}, []),
    "two": ({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}, []),
    "unused": ({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}, []),
    "deep": ({"properties": {"a": {"allOf": [{"$ref": "#/properties/a"}]}}}, []),
    "two files": ({"$id": LAB + "a", "$ref": "b"}, [{"$id": LAB + "b", "$ref": "a"}]),
    "dynamic": ({"$dynamicAnchor": "x", "$dynamicRef": "#x"}, []),
    "anchor": ({"$anchor": "x", "anyOf": [{"$ref": "#x"}, {"type": "string"}]}, []),
    "long": ({"$defs": {str(n): {"$ref": f"#/$defs/{(n + 1) % 2000}"} for n in range(2000)}}, []),
    **{
        keyword: ({"$id": LAB + "x", keyword: [{"$ref": "x"}, {}] if keyword in ("allOf", "oneOf") else {"$ref": "#"}}, [])
        for keyword in ("allOf", "oneOf", "if", "then", "else", "not")
    },
    "dependentSchemas": ({"dependentSchemas": {"a": {"$ref": "#"}}}, []),
}


@pytest.mark.parametrize("case", ENDLESS)
def test_a_schema_without_an_end_is_an_error(case: str) -> None:
    schema, extra = ENDLESS[case]
    with pytest.raises(SchemaError, match="without an end") as caught:
        make_validator(schema, extra)
    assert caught.value.found


def test_a_schema_may_refer_to_itself_further_down() -> None:
    tree: Any = {"$id": LAB + "tree", "type": "object", "additionalProperties": {"$ref": "tree"}}
    validator = make_validator({"items": {"anyOf": [{"$ref": LAB + "tree"}, {"type": "string"}]}}, [tree])
    assert validator.is_valid([{"a": {"b": {}}}, "x"])
    assert [problem.path for problem in validator.problems([{"a": {"b": 1}}])] == [(0, "a", "b")]
    assert make_validator({"$ref": DIALECT}).is_valid({"items": {"type": "string"}})
    assert not make_validator({"$ref": DIALECT}).is_valid({"items": {"type": "strung"}})


def test_dynamic_refs_are_followed() -> None:
    tree: Any = {"$id": LAB + "tree", "$dynamicAnchor": "node", "properties": {"sub": {"items": {"$dynamicRef": "#node"}}}}
    closed: Any = {"$id": LAB + "closed", "$dynamicAnchor": "node", "$ref": "tree", "unevaluatedProperties": False}
    validator = make_validator(closed, [tree])
    assert validator.is_valid({"sub": [{"sub": []}]})
    assert [problem.path for problem in validator.problems({"sub": [{"sup": []}]})] == [("sub", 0, "sup")]
    assert named_keys(closed, [tree], "") == {"sub"}


def test_refs_are_relative_to_the_id_around_them() -> None:
    schema: Any = {
        "$id": LAB + "a/main",
        "$ref": "part",
        "allOf": [
            {
                "$id": "../b/",
                "$ref": "part",
                "properties": {"c": {"$ref": "#/$defs/word"}},
                "$defs": {"word": {"type": "string"}},
            }
        ],
    }
    extra: list[Any] = [
        {"$id": LAB + "a/part", "properties": {"a": {"type": "string"}}},
        {"$id": LAB + "b/part", "properties": {"b": {"type": "string"}}},
    ]
    validator = make_validator(schema, extra)
    assert [problem.path for problem in validator.problems({"a": 1, "b": 1, "c": 1})] == [("a",), ("b",), ("c",)]
    assert named_keys(schema, extra, "") == {"a", "b", "c"}
    check_refs(schema, extra, "")


@pytest.mark.parametrize("ident", ["person.json", LAB + "person.json", "urn:lab:person", "tag:lab.example,2020:person"])
def test_a_schema_without_an_id_may_refer_to_others(ident: str) -> None:
    validator = make_validator({"properties": {"by": {"$ref": ident}}}, [{"$id": ident, "type": "string"}])
    assert validator.is_valid({"by": "Ada"})
    assert [problem.expected for problem in validator.problems({"by": 1})] == ["a string"]


CORE = BASE + "zmeta/1.0/core.schema.json"
TAKEN: dict[str, tuple[Any, list[Any]]] = {
    "packaged": ({"$id": CORE, "type": "object"}, []),
    "packaged, with a fragment": ({"$id": CORE + "#", "type": "object"}, []),
    "packaged, relative": ({"$id": BASE, "$defs": {"a": {"$id": "zmeta/1.0/core.schema.json"}}}, []),
    "packaged, handed over beside": ({"$ref": CORE}, [{"$id": CORE, "type": "object"}]),
    "packaged, deep in another": ({"$ref": LAB + "b"}, [{"$id": LAB + "b", "$defs": {"a": {"$id": CORE}}}]),
    "what packaged ones refer to": ({"$ref": CORE}, [{"$id": BASE + "common/1.0/definitions.schema.json"}]),
    "JSON Schema's": ({"$id": DIALECT, "type": "string"}, []),
    "JSON Schema's, in a part": ({"$defs": {"a": {"$id": DIALECT, "type": "string"}}, "$ref": DIALECT}, []),
    "its own twice": ({"$id": LAB + "a", "$defs": {"a": {"$id": LAB + "a", "type": "string"}}}, []),
    "of two parts": ({"$defs": {"a": {"$id": LAB + "a"}, "b": {"$id": LAB + "a", "type": "string"}}}, []),
    "of two files": ({"$ref": LAB + "b"}, [{"$id": LAB + "b"}, {"$id": LAB + "b", "type": "string"}]),
    "of a part and a file": ({"$defs": {"a": {"$id": LAB + "b"}}}, [{"$id": LAB + "b", "type": "string"}]),
}


@pytest.mark.parametrize("case", TAKEN)
def test_no_schema_takes_the_place_of_another(case: str) -> None:
    schema, extra = TAKEN[case]
    with pytest.raises(SchemaError, match="the same `\\$id`"):
        make_validator(schema, extra)


def test_a_packaged_schema_may_be_handed_over_as_it_is() -> None:
    core = copy.deepcopy(load_schema("zmeta/1.0/core"))
    validator = make_validator(core, [core, copy.deepcopy(load_schema("common/1.0/definitions"))])
    assert validator.is_valid({"axes": ["z"]})
    assert not validator.is_valid({"axes": "z"})
    bundle: Any = {"$defs": {"core": copy.deepcopy(core)}, "$ref": CORE}
    assert not make_validator(bundle).is_valid({"axes": "z"})


@contextmanager
def _server() -> Iterator[tuple[str, list[str]]]:
    """An HTTP server that serves the schema `false`, and a list of what it is asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"not": {}}')

        do_HEAD = do_POST = do_GET  # noqa: N815

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_nothing_is_fetched() -> None:
    import urllib.request

    with _server() as (url, asked):
        schemas: list[tuple[Any, list[Any]]] = [
            ({"$ref": url + "ref"}, []),
            ({"$dynamicRef": url + "ref#a"}, []),
            ({"properties": {"a": {"$ref": url + "ref#/$defs/a"}}}, []),
            ({"$defs": {"unused": {"$ref": url + "ref"}}}, []),
            ({"$schema": url + "dialect"}, []),
            ({"$defs": {"a": {"$schema": url + "dialect", "$id": url + "a"}}}, []),
            ({"$id": url + "main", "$ref": "relative"}, []),
            ({"$id": url + "main", "$defs": {"a": {"$id": "sub/", "$ref": "relative"}}}, []),
            ({"$ref": LAB + "b"}, [{"$id": LAB + "b", "$ref": url + "ref"}]),
            ({"$ref": LAB + "b"}, [{"$id": LAB + "b", "$schema": url + "dialect"}]),
            ({"$id": url + "main", "$ref": "b"}, [{"$id": LAB + "b"}]),
        ]
        for schema, extra in schemas:
            with pytest.raises(SchemaError):
                make_validator(schema, extra)
            with suppress(SchemaError):
                Validator(schema)
        sound: list[Any] = [
            {"$id": url + "main", "$ref": "#/$defs/a", "$defs": {"a": {"type": "object"}}},
            {"$id": url + "main", "$comment": url, "$vocabulary": {url + "vocabulary": True}, "format": url},
            {"properties": {"$schema": True, "$ref": True, "schema_url": {"format": "uri"}}, "examples": [{"$ref": url}]},
        ]
        document: Any = {"$schema": url + "x", "$id": url + "x", "$ref": url + "x", "schema_url": url + "x"}
        for schema in sound:
            assert make_validator(schema).problems(document) == []
        entry: Any = {"schema_url": url + "schema", "spec_url": url + "spec", "name": "lab"}
        assert packaged_validator("zarr-conventions/1.0/entry").is_valid(entry)
        assert asked == []
        urllib.request.urlopen(url + "awake").close()
        assert asked == ["/awake"], "the server would have taken it down"


# --- one verdict with the reference ------------------------------------------------------------------------------------

REGISTRY: Any = Registry().with_resources(
    [(name.uri, DRAFT202012.create_resource(load_schema(name.path))) for name in NAMES]
)
BY_SCHEMA: dict[str, list[Path]] = {}
for _file in FILES:
    BY_SCHEMA.setdefault("/".join([*_file.parts[-4:-2], _file.name.partition("--")[0]]), []).append(_file)


def reference(schema: Any, document: Any) -> bool:
    return bool(Draft202012Validator(schema, registry=REGISTRY).is_valid(document))


_ODD: list[Any] = [
    None, True, False, 0, 1, -1, 3, 10**30, -(10**400), 2**53 + 1, 0.0, -0.0, 1.0, 0.1, 1.5, -2.5, 1e300, 5e-324,
    *map(ExactFloat, ["1e-3", "0.10", "1E2", "2.50", "-0.00", "1e-400", "3.14159265358979323846", "100.0"]),
    *(text + end for end in ("", "\n") for text in (
        "", "z", "y", "x", "c", "t", "space", "time", "nanometer", "second", "nm", "4 nm", "4", "0 nm", "a", "\nA", "A/1",
        "A", "..", "../a", "a/..", "a/..\n", "0000FF", "00000", "<u2", "<M8[ns]", "<M8[\n]", "<M8[\r]", "<M8[\u2028]",
        "3.0", "4.0.0", "x\x00", "\r", "\ud800", "µ", "µm", "\U0001f9e0", "15cb68dc-be15-4be5-97f6-9fa7d4985563", "٣",
        "[]", "{}", "x" * 300,
    )),
    [], {}, [1], ["z"], ["z", "z"], [1, True, 1.0], [[1, 2], [1, 2.0]], [0.1, ExactFloat("0.10")],
    {"type": "scale"}, {"a": 1},
    {"name": "z", "type": "space"}, [{"name": "z"}, {"name": "z"}], dict.fromkeys(["\ud800", "\udc00"], 1),
]  # fmt: skip
_KEYS = st.sampled_from(
    [
        "a",
        "",
        "type",
        "path",
        "name",
        "version",
        "uuid",
        ".zarray\n",
        ".zattrs\n\n",
        "a/.zgroup",
        "\ud800",
        "µ",
        "x\n",
        "axes",
    ]
)
_SCALAR = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=5)
)
_JSON = st.recursive(
    st.sampled_from(_ODD) | _SCALAR,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS | st.text(max_size=3), inner, max_size=4),
    max_leaves=8,
)


def _places(value: Any, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at] + [place for key, item in inner for place in _places(item, (*at, key))]


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    for part in path:
        value = value[part]
    return value


@st.composite
def _mutated(draw: Any, documents: list[Any]) -> Any:
    """A document with up to three places replaced, dropped, renamed, wrapped or doubled."""
    holder: Any = [copy.deepcopy(draw(st.sampled_from(documents)))]
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(_places(holder)[1:]))
        parent, last = _at(holder, place[:-1]), place[-1]
        match draw(st.sampled_from(["replace", "replace", "replace", "drop", "rename", "wrap", "double", "line"])):
            case "drop" if len(place) > 1:
                del parent[last]
            case "rename" if isinstance(parent, dict):
                parent[draw(_KEYS | st.just(f"{last}\n"))] = parent.pop(last)
            case "wrap":
                parent[last] = [parent[last]]
            case "double" if isinstance(parent, list) and len(place) > 1:
                parent.insert(int(last), copy.deepcopy(parent[last]))
            case "line" if isinstance(parent[last], str):
                parent[last] += "\n"
            case _:
                parent[last] = copy.deepcopy(draw(st.sampled_from(_ODD) | _SCALAR))
        if not holder:
            return None
    return holder[0]


@pytest.mark.parametrize("name", NAMES, ids=str)
def test_one_verdict_with_the_reference_on_mutated_documents(name: SchemaName) -> None:
    files = BY_SCHEMA.get(name.path, [])
    documents = [parse(file.read_text("utf-8")) for file in files] or [{"axes": ["z"]}, ["nanometer"]]
    schema, validator = load_schema(name.path), packaged_validator(name.path)

    @settings(max_examples=60)
    @given(_mutated(documents))
    def check(document: Any) -> None:
        kept = copy.deepcopy(document)
        verdict = validator.is_valid(document)
        assert verdict == reference(schema, document)
        problems = validator.problems(document)
        assert bool(problems) == (not verdict)
        assert len(problems) == len(set(problems))
        assert document == kept

    check()


def _changed(document: Any, path: tuple[str | int, ...], key: str | int, value: Any) -> Any:
    """A copy of a document with another key and value in a place."""
    document = copy.deepcopy(document)
    parent = _at(document, path[:-1])
    del parent[path[-1]]
    if isinstance(parent, list):
        parent.insert(int(key), value)
    else:
        parent[key] = value
    return document


@pytest.mark.parametrize("name", NAMES, ids=str)
def test_line_breaks_mean_the_same_to_every_engine(name: SchemaName) -> None:
    """Python's `$` also stands before a line break at the end: each text and key is tried with one, once per place."""
    schema, validator = load_schema(name.path), packaged_validator(name.path)
    tried = set()
    files = [file for file in BY_SCHEMA.get(name.path, []) if file.parts[-2] == "valid"]
    examples: Any = schema["examples"]
    for document in [*(parse(file.read_text("utf-8")) for file in files), *examples]:
        for path in _places(document)[1:]:
            value, last = _at(document, path), path[-1]
            shape = tuple(part if isinstance(part, str) else ... for part in path)
            if shape in tried:
                continue
            tried.add(shape)
            texts = [value + "\n", value + "\n\n", "..\n", "a/..\n", "\n", "a\n"] if isinstance(value, str) else []
            changed = [_changed(document, path, last, text) for text in texts]
            if isinstance(last, str):
                changed += [_changed(document, path, last + end, item) for end in ("\n", "\n\n") for item in (value, 3)]
            for other in changed:
                assert validator.is_valid(other) == reference(schema, other), (path, other)


@pytest.mark.parametrize("name", NAMES, ids=str)
def test_one_verdict_with_the_reference_on_any_json(name: SchemaName) -> None:
    schema, validator = load_schema(name.path), packaged_validator(name.path)
    required: Any = schema.get("required") or ["a"]

    @settings(max_examples=30)
    @given(_JSON | st.fixed_dictionaries(dict.fromkeys(required, _JSON)))
    def check(document: Any) -> None:
        assert validator.is_valid(document) == reference(schema, document)
        assert bool(validator.problems(document)) == (not validator.is_valid(document))

    check()


@pytest.mark.parametrize("file", FILES, ids=[str(file.relative_to(CASES)) for file in FILES])
def test_one_verdict_with_the_reference_on_the_cases(file: Path) -> None:
    name = "/".join([*file.parts[-4:-2], file.name.partition("--")[0]])
    text = file.read_text("utf-8")
    for document in (parse(text), parse_json(text.encode(), "")[0] if text.lstrip().startswith("{") else parse(text)):
        assert packaged_validator(name).is_valid(document) == reference(load_schema(name), document)


#: Schemas of the kind that people write, with a document that each takes.
USERS: dict[str, tuple[Any, Any]] = {
    "sample": (
        {
            "type": "object",
            "required": ["stain", "acquired"],
            "properties": {
                "stain": {"enum": ["OTO", "rOTO", None]},
                "id": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{3}"},
                "acquired": {
                    "type": "object",
                    "properties": {"by": {"type": "string", "minLength": 1}, "on": {"type": "string", "format": "date"}},
                    "additionalProperties": False,
                },
                "dose": {"type": "number", "exclusiveMinimum": 0, "maximum": 100, "multipleOf": 0.5},
                "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True, "maxItems": 3},
            },
        },
        {"stain": "OTO", "id": "AB-123", "acquired": {"by": "Ada", "on": "2020-01-01"}, "dose": 2.5, "tags": ["a", "b"]},
    ),
    "patternProperties": (
        {
            "patternProperties": {"^x-": {"type": "string"}, "_nm\\b": {"type": "number", "minimum": 0}},
            "propertyNames": {"maxLength": 8, "pattern": "^[a-z]"},
            "additionalProperties": {"type": ["integer", "null"]},
            "minProperties": 1,
        },
        {"x-note": "a", "size_nm": 4.5, "n": 3, "m": None},
    ),
    "unevaluated": (
        {
            "allOf": [
                {"properties": {"a": {"type": "integer"}}},
                {"if": {"required": ["b"]}, "then": {"properties": {"b": True}}},
            ],
            "anyOf": [{"properties": {"c": {"const": 1}}, "required": ["c"]}, {"properties": {"d": {"const": 2}}}],
            "unevaluatedProperties": False,
        },
        {"a": 1, "b": [], "c": 1, "d": 2},
    ),
    "contains": (
        {
            "prefixItems": [{"type": "string"}, {"type": "integer"}],
            "contains": {"type": "object", "required": ["name"]},
            "minContains": 1,
            "maxContains": 2,
            "unevaluatedItems": {"type": "null"},
        },
        ["a", 1, {"name": "z"}, None],
    ),
    "conditions": (
        {
            "dependentRequired": {"voltage": ["current"], "current": ["voltage"]},
            "dependentSchemas": {"dose": {"required": ["voltage"], "properties": {"voltage": {"minimum": 1}}}},
            "if": {"properties": {"kind": {"const": "TEM"}}, "required": ["kind"]},
            "then": {"required": ["voltage"]},
            "else": {"not": {"required": ["dose"]}},
        },
        {"kind": "TEM", "voltage": 200, "current": 1.5, "dose": 3},
    ),
    "variants": (
        {
            "oneOf": [
                {
                    "properties": {"kind": {"const": "box"}, "size": {"type": "array", "items": {"type": "number"}}},
                    "required": ["kind", "size"],
                },
                {"properties": {"kind": {"const": "ball"}, "radius": {"type": "number"}}, "required": ["kind", "radius"]},
                {"type": "string"},
            ],
            "not": {"const": "none"},
        },
        {"kind": "box", "size": [1, 2.5]},
    ),
    "numbers": (
        {
            "items": {
                "anyOf": [
                    {"const": 0.1}, {"enum": [1, "1", True, None, [0.5], {"a": 1.0}]}, {"type": "integer", "minimum": 2**53},
                    {"type": "number", "exclusiveMaximum": -0.25}, {"type": "array", "uniqueItems": True, "minItems": 1},
                ]
            }
        },
        [0.1, 1, 1.0, "1", True, [0.5], {"a": 1}, 2**53 + 1, -1.5, [1, "1", 1.5]],
    ),
    "refs": (
        {
            "$ref": CORE,
            "required": ["axes"],
            "properties": {"tree": {"$ref": "#/$defs/tree"}},
            "unevaluatedProperties": False,
            "$defs": {"tree": {"type": "object", "additionalProperties": {"$ref": "#/$defs/tree"}}},
        },
        {"axes": ["z", "y"], "units": ["nanometer", "nanometer"], "voxel_size": [4, 2.5], "tree": {"a": {"b": {}}}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", USERS)
def test_one_verdict_with_the_reference_on_schemas_of_users(case: str) -> None:
    schema, sound = USERS[case]
    validator = make_validator(schema)
    assert validator.problems(sound) == []

    @settings(max_examples=120)
    @given(_mutated([sound]) | _JSON)
    def check(document: Any) -> None:
        verdict = validator.is_valid(document)
        assert verdict == reference(schema, document)
        assert bool(validator.problems(document)) == (not verdict)

    check()


@pytest.mark.parametrize("keyword", ["format", "contentEncoding", "contentMediaType"])
@pytest.mark.parametrize("value", ["uri", "uuid", "date-time", "regex", "email", "nobody", "base64", "application/json"])
def test_formats_are_remarks(keyword: str, value: str) -> None:
    schema: Any = {"properties": {"a": {keyword: value}}}
    for text in ("", "no such thing", "(", "%", 3):
        assert make_validator(schema).is_valid({"a": text})
        assert reference(schema, {"a": text})


def test_patterns_are_those_of_ecma() -> None:
    """Python's own differ: its `$` also stands before a line break at the end, its `\\d` is any digit of Unicode."""
    assert not make_validator({"pattern": "^a$"}).is_valid("a\n")
    assert not make_validator({"pattern": "^\\d$"}).is_valid("٣")
    assert make_validator({"pattern": "^\\p{L}+$"}).is_valid("Δ脳")
    assert make_validator({"pattern": "^.$"}).is_valid("\U0001f9e0")
    assert make_validator({"pattern": "b"}).is_valid("abc")


@pytest.mark.parametrize("text", ["\ud800", "a\udfff", "\udde0\ud83e"], ids=ascii)
def test_half_a_surrogate_pair_is_a_character_of_its_own(text: str) -> None:
    """JSON can hold them; they are not to be taken for each other, nor for a question mark."""
    schema: Any = {"items": {"const": text}, "uniqueItems": True}
    validator = make_validator(schema)
    assert validator.is_valid([text])
    for other in ("?", "\ufffd", "\ud801", text + "?", ""):
        (problem,) = validator.problems([other])
        assert problem.path == (0,)
        assert problem.expected == json.dumps(text, ensure_ascii=False)
        assert reference(schema, [other]) is False
    (problem,) = make_validator({"additionalProperties": {"type": "string"}}).problems({"ok": "a", text: 1})
    assert problem.path == (text,)
    (problem,) = make_validator({"properties": {"a": {}}, "additionalProperties": False}).problems({"a": 1, text: 1})
    assert problem.path == (text,)
    assert text in problem.message
    assert make_validator({"minProperties": 2}).is_valid(dict.fromkeys(["\ud800", "\ud801"], 1))


def test_literals_of_schemas_and_documents_are_numbers() -> None:
    schema = parse_json(b'{"minimum": 0.10, "maximum": 1e3, "multipleOf": 5.0e-1}', "")[0]
    validator = make_validator({"$ref": LAB + "b"}, [{"$id": LAB + "b", "items": schema}])
    assert validator.is_valid([ExactFloat("0.50"), ExactFloat("1E+3"), 1, 1.5])
    assert [problem.path for problem in validator.problems([ExactFloat("0.05"), 2000])] == [(0,), (0,), (1,)]
    numbers: Any = {"items": {"type": "number"}}
    for other in ({"not": numbers}, {"if": numbers, "then": False}):
        assert not make_validator(other).is_valid([ExactFloat("0.10")])
    assert make_validator({"uniqueItems": True}).problems([0.1, ExactFloat("0.10")])
    for literal in ("1e400", "-1e400", "1e999999999"):
        assert make_validator({"type": "number"}).is_valid(ExactFloat(literal))
    for value in (math.nan, math.inf):
        for kind in ("number", "integer", "null", "string"):
            (problem,) = make_validator({"items": {"type": kind}}).problems([value])
            assert problem.found == repr(value)


# --- problems ----------------------------------------------------------------------------------------------------------

INVALID = [file for file in FILES if file.parts[-2] == "invalid"]


@pytest.mark.parametrize("file", INVALID, ids=[str(file.relative_to(CASES)) for file in INVALID])
def test_problems_of_the_case(file: Path) -> None:
    validator = packaged_validator("/".join([*file.parts[-4:-2], file.name.partition("--")[0]]))
    document = parse(file.read_text("utf-8"))
    problems = validator.problems(document)
    assert problems
    assert len(problems) == len(set(problems))
    known = set(_places(document))
    for problem in problems:
        assert problem.path in known or problem.path[:-1] in known, "a missing key has the place that it should have"
        assert problem.message
        assert len(problem.message) <= 200
        assert "\n" not in problem.message
        missing = problem.path not in known
        assert missing == (" is missing" in problem.message)
        assert missing or problem.found or problem.path == ()
        named = (
            "the value" if problem.path == () else str([part for part in problem.path if isinstance(part, str)][-1:])[2:-2]
        )
        assert named in problem.message
        if "is wrong" in problem.message:
            assert problem.expected
            assert "{'" not in problem.expected


def problem_of(schema: Any, document: Any) -> tuple[tuple[str | int, ...], str, str, str]:
    (problem,) = make_validator(schema).problems(document)
    return tuple(problem)  # type: ignore[return-value]


_SCALE = {
    "properties": {"type": {"const": "scale"}, "scale": {"type": "array", "items": {"type": "number"}}},
    "required": ["type", "scale"],
}
_SHIFT = {
    "properties": {"type": {"const": "translation"}, "translation": {"type": "array", "items": {"type": "number"}}},
    "required": ["type", "translation"],
    "additionalProperties": False,
}
_IDENTITY = {"properties": {"type": {"enum": ["identity"]}}, "required": ["type"], "additionalProperties": False}
_PATH = {"properties": {"path": {"type": "string"}, "type": {"const": "scale"}}, "required": ["path", "type"]}
_TRANSFORM = {"items": {"oneOf": [_IDENTITY, _SHIFT, _SCALE]}}
_LENGTH = {"anyOf": [{"enum": ["nm", "um"]}, {"type": "array", "items": {"enum": ["nm", "um"]}}]}
_WORD = {"anyOf": [{"type": "string", "minLength": 1}, {"type": "array", "items": {"type": "string"}}, {"type": "null"}]}
_POINTS = {
    "anyOf": [
        {"items": {"required": ["x"], "type": "object"}, "type": "array"},
        {"items": {"items": {"type": "number"}, "type": "array"}, "type": "array"},
    ]
}
#: Schema, document, and the one place that is told, with what is expected there and what is found.
UNIONS: dict[str, tuple[Any, Any, tuple[str | int, ...], str, str]] = {
    "a number where a unit may stand": (_LENGTH, 3, (), 'one of "nm", "um", or a list', "3"),
    "a number where text, a list or nothing may stand": (_WORD, 3, (), "a string, or a list, or null", "3"),
    "a wrong unit": (_LENGTH, "meters", (), 'one of "nm", "um"', '"meters"'),
    "a wrong unit in a list": (_LENGTH, ["nm", "meters"], (1,), 'one of "nm", "um"', '"meters"'),
    "a number in a list of units": (_WORD, ["nm", 3], (1,), "a string", "3"),
    "empty text": (_WORD, "", (), "at least 1 character", '""'),
    "a string in a scale": (_TRANSFORM, [{"type": "scale", "scale": [1, "2"]}], (0, "scale", 1), "a number", '"2"'),
    "a string in a translation": (
        _TRANSFORM, [{"type": "translation", "translation": ["2"]}], (0, "translation", 0), "a number", '"2"',
    ),
    "text for a scale": (_TRANSFORM, [{"type": "scale", "scale": "2"}], (0, "scale"), "a list", '"2"'),
    "no scale": (_TRANSFORM, [{"type": "scale"}], (0, "scale"), "", ""),
    "a key too many": (_TRANSFORM, [{"type": "identity", "scale": [1]}], (0, "scale"), "", "[1]"),
    "no such type": (_TRANSFORM, [{"type": "affine"}], (0, "type"), '"identity", or "translation", or "scale"', '"affine"'),
    "two variants of a type": ({"anyOf": [_SCALE, _PATH, _SHIFT]}, {"type": "scale", "path": 3}, ("path",), "a string", "3"),
    "deep in the second": (_POINTS, [[1, 2], [3, "4"]], (1, 1), "a number", '"4"'),
    "a union in a union": ({"anyOf": [{"type": "null"}, _LENGTH]}, ["mm"], (0,), 'one of "nm", "um"', '"mm"'),
    "another type in a union in a union": (
        {"anyOf": [{"type": "null"}, _LENGTH]}, True, (), 'null, or one of "nm", "um", or a list', "true",
    ),
    "optional": ({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "null"}]}, -1, (), "more than 0", "-1"),
    "this or that key": ({"anyOf": [{"required": ["a"]}, {"required": ["b"]}]}, {"c": 1}, (), "", ""),
    "two ranges": ({"anyOf": [{"maximum": 1}, {"minimum": 5}]}, 3, (), "at most 1, or at least 5", "3"),
    "two at once": ({"oneOf": [{"type": "number"}, {"minimum": 5}]}, 7, (), "", "7"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNIONS)
def test_of_a_union_the_likeliest_error_is_told(case: str) -> None:
    schema, document, path, expected, found = UNIONS[case]
    at, message, *rest = problem_of({"properties": {"u": schema}}, {"u": document})
    assert "`" in message
    assert at == ("u", *path)
    assert rest == [expected, found or ("" if expected or path else '{"c": 1}')]


def test_a_list_beside_unions_is_told_once() -> None:
    document: Any = {
        "t": [{"type": "scale", "scale": ["1"]}, {"type": "translation", "translation": ["2"]}, {"type": "identity"}]
    }
    schema: Any = {"properties": {"t": _TRANSFORM}}
    problems = make_validator(schema).problems(document)
    assert [problem.path for problem in problems] == [("t", 0, "scale", 0), ("t", 1, "translation", 0)]


#: Schema of a value, the value, and what is expected in its place.
VALUES: dict[str, tuple[Any, Any, str]] = {
    "type": ({"type": "integer"}, 0.5, "a whole number"),
    "types": ({"type": ["null", "string", "number"]}, [], "a number, a string or null"),
    "const": ({"const": 1.5}, 2, "1.5"),
    "enum of one": ({"enum": ["x"]}, "y", '"x"'),
    "enum of many": ({"enum": [*range(20)]}, 99, "one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, …"),
    "pattern": ({"pattern": "^x"}, "y", "text that matches ^x"),
    "no pattern": ({"not": {"pattern": "^x"}}, "x", "text that does not match ^x"),
    "no line break": ({"not": {"type": "string", "pattern": "\\n"}}, "x\n", "text without a line break"),
    "not const": ({"not": {"const": 1}}, 1, "anything but 1"),
    "not enum": ({"not": {"enum": [1, 2]}}, 1, "anything but one of 1, 2"),
    "not what a ref says": ({"not": {"$ref": "#/$defs/one"}}, 1, "anything but 1"),
    "not, otherwise": ({"not": {"type": "object"}}, {}, 'what does not fit {"type": "object"}'),
    "minimum": ({"minimum": 3}, 1, "at least 3"),
    "exclusiveMaximum": ({"exclusiveMaximum": 0.5}, 0.5, "less than 0.5"),
    "one of something": ({"minItems": 1}, [], "at least 1 item"),
    "two of something": ({"maxLength": 2}, "xyz", "at most 2 characters"),
    "multipleOf": ({"multipleOf": 4}, 5, "a multiple of 4"),
    "uniqueItems": ({"uniqueItems": True}, [1, 1], "items that differ from each other"),
    "contains": ({"contains": {"$ref": "#/$defs/one"}}, [2], "at least 1 item: The one"),
    "contains two": ({"contains": {"const": 1}, "minContains": 2}, [1], 'at least 2 items that fit {"const": 1}'),
    "contains too many": ({"contains": {"const": 1}, "maxContains": 2}, [1, 1, 1], 'at most 2 items that fit {"const": 1}'),
}


@pytest.mark.parametrize("ident", [{}, {"$id": LAB + "a"}], ids=["nameless", "named"])
@pytest.mark.parametrize("case", VALUES)
def test_words_for_a_value(case: str, ident: dict[str, Any]) -> None:
    schema, value, expected = VALUES[case]
    whole = {**ident, "properties": {"a": schema}, "$defs": {"one": {"const": 1, "description": "The one."}}}
    assert problem_of(whole, {"a": value}) == (("a",), "`a` is wrong", expected, json.dumps(value))
    whole = {**ident, "items": {"items": {"$ref": "#/$defs/a"}}, "$defs": {"a": schema, **whole["$defs"]}}
    assert problem_of(whole, [[], [value]]) == ((1, 0), "item 0 is wrong", expected, json.dumps(value))


_CLOSED: Any = {"properties": {"a": {}}, "additionalProperties": False}
#: Schema, document, path, message, expected, found.
WORDS: dict[str, tuple[Any, Any, tuple[str | int, ...], str, str, str]] = {
    "missing": ({"required": ["a"]}, {}, ("a",), "`a` is missing", "", ""),
    "missing beside": ({"dependentRequired": {"b": ["a"]}}, {"b": 1}, ("a",), "`a` is missing beside `b`", "", ""),
    "missing in what is named by a number": (
        {"properties": {"1": {"required": ["2"]}}}, {"1": {}}, ("1", "2"), "`2` is missing", "", "",
    ),
    "root": ({"type": "object"}, 3, (), "the value is wrong", "an object {…}", "3"),
    "nothing fits": ({"allOf": [False]}, {"a": 1}, (), "the value may not stand here", "", ""),
    "no such key": ({"properties": {"a": False}}, {"a": 1}, ("a",), "`a` may not stand here", "", "1"),
    "a key too many": (_CLOSED, {"a": 1, "b": 2}, ("b",), "`b` is not a key of this schema", "", "2"),
    "keys too many": (
        {"properties": {"x": {"properties": {"a": {}}, "unevaluatedProperties": False}}}, {"x": {"b": 2, "c": 3}},
        ("x",), "`b`, `c` are not keys of this schema", "", '{"b": 2, "c": 3}',
    ),
    "no keys at all": (
        {"properties": {"x": {"additionalProperties": False}}}, {"x": {"b": 2}},
        ("x", "b"), "`b` is not a key of this schema", "", "2",
    ),
    "an item too many": (
        {"properties": {"a": {"prefixItems": [{}], "items": False}}}, {"a": [1, 2]},
        ("a", 1), "`a[1]` may not stand here", "", "2",
    ),
    "items too many": (
        {"properties": {"a": {"prefixItems": [{}], "unevaluatedItems": False}}}, {"a": [1, 2]},
        ("a",), "`a` has items too many", "", "[1, 2]",
    ),
    "name": (
        {"propertyNames": {"pattern": "^x"}}, {"y": 1},
        ("y",), "`y` is not a name that a key may have here", "text that matches ^x", "1",
    ),
    "key that is a number": (
        {"properties": {"0": {"items": {"type": "string"}}}}, {"0": [1]}, ("0", 0), "`0[0]` is wrong", "a string", "1",
    ),
    "key with zeros": (
        {"additionalProperties": {"type": "string"}}, {"x": "", "007": 1}, ("007",), "`007` is wrong", "a string", "1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WORDS)
def test_words(case: str) -> None:
    schema, document, *wanted = WORDS[case]
    assert list(problem_of(schema, document)) == wanted


def test_a_key_is_not_called_unknown_because_something_else_is_wrong() -> None:
    """What failed evaluates nothing, so all its keys count as unevaluated; that says nothing."""
    part: Any = {"properties": {"a": {"type": "string"}, "b": True}}
    schema: Any = {"allOf": [part], "unevaluatedProperties": False}
    assert problem_of(schema, {"a": 1, "b": 2})[0] == ("a",)
    assert problem_of(schema, {"a": "x", "b": 2, "c": 3})[0] == ("c",)
    schema = {"allOf": [{**part, "required": ["a"]}], "unevaluatedProperties": False}
    assert problem_of(schema, {"b": 1})[0] == ("a",)
    own = make_validator({**part, "unevaluatedProperties": False}).problems({"a": 1, "c": 2})
    assert [problem.path for problem in own] == [("a",), ("c",)]


def test_findings_have_pointers_into_the_document() -> None:
    validator = make_validator({"properties": {"a/b": {"items": {"type": "string"}}}})
    (finding,) = validate(validator, {"a/b": ["x", 1]}, code="ZM102", file="f", at="/attributes", label="lab", hint="look")
    assert str(finding) == ("error ZM102: lab: `a/b[1]` is wrong (expected a string) (found 1) [f /attributes/a~1b/1]; look")


# --- what is hostile ---------------------------------------------------------------------------------------------------


@contextmanager
def within(seconds: float) -> Iterator[None]:
    start = time.process_time()
    yield
    assert time.process_time() - start < seconds


PATTERNS = [
    "^(a+)+$", "^(a|a)*$", "(.*)*x", "^(a|aa)+$", r"(a*)*\1b", r"^(?=(a+)+$)(a+)\2b$", r"^(?:(a+)+(?!b))+$",
    "^(([a-z])+.)+[A-Z]([a-z])+$", r"(?<!x)(a|a)*\1$", r"(?<!x)(a|a)*\\1$", "(?=([ab]*a[ab]{30}c))",
]  # fmt: skip


def _value(**schema: Any) -> tuple[Any, Any]:
    """A schema of the values of an object, and an object with such a value."""
    return {"additionalProperties": schema}, {"a": ...}


#: Ways to use a pattern `...`, each with a document that holds a text `...` against it.
USES: dict[str, tuple[Any, Any]] = {
    "pattern": _value(pattern=...),
    "not": _value(**{"not": {"pattern": ...}}),
    "if": _value(**{"if": {"pattern": ...}, "then": False}),
    "anyOf": _value(anyOf=[{"pattern": ...}, {"const": 1}]),
    "contains": ({"additionalProperties": {"contains": {"pattern": ...}, "minContains": 0, "maxContains": 0}}, {"a": [...]}),
    "items": ({"additionalProperties": {"items": {"pattern": ...}}}, {"a": [...] * 50}),
    "patternProperties": ({"patternProperties": {...: False}}, {...: 1}),
    "additionalProperties": ({"patternProperties": {...: True}, "additionalProperties": False}, {...: 1}),
    "unevaluatedProperties": ({"patternProperties": {...: True}, "unevaluatedProperties": {"type": "null"}}, {...: 1}),
    "propertyNames": ({"propertyNames": {"pattern": ...}}, {...: 1}),
    "no propertyNames": ({"propertyNames": {"not": {"pattern": ...}}}, {...: 1}),
}


def _filled(value: Any, text: str) -> Any:
    if isinstance(value, dict):
        return {text if key is ... else key: _filled(item, text) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, text) for item in value]
    return text if value is ... else value


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("text", ["a" * 40 + "!", "a" * 5000 + "!", "a" * 10**6], ids=["short", "long", "huge"])
def test_a_catastrophic_pattern_ends(pattern: str, use: str, text: str) -> None:
    schema, document = USES[use]
    validator = make_validator(_filled(schema, pattern))
    document = _filled(document, text)
    with within(2):
        verdict = validator.is_valid(document)
        problems = validator.problems(document)
    told = len(problems)
    assert bool(told) == (not verdict)
    most = max((len(problem.message) + len(problem.expected) + len(problem.found) for problem in problems), default=0)
    assert most < 2000


@pytest.mark.parametrize("use", USES)
def test_what_is_given_up_is_a_finding_and_never_valid(use: str) -> None:
    """Also where a pattern that does not match would make a document valid."""
    schema, document = USES[use]
    validator = make_validator(_filled(schema, r"(a*)*\1b"))
    (problem,) = validator.problems(_filled(document, "a" * 600))
    assert "cannot be judged" in problem.message
    assert "a simpler `pattern`" in problem.expected
    huge: Any = dict.fromkeys(map(str, range(10**5)), "a")
    for many in (_filled(document, "a" * 10**5), huge):
        (problem,) = validator.problems(many)
        assert problem.message.startswith("the value cannot be judged: the look-around")
        assert not validator.is_valid(many)


def deep(levels: int, key: str = "") -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {key: value} if key else [value]
    return value


_TREE: Any = {"items": {"$ref": "#"}, "additionalProperties": {"$ref": "#"}, "type": ["array", "object"]}


@pytest.mark.parametrize("key", ["", "a"], ids=["lists", "objects"])
@pytest.mark.parametrize("levels", [100, 400, 1000, 100_000])
def test_deep_documents(levels: int, key: str) -> None:
    results: list[Any] = []

    def judge() -> None:
        for validator in (make_validator(_TREE), make_validator({"type": "string"}), make_validator({"const": deep(50)})):
            results.append((validator.is_valid(deep(levels, key)), validator.problems(deep(levels, key))))

    size = threading.stack_size(1024 * 1024)
    thread = threading.Thread(target=judge)
    thread.start()
    thread.join()
    threading.stack_size(size)
    assert [verdict for verdict, _ in results] == [False] * 3
    (problem,) = results[0][1]
    if levels <= 400:
        assert len(problem.path) == levels
    else:
        assert problem[:2] == ((), "the value cannot be judged: it is nested too deeply")
    endless: Any = []
    endless.append(endless)
    assert not make_validator({}).is_valid(endless)


@pytest.mark.parametrize("keyword", ["not", "items", "additionalProperties", "$defs", "const", "examples"])
@pytest.mark.parametrize("levels", [50, 400, 1000, 100_000])
def test_deep_schemas(levels: int, keyword: str) -> None:
    schema: Any = deep(levels, "a") if keyword in ("const", "examples") else {}
    if keyword in ("const", "examples"):
        schema = {keyword: schema if keyword == "const" else [schema]}
    else:
        for _ in range(levels):
            schema = {"$defs": {"a": schema}} if keyword == "$defs" else {keyword: schema}
    cases: list[tuple[Any, list[Any]]] = [(schema, []), ({"$ref": LAB + "b"}, [{**schema, "$id": LAB + "b"}])]
    for root, extra in cases:
        if levels == 50:
            make_validator(root, extra).problems([1])
        else:
            with pytest.raises(SchemaError, match="nested too deeply"):
                make_validator(root, extra)


def test_huge_documents() -> None:
    many: Any = {"items": {"type": "string"}, "additionalProperties": {"type": "string"}}
    schemas: list[Any] = [
        many,
        {"required": [f"k{number}" for number in range(100)], "type": "array"},
        {"anyOf": [{"required": [f"k{number}"]} for number in range(5)]},
        {"pattern": "^y"},
        {"not": {}},
        {"additionalProperties": False},
    ]
    documents: list[Any] = [[1] * 10**6, dict.fromkeys(map(str, range(10**5)), 1), "x" * 10**6, {"a": "x" * 10**6}]
    for document in documents:
        for schema in schemas:
            validator = make_validator(schema)
            with within(3):
                problems = validator.problems(document)
            told = len(problems)
            assert told <= 100
            assert bool(told) == (not validator.is_valid(document))
            assert all(len(problem.message) + len(problem.expected) + len(problem.found) < 2000 for problem in problems)
    validator = make_validator(many)
    with within(2):
        told = len(validator.problems([1] * 5000))
    assert told == 100, "so many are told, of a document of an ordinary size"


def test_what_is_no_json_is_no_crash() -> None:
    values: list[Any] = [{1: 2}, {"a": b"x"}, {"a": object()}, [{1, 2}], 10**5000, {"a": [10**5000]}, [(1, 2)]]
    text: Any = {"type": "string"}
    for value in values:
        for schema in (text, {"properties": {"a": {"items": text}}, "items": text}):
            validator = make_validator(schema)
            assert bool(validator.problems(value)) == (not validator.is_valid(value))


# --- the pydantic model and the schema of the core keys say the same ---------------------------------------------------

_NUMBER = st.one_of(st.integers(-3, 9), st.floats(-3, 9), st.booleans(), st.text(max_size=2), st.none())
_UNIT = st.sampled_from(["", "nanometer", "nm", "second", "micron", "Nanometer", None, 3, *list(SPACE)[:3], *list(TIME)[:3]])
_TEXT = st.one_of(st.sampled_from(["z", "y", "x", "c", "", "space", "channel"]), st.none(), st.integers(0, 2))
_CORE = st.fixed_dictionaries(
    {},
    optional={
        "axes": st.one_of(st.lists(_TEXT, max_size=4), _TEXT),
        "types": st.one_of(st.lists(_TEXT, max_size=4), _TEXT),
        "units": st.one_of(st.lists(_UNIT, max_size=3), _UNIT),
        "voxel_size": st.one_of(st.lists(_NUMBER, max_size=3), _NUMBER),
        "offset": st.one_of(st.lists(_NUMBER, max_size=3), _NUMBER),
    },
)


@settings(max_examples=1500, deadline=None, derandomize=True)
@given(_CORE)
def test_model_and_schema_are_of_one_verdict(core: Any) -> None:
    by_schema = packaged_validator("zmeta/1.0/core").is_valid(core)
    assert (check_core(core) == []) == by_schema


@pytest.mark.parametrize(
    "file",
    [f for f in FILES if "/zmeta/1.0/" in f.as_posix() and "not-an-object" not in f.name],
    ids=lambda file: f"{file.parts[-2]}/{file.name}",
)
def test_model_and_schema_agree_on_the_cases(file: Path) -> None:
    document = parse(file.read_text("utf-8"))
    core = {key: value for key, value in document.items() if key in CoreMetadata.model_fields}
    assert (check_core(core) == []) == packaged_validator("zmeta/1.0/core").is_valid(core)


def test_the_model_has_the_properties_of_the_schema() -> None:
    properties = load_schema("zmeta/1.0/core")["properties"]
    assert isinstance(properties, dict)
    assert set(CoreMetadata.model_fields) == set(properties) - {"zarr_conventions"}
