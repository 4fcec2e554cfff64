"""The checks of `tacho doctor` on made-up trees: each answer that a machine may give."""

from __future__ import annotations

import errno
import os
import re
import socket
import struct
import time
import tomllib
import zlib
from pathlib import Path

import pytest

from tachograph.cli.diagnosis import (
    disk,
    elsewhere,
    install,
    logs,
    machine,
    place,
    serving,
    settings,
    trial,
)
from tachograph.cli.diagnosis.finding import Finding
from tachograph.frames import wrap
from tachograph.journal.file import FileJournal
from tachograph.journal.inotify import Inotify
from tests.checkout import ROOT
from tests.core.program import NOON
from tests.server.serving import Reporting

MINE = os.geteuid()
MIB = 1 << 20


def one(findings: object) -> Finding:
    """The only finding; what isn't well also says what is allowed and what to do."""
    (found,) = findings  # type: ignore[misc]
    assert isinstance(found, Finding)
    assert found.mark == "ok" or (found.allowed and found.to_do)
    return found


# -- what runs here ----------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "implementation", "free", "mark"),
    [
        ((3, 11, 0), "CPython", False, "ok"),
        ((3, 10, 9), "CPython", False, "problem"),
        ((3, 14, 0), "CPython", True, "note"),
        ((3, 11, 0), "PyPy", False, "note"),
    ],
)
def test_python(version: tuple[int, ...], implementation: str, free: bool, mark: str) -> None:
    """Too old is a problem; what nobody tests is a note."""
    found = one(install.python(version, implementation, free, "linux"))
    assert found.mark == mark
    assert ("free-threaded" in found.seen) is free


def test_platform() -> None:
    """Anything but Linux is noted."""
    _, found = install.python((3, 11, 0), "CPython", False, "darwin")
    assert (found.mark, found.about) == ("note", "platform")


def test_extras() -> None:
    """What is missing comes with the line that installs it."""
    server, others = install.extras(lambda name: name in ("fastapi", "redis"))
    assert (server.mark, others.mark) == ("note", "ok")
    assert "pip install 'tachograph[server]'" in server.to_do
    assert "installed: redis, profile; not: quality, sql, nats" in others.seen
    assert "pip install 'tachograph[quality,sql,nats," in others.seen
    assert next(install.extras(lambda name: True)).mark == "ok"


def test_extras_are_those_of_the_package() -> None:
    """Each extra's packages are looked for by a module of theirs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    modules = {"opentelemetry-proto": "opentelemetry", "nats-py": "nats"}
    declared = {
        extra: sorted(
            modules.get(name, name.replace("-", "_"))
            for name in (re.match(r"[\w-]+", line)[0] for line in packages)  # type: ignore[index]
        )
        for extra, packages in project["optional-dependencies"].items()
        if extra != "all"
    }
    assert {extra: sorted(names) for extra, names in install.EXTRAS.items()} == declared


# -- the home ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "path", "words", "mark"),
    [
        ({"TACHOGRAPH_HOME": "/x"}, "/x", "from TACHOGRAPH_HOME", "ok"),
        ({"XDG_STATE_HOME": "/s", "HOME": "/h"}, "/s/tachograph", "from XDG_STATE_HOME", "ok"),
        ({"HOME": "/h"}, "/h/.local/state/tachograph", "the default", "ok"),
        (
            {"XDG_STATE_HOME": "s", "HOME": "/h"},
            "/h/.local/state/tachograph",
            "s is relative, so it is ignored",
            "note",
        ),
        ({"TACHOGRAPH_HOME": "x"}, str(Path.cwd() / "x"), "depends on where", "note"),
    ],
)
def test_who_chose_the_home(environ: dict[str, str], path: str, words: str, mark: str) -> None:
    """Its path, and the variable that it comes from."""
    home, found = place.chosen(environ)
    assert str(home) == path
    assert one(found).mark == mark
    assert words in found[0].seen


def test_access(tmp_path: Path) -> None:
    """There, a directory, one's own, nobody else's."""
    home = tmp_path / "home"
    assert one(place.directory(home, MINE)).mark == "note"
    home.mkdir(mode=0o700)
    assert one(place.directory(home, MINE)).mark == "ok"
    home.chmod(0o755)
    assert one(place.directory(home, MINE)).to_do.startswith(f"chmod 700 {home}")
    home.chmod(0o500)
    assert one(place.directory(home, MINE)).mark == "problem"
    home.chmod(0o700)
    assert f"belongs to uid {MINE}" in one(place.directory(home, MINE + 1)).seen
    (tmp_path / "file").touch()
    assert "no directory" in one(place.directory(tmp_path / "file", MINE)).seen
    assert one(place.directory(tmp_path / "file" / "home", MINE)).mark == "problem"


def test_writable(tmp_path: Path) -> None:
    """A probe is written and gone; where that can't be, the reason is there."""
    assert one(disk.writable(tmp_path)).mark == "ok"
    assert list(tmp_path.iterdir()) == []
    assert list(disk.writable(tmp_path / "absent")) == []
    # The kernel's own tree takes no file from anybody, root included.
    assert one(disk.writable(Path("/proc/self"))).mark == "problem"


