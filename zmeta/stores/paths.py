"""Paths that are URLs: `s3://bucket/folder/zarr.json`. The text alone decides; the parts are joined by `/`."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from zmeta.errors import StoreError

#: Where URLs lead that are read: the scheme as it is written, and as it is understood.
SCHEMES = {
    "s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs", "az": "az", "azure": "az", "abfs": "az", "abfss": "az",
    "http": "http", "https": "https", "memory": "memory", "zarr-store": "zarr-store",
}  # fmt: skip
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
#: A zarr-python store object that was handed over; the number behind tells which.
ADOPTED = "zarr-store://"


def is_url(path: str) -> bool:
    """Whether a path names something that is not on a local file system.

    >>> is_url("s3://bucket/a.zarr"), is_url("/data/s3://bucket"), is_url("C://data")
    (True, False, False)
    """
    return "://" in path and _SCHEME.match(path) is not None


@lru_cache(maxsize=4096)
def normal_url(path: str) -> str:
    """Return a URL without empty parts, `.` and `..`; a `file://` URL becomes the path of the file.

    >>> normal_url("s3://bucket//a.zarr/./raw/"), normal_url("file:///data/a.zarr")
    ('s3://bucket/a.zarr/raw', '/data/a.zarr')
    """
    scheme, _, rest = path.replace(os.sep, "/").partition("://")
    scheme = scheme.lower()
    if scheme == "file":
        return os.path.abspath(unquote(urlsplit(path).path))
    if scheme not in SCHEMES:
        expected = ", ".join(f"{name}://" for name in ("s3", "gs", "az", "https", "memory", "file"))
        raise StoreError("there is no store for such a URL", where=path, expected=expected)
    if scheme in ("http", "https") and ("?" in rest or "#" in rest):
        raise StoreError("a URL with a query cannot be read", where=path, hint="name the folder of the node alone")
    root, *parts = rest.split("/")
    if not root:
        raise StoreError("the URL names no bucket or host", where=path, expected=f"{scheme}://NAME/PATH")
    kept: list[str] = []
    for part in parts:
        if part == "..":
            if not kept:
                raise StoreError("the URL leaves its bucket", where=path, hint="remove `..`")
            kept.pop()
        elif part not in ("", "."):
            kept.append(part)
    return "/".join([f"{scheme}://{root}", *kept])


def split_url(path: str) -> tuple[str, str]:
    """Return the root of a URL, its bucket or host, and the key below it.

    >>> split_url("s3://bucket/a.zarr/zarr.json")
    ('s3://bucket', 'a.zarr/zarr.json')
    """
    scheme, _, rest = path.partition("://")
    root, _, key = rest.replace(os.sep, "/").partition("/")
    return f"{scheme}://{root}", key.strip("/")


def parent(path: str) -> str:
    """Return the folder above, as `os.path.dirname` does; the root of a URL stands above itself."""
    if not is_url(path):
        return os.path.dirname(path)
    root, key = split_url(path)
    above = key.rpartition("/")[0]
    return f"{root}/{above}" if above else root
