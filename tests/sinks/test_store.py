"""The store on SQLite and, with `-m servers`, on PostgreSQL: the same tests."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from operators.model.errors import ConfigError, DeliveryError
from operators.model.streams import EVENT_STREAMS, SIGNALS
from sinks.filters import FilterError, parse_filter
from sinks.store import Store
from sinks.store_database import is_final
from tests.sinks.stores import a_gap, an_outcome, examples, places, signal

ROOT = Path(__file__).resolve().parents[2]


def asked(**words):
    """Filter of words by name; `from_` is `from`."""
    return parse_filter({name.rstrip("_"): [value] for name, value in words.items()})


def test_every_event_stream_comes_back_as_it_went_in(store):
    messages = examples()
    assert store.put(messages) == len(messages) == len(EVENT_STREAMS)
    for message in messages:
        assert store.messages(message.stream).rows == (message,)
        assert list(store.stream(message.stream)) == [message]
        assert store.count(message.stream) == 1
    for read in (store.signals, store.outcomes, store.executions, store.gaps):
        assert len(read().rows) == 1


def test_writing_again_changes_nothing(store):
    messages = [signal("ES", seq) for seq in range(1, 5)]
    assert store.put(messages[:3]) == 3
    assert store.put([*messages, messages[3]]) == 1
    assert store.put(messages) == 0
    assert store.put([]) == 0
    assert places(store.stream(SIGNALS)) == [("ES", seq) for seq in range(1, 5)]


def test_other_bytes_in_the_same_place_are_refused_and_nothing_is_kept(store):
    store.put([signal("ES", 1)])
    with pytest.raises(DeliveryError, match="signals of ES seq 1 is kept with other") as refused:
        store.put([signal("ES", 2), signal("ES", 1, side="sell")])
    assert is_final(refused.value)
    assert places(store.stream(SIGNALS)) == [("ES", 1)]


def test_the_same_place_in_another_generation_is_another(store):
    assert store.put([signal("ES", 1), signal("ES", 1, generation="g2", begun_ms=2)]) == 2
    assert [(g.name, g.ts_ms, g.messages) for g in store.generations()] == [
        ("g2", 2, 1),
        ("g1", 1, 1),
    ]
    assert places(store.signals(asked(generation="g1"), latest=False).rows) == [("ES", 1)]


def test_the_latest_revision_of_each_signal_and_its_whole_life(store):
    life = [
        signal("ES", 1, name="a"),
        signal("ES", 2, name="b"),
        signal("ES", 3, name="a", revision=2, change="updated"),
        signal("ES", 4, name="a", revision=3, change="retracted"),
    ]
    store.put(life)
    assert places(store.signals().rows) == [("ES", 4), ("ES", 2)]
    assert places(store.signals(latest=False).rows) == [("ES", seq) for seq in (4, 3, 2, 1)]
    assert places(store.signals(asked(change="retracted")).rows) == [("ES", 4)]
    assert places(store.signals(asked(change="updated")).rows) == []
    assert [row.seq for row in store.signal("a")] == [1, 3, 4]
    assert store.signal("nobody") == []
    with store.database.read() as connection:
        view = connection.execute(text("SELECT root, seq FROM signals_latest ORDER BY seq"))
        assert view.all() == [("ES", 2), ("ES", 4)]


def test_of_a_signal_that_two_generations_have_the_later_one_counts(store):
    first = [signal("ES", seq, name="a", revision=seq) for seq in (1, 2, 3)]
    second = [
        signal("ES", seq, name="a", revision=seq, generation="f", begun_ms=2) for seq in (1, 2)
    ]
    store.put([*second, *first])
    assert [(row.generation, row.seq) for row in store.signals().rows] == [("f", 2)]
    assert [(r.generation, r.seq) for r in store.signal("a")] == [
        ("g1", 1), ("g1", 2), ("g1", 3), ("f", 1), ("f", 2)
    ]  # fmt: skip


def test_filters_say_what_is_found(store):
    store.put(
        [
            signal("ES", 1, side="buy", kind="sweep", probability=0.9, strength="EXTREME"),
            signal("NQ", 2, side="sell", kind="iceberg", probability=0.7, strength="HIGH"),
            signal("CL", 3, side="sell", kind="sweep", probability=0.6, strength="MODERATE"),
            a_gap("ES", 1),
        ]
    )

    def found(**words):
        rows = list(store.stream(SIGNALS, asked(**words), latest=True))
        assert store.count(SIGNALS, asked(**words), latest=True) == len(rows)
        return [row.root for row in rows]

    assert found() == ["ES", "NQ", "CL"]
    assert found(root="ES,CL") == ["ES", "CL"]
    assert found(side="sell", kind="sweep") == ["CL"]
    assert found(strength="EXTREME,HIGH") == ["ES", "NQ"]
    assert found(min_confidence="0.7") == ["ES", "NQ"]
    ts = str(signal("NQ", 2).ts_event)
    assert found(from_=ts) == ["NQ", "CL"]
    assert found(to=ts) == ["ES"]
    with pytest.raises(FilterError, match="kind: expected a filter of gaps"):
        store.gaps(asked(kind="sweep"))


@pytest.mark.parametrize(
    "evil", ["' OR '1'='1", "x'; DROP TABLE messages; --", '"', "%", "\\", "ES' --", ":root", "?"]
)
def test_a_filter_is_data_and_never_sql(store, evil):
    store.put([signal("ES", 1)])
    for name in ("root", "kind", "generation"):
        assert store.signals(asked(**{name: evil})).rows == ()
    assert store.signal(evil) == []
    assert places(store.stream(SIGNALS)) == [("ES", 1)]


@pytest.mark.parametrize("latest", [True, False])
def test_pages_go_on_where_they_ended_while_new_messages_arrive(store, latest):
    store.put([signal(root, seq) for seq in range(1, 26) for root in ("ES", "NQ")])
    seen, after, last = [], None, 25
    while True:
        page = store.signals(after=after, limit=7, latest=latest)
        seen += places(page.rows)
        # A new signal, and a new revision of one that is still to come.
        last += 1
        store.put([signal("ES", last), signal("NQ", last, name="NQ-2", revision=last)])
        if page.after is None:
            break
        after = page.after
    assert seen == [(root, seq) for seq in range(25, 0, -1) for root in ("NQ", "ES")]


def test_pages_oldest_first_too(store):
    store.put([signal("ES", seq) for seq in range(1, 6)])
    first = store.signals(limit=3, newest_first=False)
    then = store.signals(limit=3, newest_first=False, after=first.after)
    assert places(first.rows + then.rows) == [("ES", seq) for seq in range(1, 6)]
    assert then.after is None
    assert store.signals(limit=5).after is None


def test_a_cursor_of_another_filter_or_none_at_all_is_refused(store):
    store.put([signal("ES", seq) for seq in range(1, 4)])
    cursor = store.signals(limit=1).after
    assert cursor is not None
    for again in (
        lambda: store.signals(asked(root="ES"), after=cursor),
        lambda: store.signals(latest=False, after=cursor),
        lambda: store.gaps(after=cursor),
        lambda: store.alerts(after=cursor),
        lambda: store.signals(after=cursor[:-1]),
        lambda: store.signals(after="' OR 1=1 --"),
    ):
        with pytest.raises(FilterError, match="cursor: "):
            again()


def test_names_are_ordered_by_their_bytes_in_every_database(store):
    roots = ["a", "B", "A-1", "A1", "b", "Z"]
    store.put([replace(signal(root, 1), ts_event=5) for root in roots])
    assert [row.root for row in store.stream(SIGNALS)] == sorted(roots)


def test_a_stream_longer_than_a_fetch_is_whole(store):
    store.put([signal("ES", seq) for seq in range(1, 2_502)])
    assert places(store.stream(SIGNALS)) == [("ES", seq) for seq in range(1, 2_502)]


def test_marks_of_outcomes(store):
    store.put([an_outcome("ES", 1, hit=True), an_outcome("ES", 2, horizon_s=300, probability=0.5)])
    assert list(store.marks()) == [(60, 0.83, True), (300, 0.5, False)]
    unknown = an_outcome("ES", 3, hit=None, markout_ticks=None, unknown="gap")
    store.put([unknown, an_outcome("ES", 4, sampled=True, signal_id="")])
    assert list(store.marks()) == [(60, 0.83, True), (300, 0.5, False)]


def test_old_messages_are_forgotten_in_small_steps_and_of_one_stream(store):
    store.put([*(signal("ES", seq) for seq in range(1, 11)), a_gap("ES", 1)])
    assert store.prune(SIGNALS, 0, 100) == 0
    assert [store.prune(SIGNALS, 2**62, 4) for _ in range(4)] == [4, 4, 2, 0]
    assert store.signals().rows == ()
    assert len(store.gaps().rows) == 1


WRITER = """
import sys
from sinks.store import Store
from tests.sinks.stores import signal
with Store(sys.argv[1]) as store:
    for seq in range(1, 201):
        store.put([signal(sys.argv[2], seq), signal("BOTH", seq)])
