"""The chain without the engine gives what the engine's gives, from any state in between."""

from datetime import timedelta

import pytest
from bytewax.testing import run_main

from config.settings import load_settings
from connectors.dbn_file import DbnFileConfig, DbnFilePartition, Hooks
from dataflows.chain import Chain, steps_of
from dataflows.detect import build
from dataflows.edges import file_source, heard, roots_of
from dataflows.evaluation import CallingSink
from operators.model.errors import StateError
from operators.model.streams import SIGNALS, Message
from simulator.simulation import SimulationConfig
from simulator.tape import TapeForm, write_tape
from sinks.codec import encode


@pytest.fixture(scope="module")
def tape(tmp_path_factory):
    path = tmp_path_factory.mktemp("tapes") / "t.dbn"
    config = SimulationConfig(
        duration_s=40.0, roots=("ES",), instruments=2, records_per_s=200.0, resting_orders=400,
        institutions=True, institutions_per_hour=1_200.0,
    )  # fmt: skip
    write_tape(config, path, TapeForm(ticks=True))
    return path


def signals(items):
    return [encode(one) for one in items if isinstance(one, Message) and one.stream == SIGNALS]


def partition(settings, tape):
    config = DbnFileConfig(
        feed=settings.source.feed, paths=(str(tape),), batch_rows=300, roots=roots_of(settings)
    )
    return DbnFilePartition(config, Hooks())


def rest(part, chain):
    out = []
    while True:
        try:
            batch = part.next_batch()
        except StopIteration:
            return out
        for _, item in batch:
            out += chain.on_item(item)


def test_it_gives_what_the_engines_chain_gives_from_any_state_on(tape):
    settings = heard(load_settings({"source.paths": (str(tape),), "flow.shards": 1}))
    expected = []
    flow = build(settings, file_source(settings, Hooks()), {"out": CallingSink(1, expected.append)})
    run_main(flow, epoch_interval=timedelta(seconds=60))
    assert len(signals(expected)) > 1
    steps = steps_of(settings)
    chain, part = Chain(steps, {}), partition(settings, tape)
    out = []
    for _ in range(5):
        for _, item in part.next_batch():
            out += chain.on_item(item)
    state = {name: (each.STATE_VERSION, each.snapshot()) for name, each in chain.operators.items()}
    out += rest(part, Chain(steps, state))
    assert signals(out) == signals(expected)


def test_state_of_another_version_is_refused():
    steps = steps_of(load_settings({}))
    assert list(steps)[-1] == "outcome"
    assert list(Chain(steps, {}).operators)[-1] == "analyze"
    with pytest.raises(StateError, match="step book: expected state of version"):
        Chain(steps, {"book": (99, {})})
