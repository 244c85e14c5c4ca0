import pytest

from connectors.databento.header import header_bytes
from connectors.tape.config import TapeConfig
from connectors.tape.tape import Tape
from connectors.tape.walk_kernel import whole_bytes
from tests.flows import ifd, market, summary

DAY_NS = 86_400 * 10**9


@pytest.mark.slow
def test_the_replay_of_a_tape_has_the_digest_of_its_records(tmp_path):
    data = market(tmp_path / "market.dbn", duration_s=60.0).read_bytes()
    expected = summary(tmp_path / "market.dbn", "--feed", "sim")
    tape = Tape(TapeConfig(directory=str(tmp_path / "tape")), "sim")
    tape.open()
    at = header_bytes(data)
    for part in range(4):
        tape.rotate_if_due((1 + part) * DAY_NS)
        size, _ = whole_bytes(memoryview(data)[at : len(data) if part == 3 else at + 400_000])
        tape.append(memoryview(data)[at : at + size])
        at += size
    assert at == len(data)
    assert tape.wait_idle()
    tape.close()
    found = summary(tmp_path / "tape")
    assert found["signals"] == expected["signals"]
    assert found["executions"] == expected["executions"]
    assert found["records"] == expected["records"]
    refused = ifd("replay", tmp_path / "tape" / "sim" / "none")
    assert refused.returncode == 2
