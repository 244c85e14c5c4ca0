"""Labels become events, and labels of another tape are refused."""

import dataclasses

import pytest

from evaluation.facts import FactsCollector
from evaluation.labels import events_of, sought
from operators.model.errors import ConfigError
from simulator.institutions import Label
from tests.evaluation.made import facts, ns
from tests.evaluations import evaluations, execution, fill, pane
from tests.evaluations import ns as ns_of_rows

LABEL = Label(
    who="institution-1",
    kind="twap",
    institutional=True,
    directional=True,
    root="ES",
    symbol="ESM6",
    instrument_id=1,
    instruments=(1,),
    side="sell",
    size=20,
    executed=20,
    ts_start=str(ns(10)),
    ts_end=str(ns(70)),
    order_ids=("99", "3"),
    difficulty="hard",
    regime="news",
)


def but(**changes: object) -> Label:
    return dataclasses.replace(LABEL, **changes)  # type: ignore[arg-type]


def test_a_label_is_an_event_with_half_a_minute_of_grace():
    (event,) = events_of([LABEL], facts(), "x.dbn")
    assert (event.side, event.difficulty, event.regime, event.tape) == (-1, "hard", "news", "x.dbn")
    assert event.holds(ns(10))
    assert event.holds(ns(100))
    assert not event.holds(ns(100.001))
    assert not event.holds(ns(9.999))


def test_only_institutions_with_a_side_are_sought():
    innocent = but(institutional=False, kind="two_sided", side="none", directional=False)
    straddle = but(kind="straddle", side="none", directional=False)
    events = events_of([innocent, straddle, LABEL], facts(), "x")
    assert [event.kind for event in sought(events)] == ["twap"]


@pytest.mark.parametrize(
    ("label", "text"),
    [
        (but(root="NQ"), "label 1 .twap on NQ. does not match the tape: root was NQ, the tape has"),
        (but(ts_start=str(ns(4000)), ts_end=str(ns(4010))), "time was"),
        (but(ts_start=str(ns(-20)), ts_end=str(ns(-10))), "time was"),
        (but(order_ids=("77", "78")), "none of its 2 orders, the first 77, traded on the tape"),
    ],
)
def test_labels_of_another_tape_are_refused(label, text):
    with pytest.raises(ConfigError, match=text):
        events_of([label], facts(), "x.dbn")


def test_orders_that_never_traded_need_not_be_on_the_tape():
    assert events_of([but(order_ids=("77",), executed=0)], facts(), "x")


def test_a_label_that_cannot_hold_all_its_orders_may_have_traded_by_others():
    many = tuple(str(number) for number in range(1000, 1256))
    assert events_of([but(order_ids=many)], facts(), "x")
    with pytest.raises(ConfigError, match="none of its 255 orders"):
        events_of([but(order_ids=many[1:])], facts(), "x")


def test_facts_are_gathered_from_what_detectors_are_given():
    collector = FactsCollector()
    collector.on_item(
        evaluations(
            [
                execution(1, 1, 5, order_id=50, root=1, fills=[fill(60, 5)], sessions=7),
                pane(2, root=1, sessions=8),
            ]
        )
    )
    found = collector.facts()
    assert (found.ts_first, found.ts_last) == (ns_of_rows(1), ns_of_rows(2))
    assert found.roots == ("NQ",)
    assert found.sessions == {"NQ": 8}
    assert found.has_traded([60])
    assert found.has_traded([1, 50])
    assert not found.has_traded([1, 2])


def test_an_empty_tape_has_no_roots():
    assert FactsCollector().facts().roots == ()
