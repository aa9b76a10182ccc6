"""One array to another convention: decode → canonical → encode, and proof that nothing moved."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from zmeta.add import apply_edits, encode_with, in_world_units, latest_row, refuse_clash, stated
from zmeta.conventions.base import Edit, Source
from zmeta.conventions.merge import Given
from zmeta.conventions.ome_ngff.detect import find_level
from zmeta.conventions.registry import find_row
from zmeta.conventions.zmeta.codec import UUID
from zmeta.errors import EncodeError
from zmeta.finding import Finding, Severity
from zmeta.migration.upgrade import is_cosem, upgrade_array, upgrade_profiles
from zmeta.migration.verify import check_kept, check_same, check_valid
from zmeta.pipeline import Decoded, decode_node
from zmeta.steps.ome_ngff.parts import PIXEL_SCALE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from zmeta.canonical.metadata import Metadata
    from zmeta.conventions.base import ConventionVersion, Reading
    from zmeta.jsondoc import JSONObject, JSONValue
    from zmeta.migration.options import Options
    from zmeta.nodes.node import Node
    from zmeta.steps.step import Kind

#: Notes on how an array was understood that a reader of a plan should see.
_EVIDENCE = frozenset({"ZM205", "ZM303", "ZM309", "ZM408", "ZM410"})


class Outcome(NamedTuple):
    """An array as it will be: the same node where there is nothing to do, or an error stands among the findings."""

    node: Node
    steps: tuple[str, ...] = ()
    kind: Kind = "lossless"
    findings: tuple[Finding, ...] = ()


def translate(node: Node, options: Options) -> Outcome:
    """Bring an array to the convention that is asked for, or say why not. Pure; never raises on data."""
    reading = options.config.for_path(node.path).reading()
    before = decode_node(node, reading, given_names(node, options))
    row = options.row(node)
    speaking = _speaking(before, reading)
    if row.convention == "cosem" and row in speaking:  # which has a `pixelResolution` beside it for viewers
        speaking = [other for other in speaking if other.convention != "n5-viewer"]
    unmirrored = before.metadata.voxel_size is not None and any(name != row.convention for name in options.config.mirror)
    if not speaking or (speaking == [row] and not before.errors and not unmirrored):
        return Outcome(node)
    findings = (*before.errors, *_unsure(before), *_without_size(before), *_evidence(before))
    if any(finding.severity == Severity.ERROR for finding in findings):
        return Outcome(node, findings=findings)
    steps, edits, kind, problems = _change(before, row, speaking, options)
    if problems:
        return Outcome(node, steps, kind, (*problems, *findings))
    after = decode_node(apply_edits(node, edits), reading)
    problems = _problems(before, after, edits, options, options.allow_loss)
    if problems:
        return Outcome(node, steps, kind, (*problems, *findings))
    if not _changes_anything(node, after.node):
        return Outcome(node)
    return Outcome(after.node, steps, kind, (*findings, *_new_warnings(before, after)))


def _speaking(before: Decoded, reading: Reading) -> list[ConventionVersion]:
    """Return the conventions of an array that say more than how its axes are called."""
    rows = [find_row(claim.id, reading) for claim in before.claims]
    return [row for row in rows if row is not None and not row.names_only]


def _evidence(before: Decoded) -> list[Finding]:
    return [finding for finding in before.findings if finding.code in _EVIDENCE]


def _change(
    before: Decoded, row: ConventionVersion, speaking: Sequence[ConventionVersion], options: Options
) -> tuple[tuple[str, ...], list[Edit], Kind, tuple[Finding, ...]]:
    """Return what is done, the edits that do it, and what stands against it: steps where they lead there, else encoding."""
    node = before.node
    others = list(dict.fromkeys(other.id for other in speaking if other is not row))
    if len(speaking) == 1 and others and speaking[0].convention == row.convention:
        done = upgrade_array(node, speaking[0], row, options)
        if done is not None:
            return done.steps, [_edit_to(node, done.attributes)], done.kind, done.findings if done.blocked else ()
    steps = (f"{' + '.join(others)} → {row.id}" if others else f"mirror as {' + '.join(options.config.mirror)}",)
    try:
        edits, kind = _edits(before, row, speaking, options)
    except EncodeError as error:
        return steps, [], "lossless", error.findings
    return steps, edits, kind, ()


def _problems(
    before: Decoded, after: Decoded, edits: Sequence[Edit], options: Options, allowed: frozenset[str]
) -> tuple[Finding, ...]:
    """Return what breaks the invariant: the same metadata, the same foreign keys, and a sound result."""
    owned = {key for edit in edits for key in (*edit.set, *edit.remove)}
    problems = [
        *check_same(before.metadata, after, allowed),
        *check_kept(before.node.attributes, after.node.attributes, owned, before.node),
        *check_valid(after, options.config.for_path(before.node.path), before),
    ]
    return tuple(dict.fromkeys(problems))


def upgraded(node: Node, options: Options) -> Outcome:
    """Bring the user's own attributes on an array to their version, with proof that the array says the same as before."""
    done = upgrade_profiles(node, options)
    if done.blocked or not done.steps:
        return Outcome(node, done.steps, done.kind, done.findings)
    settings = options.config.for_path(node.path)
    before = decode_node(node, settings.reading())
    after = decode_node(node.with_attributes(done.attributes), settings.reading())
    problems = [*check_same(before.metadata, after), *check_valid(after, settings, before)]
    if problems:
        return Outcome(node, done.steps, done.kind, tuple(dict.fromkeys(problems)))
    return Outcome(after.node, done.steps, done.kind)


