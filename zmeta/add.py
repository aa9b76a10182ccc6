"""`add_metadata`: validate → read → merge → validate the whole → write, all or nothing.

Core keys are given in zmeta's terms and encoded in the convention that the array already uses, on whichever node it keeps
them; custom keys go to the array's own attributes. What comes out is decoded again before a byte changes: it must say
exactly what was asked for.
"""

from __future__ import annotations

import os
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from zmeta.canonical.metadata import PHYSICAL, Axis, Metadata, type_of_name
from zmeta.canonical.numbers_ import parse_number
from zmeta.canonical.units import unit_size
from zmeta.config import Config, load_config
from zmeta.conventions.base import Edit, Reading, unit_conflict
from zmeta.conventions.merge import Given
from zmeta.conventions.registry import BY_ID, VERSIONS, find_row
from zmeta.errors import ConfigError, EncodeError, MetadataError, ZmetaError
from zmeta.finding import Finding, Severity
from zmeta.jsondoc import JSONObject, JSONValue, describe, dump_json, parse_json, pointer
from zmeta.keys import CORE_KEYS, OWNED, custom_keys, near_miss
from zmeta.nodes.node import N5_RESERVED, Node, open_array_node
from zmeta.nodes.write import Change, update
from zmeta.payload import check_core, plain
from zmeta.pipeline import Decoded, decode_node
from zmeta.schema.catalog import SchemaName
from zmeta.schema.validate import packaged_validator, validate
from zmeta.stores.registry import read

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from zmeta.conventions.base import ConventionVersion
    from zmeta.profile import Profile


def add_to_node(
    path: str,
    root: str | None,
    payload: Mapping[str, object] | object,
    *,
    profiles: Iterable[Profile] = (),
    config: Config | None = None,
    remove: Iterable[str] = (),
    convention: str | None = None,
) -> tuple[Finding, ...]:
    """Add metadata to the array in a folder; see `zmeta.add_metadata`."""
    settings = (config or load_config()).for_path(path)
    keys, findings = plain(payload)
    explicit = tuple(profiles)
    removed = frozenset(remove)

    def compute() -> tuple[Sequence[Change], tuple[Finding, ...]]:
        node = open_array_node(path, root, fresh=True)
        edits, after = plan_edits(node, keys, removed, findings, explicit, settings, convention)
        return plan_changes(node, edits), tuple(f for f in after.findings if f.severity < Severity.ERROR)

    stale: list[Finding] = []

    def note(change: Change, error: ZmetaError) -> None:
        message = "the edit is written, and the consolidated copy could not be brought up to date"
        hint = "consolidate the metadata again: zarr.consolidate_metadata(…)"
        found = "; ".join(filter(None, (error.what, error.found)))
        stale.append(Finding("ZM414", message, change.file, found=found, hint=hint))

    with settings.storage():
        return (*update(compute, note), *stale)


# --- planning, pure -------------------------------------------------------------------------------------------------


def plan_edits(
    node: Node,
    keys: JSONObject,
    remove: frozenset[str],
    findings: Sequence[Finding],
    profiles: Sequence[Profile],
    config: Config,
    convention: str | None = None,
) -> tuple[list[Edit], Decoded]:
    """Return the edits that add keys to an array, and the array as it will be; raises `MetadataError` with all findings."""
    reading = config.reading()
    before = decode_node(node, reading)
    core: JSONObject = {key: value for key, value in keys.items() if key in CORE_KEYS}
    custom: JSONObject = {key: value for key, value in keys.items() if key not in CORE_KEYS}
    problems = [*findings, *check_core(core), *check_custom(custom, node, profiles, config)]
    wrong = {problem.pointer.split("/")[1] for problem in problems if "/" in problem.pointer}
    names = core.get("axes")
    if isinstance(names, list) and "axes" not in wrong and len(names) == node.ndim and "axes" not in stated(before):
        before = decode_node(node, reading, Given(tuple(map(str, names))))
    wanted, more = merge_core(before.metadata, {key: core[key] for key in core if key not in wrong}, node)
    _refuse([*problems, *more], node)
    edits = [Edit(node, custom, remove)] if custom or remove else []
    if core or convention:
        edits += encode_edits(wanted if "offset" in core else as_stated(wanted, before), before, config, convention)
    after = decode_node(apply_edits(node, edits), reading)
    if core.keys() & {"axes"} and "axes" not in stated(after):  # the convention has no place for names, the container has
        edits += name_dimensions(wanted, apply_edits(node, edits), reading)
        after = decode_node(apply_edits(node, edits), reading)
    problems = [*after.errors, *check_schemas(after, edits), *check_profiles(after, profiles, config)]
    raw = bool(remove) or bool(custom.keys() & OWNED)  # keys of a convention, written as they are, may say something new
    if not problems and (core or not raw) and not says(after.metadata, wanted):
        problems.append(inexact(wanted, after.metadata, node))
    _refuse(problems, node)
    return edits, after


