"""What a judge remembers changes nothing: arrays and images that look alike are judged as each would be alone."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from builders import DATA, WILD, array, copied, group, image, image_tree, write
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import attributes

from zmeta.checker.judge import Judge
from zmeta.checker.report import check
from zmeta.config import Config, parse_config
from zmeta.jsondoc import ExactFloat

if TYPE_CHECKING:
    from zmeta.finding import Finding

OFFSETS: list[Any] = [
    [0, 0, 0], [1, 2, 3], [7, 7, 7], [0, 0, -1], [1, 2], [3, 4], [1, 2, 3, 4], [4, 3, 2, 1], [0.5, 0, 0], [1.0, 0, 0],
    [-0.0, 0, 0], ["1", 0, 0], [True, 0, 0], [None, 0, 0], [2**53, 0, 0], [2**60, 0, 0], [10**400, 1, 1], "0 0 0", None, {},
    [], [ExactFloat("1e-3"), 0, 0], [float("nan"), 0, 0], [float("inf"), 0, 0], [[1], 0, 0],
]  # fmt: skip


@contextmanager
def _forgetful() -> Iterator[None]:
    """Nothing is remembered, and nothing is told sound in one pass."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Judge, "_key", lambda *_: (None, b""))
        patch.setattr(Judge, "_alone", lambda *_: None)
        yield


