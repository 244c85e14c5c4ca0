"""Simulated tapes with what was heard on them, kept so that fitting again costs no market again.

What is kept is named by everything it was made from: a change of the simulator, of a step before
`analyze`, of an engine or of a setting makes it anew. Outcomes depend on the weights and the
calibration too; `with_outcomes` keeps them under a name that holds these.
"""

import functools
import hashlib
import os
import pickle
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from config.settings import load_settings, params_version, section_version
from dataflows.evaluation import Heard, Past, hear, learn
from dataflows.labelled_tapes import Simulated, simulated_history, simulated_tape
from evaluation.labels import Event, events_of
from evaluation.markets import Form, form_of

FOLDER: Final = Path(__file__).parent.parent
CACHE: Final = FOLDER / ".cache" / "heard"
STEPS: Final = ("validate", "book", "pressure", "baseline", "detect")
SOURCES: Final = ("simulator/*.py", "operators/**/*.py", "evaluation/engines/*.py")
MORE_SOURCES: Final = ("evaluation/markets.py", "evaluation/split.py", "evaluation/evidence.py")
AFTER: Final = (
    *("analyze", "calibration", "outcome", "pending", "pile", "sampling", "signal_book"),
    *("stamps", "weigh", "accuracy", "following", "ranks"),
)
"""Modules whose names begin so change nothing of what detectors see."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardTape:
    """One labelled tape and what was heard on it."""

    name: str
    seed: int
    regime: str
    events: tuple[Event, ...]
    heard: Heard


def heard_tapes(
    simulated: Simulated, on_done: Callable[[float], None], *, with_outcomes: bool = False
) -> Iterator[HeardTape]:
    """The tapes of some seeds, from the cache or made now; `on_done` gets how many are there."""
    name = sources_version(with_outcomes)
    with tempfile.TemporaryDirectory(prefix="ifd-heard-") as scratch:
        pasts: dict[Form, Past] = {}
        for number, (seed, regime) in enumerate(simulated.markets()):
            minutes = f"{simulated.duration_s / 60:g}"
            key = f"{name}-{seed}-{regime}-{simulated.difficulty}-{minutes}"
            make = functools.partial(_heard, simulated, seed, regime, pasts, Path(scratch))
            yield _kept(key, make)
            on_done(number + 1)


def sources_version(with_outcomes: bool = False) -> str:
    """Names what was heard: a hash of the code and settings that it depends on."""
    digest = hashlib.blake2b(digest_size=8)
    for path in _sources():
        digest.update(path.read_bytes())
    settings = load_settings()
    for step in STEPS:
        digest.update(section_version(settings, step).encode())
    if with_outcomes:
        digest.update(params_version(settings).encode())
    return digest.hexdigest()


@functools.cache
def _sources() -> Sequence[Path]:
    found = [path for pattern in SOURCES for path in FOLDER.glob(pattern)]
    found = [path for path in found if not path.name.startswith(AFTER)]
    return sorted([*found, *(FOLDER / name for name in MORE_SOURCES)])


def _heard(
    simulated: Simulated, seed: int, regime: Any, pasts: dict[Form, Past], folder: Path
) -> HeardTape:
    past = _past(simulated, form_of(seed), pasts, folder)
    tape = simulated_tape(simulated, seed, regime, folder, lambda _ratio: None)
    heard = hear(tape.path, past)
    tape.path.unlink()
    events = events_of(tape.labels, heard.facts, tape.name)
    return HeardTape(name=tape.name, seed=seed, regime=regime, events=events, heard=heard)


def _past(simulated: Simulated, form: Form, pasts: dict[Form, Past], folder: Path) -> Past:
    if form not in pasts:
        key = f"{sources_version()}-history-{form}-{simulated.duration_s / 60:g}"
        pasts[form] = _kept(key, lambda: _learned(simulated, form, folder))
    return pasts[form]


def _learned(simulated: Simulated, form: Form, folder: Path) -> Past:
    past = Past()
    for path in simulated_history(simulated, form, folder):
        past = learn([path], past)
    return past


def _kept(key: str, make: Callable[[], Any]) -> Any:
    """What the cache has under a name, or what is made now and kept."""
    path = CACHE / f"{key}.pickle"
    if path.is_file():
        # Only ever written by this function, on this machine.
        return pickle.loads(path.read_bytes())  # noqa: S301
    made = make()
    CACHE.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}")
    part.write_bytes(pickle.dumps(made, pickle.HIGHEST_PROTOCOL))
    part.replace(path)
    return made