def _refuse(problems: Sequence[Finding], node: Node) -> None:
    if any(problem.severity == Severity.ERROR for problem in problems):
        placed = [problem if problem.file else problem._replace(file=node.path) for problem in problems]
        raise MetadataError("refused, nothing was written", where=node.path, findings=dict.fromkeys(placed))


def filled(metadata: Metadata) -> Metadata:
    """Return metadata with an offset of 0 where none is stated, as readers take it."""
    axes = [replace(a, offset=a.offset or Fraction(0)) if a.voxel_size is not None else a for a in metadata.axes]
    return metadata.with_axes(tuple(axes))


def says(metadata: Metadata, wanted: Metadata) -> bool:
    """Whether metadata says exactly what is wanted; a name or type that is not wanted may be filled in by a habit."""
    pairs = zip(filled(metadata).axes, filled(wanted).axes, strict=True)
    return all(found == replace(axis, name=axis.name or found.name, type=axis.type or found.type) for found, axis in pairs)


def inexact(wanted: Metadata, after: Metadata, node: Node) -> Finding:
    """Return the finding for metadata that does not come out as it was asked for, with the axes that differ."""
    message = "the convention of the array cannot say exactly what was asked for"
    pairs = [(one, other) for one, other in zip(wanted.axes, after.axes, strict=True) if one != other]
    return Finding(
        "ZM409",
        message,
        node.path,
        expected="; ".join(map(_axis, (p[0] for p in pairs))),
        found="; ".join(map(_axis, (p[1] for p in pairs))),
    )


def _axis(axis: Axis) -> str:
    return f"{axis.name} {axis.type} {axis.unit or 'no unit'} {axis.voxel_size} at {axis.offset}"


def check_custom(custom: JSONObject, node: Node, profiles: Sequence[Profile], config: Config) -> list[Finding]:
    """Return what is wrong with the names of custom keys: those that N5 reserves, and near misses of core keys."""
    findings = []
    bound = [*profiles, *config.bound(node.path, node.attributes | custom)]
    named = {name for profile in bound for name in profile.names()}
    for key, value in custom.items():
        if node.format == "n5" and key in N5_RESERVED:
            message = f"N5 keeps `{key}` for itself: it would overwrite what describes the array"
            findings.append(Finding("ZM105", message, node.attributes_file, pointer(key), hint="choose another name"))
        core = None if key in named or key in node.attributes else near_miss(key, value)
        if core is not None:
            message = f"`{key}` looks like `{core}`"
            hint = f"write `{core}`, or name `{key}` in a profile if it is meant"
            findings.append(Finding("ZM104", message, node.attributes_file, pointer(key), found=describe(value), hint=hint))
    return findings


