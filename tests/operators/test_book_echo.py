"""What orders do after one another, as tapes: tranches that follow, and orders that flash."""

import numpy as np
import pytest

from operators.book import Book
from operators.book_config import BookConfig
from operators.model.evaluations import EXECUTION, PANE
from operators.model.items import Evaluations, MboRows, Tick
from operators.model.records import NS_PER_S
from tests.tape import tape

TOUCH = """
    0 A B 4810.00 50 #1
    --
    0 A A 4810.25 50 #2
    --
"""


def rows_of(*parts):
    """Evaluation rows and fills of a tape, with all its seconds closed."""
    batches = [tape(part) if isinstance(part, str) else part for part in parts]
    stop = int(max(batch["ts_event"].max() for batch in batches)) + 2 * NS_PER_S
    items = [MboRows("test", batch) for batch in batches]
    found = Book(BookConfig()).on_items([*items, Tick("test", stop)])
    found = [item for item in found if isinstance(item, Evaluations)]
    rows = np.concatenate([item.rows for item in found])
    return rows, np.concatenate([item.fills for item in found])


def order(ms, order_id, size, side="B", price=4810.00):
    return f"{ms} A {side} {price:.2f} {size} #{order_id}\n--\n"


def taken(ms, order_id, size, left=0, price=4810.00):
    """An aggressor takes `size` of a bid, of which `left` remain."""
    rest = f"{ms} C B {price:.2f} {size} #{order_id}\n"
    return (
        f"{ms} T A {price:.2f} {size} #{9_000 + ms}\n"
        f"{ms} F B {price:.2f} {size} #{order_id}\n" + rest + "--\n"
    )


def fills_of(text):
    rows, fills = rows_of(TOUCH + text)
    assert (rows["kind"] == EXECUTION).any()
    return [(int(f["order_id"]), int(f["whole"]), int(f["follows"])) for f in fills]


def flashes_of(text):
    rows, _ = rows_of(TOUCH + text)
    panes = rows[rows["kind"] == PANE]
    return int(panes["flash_bid"].sum()), int(panes["flash_ask"].sum())


def test_the_fill_that_takes_the_last_of_an_order_says_all_it_had_shown():
    text = order(10, 11, 7) + taken(20, 11, 3, left=4) + taken(30, 11, 4)
    assert fills_of(text) == [(11, 0, 0), (11, 7, 0)]


def test_an_order_of_that_size_within_three_tenths_of_a_second_follows_it():
    text = order(10, 11, 7) + taken(20, 11, 7) + order(320, 12, 7) + taken(900, 12, 7)
    assert fills_of(text) == [(11, 7, 0), (12, 7, 11)]


def test_at_the_next_price_near_the_touch_it_follows_too():
    text = order(10, 11, 7) + taken(20, 11, 7)
    text += order(50, 12, 7, price=4809.75) + taken(900, 12, 7, price=4809.75)
    assert fills_of(text)[1] == (12, 7, 11)


@pytest.mark.parametrize(
    "text",
    [
        order(321, 12, 7),  # too late
        order(50, 12, 6),  # of another size
        order(50, 12, 7, price=4808.00) + "60 M B 4810.00 7 #12\n--\n",  # came far away
    ],
)
def test_what_is_late_or_another_size_or_far_away_follows_nothing(text):
    text = (
        order(5, 6, 1, price=4809.75)
        + order(6, 7, 1, price=4809.50)
        + order(10, 11, 7)
        + (taken(20, 11, 7) + text)
    )
    rows = fills_of(text + taken(900, 12, 7 if "12\n" in text and " 6 #12" not in text else 6))
    assert rows[-1][2] == 0


def test_an_order_on_the_other_side_follows_nothing():
    text = order(10, 11, 7) + taken(20, 11, 7) + order(50, 12, 7, "A", 4810.25)
    text += "900 T B 4810.25 7 #99\n900 F A 4810.25 7 #12\n900 C A 4810.25 7 #12\n--\n"
    assert fills_of(text)[1] == (12, 7, 0)


def test_one_order_follows_another_not_two():
    text = order(10, 11, 7) + taken(20, 11, 7) + order(50, 12, 7) + order(51, 13, 7)
    assert fills_of(text + taken(900, 12, 7) + taken(901, 13, 7))[1:] == [(12, 7, 11), (13, 7, 0)]


def test_single_contracts_follow_nothing():
    text = order(10, 11, 1) + taken(20, 11, 1) + order(50, 12, 1) + taken(900, 12, 1)
    assert fills_of(text) == [(11, 1, 0), (12, 1, 0)]


def test_a_native_iceberg_is_not_filled_out():
    text = order(10, 11, 5)
    text += "20 T A 4810.00 5 #99\n20 F B 4810.00 5 #11\n20 M B 4810.00 5 #11\n--\n"
    assert fills_of(text + taken(30, 11, 5)) == [(11, 0, 0), (11, 0, 0)]


def ordinary(orders=200):
    """Bids and offers of one to four contracts, that stay."""
    return "".join(
        order(n, 100 + n, 1 + n % 4, "BA"[n % 2], (4810.0, 4810.25)[n % 2]) for n in range(orders)
    )


def test_a_large_order_near_the_touch_that_goes_within_two_seconds_is_a_flash():
    text = ordinary() + order(300, 11, 80) + "2300 C B 4810.00 80 #11\n--\n"
    assert flashes_of(text) == (80, 0)
    text = ordinary() + order(300, 11, 80, "A", 4810.50) + "400 M A 4813.00 80 #11\n--\n"
    assert flashes_of(text) == (0, 80)


@pytest.mark.parametrize(
    "text",
    [
        order(300, 11, 80) + "2301 C B 4810.00 80 #11\n--\n",  # stayed
        order(300, 11, 9) + "400 C B 4810.00 9 #11\n--\n",  # small
        order(300, 11, 80) + taken(350, 11, 1, left=79) + "400 C B 4810.00 79 #11\n--\n",  # met
        order(300, 11, 80) + "400 M B 4810.00 60 #11\n--\n",  # made smaller, and there
    ],
)
def test_what_stays_is_small_or_was_met_is_none(text):
    assert flashes_of(ordinary() + text) == (0, 0)


def test_where_such_orders_are_usual_they_are_no_flashes():
    usual = "".join(
        order(n, 100 + n, 80 + n % 3, "BA"[n % 2], (4810.0, 4810.25)[n % 2]) for n in range(900)
    )
    text = usual + order(1_000, 11, 80) + "1100 C B 4810.00 80 #11\n--\n"
    assert flashes_of(text) == (0, 0)


def test_a_clear_forgets():
    text = order(10, 11, 7) + taken(20, 11, 7) + "30 R N 0 0 #0\n--\n"
    text += order(50, 12, 7) + taken(60, 12, 7)
    assert fills_of(text)[1] == (12, 7, 0)
