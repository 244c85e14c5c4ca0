"""A baseline saved by one replay makes the next one's judgement warm."""

from pathlib import Path

import pytest

from simulator.simulation import SimulationConfig, session
from simulator.tape import write_tape
from tests.flows import ifd

pytestmark = pytest.mark.slow

SESSIONS = 6


def tape(folder: Path, number: int) -> Path:
    """A few minutes of a session, the last one with institutions."""
    config = SimulationConfig(
        seed=9,
        duration_s=300.0,
        roots=("ES", "NQ"),
        instruments=4,
        records_per_s=100.0,
        resting_orders=1_000,
        institutions=number == SESSIONS,
        institutions_per_hour=240.0,
    )
    path = folder / f"session-{number}.dbn"
    write_tape(session(config, number), path)
    return path


@pytest.fixture(scope="module")
def tapes(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("tapes")
    return [tape(folder, number) for number in range(SESSIONS + 1)]


@pytest.fixture(scope="module")
def saved(tapes: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "six.parquet"
    done = ifd("replay", *tapes[:-1], "--save-baseline", path)
    assert done.returncode == 0, done.stderr
    return path


def test_a_saved_baseline_makes_signals_warm(tapes: list[Path], saved: Path) -> None:
    cold = ifd("replay", tapes[-1])
    warm = ifd("replay", tapes[-1], "--baseline", saved)
    assert (cold.returncode, warm.returncode) == (0, 0), cold.stderr + warm.stderr
    assert cold.stdout.count(" opened ") > 0
    assert all(" WARMING " in line for line in cold.stdout.splitlines())
    lines = warm.stdout.splitlines()
    assert lines
    assert not any(" WARMING " in line for line in lines if " opened " in line)


def test_a_store_keeps_the_baseline_it_began_with(
    tapes: list[Path], saved: Path, tmp_path: Path
) -> None:
    def replayed(baseline: Path) -> tuple[int, str]:
        words = ("--summary", "--recovery", tmp_path / "store", "--baseline", baseline)
        done = ifd("replay", tapes[-1], *words)
        return done.returncode, done.stderr

    assert replayed(saved) == (0, "")
    assert replayed(saved) == (0, "")
    other = tmp_path / "other.parquet"
    done = ifd("replay", tapes[0], "--summary", "--save-baseline", other)
    assert done.returncode == 0, done.stderr
    code, said = replayed(other)
    assert (code, said.count("\n")) == (2, 1)
    assert "already has a baseline, expected none or the same file" in said


def test_a_file_that_is_no_baseline_is_named(tapes: list[Path], tmp_path: Path) -> None:
    done = ifd("replay", tapes[0], "--baseline", tapes[0])
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith(f"ifd: baseline {tapes[0]} cannot be read: ")
    done = ifd("replay", tapes[0], "--summary", "--save-baseline", tmp_path / "no" / "b.parquet")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "b.parquet cannot be written: " in done.stderr
