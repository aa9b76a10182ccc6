"""Every container that a real package wrote is migrated to every target: nothing moves, nothing is lost, nothing is new.

What a target cannot hold is listed in `BLOCKS` and `GROUP_BLOCKS`, so that a block which comes or goes shows.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import zarr
from builders import WILD, dump

from zmeta.checker.report import check
from zmeta.config import Config
from zmeta.conventions.registry import BY_ID
from zmeta.finding import Severity
from zmeta.jsondoc import parse_json
from zmeta.migration.options import Options
from zmeta.migration.plan import plan_units
from zmeta.nodes.node import Node, open_node
from zmeta.pipeline import Decoded, decode_node
from zmeta.schema.validate import packaged_validator

if TYPE_CHECKING:
    from zmeta.migration.unit import Unit

Row = dict[str, Any]
ROWS: list[Row] = json.loads((WILD / "index.json").read_text("utf-8"))
CONTAINERS = {
    container: [row for row in ROWS if row["container"] == container]
    for container in dict.fromkeys(row["container"] for row in ROWS)
}
TARGETS = ("zmeta", "ome-ngff@0.5", "ome-ngff@0.4", "daisy", "funlib-persistence@0.5", "funlib-persistence@0.6", "dacapo",
           "cosem")  # fmt: skip
OME = ("ome-ngff@0.5", "ome-ngff@0.4")
DOCUMENTS = ("zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata", "attributes.json")


def speaks(row: Row) -> bool:
    """Whether an array states a voxel size."""
    return row["voxel_size"] is not None


def wrong_list(row: Row) -> bool:
    """Early funlib.persistence lists three axes for four dimensions."""
    return bool(row["path"].endswith("ome_channels.zarr/affs"))


def other_names(row: Row) -> bool:
    return bool(row["axes"] and row["axes"][-1] not in ("x", "X"))


def of_n5(row: Row) -> bool:
    return bool(row["zarr_format"] == "n5")


def alone(row: Row) -> bool:
    return bool(row["zarr_format"] == 3 and row["path"] == row["container"])


def own_units(row: Row) -> bool:
    """Whether the documents state units; those of dacapo in N5 are at the wrong place, and not read."""
    return bool(row["units"]) and "units" not in row["differs"]


def without_scale(row: Row) -> bool:
    """A plate of iohub has an identity where the scale belongs."""
    return bool(row["path"].startswith("iohub-0.2.3/plate.zarr/"))


#: Targets, arrays, and the words of the reason for which an array of theirs is not brought there; the first one that fits.
BLOCKS: tuple[tuple[tuple[str, ...], Callable[[Row], bool], str], ...] = (
    (OME, lambda row: speaks(row) and of_n5(row), "OME-NGFF has no place in N5"),
    (OME, lambda row: speaks(row) and alone(row), "there is no group whose image could list the array"),
    ((*OME, "cosem"), wrong_list, "ome-ngff: the list of axes does not fit the array"),
    (tuple(to for to in TARGETS if to not in OME), without_scale, "no voxel size is stated (ome-ngff@0.4 has none)"),
    (("daisy",), lambda row: speaks(row) and own_units(row), "daisy has no place for units"),
    (("daisy", "dacapo"), lambda row: other_names(row) and row["convention"] == "funlib-persistence",
     "the convention of the array cannot say exactly what was asked for"),
    (("dacapo",), lambda row: speaks(row) and of_n5(row) and row["convention"] != "dacapo",
     "dacapo has no place for dimension_units in N5 (dacapo's are misaligned there)"),
    (("cosem",), lambda row: other_names(row) and row["convention"] == "funlib-persistence",
     "cosem has no place for axis types that the names do not say"),
    (("ome-ngff@0.5",), lambda row: row["path"] == "zarr-2.18.3/bare.zarr/fortran",
     "the document holds NaN or Infinity, which zmeta does not write"),
)  # fmt: skip

STAYS = "the container stays as it is: {} of its nodes cannot go to Zarr v3 with it"
UNSTATED = "ome-ngff: 0.4 needs a scale, and the voxel size along {} is stated nowhere for level 0, 1"
BACK = "no steps of ome-ngff lead from 0.5 to 0.4"
_OLD_IMAGES = {f"{writer}/plain_{version}.zarr": UNSTATED.format("z" if version == "0.3" else "t")
               for writer, versions in (("ome-zarr-0.2.1", ("0.1", "0.2", "0.3")), ("ome-zarr-0.3.1", ("0.3",)),
                                        ("ome-zarr-0.9.0", ("0.1",))) for version in versions}  # fmt: skip
_NEW_IMAGES = [container for container, rows in CONTAINERS.items() if rows[0]["convention_version"] == "0.5"
               and rows[0]["convention"] == "ome-ngff"]  # fmt: skip
_FIELDS = [f"iohub-0.2.3/plate.zarr/{field}" for field in ("A/1/0", "A/1/1", "B/3/0")]

#: The same for groups.
GROUP_BLOCKS: dict[str, dict[str, str]] = {
    "ome-ngff@0.5": {
        **_OLD_IMAGES,
        **dict.fromkeys(_FIELDS, "ome-ngff: an identity stands in the place of the scale, so the voxel size is not stated"),
    },
    "ome-ngff@0.4": {
        **_OLD_IMAGES,
        **dict.fromkeys([*_NEW_IMAGES, *(f"{container}/{below}" for container in _NEW_IMAGES if "/corner_" in container
                                         for below in ("labels", "labels/cells"))], BACK),
    },
}  # fmt: skip
#: Containers of Zarr v2 that stay as a whole, with the number of nodes that hold them back.
STAYING = {"iohub-0.2.3/plate.zarr": 3, "zarr-2.18.3/bare.zarr": 1, **dict.fromkeys(_OLD_IMAGES, 1),
           **{f"funlib.persistence-0.{minor}.0/ome_channels.zarr": 1 for minor in (3, 4)}}  # fmt: skip


def expected_blocks(container: str, to: str) -> dict[str, set[str]]:
    """Reasons by path, relative to the folder of all containers."""
    found: dict[str, set[str]] = {}
    for row in CONTAINERS[container]:
        words = next((words for targets, fits, words in BLOCKS if to in targets and fits(row)), None)
        if words is not None:
            found.setdefault(row["path"], set()).add(words)
    for path, words in GROUP_BLOCKS.get(to, {}).items():
        if path == container or path.startswith(container + "/"):
            found.setdefault(path, set()).add(words)
    if to == "ome-ngff@0.5" and container in STAYING:
        found.setdefault(container, set()).add(STAYS.format(STAYING[container]))
    return found


#: Errors that `check` finds for the first time afterwards: the array states its four axes, where an image lists three.
NEW_ERRORS = {(f"funlib.persistence-0.{minor}.0/ome_channels.zarr", "dacapo"): {"ZM212"} for minor in (3, 4)}


# --- doing it ---------------------------------------------------------------------------------------------------------


def options_of(container: str, to: str) -> Options:
    return Options(to=to, config=Config(**CONTAINERS[container][0]["settings"]))


def apply(units: list[Unit]) -> None:
    """Write the changes, one document after the other; each must be what the plan saw."""
    for unit in units:
        assert all(sha256(Path(need.file).read_bytes()).hexdigest() == need.digest for need in unit.needs)
        for change in unit.changes:
            file = Path(change.file)
            assert (file.read_bytes() if file.exists() else None) == change.old, file
            if change.new is None:
                file.unlink()
            else:
                file.write_bytes(change.new)


def blocked_in(units: list[Unit], root: Path) -> dict[str, set[str]]:
    """The messages that stand against units; where the broken invariant is told of beside its reason, the reason."""
    found: dict[str, set[str]] = {}
    for unit in units:
        words = {finding.message for finding in unit.findings if finding.severity == Severity.ERROR}
        if words:
            broken = {word for word in words if word.startswith("the convention of the array cannot say")}
            found.setdefault(os.path.relpath(unit.path, root).replace(os.sep, "/"), set()).update(words - broken or words)
    return found


def migrate(container: str, to: str, root: Path) -> dict[str, set[str]]:
    """Migrate a copy; return what was blocked."""
    units = list(plan_units([root / container], options_of(container, to)))
    apply(units)
    return blocked_in(units, root)


def decode(row: Row, root: Path) -> Decoded:
    reading = Config(**row["settings"]).reading()
    return decode_node(open_node(root / row["path"], root / row["container"], fresh=True), reading)


def nodes_in(container: Path) -> dict[str, Node]:
    found = {}
    for folder, _, names in os.walk(container):
        if set(names) & set(DOCUMENTS):
            path = os.path.relpath(folder, container).replace(os.sep, "/")
            found[path] = open_node(folder, container, fresh=True)
    return found


def errors_of(container: Path, config: Config) -> set[tuple[str, str]]:
    """Codes of errors with the folder that they are about."""
    found = set()
    for finding in check([container], config=config).errors:
        path = os.path.realpath(finding.file)
        found.add((finding.code, os.path.dirname(path) if os.path.basename(path) in DOCUMENTS else path))
    return found


# --- what must be there afterwards ------------------------------------------------------------------------------------

#: Attributes of arrays that a convention owns, by its name.
OWNED = {
    "daisy": {"resolution", "offset", "voxel_size"},
    "dacapo": {"axes", "resolution", "offset", "dimension_units", "_ARRAY_DIMENSIONS"},
    "funlib-persistence": {"axis_names", "types", "units", "voxel_size", "offset"},
    "zmeta": {"axes", "types", "units", "voxel_size", "offset", "zarr_conventions"},
    "cosem": {"transform", "pixelResolution"},
    "n5-viewer": {"pixelResolution", "downsamplingFactors"},
    "neuroglancer-n5": {"axes", "units", "resolution", "dimension_units", "pixelResolution"},
    "dimension-units": {"dimension_units"},
    "ome-ngff": set[str](),
}
#: Attributes of groups that OME-NGFF owns.
MOVED = ("multiscales", "omero", "labels", "image-label", "plate", "well", "bioformats2raw.layout", "series")


def without_versions(value: Any) -> Any:
    """The content of OME-NGFF: without versions, and without identities, which say nothing."""
    if isinstance(value, dict):
        kept = {key: without_versions(item) for key, item in value.items() if key != "version"}
        return {key: item for key, item in kept.items() if key != "coordinateTransformations" or item}
    if isinstance(value, list):
        return [without_versions(item) for item in value if not (isinstance(item, dict) and item.get("type") == "identity")]
    return value


def assert_nothing_lost(before: Node, after: Node, owned: set[str]) -> None:
    if before.kind == "array":
        assert (after.shape, after.dtype) == (before.shape, before.dtype)
        kept = {key: value for key, value in before.attributes.items() if key not in owned}
        assert dump({key: after.attributes.get(key) for key in kept}) == dump(kept)
        return
    ome = after.attributes.get("ome")
    for key, value in before.attributes.items():
        if key not in MOVED or not isinstance(ome, dict) or key not in ome:
            assert dump(after.attributes.get(key)) == dump(value), key
        elif key == "multiscales":  # new images may be listed behind
            assert dump(without_versions(ome[key]))[:-1].startswith(dump(without_versions(value))[:-1])
        else:
            assert dump(without_versions(ome[key])) == dump(without_versions(value)), key


def schemas_of(node: Node, claims: list[str]) -> Iterator[tuple[str, Any]]:
    """The schemas of a node's documents, each with what it is about."""
    names = {3: ("zarr/3", "zarr.json"), 2: ("zarr/2", ".zarray" if node.kind == "array" else ".zgroup"),
             "n5": ("n5/4.0", "attributes.json")}  # fmt: skip
    base, file = names[node.format]
    if file in node.documents:
        yield f"{base}/{node.kind}", node.documents[file].data
    for claim in claims:
        row = BY_ID[claim]
        if row.schema and not row.on_group and not row.evidence.isdisjoint(node.attributes):
            yield row.schema, node.attributes
    ome = node.attributes.get("ome", node.attributes)
    if node.kind == "group" and isinstance(ome, dict):
        version = "0.5" if "ome" in node.attributes else "0.4"
        image = "label" if "image-label" in ome else "image"
        for key, name in (("multiscales", image), ("plate", "plate"), ("well", "well")):
            if key in ome:
                yield f"ome-ngff/{version}/{name}", node.attributes


