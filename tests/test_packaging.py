"""The wheel and the editable installation: both find every schema, with the checkout nowhere on the path.

Built with hatchling itself and unpacked by pip without an index: no network. The interpreter runs without `site`, so that an
installation of zmeta in this environment cannot stand in for the one that is tested.
"""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

import zmeta

ROOT = Path(__file__).parents[1]

#: Loads every schema by its `$id`, resolves every `$ref` in it, and says what was found.
SCRIPT = """
import json, os, site, sys
folder, *libraries = sys.argv[1:]
site.addsitedir(folder)  # follows the .pth file of an editable installation
sys.path += libraries
import zmeta
from importlib.metadata import distribution
from zmeta.cli.schema import check_schema
from zmeta.schema.catalog import list_schemas, load_schema
schemas = {name.path: load_schema(name.path) for name in list_schemas()}
problems = [problem for path, schema in schemas.items() for problem in check_schema(schema, (), path)]
metadata = distribution("zmeta")
print(json.dumps({
    "home": os.path.dirname(zmeta.__file__),
    "version": [zmeta.__version__, metadata.version],
    "scripts": [entry.value for entry in metadata.entry_points if entry.group == "console_scripts"],
    "ids": {path: schema["$id"] for path, schema in schemas.items()},
    "problems": problems,
}))
"""


def build(target: str, folder: Path) -> Path:
    """Build a wheel of the checkout with hatchling."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    return wheel


def look(wheel: Path, folder: Path) -> dict[str, object]:
    """Install a wheel into an empty folder, and look at zmeta from elsewhere."""
    installed, elsewhere = folder / "installed", folder / "elsewhere"
    elsewhere.mkdir()
    pip = [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--disable-pip-version-check", "-q"]
    subprocess.run([*pip, "--target", str(installed), str(wheel)], cwd=elsewhere, check=True, stdin=subprocess.DEVNULL)
    libraries = dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib"))
    done = subprocess.run(
        [sys.executable, "-S", "-P", "-c", SCRIPT, str(installed), *libraries],
        cwd=elsewhere,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(("target", "home"), [("wheel", None), ("wheel:editable", ROOT / "zmeta")])
def test_installation_finds_every_schema(target: str, home: Path | None, tmp_path: Path) -> None:
    wheel = build(target, tmp_path / "dist")
    found = look(wheel, tmp_path)
    assert Path(str(found["home"])).resolve() == (home or tmp_path / "installed" / "zmeta").resolve()
    files = {
        file.relative_to(ROOT / "schemas").as_posix().removesuffix(".schema.json"): json.loads(file.read_bytes())["$id"]
        for file in (ROOT / "schemas").rglob("*.schema.json")
    }
    assert found["ids"] == files
    assert len(files) >= 48
    assert found["problems"] == []
    assert found["version"] == [zmeta.__version__, zmeta.__version__]
    assert found["scripts"] == ["zmeta.cli.main:run"]


def test_wheel_holds_what_it_should(tmp_path: Path) -> None:
    with zipfile.ZipFile(build("wheel", tmp_path)) as archive:
        names = archive.namelist()
        metadata = next(archive.read(name).decode() for name in names if name.endswith(".dist-info/METADATA"))
    tops = {name.split("/")[0] for name in names}
    assert tops == {"zmeta", f"zmeta-{zmeta.__version__}.dist-info"}, "no tests, no docs"
    assert "zmeta/py.typed" in names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    python = {file.relative_to(ROOT).as_posix() for file in (ROOT / "zmeta").rglob("*.py")}
    assert {name for name in names if name.endswith(".py")} == python
    schemas = {file.relative_to(ROOT / "schemas").as_posix() for file in (ROOT / "schemas").rglob("*.json")}
    assert {name.removeprefix("zmeta/_schemas/") for name in names if name.endswith(".json")} == schemas
    assert f"\nVersion: {zmeta.__version__}\n" in metadata
    assert "\nRequires-Python: >=3.11\n" in metadata


def test_version_is_the_same_everywhere() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {zmeta.__version__}\n" in citation
    assert f"\n## [{zmeta.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_extras_are_whole() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    assert "zmeta[n5,remote,docs]" in extras["test"]
    assert "zmeta[n5,remote]" in extras["all"]
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    for requirement in [*project["dependencies"], *extras["n5"], *extras["remote"]]:
        name = requirement.split(">")[0]
        assert f"`{name}`" in page, f"{name} has no reason on the page of dependencies"
    for extra in extras:
        assert f"\n| `{extra}` |" in page
