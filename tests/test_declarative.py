"""Declarative steps: each operation where it works, has nothing to do, or is blocked; files; versions."""

from __future__ import annotations

import json
import pickle
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import json_objects

from zmeta.canonical.numbers_ import parse_number
from zmeta.canonical.units import SPACE, TIME, unit_size
from zmeta.errors import ConfigError, DocumentError, StepBlockedError
from zmeta.jsondoc import ExactFloat, dump_json, parse_json
from zmeta.nodes.node import Node
from zmeta.steps.declarative import load_step_file, parse_steps
from zmeta.steps.graph import Graph
from zmeta.steps.marks import SchemaUrl, VersionKey
from zmeta.steps.step import Site, Step


def site(*agreed: str) -> Site:
    return Site(Node("/data/c", 3, "array", {}, {}, (4, 4), "uint8"), {}, frozenset(agreed))


def table(*do: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"subject": "lab", "version_key": "/v", "step": [{"id": "lab-1-2", "from": "1", "to": "2", "do": [*do]}], **more}


def step(*do: dict[str, Any], **more: Any) -> Step:
    return parse_steps(table(*do, **more), "steps.toml")[0]


def done(attributes: Any, *do: dict[str, Any], agreed: tuple[str, ...] = ()) -> str:
    """The attributes after a step, without the version, in their order."""
    before = json.dumps(attributes)
    result = step(*do).transform({"v": "1", **attributes}, site(*agreed))
    assert json.dumps(attributes) == before
    assert next(iter(result.items())) == ("v", "2")
    return json.dumps({key: value for key, value in result.items() if key != "v"})


RENAME = {"op": "rename", "at": "/a", "to": "b"}
NM = {"op": "convert", "at": "/t", "from": "nanometer", "to": "micrometer", "unit_at": "/u"}

WORKS: dict[str, tuple[Any, list[dict[str, Any]], Any]] = {
    "rename": ({"x": 0, "a": 1, "z": 2}, [RENAME], {"x": 0, "b": 1, "z": 2}),
    "rename, absent": ({"x": 0}, [RENAME], {"x": 0}),
    "rename to itself": ({"a": 0}, [{**RENAME, "to": "a"}], {"a": 0}),
    "rename inside": ({"l": {"a": 1, "c": 2}}, [{**RENAME, "at": "/l/a"}], {"l": {"b": 1, "c": 2}}),
    "rename in a list": ({"l": [{}, {"a": 1}]}, [{**RENAME, "at": "/l/1/a"}], {"l": [{}, {"b": 1}]}),
    "rename to a name with a slash": ({"a": 1}, [{**RENAME, "to": "b/c"}], {"b/c": 1}),
    "rename a name with signs": ({"a/~b": 1}, [{**RENAME, "at": "/a~1~0b"}], {"b": 1}),
    "move": ({"a": 1, "x": 0}, [{"op": "move", "at": "/a", "to": "/l/m/b"}], {"x": 0, "l": {"m": {"b": 1}}}),
    "move into what is there": (
        {"a": 1, "l": {"m": 1}, "x": 0}, [{"op": "move", "at": "/a", "to": "/l/b"}], {"l": {"m": 1, "b": 1}, "x": 0},
    ),
    "move up": ({"l": {"a": [1], "m": 2}}, [{"op": "move", "at": "/l/a", "to": "/a"}], {"l": {"m": 2}, "a": [1]}),
    "move, absent": ({"l": {}}, [{"op": "move", "at": "/l/a", "to": "/a"}], {"l": {}}),
    "move out of a list": ({"l": [{"a": 1}]}, [{"op": "move", "at": "/l/0/a", "to": "/a"}], {"l": [{}], "a": 1}),
    "default": ({"x": 0}, [{"op": "default", "at": "/l/a", "value": [None]}], {"x": 0, "l": {"a": [None]}}),
    "default, there": ({"a": None}, [{"op": "default", "at": "/a", "value": 1}], {"a": None}),
    "convert": ({"t": 40, "u": "nm"}, [NM], {"t": 0.04, "u": "micrometer"}),
    "convert a list": ({"t": [40, 4.5], "u": ["nm", "nanometer"]}, [NM], {"t": [0.04, 0.0045], "u": ["micrometer"] * 2}),
    "convert in a list": ({"t": [40, 4]}, [{**NM, "at": "/t/1"}], {"t": [40, 0.004]}),
    "convert an empty list": ({"t": []}, [NM], {"t": []}),
    "convert without the unit": ({"t": 40}, [NM], {"t": 0.04}),
    "convert, absent": ({"u": "um"}, [NM], {"u": "um"}),
    "convert time": ({"t": 90}, [{**NM, "from": "minute", "to": "second"}], {"t": 5400}),
    "in order": (
        {"a": 1}, [RENAME, {"op": "move", "at": "/b", "to": "/l/b"}, {**RENAME, "at": "/l/b", "to": "c"}], {"l": {"c": 1}},
    ),
    "nothing": ({"a": 1}, [], {"a": 1}),
}  # fmt: skip


