import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.model.book_check import (
    VERIFY,
    BookCheck,
    orders_digest,
    verify_control,
    verify_of,
)
from operators.model.items import Control

ORDER = st.tuples(
    st.integers(0, 2**64 - 1),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(0, 2**32 - 1),
)


def check_of(orders) -> BookCheck:
    columns = list(zip(*orders, strict=True)) or [(), (), (), ()]
    kinds = (np.uint64, np.bool_, np.int64, np.uint32)
    arrays = [np.array(column, kind) for column, kind in zip(columns, kinds, strict=True)]
    return BookCheck(len(orders), orders_digest(*arrays))


@given(st.lists(ORDER, max_size=20), st.randoms(use_true_random=False), st.integers(0, 20))
def test_a_digest_knows_no_order_and_adds_up(orders, random, cut):
    shuffled = list(orders)
    random.shuffle(shuffled)
    assert check_of(orders) == check_of(shuffled)
    assert check_of(orders) == check_of(orders[:cut]) + check_of(orders[cut:])


@given(st.lists(ORDER, max_size=8), ORDER, ORDER)
def test_another_order_is_another_digest(orders, one, other):
    if one != other:
        assert check_of([*orders, one]) != check_of([*orders, other])
    assert check_of([*orders, one]) != check_of(orders)


@pytest.mark.parametrize("field", range(4))
def test_every_field_counts(field):
    order = [7, False, 5_000_000_000_000, 3]
    changed = list(order)
    changed[field] += 1
    assert check_of([order]).digest != check_of([changed]).digest


def test_an_empty_book_has_digest_zero():
    assert check_of([]) == BookCheck()


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**31), st.integers(0, 2**64 - 1))
def test_a_check_goes_through_the_stream(instrument_id, orders, digest):
    check = BookCheck(orders, digest)
    control = verify_control("f", 5, instrument_id, check)
    assert (control.name, control.feed, control.ts_event) == (VERIFY, "f", 5)
    assert verify_of(control) == (instrument_id, check)
    assert len(control.value) < 100


@pytest.mark.parametrize("value", ["", "[]", "{}", "null", '{"orders":1,"digest":5}'])
def test_what_cannot_be_read_is_no_check(value):
    assert verify_of(Control("f", 5, VERIFY, value)) is None
