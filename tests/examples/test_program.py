"""The loop around a consumer, on both brokers."""

import fcntl
import json
import signal as signals
import subprocess
import sys
from dataclasses import replace

import pytest
from confluent_kafka import Consumer, TopicPartition

from examples.errors import ConsumerError
from examples.program import Program, ProgramConfig, read_client
from examples.reader import ReaderConfig
from sinks.codec import encode
from tests.examples.given import Notes, lines, signal
from tests.flows import ROOT, wait_for


def seqs(entries):
    return [(entry["source"]["generation"], entry["source"]["seq"]) for entry in entries]


def test_all_is_taken_once_and_the_group_says_how_far(topics, tmp_path):
    topics.put(*(signal(seq) for seq in range(1, 6)))
    assert seqs(topics.run(tmp_path, Notes())) == [("g1", seq) for seq in range(1, 6)]
    topics.put(signal(6))
    found = topics.run(tmp_path, Notes(), from_beginning=False)
    assert seqs(found) == [("g1", seq) for seq in range(1, 7)]
    place = TopicPartition(topics.name(), 1)
    consumer = Consumer({"bootstrap.servers": topics.servers, "group.id": f"{topics.prefix}tests"})
    (committed,) = consumer.committed([place], timeout=10)
    low, high = consumer.get_watermark_offsets(place, timeout=10)
    consumer.close()
    assert low < committed.offset == high


def test_read_from_the_beginning_again_nothing_is_done_again(topics, tmp_path):
    topics.put(signal(1), signal(2))
    before = topics.run(tmp_path, Notes())
    notes = Notes()
    assert topics.run(tmp_path, notes) == before == notes.applied
    # Nor without the checkpoint, where the journal alone knows.
    (tmp_path / "checkpoint.json").unlink()
    assert topics.run(tmp_path, Notes()) == before


def test_without_its_checkpoint_it_does_not_guess(topics, tmp_path):
    topics.put(signal(1))
    topics.run(tmp_path, Notes())
    (tmp_path / "checkpoint.json").unlink()
    with pytest.raises(ConsumerError, match=r"expected checkpoint\.json .* --from-beginning"):
        topics.run(tmp_path, Notes(), from_beginning=False)


def test_from_the_end_it_takes_what_comes_after_its_first_start(topics, tmp_path):
    topics.put(signal(1), signal(2))
    assert topics.run(tmp_path, Notes(), from_beginning=False) == []
    topics.put(signal(3), signal(5))
    found = topics.run(tmp_path, Notes(), from_beginning=False)
    assert [(e["source"]["seq"], e["missing"]) for e in found] == [(3, None), (5, [4, 4])]


def test_repeats_are_dropped_holes_told_and_generations_told_apart(topics, tmp_path):
    topics.put(signal(1), signal(2), signal(2), signal(5))
    topics.put(signal(1), signal(2), generation="g2", since_ms=2_000)
    topics.put(signal(6))
    found = topics.run(tmp_path, Notes())
    assert seqs(found) == [("g1", 1), ("g1", 2), ("g1", 5), ("g2", 1), ("g2", 2), ("g1", 6)]
    assert [entry["missing"] for entry in found] == [None, None, [3, 4], None, None, None]
    assert [entry["replaced"] for entry in found] == [None, None, None, "g1", None, None]
    assert [entry["is_outdated"] for entry in found] == [False] * 5 + [True]


def test_what_is_no_message_is_kept_as_dead_letter_and_passed_over(topics, tmp_path, capsys):
    topics.put(signal(1, id="a"))
    topics.raw(b"{", topics.head(2))  # has its place, cannot be read
    topics.raw(encode(signal(3)), topics.head(3, ifd_schema=b"ifd.signals.v2"))
    topics.raw(b"hello", {})
    topics.raw(None, topics.head(4), None)
    topics.put(signal(4, id="b"))
    for _ in range(2):
        found = topics.run(tmp_path, Notes())
        assert [(e["id"], e["missing"]) for e in found] == [
            ("a", None),
            (None, None),
            ("b", [3, 3]),
        ]
        letters = lines(tmp_path / "dead-letters.jsonl")
        assert [letter["reason"].partition(":")[0] for letter in letters] == [
            "value", "header ifd-schema", "header ifd-schema", "key",
        ]  # fmt: skip
    assert "1 missing, 0 outdated, 4 dead letters; 3 entries" in capsys.readouterr().err


