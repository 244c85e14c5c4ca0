import os
import subprocess
import sys
from typing import Any

import pytest
from bytewax.testing import TestingSink, TestingSource, run_main

from config.settings import load_settings
from connectors.dbn_file import Hooks
from dataflows.detect import assemble, build
from dataflows.edges import file_source
from dataflows.quiet import QuietSink, QuietSource
from operators.model.errors import ConfigError, FeedError
from operators.model.items import Report
from operators.model.streams import STATUS, Message
from tests.connectors.dbn_bytes import header, mbo
from tests.tape import instrument
from tests.tape import mbo as market

TAPE = """\
1    A A 100.25 40 #1
--
2    A A 100.50 40 #2
--
3    A B 100.00 40 #3
--
4    T B 100.25 40 #9
4    F A 100.25 40 #1
4    C A 100.25 40 #1
4    T B 100.50 40 #9
4    F A 100.50 40 #2
4    C A 100.50 40 #2
--
"""
STEPS = ("validate", "book", "pressure", "baseline", "detect", "analyze", "outcome")


def test_the_chain_is_linear_in_the_order_of_the_page():
    flow = build(load_settings({}, environ={}), TestingSource([]), {"out": TestingSink([])})
    assert [step.step_name for step in flow.substeps] == ["feed", *STEPS, "out"]


def test_a_sweep_comes_out_as_an_execution_and_every_step_reports():
    out: list[tuple[str, object]] = []
    items = [("000", instrument(1)), ("000", market(TAPE))]
    settings = load_settings({}, environ={})
    run_main(build(settings, TestingSource(items), {"out": TestingSink(out)}, reports=True))
    (message,) = [item for _, item in out if isinstance(item, Message)]
    assert (message.stream, message.root, message.seq) == ("executions", "ES", 1)
    assert {item.step for _, item in out if isinstance(item, Report)} == set(STEPS)


def given(tmp_path, **more) -> dict[str, object]:
    file = tmp_path / "a.dbn"
    file.write_bytes(header() + mbo(5).tobytes())
    return {"source.paths": (str(file),), **{k.replace("__", "."): v for k, v in more.items()}}


def test_the_status_of_a_feed_passes_every_step_once(tmp_path):
    out: list[tuple[str, object]] = []
    settings = load_settings(given(tmp_path, flow__shards=4), environ={})
    run_main(build(settings, file_source(settings, Hooks()), {"out": TestingSink(out)}))
    told = [(key, one) for key, one in out if isinstance(one, Message) and one.stream == STATUS]
    assert [(key, one.root, one.seq, one.value.state) for key, one in told] == [
        ("000", settings.source.feed, 0, "replay"),
        ("000", settings.source.feed, 0, "stopped"),
    ]
    assert told[-1][1].value.records == 5


def test_a_worker_that_would_publish_nothing_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"kafka\.bootstrap_servers: expected an address"):
        assemble(load_settings(given(tmp_path), environ={}), Hooks())


def test_a_missing_file_is_refused_before_the_engine_starts(tmp_path):
    settings = load_settings({"source.paths": (str(tmp_path / "no.dbn"),)}, environ={})
    with pytest.raises(FeedError, match=r"no\.dbn: expected a DBN file, found nothing there"):
        assemble(settings, Hooks())


def test_parts_know_store_gate_and_quiet_ends(tmp_path):
    more = {
        "source__summary_directory": str(tmp_path),
        "recovery__directory": str(tmp_path / "store"),
    }
    parts = assemble(load_settings(given(tmp_path, **more), environ={}), Hooks())
    assert parts.recovery is not None
    assert parts.gate.is_open()
    assert parts.store.partitions == 4
    ends: list[Any] = parts.flow.substeps
    assert isinstance(ends[0].source, QuietSource)
    assert isinstance(ends[-1].sink, QuietSink)


def test_a_clean_stop_lets_the_sinks_drain(tmp_path):
    more = {"source__summary_directory": str(tmp_path)}
    hooks = Hooks(stop=lambda: True)
    parts = assemble(load_settings(given(tmp_path, **more), environ={}), hooks)
    run_main(parts.flow)
    assert parts.gate.is_draining()


def test_settings_that_name_no_file_end_the_launcher_with_one_line(tmp_path):
    command = [sys.executable, "-m", "bytewax.run", "dataflows.detect:flow"]
    env = {**os.environ, "IFD_PROFILE": "production", "IFD_RECOVERY__DIRECTORY": ""}
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert (done.returncode, done.stderr) == (
        2,
        (
            "ifd: source.paths: expected at least one DBN file, or a live feed (live.feeds), "
            "found none\n"
        ),
    )
