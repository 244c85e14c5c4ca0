import pytest

from sinks.relay.api.security import (
    Tokens,
    bearer,
    cors_headers,
    host_allowed,
    needs_token,
    page_policy,
)


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8080", "LOCALHOST:1", "127.0.0.1:8080", "[::1]:8080"]
)
def test_loopback_answers_to_its_own_names(host):
    assert host_allowed(host, "127.0.0.1")


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "evil.example",
        "evil.example:8080",
        "127.0.0.1.evil.example",
        "localhost.",
        "127.0.0.2",
        "localhost:80:80",
        "localhost; x",
        "a@localhost",
    ],
)
def test_a_name_that_resolves_to_loopback_is_refused(host):
    assert not host_allowed(host, "127.0.0.1")


def test_a_relay_on_another_address_answers_to_any_name_but_to_no_nonsense():
    assert host_allowed("relay.example:443", "0.0.0.0")
    assert host_allowed("127.0.0.3", "127.0.0.3")
    assert not host_allowed("relay example", "0.0.0.0")


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Basic abc", None),
        ("Bearer", None),
        ("Bearer ", None),
        ("", None),
        (None, None),
    ],
)
def test_a_bearer_token_is_read(header, token):
    assert bearer(header) == token


def test_each_of_the_tokens_opens_and_nothing_else():
    tokens = Tokens(("one", "zwei-ü"))
    assert tokens
    assert tokens.match("one")
    assert tokens.match("zwei-ü")
    assert not tokens.match("on")
    assert not tokens.match("")
    assert not tokens.match(None)
    assert not tokens.match("\udcff")
    assert not Tokens(())
    assert not Tokens(("",)).match(None)


def test_data_needs_a_token_and_what_a_page_needs_first_does_not():
    assert all(map(needs_token, ("/v1", "/v1/signals", "/v1/none", "/v1/version/")))
    assert not any(map(needs_token, ("/", "/healthz", "/openapi.json", "/v1/version", "/v10")))


def test_a_page_may_talk_to_its_host_and_the_socket_beside_it_only():
    policy = page_policy("relay.example:8080", 8765)
    assert "connect-src 'self' ws://relay.example:8765 wss://relay.example:8765;" in policy
    assert "unsafe" not in policy
    assert "'self' ws://localhost:8765 " in page_policy("x; script-src *", 8765)


def test_only_an_allowed_origin_may_read():
    allowed = ("https://desk.example",)
    assert "Access-Control-Allow-Origin" not in cors_headers("https://evil.example", allowed)
    assert "Access-Control-Allow-Origin" not in cors_headers("null", allowed)
    headers = cors_headers("https://desk.example", allowed)
    assert headers["Access-Control-Allow-Origin"] == "https://desk.example"
    assert headers["Vary"] == "Origin"
