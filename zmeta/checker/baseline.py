"""Baselines: findings that are known and do not fail a run, in a file that can be reviewed and committed."""

from __future__ import annotations

import json
import os
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

from zmeta.errors import ConfigError
from zmeta.jsondoc import parse_json
from zmeta.stores.local import failed, read_file

if TYPE_CHECKING:
    from collections.abc import Iterable

    from zmeta.finding import Finding
    from zmeta.jsondoc import JSONObject

_VERSION = 1


def load_baseline(path: str) -> Counter[str]:
    """Return how often each fingerprint is known; raises `ConfigError` for a file that is no baseline."""
    file = os.path.abspath(path)
    raw = read_file(file)
    hint = "write one with --write-baseline"
    if raw is None:
        raise ConfigError("there is no such baseline", where=file, hint=hint)
    data = parse_json(raw, file)[0]
    entries = data.get("findings")
    if data.get("zmeta_baseline") != _VERSION or not isinstance(entries, list):
        raise ConfigError("this is no baseline of zmeta", where=file, expected='{"zmeta_baseline": 1, …}', hint=hint)
    known: Counter[str] = Counter()
    for entry in entries:
        fingerprint = entry.get("fingerprint") if isinstance(entry, dict) else None
        count = entry.get("count", 1) if isinstance(entry, dict) else 0
        if not isinstance(fingerprint, str) or not isinstance(count, int) or isinstance(count, bool) or count < 1:
            raise ConfigError("an entry of the baseline is wrong", where=file, found=str(entry)[:80], hint=hint)
        known[fingerprint] += count
    return known


class Baseline:
    """Gathers findings for a new baseline: a line each, without their positions, which move."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[Finding, int]] = {}

    def add(self, finding: Finding) -> None:
        """Take up a finding."""
        known = self._entries.get(finding.fingerprint)
        self._entries[finding.fingerprint] = (finding, 1) if known is None else (known[0], known[1] + 1)

    def write(self, path: str) -> int:
        """Write the file, replacing one that is there at once or not at all; return the number of findings."""
        lines = [json.dumps(entry) for entry in self._sorted()]
        body = ",\n  ".join(lines)
        text = (
            f'{{"zmeta_baseline": {_VERSION}, "findings": [\n  {body}\n]}}\n'
            if lines
            else f'{{"zmeta_baseline": {_VERSION}, "findings": []}}\n'
        )
        part = f"{path}.part"
        try:
            with open(part, "w", encoding="utf-8", newline="\n") as stream:
                stream.write(text)
            os.replace(part, path)
        except OSError as error:
            with suppress(OSError):
                os.unlink(part)
            raise failed("write", path, error) from None
        return sum(count for _, count in self._entries.values())

    def _sorted(self) -> Iterable[JSONObject]:
        for finding, count in sorted(
            self._entries.values(), key=lambda entry: (entry[0].file, entry[0].code, entry[0].pointer)
        ):
            entry: JSONObject = {"code": finding.code, "file": finding.file, "pointer": finding.pointer}
            yield entry | {"fingerprint": finding.fingerprint} | ({"count": count} if count > 1 else {})