def consolidated_in(container: Path) -> list[str]:
    """The groups that keep a copy of the documents below them."""
    return [
        path
        for path, node in nodes_in(container).items()
        if (container / path / ".zmetadata").exists()
        or (node.format == 3 and json.loads((container / path / "zarr.json").read_bytes()).get("consolidated_metadata"))
    ]


def assert_copies_agree(container: Path) -> None:
    for path in consolidated_in(container):
        copied = zarr.open_consolidated(container / path)
        plain = zarr.open_group(container / path, mode="r", use_consolidated=False)
        listed = {name: member.metadata.to_dict() for name, member in copied.members(max_depth=None)}
        there = {name: member.metadata.to_dict() for name, member in plain.members(max_depth=None)}
        for document in (*listed.values(), *there.values()):
            document.pop("consolidated_metadata", None)
        assert {name: dump(document) for name, document in listed.items()} == {
            name: dump(document) for name, document in there.items()
        }
        assert dump(dict(copied.attrs)) == dump(dict(plain.attrs))


# --- the tests --------------------------------------------------------------------------------------------------------

CASES = [(container, to) for container in CONTAINERS for to in TARGETS]


@pytest.fixture
def copy(tmp_path: Path) -> Callable[[str], Path]:
    def make(container: str) -> Path:
        shutil.copytree(WILD / container, tmp_path / container)
        return tmp_path

    return make


