"""Following the `$ref`s of a schema by hand: whether each is in the catalog, and which keys a schema names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from zmeta.schema.catalog import registry
from zmeta.schema.validate import unresolved

if TYPE_CHECKING:
    from collections.abc import Iterable

    from referencing._core import Resolved, Resolver

    from zmeta.jsondoc import JSONObject, JSONValue

#: Keywords whose subschemas speak of the same object.
_IN_PLACE = ("allOf", "anyOf", "oneOf", "if", "then", "else", "not", "dependentSchemas")
_NO_SCHEMAS = ("examples", "default", "const", "enum")


def _resolver(schema: JSONObject, others: Iterable[JSONObject]) -> Resolver[object]:
    return registry((schema, *others)).resolver_with_root(DRAFT202012.create_resource(schema))


def _look_up(resolver: Resolver[object], ref: str, where: str) -> Resolved[object]:
    try:
        return resolver.lookup(ref)
    except (Unresolvable, ValueError) as error:  # ValueError: what is no URI, or a word as the index of a list
        raise unresolved(error, where, ref) from None


def check_refs(schema: JSONObject, others: Iterable[JSONObject], where: str) -> None:
    """Look up every `$ref` of a schema, used or not; raises `SchemaError` for one that leads nowhere."""
    resolver = _resolver(schema, others)
    stack: list[JSONValue] = [schema]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            ref = value.get("$ref")
            if isinstance(ref, str):
                _look_up(resolver, ref, where)
            stack += [item for key, item in value.items() if key not in _NO_SCHEMAS]
        elif isinstance(value, list):
            stack += value


def named_keys(schema: JSONObject, others: Iterable[JSONObject], where: str) -> frozenset[str]:
    """Return the keys that a schema names for the object it describes, through `$ref`, `allOf` and the like.

    Raises `SchemaError` for a `$ref` that leads nowhere.
    """
    found: set[str] = set()
    seen: set[int] = set()
    stack: list[tuple[object, Resolver[object]]] = [(schema, _resolver(schema, others))]
    while stack:
        value, resolver = stack.pop()
        if not isinstance(value, dict) or id(value) in seen:
            continue
        seen.add(id(value))
        properties, required = value.get("properties"), value.get("required")
        found |= set(properties) if isinstance(properties, dict) else set()
        found |= {key for key in required if isinstance(key, str)} if isinstance(required, list) else set()
        ref = value.get("$ref")
        if isinstance(ref, str):
            target = _look_up(resolver, ref, where)
            stack.append((target.contents, target.resolver))
        for keyword in _IN_PLACE:
            part = value.get(keyword)
            if isinstance(part, dict) and keyword == "dependentSchemas":
                part = list(part.values())
            stack += [(item, resolver) for item in (part if isinstance(part, list) else [part])]
    return frozenset(found)
