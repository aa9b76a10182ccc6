"""`zmeta check` of a tree on S3 against walking it with zarr-python (`members()` and `attrs`), in one run.

    python tests/benchmarks/remote_tree.py [ARRAYS] [--latency 0.02] [--flat] [--rounds 1] [--ignore ZM004]

The server is moto's, behind a proxy that answers each request after the latency. Answers to reads come from the proxy's
memory after a first round that is not counted, for both alike: moto answers a few hundred requests a second, and its speed
is not what is measured. Where zarr-python takes longer than `--most` seconds, it is stopped, and its time is extrapolated
from the arrays it has passed; the output says so.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import zarr
from builders import SOUND, V3
from cloud import S3, Cloud, running

import zmeta

LEVELS = 5


def documents(arrays: int, *, flat: bool) -> dict[str, bytes]:
    """Return a tree of images with five levels each, or of arrays side by side."""
    group: dict[str, Any] = {"zarr_format": 3, "node_type": "group", "attributes": {}}
    found: dict[str, Any] = {"t/zarr.json": group}
    for index in range(arrays if flat else 0):
        found[f"t/a{index:05}/zarr.json"] = {**V3, "attributes": {**SOUND, "number": index}}
    for index in range(0 if flat else arrays // LEVELS):
        ome = {"version": "0.5", "multiscales": [_image(index)]}
        found[f"t/i{index:05}/zarr.json"] = {**group, "attributes": {"ome": ome}}
        for level in range(LEVELS):
            array = {**V3, "shape": [64 >> level] * 3, "dimension_names": ["z", "y", "x"]}
            found[f"t/i{index:05}/{level}/zarr.json"] = array
    return {key: json.dumps(data).encode() for key, data in found.items()}


def _image(index: int) -> dict[str, Any]:
    axes = [{"name": name, "type": "space", "unit": "nanometer"} for name in "zyx"]
    datasets = [
        {"path": str(level), "coordinateTransformations": [{"type": "scale", "scale": [4.0 * 2**level] * 3}]}
        for level in range(LEVELS)
    ]
    return {"name": f"image {index}", "axes": axes, "datasets": datasets}


def walk_with_zarr(store: Any, most: float) -> tuple[int, float, bool]:
    """Walk as a user does; return the arrays passed, the seconds, and whether the walk was ended early."""
    start = time.perf_counter()
    count = 0
    group = zarr.open_group(zarr.storage.ObjectStore(store, read_only=True), path="t", mode="r")
    names = [(group, "")]
    while names:
        above, _ = names.pop()
        for name, node in above.members():
            dict(node.attrs)
            if isinstance(node, zarr.Group):
                names.append((node, name))
            else:
                count += 1
        if time.perf_counter() - start > most:
            return count, time.perf_counter() - start, True
    return count, time.perf_counter() - start, False


def members(store: Any) -> tuple[int, float, bool]:
    """The same by one call, `members(max_depth=None)`."""
    start = time.perf_counter()
    group = zarr.open_group(zarr.storage.ObjectStore(store, read_only=True), path="t", mode="r")
    found = [(name, dict(node.attrs), node) for name, node in group.members(max_depth=None)]
    return sum(isinstance(node, zarr.Array) for _, _, node in found), time.perf_counter() - start, False


def check(s3: Cloud, url: str, ignore: tuple[str, ...]) -> tuple[int, float, bool]:
    start = time.perf_counter()
    report = zmeta.check(f"{url}/t", config=replace(s3.config(), ignore=ignore))
    return report.summary.arrays, time.perf_counter() - start, False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arrays", type=int, nargs="?", default=2000)
    parser.add_argument("--latency", type=float, default=0.02)
    parser.add_argument("--flat", action="store_true")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--most", type=float, default=120)
    parser.add_argument("--ignore", nargs="+", default=[], metavar="CODE", help="rules that are left out of the check")
    arguments = parser.parse_args()
    ignore = tuple(arguments.ignore)
    with running(S3) as s3:
        url = s3.bucket("benchmark")
        straight, proxied = s3.store("benchmark"), s3.store("benchmark", proxied=True)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda item: straight.put(*item), documents(arguments.arrays, flat=arguments.flat).items()))
        s3.behave(latency=arguments.latency, remember=True)
        check(s3, url, ignore)
        members(proxied)
        for _ in range(arguments.rounds):
            results = {"zmeta check": check(s3, url, ignore), "zarr members(max_depth=None)": members(proxied),
                       "zarr group by group": walk_with_zarr(proxied, arguments.most)}  # fmt: skip
            ours = results["zmeta check"][1]
            for name, (count, seconds, early) in results.items():
                whole = seconds * arguments.arrays / count if early else seconds
                said = f" (ended after {count} arrays and {seconds:.1f} s, extrapolated)" if early else ""
                print(f"{name:<30}{count:6} arrays {whole:8.2f} s {whole / ours:6.1f} ×{said}", flush=True)


if __name__ == "__main__":
    main()
