"""Settings, plan, account and errors of history."""

import os
from threading import Thread

import pytest
import requests.exceptions
from databento.common.error import BentoClientError, BentoError, BentoServerError

from connectors.databento.history_config import HistoryConfig
from connectors.databento.history_errors import RETRY_AFTER_S_MAX, HistoryError, broken, trouble
from connectors.databento.history_ledger import DAYS_KEPT, Ledger
from connectors.databento.history_plan import (
    DAY_NS,
    HistorySymbols,
    Request,
    Window,
    covered,
    windows,
)
from connectors.databento.history_plan import (
    requests as requests_of,
)
from operators.model.records import NS_PER_S
from tests.historicals import MIDNIGHT

HOUR_NS = 3_600 * NS_PER_S
ALL = ("definition", "status", "statistics", "mbo")


def symbols(**options):
    return HistorySymbols("glbx", "GLBX.MDP3", {"parent": ("ES.FUT",)}, **options)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"gateway": "http://hist"}, "gateway must begin with https://, was 'http://hist'"),
        ({"directory": ""}, "directory must be a folder"),
        ({"cost_max_usd": -1.0}, "cost_max_usd must be at least 0, was -1.0"),
        ({"cost_max_usd": float("nan")}, "cost_max_usd must be at least 0"),
        ({"delay_s": -1.0}, "delay_s must be at least 0"),
        ({"window_s": 0.0}, "window_s must be more than 0, was 0.0"),
        ({"timeout_s": float("inf")}, "timeout_s must be more than 0"),
        ({"attempts_max": 0}, "attempts_max must be at least 1, was 0"),
        ({"backoff_first_ms": 0}, "backoff_first_ms must be 1 to backoff_most_ms"),
        ({"backoff_most_ms": 10}, "backoff_first_ms must be 1 to backoff_most_ms"),
        ({"free_bytes_min": -1}, "free_bytes_min must be at least 0"),
    ],
)
def test_a_config_refuses_nonsense(change, text):
    with pytest.raises(ValueError, match=text):
        HistoryConfig(**change)


def test_nothing_may_cost_anything_unless_it_was_allowed():
    assert HistoryConfig().cost_max_usd == 0.0


def test_history_covers_what_is_older_than_the_licence_delay():
    config = HistoryConfig(delay_s=1_200.0)
    now = MIDNIGHT + HOUR_NS
    assert covered(config, MIDNIGHT, now) == (MIDNIGHT, now - 1_200 * NS_PER_S)
    assert covered(config, now - 1_200 * NS_PER_S, now) is None
    assert covered(config, now, now) is None


def test_symbols_go_out_in_requests_of_a_bearable_size():
    names = tuple(f"S{n}" for n in range(4_500))
    asked = HistorySymbols("f", "D", {"raw_symbol": names, "parent": ("ES.FUT",)})
    found = requests_of(asked)
    assert [(each.stype, len(each.symbols)) for each in found] == [
        ("raw_symbol", 2_000),
        ("raw_symbol", 2_000),
        ("raw_symbol", 500),
        ("parent", 1),
    ]
    assert found[-1] == Request("parent", ("ES.FUT",))


@pytest.mark.parametrize(
    ("given", "text"),
    [({"schemas": ("trades",)}, "schemas must be of"), ({"schemas": ()}, "schemas must be of")],
)
def test_symbols_refuse_nonsense(given, text):
    with pytest.raises(ValueError, match=text):
        symbols(**given)
    with pytest.raises(ValueError, match="symbols must name at least 1"):
        HistorySymbols("f", "D", {"parent": ()})


def test_windows_join_without_gap_and_break_at_midnight():
    start, stop = MIDNIGHT - HOUR_NS - 7, MIDNIGHT + 2 * HOUR_NS + 5
    ahead, *found = windows(symbols(), start, stop, HOUR_NS)
    assert ahead == Window(MIDNIGHT - DAY_NS, start, ("definition",))
    edges = [start, MIDNIGHT - HOUR_NS, MIDNIGHT, MIDNIGHT + HOUR_NS, MIDNIGHT + 2 * HOUR_NS, stop]
    assert found == [Window(*span, ALL) for span in zip(edges, edges[1:], strict=False)]


def test_windows_of_any_length_break_at_midnight():
    found = list(windows(symbols(), MIDNIGHT, MIDNIGHT + 2 * DAY_NS, 7 * HOUR_NS))
    assert [w.stop_ns - w.start_ns for w in found] == [7 * HOUR_NS] * 3 + [3 * HOUR_NS] + [
        7 * HOUR_NS
    ] * 3 + [3 * HOUR_NS]
    (one,) = windows(symbols(), MIDNIGHT, MIDNIGHT + DAY_NS, 99 * DAY_NS)
    assert one == Window(MIDNIGHT, MIDNIGHT + DAY_NS, ALL)


