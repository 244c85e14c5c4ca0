from hypothesis import given
from hypothesis import strategies as st

from operators.detectors.roll_config import RollConfig
from operators.model.evaluations import OPENED, OUTRIGHT, PANE
from tests.evaluations import pane
from tests.operators.detectors.looks import evidence
from tests.operators.markets import market


def vetoes(*rows, **settings):
    return evidence("roll", rows, RollConfig(**settings))


def future(s, instrument_id, bought, sold, state=OPENED | OUTRIGHT, **more):
    """A future after a minute in which aggressors bought and sold so much."""
    sums = {"buy": bought, "sell": sold}
    return pane(s, instrument_id=instrument_id, state=state, windows={60: sums}, **more)


FRONT = 600, 900
NEXT = 260, 20


def test_out_of_one_month_and_into_the_next():
    first, second = vetoes(future(60, 1, *FRONT), future(60, 2, *NEXT), future(61, 1, *FRONT))
    assert (first.side, first.instrument_id, first.size, first.measure) == ("buy", 2, 240, 0.8)
    assert (second.side, second.instrument_id, second.group) == ("sell", 1, "veto")
    assert (first.strength, first.structural) == (4.8, True)
    assert first.text == "A roll: 240 lots of 2 bought net in a minute, 300 of 1 sold"


def test_both_months_bought_are_a_view():
    assert vetoes(future(60, 1, *FRONT), future(60, 2, 20, 260)) == []


def test_sizes_that_differ_are_no_roll():
    assert vetoes(future(60, 1, *FRONT), future(60, 2, 100, 1)) == []


def test_a_far_month_that_trades_both_ways_is_none():
    assert vetoes(future(60, 1, *FRONT), future(60, 2, 740, 500)) == []


def test_another_root_or_what_is_no_future_does_not_count():
    assert vetoes(future(60, 1, *FRONT), future(60, 2, *NEXT, root=1)) == []
    assert vetoes(future(60, 1, *FRONT), future(60, 2, *NEXT, state=OPENED)) == []


def test_what_a_future_did_seconds_ago_does_not_count():
    assert vetoes(future(60, 1, *FRONT), future(63, 2, *NEXT)) == []


def test_a_dirty_book_is_none():
    dirty = future(60, 1, *FRONT, state=OPENED | OUTRIGHT | 1)
    assert vetoes(dirty, future(60, 2, *NEXT)) == []


def test_it_is_told_every_twenty_seconds():
    rows = [
        future(60 + n, each, *sums) for n in range(22) for each, sums in ((1, FRONT), (2, NEXT))
    ]
    assert [one.instrument_id for one in vetoes(*rows)] == [2, 1, 2, 1]


def test_each_setting_counts():
    rows = future(60, 1, *FRONT), future(60, 2, *NEXT)
    assert vetoes(*rows, size_min=241) == []
    assert vetoes(*rows, balance_min=0.81) == []
    assert vetoes(*rows, share_min=0.9) == []
    again = [*rows, future(62, 1, *FRONT), future(62, 2, *NEXT)]
    assert len(vetoes(*again, repeat_ns=1_000_000_000)) == 3


def test_of_nine_futures_the_eight_latest_are_compared():
    rows = [future(60 + n / 100, n, 50, 50) for n in range(2, 8)]
    assert len(vetoes(future(60, 1, *FRONT), *rows, future(60.5, 9, *NEXT))) == 1
    rows.append(future(60.4, 10, 50, 50))
    assert vetoes(future(60, 1, *FRONT), *rows, future(60.5, 9, *NEXT)) == []


def naive(rows, config):
    told, known, next_ = [], {}, {}
    for row in rows:
        f = row.fields
        if f["kind"] != PANE or row.quality < 0.8 or f["state"] & 1 or not f["state"] & OUTRIGHT:
            continue
        sums = row.windows[60]
        mine = sums.get("buy", 0) - sums.get("sell", 0), sums.get("buy", 0) + sums.get("sell", 0)
        place = f["root"], f["slot"]
        known[place] = (f["ts_event"], *mine)
        if abs(mine[0]) < config.size_min or f["ts_event"] < next_.get(place, 0):
            continue
        for (root, slot), (ts, net, volume) in known.items():
            small, large = sorted((abs(net), abs(mine[0])))
            thin = min((mine[1], abs(mine[0])), (volume, abs(net)), key=lambda one: one[0])
            if (
                root == f["root"]
                and slot != f["slot"]
                and f["ts_event"] - ts <= 2_000_000_000
                and small >= config.size_min
                and net * mine[0] < 0
                and small >= config.balance_min * large
                and (thin[1] >= config.share_min * thin[0])
            ):
                told.append((f["ts_event"], f["slot"]))
                next_[place] = f["ts_event"] + config.repeat_ns
                break
    return told


@given(st.integers(0, 10_000), st.floats(0.05, 0.6), st.floats(0.05, 0.5))
def test_the_kernel_agrees_with_states_kept_by_hand(seed, balance_min, share_min):
    rows = [row for row in market(seed, 160, instruments=6) if row.fields["kind"] == PANE]
    for row in rows:
        row.fields["state"] |= OUTRIGHT
    config = RollConfig(size_min=1, balance_min=balance_min, share_min=share_min)
    found = [(one.ts_last, one.instrument_id - 1) for one in evidence("roll", rows, config)]
    assert found == naive(rows, config)
