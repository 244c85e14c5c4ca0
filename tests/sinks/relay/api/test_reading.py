import asyncio
from threading import Event

import pytest

from operators.model.errors import StateError
from sinks.relay.api.config import HttpConfig
from sinks.relay.api.problems import Problem
from sinks.relay.api.reading import Reading


class Stuck:
    """A store whose query waits until it is let go."""

    def __init__(self):
        self.go = Event()
        self.started = 0

    def query(self):
        self.started += 1
        assert self.go.wait(30)
        return 7


def config(**parts):
    return HttpConfig(**({"store_threads": 2, "store_waiting_max": 3} | parts))


def reads(reading, count):
    """Results of `count` reads at once, problems included."""

    async def run():
        tasks = [reading.read(lambda store: store.query()) for _ in range(count)]
        return await asyncio.gather(*tasks, return_exceptions=True)

    return asyncio.run(run())


def test_what_the_query_returns_comes_back():
    reading = Reading("store", config())
    assert asyncio.run(reading.read(str.upper)) == "STORE"
    assert (reading.counters.done, reading.counters.waiting, reading.fault) == (1, 0, "")
    reading.close()


def test_without_a_store_it_is_unavailable():
    reading = Reading(None, config())
    (error,) = reads(reading, 1)
    assert isinstance(error, Problem)
    assert (error.status, error.kind) == (503, "store-absent")
    assert int(error.headers["Retry-After"]) > 0


def test_a_stuck_store_keeps_a_bounded_number_of_threads_and_of_clients():
    stuck = Stuck()
    reading = Reading(stuck, config(store_timeout_s=0.05))
    errors = reads(reading, 100)
    assert {error.status for error in errors} == {503}
    assert all("Retry-After" in error.headers for error in errors)
    kinds = [error.kind for error in errors]
    assert (kinds.count("store-slow"), kinds.count("store-busy")) == (5, 95)
    assert stuck.started == 2
    assert reading.counters.waiting == 0
    assert "0.05 s" in reading.fault
    stuck.go.set()
    assert reads(reading, 1) == [7]
    assert reading.fault == ""
    reading.close()


def test_an_error_of_the_store_is_told_without_its_text():
    reading = Reading("store", config())

    def query(_store):
        raise StateError("postgresql://user:secret@host is gone")

    with pytest.raises(Problem) as caught:
        asyncio.run(reading.read(query))
    assert caught.value.status == 503
    assert "secret" not in str(caught.value)
    assert reading.counters.failed == 1
    reading.close()


def test_a_problem_that_the_query_raises_is_its_answer():
    reading = Reading("store", config())

    def query(_store):
        raise Problem(404, "not-found", "no such signal")

    with pytest.raises(Problem, match="no such signal"):
        asyncio.run(reading.read(query))
    reading.close()


@pytest.mark.parametrize(
    ("name", "value"), [("store_threads", 0), ("store_timeout_s", float("nan")), ("burst", 0)]
)
def test_nonsense_is_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} must be at least"):
        HttpConfig(**{name: value})
