"""Every registered step, on every case below `data/migrate`, and on foreign keys of every kind.

`<subject>/<step id>/<case>.before.json` are attributes before, `.after.json` after, `.site.json` (optional) says where:

- `arrays`: the arrays that a group lists, by path, with `shape` and `attributes`; or `shape` where the node is an array
- `format`: of the container, 2 unless said; `folder`: the name of the node's folder
- `agreed`, `anchor`: what the user agreed to, and how OME-NGFF is read
- `blocked`: the codes of what blocks the step, which then has nothing after
- `irregular`: before is not valid, as some writers made it
- `source`: before is what a real writer left, in this folder below `data/wild`
"""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import json_objects

from zmeta.conventions.base import Reading
from zmeta.conventions.registry import BY_ID
from zmeta.nodes.node import Node, open_node
from zmeta.pipeline import decode_node
from zmeta.schema.catalog import list_schemas
from zmeta.schema.validate import packaged_validator
from zmeta.steps.graph import Graph
from zmeta.steps.ome_ngff.parts import KEYS, Place, group_version, level_arrays, level_axis_names
from zmeta.steps.registry import STEPS
from zmeta.steps.step import Site, Step, StepBlockedError

DATA = Path(__file__).parent / "data"
ROOT = DATA / "migrate"
PACKAGE = Path(__file__).parents[1] / "zmeta" / "steps"
BY_STEP_ID = {step.id: step for step in STEPS}


@dataclass(frozen=True)
class Case:
    step: Step
    name: str

    def file(self, suffix: str) -> Path:
        return ROOT / self.step.subject / self.step.id / (self.name + suffix)

    def read(self, suffix: str) -> Any:
        return json.loads(self.file(suffix).read_text("utf-8"))

    @property
    def site(self) -> dict[str, Any]:
        return self.read(".site.json") if self.file(".site.json").exists() else {}

    def __str__(self) -> str:
        return f"{self.step.id}/{self.name}"


CASES = [
    Case(BY_STEP_ID[file.parent.name], file.name.removesuffix(".before.json"))
    for file in sorted(ROOT.glob("*/*/*.before.json"))
]
DONE = [case for case in CASES if "blocked" not in case.site]
BLOCKED = [case for case in CASES if "blocked" in case.site]


def node_of(case: Case, attributes: dict[str, Any], *, after: bool = False) -> Node:
    site = case.site
    form: Any = 3 if after and case.step.needs == 3 else site.get("format", 2)
    kind: Any = "array" if "shape" in site else "group"
    return Node(f"/data/{site.get('folder', 'c')}", form, kind, {}, attributes, tuple(site.get("shape", ())), "uint8")


def arrays_of(case: Case, group: Node) -> dict[str, Node]:
    """The arrays below a group as they are read: each with the group above it."""
    return {
        path: Node(
            f"{group.path}/{path}", group.format, "array", {}, row.get("attributes", {}), tuple(row["shape"]), "uint8", None,
            ((group, path),),
        )
        for path, row in case.site.get("arrays", {}).items()
    }  # fmt: skip


def site_of(case: Case, attributes: dict[str, Any]) -> Site:
    node, site = node_of(case, attributes), case.site
    reading = Reading(site.get("anchor", "corner"))
    return Site(node, arrays_of(case, node), frozenset(site.get("agreed", ())), reading)


def run(case: Case, attributes: dict[str, Any] | None = None) -> dict[str, Any]:
    """Do the step, and see that it changes nothing of what it is given."""
    before = case.read(".before.json") if attributes is None else attributes
    site = site_of(case, copy.deepcopy(before))
    kept, kept_site = copy.deepcopy(before), copy.deepcopy(site)
    try:
        return case.step.transform(before, site)
    finally:
        assert json.dumps(before) == json.dumps(kept)
        assert site == kept_site


def text(value: Any) -> str:
    """JSON with the order of keys: what a step does not own stays in its place."""
    return json.dumps(value, indent=1)


# --- the list ---------------------------------------------------------------------------------------------------------


