"""The documentation is true: its Python runs as programs, its commands and its links exist."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import signal
import subprocess
import sys
import textwrap
import urllib.request
from collections.abc import Iterator, Mapping
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

import pytest

from tachograph.cli import COMMANDS, _parser
from tests.dashboards import Dashboard
from tests.programs import eventually, states

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
)
FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^ *```$", re.M | re.S)
LINK = re.compile(r"\]\(([^)\s]+)\)")


class Block(NamedTuple):
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    code: str

    @property
    def where(self) -> str:
        """As pytest shows it."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(language: str) -> list[Block]:
    """All blocks of one language in all pages."""
    found = []
    for page in PAGES:
        text = page.read_text()
        for match in FENCE.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            found.append(Block(page, line, match[2], textwrap.dedent(match[3])))
    return [block for block in found if block.language == language]


PROGRAMS = blocks("python")
CLIENTS = [block for block in PROGRAMS if "localhost:8765/" in block.code]
SERVERS = [
    block for block in PROGRAMS if re.search(r"DashboardServer\(.*\)\.start\(\)", block.code)
]
PLAIN = [block for block in PROGRAMS if block not in CLIENTS and block not in SERVERS]


def written(block: Block, folder: Path, port: str = "0") -> list[str]:
    """The command that runs a block: with the import that a page shows once, on a free port."""
    code = block.code.replace("8765", port)
    if "tacho." in code and "import tachograph as tacho" not in code:
        code = f"import tachograph as tacho\n{code}"
    file = folder / "program.py"
    file.write_text(code)
    return [sys.executable, "-W", "error", str(file)]


def run(command: list[str], folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_pages_have_programs() -> None:
    """The patterns find the blocks that this file is about."""
    assert len(PLAIN) >= 10
    assert len(CLIENTS) >= 3
    assert len(SERVERS) >= 1


@pytest.mark.parametrize("block", PLAIN, ids=[block.where for block in PLAIN])
def test_program_runs(block: Block, tmp_path: Path, home: Path) -> None:
    """It ends well, warns of nothing, and what it records is there, with nothing lost."""
    done = run(written(block, tmp_path), tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    if (
        re.search(r"\.record|with tacho|\.set\(|\.add\(", block.code)
        and "capture" not in block.code
    ):
        recorded = states(home)
        assert recorded
        assert [state.losses for state in recorded] == [{}] * len(recorded)
        assert {state.state for state in recorded} == {"ended"}


@pytest.mark.parametrize("block", SERVERS, ids=[block.where for block in SERVERS])
def test_server_serves_until_ctrl_c(block: Block, tmp_path: Path) -> None:
    """It prints an address that answers, and Ctrl-C ends it well."""
    process = subprocess.Popen(
        written(block, tmp_path), cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        found = re.search(r"(http://localhost:\d+)/\?token=", process.stdout.readline())
        try:
            assert found
            with urllib.request.urlopen(f"{found[1]}/healthz", timeout=10) as answer:
                assert answer.status == 200
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0
        finally:
            process.kill()


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """A dashboard over what a program has recorded: its port and its token."""
    home = tmp_path_factory.mktemp("dashboard")
    with Dashboard(home) as served:
        program = "import tachograph as tacho\ntacho.action('resize').record(0.1)\n"
        done = run([sys.executable, "-c", program], home, TACHOGRAPH_HOME=str(home))
        assert (done.returncode, done.stderr) == (0, "")
        assert eventually(lambda: served.topic("actions").get("total_actions") == 1)
        url, _, token = served.launch_url.partition("/?token=")
        yield {"port": url.rpartition(":")[2], "token": token}


@pytest.mark.parametrize("block", CLIENTS, ids=[block.where for block in CLIENTS])
def test_client_reads_what_a_dashboard_serves(
    block: Block, tmp_path: Path, dashboard: Mapping[str, str]
) -> None:
    """It gets answers from a real dashboard and ends well."""
    command = written(block, tmp_path, dashboard["port"])
    done = run(command, tmp_path, TACHOGRAPH_TOKEN=dashboard["token"])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


def test_commands_exist() -> None:
    """Every `$ tacho ...` is a command, every `$ make ...` a target."""
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.M))
    seen = set()
    for block in blocks("console"):
        for program, word in re.findall(r"^\$ (tacho|make) ([\w-]+)", block.code, re.M):
            seen.add(program)
            assert word in (COMMANDS if program == "tacho" else targets), block.where
    assert seen == {"tacho", "make"}


def test_command_lines_are_taken() -> None:
    """Every `$ tacho ...` of a console block is one that the command takes, options and all."""
    lines = [
        (block.where, line)
        for block in blocks("console")
        for line in re.findall(r"^\$ tacho (.+)$", block.code, re.M)
    ]
    assert len(lines) >= 5
    for where, line in lines:
        # What stands behind a pipe is another program's.
        words = list(takewhile(lambda word: word != "|", shlex.split(line, comments=True)))
        try:
            _parser(words[0]).parse_args(words)
        except SystemExit:
            pytest.fail(f"{where}: tacho {line}")


def test_options_in_the_text_exist() -> None:
    """Every option in a `tacho ...` within a sentence is one of that command."""
    seen = set()
    for page in PAGES:
        for command, rest in re.findall(r"`tacho (\w+)([^`]*)`", FENCE.sub("", page.read_text())):
            if command in COMMANDS:
                for option in re.findall(r"--[\w-]+", rest.partition(" -- ")[0]):
                    seen.add(option)
                    assert option in options_of(command), f"{page.name}: tacho {command} {option}"
    assert len(seen) >= 2


def options_of(command: str) -> set[str]:
    """What its help lists."""
    help_of = io.StringIO()
    with contextlib.redirect_stdout(help_of), pytest.raises(SystemExit):
        _parser(command).parse_args([command, "--help"])
    return set(re.findall(r"--[\w-]+", help_of.getvalue()))


def test_navigation() -> None:
    """Every page of docs/ stands in the site's navigation, once, and nothing else does."""
    listed = re.findall(r'= "([\w/-]+\.md)"', (ROOT / "zensical.toml").read_text())
    there = sorted(str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md"))
    assert sorted(listed) == there


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_links_lead_somewhere(page: Path) -> None:
    """Every link to a file of the checkout, and to a heading in it, finds it."""
    text = FENCE.sub("", page.read_text())
    for target in LINK.findall(text):
        if "://" in target:
            continue
        path, _, heading = target.partition("#")
        file = (page.parent / path) if path else page
        assert file.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.+)$", file.read_text(), re.M)
            anchors = [re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles]
            assert heading in anchors, target
