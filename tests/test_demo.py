"""`tacho demo` and its job: real processes, a real page, and nothing left behind."""

from __future__ import annotations

import ast
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

import tachograph
from tachograph.core.source import SourceState
from tachograph.demo import files
from tachograph.testing import capture
from tests.programs import eventually, states

PACKAGE = Path(tachograph.__file__).parent
DEADLINE_S = 60.0


def until(holds: Callable[[], Any], what: str) -> Any:
    """Wait until `holds()` is true, and give it."""
    found = eventually(holds, DEADLINE_S)
    assert found, f"not within {DEADLINE_S:.0f} s: {what}"
    return found


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Five files to catalogue: two of them equal, one of them no Python."""
    root = tmp_path / "tree"
    (root / "below").mkdir(parents=True)
    (root / "good.py").write_text("class A:\n    def b(self): ...\n\ndef c(): ...\n")
    (root / "bad.py").write_text("def (:\n")
    (root / "below" / "one.txt").write_text("the same\n")
    (root / "below" / "two.txt").write_text("the same\n")
    (root / "below" / "none").write_bytes(b"")
    (root / "link").symlink_to(root / "good.py")
    return root


class Demo(NamedTuple):
    """A running `tacho demo`."""

    process: subprocess.Popen[str]
    origin: str
    token: str

    def topic(self, name: str) -> dict[str, Any]:
        """A topic's value, over HTTP."""
        request = urllib.request.Request(
            f"{self.origin}/api/topics/{name}", headers={"Authorization": f"Bearer {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            value: dict[str, Any] = json.load(answer)["value"]
        return value

    def states(self) -> list[str]:
        """The states of all sources."""
        return sorted(row["state"] for row in self.topic("sources")["sources"].values())

    def working(self) -> Any:
        """Four live sources, once they are all there."""
        return until(lambda: self.states() == ["live"] * 4, "four live sources")

    def pids(self, service: str = "") -> list[int]:
        """Process ids of the sources."""
        rows = self.topic("sources")["sources"].values()
        return [row["pid"] for row in rows if service in ("", row["service"])]


@contextmanager
def demo(*words: str, port: str = "0") -> Iterator[Demo]:
    """`tacho demo`, up to the line with its address."""
    ports = ["--port", port] if port else []
    process = subprocess.Popen(
        [sys.executable, "-m", "tachograph", "demo", "--no-open", *ports, *words],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.fullmatch(r"(http://localhost:\d+)/\?token=([\w-]+)\n", line)
        assert found, line
        yield Demo(process, found[1], found[2])
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def ended(pids: list[int]) -> bool:
    """Whether none of the processes runs any more."""
    return all(not psutil.pid_exists(pid) for pid in pids)


def home_line(running: Demo) -> Path:
    """The home that the panel names."""
    assert running.process.stdout is not None
    return Path(running.process.stdout.readline().removeprefix("home").strip()).expanduser()


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_demo_shows_a_job_of_four_processes_and_leaves_nothing(
    tmp_path: Path, home: Path, stop: signal.Signals
) -> None:
    """Sources, system, actions and events are live; a signal ends every process, home and all."""
    with demo(str(PACKAGE)) as running:
        own_home = home_line(running)
        running.working()
        before = running.topic("actions"), running.topic("events")
        assert before[0]["names"].keys() <= {
            "hash",
            "parse",
            "detect_type",
            "walk_directory",
            "find_duplicates",
        }

        def grown() -> bool:
            actions, events = running.topic("actions"), running.topic("events")
            return (
                actions["total_actions"] > before[0].get("total_actions", 0)
                and events["events_processed"] > before[1].get("events_processed", 0)
                and actions["names"].get("parse", {}).get("count", 0) > 0
            )

        until(grown, "growing totals of actions and events")
        system = until(lambda: (s := running.topic("system")).get("live") == 4 and s, "system")
        assert system["process_count"] >= 4
        assert system["memory_mb"] > 0
        assert running.topic("actions")["queue_depth"] >= 0
        assert running.topic("events")["queue_depth"] >= 0
        tasks = until(lambda: running.topic("tasks").get("catalog"), "the topic tasks")
        assert tasks["folder"] == str(PACKAGE)
        pids = running.pids()
        assert own_home.is_dir()
        running.process.send_signal(stop)
        assert running.process.wait(DEADLINE_S) == 0
        until(lambda: ended(pids), "the end of the job's processes")
        assert not own_home.exists()
    assert not home.exists(), "the user's own home is left alone"


def test_demo_killed_takes_its_job_along(tmp_path: Path) -> None:
    """After a kill -9 of the demo the job's processes end by themselves."""
    with demo(str(PACKAGE)) as running:
        running.working()
        pids = running.pids()
        assert len(pids) == 4
        running.process.kill()
        until(lambda: ended(pids), "the end of the job's processes")


def test_killed_worker_is_replaced(tmp_path: Path) -> None:
    """After a kill -9 of a worker it shows as killed, another takes its place, the job goes on."""
    with demo(str(PACKAGE)) as running:
        running.working()
        os.kill(running.pids("catalog-parse")[0], signal.SIGKILL)
        until(lambda: running.states() == ["killed"] + ["live"] * 4, "a new worker")
        before = running.topic("actions")["names"].get("parse", {}).get("count", 0)
        until(lambda: running.topic("actions")["names"]["parse"]["count"] > before, "more parsed")


def test_taken_port_gives_a_free_one_and_says_so(tree: Path) -> None:
    """With 8765 taken the demo takes a free port, and a note says why."""
    with ExitStack() as held:
        with suppress(OSError):  # somebody else listens there, which is as good
            held.enter_context(socket.create_server(("127.0.0.1", 8765)))
        with demo(str(tree), port="") as running:
            assert not running.origin.endswith(":8765")
            assert running.process.stdout is not None
            lines = iter(running.process.stdout.readline, "stop     Ctrl-C\n")
            notes = [line for line in lines if line.startswith("note")]
            assert any("port 8765 is in use" in note for note in notes)


def test_taken_port_that_was_asked_for_is_refused(tree: Path) -> None:
    """A port given with --port is that one or none: one sentence, exit code 2."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = str(holder.getsockname()[1])
        done = tacho("demo", "--no-open", "--port", port, str(tree))
    assert done.returncode == 2
    assert f"port {port} on localhost is in use" in done.stderr


def tacho(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of tacho's to its end."""
    return subprocess.run(
        [sys.executable, "-m", "tachograph", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
    )


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nowhere", "nowhere doesn't exist"),
        ("empty", "empty holds no file"),
        ("file", "file is a file; name the folder"),
    ],
)
def test_folder_with_nothing_to_do_is_refused(tmp_path: Path, name: str, sentence: str) -> None:
    """A folder that isn't there, holds nothing, or is none: one sentence, exit code 2."""
    (tmp_path / "empty" / "below").mkdir(parents=True)
    (tmp_path / "file").write_text("x")
    done = tacho("demo", "--no-open", "--port", "0", str(tmp_path / name))
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("tacho: ")
    assert sentence in line


def test_once_ends_after_one_pass(tree: Path) -> None:
    """`--once` makes one pass, says what it found, and ends everything."""
    done = tacho("demo", "--no-open", "--port", "0", "--once", str(tree))
    assert done.returncode == 0
    assert "pass 1: 5 files" in done.stdout
    assert "pass 2" not in done.stdout


def job(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The job alone, recording into the test's home."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "tachograph.demo", *words, str(root)],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=DEADLINE_S,
    )


def timers(found: list[SourceState]) -> dict[str, tuple[int, int]]:
    """Count and errors by name, over all sources."""
    sums: dict[str, tuple[int, int]] = {}
    for state in found:
        for number, timer in state.timers.items():
            name = state.definitions[number].name
            count, errors = sums.get(name, (0, 0))
            sums[name] = (count + timer.count, errors + timer.errors)
    return sums


def counters(found: list[SourceState]) -> dict[str, float]:
    """Counters by name, over all sources."""
    sums: dict[str, float] = {}
    for state in found:
        for number, value in state.counters.items():
            name = state.definitions[number].name
            sums[name] = sums.get(name, 0) + value
    return sums


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_job_counts_every_file_under_each_start_method(tree: Path, home: Path, method: str) -> None:
    """Every file is hashed, every file is described or counted as an error, in four sources."""
    done = job(tree, "--start-method", method)
    assert (done.returncode, done.stderr) == (0, "")
    assert "5 files" in done.stdout
    assert "2 functions in 1 Python files, 1 duplicates, 1 failed" in done.stdout
    found = states(home)
    assert [state.state for state in found] == ["ended"] * 4
    assert {state.source.project for state in found} == {"catalog"}
    assert timers(found) == {
        "walk_directory": (2, 0),
        "hash": (5, 0),
        "parse": (2, 1),
        "detect_type": (3, 0),
        "find_duplicates": (1, 0),
        "file to hash": (5, 0),
        "file to parse": (5, 1),
        "file hash done": (5, 0),
        "file parse done": (5, 0),
    }
    assert counters(found) == {
        "files.found": 5,
        "files.skipped": 1,
        "files.hashed": 5,
        "bytes.read": sum(file.stat().st_size for file in tree.rglob("*") if file.is_file())
        - (tree / "good.py").stat().st_size,
        "files.parsed": 1,
        "lines.parsed": 4,
    }
    published = next(state.topics["tasks"]["catalog"] for state in found if state.topics)
    assert published["found"] == published["done"] == 5
    assert published["failures"] == {"SyntaxError": 1}


def test_next_pass_sees_what_changed(tree: Path) -> None:
    """Each pass reads the folder anew: what was written in between shows as changed and new."""
    with subprocess.Popen(
        [sys.executable, "-m", "tachograph.demo", "--repeat", "--until-stdin-ends", str(tree)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert "0 changed, 5 new, 0 gone" in process.stdout.readline()
        (tree / "good.py").write_text("d = 1\n")
        (tree / "more.py").write_text("e = 2\n")
        (tree / "below" / "none").unlink()
        seen = [0, 0, 0]
        for line in process.stdout:
            found = re.search(r"(\d+) changed, (\d+) new, (\d+) gone", line)
            assert found
            seen = [total + int(more) for total, more in zip(seen, found.groups(), strict=True)]
            # A pass may have met a file while it was empty, so it changed twice.
            if seen[0] >= 1 and seen[1:] == [1, 1]:
                break
        process.stdin.close()
        process.stdout.read()
        assert process.wait(DEADLINE_S) == 130


def test_file_that_vanished_is_a_counted_error(tree: Path) -> None:
    """A file that is gone when its turn comes raises, and its action has the error."""
    with capture() as recorded:
        with pytest.raises(FileNotFoundError):
            files.hash_file(str(tree / "gone"))
        assert recorded.timer("action", "hash").errors == 1


def test_name_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    """A file whose name is no UTF-8 can be hashed, not described."""
    path = os.path.join(os.fsencode(tmp_path), b"caf\xe9.txt")
    with open(path, "wb") as file:
        file.write(b"x")
    with capture() as recorded:
        assert files.hash_file(os.fsdecode(path)).size_bytes == 1
        with pytest.raises(UnicodeDecodeError):
            files.describe(os.fsdecode(path))
        assert recorded.timer("action", "detect_type").errors == 1


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a", b"", "empty"),
        ("a.so", b"\x7fELF\x02\x01", "elf"),
        ("a.png", b"no picture", "image/png"),
        ("a", "ein paar Wörter\n".encode(), "text"),
        ("a", ("ö" * 4096).encode(), "text"),
        ("a", b"o" + ("ö" * 4096).encode(), "text"),
        ("a", b"\x00\x01\x02", "binary"),
        ("a", b"\xff\xfe\xfd\xfc\xfb", "binary"),
        ("a", b"\xff\xfe\xfd", "binary"),
    ],
)
def test_type_is_told_by_content_then_name(
    tmp_path: Path, name: str, content: bytes, kind: str
) -> None:
    """Magic first, then the name, then whether it is text; a character cut in two is still text."""
    path = tmp_path / name
    path.write_bytes(content)
    with capture():
        assert files.detect_type(str(path)).kind == kind


def test_job_imports_only_what_users_import() -> None:
    """Of Tachograph the job uses `import tachograph` alone."""
    for path in (PACKAGE / "demo").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert node.module is not None
                names = [node.module]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                continue
            inner = [name for name in names if name.startswith("tachograph.")]
            assert all(name.startswith("tachograph.demo") for name in inner), path


def test_example_runs_from_the_checkout(tree: Path, home: Path) -> None:
    """`python examples/catalog PATH` is the same job."""
    example = PACKAGE.parent.parent / "examples" / "catalog"
    done = subprocess.run(
        [sys.executable, str(example), str(tree)],
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(states(home)) == 4


@pytest.mark.parametrize(
    ("poisoned", "code", "said"),
    [
        ("good.py", 0, "2 failed"),
        ("", 1, "5 processes for hash died before they did anything"),
    ],
)
def test_file_that_kills_its_worker(tree: Path, poisoned: str, code: int, said: str) -> None:
    """One such file is counted and the rest is done; when every file kills, the job gives up."""
    (tree / "another.py").write_text("f = 3\n")
    program = f"""if True:
        import os, sys
        from tachograph.demo import catalog, crew
        hash_file = crew.STEPS["hash"]
        def dies(path):
            return os._exit(9) if path.endswith({poisoned!r}) else hash_file(path)
        crew.STEPS["hash"] = dies
        sys.exit(catalog.main([{str(tree)!r}, "--start-method", "fork"]))
    """
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE_S,
    )
    assert (done.returncode, said in done.stdout + done.stderr) == (code, True), done
