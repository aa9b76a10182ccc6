"""Validate JSON against a schema of the catalog, or a user's, and say what is wrong as findings."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError as _JSONSchemaError
from jsonschema.exceptions import _WrappedReferencingError, best_match, relevance
from referencing.exceptions import Unresolvable

from zmeta.errors import SchemaError
from zmeta.finding import Finding
from zmeta.jsondoc import describe, pointer
from zmeta.schema.catalog import DIALECT, load_schema, registry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jsonschema.exceptions import ValidationError

    from zmeta.jsondoc import JSONObject, JSONValue


def make_validator(schema: JSONObject, extra: Iterable[JSONObject] = (), where: str = "") -> Draft202012Validator:
    """Return a validator for a schema; raises `SchemaError` where it is not valid JSON Schema 2020-12."""
    stated = schema.get("$schema", DIALECT)
    if stated != DIALECT:
        raise SchemaError("the schema is written in another dialect", where=where, expected=DIALECT, found=describe(stated))
    try:
        Draft202012Validator.check_schema(schema)
    except _JSONSchemaError as error:
        place = pointer(*error.absolute_path)
        raise SchemaError(
            f"the schema is not valid at {place or 'its root'}", where=where, found=error.message[:200]
        ) from None
    except RecursionError:
        raise SchemaError("the schema is nested too deeply", where=where) from None
    return Draft202012Validator(schema, registry=registry((schema, *extra)))


@lru_cache(maxsize=64)
def packaged_validator(path: str) -> Draft202012Validator:
    """Return the validator of a packaged schema."""
    return make_validator(load_schema(path), where=path)


def iter_errors(validator: Draft202012Validator, data: JSONValue, where: str = "") -> Iterator[ValidationError]:
    """Yield errors, each the likeliest one where a union has many; raises `SchemaError` for a `$ref` that leads nowhere."""
    try:
        for error in sorted(
            validator.iter_errors(data), key=lambda error: (list(map(str, error.absolute_path)), error.message)
        ):
            yield best_match([error], key=relevance) or error
    except (_WrappedReferencingError, Unresolvable, ValueError) as error:  # ValueError: what is no URI
        raise unresolved(error, where) from None
    except RecursionError:
        raise SchemaError("the schema refers to itself without an end", where=where) from None


def unresolved(error: Exception, where: str, ref: str = "") -> SchemaError:
    """Return the error for a `$ref` to something that is not in the catalog."""
    ref = ref or getattr(error, "ref", "") or str(error)
    return SchemaError(
        "a `$ref` leads to a schema that is not in the catalog; nothing is fetched",
        where=where,
        found=str(ref),
        hint="hand the schema over as a file, or correct the `$ref` (zmeta schema list shows what is packaged)",
    )


def validate(
    validator: Draft202012Validator, data: JSONValue, *, code: str, file: str, at: str = "", label: str = "", hint: str = ""
) -> list[Finding]:
    """Return what is wrong with a document as findings of a code, with pointers that begin at `at`."""
    findings = []
    for error in iter_errors(validator, data, label):
        message = (f"{label}: " if label else "") + _message(error)
        place = at + pointer(*error.absolute_path)
        findings.append(
            Finding(
                code, message, file, place, hint=hint, found="" if error.absolute_path == () else describe(error.instance)
            )
        )
    return findings


def _message(error: ValidationError) -> str:
    text = str(error.message)
    return text if len(text) <= 200 else f"does not fit `{error.validator}`: {describe(error.validator_value)}"
