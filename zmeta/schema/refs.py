"""Following the `$ref`s of a schema by hand: whether each leads somewhere and ends, and which keys a schema names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from jsonschema_specifications import REGISTRY
from referencing import Registry, Resource
from referencing.exceptions import NoSuchResource, Unresolvable
from referencing.jsonschema import DRAFT202012

from zmeta.errors import SchemaError
from zmeta.jsondoc import describe
from zmeta.schema.catalog import DIALECT, resource, unresolved

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from referencing._core import Resolved, Resolver

    from zmeta.jsondoc import JSONObject

#: Keywords whose subschemas speak of the same object.
_IN_PLACE = ("allOf", "anyOf", "oneOf", "if", "then", "else", "not", "dependentSchemas")
_REFS = ("$ref", "$dynamicRef")


_SPECIFICATIONS: Registry[object] = REGISTRY


def _packaged(uri: str) -> Resource[object]:
    """Return a packaged schema, or one of JSON Schema itself, for a `$ref`; raises for all else: nothing is fetched."""
    if uri.startswith(("https://json-schema.org/", "http://json-schema.org/")):
        return _SPECIFICATIONS[uri.rstrip("#")]
    try:
        return DRAFT202012.create_resource(resource(uri))
    except LookupError:
        raise NoSuchResource(ref=uri) from None  # type: ignore[call-arg]


def by_id(schemas: Iterable[JSONObject], where: str) -> dict[str, JSONObject]:
    """Return schemas by their `$id`; raises `SchemaError` where two that differ have the same."""
    found: dict[str, object] = {}
    for schema in schemas:
        if isinstance(schema.get("$id"), str):
            _note(found, str(schema["$id"]).rstrip("#"), schema, where)
    return found  # type: ignore[return-value]


def _note(found: dict[str, object], uri: str, schema: object, where: str) -> None:
    """Take down the `$id` of a schema, which must be its own: no other schema can be put in the place of one."""
    try:
        packaged = _packaged(uri).contents
    except (NoSuchResource, ValueError):
        packaged = schema
    for other in (found.setdefault(uri, schema), packaged):
        if not _same(other, schema):
            raise SchemaError(
                "two schemas that differ have the same `$id`",
                where=where,
                found=uri,
                hint="give the schema an `$id` of its own; that of a packaged schema cannot be taken",
            )


def _same(one: object, other: object) -> bool:
    try:
        return one is other or json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    except RecursionError:
        return False


def registry(extra: Iterable[JSONObject] = ()) -> Registry[object]:
    """Return the registry that `$ref`s are resolved in: the packaged schemas, and others by their `$id`."""
    resources = [
        (str(schema["$id"]), DRAFT202012.create_resource(schema)) for schema in extra if isinstance(schema.get("$id"), str)
    ]
    base: Registry[object] = Registry(retrieve=_packaged)  # type: ignore[call-arg]
    return base.with_resources(resources)


def _resolver(schema: JSONObject, others: Iterable[JSONObject]) -> Resolver[object]:
    return registry((schema, *others)).resolver_with_root(DRAFT202012.create_resource(schema))


def _look_up(resolver: Resolver[object], ref: str, where: str) -> Resolved[object]:
    try:
        return resolver.lookup(ref)
    except (Unresolvable, ValueError):  # ValueError: what is no URI, or a word as the index of a list
        raise unresolved(ref, where) from None


def _in_place(
    schema: object, resolver: Resolver[object], where: str
) -> Iterator[tuple[dict[str, object], Resolver[object]]]:
    """Yield the schemas that a schema applies to the same value: by `$ref`, `allOf` and the like."""
    if not isinstance(schema, dict):
        return
    for keyword in _REFS:
        ref = schema.get(keyword)
        if isinstance(ref, str):
            target = _look_up(resolver, ref, where)
            if isinstance(target.contents, dict):
                yield target.contents, target.resolver
    for keyword in _IN_PLACE:
        part = schema.get(keyword)
        if isinstance(part, dict) and keyword == "dependentSchemas":
            part = list(part.values())
        for item in part if isinstance(part, list) else [part]:
            if isinstance(item, dict):
                yield item, resolver.in_subresource(DRAFT202012.create_resource(item))


def check_refs(schema: JSONObject, others: Iterable[JSONObject], where: str) -> None:
    """Check every `$ref` and `$id` of a schema, used or not.

    Raises `SchemaError` for a `$ref` that leads nowhere or in a circle, an `$id` that another schema has, and a part in
    another dialect.
    """
    others = tuple(others)
    ids: dict[str, object] = dict(by_id((schema, *others), where))
    done: set[int] = set()
    stack: list[tuple[Resource[object], Resolver[object], str]] = [
        (DRAFT202012.create_resource(schema), _resolver(schema, others), "")
    ]
    while stack:
        part, resolver, base = stack.pop()
        contents = part.contents
        if not isinstance(contents, dict):
            continue
        dialect, ident = contents.get("$schema", DIALECT), contents.get("$id")
        if dialect != DIALECT:
            raise SchemaError(
                "a part of the schema is written in another dialect", where=where, expected=DIALECT, found=describe(dialect)
            )
        if isinstance(ident, str):
            base = urljoin(base, ident).rstrip("#")
            _note(ids, base, contents, where)
        _refuse_circle(contents, resolver, done, where)
        stack += [(inner, resolver.in_subresource(inner), base) for inner in part.subresources()]


def _refuse_circle(schema: dict[str, object], resolver: Resolver[object], done: set[int], where: str) -> None:
    """Refuse a schema that leads back to itself without a step into the document: there would be no end to judging."""
    if id(schema) in done:
        return
    opened = {id(schema)}
    stack = [(schema, _in_place(schema, resolver, where))]
    while stack:
        current, steps = stack[-1]
        target, its_resolver = next(steps, (None, resolver))
        if target is None:
            stack.pop()
            opened.discard(id(current))
            done.add(id(current))
        elif id(target) in opened:
            raise SchemaError("the schema refers to itself without an end", where=where, found=_first_ref(current))
        elif id(target) not in done:
            opened.add(id(target))
            stack.append((target, _in_place(target, its_resolver, where)))


def _first_ref(schema: dict[str, object]) -> str:
    return next((str(schema[keyword]) for keyword in _REFS if keyword in schema), "")


def named_keys(schema: JSONObject, others: Iterable[JSONObject], where: str) -> frozenset[str]:
    """Return the keys that a schema names for the object it describes, through `$ref`, `allOf` and the like.

    Raises `SchemaError` for a `$ref` that leads nowhere.
    """
    found: set[str] = set()
    seen: set[int] = set()
    stack: list[tuple[dict[str, object], Resolver[object]]] = [(schema, _resolver(schema, others))]  # type: ignore[list-item]
    while stack:
        part, resolver = stack.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        properties, required = part.get("properties"), part.get("required")
        found |= set(properties) if isinstance(properties, dict) else set()
        found |= {key for key in required if isinstance(key, str)} if isinstance(required, list) else set()
        stack += _in_place(part, resolver, where)
    return frozenset(found)
