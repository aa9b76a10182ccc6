"""The way from paths to nodes: every node once, in the order of the tree, and no folder of an array is listed."""

from __future__ import annotations

import errno
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import FORMATS, SOUND, V2, array, codes, dump, errors, found, group, image_tree, write, zipped

from zmeta.checker import parallel
from zmeta.checker.report import Report, check
from zmeta.checker.targets import iter_glob
from zmeta.config import Config
from zmeta.errors import NodeNotFoundError, StoreError
from zmeta.nodes.walk import Links, Place, Walk

JOBS = (1, 2)


@pytest.fixture(autouse=True)
def _away_from_any_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return tmp_path / "tree"


def walked(*roots: Path) -> list[str]:
    """The nodes of a walk as `kind path`, those that cannot be read as `error path`; relative to the working directory."""
    links = Links(os.path.realpath(root) for root in roots)
    visits = [visit for root in roots for visit in Walk([Place(str(root))], links=links)]
    return [
        f"{'error' if visit.node is None else visit.node.kind} {os.path.relpath(visit.place.path)}"
        for visit in visits
        if visit.node is not None or visit.error is not None
    ]


def judged(path: Any, jobs: int = 1) -> Report:
    return check(path, config=Config(), jobs=jobs)


def _defect(folder: Path, kind: str = "v2") -> Path:
    """An array with exactly one error: ZM301."""
    keys = {"resolution": [4, 0, 4], "offset": [0, 0, 0]} if kind == "n5" else {**SOUND, "voxel_size": [4, 0, 4]}
    return array(folder, kind, keys)


def _defects(path: Any, jobs: int = 1) -> list[str]:
    """The folders of the arrays made by `_defect` that a run comes by, in its order, each as often as it does."""
    told = [finding.file for finding in judged(path, jobs) if finding.code == "ZM301"]
    return [os.path.relpath(os.path.dirname(file)) for file in told]


# --- what is walked -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FORMATS)
def test_order_is_that_of_the_names(tree: Path, kind: str) -> None:
    group(tree, kind)
    for name in ("b/z", "b/a/c", "a", "B", "b/a/b", "c", "b0"):
        array(tree / name, kind)
    group(tree / "b", kind)
    group(tree / "b" / "a", kind)
    arrays = ["B", "a", "b/a/b", "b/a/c", "b/z", "b0", "c"]
    assert [line[6:] for line in walked(tree) if line.startswith("array")] == arrays
    assert [line[6:] for line in walked(tree) if line.startswith("group")] == [".", "b", "b/a"]


def test_formats_side_by_side_and_below_each_other(tree: Path) -> None:
    for outer in FORMATS:
        group(tree / outer, outer)
        for inner in FORMATS:
            array(tree / outer / inner, inner)
            group(tree / outer / f"{inner}-group", inner)
            array(tree / outer / f"{inner}-group" / "a", outer)
    report = judged(tree)
    assert (report.summary.arrays, report.summary.groups) == (18, 12)


def test_a_tree_without_documents_of_groups(tree: Path) -> None:
    for name in ("a/b/c", "a/d", "e"):
        _defect(tree / name)
    assert walked(tree) == ["array a/b/c", "array a/d", "array e"]
    assert _defects(tree) == ["a/b/c", "a/d", "e"]
    (tree / "f" / "g").mkdir(parents=True)
    with pytest.raises(NodeNotFoundError, match="no Zarr or N5 node here or below") as caught:
        judged(tree / "f")
    assert caught.value.where == str(tree / "f")
    assert "zarr.json" in caught.value.expected


def test_hidden_folders_are_left_out(tree: Path) -> None:
    for name in ("a", ".b", ".c/d", "e/.f"):
        _defect(tree / name)
    assert walked(tree) == ["array a"]
    assert _defects(tree / ".c") == [".c/d"], "but one that is named is looked at"
    assert _defects([tree, tree / ".c", tree / "e" / ".f"]) == ["a", ".c/d", "e/.f"]


