import pytest

from config.calendar import CALENDAR_PATH, load_calendar
from operators.model.errors import ConfigError


def test_the_calendar_that_comes_with_the_program_is_chicago():
    calendar = load_calendar()
    assert (calendar.roll_s, calendar.pause_s, calendar.offset_s) == (61_200, 3_600, -21_600)


@pytest.mark.parametrize(
    ("was", "becomes", "says"),
    [
        ("[clock]", "[watch]", "lacks the key 'clock'"),
        ("T08:00:00Z", "T08:00:00", "needs its offset"),
        ("roll = 17:00:00", "roll = 17", "is not a calendar"),
        ("weekdays = [1, 2, 3, 4, 5]", "weekdays = [8]", "weekdays must be"),
        ("[day]", "[day", "cannot be read"),
    ],
)
def test_a_wrong_calendar_is_one_clear_line(tmp_path, was, becomes, says):
    text = CALENDAR_PATH.read_text()
    assert was in text
    path = tmp_path / "calendar.toml"
    path.write_text(text.replace(was, becomes))
    with pytest.raises(ConfigError, match=says) as error:
        load_calendar(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_calendar_is_one_clear_line(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml cannot be read"):
        load_calendar(tmp_path / "none.toml")
