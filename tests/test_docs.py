"""What README.md and docs/ say is run: code, commands, output, exit codes, links, and the build itself.

The convention of all pages:

- A `python` block is run, all blocks of a page in one namespace and one empty folder. What it prints stands in the `text`
  block right after it; `...` there fits anything. A block that is meant to fail ends that output with the error.
- A `console` block holds commands after `$ `, each with its output. A command exits with 0, unless `$ echo $?` after it
  says otherwise. Only `zmeta` is called.
- A block with a `title` is a file, written into the folder.
- Blocks of any other kind are to be read only.

`python tests/test_docs.py` puts the real output in the place of what no longer fits; read the difference before keeping it.
"""

from __future__ import annotations

import contextlib
import doctest
import html
import importlib.util
import io
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from zmeta.checker.mend import can_mend
from zmeta.checker.rules.registry import MUST, load_page
from zmeta.config import _load
from zmeta.finding import CODES, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
CHECK = doctest.OutputChecker().check_output


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    page: Path
    line: int
    kind: str
    title: str
    text: str
    adjacent: bool  # nothing but blank lines between the block before and this one

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found: list[Block] = []
    end = 0
    for match in re.finditer(r"^```(\w*)(.*)\n((?:.*\n)*?)```$", text, re.MULTILINE):
        title = re.search(r'title="([^"]+)"', match[2])
        line = text.count("\n", 0, match.start()) + 1
        adjacent = bool(found) and not text[end : match.start()].strip()
        found.append(Block(page, line, match[1], title[1] if title else "", match[3], adjacent))
        end = match.end()
    return found


def same(want: str, got: str) -> bool:
    return want == got or (bool(want) and CHECK(want, got, doctest.ELLIPSIS))


def run_python(block: Block, namespace: dict[str, object]) -> str:
    """Run a block; return what it prints, and the error that ends it."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            exec(compile(block.text, str(block), "exec", dont_inherit=True), namespace)
        except Exception as error:
            print(f"{type(error).__qualname__}: {error}")
    return out.getvalue()


def run_console(block: Block, folder: Path) -> Iterator[tuple[str, str, str]]:
    """Run the commands of a block; yield for each what was typed, the output that the page shows, and the real one."""
    state = str(folder) + "-state"  # runs of migrations
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8", "COLUMNS": "80", "NO_COLOR": "1", "ZMETA_STATE": state}
    code = 0
    for part in [*re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:], ""]:
        command, _, want = part.partition("\n")
        if command == "echo $?":
            yield command, want, f"{code}\n"
            code = 0
            continue
        assert code == 0, f"{block}: exit code {code} is not mentioned"
        words = shlex.split(command)
        if not words:
            return
        assert words[0] == "zmeta", f"{block}: {command}"
        done = subprocess.run(
            [sys.executable, "-m", "zmeta", *words[1:]],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
        )
        code = done.returncode
        yield command, want, done.stdout


def run_page(page: Path, folder: Path) -> Iterator[tuple[str, str, str]]:
    """Run everything on a page, in order; yield for each step where it stands, and the output as shown and as it is."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    blocks = blocks_of(page)
    for block, after in zip_longest(blocks, blocks[1:]):
        if block.title:
            (folder / block.title).write_text(block.text, encoding="utf-8")
            _load.cache_clear()  # settings are kept for up to a second
        elif block.kind == "python":
            shown = after.text if after is not None and after.kind == "text" and after.adjacent else ""
            yield str(block), shown, run_python(block, namespace)
        elif block.kind == "console":
            for command, want, got in run_console(block, folder):
                yield f"{block}: {command}", want, got


def tidy(text: str) -> str:
    """Return output as pages show it."""
    text = text.replace("\\", "/") if os.sep == "\\" else text
    return "".join(line.rstrip() + "\n" for line in text.splitlines())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for place, want, got in run_page(page, tmp_path):
        assert same(want, tidy(got)), f"{place}: the page says\n{want}\nand this was printed\n{got}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_blocks_are_of_a_known_kind(page: Path) -> None:
    known = {"python", "console", "text", "json", "toml", "yaml", "bash"}
    for block in blocks_of(page):
        assert block.kind in known, block
        if block.kind == "json":
            json.loads(block.text)
        if block.kind == "toml":
            tomllib.loads(block.text)
        if block.kind == "text":
            assert block.adjacent, f"{block}: output of nothing"


