"""Several processes: a task is a run of folders; what a worker does not get to comes back and is cut into further tasks.

Results are taken in the order of the tree, so that a run prints the same whatever the number of workers.
"""

from __future__ import annotations

import signal
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from zmeta.checker.judge import Judge
from zmeta.checker.runner import Batch, walk_batches
from zmeta.nodes.node import Node, read_node
from zmeta.nodes.walk import Place, Walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from zmeta.config import Config
    from zmeta.nodes.walk import Ancestors

#: Nodes that a worker looks at before it hands the rest back.
BUDGET = 2000


class Task(NamedTuple):
    """Folders below the same groups: the paths of these, nearest first, and the folders."""

    above: tuple[str, ...]
    paths: tuple[str, ...]


class Result(NamedTuple):
    """What a worker made of a task: counts, findings, what is compared later, and what it left."""

    batch: Batch
    left: list[Task]


def run_parallel(places: list[Place], roots: list[str], config: Config, jobs: int) -> Iterator[Batch]:
    """Judge all that is below some places in `jobs` processes, and yield batches in the order of the tree."""
    queue: deque[Task | Future[Result]] = deque(part for task in _tasks(places) for part in _cut(task, jobs))
    executor = ProcessPoolExecutor(jobs, initializer=_start, initargs=(config, roots))
    try:
        while queue:
            for index in range(min(len(queue), 2 * jobs + 2)):
                item = queue[index]
                if isinstance(item, Task):
                    queue[index] = executor.submit(_work, item)
            first = queue.popleft()
            if isinstance(first, Future):
                batch, left = first.result()
                queue.extendleft(reversed([part for task in left for part in _cut(task, jobs)]))
                yield batch
        executor.shutdown()
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        raise


def _cut(task: Task, jobs: int) -> Iterator[Task]:
    size = max(1, min(BUDGET // 2, -(-len(task.paths) // (2 * jobs))))
    for start in range(0, len(task.paths), size):
        yield Task(task.above, task.paths[start : start + size])


def _tasks(places: Iterable[Place]) -> list[Task]:
    """Gather folders in a row that have the same groups above them."""
    grouped = groupby(places, key=lambda place: tuple(node.path for node, _ in place.ancestors))
    return [Task(above, tuple(place.path for place in group)) for above, group in grouped]


# --- in the worker --------------------------------------------------------------------------------------------------


class _Worker:
    """What a worker process keeps between tasks."""

    def __init__(self, config: Config, roots: list[str]) -> None:
        self.config = config
        self.roots = roots
        self.judge = Judge(config)
        self.groups: dict[str, Node | None] = {}

    def ancestors(self, above: tuple[str, ...], path: str) -> Ancestors:
        """Read the groups above a folder again, each once."""
        chain: Ancestors = ()
        for index in range(len(above) - 1, -1, -1):
            group = self._group(above[index])
            below = above[index - 1] if index else path
            if group is not None:
                name = below[len(above[index]) + 1 :].replace("\\", "/")
                chain = ((group._replace(ancestors=chain), name), *((node, f"{rest}/{name}") for node, rest in chain))
        return chain

    def _group(self, path: str) -> Node | None:
        if path not in self.groups:
            if len(self.groups) > 64:
                self.groups.clear()
            self.groups[path] = read_node(path, limits=self.config.limits)
        return self.groups[path]


_WORKER: list[_Worker] = []


def _start(config: Config, roots: list[str]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process ends the run
    _WORKER[:] = [_Worker(config, roots)]


def _work(task: Task) -> Result:
    worker = _WORKER[0]
    places = [Place(path, worker.ancestors(task.above, path)) for path in task.paths]
    worker.judge.recall(node for node, _ in places[0].ancestors)
    walk = Walk(places, worker.judge.open, roots=worker.roots, limits=worker.config.limits)
    arrays = groups = 0
    findings, entries = [], []
    left: list[Place] = []
    for batch in walk_batches(walk, worker.judge, worker.config, 256, BUDGET):
        arrays, groups = arrays + batch.arrays, groups + batch.groups
        findings += batch.findings
        entries += batch.entries
        left = batch.left
    worker.roots = walk.roots
    return Result(Batch(arrays, groups, findings, entries, [], []), _tasks(left))