@pytest.mark.parametrize(("container", "to"), CASES, ids=["-to-".join(case) for case in CASES])
def test_nothing_moves_and_nothing_is_lost(container: str, to: str, copy: Callable[[str], Path]) -> None:
    root = copy(container)
    options = options_of(container, to)
    rows = CONTAINERS[container]
    before = {row["path"]: decode(row, root) for row in rows}
    nodes, wrong = nodes_in(root / container), errors_of(root / container, options.config)
    copies = consolidated_in(root / container)

    units = list(plan_units([root / container], options))
    blocked = blocked_in(units, root)
    assert blocked == expected_blocks(container, to)
    assert all(bool(unit.changes) != unit.blocked for unit in units)
    apply(units)

    after = {row["path"]: decode(row, root) for row in rows}
    changed = nodes_in(root / container)
    assert set(nodes) <= set(changed)
    stays = container in blocked
    for path, was in before.items():
        now = after[path]
        assert now.metadata.axes == was.metadata.axes
        assert now.errors == was.errors
        rows_on = [BY_ID[claim.id] for claim in now.claims if not BY_ID[claim.id].names_only]
        if was.metadata.voxel_size is not None and path not in blocked and not stays:
            wanted = options.row(now.node)
            assert wanted in rows_on
            own = {row.convention for row in rows_on if row.evidence & now.node.attributes.keys()}
            assert own <= {wanted.convention, *(["n5-viewer"] if wanted.convention == "cosem" else [])}
    owned = {path: {claim.convention for claim in decoded.claims} for path, decoded in before.items()}
    for path, node in nodes.items():
        full = container if path == "." else f"{container}/{path}"
        names = {*owned.get(full, ()), options.row(node).convention}
        keys = set().union(*(OWNED.get(name, set()) for name in names))
        assert_nothing_lost(node, changed[path], keys)
    for path, node in changed.items():
        full = container if path == "." else f"{container}/{path}"
        claims = [claim.id for claim in after[full].claims] if full in after else []
        if path not in nodes or node.documents != nodes[path].documents:
            for schema, document in schemas_of(node, claims):
                assert [str(problem) for problem in packaged_validator(schema).problems(document)] == [], schema
    new = errors_of(root / container, options.config) - wrong
    assert {code for code, _ in new} == NEW_ERRORS.get((container, to), set())
    assert consolidated_in(root / container) == copies
    assert_copies_agree(root / container)

    again = list(plan_units([root / container], options))
    assert [change.file for unit in again for change in unit.changes] == []
    assert blocked_in(again, root) == blocked


