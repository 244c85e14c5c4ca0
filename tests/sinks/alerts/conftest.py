"""A certificate authority for the servers of these tests."""

import pytest

from tests.sinks.alerts.servers import Authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """An authority of these tests."""
    return Authority(tmp_path_factory.mktemp("authority"))
