"""Labelled tapes to be evaluated: simulated from seeds, or found in a folder."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from evaluation.markets import DURATION_S, DifficultyName, Form, form_of, history, market
from evaluation.split import REGIMES, SPLIT, is_held_out, regime_of, role_of
from operators.model.errors import ConfigError
from simulator.institutions import Label
from simulator.label_file import SUFFIX, labels_path, read_labels
from simulator.regimes import RegimeName
from simulator.tape import write_tape

HISTORY: Final = "history"
SEEDS_MOST: Final = 1_000
_SUFFIXES: Final = (".dbn", ".dbn.zst")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tape:
    """One labelled tape."""

    name: str
    path: Path
    labels: tuple[Label, ...]
    regime: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """What is simulated: `ifd evaluate --seeds`."""

    seeds: tuple[int, ...]
    regimes: tuple[RegimeName, ...] = ()
    """Of every seed, all of them; none: the one the split gives it."""
    difficulty: DifficultyName = "mixed"
    duration_s: float = DURATION_S

    def remarks(self) -> list[str]:
        """Which seeds or regimes are not held out."""
        used = [
            f"seed {seed} in the regime {regime}"
            for seed, regime in self.markets()
            if not is_held_out(seed, regime)
        ]
        if not used:
            return []
        more = f" and {len(used) - 1} more" if len(used) > 1 else ""
        made = "parameters were fitted, calibrated or made normal there"
        return [f"not held out: {used[0]}{more}: {made}"]

    def markets(self) -> list[tuple[int, RegimeName]]:
        """Seed and regime of each tape."""
        return [
            (seed, regime) for seed in self.seeds for regime in self.regimes or (regime_of(seed),)
        ]

    def forms(self) -> list[Form]:
        """Kinds of market that need a history, in order of need."""
        return list(dict.fromkeys(form_of(seed) for seed in self.seeds))


def seeds_of(text: str) -> tuple[int, ...]:
    """Such as `7`, `1-20` or `1-20,31`.

    Raises:
        ConfigError: it is none, too many, or a seed has no role in the split.
    """
    seeds: list[int] = []
    for part in text.split(","):
        if (found := re.fullmatch(r"([0-9]{1,9})(?:-([0-9]{1,9}))?", part.strip())) is None:
            raise ConfigError(f"--seeds: expected such as 1-20, found {text!r}")
        asked = range(int(found[1]), int(found[2] or found[1]) + 1)
        if len(seeds) + len(asked) > SEEDS_MOST:
            raise ConfigError(f"--seeds: expected at most {SEEDS_MOST}, found more: {text!r}")
        seeds += asked
    if not seeds:
        raise ConfigError(f"--seeds: expected the first before the last, found {text!r}")
    if (strange := next((seed for seed in seeds if role_of(seed) is None), None)) is not None:
        last_seed = max(share.seeds[-1] for share in SPLIT.values())
        raise ConfigError(f"--seeds: expected 1 to {last_seed}, found {strange}")
    return tuple(dict.fromkeys(seeds))


def regimes_of(text: str | None) -> tuple[RegimeName, ...]:
    """Names by commas, or `all`; none where nothing is said.

    Raises:
        ConfigError: a name is no regime.
    """
    if not text:
        return ()
    if text == "all":
        return REGIMES
    names = [word.strip() for word in text.split(",")]
    if (strange := next((name for name in names if name not in REGIMES), None)) is not None:
        expected = ", ".join((*REGIMES, "all"))
        raise ConfigError(f"--regime: expected of {expected}, found {strange!r}")
    return tuple(regime for regime in REGIMES if regime in names)


def simulated_history(simulated: Simulated, form: Form, folder: Path) -> Iterator[Path]:
    """The sessions before the evaluated day, oldest first; each is gone when the next is asked."""
    for number, config in enumerate(history(form, duration_s=simulated.duration_s)):
        path = folder / f"history-{form}-{number}.dbn"
        write_tape(config, path)
        yield path
        path.unlink()


def simulated_tape(
    simulated: Simulated,
    seed: int,
    regime: RegimeName,
    folder: Path,
    on_ratio: Callable[[float], None],
) -> Tape:
    """Write the market of a seed as a tape."""
    name = f"seed-{seed}-{regime}"
    path = folder / f"{name}.dbn"
    config = market(
        seed, regime=regime, difficulty=simulated.difficulty, duration_s=simulated.duration_s
    )
    summary = write_tape(config, path, on_progress=lambda progress: on_ratio(progress.ratio))
    return Tape(name=name, path=path, labels=summary.labels, regime=regime)


def tapes_in(folder: Path) -> list[Tape]:
    """The tapes of a folder that have labels beside them, by name.

    Raises:
        ConfigError: there is no such folder, no tape with labels, or a label cannot be read.
    """
    found = _tapes(folder)
    tapes = []
    for path in found:
        if (beside := labels_path(path)).is_file():
            labels = tuple(read_labels(beside))
            regimes = {label.regime for label in labels}
            regime = regimes.pop() if len(regimes) == 1 else ""
            tapes.append(Tape(name=path.name, path=path, labels=labels, regime=regime))
    if not tapes:
        raise ConfigError(
            f"--tapes: expected tapes with labels beside them, such as x.dbn.zst with x{SUFFIX},"
            f" found {len(found)} tapes and no labels of theirs in {folder}"
        )
    return tapes


def unlabelled_in(folder: Path) -> list[str]:
    """Names of the folder's tapes that have no labels."""
    return [path.name for path in _tapes(folder) if not labels_path(path).is_file()]


def history_in(folder: Path) -> Sequence[Path]:
    """Tapes of the sessions before: those of the folder's own folder `history`, by name."""
    return _tapes(folder / HISTORY) if (folder / HISTORY).is_dir() else []


def _tapes(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ConfigError(f"--tapes: expected a folder, found no such one: {folder}")
    return sorted(path for path in folder.iterdir() if path.name.endswith(_SUFFIXES))
