"""Nodes of a walk, judged some at a time: what a run, or one of its workers, passes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from zmeta.checker.relations import Entry, Relations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.checker.judge import Judge
    from zmeta.config import Config
    from zmeta.finding import Finding
    from zmeta.nodes.walk import Place, Walk


class Batch(NamedTuple):
    """Some nodes judged: how many, what was found, what is compared with others, and what is left to look at.

    `shared` are the numbers of the findings that another batch may hold too.
    """

    arrays: int
    groups: int
    findings: list[Finding]
    entries: list[Entry]
    left: list[Place]
    shared: list[int]


def walk_batches(walk: Walk, judge: Judge, config: Config, size: int) -> Iterator[Batch]:
    """Judge the nodes of a walk, in batches that end when enough was found or looked at.

    What was found before Ctrl-C is yielded before it goes on.
    """
    arrays = groups = 0
    findings: list[Finding] = []
    entries: list[Entry] = []
    shared: list[int] = []
    try:
        for visit in walk:
            node = visit.node
            arrays += visit.arrays
            groups += visit.groups
            if node is not None:
                arrays, groups = (arrays + 1, groups) if node.kind == "array" else (arrays, groups + 1)
            if node is not None or visit.error is not None:
                found = judge.judge(visit)
                shared += [len(findings) + index for index in judge.shared]
                findings += found
                if config.relations and judge.decoded is not None:
                    entries += Relations.entries(config, visit, judge.decoded)
            if len(findings) >= size or arrays + groups >= size:
                batch = Batch(arrays, groups, findings, entries, [], shared)
                arrays, groups, findings, entries, shared = 0, 0, [], [], []
                yield batch
    except KeyboardInterrupt:
        yield Batch(arrays, groups, findings, entries, [], shared)
        raise
    yield Batch(arrays, groups, findings, entries, walk.pending[::-1], shared)