# --- keys that no convention knows ------------------------------------------------------------------------------------

#: Literals that a careless reader changes, a key with a slash, markup, and nesting.
FOREIGN = parse_json(
    '{"a/b": [1.50, 1e-7, -0.0, 12345678901234567890, null, true], "µ </b>": {"version": "0.4", "deep": [[], {}]}}'.encode(),
    "foreign.json",
)[0]


def put_foreign(container: Path) -> dict[str, list[str]]:
    """Put a key into the attributes of every node, behind the first of them; return the names of all, by node."""
    names = {}
    for path, node in nodes_in(container).items():
        first = list(node.attributes)[:1]
        attributes = {**{key: node.attributes[key] for key in first}, "x-lab": FOREIGN, **node.attributes}
        file = Path(node.attributes_file)
        data = parse_json(file.read_bytes(), str(file))[0] if file.exists() else {}
        file.write_text(dump({**data, "attributes": attributes} if node.format == 3 else {**attributes, **data}), "utf-8")
        names[path] = list(attributes)
        (container / path / ".zmetadata").unlink(missing_ok=True)
    return names


@pytest.mark.parametrize("to", ["zmeta", "ome-ngff@0.5", "funlib-persistence@0.6"])
@pytest.mark.parametrize("container", CONTAINERS)
def test_foreign_keys_come_out_as_they_were(container: str, to: str, copy: Callable[[str], Path]) -> None:
    root = copy(container)
    names = put_foreign(root / container)
    known = {*MOVED, "ome"}.union(*OWNED.values())
    assert migrate(container, to, root) == expected_blocks(container, to)
    after = nodes_in(root / container)
    for path, before in names.items():
        assert dump(after[path].attributes["x-lab"]) == dump(FOREIGN)
        assert [key for key in after[path].attributes if key not in known] == [key for key in before if key not in known]


