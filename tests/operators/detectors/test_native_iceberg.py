from operators.detectors.native_iceberg_config import NativeIcebergConfig
from tests.evaluations import BID, e9, execution, fill
from tests.operators.detectors.looks import evidence


def icebergs(*rows, **settings):
    return evidence("native_iceberg", rows, NativeIcebergConfig(**settings))


def refill(s, order, refills, *, hidden=3, total=None, side=1, **more):
    total = hidden * refills if total is None else total
    fills = [fill(order, 5, side=side, hidden=hidden, hidden_total=total, refills=refills)]
    return execution(s, -side, 5, fills=fills, **more)


def test_the_second_refill_of_an_order_makes_an_iceberg_and_a_bid_buys():
    (one,) = icebergs(refill(1, 6412, 1), refill(2, 6412, 2))
    assert (one.side, one.size, one.measure, one.unit) == ("buy", 6, 2.0, "refills")
    assert (one.order_ids, one.price_e9, one.group) == ((6412,), e9(BID), "passive")
    assert one.structural
    assert one.text == "Iceberg on the bid of 1 at 4810: 2 refills, 6 hidden lots (order 6412)"


def test_an_iceberg_on_the_ask_sells():
    (one,) = icebergs(refill(1, 6412, 2, side=-1))
    assert (one.side, one.text[:18]) == ("sell", "Iceberg on the ask")


def test_it_is_told_again_when_refills_have_doubled():
    told = icebergs(*(refill(n, 1, n) for n in range(1, 18)))
    assert [int(one.measure) for one in told] == [2, 4, 8, 16]
    assert [one.strength for one in told] == [2.0, 3.0, 4.0, 5.0]


def test_one_refill_of_each_of_two_orders_is_none():
    assert icebergs(refill(1, 1, 1), refill(2, 2, 1)) == []


def test_much_hidden_size_is_one_whatever_the_refills():
    (one,) = icebergs(refill(1, 1, 1, hidden=100))
    assert (one.measure, one.threshold, one.unit, one.strength) == (100.0, 50.0, "hidden lots", 3.0)


def test_an_order_filled_without_hidden_size_is_none():
    """An order whose owner enlarged it between fills has refills of none."""
    plain = [fill(1, 5, hidden=0, hidden_total=0, refills=0) for _ in range(9)]
    assert icebergs(execution(1, -1, 45, fills=plain)) == []


def test_another_order_of_the_same_execution_is_not_taken_for_it():
    fills = [
        fill(1, 5, hidden=0, hidden_total=300, refills=30),
        fill(2, 5, hidden=2, hidden_total=2, refills=1),
    ]
    assert icebergs(execution(1, -1, 10, fills=fills)) == []


def test_with_a_baseline_a_rare_hidden_size_counts_at_once():
    row = refill(1, 1, 1, hidden=10, z={"hidden": 6.0}, tail_p={"hidden": 1e-5})
    (one,) = icebergs(row)
    assert (one.structural, one.z, one.tail_p, one.strength) == (False, 6.0, 1e-5, 5.0)
    assert icebergs(refill(1, 1, 1, hidden=10, z={"hidden": 1.0}, tail_p={"hidden": 0.1})) == []


def test_where_hidden_size_is_rare_a_little_of_it_is_no_iceberg():
    assert icebergs(refill(1, 1, 1, hidden=9, tail_p={"hidden": 1e-5})) == []


def test_low_quality_is_none_but_the_next_fill_tells_it():
    rows = refill(1, 1, 2, dirty=True), refill(2, 1, 3)
    assert [one.measure for one in icebergs(*rows)] == [3.0]


def test_the_longest_unseen_order_is_forgotten_and_told_anew():
    rows = [refill(1, 1, 2), refill(2, 2, 2), refill(3, 1, 3)]
    assert len(icebergs(*rows)) == 2
    assert len(icebergs(*rows, orders_max=1)) == 3


def test_the_same_order_id_on_another_instrument_is_another_order():
    assert len(icebergs(refill(1, 1, 2), refill(2, 1, 2, instrument_id=2))) == 2


def test_each_setting_counts():
    assert len(icebergs(refill(1, 1, 1), refills_min=1)) == 1
    assert len(icebergs(refill(1, 1, 1), hidden_min=3)) == 1
    rare = refill(1, 1, 1, hidden=10, tail_p={"hidden": 1e-4})
    assert len(icebergs(rare)) == 1
    assert icebergs(rare, rare_min=11) == []
    assert icebergs(rare, tail_p_max=1e-5) == []
