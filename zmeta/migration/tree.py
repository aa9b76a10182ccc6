"""The plan of a tree: every node is walked, and what becomes of it is computed. Nothing is written, little is kept.

    container ──Walk──▶ Visit ──translate / image──▶ before, after ──documents──▶ Unit

A group is done when the walk leaves it: its document comes after those of the arrays below it, and with them where it is
an image that they are levels of.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from zmeta.conventions.registry import EVIDENCE
from zmeta.errors import DocumentError, StoreError, ZmetaError
from zmeta.finding import Finding, Severity
from zmeta.migration.array_memo import Arrays
from zmeta.migration.container_twins import learn_container
from zmeta.migration.documents import Copy, Written, converted, edited, find_copy, rewritten
from zmeta.migration.image_group import ImageGroup, plan_image_group
from zmeta.migration.image_memo import Containers, Images, Planned
from zmeta.migration.lone_images import LoneImages
from zmeta.migration.memo import Translator
from zmeta.migration.translate import Outcome, translate_level, upgraded
from zmeta.migration.twins import learn
from zmeta.migration.unit import Unit
from zmeta.migration.upgrade import upgrade_profiles
from zmeta.nodes.node import CONTAINER_SUFFIXES, Node, Parsed, find_twins, read_node
from zmeta.nodes.texts import Texts
from zmeta.nodes.walk import Links, Place, Visit, Walk
from zmeta.steps.step import weakest
from zmeta.stores.registry import is_plain, list_folders

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from zmeta.migration.options import Options
    from zmeta.nodes.node import Format
    from zmeta.nodes.texts import Text
    from zmeta.nodes.write import Change
    from zmeta.steps.step import Kind


@dataclass
class Tally:
    """What a plan has come by so far."""

    arrays: int = 0
    groups: int = 0
    units: int = 0
    documents: int = 0
    blocked: int = 0


@dataclass
class Frame:
    """A group that the walk is in: as it is, as it will be, and what is written together when the walk leaves it.

    `outside` is one above the tree, of which only the consolidated copy may change; `implicit` is a folder without a
    document, which gets one if it is `needed`: because it becomes an image, or what is below it goes to Zarr v3. `levels`,
    and what is `taken` of those that were known by their text, are kept only where a copy is to be told of them.
    """

    group: Node
    after: Node
    image: ImageGroup | None = None
    copy: Copy | None = None
    steps: list[str] = field(default_factory=list)
    kind: Kind = "lossless"
    findings: list[Finding] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    levels: list[tuple[Node, Node, Written]] = field(default_factory=list)
    taken: list[Change] = field(default_factory=list)
    outside: bool = False
    implicit: bool = False
    needed: bool = False


class Memo:
    """What a plan remembers of the arrays and images that it has come by; one for all of its trees."""

    def __init__(self, options: Options) -> None:
        self.translator = Translator(options)
        self.texts = Texts(options.config.limits)
        self.lones = LoneImages(options, self.texts)

        def plan(nodes: Sequence[Node], copy: bytes | None = None) -> tuple[Unit, ...]:
            return _plan_alone(nodes, options, copy)

        self.images = Images(partial(learn, plan=plan), self.texts)
        self.containers = Containers(partial(learn_container, plan=plan, is_image=options.is_image), self.texts)
        self.arrays = Arrays(lambda node: plan([node]), options)
        self._is_image = options.is_image
        self.knows_texts = options.are_alike
        self.parsed = Parsed() if options.are_alike else None  # which are shared: a step of a user might change them

    def follow(self, path: str, *, is_alone: bool = False) -> Planned | None:
        """Return what becomes of what is like something that was seen; None for the long way.

        No group is above what `is_alone`.
        """
        if not is_plain(path):
            return None
        self.texts.begin(path)
        try:
            text = self.texts.read(path)
            if not text.names:
                return None
            if _is_pyramid(text):
                return self.images.follow(path, text)
            if _EXTENTS.get(text.names[0], b"\0") not in text.raws[0]:
                return self.containers.follow(path, text)
            never_listed = is_alone or not self._is_image or text.names[0] == "attributes.json"
            units = self.arrays.follow(path, text) if never_listed else None
        except ZmetaError:  # told by the walk, which takes the long way
            return None
        return None if units is None else Planned(units, arrays=1)


class TreePlan:
    """The walk over one tree; `tally` counts what it comes by.

    `copies` are those that groups above the tree keep, by their folders: other trees may be in them too.
    """

    def __init__(self, options: Options, tally: Tally, memo: Memo, copies: dict[str, Copy | None] | None = None) -> None:
        self._copies = {} if copies is None else copies
        self._options = options
        self._memo = memo
        self._limits = options.config.limits
        self._tally = tally
        self._frames: list[Frame] = []
        self._ahead: dict[str, Node | None] = {}
        self._alone: list[str] = []  # the paths of nodes that are planned without a look at their folders
        self._planned: Planned | None = None
        self._listed: Frame | None = None  # the group whose image lists what is planned
        self._copy: bytes | None = None  # of the next group, where it was read already
        self._folder = ""  # of what was followed last, with the groups above it
        self._above: list[Frame] = []
        self._speaks = False  # whether one of these does
        self._copies_above: list[Frame] = []  # those of these that keep a copy

    def plan(self, place: Place, links: Links, most: int | None = None) -> Iterator[Unit]:
        """Yield the units of a tree, children before their groups."""
        for group, _ in place.ancestors[::-1]:
            if group.path not in self._copies:
                self._copies[group.path] = _copy_of(group, self._options)
            self._frames.append(Frame(group, group, copy=self._copies[group.path], outside=True))
        skim = self._follow if self._memo.knows_texts and most is None else None
        for visit in Walk([place], self._open, links=links, limits=self._limits, most=most, skim=skim):
            if self._has_left(visit.place.path):
                yield from self._leave(visit.place.path)
            if self._planned is None:
                yield from self._visit(visit)
            else:
                yield from self._pass_on(self._planned)
        yield from self._leave("")

    def plan_alone(self, nodes: Sequence[Node], copy: bytes | None = None) -> Iterator[Unit]:
        """Yield the units of an array, or of a group and all that is in it, which were read already, as was its `copy`."""
        self._ahead |= {node.path: node for node in nodes[1:]}
        self._alone = sorted(node.path for node in nodes)
        self._copy = copy
        for node in sorted(nodes, key=lambda node: node.path.split(os.sep)):
            yield from self._leave(node.path)
            if node.kind == "group":
                self._enter(node)
            else:
                yield from self._array(node)
        yield from self._leave("")

    def _open(self, path: str) -> Node | None:
        """Read a node, or take it from what was read ahead."""
        if path in self._ahead:
            return self._ahead.pop(path)
        texts = self._memo.texts
        given = texts.given(path)
        if not given and is_plain(path):  # read ahead of the walk: what mostly is not there is looked for at less cost
            texts.read(path)
            given = texts.given(path)
        return read_node(path, limits=self._limits, given=given, parsed=self._memo.parsed)

    def _peek(self, path: str) -> Node | None:
        """Read a node ahead of the walk, which takes it over."""
        if path not in self._ahead:
            self._ahead[path] = self._open(path)
        return self._ahead[path]

    def _list(self, folder: str) -> Iterable[tuple[str, bool]]:
        """Return what stands in a folder, as `list_folders` does."""
        if not self._alone:
            return list_folders(folder)
        paths = [path.rpartition(os.sep) for path in self._alone]
        return [(name, False) for above, _, name in paths if above == folder]

    def _follow(self, place: Place) -> tuple[str, ...] | None:
        """Plan what is like something that was seen, unless a group above it speaks of it."""
        ahead = self._ahead.get(place.path)
        if (ahead is not None and ahead.kind == "array") or place.passed:
            return None
        for frame in reversed(self._frames):
            units = None if frame.image is None else frame.image.written.get(place.path)
            if units is not None:
                self._planned, self._listed = Planned(units, arrays=1), frame
                return ()
        folder = place.path.rpartition(os.sep)[0]
        if folder != self._folder:
            self._folder = folder
            self._above = [frame for frame in self._frames if place.path.startswith(frame.group.path + os.sep)]
            self._speaks = not all(_is_silent(frame) for frame in self._above)
            self._copies_above = [frame for frame in self._above if frame.copy is not None]
        planned = None if self._speaks else self._memo.follow(place.path, is_alone=not self._frames)
        if planned is None or (self._copies_above and (planned.has_copy or self._lists(planned.format, self._copies_above))):
            return None
        self._planned = planned
        if self._options.needs_v3:
            for unit in planned.units:
                _need(self._above, unit.changes)
            if self._lists(planned.format, self._above):
                _need(self._above)
        return ()

    def _pass_on(self, planned: Planned) -> tuple[Unit, ...]:
        """Return the units of what was planned by its text, unless a group is written with them; copies are told."""
        listed = self._listed
        self._planned = self._listed = None
        self._tally.arrays += planned.arrays
        self._tally.groups += planned.groups
        if listed is None:
            for unit in planned.units if self._copies_above else ():
                self._take(unit.changes)
            return planned.units
        for unit in planned.units:
            self._join(listed, unit.steps, unit.kind, unit.changes, unit.findings)
            if self._keeps_copies():
                listed.taken += unit.changes
        return ()

    def _visit(self, visit: Visit) -> Iterator[Unit]:
        if visit.error is not None:
            yield Unit(visit.place.path, findings=(visit.error.finding(),))
        elif visit.node is None:
            if self._options.is_image and (self._frames or visit.place.path.endswith(CONTAINER_SUFFIXES)):
                self._enter(Node(visit.place.path, 2, "group", {}, {}, ancestors=visit.place.ancestors), implicit=True)
        elif visit.node.kind == "group":
            self._tally.groups += 1
            self._enter(visit.node)
        else:
            self._tally.arrays += 1
            yield from self._array(visit.node)

    def _enter(self, group: Node, *, implicit: bool = False) -> None:
        frame = Frame(group, group, implicit=implicit)
        broken = self._find_copy(frame)
        if self._options.profiles:
            done = upgrade_profiles(group, self._options)
            frame.after, frame.kind = group.with_attributes(done.attributes), done.kind
            frame.steps += done.steps
            frame.findings += done.findings
        if self._options.is_image:
            by_text = self._by_text([*self._frames, frame])
            frame.image = image = plan_image_group(
                frame.after, self._peek, self._options, self._memo.lones, by_text, self._list
            )
            frame.after = group.with_attributes(image.attributes)
            frame.steps += image.steps
            frame.kind = weakest(frame.kind, image.kind)
            frame.findings += image.findings
        if self._options.needs_v3 and group.format == 2:
            frame.after = frame.after._replace(format=3)
        frame.findings += (*broken, *self._twins(group))
        self._frames.append(frame)

    def _find_copy(self, frame: Frame) -> tuple[Finding, ...]:
        """Find the consolidated copy of a group; return what is wrong with it."""
        given, self._copy = self._copy, None
        try:
            frame.copy = find_copy(frame.group, self._limits, given)
        except (DocumentError, StoreError) as error:
            return (error.finding(),)
        return ()

    def _by_text(self, frames: Sequence[Frame]) -> tuple[Format, ...]:
        """Return the formats of arrays in some groups that may be known by their text alone."""
        if not self._memo.knows_texts or not all(_is_silent(frame) for frame in frames):
            return ()
        return (2,) if any(frame.group.format == 2 for frame in frames) else (2, 3)

    def _twins(self, node: Node) -> tuple[Finding, ...]:
        """Return what stands beside a node of Zarr v3, as a run leaves it that was to convert it and was never finished."""
        return find_twins(node) if self._options.needs_v3 and node.format == 3 else ()

    # --- arrays -----------------------------------------------------------------------------------------------------

    def _array(self, node: Node) -> Iterator[Unit]:
        outcome = self._outcome(node)
        twins = self._twins(node)
        if twins:
            outcome = outcome._replace(findings=(*outcome.findings, *twins))
        if outcome.findings and any(finding.severity == Severity.ERROR for finding in outcome.findings):
            yield Unit(node.path, outcome.steps, outcome.kind, findings=outcome.findings)
            return
        self._keep_listed(node, outcome.node)
        if outcome.node is node and not outcome.findings:
            return
        try:
            written = rewritten(node, outcome.node)
        except ValueError as error:
            yield Unit(node.path, outcome.steps, findings=(unwritable(node, error), *outcome.findings))
            return
        findings = (*outcome.findings, *written.findings)
        family = self._family(node) if self._options.is_image else None
        if family is None:
            _need(self._frames, written.changes)
            unit = _unit(node.path, outcome.steps, outcome.kind, written.changes, findings)
            if not unit.blocked:
                self._put(node, outcome.node, written)
            yield unit
            return
        if self._keeps_copies():
            family.levels.append((node, outcome.node, written))
        self._join(family, outcome.steps, outcome.kind, written.changes, findings)

    def _join(
        self, family: Frame, steps: Iterable[str], kind: Kind, changes: Sequence[Change], findings: Iterable[Finding]
    ) -> None:
        """Let a level be written together with its image."""
        _need(self._frames, changes)
        family.changes += changes
        family.findings += findings
        family.steps += [step for step in steps if step not in family.steps]
        family.kind = weakest(family.kind, kind)

    def _keeps_copies(self) -> bool:
        """Whether one of the groups that the walk is in keeps a copy of what is below it."""
        return any(frame.copy is not None for frame in self._frames)

    def _take(self, changes: Iterable[Change]) -> None:
        """Bring what will be written into the copies that the groups above keep, as `_put` does."""
        for copy in [frame.copy for frame in self._frames if frame.copy is not None]:
            for change in changes:
                copy.take(change)

    def _put(self, node: Node, after: Node, written: Written) -> None:
        """Bring what a node will say into the copies that the groups above it keep; of v3, also where it stays as it is."""
        for frame in self._frames:
            kept = node.format == 3 and frame.group.format == 2
            if frame.copy is not None and (written.create or kept):
                frame.copy.put(node, after, written.document)

    def _keep_listed(self, node: Node, after: Node) -> None:
        """See that groups which go to Zarr v3 list what is there already, as in a container that is half-way there."""
        if not self._lists(node.format, self._frames):
            return
        document = edited(node, after).document
        _need(self._frames)
        for frame in self._frames:
            if frame.copy is not None and frame.group.format == 2:
                frame.copy.put(node, after, document)

    def _lists(self, format_: Format, frames: Iterable[Frame]) -> bool:
        """Whether a node of some format stands as it is in a group that goes to Zarr v3."""
        if format_ != 3 or not self._options.needs_v3:
            return False
        return any(frame.group.format == 2 and frame.after.format == 3 for frame in frames)

    def _outcome(self, node: Node) -> Outcome:
        if not self._options.profiles:
            return self._translated(node)
        first = upgraded(node, self._options)
        if first.node is node and first.findings:
            return first
        then = self._translated(first.node)
        if then.node is first.node and then.findings:
            return then._replace(node=node)
        return Outcome(then.node, first.steps + then.steps, weakest(first.kind, then.kind), then.findings)

    def _translated(self, node: Node) -> Outcome:
        if self._options.is_profile:
            return Outcome(node)
        if not self._options.is_image:
            return self._memo.translator.translate(node)
        images = [frame.image for frame in self._frames if frame.image is not None]
        lone = next((image.lone[node.path] for image in images if node.path in image.lone), None)
        known = None if lone is None else lone.outcome(node)
        if known is not None:
            return known
        above = tuple((frame.after, _below(node, frame.group)) for frame in reversed(self._frames))
        format_ = 3 if self._options.needs_v3 and node.format == 2 else node.format
        refused = next((image.refused[node.path] for image in images if node.path in image.refused), None)
        read = next((image.read[node.path] for image in images if node.path in image.read), None)
        if read is not None and not _is_seen_alike(read.node, node):
            read = None
        return translate_level(node, node._replace(ancestors=above, format=format_), self._options, refused, read)

    def _family(self, node: Node) -> Frame | None:
        """Return the group that an array is written with: the one whose image lists it."""
        for frame in reversed(self._frames):
            if frame.image is not None and node.path in frame.image.levels:
                return frame
        return None

    # --- groups, when the walk leaves them --------------------------------------------------------------------------

    def _has_left(self, path: str) -> bool:
        """Whether a path is not below the last group."""
        return bool(self._frames) and not path.startswith(self._frames[-1].group.path + os.sep)

    def _leave(self, path: str) -> Iterator[Unit]:
        """Leave the groups that a path is not below."""
        while self._has_left(path):
            yield from self._group(self._frames.pop())

    def _stays(self, frame: Frame) -> bool:
        """Whether there is nothing to write or to tell of a group, and no copy of it is kept."""
        group, after = frame.group, frame.after
        if after.attributes is not group.attributes or after.format != group.format or not group.documents:
            return False
        if frame.changes or frame.findings:
            return False
        return frame.copy is None and all(above.copy is None for above in self._frames)

    def _group(self, frame: Frame) -> Iterator[Unit]:
        """Yield what is written for a group: its levels, its own document, and the copy that it keeps of those below."""
        group, after = frame.group, frame.after
        if frame.outside or (frame.implicit and not frame.needed and not after.attributes):
            return
        if self._stays(frame):
            return
        blocked = [finding for finding in frame.findings if finding.severity == Severity.ERROR]
        self._frames.append(frame)  # whose own copy holds its levels too
        for level in frame.levels if not blocked else ():
            self._put(*level)
        if not blocked:
            self._take(frame.taken)
        self._frames.pop()
        try:
            if after.format != group.format:
                own = converted(group, after, frame.copy)
            else:
                own = edited(group, after, frame.copy if frame.copy is not None and frame.copy.changed else None)
        except ValueError as error:
            yield Unit(group.path, tuple(frame.steps), findings=(unwritable(group, error), *frame.findings))
            return
        if frame.copy is not None and frame.copy.changed:
            frame.steps.append("consolidated metadata")
        changes = (*frame.changes, *own.changes)
        findings = (*frame.findings, *own.findings)
        unit = _unit(group.path, frame.steps, frame.kind, changes, findings)
        if not unit.blocked:
            self._put(group, after, own)
        if changes or findings:
            yield unit


#: What stands in the document of every array, and not in that of a group which says nothing.
_EXTENTS = {".zarray": b'"shape"', "zarr.json": b'"shape"', "attributes.json": b'"dimensions"'}


def _is_pyramid(text: Text) -> bool:
    """Whether the documents of a node seem to be those of a group which says what its levels are."""
    raw = text.raws[-1]
    if b'"multiscales"' in raw:
        return True
    is_group = text.names[0] == "attributes.json" and b'"dataType"' not in raw
    return is_group and (b'"scales"' in raw or b'"downsamplingFactors"' in raw)


def _plan_alone(nodes: Sequence[Node], options: Options, copy: bytes | None = None) -> tuple[Unit, ...]:
    return tuple(TreePlan(options, Tally(), Memo(options)).plan_alone(nodes, copy))


def _need(frames: Iterable[Frame], changes: Iterable[Change] | None = None) -> None:
    """Let groups get a document: below them is one of Zarr v3, or there will be, as some changes take others away."""
    others = [frame for frame in frames if not frame.needed]
    if others and (changes is None or any(change.new is None for change in changes)):
        for frame in others:
            frame.needed = True


def _is_silent(frame: Frame) -> bool:
    """Whether a group says nothing about arrays below it."""
    return EVIDENCE.isdisjoint(frame.group.attributes)


def _is_seen_alike(one: Node, other: Node) -> bool:
    """Whether two are one array as it was read, below the same groups."""
    same = one.attributes is other.attributes and len(one.ancestors) == len(other.ancestors)
    return same and all(a is b for (a, _), (b, _) in zip(one.ancestors, other.ancestors, strict=True))


def _below(node: Node, group: Node) -> str:
    return node.path[len(group.path) :].strip(os.sep).replace(os.sep, "/")


def _unit(path: str, steps: Iterable[str], kind: Kind, changes: tuple[Change, ...], findings: tuple[Finding, ...]) -> Unit:
    """Return a unit, without changes where something stands against it."""
    told = tuple(dict.fromkeys(findings)) if len(findings) > 1 else findings
    unit = Unit(path, tuple(steps), kind, changes, told)
    return Unit(path, tuple(steps), kind, findings=told) if unit.blocked else unit


def _copy_of(group: Node, options: Options) -> Copy | None:
    try:
        return find_copy(group, options.config.limits)
    except (DocumentError, StoreError):
        return None


def unwritable(node: Node, error: ValueError) -> Finding:
    """Return the finding for a document that holds what is no JSON."""
    hint = "replace the value by null or a string first: no strict JSON reader can open the document"
    message = "the document holds NaN or Infinity, which zmeta does not write"
    return Finding("ZM002", message, node.attributes_file, found=str(error), hint=hint, level=Severity.ERROR)
