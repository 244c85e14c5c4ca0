"""The OpenAPI 3.1 document: FastAPI's routes, and the streams' own schemas as components."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from operators.model.streams import VALUE_TYPES
from sinks.relay.api.components import ref, stream_schemas
from sinks.relay.api.problems import MEDIA_TYPE, SCHEMA
from sinks.relay.api.rows import row_schemas
from sinks.relay.api.security import needs_token

DESCRIPTION: Final = (
    "Read-only. Numbers that JSON would lose are decimal strings: instants and order ids as "
    "integers, prices in points. Every error is problem+json."
)
_PROBLEMS: Final = {
    401: "No valid token, where tokens are set.",
    403: "For another host.",
    413: "It has a body.",
    414: "Path and query are too long.",
    422: "A parameter was refused; the answer names it.",
    429: "Too many requests; Retry-After says when to come back.",
    500: "A fault on our side.",
}


def problems(*further: int) -> dict[int | str, dict[str, Any]]:
    """FastAPI's `responses` of every route; `further`: of 404 and 503, those a route can give."""
    texts = {404: "There is none of that name.", 503: "Not now; Retry-After says when."}
    chosen = _PROBLEMS | {status: texts[status] for status in further}
    return {
        status: {"description": text, "content": {MEDIA_TYPE: {"schema": ref("Problem")}}}
        for status, text in sorted(chosen.items())
    }


def install(app: FastAPI, *, has_tokens: bool) -> None:
    """Let the application describe itself; the document is made once."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app, has_tokens=has_tokens)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI, *, has_tokens: bool) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=DESCRIPTION,
        routes=app.routes,
    )
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    schemas.update(stream_schemas())
    schemas.update(row_schemas(tuple(VALUE_TYPES)))
    schemas["Problem"] = SCHEMA
    if has_tokens:
        components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
        for path, operations in document["paths"].items():
            for operation in operations.values():
                operation["security"] = [{"bearer": []}] if needs_token(path) else []
    return document
