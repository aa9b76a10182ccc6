"""How fast is the plan of `zmeta migrate`, against the floor, in one run, and how much memory does it take?

    pip install zmeta
    python tests/benchmarks/migrate_plan.py --work FOLDER

The floor is that of `check_tree.py`: walk the tree with os.scandir, read every metadata document, json.loads it. The plan
reads the same documents, decides what becomes of each, proves that nothing moves, and serialises the new ones; nothing is
written. In every round floor and plan have a process of their own, in reversed order in every second round; the time counts
from the moment when all is imported and has been used once on a tree of one node. Printed are medians, and the median over
the rounds of the ratio within each round. The memory is that of a whole process which throws the units away as they come.
This is a measurement and no test: exit code 0, whatever the ratios.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from check_tree import HEAD, Row, compare, make, pick, run_floor, run_process
from trees import tree_path

#: Kinds of trees, what they are brought to, arrays or images for every 100 asked for, and the ratio that is the target.
TREES: dict[str, tuple[str, str, int, float | None]] = {
    "funlib": ("funlib", "zmeta", 100, 2.5),
    "gunpowder": ("gunpowder", "zmeta", 100, 2.5),
    "funlib3": ("funlib3", "zmeta", 100, 2.5),
    "n5": ("n5", "zmeta", 100, 2.5),  # to COSEM, the canonical layout in N5
    "cosem": ("cosem", "zmeta", 100, 2.5),  # N5, nothing to do
    "dacapo": ("dacapo", "zmeta", 100, 2.5),
    "units3": ("units3", "zmeta", 100, 2.5),  # sizes with units, of tensorstore
    "viewer5": ("viewer5", "zmeta", 30, 2.5),  # N5 for viewers: a group and three levels with factors
    "pyramids": ("pyramids", "zmeta", 15, 2.5),  # COSEM in Zarr v2, three levels
    "pyramids5": ("pyramids5", "zmeta", 15, 2.5),  # COSEM in N5, nothing to do
    "newpyramids": ("pyramids", "ome-ngff@0.5", 15, 2.5),
    "containers": ("containers", "zmeta", 25, 2.5),  # two groups around two arrays
    "newcontainers": ("containers", "ome-ngff@0.5", 25, 2.5),
    "containers5": ("containers5", "zmeta", 25, 2.5),
    "copies": ("copies", "zmeta", 25, 2.5),  # the same, with consolidated copies
    "newcopies": ("copies", "ome-ngff@0.5", 25, 2.5),
    "new": ("gunpowder", "ome-ngff@0.5", 20, 2.5),  # arrays become images, 1000 in a group
    "v2": ("v2", "zmeta", 100, None),  # nothing to do: as after a migration
    "v3": ("v3", "zmeta", 100, None),
    "omev2": ("omev2", "ome-ngff@0.5", 15, 2.5),
    "images": ("omev2", "zmeta", 15, 2.5),
    "ome": ("ome", "zmeta", 15, 2.5),
    "labels": ("omelabels", "ome-ngff@0.5", 10, 2.5),  # two images of three levels
    "ngff": ("omengff", "ome-ngff@0.5", 10, 2.5),  # groups between image and level, and a consolidated copy
}
MEASURES = (*TREES, "memory")


def run_plan(path: Path, to: str) -> str:
    """Plan, and count what was planned."""
    from zmeta.migration.options import Options
    from zmeta.migration.plan import plan_units

    units = documents = blocked = 0
    for unit in plan_units([path], Options(to=to)):
        units += 1
        documents += len(unit.changes)
        blocked += unit.blocked
    return f"{units} units, {documents} documents, {blocked} blocked"


def run(name: str, path: Path, to: str) -> str:
    """Run one contender, and return what it says."""
    if name == "plan":
        return run_plan(path, to)
    run_floor(path)
    return ""


def measure(name: str, tree: Path, to: str) -> dict[str, Any]:
    """Serve a child process: process time and wall time, and what was said."""
    small = tree_path(tree.parent, tree.name.split("-")[0], 1)
    for _ in range(3):
        run(name, small, to)
    gc.collect()
    process, wall = time.process_time(), time.perf_counter()
    said = run(name, tree, to)
    return {"process": time.process_time() - process, "wall": time.perf_counter() - wall, "said": said}


def time_once(name: str, tree: Path, to: str) -> dict[str, Any]:
    usage = run_process(__file__, "--work", str(tree.parent), "--measure", name, str(tree), to)
    result: dict[str, Any] = json.loads(usage.text)
    return result


def report_tree(name: str, options: argparse.Namespace) -> list[Row]:
    """Measure the plan of one tree."""
    kind, to, share, target = TREES[name]
    count = max(1, options.arrays * share // 100)
    tree = make(options, kind, count)
    time_once("floor", tree, to)  # the files are in the cache of the system from here on
    times: dict[str, list[dict[str, Any]]] = {"floor": [], "plan": []}
    for number in range(options.rounds):
        for contender in list(times) if number % 2 == 0 else list(times)[::-1]:
            times[contender].append(time_once(contender, tree, to))
    print(f"{tree.name} → {to}: {times['plan'][0]['said']}")
    each = "image" if kind.startswith(("ome", "pyramids", "viewer")) else "array"
    each = "container" if kind.startswith(("containers", "copies")) else each
    rows = []
    for clock in ("process", "wall"):
        plan, floor = pick(times["plan"], clock, count), pick(times["floor"], clock, count)
        rows.append(compare(f"{name}: plan, floor, per {each}, {clock} time", plan, floor, target))
    return rows


def report_memory(options: argparse.Namespace) -> list[Row]:
    """Measure the largest process of a plan."""
    rows = []
    for count in sorted({max(1, options.arrays // 10), options.arrays}):
        tree = make(options, "funlib", count)
        peak = run_process(__file__, "--work", str(tree.parent), "--measure", "plan", str(tree), "zmeta").memory
        rows.append(Row(f"memory: peak of the plan, {count:,} arrays", f"{peak:.0f} MB", "", "", "≤ 250 MB", peak <= 250))
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--work",
        type=Path,
        default=Path(tempfile.gettempdir()) / "zmeta-check-trees",
        help="folder for the trees, which are kept and used again (default: zmeta-check-trees among the temporary files)",
    )
    parser.add_argument(
        "--arrays", type=int, default=100_000, help="arrays of a tree (default: 100000); 15 images for every 100 of them"
    )
    parser.add_argument("--rounds", type=int, default=3, help="rounds of every measurement (default: 3)")
    parser.add_argument("--only", nargs="+", choices=MEASURES, default=MEASURES, metavar="NAME", help=", ".join(MEASURES))
    parser.add_argument("--chunks", action="store_true", help="trees with a chunk file in every array")
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)  # what the child processes do
    options = parser.parse_args()
    if options.measure:
        name, tree, to = options.measure
        print(json.dumps(measure(name, Path(tree), to)))
        return 0
    print(f"{options.arrays:,} arrays, {options.rounds} rounds", HEAD, sep="\n", flush=True)
    for name in options.only:
        for row in report_memory(options) if name == "memory" else report_tree(name, options):
            print(row, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
