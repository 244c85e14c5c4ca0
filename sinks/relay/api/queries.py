"""Parameters of the routes, as the OpenAPI document shows them and FastAPI checks them first.

What a filter means is decided by `sinks/filters.py`, which API, export and command line share; here
is its form. A parameter that is not listed is refused.
"""

from typing import Annotated, Any, Final, Literal, get_args

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema

from operators.model.signals import Change, Side, Strength
from sinks.relay.api.ports import Words
from sinks.relay.api.problems import refused, shown

LIMIT: Final = 100
"""Rows of a page unless told otherwise."""
LIMIT_MAX: Final = 1_000
VALUES_MAX: Final = 32
"""Times that a parameter may be repeated."""
CURSOR: Final = "ifd-cursor"
"""Form of a cursor in the document: only one that the relay gave is valid."""
INSTANT: Final = "ifd-instant"
"""Form of an instant in the document."""


def _listed(words: tuple[str, ...] | str) -> StringConstraints:
    """One value of a list parameter: a word, or several by commas."""
    word = words if isinstance(words, str) else f"({'|'.join(words)})"
    return StringConstraints(pattern=f"^{word}(,{word})*$", max_length=512)


Name = Annotated[str, _listed("[0-9A-Za-z._-]+")]
Cursor = Annotated[
    str | None,
    Field(max_length=512, pattern="^[A-Za-z0-9_=-]+$"),
    WithJsonSchema({"type": "string", "format": CURSOR}),
]
Instant = Annotated[
    str | None, Field(max_length=40), WithJsonSchema({"type": "string", "format": INSTANT})
]
"""RFC 3339 with an offset, a date (UTC), or ns since the epoch."""

Share = Annotated[
    float | None,
    Field(ge=0, le=1),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1}),
]


class NoQuery(BaseModel):
    """A route without parameters: one that is sent is a mistake worth telling."""

    model_config = ConfigDict(extra="forbid")


class PageQuery(NoQuery):
    """Which page."""

    cursor: Cursor = Field(None, description="`next` of the page before, with the same filters.")
    limit: int = Field(LIMIT, ge=1, le=LIMIT_MAX, description="Rows of a page at most.")


class EventQuery(PageQuery):
    """Which messages of a stream."""

    root: list[Name] = Field([], max_length=VALUES_MAX, description="Any of these roots.")
    from_: Instant = Field(None, alias="from", description="At or after it, by `ts_event`.")
    to: Instant = Field(None, description="Before it, by `ts_event`.")
    format: Literal["json", "ndjson"] = "json"

    def words(self) -> Words:
        """What the filter language reads: the filters that were given, by their names."""
        given: dict[str, Any] = self.model_dump(by_alias=True, exclude_unset=True)
        return {
            name: [str(one) for one in value] if isinstance(value, list) else [str(value)]
            for name, value in given.items()
            if name not in NO_FILTERS and value is not None
        }


NO_FILTERS: Final = frozenset({"cursor", "limit", "format", "view"})
"""Parameters that say how to answer, not what."""


class SignalQuery(EventQuery):
    """Which signals."""

    side: list[Annotated[str, _listed(get_args(Side))]] = Field([], max_length=VALUES_MAX)
    kind: list[Annotated[str, _listed("[a-z_]+")]] = Field([], max_length=VALUES_MAX)
    strength: list[Annotated[str, _listed(get_args(Strength))]] = Field([], max_length=VALUES_MAX)
    change: list[Annotated[str, _listed(get_args(Change))]] = Field([], max_length=VALUES_MAX)
    min_confidence: Share = Field(None, description="Probability at least.")
    view: Literal["revisions", "latest"] = Field(
        "revisions", description="Every revision, or of each signal its last."
    )


class SymbolQuery(NoQuery):
    """Which symbols."""

    root: list[Name] = Field([], max_length=VALUES_MAX, description="Of any of these roots.")


def split(values: list[str]) -> set[str]:
    """The words of a list parameter."""
    return {word for value in values for word in value.split(",")}


REPEATABLE: Final = frozenset({"root", "side", "kind", "strength", "change"})
"""Parameters that are lists, wherever they are one."""


async def once(request: Request) -> None:
    """Refuses a parameter that was sent twice but has one value: which was meant?"""
    names = [name for name, _ in request.query_params.multi_items()]
    for name in names:
        if name not in REPEATABLE and names.count(name) > 1:
            raise refused(shown(name).strip("'"), "was sent more than once")
