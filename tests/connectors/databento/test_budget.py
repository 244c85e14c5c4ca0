import pytest

from connectors.databento.budget import DAY_NS, Budget, BudgetConfig
from operators.model.errors import StateError

NOON_NS = 20_000 * DAY_NS + DAY_NS // 2


def budget(bound: int = 1_000) -> Budget:
    return Budget(BudgetConfig(day_bytes_max=bound))


def test_a_day_goes_from_ok_to_a_warning_to_spent():
    day = budget()
    states = []
    for size in (799, 1, 199, 1, 5):
        day.add(size, NOON_NS)
        states.append((day.state, day.ratio))
    assert states == [
        ("ok", 0.799),
        ("warning", 0.8),
        ("warning", 0.999),
        ("spent", 1.0),
        ("spent", 1.005),
    ]


def test_a_new_day_begins_with_nothing():
    day = budget()
    day.add(2_000, NOON_NS)
    day.at(NOON_NS + DAY_NS // 2 - 1)
    assert day.state == "spent"
    day.at(NOON_NS + DAY_NS // 2)
    assert (day.state, day.used_bytes) == ("ok", 0)


def test_a_clock_that_goes_back_begins_no_day_anew():
    day = budget()
    day.add(2_000, NOON_NS)
    day.at(NOON_NS - DAY_NS)
    day.at(NOON_NS)
    assert day.state == "spent"
    assert day.resets_in_ns(NOON_NS - DAY_NS) == DAY_NS + DAY_NS // 2


def test_it_says_when_the_next_day_begins():
    day = budget()
    assert day.resets_in_ns(NOON_NS) == DAY_NS // 2
    assert day.resets_in_ns(NOON_NS + DAY_NS // 2) == DAY_NS


def test_without_a_bound_bytes_are_counted_and_nothing_stops():
    day = budget(0)
    day.add(10**15, NOON_NS)
    assert (day.state, day.ratio, day.used_bytes) == ("ok", 0.0, 10**15)


def test_a_warning_may_stand_only_where_all_is_spent():
    day = Budget(BudgetConfig(day_bytes_max=10, warn_ratio=1))
    day.add(9, NOON_NS)
    assert day.state == "ok"


def test_a_snapshot_goes_on_where_it_was_taken():
    day = budget()
    day.add(900, NOON_NS)
    again = Budget(BudgetConfig(day_bytes_max=1_000), day.snapshot())
    day.add(500, NOON_NS)
    assert (again.used_bytes, again.state) == (900, "warning")
    again.add(1, NOON_NS + DAY_NS)
    assert again.used_bytes == 1
    with pytest.raises(StateError, match="data budget has version 3, expected 1"):
        Budget(BudgetConfig(), {"version": 3})


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"day_bytes_max": -1}, "day_bytes_max must be at least 0, was -1"),
        ({"warn_ratio": 0}, "warn_ratio must be above 0 and at most 1, was 0"),
        ({"warn_ratio": 1.1}, "was 1.1"),
    ],
)
def test_bad_settings_are_refused(given, text):
    with pytest.raises(ValueError, match=text):
        BudgetConfig(**given)
