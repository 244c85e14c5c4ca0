import json

import pytest

from examples.errors import Malformed
from examples.message import Position, message, point_value, position, price
from sinks.codec import encode
from sinks.kafka_config import KafkaConfig
from sinks.kafka_headers import headers
from sinks.outbox import entry
from tests.examples.given import execution, signal

CONFIG = KafkaConfig(generation="g1", generation_ts_ms=7)
AT = Position("g1", 7, "signals", "ES", 3)


def sent(item, now_ns=9):
    value = encode(item)
    found = entry(item.stream, item.root, item.seq, item.value.ts_event, value)
    return dict(headers(found, CONFIG, now_ns)), value


@pytest.mark.parametrize("item", [signal(3), execution(3)], ids=["signal", "execution"])
def test_what_the_sink_writes_is_read(item):
    head, value = sent(item)
    at = position(head, b"ES")
    assert at == Position("g1", 7, item.stream, "ES", 3)
    found = message(at, head, value)
    assert found.value == json.loads(value)
    assert found.ts_published_ns == 9


def test_what_was_published_late_says_so():
    head, value = sent(signal(3))
    assert not message(AT, head, value).is_late
    assert message(AT, {**head, "ifd-late": b"true"}, value).is_late


def test_fields_that_a_later_minor_version_adds_are_ignored():
    head, value = sent(signal(3))
    later = {**json.loads(value), "sentiment": {"score": 1}, "venue": "GLBX"}
    assert message(AT, head, json.dumps(later).encode()).value["venue"] == "GLBX"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"ifd-schema": b"ifd.signals.v2"}, "header ifd-schema: expected .* found ifd.signals.v2"),
        ({"ifd-schema": b"\xff"}, "header ifd-schema: expected UTF-8"),
        ({"ifd-seq": b"0"}, "header ifd-seq: expected at least 1, found 0"),
        ({"ifd-seq": b"-3"}, "header ifd-seq: expected a number"),
        ({"ifd-seq": "³".encode()}, "header ifd-seq: expected a number"),
        ({"ifd-seq": b"9" * 5_000}, "header ifd-seq: expected a number"),
        ({"ifd-generation": b""}, "header ifd-generation: expected one, found none"),
        ({"ifd-generation-ts": b"x"}, "header ifd-generation-ts: expected a number"),
    ],
)
def test_a_header_that_is_not_understood_is_named(changes, text):
    head, _ = sent(signal(3))
    with pytest.raises(Malformed, match=text):
        position(head | changes, b"ES")


@pytest.mark.parametrize("key", [None, b"", b"\xff"])
def test_a_record_without_a_root_as_key_is_none(key):
    with pytest.raises(Malformed, match="key: expected"):
        position(sent(signal(3))[0], key)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"seq": 4}, "seq: expected 3 as in key and headers, found 4"),
        ({"root": "NQ"}, "root: expected ES"),
        ({"id": 7}, "id: expected str, found 7"),
        ({"revision": True}, "revision: expected int, found True"),
        ({"probability": "0.5"}, "probability: expected float"),
        ({"price": "5e3"}, "price: expected decimal text"),
        ({"price": None}, "price: expected decimal text, found null"),
        ({"price": 5000.25}, "price: expected decimal text"),
        ({"side": "up"}, "side: expected one of buy, sell, none, found up"),
        ({"action": "BUY"}, "action: expected one of"),
        ({"action": "SHORT"}, "action: SHORT on side buy"),
        ({"change": "reborn"}, "change: expected one of"),
        ({"ts_event": 5}, "ts_event: expected ns since the epoch as text"),
        ({"ts_event": "1.5"}, "ts_event: expected"),
        ({"contract": []}, "contract: expected an object"),
        ({"contract": {"symbol": "ESH4"}}, "instrument_id: expected int"),
        ({"evidence": [1]}, "evidence: expected objects, found int"),
        ({"evidence": [{}]}, "instrument_id: expected int, found None"),
    ],
)
def test_a_field_that_is_not_what_the_schema_says_is_named(changes, text):
    head, value = sent(signal(3))
    with pytest.raises(Malformed, match=text):
        message(AT, head, json.dumps(json.loads(value) | changes).encode())


@pytest.mark.parametrize("name", ["id", "side", "action", "change", "contract", "evidence", "size"])
def test_a_field_that_is_missing_is_named(name):
    head, value = sent(signal(3))
    found = json.loads(value)
    del found[name]
    with pytest.raises(Malformed, match=name):
        message(AT, head, json.dumps(found).encode())


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"probability": NaN}',
        b"[" * 100_000,
        b'{"seq": ' + b"9" * 5_000 + b"}",
        b"x" * 5_000_000,
    ],
    ids=["none", "empty", "torn", "list", "null", "bytes", "nan", "deep", "huge", "long"],
)
def test_a_value_that_is_no_object_is_malformed(value):
    with pytest.raises(Malformed, match=r"value: expected|stream: expected"):
        message(AT, {}, value)


def test_an_infinite_number_is_malformed():
    head, value = sent(signal(3))
    text = json.dumps(json.loads(value) | {"quality": 0.5}).replace("0.5", "1e999", 1)
    assert "1e999" in text
    with pytest.raises(Malformed, match="expected float, found inf"):
        message(AT, head, text.encode())


def test_prices_and_multipliers_are_exact():
    value = json.loads(encode(signal(3, price_e9=4_810_250_000_000)))
    assert str(price(value, "price")) == "4810.25"
    assert price({"price": None}, "price") is None
    assert point_value(value["contract"]) == 50
    assert point_value({"tick": "0.1", "tick_value": 10.0}) == 100
    assert point_value({"tick": None, "tick_value": 10.0}) is None
    assert point_value({"tick": "0.25", "tick_value": None}) is None
