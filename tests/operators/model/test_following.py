import random
from statistics import mean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.model import following
from operators.model.following import Following


def outcome(id_, horizon_s, move, **given):
    return {
        "signal_id": id_, "root": "ES", "strength": "HIGH", "ts_from": "10", "horizon_s": horizon_s,
        "move_ticks": move, "half_spread_ticks": 0.5, "tick_value": 12.5, "currency": "USD",
        "kind": "sweep", **given,
    }  # fmt: skip


def follow(outcomes, *, enter_s=1, leave_s=60, fee=2.5):
    one = Following()
    for each in outcomes:
        one.add(each)
    return one.followed(enter_s=enter_s, leave_s=leave_s, fee=fee)


def test_a_trade_is_in_after_the_signal_and_pays_spread_and_fees():
    # In a second after the signal the price had moved 2 ticks: they are lost to whoever follows.
    found = follow([outcome("a", 1, 2.0), outcome("a", 60, 6.0)])
    net = 6 - 2 - 1 - 2 * 2.5 / 12.5
    assert found.total_ticks == pytest.approx(net)
    assert found.by_currency["USD"].total == pytest.approx(net * 12.5)
    assert (found.trades, found.wins, found.left_out) == (1, 1, 0)
    assert (found.error_ticks, found.low_ticks) == (None, None)
    assert found.text.startswith("simulation")


def test_what_happens_before_the_entry_or_after_the_exit_changes_nothing():
    known = [outcome("a", 5, 2.0), outcome("a", 60, 6.0)]
    other = [outcome("a", 1, 99.0), outcome("a", 300, -99.0)]
    assert follow(known, enter_s=5) == follow([*known, *other], enter_s=5)


def test_what_is_not_known_is_no_trade():
    outcomes = [
        outcome("a", 1, 0.0), outcome("a", 60, None, half_spread_ticks=None),
        outcome("b", 60, 1.0),
        outcome("c", 1, 0.0, tick_value=None), outcome("c", 60, 1.0, tick_value=None),
        outcome("", 1, 0.0), outcome("", 60, 9.0),
        outcome("d", 1, 0.0, strength="MODERATE"), outcome("d", 60, 9.0, strength="MODERATE"),
    ]  # fmt: skip
    found = follow(outcomes)
    assert (found.trades, found.left_out, found.mean_ticks) == (0, 3, None)
    assert (found.by_kind, found.by_currency) == ({}, {})


def test_the_drawdown_is_the_deepest_fall_in_the_order_of_signals():
    moves = {"10": 5.0, "20": -4.0, "30": -3.0, "40": 9.0}
    outcomes = [
        outcome(ts, horizon_s, move * (horizon_s == 60), ts_from=ts, half_spread_ticks=0.0)
        for ts, move in reversed(moves.items())
        for horizon_s in (1, 60)
    ]
    found = follow(outcomes, fee=0.0)
    assert (found.total_ticks, found.drawdown_ticks, found.wins) == (7.0, 7.0, 2)
    assert found.error_ticks == pytest.approx(3.1457643)
    assert found.high_ticks - found.mean_ticks == pytest.approx(1.959964 * found.error_ticks)


MADE = st.lists(
    st.tuples(
        st.integers(-40, 40).map(lambda n: n / 2),
        st.integers(-40, 40).map(lambda n: n / 2),
        st.sampled_from(["sweep", "iceberg"]),
        st.sampled_from([("USD", 12.5), ("EUR", 10.0), ("", 1.0)]),
    ),
    max_size=20,
)


@given(MADE, st.integers(0, 99))
def test_results_are_those_of_plain_sums_by_kind_and_currency_in_any_order(made, seed):
    told, plain = [], []
    for number, (first, last, kind, (currency, value)) in enumerate(made):
        given_ = {"kind": kind, "currency": currency, "tick_value": value, "ts_from": str(number)}
        told += [
            outcome(f"s{number}", 1, first, **given_),
            outcome(f"s{number}", 60, last, **given_),
        ]
        plain.append((kind, currency or "unstated", last - first - 1 - 2 * 2.5 / value, value))
    random.Random(seed).shuffle(told)
    found = follow(told)
    assert found.trades == len(made)
    assert found.wins == sum(ticks > 0 for _, _, ticks, _ in plain)
    assert found.total_ticks == pytest.approx(sum(one[2] for one in plain), abs=1e-5)
    for kind, gain in found.by_kind.items():
        check(gain, [ticks for k, _, ticks, _ in plain if k == kind])
    for currency, gain in found.by_currency.items():
        check(gain, [ticks * value for _, c, ticks, value in plain if c == currency])
    assert sum(one.trades for one in found.by_kind.values()) == len(made)
    assert sum(one.trades for one in found.by_currency.values()) == len(made)


def check(gain, values):
    assert gain.trades == len(values)
    assert gain.total == pytest.approx(sum(values), abs=1e-5)
    assert gain.mean == pytest.approx(mean(values))
    if len(values) < 2:
        assert (gain.error, gain.low, gain.high) == (None, None, None)
    else:
        assert gain.error == pytest.approx(stdev(values) / len(values) ** 0.5, abs=1e-9)
        assert gain.low + gain.high == pytest.approx(2 * gain.mean, abs=1e-9)


def test_signals_of_several_tapes_are_told_apart():
    one = Following()
    for tape, move in (("b", -4.0), ("a", 9.0)):
        one.add(outcome("same", 1, 0.0), tape)
        one.add(outcome("same", 60, move), tape)
    found = one.followed(enter_s=1, leave_s=60, fee=0.0)
    assert (found.trades, found.total_ticks, found.drawdown_ticks) == (2, 3.0, 5.0)


def test_what_is_held_is_bounded_and_what_is_forgotten_counted(monkeypatch):
    monkeypatch.setattr(following, "SIGNALS_MAX", 3)
    found = follow([outcome(f"s{n}", h, 1.0) for n in range(5) for h in (1, 60)])
    assert (found.trades, found.forgotten) == (3, 2)
