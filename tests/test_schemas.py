"""Schemas: sound, offline, and of one verdict with the cases in `data/conventions` and with the pydantic model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from zmeta.canonical.units import SPACE, TIME
from zmeta.errors import SchemaError
from zmeta.payload import CoreMetadata, check_core
from zmeta.schema.catalog import BASE, SchemaName, find_schema, list_schemas, load_schema, schema_text
from zmeta.schema.refs import check_refs
from zmeta.schema.validate import make_validator, packaged_validator, validate

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
    assert [list(validator.iter_errors(example)) for example in examples] == [[]] * len(examples)


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


@pytest.mark.parametrize(
    "ref",
    [
        "https://example.org/schema.json",
        "http://127.0.0.1:9/schema.json",
        "file:///etc/passwd",
        BASE + "nobody/1/array.schema.json",
        BASE + "../../../etc/passwd",
        "#/$defs/nothing",
    ],
)
def test_a_ref_out_of_the_catalog_is_an_error_that_names_it(ref: str) -> None:
    validator = make_validator({"properties": {"a": {"$ref": ref}}})
    with pytest.raises(SchemaError, match="not in the catalog") as caught:
        validate(validator, {"a": 1}, code="ZM102", file="")
    assert ref.rpartition("#")[0] in caught.value.found or ref in caught.value.found


def test_another_dialect_is_an_error() -> None:
    with pytest.raises(SchemaError, match="another dialect"):
        make_validator({"$schema": "http://json-schema.org/draft-07/schema#"})


def test_a_schema_without_an_end_is_an_error() -> None:
    validator = make_validator({"$id": "https://lab.example/loop", "$ref": "https://lab.example/loop"})
    with pytest.raises(SchemaError, match="without an end"):
        validate(validator, {}, code="ZM102", file="")


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
