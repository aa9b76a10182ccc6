"""`zmeta show PATH…`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from zmeta.canonical.world import World, parse_world
from zmeta.cli.options import with_stores
from zmeta.config import load_config
from zmeta.errors import NodeNotFoundError, ZmetaError
from zmeta.nodes.node import DOCUMENTS, Node, absolute, find_twins, list_children, open_node
from zmeta.pipeline import Decoded, decode_node
from zmeta.report.show import show_json, show_text
from zmeta.stores.paths import is_url, parent
from zmeta.stores.remote import crawling

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from zmeta.config import Config


def main(arguments: argparse.Namespace) -> int:
    """Show every array; 1 where one has errors, 2 where a path could not be read."""
    config = with_stores(load_config(), arguments)
    with crawling(arguments.paths, config.store_options, config.concurrency, config.limits):
        return _show(arguments, config)


def _show(arguments: argparse.Namespace, config: Config) -> int:
    code = shown = 0
    results: list[dict[str, object]] = []
    for path in arguments.paths:
        for found in _arrays(path):
            if isinstance(found, ZmetaError):
                print(f"zmeta: {found}", file=sys.stderr)
                code = 2
                continue
            settings = config.for_path(found.path)
            world = parse_world(arguments.world_unit, settings.world)
            decoded = decode_node(found, settings.reading(arguments.ome_anchor, world))
            decoded = decoded._replace(findings=(*decoded.findings, *find_twins(found)))
            code = max(code, 1 if decoded.errors else 0)
            if arguments.format == "json":
                results.append(show_json(decoded, world))
            else:
                _print(decoded, world, first=shown == 0)
            shown += 1
    if arguments.format == "json":
        import json

        print(json.dumps(results, indent=2))
    return code


def _print(decoded: Decoded, world: World, *, first: bool) -> None:
    text = ("" if first else "\n") + show_text(decoded, world)
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding))


def _arrays(path: str) -> Iterator[Node | ZmetaError]:
    """Yield the array at a path, or all arrays below it; a node that cannot be read is yielded as its error."""
    try:
        path = absolute(path)
        path = parent(path) if os.path.basename(path) in (*DOCUMENTS, ".zattrs") else path
        node = open_node(path)
    except NodeNotFoundError as error:
        below = list(_walk(path, set())) if is_url(path) or os.path.isdir(path) else []
        yield from below or [error]
        return
    except ZmetaError as error:
        yield error
        return
    if node.kind == "array":
        yield node
        return
    found = False
    for found_node in _walk(node.path, set()):
        found = True
        yield found_node
    if not found:
        yield NodeNotFoundError("there is no array below this group", where=node.path)


def _walk(folder: str, seen: set[str]) -> Iterator[Node | ZmetaError]:
    """Yield the arrays below a folder in the order of their names; the folder of an array is not listed, loops end."""
    real = folder if is_url(folder) else os.path.realpath(folder)
    if real in seen:
        return
    seen.add(real)
    try:
        names = list(list_children(folder, nodes_only=False))
    except ZmetaError as error:
        yield error
        return
    for name in names:
        child = f"{folder}/{name}" if is_url(folder) else os.path.join(folder, name)
        try:
            node = open_node(child)
        except NodeNotFoundError:
            yield from _walk(child, seen)
            continue
        except ZmetaError as error:
            yield error
            continue
        if node.kind == "array":
            yield node
        else:
            yield from _walk(child, seen)
