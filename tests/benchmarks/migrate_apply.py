"""How fast is a migration written, against the floor, in one run? And how much memory does a large one take?

    python tests/benchmarks/migrate_apply.py --work FOLDER [--arrays 5000] [--rounds 3]
    python tests/benchmarks/migrate_apply.py --work FOLDER --memory [--arrays 100000]

The floor writes the same documents with the same durability as a script would: read, parse, write beside, fsync, rename,
fsync the folder. `apply` writes a run that was planned before; `create + apply` counts the planning into a journal, too. In
every round each contender has a tree of its own, in turn and in reversed order in every second round. Printed are medians of
wall and process time per document, and the median over the rounds of the ratio. FOLDER decides about the disk. This is a
measurement and no test: exit code 0, whatever the ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from unittest.mock import patch

from zmeta.migration.apply import apply
from zmeta.migration.run import Run
from zmeta.migration.unit import Unit
from zmeta.nodes.write import Change
from zmeta.stores import sync

PER_FOLDER = 1000
DOCUMENT = {
    "zarr_format": 3, "node_type": "array", "shape": [1000, 1000, 1000], "data_type": "uint8", "fill_value": 0,
    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [64, 64, 64]}},
    "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
    "codecs": [{"name": "bytes"}, {"name": "zstd", "configuration": {"level": 0, "checksum": False}}],
}  # fmt: skip


def old_bytes(number: int) -> bytes:
    attributes = {"resolution": [40, 4, 4], "offset": [number, 0, 0], "name": f"array {number}"}
    return json.dumps({**DOCUMENT, "attributes": attributes}, indent=2).encode()


def new_bytes(number: int) -> bytes:
    attributes = {"axes": ["z", "y", "x"], "voxel_size": [40, 4, 4], "offset": [number, 0, 0], "name": f"array {number}"}
    return json.dumps({**DOCUMENT, "attributes": attributes}, indent=2).encode()


def folder_of(tree: Path, number: int) -> Path:
    return tree / f"{number // PER_FOLDER:06}" / f"a{number:09}"


def make_tree(tree: Path, count: int) -> None:
    for number in range(count):
        folder = folder_of(tree, number)
        folder.mkdir(parents=True)
        (folder / "zarr.json").write_bytes(old_bytes(number))


def plan(tree: Path, count: int) -> Iterator[Unit]:
    for number in range(count):
        folder = str(folder_of(tree, number))
        change = Change(folder + "/zarr.json", old_bytes(number), new_bytes(number))
        yield Unit(folder, ("daisy@1 → zmeta@1.0",), "lossless", (change,))


# --- contenders ---------------------------------------------------------------------------------------------------------


def run_floor(tree: Path, count: int, _state: Path) -> None:
    for number in range(count):
        folder = str(folder_of(tree, number))
        file, beside = folder + "/zarr.json", folder + "/.zarr.json.tmp"
        with open(file, "rb") as handle:
            json.loads(handle.read())
        new = new_bytes(number)
        with open(beside, "wb") as handle:
            handle.write(new)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(beside, file)
        opened = os.open(folder, os.O_RDONLY)
        os.fsync(opened)
        os.close(opened)


def run_apply(jobs: int, *, whole: bool) -> Callable[[Path, int, Path], None]:
    def run(tree: Path, count: int, state: Path) -> None:
        planned = Run.open(next((state / "runs").iterdir()).name, state)
        with nullcontext() if whole else patch.object(sync, "is_trusted", return_value=False):
            outcome = apply(planned, jobs=jobs)
        if outcome.written != count:
            sys.exit(f"not all was written: {outcome}")

    return run


def run_all(tree: Path, count: int, state: Path) -> None:
    shutil.rmtree(state)
    apply(Run.create(plan(tree, count), {"paths": [str(tree)]}, state))


CONTENDERS: dict[str, Callable[[Path, int, Path], None]] = {
    "floor": run_floor,
    "apply": run_apply(1, whole=True),
    "apply --jobs 2": run_apply(2, whole=True),
    "create + apply": run_all,
    "apply, fsync each": run_apply(1, whole=False),
    "apply, fsync each, --jobs 4": run_apply(4, whole=False),
}


def measure(options: argparse.Namespace) -> None:
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in CONTENDERS}
    for number in range(options.rounds):
        for name in list(CONTENDERS)[:: 1 if number % 2 == 0 else -1]:
            with tempfile.TemporaryDirectory(dir=options.work) as folder:
                tree, state = Path(folder, "t"), Path(folder, "s")
                make_tree(tree, options.arrays)
                Run.create(plan(tree, options.arrays), {"paths": [str(tree)]}, state)
                os.sync()
                wall, process = time.perf_counter(), time.process_time()
                CONTENDERS[name](tree, options.arrays, state)
                times[name].append((time.perf_counter() - wall, time.process_time() - process))
    print(f"{options.arrays} documents, {options.rounds} rounds in {options.work}")
    print(f"{'':30}{'wall':>12}{'process':>12}{'wall ÷ floor':>16}{'process ÷ floor':>18}")
    for name, values in times.items():
        wall, process = (statistics.median(column) / options.arrays * 1e6 for column in zip(*values, strict=True))
        ratios = [
            statistics.median(one[clock] / other[clock] for one, other in zip(values, times["floor"], strict=True))
            for clock in (0, 1)
        ]
        print(f"{name:30}{wall:9.0f} µs{process:9.0f} µs{ratios[0]:15.2f}×{ratios[1]:17.2f}×")


def measure_memory(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        tree, state = Path(folder, "t"), Path(folder, "s")
        make_tree(tree, options.arrays)
        print(f"{options.arrays} arrays, before: {peak():.0f} MB")
        run = Run.create(plan(tree, options.arrays), {"paths": [str(tree)]}, state)
        size = sum(os.path.getsize(os.path.join(run.folder, name)) for name in os.listdir(run.folder)) / 1e6
        print(f"after create: {peak():.0f} MB; the journal takes {size:.1f} MB")
        print(apply(run, jobs=options.jobs))
        print(f"after apply: {peak():.0f} MB (at most 250 MB)")


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", default=tempfile.gettempdir(), help="folder for the trees, on the disk to be measured")
    parser.add_argument("--arrays", type=int, help="how many (default: 5000, for the memory 100000)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2, help="threads of the measurement of memory (default: 2)")
    parser.add_argument("--memory", action="store_true", help="measure the memory instead of the time")
    options = parser.parse_args()
    options.arrays = options.arrays or (100_000 if options.memory else 5000)
    if options.work:
        Path(options.work).mkdir(parents=True, exist_ok=True)
    (measure_memory if options.memory else measure)(options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
