"""Errors as RFC 9457 problem details: every answer from 400 up is one, and shows no trace."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from operators.model.errors import IfdError

MEDIA_TYPE: Final = "application/problem+json"
FOUND_CHARS_MAX: Final = 60
"""What was found is told back cut to this."""

SCHEMA: Final[dict[str, Any]] = {
    "title": "Problem",
    "description": "RFC 9457 problem details.",
    "type": "object",
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "Names the kind of problem."},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "What was wrong and what to do."},
        "errors": {
            "description": "One entry for each parameter that was refused.",
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "detail": {"type": "string"}},
                "required": ["name", "detail"],
            },
        },
    },
    "required": ["type", "title", "status", "detail"],
}


class Problem(IfdError):
    """An answer that is an error; raise it anywhere below a route."""

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[Mapping[str, str]] = (),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        """Last part of the `type`, such as `rate-limited`."""
        self.detail = detail
        self.headers = dict(headers or {})
        self.errors = tuple(errors)


def problem_response(problem: Problem) -> Response:
    """The problem as an answer; never cached."""
    body: dict[str, Any] = {
        "type": f"urn:ifd:problem:{problem.kind}",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
    }
    if problem.errors:
        body["errors"] = problem.errors
    return Response(
        orjson.dumps(body),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers={"Cache-Control": "no-store"} | problem.headers,
    )


def unavailable(kind: str, detail: str, retry_after_s: int = 1) -> Problem:
    """503: worth trying again after `retry_after_s`, whole seconds."""
    return Problem(503, kind, detail, headers={"Retry-After": str(retry_after_s)})


def fault() -> Problem:
    """500, which tells nothing."""
    return Problem(500, "internal", "a fault on our side; it is in the relay's log")


def refused(name: str, detail: str) -> Problem:
    """422: one parameter is not what it must be."""
    return Problem(
        422, "parameter", f"{name}: {detail}", errors=({"name": name, "detail": detail},)
    )


def shown(found: object) -> str:
    """What a client sent, as an error text may repeat it: quoted and short."""
    text = repr(str(found))
    return text if len(text) <= FOUND_CHARS_MAX else f"{text[:FOUND_CHARS_MAX]}…"


def install(app: FastAPI) -> None:
    """Make problems of all that routes, router and validation raise."""

    async def on_problem(_request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return problem_response(error)

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return problem_response(_of_http(request, error))

    async def on_validation(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return problem_response(_of_validation(error))

    async def on_fault(_request: Request, _error: Exception) -> Response:
        return problem_response(fault())

    app.add_exception_handler(Problem, on_problem)
    # Answers, and lets the exception go on to the guard, which logs and counts it.
    app.add_exception_handler(Exception, on_fault)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_validation)


def _of_http(request: Request, error: HTTPException) -> Problem:
    match error.status_code:
        case 404:
            detail = "nothing is here; /openapi.json lists what there is"
        case 405:
            detail = f"{request.method} is not allowed: everything here is read with GET or HEAD"
        case _:
            detail = str(error.detail)
    phrase = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
    return Problem(error.status_code, phrase, detail, headers=error.headers)


def _of_validation(error: RequestValidationError) -> Problem:
    errors = [
        # ("query", name) or, of one value of several, ("query", name, index).
        {"name": str(item["loc"][1]), "detail": _detail(item)}
        for item in error.errors()[:20]
    ]
    detail = "; ".join(f"{item['name']}: {item['detail']}" for item in errors)
    return Problem(422, "parameter", detail, errors=errors)


def _detail(item: Mapping[str, Any]) -> str:
    if item["type"] == "extra_forbidden":
        # What an unknown parameter held is not repeated: it may be a token gone astray.
        return "there is no such parameter"
    said = item["msg"]
    if item["type"] == "string_pattern_mismatch":
        said = f"expected what matches {item['ctx']['pattern']}"
    elif item["type"] == "value_error":
        said = str(item["ctx"]["error"])
    return f"{said}, found {shown(item['input'])}"
