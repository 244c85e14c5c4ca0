import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.databento.header import parse_header
from connectors.databento.messages import SymbolMapping
from connectors.root_rules import RootsConfig
from connectors.roots import RootTable
from operators.model.errors import FeedError, StateError
from operators.model.items import (
    Control,
    Definition,
    Instrument,
    MarketStatus,
    MboRows,
    Statistic,
    Tick,
)
from operators.model.signals import Gap
from tests.connectors.dbn_bytes import NS_PER_DAY, day_ns, header, mbo
from tests.connectors.definitions import definition

STATUS = MarketStatus("f", 1, 6, 7, True)


def table(state=None, **config):
    facts = {"shards": 4, "shard_overrides": {"ES": 1, "NQ": 2}}
    return RootTable("f", RootsConfig(**(facts | config)), state)


def mapping(instrument_id, symbol, subscription="ES.FUT", ts_event=3):
    return SymbolMapping(instrument_id, ts_event, subscription, symbol)


def told(out):
    """Shard and what went there, records as their number."""
    return [
        (shard, item.rows.size if isinstance(item, MboRows) else type(item)) for shard, item in out
    ]


def instruments(out):
    return [item for _, item in out if isinstance(item, Instrument)]


def gaps(out):
    return [item.value for _, item in out if isinstance(getattr(item, "value", None), Gap)]


def test_an_instrument_is_introduced_once_before_its_first_record():
    roots = table()
    assert roots.on_item(mapping(1, "ESH4")) == []
    out = roots.on_rows(mbo(3, ts=100))
    assert told(out) == [(1, Instrument), (1, 3)]
    assert out[0][1] == Instrument("f", 1, "ESH4", "ES", "mapping", 100)
    assert told(roots.on_rows(mbo(2))) == [(1, 2)]
    assert roots.on_item(mapping(1, "ESH4")) == []


def test_records_go_to_their_roots_shards_in_feed_order():
    roots = table()
    for each, symbol in enumerate(("ESH4", "NQH4", "ESM4"), 1):
        roots.on_item(mapping(each, symbol))
    rows = mbo(9, ids=(3, 2, 1))
    out = roots.on_rows(rows)
    assert [i.symbol for i in instruments(out)] == ["ESM4", "NQH4", "ESH4"]
    (_, es), (_, nq) = out[3:]
    assert np.array_equal(es.rows, rows[rows["instrument_id"] != 2])
    assert np.array_equal(nq.rows, rows[rows["instrument_id"] == 2])


def test_what_is_known_of_an_instrument_waits_for_its_first_record():
    roots = table()
    settlement = Statistic("f", 1, 6, 3, 10, None)
    for item in (definition(1), STATUS, Statistic("f", 1, 6, 3, 9, None), settlement):
        assert roots.on_item(item) == []
    out = roots.on_rows(mbo(1))
    assert [item for _, item in out[1:-1]] == [definition(1), STATUS, settlement]
    assert roots.superseded == 1
    assert roots.on_item(STATUS) == [(1, STATUS)]
    assert roots.on_item(definition(1)) == [(1, definition(1))]


def test_ticks_and_controls_go_to_every_shard():
    for item in (Tick("f", 5), Control("f", 5, "silence", "{}")):
        assert table().on_item(item) == [(shard, item) for shard in range(4)]


@pytest.mark.parametrize(
    ("items", "root", "origin"),
    [
        ([], "1", "unknown"),
        ([mapping(1, "ESH4")], "ES", "mapping"),
        ([mapping(1, "UD:1V: GN 2345")], "1", "unknown"),
        ([mapping(1, "UD:1V: GN 2345"), definition(1, asset="ES")], "ES", "definition"),
        ([definition(1, asset="EW2", instrument_class="C", underlying="ESH4")], "ES", "definition"),
        ([definition(1, asset="", symbol="ESH4")], "ES", "symbol"),
        ([mapping(1, "EW2F4 C4800", "EW2.OPT")], "ES", "setting"),
        ([mapping(1, "EW2F4 C4800", "EW2.OPT"), definition(1, asset="EW2")], "ES", "setting"),
        ([mapping(1, "1", "ES.c.0")], "ES", "mapping"),
    ],
)
def test_the_root_comes_from_the_best_that_is_known(items, root, origin):
    roots = table(assigned={"EW?.OPT": "ES"})
    for item in items:
        roots.on_item(item)
    out = roots.on_rows(mbo(1))
    (only,) = instruments(out)
    assert (only.root, only.origin) == (root, origin)
    assert gaps(out) == []
    assert roots.unknown_roots == (origin == "unknown")


