"""What the OpenAPI document promises is kept, whatever is sent: generated, valid and invalid."""

import os

import pytest
import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.engine import events, from_schema

from sinks.relay.api.config import HttpConfig
from sinks.relay.api.queries import CURSOR, INSTANT
from sinks.relay.api.store_history import StoreHistory
from sinks.relay.config import RelayConfig
from sinks.store import Store
from tests.sinks.relay.api.world import World, filled

# What a schema cannot say: a cursor is one that a page gave, an instant one that exists.
CURSORS = st.just("1710338410123456789_ES_10")
INSTANTS = st.sampled_from(["2024-03-13", "2024-03-13T14:00:00Z", "1710338410123456789"])
schemathesis.openapi.format(CURSOR, CURSORS)
schemathesis.openapi.format(INSTANT, INSTANTS)

TOKEN = "a-token-of-this-test"
EXAMPLES = {"fast": 5, "ci": 5, "deep": 200}[os.environ.get("IFD_HYPOTHESIS", "ci")]
# A target of any length, since 414 is no answer to an invalid parameter.
ANY_LENGTH = HttpConfig(burst=1_000_000, rate_per_s=1e6, target_bytes_max=10_000_000)


def run(world, token, **parts):
    """Requests made and promises broken: examples, boundaries, chance, and what links suggest."""
    headers = {"Host": "localhost"} | ({"Authorization": f"Bearer {token}"} if token else {})
    app = world.app(ANY_LENGTH, RelayConfig(tokens={"test": token} if token else {}), **parts)
    schema = schemathesis.openapi.from_asgi("/openapi.json", app, headers=headers)
    schema.config.update(headers=headers)
    schema.config.generation.update(
        modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE],
        max_examples=EXAMPLES,
        deterministic=True,
        database="none",
    )
    requests, broken = 0, []
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            broken.append(str(getattr(event, "info", event)))
        if isinstance(event, events.ScenarioFinished):
            requests += len(event.recorder.interactions)
            broken += failures(event.recorder)
    return requests, broken


def failures(recorder):
    for case_id, checks in recorder.checks.items():
        for check in checks:
            case = recorder.cases[case_id].value
            # Not ready is what an empty relay is; a cursor belongs to one question of one store.
            is_expected = (check.name == "not_a_server_error" and case.path == "/readyz") or (
                check.name == "positive_data_acceptance" and "cursor" in (case.query or {})
            )
            if check.failure_info is not None and not is_expected:
                found = check.failure_info
                yield f"{check.name}: {found.failure}\n{found.code_sample[:500]}"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("world", "token"),
    [(filled, ""), (World, ""), (filled, TOKEN)],
    ids=["with data", "empty", "with tokens"],
)
def test_every_promise_of_the_document_is_kept(world, token):
    requests, broken = run(world(), token)
    assert requests > 200
    assert not broken, f"{len(broken)} broken\n" + "\n\n".join(broken[:5])


@pytest.mark.slow
def test_every_promise_is_kept_over_a_real_store(tmp_path):
    world = filled()
    url = f"sqlite:///{tmp_path}/ifd.sqlite3"
    with Store(url) as store:
        store.put(world.store.rows)
    history = StoreHistory(url, timeout_s=10.0)
    requests, broken = run(world, "", history=history)
    history.close()
    assert requests > 200
    assert not broken, f"{len(broken)} broken\n" + "\n\n".join(broken[:5])