@pytest.mark.parametrize(
    ("code", "words"),
    [(errno.ENOSPC, "free some space"), (errno.EROFS, "read-only"), (errno.EACCES, "TACHOGRAPH_")],
)
def test_what_to_do_when_it_cannot_be_written(code: int, words: str) -> None:
    """By the reason."""
    assert words in disk._mend(code)


MOUNTS = r"""
22 1 0:21 / / rw,relatime - {root} {root} rw
23 22 0:22 / /proc rw - proc proc rw
24 22 0:23 / /home rw - nfs4 server:/home rw
25 22 0:24 / /home/a\040b rw shared:1 - ext4 /dev/sda rw
26 22 0:25 / /tmp rw - tmpfs tmpfs rw
27 22 0:26 / /tmp rw - ext4 /dev/sdb rw
"""


@pytest.mark.parametrize(
    ("path", "root", "words", "mark"),
    [
        ("/srv/x", "overlay", "goes with the container", "note"),
        ("/srv/x", "tmpfs", "gone after a reboot", "note"),
        ("/srv/x", "ext4", "ext4, mounted on /", "ok"),
        ("/home/bob/x", "ext4", "network file system", "note"),
        ("/home/a b/x", "overlay", "ext4, mounted on /home/a b", "ok"),
        ("/tmp/x", "overlay", "ext4, mounted on /tmp", "ok"),
        ("/procedure", "ext4", "mounted on /", "ok"),
    ],
)
def test_file_system(path: str, root: str, words: str, mark: str) -> None:
    """By the mount that holds the path; of two on one place the later one."""
    found = one(disk.file_system(Path(path), MOUNTS.replace("{root}", root)))
    assert words in found.seen
    assert found.mark == mark


def test_file_system_unknown() -> None:
    """Where no mounts are listed there is nothing to say."""
    assert list(disk.file_system(Path("/x"), "")) == []


@pytest.mark.parametrize(
    ("free", "files", "mark"),
    [
        (100 << 30, 10, "ok"),
        (200 * MIB, None, "note"),
        (MIB, 10, "problem"),
        (100 << 30, 0, "problem"),
    ],
)
def test_space(free: int, files: int | None, mark: str) -> None:
    """Room for a segment, for a program's log, and for files at all."""
    found = one(disk.room(Path("/"), 5 * MIB, free, files))
    assert found.mark == mark
    assert "5.0 MiB" in found.seen


def test_space_here(tmp_path: Path) -> None:
    """Of a home that isn't there yet, the disk that it would be on counts."""
    assert "free; the journal takes 0 B" in one(disk.room(tmp_path / "a" / "b", 0)).seen


# -- settings ----------------------------------------------------------------


@pytest.mark.parametrize(("value", "mark"), [("1", "problem"), ("no", "ok"), ("", "ok")])
def test_disabled(value: str, mark: str) -> None:
    """As the recorder reads it."""
    assert one(settings.disabled({"TACHOGRAPH_DISABLED": value})).mark == mark


def test_journal_named_by_the_environment(tmp_path: Path) -> None:
    """Below the home, elsewhere, or nowhere that anybody can follow."""
    assert settings.journal_root(tmp_path, "") == (tmp_path / "journal", [])
    root, found = settings.journal_root(tmp_path, "file:///bus")
    assert (root, one(found).mark) == (Path("/bus"), "note")
    root, found = settings.journal_root(tmp_path, "redis://user:secret@host")
    assert (root, one(found).mark) == (None, "problem")
    assert "secret" not in found[0].seen


def test_configuration(tmp_path: Path) -> None:
    """The file that counts, what is wrong in it, and a journal that nobody writes."""
    config, found = settings.configuration({}, tmp_path, tmp_path / "journal")
    assert config is not None
    assert one(found).seen == f"no file in {tmp_path}"
    file = tmp_path / "tachograph.toml"
    file.write_text(f'journal = "file:{tmp_path}/bus"\n')
    _, (read, other) = settings.configuration({}, tmp_path, tmp_path / "journal")
    assert (read.seen, other.mark) == (str(file), "problem")
    assert f"reads {tmp_path}/bus" in other.seen.replace("would read", "reads")
    assert len(settings.configuration({}, tmp_path, tmp_path / "bus")[1]) == 1
    file.write_text("prot = 1\n")
    config, found = settings.configuration({}, tmp_path, None)
    assert config is None
    assert "did you mean port?" in one(found).seen


