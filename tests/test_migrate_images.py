"""Images that are planned by their text alone come out as the walk over each of them gives them, to the last byte."""

from __future__ import annotations

import json
import os
import shutil
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from builders import SOUND, WILD, array, copied, dump, group, write
from hypothesis import given, settings
from hypothesis import strategies as st

from zmeta.add import check_schemas
from zmeta.config import parse_config
from zmeta.conventions.base import Edit
from zmeta.conventions.ome_ngff.detect import find_level
from zmeta.migration import image_memo, tree
from zmeta.migration.options import Options
from zmeta.migration.plan import plan_units
from zmeta.migration.spool import Spool
from zmeta.migration.tree import Memo, Tally
from zmeta.migration.unit import Unit
from zmeta.nodes.node import Node
from zmeta.pipeline import decode_node

if TYPE_CHECKING:
    from collections.abc import Callable

    from zmeta.nodes.texts import Text


SPACE = [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
TIME, CHANNEL = {"name": "t", "type": "time", "unit": "second"}, {"name": "c", "type": "channel"}
Levels = list[tuple[list[Any], list[Any] | None]]


def levels_of(sizes: list[Any], *, moves: str = "half", origin: list[Any] | None = None, count: int = 3) -> Levels:
    """Scale and translation of the levels of a pyramid that halves the last two axes."""
    found: Levels = []
    start = origin or [0.0] * len(sizes)
    for level in range(count):
        factors = [1] * (len(sizes) - 2) + [2**level] * 2
        scale = [size * factor for size, factor in zip(sizes, factors, strict=True)]
        move = [
            round(place + size * (factor - 1) / 2, 9) if moves == "half" else place
            for place, size, factor in zip(start, sizes, factors, strict=True)
        ]
        found.append((scale, None if moves == "none" else move))
    return found


def put(
    folder: Path,
    levels: Levels,
    *,
    axes: list[Any] = SPACE,
    kind: str = "v2",
    shape: int = 64,
    more: dict[str, Any] | None = None,
    image: dict[str, Any] | None = None,
    array_attributes: dict[str, Any] | None = None,
    own: Callable[[Any], Any] | None = None,
    **changes: Any,
) -> Path:
    """Write an image as OME-NGFF 0.4 in Zarr v2, or as 0.5 in v3; with `own`, its levels say the same, in such numbers."""
    datasets = []
    for number, (scale, move) in enumerate(levels):
        transforms: list[Any] = [{"type": "scale", "scale": scale}]
        if move is not None:
            transforms.append({"type": "translation", "translation": move})
        datasets.append({"path": str(number), "coordinateTransformations": transforms})
    entry: dict[str, Any] = {"axes": axes, "datasets": datasets, "name": folder.name, **(image or {})}
    if kind == "v2":
        group(folder, "v2", {"multiscales": [{**entry, "version": "0.4"}], **(more or {})})
    else:
        group(folder, "v3", {"ome": {"version": "0.5", "multiscales": [entry]}, **(more or {})})
    for number in range(len(levels)):
        extents = [shape + axis + number for axis in range(len(axes))]
        if kind == "v2":
            place: dict[str, Any] = {"shape": extents, "chunks": [16 + number] * len(axes)}
        else:
            chunk = {"name": "regular", "configuration": {"chunk_shape": [16 + number] * len(axes)}}
            place = {"shape": extents, "chunk_grid": chunk, "dimension_names": [axis["name"] for axis in axes]}
        keys = array_attributes or {}
        if own is not None:
            place_0 = levels[0][1] or [0] * len(axes)
            keys = {**SOUND, "units": ["micrometer"] * 3, "voxel_size": [*map(own, levels[number][0])],
                    "offset": [*map(own, place_0)]}  # fmt: skip
        array(folder / str(number), kind, keys, **{**place, **changes})
    return folder


def consolidated(folder: Path) -> Path:
    """Add the copy of all documents, as zarr-python 2 and 3 write it."""
    found = {file.relative_to(folder): json.loads(file.read_text()) for file in sorted(folder.rglob("*")) if file.is_file()}
    if (folder / "zarr.json").exists():
        root = found[Path("zarr.json")]
        copy = {str(file.parent): data for file, data in found.items() if str(file.parent) != "."}
        inner = {"kind": "inline", "must_understand": False, "metadata": copy}
        return write(folder, {"zarr.json": {**root, "consolidated_metadata": inner}})
    copy = {str(file): data for file, data in found.items()}
    return write(folder, {".zmetadata": {"metadata": copy, "zarr_consolidated_format": 1}})


def nested(folder: Path, kind: str) -> Path:
    """Put each level into a group of its own, as ngff-zarr does, and tell of it."""
    for number in range(3):
        between = folder / f"scale{number}"
        group(between, kind, {"_ARRAY_DIMENSIONS": ["z", "y", "x"]} if kind == "v2" else {})
        (folder / str(number)).rename(between / "em")
        file = folder / (".zattrs" if kind == "v2" else "zarr.json")
        file.write_text(file.read_text().replace(f'"path": "{number}"', f'"path": "scale{number}/em"'))
    return folder


def labelled(folder: Path, sizes: list[Any], kind: str = "v2", **options: Any) -> Path:
    """Write an image with labels, which are an image too."""
    put(folder, levels_of(sizes), kind=kind, **options)
    names = {"labels": ["cells"]}
    group(folder / "labels", kind, names if kind == "v2" else {"ome": {"version": "0.5", **names}})
    finer = [size / 2 if isinstance(size, float) else size for size in sizes]
    label: dict[str, Any] = {"colors": [{"label-value": 1, "rgba": [255, 0, 0, 128]}]}
    more = {"image-label": {**label, "version": "0.4"}} if kind == "v2" else {}
    put(folder / "labels" / "cells", levels_of(finer, origin=[4.0, 0.5, 0.0], count=2), kind=kind, more=more)
    return folder


def shown(sizes: list[Any]) -> dict[str, Any]:
    """How to show the channels: other numbers for each image."""
    window = {"min": 0, "max": 255, "start": sizes[0], "end": 100 * sizes[1]}
    return {"channels": [{"label": "DAPI", "color": "0000FF", "active": True, "window": window}]}


def shortest(number: Any) -> Any:
    return int(number) if number == int(number) else number


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[list[Unit], int]]:
    """Plan a tree both ways, and return the units, and how many images were planned by their text."""
    followed = 0
    find = image_memo.Images.follow

    def counted(self: image_memo.Images, path: str, text: Text) -> image_memo.Planned | None:
        nonlocal followed
        planned = find(self, path, text)
        followed += planned is not None
        return planned

    monkeypatch.setattr(image_memo.Images, "follow", counted)

    def plan(path: Path, to: str = "", **options: Any) -> tuple[list[Unit], int]:
        nonlocal followed
        followed = 0
        tallies = Tally(), Tally()
        short = list(plan_units([path], Options(to, **options), tallies[0]))
        count = followed
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Memo, "__init__", without_texts)
            long = list(plan_units([path], Options(to, **options), tallies[1]))
        assert short == long
        assert tallies[0] == tallies[1]
        assert followed == count
        return short, count

    return plan


