import pytest

from connectors.databento.messages import Notice
from connectors.databento.notices import (
    HEARTBEAT,
    REPLAYED,
    SLOW,
    UNRESOLVED,
    is_limit,
    meaning_of,
    refusal,
    strangeness,
)


def system(code, text):
    return meaning_of(Notice("system", 1, text, code), "glbx")


def error(code, text="no\nway"):
    return meaning_of(Notice("error", 1, text, code), "glbx")


@pytest.mark.parametrize(
    ("code", "text", "name"),
    [
        (0, "Heartbeat", HEARTBEAT),
        (255, "Heartbeat", HEARTBEAT),
        (1, "Subscription request 0 for mbo data succeeded", ""),
        (2, "Warning: slow reading, not keeping pace with mbo data", SLOW),
        (255, "Warning: slow reading, not keeping pace with mbo data", SLOW),
        (3, "Finished mbo replay", REPLAYED),
        (255, "Finished mbo replay", REPLAYED),
        (3, "Finished definition replay", ""),
        (4, "", ""),
        (77, "something new", ""),
    ],
)
def test_system_messages_are_known_by_code_or_in_old_streams_by_text(code, text, name):
    found = system(code, text)
    assert (found.event, found.name) == (None, name)


@pytest.mark.parametrize(
    ("code", "event", "setting"),
    [
        (1, "fatal", "DATABENTO_API_KEY"),
        (2, "fatal", "DATABENTO_API_KEY"),
        (3, "limited", ""),
        (5, "fatal", "live.feeds.glbx"),
        (6, "lost", ""),
        (7, "skipped", ""),
        (8, "aged_out", ""),
        (99, "lost", ""),
        (255, "lost", ""),
    ],
)
def test_every_error_code_has_its_consequence(code, event, setting):
    found = error(code)
    assert found.event == event
    assert setting in found.text
    assert "no way" in found.text


def test_one_unknown_symbol_ends_nothing():
    found = error(4)
    assert (found.event, found.name) == (None, UNRESOLVED)


def test_a_refusal_names_what_to_change():
    assert refusal("glbx", "GLBX.MDP3", "Authentication failed.").startswith("live.key: ")
    said = refusal("glbx", "GLBX.MDP3", "User is not entitled to dataset")
    assert said.startswith("live.feeds.glbx.dataset: GLBX.MDP3")
    assert "live.feeds.glbx.host" in strangeness("glbx", "127.0.0.1", 9, "b'HTTP/1.1'")
    assert is_limit("Connection limit exceeded")
    assert not is_limit("Authentication failed.")
