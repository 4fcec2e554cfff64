"""`tacho watch`: JSON lines in a pipe, a table in a terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tachograph.cli.watch import shown
from tests.cli.command import refused, tacho
from tests.server.serving import TOKEN, Serving, serving


@pytest.fixture
def served(home: Path) -> Iterator[Serving]:
    """A dashboard whose token is the home's."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "token").write_text(TOKEN)
    with serving(home) as running:
        running.publish("deploy", {"version": "1.2", "targets": {"eu": "done"}})
        yield running


def test_a_pipe_gets_json_lines(served: Serving, home: Path) -> None:
    """One line for each update, whole values, with position and time."""
    ended = tacho("watch", "deploy", "tasks", "--count", "2", home=home)
    assert ended.returncode == 0, ended.stderr
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [line["topic"] for line in lines] == ["deploy", "tasks"]
    assert lines[0]["value"] == {"version": "1.2", "targets": {"eu": "done"}}
    assert lines[0]["pos"]
    assert lines[0]["at"] > 1_700_000_000


def test_changes_only(served: Serving, home: Path) -> None:
    """With --changes a line holds what changed; the first one the value that it began with."""
    command = [sys.executable, "-m", "tachograph", "watch", "deploy", "--changes", "--rate", "60"]
    process = subprocess.Popen(
        [*command, "--count", "2"],
        env={**os.environ, "TACHOGRAPH_HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process:
        assert json.loads(process.stdout.readline())["value"]["version"] == "1.2"
        served.publish("deploy", {"version": "1.3"})
        assert json.loads(process.stdout.readline())["changes"] == {"version": "1.3"}
    assert process.returncode == 0


def test_a_reader_that_has_seen_enough(served: Serving, home: Path) -> None:
    """`| head -1` ends it without a word."""
    code = f"{sys.executable} -m tachograph watch deploy --rate 60 | head -1"
    process = subprocess.Popen(
        ["sh", "-c", code],
        env={**os.environ, "TACHOGRAPH_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        assert json.loads(process.stdout.readline())["topic"] == "deploy"
        while process.poll() is None:
            served.publish("deploy", {"n": os.urandom(4).hex()})
        assert process.stderr.read() == ""


def test_a_terminal_gets_a_table(served: Serving, home: Path) -> None:
    """Keys and values in columns; an object by what it holds."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "tachograph", "watch", "deploy", "--count", "1"],
        env={**os.environ, "TACHOGRAPH_HOME": str(home), "COLUMNS": "100", "TERM": "xterm"},
        stdout=theirs,
        stderr=subprocess.STDOUT,
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            more = os.read(ours, 4096)
        except OSError:  # the terminal is closed
            break
        if not more:
            break
        seen += more
    os.close(ours)
    assert process.wait(20) == 0
    plain = re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b"", seen).decode()
    assert re.search(r"deploy\s+version\s+1\.2", plain)
    assert re.search(r"targets\s+eu", plain)


def test_a_server_that_is_not_there(home: Path) -> None:
    """It is said why, and tried again; Ctrl-C ends it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tachograph", "watch", "x", "--url", "http://127.0.0.1:1"],
        env={**os.environ, "TACHOGRAPH_HOME": str(home)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    with process:
        assert "next try in" in process.stderr.readline()
        process.terminate()


def test_wrong_words(home: Path) -> None:
    """An address that is none, and a base installation, end with one sentence."""
    assert "http://host:port" in refused(tacho("watch", "x", "--url", "nonsense", home=home))
    assert "tachograph[server]" in refused(tacho("watch", "x", home=home, base=True))


def test_what_a_line_shows() -> None:
    """Figures short, objects and arrays by what is in them."""
    assert [shown(one) for one in (1.23456, 5.0, 1234.5, 7, "text", True)] == [
        "1.235",
        "5",
        "1,234.5",
        "7",
        "text",
        "True",
    ]
    assert shown({}) == "nothing"
    assert shown({str(n): n for n in range(9)}) == "0, 1, 2, 3, 4, 5, … 9 in all"