_init = Memo.__init__


def without_texts(self: Memo, options: Options) -> None:
    _init(self, options)
    self.knows_texts = False


#: Kinds of images: scale and translation, and the rest; each is written several times with other numbers.
KINDS: dict[str, Callable[[Path, list[float]], Path]] = {
    "binned": lambda folder, sizes: put(folder, levels_of(sizes)),
    "scale alone": lambda folder, sizes: put(folder, levels_of(sizes, moves="none")),
    "translations of zero": lambda folder, sizes: put(folder, levels_of(sizes, moves="same")),
    "somewhere": lambda folder, sizes: put(folder, levels_of(sizes, origin=[4.0 * size for size in sizes])),
    "somewhere, as level 0": lambda folder, sizes: put(folder, levels_of(sizes, moves="same", origin=[8.5, 0.0, -3.5])),
    "v3": lambda folder, sizes: put(folder, levels_of(sizes), kind="v3"),
    "v3, somewhere": lambda folder, sizes: put(folder, levels_of(sizes, origin=[1.5, 2.5, 3.5]), kind="v3"),
    "time and channels": lambda folder, sizes: put(
        folder, levels_of([sizes[0], 1.0, *sizes]), axes=[TIME, CHANNEL, *SPACE], more={"omero": {"channels": []}}
    ),
    "one level": lambda folder, sizes: put(folder, levels_of(sizes, count=1)),
    "foreign keys": lambda folder, sizes: put(
        folder, levels_of(sizes), more={"lab": {"n": 12345}}, image={"type": "gaussian"}, array_attributes={"note": [1, 2.5]}
    ),
    "names of xarray": lambda folder, sizes: put(
        folder, levels_of(sizes), array_attributes={"_ARRAY_DIMENSIONS": ["z", "y", "x"]}
    ),
    "levels that say the same": lambda folder, sizes: put(folder, levels_of(sizes), own=lambda number: number),
    "v3, levels that say the same": lambda folder, sizes: put(
        folder, levels_of(sizes, origin=[1.5, 2.5, 3.5]), kind="v3", own=lambda number: number
    ),
    "labels": labelled,
    "v3, labels": lambda folder, sizes: labelled(folder, sizes, "v3"),
    "levels in groups": lambda folder, sizes: nested(put(folder, levels_of(sizes)), "v2"),
    "v3, levels in groups": lambda folder, sizes: nested(put(folder, levels_of(sizes), kind="v3"), "v3"),
    "a copy of all": lambda folder, sizes: consolidated(put(folder, levels_of(sizes))),
    "v3, a copy of all": lambda folder, sizes: consolidated(put(folder, levels_of(sizes), kind="v3")),
    "everything": lambda folder, sizes: consolidated(nested(labelled(
        folder, sizes, own=lambda number: number, more={"omero": shown(sizes)}), "v2")),
    "v3, everything": lambda folder, sizes: consolidated(nested(labelled(folder, sizes, "v3", more={"n": sizes}), "v3")),
    "how to show it": lambda folder, sizes: put(folder, levels_of(sizes), more={"omero": shown(sizes)}),
    "foreign keys that differ": lambda folder, sizes: put(
        folder, levels_of(sizes), more={"lab": {"n": [sizes[0], {"note": f"size {sizes[1]}"}]}}
    ),
    "without units": lambda folder, sizes: put(
        folder, levels_of(sizes), axes=[{"name": name, "type": "space"} for name in "zyx"]
    ),
}  # fmt: skip
SIZES: list[list[Any]] = [
    [0.5, 0.25, 0.25],
    [1.0, 2.0, 3.0],
    [4, 8, 8],
    [0.36, 5.24, 1],
    [1, 1, 1],
    [40, 0.1, 0.3],
    [7.25, 9.8, 9.8],
]


