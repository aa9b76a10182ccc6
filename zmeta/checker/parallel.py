"""Several processes: a task is a run of folders; what a worker does not get to comes back and is cut into further tasks.

Results are taken in the order of the tree, so that a run prints the same whatever the number of workers. A link out of the
tree is a task of its own: whether it is followed depends on all that stands before it.
"""

from __future__ import annotations

import signal
import threading
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from zmeta.checker.batch import Batch, walk_batches
from zmeta.checker.judge import Judge, Said
from zmeta.errors import StoreError
from zmeta.nodes.node import Node, read_node
from zmeta.nodes.walk import MOST_ABOVE, Links, Place, Walk

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from zmeta.checker.relations import Entry
    from zmeta.config import Config
    from zmeta.finding import Finding
    from zmeta.nodes.walk import Ancestors

#: Folders that a worker looks at before it hands the rest back.
BUDGET = 2000


class Task(NamedTuple):
    """Folders below the same groups: the paths of these, nearest first, and the folders; `link`, `passed` as in `Place`."""

    above: tuple[str, ...]
    paths: tuple[str, ...]
    link: str = ""
    passed: tuple[str, ...] = ()


class Result(NamedTuple):
    """What a worker made of a task: counts, findings, what is compared later, and what it left."""

    batch: Batch
    left: list[Task]


class _Submitted(NamedTuple):
    task: Task
    future: Future[Result]


def run_parallel(places: Iterable[Place], links: Links, config: Config, jobs: int) -> Generator[Batch, None, None]:
    """Judge all that is below some places in `jobs` processes, and yield batches in the order of the tree."""
    queue: deque[Task | _Submitted] = deque(part for task in _tasks(places) for part in _cut(task, jobs))
    executor = ProcessPoolExecutor(jobs, initializer=_start, initargs=(config, links.roots))
    said = Said()

    def submit(task: Task) -> _Submitted:
        if task.link:
            task = task._replace(passed=links.passed(task.link))
        with _without_interrupts():  # for a worker that has just begun, Ctrl-C would end in a traceback
            return _Submitted(task, executor.submit(_work, task))

    try:
        while queue:
            for index in range(min(len(queue), 2 * jobs + 2)):
                item = queue[index]
                if isinstance(item, Task):
                    queue[index] = submit(item)
            first = queue.popleft()
            if not isinstance(first, _Submitted):
                continue
            task, future = first
            if task.link:
                passed = links.follow(task.link)
                if passed is None:
                    future.cancel()
                    continue
                if passed != task.passed:  # a link before this one was followed meanwhile, to a folder below
                    future.cancel()
                    future = submit(task).future
            batch, left = future.result()
            queue.extendleft(reversed([part for task in left for part in _cut(task, jobs)]))
            repeated = {index for index in batch.shared if said.repeats(batch.findings[index])}
            yield batch._replace(findings=[one for index, one in enumerate(batch.findings) if index not in repeated])
    except BrokenProcessPool:
        hint = "try again with fewer --jobs: memory may have run out"
        raise StoreError("a worker process ended before its time", hint=hint) from None
    finally:  # waited for: an interpreter that ends meanwhile would write to a pipe that is being closed
        executor.shutdown(cancel_futures=True)


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Keep Ctrl-C back for a moment, also from processes that begin meanwhile."""
    if not hasattr(signal, "pthread_sigmask") or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _cut(task: Task, jobs: int) -> Iterator[Task]:
    size = max(1, min(BUDGET // 2, -(-len(task.paths) // (2 * jobs))))
    for start in range(0, len(task.paths), size):
        yield task._replace(paths=task.paths[start : start + size])


def _tasks(places: Iterable[Place]) -> Iterator[Task]:
    """Gather folders in a row that have the same groups above them."""

    def alike(place: Place) -> tuple[tuple[str, ...], str, tuple[str, ...]]:
        return tuple(node.path for node, _ in place.above), place.link and place.path, place.passed

    for (above, _, passed), group in groupby(places, alike):
        found = list(group)
        yield Task(above, tuple(place.path for place in found), found[0].link, passed)


# --- in the worker --------------------------------------------------------------------------------------------------


class _Worker:
    """What a worker process keeps between tasks."""

    def __init__(self, config: Config, roots: Iterable[str]) -> None:
        self.config = config
        self.roots = Links(roots)
        self.judge = Judge(config)
        self.groups: dict[str, Node | None] = {}

    def above(self, paths: tuple[str, ...]) -> Ancestors:
        """Read the groups above some folders again, nearest first, each with the path from it to the nearest one."""
        chain: Ancestors = ()
        for index in range(len(paths) - 1, -1, -1):
            group = self._group(paths[index])
            if group is not None:
                here = group._replace(ancestors=chain)
                name = paths[index - 1][len(paths[index]) + 1 :].replace("\\", "/") if index else ""
                longer = tuple([(node, f"{rest}/{name}" if name else rest) for node, rest in chain])
                chain = ((here, name), *longer)[:MOST_ABOVE]
        return chain

    def _group(self, path: str) -> Node | None:
        if path not in self.groups:
            if len(self.groups) > 64:
                self.groups.clear()
            self.groups[path] = read_node(path, limits=self.config.limits)
        return self.groups[path]


_WORKER: list[_Worker] = []


def _start(config: Config, roots: Iterable[str]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process ends the run
    _WORKER[:] = [_Worker(config, roots)]


def _work(task: Task) -> Result:
    worker = _WORKER[0]
    above = worker.above(task.above)
    start = len(task.above[0]) + 1 if task.above else 0
    names = [path[start:].replace("\\", "/") if above else "" for path in task.paths]
    places = [Place(path, above, name, "", task.passed) for path, name in zip(task.paths, names, strict=True)]
    judge, limits = worker.judge, worker.config.limits
    judge.recall(node for node, _ in above)
    walk = Walk(places, judge.open, roots=worker.roots, limits=limits, most=BUDGET, skim=judge.skim)
    arrays = groups = 0
    findings: list[Finding] = []
    entries: list[Entry] = []
    shared: list[int] = []
    left: list[Place] = []
    for batch in walk_batches(walk, worker.judge, worker.config, 256):
        arrays, groups = arrays + batch.arrays, groups + batch.groups
        shared += [len(findings) + index for index in batch.shared]
        findings += batch.findings
        entries += batch.entries
        left = batch.left
    return Result(Batch(arrays, groups, findings, entries, [], shared), list(_tasks(left)))
