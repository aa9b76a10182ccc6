"""All steps: those of zmeta, those of installed packages, and those that the settings name."""

from __future__ import annotations

import os
from glob import glob
from typing import TYPE_CHECKING

from zmeta.errors import ConfigError
from zmeta.plugins import iter_entry_points, take_from_entry_point, take_from_file
from zmeta.steps.declarative import load_step_file
from zmeta.steps.graph import Graph
from zmeta.steps.registry import STEPS
from zmeta.steps.step import Step

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.config import Config

#: Entry points of this group are `Step`s.
GROUP = "zmeta.steps"


def load_graph(config: Config) -> Graph:
    """Return the graph of all steps; raises `ConfigError` for files and plug-ins, `MigrationError` for the graph."""
    return Graph([*STEPS, *_installed(), *_named(config)])


def _installed() -> Iterator[Step]:
    for entry in iter_entry_points(GROUP):
        yield from take_from_entry_point(entry, Step)


def _named(config: Config) -> Iterator[Step]:
    """The steps in the files that `steps` in the settings lists, as globs beside the settings file."""
    subjects = [row.convention for row in config.reading().conventions]
    for pattern in config.steps:
        found = glob(os.path.join(os.path.dirname(config.file), pattern))
        files = sorted(file for file in found if not os.path.isdir(file))  # Python leaves a folder beside what it runs
        if not files:
            raise ConfigError(f"`steps` names {pattern!r}, and there is no such file", where=config.file)
        for file in files:
            if file.endswith(".py"):
                yield from take_from_file(file, "STEPS", Step)
            elif file.endswith((".toml", ".json")):
                yield from load_step_file(file, subjects)
            else:
                raise ConfigError("a file of steps must be .toml, .json or .py", where=config.file, found=file)