# --- it is the same -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("to", ["zmeta", "ome-ngff@0.5", "ome-ngff@0.4", "funlib-persistence", "daisy", "cosem"])
def test_both_ways_give_the_same(kind: str, to: str, tmp_path: Path, both: Callable[..., tuple[list[Unit], int]]) -> None:
    for number, sizes in enumerate(SIZES):
        KINDS[kind](tmp_path / f"i{number}.zarr", [*sizes])
    _, followed = both(tmp_path, to)
    if to in ("zmeta", "ome-ngff@0.5"):
        assert followed >= len(SIZES) - 1, "the short way was not taken"


@pytest.mark.parametrize("kind", KINDS)
def test_in_one_container_too(kind: str, tmp_path: Path, both: Callable[..., tuple[list[Unit], int]]) -> None:
    format_ = "v3" if kind.startswith("v3") else "v2"
    group(tmp_path / "c.zarr", format_)
    for number, sizes in enumerate(SIZES):
        KINDS[kind](tmp_path / "c.zarr" / f"i{number}", [*sizes])
    array(tmp_path / "c.zarr/z", format_, {"resolution": [4, 4, 4], "offset": [0, 0, 0]})
    for to in ("zmeta", "ome-ngff@0.5"):
        units, followed = both(tmp_path / "c.zarr", to)
        assert followed >= len(SIZES) - 1
        assert units


@pytest.mark.parametrize(
    "options",
    [{"keep_legacy": True}, {"allow_loss": frozenset({"units", "axes", "types", "offset"})}, {"axes": ("a", "b", "c")},
     {"pixel_scale": True}],
    ids=lambda options: next(iter(options)),
)  # fmt: skip
def test_options(options: dict[str, Any], tmp_path: Path, both: Callable[..., tuple[list[Unit], int]]) -> None:
    for kind, make in KINDS.items():
        for number, sizes in enumerate(SIZES[:4]):
            make(tmp_path / kind / f"i{number}.zarr", [*sizes])
    for to in ("zmeta", "ome-ngff@0.5", "funlib-persistence", "daisy"):
        both(tmp_path, to, **options)


