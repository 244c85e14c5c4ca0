"""The dataflow: `build` is the picture, `flow` is what Bytewax workers are launched with.

    python -m bytewax.run dataflows.detect:flow -r DIR -s 10 -b 0
"""

import signal
from collections.abc import Mapping
from pathlib import Path
from threading import Event
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import Source
from bytewax.outputs import Sink

from config.calendar import load_calendar
from config.settings import Settings, load_settings, params_version
from connectors.dbn_file import DbnFileSource, Hooks
from dataflows.adapter import step
from dataflows.edges import file_source, sinks_of
from dataflows.store import Store, fresh, open_store
from operators.analyze import Analyze
from operators.baseline import Baseline
from operators.book import Book
from operators.detect import Detect
from operators.pressure import Pressure
from operators.validate import Validate


def build(
    settings: Settings,
    source: Source[Any],
    sinks: Mapping[str, Sink[Any]],
    *,
    history: Any = None,
    reports: bool = False,
) -> Dataflow:
    """The one chain that live, replay, demo and tests run; only source and sinks differ.

    Args:
        settings: Configs of all steps.
        source: Gives (shard key, item) in feed order.
        sinks: Step id → sink; each gets everything that leaves the chain.
        history: Baseline to start from, if the store has none.
        reports: Whether operators tell at the end of the input what a summary needs.
    """
    params = params_version(settings)
    calendar = load_calendar()

    flow = Dataflow("ifd")
    items = op.input("feed", flow, source)
    items = step("validate", items, Validate, lambda s: Validate(settings.validate, s), reports)
    items = step("book", items, Book, lambda s: Book(settings.book, s), reports)
    items = step("pressure", items, Pressure, lambda s: Pressure(settings.pressure, s), reports)
    items = step(
        "baseline",
        items,
        Baseline,
        lambda s: Baseline(settings.baseline, s, calendar=calendar, history=history),
        reports,
    )
    items = step("detect", items, Detect, lambda s: Detect(settings.detect, s), reports)
    items = step("analyze", items, Analyze, lambda s: Analyze(settings.analyze, s, params), reports)
    for step_id, sink in sinks.items():
        op.output(step_id, items, sink)
    return flow


def flow() -> Dataflow:
    """The dataflow as the environment and `config/` describe it: files in, topics out.

    A SIGTERM or SIGINT ends the input where it stands; the epoch is committed and the process
    exits with 0. Signal all processes of a cluster.
    """
    settings = load_settings()
    stop = stop_on_signals()
    return build(settings, file_source(settings, Hooks(stop=stop.is_set)), sinks_of(settings))
