"""One node in, its findings out: what was wrong with the bytes, what the reading says, what the rules say.

A judge keeps what is dear and asked for again: arrays that read alike are judged once, and the levels that a group lists
are opened once.
"""

from __future__ import annotations

import marshal
import os
from typing import TYPE_CHECKING, NamedTuple

from zmeta.checker.learn import READ
from zmeta.checker.position import place, place_alone
from zmeta.checker.quick import is_plainly_sound
from zmeta.checker.rules import registry
from zmeta.checker.rules.zm006_wrong_node_document import check_document
from zmeta.checker.rules.zm104_misspelt_key import RENAMED
from zmeta.checker.rules.zm414_stale_consolidated import Copy, check_missing, check_node, find_copy
from zmeta.checker.site import ArraySite, GroupSite, find_pyramids, level_names, refusal
from zmeta.checker.skim import REACHING, Skimmer
from zmeta.conventions.registry import EVIDENCE
from zmeta.errors import ZmetaError
from zmeta.finding import Finding, Severity
from zmeta.nodes.node import Parsed, find_twins, read_node
from zmeta.pipeline import Decoded, decode_node

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from zmeta.config import Config
    from zmeta.nodes.node import Node
    from zmeta.nodes.walk import Place, Visit

#: Keys whose reading depends on more than their value, such as the name of the array.
_PLACED = frozenset({"pixelResolution", "downsamplingFactors", "scales", "affineTransform"})
_MOST_KEPT = 20_000
_MOST_IMAGES = 500
_WHOLE = 2**53


class _Known(NamedTuple):
    """What arrays that read alike have in common: the folder of the first one, its findings, and whether offsets matter."""

    folder: str
    findings: tuple[Finding, ...]
    any_offset: bool


class _Image(NamedTuple):
    """What a group and its levels were found to be: the findings on the group, and on each level by its path below it.

    `is_plain` where that was told in one pass.
    """

    folder: str
    findings: tuple[Finding, ...]
    levels: dict[str, tuple[Finding, ...]]
    is_plain: bool = False


def _moved(findings: Sequence[Finding], folder: str, to: str) -> Sequence[Finding]:
    """Return findings about one folder as those about another whose documents are the same."""
    if folder == to or not findings:
        return findings
    return [found._replace(file=to + found.file[len(folder) :]) for found in findings]