def merge_core(metadata: Metadata, core: JSONObject, node: Node) -> tuple[Metadata, list[Finding]]:
    """Return metadata with the core keys of a payload put in, and what does not fit the array."""
    findings: list[Finding] = []
    ndim = node.ndim

    def fit(key: str, count: int, per: str) -> bool:
        value = core.get(key)
        if not isinstance(value, list):
            return False
        if len(value) != count:
            message = f"`{key}` must have one value per {per}"
            findings.append(Finding("ZM201", message, node.path, pointer(key), f"{count} values", describe(value)))
            return False
        return True

    axes = list(metadata.axes)
    if fit("axes", ndim, "dimension of the array"):
        names = [str(name) for name in _list(core["axes"])]
        types = [
            axis.type if axis.type and axis.name == name else type_of_name(name) or axis.type
            for axis, name in zip(axes, names, strict=True)
        ]
        axes = [replace(axis, name=name, type=kind) for axis, name, kind in zip(axes, names, types, strict=True)]
    if fit("types", ndim, "dimension of the array"):
        axes = [replace(axis, type=str(kind)) for axis, kind in zip(axes, _list(core["types"]), strict=True)]
    axes = [axis if axis.type in PHYSICAL or axis.type is None else Axis(axis.name, axis.type) for axis in axes]
    physical = _physical(axes, core)
    for key in ("units", "voxel_size", "offset"):
        if fit(key, len(physical), "physical axis"):
            for index, value in zip(physical, _list(core[key]), strict=True):
                new = (str(value) or None) if key == "units" else parse_number(value)
                axes[index] = replace(axes[index], **{"unit" if key == "units" else key: new})  # type: ignore[arg-type]
    for axis in axes:
        if unit_conflict(axis.unit, axis.type):
            message = f"the unit of axis {axis.name} does not fit its type {axis.type}"
            findings.append(Finding("ZM203", message, node.path, "/units", f"a unit of {axis.type}", str(axis.unit)))
    if "offset" in core and any(axis.offset is not None and axis.voxel_size is None for axis in axes):
        findings.append(Finding("ZM103", "an offset needs a voxel size", node.path, "/offset", hint="give voxel_size too"))
    return metadata.with_axes(tuple(axes)), findings


def _physical(axes: Sequence[Axis], core: JSONObject) -> list[int]:
    """Indices of the axes that lists per physical axis speak of; a name that says nothing may be one of them."""
    physical = [index for index, axis in enumerate(axes) if axis.type in PHYSICAL]
    likely = [index for index, axis in enumerate(axes) if axis.type in PHYSICAL or axis.type is None]
    sizes = core.get("voxel_size")
    return likely if isinstance(sizes, list) and len(sizes) == len(likely) != len(physical) else physical


def _list(value: JSONValue) -> list[JSONValue]:
    return value if isinstance(value, list) else []


def encode_edits(wanted: Metadata, before: Decoded, config: Config, convention: str | None) -> list[Edit]:
    """Return the edits that make an array say metadata in every convention that it speaks already.

    With `convention` that one comes first, and those that the array speaks become its mirrors. Raises `EncodeError` where
    one of them has no place for it.
    """
    node, reading = before.node, config.reading()
    found = (find_row(claim.id, reading) for claim in before.claims)
    rows = [row for row in found if row is not None]
    speaking = [row for row in rows if row.encode is not None and not row.names_only]
    if convention is not None:
        first = named_row(convention, node)
        speaking = [first, *(row for row in speaking if row.convention != first.convention)]
    for row in rows if not speaking else ():
        if wanted.voxel_size is not None and row.on_group and row.schema:
            hint = f"migrate the image to a later version of {row.convention} first"
            finding = Finding("ZM409", f"{row.id} has no place for a voxel size", node.attributes_file, hint=hint)
            raise EncodeError("the convention cannot hold the metadata", where=node.path, findings=(finding,))
    if not speaking:
        speaking = [default_row(node, config)]
        speaking += [row for row in (latest_row(name) for name in config.mirror) if row not in speaking]
    if any(row.convention == "cosem" for row in speaking):  # which writes `pixelResolution` for viewers itself
        speaking = [row for row in speaking if row.convention != "n5-viewer"]
    if wanted.names != before.metadata.names:
        speaking += [row for row in rows if row.names_only and row.encode is not None]
    return encode_rows(speaking, wanted, node, reading)


