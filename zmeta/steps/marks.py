"""Where attributes say which version of a profile they are at. A convention is detected; a profile has to say.

Either a key of its own holds the version, or the entry in `zarr_conventions` whose `schema_url` names the version's schema.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from zmeta.jsondoc import exact, parse_pointer, replace_at

if TYPE_CHECKING:
    from zmeta.jsondoc import JSONObject, JSONValue


class Mark(Protocol):
    """How a version stands in attributes."""

    def find(self, attributes: JSONObject, /) -> str | None:
        """Return the version; None where none is stated. Never raises on data."""
        ...

    def put(self, attributes: JSONObject, version: str, /) -> JSONObject:
        """Return attributes that state another version in the place where they state one."""
        ...


@dataclass(frozen=True)
class VersionKey:
    """A key, given as a JSON pointer, that holds the version as a string or a number.

    >>> mark = VersionKey("/lab/version")
    >>> mark.find({"lab": {"version": "1.0"}}), mark.put({"lab": {"version": "1.0", "a": 1}}, "2.0")
    ('1.0', {'lab': {'version': '2.0', 'a': 1}})
    """

    at: str

    def find(self, attributes: JSONObject, /) -> str | None:
        """Return the version."""
        path = parse_pointer(self.at, attributes)
        value = None if path is None else value_at(attributes, path)
        return value if isinstance(value, str) else exact(value)

    def put(self, attributes: JSONObject, version: str, /) -> JSONObject:
        """Return attributes at another version."""
        path = parse_pointer(self.at, attributes)
        return attributes if path is None else changed(attributes, path, version)


@dataclass(frozen=True)
class SchemaUrl:
    """The `schema_url` of an entry in `zarr_conventions`, which differs from version to version.

    Attributes
    ----------
    urls : tuple of (version, url)
    """

    urls: tuple[tuple[str, str], ...]

    def find(self, attributes: JSONObject, /) -> str | None:
        """Return the version."""
        known = {url: version for version, url in self.urls}
        found = (known[url] for url in map(_url, _entries(attributes)) if url in known)
        return next(found, None)

    def put(self, attributes: JSONObject, version: str, /) -> JSONObject:
        """Return attributes at another version; those at a version without a schema stay as they are."""
        known = {url for _, url in self.urls}
        new = dict(self.urls).get(version)
        for index, entry in enumerate(_entries(attributes)):
            if _url(entry) in known and new is not None:
                return changed(attributes, ("zarr_conventions", index, "schema_url"), new)
        return attributes


def _entries(attributes: JSONObject) -> list[JSONValue]:
    entries = attributes.get("zarr_conventions")
    return entries if isinstance(entries, list) else []


def _url(entry: JSONValue) -> str:
    url = entry.get("schema_url") if isinstance(entry, dict) else None
    return url if isinstance(url, str) else ""


def value_at(value: JSONValue, path: tuple[str | int, ...]) -> JSONValue:
    """Return what stands at a path that is there."""
    for part in path:
        if isinstance(value, dict):
            value = value[str(part)]
        elif isinstance(value, list):
            value = value[int(part)]
    return value


def changed(attributes: JSONObject, path: tuple[str | int, ...], value: JSONValue) -> JSONObject:
    """Return attributes with one value replaced."""
    result = replace_at(attributes, path, value)
    return result if isinstance(result, dict) else attributes
