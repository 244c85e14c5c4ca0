"""What the market did after signals, over tapes: each in its own regime, nothing twice."""

from dataclasses import replace

import pytest

from evaluation.following import after_signals
from tests.evaluation.made import case, ns
from tests.sinks.messages import OUTCOME


def outcome(number, horizon_s, ticks, **given):
    """Of one contract that costs half a tick each way, known at the horizon."""
    return replace(
        OUTCOME, signal_id=f"s{number}", ts_from=ns(number), horizon_s=horizon_s, move_ticks=ticks,
        markout_ticks=ticks - 0.5, hit=ticks > 0.5, **given,
    )  # fmt: skip


def told(kind="sweep"):
    """Twelve signals and twelve controls: more follows the signals, in no order among them."""
    signals = [
        outcome(n, h, h / 10 + n * 5 % 12, kind=kind, probability=0.7 + n / 50)
        for n in range(12)
        for h in (1, 60)
    ]
    controls = [
        replace(outcome(n, h, -1.0 + n / 2, probability=n / 50), signal_id="", sampled=True)
        for n in range(12)
        for h in (1, 60)
    ]
    return tuple(signals + controls)


def test_trades_and_ranks_of_two_tapes_with_the_same_ids():
    cases = [replace(case([], {}, tape=tape), outcomes=told(tape)) for tape in ("t", "u")]
    found = after_signals(cases)
    (at_60,) = found["followed"]
    net = 5.9 - 1.0 - 2 * 2.5 / 12.5
    assert (at_60["enter_s"], at_60["leave_s"], at_60["trades"]) == (1, 60, 24)
    assert at_60["mean_ticks"] == pytest.approx(net, abs=1e-4)
    assert at_60["by_currency"]["USD"]["mean"] == pytest.approx(net * 12.5, abs=1e-3)
    assert {kind: one["trades"] for kind, one in at_60["by_kind"].items()} == {"t": 12, "u": 12}
    assert at_60["text"].startswith("simulation")
    first, last = found["information"]
    assert (first["horizon_s"], last["horizon_s"]) == (1, 60)
    assert (last["count"], last["control_count"], last["unmatched"]) == (24, 24, 0)
    assert 0.5 < last["low"] < last["coefficient"] < last["high"] <= 1


def test_points_of_another_regime_are_no_controls():
    signals = tuple(one for one in told() if not one.sampled)
    controls = tuple(one for one in told() if one.sampled)
    cases = [
        replace(case([], {}, regime="calm"), outcomes=signals),
        replace(case([], {}, regime="news", tape="u"), outcomes=controls),
    ]
    last = after_signals(cases)["information"][-1]
    assert (last["coefficient"], last["count"], last["unmatched"]) == (None, 0, 12)


def test_where_nothing_was_followed_up_nothing_is_said():
    assert after_signals([case([], {})]) == {"followed": [], "information": []}