OPERATIONS = [do for _, operations, _ in WORKS.values() for do in operations]


@pytest.mark.parametrize("case", WORKS)
def test_works(case: str) -> None:
    before, do, after = WORKS[case]
    assert done(before, *do) == json.dumps(after)


DROP = {"op": "drop", "at": "/a"}
BLOCKED: dict[str, tuple[Any, list[dict[str, Any]], str, str]] = {
    "rename onto a key": ({"a": 1, "b": 2}, [RENAME], "ZM409", "/a"),
    "rename an entry of a list": ({"l": [1]}, [{**RENAME, "at": "/l/0"}], "ZM409", "/l/0"),
    "move onto a key": ({"a": 1, "b": 2}, [{"op": "move", "at": "/a", "to": "/b"}], "ZM409", "/b"),
    "move into a number": ({"a": 1, "b": 2}, [{"op": "move", "at": "/a", "to": "/b/c"}], "ZM409", "/b"),
    "move into a list": ({"a": 1, "b": []}, [{"op": "move", "at": "/a", "to": "/b/0"}], "ZM409", "/b"),
    "default in a text": ({"b": "x"}, [{"op": "default", "at": "/b/c", "value": 1}], "ZM409", "/b"),
    "convert a text": ({"t": "40"}, [NM], "ZM302", "/t"),
    "convert a list with a text": ({"t": [40, "40"]}, [NM], "ZM302", "/t"),
    "convert nested lists": ({"t": [[40]]}, [NM], "ZM302", "/t"),
    "convert true": ({"t": True}, [NM], "ZM302", "/t"),
    "convert null": ({"t": None}, [NM], "ZM302", "/t"),
    "convert without an end": ({"t": 1}, [{**NM, "from": "second", "to": "minute"}], "ZM302", "/t"),
    "convert from another unit": ({"t": 40, "u": "um"}, [NM], "ZM203", "/u"),
    "convert what is converted": ({"t": 40, "u": "micrometer"}, [NM], "ZM203", "/u"),
    "convert from two units": ({"t": [4, 4], "u": ["nm", "um"]}, [NM], "ZM203", "/u"),
    "convert from no unit": ({"t": 40, "u": None}, [NM], "ZM203", "/u"),
    "drop": ({"a": 1}, [DROP], "ZM409", "/a"),
    "drop an entry of a list": ({"a": [1]}, [{**DROP, "at": "/a/0"}], "ZM409", "/a/0"),
}


@pytest.mark.parametrize("case", BLOCKED)
def test_blocked(case: str) -> None:
    before, do, code, place = BLOCKED[case]
    with pytest.raises(StepBlockedError, match="/data/c") as caught:
        done(before, *do)
    assert [(finding.code, finding.pointer) for finding in caught.value.findings] == [(code, "/attributes" + place)]


