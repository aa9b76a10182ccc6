"""One process at a time on an object store, which has no locks: a claim that its holder renews as long as it lives.

::

    free ──swap──▶ held by one ──swap, every BEAT seconds──▶ held ──swap──▶ free
                        └─ unchanged for LEASE seconds ──swap──▶ held by another

The claim is one object and only ever replaced on its condition, so that one of several wins. Who finds it held watches it:
if it changes, its holder lives. A holder that could not renew it for FRESH seconds sends nothing more, and a request ends
within a minute and a half (`max_retries`, `timeout`), so nobody writes any more when LEASE seconds have passed. Times are
measured by each machine for itself: clocks need not agree. A process that is gone from this machine is not waited for.

Two processes on one run would not be harmless, though each document is replaced on a condition: the mark of one, which says
what it could not write, would hide what the other has written from a rollback; and a document that was taken back is again
what the other one expects.
"""

from __future__ import annotations

import json
import os
import platform
import time
from contextlib import suppress
from datetime import UTC, datetime
from secrets import token_hex
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, NoReturn

from zmeta.errors import MigrationError, ZmetaError
from zmeta.stores.machine import has_ended, machine
from zmeta.stores.settle import only_while, raw_of, replace

if TYPE_CHECKING:
    from zmeta.stores.base import Content, Store

#: Seconds between two renewals.
BEAT = 10.0
#: A claim that was not renewed for so many seconds lets nothing be written.
FRESH = 30.0
#: A claim that does not change for so many seconds belongs to a process that is gone: more than FRESH and a request.
LEASE = 150.0
#: Seconds between two looks at the claim of another one.
LOOK = 1.0
#: Seconds after which a claim is not watched any more: clocks differ by less.
FORGOTTEN = 86400.0
FREE = b"{}"


class InUseError(MigrationError):
    """Another process works on the run, or took it."""


class Claim:
    """The claim on one run; `key` is its object."""

    def __init__(self, store: Store, key: str, where: str) -> None:
        self._store, self._key, self._where = store, key, where
        self._token, self._beats = token_hex(16), 0
        self._renewed = _now()
        self._turn, self._over = Lock(), Event()

    def take(self, *, new: bool, wait: bool) -> None:
        """Take the claim (`new`: make it) and renew it from now on. Raises `InUseError` where another process has it."""
        there = None if new else self._store.read(self._key)
        since = time.monotonic()
        while True:
            found = raw_of(there)
            if is_free(found) or time.monotonic() - since > LEASE:
                taken, there = self._put(there)
                if taken:
                    Thread(target=self._keep, daemon=True).start()
                    return
                if new:
                    raise InUseError("there is such a run already", where=self._where)
                since = time.monotonic()
                continue
            if not wait:
                self._refuse(found)
            time.sleep(LOOK)
            there = self._store.read(self._key)
            if raw_of(there) != found and not is_free(raw_of(there)):
                self._refuse(raw_of(there))

    def check(self) -> None:
        """Raise unless the claim was renewed lately, or can be now."""
        if self._over.is_set() or (_since(self._renewed) > FRESH and not self._renew()):
            raise InUseError("another process has taken the run over", where=self._where, hint="see `zmeta status`")

    def release(self) -> None:
        """Give the claim back; where that fails, others wait until it is old."""
        with self._turn:
            self._over.set()
            with suppress(ZmetaError):
                there = self._store.read(self._key)
                if self._is_mine(there):
                    replace(self._store, self._key, there, FREE)

    def _keep(self) -> None:
        while not self._over.wait(BEAT):
            with suppress(ZmetaError):  # it is tried again, and whatever is to be written asks by itself
                self._renew()

    def _renew(self) -> bool:
        """Show that the holder lives; False where another one has taken over."""
        with self._turn, only_while(None):
            there = None if self._over.is_set() else self._store.read(self._key)
            if not self._is_mine(there) or not self._put(there)[0]:
                self._over.set()
            return not self._over.is_set()

    def _put(self, there: Content | None) -> tuple[bool, Content | None]:
        sent, self._beats = _now(), self._beats + 1
        facts = {"host": platform.node(), "process": os.getpid(), "machine": machine(), "token": self._token}
        raw = json.dumps({**facts, "beat": self._beats, "time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}).encode()
        done, there = replace(self._store, self._key, there, raw)
        if done:
            self._renewed = sent
        return done, there

    def _is_mine(self, there: Content | None) -> bool:
        """Whether the claim is ours still; a renewal whose answer was lost may stand there, so the token decides."""
        return there is not None and _parse(there.raw).get("token") == self._token

    def _refuse(self, found: bytes | None) -> NoReturn:
        hint = "wait for it to end"
        raise InUseError("another process works on this run", where=self._where, found=name_of(found), hint=hint)


# --- what a claim says ----------------------------------------------------------------------------------------------------


def holder_of(raw: bytes | None) -> str:
    """Return who works on a run, as far as one look can tell; empty where nobody does."""
    return "" if is_free(raw) or _is_old(raw, LEASE) else name_of(raw)


def name_of(raw: bytes | None) -> str:
    """Return the name of the holder."""
    facts = _parse(raw)
    return f"process {facts.get('process')} on {facts.get('host')}"


def _is_old(raw: bytes | None, seconds: float) -> bool:
    """Whether a claim was renewed so long ago, if the clocks of both machines agree."""
    try:
        written = datetime.fromisoformat(str(_parse(raw).get("time")))
        return (datetime.now(UTC) - written).total_seconds() > seconds
    except (ValueError, TypeError):
        return False


def is_free(raw: bytes | None) -> bool:
    """Whether nobody has the claim, or a process of this machine that is gone, or one that was not heard of for a day."""
    if raw is None or raw == FREE or _is_old(raw, FORGOTTEN):
        return True
    facts = _parse(raw)
    process = facts.get("process")
    if not machine() or facts.get("machine") != machine() or not isinstance(process, int):
        return False
    return has_ended(process)


def _parse(raw: bytes | None) -> dict[str, Any]:
    try:
        facts = json.loads(raw or b"{}")
    except (ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _now() -> tuple[float, float]:
    return time.monotonic(), time.time()


def _since(then: tuple[float, float]) -> float:
    """Return the seconds that have passed: one clock stands still while a machine sleeps, the other one may be set."""
    return max(now - before for now, before in zip(_now(), then, strict=True))
