import pytest

from operators.detectors.option_balance_config import OptionBalanceConfig
from tests.operators.options.chains import (
    QUIET_S,
    calls_bought,
    crowd,
    market,
    spread,
    straddle,
    synthetic,
    tape,
    told,
)

QUIET = crowd(QUIET_S + 90)


def vetoes(text, **settings):
    config = OptionBalanceConfig(**settings)
    return told("option_balance", market(QUIET, tape(text)), option_balance=config)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (straddle(), "A straddle"),
        (straddle().replace("buy", "sell"), "A straddle"),
        (straddle().replace("P4810", "P4790"), "A strangle"),
        (spread(), "A spread"),
        (spread().replace(" C", " P"), "A spread"),
        (straddle().replace("buy 8 P4810", "sell 8 C4820"), "A spread"),
    ],
)
def test_legs_that_cancel_are_named(text, name):
    found = vetoes(text)
    assert found
    assert {(one.side, one.group, one.instrument_id) for one in found} == {("none", "veto", 1)}
    assert all(one.text.startswith(f"{name} of ESH4: ") for one in found[2:])
    assert all(one.measure >= 0.5 for one in found)


def test_views_are_none():
    assert vetoes(synthetic()) == []
    assert vetoes(calls_bought()) == []
    assert vetoes("") == []


def test_legs_of_different_size_are_none():
    assert vetoes(straddle().replace("buy 8 P", "buy 2 P")) == []


def test_each_setting_counts():
    for name, value in (
        ("size_min", 900), ("z_min", 90.0), ("balance_min", 0.999), ("watched_s_min", 3_600.0),
    ):  # fmt: skip
        most = 1 if name == "balance_min" else 0
        assert len(vetoes(spread(), **{name: value})) <= most
    often = vetoes(straddle(), repeat_ns=1_000_000_000)
    assert len(often) > len(vetoes(straddle(), repeat_ns=20_000_000_000))
