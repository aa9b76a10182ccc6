"""Settings from `zmeta.toml` or `[tool.zmeta]` in `pyproject.toml`, looked for in the working directory and above it.

A file beside the data is not read: data does not decide how it is understood. A change is seen within a second.
"""

from __future__ import annotations

import os
import time
import tomllib
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from glob import glob
from typing import TYPE_CHECKING, cast

from zmeta.canonical.world import World, parse_world
from zmeta.conventions.base import Anchor, Reading
from zmeta.conventions.registry import VERSIONS
from zmeta.errors import ConfigError
from zmeta.finding import CODES, Finding, Severity
from zmeta.jsondoc import LIMITS, MAX_BYTES, MAX_DEPTH, Limits
from zmeta.nodes.claims import LOCKS, locking
from zmeta.stores.local import fits, read_file
from zmeta.stores.remote import using

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.conventions.base import ConventionVersion
    from zmeta.jsondoc import JSONObject
    from zmeta.profile import Profile


#: Deeper nesting than this would end in the parser.
_DEEPEST = 400
SEVERITIES = ("error", "warning", "note")


@dataclass(frozen=True)
class Relation:
    """Two globs of arrays, relative to their container, and what must hold between them.

    `inside`: the ROI of each array that fits `arrays` lies inside that of each one that fits `of`. `divides`: the voxel
    size of one is a whole multiple of the other's, axis by axis.
    """

    rule: str
    arrays: tuple[str, ...]
    of: tuple[str, ...]


RELATIONS = ("inside", "divides")


