"""Parameters of the routes, as the OpenAPI document shows them and FastAPI checks them first.

What a filter means is decided by `sinks/filters.py`, which API, export and command line share; here
is its form. A parameter that is not listed is refused.
"""

import re
from typing import Annotated, Any, Final, Literal, get_args

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

from operators.model.signals import Change, Side, Strength
from sinks.relay.api.ports import Words
from sinks.relay.api.problems import refused, shown

LIMIT: Final = 100
"""Rows of a page unless told otherwise."""
LIMIT_MAX: Final = 1_000
VALUES_MAX: Final = 32
"""Times that a parameter may be repeated."""
TEXT_MAX: Final = 512
"""Characters of one value."""
CURSOR: Final = "ifd-cursor"
"""Form of a cursor in the document: only one that the relay gave is valid."""
INSTANT: Final = "ifd-instant"
"""Form of an instant in the document."""


class Listed:
    """Form of one value of a list parameter: a word, or several by commas."""

    def __init__(self, word: str, expected: str) -> None:
        """`word` is a regular expression, `expected` says the same to whoever sent another."""
        self._pattern = f"^{word}(,{word})*$"
        self._expected = expected

    def __get_pydantic_core_schema__(self, _kind: Any, _handler: Any) -> CoreSchema:
        text = core_schema.str_schema(max_length=TEXT_MAX)
        return core_schema.no_info_after_validator_function(self._check, text)

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: Any) -> dict[str, Any]:
        return {"type": "string", "pattern": self._pattern, "maxLength": TEXT_MAX}

    def _check(self, value: str) -> str:
        if re.fullmatch(self._pattern.removesuffix("$"), value, re.ASCII) is None:
            raise ValueError(f"expected {self._expected}")
        return value


def one_of(kind: Any) -> Listed:
    """Form of the words of a Literal."""
    words = get_args(kind)
    return Listed(f"({'|'.join(words)})", f"one of {', '.join(words)}")


def _list(text: str) -> Any:
    return Field([], max_length=VALUES_MAX, description=f"{text}; several by commas or repeated.")


Name = Annotated[str, Listed("[0-9A-Za-z._-]+", "a name such as ES")]
Cursor = Annotated[
    str | None,
    Field(max_length=512, pattern="^[A-Za-z0-9_=-]+$"),
    WithJsonSchema({"type": "string", "format": CURSOR}),
]
Instant = Annotated[
    str | None, Field(max_length=40), WithJsonSchema({"type": "string", "format": INSTANT})
]
INSTANT_TEXT: Final = "RFC 3339 with an offset, a date (UTC), or ns since the epoch"

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

    root: list[Name] = _list("Root")
    from_: Instant = Field(
        None, alias="from", description=f"From it on, by `ts_event`: {INSTANT_TEXT}."
    )
    to: Instant = Field(None, description=f"Before it, by `ts_event`: {INSTANT_TEXT}.")
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

    side: list[Annotated[str, one_of(Side)]] = _list("Side that the flow is on")
    kind: list[Annotated[str, Listed("[a-z_]+", "a kind such as sweep")]] = _list("Kind")
    strength: list[Annotated[str, one_of(Strength)]] = _list("Strength")
    change: list[Annotated[str, one_of(Change)]] = _list("What the revision does to the signal")
    min_confidence: Share = Field(None, description="Probability at least.")
    view: Literal["revisions", "latest"] = Field(
        "revisions", description="Every revision, or of each signal its last."
    )


class SymbolQuery(NoQuery):
    """Which symbols."""

    root: list[Name] = _list("Root")


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
