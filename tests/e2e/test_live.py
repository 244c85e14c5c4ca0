"""What `ifd live` says to what a user can put right: one line, exit code 2."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from config.settings import load_settings, params_version
from dataflows.store import FILE_NAME, store_of
from sinks.embedded_broker import EmbeddedBroker
from tests.flows import market
from tests.live_runs import LiveRun

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return market(tmp_path_factory.mktemp("tape") / "market.dbn", duration_s=5)


@pytest.fixture(scope="module")
def servers() -> Iterator[str]:
    with EmbeddedBroker() as address:
        yield address


def store(folder: Path) -> Path:
    """An empty recovery store."""
    settings = load_settings({"recovery.directory": str(folder / "store")}, environ={})
    store_of(settings, params_version(settings))
    return folder / "store"


@contextmanager
def refused(tape: Path, folder: Path, processes: int = 1, **given: object) -> Iterator[list[str]]:
    """The lines of a run that must end with 2, but for that it started."""
    settings = {"source.paths": (str(tape),), **{k.replace("__", "."): v for k, v in given.items()}}
    with LiveRun(folder, settings, "--processes", processes) as run:
        assert run.end(None) == 2, run.text
    said: list[str] = [line for line in run.lines if not line.startswith("ifd: starting")]
    assert len(said) == 1, run.text
    yield said


def test_a_broker_that_is_not_there(tape: Path, tmp_path: Path) -> None:
    gone = {"kafka__bootstrap_servers": "127.0.0.1:1", "kafka__start_timeout_s": 1.0}
    with refused(tape, tmp_path, 2, **gone) as (line,):
        assert line.startswith(
            "ifd: kafka.bootstrap_servers: no answer from 127.0.0.1:1 within 1 s"
        )


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("description", f"{FILE_NAME}: expected a store's description, found: "),
        ("version", f"{FILE_NAME}: version was 99, expected 1: the store belongs to other"),
        ("part", "part-1.sqlite3: expected a part of a recovery store, found: file is not a data"),
        ("missing", "expected 4 files part-*.sqlite3 of a recovery store, found 3; restore"),
    ],
)
def test_a_store_that_is_damaged_or_of_another_version(
    tape: Path, servers: str, tmp_path: Path, damage: str, said: str
) -> None:
    directory = store(tmp_path)
    file, part = directory / FILE_NAME, directory / "part-1.sqlite3"
    if damage == "description":
        file.write_text("{")
    elif damage == "version":
        file.write_text(file.read_text().replace('"version": 1', '"version": 99'))
    elif damage == "part":
        part.write_bytes(b"x" * part.stat().st_size)
    else:
        part.unlink()
    with refused(tape, tmp_path, kafka__bootstrap_servers=servers) as (line,):
        assert line.startswith(f"ifd: {directory}")
        assert said in line


def test_neither_files_nor_a_key(servers: str, tmp_path: Path) -> None:
    with refused(tmp_path, tmp_path, kafka__bootstrap_servers=servers, source__paths=()) as (line,):
        assert line.startswith("ifd: live.key: expected Databento's API key, found none")
