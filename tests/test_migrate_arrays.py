"""Arrays that are planned by their text alone come out as the long way gives them, to the last byte."""

from __future__ import annotations

import json
import math
import re
import shutil
import tempfile
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from builders import WILD, array, copied, group
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import EDIT, edited
from test_migrate_images import without_texts
from test_migrate_memo import COSEM, FUNLIB, KINDS, NUMBERS, ODD, OPTIONS, PLACES, renumbered, with_numbers

from zmeta.config import parse_config
from zmeta.finding import Finding, Severity
from zmeta.jsondoc import describe
from zmeta.migration import array_memo, tree
from zmeta.migration.array_memo import Arrays
from zmeta.migration.options import Options
from zmeta.migration.plan import plan_units
from zmeta.migration.stencil import Sheet, UnitSheet, sheets
from zmeta.migration.tree import Memo, Tally
from zmeta.migration.unit import Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from zmeta.nodes.node import Node
    from zmeta.nodes.texts import Text

    Both = Callable[..., tuple[list[Unit], int]]

VIEWER = {"transform": COSEM, "pixelResolution": {"dimensions": [4, 4, 8], "unit": "nm"}}
SIZE = {"pixelResolution": {"dimensions": [4, 4, 8], "unit": "nm"}}
#: Arrays that state a size and no place, each with its format.
SINGLE: dict[str, tuple[dict[str, Any], Any]] = {
    "viewer": (SIZE, "n5"),
    "viewer with factors": ({**SIZE, "downsamplingFactors": [4, 2, 1]}, "n5"),
    "viewer with odd factors": ({"downsamplingFactors": [3, 3, 5], **SIZE}, "n5"),
    "viewer in Zarr": ({**SIZE, "downsamplingFactors": [2, 2, 1]}, 2),
    "neuroglancer": ({"axes": ["x", "y", "z"], "units": ["nm"] * 3, "resolution": [4, 4, 8]}, "n5"),
    "neuroglancer with channels": ({"axes": ["x", "y", "c"], "units": ["nm", "nm", ""], "resolution": [4, 4, 1]}, "n5"),
    "neuroglancer with factors": (
        {"axes": ["x", "y", "z"], "units": ["nm"] * 3, "resolution": [4, 4, 8], "downsamplingFactors": [2, 2, 1]}, "n5"),
    "neuroglancer as viewer": ({"axes": ["x", "y", "z"], "units": ["nm"] * 3, **SIZE}, "n5"),
    "dimension_units": ({"dimension_units": ["8 nm", "4 nm", "4 nm"], "_ARRAY_DIMENSIONS": ["z", "y", "x"]}, 2),
    "dimension_units of tensorstore": ({"dimension_units": ["8nm", "4nm", "4nm"]}, 3),
    "dimension_units with channels": ({"dimension_units": [None, "4.5nm", "4nm"]}, 3),
}  # fmt: skip


