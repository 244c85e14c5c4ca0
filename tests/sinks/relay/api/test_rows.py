from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from fastapi import Request
from jsonschema import Draft202012Validator

from operators.model.streams import EVENT_STREAMS, VALUE_TYPES
from sinks.published import published
from sinks.relay.api.components import stream_schemas
from sinks.relay.api.rows import row, row_schemas, rows_response
from tests.sinks.messages import EXAMPLES

SCHEMAS = {"components": {"schemas": {**stream_schemas(), **row_schemas(tuple(VALUE_TYPES))}}}


def request(target):
    path, _, query = target.partition("?")
    server = {"server": ("localhost", 80), "headers": [], "scheme": "http"}
    return Request({"type": "http", "path": path, "query_string": query.encode()} | server)


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: message.stream)
def test_a_row_holds_the_value_byte_for_byte_and_is_what_the_schema_says(message):
    one = published(message, "g1", 1_000, 5)
    assert one.value in row(one)
    form = SCHEMAS | {"$ref": f"#/components/schemas/{VALUE_TYPES[message.stream].__name__}Row"}
    found = orjson.loads(row(one))
    Draft202012Validator(form).validate(found)
    assert (found["epoch"], found["seq"], found["ts_published_ns"]) == ("g1", message.seq, "5")


def test_a_page_has_its_rows_and_the_cursor_of_the_next():
    rows = [published(m, "g1", 1, 2) for m in EXAMPLES if m.stream in EVENT_STREAMS]
    answer = rows_response(request("/v1/x?side=buy&cursor=a"), rows, "b")
    body = orjson.loads(answer.body)
    assert [item["channel"] for item in body["items"]] == [one.stream for one in rows]
    assert body["next"] == "b"
    link = urlsplit(answer.headers["link"].partition(">")[0].removeprefix("<"))
    assert link.path == "/v1/x"
    assert parse_qs(link.query) == {"side": ["buy"], "cursor": ["b"]}
    assert 'rel="next"' in answer.headers["link"]


def test_the_last_page_has_no_next():
    answer = rows_response(request("/v1/x"), [], None)
    assert orjson.loads(answer.body) == {"items": [], "next": None}
    assert "link" not in answer.headers


def test_ndjson_is_one_row_a_line():
    rows = [published(m, "g1", 1, 2) for m in EXAMPLES]
    answer = rows_response(request("/v1/x"), rows, None, "ndjson")
    assert [orjson.loads(line)["seq"] for line in answer.body.splitlines()] == [
        m.seq for m in EXAMPLES
    ]
