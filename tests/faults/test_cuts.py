"""A feed that is cut at any byte gives what an uncut one gives: no record lost, none twice."""

import os
import random
import sys
from pathlib import Path

import pytest

from tests.faults.proxy import Way, running_proxy
from tests.flows import market, summary
from tests.gateways import running_gateway
from tests.live import has_records, live_settings, run_live, tape_of

CUTS = int(os.environ.get("IFD_SOAK_CUTS", "20"))
DURATION_S = 60.0 if CUTS <= 20 else 24.0 * CUTS
"""Of the market: about 200 records a second, so that 500 cuts come in two million records."""
KINDS = ("rst", "fin", "half_open", "refuse")


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return market(tmp_path_factory.mktemp("market") / "market.dbn", duration_s=DURATION_S)


@pytest.fixture(scope="module")
def expected(tape: Path) -> dict:
    """Of the tape itself, read as a file."""
    return summary(tape, "--feed", "glbx", "--shards", "4")


def test_a_live_run_equals_a_replay_of_the_file_and_of_its_tape(tape, expected, tmp_path):
    with running_gateway([tape]) as gateway:
        settings = live_settings(tmp_path, gateway.host, gateway.port, gateway.key)
        ran = run_live(tmp_path / "run", settings, has_records(expected["records"]))
    assert ran.records == expected["records"]
    assert ran.digest == expected["signals"]["digest"]
    again = summary(tape_of(tmp_path), "--feed", "glbx", "--shards", "4")
    assert again["signals"] == expected["signals"]


def cut_run(tape, tmp_path, expected, way, **given):
    """A run through a proxy, cut so often; how it went, after all that must hold of it."""
    with (
        running_gateway([tape]) as gateway,
        running_proxy(gateway.host, gateway.port, way) as proxy,
    ):
        settings = live_settings(tmp_path, proxy.host, proxy.port, gateway.key, **given)
        ran = run_live(tmp_path / "run", settings, has_records(expected["records"]))
    cuts = sum(each.kind != "none" for each in proxy.connections)
    sys.stdout.write(
        f"{cuts} cuts, {ran.reconnects} of them in a session; {ran.records:,} records, "
        f"{ran.repeated:,} repetitions left out\n"
    )
    assert cuts == CUTS
    assert ran.records == expected["records"]
    assert ran.summary["quality"] == expected["quality"]
    assert ran.digest == expected["signals"]["digest"]
    again = summary(tape_of(tmp_path), "--feed", "glbx", "--shards", "4")
    assert again["signals"] == expected["signals"]
    return ran


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_cuts_at_random_bytes_lose_and_repeat_nothing(tape, expected, tmp_path, seed):
    chance = random.Random(seed)
    size = tape.stat().st_size

    def way(number: int) -> Way:
        if number >= CUTS:
            return Way()
        # So that the market lasts longer than the cuts; some come before the session begins, or
        # inside its header.
        after = chance.expovariate(1.5 * CUTS / size)
        return Way(chance.choice(KINDS), int(after), chance.choice((1_000, 65_536)))

    ran = cut_run(tape, tmp_path, expected, way)
    assert ran.repeated > 0
    assert ran.summary["streams"]["gaps"] == 0