@pytest.mark.parametrize(
    "table",
    [{"ome_anchor": "centre"}, {"world_unit": "picometer"}, {"mirror": ["daisy"]}, {"convention": "daisy"},
     {"override": [{"match": ["*/i2.zarr*"], "ome_anchor": "centre"}]}],
    ids=str,
)  # fmt: skip
def test_settings(table: dict[str, Any], tmp_path: Path, both: Callable[..., tuple[list[Unit], int]]) -> None:
    config = parse_config(table, str(tmp_path / "zmeta.toml"))
    for kind, make in KINDS.items():
        for number, sizes in enumerate(SIZES[:4]):
            make(tmp_path / kind / f"i{number}.zarr", [*sizes])
    for to in ("", "zmeta", "ome-ngff@0.5"):
        both(tmp_path, to, config=config)


numbers = st.one_of(
    st.integers(1, 10**6),
    st.integers(1, 1000).map(float),
    st.integers(1, 10**6).map(lambda n: n / 1000),
    st.floats(1e-4, 1e6).filter(lambda n: "e" not in repr(n)),
)
places = st.one_of(st.just(0), st.just(0.0), numbers, numbers.map(lambda n: -n))


@st.composite
def pyramids(draw: Any) -> Levels:
    """Levels of a pyramid: most are sound, and in some a number is off, or zero, or written in another way."""
    sizes, moved = draw(st.lists(numbers, min_size=3, max_size=3)), draw(st.booleans())
    origin = draw(st.lists(places, min_size=3, max_size=3)) if moved else [0.0, 0.0, 0.0]
    found: Levels = []
    for level in range(3):
        factors = draw(st.lists(st.sampled_from([1, 2, 3, 1.5]), min_size=3, max_size=3)) if level else [1, 1, 1]
        scale = [size * factor for size, factor in zip(found[-1][0] if found else sizes, factors, strict=True)]
        halves = [(one - size) / 2 for one, size in zip(scale, sizes, strict=True)]
        move = [place + half * draw(st.booleans()) for place, half in zip(origin, halves, strict=True)]
        found.append((scale, move))
    if draw(st.integers(0, 2)) == 0:
        vector = draw(st.sampled_from([vector for pair in found for vector in pair if vector is not None]))
        odd = st.sampled_from([0, 0.0, -0.0, -1, 1e-9, 1e22, 123456789012345678, 0.30000000000000004])
        vector[draw(st.integers(0, 2))] = draw(st.one_of(odd, numbers, numbers.map(lambda n: n * (1 + 1e-12))))
    return found


