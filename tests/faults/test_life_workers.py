"""Workers of multiprocessing, of process pools and of servers: each one a source of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.faults.conftest import Page
from tests.programs import eventually

POOLS = """
    import multiprocessing, sys, threading
    from concurrent.futures import ProcessPoolExecutor
    import tachograph as tacho

    method, how = sys.argv[1:]
    service = f"{method}-{how}"

    def work(n):
        tacho.configure(service=service, project="workers")
        with tacho.action(service):
            return n

    def fail():
        work(0)
        raise ValueError("broken")

    def hang(ready):
        work(0)
        ready.set()
        threading.Event().wait()  # until it is killed

    if __name__ == "__main__":
        context = multiprocessing.get_context(method)
        if how == "pool":
            with context.Pool(2) as pool:
                pool.map(work, range(20), chunksize=1)
                pool.close()
                pool.join()
        elif how == "terminated":
            ready = context.Event()
            worker = context.Process(target=hang, args=(ready,))
            worker.start()
            ready.wait()
            worker.terminate()
            worker.join()
        elif how == "failed":
            worker = context.Process(target=fail)
            worker.start()
            worker.join()
        elif how == "futures":
            with ProcessPoolExecutor(2, mp_context=context) as pool:
                list(pool.map(work, range(20)))
        else:  # with ProcessPoolExecutor Python 3.11 itself comes to a standstill
            with context.Pool(1, maxtasksperchild=2) as pool:
                pool.map(work, range(4), chunksize=1)
                pool.close()
                pool.join()
"""
WSGI = """
    import os, threading
    import tachograph as tacho

    if os.environ.get("RECORD_IN_MASTER"):
        tacho.configure(service=os.environ["SERVICE"] + " master", project="servers")
        tacho.action("loaded").record(0.1)

    def app(environ, start_response):
        tacho.configure(service=os.environ["SERVICE"], project="servers")
        with tacho.action(os.environ["SERVICE"]):
            if environ["PATH_INFO"] == "/hang":
                tacho.flush()
                threading.Event().wait()  # until it is killed
            start_response("200 OK", [])
            return [str(os.getpid()).encode()]
"""
ASGI = """
    import os
    import tachograph as tacho
    tacho.configure(service=os.environ["SERVICE"], project="servers")

    async def app(scope, receive, send):
        if scope["type"] != "http":
            return
        with tacho.action(os.environ["SERVICE"]):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": str(os.getpid()).encode()})
"""


@pytest.mark.parametrize(
    ("method", "how", "states"),
    [
        ("fork", "pool", {"ended"}),
        ("spawn", "pool", {"ended"}),
        ("fork", "terminated", {"terminated"}),
        ("forkserver", "terminated", {"terminated"}),
        ("fork", "failed", {"failed"}),
        ("spawn", "failed", {"failed"}),
        ("fork", "futures", {"ended"}),
        ("forkserver", "futures", {"ended"}),
        ("spawn", "renewed", {"ended"}),
    ],
)
def test_pools(page: Page, tmp_path: Path, method: str, how: str, states: set[str]) -> None:
    """Each worker ends by its own account, and all that they did counts once."""
    script = tmp_path / "workers.py"
    script.write_text(textwrap.dedent(POOLS))
    service = f"{method}-{how}"
    subprocess.run(
        [sys.executable, script, method, how],
        env={**os.environ, "TACHOGRAPH_HOME": str(page.home)},
        stderr=subprocess.DEVNULL if how == "failed" else None,
        timeout=60,
        check=True,
    )
    expected = {"pool": 20, "futures": 20, "renewed": 4}.get(how, 1)
    rows = page.ended(service, 2 if how == "renewed" else 1)
    assert {row["state"] for row in rows} == states
    assert {row["lost"] for row in rows} == {0}
    assert page.actions(service) == {service: expected}
    if how == "failed":
        assert rows[0]["reason"] == "ValueError: broken"


class Server:
    """A server with two workers, listening on a socket that it was given."""

    def __init__(self, page: Page, folder: Path, app: str, command: str, **environ: str) -> None:
        (folder / "served.py").write_text(textwrap.dedent(app))
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command.format(fd=listener.fileno()).split()],
                cwd=folder,
                env={**os.environ, "TACHOGRAPH_HOME": str(page.home), **environ},
                pass_fds=[listener.fileno()],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self.requests = 0

    def get(self) -> int:
        """One request; the pid of the worker that answered."""
        with urlopen(self.url, timeout=30) as answer:
            self.requests += 1
            return int(answer.read())

    def workers(self, other_than: set[int] = frozenset()) -> set[int]:  # type: ignore[assignment]
        """Ask until two workers have answered."""
        seen: set[int] = set()

        def both() -> bool:
            seen.add(self.get())
            return len(seen - other_than) >= 2

        assert eventually(both, 40.0), seen
        return seen - other_than

    def stop(self) -> int:
        """SIGTERM to the master, and its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.stop()


