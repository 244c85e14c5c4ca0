import pytest

from sinks.relay.config import RelayConfig
from sinks.relay.door import Door, Refusal, Seat

TOKEN, OTHER = "the-token-of-the-desk", "the-token-of-somebody"
LOCAL = {"host": ["127.0.0.1:8765"]}
PUBLIC = RelayConfig(host="0.0.0.0", tokens={"desk": TOKEN, "other": OTHER})


CONFIG = RelayConfig()


def admit(config=CONFIG, target="/", peer="127.0.0.1", **headers):
    given = {name.replace("_", "-"): [value] for name, value in headers.items()}
    return Door(config).admit(target, {**LOCAL, **given}, peer)


def refused(found) -> tuple[int, str]:
    assert isinstance(found, Refusal)
    return found.status, found.text


def test_a_program_on_this_machine_comes_in_without_a_token():
    found = admit()
    assert isinstance(found, Seat)
    assert not found.needs_token


@pytest.mark.parametrize("target", ["/?token=abc", "/?", "/?a=b"])
def test_a_query_is_refused_and_says_where_a_token_belongs(target):
    status, text = refused(admit(target=target))
    assert status == 400
    assert "header Authorization or in the first message" in text
    assert "abc" not in text


@pytest.mark.parametrize("target", ["/push", "//", "/../", "", "http://127.0.0.1/"])
def test_another_path_is_not_found(target):
    assert refused(admit(target=target))[0] == 404


@pytest.mark.parametrize("name", ["host", "origin", "authorization"])
def test_a_header_twice_is_refused(name):
    headers = {**LOCAL, name: ["a", "b"]}
    assert refused(Door(RelayConfig()).admit("/", headers, "127.0.0.1"))[0] == 400


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example"])
def test_loopback_answers_to_its_own_names_only(host):
    assert refused(admit(host=host))[0] == 403


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://127.0.0.1:8080", True),
        ("http://localhost:8080", True),
        ("http://[::1]:8080", True),
        ("https://desk.example", True),
        ("http://127.0.0.1:8765", True),
        ("http://127.0.0.1:3000", False),
        ("http://127.0.0.1", False),
        ("http://evil.example:8080", False),
        ("https://desk.example.evil.example", False),
        ("http://127.0.0.1:99999", False),
        ("null", False),
        ("", False),
    ],
)
def test_pages_of_the_dashboard_and_of_named_origins_may_connect(origin, allowed):
    found = admit(RelayConfig(origins=("https://desk.example",)), origin=origin)
    assert isinstance(found, Seat) is allowed
    if not allowed:
        assert refused(found)[0] == 403


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://relay.example", True),
        ("http://relay.example:8080", True),
        ("https://evil.example", False),
        ("null", False),
    ],
)
def test_elsewhere_pages_of_the_same_host_may_connect(origin, allowed):
    found = admit(PUBLIC, host="relay.example:8765", origin=origin)
    assert isinstance(found, Seat) is allowed


def test_a_bearer_token_opens_and_a_wrong_one_does_not():
    found = admit(PUBLIC, authorization=f"Bearer {TOKEN}")
    assert isinstance(found, Seat)
    assert (found.holder, found.needs_token) == ("token desk", False)
    for wrong in (f"Bearer {TOKEN}x", "Bearer ", TOKEN, f"Basic {TOKEN}"):
        refusal = admit(PUBLIC, authorization=wrong)
        assert isinstance(refusal, Refusal)
        assert (refusal.status, list(refusal.headers)) == (401, ["WWW-Authenticate"])
        assert TOKEN not in refusal.text


def test_without_tokens_a_bearer_header_means_nothing():
    assert isinstance(admit(authorization="Bearer whatever"), Seat)


def test_a_browser_shows_its_token_inside():
    door = Door(PUBLIC)
    seat = door.admit("/", LOCAL, "10.0.0.7")
    assert isinstance(seat, Seat)
    assert (seat.holder, seat.needs_token) == ("address 10.0.0.7", True)
    claim = door.claim_for(seat)
    assert claim is not None
    refusal = claim("wrong")
    assert refusal is not None
    assert (refusal.code, refusal.reconnect_after_ms) == (4501, None)
    assert claim(OTHER) is None
    assert seat.holder == "token other"
    assert door.seats_taken == 1
    door.leave(seat)
    assert door.seats_taken == 0


def test_seats_are_bounded_per_token_and_per_address():
    door = Door(RelayConfig(host="0.0.0.0", tokens={"desk": TOKEN}, connections_per_key_max=1))
    bearer = {**LOCAL, "authorization": [f"Bearer {TOKEN}"]}
    first = door.admit("/", bearer, "10.0.0.7")
    assert refused(door.admit("/", bearer, "10.0.0.8"))[0] == 429
    waiting = door.admit("/", LOCAL, "10.0.0.7")
    assert isinstance(waiting, Seat)
    assert refused(door.admit("/", LOCAL, "10.0.0.7"))[0] == 429
    claim = door.claim_for(waiting)
    assert claim is not None
    refusal = claim(TOKEN)
    assert refusal is not None
    assert (refusal.code, refusal.reconnect_after_ms) == (4029, 10_000)
    assert isinstance(first, Seat)
    door.leave(first)
    assert claim(TOKEN) is None


def test_on_loopback_a_proxy_stands_for_many_but_seats_end():
    door = Door(RelayConfig(connections_per_key_max=1, clients_max=3))
    seats = [door.admit("/", LOCAL, "127.0.0.1") for _ in range(3)]
    assert all(isinstance(seat, Seat) for seat in seats)
    refusal = door.admit("/", LOCAL, "127.0.0.1")
    assert refused(refusal) == (503, "expected at most 3 clients")
    assert isinstance(refusal, Refusal)
    assert refusal.headers["Retry-After"] == "10"


def test_nobody_comes_in_while_it_closes():
    door = Door(RelayConfig())
    door.is_closing = True
    assert refused(door.admit("/", LOCAL, "127.0.0.1"))[0] == 503
