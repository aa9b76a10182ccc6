"""Profiles: a user's own JSON Schema (or pydantic model) for custom attributes, versioned, bound by globs or declared.

A profile sees an array in the terms of zmeta, whatever convention the file speaks: the custom keys as they are, and those
core keys (axes, types, units, voxel_size, offset) that its schema names. So a profile may close its keys, or ask that the
axes be exactly z, y, x, of an array that stores `resolution`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from zmeta.errors import SchemaError
from zmeta.finding import Finding
from zmeta.jsondoc import describe, parse_json, pointer
from zmeta.schema.refs import named_keys
from zmeta.schema.validate import make_validator, validate
from zmeta.stores.local import fits
from zmeta.stores.paths import is_url, normal_url
from zmeta.stores.registry import read

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import BaseModel

    from zmeta.jsondoc import JSONObject
    from zmeta.schema.validate import Validator


@dataclass(frozen=True)
class Profile:
    """A named, versioned schema of the custom attributes of arrays.

    Attributes
    ----------
    name, version : str
    schema : dict
        JSON Schema 2020-12. It may `$ref` zmeta's own schemas, and those in `extra`, by `$id`; nothing is fetched.
    match : tuple of str
        Globs of the arrays that it binds (`*` also matches `/`).
    uuid : str
        An array whose `zarr_conventions` hold this uuid, or the schema's `$id` as `schema_url`, is bound too.
    extra : tuple of dict
        Further schemas that may be referred to.
    model : pydantic model class or None
        Judged as well, where the profile was made from one.

    Examples
    --------
    >>> profile = Profile("stain", "1.0", {"required": ["stain"], "properties": {"stain": {"enum": ["OTO", "rOTO"]}}})
    >>> [finding.pointer for finding in profile.check({"stain": "none"}, {})]
    ['/stain']
    """

    name: str
    version: str
    schema: JSONObject
    match: tuple[str, ...] = ()
    uuid: str = ""
    extra: tuple[JSONObject, ...] = ()
    model: type[BaseModel] | None = field(default=None, compare=False)
    source: str = ""

    def __post_init__(self) -> None:
        self._validator  # noqa: B018 - a broken schema is refused when the profile is made

    def __getstate__(self) -> dict[str, object]:
        return {key: value for key, value in self.__dict__.items() if key not in ("_validator", "_names")}

    @cached_property
    def _validator(self) -> Validator:
        return make_validator(self.schema, self.extra, self.source or self.id)

    @cached_property
    def _names(self) -> frozenset[str]:
        return named_keys(self.schema, self.extra, self.source or self.id)

    @property
    def id(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike[str],
        *,
        name: str = "",
        version: str = "",
        match: Iterable[str] = (),
        uuid: str = "",
        extra: Iterable[JSONObject] = (),
    ) -> Profile:
        """Load a profile from a JSON Schema file.

        Name and version are those given, else the schema's `title` (or the file's name) and its `version` (or 1.0).
        Raises `SchemaError` or `DocumentError`.
        """
        schema = load_schema_file(path)
        base = os.path.basename(os.fspath(path)).removesuffix(".json").removesuffix(".schema")
        name = name or str(schema.get("title", base))
        version = version or str(schema.get("version", "1.0"))
        return cls(name, version, schema, tuple(match), uuid, tuple(extra), None, os.fspath(path))

    @classmethod
    def from_model(
        cls, model: type[BaseModel], *, name: str = "", version: str = "1.0", match: Iterable[str] = (), uuid: str = ""
    ) -> Profile:
        """Make a profile of a pydantic model; its validators are run too, in strict mode."""
        schema = model.model_json_schema()
        return cls(name or model.__name__, version, schema, tuple(match), uuid, (), model)

    def binds(self, path: str, attributes: JSONObject, config_file: str = "") -> bool:
        """Whether an array is bound by this profile, by a glob or by what it declares."""
        if fits(path, self.match, config_file):
            return True
        entries = attributes.get("zarr_conventions")
        ident = self.schema.get("$id")
        return isinstance(entries, list) and any(
            isinstance(entry, dict)
            and ((self.uuid and entry.get("uuid") == self.uuid) or (ident is not None and entry.get("schema_url") == ident))
            for entry in entries
        )

    def entry(self) -> JSONObject:
        """Return the `zarr_conventions` entry that declares this profile on an array."""
        ident = self.schema.get("$id")
        keys: JSONObject = {"uuid": self.uuid, "schema_url": ident, "name": self.name}
        return {key: value for key, value in keys.items() if value}

    def names(self) -> frozenset[str]:
        """Return the keys that the schema names at its top level, through `$ref`, `allOf` and the like."""
        return self._names

    def check(self, custom: JSONObject, core: JSONObject, file: str = "", at: str = "") -> list[Finding]:
        """Return what is wrong with custom keys and canonical core keys, as findings."""
        named = self.names()
        view: JSONObject = {**custom, **{key: value for key, value in core.items() if key in named}}
        label = f"profile {self.id}"
        findings = validate(self._validator, view, code="ZM102", file=file, at=at, label=label)
        if not findings and self.model is not None:
            findings = _check_model(self.model, view, file, at, label)
        return findings


def load_schema_file(path: str | os.PathLike[str]) -> JSONObject:
    """Read a user's schema file; raises `SchemaError` where there is none and `DocumentError` where it is broken."""
    text = os.fspath(path)
    file = normal_url(text) if is_url(text) else os.path.abspath(text)
    raw = read(file)
    if raw is None:
        raise SchemaError("there is no such schema file", where=file)
    return parse_json(raw, file)[0]


def _check_model(model: type[BaseModel], view: JSONObject, file: str, at: str, label: str) -> list[Finding]:
    import json

    from pydantic import ValidationError

    try:
        model.model_validate_json(json.dumps(view), strict=True)
    except ValidationError as error:
        return [
            Finding("ZM102", f"{label}: {item['msg']}", file, at + pointer(*item["loc"]), found=describe(item["input"]))
            for item in error.errors(include_url=False)
        ]
    return []
