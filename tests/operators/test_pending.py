import pickle

from operators.outcome_kernel import NEVER
from operators.pending import Pending, Point, unpacked

S = 1_000_000_000
HORIZONS = (1, 5)


def point(number, at_s, **given):
    values = {
        "number": number, "slot": 0, "feed": "f", "signal_id": "s", "kind": "sweep", "side": "buy",
        "probability": 0.7, "strength": "HIGH", "log_odds": 0.8, "calibration": "uncalibrated",
        "instrument_id": 1, "symbol": "ESH4", "tick_e9": 10, "tick_value": None, "currency": "",
        "ts_from": at_s * S,
    }  # fmt: skip
    return Point(**{**values, **given})


def test_a_point_waits_for_its_mid_and_then_for_each_horizon():
    assert [point(1, 10, stage=n).due_ns(HORIZONS) for n in range(3)] == [10 * S, 11 * S, 15 * S]


def test_the_first_is_what_is_due_first_and_of_equals_what_came_first():
    pending = Pending("ES", "f", [point(1, 9, stage=2), point(2, 13, stage=1), point(3, 13)])
    assert pending.due(HORIZONS) == 13 * S
    assert pending.first(14 * S, HORIZONS).number == 3
    del pending.points[2]
    assert pending.first(14 * S, HORIZONS).number == 1
    assert pending.first(13 * S, HORIZONS) is None
    assert pending.due_at_slot(0, HORIZONS) == 14 * S
    assert pending.due_at_slot(1, HORIZONS) == Pending("ES", "f").due(HORIZONS) == NEVER


def test_half_ticks_and_odd_spreads_lose_nothing():
    one = point(1, 0, stage=1, bid_e9=100, ask_e9=110, tick_e9=4)
    told = one.outcome("ES", 5, 7 * S, (103, 110), "")
    assert (told.move_ticks, told.markout_ticks, told.half_spread_ticks) == (0.375, -0.875, 0.875)
    assert (told.hit, told.ts_event, told.price_from_e9) == (False, 7 * S, 105)


def test_a_packed_one_goes_on():
    pending = Pending("ES", "f", [point(1, 9, stage=2, bid_e9=5)], 7)
    assert unpacked(pickle.loads(pickle.dumps(pending.pack()))) == pending
