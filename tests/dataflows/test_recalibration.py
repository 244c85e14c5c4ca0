import json
from dataclasses import replace

import pytest

from config.settings import load_settings
from dataflows.recalibration import in_force, outcomes, told_of, within
from evaluation.recalibrate import Told
from operators.model.calibration_record import MoveTable
from operators.model.errors import ConfigError
from operators.model.streams import OUTCOMES, Message
from sinks.export import Export
from sinks.export_formats import FORMATS
from sinks.export_table import MessageTable
from sinks.filters import parse_filter
from sinks.published import published
from sinks.store import Store
from tests.operators.model.test_calibration_record import BASE, CALIBRATION, table
from tests.sinks.messages import OUTCOME, UNKNOWN

SETTINGS = load_settings(environ={})
MADE = [
    OUTCOME,
    UNKNOWN,
    replace(OUTCOME, signal_id="", sampled=True, hit=True, markout_ticks=1.0, log_odds=-2.5),
]


def read(file):
    return list(outcomes(SETTINGS, file, lambda _read, _of: None))


@pytest.mark.parametrize("format_name", sorted(FORMATS))
def test_every_format_of_an_export_tells_the_same(tmp_path, format_name):
    file = tmp_path / f"outcomes.{format_name}"
    sent = [published(Message(OUTCOMES, "ES", n, one), "g", 1, 0) for n, one in enumerate(MADE, 1)]
    with Store(f"sqlite:///{tmp_path / 'store.sqlite3'}") as store:
        store.put(sent)
        Export(MessageTable(store, OUTCOMES, parse_filter({})), format_name).write(file)
    expected = [Told(**{name: getattr(one, name) for name in Told._fields}) for one in MADE]
    assert read(file) == expected
    assert [one.hit for one in expected] == [False, None, True]


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("a.ndjson", b'{"stream":"signals"}\n', "in number 1: 'ts_from'"),
        ("a.ndjson", b"{", "as `ifd export outcomes` writes them"),
        ("a.json", b"7", "as `ifd export outcomes` writes them"),
        ("a.json", b"[7]", "as `ifd export outcomes` writes them"),
        ("a.csv", b"root\r\nES\r\n", "in number 1: 'ts_from'"),
        ("a.csv", b"\xff\xfe\r\n", "as `ifd export outcomes` writes them"),
        ("a.parquet", b"no parquet", "as `ifd export outcomes` writes them"),
        ("a.txt", b"", r"expected \.ndjson, \.json, \.csv or \.parquet, found '\.txt'"),
    ],
)
def test_what_holds_no_outcomes_is_one_line(tmp_path, name, data, text):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ConfigError, match=text) as told:
        read(tmp_path / name)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    "changes",
    [{"hit": "perhaps"}, {"sampled": None}, {"log_odds": "nan"}, {"ts_from": "yesterday"},
     {"horizon_s": None}],
)  # fmt: skip
def test_a_row_that_is_no_outcome_is_refused(changes):
    row = json.loads(published(Message(OUTCOMES, "ES", 1, OUTCOME), "g", 1, 0).value)
    assert told_of(row).ts_from == OUTCOME.ts_from
    with pytest.raises((ValueError, TypeError, KeyError)):
        told_of(row | changes)


def test_a_file_that_is_not_there_and_no_broker_are_told(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        read(tmp_path / "none.csv")
    with pytest.raises(ConfigError, match="IFD_KAFKA__BOOTSTRAP_SERVERS"):
        list(outcomes(load_settings({"kafka.bootstrap_servers": ""}, environ={}), None, print))


def test_in_force_is_the_file_s_table_where_it_belongs_to_the_calibration(tmp_path):
    file = tmp_path / "p_move.json"
    assert in_force(CALIBRATION, None) == in_force(CALIBRATION, file) == CALIBRATION
    file.write_text(table().text())
    assert in_force(CALIBRATION, file).version == table().version
    file.write_text(MoveTable(version=BASE).text())
    assert in_force(CALIBRATION, file) == CALIBRATION
    file.write_text(table(follows="000000000000").text())
    assert in_force(CALIBRATION, file) == CALIBRATION
    file.write_text("{}")
    with pytest.raises(ConfigError, match="no table of p_move"):
        in_force(CALIBRATION, file)


def test_a_span_of_time_is_two_instants():
    day = within("2024-03-13", "2024-03-14")
    assert len(day) == 86_400_000_000_000
    assert OUTCOME.ts_from in within(None, None)
    with pytest.raises(ConfigError, match="--to: expected"):
        within(None, "tomorrow")


def test_the_topic_tells_what_the_file_does(monkeypatch):
    sent = [published(Message(OUTCOMES, "ES", n, one), "g", 1, 0) for n, one in enumerate(MADE, 1)]
    asked = []

    def values_of(config, stream, on_progress):
        asked.append((config.bootstrap_servers, stream))
        on_progress(3, 3)
        return iter([one.value for one in sent])

    monkeypatch.setattr("sinks.kafka_search.values_of", values_of)
    settings = load_settings({"kafka.bootstrap_servers": "here:1"}, environ={})
    told = []
    found = list(outcomes(settings, None, lambda read, of: told.append((read, of))))
    assert [one.log_odds for one in found] == [one.log_odds for one in MADE]
    assert (asked, told) == ([("here:1", OUTCOMES)], [(3, 3)])
