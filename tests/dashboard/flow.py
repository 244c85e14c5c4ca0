"""What the real chain says of a simulated market, to be shown on the page."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bytewax.testing import TestingSink, run_main

from config.settings import load_settings
from connectors.dbn_file import Hooks
from dataflows.baseline_file import load_baseline
from dataflows.detect import build
from dataflows.edges import file_source
from operators.model.streams import Message


def messages_of(tape: Path, given: Mapping[str, object] | None = None) -> list[Message]:
    """Everything that leaves the chain for the market of a DBN file, in order."""
    out: list[tuple[str, object]] = []
    settings = load_settings(
        {"source.paths": (str(tape),), "source.speed": 0.0, **(given or {})}, environ={}
    )
    settings = settings.model_copy(update={"pressure": replace(settings.pressure, publish=True)})
    baseline = settings.source.baseline
    history = load_baseline(Path(baseline)) if baseline else None
    source = file_source(settings, Hooks())
    run_main(build(settings, source, {"out": TestingSink(out)}, history=history))
    return [item for _, item in out if isinstance(item, Message)]
