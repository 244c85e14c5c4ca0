"""The book on a real hour of ESH4: figures that others published, and structural facts."""

import pickle
import random

import numpy as np
import pytest

from operators.book import Book
from operators.book_config import BookConfig
from operators.model.evaluations import AUCTION, CROSSED, EXECUTION, MODIFIED_LIMIT, PANE, STOP
from operators.model.items import MboRows
from operators.model.streams import Message
from operators.validate import Validate
from operators.validate_config import ValidateConfig
from tests.operators.book_oracle import Oracle
from tests.operators.book_streams import cut, joined_rows, output_bytes, row_dicts
from tests.real.esh4 import (
    EXECUTIONS,
    INSTRUMENT_ID,
    NAMES,
    SNAPSHOT_RECORDS,
    STATE,
    items,
    records,
)

FACTS = {
    **EXECUTIONS,
    "events": 47_022,
    "modified_limits": 106,
    "late_rows": 0,
    "not_applied": 0,
}


def booked(folder, *, names=NAMES, validated=False):
    """Output of a book, and the book, after the files."""
    found = items(folder, names=names)
    if validated:
        found = Validate(ValidateConfig()).on_items(found)
    book = Book(BookConfig())
    return book.on_items(found), book


@pytest.mark.parametrize("validated", [False, True])
@pytest.mark.parametrize("names", [NAMES, NAMES[1:]])
def test_the_book_ends_as_others_found_it(real_data, names, validated):
    out, book = booked(real_data, names=names, validated=validated)
    facts = book.report().facts
    assert facts["instruments"] == {INSTRUMENT_ID: {"symbol": "ESH4", **STATE}}
    assert {name: facts[name] for name in FACTS} == FACTS
    assert facts["records"] == 60_067 + SNAPSHOT_RECORDS * len(names)
    assert not [item for item in out if isinstance(item, Message)]


def test_the_first_file_alone_is_a_snapshot(real_data):
    out, book = booked(real_data, names=NAMES[:1])
    assert out[1:] == []
    assert book.report().facts["instruments"][INSTRUMENT_ID]["orders"] == SNAPSHOT_RECORDS
    assert book.report().facts["events"] == 0


def test_executions_have_the_structure_that_was_measured(real_data):
    rows, fills = joined_rows(booked(real_data)[0])
    found = rows[rows["kind"] == EXECUTION]
    assert not rows["faults"].any()
    auction = found["aggressor"] == AUCTION
    assert (auction.sum(), found["size"][auction].sum()) == (1, 44)
    assert found["fill_stop"][auction] - found["fill_first"][auction] == 35
    traded = found[~auction]
    assert traded["size"].sum() == 9_848
    net = fills["size"].sum() - fills["size"][: int(found["fill_stop"][auction][0])].sum()
    assert net == 9_848
    stops = found[found["aggressor"] == STOP]
    assert (stops.size, stops["size"].sum()) == (100, 205)
    assert (found["aggressor"] == MODIFIED_LIMIT).sum() == 106
    assert [(traded["levels"] == n).sum() for n in (2, 3)] == [33, 3]
    shares = np.percentile(traded["size"], (50, 90, 95, 100), method="higher")
    assert shares.tolist() == [1, 7, 14, 89]
    assert (traded["resting"] > 0).sum() == 83
    resting_new = (traded["resting"] > 0) & (traded["aggressor"] != MODIFIED_LIMIT)
    assert resting_new.sum() == 76


def test_icebergs_are_the_ones_that_were_measured(real_data):
    rows, fills = joined_rows(booked(real_data)[0])
    found = rows[rows["kind"] == EXECUTION]
    assert (found["refills"].sum(), found["hidden"].sum(), fills["hidden"].sum()) == (85, 503, 503)
    ids, counts = np.unique(fills["order_id"][fills["hidden"] > 0], return_counts=True)
    assert (ids.size, (counts >= 2).sum()) == (13, 10)
    panes = rows[rows["kind"] == PANE]
    assert panes["hidden_bid"].sum() + panes["hidden_ask"].sum() == 503


def test_the_book_is_crossed_before_the_opening_only(real_data):
    rows, _ = joined_rows(booked(real_data)[0])
    found = rows[rows["kind"] == EXECUTION]
    opening = int(found["ts_event"][found["aggressor"] == AUCTION][0])
    crossed = rows["ts_event"][rows["state"] & CROSSED != 0]
    assert crossed.size > 0
    assert crossed.max() <= opening
    panes = rows[(rows["kind"] == PANE) & (rows["ts_event"] > opening)]
    assert (panes["bid"] < panes["ask"]).all()
    assert panes["records"].sum() > 55_000


def test_sums_of_panes_are_sums_of_executions(real_data):
    rows, _ = joined_rows(booked(real_data)[0])
    panes, found = rows[rows["kind"] == PANE], rows[rows["kind"] == EXECUTION]
    # The end of the input closes nothing: what came last is in no pane.
    found = found[found["ts_event"] < panes["ts_event"].max()]
    for name, side in (("buy", 1), ("sell", -1)):
        own = found[found["side"] == side]
        assert panes[name].sum() == own["size"].sum()
        assert panes[f"{name}_count"].sum() == own.size
        assert panes[f"stop_{name}"].sum() == own["size"][own["aggressor"] == STOP].sum()
        assert panes[f"sweep_{name}"].sum() == own["size"][own["levels"] >= 2].sum()


@pytest.mark.parametrize("rows_max", [7, 1_170])
def test_no_cut_changes_a_byte_of_a_real_hour(real_data, rows_max):
    whole, one = booked(real_data)
    book, out = Book(BookConfig()), []
    for item in items(real_data):
        pieces = cut([item], random.Random(0), 2 * rows_max - 1) if rows_max > 7 else sevens(item)
        for piece in pieces:
            out += book.on_items([piece])
    assert output_bytes(out) == output_bytes(whole)
    assert book.report() == one.report()


def sevens(item):
    """Records in pieces of seven."""
    if not isinstance(item, MboRows):
        return [item]
    return [MboRows(item.feed, item.rows[n : n + 7]) for n in range(0, item.rows.size, 7)]


def test_a_real_hour_resumes_after_any_record(real_data):
    whole, one = booked(real_data)
    rng = random.Random(0)
    pieces = [p for item in items(real_data) for p in cut([item], rng, 4_000)]
    state, out = None, []
    for piece in pieces:
        book = Book(BookConfig(), state and pickle.loads(state))
        out += book.on_items([piece])
        state = pickle.dumps(book.snapshot())
    assert len(pieces) > 30
    assert output_bytes(out) == output_bytes(whole)
    assert Book(BookConfig(), pickle.loads(state)).report() == one.report()


def test_the_twin_says_the_same_of_the_opening(real_data):
    rows = records(real_data, NAMES[1])[SNAPSHOT_RECORDS - 600 : SNAPSHOT_RECORDS + 4_000]
    part = [items(real_data)[0], MboRows("test", rows)]
    oracle = Oracle()
    oracle.on_items(part)
    assert row_dicts(Book(BookConfig()).on_items(part)) == oracle.rows
    assert len(oracle.rows) > 400
