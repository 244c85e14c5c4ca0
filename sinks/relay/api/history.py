"""History: what the store holds, by filter and page."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from operators.model.streams import EXECUTIONS, GAPS, OUTCOMES, SIGNALS
from sinks.relay.api.openapi import problems
from sinks.relay.api.ports import Api, History
from sinks.relay.api.problems import Problem, shown
from sinks.relay.api.queries import EventQuery, NoQuery, PageQuery, SignalQuery
from sinks.relay.api.reliability import HorizonAccuracy, ReliabilityBin, accuracy, reliability
from sinks.relay.api.rows import page_of, rows_response

SignalId = Annotated[str, Path(pattern="^[0-9A-Za-z_-]{1,64}$", description="Names a signal.")]


class Reliability(BaseModel):
    """How often signals were right, by what they said; empty until there are outcomes."""

    count: int
    """Outcomes counted."""
    text: str
    bins: list[ReliabilityBin]


class Accuracy(BaseModel):
    """What the market did after signals, and after points that made none; by horizon."""

    text: str
    horizons: list[HorizonAccuracy]


class Alerts(BaseModel):
    """Alerts, newest first."""

    items: list[dict[str, Any]]
    next: str | None


def history_routes(api: Api) -> APIRouter:
    """Routes over the store."""
    router = APIRouter(prefix="/v1", tags=["history"], responses=problems(503))
    _add_signals(router, api)
    for stream, text in (
        (EXECUTIONS, "Notable aggressor orders and whom they met"),
        (GAPS, "Where data is missing or wrong, or whole again"),
        (OUTCOMES, "What the market did after signals, and after points that made none"),
    ):
        _add_events(router, api, stream, text)
    _add_reliability(router, api)
    _add_accuracy(router, api)
    _add_alerts(router, api)
    return router


async def _page(
    api: Api, request: Request, stream: str, query: EventQuery, *, latest: bool
) -> Response:
    words = query.words()

    def read(store: History) -> Response:
        # The answer too is made in the thread: a thousand rows take the loop's milliseconds.
        page = store.page(stream, words, query.cursor, query.limit, latest=latest)
        return rows_response(request, page.rows, page.after, query.format)

    return await api.reading.read(read)


def _add_signals(router: APIRouter, api: Api) -> None:
    @router.get("/signals", responses=page_of(SIGNALS, "Revisions, newest first."))
    async def signals(request: Request, query: Annotated[SignalQuery, Query()]) -> Response:
        """Revisions of signals with their evidence, newest first; retractions among them."""
        return await _page(api, request, SIGNALS, query, latest=query.view == "latest")

    @router.get(
        "/signals/{id}",
        responses=problems(404, 503) | page_of(SIGNALS, "Oldest first.", ndjson=False),
    )
    async def signal(
        request: Request,
        id: SignalId,  # noqa: A002 - the parameter's name in the document
        _query: Annotated[NoQuery, Query()],
    ) -> Response:
        """Every revision of one signal with its evidence, oldest first."""
        rows = await api.reading.read(lambda s: s.revisions(id))
        if not rows:
            raise Problem(404, "not-found", f"there is no signal {shown(id)}")
        return rows_response(request, rows, None)


def _add_events(router: APIRouter, api: Api, stream: str, text: str) -> None:
    async def events(request: Request, query: Annotated[EventQuery, Query()]) -> Response:
        return await _page(api, request, stream, query, latest=False)

    events.__doc__ = f"{text}; newest first."
    router.add_api_route(
        f"/{stream}", events, name=stream, responses=page_of(stream, "Newest first.")
    )


def _add_reliability(router: APIRouter, api: Api) -> None:
    @router.get("/reliability")
    async def reliability_of(_query: Annotated[NoQuery, Query()]) -> Reliability:
        """Of the signals that said p, how many were right: Wilson interval and count per bin."""
        bins = await api.reading.read(lambda s: reliability(s.outcomes()))
        count = sum(one.count for one in bins)
        return Reliability(
            count=count,
            text=f"{count} outcome{'s' * (count != 1)}" if count else "no outcomes yet",
            bins=bins,
        )


def _add_accuracy(router: APIRouter, api: Api) -> None:
    @router.get("/accuracy")
    async def accuracy_of(_query: Annotated[NoQuery, Query()]) -> Accuracy:
        """Markouts, hits, Brier score, calibration, drift, beside controls; a simulation."""
        horizons = await api.reading.read(lambda s: accuracy(s.measured()))
        count = sum(one.score.count for one in horizons)
        return Accuracy(
            text=f"{count} outcomes of signals are known" if count else "no outcomes yet",
            horizons=horizons,
        )


def _add_alerts(router: APIRouter, api: Api) -> None:
    @router.get("/alerts")
    async def alerts(query: Annotated[PageQuery, Query()]) -> Alerts:
        """Alerts and what became of them, newest first."""
        items, after = await api.reading.read(lambda s: s.alerts(query.cursor, query.limit))
        return Alerts(items=[dict(item) for item in items], next=after)