@pytest.fixture(autouse=True)
def early() -> Iterator[None]:
    """Learn from the second array of a kind on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(array_memo, "_OFTEN", 1)
        yield


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch) -> Both:
    """Plan a tree both ways, and return the units, and how many arrays were planned by their text."""
    followed: list[str] = []
    follow = Arrays.follow

    def counted(self: Arrays, path: str, text: Text) -> tuple[Unit, ...] | None:
        units = follow(self, path, text)
        followed.extend([path] if units is not None else [])
        return units

    monkeypatch.setattr(Arrays, "follow", counted)

    def plan(path: Path, options: Options) -> tuple[list[Unit], int]:
        followed.clear()
        tallies = Tally(), Tally()
        short = list(plan_units([path], options, tallies[0]))
        count = len(followed)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Memo, "__init__", without_texts)
            long = list(plan_units([path], options, tallies[1]))
        assert list(map(repr, short)) == list(map(repr, long))
        assert tallies[0] == tallies[1]
        return short, count

    return plan


def kind_of(format_: Any) -> str:
    return format_ if format_ == "n5" else f"v{format_}"


def put(folder: Path, keys: dict[str, Any], format_: Any, ndim: int, number: int, indent: int | None = None) -> None:
    """Write an array whose extents tell its number."""
    shape = [30 + axis + number for axis in range(ndim)]
    chunks = [8 + number] * ndim
    chunk_grid: dict[str, Any] = {"name": "regular", "configuration": {"chunk_shape": chunks}}
    kinds: dict[str, dict[str, Any]] = {
        "v2": {"shape": shape, "chunks": chunks}, "v3": {"shape": shape, "chunk_grid": chunk_grid},
        "n5": {"dimensions": shape, "blockSize": chunks},
    }  # fmt: skip
    changes = kinds[kind_of(format_)]
    array(folder, kind_of(format_), keys, **changes)
    if indent is not None:
        for file in folder.iterdir():
            file.write_text(json.dumps(json.loads(file.read_text()), indent=indent))


def sized(keys: dict[str, Any], sizes: list[Any]) -> dict[str, Any]:
    """Return attributes with other sizes."""
    found = {**keys}
    if "pixelResolution" in keys:
        found["pixelResolution"] = {**keys["pixelResolution"], "dimensions": sizes}
    if "resolution" in keys:
        found["resolution"] = sizes
    if "dimension_units" in keys:
        texts = [None if old is None else re.sub(r"[0-9.]+", repr(size).replace("\\", ""), old)
                 for old, size in zip(keys["dimension_units"], sizes, strict=True)]  # fmt: skip
        found["dimension_units"] = texts
    return found


# --- what is learnt -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [*KINDS, "cosem with a size for viewers"])
@pytest.mark.parametrize("options", ["zmeta", "keep"])
@pytest.mark.parametrize("sizes", [[40, 80, 8], [40.0, 8.0, 16.0], [1.3, 0.7, 2.1]], ids=["whole", "floats", "fractions"])
def test_the_third_array_of_a_kind_is_planned_by_its_text(
    kind: str, options: str, sizes: list[Any], tmp_path: Path, both: Both
) -> None:
    keys, format_, ndim = KINDS.get(kind, (VIEWER, "n5", 3))
    mirrored = "both ways" in kind
    for number in range(1, 9):
        size = [round(value * number, 6) if isinstance(value, float) else value * number for value in sizes]
        values = cycle([size[0], size[1], size[0]] if mirrored else size)
        found = with_numbers({**keys, "stain": f"OTO {number}", "step": number}, lambda key, values=values: next(values))  # type: ignore[misc]
        if "pixelResolution" in found:
            found["pixelResolution"] = {"dimensions": found["transform"]["scale"][::-1], "unit": "nm"}
        put(tmp_path / f"c{number}.x" / "a", found, format_, ndim, number, indent=number % 2 * 4 or None)
    units, followed = both(tmp_path, OPTIONS[options])
    assert followed >= 4 or any(unit.blocked for unit in units), "two layouts, of each two are learnt from"


@pytest.mark.parametrize("kind", [*KINDS, "cosem with a size for viewers"])
@pytest.mark.parametrize("options", ["zmeta", "keep", "axes", "loss", "cosem"])
def test_kinds_with_numbers_of_every_sort(kind: str, options: str, tmp_path: Path, both: Both) -> None:
    keys, format_, ndim = KINDS.get(kind, (VIEWER, "n5", 3))
    number = 0
    for others, wild in ((NUMBERS, False), ([*NUMBERS, *PLACES], False), ([*NUMBERS, *ODD], True)):
        places = cycle(others)
        sizes = cycle(others if wild else NUMBERS)
        for _ in range(25):
            number += 1
            found = with_numbers(keys, lambda key, a=places, b=sizes: next(a if key in ("offset", "translate") else b))  # type: ignore[misc]
            put(tmp_path / "c" / f"a{number:03}", found, format_, ndim, number)
            put(tmp_path / "c" / f"b{number:03}", with_numbers(found, lambda key: 7), format_, ndim, number)
    both(tmp_path, OPTIONS[options])


def test_lists_of_n5_that_read_the_same_from_both_ends_are_a_kind_of_their_own(tmp_path: Path, both: Both) -> None:
    """Readers differ on the order of the others: the plan says so of them alone."""
    for number in range(8):
        put(tmp_path / f"a{number}", {"resolution": [4, 4, 4], "offset": [8 + number, 0, 8 + number]}, "n5", 3, number)
        put(tmp_path / f"b{number}", {"resolution": [8, 4, 4], "offset": [8 + number, 0, 8 + number]}, "n5", 3, number)
    units, followed = both(tmp_path, Options("zmeta"))
    told = [bool(unit.findings) for unit in units]
    assert told.count(True) in (8, 16)
    assert followed >= 12  # all but three: those that were seen first, and those that were learnt from


@pytest.mark.parametrize("name", ["a", "s"])
def test_a_size_for_viewers_must_say_the_same(name: str, tmp_path: Path, both: Both) -> None:
    """An array that is called as a level is never told by its text: there the size may be that of another level."""
    for number in range(12):
        scale = [8 + number, 4, 4]
        sizes = scale[::-1] if number != 9 else [5, 6, 17]
        keys = {"transform": {**COSEM, "scale": scale}, "pixelResolution": {"dimensions": sizes, "unit": "nm"}}
        put(tmp_path / f"{name}{number}", keys, "n5", 3, number)
    units, followed = both(tmp_path, Options("zmeta"))
    assert followed == (9 if name == "a" else 0)
    wrong = [unit.path for unit in units if {found.code for found in unit.findings} & {"ZM401"}]
    assert wrong == [str(tmp_path / f"{name}9")]
    put(tmp_path / "z", VIEWER, "n5", 3, 0)
    (tmp_path / "z").rename(tmp_path / f"{name}99" if name == "s" else tmp_path / "s1")  # after those that taught it
    assert both(tmp_path, Options("zmeta"))[1] == followed


def test_a_size_for_viewers_beside_a_transform_that_begins_with_x(tmp_path: Path, both: Both) -> None:
    for number in range(12):
        scale = [4, 5, 8 + number]
        sizes = scale if number % 4 else scale[::-1]
        transform = {"order": "F", "axes": ["x", "y", "z"], "units": ["nm"] * 3, "scale": scale, "translate": [1, 2, 3]}
        keys = {"transform": transform, "pixelResolution": {"dimensions": sizes, "unit": "nm"}}
        put(tmp_path / f"a{number:02}", keys, "n5", 3, number)
    units, followed = both(tmp_path, Options("zmeta"))
    assert followed >= 7
    assert sum(unit.blocked for unit in units) == 3


@pytest.mark.parametrize("format_", [2, "n5"])
@pytest.mark.parametrize("channel", [False, True])
@pytest.mark.parametrize("literal", ["{} nm", "{}nm", "{}.0 nm"])
def test_sizes_that_dacapo_repeats_with_units(format_: Any, channel: bool, literal: str, tmp_path: Path, both: Both) -> None:
    """They must say the same; in N5 dacapo's are those of other axes where there is a channel."""
    sizes = [[40, 4, 8], [40, 4, 8], [8, 4, 8], [8, 4, 8], [8, 4, 8], [8, 8, 8], [8, 8, 8], [7, 5, 9], [6, 6, 6], [41, 5, 8]]
    for number, size in enumerate([*sizes, *sizes]):
        units = [literal.format(value + (number == 9 and value == 5)) for value in size]
        axes = ["z", "y", "x"]
        keys = {"axes": [*axes, "c"][::-1] if channel else axes, "dimension_units": ["3", *units] if channel else units,
                "resolution": size, "offset": [10 * value for value in size]}  # fmt: skip
        if channel and format_ == 2:
            keys["axes"] = ["c", *axes]
        put(tmp_path / f"a{number:02}", keys, format_, 3 + channel, number)
    units_, followed = both(tmp_path, Options("zmeta"))
    assert len(units_) >= 19
    assert (followed > 6) == (not (channel and format_ == "n5") and ".0" not in literal)


