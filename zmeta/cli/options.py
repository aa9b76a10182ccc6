"""Options of the command line that several subcommands have: those of object stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from zmeta.config import Config


def add_stores(parser: argparse.ArgumentParser, *, crawls: bool = True) -> None:
    """Add the options of object stores to a subcommand."""
    parser.add_argument(
        "--store-option",
        action="append",
        metavar="KEY=VALUE",
        help="option of an object store: region=…, endpoint=…, profile=…, anonymous=true",
    )
    if crawls:
        parser.add_argument(
            "--concurrency", type=requests, metavar="N", help="requests to an object store at the same time (default: 256)"
        )


def requests(text: str) -> int:
    """Return a number of requests; argparse puts the name of this function into its message."""
    number = int(text)
    if not 1 <= number <= 1024:
        raise ValueError(text)
    return number


def with_stores(config: Config, arguments: argparse.Namespace) -> Config:
    """Return the settings with the options of object stores that the command line gives; they win one by one."""
    from dataclasses import replace

    from zmeta.errors import ConfigError

    given = dict(config.store_options)
    for text in arguments.store_option or ():
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise ConfigError("`--store-option` is wrong", expected="KEY=VALUE, such as anonymous=true", found=text)
        given[key] = value
    concurrency = getattr(arguments, "concurrency", None) or config.concurrency
    return replace(config, store_options=given, concurrency=concurrency)
