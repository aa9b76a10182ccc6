"""What a plan remembers changes nothing: arrays that look alike come out as each would alone, to the last byte."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from functools import cache
from itertools import cycle
from typing import TYPE_CHECKING, Any

import pytest
from builders import DATA, SOUND, WILD, array, copied, dump, group, write
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import attributes, nodes

from zmeta.canonical.numbers_ import parse_number
from zmeta.config import parse_config
from zmeta.conventions.zmeta.codec import ENTRY
from zmeta.finding import Finding
from zmeta.jsondoc import ExactFloat, dump_json, parse_json
from zmeta.migration import memo
from zmeta.migration.memo import READ, Translator
from zmeta.migration.options import Options
from zmeta.migration.plan import plan_units
from zmeta.migration.translate import Outcome, translate
from zmeta.migration.tree import Memo
from zmeta.nodes.node import Node, read_node
from zmeta.nodes.walk import Place, Walk

if TYPE_CHECKING:
    from pathlib import Path

    from zmeta.migration.unit import Unit

NUMBER_KEYS = ("voxel_size", "resolution", "offset", "scale", "translate")
#: Numbers of every kind: what reads or writes them otherwise than one by one must not be remembered.
NUMBERS: list[Any] = [
    4, 40, 1, 1000, 8.0, 9.8, 0.36, 5.24, 41, 43.0, 41.5, 2**53 - 1, 1e15, 0.1, 1e-9, 123456789.125, 0.30000000000000004,
]  # fmt: skip
PLACES: list[Any] = [0, -8, 0.0, -0.0, -0.5, -41, -(2**53) + 1, -1e-9, 10**9]
ODD: list[Any] = [
    2**53, -(2**53), 2**60, 10**400, 1e16, 1e22, 1e23, 1e-200, 1e300, True, False, None, "4", "", [], {}, math.nan, math.inf,
    -math.inf, ExactFloat("4.50"), ExactFloat("1e-3"), ExactFloat("0." + "1" * 30), ExactFloat("1e400"), 0, -1, -0.0,
]  # fmt: skip


def bytes_of(outcome: Outcome) -> object:
    try:
        return dump_json(outcome.node.attributes)
    except ValueError as error:
        return str(error)


def assert_same(translator: Translator, node: Node, options: Options) -> Outcome:
    remembered, alone = translator.translate(node), translate(node, options)
    assert repr(remembered) == repr(alone)
    assert bytes_of(remembered) == bytes_of(alone)
    assert (remembered.node is node) == (alone.node is node)
    return remembered


def make(keys: dict[str, Any], format_: Any = 2, ndim: int = 3, **changes: Any) -> Node:
    return Node("/c.zarr/a", format_, "array", {}, keys, tuple(range(4, 4 + ndim)), "uint8")._replace(**changes)


def at(node: Node, number: int) -> Node:
    """The array at another place, with other extents."""
    return node._replace(path=f"/d.zarr/n{number}", shape=tuple(size + number for size in node.shape))


def with_numbers(keys: dict[str, Any], draw: Callable[[str], Any]) -> dict[str, Any]:
    """The same keys with other numbers in their lists."""
    return {
        key: [draw(key) if type(item) in (int, float, ExactFloat) else item for item in value]
        if key in NUMBER_KEYS and isinstance(value, list)
        else with_numbers(value, draw)
        if key == "transform" and isinstance(value, dict)
        else value
        for key, value in keys.items()
    }


@pytest.fixture
def long_ways(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of the arrays that took the long way, twins among them."""
    paths: list[str] = []

    def counted(node: Node, options: Options) -> Outcome:
        paths.append(node.path)
        return translate(node, options)

    monkeypatch.setattr(memo, "translate", counted)
    return paths


