"""What a recovery store refuses, said in one line by commands and by the engine's launcher."""

import subprocess
import sys
from pathlib import Path

import pytest

from operators.pressure import Pressure
from tests.flows import ROOT, ifd, market
from tests.flows import quiet_env as env

pytestmark = pytest.mark.slow

NEWER = """
import dataflows, runpy, sys
from operators.pressure import Pressure
Pressure.STATE_VERSION = 99
"""
COMMAND = NEWER + "from dataflows.cli.main import main; sys.exit(main(sys.argv[1:]))"
LAUNCHER = NEWER + "runpy.run_module('bytewax.run', run_name='__main__', alter_sys=True)"


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return market(tmp_path_factory.mktemp("tape") / "market.dbn", duration_s=20)


@pytest.fixture(scope="module")
def store(tape: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that a replay left; nothing below changes it."""
    path = tmp_path_factory.mktemp("stores") / "store"
    done = ifd("replay", tape, "--summary", "--recovery", path)
    assert done.returncode == 0, done.stderr
    return path


def ran(program: str, *words: object, **given: object) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, words)],
        cwd=ROOT,
        env=env({key.replace("__", "."): value for key, value in given.items()}),
        capture_output=True,
        text=True,
        timeout=240,
    )
    return done.returncode, done.stderr


def test_state_of_another_version_is_refused_with_step_versions_and_remedy(
    tape: Path, store: Path, tmp_path: Path
) -> None:
    said = (
        f"ifd: step pressure: the recovery store holds state of version {Pressure.STATE_VERSION}, "
        "expected 99; start with an empty recovery directory, or run the version that wrote this "
        "one\n"
    )
    assert ran(COMMAND, "replay", tape, "--summary", "--recovery", store) == (2, said)
    words = ["dataflows.detect:flow", "-r", store, "-s", "1", "-b", "0"]
    given = {
        "source__paths": (str(tape),),
        "source__summary_directory": str(tmp_path),
        "recovery__directory": str(store),
    }
    assert ran(LAUNCHER, *words, **given) == (2, said)


@pytest.mark.parametrize(
    ("words", "given", "said"),
    [
        (["--shards", 3], {}, "shards was 1, expected 3: the store belongs to other settings"),
        ([], {"IFD_DETECT__QUALITY_MIN": "0.5"}, "the store belongs to other settings; use those"),
    ],
)
def test_a_store_of_other_shards_or_parameters_is_refused(
    tape: Path, store: Path, words: list[object], given: dict[str, str], said: str
) -> None:
    done = ifd("replay", tape, "--summary", "--recovery", store, *words, env={**env({}), **given})
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith(f"ifd: {store}")
    assert said in done.stderr


def test_other_files_than_those_of_the_store_are_refused(
    tape: Path, store: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.dbn"
    other.write_bytes(tape.read_bytes())
    done = ifd("replay", other, other, "--summary", "--recovery", store)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert done.stderr.startswith("ifd: feed glbx: expected nothing as file 2, found other.dbn")


def test_a_finished_replay_started_again_adds_nothing(tape: Path, store: Path) -> None:
    done = ifd("replay", tape, "--summary", "--recovery", store)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("launcher", ["/none/store", ""])
def test_a_launcher_that_means_another_store_is_told_so(
    tape: Path, tmp_path: Path, launcher: str
) -> None:
    words = ["-r", launcher, "-s", "1", "-b", "0"] if launcher else []
    mine = tmp_path / "store"
    code, said = ran(
        LAUNCHER,
        "dataflows.detect:flow",
        *words,
        source__paths=(str(tape),),
        source__summary_directory=str(tmp_path),
        recovery__directory=str(mine),
    )
    assert (code, said.count("\n")) == (2, 1)
    expected = f"expected the launcher's -r, {launcher or 'none'}, found {mine}: give both the same"
    assert said.startswith(f"ifd: recovery.directory: {expected}")
    assert not mine.exists()
