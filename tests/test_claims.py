"""Claims by hard links: where locks fail or end at this machine, nothing is lost, nobody waits for long, nothing is left.

What many writers and `kill -9` at random moments do to them stands in tests/test_many_writers.py, and migrations in
tests/test_journal_faults.py. Run as a program, this file forks writers that are killed at a call.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import writers

from zmeta import ArrayIdentifier, ZarrArray, add_metadata, apply_plan, migrate, rollback
from zmeta.cli.main import main
from zmeta.config import Config, parse_config
from zmeta.errors import ConfigError, ConflictError, StoreError
from zmeta.nodes import claims
from zmeta.nodes import write as write_module
from zmeta.nodes.claims import FOLDER, ClaimLostError, Claims, digest_of
from zmeta.nodes.write import Change, update, write
from zmeta.stores import mounts
from zmeta.stores.local import read_file

fcntl = pytest.importorskip("fcntl")
pytestmark = pytest.mark.filterwarnings("ignore:the file system has no locks")
#: A writer of another machine.
FOREIGN = "feedfacecafe-77-0123456789ab"
CALLS = ("open", "mkdir", "chmod", "link", "write", "fsync", "replace", "unlink", "rmdir")


def refuse(*_: object) -> None:
    raise OSError(errno.ENOLCK, "No locks available")


@pytest.fixture(autouse=True)
def no_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", refuse)


class Clock:
    """Time that goes on while somebody sleeps, and not otherwise."""

    def __init__(self) -> None:
        self.now = 100.0
        self.meanwhile: Callable[[], object] = lambda: None

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += 10 * max(seconds, 0.001)
        self.meanwhile()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(claims, "time", made)
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "d").write_bytes(b"0")
    return tmp_path / "d"


def room_of(file: Path) -> Path:
    room = file.parent / FOLDER
    room.mkdir(exist_ok=True)
    return room


def left(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() or path.name == FOLDER)


def held_by(file: Path, writer: str, *names: str) -> Path:
    """Let another writer hold names."""
    own = room_of(file) / f"{writer}-{len(os.listdir(room_of(file))) + 1}"
    own.write_bytes(b"theirs")
    for name in names:
        os.link(own, room_of(file) / name)
    return own


def count_up(file: Path) -> None:
    def compute() -> tuple[list[Change], None]:
        old = file.read_bytes()
        return [Change(str(file), old, str(int(old) + 1).encode())], None

    update(compute)


# --- when documents are claimed -----------------------------------------------------------------------------------------


def links(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note the names of all claims that are made."""
    made: list[str] = []
    link = os.link

    def noted(own: str, name: str) -> None:
        link(own, name)
        made.append(os.path.basename(name))

    monkeypatch.setattr(os, "link", noted)
    return made