OPTIONS: dict[str, Options] = {
    "zmeta": Options("zmeta"), "the default": Options(), "keep": Options("zmeta", keep_legacy=True),
    "axes": Options("zmeta", axes=("t", "y", "x")), "loss": Options("zmeta", allow_loss=frozenset({"units", "axes"})),
    "funlib": Options("funlib-persistence"), "cosem": Options("cosem"), "dimension-units": Options("dimension-units"),
}  # fmt: skip
FUNLIB: dict[str, Any] = {
    "axis_names": ["z", "y", "x"], "units": ["nm"] * 3, "voxel_size": [40, 4, 4], "offset": [400, 0, -8],
    "types": ["space"] * 3,
}  # fmt: skip
COSEM: dict[str, Any] = {
    "ordering": "C", "axes": ["z", "y", "x"], "units": ["nm"] * 3, "scale": [8, 4, 4], "translate": [4.0, 0.0, 2.0],
}  # fmt: skip
OTHER = {"uuid": "0b0b0b0b-1234-4be5-97f6-9fa7d4985563", "name": "other"}
#: Kinds of arrays that are remembered: attributes, format, dimensions.
KINDS: dict[str, tuple[dict[str, Any], Any, int]] = {
    "funlib 0.6": (FUNLIB, 2, 3),
    "funlib 0.7 in v3": (FUNLIB, 3, 3),
    "funlib 0.5": ({key: FUNLIB[key] for key in ("axis_names", "units", "voxel_size", "offset")}, 2, 3),
    "funlib with a channel": ({**FUNLIB, "axis_names": ["c^", "z", "y", "x"], "types": ["channel", *["space"] * 3]}, 2, 4),
    "gunpowder": ({"offset": [700, 1536, 960], "resolution": [35, 6, 12]}, 2, 3),
    "gunpowder in v3": ({"offset": [700, 1536, 960], "resolution": [35, 6, 12]}, 3, 3),
    "gunpowder, a snapshot": ({"offset": [7, 5, 9], "value_range": [1, 1], "voxel_size": [35, 6, 12]}, 2, 3),
    "daisy with channels": ({"resolution": [8, 8, 8], "offset": [0, 0, 0]}, 2, 5),
    "a resolution alone": ({"resolution": [8, 8, 8]}, 2, 3),
    "dacapo": ({"axes": ["z", "y", "x"], "resolution": [8, 4, 4], "offset": [0, 0, 0]}, 2, 3),
    "dacapo, a string": ({"axes": "czyx", "resolution": [8, 4, 4], "offset": [0, 0, 0]}, 2, 4),
    "with names": ({"_ARRAY_DIMENSIONS": ["z", "y", "x"], "resolution": [8, 4, 4], "offset": [0, 0, 0]}, 2, 3),
    "zmeta": (SOUND, 2, 3),
    "zmeta, not declared": ({key: SOUND[key] for key in ("axes", "types", "units", "voxel_size", "offset")}, 3, 3),
    "cosem": ({"transform": COSEM}, 2, 3),
    "cosem, x first": ({"transform": {**COSEM, "ordering": "F", "axes": ["x", "y", "z"]}}, 3, 3),
    "cosem, without a place": ({"transform": {key: COSEM[key] for key in COSEM if key != "translate"}}, 2, 3),
    "daisy in N5": ({"resolution": [8, 4, 4], "offset": [16, 0, 0]}, "n5", 3),
    "daisy in N5, the same both ways": ({"resolution": [8, 4, 8], "offset": [0, 0, 0]}, "n5", 3),
    "a resolution alone in N5": ({"resolution": [8, 4, 4]}, "n5", 3),
    "funlib in N5": (FUNLIB, "n5", 3),
    "other declarations": ({**FUNLIB, "zarr_conventions": [OTHER]}, 3, 3),
    "names alone": ({"_ARRAY_DIMENSIONS": ["z", "y", "x"]}, 2, 3),
    "nothing": ({"stain": "OTO"}, 3, 3),
}  # fmt: skip


UNCHANGED = ("zmeta", "zmeta, not declared", "names alone", "nothing")


# --- it is remembered, and it is the same ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sizes", [[40, 80, 8], [40.0, 8.0, 16.0], [1.3, 0.7, 2.1]], ids=["whole", "floats", "fractions"])
def test_the_third_array_of_a_kind_takes_the_short_way(kind: str, sizes: list[Any], long_ways: list[str]) -> None:
    keys, format_, ndim = KINDS[kind]
    translator = Translator(Options("zmeta"))
    changed = False
    for number in range(1, 8):
        values = cycle([size * number for size in sizes])
        node = at(make(with_numbers(keys, lambda key, values=values: next(values)), format_, ndim), number)  # type: ignore[misc]
        outcome = assert_same(translator, node, Options("zmeta"))
        changed = changed or outcome.node is not node
    assert {"/d.zarr/n1", "/d.zarr/n2"} <= {*long_ways} <= {"/d.zarr/n1", "/d.zarr/n2", memo._TWIN}
    assert changed == (kind not in UNCHANGED)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", ["zmeta", "keep", "axes", "loss"])
