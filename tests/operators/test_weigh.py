from dataclasses import fields, replace

import pytest

from operators.model.items import Observation
from operators.model.signals import Evidence
from operators.pile import Pile
from operators.weigh import KINDS, OPPOSED, VETOES, weigh, weighed
from operators.weigh_config import WeighConfig

CONFIG = WeighConfig()
WEIGHTS = {one.name for one in fields(WeighConfig)}
GROUPS = {
    "sweep": "aggression",
    "large_aggressor": "aggression",
    "stop_run": "aggression",
    "signed_pressure": "pressure",
    "native_iceberg": "passive",
    "absorption": "passive",
    "order_flow": "book",
    "net_flow": "pressure",
    "hidden_flow": "passive",
    "sweep_flow": "aggression",
    "slicing": "slicing",
    "option_delta": "options",
    "option_vega": "options",
    "option_strike": "options",
    "option_coordination": "options",
    "option_balance": "veto",
    "synthetic_iceberg": "passive",
    "spoof_like": "veto",
    "quote_churn": "veto",
    "two_sided": "veto",
    "roll": "veto",
}


def seen(
    detector, strength=3.0, *, structural=True, quality=1.0, size=10, side="buy", key=0, id_=1
):
    """An observation by a detector."""
    evidence = Evidence(
        detector=detector,
        group=GROUPS[detector],
        instrument_id=id_,
        symbol="ESH4",
        side=side,
        strength=strength,
        structural=structural,
        z=None,
        tail_p=None,
        window_s=0,
        size=size,
        measure=1.0,
        threshold=1.0,
        unit="lots",
        price_e9=4810_000_000_000,
        text=detector,
        order_ids=(),
        sequence_first=1,
        sequence_last=2,
        ts_first=0,
        ts_last=0,
        quality=quality,
    )
    return Observation(0, key, 4810_000_000_000, not structural, 0, evidence)


def verdict(*observations, against=(), vetoes=(), config=CONFIG):
    weights = [weighed(one, config) for one in vetoes]
    return weigh(pile(observations, config), pile(against, config), config, weights)


def pile(observations, config):
    found = Pile()
    for number, one in enumerate(observations):
        found.put((one.evidence.detector, 1, number), weighed(one, config))
    return found


def test_log_odds_are_bias_and_weighted_strength():
    one = verdict(seen("sweep", 4.0, quality=0.9))
    assert one.log_odds == round(CONFIG.bias + CONFIG.structural_sweep * 4.0 * 0.9, 4)
    assert (one.kind, one.size) == ("sweep", 10)


def test_contributions_and_bias_add_up():
    one = verdict(
        seen("sweep", 3.3), seen("sweep", 2.7, key=2), seen("native_iceberg", 4.1),
        against=[seen("sweep", 5.5, side="sell")],
    )  # fmt: skip
    assert CONFIG.bias + sum(c.log_odds for c in one.contributions) == pytest.approx(one.log_odds)


def test_strength_is_clipped_to_zero_and_six():
    assert verdict(seen("sweep", 99.0)).log_odds == verdict(seen("sweep", 6.0)).log_odds
    assert verdict(seen("sweep", -9.0)).log_odds == CONFIG.bias


def test_groups_add_but_members_of_a_group_count_a_quarter():
    sweep, large, iceberg = (seen(name) for name in ("sweep", "large_aggressor", "native_iceberg"))
    alone = verdict(sweep).log_odds - CONFIG.bias
    both = verdict(sweep, large).log_odds - CONFIG.bias
    assert both == pytest.approx(alone + 0.25 * 3 * CONFIG.structural_large_aggressor, abs=1e-3)
    two = verdict(sweep, iceberg).log_odds - CONFIG.bias
    assert two == pytest.approx(alone + 3 * CONFIG.structural_native_iceberg)


def test_a_hundred_sweeps_are_no_more_than_five():
    many = [seen("sweep", key=n) for n in range(100)]
    assert verdict(*many).log_odds == verdict(*many[:5]).log_odds
    assert len(verdict(*many).counted) == 5
    assert verdict(*many).size == 1_000


def test_the_same_on_the_other_side_weakens_other_groups_do_not():
    alone = verdict(seen("sweep")).log_odds
    opposed = verdict(seen("sweep"), against=[seen("large_aggressor", side="sell")])
    assert opposed.log_odds < alone
    assert opposed.contributions[-1].detector == OPPOSED
    assert opposed.contributions[-1].log_odds < 0
    absorbed = seen("absorption", side="sell", structural=False)
    assert verdict(seen("sweep"), against=[absorbed]).log_odds == alone


