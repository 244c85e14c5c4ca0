from hypothesis import given
from hypothesis import strategies as st

from operators.detectors.sweep import ORDERS_MAX
from operators.detectors.sweep_config import SweepConfig
from operators.detectors.sweep_rates import CLASSES
from operators.model.evaluations import AUCTION, EXECUTION, OUTRIGHT, STOP
from tests.evaluations import ASK, BID, e9, execution, ns
from tests.operators.detectors.looks import evidence
from tests.operators.markets import market


def sweeps(*rows, **settings):
    return evidence("sweep", rows, SweepConfig(**settings))


def test_three_levels_by_one_order_are_a_sweep():
    (one,) = sweeps(execution(1, 1, 50, levels=3, order_id=77, ask_size_before=0))
    assert (one.side, one.size, one.measure, one.unit) == ("buy", 50, 3.0, "levels")
    assert (one.strength, one.structural, one.z, one.group) == (2.5, True, None, "aggression")
    assert (one.price_e9, one.order_ids) == (e9(ASK + 0.5), (77,))
    assert (
        one.text
        == "Bought 50 lots of 1 at once, 3 levels deep to 4810.75: 0 lots were shown at the touch;"
        " 0 like it among the 0 before"
    )


def test_selling_is_its_mirror_image():
    (one,) = sweeps(execution(1, -1, 50, levels=3, bid_size_before=0))
    assert (one.side, one.strength, one.price_e9) == ("sell", 2.5, e9(BID - 0.5))


def test_two_levels_are_not():
    assert sweeps(execution(1, 1, 30, levels=2)) == []


def test_taking_all_that_was_shown_is_a_sweep_if_it_is_large():
    (one,) = sweeps(execution(1, 1, 50))
    assert (one.measure, one.threshold, one.unit) == (2.5, 1.0, "of the size shown")
    assert sweeps(execution(1, 1, 49)) == []
    assert sweeps(execution(1, 1, 50, ask_size_before=51)) == []
    assert sweeps(execution(1, 1, 50, ask_size_before=0)) == []


def test_more_levels_and_more_size_are_stronger_up_to_six():
    deep = [sweeps(execution(1, 1, 50, levels=n, ask_size_before=0)) for n in (3, 4, 6, 50)]
    assert [one.strength for (one,) in deep] == [2.5, 3.3333, 5.0, 6.0]
    thin = sweeps(execution(1, 1, 8, levels=3))
    assert [one.strength for one in thin] == [1.0]
    by_size = [sweeps(execution(1, 1, n))[0].strength for n in (50, 100, 5000)]
    assert by_size == sorted(by_size)
    assert by_size[-1] == 6.0


def test_pieces_of_a_parent_order_within_five_ms_are_one_sweep():
    pieces = [execution(1 + n / 1000, 1, 20, price=ASK + 0.25 * n, order_id=n) for n in range(3)]
    (one,) = sweeps(*pieces)
    assert (one.size, one.measure, one.order_ids) == (60, 3.0, (0, 1, 2))
    assert (one.ts_first, one.ts_last) == (ns(1), ns(1.002))
    assert (one.sequence_first, one.sequence_last) == (1000, 1002)


def test_pieces_further_apart_are_not():
    pieces = [execution(1 + n * 0.006, 1, 15, price=ASK + 0.25 * n) for n in range(3)]
    assert sweeps(*pieces) == []
    assert len(sweeps(*pieces, coalesce_ns=6_000_000)) == 1


def test_pieces_at_one_price_are_one_level():
    assert sweeps(*(execution(1, 1, 10) for _ in range(4))) == []


def test_the_other_side_ends_a_chain():
    rows = (
        execution(1, 1, 15),
        execution(1, -1, 1),
        execution(1, 1, 15, price=ASK + 0.25),
        execution(1, 1, 5, price=ASK + 0.5),
    )
    assert sweeps(*rows) == []


def test_a_growing_sweep_is_told_again_when_it_goes_further_or_doubles():
    rows = [
        execution(1, 1, 30, levels=3),
        execution(1.001, 1, 10, price=ASK + 0.5),
        execution(1.002, 1, 20, price=ASK + 0.5),
        execution(1.003, 1, 5, price=ASK + 0.75),
    ]
    assert [(e.size, e.measure) for e in sweeps(*rows)] == [(30, 3.0), (60, 3.0), (65, 4.0)]


def test_instruments_do_not_mix():
    rows = [execution(1, 1, 15, price=ASK + 0.25 * n, instrument_id=1 + n % 2) for n in range(4)]
    assert sweeps(*rows) == []


def test_auctions_and_implied_trades_are_none():
    assert sweeps(execution(1, 0, 500, levels=9, aggressor=AUCTION)) == []
    assert sweeps(execution(1, 0, 500, levels=9)) == []


