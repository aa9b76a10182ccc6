"""A plan as one JSON file that people can review: a header, then one unit a line. Written and read as a stream.

Every document stands there before and after, as text where it is UTF-8, with its digest; the last line counts the units and
holds a digest of them all. So a file that was cut off or edited by hand is not taken for a plan.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, BinaryIO

from zmeta.errors import DocumentError, MigrationError
from zmeta.finding import CODES, Finding, Severity
from zmeta.jsondoc import LIMITS, Limits, parse_json
from zmeta.migration.record import check_file, count, digest_of, kind_of, needs_of, text
from zmeta.migration.unit import Unit
from zmeta.nodes.node import absolute
from zmeta.nodes.write import Change
from zmeta.stores.local import failed
from zmeta.stores.paths import is_url
from zmeta.stores.sync import sync_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

#: A line with more is no unit.
MOST_LINE = 1 << 29
_HINT = "make the plan anew with `zmeta migrate --out`"


@dataclass(frozen=True)
class PlanFile:
    """A plan in a file.

    Attributes
    ----------
    file : str
    header : dict
        What the planner wrote: `paths`, options, versions.
    """

    file: str
    header: Mapping[str, Any]

    def units(self) -> Iterator[Unit]:
        """Read unit by unit. Raises `MigrationError` at what is not as it was written, at the latest at the end."""
        with _open(self.file) as handle:
            _read_header(handle, self.file)
            seen, total = sha256(), 0
            while (line := _read_line(handle, self.file)) != b"":
                if line.startswith(b"]"):
                    _check_end(handle, line, self.file, seen.hexdigest(), total)
                    return
                total += 1
                raw = line.rstrip(b"\r\n").removesuffix(b",")
                seen.update(raw)
                yield _unit(raw, f"{self.file}:{total + 1}", self.paths)
        raise _broken(self.file, "the file ends too early")

    @property
    def paths(self) -> tuple[str, ...]:
        """What the plan was made for."""
        paths = self.header.get("paths")
        return tuple(map(str, paths)) if isinstance(paths, list) else ()


def write_plan(file: str | os.PathLike[str], header: Mapping[str, Any], units: Iterable[Unit]) -> int:
    """Write a plan and return how many units it has. The file is there whole or not at all. Raises `StoreError`."""
    name = os.path.abspath(file)
    beside = f"{name}.tmp"
    try:
        with open(beside, "wb") as handle:
            total = _write(handle, header, units)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(beside, name)
    except OSError as error:
        raise failed("write", name, error) from None
    finally:
        if os.path.lexists(beside):
            os.unlink(beside)
    sync_folder(os.path.dirname(name))
    return total


def _write(handle: BinaryIO, header: Mapping[str, Any], units: Iterable[Unit]) -> int:
    pieces = 0
    for piece in iter_plan(header, units):
        handle.write(piece)
        pieces += 1
    return pieces - 2  # the head and the end are none


def iter_plan(header: Mapping[str, Any], units: Iterable[Unit]) -> Iterator[bytes]:
    """Yield the pieces of a plan as a file: the head, one piece per unit, and the end."""
    yield f'{{"zmeta_plan": 1, "header": {json.dumps(header)}, "units": ['.encode()
    seen, total = sha256(), 0
    for unit in units:
        raw = json.dumps(_as_json(unit)).encode()
        seen.update(raw)
        yield (b",\n" if total else b"\n") + raw
        total += 1
    yield f'\n], "count": {total}, "sha256": "{seen.hexdigest()}"}}\n'.encode()


def _as_json(unit: Unit) -> dict[str, object]:
    changes = [{"file": absolute(c.file), "before": _document(c.old), "after": _document(c.new)} for c in unit.changes]
    value: dict[str, object] = {
        "path": absolute(unit.path),
        "steps": unit.steps,
        "kind": unit.kind,
        "changes": changes,
        **({"needs": unit.needs} if unit.needs else {}),
        **({"last": True} if unit.last else {}),
    }
    return {**value, "findings": [finding.as_dict() for finding in unit.findings]} if unit.findings else value


def _document(raw: bytes | None) -> dict[str, object] | None:
    if raw is None:
        return None
    try:
        return {"sha256": digest_of(raw), "text": raw.decode()}
    except UnicodeDecodeError:
        return {"sha256": digest_of(raw), "base64": base64.b64encode(raw).decode()}


# --- reading ------------------------------------------------------------------------------------------------------------


def read_plan(file: str | os.PathLike[str]) -> PlanFile:
    """Open a plan that was written to a file. Raises `MigrationError` where it is none, `StoreError` where the file fails.

    The units are read, and judged, as they are asked for: `Run.create(plan.units(), plan.header)` takes all or none.
    """
    name = os.path.abspath(file)
    with _open(name) as handle:
        return PlanFile(name, _read_header(handle, name))


def _open(file: str) -> BinaryIO:
    try:
        return open(file, "rb")
    except OSError as error:
        raise failed("read", file, error) from None


def _broken(where: str, found: str) -> MigrationError:
    return MigrationError("the plan is damaged, or was changed by hand", where=where, found=found, hint=_HINT)


def _read_line(handle: BinaryIO, file: str) -> bytes:
    line = handle.readline(MOST_LINE)
    if len(line) == MOST_LINE:
        raise _broken(file, "a line without an end")
    return line


def _load(raw: bytes, where: str) -> dict[str, Any]:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise _broken(where, f"not JSON ({error})") from None
    if not isinstance(value, dict):
        raise _broken(where, "not a JSON object")
    return value


def _read_header(handle: BinaryIO, file: str) -> dict[str, Any]:
    line = _read_line(handle, file).rstrip(b"\r\n")
    if not line.startswith(b'{"zmeta_plan": ') or not line.endswith(b'"units": ['):
        raise MigrationError(
            "the file is no plan, or was formatted anew", where=file, expected='{"zmeta_plan": 1, …', hint=_HINT
        )
    value = _load(line + b"]}", file)
    if value["zmeta_plan"] != 1 or not isinstance(value.get("header"), dict):
        raise MigrationError(
            "the plan is of a version that is not known", where=file, found=str(value["zmeta_plan"]), hint=_HINT
        )
    header: dict[str, Any] = value["header"]
    return header


def _check_end(handle: BinaryIO, line: bytes, file: str, digest: str, total: int) -> None:
    end = _load(b'{"units": [' + line, file)
    if end.get("count") != total:
        raise _broken(file, f"{total} units in the place of {end.get('count')!r:.30}")
    if end.get("sha256") != digest:
        raise _broken(file, "the digest of the units does not fit")
    if handle.read(1):
        raise _broken(file, "something follows the end")


def _unit(raw: bytes, where: str, paths: tuple[str, ...]) -> Unit:
    value = _load(raw, where)
    try:
        changes = tuple(_change(change, where, paths) for change in value["changes"])
        findings = tuple(_finding(finding) for finding in value.get("findings", ()))
        steps = tuple(map(text, value["steps"]))
        path, last = _absolute(text(value["path"]), paths), value.get("last") is True
        needs = needs_of(value.get("needs", ()))
        return Unit(path, steps, kind_of(value["kind"]), changes, findings, needs, last)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, MigrationError):
            raise
        raise _broken(where, f"the unit is not understood ({type(error).__name__}: {error})") from None


def _change(value: dict[str, Any], where: str, paths: tuple[str, ...]) -> Change:
    file = _absolute(text(value["file"]), paths)
    check_file(file, where)
    old, new = (_bytes(value[key], f"{where} {file} {key}") for key in ("before", "after"))
    if new is not None:
        try:
            parse_json(new, file, Limits(max(LIMITS.max_bytes, len(new))))
        except DocumentError as error:
            raise _broken(where, f"{file}: {error.what}") from None
    return Change(file, old, new)


def _absolute(path: str, paths: tuple[str, ...]) -> str:
    """Return a path; a relative one is below the only path that the plan was made for."""
    if is_url(path) or os.path.isabs(path) or len(paths) != 1 or not os.path.isabs(paths[0]):
        return path
    joined = os.path.normpath(os.path.join(paths[0], path))
    return joined if joined.startswith(os.path.join(paths[0], "")) or joined == paths[0] else path


def _bytes(value: dict[str, Any] | None, where: str) -> bytes | None:
    if value is None:
        return None
    try:
        raw = base64.b64decode(value["base64"], validate=True) if "base64" in value else text(value["text"]).encode()
    except (binascii.Error, UnicodeEncodeError) as error:
        raise _broken(where, str(error)) from None
    if digest_of(raw) != value["sha256"]:
        raise _broken(where, "the bytes do not fit their digest")
    return raw


def _finding(value: dict[str, Any]) -> Finding:
    code, severity = text(value["code"]), Severity[text(value["severity"]).upper()]
    return Finding(
        code,
        text(value.get("message", "")),
        text(value.get("file", "")),
        text(value.get("pointer", "")),
        text(value.get("expected", "")),
        text(value.get("found", "")),
        text(value.get("hint", "")),
        count(value.get("line", 0)),
        count(value.get("column", 0)),
        None if CODES[code][0] == severity else severity,
    )
