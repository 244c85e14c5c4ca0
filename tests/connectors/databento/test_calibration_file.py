import pytest

from connectors.databento.calibration_file import BYTES_MAX, LOOK_NS, CalibrationFile
from operators.model.calibration_record import MoveTable
from tests.operators.model.test_calibration_record import BASE, table


@pytest.fixture
def path(tmp_path):
    return tmp_path / "p_move.json"


def put(path, given):
    """As the command writes it: whole, under another inode."""
    part = path.with_suffix(".part")
    part.write_text(given.text())
    part.replace(path)


def test_a_table_is_wanted_until_the_feed_has_it(path):
    put(path, table())
    watch = CalibrationFile(path, BASE)
    assert watch.wanted("", 0) == table()
    assert watch.wanted("", 1) == table()
    assert watch.wanted(table().version, 2) is None
    assert watch.text == ""


def test_the_file_is_looked_at_seldom_and_an_older_one_goes_back(path):
    watch = CalibrationFile(path, BASE)
    assert watch.wanted("", 0) is None
    put(path, table())
    assert watch.wanted("", LOOK_NS - 1) is None
    assert watch.wanted("", LOOK_NS) == table()
    put(path, MoveTable(version=BASE))
    assert watch.wanted(table().version, 2 * LOOK_NS) == MoveTable(version=BASE)
    assert watch.wanted(BASE, 2 * LOOK_NS) is None


def test_the_way_back_is_no_news_to_a_feed_that_never_had_a_table(path):
    put(path, MoveTable(version=BASE))
    assert CalibrationFile(path, BASE).wanted("", 0) is None


def test_a_file_that_is_gone_changes_nothing(path):
    put(path, table())
    watch = CalibrationFile(path, BASE)
    assert watch.wanted("", 0)
    path.unlink()
    assert watch.wanted(table().version, LOOK_NS) is None
    assert watch.wanted("", LOOK_NS) is None


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "no table of p_move"),
        (b"\xff", "not taken up"),
        (b" " * (BYTES_MAX + 1), "65,537 bytes are no table"),
        (table(follows="000000000000").text().encode(), f"in force is {BASE}"),
    ],
)
def test_what_is_no_table_for_this_calibration_is_said(path, data, text):
    path.write_bytes(data)
    watch = CalibrationFile(path, BASE)
    assert watch.wanted("", 0) is None
    assert text in watch.text
    assert "\n" not in watch.text
    put(path, table())
    assert watch.wanted("", LOOK_NS) == table()
    assert watch.text == ""


def test_without_a_calibration_no_table_fits(path):
    put(path, table())
    watch = CalibrationFile(path, "")
    assert watch.wanted("", 0) is None
    assert "in force is none" in watch.text