GUNICORN = "gunicorn served:app --workers 2 --bind fd://{fd} --graceful-timeout 5"


@pytest.mark.parametrize("preload", [False, True])
def test_gunicorn(page: Page, tmp_path: Path, preload: bool) -> None:
    """Two workers, two sources; a master that loaded the app, and recorded, is a third. After a
    reload there are two more, and at the end none is left."""
    service = "preloaded" if preload else "prefork"
    environ = {"SERVICE": service, **({"RECORD_IN_MASTER": "1"} if preload else {})}
    command = GUNICORN + (" --preload" if preload else "")
    with Server(page, tmp_path, WSGI, command, **environ) as server:
        first = server.workers()
        assert eventually(lambda: {row["pid"] for row in page.rows(service)} == first)
        if not preload:
            server.process.send_signal(signal.SIGHUP)
            second = server.workers(other_than=first)
            assert eventually(lambda: {row["pid"] for row in page.rows(service)} == first | second)
        assert server.stop() == 0
    rows = page.ended(service, 2 if preload else 4)
    assert {row["state"] for row in rows} == {"ended"}
    assert {row["lost"] for row in rows} == {0}
    assert page.actions(service) == {service: server.requests}
    if preload:
        (master,) = page.ended(f"{service} master")
        assert (master["pid"], master["state"]) == (server.process.pid, "ended")
        assert page.actions(f"{service} master") == {"loaded": 1}


def test_gunicorn_s_worker_that_hangs(page: Page, tmp_path: Path) -> None:
    """The master ends it after its timeout: it is over on the page, and what it did counts."""
    with Server(page, tmp_path, WSGI, GUNICORN + " --timeout 2", SERVICE="hangs") as server:
        server.workers()
        with suppress(OSError):  # closed, or answered with an error: as the worker can
            urlopen(server.url + "/hang", timeout=30)
        assert eventually(lambda: {"ended", "killed"} & set(page.states("hangs")))
        assert server.stop() == 0
    page.ended("hangs", 2)
    # The request that hung is an action too.
    assert page.actions("hangs") == {"hangs": server.requests + 1}


def test_uvicorn_with_workers(page: Page, tmp_path: Path) -> None:
    """Its workers take SIGTERM, shut down in order and then die by it; that is what is shown."""
    command = "uvicorn served:app --workers 2 --fd {fd}"
    with Server(page, tmp_path, ASGI, command, SERVICE="asgi") as server:
        workers = server.workers()
        assert eventually(lambda: {row["pid"] for row in page.rows("asgi")} == workers)
        assert server.stop() in (0, -signal.SIGTERM)
    rows = page.ended("asgi", 2)
    assert [(row["state"], row["reason"]) for row in rows] == [("terminated", "SIGTERM")] * 2
    assert page.actions("asgi") == {"asgi": server.requests}
