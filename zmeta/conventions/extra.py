"""Conventions of users, by the names that `conventions` in the settings lists: Python files, or entry points.

They are named, not found: what happens to be installed does not change how data is read, and who names none pays nothing.
"""

from __future__ import annotations

import os
from functools import lru_cache

from zmeta.conventions.base import ConventionVersion
from zmeta.conventions.registry import BY_ID
from zmeta.errors import ConfigError
from zmeta.plugins import iter_entry_points, take_from_entry_point, take_from_file

#: Entry points of this group are `ConventionVersion`s.
GROUP = "zmeta.conventions"


@lru_cache(maxsize=16)
def load_versions(names: tuple[str, ...], file: str) -> tuple[ConventionVersion, ...]:
    """Return the rows behind names, in their order; a `.py` is a path beside the settings file. Raises `ConfigError`.

    They are loaded once: a change of the code is seen by the next process.
    """
    rows = tuple(row for name in names for row in _load(name, file))
    known = set(BY_ID)
    for row in rows:
        if row.id in known:
            raise ConfigError("there is such a convention already", where=file, found=row.id, hint="give it another name")
        if not row.evidence:
            hint = "name the keys without which it is not there"
            raise ConfigError(
                "the convention has no `evidence`, so it would never be found", where=file, found=row.id, hint=hint
            )
        known.add(row.id)
    return rows


def _load(name: str, file: str) -> tuple[ConventionVersion, ...]:
    if name.endswith(".py"):
        return take_from_file(os.path.join(os.path.dirname(file), name), "VERSIONS", ConventionVersion)
    installed = {entry.name: entry for entry in iter_entry_points(GROUP)}
    if name not in installed:
        expected = ", ".join(installed) or "a path that ends in .py: no entry point is installed"
        raise ConfigError(f"there is no convention {name!r} to add", where=file, expected=expected)
    return take_from_entry_point(installed[name], ConventionVersion)
