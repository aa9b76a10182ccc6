"""`zmeta schema list | show | check`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from zmeta.cli.options import with_stores
from zmeta.config import Config, load_config, load_schemas
from zmeta.errors import SchemaError, ZmetaError
from zmeta.report.show import printable
from zmeta.schema.catalog import find_schema, list_schemas, load_schema, schema_text
from zmeta.schema.refs import check_refs
from zmeta.schema.validate import make_validator
from zmeta.stores.paths import is_url
from zmeta.stores.remote import using

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from zmeta.jsondoc import JSONObject, JSONValue


def main(arguments: argparse.Namespace) -> int:
    """Run one of the three verbs."""
    if arguments.verb == "list":
        for name in list_schemas():
            print(f"{name!s:<30}{load_schema(name.path).get('title', '')}")
        return 0
    if arguments.verb == "show":
        sys.stdout.write(schema_text(find_schema(arguments.name)))
        return 0
    config = load_config() if any(map(is_url, arguments.files)) else Config()
    with using(with_stores(config, arguments).store_options):
        return _check(arguments.files)


def _check(files: list[str]) -> int:
    """1 where a schema is not sound, 2 where a file cannot be read; schemas may refer to those of the settings."""
    from zmeta.profile import load_schema_file

    code = 0
    schemas: dict[str, JSONObject] = {}
    known = load_schemas()
    for file in files:
        try:
            schemas[file] = load_schema_file(file)
        except ZmetaError as error:
            print(f"zmeta: {error}", file=sys.stderr)
            code = 2
    for file, schema in schemas.items():
        problems = list(check_schema(schema, (*schemas.values(), *known), file))
        for problem in problems:
            print(printable(f"{file}: {problem}"))
        if problems:
            code = max(code, 1)
        else:
            count = len(_examples(schema))
            print(printable(f"{file}: sound ({count} example{'' if count == 1 else 's'} checked)"))
    return code


def check_schema(schema: JSONObject, others: tuple[JSONObject, ...], where: str) -> Iterator[str]:
    """Yield what is wrong with a schema: against the meta-schema, its `$ref`s, its examples."""
    try:
        validator = make_validator(schema, others, where)
        check_refs(schema, others, where)
        for index, example in enumerate(_examples(schema)):
            for problem in validator.problems(example):
                place = "/".join(map(str, problem.path))
                expected = f" (expected {problem.expected})" if problem.expected else ""
                yield f"examples/{index} is not valid at /{place}: {problem.message}{expected}"
    except SchemaError as error:
        yield "; ".join(part for part in (error.what, error.found, error.hint) if part)


def _examples(schema: JSONObject) -> list[JSONValue]:
    examples = schema.get("examples")
    return examples if isinstance(examples, list) else []
