"""The pytest plugin, in pytest runs of their own: what passes, what fails and how it is told, and what it costs."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.skipif(
    not entry_points(group="pytest11", name="zmeta"),
    reason="zmeta was installed before it had a plugin: pip install -e '.[test]'",
)

ZARRAY = {
    "zarr_format": 2, "shape": [4, 5, 6], "chunks": [4, 5, 6], "dtype": "|u1", "compressor": None, "fill_value": 0,
    "order": "C", "filters": None,
}  # fmt: skip
GOOD = '{\n  "resolution": [40, 4, 4],\n  "offset": [0, 0, 0]\n}\n'
BAD = GOOD.replace("4, 4]", '"4", 4]')
PLACE = "bad.zarr/.zattrs:2:22: error ZM301: *; a string is not a number: remove the quotes"


def array(folder: Path, attributes: str) -> None:
    folder.mkdir(parents=True)
    (folder / ".zarray").write_text(json.dumps(ZARRAY), encoding="utf-8")
    (folder / ".zattrs").write_text(attributes, encoding="utf-8")


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Beside a good array and one whose voxel size has a string in it; without the plugins of others, which take time."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    array(pytester.path / "good.zarr", GOOD)
    array(pytester.path / "bad.zarr", BAD)
    pytester.makeini("[pytest]\nfilterwarnings = error\n")
    return Run(pytester)


class Run:
    """Runs pytest on a test file, or on what there is, as strictly as it can be."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester

    def __call__(self, source: str = "", *options: str, load: tuple[str, ...] = ("zmeta",)) -> pytest.RunResult:
        if source:
            self.pytester.makepyfile(test_it=source)
        strict = ("--strict-markers", "--strict-config", "-p", "no:cacheprovider")
        plugins = [word for name in load for word in ("-p", name)]
        return self.pytester.runpytest_subprocess(*strict, *plugins, *options)


def test_fixture(run: Run) -> None:
    """It returns the report, takes the options of `check`, and serves fixtures of any scope."""
    done = run("""
        import pytest

        @pytest.fixture(scope="session")
        def good(zmeta_check):
            return zmeta_check("good.zarr")

        def test_report(good):
            assert good
            assert (good.summary.arrays, good.errors) == (1, ())
            assert "ZM205" in [finding.code for finding in good]

        def test_options(zmeta_check, tmp_path):
            from zmeta import Config, NodeNotFoundError

            assert zmeta_check("good.zarr", ignore=["ZM205"]).summary.codes.get("ZM205") is None
            assert zmeta_check("bad.zarr", fail_on="never").errors
            assert not zmeta_check(["good.zarr", "bad.zarr"], select=["ZM2"]).errors
            assert zmeta_check("bad.zarr", config=Config(severity={"ZM1": "off", "ZM3": "off"}))
            with pytest.raises(NodeNotFoundError, match="there is no such file or folder"):
                zmeta_check(tmp_path / "absent")
            with pytest.raises(TypeError, match="fail_no"):
                zmeta_check("good.zarr", fail_no="error")
    """)
    done.assert_outcomes(passed=2)


def test_fixture_fails_the_test_with_the_findings(run: Run) -> None:
    done = run("""
        import pathlib
        from zmeta import Config

        def test_bad(zmeta_check):
            zmeta_check(pathlib.Path("bad.zarr"))
            raise RuntimeError("too late")

        def test_note(zmeta_check):
            zmeta_check("good.zarr", fail_on="note")

        def test_config(zmeta_check):
            zmeta_check("good.zarr", config=Config(severity={"ZM205": "warning"}, fail_on="warning"))
    """)
    done.assert_outcomes(failed=3)
    done.stdout.fnmatch_lines(
        [
            '>       zmeta_check(pathlib.Path("bad.zarr"))',
            "E       Failed: zmeta check: 1 error, * in 1 array and 0 groups",
            f"E       {PLACE}",
            "test_it.py:5: Failed",
            "E       good.zarr/.zattrs:1:1: note ZM205: *",
            "E       good.zarr/.zattrs:1:1: warning ZM205: *",
            "FAILED test_it.py::test_bad - Failed: zmeta check: 1 error*",
        ]
    )
    done.stdout.no_fnmatch_line("*bad.zarr/.zattrs*note*")  # what does not fail is counted only
    done.stdout.no_fnmatch_line("*pytest_plugin.py*")
    done.stdout.no_fnmatch_line("*too late*")


def test_only_the_first_findings_are_listed(run: Run) -> None:
    for number in range(60):
        array(run.pytester.path / "many.zarr" / f"{number}", BAD)
    done = run("def test_many(zmeta_check):\n    zmeta_check('many.zarr')")
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["E       Failed: zmeta check: 60 errors*", "E       and 10 more"])
    assert sum(line.startswith("E       many.zarr/") for line in done.outlines) == 50