"""


@pytest.mark.slow
def test_processes_that_start_and_write_at_once_lose_nothing(store_url):
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, store_url, root],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        for root in ("ES", "NQ", "CL")
    ]
    for writer in writers:
        _, said = writer.communicate(timeout=120)
        assert writer.returncode == 0, said
    with Store(store_url) as store:
        found = places(store.stream(SIGNALS))
    assert sorted(found) == sorted(
        (root, seq) for root in ("ES", "NQ", "CL", "BOTH") for seq in range(1, 201)
    )


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "expected sqlite:/// or postgresql://"),
        ("mysql://ifd:hush@h/d", "expected sqlite:/// or postgresql://"),
        ("sqlite://", "expected a file or a database, found none"),
        ("sqlite:///:memory:", "expected a file or a database, found none"),
        ("sqlite:////proc/nowhere/ifd.sqlite3", "/proc/nowhere cannot be made"),
    ],
)
def test_an_address_that_is_none_is_refused(url, said):
    with pytest.raises(ConfigError, match=said) as refused:
        Store(url).open()
    assert "hush" not in str(refused.value)


def test_an_absent_server_is_told_without_the_password():
    store = Store("postgresql://ifd:hushhush@127.0.0.1:1/ifd", start_timeout_s=0.01)
    with pytest.raises(DeliveryError) as refused:
        store.open()
    assert "127.0.0.1:1" in str(refused.value)
    assert "hushhush" not in str(refused.value)
    assert not is_final(refused.value)


@pytest.mark.servers
def test_a_wrong_password_is_told_without_it(postgres):
    with pytest.raises(DeliveryError, match="password authentication failed") as refused:
        Store(postgres.url(password="hushhush"), start_timeout_s=0.01).open()
    assert "hushhush" not in str(refused.value)


def test_a_file_that_is_no_database_is_told_at_once(tmp_path):
    (tmp_path / "x").write_text("no database" * 200)
    with pytest.raises(DeliveryError, match="file is not a database") as refused:
        Store(f"sqlite:///{tmp_path}/x").open()
    assert is_final(refused.value)
