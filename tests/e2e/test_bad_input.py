"""Whatever a user can put right: one line, exit code 2, and what was read before is counted."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import databento_dbn as dbn
import pytest

from dataflows.cli import main as cli
from tests.connectors.dbn_bytes import header, mbo, rare, zstd
from tests.flows import ROOT, worker

HEADER = header()
ROWS = mbo(5_000).tobytes()
TEN = HEADER + mbo(10).tobytes()
BROKEN = len(TEN)
"""Byte of the eleventh record."""
CUT = zstd(HEADER + ROWS)[:-10]

CUT_RECORD = "expected 56 bytes of a record, found the end of the input after 36"
NOBODY = (
    "kafka.bootstrap_servers: no answer from 127.0.0.1:1 within 10 s (Connection refused); "
    "start Kafka there or set another address"
)

FILES = {
    "truncated": (
        HEADER + ROWS[:-20],
        f"byte {len(HEADER) + 4_999 * 56}: {CUT_RECORD}",
        4_999,
    ),
    "truncated_zst": (
        CUT,
        f"byte {len(CUT)}: expected the rest of a zstd frame, found the end of the file",
        None,
    ),
    "truncated_header": (
        HEADER[:50],
        "byte 0: expected 128 bytes of DBN metadata, found the end after 50",
        0,
    ),
    "other_schema": (
        header(schema=dbn.Schema.TRADES) + rare(dbn.TradeMsg),
        "byte 24: expected schema mbo, found schema trades",
        0,
    ),
    "garbage_after_the_header": (
        HEADER + b"lorem ipsum dolor sit amet " * 9,
        f"byte {len(HEADER)}: expected a DBN record, found unknown record type 111",
        0,
    ),
    "zero_length_record": (
        TEN + bytes(56),
        f"byte {BROKEN}: expected a record of at least 16 bytes, found a length of 0 bytes",
        10,
    ),
    "unknown_record_type": (
        TEN + bytes([14, 238]) + bytes(54),
        f"byte {BROKEN}: expected a DBN record, found unknown record type 238",
        10,
    ),
    "impossible_size": (
        TEN + bytes([15, 160]) + bytes(58),
        f"byte {BROKEN}: expected 56 bytes for a record of type mbo, found 60",
        10,
    ),
    "empty": (b"", "byte 0: expected DBN metadata, found an empty input", 0),
    "no_dbn": (
        b"hello world, this is no DBN",
        "byte 0: expected the letters DBN, found b'hel'",
        0,
    ),
}


@pytest.fixture(autouse=True)
def settled(monkeypatch, tmp_path):
    """A folder without .env, no settings in the environment, signal handlers as before."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for name in [n for n in os.environ if n.startswith("IFD_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def replayed(capfd, *words: object) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `ifd replay`."""
    capfd.readouterr()
    code = cli.main(["replay", *map(str, words)])
    return code, *capfd.readouterr()


@pytest.mark.parametrize("name", FILES)
def test_a_bad_file_is_one_line_and_what_stood_before_is_counted(tmp_path, capfd, name):
    data, said, records = FILES[name]
    path = tmp_path / f"{name}.dbn"
    path.write_bytes(data)
    code, out, err = replayed(capfd, path, "--summary")
    assert (code, err) == (2, f"ifd: {path}: {said}\n")
    found = json.loads(out)
    assert found["records"] == records if records is not None else found["records"] > 1_000
    assert out.count("\n") == 1


def test_the_files_before_a_bad_one_are_counted(tmp_path, capfd):
    (tmp_path / "good.dbn").write_bytes(HEADER + ROWS)
    (tmp_path / "bad.dbn").write_bytes(FILES["zero_length_record"][0])
    code, out, err = replayed(capfd, "good.dbn", "bad.dbn", "--summary")
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith(f"ifd: bad.dbn: byte {BROKEN}: ")
    assert json.loads(out)["records"] == 5_010


def test_without_a_summary_a_line_tells_what_was_read(tmp_path, capfd):
    (tmp_path / "bad.dbn").write_bytes(FILES["truncated"][0])
    code, out, err = replayed(capfd, "bad.dbn")
    told, said = err.splitlines()
    assert (code, out) == (2, "")
    assert told.startswith("4,999 records of 1 instruments in ")
    assert said.startswith("ifd: bad.dbn: byte ")


def test_a_place_without_a_readable_file_is_named(tmp_path, capfd):
    (tmp_path / "folder.dbn").mkdir()
    (tmp_path / "good.dbn").write_bytes(TEN)
    for name, found in (
        ("none.dbn", "expected a DBN file, found nothing there"),
        ("folder.dbn", "expected DBN files (.dbn, .dbn.zst) or a tape, found none"),
    ):
        code, out, err = replayed(capfd, "good.dbn", name, "--summary")
        assert (code, err) == (2, f"ifd: {name}: {found}\n")
        assert json.loads(out)["records"] == 0


def test_a_file_without_permission_is_named(tmp_path, capfd):
    if os.geteuid() == 0:
        pytest.skip("root may read every file: run the tests as another user to see this")
    (tmp_path / "secret.dbn").write_bytes(TEN)
    (tmp_path / "secret.dbn").chmod(0)
    code, _, err = replayed(capfd, "secret.dbn", "--summary")
    assert (code, err) == (
        2,
        "ifd: secret.dbn: expected a readable DBN file, found: Permission denied\n",
    )


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        (
            "IFD_FLOW__SHARDS",
            "many",
            "IFD_FLOW__SHARDS: flow.shards: expected a valid integer, found",
        ),
        ("IFD_FLOW__SHARDS", "0", "IFD_FLOW__SHARDS: flow.shards must be from 1 to 1000, was 0"),
        ("IFD_FLOW__SHRDS", "1", "IFD_FLOW__SHRDS: no such setting; did you mean"),
        ("IFD_PROFILE", "prod", "IFD_PROFILE: expected one of development, staging, production"),
    ],
)
def test_a_bad_setting_or_profile_is_named(tmp_path, capfd, monkeypatch, variable, value, said):
    (tmp_path / "a.dbn").write_bytes(TEN)
    monkeypatch.setenv(variable, value)
    code, out, err = replayed(capfd, "a.dbn", "--summary")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"ifd: {said}")


def test_a_bad_file_is_one_line_of_two_processes(tmp_path):
    (tmp_path / "bad.dbn").write_bytes(FILES["truncated"][0])
    command = [sys.executable, "-m", "dataflows.cli.main", "replay", "bad.dbn", "--summary"]
    done = subprocess.run(
        [*command, "--processes", "2", "--shards", "4"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    # The engine remarks on processes that do not find each other at once.
    said = [line for line in done.stderr.splitlines() if not line.endswith("; retrying")]
    assert (done.returncode, said) == (2, [f"ifd: bad.dbn: {FILES['truncated'][1]}"])
    assert json.loads(done.stdout)["records"] == 4_999


def launched(path: Path, **given: object) -> tuple[int, str, float]:
    """Exit code, stderr and seconds of a worker that the engine's launcher runs."""
    began = time.monotonic()
    process = worker(
        {
            "source.paths": (str(path),),
            "source.summary_directory": str(path.parent),
            **{key.replace("__", "."): value for key, value in given.items()},
        }
    )
    _, err = process.communicate(timeout=240)
    return process.returncode, err, time.monotonic() - began


def test_the_launcher_ends_with_one_line_and_2(tmp_path):
    bad = tmp_path / "bad.dbn"
    bad.write_bytes(FILES["truncated"][0])
    code, err, _ = launched(bad)
    assert (code, err) == (2, f"ifd: {bad}: {FILES['truncated'][1]}\n")
    code, err, _ = launched(bad, flow__shards="none")
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("ifd: IFD_FLOW__SHARDS: flow.shards: expected a valid integer, found")


def test_a_broker_that_is_not_there_ends_the_launcher_within_20_s(tmp_path):
    file = tmp_path / "a.dbn"
    file.write_bytes(TEN)
    _, _, start_s = launched(tmp_path / "none.dbn")
    code, err, elapsed_s = launched(file, kafka__bootstrap_servers="127.0.0.1:1")
    assert (code, err) == (2, f"ifd: {NOBODY}\n")
    assert elapsed_s - start_s < 20
