from operators.detectors.large_aggressor_config import LargeAggressorConfig
from operators.model.evaluations import AUCTION
from tests.evaluations import execution, pane
from tests.operators.detectors.looks import evidence


def large(*rows, **settings):
    return evidence("large_aggressor", rows, LargeAggressorConfig(**settings))


def warm(size, tail_p, side=1):
    return execution(1, side, size, z={"size": 5.0}, tail_p={"size": tail_p}, sessions=8)


def test_an_order_as_large_as_one_in_a_thousand_is_large():
    (one,) = large(warm(40, 4e-4))
    assert (one.side, one.size, one.structural, one.z, one.tail_p) == ("buy", 40, False, 5.0, 4e-4)
    assert one.strength == 3.3979
    assert (
        one.text
        == "Bought 40 lots of 1 with one order at 4810.25, seen once in 2,500 at this time of day"
    )


def test_a_large_order_is_ordinary_where_large_orders_are():
    assert large(warm(5_000, 0.02)) == []


def test_the_rarest_is_six_strong():
    assert large(warm(40, 1e-7))[0].strength == 6.0


def test_without_a_baseline_an_absolute_size_decides():
    (one,) = large(execution(1, -1, 200))
    assert (one.side, one.structural, one.z, one.tail_p) == ("sell", True, None, None)
    assert (one.strength, one.measure, one.threshold, one.unit) == (3.0, 200.0, 100.0, "lots")
    assert one.text == "Sold 200 lots of 1 with one order at 4810"
    assert large(execution(1, -1, 99)) == []


def test_auctions_unsided_trades_and_panes_are_none():
    assert large(execution(1, 0, 900, aggressor=AUCTION), execution(2, 0, 900), pane(3)) == []


def test_low_quality_is_none():
    assert large(execution(1, 1, 900, quality=0.5)) == []


def test_each_setting_counts():
    assert len(large(execution(1, 1, 50), size_min=50)) == 1
    assert large(warm(40, 4e-4), tail_p_max=1e-4) == []