def test_kinds_with_numbers_of_every_sort(kind: str, options: str) -> None:
    """First sound numbers, then sound sizes with any offset, then anything at all."""
    keys, format_, ndim = KINDS[kind]
    translator = Translator(OPTIONS[options])
    for others, wild in ((NUMBERS, False), ([*NUMBERS, *PLACES], False), ([*NUMBERS, *ODD], True)):
        places = cycle(others)
        sizes = cycle(others if wild else NUMBERS)
        for number in range(25):
            changed = with_numbers(keys, lambda key, a=places, b=sizes: next(a if key == "offset" else b))  # type: ignore[misc]
            assert_same(translator, at(make(changed, format_, ndim), number), OPTIONS[options])
            assert_same(translator, at(make(with_numbers(changed, lambda key: 7), format_, ndim), number), OPTIONS[options])


@pytest.mark.parametrize("odd", ODD, ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize("key", ["voxel_size", "offset", "stain", "units", "types", "axis_names", "zarr_conventions"])
def test_an_odd_value_among_arrays_of_a_kind(odd: Any, key: str) -> None:
    translator = Translator(Options("zmeta"))
    for value in (odd, [odd, 4, 4], [odd, 4, 4]):
        for keys in (FUNLIB, FUNLIB, {**FUNLIB, key: value}, FUNLIB, {**FUNLIB, key: value}):
            findings = (Finding("ZM002", "NaN"),) if "NaN" in dump(keys) else ()  # as it is read from a file
            assert_same(translator, make({"stain": "OTO", **keys}, findings=findings), Options("zmeta"))


@given(st.data(), attributes(3), st.sampled_from([2, 3, "n5"]), st.sampled_from(sorted(OPTIONS)))
@settings(max_examples=80)
def test_any_attributes(data: st.DataObject, keys: dict[str, Any], format_: Any, options: str) -> None:
    if data.draw(st.booleans()):
        keys = {**data.draw(st.sampled_from([kind[0] for kind in KINDS.values()])), **keys}
    translator = Translator(OPTIONS[options])
    names = data.draw(st.sampled_from([None, None, ["z", "y", "x"], ["a", None, "x"]])) if format_ == 3 else None
    node = make(keys, format_, dimension_names=names)
    sizes = st.sampled_from(NUMBERS) | st.sampled_from([1, 2, 3, 4])
    places = sizes | st.sampled_from(PLACES)
    for number in range(5):
        changed = with_numbers(keys, lambda key: data.draw(places if key == "offset" else sizes))
        node = at(make(changed if number % 2 else keys, format_, dimension_names=names), number)
        assert_same(translator, node, OPTIONS[options])


@given(st.lists(nodes(), min_size=1, max_size=3), st.sampled_from(["zmeta", "keep", "axes", "loss"]))
@settings(max_examples=40)
def test_any_arrays_under_any_groups(found: list[Node], options: str) -> None:
    translator = Translator(OPTIONS[options])
    for number in range(3):
        for node in found:
            assert_same(translator, node._replace(path=f"/c.zarr/g/n{number}"), OPTIONS[options])
            assert_same(translator, node._replace(ancestors=()), OPTIONS[options])


# --- real documents -------------------------------------------------------------------------------------------------------


@cache
def wild_arrays() -> list[Node]:
    visits = Walk([Place(str(path)) for path in sorted(WILD.iterdir()) if path.is_dir()])
    return [visit.node for visit in visits if visit.node is not None and visit.node.kind == "array"]


@pytest.mark.parametrize("options", ["zmeta", "keep", "axes", "funlib"])
def test_arrays_of_real_writers(options: str) -> None:
    arrays = wild_arrays()
    assert len(arrays) > 250
    translator = Translator(OPTIONS[options])
    for number in range(2):
        for node in arrays:
            changed = with_numbers(node.attributes, lambda key, number=number: 4 + 7 * number)  # type: ignore[misc]
            assert_same(translator, node, OPTIONS[options])
            assert_same(translator, at(node._replace(attributes=changed), number), OPTIONS[options])


def test_most_arrays_of_the_field_take_the_short_way(long_ways: list[str]) -> None:
    arrays = [node for node in wild_arrays() if any(name in node.path for name in ("gunpowder", "daisy", "funlib"))]
    translator = Translator(Options("zmeta"))
    for _ in range(2):
        for node in arrays:
            translator.translate(node)
    long_ways.clear()
    for node in arrays:
        translator.translate(node)
    v2_and_v3 = [node for node in arrays if node.format != "n5"]
    assert len(v2_and_v3) > 50
    assert len([path for path in long_ways if ".n5" not in path]) < len(v2_and_v3) / 4


@pytest.mark.parametrize("convention", sorted(path.name for path in (DATA / "conventions").iterdir()))
@pytest.mark.parametrize("options", ["zmeta", "keep"])
def test_documents_of_conventions(convention: str, options: str) -> None:
    translator = Translator(OPTIONS[options])
    files = sorted((DATA / "conventions" / convention).glob("*/*/*.json"))
    assert files
    for again in range(3):
        for file in files:
            keys = parse_or_nothing(file)
            for format_ in (2, 3) if isinstance(keys, dict) else ():
                changed = with_numbers(keys, lambda key, again=again: 1 + 11 * again)  # type: ignore[misc]
                assert_same(translator, at(make(keys, format_), again), OPTIONS[options])
                assert_same(translator, at(make(changed, format_), again), OPTIONS[options])


def parse_or_nothing(file: Path) -> Any:
    data = json.loads(file.read_bytes())
    return parse_json(file.read_bytes(), str(file))[0] if isinstance(data, dict) else None


class Watched(dict[str, Any]):
    """Attributes that note whose values are looked at."""

    looked: set[str]

    def __getitem__(self, key: str) -> Any:
        self.looked.add(key)
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self.looked.add(key)
        return super().get(key, default)


def test_all_keys_whose_values_are_read_are_in_what_is_compared() -> None:
    """Of `READ` nothing that a convention looks at is missing."""
    looked: set[str] = set()
    documents = [parse_or_nothing(file) for file in sorted((DATA / "conventions").glob("*/*/*/*.json"))]
    everything = [node.attributes for node in wild_arrays()] + [keys for keys in documents if isinstance(keys, dict)]
    for keys in everything:
        for format_ in (2, 3):
            watched = Watched(keys)
            watched.looked = looked
            translate(make(watched, format_), Options("zmeta"))
    assert {"voxel_size", "resolution", "offset", "axes", "axis_names", "zarr_conventions", "transform"} <= looked
    assert looked <= READ


# --- what must not be remembered ------------------------------------------------------------------------------------------


def run(arrays: Iterable[dict[str, Any]], options: Options | None = None, **changes: Any) -> list[Outcome]:
    chosen = options or Options("zmeta")
    translator = Translator(chosen)
    return [assert_same(translator, at(make(keys, **changes), number), chosen) for number, keys in enumerate(arrays)]


def test_two_conventions_that_agree_and_then_do_not() -> None:
    agree = {"voxel_size": [4, 4, 4], "resolution": [4, 4, 4], "offset": [0, 0, 0]}
    differ = {"voxel_size": [4, 4, 4], "resolution": [8, 4, 4], "offset": [0, 0, 0]}
    outcomes = run([agree, agree, agree, differ, agree, differ])
    assert [bool(outcome.findings and outcome.node.attributes.keys() & {"resolution"}) for outcome in outcomes] == [
        False, False, False, True, False, True,
    ]  # fmt: skip
    assert {finding.code for finding in outcomes[3].findings} >= {"ZM401"}


@pytest.mark.parametrize(("good", "bad"), [(4, [0, -4]), (8.0, [0.0, -0.0, -8.0]), (0.5, [-0.5, -1e-9])], ids=str)
@pytest.mark.parametrize("key", ["voxel_size", "resolution"])
def test_a_size_that_is_not_positive_is_refused_each_time(good: float, bad: list[float], key: str) -> None:
    sound, *wrong = ({key: [4, size, 4], "offset": [0, 0, 0]} for size in (good, *bad))
    outcomes = run([sound, sound, sound, *wrong, sound, *wrong])
    codes = [{finding.code for finding in outcome.findings} & {"ZM301"} for outcome in outcomes]
    assert codes == [set(), set(), set(), *[{"ZM301"} for _ in bad], set(), *[{"ZM301"} for _ in bad]]


def test_numbers_that_are_those_of_the_twin() -> None:
    """Lists with an entry for the channel, which is left out: they cannot be told by whole lists, whatever the numbers."""
    first = memo._PRIMES[:-9:-1]
    keys = {**FUNLIB, "axis_names": ["c^", "z", "y", "x"], "types": ["channel", *["space"] * 3]}
    traced = {**keys, "voxel_size": first[:4], "offset": first[4:]}
    outcomes = run([traced, traced, traced, {**keys, "voxel_size": [1, 2, 3, 4], "offset": [5, 6, 7, 8]}], ndim=4)
    assert [outcome.node.attributes["voxel_size"] for outcome in outcomes[2:]] == [first[1:4], [2, 3, 4]]


def test_a_float_that_is_whole_is_written_as_a_whole_number_and_a_fraction_as_it_is() -> None:
    keys = {**FUNLIB, "voxel_size": [8.0, 0.36, 4]}
    outcomes = run([keys, keys, keys, {**FUNLIB, "voxel_size": [16.0, 5.24, 9]}])
    assert repr(outcomes[3].node.attributes["voxel_size"]) == "[16, 5.24, 9]"


@pytest.mark.parametrize("text", ["[4.50, 4, 4]", "[4e0, 4, 4]", "[4, 4, 0.1000000000000000055511151231257827]"])
def test_the_literal_of_a_number_survives(text: str) -> None:
    keys = parse_json(dump({**FUNLIB, "offset": 0}).replace('"offset": 0', f'"offset": {text}').encode(), "f")[0]
    exact = [parse_number(item) for item in keys["offset"]]  # type: ignore[union-attr]
    for outcome in run([FUNLIB, FUNLIB, FUNLIB, keys, keys, keys])[3:]:
        assert [parse_number(item) for item in outcome.node.attributes["offset"]] == exact  # type: ignore[union-attr]


def test_a_group_that_says_something_is_heard(long_ways: list[str]) -> None:
    silent = Node("/c.zarr", 2, "group", {}, {"stain": 1})
    telling = silent.with_attributes({"painteraData": {}})
    translator = Translator(Options("zmeta"))
    node = make({"resolution": [4, 4, 4], "offset": [0, 0, 0]})
    for group_ in (silent, silent, silent, telling, telling, silent):
        outcome = assert_same(translator, node._replace(ancestors=((group_, "a"),)), Options("zmeta"))
        assert (outcome.node is node) == (group_ is telling) or outcome.node.ancestors
    assert long_ways.count("/c.zarr/a") == 4


def test_what_only_a_group_says_is_not_taken_for_nothing() -> None:
    parent = Node("/c.zarr", 2, "group", {}, {"resolution": [4, 4, 4], "offset": [0, 0, 0]})
    translator = Translator(Options("zmeta"))
    node = make({})
    changed = [
        assert_same(translator, one, Options("zmeta")).node.attributes != {}
        for one in (node, node, node, node._replace(ancestors=((parent, "a"),)), node)
    ]
    assert changed == [False, False, False, True, False]


def test_names_of_dimensions_are_compared() -> None:
    keys = {"resolution": [4, 4, 4], "offset": [0, 0, 0]}
    translator = Translator(Options("zmeta"))
    zyx: list[Any] = ["z", "y", "x"]
    for names in (None, None, None, ["c", "y", "x"], zyx, zyx, zyx, zyx[::-1], None, [None, "y", "x"]):
        assert_same(translator, make(keys, 3, dimension_names=names), Options("zmeta"))


@pytest.mark.parametrize(
    "table",
    [
        {"override": [{"match": ["*/n3"], "world_unit": ["micrometer", "second"]}]},
        {"mirror": ["daisy"]},
        {"mirror": ["dimension-units"]},
        {"convention": "funlib-persistence"},
        {"convention": "cosem"},
        {"world_unit": "micrometer"},
        {"ome_anchor": "centre"},
    ],
    ids=str,
)
def test_settings(table: dict[str, Any], tmp_path: Path) -> None:
    config = parse_config(table, str(tmp_path / "zmeta.toml"))
    for to in ("", "zmeta"):
        arrays = [{**FUNLIB, "offset": [number * size for size in (0, 1, 2)]} for number in range(6)]
        run(arrays, Options(to, config=config))
        run([{"resolution": [4, 4, 4], "offset": keys["offset"]} for keys in arrays], Options(to, config=config))


def test_a_profile_is_asked_for_each_array(tmp_path: Path) -> None:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "properties": {"stain": {"type": "string"}}}
    (tmp_path / "lab.json").write_text(json.dumps(schema))
    config = parse_config({"profile": [{"schema": "lab.json", "match": ["*"]}]}, str(tmp_path / "zmeta.toml"))
    run([{**FUNLIB, "stain": stain} for stain in ("a", "b", "c", 1, "d")], Options("zmeta", config=config))


