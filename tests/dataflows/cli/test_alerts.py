import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from dataflows.cli.main import main
from sinks.alerts.journal import SqliteJournal, record_of
from tests.sinks.alerts.notices import intent
from tests.sinks.alerts.servers import HttpServer
from tests.sinks.alerts.signals import receiver


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    """No variables and no .env of the machine."""
    for name in list(os.environ):
        if name.startswith("IFD_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def policy(monkeypatch, text):
    Path("policy.toml").write_text(text)
    monkeypatch.setenv("IFD_ALERTS__POLICY", "policy.toml")


def test_check_shows_receivers_and_routes(monkeypatch, capsys):
    policy(
        monkeypatch, receiver() + '[route]\nreceivers = ["desk"]\n[[route.routes]]\nreceivers=[]'
    )
    assert main(["alerts", "check"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown == [
        "receiver desk: webhook, at most 30 an hour",
        "route .: desk",
        "route .0: nobody",
        "policy.toml is usable: 1 receivers",
    ]


def test_without_a_policy_or_with_a_bad_one_it_says_so_in_one_line(monkeypatch, capsys):
    assert main(["alerts", "check"]) == 2
    assert "alerts.policy: expected a file, found none" in capsys.readouterr().err
    policy(monkeypatch, "recievers = 1")
    assert main(["alerts", "check"]) == 2
    expected = "ifd: policy.toml: recievers: no such key; did you mean receivers?\n"
    assert capsys.readouterr().err == expected


def test_a_test_message_reaches_the_receiver(monkeypatch, capsys):
    with HttpServer() as server:
        text = '[receivers.desk.webhook]\nurl_secret = "hook"\n'
        policy(monkeypatch, text)
        monkeypatch.setenv("IFD_ALERTS__SECRETS__HOOK", f"{server.url}/a-secret-path")
        assert main(["alerts", "test", "desk"]) == 0
        server.answers[0] = 403
        assert main(["alerts", "test", "desk"]) == 2
        assert main(["alerts", "test", "dsk"]) == 2
    shown = capsys.readouterr()
    assert shown.out == "desk: the webhook server took the test message\n"
    assert "answered 403" in shown.err
    assert "no receiver 'dsk'; there are desk" in shown.err
    assert "a-secret-path" not in shown.out + shown.err
    assert json.loads(server.requests[0].body)["title"].startswith("TEST ES BUY 5000.25")


def test_the_log_shows_what_became_of_each(capsys):
    assert main(["alerts", "log"]) == 0
    assert "no alert has been decided yet" in capsys.readouterr().out
    journal = SqliteJournal(Path("state/alerts.sqlite3"))
    a, b = (record_of(intent(name), "email", 1) for name in "ab")
    journal.add([a, b])
    journal.update(replace(b, state="dead", error="550 no", possible_repeat=True))
    assert main(["alerts", "log"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == 2
    assert "dead     desk" in shown[0]
    assert shown[0].endswith(f"{b.id} possible repeat: 550 no")
    assert main(["alerts", "log", "--state", "queued", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["payload"]["id"] == a.id
    assert main(["alerts", "log", "--state", "lost"]) == 2
    journal.close()