def command(name: str) -> str:
    """Return a command of the README, found as `.ci/run` finds it."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.findall(rf"^<!-- command: {name} -->\n```bash\n(.*)\n```$", text, re.MULTILINE)
    assert len(found) == 1, f"README.md has {len(found)} commands called {name}"
    return str(found[0])


def test_readme_commands() -> None:
    demo, test = command("demo"), command("test")
    for each in (demo, test):
        assert each.startswith("python3 -m venv .venv && .venv/bin/pip install ")
        assert all(word not in each for word in ("sudo", "curl", "--index-url", ";"))
    assert demo.endswith(" && .venv/bin/zmeta demo demo")
    assert "pip install . " in demo
    assert "pip install -e '.[test]'" in test
    assert " && .venv/bin/python -m pytest" in test
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert "test" in extras


def test_ci_runs_the_readme_command() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "<!-- command: test -->" in script
    assert "pytest" not in script.replace("pytest's", "")
    assert "pip install" not in script
    if os.name == "posix":
        assert os.access(ROOT / ".ci" / "run", os.X_OK)
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    assert ".ci/run" in workflow


def test_readme_counts_the_demo() -> None:
    quickstart = (ROOT / "docs" / "quickstart.md").read_text(encoding="utf-8")
    (count,) = re.findall(r"^1\. (\d+) arrays, as", quickstart, re.MULTILINE)
    assert f"It makes {count} small arrays" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_hooks", ROOT / "docs" / "hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_readme_table_is_the_registry(hooks: ModuleType) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text == hooks.with_table(text), "run python docs/hooks.py"


def test_readme_names_what_is_recognised(hooks: ModuleType) -> None:
    words = f"{hooks.number_word(len(hooks.RECOGNISED_TABLE))} more layouts are recognised"
    assert words in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_command_is_documented() -> None:
    """The help of every command and verb is quoted on the page of the command line, and so compared with the real one."""
    from zmeta.cli.main import build_parser

    quoted = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    stack = [("zmeta", build_parser())]
    while stack:
        name, parser = stack.pop()
        assert f"$ {name} --help\n" in quoted
        for action in parser._actions:
            if isinstance(action.choices, dict):
                stack += [(f"{name} {verb}", below) for verb, below in action.choices.items()]


def test_links_of_the_readme_and_its_like() -> None:
    for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "schemas/README.md", "tests/data/README.md"):
        file = ROOT / name
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", file.read_text(encoding="utf-8")):
            assert (file.parent / link).exists(), f"{name}: {link}"


def test_pages_of_the_rules(hooks: ModuleType) -> None:
    """The groups hold every code once; a page is what its module says, with links for the codes that it names."""
    assert [code for start in hooks.GROUPS for code in hooks.codes_of(start)] == list(CODES)
    for code in CODES:
        page, body = hooks.rule_page(code), load_page(code).partition("\n")[2].strip()
        assert re.sub(r"\[(ZM\d{3})\]\(\1\.md\)", r"\1", page).endswith(f"\n\n{body}\n")
        assert f"]({code}.md)" not in page


def test_documentation_builds(tmp_path: Path, hooks: ModuleType) -> None:
    """One strict build, and everything that is to be seen in it: one test, so that the build runs once."""
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")],
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "NO_MKDOCS_2_WARNING": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stdout
    site = tmp_path / "site"
    # every address that zmeta writes into files, and every $id, is there when the site is hosted
    from zmeta.conventions.zmeta.codec import ENTRY

    base = "https://zmeta.github.io/zmeta/"
    schemas = sorted((ROOT / "schemas").rglob("*.json"))
    addresses = [str(ENTRY["schema_url"]), str(ENTRY["spec_url"])]
    addresses += [json.loads(file.read_bytes())["$id"] for file in schemas]
    for address in addresses:
        assert address.startswith(base)
        below = site / address.removeprefix(base)
        assert (below / "index.html" if address.endswith("/") else below).is_file(), address
    for file in schemas:
        assert (site / file.relative_to(ROOT)).read_bytes() == file.read_bytes()
    for name in hooks.convention_pages():
        assert (site / "conventions" / name / "index.html").is_file()
    # every code has its page, where `Finding.url` says, and is linked from both lists
    findings = (site / "findings" / "index.html").read_text(encoding="utf-8")
    index = (site / "rules" / "index.html").read_text(encoding="utf-8")
    for code, (severity, title) in CODES.items():
        url = Finding(code, "").url
        page = site / url.removeprefix(base) / "index.html"
        text = html.unescape(re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8")))
        assert f"{code}: {title}" in text
        assert f"Severity: {severity}." in text
        assert ("It means that a MUST of the convention is broken." in text) == (code in MUST)
        assert ("--fix mends it where that loses nothing." in text) == can_mend(Finding(code, ""))
        assert [head for head in ("What it finds", "Why it matters", "Example", "What to do") if head not in text] == []
        assert f'href="../rules/{code}/"' in findings
        assert f'href="{code}/"' in index
    # nothing is loaded from elsewhere
    for page in site.rglob("*.html"):
        tags = re.findall(r"<(?:script|link|img|iframe)\b[^>]*>", page.read_text(encoding="utf-8"))
        loaded = [tag for tag in tags if re.search(r'(?:src|href)="?(?:https?:)?//', tag) and 'rel="canonical"' not in tag]
        assert loaded == [], page
    assert not list(site.rglob("*.py"))


def update(page: Path) -> None:
    """Put the real output into a page where it differs."""
    text = page.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        real = os.path.realpath(folder)
        for place, want, got in reversed(list(run_page(page, Path(folder)))):  # from the end, so that line numbers hold
            new = tidy(got).replace(real, "...").replace(folder, "...")
            if not same(want, tidy(got)):
                print(place)
                lines = text.splitlines(keepends=True)
                at = sum(map(len, lines[: int(place.split(":")[1]) - 1]))
                command = place.partition(": ")[2]
                start = text.index(f"$ {command}\n", at) + len(command) + 3 if command else text.index("```text\n", at) + 8
                assert text[start:].startswith(want), place
                text = text[:start] + new + text[start + len(want) :]
                page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    for each in PAGES:
        if not sys.argv[1:] or each.name in sys.argv[1:]:
            update(each)
