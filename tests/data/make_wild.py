#!/usr/bin/env python3
"""Make the fixtures in `wild/`: metadata documents exactly as the real packages write them.

Every row of `WRITERS` gets its own virtual environment with the pinned requirements. There, one script of `writers/` makes
containers in a scratch folder and declares, in `expected.json`, what it asked the package for. Only the metadata documents
are copied, byte for byte; the declarations become `wild/index.json`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
WILD = HERE / "wild"
DOCUMENTS = frozenset({"zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata", "attributes.json"})


class RowError(Exception):
    """One row could not be made; the others go on."""


@dataclass(frozen=True)
class Writer:
    """One package at one version: how to install it, and which script makes it write."""

    package: str
    version: str
    python: str
    script: str
    requirements: tuple[str, ...] = ()
    """Pins of the packages that take part in writing the documents."""
    without_dependencies: bool = False
    """Install the package alone, and only the named requirements with theirs."""

    @property
    def name(self) -> str:
        return f"{self.package}-{self.version}"

    @property
    def pin(self) -> str:
        return f"{self.package}=={self.version}"


OLDEST = ("zarr==2.13.3", "numcodecs==0.10.2", "numpy==1.23.5")
OLD = ("zarr==2.16.1", "numcodecs==0.12.1", "numpy==1.26.4")
ZARR2 = ("zarr==2.18.3", "numcodecs==0.13.1", "numpy==1.26.4")
ZARR2_NUMPY2 = ("zarr==2.18.7", "numcodecs==0.15.1", "numpy==2.2.6")
ZARR3 = ("zarr==3.1.3", "numcodecs==0.16.1", "numpy==2.2.6")
OME_OLD = (
    *OLDEST,
    "dask==2022.12.1",
    "fsspec==2022.11.0",
    "scikit-image==0.19.3",
    "aiohttp==3.8.6",
    "requests==2.28.2",
    "toolz",
)
DACAPO = ("torch==2.13.0", "fibsem-tools==4.0.3", "funlib.persistence==0.4.0", "gunpowder==1.3.4", "pydantic<2", *OLD)

WRITERS = (
    Writer("cellmap-schemas", "0.8.1", "3.11", "cellmap_schemas_write.py", ("pydantic-zarr==0.7.0", *ZARR2)),
    Writer("dacapo-ml", "0.3.0", "3.11", "dacapo_create.py", DACAPO),
    Writer("daisy", "0.2.1", "3.9", "daisy_prepare.py", OLDEST),
    Writer("funlib.persistence", "0.1.0", "3.10", "funlib_persistence.py", OLD),
    Writer("funlib.persistence", "0.2.0", "3.10", "funlib_persistence.py", OLD),
    Writer("funlib.persistence", "0.3.0", "3.10", "funlib_persistence.py", OLD),
    Writer("funlib.persistence", "0.4.0", "3.10", "funlib_persistence.py", OLD),
    Writer("funlib.persistence", "0.5.0", "3.11", "funlib_persistence.py", ZARR2),
    Writer("funlib.persistence", "0.5.4", "3.11", "funlib_persistence.py", ZARR2),
    Writer("funlib.persistence", "0.6.1", "3.11", "funlib_persistence.py", ZARR2_NUMPY2),
    Writer("funlib.persistence", "0.7.0", "3.12", "funlib_persistence.py", ZARR3),
    Writer("gunpowder", "1.3.4", "3.10", "gunpowder_write.py", OLD),
    Writer("gunpowder", "1.4.0", "3.10", "gunpowder_write.py", OLD),
    Writer("gunpowder", "1.4.4", "3.11", "gunpowder_write.py", ZARR2),
    Writer("iohub", "0.2.3", "3.11", "iohub_write.py", ZARR2),
    Writer(
        "ngff-zarr",
        "0.10.2",
        "3.11",
        "ngff_zarr_write.py",
        ("dask-image==2024.5.3", "itkwasm-downsample==2.0.2", *ZARR2_NUMPY2),
    ),
    Writer("ngff-zarr", "0.50.0", "3.12", "ngff_zarr_write.py", ("itkwasm-downsample==2.0.2", *ZARR3)),
    Writer("ome-zarr", "0.2.1", "3.9", "ome_zarr_write.py", OME_OLD, without_dependencies=True),
    Writer("ome-zarr", "0.3.1", "3.9", "ome_zarr_write.py", OME_OLD, without_dependencies=True),
    Writer("ome-zarr", "0.9.0", "3.11", "ome_zarr_write.py", ZARR2),
    Writer("ome-zarr", "0.12.2", "3.12", "ome_zarr_write.py", ZARR3),
    Writer("ome-zarr", "0.18.0", "3.12", "ome_zarr_write.py", ZARR3),
    Writer("tensorstore", "0.1.86", "3.12", "tensorstore_write.py"),
    Writer("xarray", "2024.11.0", "3.11", "xarray_write.py", ZARR2),
    Writer("xarray", "2025.9.0", "3.12", "xarray_write.py", ZARR3),
    Writer("zarr", "2.18.3", "3.11", "zarr2.py", ("numcodecs==0.13.1", "numpy==1.26.4", "fsspec==2024.10.0")),
    Writer("zarr", "3.1.3", "3.12", "zarr3.py", ("numcodecs==0.16.1", "numpy==2.2.6")),
)


def find_python(version: str, overrides: dict[str, str]) -> str:
    """The interpreter of that minor version: the override, else the first `pythonX.Y` on PATH that runs."""
    name = f"python{version}"
    folders = os.environ.get("PATH", "").split(os.pathsep)
    candidates = [overrides[version]] if version in overrides else [os.path.join(folder, name) for folder in folders]
    for candidate in candidates:
        command = [candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        try:
            answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        except OSError:
            continue
        if answer.returncode == 0 and answer.stdout.strip() == version:
            return candidate
    raise RowError(f"no {name} on PATH (give one with --python {version}=PATH)")


def run(command: list[str], log: Path, **options: Any) -> None:
    """Run a command with its output appended to a log; on failure show the log's end."""
    with log.open("a", encoding="utf-8") as stream:
        stream.write("$ " + " ".join(command) + "\n")
        stream.flush()
        code = subprocess.run(command, stdout=stream, stderr=subprocess.STDOUT, check=False, **options).returncode
    if code:
        tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-12:])
        raise RowError(f"exit code {code}, see {log}\n{tail}")


