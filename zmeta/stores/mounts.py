"""What a folder lies on: whether other machines may write there too, whom an advisory lock on a folder does not reach."""

from __future__ import annotations

import os
import time
from functools import lru_cache

#: File systems of servers and of programs. Linux keeps locks on their folders to itself, whatever it does with those on
#: their files. Ceph, GFS2 and OCFS2 are not among them: they pass on both.
_SHARED = frozenset(
    ("nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "9p", "virtiofs", "fuse", "afs", "beegfs", "gpfs", "pvfs2",
     "orangefs", "panfs", "wekafs", "vboxsf", "coda")
)  # fmt: skip


def is_shared(folder: str) -> bool:
    """Whether locks on a folder may end at this machine while others write there; False where the system does not tell."""
    try:
        device = os.stat(folder).st_dev
    except OSError:
        return False
    kind = _kinds(int(time.monotonic())).get(device, "")
    return kind in _SHARED or kind.startswith("fuse.")


@lru_cache(maxsize=1)
def _kinds(second: int) -> dict[int, str]:
    """Return the type of every file system that is mounted, by its device; read at most once a second."""
    del second
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as file:
            lines = file.readlines()
    except OSError:
        return {}
    return dict(_row(line) for line in lines)


def _row(line: str) -> tuple[int, str]:
    """Return device and type of one line.

    >>> _row("36 35 0:44 / /data rw,noatime shared:1 - nfs4 server:/data rw")
    (44, 'nfs4')
    """
    before, _, after = line.partition(" - ")
    major, _, minor = before.split(" ", 3)[2].partition(":")
    return os.makedev(int(major), int(minor)), after.partition(" ")[0]