@pytest.mark.parametrize(("at", "agreed"), [("/a", "a"), ("/a", "/a"), ("/l/a", "/l/a")])
def test_drop_with_consent(at: str, agreed: str) -> None:
    before = {"a": 1, "l": {"a": 2, "b": 3}}
    after = {"l": before["l"]} if at == "/a" else {"a": 1, "l": {"b": 3}}
    assert done(before, {"op": "drop", "at": at}, agreed=(agreed, "other")) == json.dumps(after)
    assert done({"x": 1}, {"op": "drop", "at": at}) == json.dumps({"x": 1})
    with pytest.raises(StepBlockedError, match=f"--allow-loss {at}"):
        done(before, {"op": "drop", "at": at}, agreed=("b", "l", "/l"))


def test_the_name_of_a_key_further_down_is_no_consent() -> None:
    with pytest.raises(StepBlockedError, match="would be lost"):
        done({"l": {"a": 1}}, {"op": "drop", "at": "/l/a"}, agreed=("a",))


# --- numbers ----------------------------------------------------------------------------------------------------------

_DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=6)


@given(_DECIMALS, st.sampled_from([*SPACE]), st.sampled_from([*SPACE]))
def test_conversion_is_exact_or_refused(number: Any, before: str, after: str) -> None:
    value = ExactFloat(format(number, "f"))
    expected = Fraction(str(number)) * Fraction(unit_size(before) or 0) / Fraction(unit_size(after) or 1)
    change = step({"op": "convert", "at": "/t", "from": before, "to": after})
    try:
        found = change.transform({"v": "1", "t": value}, site())["t"]
    except StepBlockedError:
        denominator = expected.denominator
        for prime in (2, 5):
            while denominator % prime == 0:
                denominator //= prime
        assert denominator > 1 or abs(expected) > 10**29
    else:
        assert parse_number(parse_json(dump_json({"t": found}), "")[0]["t"]) == expected


@given(json_objects(), st.lists(st.sampled_from(OPERATIONS), max_size=4))
def test_foreign_keys_survive(foreign: Any, do: list[dict[str, Any]]) -> None:
    foreign = {"x " + key: value for key, value in foreign.items()}
    before = {"v": "1", **foreign, "l": {"a": 1, "b": 2}, "t": 4}
    kept = json.dumps(before)
    try:
        after = step(*do).transform(before, site())
    except StepBlockedError:
        return
    finally:
        assert json.dumps(before) == kept
    assert json.dumps({key: value for key, value in after.items() if key.startswith("x ")}) == json.dumps(foreign)


# --- versions ---------------------------------------------------------------------------------------------------------


def test_a_step_is_done_once() -> None:
    change = step({"op": "convert", "at": "/t", "from": "nanometer", "to": "micrometer"})
    once = change.transform({"v": "1", "t": 40}, site())
    assert once == {"v": "2", "t": 0.04}
    assert change.transform(once, site()) == once


@pytest.mark.parametrize("attributes", [{"v": "3"}, {"v": "1.0"}, {}, {"v": None}, {"v": ["1"]}, {"v": True}])
def test_another_version_is_refused(attributes: Any) -> None:
    with pytest.raises(StepBlockedError, match="at another version") as caught:
        step(RENAME).transform({**attributes, "a": 1}, site())
    assert [finding.code for finding in caught.value.findings] == ["ZM404"]


MARKS: dict[str, tuple[Any, Any, Any]] = {
    "key": (VersionKey("/v"), {"a": 0, "v": "1"}, {"a": 0, "v": "2"}),
    "number": (VersionKey("/v"), {"v": 1}, {"v": "2"}),
    "fraction": (VersionKey("/v"), {"v": ExactFloat("1.10")}, {"v": "2"}),
    "nested": (VersionKey("/l/0/a~1b"), {"l": [{"a/b": "1", "c": 1}]}, {"l": [{"a/b": "2", "c": 1}]}),
    "url": (
        SchemaUrl((("1", "u1"), ("2", "u2"))),
        {"zarr_conventions": [{"name": "z"}, 1, {"schema_url": "u1", "uuid": "x"}]},
        {"zarr_conventions": [{"name": "z"}, 1, {"schema_url": "u2", "uuid": "x"}]},
    ),
}


