"""A journal on a topic, on both brokers."""

import json

import pytest

from examples.errors import ConsumerError
from examples.publisher import BATCH_MAX, Publisher
from tests.examples.given import Notes, Topics, signal
from tests.sinks.kafka_harness import read as read_topic

TOPIC = "ifd-examples.notes.v1"


def test_a_journal_is_published_once_and_in_order(topics, tmp_path):
    topic = topics.prefix + TOPIC
    topics.put(*(signal(seq) for seq in range(1, 4)))
    topics.run(tmp_path, Notes(), topic=topic)
    topics.put(signal(4))
    topics.run(tmp_path, Notes(), topic=topic)
    found = topics.run(tmp_path, Notes(), topic=topic)
    config = ReaderConfigOf(topics.servers)
    records = read_topic(config, topic)
    assert [json.loads(record.value) for record in records] == found
    assert [record.headers["journal-n"] for record in records] == ["1", "2", "3", "4"]
    assert {(record.key, record.partition) for record in records} == {("ES", 0)}


class ReaderConfigOf:
    """What `kafka_harness.read` asks of a configuration."""

    topic_prefix = ""

    def __init__(self, servers):
        self.bootstrap_servers = servers


def test_the_topic_of_another_journal_is_refused(topics, tmp_path):
    topic = topics.prefix + TOPIC
    topics.put(signal(1), signal(2))
    topics.run(tmp_path / "a", Notes(), topic=topic)
    topics.put(signal(3))
    with pytest.raises(ConsumerError, match=r"holds line 2 of another journal"):
        topics.run(tmp_path / "b", Other(), topic=topic)


class Other(Notes):
    def take(self, message):
        return [{"other": True}]


def test_a_journal_that_lost_what_was_published_is_refused(topics, tmp_path):
    topic = topics.prefix + TOPIC
    topics.put(signal(1), signal(2))
    topics.run(tmp_path, Notes(), topic=topic)
    path = tmp_path / "journal.jsonl"
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    with pytest.raises(ConsumerError, match=r"holds line 2 of another journal"):
        topics.run(tmp_path, Notes(), topic=topic, from_beginning=False)


def publisher(topics, journal):
    return Publisher(topics.servers, topics.prefix + TOPIC, journal, {})


@pytest.mark.kafka  # the embedded broker lets both go on
def test_a_copy_of_the_program_that_starts_later_ends_the_one_before(apache, tmp_path):
    topics = Topics(apache)
    topics.put(signal(1), signal(2))
    topics.run(tmp_path, Notes())
    journal = tmp_path / "journal.jsonl"
    first, second = publisher(topics, journal), publisher(topics, journal)
    assert first.catch_up()
    assert (first.published, first.retried) == (2, 0)
    assert second.catch_up()
    assert second.published == 0
    topics.put(signal(3))
    topics.run(tmp_path, Notes())
    with pytest.raises(ConsumerError, match="another copy of this program took over"):
        first.catch_up()
    assert second.catch_up()
    assert second.published == 1


def test_a_long_journal_goes_in_batches_that_keep_groups_whole(topics, tmp_path):
    count = BATCH_MAX + 20
    topics.put(*(signal(seq) for seq in range(1, count // 2 + 1)))
    found = topics.run(tmp_path, Pairs(), topic=topics.prefix + TOPIC)
    assert len(found) == count
    records = read_topic(ReaderConfigOf(topics.servers), topics.prefix + TOPIC)
    assert [json.loads(record.value) for record in records] == found


class Pairs(Notes):
    def take(self, message):
        return [*super().take(message), {"second": True}]


def test_where_nobody_listens_it_is_tried_again_later(tmp_path):
    journal = tmp_path / "journal.jsonl"
    journal.touch()
    lonely = Publisher("127.0.0.1:9", TOPIC, journal, {})
    assert not lonely.catch_up()
    assert lonely.retried == 1