# --- there and back ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["funlib-persistence@0.6", "ome-ngff@0.5", "dacapo", "cosem"])
@pytest.mark.parametrize("container", [name for name, rows in CONTAINERS.items() if rows[0]["zarr_format"] != "n5"])
def test_there_and_back(container: str, by: str, copy: Callable[[str], Path]) -> None:
    """From `zmeta` to another convention and back the attributes are the same to the letter, and so is the reading."""
    root = copy(container)
    rows = CONTAINERS[container]
    migrate(container, "zmeta", root)
    before = {row["path"]: decode(row, root) for row in rows}
    migrate(container, by, root)
    between = {row["path"]: decode(row, root) for row in rows}
    migrate(container, "zmeta", root)
    for row in rows:
        was, now = before[row["path"]], decode(row, root)
        assert between[row["path"]].metadata.axes == now.metadata.axes == was.metadata.axes
        kept: dict[str, Any] = dict(now.node.attributes)
        wanted: dict[str, Any] = dict(was.node.attributes)
        if "voxel_size" in wanted and "offset" not in wanted:  # other conventions state an origin of zeros
            assert set(kept.pop("offset", ())) <= {0}
        names = wanted.pop("_ARRAY_DIMENSIONS", None)  # dacapo writes it for viewers, and it is left to them
        left = kept.pop("_ARRAY_DIMENSIONS", None)
        assert names is None or left in (names, [name.removesuffix("^") for name in names])
        assert dump(dict(sorted(kept.items()))) == dump(dict(sorted(wanted.items())))


@pytest.mark.parametrize("by", ["funlib-persistence@0.6"])
@pytest.mark.parametrize("container", [name for name, rows in CONTAINERS.items() if rows[0]["zarr_format"] == "n5"])
def test_there_and_back_in_n5(container: str, by: str, copy: Callable[[str], Path]) -> None:
    root = copy(container)
    rows = CONTAINERS[container]
    before = {row["path"]: decode(row, root) for row in rows}
    for to in ("zmeta", by, "zmeta"):
        assert migrate(container, to, root) == {}
        for row in rows:
            now = decode(row, root)
            assert now.errors == ()
            assert now.metadata.axes == before[row["path"]].metadata.axes
            if now.metadata.voxel_size is not None:
                assert ("axis_names" in now.node.attributes) == (to == by)


# --- with old keys kept, and with mirrors -----------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["keep", "mirror"])
@pytest.mark.parametrize("container", CONTAINERS)
def test_beside_keys_for_older_readers(container: str, how: str, copy: Callable[[str], Path]) -> None:
    root = copy(container)
    rows = CONTAINERS[container]
    config = Config(**rows[0]["settings"], mirror=("daisy",) if how == "mirror" else ())
    options = Options(to="zmeta", keep_legacy=how == "keep", config=config)
    before = {row["path"]: decode(row, root) for row in rows}
    units = list(plan_units([root / container], options))
    apply(units)
    blocked = blocked_in(units, root)
    words = {word for path in blocked if path not in expected_blocks(container, "zmeta") for word in blocked[path]}
    assert words <= (
        {"two conventions of the array need the key `offset` with different values"} if how == "mirror" else set()
    )
    for row in rows:
        path, was, now = row["path"], before[row["path"]], decode(row, root)
        assert now.metadata.axes == was.metadata.axes
        assert now.errors == was.errors
        if how == "keep":  # but for those that both have, such as `units`, which are put into words
            old = {
                key: value
                for key, value in was.node.attributes.items()
                if key not in OWNED[options.row(was.node).convention]
            }
            assert dump({key: now.node.attributes.get(key) for key in old}) == dump(old)
        elif was.metadata.voxel_size is not None and path not in blocked and row["convention"] != "cosem":
            assert "resolution" in now.node.attributes
    assert [change.file for unit in plan_units([root / container], options) for change in unit.changes] == []
