import pytest

from sinks.relay.api.config import HttpConfig
from tests.sinks.relay.api.asking import ask, problem
from tests.sinks.relay.api.world import filled


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("/v1/signals?side=up", "side"),
        ("/v1/signals?side=buy,up", "side"),
        ("/v1/signals?sides=buy", "sides"),
        ("/v1/signals?limit=0", "limit"),
        ("/v1/signals?limit=1001", "limit"),
        ("/v1/signals?limit=99999999999999999999999999", "limit"),
        ("/v1/signals?limit=1e3", "limit"),
        ("/v1/signals?limit=1&limit=2", "limit"),
        ("/v1/signals?min_confidence=nan", "min_confidence"),
        ("/v1/signals?min_confidence=inf", "min_confidence"),
        ("/v1/signals?min_confidence=1.1", "min_confidence"),
        ("/v1/signals?root=ES'%3B%20DROP%20TABLE%20messages--", "root"),
        ("/v1/signals?root=ES%27%20OR%201=1", "root"),
        ("/v1/signals?root=%C3%9C%E2%82%AC", "root"),
        ("/v1/signals?kind=%00", "kind"),
        ("/v1/signals?root=", "root"),
        ("/v1/signals?from=yesterday", "from"),
        ("/v1/signals?cursor=%27", "cursor"),
        ("/v1/signals?cursor=AAAA", "cursor"),
        ("/v1/signals?cursor=" + "A" * 600, "cursor"),
        ("/v1/signals?format=xml", "format"),
        ("/v1/signals/..%00", "id"),
        ("/v1/executions?side=buy", "side"),
        ("/v1/healthz", None),
        ("/healthz?x=1", "x"),
        ("/v1/signals/%F0%9F%98%80", "id"),
    ],
)
def test_a_parameter_that_is_none_is_named(target, name):
    answer = ask(filled().app(), target)
    body = problem(answer)
    if name is None:
        assert answer.status_code == 404
    else:
        assert answer.status_code == 422
        assert [error["name"] for error in body["errors"]] == [name]
        assert len(body["detail"]) < 400


def test_a_token_gone_astray_is_not_repeated():
    answer = ask(filled().app(), "/v1/signals?token=s3cret")
    assert "token" in problem(answer)["detail"]
    assert "s3cret" not in answer.text


def test_many_and_long_values_are_refused_or_answered_but_never_a_fault():
    app = filled().app(HttpConfig(burst=1000, target_bytes_max=100_000))
    for query in (
        "root=ES&" * 32,
        "root=ES&" * 33,
        "&" * 5_000,
        "a=1&" * 900,
        "limit=" + "9" * 5_000,
    ):
        assert ask(app, f"/v1/signals?{query}").status_code in (200, 422)
    assert ask(filled().app(), "/v1/signals?" + "root=ES&" * 1_000).status_code == 414


def test_what_was_expected_and_found_is_told():
    body = problem(ask(filled().app(), "/v1/signals?side=buy,up"))
    detail = "expected one of buy, sell, none, found 'buy,up'"
    assert body["errors"] == [{"name": "side", "detail": detail}]
    assert body["detail"] == f"side: {detail}"


def test_a_value_with_a_line_break_at_its_end_is_another():
    assert ask(filled().app(), "/v1/signals?side=buy%0A").status_code == 422
    assert ask(filled().app(), "/v1/signals?cursor=a%0A").status_code == 422