def _assert_same(path: Path | list[Path], config: Config | None = None) -> tuple[Finding, ...]:
    remembered = check(path, config=config or Config()).findings
    with _forgetful():
        alone = check(path, config=config or Config()).findings
    for one, other in zip_longest(remembered, alone):
        assert one == other
    return alone


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder for trees that hypothesis makes by the hundred."""
    root = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
    folder = Path(tempfile.mkdtemp(dir=root))
    yield folder
    shutil.rmtree(folder)


@contextmanager
def _fresh(folder: Path) -> Iterator[Path]:
    shutil.rmtree(folder / "t", ignore_errors=True)
    yield folder / "t"


def test_wild() -> None:
    assert len(_assert_same(WILD)) > 300


def test_wild_twice_over(tmp_path: Path) -> None:
    """Each container beside itself: all that can be remembered is."""
    copied(WILD, tmp_path / "b")
    assert len(_assert_same([WILD, tmp_path])) > 600


@pytest.mark.parametrize("convention", sorted(path.name for path in (DATA / "conventions").iterdir()))
def test_documents_of_conventions(convention: str, memory: Path) -> None:
    """Each case as the attributes of arrays and of groups, once and again, beside and below each other."""
    with _fresh(memory) as root:
        group(root, "v3")
        for number, file in enumerate(sorted((DATA / "conventions" / convention).glob("*/*/*.json"))):
            keys = json.loads(file.read_text("utf-8"))
            kind = ("v2", "v3", "n5")[number % 3]
            for again in "ab" if isinstance(keys, dict) else ():
                array(root / f"{number}{again}", kind, keys)
                group(root / f"{number}{again}-group", kind, keys)
                array(root / f"{number}{again}-group" / "0", kind, {"resolution": [4, 4, 4], "offset": [0, 0, number]})
        assert _assert_same(root)


# --- arrays that differ a little --------------------------------------------------------------------------------------


def _changed(keys: dict[str, Any], how: tuple[str, Any, int]) -> dict[str, Any]:
    verb, value, number = how
    names = sorted(keys)
    name = names[number % len(names)] if names else "offset"
    if verb == "drop":
        return {key: item for key, item in keys.items() if key != name}
    if verb == "turn":
        return dict(reversed(keys.items()))
    if verb == "count" and isinstance(keys.get(name), list):
        return keys | {name: [item + 1 if type(item) in (int, float) else item for item in keys[name]]}
    if verb == "text" and isinstance(keys.get(name), list):
        return keys | {name: [str(item) if type(item) in (int, float) else item for item in keys[name]]}
    if verb == "float" and isinstance(keys.get(name), list):
        return keys | {name: [float(item) if type(item) is int and item < 10**300 else item for item in keys[name]]}
    if verb == "add":
        return {**keys, **value}
    return keys | {"offset": value}


_CUSTOM = st.dictionaries(
    st.sampled_from(["stain", "voxelsize", "unit", "scale", "coordinates", "x", "grid_mapping", "_FillValue"]),
    st.sampled_from(["nm", 1, 1.0, True, [4, 4, 4], ["4", "4", "4"], None, "y x", [[1]]]),
    min_size=1, max_size=2,
)  # fmt: skip
_CHANGE = st.one_of(
    st.tuples(st.just("offset"), st.sampled_from(OFFSETS), st.just(0)),
    st.tuples(st.sampled_from(["drop", "turn", "count", "text", "float"]), st.none(), st.integers(0, 5)),
    st.tuples(st.just("add"), _CUSTOM | attributes(3), st.just(0)),
)
_GOOD = st.sampled_from([
    {"resolution": [40, 4, 4], "offset": [0, 0, 0]},
    {"resolution": [40, 4, 4], "offset": [0, 0, 0], "axes": ["z", "y", "x"], "dimension_units": ["40 nm", "4 nm", "4 nm"]},
    {"voxel_size": [40, 4, 4], "offset": [0, 0, 0], "axis_names": ["z", "y", "x"], "units": ["nm"] * 3},
    {"voxel_size": [9.8, 4, 4], "resolution": [9, 4, 4], "offset": [0, 0, 0]},
    {"axes": ["c", "y", "x"], "types": ["channel", "space", "space"], "voxel_size": [4, 4], "offset": [0, 0]},
    {"_ARRAY_DIMENSIONS": ["z", "y", "x"], "offset": [1, 2, 3]},
    {"transform": {"axes": ["z", "y", "x"], "scale": [1, 1, 1], "translate": [0, 0, 0], "units": ["nm"] * 3}},
])  # fmt: skip
_SHAPES = st.sampled_from([[4, 5, 6], [4, 5, 6], [4, 5, 6], [4, 5], [1, 1, 1], [2, 3, 4, 5], [0, 5, 6], []])


@given(
    base=_GOOD | attributes(3),
    above=st.just({}) | st.just({}) | _GOOD | attributes(3),
    changes=st.lists(st.tuples(_CHANGE, st.integers(0, 9), _SHAPES), min_size=3, max_size=7),
    kind=st.sampled_from(["v2", "v3", "v3", "n5"]),
    names=st.sampled_from([None, ["z", "y", "x"], ["a", None, "x"], [1, 2, 3]]),
)
@settings(max_examples=150)
def test_arrays_that_differ_a_little(memory: Path, base: Any, above: Any, changes: list[Any], kind: str, names: Any) -> None:
    variants = [(base, [4, 5, 6])]
    for how, which, shape in changes:
        variants.append((_changed(variants[which % len(variants)][0], how), shape))
    with _fresh(memory) as root:
        group(root, kind, above)
        for number, (keys, shape) in enumerate(variants):
            more = {"dimension_names": names} if kind == "v3" and names and number % 2 else {}
            size = {"dimensions": shape, "blockSize": shape} if kind == "n5" else {"shape": shape}
            array(root / f"a{number}", kind, keys, **size, **more)
        _assert_same(root)


def test_an_offset_of_the_wrong_length_is_shown_as_it_is(tmp_path: Path) -> None:
    group(tmp_path)
    for number in range(3):
        array(tmp_path / f"a{number}", "v2", {"resolution": [4, 4, 4], "offset": [number, number]})
    told = [finding for finding in _assert_same(tmp_path) if finding.code == "ZM201"]
    assert len({finding.found for finding in told}) == 3


def test_a_parent_that_states_something_is_heard_by_its_children_only(tmp_path: Path) -> None:
    for name, keys in {"a": {}, "b": {"resolution": [4, 4, 4], "offset": [0, 0, 0]}, "c": {}}.items():
        group(tmp_path / name, "v2", keys)
        for number in range(3):
            array(tmp_path / name / f"a{number}")
    files = {finding.file for finding in _assert_same(tmp_path) if finding.code == "ZM408"}
    assert files == {str(tmp_path / "b" / ".zattrs")}


def test_overrides_are_not_mixed_up(tmp_path: Path) -> None:
    table: dict[str, Any] = {
        "override": [{"match": ["*/b/*"], "severity": {"ZM207": "error"}}, {"match": ["*/c/*"], "ignore": ["ZM207"]}]
    }
    for name in "abcd":
        for number in range(2):
            array(tmp_path / name / f"a{number}", "v2", {"resolution": [4, 4, 4], "offset": [0, 0, 0]})
    findings = _assert_same(tmp_path, parse_config(table, str(tmp_path / "zmeta.toml")))
    told = [(finding.file[len(str(tmp_path)) + 1], str(finding.severity)) for finding in findings if finding.code == "ZM207"]
    assert told == [("a", "note")] * 2 + [("b", "error")] * 2 + [("d", "note")] * 2


# --- images that differ a little --------------------------------------------------------------------------------------


def _told(findings: tuple[Finding, ...], code: str, root: Path) -> list[str]:
    return [str(Path(finding.file).parent.relative_to(root)) for finding in findings if finding.code == code]


def test_the_same_image_under_lists_of_labels(tmp_path: Path) -> None:
    """Whether an image is listed depends on its name and on the group above."""
    for place, listed in {"a": ["one"], "b": ["one", "two"], "c": []}.items():
        group(tmp_path / place / "labels", "v2", {"labels": listed})
        for name in ("one", "two"):
            image_tree(tmp_path / place / "labels" / name)
    told = _told(_assert_same(tmp_path), "ZM419", tmp_path)
    assert told == ["a/labels/two", "c/labels/one", "c/labels/two"]


def test_the_same_image_with_and_without_what_it_lists_beside_its_levels(tmp_path: Path) -> None:
    for place in "abc":
        keys = image() | {"labels": ["cells"]}
        image_tree(tmp_path / place, attributes=keys)
        if place != "b":
            group(tmp_path / place / "cells")
    assert _told(_assert_same(tmp_path), "ZM412", tmp_path) == ["b"]


def test_the_same_image_in_a_well_of_several_runs(tmp_path: Path) -> None:
    for place, runs in {"a": [{"id": 0}], "b": [{"id": 0}, {"id": 1}], "c": [{"id": 7}]}.items():
        plate = {"version": "0.4", "acquisitions": runs, "rows": [{"name": "A"}], "columns": [{"name": "1"}],
                 "wells": [{"path": "A/1", "rowIndex": 0, "columnIndex": 0}]}  # fmt: skip
        group(tmp_path / place, "v2", {"plate": plate})
        well = {"version": "0.4", "images": [{"path": "s0", "acquisition": 0}, {"path": "s1"}]}
        image_tree(tmp_path / place / "A" / "1", attributes=image() | {"well": well})
    told = _told(_assert_same(tmp_path), "ZM417", tmp_path)
    assert told == ["b/A/1", "c/A/1"]


def test_the_same_bytes_in_documents_of_other_names(tmp_path: Path) -> None:
    """A group of N5 may say word for word what one of Zarr v3 says."""
    keys = {"zarr_format": 3, "node_type": "group", "attributes": {}, **image()}
    for place, name in {"a": "zarr.json", "b": "attributes.json", "c": "zarr.json", "d": "attributes.json"}.items():
        write(tmp_path / place, {name: keys})
        for level in ("s0", "s1"):
            document = {**V3_AND_N5, "attributes": {}}
            write(tmp_path / place / level, {name: document})
    _assert_same(tmp_path)


V3_AND_N5: dict[str, Any] = {
    "zarr_format": 3, "node_type": "array", "shape": [16, 16, 16], "data_type": "uint8", "fill_value": 0, "codecs": [],
    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [4, 5, 6]}}, "chunk_key_encoding": {"name": "v2"},
    "dimensions": [8, 8, 8], "blockSize": [8, 8, 8], "dataType": "uint8", "compression": {"type": "raw"},
    "resolution": [4, 4, 4],
}  # fmt: skip

_IMAGE_CHANGES: list[Any] = [
    ("scale", [4, 4, 4]), ("scale", [8, 8, 8]), ("scale", [16, 8, 8]), ("scale", [4000, 4, 4]), ("scale", ["8", 8, 8]),
    ("scale", [0, 8, 8]), ("scale", [8, 8]), ("scale", [True, 8, 8]), ("scale", [8.0, 8, 8]), ("scale", [1e-200, 8, 8]),
    ("translation", [2, 2, 2]), ("translation", [0, 0, 0]), ("translation", [1, 2, 2]), ("translation", [2.0000001, 2, 2]),
    ("translation", [2]), ("translation", ["2", 2, 2]), ("unit", "micrometer"), ("unit", "nm"), ("unit", {"a": 1}),
    ("unit", ["nanometer"]), ("unit", "second"), ("unit", None), ("units", "nanometer"), ("type", "time"),
    ("type", "channel"), ("type", None), ("type", ["space"]), ("name", "y"), ("name", ""), ("name", 1), ("name", "é"),
    ("path", "s0"), ("path", "s9"), ("path", "./s1"), ("path", "../s1"), ("path", "/s1"), ("path", ""), ("path", 1),
    ("path", "s1/"), ("path", "s1\n"), ("path", "s0/s1"), ("identity", None), ("order", None), ("twice", None),
    ("key", {"version": "0.4"}), ("key", {"version": "0.5"}), ("key", {"version": 0.4}), ("key", {"name": 1}),
    ("key", {"type": []}), ("key", {"metadata": []}), ("key", {"coordinateTransformations": []}), ("key", {"axes": []}),
    ("key", {"coordinateTransformations": [{"type": "scale", "scale": [2, 2, 2]}]}), ("key", {"axes": ["z", "y", "x"]}),
    ("key", {"foreign": 1}), ("key", {"datasets": []}), ("outer", {"omero": {}}), ("outer", {"image-label": {}}),
    ("outer", {"omero": {"channels": [{"color": "red"}]}}), ("outer", {"resolution": [4, 4, 4], "offset": [0, 0, 0]}),
    ("outer", {"labels": ["s0", "s9"]}), ("outer", {"zarr_conventions": [{}]}), ("outer", {"well": {"images": []}}),
    ("outer", {"foreign": 1}), ("outer", {"plate": {}}), ("outer", {"bioformats2raw.layout": 3}),
]  # fmt: skip
_LEVEL_CHANGES: list[Any] = [
    {}, {}, {"shape": [8, 8]}, {"shape": [16, 16, 16]}, {"shape": [8, 8, 7]}, {"shape": [8, 8, 4]}, {"shape": [0, 0, 0]},
    {"shape": [8, 8, 8, 8]}, {"dtype": "<f4"}, {"data_type": "float32"}, {"dimension_names": ["z", "y", "x"]},
    {"dimension_names": ["x", "y", "z"]}, {"dimension_names": ["z", "y", None]}, {"keys": {"resolution": [8, 8, 8]}},
    {"keys": {"voxel_size": [1, 1, 1], "offset": [0, 0, 0]}}, {"keys": {"coordinates": "x"}}, {"keys": {"stain": "OTO"}},
    {"keys": {"_ARRAY_DIMENSIONS": ["z", "y", "x"]}}, {"keys": {"units": "nm"}}, {"keys": {"unit": "nm"}},
    {"keys": {"voxelsize": [4, 4, 4]}}, {"missing": True}, {"group": True}, {"broken": True}, {"dimension_separator": "/"},
]  # fmt: skip


def _changed_image(version: str, levels: int, changes: list[Any]) -> dict[str, Any]:
    keys = image(version, levels)
    holder = keys.get("ome", keys)
    entry = holder["multiscales"][0]
    for verb, value in changes:
        last = entry["datasets"][-1]
        if verb in ("scale", "translation"):
            last["coordinateTransformations"][verb == "translation"] = {"type": verb, verb: value}
        elif verb in ("unit", "units", "type", "name"):
            entry["axes"][0] = {**entry["axes"][0], verb: value}
        elif verb == "path":
            last["path"] = value
        elif verb == "identity":
            last["coordinateTransformations"].insert(0, {"type": "identity"})
        elif verb == "order":
            last["coordinateTransformations"].reverse()
        elif verb == "twice":
            holder["multiscales"].append(entry)
        elif verb == "key":
            entry.update(value)
            break  # what the others would change may not be there any more
        else:
            holder.update(value)
    return keys


def _put_image(folder: Path, kind: str, changes: list[Any], levels: list[Any]) -> None:
    group(folder, kind, _changed_image("0.5" if kind == "v3" else "0.4", len(levels), changes))
    for number, change in enumerate(levels):
        more = {key: value for key, value in change.items() if key not in ("keys", "missing", "group", "broken")}
        shape = more.pop("shape", [16 // 2**number] * 3)
        if kind == "v3":
            more = {"dimension_names": ["z", "y", "x"]} | more
        if kind == "n5":
            more = {"dimensions": shape, "blockSize": shape, **more}
        else:
            more["shape"] = shape
        level = folder / f"s{number}"
        if "group" in change:
            group(level, kind)
        elif "missing" not in change:
            array(level, kind, change.get("keys"), **more)
            if "broken" in change:
                next(level.iterdir()).write_text("{")


_LEVELS = st.lists(st.sampled_from(_LEVEL_CHANGES), min_size=1, max_size=3)
_IMAGES = st.tuples(st.lists(st.sampled_from(_IMAGE_CHANGES), max_size=2), _LEVELS)


@given(
    images=st.lists(_IMAGES, min_size=1, max_size=4),
    order=st.lists(st.integers(0, 3), min_size=3, max_size=6),
    kind=st.sampled_from(["v2", "v3", "v3", "n5"]),
    above=st.sampled_from(
        [
            {},
            {},
            {"foreign": 1},
            {"labels": ["i0"]},
            {"ome": {"version": "0.5", "labels": ["i1"]}},
            {"ome": {"version": "0.4"}},
            image(),
            {"plate": {}},
        ]
    ),
    name=st.sampled_from(["g", "labels"]),
)
@settings(max_examples=200)
def test_images_that_differ_a_little(
    memory: Path, images: list[Any], order: list[int], kind: str, above: Any, name: str
) -> None:
    with _fresh(memory) as root:
        group(root / name, kind, above)
        for number, which in enumerate(order):
            _put_image(root / name / f"i{number}", kind, *images[which % len(images)])
        _assert_same(root)


@pytest.mark.parametrize("kind", ["v2", "v3"])
@pytest.mark.parametrize("change", _IMAGE_CHANGES, ids=str)
def test_no_image_with_a_fault_is_told_sound(tmp_path: Path, kind: str, change: Any) -> None:
    for number, more in enumerate([[change], [], [change]]):
        _put_image(tmp_path / f"i{number}", kind, more, [{}, {}])
    _assert_same(tmp_path)


@pytest.mark.parametrize("kind", ["v2", "v3"])
@pytest.mark.parametrize("change", _LEVEL_CHANGES, ids=str)
def test_no_image_with_a_fault_in_a_level_is_told_sound(tmp_path: Path, kind: str, change: Any) -> None:
    for number, levels in enumerate([[{}, change], [{}, {}], [change, {}], [{}, change]]):
        _put_image(tmp_path / f"i{number}", kind, [], levels)
    _assert_same(tmp_path)


@pytest.mark.parametrize("kind", ["v2", "v3", "n5"])
def test_a_second_run_finds_the_same(tmp_path: Path, kind: str) -> None:
    for number, change in enumerate(_IMAGE_CHANGES):
        _put_image(tmp_path / f"i{number}", kind, [change], [{}, {}])
    first = check(tmp_path, config=Config()).findings
    assert check(tmp_path, config=Config()).findings == first
    alone = [found for number in range(len(_IMAGE_CHANGES)) for found in check(tmp_path / f"i{number}", config=Config())]
    assert {*alone} == {*first}
