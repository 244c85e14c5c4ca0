from operators.detectors.stop_run import ORDERS_MAX
from operators.detectors.stop_run_config import StopRunConfig
from operators.model.evaluations import STOP
from tests.evaluations import execution, ns, pane
from tests.operators.detectors.looks import evidence


def runs(*rows, **settings):
    return evidence("stop_run", rows, StopRunConfig(**settings))


def stops(count, size, side=1, **more):
    """`count` stops of `size` lots each, and the close of their pane."""
    rows = [
        execution(1 + n / 100, side, size, aggressor=STOP, order_id=100 + n, **more)
        for n in range(count)
    ]
    sums = {"stop_buy": count * size} if side > 0 else {"stop_sell": count * size}
    return [*rows, pane(2, **sums, **more)]


def test_several_stops_in_one_second_are_a_run():
    (one,) = runs(*stops(4, 5))
    assert (one.side, one.size, one.strength, one.structural) == ("buy", 20, 3.0, True)
    assert one.order_ids == (100, 101, 102, 103)
    assert (one.ts_first, one.ts_last) == (ns(1), ns(2))
    assert (one.sequence_first, one.sequence_last) == (1000, 2000)
    assert one.text == ("Stop run in 1 near 4810.125: 4 buy stops elected within a second, 20 lots")


def test_sell_stops_sell():
    (one,) = runs(*stops(4, 5, side=-1))
    assert one.side == "sell"


def test_one_large_stop_is_no_run():
    assert runs(*stops(1, 500)) == []


def test_ordinary_orders_of_the_same_size_are_none():
    rows = [execution(1 + n / 100, 1, 5) for n in range(9)]
    assert runs(*rows, pane(2)) == []


def test_stops_of_both_sides_are_a_whipsaw():
    both = [execution(1, side, 5, aggressor=STOP) for side in (1, -1) * 4]
    assert runs(*both, pane(2, stop_buy=20, stop_sell=20)) == []


def test_stops_of_two_panes_do_not_add_up():
    first, second = stops(2, 5), stops(2, 5)
    assert runs(*first, *second) == []


def test_stops_of_two_instruments_do_not_add_up():
    rows = [execution(1, 1, 5, aggressor=STOP, instrument_id=1 + n % 2) for n in range(4)]
    panes = [pane(2, stop_buy=10, instrument_id=i) for i in (1, 2)]
    assert runs(*rows, *panes) == []


def test_with_a_baseline_its_tail_decides():
    rare = {"z": {"stops_5": 7.0}, "tail_p": {"stops_5": 1e-4}}
    (one,) = runs(*stops(3, 1, **rare))
    assert (one.structural, one.z, one.tail_p, one.strength) == (False, 7.0, 1e-4, 4.0)
    assert runs(*stops(9, 50, tail_p={"stops_5": 0.01})) == []


def test_low_quality_is_none():
    assert runs(*stops(4, 5, quality=0.5)) == []


def test_order_ids_are_bounded():
    (one,) = runs(*stops(ORDERS_MAX + 9, 2))
    assert len(one.order_ids) == ORDERS_MAX
    assert one.size == 2 * (ORDERS_MAX + 9)


def test_each_setting_counts():
    assert runs(*stops(4, 5), count_min=5) == []
    assert runs(*stops(4, 5), size_min=21) == []
    mixed = [*stops(4, 5)[:-1], pane(2, stop_buy=20, stop_sell=6)]
    assert len(runs(*mixed)) == 1
    assert runs(*mixed, share_min=0.8) == []
    rare = stops(3, 1, tail_p={"stops_5": 1e-4})
    assert runs(*rare, tail_p_max=1e-5) == []
