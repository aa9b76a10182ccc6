"""Containers of one writer are planned by their text alone as the walk over them gives them, to the last byte."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from builders import V2, array, group, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_migrate_images import both, consolidated

from zmeta.config import Config
from zmeta.migration import image_memo
from zmeta.migration.options import Options
from zmeta.migration.plan import plan_units
from zmeta.migration.tree import Memo

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from zmeta.migration.unit import Unit

    Both = Callable[..., tuple[list[Unit], int]]

__all__ = ["both"]

TARGETS = ("zmeta", "ome-ngff@0.4", "ome-ngff@0.5")
FORMATS = ("v2", "v3", "n5")
EXTENTS = {"v2": "shape", "v3": "shape", "n5": "dimensions"}
#: Sizes and offsets of as many containers, as they are written.
NUMBERS: list[tuple[list[Any], list[Any]]] = [
    ([40, 4, 4], [80, 8, 8]),
    ([40.0, 4.0, 4.0], [7.0, 8.0, 9.0]),
    ([5.24, 4.0, 3.5], [0.5, 8.0, 3.25]),
    ([8, 8, 8], [16, 8, 16]),
    ([3.24, 1, 0.5], [0, 0, 5]),
    ([7, 5, 9], [-70, -5, -9]),
    ([0.1, 0.2, 0.3], [0.1, 0.0, 0.0]),
    ([4, 4, 4], [9, 9, 9]),
]


@pytest.fixture(autouse=True)
def _early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Learn from the second container of a kind."""
    monkeypatch.setattr(image_memo, "_OFTEN", 2)


def daisy(sizes: list[Any], places: list[Any]) -> dict[str, Any]:
    return {"resolution": sizes, "offset": places}


def funlib(sizes: list[Any], places: list[Any]) -> dict[str, Any]:
    names = {"axis_names": ["z", "y", "x"], "units": ["nm"] * len(sizes)}
    return {**names, "voxel_size": sizes, "offset": places, "lab": {"run": 12, "by": "me"}}


def viewer(sizes: list[Any], _: list[Any]) -> dict[str, Any]:
    return {"pixelResolution": {"dimensions": sizes, "unit": "nm"}, "downsamplingFactors": [2, 4, 3]}


def plain(sizes: list[Any], _: list[Any]) -> dict[str, Any]:
    return {"resolution": sizes}


SAID = {"daisy": daisy, "funlib": funlib, "viewer": viewer, "no offset": plain, "nothing": lambda *_: {}}


def put(
    folder: Path,
    number: int,
    kind: str = "v2",
    says: Callable[[list[Any], list[Any]], dict[str, Any]] = daisy,
    names: tuple[str, ...] = ("raw", "labels"),
) -> Path:
    """Write a container as gunpowder lays it out, with numbers of its own."""
    group(folder, kind)
    group(folder / "volumes", kind, {"lab": number} if number % 2 else {})
    for index, name in enumerate(names):
        sizes, places = NUMBERS[(number + 3 * index) % len(NUMBERS)]
        array(folder / "volumes" / name, kind, says(sizes, places), **{EXTENTS[kind]: [64 + number, 32, 16 + index]})
    return folder


def many(root: Path, kind: str, count: int = 24, **how: Any) -> list[Path]:
    return [put(root / f"c{number:02}.zarr", number, kind, **how) for number in range(count)]


# --- what is known by its text --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("said", SAID)
@pytest.mark.parametrize("to", TARGETS)
def test_containers(kind: str, said: str, to: str, tmp_path: Path, both: Both) -> None:
    many(tmp_path, kind, says=SAID[said])
    units, followed = both(tmp_path, to)
    assert followed > (8 if kind != "n5" else 2)  # where it matters which numbers of a list are equal
    is_written = kind == "n5" and to == "zmeta"
    if said != "nothing" and (kind != "n5" or is_written) and (kind, to) != ("v3", "ome-ngff@0.4"):
        assert any(unit.changes for unit in units)


@pytest.mark.parametrize("kind", ["v2", "v3"])
@pytest.mark.parametrize("to", TARGETS)
def test_containers_with_copies(kind: str, to: str, tmp_path: Path, both: Both) -> None:
    for container in many(tmp_path, kind, says=funlib):
        consolidated(container)
    units, followed = both(tmp_path, to)
    assert followed > 8
    made = [
        json.loads(change.new) for unit in units for change in unit.changes if change.new and b'"metadata"' in change.new
    ]
    assert made or (kind, to) == ("v3", "ome-ngff@0.4")


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("to", TARGETS)
def test_groups_with_nothing_in_them(kind: str, to: str, tmp_path: Path, both: Both) -> None:
    for number in range(12):
        group(group(tmp_path / f"c{number:02}.zarr", kind) / "volumes", kind)
    _, followed = both(tmp_path, to)
    assert followed >= 10


