import asyncio
from typing import Final

import pytest

from tests.sinks.relay.autobahn import python27, run

CASES: Final = 247
FAILED: Final = {"7.1.5"}
"""Closed with 1002 instead of 1000 inside a fragmented message: known of the library."""
INFORMATIONAL: Final = {"7.1.6", "7.13.1", "7.13.2"}
NON_STRICT: Final = {
    # Text that is no UTF-8 is refused at the end of its message, not at its first wrong byte.
    *("6.4.1", "6.4.2", "6.4.3", "6.4.4"),
    # Whether the echo of what came before a wrong frame gets out first is chance.
    *("3.2", "3.3", "3.4", "4.1.3", "4.1.4", "4.1.5", "4.2.3", "4.2.4", "4.2.5", "5.15"),
}


@pytest.mark.servers
@pytest.mark.skipif(python27() is None, reason="Autobahn's suite needs Python 2.7")
def test_the_server_conforms():
    python = python27()
    assert python is not None
    found = asyncio.run(run(python))
    assert len(found) == CASES
    by_behavior = {
        behavior: {case for case, one in found.items() if one == behavior}
        for behavior in set(found.values())
    }
    assert by_behavior.pop("FAILED") == FAILED
    assert by_behavior.pop("INFORMATIONAL") == INFORMATIONAL
    assert by_behavior.pop("NON-STRICT", set()) <= NON_STRICT
    assert list(by_behavior) == ["OK"]
