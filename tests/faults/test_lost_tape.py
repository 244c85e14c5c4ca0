"""A tape that no longer holds what a snapshot stands on is an error, never a silent loss."""

import shutil
from datetime import timedelta

import pytest
from bytewax.errors import BytewaxRuntimeError
from bytewax.recovery import RecoveryConfig, init_db_dir

from connectors.tape.checkpoint import FILE_NAME
from dataflows.process import user_error
from operators.model.errors import StateError
from tests.flows import market
from tests.gateways import running_gateway
from tests.live import has_records, live_settings, run_live, segments

RECORDS = 2_000


def cut_short(folder):
    """Its last file lost its second half, as does the note of what was on the disk."""
    last = segments(folder)[-1]
    with last.open("r+b") as file:
        file.truncate(last.stat().st_size // 2)
    (last.parent / FILE_NAME).unlink()


def begun_anew(folder):
    shutil.rmtree(segments(folder)[-1].parent)


@pytest.mark.parametrize(
    ("damage", "said"), [(cut_short, "found its end at"), (begun_anew, "found the tape")]
)
def test_it_is_said_before_anything_is_read(tmp_path, damage, said):
    store = tmp_path / "store"
    store.mkdir()
    init_db_dir(store, 1)
    recovery = RecoveryConfig(str(store), timedelta(0))
    with running_gateway([market(tmp_path / "market.dbn", duration_s=20.0)]) as gateway:
        settings = live_settings(tmp_path, gateway.host, gateway.port, gateway.key)
        settings_of_both = {"recovery": recovery, "life": "one"}
        run_live(tmp_path / "run", settings, has_records(RECORDS), **settings_of_both)
        damage(tmp_path)
        with pytest.raises(BytewaxRuntimeError) as caught:
            run_live(tmp_path / "run", settings, has_records(2 * RECORDS), **settings_of_both)
    error = user_error(caught.value)
    assert isinstance(error, StateError)
    assert said in str(error)