def test_every_file_of_a_step_is_listed() -> None:
    files = {".".join(("zmeta.steps", *file.relative_to(PACKAGE).with_suffix("").parts))
             for file in PACKAGE.glob("*/v*_to_v*.py")}  # fmt: skip
    assert [import_module(name).STEP.id for name in sorted(files)] == sorted(step.id for step in STEPS)
    assert {step.transform.__module__ for step in STEPS} == files
    others = {file.name for file in PACKAGE.glob("*/*.py")} - {Path(*name.split(".")).name + ".py" for name in files}
    assert others == {"__init__.py", "parts.py"}


def test_steps_make_a_graph() -> None:
    graph = Graph(STEPS)
    assert {subject: graph.head(subject) for subject in graph.subjects} == {
        "ome-ngff": "0.5", "funlib-persistence": "0.6", "dacapo": "0.2.0",
    }  # fmt: skip
    assert len(graph.path("ome-ngff", "0.1", "0.5")) == 4


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.id)
def test_a_step_is_described(step: Step) -> None:
    assert step.id == f"{step.subject}-{step.before}-to-{step.after}"
    assert {f"{step.subject}@{step.before}", f"{step.subject}@{step.after}"} <= BY_ID.keys()
    doc = import_module(step.transform.__module__).__doc__
    assert doc is not None
    assert f"{step.before} → {step.after}" in doc
    assert "Source:" in doc
    assert step.summary
    assert (step.needs == 3) == (step.id == "ome-ngff-0.4-to-0.5")


def test_every_step_has_cases() -> None:
    assert {case.step.id for case in DONE} == {case.step.id for case in BLOCKED} == BY_STEP_ID.keys()
    assert len([case for case in CASES if "source" in case.site]) >= 20
    files = {
        file.name.split(".before.json")[0].split(".after.json")[0].split(".site.json")[0] for file in ROOT.rglob("*.json")
    }
    assert files == {case.name for case in CASES}, "a file that belongs to no case"


# --- the contract -----------------------------------------------------------------------------------------------------


def schemas_of(case: Case, attributes: dict[str, Any], version: str) -> list[str]:
    """The schemas that attributes are to fit."""
    subject = case.step.subject
    if subject != "ome-ngff":
        return [f"{subject}/{version}/array"]
    keys = attributes.get("ome", {}) if version == "0.5" else attributes
    documents = [name for key, name in (("multiscales", "image"), ("plate", "plate"), ("well", "well")) if key in keys]
    return [f"ome-ngff/{version}/{'label' if 'image-label' in keys and name == 'image' else name}" for name in documents]


def broken(case: Case, attributes: dict[str, Any], version: str) -> list[Any]:
    known = {name.path for name in list_schemas()}
    schemas = schemas_of(case, attributes, version)
    assert set(schemas) <= known
    return [problem for schema in schemas for problem in packaged_validator(schema).problems(attributes)]


@pytest.mark.parametrize("case", DONE, ids=str)
def test_before_to_after(case: Case) -> None:
    assert text(run(case)) == text(case.read(".after.json"))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_case_from_the_wild_is_what_stands_there(case: Case) -> None:
    source = case.site.get("source")
    assert (source is not None) == case.name.startswith("wild-")
    if source is not None:
        assert text(case.read(".before.json")) == text(json.loads((DATA / "wild" / source / ".zattrs").read_bytes()))


@pytest.mark.parametrize("case", DONE, ids=str)
def test_the_result_is_valid(case: Case) -> None:
    assert broken(case, case.read(".after.json"), case.step.after) == []
    if case.name != "nothing-of-ours":
        assert bool(broken(case, case.read(".before.json"), case.step.before)) == case.site.get("irregular", False)


@pytest.mark.parametrize("case", DONE, ids=str)
def test_twice_is_once(case: Case) -> None:
    after = case.read(".after.json")
    assert text(run(case, after)) == text(after)


