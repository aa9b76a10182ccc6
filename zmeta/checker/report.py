"""`zmeta.check`: the same as the command, for Python."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from zmeta.checker.runner import Run
from zmeta.config import check_code, check_severity, load_config
from zmeta.finding import Finding, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from zmeta.config import Config
    from zmeta.report.base import Summary


@dataclass(frozen=True)
class Report:
    """What `check` found.

    Attributes
    ----------
    findings : tuple of Finding
        In the order of the tree, those of one file together, each with line and column.
    summary : Summary
        Counts of arrays, groups and findings.

    A report is true where nothing fails: `assert zmeta.check(path)`.

    Examples
    --------
    >>> import tempfile, zarr
    >>> folder = tempfile.mkdtemp()
    >>> _ = zarr.create_array(folder, shape=(5, 5), dtype="uint8", attributes={"resolution": [4, "4"], "offset": [0, 0]})
    >>> report = check(folder)
    >>> bool(report), [(finding.code, finding.pointer) for finding in report.errors]
    (False, [('ZM301', '/attributes/resolution/1')])
    """

    findings: tuple[Finding, ...]
    summary: Summary

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that are errors."""
        return tuple(finding for finding in self.findings if finding.severity == Severity.ERROR)

    @property
    def failed(self) -> bool:
        """Whether a finding reaches the severity that fails (`fail_on`, an error by default)."""
        return self.summary.failed

    def __bool__(self) -> bool:
        return not self.summary.failed

    def __len__(self) -> int:
        return len(self.findings)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __str__(self) -> str:
        return "\n".join([*map(str, self.findings), str(self.summary)])


def check(
    path: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
    fail_on: str | None = None,
    jobs: int = 1,
    config: Config | None = None,
) -> Report:
    """Tell what is wrong with the metadata of a container, a node, a document or a zip archive, and where.

    Parameters
    ----------
    path : path or iterable of paths
        Also globs and URLs. Below a container or group every node is looked at.
    select, ignore : iterable of str
        Codes or beginnings of codes (`"ZM2"`) to report, or not to; the longer beginning wins.
    fail_on : "error", "warning", "note" or "never", optional
        Least severity that makes the report false.
    jobs : int
        Worker processes.
    config : Config, optional
        Settings instead of those of `zmeta.toml`.

    Returns
    -------
    Report

    Raises
    ------
    NodeNotFoundError
        A path leads to nothing, or there is no node below it.
    ConfigError
        The settings, or an argument, ask for what does not exist.

    Examples
    --------
    >>> import tempfile, zarr
    >>> folder = tempfile.mkdtemp()
    >>> _ = zarr.create_array(folder, shape=(5, 5), dtype="uint8", attributes={"voxelsize": [4, 4]})
    >>> for finding in check(folder):
    ...     print(finding.severity, finding.code, finding.message)
    warning ZM107 `voxelsize` looks like `voxel_size`
    """
    paths = [path] if isinstance(path, str | os.PathLike) else list(path)
    settings = config or load_config()
    changes: dict[str, object] = {"select": tuple(map(check_code, select))} if select else {}
    if ignore:
        changes["ignore"] = (*settings.ignore, *map(check_code, ignore))
    if fail_on is not None:
        changes["fail_on"] = check_severity(fail_on)
    findings: list[Finding] = []
    summary = Run(replace(settings, **changes), jobs).run(paths, findings.append)  # type: ignore[arg-type]
    if summary.interrupted:
        raise KeyboardInterrupt
    return Report(tuple(findings), summary)
