"""`DashboardServer`: the dashboard inside the user's own program, in three lines."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from tachograph.errors import ConfigError
from tachograph.sdk import recorder as recording
from tachograph.sdk.classes import MetricsCollector
from tachograph.server.config import load_config
from tachograph.server.panel import launch_url
from tachograph.server.serve import Service

log = logging.getLogger("tachograph.server")

LIVE_ONLY = "another server holds this home's store; this one runs live only, and stores nothing"


#: What `tacho dashboard` takes beside host, port and interval.
OPTIONS = ("token", "view_token", "store", "journal", "allow_hosts", "trust_proxy", "config")


class DashboardServer:
    """Serves the page for this program, and for every other that records into the same home.

        collector = MetricsCollector()
        DashboardServer("localhost", 8765, collector).start()

    What the collector recorded outlives the server: stop it, start it again, and it shows the
    same figures. Without a collector it makes one. `port` 0 takes a free one; `port` then says
    which. The token and the `TACHOGRAPH_*` variables are those of `tacho dashboard`.
    """

    def __init__(
        self,
        host: str = "localhost",
        port: int = 8765,
        metrics_collector: MetricsCollector | None = None,
        **options: Any,
    ) -> None:
        self.host = host
        self.port = port
        self.metrics_collector = metrics_collector or MetricsCollector()
        for name in options:
            if name not in OPTIONS:
                raise ConfigError(
                    f"DashboardServer has no option {name!r}; it takes {', '.join(OPTIONS)}"
                )
        self._options = options
        self._service: Service | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """The address to open, with the token. Only while the server runs."""
        if self._service is None:
            raise ConfigError("the dashboard is not running; call start() or start_async() first")
        server = self._service.server
        return launch_url(self.host, self.port, server.launch_token)

    def start(self) -> None:
        """Serve until Ctrl-C or SIGTERM; blocks. Raises ConfigError when the port is taken."""
        service = self._begin()
        try:
            service.run(self._announce)
        finally:
            self._service = None

    async def start_async(self) -> None:
        """Serve on the running loop; returns when the page can be opened."""
        if self._task is not None:
            return
        service = await asyncio.to_thread(self._begin)
        started = asyncio.Event()
        self._task = asyncio.create_task(service.serve(started.set, own_signals=False))
        waiting = asyncio.create_task(started.wait())
        await asyncio.wait((self._task, waiting), return_when=asyncio.FIRST_COMPLETED)
        if not started.is_set():
            waiting.cancel()
            task, self._task = self._task, None
            await task
        self._announce()

    async def stop_async(self) -> None:
        """Stop serving; the collector goes on recording."""
        task, self._task = self._task, None
        if task is None or self._service is None:
            return
        self._service.stop()
        await task
        self._service = None

    def _begin(self) -> Service:
        if not self.metrics_collector.running:
            self.metrics_collector.start()
        flags = {
            "host": self.host,
            "port": self.port,
            # A program may sample itself more seldom than a page is to move.
            "interval": min(60.0, self.metrics_collector.sample_interval),
            **self._options,
        }
        # Another server on the same home may hold the store; then this one runs live only.
        self._service = Service(
            load_config(flags), home=recording.settings().home, lease_wait_s=0.5
        )
        self.port = self._service.port
        return self._service

    def _announce(self) -> None:
        print(f"Tachograph: {self.url}", flush=True)
        if self._service is not None and not self._service.server.follower.store.leased:
            log.warning("%s", LIVE_ONLY)