def test_a_definition_that_contradicts_is_a_gap_and_the_root_stays():
    roots = table()
    roots.on_item(mapping(1, "EW2F4 C4800"))
    roots.on_rows(mbo(1))
    option = definition(
        1, symbol="EW2F4 C4800", asset="EW2", instrument_class="C", underlying="ESH4"
    )
    out = roots.on_item(option)
    (gap,) = gaps(out)
    assert (gap.root, gap.reason, gap.change, gap.ts_event) == ("EW2", "reassigned", "opened", 5)
    assert "belongs to root ES" in gap.text
    assert out[0][1].seq == 0
    assert told(out)[-1] == (RootsConfig(shards=4).shard("EW2"), Definition)
    assert gaps(roots.on_item(option)) == []
    assert roots.reassigned == 1
    assert instruments(roots.on_rows(mbo(1))) == []


def test_a_setting_is_contradicted_by_another_setting_only():
    roots = table(assigned={"EW2.OPT": "ES"}, products={"OB": "BONDS"})
    roots.on_item(mapping(1, "EW2F4 C4800", "EW2.OPT"))
    roots.on_rows(mbo(1))
    assert gaps(roots.on_item(definition(1, symbol="", asset="EW2"))) == []
    assert len(gaps(roots.on_item(definition(1, symbol="", asset="OB")))) == 1


def test_a_definition_names_what_had_no_name_but_the_root_stays():
    roots = table()
    roots.on_rows(mbo(1))
    out = roots.on_item(definition(1))
    (only,) = instruments(out)
    assert (only.symbol, only.root) == ("ESH4", "1")
    assert len(gaps(out)) == 1
    out = roots.on_item(mapping(1, "ESH4"))
    assert out == []


def test_another_symbol_is_another_instrument():
    roots = table()
    roots.on_item(mapping(1, "ESH4"))
    roots.on_rows(mbo(1))
    (again,) = instruments(roots.on_item(mapping(1, "ESM4")))
    assert (again.symbol, again.root) == ("ESM4", "ES")
    out = roots.on_item(mapping(1, "NQM4", ts_event=9))
    (gap,) = gaps(out)
    assert (gap.root, gap.ts_event) == ("ES", 9)
    assert told(out)[-1] == (2, Instrument)
    assert told(roots.on_rows(mbo(2))) == [(2, 2)]
    assert roots.reassigned == 1


TWO_DAYS = [
    ("ESH4", [("2024-01-02", "2024-01-03", "1"), ("2024-01-03", "2024-01-04", "2")]),
    ("NQH4", [("2024-01-02", "2024-01-03", "2"), ("2024-01-03", "2024-01-04", "1")]),
]


def test_a_header_names_instruments_and_renames_them_at_midnight():
    roots = table()
    assert roots.on_header(parse_header(header(symbols=TWO_DAYS))) == []
    start = day_ns("2024-01-03") - 4
    rows = mbo(8, ids=(1, 2), ts=start)
    out = roots.on_rows(rows)
    assert [(i.instrument_id, i.symbol) for i in instruments(out)] == [
        (1, "ESH4"),
        (2, "NQH4"),
        (1, "NQH4"),
        (2, "ESH4"),
    ]
    assert [x for x in told(out) if isinstance(x[1], int)] == [(1, 2), (2, 2), (1, 2), (2, 2)]
    assert [gap.root for gap in gaps(out)] == ["ES", "NQ"]


