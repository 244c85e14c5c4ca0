import pytest

from operators.model.following import follow


def outcome(id_, horizon_s, move, **given):
    return {
        "signal_id": id_, "root": "ES", "strength": "HIGH", "ts_from": "10", "horizon_s": horizon_s,
        "move_ticks": move, "half_spread_ticks": 0.5, "tick_value": 12.5, **given,
    }  # fmt: skip


def test_a_trade_is_in_after_the_signal_and_pays_spread_and_fees():
    # In a second after the signal the price had moved 2 ticks: they are lost to whoever follows.
    found = follow([outcome("a", 1, 2.0), outcome("a", 60, 6.0)], leave_s=60, fee=2.5)
    assert found.total_ticks == pytest.approx(6 - 2 - 1 - 2 * 2.5 / 12.5)
    assert (found.trades, found.wins, found.left_out) == (1, 1, 0)
    assert found.text.startswith("simulation")


def test_what_is_not_known_is_no_trade():
    outcomes = [
        outcome("a", 1, 0.0), outcome("a", 60, None, half_spread_ticks=None),
        outcome("b", 60, 1.0),
        outcome("c", 1, 0.0, tick_value=None), outcome("c", 60, 1.0, tick_value=None),
        outcome("", 1, 0.0), outcome("", 60, 9.0),
        outcome("d", 1, 0.0, strength="MODERATE"), outcome("d", 60, 9.0, strength="MODERATE"),
    ]  # fmt: skip
    found = follow(outcomes, leave_s=60)
    assert (found.trades, found.left_out, found.mean_ticks) == (0, 3, None)


def test_the_drawdown_is_the_deepest_fall_in_the_order_of_signals():
    moves = {"10": 5.0, "20": -4.0, "30": -3.0, "40": 9.0}
    outcomes = [
        outcome(ts, horizon_s, move * (horizon_s == 60), ts_from=ts, half_spread_ticks=0.0)
        for ts, move in reversed(moves.items())
        for horizon_s in (1, 60)
    ]
    found = follow(outcomes, leave_s=60, fee=0.0)
    assert (found.total_ticks, found.drawdown_ticks, found.wins) == (7.0, 7.0, 2)
    assert found.error_ticks == pytest.approx(3.1457643)