@pytest.mark.parametrize("kind", SINGLE)
@pytest.mark.parametrize("name", ["a", "s"])
@pytest.mark.parametrize("sizes", [[40, 80, 8], [40.0, 8.0, 16.0], [1.3, 0.7, 2.1], [7, 5.5, 2.0], [6, 6, 6]], ids=str)
def test_a_size_without_a_place(kind: str, name: str, sizes: list[Any], tmp_path: Path, both: Both) -> None:
    """Also where the array is called as the level of a pyramid: nothing above it has factors."""
    keys, format_ = SINGLE[kind]
    for number in range(1, 9):
        size = [round(value * number, 6) if isinstance(value, float) else value * number for value in sizes]
        put(tmp_path / f"c{number}.x" / f"{name}{number % 3}", sized(keys, size), format_, 3, number)
    for options in ("zmeta", "keep", "axes", "cosem"):
        units, followed = both(tmp_path, OPTIONS[options])
        assert followed >= 6 or any(unit.blocked for unit in units)


@pytest.mark.parametrize("kind", SINGLE)
@pytest.mark.parametrize("options", ["zmeta", "keep", "cosem"])
def test_a_size_of_every_sort(kind: str, options: str, tmp_path: Path, both: Both) -> None:
    keys, format_ = SINGLE[kind]
    number = 0
    for values in (NUMBERS, [*NUMBERS, *PLACES], [*NUMBERS, *ODD]):
        sizes = cycle(values)
        for _ in range(25):
            number += 1
            found = sized(keys, [next(sizes) for _ in range(3)])
            put(tmp_path / "c" / f"a{number:03}", found, format_, 3, number)
            put(tmp_path / "c" / f"b{number:03}", sized(keys, [7, 5, 9 + number]), format_, 3, number)
            put(tmp_path / "c" / f"c{number:03}", sized(keys, [7.5, 5.25, 7.5 + number % 3]), format_, 3, number)
    units, followed = both(tmp_path, OPTIONS[options])
    assert followed > 50 or sum(unit.blocked for unit in units) > 100


