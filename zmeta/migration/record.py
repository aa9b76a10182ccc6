"""What the files of a run hold: batches of documents before and after, and sealed JSON. Read strictly.

A batch has two compressed sections, so that a search reads no documents: the index (units, files, digests, sizes), and the
bytes of all documents one after the other. What is to be found in both stands in `plan.json`: sizes and checksums.
"""

from __future__ import annotations

import json
import os
import zlib
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from zmeta.errors import MigrationError
from zmeta.migration.unit import Need, Unit
from zmeta.nodes.batch import DOCUMENTS
from zmeta.nodes.node import absolute
from zmeta.nodes.write import Change
from zmeta.steps.step import Kind
from zmeta.stores.paths import is_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from zmeta.migration.home import Home

#: More than this is no batch: the largest unit, and what a damaged or hostile file may unfold to.
MOST_BYTES = 1 << 31
_MAGIC = b"zmeta-batch-1\n"
_LEVEL = 1


class Section(NamedTuple):
    """A part of a batch file: its bytes in the file, when unfolded, and the checksum of those in the file."""

    size: int
    unfolded: int
    digest: str


class BatchInfo(NamedTuple):
    """What `plan.json` says of a batch; all documents stand below the folder `below`, where there is one such."""

    units: int
    documents: int
    below: str
    contents: Section
    body: Section


class Entry(NamedTuple):
    """One document in an index: digests (None: no document) and sizes before and after, and the mode of one that goes."""

    file: str
    before: str | None
    after: str | None
    sizes: tuple[int, int]
    mode: int | None


class IndexUnit(NamedTuple):
    """One unit in an index."""

    path: str
    steps: tuple[str, ...]
    kind: Kind
    entries: tuple[Entry, ...]
    needs: tuple[Need, ...]


def damaged(file: str, found: str) -> MigrationError:
    """Return the error for a file of a run that is not what was written."""
    hint = "restore the file from a backup; nothing was done with it"
    return MigrationError("the journal of the run is damaged", where=file, found=found, hint=hint)


def digest_of(raw: bytes | None) -> str | None:
    """Return the SHA-256 of a document, None for none."""
    return None if raw is None else sha256(raw).hexdigest()


def check_file(file: str, where: str) -> None:
    """Refuse a path that is not absolute and plain, or does not name a metadata document. Raises `MigrationError`."""
    name = os.path.basename(file)
    plain = absolute(file) == file if is_url(file) else os.path.isabs(file) and os.path.normpath(file) == file
    plain = plain and "\0" not in file
    if not plain or name not in DOCUMENTS:
        expected = "the absolute path of a document: " + ", ".join(sorted(DOCUMENTS))
        raise MigrationError(
            "the plan would write a file that is no metadata document", where=where, expected=expected, found=file
        )


# --- sealed JSON ----------------------------------------------------------------------------------------------------------


def seal(value: Mapping[str, object]) -> bytes:
    """Return an object as JSON with its own checksum."""
    plain = json.loads(json.dumps(value))
    return json.dumps({**plain, "sha256": sha256(_plain(plain)).hexdigest()}, indent=1).encode()


