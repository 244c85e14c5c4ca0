import pytest

from operators.model.streams import EVENT_STREAMS
from sinks.store_config import StoreConfig


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"url": "mysql://x:hush@y"}, "url must begin with sqlite:/// or postgresql://"),
        ({"partitions": 0}, "partitions must be at least 1"),
        ({"partitions": 1_000}, "partitions must be at most 999"),
        ({"flush_timeout_s": float("nan")}, "flush_timeout_s must be at least 0"),
        ({"signals_days": -1}, "signals_days must be at least 0"),
        ({"executions_days": 0.1}, "executions_days must be 0 or at least 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(given, said):
    with pytest.raises(ValueError, match=said) as refused:
        StoreConfig(**given)
    assert "hush" not in str(refused.value)


def test_a_password_is_in_no_repr():
    assert "hush" not in repr(StoreConfig(url="postgresql://ifd:hush@h/ifd"))


def test_every_event_stream_has_its_days():
    assert {stream: StoreConfig().days(stream) for stream in EVENT_STREAMS} == {
        "signals": 3_650, "outcomes": 3_650, "gaps": 365, "executions": 90
    }  # fmt: skip