def translate_level(
    node: Node, shell: Node, options: Options, refused: Finding | None = None, read: Decoded | None = None
) -> Outcome:
    """Leave what an array says to the image that lists it on the group above.

    `shell` is the array in the groups, and in the Zarr format, as they will be; `refused` is why no image lists it. `read`
    is what the array says, where that is known.
    """
    reading = options.config.for_path(node.path).reading()
    before = decode_node(node, reading, given_names(node, options)) if read is None else read
    level = find_level(shell)
    if level is None or is_cosem(level.image):  # which is no image, and stays in N5
        reasons = [*before.errors, *([refused] if refused else [])]
        if not reasons and before.metadata.voxel_size is not None:
            reasons = [_no_image(node)]
        if reasons or shell.format == node.format:
            return Outcome(node, findings=tuple(reasons))
        return Outcome(shell._replace(dimension_names=_xarray_names(node)))
    own = [row for row in _speaking(before, reading) if not row.on_group]
    names: list[JSONValue] = list(before.metadata.names)
    edit = Edit(shell) if options.keep_legacy or not own else legacy_edit(before, own, reading)
    if node.attributes.get("_ARRAY_DIMENSIONS", names) != names:  # dacapo marks a channel by `^`, which no image may
        edit = replace(edit, set={**edit.set, "_ARRAY_DIMENSIONS": names})
    after_node = apply_edits(shell, [replace(edit, node=shell)])
    if shell.format == 3 and all(before.metadata.names):
        after_node = after_node._replace(dimension_names=names)
    after = decode_node(after_node, reading)
    steps = (f"{' + '.join(row.id for row in own)} → {options.target}",) if own else ()
    wrong = (*before.errors, *_unsure(before))
    problems = wrong or _problems(before, after, [edit], options, _agreed(before.metadata, options))
    if problems:
        return Outcome(node, steps, findings=(*problems, *_evidence(before)))
    if after_node.format == node.format and not _changes_anything(node, after_node):
        return Outcome(node)
    kind: Kind = "lossless" if before.metadata.voxel_size == after.metadata.voxel_size else "manual"
    return Outcome(after_node, steps, kind, tuple(_evidence(before)))


