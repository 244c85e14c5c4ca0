import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.model.streams import EVENT_STREAMS, GAPS, PRESSURE, SIGNALS
from sinks.filters import ANY, NAMES, NAMES_OF, FilterError, SignalFilter, parse_filter

DAY_NS = 86_400_000_000_000


def test_every_name_has_its_part():
    found = parse_filter(
        {
            "root": ["ES,NQ", "CL"],
            "side": ["buy"],
            "kind": ["sweep"],
            "strength": ["high,LOW"],
            "change": ["retracted"],
            "generation": ["g1"],
            "min_confidence": ["0.8"],
            "from": ["1970-01-02"],
            "to": ["1970-01-03T00:00:00.000000001Z"],
        }
    )
    assert found == SignalFilter(
        root=("CL", "ES", "NQ"),
        side=("buy",),
        kind=("sweep",),
        strength=("HIGH", "LOW"),
        change=("retracted",),
        generation=("g1",),
        confidence_min=0.8,
        from_ns=DAY_NS,
        to_ns=2 * DAY_NS + 1,
    )
    assert parse_filter(found.words()) == found


@pytest.mark.parametrize("words", [{}, {"root": []}, {"root": ["", " , "]}, {"from": [""]}])
def test_no_words_are_no_condition(words):
    assert parse_filter(words) == ANY


def test_the_order_of_words_means_nothing():
    one = parse_filter({"root": ["NQ", "ES", "ES"], "from": ["1970-01-02"]})
    two = parse_filter({"from": ["1970-01-02T00:00:00Z"], "root": ["ES,NQ"]})
    assert one == two
    assert one.words() == {"root": ["ES", "NQ"], "from": ["1970-01-02T00:00:00.000000000Z"]}


@pytest.mark.parametrize(
    ("words", "name", "detail"),
    [
        ({"rot": ["ES"]}, "'rot'", "expected one of root, side"),
        ({"side": ["up"]}, "side", "expected one of buy, sell, none, found 'up'"),
        ({"strength": ["huge"]}, "strength", "expected one of LOW, MODERATE"),
        ({"root": ["E\x00S"]}, "root", "printable ASCII characters, found 'E\\x00S'"),
        ({"root": ["x" * 65]}, "root", "expected at most 64 printable"),
        ({"root": [",".join("ABC" * 40)]}, "root", "expected at most 64 values, found 120"),
        ({"min_confidence": ["1.1"]}, "min_confidence", "a number from 0 to 1, found '1.1'"),
        ({"min_confidence": ["nan"]}, "min_confidence", "expected a number from 0 to 1"),
        ({"min_confidence": ["0", "1"]}, "min_confidence", "expected one value, found 2"),
        ({"from": ["yesterday"]}, "from", "expected RFC 3339"),
        ({"from": ["1970-01-03"], "to": ["1970-01-03"]}, "to", "expected an instant after from"),
    ],
)
def test_what_is_no_filter_is_refused_by_name(words, name, detail):
    with pytest.raises(FilterError) as refused:
        parse_filter(words)
    assert refused.value.name == name
    assert detail in refused.value.detail
    assert str(refused.value) == f"{name}: {refused.value.detail}"


def test_a_stream_is_not_asked_for_what_its_messages_have_not():
    parse_filter({"root": ["ES"], "change": ["opened"]}).check(GAPS)
    with pytest.raises(FilterError, match="side: expected a filter of gaps") as refused:
        parse_filter({"side": ["buy"]}).check(GAPS)
    assert "signals and executions and outcomes" in str(refused.value)
    assert {*NAMES_OF} == {*EVENT_STREAMS, PRESSURE}
    assert NAMES_OF[SIGNALS] == NAMES


@given(st.dictionaries(st.sampled_from(NAMES) | st.text(), st.lists(st.text(), max_size=3)))
def test_any_words_are_a_filter_or_a_filter_error_in_one_harmless_line(words):
    try:
        found = parse_filter(words)
    except FilterError as refused:
        said = str(refused)
    else:
        said = ""
        assert parse_filter(found.words()) == found
    assert not said or said.isprintable()
    assert len(said) < 400