def encode_rows(rows: Sequence[ConventionVersion], wanted: Metadata, node: Node, reading: Reading) -> list[Edit]:
    """Return the edits that make a node say metadata in one convention after the other; all but the first are mirrors.

    Raises `EncodeError` where one has no place for it, or two need one key with different values.
    """
    edits: list[Edit] = []
    current = node
    for position, row in enumerate(rows):
        new = encode_with(row, wanted, current, reading, mirror=position > 0)
        edits += new
        current = apply_edits(current, new)
    refuse_clash(edits, node)
    return edits


def refuse_clash(edits: Sequence[Edit], node: Node) -> None:
    """Raise `EncodeError` where two conventions need one key with different values, such as `offset` in other units."""
    given: dict[tuple[str, str], JSONValue] = {}
    for edit in edits:
        for key, value in edit.set.items():
            other = given.setdefault((edit.node.path, key), value)
            if key in CORE_KEYS and other != value:
                message = f"two conventions of the array need the key `{key}` with different values"
                hint = "state units of the world (nanometer, millisecond), or do without the mirror"
                found = f"{describe(other)} and {describe(value)}"
                finding = Finding("ZM409", message, edit.node.attributes_file, pointer(key), found=found, hint=hint)
                raise EncodeError("the conventions of the array exclude each other", where=node.path, findings=(finding,))


def stated(decoded: Decoded) -> set[str]:
    """Return which of axes and offset the file states, rather than a habit fills in."""
    fields = {"axes": "names", "offset": "offset"}
    return {
        key
        for key, name in fields.items()
        for claim in decoded.claims
        if getattr(claim, name) is not None and key not in claim.inferred
    }


def as_stated(wanted: Metadata, before: Decoded) -> Metadata:
    """Return metadata without an offset of 0 that nobody stated."""
    if "offset" in stated(before) or wanted.offset is None or any(wanted.offset):
        return wanted
    return wanted.with_axes(tuple(replace(axis, offset=None) for axis in wanted.axes))


def name_dimensions(wanted: Metadata, node: Node, reading: Reading) -> list[Edit]:
    """Return the edits that name the dimensions as Zarr v3, or xarray in Zarr v2, does; N5 has no place for it."""
    if node.format == "n5":
        finding = Finding("ZM409", "the convention has no place for axis names", node.attributes_file, hint=_OTHERWISE)
        raise EncodeError("the convention cannot hold the metadata", where=node.path, findings=(finding,))
    return encode_with(BY_ID[f"xarray@{node.format}"], wanted, node, reading, mirror=False)


_OTHERWISE = 'pass convention="zmeta" (in N5 convention="cosem") to state it in another one beside'


def default_row(node: Node, config: Config) -> ConventionVersion:
    """Return the convention in which an array that states nothing is written: COSEM in N5, whose readers know no other."""
    return latest_row("cosem" if node.format == "n5" and config.convention == "zmeta" else config.convention, node)


def latest_row(convention: str, node: Node | None = None) -> ConventionVersion:
    """Return the newest version of a convention that can be written (for OME-NGFF, the one of the Zarr format)."""
    rows = [row for row in VERSIONS if row.convention == convention and row.encode is not None]
    if convention == "ome-ngff" and node is not None and node.format != 3:
        rows = [row for row in rows if row.version == "0.4"]
    if convention == "daisy":
        rows = [row for row in rows if row.version == "1"]
    return rows[0]


def named_row(convention: str, node: Node) -> ConventionVersion:
    """Return the version of a convention that a user names, as `name` or `name@version`; raises `ConfigError`."""
    row = BY_ID.get(convention)
    if row is not None and row.encode is not None and not row.names_only:
        return row
    names = [row.convention for row in VERSIONS if row.encode is not None and not row.names_only]
    if convention not in names:
        expected = ", ".join(dict.fromkeys(names))
        raise ConfigError("there is no such convention to write", expected=expected, found=repr(convention))
    return latest_row(convention, node)


def encode_with(row: ConventionVersion, wanted: Metadata, node: Node, reading: Reading, *, mirror: bool) -> list[Edit]:
    """Encode in one convention; a mirror without a place for units gets the values in world units, which it is read in."""
    if row.encode is None:
        return []
    try:
        return list(row.encode(wanted, node, reading))
    except EncodeError:
        if not mirror or not any(wanted.units):
            raise
        return list(row.encode(in_world_units(wanted, reading), node, reading))


