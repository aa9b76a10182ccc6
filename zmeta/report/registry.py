"""The one list of report formats. The module of a format is loaded when it is asked for."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

    from zmeta.report.base import Reporter

#: Every format with its module and class.
FORMATS: dict[str, tuple[str, str]] = {
    "text": ("zmeta.report.text", "TextReporter"),
    "json": ("zmeta.report.json_", "JsonReporter"),
    "jsonl": ("zmeta.report.jsonl", "JsonLinesReporter"),
    "github": ("zmeta.report.github", "GithubReporter"),
    "gitlab": ("zmeta.report.gitlab", "GitlabReporter"),
    "junit": ("zmeta.report.junit", "JunitReporter"),
    "sarif": ("zmeta.report.sarif", "SarifReporter"),
    "markdown": ("zmeta.report.markdown", "MarkdownReporter"),
}


def make_reporter(name: str, stream: TextIO, *, colour: bool = False) -> Reporter:
    """Return the reporter of a format that writes to a stream; "auto" suits the place where it runs.

    Only text has colours.
    """
    if name == "auto":
        name = "github" if os.environ.get("GITHUB_ACTIONS") == "true" else "text"
    if name not in FORMATS:
        from zmeta.errors import ConfigError

        raise ConfigError("there is no such report format", expected=f"auto, {', '.join(FORMATS)}", found=name)
    module, class_name = FORMATS[name]
    options = {"colour": colour} if name == "text" else {}
    reporter: Reporter = getattr(import_module(module), class_name)(stream, **options)
    return reporter