@dataclass(frozen=True)
class Config:
    """Settings, all with a default.

    Attributes
    ----------
    file : str
        Where they stand; empty for the defaults.
    world_unit : tuple of str
        Units of ROIs and voxel sizes as integers: of space, of time, or of both.
    ome_anchor : "corner" or "centre"
        What an OME-NGFF translation means.
    convention : str
        What arrays that state nothing yet are written in.
    mirror : tuple of str
        Conventions that are written beside it for older readers, such as `daisy`.
    profiles : tuple of Profile
        Schemas of custom attributes, with the globs that bind them.
    select, ignore : tuple of str
        Codes, or beginnings of codes, that `check` reports, and that it does not; the longer beginning wins.
    fail_on : "error", "warning", "note" or "never"
        The least severity that makes `check` fail.
    severity : dict of str to str
        Severity by code, or beginning of a code: error, warning, note or off.
    max_bytes, max_depth : int
        Size and nesting of a document beyond which it is refused.
    relations : tuple of Relation
        What `check` compares between arrays of a container.
    steps : tuple of str
        Files of migration steps (.toml, .json, .py), as globs beside the settings file. They are read by migrations alone.
    conventions : tuple of str
        Conventions beside those of zmeta: paths of Python files, or names of installed entry points.
    overrides : tuple of (globs, settings)
        Settings for some arrays only.
    store_options : dict of str to str
        Options of object stores, such as `region`, `endpoint`, `profile` or `anonymous`.
    concurrency : int
        Requests to an object store that a walk makes at the same time.
    locks : "auto", "claims" or "system"
        How writers of files wait for each other: "auto" by locks of the system, and where those fail or end at this machine
        by claims as well; "claims" by both everywhere; "system" by locks alone.
    """

    file: str = ""
    world_unit: tuple[str, ...] = ()
    ome_anchor: Anchor = "corner"
    convention: str = "zmeta"
    mirror: tuple[str, ...] = ()
    profiles: tuple[Profile, ...] = ()
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    fail_on: str = "error"
    severity: dict[str, str] = field(default_factory=dict)
    max_bytes: int = MAX_BYTES
    max_depth: int = MAX_DEPTH
    relations: tuple[Relation, ...] = ()
    steps: tuple[str, ...] = ()
    conventions: tuple[str, ...] = ()
    overrides: tuple[tuple[tuple[str, ...], dict[str, object]], ...] = ()
    store_options: dict[str, str] = field(default_factory=dict)
    concurrency: int = 256
    locks: str = "auto"

    @contextmanager
    def storage(self) -> Iterator[None]:
        """Let the settings of stores hold: their options, and how documents are locked."""
        with using(self.store_options), locking(self.locks):
            yield

    @property
    def world(self) -> World:
        """The units of ROIs."""
        return parse_world(self.world_unit) if self.world_unit else _WORLD

    @property
    def limits(self) -> Limits:
        """How large and how deep a document may be."""
        limits = Limits(self.max_bytes, self.max_depth)
        return LIMITS if limits == LIMITS else limits

    def reading(self, anchor: Anchor | None = None, world: World | None = None) -> Reading:
        """Return how open questions are read: as an argument says, else as the settings do."""
        if anchor not in (None, "corner", "centre"):
            raise ConfigError("`ome_anchor` is wrong", expected="corner or centre", found=repr(anchor))
        world, extra = world or self.world, self._extra
        if anchor is not None:
            return _reading(anchor, "the argument `ome_anchor`", world, extra)
        evidence = f"`ome_anchor` in {self.file}" if self.ome_anchor != "corner" else "the default"
        return _reading(self.ome_anchor, evidence, world, extra)

    @property
    def _extra(self) -> tuple[ConventionVersion, ...]:
        """The conventions of the user; their code is run when the first array is read."""
        if not self.conventions:
            return ()
        from zmeta.conventions.extra import load_versions

        return load_versions(self.conventions, self.file)

    def for_path(self, path: str) -> Config:
        """Return the settings for one array: overrides whose globs match its path are applied in order."""
        settings: Config = self
        for globs, changes in self.overrides:
            if fits(path, globs, self.file):
                added = changes.get("severity")
                severity = {**settings.severity, **added} if isinstance(added, dict) else settings.severity
                settings = replace(settings, **{**changes, "severity": severity})  # type: ignore[arg-type]
        return settings

    def bound(self, path: str, attributes: JSONObject) -> list[Profile]:
        """Return the profiles of the settings that bind an array with such attributes."""
        return [profile for profile in self.profiles if profile.binds(path, attributes, self.file)]

    def judged(self, finding: Finding) -> Finding | None:
        """Return a finding with the severity that the settings give it; None where they do not ask for it."""
        if not (self.select or self.ignore or self.severity):
            return finding
        code = finding.code
        chosen = max((len(start) for start in self.select if code.startswith(start)), default=-1 if self.select else 0)
        ignored = max((len(start) for start in self.ignore if code.startswith(start)), default=-1)
        if chosen < 0 or ignored >= max(chosen, 1):
            return None
        fitting = [start for start in self.severity if code.startswith(start)]
        word = self.severity[max(fitting, key=len)] if fitting else ""
        if word == "off":
            return None
        return finding._replace(level=Severity[word.upper()]) if word else finding

    def wants(self, code: str) -> bool:
        """Whether findings of a code are asked for."""
        return self.judged(Finding(code, "")) is not None


_WORLD = World()
_reading = lru_cache(maxsize=64)(Reading)


def load_config(start: str | None = None) -> Config:
    """Return the settings for a working directory (the current one); defaults where no file is found.

    Raises `ConfigError` for a file that is not TOML, or that sets what does not exist.
    """
    return _load(_folder(start), int(time.monotonic()))


def load_schemas(start: str | None = None) -> tuple[JSONObject, ...]:
    """Return the files that `schemas` of the settings name, whatever else stands there; raises as `load_config` does."""
    found = _find(_folder(start))
    return () if found is None else _schemas(*found)


def _folder(start: str | None) -> str:
    try:
        return os.getcwd() if start is None else os.path.abspath(start)
    except FileNotFoundError:
        hint = "change to a folder that does"
        raise ConfigError("the working directory does not exist any more", hint=hint) from None


@lru_cache(maxsize=32)
def _load(folder: str, second: int) -> Config:
    """Look for the file at most once a second; `second` is there for the cache."""
    del second
    found = _find(folder)
    return Config() if found is None else parse_config(*found)


