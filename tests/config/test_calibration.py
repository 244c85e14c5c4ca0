import json
from dataclasses import replace

import pytest

from config.calibration import CALIBRATION_PATH, load_calibration, table_of
from config.settings import load_settings
from operators.model.calibration import Alarms, Calibration, Steps
from operators.model.errors import ConfigError
from operators.weigh_config import WeighConfig

WEIGHTS = WeighConfig()
TABLE = Calibration(
    version="", flow=Steps((0.0, 1.0), (0.5, 0.75), (0.25, 0.5), (0.75, 1.0)),
    move=Steps((0.0,), (0.4,), (0.3,), (0.5,)), move_horizon_s=60, alarms=(Alarms(0.5, 2.0),),
)  # fmt: skip


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "calibration.json"
    file.write_text(table_of(TABLE, WEIGHTS, {"seeds": "1"}))
    return file


def test_what_was_written_is_read(path):
    found = load_calibration(WEIGHTS, path)
    assert found is not None
    assert len(found.version) == 12
    assert replace(found, version="") == TABLE


def test_for_other_weights_there_is_none(path):
    assert load_calibration(replace(WEIGHTS, bias=-1.0), path) is None


def test_without_a_file_there_is_none(tmp_path):
    assert load_calibration(WEIGHTS, tmp_path / "none.json") is None


def test_a_table_changed_by_hand_is_refused(path):
    table = json.loads(path.read_text())
    table["flow"]["p"][0] = 0.6
    path.write_text(json.dumps(table))
    with pytest.raises(ConfigError, match="not by hand"):
        load_calibration(WEIGHTS, path)


@pytest.mark.parametrize("text", ["[", "[]", "{}", '{"version": "x", "flow": {}}'])
def test_what_is_no_calibration_is_refused(path, text):
    path.write_text(text)
    with pytest.raises(ConfigError, match="calibration"):
        load_calibration(WEIGHTS, path)


def test_the_one_in_force_is_of_the_weights_in_force():
    found = load_calibration(load_settings(environ={}).analyze.weights)
    assert CALIBRATION_PATH.is_file()
    assert found is not None
    assert found.alarms
    assert found.move is not None
