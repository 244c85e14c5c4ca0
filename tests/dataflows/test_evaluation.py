"""Tapes through the real chain: every engine sees what ours sees, and the past is carried on."""

import pytest
from bytewax.testing import run_main

from connectors.dbn_file import Counts, Hooks, Progress
from dataflows.detect import build
from dataflows.edges import file_source, heard
from dataflows.evaluation import (
    ENGINES,
    SPECS,
    CallingSink,
    Past,
    hear,
    learn,
    settings_of,
    share_done,
)
from operators.model.errors import FeedError
from operators.model.items import Evaluations
from operators.model.streams import Flowing, Message
from simulator.simulation import SimulationConfig
from simulator.tape import write_tape


@pytest.fixture(scope="module")
def tape(tmp_path_factory):
    path = tmp_path_factory.mktemp("tapes") / "t.dbn"
    config = SimulationConfig(
        duration_s=20.0, roots=("ES",), instruments=2, records_per_s=200.0, resting_orders=400
    )
    write_tape(config, path)
    return path


def test_all_engines_hear_a_tape_and_the_facts_are_those_of_it(tape):
    found = hear(tape, Past())
    assert found.facts.roots == ("ES",)
    assert found.facts.sessions == {"ES": 0}
    assert found.facts.ts_last - found.facts.ts_first > 15_000_000_000
    assert found.facts.traded.size > 10
    assert set(found.scores) == {engine.NAME for engine in ENGINES}
    assert found.scores["z2"].points.size == 0


def test_a_session_becomes_the_past_of_the_next_tape(tape):
    past = learn([tape], Past())
    assert past.sessions == 1
    assert past.baseline is not None
    assert len(past.baseline.sessions("ES")) == 1
    assert past.v3.scores().points.size == 0
    again = learn([], past)
    assert again.baseline is past.baseline


def published(tape, on_judged=None):
    """What leaves the chain."""
    settings = heard(settings_of(tape))
    out: list[Flowing] = []
    sinks = {"out": CallingSink(settings.flow.shards, out.append)}
    run_main(build(settings, file_source(settings, Hooks()), sinks, on_judged=on_judged))
    return [item for item in out if isinstance(item, Message)]


def test_looking_at_what_detectors_are_given_changes_nothing(tape):
    seen: list[Flowing] = []
    assert published(tape, seen.append) == published(tape)
    assert any(isinstance(item, Evaluations) for item in seen)
    assert [spec.name for spec in SPECS] == ["ifd", "v3_reference", "z2"]


def test_a_tape_that_cannot_be_read_is_told(tmp_path):
    path = tmp_path / "x.dbn"
    path.write_bytes(b"no tape")
    with pytest.raises(FeedError):
        hear(path, Past())


def test_a_stop_ends_the_evaluation(tape):
    with pytest.raises(KeyboardInterrupt):
        hear(tape, Past(), Hooks(stop=lambda: True))


def test_progress_is_a_share_of_the_bytes():
    assert share_done(Progress("f", 25, 100, Counts())) == 0.25
    assert share_done(Progress("f", 0, 0, Counts())) == 0.0
