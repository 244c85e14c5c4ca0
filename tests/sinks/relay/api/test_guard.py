import logging

import pytest
from starlette.responses import PlainTextResponse

from sinks.relay.api.config import HttpConfig
from sinks.relay.api.guard import Guard, GuardCounters
from sinks.relay.api.problems import Problem
from tests.sinks.relay.api.asking import ask, problem

SECRET = "s3cret-token"


async def inner(scope, receive, send):
    if scope["path"] == "/fault":
        raise RuntimeError(f"password {SECRET}")
    if scope["path"] == "/problem":
        raise Problem(404, "not-found", "there is none")
    await PlainTextResponse("hello")(scope, receive, send)


def guard(**parts):
    config = HttpConfig(**{k: parts.pop(k) for k in list(parts) if k in HttpConfig.__slots__})
    given = {"bound": "127.0.0.1", "tokens": (), "origins": (), "counters": GuardCounters()}
    return Guard(inner, config=config, **(given | parts))


def test_every_answer_has_the_headers_of_a_careful_server():
    for path in ("/v1/x", "/problem"):
        headers = ask(guard(), path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers


def test_another_host_is_refused():
    counters = GuardCounters()
    answer = ask(guard(counters=counters), "/", host="evil.example")
    assert answer.status_code == 403
    assert "Host" in problem(answer)["detail"]
    assert counters.malformed == 1


@pytest.mark.parametrize(
    "headers",
    [None, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic x"}, {"Authorization": ""}],
)
def test_data_needs_the_token(headers):
    answer = ask(guard(tokens=(SECRET,)), "/v1/x", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert SECRET not in str(problem(answer))


def test_the_token_opens_and_a_token_in_the_query_does_not():
    app = guard(tokens=("another", SECRET))
    assert ask(app, "/v1/x", headers={"Authorization": f"Bearer {SECRET}"}).text == "hello"
    assert ask(app, f"/v1/x?token={SECRET}").status_code == 401
    assert ask(app, "/", headers={}).status_code == 200


def test_one_client_that_asks_too_often_waits_and_another_does_not():
    now = [0.0]
    counters = GuardCounters()
    app = guard(rate_per_s=1, burst=2, counters=counters, now_s=lambda: now[0])
    answers = [ask(app, "/v1/x") for _ in range(3)]
    assert [a.status_code for a in answers] == [200, 200, 429]
    assert answers[0].headers["ratelimit"] == '"client";r=1;t=0'
    assert answers[2].headers["retry-after"] == "1"
    problem(answers[2])
    assert ask(app, "/v1/x", address="127.0.0.9").status_code == 200
    assert ask(app, "/healthz").status_code == 200
    now[0] = 1.0
    assert ask(app, "/v1/x").status_code == 200
    assert counters.limited == 1


def test_tokens_cannot_be_guessed_faster_than_the_rate():
    app = guard(rate_per_s=0.1, burst=5, tokens=(SECRET,), now_s=lambda: 0.0)
    tried = [ask(app, "/v1/x", headers={"Authorization": f"Bearer {n}"}) for n in range(7)]
    assert [a.status_code for a in tried] == [401] * 5 + [429] * 2


def test_long_targets_and_bodies_are_refused():
    app = guard(target_bytes_max=300, body_bytes_max=10)
    assert ask(app, "/?" + "x" * 298).status_code == 200
    long = ask(app, "/?" + "x" * 300)
    assert long.status_code == 414
    problem(long)
    assert ask(app, "/", "GET", content=b"x" * 10).status_code == 200
    chunked = {"headers": {"Transfer-Encoding": "chunked"}}
    nonsense = {"headers": {b"Content-Length": b"\xb2"}}
    endless = {"headers": {"Content-Length": "9" * 5_000}}
    for sent in ({"content": b"x" * 11}, chunked, nonsense, endless):
        answer = ask(app, "/", **sent)
        assert answer.status_code == 413
        problem(answer)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
def test_nothing_can_be_changed(method):
    answer = ask(guard(), "/v1/x", method)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
    problem(answer)


def test_head_is_get_without_the_body():
    answer = ask(guard(), "/v1/x", "HEAD")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == "5"
    missing = ask(guard(), "/problem", "HEAD")
    assert (missing.status_code, missing.content) == (404, b"")


def test_options_says_what_is_allowed():
    answer = ask(guard(tokens=(SECRET,)), "/v1/x", "OPTIONS")
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"


def test_a_preflight_succeeds_for_an_allowed_origin_only():
    app = guard(tokens=(SECRET,), origins=("https://desk.example",))
    wanted = {"Access-Control-Request-Method": "GET"}
    good = ask(app, "/v1/x", "OPTIONS", headers=wanted | {"Origin": "https://desk.example"})
    assert good.status_code == 204
    assert good.headers["access-control-allow-origin"] == "https://desk.example"
    assert "Authorization" in good.headers["access-control-allow-headers"]
    bad = ask(app, "/v1/x", "OPTIONS", headers=wanted | {"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in bad.headers
    assert "access-control-allow-methods" not in bad.headers


def test_a_fault_of_ours_says_nothing_but_in_the_log(caplog):
    counters = GuardCounters()
    with caplog.at_level(logging.ERROR, "ifd.relay.http"):
        answer = ask(guard(counters=counters), "/fault")
    assert answer.status_code == 500
    assert SECRET not in answer.text
    assert "RuntimeError" not in answer.text
    problem(answer)
    assert counters.failed == 1
    assert len(caplog.records) == 1


def test_a_line_break_in_a_path_does_not_forge_a_line_of_the_log(caplog):
    with caplog.at_level(logging.ERROR, "ifd.relay.http"):
        ask(guard(), "/v1/x%0Afault")
        ask(guard(), "/fault")
    assert "\n" not in caplog.messages[0]
