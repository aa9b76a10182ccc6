"""Who may import whom: read from the source, imports inside functions too, but not those for type checkers alone."""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from zmeta.conventions.registry import VERSIONS
from zmeta.schema.catalog import list_schemas

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "zmeta"

#: A unit is a package or a module right below `zmeta`. It may import units of the lines above its own, and itself.
LAYERS = (
    {"finding"},
    {"errors"},
    {"jsondoc"},
    {"stores", "plugins"},
    {"nodes", "schema", "canonical"},
    {"conventions"},
    {"keys"},
    {"payload", "profile", "pipeline"},
    {"config"},
    {"steps"},
    {"add"},
    {"array"},
    {"report"},
    {"api", "checker"},
    {"migration"},
    {"cli", "pytest_plugin"},
    {"__main__"},
)

#: Third-party packages, and the units that may import them.
THIRD_PARTY = {
    "numpy": {"array"},
    "zarr": {"array", "stores"},
    "obstore": {"stores"},
    "boto3": {"stores"},
    "tensorstore": {"array"},
    "funlib": {"array", "cli"},  # cli: the demo
    "pydantic": {"payload", "profile", "array"},
    "jsonschema": {"schema"},
    "jsonschema_rs": {"schema"},
    "jsonschema_specifications": {"schema"},
    "pytest": {"pytest_plugin"},
    "rich": {"cli"},
    "referencing": {"schema"},
}

#: What breaks the rules above and ought to go. A line that is no longer true fails, so the list can only shrink.
DEBT: set[str] = set()


@dataclass(frozen=True)
class Import:
    """One import statement."""

    importer: str
    imported: str
    line: int
    hidden: bool  # inside a function

    @property
    def units(self) -> tuple[str, str]:
        return unit(self.importer), unit(self.imported)


def unit(module: str) -> str:
    parts = module.split(".")
    return parts[1] if parts[0] == "zmeta" and len(parts) > 1 else "__init__" if parts[0] == "zmeta" else parts[0]


def modules() -> dict[str, Path]:
    found = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(file.relative_to(ROOT).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = file
    return found


MODULES = modules()


def imports_of(module: str) -> list[Import]:
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    skipped: set[int] = set()
    shown = {id(node) for top in tree.body if not isinstance(top, ast.FunctionDef | ast.ClassDef) for node in ast.walk(top)}
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            skipped |= {id(below) for part in node.body for below in ast.walk(part)}
    found = []
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno} is a relative import"
            below = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in MODULES else str(node.module) for name in below]
        for name in dict.fromkeys(names):
            found.append(Import(module, name, getattr(node, "lineno", 0), id(node) not in shown))
    return found


IMPORTS = [found for module in MODULES for found in imports_of(module)]
INSIDE = [found for found in IMPORTS if found.imported.split(".")[0] == "zmeta"]
OUTSIDE = [found for found in IMPORTS if found.imported.split(".")[0] in THIRD_PARTY]


def allowed(importer: str, imported: str) -> bool:
    rank = {name: index for index, layer in enumerate(LAYERS) for name in layer}
    return importer == imported or rank[imported] < rank[importer]


def test_every_unit_has_a_layer() -> None:
    units = {unit(module) for module in MODULES} - {"__init__"}
    assert units == set().union(*LAYERS)


def test_layers() -> None:
    wrong: dict[str, str] = {}
    for found in INSIDE:
        importer, imported = found.units
        if importer == "__init__" or imported == "__init__":
            continue
        if not allowed(importer, imported):
            wrong.setdefault(f"{importer} -> {imported}", f"{found.importer}:{found.line}")
    for found in OUTSIDE:
        importer, package = unit(found.importer), found.imported.split(".")[0]
        if importer not in THIRD_PARTY[package]:
            wrong.setdefault(f"{importer} -> {package}", f"{found.importer}:{found.line}")
    assert {edge: place for edge, place in wrong.items() if edge not in DEBT} == {}
    assert set(wrong) >= DEBT, "a debt is paid: take it off the list"


def test_third_party_is_declared() -> None:
    """Only the standard library, what stands in the table, and zmeta itself."""
    known = {*sys.stdlib_module_names, *THIRD_PARTY, "zmeta"}
    assert {f"{found.importer}: {found.imported}" for found in IMPORTS if found.imported.split(".")[0] not in known} == set()


def test_nobody_imports_the_public_face() -> None:
    """`zmeta/__init__.py` is for users; only the command line takes the version from it."""
    importers = {found.importer for found in IMPORTS if found.imported == "zmeta"}
    assert importers <= {"zmeta.cli.main"}


def test_no_import_cycle() -> None:
    """Neither with the imports at the top, nor with those hidden in functions."""
    for hidden in (False, True):
        graph: dict[str, set[str]] = {module: set() for module in MODULES}
        for found in INSIDE:
            if (found.hidden and not hidden) or (hidden and " -> ".join(found.units) in DEBT):
                continue
            if found.imported != found.importer:
                graph[found.importer].add(found.imported)
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            pytest.fail(f"{'hidden' if hidden else 'plain'} cycle: {' -> '.join(error.args[1])}")


def test_no_convention_imports_another() -> None:
    shared = {"base", "merge", "registry", "extra"}
    for found in INSIDE:
        one, other = found.importer.split("."), found.imported.split(".")
        if one[1:2] == other[1:2] == ["conventions"] and len(one) > 2 and len(other) > 2 and one[2] not in shared:
            assert other[2] in (one[2], "base"), f"{found.importer}:{found.line} imports {found.imported}"


def test_every_convention_is_listed() -> None:
    folders = {path.parent.name for path in (PACKAGE / "conventions").glob("*/__init__.py")}
    listed = {row.decode.__module__.split(".")[2] for row in VERSIONS}
    assert listed == folders


def test_rows_are_whole() -> None:
    schemas = {name.path for name in list_schemas()}
    assert len({row.id for row in VERSIONS}) == len(VERSIONS)
    for row in VERSIONS:
        assert not row.schema or row.schema in schemas, row.id
        assert row.encode is None or (row.schema and row.title and row.writers), row.id
        assert row.title, row.id


def test_nothing_prints_outside_the_command_line() -> None:
    for module, file in MODULES.items():
        if unit(module) == "cli":
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            assert not isinstance(node, ast.Assert), f"{module}:{node.lineno} asserts"
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id != "print", f"{module}:{node.lineno} prints"