def in_world_units(metadata: Metadata, reading: Reading) -> Metadata:
    """Return the same metadata without units, its values in units of the world."""
    axes = []
    for axis in metadata.axes:
        size = None if axis.unit is None else unit_size(axis.unit)
        world = unit_size(reading.world.unit(axis.type))
        factor = Fraction(1) if size is None or world is None else size / world
        corner = None if axis.offset is None else axis.offset * factor
        size_in_world = None if axis.voxel_size is None else axis.voxel_size * factor
        axes.append(replace(axis, unit=None, voxel_size=size_in_world, offset=corner))
    return metadata.with_axes(tuple(axes))


def apply_edits(node: Node, edits: Iterable[Edit]) -> Node:
    """Return an array node, and the groups above it, as they are after edits."""
    for edit in edits:
        if edit.node.path == node.path:
            node = _edited(node, edit)
        else:
            above = tuple(
                (_edited(group, edit) if group.path == edit.node.path else group, below) for group, below in node.ancestors
            )
            node = node._replace(ancestors=above)
    return node


def _edited(node: Node, edit: Edit) -> Node:
    kept = {key: value for key, value in node.attributes.items() if key not in edit.remove}
    changed = node.with_attributes(kept | edit.set)
    return changed if edit.dimension_names is None else changed._replace(dimension_names=list(edit.dimension_names))


# --- judging the result ---------------------------------------------------------------------------------------------


def check_schemas(after: Decoded, edits: Sequence[Edit]) -> list[Finding]:
    """Return what breaks the schemas of the conventions that stand on a node that is edited."""
    findings: list[Finding] = []
    touched = {edit.node.path for edit in edits}
    for claim in after.claims:
        row = BY_ID.get(claim.id)
        if row is None or not row.schema or row.names_only:
            continue
        if not row.on_group and row.evidence.isdisjoint(after.node.attributes):  # it stands on the group above
            continue
        nodes = [group for group, _ in after.node.ancestors] if row.on_group else [after.node]
        key = "ome" if claim.version == "0.5" else "multiscales"
        node = next((node for node in nodes if not row.on_group or key in node.attributes), None)
        if node is not None and node.path in touched:
            findings += _check_schema(row.schema, node)
    if "zarr_conventions" in after.node.attributes:
        validator = packaged_validator("zarr-conventions/1.0/list")
        entries = after.node.attributes["zarr_conventions"]
        at = after.node.attributes_pointer + "/zarr_conventions"
        findings += validate(
            validator, entries, code="ZM101", file=after.node.attributes_file, at=at, label="zarr_conventions"
        )
    return findings


#: The schema and the attributes without fault that were judged last: each array that a group lists asks for the group.
_LAST_SOUND: list[tuple[str, JSONObject]] = [("", {})]


def _check_schema(schema: str, node: Node) -> list[Finding]:
    known, attributes = _LAST_SOUND[0]
    if known == schema and attributes is node.attributes:
        return []
    label, at = str(SchemaName(*schema.split("/"))), node.attributes_pointer
    validator = packaged_validator(schema)
    found = validate(validator, node.attributes, code="ZM101", file=node.attributes_file, at=at, label=label)
    if not found:
        _LAST_SOUND[0] = schema, node.attributes
    return found


def check_profiles(after: Decoded, profiles: Sequence[Profile], config: Config) -> list[Finding]:
    """Return what breaks the profiles that bind an array: those handed over, and those of the settings that fit it."""
    node = after.node
    custom, core = custom_keys(after.node.attributes), after.metadata.core()
    bound = [*profiles, *config.bound(node.path, node.attributes)]
    return [f for profile in bound for f in profile.check(custom, core, node.attributes_file, node.attributes_pointer)]


# --- documents ------------------------------------------------------------------------------------------------------


