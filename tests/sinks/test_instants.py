import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.instants import NS_MAX, date_text, instant_of, instant_text

DAY_NS = 86_400_000_000_000


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("1970-01-02", DAY_NS),
        ("1970-01-02T00:00:00Z", DAY_NS),
        ("1970-01-02t00:00:00z", DAY_NS),
        ("1970-01-02T01:00:00+01:00", DAY_NS),
        ("1970-01-01T18:00:00.5-06:00", DAY_NS + 500_000_000),
        ("1970-01-02T00:00:00.123456789Z", DAY_NS + 123_456_789),
        ("1710338400123456789", 1_710_338_400_123_456_789),
        ("0", 0),
    ],
)
def test_an_instant_may_be_written_in_three_ways(text, ns):
    assert instant_of(text) == ns


@pytest.mark.parametrize(
    "text",
    [
        "", "yesterday", "20240313", "1710338400", "2026-01-05T14:30:00", "2026-01-05T14:30Z",
        "2026-01-05T14:30:00.1234567890Z", "2026-02-30", "2026-01-05T24:30:00Z", "1969-12-31",
        "2300-01-01", "9" * 19, "9" * 30, "-1", "٣" * 19, "2026-01-05T14:30:00+99:00", "0000-01-01",
    ],
)  # fmt: skip
def test_what_is_no_instant_of_a_market_is_refused(text):
    with pytest.raises(ValueError, match="expected RFC 3339"):
        instant_of(text)


@given(st.integers(0, NS_MAX))
def test_text_of_an_instant_reads_as_the_same_one(ns):
    assert instant_of(instant_text(ns)) == ns
    assert instant_text(ns).startswith(date_text(ns))