def make_environment(writer: Writer, args: argparse.Namespace, log: Path) -> Path:
    """The writer's virtual environment, made anew unless one with the same pins is there already."""
    folder: Path = args.work / "venvs" / writer.name
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = folder / "wild-stamp"
    wanted = hashlib.sha256(repr(replace(writer, script="")).encode()).hexdigest()
    if not args.fresh and stamp.is_file() and stamp.read_text() == wanted:
        return python
    run([find_python(writer.python, dict(args.python)), "-m", "venv", "--clear", str(folder)], log)
    install = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    if writer.without_dependencies:
        run([*install, *writer.requirements], log)
        run([*install, "--no-deps", writer.pin], log)
    else:
        run([*install, writer.pin, *writer.requirements], log)
    stamp.write_text(wanted)
    return python


def node_path(document: Path, root: Path) -> str:
    return document.parent.relative_to(root).as_posix()


def is_array(document: Path) -> bool:
    if document.name == ".zarray":
        return True
    content: dict[str, Any] = json.loads(document.read_bytes())
    if document.name == "zarr.json":
        return bool(content.get("node_type") == "array")
    return document.name == "attributes.json" and {"dimensions", "blockSize", "dataType"} <= content.keys()


def check_documents(documents: list[Path], root: Path, rows: list[dict[str, Any]], private: list[str]) -> None:
    """No document may name this machine, and the arrays must be those that the script declared."""
    for document in documents:
        text = document.read_text(encoding="utf-8")
        for name in private:
            if name in text:
                raise RowError(f"{document.relative_to(root)} holds the machine's path {name}")
    found = {node_path(document, root) for document in documents if is_array(document)}
    declared = [row["path"] for row in rows]
    if found != set(declared) or len(declared) != len(set(declared)):
        raise RowError(
            f"arrays written and declared differ: only written {sorted(found - set(declared))}, "
            f"only declared {sorted(set(declared) - found)}"
        )


