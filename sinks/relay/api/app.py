"""The relay's HTTP application: REST under /v1, its two documents, health, and the dashboard."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import Depends, FastAPI

from sinks.relay.api import openapi, problems
from sinks.relay.api.about import about_routes
from sinks.relay.api.baseline_routes import baseline_routes
from sinks.relay.api.baselines import BaselineOf
from sinks.relay.api.config import HttpConfig
from sinks.relay.api.guard import Guard, GuardCounters
from sinks.relay.api.history import history_routes
from sinks.relay.api.latency import LatencyWindow
from sinks.relay.api.live import live_routes
from sinks.relay.api.pages import FOLDER, Pages
from sinks.relay.api.ports import Api, History
from sinks.relay.api.queries import once
from sinks.relay.api.readiness import Readiness
from sinks.relay.api.reading import Reading
from sinks.relay.config import RelayConfig
from sinks.relay.hub import Hub


def create_app(
    relay: RelayConfig,
    http: HttpConfig,
    hub: Hub,
    history: History | None,
    *,
    version: str,
    readiness: Readiness,
    latency: LatencyWindow,
    ws_port: int | None = None,
    bootstrap_servers: str = "",
    baseline_of: BaselineOf | None = None,
    counters: GuardCounters | None = None,
    static: Path = FOLDER,
) -> Guard:
    """The ASGI application. Does no I/O before it is asked something.

    Args:
        relay: Address, tokens and origins.
        http: Bounds.
        hub: In the loop that the application runs in.
        history: The store; None if the relay has none.
        version: Of this program.
        readiness: What is waited for; whoever assembles the process keeps it.
        latency: The hub's `on_relayed` is its `add`.
        ws_port: Port of the WebSocket where it is not the one of `relay`, since that is 0.
        bootstrap_servers: Of Kafka, as clients reach it; empty if there is none.
        baseline_of: What is normal for a root; None if no baseline is known.
        counters: Kept up to date, for whoever shows them.
        static: Folder of the dashboard.
    """
    api = Api(
        version=version,
        hub=hub,
        reading=Reading(history, http),
        baseline=Reading(baseline_of, http, "baseline"),
        readiness=readiness,
        latency=latency,
        ws_port=relay.ws_port if ws_port is None else ws_port,
        bootstrap_servers=bootstrap_servers,
        has_tokens=bool(relay.tokens),
    )
    return Guard(
        _routes(api, static),
        config=http,
        bound=relay.host,
        tokens=tuple(relay.tokens.values()),
        origins=relay.origins,
        counters=counters or GuardCounters(),
    )


def _routes(api: Api, static: Path) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # Both documents take a tenth of a second to make, which nobody should wait for later.
        app.openapi()
        yield
        api.reading.close()
        api.baseline.close()

    # No pages for the document: those that FastAPI has load their scripts from another host.
    app = FastAPI(
        title="IFD",
        version=api.version,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        dependencies=[Depends(once)],
    )
    for router in (about_routes(api), live_routes(api), baseline_routes(api), history_routes(api)):
        app.include_router(router)
    problems.install(app)
    openapi.install(app, has_tokens=api.has_tokens)
    app.mount("/", Pages(api.ws_port, static))
    return app