def test_a_single_document_names_its_node_and_nothing_below(tree: Path) -> None:
    group(tree)
    (tree / ".zattrs").write_text("{}")
    _defect(tree / "a")
    _defect(tree / "b")
    for name in (".zgroup", ".zattrs"):
        assert judged(tree / name).summary.arrays == 0
        assert judged(tree / name).summary.groups == 1
    for name in (".zarray", ".zattrs"):
        assert _defects(tree / "a" / name) == ["a"]
    assert _defects([tree / "a" / ".zarray", tree / "a" / ".zattrs", tree / "b" / ".zarray"]) == ["a", "b"]
    assert _defects([tree / "a" / ".zarray", tree / "a"]) == ["a"]
    assert _defects([tree, tree / "a" / ".zarray"]) == ["a", "b"]


def test_a_single_level_is_read_with_the_groups_above(tree: Path) -> None:
    image_tree(tree / "i")
    assert codes(tree / "i" / "s1" / ".zarray") == codes(tree / "i" / "s1") == ["ZM309"] * 0
    write(tree / "i" / "s1", {".zattrs": {"voxel_size": [9, 9, 9], "offset": [0, 0, 0]}})
    assert "ZM401" in codes(tree / "i" / "s1" / ".zarray")


@pytest.mark.parametrize("jobs", JOBS)
def test_paths_that_overlap(tree: Path, jobs: int) -> None:
    for name in ("a/x", "a/y", "ab", "b"):
        _defect(tree / name)
    for paths in (["a", "a"], ["a", "a/x"], ["a/x", "a"], ["a/", "./a/x/", "b/../a"], ["a/x", "a/y", "a"]):
        assert _defects(paths, jobs) == ["a/x", "a/y"]
    assert _defects(["b", "a/y", "ab", "a"], jobs) == ["b", "ab", "a/x", "a/y"]
    os.symlink("a", tree / "link")
    assert sorted(_defects(["a", "link"], jobs)) == ["a/x", "a/y"]
    assert sorted(_defects(["link/x", "a"], jobs)) == ["a/x", "a/y"]


# --- globs --------------------------------------------------------------------------------------------------------------


def test_globs(tree: Path) -> None:
    for name in ("a.zarr/raw", "b.zarr/raw", "b.zarr/deep/er/raw", "c.n5/raw", ".hidden/raw", "x[1]/raw"):
        _defect(tree / name)
    group(tree / "a.zarr")
    (tree / "notes.txt").write_text("")
    assert _defects("*.zarr") == ["a.zarr/raw", "b.zarr/deep/er/raw", "b.zarr/raw"]
    assert _defects("**/raw") == ["a.zarr/raw", "b.zarr/raw", "b.zarr/deep/er/raw", "c.n5/raw", "x[1]/raw"]
    assert _defects(str(tree / "b.zarr" / "**")) == ["b.zarr/deep/er/raw", "b.zarr/raw"]
    assert _defects("b.zarr/**/raw") == ["b.zarr/raw", "b.zarr/deep/er/raw"]
    assert _defects("?.n5") == _defects("[c].n5/*") == ["c.n5/raw"]
    assert _defects("x[1]") == ["x[1]/raw"], "a folder of that name comes before the pattern"
    assert _defects("x[[]1]") == ["x[1]/raw"]
    assert _defects("*/raw/.zattrs") == ["a.zarr/raw", "b.zarr/raw", "c.n5/raw", "x[1]/raw"]
    assert _defects("a.zarr/raw/.z*") == ["a.zarr/raw"]
    assert _defects(".h*") == [".hidden/raw"]
    assert _defects(["a.zarr", "*.zarr/raw", "a.zarr/*"]) == ["a.zarr/raw", "b.zarr/raw"]
    for pattern in ("*.nothing", "nothing/**", "notes*", "a.zarr/raw/.zattrs/*"):
        with pytest.raises(NodeNotFoundError, match="nothing fits the glob"):
            judged(pattern)


def test_globs_below_what_is_broken(tree: Path) -> None:
    _defect(tree / "a" / "raw")
    write(tree / "a", {".zgroup": b"{"})
    _defect(tree / "b" / "raw" / "0")
    write(tree / "b" / "raw", {"zarr.json": b'{"node_type": "array", '})
    assert _defects("a/*") == ["a/raw"]
    assert list(iter_glob("b/**/0")) == ["b/raw/0"], "whether it is there can be told without a list"
    assert list(iter_glob("b/**/?")) == []
    assert list(iter_glob("b/raw/*")) == ["b/raw/zarr.json"]


