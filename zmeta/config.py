"""Settings from `zmeta.toml` or `[tool.zmeta]` in `pyproject.toml`, looked for in the working directory and above it.

A file beside the data is not read: data does not decide how it is understood. A change is seen within a second.
"""

from __future__ import annotations

import os
import time
import tomllib
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from glob import glob
from typing import TYPE_CHECKING, cast

from zmeta.canonical.world import World, parse_world
from zmeta.conventions.base import Anchor, Reading
from zmeta.conventions.registry import VERSIONS
from zmeta.errors import ConfigError
from zmeta.stores.local import fits, read_file

if TYPE_CHECKING:
    from zmeta.profile import Profile


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
    overrides : tuple of (globs, settings)
        Settings for some arrays only.
    """

    file: str = ""
    world_unit: tuple[str, ...] = ()
    ome_anchor: Anchor = "corner"
    convention: str = "zmeta"
    mirror: tuple[str, ...] = ()
    profiles: tuple[Profile, ...] = ()
    overrides: tuple[tuple[tuple[str, ...], dict[str, object]], ...] = ()

    @property
    def world(self) -> World:
        """The units of ROIs."""
        return parse_world(self.world_unit) if self.world_unit else _WORLD

    def reading(self, anchor: Anchor | None = None, world: World | None = None) -> Reading:
        """Return how open questions are read: as an argument says, else as the settings do."""
        if anchor not in (None, "corner", "centre"):
            raise ConfigError("`ome_anchor` is wrong", expected="corner or centre", found=repr(anchor))
        world = world or self.world
        if anchor is not None:
            return _reading(anchor, "the argument `ome_anchor`", world)
        return _reading(
            self.ome_anchor, f"`ome_anchor` in {self.file}" if self.ome_anchor != "corner" else "the default", world
        )

    def for_path(self, path: str) -> Config:
        """Return the settings for one array: overrides whose globs match its path are applied in order."""
        settings: Config = self
        for globs, changes in self.overrides:
            if fits(path, globs, self.file):
                settings = replace(settings, **changes)  # type: ignore[arg-type]
        return settings


_WORLD = World()
_reading = lru_cache(maxsize=64)(Reading)


def load_config(start: str | None = None) -> Config:
    """Return the settings for a working directory (the current one); defaults where no file is found.

    Raises `ConfigError` for a file that is not TOML, or that sets what does not exist.
    """
    return _load(os.getcwd() if start is None else os.path.abspath(start), int(time.monotonic()))


@lru_cache(maxsize=32)
def _load(folder: str, second: int) -> Config:
    """Look for the file at most once a second; `second` is there for the cache."""
    del second
    while True:
        for name, keys in (("zmeta.toml", ()), ("pyproject.toml", ("tool", "zmeta"))):
            file = os.path.join(folder, name)
            raw = read_file(file)
            table = None if raw is None else _table(raw, file, keys)
            if table is not None:
                return parse_config(table, file)
        parent = os.path.dirname(folder)
        if parent == folder:
            return Config()
        folder = parent


def _table(raw: bytes, file: str, keys: tuple[str, ...]) -> dict[str, object] | None:
    try:
        table: object = tomllib.loads(raw.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError("the file is not TOML", where=file, found=str(error)) from None
    for key in keys:
        table = table.get(key) if isinstance(table, dict) else None
    return table if isinstance(table, dict) else None


def parse_config(table: dict[str, object], file: str) -> Config:
    """Return the settings of a table; raises `ConfigError` for a key or a value that does not exist."""
    settings = _settings({key: value for key, value in table.items() if key not in ("profile", "override", "schemas")}, file)
    overrides = []
    for entry in _tables(table, "override", file):
        globs = _strings(entry.get("match"), "override.match", file)
        overrides.append((globs, _settings({key: value for key, value in entry.items() if key != "match"}, file)))
    return replace(Config(file=file, **settings), overrides=tuple(overrides), profiles=_profiles(table, file))  # type: ignore[arg-type]


def _settings(table: dict[str, object], file: str) -> dict[str, object]:
    names = {row.convention for row in VERSIONS if row.encode is not None}
    allowed = [field.name for field in fields(Config) if field.name not in ("file", "profiles", "overrides")]
    result: dict[str, object] = {}
    for key, value in table.items():
        if key not in allowed:
            expected = ", ".join([*allowed, "profile", "override", "schemas"])
            raise ConfigError(f"there is no setting `{key}`", where=file, expected=expected)
        if key in ("world_unit", "mirror"):
            result[key] = _strings([value] if isinstance(value, str) else value, key, file)
            if key == "world_unit":
                _check_units(result[key], file)
        else:
            result[key] = value
    if result.get("ome_anchor", "corner") not in ("corner", "centre"):
        raise ConfigError("`ome_anchor` is wrong", where=file, expected="corner or centre", found=repr(result["ome_anchor"]))
    for name in (result.get("convention", "zmeta"), *cast("tuple[str, ...]", result.get("mirror", ()))):
        if name not in names:
            raise ConfigError(
                "there is no such convention to write", where=file, expected=", ".join(sorted(names)), found=repr(name)
            )
    return result


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


def _profiles(table: dict[str, object], file: str) -> tuple[Profile, ...]:
    entries = _tables(table, "profile", file)
    if not entries and "schemas" not in table:
        return ()
    from zmeta.profile import Profile, load_schema_file

    root = os.path.dirname(file)
    patterns = _strings(table.get("schemas", []), "schemas", file)
    extra = tuple(load_schema_file(path) for pattern in patterns for path in sorted(glob(os.path.join(root, pattern))))
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
