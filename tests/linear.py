"""Whether a history of concurrent reads and writes could have happened one after the other: the search of Wing and Gong.

A document is a set of keys with values. A write sets one key, a read sees all of them. Each has an instant between its start
and its end at which it happened. A write whose outcome nobody knows may have happened at any time after its start, or never.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf


@dataclass(frozen=True)
class Op:
    """`end` is infinite where the outcome is not known. A read has seen `state`, a write has set `key` to `value`."""

    start: float
    end: float
    key: str = ""
    value: int = 0
    state: dict[str, int] | None = field(default=None, hash=False)


def linearizable(history: list[Op], initial: dict[str, int] | None = None) -> bool:
    """Search for an order: each step takes an operation that begins before every other one left has ended."""
    ops = sorted(history, key=lambda op: op.start)
    needed = sum(1 << index for index, op in enumerate(ops) if op.end < inf)
    first = frozenset((initial or {}).items())
    pending = [(0, first)]
    seen = {(0, first)}
    while pending:
        done, state = pending.pop()
        if done & needed == needed:
            return True
        for index in _candidates(ops, done):
            op = ops[index]
            if op.state is None:
                after = frozenset((dict(state) | {op.key: op.value}).items())
            elif frozenset(op.state.items()) == state:
                after = state
            else:
                continue
            step = (done | 1 << index, after)
            if step not in seen:
                seen.add(step)
                pending.append(step)
    return False


def _candidates(ops: list[Op], done: int) -> list[int]:
    """Return the operations left that may be next, those that end first at the end of the list."""
    first_end = inf
    found = []
    index = (~done & (done + 1)).bit_length() - 1  # all before this one are done
    for place in range(index, len(ops)):
        if done >> place & 1:
            continue
        if ops[place].start > first_end:
            break
        found.append(place)
        first_end = min(first_end, ops[place].end)
    return sorted((place for place in found if ops[place].start <= first_end), key=lambda place: -ops[place].end)
