"""What docs/deployment.md gives away works: a real nginx before a real dashboard, units that
systemd takes, a container's command that serves."""

from __future__ import annotations

import configparser
import http.client
import json
import os
import re
import shlex
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tachograph.cli import _parser
from tachograph.core.patch import apply
from tachograph.server.config import load_config
from tests.checkout import ROOT
from tests.dashboards import Dashboard
from tests.programs import eventually

FILES = ROOT / "examples" / "deployment"
PAGE = (ROOT / "docs" / "deployment.md").read_text()
NAME = "dash.example.org"
UNITS = ("tachograph.service", "tachograph-user.service")

nginx = pytest.mark.needs("nginx")
openssl = pytest.mark.needs("openssl")


def unit(name: str) -> configparser.ConfigParser:
    """A unit's sections; the names of its settings as they stand."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[method-assign, assignment]
    parser.read(FILES / name)
    return parser


def container() -> dict[str, str]:
    """The instructions of the Containerfile, each with its last value."""
    text = (FILES / "Containerfile").read_text().replace("\\\n", " ")
    lines = (line.partition(" ") for line in text.splitlines() if line[:1].isupper())
    return {word: rest.strip() for word, _, rest in lines}


def starts() -> dict[str, list[str]]:
    """The command lines that start a dashboard, by where they stand."""
    found = {name: shlex.split(unit(name)["Service"]["ExecStart"]) for name in UNITS}
    found["Containerfile"] = json.loads(container()["CMD"])
    said = re.search(r"tacho (dashboard .*)", (FILES / "nginx.conf").read_text())
    assert said
    found["nginx.conf"] = ["tacho", *shlex.split(said[1])]
    return found


# -- the page ----------------------------------------------------------------


@pytest.mark.parametrize("file", sorted(path.name for path in FILES.iterdir()))
def test_page_shows_the_files(file: str) -> None:
    """What the page shows is the file, to the letter: one is tested, the other is read."""
    if file != "README.md":
        assert f"\n{(FILES / file).read_text()}```\n" in PAGE


# -- commands ----------------------------------------------------------------


@pytest.mark.parametrize("place", starts())
def test_command_serves(place: str, home: Path) -> None:
    """The command line is taken as it is, and serves, on another port."""
    program, command, *options = starts()[place]
    assert (Path(program).name, command) == ("tacho", "dashboard")
    config = load_config(vars(_parser("dashboard").parse_args([command, *options])), environ={})
    assert (config.port, config.open_browser) == (8765, False)
    if "--port" in options:
        at = options.index("--port")
        del options[at : at + 2]
    with Dashboard(home, *options) as dashboard:
        assert dashboard.get("/healthz") == {"status": "ok"}
        assert dashboard.get("/api/sources")["items"] == []


@pytest.mark.parametrize("name", UNITS)
def test_unit(name: str, tmp_path: Path) -> None:
    """It has what a service needs; systemd, where it is installed, finds no fault with it."""
    service = unit(name)["Service"]
    assert service["Restart"] == "on-failure"
    assert service["RestartPreventExitStatus"] == "2"
    assert unit(name)["Install"]["WantedBy"] in ("default.target", "multi-user.target")
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        return
    text = (FILES / name).read_text().replace(service["ExecStart"].split()[0], sys.executable)
    (tmp_path / name).write_text(text)
    user = ["--user"] if "user" in name else []
    done = subprocess.run(
        [analyze, *user, "verify", str(tmp_path / name)],
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_unit_of_the_machine() -> None:
    """Dashboard and program share home and user; the home is private, the rest is read-only."""
    service, app = unit("tachograph.service")["Service"], unit("app.conf")["Service"]
    assert service["Environment"].replace("%S", "/var/lib") == app["Environment"]
    assert app["Environment"] == f"TACHOGRAPH_HOME={app['ReadWritePaths']}"
    assert service["StateDirectory"] == "tachograph"
    assert service["StateDirectoryMode"] == "0700"
    assert "User" in service
    assert service["ProtectSystem"] == "strict"


# -- containers --------------------------------------------------------------


def test_containerfile(home: Path) -> None:
    """Home, user and port are the same in all of its instructions, and its check of health tells
    a server that answers from none."""
    said = container()
    home_there = said["ENV"].partition("=")[2]
    assert f"-o app -g app {home_there}" in said["RUN"]
    assert f"--uid {said['USER']} " in said["RUN"]
    assert (said["VOLUME"], said["WORKDIR"]) == (home_there, home_there)
    assert said["EXPOSE"] == "8765"
    assert said["ARG"] == "TACHOGRAPH=tachograph[server]"
    program, *words = json.loads(said["HEALTHCHECK"].partition("CMD ")[2])
    assert program == "python"
    with Dashboard(home, "--host", "0.0.0.0") as dashboard:
        port = dashboard.url.rpartition(":")[2]
        check = [sys.executable, *(word.replace("8765", port) for word in words)]
        assert subprocess.run(check, check=False, timeout=30).returncode == 0
    gone = subprocess.run(check, stderr=subprocess.DEVNULL, check=False, timeout=30)
    assert gone.returncode == 1


def test_compose() -> None:
    """Both containers have the home on one volume and run as the user that owns it; the page is
    published on this machine only."""
    whole = yaml.safe_load((FILES / "compose.yaml").read_text())
    app, dashboard = whole["services"]["app"], whole["services"]["dashboard"]
    said = container()
    home_there = said["ENV"].partition("=")[2]
    assert app["environment"]["TACHOGRAPH_HOME"] == home_there
    assert app["volumes"] == dashboard["volumes"] == [f"tachograph:{home_there}"]
    assert app["user"] == said["USER"]
    assert app["depends_on"] == ["dashboard"]
    assert (app["init"], dashboard["init"]) == (True, True)
    assert dashboard["ports"] == [f"127.0.0.1:{said['EXPOSE']}:{said['EXPOSE']}"]
    assert (FILES / dashboard["build"]["dockerfile"]).exists()
    assert list(whole["volumes"]) == ["tachograph"]


# -- behind nginx ------------------------------------------------------------


class Proxy:
    """nginx with the page's configuration, before a dashboard. Speaks as a browser does."""

    def __init__(self, folder: Path, port: int, plain: int, dashboard: Dashboard) -> None:
        self.folder = folder
        self.port = port
        self.plain = plain
        self.dashboard = dashboard
        self.token = dashboard.launch_url.partition("?token=")[2]
        self._tls = ssl.create_default_context(cafile=str(folder / "crt"))

    def socket(self) -> ssl.SSLSocket:
        """A connection to the name that the certificate is for."""
        raw = socket.create_connection(("127.0.0.1", self.port), 20)
        return self._tls.wrap_socket(raw, server_hostname=NAME)

    def ask(
        self, path: str, method: str = "GET", body: str | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers, body; `Host` and any other header may be given."""
        connection = http.client.HTTPSConnection(NAME)
        connection.sock = self.socket()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def cookie(self) -> str:
        """What a browser has after the launch link."""
        return self.ask(f"/?token={self.token}", Accept="text/html")[1]["set-cookie"].split(";")[0]

    def listen(self, query: str, origin: str, cookie: str) -> ClientConnection:
        """A page's WebSocket."""
        uri = f"wss://{NAME}/ws?{query}"
        raw = socket.create_connection(("127.0.0.1", self.port), 20)
        headers = {"Cookie": cookie}
        return connect(
            uri,
            sock=raw,
            ssl=self._tls,
            server_hostname=NAME,
            origin=origin,  # type: ignore[arg-type]
            additional_headers=headers,
        )


def free_port() -> int:
    """A port that nobody had a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def certificate(folder: Path) -> None:
    """A certificate of its own for the name in the configuration."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"),
            *("-keyout", str(folder / "key"), "-out", str(folder / "crt")),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )


def configured(folder: Path, dashboard: str, port: int, plain: int) -> Path:
    """The page's file with other ports and paths, inside of what a distribution has around it."""
    text = (FILES / "nginx.conf").read_text()
    for there, here in (
        (r"listen \[::\].*;\n", ""),  # this machine may have no IPv6
        (r"listen 80;", f"listen 127.0.0.1:{plain};"),
        (r"listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        (r"/etc/nginx/tls/dash.example.org\.", f"{folder}/"),
        (r"/var/log/nginx/", f"{folder}/"),
        (r"http://127.0.0.1:8765", dashboard),
    ):
        text, count = re.subn(there, here, text)
        assert count, there
    (folder / "site.conf").write_text(text)
    temporary = "client_body proxy fastcgi uwsgi scgi".split()
    paths = "\n".join(f"{name}_temp_path {folder}/{name};" for name in temporary)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"daemon off; {user} pid {folder}/pid; error_log {folder}/error.log;\n"
        f"worker_processes 1; events {{}}\nhttp {{\n{paths}\ninclude {folder}/site.conf;\n}}\n"
    )
    return folder / "nginx.conf"


@contextmanager
def running(folder: Path, file: Path, port: int) -> Iterator[None]:
    """nginx in the foreground, until the block ends."""
    command = ["nginx", "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(file)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            answers = eventually(lambda: process.poll() is not None or _answers(port))
            assert answers, "nginx does not listen"
            assert process.poll() is None, (folder / "error.log").read_text()
            yield
        finally:
            process.terminate()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """As the page says it: nginx with TLS, and the dashboard with the options in its file."""
    folder = tmp_path_factory.mktemp("nginx")
    certificate(folder)
    with Dashboard(folder / "home", *starts()["nginx.conf"][2:]) as dashboard:
        port, plain = free_port(), free_port()
        behind = dashboard.url.replace("localhost", "127.0.0.1")
        with running(folder, configured(folder, behind, port, plain), port):
            yield Proxy(folder, port, plain, dashboard)


@nginx
@openssl
def test_page_and_token(proxy: Proxy) -> None:
    """The launch link is exchanged for a cookie that goes over https only, and with the cookie
    the page is there; without it, it isn't."""
    status, headers, _ = proxy.ask(f"/?token={proxy.token}", Accept="text/html")
    assert (status, headers["location"]) == (303, "/")
    assert {"Secure", "HttpOnly", "SameSite=Strict"} <= set(headers["set-cookie"].split("; "))
    status, headers, body = proxy.ask("/", Accept="text/html", Cookie=proxy.cookie())
    assert status == 200
    assert b"<!doctype html>" in body.lower()
    asset = re.search(rb'src="(/assets/[^"]+)"', body)
    assert asset
    assert proxy.ask(asset[1].decode(), Cookie=proxy.cookie())[0] == 200
    assert proxy.ask("/", Accept="text/html")[0] == 401


@nginx
@openssl
def test_api(proxy: Proxy) -> None:
    """With the token as with the cookie; without either the refusal comes through as JSON."""
    for headers in ({"Authorization": f"Bearer {proxy.token}"}, {"Cookie": proxy.cookie()}):
        status, _, body = proxy.ask("/api/topics/actions", **headers)
        assert (status, json.loads(body)["topic"]) == (200, "actions")
    status, _, body = proxy.ask("/api/topics/actions")
    assert (status, json.loads(body)["error"]) == (401, "a token is needed")
    assert proxy.ask("/healthz")[0] == 200


@nginx
@openssl
def test_websocket(proxy: Proxy) -> None:
    """The page gets the whole value, then what changes, as it changes."""
    value: dict[str, Any] = {}
    with proxy.listen("topics=deploy", f"https://{NAME}", proxy.cookie()) as page:
        kinds = []
        for version in ("1", "2"):
            body = json.dumps({"version": version})
            token = f"Bearer {proxy.token}"
            status, _, _ = proxy.ask("/api/topics/deploy", "POST", body, Authorization=token)
            assert status == 200
            while value.get("version") != version:
                message = json.loads(page.recv(20))
                kinds.append(message["type"])
                if message["type"] == "snapshot":
                    value = message["value"]
                elif message["type"] == "delta":
                    value = apply(value, message["value"])
    assert kinds[:2] == ["hello", "snapshot"]
    assert "delta" in kinds


@nginx
@openssl
@pytest.mark.parametrize("origin", ["https://evil.example", f"http://{NAME}", "null"])
def test_origin(proxy: Proxy, origin: str) -> None:
    """A page of another site opens no WebSocket and changes nothing, even with the cookie."""
    cookie = proxy.cookie()
    with pytest.raises(InvalidStatus) as refused:
        proxy.listen("topics=system", origin, cookie)
    assert refused.value.response.status_code == 403
    status, _, _ = proxy.ask("/api/topics/deploy", "POST", "{}", Cookie=cookie, Origin=origin)
    assert status == 403


@nginx
@openssl
def test_host(proxy: Proxy) -> None:
    """A name that isn't ours is refused; what a browser says of forwarding counts for nothing."""
    status, _, body = proxy.ask("/healthz", Host="evil.example")
    assert (status, json.loads(body)["seen"]) == (421, "evil.example, evil.example")
    path = f"/?token={proxy.token}"
    forged = {"X_Forwarded_Host": "evil.example", "X_Forwarded_Proto": "http"}
    status, headers, _ = proxy.ask(path, Accept="text/html", **forged)
    assert status == 303
    assert "; Secure" in headers["set-cookie"]


@nginx
@openssl
def test_plain_http_leads_to_https(proxy: Proxy) -> None:
    """With the rest of the address."""
    connection = http.client.HTTPConnection("127.0.0.1", proxy.plain, timeout=20)
    connection.request("GET", "/sources?project=p", headers={"Host": NAME})
    answer = connection.getresponse()
    connection.close()
    assert (answer.status, answer.headers["location"]) == (308, f"https://{NAME}/sources?project=p")


@nginx
@openssl
def test_token_stays_out_of_the_log(proxy: Proxy) -> None:
    """The launch link is logged without its token."""
    proxy.cookie()
    log = proxy.folder / "tachograph.log"
    assert eventually(lambda: '"GET /" 303' in log.read_text())
    assert proxy.token not in log.read_text()