def test_opposition_never_takes_more_than_is_there():
    strong = [seen("sweep", 6.0, side="sell", key=n) for n in range(9)]
    weak = verdict(seen("sweep", 1.0), against=strong, config=replace(CONFIG, opposed_share=1.0))
    assert weak.log_odds == CONFIG.bias


def test_a_veto_takes_its_value_off_and_contributions_add_up():
    flow = seen("order_flow", 5.0, structural=False)
    one = verdict(flow, seen("native_iceberg"), vetoes=[seen("spoof_like", 2.0)])
    parts = {part.detector: part.log_odds for part in one.contributions}
    assert parts["spoof_like"] == -2.0 * CONFIG.veto_spoof_like
    assert CONFIG.bias + sum(parts.values()) == pytest.approx(one.log_odds)
    assert (one.kind, one.size) == ("pressure" if 5.0 * 0.4 > 3 * 0.65 else "iceberg", 10)
    assert [piece.detector for piece in one.counted] == [
        *("order_flow", "native_iceberg", "spoof_like"),
    ]


def test_a_veto_undoes_what_it_concerns_and_never_more():
    flow = seen("order_flow", 1.0, structural=False)
    undone = verdict(flow, vetoes=[seen("spoof_like", 6.0), seen("quote_churn", 6.0, side="none")])
    assert undone.log_odds == CONFIG.bias
    assert [veto.detector for veto in undone.vetoes] == ["spoof_like"]
    iceberg = seen("native_iceberg")
    assert verdict(iceberg, vetoes=[seen("spoof_like", 6.0)]) == verdict(iceberg)


def test_with_opposition_a_veto_takes_only_what_that_leaves():
    sweep, against = seen("sweep"), [seen("sweep", 6.0, side="sell")]
    config = replace(CONFIG, veto_two_sided=10.0)
    one = verdict(sweep, against=against, vetoes=[seen("two_sided", 6.0)], config=config)
    assert one.log_odds == CONFIG.bias


def test_a_veto_on_another_instrument_takes_nothing():
    sweep = seen("sweep")
    assert verdict(sweep, vetoes=[seen("two_sided", id_=2)]) == verdict(sweep)
    assert verdict(sweep, vetoes=[seen("two_sided")]).log_odds < verdict(sweep).log_odds


@pytest.mark.parametrize("detector", VETOES)
def test_each_veto_counts_against_what_it_concerns(detector):
    concerned = sorted(VETOES[detector])
    for name in concerned:
        assert name in KINDS
        observation = seen(name, structural=f"structural_{name}" in WEIGHTS)
        alone = verdict(observation).log_odds
        none = replace(CONFIG, **{f"veto_{detector}": 0.0})
        assert verdict(observation, vetoes=[seen(detector)]).log_odds < alone
        assert verdict(observation, vetoes=[seen(detector)], config=none).log_odds == alone


def test_the_kind_is_what_dominates_and_size_is_counted_once():
    one = verdict(
        seen("sweep", size=300), seen("large_aggressor", size=300), seen("native_iceberg", 5.0)
    )
    assert (one.kind, one.lead.evidence.detector, one.size) == ("iceberg", "native_iceberg", 300)


@pytest.mark.parametrize("detector", KINDS)
def test_each_weight_counts(detector):
    names = {one.name for one in fields(WeighConfig)}
    found = [p for p in ("relative", "structural") if f"{p}_{detector}" in names]
    assert found
    for prefix in found:
        observation = seen(detector, structural=prefix == "structural")
        none = replace(CONFIG, **{f"{prefix}_{detector}": 0.0})
        assert verdict(observation, config=none).log_odds == CONFIG.bias
        assert verdict(observation).log_odds > CONFIG.bias


@pytest.mark.parametrize(
    ("key", "value"),
    [("bias", -1.0), ("rest_share", 0.5), ("rest_max", 0), ("opposed_share", 0.0)],
)
def test_each_other_setting_counts(key, value):
    evidence = seen("sweep"), seen("sweep", key=1)
    against = [seen("sweep", 1.0, side="sell")]
    changed = verdict(*evidence, against=against, config=replace(CONFIG, **{key: value}))
    assert changed.log_odds != verdict(*evidence, against=against).log_odds


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("bias", float("nan")),
        ("bias", float("inf")),
        ("relative_absorption", -0.1),
        ("structural_sweep", 11),
        ("veto_roll", -0.5),
        ("structural_sweep", float("nan")),
        ("rest_share", 1.1),
        ("opposed_share", -1),
        ("rest_max", -1),
    ],
)
def test_a_bad_setting_is_refused(key, value):
    with pytest.raises(ValueError, match=rf"{key} must be .*was {value}"):
        WeighConfig(**{key: value})