def plan_changes(node: Node, edits: Sequence[Edit]) -> list[Change]:
    """Return the replacement of every document that edits touch, consolidated copies of the groups above included."""
    documents: dict[str, tuple[bytes | None, JSONObject]] = {}
    nodes = [node, *(group for group, _ in node.ancestors)]
    for place in nodes:
        mine = [edit for edit in edits if edit.node.path == place.path]
        if mine:
            _edit_document(place, mine, documents)
            _edit_consolidated(place, nodes, documents)
    own = {edit.node.attributes_file for edit in edits}
    return [
        Change(file, raw, data, copy=file not in own)
        for file, (raw, document) in documents.items()
        if (data := _dump(document, raw, file)) != raw
    ]


def _dump(document: JSONObject, raw: bytes | None, file: str) -> bytes:
    try:
        return dump_json(document, raw if raw is not None else b'{\n    "a": 1\n}')
    except ValueError as error:
        hint = "replace the value by null or a string first: no strict JSON reader can open the document"
        finding = Finding(
            "ZM002", "the document holds NaN or Infinity, which zmeta does not write", file, found=str(error), hint=hint
        )
        raise MetadataError("refused, nothing was written", where=file, findings=(finding,)) from None


def _edit_document(node: Node, edits: Sequence[Edit], documents: dict[str, tuple[bytes | None, JSONObject]]) -> None:
    file = node.attributes_file
    read = node.documents.get(os.path.basename(file))
    raw, data = documents.get(file, (None, {}) if read is None else (read.raw, read.data))
    for edit in edits:
        data = _edit_attributes(node, data, edit)
    documents[file] = raw, data


def _edit_attributes(node: Node, data: JSONObject, edit: Edit) -> JSONObject:
    if node.format != 3:
        return {key: value for key, value in data.items() if key not in edit.remove} | edit.set
    before = data.get("attributes")
    attributes = {key: value for key, value in before.items() if key not in edit.remove} if isinstance(before, dict) else {}
    data = {**data, "attributes": attributes | edit.set}
    return data if edit.dimension_names is None else {**data, "dimension_names": list(edit.dimension_names)}


def _edit_consolidated(node: Node, nodes: Sequence[Node], documents: dict[str, tuple[bytes | None, JSONObject]]) -> None:
    """Bring the copies that groups keep of a node's attributes to what the node will say."""
    _, data = documents[node.attributes_file]
    for group in nodes:
        below = os.path.relpath(node.path, group.path).replace(os.sep, "/")
        if group.kind != "group" or below.startswith("..") or group.format != node.format:
            continue
        if node.format == 2:
            _edit_zmetadata(group, below, data, documents)
        elif node.format == 3 and below != ".":
            _edit_inline(group, below, data, documents)


def _edit_zmetadata(
    group: Node, below: str, data: JSONObject, documents: dict[str, tuple[bytes | None, JSONObject]]
) -> None:
    file = os.path.join(group.path, ".zmetadata")
    if file not in documents:
        raw = read(file)
        if raw is None:
            return
        documents[file] = raw, parse_json(raw, file)[0]
    raw, copy = documents[file]
    metadata = copy.get("metadata")
    prefix = "" if below == "." else below + "/"
    if isinstance(metadata, dict) and (prefix + ".zarray" in metadata or prefix + ".zgroup" in metadata):
        documents[file] = raw, {**copy, "metadata": {**metadata, prefix + ".zattrs": data}}


def _edit_inline(group: Node, below: str, data: JSONObject, documents: dict[str, tuple[bytes | None, JSONObject]]) -> None:
    file = group.attributes_file
    raw, copy = documents.get(file, (group.documents["zarr.json"].raw, group.documents["zarr.json"].data))
    consolidated = copy.get("consolidated_metadata")
    metadata = consolidated.get("metadata") if isinstance(consolidated, dict) else None
    entry = metadata.get(below) if isinstance(metadata, dict) else None
    if isinstance(consolidated, dict) and isinstance(metadata, dict) and isinstance(entry, dict):
        own: JSONObject = {key: data[key] for key in ("attributes", "dimension_names") if key in data}
        documents[file] = (
            raw,
            {**copy, "consolidated_metadata": {**consolidated, "metadata": {**metadata, below: {**entry, **own}}}},
        )
