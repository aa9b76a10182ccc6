"""How fast is opening an array and reading `voxel_size` and `roi`, against zarr and funlib.persistence, in one run?

    pip install zmeta funlib.persistence
    python tests/benchmarks/open_array.py

In every round each contender opens all arrays several times, one contender after the other, so that a slow moment of the
machine hits all of them. The first pass of a contender over the arrays does not count: the threads and caches that the one
before it leaves behind would be charged to it. Printed are medians and the ratio of medians. Exit code 1 if a ratio is
below its target.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import zarr

from zmeta import ArrayIdentifier, ZarrArray

PASSES = 5
TARGETS = {"zarr.open_array": 5.0, "funlib.persistence.open_ds": 15.0}


def make_arrays(folder: Path, count: int) -> list[Path]:
    """Arrays of the layout of funlib.persistence 0.7, which all contenders can read; each in a container of its own."""
    attributes: dict[str, Any] = {
        "offset": [400, 800, 1200], "voxel_size": [40, 4, 8], "axis_names": ["z", "y", "x"],
        "types": ["space", "space", "space"], "units": ["nm", "nm", "nm"],
    }  # fmt: skip
    paths = []
    for index in range(count):
        root = folder / f"{index}.zarr"
        zarr.create_group(root)
        zarr.create_array(root / "raw", shape=(64, 64, 64), chunks=(32, 32, 32), dtype="uint8", attributes=attributes)
        paths.append(root)
    return paths


def read_zmeta(path: Path) -> object:
    array = ZarrArray.open_from_array_identifier(ArrayIdentifier(container=path, dataset="raw"), mode="r")
    return array.voxel_size, array.roi


def read_zarr(path: Path) -> object:
    return zarr.open_array(path / "raw", mode="r").attrs["voxel_size"]


def read_funlib(path: Path) -> object:
    from funlib.persistence import open_ds

    array = open_ds(path / "raw", mode="r")
    return array.voxel_size, array.roi


def time_rounds(contenders: dict[str, Callable[[Path], object]], paths: list[Path], rounds: int) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, read in contenders.items():
            for index, path in enumerate(paths * PASSES):
                begin = time.perf_counter()
                read(path)
                if number > 0 and index >= len(paths):  # the first round warms up
                    times[name].append(time.perf_counter() - begin)
    return {name: statistics.median(values) for name, values in times.items()}


def time_starts(runs: int) -> dict[str, float]:
    """Whole processes: bare Python, `import zmeta`, `zmeta --version`."""
    commands = {
        "python": ["-c", "pass"],
        "import zmeta": ["-c", "import zmeta"],
        "zmeta --version": ["-m", "zmeta", "--version"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    for _ in range(runs + 2):
        for name, command in commands.items():
            begin = time.perf_counter()
            subprocess.run([sys.executable, *command], check=True, capture_output=True, env=environment)
            times[name].append(time.perf_counter() - begin)
    return {name: statistics.median(values[2:]) for name, values in times.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--arrays", type=int, default=60)
    parser.add_argument("--starts", type=int, default=15, help="processes a command")
    options = parser.parse_args()
    contenders: dict[str, Callable[[Path], object]] = {"zmeta.ZarrArray": read_zmeta, "zarr.open_array": read_zarr}
    if find_spec("funlib.persistence") is None:
        print("funlib.persistence is not installed: left out")
    else:
        contenders["funlib.persistence.open_ds"] = read_funlib
    with tempfile.TemporaryDirectory() as folder:
        medians = time_rounds(contenders, make_arrays(Path(folder), options.arrays), options.rounds)
    own = medians["zmeta.ZarrArray"]
    failed = False
    print(f"open and read voxel_size and roi: medians of {options.rounds} rounds over {options.arrays} arrays")
    for name, median in medians.items():
        target = TARGETS.get(name)
        verdict = "" if target is None else f"  (target ≥ {target:g}×)"
        failed = failed or (target is not None and median / own < target)
        print(f"  {name:<30}{median * 1e6:9.0f} µs {median / own:8.1f}×{verdict}")
    starts = time_starts(options.starts)
    print(f"start: medians of {options.starts} processes")
    for name, median in starts.items():
        extra = median - starts["python"]
        failed = failed or extra > 0.060
        print(f"  {name:<30}{median * 1e3:9.1f} ms {extra * 1e3:+8.1f} ms  (target ≤ +60 ms)")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
