"""`zmeta check`, `zmeta explain`: as a user runs them, exit codes and all that a terminal, a pipe or Ctrl-C can do."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import ATTRIBUTES, FORMATS, SOUND, WILD, array, group, image, image_tree, large_tree, write, zipped

from zmeta.checker import runner
from zmeta.checker.batch import Batch
from zmeta.checker.report import check
from zmeta.cli.main import main
from zmeta.config import Config
from zmeta.errors import StoreError
from zmeta.finding import CODES
from zmeta.nodes import write as write_module

ZMETA = [sys.executable, "-m", "zmeta"]
#: Takes its time for each node, and leaves a file once it has looked at some.
SLOW = """
import sys, time
from zmeta.checker import parallel
from zmeta.checker.judge import Judge
parallel.BUDGET = 20
skim, seen = Judge.skim, []
def slow(self, place):
    time.sleep(0.002)
    seen.append(place)
    if len(seen) == 60:
        open("begun", "w").close()
    return skim(self, place)
Judge.skim = slow
from zmeta.cli.main import run
sys.argv[0] = "zmeta"
run()
"""


@pytest.fixture(autouse=True)
def _away_from_any_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """One array that is sound, one that says little, one with an error."""
    root = tmp_path / "c.zarr"
    group(root)
    array(root / "good", "v2", SOUND)
    array(root / "poor", "v2", {"resolution": [4, 4, 4], "offset": [0, 0, 0]})
    array(root / "wrong", "v2", {**SOUND, "voxel_size": [4, 0, 4]})
    return root


def run(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    options = {"capture_output": True, "text": True, "timeout": 60, **options}
    return subprocess.run([*ZMETA, *map(str, arguments)], check=False, **options)


# --- exit codes ---------------------------------------------------------------------------------------------------------


def test_exit_codes(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tree / "good")]) == 0
    assert capsys.readouterr() == ("nothing wrong in 1 array and 0 groups\n", "")
    assert main(["check", str(tree)]) == 1
    out, err = capsys.readouterr()
    assert err == ""
    assert out.splitlines()[-1].startswith("1 error, ")
    (line,) = [line for line in out.splitlines() if " error " in line]
    assert re.fullmatch(
        r"c\.zarr/wrong/\.zattrs:1:\d+: error ZM301: zmeta: `voxel_size` is wrong "
        r"\(expected a positive finite number, found 0\) \[/voxel_size/1\]",
        line,
    )
    for fail_on, code in {"error": 1, "warning": 1, "note": 1, "never": 0}.items():
        assert main(["check", str(tree), "--fail-on", fail_on]) == code
    assert main(["check", str(tree / "poor"), "--fail-on", "note"]) == 1
    assert main(["check", str(tree / "poor")]) == 0
    assert main(["check", str(tree), "--ignore", "ZM301"]) == 0
    assert main(["check", str(tree), "--select", "ZM2,ZM415", "--select", "ZM0"]) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing"], "there is no such file or folder\n  where:    nothing\n  to do:    check the path"),
        (["nothing*"], "nothing fits the glob"),
        (["empty"], "there is no Zarr or N5 node here or below"),
        (["zz://bucket/data.zarr"], "there is no store for such a URL"),
        (["http://127.0.0.1:9/data.zarr", "--store-option", "max_retries=0"], "cannot read the object"),
        (["notes.txt"], "this file is no metadata document"),
        (["c.zarr/nothing/.zattrs"], "there is no such document"),
        ([""], "the path is not valid"),
        (["c.zarr", "--select", "XX1"], "there is no such code"),
        (["c.zarr", "--ignore", "ZM2,oh"], "found:    'oh'"),
        (["c.zarr", "--baseline", "nothing.json"], "there is no such baseline"),
        (["c.zarr", "--output", "nothing/report"], "cannot write the file"),
        (["c.zarr", "--write-baseline", "nothing/b.json"], "cannot write the file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_checked(
    tree: Path, tmp_path: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("")
    assert main(["check", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("zmeta: ")
    assert words in err
    assert tree.name == "c.zarr"


@pytest.mark.parametrize(
    "arguments",
    [[], ["--jobs", "x", "a"], ["--jobs", "-1", "a"], ["--jobs", "2000", "a"], ["--format", "yaml", "a"],
     ["--fail-on", "oops", "a"], ["--baseline", "a", "--write-baseline", "b", "c"], ["--no-such", "a"]],
    ids=" ".join,
)  # fmt: skip
def test_wrong_arguments(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", *arguments]) == 2
    err = capsys.readouterr().err
    assert "usage: zmeta" in err
    assert "_" not in err.splitlines()[-1].replace("no_such", ""), "no names of the source"


def test_as_a_process(tree: Path) -> None:
    done = run("check", tree / "good")
    assert (done.returncode, done.stderr) == (0, "")
    assert run("check", tree).returncode == 1
    assert run("check", tree / "nothing").returncode == 2
    assert run("check", tree, "--jobs", "2").stdout == run("check", tree, "--jobs", "0").stdout == run("check", tree).stdout


# --- Ctrl-C -------------------------------------------------------------------------------------------------------------


def _interrupted(path: Path, *arguments: str, to_group: bool) -> tuple[int, str, str]:
    """Start a check, send SIGINT once it is well under way, and return what came of it."""
    command = [sys.executable, "-c", SLOW, "check", str(path), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while not os.path.exists("begun"):
        assert process.poll() is None
        time.sleep(0.01)
    if to_group:
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.fixture(scope="module")
def slow_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("slow")
    for number in range(1500):
        array(root / f"{number // 100:02}" / f"a{number:04}", "v2", {**SOUND, "voxel_size": [4, 0, 4]})
    return root


@pytest.mark.parametrize("to_group", [False, True], ids=["to the process", "to all of them, as a terminal does"])
@pytest.mark.parametrize(("format_", "jobs"), [("text", "1"), ("json", "2"), ("sarif", "1"), ("junit", "2"), ("text", "2")])
def test_ctrl_c(slow_tree: Path, format_: str, jobs: str, to_group: bool) -> None:
    code, out, err = _interrupted(slow_tree, "--jobs", jobs, "--format", format_, to_group=to_group)
    assert (code, err) == (130, "")
    if format_ == "text":
        lines = out.splitlines()
        assert "interrupted: not everything was looked at" in lines[-1]
        assert lines[-1].startswith(f"{len(lines) - 1} error")
        assert all(" error ZM301: " in line for line in lines[:-1])
        count = len(lines) - 1
    elif format_ == "json":
        data = json.loads(out)
        assert data["summary"]["interrupted"]
        count = len(data["findings"])
    elif format_ == "sarif":
        data = json.loads(out)
        count = len(data["runs"][0]["results"])
    else:
        count = len(ET.fromstring(out).findall(".//failure"))
    assert 0 < count < 1500


def test_ctrl_c_before_anything_is_found(tmp_path: Path) -> None:
    for number in range(1000):
        array(tmp_path / "t" / f"a{number}", "v2", SOUND)
    code, out, err = _interrupted(tmp_path / "t", "--format", "json", "--output", "report.json", to_group=True)
    assert (code, out, err) == (130, "", "")
    data = json.loads((tmp_path / "report.json").read_text())
    assert data["findings"] == []
    assert data["summary"]["interrupted"]
    assert 0 < data["summary"]["arrays"] < 1000


def test_ctrl_c_writes_no_baseline(tmp_path: Path) -> None:
    for number in range(1000):
        array(tmp_path / "t" / f"a{number}", "v2", SOUND)
    arguments = ("--write-baseline", "known.json")
    assert _interrupted(tmp_path / "t", *arguments, to_group=False)[0] == 130
    assert not (tmp_path / "known.json").exists()


def test_ctrl_c_within_a_record(tree: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits until what was found is written; the second one gets through."""
    from zmeta.report.json_ import JsonReporter

    add = JsonReporter.add

    def interrupted_add(self: JsonReporter, finding: Any) -> None:
        signal.raise_signal(signal.SIGINT)
        add(self, finding)

    monkeypatch.setattr(JsonReporter, "add", interrupted_add)
    assert main(["check", str(tree / "wrong"), "--format", "json"]) == 130
    data = json.loads(capsys.readouterr().out)
    assert [finding["code"] for finding in data["findings"]] == ["ZM301"]
    assert data["summary"]["interrupted"]
    assert main(["check", str(tree), "--format", "json"]) == 130
    assert capsys.readouterr().out.count("\n{") == 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


