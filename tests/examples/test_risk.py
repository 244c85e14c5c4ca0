from decimal import Decimal

import pytest

from examples.errors import ConsumerError
from examples.holdings import Holding
from examples.risk.__main__ import read_limits
from examples.risk.breaches import Breaches, BreachesConfig
from tests.examples.given import contract, life, played, read, signal, unread


def holding(contracts, root="ES", symbol="ESH4", **more):
    given = {"account": "", "price": None, "multiplier": None, "delta": Decimal(1), **more}
    return Holding(root=root, symbol=symbol, contracts=Decimal(contracts), **given)


def desk(*holdings, limit="1000000", **limits):
    found = {root: Decimal(amount) for root, amount in limits.items()}
    return Breaches(BreachesConfig(limit=Decimal(limit), limits=found), holdings)


def changes(entries):
    return [(entry["change"], entry["signal_id"]) for entry in entries]


SELL = {"side": "sell", "action": "SHORT"}


def test_a_signal_against_an_exposure_above_its_limit_is_a_breach():
    # 5 contracts at 5,000 points of 50 USD.
    (entry,) = played(desk(holding(5)), [read(signal(1, id="a", **SELL))])
    assert (entry["change"], entry["exposure"], entry["limit"]) == ("opened", "1250000", "1000000")
    assert entry["text"] == (
        "long ES for 1,250,000 USD, limit 1,000,000, against a HIGH sell signal"
    )


@pytest.mark.parametrize(
    ("contracts", "fields"),
    [
        (5, {}),  # on the same side
        (-5, SELL),
        (4, SELL),  # just the limit
        (5, {**SELL, "action": "MONITOR"}),
        (5, {**SELL, "root": "NQ"}),  # nothing held of it
    ],
)
def test_what_is_no_breach(contracts, fields):
    assert played(desk(holding(contracts)), [read(signal(1, **fields))]) == []


def test_a_root_may_have_a_limit_of_its_own():
    assert played(desk(holding(5), ES="2000000"), [read(signal(1, **SELL))]) == []
    assert len(played(desk(holding(1), ES="0"), [read(signal(1, **SELL))])) == 1


def test_the_exposure_is_net_over_a_root_with_deltas():
    option = holding(
        -20, symbol="ESH4 C5200", price=Decimal(5000), multiplier=Decimal(50), delta=Decimal("0.5")
    )
    found = desk(holding(5), option).exposure(read(signal(1)).value)
    assert (found.notional, found.direction, found.unvalued) == (Decimal(-1250000), -1, ())


def test_what_cannot_be_valued_is_not_taken_for_small():
    (entry,) = played(
        desk(holding(1, symbol="ESM4")), [read(signal(1, contract=contract("ESH4"), **SELL))]
    )
    assert entry["unvalued"] == ["ESM4"]
    assert "ESM4 cannot be valued" in entry["text"]
    # A contract whose tick value the feed has not said.
    unknown = read(signal(1, contract=contract("ESH4", None), **SELL))
    assert played(desk(holding(1)), [unknown])[0]["unvalued"] == ["ESH4"]
    told = holding(1, multiplier=Decimal(50))
    assert played(desk(told), [unknown]) == []


def test_a_breach_is_opened_once_and_cleared_once():
    messages = life("opened", "updated", "closed", "retracted", name="a", **SELL)
    found = played(desk(holding(5)), [read(message) for message in messages])
    assert changes(found) == [("opened", "a"), ("cleared", "a")]
    assert found[1]["reason"] == "closed"


def test_a_retraction_clears_and_a_missing_message_does_not():
    mine = desk(holding(5))
    played(mine, [read(signal(1, id="a", **SELL))])
    assert played(mine, [unread(2)]) == []
    assert played(mine, [read(signal(9, id="a", **SELL), missing=(3, 8))]) == []
    gone = signal(10, id="a", side="sell", action="IGNORE", change="retracted")
    assert [entry["reason"] for entry in played(mine, [read(gone)])] == ["retracted"]


def test_a_new_generation_clears_and_judges_anew():
    mine = desk(holding(5))
    first = read(signal(1, id="a", **SELL))
    found = played(mine, [first, read(signal(1, id="b", **SELL), "g2", replaced="g1")])
    assert changes(found) == [("opened", "a"), ("cleared", "a"), ("opened", "b")]
    assert played(mine, [read(signal(2, id="c", **SELL), is_outdated=True)]) == []


def test_the_state_is_made_of_the_entries_alone():
    mine, again = desk(holding(5)), desk(holding(5))
    for entry in played(mine, [read(signal(1, id="a", **SELL))]):
        again.apply(entry)
    gone = [read(signal(2, id="a", side="sell", action="IGNORE", change="closed"))]
    assert played(again, gone) == played(mine, gone) != []


def test_limits_are_read_from_words():
    found = read_limits(["250_000", "ES=5000000"])
    assert (found.limit, found.limits) == (Decimal(250000), {"ES": Decimal(5000000)})


@pytest.mark.parametrize("word", ["", "much", "ES=", "=5", "-1", "ES=NaN", "inf"])
def test_a_word_that_is_no_limit_is_named(word):
    with pytest.raises(ConsumerError, match=r"--limit: expected AMOUNT or ROOT=AMOUNT, found"):
        read_limits([word])


def test_a_limit_below_nothing_is_refused():
    with pytest.raises(ValueError, match="ES: a limit must be at least 0, was -1"):
        BreachesConfig(limits={"ES": Decimal(-1)})
