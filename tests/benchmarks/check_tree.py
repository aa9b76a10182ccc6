"""How fast is `zmeta check`, against the floor and against others, in one run?

    pip install zmeta "yaozarrs[io]" ome-zarr-models
    python tests/benchmarks/check_tree.py --work FOLDER

The floor is what no linter can do without: walk the tree with os.scandir, read every metadata document, json.loads it. The
lean floor, printed for comparison, reads the documents of a folder first and does not list the folders of arrays.

In every round each contender has a process of its own, one after the other and in reversed order in every second round, so
that a slow moment of the machine hits all of them and no contender profits from what another one left in memory. The time
counts from the moment when all is imported and has been used once on a tree of one node. Only `--jobs 2` is timed as a whole
process, with its start. Printed are medians, and the median over the rounds of the ratio within each round. This is a
measurement and no test: exit code 0, whatever the ratios.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from trees import sample_tree, tree_path

DOCUMENTS = frozenset({"zarr.json", ".zarray", ".zgroup", ".zattrs", "attributes.json"})
MEASURES = ("v2", "v3", "funlib", "alike", "ome", "ome-alike", "start", "memory")
MODULES = {"yaozarrs": "yaozarrs", "ome-zarr-models": "ome_zarr_models"}
SAMPLES = {"open": 1000, "yaozarrs": 200, "ome-zarr-models": 50}
MILLION = 1_000_000


# --- what is measured: each is called in a process of its own -----------------------------------------------------------


def run_check(path: Path) -> str:
    """All rules, default settings, one process."""
    import zmeta

    check: Any = zmeta.check
    report = check(path, jobs=1)
    return str(getattr(report, "summary", report))[:200]  # did it look at all of the tree?


def read_json(path: str) -> Any:
    with open(path, "rb") as file:
        return json.loads(file.read())


def run_floor(path: Path) -> None:
    folders = [str(path)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.name in DOCUMENTS:
                    read_json(entry.path)
                elif entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)


def run_lean_floor(path: Path) -> None:
    folders = [str(path)]
    while folders:
        folder = folders.pop()
        try:
            if read_json(f"{folder}/zarr.json")["node_type"] == "array":
                continue
        except FileNotFoundError:
            try:
                read_json(f"{folder}/.zarray")
                read_json(f"{folder}/.zattrs")
                continue
            except FileNotFoundError:
                pass
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                elif entry.name in DOCUMENTS and entry.name != "zarr.json":
                    read_json(entry.path)


def open_zarr(path: Path) -> None:
    import zarr

    zarr.open_array(path, mode="r")


def validate_yaozarrs(path: Path) -> None:
    import_module("yaozarrs").validate_zarr_store(path)


def validate_ome_zarr_models(path: Path) -> None:
    """The call of its command line."""
    import_module("ome_zarr_models").open_ome_zarr(path)


WHOLE: dict[str, Callable[[Path], str | None]] = {"check": run_check, "floor": run_floor, "lean": run_lean_floor}
EACH: dict[str, Callable[[Path], None]] = {
    "open": open_zarr,
    "yaozarrs": validate_yaozarrs,
    "ome-zarr-models": validate_ome_zarr_models,
}


def measure(name: str, tree: Path) -> dict[str, Any]:
    """Serve a child process: return process time and wall time, per tree or per node of a sample, and what was said."""
    warnings.simplefilter("ignore")
    small = tree_path(tree.parent, tree.name.split("-")[0], 1)
    nodes = [tree] if name in WHOLE else list(sample_tree(tree, SAMPLES[name]))
    run: Callable[[Path], str | None] = WHOLE[name] if name in WHOLE else EACH[name]
    said = None
    for _ in range(3):
        run(small if name in WHOLE else nodes[0])
    gc.collect()
    process, wall = time.process_time(), time.perf_counter()
    for node in nodes:
        said = run(node)
    return {
        "process": (time.process_time() - process) / len(nodes),
        "wall": (time.perf_counter() - wall) / len(nodes),
        "said": said,
    }


# --- processes ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Usage:
    """What a process and its children took: seconds, and the MB of the largest of them."""

    process: float
    wall: float
    memory: float
    text: str


def run_process(*arguments: str, discard: bool = False) -> Usage:
    """Run Python. The memory is never less than that of the process that runs this, so import nothing large here."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        begin = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, *arguments],
            stdout=subprocess.DEVNULL if discard else output,
            stderr=errors,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""},
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        message = errors.read().decode(errors="replace")
        if process.returncode not in (0, 1) or "Traceback" in message:  # 1: check found something
            sys.exit(f"cannot run `python {' '.join(arguments)}`:\n{message}")
        memory = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
        return Usage(usage.ru_utime + usage.ru_stime, wall, memory, output.read(10_000).decode())