@settings(max_examples=40, deadline=None)
@given(st.lists(pyramids(), min_size=1, max_size=5), st.sampled_from(["zmeta", "ome-ngff@0.5"]))
def test_images_of_all_numbers(tmp_path_factory: pytest.TempPathFactory, found: list[Levels], to: str) -> None:
    folder = tmp_path_factory.mktemp("images")
    put(folder / "a.zarr", levels_of([0.5, 0.25, 0.25]))
    put(folder / "b.zarr", levels_of([0.5, 0.25, 0.25], origin=[1.5, 2.5, 3.5]))
    for number, levels in enumerate(found):
        put(folder / f"i{number}.zarr", levels)
    short = list(plan_units([folder], Options(to)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Memo, "__init__", without_texts)
        assert short == list(plan_units([folder], Options(to)))
    shutil.rmtree(folder)


# --- what is not like the others takes the long way -----------------------------------------------------------------------


def _consolidated(folder: Path) -> None:
    write(folder, {".zmetadata": {"zarr_consolidated_format": 1, "metadata": {}}})


def _labels(folder: Path) -> None:
    group(folder / "labels", "v2", {"labels": ["cells"]})
    put(folder / "labels/cells", levels_of([1.0, 1.0, 1.0]), more={"image-label": {"version": "0.4"}})


def _edited(name: str, change: Callable[[Any], None]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        document = json.loads((folder / name).read_text())
        change(document)
        (folder / name).write_text(dump(document))

    return edit


def _transform(document: Any, level: int, number: int) -> Any:
    return document["multiscales"][0]["datasets"][level]["coordinateTransformations"][number]


def _written(literal: str, kind: str = "scale") -> Callable[[Path], object]:
    """The first number of the last list of a kind as a writer of another language writes it."""

    def edit(folder: Path) -> None:
        text = (folder / ".zattrs").read_text()
        head, tail = text.rsplit(f'"{kind}": [', 1)
        (folder / ".zattrs").write_text(f'{head}"{kind}": [{literal}{tail[tail.index(",") :]}')

    return edit


def _as_link(folder: Path) -> None:
    shutil.move(folder / "1", folder.parent.parent / "elsewhere")
    os.symlink(folder.parent.parent / "elsewhere", folder / "1")


ODD: dict[str, Callable[[Path], object]] = {
    "a consolidated copy": _consolidated,
    "labels": _labels,
    "another array": lambda folder: array(folder / "extra", "v2", {"resolution": [1, 1, 1], "offset": [0, 0, 0]}),
    "a plain folder": lambda folder: (folder / "pictures").mkdir(),
    "a level that is missing": lambda folder: shutil.rmtree(folder / "1"),
    "a level that is broken": lambda folder: (folder / "1/.zarray").write_text("{"),
    "a level that is a group": lambda folder: (folder / "1/.zarray").rename(folder / "1/.zgroup"),
    "a level that is a link": _as_link,
    "a document of v3 beside a level": lambda folder: array(folder / "1", "v3"),
    "a document of N5 beside": lambda folder: write(folder, {"attributes.json": {}}),
    "a level with a size of its own": lambda folder: write(folder / "1", {".zattrs": {"resolution": [3, 3, 3]}}),
    "levels that share no corner": _edited(".zattrs", lambda d: _transform(d, 1, 1)["translation"].__setitem__(0, 9.0)),
    "a size of zero": _edited(".zattrs", lambda d: _transform(d, 1, 0)["scale"].__setitem__(0, 0.0)),
    "a size below zero": _edited(".zattrs", lambda d: _transform(d, 0, 0)["scale"].__setitem__(0, -1.0)),
    "level 0 elsewhere": _edited(".zattrs", lambda d: _transform(d, 0, 1)["translation"].__setitem__(0, 9.0)),
    "a zero at the end": _written("7.2500"),
    "more digits than a float has": _written("0.10000000000000001"),
    "a zero below zero": _written("-0", "translation"),
    "an exponent": _written("1e-2"),
    "a small number": _written("0.000015"),
    "a whole number of many digits": _written("123456789012345678"),
    "a number as text": _edited(".zattrs", lambda d: _transform(d, 0, 0)["scale"].__setitem__(0, "0.5")),
    "a number too many": _edited(".zattrs", lambda d: _transform(d, 0, 0)["scale"].append(1.0)),
    "a transformation of the image": _edited(
        ".zattrs",
        lambda d: d["multiscales"][0].update(coordinateTransformations=[{"type": "scale", "scale": [2.0, 2.0, 2.0]}]),
    ),
    "two images": _edited(".zattrs", lambda d: d["multiscales"].append(deepcopy(d["multiscales"][0]))),
    "an alias of a unit": _edited(".zattrs", lambda d: d["multiscales"][0]["axes"][0].update(unit="um")),
    "no version": _edited(".zattrs", lambda d: d["multiscales"][0].pop("version")),
    "version 0.3": _edited(".zattrs", lambda d: d["multiscales"][0].update(version="0.3", axes=["z", "y", "x"])),
    "an extent of zero": _edited("1/.zarray", lambda d: d["shape"].__setitem__(0, 0)),
    "a codec without a form in v3": _edited("1/.zarray", lambda d: d.update(compressor={"id": "lzo9"})),
    "another compressor": _edited("1/.zarray", lambda d: d.update(compressor={"id": "zlib", "level": 3})),
    "a name with an escape": _edited(".zattrs", lambda d: d["multiscales"][0].update(name='a "quoted" \\ name\n')),
    "a name that is a number": _edited(".zattrs", lambda d: d["multiscales"][0].update(name=10000019)),
    "numbers of a twin elsewhere": _edited(".zattrs", lambda d: d.update(lab=[4036.0, 8072, "10000019", 10000019])),
}  # fmt: skip


@pytest.mark.parametrize("to", ["zmeta", "ome-ngff@0.5"])
@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("first", [True, False], ids=["first", "later"])
def test_an_odd_one_among_them(
    odd: str, to: str, first: bool, tmp_path: Path, both: Callable[..., tuple[list[Unit], int]]
) -> None:
    root = tmp_path / "tree"
    for number, sizes in enumerate(SIZES):
        put(root / f"i{number}.zarr", levels_of([*sizes]))
    ODD[odd](root / ("i0.zarr" if first else "i4.zarr"))
    _, followed = both(root, to)
    assert followed in (len(SIZES) - 1, len(SIZES))


@pytest.mark.parametrize("odd", ODD)
def test_what_is_odd_is_not_taken_for_the_others(
    odd: str, tmp_path: Path, both: Callable[..., tuple[list[Unit], int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is learned from the odd one: it is not passed by what was learned from its neighbours."""
    root = tmp_path / "tree"
    for number, sizes in enumerate(SIZES):
        put(root / f"i{number}.zarr", levels_of([*sizes]))
    ODD[odd](root / "i4.zarr")
    monkeypatch.setattr(image_memo, "_FIRST", 1)
    _, followed = both(root, "zmeta")
    assert followed == len(SIZES) - 1


@pytest.mark.parametrize("to", ["zmeta", "ome-ngff@0.5", "cosem", "daisy"])
@pytest.mark.parametrize("origin", [None, [8.0, 0.0, 3.5]], ids=["here", "somewhere"])
@pytest.mark.parametrize("moves", ["half", "same", "none"])
def test_levels_that_say_the_same_in_other_numbers(
    to: str, origin: Any, moves: str, tmp_path: Path, both: Callable[..., tuple[list[Unit], int]]
) -> None:
    """`4.0` on the group and `4` on the level: where nothing is written, that is the same."""
    for number, sizes in enumerate([[2.0, 4.0, 4.0], *SIZES]):
        put(tmp_path / f"i{number}.zarr", levels_of([*sizes], moves=moves, origin=origin), own=shortest)
    units, followed = both(tmp_path, to)
    if to == "zmeta":
        assert followed >= len(SIZES)
        assert not units


def _stale(folder: Path) -> None:
    _edited("1/.zarray", lambda d: d.update(shape=[7, 7, 7]))(folder)


def _older(folder: Path) -> None:
    _edited(".zattrs", lambda d: d["multiscales"][0].update(name="renamed since"))(folder)


def _incomplete(folder: Path) -> None:
    _edited(".zmetadata", lambda d: d["metadata"].pop("1/.zarray"))(folder)


def _torn(folder: Path) -> None:
    (folder / ".zmetadata").write_text('{"metadata": {')


def _beside(folder: Path) -> None:
    array(folder / "extra", "v2", {"resolution": [4, 4, 4], "offset": [0, 0, 0]})


def _linked(folder: Path) -> None:
    (folder / "2").rename(folder.parent / f"{folder.name}.level")
    (folder / "2").symlink_to(folder.parent / f"{folder.name}.level")


@pytest.mark.parametrize("to", ["zmeta", "ome-ngff@0.5"])
@pytest.mark.parametrize("odd", [_stale, _older, _incomplete, _torn, _beside, _linked], ids=lambda f: f.__name__)
@pytest.mark.parametrize("number", [0, 4])
def test_a_copy_that_is_not_true(
    odd: Callable[[Path], None], number: int, to: str, tmp_path: Path, both: Callable[..., tuple[list[Unit], int]]
) -> None:
    """What else a container may be: the long way is taken, and says what it has to say."""
    for index, sizes in enumerate(SIZES):
        consolidated(put(tmp_path / "c" / f"i{index}.zarr", levels_of([*sizes])))
    odd(tmp_path / "c" / f"i{number}.zarr")
    _, followed = both(tmp_path, to)
    assert followed == len(SIZES) - 1


@pytest.mark.parametrize("to", ["zmeta", "ome-ngff@0.5"])
def test_labels_beside_images_without(to: str, tmp_path: Path, both: Callable[..., tuple[list[Unit], int]]) -> None:
    """The image itself is described alike, with labels below it or without."""
    for index, sizes in enumerate([*SIZES, *SIZES]):
        put(tmp_path / f"i{index:02}.zarr", levels_of([*sizes]))
        if index % 2:
            shutil.rmtree(tmp_path / f"i{index:02}.zarr")
            labelled(tmp_path / f"i{index:02}.zarr", [*sizes])
    (tmp_path / "i05.zarr" / "labels" / "cells" / "1" / ".zarray").unlink()
    _, followed = both(tmp_path, to)
    assert followed == 2 * len(SIZES) - 1


@pytest.mark.parametrize("key", ["voxel_size", "offset"])
@pytest.mark.parametrize("level", [0, 1])
def test_a_level_that_says_something_else(
    key: str, level: int, tmp_path: Path, both: Callable[..., tuple[list[Unit], int]]
) -> None:
    for number, sizes in enumerate(SIZES):
        put(tmp_path / f"i{number}.zarr", levels_of([*sizes], origin=[8.5, 0.5, 3.5]), own=shortest)
    _edited(f"{level}/.zattrs", lambda d: d[key].__setitem__(1, 77))(tmp_path / "i4.zarr")
    for to in ("zmeta", "ome-ngff@0.5"):
        units, followed = both(tmp_path, to)
        assert next(unit.path for unit in units if unit.blocked).startswith(str(tmp_path / "i4.zarr"))
        assert to != "zmeta" or followed == len(SIZES) - 1


@pytest.mark.parametrize("above", [{"multiscales": []}, {"resolution": [4, 4, 4]}, {"painteraData": {}}], ids=str)
def test_a_group_above_that_says_something(
    above: dict[str, Any], tmp_path: Path, both: Callable[..., tuple[list[Unit], int]]
) -> None:
    group(tmp_path / "c.zarr", "v2", above)
    for number, sizes in enumerate(SIZES[:3]):
        put(tmp_path / "c.zarr" / f"i{number}", levels_of([*sizes]))
    assert both(tmp_path / "c.zarr", "zmeta")[1] == 0


def test_a_copy_above_is_kept_true(tmp_path: Path, both: Callable[..., tuple[list[Unit], int]]) -> None:
    group(tmp_path / "c.zarr")
    metadata: dict[str, Any] = {".zgroup": {"zarr_format": 2}}
    for number, sizes in enumerate(SIZES[:3]):
        image = put(tmp_path / "c.zarr" / f"i{number}", levels_of([*sizes]))
        for file in sorted(image.rglob(".z*")):
            metadata[file.relative_to(tmp_path / "c.zarr").as_posix()] = json.loads(file.read_text())
    write(tmp_path / "c.zarr", {".zmetadata": {"zarr_consolidated_format": 1, "metadata": metadata}})
    for to in ("zmeta", "ome-ngff@0.5"):
        units, followed = both(tmp_path / "c.zarr", to)
        assert followed == 3
        assert any(change.file.endswith((".zmetadata", "c.zarr/zarr.json")) for unit in units for change in unit.changes)


def test_a_container_without_a_document_of_its_own(tmp_path: Path, both: Callable[..., tuple[list[Unit], int]]) -> None:
    for number, sizes in enumerate(SIZES[:3]):
        put(tmp_path / "c.zarr/inner" / f"i{number}", levels_of([*sizes]))
    units, followed = both(tmp_path / "c.zarr", "ome-ngff@0.5")
    assert followed == 3
    made = {change.file for unit in units for change in unit.changes if change.new is not None}
    assert {str(tmp_path / "c.zarr/zarr.json"), str(tmp_path / "c.zarr/inner/zarr.json")} <= made


def test_a_level_that_a_link_led_to_before(tmp_path: Path, both: Callable[..., tuple[list[Unit], int]]) -> None:
    group(tmp_path / "c.zarr")
    put(tmp_path / "c.zarr/a", levels_of([1.5, 1.5, 1.5]))
    put(tmp_path / "elsewhere/i", levels_of([2.5, 2.5, 2.5]))
    os.symlink(tmp_path / "elsewhere/i/0", tmp_path / "c.zarr/b")
    os.symlink(tmp_path / "elsewhere", tmp_path / "c.zarr/c")
    assert both(tmp_path / "c.zarr", "zmeta")[1] == 1


def test_documents_that_a_conversion_left_behind(tmp_path: Path, both: Callable[..., tuple[list[Unit], int]]) -> None:
    for number, sizes in enumerate(SIZES[:4]):
        put(tmp_path / f"i{number}.zarr", levels_of([*sizes]), kind="v3")
    array(tmp_path / "i2.zarr/1", "v2")
    units, followed = both(tmp_path, "ome-ngff@0.5")
    assert followed == 3
    assert {finding.code for unit in units for finding in unit.findings} == {"ZM004"}


def test_images_of_plates(tmp_path: Path, both: Callable[..., tuple[list[Unit], int]]) -> None:
    plate = {"plate": {"version": "0.4", "rows": [{"name": "A"}], "columns": [{"name": "1"}], "wells": [{"path": "A/1"}]}}
    group(tmp_path / "p.zarr", "v2", plate)
    group(tmp_path / "p.zarr/A")
    group(tmp_path / "p.zarr/A/1", "v2", {"well": {"images": [{"path": str(n)} for n in range(4)], "version": "0.4"}})
    for number, sizes in enumerate(SIZES[:4]):
        put(tmp_path / "p.zarr/A/1" / str(number), levels_of([*sizes]))
    for to in ("zmeta", "ome-ngff@0.5"):
        assert both(tmp_path / "p.zarr", to)[1] == 4


@pytest.mark.parametrize("to", ["zmeta", "ome-ngff@0.5"])
def test_one_node_alone_is_planned_alone(to: str, tmp_path: Path) -> None:
    image = put(tmp_path / "i.zarr", levels_of([1.5, 1.5, 1.5]))
    units = list(plan_units([image / ".zattrs"], Options("zmeta")))
    assert not [unit for unit in units if unit.path != str(image)]


@pytest.mark.parametrize(
    "kind", sorted({folder.parent for folder in WILD.glob("*/*") if folder.is_dir()}), ids=lambda f: f.name
)
def test_what_real_writers_write(kind: Path, tmp_path: Path, both: Callable[..., tuple[list[Unit], int]]) -> None:
    for number in range(3):
        copied(kind, tmp_path / f"copy{number}")
    for to in ("zmeta", "ome-ngff@0.5"):
        both(tmp_path, to)


def test_what_is_remembered_is_bounded(tmp_path: Path, both: Callable[..., tuple[list[Unit], int]]) -> None:
    for number in range(40):
        put(tmp_path / f"i{number:02}.zarr", levels_of([1.5, 1.5, 1.5]), more={f"key {'x' * number}": number})
    memo = Memo(Options("zmeta"))
    for image in sorted(tmp_path.iterdir()):
        memo.follow(str(image))
    assert len(memo.images._known) == image_memo._FIRST
    both(tmp_path, "zmeta")


# --- twins ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mark", [b"4036.0", b"4036,", b"0.9853515625", b"1.5", b"never"], ids=bytes.decode)
def test_a_stencil_must_hold_for_all_twins(mark: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one of the twins, or the image itself, comes out otherwise than the others, nothing is learned."""
    image = put(tmp_path / "i.zarr", levels_of([1.5, 1.5, 1.5]))
    plan = tree._plan_alone

    def broken(nodes: Any, options: Options, copy: bytes | None = None) -> tuple[Unit, ...]:
        units = plan(nodes, options, copy)
        return units[:-1] if any(mark in found.raw for node in nodes for found in node.documents.values()) else units

    monkeypatch.setattr(tree, "_plan_alone", broken)
    assert (Memo(Options("zmeta")).follow(str(image)) is None) == (mark != b"never")


# --- what many arrays of one group share --------------------------------------------------------------------------------


def test_units_come_back_in_their_order() -> None:
    units = [Unit(f"/{number}") for number in range(200)]
    with Spool() as spool:
        for unit in units:
            spool.add(unit)
        assert list(spool) == units
        assert list(spool.backwards()) == units[::-1]


def test_a_path_that_two_images_name_belongs_to_the_first() -> None:
    images: list[Any] = [{"name": name, "version": "0.4", "axes": SPACE, "datasets": [{"path": "0"}]} for name in "ab"]
    above = Node("/i.zarr", 2, "group", {}, {"multiscales": images})
    level = find_level(Node("/i.zarr/0", 2, "array", {}, {}, (4, 4, 4), ancestors=((above, "0"),)))
    assert level is not None
    assert level.image["name"] == "a"


def test_a_fault_of_a_group_is_told_for_each_of_its_arrays() -> None:
    images: list[Any] = [{"version": "0.4", "axes": SPACE, "datasets": [
        {"path": name, "coordinateTransformations": [{"type": "scale", "scale": [1.0, 1.0, 1.0]}]} for name in "01"
    ], "name": 5}]  # fmt: skip
    above = Node("/i.zarr", 2, "group", {}, {"multiscales": images})
    found = [
        check_schemas(decode_node(Node(f"/i.zarr/{name}", 2, "array", {}, {}, (4, 4, 4), ancestors=((above, name),))),
                      [Edit(above)])
        for name in "01"
    ]  # fmt: skip
    assert found[0]
    assert found[0] == found[1]


@pytest.mark.parametrize("to", ["zmeta", "ome-ngff@0.5"])
def test_an_empty_group_that_is_not_empty_elsewhere(
    to: str, tmp_path: Path, both: Callable[..., tuple[list[Unit], int]]
) -> None:
    """What an image was learnt without is not passed over in another one."""
    for index in range(8):
        put(tmp_path / f"i{index:02}.zarr", levels_of([4.0, 0.5, 0.25 + index]))
        group(tmp_path / f"i{index:02}.zarr" / "masks", "v2")
    array(tmp_path / "i07.zarr/masks/cells", "v2", {"resolution": [4, 4, 4], "offset": [0, 0, 0]})
    units, followed = both(tmp_path, to)
    assert followed >= 5
    assert any("masks/cells" in change.file for unit in units for change in unit.changes)
