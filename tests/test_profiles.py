"""Profiles and the settings that bind them."""

from __future__ import annotations

import copy
import json
import multiprocessing
import pickle
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pytest
import zarr
from funlib.geometry import Coordinate, Roi
from pydantic import BaseModel, ConfigDict, Field, field_validator

from zmeta import (
    ArrayIdentifier,
    Config,
    ConfigError,
    DocumentError,
    MetadataError,
    Profile,
    SchemaError,
    ZarrArray,
    add_metadata,
    load_config,
)
from zmeta.config import parse_config
from zmeta.jsondoc import parse_json

CORE = "https://zmeta.github.io/zmeta/schemas/zmeta/1.0/core.schema.json"
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://lab.example/em.schema.json",
    "title": "em",
    "version": "2.1",
    "type": "object",
    "properties": {
        "axes": {"$ref": f"{CORE}#/$defs/axes", "const": ["z", "y", "x"]},
        "units": {"items": {"const": "nanometer"}},
        "voxel_size": True,
        "stain": {"enum": ["OTO", "rOTO"]},
        "acquired": {"type": "object", "properties": {"by": {"type": "string"}}, "additionalProperties": False},
    },
    "required": ["axes", "units", "voxel_size", "stain"],
    "additionalProperties": False,
}
SOUND: dict[str, Any] = {"axes": ["z", "y", "x"], "units": ["nanometer"] * 3, "voxel_size": [40, 4, 4], "offset": [0, 0, 0]}


def make(folder: Path, attributes: dict[str, Any] | None = None, name: str = "raw") -> Path:
    path = folder / "c.zarr" / name
    zarr.create_group(folder / "c.zarr", overwrite=True)
    zarr.create_array(path, shape=(4, 4, 4), dtype="uint8", attributes=attributes or {})
    return path


