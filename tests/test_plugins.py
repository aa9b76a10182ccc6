"""What users add: steps and conventions from files that zmeta.toml names, and from entry points."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import builders
import pytest

from zmeta.api import add_metadata
from zmeta.checker.report import check
from zmeta.config import Config, parse_config
from zmeta.errors import AmbiguousPathError, ConfigError, DuplicateStepError
from zmeta.migration.options import Options
from zmeta.migration.plan import plan_units
from zmeta.nodes.node import open_array_node
from zmeta.pipeline import decode_node
from zmeta.steps.load import load_graph

STEPS_PY = """
from zmeta.steps.marks import VersionKey
from zmeta.steps.step import Step

def upper(attributes, site):
    return {**attributes, "v": "2"}

STEPS = [Step("lab-1-2", "lab", "1", "2", "lossless", upper, find_version=VersionKey("/v").find)]
"""
STEPS_TOML = 'subject = "lab"\nversion_key = "/v"\nstep = [{id = "lab-2-3", from = "2", to = "3"}]\n'
CONVENTION = """
from zmeta.conventions.base import ConventionVersion, Edit, encode_numbers

def detect(node):
    return "nmPerVoxel" in node.attributes

def decode(draft):
    keys = draft.node.attributes
    draft.take_geometry(("nmPerVoxel",), keys["nmPerVoxel"])
    draft.units = tuple("nanometer" for _ in draft.node.shape)

def encode(metadata, node, reading):
    yield Edit(node, {"nmPerVoxel": encode_numbers(metadata.voxel_size, "lab", node)})

