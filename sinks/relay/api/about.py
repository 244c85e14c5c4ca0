"""About the service itself: version, health, readiness, and the two documents."""

from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from operators.model.streams import STATUS
from sinks.relay.api.asyncapi import asyncapi
from sinks.relay.api.openapi import problems
from sinks.relay.api.ports import Api
from sinks.relay.api.queries import NoQuery
from sinks.relay.api.security import host_name
from sinks.relay.messages import PROTOCOL


class Version(BaseModel):
    """What a client needs to know before anything else."""

    version: str
    protocol: Literal["ifd.v1"] = PROTOCOL
    ws_port: int
    """Port of the WebSocket, on the same host."""
    auth_required: bool
    epoch: str | None
    """Generation served; null before the first message of one."""


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    """Whether clients get what they ask for, and what is missing if not."""

    ready: bool
    reasons: list[str]
    """What is still waited for."""
    store: str
    """`ok`, or why the last query of history failed; live data does not need it."""
    progress: list[str]
    """`feed: state, text` of every feed."""


def about_routes(api: Api) -> APIRouter:
    """Routes that need no token."""
    router = APIRouter(tags=["about"])

    @router.get("/v1/version", responses=problems())
    async def version(_query: Annotated[NoQuery, Query()]) -> Version:
        """Version, protocol, and whether a token is needed."""
        return Version(
            version=api.version,
            ws_port=api.ws_port,
            auth_required=api.has_tokens,
            epoch=api.hub.epoch,
        )

    @router.get("/healthz", responses=problems())
    async def healthz(_query: Annotated[NoQuery, Query()]) -> Health:
        """200 as long as the process answers."""
        return Health()

    @router.get("/readyz", response_model=Ready, responses=_not_ready())
    async def readyz(_query: Annotated[NoQuery, Query()]) -> Response:
        """200 when live data is served, 503 with the reasons until then."""
        ready = _ready(api)
        return Response(
            ready.model_dump_json(),
            status_code=200 if ready.ready else 503,
            media_type="application/json",
            headers={} if ready.ready else {"Retry-After": "1"},
        )

    # Not async: it takes milliseconds, which a thread may have and the loop may not.
    @router.get("/asyncapi.json", include_in_schema=False)
    def asyncapi_document(request: Request) -> Response:
        name = host_name(request.headers.get("host")) or "localhost"
        document = asyncapi(api.version, api.bootstrap_servers, f"{name}:{api.ws_port}")
        return Response(orjson.dumps(document), media_type="application/json")

    return router


def _not_ready() -> dict[int | str, dict[str, Any]]:
    return problems() | {503: {"model": Ready, "description": "Not yet, and why."}}


def _ready(api: Api) -> Ready:
    reasons = api.readiness.reasons()
    if api.hub.epoch is None:
        reasons.append("data: no message of a worker has come yet")
    progress = []
    for message in api.hub.values(STATUS):
        status = orjson.loads(message.value)
        progress.append(f"{status['feed']}: {status['state']}, {status['text']}")
    return Ready(
        ready=not reasons, reasons=reasons, store=api.reading.fault or "ok", progress=progress
    )