@pytest.mark.parametrize("kind", [*SINGLE, "without units"])
def test_a_size_below_a_group_that_says_more(kind: str, tmp_path: Path, both: Both) -> None:
    """Groups may have factors, names, units or a size of their own; those that say nothing that is read are passed."""
    keys, format_ = SINGLE.get(kind, ({"axes": ["x", "y", "z"], "resolution": [4, 4, 8]}, "n5"))
    groups: dict[str, dict[str, Any]] = {
        "silent": {"stain": "OTO"}, "factors": {"scales": [[1, 1, 1], [2, 2, 2], [4, 4, 4]]}, "units": {"units": ["um"] * 3},
        "size": {"pixelResolution": {"dimensions": [4, 4, 8], "unit": "nm"}, "scales": [[1, 1, 1], [2, 2, 2], [4, 4, 4]]},
        "names": {"axes": ["x", "y", "z"], "units": ["um"] * 3}, "resolution": {"resolution": [1, 1, 1]},
    }  # fmt: skip
    for name, above in groups.items():
        group(tmp_path / f"{name}.x", kind_of(format_), above)
        for number in range(1, 7):
            folder = tmp_path / f"{name}.x" / f"{'abc'[number % 3]}"
            group(folder, kind_of(format_), {})
            put(folder / f"s{number % 3}", sized(keys, [4, 4, 8]), format_, 3, number)
            put(folder / f"s{number % 3 + 3}", sized(keys, [4, 5 + number, 8]), format_, 3, number)
    both(tmp_path, OPTIONS["zmeta"])


@pytest.mark.parametrize("more", [{"units": None}, {"resolution": [1, 1, 1]}, {"affineTransform": [1, 2, 3]},
                                  {"offset": [1, 2, 3]}, {"downsamplingFactors": [2, 0, 1]},
                                  {"downsamplingFactors": [2.5, 2.5, 1]},
                                  {"downsamplingFactors": [2, 2]}, {"downsamplingFactors": 2}, {"transform": COSEM},
                                  {"dimension_units": ["1 nm"] * 3}, {"painteraData": {}}], ids=str)  # fmt: skip
