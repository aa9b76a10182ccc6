"""Objects in memory, and pages of their names: what the two servers `gcs_server.py` and `azure_server.py` share.

A server answers one request after the other, so a condition is looked at and the object replaced in one instant.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple


class Object(NamedTuple):
    """Bytes, a number that no other version has, and when they were written."""

    raw: bytes
    number: int
    modified: datetime

    @property
    def stamp(self) -> str:
        """When it was written, as headers say it."""
        return self.modified.strftime("%a, %d %b %Y %H:%M:%S GMT")


@dataclass
class Bucket:
    """The objects of a bucket by name."""

    objects: dict[str, Object] = field(default_factory=dict)
    number: int = 0

    def put(self, name: str, raw: bytes) -> Object:
        self.number = max(self.number + 1, time.time_ns() // 1000)
        self.objects[name] = Object(raw, self.number, datetime.now(UTC))
        return self.objects[name]

    def page(self, prefix: str, delimiter: str, after: str, most: int) -> Page:
        """Return names below a prefix in the order of their bytes, those with a delimiter behind it taken together."""
        page = Page([], [], "")
        last = ""
        for name in sorted(self.objects, key=str.encode):
            if not name.startswith(prefix):
                continue
            head, found, _ = name[len(prefix) :].partition(delimiter) if delimiter else (name, "", "")
            item = prefix + head + delimiter if found else name
            if item.encode() <= after.encode() or (found and page.folders[-1:] == [item]):
                continue
            if len(page.names) + len(page.folders) == most:
                return page._replace(then=last)
            (page.folders if found else page.names).append(item)
            last = item
        return page


class Page(NamedTuple):
    """Names, folders, and after which of them the next page starts; nothing on the last one."""

    names: list[str]
    folders: list[str]
    then: str