def test_a_claim_is_named_by_the_state_that_is_replaced(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = links(monkeypatch)
    assert write([Change(str(file), b"0", b"1")])
    assert write([Change(str(file.with_name("e")), None, b"1")])
    assert write([Change(str(file), b"1", None)])
    assert made == ["turn", f"d.{digest_of(b'0')}", "turn", "e.absent", "turn", f"d.{digest_of(b'1')}"]
    assert left(file.parent) == ["e"]


@pytest.mark.parametrize(
    ("word", "works", "shared", "claimed"),
    [
        ("auto", True, False, False),
        ("auto", True, True, True),
        ("auto", False, False, True),
        ("claims", True, False, True),
        ("system", True, True, False),
        ("system", False, True, False),
    ],
)
def test_when(file: Path, monkeypatch: pytest.MonkeyPatch, word: str, works: bool, shared: bool, claimed: bool) -> None:
    made = links(monkeypatch)
    monkeypatch.setattr(write_module, "is_shared", lambda _folder: shared)
    monkeypatch.setenv("ZMETA_LOCKS", word)
    if works:
        monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    assert write([Change(str(file), b"0", b"1")])
    assert bool(made) is claimed


def test_a_system_that_knows_no_such_locks_claims_where_it_is_told_to(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = links(monkeypatch)
    monkeypatch.setattr(write_module, "locks", None)
    assert write([Change(str(file), b"0", b"1")])
    assert made == []
    monkeypatch.setenv("ZMETA_LOCKS", "claims")
    assert write([Change(str(file), b"1", b"2")])
    assert len(made) == 2


def test_what_a_folder_lies_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert mounts.is_shared(str(tmp_path / "absent")) is False
    kind = "ext4"
    monkeypatch.setattr(mounts, "_kinds", lambda _second: {os.stat(tmp_path).st_dev: kind})
    answers = {}
    for kind in ("ext4", "nfs4", "fuse.sshfs", "cifs", "ceph", "tmpfs", "lustre", "overlay"):
        answers[kind] = mounts.is_shared(str(tmp_path))
    assert [kind for kind, shared in answers.items() if shared] == ["nfs4", "fuse.sshfs", "cifs", "lustre"]


def test_a_word_that_is_not_known(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="`locks` is wrong"):
        parse_config({"locks": "none"}, "zmeta.toml")
    with pytest.raises(ConfigError, match="cannot be set for some arrays only"):
        parse_config({"override": [{"match": ["*"], "locks": "claims"}]}, "zmeta.toml")
    monkeypatch.setenv("ZMETA_LOCKS", "none")
    with pytest.raises(ConfigError, match="`ZMETA_LOCKS` is wrong"):
        write([Change(str(file), b"0", b"1")])


def test_every_writer_minds_the_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    monkeypatch.setenv("ZMETA_STATE", str(tmp_path / "state"))
    (tmp_path / "zmeta.toml").write_text('locks = "claims"\n')
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "zarr.json").write_text(json.dumps({**writers.ZARR3, "attributes": {"resolution": [1, 2, 3], "axis": 1}}))
    made = links(monkeypatch)

    def counted(call: Callable[[], object]) -> int:
        before = len(made)
        call()
        return len(made) - before

    def created() -> None:
        from funlib.geometry import Roi

        where = ArrayIdentifier(container=tmp_path / "c.zarr", dataset="a")
        ZarrArray.create_from_array_identifier(where, ["x"], Roi((0,), (4,)), None, (1,), "u1")

    document = folder / "zarr.json"
    assert counted(lambda: add_metadata(folder, {"stain": 1})) == 2
    assert counted(lambda: migrate(folder, to="zmeta").apply()) == 2
    assert counted(rollback) == 2
    assert counted(lambda: apply_plan(saved(folder, tmp_path))) == 2
    assert counted(lambda: main(["rollback"])) == 2
    document.write_bytes(b"\xef\xbb\xbf" + document.read_bytes())
    assert counted(lambda: main(["check", "--fix", str(folder)])) == 2
    assert not document.read_bytes().startswith(b"\xef")
    assert counted(created) > 0
    assert counted(lambda: add_metadata(folder, {"stain": 2}, config=Config())) == 0
    assert left(folder) == ["zarr.json"]


def saved(folder: Path, beside: Path) -> Path:
    """Return the file of a plan."""
    migrate(folder, to="zmeta").save(beside / "plan.json")
    return beside / "plan.json"


def test_it_is_said(file: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder) -> None:
    with pytest.warns(UserWarning, match=r"no locks \(No locks available\).*; documents are claimed by hard links instead"):
        write([Change(str(file), b"0", b"1")])
    monkeypatch.setattr(os, "link", lambda *_: refuse())
    for number in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS):

        def no_links(*_: object, number: int = number) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "link", no_links)
        with pytest.warns(UserWarning, match=r"no locks .*two writers at the same moment may lose a change"):
            assert write([Change(str(file), b"1", b"1")])
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    monkeypatch.setattr(write_module, "is_shared", lambda _folder: True)
    recwarn.clear()
    assert write([Change(str(file), b"1", b"2")])  # as well as can be on one machine
    assert [str(warning.message) for warning in recwarn] == []
    monkeypatch.setenv("ZMETA_LOCKS", "claims")
    with pytest.warns(UserWarning, match="no hard links"):
        assert write([Change(str(file), b"2", b"3")])
    assert left(file.parent) == ["d"]


