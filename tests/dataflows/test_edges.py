import pytest

from config.settings import load_settings
from connectors.dbn_file import Hooks
from dataflows.edges import (
    file_source,
    heard,
    load_source,
    reads_feeds,
    roots_of,
    sinks_of,
    with_broker,
)
from dataflows.store import Store
from operators.model.errors import ConfigError, DeliveryError, FeedError
from sinks.embedded_broker import EmbeddedBroker
from sinks.gate import Gate
from tests.tape import tape

STORE = Store(generation="g", created_ns=5_000_000, shards=1, params="p")


def settings(**given):
    return load_settings(
        {key.replace("__", "."): value for key, value in given.items()}, environ={}
    )


def test_a_worker_without_files_is_told_so():
    with pytest.raises(ConfigError, match=r"source\.paths: expected at least one DBN file"):
        file_source(settings(), Hooks())


def test_files_come_before_feeds_and_only_feeds_need_the_client(monkeypatch):
    loaded = []
    monkeypatch.setattr("dataflows.edges.importlib.import_module", loaded.append)
    feeds = {"live.feeds.glbx.symbols": ["ES.FUT"]}
    for given in ({"source.paths": ["a.dbn"]}, {"source.paths": ["a.dbn"], **feeds}):
        load_source(load_settings(given, environ={}))
    assert not loaded
    assert reads_feeds(load_settings(feeds, environ={}))
    load_source(load_settings(feeds, environ={}))
    assert loaded == ["connectors.databento.source"]


def test_a_missing_file_is_named_at_the_start(tmp_path):
    with pytest.raises(FeedError, match=r"none\.dbn"):
        file_source(settings(source__paths=[str(tmp_path / "none.dbn")]), Hooks())


def test_the_feed_is_the_partition(tmp_path):
    (tmp_path / "a.dbn").write_bytes(tape("1 R").tobytes())
    source = file_source(
        settings(source__paths=[str(tmp_path / "a.dbn")], source__feed="other"), Hooks()
    )
    assert source.list_parts() == ["other"]


def test_options_go_with_their_future_and_settings_rule():
    roots = roots_of(settings(flow__shards=3, flow__roots={"ESH4": "X"}))
    assert roots.shards == 3
    assert roots.products["E1A"] == "ES"
    assert roots.assigned == {"ESH4": "X"}


def test_a_broker_that_is_not_there_is_found_out_before_the_engine_starts():
    given = settings(kafka__bootstrap_servers="127.0.0.1:1", kafka__start_timeout_s=0.5)
    with pytest.raises(DeliveryError, match=r"no answer from 127\.0\.0\.1:1 within 0\.5 s"):
        sinks_of(given, STORE, Gate())


def test_sinks_are_those_that_settings_name(tmp_path):
    assert sinks_of(settings(), STORE, Gate()) == {}
    with EmbeddedBroker() as address:
        both = sinks_of(
            settings(kafka__bootstrap_servers=address, source__summary_directory=str(tmp_path)),
            STORE,
            Gate(),
        )
    assert list(both) == ["kafka", "summary"]


def test_workers_push_where_relays_are_named():
    given = settings(push__relays=("127.0.0.1:1",))
    assert list(sinks_of(given, STORE, Gate())) == ["relay"]
    # Somebody hears the pressure stream, and no broker of its own is needed.
    assert heard(given) is given
    assert with_broker(given) is given


def test_alerts_are_a_sink_where_a_policy_is_set(tmp_path):
    assert list(sinks_of(settings(alerts__policy="config/alerts.toml"), STORE, Gate())) == [
        "alerts"
    ]
    with pytest.raises(ConfigError, match=r"alerts\.policy: .*none\.toml cannot be read"):
        sinks_of(settings(alerts__policy=str(tmp_path / "none.toml")), STORE, Gate())


def test_store_and_bars_are_sinks_where_settings_name_them(tmp_path):
    found = sinks_of(
        settings(
            store__url=f"sqlite:///{tmp_path}/ifd.sqlite3", bars__directory=str(tmp_path / "bars")
        ),
        STORE,
        Gate(),
    )
    assert list(found) == ["store", "bars"]
    assert (tmp_path / "ifd.sqlite3").exists()
    found["store"].build_part("store", "000", None).close()


def test_a_database_that_is_not_there_is_found_out_before_the_engine_starts():
    given = settings(
        store__url="postgresql://ifd:hush@127.0.0.1:1/ifd", store__start_timeout_s=0.01
    )
    with pytest.raises(DeliveryError, match=r"store: .*127\.0\.0\.1:1") as refused:
        sinks_of(given, STORE, Gate())
    assert "hush" not in str(refused.value)


def test_pressure_is_made_only_where_somebody_hears_it():
    loud = load_settings({"kafka.bootstrap_servers": "127.0.0.1:9092"})
    assert heard(loud) is loud
    assert loud.pressure.publish
    kept = settings(bars__directory="somewhere")
    assert heard(kept) is kept
    quiet = load_settings({"kafka.bootstrap_servers": ""})
    assert not heard(quiet).pressure.publish
    assert heard(quiet).book.levels_published == 0
    assert heard(quiet).pressure.half_life_s == quiet.pressure.half_life_s


def test_a_worker_without_an_address_has_a_broker_of_its_own():
    given = with_broker(settings())
    assert given.kafka.bootstrap_servers.startswith("127.0.0.1:")
    assert with_broker(given) is given
    for_summary = settings(source__summary_directory="somewhere")
    assert with_broker(for_summary) is for_summary
