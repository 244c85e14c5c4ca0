"""Baselines: what is normal for a root, from the file that the relay was given."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from sinks.relay.api.baselines import HOW_TO_GET_ONE, BaselineRow
from sinks.relay.api.live import RootName
from sinks.relay.api.openapi import problems
from sinks.relay.api.ports import Api
from sinks.relay.api.problems import shown
from sinks.relay.api.queries import NoQuery


class BaselineAnswer(BaseModel):
    """Quantiles of each metric per class of instruments and part of the day, or why none."""

    root: str
    text: str
    sessions: tuple[str, ...] = ()
    """Trading days counted, ascending."""
    bucket_s: int | None = None
    """Seconds per part of the day."""
    rows: tuple[BaselineRow, ...] = ()


def baseline_routes(api: Api) -> APIRouter:
    """The route over the baseline file."""
    router = APIRouter(prefix="/v1", tags=["history"], responses=problems(503))

    @router.get("/baselines/{root}")
    async def baseline(root: RootName, _query: Annotated[NoQuery, Query()]) -> BaselineAnswer:
        """What is normal for a root; empty, and says why, where the relay knows none."""
        if api.baseline.is_absent:
            return BaselineAnswer(root=root, text=HOW_TO_GET_ONE)
        found = await api.baseline.read(lambda baseline_of: baseline_of(root))
        if found is None:
            return BaselineAnswer(root=root, text=f"the baseline file has no root {shown(root)}")
        return BaselineAnswer(
            root=root,
            text=f"{len(found.sessions)} sessions",
            sessions=found.sessions,
            bucket_s=found.bucket_s,
            rows=found.rows,
        )

    return router
