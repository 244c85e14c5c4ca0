"""A real midnight: history's snapshot confirms the book that stood since the one before."""

import numpy as np

from connectors.databento.history_files import HistoryFile
from connectors.databento.history_snapshot import SnapshotCut
from operators.book import Book
from operators.book_config import BookConfig
from operators.model.book_check import verify_control
from operators.model.items import MboRows
from operators.model.streams import Message

ESH4 = 17077
MIDNIGHT = 1_703_462_400_000_000_000


def rows_of(folder, day):
    file = HistoryFile(str(folder / f"esh4-glbx-mdp3-202312{day}.mbo.dbn.zst"))
    found = np.concatenate([each.rows for each in file])
    assert file.fault is None
    return found


def through_the_night(folder, lost_row=None):
    """The book, and what it said, after Sunday's rows and Monday's history."""
    before = rows_of(folder, "24")
    if lost_row is not None:
        before = np.delete(before, lost_row)
    book, cut = Book(BookConfig()), SnapshotCut()
    said = book.on_items([MboRows("glbx", before)])
    for part in cut.cut(rows_of(folder, "25")):
        if part is None:
            checks = cut.take()
            assert [each for each, _ in checks] == [ESH4]
            said += book.on_items([verify_control("glbx", MIDNIGHT, *each) for each in checks])
        else:
            said += book.on_items([MboRows("glbx", part)])
    assert cut.orders == 8_725
    return book, [message.value for message in said if isinstance(message, Message)]


def test_the_snapshot_of_monday_is_the_book_of_sunday(real_data):
    book, gaps = through_the_night(real_data)
    assert gaps == []
    facts = book.report().facts["instruments"][ESH4]
    assert (facts["orders"], facts["unknown_orders"]) == (11_217, 0)
    assert (facts["bid_levels"], facts["ask_levels"]) == (922, 565)
    assert (facts["best_bid"], facts["best_ask"]) == (4_810_000_000_000, 4_810_250_000_000)


def test_one_order_of_thousands_is_missed(real_data):
    _, gaps = through_the_night(real_data, lost_row=4_321)
    assert [(gap.change, gap.reason, gap.ts_to) for gap in gaps[:1]] == [
        ("opened", "seam", MIDNIGHT)
    ]
