"""Creating arrays: everything is judged before anything is made, and the array appears whole or not at all.

The array is made in a hidden folder beside its place, with its attributes, and renamed into it. Groups that were made on
the way are taken away again where a later step fails.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from funlib.geometry import Coordinate, Roi

from zmeta.add import (
    apply_edits,
    check_profiles,
    check_schemas,
    default_row,
    encode_with,
    filled,
    latest_row,
    plan_changes,
)
from zmeta.array.grid import from_world
from zmeta.canonical.world import World, to_world
from zmeta.canonical.metadata import PHYSICAL, Axis, Metadata, type_of_name
from zmeta.canonical.numbers_ import number_text
from zmeta.canonical.units import long_name, unit_type
from zmeta.conventions.base import Edit
from zmeta.errors import (
    ArrayExistsError,
    ConfigError,
    GeometryError,
    MetadataError,
    NodeNotFoundError,
    StoreError,
    ZmetaError,
)
from zmeta.finding import Finding
from zmeta.jsondoc import dump_json
from zmeta.nodes.node import Node, join_dataset, open_node, read_node
from zmeta.nodes.write import sync_folder, write
from zmeta.payload import plain
from zmeta.pipeline import decode_node

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zmeta.config import Config
    from zmeta.conventions.base import ConventionVersion
    from zmeta.jsondoc import JSONObject
    from zmeta.nodes.node import Format
    from zmeta.profile import Profile

#: Bytes of a chunk where no write size is given, as in dacapo.
CHUNK_BYTES = 5 * 1024 * 1024


@dataclass(frozen=True)
class CreateRequest:
    """What `ZarrArray.create_from_array_identifier` was asked for."""

    container: str
    dataset: str
    axes: tuple[str, ...]
    roi: Roi
    num_channels: int | None
    voxel_size: tuple[Fraction, ...]
    dtype: np.dtype[Any]
    write_size: Coordinate | None
    overwrite: bool
    units: str | Sequence[str | None] | None
    zarr_format: Literal[2, 3] | None
    convention: str | None
    attributes: dict[str, object]
    profiles: tuple[Profile, ...]


def create_array(request: CreateRequest, world: World, config: Config) -> None:
    """Create the array, or leave the compatible one that is there; raises where neither can be."""
    path = join_dataset(request.container, request.dataset)
    root = os.path.abspath(request.container)
    config = config.for_path(path)
    metadata = _metadata(request, world)
    shape = _shape(request, metadata)
    groups = _groups_above(path, root)
    zarr_format = _format(request, groups, path)
    custom, findings = plain(request.attributes)
    if findings:
        raise MetadataError("refused, nothing was written", where=path, findings=findings)
    existing = _existing(path, root)
    if existing is not None and not request.overwrite:
        _require_same(existing, metadata, shape, request, custom, config, path)
        return
    _refuse_container(path, groups)
    node = Node(
        path,
        zarr_format,
        "array",
        {},
        custom,
        shape,
        str(request.dtype),
        ancestors=_ancestors(path, groups, root, zarr_format),
    )
    edits = _judge(node, metadata, request, config)
    _make(node, edits, _chunks(request, metadata, shape), request, root)


# --- what is asked for ----------------------------------------------------------------------------------------------


def _metadata(request: CreateRequest, world: World) -> Metadata:
    names = list(request.axes)
    channel = [name for name in names if type_of_name(name.rstrip("^")) == "channel"]
    names = [name.rstrip("^") for name in names]
    if request.num_channels is None:
        names = [name for name in names if type_of_name(name) != "channel"]
    elif not channel:
        names = ["c", *names]
    elif len(channel) > 1:
        raise GeometryError("there is one number of channels and more than one channel axis", found=" ".join(request.axes))
    if len(set(names)) != len(names):
        raise GeometryError("axis names must differ from each other", found=" ".join(names))
    types = [type_of_name(name) or "space" for name in names]
    physical = [index for index, kind in enumerate(types) if kind in PHYSICAL]
    odd = [name for name, kind in zip(names, types, strict=True) if kind not in (*PHYSICAL, "channel")]
    if odd:
        raise GeometryError(
            "the extent of an axis is not given", found=", ".join(odd), hint="use physical axes and one channel axis"
        )
    if not isinstance(request.roi, Roi) or request.roi.unbounded or request.roi.empty:
        raise GeometryError("a bounded ROI that is not empty is needed", found=str(request.roi))
    if not (len(physical) == request.roi.dims == len(request.voxel_size)):
        found = (
            f"{len(physical)} physical axes, {request.roi.dims} dimensions of the ROI, {len(request.voxel_size)} voxel sizes"
        )
        raise GeometryError("axes, ROI and voxel size do not agree", expected="one of each per physical axis", found=found)
    if any(size <= 0 for size in request.voxel_size):
        raise GeometryError("a voxel size must be positive", found=", ".join(map(number_text, request.voxel_size)))
    units = _units(request.units, [types[index] for index in physical])
    axes = [Axis(name, kind) for name, kind in zip(names, types, strict=True)]
    for position, index in enumerate(physical):
        axis = replace(axes[index], unit=units[position])
        size, begin = request.voxel_size[position], Fraction(cast("int", request.roi.begin[position]))
        axes[index] = replace(axis, voxel_size=from_world(size, axis, world), offset=from_world(begin, axis, world))
    return Metadata(tuple(axes))


def _units(units: str | Sequence[str | None] | None, kinds: list[str]) -> list[str | None]:
    if units is None:
        return [None] * len(kinds)
    given = (
        [units if kind == (unit_type(units) or "space") else None for kind in kinds]
        if isinstance(units, str)
        else list(units)
    )
    if len(given) != len(kinds):
        raise GeometryError(
            "units do not fit the axes", expected=f"{len(kinds)} units, one per physical axis", found=repr(units)
        )
    for unit, kind in zip(given, kinds, strict=True):
        if unit is not None and unit_type(unit) != kind:
            name = long_name(unit)
            hint = (
                f"write {name!r}"
                if name and unit_type(name) == kind
                else "use a name that OME-NGFF lists, such as nanometer"
            )
            raise GeometryError("a unit does not fit its axis", expected=f"a unit of {kind}", found=repr(unit), hint=hint)
    return given


def _shape(request: CreateRequest, metadata: Metadata) -> tuple[int, ...]:
    shape: list[int] = []
    extents = iter(zip(request.roi.begin, request.roi.shape, request.voxel_size, strict=True))
    for axis in metadata.axes:
        if not axis.physical:
            if not isinstance(request.num_channels, int) or request.num_channels < 1:
                raise GeometryError("a number of channels must be 1 or more", found=repr(request.num_channels))
            shape.append(request.num_channels)
            continue
        _, extent, size = next(extents)
        count = Fraction(extent) / size
        if count.denominator != 1:
            hint = f"{int(count) + 1} voxels are {number_text((int(count) + 1) * size)}"
            found = f"{extent} at a voxel size of {number_text(size)}"
            raise GeometryError(f"the ROI is not a whole number of voxels on axis {axis.name}", found=found, hint=hint)
        shape.append(int(count))
    return tuple(shape)


def _chunks(request: CreateRequest, metadata: Metadata, shape: tuple[int, ...]) -> tuple[int, ...]:
    """A write size in voxels, or a cube of about `CHUNK_BYTES` over all channels."""
    physical = metadata.physical
    if request.write_size is not None:
        if request.write_size.dims != len(physical):
            raise GeometryError(
                "the write size has the wrong number of dimensions",
                expected=str(len(physical)),
                found=str(request.write_size),
            )
        sizes = [Fraction(size) / voxel for size, voxel in zip(request.write_size, request.voxel_size, strict=True)]
        if any(size.denominator != 1 or size < 1 for size in sizes):
            voxel = ", ".join(map(number_text, request.voxel_size))
            raise GeometryError(
                "the write size is not a multiple of the voxel size",
                expected=f"multiples of {voxel}",
                found=str(request.write_size),
            )
        edges = [int(size) for size in sizes]
    else:
        voxels = CHUNK_BYTES / ((request.num_channels or 1) * max(request.dtype.itemsize, 1))
        edges = [max(1, int(voxels ** (1 / len(physical))))] * len(physical)
    chunks = list(shape)
    for axis, edge in zip(physical, edges, strict=True):
        chunks[axis] = min(edge, shape[axis])
    return tuple(chunks)


# --- what is there --------------------------------------------------------------------------------------------------


def _groups_above(path: str, root: str) -> list[tuple[str, Node | None]]:
    """Return the folders from the container to the array, outermost first, with the group that each is."""
    folders: list[str] = []
    folder = path
    while folder != root:
        folder = os.path.dirname(folder)
        folders.append(folder)
    result: list[tuple[str, Node | None]] = []
    for folder in reversed(folders):
        node = read_node(folder)
        if node is not None and node.kind == "array":
            raise NodeNotFoundError("an array cannot hold another array", where=folder, hint="choose another dataset")
        result.append((folder, node))
    return result


def _format(request: CreateRequest, groups: list[tuple[str, Node | None]], path: str) -> Literal[2, 3]:
    found: list[Format] = [node.format for _, node in groups if node is not None]
    if "n5" in found:
        raise StoreError("arrays are not created in N5 containers", where=path, hint="create a Zarr container")
    wanted = request.zarr_format
    if wanted not in (None, 2, 3):
        raise ConfigError("the Zarr format is 2 or 3", found=repr(wanted))
    if wanted is not None and any(format_ != wanted for format_ in found):
        raise StoreError(
            f"the container is Zarr v{found[0]}",
            where=path,
            found=f"zarr_format={wanted}",
            hint=f"pass zarr_format={found[0]}",
        )
    return cast("Literal[2, 3]", wanted or (found[-1] if found else 3))


def _existing(path: str, root: str) -> Node | None:
    try:
        node = open_node(path, root)
    except NodeNotFoundError:
        if os.path.lexists(path) and not (os.path.isdir(path) and not os.listdir(path)):
            raise ArrayExistsError(
                "something else stands in the place of the array", where=path, hint="choose another dataset"
            ) from None
        return None
    if node.kind == "group":
        raise ArrayExistsError("a group stands in the place of the array", where=path, hint="choose another dataset")
    return node


def _refuse_container(path: str, groups: list[tuple[str, Node | None]]) -> None:
    """An array at the root of a container has no group to be listed in; anything else needs its groups readable."""
    for folder, node in groups:
        if node is None and os.path.lexists(folder) and not os.path.isdir(folder):
            raise StoreError("a file stands in the way", where=folder, found=path)


def _require_same(
    node: Node,
    metadata: Metadata,
    shape: tuple[int, ...],
    request: CreateRequest,
    custom: JSONObject,
    config: Config,
    path: str,
) -> None:
    decoded = decode_node(node, config.reading())
    world = config.reading().world
    there = decoded.require()
    pairs: list[tuple[str, object, object]] = [("shape", list(shape), list(node.shape))]
    pairs.append(("axes", list(metadata.names), list(there.names)))
    pairs.append(("voxel_size", _in_world(metadata, "voxel_size", world), _in_world(there, "voxel_size", world)))
    pairs.append(("offset", _in_world(metadata, "offset", world), _in_world(there, "offset", world)))
    if request.units is not None:
        pairs.append(("units", list(metadata.units), list(there.units)))
    from zmeta.array.zarr_array import _open_pixels

    if node.format != "n5":
        pairs.append(("dtype", str(request.dtype), str(np.dtype(_open_pixels(node, writable=False).dtype))))
    if request.zarr_format is not None:
        pairs.append(("zarr_format", request.zarr_format, node.format))
    pairs += [(f"attributes.{key}", value, node.attributes.get(key)) for key, value in custom.items()]
    differences = [f"{key}: asked for {wanted}, there is {found}" for key, wanted, found in pairs if wanted != found]
    if differences:
        raise ArrayExistsError(
            "another array stands there: " + "; ".join(differences), where=path, hint="pass overwrite=True to replace it"
        )


def _in_world(metadata: Metadata, key: str, world: World) -> list[str]:
    values = [(getattr(axis, key), axis) for axis in metadata.axes if axis.physical]
    return [number_text(to_world(value, axis, world)) if value is not None else "none" for value, axis in values]


# --- judging and making ---------------------------------------------------------------------------------------------


def _ancestors(
    path: str, groups: list[tuple[str, Node | None]], root: str, zarr_format: Literal[2, 3]
) -> tuple[tuple[Node, str], ...]:
    """The groups above as they will be: those that are there, and new ones."""
    result = []
    for folder, node in reversed(groups):
        group = node or Node(folder, zarr_format, "group", {}, {})
        result.append((group, os.path.relpath(path, folder).replace(os.sep, "/")))
    return tuple(result)


def _judge(node: Node, metadata: Metadata, request: CreateRequest, config: Config) -> list[Edit]:
    """Return the edits that give the array its metadata, all checks passed."""
    reading = config.reading()
    rows: list[ConventionVersion] = [
        latest_row_named(request.convention, node) if request.convention else default_row(node, config)
    ]
    rows += [row for row in (latest_row(name, node) for name in config.mirror) if row not in rows]
    edits: list[Edit] = []
    current = node
    for position, row in enumerate(rows):
        new = encode_with(row, metadata, current, reading, mirror=position > 0)
        edits += new
        current = apply_edits(current, new)
    after = decode_node(current, reading)
    profiles = (*request.profiles, *config.profiles)
    problems = [*after.errors, *check_schemas(after, [*edits, Edit(node)]), *check_profiles(after, profiles, config)]
    if not problems and filled(after.metadata) != filled(metadata):
        problems.append(Finding("ZM409", f"{rows[0].id} cannot say exactly what was asked for", node.path))
    if problems:
        raise MetadataError("refused, nothing was created", where=node.path, findings=problems)
    return edits


def latest_row_named(convention: str, node: Node) -> ConventionVersion:
    """Return the version of a convention that a user names, as `name` or `name@version`; raises `ConfigError`."""
    from zmeta.conventions.registry import BY_ID, VERSIONS

    if convention in BY_ID and BY_ID[convention].encode is not None:
        return BY_ID[convention]
    names = [row.convention for row in VERSIONS if row.encode is not None and not row.names_only]
    if convention not in names:
        raise ConfigError(
            "there is no such convention to write", expected=", ".join(dict.fromkeys(names)), found=repr(convention)
        )
    return latest_row(convention, node)


def _make(node: Node, edits: Sequence[Edit], chunks: tuple[int, ...], request: CreateRequest, root: str) -> None:
    made: list[str] = []
    folder, name = os.path.split(node.path)
    temporary = os.path.join(folder, f".{name}.zmeta-tmp")
    old = os.path.join(folder, f".{name}.zmeta-old")
    try:
        made += _make_groups(node)
        _remove_tree(temporary)
        _make_array(temporary, node, [edit for edit in edits if edit.node.path == node.path], chunks, request)
        above = [edit for edit in edits if edit.node.path != node.path]
        _swap(temporary, node.path, old)
        try:
            _edit_groups(node, above, root)
        except BaseException:
            _remove_tree(node.path)
            if os.path.lexists(old):
                os.replace(old, node.path)
            raise
        _remove_tree(old)
    except OSError as error:
        _undo(made, temporary)
        if isinstance(error, ZmetaError):
            raise
        raise StoreError("cannot create the array", where=node.path, found=error.strerror or str(error)) from None
    except BaseException:
        _undo(made, temporary)
        raise


def _undo(made: list[str], temporary: str) -> None:
    _remove_tree(temporary)
    for path in reversed(made):
        with suppress(OSError):
            os.rmdir(path) if os.path.isdir(path) else os.unlink(path)


def _make_groups(node: Node) -> list[str]:
    """Make the groups that are missing; return what was made, in order."""
    made: list[str] = []
    for group, _ in reversed(node.ancestors):
        if group.documents:
            continue
        folder = group.path
        missing = []
        while not os.path.isdir(folder):
            missing.append(folder)
            folder = os.path.dirname(folder)
        for new in reversed(missing):
            os.mkdir(new)
            made.append(new)
        file = os.path.join(group.path, "zarr.json" if node.format == 3 else ".zgroup")
        document: JSONObject = (
            {"zarr_format": 3, "node_type": "group", "attributes": {}} if node.format == 3 else {"zarr_format": 2}
        )
        with open(file, "xb") as handle:
            made.append(file)
            handle.write(dump_json(document))
    parent = os.path.dirname(node.path)
    missing = []
    while not os.path.isdir(parent):
        missing.append(parent)
        parent = os.path.dirname(parent)
    for new in reversed(missing):
        os.mkdir(new)
        made.append(new)
    return made


def _make_array(path: str, node: Node, edits: Sequence[Edit], chunks: tuple[int, ...], request: CreateRequest) -> None:
    import zarr

    attributes = apply_edits(node, edits).attributes
    names = next((edit.dimension_names for edit in edits if edit.dimension_names is not None), None)
    try:
        zarr.create_array(
            path,
            shape=node.shape,
            chunks=chunks,
            dtype=request.dtype,
            attributes=attributes,
            zarr_format=cast("Literal[2, 3]", node.format),
            dimension_names=names if node.format == 3 else None,
            fill_value=0 if request.dtype.kind in "biufc" else None,
        )
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - zarr raises many types for what it cannot make
        raise StoreError(
            "zarr cannot create the array", where=node.path, found=f"{type(error).__name__}: {error}"[:300]
        ) from error


def _swap(new: str, path: str, old: str) -> None:
    """Put the new array in its place; the one that was there is kept until all is done."""
    if os.path.lexists(path):
        _remove_tree(old)
        os.replace(path, old)
    try:
        os.replace(new, path)
    except BaseException:
        if os.path.lexists(old):
            os.replace(old, path)
        raise
    sync_folder(os.path.dirname(path))


def _edit_groups(node: Node, edits: Sequence[Edit], root: str) -> None:
    if not edits:
        return
    fresh = open_node(node.path, root)
    by_path = {group.path: group for group, _ in fresh.ancestors}
    current = [replace(edit, node=by_path[edit.node.path]) for edit in edits]
    if not write(plan_changes(fresh, current)):
        raise StoreError("the group above was changed by somebody else meanwhile", where=node.path, hint="try again")


def _remove_tree(path: str) -> None:
    if os.path.islink(path) or os.path.isfile(path):
        os.unlink(path)
    elif os.path.isdir(path):
        shutil.rmtree(path)
