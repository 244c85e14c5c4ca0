import pytest

from dataflows import heard_tapes
from dataflows.labelled_tapes import Simulated

SHORT = Simulated(seeds=(10_000,), duration_s=40.0)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(heard_tapes, "CACHE", tmp_path / "cache")
    return tmp_path / "cache"


@pytest.mark.slow
def test_what_was_heard_is_kept(cache, monkeypatch):
    done = []
    (first,) = heard_tapes.heard_tapes(SHORT, done.append)
    assert done == [1]
    assert len(list(cache.iterdir())) == 2  # the tape, and the sessions before it
    monkeypatch.setattr(heard_tapes, "hear", None)
    (again,) = heard_tapes.heard_tapes(SHORT, done.append)
    assert (again.name, again.events, again.heard.seen) == (
        first.name,
        first.events,
        first.heard.seen,
    )
    assert first.heard.facts.sessions["ES"] >= 5


def test_a_name_holds_the_code_and_the_settings(monkeypatch):
    name = heard_tapes.sources_version()
    assert name != heard_tapes.sources_version(with_outcomes=True)
    monkeypatch.setenv("IFD_ANALYZE__WEIGHTS__BIAS", "-2.5")
    assert name == heard_tapes.sources_version()
    monkeypatch.setenv("IFD_DETECT__QUALITY_MIN", "0.7")
    assert name != heard_tapes.sources_version()


def test_only_steps_after_detection_are_left_out():
    names = {path.name for path in heard_tapes._sources()}
    assert {"slicing.py", "sweep.py", "baseline.py", "book_kernel.py", "markets.py"} <= names
    assert not {"weigh.py", "weigh_config.py", "analyze.py", "signal_book.py"} & names
