"""`zmeta conformance PATH…`: one line of JSON per path, so that a public suite can drive zmeta."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from zmeta.checker.conformance import judge_path

if TYPE_CHECKING:
    import argparse


def main(arguments: argparse.Namespace) -> int:
    """Answer always: what cannot be read is not valid, and the message says why."""
    for path in arguments.paths:
        valid, message = judge_path(path)
        print(json.dumps({"valid": valid, "message": message}), flush=True)
    return 0