def test_numbers_are_written_where_they_belong(tmp_path: Path) -> None:
    """The last container is known by its text: no other one has numbers such as these."""
    many(tmp_path, "v2")
    put(tmp_path / "last.zarr", 1)
    folder = tmp_path / "last.zarr/volumes"
    array(folder / "raw", "v2", daisy([1.25, 2.0, 3], [10, -20.5, 30.0]), shape=[65, 32, 16])
    array(folder / "labels", "v2", daisy([4, 5.0, 6], [0.5, 40, 50]), shape=[65, 32, 17])
    new = {
        c.file: json.loads(c.new) for unit in plan_units([tmp_path], Options("ome-ngff@0.5")) for c in unit.changes if c.new
    }
    images = new[str(folder / "zarr.json")]["attributes"]["ome"]["multiscales"]
    said = {
        image["name"]: [item[item["type"]] for item in image["datasets"][0]["coordinateTransformations"]] for image in images
    }
    assert said == {"raw": [[1.25, 2, 3], [10, -20.5, 30]], "labels": [[4, 5, 6], [0.5, 40, 50]]}
    assert new[str(folder / "raw/zarr.json")]["shape"] == [65, 32, 16]


# --- what is not ----------------------------------------------------------------------------------------------------------


def _says(name: str, **keys: Any) -> Callable[[Path, str], object]:
    """Return what changes some attributes of an array of a container."""

    def change(container: Path, kind: str) -> None:
        file = container / "volumes" / name / {"v2": ".zattrs", "v3": "zarr.json", "n5": "attributes.json"}[kind]
        document = json.loads(file.read_text())
        (document["attributes"] if kind == "v3" else document).update(keys)
        write(file.parent, {file.name: document})

    return change


def _text(name: str, old: str, new: str) -> Callable[[Path, str], object]:
    """Return what changes the text of the attributes of an array."""

    def change(container: Path, kind: str) -> None:
        file = container / "volumes" / name / {"v2": ".zattrs", "v3": "zarr.json", "n5": "attributes.json"}[kind]
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new, 1))

    return change


def _beside(container: Path, kind: str) -> None:
    """Leave what an unfinished conversion leaves."""
    name, data = ("zarr.json", {"zarr_format": 3, "node_type": "group"}) if kind != "v3" else (".zgroup", {"zarr_format": 2})
    write(container / "volumes", {name: data})


ODD: dict[str, Callable[[Path, str], object]] = {
    "one array more": lambda c, kind: array(c / "volumes/mask", kind, daisy([9, 9, 9], [0, 0, 0])),
    "an array beside the group": lambda c, kind: array(c / "mask", kind, daisy([9, 9, 9], [0, 0, 0])),
    "one group more": lambda c, kind: group(c / "volumes/more", kind),
    "a link": lambda c, kind: (c / "volumes/link").symlink_to(c.parent / "c00.zarr/volumes/raw"),
    "a group that says something": lambda c, kind: group(
        c / "volumes", kind, {"resolution": [4, 4, 4], "offset": [0, 0, 0]}
    ),
    "a corner at zero": _says("raw", offset=[0, 0, 0]),
    "a size of zero": _says("raw", resolution=[0, 4, 4]),
    "a size below zero": _says("raw", resolution=[-4, 4, 4]),
    "as many digits as no float has": _text("raw", "[", "[0.10000000000000000555, "),
    "an exponent": _says("raw", resolution=[1e-7, 4, 4]),
    "another key": _says("raw", voxel_size=[4, 4, 4]),
    "two axes": _says("raw", resolution=[4, 4], offset=[1, 1]),
    "text": _says("raw", resolution=["4", "4", "4"]),
    "a list from both ends": _says("raw", resolution=[4, 4.0, 4.0], offset=[5.0, 5, 5]),
    "broken": _text("raw", "{", "[{"),
    "a document beside": _beside,
    "a copy below": lambda c, kind: consolidated(c / "volumes") if kind != "n5" else None,
    "a foreign value": _says("raw", lab="<b>%s %d %b</b>"),
    "a path in a value": lambda c, kind: _says("raw", lab=str(c))(c, kind),
}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("to", TARGETS)
def test_odd_containers(kind: str, odd: str, to: str, tmp_path: Path, both: Both) -> None:
    """What else a container may be, the first ones and later ones: the plan is that of the long way."""
    containers = many(tmp_path, kind)
    for number in (1, 9, 14, 21):
        ODD[odd](containers[number], kind)
    _, followed = both(tmp_path, to)
    assert followed > 2