VERSIONS = [
    ConventionVersion("lab", "1", "the lab's", "the lab", "", detect, decode, encode, evidence=frozenset({"nmPerVoxel"}))
]
"""


def settings(folder: Path, **keys: Any) -> Config:
    return parse_config(keys, str(folder / "zmeta.toml"))


def test_without_settings_there_are_our_steps_only() -> None:
    assert load_graph(Config()).subjects == ("ome-ngff", "funlib-persistence", "dacapo")


def test_steps_from_files(tmp_path: Path) -> None:
    builders.write(tmp_path / "steps", {"a.py": STEPS_PY, "b.toml": STEPS_TOML})
    for patterns in (["steps/a.py", "steps/b.toml"], ["steps/*"], "steps/*"):
        graph = load_graph(settings(tmp_path, steps=patterns))
        assert [step.id for step in graph.path("lab", "1", "3")] == ["lab-1-2", "lab-2-3"]
        assert graph.version_of("lab", {"v": "1"}) == "1"
        assert graph.head("ome-ngff") == "0.5"


def test_a_changed_file_is_run_again(tmp_path: Path) -> None:
    builders.write(tmp_path, {"a.py": STEPS_PY})
    config = settings(tmp_path, steps=["a.py"])
    assert load_graph(config).head("lab") == "2"
    (tmp_path / "a.py").write_text(STEPS_PY.replace('"1", "2"', '"1", "2.0"'))
    assert load_graph(config).head("lab") == "2.0"


@pytest.mark.parametrize(
    ("files", "error", "message"),
    [
        ({}, ConfigError, "no such file"),
        ({"a.py": "STEPS = ["}, ConfigError, "SyntaxError"),
        ({"a.py": "1 / 0"}, ConfigError, "ZeroDivisionError"),
        ({"a.py": "import nothing_of_this_name"}, ConfigError, "ModuleNotFoundError"),
        ({"a.py": "steps = []"}, ConfigError, "has no `STEPS`"),
        ({"a.py": "STEPS = [1]"}, ConfigError, "of another kind"),
        ({"a.py": "STEPS = {}"}, ConfigError, "of another kind"),
        ({"a.py": "def STEPS():\n    raise ValueError('no')"}, ConfigError, "ValueError: no"),
        ({"a.txt": ""}, ConfigError, "must be .toml, .json or .py"),
        ({"a.toml": "subject = 1"}, ConfigError, "the file of steps is wrong"),
        ({"a.py": STEPS_PY, "b.py": STEPS_PY}, DuplicateStepError, "lab-1-2"),
        ({"a.py": STEPS_PY, "b.toml": STEPS_TOML.replace('"2"', '"1"')}, AmbiguousPathError, "lab-2-3"),
    ],
)
def test_wrong_files(tmp_path: Path, files: dict[str, str], error: type[Exception], message: str) -> None:
    builders.write(tmp_path, dict(files))
    with pytest.raises(error, match=message):
        load_graph(settings(tmp_path, steps=["a.*", *(["b.*"] if len(files) == 2 else [])]))


@pytest.mark.parametrize("body", ["STEPS = OLD[0]", "STEPS = tuple(OLD)", "def STEPS():\n    return OLD"])
def test_steps_in_every_form(tmp_path: Path, body: str) -> None:
    builders.write(tmp_path, {"a.py": STEPS_PY.replace("STEPS =", "OLD =") + body})
    assert load_graph(settings(tmp_path, steps=["a.py"])).head("lab") == "2"


@pytest.mark.parametrize("key", ["steps", "conventions"])
def test_settings(tmp_path: Path, key: str) -> None:
    assert getattr(settings(tmp_path, **{key: "a"}), key) == ("a",)
    with pytest.raises(ConfigError, match="list of strings"):
        settings(tmp_path, **{key: [1]})
    with pytest.raises(ConfigError, match="cannot be set for some arrays only"):
        settings(tmp_path, override=[{"match": ["*"], key: ["a"]}])


def test_a_setting_runs_no_code(tmp_path: Path) -> None:
    builders.write(tmp_path, {"a.py": "raise SystemExit"})
    config = settings(tmp_path, steps=["a.py"], conventions=["a.py"])
    assert (config.steps, config.conventions) == (("a.py",), ("a.py",))


# --- conventions ------------------------------------------------------------------------------------------------------


def test_a_convention_from_a_file(tmp_path: Path) -> None:
    builders.write(tmp_path, {"lab.py": CONVENTION})
    array = builders.array(tmp_path / "data.zarr" / "raw", "v2", {"nmPerVoxel": [40, 4, 4]})
    config = settings(tmp_path, conventions=["lab.py"])
    plain, known = (decode_node(open_array_node(array), each.reading()) for each in (Config(), config))
    assert plain.metadata.voxel_size is None
    assert known.metadata.convention == "lab@1"
    assert [*map(int, known.metadata.voxel_size or ())] == [40, 4, 4]
    assert known.metadata.units == ("nanometer",) * 3


def test_a_users_convention_is_written(tmp_path: Path) -> None:
    builders.write(tmp_path, {"lab.py": CONVENTION})
    array = builders.array(tmp_path / "data.zarr" / "raw", "v2", {"nmPerVoxel": [40, 4, 4], "other": 1})
    config = settings(tmp_path, conventions=["lab.py"])
    add_metadata(str(array), {"voxel_size": [50, 5, 5]}, config=config)
    attributes = open_array_node(array).attributes
    assert attributes == {"nmPerVoxel": [50, 5, 5], "other": 1}


def test_check_reads_a_users_convention(tmp_path: Path) -> None:
    """Arrays that differ in keys which no other convention knows are told apart."""
    builders.write(tmp_path, {"lab.py": CONVENTION})
    root = builders.group(tmp_path / "data.zarr", "v2")
    for number in range(4):
        builders.array(root / f"a{number}", "v2", {"nmPerVoxel": [40, -4 if number == 2 else 4, 4]})
    found = check(root, config=settings(tmp_path, conventions=["lab.py"]))
    assert [Path(finding.file).parent.name for finding in found if finding.code == "ZM301"] == ["a2"]
    assert not [finding for finding in check(root, config=Config()) if finding.code == "ZM301"]


def test_plans_ask_a_users_convention_about_each_array(tmp_path: Path) -> None:
    """What no other convention reads is not carried along unread: it may be wrong in one array alone."""
    builders.write(tmp_path, {"lab.py": CONVENTION})
    for number in range(60):
        size = -4 if number == 50 else 4 + number
        builders.array(tmp_path / "c" / f"a{number:02}", "v2", {"nmPerVoxel": [40, size, 4]})
    units = [*plan_units([tmp_path / "c"], Options("zmeta", config=settings(tmp_path, conventions=["lab.py"])))]
    assert [Path(unit.path).name for unit in units if unit.blocked] == ["a50"]
    assert len(units) == 60


def test_plans_ask_a_users_step_about_each_array(tmp_path: Path) -> None:
    builders.write(tmp_path, {"steps.py": STEPS_PY})
    assert not Options("zmeta", config=settings(tmp_path, steps=["steps.py"])).are_alike
    assert Options("zmeta").are_alike


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("VERSIONS = []\nraise ValueError", "ValueError"),
        (CONVENTION.replace('"lab", "1"', '"daisy", "1"'), "there is such a convention already"),
        (CONVENTION.replace("]\n", "] * 2\n"), "there is such a convention already"),
        (CONVENTION.replace('{"nmPerVoxel"})', "())"), "no `evidence`"),
        ("VERSIONS = [1]", "of another kind"),
    ],
)
def test_wrong_conventions(tmp_path: Path, body: str, message: str) -> None:
    builders.write(tmp_path, {"lab.py": body})
    with pytest.raises(ConfigError, match=message):
        settings(tmp_path, conventions=["lab.py"]).reading()


# --- entry points -----------------------------------------------------------------------------------------------------


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that is installed beside ours: a module, and what says which entry points it has."""
    site = tmp_path / "site-packages"
    name = f"lab_zmeta_{abs(hash(tmp_path))}"
    points = f"[zmeta.steps]\nlab = {name}:STEPS\n\n[zmeta.conventions]\nlab-v1 = {name}:VERSIONS\n"
    builders.write(site, {f"{name}.py": STEPS_PY + CONVENTION})
    builders.write(site / "lab-1.0.dist-info", {"METADATA": "Metadata-Version: 2.1\nName: lab\nVersion: 1.0\n",
                                                "entry_points.txt": points})  # fmt: skip
    monkeypatch.syspath_prepend(site)
    return site


@pytest.mark.usefixtures("installed")
def test_entry_points(tmp_path: Path) -> None:
    assert load_graph(Config()).head("lab") == "2"
    config = settings(tmp_path, conventions=["lab-v1"])
    assert [row.id for row in config.reading().conventions] == ["lab@1"]
    assert Config().reading().conventions == (), "what is installed does not change how data is read"
    with pytest.raises(ConfigError, match="no convention 'lab-v2' to add") as caught:
        settings(tmp_path, conventions=["lab-v2"]).reading()
    assert caught.value.expected == "lab-v1"


def test_a_broken_entry_point(installed: Path) -> None:
    next(installed.glob("*.py")).write_text("raise SystemError('no')")
    with pytest.raises(ConfigError, match="SystemError: no") as caught:
        load_graph(Config())
    assert "entry point lab" in caught.value.where


def test_nothing_is_looked_for_at_import() -> None:
    """Neither by the import of zmeta, nor by reading an array."""
    code = (
        "import sys, zmeta, zmeta.pipeline, zmeta.config; zmeta.config.Config().reading(); "
        "sys.exit('importlib.metadata' in sys.modules or 'zmeta.plugins' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-S", "-c", code], check=False, cwd=Path(__file__).parents[1]).returncode == 0
