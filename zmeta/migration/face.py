"""The verbs of a migration in Python: plan, apply, rollback, status, history."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from zmeta.config import Config, load_config
from zmeta.migration import apply as journal
from zmeta.migration.options import Options, check_target
from zmeta.migration.plan import plan_units
from zmeta.migration.planfile import read_plan, write_plan
from zmeta.migration.run import Run
from zmeta.migration.status import discard_unfinished
from zmeta.migration.status import history as iter_history
from zmeta.migration.status import status as iter_status
from zmeta.migration.tree import Tally
from zmeta.nodes.claims import locking
from zmeta.nodes.node import absolute
from zmeta.steps.load import load_graph
from zmeta.stores.remote import using

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from zmeta.migration.apply import Outcome
    from zmeta.migration.status import HistoryEntry, RunStatus
    from zmeta.migration.unit import Unit


@dataclass(frozen=True)
class Plan:
    """What a migration would do: iterate over its units, save it, or apply it. Nothing is written before `apply`.

    Attributes
    ----------
    paths : tuple of str
    options : Options
    tally : Tally
        What the last iteration came by.
    """

    paths: tuple[str, ...]
    options: Options
    tally: Tally = field(default_factory=Tally, compare=False)

    def __iter__(self) -> Iterator[Unit]:
        """Read the trees and yield what becomes of every node that changes, or that cannot."""
        self.tally.__init__()  # type: ignore[misc]
        yield from plan_units(self.paths, self.options, self.tally)

    @property
    def header(self) -> dict[str, object]:
        """What is kept of the plan beside its units."""
        from importlib.metadata import version

        return {"paths": list(self.paths), "options": self.options.as_json(), "zmeta": version("zmeta")}

    def save(self, file: str | os.PathLike[str]) -> int:
        """Write the plan to a file that can be reviewed, and applied later; return the number of its units."""
        return write_plan(file, self.header, self)

    def apply(
        self,
        *,
        jobs: int = 1,
        state_dir: str | os.PathLike[str] | None = None,
        tick: Callable[[int, int], object] | None = None,
    ) -> tuple[Run, Outcome]:
        """Plan, write the plan down, and then write the documents; return the run and what became of them.

        `state_dir` is where runs are kept: a folder, or the URL of an object store. A run with the same paths and options
        that was interrupted is finished first; what was left of runs that were killed while they were planned is removed.
        Raises as `zmeta.migrate` does, and `MigrationError` where another process works on such a run.
        """
        with self.options.config.storage():
            discard_unfinished(state_dir)
            interrupted = find_interrupted(self, state_dir)
            if interrupted is not None:
                journal.apply(interrupted, jobs=jobs, tick=tick)
            run = Run.create(self, self.header, state_dir)
            outcome = journal.apply(run, jobs=jobs, tick=tick)
            if not run.documents:
                run.discard()
        return run, outcome


def find_interrupted(plan: Plan, state_dir: str | os.PathLike[str] | None = None) -> Run | None:
    """Return the newest run with the same paths and options that was killed, or is at work; None where there is none."""
    for status in iter_status(state_dir):
        if status.state in ("interrupted", "running") and status.paths == plan.paths:
            run = Run.open(status.id, state_dir)
            if run.header.get("options") == plan.options.as_json():
                return run
    return None


def migrate(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    to: str = "",
    keep_legacy: bool = False,
    allow_loss: Iterable[str] = (),
    axes: Iterable[str] = (),
    pixel_scale: bool = False,
    config: Config | None = None,
) -> Plan:
    """Plan to bring all arrays below some paths to one convention. Nothing is written: call `apply` on the plan.

    Parameters
    ----------
    paths : path or iterable of paths
        Containers, groups, arrays, or globs.
    to : str
        `convention` or `convention@version`, such as `zmeta`, `ome-ngff@0.5` or `daisy`; by default what the settings say
        arrays are written in, which is `zmeta`. In N5 `zmeta` stands for `cosem`. Or a profile that has steps, such as
        `lab@2`: then conventions stay as they are. Without it, profiles come to their newest version too.
    keep_legacy : bool
        Leave the old keys beside the new ones, for older readers.
    allow_loss : iterable of str
        What may be lost where the target has no place for it: `units`, `axes`, `types`, `offset`.
    axes : iterable of str
        Names of the axes of arrays that state none.
    pixel_scale : bool
        Give images of OME-NGFF 0.1 to 0.3, which hold no voxel size, a scale that counts pixels.
    config : Config, optional
        Settings instead of those of `zmeta.toml`.

    Returns
    -------
    Plan
        An iterable of units: what changes, document by document, and what stands against it.

    Raises
    ------
    ConfigError
        There is no such target.
    NodeNotFoundError
        A path leads to nothing (raised by the iteration).

    Examples
    --------
    >>> import tempfile, zarr
    >>> folder = tempfile.mkdtemp()
    >>> _ = zarr.create_array(folder, shape=(5, 5), dtype="uint8", attributes={"resolution": [4, 8], "offset": [0, 0]})
    >>> plan = migrate(folder)
    >>> [unit.steps for unit in plan]
    [('daisy@1 → zmeta@1.0',)]
    >>> run, outcome = plan.apply(state_dir=tempfile.mkdtemp())
    >>> zarr.open_array(folder).attrs["voxel_size"], outcome.written
    ([4, 8], 1)
    """
    given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    settings = load_config() if config is None else config
    graph = load_graph(settings)
    if to:
        check_target(to, graph, settings)
    options = Options(to, keep_legacy, frozenset(allow_loss), tuple(axes), pixel_scale, settings, graph)
    return Plan(tuple(map(absolute, given)), options)


def apply_plan(
    file: str | os.PathLike[str],
    *,
    jobs: int = 1,
    state_dir: str | os.PathLike[str] | None = None,
    store_options: Mapping[str, str] | None = None,
) -> tuple[Run, Outcome]:
    """Apply a plan that was saved; documents that changed since are left alone, and reported.

    `store_options` are those of object stores, if there are URLs in it, or `state_dir` is one. Raises `MigrationError` for a
    file that is no plan, or was edited.
    """
    plan = read_plan(file)
    with using(store_options or {}), locking(load_config().locks):
        discard_unfinished(state_dir)
        run = Run.create(plan.units(), plan.header, state_dir)
        return run, journal.apply(run, jobs=jobs)


def rollback(
    run: str = "",
    *,
    jobs: int = 1,
    state_dir: str | os.PathLike[str] | None = None,
    store_options: Mapping[str, str] | None = None,
) -> Outcome:
    """Give every document of a run the bytes back that it had; the newest run that stands, unless one is named.

    Documents that somebody changed since are left alone, and counted as conflicts. Raises `MigrationError`.
    """
    with using(store_options or {}), locking(load_config().locks):
        return journal.rollback(find_run(run, state_dir), jobs=jobs)


def find_run(run: str = "", state_dir: str | os.PathLike[str] | None = None) -> Run:
    """Return a run by its id, or the newest one that can be rolled back. Raises `MigrationError` where there is none."""
    from zmeta.errors import MigrationError

    if run:
        return Run.open(run, state_dir)
    for status in iter_status(state_dir):
        if status.state in ("applied", "interrupted", "undoing"):
            return Run.open(status.id, state_dir)
    raise MigrationError("there is no run to roll back", hint="`zmeta status` lists the runs")


def status(
    state_dir: str | os.PathLike[str] | None = None, *, store_options: Mapping[str, str] | None = None
) -> list[RunStatus]:
    """Return the state of every run, newest first."""
    with using(store_options or {}):
        return list(iter_status(state_dir))


def history(
    path: str | os.PathLike[str],
    state_dir: str | os.PathLike[str] | None = None,
    *,
    store_options: Mapping[str, str] | None = None,
) -> list[HistoryEntry]:
    """Return what runs did to the documents at or below a path, the newest first."""
    with using(store_options or {}):
        return list(iter_history(path, state_dir))
