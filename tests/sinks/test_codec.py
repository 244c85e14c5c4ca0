from dataclasses import replace

import numpy as np
import orjson
import pytest

from operators.model.streams import GAPS, SIGNALS, VALUE_TYPES, Message
from sinks.codec import encode
from tests.sinks.messages import EXAMPLES, GAP, SIGNAL, TS


def written(message):
    return orjson.loads(encode(message))


def test_the_bytes_of_a_gap_are_these():
    assert encode(Message(GAPS, "ES", 3, GAP)) == (
        b'{"stream":"gaps","root":"ES","seq":3,"feed":"cme","instrument_id":5602,"symbol":"ESH4",'
        b'"ts_event":"1710338400123456789","sequence":12,"change":"opened","reason":"crossed",'
        b'"text":"bid 4811 at or above ask 4810.75","ts_from":null,"ts_to":null}'
    )


def test_instants_that_are_known_are_text_like_all_others():
    gap = written(Message(GAPS, "ES", 3, replace(GAP, ts_from=TS, ts_to=0)))
    assert (gap["ts_from"], gap["ts_to"]) == (str(TS), "0")


def test_there_is_an_example_of_every_stream():
    assert {message.stream for message in EXAMPLES} == set(VALUE_TYPES)


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: message.stream)
def test_equal_messages_give_equal_bytes(message):
    again = Message(message.stream, message.root, message.seq, replace(message.value))
    assert encode(again) == encode(message)
    assert list(written(message))[:3] == ["stream", "root", "seq"]


def test_what_json_numbers_lose_is_text():
    signal = written(Message(SIGNALS, "ES", 1, SIGNAL))
    assert signal["ts_event"] == str(TS)
    assert signal["price"] == "-0.25"
    assert signal["contract"]["tick"] == "0.25"
    assert signal["evidence"][0]["order_ids"] == ["18446744073709551615", "7"]
    assert signal["evidence"][0]["z"] is None


def test_floats_are_rounded_and_have_no_negative_zero():
    signal = written(Message(SIGNALS, "ES", 1, replace(SIGNAL, log_odds=-1e-9, quality=2 / 3)))
    assert (signal["log_odds"], str(signal["log_odds"])) == (0.0, "0.0")
    assert signal["quality"] == 0.666667


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_float_that_is_not_finite_is_our_mistake(value):
    with pytest.raises(AssertionError, match="not finite"):
        encode(Message(SIGNALS, "ES", 1, replace(SIGNAL, log_odds=value)))


def test_another_root_inside_is_our_mistake():
    with pytest.raises(AssertionError, match="another root"):
        encode(Message(SIGNALS, "NQ", 1, SIGNAL))


def test_numpy_scalars_write_as_python_numbers_do():
    plain = replace(GAP, instrument_id=7, ts_event=TS)
    numpy = replace(GAP, instrument_id=np.uint32(7), ts_event=np.uint64(TS))
    assert encode(Message(GAPS, "ES", 1, numpy)) == encode(Message(GAPS, "ES", 1, plain))
    exact = replace(SIGNAL, log_odds=1.0000005, price_e9=5)
    scalar = replace(SIGNAL, log_odds=np.float64(1.0000005), price_e9=np.int64(5))
    assert encode(Message(SIGNALS, "ES", 1, scalar)) == encode(Message(SIGNALS, "ES", 1, exact))


def test_a_mapping_is_written_in_the_order_of_its_keys():
    pressure = EXAMPLES[4].value
    instrument = pressure.instruments[0]
    turned = replace(instrument, windows=dict(reversed(instrument.windows.items())))
    assert encode(Message("pressure", "ES", 0, replace(pressure, instruments=(turned,)))) == encode(
        EXAMPLES[4]
    )