# --- output -------------------------------------------------------------------------------------------------------------


def test_quiet(tree: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["check", str(tree), "--quiet"]) == 1
    out, err = capsys.readouterr()
    assert err == ""
    assert [line.split(": ")[1] for line in out.splitlines()] == ["error ZM301"]
    assert main(["check", str(tree), "--quiet", "--fail-on", "note"]) == 1
    assert len(capsys.readouterr().out.splitlines()) == len(check(tree, config=Config()))
    assert main(["check", str(tree), "--quiet", "--fail-on", "never"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["check", str(tree / "good"), "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["check", str(tree), "--quiet", "--format", "json"]) == 1
    assert [finding["code"] for finding in json.loads(capsys.readouterr().out)["findings"]] == ["ZM301"]
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert main(["check", str(tree), "--quiet"]) == 1
    assert capsys.readouterr().out.count("::error ") == 1


def test_statistics(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tree), "--statistics"]) == 1
    out = capsys.readouterr().out
    codes = check(tree, config=Config()).summary.codes
    assert all(code in out for code in codes)
    assert "c.zarr" not in out
    assert CODES["ZM301"][1] in out


def test_output(tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tree), "--format", "json"]) == 1
    printed = json.loads(capsys.readouterr().out)
    assert main(["check", str(tree), "--format", "json", "--output", "report.json"]) == 1
    assert capsys.readouterr() == ("", "")
    assert json.loads((tmp_path / "report.json").read_text())["findings"] == printed["findings"]


