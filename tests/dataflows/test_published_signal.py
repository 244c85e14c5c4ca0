import io
import json

import pytest

from config.settings import load_settings
from dataflows.published_signal import find
from operators.model.errors import ConfigError, DeliveryError
from sinks.published import Published
from sinks.store import Store

ID = "5ee1d0c2a7b94f3e6a01"


def message(revision=1, change="opened", **more):
    fields = {
        "stream": "signals", "root": "ES", "seq": 6 + revision, "id": ID, "revision": revision,
        "change": change, "ts_event": "17", "params": "p", **more,
    }  # fmt: skip
    return json.dumps(fields).encode()


def settings(**given):
    return load_settings({name.replace("__", "."): value for name, value in given.items()})


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "published.ndjson"
    lines = [message(3, "closed"), message(1), message(2, "updated"), message(1, id="another")]
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def test_a_file_holds_revisions_and_the_newest_with_evidence_is_meant(file):
    found = find(settings(), ID, file=str(file))
    assert [each.number for each in found.revisions] == [1, 2, 3]
    assert found.chosen(None).number == 2
    assert found.chosen(3).seq == 9
    assert found.chosen(1).value == message(1)
    with pytest.raises(ConfigError, match=r"--revision: expected one of 1, 2, 3 .*found 7"):
        found.chosen(7)


def test_standard_input_is_a_file_too(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(message())))
    assert find(settings(), ID, file="-").chosen(None).number == 1


@pytest.mark.parametrize(
    "data", [b"no json", b"[1]", b'{"stream":"signals"}', message(stream="gaps"), b"7"]
)
def test_what_is_no_message_is_one_line(tmp_path, data):
    path = tmp_path / "value.json"
    path.write_bytes(data)
    with pytest.raises(ConfigError, match=r"^--value: .* expected signal messages") as told:
        find(settings(), ID, file=str(path))
    assert "\n" not in str(told.value)
    with pytest.raises(ConfigError, match="No such file"):
        find(settings(), ID, file=str(tmp_path / "none"))


def test_without_a_place_to_look_it_is_said_so(file):
    with pytest.raises(ConfigError, match="nothing says where signals were published"):
        find(settings(), ID)
    with pytest.raises(ConfigError, match="signal beef: not found in file"):
        find(settings(), "beef", file=str(file))


def test_the_store_has_the_bytes_and_the_generation(tmp_path):
    url = f"sqlite:///{tmp_path / 'ifd.sqlite3'}"
    with Store(url) as store:
        store.put(
            [
                Published("old", 1_000, "signals", "ES", 7, 17, 0, message(1)),
                Published("new", 2_000, "signals", "ES", 7, 17, 0, message(1)),
                Published("new", 2_000, "signals", "ES", 8, 17, 0, message(2, "updated")),
            ]
        )
    found = find(settings(store__url=url), ID)
    assert [(each.number, each.generation) for each in found.revisions] == [(1, "new"), (2, "new")]
    assert found.origin == "the store"
    old = find(settings(store__url=url), ID, generation="old")
    assert [each.generation for each in old.revisions] == ["old"]
    with pytest.raises(ConfigError, match="--generation: expected one of old, new"):
        find(settings(store__url=url), ID, generation="none")
    with pytest.raises(ConfigError, match="signal beef: not found in the store"):
        find(settings(store__url=url), "beef")


def test_a_broker_that_is_away_is_one_line():
    given = {"kafka.bootstrap_servers": "127.0.0.1:1", "kafka.start_timeout_s": 0.3}
    with pytest.raises(DeliveryError, match="no answer from 127"):
        find(load_settings(given), ID)