def test_a_dirty_book_ends_a_chain():
    rows = [
        execution(1, 1, 15, levels=2),
        execution(1, 1, 1, dirty=True),
        execution(1, 1, 15, price=ASK + 0.5),
    ]
    assert sweeps(*rows) == []


def test_each_setting_counts():
    three = execution(1, 1, 30, levels=3)
    assert sweeps(three, levels_min=4) == []
    assert len(sweeps(execution(1, 1, 30), size_min=30)) == 1


def test_elected_stops_join_the_chain_and_orders_are_bounded():
    rows = [execution(1, 1, 10, aggressor=STOP, order_id=n) for n in range(ORDERS_MAX + 4)]
    one = sweeps(*rows)[-1]
    assert one.order_ids == tuple(range(ORDERS_MAX))
    assert one.size == 100


def class_of(chain, config):
    """(Depth, octave of the size) by hand, None where it does not count."""
    octave = 0
    while chain["size"] >= config.size_min * 2 ** (octave + 1) and octave < CLASSES - 1:
        octave += 1
    takes = chain["depth"] > 0 and chain["size"] >= max(chain["depth"], config.size_min)
    return min(chain["levels"] - 2, CLASSES - 1), octave if takes else None


def hourly(own, pooled, time_ns, chain, config):
    """How often a chain as deep or as large comes."""
    level, octave = class_of(chain, config)

    def share(place, bound, first):
        def like(ended):
            return sum(1 for c in ended if c[place] is not None and c[place] >= bound)

        guess = (like(pooled) + 300 * first) / (len(pooled) + 300)
        return (like(own) + 300 * guess) / (len(own) + 300)

    shares = []
    if chain["levels"] >= config.levels_min:
        shares.append(share(0, level, 0.008 / 8**level))
    if octave is not None:
        shares.append(share(1, octave, 0.001 / 4**octave))
    return min(shares) * (len(own) + 1) * 3600e9 / (time_ns + 60e9)


def naive(rows, config):
    """Chains by hand: (side, size, levels) of each telling."""
    told, chains, ended, times, pools = [], {}, {}, {}, {}
    for row in rows:
        f = row.fields
        if f["kind"] != EXECUTION or f["aggressor"] == AUCTION or f["side"] == 0:
            continue
        pool = f["root"], bool(f["state"] & OUTRIGHT)
        if row.quality < 0.8 or f["state"] & 1:
            chains.pop(f["slot"], None)
            continue
        side, depth = f["side"], f["ask_size_before" if f["side"] > 0 else "bid_size_before"]
        c = chains.get(f["slot"])
        if c and c["side"] == side and 0 <= f["ts_event"] - c["ts"] <= config.coalesce_ns:
            begins, ends = (side * (f[p] - c["far"]) for p in ("price_first", "price_last"))
            c["levels"] += f["levels"] if begins > 0 else max(1, f["levels"] - 1) if ends > 0 else 0
            c["far"] = f["price_last"] if ends > 0 else c["far"]
            c["size"] += f["size"]
        else:
            if c:
                pause = min(max(f["ts_event"] - c["ts"], 0), 300 * 10**9)
                times[f["slot"]] = times.get(f["slot"], 0) + pause
                ended.setdefault(f["slot"], []).append(class_of(c, config))
                pools.setdefault(pool, []).append(class_of(c, config))
            c = {"side": side, "levels": f["levels"], "size": f["size"], "depth": depth}
            c |= {"far": f["price_last"], "told": (0, 0)}
        c["ts"] = f["ts_event"]
        chains[f["slot"]] = c
        wide = c["levels"] >= config.levels_min
        deep = c["depth"] > 0 and c["size"] >= max(c["depth"], config.size_min)
        news = (wide and c["levels"] > c["told"][0]) or c["size"] >= 2 * c["told"][1]
        if not (wide or deep) or not news:
            continue
        known = ended.get(f["slot"], []), pools.get(pool, []), times.get(f["slot"], 0)
        if hourly(*known, c, config) <= config.per_hour_max:
            c["told"] = (c["levels"], c["size"])
            told.append((side, c["size"], c["levels"] if wide else None))
    return told


@given(st.integers(0, 10_000), st.integers(2, 5), st.integers(1, 120), st.floats(0.1, 2000))
def test_the_kernel_agrees_with_chains_kept_by_hand(seed, levels_min, size_min, rate):
    rows = market(seed, 120)
    config = SweepConfig(levels_min=levels_min, size_min=size_min, per_hour_max=rate)
    found = [
        (1 if e.side == "buy" else -1, e.size, int(e.measure) if e.unit == "levels" else None)
        for e in evidence("sweep", rows, config)
    ]
    assert found == naive(rows, config)