@pytest.mark.parametrize("kind", SINGLE)
def test_a_size_beside_which_something_else_stands(more: dict[str, Any], kind: str, tmp_path: Path, both: Both) -> None:
    keys, format_ = SINGLE[kind]
    for number in range(1, 10):
        found = {**sized(keys, [4, 4 + number // 4, 8]), **more}
        put(tmp_path / f"a{number}", {key: value for key, value in found.items() if value is not None}, format_, 3, number)
        put(tmp_path / f"b{number}", sized(keys, [4, 4 + number // 4, 8]), format_, 3, number)
    for options in ("zmeta", "keep"):
        both(tmp_path, OPTIONS[options])


def test_what_a_finding_shows_is_that_of_the_array(tmp_path: Path, both: Both) -> None:
    for number in range(6):
        put(tmp_path / f"a{number}", {"resolution": [8, 4, 4], "offset": [16, number, 0]}, "n5", 3, number)
    units, followed = both(tmp_path, Options("zmeta"))
    assert followed == 4
    shown = [found.found for found in units[5].findings if found.severity != Severity.ERROR]
    assert "[8, 4, 4]" in shown or "[16, 5, 0]" in shown


@pytest.mark.parametrize("odd", ["-0", "-0.0", "4.50", "4e0", "1E3", "0.1000000000000000055511151231257827", "1" + "0" * 20,
                                 "NaN", '"4"', "true", "null", "[4]", "007"])  # fmt: skip
@pytest.mark.parametrize("place", ["voxel_size", "offset", "stain", "shape"])
@pytest.mark.parametrize("format_", [2, 3, "n5"])
def test_an_odd_literal_among_arrays_of_a_kind(odd: str, place: str, format_: Any, tmp_path: Path, both: Both) -> None:
    for number in range(6):
        keys = {**FUNLIB, "voxel_size": [4, 5, 6], "offset": [7, 8, 9], "stain": 10}
        put(tmp_path / "c" / f"a{number}", keys, format_, 3, 1)
        if number in (2, 4):
            for file in (tmp_path / "c" / f"a{number}").iterdir():
                name = {"shape": "dimensions" if format_ == "n5" else "shape"}.get(place, place)
                file.write_text(re.sub(rf'("{name}": \[?)[0-9]+', rf"\g<1>{odd}", file.read_text()))
    _, followed = both(tmp_path, Options("zmeta"))
    assert followed >= 2


def test_two_conventions_that_contradict_each_other_and_then_do_not(tmp_path: Path, both: Both) -> None:
    for number in range(12):
        keys = {"voxel_size": [4, 4, 4], "resolution": [4 + (number != 9), 4, 4], "offset": [0, number, 0]}
        put(tmp_path / f"a{number:02}", keys, 2, 3, number)
    units, followed = both(tmp_path, Options("zmeta"))
    assert [unit.blocked for unit in units].index(False) == 9
    assert followed == 0


@pytest.mark.parametrize(
    "more", [{"downsamplingFactors": [2, 2, 1]}, {"pixelResolution": [4, 4, 40]}, {"scales": [[1, 1, 1]]}], ids=str
)
def test_numbers_that_depend_on_the_name_of_the_array(more: dict[str, Any], tmp_path: Path, both: Both) -> None:
    for number in range(12):
        keys = {"resolution": [4, 4, 40], "offset": [number, 0, 0], **more}
        put(tmp_path / "c.n5" / f"{'as'[number % 2]}{number}", keys, "n5", 3, number)
        put(tmp_path / "d.zarr" / f"{'as'[number % 2]}{number}", keys, 2, 3, number)
        put(tmp_path / "e.n5" / f"{'as'[number % 2]}{number}", {"transform": COSEM, **more}, "n5", 3, number)
    _, followed = both(tmp_path, Options("zmeta"))
    assert followed == 0


def test_a_document_with_a_fault_takes_the_long_way(tmp_path: Path, both: Both) -> None:
    for number in range(6):
        put(tmp_path / f"a{number}", {**FUNLIB, "range": [math.nan, 1]}, 2, 3, number)
        put(tmp_path / f"b{number}", {**FUNLIB, "range": [0.5, number]}, 2, 3, number)
        text = (tmp_path / f"b{number}" / ".zattrs").read_text()
        (tmp_path / f"b{number}" / ".zattrs").write_text(text[:-1] + ', "range": 5}')
    units, followed = both(tmp_path, Options("zmeta"))
    assert followed == 0
    assert all(unit.findings for unit in units)


def test_a_long_list_in_a_finding_is_cut() -> None:
    sheet = UnitSheet("", (), "lossless", (), (Finding("ZM205", "shown"),), Sheet(b"[%b]", (0,)))
    shown = [sheet.fill("/a", (), [hole]).findings[0].found for hole in (b"1, 2", b"1" * 90)]
    assert shown == [describe([1, 2]), describe([int("1" * 90)])]


@pytest.mark.parametrize(("shown", "is_known"), [("a b", True), ("a\0b", False)])
def test_texts_of_a_unit_hold_no_nul(shown: str, is_known: bool) -> None:
    """Which stands between them."""
    unit = Unit("/t", findings=(Finding("ZM205", "m", "/t", found=shown), Finding("ZM205", "m", "/t", found="2003")))
    assert (sheets("/t", [unit], {}, [b"2003"]) is not None) == is_known


def test_keys_that_a_group_above_explains_are_looked_at(tmp_path: Path, both: Both) -> None:
    for name, keys in (("silent", {"stain": 1}), ("telling", {"painteraData": {}}), ("names", {"axes": ["z", "y", "x"]})):
        group(tmp_path / f"{name}.n5", "n5", keys)
        for number in range(6):
            put(tmp_path / f"{name}.n5" / f"a{number}", {"resolution": [4, 4, 40], "offset": [number, 0, 0]}, "n5", 3, 1)
    _, followed = both(tmp_path, Options("zmeta"))
    assert followed == 4


@pytest.mark.parametrize(
    "table",
    [{"override": [{"match": ["*/a3"], "world_unit": ["micrometer", "second"]}]}, {"mirror": ["daisy"]},
     {"convention": "cosem"}, {"world_unit": "micrometer"}],
    ids=str,
)  # fmt: skip
def test_settings(table: dict[str, Any], tmp_path: Path, both: Both) -> None:
    config = parse_config(table, str(tmp_path / "zmeta.toml"))
    for number in range(6):
        put(tmp_path / "c" / f"a{number}", {"resolution": [4, 4, 4], "offset": [0, 4 * number, 0]}, 2, 3, number)
    for to in ("", "zmeta"):
        both(tmp_path, Options(to, config=config))


# --- what must not be learnt ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mark", "known", "floats"),
    [(b"8012.0", True, False), (b"8012,", False, False), (b"3003,", False, False), (b"250.375", True, False),
     (b"[5, 6, 7]", False, False), (b"never", True, True)],
    ids=str,
)  # fmt: skip
def test_a_stencil_must_hold_for_all_twins(
    mark: bytes, known: bool, floats: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where one of the twins comes out otherwise, it holds for whole numbers alone, or for none; so for the array itself."""
    for number in range(4):
        size = 5.0 if number == 3 else 5
        put(tmp_path / f"a{number}", {"resolution": [size, 6, 7], "offset": [0, number, 0]}, 2, 3, number)
    plan = tree._plan_alone

    def broken(nodes: list[Node], options: Options, copy: bytes | None = None) -> tuple[Unit, ...]:
        units = plan(nodes, options, copy)
        return units[:-1] if any(mark in found.raw for node in nodes for found in node.documents.values()) else units

    monkeypatch.setattr(tree, "_plan_alone", broken)
    memo = Memo(Options("zmeta"))
    planned = [memo.follow(str(tmp_path / f"a{number}")) is not None for number in range(4)]
    assert planned == [False, False, known, floats]


def test_a_matter_of_whole_numbers_holds_for_these_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where fractions come out otherwise, arrays of whole numbers are known as such, and those with fractions as others."""
    for number in range(8):
        size = 5 if number < 4 else 5.5
        put(tmp_path / f"a{number}", {"resolution": [size, 6, 7], "offset": [0, number, 0]}, 2, 3, number)
    plan = tree._plan_alone

    def particular(nodes: list[Node], options: Options, copy: bytes | None = None) -> tuple[Unit, ...]:
        units = plan(nodes, options, copy)
        fraction = re.search(rb"\.[1-9]", nodes[0].documents[".zattrs"].raw)
        return tuple(unit._replace(steps=("in another way",)) for unit in units) if fraction else units

    monkeypatch.setattr(tree, "_plan_alone", particular)
    memo = Memo(Options("zmeta"))
    planned = [memo.follow(str(tmp_path / f"a{number}")) for number in range(8)]
    assert [found is not None for found in planned] == [False, False, True, True] * 2
    steps = [found.units[0].steps for found in planned if found is not None]
    assert steps == [("daisy@1 → zmeta@1.0",)] * 2 + [("in another way",)] * 2


def test_what_is_learnt_is_bounded(tmp_path: Path, both: Both) -> None:
    for number in range(40):
        for again in range(2):
            put(tmp_path / f"a{number:02}{again}", {**FUNLIB, f"key {'x' * number}": 1}, 2, 3, number)
    memo = Memo(Options("zmeta"))
    for folder in sorted(tmp_path.iterdir()):
        memo.follow(str(folder))
    assert len(memo.arrays._by_mark) == array_memo._FIRST + 1  # a 64th array has come by
    both(tmp_path, Options("zmeta"))


# --- whatever stands in the files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", ["zmeta", "keep"])
def test_trees_of_real_writers(options: str, tmp_path: Path, both: Both) -> None:
    """Each with copies of itself, of which some have other numbers."""
    total = 0
    for writer in sorted(folder for folder in WILD.iterdir() if folder.is_dir()):
        for name in "abcd":
            copied(writer, tmp_path / writer.name / name)
        renumbered(tmp_path / writer.name / "c")
        renumbered(tmp_path / writer.name / "d")
        total += both(tmp_path / writer.name, OPTIONS[options])[1]
    assert total > 100


@pytest.fixture(scope="module")
def memory() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    yield folder
    shutil.rmtree(folder)


_MEMOS: dict[str, tuple[Memo, bytes]] = {}


@given(kind=st.sampled_from([*KINDS, "viewer"]), edits=st.lists(EDIT, min_size=1, max_size=3))
@settings(max_examples=600)
def test_arrays_whatever_is_done_to_their_bytes(memory: Path, kind: str, edits: list[Any]) -> None:
    keys, format_, ndim = KINDS.get(kind, (VIEWER, "n5", 3))
    folder = memory / "a"
    file = folder / {"v2": ".zattrs", "v3": "zarr.json", "n5": "attributes.json"}[kind_of(format_)]
    shutil.rmtree(folder, ignore_errors=True)
    put(folder, {**keys, "stain": "OTO", "step": 17}, format_, ndim, 1)
    memo, raw = _MEMOS.setdefault(kind, (Memo(Options("zmeta")), file.read_bytes()))
    for _ in range(3):
        memo.follow(str(folder))
    file.write_bytes(edited(raw, edits))
    planned = memo.follow(str(folder))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Memo, "__init__", without_texts)
        long = list(plan_units([folder], Options("zmeta")))
    assert planned is None or list(map(repr, planned.units)) == list(map(repr, long))


def test_the_array_that_is_edited_is_known(memory: Path) -> None:
    """Or the test above would say nothing."""
    known = set()
    for kind, (keys, format_, ndim) in {**KINDS, "viewer": (VIEWER, "n5", 3)}.items():
        memo = Memo(Options("zmeta"))
        for number in range(3):
            shutil.rmtree(memory / "a", ignore_errors=True)
            put(memory / "a", {**keys, "stain": "OTO", "step": 17}, format_, ndim, number)
            known |= {kind} if memo.follow(str(memory / "a")) is not None else set()
    assert known == {*KINDS, "viewer"}