@pytest.mark.parametrize("case", MARKS)
def test_marks(case: str) -> None:
    mark, before, after = MARKS[case]
    kept = json.dumps(before)
    assert mark.find(before) == ("1.10" if case == "fraction" else "1")
    assert json.dumps(mark.put(before, "2")) == json.dumps(after)
    assert mark.find(after) == "2"
    assert json.dumps(before) == kept


@pytest.mark.parametrize("mark", [VersionKey("/v"), SchemaUrl((("1", "u1"), ("2", "u2")))], ids=repr)
@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"v": {}},
        {"v": []},
        {"v": None},
        {"zarr_conventions": 1},
        {"zarr_conventions": [{"schema_url": ["u1"]}, {"schema_url": "u9"}, None]},
    ],
    ids=repr,
)
def test_no_version(mark: Any, keys: Any) -> None:
    assert mark.find(keys) is None


def test_a_version_without_a_schema_stays() -> None:
    keys: Any = {"zarr_conventions": [{"schema_url": "u1"}]}
    assert SchemaUrl((("1", "u1"),)).put(keys, "9") == keys
    assert VersionKey("/w").put(keys, "9") == keys


def test_the_graph_finds_the_version() -> None:
    urls = {"1": "u1", "2": "u2"}
    other = {key: value for key, value in table(subject="url", schemas=urls).items() if key != "version_key"}
    other["step"][0]["id"] = "url-1-2"
    graph = Graph([*parse_steps(table()), *parse_steps(other)])
    assert graph.version_of("lab", {"v": "1"}) == "1"
    assert graph.version_of("url", {"v": "1"}) is None
    assert graph.version_of("url", {"zarr_conventions": [{"schema_url": "u2"}]}) == "2"


def test_steps_can_be_pickled() -> None:
    change = step(*OPERATIONS, DROP)
    again = pickle.loads(pickle.dumps(change))
    assert again == change
    assert again.transform == change.transform
    assert again.find_version({"v": "7"}) == "7"


def test_kind_and_summary() -> None:
    assert (step(RENAME).kind, step(DROP, RENAME).kind, step().needs) == ("lossless", "lossy", None)
    change = parse_steps({**table(), "step": [{"id": "a", "from": "1", "to": "2", "needs": 3, "summary": "why"}]})[0]
    assert (change.needs, change.summary, change.subject) == (3, "why", "lab")


# --- files ------------------------------------------------------------------------------------------------------------

TOML = """
subject = "lab"
version_key = "/v"

[[step]]
id = "lab-1-2"
from = "1"
to = "2"
summary = "thickness in micrometer"

[[step.do]]
op = "convert"
at = "/t"
from = "nanometer"
to = "micrometer"

[[step.do]]
op = "default"
at = "/dose"
value = 1_0.10
"""


def test_toml_and_json_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "steps.toml").write_text(TOML)
    (tmp_path / "steps.json").write_text(json.dumps(table(
        {"op": "convert", "at": "/t", "from": "nanometer", "to": "micrometer"}, {"op": "default", "at": "/dose", "value": 0},
    )).replace('"value": 0', '"value": 10.10'))  # fmt: skip
    after = [
        load_step_file(tmp_path / name)[0].transform({"v": "1", "t": 4}, site()) for name in ("steps.toml", "steps.json")
    ]
    assert [dump_json(keys) for keys in after] == [b'{\n  "v": "2",\n  "t": 0.004,\n  "dose": 10.10\n}'] * 2