def test_no_colour(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pty

    def shown(**more: str) -> str:
        environment = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "GITHUB_ACTIONS")}
        main_end, other_end = pty.openpty()
        command = [*ZMETA, "check", str(tree)]
        process = subprocess.Popen(command, stdout=other_end, stderr=subprocess.PIPE, env={**environment, **more})
        os.close(other_end)
        text = b""
        try:
            while part := os.read(main_end, 65536):
                text += part
        except OSError:  # the other end is closed
            pass
        process.communicate(timeout=60)
        os.close(main_end)
        return text.decode()

    assert "\x1b[31merror" in shown()
    assert "\x1b" not in shown(NO_COLOR="1")
    assert "\x1b" not in run("check", tree).stdout
    assert monkeypatch is not None


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("format_", ["text", "json", "sarif", "junit", "github"])
def test_a_pipe_that_is_closed_early(format_: str, jobs: str) -> None:
    command = [*ZMETA, "check", str(WILD), "--jobs", jobs, "--format", format_]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert errors == b""
    assert process.wait(60) in (1, 2), "findings, or not looked at: never a word of all being well"


def test_a_pipe_that_nobody_reads(tree: Path) -> None:
    """The first line fails, and whether the run has failed by then is all that can be told."""
    unbuffered = {**os.environ, "PYTHONUNBUFFERED": "1"}
    for path, code in ((tree, 2), (tree / "wrong", 1), (tree / "good", 0)):
        reader, writer = os.pipe()
        os.close(reader)
        process = subprocess.Popen([*ZMETA, "check", str(path)], stdout=writer, stderr=subprocess.PIPE, env=unbuffered)
        os.close(writer)
        assert process.communicate(timeout=60)[1] == b""
        assert process.returncode == code


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full device")
def test_a_disk_that_is_full(tree: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = run("check", tree, capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (2, "zmeta: the output cannot be written: No space left on device\n")
    done = run("check", tree, "--output", "/dev/full")
    assert (done.returncode, done.stderr) == (2, "zmeta: the output cannot be written: No space left on device\n")


@pytest.mark.parametrize("closed", [[1], [2], [1, 2]], ids=str)
def test_output_that_is_closed(tree: Path, closed: list[int]) -> None:
    shell = f"{' '.join(ZMETA)} check {tree} " + " ".join(f"{number}>&-" for number in closed)
    done = subprocess.run(["/bin/sh", "-c", shell], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert ("ZM301" in done.stdout) == (1 not in closed)


def test_a_working_directory_that_is_gone(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    done = subprocess.run(
        ["/bin/sh", "-c", f"cd gone && rmdir ../gone && {' '.join(ZMETA)} check {tree}"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("zmeta: the working directory does not exist any more")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
@pytest.mark.parametrize("format_", ["text", "json", "jsonl", "github", "gitlab", "junit", "sarif", "markdown"])
def test_encodings(tmp_path: Path, format_: str, encoding: str) -> None:
    array(tmp_path / "µ脳\U0001f9e0", "v2", {**SOUND, "units": ["µm", "脳", "\U0001f9e0"]})
    done = run(
        "check", "µ脳\U0001f9e0", "--format", format_, env={**os.environ, "PYTHONIOENCODING": encoding}, encoding=encoding
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert "ZM204" in done.stdout


@pytest.mark.parametrize("format_", ["text", "json", "jsonl", "github", "gitlab", "junit", "sarif", "markdown"])
def test_names_that_are_not_utf_8(tmp_path: Path, format_: str) -> None:
    folder = os.fsencode(tmp_path / "t") + b"/\xff\xfe"
    os.makedirs(folder)
    array(tmp_path / "sound", "v2", {**SOUND, "voxel_size": [4, 0, 4]})
    for name in (".zarray", ".zattrs"):
        (Path(os.fsdecode(folder)) / name).write_bytes((tmp_path / "sound" / name).read_bytes())
    done = run("check", "t", "--format", format_, "--jobs", "2")
    assert (done.returncode, done.stderr) == (1, "")
    assert "ZM301" in done.stdout
    if format_ in ("json", "gitlab", "sarif"):
        assert json.loads(done.stdout)
    if format_ == "junit":
        assert ET.fromstring(done.stdout) is not None


# --- baselines ----------------------------------------------------------------------------------------------------------


def _checked(*arguments: str) -> tuple[int, dict[str, Any]]:
    code = main(["check", *arguments, "--format", "json", "--output", "out.json"])
    data: dict[str, Any] = json.loads(Path("out.json").read_text())
    return code, data


def test_a_baseline(tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    count = len(check(tree, config=Config()))
    assert main(["check", "c.zarr", "--write-baseline", "known.json"]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"known.json: {count} findings; --baseline known.json")
    code, data = _checked("c.zarr", "--baseline", "known.json")
    assert (code, data["findings"], data["summary"]["known"]) == (0, [], count)
    assert main(["check", "c.zarr", "--baseline", "known.json"]) == 0
    assert capsys.readouterr().out == f"nothing wrong in 3 arrays and 1 group; {count} more known to the baseline\n"

    file = tree / "wrong" / ".zattrs"
    file.write_text("\n\n" + json.dumps(json.loads(file.read_text()), indent=4))
    assert _checked("c.zarr", "--baseline", "known.json")[0] == 0, "lines that moved"
    assert _checked(str(tree), "--baseline", str(tmp_path / "known.json"))[0] == 0, "another way to say it"
    assert _checked("c.zarr/wrong", "--baseline", "known.json", "--jobs", "2")[0] == 0
    array(tree / "wrong2", "v2", {**SOUND, "voxel_size": [4, 0, 4]})
    code, data = _checked("c.zarr", "--baseline", "known.json")
    assert (code, [finding["file"] for finding in data["findings"]]) == (1, ["c.zarr/wrong2/.zattrs"])
    array(tree / "wrong", "v2", {**SOUND, "voxel_size": [0, 0, 4]})
    code, data = _checked("c.zarr/wrong", "--baseline", "known.json")
    assert (code, [finding["pointer"] for finding in data["findings"]]) == (1, ["/voxel_size/0"])
    array(tree / "wrong", "v2", {**SOUND, "voxel_size": [4, -1, 4]})
    assert _checked("c.zarr/wrong", "--baseline", "known.json")[0] == 1, "another value is another finding"


def test_a_baseline_of_nothing_and_its_order(tree: Path, tmp_path: Path) -> None:
    assert main(["check", str(tree / "good"), "--write-baseline", "none.json"]) == 0
    assert json.loads((tmp_path / "none.json").read_text()) == {"zmeta_baseline": 1, "findings": []}
    assert main(["check", str(tree / "good"), "--baseline", "none.json"]) == 0
    assert main(["check", str(tree), "--baseline", "none.json"]) == 1
    for jobs in ("1", "2"):
        assert main(["check", str(WILD), "--write-baseline", f"{jobs}.json", "--jobs", jobs]) == 0
    assert (tmp_path / "1.json").read_bytes() == (tmp_path / "2.json").read_bytes()
    rows = (tmp_path / "1.json").read_text().splitlines()
    assert len(rows) > 100, "a line each, for those who review it"
    assert main(["check", str(WILD), "--baseline", "1.json", "--fail-on", "note"]) == 0


def test_a_baseline_counts(tmp_path: Path) -> None:
    """Alike findings are known as often as they were there."""
    entries = [{"uuid": "689b58e2-cf7b-45e0-9fff-9cfc0883d6b4", "name": "x"}]
    array(tmp_path / "a", "v2", {**SOUND, "zarr_conventions": [*SOUND["zarr_conventions"], *entries]})
    (known,) = [finding for finding in check(tmp_path, config=Config()) if finding.code == "ZM402"]
    document = {"code": known.code, "file": known.file, "pointer": known.pointer, "fingerprint": known.fingerprint}
    for count, code in ((1, 0), (5, 0)):
        write(tmp_path, {"b.json": {"zmeta_baseline": 1, "findings": [{**document, "count": count}]}})
        assert main(["check", "a", "--baseline", "b.json", "--fail-on", "note", "--select", "ZM402"]) == code
    write(tmp_path, {"b.json": {"zmeta_baseline": 1, "findings": [{**document, "fingerprint": "0"}]}})
    assert main(["check", "a", "--baseline", "b.json", "--fail-on", "note", "--select", "ZM402"]) == 1
    told: list[Any] = []
    run_ = runner.Run(Config(), known={known.fingerprint: 1})
    twice = [known, known]
    judged = iter([Batch(2, 0, twice, [], [], [])])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "iter_batches", lambda *_: judged)
        summary = run_.run([tmp_path / "a"], told.append)
    assert (summary.known, len(told)) == (1, 1)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "is not JSON"), (b"{", "is not JSON"), (b"[]", "is not a JSON object"), (b"{}", "this is no baseline"),
        (b"\xff", "is not UTF-8"), (b'{"zmeta_baseline": 2, "findings": []}', "this is no baseline"),
        (b'{"zmeta_baseline": 1, "findings": {}}', "this is no baseline"),
        (b'{"zmeta_baseline": 1, "findings": [1]}', "an entry of the baseline is wrong"),
        (b'{"zmeta_baseline": 1, "findings": [{}]}', "an entry of the baseline is wrong"),
        (b'{"zmeta_baseline": 1, "findings": [{"fingerprint": 1}]}', "an entry of the baseline is wrong"),
        (b'{"zmeta_baseline": 1, "findings": [{"fingerprint": "a", "count": 0}]}', "an entry of the baseline is wrong"),
        (b'{"zmeta_baseline": 1, "findings": [{"fingerprint": "a", "count": true}]}', "an entry of the baseline is wrong"),
        (b'{"zmeta_baseline": 1, "findings": ' + b"[" * 9999, "nested too deeply"),
    ],
)  # fmt: skip
def test_broken_baselines(tree: Path, tmp_path: Path, raw: bytes, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "known.json").write_bytes(raw)
    assert main(["check", str(tree), "--baseline", "known.json"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert str(tmp_path / "known.json") in err


def test_a_baseline_that_cannot_be_written(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "folder.json").mkdir()
    assert main(["check", str(tree), "--write-baseline", "folder.json"]) == 2
    assert sorted(os.listdir(tmp_path)) == ["c.zarr", "folder.json"], "nothing is left lying about"
    (tmp_path / "known.json").write_text("as it was")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "no space")))
        assert main(["check", str(tree), "--write-baseline", "known.json"]) == 2
    assert (tmp_path / "known.json").read_text() == "as it was"


# --- mending ------------------------------------------------------------------------------------------------------------


def _mendable(root: Path, kind: str = "v2") -> Path:
    group(root, kind)
    array(root / "text", kind, {"resolution": ["4", 4, "0.36"], "offset": ["0", 0, 0], "stain": "OTO"})
    keys = image("0.5" if kind == "v3" else "0.4", 3)
    axes = keys.get("ome", keys)["multiscales"][0]["axes"]
    axes[0] = {"name": "z", "type": "space", "units": "nanometer"}
    axes[1]["unit"] = "nm"
    axes[2]["unit"] = "nm"
    image_tree(root / "image", kind, levels=3, attributes=keys)
    array(root / "good", kind, SOUND)
    return root


def _documents(root: Path) -> dict[str, bytes]:
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in sorted(root.rglob("*")) if file.is_file()}


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("kind", FORMATS)
def test_fix(tmp_path: Path, kind: str, jobs: str, capsys: pytest.CaptureFixture[str]) -> None:
    root = _mendable(tmp_path / "t", kind)
    before = _documents(root)
    assert main(["check", "t", "--jobs", jobs]) == 1
    capsys.readouterr()
    assert main(["check", "t", "--fix", "--jobs", jobs]) == 0
    out, err = capsys.readouterr()
    told = err.splitlines()
    assert [line.split(": ")[1] for line in told] == ["ZM104", "ZM204", "ZM204", "ZM301", "ZM301", "ZM302"]
    assert told[0].startswith("mended t/image/")
    assert "rename /" in told[0]
    assert out.splitlines()[-1].endswith("; 6 mended")
    after = _documents(root)
    at = ATTRIBUTES[kind]
    assert {name for name in before if before[name] != after[name]} == {f"text/{at}", f"image/{at}"}
    text = json.loads(after[f"text/{at}"])
    keys = text.get("attributes", text)
    assert (keys["resolution"], keys["offset"], keys["stain"]) == ([4, 4, 0.36], [0, 0, 0], "OTO")
    text = json.loads(after[f"image/{at}"])
    axes = text.get("attributes", text)
    axes = axes.get("ome", axes)["multiscales"][0]["axes"]
    assert axes == [{"name": name, "type": "space", "unit": "nanometer"} for name in "zyx"]

    assert main(["check", "t", "--fix"]) == 0, "again, and nothing happens"
    out, err = capsys.readouterr()
    assert err == ""
    assert "mended" not in out
    assert _documents(root) == after


def test_fix_keeps_what_a_consolidated_copy_says_true(tmp_path: Path) -> None:
    root = _mendable(tmp_path / "t")
    entries = {name: json.loads(raw) for name, raw in _documents(root).items()}
    write(root, {".zmetadata": {"zarr_consolidated_format": 1, "metadata": entries}})
    assert "ZM414" not in check(root, config=Config()).summary.codes
    assert main(["check", "t", "--fix"]) == 0
    assert "ZM414" not in check(root, config=Config()).summary.codes


def test_fix_mends_only_what_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = _mendable(tmp_path / "t")
    assert main(["check", "t", "--fix", "--select", "ZM204"]) == 0
    assert len(capsys.readouterr().err.splitlines()) == 2
    assert {"ZM104", "ZM301", "ZM302"} <= set(check(root, config=Config()).summary.codes)


@pytest.mark.parametrize(("kind", "name"), [("v2", ".zarray"), ("v2", ".zattrs"), ("v3", "zarr.json"),
                                            ("n5", "attributes.json"), ("group", ".zgroup")])  # fmt: skip
def test_fix_takes_off_a_mark(tmp_path: Path, kind: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = group(tmp_path / "a") if kind == "group" else array(tmp_path / "a", kind, {"x": 1})
    raw = (folder / name).read_bytes()
    (folder / name).write_bytes(b"\xef\xbb\xbf" + raw)
    assert main(["check", "a", "--fix"]) == 0
    assert capsys.readouterr().err == f"mended a/{name}:1:1: ZM003: rewrite the document\n"
    assert (folder / name).read_bytes() == raw
    assert "ZM003" not in check(folder, config=Config()).summary.codes


def test_fix_leaves_archives_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = zipped(_mendable(tmp_path / "t"), tmp_path / "t.zip")
    raw = archive.read_bytes()
    assert main(["check", "t.zip", "--fix"]) == 1
    assert capsys.readouterr().err == ""
    assert archive.read_bytes() == raw


def test_fix_goes_on_after_what_it_cannot_write(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abcd":
        array(tmp_path / "t" / name, "v2", {"resolution": ["4", "4", 4], "offset": [0, 0, 0]})
    (tmp_path / "t" / "c" / ".zattrs").write_text('{"resolution": ["4", 4, 4], "offset": [0, 0, 0], "x": NaN}')
    beside = write_module.write_beside

    def refuse(file: str, data: bytes, **how: Any) -> str:
        if os.path.dirname(file).endswith("/b"):
            hint = "check the permissions"
            raise StoreError("cannot write the file", where=file, found="Permission denied", hint=hint)
        return beside(file, data, **how)

    monkeypatch.setattr(write_module, "write_beside", refuse)
    assert main(["check", "t", "--fix"]) == 1
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "mended t/a/.zattrs", "mended t/a/.zattrs", "not mended t/b/.zattrs", "not mended t/c/.zattrs",
        "mended t/d/.zattrs", "mended t/d/.zattrs",
    ]  # fmt: skip
    assert "Permission denied; check the permissions" in lines[2]
    assert "NaN" in lines[3]
    assert {line.split(":")[0] for line in out.splitlines() if " ZM301" in line} == {"t/b/.zattrs", "t/c/.zattrs"}
    assert sorted(os.listdir(tmp_path / "t" / "b")) == [".zarray", ".zattrs"]
    assert main(["check", "t", "--fix", "--ignore", "ZM002", "--fail-on", "never"]) == 1, "not done is not well"


def test_fix_in_a_folder_without_permission(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if os.geteuid() == 0:
        pytest.skip("the system refuses root nothing")
    array(tmp_path / "a", "v2", {"resolution": ["4", 4, 4], "offset": [0, 0, 0]})
    os.chmod(tmp_path / "a", 0o555)
    assert main(["check", "a", "--fix"]) == 1
    assert "Permission denied" in capsys.readouterr().err


def test_fix_mends_a_large_tree_for_good(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = large_tree(tmp_path / "t", 600, seed=1)
    main(["check", "t", "--fix"])
    mended = capsys.readouterr().err
    assert mended.count("\n") > 20
    after = _documents(root)
    main(["check", "t", "--fix"])
    assert capsys.readouterr().err == ""
    assert _documents(root) == after


# --- explain ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", CODES)
def test_explain(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", code.lower()]) == 0
    out, err = capsys.readouterr()
    severity, title = CODES[code]
    assert out.splitlines()[0] == f"{code}: {title} ({severity})"
    assert len(out.splitlines()) > 2
    assert err == ""


def test_explain_all_and_several(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain"]) == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines()] == list(CODES)
    assert main(["explain", "ZM301", "ZM203"]) == 0
    assert next(line for line in capsys.readouterr().out.splitlines() if line.startswith("ZM")).startswith("ZM301: ")


@pytest.mark.parametrize("name", ["ZM999", "ZM2", "301", "", "ZM301 ", "\x1b[31m", "\ud800", "x" * 5000])
def test_explain_what_there_is_not(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", name]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("zmeta: there is no code ")
    assert "\x1b" not in err


def test_explain_goes_on_after_a_code_that_there_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "ZM999", "ZM301"]) == 2
    assert capsys.readouterr().out.lstrip().startswith("ZM301: ")


def test_explain_for_a_terminal_that_knows_little() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = run("explain", *CODES, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert run("explain", "ZM\udcff").returncode == 2


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
