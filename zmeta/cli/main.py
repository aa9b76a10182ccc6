"""`zmeta`: one module per subcommand, loaded only when it is called.

Exit codes: 0 all is well, 1 something is wrong with what was looked at, 2 it could not be looked at.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from zmeta import __version__
from zmeta.cli.options import add_stores

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

_EPILOG = """\
examples:
  zmeta show data.zarr/volumes/raw      what an array is, and where each value came from
  zmeta show data.n5 --format json      every array below a container, for machines
  zmeta check data.zarr                 what is wrong with the metadata, where, and how to mend it
  zmeta explain ZM203                   why a rule exists, an example, how to mend it
  zmeta migrate data.zarr               what it takes to bring old data to one convention, as a diff
  zmeta migrate data.zarr --apply       do it; zmeta rollback takes it back
  zmeta schema list                     the schemas of all conventions
  zmeta schema check lab.schema.json    is my profile sound?
  zmeta demo demo/                      a walk through all of it

exit codes: 0 all is well, 1 something is wrong with what was looked at, 2 it could not be looked at
"""

_CHECK_EPILOG = """\
examples:
  zmeta check data.zarr                            every array and group below a container
  zmeta check plates/*.zarr --jobs 4               many containers, several processes
  zmeta check data.zip image.zarr/zarr.json        a zip archive, a single document
  zmeta check . --fail-on warning --ignore ZM207   what fails the run, and what is not reported
  zmeta check . --format sarif --output zmeta.sarif
  zmeta check . --write-baseline known.json        take down what is wrong today
  zmeta check . --baseline known.json              report only what is new
  zmeta check . --fix                              mend what can be mended without loss
  zmeta check s3://bucket/data.zarr --store-option region=eu-west-1

exit codes: 0 clean, 1 findings at or above --fail-on, 2 could not check, 130 interrupted
settings: zmeta.toml or [tool.zmeta] in pyproject.toml (select, ignore, fail_on, severity, profiles, …)
"""


def _add_check(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    import argparse

    raw = argparse.RawDescriptionHelpFormatter
    check = commands.add_parser(
        "check", help="what is wrong with the metadata, where, and how to mend it", epilog=_CHECK_EPILOG, formatter_class=raw
    )
    check.add_argument(
        "paths", nargs="+", metavar="PATH", help="a container, group, array, single document, zip archive, glob, or URL"
    )
    formats = ("auto", "text", "json", "jsonl", "github", "gitlab", "junit", "sarif", "markdown")
    check.add_argument("--format", choices=formats, default="auto", help="default: text, or github where that runs")
    check.add_argument("--output", metavar="FILE", help="write the report to a file instead of standard output")
    check.add_argument(
        "--fail-on", choices=("error", "warning", "note", "never"), help="least severity for exit code 1 (default: error)"
    )
    check.add_argument(
        "--select", action="append", metavar="CODES", help="report these only: codes or beginnings, with commas"
    )
    check.add_argument("--ignore", action="append", metavar="CODES", help="do not report these; the longer beginning wins")
    baseline = check.add_mutually_exclusive_group()
    baseline.add_argument("--baseline", metavar="FILE", help="findings that are in this file are known and do not fail")
    baseline.add_argument("--write-baseline", metavar="FILE", help="write today's findings to a baseline, and report none")
    check.add_argument(
        "--statistics", action="store_true", help="print how often each code was found instead of the findings"
    )
    check.add_argument("--fix", action="store_true", help="mend what can be mended without loss, and say what was done")
    check.add_argument(
        "--jobs", type=jobs, default=1, metavar="N", help="worker processes; 0 for one per processor (default: 1)"
    )
    check.add_argument("--quiet", action="store_true", help="print only what fails the run, without progress and summary")
    add_stores(check)
    check.set_defaults(module="zmeta.cli.check")

    explain = commands.add_parser(
        "explain",
        help="why a rule exists, an example, how to mend it",
        epilog="examples:\n  zmeta explain ZM203\n  zmeta explain          all codes",
        formatter_class=raw,
    )
    explain.add_argument("codes", nargs="*", metavar="CODE", help="such as ZM203; without one all codes are listed")
    explain.set_defaults(module="zmeta.cli.explain")

    conformance = commands.add_parser(
        "conformance",
        help='answer {"valid": bool, "message": str} for each path, for public conformance suites',
        description="One line of JSON per path, in their order. Valid: no MUST of the convention and version is broken.",
        epilog="examples:\n  zmeta conformance attributes.json image.zarr",
        formatter_class=raw,
    )
    conformance.add_argument("paths", nargs="+", metavar="PATH", help="a JSON file of attributes, or a hierarchy")
    conformance.set_defaults(module="zmeta.cli.conformance")


_MIGRATE_EPILOG = """\
examples:
  zmeta migrate data.zarr                          the plan: steps and a diff per document; nothing is written
  zmeta migrate data.zarr --apply                  write it, to be resumed if it is stopped, and taken back at any time
  zmeta migrate image.zarr --to ome-ngff@0.5       OME-NGFF 0.1 to 0.4, or any other convention, Zarr v2 to v3 included
  zmeta migrate raw.zarr --to zmeta --keep-legacy  leave the old keys beside the new ones, for older readers
  zmeta migrate raw.zarr --axes t,z,y,x            names for arrays that state none
  zmeta migrate data/ --out plan.json              save the plan for a review
  zmeta migrate --apply plan.json                  apply it; documents that changed since are left alone
  zmeta migrate s3://lab/data.zarr --apply --journal s3://lab/runs
                                                   keep the run there: any machine can go on with it, or take it back

A plan proves for each array that axes, voxel size, units and offset are the same before and after; what breaks this is
blocked, and not written. Runs are kept in ~/.local/state/zmeta (ZMETA_STATE, or --journal: a folder or a URL), never beside
the data.
exit codes: 0 all is well, 1 something is blocked or was not written, 2 it could not be planned, 130 interrupted
"""


def _add_migrate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    import argparse

    raw = argparse.RawDescriptionHelpFormatter
    migrate = commands.add_parser(
        "migrate",
        help="bring old data to one convention: plan, diff, apply, resume",
        epilog=_MIGRATE_EPILOG,
        formatter_class=raw,
    )
    migrate.add_argument("paths", nargs="*", metavar="PATH", help="a container, group, array, or a glob")
    migrate.add_argument("--to", default="", metavar="CONVENTION[@VERSION]", help="default: zmeta, which in N5 is cosem")
    migrate.add_argument("--apply", nargs="?", const="", metavar="PLAN", help="write, what is planned now or a saved plan")
    migrate.add_argument("--resume", nargs="?", const="", metavar="RUN", help="go on with a run that was interrupted")
    migrate.add_argument("--out", metavar="FILE", help="save the plan as JSON, for a review and for --apply")
    migrate.add_argument(
        "--format", choices=("text", "json", "markdown"), default="text", help="of the plan (default: text)"
    )
    migrate.add_argument("--no-diff", action="store_true", help="print one line per node, and what is blocked")
    migrate.add_argument("--keep-legacy", action="store_true", help="leave the old keys, for older readers")
    migrate.add_argument(
        "--allow-loss",
        action="append",
        metavar="KEYS",
        help="what may be lost where the target has no place for it: units, axes, types, offset, or names of attributes",
    )
    migrate.add_argument("--axes", action="append", metavar="NAMES", help="names for arrays that state none, such as z,y,x")
    migrate.add_argument(
        "--pixel-scale",
        action="store_true",
        help="images of OME-NGFF 0.1 to 0.3, which hold no voxel size, get a scale that counts pixels",
    )
    rollback = commands.add_parser(
        "rollback",
        help="give documents the bytes back that they had before a migration",
        epilog="examples:\n  zmeta rollback                           the newest run\n"
        "  zmeta rollback 20261124-131822-a1b2c3    this run",
        formatter_class=raw,
    )
    rollback.add_argument("run", nargs="?", metavar="RUN", help="a run that `zmeta status` lists; default: the newest")
    for command in (migrate, rollback):
        command.add_argument(
            "--jobs", type=jobs, default=1, metavar="N", help="workers; 0 for one per processor (default: 1)"
        )
        command.add_argument("--quiet", action="store_true", help="print only what is blocked, and the result")
        add_stores(command, crawls=command is migrate)
    status = commands.add_parser(
        "status", help="the runs of migrations, and how far each has come", epilog="examples:\n  zmeta status",
        formatter_class=raw,
    )  # fmt: skip
    history = commands.add_parser(
        "history", help="which runs changed the documents of a path", epilog="examples:\n  zmeta history data.zarr/raw",
        formatter_class=raw,
    )  # fmt: skip
    history.add_argument("path", metavar="PATH", help="a container, group, array or document")
    for command in (status, history):
        command.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
        add_stores(command, crawls=False)
    for command in (migrate, rollback, status, history):
        help_ = "where runs are kept: a folder, or a URL such as s3://bucket/runs (default: the state folder of the user)"
        command.add_argument("--journal", metavar="PLACE", help=help_)
        command.set_defaults(module="zmeta.cli.migrate")


def jobs(text: str) -> int:
    """Return a number of worker processes; argparse puts the name of this function into its message."""
    number = int(text)
    if not 0 <= number <= 1024:
        raise ValueError(text)
    return number


def build_parser() -> argparse.ArgumentParser:
    """Return the parser; options of a subcommand stand here so that `--help` loads nothing else."""
    import argparse

    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="zmeta", description="Schema-first metadata for Zarr and N5 arrays.", epilog=_EPILOG, formatter_class=raw
    )
    parser.add_argument("--version", action="version", version=f"zmeta {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    show = commands.add_parser(
        "show",
        help="what an array is: convention, axes, voxel size, ROI, and where each value came from",
        epilog="examples:\n  zmeta show data.zarr/raw\n  zmeta show data.n5 --format json\n"
        "  zmeta show image.zarr/0 --ome-anchor centre --world-unit picometer",
        formatter_class=raw,
    )
    show.add_argument("paths", nargs="+", metavar="PATH", help="an array, or a group or container whose arrays are shown")
    show.add_argument("--format", choices=("text", "json"), default="text", help="default: text")
    show.add_argument("--world-unit", metavar="UNIT", help="unit of the ROI, such as picometer (default: nanometer)")
    show.add_argument("--ome-anchor", choices=("corner", "centre"), help="what an OME-NGFF translation means")
    add_stores(show)
    show.set_defaults(module="zmeta.cli.show")

    _add_check(commands)
    _add_migrate(commands)

    schema = commands.add_parser("schema", help="list, show and check schemas", formatter_class=raw)
    verbs = schema.add_subparsers(dest="verb", metavar="VERB", required=True)
    verbs.add_parser("list", help="all packaged schemas")
    one = verbs.add_parser(
        "show",
        help="print a packaged schema",
        epilog="examples:\n  zmeta schema show zmeta\n  zmeta schema show ome-ngff@0.4\n"
        "  zmeta schema show ome-ngff/plate@0.5",
        formatter_class=raw,
    )
    one.add_argument("name", metavar="NAME[@VERSION]", help="a convention, or convention/document, or an $id")
    check = verbs.add_parser("check", help="is a schema sound: valid, every $ref resolved offline, every example valid?")
    check.add_argument("files", nargs="+", metavar="FILE", help="JSON Schema files; they may refer to each other by $id")
    add_stores(check, crawls=False)
    schema.set_defaults(module="zmeta.cli.schema")

    demo = commands.add_parser(
        "demo",
        help="make a small container with an array of each convention, and walk through",
        epilog="example:\n  zmeta demo demo/",
        formatter_class=raw,
    )
    demo.add_argument("folder", metavar="DIR", help="a folder that is new or empty")
    demo.set_defaults(module="zmeta.cli.demo")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    if list(sys.argv[1:] if argv is None else argv) == ["--version"]:  # the parser alone would double the time it takes
        print(f"zmeta {__version__}")
        return 0
    try:
        arguments = build_parser().parse_args(argv)
    except SystemExit as error:  # argparse leaves with 0 after --help, 2 after a wrong argument
        return error.code if isinstance(error.code, int) else 2
    from zmeta.errors import MetadataError, ZmetaError

    try:
        code: int = import_module(arguments.module).main(arguments)
    except MetadataError as error:
        print(error, file=sys.stderr)
        return 1
    except ZmetaError as error:
        print(f"zmeta: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return code


def run() -> None:
    """Entry point of the console script."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the caller: `zmeta show … >&-`
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    code = 0
    try:
        code = main()
        sys.stdout.flush()  # what is left would be written, and fail, when nobody can catch it
    except BrokenPipeError:  # `zmeta show … | head`
        _drop_output()
    except OSError as error:  # a disk that is full
        _drop_output()
        print(f"zmeta: the output cannot be written: {error.strerror or error}", file=sys.stderr)
        code = 2
    except KeyboardInterrupt:  # before the command has begun, or after its end
        code = 130
    sys.exit(code)


def _drop_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
