"""Layouts that zmeta knows by sight and does not decode: an array of one gets a reason instead of a guess."""

from __future__ import annotations

from zmeta.conventions.base import ConventionVersion
from zmeta.conventions.recognised.codec import EVIDENCE, TABLE, decode, detects

VERSIONS = tuple(
    ConventionVersion(name, version, title, writers, "", detects(name), decode, None, evidence=frozenset({EVIDENCE[name]}))
    for name, version, title, writers, _ in TABLE
)