def test_token(tmp_path: Path) -> None:
    """A file of one's own that nobody else may read; the value is never shown."""
    assert one(settings.token(tmp_path, {}, MINE)).seen.startswith("none yet")
    token = tmp_path / "token"
    token.write_text("hush-hush\n")
    token.chmod(0o600)
    assert one(settings.token(tmp_path, {}, MINE)).mark == "ok"
    assert "counts instead" in one(settings.token(tmp_path, {"TACHOGRAPH_TOKEN": "x"}, MINE)).seen
    token.chmod(0o644)
    assert "others may have read it" in one(settings.token(tmp_path, {}, MINE)).seen
    assert one(settings.token(tmp_path, {}, MINE + 1)).mark == "problem"
    token.write_text("")
    assert "is empty" in one(settings.token(tmp_path, {}, MINE)).seen
    token.unlink()
    token.symlink_to("/etc/hostname")
    assert one(settings.token(tmp_path, {}, MINE)).mark == "problem"


# -- the journal -------------------------------------------------------------


def test_logs(home: Path) -> None:
    """Live and ended, what was lost and why; older logs are left unread when time is up."""
    now = time.time()
    old, dead, living = (Reporting(home, id, service=id) for id in ("old", "dead", "living"))
    for program in (old, dead, living):
        program.say(now)
    old.end(now)
    dead.sums.lose("queue full", 5)
    dead.end(now)
    journal = FileJournal(home / "journal")
    seen = logs.look(journal, lambda: False)
    assert [log.looked_into for log in seen] == [True, False, False]
    found = list(logs.sources(seen, now))
    assert found[0].seen.startswith("1 live (living 7), 2 ended, 2 of them not looked into")
    seen = logs.look(journal, lambda: True)
    assert "queue full" in next(f.seen for f in logs.sources(seen, now) if f.about == "lost")
    living.kill()


def test_silent(home: Path) -> None:
    """A process that lives and says nothing for long is named."""
    program = Reporting(home, service="stuck")
    program.say(NOON)
    seen = logs.look(FileJournal(home / "journal"), lambda: True)
    assert len(list(logs.sources(seen, NOON + 2))) == 1
    (_, silent) = logs.sources(seen, NOON + 10)
    assert "1 process live without a word for long, such as stuck" in silent.seen
    program.kill()


def test_a_clock_that_is_ahead(home: Path) -> None:
    """Frames of tomorrow come from a clock that is wrong."""
    program = Reporting(home)
    program.say(NOON)
    seen = logs.look(FileJournal(home / "journal"), lambda: True)
    (_, ahead) = logs.sources(seen, NOON - 60)
    assert (ahead.about, ahead.mark) == ("clock", "problem")
    program.kill()


def test_a_later_version(home: Path) -> None:
    """Frames that this version can't read ask for an upgrade where the dashboard runs."""
    program = Reporting(home)
    program.say(NOON)
    program.kill()
    log = next((home / "journal").rglob("*.seg"))
    data = bytearray(wrap(b"later", 2, 0))
    data[4] += 1

    data[24:28] = struct.pack("<I", zlib.crc32(bytes(data[:24])))
    log.write_bytes(log.read_bytes() + data)
    seen = logs.look(FileJournal(home / "journal"), lambda: True)
    found = [f for f in logs.journal("x", seen, {}) if f.mark == "problem"]
    assert "1 log of a later version" in one(found).seen


def test_logs_that_cannot_be_read() -> None:
    """Files of another user in this home are a problem, with the first reason."""
    _, found = logs.journal("x", [], {"p1": "/x/p1: Permission denied"})
    assert (found.mark, found.seen) == ("problem", "1 log can't be read: /x/p1: Permission denied")


# -- who records elsewhere ---------------------------------------------------