class Judge:
    """Judges nodes by the settings; one for a run, or for each of its workers."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._limits = config.limits
        self._parsed = Parsed()
        self._known: dict[bytes, _Known] = {}
        self._ahead: dict[str, Node | None] = {}
        self._sound: set[bytes] = set()
        self._images: dict[tuple[bytes, ...], _Image] = {}
        self._levels: dict[str, Sequence[Finding]] = {}
        self._said = Said()
        self._wants_twins = config.wants("ZM004")
        self._skimmer = Skimmer(config.limits, twins=self._wants_twins)
        self._may_skim = not (config.overrides or config.profiles or config.relations or config.conventions)
        self._copies: list[Copy] = []
        self._recalled: dict[str, Copy | Finding | None] = {}
        self.shared: list[int] = []
        self.decoded: Decoded | None = None

    # --- opening ----------------------------------------------------------------------------------------------------

    def open(self, path: str) -> Node | None:
        """Read a node for the walk, unless a group has opened it ahead."""
        if self._ahead and path in self._ahead:
            return self._ahead.pop(path)
        return self._read_node(path)

    def skim(self, place: Place) -> tuple[str, ...] | None:
        """Return the names of the levels of an image without fault, none for such an array; None for what is to judge."""
        return self._skimmer.skim(place) if self._may_skim and not self._copies else None

    def _read_node(self, path: str) -> Node | None:
        return read_node(path, limits=self._limits, parsed=self._parsed, given=self._skimmer.given(path))

    def _open_ahead(self, path: str) -> Node | None:
        if path not in self._ahead:
            if len(self._ahead) >= _MOST_KEPT:
                self._ahead.clear()
                self._levels.clear()
            self._ahead[path] = self._read_node(path)
        return self._ahead[path]

    # --- judging ----------------------------------------------------------------------------------------------------

    def judge(self, visit: Visit) -> list[Finding]:
        """Return the findings about a node, with their places in its files. Never raises on data."""
        self.decoded = None
        self.shared = []
        if visit.error is not None:
            finding = place_alone(visit.error.finding(), self._limits)
            settings = self._config.for_path(visit.place.path) if self._config.overrides else self._config
            return [found for found in [settings.judged(finding)] if found is not None]
        node = visit.node
        if node is None:
            return []
        settings = self._config.for_path(node.path) if self._config.overrides else self._config
        findings = self._array(node, settings) if node.kind == "array" else self._group(node, settings)
        if not findings:
            return findings
        return self._finish(findings, node, settings)

    def _array(self, node: Node, settings: Config) -> list[Finding]:
        findings = [*node.findings, *check_document(node, self._sound), *self._twins(node, settings), *self._copied(node)]
        judged = self._levels.pop(node.path, None) if self._levels else None
        told, alike = self._read(node, settings) if judged is None else (judged, None)
        findings += told
        if settings.profiles or settings.relations:
            self.decoded = self.decoded or decode_node(node, settings.reading())
            site = ArraySite(node, self.decoded, settings)
            findings += [found for rule in registry.PROFILE for found in rule(site)]
        for rule in registry.CUSTOM:
            findings += rule(node, settings)
        if not findings and alike is not None and alike.any_offset and self._may_skim and not self._copies:
            self._skimmer.learn_array(node)
        return findings

    def _twins(self, node: Node, settings: Config) -> tuple[Finding, ...]:
        """Return findings about what stands beside a node, which over HTTP is a request: none is made where nobody asks."""
        wanted = self._wants_twins if settings is self._config else settings.wants("ZM004")
        return find_twins(node) if wanted else ()

    def _read(self, node: Node, settings: Config) -> tuple[Sequence[Finding], _Known | None]:
        """Read an array and judge what was read, unless one that reads alike has been; and return what they share."""
        key, offset = self._key(node, settings)
        known = None if key is None else self._known.get(key)
        if key is not None and known is not None and not known.any_offset:
            known = self._known.get(key + offset)
        if known is not None:
            return _moved(known.findings, known.folder, node.path) if known.findings else (), known
        decoded = self.decoded = decode_node(node, settings.reading())
        findings = self._judge_reading(ArraySite(node, decoded, settings))
        if key is not None and all(found.file.startswith(node.path) for found in findings):
            if len(self._known) >= _MOST_KEPT:
                self._known.clear()
            alone = sum(claim.offset is not None or claim.voxel_size is not None for claim in decoded.claims) < 2
            alone = alone and not any("offset" in found.pointer for found in findings)  # such a finding shows its value
            self._known[key] = known = _Known(node.path, tuple(findings), alone)
            if not alone:
                self._known[key + offset] = known
        return findings, known

    def _judge_reading(self, site: ArraySite) -> list[Finding]:
        findings = [found for found in site.decoded.findings if found not in site.node.findings]
        for rule in registry.READING:
            findings += rule(site)
        return without_doubles(findings)

    def _key(self, node: Node, settings: Config) -> tuple[bytes | None, bytes]:
        """Return what the reading of an array depends on, without and with its offset; None where that is not known.

        A list of plain whole numbers counts as an offset by its length alone, unless two conventions compare theirs.
        """
        keys = node.attributes
        if settings is not self._config or settings.conventions or node.format == "n5" or not _PLACED.isdisjoint(keys):
            return None, b""
        for group, _ in node.ancestors:
            if not EVIDENCE.isdisjoint(group.attributes):
                return None, b""
        read = [(key, value) for key, value in keys.items() if key in READ and key != "offset"]
        offset = keys.get("offset")
        plain = isinstance(offset, list) and all([type(place) is int and abs(place) < _WHOLE for place in offset])  # noqa: C419
        extent = len(offset) if plain and isinstance(offset, list) else offset
        try:
            key = marshal.dumps((tuple(keys), read, node.ndim, node.format, node.dimension_names, plain, extent), 2)
            return key, marshal.dumps(offset, 2)
        except ValueError:  # a number that keeps its literal
            return None, b""

    def _group(self, node: Node, settings: Config) -> list[Finding]:
        findings = [*node.findings, *check_document(node, self._sound), *self._twins(node, settings), *self._copied(node)]
        copy = find_copy(node, self._limits)
        if isinstance(copy, Finding):
            findings.append(copy)
        elif copy is not None:
            self._copies.append(copy)
            findings += check_node(node, copy)
            findings += check_missing(copy)
        if node.attributes:
            known, alone = self._find_image(node, settings)
            folder = known.folder
            findings += _moved(known.findings, folder, node.path)
            self._levels.update(
                {node.path + below: _moved(found, folder, node.path) for below, found in known.levels.items()}
            )
            if known.is_plain and not findings and self._may_skim and not self._copies:
                self._learn_image(node, alone)
        return findings

    def _learn_image(self, group: Node, levels: Sequence[Node]) -> None:
        for level in levels:
            custom = (found for rule in registry.CUSTOM for found in rule(level, self._config))
            if level.findings or [*check_document(level, self._sound), *custom]:
                return
        self._skimmer.learn_image(group, levels)

    def _find_image(self, node: Node, settings: Config) -> tuple[_Image, Sequence[Node]]:
        """Return what a group and its levels are, from memory where their documents are those of others; and the levels."""
        levels = self._alone(node, settings)
        if levels is None:
            return self._judge_image(node, settings), ()
        key = tuple([document.raw for place in (node, *levels.values()) for document in place.documents.values()])
        known = self._images.get(key)
        if known is None:
            if is_plainly_sound(node, list(levels.values())):
                known = _Image(node.path, (), {os.sep + name: () for name in levels}, is_plain=True)
            else:
                known = self._judge_image(node, settings)
            if any(" of the group " in found.message for told in (known.findings, *known.levels.values()) for found in told):
                return known, ()  # which names the group
            if len(self._images) >= _MOST_IMAGES:
                self._images.clear()
            self._images[key] = known
        return known, tuple(levels.values())

    def _judge_image(self, node: Node, settings: Config) -> _Image:
        """Judge a group by the rules, and the levels that it lists by their reading."""
        pyramids = tuple(find_pyramids(node, self._open_ahead, settings.reading()))
        site = GroupSite(node, pyramids, self._open_ahead, settings)
        findings: list[Finding] = []
        levels: dict[str, tuple[Finding, ...]] = {}
        for level in [level for pyramid in pyramids for level in pyramid.levels if level.decoded is not None]:
            if level.node is None or level.decoded is None:  # its transformations were read, and nothing else is there
                found = level.decoded.findings if level.decoded is not None else ()
            else:
                found = tuple(self._judge_reading(ArraySite(level.node, level.decoded, settings)))
                levels[level.node.path[len(node.path) :]] = tuple([one for one in found if one.file != node.attributes_file])
            findings += [one for one in found if one.file == node.attributes_file]
        for rule in registry.GROUP:
            findings += rule(site)
        named = {(one.file, one.pointer) for one in findings if one.code == "ZM212" and settings.judged(one) is not None}
        for below, found in levels.items() if named else ():  # the names of a level are told to be wrong once
            levels[below] = tuple([one for one in found if one.code != "ZM401" or (one.file, one.pointer) not in named])
        return _Image(node.path, tuple(findings), levels)

    def _alone(self, node: Node, settings: Config) -> dict[str, Node] | None:
        """Return the levels of an image, by name, whose findings depend on its documents alone; None for any other group."""
        keys = node.attributes
        if settings is not self._config or settings.conventions:
            return None
        if EVIDENCE.isdisjoint(keys) or not REACHING.isdisjoint(keys):
            return None
        inner = keys.get("ome")
        if isinstance(inner, dict) and not REACHING.isdisjoint(inner):
            return None
        for group, _ in node.ancestors:
            if not EVIDENCE.isdisjoint(group.attributes) or not REACHING.isdisjoint(group.attributes):
                return None
        if node.ancestors and node.ancestors[0][0].path.endswith("labels"):
            return None
        levels: dict[str, Node] = {}
        for name in level_names(keys):
            try:
                level = None if "/" in name or refusal(name) else self._open_ahead(node.path + os.sep + name)
            except ZmetaError:
                return None
            if level is None:
                return None
            levels[name] = level
        return levels

    def _copied(self, node: Node) -> Iterable[Finding]:
        """Compare a node with the consolidated metadata of the groups above it."""
        if not self._copies:
            return
        while self._copies and not node.path.startswith(self._copies[-1].group + os.sep):
            self._copies.pop()
        for copy in self._copies:
            if node.format == (3 if copy.pointer.startswith("/consolidated") else 2):
                yield from check_node(node, copy)

    def recall(self, ancestors: Iterable[Node]) -> None:
        """Take up the consolidated copies of the groups above, nearest first, where a run begins in the middle of a tree."""
        recalled, self._said = self._recalled, Said()
        self._recalled = {group.path: recalled[group.path] if group.path in recalled else find_copy(group, self._limits)
                          for group in ancestors}  # fmt: skip
        self._copies = [copy for copy in reversed(self._recalled.values()) if isinstance(copy, Copy)]

    # --- after the rules --------------------------------------------------------------------------------------------

    def _finish(self, findings: Iterable[Finding], node: Node, settings: Config) -> list[Finding]:
        """Leave out what is not asked for or said already, give severities and places, and sort."""
        judged = [found for finding in dict.fromkeys(findings) if (found := settings.judged(finding)) is not None]
        kept = [found for found in without_doubles(judged) if is_own(found, node) or not self._said.repeats(found)]
        placed = place(kept, node, self._limits)
        self.shared = [index for index, found in enumerate(placed) if not is_own(found, node)]
        return placed


def is_own(finding: Finding, node: Node) -> bool:
    """Whether a finding is about an array itself; what is about a group, each of its levels may tell as well."""
    return node.kind == "array" and finding.file.startswith(node.path)


class Said:
    """What was said about groups, so that it is not said again by each level; forgotten once the walk has left them."""

    def __init__(self) -> None:
        self._by_folder: dict[str, set[tuple[str, ...]]] = {}

    def repeats(self, finding: Finding) -> bool:
        """Whether a finding was said before; if not, it is from now on."""
        folder = os.path.dirname(finding.file)
        known = self._by_folder.get(folder)
        if known is None:
            here = folder + os.sep
            left = [other for other in self._by_folder if not (here.startswith(other + os.sep) or other.startswith(here))]
            for other in left:
                del self._by_folder[other]
            known = self._by_folder[folder] = set()
        key = (finding.code, finding.file, finding.pointer, finding.message, finding.found)
        if key in known:
            return True
        known.add(key)
        return False


def without_doubles(findings: list[Finding]) -> list[Finding]:
    """Leave out what a schema says of a value of which a rule says more, and what is said again without a place."""
    told = set()
    for finding in findings:
        if finding.code not in ("ZM101", "ZM006") and finding.severity == Severity.ERROR and finding.pointer:
            told.add((finding.file, finding.pointer))
            if finding.code == "ZM104":  # the right key is not missing as well
                head, _, key = finding.pointer.rpartition("/")
                told.add((finding.file, f"{head}/{RENAMED.get(key, key)}"))
    if not told:
        return findings
    placed = {finding.code for finding in findings if finding.pointer}
    return [
        finding
        for finding in findings
        if not (finding.code == "ZM203" and not finding.pointer and finding.code in placed)
        and (finding.code != "ZM101" or not any((finding.file, above) in told for above in _above(finding.pointer)))
    ]


def _above(pointer: str) -> Iterable[str]:
    """Yield a pointer and those of the values that hold it."""
    while pointer:
        yield pointer
        pointer = pointer.rpartition("/")[0]
