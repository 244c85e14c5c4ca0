import pytest

from sinks.bars_config import BarsConfig


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"span_s": 7}, "span_s must be 10 to 86400 and divide the day, was 7"),
        ({"span_s": 700}, "span_s must be"),
        ({"partitions": 0}, "partitions must be 1 to 999"),
        ({"days": 0.5}, "days must be 0 or at least 1"),
        ({"days": float("nan")}, "days must be 0 or at least 1"),
        ({"flush_timeout_s": -1}, "flush_timeout_s must be at least 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(given, said):
    with pytest.raises(ValueError, match=said):
        BarsConfig(**given)
