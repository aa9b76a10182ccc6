"""`zmeta explain [CODE…]`: the page of a rule, or the list of all codes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from zmeta.checker.rules.registry import load_page
from zmeta.finding import CODES

if TYPE_CHECKING:
    import argparse


def main(arguments: argparse.Namespace) -> int:
    """2 for a code that does not exist."""
    if not arguments.codes:
        for code, (severity, title) in CODES.items():
            print(f"{code}  {severity!s:<8} {title}")
        return 0
    status = 0
    for number, name in enumerate(arguments.codes):
        wanted = name.upper()
        if wanted not in CODES:
            fitting = [known for known in CODES if known.startswith(wanted[:4])]
            listed = f": {', '.join(fitting)}" if fitting else ""
            print(f"zmeta: there is no code {name!r}; `zmeta explain` lists all of them{listed}", file=sys.stderr)
            status = 2
            continue
        severity, title = CODES[wanted]
        print(("\n" if number else "") + f"{wanted}: {title} ({severity})\n\n{load_page(wanted).strip()}")
    return status
