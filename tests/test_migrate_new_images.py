"""Arrays that become images are planned in short where they are like others: to the last byte as each alone would be."""

from __future__ import annotations

import json
import os
import random
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from builders import SOUND, V2, WILD, array, copied, group, write
from test_migrate_memo import COSEM, FUNLIB

from zmeta.config import parse_config
from zmeta.jsondoc import HOLE, ExactFloat, Filled, Form, dump_json
from zmeta.migration import array_memo, documents, tree
from zmeta.migration.kinds import Kinds
from zmeta.migration.lone_images import LoneImages
from zmeta.migration.options import Options
from zmeta.migration.plan import plan_units
from zmeta.migration.tree import Tally
from zmeta.nodes import to_v3
from zmeta.steps.declarative import parse_steps
from zmeta.steps.graph import Graph
from zmeta.steps.registry import STEPS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from zmeta.migration.unit import Unit
    from zmeta.nodes.node import Node

#: Kinds of arrays that become images, with their dimensions.
KINDS: dict[str, tuple[dict[str, Any], int]] = {
    "funlib 0.6": (FUNLIB, 3),
    "funlib 0.5": ({key: FUNLIB[key] for key in ("axis_names", "units", "voxel_size", "offset")}, 3),
    "funlib with a channel": (
        {**FUNLIB, "axis_names": ["c^", "z", "y", "x"], "types": ["channel", *["space"] * 3]} | {"units": ["", *["nm"] * 3]},
        4,
    ),
    "gunpowder": ({"offset": [700, 1536, 960], "resolution": [35, 6, 12]}, 3),
    "gunpowder with channels": ({"offset": [700, 1536, 960], "resolution": [35, 6, 12]}, 4),
    "a snapshot": ({"offset": [7, 5, 9], "value_range": [1, 1], "voxel_size": [35, 6, 12]}, 3),
    "a resolution alone": ({"resolution": [8, 8, 8]}, 3),
    "dacapo": ({"axes": ["z", "y", "x"], "resolution": [8, 4, 4], "offset": [0, 0, 0]}, 3),
    "dacapo with channels": ({"axes": ["c^", "z", "y", "x"], "resolution": [8, 4, 4], "offset": [0, 0, 0],
                              "_ARRAY_DIMENSIONS": ["c^", "z", "y", "x"]}, 4),
    "with names": ({"_ARRAY_DIMENSIONS": ["z", "y", "x"], "resolution": [8, 4, 4], "offset": [0, 0, 0]}, 3),
    "cosem": ({"transform": COSEM}, 3),
    "zmeta": (SOUND, 3),
    "hostile keys": ({"the numbers of an array": ["the numbers of an array", "\0hole", "%s"], **FUNLIB}, 3),
    "hostile names": ({**FUNLIB, "axis_names": ["z", "%s%%", 'q"']}, 3),
    "a name as a hole": ({**FUNLIB, "axis_names": ["z", "\0hole", "x"]}, 3),
    "foreign keys": ({"stain": "OTO", "more": {"deep": [1, 2.5, None]}, **FUNLIB}, 3),
}  # fmt: skip
#: What is no image, or none without a decision.
OTHERS: list[dict[str, Any]] = [
    {}, {"stain": "OTO"}, {"_ARRAY_DIMENSIONS": ["z", "y", "x"]}, {"offset": [1, 2, 3]}, {"resolution": [0, 4, 4]},
    {"resolution": [-4, 4, 4], "offset": [0, 0, 0]}, {"resolution": [4, 4]}, {"resolution": "4"},
    {"resolution": [4, 4, 4], "voxel_size": [8, 4, 4], "offset": [0, 0, 0]}, {**FUNLIB, "axis_names": ["x", "x", "z"]},
    {**FUNLIB, "types": ["space", "time", "space"]}, {**FUNLIB, "types": ["space", "space", "channel"]},
    {**FUNLIB, "units": ["mm", "s", "nm"]}, {**FUNLIB, "units": ["mm", "um", "angstrom"]},
    {**FUNLIB, "units": ["px", "", ""]},
    {**FUNLIB, "zarr_conventions": [{"uuid": "0b0b0b0b-1234-4be5-97f6-9fa7d4985563", "name": "other"}]},
    {**FUNLIB, "zarr_conventions": [{"uuid": 7}]}, {"transform": {**COSEM, "ordering": "F"}},
    {"transform": {**COSEM, "axes": 5}},
    {"pixelResolution": {"dimensions": [4, 4, 40], "unit": "nm"}}, {"dimension_units": ["4 nm", "4 nm", "40 nm"]},
    {"multiscales": [{"datasets": [{"path": "a"}]}]}, {"ome": 5}, {"voxel_size": [4, 4, 4], "units": "nm"},
]  # fmt: skip
NUMBERS: list[Any] = [
    4, 40, 1, 1000, 8.0, 9.8, 0.36, 5.24, 41, 43.0, 41.5, 2**53 - 1, 1e15, 0.1, 1e-9, 123456789.125, 0.30000000000000004,
]  # fmt: skip
PLACES: list[Any] = [0, 0, 0, -2, -8, 0.0, -0.0, -0.5, -41, -(2**53) + 1, -1e-9, 10**9, 20, 400]
ODD: list[Any] = [2**53, 10**30, 1e22, 1e-200, 1e300, True, None, "4", [], ExactFloat("4.50"), ExactFloat("1e-3"), 0, -1]
#: Documents of arrays by what differs from the usual one.
ARRAYS: list[dict[str, Any]] = [
    {}, {}, {}, {"dtype": "<u2"}, {"dtype": "<f4", "fill_value": "NaN"}, {"dtype": ">i8", "fill_value": -3}, {"order": "F"},
    {"compressor": {"id": "zlib", "level": 1}}, {"compressor": {"id": "gzip", "level": 5}}, {"fill_value": None},
    {"compressor": {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0}},
    {"filters": [{"id": "delta", "dtype": "|u1", "astype": "|u1"}]}, {"dimension_separator": "/"}, {"filters": []},
    {"dtype": "|b1", "fill_value": False}, {"dtype": "<f8", "fill_value": ExactFloat("1e-3")}, {"mine": [1]},
    {"zarr_format": "2"},
]  # fmt: skip
#: What has no form in Zarr v3, or is no document of Zarr v2.
BROKEN: list[dict[str, Any]] = [
    {"compressor": {"id": "unheard-of"}}, {"dtype": "<M8[ns]"}, {"dtype": [["a", "<u2"]]}, {"order": "A"},
    {"chunks": [4, 5]},
    {"chunks": [0, 5, 6]}, {"shape": [0, 0, 0], "chunks": [0, 0, 0]}, {"shape": [4, 5, True]}, {"chunks": [4, 5, 6.0]},
    {"chunks": None}, {"shape": [-1, 5, 6]}, {"fill_value": "x"}, {"dimension_separator": "-"},
]  # fmt: skip
NAMES = [
    'quo"te', "back\\slash", "ünïcode", "日本", "a b", "C:", "C:\\x", "%20", "tab\there", "new\nline", "a.zarr", "-", "{}",
    os.fsdecode(b"no-utf8-\xff"), "the numbers of an array", "array", "multiscales", "..x", "~", "\x7f", "a&b<c>",
]  # fmt: skip


