"""Where `zmeta check` runs: the pre-commit hooks, the GitHub action, and what docs/ci.md tells to write. No network."""

from __future__ import annotations

import doctest
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import yaml

from zmeta import __version__
from zmeta.checker.targets import DOCUMENT_NAMES
from zmeta.cli.main import build_parser
from zmeta.finding import CODES

ROOT = Path(__file__).parents[1]
HOOKS: dict[str, dict[str, Any]] = {
    hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
}
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)[^\n]*\n((?:[^\n]*\n)*?)```$", PAGE, re.MULTILINE)

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
needs_bash = pytest.mark.skipif(os.name != "posix" or shutil.which("bash") is None, reason="there is no bash")

ZARRAY = {
    "zarr_format": 2, "shape": [4, 5, 6], "chunks": [4, 5, 6], "dtype": "|u1", "compressor": None, "fill_value": 0,
    "order": "C", "filters": None,
}  # fmt: skip
GOOD = '{\n  "resolution": [40, 4, 4],\n  "offset": [0, 0, 0]\n}\n'
BAD = GOOD.replace("4, 4]", '"4", 4]')
PLACE = "raw/.zattrs:2:22: error ZM301: "


def parses(*words: str) -> bool:
    """Whether `zmeta` takes these arguments."""
    return str(build_parser().parse_args(words).module).startswith("zmeta.cli.")


# --- pre-commit -----------------------------------------------------------------------------------------------------------


class Repository:
    """A git repository with the hooks of the manifest, run as local ones in this environment."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self._environment = environment
        folder.mkdir()
        self._run("git", "init", "-q")
        hooks = [{**hook, "language": "system"} for hook in HOOKS.values()]
        self.write(".pre-commit-config.yaml", yaml.safe_dump({"repos": [{"repo": "local", "hooks": hooks}]}))

    def write(self, name: str, text: str) -> None:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="\n")

    def array(self, name: str, attributes: str) -> None:
        self.write(f"{name}/.zarray", json.dumps(ZARRAY))
        self.write(f"{name}/.zattrs", attributes)

    def hook(self, name: str, *options: str) -> tuple[int, str]:
        """Stage all, run a hook on what is staged, and return its exit code and output."""
        self._run("git", "add", "--all")
        done = self._run(sys.executable, "-m", "pre_commit", "run", "--color=never", *options, name, check=False)
        return done.returncode, done.stdout

    def _run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self._environment,
            check=check,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    ours = {name: text for name, text in os.environ.items() if not name.startswith(("GIT_", "PRE_COMMIT", "GITHUB_"))}
    environment = {
        **ours,
        "PATH": os.path.dirname(sys.executable) + os.pathsep + ours.get("PATH", ""),
        "PRE_COMMIT_HOME": str(tmp_path / "cache"),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "PYTHONUTF8": "1",
    }
    return Repository(tmp_path / "repository", environment)


def test_hooks_are_valid() -> None:
    command = [sys.executable, "-m", "pre_commit", "validate-manifest", ".pre-commit-hooks.yaml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert set(HOOKS) == {"zmeta-check", "zmeta-schema"}
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    for hook in HOOKS.values():
        program, *words = shlex.split(hook["entry"])
        assert program in scripts
        assert parses(*words, *hook.get("args", ()), "a.zarr/.zattrs", "b.zarr/.zattrs")


@pytest.mark.parametrize(
    ("hook", "path", "fits"),
    [
        *(("zmeta-check", above + name, True) for above in ("", "a.zarr/", "a b/s0/") for name in sorted(DOCUMENT_NAMES)),
        ("zmeta-check", "a.zarr/.zattrs.bak", False),
        ("zmeta-check", "a.zarr/my.zattrs", False),
        ("zmeta-check", "a.zarr/azarr.json", False),
        ("zmeta-check", "a.zarr/zarr_json", False),
        ("zmeta-check", "a.zarr/zarr.json5", False),
        ("zmeta-check", "a.zarr/Zarr.json", False),
        ("zmeta-check", "zarr.json/0.0", False),
        ("zmeta-check", "attributes/json", False),
        ("zmeta-check", "package.json", False),
        ("zmeta-check", "a.zarr/0.0", False),
        ("zmeta-schema", "lab.schema.json", True),
        ("zmeta-schema", "schemas/lab/1.0/array.schema.json", True),
        ("zmeta-schema", "lab.schema.json.orig", False),
        ("zmeta-schema", "labxschema.json", False),
        ("zmeta-schema", "schema.json", False),
        ("zmeta-schema", "zarr.json", False),
    ],
)
def test_hooks_take_the_documents_and_nothing_else(hook: str, path: str, fits: bool) -> None:
    assert (re.search(HOOKS[hook]["files"], path) is not None) is fits  # as pre-commit does


@needs_git
def test_check_hook(repository: Repository) -> None:
    """Fails with the place of what is wrong, once for the documents of a node; passes when that is mended."""
    repository.write("lab.zarr/.zgroup", '{"zarr_format": 2}')
    repository.array("lab.zarr/raw", BAD)
    repository.array("lab.zarr/good", GOOD)
    code, out = repository.hook("zmeta-check")
    assert code == 1
    assert out.count(f"lab.zarr/{PLACE}") == 1
    assert "exit code: 1\n" in out
    assert "good" not in out
    assert "note" not in out
    code, coloured = repository.hook("zmeta-check", "--color=always")
    assert "lab.zarr/raw/.zattrs:2:22" in coloured
    repository.array("lab.zarr/raw", GOOD)
    code, out = repository.hook("zmeta-check")
    assert (code, out.count("Passed")) == (0, 1)


@needs_git
def test_check_hook_where_the_arrays_of_an_image_are_not_in_the_commit(repository: Repository) -> None:
    axes = [{"name": name, "type": "space", "unit": "nanometer"} for name in "yx"]
    transforms = [{"type": "scale", "scale": [4, 4]}]
    image = {"version": "0.4", "axes": axes, "datasets": [{"path": "0", "coordinateTransformations": transforms}]}
    name = "an $(exit) 'image'.zarr" if os.name == "posix" else "an image.zarr"
    repository.write(f"{name}/.zgroup", '{"zarr_format": 2}')
    repository.write(f"{name}/.zattrs", json.dumps({"multiscales": [image]}, indent=1))
    code, out = repository.hook("zmeta-check")
    assert code == 1
    assert re.search(rf"^{re.escape(name)}/\.zattrs:\d+:\d+: error ZM412: ", out, re.MULTILINE)
    assert "Traceback" not in out
    repository.write(".gitignore", "0/\n")
    repository.write(f"{name}/0/.zarray", json.dumps({**ZARRAY, "shape": [5, 6], "chunks": [5, 6]}))
    code, out = repository.hook("zmeta-check")
    assert (code, out.count("Passed")) == (0, 1), out


@needs_git
def test_check_hook_on_documents_that_are_none(repository: Repository) -> None:
    """What is not text, and what belongs to no node, fails without a traceback."""
    repository.array("lab.zarr/raw", '{"a": "\0"}')
    repository.write("other/attributes.json", "[1, 2]")
    code, out = repository.hook("zmeta-check")
    assert code == 1
    assert "lab.zarr/raw/.zattrs:1:" in out
    assert "other/attributes.json" in out
    repository.write("alone/.zattrs", "{}")
    code, out = repository.hook("zmeta-check")
    assert code == 1
    assert "alone" in out
    assert "Traceback" not in out


@needs_git
def test_schema_hook(repository: Repository) -> None:
    one = {"$id": "https://lab.example/one", "properties": {"a": {"$ref": "two#/$defs/t"}}, "examples": [{"a": 1}]}
    two = {"$id": "https://lab.example/two", "$defs": {"t": {"type": "integer"}}}
    repository.write("a/one.schema.json", json.dumps(one))
    code, out = repository.hook("zmeta-schema")
    assert code == 1
    assert "a/one.schema.json: a `$ref` leads to a schema that is not in the catalog" in out
    repository.write("b/two.schema.json", json.dumps(two))
    code, out = repository.hook("zmeta-schema")
    assert (code, out.count("Passed")) == (0, 1), out


# --- the GitHub action ----------------------------------------------------------------------------------------------------


def step(name: str) -> dict[str, Any]:
    (found,) = (step for step in STEPS if step.get("id") == name)
    return found


def test_action_hands_inputs_over_as_data() -> None:
    """Nothing is put into a script by GitHub, where it would be run; each input gets to a variable or to another action."""
    assert ACTION["runs"]["using"] == "composite"
    used = set()
    for each in STEPS:
        assert "${{" not in each.get("run", "")
        assert ("run" in each) != ("uses" in each)
        assert each.get("shell") == ("bash" if "run" in each else None)
        used |= {name for text in {**each.get("env", {}), **each.get("with", {})}.values()
                 for name in re.findall(r"\$\{\{ inputs\.([\w-]+) \}\}", str(text))}  # fmt: skip
        for name in each.get("env", {}):
            assert f"${name}" in each["run"] or f"${{{name}" in each["run"], name
    assert used == set(ACTION["inputs"])
    assert all(entry["description"] and "default" in entry for entry in ACTION["inputs"].values())
    outputs = {name: entry["value"] for name, entry in ACTION["outputs"].items()}
    assert outputs == {"sarif": "${{ steps.check.outputs.sarif }}"}


class Job:
    """Runs a script of the action as GitHub does, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output = folder.parent / "output"
        self.output.touch()

    def run(self, name: str, **variables: str) -> subprocess.CompletedProcess[str]:
        plain = {key: text for key, text in os.environ.items() if not key.startswith("GITHUB_")}
        unset = dict.fromkeys(step(name)["env"], "")
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step(name)["run"]],
            cwd=self.folder,
            env={**plain, "GITHUB_OUTPUT": str(self.output), **unset, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )

    def program(self, name: str, code: int = 0) -> str:
        """Make a program that writes down its arguments, and return its path."""
        file = self.folder.parent / name
        calls = shlex.quote(str(self.folder.parent / "calls"))
        file.write_text(f"#!/bin/sh\nprintf '%s\\0' \"$@\" >>{calls}\necho >>{calls}\nexit {code}\n", encoding="utf-8")
        file.chmod(0o755)
        return str(file)

    @property
    def calls(self) -> list[list[str]]:
        text = (self.folder.parent / "calls").read_text(encoding="utf-8")
        return [line.split("\0")[:-1] for line in text.split("\n")[:-1]]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    (tmp_path / "a folder").mkdir()
    return Job(tmp_path / "a folder")


HOSTILE = (
    "$(touch x)", "`touch x`", "a b; touch x", "\"; touch x; '", "'; touch x; \"", "* ? [a]", "&& touch x", "--output=x",
    "\\",
)  # fmt: skip


@needs_bash
def test_action_runs_nothing_that_stands_in_its_inputs(job: Job) -> None:
    zmeta = job.program("zmeta")
    done = job.run("check", ZMETA=zmeta, PATHS="\n".join(HOSTILE), FORMAT=HOSTILE[0], FAIL_ON=HOSTILE[2], SARIF=HOSTILE[3])
    assert (done.returncode, done.stderr) == (0, "")
    options = [f"--format={HOSTILE[0]}", f"--fail-on={HOSTILE[2]}"]
    assert job.calls == [
        ["check", *options, "--format=sarif", f"--output={HOSTILE[3]}", "--", *HOSTILE],
        ["check", *options, "--", *HOSTILE],
    ]
    assert job.output.read_text(encoding="utf-8") == f"sarif={HOSTILE[3]}\n"
    assert list(job.folder.iterdir()) == []


@needs_bash
def test_action_takes_one_argument_from_a_line(job: Job) -> None:
    zmeta = job.program("zmeta")
    arguments = "--ignore=ZM207\n\n  --select=ZM2,$(touch x)\n"
    done = job.run("check", ZMETA=zmeta, PATHS="\n a.zarr \nb c/*.zarr\n", ARGS=arguments, FORMAT="auto", SARIF="a\nb=1\n")
    assert done.returncode == 0, done.stderr
    options = ["--format=auto", "--ignore=ZM207", "--select=ZM2,$(touch x)"]
    assert job.calls[-1] == ["check", *options, "--", "a.zarr", "b c/*.zarr"]
    assert job.output.read_text(encoding="utf-8") == "sarif=ab=1\n"  # one output, not two
    assert list(job.folder.iterdir()) == []


@needs_bash
@pytest.mark.parametrize(
    ("version", "source"), [("", "the action"), ("0.1.0", "zmeta==0.1.0"), ("0 $(touch x)", "zmeta==0 $(touch x)")]
)
def test_action_installs(job: Job, version: str, source: str) -> None:
    """In an environment of its own; a module in the working directory is not taken for one of Python's."""
    temporary = job.folder.parent / "runner temp"
    (temporary / "zmeta" / "bin").mkdir(parents=True)
    job.program("runner temp/zmeta/bin/python")
    variables = {"PYTHON": job.program("python"), "RUNNER_TEMP": str(temporary), "RUNNER_OS": "Linux"}
    done = job.run("install", **variables, VERSION=version, GITHUB_ACTION_PATH="the action")
    assert done.returncode == 0, done.stderr
    make, install = job.calls
    assert make == ["-I", "-m", "venv", f"{temporary}/zmeta"]
    assert install[:4] == ["-I", "-m", "pip", "install"]
    assert install[-1] == source
    assert job.output.read_text(encoding="utf-8") == f"zmeta={temporary}/zmeta/bin/zmeta\n"
    assert list(job.folder.iterdir()) == []


@needs_bash
def test_action_on_data(job: Job) -> None:
    """With the real program: the SARIF file is there, and the step fails, with a log to read."""
    for name, attributes in (("raw", BAD), ("good", GOOD)):
        (job.folder / name).mkdir()
        (job.folder / name / ".zarray").write_text(json.dumps(ZARRAY), encoding="utf-8")
        (job.folder / name / ".zattrs").write_text(attributes, encoding="utf-8")
    zmeta = os.path.join(os.path.dirname(sys.executable), "zmeta")
    done = job.run("check", ZMETA=zmeta, PATHS=".", FORMAT="text", SARIF="zmeta.sarif")
    assert (done.returncode, done.stderr) == (1, "")
    assert PLACE in done.stdout
    results = json.loads((job.folder / "zmeta.sarif").read_text(encoding="utf-8"))["runs"][0]["results"]
    assert "ZM301" in {result["ruleId"] for result in results}
    assert job.output.read_text(encoding="utf-8") == "sarif=zmeta.sarif\n"
    done = job.run("check", ZMETA=zmeta, PATHS="raw", FORMAT="text", FAIL_ON="never", ARGS="--ignore=ZM1,ZM3\n--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = job.run("check", ZMETA=zmeta, PATHS="absent", FORMAT="text", SARIF="zmeta.sarif")
    assert done.returncode != 0
    assert "absent" in done.stderr


# --- docs/ci.md -----------------------------------------------------------------------------------------------------------


def snippets() -> list[Any]:
    return [yaml.safe_load(text) for kind, text in BLOCKS if kind == "yaml"]


def test_page_shows_hooks_that_exist() -> None:
    (config,) = (snippet for snippet in snippets() if "repos" in snippet)
    (repo,) = config["repos"]
    assert repo["rev"] == f"v{__version__}"
    assert {hook["id"] for hook in repo["hooks"]} == set(HOOKS)
    for hook in repo["hooks"]:
        assert parses(*shlex.split(HOOKS[hook["id"]]["entry"])[1:], *hook.get("args", ()), "x")
        re.compile(hook.get("exclude", ""))


def test_page_shows_inputs_of_the_action() -> None:
    steps = [step for snippet in snippets() for job in snippet.get("jobs", {}).values() for step in job["steps"]]
    ours = [step for step in steps if step["uses"].startswith("zmeta/")]
    assert len(ours) == 2
    for each in ours:
        assert each["uses"] == f"zmeta/zmeta@v{__version__}"
        given = each["with"]
        assert set(given) <= set(ACTION["inputs"])
        options = [f"--{name}={given[name]}" for name in ("format", "fail-on") if name in given]
        assert parses("check", *options, *given.get("args", "").split(), "--", *given["paths"].split())
    (upload,) = (step for step in steps if "upload-sarif" in step["uses"])
    assert upload["with"]["sarif_file"] == ours[1]["with"]["sarif"]


def test_page_shows_commands_that_parse() -> None:
    (job,) = (snippet["zmeta"] for snippet in snippets() if "zmeta" in snippet)
    install, *checks = (shlex.split(command) for command in job["script"])
    assert install == ["pip", "install", f"zmeta=={__version__}"]
    assert all(program == "zmeta" for program, *_ in checks)
    parsed = [build_parser().parse_args(words) for _, *words in checks]
    reports = job["artifacts"]["reports"]
    shown = {"auto": None, "gitlab": reports["codequality"], "junit": reports["junit"]}
    assert {each.format: each.output for each in parsed} == shown


def test_page_names_codes_and_options_that_exist() -> None:
    assert set(re.findall(r"ZM\d\d\d", PAGE)) <= set(CODES)
    for command in re.findall(r"`(zmeta check [^`]+)`", PAGE):
        assert parses(*shlex.split(command)[1:])
    for options in re.findall(r"`(--[^`]+)`", PAGE):
        assert parses("check", *shlex.split(options), "x")


@pytest.mark.skipif(not entry_points(group="pytest11", name="zmeta"), reason="zmeta was installed before it had a plugin")
def test_page_shows_a_test_and_its_output(tmp_path: Path) -> None:
    (test,) = (text for kind, text in BLOCKS if kind == "python")
    (shown,) = (text for kind, text in BLOCKS if kind == "text")
    (tmp_path / "test_data.py").write_text(test, encoding="utf-8")
    array = tmp_path / "data" / "good.zarr"
    array.mkdir(parents=True)
    (array / ".zarray").write_text(json.dumps(ZARRAY), encoding="utf-8")
    (array / ".zattrs").write_text(GOOD, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "zmeta", "--basetemp=base"]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert "1 failed, 1 passed" in done.stdout
    for line in shown.splitlines():
        same = doctest.OutputChecker().check_output
        assert any(same(line, real, doctest.ELLIPSIS) for real in done.stdout.splitlines()), line
