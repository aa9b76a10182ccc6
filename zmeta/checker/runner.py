"""The run: targets → walk → judge → baseline → report. Findings are passed on as they are found; nothing is kept of them."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zmeta.checker.batch import Batch, walk_batches
from zmeta.checker.judge import Judge
from zmeta.checker.relations import Relations
from zmeta.checker.targets import DOCUMENT_NAMES, find_targets
from zmeta.errors import NodeNotFoundError, ZmetaError
from zmeta.finding import Finding, Severity
from zmeta.nodes.node import read_ancestors
from zmeta.nodes.walk import Ancestors, Links, Place, Walk
from zmeta.report.base import Summary
from zmeta.stores.paths import is_url
from zmeta.stores.registry import exists
from zmeta.stores.remote import crawling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import FrameType

    from zmeta.checker.targets import Target
    from zmeta.config import Config
    from zmeta.finding import Fix
    from zmeta.nodes.walk import Visit

#: Least severity that fails a run, by its word.
FAILING = {"error": Severity.ERROR, "warning": Severity.WARNING, "note": Severity.NOTE, "never": None}


def iter_batches(targets: Iterable[Target], config: Config, jobs: int = 1) -> Iterator[Batch]:
    """Judge all that the targets hold, in one process or several; the order of the findings is the same."""
    targets = list(targets)
    single = [target for target in targets if not target.below]
    whole = [target for target in targets if target.below]
    judge = Judge(config)
    for target in single:
        yield _judge_one(target.path, judge, config)
    if any(is_url(target.path) for target in targets):
        jobs = 1  # what takes time is waiting; connections are not shared with processes
    links = Links(os.path.realpath(target.path) for target in whole)
    places = []
    for target in whole:
        ancestors, broken = _above(target.path, config)
        places.append(Place(target.path, ancestors))
        if broken:
            yield Batch(0, 0, broken, [], [], [])
    if jobs > 1:
        from zmeta.checker.parallel import run_parallel

        yield from run_parallel(places, links, config, jobs)
    else:
        for place in places:
            judge.recall(node for node, _ in place.ancestors)
            walk = Walk([place], judge.open, links=links, limits=config.limits, skim=judge.skim)
            yield from walk_batches(walk, judge, config, 256)


def _above(path: str, config: Config) -> tuple[Ancestors, list[Finding]]:
    """Return the groups above a folder, and what is wrong with the documents of those that cannot be read."""
    ancestors, broken = read_ancestors(path, 3, limits=config.limits)
    settings = config.for_path(path)
    return ancestors, [judged for finding in broken for judged in [settings.judged(finding)] if judged is not None]


def _judge_one(path: str, judge: Judge, config: Config) -> Batch:
    """Judge one node, as when one of its documents was named."""
    ancestors, broken = _above(path, config)
    walk = Walk([Place(path, ancestors)], judge.open, limits=config.limits)
    judge.recall(node for node, _ in ancestors)
    visit: Visit = next(iter(walk))
    kind = "" if visit.node is None else visit.node.kind
    findings = [*broken, *judge.judge(visit)]
    if visit.node is None and visit.error is None:
        names = [name for name in sorted(DOCUMENT_NAMES) if exists(os.path.join(path, name))]
        hint = "its .zarray or .zgroup is missing"
        alone = [Finding("ZM006", "the document belongs to no node", os.path.join(path, name), hint=hint) for name in names]
        settings = config.for_path(path)
        findings = [judged for finding in alone for judged in [settings.judged(finding)] if judged is not None]
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
        paths = list(paths)
        config, twins = self.config, self.config.wants("ZM004")
        with crawling(paths, config.store_options, config.concurrency, config.limits, twins=twins):
            return self._run(paths, add)

    def _run(self, paths: Iterable[str | os.PathLike[str]], add: Callable[[Finding], None]) -> Summary:
        start = time.perf_counter()
        targets = find_targets(paths, self.config.limits)
        counts: Counter[str] = Counter()
        severities: Counter[Severity] = Counter()
        left = Counter(self.known or {})
        relations = Relations(self.config)
        arrays = groups = known = 0
        interrupted = False
        shown = _Shown()

        def take(finding: Finding) -> None:
            nonlocal known
            finding = finding._replace(file=shown.path(finding.file))
            if left and left[finding.fingerprint] > 0:
                left[finding.fingerprint] -= 1
                known += 1
                return
            counts[finding.code] += 1
            severities[finding.severity] += 1
            add(finding)

        try:
            for batch in iter_batches(targets, self.config, self.jobs):
                with _Held():
                    arrays, groups = arrays + batch.arrays, groups + batch.groups
                    for finding in batch.findings:
                        take(finding)
                    relations.add(batch.entries)
                if self.tick is not None:
                    self.tick(arrays, groups, sum(severities.values()))
            for finding in relations.findings():
                with _Held():
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
    paths: Iterable[str | os.PathLike[str]],
    config: Config,
    jobs: int,
    told: Callable[[Finding, Fix], None],
    refused: Callable[[Finding, ZmetaError], None],
) -> int:
    """Mend what can be mended without loss below some paths, tell each change, and return their number.

    A document that cannot be written is told of once, and the others are mended all the same.
    """
    from zmeta.checker.mend import mend

    count = 0
    shown = _Shown()
    failed: set[str] = set()
    paths, twins = list(paths), config.wants("ZM004")
    with config.storage(), crawling(paths, config.store_options, config.concurrency, config.limits, twins=twins):
        for batch in iter_batches(find_targets(paths, config.limits), config, jobs):
            for finding in batch.findings:
                if finding.file in failed:
                    continue
                there = finding._replace(file=shown.path(finding.file))
                try:
                    fix = mend(finding)
                except ZmetaError as error:
                    failed.add(finding.file)
                    refused(there, error)
                    continue
                if fix is not None:
                    count += 1
                    told(there, fix)
    return count


class _Held:
    """Keeps Ctrl-C back while findings are passed on, so that no report ends within a record; a second one gets through."""

    def __init__(self) -> None:
        self._before: object = None
        self._came = False

    def __enter__(self) -> None:
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before = signal.signal(signal.SIGINT, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self._came:
            signal.default_int_handler(number, frame)
        self._came = True

    def __exit__(self, kind: object, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if self._came and kind is None:
            raise KeyboardInterrupt


class _Shown:
    """Paths as they are shown: below the working directory relative to it, with `/` between the parts."""

    def __init__(self) -> None:
        try:
            self._here = os.getcwd().rstrip(os.sep) + os.sep
        except FileNotFoundError:  # the working directory was removed
            self._here = os.sep * 3

    def path(self, file: str) -> str:
        file = file.removeprefix(self._here)
        return file.replace(os.sep, "/")