@pytest.mark.parametrize("to", ["zmeta", "ome-ngff@0.5"])
def test_a_copy_that_says_something_else(to: str, tmp_path: Path, both: Both) -> None:
    containers = many(tmp_path, "v2")
    for number, container in enumerate(containers):
        consolidated(container)
        if number in (12, 17):
            file = container / ".zmetadata"
            document = json.loads(file.read_text())
            place = document["metadata"]["volumes/raw/.zattrs"]["resolution"]
            place[1] = place[1] + 0.0 if number == 12 else 77
            write(container, {".zmetadata": document})
    _, followed = both(tmp_path, to)
    assert followed > 8


ABOVE: list[dict[str, Any]] = [
    {"resolution": [4, 4, 4]}, {"axes": ["z", "y", "x"]}, {"units": ["um"] * 3}, {"scales": [[1] * 3] * 2},
    {"pixelResolution": {"dimensions": [4, 4, 4], "unit": "nm"}},
]  # fmt: skip


@pytest.mark.parametrize("keys", ABOVE, ids=str)
@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("inner", ["", "between"])
def test_what_stands_above_a_container(keys: dict[str, Any], kind: str, inner: str, tmp_path: Path, both: Both) -> None:
    for above, said in (("a", {}), ("b", keys)):
        group(tmp_path / above, kind, said)
        if inner:
            group(tmp_path / above / inner, kind)
        for number in range(8):
            put(
                tmp_path / above / inner / f"c{number}",
                number,
                kind,
                says=viewer if number % 2 else daisy,
                names=("s0", "s1"),
            )
    for to in TARGETS:
        units, _ = both(tmp_path, to)
        assert units


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("to", TARGETS)
def test_levels_of_a_pyramid_in_containers(kind: str, to: str, tmp_path: Path, both: Both) -> None:
    """Some of them become one image, and others two: the numbers tell."""
    for number in range(16):
        folder = put(tmp_path / f"c{number:02}.zarr", number, kind, names=()) / "volumes"
        for level in range(2):
            extent = {EXTENTS[kind]: [(64 + 2 * number) >> level] * 3}
            sizes = [(4 + number) << level if number % 3 else 7 + level] * 3
            array(folder / f"s{level}", kind, daisy(sizes, [number] * 3), **extent)
    units, followed = both(tmp_path, to)
    assert followed > 4 or to != "zmeta"
    if kind == "v2" and to == "ome-ngff@0.5":
        new = [json.loads(c.new) for unit in units for c in unit.changes if c.file.endswith("volumes/zarr.json") and c.new]
        assert {len(document["attributes"]["ome"]["multiscales"]) for document in new} == {1, 2}


@pytest.mark.parametrize("options", [{"keep_legacy": True}, {"axes": ("c", "y", "x")}], ids=str)
@pytest.mark.parametrize("kind", FORMATS)
def test_options(options: dict[str, Any], kind: str, tmp_path: Path, both: Both) -> None:
    many(tmp_path, kind)
    for to in TARGETS:
        units, _ = both(tmp_path, to, **options)
        assert units


@pytest.mark.parametrize("target", ["here", "above"])
def test_a_tree_is_one_container(target: str, tmp_path: Path, both: Both) -> None:
    """Containers inside of one that keeps a copy of all of them, and of some more."""
    root = group(tmp_path / "all.zarr")
    containers = many(root, "v2", 12)
    for container in containers[::4]:
        consolidated(container)
    consolidated(root)
    file = root / ".zmetadata"
    document = json.loads(file.read_text())
    del document["metadata"]["c05.zarr/volumes/raw/.zarray"]
    write(root, {".zmetadata": document})
    for to in TARGETS:
        if target == "here":
            units, followed = both(root, to)
            assert followed > 4
            if to == "zmeta":
                new = next(json.loads(c.new) for unit in units for c in unit.changes if c.file == str(file) and c.new)
                same = "c05.zarr/volumes/raw/.zattrs"  # of no array, as far as the copy goes
                assert new["metadata"][same] == document["metadata"][same]
                assert new["metadata"]["c06.zarr/volumes/raw/.zattrs"]["axes"] == ["z", "y", "x"]
        elif to != "ome-ngff@0.5":  # parts of a container cannot go to Zarr v3
            units = list(plan_units(containers[2:9], Options(to)))
            assert any(change.file == str(file) for unit in units for change in unit.changes)


