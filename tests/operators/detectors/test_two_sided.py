from hypothesis import given
from hypothesis import strategies as st

from operators.detectors.two_sided_config import TwoSidedConfig
from operators.model.evaluations import PANE
from tests.evaluations import pane
from tests.operators.detectors.looks import evidence
from tests.operators.markets import market


def vetoes(*rows, **settings):
    return evidence("two_sided", rows, TwoSidedConfig(**settings))


def minute(s=60, bought=500, sold=475, tail_p=0.02, **more):
    return pane(
        s,
        windows={60: {"buy": bought, "sell": sold}},
        z={"volume_60": 3.0},
        tail_p={"volume_60": tail_p},
        **more,
    )


def test_much_bought_and_as_much_sold_is_no_view():
    (one,) = vetoes(minute())
    assert (one.side, one.group, one.size, one.measure) == ("none", "veto", 975, 0.95)
    assert (one.strength, one.threshold, one.z, one.tail_p) == (4.5, 0.8, 3.0, 0.02)
    assert one.text == "1 trades both ways: 500 lots bought and 475 sold in a minute"


def test_one_sided_flow_is_none_however_much():
    assert vetoes(minute(sold=390)) == []
    assert vetoes(minute(bought=0)) == []


def test_balance_in_ordinary_volume_is_none():
    assert vetoes(minute(tail_p=0.2)) == []
    assert vetoes(minute(tail_p=float("nan"))) == []
    assert vetoes(minute(bought=30, sold=29)) == []


def test_while_it_lasts_it_is_told_every_ten_seconds():
    rows = [minute(60 + n) for n in range(25)]
    start = rows[0].fields["ts_event"]
    assert [(one.ts_last - start) // 10**9 for one in vetoes(*rows)] == [0, 10, 20]


def test_a_dirty_book_is_none():
    assert vetoes(minute(dirty=True)) == []


def test_each_setting_counts():
    assert vetoes(minute(), size_min=976) == []
    assert vetoes(minute(), balance_min=0.96) == []
    assert vetoes(minute(), tail_p_max=0.01) == []
    assert len(vetoes(minute(60), minute(65), repeat_ns=5_000_000_000)) == 2


def naive(rows, config):
    told, next_ = [], {}
    for row in rows:
        f = row.fields
        if f["kind"] != PANE:
            continue
        bought, sold = (row.windows[60].get(name, 0) for name in ("buy", "sell"))
        if (
            row.quality >= 0.8
            and not f["state"] & 1
            and bought + sold >= config.size_min
            and row.tail_p.get("volume_60", 1.0) <= config.tail_p_max
            and min(bought, sold) >= config.balance_min * max(bought, sold)
            and f["ts_event"] >= next_.get(f["slot"], 0)
        ):
            next_[f["slot"]] = f["ts_event"] + config.repeat_ns
            told.append(f["ts_event"])
    return told


@given(st.integers(0, 10_000), st.floats(0.05, 0.95), st.integers(1, 200))
def test_the_kernel_agrees_with_states_kept_by_hand(seed, balance_min, size_min):
    rows = market(seed, 120)
    config = TwoSidedConfig(balance_min=balance_min, size_min=size_min)
    assert [one.ts_last for one in evidence("two_sided", rows, config)] == naive(rows, config)