def test_two_programs_do_not_share_a_folder(topics, tmp_path):
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ConsumerError, match="another program works there"):
            topics.run(tmp_path, Notes())


def test_the_offsets_of_another_cluster_mean_nothing(topics, tmp_path):
    topics.put(signal(1), signal(2))
    topics.run(tmp_path, Notes())
    place = tmp_path / "checkpoint.json"
    found = json.loads(place.read_text())
    place.write_text(json.dumps({**found, "cluster": "gone"}))
    topics.put(signal(3))
    entries = topics.run(tmp_path, Notes(), from_beginning=False)
    assert seqs(entries) == [("g1", 1), ("g1", 2), ("g1", 3)]


def test_nobody_at_the_address_is_one_line(tmp_path):
    reader = ReaderConfig(bootstrap_servers="127.0.0.1:9", timeout_s=1.0)
    config = ProgramConfig(reader=reader, state=tmp_path, journal="journal.jsonl")
    with pytest.raises(ConsumerError, match=r"--bootstrap-servers: no answer from 127\.0\.0\.1:9"):
        Program(config, Notes(), None).run()


def test_it_waits_for_a_topic_and_stops_while_waiting(embedded, tmp_path, capsys):
    from tests.examples.given import Topics

    topics = Topics(embedded)
    config = topics.config(tmp_path)
    missing = replace(config.reader, topics=("no.such.topic",))
    program = Program(replace(config, reader=missing), Notes(), None)
    program.stop.set()
    program.run()
    assert "0 messages taken" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signals.SIGTERM, signals.SIGINT])
def test_a_signal_of_the_system_stops_it_cleanly(topics, tmp_path, number):
    topics.put(signal(1))
    words = ["--bootstrap-servers", topics.servers, "--topic-prefix", topics.prefix]
    process = subprocess.Popen(
        [sys.executable, "-m", "examples.trading", *words, "--state", str(tmp_path),
         "--from-beginning", "--max-age-s", "0"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    journal = tmp_path / "intents.jsonl"
    wait_for(lambda: journal.exists() and journal.stat().st_size, "the intent", 30)
    process.send_signal(number)
    out, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert [json.loads(line) for line in out.splitlines()] == lines(journal)
    assert errors.startswith("1 messages taken, 0 repeated")
    assert errors.count("\n") == 1


@pytest.mark.parametrize("name", ["trading", "risk", "portfolio", "compliance"])
def test_help_teaches(name):
    command = [sys.executable, "-m", f"examples.{name}", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert f"python -m examples.{name}" in done.stdout
    assert "examples:" in done.stdout


def test_client_settings_come_from_a_file_and_are_not_shown(tmp_path):
    path = tmp_path / "client"
    path.write_text("# of the broker\nsasl.username = desk\n\nsasl.password=a=b\n")
    found = read_client(path)
    assert found == {"sasl.username": "desk", "sasl.password": "a=b"}
    assert "a=b" not in repr(ReaderConfig(client=found))
    path.write_text("sasl.password\n")
    with pytest.raises(ConsumerError, match="line 1: expected name=value"):
        read_client(path)


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("bootstrap_servers", "", "bootstrap_servers must not be empty"),
        ("timeout_s", 0.0, "timeout_s must be above 0"),
        ("client", {"group.id": "x"}, "client must not set group.id"),
    ],
)
def test_nonsense_settings_are_refused(field, value, text):
    with pytest.raises(ValueError, match=text):
        ReaderConfig(**{field: value})
