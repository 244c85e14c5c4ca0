import pytest

from operators.detectors.synthetic_iceberg_config import SyntheticIcebergConfig
from tests.evaluations import BID, e9, execution, fill
from tests.operators.detectors.looks import evidence


def icebergs(*rows, **settings):
    return evidence("synthetic_iceberg", rows, SyntheticIcebergConfig(**settings))


def filled(s, order_id, size, follows=0, side=1, **more):
    """An order is filled to the last; it had followed another."""
    one = fill(order_id, size, side=side, whole=size, follows=follows)
    near = {30: {"add_bid": 40, "add_ask": 40}}
    return execution(s, -side, size, fills=[one], windows=near, **more)


def usual(orders=200):
    """Filled orders of a market in which twelve lots are rare."""
    return [filled(n / 100, 1_000 + n, 1 + n % 4) for n in range(orders)]


def chain(tranches, size=12, start=10.0, first=1, **more):
    return [
        filled(start + n, first + n, size, first + n - 1 if n else 0, **more)
        for n in range(tranches)
    ]


def test_the_third_tranche_makes_an_iceberg_and_bids_buy():
    (one,) = icebergs(*usual(), *chain(3))
    assert (one.side, one.size, one.measure, one.unit) == ("buy", 36, 3.0, "tranches")
    assert (one.order_ids, one.price_e9, one.group) == ((1, 2, 3), e9(BID), "passive")
    assert (one.structural, one.tail_p, one.threshold) == (True, None, 3.0)
    assert one.text == (
        "Synthetic iceberg on the bid of 1 at 4810: 3 orders of 12 lots, each within 0.3 s"
        " after the one before was filled"
    )


def test_offers_sell():
    (one,) = icebergs(*usual(), *chain(3, side=-1))
    assert (one.side, one.text[:27]) == ("sell", "Synthetic iceberg on the ask"[:27])


def test_a_pair_is_chance():
    assert icebergs(*usual(), *chain(2)) == []


def test_orders_of_the_usual_size_follow_each_other_all_the_time():
    assert icebergs(*usual(), *chain(4, size=2)) == []


def test_three_pairs_are_no_chain():
    rows = [row for n in range(3) for row in chain(2, start=10.0 + 5 * n, first=1 + 10 * n)]
    assert icebergs(*usual(), *rows) == []


def test_it_is_told_again_when_tranches_have_doubled():
    told = icebergs(*usual(), *chain(25))
    assert [one.measure for one in told] == [3.0, 6.0, 12.0, 24.0]
    assert told[-1].order_ids == tuple(range(1, 21))
    assert told[-1].strength == 6.0


def test_another_instrument_with_the_same_ids_is_another_chain():
    first, second, third = chain(3)
    elsewhere = filled(11.5, 3, 12, follows=2, instrument_id=2)
    assert icebergs(*usual(), first, elsewhere, third) == []
    assert len(icebergs(*usual(), first, second, elsewhere, third)) == 1


def test_a_dirty_book_breaks_the_chain():
    rows = chain(4)
    rows[2] = filled(12.0, 3, 12, follows=2, dirty=True)
    assert icebergs(*usual(), *rows) == []


def test_each_setting_counts():
    rows = [*usual(), *chain(3)]
    assert icebergs(*rows, tranches_min=4) == []
    assert icebergs(*rows, p_max=1e-5) == []
    assert icebergs(*rows, burst=30.0) == []
    other = [row for n in range(3) for row in chain(2, start=9.5 + n, first=50 + 10 * n)]
    mixed = sorted([*rows, *other], key=lambda row: row.fields["ts_event"])
    assert len(icebergs(*mixed)) == 1
    assert icebergs(*mixed, chains_max=1) == []


@pytest.mark.parametrize("size", [2, 3, 5, 12, 80])
def test_the_chance_is_that_of_plain_counting(size):
    rows = [*usual(), *chain(9, size=size)]
    sizes = [1 + n % 4 for n in range(200)] + [size]
    alike = sum(min(one, 64) == min(size, 64) for one in sizes)
    mean = (sum(sizes) + size) / (len(sizes) + 1)
    link = min(1.0, 3.0 * 40 / mean * 0.01 * (alike + 1) / (len(sizes) + 1))
    told = {one.measure: one.strength for one in icebergs(*rows)}
    first = next((n for n in range(3, 10) if link ** (n - 1) <= 1e-4), None)
    assert min(told, default=None) == first
