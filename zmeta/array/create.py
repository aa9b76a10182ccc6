"""Creating arrays: what is asked for, what is there already, and the judgement of both before anything is made.

`make.py` does the making.
"""

from __future__ import annotations

import operator
import os
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from funlib.geometry import Roi

from zmeta.add import (
    apply_edits,
    check_custom,
    check_profiles,
    check_schemas,
    default_row,
    encode_rows,
    encode_with,
    inexact,
    latest_row,
    named_row,
    says,
)
from zmeta.array.grid import from_world
from zmeta.array.make import make_array, remains
from zmeta.array.pixels import open_pixels
from zmeta.canonical.metadata import PHYSICAL, Axis, Metadata, type_of_name
from zmeta.canonical.numbers_ import number_text
from zmeta.canonical.units import long_name, unit_type
from zmeta.canonical.world import World, to_world
from zmeta.conventions.base import Edit
from zmeta.conventions.registry import BY_ID
from zmeta.errors import (
    ArrayExistsError,
    ConfigError,
    GeometryError,
    MetadataError,
    NodeNotFoundError,
    StoreError,
)
from zmeta.finding import Finding
from zmeta.jsondoc import describe, pointer
from zmeta.keys import CORE_KEYS
from zmeta.nodes.node import Node, absolute, join_dataset, open_node, read_node
from zmeta.payload import plain
from zmeta.pipeline import decode_node
from zmeta.stores.local import failed
from zmeta.stores.paths import is_url
from zmeta.stores.remote import store_of

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
    write_size: tuple[Fraction, ...] | None
    overwrite: bool
    units: str | Sequence[str | None] | None
    zarr_format: Literal[2, 3] | None
    convention: str | None
    attributes: dict[str, object]
    profiles: tuple[Profile, ...]


def create_array(request: CreateRequest, world: World, config: Config) -> None:
    """Create the array, or leave the compatible one that is there; raises where neither can be."""
    path = join_dataset(request.container, request.dataset)
    root = absolute(request.container)
    config = config.for_path(path)
    metadata = _metadata(request, world)
    shape = _shape(request, metadata)
    chunks = _chunks(request, metadata, shape)
    custom = _custom(request, path)
    groups = _groups_above(path, root)
    existing = _existing(path, root, overwrite=request.overwrite)
    if existing is not None and not request.overwrite:
        _require_same(existing, metadata, shape, request, custom, config, world)
        return
    zarr_format = _format(request, groups, existing, path)
    _refuse_container(path, groups)
    node = Node(
        path,
        zarr_format,
        "array",
        {},
        custom,
        shape,
        str(request.dtype),
        ancestors=_ancestors(path, groups, zarr_format),
    )
    edits = _judge(node, metadata, request, config)
    try:
        make_array(node, edits, chunks, request.dtype, root, old=existing)
    except ArrayExistsError:  # another process was faster: its array is judged as any other that is there
        existing = None if request.overwrite else _existing(path, root)
        if existing is None:
            raise
        _require_same(existing, metadata, shape, request, custom, config, world)


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
    if not 0 < len(physical) == request.roi.dims == len(request.voxel_size):
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
    if isinstance(units, str) and not any(given):
        raise GeometryError("no axis is of the kind of the unit", expected="a unit of space", found=repr(units))
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


def _custom(request: CreateRequest, path: str) -> JSONObject:
    custom, findings = plain(request.attributes)
    for key in custom.keys() & set(CORE_KEYS):
        message = f"`{key}` is no custom attribute: it follows from the arguments"
        findings.append(Finding("ZM103", message, path, pointer(key), found=describe(custom[key]), hint="leave it out"))
    if findings:
        raise MetadataError("refused, nothing was created", where=path, findings=findings)
    return custom


def _channels(number: object) -> int:
    count = -1 if isinstance(number, bool) or not hasattr(number, "__index__") else operator.index(number)
    if count < 1:
        raise GeometryError("a number of channels must be 1 or more", found=repr(number))
    return count


def _shape(request: CreateRequest, metadata: Metadata) -> tuple[int, ...]:
    shape: list[int] = []
    extents = iter(zip(request.roi.begin, request.roi.shape, request.voxel_size, strict=True))
    for axis in metadata.axes:
        if not axis.physical:
            shape.append(_channels(request.num_channels))
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
    """The write size in voxels, or about `CHUNK_BYTES` over all channels, as even as the shape allows."""
    physical = metadata.physical
    chunks = list(shape)
    if request.write_size is not None:
        text = ", ".join(map(number_text, request.write_size))
        if len(request.write_size) != len(physical):
            raise GeometryError(
                "the write size has the wrong number of dimensions",
                expected=str(len(physical)),
                found=text,
            )
        sizes = [size / voxel for size, voxel in zip(request.write_size, request.voxel_size, strict=True)]
        if any(size.denominator != 1 or size < 1 for size in sizes):
            voxel = ", ".join(map(number_text, request.voxel_size))
            raise GeometryError(
                "the write size is not a multiple of the voxel size",
                expected=f"multiples of {voxel}",
                found=text,
            )
        for axis, size in zip(physical, sizes, strict=True):
            chunks[axis] = min(int(size), shape[axis])
        return tuple(chunks)
    voxels = CHUNK_BYTES / ((request.num_channels or 1) * max(request.dtype.itemsize, 1))
    by_extent = sorted(physical, key=lambda axis: shape[axis])  # what a short axis cannot take goes to the longer ones
    for position, axis in enumerate(by_extent):
        edge = int(voxels ** (1 / (len(by_extent) - position)))
        chunks[axis] = min(max(edge, 1), shape[axis])
        voxels /= chunks[axis]
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


