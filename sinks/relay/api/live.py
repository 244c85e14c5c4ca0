"""Live: what the relay holds in memory. Never waits for the store."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from operators.model.streams import PRESSURE, STATUS
from sinks.published import Published
from sinks.relay.api.latency import LatencyStats
from sinks.relay.api.openapi import problems
from sinks.relay.api.ports import Api
from sinks.relay.api.problems import Problem, shown
from sinks.relay.api.queries import NoQuery, SymbolQuery, split
from sinks.relay.api.rows import page_of, row, row_of, rows_response

RootName = Annotated[str, Path(min_length=1, max_length=64, description="A root, such as `ES`.")]


class RootPositions(BaseModel):
    """A root and the last seq of each of its event channels."""

    root: str
    seq: dict[str, int]


class Roots(BaseModel):
    """Roots of the generation that is served."""

    epoch: str | None
    items: list[RootPositions]


class Symbol(BaseModel):
    """An instrument that something happened in lately."""

    root: str
    instrument_id: int
    symbol: str


class Symbols(BaseModel):
    """Instruments named in the latest pressure of their roots."""

    items: list[Symbol]


def live_routes(api: Api) -> APIRouter:
    """Routes over the hub."""
    router = APIRouter(prefix="/v1", tags=["live"], responses=problems())

    @router.get("/pressure", responses=page_of(PRESSURE, "One row a root.", ndjson=False))
    async def pressure(request: Request, _query: Annotated[NoQuery, Query()]) -> Response:
        """Latest pressure of every root: instruments that changed in its last second."""
        return rows_response(request, _values(api, PRESSURE), None)

    @router.get("/pressure/{root}", responses=problems(404) | row_of(PRESSURE))
    async def pressure_of(root: RootName, _query: Annotated[NoQuery, Query()]) -> Response:
        """Latest pressure of one root."""
        message = api.hub.latest(PRESSURE, root)
        if message is None:
            raise Problem(404, "not-found", f"no pressure of root {shown(root)} has come yet")
        return Response(row(message), media_type="application/json")

    @router.get("/feeds", responses=page_of(STATUS, "One row a feed.", ndjson=False))
    async def feeds(request: Request, _query: Annotated[NoQuery, Query()]) -> Response:
        """Latest status of every feed: state, lag, records."""
        return rows_response(request, _values(api, STATUS), None)

    @router.get("/stats/latency")
    async def latency(_query: Annotated[NoQuery, Query()]) -> LatencyStats:
        """Published → relayed; nothing on the way from there to a client's screen."""
        return api.latency.stats()

    @router.get("/roots")
    async def roots(_query: Annotated[NoQuery, Query()]) -> Roots:
        """Roots and how far each event channel is."""
        return Roots(epoch=api.hub.epoch, items=_roots(api.hub.last_seqs()))

    @router.get("/symbols", response_model=Symbols)
    async def symbols(query: Annotated[SymbolQuery, Query()]) -> Response:
        """Instruments that something happened in lately."""
        found = _symbols(api.hub.values(PRESSURE), split(query.root))
        return Response(orjson.dumps({"items": found}), media_type="application/json")

    return router


def _values(api: Api, stream: str) -> list[Published]:
    return sorted(api.hub.values(stream), key=lambda message: message.root)


def _roots(positions: Mapping[tuple[str, str], int]) -> list[RootPositions]:
    found: dict[str, dict[str, int]] = {}
    for (channel, root), seq in sorted(positions.items()):
        found.setdefault(root, {})[channel] = seq
    return [RootPositions(root=root, seq=found[root]) for root in sorted(found)]


def _symbols(messages: Iterable[Published], roots: set[str]) -> list[dict[str, Any]]:
    """`Symbol` as plain dicts: there may be thousands, and the loop has other work."""
    found = [
        {"root": message.root, "instrument_id": one["instrument_id"], "symbol": one["symbol"]}
        for message in messages
        if not roots or message.root in roots
        for one in orjson.loads(message.value)["instruments"]
    ]
    return sorted(found, key=lambda one: (one["root"], one["symbol"], one["instrument_id"]))