@pytest.mark.parametrize("pattern", ["**/0", "**/**/**/0", "**", "raw/**/0", "*/*", "raw/*", "*/?"])
def test_globs_do_not_list_arrays(tree: Path, pattern: str, listed: list[str]) -> None:
    array(tree / "raw")
    (tree / "raw" / "0").mkdir()
    list(iter_glob(pattern))
    assert str(tree / "raw") not in listed


def test_globs_follow_links_once(tree: Path) -> None:
    """Two links up, and the standard library goes down 2⁴⁰ ways."""
    _defect(tree / "a" / "raw")
    os.symlink("..", tree / "a" / "up")
    os.symlink("..", tree / "a" / "also")
    assert list(iter_glob("**/raw")) == ["a/raw"]


# --- the folders of arrays --------------------------------------------------------------------------------------------


@pytest.fixture
def listed(tree: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Every folder of the tree that is listed, by whatever means."""
    seen: list[str] = []
    scandir, listdir = os.scandir, os.listdir

    def note(path: Any) -> None:
        if Path(path).absolute().is_relative_to(tree):
            seen.append(os.path.abspath(path))

    def seen_scandir(path: Any = ".") -> Any:
        note(path)
        return scandir(path)

    def seen_listdir(path: Any = ".") -> Any:
        note(path)
        return listdir(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", seen_scandir)
        patch.setattr(os, "listdir", seen_listdir)
        yield seen


@pytest.mark.parametrize("kind", FORMATS)
def test_the_folder_of_an_array_is_not_listed(tree: Path, kind: str, listed: list[str]) -> None:
    group(tree, kind)
    array(tree / "raw", kind)
    _defect(tree / "raw" / "0" / "hidden in the chunks", kind)
    image_tree(tree / "image", kind)
    group(tree / "image" / "s0" / "c", kind)
    report = judged([tree, tree / "raw"])
    assert report.summary.arrays == 3
    assert sorted(listed) == [str(tree), str(tree / "image")]
    name = {"v2": ".zattrs", "v3": "zarr.json", "n5": "attributes.json"}[kind]
    assert judged(tree / "raw").summary.arrays == judged(tree / "raw" / name).summary.arrays == 1
    assert str(tree / "raw") not in listed


def test_chunks_are_not_looked_at(tree: Path) -> None:
    array(tree / "raw", "v2", SOUND)
    chunks = tree / "raw" / "0"
    chunks.mkdir()
    for number in range(5_000):
        os.close(os.open(f"{chunks}/{number}", os.O_CREAT))
    _defect(chunks / "array")
    report = judged(tree)
    assert (report.summary.arrays, _defects(tree)) == (1, [])
    assert report.summary.seconds < 1


@pytest.mark.parametrize(
    ("kind", "name", "text"),
    [
        ("v2", ".zarray", b'{"zarr_format": 2, "shape": ['),
        ("v2", ".zattrs", b"{"),
        ("v3", "zarr.json", b'{"zarr_format": 3, "node_type": "array", '),
        ("v3", "zarr.json", b'{"zarr_format": 3, "shape": [4, '),
        ("v3", "zarr.json", b'{"zarr_format": 3, "node_type": "'),
        ("v3", "zarr.json", b""),
        ("n5", "attributes.json", b'{"dimensions": [4, '),
        ("n5", "attributes.json", b'{"resolution": [4, 4, 4], "dimen'),
        ("n5", "attributes.json", b'{"blockSize" : 4,, }'),
        ("n5", "attributes.json", b""),
    ],
)
def test_nor_is_that_of_one_that_is_broken(tree: Path, kind: str, name: str, text: bytes, listed: list[str]) -> None:
    array(tree / "raw", kind)
    _defect(tree / "raw" / "0")
    (tree / "raw" / name).write_bytes(text)
    assert errors(tree) == ["ZM001"]
    assert listed == [str(tree)]


@pytest.mark.parametrize(
    ("kind", "name", "text"),
    [
        ("v2", ".zgroup", b'{"zarr_format": 2'),
        ("v2", ".zattrs", b'{"multiscales": ['),
        ("v3", "zarr.json", b'{"node_type": "group", "attributes": {'),
        ("v3", "zarr.json", b'{"zarr_format": 3, "node_type":"group", "node_type": "group"}'),
        ("v3", "zarr.json", b'{"node_type": "group", "a": ' + b"[" * 200 + b"]" * 200 + b"}"),
        ("n5", "attributes.json", b'{"n5": "2.0.0", }'),
        ("n5", "attributes.json", b'{"scales": [1 2]}\n'),
    ],
)
def test_what_is_below_a_broken_group_is_looked_at(tree: Path, kind: str, name: str, text: bytes) -> None:
    group(tree, kind)
    group(tree / "g", kind)
    _defect(tree / "g" / "a", kind)
    _defect(tree / "h", kind)
    (tree / "g" / name).write_bytes(text)
    expected = ["ZM009" if b"[[" in text else "ZM001", "ZM301", "ZM301"]
    assert errors(tree) == expected
    assert errors(tree / "g") == expected[:2]


@pytest.mark.parametrize("kind", FORMATS)
def test_a_broken_root_an_array_and_a_level_do_not_end_the_run(tree: Path, kind: str) -> None:
    name = {"v2": ".zarray", "v3": "zarr.json", "n5": "attributes.json"}[kind]
    group(tree, kind)
    for array_name in "abc":
        _defect(tree / array_name, kind)
    image_tree(tree / "i", kind)
    (tree / "b" / name).write_text("[")
    (tree / "i" / "s1" / name).write_bytes(b"\xff")
    told = [(code, os.path.relpath(file, tree)) for code, file, _ in found(tree) if code in ("ZM001", "ZM301")]
    assert [(code, file.partition("/")[0]) for code, file in told] == [
        ("ZM301", "a"), ("ZM001", "b"), ("ZM301", "c"), ("ZM001", "i"),
    ]  # fmt: skip


# --- absent is not failed -----------------------------------------------------------------------------------------------


def _refusing(monkeypatch: pytest.MonkeyPatch, path: Path, number: int = errno.EACCES) -> None:
    """The system refuses to open a file, or to list a folder; as root nothing else does."""
    os_open, scandir = os.open, os.scandir

    def refuse(given: Any) -> None:
        if os.path.abspath(given) == str(path):
            raise OSError(number, os.strerror(number), str(path))

    def refusing_open(given: Any, *args: Any, **kwargs: Any) -> int:
        refuse(given)
        return os_open(given, *args, **kwargs)

    def refusing_scandir(given: Any = ".") -> Any:
        refuse(given)
        return scandir(given)

    monkeypatch.setattr(os, "open", refusing_open)
    monkeypatch.setattr(os, "scandir", refusing_scandir)
    monkeypatch.setattr(os, "listdir", lambda given=".": [entry.name for entry in refusing_scandir(given)])


@pytest.mark.parametrize(
    ("kind", "name", "number"),
    [(kind, name, number) for kind, name in [("v2", ".zarray"), ("v2", ".zattrs"), ("v3", "zarr.json"),
     ("n5", "attributes.json")] for number in (errno.EACCES, errno.EIO, errno.ESTALE)],
)  # fmt: skip
def test_a_document_that_cannot_be_read(
    tree: Path, kind: str, name: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for array_name in "abc":
        _defect(tree / array_name, kind)
    _refusing(monkeypatch, tree / "b" / name, number)
    report = judged(tree)
    told = [(finding.code, os.path.relpath(finding.file, tree)) for finding in report.errors]
    assert [(code, file.partition("/")[0]) for code, file in told] == [("ZM301", "a"), ("ZM007", "b"), ("ZM301", "c")]
    assert report.errors[1].found == os.strerror(number)


def test_a_document_that_is_not_there_is_not_an_error(tree: Path) -> None:
    array(tree / "a", "v2", SOUND)
    os.unlink(tree / "a" / ".zattrs")
    assert codes(tree) == []


def test_a_folder_that_cannot_be_listed(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    group(tree)
    group(tree / "b")
    for name in ("a", "b/x", "c"):
        _defect(tree / name)
    _refusing(monkeypatch, tree / "b")
    report = judged(tree)
    assert [(finding.code, finding.file) for finding in report if finding.code == "ZM007"] == [
        ("ZM007", os.path.relpath(tree / "b", tree))
    ]
    assert report.findings[1].hint == "check the permissions"
    assert codes(tree) == ["ZM301", "ZM007", "ZM301"]
    with pytest.raises(StoreError, match="cannot list the folder"):
        list(iter_glob("b/*"))


def test_what_is_no_file_in_the_place_of_a_document(tree: Path) -> None:
    for number, name in enumerate(("zarr.json", ".zarray", ".zattrs", "attributes.json")):
        _defect(tree / f"a{number}")
        (tree / f"b{number}").mkdir()
        if name == ".zattrs":
            write(tree / f"b{number}", {".zarray": V2})
        if number % 2:
            os.mkfifo(tree / f"b{number}" / name)
        else:
            (tree / f"b{number}" / name).mkdir()
    assert codes(tree) == ["ZM301"] * 4 + ["ZM007"] * 4


def test_a_level_that_cannot_be_read_is_told_where_it_stands(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image_tree(tree / "i")
    _refusing(monkeypatch, tree / "i" / "s1" / ".zarray")
    assert [(code, file) for code, file, _ in found(tree) if code in ("ZM007", "ZM412")] == [("ZM007", "i/s1/.zarray")]


# --- links --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jobs", JOBS)
@pytest.mark.parametrize(
    ("links", "expected"),
    [
        ({"g/self": "self"}, ["g/a", "h/b"]),
        ({"g/up": ".."}, ["g/a", "h/b"]),
        ({"g/up": "../.."}, ["g/a", "h/b"]),
        ({"g/root": "/"}, ["g/a", "h/b"]),
        ({"g/here": "."}, ["g/a", "h/b"]),
        ({"g/to": "../h", "h/to": "../g"}, ["g/a", "h/b"]),
        ({"g/one": "two", "g/two": "one"}, ["g/a", "h/b"]),
        ({"g/b": "../h/b", "alias": "h"}, ["g/a", "h/b"]),
        ({"z": "g/a", "0": "g/a"}, ["g/a", "h/b"]),
        ({"g/gone": "../nothing", "h/gone": "/nothing/at/all"}, ["g/a", "h/b"]),
        ({"g/doc": "../h/b/.zarray"}, ["g/a", "h/b"]),
        ({"g/out": "../../out"}, ["g/a", "g/out/x", "g/out/y/z", "h/b"]),
        ({"g/out": "../../out", "h/out": "../../out", "out": "../out"}, ["g/a", "g/out/x", "g/out/y/z", "h/b"]),
        ({"g/y": "../../out/y", "h/out": "../../out"}, ["g/a", "g/y/z", "h/b", "h/out/x"]),
        ({"g/out": "../../out", "h/y": "../../out/y"}, ["g/a", "g/out/x", "g/out/y/z", "h/b"]),
        ({"g/z": "../../out/y/z", "g/y": "../../out/y", "h/x": "../../out/x"}, ["g/a", "g/y/z", "h/b", "h/x"]),
        ({"g/out": "../../out", "../out/back": "../tree"}, ["g/a", "g/out/x", "g/out/y/z", "h/b"]),
        ({"g/out": "../../out", "../out/y/up": "../.."}, ["g/a", "g/out/x", "g/out/y/z", "h/b"]),
        ({"g/out": "../../out", "../out/far": "../far", "../far/out": "../out"},
         ["g/a", "g/out/far/w", "g/out/x", "g/out/y/z", "h/b"]),
        ({"g/far": "../../far", "../far/out": "../out", "h/out": "../../out"},
         ["g/a", "g/far/out/x", "g/far/out/y/z", "g/far/w", "h/b"]),
        ({"g/shy": "../.shy"}, ["g/a", "g/shy/s", "h/b"]),
        ({"g/shy": "../.shy/s", "h/shy": "../.shy"}, ["g/a", "g/shy", "h/b"]),
    ],
    ids=str,
)  # fmt: skip
def test_links(tree: Path, links: dict[str, str], expected: list[str], jobs: int) -> None:
    group(tree)
    for name in ("g/a", "h/b", ".shy/s", "../out/x", "../out/y/z", "../far/w"):
        _defect(tree / name)
    for name, target in links.items():
        os.symlink(target, tree / name)
    assert _defects(tree, jobs) == expected


@pytest.mark.parametrize("jobs", [1, 2, 4])
def test_a_folder_full_of_links(tree: Path, tmp_path: Path, jobs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data elsewhere, gathered by links, some twice, some one within the other."""
    monkeypatch.setattr(parallel, "BUDGET", 7)
    for number in range(30):
        _defect(tmp_path / "store" / f"{number % 3}" / f"d{number:02}" / "a")
        os.symlink(tmp_path / "store" / f"{number % 3}" / f"d{number:02}", tree / f"l{number:02}")
        os.symlink(tmp_path / "store" / f"{number % 3}" / f"d{number:02}" / "a", tree / f"m{number:02}")
    os.symlink(tmp_path / "store" / "1", tree / "l15b")
    os.symlink(tmp_path / "store", tree / "z")
    told = _defects(tree, jobs)
    first = [f"l{number:02}/a" for number in range(16)]
    second = [f"l15b/d{number:02}/a" for number in range(16, 30) if number % 3 == 1]
    third = [f"l{number:02}/a" for number in range(16, 30) if number % 3 != 1]
    assert told == first + second + third


def test_the_root_may_be_a_link(tree: Path, tmp_path: Path) -> None:
    _defect(tree / "a")
    os.symlink(tree, tmp_path / "link")
    os.symlink("a", tree / "b")
    told = [finding.file for finding in judged(tmp_path / "link") if finding.code == "ZM301"]
    assert told == [str(tmp_path / "link" / "a" / ".zattrs")]


def test_a_document_may_be_a_link(tree: Path) -> None:
    _defect(tree / "a")
    (tree / "b").mkdir()
    os.symlink("../a/.zarray", tree / "b" / ".zarray")
    os.symlink("../a/.zattrs", tree / "b" / ".zattrs")
    os.symlink("zarr.json", tree / "a" / "zarr.json")
    assert codes(tree) == ["ZM007", "ZM301"], "one that leads to itself is there, and cannot be read"


# --- zip archives -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jobs", JOBS)
@pytest.mark.parametrize("kind", FORMATS)
def test_zip(tree: Path, tmp_path: Path, kind: str, jobs: int) -> None:
    group(tree, kind)
    for name in ("a", "b/c/d", "b/e"):
        _defect(tree / name, kind)
    group(tree / "b", kind)
    image_tree(tree / "i", kind)
    (tree / "a" / "0.0").write_bytes(bytes(1000))
    archive = zipped(tree, tmp_path / "t.zip")
    inside = [(code, os.path.relpath(file, archive), pointer) for code, file, pointer in found(archive, jobs=jobs)]
    assert inside == [(code, os.path.relpath(file, tree), pointer) for code, file, pointer in found(tree)]
    below = [file for code, file, _ in found(archive / "b", jobs=jobs) if code == "ZM301"]
    assert [os.path.dirname(os.path.relpath(file, archive)) for file in below] == ["b/c/d", "b/e"]
    name = {"v2": ".zarray", "v3": "zarr.json", "n5": "attributes.json"}[kind]
    assert codes(archive / "a" / name) == codes(tree / "a" / name)
    assert codes(f"{tmp_path}/*.zip") == codes(tree)
    assert codes(f"{tmp_path}/*.zip/b/*") == codes([tree / "b" / "c", tree / "b" / "e"])
    with pytest.raises(NodeNotFoundError, match="no Zarr or N5 node"):
        judged(archive / "nothing")


@pytest.mark.parametrize("jobs", [1, 2, 4])
def test_a_zip_with_many_nodes(tree: Path, jobs: int) -> None:
    """Processes that share the place in a file would read what the others seek."""
    with zipfile.ZipFile(tree / "d.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("g/.zgroup", '{"zarr_format": 2}')
        for number in range(2000):
            archive.writestr(f"g/a{number:04}/.zarray", dump(V2))
            archive.writestr(f"g/a{number:04}/.zattrs", dump({**SOUND, "pad": "x" * (number % 400)}))
    report = judged(tree / "d.zip" / "g", jobs)
    assert (report.summary.arrays, report.summary.groups, len(report)) == (2000, 1, 0)


def test_folders_that_are_called_zip(tree: Path) -> None:
    _defect(tree / "a.zip" / "raw")
    _defect(tree / "b.zip.zarr" / "raw")
    zipped(tree / "a.zip", tree / "c.zip")
    zipped(tree / "a.zip", tree / "a.zip" / "inner.zip")
    zipped(tree / "a.zip", tree / "d.zipped")
    assert _defects(tree) == ["a.zip/raw", "b.zip.zarr/raw"], "archives below a folder are files, and not looked into"
    assert _defects("a.zip") == ["a.zip/raw"]
    assert _defects("a.zip/inner.zip") == ["a.zip/inner.zip/raw"]
    assert _defects("a.zip/inner.zip/raw/.zattrs") == ["a.zip/inner.zip/raw"]
    with pytest.raises(NodeNotFoundError, match="no metadata document"):
        judged("d.zipped")


def test_a_zip_within_a_zip_and_odd_names(tree: Path) -> None:
    with zipfile.ZipFile(tree / "d.zip", "w") as archive:
        for name in ("x.zip/raw", "a//b", "../up", "/root", "deep/" * 30 + "raw", "a\\c", ".hidden/raw", "é\n"):
            archive.writestr(f"{name}/.zarray", dump(V2))
            archive.writestr(f"{name}/.zattrs", dump({**SOUND, "voxel_size": [4, 0, 4]}))
        archive.writestr("/".join("d" * 30_000) + "/.zarray", dump(V2))
        archive.writestr("folder/zarr.json/", "")
    inside = [folder[len("d.zip/") :] for folder in _defects("d.zip")]
    assert inside == ["a/b", "a/c", "deep/" * 30 + "raw", "root", "x.zip/raw", "é\n"]


def test_broken_zips(tree: Path) -> None:
    array(tree / "t" / "a")
    array(tree / "t" / "b")
    whole = zipped(tree / "t", tree / "good.zip").read_bytes()
    (tree / "text.zip").write_text("no archive")
    (tree / "cut.zip").write_bytes(whole[:-30])
    (tree / "empty.zip").write_bytes(b"")
    for name in ("text.zip", "cut.zip", "empty.zip"):
        assert codes(name) == ["ZM007"]
    broken = bytearray(whole)
    broken[60] ^= 255
    (tree / "bits.zip").write_bytes(broken)
    assert "ZM007" in codes("bits.zip")
    (tree / "later.zip").write_bytes(whole)
    assert "ZM007" not in codes("later.zip")
    (tree / "later.zip").write_bytes(whole[:-30])
    assert codes("later.zip") == ["ZM007"], "a change is seen"


def test_a_zip_that_swells(tree: Path) -> None:
    with zipfile.ZipFile(tree / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zarr.json", b'{"a": "' + b" " * 70_000_000 + b'"}')
        archive.writestr("b/zarr.json", dump({"zarr_format": 3, "node_type": "group"}))
    assert codes("bomb.zip") == ["ZM008"]


# --- consolidated metadata ----------------------------------------------------------------------------------------------


def _consolidate(tree: Path, kind: str) -> None:
    """Put the copy of all documents into the group, as zarr does."""
    import json

    entries: dict[str, Any] = {}
    for file in sorted(tree.rglob("*")):
        name = file.relative_to(tree).as_posix()
        if kind == "v2" and file.name in (".zarray", ".zgroup", ".zattrs"):
            entries[name] = json.loads(file.read_text())
        if kind == "v3" and file.name == "zarr.json" and name != "zarr.json":
            entries[name.removesuffix("/zarr.json")] = json.loads(file.read_text())
    if kind == "v2":
        write(tree, {".zmetadata": {"zarr_consolidated_format": 1, "metadata": entries}})
    else:
        data = json.loads((tree / "zarr.json").read_text())
        copy = {"kind": "inline", "must_understand": False, "metadata": entries}
        write(tree, {"zarr.json": {**data, "consolidated_metadata": copy}})


@pytest.fixture(params=["v2", "v3"])
def consolidated(request: pytest.FixtureRequest, tree: Path) -> tuple[Path, str]:
    kind: str = request.param
    root = tree / "c"
    group(root, kind, {"stain": "OTO"})
    array(root / "a", kind, SOUND)
    group(root / "g", kind)
    array(root / "g" / "b", kind, SOUND)
    _consolidate(root, kind)
    return root, kind


def _stale(root: Path, jobs: int = 1) -> list[tuple[str, str]]:
    report = judged(root, jobs)
    return [(os.path.relpath(finding.file, root), finding.pointer) for finding in report if finding.code == "ZM414"]


def test_a_fresh_copy(consolidated: tuple[Path, str]) -> None:
    root, _ = consolidated
    assert codes(root) == []
    assert codes(root / "g" / "b") == []


@pytest.mark.parametrize("jobs", JOBS)
def test_a_stale_copy(consolidated: tuple[Path, str], jobs: int) -> None:
    root, kind = consolidated
    array(root / "g" / "b", kind, {**SOUND, "voxel_size": [41, 4, 4]})
    document, at = (".zattrs", "") if kind == "v2" else ("zarr.json", "/attributes")
    file, pointer = f"g/b/{document}", f"{at}/voxel_size"
    assert _stale(root, jobs) == [(file, pointer)]
    assert _stale(root / "g", jobs) == [(f"../{file}"[3:].removeprefix("g/"), pointer)]
    assert len(_stale(root / "g" / "b")) == len(_stale(root / "g" / "b" / document)) == 1
    told = next(finding for finding in judged(root) if finding.code == "ZM414")
    assert (told.expected, told.found) == ("[41, 4, 4]", "[40, 4, 4]")


@pytest.mark.parametrize("jobs", JOBS)
def test_a_copy_that_lacks_a_node_or_holds_one_too_many(consolidated: tuple[Path, str], jobs: int) -> None:
    root, kind = consolidated
    array(root / "g" / "new", kind, SOUND)
    for file in (root / "a").iterdir():
        file.unlink()
    if kind == "v2":
        new = [("g/new/.zarray", ""), ("g/new/.zattrs", "")]
        assert _stale(root, jobs) == [(".zmetadata", "/metadata/a~1.zarray"), *new]
    else:
        assert _stale(root, jobs) == [("zarr.json", "/consolidated_metadata/metadata/a"), ("g/new/zarr.json", "")]


def test_a_copy_within_a_copy(consolidated: tuple[Path, str]) -> None:
    root, kind = consolidated
    _consolidate(root / "g", kind)
    if kind == "v3":
        _consolidate(root, kind)
    assert _stale(root) == []
    array(root / "g" / "b", kind, {**SOUND, "voxel_size": [41, 4, 4]})
    for jobs in JOBS:
        assert [file for file, _ in _stale(root, jobs)] == [f"g/b/{'.zattrs' if kind == 'v2' else 'zarr.json'}"] * 2
    assert judged(root, 1).findings == judged(root, 2).findings


def test_copies_that_are_broken(tree: Path) -> None:
    cases: dict[str, tuple[bytes, str]] = {
        "a": (b"{", "ZM001"), "b": (b"", "ZM001"), "c": (b"[]", "ZM001"), "d": (b'{"metadata": []}', "ZM006"),
        "e": (b"{}", "ZM006"), "f": (b"\xff\xfe", "ZM001"), "g": (b'{"a": ' + b"[" * 200 + b"]" * 200 + b"}", "ZM009"),
        "h": (b'{"metadata": {"x": 1, "x": 2}}', "ZM001"), "i": (b'{"metadata": {".zgroup": 1}}', "ZM414"),
        "j": (b'{"metadata": {".zgroup": {"zarr_format": 2}, "a/.zarray": null}}', "ZM414"),
    }  # fmt: skip
    for name, (raw, _) in cases.items():
        group(tree / name)
        (tree / name / ".zmetadata").write_bytes(raw)
    told = {file.partition("/")[0]: code for code, file, _ in found(tree)}
    assert told == {name: code for name, (_, code) in cases.items()}
    assert _defects(tree) == []


def test_a_copy_with_many_nodes_that_are_gone(tree: Path) -> None:
    entries = {f"a{number}/.zarray": V2 for number in range(20_000)} | {".zgroup": {"zarr_format": 2}}
    write(tree, {".zgroup": {"zarr_format": 2}, ".zmetadata": {"metadata": entries}})
    report = judged(tree)
    assert [finding.code for finding in report] == ["ZM414"] * 11
    assert "19990 more nodes" in report.findings[0].message + report.findings[-1].message