def test_an_array_that_is_no_part_of_a_group(tmp_path: Path, both: Both) -> None:
    """No image can list it: it is told so by its text as well."""
    for number in range(60):
        sizes, places = NUMBERS[number % len(NUMBERS)]
        array(tmp_path / f"a{number:02}", "v2", funlib(sizes, places))
        array(tmp_path / f"b{number:02}", "n5", {"transform": {"axes": ["z", "y", "x"], "scale": sizes, "translate": places,
                                                               "units": ["nm"] * 3}})  # fmt: skip
    seen: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        follow = Memo.follow

        def told(self: Memo, path: str, **how: Any) -> image_memo.Planned | None:
            planned = follow(self, path, **how)
            seen.extend([path] * (planned is not None))
            return planned

        patch.setattr(Memo, "follow", told)
        for to in ("ome-ngff@0.4", "ome-ngff@0.5"):
            seen.clear()
            units, _ = both(tmp_path, to)
            assert all(unit.blocked for unit in units)
            assert {os.path.basename(path)[0] for path in seen} == {"a", "b"}


# --- any numbers ----------------------------------------------------------------------------------------------------------

_NUMBER = st.one_of(
    st.integers(-3, 40), st.integers(-(10**17), 10**17), st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(-1000, 1000, places=3).map(float), st.sampled_from([0, 0.0, -0.0, 0.5, 4, 4.0, 8, 1e-7, 1e22]),
)  # fmt: skip
_LIST = st.lists(_NUMBER, min_size=3, max_size=3)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    numbers=st.lists(st.tuples(_LIST, _LIST), min_size=6, max_size=6),
    kind=st.sampled_from(FORMATS),
    says=st.sampled_from([daisy, funlib]),
    to=st.sampled_from(TARGETS),
    copy=st.booleans(),
    axes=st.sampled_from([(), (), ("c", "y", "x"), ("t", "y", "x")]),
)
def test_any_numbers(
    numbers: list[tuple[list[Any], list[Any]]],
    kind: str,
    says: Callable[[list[Any], list[Any]], dict[str, Any]],
    to: str,
    copy: bool,
    axes: tuple[str, ...],
    tmp_path_factory: pytest.TempPathFactory,
    both: Both,
) -> None:
    root = tmp_path_factory.mktemp("any")
    containers = many(root, kind, 12, says=says)
    for container, (sizes, places) in zip(containers[6:], numbers, strict=True):
        array(container / "volumes/raw", kind, says(sizes, places))
    for container in containers if copy and kind != "n5" else ():
        consolidated(container)
    both(root, to, axes=axes)


@pytest.mark.parametrize("depth", [100, 400])
@pytest.mark.parametrize("to", TARGETS)
def test_values_as_deep_as_they_may_be(depth: int, to: str, tmp_path: Path, both: Both) -> None:
    """A document that is made of another one may be a little deeper than any that is read."""
    value: Any = 1
    for _ in range(depth - 1):
        value = [value]
    for root in (group(tmp_path / "c.zarr"), tmp_path / "alone"):
        for number in range(50):
            array(root / f"a{number:02}", "v2", {**daisy([4 + number, 4, 4], [1 + number, 2, 3]), "deep": value})
    entries = {f"a{number:02}/.zarray": V2 for number in range(50)}
    write(tmp_path / "c.zarr", {".zmetadata": {"zarr_consolidated_format": 1, "metadata": {".zgroup": {}, **entries}}})
    units, _ = both(tmp_path, to, config=Config(max_depth=depth))
    assert sum(len(unit.changes) for unit in units) > 50


@pytest.mark.parametrize("copy", [True, False])
def test_a_container_that_is_half_way_to_zarr_v3(copy: bool, tmp_path: Path, both: Both) -> None:
    """What is there already is listed in the new copy, though nothing of it changes."""
    root = group(tmp_path / "all.zarr")
    many(root, "v2", 8)
    if copy:
        consolidated(root)
    for number in range(8, 20):
        group(group(root / f"c{number:02}.zarr", "v3") / "volumes", "v3")
    units, followed = both(root, "ome-ngff@0.5")
    assert followed or copy
    new = next(change.new for unit in units for change in unit.changes if change.file == str(root / "zarr.json"))
    listed = json.loads(new or b"").get("consolidated_metadata", {"metadata": {}})["metadata"]
    assert ("c19.zarr/volumes" in listed) is copy
    assert ("c00.zarr/volumes/raw" in listed) is copy
