import pickle

from operators.pending import Pending, Point, unpacked

S = 1_000_000_000
HORIZONS = (1, 5)


def point(number, at_s, **given):
    values = {
        "number": number, "slot": 0, "feed": "f", "signal_id": "s", "kind": "sweep", "side": "buy",
        "probability": 0.7, "strength": "HIGH", "log_odds": 0.8, "calibration": "uncalibrated",
        "instrument_id": 1, "symbol": "ESH4", "tick_e9": 10, "tick_value": None, "currency": "",
        "ts_from": at_s * S, "due_ns": at_s * S,
    }  # fmt: skip
    return Point(**{**values, **given})


def test_a_point_waits_for_its_mid_and_then_for_each_horizon():
    one, due = point(1, 10), [10 * S]
    while one.go_on(HORIZONS):
        due.append(one.due_ns)
    assert due == [10 * S, 11 * S, 15 * S]


def test_the_first_is_what_is_due_first_and_of_equals_what_came_first():
    late = point(1, 9)
    assert late.go_on(HORIZONS)
    assert late.go_on(HORIZONS)
    pending = Pending("ES", "f", [late, point(2, 13), point(3, 13), point(4, 20, slot=7)])
    assert pending.wanted() == {0: 13 * S, 7: 20 * S}
    assert pending.first(14 * S).number == 2
    del pending.points[1:3]
    assert pending.first(14 * S).number == 1
    assert pending.first(14 * S - 1) is None
    assert Pending("ES", "f").wanted() == {}


def test_half_ticks_and_odd_spreads_lose_nothing():
    one = point(1, 0, stage=1, bid_e9=100, ask_e9=110, tick_e9=4)
    told = one.outcome("ES", 5, 7 * S, (103, 110), "")
    assert (told.move_ticks, told.markout_ticks, told.half_spread_ticks) == (0.375, -0.875, 0.875)
    assert (told.hit, told.ts_event, told.price_from_e9) == (False, 7 * S, 105)


def test_a_packed_one_goes_on():
    pending = Pending("ES", "f", [point(1, 9, stage=2, bid_e9=5)], 7)
    again = unpacked(pickle.loads(pickle.dumps(pending.pack())))
    assert (again.root, again.feed, again.numbered) == ("ES", "f", 7)
    assert again.pack() == pending.pack()
