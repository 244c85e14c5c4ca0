"""Rows: published messages as answers, the bytes of their values untouched."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

import orjson
from fastapi import Request
from fastapi.responses import Response

from sinks.published import Published
from sinks.relay.api.components import name_of, ref
from sinks.relay.api.frames import EPOCH, NS, SEQ

NDJSON: Final = "application/x-ndjson"
Form = Literal["json", "ndjson"]


def row(message: Published) -> bytes:
    """One message as a JSON object: the relay's `update` without what only a stream has."""
    head = orjson.dumps(
        {
            "channel": message.stream,
            "root": message.root,
            "epoch": message.generation,
            "seq": message.seq,
            "ts_published_ns": str(message.ts_published_ns),
        }
    )
    return b'%b,"data":%b}' % (head[:-1], message.value)


def rows_response(
    request: Request, messages: Iterable[Published], after: str | None, form: Form = "json"
) -> Response:
    """A page of messages; `after` is the cursor of the next one, None on the last.

    As ndjson the cursor is in the Link header alone, one object a line in the body.
    """
    rows = [row(message) for message in messages]
    headers = {}
    if after is not None:
        following = request.url.include_query_params(cursor=after)
        headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
    if form == "ndjson":
        body = b"".join(line + b"\n" for line in rows)
        return Response(body, media_type=NDJSON, headers=headers)
    body = b'{"items":[%b],"next":%b}' % (b",".join(rows), orjson.dumps(after))
    return Response(body, media_type="application/json", headers=headers)


def row_schema(stream: str) -> dict[str, Any]:
    """Schema of what `row` writes."""
    return {
        "title": f"{name_of(stream)}Row",
        "description": "A message with its place: channel, root, generation (epoch) and seq.",
        "type": "object",
        "properties": {
            "channel": {"const": stream},
            "root": {"type": "string"},
            "epoch": EPOCH,
            "seq": SEQ,
            "ts_published_ns": NS
            | {"description": "Wall clock when it was handed over; 0 unknown."},
            "data": ref(name_of(stream)),
        },
        "required": ["channel", "root", "epoch", "seq", "ts_published_ns", "data"],
    }


def page_schema(stream: str) -> dict[str, Any]:
    """Schema of what `rows_response` writes as JSON."""
    return {
        "title": f"{name_of(stream)}Page",
        "type": "object",
        "properties": {
            "items": {"type": "array", "items": ref(f"{name_of(stream)}Row")},
            "next": {
                "type": ["string", "null"],
                "description": "Parameter `cursor` of the next page; null on the last.",
            },
        },
        "required": ["items", "next"],
    }


def row_schemas(streams: Sequence[str]) -> dict[str, Any]:
    """Component → schema of the rows and pages of streams."""
    forms = [form for stream in streams for form in (row_schema(stream), page_schema(stream))]
    return {form["title"]: form for form in forms}


def page_of(stream: str, text: str, *, ndjson: bool = True) -> dict[int | str, dict[str, Any]]:
    """FastAPI's `responses` of a route that answers with a page of a stream."""
    name = name_of(stream)
    content: dict[str, Any] = {"application/json": {"schema": ref(f"{name}Page")}}
    if ndjson:
        content[NDJSON] = {
            "schema": {"type": "string", "description": f"One {name}Row a line."},
        }
    link = {"description": "The next page, rel=next.", "schema": {"type": "string"}}
    return {200: {"description": text, "content": content, "headers": {"Link": link}}}


def row_of(stream: str) -> dict[int | str, dict[str, Any]]:
    """FastAPI's `responses` of a route that answers with one row of a stream."""
    content = {"application/json": {"schema": ref(f"{name_of(stream)}Row")}}
    return {200: {"description": "The row.", "content": content}}