def run_command(path: Path, *options: str) -> Usage:
    """Run the command as users do, with its report to nowhere."""
    return run_process("-m", "zmeta", "check", str(path), *options, discard=True)


def time_contender(name: str, tree: Path) -> dict[str, Any]:
    if name == "jobs 2":
        usage = run_command(tree, "--format", "jsonl", "--jobs", "2")
        return {"process": usage.process, "wall": usage.wall}
    usage = run_process(__file__, "--work", str(tree.parent), "--measure", name, str(tree))
    result: dict[str, Any] = json.loads(usage.text)
    return result


def time_rounds(contenders: Sequence[str], tree: Path, rounds: int) -> dict[str, list[dict[str, Any]]]:
    times: dict[str, list[dict[str, Any]]] = {name: [] for name in contenders}
    time_contender("floor", tree)  # the files are in the cache of the system from here on
    for number in range(rounds):
        for name in contenders if number % 2 == 0 else reversed(contenders):
            times[name].append(time_contender(name, tree))
    print(f"{tree.name}: {times['check'][0]['said']}")
    return times


# --- the table ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    ours: str
    other: str
    ratio: str = ""
    target: str = ""
    ok: bool | None = None

    def __str__(self) -> str:
        verdict = "" if self.ok is None else "yes" if self.ok else "NO"
        return f"{self.what:<58}{self.ours:>14}{self.other:>14}{self.ratio:>9}{self.target:>10}  {verdict}".rstrip()


HEAD = Row("what", "ours", "other", "ratio", "target")


def compare(what: str, ours: list[float], other: list[float], goal: float | None = None, *, faster: bool = False) -> Row:
    """Compare round by round: ours ÷ other, at most the goal; with `faster` how many times as long the other one takes."""
    ratio = statistics.median(b / a if faster else a / b for a, b in zip(ours, other, strict=True))
    target = "" if goal is None else f"{'≥' if faster else '≤'} {goal:g}×"
    ok = None if goal is None else ratio >= goal if faster else ratio <= goal
    first, second = (f"{statistics.median(values) * 1e6:.1f} µs" for values in (ours, other))
    return Row(what, first, second, f"{ratio:.2f}×", target, ok)


def pick(times: list[dict[str, Any]], clock: str, count: int = 1) -> list[float]:
    return [time[clock] / count for time in times]