def test_foreign_values_that_cannot_be_judged_are_refused_each_time() -> None:
    deep: Any = ExactFloat("1.50")
    for _ in range(460):
        deep = [deep]
    translator = Translator(Options("zmeta"))
    found = []
    for value in ("a", "b", "c", deep, 10**400, ["\ud800"], {"a": [1.5]}, deep, "d"):
        node = make({**FUNLIB, "foreign": value})
        findings = translator.translate(node).findings
        assert findings == translate(node, Options("zmeta")).findings
        found.append(bool(findings))
    assert found == [False, False, False, True, False, False, False, True, False]


def test_more_numbers_than_can_be_traced() -> None:
    for ndim in (13, 14, 30, 64):
        keys = {"axis_names": [f"a{n}" for n in range(ndim)], "types": ["space"] * ndim,
                "voxel_size": list(range(1, ndim + 1)), "offset": list(range(ndim))}  # fmt: skip
        run([keys, keys, keys, with_numbers(keys, lambda key: 5)], ndim=ndim)


def test_what_is_remembered_is_bounded() -> None:
    translator = Translator(Options("zmeta"))
    for number in range(700):
        for _ in range(2):
            translator.translate(make({f"k{number}": 1}))
    assert 0 < len(translator._kinds._known) <= 512
    for number in range(5000):
        translator.translate(make({f"k{number}": 1}))
    assert 0 < len(translator._kinds._seen) <= 4096
    long = {**FUNLIB, "zarr_conventions": [{**OTHER, "description": "x" * 100_000}]}
    before = len(translator._kinds._known)
    for _ in range(4):
        assert_same(translator, make(long), Options("zmeta"))
    assert len(translator._kinds._known) == before