def test_marker(run: Run) -> None:
    """Before the test and its fixtures; a skipped test is not looked at."""
    done = run("""
        import pytest

        @pytest.fixture
        def costly():
            raise RuntimeError("too late")

        @pytest.mark.zmeta("good.zarr", fail_on="warning")
        def test_good():
            pass

        @pytest.mark.zmeta("good.zarr", "b*.zarr")
        def test_bad(costly):
            pass

        @pytest.mark.zmeta("bad.zarr", ignore=["ZM1", "ZM3"])
        class TestClass:
            def test_ignored(self):
                pass

            @pytest.mark.skip
            @pytest.mark.zmeta("bad.zarr")
            def test_skipped(self):
                pass

            @pytest.mark.zmeta("absent.zarr")
            def test_absent(self):
                pass

            @pytest.mark.zmeta("bad.zarr/.zattrs")
            def test_both(self):
                pass

        @pytest.mark.zmeta
        def test_nothing_named():
            pass
    """)
    done.assert_outcomes(passed=2, skipped=1, errors=4)
    done.stdout.fnmatch_lines(
        [
            "*ERROR at setup of test_bad*",
            "zmeta check: 1 error, * in 2 arrays and 0 groups",
            PLACE,
            "*ERROR at setup of TestClass.test_absent*",
            "zmeta check: there is no such file or folder",
            "  where: *absent.zarr",
            "*ERROR at setup of TestClass.test_both*",
            PLACE,
            "*ERROR at setup of test_nothing_named*",
            "the marker `zmeta` names no path",
        ]
    )
    done.stdout.no_fnmatch_line("*too late*")


def test_marker_is_relative_to_the_rootdir(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever pytest runs."""
    tests = run.pytester.mkdir("tests")
    source = "import pytest\npytestmark = pytest.mark.zmeta('{}')\ndef test_it():\n    pass\n"
    for name, paths in (("good", "g*.zarr"), ("bad", "bad.zarr"), ("none", "x*.zarr")):
        (tests / f"test_{name}.py").write_text(source.format(paths), encoding="utf-8")
    monkeypatch.chdir(tests)
    done = run()
    done.assert_outcomes(passed=1, errors=2)
    done.stdout.fnmatch_lines(["*bad.zarr/.zattrs:2:22: error ZM301: *", "zmeta check: nothing fits the glob"])


def test_settings_are_those_of_the_folder(run: Run) -> None:
    (run.pytester.path / "zmeta.toml").write_text('ignore = ["ZM1", "ZM3"]\nfail_on = "note"\n', encoding="utf-8")
    done = run("def test_it(zmeta_check):\n    zmeta_check('bad.zarr')")
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["E       bad.zarr/.zattrs:1:1: note *"])
    done.stdout.no_fnmatch_line("*ZM301*")


def test_with_xdist(run: Run) -> None:
    done = run(
        """
        import pytest

        @pytest.mark.parametrize("number", range(4))
        @pytest.mark.zmeta("good.zarr")
        def test_good(number, zmeta_check):
            zmeta_check("good.zarr", jobs=2)

        @pytest.mark.zmeta("bad.zarr")
        def test_bad():
            pass
        """,
        "-n2",
        load=("zmeta", "xdist"),
    )
    done.assert_outcomes(passed=4, errors=1)
    done.stdout.fnmatch_lines([PLACE])


def test_without_the_plugin(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    done = run("def test_it(zmeta_check):\n    pass", "-p", "no:zmeta", load=())
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["*fixture 'zmeta_check' not found"])


def test_pytest_tells_of_it(run: Run) -> None:
    done = run("", "--markers")
    done.stdout.fnmatch_lines(["@pytest.mark.zmeta(?paths, ??options): before the test runs, check *"])
    done = run("", "--fixtures")
    done.stdout.fnmatch_lines(["zmeta_check [[]session scope] -- *", "*fails the test with the findings*"])


def test_nothing_is_loaded_before_it_is_used(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by pytest, which finds the plugin itself, nor by tests that do not use it."""
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    source = """
        import sys

        def test_it():
            assert {name for name in sys.modules if name.startswith("zmeta")} == {"zmeta", "zmeta.pytest_plugin"}
    """
    run(source, load=()).assert_outcomes(passed=1)
    code = "import sys, pytest; old = set(sys.modules); import zmeta.pytest_plugin; print(*sorted(set(sys.modules) - old))"
    out = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.split() == ["zmeta", "zmeta.pytest_plugin"]