@pytest.mark.parametrize("case", DONE, ids=str)
def test_nothing_is_lost(case: Case) -> None:
    """Every scalar stays, but for versions, and what the step of the case is there to change."""

    def scalars(value: Any, key: str = "") -> list[str]:
        if isinstance(value, dict):
            return [item for name, inner in value.items() if name != "version" for item in scalars(inner, name)]
        if isinstance(value, list):
            return [item for inner in value for item in scalars(inner, key)]
        return [f"{key}: {str(value).rstrip('^') if key == 'axis_names' else value}"]

    after = scalars(case.read(".after.json"))
    gone = [item for item in scalars(case.read(".before.json")) if item not in after]
    allowed = {"type: identity", "unit: micrometer", "unit: second"} if case.step.needs else set()
    if case.step.before == "0.3":
        names = {name: f"name: {name}" for name in "tczyx"}
        assert {names[item.removeprefix("axes: ")] for item in gone if item.startswith("axes: ")} <= set(after)
        gone = [item for item in gone if not item.startswith("axes: ")]
    if case.step.subject == "dacapo":
        gone = [item for item in gone if not item.startswith("axes: ")]
    assert set(gone) <= allowed


@pytest.mark.parametrize("case", DONE, ids=str)
def test_arrays_are_read_as_the_same(case: Case) -> None:
    before, after = (node_of(case, case.read(s), after=s == ".after.json") for s in (".before.json", ".after.json"))
    reading = Reading(case.site.get("anchor", "corner"))
    pairs = [(before, after)] if before.kind == "array" else []
    if before.kind == "group":
        rows = arrays_of(case, before), arrays_of(case, after)
        pairs = [(rows[0][path], rows[1][path]) for path in rows[0]]
    for old, new in pairs:
        was, now = decode_node(old, reading), decode_node(new, reading)
        assert now.metadata.names == was.metadata.names
        assert now.metadata.types == was.metadata.types
        if "agreed" in case.site and was.metadata.voxel_size is None:
            assert not any(now.metadata.units)
            assert set(now.metadata.offset or ()) <= {0}
        else:
            assert now.metadata == was.metadata
        if not case.site.get("irregular"):
            assert [error.code for error in now.errors] == [error.code for error in was.errors]
            assert bool(now.errors) == (case.name == "units-for-unit")
        sizes = [claim.id for claim in now.claims if case.step.subject == claim.convention]
        assert sizes in ([], [f"{case.step.subject}@{case.step.after}"])


@pytest.mark.parametrize("case", BLOCKED, ids=str)
def test_blocked(case: Case) -> None:
    assert not case.file(".after.json").exists()
    with pytest.raises(StepBlockedError, match=r"where: +/data/c") as caught:
        run(case)
    assert [finding.code for finding in caught.value.findings if finding.severity == 2] == case.site["blocked"]
    assert all(finding.file for finding in caught.value.findings)


# --- foreign keys -----------------------------------------------------------------------------------------------------

_OWNED = {*KEYS, "ome", "axis_names", "types", "units", "voxel_size", "offset", "axes", "resolution", "dimension_units",
          "axistags", "_ARRAY_DIMENSIONS", "unit"}  # fmt: skip
_FOREIGN = json_objects().map(lambda keys: {f"x {key}": value for key, value in keys.items()})


@given(st.sampled_from(DONE), _FOREIGN, _FOREIGN)
def test_foreign_keys_survive(case: Case, first: dict[str, Any], last: dict[str, Any]) -> None:
    before = case.read(".before.json")
    keys = {**first, **{key: value for key, value in before.items() if key not in first}}
    keys |= {key: value for key, value in last.items() if key not in keys}
    after = run(case, copy.deepcopy(keys))
    foreign = [key for key in keys if key not in _OWNED]
    assert [key for key in after if key not in _OWNED] == foreign
    assert text({key: after[key] for key in foreign}) == text({key: keys[key] for key in foreign})


