import pytest

from connectors.databento.history_config import HistoryConfig
from connectors.databento.history_cost import check_cap, estimate_usd, joined
from connectors.databento.history_errors import HistoryError
from connectors.databento.history_ledger import Ledger
from connectors.databento.history_plan import HistorySymbols
from operators.model.records import NS_PER_S
from tests.historicals import DATASET, KEY, START, archive_of, market, running_historical

NOW = START + 30 * 86_400 * NS_PER_S
SYMBOLS = HistorySymbols("glbx", DATASET, {"parent": ("ES.FUT", "NQ.FUT")}, ("mbo",))


def test_the_service_names_the_cost_of_all_and_nothing_is_downloaded(monkeypatch, tmp_path):
    rows = market(500)
    middle = int(rows["ts_recv"][250])
    stop = int(rows["ts_recv"][-1]) + 1
    with running_historical(archive_of(rows), NOW, monkeypatch) as server:
        config = HistoryConfig(gateway=server.address, directory=str(tmp_path))
        whole = estimate_usd(config, SYMBOLS, [(START, stop)], key=KEY)
        parts = estimate_usd(config, SYMBOLS, [(middle, stop), (START, middle)], key=KEY)
        assert {asked.endpoint for asked in server.log} == {"get_cost"}
        assert len(server.log) == 2
    assert whole == parts == pytest.approx(500 * 56 / 2**30 * 2)


def test_more_than_the_day_bears_is_refused_in_one_line(tmp_path):
    config = HistoryConfig(directory=str(tmp_path), cost_max_usd=5.0)
    check_cap(config, 5.0, NOW)
    assert Ledger(tmp_path).spend(NOW, 2.0, 5.0)
    check_cap(config, 3.0, NOW)
    check_cap(config, 5.0, NOW + 86_400 * NS_PER_S)
    with pytest.raises(HistoryError, match=r"found 4\.00 USD to pay after 2\.00 USD") as told:
        check_cap(config, 4.0, NOW)
    assert "\n" not in str(told.value)
    assert "--cost-max" in str(told.value)


def test_spans_that_meet_are_one():
    assert joined([(5, 7), (0, 3), (3, 5), (9, 10)]) == [(0, 7), (9, 10)]
    assert joined([]) == []
