import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.filters import FilterError
from sinks.store_cursor import CHARS_MAX, Place, cursor_of, place_of

QUESTION = {"stream": "signals", "filter": {"root": ["ES"]}, "latest": True}
PLACE = Place(1_710_338_400_123_456_789, "ES", "g1", 7, 2**62)


def test_a_cursor_comes_back_as_the_place_it_was_made_of():
    cursor = cursor_of(PLACE, QUESTION)
    assert place_of(cursor, QUESTION) == PLACE
    assert cursor.replace("-", "").replace("_", "").isalnum()
    assert len(cursor_of(Place(1, "R" * 64, "g" * 64, 1, 1), QUESTION)) < CHARS_MAX / 4


def test_a_cursor_of_another_question_is_refused():
    with pytest.raises(FilterError, match="cursor: expected one that a page of the same filter"):
        place_of(cursor_of(PLACE, QUESTION), QUESTION | {"latest": False})


@pytest.mark.parametrize("at", range(0, 100, 3))
def test_a_cursor_that_was_changed_is_refused(at):
    cursor = cursor_of(PLACE, QUESTION)
    at %= len(cursor)
    changed = cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :]
    with pytest.raises(FilterError):
        place_of(changed, QUESTION)


@given(st.text(max_size=40) | st.binary(max_size=60).map(lambda b: base64.b64encode(b).decode()))
def test_any_text_is_refused(text):
    with pytest.raises(FilterError):
        place_of(text, QUESTION)


def test_a_text_of_any_length_is_refused():
    with pytest.raises(FilterError):
        place_of("A" * 10_000_000, QUESTION)
