"""One node in, its findings out: what was wrong with the bytes, what the reading says, what the rules say.

A judge keeps what is dear and asked for again: arrays that read alike are judged once, and the levels that a group lists
are opened once.
"""

from __future__ import annotations

import marshal
import os
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from zmeta.checker.position import place
from zmeta.checker.rules import registry
from zmeta.checker.rules.zm006_wrong_node_document import check_document
from zmeta.checker.rules.zm414_stale_consolidated import Copy, check_missing, check_node, find_copy
from zmeta.checker.site import ArraySite, GroupSite, find_pyramids
from zmeta.conventions.registry import EVIDENCE
from zmeta.finding import Finding, Severity
from zmeta.keys import OWNED
from zmeta.nodes.node import find_twins, read_node
from zmeta.pipeline import Decoded, decode_node

if TYPE_CHECKING:
    from collections.abc import Iterable

    from zmeta.config import Config
    from zmeta.conventions.base import Reading
    from zmeta.nodes.node import Node
    from zmeta.nodes.walk import Visit

#: Keys whose reading depends on more than their value, such as the name of the array.
_PLACED = frozenset({"pixelResolution", "downsamplingFactors", "scales", "affineTransform"})
#: Values that conventions read beside those that they own.
_READ = OWNED | EVIDENCE | {"unit", "scale", "coordinates", "_FillValue", "grid_mapping"}
_MOST_KEPT = 20_000
_WHOLE = 2**53


class _Known(NamedTuple):
    """What arrays that read alike have in common: the folder of the first one, its findings, and whether offsets matter."""

    folder: str
    findings: tuple[Finding, ...]
    any_offset: bool


