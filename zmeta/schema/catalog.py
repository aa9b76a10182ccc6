"""The catalog of schemas: what is packaged, plus what a user hands over. Nothing is ever fetched.

The schemas stand in `schemas/` of a checkout and in `zmeta/_schemas` of a wheel; no other module knows either path.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from zmeta.errors import SchemaError
from zmeta.jsondoc import parse_json
from zmeta.stores.local import read_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zmeta.jsondoc import JSONObject

#: Every packaged schema has an `$id` below this; it is a name, not a place to fetch from.
BASE = "https://zmeta.github.io/zmeta/schemas/"
_SUFFIX = ".schema.json"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True, order=True)
class SchemaName:
    """Convention, version and document of one packaged schema, such as `ome-ngff`, `0.4`, `image`."""

    convention: str
    version: str
    document: str

    @property
    def path(self) -> str:
        """Path below `schemas/`, without the suffix."""
        return f"{self.convention}/{self.version}/{self.document}"

    @property
    def uri(self) -> str:
        """The `$id`."""
        return f"{BASE}{self.path}{_SUFFIX}"

    def __str__(self) -> str:
        return f"{self.convention}/{self.document}@{self.version}"


@cache
def schema_folder() -> str:
    """Return the folder of the packaged schemas: the wheel's copy, else the checkout's."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for folder in (os.path.join(package, "_schemas"), os.path.join(os.path.dirname(package), "schemas")):
        if os.path.isdir(folder):
            return folder
    raise SchemaError("the schemas are not installed", where=package, hint="reinstall zmeta")


def list_schemas() -> list[SchemaName]:
    """Return the names of all packaged schemas, sorted.

    >>> [str(name) for name in list_schemas() if name.convention == "zmeta"]
    ['zmeta/array@1.0', 'zmeta/core@1.0', 'zmeta/steps@1.0']
    """
    return sorted(_walk(schema_folder()))


def _walk(root: str) -> Iterator[SchemaName]:
    for convention in os.listdir(root):
        versions = os.path.join(root, convention)
        for version in os.listdir(versions) if os.path.isdir(versions) else ():
            for file in os.listdir(os.path.join(versions, version)):
                if file.endswith(_SUFFIX):
                    yield SchemaName(convention, version, file.removesuffix(_SUFFIX))


def find_schema(name: str) -> SchemaName:
    """Return the schema that a user names: `zmeta`, `ome-ngff@0.4`, `ome-ngff/plate@0.5`, a path or an `$id`.

    Without a version it is the latest; without a document it is the array's (or the image's). Raises `SchemaError`.
    """
    text = name.removeprefix(BASE).removesuffix(_SUFFIX)
    every = list_schemas()
    exact = next((entry for entry in every if entry.path == text), None)
    if exact is not None:
        return exact
    head, _, version = text.partition("@")
    convention, _, document = head.partition("/")
    fitting = [entry for entry in every if entry.convention == convention and version in ("", entry.version)]
    for wanted in (document,) if document else ("array", "image", "list", "definitions"):
        found = [entry for entry in fitting if entry.document == wanted]
        if found:
            return max(found, key=lambda entry: version_key(entry.version))
    known = ", ".join(dict.fromkeys(entry.convention for entry in every))
    raise SchemaError(
        "there is no such schema", expected=f"NAME[/DOCUMENT][@VERSION] with NAME one of {known}", found=repr(name)
    )


def version_key(version: str) -> tuple[int, ...]:
    """Return a version as numbers, for ordering: 0.10 is later than 0.9.

    >>> version_key("0.10") > version_key("0.9")
    True
    """
    return tuple(int(part) if part.isdigit() else -1 for part in version.split("."))


@cache
def load_schema(path: str) -> JSONObject:
    """Return a packaged schema by its path below `schemas/`; nobody may change it."""
    file = os.path.join(schema_folder(), *path.split("/")) + _SUFFIX
    raw = read_file(file)
    if raw is None:
        raise SchemaError("there is no such schema", where=file)
    return parse_json(raw, file)[0]


def schema_text(name: SchemaName) -> str:
    """Return a packaged schema as it stands in its file."""
    raw = read_file(os.path.join(schema_folder(), *name.path.split("/")) + _SUFFIX) or b""
    return raw.decode()


def resource(uri: str) -> JSONObject:
    """Return the packaged schema that a `$ref` names; raises `LookupError` for everything else: nothing is fetched."""
    path = uri.removeprefix(BASE).removesuffix(_SUFFIX)
    if not uri.startswith(BASE) or path not in _paths():
        raise LookupError(f"{uri} is not in the catalog")
    return load_schema(path)


@cache
def _paths() -> frozenset[str]:
    return frozenset(entry.path for entry in list_schemas())


def unresolved(ref: str, where: str) -> SchemaError:
    """Return the error for a `$ref` to something that is not in the catalog."""
    return SchemaError(
        "a `$ref` leads to a schema that is not in the catalog; nothing is fetched",
        where=where,
        found=ref,
        hint="hand the schema over as a file, or correct the `$ref` (zmeta schema list shows what is packaged)",
    )
