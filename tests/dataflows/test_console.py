import io
from dataclasses import replace

from dataflows.console import ConsoleSink, line_of
from operators.model.items import Tick
from tests.sinks.messages import SIGNAL, signal


def test_a_signal_is_one_line_with_time_side_price_and_reason():
    given = replace(
        SIGNAL,
        ts_event=1_703_548_799_446_821_072,
        root="ES",
        side="sell",
        price_e9=-50_000_000,
        reasons=("three levels in one event", "more"),
        baseline="WARMING",
        probability=0.7,
    )
    line = line_of(given)
    assert line.startswith("2023-12-25 23:59:59.446 ES ")
    for part in (" sell ", f" {given.kind}", "p=0.70 WARMING", "@ -0.05", "three levels in one"):
        assert part in line
    assert "\n" not in line


def test_a_warm_signal_without_reasons_is_a_line_too():
    assert "WARMING" not in line_of(replace(SIGNAL, baseline="WARM", reasons=()))


def test_only_signals_are_printed():
    out = io.StringIO()
    sink = ConsoleSink(2, out)
    assert sink.list_parts() == ["000", "001"]
    assert sink.part_fn("001") == 1
    part = sink.build_part("console", "000", None)
    part.write_batch([Tick("f", 1), signal("ES", 1), signal("NQ", 1)])
    assert out.getvalue().count("\n") == 2