def _find(folder: str) -> tuple[dict[str, object], str] | None:
    """Return the table of the nearest settings from a folder upwards, and their file."""
    while True:
        for name, keys in (("zmeta.toml", ()), ("pyproject.toml", ("tool", "zmeta"))):
            file = os.path.join(folder, name)
            raw = read_file(file)
            table = None if raw is None else _table(raw, file, keys)
            if table is not None:
                return table, file
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent


def _table(raw: bytes, file: str, keys: tuple[str, ...]) -> dict[str, object] | None:
    try:
        table: object = tomllib.loads(raw.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError("the file is not TOML", where=file, found=str(error)) from None
    for key in keys:
        table = table.get(key) if isinstance(table, dict) else None
    if table is not None and not isinstance(table, dict):
        raise ConfigError(f"`{'.'.join(keys)}` is wrong", where=file, expected="a table", found=repr(table)[:80])
    return table


def parse_config(table: dict[str, object], file: str) -> Config:
    """Return the settings of a table; raises `ConfigError` for a key or a value that does not exist."""
    tables = ("profile", "override", "schemas", "relation")
    settings = _settings({key: value for key, value in table.items() if key not in tables}, file)
    settings["relations"] = tuple(_relation(entry, file) for entry in _tables(table, "relation", file))
    overrides = []
    for entry in _tables(table, "override", file):
        globs = _strings(entry.get("match"), "override.match", file)
        for key in ("fail_on", "max_bytes", "max_depth", "store_options", "concurrency", "locks", "steps", "conventions"):
            if key in entry:
                hint = "set it for the whole run, outside [[override]]"
                raise ConfigError(f"`{key}` cannot be set for some arrays only", where=file, hint=hint)
        overrides.append((globs, _settings({key: value for key, value in entry.items() if key != "match"}, file)))
    return replace(Config(file=file, **settings), overrides=tuple(overrides), profiles=_profiles(table, file))  # type: ignore[arg-type]


def _settings(table: dict[str, object], file: str) -> dict[str, object]:
    names = {row.convention for row in VERSIONS if row.encode is not None}
    allowed = [entry.name for entry in fields(Config) if entry.name not in ("file", "profiles", "overrides", "relations")]
    result: dict[str, object] = {}
    for key, value in table.items():
        if key not in allowed:
            expected = ", ".join([*allowed, "profile", "override", "schemas", "relation"])
            raise ConfigError(f"there is no setting `{key}`", where=file, expected=expected)
        if key in ("world_unit", "mirror", "select", "ignore", "steps", "conventions"):
            result[key] = _strings([value] if isinstance(value, str) else value, key, file)
            if key == "world_unit":
                _check_units(result[key], file)
        elif key in ("max_bytes", "max_depth", "concurrency"):
            result[key] = _whole(value, key, file)
        elif key == "store_options":
            result[key] = _options(value, file)
        elif key == "locks":
            _one_of(value, LOCKS, key, file)
            result[key] = value
        elif key == "severity":
            result[key] = _severities(value, file)
        else:
            result[key] = value
    check_severity(cast("str", result.get("fail_on", "error")), file)
    if result.get("ome_anchor", "corner") not in ("corner", "centre"):
        raise ConfigError("`ome_anchor` is wrong", where=file, expected="corner or centre", found=repr(result["ome_anchor"]))
    for name in (result.get("convention", "zmeta"), *cast("tuple[str, ...]", result.get("mirror", ()))):
        if not isinstance(name, str) or name not in names:
            raise ConfigError(
                "there is no such convention to write", where=file, expected=", ".join(sorted(names)), found=repr(name)
            )
    for code in (*cast("tuple[str, ...]", result.get("select", ())), *cast("tuple[str, ...]", result.get("ignore", ()))):
        check_code(code, file)
    return result


def _one_of(value: object, words: tuple[str, ...], key: str, file: str) -> None:
    if value not in words:
        raise ConfigError(f"`{key}` is wrong", where=file, expected=", ".join(words), found=repr(value)[:80])


def _whole(value: object, key: str, file: str) -> int:
    most = {"max_depth": _DEEPEST, "concurrency": 1024}.get(key, 2**31)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= most:
        raise ConfigError(
            f"`{key}` is wrong", where=file, expected=f"a whole number from 1 to {most}", found=repr(value)[:80]
        )
    return value


def _options(value: object, file: str) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(item, str | int | bool) for item in value.values()):
        expected = 'a table such as {region = "eu-west-1"}'
        raise ConfigError("`store_options` is wrong", where=file, expected=expected, found=repr(value)[:80])
    return {str(key): str(item).lower() if isinstance(item, bool) else str(item) for key, item in value.items()}


