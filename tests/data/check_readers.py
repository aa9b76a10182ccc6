#!/usr/bin/env python3
"""See that what zmeta migrates is read alike by the real readers: `readers.md` holds the outcome.

Containers are made with pixels by the scripts in `writers/`, each in the environment of its package (see `make_wild.py`).
A copy of each is migrated to `zmeta` and to OME-NGFF 0.5, and opened by the scripts in `readers/`, each in the environment
of its package: pixels, voxel sizes, translations and names of axes must be what the writer was asked for.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import make_wild
from make_wild import HERE, RowError, Writer, make_environment, run

sys.path.insert(0, str(HERE.parents[1]))

from zmeta.api import read_metadata
from zmeta.config import Config
from zmeta.migration.options import Options
from zmeta.migration.plan import plan_units
from zmeta.nodes.node import Node, read_node

TARGETS = ("zmeta", "ome-ngff@0.5")
WRITERS = (
    "gunpowder-1.4.4", "funlib.persistence-0.4.0", "funlib.persistence-0.6.1", "funlib.persistence-0.7.0", "daisy-0.2.1",
    "dacapo-ml-0.3.0", "ome-zarr-0.9.0", "ome-zarr-0.18.0", "ngff-zarr-0.10.2", "iohub-0.2.3", "zarr-2.18.3",
    "xarray-2024.11.0", "tensorstore-0.1.86",
)  # fmt: skip
READERS = (
    Writer("zarr", "3.4.2", "3.12", "zarr_python.py"),
    Writer("funlib.persistence", "0.6.1", "3.11", "funlib_persistence.py", make_wild.ZARR2_NUMPY2),
    Writer("funlib.persistence", "0.7.0", "3.12", "funlib_persistence.py", make_wild.ZARR3),
    Writer("ome-zarr", "0.21.0", "3.12", "ome_zarr_py.py"),
    Writer("ome-zarr-models", "1.8.1", "3.12", "ome_zarr_models_py.py"),
    Writer("yaozarrs", "0.3.4", "3.12", "yaozarrs_validate.py", ("zarr==3.1.3", "fsspec")),
    Writer("ngff-zarr", "0.50.0", "3.12", "ngff_zarr_read.py", ("itkwasm-downsample==2.0.2", *make_wild.ZARR3)),
    Writer("tensorstore", "0.1.86", "3.12", "tensorstore_read.py"),
)

#: What a reader refuses for a fault of the writer, which the documents had before: reader, writer, and how the name begins.
KNOWN = {
    ("ome-zarr-models-1.8.1", "ngff-zarr-0.10.2", "movie_0.4.zarr"): "the writer loses the scale of time in lower levels",
    ("ome-zarr-models-1.8.1", "ome-zarr-0.18.0", "corner_0.5.zarr"): "the writer states no version in the list of labels; "
    "the container is 0.5 already, and no document of it changes",
}  # fmt: skip

Task = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What one reader said about one migrated container's nodes: by the name of each, what went wrong."""

    writer: str
    target: str
    reader: str
    answers: dict[str, str]

    @property
    def cell(self) -> str:
        """For the table."""
        good = sum(not answer for answer in self.answers.values())
        return f"{good}/{len(self.answers)}" if self.answers else "–"


# --- containers with pixels -------------------------------------------------------------------------------------------


def write_pixels(writer: Writer, args: argparse.Namespace, log: Path) -> Path:
    """Make the containers of a writer and paint their arrays; return the folder."""
    python = make_environment(writer, args, log)
    out: Path = args.work / "pixels" / writer.name
    done = out / "painted"
    if done.exists() and not args.fresh:
        return out
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    environment = clean_environment(args)
    run([str(python), str(HERE / "writers" / writer.script), str(out)], log, cwd=out, env=environment, timeout=600)
    run([str(python), str(HERE / "readers" / "_paint.py"), str(out)], log, cwd=out, env=environment, timeout=600)
    done.touch()
    return out


