"""What is notable in a real hour of ESH4, and what is concluded, with no baseline at all."""

from dataclasses import replace
from functools import cache

from config.calendar import load_calendar
from operators.analyze import Analyze
from operators.analyze_config import AnalyzeConfig
from operators.baseline import Baseline
from operators.baseline_config import BaselineConfig
from operators.book import Book
from operators.book_config import BookConfig
from operators.detect import Detect
from operators.detect_config import DetectConfig
from operators.model.evaluations import EXECUTION, STOP
from operators.model.items import Evaluations, MboRows
from operators.model.streams import EXECUTIONS, SIGNALS, Message
from operators.pressure import Pressure
from operators.pressure_config import PressureConfig
from operators.validate import Validate
from operators.validate_config import ValidateConfig
from tests.operators.markets import messages
from tests.real.esh4 import items


def chain():
    return [
        Validate(ValidateConfig()),
        Book(BookConfig()),
        Pressure(PressureConfig()),
        Baseline(replace(BaselineConfig(), calendar=load_calendar())),
        Detect(DetectConfig()),
        Analyze(AnalyzeConfig()),
    ]


def through(operators, pieces):
    out = []
    for piece in pieces:
        flowing = [piece]
        for operator in operators:
            flowing = operator.on_items(flowing)
        out += flowing
    return out


@cache
def hour(folder):
    out = through(chain(), items(folder))
    values = {EXECUTIONS: [], SIGNALS: []}
    for message in out:
        if isinstance(message, Message) and message.stream in values:
            values[message.stream].append(message.value)
    return values[EXECUTIONS], values[SIGNALS]


def test_every_sweep_stop_and_iceberg_is_told_with_its_orders(real_data):
    executions, _ = hour(real_data)
    tagged = {tag: [e for e in executions if tag in e.tags] for tag in ("sweep", "stop", "iceberg")}
    assert sum(e.levels == 2 for e in tagged["sweep"]) == 33
    assert sum(e.levels >= 3 for e in tagged["sweep"]) == 3
    assert len(tagged["stop"]) == 100
    assert sum(e.size for e in tagged["stop"]) == 205
    assert sum(e.refills for e in tagged["iceberg"]) == 85
    assert sum(e.hidden for e in tagged["iceberg"]) == 503
    hidden = {f.order_id for e in tagged["iceberg"] for f in e.fills if f.hidden > 0}
    assert len(hidden) == 13
    assert all(e.order_id and e.fills and e.fill_count == len(e.fills) for e in executions)
    assert all(sum(f.size for f in e.fills) == e.size for e in executions)


def test_they_are_those_of_the_book(real_data):
    executions, _ = hour(real_data)
    rows = [i.rows for i in through(chain()[:2], items(real_data)) if isinstance(i, Evaluations)]
    stops = [
        int(row["order_id"])
        for part in rows
        for row in part[(part["kind"] == EXECUTION) & (part["aggressor"] == STOP)]
    ]
    assert [e.order_id for e in executions if "stop" in e.tags] == stops


def test_signals_with_reasons_come_without_a_baseline(real_data):
    _, signals = hour(real_data)
    opened = [s for s in signals if s.change == "opened"]
    assert 4 <= len(opened) <= 20
    assert {s.kind for s in opened} <= {"iceberg", "sweep", "pressure"}
    assert {s.baseline for s in signals} == {"WARMING"}
    assert all(s.evidence and s.reasons and all(e.structural for e in s.evidence) for s in signals)
    events = [e for s in signals for e in s.evidence if e.window_s == 0]
    assert all(e.order_ids and 0 < e.sequence_first <= e.sequence_last for e in events)


def test_no_cut_changes_a_signal_of_a_real_hour(real_data):
    whole = messages(through(chain(), items(real_data)))
    pieces = []
    for item in items(real_data):
        if isinstance(item, MboRows):
            size = item.rows.size
            pieces += [MboRows(item.feed, item.rows[n : n + 617]) for n in range(0, size, 617)]
        else:
            pieces.append(item)
    assert messages(through(chain(), pieces)) == whole
    assert whole["signals", "ES"]