def attributes_of(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((path / "zarr.json").read_text())["attributes"]
    return found


def places(error: pytest.ExceptionInfo[MetadataError]) -> set[str]:
    assert {finding.code for finding in error.value.findings} == {"ZM102"}
    return {finding.pointer for finding in error.value.findings}


def profile(**changes: Any) -> Profile:
    return Profile("em", "2.1", {**SCHEMA, **changes})


def test_a_sound_array_fits(tmp_path: Path) -> None:
    path = make(tmp_path)
    add_metadata(path, {**SOUND, "stain": "OTO", "acquired": {"by": "Ada"}}, profiles=[profile()], config=Config())
    assert attributes_of(path)["stain"] == "OTO"


@pytest.mark.parametrize(
    ("payload", "where"),
    [
        ({**SOUND}, {"/attributes/stain"}),
        ({**SOUND, "stain": "none"}, {"/attributes/stain"}),
        ({**SOUND, "stain": "OTO", "other": 1}, {"/attributes/other"}),
        ({**SOUND, "stain": "OTO", "acquired": {"by": 1}}, {"/attributes/acquired/by"}),
        ({**SOUND, "axes": ["x", "y", "z"], "stain": "OTO"}, {"/attributes/axes"}),
        ({**SOUND, "units": ["micrometer", "nanometer", "nanometer"], "stain": "OTO"}, {"/attributes/units/0"}),
        ({"axes": ["z", "y", "x"], "stain": "OTO"}, {"/attributes/units", "/attributes/voxel_size"}),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, payload: dict[str, Any], where: set[str]) -> None:
    path = make(tmp_path, {"kept": 1} if "other" not in payload else {})
    before = (path / "zarr.json").read_bytes()
    schema = {key: value for key, value in SCHEMA.items() if key != "additionalProperties" or "other" in payload}
    with pytest.raises(MetadataError, match=r"em@2\.1") as error:
        add_metadata(path, payload, profiles=[Profile("em", "2.1", schema)], config=Config())
    assert places(error) == where
    assert (path / "zarr.json").read_bytes() == before


def test_a_profile_sees_any_convention_in_the_terms_of_zmeta(tmp_path: Path) -> None:
    schema: dict[str, Any] = {
        "properties": {"axes": {"const": ["z", "y", "x"]}, "voxel_size": {"const": [40, 4, 4]}},
        "required": ["axes"],
    }
    closed = Profile("p", "1", {**schema, "additionalProperties": False})
    path = make(tmp_path, {"resolution": [40, 4, 4], "offset": [0, 0, 0]})
    add_metadata(path, {"offset": [8, 0, 0]}, profiles=[closed], config=Config())
    with pytest.raises(MetadataError, match="p@1") as error:
        add_metadata(path, {"voxel_size": [8, 8, 8]}, profiles=[closed], config=Config())
    assert places(error) == {"/attributes/voxel_size"}
    with pytest.raises(MetadataError, match="p@1"):
        add_metadata(path, {"stain": "OTO"}, profiles=[closed], config=Config())


def test_a_profile_may_refer_to_the_whole_core_schema(tmp_path: Path) -> None:
    schema: dict[str, Any] = {
        "$ref": CORE,
        "required": ["axes", "stain"],
        "properties": {"stain": True},
        "unevaluatedProperties": False,
    }
    path = make(tmp_path)
    with pytest.raises(MetadataError, match="whole@1"):
        add_metadata(path, {**SOUND, "stain": 1, "more": 2}, profiles=[Profile("whole", "1", schema)], config=Config())
    add_metadata(path, {**SOUND, "stain": 1}, profiles=[Profile("whole", "1", schema)], config=Config())
    assert Profile("whole", "1", schema).names() == {"axes", "types", "units", "voxel_size", "offset", "stain"}


def test_a_profile_names_a_key_that_looks_misspelt(tmp_path: Path) -> None:
    path = make(tmp_path)
    with pytest.raises(MetadataError, match="looks like"):
        add_metadata(path, {"unit": "nanometer"}, config=Config())
    named = Profile("p", "1", {"properties": {"unit": {"type": "string"}}}, match=("*",))
    add_metadata(path, {"unit": "nanometer"}, profiles=[named], config=Config())


class Em(BaseModel):
    """A lab's layout."""

    model_config = ConfigDict(extra="forbid")

    stain: Literal["OTO", "rOTO"]
    dose: Annotated[float, Field(gt=0)] | None = None

    @field_validator("dose")
    @classmethod
    def not_too_much(cls, dose: float | None) -> float | None:
        if dose is not None and dose > 100:
            raise ValueError("the dose burns the sample")
        return dose


@pytest.mark.parametrize(
    ("payload", "place"),
    [
        ({"stain": "none"}, "/attributes/stain"),
        ({"stain": "OTO", "dose": 1000.0}, "/attributes/dose"),
        ({"stain": "OTO", "other": 1}, "/attributes/other"),
        ({}, "/attributes/stain"),
        ({"stain": "OTO", "dose": "3"}, "/attributes/dose"),
    ],
)
def test_a_model_is_a_profile_with_its_validators(tmp_path: Path, payload: dict[str, Any], place: str) -> None:
    path = make(tmp_path)
    with pytest.raises(MetadataError, match=r"Em@1\.0") as error:
        add_metadata(path, {**SOUND, **payload}, profiles=[Profile.from_model(Em)], config=Config())
    assert places(error) == {place}
    add_metadata(path, {**SOUND, "stain": "OTO", "dose": 3.5}, profiles=[Profile.from_model(Em)], config=Config())


def test_creating_enforces_profiles_and_leaves_nothing_behind(tmp_path: Path) -> None:
    identifier = ArrayIdentifier(container=tmp_path / "new.zarr", dataset="raw")

    def create(**attributes: Any) -> ZarrArray:
        return ZarrArray.create_from_array_identifier(
            identifier, ["z", "y", "x"], Roi((0, 0, 0), (40, 40, 40)), None, Coordinate(4, 4, 4), "uint8",
            units="nanometer", attributes=attributes, profiles=[Profile.from_model(Em)], config=Config(),
        )  # fmt: skip

    with pytest.raises(MetadataError, match=r"Em@1\.0"):
        create(stain="none")
    assert not (tmp_path / "new.zarr").exists()
    assert create(stain="OTO").attrs["stain"] == "OTO"


# --- binding ----------------------------------------------------------------------------------------------------------


def write_config(folder: Path, text: str, schema: dict[str, Any] | None = None) -> Config:
    (folder / "em.schema.json").write_text(json.dumps(SCHEMA if schema is None else schema))
    (folder / "zmeta.toml").write_text(text)
    return load_config(str(folder))


def test_a_glob_binds(tmp_path: Path) -> None:
    config = write_config(tmp_path, '[[profile]]\nschema = "em.schema.json"\nmatch = ["*/raw"]\n')
    assert [(bound.name, bound.version) for bound in config.profiles] == [("em", "2.1")]
    raw = make(tmp_path)
    with pytest.raises(MetadataError, match=r"em@2\.1"):
        add_metadata(raw, SOUND, config=config)
    add_metadata(raw, {**SOUND, "stain": "OTO"}, config=config)
    add_metadata(make(tmp_path, name="labels"), SOUND, config=config)


@pytest.mark.parametrize("entry", [{"schema_url": SCHEMA["$id"]}, {"uuid": "0f4d6a1e-6b1b-4a54-9a1a-0d1b7d3f2c11"}])
def test_a_declaration_binds(tmp_path: Path, entry: dict[str, Any]) -> None:
    text = '[[profile]]\nschema = "em.schema.json"\nuuid = "0f4d6a1e-6b1b-4a54-9a1a-0d1b7d3f2c11"\nmatch = []\n'
    config = write_config(tmp_path, text, {**SCHEMA, "additionalProperties": True})
    path = make(tmp_path, {"zarr_conventions": [{**entry, "name": "em"}]})
    with pytest.raises(MetadataError, match=r"em@2\.1"):
        add_metadata(path, SOUND, config=config)
    add_metadata(path, {**SOUND, "stain": "OTO"}, config=config)
    entries = attributes_of(path)["zarr_conventions"]
    assert entries[0] == {**entry, "name": "em"}, "the declaration of others stays"
    assert len(entries) == 2
    add_metadata(make(tmp_path, name="free"), SOUND, config=config)


def test_settings_are_found_in_the_working_directory_and_above(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text('[tool.zmeta]\nworld_unit = "picometer"\n')
    monkeypatch.chdir(below)
    assert load_config().world_unit == ("picometer",)
    make(tmp_path, {"axes": ["z", "y", "x"], "types": ["space"] * 3, "units": ["nanometer"] * 3, "voxel_size": [5.24, 4, 4]})
    array = ZarrArray.open_from_array_identifier(ArrayIdentifier(container=tmp_path / "c.zarr", dataset="raw"))
    assert array.voxel_size == Coordinate(5240, 4000, 4000)
    below = tmp_path / "other"
    below.mkdir()
    (below / "pyproject.toml").write_text("[tool.other]\n")
    (below / "zmeta.toml").write_text('ome_anchor = "centre"\n[[override]]\nmatch = ["*/lab/*"]\nome_anchor = "corner"\n')
    config = load_config(str(below))
    assert config.ome_anchor == "centre"
    assert config.for_path("/data/lab/raw").ome_anchor == "corner"
    assert config.for_path("/data/other/raw").ome_anchor == "centre"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("world_units = 1\n", "no setting `world_units`"),
        ('ome_anchor = "center"\n', "corner or centre"),
        ('convention = "nobody"\n', "no such convention"),
        ('mirror = ["xyz"]\n', "no such convention"),
        ("world_unit = 3\n", "list of strings"),
        ('world_unit = "nm"\n', "world unit is not known"),
        ("profile = 3\n", "tables"),
        ("[[profile]]\nname = 'x'\n", "profile"),
        ("not toml", "not TOML"),
    ],
)
def test_wrong_settings_are_errors_that_name_the_file(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        write_config(tmp_path, text)
    assert "zmeta.toml" in str(error.value)


def test_wrong_schemas_are_errors(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="not valid"):
        Profile("p", "1", {"type": "nothing"})
    with pytest.raises(SchemaError, match="no such schema file"):
        write_config(tmp_path, '[[profile]]\nschema = "absent.json"\n')
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(DocumentError, match="not JSON"):
        Profile.from_file(tmp_path / "broken.json")
    with pytest.raises(SchemaError, match="not in the catalog") as error:
        Profile("p", "1", {"properties": {"a": {"$ref": "https://lab.example/absent.json"}}})
    assert (error.value.found, error.value.where) == ("https://lab.example/absent.json", "p@1")
    with pytest.raises(SchemaError, match="without an end"):
        Profile("p", "1", {"$ref": "#"})
    with pytest.raises(SchemaError, match="the same `\\$id`"):
        Profile("p", "1", {"$ref": CORE}, extra=({"$id": CORE},))


def test_schemas_of_a_lab_may_refer_to_each_other(tmp_path: Path) -> None:
    (tmp_path / "person.json").write_text(json.dumps({"$id": "https://lab.example/person.json", "type": "string"}))
    text = 'schemas = ["person.json"]\n[[profile]]\nschema = "em.schema.json"\nmatch = ["*"]\n'
    config = write_config(tmp_path, text, {"properties": {"by": {"$ref": "https://lab.example/person.json"}}})
    assert [finding.pointer for finding in config.profiles[0].check({"by": 3}, {})] == ["/by"]
    assert config.profiles[0].check({"by": "Ada"}, {}) == []


def test_schemas_of_a_lab_must_be_sound_where_they_are_used(tmp_path: Path) -> None:
    text = 'schemas = ["person.json"]\n[[profile]]\nschema = "em.schema.json"\nmatch = ["*"]\n'
    for broken, message in (({"type": "text"}, "not valid at /type"), ({"$ref": "urn:absent"}, "not in the catalog")):
        (tmp_path / "person.json").write_text(json.dumps({"$id": "https://lab.example/person.json", **broken}))
        with pytest.raises(SchemaError, match=message) as error:
            write_config(tmp_path, text, {"properties": {"by": {"$ref": "https://lab.example/person.json"}}})
        assert error.value.where.endswith(("/person.json", "/em.schema.json"))


# --- to other processes -------------------------------------------------------------------------------------------------


def profiles() -> list[Profile]:
    exact = parse_json(b'{"properties": {"dose": {"minimum": 0.10, "maximum": 1e3}}, "required": ["dose"]}', "")[0]
    person: Any = {"$id": "https://lab.example/person.json", "type": "string", "pattern": "^(?!x)"}
    return [
        profile(),
        Profile("exact", "1", exact, ("*/raw", "*/s0"), "0f4d6a1e-6b1b-4a54-9a1a-0d1b7d3f2c11", source="/lab/exact.json"),
        Profile("by", "2", {"properties": {"by": {"$ref": person["$id"]}}, "required": ["by"]}, extra=(person,)),
        Profile.from_model(Em),
    ]


@pytest.mark.parametrize("used", [False, True])
@pytest.mark.parametrize("number", range(4))
def test_a_profile_survives_pickle_and_copy(number: int, used: bool) -> None:
    before = profiles()[number]
    custom: Any = {"stain": "none", "dose": 0.05, "by": "x", "other": 1}
    found = before.check(custom, SOUND) if used else []
    for after in (
        *[pickle.loads(pickle.dumps(before, level)) for level in range(6)],
        copy.copy(before),
        copy.deepcopy(before),
    ):
        assert after == before
        assert (after.id, after.match, after.uuid, after.source, after.model) == (
            before.id, before.match, before.uuid, before.source, before.model,
        )  # fmt: skip
        assert after.names() == before.names()
        assert after.check(custom, SOUND) == (found if used else before.check(custom, SOUND))
        assert after.check(custom, SOUND)
    assert pickle.loads(pickle.dumps(before)) != replace(before, version="0")


def _codes(bound: Profile) -> list[str]:
    return [finding.code for finding in bound.check({"stain": "none"}, {})]


def test_a_profile_goes_to_worker_processes() -> None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert list(pool.map(_codes, profiles())) == [_codes(bound) for bound in profiles()]


# --- what is hostile ----------------------------------------------------------------------------------------------------

HOSTILE: dict[str, Any] = {
    "nested": {"properties": {"a": {"pattern": "^(a+)+$"}}},
    "alternatives": {"properties": {"a": {"pattern": "^(a|a)*$"}}},
    "dots": {"properties": {"a": {"pattern": "(.*)*x"}}},
    "back-reference": {"properties": {"a": {"pattern": r"(a*)*\1b"}}},
    "look-ahead": {"properties": {"a": {"pattern": r"^(?=(a+)+$)(a+)\1b$"}}},
    "not": {"properties": {"a": {"not": {"pattern": r"(a*)*\1b"}}}},
    "keys": {"patternProperties": {r"(a*)*\1b": {"type": "null"}}},
    "names": {"propertyNames": {"pattern": r"^(?:(a+)+(?!b))+b$"}},
    "other keys": {"patternProperties": {r"(a*)*\1b": True}, "additionalProperties": {"type": "null"}},
}


@pytest.mark.parametrize("length", [30, 5000, 10**6])
@pytest.mark.parametrize("case", HOSTILE)
def test_a_catastrophic_pattern_is_given_up_and_told(tmp_path: Path, case: str, length: int) -> None:
    bound = Profile("slow", "1", HOSTILE[case])
    text = "a" * length + "!"
    payload: dict[str, Any] = {text: 1} if case in ("keys", "names", "other keys") else {"a": text}
    start = time.process_time()
    findings = bound.check(payload, {})
    assert time.process_time() - start < 1
    assert [finding.code for finding in findings] == ["ZM102"] * max(len(findings), 1)
    path = make(tmp_path)
    before = (path / "zarr.json").read_bytes()
    start = time.process_time()
    with pytest.raises(MetadataError, match="slow@1") as error:
        add_metadata(path, payload, profiles=[bound], config=Config())
    assert time.process_time() - start < 3
    assert {finding.code for finding in error.value.findings} == {"ZM102"}
    assert (path / "zarr.json").read_bytes() == before


def test_what_cannot_be_judged_says_so() -> None:
    bound = Profile("slow", "1", HOSTILE["back-reference"])
    (finding,) = bound.check({"a": "a" * 500}, {}, "f", "/attributes")
    assert finding.pointer == "/attributes/a"
    assert "cannot be judged" in finding.message
    assert "a simpler `pattern`" in finding.expected
    assert len(str(finding)) < 500
    (finding,) = bound.check({"a": "a" * 10**6}, {}, "f", "/attributes")
    assert finding.pointer == "/attributes"
    assert "take too long on such long texts" in finding.message


def test_a_payload_that_is_nested_deeply_is_refused(tmp_path: Path) -> None:
    tree = Profile(
        "tree", "1", {"additionalProperties": {"$ref": "#/$defs/a"}, "$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}}
    )
    path = make(tmp_path)
    value: Any = 1
    for _ in range(100_000):
        value = [value]
    (finding,) = tree.check({"a": value}, {})
    assert "nested too deeply" in finding.message
    with pytest.raises(MetadataError, match="nothing was written"):
        add_metadata(path, {"a": value}, profiles=[tree], config=Config())


class _Recorder(BaseHTTPRequestHandler):
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"not": {}}')

    def log_message(self, *args: object) -> None:
        pass


def test_a_declared_schema_is_not_fetched(tmp_path: Path) -> None:
    """Neither the `schema_url` of an array, nor what a profile of that `$id` refers to."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Recorder)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.server_address[1]}/"
    try:
        entry = {"schema_url": url + "em.json", "spec_url": url + "em", "name": "em"}
        path = make(tmp_path, {"zarr_conventions": [entry], "$schema": url + "dialect", "$id": url})
        add_metadata(path, SOUND, config=Config())
        schema = {**SCHEMA, "$id": url + "em.json", "additionalProperties": True}
        config = write_config(tmp_path, '[[profile]]\nschema = "em.schema.json"\n', schema)
        with pytest.raises(MetadataError, match=r"em@2\.1"):
            add_metadata(path, {"offset": [1, 1, 1]}, config=config)
        add_metadata(path, {"stain": "OTO"}, config=config)
        for keyword in ("$ref", "$schema", "$dynamicRef"):
            for target in (url + "other.json", "other.json"):
                with pytest.raises(SchemaError):
                    Profile("em", "1", {**schema, keyword: target})
        assert attributes_of(path)["zarr_conventions"][0] == entry
        assert _Recorder.asked == []
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_table_without_a_file_can_be_parsed() -> None:
    assert parse_config({"mirror": "daisy"}, "").mirror == ("daisy",)