class Judge:
    """Judges nodes by the settings; one for a run, or for each of its workers."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._limits = config.limits
        self._known: dict[bytes, _Known] = {}
        self._ahead: dict[str, Node | None] = {}
        self._decoded: dict[str, Decoded] = {}
        self._said: dict[tuple[str, ...], None] = {}
        self._copies: list[Copy] = []
        self.decoded: Decoded | None = None

    # --- opening ----------------------------------------------------------------------------------------------------

    def open(self, path: str) -> Node | None:
        """Read a node for the walk, unless a group has opened it ahead."""
        if self._ahead and path in self._ahead:
            return self._ahead.pop(path)
        return read_node(path, limits=self._limits)

    def _open_ahead(self, path: str) -> Node | None:
        if path not in self._ahead:
            if len(self._ahead) >= _MOST_KEPT:
                self._ahead.clear()
                self._decoded.clear()
            self._ahead[path] = read_node(path, limits=self._limits)
        return self._ahead[path]

    # --- judging ----------------------------------------------------------------------------------------------------

    def judge(self, visit: Visit) -> list[Finding]:
        """Return the findings about a node, with their places in its files. Never raises on data."""
        self.decoded = None
        if visit.error is not None:
            finding = visit.error.finding()
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
        findings = [*node.findings, *check_document(node), *find_twins(node), *self._copied(node)]
        reading = settings.reading()
        decoded = self._decoded.pop(node.path, None) if self._decoded else None
        if decoded is None:
            findings += self._read(node, reading, settings)
        else:
            self.decoded = decoded
            findings += self._judge_reading(ArraySite(node, decoded, settings))
        if settings.profiles:
            site = ArraySite(node, self.decoded or decode_node(node, reading), settings)
            findings += [found for rule in registry.PROFILE for found in rule(site)]
        for rule in registry.CUSTOM:
            findings += rule(node, settings)
        return findings

    def _read(self, node: Node, reading: Reading, settings: Config) -> Iterable[Finding]:
        """Read an array and judge what was read, unless one that reads alike has been judged."""
        key, offset = self._key(node, reading)
        known = None if key is None else self._known.get(key)
        if key is not None and known is not None and not known.any_offset:
            known = self._known.get(key + offset)
        if known is not None and not settings.relations:
            start = len(known.folder)
            return [replace(found, file=node.path + found.file[start:]) for found in known.findings]
        decoded = self.decoded = decode_node(node, reading)
        findings = self._judge_reading(ArraySite(node, decoded, settings))
        if key is not None and all(found.file.startswith(node.path) for found in findings):
            if len(self._known) >= _MOST_KEPT:
                self._known.clear()
            alone = sum(claim.offset is not None or claim.voxel_size is not None for claim in decoded.claims) < 2
            self._known[key] = known = _Known(node.path, tuple(findings), alone)
            if not alone:
                self._known[key + offset] = known
        return findings

    def _judge_reading(self, site: ArraySite) -> list[Finding]:
        findings = [found for found in site.decoded.findings if found not in site.node.findings]
        for rule in registry.READING:
            findings += rule(site)
        return findings

    def _key(self, node: Node, reading: Reading) -> tuple[bytes | None, bytes]:
        """Return what the reading of an array depends on, without and with its offset; None where that is not known.

        A list of plain whole numbers counts as an offset by its length alone, unless two conventions compare theirs.
        """
        keys = node.attributes
        if node.format == "n5" or not _PLACED.isdisjoint(keys):
            return None, b""
        for group, _ in node.ancestors:
            if not EVIDENCE.isdisjoint(group.attributes):
                return None, b""
        read = [(key, value) for key, value in keys.items() if key in _READ and key != "offset"]
        offset = keys.get("offset")
        plain = isinstance(offset, list) and all([type(place) is int and abs(place) < _WHOLE for place in offset])  # noqa: C419
        extent = len(offset) if plain and isinstance(offset, list) else offset
        try:
            key = marshal.dumps(
                (tuple(keys), read, node.ndim, node.format, node.dimension_names, id(reading), plain, extent), 2
            )
            return key, marshal.dumps(offset, 2)
        except ValueError:  # a number that keeps its literal
            return None, b""

    def _group(self, node: Node, settings: Config) -> list[Finding]:
        findings = [*node.findings, *check_document(node), *find_twins(node), *self._copied(node)]
        copy = find_copy(node, self._limits)
        if isinstance(copy, Finding):
            findings.append(copy)
        elif copy is not None:
            self._copies.append(copy)
            findings += check_node(node, copy)
            findings += check_missing(copy)
        if node.attributes:
            pyramids = tuple(find_pyramids(node, self._open_ahead, settings.reading()))
            site = GroupSite(node, pyramids, self._open_ahead, settings)
            for pyramid in pyramids:
                for level in pyramid.levels:
                    if level.decoded is not None:
                        findings += [found for found in level.decoded.findings if found.file == node.attributes_file]
                    if level.decoded is not None and level.node is not None and level.node.path in self._ahead:
                        self._decoded[level.node.path] = level.decoded
            for rule in registry.GROUP:
                findings += rule(site)
        return findings

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
        """Take up the consolidated copies of the groups above, where a run begins in the middle of a tree."""
        self._copies = [copy for copy in (find_copy(group, self._limits) for group in ancestors) if isinstance(copy, Copy)]

    # --- after the rules --------------------------------------------------------------------------------------------

    def _finish(self, findings: Iterable[Finding], node: Node, settings: Config) -> list[Finding]:
        """Leave out what is not asked for or said already, give severities and places, and sort."""
        kept = []
        for finding in dict.fromkeys(findings):
            judged = settings.judged(finding)
            if judged is not None and not self._is_repeated(judged, node):
                kept.append(judged)
        return place(without_doubles(kept), node, self._limits)

    def _is_repeated(self, finding: Finding, node: Node) -> bool:
        """Whether a finding about a document of another node was said before: each level tells what its group lacks."""
        if node.kind == "array" and finding.file.startswith(node.path):
            return False
        key = (finding.code, finding.file, finding.pointer, finding.message, finding.found)
        if key in self._said:
            return True
        if len(self._said) >= _MOST_KEPT:
            self._said.clear()
        self._said[key] = None
        return False


def without_doubles(findings: list[Finding]) -> list[Finding]:
    """Leave out what a schema says of a value of which a rule says more."""
    told = {
        (finding.file, finding.pointer)
        for finding in findings
        if finding.code not in ("ZM101", "ZM006") and finding.severity == Severity.ERROR and finding.pointer
    }
    if not told:
        return findings
    return [
        finding
        for finding in findings
        if finding.code != "ZM101" or not any((finding.file, above) in told for above in _above(finding.pointer))
    ]


def _above(pointer: str) -> Iterable[str]:
    """Yield a pointer and those of the values that hold it."""
    while pointer:
        yield pointer
        pointer = pointer.rpartition("/")[0]
