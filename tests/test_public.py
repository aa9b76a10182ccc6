"""The public face: what is listed, importable, documented, and how little an import costs."""

from __future__ import annotations

import ast
import inspect
import json
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import zmeta
from zmeta.errors import ZmetaError
from zmeta.finding import CODES, Finding, Severity

ROOT = Path(__file__).parents[1]
NAMES = [name for name in zmeta.__all__ if name != "__version__"]
#: Names that a user calls or makes; their docstrings show how, and the examples run.
SHOWN = ["ArrayIdentifier", "Metadata", "Profile", "ZarrArray", "ZarrArrayConfig", "add_metadata", "read_metadata"]
#: Codes that nothing reports yet. They are taken, and what takes them off this list is the rule that reports them.
UNUSED: set[str] = set()
HEAVY = {"zarr", "numpy", "pydantic", "pydantic_core", "jsonschema", "referencing", "funlib", "numcodecs", "tensorstore"}


def test_all_is_sorted_and_whole() -> None:
    assert zmeta.__all__ == sorted(zmeta.__all__)
    assert len(set(zmeta.__all__)) == len(zmeta.__all__)
    assert set(NAMES) == set(zmeta._MODULE_OF)
    assert dir(zmeta) == zmeta.__all__


@pytest.mark.parametrize("name", NAMES)
def test_name_is_importable_from_its_home(name: str) -> None:
    value = getattr(zmeta, name)
    assert value is getattr(import_module(zmeta._MODULE_OF[name]), name)
    assert value.__name__ == name
    assert value.__module__ == zmeta._MODULE_OF[name]


def test_unknown_name() -> None:
    with pytest.raises(AttributeError, match="module 'zmeta' has no attribute 'nothing'"):
        zmeta.nothing  # noqa: B018


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse((ROOT / "zmeta" / "__init__.py").read_text(encoding="utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name: node.module for node in guarded.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == zmeta._MODULE_OF


def test_all_errors_are_public() -> None:
    module = import_module("zmeta.errors")
    errors = {name for name, value in vars(module).items() if isinstance(value, type) and issubclass(value, ZmetaError)}
    assert errors == {name for name in NAMES if name.endswith("Error")}
    drawn = set(re.findall(r"\w+Error\b", str(module.__doc__).partition("ZmetaError")[2]))
    assert errors - {"ZmetaError"} <= drawn, "the tree in the docstring"


@pytest.mark.parametrize("name", NAMES)
def test_name_is_documented(name: str) -> None:
    value = getattr(zmeta, name)
    own = vars(value).get("__doc__") if isinstance(value, type) else value.__doc__
    assert own, f"{name} has no docstring of its own"
    assert not own.startswith(f"{name}("), f"{name} has the docstring that dataclass makes"
    if name in SHOWN:
        assert "Examples\n" in own
        assert ">>> " in own
    assert f"::: zmeta.{name}\n" in (ROOT / "docs" / "api.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [name for name in NAMES if isinstance(getattr(zmeta, name), type)])
def test_public_members_are_documented(name: str) -> None:
    for member, value in vars(getattr(zmeta, name)).items():
        if member.startswith("_") or not (inspect.isroutine(value) or isinstance(value, property)):
            continue
        assert inspect.getdoc(value), f"{name}.{member}"


@pytest.mark.parametrize("file", sorted((ROOT / "zmeta").rglob("*.py")), ids=lambda file: file.relative_to(ROOT).as_posix())
def test_module_says_what_it_is(file: Path) -> None:
    assert ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))


def loaded(code: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter has loaded after some code."""
    script = f"{code}\nimport json, sys\nprint(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    out = subprocess.check_output([sys.executable, "-c", script], text=True, stdin=subprocess.DEVNULL)
    return set(json.loads(out.splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        "import zmeta",
        "from zmeta.cli.main import main; main(['--version'])",
        "from zmeta.cli.main import main; main(['show', '--help'])",
        "from zmeta import Finding, MetadataError, Severity",
    ],
    ids=["import", "version", "help", "findings"],
)
def test_import_loads_nothing_heavy(code: str) -> None:
    assert loaded(code) & HEAVY == set()


def test_reading_metadata_loads_no_zarr() -> None:
    assert "zarr" not in loaded("from zmeta import ZarrArray, add_metadata, read_metadata")


def test_version_of_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    from zmeta.cli.main import main

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"zmeta {zmeta.__version__}\n"


def test_codes_are_sound() -> None:
    """The table is printed on the page of findings; here, that each code is used, and none is used that is not listed."""
    assert list(CODES) == sorted(CODES)
    assert "<!-- zmeta: codes -->" in (ROOT / "docs" / "findings.md").read_text(encoding="utf-8")
    source = "".join(
        file.read_text(encoding="utf-8") for file in (ROOT / "zmeta").rglob("*.py") if file.name != "finding.py"
    )
    assert set(re.findall(r"\bZM\d{3}\b", source)) == set(CODES) - UNUSED
    for code, (severity, title) in CODES.items():
        assert isinstance(severity, Severity)
        assert not title.endswith(".")
        assert Finding(code, "x").title == title


def test_codes_in_the_documentation_exist() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        assert set(re.findall(r"\bZM\d{3}\b", page.read_text(encoding="utf-8"))) <= set(CODES), page