def test_links_that_cannot_be_told_from_copies_are_not_relied_on(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some file systems give every name of a file an inode of its own."""
    numbers: Counter[str] = Counter()
    state = claims._state

    def numbered(path: str, *, fresh: bool = True) -> Any:
        found = state(path, fresh=fresh)
        numbers.setdefault(path, len(numbers))
        return found and found._replace(inode=numbers[path])

    monkeypatch.setattr(claims, "_state", numbered)
    with pytest.warns(UserWarning, match="may lose a change"):
        assert write([Change(str(file), b"0", b"1")])
    assert file.read_bytes() == b"1"


# --- holders that died, or that are far away ----------------------------------------------------------------------------


def test_a_holder_of_another_machine_is_waited_for_and_then_turned_out(file: Path, clock: Clock) -> None:
    held_by(file, FOREIGN, "turn")
    held_by(file, FOREIGN, f"d.{digest_of(b'0')}")
    count_up(file)
    assert claims.SECONDS <= clock.now - 100 < 2 * claims.SECONDS
    assert file.read_bytes() == b"1"
    assert left(file.parent) == ["d"]


def test_so_is_one_that_holds_a_document_alone(file: Path, clock: Clock) -> None:
    held_by(file, FOREIGN, f"d.{digest_of(b'0')}", "turn.end")
    count_up(file)
    assert claims.SECONDS <= clock.now - 100 < 2 * claims.SECONDS
    assert left(file.parent) == ["d"]


def test_a_claim_to_another_state_stops_nobody(file: Path, clock: Clock) -> None:
    held_by(file, FOREIGN, f"d.{digest_of(b'7')}")
    count_up(file)
    assert clock.now == 100


def test_a_holder_that_gives_signs_of_life_is_not_turned_out(file: Path, clock: Clock) -> None:
    own = held_by(file, FOREIGN, "turn")
    beats = iter(range(1, 10**6))
    clock.meanwhile = lambda: os.utime(own, ns=(next(beats), next(beats)))
    with pytest.raises(ConflictError, match="another writer held the folder for 30 seconds"):
        count_up(file)
    assert file.read_bytes() == b"0"
    assert len(os.listdir(room_of(file))) == 2


def test_we_give_signs_of_life_while_we_wait(file: Path, clock: Clock) -> None:
    held_by(file, FOREIGN, f"d.{digest_of(b'0')}")
    seen = set()

    def look() -> None:
        with suppress(FileNotFoundError):
            seen.add((room_of(file) / "turn").stat().st_mtime_ns)

    clock.meanwhile = look
    count_up(file)
    assert len(seen) >= 3


@pytest.mark.parametrize("dead", [True, False])
def test_a_process_of_this_machine(file: Path, clock: Clock, dead: bool) -> None:
    """It is turned out at once when it has died."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    writer = f"{claims._host()}-{ended.pid if dead else os.getppid()}-0123456789ab"
    held_by(file, writer, "turn")
    held_by(file, writer, f"d.{digest_of(b'0')}")
    count_up(file)
    assert (clock.now == 100) is dead
    assert left(file.parent) == ["d"]


def test_where_machines_cannot_be_told_apart_the_bound_holds(
    file: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "_host", lambda: "")
    held_by(file, f"{claims._NOWHERE}-{2**22 + 1}-0123456789ab", "turn")
    count_up(file)
    assert clock.now - 100 >= claims.SECONDS


def test_what_waiting_writers_of_other_machines_left_is_removed_late(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = held_by(file, FOREIGN)
    count_up(file)
    assert own.exists()
    monkeypatch.setattr(claims, "FORGOTTEN", -1.0)
    count_up(file)
    assert left(file.parent) == ["d"]


def test_what_is_not_ours_stays(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (room_of(file) / "notes.txt").write_text("mine")
    monkeypatch.setattr(claims, "FORGOTTEN", -1.0)
    count_up(file)
    assert left(file.parent) == [FOLDER, f"{FOLDER}/notes.txt", "d"]


def test_a_link_in_the_place_of_the_folder_is_refused(file: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (file.parent / FOLDER).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="must not be a link"):
        count_up(file)
    assert os.listdir(tmp_path / "elsewhere") == []


def test_all_who_may_write_may_claim(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.parent.chmod(0o2775)
    modes = []
    link = os.link

    def noted(own: str, name: str) -> None:
        modes.append(room_of(file).stat().st_mode & 0o7777)
        link(own, name)

    monkeypatch.setattr(os, "link", noted)
    before = os.umask(0o077)
    try:
        count_up(file)
    finally:
        os.umask(before)
    assert set(modes) == {0o2775}


# --- slow ones ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("back", [False, True], ids=["changed", "changed and back again"])
@pytest.mark.parametrize("call", ["fsync", "utime", "replace"])
def test_one_that_sleeps_overwrites_nothing(
    file: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, call: str, back: bool
) -> None:
    """Also between its last look and the rename, and also where the document is again what it was (ABA)."""
    real = getattr(os, call)
    slept: list[float] = []

    def sleepy(*args: Any, **kwargs: Any) -> Any:
        if call == "utime" or not slept:
            monkeypatch.setattr(os, call, real)
            slept.append(clock.now)
            count_up(file)
            if back:
                update(lambda: ([Change(str(file), file.read_bytes(), b"0")], None))
        return real(*args, **kwargs)

    if call == "utime":
        monkeypatch.setattr(claims.Claims, "_beat", lambda _self: os.utime(file))
    monkeypatch.setattr(os, call, sleepy)
    count_up(file)
    assert slept
    assert clock.now - slept[0] >= claims.SECONDS
    assert file.read_bytes() == (b"1" if back else b"2")
    assert left(file.parent) == ["d"]


def test_what_was_replaced_is_put_back_where_a_second_claim_is_lost(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = tmp_path / "g" / "one", tmp_path / "other"
    one.parent.mkdir()
    for path in (one, other):
        path.write_bytes(b"0")
    real, calls = os.replace, Counter[str]()

    def sleepy(old: str, new: str) -> None:
        calls[new] += 1
        if new == str(other) and calls[new] == 1:
            assert one.read_bytes() == b"new"
            count_up(other)
        real(old, new)

    monkeypatch.setattr(os, "replace", sleepy)
    assert not write([Change(str(one), b"0", b"new"), Change(str(other), b"0", b"new")])
    assert (one.read_bytes(), other.read_bytes()) == (b"0", b"1")
    assert left(tmp_path) == ["g/one", "other"]


def test_what_somebody_changed_since_is_not_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for path in (one, other):
        path.write_bytes(b"0")
    real = os.replace

    def fails(old: str, new: str) -> None:
        if new == str(other):
            one.write_bytes(b"foreign")
            raise OSError(errno.EIO, "Input/output error")
        real(old, new)

    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(StoreError, match="cannot replace the file"):
        write([Change(str(one), b"0", b"1"), Change(str(other), b"0", b"1")])
    assert (one.read_bytes(), other.read_bytes()) == (b"foreign", b"0")
    assert left(tmp_path) == ["one", "other"]


def test_a_claim_that_was_lost_is_not_given_up_for_its_new_holder(file: Path, clock: Clock) -> None:
    mine = Claims(30)
    assert mine.enter(str(file.parent))
    name = mine.name(str(file))
    assert name is not None
    Path(name).write_bytes(b"1")
    mine.take(str(file), b"0", name)
    theirs = Claims(30)
    assert theirs.enter(str(file.parent))
    assert clock.now - 100 >= claims.SECONDS
    held = room_of(file) / f"d.{digest_of(b'0')}"
    assert not held.exists()
    theirs.take(str(file), b"0", None)
    Path(name).write_bytes(b"1")
    mine._beaten = clock.now
    with pytest.raises(ClaimLostError):
        mine.replace(str(file))
    mine.close()
    assert held.exists()
    assert (room_of(file) / "turn").exists()
    theirs.close()
    assert left(file.parent) == ["d"]
    assert file.read_bytes() == b"0"


def test_of_two_that_turn_out_one_does(file: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one was faster, and the name is held by somebody new when the right to turn out is ours."""
    held_by(file, FOREIGN, "turn")
    link, alive = os.link, "deadbeefcafe-1-0123456789ab"

    def later(own: str, name: str) -> None:
        if name.endswith("turn.end") and not any(alive in entry for entry in os.listdir(room_of(file))):
            (room_of(file) / "turn").unlink()
            link(held_by(file, alive), room_of(file) / "turn")
        link(own, name)

    monkeypatch.setattr(os, "link", later)

    def beat() -> None:
        for path in room_of(file).glob(f"{alive}*"):
            os.utime(path)

    clock.meanwhile = beat
    with pytest.raises(ConflictError, match="another writer held the folder"):
        count_up(file)
    assert (room_of(file) / "turn").exists()


def test_one_that_wakes_is_not_turned_out(file: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """It moves in the moment between the last look of the one who waits and the right to turn it out."""
    own = held_by(file, FOREIGN, "turn")
    link = os.link
    beats = iter(range(1, 10**6))

    def later(mine: str, name: str) -> None:
        if name.endswith("turn.end"):
            os.utime(own, ns=(next(beats), next(beats)))
        link(mine, name)

    monkeypatch.setattr(os, "link", later)
    with pytest.raises(ConflictError, match="another writer held the folder"):
        count_up(file)
    assert own.exists()


def test_many_that_find_a_stale_claim_lose_nothing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "SECONDS", 0.2)
    for _ in range(3):
        file.write_bytes(b"0")
        held_by(file, FOREIGN, "turn", f"d.{digest_of(b'0')}")
        threads = [threading.Thread(target=count_up, args=(file,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert file.read_bytes() == b"8"
        assert left(file.parent) == ["d"]


# --- answers of a server that are lost ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["link", "replace"])
@pytest.mark.parametrize("number", [errno.EIO, errno.EEXIST, errno.ENOENT, errno.ESTALE], ids=errno.errorcode.__getitem__)
def test_an_answer_that_is_lost_changes_nothing(file: Path, monkeypatch: pytest.MonkeyPatch, name: str, number: int) -> None:
    """The server did it, and says that it could not."""
    real = getattr(os, name)

    def lost(*args: Any) -> None:
        real(*args)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, name, lost)
    if name == "replace" and number in (errno.EIO, errno.EEXIST):  # no answer that is given twice: it is an error
        with pytest.raises(StoreError, match="cannot replace the file"):
            count_up(file)
    else:
        count_up(file)
    assert file.read_bytes() == b"1"
    assert left(file.parent) == ["d"]


@pytest.mark.parametrize("name", ["open", "chmod", "link"])
def test_a_folder_that_was_made_anew_on_the_server(file: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A client remembers the one that is gone, and says so once."""
    real, calls = getattr(os, name), iter(range(1000))

    def stale(path: str, *args: Any, **kwargs: Any) -> Any:
        if FOLDER in os.fspath(path) and next(calls) == 0:
            raise OSError(errno.ESTALE, "Stale file handle")
        return real(path, *args, **kwargs)

    monkeypatch.setattr(os, name, stale)
    count_up(file)
    assert file.read_bytes() == b"1"
    assert left(file.parent) == ["d"]


def test_a_document_that_is_replaced_on_the_server_while_it_is_read(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read, calls = os.read, iter(range(100))

    def stale(handle: int, size: int) -> bytes:
        if next(calls) < 2:
            raise OSError(errno.ESTALE, "Stale file handle")
        return read(handle, size)

    monkeypatch.setattr(os, "read", stale)
    assert read_file(str(file)) == b"0"
    calls = iter([0] * 100)
    with pytest.raises(StoreError, match="cannot read the file"):
        read_file(str(file))


# --- faults at every call -----------------------------------------------------------------------------------------------


def install(setattr_: Callable[[Any, str, Any], None], at: int, happen: Callable[[bool], None]) -> list[str]:
    """Let something happen before and after the call of that number that changes a file; return the calls."""
    calls: list[str] = []

    def wrap(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if name == "open" and not args[1] & os.O_CREAT:
                return real(*args, **kwargs)
            calls.append(name)
            mine = len(calls) == at
            if mine:
                if name == "write":  # half of it is written
                    real(args[0], args[1][: len(args[1]) // 2])
                happen(False)
            try:
                return None if name == "fsync" else real(*args, **kwargs)
            finally:
                if mine:
                    happen(True)

        return call

    for name in CALLS:
        setattr_(os, name, wrap(name, getattr(os, name)))
    return calls


def three(folder: Path, sign: bytes) -> list[Change]:
    """Return changes of three documents in two folders: one is replaced, one made, one removed."""
    one, new, gone = (str(folder / name) for name in ("one", "g/new", "g/gone"))
    return [Change(one, b"old", sign), Change(new, None, sign), Change(gone, b"old", None)]


def start(folder: Path) -> None:
    (folder / "g").mkdir(exist_ok=True)
    for name in ("one", "g/gone"):
        (folder / name).write_bytes(b"old")
    (folder / "g" / "new").unlink(missing_ok=True)


def now(changes: Sequence[Change]) -> list[bytes | None]:
    return [Path(change.file).read_bytes() if os.path.exists(change.file) else None for change in changes]


def finish(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write once more, waiting for nobody, and see that nothing is left."""
    changes = [Change(c.file, raw, b"after") for c, raw in zip(three(folder, b""), now(three(folder, b"")), strict=True)]
    with monkeypatch.context() as patch:
        patch.setattr(claims, "SECONDS", 10_000.0)
        patch.setattr(write_module, "LOCK_SECONDS", 1.0)
        assert write(changes)
    assert left(folder) == ["g/gone", "g/new", "one"]


@pytest.mark.parametrize("ended", [False, True], ids=["before", "after"])
def test_killed_at_every_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ended: bool) -> None:
    command = [sys.executable, __file__, str(tmp_path), "after" if ended else "before"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    changes = three(tmp_path, b"new")
    states = set()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as nursery:
        assert nursery.stdin is not None
        assert nursery.stdout is not None
        for at in range(1, 1000):
            start(tmp_path)
            nursery.stdin.write(f"{at}\n")
            nursery.stdin.flush()
            code = os.waitstatus_to_exitcode(int(nursery.stdout.readline()))
            found = now(changes)
            states.add(str(found))
            assert all(raw in (change.old, change.new) for raw, change in zip(found, changes, strict=True)), at
            if code == 0:
                assert found == [change.new for change in changes]
                break
            assert code == -signal.SIGKILL
            finish(tmp_path, monkeypatch)
        nursery.stdin.close()
    assert at > 30
    assert len(states) == 4  # none, one, two, all


@pytest.mark.parametrize("ended", [False, True], ids=["before", "after"])
def test_an_error_at_every_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ended: bool) -> None:
    changes = three(tmp_path, b"new")
    outcomes: Counter[str] = Counter()

    def fail(after: bool) -> None:
        if after == ended:
            raise OSError(errno.EIO, "Input/output error")

    for at in range(1, 1000):
        start(tmp_path)
        with monkeypatch.context() as patch:
            calls = install(patch.setattr, at, fail)
            try:
                assert write(changes)
                outcomes["written"] += 1
            except StoreError:
                outcomes["raised"] += 1
        found = now(changes)
        assert all(raw in (change.old, change.new) for raw, change in zip(found, changes, strict=True)), at
        if not ended:
            assert found in ([c.old for c in changes], [c.new for c in changes]), (at, calls[at - 1])
        if len(calls) < at:
            assert found == [change.new for change in changes]
            break
        finish(tmp_path, monkeypatch)
    assert at > 30
    assert outcomes["raised"] > 8
    assert outcomes["written"] > 8


def _nursery(folder: Path, ended: bool) -> None:
    """Fork a writer for each number that comes, which is killed at that call."""
    fcntl.flock = refuse

    def kill(after: bool) -> None:
        if after == ended:
            os.kill(os.getpid(), signal.SIGKILL)

    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 5
            try:
                install(setattr, int(line), kill)
                code = 0 if write(three(folder, b"new")) else 4
            finally:
                os._exit(code)
        print(os.waitpid(child, 0)[1], flush=True)


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("ignore")
    _nursery(Path(sys.argv[1]), sys.argv[2] == "after")
