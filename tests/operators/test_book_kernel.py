"""The book's kernel against its slow twin, on streams that no exchange would send."""

import pickle
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from operators.book import Book
from operators.book_config import BookConfig
from operators.model.controls import REASONS
from operators.model.evaluations import (
    AGGRESSOR_NAMES,
    CROSSED,
    EXECUTION,
    FAULT,
    FAULT_NAMES,
    FRONT,
)
from tests.operators.book_oracle import Oracle
from tests.operators.book_streams import (
    cut,
    gaps,
    hostile_items,
    joined,
    output_bytes,
    row_dicts,
    run,
)

SEEDS = st.integers(0, 2**32)


def assert_same_rows(found, expected):
    """Each row by its fields, for a failure one can read."""
    for index, (one, other) in enumerate(zip(found, expected, strict=False)):
        assert {k: (v, other[k]) for k, v in one.items() if v != other[k]} == {}, f"row {index}"
    assert len(found) == len(expected)


@given(SEEDS, st.integers(1, 300), st.integers(1, 40), st.sampled_from((0.0, 0.5, 0.95, 1.0)))
def test_the_kernel_says_what_its_twin_says(seed, records, orders, calm):
    items = hostile_items(seed, records, orders=orders, calm=calm)
    levels = (0, 1, 3, 100)[seed % 4]
    oracle = Oracle(levels)
    oracle.on_items(items)
    out, book = run(items, levels_published=levels)
    assert_same_rows(row_dicts(out), oracle.rows)
    assert gaps(out) == oracle.gaps
    facts = book.report().facts
    assert {name: facts[name] for name in oracle.counts} == dict(oracle.counts)
    columns = book._columns
    for market in oracle.markets.values():
        assert columns.instruments["orders"][market.slot] == len(market.orders)
        assert columns.sides["levels"][2 * market.slot] == len(market.levels(1))
        assert columns.sides["levels"][2 * market.slot + 1] == len(market.levels(-1))


def test_hostile_streams_reach_every_kind_of_row():
    rows = [r for seed in range(60) for r in row_dicts(run(hostile_items(seed, 300))[0])]
    executions = [r for r in rows if r["kind"] == EXECUTION]
    assert {r["aggressor"] for r in executions} == set(range(1, len(AGGRESSOR_NAMES)))
    assert any(r["refills"] for r in executions)
    assert any(r["levels"] > 1 for r in executions)
    assert any(r["resting"] for r in executions)
    seen = {i for r in rows for i, n in enumerate(r["faults"]) if n}
    assert seen == set(range(len(FAULT_NAMES))) - {FAULT_NAMES.index("event_overrun")}
    missing = range(1 + len(FAULT_NAMES), 1 + len(FAULT_NAMES) + len(REASONS))
    assert {r["aggressor"] for r in rows if r["kind"] == FAULT} >= {0, 1, 4, 6, 7, 9, 10, *missing}
    fronts = [r for r in rows if r["state"] & FRONT]
    assert len({(r["root"], r["instrument_id"]) for r in fronts}) >= 4
    assert max(len(r["depth"]) for r in fronts) >= 6
    assert any(bid and ask for r in fronts if r["state"] & CROSSED for _, bid, ask in r["depth"])
    assert not [r for r in rows if r["depth"] and not r["state"] & FRONT]


@given(SEEDS, st.integers(1, 300), st.sampled_from((1, 2, 7, 50, 10_000)))
def test_no_cut_changes_a_byte(seed, records, rows_max):
    items = hostile_items(seed, records)
    whole, _ = run(joined(items))
    pieces, _ = run(cut(items, random.Random(seed), rows_max), rows_max=1 + seed % 9)
    assert output_bytes(pieces) == output_bytes(whole)
    assert gaps(pieces) == gaps(whole)


@given(SEEDS, st.integers(1, 120), st.sampled_from((0.5, 1.0)))
def test_a_book_resumes_after_any_record(seed, records, calm):
    items = cut(hostile_items(seed, records, calm=calm), random.Random(seed), 1)
    whole, _ = run(items)
    out, state = [], None
    for item in items:
        book = Book(BookConfig(), state and pickle.loads(state))
        out += book.on_items([item])
        state = pickle.dumps(book.snapshot())
    assert output_bytes(out) == output_bytes(whole)
    assert gaps(out) == gaps(whole)


@given(SEEDS, st.integers(2, 200))
def test_a_snapshot_is_no_live_view(seed, records):
    items = hostile_items(seed, records)
    half = len(items) // 2
    _, book = run(items[:half])
    state = book.snapshot()
    before = pickle.dumps(state)
    first = book.on_items(items[half:])
    assert pickle.dumps(state) == before
    second, other = run(items[half:], state)
    assert pickle.dumps(state) == before
    assert output_bytes(first) == output_bytes(second)
    assert book.report() == other.report()


@settings(max_examples=5)
@given(SEEDS)
def test_long_streams_with_many_orders(seed):
    items = hostile_items(seed, 3000, orders=500, calm=1.0)
    oracle = Oracle()
    oracle.on_items(items)
    out, _ = run(joined(items))
    assert_same_rows(row_dicts(out), oracle.rows)
    assert gaps(out) == oracle.gaps