def unseal(raw: bytes, file: str, kind: str) -> dict[str, Any]:
    """Read sealed JSON. Raises `MigrationError` where it is not whole, or not of this kind."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise damaged(file, f"not JSON ({error})") from None
    if not isinstance(value, dict) or value.pop("sha256", None) != sha256(_plain(value)).hexdigest():
        raise damaged(file, "the checksum does not fit")
    if value.get(kind) != 1:
        raise damaged(file, f"not a {kind} of version 1")
    return value


def _plain(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


# --- batches ------------------------------------------------------------------------------------------------------------


def write_batch_file(home: Home, name: str, units: Sequence[Unit]) -> BatchInfo:
    """Write a batch and return what is to be kept about it. Raises `StoreError`."""
    index, blobs = [], []
    for unit in units:
        rows = []
        for change in unit.changes:
            old, new = change.old or b"", change.new or b""
            blobs += [old, new]
            rows.append([change.file, digest_of(change.old), digest_of(change.new), len(old), len(new), change.mode])
        index.append([unit.path, list(unit.steps), unit.kind, rows, unit.needs])
    sections = [json.dumps(index, separators=(",", ":")).encode(), b"".join(blobs)]
    folded = [zlib.compress(section, _LEVEL) for section in sections]
    home.publish(name, _MAGIC, *folded)
    infos = [Section(len(f), len(s), sha256(f).hexdigest()) for f, s in zip(folded, sections, strict=True)]
    files = [change.file for unit in units for change in unit.changes]
    return BatchInfo(len(units), len(files), _common(files), *infos)


def _common(files: Sequence[str]) -> str:
    if any(is_url(file) for file in files):
        return ""
    try:
        return os.path.commonpath([os.path.dirname(file) for file in files])
    except ValueError:  # drives of Windows
        return ""


def read_index(home: Home, name: str, info: BatchInfo) -> list[IndexUnit]:
    """Read the index of a batch alone. Raises `MigrationError` where it is damaged."""
    file, raw = home.file(name), _read(home, name, info, info.contents.size)
    return _parse_index(_unfold(file, info.contents, raw), file, info)


def verify_batch(home: Home, name: str, info: BatchInfo) -> None:
    """Compare the checksums of a batch. Raises `MigrationError`."""
    for section, raw in _sections(home, name, info):
        _check(home.file(name), section, raw)


def read_batch_file(home: Home, name: str, info: BatchInfo) -> list[Unit]:
    """Read a whole batch; every document is compared with its digest. Raises `MigrationError`."""
    file = home.file(name)
    (_, index), (_, body) = _sections(home, name, info)
    units = _parse_index(_unfold(file, info.contents, index), file, info)
    blobs = memoryview(_unfold(file, info.body, body))
    place, found = 0, []
    for unit in units:
        changes = []
        for entry in unit.entries:
            middle, end = place + entry.sizes[0], place + sum(entry.sizes)
            old, new = bytes(blobs[place:middle]), bytes(blobs[middle:end])
            place = end
            if not (_fits(old, entry.before, entry.sizes[0]) and _fits(new, entry.after, entry.sizes[1])):
                raise damaged(file, f"the bytes of {entry.file} do not fit their digest")
            before, after = None if entry.before is None else old, None if entry.after is None else new
            changes.append(Change(entry.file, before, after, entry.mode))
        found.append(Unit(unit.path, unit.steps, unit.kind, tuple(changes), needs=unit.needs))
    if place != len(blobs):
        raise damaged(file, "more bytes than the index speaks of")
    return found


def _fits(raw: bytes, digest: str | None, size: int) -> bool:
    return len(raw) == size and (size == 0 if digest is None else sha256(raw).hexdigest() == digest)


def _read(home: Home, name: str, info: BatchInfo, size: int = -1) -> bytes:
    """Return the first bytes of the sections, or all of them."""
    file, whole = home.file(name), len(_MAGIC) + info.contents.size + info.body.size
    found = home.read(name, size + len(_MAGIC) if size >= 0 else whole)
    if found is None:
        raise damaged(file, "the file is missing")
    length, raw = found
    if length != whole:
        raise damaged(file, f"{length} bytes in the place of {whole}")
    if not raw.startswith(_MAGIC):
        raise damaged(file, "not a batch of version 1")
    return raw[len(_MAGIC) :]


def _sections(home: Home, name: str, info: BatchInfo) -> Iterator[tuple[Section, bytes]]:
    raw = _read(home, name, info)
    yield info.contents, raw[: info.contents.size]
    yield info.body, raw[info.contents.size :]


def _check(file: str, section: Section, raw: bytes) -> None:
    if sha256(raw).hexdigest() != section.digest:
        raise damaged(file, "the checksum does not fit")


def _unfold(file: str, section: Section, raw: bytes) -> bytes:
    _check(file, section, raw)
    reader = zlib.decompressobj()
    try:
        data = reader.decompress(raw, min(section.unfolded, MOST_BYTES) + 1)
    except zlib.error as error:
        raise damaged(file, str(error)) from None
    if len(data) != section.unfolded or not reader.eof or reader.unused_data:
        raise damaged(file, "the sizes do not fit")
    return data


def _parse_index(raw: bytes, file: str, info: BatchInfo) -> list[IndexUnit]:
    try:
        units = [
            IndexUnit(
                text(path), tuple(map(text, steps)), kind_of(kind), tuple(_entry(*row) for row in rows), needs_of(needs)
            )
            for path, steps, kind, rows, needs in json.loads(raw)
        ]
    except (ValueError, TypeError, RecursionError) as error:
        raise damaged(file, f"the index is not understood ({error})") from None
    if len(units) != info.units or sum(len(unit.entries) for unit in units) != info.documents:
        raise damaged(file, "the counts do not fit")
    for unit in units:
        for entry in unit.entries:
            check_file(entry.file, file)
    return units


def _entry(file: object, before: object, after: object, old: object, new: object, mode: object) -> Entry:
    digests = (None if before is None else text(before), None if after is None else text(after))
    return Entry(text(file), *digests, (count(old), count(new)), None if mode is None else count(mode) & 0o7777)


def needs_of(rows: Iterable[Iterable[object]]) -> tuple[Need, ...]:
    """Return what a unit needs. Raises `TypeError` or `ValueError`."""
    return tuple(Need(text(file), text(digest)) for file, digest in rows)


def require(holds: object, found: str) -> None:
    """Raise `ValueError` where something does not hold."""
    if not holds:
        raise ValueError(found)


def text(value: object) -> str:
    """Return what must be a string. Raises `TypeError`."""
    if not isinstance(value, str):
        raise TypeError(f"a string expected, {type(value).__name__} found")
    return value


def count(value: object) -> int:
    """Return what must be a whole number, not negative. Raises `TypeError`."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError(f"a count expected, {value!r:.50} found")
    return value


def kind_of(value: object) -> Kind:
    """Return what must be a kind of change. Raises `TypeError`."""
    for kind in get_args(Kind):
        if value == kind:
            return kind  # type: ignore[no-any-return]
    raise TypeError(f"a kind expected, {value!r:.50} found")
