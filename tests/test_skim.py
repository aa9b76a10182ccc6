"""What is passed at a glance is what has no finding: forms are one-sided, whatever is done to the bytes of a document."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from builders import SOUND, V2, array, copied, group, image, image_tree, write
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import EDIT, edited

from zmeta.checker.judge import Judge
from zmeta.checker.learn import learn
from zmeta.checker.report import check
from zmeta.checker.skim import Skimmer
from zmeta.config import Config, parse_config
from zmeta.errors import DocumentError
from zmeta.jsondoc import parse_json
from zmeta.nodes.node import open_node

if TYPE_CHECKING:
    from zmeta.finding import Finding

KINDS = ("v2", "v3")
CUSTOM: dict[str, Any] = {"name": "a", "snr": 1.5, "steps": [1, 2.5]}


@contextmanager
def _without_skimming() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Judge, "skim", lambda *_: None)
        yield


def judged(path: Path, config: Config | None = None, jobs: int = 1) -> tuple[tuple[Finding, ...], int, int]:
    """Findings and counts, which are the same with and without skimming."""
    report = check(path, config=config or Config(), jobs=jobs)
    with _without_skimming():
        alone = check(path, config=config or Config())
    assert report.findings == alone.findings
    assert (report.summary.arrays, report.summary.groups) == (alone.summary.arrays, alone.summary.groups)
    return alone.findings, alone.summary.arrays, alone.summary.groups


def codes(path: Path, config: Config | None = None) -> list[str]:
    return [finding.code for finding in judged(path, config)[0]]


def opened(path: Path, config: Config | None = None) -> list[str]:
    """The nodes that a run does not pass at a glance, relative to the path."""
    found: list[str] = []
    open_ = Judge.open

    def note(judge: Judge, folder: str) -> Any:
        found.append(os.path.relpath(folder, path))
        return open_(judge, folder)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Judge, "open", note)
        check(path, config=config or Config())
    return found


def sound(folder: Path, kind: str, number: int, **changes: Any) -> Path:
    keys = {**SOUND, "offset": [number, 10 * number, -number], **CUSTOM, "name": f"array {number}"}
    return array(folder, kind, {**keys, **changes}, shape=[number + 1, 50, 600])


def scaled(version: str, factor: float, name: str = "image") -> dict[str, Any]:
    keys = image(version, name=name)
    (one,) = keys.get("ome", keys)["multiscales"]
    for dataset in one["datasets"]:
        for item in dataset["coordinateTransformations"]:
            item[item["type"]] = [value * factor for value in item[item["type"]]]
    return keys


def sound_image(folder: Path, kind: str, number: int) -> Path:
    return image_tree(folder, kind, attributes=scaled("0.5" if kind == "v3" else "0.4", number / 8, f"image {number}"))


# --- that it passes anything ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_that_fit_are_passed(tmp_path: Path, kind: str) -> None:
    group(tmp_path, kind)
    for number in range(9):
        sound(tmp_path / f"a{number}", kind, number)
    assert judged(tmp_path) == ((), 9, 1)
    assert opened(tmp_path) == [".", "a0"]


def test_arrays_without_attributes_document_are_passed(tmp_path: Path) -> None:
    """Such an array is sound where it says nothing, as a table of numbers."""
    for number in range(4):
        write(tmp_path / f"a{number}", {".zarray": {**V2, "shape": [number + 1, 5, 6]}})
    assert judged(tmp_path)[1:] == (4, 0)
    assert opened(tmp_path) in ([".", "a0"], [".", "a0", "a1", "a2", "a3"])


@pytest.mark.parametrize("kind", KINDS)
def test_other_sizes_are_judged_once_each(tmp_path: Path, kind: str) -> None:
    for number in range(9):
        sound(tmp_path / f"a{number}", kind, number, voxel_size=[40, 4 + number % 2, 4])
    assert opened(tmp_path) == [".", "a0", "a1"]


@pytest.mark.parametrize("kind", KINDS)
def test_images_that_fit_are_passed_with_their_levels(tmp_path: Path, kind: str) -> None:
    for number in range(1, 7):
        sound_image(tmp_path / f"i{number}", kind, number)
    assert judged(tmp_path) == ((), 12, 6)
    assert opened(tmp_path) == [".", "i1", "i1/s0", "i1/s1"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_stands_beside_the_levels_of_an_image_is_looked_at(tmp_path: Path, kind: str) -> None:
    for number in range(1, 5):
        sound_image(tmp_path / f"i{number}", kind, number)
    array(tmp_path / "i4" / "more", kind, {"resolution": [4, 0, 4], "offset": [0, 0, 0]})
    findings, arrays, groups = judged(tmp_path)
    assert (arrays, groups) == (9, 4)
    assert {os.path.relpath(finding.file, tmp_path).split(os.sep)[1] for finding in findings} == {"more"}
    assert "i4/s0" not in opened(tmp_path)


def test_formats_side_by_side(tmp_path: Path) -> None:
    for number in range(12):
        sound(tmp_path / f"a{number:02}", KINDS[number % 2], number)
    assert judged(tmp_path) == ((), 12, 0)
    assert opened(tmp_path) == [".", "a00", "a01"]


@pytest.mark.parametrize("jobs", [2])
def test_workers_pass_the_same(tmp_path: Path, jobs: int) -> None:
    for number in range(1, 40):
        sound(tmp_path / "arrays" / f"a{number:02}", "v3", number)
        sound_image(tmp_path / f"i{number:02}", "v3", number)
    sound(tmp_path / "arrays" / "a20", "v3", 1, voxel_size=[4, 0, 4])
    findings, arrays, groups = judged(tmp_path, jobs=jobs)
    assert ([finding.code for finding in findings], arrays, groups) == (["ZM301"], 39 * 3, 39)


# --- that it passes nothing else --------------------------------------------------------------------------------------


def _text(folder: Path, name: str, old: bytes, new: bytes) -> None:
    raw = (folder / name).read_bytes()
    assert raw.count(old) == 1
    (folder / name).write_bytes(raw.replace(old, new))


_ARRAY_CHANGES: dict[str, tuple[bytes, bytes, list[str]]] = {
    "size": (b'"voxel_size": [40, 4, 4]', b'"voxel_size": [40, 0, 4]', ["ZM301"]),
    "size as text": (b'"voxel_size": [40, 4, 4]', b'"voxel_size": ["40", 4, 4]', ["ZM301"]),
    "length of the offset": (b'"offset": [7, 70, -7]', b'"offset": [7, 70]', ["ZM201"]),
    "offset as text": (b'"offset": [7, 70, -7]', b'"offset": [7, "70", -7]', ["ZM302"]),
    "offset is NaN": (b'"offset": [7, 70, -7]', b'"offset": [7, NaN, -7]', ["ZM002", "ZM302"]),
    "leading zero": (b'"offset": [7, 70, -7]', b'"offset": [7, 070, -7]', ["ZM001"]),
    "two numbers": (b'"offset": [7, 70, -7]', b'"offset": [7, 7 0, -7]', ["ZM001"]),
    "comma too much": (b'"offset": [7, 70, -7]', b'"offset": [7, 70, -7,]', ["ZM001"]),
    "number cut off": (b'"snr": 1.5', b'"snr": 1.', ["ZM001"]),
    "key twice": (b'"offset": [7, 70, -7]', b'"offset": [7, 70, -7], "offset": [7, 70, -7]', ["ZM001"]),
    "shape below zero": (b'"shape": [8, 50, 600]', b'"shape": [8, -50, 600]', ["ZM006"]),
    "shape of fractions": (b'"shape": [8, 50, 600]', b'"shape": [8, 5.0, 600]', ["ZM006"]),
    "other rank": (b'"shape": [8, 50, 600]', b'"shape": [8, 50]', []),
    "not UTF-8": (b'"array 7"', b'"array \xff"', ["ZM001"]),
    "control character": (b'"array 7"', b'"array \x01"', ["ZM001"]),
    "quote in a name": (b'"array 7"', b'"array "7"', ["ZM001"]),
    "text behind": (b'"array 7"}', b'"array 7"}}', ["ZM001"]),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("change", _ARRAY_CHANGES)
def test_an_array_that_does_not_fit_is_judged(tmp_path: Path, kind: str, change: str) -> None:
    for number in range(10):
        sound(tmp_path / f"a{number}", kind, number)
    assert "a7" not in opened(tmp_path)
    old, new, wanted = _ARRAY_CHANGES[change]
    if change == "text behind":
        last = {"v2": ".zattrs", "v3": "zarr.json"}[kind]
        (tmp_path / "a7" / last).write_bytes((tmp_path / "a7" / last).read_bytes() + b"}")
    else:
        name = "zarr.json" if kind == "v3" else ".zarray" if "shape" in old.decode() else ".zattrs"
        _text(tmp_path / "a7", name, old, new)
    assert "a7" in opened(tmp_path)
    told = codes(tmp_path)
    assert set(wanted) <= set(told)
    assert told or not wanted


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_document_beside_is_told(tmp_path: Path, kind: str) -> None:
    for number in range(1, 7):
        sound(tmp_path / f"a{number}", kind, number)
        sound_image(tmp_path / f"i{number}", kind, number)
    assert codes(tmp_path) == []
    node, above = {"v2": ("attributes.json", "attributes.json"), "v3": (".zarray", ".zgroup")}[kind]
    for folder, name in {"a6": node, "i5": above, "i6/s1": node}.items():
        write(tmp_path / folder, {name: {"zarr_format": 2}})
    assert codes(tmp_path) == ["ZM004"] * 3


def test_a_document_of_the_other_format_comes_first(tmp_path: Path) -> None:
    for number in range(5):
        sound(tmp_path / f"a{number}", "v2", number)
    os.symlink("zarr.json", tmp_path / "a3" / "zarr.json")
    write(tmp_path / "a4", {"zarr.json": b"{"})
    assert codes(tmp_path) == ["ZM007", "ZM001"]


@pytest.mark.parametrize("text", [b"", b" ", b"{}", b"[]", b"\0"])
def test_an_empty_document_is_not_an_absent_one(tmp_path: Path, text: bytes) -> None:
    for number in range(4):
        write(tmp_path / f"a{number}", {".zarray": {**V2, "shape": [number + 1, 5, 6]}})
    (tmp_path / "a3" / ".zattrs").write_bytes(text)
    judged(tmp_path)


def test_one_document_does_not_pass_for_two(tmp_path: Path) -> None:
    for number in range(4):
        sound(tmp_path / f"a{number}", "v2", number)
    both = b"\0".join((tmp_path / "a0" / name).read_bytes() for name in (".zarray", ".zattrs"))
    write(tmp_path / "b", {".zarray": both})
    write(tmp_path / "c", {"zarr.json": both})
    write(tmp_path / "d", {".zgroup": (tmp_path / "a0" / ".zarray").read_bytes(),
                           ".zattrs": (tmp_path / "a0" / ".zattrs").read_bytes()})  # fmt: skip
    findings, arrays, groups = judged(tmp_path)
    assert (arrays, groups) == (4, 1)
    assert [finding.code for finding in findings][:2] == ["ZM001", "ZM001"]


def test_consolidated_copies_are_compared(tmp_path: Path) -> None:
    for number in range(4):
        sound(tmp_path / "a" / f"a{number}", "v2", number)
        sound(tmp_path / "b" / f"a{number}", "v2", number)
        sound(tmp_path / "c" / f"a{number}", "v2", number)
    group(tmp_path / "b")
    write(tmp_path / "b", {".zmetadata": {"metadata": {".zgroup": {"zarr_format": 2}}}})
    assert codes(tmp_path) == ["ZM414"] * 8
    assert "c/a3" not in opened(tmp_path)


def test_a_consolidated_copy_of_an_image_is_compared(tmp_path: Path) -> None:
    for number in range(1, 5):
        sound_image(tmp_path / f"i{number}", "v2", number)
    assert "i4" not in opened(tmp_path)
    write(tmp_path / "i4", {".zmetadata": {"metadata": {".zgroup": {"zarr_format": 2}}}})
    for config in (Config(), Config(ignore=("ZM004",))):  # where documents of another format are no matter, copies are
        assert set(codes(tmp_path, config)) == {"ZM414"}


def _drop_level(folder: Path) -> None:
    shutil.rmtree(folder / "s1")


def _link_level(folder: Path) -> None:
    (folder / "s1").rename(folder / "other")
    os.symlink("other", folder / "s1")


def _swap_levels(folder: Path) -> None:
    for one, other in (("s0", "x"), ("s1", "s0"), ("x", "s1")):
        (folder / one).rename(folder / other)


def _name_labels(folder: Path) -> None:
    group(folder.parent / "labels", "v3", {"ome": {"version": "0.5", "labels": []}})
    folder.rename(folder.parent / "labels" / folder.name)


def _misspell(folder: Path) -> None:
    _text(folder / "s1", "zarr.json", b'"attributes": {}', b'"attributes": {"voxelsize": [4, 4, 4]}')


@pytest.mark.parametrize(
    ("change", "wanted"),
    [(_drop_level, {"ZM412"}), (_link_level, set()), (_swap_levels, {"ZM311"}), (_name_labels, {"ZM419"}),
     (_misspell, {"ZM107"})],
)  # fmt: skip
def test_an_image_whose_levels_do_not_fit_is_judged(tmp_path: Path, change: Any, wanted: set[str]) -> None:
    for number in range(1, 5):
        sound_image(tmp_path / f"i{number}", "v3", number)
    assert "i4" not in opened(tmp_path)
    change(tmp_path / "i4")
    assert any(path.endswith("i4") for path in opened(tmp_path))
    assert wanted <= set(codes(tmp_path))


def test_levels_of_one_image_do_not_stand_for_those_of_another(tmp_path: Path) -> None:
    """Both kinds of groups and both kinds of levels are known, but not together."""
    for number in range(1, 4):
        sound_image(tmp_path / f"i{number}", "v3", number)
        for file in sorted(copied(tmp_path / f"i{number}", tmp_path / f"j{number}").rglob("zarr.json")):
            text = file.read_text("utf-8").replace('"z"', '"a"').replace('"y"', '"b"').replace('"x"', '"c"')
            file.write_text(text, "utf-8")
    assert codes(tmp_path) == []
    assert {"i3", "j3"}.isdisjoint(opened(tmp_path))
    shutil.rmtree(tmp_path / "j3" / "s1")
    copied(tmp_path / "i3" / "s1", tmp_path / "j3" / "s1")
    assert codes(tmp_path) == ["ZM212"]


@pytest.mark.parametrize(("scale", "size"), [(1e-05, 16), (1, 10**16), (1, 10**15 + 7)])
def test_images_with_unusual_numbers_are_judged(tmp_path: Path, scale: float, size: int) -> None:
    for number in range(1, 4):
        folder = image_tree(tmp_path / f"i{number}", "v3", attributes=scaled("0.5", number * scale))
        for level in range(2):
            array(folder / f"s{level}", "v3", shape=[size // 2**level] * 3, dimension_names=["z", "y", "x"])
    assert judged(tmp_path) == ((), 6, 3)


def test_arrays_with_unusual_numbers_are_judged(tmp_path: Path) -> None:
    for number in range(1, 4):
        keys = {"voxel_size": [1e-05, 1e22, 4.25], "offset": [10**15, 10**16, -1], "snr": 1e-07, "name": "µ"}
        sound(tmp_path / f"a{number}", "v3", number, **keys)
    assert judged(tmp_path) == ((), 3, 0)
    assert opened(tmp_path) == [".", "a1"]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [(b"[2.0, 2.0, 2.0]", b"[2.0, 4.0, 4.0]", ""), (b"[4.0, 4.0, 4.0]", b"[4.0, 4.0, 4000.0]", "ZM312"),
     (b"[1.0, 1.0, 1.0]", b"[1.0, 0.0, 1.0]", ""), (b"[4.0, 4.0, 4.0]", b"[4.0, -4.0, 4.0]", "ZM301"),
     (b"[4.0, 4.0, 4.0]", b"[4.0, 4.0]", "ZM201"), (b"[4.0, 4.0, 4.0]", b"[0, 0, 0]", "ZM301")],
)  # fmt: skip
def test_an_image_whose_numbers_do_not_fit_is_judged(tmp_path: Path, old: bytes, new: bytes, code: str) -> None:
    for number in range(1, 6):
        sound_image(tmp_path / f"i{number}", "v3", number)
    assert "i4" not in opened(tmp_path)
    _text(tmp_path / "i4", "zarr.json", old, new)
    assert "i4" in opened(tmp_path)
    assert code in codes(tmp_path) or not code


def test_a_fault_in_a_level_of_each_image_is_told_each_time(tmp_path: Path) -> None:
    for number in range(1, 6):
        sound_image(tmp_path / f"i{number}", "v3", number)
        _misspell(tmp_path / f"i{number}")
    assert codes(tmp_path) == ["ZM107"] * 5


def test_a_key_that_looks_like_another_is_judged_by_its_value(tmp_path: Path) -> None:
    for number in range(5):
        array(tmp_path / f"a{number}", "v3", {"voxelsize": "4" if number > 2 else "as ever"}, shape=[number + 1, 5, 6])
    assert codes(tmp_path) == ["ZM107"] * 2


def test_settings_that_look_closer_switch_it_off(tmp_path: Path) -> None:
    for number in range(4):
        sound(tmp_path / f"a{number}", "v3", number)
    tables: list[dict[str, Any]] = [
        {"override": [{"match": ["*/a2"], "severity": {"ZM207": "error"}}]},
        {"relation": [{"rule": "inside", "arrays": ["a0"], "of": ["a1"]}]},
    ]
    for table in tables:
        config = parse_config(table, str(tmp_path / "zmeta.toml"))
        assert len(opened(tmp_path, config)) == 5
        judged(tmp_path, config)


def test_a_limit_is_kept(tmp_path: Path) -> None:
    for number in range(4):
        sound(tmp_path / f"a{number}", "v3", number)
    sound(tmp_path / "a3", "v3", 3, name="x" * 5000)
    config = parse_config({"max_bytes": 4000}, str(tmp_path / "zmeta.toml"))
    assert codes(tmp_path, config) == ["ZM008"]


def test_trees_whose_arrays_all_differ_are_not_learned_in_vain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(300):
        array(tmp_path / f"a{number:03}", "v3", {**SOUND, f"key {number}": [{}]})
    learned = 0

    def count(*given: Any) -> Any:
        nonlocal learned
        learned += 1
        return learn(*given)

    monkeypatch.setattr("zmeta.checker.skim.learn", count)
    check(tmp_path, config=Config())
    assert 8 < learned < 40


def test_as_many_forms_as_come_again(tmp_path: Path) -> None:
    """More kinds of arrays than are remembered, in turn; then few."""
    for number in range(60):
        sound(tmp_path / f"a{number:03}", "v3", number, **{f"key {number % 20}": "x"})
    for number in range(20):
        sound(tmp_path / f"b{number:03}", "v3", number, **{f"key {number % 3}": "x"})
    assert judged(tmp_path) == ((), 80, 0)


# --- whatever is done to the bytes ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def memory() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    yield folder
    shutil.rmtree(folder)


@given(kind=st.sampled_from(KINDS), first=st.booleans(), edits=st.lists(EDIT, min_size=1, max_size=3))
@settings(max_examples=250)
def test_arrays_whatever_is_done_to_their_bytes(memory: Path, kind: str, first: bool, edits: list[Any]) -> None:
    shutil.rmtree(memory / "t", ignore_errors=True)
    for number in range(3):
        sound(memory / "t" / f"a{number}", kind, number + 7)
    name = "zarr.json" if kind == "v3" else ".zarray" if first else ".zattrs"
    file = memory / "t" / "a2" / name
    file.write_bytes(edited(file.read_bytes(), edits))
    judged(memory / "t")


@given(kind=st.sampled_from(KINDS), which=st.integers(0, 4), edits=st.lists(EDIT, min_size=1, max_size=3))
@settings(max_examples=250)
def test_images_whatever_is_done_to_their_bytes(memory: Path, kind: str, which: int, edits: list[Any]) -> None:
    shutil.rmtree(memory / "t", ignore_errors=True)
    for number in range(1, 4):
        sound_image(memory / "t" / f"i{number}", kind, number)
    name = {"v2": (".zattrs", ".zattrs", ".zgroup", "s0/.zarray", "s1/.zarray"),
            "v3": ("zarr.json", "zarr.json", "zarr.json", "s0/zarr.json", "s1/zarr.json")}[kind][which]  # fmt: skip
    file = memory / "t" / "i3" / name
    file.write_bytes(edited(file.read_bytes(), edits))
    judged(memory / "t")


def _kinds(value: Any) -> Any:
    """A value with a word for each number and each text, and the keys in their order."""
    if isinstance(value, dict):
        return [(key, _kinds(item)) for key, item in value.items()]
    if isinstance(value, list):
        return [_kinds(item) for item in value]
    return "number" if type(value) in (int, float) or isinstance(value, float) else type(value).__name__


@given(edits=st.lists(EDIT, min_size=1, max_size=3))
@settings(max_examples=2000)
def test_a_text_that_fits_a_form_is_the_same_document_with_other_values(memory: Path, edits: list[Any]) -> None:
    folder = sound(memory / "form", "v3", 7)
    raw = (folder / "zarr.json").read_bytes()
    skimmer = Skimmer(Config().limits)
    skimmer.learn_array(open_node(folder))
    ((_, form, *_),) = skimmer._arrays
    text = edited(raw, edits)
    if form.match(text) is None:
        return
    try:
        data, findings = parse_json(text, "zarr.json")
    except DocumentError as error:
        pytest.fail(str(error))
    assert findings == ()
    assert _kinds(data) == _kinds(parse_json(raw, "zarr.json")[0])


def test_a_copy_of_a_tree_is_judged_alike(tmp_path: Path) -> None:
    for number in range(1, 4):
        sound_image(tmp_path / "a" / f"i{number}", "v3", number)
        sound(tmp_path / "a" / f"a{number}", "v3", number)
    copied(tmp_path / "a", tmp_path / "b")
    assert judged(tmp_path)[0] == ()
    assert not [path for path in opened(tmp_path) if path.startswith("b/")]
