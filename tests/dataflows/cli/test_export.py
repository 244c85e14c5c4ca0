import json
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import polars as pl
import pytest

from dataflows.cli.main import main
from sinks.store import Store
from tests.sinks.stores import a_gap, an_outcome, signal

URL = "sqlite:///state/ifd.sqlite3"


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    """No variables and no .env of the machine."""
    for name in list(os.environ):
        if name.startswith("IFD_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def store(monkeypatch, clean):
    monkeypatch.setenv("IFD_STORE__URL", URL)
    with Store(URL) as opened:
        opened.put(
            [
                *(signal("ES", seq, strength="HIGH" if seq % 2 else "LOW") for seq in range(1, 11)),
                signal("NQ", 1),
                a_gap("ES", 1),
                an_outcome("ES", 1),
            ]
        )
        yield opened


def test_flags_are_filters_and_the_manifest_says_what_was_asked(store, capsys):
    words = [
        "export",
        "signals",
        "--root",
        "ES,NQ",
        "--strength",
        "high",
        "--from",
        "2024-03-13",
        "--to",
        "2024-03-14",
    ]
    assert main([*words, "--output", "a.csv"]) == 0
    told = capsys.readouterr()
    manifest = json.loads(Path("a.csv.manifest.json").read_text())
    assert told.out == (
        f"a.csv: 5 rows, {manifest['bytes']:,} bytes, sha256 {manifest['sha256']}\n"
    )
    assert "export of signals …" in told.err
    assert manifest["query"] == {
        "stream": "signals",
        "filter": {
            "root": ["ES", "NQ"],
            "strength": ["HIGH"],
            "from": ["2024-03-13T00:00:00.000000000Z"],
            "to": ["2024-03-14T00:00:00.000000000Z"],
        },
    }
    # Again, in other words, by a name made of the query: the same bytes.
    again = [
        "export",
        "signals",
        "--root",
        "NQ",
        "--root",
        "ES",
        "--strength",
        "HIGH",
        "--from",
        "1710288000000000000",
    ]
    assert main([*again, "--to", "2024-03-14T00:00:00Z"]) == 0
    (file,) = Path().glob("ifd-signals-*.csv")
    assert file.read_bytes() == Path("a.csv").read_bytes()


@pytest.mark.parametrize("stream", ["signals", "executions", "outcomes", "gaps"])
def test_every_stream_and_a_folder_for_output(store, stream, capsys):
    Path("out").mkdir()
    assert main(["export", stream, "--format", "parquet", "--output", "out"]) == 0
    (file,) = Path("out").glob("*.parquet")
    assert pl.read_parquet(file).height == {"signals": 11, "executions": 0}.get(stream, 1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("signals --side up", "side: expected one of buy, sell, none, found 'up'"),
        ("gaps --strength HIGH", "strength: expected a filter of gaps"),
        ("gaps --latest", "--latest: expected signals, found gaps"),
        ("signals --from 2024", "from: expected RFC 3339"),
        ("signals --output none/x.csv", "expected an existing folder"),
        ("pressure", "bars.directory: expected a folder, found none; set IFD_BARS__DIRECTORY"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(store, capsys, words, said):
    assert main(["export", *words.split()]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert not list(Path().glob("*.csv*"))


def test_without_a_store_nothing_is_made(monkeypatch, capsys):
    assert main(["export", "signals"]) == 2
    assert "store.url: expected a database, found none" in capsys.readouterr().err
    monkeypatch.setenv("IFD_STORE__URL", URL)
    assert main(["export", "signals"]) == 2
    assert "found no file state/ifd.sqlite3" in capsys.readouterr().err
    assert not Path("state").exists()


def test_pressure_comes_from_its_folder(monkeypatch, capsys):
    Path("bars").mkdir()
    monkeypatch.setenv("IFD_BARS__DIRECTORY", "bars")
    assert main(["export", "pressure", "--output", "p.parquet", "--format", "parquet"]) == 0
    assert "volume_buy" in pl.read_parquet("p.parquet").columns


MEASURED = """
import resource, sys
from dataflows.cli.main import main
code = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
sys.exit(code)
"""
FULL_DISK = """
import resource, sys
from dataflows.cli.main import main
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
sys.exit(main(sys.argv[1:]))
"""
HANGING = """
import pathlib, sys, threading
from dataflows.cli.main import main
from sinks.export_table import MessagePiece
def csv(piece):
    pathlib.Path("marker").touch()
    threading.Event().wait()
MessagePiece.csv = csv
main(sys.argv[1:])
"""


def python(program, *words):
    return [sys.executable, "-c", program, "export", "signals", "--output", "x", *words]


def surroundings():
    return os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}


@pytest.mark.slow
@pytest.mark.parametrize("format_name", ["csv", "json", "ndjson", "parquet"])
def test_a_full_disk_is_told_in_one_line_and_leaves_nothing(store, format_name):
    # Different enough to stay large in Parquet.
    chance = random.Random(1)
    texts = ((chance.randbytes(250).hex(),) for _ in range(1_000))
    store.put([signal("CL", seq, reasons=text) for seq, text in enumerate(texts, 1)])
    before = set(Path().iterdir())
    words = python(FULL_DISK, "--format", format_name)
    done = subprocess.run(words, capture_output=True, text=True, env=surroundings())
    assert done.returncode == 2, done.stderr
    assert "ifd: x: cannot be written: File too large" in done.stderr
    assert set(Path().iterdir()) == before


@pytest.mark.slow
def test_an_export_that_is_killed_leaves_the_one_before(store):
    assert main(["export", "signals", "--output", "x"]) == 0
    before = [Path(name).read_bytes() for name in ("x", "x.manifest.json")]
    worker = subprocess.Popen(python(HANGING), env=surroundings(), stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while not Path("marker").exists():
            assert worker.poll() is None
            assert time.monotonic() < deadline
            threading.Event().wait(0.02)
    finally:
        worker.kill()
        worker.wait()
    assert [Path(name).read_bytes() for name in ("x", "x.manifest.json")] == before
    assert main(["export", "signals", "--output", "x"]) == 0


FEW, MANY = 6_000, 46_000
"""Signals; both are several pieces. The difference is 70 MB of JSON."""


@pytest.mark.slow
@pytest.mark.parametrize("format_name", ["csv", "parquet"])
def test_memory_does_not_grow_with_the_rows(store, format_name):
    def fill(first, last):
        for start in range(first, last, 5_000):
            store.put([signal("ES", seq) for seq in range(start, min(start + 5_000, last))])

    def peak_mb():
        words = python(MEASURED, "--format", format_name, "--force")
        done = subprocess.run(words, capture_output=True, text=True, check=True, env=surroundings())
        return int(done.stdout.splitlines()[-1])

    fill(11, FEW)
    few = peak_mb()
    fill(FEW, MANY)
    assert peak_mb() < few + 50