# --- the plan of a tree ---------------------------------------------------------------------------------------------------


def plan(path: Path, options: Options, *, forget: bool = False) -> list[Unit]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Memo, "follow", lambda self, path, **_: None)  # by their text alone: `test_migrate_arrays.py`
        if forget:
            patch.setattr(Translator, "translate", lambda self, node: translate(node, self._options))
        return list(plan_units([path], options))


def renumbered(root: Path) -> None:
    """Change the numbers of all arrays a little, each in its own way."""
    for count, file in enumerate(sorted(root.rglob("*"))):
        node = read_node(str(file)) if file.is_dir() else None
        if node is None or node.kind != "array" or not node.attributes or node.findings:
            continue
        changed = with_numbers(node.attributes, lambda key, count=count: 4 + count)  # type: ignore[misc]
        document = node.documents[node.attributes_file.rpartition("/")[2]]
        data = {**document.data, "attributes": changed} if node.format == 3 else {**document.data, **changed}
        write(file, {document.file.rpartition("/")[2]: dump_json(data, document.raw)})


@pytest.mark.parametrize("options", ["zmeta", "keep"])
def test_plans_of_real_trees(options: str, tmp_path: Path) -> None:
    for name in "ab":
        copied(WILD, tmp_path / name)
    renumbered(tmp_path / "b")
    remembered, alone = (plan(tmp_path, OPTIONS[options], forget=forget) for forget in (False, True))
    assert len(alone) > 300
    assert remembered == alone
    assert list(map(repr, remembered)) == list(map(repr, alone))


