"""`ifd why` of a replay of files: what it shows, and its exit codes."""

import json
import re
import signal

import pytest

from dataflows.cli import main as cli
from simulator.simulation import SimulationConfig
from simulator.tape import write_tape

CONFIG = SimulationConfig(
    duration_s=40.0, roots=("ES",), instruments=2, records_per_s=200.0, resting_orders=400,
    institutions=True, institutions_per_hour=1_200.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def replayed(tmp_path_factory):
    """A tape, and the messages that its replay has put into a store."""
    folder = tmp_path_factory.mktemp("why")
    tape, url = folder / "t.dbn", f"sqlite:///{folder / 'ifd.sqlite3'}"
    write_tape(CONFIG, tape)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IFD_STORE__URL", url)
        assert cli.main(["replay", str(tape), "--summary"]) == 0
    for number, handler in handlers.items():
        signal.signal(number, handler)
    from sinks.store import Store

    with Store(url) as store:
        values = [json.loads(each.value) for each in store.stream("signals")]
    assert values
    return tape, url, values


@pytest.fixture
def why(replayed, monkeypatch, capfd):
    """Runs `ifd why`: code, what it printed, what it said."""
    tape, url, values = replayed
    monkeypatch.setenv("IFD_STORE__URL", url)

    def run(*words, files=(tape,), id_=values[0]["id"]):
        named = ["--files", *map(str, files)] if files else []
        code = cli.main(["why", id_, *map(str, words), *named])
        shown = capfd.readouterr()
        return code, shown.out, shown.err

    return run


def test_a_person_sees_what_led_to_it_and_that_it_is_the_same(why):
    code, out, err = why("--revision", 1)
    assert (code, err) == (0, "")
    for word in ("evidence", "contributions to the log-odds", "records (*", "book of ES"):
        assert word in out
    # The sweep's own records, and not all of the minute that other evidence looked at.
    assert re.search(r"(?m)^\* +\S+ +(trade|fill)", out)
    assert re.search(r"(?m)^  +\S+ +(add|cancel)", out)
    assert out.rstrip().splitlines()[-1].startswith("SAME: replayed ")
    assert "to the byte" in out


def test_a_program_gets_all_of_it(why, replayed):
    _, _, values = replayed
    code, out, _ = why("--revision", 1, "--json")
    found = json.loads(out)
    assert (code, found["verdict"], found["revision"]) == (0, "same", 1)
    assert found["published"] == found["replayed"] == values[0]
    last = found["published"]["evidence"][-1]["sequence_last"]
    assert last in [row["sequence"] for row in found["records"][: found["records_before"]]]
    assert found["book"]["bids"][0]["size"] > 0
    best_bid, best_ask = (float(found["book"][side][0]["price"]) for side in ("bids", "asks"))
    assert best_bid < best_ask


def test_what_was_published_otherwise_is_told_field_by_field(why, replayed, tmp_path):
    _, _, values = replayed
    value = tmp_path / "value.json"
    value.write_text(json.dumps(values[0] | {"size": 12_345}))
    code, out, _ = why("--value", value)
    assert code == 1
    assert "OTHER: replayed " in out
    assert f"  size: published 12345, replayed {values[0]['size']}" in out
    value.write_text(json.dumps(values[0] | {"seq": 9_000}))
    code, out, _ = why("--value", value)
    assert code == 1
    assert "the replay made no signal message 9000 of ES" in out


def test_a_changed_tape_is_another_one_and_a_damaged_one_is_said_so(why, replayed, tmp_path):
    tape, _, values = replayed
    order = int(values[0]["evidence"][0]["order_ids"][0]).to_bytes(8, "little")
    data = bytearray(tape.read_bytes())
    at = data.find(order)
    assert at > 0
    while at >= 0:
        data[at + 16] += 1  # its size, contracts
        at = data.find(order, at + 8)
    changed = tmp_path / "t.dbn"
    changed.write_bytes(data)
    code, out, _ = why("--revision", 1, files=[changed])
    assert code == 1
    assert "OTHER: " in out
    data[5_000:5_400] = bytes(400)
    changed.write_bytes(data)
    code, out, err = why(files=[changed])
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"{changed}: " in err


def test_what_is_not_possible_is_one_line_and_2(why, tmp_path, monkeypatch):
    for given, said in (
        ({"id_": "beef"}, "signal beef: not found in the store"),
        ({"files": ()}, "expected the tape of a live feed, found none"),
        ({"files": [tmp_path / "none.dbn"]}, "none.dbn"),
    ):
        code, out, err = why(**given)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert said in err
    monkeypatch.setenv("IFD_DETECT__SWEEP__LEVELS_MIN", "7")
    code, out, err = why()
    assert (code, err.count("\n")) == (2, 1)
    assert "use the settings of then" in err
    monkeypatch.delenv("IFD_STORE__URL")
    assert "nothing says where signals were published" in why()[2]