WRONG: dict[str, tuple[Any, str, str]] = {
    "misspelt key": (table() | {"step": [{"id": "a", "from": "1", "to": "2", "does": []}]}, "/step/0/does", "does"),
    "operation": (table(RENAME, {"op": "remove", "at": "/a"}), "/step/0/do/1/op", "remove"),
    "place": (table({"op": "drop", "at": "a"}), "/step/0/do/0/at", '"a"'),
    "key of another operation": (table({**RENAME, "value": 1}), "/step/0/do/0/value", "value"),
    "unit": (table({**NM, "to": "um"}), "/step/0/do/0/to", "um"),
    "two kinds of unit": (table({**NM, "to": "second"}), "/step/0/do/0/to", "second"),
    "into itself": (table({"op": "move", "at": "/a", "to": "/a/b"}), "/step/0/do/0/to", "/a/b"),
    "onto itself": (table({"op": "move", "at": "/a", "to": "/a"}), "/step/0/do/0/to", "/a"),
    "no version": ({key: value for key, value in table().items() if key != "version_key"}, "", "lab"),
    "two places of the version": (table(schemas={"1": "u1", "2": "u2"}), "/schemas", "not both"),
    "a version without a schema": (
        {"subject": "lab", "schemas": {"1": "u", "3": "u"}, "step": [{"id": "a", "from": "1", "to": "2"}]}, "/step/0/to", "2"
    ),
    "not a number": (table({"op": "default", "at": "/a", "value": [float("nan")]}), "/step/0/do/0/value/0", "nan"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_file_is_refused_with_the_place(case: str) -> None:
    keys, place, found = WRONG[case]
    with pytest.raises(ConfigError, match="the file of steps is wrong") as caught:
        parse_steps(keys, "lab/steps.toml")
    (finding,) = caught.value.findings
    assert (finding.file, finding.pointer) == ("lab/steps.toml", place)
    assert found in str(finding)
    assert caught.value.where == "lab/steps.toml"


def test_all_that_is_wrong_is_told() -> None:
    with pytest.raises(ConfigError, match="file of steps") as caught:
        parse_steps(table({"op": "drop", "at": "a"}, {"op": "rename", "at": "/a"}))
    assert len(caught.value.findings) == 2


def test_a_near_key_is_moved_not_into_itself() -> None:
    assert done({"a": 1}, {"op": "move", "at": "/a", "to": "/ab"}) == json.dumps({"ab": 1})


def test_the_subject_may_be_a_convention() -> None:
    keys: Any = {"subject": "daisy", "step": [{"id": "a", "from": "1", "to": "9", "do": [RENAME]}]}
    change = parse_steps(keys)[0]
    assert change.find_version is None
    assert change.transform({"a": 1}, site()) == {"b": 1}
    keys["subject"] = "users-own"
    assert parse_steps(keys, "", ["users-own"])[0].subject == "users-own"


@pytest.mark.parametrize(
    ("name", "raw", "error", "message"),
    [
        ("a.toml", b"subject = ", ConfigError, "not TOML"),
        ("a.toml", b"\xff", ConfigError, "not TOML"),
        ("a.toml", TOML.replace("1_0.10", "2024-01-01").encode(), ConfigError, "cannot be stored as JSON"),
        ("a.toml", TOML.replace("1_0.10", "inf").encode(), ConfigError, "cannot be stored as JSON"),
        ("a.json", b"[]", DocumentError, "not a JSON object"),
        ("a.json", b"{", DocumentError, "not JSON"),
        ("a.json", b"{}", ConfigError, "is missing|required"),
    ],
)
def test_broken_files(tmp_path: Path, name: str, raw: bytes, error: type[Exception], message: str) -> None:
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(error, match=message):
        load_step_file(tmp_path / name)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_step_file(tmp_path / "steps.toml")


def test_units_of_space_and_time_have_a_size() -> None:
    assert all(unit_size(unit) for unit in (*SPACE, *TIME))
