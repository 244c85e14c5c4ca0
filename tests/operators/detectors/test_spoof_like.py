from hypothesis import given
from hypothesis import strategies as st

from operators.detectors.spoof_like_config import SpoofLikeConfig
from operators.model.evaluations import PANE
from tests.evaluations import ASK, BID, e9, pane
from tests.operators.detectors.looks import evidence
from tests.operators.markets import market


def vetoes(*rows, **settings):
    return evidence("spoof_like", rows, SpoofLikeConfig(**settings))


def flash(s=60, bid=80, ask=0, traded=3, tail_p=0.001, **more):
    """Five seconds in which so many contracts of large bids and offers came and went."""
    return pane(
        s,
        windows={5: {"flash_bid": bid, "flash_ask": ask, "sell": traded}},
        z={"flash_5": 9.0},
        tail_p={"flash_5": tail_p},
        **more,
    )


def test_a_large_bid_that_flashes_speaks_against_buying():
    (one,) = vetoes(flash())
    assert (one.side, one.group, one.size, one.price_e9) == ("buy", "veto", 80, e9(BID))
    assert (one.strength, one.tail_p, one.structural) == (3.0, 0.001, False)
    assert one.text == (
        "Large bids of 1 near 4810 flashed: 80 lots came and went unfilled within 2 s"
    )


def test_a_large_offer_speaks_against_selling():
    (one,) = vetoes(flash(bid=0, ask=40))
    assert (one.side, one.price_e9) == ("sell", e9(ASK))


def test_without_a_trade_nobody_was_misled():
    assert vetoes(flash(traded=0)) == []


def test_flashes_as_usual_here_are_none():
    assert vetoes(flash(tail_p=0.01)) == []
    assert vetoes(flash(tail_p=float("nan"))) == []


def test_flashes_on_both_sides_are_quoting_not_this():
    assert vetoes(flash(ask=70)) == []


def test_flashes_smaller_than_what_the_touch_shows_are_none():
    assert vetoes(flash(bid_size=81)) == []
    assert vetoes(flash(bid=19)) == []
    assert vetoes(flash(bid_size=0, bid=0)) == []


def test_it_is_told_every_five_seconds_and_each_side_for_itself():
    rows = [flash(60 + n) for n in range(9)] + [flash(66.5, bid=0, ask=80)]
    rows.sort(key=lambda row: row.fields["ts_event"])
    assert [one.side for one in vetoes(*rows)] == ["buy", "buy", "sell"]
    assert vetoes(flash(dirty=True)) == []


def test_each_setting_counts():
    assert vetoes(flash(), flash_min=81) == []
    assert vetoes(flash(), touch_min=4.1) == []
    assert vetoes(flash(ask=20), share_min=0.9) == []
    assert vetoes(flash(), tail_p_max=1e-4) == []
    assert len(vetoes(flash(60), flash(62), repeat_ns=1_000_000_000)) == 2


def naive(rows, config):
    told, next_ = [], {}
    for row in rows:
        f, of = row.fields, row.windows.get(5, {})
        if f["kind"] != PANE:
            continue
        bid, ask = of.get("flash_bid", 0), of.get("flash_ask", 0)
        side = "bid" if bid >= ask else "ask"
        touch, most = f[f"{side}_size"], max(bid, ask)
        if (
            row.quality >= 0.8
            and not f["state"] & 1
            and touch > 0
            and most >= max(config.flash_min, config.touch_min * touch)
            and most >= config.share_min * (bid + ask)
            and of.get("buy", 0) + of.get("sell", 0) > 0
            and row.tail_p.get("flash_5", 1.0) <= config.tail_p_max
            and f["ts_event"] >= next_.get((f["slot"], side), 0)
        ):
            next_[f["slot"], side] = f["ts_event"] + config.repeat_ns
            told.append((f["ts_event"], "buy" if side == "bid" else "sell"))
    return told


@given(st.integers(0, 10_000), st.integers(1, 60), st.floats(0.51, 0.99))
def test_the_kernel_agrees_with_states_kept_by_hand(seed, flash_min, share_min):
    rows = market(seed, 120)
    config = SpoofLikeConfig(flash_min=flash_min, share_min=share_min, tail_p_max=0.01)
    found = [(one.ts_last, one.side) for one in evidence("spoof_like", rows, config)]
    assert found == naive(rows, config)
