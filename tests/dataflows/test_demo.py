import io
from dataclasses import replace

import pytest

from dataflows import demo
from dataflows.baseline_file import load_baseline
from dataflows.progress import stages
from simulator.simulation import SimulationConfig


@pytest.fixture
def small(monkeypatch):
    """Three sessions of ten seconds."""
    real = demo.simulation

    def short(seed: int) -> SimulationConfig:
        return replace(real(seed), instruments=2, roots=("ES", "NQ"), resting_orders=200)

    monkeypatch.setattr(demo, "simulation", short)
    monkeypatch.setattr(demo, "SESSIONS", 3)
    for name in ("SESSION_S", "LIVE_S", "_WARM_UP_S"):
        monkeypatch.setattr(demo, name, 10.0)
    monkeypatch.setattr(demo, "simulation", lambda seed: replace(short(seed), duration_s=10.0))


def told(folder, cold: bool, monkeypatch) -> tuple[str, demo.Prepared]:
    monkeypatch.setattr(demo, "is_cold", lambda: cold)
    out = io.StringIO()
    with stages(out) as shown:
        prepared = demo.prepare(folder, 3, shown)
    return out.getvalue(), prepared


@pytest.mark.parametrize("cold", [False, True])
def test_a_baseline_and_a_tape_are_made_and_told(tmp_path, small, monkeypatch, cold):
    text, prepared = told(tmp_path, cold, monkeypatch)
    assert ("compiling kernels (once" in text) == cold
    assert "simulating 3 sessions: done in" in text
    assert "learning what is normal: done in" in text
    assert prepared.records > 500
    assert prepared.tape.stat().st_size > 10_000
    history = load_baseline(prepared.baseline)
    assert set(history.roots) <= {"ES", "NQ"}
    assert len(set(history.cells["session"].tolist())) == 3


def test_the_live_market_is_the_next_session_of_the_same_market_with_institutions():
    before, today = demo.simulation(4), demo.live(4)
    assert today.institutions
    assert not before.institutions
    assert today.start_ns > before.start_ns
    for name in ("records_per_s", "resting_orders", "instruments", "roots"):
        assert getattr(before, name) == getattr(today, name)