def clean_environment(args: argparse.Namespace) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}
    return kept | {"HOME": str(args.work), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1", "TZ": "UTC"}


# --- migration --------------------------------------------------------------------------------------------------------


def migrate(source: Path, target: Path, options: Options) -> set[str]:
    """Migrate a copy of a container; return the folders, relative to it, in which something is blocked."""
    shutil.copytree(source, target)
    blocked = set()
    for unit in list(plan_units([target], options)):
        if unit.blocked:
            blocked.add(os.path.relpath(unit.path, target))
        for change in unit.changes:
            file = Path(change.file)
            if (file.read_bytes() if file.exists() else None) != change.old:
                raise RowError(f"{file} is not what the plan saw")
            if change.new is None:
                file.unlink()
            else:
                file.write_bytes(change.new)
    return blocked


def make_tasks(writer: Writer, made: Path, work: Path) -> list[Task]:
    """Migrate all containers of a writer to all targets; return what readers are to look at."""
    rows = json.loads((made / "expected.json").read_text(encoding="utf-8"))
    tasks: list[Task] = []
    for to in TARGETS:
        for container in dict.fromkeys(row["container"] for row in rows):
            mine = [row for row in rows if row["container"] == container]
            config = Config(**mine[0]["settings"])
            target = work / "migrated" / to / writer.name / container
            shutil.rmtree(target, ignore_errors=True)
            blocked = migrate(made / container, target, Options(to=to, config=config))
            arrays = [array_task(row, made, target, to, config) for row in mine]
            found = [task for task in arrays if is_migrated(task, blocked)]
            images = image_tasks(target, found) if to != "zmeta" else []
            tasks += [{**task, "writer": writer.name, "to": to, "container": str(target)} for task in (*found, *images)]
    return tasks


def is_migrated(task: Task, blocked: set[str]) -> bool:
    """Whether an array states a voxel size, or went to Zarr v3, and nothing stands against it, nor against its container."""
    return (task["voxel_size"] is not None or task["converted"]) and not blocked & {".", task["below"] or "."}


def array_task(row: dict[str, Any], made: Path, target: Path, to: str, config: Config) -> Task:
    """What one array must be: as the writer was asked for, and what a habit adds as zmeta reads it before."""
    metadata, _ = read_metadata(made / row["path"], config=config)
    below = os.path.relpath(made / row["path"], made / row["container"]).replace(os.sep, "/").removeprefix(".")
    folder = target / below if below else target
    node = read_node(str(folder))
    asked = {key: row[key] for key in ("axes", "voxel_size", "offset") if row[key] and key not in row["differs"]}
    physical = [axis.physical for axis in metadata.axes]
    return {
        "what": "array",
        "name": row["path"],
        "folder": str(folder),
        "below": below,
        "grouped": has_groups(folder, target),
        "zarr_format": None if node is None else node.format,
        "converted": node is not None and node.format != row["zarr_format"],
        "shape": row["shape"],
        "dtype": row["dtype"],
        "axes": asked.get("axes") or (list(metadata.names) if all(metadata.names) else None),
        "names": list(metadata.names) if to != "zmeta" and any(metadata.names) else None,
        "physical": physical,
        "voxel_size": asked.get("voxel_size") or numbers(metadata.voxel_size),
        "offset": asked.get("offset") or numbers(metadata.offset),
        "centre": config.ome_anchor == "centre",
    }


def numbers(values: tuple[Fraction, ...] | None) -> list[float] | None:
    return None if values is None else [float(value) for value in values]


def has_groups(folder: Path, container: Path) -> bool:
    """Whether all folders from the container to an array are groups; some writers leave out the documents in between."""
    parents = []
    while folder != container:
        folder = folder.parent
        parents.append(folder)
    return all(read_node(str(parent)) is not None for parent in parents)


def image_tasks(container: Path, arrays: list[Task]) -> list[Task]:
    """What each image of OME-NGFF must be, by the arrays that it lists."""
    by_folder = {task["folder"]: task for task in arrays}
    tasks = []
    for file in sorted(container.rglob("zarr.json")):
        node = read_node(str(file.parent))
        images = images_of(node) if node is not None else []
        for index, image in enumerate(images):
            folders = [str(file.parent / dataset["path"]) for dataset in image["datasets"]]
            if not set(folders) <= by_folder.keys():
                raise RowError(f"{file} lists an array that is not migrated")
            levels = [level_of(by_folder[folder], number) for number, folder in enumerate(folders)]
            paths = [dataset["path"] for dataset in image["datasets"]]
            tasks.append(
                {
                    "what": "image",
                    "name": f"{os.path.relpath(file.parent, container.parent)} image {index}",
                    "folder": str(file.parent),
                    "index": index,
                    "axes": by_folder[folders[0]]["names"],
                    "levels": [{**level, "path": path} for level, path in zip(levels, paths, strict=True)],
                }
            )
    return tasks


def images_of(node: Node) -> list[dict[str, Any]]:
    ome = node.attributes.get("ome")
    found = ome.get("multiscales") if isinstance(ome, dict) else None
    return found if isinstance(found, list) else []  # type: ignore[return-value]


def level_of(task: Task, number: int) -> Task:
    """The transformations of a level, by dimension; None is not compared: channels, and shifts of lower levels."""
    sizes = iter(task["voxel_size"])
    scale = [next(sizes) if physical else None for physical in task["physical"]]
    corners = iter(task["offset"] or [0] * sum(task["physical"]))
    half = Fraction(1, 2) if task["centre"] else Fraction(0)
    place = [None if size is None else float(Fraction(str(next(corners))) + half * Fraction(str(size))) for size in scale]
    translation = [None] * len(place) if number else place
    return {"shape": task["shape"], "dtype": task["dtype"], "scale": scale, "translation": translation}


# --- readers ----------------------------------------------------------------------------------------------------------


def ask(reader: Writer, tasks: list[Task], args: argparse.Namespace) -> list[Outcome]:
    """Let one reader look at everything; return what it said, by writer and target."""
    log = args.work / f"reader-{reader.name}.log"
    log.unlink(missing_ok=True)
    python = make_environment(reader, args, log)
    given, answer = args.work / "tasks.json", args.work / f"answers-{reader.name}.json"
    given.write_text(json.dumps(tasks), encoding="utf-8")
    run([str(python), str(HERE / "readers" / reader.script), str(given), str(answer)], log, cwd=args.work,
        env=clean_environment(args), timeout=1800)  # fmt: skip
    answers = json.loads(answer.read_text(encoding="utf-8"))
    found: dict[tuple[str, str], dict[str, str]] = {}
    for number, said in answers.items():
        task = tasks[int(number)]
        found.setdefault((task["writer"], task["to"]), {})[task["name"]] = said
    return [Outcome(writer, to, reader.name, said) for (writer, to), said in found.items()]


def render(outcomes: list[Outcome], writers: list[str], readers: list[str], counts: Counter[tuple[str, str]]) -> str:
    """The tables, one for each target, and below what went wrong."""
    lines = ["# What readers make of migrated containers", "",
             "Made by `check_readers.py`. Of the arrays, or images, that a reader takes, a cell tells how many it read with",
             "the pixels, voxel sizes, translations and names that the writer was asked for.", ""]  # fmt: skip
    by_place = {(found.writer, found.target, found.reader): found for found in outcomes}
    for to in TARGETS:
        lines += [f"## To `{to}`", "", f"| written by | arrays | {' | '.join(readers)} |", "|---" * (len(readers) + 2) + "|"]
        for writer in writers:
            cells = [by_place[key].cell if (key := (writer, to, reader)) in by_place else "–" for reader in readers]
            lines.append(f"| {writer} | {counts[writer, to]} | {' | '.join(cells)} |")
        lines.append("")
    wrong = [(found, name, said) for found in outcomes for name, said in found.answers.items() if said]
    lines += ["## What was not read alike", ""] if wrong else ["Everything was read alike.", ""]
    for found, name, said in wrong:
        reason = why(found, name)
        what = f"known: {reason}" if reason else " ".join(said.split())
        lines.append(f"- {found.reader}, {found.writer} to `{found.target}`, {name}: {what}")
    return "\n".join(lines).rstrip() + "\n"


def why(found: Outcome, name: str) -> str:
    """The reason for which a reader is known to refuse a node, or nothing."""
    return next((KNOWN[key] for key in KNOWN if key[:2] == (found.reader, found.writer) and name.startswith(key[2])), "")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="writers, such as gunpowder-1.4.4 (default: a list)")
    parser.add_argument("--work", type=Path, required=True, metavar="DIR", help="environments, containers and logs go there")
    parser.add_argument("--python", action="append", default=[], type=make_wild.python_override, metavar="VERSION=PATH")
    parser.add_argument("--fresh", action="store_true", help="remake environments and containers that are there already")
    parser.add_argument("--out", type=Path, default=HERE / "readers.md", metavar="FILE", help="where the tables go")
    args = parser.parse_args(argv)
    args.work = args.work.resolve()
    args.work.mkdir(parents=True, exist_ok=True)
    tasks: list[Task] = []
    done = []
    failed = 0
    for writer in make_wild.WRITERS:
        if writer.name not in (args.names or WRITERS):
            continue
        log = args.work / f"pixels-{writer.name}.log"
        try:
            tasks += make_tasks(writer, write_pixels(writer, args, log), args.work)
            done.append(writer.name)
        except (RowError, OSError, subprocess.SubprocessError) as error:
            failed += 1
            print(f"FAILED  {writer.name}: {error}", flush=True)
    outcomes = []
    readers = []
    for reader in READERS:
        try:
            outcomes += ask(reader, tasks, args)
            readers.append(reader.name)
        except (RowError, OSError, subprocess.SubprocessError) as error:
            failed += 1
            print(f"FAILED  {reader.name}: {error}", flush=True)
    counts = Counter((task["writer"], task["to"]) for task in tasks if task["what"] == "array")
    text = render(outcomes, done, readers, counts)
    args.out.write_text(text, encoding="utf-8")
    print(text)
    wrong = any(said and not why(found, name) for found in outcomes for name, said in found.answers.items())
    return 1 if failed or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