def test_the_next_files_header_renames_what_it_names_differently():
    roots = table()
    first = header(symbols=[("ESH4", [("2024-01-02", "2024-01-03", "1")])])
    second = header(symbols=[("ESM4", [("2024-01-03", "2024-01-04", "1")])])
    roots.on_header(parse_header(first))
    roots.on_rows(mbo(1))
    assert roots.on_header(parse_header(first)) == []
    (again,) = instruments(roots.on_header(parse_header(second)))
    assert (again.symbol, again.ts_event) == ("ESM4", day_ns("2024-01-03"))


def test_an_id_out_of_bounds_of_the_table_is_refused():
    roots = table(instruments_max=2)
    roots.on_rows(mbo(2, ids=(1, 2)))
    with pytest.raises(
        FeedError, match="feed f: expected at most 2 instruments, found one more: 3"
    ):
        roots.on_rows(mbo(1, ids=(3,)))


def test_a_snapshot_of_another_version_is_refused():
    state = table().snapshot() | {"version": 99}
    with pytest.raises(StateError, match="fresh recovery store"):
        table(state)


def play(roots, steps):
    out = []
    for step in steps:
        out += roots.on_rows(step) if isinstance(step, np.ndarray) else roots.on_item(step)
    return out


def flat(out):
    return [
        (shard, item.rows.tobytes() if isinstance(item, MboRows) else item) for shard, item in out
    ]


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("rows"), st.integers(1, 5), st.integers(1, 4)),
            st.tuples(
                st.just("map"),
                st.integers(1, 6),
                st.sampled_from(("ESH4", "NQH4", "EW2F4 C1", "7")),
            ),
            st.tuples(st.just("def"), st.integers(1, 6), st.sampled_from(("ES", "NQ", ""))),
            st.tuples(st.just("stat"), st.integers(1, 6), st.integers(1, 2)),
            st.tuples(st.just("status"), st.integers(1, 6), st.booleans()),
        ),
        max_size=12,
    ),
    st.integers(0, 12),
)
def test_a_table_resumed_anywhere_goes_on_as_if_never_stopped(words, cut):
    steps = [step_of(*word) for word in words]
    whole = flat(play(table(), steps))
    first = table()
    before = flat(play(first, steps[:cut]))
    live = first.snapshot()
    state = pickle.loads(pickle.dumps(live))
    after = flat(play(table(state), steps[cut:]))
    assert before + after == whole
    play(first, steps[cut:])
    assert live == state


def step_of(kind, each, what):
    if kind == "rows":
        return mbo(what, ids=(each, each + 1), start=each)
    if kind == "map":
        return mapping(each, what)
    if kind == "def":
        return definition(each, asset=what, symbol=f"{what}H4" if what else "")
    if kind == "stat":
        return Statistic("f", each, 3, what, 1, None)
    return MarketStatus("f", each, 3, 7, what)


def test_a_resume_after_midnight_keeps_the_new_names():
    names = parse_header(header(symbols=TWO_DAYS))
    rows = mbo(4, ids=(1, 2), ts=day_ns("2024-01-03"))
    first = table()
    first.on_header(names)
    first.on_rows(rows)
    resumed = table(first.snapshot())
    resumed.on_header(names, resumed=True)
    for roots in (first, resumed):
        assert told(roots.on_rows(rows)) == [(1, 2), (2, 2)]
        assert [i.symbol for i in instruments(roots.on_rows(mbo(1, ids=(3,))))] == ["3"]


def test_records_of_later_days_are_all_after_the_change():
    roots = table()
    roots.on_header(parse_header(header(symbols=TWO_DAYS)))
    out = roots.on_rows(mbo(2, ids=(1, 2), ts=day_ns("2024-01-02") + 5 * NS_PER_DAY))
    assert [i.symbol for i in instruments(out)] == ["NQH4", "ESH4"]
    assert gaps(out) == []
