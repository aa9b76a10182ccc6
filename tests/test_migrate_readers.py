"""Zarr v2 containers with pixels go to OME-NGFF 0.5: zarr-python and TensorStore read the same at the end, and zarr-python
after every single document that is written or removed.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tensorstore
import zarr
from builders import image

from zmeta.config import Config
from zmeta.finding import Severity
from zmeta.migration.options import Options
from zmeta.migration.plan import plan_units

if TYPE_CHECKING:
    from zmeta.nodes.write import Change

numcodecs: Any = import_module("numcodecs")  # which has no types

Pixels = dict[str, np.ndarray[Any, Any]]
Content = Callable[[zarr.Group], None]
Copies = tuple[str, ...] | None


# --- containers -------------------------------------------------------------------------------------------------------


def pixels(shape: tuple[int, ...], dtype: str) -> np.ndarray[Any, Any]:
    """No two neighbours are equal."""
    return (np.arange(int(np.prod(shape))) * 31 % 113).reshape(shape).astype(dtype)


def put(group: zarr.Group, name: str, shape: tuple[int, ...], dtype: str = "uint16", **options: Any) -> None:
    """Make an array; one with a fill value of its own is written in part."""
    options = {"chunks": tuple(max(1, extent // 2) for extent in shape), **options}
    written = slice(shape[0] // 2) if "fill_value" in options else slice(None)
    group.create_array(name, shape=shape, dtype=dtype, **options)[written] = pixels(shape, dtype)[written]


def pyramid(group: zarr.Group, levels: int = 2, **options: Any) -> None:
    group.attrs.update({**image("0.4", levels), "lab": {"note": "kept"}})
    for level in range(levels):
        put(group, f"s{level}", (8 // 2**level,) * 3, **options)


def plain(root: zarr.Group) -> None:
    pyramid(root, 3)


def labelled(root: zarr.Group) -> None:
    pyramid(root)
    labels = root.create_group("labels", attributes={"labels": ["cells"]})
    cells = labels.create_group("cells")
    pyramid(cells, dtype="int32")
    cells.attrs["image-label"] = {"version": "0.4", "colors": [{"label-value": 1, "rgba": [255, 0, 0, 128]}]}


def plate(root: zarr.Group) -> None:
    wells: Any = [
        {"path": path, "rowIndex": row, "columnIndex": column} for path, row, column in (("A/1", 0, 0), ("B/2", 1, 1))
    ]
    rows, columns = ([{"name": name} for name in names] for names in ("AB", "12"))
    root.attrs["plate"] = {"version": "0.4", "rows": rows, "columns": columns, "wells": wells}
    for path in ("A/1", "B/2"):
        well = root.create_group(path, attributes={"well": {"version": "0.4", "images": [{"path": "0"}]}})
        pyramid(well.create_group("0"), 2)


def bioformats(root: zarr.Group) -> None:
    root.attrs["bioformats2raw.layout"] = 3
    root.create_group("OME", attributes={"series": ["0", "1"]})
    for series in ("0", "1"):
        pyramid(root.create_group(series), 2)


def classic(root: zarr.Group) -> None:
    """Arrays of daisy's kind, one of them deep below, and one that states nothing."""
    root.attrs["title"] = "kept"
    keys = {"resolution": [40, 4, 4], "offset": [400, 0, 8]}
    put(root, "raw", (4, 6, 8), attributes=keys)
    put(root, "affs", (3, 4, 6, 8), "float32", attributes=keys)
    put(root, "deep/er/labels", (4, 6, 8), "uint64", attributes={**keys, "lab": [1.5]})
    put(root, "bare", (5,), "int8")


CONTENTS = (plain, labelled, plate, bioformats, classic)


def make(root: Path, content: Content, copies: Copies = None) -> Pixels:
    """Make a container of Zarr v2, with consolidated copies in some of its groups; return its arrays."""
    group = zarr.open_group(root, mode="w", zarr_format=2)
    content(group)
    for path in copies or ():
        zarr.consolidate_metadata(root / path, zarr_format=2)
    return arrays_in(zarr.open_group(root, mode="r", use_consolidated=False))


def arrays_in(group: zarr.Group) -> Pixels:
    """Arrays by path, in the byte order of this machine: Zarr v3 keeps the other one out of the data type."""
    found = {path: node for path, node in group.members(max_depth=None) if isinstance(node, zarr.Array)}
    values = {path: np.asarray(node[...]) for path, node in found.items()}
    return {path: value.astype(value.dtype.newbyteorder("=")) for path, value in values.items()}


def groups_in(group: zarr.Group) -> set[str]:
    return {path for path, node in group.members(max_depth=None) if isinstance(node, zarr.Group)}


# --- migration --------------------------------------------------------------------------------------------------------