def numbered(keys: dict[str, Any], draw: Callable[[str], Any]) -> dict[str, Any]:
    """The same keys with other numbers in their lists."""
    return {
        key: [draw(key) for _ in value]
        if key in ("voxel_size", "resolution", "offset", "scale", "translate") and isinstance(value, list)
        else numbered(value, draw)
        if key == "transform" and isinstance(value, dict)
        else value
        for key, value in keys.items()
    }


def put(folder: Path, keys: dict[str, Any], ndim: int, chance: random.Random, kind: str = "v2", **changes: Any) -> None:
    """Write an array with a shape of its own."""
    shape, chunks = ([chance.randint(1, 3000) for _ in range(ndim)] for _ in range(2))
    place: dict[str, Any] = {"shape": shape, "chunks": chunks}
    if kind == "v3":
        place = {"shape": shape, "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunks}}}
        changes = {}
    array(folder, kind, keys, **{**place, **changes})


def fill(folder: Path, chance: random.Random, count: int, *, kind: str = "v2", wild: bool = False) -> None:
    """Put arrays into a group: of few kinds with other numbers, or anything at all."""
    names = [f"{name}{number}" for number in range(count) for name in ("a", "raw", "x") if chance.random() < 0.5][:count]
    names += chance.sample(NAMES, 2)
    for name in names:
        keys, ndim = chance.choice(list(KINDS.values()))
        if wild and chance.random() < 0.3:
            keys, ndim = chance.choice(OTHERS), 3
        many = [*NUMBERS, *ODD] if wild and chance.random() < 0.3 else NUMBERS
        keys = numbered(keys, lambda key, many=many: chance.choice(PLACES if key in ("offset", "translate") else many))  # type: ignore[misc]
        if "offset" in keys and chance.random() < 0.2:
            keys = {
                **keys,
                "offset": [-size / 2 if isinstance(size, int) else 0 for size in keys.get("resolution", [4, 4, 4])],
            }
        changes = chance.choice(BROKEN if wild and chance.random() < 0.1 else ARRAYS)
        put(folder / name, keys, ndim, chance, kind, **changes)


def pyramid(folder: Path, chance: random.Random, kind: str = "v2") -> None:
    """Put the levels of an image into a group."""
    for level in range(3):
        changes = {"shape": [64, 64 >> level, 64 >> level]}
        keys = {**FUNLIB, "voxel_size": [40, 4 << level, 4 << level], "offset": [0, 8, 8]}
        put(folder / f"s{level}", keys, 3, chance, kind, **changes)


def grow(root: Path, seed: int) -> None:
    """Write containers of every sort: sound ones, in which all becomes an image, and wild ones."""
    chance = random.Random(seed)
    labels: list[dict[str, Any]] = [{}, {"labels": ["a"]}, {"omero": 5}, {"omero": {"channels": []}}, {"mine": [1.5]}]
    for number in range(6):
        kind = "v3" if number == 4 else "v2"
        top = root / f"c{number}.zarr"
        group(top, kind)
        for inner in range(4):
            folder = top / f"g{inner}"
            if inner != 3 or kind == "v3":  # else a folder without a document
                group(folder, kind, chance.choice(labels[:2] if number < 3 else labels))
            fill(folder, chance, 12, kind=kind, wild=number in (3, 5))
        pyramid(top / "g1", chance, kind)
        fill(top, chance, 3, kind=kind, wild=number == 5)
        if number == 2:
            copies = {os.path.relpath(file, top).replace(os.sep, "/"): json.loads(file.read_bytes())
                      for file in sorted(top.rglob(".z*"))}  # fmt: skip
            write(top, {".zmetadata": {"zarr_consolidated_format": 1, "metadata": copies}})
    for number in range(20):
        fill(group(root / f"d{number:02}.zarr", "v2", chance.choice(labels)), chance, 3, wild=True)
    entry = {"axes": [{"name": n, "type": "space"} for n in "zyx"], "version": "0.4", "datasets": [
        {"path": "listed", "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 1]}]}]}  # fmt: skip
    group(root / "listed.zarr", "v2", {"multiscales": [entry]})
    fill(root / "listed.zarr", chance, 6)
    put(root / "listed.zarr/listed", {}, 3, chance)
    put(root / "listed.zarr/half-way", FUNLIB, 3, chance, "v3")


@pytest.fixture
def followed() -> set[str]:
    """The arrays that were known by their text, in the last plan of `both`."""
    return set()


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch, followed: set[str]) -> Callable[..., tuple[list[Unit], int]]:
    """Plan trees by text, by what is parsed, and the long way; return the units, and of how many arrays it was known what
    becomes of them."""
    parsed: set[str] = set()
    find, follow = LoneImages.find, LoneImages.follow

    def found(self: LoneImages, name: str, node: Node) -> Any:
        known = find(self, name, node)
        parsed.update([node.path] if known is not None else [])
        return known

    def read(self: LoneImages, name: str, path: str, formats: Any) -> Any:
        known = follow(self, name, path, formats)
        followed.update([path] if known is not None else [])
        return known

    monkeypatch.setattr(LoneImages, "find", found)
    monkeypatch.setattr(LoneImages, "follow", read)

    def plan(*paths: Path, to: str = "ome-ngff@0.5", **options: Any) -> tuple[list[Unit], int]:
        parsed.clear()
        followed.clear()
        tallies = Tally(), Tally(), Tally()
        units = list(plan_units(paths, Options(to, **options), tallies[0]))
        texts, known = {*followed}, parsed | followed
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(LoneImages, "follow", lambda *_: None)
            parsed.clear()
            by_kind = list(plan_units(paths, Options(to, **options), tallies[1]))
            assert parsed == known
            take_the_long_way(patch)
            alone = list(plan_units(paths, Options(to, **options), tallies[2]))
        assert [repr(unit) for unit in by_kind] == [repr(unit) for unit in alone]
        assert [repr(unit) for unit in units] == [repr(unit) for unit in alone]
        assert tallies[0] == tallies[1] == tallies[2]
        followed.clear()
        followed.update(texts)
        return units, len(known)

    return plan


def take_the_long_way(patch: pytest.MonkeyPatch) -> None:
    """Forget all that is remembered of arrays that become images."""
    patch.setattr(LoneImages, "find", lambda *_: None)
    patch.setattr(LoneImages, "follow", lambda *_: None)
    patch.setattr(tree, "_is_seen_alike", lambda *_: False)
    patch.setattr(to_v3, "_find_kind", lambda *_: None)
    patch.setattr(documents, "_dump_array", lambda document: dump_json(document, documents._NEW_V3))


@pytest.fixture(autouse=True)
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin with nothing that other tests taught, and learn from the second array of a kind on."""
    monkeypatch.setattr(array_memo, "_OFTEN", 1)
    monkeypatch.setattr(to_v3, "_CONVERTED", {})
    monkeypatch.setattr(documents, "_TEXTS", Kinds())


OPTIONS: dict[str, dict[str, Any]] = {
    "0.5": {"to": "ome-ngff@0.5"}, "0.4": {"to": "ome-ngff@0.4"}, "0.3": {"to": "ome-ngff@0.3"},
    "keep": {"to": "ome-ngff@0.5", "keep_legacy": True},
    "axes": {"to": "ome-ngff@0.4", "axes": ("y", "x", "z")}, "loss": {"to": "ome-ngff", "allow_loss": frozenset({"units"})},
    "centre": {"to": "ome-ngff@0.5", "config": parse_config({"ome_anchor": "centre"}, "zmeta.toml")},
    "mirror": {"to": "ome-ngff@0.5", "config": parse_config({"mirror": ["daisy"]}, "zmeta.toml")},
    "pixels": {"to": "ome-ngff@0.5", "pixel_scale": True}, "zmeta": {"to": "zmeta"},
}  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("seed", range(3))
def test_containers_of_every_sort(
    seed: int, options: str, tmp_path: Path, both: Callable[..., tuple[list[Unit], int]], followed: set[str]
) -> None:
    grow(tmp_path, seed)
    units, known = both(tmp_path, **OPTIONS[options])
    assert len(units) > 20
    assert (known > 30) == (len(followed) >= 9) == (options not in ("0.3", "keep", "mirror", "zmeta"))
    if options == "0.5":
        assert any(unit.blocked for unit in units)
        assert sum(len(unit.changes) for unit in units) > 600


@pytest.mark.parametrize("to", ["ome-ngff@0.4", "ome-ngff@0.5"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_third_array_of_a_kind_is_known(
    kind: str, to: str, tmp_path: Path, both: Callable[..., tuple[list[Unit], int]], followed: set[str]
) -> None:
    chance = random.Random(kind)
    keys, ndim = KINDS[kind]
    for number in range(8):
        sizes = iter(range(number + 1, 100))
        put(group(tmp_path / "c.zarr") / f"a{number}", numbered(keys, lambda key, s=sizes: next(s)), ndim, chance)  # type: ignore[misc]
    units, known = both(tmp_path, to=to)
    assert not any(unit.blocked for unit in units)
    assert known == 7
    assert len(followed) == 6


@pytest.mark.parametrize("kind", ["funlib 0.6", "gunpowder with channels", "dacapo", "cosem", "foreign keys"])
def test_numbers_of_every_sort(
    kind: str, tmp_path: Path, both: Callable[..., tuple[list[Unit], int]], followed: set[str]
) -> None:
    chance = random.Random(kind)
    keys, ndim = KINDS[kind]
    for number in range(80):
        sizes: list[Any] = chance.choice([[4, 8, 40], [4.0, 8.0, 40.0], [1.5, 0.36, 9.8], NUMBERS, [*NUMBERS, *ODD]])
        places: list[Any] = chance.choice([[0, 0, -2, 8], [0.0, -0.5, 20.0], PLACES, [*PLACES, *ODD]])
        found = numbered(keys, partial(pick, chance, sizes, places))
        put(group(tmp_path / f"{number % 3}.zarr") / f"a{number}", found, ndim, chance)
    both(tmp_path)
    assert len(followed) > 8


def pick(chance: random.Random, sizes: list[Any], places: list[Any], key: str) -> Any:
    return chance.choice(places if key in ("offset", "translate") else sizes)


def rows(folder: Path, count: int = 8, kind: str = "v2", name: str = "a") -> Path:
    """Put arrays of one kind, with numbers of their own, into a folder."""
    for number in range(count):
        keys = {**FUNLIB, "voxel_size": [40 + number, 4, 4], "offset": [number, 8, 8 + number]}
        put(folder / f"{name}{number}", keys, 3, random.Random(number), kind)
    return folder


def test_arrays_that_are_known_by_their_text_in_zarr_v3(
    tmp_path: Path, both: Callable[..., tuple[list[Unit], int]], followed: set[str]
) -> None:
    """Not where a document of Zarr v2 stands beside, nor in a folder that may become a group of Zarr v3."""
    rows(group(tmp_path / "c.zarr", "v3"), kind="v3")
    write(tmp_path / "c.zarr/a5", {".zarray": V2})
    rows(tmp_path / "c.zarr/folder", kind="v3")
    group(tmp_path / "c.zarr/v2")
    rows(tmp_path / "c.zarr/v2", 1, kind="v3")
    units, _ = both(tmp_path)
    assert {os.path.relpath(path, tmp_path) for path in followed} == {f"c.zarr/a{number}" for number in (2, 3, 4, 6, 7)}
    assert [found.file for unit in units for found in unit.findings if found.code == "ZM004"]
    both(tmp_path, to="ome-ngff@0.4")
    assert not followed


@pytest.mark.parametrize("above", [{}, {"resolution": [4, 4, 4]}, {"multiscales": []}, {"omero": 5}, {"mine": 5}], ids=str)
@pytest.mark.parametrize("copy", ["", "here", "above"])
def test_what_stands_above_arrays_that_are_known_by_their_text(
    above: dict[str, Any], copy: str, tmp_path: Path, both: Callable[..., tuple[list[Unit], int]], followed: set[str]
) -> None:
    """They are not, where a group says something that is read with them; one may keep a copy of them."""
    group(tmp_path / "c.zarr")
    rows(group(tmp_path / "c.zarr/g", "v2", above))
    rows(tmp_path / "c.zarr", name="z")
    if copy:
        top = tmp_path / ("c.zarr/g" if copy == "here" else "c.zarr")
        copies = {os.path.relpath(file, top).replace(os.sep, "/"): json.loads(file.read_bytes())
                  for file in sorted(top.rglob(".z*"))}  # fmt: skip
        write(top, {".zmetadata": {"zarr_consolidated_format": 1, "metadata": copies}})
    for to in ("ome-ngff@0.4", "ome-ngff@0.5"):
        units, _ = both(tmp_path, to=to)
        assert any(unit.changes for unit in units)
        in_group = [path for path in followed if f"{os.sep}g{os.sep}" in path]
        assert len(in_group) == 8 * (above.keys() <= {"omero", "mine"})
        assert (len(followed) - len(in_group)) == 6


def test_levels_of_a_pyramid_that_are_known_by_their_text(
    tmp_path: Path, both: Callable[..., tuple[list[Unit], int]], followed: set[str]
) -> None:
    """Levels have one image for all of them, though each was found to be one of its own."""
    group(tmp_path / "c.zarr")
    pyramid(group(tmp_path / "c.zarr/a"), random.Random(0))
    pyramid(group(tmp_path / "c.zarr/b"), random.Random(0))
    units, _ = both(tmp_path)
    assert {os.path.relpath(path, tmp_path / "c.zarr") for path in followed} >= {"b/s0", "b/s1", "b/s2"}
    (made,) = (change.new for unit in units for change in unit.changes if change.file.endswith(f"b{os.sep}zarr.json"))
    images = json.loads(made or b"")["attributes"]["ome"]["multiscales"]
    assert [[level["path"] for level in image["datasets"]] for image in images] == [["s0", "s1", "s2"]]


def test_a_folder_above_new_images_becomes_a_group(
    tmp_path: Path, both: Callable[..., tuple[list[Unit], int]], followed: set[str]
) -> None:
    """Zarr v3 knows no group without a document."""
    group(tmp_path / "c.zarr")
    rows(group(tmp_path / "c.zarr/folder/g"))
    units, _ = both(tmp_path)
    assert len(followed) == 6
    files = [os.path.relpath(change.file, tmp_path) for unit in units for change in unit.changes]
    assert os.path.join("c.zarr", "folder", "zarr.json") in files


def test_arrays_that_links_have_led_to_before(
    tmp_path: Path, both: Callable[..., tuple[list[Unit], int]], followed: set[str]
) -> None:
    """They are told of where the link stands, and not once more."""
    rows(group(tmp_path / "elsewhere.zarr"))
    group(tmp_path / "c.zarr")
    (tmp_path / "c.zarr/one").symlink_to(tmp_path / "elsewhere.zarr/a3")
    (tmp_path / "c.zarr/two").symlink_to(tmp_path / "elsewhere.zarr")
    both(tmp_path / "c.zarr")
    assert followed


@pytest.mark.parametrize(
    "kind", sorted({folder.parent for folder in WILD.glob("*/*") if folder.is_dir()}), ids=lambda f: f.name
)
def test_what_real_writers_write(kind: Path, tmp_path: Path, both: Callable[..., tuple[list[Unit], int]]) -> None:
    for number in range(3):
        copied(kind, tmp_path / f"copy{number}")
    for to in ("ome-ngff@0.4", "ome-ngff@0.5"):
        both(tmp_path, to=to)


@pytest.mark.parametrize(
    "table",
    [
        {"override": [{"match": ["*/a4"], "world_unit": ["micrometer", "second"]}]},
        {"override": [{"match": ["*/a4"], "ome_anchor": "centre"}]},
        {"mirror": ["daisy"]},
        {"world_unit": "micrometer"},
        {"profile": [{"schema": "lab.json", "match": ["*"]}]},
    ],
    ids=str,
)
def test_settings(table: dict[str, Any], tmp_path: Path, both: Callable[..., tuple[list[Unit], int]]) -> None:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "properties": {"stain": {"type": "string"}}}
    write(tmp_path, {"lab.json": schema})
    config = parse_config(table, str(tmp_path / "zmeta.toml"))
    group(tmp_path / "c.zarr")
    for number in range(7):
        stain: Any = 5 if number == 5 else "OTO"
        put(tmp_path / f"c.zarr/a{number}", {**FUNLIB, "stain": stain}, 3, random.Random(number))
    for to in ("ome-ngff@0.4", "ome-ngff@0.5"):
        assert (both(tmp_path / "c.zarr", to=to, config=config)[1] > 0) == ("world_unit" in table)


CONVENTION = """
from fractions import Fraction
from zmeta.conventions.base import ConventionVersion

def decode(draft):
    if draft.node.attributes["lab"] == 3:
        draft.voxel_size = (Fraction(7),) * draft.node.ndim

def detect(node):
    return "lab" in node.attributes

VERSIONS = (ConventionVersion("lab", "1", "", "", "", detect, decode, None, evidence=frozenset({"lab"})),)
"""


def test_a_convention_of_the_user(tmp_path: Path, both: Callable[..., tuple[list[Unit], int]]) -> None:
    """Which may read a key that nobody else reads."""
    write(tmp_path, {"lab.py": CONVENTION})
    config = parse_config({"conventions": ["lab.py"]}, str(tmp_path / "zmeta.toml"))
    group(tmp_path / "c.zarr")
    for number in range(7):
        put(tmp_path / f"c.zarr/a{number}", {**FUNLIB, "lab": number}, 3, random.Random(number))
    units, known = both(tmp_path / "c.zarr", config=config)
    assert known == 0
    assert any(unit.blocked for unit in units)


@pytest.mark.parametrize("above", [{}, {"size": [4, 4, 4], "offset": [0, 0, 0]}], ids=str)
def test_a_profile_of_the_user(above: dict[str, Any], tmp_path: Path, both: Callable[..., tuple[list[Unit], int]]) -> None:
    """Whose steps may change what an array says, or the group above it, before it is listed."""
    rename: Any = {"op": "rename", "at": "/size", "to": "resolution"}
    steps = parse_steps(
        {"subject": "lab", "version_key": "/v", "step": [{"id": "l", "from": "1", "to": "2", "do": [rename]}]}
    )
    group(tmp_path / "c.zarr", "v2", {"v": "1", **above})
    for number in range(7):
        keys = {"v": "1", "size" if number == 4 else "resolution": [4, 4, 4 + number], "offset": [0, 0, 0]}
        put(tmp_path / f"c.zarr/a{number}", {} if number == 6 else keys, 3, random.Random(number))
    _, known = both(tmp_path / "c.zarr", graph=Graph([*STEPS, *steps]))
    assert known == 0


@pytest.mark.parametrize("below", ["", "inner/"])
@pytest.mark.parametrize(
    "above",
    [{"multiscales": []}, {"resolution": [4, 4, 4]}, {"painteraData": {}}, {"omero": 5}, {"labels": ["x"]}, {"mine": 1}, {}],
    ids=str,
)
def test_a_group_above_that_says_something(
    above: dict[str, Any], below: str, tmp_path: Path, both: Callable[..., tuple[list[Unit], int]]
) -> None:
    group(tmp_path / "c.zarr", "v2", above)
    group(tmp_path / "c.zarr" / below, "v2", above if not below else {"mine": 2})
    for number in range(5):
        put(tmp_path / "c.zarr" / below / f"a{number}", FUNLIB, 3, random.Random(number))
    for to in ("ome-ngff@0.4", "ome-ngff@0.5"):
        units, known = both(tmp_path / "c.zarr", to=to)
        assert (known > 0) == above.keys().isdisjoint({"multiscales", "resolution", "painteraData"})
        assert any(unit.blocked for unit in units) == ("omero" in above and not below and to == "ome-ngff@0.4")


def test_arrays_of_another_format_than_their_group(tmp_path: Path, both: Callable[..., tuple[list[Unit], int]]) -> None:
    for kind, other in (("v2", "v3"), ("v3", "v2")):
        group(tmp_path / f"{kind}.zarr", kind)
        for number in range(6):
            put(tmp_path / f"{kind}.zarr/a{number}", FUNLIB, 3, random.Random(number), kind if number % 3 else other)
    for to in ("ome-ngff@0.4", "ome-ngff@0.5"):
        both(tmp_path, to=to)


@pytest.mark.parametrize("first", range(7))
@pytest.mark.parametrize("anchor", ["corner", "centre"])
def test_a_place_of_zero_is_left_out(
    anchor: str, first: int, tmp_path: Path, both: Callable[..., tuple[list[Unit], int]]
) -> None:
    """Whatever the array says from which is learnt."""
    places: list[Any] = [[1, 1, 1], [0, 0, 0], [2, 2, 2], [0, 0, 0], [-4, -2, -2], [0.0, 0, -0.0], [0, 0, 1]]
    group(tmp_path / "c.zarr")
    for number, offset in enumerate(places[first:] + places[:first]):
        keys = {"resolution": [8, 4, 4], "offset": offset}
        put(tmp_path / f"c.zarr/a{number}", keys, 3, random.Random(number))
    config = parse_config({"ome_anchor": anchor}, "zmeta.toml")
    units, known = both(tmp_path / "c.zarr", to="ome-ngff@0.4", config=config)
    listed = b"".join(change.new or b"" for unit in units for change in unit.changes if change.file.endswith("zarr/.zattrs"))
    assert listed.count(b'"translation": [') == (4 if anchor == "corner" else 6)
    assert known == 5


@pytest.mark.parametrize("anchor", ["corner", "centre"])
def test_levels_of_pyramids(anchor: str, tmp_path: Path, both: Callable[..., tuple[list[Unit], int]]) -> None:
    """What becomes of a level is what would become of it alone."""
    for number in range(6):
        folder = group(tmp_path / f"c{number}.zarr")
        for level in range(4):
            keys = {
                **FUNLIB,
                "voxel_size": [40, 4 << level, 1.5 * 2**level],
                "offset": [0, -8 * number, 0.25 * (number % 3)],
            }
            put(folder / f"s{level}", keys, 3, random.Random(1), shape=[64, 64 >> level, 64 >> level])
        put(folder / "other", FUNLIB, 3, random.Random(number))
    config = parse_config({"ome_anchor": anchor}, "zmeta.toml")
    for to in ("ome-ngff@0.4", "ome-ngff@0.5"):
        units, known = both(tmp_path, to=to, config=config)
        assert known > 20
        assert "list other, s0, s1, s2, s3" in {step for unit in units for step in unit.steps}


def test_copies_are_told(tmp_path: Path, both: Callable[..., tuple[list[Unit], int]]) -> None:
    top = group(tmp_path / "c.zarr")
    group(top / "inner")
    for number in range(5):
        put(top / "inner" / f"a{number}", FUNLIB, 3, random.Random(number))
    copies = {file.relative_to(top).as_posix(): json.loads(file.read_bytes()) for file in sorted(top.rglob(".z*"))}
    write(top, {".zmetadata": {"zarr_consolidated_format": 1, "metadata": copies}})
    units, known = both(top)
    assert known == 4
    copy = json.loads(
        next(change.new or b"" for unit in units for change in unit.changes if change.file == str(top / "zarr.json"))
    )
    assert len(copy["consolidated_metadata"]["metadata"]) == 6


def test_a_link_to_a_group_of_arrays(tmp_path: Path, both: Callable[..., tuple[list[Unit], int]]) -> None:
    group(tmp_path / "elsewhere/g")
    for number in range(4):
        put(group(tmp_path / "elsewhere/g/inner") / f"a{number}", FUNLIB, 3, random.Random(number))
    group(tmp_path / "c.zarr")
    os.symlink(tmp_path / "elsewhere/g", tmp_path / "c.zarr/g")
    os.symlink(tmp_path / "elsewhere/g/inner/a1", tmp_path / "elsewhere/g/inner/link")
    units, _ = both(tmp_path / "c.zarr")
    linked = [finding.file for unit in units for finding in unit.findings if "reached by a link" in finding.message]
    assert len(linked) == 6


@pytest.mark.parametrize("odd", [{"chunks": [0, 0, 0], "shape": [0, 0, 0]}, {"shape": [4] * 4, "chunks": [2] * 4},
                                 {"shape": [], "chunks": []}], ids=str)  # fmt: skip
@pytest.mark.parametrize("first", [0, 1, 2, 4])
@pytest.mark.parametrize("order", ["C", "F"])
def test_an_odd_shape_among_others(
    odd: dict[str, Any], first: int, order: str, tmp_path: Path, both: Callable[..., tuple[list[Unit], int]]
) -> None:
    for keys in ({}, FUNLIB):
        folder = group(tmp_path / f"c{len(keys)}.zarr")
        for number in range(6):
            mine = number in (first, 5) and (not keys or len(odd["shape"]) == 3)
            put(folder / f"a{number}", keys, 3, random.Random(number), **(odd if mine else {}), order=order)
    units, _ = both(tmp_path)
    assert not any(unit.blocked for unit in units)


def test_what_is_remembered_is_bounded() -> None:
    names: list[str | None] = ["z", "y", "x"]
    for number in range(1000):
        to_v3.convert_array({**V2, f"k{number}": 1}, {}, names)
    assert 0 < len(to_v3._CONVERTED) <= 256
    before = len(to_v3._CONVERTED)
    to_v3.convert_array({**V2, "large": "x" * 5000}, {})
    to_v3.convert_array({**V2, "fill_value": ExactFloat("1.50"), "dtype": "<f4"}, {})
    assert len(to_v3._CONVERTED) == before


@pytest.mark.parametrize(
    "like", [None, b'{"a":1}', b'{"a": 1}', b'{\n    "a": 1\n}\n', b'{\n\t"a": 1\n}', '{"é": 1}'.encode(), b'{\r\n "a": 1}']
)
def test_objects_of_a_form_are_written_as_they_are(like: bytes | None) -> None:
    form = Form({"name": HOLE, "kept": ["%d", {"ü": 1.5}], "sizes": [HOLE, 1, HOLE]})
    values: list[tuple[Any, Any, Any]] = [
        *((name, 1, 2.5) for name in [*NAMES, HOLE, "\ud800"]), ("a", -0.0, ExactFloat("1.50")), ("%s", 10**30, 1e22),
    ]  # fmt: skip
    plain: list[Any] = [{"name": a, "kept": ["%d", {"ü": 1.5}], "sizes": [b, 1, c]} for a, b, c in values]
    filled: list[Any] = [Filled(item, form, value) for item, value in zip(plain, values, strict=True)]
    pairs: list[tuple[Any, Any]] = [(plain, filled), ([[item] for item in plain], [[item] for item in filled])]
    for first, second in pairs:
        assert dump_json({"x": {"y": second}}, like) == dump_json({"x": {"y": first}}, like)
    with pytest.raises(ValueError, match="nan"):
        dump_json([Filled({"name": "a", "kept": [], "sizes": []}, form, ("a", float("nan"), 1))], like)