def _format(
    request: CreateRequest, groups: list[tuple[str, Node | None]], existing: Node | None, path: str
) -> Literal[2, 3]:
    found: list[Format] = [node.format for _, node in groups if node is not None]
    there = "n5" if existing is not None and existing.format == "n5" else None
    if "n5" in (*found, there):
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
    default = 3 if existing is None else existing.format
    return cast("Literal[2, 3]", wanted or (found[-1] if found else default))


def _is_free(path: str) -> bool:
    """Whether nothing is there, or an empty folder. Not asked of an array: its chunks are never listed."""
    if is_url(path):
        store, key = store_of(path)
        return not store.can_list or not any(store.list_folder(key))
    try:
        return not os.path.lexists(path) or (os.path.isdir(path) and not os.listdir(path))
    except OSError as error:
        raise failed("list", path, error) from None


def _existing(path: str, root: str, *, overwrite: bool = False) -> Node | None:
    # asked first: another worker may put the same array there, which the next step notes
    there = is_url(path) or os.path.lexists(path)
    try:
        node = open_node(path, root)
    except NodeNotFoundError:
        free = not there or _is_free(path)
        left = remains(path) if is_url(path) and (overwrite or not free) else None
        if free or (overwrite and left is not None):
            return left
        what, hint = "something else stands in the place of the array", "choose another dataset"
        if left is not None:
            what = "chunks are left of an array that was being replaced"
            hint = "pass overwrite=True to replace it, unless somebody is still at it"
        raise ArrayExistsError(what, where=path, hint=hint) from None
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
    world: World,
) -> None:
    decoded = decode_node(node, config.reading(world=world))
    there = decoded.require()
    pairs: list[tuple[str, object, object]] = [("shape", list(shape), list(node.shape))]
    pairs.append(("axes", list(metadata.names), list(there.names)))
    pairs.append(("voxel_size", _in_world(metadata, "voxel_size", world), _in_world(there, "voxel_size", world)))
    pairs.append(("offset", _in_world(metadata, "offset", world), _in_world(there, "offset", world)))
    if request.units is not None:
        pairs.append(("units", list(metadata.units), list(there.units)))
    dtype = np.dtype(node.dtype if node.format == "n5" else open_pixels(node, writable=False).dtype)
    pairs.append(("dtype", str(request.dtype.newbyteorder("=")), str(dtype.newbyteorder("="))))
    if request.zarr_format is not None:
        pairs.append(("zarr_format", request.zarr_format, node.format))
    spoken = {name for claim in decoded.claims for name in (claim.convention, claim.id)}
    if request.convention is not None and request.convention not in spoken:
        pairs.append(("convention", request.convention, there.convention))
    pairs += [(f"attributes.{key}", value, node.attributes.get(key)) for key, value in custom.items()]
    differences = [f"{key}: asked for {wanted}, there is {found}" for key, wanted, found in pairs if wanted != found]
    if differences:
        raise ArrayExistsError(
            "another array stands there: " + "; ".join(differences),
            where=node.path,
            hint="pass overwrite=True to replace it",
        )


def _in_world(metadata: Metadata, key: str, world: World) -> list[str]:
    values = [(getattr(axis, key), axis) for axis in metadata.axes if axis.physical]
    return [number_text(to_world(value, axis, world)) if value is not None else "none" for value, axis in values]


# --- judging and making ---------------------------------------------------------------------------------------------


def _ancestors(path: str, groups: list[tuple[str, Node | None]], zarr_format: Literal[2, 3]) -> tuple[tuple[Node, str], ...]:
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
        named_row(request.convention, node) if request.convention else default_row(node, config)
    ]
    rows += [row for row in (latest_row(name, node) for name in config.mirror) if row not in rows]
    edits = encode_rows(rows, metadata, node, reading)
    current = apply_edits(node, edits)
    after = decode_node(current, reading)
    if after.metadata.names != metadata.names:  # the convention has no place for names, and the container has
        edits += encode_with(BY_ID[f"xarray@{node.format}"], metadata, current, reading, mirror=False)
        after = decode_node(apply_edits(node, edits), reading)
    problems = check_custom(node.attributes, node.with_attributes({}), request.profiles, config)
    problems += [
        *after.errors,
        *check_schemas(after, [*edits, Edit(node)]),
        *check_profiles(after, request.profiles, config),
    ]
    if not problems and rows[0].id not in {claim.id for claim in after.claims}:
        text = f"{rows[0].id} is not what an array of {node.format_name} is written in"
        problems.append(Finding("ZM409", text, node.path, found=after.metadata.convention or ""))
    if not problems and not says(after.metadata, metadata):
        problems.append(inexact(metadata, after.metadata, node))
    if problems:
        raise MetadataError("refused, nothing was created", where=node.path, findings=problems)
    return edits
