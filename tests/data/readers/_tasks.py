"""What a reader script is given, and how it answers. Runs in the environments of the readers, and of the writers."""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path
from typing import Any, Callable

import numpy as np


def pattern(shape: Any, dtype: str) -> np.ndarray:
    """The pixels of an array: no two neighbours are equal, whatever the axes are called."""
    count = int(np.prod(shape, dtype="int64"))
    return ((np.arange(count, dtype="int64") * 31 + 7) % 113).reshape(tuple(shape)).astype(dtype)


def check_pixels(found: Any, task: dict[str, Any]) -> None:
    """Every pixel must be what was painted."""
    pixels, wanted = np.asarray(found), pattern(task["shape"], task["dtype"])
    assert pixels.shape == wanted.shape, f"shape {pixels.shape}, not {wanted.shape}"
    assert np.array_equal(pixels, wanted), f"{int((pixels != wanted).sum())} of {wanted.size} pixels differ"


def check_numbers(found: Any, wanted: Any, what: str) -> None:
    """Numbers must be equal, not nearly; None is not compared."""
    pairs = list(zip(found, wanted))
    assert len(found) == len(wanted), f"{what}: {list(found)} has another length than {list(wanted)}"
    wrong = [(one, other) for one, other in pairs if other is not None and float(one) != float(other)]
    assert not wrong, f"{what}: {[one for one, _ in wrong]}, not {[other for _, other in wrong]}"


def main(check: Callable[[dict[str, Any]], None], choose: Callable[[dict[str, Any]], bool]) -> None:
    """Check every task that concerns this reader, and write down for each what went wrong, if anything did."""
    tasks = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    answers = {}
    for number, task in enumerate(tasks):
        if not choose(task):
            continue
        try:
            check(task)
        except Exception as error:
            traceback.print_exc()
            answers[number] = f"{type(error).__name__}: {error}"[:300]
        else:
            answers[number] = ""
    Path(sys.argv[2]).write_text(json.dumps(answers), encoding="utf-8")


def is_array(task: dict[str, Any]) -> bool:
    """Whether the task is about one array."""
    return task["what"] == "array"


def is_image(task: dict[str, Any]) -> bool:
    """Whether the task is about an image of OME-NGFF."""
    return task["what"] == "image"
