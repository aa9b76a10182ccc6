"""Pyramids of COSEM become images, and are planned by their text alone as the walk gives them, to the last byte."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from builders import array, group
from hypothesis import given, settings
from hypothesis import strategies as st
from test_migrate_images import both, consolidated, numbers, without_texts
from test_migrate_images import places as corners

from zmeta.migration.options import Options
from zmeta.migration.plan import plan_units
from zmeta.migration.tree import Memo

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from zmeta.migration.unit import Unit

    Own = Callable[[int, dict[str, Any]], dict[str, Any]]
    Both = Callable[..., tuple[list[Unit], int]]

__all__ = ["both"]

#: Scale and centre of each level.
Levels = list[tuple[list[Any], list[Any]]]
FORMATS = ("v2", "v3", "n5")


def levels_of(sizes: Sequence[Any], corner: Sequence[Any] = (8, -3.5, 0), factors: Sequence[float] = (1, 2, 2)) -> Levels:
    """Levels that share a corner, with numbers as they are written: a whole one without a point stays one."""
    found: Levels = []
    for level in range(3):
        scale = [_like(sizes, size * factor**level) for size, factor in zip(sizes, factors, strict=True)]
        centres = [Fraction(repr(place)) + Fraction(repr(size)) / 2 for place, size in zip(corner, scale, strict=True)]
        found.append((scale, [_like(sizes, float(centre)) for centre in centres]))
    return found


def _like(sizes: Sequence[Any], number: float) -> Any:
    return int(number) if number == int(number) and type(sizes[0]) is int else number


def transform(scale: list[Any], centre: list[Any], *, first_x: bool = False, **more: Any) -> dict[str, Any]:
    names, way = (["x", "y", "z"], -1) if first_x else (["z", "y", "x"], 1)
    order = {"order": "F" if first_x else "C"}
    return {"axes": names, **order, "scale": scale[::way], "translate": centre[::way], "units": ["nm"] * 3, **more}


def _as_it_is(level: int, keys: dict[str, Any]) -> dict[str, Any]:
    return keys


def put(
    folder: Path,
    levels: Levels,
    kind: str = "n5",
    *,
    shape: int = 64,
    factors: Sequence[float] = (1, 2, 2),
    first_x: bool = False,
    viewer: bool = True,
    more: dict[str, Any] | None = None,
    own: Own = _as_it_is,
) -> Path:
    """Write a pyramid as cellmap-schemas does; in N5 with what viewers read, on the levels and on the group."""
    entries = [
        {"path": f"s{level}", "transform": transform(scale, centre, first_x=first_x)}
        for level, (scale, centre) in enumerate(levels)
    ]
    keys: dict[str, Any] = {"multiscales": [{"datasets": entries, "name": folder.name}], **(more or {})}
    size = {"pixelResolution": {"dimensions": levels[0][0][::-1], "unit": "nm"}}
    if kind == "n5" and viewer:
        scales = [[factor**level for factor in factors[::-1]] for level in range(len(levels))]
        keys |= {"axes": ["x", "y", "z"], "units": ["nm"] * 3, "scales": scales, **size}
    group(folder, kind, keys)
    for level, (scale, centre) in enumerate(levels):
        extents = [int(shape // factor**level) for factor in factors]
        chunk = {"name": "regular", "configuration": {"chunk_shape": [16 + level] * 3}}
        extent: dict[str, dict[str, Any]] = {
            "v2": {"shape": extents, "chunks": [16 + level] * 3},
            "v3": {"shape": extents, "chunk_grid": chunk},
            "n5": {"dimensions": extents[::-1], "blockSize": [16 + level] * 3},
        }
        said: dict[str, Any] = {"transform": transform(scale, centre, first_x=first_x)}
        if kind == "n5" and viewer:
            said["pixelResolution"] = {"dimensions": scale[::-1], "unit": "nm"}
        array(folder / f"s{level}", kind, own(level, said), **extent[kind])
    return folder


SIZES: list[list[Any]] = [
    [5.24, 4.0, 3.5], [8, 8, 8], [4.0, 4.0, 4.0], [40, 4, 4], [3.24, 1, 0.5], [7, 5, 9], [0.1, 0.2, 0.3], [2.0, 3.0, 4.0],
]  # fmt: skip
CORNERS: list[list[Any]] = [[0, 0, 0], [0.0, 0.0, 5.0], [-1, 2, 3]]
KINDS: dict[str, dict[str, Any]] = {
    "plain": {}, "x first": {"first_x": True}, "foreign keys": {"more": {"lab": {"n": 12345}}},
    "without a size for viewers": {"viewer": False},
}  # fmt: skip


# --- what they become -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["v2", "v3"])
@pytest.mark.parametrize("to", ["ome-ngff@0.4", "ome-ngff@0.5"])
def test_a_pyramid_becomes_one_image(kind: str, to: str, tmp_path: Path) -> None:
    put(tmp_path / "em", levels_of([5.24, 4.0, 3.5]), kind, more={"lab": 1})
    units = list(plan_units([tmp_path / "em"], Options(to)))
    if (kind, to) == ("v3", "ome-ngff@0.4"):
        assert [unit.blocked for unit in units] == [True, True, True]
        return
    name = "zarr.json" if to == "ome-ngff@0.5" else ".zattrs"
    new = next(change.new for change in units[0].changes if change.file == str(tmp_path / "em" / name))
    document = json.loads(new or b"")
    keys = document.get("attributes", document)
    images = keys["ome"]["multiscales"] if to == "ome-ngff@0.5" else keys["multiscales"]
    assert keys["lab"] == 1
    assert [image["name"] for image in images] == ["em"]
    transforms = [[item[item["type"]] for item in entry["coordinateTransformations"]] for entry in images[0]["datasets"]]
    assert transforms == [[[5.24, size * 4, size * 3.5], [8, -3.5, 0]] for size in (1, 2, 4)]
    assert b'"transform"' not in b"".join(c.new or b"" for c in units[0].changes if "/s" in c.file)
    assert "multiscales" not in keys or to == "ome-ngff@0.4"


@pytest.mark.parametrize("to", ["ome-ngff@0.4", "ome-ngff@0.5"])
def test_levels_that_are_no_pyramid_become_images(to: str, tmp_path: Path) -> None:
    levels = levels_of([5.24, 4.0, 3.5])
    levels[1][1][0] += 1.5
    put(tmp_path / "em", levels, "v2")
    units = list(plan_units([tmp_path / "em"], Options(to)))
    new = next(change.new for change in units[0].changes if change.file.endswith(("em/zarr.json", "em/.zattrs")))
    document = json.loads(new or b"")
    keys = document["attributes"]["ome"] if to == "ome-ngff@0.5" else document
    assert [image["name"] for image in keys["multiscales"]] == ["s0", "s1", "s2"]


@pytest.mark.parametrize("to", ["ome-ngff@0.4", "ome-ngff@0.5"])
def test_levels_that_no_image_can_hold_keep_what_they_say(to: str, tmp_path: Path) -> None:
    def odd(level: int, keys: dict[str, Any]) -> dict[str, Any]:
        return {"transform": {**keys["transform"], "axes": ["z", "t", "x"]}}

    put(tmp_path / "em", levels_of([5.24, 4.0, 3.5]), "v2", own=odd)
    units = list(plan_units([tmp_path / "em"], Options(to)))
    assert units
    assert all(unit.blocked for unit in units)


def test_a_pyramid_of_one_level_keeps_its_name(tmp_path: Path, both: Both) -> None:
    for number, sizes in enumerate(SIZES):
        put(tmp_path / f"em{number}", levels_of(sizes)[:1], "v2")
    units, followed = both(tmp_path, "ome-ngff@0.4")
    assert followed == len(SIZES)
    new = [json.loads(change.new or b"") for unit in units for change in unit.changes if "s0" not in change.file]
    assert [keys["multiscales"][0]["name"] for keys in new] == [f"em{number}" for number in range(len(SIZES))]


def test_a_level_that_is_a_link_is_no_part_of_the_image(tmp_path: Path) -> None:
    _linked(put(tmp_path / "c" / "em", levels_of([5.24, 4.0, 3.5]), "v2") / "s2", tmp_path / "there")
    units = list(plan_units([tmp_path / "c" / "em"], Options("ome-ngff@0.4")))
    assert [unit.steps[0] for unit in units if unit.steps and "list" in unit.steps[0]] == ["list s0, s1"]


# --- both ways ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("how", KINDS)
@pytest.mark.parametrize("to", ["zmeta", "ome-ngff@0.5", "ome-ngff@0.4", "cosem", "funlib-persistence"])
def test_both_ways_give_the_same(kind: str, how: str, to: str, tmp_path: Path, both: Both) -> None:
    for number, sizes in enumerate(SIZES):
        put(tmp_path / f"i{number}", levels_of(sizes), kind, **KINDS[how])
    for number, corner in enumerate(CORNERS):
        put(tmp_path / f"j{number}", levels_of([4, 6, 8], corner), kind, **KINDS[how])
    units, followed = both(tmp_path, to)
    if to == "zmeta":
        assert followed == len(SIZES) + 3
        assert bool(units) == (kind != "n5")
    if to == "ome-ngff@0.5":
        assert followed >= (len(SIZES) if how != "x first" else 0)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    "options",
    [{"keep_legacy": True}, {"allow_loss": frozenset({"units", "offset"})}],
    ids=lambda options: next(iter(options)),
)
def test_options(kind: str, options: dict[str, Any], tmp_path: Path, both: Both) -> None:
    for number, sizes in enumerate(SIZES):
        put(tmp_path / f"i{number}", levels_of(sizes), kind)
    for to in ("zmeta", "ome-ngff@0.5", "cosem", "daisy"):
        both(tmp_path, to, **options)


def test_with_a_consolidated_copy(tmp_path: Path, both: Both) -> None:
    for number, sizes in enumerate(SIZES):
        consolidated(put(tmp_path / f"i{number}", levels_of(sizes), "v2"))
    for to in ("zmeta", "ome-ngff@0.5"):
        _, followed = both(tmp_path, to)
        assert followed >= len(SIZES) - 1


@pytest.mark.parametrize("kind", FORMATS)
def test_levels_with_corners_of_their_own(kind: str, tmp_path: Path, both: Both) -> None:
    """As where half a voxel was rounded: arrays take it as it is, and an image has no place for it."""
    for number, sizes in enumerate(SIZES):
        levels = levels_of(sizes)
        levels[1][1][number % 3] += 0.125
        put(tmp_path / f"i{number}", levels, kind)
    assert both(tmp_path, "zmeta")[1] == len(SIZES)
    for number, sizes in enumerate(SIZES):
        put(tmp_path / f"j{number}", levels_of(sizes), kind)
    both(tmp_path, "ome-ngff@0.5")


OFF: dict[str, Callable[[Levels], object]] = {
    "another corner": lambda levels: levels[2][1].__setitem__(0, levels[2][1][0] + 1),
    "nearly the same corner": lambda levels: levels[2][1].__setitem__(0, levels[2][1][0] + 2**-40),
    "finer": lambda levels: levels[1][0].__setitem__(1, levels[0][0][1] / 2),
    "no size": lambda levels: levels[1][0].__setitem__(1, 0),
    "a negative size": lambda levels: levels[1][0].__setitem__(1, -levels[1][0][1]),
    "the sizes of the first": lambda levels: levels[2].__getitem__(0).__setitem__(slice(None), levels[0][0]),
    "the sizes of the one before": lambda levels: levels[2].__getitem__(0).__setitem__(slice(None), levels[1][0]),
    "minus zero": lambda levels: levels[0][1].__setitem__(2, -0.0),
    "an exponent": lambda levels: levels[0][1].__setitem__(2, 1e-9),
    "many digits": lambda levels: levels[0][1].__setitem__(2, 12345678901234567890),
}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("off", OFF)
@pytest.mark.parametrize("to", ["zmeta", "ome-ngff@0.5"])
def test_numbers_that_do_not_fit(kind: str, off: str, to: str, tmp_path: Path, both: Both) -> None:
    for number, sizes in enumerate([*SIZES[:1], *SIZES]):
        levels = levels_of(sizes)
        if number:
            OFF[off](levels)
        put(tmp_path / f"i{number}", levels, kind)
    both(tmp_path, to)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("shape", [64, 65, 66, 67, 3, 2, 1])
@pytest.mark.parametrize("factors", [(1, 2, 2), (2, 2, 2), (3, 3, 3), (2, 2, 0.5), (2, 1, 1)], ids=str)
def test_shapes_that_do_not_fit_the_sizes(
    kind: str, shape: int, factors: tuple[float, ...], tmp_path: Path, both: Both
) -> None:
    """The first two teach; then levels of the same sizes have one shape after the other."""
    for number in range(2):
        put(tmp_path / f"a{number}", levels_of([4, 6, 8]), kind)
    for number, sizes in enumerate(SIZES):
        put(tmp_path / f"i{number}", levels_of(sizes, factors=factors), kind, shape=shape * 9, factors=factors)
        put(tmp_path / f"j{number}", levels_of(sizes, factors=factors), kind, shape=max(shape, 9))
        for level in (1, 2):
            for file, key in ((".zarray", "shape"), ("zarr.json", "shape")):
                place = tmp_path / f"j{number}" / f"s{level}" / file
                if place.exists():
                    document = json.loads(place.read_text())
                    document[key][1] += number - 2
                    place.write_text(json.dumps(document))
    both(tmp_path, "ome-ngff@0.5")


@pytest.mark.parametrize("kind", FORMATS)
def test_a_level_that_is_the_one_before_once_more(kind: str, tmp_path: Path, both: Both) -> None:
    for number, sizes in enumerate([*SIZES, *SIZES]):
        levels = levels_of(sizes)
        if number >= len(SIZES):
            levels[2] = levels[1]
        put(tmp_path / f"i{number:02}", levels, kind, shape=64)
        for file in (tmp_path / f"i{number:02}" / "s2").iterdir():
            if number >= len(SIZES):
                file.write_text((tmp_path / f"i{number:02}" / "s1" / file.name).read_text())
    for to in ("zmeta", "ome-ngff@0.5"):
        both(tmp_path, to)


def _other_size(level: int, keys: dict[str, Any]) -> dict[str, Any]:
    scale = keys["transform"]["scale"]
    wrong = {**keys["transform"], "scale": [scale[0] + 1, *scale[1:]]}
    return {**keys, "transform": wrong} if level == 1 else keys


def _other_place(level: int, keys: dict[str, Any]) -> dict[str, Any]:
    centre = keys["transform"]["translate"]
    return {**keys, "transform": {**keys["transform"], "translate": [centre[0] + 1, *centre[1:]]}} if level == 1 else keys


def _other_for_viewers(level: int, keys: dict[str, Any]) -> dict[str, Any]:
    size = keys.get("pixelResolution", {"dimensions": [1, 1, 1], "unit": "nm"})
    return {**keys, "pixelResolution": {**size, "dimensions": [*size["dimensions"][:2], 77]}} if level == 1 else keys


def _not_turned(level: int, keys: dict[str, Any]) -> dict[str, Any]:
    return {**keys, "pixelResolution": {"dimensions": keys["transform"]["scale"], "unit": "nm"}}


def _base_everywhere(level: int, keys: dict[str, Any]) -> dict[str, Any]:
    size = keys.get("pixelResolution", {"dimensions": [1, 1, 1], "unit": "nm"})
    return {**keys, "pixelResolution": {**size, "dimensions": [3.5, 4.0, 5.24]}}


def _as_floats(level: int, keys: dict[str, Any]) -> dict[str, Any]:
    inner = keys["transform"]
    return {**keys, "transform": {**inner, "scale": [*map(float, inner["scale"])]}}


WRONG = [_other_size, _other_place, _other_for_viewers, _not_turned, _base_everywhere, _as_floats]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("to", ["zmeta", "ome-ngff@0.5"])
def test_a_level_that_says_something_else(kind: str, wrong: Own, to: str, tmp_path: Path, both: Both) -> None:
    """Both that which fits is learnt from first, and that which does not."""
    for order in (0, 1):
        for number, sizes in enumerate(SIZES):
            put(tmp_path / f"{order}a{number}", levels_of(sizes), kind, own=wrong if order else _as_it_is)
            put(tmp_path / f"{order}b{number}", levels_of(sizes), kind, own=_as_it_is if order else wrong)
        both(tmp_path, to)
        both(tmp_path, to, keep_legacy=True)


@pytest.mark.parametrize("odd", ["-0", "-0.0", "4.50", "4e0", "0.1000000000000000055", "1" + "0" * 20, "NaN", '"4"', "null"])
@pytest.mark.parametrize("place", ["scale", "translate", "dimensions", "shape", "path", "axes"])
@pytest.mark.parametrize("kind", ["v2", "n5"])
def test_an_odd_literal(odd: str, place: str, kind: str, tmp_path: Path, both: Both) -> None:
    """Everywhere it stands, and on the group alone."""
    for number, sizes in enumerate([*SIZES, *SIZES]):
        folder = put(tmp_path / f"i{number:02}", levels_of(sizes), kind)
        for file in folder.rglob("*" if number % 3 else "*a*") if number else ():
            if file.is_file():
                file.write_text(re.sub(rf'("{place}": \[\s*)[^,\]]+', rf"\g<1>{odd}", file.read_text()))
    for to in ("zmeta", "ome-ngff@0.5"):
        both(tmp_path, to)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_group_that_repeats_another_size_for_viewers(kind: str, tmp_path: Path, both: Both) -> None:
    for number, sizes in enumerate([*SIZES, *SIZES]):
        size = {"pixelResolution": {"dimensions": levels_of(sizes)[number % 3][0][::-1], "unit": "nm"}}
        put(tmp_path / f"i{number:02}", levels_of(sizes), kind, more={} if number % 4 else size)
        file = tmp_path / f"i{number:02}" / "attributes.json"
        if kind == "n5":
            file.write_text(json.dumps({**json.loads(file.read_text()), **size}))
    for to in ("zmeta", "cosem"):
        both(tmp_path, to)


def _linked(folder: Path, there: Path) -> None:
    folder.rename(there)
    folder.symlink_to(there)


BESIDE: dict[str, Callable[[Path], object]] = {
    "another array": lambda folder: array(folder / "t", "v2", {"resolution": [4, 4, 4], "offset": [0, 0, 0]}),
    "a folder": lambda folder: (folder / "t").mkdir(),
    "a file of another format": lambda folder: (folder / "s1" / "attributes.json").write_text("{}"),
    "a newer document": lambda folder: array(folder / "s1", "v3"),
    "a level that is gone": lambda folder: (folder / "s2").rename(folder.parent / f"gone {folder.name}"),
    "a link": lambda folder: _linked(folder / "s2", folder.parent / f"there {folder.name}"),
}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("beside", BESIDE)
def test_what_stands_beside(kind: str, beside: str, tmp_path: Path, both: Both) -> None:
    for number, sizes in enumerate(SIZES):
        put(tmp_path / "c" / f"i{number}", levels_of(sizes), kind)
        if number % 2:
            BESIDE[beside](tmp_path / "c" / f"i{number}")
    for to in ("zmeta", "ome-ngff@0.5"):
        both(tmp_path / "c", to)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_group_above_that_speaks(kind: str, tmp_path: Path, both: Both) -> None:
    """What alone says nothing of arrays is passed, though some readers combine it with what they say themselves."""
    outer: dict[str, dict[str, Any]] = {
        "silent": {}, "factors": {"scales": [[1, 1, 1], [3, 3, 3], [9, 9, 9]]}, "units": {"units": ["um"] * 3},
        "telling": {"axes": ["x", "y", "z"], "units": ["nm"] * 3},
        "size": {"pixelResolution": {"dimensions": [1, 1, 1], "unit": "um"}},
    }  # fmt: skip
    for name, keys in outer.items():
        group(tmp_path / name, kind, keys)
        for number, sizes in enumerate(SIZES):
            put(tmp_path / name / f"i{number}", levels_of(sizes), kind)
    _, followed = both(tmp_path, "zmeta")
    assert followed == 3 * len(SIZES)


@st.composite
def pyramids(draw: Any) -> Levels:
    """Levels of a pyramid: most are sound, and in some a number is off."""
    sizes = draw(st.lists(numbers, min_size=3, max_size=3))
    levels = levels_of(sizes, draw(st.lists(corners, min_size=3, max_size=3)), draw(st.permutations([1, 2, 2])))
    if draw(st.booleans()):
        vector = draw(st.sampled_from([vector for pair in levels for vector in pair]))
        odd = st.sampled_from([0, 0.0, -0.0, -1, 1e-9, 1e22, 123456789012345678, 0.30000000000000004])
        vector[draw(st.integers(0, 2))] = draw(st.one_of(odd, numbers, numbers.map(lambda n: n * (1 + 1e-12))))
    return levels


@settings(max_examples=60, deadline=None)
@given(st.lists(pyramids(), min_size=1, max_size=5), st.sampled_from(["zmeta", "ome-ngff@0.5"]), st.sampled_from(FORMATS))
def test_pyramids_of_all_numbers(tmp_path_factory: pytest.TempPathFactory, found: list[Levels], to: str, kind: str) -> None:
    folder = tmp_path_factory.mktemp("pyramids")
    put(folder / "a", levels_of([5.24, 4.0, 3.5]), kind)
    for number, levels in enumerate(found):
        put(folder / f"i{number}", levels, kind)
    short = list(plan_units([folder], Options(to)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Memo, "__init__", without_texts)
        assert list(map(repr, short)) == list(map(repr, plan_units([folder], Options(to))))


# --- pyramids for viewers of N5 -------------------------------------------------------------------------------------------


def put_viewer(
    folder: Path,
    sizes: list[Any],
    *,
    axes: bool = False,
    own: Own | None = None,
    nested: bool = False,
    factors: Sequence[Any] = (2, 2, 1),
    more: dict[str, Any] | None = None,
    extra: dict[str, Any] | None = None,
) -> Path:
    """Write a pyramid of which the group tells sizes and factors; with `own`, its levels state sizes too."""
    table = [[factor**level for factor in factors] for level in range(3)]
    size = {"pixelResolution": {"dimensions": sizes, "unit": "nm"}}
    keys: dict[str, Any] = {"downsamplingFactors" if nested else "scales": table}
    if axes:
        keys |= {"axes": ["x", "y", "z"], "units": ["nm"] * 3}
    keys |= {"resolution": sizes} if nested else size
    group(folder, "n5", {**keys, **(more or {})})
    for level in range(3):
        scale = [
            _like(sizes, float(Fraction(repr(size)) * factor)) for size, factor in zip(sizes, table[level], strict=True)
        ]
        said = own(level, {"pixelResolution": {"dimensions": scale, "unit": "nm"}}) if own else {}
        extents = {"dimensions": [96 >> level, 64 >> level, 32], "blockSize": [16 + level] * 3}
        array(folder / f"s{level}", "n5", {**said, **(extra or {})}, **extents)
    return folder


VIEWERS: dict[str, dict[str, Any]] = {
    "n5-viewer": {}, "odd factors": {"factors": (3, 2, 5)}, "neuroglancer": {"axes": True, "nested": True},
    "sizes on levels": {"axes": True, "own": _as_it_is}, "cellmap": {"own": _as_it_is},
    "foreign keys": {"more": {"stain": "OTO 5"}, "extra": {"step": 7}}, "only names": {"axes": True},
}  # fmt: skip


@pytest.mark.parametrize("kind", VIEWERS)
@pytest.mark.parametrize("to", ["zmeta", "ome-ngff@0.5", "n5-viewer"])
@pytest.mark.parametrize("keep", [False, True])
def test_pyramids_for_viewers(kind: str, to: str, keep: bool, tmp_path: Path, both: Both) -> None:
    for number, sizes in enumerate(SIZES):
        put_viewer(tmp_path / f"i{number}", sizes, **VIEWERS[kind])
        put_viewer(tmp_path / f"j{number}", [sizes[0], sizes[1], sizes[0]], **VIEWERS[kind])
    units, followed = both(tmp_path, to, keep_legacy=keep)
    assert followed >= 2 * len(SIZES) - 2 or to == "n5-viewer", "only what is written in two ways takes the long way"
    assert units or to == "n5-viewer"


def _the_base(level: int, keys: dict[str, Any]) -> dict[str, Any]:
    size = keys["pixelResolution"]
    return keys if level != 1 else {"pixelResolution": {**size, "dimensions": [size["dimensions"][0] / 2] * 3}}


def _none_on_one(level: int, keys: dict[str, Any]) -> dict[str, Any]:
    return {} if level == 1 else keys


def _another_at_first(level: int, keys: dict[str, Any]) -> dict[str, Any]:
    return {"pixelResolution": {**keys["pixelResolution"], "dimensions": [3, 4, 5]}} if level == 0 else keys


def _a_list_on_one(level: int, keys: dict[str, Any]) -> dict[str, Any]:
    return {"pixelResolution": [8, 8, 8]} if level == 1 else {}


def _with_factors(level: int, keys: dict[str, Any]) -> dict[str, Any]:
    return {**keys, "downsamplingFactors": [1 + level] * 3}


def _factors_alone(level: int, keys: dict[str, Any]) -> dict[str, Any]:
    return {"downsamplingFactors": [1 + level] * 3}


def _with_a_place(level: int, keys: dict[str, Any]) -> dict[str, Any]:
    return {**keys, "resolution": [4, 4, 4], "offset": [1, 2, 3]}


ODD: dict[str, dict[str, Any]] = {
    "the base on a level": {"own": _the_base}, "no size on one": {"own": _none_on_one},
    "another size at first": {"own": _another_at_first}, "a list on one": {"own": _a_list_on_one},
    "factors too": {"own": _with_factors}, "factors alone": {"own": _factors_alone}, "a place": {"own": _with_a_place},
    "no factors": {"more": {"scales": []}}, "few factors": {"more": {"scales": [[1, 1, 1], [2, 2, 1]]}},
    "fractions": {"factors": (1.5, 2, 1)}, "zero": {"factors": (0, 2, 1)}, "too short": {"factors": (2, 2)},
    "two tables": {"more": {"downsamplingFactors": [[1, 1, 1], [4, 4, 4], [8, 8, 8]]}},
    "two sizes": {"more": {"resolution": [9, 9, 9]}}, "no unit": {"more": {"axes": ["x", "y", "z"]}},
    "an affine": {"extra": {"affineTransform": [1]}}, "paintera": {"more": {"painteraData": {}}},
    "factors that repeat": {"factors": (1, 1, 1), "own": _as_it_is},
}  # fmt: skip


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("outer", [{}, {"units": ["um"] * 3}, {"scales": [[1, 1, 1], [4, 4, 4], [9, 9, 9]]}], ids=str)
def test_pyramids_for_viewers_that_are_odd(odd: str, outer: dict[str, Any], tmp_path: Path, both: Both) -> None:
    """Both with those that fit and without."""
    for name in ("a", "b"):
        group(tmp_path / name, "n5", outer)
        for number, sizes in enumerate(SIZES):
            if "factors" in ODD[odd] and len(ODD[odd]["factors"]) == 2:
                put_viewer(tmp_path / name / f"i{number}", sizes, more={"scales": [[1, 1], [2, 2], [4, 4]]})
            else:
                put_viewer(tmp_path / name / f"i{number}", sizes, **ODD[odd])
            if name == "b":
                put_viewer(tmp_path / name / f"h{number}", sizes)
                put_viewer(tmp_path / name / f"j{number}", sizes, own=_as_it_is)
    both(tmp_path, "zmeta")


def test_names_of_levels_and_what_stands_beside_them(tmp_path: Path, both: Both) -> None:
    for number, sizes in enumerate([*SIZES, *SIZES]):
        folder = put_viewer(tmp_path / f"i{number:02}", sizes)
        match number % 4:
            case 1:
                (folder / "s2").rename(folder / "s3")
            case 2:
                array(folder / "t", "n5", {})
            case 3:
                _linked(folder / "s1", tmp_path.parent / f"there{number}")
    assert 0 < both(tmp_path, "zmeta")[1] <= 4
    for number, sizes in enumerate(SIZES):
        folder = put_viewer(tmp_path / f"n{number}", sizes)
        for level in range(3):
            (folder / f"s{level}").rename(folder / f"t{level}")
    assert 0 < both(tmp_path, "zmeta")[1] <= 4


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(numbers, min_size=3, max_size=3), min_size=1, max_size=6), st.sampled_from([*VIEWERS]))
def test_sizes_for_viewers_of_all_numbers(
    tmp_path_factory: pytest.TempPathFactory, found: list[list[Any]], kind: str
) -> None:
    folder = tmp_path_factory.mktemp("viewers")
    put_viewer(folder / "a", [4.0, 4.5, 40.0], **VIEWERS[kind])
    for number, sizes in enumerate(found):
        put_viewer(folder / f"i{number}", sizes, **VIEWERS[kind])
    short = list(plan_units([folder], Options("zmeta")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Memo, "__init__", without_texts)
        assert list(map(repr, short)) == list(map(repr, plan_units([folder], Options("zmeta"))))
