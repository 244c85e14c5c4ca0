import subprocess
import sys
from dataclasses import replace

import pytest

from examples.compliance.surveillance import KEPT_MAX, Surveillance
from examples.compliance.verify import verify
from examples.errors import ConsumerError
from examples.journal import BrokenChain, Journal
from tests.examples.given import execution, played, read, signal, unread
from tests.flows import ROOT
from tests.sinks.messages import EVIDENCE, TS


def evidence(first, last, *orders, instrument=5602):
    return replace(
        EVIDENCE,
        instrument_id=instrument,
        sequence_first=first,
        sequence_last=last,
        order_ids=orders,
    )


def shown(first, last, *orders, seq=1, name="a", **more):
    return read(signal(seq, id=name, evidence=(evidence(first, last, *orders),), **more))


def traded(first, last, *, seq=1, **more):
    return read(execution(seq, sequence_first=first, sequence_last=last, **more))


def test_a_record_says_what_was_claimed_on_which_evidence_and_where_the_tape_shows_it():
    (record,) = played(Surveillance(), [shown(10, 14, 7, 3)])
    assert (record["kind"], record["signal_id"], record["revision"]) == ("signal", "a", 1)
    assert record["tape"] == [
        {"detector": "sweep", "instrument_id": 5602, "symbol": "ESH4", "sequence_first": 10,
         "sequence_last": 14, "ts_first": str(TS), "ts_last": str(TS + 1)}
    ]  # fmt: skip
    assert record["order_ids"] == ["3", "7"]
    assert record["value"]["evidence"][0]["text"] == EVIDENCE.text
    assert record["source"]["seq"] == 1


def test_executions_are_joined_by_sequence_whichever_comes_first():
    before, claim, after = traded(8, 10), shown(10, 14), traded(14, 15, seq=2)
    found = played(Surveillance(), [before, claim, after])
    assert found[1]["executions"] == [{"generation": "g1", "seq": 1}]
    assert found[2]["signals"] == [{"id": "a", "revision": 1}]
    found = played(Surveillance(), [claim, before])
    assert found[1]["signals"] == [{"id": "a", "revision": 1}]


def test_executions_are_joined_by_order_ids_too():
    # Order 2 is the passive one, 645000000001 the aggressor.
    for order in (2, 645_000_000_001):
        found = played(Surveillance(), [traded(1, 2), shown(10, 14, order)])
        assert found[1]["executions"] == [{"generation": "g1", "seq": 1}]


@pytest.mark.parametrize(
    "execution_of",
    [
        {"first": 15, "last": 16},
        {"first": 10, "last": 14, "instrument_id": 1},
        {"first": 10, "last": 14, "ts_event": TS + 2 * 86_400_000_000_000},
        {"first": 15, "last": 16, "order_id": 0, "fills": ()},
    ],
    ids=["elsewhere", "another instrument", "another week's numbers", "no order"],
)
def test_what_does_not_belong_is_not_joined(execution_of):
    found = played(Surveillance(), [traded(**execution_of), shown(10, 14, 0)])
    assert found[1]["executions"] == []


def test_what_is_missing_unreadable_or_replaced_has_a_record_of_its_own():
    messages = [
        read(signal(4), missing=(1, 3)),
        unread(5),
        read(signal(1), "g2", replaced="g1"),
        read(signal(6), is_outdated=True),
    ]
    found = played(Surveillance(), messages)
    assert [record["kind"] for record in found] == [
        "missing", "signal", "unreadable", "generation", "signal", "signal",
    ]  # fmt: skip
    assert found[0]["seqs"] == [1, 3]
    assert found[3]["replaced"] == "g1"
    assert found[5]["is_outdated"] is True


def test_the_state_is_bounded_and_made_of_the_records_alone():
    mine, again = Surveillance(), Surveillance()
    first = traded(10, 14)
    for record in played(mine, [first, *(traded(100, 101, seq=n) for n in range(2, 20))]):
        again.apply(record)
    after = [shown(10, 14, seq=1)]
    assert played(again, after) == played(mine, after)
    played(mine, [traded(100, 101, seq=20 + n) for n in range(KEPT_MAX)])
    # The oldest was let go.
    assert played(mine, [shown(10, 14, seq=2)])[0]["executions"] == []


@pytest.fixture
def record(tmp_path):
    path = tmp_path / "surveillance.jsonl"
    surveillance = Surveillance()
    journal = Journal(path, surveillance.apply)
    for message in (traded(8, 10), shown(10, 14), traded(14, 15, seq=2)):
        journal.append(message.at, surveillance.take(message))
    journal.close()
    return path


def test_a_whole_record_verifies_and_says_its_head(record):
    found = verify(record)
    assert (found.head.count, found.kinds) == (3, {"execution": 2, "signal": 1})
    assert verify(record, found.head.hash) == found
    with record.open("ab") as file:
        file.write(b'{"n":4')
    assert verify(record, found.head.hash).unfinished_bytes == 6


def test_a_changed_line_is_named(record):
    record.write_bytes(record.read_bytes().replace(b'"size":120', b'"size":12', 1))
    with pytest.raises(BrokenChain, match="line 2"):
        verify(record)


def test_an_end_that_was_cut_off_or_changed_shows_against_a_head_kept_elsewhere(record):
    head = verify(record).head.hash
    whole = record.read_bytes()
    for changed in (
        b"".join(whole.splitlines(keepends=True)[:2]),
        whole[:-20] + whole[-20:].replace(b'"seq":2', b'"seq":3'),
        b"",
    ):
        record.write_bytes(changed)
        verify(record)
        with pytest.raises(BrokenChain, match=f"no line has the hash {head}"):
            verify(record, head)


def test_a_record_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(ConsumerError, match=r"no\.jsonl: No such file"):
        verify(tmp_path / "no.jsonl")


def test_the_command_says_whole_or_names_the_break(record):
    command = [sys.executable, "-m", "examples.compliance", "verify", str(record)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("whole: 3 lines (2 execution, 1 signal), head ")
    lines = record.read_bytes().splitlines(keepends=True)
    record.write_bytes(lines[0] + lines[2])
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"compliance: {record}: line 2: expected number 2 after")
    assert done.stderr.count("\n") == 1