def _severities(value: object, file: str) -> dict[str, str]:
    if not isinstance(value, dict):
        expected = 'a table such as {ZM315 = "warning"}'
        raise ConfigError("`severity` is wrong", where=file, expected=expected, found=repr(value)[:80])
    for code, severity in value.items():
        check_code(code, file)
        _one_of(severity, (*SEVERITIES, "off"), f"severity.{code}", file)
    return {str(code): str(severity) for code, severity in value.items()}


def check_severity(word: str, where: str = "") -> str:
    """Return a severity that may fail a run; raises `ConfigError` for another word."""
    _one_of(word, (*SEVERITIES, "never"), "fail_on", where)
    return word


def check_code(code: str, where: str = "") -> str:
    """Return a code or the beginning of one; raises `ConfigError` where none begins so."""
    if not code or not any(known.startswith(code) for known in CODES):
        hint = "see `zmeta explain` for all codes"
        raise ConfigError(
            "there is no such code", where=where, expected="ZM, ZM2, ZM203, …", found=repr(code)[:80], hint=hint
        )
    return code


def _relation(entry: dict[str, object], file: str) -> Relation:
    if entry.keys() != {"rule", "arrays", "of"}:
        expected = "rule, arrays and of"
        raise ConfigError("[[relation]] is wrong", where=file, expected=expected, found=", ".join(map(str, entry)))
    _one_of(entry["rule"], RELATIONS, "relation.rule", file)
    globs = [_strings([entry[key]] if isinstance(entry[key], str) else entry[key], f"relation.{key}", file)
             for key in ("arrays", "of")]  # fmt: skip
    return Relation(str(entry["rule"]), *globs)


def _check_units(units: object, file: str) -> None:
    try:
        parse_world(cast("tuple[str, ...]", units))
    except ConfigError as error:
        error.where = file
        raise


def _tables(table: dict[str, object], key: str, file: str) -> list[dict[str, object]]:
    entries = table.get(key, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ConfigError(f"`{key}` is wrong", where=file, expected=f"tables [[{key}]]")
    return entries


def _strings(value: object, key: str, file: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise ConfigError(f"`{key}` is wrong", where=file, expected="a list of strings", found=repr(value)[:80])
    return tuple(value)


def _schemas(table: dict[str, object], file: str) -> tuple[JSONObject, ...]:
    from zmeta.profile import load_schema_file

    patterns = _strings(table.get("schemas", []), "schemas", file)
    beside = os.path.dirname(file)
    return tuple(load_schema_file(path) for pattern in patterns for path in sorted(glob(os.path.join(beside, pattern))))


def _profiles(table: dict[str, object], file: str) -> tuple[Profile, ...]:
    entries = _tables(table, "profile", file)
    if not entries and "schemas" not in table:
        return ()
    from zmeta.profile import Profile

    root = os.path.dirname(file)
    extra = _schemas(table, file)
    profiles = []
    for entry in entries:
        unknown = entry.keys() - {"schema", "match", "name", "version", "uuid"}
        if unknown or not isinstance(entry.get("schema"), str):
            expected = "schema, and any of match, name, version, uuid"
            raise ConfigError("[[profile]] is wrong", where=file, expected=expected, found=", ".join(map(str, entry)))
        options = {key: str(entry[key]) for key in ("name", "version", "uuid") if key in entry}
        match = _strings(entry.get("match", ["*"]), "profile.match", file)
        profiles.append(Profile.from_file(os.path.join(root, str(entry["schema"])), match=match, extra=extra, **options))
    return tuple(profiles)