def process(proc: Path, pid: int, *open_files: str, mount: str = "mnt:[1]", **environ: str) -> None:
    """A process as /proc shows it."""
    folder = proc / str(pid)
    (folder / "fd").mkdir(parents=True)
    (folder / "ns").mkdir()
    (folder / "ns/mnt").symlink_to(mount)
    (folder / "cwd").symlink_to("/srv/place")
    for number, path in enumerate(open_files):
        (folder / "fd" / str(number)).symlink_to(path)
    (folder / "cmdline").write_bytes(b"/usr/bin/python\0job.py\0--password=x\0")
    pairs = (f"{name}={value}".encode() for name, value in environ.items())
    (folder / "environ").write_bytes(b"\0".join(pairs))


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A /proc with this process alone."""
    folder = tmp_path / "proc"
    process(folder, 1)
    (folder / "self").symlink_to("1")
    return folder


def test_processes(proc: Path, tmp_path: Path) -> None:
    """Who writes elsewhere is a problem, who would is a note, who writes here is neither."""
    own = tmp_path / "journal"
    process(proc, 2, f"{own}/abc/00000001.seg")
    assert one(elsewhere.processes(own, proc, False)).mark == "ok"
    process(proc, 3, "/x/journal/abc/lock", "/x/journal/abc/00000012.seg", TACHOGRAPH_HOME="/x")
    process(proc, 4, TACHOGRAPH_HOME="/x")
    process(proc, 5, TACHOGRAPH_HOME="relative")
    process(proc, 6, TACHOGRAPH_JOURNAL="file:///bus", HOME="/h")
    process(proc, 7, "/bus2/abc/00000001.seg")
    found = {finding.seen: finding for finding in elsewhere.processes(own, proc, False)}
    writes = found["pid 3 (python job.py) records into /x"]
    assert (writes.mark, "TACHOGRAPH_HOME=/x" in writes.to_do) == ("problem", True)
    assert found["pid 5 (python job.py) would record into /srv/place/relative"]
    assert found["pid 6 (python job.py) would record into /bus"].mark == "note"
    bus = found["pid 7 (python job.py) records into /bus2"]
    assert "TACHOGRAPH_JOURNAL=file:/bus2" in bus.to_do
    assert len(found) == 4
    marks = {finding.mark for finding in elsewhere.processes(own, proc, True)}
    assert marks == {"note"}
    assert len(list(elsewhere.processes(own, proc, True, but_pid=7))) == 3


def test_processes_that_write_what_nobody_sees(proc: Path, tmp_path: Path) -> None:
    """Into a container's own files, even of the same path; into a log that was deleted."""
    own = tmp_path / "journal"
    process(proc, 2, f"{own}/abc/00000001.seg", mount="mnt:[2]")
    assert "of a container" in one(elsewhere.processes(own, proc, False)).seen
    process(proc, 3, f"{own}/abd/00000001.seg (deleted)")
    assert len([f for f in elsewhere.processes(own, proc, False) if "deleted" in f.seen]) == 1


def test_processes_that_read(proc: Path, tmp_path: Path) -> None:
    """A dashboard has segments open too, and records nothing."""
    process(proc, 2, "/x/journal/abc/00000001.seg")
    info = proc / "2/fdinfo/0"
    info.parent.mkdir()
    for flags, mark in (("02000000", "ok"), ("02002001", "problem"), ("0100002", "problem")):
        info.write_text(f"pos:\t0\nflags:\t{flags}\nmnt_id:\t27\n")
        assert one(elsewhere.processes(tmp_path, proc, False)).mark == mark


def test_processes_many(proc: Path, tmp_path: Path) -> None:
    """Workers of one program are one line."""
    for pid in range(2, 12):
        process(proc, pid, "/x/journal/abc/00000001.seg")
    assert "and 7 more records into /x" in one(elsewhere.processes(tmp_path, proc, False)).seen


def test_processes_switched_off(proc: Path, tmp_path: Path) -> None:
    """TACHOGRAPH_DISABLED in the environment of a process is told."""
    process(proc, 2, TACHOGRAPH_DISABLED="1")
    off = next(elsewhere.processes(tmp_path, proc, False))
    assert off.seen == "TACHOGRAPH_DISABLED is set for pid 2 (python job.py)"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (b"/bin/python\0-m\0shop.worker\0--token=x\0", "python -m shop.worker"),
        (b"python\0-c\0secret = 1\0", "python"),
        (b"mysqld\0--password=x\0", "mysqld"),
        (b"", "?"),
    ],
)
def test_command_of_a_process(proc: Path, line: bytes, shown: str) -> None:
    """Program and script; nothing that may be a secret."""
    (proc / "1/cmdline").write_bytes(line)
    assert elsewhere._command(proc, 1) == shown


def test_no_proc(tmp_path: Path) -> None:
    """Other systems have none; then there is nothing to say."""
    assert list(elsewhere.processes(tmp_path, tmp_path / "proc", False)) == []