def changes_of(root: Path, to: str = "ome-ngff@0.5") -> list[Change]:
    units = list(plan_units([root], Options(to=to, config=Config())))
    assert [unit.findings for unit in units if unit.blocked] == []
    return [change for unit in units for change in unit.changes]


def write(change: Change) -> None:
    file = Path(change.file)
    assert (file.read_bytes() if file.exists() else None) == change.old, file
    if change.new is None:
        file.unlink()
    else:
        file.write_bytes(change.new)


def assert_same(found: Pixels, wanted: Pixels) -> None:
    assert found.keys() == wanted.keys()
    for path, value in wanted.items():
        assert (found[path].dtype, found[path].shape) == (value.dtype, value.shape)
        assert found[path].tobytes() == value.tobytes()


def readings(root: Path) -> Iterator[Pixels]:
    """What readers see: by default, without copies, by the copy alone, and those that know Zarr v2 alone."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Both zarr\.json|Object at '?(\.z|zarr\.json)")  # half-way
        yield arrays_in(zarr.open_group(root, mode="r"))
        yield arrays_in(zarr.open_group(root, mode="r", use_consolidated=False))
        if (root / ".zgroup").exists():
            yield arrays_in(zarr.open_group(root, mode="r", zarr_format=2, use_consolidated=False))
        if (root / ".zmetadata").exists():
            yield arrays_in(zarr.open_consolidated(root, zarr_format=2))


# --- at the end -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("copies", [None, ("",)], ids=["alone", "consolidated"])
@pytest.mark.parametrize("content", CONTENTS, ids=lambda content: content.__name__)
def test_all_is_read_as_before(content: Content, copies: Copies, tmp_path: Path) -> None:
    root = tmp_path / "c.zarr"
    wanted = make(root, content, copies)
    groups = groups_in(zarr.open_group(root, mode="r"))
    for change in changes_of(root):
        write(change)
    assert [file.name for file in root.rglob(".z*")] == []
    group = zarr.open_group(root, mode="r", zarr_format=3)
    assert_same(arrays_in(group), wanted)
    assert groups_in(group) == groups
    assert (group.metadata.consolidated_metadata is not None) == (copies is not None)
    if copies is not None:
        copied = zarr.open_consolidated(root)
        assert_same(arrays_in(copied), wanted)
        plainly = zarr.open_group(root, mode="r", use_consolidated=False)
        assert {path: dict(node.attrs) for path, node in copied.members(max_depth=None)} == {
            path: dict(node.attrs) for path, node in plainly.members(max_depth=None)
        }
    named = {path: node.metadata.to_dict()["dimension_names"] for path, node in group.members(max_depth=None)
             if isinstance(node, zarr.Array) and path != "bare"}  # fmt: skip
    assert set(named.values()) <= {("z", "y", "x"), ("c", "z", "y", "x")}
    for path, value in wanted.items():
        store = {"driver": "file", "path": f"{root / path}/"}
        opened = tensorstore.open({"driver": "zarr3", "kvstore": store}, open=True).result()
        assert np.asarray(opened.read().result()).tobytes() == value.tobytes()
    assert changes_of(root) == []


CODECS: dict[str, dict[str, Any]] = {
    "none": {"compressors": None},
    "blosc": {"compressors": numcodecs.Blosc("zstd", 5, numcodecs.Blosc.BITSHUFFLE)},
    "auto shuffle": {"compressors": numcodecs.Blosc("lz4", 5, numcodecs.Blosc.AUTOSHUFFLE)},
    "zstd": {"compressors": numcodecs.Zstd(3)},
    "gzip": {"compressors": numcodecs.GZip(5)},
    "zlib": {"compressors": numcodecs.Zlib(1)},
    "bz2": {"compressors": numcodecs.BZ2(1)},
    "lz4": {"compressors": numcodecs.LZ4()},
    "lzma": {"compressors": numcodecs.LZMA()},
    "delta": {"filters": [numcodecs.Delta("<u2")], "compressors": numcodecs.Zstd(1)},
    "shuffle": {"filters": [numcodecs.Shuffle(2)], "compressors": numcodecs.GZip(1)},
    "order F": {"order": "F"},
    "big-endian": {"dtype": ">u2"},
    "slashes": {"chunk_key_encoding": {"name": "v2", "separator": "/"}},
    "bool": {"dtype": "bool"},
    "half": {"dtype": "float16", "fill_value": np.nan},
    "complex": {"dtype": "complex64"},
    "one chunk": {"chunks": (8, 8, 8)},
    "odd chunks": {"chunks": (3, 5, 7), "fill_value": 9},
    "no fill value": {"fill_value": None},
}


@pytest.mark.parametrize("codec", CODECS)
def test_codecs(codec: str, tmp_path: Path) -> None:
    root = tmp_path / "c.zarr"
    wanted = make(root, lambda group: pyramid(group, 1, **CODECS[codec]), ("",))
    for change in changes_of(root):
        write(change)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Numcodecs codecs are not in the Zarr version 3 specification")
        assert_same(arrays_in(zarr.open_group(root, mode="r", zarr_format=3)), wanted)
        assert_same(arrays_in(zarr.open_consolidated(root)), wanted)


def test_a_codec_without_a_form_in_v3_leaves_the_whole_container(tmp_path: Path) -> None:
    root = tmp_path / "c.zarr"
    group = zarr.open_group(root, mode="w", zarr_format=2)
    labelled(group)
    put(group, "times", (4,), "uint16", filters=[numcodecs.Pickle()])
    before = {file: file.read_bytes() for file in root.rglob("*") if file.is_file()}
    units = list(plan_units([root], Options(to="ome-ngff@0.5")))
    assert [unit.changes for unit in units] == [()] * len(units)
    assert {unit.path for unit in units if unit.blocked} == {str(root / "times"), str(root)}
    assert before == {file: file.read_bytes() for file in root.rglob("*") if file.is_file()}


@pytest.mark.parametrize(
    ("content", "name", "link"), [(classic, "bare", "more"), (classic, "deep", "more"), (plain, "s2", "s2")]
)
def test_an_array_of_another_container_is_not_taken_along(content: Content, name: str, link: str, tmp_path: Path) -> None:
    """A link into another container of Zarr v2 would convert that array alone, and its readers would no longer find it."""
    make(tmp_path / "c.zarr", plain)
    make(tmp_path / "other.zarr", content)
    shutil.rmtree(tmp_path / "c.zarr" / link, ignore_errors=True)
    (tmp_path / "c.zarr" / link).symlink_to(tmp_path / "other.zarr" / name, target_is_directory=True)
    units = list(plan_units([tmp_path / "c.zarr"], Options(to="ome-ngff@0.5")))
    assert [unit.changes for unit in units] == [()] * len(units)
    messages = {finding.message for unit in units for finding in unit.findings if finding.severity == Severity.ERROR}
    assert "the node is reached by a link and belongs to another container, which would lose it" in messages


@pytest.mark.parametrize(
    ("content", "path"), [(labelled, "labels"), (labelled, "labels/cells"), (plain, "s1"), (classic, "deep")]
)
def test_a_part_of_a_container_is_not_converted_alone(content: Content, path: str, tmp_path: Path) -> None:
    """Whoever opens the container as Zarr v2 would no longer find it."""
    root = tmp_path / "c.zarr"
    make(root, content)
    (root / "deep" / ".zgroup").unlink(missing_ok=True)  # a folder without a document of its own
    units = list(plan_units([root / path], Options(to="ome-ngff@0.5")))
    assert [unit.changes for unit in units] == [()] * len(units)
    [finding] = [finding for unit in units for finding in unit.findings if finding.severity == Severity.ERROR]
    assert finding.message.startswith("a part of a container cannot go to Zarr v3 alone")
    assert finding.hint == f"migrate the whole container: {root}"


# --- at every moment --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", ["ome-ngff@0.5", "zmeta"])
@pytest.mark.parametrize("copies", [None, ("",), ("", "labels")], ids=["alone", "consolidated", "twice"])
@pytest.mark.parametrize("content", CONTENTS, ids=lambda content: content.__name__)
def test_at_every_moment(content: Content, copies: Copies, to: str, tmp_path: Path) -> None:
    if copies is not None and "labels" in copies and content is not labelled:
        return
    root = tmp_path / "c.zarr"
    wanted = make(root, content, copies)
    changes = changes_of(root, to)
    assert len(changes) >= 2
    for change in changes:
        write(change)
        for found in readings(root):
            assert_same(found, wanted)


@pytest.mark.parametrize("content", [labelled, classic], ids=lambda content: content.__name__)
def test_planned_anew_after_any_document(content: Content, tmp_path: Path) -> None:
    """Who lost the journal plans again, and what is of Zarr v3 already is listed with the rest."""
    count = 0
    while True:
        root = tmp_path / str(count) / "c.zarr"
        wanted = make(root, content, ("",))
        changes = changes_of(root)
        for change in changes[:count]:
            write(change)
        for change in changes_of(root):
            write(change)
        assert changes_of(root) == []
        for found in readings(root):
            assert_same(found, wanted)
        group = zarr.open_group(root, mode="r", zarr_format=3)
        assert group.metadata.consolidated_metadata is not None
        assert count or not list(root.rglob(".z*"))  # what stands beside a document of v3 is not the plan's to remove
        if count == len(changes):
            break
        count += 1