def _agreed(metadata: Metadata, options: Options) -> frozenset[str]:
    """Return what may differ: a scale in pixels is one that the user gave, where there was none."""
    pixels = options.pixel_scale and metadata.voxel_size is None
    return options.allow_loss | ({PIXEL_SCALE} if pixels else set())


def _xarray_names(node: Node) -> JSONValue:
    """Return the names that xarray keeps in an attribute of Zarr v2, and looks for in the document of Zarr v3."""
    names = node.attributes.get("_ARRAY_DIMENSIONS")
    fits = isinstance(names, list) and len(names) == node.ndim and all(isinstance(name, str) for name in names)
    return names if fits else None


def _no_image(node: Node) -> Finding:
    if node.format == "n5":
        return Finding("ZM409", "OME-NGFF has no place in N5", node.attributes_file, hint="migrate to cosem")
    hint = "OME-NGFF describes an array on the group above it: put the array into a group"
    return Finding("ZM409", "there is no group whose image could list the array", node.attributes_file, hint=hint)


def given_names(node: Node, options: Options) -> Given | None:
    """Return the names that the user gives to an array which states none."""
    return Given(options.axes) if len(options.axes) == node.ndim else None


def _changes_anything(before: Node, after: Node) -> bool:
    return after.attributes != before.attributes or after.dimension_names != before.dimension_names


def _without_size(before: Decoded) -> Iterator[Finding]:
    """An array that says how its axes are called, or where it begins, but not how large a voxel is."""
    if before.errors or before.metadata.voxel_size is not None:
        return
    hint = 'state it: add_metadata({"voxel_size": […]})'
    said = before.metadata.convention or "it"
    yield Finding("ZM409", f"no voxel size is stated ({said} has none)", before.node.attributes_file, hint=hint)


def _unsure(before: Decoded) -> list[Finding]:
    """Names that were guessed must not become statements."""
    hint = "name the axes: --axes, such as --axes t,z,y,x"
    return [
        finding._replace(level=Severity.ERROR, hint=hint)
        for finding in before.findings
        if finding.code == "ZM206" and "axes" not in stated(before)
    ]


def legacy_edit(before: Decoded, speaking: Sequence[ConventionVersion], reading: Reading) -> Edit:
    """Return the edit that takes the attributes of an array's conventions away, with the entry that declares `zmeta`."""
    node = before.node
    keys = _legacy_keys(before, speaking, reading) - {"zarr_conventions"}
    entries = node.attributes.get("zarr_conventions")
    if not isinstance(entries, list) or all(row.convention != "zmeta" for row in speaking):
        return Edit(node, remove=keys)
    others = [entry for entry in entries if not (isinstance(entry, dict) and entry.get("uuid") == UUID)]
    return Edit(node, {"zarr_conventions": others}, keys) if others else Edit(node, remove=keys | {"zarr_conventions"})


def _legacy_keys(before: Decoded, speaking: Sequence[ConventionVersion], reading: Reading) -> frozenset[str]:
    """Return the attributes that the values of an array's conventions stand in; names of dimensions stay for xarray."""
    keys: set[str] = set()
    for row in speaking:
        keys |= row.evidence - {"multiscales", "ome"}
    for claim in before.claims:
        speaker = find_row(claim.id, reading)
        if speaker is not None and not speaker.names_only:
            sources = [source for source in claim.sources.values() if isinstance(source, Source) and source.group is None]
            keys |= {str(source.path[0]) for source in sources}
    if any(other.convention == "dacapo" for other in speaking):
        keys.add("dimension_units")
    if before.node.format != "n5":  # where nobody but dacapo writes it, x-first
        keys.discard("_ARRAY_DIMENSIONS")
    elif "dimension_units" in keys:
        keys.add("_ARRAY_DIMENSIONS")
    return frozenset(keys & before.node.attributes.keys())