def test_numbers_of_n5_of_which_one_is_that_of_a_channel(tmp_path: Path) -> None:
    """What is left of a list without it may read the same from both ends, or not, whatever the whole list does."""
    for number in range(12):
        sizes: list[Any] = [[8 + number, 6, 8 + number], [4 + number] * 3, [4 + number, 4 + number, 9]][
            max(number - 3, 0) % 3
        ]
        array(tmp_path / f"{number:02}", "n5", {"resolution": sizes, "offset": [number, 1, 2 - number]})
        array(tmp_path / f"{number:02}b", "n5", {"resolution": sizes, "offset": [number] * 3})
    options = Options("zmeta", axes=("c", "y", "x"))
    remembered, alone = (plan(tmp_path, options, forget=forget) for forget in (False, True))
    assert remembered == alone
    assert len({bool(unit.findings) for unit in alone}) == 2


def test_a_plan_remembers_across_containers(tmp_path: Path, long_ways: list[str]) -> None:
    for number in range(6):
        group(tmp_path / f"{number}.zarr")
        array(tmp_path / f"{number}.zarr" / "raw", "v2", {**FUNLIB, "offset": [number, 0, 0]})
    units = plan(tmp_path, Options("zmeta"))
    assert len(units) == 6
    assert [json.loads(unit.changes[0].new or b"")["offset"] for unit in units] == [[number, 0, 0] for number in range(6)]
    assert [json.loads(unit.changes[0].new or b"")["zarr_conventions"] for unit in units] == [[ENTRY]] * 6
    assert len(long_ways) == 3  # the first two, and a twin