def test_homes(tmp_path: Path) -> None:
    """At the usual places of users and services, this one left out."""
    bob = tmp_path / "home/bob/.local/state/tachograph"
    system = tmp_path / "var/lib/tachograph"
    system.mkdir(parents=True)
    program = Reporting(bob)
    program.say(NOON)
    found = one(elsewhere.homes(system, tmp_path, False))
    assert (found.mark, f"record into {bob}: 1" in found.seen) == ("problem", True)
    assert one(elsewhere.homes(system, tmp_path, True)).mark == "note"
    assert list(elsewhere.homes(bob, tmp_path, False)) == []
    program.kill()
    assert list(elsewhere.homes(system, tmp_path, False)) == []


def test_homes_of_what_has_ended(tmp_path: Path) -> None:
    """A script that ran in another environment: told of when nothing was ever recorded here."""
    environ = {"TACHOGRAPH_HOME": "/x", "XDG_STATE_HOME": "/s", "HOME": str(tmp_path)}
    default = tmp_path / ".local/state/tachograph"
    assert place.defaults(environ) == [Path("/s/tachograph"), default]
    program = Reporting(default)
    program.say(NOON)
    program.end(NOON)
    also = place.defaults(environ)
    found = one(elsewhere.homes(tmp_path / "x", tmp_path / "root", False, False, also))
    assert (found.mark, f"have recorded into {default}: 1" in found.seen) == ("note", True)
    assert list(elsewhere.homes(tmp_path / "x", tmp_path / "root", False, True, also)) == []
    assert list(elsewhere.homes(default, tmp_path / "root", False, False, also)) == []


def test_homes_that_are_closed(tmp_path: Path) -> None:
    """A place that can't be listed is told of; here it is no directory."""
    closed = tmp_path / "var/lib/tachograph"
    closed.parent.mkdir(parents=True)
    closed.touch()
    assert str(closed) in one(elsewhere.homes(tmp_path / "mine", tmp_path, False)).seen


# -- machine and ports -------------------------------------------------------


def test_container(tmp_path: Path) -> None:
    """By its marks; in one the home has to be on a volume."""
    mounts = MOUNTS.replace("{root}", "overlay")
    assert one(machine.container(Path("/srv"), tmp_path, {}, mounts)).seen == "none"
    (tmp_path / "proc/1").mkdir(parents=True)
    (tmp_path / "proc/1/cgroup").write_text("0::/system.slice/docker-0123.scope\n")
    assert machine.is_container(tmp_path, {}) == "docker in /proc/1/cgroup"
    (tmp_path / ".dockerenv").touch()
    lost = one(machine.container(Path("/srv"), tmp_path, {}, mounts))
    assert (lost.mark, "on no volume" in lost.seen) == ("note", True)
    assert one(machine.container(Path("/home/bob"), tmp_path, {}, mounts)).mark == "ok"
    empty = tmp_path / "empty"
    assert machine.is_container(empty, {"container": "podman"}) == "container=podman"
    assert machine.is_container(empty, {"KUBERNETES_SERVICE_HOST": "x"})
    assert machine.is_container(empty, {}) == ""


def test_inotify(tmp_path: Path) -> None:
    """Limits against need; at one of them a dashboard looks at the files instead."""

    def none_left() -> Inotify:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    assert "none on this system" in one(machine.inotify(tmp_path, 5)).seen
    limits = tmp_path / "sys/fs/inotify"
    limits.mkdir(parents=True)
    (limits / "max_user_instances").write_text("128\n")
    (limits / "max_user_watches").write_text("100\n")
    assert one(machine.inotify(tmp_path, 5)).seen == "100 watches allowed, 7 needed"
    assert "max_user_watches is 100" in one(machine.inotify(tmp_path, 99)).seen
    assert "max_user_instances is 128" in one(machine.inotify(tmp_path, 5, none_left)).seen


@pytest.mark.parametrize(
    ("now", "mark"), [(NOON, "ok"), (0.0, "problem"), (5e9, "problem"), (1e300, "problem")]
)
def test_clock(now: float, mark: str) -> None:
    """1970 and 2128 are wrong, and so is what is no date."""
    assert one(machine.clock(now)).mark == mark


def test_port_free(home: Path) -> None:
    """Where nobody listens, a dashboard may; port 0 takes any."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        assert one(serving.port(probe.getsockname()[1], home)).mark == "ok"
    assert list(serving.port(0, home)) == []


def test_a_trial_that_fails() -> None:
    """What the program said last is told."""
    found = one(trial.round_trip(os.environ, "raise SystemExit('no luck')"))
    assert found.mark == "problem"
    assert "seen as nothing; it said: no luck" in found.seen