def make(writer: Writer, args: argparse.Namespace) -> list[dict[str, Any]]:
    """Make one row's documents below `wild/` and return its entries of the index."""
    log = args.work / f"{writer.name}.log"
    log.unlink(missing_ok=True)
    python = make_environment(writer, args, log)
    scratch = args.work / "scratch" / writer.name
    shutil.rmtree(scratch, ignore_errors=True)
    out = scratch / "out"
    out.mkdir(parents=True)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}
    environment |= {"HOME": str(scratch), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1", "TZ": "UTC"}
    run([str(python), str(HERE / "writers" / writer.script), str(out)], log, cwd=out, env=environment, timeout=300)

    rows = json.loads((out / "expected.json").read_text(encoding="utf-8"))
    documents = sorted(path for path in out.rglob("*") if path.name in DOCUMENTS and path.is_file())
    check_documents(documents, out, rows, [str(args.work), str(HERE), str(Path.home())])
    target = WILD / writer.name
    shutil.rmtree(target, ignore_errors=True)
    for document in documents:
        copy = target / document.relative_to(out)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(document.read_bytes())
    shutil.rmtree(scratch, ignore_errors=True)
    head = {"writer": writer.package, "version": writer.version}
    return [
        {"path": f"{writer.name}/{row.pop('path')}", "container": f"{writer.name}/{row.pop('container')}", **head, **row}
        for row in rows
    ]


def write_index(made: dict[str, list[dict[str, Any]]]) -> int:
    """Replace the entries of the rows just made, drop those of rows no longer in the table, keep the others."""
    index = WILD / "index.json"
    old = json.loads(index.read_text(encoding="utf-8")) if index.is_file() else []
    names = {writer.name for writer in WRITERS} - made.keys()
    rows = [row for row in old if row["path"].split("/")[0] in names]
    rows += [row for entries in made.values() for row in entries]
    rows.sort(key=lambda row: row["path"])
    lines = ",\n".join(" " + json.dumps(row, ensure_ascii=False) for row in rows)
    index.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    return len(rows)


def python_override(text: str) -> tuple[str, str]:
    version, separator, path = text.partition("=")
    if not (version and separator and path):
        raise argparse.ArgumentTypeError("expected VERSION=PATH, such as 3.9=/somewhere/python")
    return version, path


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="rows to make, such as gunpowder or gunpowder-1.4.4 (default: all)"
    )
    parser.add_argument(
        "--work", type=Path, metavar="DIR", help="where environments, scratch data and logs go (needed, except for --list)"
    )
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        type=python_override,
        metavar="VERSION=PATH",
        help="use this interpreter for a version",
    )
    parser.add_argument("--fresh", action="store_true", help="remake environments that are there already")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="rows made at the same time (default: 1)")
    parser.add_argument("--list", action="store_true", help="print the rows and stop")
    args = parser.parse_args(argv)
    known = {name for writer in WRITERS for name in (writer.name, writer.package)}
    if unknown := sorted(set(args.names) - known):
        parser.error(f"unknown row: {', '.join(unknown)} (see --list)")
    if not args.list and args.work is None:
        parser.error("--work DIR is needed")
    return args


def main(argv: list[str] | None = None) -> int:
    args = parse_arguments(argv)
    chosen = [writer for writer in WRITERS if not args.names or {writer.name, writer.package} & set(args.names)]
    if args.list:
        for writer in chosen:
            print(f"{writer.name:28} python {writer.python:5} {writer.script:26} {' '.join(writer.requirements)}")
        return 0
    args.work = args.work.resolve()
    args.work.mkdir(parents=True, exist_ok=True)
    WILD.mkdir(exist_ok=True)
    made: dict[str, list[dict[str, Any]]] = {}
    failed: list[str] = []

    def one(writer: Writer) -> None:
        start = time.monotonic()
        try:
            made[writer.name] = make(writer, args)
        except (RowError, OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
            failed.append(writer.name)
            print(f"FAILED  {writer.name}: {error}", flush=True)
        else:
            print(f"made    {writer.name}: {len(made[writer.name])} arrays, {time.monotonic() - start:.0f} s", flush=True)

    with ThreadPoolExecutor(max_workers=max(1, args.jobs)) as pool:
        list(pool.map(one, chosen))
    print(f"{len(made)} rows made, {len(failed)} failed; index.json lists {write_index(made)} arrays")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
