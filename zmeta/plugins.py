"""What users add in Python: from files that their settings name, and from entry points of what is installed.

Code runs only because a settings file, or an installed package, says so: never because of something in the data. Nothing is
looked for until a command needs it.
"""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

from zmeta.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.metadata import EntryPoint
    from types import ModuleType

_T = TypeVar("_T")


def take_from_file(path: str, name: str, kind: type[_T]) -> tuple[_T, ...]:
    """Run a Python file and return what it binds to a name: one object, several, or a function that gives them."""
    try:
        status = os.stat(path)
    except OSError as error:
        raise ConfigError("the Python file cannot be read", where=path, found=error.strerror or str(error)) from None
    module = _run(path, status.st_mtime_ns, status.st_size)
    if not hasattr(module, name):
        expected = f"{name} = […], a list of {kind.__name__}"
        raise ConfigError(f"the Python file has no `{name}`", where=path, expected=expected)
    return _take(getattr(module, name), kind, path)


@lru_cache(maxsize=64)
def _run(path: str, modified: int, size: int) -> ModuleType:
    """Run a file as a module of its own, once for as long as it does not change."""
    from importlib.util import module_from_spec, spec_from_file_location

    name = f"zmeta_user_{abs(hash((path, modified, size)))}"
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError("the file is not Python", where=path, expected="a name that ends in .py")
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look there
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise _failed("the Python file cannot be run", path, error) from error
    return module


def iter_entry_points(group: str) -> Iterator[EntryPoint]:
    """Yield the entry points of a group, by name."""
    from importlib.metadata import entry_points

    yield from sorted(entry_points(group=group), key=lambda entry: entry.name)


def take_from_entry_point(entry: EntryPoint, kind: type[_T]) -> tuple[_T, ...]:
    """Load an entry point and return what it names: one object, several, or a function that gives them."""
    where = f"entry point {entry.name} = {entry.value} in {entry.group}"
    try:
        value = entry.load()
    except Exception as error:
        raise _failed("the entry point cannot be loaded", where, error) from error
    return _take(value, kind, where)


def _take(value: object, kind: type[_T], where: str) -> tuple[_T, ...]:
    if callable(value) and not isinstance(value, kind):
        try:
            value = value()
        except Exception as error:
            raise _failed("the function of the plug-in failed", where, error) from error
    found = value if isinstance(value, list | tuple) else [value]
    result = tuple(item for item in found if isinstance(item, kind))
    if len(result) != len(found):
        wrong = next(item for item in found if not isinstance(item, kind))
        expected = f"{kind.__name__}, a list of them, or a function that returns one"
        raise ConfigError("the plug-in is of another kind", where=where, expected=expected, found=repr(wrong)[:80])
    return result


def _failed(what: str, where: str, error: Exception) -> ConfigError:
    return ConfigError(what, where=where, found=f"{type(error).__name__}: {error}"[:200])