@given(st.sampled_from([case for case in DONE if case.step.subject == "ome-ngff"]), _FOREIGN)
def test_foreign_keys_inside_survive(case: Case, extra: dict[str, Any]) -> None:
    """In an image, its levels, a plate, a well, a label, the settings of channels."""
    before = case.read(".before.json")
    holders = [before[key] for key in ("plate", "well", "image-label", "omero") if isinstance(before.get(key), dict)]
    for image in before.get("multiscales", ()):
        holders += [image, *image["datasets"]]
    for holder in holders:
        holder.update(extra)
    after = run(case, before)
    assert text(after).count("x ") >= len(holders) * text(extra).count("x ")
    again = after.get("ome", after)
    for image in again.get("multiscales", ()):
        for holder in (image, *image["datasets"]):
            assert text({key: holder[key] for key in extra}) == text(extra)
    for key in ("plate", "well", "image-label"):
        if isinstance(before.get(key), dict):
            assert text({name: again[key][name] for name in extra}) == text(extra)


_JUNK = json_objects()


@given(st.sampled_from(CASES), st.sampled_from(sorted(_OWNED)), _JUNK, st.booleans())
def test_junk_is_blocked_or_left(case: Case, key: str, junk: dict[str, Any], deep: bool) -> None:
    """A step never ends in anything but attributes or `StepBlockedError`."""
    before = case.read(".before.json")
    value: Any = [junk, *junk.values()] if deep else next(iter(junk.values()), None)
    before[key] = {**before[key], **dict.fromkeys(before[key], value)} if isinstance(before.get(key), dict) else value
    with suppress(StepBlockedError):
        json.dumps(run(case, before))


# --- what the planner asks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", [case for case in DONE if case.step.subject == "ome-ngff"], ids=str)
def test_version_of_a_group(case: Case) -> None:
    before, after = case.read(".before.json"), case.read(".after.json")
    parts = {"multiscales", "plate", "well"}
    if parts & before.keys() and "ome" not in before:
        stated = group_version(before)
        assert stated == case.step.before or case.name == "no-version"
    assert group_version(after) == (case.step.after if parts & after.get("ome", after).keys() or "ome" in after else None)


def test_level_axis_names() -> None:
    keys: Any = {"multiscales": [
        {"axes": ["y", "x"], "datasets": [{"path": "s0"}, {"path": "./s1/"}, {}, 1]}, 1,
        {"axes": ["z"], "datasets": [{"path": "s0"}]}, {"axes": [1], "datasets": [{"path": "s2"}]}]}  # fmt: skip
    assert level_axis_names(keys) == {"s0": ["y", "x"], "s1": ["y", "x"]}
    assert level_axis_names({"ome": 1, "multiscales": 1}) == level_axis_names({}) == {}


def test_a_level_is_seen_below_the_group_as_it_is() -> None:
    """Whatever stood above it when it was read; groups between the two, and above both, stay in their order."""
    near, group, far = (Node(path, 2, "group", {}, {"old": 1}) for path in ("/d/c/a", "/d/c", "/d"))
    array = Node("/d/c/a/s0", 2, "array", {}, {}, (4,), "uint8", None, ((near, "s0"), (group, "a/s0"), (far, "c/a/s0")))
    image: Any = {"datasets": [{"path": "./a//s0"}, {"path": "s1"}, {}]}
    place = Place(("multiscales", 0), Site(group, {"a/s0": array}), {"new": 1})
    (path, found), *absent = level_arrays(image, place)
    assert path == "./a//s0"
    assert found is not None
    assert [(above.path, above.attributes, below) for above, below in found.ancestors] == [
        ("/d/c/a", {"old": 1}, "s0"), ("/d/c", {"new": 1}, "a/s0"), ("/d", {"old": 1}, "c/a/s0"),
    ]  # fmt: skip
    assert absent == [("s1", None), ("null", None)]
    (_, alone), *_ = level_arrays(image, Place((), Site(group, {"a/s0": array._replace(ancestors=())}), {"new": 1}))
    assert alone is not None
    assert [above.attributes for above, _ in alone.ancestors] == [{"new": 1}]


