"""The plain rule, and our own engine as it is heard."""

import math

import pytest

from evaluation.engines.ifd import Ifd
from evaluation.engines.z2 import Z2
from operators.model.evaluations import FRONT, OPENED
from operators.model.streams import GAPS, SIGNALS, Message
from tests.evaluations import evaluations, ns, pane

STATE = FRONT | OPENED


def z(s: float, value: float, **more):
    return pane(s, z={"pressure_60": value}, state=more.pop("state", STATE), **more)


def test_z2_scores_the_front_future_at_each_second_by_the_size_of_z():
    engine = Z2()
    engine.on_item(
        evaluations(
            [z(1, 2.5), z(2, -3.0), z(3, 0.4), z(4, 9.0, state=OPENED), pane(5, state=STATE)]
        )
    )
    found = engine.scores()
    assert [(a.ts, a.side, a.score) for a in found.alarms(2.0)] == [
        (ns(1), 1, 2.5),
        (ns(2), -1, 3.0),
    ]
    assert found.points["p"].tolist() == pytest.approx(
        [math.erf(3 / math.sqrt(2)), math.erf(2.5 / math.sqrt(2))]
    )


def test_z2_holds_an_alarm_for_half_a_minute_and_keeps_roots_apart():
    engine = Z2()
    engine.on_item(evaluations([z(s, 3.0) for s in (1, 20, 49, 80)] + [z(81, 3.0, root=1)]))
    assert [(a.ts, a.root) for a in engine.scores().alarms(2)] == [
        (ns(1), "ES"),
        (ns(80), "ES"),
        (ns(81), "NQ"),
    ]


def test_z2_is_silent_while_the_baseline_is_warming():
    engine = Z2()
    engine.on_item(evaluations([pane(s, state=STATE) for s in range(1, 9)]))
    assert engine.scores().points.size == 0


def test_our_engine_hears_what_opens_and_raises_a_signal(a_signal):
    engine = Ifd()
    for number, (change, p) in enumerate(
        [("opened", 0.62), ("updated", 0.8), ("closed", 0.9), ("retracted", 0.9)]
    ):
        engine.on_item(a_signal(change=change, probability=p, ts_event=ns(number)))
    engine.on_item(a_signal(id="other", side="sell", change="opened", ts_event=ns(9)))
    engine.on_item(a_signal(id="none", side="none", change="opened"))
    engine.on_item(Message(GAPS, "ES", 1, a_signal().value))
    found = engine.scores()
    assert [(a.ts, a.side) for a in found.alarms(0.6)] == [(ns(0), 1), (ns(9), -1)]
    assert [a.ts for a in found.alarms(0.75)] == [ns(1)]
    engine.forget_scores()
    assert engine.scores().points.size == 0


@pytest.fixture
def a_signal():
    from dataclasses import replace

    from tests.sinks.messages import SIGNAL

    def made(**changes) -> Message:
        value = replace(SIGNAL, **{"side": "buy", "probability": 0.7, **changes})
        return Message(SIGNALS, value.root, 1, value)

    return made
