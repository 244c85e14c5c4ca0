import itertools

import pytest
from databento.common.cram import get_challenge_response
from databento.live.gateway import AuthenticationRequest, SubscriptionRequest
from databento_dbn import Schema, SType
from hypothesis import given
from hypothesis import strategies as st

from connectors.databento.control import (
    LINE_BYTES_MAX,
    Authentication,
    Lines,
    Subscription,
    answer,
    format_line,
    is_answer,
    parse_line,
)
from operators.model.errors import DecodeError

KEY = "db-0123456789abcdefghijklmnopqrs"


def test_the_answer_is_the_clients_own():
    assert answer("challenge", KEY) == get_challenge_response("challenge", KEY)
    assert is_answer(get_challenge_response("challenge", KEY), "challenge", KEY)
    assert not is_answer(get_challenge_response("challenge", KEY), "another", KEY)
    assert KEY[:-5] not in answer("challenge", KEY)


def test_python_s_authentication_is_understood():
    request = AuthenticationRequest(
        auth=answer("c", KEY), dataset="GLBX.MDP3", ts_out="1", heartbeat_interval_s=7
    )
    told = Authentication.parse(parse_line(bytes(request).strip(b"\n")))
    assert told.auth == answer("c", KEY)
    assert (told.dataset, told.encoding, told.ts_out) == ("GLBX.MDP3", "dbn", True)
    assert (told.compression, told.heartbeat_interval_s) == ("none", 7)
    assert told.client.startswith("Databento/")


def test_fields_may_come_in_another_order_and_be_unknown():
    line = b"client=Rust 0.40|ts_out=0|new_field=1|encoding=dbn|dataset=GLBX.MDP3|auth=x-12345"
    told = Authentication.parse(parse_line(line))
    assert (told.auth, told.heartbeat_interval_s, told.client) == ("x-12345", None, "Rust 0.40")


@pytest.mark.parametrize("line", [b"start_session", b"start_session=0", b"start_session=0\r"])
def test_a_session_is_started_with_or_without_a_value(line):
    assert "start_session" in parse_line(line)


def test_python_s_subscription_is_understood():
    request = SubscriptionRequest(
        schema=Schema.MBO,
        stype_in=SType.PARENT,
        symbols="ES.FUT,NQ.FUT",
        start=12,
        snapshot=0,
        id=3,
        is_last=0,
    )
    assert Subscription.parse(parse_line(bytes(request).strip())) == Subscription(
        schema="mbo",
        stype_in="parent",
        symbols=("ES.FUT", "NQ.FUT"),
        start_ns=12,
        id=3,
        is_last=False,
    )


def test_what_is_left_out_has_its_default():
    told = Subscription.parse(parse_line(b"schema=mbo|stype_in=raw_symbol|symbols=ESZ6|snapshot=1"))
    assert (told.start_ns, told.snapshot, told.id, told.is_last) == (None, True, None, True)


def test_a_start_may_be_written_as_a_date():
    told = Subscription.parse({"schema": "mbo", "symbols": "A", "start": "2026-04-06T13:30:00"})
    assert told.start_ns == 1_775_482_200_000_000_000


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"symbols": "A"}, "field schema"),
        ({"schema": "mbo"}, "field symbols"),
        ({"schema": "mbo", "symbols": ","}, "at least one"),
        ({"schema": "mbo", "symbols": "A", "stype_in": "isin"}, "'isin'"),
        ({"schema": "mbo", "symbols": "A", "snapshot": "yes"}, "'yes'"),
        ({"schema": "mbo", "symbols": "A", "start": "soon"}, "'soon'"),
        ({"schema": "mbo", "symbols": "A", "id": "-1"}, "id was '-1'"),
    ],
)
def test_a_subscription_without_meaning_is_refused_by_field(fields, found):
    with pytest.raises(DecodeError, match=found):
        Subscription.parse(fields)


@pytest.mark.parametrize("line", [b"\xff\xfe", b"a=1|a=2", b"|a=1", b"", b"|".join([b"a=1"] * 99)])
def test_lines_that_are_none_are_refused(line):
    with pytest.raises(DecodeError):
        parse_line(line)


@given(st.binary(max_size=200), st.lists(st.integers(0, 200)))
def test_lines_come_the_same_however_they_are_cut(data, cuts):
    lines = Lines()
    bounds = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[a:b] for a, b in itertools.pairwise(bounds)]
    found = [line for piece in pieces for line in lines.feed(piece)]
    assert found == [line.removesuffix(b"\r") for line in data.split(b"\n")[:-1]]


def test_a_line_without_end_is_refused_before_it_fills_memory():
    lines = Lines()
    for _ in range(LINE_BYTES_MAX // 1024):
        assert lines.feed(b"x" * 1024) == []
    with pytest.raises(DecodeError, match=str(LINE_BYTES_MAX)):
        lines.feed(b"x")


@given(st.binary(max_size=300))
def test_no_line_makes_more_than_an_error(line):
    try:
        fields = parse_line(line)
        Subscription.parse(fields)
        Authentication.parse(fields)
    except DecodeError:
        pass


def test_a_line_is_written_as_it_is_read():
    fields = {"success": "1", "session_id": "5"}
    assert format_line(fields) == b"success=1|session_id=5\n"
    assert parse_line(format_line(fields)) == fields