def test_without_definitions_nothing_stands_ahead():
    (only,) = windows(symbols(schemas=("mbo",)), MIDNIGHT + 5, MIDNIGHT + 9, HOUR_NS)
    assert only == Window(MIDNIGHT + 5, MIDNIGHT + 9, ("mbo",))
    assert not list(windows(symbols(), MIDNIGHT + 5, MIDNIGHT + 5, HOUR_NS))


def test_the_account_adds_up_by_day_and_refuses_what_is_too_much(tmp_path):
    ledger = Ledger(tmp_path / "new")
    assert ledger.spent_usd(MIDNIGHT) == 0.0
    assert ledger.spend(MIDNIGHT, 1.5, 2.0)
    assert not ledger.spend(MIDNIGHT + HOUR_NS, 1.0, 2.0)
    assert Ledger(tmp_path / "new").spent_usd(MIDNIGHT + DAY_NS - 1) == 1.5
    assert ledger.spend(MIDNIGHT + DAY_NS, 1.0, 2.0)
    assert ledger.spent_usd(MIDNIGHT) == 1.5


def test_several_at_once_do_not_spend_the_same_money(tmp_path):
    taken = []

    def spend() -> None:
        for _ in range(20):
            taken.append(Ledger(tmp_path).spend(MIDNIGHT, 1.0, 50.0))

    spenders = [Thread(target=spend) for _ in range(4)]
    for each in spenders:
        each.start()
    for each in spenders:
        each.join()
    assert sum(taken) == 50
    assert Ledger(tmp_path).spent_usd(MIDNIGHT) == 50.0


def test_the_account_is_bounded(tmp_path):
    ledger = Ledger(tmp_path)
    for day in range(DAYS_KEPT + 5):
        ledger.spend(MIDNIGHT + day * DAY_NS, 1.0, 2.0)
    assert ledger.spent_usd(MIDNIGHT) == 0.0
    assert ledger.spent_usd(MIDNIGHT + DAYS_KEPT * DAY_NS) == 1.0


@pytest.mark.parametrize("content", ["nonsense", "[]", '{"2026-04-07": "much"}', "null", "\xff"])
def test_an_account_that_cannot_be_read_allows_nothing(tmp_path, content):
    (tmp_path / "costs.json").write_text(content, "latin-1")
    with pytest.raises(HistoryError, match="mend or remove the file") as caught:
        Ledger(tmp_path).spend(MIDNIGHT, 1.0, 2.0)
    assert caught.value.is_final


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_that_may_not_be_written_allows_nothing(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(HistoryError, match=r"set history\.directory"):
        Ledger(tmp_path / "new").spent_usd(MIDNIGHT)


def answer(status, case="x", headers=None, payload=None):
    kind = BentoClientError if status < 500 else BentoServerError
    detail = {"case": case, "message": "Said so.", "docs": "", "payload": payload}
    return kind(status, json_body={"detail": detail}, message=str(detail), headers=headers)


@pytest.mark.parametrize(
    ("error", "retry", "final", "part"),
    [
        (answer(401), False, True, "DATABENTO_API_KEY"),
        (answer(402), False, True, "payment"),
        (answer(403), False, True, "plan"),
        (answer(422), False, True, "symbols of the feed"),
        (answer(422, "data_end_after_available_end"), False, False, "history.delay_s"),
        (answer(408), True, False, "408"),
        (answer(429), True, False, "429"),
        (answer(500), True, False, "500"),
        (answer(504), True, False, "504"),
        (BentoError("Error streaming response: x"), True, False, "connection broke"),
        (requests.exceptions.ConnectionError("refused"), True, False, "refused"),
        (requests.exceptions.ReadTimeout("slow"), True, False, "slow"),
        (requests.exceptions.SSLError("verify failed"), False, True, "REQUESTS_CA_BUNDLE"),
        (ValueError("bad\nparameter"), False, True, "bad parameter"),
    ],
)
def test_every_error_has_its_consequence(error, retry, final, part):
    found = trouble(error, "https://hist")
    assert (found.retry, found.is_final) == (retry, final)
    assert part in found.text
    assert "\n" not in str(found.error())
    assert str(found.error()).startswith("history: ")


def test_the_service_may_ask_for_a_pause_within_bounds():
    assert trouble(answer(429, headers={"Retry-After": "7"}), "g").after_s == 7.0
    assert trouble(answer(429, headers={"Retry-After": "99999"}), "g").after_s == RETRY_AFTER_S_MAX
    for nonsense in ("-1", "soon", "1e99", "9" * 50):
        assert trouble(answer(503, headers={"Retry-After": nonsense}), "g").after_s is None


def test_the_licences_reach_is_named_where_the_service_says_it():
    payload = {"available_end": "2026-04-06T13:30:00Z"}
    found = trouble(answer(422, "data_end_after_available_end", payload=payload), "g")
    assert "which reaches to 2026-04-06T13:30:00Z" in found.text
    for body in (None, {"detail": "text"}, {"detail": {"case": 5, "payload": "x"}}):
        assert trouble(BentoClientError(422, json_body=body), "g").is_final


def test_texts_are_of_bounded_length():
    assert len(broken("x" * 10_000, "https://g").text) < 400