def report_arrays(kind: str, options: argparse.Namespace) -> list[Row]:
    """Measure a tree of arrays; only v2 and v3 have targets."""
    full = kind in ("v2", "v3")
    count = options.arrays if full else max(1, options.arrays // 5)
    tree = make(options, kind, count)
    contenders = ["floor", "check", *(["lean", "jobs 2", "open"] if full else [])]
    times = time_rounds(contenders, tree, options.rounds)
    rows = []
    for clock in ("process", "wall"):
        check = pick(times["check"], clock, count)
        floor = pick(times["floor"], clock, count)
        limit = 2 if full else None
        rows.append(compare(f"{kind}: check, floor, per array, {clock} time", check, floor, limit))
        if full:
            lean = pick(times["lean"], clock, count)
            rows.append(compare(f"{kind}: check, lean floor, per array, {clock} time", check, lean))
    if full:
        jobs, floor = pick(times["jobs 2"], "wall", count), pick(times["floor"], "wall", count)
        rows.append(compare(f"{kind}: check --jobs 2, floor in one process, wall time", jobs, floor, 1))
        for clock in ("process", "wall"):
            check, other = pick(times["check"], clock, count), pick(times["open"], clock)
            rows.append(compare(f"{kind}: check, zarr.open_array, per array, {clock} time", check, other, 15, faster=True))
    return rows


def report_images(kind: str, options: argparse.Namespace) -> list[Row]:
    """Measure images that all differ, or (as the fields of a plate) are described alike."""
    count = max(1, options.arrays * 3 // 100)
    tree = make(options, kind, count)
    others = {"yaozarrs": 5, "ome-zarr-models": 50}
    there = [name for name in others if find_spec(MODULES[name]) is not None]
    times = time_rounds(["floor", "lean", "check", *there], tree, options.rounds)
    rows = []
    for clock in ("process", "wall"):
        check = pick(times["check"], clock, count)
        floors = {name: pick(times[name], clock, count) for name in ("floor", "lean")}
        rows.append(compare(f"{kind}: check, floor, per image, {clock} time", check, floors["floor"]))
        rows.append(compare(f"{kind}: check, lean floor, per image, {clock} time", check, floors["lean"]))
        for name, least in others.items():
            what = f"{kind}: check, {name}, per image, {clock} time"
            if name in there:
                other = pick(times[name], clock)
                rows.append(compare(what, check, other, least, faster=True))
                what = f"{kind}: (lean floor itself, {name}, {clock} time)"
                rows.append(compare(what, floors["lean"], other, faster=True))
            else:
                rows.append(Row(what, "", "not installed", target=f"≥ {least:g}×"))
    return rows


def report_start(options: argparse.Namespace) -> list[Row]:
    """Whole processes: `python -m zmeta check` of one array against `python -c pass`."""
    (array,) = sample_tree(make(options, "v3", 1), 1)
    starts = [
        (run_process("-m", "zmeta", "check", str(array)).process, run_process("-c", "pass").process)
        for _ in range(options.rounds * 5 + 2)
    ][2:]
    ours, bare = (statistics.median(values) for values in zip(*starts, strict=True))
    extra = statistics.median(a - b for a, b in starts)
    shown = f"{ours * 1e3:.0f} ms", f"{bare * 1e3:.0f} ms", f"+{extra * 1e3:.0f} ms"
    return [Row("start: check of one array, python -c pass, process time", *shown, "≤ +300 ms", extra <= 0.3)]


def report_memory(options: argparse.Namespace) -> list[Row]:
    """Measure the largest process of `check`."""
    counts = sorted({max(1, options.arrays // 10), options.arrays} | ({MILLION} if options.million else set()))
    rows = []
    for count in counts:
        usage = run_command(make(options, "v3", count), "--format", "jsonl")
        what = f"memory: peak of check, {count:,} arrays"
        rows.append(Row(what, f"{usage.memory:.0f} MB", "", "", "≤ 200 MB", usage.memory <= 200))
    return rows


def make(options: argparse.Namespace, kind: str, count: int) -> Path:
    """Make the tree, and the one of one node beside it, in a process of its own."""
    script = str(Path(__file__).with_name("trees.py"))
    for number, chunks in {(1, False), (count, options.chunks)}:
        if not tree_path(options.work, kind, number, chunks).exists():
            print(f"making {kind} × {number:,} in {options.work}", file=sys.stderr)
            run_process(script, kind, str(number), "--work", str(options.work), *(["--chunks"] if chunks else []))
    return tree_path(options.work, kind, count, options.chunks)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--work",
        type=Path,
        default=Path(tempfile.gettempdir()) / "zmeta-check-trees",
        help="folder for the trees, which are kept and used again (default: zmeta-check-trees among the temporary files); "
        "8 kB an array on the usual file systems",
    )
    parser.add_argument(
        "--arrays",
        type=int,
        default=100_000,
        help="arrays of the v2 and v3 trees (default: 100000, for which the targets hold); a fifth of them in the funlib "
        "and alike trees, 3 images for every 100",
    )
    parser.add_argument("--rounds", type=int, default=3, help="rounds of every measurement (default: 3)")
    parser.add_argument("--only", nargs="+", choices=MEASURES, default=MEASURES, metavar="NAME", help=", ".join(MEASURES))
    parser.add_argument("--chunks", action="store_true", help="trees with a chunk file in every array")
    parser.add_argument("--million", action="store_true", help="memory also on a million arrays (8 GB, made once)")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)  # what the child processes do
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure[0], Path(options.measure[1]))))
        return 0
    print(f"{options.arrays:,} arrays, {options.rounds} rounds", HEAD, sep="\n", flush=True)
    for name in options.only:
        report = {"start": report_start, "memory": report_memory}.get(name)
        by_kind = report_images if name.startswith("ome") else report_arrays
        for row in report(options) if report else by_kind(name, options):
            print(row, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
