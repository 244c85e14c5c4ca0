from hypothesis import given
from hypothesis import strategies as st

from operators.detectors.quote_churn_config import QuoteChurnConfig
from operators.model.evaluations import PANE
from tests.evaluations import pane
from tests.operators.detectors.looks import evidence
from tests.operators.markets import market


def vetoes(*rows, **settings):
    return evidence("quote_churn", rows, QuoteChurnConfig(**settings))


def churn(s=60, came=1_000, went=950, traded=10, tail_p=0.01, **more):
    """Half a minute in which so many contracts came near the touch, went, and traded."""
    sums = {"add_bid": came // 2, "add_ask": came - came // 2, "buy": traded}
    sums |= {"cancel_bid": went // 3, "cancel_ask": went - went // 3}
    return pane(
        s,
        windows={30: sums},
        z={"cancel_60": 4.0},
        tail_p={"cancel_60": tail_p},
        **more,
    )


def test_quotes_that_come_and_go_and_do_not_trade():
    (one,) = vetoes(churn())
    assert (one.side, one.group, one.size, one.measure) == ("none", "veto", 950, 195.0)
    assert (one.strength, one.threshold, one.window_s) == (5.2854, 20.0, 30)
    assert one.text == (
        "Quotes of 1 churn: 1000 lots came near the touch and 950 went in half a minute, 10 traded"
    )


def test_a_market_that_trades_what_it_quotes_is_none():
    assert vetoes(churn(traded=100)) == []


def test_a_book_that_fills_or_empties_is_none():
    assert vetoes(churn(went=700)) == []
    assert vetoes(churn(came=700)) == []


def test_quoting_as_usual_here_is_none():
    assert vetoes(churn(tail_p=0.05)) == []
    assert vetoes(churn(tail_p=float("nan"))) == []


def test_a_few_quotes_are_none():
    assert vetoes(churn(came=99, went=99, traded=0)) == []


def test_a_dirty_book_is_none_and_it_is_told_every_ten_seconds():
    assert vetoes(churn(dirty=True)) == []
    rows = [churn(60 + n) for n in range(25)]
    start = rows[0].fields["ts_event"]
    assert [(one.ts_last - start) // 10**9 for one in vetoes(*rows)] == [0, 10, 20]


def test_each_setting_counts():
    assert vetoes(churn(), ratio_min=196.0) == []
    assert vetoes(churn(), balance_min=0.96) == []
    assert vetoes(churn(), tail_p_max=0.005) == []
    assert vetoes(churn(), size_min=951) == []
    assert len(vetoes(churn(60), churn(65), repeat_ns=5_000_000_000)) == 2


def naive(rows, config):
    told, next_ = [], {}
    for row in rows:
        f, of = row.fields, row.windows.get(30, {})
        if f["kind"] != PANE:
            continue
        came = of.get("add_bid", 0) + of.get("add_ask", 0)
        went = of.get("cancel_bid", 0) + of.get("cancel_ask", 0)
        traded = max(1, of.get("buy", 0) + of.get("sell", 0))
        if (
            row.quality >= 0.8
            and not f["state"] & 1
            and went >= config.size_min
            and (came + went) / traded >= config.ratio_min
            and min(came, went) >= config.balance_min * max(came, went)
            and row.tail_p.get("cancel_60", 1.0) <= config.tail_p_max
            and f["ts_event"] >= next_.get(f["slot"], 0)
        ):
            next_[f["slot"]] = f["ts_event"] + config.repeat_ns
            told.append(f["ts_event"])
    return told


@given(st.integers(0, 10_000), st.integers(2, 9), st.integers(1, 80))
def test_the_kernel_agrees_with_states_kept_by_hand(seed, ratio_min, size_min):
    rows = market(seed, 120)
    config = QuoteChurnConfig(ratio_min=ratio_min, size_min=size_min, balance_min=0.3)
    assert [one.ts_last for one in evidence("quote_churn", rows, config)] == naive(rows, config)