# --- the whole way ----------------------------------------------------------------------------------------------------

WILD_GROUPS = [
    group
    for file in sorted([*(DATA / "wild").rglob(".zgroup"), *(DATA / "wild").rglob("zarr.json")])
    if (group := open_node(file.parent)).kind == "group" and group_version(group.attributes) not in (None, "0.5")
]


def to_head(group: Node, arrays: dict[str, Node], *agreed: str, reading: Reading | None = None) -> Node:
    """A group as it is after all steps, in Zarr v3."""
    attributes, graph = group.attributes, Graph(STEPS)
    for step in graph.path("ome-ngff", group_version(attributes) or "", graph.head("ome-ngff")):
        attributes = step.transform(attributes, Site(group, arrays, frozenset(agreed), reading or Reading()))
    return group._replace(attributes=attributes, format=3)


def below(group: Node, array: Node) -> Node:
    above = tuple((group if each.path == group.path else each, path) for each, path in array.ancestors)
    return array._replace(ancestors=above, format=3)


@pytest.mark.parametrize("group", WILD_GROUPS, ids=lambda group: str(Path(group.path).relative_to(DATA / "wild")))
def test_real_groups_go_all_the_way(group: Node) -> None:
    images: Any = group.attributes.get("multiscales", [])
    paths = [level["path"] for image in images for level in image["datasets"]]
    arrays = {path: open_node(Path(group.path) / path) for path in paths}
    sized = all(decode_node(array).metadata.voxel_size for array in arrays.values())
    if not sized:
        with pytest.raises(StepBlockedError, match="voxel size is not"):
            to_head(group, arrays)
    after = to_head(group, arrays, *([] if sized else ["pixel-scale"]))
    ome: Any = after.attributes["ome"]
    document = next((key for key in ("plate", "well") if key in ome), "label" if "image-label" in ome else "image")
    assert packaged_validator(f"ome-ngff/0.5/{document}").problems(after.attributes) == []
    for array in arrays.values():
        was, now = decode_node(array).metadata, decode_node(below(after, array)).metadata
        assert (now.names, now.types) == (was.names, was.types)
        assert sized == (now == was)


@pytest.mark.parametrize("anchor", ["corner", "centre"])
@pytest.mark.parametrize("version", ["0.1", "0.2", "0.3"])
def test_old_images_with_sizes_go_all_the_way(version: str, anchor: Any) -> None:
    """The arrays were read before the first step: a later one sees them below the group as it is by then."""
    axes: Any = {"axes": ["z", "y", "x"]} if version == "0.3" else {}
    image = {"version": version, "datasets": [{"path": "s0"}, {"path": "a/s1"}], **axes}
    group = Node("/data/c", 2, "group", {}, {"multiscales": [image]})
    names = {"_ARRAY_DIMENSIONS": ["z", "y", "x"]}
    sizes: list[Any] = [{"resolution": [40, 4, 5.24], "offset": [400, 8, 1.5], "units": ["nm"] * 3, **names},
                        {"resolution": [80, 8, 10.48], "offset": [400, 8, 1.5], "units": ["nm"] * 3, **names}]  # fmt: skip
    above = ((Node("/data/c/a", 2, "group", {}, {}), "s1"), (group, "a/s1"))
    arrays = {
        "s0": Node("/data/c/s0", 2, "array", {}, sizes[0], (64, 64, 64), "uint8", None, ((group, "s0"),)),
        "a/s1": Node("/data/c/a/s1", 2, "array", {}, sizes[1], (32, 32, 32), "uint8", None, above),
    }
    reading = Reading(anchor)
    after = to_head(group, arrays, reading=reading)
    for array in arrays.values():
        was, now = decode_node(array, reading), decode_node(below(after, array), reading)
        assert now.errors == was.errors == ()
        assert now.metadata == was.metadata
        alone = decode_node(below(after, array)._replace(attributes={}), reading)
        assert alone.metadata == was.metadata, "the image says all of it by itself"