def _edits(
    before: Decoded, row: ConventionVersion, speaking: Sequence[ConventionVersion], options: Options
) -> tuple[list[Edit], Kind]:
    """Return the edits that make an array speak one convention, with its mirrors, and no other."""
    node, wanted = before.node, before.metadata
    reading = options.config.for_path(node.path).reading()
    if "offset" not in stated(before) and not any(wanted.offset or ()):
        wanted = wanted.with_axes(tuple(replace(axis, offset=None) for axis in wanted.axes))
    old = legacy_edit(before, [other for other in speaking if other is not row], reading)
    start = node if options.keep_legacy else apply_edits(node, [old])
    edits, kind = _encode(row, wanted, start, options, reading)
    edits = [_named_as_the_image(edit, before) for edit in edits]
    if options.keep_legacy and any(other.convention == "n5-viewer" for other in speaking):
        edits = [_without_viewer(edit, node) for edit in edits]
    mirrors = [latest_row(name) for name in options.config.mirror if name != row.convention]
    if mirrors and "offset" in stated(decode_node(apply_edits(start, edits), reading)):
        wanted = before.metadata  # as COSEM states a centre, and so an origin, in any case
    for mirror in mirrors:
        edits += encode_with(mirror, wanted, apply_edits(start, edits), reading, mirror=True)
    if options.keep_legacy:
        return edits, kind
    refuse_clash(edits, node)
    return _joined(node, [old, *edits]), kind


def _without_viewer(edit: Edit, node: Node) -> Edit:
    """Return an edit that leaves the `pixelResolution` of N5 viewer, which its factors still multiply, as it is."""
    kept = {key: value for key, value in edit.set.items() if key != "pixelResolution" or key not in node.attributes}
    return replace(edit, set=kept)


def _edit_to(node: Node, attributes: JSONObject) -> Edit:
    changed = {key: value for key, value in attributes.items() if node.attributes.get(key, attributes) is not value}
    return Edit(node, changed, frozenset(node.attributes.keys() - attributes.keys()))


def _joined(node: Node, edits: Sequence[Edit]) -> list[Edit]:
    """Return the edits of an array as one, in which a key that goes and comes again keeps its place."""
    keys: JSONObject = {}
    removed: set[str] = set()
    names = None
    for edit in edits:
        if edit.node.path == node.path:
            keys = {key: value for key, value in keys.items() if key not in edit.remove} | edit.set
            removed = (removed | edit.remove) - edit.set.keys()
            names = edit.dimension_names or names
    return [Edit(node, keys, frozenset(removed), names), *(edit for edit in edits if edit.node.path != node.path)]


def _named_as_the_image(edit: Edit, before: Decoded) -> Edit:
    """Return an edit in which `_ARRAY_DIMENSIONS` repeats the axes of the image: dacapo marks channels in it by `^`."""
    if "_ARRAY_DIMENSIONS" not in edit.set or find_level(before.node) is None:
        return edit
    names: list[JSONValue] = list(before.metadata.names)
    return replace(edit, set={**edit.set, "_ARRAY_DIMENSIONS": names})


def _encode(
    row: ConventionVersion, wanted: Metadata, node: Node, options: Options, reading: Reading
) -> tuple[list[Edit], Kind]:
    """Encode, without units in units of the world where their loss was agreed to."""
    try:
        return encode_with(row, wanted, node, reading, mirror=False), "lossless"
    except EncodeError:
        if "units" not in options.allow_loss or not any(wanted.units):
            raise
    return encode_with(row, in_world_units(wanted, reading), node, reading, mirror=False), "lossy"


def _new_warnings(before: Decoded, after: Decoded) -> list[Finding]:
    """What the new layout makes doubtful, such as fractions that its readers cut off."""
    known = {finding.code for finding in before.findings}
    return [f for f in after.findings if f.severity == Severity.WARNING and f.code not in known]
