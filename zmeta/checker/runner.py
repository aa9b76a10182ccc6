"""The run: targets → walk → judge → baseline → report. Findings are passed on as they are found; nothing is kept of them."""

from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from zmeta.checker.judge import Judge
from zmeta.checker.relations import Entry, Relations
from zmeta.checker.targets import find_targets
from zmeta.errors import NodeNotFoundError
from zmeta.finding import Severity
from zmeta.nodes.node import read_ancestors
from zmeta.nodes.walk import Ancestors, Place, Walk
from zmeta.report.base import Summary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from zmeta.checker.targets import Target
    from zmeta.config import Config
    from zmeta.finding import Finding, Fix
    from zmeta.nodes.walk import Visit

#: Least severity that fails a run, by its word.
FAILING = {"error": Severity.ERROR, "warning": Severity.WARNING, "note": Severity.NOTE, "never": None}


class Batch(NamedTuple):
    """Some nodes judged: how many, what was found, what is compared with others, and what is left to look at."""

    arrays: int
    groups: int
    findings: list[Finding]
    entries: list[Entry]
    left: list[Place]
    roots: list[str]


def walk_batches(walk: Walk, judge: Judge, config: Config, size: int, budget: int) -> Iterator[Batch]:
    """Judge the nodes of a walk, in batches that end when enough was found or looked at; a budget of 0 has no end."""
    arrays = groups = 0
    findings: list[Finding] = []
    entries: list[Entry] = []
    total = 0
    for visit in walk:
        node = visit.node
        if node is None:
            if visit.error is None:
                continue
        elif node.kind == "array":
            arrays += 1
        else:
            groups += 1
        findings += judge.judge(visit)
        if config.relations and judge.decoded is not None:
            entries += Relations.entries(config, visit, judge.decoded)
        total += 1
        if len(findings) >= size or arrays + groups >= size:
            yield Batch(arrays, groups, findings, entries, [], [])
            arrays, groups, findings, entries = 0, 0, [], []
        if total == budget:
            break
    yield Batch(arrays, groups, findings, entries, walk.pending[::-1], walk.roots)


def iter_batches(targets: Iterable[Target], config: Config, jobs: int = 1) -> Iterator[Batch]:
    """Judge all that the targets hold, in one process or several; the order of the findings is the same."""
    targets = list(targets)
    single = [target for target in targets if not target.below]
    whole = [target for target in targets if target.below]
    judge = Judge(config)
    for target in single:
        yield _judge_one(target.path, judge, config)
    roots = [os.path.realpath(target.path) for target in whole]
    places = [Place(target.path, _above(target.path, config)) for target in whole]
    if jobs > 1:
        from zmeta.checker.parallel import run_parallel

        yield from run_parallel(places, roots, config, jobs)
    else:
        for place in places:
            judge.recall(node for node, _ in place.ancestors)
            yield from walk_batches(Walk([place], judge.open, roots=roots, limits=config.limits), judge, config, 256, 0)


def _above(path: str, config: Config) -> Ancestors:
    return read_ancestors(path, 3, limits=config.limits)[0]


def _judge_one(path: str, judge: Judge, config: Config) -> Batch:
    """Judge one node, as when one of its documents was named."""
    ancestors = _above(path, config)
    walk = Walk([Place(path, ancestors)], judge.open, limits=config.limits)
    judge.recall(node for node, _ in ancestors)
    visit: Visit = next(iter(walk))
    kind = "" if visit.node is None else visit.node.kind
    findings = judge.judge(visit)
    if visit.node is None and visit.error is None:
        raise NodeNotFoundError("the document belongs to no node", where=path, hint="its folder holds no Zarr or N5 node")
    entries = [] if judge.decoded is None else Relations.entries(config, visit, judge.decoded)
    return Batch(int(kind == "array"), int(kind == "group"), findings, entries, [], [])


@dataclass
class Run:
    """A run over some paths: feeds findings on, and counts.

    Attributes
    ----------
    config : Config
    jobs : int
        Worker processes; 1 for none.
    known : mapping of str to int
        Fingerprints of findings that a baseline knows, with how often each may occur.
    tick : callable or None
        Told the counts so far, for a display of the progress.
    """

    config: Config
    jobs: int = 1
    known: Mapping[str, int] | None = None
    tick: Callable[[int, int, int], None] | None = None

    def run(self, paths: Iterable[str | os.PathLike[str]], add: Callable[[Finding], None]) -> Summary:
        """Judge paths, pass each finding to `add`, and return the counts; Ctrl-C ends the run, and the summary says so.

        Raises `NodeNotFoundError` where a path leads to nothing, or nothing below it is a node.
        """
        start = time.perf_counter()
        targets = find_targets(paths)
        counts: Counter[str] = Counter()
        severities: Counter[Severity] = Counter()
        left = Counter(self.known or {})
        relations = Relations(self.config)
        arrays = groups = known = 0
        interrupted = False
        shown = _Shown()

        def take(finding: Finding) -> None:
            nonlocal known
            finding = replace(finding, file=shown.path(finding.file))
            if left and left[finding.fingerprint] > 0:
                left[finding.fingerprint] -= 1
                known += 1
                return
            counts[finding.code] += 1
            severities[finding.severity] += 1
            add(finding)

        try:
            for batch in iter_batches(targets, self.config, self.jobs):
                arrays, groups = arrays + batch.arrays, groups + batch.groups
                for finding in batch.findings:
                    take(finding)
                relations.add(batch.entries)
                if self.tick is not None:
                    self.tick(arrays, groups, sum(severities.values()))
            for finding in relations.findings():
                take(finding)
        except KeyboardInterrupt:
            interrupted = True
        if not (arrays or groups or severities or known or interrupted):
            where = ", ".join(target.path for target in targets)
            expected = "zarr.json, .zarray, .zgroup or attributes.json"
            raise NodeNotFoundError("there is no Zarr or N5 node here or below", where=where, expected=expected)
        least = FAILING[self.config.fail_on]
        return Summary(
            arrays=arrays,
            groups=groups,
            errors=severities[Severity.ERROR],
            warnings=severities[Severity.WARNING],
            notes=severities[Severity.NOTE],
            known=known,
            failed=least is not None and any(count and severity >= least for severity, count in severities.items()),
            interrupted=interrupted,
            seconds=time.perf_counter() - start,
            codes=dict(sorted(counts.items())),
        )


def mend_all(
    paths: Iterable[str | os.PathLike[str]], config: Config, jobs: int, told: Callable[[Finding, Fix], None]
) -> int:
    """Mend what can be mended without loss below some paths, tell each change, and return their number."""
    from zmeta.checker.mend import mend

    count = 0
    shown = _Shown()
    for batch in iter_batches(find_targets(paths), config, jobs):
        for finding in batch.findings:
            fix = mend(finding)
            if fix is not None:
                count += 1
                told(replace(finding, file=shown.path(finding.file)), fix)
    return count


class _Shown:
    """Paths as they are shown: below the working directory relative to it, with `/` between the parts."""

    def __init__(self) -> None:
        self._here = os.getcwd().rstrip(os.sep) + os.sep

    def path(self, file: str) -> str:
        file = file.removeprefix(self._here)
        return file.replace(os.sep, "/")
