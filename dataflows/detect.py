"""The dataflow: `build` is the picture, `flow` is what Bytewax workers are launched with.

python -m bytewax.run dataflows.detect:flow -r DIR -s 10 -b 0
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.inputs import Source
from bytewax.operators import KeyedStream
from bytewax.outputs import Sink
from bytewax.recovery import RecoveryConfig

from config.settings import Settings, load_settings, params_version
from connectors.dbn_file import Hooks
from dataflows.adapter import Saved, step
from dataflows.attendance import Leaving
from dataflows.chain import steps_of
from dataflows.distrust import DistrustingSource
from dataflows.edges import heard, sinks_of, source_of, with_broker
from dataflows.process import check_recovery_directory, fail_in_one_line, note, stop_on_signals
from dataflows.quiet import QuietSource, quieted
from dataflows.reserve import reserve_of
from dataflows.store import Store, store_of
from dataflows.warmup import warm_up
from operators.baseline import Baseline
from operators.baseline_history import HistoryTable
from operators.model.errors import ConfigError, IfdError
from operators.model.streams import Flowing
from sinks.gate import Gate


def build(
    settings: Settings,
    source: Source[Any],
    sinks: Mapping[str, Sink[Any]],
    *,
    history: HistoryTable | None = None,
    on_baseline: Callable[[HistoryTable], None] | None = None,
    on_judged: Callable[[Flowing], None] | None = None,
    on_found: Callable[[Flowing], None] | None = None,
    reports: bool = False,
    start: Mapping[str, Saved] | None = None,
    on_end: Callable[[str, Any], None] | None = None,
    up_to_baseline: bool = False,
) -> Dataflow:
    """The one chain that live, replay, demo and tests run; only source and sinks differ.

    Args:
        settings: Configs of all steps.
        source: Gives (shard key, item) in feed order.
        sinks: Step id → sink; each gets everything that leaves the chain.
        history: Baseline to start from.
        on_baseline: Called at the end of the input with the baseline of each shard of this process.
        on_judged: Called with every item that detectors are given: for whoever measures them.
        on_found: Called with every item that evidence is weighed of.
        reports: Whether operators tell at the end of the input what a summary needs.
        start: Step id → state to begin with, where the source brings one shard and no recovery
            store is used; a step that is missing begins with nothing.
        on_end: Called at the end of the input with each step's id and operator of this process.
        up_to_baseline: Whether the chain ends there: for whoever only learns what is normal.
    """
    steps = steps_of(settings, history)

    def ended(step_id: str, operator: Any) -> None:
        if on_baseline is not None and isinstance(operator, Baseline):
            on_baseline(operator.export())
        if on_end is not None:
            on_end(step_id, operator)

    def placed(step_id: str, up: KeyedStream[Flowing]) -> KeyedStream[Flowing]:
        at_end, begin = partial(ended, step_id), (start or {}).get(step_id)
        return step(step_id, up, *steps[step_id], reports=reports, at_end=at_end, start=begin)

    def looking(call: Callable[[Flowing], None]) -> Callable[[str, tuple[str, Flowing]], None]:
        return lambda _step, keyed: call(keyed[1])

    flow = Dataflow("ifd")
    items = op.input("feed", flow, source)
    items = placed("validate", items)
    items = placed("book", items)
    items = placed("pressure", items)
    items = placed("baseline", items)
    if on_judged is not None:
        items = op.inspect("judged", items, looking(on_judged))
    if not up_to_baseline:
        items = placed("detect", items)
        if on_found is not None:
            items = op.inspect("found", items, looking(on_found))
        items = placed("analyze", items)
        items = placed("outcome", items)
    for step_id, sink in sinks.items():
        op.output(step_id, items, sink)
    return flow


@dataclass(frozen=True, slots=True)
class Assembly:
    """A dataflow with what its process needs to run it."""

    flow: Dataflow
    store: Store
    recovery: RecoveryConfig | None
    gate: Gate
    undelivered: Callable[[], dict[str, int]]
    """Step of a sink → messages that wait, or that waited when it was closed."""


def assemble(
    settings: Settings,
    hooks: Hooks,
    *,
    extra_sinks: Mapping[str, Sink[Any]] | None = None,
    on_baseline: Callable[[HistoryTable], None] | None = None,
    reports: bool = False,
    on_new: Callable[[str], None] | None = None,
) -> Assembly:
    """Files or feeds in, topics and summary out, by the settings; `hooks.may_read` is the gate's.

    Raises:
        IfdError: a setting, a file, the recovery store or the broker cannot be used.
    """
    store = store_of(settings, params_version(settings), on_new)
    history = _history(settings.source.baseline)
    gate = Gate()
    reserve = reserve_of(settings.recovery, hooks.on_fault or _told)

    def stopping() -> bool:
        if hooks.stop() or (reserve is not None and reserve.is_spent()):
            gate.drain()  # A full outbox must not hold up a clean stop.
            return True
        return False

    guarded = replace(hooks, may_read=gate.is_open, stop=stopping)
    source = source_of(settings, guarded, store.generation)
    sinks = {**sinks_of(settings, store, gate), **(extra_sinks or {})}
    if not sinks:
        raise ConfigError(
            "kafka.bootstrap_servers: expected an address, found none: nothing would be published"
        )
    delivering = [
        (step_id, each) for step_id, each in sinks.items() if hasattr(each, "undelivered")
    ]
    sinks = {step_id: quieted(sink) for step_id, sink in sinks.items()}
    flow = build(
        heard(settings),
        QuietSource(DistrustingSource(source, settings.flow.shards)),
        sinks,
        history=history,
        on_baseline=on_baseline,
        reports=reports,
    )
    warm_up(settings)

    def undelivered() -> dict[str, int]:
        return {step_id: each.undelivered() for step_id, each in delivering}

    return Assembly(flow, store, store.recovery(settings.recovery), gate, undelivered)


def _told(error: IfdError) -> None:
    note(str(error))


def _history(baseline: str) -> HistoryTable | None:
    """Of the file, if one is named: only then are tables in files worth half a second of start."""
    if not baseline:
        return None
    from dataflows.baseline_file import load_baseline

    return load_baseline(Path(baseline))


def flow() -> Dataflow:
    """The dataflow as the environment and `config/` describe it, for Bytewax's own launcher.

    A SIGTERM or SIGINT ends the input where it stands; the epoch is committed and the process
    exits with 0. Signal all processes of a cluster. Give the launcher the recovery directory that
    `recovery.directory` names. Without `kafka.bootstrap_servers` the process
    brings a broker of its own.
    """
    leaving = Leaving()
    on_fault = fail_in_one_line(leaving.on_clean_end)
    wanted = load_settings()
    check_recovery_directory(wanted.recovery.directory)
    settings = with_broker(wanted)
    stop = stop_on_signals()
    hooks = Hooks(stop=stop.is_set, on_fault=on_fault)
    reports = bool(settings.source.summary_directory)
    assembly = assemble(settings, hooks, reports=reports, on_new=note)
    leaving.begin(settings.recovery.directory, assembly.store.generation, assembly.undelivered)
    if settings is not wanted:
        note(
            "kafka.bootstrap_servers is not set: publishing to an embedded broker at "
            f"{settings.kafka.bootstrap_servers}, in memory, until this process ends"
        )
    return assembly.flow
