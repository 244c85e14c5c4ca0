"""The examples on what the real dataflow published: read whole, killed at every place, resumed."""

import json
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from examples.compliance.verify import verify
from tests.examples.conftest import Flow
from tests.examples.given import lines
from tests.examples.hanging import PLACES, PUBLISHING
from tests.flows import ROOT, wait_for
from tests.sinks.kafka_harness import read as read_topic

pytestmark = pytest.mark.slow

POSITIONS = """\
root,symbol,contracts,account,price,multiplier,delta
ES,ESM6,-40,macro,,,
NQ,NQM6,-5,macro,,,
NQ,NQM6 C18000,-200,options,141.25,20,0.31
GC,GCM6,300,metals,,,
CL,CLM6,-300,energy,,,
"""
JOURNALS = {
    "trading": "intents.jsonl",
    "risk": "breaches.jsonl",
    "portfolio": "attribution.jsonl",
    "compliance": "surveillance.jsonl",
}


def command(flow: Flow, name: str, folder: Path, *more: str) -> list[str]:
    positions = folder / "positions.csv"
    positions.write_text(POSITIONS)
    own = {
        # Limits over all roots depend on their interleaving, so none is reached here.
        "trading": ["--max-age-s", "0", "--max-per-minute", "1000"],
        "risk": ["--positions", str(positions)],
        "portfolio": ["--holdings", str(positions)],
        "compliance": [],
    }
    words = ["record"] if name == "compliance" else []
    common = ["--bootstrap-servers", flow.servers, "--topic-prefix", flow.prefix, "--until-end"]
    return [name, *words, *common, "--state", str(folder / "state"), *own[name], *more]


def run(words: list[str]) -> subprocess.CompletedProcess[str]:
    name, *flags = words
    done = subprocess.run(
        [sys.executable, "-m", f"examples.{name}", *flags],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done


def journal_of(name: str, folder: Path) -> list[dict[str, Any]]:
    return lines(folder / "state" / JOURNALS[name])


def by_root(entries: list[dict[str, Any]]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Entries without their place in the chain: partitions are read side by side.

    Which of two topics came first is also left open, so links between records are, too.
    """
    found = defaultdict(list)
    for entry in entries:
        own = {k: v for k, v in entry.items() if k not in ("n", "previous")}
        source = own["source"]
        found[source["stream"], source["root"]].append(own)
    return dict(found)


def links(entries: list[dict[str, Any]]) -> set[tuple[Any, ...]]:
    """(signal, revision, execution's root and seq) of every join."""
    found = set()
    for entry in entries:
        at = entry["source"]
        for one in entry.pop("signals", ()):
            found.add((one["id"], one["revision"], at["root"], at["seq"]))
        for one in entry.pop("executions", ()):
            found.add((entry["signal_id"], entry["revision"], at["root"], one["seq"]))
    return found


@pytest.mark.parametrize("name", JOURNALS)
def test_what_the_dataflow_published_is_read_whole(flow: Flow, name: str, tmp_path: Path) -> None:
    done = run(command(flow, name, tmp_path, "--from-beginning"))
    count = flow.held.counts["signals"]
    if name == "compliance":
        count += flow.held.counts["executions"]
    said = f"{count} messages taken, 0 repeated, 0 missing, 0 outdated, 0 dead letters"
    assert said in done.stderr
    assert journal_of(name, tmp_path)


def test_intents_follow_the_signals(flow: Flow, tmp_path: Path) -> None:
    run(command(flow, "trading", tmp_path, "--from-beginning", "--max-contracts", "100"))
    found = journal_of("trading", tmp_path)
    values = flow.held.values["signals"]
    acted = {v["id"] for v in values if v["action"] in ("LONG", "SHORT")}
    ended = {v["id"] for v in values if v["change"] == "closed"} & acted
    intents = [entry["signal_id"] for entry in found if entry["kind"] == "intent"]
    assert Counter(intents) == Counter(acted)
    assert {entry["signal_id"] for entry in found if entry["kind"] == "exit"} == ended


def test_the_record_holds_every_message_as_it_was_published(flow: Flow, tmp_path: Path) -> None:
    run(command(flow, "compliance", tmp_path, "--from-beginning"))
    found = journal_of("compliance", tmp_path)
    for stream in ("signals", "executions"):
        published = defaultdict(list)
        for value in flow.held.values[stream]:
            published[value["root"]].append(value)
        for (of, root), entries in by_root(found).items():
            if of == stream:
                assert [entry["value"] for entry in entries] == published[root]
    # A sweep's signal is joined with the execution that was the sweep.
    swept = {e["signal_id"] for e in found for t in e["tape"] if t.get("detector") == "sweep"}
    assert swept
    assert swept <= {link[0] for link in links(found)}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", ["compliance", "trading"])
def test_killed_at_any_place_nothing_is_lost_or_done_twice(
    flow: Flow, name: str, place: str, tmp_path: Path
) -> None:
    for folder in ("whole", "killed"):
        (tmp_path / folder).mkdir()
    run(command(flow, name, tmp_path / "whole", "--from-beginning"))
    words = command(flow, name, tmp_path / "killed", "--from-beginning")
    for count in ("1", "3"):
        kill_at(place, count, words, tmp_path / f"marker-{count}")
        words = [word for word in words if word != "--from-beginning"]
        if not (tmp_path / "killed" / "state" / "checkpoint.json").exists():
            words.append("--from-beginning")
    run(words)
    whole, found = (journal_of(name, tmp_path / folder) for folder in ("whole", "killed"))
    assert links(found) == links(whole)
    assert by_root(found) == by_root(whole)
    assert verify(tmp_path / "killed" / "state" / JOURNALS[name]).head.count == len(whole)


@pytest.mark.parametrize("place", PUBLISHING)
def test_killed_while_publishing_the_topic_is_the_journal(
    flow: Flow, place: str, tmp_path: Path
) -> None:
    topic = f"intents-{tmp_path.name}"
    words = command(flow, "trading", tmp_path, "--from-beginning", "--publish", topic)
    for count in ("1", "2"):
        kill_at(place, count, words, tmp_path / f"marker-{count}")
    run(words)
    records = read_topic(_Servers(flow.servers), topic)
    found = [json.loads(record.value) for record in records]
    if not flow.servers_isolate:
        # The embedded broker shows what a dying transaction wrote: told apart by its number.
        found = list({entry["n"]: entry for entry in found}.values())
    assert found == journal_of("trading", tmp_path)


class _Servers:
    """What `kafka_harness.read` asks of a configuration."""

    topic_prefix = ""

    def __init__(self, servers: str) -> None:
        self.bootstrap_servers = servers


def kill_at(place: str, count: str, words: list[str], marker: Path) -> None:
    """Kill -9 an example where it hangs; where it never gets there, it ends by itself."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.examples.hanging", place, count, str(marker), *words],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(lambda: marker.exists() or process.poll() is not None, place, 60)
    finally:
        process.kill()
        _, errors = process.communicate()
    if not marker.exists():
        assert process.returncode == 0, errors
        assert count != "1", f"{place} was never reached"
