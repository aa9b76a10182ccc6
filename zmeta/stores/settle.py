"""Replacing one object for certain: a lost answer is settled by reading back, and who may no longer write does not."""

from __future__ import annotations

import random
import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from zmeta.jsondoc import LIMITS
from zmeta.stores.base import UnknownOutcomeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from zmeta.jsondoc import Limits
    from zmeta.stores.base import Content, Store

#: Seconds of the longest pause between two attempts.
_LONGEST_PAUSE = 1.0
#: The same where a store is to be given time.
_LONGEST_WAIT = 5.0
_RANDOM = random.SystemRandom()
_CHECK: ContextVar[Callable[[], object] | None] = ContextVar("what is asked before each write", default=None)


@contextmanager
def only_while(check: Callable[[], object] | None) -> Iterator[None]:
    """Let each write ask before it is sent; `check` raises where nothing may be written any more."""
    token = _CHECK.set(check)
    try:
        yield
    finally:
        _CHECK.reset(token)


def ask() -> None:
    """Raise where nothing may be written any more, see `only_while`."""
    check = _CHECK.get()
    if check is not None:
        check()


def replace(
    store: Store, key: str, there: Content | None, new: bytes | None, limits: Limits = LIMITS
) -> tuple[bool, Content | None]:
    """Replace what was read (None: make, `new` None: remove). Return whether `new` stands there, else what does.

    Raises `StoreError` where it cannot be written, or nobody can tell.
    """
    old = raw_of(there)
    lost: UnknownOutcomeError | None = None
    for attempt in range(store.tries):
        if attempt:
            pause(attempt + 3, _LONGEST_WAIT)
        ask()
        token = None if there is None else there.token
        try:
            if store.delete(key, token) if new is None else store.put(key, new, token):
                return True, None
        except UnknownOutcomeError as error:
            lost = error
        there = store.read(key, limits)
        if raw_of(there) == new:  # it had arrived, and the answer was lost
            return True, there
        if raw_of(there) != old:
            return False, there
    if lost is not None:
        raise lost
    return False, there


def pause(attempt: int, longest: float = _LONGEST_PAUSE) -> None:
    """Wait, the longer the more attempts there were, for a time that is drawn at random."""
    time.sleep(_RANDOM.uniform(0, min(longest, 0.01 * 2 ** min(attempt, 10))))


def raw_of(content: Content | None) -> bytes | None:
    """Return the bytes of what was read, None for nothing."""
    return None if content is None else content.raw
