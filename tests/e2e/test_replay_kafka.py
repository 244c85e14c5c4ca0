"""Replays of one feed, in several files and several times, onto Kafka."""

import json
from pathlib import Path

import pytest

from sinks.embedded_broker import EmbeddedBroker
from tests.flows import held, ifd, market
from tests.flows import quiet_env as env

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return market(tmp_path_factory.mktemp("tape") / "market.dbn", duration_s=60)


def replayed(servers: str, *words: object) -> str:
    """Digest of a replay's event streams."""
    done = ifd("replay", *words, "--summary", env=env({"kafka.bootstrap_servers": servers}))
    assert (done.returncode, done.stderr) == (0, "")
    return str(json.loads(done.stdout)["signals"]["digest"])


def test_two_replays_keep_apart_by_their_prefix(tape: Path) -> None:
    with EmbeddedBroker() as servers:
        first = replayed(servers, tape, "--topic-prefix", "a.")
        second = replayed(servers, tape, "--topic-prefix", "b.")
        found = [held(servers, prefix=prefix) for prefix in ("a.", "b.", "")]
    assert [each.digest for each in found[:2]] == [first, second]
    assert first == second
    assert all(each.has_each_once() for each in found[:2])
    assert sum(found[0].counts.values()) > 0
    assert sum(found[2].counts.values()) == 0


def test_a_file_given_twice_is_one_feed_read_twice(tape: Path) -> None:
    with EmbeddedBroker() as servers:
        digest = replayed(servers, tape, tape)
        found = held(servers)
    assert found.digest == digest
    assert found.has_each_once()


def test_the_same_feed_again_on_the_same_topics_counts_from_1_in_a_generation_of_its_own(
    tape: Path,
) -> None:
    with EmbeddedBroker() as servers:
        replayed(servers, tape)
        once = held(servers)
        replayed(servers, tape)
        twice = held(servers)
    assert {k: len(v) for k, v in twice.seqs.items()} == {
        k: 2 * len(v) for k, v in once.seqs.items()
    }
    for key, seqs in once.seqs.items():
        assert twice.seqs[key] == seqs + seqs
