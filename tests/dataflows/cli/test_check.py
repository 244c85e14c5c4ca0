import json

import pytest

from config.settings import known_keys
from dataflows.cli.main import main


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    """No variables and no .env of the machine."""
    import os

    for name in list(os.environ):
        if name.startswith("IFD_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_every_key_is_shown_with_value_and_origin(capsys, monkeypatch):
    monkeypatch.setenv("IFD_FLOW__SHARDS", "7")
    assert main(["check"]) == 0
    shown = capsys.readouterr()
    assert not shown.err
    lines = {line.split()[0]: line for line in shown.out.splitlines() if "." in line.split(" ")[0]}
    feeds = {name for name in lines if name.startswith("live.feeds.glbx.")}
    assert set(lines) - feeds == {".".join(path) for path in known_keys()} - {"live.feeds"}
    assert lines["live.feeds.glbx.port"].split()[1:] == ["13000", "config/development.toml"]
    assert lines["flow.shards"].split() == ["flow.shards", "7", "IFD_FLOW__SHARDS"]
    assert lines["recovery.partitions"].split()[1:] == ["4", "default"]
    assert "profile development" in shown.out


def test_json_is_one_object(capsys, monkeypatch):
    monkeypatch.setenv("IFD_PROFILE", "production")
    assert main(["check", "--json", "recovery"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["profile"] == "production"
    assert len(document["params"]) == 12
    assert set(document["settings"]) == {
        ".".join(path) for path in known_keys() if path[0] == "recovery"
    }
    assert document["settings"]["recovery.directory"] == {
        "value": "state/recovery",
        "origin": "config/production.toml",
    }


def test_the_first_wrong_key_is_named(capsys, monkeypatch):
    monkeypatch.setenv("IFD_FLOOW__SHARDS", "7")
    assert main(["check"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "ifd: IFD_FLOOW__SHARDS: no such setting; did you mean IFD_FLOW__SHARDS?\n"


def test_an_unknown_section_is_refused(capsys):
    assert main(["check", "floow"]) == 2
    assert "no section floow; the sections are source, live, history" in capsys.readouterr().err
