from hypothesis import given
from hypothesis import strategies as st

from operators.detectors.absorption_config import AbsorptionConfig
from operators.model.evaluations import PANE
from tests.evaluations import ASK, BID, e9, pane
from tests.operators.detectors.looks import evidence
from tests.operators.markets import market

MIDS2 = e9(BID) + e9(ASK)


def absorbed(*rows, **settings):
    return evidence("absorption", rows, AbsorptionConfig(**settings))


def minute(s=60, z=3.5, sold=400, moved=0.0, **more):
    """A pane after a minute in which `sold` lots net were sold and the mid moved."""
    return pane(
        s,
        z={"absorption_60": z},
        tail_p={"absorption_60": 0.001},
        windows={60: {"buy": 100, "sell": 100 + sold} if sold > 0 else {"buy": -sold, "sell": 0}},
        mids2={60: MIDS2 - 2 * e9(moved)},
        **more,
    )


def test_bids_that_hold_against_selling_buy():
    (one,) = absorbed(minute())
    assert (one.side, one.size, one.strength, one.z) == ("buy", 400, 3.5, 3.5)
    assert (one.window_s, one.group, one.structural, one.tail_p) == (60, "passive", False, 0.001)
    assert (one.price_e9, one.ts_last - one.ts_first) == (e9(BID), 60_000_000_000)
    assert one.text == (
        "Bids of 1 held at 4810: 400 lots net sold in a minute did not move it (z 3.5)"
    )


def test_offers_that_hold_against_buying_sell():
    (one,) = absorbed(minute(z=-4.0, sold=-300))
    assert (one.side, one.size, one.strength, one.price_e9) == ("sell", 300, 4.0, e9(ASK))
    assert one.text.startswith("Offers of 1 held")


def test_the_same_selling_that_moves_the_price_is_none():
    assert absorbed(minute(moved=0.5)) == []
    assert len(absorbed(minute(moved=0.25))) == 1


def test_without_a_baseline_nothing_is_said():
    assert absorbed(minute(z=float("nan"))) == []


def test_a_large_z_that_is_common_here_is_none():
    common = pane(
        60,
        z={"absorption_60": 9.0},
        tail_p={"absorption_60": 0.02},
        windows={60: {"sell": 400}},
        mids2={60: MIDS2},
    )
    assert absorbed(common) == []


def test_little_selling_is_none_however_unusual():
    assert absorbed(minute(sold=19)) == []


def test_an_unknown_mid_or_an_empty_side_is_none():
    unknown = pane(60, z={"absorption_60": 4.0}, windows={60: {"sell": 400}}, mids2={60: 0})
    assert absorbed(unknown, minute(ask_size=0, ask=0)) == []


def test_while_it_lasts_it_is_told_every_ten_seconds_and_when_it_grows():
    rows = [minute(60 + n, z=4.6 if n >= 15 else 3.5) for n in range(30)]
    assert [(one.ts_last - rows[0].fields["ts_event"]) // 10**9 for one in absorbed(*rows)] == [
        0, 10, 15, 25,
    ]  # fmt: skip


def test_after_a_pause_it_is_told_anew():
    rows = minute(60), minute(61, z=1.0), minute(62)
    assert len(absorbed(*rows)) == 2


def test_a_dirty_book_is_none_and_ends_it():
    assert len(absorbed(minute(60), minute(61, dirty=True), minute(62))) == 2


def test_each_setting_counts():
    assert absorbed(minute(), z_min=3.6) == []
    assert absorbed(minute(), tail_p_max=0.0005) == []
    assert len(absorbed(minute(moved=0.5), move_spreads_max=2.0)) == 1
    assert absorbed(minute(), size_min=401) == []
    assert len(absorbed(minute(60), minute(65), repeat_ns=5_000_000_000)) == 2


def naive(rows, config):
    told, lasting = [], {}
    for row in rows:
        f = row.fields
        if f["kind"] != PANE:
            continue
        z, window = row.z.get("absorption_60", 0.0), row.windows[60]
        side = 1 if z > 0 else -1
        holds = (
            row.quality >= 0.8
            and not f["state"] & 1
            and abs(z) >= config.z_min
            and row.tail_p["absorption_60"] <= config.tail_p_max
            and row.mids2[60] != 0
            and side * (window["sell"] - window["buy"]) >= config.size_min
            and abs(MIDS2 - row.mids2[60]) <= 2 * config.move_spreads_max * (e9(ASK) - e9(BID))
        )
        was = lasting.pop(f["slot"], None)
        if not holds:
            continue
        if was is None or was[0] != side or abs(z) >= was[1] + 1 or f["ts_event"] >= was[2]:
            was = (side, abs(z), f["ts_event"] + config.repeat_ns)
            told.append(f["ts_event"])
        lasting[f["slot"]] = was
    return told


@given(st.integers(0, 10_000), st.floats(0.5, 4), st.integers(1, 100))
def test_the_kernel_agrees_with_states_kept_by_hand(seed, z_min, size_min):
    rows = market(seed, 120)
    config = AbsorptionConfig(z_min=z_min, size_min=size_min)
    assert [one.ts_last for one in evidence("absorption", rows, config)] == naive(rows, config)
